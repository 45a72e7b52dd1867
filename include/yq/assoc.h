/* assoc.h: associations and DIMSE messages, both sides. PS3.8 (upper layer), PS3.7 (messages); room
 * dcm.
 *
 * An association belongs to one thread. Every wait has a time-out; a peer that stalls costs its own
 * thread only. Sending puts a message into as few writes as its PDUs allow. DCMTK's DUL does the
 * upper layer, over a transport of ours: see dcm/transport.cc. */
#ifndef YQ_ASSOC_H
#define YQ_ASSOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/channel.h"
#include "yq/err.h"
#include "yq/model.h"
#include "yq/pace.h"

struct yq_assoc;

#define YQ_PDU_SIZE 131072

struct yq_context { /* a presentation context */
    unsigned id;    /* odd, 1..255 */
    char abstract_syntax[YQ_UID_SIZE];
    /* Transfer syntaxes, in the requestor's order; owned by the association. */
    char (*proposed)[YQ_UID_SIZE];
    size_t proposed_count;
    bool peer_scp; /* the requestor also offers the SCP role (C-GET) */
    bool accepted;
    bool syntaxes_refused; /* not accepted: for its transfer syntaxes, not for its class */
    char accepted_syntax[YQ_UID_SIZE]; /* one of those proposed; DCMTK need not know it */
};

/* ---- accepting ---- */

struct yq_assoc_limits {
    int idle_seconds;    /* nothing between two messages */
    int stall_seconds;   /* nothing within a message, or while sending */
    size_t command_most; /* bytes of a command set */
};

/* Takes over a connected socket whose first PDU was read already: `first` is that whole
 * A-ASSOCIATE-RQ. `take_fd` and the channel over it (NULL: plain) are consumed, success or not.
 * Errors: YQ_BAD_INPUT (not understood; the peer was told A-ABORT or A-ASSOCIATE-RJ). */
yq_must_check bool yq_assoc_receive(int take_fd, const struct yq_channel *take, const void *first,
                                    size_t length, const struct yq_assoc_limits *limits,
                                    struct yq_assoc **out, struct yq_err *err);
/* The other end of a socket, numeric; "" when there is none. */
void yq_assoc_address_of(int fd, char *address, size_t size);

/* AE titles without what no AE title may hold (PS3.5 6.2), so that they can go into log lines. */
const char *yq_assoc_calling(const struct yq_assoc *assoc);
const char *yq_assoc_called(const struct yq_assoc *assoc);
const char *yq_assoc_address(const struct yq_assoc *assoc); /* numeric */
const char *yq_assoc_peer_implementation(const struct yq_assoc *assoc);
/* To be decided upon, before accept. */
size_t yq_assoc_contexts(struct yq_assoc *assoc, struct yq_context **contexts);
/* Extended negotiation of a Q/R class (PS3.4 C.5): the requested bytes, at most `room` of them, 0:
 * none; and what we answer. */
size_t yq_assoc_extended(const struct yq_assoc *assoc, const char *sop_class, uint8_t *info,
                         size_t room);
void yq_assoc_extended_accept(struct yq_assoc *assoc, const char *sop_class, const uint8_t *info,
                              size_t length);

/* Who the requestor says it is (PS3.7 D.3.3.7). */
struct yq_identity {
    unsigned type; /* 1 name, 2 name and passcode, 3 Kerberos, 4 SAML, 5 JWT; 0: it does not say */
    bool answer_asked; /* it wants to be told that it was believed */
    char name[64];     /* of types 1 and 2, UTF-8; "": none, or longer than any of ours */
    char passcode[256];
    size_t passcode_length; /* 0: none, or longer than that */
};
/* Valid until the association is accepted, refused or freed; then it is wiped out. */
const struct yq_identity *yq_assoc_identity(const struct yq_assoc *assoc);
/* Has the answer, when it was asked for, say so. Types 1 and 2. */
void yq_assoc_believe(struct yq_assoc *assoc);

/* How fast it may go from now on, in both directions; NULL: as fast as it goes. */
void yq_assoc_pace(struct yq_assoc *assoc, struct yq_pace *pace);

/* Sends A-ASSOCIATE-AC with what the contexts say now (accepted, accepted_syntax; roles as
 * proposed). */
yq_must_check bool yq_assoc_accept(struct yq_assoc *assoc, struct yq_err *err);
/* Sends A-ASSOCIATE-RJ: result 1 permanent, 2 transient; source; reason (PS3.8 9.3.4). The
 * association is then only good for free. */
void yq_assoc_reject(struct yq_assoc *assoc, unsigned result, unsigned source, unsigned reason);
/* The 10 bytes of such a PDU, for a socket without an association. */
void yq_assoc_reject_pdu(uint8_t pdu[10], unsigned result, unsigned source, unsigned reason);

/* ---- requesting ---- */

struct yq_proposal { /* one presentation context to ask for */
    const char *abstract_syntax;
    const char *const *syntaxes;
    size_t syntax_count;
    bool scp_role; /* we want to be SCP of it (C-GET) */
};
struct yq_call {
    const char *host;
    unsigned port;
    const char *called, *calling;        /* AE titles */
    const struct yq_proposal *proposals; /* at most 128 */
    size_t proposal_count;
    bool relational; /* ask for relational queries for the Q/R classes among them */
    int connect_seconds;
    struct yq_assoc_limits limits;
    /* Makes the channel over the socket just connected, within `seconds`; NULL: plain. */
    bool (*secure)(void *with, int fd, int seconds, const struct yq_stop *stop,
                   struct yq_channel *out, struct yq_err *err);
    void *secure_with;
    struct yq_pace *pace;        /* see yq_assoc_pace */
    const char *user, *passcode; /* who we are (PS3.7 D.3.3.7); NULL or "": not said, none */
    const struct yq_stop *stop;  /* NULL: never; lives as long as the association */
};
/* Errors: YQ_PEER_GONE (no connection), YQ_REFUSED (rejected: the text says why in plain words),
 * YQ_TIMEOUT, YQ_BAD_INPUT. */
yq_must_check bool yq_assoc_request(const struct yq_call *call, struct yq_assoc **out,
                                    struct yq_err *err);

/* ---- messages ---- */

enum yq_command { /* PS3.7 E.1: command field */
                  YQ_C_STORE_RQ = 0x0001,
                  YQ_C_STORE_RSP = 0x8001,
                  YQ_C_GET_RQ = 0x0010,
                  YQ_C_GET_RSP = 0x8010,
                  YQ_C_FIND_RQ = 0x0020,
                  YQ_C_FIND_RSP = 0x8020,
                  YQ_C_MOVE_RQ = 0x0021,
                  YQ_C_MOVE_RSP = 0x8021,
                  YQ_C_ECHO_RQ = 0x0030,
                  YQ_C_ECHO_RSP = 0x8030,
                  YQ_N_EVENT_REPORT_RQ = 0x0100,
                  YQ_N_EVENT_REPORT_RSP = 0x8100,
                  YQ_N_ACTION_RQ = 0x0130,
                  YQ_N_ACTION_RSP = 0x8130,
                  YQ_C_CANCEL_RQ = 0x0fff,
};

struct yq_message {   /* a command set; what a command does not use is 0 or "" */
    unsigned context; /* presentation context id */
    unsigned command; /* command field, as received */
    unsigned id;      /* Message ID, or Message ID Being Responded To */
    char sop_class[YQ_UID_SIZE];
    char sop_instance[YQ_UID_SIZE];
    bool requested; /* N-: class and instance travel as Requested SOP ... UID */
    unsigned priority, status;
    bool has_dataset;
    char move_destination[YQ_AET_SIZE];
    char move_originator[YQ_AET_SIZE];
    unsigned move_originator_id;
    unsigned type_id; /* Action Type ID or Event Type ID */
    bool has_counts;
    unsigned remaining, completed, failed, warning; /* sub-operations */
    char comment[65];                               /* Error Comment */
    uint32_t offending;                             /* tag, 0: none */
};

enum yq_incoming { YQ_GOT_MESSAGE, YQ_GOT_RELEASE, YQ_GOT_ABORT, YQ_GOT_NOTHING };

/* Waits for the next command set (limits.idle_seconds). What remains of an unread dataset is read
 * and thrown away first. GOT_NOTHING: error, see err (YQ_TIMEOUT, YQ_BAD_INPUT, YQ_PEER_GONE). A
 * release is answered by it. */
enum yq_incoming yq_assoc_next(struct yq_assoc *assoc, struct yq_message *out, struct yq_err *err);
/* The dataset of the message just received, piece by piece; *got 0 at its end. */
yq_must_check bool yq_assoc_read(struct yq_assoc *assoc, const void **bytes, size_t *got,
                                 struct yq_err *err);
/* The same, whole, at most `most` bytes (YQ_FULL). */
yq_must_check bool yq_assoc_read_all(struct yq_assoc *assoc, size_t most, struct yq_buf *out,
                                     struct yq_err *err);
/* True when a C-CANCEL-RQ for message `id` is there; never waits. Other messages that turn up
 * meanwhile are kept for next. */
bool yq_assoc_cancelled(struct yq_assoc *assoc, unsigned id);

/* Sends a command set with an optional dataset (already in the context's transfer syntax).
 * message->has_dataset does not matter here or below: what is sent says whether its length is 0. */
yq_must_check bool yq_assoc_send(struct yq_assoc *assoc, const struct yq_message *message,
                                 const void *dataset, size_t length, struct yq_err *err);
/* Sends a command set with a dataset from a file. */
yq_must_check bool yq_assoc_send_file(struct yq_assoc *assoc, const struct yq_message *message,
                                      int fd, uint64_t offset, uint64_t length, struct yq_err *err);

/* The accepted context for a class and syntax ("": any), we being the SCU of it; NULL when there is
 * none. */
const struct yq_context *yq_assoc_context_for(const struct yq_assoc *assoc, const char *sop_class,
                                              const char *syntax);
const struct yq_context *yq_assoc_context(const struct yq_assoc *assoc, unsigned id);
unsigned yq_assoc_new_id(struct yq_assoc *assoc); /* the next message id */

/* Ends politely; waits for the answer at most stall_seconds. */
void yq_assoc_release(struct yq_assoc *assoc);
void yq_assoc_abort(struct yq_assoc *assoc);
/* From another thread: makes every wait of the association end soon, for stopping the node. */
void yq_assoc_interrupt(struct yq_assoc *assoc);
void yq_assoc_free(struct yq_assoc *assoc); /* aborts first when it is still open */

/* ---- codec of command sets (implicit VR little endian, PS3.7 6.3) ---- */

/* Part of this face for tests and fuzzing. */
void yq_command_encode(const struct yq_message *message, struct yq_buf *out);
yq_must_check bool yq_command_decode(const void *bytes, size_t length, struct yq_message *out,
                                     struct yq_err *err);

#endif
