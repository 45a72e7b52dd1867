/* commitment.c: storage commitment push model, SCP. PS3.4 annex J.
 *
 * A request is kept in the catalog before it is answered, so a crash cannot lose it. The report
 * goes over a new association where the peer can be called, otherwise over the one that asked. It
 * is the truth of that moment: each object is read and its digest compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dimse.h"
#include "yq/clock.h"
#include "yq/dcm.h"
#include "yq/log.h"

enum {
    REQUEST_MOST = 1 << 24, /* bytes; some 100 000 instances */
    TAG_CLASS = 0x00081150,
    TAG_INSTANCE = 0x00081155,
    TAG_TRANSACTION = 0x00081195,
    TAG_FAILURE_REASON = 0x00081197,
    TAG_FAILED_SEQUENCE = 0x00081198,
    TAG_REFERENCED_SEQUENCE = 0x00081199,
    TAG_RETRIEVE_AE = 0x00080054,
    SAME_ASSOCIATION_MS = 60000, /* how long the report over the same association may take */
    GIVE_UP_MS = 7 * 24 * 3600 * 1000,
    STOP_MS = 3000, /* of what is being looked through when the node stops */
};

/* ---- the request ---- */

static bool parse(const struct yq_buf *dataset, const char *syntax, struct yq_commitment *out,
                  struct yq_err *err)
{
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    struct yq_element element;
    char sop_class[YQ_UID_SIZE] = "", instance[YQ_UID_SIZE] = "";
    if (!yq_scan_open_memory(dataset->bytes ? dataset->bytes : (const uint8_t *)"", dataset->length,
                             syntax, &scan, err))
        return false;
    while (yq_scan_next(scan, &element, err)) {
        struct yq_buf value yq_cleanup(yq_buf_fini) = {.most = 128};
        bool reference = element.within == TAG_REFERENCED_SEQUENCE && element.depth == 1;
        char *field = element.tag == TAG_TRANSACTION && !element.within ? out->transaction
                      : reference && element.tag == TAG_CLASS           ? sop_class
                      : reference && element.tag == TAG_INSTANCE        ? instance
                                                                        : NULL;
        if (!field)
            continue;
        if (!yq_scan_value(scan, 128, &value, err))
            return false;
        (void)yq_copy_trimmed(field, YQ_UID_SIZE, yq_buf_text(&value), value.length);
        if (!yq_uid_valid(field))
            return yq_fail(err, YQ_BAD_INPUT, "door", "a UID of the request is not a UID");
        if (field == instance) {
            yq_buf_putf(&out->pairs, "%s %s\n", sop_class[0] ? sop_class : "0", instance);
            sop_class[0] = '\0';
        }
    }
    if (err->code != YQ_OK)
        return false;
    if (!out->transaction[0] || !out->pairs.length)
        return yq_fail(err, YQ_BAD_INPUT, "door", "request without transaction UID or references");
    return !out->pairs.failed || yq_fail(err, YQ_FULL, "door", "no memory for the request");
}

/* ---- the report ---- */

struct verdict {
    unsigned committed, failed;
    struct yq_buf good, bad; /* items of the two sequences, in the writer's syntax */
};

static void put_item(struct yq_buf *out, enum yq_layout layout, const char *sop_class,
                     const char *instance, unsigned reason)
{
    struct yq_writer writer = {out, layout};
    char number[16];
    yq_writer_begin_item(&writer);
    yq_writer_put_text(&writer, TAG_CLASS, "UI", sop_class);
    yq_writer_put_text(&writer, TAG_INSTANCE, "UI", instance);
    if (reason) {
        snprintf(number, sizeof number, "%u", reason);
        yq_writer_put_text(&writer, TAG_FAILURE_REASON, "US", number);
    }
    yq_writer_end_item(&writer);
}

/* 0: on stable storage as it came; else a failure reason (PS3.3 C.14.1.1). */
static unsigned examine(struct yq_house *house, const char *sop_class, const char *instance)
{
    struct yq_err err;
    struct yq_entry entry;
    if (!yq_catalog_get(house->catalog, instance, &entry, &err))
        return err.code == YQ_ABSENT ? 0x0112 : 0x0110;
    if (strcmp(entry.sop_class, sop_class) != 0)
        return 0x0119; /* class / instance conflict */
    if (!yq_keep_check(house, &entry, &err)) {
        yq_log_err(YQ_LOG_ERROR, "commitment-damage", &err, "sop=%s", instance);
        return 0x0110;
    }
    return 0;
}

static int by_line(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    while (*x == *y && *x != '\n')
        x++, y++;
    return (unsigned char)*x - (unsigned char)*y;
}

/* The lines of the request in order, so that equal ones are neighbours. NULL: no memory. */
static const char **sorted_pairs(const struct yq_commitment *commitment, size_t *count)
{
    const char *text = yq_buf_text(&commitment->pairs);
    *count = 0;
    for (const char *end = text; (end = strchr(end, '\n')); end++)
        ++*count;
    const char **lines = calloc(*count + 1, sizeof *lines);
    for (size_t i = 0; lines && i < *count; text = strchr(text, '\n') + 1)
        lines[i++] = text;
    if (lines)
        qsort(lines, *count, sizeof *lines, by_line);
    return lines;
}

static void judge_one(struct yq_house *house, const char *text, enum yq_layout layout,
                      struct verdict *out)
{
    char line[2 * YQ_UID_SIZE];
    size_t length = strcspn(text, "\n");
    if (length >= sizeof line)
        return;
    memcpy(line, text, length);
    line[length] = '\0';
    char *instance = strchr(line, ' ');
    if (!instance)
        return;
    *instance++ = '\0';
    unsigned reason = examine(house, line, instance);
    put_item(reason ? &out->bad : &out->good, layout, line, instance, reason);
    *(reason ? &out->failed : &out->committed) += 1;
}

/* Each different pair once: every look at one reads its whole file, and a request may name the same
 * hundreds of thousands of times. A stopping node waits a moment for it, not until the end. */
static bool judge(struct yq_dimse *door, const struct yq_commitment *commitment,
                  enum yq_layout layout, struct verdict *out, struct yq_err *err)
{
    size_t count;
    int64_t stops_ms = 0;
    const char **lines = sorted_pairs(commitment, &count);
    if (!lines)
        return yq_fail(err, YQ_FULL, "door", "no memory for a commitment report");
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (i && by_line(&lines[i - 1], &lines[i]) == 0)
            continue;
        if (!stops_ms && !dimse_wait(door, 0))
            stops_ms = yq_monotonic_ms();
        ok = !stops_ms || yq_monotonic_ms() - stops_ms < STOP_MS ||
             yq_fail(err, YQ_BUSY, "door", "the node stops: the report comes another time");
        if (ok)
            judge_one(door->house, lines[i], layout, out);
    }
    free(lines);
    return ok;
}

static bool report(struct yq_dimse *door, struct yq_assoc *assoc, const struct yq_context *context,
                   const struct yq_commitment *commitment, const char *our_aet, unsigned *id,
                   struct yq_err *err)
{
    struct verdict verdict = {0};
    struct yq_buf dataset yq_cleanup(yq_buf_fini) = {0};
    enum yq_layout layout = yq_layout_of(context->accepted_syntax);
    struct yq_writer writer = {&dataset, layout};
    if (!judge(door, commitment, layout, &verdict, err)) {
        yq_buf_fini(&verdict.bad);
        yq_buf_fini(&verdict.good);
        return false;
    }
    yq_writer_put_text(&writer, TAG_RETRIEVE_AE, "AE", our_aet);
    yq_writer_put_text(&writer, TAG_TRANSACTION, "UI", commitment->transaction);
    if (verdict.failed) {
        yq_writer_begin_sequence(&writer, TAG_FAILED_SEQUENCE);
        yq_buf_put(&dataset, verdict.bad.bytes, verdict.bad.length);
        yq_writer_end_sequence(&writer);
    }
    if (verdict.committed) {
        yq_writer_begin_sequence(&writer, TAG_REFERENCED_SEQUENCE);
        yq_buf_put(&dataset, verdict.good.bytes, verdict.good.length);
        yq_writer_end_sequence(&writer);
    }
    bool memory = !dataset.failed && !verdict.bad.failed && !verdict.good.failed;
    yq_buf_fini(&verdict.bad);
    yq_buf_fini(&verdict.good);
    if (!memory)
        return yq_fail(err, YQ_FULL, "door", "no memory for a commitment report");
    struct yq_message message = {.context = context->id,
                                 .command = YQ_N_EVENT_REPORT_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .sop_class = YQ_SOP_COMMITMENT,
                                 .sop_instance = YQ_SOP_COMMITMENT_INSTANCE,
                                 .type_id = verdict.failed ? 2 : 1,
                                 .has_dataset = true};
    *id = message.id;
    yq_log(verdict.failed ? YQ_LOG_WARN : YQ_LOG_INFO, "commitment",
           "aet=\"%s\" transaction=%s committed=%u failed=%u", commitment->aet,
           commitment->transaction, verdict.committed, verdict.failed);
    return yq_assoc_send(assoc, &message, dataset.bytes, dataset.length, err);
}

static bool names_the_instance(const struct yq_message *request, struct yq_err *err)
{
    return strcmp(request->sop_instance, YQ_SOP_COMMITMENT_INSTANCE) == 0 ||
           yq_fail(err, YQ_ABSENT, "door", "not the well-known instance of storage commitment");
}

bool commitment_request(struct visit *visit, const struct yq_message *request, struct yq_err *err)
{
    struct yq_buf dataset yq_cleanup(yq_buf_fini) = {0};
    struct yq_commitment commitment = {.asked_ms = yq_now_ms()};
    struct yq_err why = {0};
    const struct yq_context *context = yq_assoc_context(visit->assoc, request->context);
    const struct yq_peer *back = yq_conf_destination(visit->conf, visit->origin.aet);
    (void)yq_copy(commitment.aet, sizeof commitment.aet, visit->origin.aet);
    commitment.next_ms = commitment.asked_ms + (back ? 0 : SAME_ASSOCIATION_MS);
    bool whole =
        !request->has_dataset || yq_assoc_read_all(visit->assoc, REQUEST_MOST, &dataset, err);
    if (!whole && err->code != YQ_FULL)
        return false;
    if (!whole) /* what was read of it is no request */
        why = *err;
    bool kept = whole && dimse_may(visit, YQ_MAY_STORE, &why) &&
                (request->type_id == 1 || yq_fail(&why, YQ_BAD_INPUT, "door",
                                                  "unknown Action Type ID %u", request->type_id)) &&
                names_the_instance(request, &why) &&
                parse(&dataset, context->accepted_syntax, &commitment, &why) &&
                yq_catalog_commitment_add(visit->house->catalog, &commitment, &why);
    unsigned status = kept                       ? 0x0000
                      : request->type_id != 1    ? 0x0123
                      : why.code == YQ_ABSENT    ? 0x0112
                      : why.code == YQ_BAD_INPUT ? 0x0115
                      : why.code == YQ_REFUSED   ? 0x0124
                                                 : 0x0213;
    if (!kept)
        yq_log_err(YQ_LOG_WARN, "commitment-refused", &why, "aet=\"%s\"", visit->origin.aet);
    bool ok = dimse_answer(visit, request, status, kept ? NULL : why.text, err);
    if (ok && kept && back) {
        dimse_nudge(visit->door);
    } else if (ok && kept) {
        unsigned id = 0;
        ok = report(visit->door, visit->assoc, context, &commitment, visit->conf->dicom_aet, &id,
                    err);
        visit->reported = id;
        visit->reported_commitment = commitment.id;
    }
    yq_buf_fini(&commitment.pairs);
    return ok;
}

void commitment_answered(struct visit *visit, const struct yq_message *answer)
{
    struct yq_err err;
    if (!visit->reported_commitment || answer->id != visit->reported)
        return;
    if (!yq_catalog_commitment_done(visit->house->catalog, visit->reported_commitment, &err))
        yq_log_err(YQ_LOG_WARN, "commitment", &err, "aet=\"%s\"", visit->origin.aet);
    visit->reported_commitment = 0;
}

/* ---- the courier: reports over new associations ---- */

/* We are the SCP of it, whether the peer said so in its role selection or left it out. */
static const struct yq_context *commitment_context(struct yq_assoc *assoc)
{
    struct yq_context *contexts;
    size_t count = yq_assoc_contexts(assoc, &contexts);
    for (size_t i = 0; i < count; i++)
        if (contexts[i].accepted && strcmp(contexts[i].abstract_syntax, YQ_SOP_COMMITMENT) == 0)
            return &contexts[i];
    return NULL;
}

static bool deliver(struct yq_dimse *door, const struct yq_conf *conf, const struct yq_peer *to,
                    const struct yq_commitment *commitment, struct yq_err *err)
{
    static const char *const native[] = {YQ_TS_EXPLICIT_LE, YQ_TS_IMPLICIT_LE};
    struct yq_proposal proposal = {YQ_SOP_COMMITMENT, native, 2, true};
    struct yq_call call = yq_call_of(conf->dicom_aet, to);
    call.proposals = &proposal;
    call.proposal_count = 1;
    call.limits.idle_seconds = 60;
    call.limits.stall_seconds = 30;
    struct yq_assoc *assoc;
    struct yq_message answer;
    unsigned id = 0;
    if (!yq_assoc_request(&call, &assoc, err))
        return false;
    const struct yq_context *context = commitment_context(assoc);
    bool ok = context != NULL || yq_fail(err, YQ_REFUSED, "door",
                                         "%s does not take storage commitment reports", to->aet);
    ok = ok && report(door, assoc, context, commitment, conf->dicom_aet, &id, err);
    if (ok) {
        enum yq_incoming got = yq_assoc_next(assoc, &answer, err);
        ok = got == YQ_GOT_MESSAGE && answer.command == YQ_N_EVENT_REPORT_RSP && answer.id == id;
        if (!ok && got != YQ_GOT_NOTHING)
            yq_fail(err, YQ_PEER_GONE, "door", "%s did not answer the commitment report", to->aet);
    }
    if (ok)
        yq_assoc_release(assoc);
    yq_assoc_free(assoc);
    return ok;
}

static void deliver_or_later(struct yq_dimse *door, const struct yq_commitment *commitment)
{
    struct yq_house *house = door->house;
    struct yq_err err = {0}, trouble;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    const struct yq_peer *to = yq_conf_destination(conf, commitment->aet);
    int64_t now = yq_now_ms();
    bool ok = to ? deliver(door, conf, to, commitment, &err)
                 : yq_fail(&err, YQ_ABSENT, "door", "no peer of this AE title that can be called");
    bool over = ok || now - commitment->asked_ms > GIVE_UP_MS;
    if (!ok)
        yq_log_err(over ? YQ_LOG_ERROR : YQ_LOG_WARN,
                   over ? "commitment-given-up" : "commitment-later", &err,
                   "aet=\"%s\" transaction=%s tries=%u", commitment->aet, commitment->transaction,
                   commitment->tries + 1);
    unsigned shift = commitment->tries < 9 ? commitment->tries : 9;
    int64_t pause = (int64_t)5000 << shift; /* 5 s, 10 s, ... 43 min */
    bool noted =
        over ? yq_catalog_commitment_done(house->catalog, commitment->id, &trouble)
             : yq_catalog_commitment_later(house->catalog, commitment->id, now + pause, &trouble);
    if (!noted)
        yq_log_err(YQ_LOG_WARN, "commitment", &trouble, "aet=\"%s\"", commitment->aet);
    yq_conf_release(house->conf, conf);
}

void *commitment_courier(void *context)
{
    struct yq_dimse *door = context;
    yq_log_set_trace("commitment");
    while (dimse_wait(door, 1000)) {
        struct yq_commitment due = {0};
        struct yq_err err;
        while (yq_catalog_commitment_due(door->house->catalog, yq_now_ms(), &due, &err)) {
            deliver_or_later(door, &due);
            yq_buf_fini(&due.pairs);
            due = (struct yq_commitment){0};
            if (!dimse_wait(door, 10))
                return NULL;
        }
        yq_buf_fini(&due.pairs);
    }
    return NULL;
}
