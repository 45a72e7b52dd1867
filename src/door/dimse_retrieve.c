/* dimse_retrieve.c: C-MOVE and C-GET SCP. PS3.4 C.4.2, C.4.3. Both are one list of instances, sent
 * one by one, with a pending answer and a look for a cancel after each; what failed is listed in
 * the last answer. */
#include <stdlib.h>
#include <string.h>

#include "dimse.h"
#include "yq/dcm.h"
#include "yq/log.h"

enum { IDENTIFIER_MOST = 1 << 20, FAILED_LIST_MOST = 4096, TAG_FAILED_LIST = 0x00080058 };

struct transfer { /* one C-MOVE or C-GET */
    struct visit *visit;
    const struct yq_message *request;
    const struct yq_context *context;
    struct yq_entry *entries;
    size_t count;
    struct yq_sent_counts counts;
    struct yq_buf failed; /* UIDs joined by backslashes */
    bool cancelled, lost;
    struct yq_err first_trouble;
    struct yq_batch *batch; /* of a C-GET */
};

static unsigned remaining(const struct transfer *t)
{
    size_t done = (size_t)t->counts.completed + t->counts.failed + t->counts.warning;
    return done < t->count ? (unsigned)(t->count - done) : 0;
}

static void add_counts(const struct transfer *t, struct yq_message *answer)
{
    answer->has_counts = true;
    answer->remaining = remaining(t); /* told where the status allows it: dcm/command.c */
    answer->completed = t->counts.completed;
    answer->failed = t->counts.failed;
    answer->warning = t->counts.warning;
}

static struct yq_message answer_of(const struct transfer *t, unsigned status)
{
    struct yq_message answer = {.context = t->request->context,
                                .command = t->request->command | 0x8000,
                                .id = t->request->id,
                                .status = status};
    (void)yq_copy(answer.sop_class, sizeof answer.sop_class, t->request->sop_class);
    return answer;
}

/* After each instance. False: stop. */
static bool progress(struct transfer *t, const struct yq_entry *entry, const struct yq_err *trouble)
{
    struct yq_err err;
    if (trouble) {
        if (t->first_trouble.code == YQ_OK)
            t->first_trouble = *trouble;
        if (t->counts.failed <= FAILED_LIST_MOST) {
            if (t->failed.length)
                yq_buf_puts(&t->failed, "\\");
            yq_buf_puts(&t->failed, entry->key.instance);
        }
    }
    if (remaining(t)) {
        struct yq_message pending = answer_of(t, 0xff00);
        add_counts(t, &pending);
        t->lost = !yq_assoc_send(t->visit->assoc, &pending, NULL, 0, &err);
    }
    if (!t->lost && !t->cancelled)
        t->cancelled = yq_assoc_cancelled(t->visit->assoc, t->request->id);
    return !t->lost && !t->cancelled;
}

static unsigned outcome(const struct transfer *t)
{
    if (t->cancelled)
        return 0xfe00;
    if (t->counts.failed && !t->counts.completed && !t->counts.warning)
        return 0xa702; /* unable to perform sub-operations */
    return t->counts.failed || t->counts.warning ? 0xb000 : 0x0000;
}

static bool finish(struct transfer *t, unsigned status, const char *comment, struct yq_err *err)
{
    struct yq_message answer = answer_of(t, status);
    struct yq_buf dataset yq_cleanup(yq_buf_fini) = {0};
    add_counts(t, &answer);
    if (comment)
        (void)yq_copy(answer.comment, sizeof answer.comment, comment);
    if (t->failed.length && !t->failed.failed) {
        struct yq_writer writer = {&dataset, yq_layout_of(t->context->accepted_syntax)};
        yq_writer_put_text(&writer, TAG_FAILED_LIST, "UI", yq_buf_text(&t->failed));
        answer.has_dataset = true;
    }
    yq_log(status == 0 ? YQ_LOG_INFO : YQ_LOG_WARN,
           t->request->command == YQ_C_MOVE_RQ ? "move" : "get",
           "aet=\"%s\" to=\"%s\" status=%04X instances=%zu completed=%u failed=%u warning=%u%s%s%s",
           t->visit->origin.aet,
           t->request->command == YQ_C_MOVE_RQ ? t->request->move_destination
                                               : t->visit->origin.aet,
           status, t->count, t->counts.completed, t->counts.failed, t->counts.warning,
           comment ? " reason=\"" : "", comment ? comment : "", comment ? "\"" : "");
    return yq_assoc_send(t->visit->assoc, &answer, dataset.bytes, dataset.length, err);
}

/* Which instances are asked for. False with t->lost: the association is gone. */
static bool list(struct transfer *t, bool patient_root, struct yq_err *err)
{
    struct yq_buf identifier yq_cleanup(yq_buf_fini) = {0};
    if (!dimse_may(t->visit, YQ_MAY_RETRIEVE, err))
        return false;
    if (!t->request->has_dataset)
        return yq_fail(err, YQ_BAD_INPUT, "door", "request without an identifier");
    if (!yq_assoc_read_all(t->visit->assoc, IDENTIFIER_MOST, &identifier, err)) {
        t->lost = err->code != YQ_FULL;
        return false;
    }
    return yq_retrieve_list(t->visit->house,
                            identifier.bytes ? identifier.bytes : (const uint8_t *)"",
                            identifier.length, t->context->accepted_syntax, patient_root,
                            dimse_sight(t->visit), &t->entries, &t->count, err);
}

static bool refuse(struct transfer *t, const struct yq_err *why, struct yq_err *err)
{
    if (t->lost) {
        *err = *why;
        return false;
    }
    return finish(t, yq_status_query(why->code), why->text, err);
}

static void fini(struct transfer *t)
{
    free(t->entries);
    yq_buf_fini(&t->failed);
}

/* ---- C-MOVE ---- */

static bool after_move(void *context, const struct yq_entry *entry,
                       const struct yq_sent_counts *counts, const struct yq_err *trouble)
{
    struct transfer *t = context;
    t->counts = *counts;
    return progress(t, entry, trouble);
}

static bool unknown_destination(struct transfer *t, struct yq_err *err)
{
    char line[512];
    yq_conf_peer_line(t->visit->conf, t->request->move_destination, "", line, sizeof line);
    yq_log(YQ_LOG_WARN, "move-refused",
           "aet=\"%s\" destination=\"%s\" reason=\"no peer of this AE title that can be called\" "
           "hint=\"to add it: %s\"",
           t->visit->origin.aet, t->request->move_destination, line);
    yq_audit_forbidden(t->visit->house->audit, &t->visit->origin,
                       "C-MOVE to a destination that is not in peers.json");
    return finish(t, 0xa801, "move destination unknown: add it to peers.json", err);
}

bool dimse_move(struct visit *visit, const struct yq_message *request, struct yq_err *err)
{
    struct transfer t = {.visit = visit, .request = request};
    struct yq_err why = {0};
    t.context = yq_assoc_context(visit->assoc, request->context);
    atomic_fetch_add(&visit->house->counts.moves, 1);
    /* The newest configuration: a destination added while this association is open counts. */
    const struct yq_conf *conf = yq_conf_hold(visit->house->conf);
    const struct yq_peer *to = yq_conf_destination(conf, request->move_destination);
    bool ok;
    if (!list(&t, strcmp(t.context->abstract_syntax, YQ_SOP_MOVE_PATIENT) == 0, &why)) {
        ok = refuse(&t, &why, err);
    } else if (!to) {
        ok = unknown_destination(&t, err);
    } else {
        struct yq_sending sending = {.house = visit->house,
                                     .peer = to,
                                     .our_aet = conf->dicom_aet,
                                     .move_aet = visit->origin.aet,
                                     .move_id = request->id,
                                     .asker = &visit->origin,
                                     .after = after_move,
                                     .context = &t};
        if (t.count && !yq_call_send(&sending, t.entries, t.count, &t.counts, &why))
            t.first_trouble = why;
        if (t.lost) {
            ok = yq_fail(err, YQ_PEER_GONE, "door", "the requestor went away during its C-MOVE");
        } else {
            bool told = t.first_trouble.code != YQ_OK && !t.cancelled;
            ok = finish(&t, outcome(&t), told ? t.first_trouble.text : NULL, err);
        }
    }
    yq_conf_release(visit->house->conf, conf);
    fini(&t);
    return ok;
}

/* ---- C-GET ---- */

static bool send_each(struct transfer *t, struct yq_err *err)
{
    struct yq_delivery delivery = {.peer = t->visit->origin.peer, .watch = t->request->id};
    struct yq_counts *totals = &t->visit->house->counts;
    for (size_t i = 0; i < t->count; i++) {
        struct yq_err trouble = {0};
        bool ok =
            yq_retrieve_send(t->visit->house, t->visit->assoc, &t->entries[i], &delivery, &trouble);
        yq_batch_out(t->batch, &t->entries[i], ok ? NULL : &trouble);
        if (delivery.lost) {
            *err = trouble;
            return false;
        }
        t->counts.completed += ok && !delivery.warned;
        t->counts.warning += ok && delivery.warned;
        t->counts.failed += !ok;
        atomic_fetch_add(ok ? &totals->sent : &totals->send_failed, 1);
        if (!ok)
            yq_log_err(YQ_LOG_WARN, "instance-out", &trouble, "outcome=failed to=\"%s\" sop=%s",
                       t->visit->origin.aet, t->entries[i].key.instance);
        t->cancelled = delivery.cancelled;
        if (!progress(t, &t->entries[i], ok ? NULL : &trouble))
            break;
    }
    if (t->lost)
        return yq_fail(err, YQ_PEER_GONE, "door", "the requestor went away during its C-GET");
    return true;
}

static bool send_back(struct transfer *t, struct yq_err *err)
{
    t->batch = yq_batch_begin(t->visit->house, YQ_WAY_BACK, &t->visit->origin, NULL, "");
    bool ok = send_each(t, err);
    yq_batch_end(t->batch, ok ? NULL : err);
    return ok;
}

bool dimse_get(struct visit *visit, const struct yq_message *request, struct yq_err *err)
{
    struct transfer t = {.visit = visit, .request = request};
    struct yq_err why = {0};
    t.context = yq_assoc_context(visit->assoc, request->context);
    atomic_fetch_add(&visit->house->counts.gets, 1);
    bool ok;
    if (!list(&t, strcmp(t.context->abstract_syntax, YQ_SOP_GET_PATIENT) == 0, &why))
        ok = refuse(&t, &why, err);
    else
        ok = send_back(&t, err) &&
             finish(&t, outcome(&t), t.first_trouble.code != YQ_OK ? t.first_trouble.text : NULL,
                    err);
    fini(&t);
    return ok;
}
