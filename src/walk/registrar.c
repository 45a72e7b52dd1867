/* registrar.c: records from the images, in the background: which studies changed -> is each quiet
 * -> is its exam known -> exam -> reports -> links -> noted as looked at.
 *
 * Nothing of it is kept in memory between two calls: a study is looked at again until its row says
 * that it was, so a restart goes on, and a record that is there already comes out the same and is
 * no new version. Who ordered an exam knows more than its header: that only completes what is
 * empty. A record that somebody removed is not made again. Runs on the thread that node/ lends. */
#include "registrar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/log.h"

enum { AT_ONCE = 32, KNOWN_MOST = 8 };

struct totals {
    size_t exams, reports, left;
};

static void source_of(const struct reg_study *study, char source[YQ_SOURCE_SIZE])
{
    snprintf(source, YQ_SOURCE_SIZE, "image:%s",
             *study->row->source ? study->row->source : "files");
}

static bool keep(const struct reg_study *study, struct yq_record *record, enum yq_record_how how,
                 struct yq_ledger_result *result, struct yq_err *err)
{
    struct yq_origin origin = {.door = "registrar"};
    struct yq_submission submission = {.record = record, .how = how, .expect = YQ_EXPECT_ANYTHING};
    char source[YQ_SOURCE_SIZE];
    source_of(study, source);
    (void)yq_copy(origin.aet, sizeof origin.aet, study->row->source);
    bool ok = yq_record_in(study->house, &origin, source, &submission, 1, err);
    *result = submission.result;
    yq_findings_fini(&submission.findings);
    if (ok && result->err.code == YQ_BUSY) {
        *err = result->err;
        return false;
    }
    return ok;
}

static bool is_ours(const struct yq_ledger_entry *entry)
{
    return strncmp(entry->source, "image:", 6) == 0;
}

/* ---- is the exam known? ---- */

/* The one who has this number may be somebody else's exam: numbers are used again. */
static bool is_another(struct yq_house *house, const struct yq_ledger_entry *entry,
                       const struct yq_record *exam)
{
    static const char *const members[] = {"patientId", "patientName"};
    struct yq_record *known = NULL;
    struct yq_err ignored;
    bool differs = yq_record_open(house, entry, &known, &ignored) && known;
    for (size_t i = 0; differs && i < sizeof members / sizeof *members; i++) {
        const char *a = yq_record_get(known, members[i]), *b = yq_record_get(exam, members[i]);
        differs = a && b && strcmp(a, b) != 0;
    }
    yq_record_free(known);
    return differs;
}

/* An exam of another source with this value of a member. */
static bool find_by(struct reg_study *study, const char *member, const char *value, bool sure,
                    struct yq_err *err)
{
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    int place = yq_member_find(YQ_KIND_EXAM, member);
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    if (!yq_record_key(study->house, &yq_kinds[YQ_KIND_EXAM].members[place], value, &folded, err))
        return false;
    struct yq_ledger_key key = {member, yq_buf_text(&folded)};
    struct yq_ledger_query query = {
        .kind = YQ_KIND_EXAM, .keys = &key, .key_count = 1, .limit = KNOWN_MOST};
    if (!yq_ledger_find(study->house->catalog, &query, true, &list, &count, err))
        return false;
    for (size_t i = 0; i < count && !*study->exam_id; i++)
        if (sure || !is_another(study->house, &list[i], study->exam))
            (void)yq_copy(study->exam_id, sizeof study->exam_id, list[i].id);
    yq_ledger_list_free(list, count);
    return true;
}

static bool find_others(struct reg_study *study, struct yq_err *err)
{
    char number[80];
    if (!find_by(study, "studyInstanceUid", study->row->study, true, err))
        return false;
    for (size_t i = 0; !*study->exam_id &&
                       yq_record_nth(study->exam, "accessionNumber", i, number, sizeof number);
         i++)
        if (!find_by(study, "accessionNumber", number, false, err))
            return false;
    return true;
}

/* What is done with what the header says; *none: nothing. */
static bool decide(struct reg_study *study, enum yq_record_how *how, bool *none, struct yq_err *err)
{
    struct yq_ledger_entry entry;
    const char *id = yq_record_id(study->exam);
    *none = false;
    *how = YQ_RECORD_COMPLETE;
    if (yq_ledger_get(study->house->catalog, YQ_KIND_EXAM, id, 0, &entry, err)) {
        *none = entry.removed;
        if (is_ours(&entry))
            *how = YQ_RECORD_OVERLAY; /* more has come, or was put right */
        yq_ledger_entry_fini(&entry);
        (void)yq_copy(study->exam_id, sizeof study->exam_id, id);
        return true;
    }
    if (err->code != YQ_ABSENT)
        return false;
    memset(err, 0, sizeof *err);
    if (!find_others(study, err))
        return false;
    if (*study->exam_id)
        return yq_record_put(study->exam, "examId", study->exam_id, err);
    (void)yq_copy(study->exam_id, sizeof study->exam_id, id);
    return true;
}

static bool keep_exam(struct reg_study *study, struct totals *totals, struct yq_err *err)
{
    struct yq_ledger_result result;
    enum yq_record_how how;
    bool none;
    if (!reg_exam(study, err) || !decide(study, &how, &none, err))
        return false;
    if (none)
        return true;
    if (!keep(study, study->exam, how, &result, err))
        return false;
    totals->exams += result.err.code == YQ_OK && result.outcome == YQ_LEDGER_NEW;
    return true;
}

/* ---- its documents ---- */

/* A report that came some other way, or was removed, is left as it is. */
static bool may_change(const struct reg_study *study, const char *id, bool *may, struct yq_err *err)
{
    struct yq_ledger_entry entry;
    *may = true;
    if (yq_ledger_get(study->house->catalog, YQ_KIND_REPORT, id, 0, &entry, err)) {
        *may = is_ours(&entry) && !entry.removed;
        yq_ledger_entry_fini(&entry);
        return true;
    }
    bool absent = err->code == YQ_ABSENT;
    if (absent)
        memset(err, 0, sizeof *err);
    return absent;
}

static bool is_transient(enum yq_code code)
{
    return code == YQ_BUSY || code == YQ_IO || code == YQ_TIMEOUT || code == YQ_REFUSED;
}

static bool keep_report(const struct reg_study *study, const struct yq_entry *entry,
                        struct totals *totals, struct yq_err *err)
{
    struct yq_record *report = NULL;
    struct yq_ledger_result result = {0};
    struct yq_err why = {0};
    bool done, may = false;
    if (!yq_register_has(study->house->catalog, entry->key.instance, entry->received_ms, &done,
                         err))
        return false;
    if (done)
        return true;
    bool ok = true;
    if (!reg_report(study, entry, &report, &why)) {
        yq_log_err(YQ_LOG_WARN, "no-report-from-document", &why, "sop=%s", entry->key.instance);
        totals->left++;
    } else if (report) {
        ok = may_change(study, yq_record_id(report), &may, err) &&
             (!may || keep(study, report, YQ_RECORD_OVERLAY, &result, err));
        totals->reports += ok && may && result.outcome != YQ_LEDGER_SAME;
    }
    yq_record_free(report);
    if (!ok || why.code == YQ_BUSY || why.code == YQ_TIMEOUT)
        return ok; /* once more when the study changes, or at the next start */
    return yq_register_instance(study->house->catalog, entry->key.instance, entry->received_ms,
                                err);
}

static bool has_documents(const struct reg_study *study)
{
    char list[sizeof study->classes], *rest = list;
    memcpy(list, study->classes, sizeof list);
    for (char *one; (one = strsep(&rest, "\\"));)
        if (reg_is_document(one))
            return true;
    return false;
}

static int oldest_first(const void *a, const void *b)
{
    const struct yq_entry *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool keep_reports(const struct reg_study *study, struct totals *totals, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
    struct yq_entry *entries = NULL;
    size_t count = 0;
    if (!has_documents(study))
        return true;
    bool ok = yq_query_add(&query, YQ_StudyInstanceUID, study->row->study, true, err) &&
              yq_catalog_list(study->house->catalog, &query, &entries, &count, err);
    if (ok && count)
        qsort(entries, count, sizeof *entries, oldest_first);
    for (size_t i = 0; ok && i < count; i++)
        if (reg_is_document(entries[i].sop_class))
            ok = keep_report(study, &entries[i], totals, err);
    free(entries);
    return ok;
}

/* ---- one study, and some ---- */

static void look_up_sender(struct reg_study *study)
{
    const struct yq_conf *conf = yq_conf_hold(study->house->conf);
    const struct yq_peer *peer =
        *study->row->source ? yq_conf_peer(conf, study->row->source, "", NULL) : NULL;
    (void)yq_copy(study->charset, sizeof study->charset, peer ? peer->assume_charset : "");
    study->make = conf->records_from_images && !(peer && peer->no_records);
    yq_conf_release(study->house->conf, conf);
}

/* False: the machine failed, not the study. */
static bool look_at(struct yq_house *house, const struct yq_unregistered *row,
                    struct totals *totals, struct yq_err *err)
{
    struct reg_study study = {.house = house, .row = row};
    look_up_sender(&study);
    if (!study.make)
        return true;
    bool ok = keep_exam(&study, totals, err) && keep_reports(&study, totals, err);
    yq_record_free(study.exam);
    if (ok || is_transient(err->code))
        return ok;
    if (err->code != YQ_ABSENT) { /* deleted meanwhile */
        yq_log_err(YQ_LOG_WARN, "no-record-from-study", err, "study=%s", row->study);
        totals->left++;
    }
    memset(err, 0, sizeof *err);
    return true;
}

bool yq_registrar_work(struct yq_house *house, size_t *did, struct yq_err *err)
{
    struct yq_unregistered some[AT_ONCE];
    struct totals totals = {0};
    struct yq_err trouble = {0};
    int64_t began_ms = yq_monotonic_ms();
    size_t count;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    int64_t quiet_ms = yq_now_ms() - conf->queue_complete_seconds * 1000;
    yq_conf_release(house->conf, conf);
    *did = 0;
    if (!yq_register_next(house->catalog, quiet_ms, 0, some, AT_ONCE, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!look_at(house, &some[i], &totals, &trouble))
            continue; /* the others first; it stays among those that are to be looked at */
        yq_link_study(house, some[i].study);
        some[(*did)++] = some[i];
    }
    if (!yq_register_done(house->catalog, some, *did, err))
        return false;
    if (*did)
        yq_log(YQ_LOG_INFO, "studies-registered",
               "studies=%zu exams=%zu reports=%zu left=%zu ms=%" PRId64, *did, totals.exams,
               totals.reports, totals.left, yq_monotonic_ms() - began_ms);
    if (*did < count)
        *err = trouble;
    return *did == count;
}
