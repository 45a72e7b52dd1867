/* assoc.cc: associations: being asked for one, accepting, refusing, ending. PS3.8 chapters 7 and 9,
 * PS3.7 annex D.
 *
 * The first PDU is parsed by associate.c; DUL gets what was understood of it. Roles are accepted as
 * proposed, asynchronous operations are not taken up (silence means no, PS3.7 D.3.3.3). An
 * association belongs to one thread; yq_assoc_interrupt alone may come from another. */
#include "assoc_inside.h"

#include <cstring>
#include <netdb.h>
#include <sys/socket.h>

yq_assoc::~yq_assoc()
{
    if (open)
        wire.abort(0, 0);
    if (dul)
        (void)DUL_DropAssociation(&dul);
    if (params)
        (void)ASC_destroyAssociationParameters(&params);
    yq_associate_fini(&peer);
    yq_associate_fini(&asked);
    yq_buf_fini(&command);
}

bool yq_assoc_failed(yq_assoc *assoc, const OFCondition &cond, struct yq_err *err)
{
    if (assoc->wire.aborted)
        return yq_fail(err, YQ_PEER_GONE, "dcm", "the peer aborted the association");
    if (assoc->wire.failed) {
        *err = assoc->wire.failure;
        return false;
    }
    return yq_fail(err, YQ_PEER_GONE, "dcm", "the association failed: %s", cond.text());
}

bool yq_assoc_prepare(yq_assoc *assoc, struct yq_err *err)
{
    if (ASC_createAssociationParameters(&assoc->params, YQ_PDU_SIZE).bad())
        return yq_fail(err, YQ_FULL, "dcm", "no memory");
    T_ASC_Parameters *params = assoc->params;
    yq_copy(params->ourImplementationClassUID, sizeof params->ourImplementationClassUID,
            YQ_IMPLEMENTATION_UID);
    yq_copy(params->ourImplementationVersionName, sizeof params->ourImplementationVersionName,
            YQ_IMPLEMENTATION_NAME);
    return true;
}

/* ---- being asked ---- */

void yq_assoc_address_of(int fd, char *address, size_t size)
{
    struct sockaddr_storage from = {};
    socklen_t length = sizeof from;
    char text[NI_MAXHOST] = "";
    if (getpeername(fd, reinterpret_cast<struct sockaddr *>(&from), &length) ||
        (from.ss_family != AF_INET && from.ss_family != AF_INET6) ||
        getnameinfo(reinterpret_cast<struct sockaddr *>(&from), length, text, sizeof text, nullptr,
                    0, NI_NUMERICHOST))
        text[0] = '\0';
    /* an IPv4 peer of a listener on both: written as people know it */
    yq_copy(address, size, strncmp(text, "::ffff:", 7) ? text : text + 7);
}

/* Without leading blanks, and without what no AE title may have (PS3.5 6.2) and log lines must not.
 */
static std::string plain_title(const char *title)
{
    std::string plain = title + strspn(title, " ");
    for (char &c : plain)
        if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' || c == 0x7f)
            c = '?';
    return plain;
}

static void show_contexts(yq_assoc *assoc)
{
    yq_associate *peer = &assoc->peer;
    assoc->contexts.resize(peer->context_count);
    for (size_t i = 0; i < peer->context_count; i++) {
        yq_context *context = &assoc->contexts[i];
        *context = {};
        context->id = peer->contexts[i].id;
        yq_copy(context->abstract_syntax, YQ_UID_SIZE, peer->contexts[i].abstract_syntax);
        context->proposed = peer->syntaxes ? peer->syntaxes + peer->contexts[i].first : nullptr;
        context->proposed_count = peer->contexts[i].count;
        context->peer_scp = peer->contexts[i].role && peer->contexts[i].scp;
    }
}

static void remember_peer(yq_assoc *assoc)
{
    yq_associate *peer = &assoc->peer;
    if (!peer->max_pdu || peer->max_pdu > YQ_PDU_SIZE)
        peer->max_pdu = YQ_PDU_SIZE;
    peer->max_pdu &= ~1u; /* fragments have even lengths (PS3.8 annex E.1) */
    assoc->pdu_size = peer->max_pdu;
    assoc->called = plain_title(peer->called);
    assoc->calling = plain_title(peer->calling);
    assoc->implementation =
        peer->implementation_name[0] ? peer->implementation_name : peer->implementation_uid;
    show_contexts(assoc);
}

static bool receive(yq_assoc *assoc, const void *first, size_t length, struct yq_err *err)
{
    struct yq_refusal refusal = {};
    if (!yq_associate_parse(first, length, nullptr, &assoc->peer, &refusal, err)) {
        if (refusal.reject)
            yq_assoc_reject(assoc, refusal.result, refusal.source, refusal.reason);
        else
            assoc->wire.abort(refusal.source, refusal.reason);
        return false;
    }
    remember_peer(assoc);
    if (!yq_assoc_prepare(assoc, err))
        return false;
    struct yq_buf plain = {};
    yq_associate_encode(&assoc->peer, &plain);
    if (!plain.failed)
        assoc->wire.feed(plain);
    yq_buf_fini(&plain);
    OFCondition cond = yq_wire_accept(&assoc->wire, &assoc->params->DULparams, &assoc->dul);
    if (cond.good())
        return true;
    assoc->wire.abort(2, 0);
    return yq_assoc_failed(assoc, cond, err);
}

bool yq_assoc_receive(int take_fd, const struct yq_channel *take, const void *first, size_t length,
                      const struct yq_assoc_limits *limits, struct yq_assoc **out,
                      struct yq_err *err)
{
    yq_assoc *assoc = nullptr;
    yq_channel channel = take ? *take : yq_channel{nullptr, nullptr};
    *out = nullptr;
    bool made = yq_guarded(err, [&] {
        char address[NI_MAXHOST];
        yq_assoc_address_of(take_fd, address, sizeof address);
        assoc = new yq_assoc(take_fd, channel, *limits);
        assoc->address = address;
        return receive(assoc, first, length, err);
    });
    if (!assoc && channel.ways)
        channel.ways->free(channel.of);
    if (!assoc)
        yq_close(&take_fd);
    if (made)
        *out = assoc;
    else
        yq_assoc_free(assoc);
    return made;
}

const char *yq_assoc_calling(const struct yq_assoc *assoc) { return assoc->calling.c_str(); }
const char *yq_assoc_called(const struct yq_assoc *assoc) { return assoc->called.c_str(); }
const char *yq_assoc_address(const struct yq_assoc *assoc) { return assoc->address.c_str(); }
const char *yq_assoc_peer_implementation(const struct yq_assoc *assoc)
{
    return assoc->implementation.c_str();
}

const struct yq_identity *yq_assoc_identity(const struct yq_assoc *assoc)
{
    return &assoc->peer.identity;
}

void yq_assoc_believe(struct yq_assoc *assoc)
{
    struct yq_err err;
    if (!assoc->params || !assoc->peer.identity.answer_asked || assoc->peer.identity.type > 2)
        return;
    /* without memory it is simply not told */
    (void)yq_guarded(&err, [&] {
        delete assoc->params->DULparams.ackUserIdentNeg;
        assoc->params->DULparams.ackUserIdentNeg = new UserIdentityNegotiationSubItemAC;
        return true;
    });
}

void yq_assoc_pace(struct yq_assoc *assoc, struct yq_pace *pace) { assoc->wire.pace = pace; }

size_t yq_assoc_contexts(struct yq_assoc *assoc, struct yq_context **contexts)
{
    *contexts = assoc->contexts.data();
    return assoc->contexts.size();
}

size_t yq_assoc_extended(const struct yq_assoc *assoc, const char *sop_class, uint8_t *info,
                         size_t room)
{
    const yq_associate *peer = &assoc->peer;
    for (size_t i = 0; i < peer->context_count; i++) {
        const yq_associate_context *context = &peer->contexts[i];
        if (!context->info_length || strcmp(context->abstract_syntax, sop_class))
            continue;
        size_t length = context->info_length < room ? context->info_length : room;
        memcpy(info, peer->info.bytes + context->info_at, length);
        return length;
    }
    return 0;
}

/* ---- answering ---- */

void yq_assoc_extended_accept(struct yq_assoc *assoc, const char *sop_class, const uint8_t *info,
                              size_t length)
{
    struct yq_err err;
    if (!assoc->params || length > 64)
        return;
    /* without memory the negotiation is simply not accepted */
    (void)yq_guarded(&err, [&] {
        auto *&list = assoc->params->DULparams.acceptedExtNegList;
        if (list)
            for (const auto *other : *list)
                if (other->sopClassUID == sop_class)
                    return true; /* proposed in several contexts, answered once */
        std::unique_ptr<SOPClassExtendedNegotiationSubItem> item(
            new SOPClassExtendedNegotiationSubItem);
        if (!list)
            list = new SOPClassExtendedNegotiationSubItemList;
        item->sopClassUID = sop_class;
        item->serviceClassAppInfo = new unsigned char[length ? length : 1];
        memcpy(item->serviceClassAppInfo, info, length);
        item->serviceClassAppInfoLength = static_cast<unsigned short>(length);
        list->push_back(item.release());
        return true;
    });
}

static T_ASC_SC_ROLE role_of(const yq_associate_context *proposed)
{
    if (!proposed->role)
        return ASC_SC_ROLE_DEFAULT;
    if (proposed->scp)
        return proposed->scu ? ASC_SC_ROLE_SCUSCP : ASC_SC_ROLE_SCP;
    return ASC_SC_ROLE_SCU;
}

static bool is_proposed(const yq_context *context, const char *syntax)
{
    for (size_t i = 0; i < context->proposed_count; i++)
        if (!strcmp(context->proposed[i], syntax))
            return true;
    return false;
}

static OFCondition answer_context(yq_assoc *assoc, size_t index)
{
    yq_context *context = &assoc->contexts[index];
    T_ASC_PresentationContextID id = static_cast<T_ASC_PresentationContextID>(context->id);
    if (context->accepted && !is_proposed(context, context->accepted_syntax)) {
        context->accepted = false; /* what was not asked for cannot be answered */
        context->syntaxes_refused = true;
    }
    if (context->accepted)
        return ASC_acceptPresentationContext(assoc->params, id, context->accepted_syntax,
                                             role_of(&assoc->peer.contexts[index]), OFTrue);
    return ASC_refusePresentationContext(assoc->params, id,
                                         context->syntaxes_refused
                                             ? ASC_P_TRANSFERSYNTAXESNOTSUPPORTED
                                             : ASC_P_ABSTRACTSYNTAXNOTSUPPORTED);
}

static bool accept(yq_assoc *assoc, struct yq_err *err)
{
    OFCondition cond = EC_Normal;
    if (!assoc->dul || assoc->open || assoc->requestor)
        return yq_fail(err, YQ_BUG, "dcm", "nothing to accept");
    for (size_t i = 0; cond.good() && i < assoc->contexts.size(); i++)
        cond = answer_context(assoc, i);
    DUL_ASSOCIATESERVICEPARAMETERS *dul = &assoc->params->DULparams;
    dul->maxPDU = YQ_PDU_SIZE;
    yq_copy(dul->calledImplementationClassUID, sizeof dul->calledImplementationClassUID,
            assoc->params->ourImplementationClassUID);
    yq_copy(dul->calledImplementationVersionName, sizeof dul->calledImplementationVersionName,
            assoc->params->ourImplementationVersionName);
    if (cond.good())
        cond = DUL_AcknowledgeAssociationRQ(&assoc->dul, dul, 0);
    if (cond.bad() || assoc->wire.failed) {
        assoc->wire.abort(2, 0);
        return yq_assoc_failed(assoc, cond, err);
    }
    assoc->wire.phase = WIRE_OPEN;
    assoc->open = true;
    return true;
}

bool yq_assoc_accept(struct yq_assoc *assoc, struct yq_err *err)
{
    explicit_bzero(&assoc->peer.identity, sizeof assoc->peer.identity);
    return yq_guarded(err, [&] { return accept(assoc, err); });
}

void yq_assoc_reject_pdu(uint8_t pdu[10], unsigned result, unsigned source, unsigned reason)
{
    const uint8_t bytes[10] = {
        3, 0, 0, 0, 0, 4, 0, uint8_t(result), uint8_t(source), uint8_t(reason)};
    memcpy(pdu, bytes, sizeof bytes);
}

void yq_assoc_reject(struct yq_assoc *assoc, unsigned result, unsigned source, unsigned reason)
{
    uint8_t pdu[10];
    if (assoc->open || assoc->requestor)
        return;
    yq_assoc_reject_pdu(pdu, result, source, reason);
    assoc->wire.say(pdu, sizeof pdu);
    assoc->wire.close();
}

/* ---- contexts ---- */

const struct yq_context *yq_assoc_context(const struct yq_assoc *assoc, unsigned id)
{
    for (const yq_context &context : assoc->contexts)
        if (context.id == id)
            return &context;
    return nullptr;
}

const struct yq_context *yq_assoc_context_for(const struct yq_assoc *assoc, const char *sop_class,
                                              const char *syntax)
{
    const yq_context *any = nullptr;
    for (const yq_context &context : assoc->contexts) {
        /* who asked for the association is SCU, unless roles were chosen (PS3.7 D.3.3.4) */
        bool scu = assoc->requestor ? !context.peer_scp : context.peer_scp;
        if (!context.accepted || !scu || strcmp(context.abstract_syntax, sop_class))
            continue;
        if (!strcmp(context.accepted_syntax, syntax))
            return &context;
        if (!any)
            any = &context;
    }
    return syntax[0] ? nullptr : any;
}

unsigned yq_assoc_new_id(struct yq_assoc *assoc)
{
    assoc->last_id = assoc->last_id % 0xffff + 1;
    return assoc->last_id;
}

/* ---- ending ---- */

void yq_assoc_release(struct yq_assoc *assoc)
{
    struct yq_err err;
    if (!assoc->open)
        return;
    (void)yq_guarded(&err, [&] {
        int seconds = assoc->limits.stall_seconds > 0 ? assoc->limits.stall_seconds : 60;
        assoc->open = false;
        assoc->wire.phase = WIRE_RELEASING;
        assoc->wire.idle = false;
        assoc->wire.deadline_ms = yq_monotonic_ms() + int64_t(seconds) * 1000;
        if (!assoc->wire.failed && DUL_ReleaseAssociation(&assoc->dul).bad())
            assoc->wire.abort(0, 0);
        return true;
    });
    assoc->wire.close();
}

void yq_assoc_abort(struct yq_assoc *assoc)
{
    assoc->open = false;
    assoc->wire.abort(0, 0);
    assoc->wire.close();
}

void yq_assoc_interrupt(struct yq_assoc *assoc) { assoc->wire.interrupt(); }

void yq_assoc_free(struct yq_assoc *assoc)
{
    struct yq_err err;
    (void)yq_guarded(&err, [&] {
        delete assoc;
        return true;
    });
}
