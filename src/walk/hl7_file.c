/* hl7_file.c: drafts against what is there, then in with them.
 *
 * Messages come twice, late and in the wrong order. What decides is the time that the message gives
 * (updatedTime; the default mapping has MSH-7 for it): an older message only adds what is missing.
 * Beyond that
 *   - a status of an exam does not go back: an order that comes again makes no examined exam
 *     "requested"; a cancellation stands until the order comes anew;
 *   - a preliminary report does not take the place of a final one, unless it is newer: then the
 *     report was taken back;
 *   - a withdrawal changes the status only, what was reported stays in the record;
 *   - an exam is known by its id, else by the order's number, else by the report that came before
 *     it.
 * Each record is submitted whole, against the version it was worked out from, and worked out anew
 * where somebody was faster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hl7.h"
#include "yq/log.h"

enum { ROUNDS = 6, EXAMS_MOST = 200, NUMBERS_MOST = 16 };

struct filing {
    struct yq_intake *intake;
    struct yq_submission *list;
    size_t count, room;
    const char *ignored; /* why a draft was not taken; static */
    size_t ignored_count;
};

struct present {              /* what is there under an id */
    struct yq_record *record; /* NULL: nothing, or removed */
    int64_t version;          /* what a submission has to expect */
};

static void present_fini(struct present *present)
{
    yq_record_free(present->record);
    present->record = NULL;
}

static bool fail(struct yq_intake *intake, const struct yq_err *err)
{
    return hl7_fault(intake, err->code, 207, "", "%s", err->text);
}

static bool look(struct yq_intake *intake, enum yq_kind kind, const char *id, struct present *out)
{
    struct yq_ledger_entry entry = {0};
    struct yq_err err = {0};
    *out = (struct present){.version = YQ_EXPECT_ABSENT};
    if (!yq_record_out(intake->house, kind, id, 0, &out->record, &entry, &err))
        return err.code == YQ_ABSENT || fail(intake, &err);
    if (!entry.removed)
        out->version = entry.version;
    yq_ledger_entry_fini(&entry);
    return true;
}

/* Records of a kind with this value, at most `most`. */
static bool find(struct yq_intake *intake, enum yq_kind kind, const char *name, const char *value,
                 size_t most, bool with_content, struct yq_ledger_entry **out, size_t *count)
{
    const struct yq_member *member = &yq_kinds[kind].members[yq_member_find(kind, name)];
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (!yq_record_key(intake->house, member, value, &folded, &err))
        return fail(intake, &err);
    struct yq_ledger_key key = {name, yq_buf_text(&folded)};
    struct yq_ledger_query query = {.kind = kind, .keys = &key, .key_count = 1, .limit = most};
    return yq_ledger_find(intake->house->catalog, &query, with_content, out, count, &err) ||
           fail(intake, &err);
}

static bool open_entry(struct yq_intake *intake, const struct yq_ledger_entry *entry,
                       struct yq_record **out)
{
    struct yq_err err = {0};
    return yq_record_open(intake->house, entry, out, &err) || fail(intake, &err);
}

/* ---- which exam it is ---- */

/* The one exam with one of these order numbers; "" where there is none, or several. */
static bool by_order(struct yq_intake *intake, const struct yq_record *exam, char *id, size_t size)
{
    char number[YQ_RECORD_ID_MOST + 1];
    *id = '\0';
    for (size_t n = 0; n < NUMBERS_MOST; n++) {
        struct yq_ledger_entry *list = NULL;
        size_t count = 0;
        if (!yq_record_nth(exam, "orderNumber", n, number, sizeof number))
            return true;
        if (!find(intake, YQ_KIND_EXAM, "orderNumber", number, 2, false, &list, &count))
            return false;
        if (count == 1)
            (void)yq_copy(id, size, list[0].id);
        yq_ledger_list_free(list, count);
        if (count)
            return true;
    }
    return true;
}

/* What the one report about this request calls the exam. */
static bool by_report(struct yq_intake *intake, const struct yq_record *exam, char *id, size_t size)
{
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    const char *request = yq_record_get(exam, "requestNumber");
    *id = '\0';
    if (!request)
        return true;
    if (!find(intake, YQ_KIND_REPORT, "requestNumber", request, 2, true, &list, &count))
        return false;
    struct yq_record *report = NULL;
    bool ok = count != 1 || open_entry(intake, &list[0], &report);
    char other[2];
    if (report && !yq_record_nth(report, "examId", 1, other, sizeof other))
        (void)yq_record_nth(report, "examId", 0, id, size);
    yq_record_free(report);
    yq_ledger_list_free(list, count);
    return ok;
}

/* How often the same id came before among the orders of this message: one number for several
 * examinations makes exams N, N-2, N-3. */
static size_t place_among(const struct hl7_drafts *drafts, size_t at, bool *alone)
{
    size_t before = 0;
    const char *id = yq_record_id(drafts->list[at].record);
    *alone = true;
    for (size_t i = 0; i < drafts->count; i++) {
        const struct hl7_draft *other = &drafts->list[i];
        const char *its = yq_record_id(other->record);
        if (i == at || other->role != drafts->list[at].role || !id || !its || strcmp(id, its) != 0)
            continue;
        *alone = false;
        before += i < at;
    }
    return before;
}

static bool rename_draft(struct yq_intake *intake, struct hl7_draft *draft, const char *id)
{
    struct yq_err err = {0};
    return yq_record_set(draft->record, 0, id, &err) || fail(intake, &err);
}

/* Gives the draft of an exam the id under which the exam is known. */
static bool identify(struct yq_intake *intake, struct hl7_drafts *drafts, size_t at,
                     struct present *present)
{
    struct hl7_draft *draft = &drafts->list[at];
    bool alone;
    char id[YQ_RECORD_ID_MOST + 1];
    *present = (struct present){.version = YQ_EXPECT_ABSENT};
    if (yq_record_id(draft->record)) {
        size_t before = place_among(drafts, at, &alone);
        if (before) {
            snprintf(id, sizeof id, "%.*s-%zu", YQ_RECORD_ID_MOST - 8, yq_record_id(draft->record),
                     before + 1);
            if (!rename_draft(intake, draft, id))
                return false;
        }
        if (!look(intake, YQ_KIND_EXAM, yq_record_id(draft->record), present))
            return false;
        if (present->record || !alone)
            return true;
    }
    if (!by_order(intake, draft->record, id, sizeof id) ||
        (!*id && draft->role == HL7_ROLE_ORDER && !by_report(intake, draft->record, id, sizeof id)))
        return false;
    return !*id || (rename_draft(intake, draft, id) && look(intake, YQ_KIND_EXAM, id, present));
}

/* ---- older or newer ---- */

/* Canonical times compare as text. */
static int order_of(const struct yq_record *ours, const struct yq_record *theirs)
{
    const char *a = yq_record_get(ours, "updatedTime"), *b = yq_record_get(theirs, "updatedTime");
    return a && b ? strcmp(a, b) : 0;
}

static bool complete(struct yq_record *record, const struct yq_record *with, struct yq_err *err)
{
    for (size_t m = 1; m < yq_kinds[record->kind].count; m++)
        if (!record->values[m] && with->values[m] &&
            !yq_record_set(record, (int)m, with->values[m], err))
            return false;
    return true;
}

/* What is there with the draft over it, or, where the draft is older, under it. */
static struct yq_record *merged(struct yq_intake *intake, const struct yq_record *there,
                                const struct hl7_draft *draft, bool older)
{
    struct yq_err err = {0};
    struct yq_record *record = yq_record_copy(there ? there : draft->record);
    bool ok = record != NULL;
    if (ok && there)
        ok = older ? complete(record, draft->record, &err)
                   : yq_record_overlay(record, draft->record, &err);
    for (size_t m = 1; ok && there && !older && m < yq_kinds[record->kind].count; m++)
        if (draft->deleted[m])
            ok = yq_record_set(record, (int)m, NULL, &err);
    if (ok)
        return record;
    yq_record_free(record);
    hl7_fault(intake, err.code ? err.code : YQ_FULL, 207, "", "%s",
              err.code ? err.text : "no memory for a record");
    return NULL;
}

static bool put_status(struct yq_intake *intake, struct yq_record *record, const char *status)
{
    struct yq_err err = {0};
    return yq_record_put(record, "status", status, &err) || fail(intake, &err);
}

/* `take` is consumed, also where it fails. Two drafts may speak of one record (two reports of one
 * exam): then the later comes over the earlier. */
static bool submit(struct filing *filing, struct yq_record *take, int64_t expect)
{
    for (size_t i = 0; i < filing->count; i++) {
        struct yq_record *earlier = filing->list[i].record;
        struct yq_err err = {0};
        if (earlier->kind != take->kind || strcmp(yq_record_id(earlier), yq_record_id(take)) != 0)
            continue;
        bool ok = yq_record_overlay(earlier, take, &err) || fail(filing->intake, &err);
        yq_record_free(take);
        return ok;
    }
    if (filing->count == filing->room) {
        size_t room = filing->room ? filing->room * 2 : 8;
        void *grown = realloc(filing->list, room * sizeof *filing->list);
        if (!grown) {
            yq_record_free(take);
            return hl7_fault(filing->intake, YQ_FULL, 207, "", "no memory for a record");
        }
        filing->list = grown;
        filing->room = room;
    }
    filing->list[filing->count++] =
        (struct yq_submission){.record = take, .how = YQ_RECORD_REPLACE, .expect = expect};
    return true;
}

/* ---- exams ---- */

static int rank_of(const char *status)
{
    static const char *const way[] = {"requested", "scheduled", "registered", "arrived",
                                      "started",   "examined",  "reported"};
    for (int i = 0; status && i < (int)(sizeof way / sizeof *way); i++)
        if (strcmp(status, way[i]) == 0)
            return i;
    return -1; /* cancelled, or of somebody's own */
}

static const char *exam_status(const char *before, const char *after, bool older)
{
    if (!before || !after)
        return after ? after : before;
    if (older || rank_of(after) < 0 || rank_of(before) < 0)
        return older ? before : after;
    return rank_of(after) < rank_of(before) ? before : after;
}

static bool is_reported(const struct yq_record *report)
{
    const char *status = yq_record_get(report, "status");
    return status && (strcmp(status, "final") == 0 || strcmp(status, "corrected") == 0);
}

/* Did a report about this new exam come before it? */
static bool report_waits(struct yq_intake *intake, const char *exam, bool *waits)
{
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    *waits = false;
    if (!find(intake, YQ_KIND_REPORT, "examId", exam, 8, true, &list, &count))
        return false;
    bool ok = true;
    for (size_t i = 0; i < count && ok && !*waits; i++) {
        struct yq_record *report = NULL;
        ok = open_entry(intake, &list[i], &report);
        *waits = ok && report && is_reported(report);
        yq_record_free(report);
    }
    yq_ledger_list_free(list, count);
    return ok;
}

static bool file_order(struct filing *filing, struct hl7_drafts *drafts, size_t at)
{
    struct yq_intake *intake = filing->intake;
    struct present present yq_cleanup(present_fini) = {0};
    bool waits = false;
    if (!identify(intake, drafts, at, &present))
        return false;
    const struct hl7_draft *draft = &drafts->list[at];
    bool older = present.record && order_of(draft->record, present.record) < 0;
    struct yq_record *record = merged(intake, present.record, draft, older);
    if (!record)
        return false;
    const char *before = present.record ? yq_record_get(present.record, "status") : NULL;
    const char *status = exam_status(before, yq_record_get(draft->record, "status"), older);
    if (!present.record && !report_waits(intake, yq_record_id(record), &waits)) {
        yq_record_free(record);
        return false;
    }
    if (waits && rank_of(status) >= 0)
        status = "reported";
    if (status && !put_status(intake, record, status)) {
        yq_record_free(record);
        return false;
    }
    return submit(filing, record, present.version);
}

/* A report's message completes the exam that is there. *id: what the exam is called. */
static bool file_examined(struct filing *filing, struct hl7_drafts *drafts, size_t at, char *id,
                          size_t size)
{
    struct yq_intake *intake = filing->intake;
    struct present present yq_cleanup(present_fini) = {0};
    struct hl7_draft *draft = &drafts->list[at];
    *id = '\0';
    if (!identify(intake, drafts, at, &present))
        return false;
    if (!present.record)
        return true;
    (void)yq_copy(id, size, yq_record_id(present.record));
    struct yq_record *record = merged(intake, present.record, draft, true);
    if (!record)
        return false;
    const char *before = yq_record_get(present.record, "status");
    const char *status = yq_record_get(draft->record, "status");
    if (status && before && rank_of(before) >= 0 && rank_of(status) > rank_of(before) &&
        !put_status(intake, record, status)) {
        yq_record_free(record);
        return false;
    }
    if (yq_record_equal(record, present.record)) {
        yq_record_free(record);
        return true;
    }
    return submit(filing, record, present.version);
}

/* ---- reports ---- */

static bool has_status(const struct yq_record *record, const char *status)
{
    const char *its = yq_record_get(record, "status");
    return its && strcmp(its, status) == 0;
}

/* Why the draft does not take the place of what is there; NULL: it does. */
static const char *outdated(const struct yq_record *draft, const struct yq_record *there)
{
    int order = order_of(draft, there);
    if (order < 0)
        return "it is older than what is there of this report";
    if (order == 0 && has_status(draft, "preliminary") && is_reported(there))
        return "it is preliminary, and no newer than the final report that is there";
    return NULL;
}

static bool file_report(struct filing *filing, struct hl7_drafts *drafts, size_t at)
{
    struct yq_intake *intake = filing->intake;
    struct present present yq_cleanup(present_fini) = {0};
    struct hl7_draft *draft = &drafts->list[at];
    struct yq_err err = {0};
    char exam[YQ_RECORD_ID_MOST + 1] = "", other[2];
    if (at + 1 < drafts->count && drafts->list[at + 1].role == HL7_ROLE_EXAMINED &&
        !file_examined(filing, drafts, at + 1, exam, sizeof exam))
        return false;
    if (*exam && !yq_record_nth(draft->record, "examId", 1, other, sizeof other) &&
        !yq_record_put(draft->record, "examId", exam, &err))
        return fail(intake, &err);
    if (!look(intake, YQ_KIND_REPORT, yq_record_id(draft->record), &present))
        return false;
    const char *why = present.record ? outdated(draft->record, present.record) : NULL;
    if (why) {
        filing->ignored = why;
        filing->ignored_count++;
        return true;
    }
    struct yq_record *record = merged(intake, present.record, draft, false);
    return record && submit(filing, record, present.version);
}

/* ---- lab reports: several messages may bring one report's results ---- */

static bool same_text(const struct yq_record *a, const struct yq_record *b, const char *name)
{
    const char *x = yq_record_get(a, name), *y = yq_record_get(b, name);
    return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool is_result_of(const struct yq_record_list *list, const struct yq_record *result)
{
    for (size_t i = 0; i < list->count; i++)
        if (same_text(list->items[i], result, "itemCode") &&
            same_text(list->items[i], result, "itemName"))
            return true;
    return false;
}

/* Results of `from` that `record` does not have, at its end. */
static bool add_missing(struct yq_intake *intake, struct yq_record *record,
                        const struct yq_record *from)
{
    int member = yq_member_find(YQ_KIND_LAB, "results");
    const struct yq_record_list *list = &from->lists[member];
    for (size_t i = 0; i < list->count; i++) {
        struct yq_err err = {0};
        if (is_result_of(&record->lists[member], list->items[i]))
            continue;
        struct yq_record *copy = yq_record_copy(list->items[i]);
        if (!copy)
            return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a record");
        if (!yq_record_add(record, member, copy, &err))
            return fail(intake, &err);
    }
    return true;
}

static bool file_lab(struct filing *filing, const struct hl7_draft *draft)
{
    struct yq_intake *intake = filing->intake;
    struct present present yq_cleanup(present_fini) = {0};
    if (!look(intake, YQ_KIND_LAB, yq_record_id(draft->record), &present))
        return false;
    bool older = present.record && outdated(draft->record, present.record);
    struct yq_record *record = merged(intake, present.record, draft, older);
    if (!record)
        return false;
    if (present.record && !add_missing(intake, record, older ? draft->record : present.record)) {
        yq_record_free(record);
        return false;
    }
    return submit(filing, record, present.version);
}

/* ---- patients ---- */

static const char *const demographics[] = {"patientName", "patientNamePinyin", "idType", "idNumber",
                                           "sex",         "birthDate",         "phone",  "address"};

static bool file_exam_of_patient(struct filing *filing, const struct yq_ledger_entry *entry,
                                 const struct hl7_draft *draft)
{
    struct yq_intake *intake = filing->intake;
    struct yq_record *exam = NULL;
    struct yq_err err = {0};
    bool changed = false;
    if (!open_entry(intake, entry, &exam) || !exam)
        return exam || intake->fault.code == YQ_OK;
    bool ok = true;
    bool open = !has_status(exam, "reported") && !has_status(exam, "cancelled");
    for (size_t i = 0; open && ok && i < sizeof demographics / sizeof *demographics; i++) {
        const char *value = yq_record_get(draft->record, demographics[i]);
        const char *there = yq_record_get(exam, demographics[i]);
        if (!value || (there && strcmp(value, there) == 0))
            continue;
        changed = true;
        ok = yq_record_put(exam, demographics[i], value, &err) || fail(intake, &err);
    }
    if (ok && changed)
        return submit(filing, exam, entry->version);
    yq_record_free(exam);
    return ok;
}

/* Exams that are not reported yet take over who the patient is; what was reported stays as it was
 * signed. */
static bool file_patient(struct filing *filing, const struct hl7_draft *draft)
{
    struct yq_intake *intake = filing->intake;
    struct present present yq_cleanup(present_fini) = {0};
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    const char *id = yq_record_id(draft->record);
    if (!look(intake, YQ_KIND_PATIENT, id, &present))
        return false;
    bool older = present.record && order_of(draft->record, present.record) < 0;
    struct yq_record *record = merged(intake, present.record, draft, older);
    if (!record || !submit(filing, record, present.version))
        return false;
    if (older)
        return true;
    if (!find(intake, YQ_KIND_EXAM, "patientId", id, EXAMS_MOST, true, &list, &count))
        return false;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = file_exam_of_patient(filing, &list[i], draft);
    yq_ledger_list_free(list, count);
    return ok;
}

/* ---- in ---- */

static bool prepare(struct filing *filing, struct hl7_drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++) {
        struct hl7_draft *draft = &drafts->list[i];
        bool ok = true;
        switch (draft->role) {
        case HL7_ROLE_ORDER: ok = file_order(filing, drafts, i); break;
        case HL7_ROLE_REPORT: ok = file_report(filing, drafts, i); break;
        case HL7_ROLE_LAB: ok = file_lab(filing, draft); break;
        case HL7_ROLE_PATIENT: ok = file_patient(filing, draft); break;
        case HL7_ROLE_EXAMINED: break; /* with its report */
        }
        if (!ok)
            return false;
    }
    return true;
}

static void filing_fini(struct filing *filing)
{
    for (size_t i = 0; i < filing->count; i++) {
        yq_record_free(filing->list[i].record);
        yq_findings_fini(&filing->list[i].findings);
    }
    free(filing->list);
}

/* *again: somebody was faster; all of it has to be worked out anew. */
static bool hand_in(struct filing *filing, bool *again)
{
    struct yq_intake *intake = filing->intake;
    struct yq_err err = {0};
    *again = false;
    if (!filing->count)
        return true;
    char source[YQ_SOURCE_SIZE];
    snprintf(source, sizeof source, "hl7:%s", intake->source->name);
    if (!yq_record_in(intake->house, intake->origin, source, filing->list, filing->count, &err))
        return fail(intake, &err);
    for (size_t i = 0; i < filing->count; i++) {
        const struct yq_err *why = &filing->list[i].result.err;
        if (why->code == YQ_CONFLICT)
            *again = true;
        else if (why->code != YQ_OK)
            return hl7_fault(intake, why->code, why->code == YQ_BAD_INPUT ? 102 : 207, "", "%s",
                             why->text);
    }
    return true;
}

static bool copy_drafts(struct yq_intake *intake, struct hl7_drafts *drafts,
                        struct yq_record **names)
{
    /* identify() changes ids and examId: a second round begins with what the message says */
    for (size_t i = 0; i < drafts->count; i++) {
        yq_record_free(names[i]);
        names[i] = yq_record_copy(drafts->list[i].record);
        if (!names[i])
            return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a record");
    }
    return true;
}

static bool merge_patients(struct yq_intake *intake, const struct hl7_drafts *drafts, char *ignored,
                           size_t size)
{
    char source[YQ_SOURCE_SIZE];
    struct yq_err err = {0};
    int64_t merge = 0;
    if (strcmp(drafts->from, drafts->into) == 0) {
        (void)yq_copy(ignored, size, "MRG-1 and PID-3 are the same patient");
        return true;
    }
    snprintf(source, sizeof source, "hl7:%s", intake->source->name);
    if (yq_patient_merge(intake->house, intake->origin, source, drafts->from, drafts->into, &merge,
                         &err))
        return true;
    if (err.code == YQ_ABSENT) {
        (void)yq_copy(ignored, size, "there is nothing here of the patient in MRG-1");
        return true;
    }
    return hl7_fault(intake, err.code, err.code == YQ_BAD_INPUT ? 204 : 207, "MRG-1", "%s",
                     err.text);
}

bool hl7_file(struct yq_intake *intake, struct hl7_drafts *drafts, char *ignored, size_t size)
{
    bool ok = true, again = true;
    *ignored = '\0';
    struct yq_record **said = calloc(drafts->count + 1, sizeof(struct yq_record *));
    if (!said)
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a message");
    ok = copy_drafts(intake, drafts, said);
    for (int round = 0; ok && again && round < ROUNDS; round++) {
        struct filing filing = {.intake = intake};
        for (size_t i = 0; round && i < drafts->count; i++) { /* as the message said */
            struct yq_record *fresh = yq_record_copy(said[i]);
            if (!fresh)
                continue;
            yq_record_free(drafts->list[i].record);
            drafts->list[i].record = fresh;
        }
        ok = prepare(&filing, drafts) && hand_in(&filing, &again);
        if (ok && filing.ignored && !filing.count)
            (void)yq_copy(ignored, size, filing.ignored);
        filing_fini(&filing);
    }
    for (size_t i = 0; i < drafts->count; i++)
        yq_record_free(said[i]);
    free(said);
    if (ok && again)
        ok = hl7_fault(intake, YQ_BUSY, 206, "", "others changed the same records all the time");
    if (ok && *drafts->from)
        ok = merge_patients(intake, drafts, ignored, size);
    return ok;
}
