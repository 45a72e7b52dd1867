/* assoc_inside.h: what an association is, for assoc.cc, request.cc and message.cc. Private to room
 * dcm. */
#ifndef YQ_DCM_ASSOC_INSIDE_H
#define YQ_DCM_ASSOC_INSIDE_H

#include <deque>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "yq/assoc.h"
#include "yq/clock.h"
#include "yq/file.h"
}
#include "transport.h"

#include "dcmtk/dcmnet/assoc.h"

struct yq_assoc {
    yq_assoc(int take_fd, const yq_channel &take, const yq_assoc_limits &given)
        : limits(given), wire(take_fd, take, given)
    {
        command.most = limits.command_most ? limits.command_most : 65536;
    }
    ~yq_assoc();
    yq_assoc(const yq_assoc &) = delete;
    yq_assoc &operator=(const yq_assoc &) = delete;

    yq_assoc_limits limits;
    T_ASC_Parameters *params = nullptr;
    DUL_ASSOCIATIONKEY *dul = nullptr;
    bool requestor = false;
    bool open = false;       /* accepted, and neither released nor aborted */
    yq_associate peer = {};  /* what the other side said ... */
    yq_associate asked = {}; /* ... and, when we asked, what we proposed */
    std::vector<yq_context> contexts;
    std::string called, calling, address, implementation;
    size_t pdu_size = YQ_PDU_SIZE; /* the longest the peer takes */

    /* incoming messages */
    yq_buf command = {};            /* of a command set that is not whole yet */
    unsigned command_context = 0;   /* its context; 0: none begun */
    std::deque<yq_message> waiting; /* met by yq_assoc_cancelled, not yet asked for */
    unsigned dataset_context = 0;   /* of a dataset that is still to be read; 0: none */
    bool release_asked = false;     /* by the peer, not yet answered */
    bool cancelled = false;         /* message cancelled_id was */
    unsigned cancelled_id = 0;

    unsigned last_id = 0;
    std::vector<uint8_t> chunk; /* for files being sent */

    yq_wire wire; /* last: once it owns the socket, no other member may fail to be made */
};

/* Runs `body`, which returns bool; a C++ exception becomes an error. */
template <typename Body> static bool yq_guarded(struct yq_err *err, Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return yq_fail(err, YQ_FULL, "dcm", "no memory");
    } catch (const std::exception &e) {
        return yq_fail(err, YQ_BUG, "dcm", "%s", e.what());
    } catch (...) {
        return yq_fail(err, YQ_BUG, "dcm", "an unknown exception");
    }
}

/* What the wire says went wrong; what DUL says otherwise. Returns false. */
bool yq_assoc_failed(yq_assoc *assoc, const OFCondition &cond, struct yq_err *err);
/* Associations are made with these. */
bool yq_assoc_prepare(yq_assoc *assoc, struct yq_err *err);

#endif
