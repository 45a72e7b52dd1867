/* dimse_serve.c: one association: who is it, what may it do, then message after message. PS3.7
 * annex D, PS3.8 chapter 7.
 *
 * Deny by default: an AE title that peers.json does not name is refused, and the log says what to
 * type to let it in. */
#include <stdio.h>
#include <string.h>

#include "dimse.h"
#include "yq/clock.h"
#include "yq/dcm.h"
#include "yq/deliver.h"
#include "yq/log.h"
#include "yq/seal.h"

enum service {
    SERVICE_NONE,
    SERVICE_ECHO,
    SERVICE_FIND,
    SERVICE_MOVE,
    SERVICE_GET,
    SERVICE_COMMITMENT,
    SERVICE_STORE
};

static const struct {
    const char *sop_class;
    enum service service;
    unsigned right; /* one of these is enough */
} services[] = {
    {YQ_SOP_VERIFICATION, SERVICE_ECHO, ~0u},
    {YQ_SOP_FIND_PATIENT, SERVICE_FIND, YQ_MAY_QUERY},
    {YQ_SOP_FIND_STUDY, SERVICE_FIND, YQ_MAY_QUERY},
    {YQ_SOP_MOVE_PATIENT, SERVICE_MOVE, YQ_MAY_RETRIEVE},
    {YQ_SOP_MOVE_STUDY, SERVICE_MOVE, YQ_MAY_RETRIEVE},
    {YQ_SOP_GET_PATIENT, SERVICE_GET, YQ_MAY_RETRIEVE},
    {YQ_SOP_GET_STUDY, SERVICE_GET, YQ_MAY_RETRIEVE},
    {YQ_SOP_COMMITMENT, SERVICE_COMMITMENT, YQ_MAY_STORE},
};

static enum service service_of(const char *sop_class, bool unknown_too, unsigned *right)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (strcmp(services[i].sop_class, sop_class) == 0) {
            *right = services[i].right;
            return services[i].service;
        }
    }
    *right = YQ_MAY_STORE;
    if (yq_dcm_is_storage_class(sop_class))
        return SERVICE_STORE;
    /* Private and unknown classes are storage by rule; what PS3.6 names and is no storage class is
     * not. */
    return unknown_too && !yq_dcm_uid_name(sop_class) ? SERVICE_STORE : SERVICE_NONE;
}

static unsigned rights_of(const struct visit *visit)
{
    return visit->origin.peer ? visit->origin.peer->rights
                              : (unsigned)(YQ_MAY_STORE | YQ_MAY_QUERY | YQ_MAY_RETRIEVE);
}

bool dimse_may(const struct visit *visit, enum yq_right right, struct yq_err *err)
{
    static const char *const names[] = {
        [YQ_MAY_STORE] = "store", [YQ_MAY_QUERY] = "query", [YQ_MAY_RETRIEVE] = "retrieve"};
    if (rights_of(visit) & right)
        return true;
    yq_fail(err, YQ_REFUSED, "door", "\"%s\" may not %s here: add it to its \"may\" in peers.json",
            visit->origin.aet, names[right]);
    yq_audit_forbidden(visit->house->audit, &visit->origin, err->text);
    return false;
}

const struct yq_sight *dimse_sight(const struct visit *visit)
{
    const struct yq_sight *sees = visit->origin.peer ? &visit->origin.peer->sees : NULL;
    return sees && (*sees->modalities || *sees->institutions) ? sees : NULL;
}

/* ---- negotiation ---- */

static void refuse(struct visit *visit, unsigned result, unsigned source, unsigned reason,
                   const char *why, const char *hint)
{
    atomic_fetch_add(&visit->house->counts.associations_refused, 1);
    yq_log(YQ_LOG_WARN, "association-refused",
           "aet=\"%s\" address=%s called=\"%s\" reason=\"%s\" hint=\"%s\"", visit->origin.aet,
           visit->origin.address, yq_assoc_called(visit->assoc), why, hint);
    yq_audit_refused(visit->house->audit, &visit->origin, why);
    yq_assoc_reject(visit->assoc, result, source, reason); /* last: who sees it finds the line */
}

/* A peer whose entry wants TLS: over TLS, and with the certificate that the entry names. */
static bool comes_as_it_must(struct visit *visit)
{
    const struct yq_peer_tls *tls = &visit->origin.peer->tls;
    char hint[640];
    if (!visit->origin.tls) {
        snprintf(hint, sizeof hint,
                 "let it call dicom.tls_port (%lld) over TLS, or take 'tls' out of its entry",
                 (long long)visit->conf->dicom_tls_port);
        refuse(visit, 1, 1, 1, "its entry in peers.json wants TLS, and it came without", hint);
        return false;
    }
    if (!*tls->wanted || yq_tls_is(&visit->certificate, tls->wanted))
        return true;
    if (!visit->certificate.fingerprint[0])
        snprintf(hint, sizeof hint,
                 "it showed no certificate: set dicom.tls_clients to request or require");
    else
        snprintf(hint, sizeof hint, "it showed fingerprint %s", visit->certificate.fingerprint);
    refuse(visit, 1, 1, 1, "its certificate is not the one that its 'tls_peer' names", hint);
    return false;
}

static void refuse_identity(struct visit *visit, const char *why, const char *hint)
{
    struct yq_err trouble = {0};
    yq_fail(&trouble, YQ_REFUSED, "door", "%s", why);
    if (visit->origin.user[0])
        yq_audit_login(visit->house->audit, &visit->origin, &trouble);
    refuse(visit, 1, 1, 1, why, hint);
}

/* A name and a passcode against users.json. Names that nobody has are not told: they may be
 * passcodes typed into the wrong field. */
static bool passcode_fits(struct visit *visit, const struct yq_identity *identity)
{
    const struct yq_user *user = yq_conf_user(visit->conf, identity->name);
    char hint[160];
    if (user)
        (void)yq_copy(visit->origin.user, sizeof visit->origin.user, user->name);
    if (yq_passcode_fits(user ? user->passcode : NULL, identity->passcode,
                         identity->passcode_length)) {
        yq_audit_login(visit->house->audit, &visit->origin, NULL);
        return true;
    }
    if (user)
        snprintf(hint, sizeof hint, "to give it a new one: yingqiao user add '%s'", user->name);
    refuse_identity(visit,
                    user ? "the passcode of the user it says it is does not fit"
                         : "the user it says it is does not stand in users.json",
                    user ? hint : "to add one: yingqiao user add NAME");
    return false;
}

/* PS3.7 D.3.3.7. Where nothing is to be checked everything is taken as it comes. */
static bool is_who_it_says(struct visit *visit)
{
    const struct yq_identity *identity = yq_assoc_identity(visit->assoc);
    const struct yq_peer *peer = visit->origin.peer;
    const char *wanted = peer ? peer->user : "";
    int rule = visit->conf->dicom_user_identity;
    if (!*wanted &&
        (rule == YQ_IDENTITY_ACCEPT || (rule == YQ_IDENTITY_CHECK && !identity->type))) {
        yq_assoc_believe(visit->assoc);
        return true;
    }
    if (!identity->type) {
        refuse_identity(visit, "it does not say which user it is",
                        *wanted
                            ? "give it a user name and passcode, or take 'user' out of its entry"
                            : "give it a user name and passcode; dicom.user_identity is require");
        return false;
    }
    if (identity->type != 2) {
        refuse_identity(visit,
                        identity->type == 1 ? "it names a user without a passcode"
                                            : "its kind of user identity cannot be checked here",
                        "what can be checked is a user name with a passcode");
        return false;
    }
    if (!passcode_fits(visit, identity))
        return false;
    if (*wanted && strcmp(wanted, "*") != 0 && strcmp(wanted, visit->origin.user) != 0) {
        refuse_identity(visit, "it is another user than its entry in peers.json names",
                        "change 'user' there, or have it log in as that one");
        return false;
    }
    yq_assoc_believe(visit->assoc);
    return true;
}

static bool is_welcome(struct visit *visit)
{
    const struct yq_conf *conf = visit->conf;
    struct yq_origin *from = &visit->origin;
    bool known = false;
    char line[512], hint[640];
    from->peer = yq_conf_peer(conf, from->aet, from->address, &known);
    if (conf->dicom_check_called_aet &&
        strcmp(yq_assoc_called(visit->assoc), conf->dicom_aet) != 0) {
        snprintf(hint, sizeof hint, "call this node %s, or set dicom.check_called_aet=false",
                 conf->dicom_aet);
        refuse(visit, 1, 1, 7, "called AE title is not ours", hint);
        return false;
    }
    if (!from->peer && conf->dicom_unknown_peers == YQ_UNKNOWN_REFUSE) {
        yq_conf_peer_line(conf, from->aet, from->address, line, sizeof line);
        snprintf(hint, sizeof hint, "to let it in: %s%s", line, from->tls ? " --tls" : "");
        refuse(visit, 1, 1, 3,
               known ? "AE title is in peers.json, but not with this address"
                     : "AE title is not in peers.json",
               hint);
        return false;
    }
    if (from->peer && from->peer->tls.on && !comes_as_it_must(visit))
        return false;
    if (from->peer && from->peer->max_associations &&
        dimse_visits_of(visit->door, from->aet) > from->peer->max_associations) {
        refuse(visit, 2, 3, 2, "this peer's max_associations is reached", "raise it in peers.json");
        return false;
    }
    struct yq_err trouble = {0};
    if (!yq_audit_ready(visit->house->audit, &trouble)) {
        refuse(visit, 2, 3, 1, trouble.text, "audit.required is set: make it writable again");
        return false;
    }
    return true;
}

/* Storage: what the requestor named first, but for implicit VR, which comes last (it loses the VRs
 * of private elements). Other services: a native syntax. */
static const char *choose_syntax(const struct yq_context *context, enum service service)
{
    const char *implicit = NULL;
    for (size_t i = 0; i < context->proposed_count; i++) {
        const char *syntax = context->proposed[i];
        if (strcmp(syntax, YQ_TS_IMPLICIT_LE) == 0)
            implicit = syntax;
        else if (service == SERVICE_STORE ? yq_uid_valid(syntax)
                                          : strcmp(syntax, YQ_TS_EXPLICIT_LE) == 0)
            return syntax;
    }
    if (!implicit && service != SERVICE_STORE)
        for (size_t i = 0; i < context->proposed_count; i++)
            if (strcmp(context->proposed[i], YQ_TS_EXPLICIT_BE) == 0)
                return context->proposed[i];
    return implicit;
}

/* PS3.4 C.5.1.1: relational queries, combined date-time, fuzzy semantic matching of names. */
static void answer_extended(struct visit *visit, const char *sop_class, enum service service)
{
    uint8_t info[16] = {0};
    size_t length = yq_assoc_extended(visit->assoc, sop_class, info, sizeof info);
    if (!length)
        return;
    uint8_t ours[16] = {0};
    ours[0] = info[0] & 1;
    if (service == SERVICE_FIND && length > 1) {
        ours[1] = info[1] & 1;
        visit->combined_datetime = ours[1];
    }
    if (service == SERVICE_FIND && length > 2 &&
        visit->conf->dicom_find_pinyin != YQ_FIND_PINYIN_NEVER) {
        ours[2] = info[2] & 1;
        visit->fuzzy_names = ours[2];
    }
    yq_assoc_extended_accept(visit->assoc, sop_class, ours, length);
}

static unsigned negotiate(struct visit *visit)
{
    struct yq_context *contexts;
    size_t count = yq_assoc_contexts(visit->assoc, &contexts);
    unsigned accepted = 0, right;
    for (size_t i = 0; i < count; i++) {
        struct yq_context *context = &contexts[i];
        enum service service =
            service_of(context->abstract_syntax, visit->conf->dicom_unknown_sop_classes, &right);
        if (context->peer_scp && service == SERVICE_STORE)
            right = YQ_MAY_STORE | YQ_MAY_RETRIEVE; /* C-GET: they receive */
        const char *syntax = choose_syntax(context, service);
        context->accepted = service != SERVICE_NONE && syntax && (rights_of(visit) & right);
        context->syntaxes_refused = service != SERVICE_NONE && !syntax;
        if (!context->accepted)
            continue;
        accepted++;
        (void)yq_copy(context->accepted_syntax, sizeof context->accepted_syntax, syntax);
        if (service == SERVICE_FIND || service == SERVICE_MOVE || service == SERVICE_GET)
            answer_extended(visit, context->abstract_syntax, service);
    }
    return accepted;
}

/* ---- messages ---- */

bool dimse_answer(struct visit *visit, const struct yq_message *request, unsigned status,
                  const char *comment, struct yq_err *err)
{
    struct yq_message answer = {.context = request->context,
                                .command = request->command | 0x8000,
                                .id = request->id,
                                .status = status};
    (void)yq_copy(answer.sop_class, sizeof answer.sop_class, request->sop_class);
    (void)yq_copy(answer.sop_instance, sizeof answer.sop_instance, request->sop_instance);
    answer.type_id = request->type_id;
    if (comment)
        (void)yq_copy(answer.comment, sizeof answer.comment, comment);
    return yq_assoc_send(visit->assoc, &answer, NULL, 0, err);
}

static bool handle(struct visit *visit, const struct yq_message *message, struct yq_err *err)
{
    const struct yq_context *context = yq_assoc_context(visit->assoc, message->context);
    unsigned right;
    enum service service =
        context ? service_of(context->abstract_syntax, true, &right) : SERVICE_NONE;
    bool stored = false;
    switch (message->command) {
    case YQ_C_ECHO_RQ: visit->echoes++; return dimse_answer(visit, message, 0, NULL, err);
    case YQ_C_STORE_RQ:
        /* The class of the message counts too: some senders have another than their context's, and
         * none gets in so that dicom.unknown_sop_classes keeps out. */
        if (service != SERVICE_STORE ||
            service_of(message->sop_class, visit->conf->dicom_unknown_sop_classes, &right) !=
                SERVICE_STORE)
            return dimse_answer(visit, message, 0x0122, "SOP class is not one to store", err);
        if (!yq_ingest_message(visit->house, &visit->origin, visit->assoc, message, &stored, err))
            return false;
        *(stored ? &visit->stored : &visit->refused) += 1;
        return true;
    case YQ_C_FIND_RQ:
        visit->finds++;
        return service == SERVICE_FIND
                   ? dimse_find(visit, message, err)
                   : dimse_answer(visit, message, 0x0122, "not a query class", err);
    case YQ_C_MOVE_RQ:
        visit->moves++;
        return service == SERVICE_MOVE
                   ? dimse_move(visit, message, err)
                   : dimse_answer(visit, message, 0x0122, "not a move class", err);
    case YQ_C_GET_RQ:
        visit->gets++;
        return service == SERVICE_GET
                   ? dimse_get(visit, message, err)
                   : dimse_answer(visit, message, 0x0122, "not a get class", err);
    case YQ_N_ACTION_RQ:
        return service == SERVICE_COMMITMENT
                   ? commitment_request(visit, message, err)
                   : dimse_answer(visit, message, 0x0122, "not storage commitment", err);
    case YQ_N_EVENT_REPORT_RSP: commitment_answered(visit, message); return true;
    case YQ_C_CANCEL_RQ: return true; /* of something that is over */
    default:
        if (message->command & 0x8000)
            return yq_fail(err, YQ_BAD_INPUT, "door", "an answer (%04X) that nobody asked for",
                           message->command);
        return dimse_answer(visit, message, 0x0211, "unrecognized operation", err);
    }
}

static const char *converse(struct visit *visit, struct yq_err *err)
{
    for (;;) {
        struct yq_message message;
        if (!dimse_busy(visit, false))
            return "node-stops";
        enum yq_incoming got = yq_assoc_next(visit->assoc, &message, err);
        bool going_on = dimse_busy(visit, true);
        if (got == YQ_GOT_RELEASE)
            return "released";
        if (got == YQ_GOT_ABORT)
            return "aborted-by-peer";
        if (got == YQ_GOT_NOTHING)
            return going_on ? NULL : "node-stops";
        if (!yq_audit_ready(visit->house->audit, err))
            return NULL;
        if (!handle(visit, &message, err))
            return NULL;
    }
}

static const char *converse_and_tell(struct visit *visit, struct yq_err *err)
{
    visit->origin.batch = yq_batch_begin(visit->house, YQ_WAY_IN, &visit->origin, NULL, "");
    const char *end = converse(visit, err);
    struct yq_err broke = {.code = YQ_PEER_GONE};
    if (!end)
        broke = *err;
    else
        (void)yq_copy(broke.text, sizeof broke.text, end);
    yq_batch_end(visit->origin.batch, end && strcmp(end, "released") == 0 ? NULL : &broke);
    visit->origin.batch = NULL;
    return end;
}

static void tell_end(const struct visit *visit, const char *end, int64_t began_ms,
                     const struct yq_err *err)
{
    char facts[256];
    snprintf(facts, sizeof facts,
             "stored=%u refused=%u finds=%u moves=%u gets=%u echoes=%u ms=%lld", visit->stored,
             visit->refused, visit->finds, visit->moves, visit->gets, visit->echoes,
             (long long)(yq_monotonic_ms() - began_ms));
    if (end)
        yq_log(YQ_LOG_INFO, "association-end", "aet=\"%s\" address=%s end=%s %s", visit->origin.aet,
               visit->origin.address, end, facts);
    else
        yq_log_err(YQ_LOG_WARN, "association-end", err, "aet=\"%s\" address=%s end=failed %s",
                   visit->origin.aet, visit->origin.address, facts);
}

void dimse_serve(struct visit *visit)
{
    static atomic_uint number;
    struct yq_err err = {0};
    struct yq_assoc *assoc;
    char trace[16];
    int64_t began_ms = yq_monotonic_ms();
    const struct yq_assoc_limits limits = {.idle_seconds = (int)visit->conf->dicom_idle_seconds,
                                           .stall_seconds = (int)visit->conf->dicom_stall_seconds,
                                           .command_most = 1 << 16};
    snprintf(trace, sizeof trace, "a%u", atomic_fetch_add(&number, 1) + 1);
    yq_log_set_trace(trace);
    visit->origin.door = "dimse";
    visit->origin.sending = &visit->sending;
    const char *tls = visit->origin.tls ? yq_tls_version(&visit->channel) : NULL; /* static */
    if (!yq_assoc_receive(visit->fd, &visit->channel, visit->first.bytes, visit->first.length,
                          &limits, &assoc, &err)) {
        atomic_fetch_add(&visit->house->counts.associations_refused, 1);
        yq_log_err(YQ_LOG_WARN, "association-refused", &err,
                   "hint=\"the peer's request is malformed\"");
        yq_audit_refused(visit->house->audit, &visit->origin, err.text);
        return;
    }
    explicit_bzero(visit->first.bytes, visit->first.length); /* there may be a passcode in it */
    yq_buf_fini(&visit->first);
    (void)yq_copy(visit->origin.address, sizeof visit->origin.address, yq_assoc_address(assoc));
    if (!dimse_greet(visit, assoc)) {
        yq_assoc_reject(assoc, 2, 1, 1);
        return;
    }
    if (!is_welcome(visit) || !is_who_it_says(visit))
        return;
    if (visit->origin.peer)
        yq_assoc_pace(assoc, yq_pace_of(visit->origin.aet,
                                        (uint64_t)visit->origin.peer->kb_per_second * 1024));
    unsigned accepted = negotiate(visit);
    if (!yq_assoc_accept(assoc, &err)) {
        tell_end(visit, NULL, began_ms, &err);
        return;
    }
    atomic_fetch_add(&visit->house->counts.associations_accepted, 1);
    yq_log(accepted ? YQ_LOG_INFO : YQ_LOG_WARN, "association-begin",
           "aet=\"%s\" address=%s called=\"%s\" contexts=%u peer=%s%s%s%s%s%s", visit->origin.aet,
           visit->origin.address, yq_assoc_called(assoc), accepted,
           visit->origin.peer ? "known" : "unknown", tls ? " tls=" : "", tls ? tls : "",
           visit->origin.user[0] ? " user=\"" : "", visit->origin.user,
           visit->origin.user[0] ? "\"" : "");
    const char *end = converse_and_tell(visit, &err);
    if (!end || strcmp(end, "node-stops") == 0)
        yq_assoc_abort(assoc);
    yq_deliver_association_ended(visit->house, &visit->sending,
                                 end && strcmp(end, "released") == 0);
    tell_end(visit, end, began_ms, &err);
}
