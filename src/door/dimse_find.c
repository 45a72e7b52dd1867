/* dimse_find.c: C-FIND SCP. PS3.4 C.4.1. Answers stream from the catalog's cursor; a cancel is
 * looked for between them. */
#include <string.h>

#include "dimse.h"
#include "yq/log.h"

enum { IDENTIFIER_MOST = 1 << 20, CANCEL_EVERY = 16 };

static unsigned answer_all(struct visit *visit, const struct yq_message *request,
                           struct yq_find *find, struct yq_cursor *cursor, bool *lost,
                           struct yq_err *err)
{
    const struct yq_context *context = yq_assoc_context(visit->assoc, request->context);
    const struct yq_peer *peer = visit->origin.peer;
    static const char *const fallbacks[] = {
        [YQ_FALLBACK_UTF8] = "ISO_IR 192", [YQ_FALLBACK_GB18030] = "GB18030"};
    const char *fallback = fallbacks[visit->conf->dicom_fallback_charset];
    const char *charset = *find->charset           ? find->charset
                          : peer && *peer->charset ? peer->charset
                                                   : find->read_as;
    uint64_t limit = (uint64_t)visit->conf->dicom_find_limit, sent = 0;
    struct yq_message pending = {.context = request->context,
                                 .command = YQ_C_FIND_RSP,
                                 .id = request->id,
                                 .status = 0xff00,
                                 .has_dataset = true};
    (void)yq_copy(pending.sop_class, sizeof pending.sop_class, request->sop_class);
    struct yq_buf dataset yq_cleanup(yq_buf_fini) = {0};
    const char *const *values;
    while (yq_cursor_next(cursor, &values, err)) {
        if (sent % CANCEL_EVERY == 0 && yq_assoc_cancelled(visit->assoc, request->id))
            return 0xfe00;
        if (limit && sent == limit)
            return 0xa700; /* more than may be answered: PS3.4 table C.4-1, out of resources */
        yq_buf_clear(&dataset);
        if (!yq_find_answer(find, values, charset, fallback, visit->conf->dicom_aet,
                            context->accepted_syntax, &dataset, err))
            return yq_status_query(err->code);
        *lost = !yq_assoc_send(visit->assoc, &pending, dataset.bytes, dataset.length, err);
        if (*lost)
            return 0;
        sent++;
        atomic_fetch_add(&visit->house->counts.find_rows, 1);
    }
    return yq_status_query(err->code);
}

static bool open_cursor(struct visit *visit, const struct yq_message *request,
                        struct yq_buf *identifier, struct yq_find *find, struct yq_cursor **cursor,
                        struct yq_err *err)
{
    const struct yq_context *context = yq_assoc_context(visit->assoc, request->context);
    const struct yq_peer *peer = visit->origin.peer;
    bool patient_root = strcmp(context->abstract_syntax, YQ_SOP_FIND_PATIENT) == 0;
    if (!dimse_may(visit, YQ_MAY_QUERY, err))
        return false;
    if (!request->has_dataset)
        return yq_fail(err, YQ_BAD_INPUT, "door", "C-FIND without an identifier");
    if (!yq_assoc_read_all(visit->assoc, IDENTIFIER_MOST, identifier, err) ||
        !yq_find_parse(identifier->bytes ? identifier->bytes : (const uint8_t *)"",
                       identifier->length, context->accepted_syntax, patient_root,
                       peer ? peer->assume_charset : "", find, err))
        return false;
    find->query.combined_datetime = visit->combined_datetime;
    find->query.pinyin =
        visit->fuzzy_names || visit->conf->dicom_find_pinyin == YQ_FIND_PINYIN_ALWAYS;
    find->query.sight = dimse_sight(visit);
    return yq_catalog_find(visit->house->catalog, &find->query, cursor, err);
}

bool dimse_find(struct visit *visit, const struct yq_message *request, struct yq_err *err)
{
    const struct yq_context *context = yq_assoc_context(visit->assoc, request->context);
    struct yq_buf identifier yq_cleanup(yq_buf_fini) = {0};
    struct yq_find find = {0};
    struct yq_cursor *cursor = NULL;
    struct yq_err why = {0};
    bool lost = false;
    unsigned status;
    atomic_fetch_add(&visit->house->counts.finds, 1);
    if (open_cursor(visit, request, &identifier, &find, &cursor, &why)) {
        why.code = YQ_OK;
        status = answer_all(visit, request, &find, cursor, &lost, &why);
        yq_cursor_close(cursor);
    } else {
        status = yq_status_query(why.code);
    }
    yq_find_fini(&find);
    yq_audit_query(visit->house->audit, &visit->origin, context->abstract_syntax,
                   context->accepted_syntax, identifier.bytes, identifier.length,
                   why.code != YQ_OK ? &why : NULL);
    if (lost || why.code == YQ_PEER_GONE || why.code == YQ_TIMEOUT) {
        *err = why;
        return false;
    }
    if (status != 0 && status != 0xfe00 && why.code != YQ_OK)
        yq_log_err(YQ_LOG_WARN, "find", &why, "aet=\"%s\" status=%04X", visit->origin.aet, status);
    const char *comment = why.code != YQ_OK  ? why.text
                          : status == 0xa700 ? "more matches than dicom.find_limit allows"
                                             : NULL;
    return dimse_answer(visit, request, status, comment, err);
}
