/* request.cc: asking a peer for an association. PS3.8 7.1, 9.3.2 to 9.3.4; PS3.7 D.3.3.
 *
 * Finds the host, connects to each of its addresses in turn within the time given, proposes, and
 * says in plain words why it did not work, so that the one who set up the peer knows what to change
 * there. Looking up a name takes as long as the machine's resolver lets it. Any thread. */
#include "assoc_inside.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

extern "C" {
#include "yq/clock.h"
}

static const int ANSWER_SECONDS = 30;

/* ---- connecting ---- */

/* Connects one address until `until_ms`; 0, or the errno. */
static int connect_one(const struct yq_call *call, const struct addrinfo *address, int64_t until_ms,
                       int *out)
{
    static const int64_t LOOK_MS = 200;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    if (fd < 0)
        return errno;
    int reason = connect(fd, address->ai_addr, address->ai_addrlen) ? errno : 0;
    while (reason == EINPROGRESS || reason == EINTR) {
        int64_t left = until_ms - yq_monotonic_ms();
        struct pollfd poll_fd = {fd, POLLOUT, 0};
        bool looks = call->stop && left > LOOK_MS;
        int ready = left <= 0 ? 0 : poll(&poll_fd, 1, int(looks ? LOOK_MS : left));
        if (call->stop && call->stop->wanted(call->stop->context)) {
            reason = ECANCELED;
        } else if (ready == 0) {
            reason = looks ? EINPROGRESS : ETIMEDOUT;
        } else if (ready > 0) {
            socklen_t length = sizeof reason;
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &length))
                reason = errno;
        } else if (errno != EINTR) {
            reason = errno;
        }
    }
    if (reason) {
        yq_close(&fd);
        return reason;
    }
    *out = fd;
    return 0;
}

static bool say_why_not(const struct yq_call *call, int reason, int seconds, struct yq_err *err)
{
    if (reason == ETIMEDOUT)
        return yq_fail(err, YQ_TIMEOUT, "dcm",
                       "no connection to %s:%u within %d s: check the address and firewalls",
                       call->host, call->port, seconds);
    if (reason == ECONNREFUSED)
        return yq_fail(err, YQ_PEER_GONE, "dcm", "connection refused: nothing listens on %s:%u",
                       call->host, call->port);
    return yq_fail(err, YQ_PEER_GONE, "dcm", "no connection to %s:%u: %s", call->host, call->port,
                   strerror(reason));
}

static int connect_seconds(const struct yq_call *call)
{
    return call->connect_seconds > 0 ? call->connect_seconds : 10;
}

static bool connect_peer(const struct yq_call *call, int *out, struct yq_err *err)
{
    int seconds = connect_seconds(call);
    struct addrinfo hints = {}, *found = nullptr;
    char port[12];
    if (!call->port || call->port > 65535)
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "%u is no port", call->port);
    snprintf(port, sizeof port, "%u", call->port);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    int looked = getaddrinfo(call->host, port, &hints, &found);
    if (looked == EAI_NONAME ||
        looked == EAI_FAMILY) { /* loopback only counts as no network for AI_ADDRCONFIG */
        hints.ai_flags = AI_NUMERICSERV;
        looked = getaddrinfo(call->host, port, &hints, &found);
    }
    if (looked)
        return yq_fail(err, YQ_PEER_GONE, "dcm", "cannot find host %s: %s", call->host,
                       gai_strerror(looked));
    int64_t until = yq_monotonic_ms() + int64_t(seconds) * 1000;
    int reason = EHOSTUNREACH;
    for (const struct addrinfo *a = found; a && reason; a = a->ai_next)
        reason = connect_one(call, a, until, out);
    freeaddrinfo(found);
    return !reason || say_why_not(call, reason, seconds, err);
}

/* ---- proposing ---- */

static bool is_query_retrieve(const char *sop_class)
{
    static const char *const classes[] = {
        YQ_SOP_FIND_PATIENT,       YQ_SOP_MOVE_PATIENT,       YQ_SOP_GET_PATIENT,
        YQ_SOP_FIND_STUDY,         YQ_SOP_MOVE_STUDY,         YQ_SOP_GET_STUDY,
        YQ_SOP_FIND_PATIENT_STUDY, YQ_SOP_MOVE_PATIENT_STUDY, YQ_SOP_GET_PATIENT_STUDY,
    };
    for (const char *uid : classes)
        if (!strcmp(uid, sop_class))
            return true;
    return false;
}

static void ask_relational(T_ASC_Parameters *params, const char *sop_class)
{
    auto *&list = params->DULparams.requestedExtNegList;
    if (!list)
        list = new SOPClassExtendedNegotiationSubItemList;
    for (const auto *other : *list)
        if (other->sopClassUID == sop_class)
            return;
    std::unique_ptr<SOPClassExtendedNegotiationSubItem> item(
        new SOPClassExtendedNegotiationSubItem);
    item->sopClassUID = sop_class;
    item->serviceClassAppInfo = new unsigned char[1]{1};
    item->serviceClassAppInfoLength = 1;
    list->push_back(item.release());
}

static bool propose_one(yq_assoc *assoc, const struct yq_proposal *proposal, yq_associate *asked,
                        struct yq_err *err)
{
    std::vector<const char *> syntaxes;
    yq_associate_context *context = &asked->contexts[asked->context_count++];
    *context = {};
    context->id = unsigned(2 * asked->context_count - 1);
    context->first = asked->syntax_count;
    context->role = context->scp = proposal->scp_role;
    if (!yq_copy(context->abstract_syntax, YQ_UID_SIZE, proposal->abstract_syntax) ||
        !yq_uid_valid(context->abstract_syntax))
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "a SOP class to propose is no UID");
    for (size_t i = 0; i < proposal->syntax_count && i < YQ_SYNTAXES_MOST; i++) {
        if (!yq_uid_valid(proposal->syntaxes[i]))
            return yq_fail(err, YQ_BAD_INPUT, "dcm", "a transfer syntax to propose is no UID");
        if (!yq_associate_add_syntax(asked, proposal->syntaxes[i]))
            return yq_fail(err, YQ_FULL, "dcm", "no memory");
        syntaxes.push_back(proposal->syntaxes[i]);
    }
    if (syntaxes.empty())
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "a SOP class is proposed without transfer syntax");
    OFCondition cond =
        ASC_addPresentationContext(assoc->params, T_ASC_PresentationContextID(context->id),
                                   proposal->abstract_syntax, syntaxes.data(), int(syntaxes.size()),
                                   proposal->scp_role ? ASC_SC_ROLE_SCP : ASC_SC_ROLE_DEFAULT);
    return cond.good() || yq_fail(err, YQ_BUG, "dcm", "%s", cond.text());
}

static bool propose(yq_assoc *assoc, const struct yq_call *call, yq_associate *asked,
                    struct yq_err *err)
{
    T_ASC_Parameters *params = assoc->params;
    size_t called = strlen(call->called), calling = strlen(call->calling);
    if (!called || called > 16 || !calling || calling > 16)
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "an AE title has 1 to 16 characters");
    if (!call->proposal_count || call->proposal_count > YQ_CONTEXTS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "1 to 128 SOP classes can be proposed, not %zu",
                       call->proposal_count);
    ASC_setAPTitles(params, call->calling, call->called, nullptr);
    for (size_t i = 0; i < call->proposal_count; i++) {
        if (!propose_one(assoc, &call->proposals[i], asked, err))
            return false;
        if (call->relational && is_query_retrieve(call->proposals[i].abstract_syntax))
            ask_relational(params, call->proposals[i].abstract_syntax);
    }
    if (call->user && *call->user) {
        bool alone = !call->passcode || !*call->passcode;
        OFCondition cond =
            alone ? ASC_setIdentRQUserOnly(params, call->user, OFFalse)
                  : ASC_setIdentRQUserPassword(params, call->user, call->passcode, OFFalse);
        if (cond.bad())
            return yq_fail(err, YQ_FULL, "dcm", "the user identity cannot be sent");
    }
    DUL_ASSOCIATESERVICEPARAMETERS *dul = &params->DULparams;
    dul->maxPDU = YQ_PDU_SIZE;
    yq_copy(dul->callingImplementationClassUID, sizeof dul->callingImplementationClassUID,
            params->ourImplementationClassUID);
    yq_copy(dul->callingImplementationVersionName, sizeof dul->callingImplementationVersionName,
            params->ourImplementationVersionName);
    return true;
}

/* ---- the answer ---- */

static const char *reason_in_words(unsigned source, unsigned reason)
{
    switch (source << 8 | reason) {
    case 0x101: return "the peer gives no reason";
    case 0x102: return "application context not supported";
    case 0x103: return "calling AE title not recognized";
    case 0x107: return "called AE title not recognized";
    case 0x201: return "the peer's association service gives no reason";
    case 0x202: return "protocol version not supported";
    case 0x301: return "temporary congestion";
    case 0x302: return "the peer's limit of associations is reached";
    default: return "for a reason the standard does not know";
    }
}

static bool say_rejected(const struct yq_call *call, const uint8_t *rejection, struct yq_err *err)
{
    unsigned result = rejection[0], source = rejection[1], reason = rejection[2];
    const char *words = reason_in_words(source, reason);
    char hint[80] = "";
    if (source == 1 && reason == 3)
        snprintf(hint, sizeof hint, " \xe2\x80\x94 the peer must add %.16s", call->calling);
    else if (source == 1 && reason == 7)
        snprintf(hint, sizeof hint, " \xe2\x80\x94 the peer does not answer to %.16s",
                 call->called);
    return yq_fail(err, YQ_REFUSED, "dcm", "rejected%s: %s%s (result %u, source %u, reason %u)",
                   result == 2 ? " for now" : "", words, hint, result, source, reason);
}

/* From the first byte to the last of the answer; whoever waits for a C-MOVE behind this waits too.
 */
static int answer_seconds(const struct yq_call *call)
{
    int stall = call->limits.stall_seconds > 0 ? call->limits.stall_seconds : 60;
    return stall < ANSWER_SECONDS ? stall : ANSWER_SECONDS;
}

static bool say_failed(yq_assoc *assoc, const struct yq_call *call, const OFCondition &cond,
                       struct yq_err *err)
{
    if (assoc->wire.rejected)
        return say_rejected(call, assoc->wire.rejection, err);
    if (assoc->wire.aborted)
        return yq_fail(err, YQ_REFUSED, "dcm", "the peer aborted instead of answering");
    if (assoc->wire.failed && assoc->wire.failure.code == YQ_TIMEOUT)
        return yq_fail(err, YQ_TIMEOUT, "dcm",
                       "connected, but the association request was not answered: no answer within "
                       "%d s",
                       answer_seconds(call));
    return yq_assoc_failed(assoc, cond, err);
}

/* What the peer accepted, beside what was proposed to it. */
static void show_answer(yq_assoc *assoc, yq_associate *asked)
{
    assoc->contexts.resize(asked->context_count);
    for (size_t i = 0; i < asked->context_count; i++) {
        yq_context *context = &assoc->contexts[i];
        const yq_associate_context *proposed = &asked->contexts[i];
        *context = {};
        context->id = proposed->id;
        yq_copy(context->abstract_syntax, YQ_UID_SIZE, proposed->abstract_syntax);
        context->proposed_count = proposed->count;
        context->proposed = asked->syntaxes + proposed->first;
        context->peer_scp = proposed->scp;
        for (size_t k = 0; k < assoc->peer.context_count; k++) {
            const yq_associate_context *answered = &assoc->peer.contexts[k];
            if (answered->id != proposed->id)
                continue;
            context->accepted = answered->result == 0;
            context->syntaxes_refused = answered->result == 4;
            if (context->accepted)
                yq_copy(context->accepted_syntax, YQ_UID_SIZE,
                        assoc->peer.syntaxes[answered->first]);
        }
    }
}

static bool request(yq_assoc *assoc, const struct yq_call *call, struct yq_err *err)
{
    assoc->requestor = true;
    assoc->called = call->called;
    assoc->calling = call->calling;
    assoc->address = call->host;
    if (!yq_assoc_prepare(assoc, err) || !propose(assoc, call, &assoc->asked, err))
        return false;
    assoc->wire.asked = &assoc->asked;
    assoc->wire.answer = &assoc->peer;
    assoc->wire.deadline_ms = yq_monotonic_ms() + int64_t(answer_seconds(call)) * 1000;
    OFCondition cond = yq_wire_request(&assoc->wire, &assoc->params->DULparams, &assoc->dul);
    assoc->wire.deadline_ms = 0;
    assoc->wire.asked = nullptr;
    if (cond.bad() || assoc->wire.failed) {
        say_failed(assoc, call, cond, err);
        assoc->wire.abort(0, 0);
        return false;
    }
    assoc->pdu_size = assoc->peer.max_pdu;
    assoc->implementation = assoc->peer.implementation_name[0] ? assoc->peer.implementation_name
                                                               : assoc->peer.implementation_uid;
    show_answer(assoc, &assoc->asked);
    assoc->wire.pace = call->pace;
    assoc->wire.phase = WIRE_OPEN;
    assoc->open = true;
    return true;
}

bool yq_assoc_request(const struct yq_call *call, struct yq_assoc **out, struct yq_err *err)
{
    int fd = -1;
    yq_assoc *assoc = nullptr;
    yq_channel channel = {nullptr, nullptr};
    *out = nullptr;
    if (!yq_guarded(err, [&] { return connect_peer(call, &fd, err); }))
        return false;
    if (call->secure &&
        !call->secure(call->secure_with, fd, connect_seconds(call), call->stop, &channel, err)) {
        yq_close(&fd);
        return false;
    }
    bool made = yq_guarded(err, [&] {
        assoc = new yq_assoc(fd, channel, call->limits);
        assoc->wire.stop = call->stop;
        return request(assoc, call, err);
    });
    if (!assoc && channel.ways)
        channel.ways->free(channel.of);
    if (!assoc)
        yq_close(&fd);
    if (made)
        *out = assoc;
    else
        yq_assoc_free(assoc);
    return made;
}
