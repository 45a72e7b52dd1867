/* transport.h: the wire under DUL. Private to room dcm. PS3.8 9.1.4, 9.3.
 *
 * A yq_wire owns the socket and outlives what DUL does with its connection object. No read or write
 * waits longer than its limit. The first thing that goes wrong is kept in `failure`; after that
 * every call fails. One thread uses it; interrupt() alone may come from another. */
#ifndef YQ_DCM_TRANSPORT_H
#define YQ_DCM_TRANSPORT_H

#include <atomic>
#include <memory>
#include <mutex>
#include <sys/types.h>
#include <sys/uio.h>

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmnet/dul.h"

#include "associate.h"

enum yq_wire_phase { WIRE_NEGOTIATING, WIRE_OPEN, WIRE_RELEASING };

struct yq_wire {
    /* `channel` (owned from here on) carries the bytes when they do not go plainly. */
    yq_wire(int take_fd, const yq_channel &take, const yq_assoc_limits &limits);
    ~yq_wire();
    yq_wire(const yq_wire &) = delete;
    yq_wire &operator=(const yq_wire &) = delete;

    /* For DUL, through its connection object. */
    ssize_t read(void *bytes, size_t room);
    ssize_t write(const void *bytes, size_t length);
    bool available(int seconds);

    /* Gives DUL these bytes before anything from the socket. */
    void feed(const yq_buf &pdu);
    /* Reads what is there without waiting; true when the next read by DUL of a PDV or PDU will not
     * wait. */
    bool look();
    /* Between cork and uncork, writes are held and leave together. */
    void cork() { corked = true; }
    bool uncork();
    /* Sends a PDU past DUL, at once or not at all. */
    void say(const void *pdu, size_t length);
    /* A-ABORT (PS3.8 9.3.8), unless one was sent or came, or the socket is no longer good for it.
     */
    void abort(unsigned source, unsigned reason);
    /* Gives the peer a moment to read what was sent last, then closes. */
    void close();
    void interrupt();
    bool fail(enum yq_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

    yq_pace *pace = nullptr; /* how fast it may go; NULL: as fast as it goes */
    yq_wire_phase phase = WIRE_NEGOTIATING;
    bool idle = false;       /* the next PDU may be idle_seconds away, not stall_seconds */
    int64_t deadline_ms = 0; /* monotonic; 0: none but the limits */
    const yq_stop *stop = nullptr;
    bool failed = false;
    yq_err failure = {};
    bool aborted = false;      /* the peer sent A-ABORT */
    bool rejected = false;     /* the peer sent A-ASSOCIATE-RJ with these */
    uint8_t rejection[3] = {}; /* result, source, reason */
    /* while waiting for an A-ASSOCIATE-AC: what was proposed, and where the answer goes */
    const yq_associate *asked = nullptr;
    yq_associate *answer = nullptr;

  private:
    bool next_unit();
    bool next_pdu();
    bool next_pdv();
    bool take_small(unsigned type);
    bool take_answer(size_t length);
    bool skip(size_t length);
    void give_fragment();
    bool violation(unsigned reason, const char *what);
    bool need(size_t count, bool may_idle);
    bool fill(bool may_idle);
    bool wait_within_message(const char *late);
    bool fail_ended();
    ssize_t receive(void *bytes, size_t room);
    bool is_stopped();
    bool wait(short events, int seconds, const char *late);
    void count(yq_pace_way way, size_t bytes);
    void rest(yq_pace_way way);
    bool flush();
    bool send_all(iovec *parts, int count);
    ssize_t send_some(const iovec *parts, int count);
    ssize_t channel_result(ssize_t got);
    bool broken() const { return failed; }
    size_t buffered() const { return in_to - in_from; }

    int fd;
    yq_channel channel;
    short wants = 0; /* what the channel waits for, where that is not what we do; 0: nothing */
    std::unique_ptr<uint8_t[]> record; /* heads and the data behind them, as one TLS record */
    std::mutex closing; /* fd is closed, and shut down from another thread, under it */
    std::atomic<bool> interrupted{false};
    int idle_seconds, stall_seconds;
    int64_t resume_ms[2] = {}; /* monotonic: no byte before that, in each direction */

    std::unique_ptr<uint8_t[]> in; /* read from the socket, not yet used */
    size_t in_from = 0, in_to = 0;
    size_t pace_bytes = 0;   /* of a message, since the last PACE_BYTES of it ... */
    int64_t pace_waited = 0; /* ... and the milliseconds spent waiting for them */
    bool ended = false;      /* nothing more will come: end_reason says why (errno, 0: closed) */
    int end_reason = 0;

    yq_buf given = {}; /* heads and whole PDUs for DUL */
    size_t given_from = 0;
    size_t body_left = 0; /* of the fragment given to DUL */
    size_t pdu_left = 0;  /* of the P-DATA-TF PDU, after the current PDV */
    size_t pdv_left = 0;  /* of the PDV, after the current fragment */
    bool pdv_open = false;
    uint8_t pdv_context = 0, pdv_flags = 0;

    yq_buf held = {};    /* written, not yet sent */
    size_t out_left = 0; /* of the PDU being written by DUL */
    bool corked = false, out_vital = false, abort_said = false;
};

/* Room for one P-DATA-TF PDU with one PDV of the largest size DUL takes. */
#define YQ_FRAGMENT_MOST (YQ_PDU_SIZE - 6u)

/* Hands the wire to DUL as an accepted connection (its PDU must have been fed) or as one that
 * connected. */
OFCondition yq_wire_accept(yq_wire *wire, DUL_ASSOCIATESERVICEPARAMETERS *params,
                           DUL_ASSOCIATIONKEY **out);
OFCondition yq_wire_request(yq_wire *wire, DUL_ASSOCIATESERVICEPARAMETERS *params,
                            DUL_ASSOCIATIONKEY **out);

#endif
