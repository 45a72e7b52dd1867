/* merge.c: two patients were one (HL7 ADT^A40; PIR of IHE): what is here of the one becomes the
 * other's, and can be taken back.
 *
 * The merge and what it moves are noted first, record by record and study by study, so that a crash
 * in between leaves a merge that can be run again (it moves what is left) or undone. Records get a
 * new version; studies a corrected Patient ID in the catalog (their files stay as they came). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "yq/form.h"
#include "yq/log.h"

#define SEALED_AS "patient-merge"

enum { AT_ONCE = 100 };

struct task {
    struct yq_house *house;
    const struct yq_origin *origin;
    const char *from, *into;
    int64_t merge;
    char source[YQ_SOURCE_SIZE];
    size_t records, studies, left;
    bool undo;
};

static bool note(struct task *task, int64_t row, const char *study, struct yq_err *err)
{
    struct yq_merged moved = {.row = row};
    yq_copy(moved.study, sizeof moved.study, study);
    return task->undo || yq_catalog_merge_moved(task->house->catalog, task->merge, &moved, 1, err);
}

/* ---- records ---- */

/* A new version with another patient id. The patient record itself says into whom it went. */
static bool move_record(struct task *task, const struct link_record *record, struct yq_err *err)
{
    struct yq_record *change yq_cleanup(yq_record_cleanup) = yq_record_copy(record->record);
    bool patient = record->record->kind == YQ_KIND_PATIENT;
    if (!change)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    if (!yq_record_put(change, patient ? "mergedInto" : "patientId",
                       patient && task->undo ? NULL : task->into, err))
        return false;
    struct yq_submission one = {
        .record = change, .how = YQ_RECORD_REPLACE, .expect = YQ_EXPECT_ANYTHING};
    bool ok = note(task, record->row, "", err) &&
              yq_record_in(task->house, task->origin, task->source, &one, 1, err);
    yq_findings_fini(&one.findings);
    if (ok && one.result.err.code != YQ_OK) {
        *err = one.result.err;
        ok = false;
    }
    task->records += ok;
    return ok;
}

static bool move_kind(struct task *task, enum yq_kind kind, struct yq_err *err)
{
    struct link_record records[AT_ONCE];
    size_t count, before;
    do {
        before = task->records;
        if (!link_find_records(task->house, kind, "patientId", task->from, true, records, AT_ONCE,
                               &count, err))
            return false;
        bool ok = true;
        for (size_t i = 0; i < count; i++) {
            const char *id = yq_record_get(records[i].record, "patientId");
            if (ok && id && strcmp(id, task->from) == 0) /* keys are folded */
                ok = move_record(task, &records[i], err);
            link_record_fini(&records[i]);
        }
        if (!ok)
            return false;
    } while (count == AT_ONCE && task->records > before);
    return true;
}

static bool move_patient_record(struct task *task, struct yq_err *err)
{
    struct yq_ledger_entry entry;
    struct link_record patient = {0};
    struct yq_err absent = {0};
    if (!yq_record_out(task->house, YQ_KIND_PATIENT, task->undo ? task->into : task->from, 0,
                       &patient.record, &entry, &absent))
        return absent.code == YQ_ABSENT || (*err = absent, false);
    patient.row = entry.row;
    bool ok = !patient.record || move_record(task, &patient, err);
    yq_record_out_fini(patient.record, &entry);
    return ok;
}

/* ---- studies ---- */

static bool move_study(struct task *task, const char *study, struct yq_err *err)
{
    if (!note(task, 0, study, err) ||
        !yq_catalog_settle(task->house->catalog, study, YQ_PatientID, task->into, err))
        return false;
    struct yq_audit_about about;
    yq_audit_look(task->house, study, &about);
    yq_audit_accessed(task->house->audit, task->origin, 'U', &about, "", "", "PatientID", NULL);
    yq_link_study(task->house, study);
    task->studies++;
    return true;
}

static bool move_studies(struct task *task, struct yq_err *err)
{
    struct link_study studies[AT_ONCE];
    size_t count, before;
    do {
        before = task->studies;
        if (!link_find_studies(task->house, YQ_PatientID, task->from, studies, AT_ONCE, &count,
                               err))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!move_study(task, studies[i].uid, err))
                return false;
    } while (count == AT_ONCE && task->studies > before);
    return true;
}

/* ---- who and whom, at rest ---- */

static bool write_content(struct task *task, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    struct yq_record *who yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_PATIENT);
    if (!who)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    if (!yq_record_put(who, "patientId", task->from, err) ||
        !yq_record_put(who, "mergedInto", task->into, err))
        return false;
    yq_form_record_write(who, YQ_LOOK_PLAIN, &json);
    return (!json.failed || yq_fail(err, YQ_FULL, "walk", "no memory for a record")) &&
           yq_personal_shut(task->house, SEALED_AS, json.bytes, json.length, out, err);
}

static bool read_content(struct yq_house *house, const struct yq_merge *merge,
                         struct yq_record **who, struct yq_err *err)
{
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    return yq_personal_open(house, SEALED_AS, merge->content, strlen(merge->content), &json, err) &&
           yq_form_record_read(YQ_KIND_PATIENT, yq_buf_text(&json), json.length, NULL, who, err) &&
           ((*who && yq_record_get(*who, "patientId") && yq_record_get(*who, "mergedInto")) ||
            yq_fail(err, YQ_IO, "walk", "the merge %lld cannot be read", (long long)merge->id));
}

/* ---- the walks ---- */

bool yq_patient_merge(struct yq_house *house, const struct yq_origin *origin, const char *source,
                      const char *from, const char *into, int64_t *merge, struct yq_err *err)
{
    struct task task = {.house = house, .origin = origin, .from = from, .into = into};
    struct yq_buf content yq_cleanup(yq_buf_fini) = {0};
    struct yq_merge row = {0};
    if (!*from || !*into || strcmp(from, into) == 0)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "a merge is of one patient id into another");
    if (!yq_audit_ready(house->audit, err) || !write_content(&task, &content, err))
        return false;
    yq_copy(row.source, sizeof row.source, source);
    row.content = (char *)content.bytes; /* borrowed for the call */
    if (!yq_catalog_merge_begin(house->catalog, &row, &task.merge, err))
        return false;
    snprintf(task.source, sizeof task.source, "merge:%lld", (long long)task.merge);
    bool ok = true;
    for (int kind = 0; ok && kind < YQ_KIND_KEPT; kind++)
        if (kind != YQ_KIND_PATIENT && yq_member_find((enum yq_kind)kind, "patientId") >= 0)
            ok = move_kind(&task, (enum yq_kind)kind, err);
    ok = ok && move_studies(&task, err) && move_patient_record(&task, err);
    *merge = task.merge;
    if (ok)
        yq_log(YQ_LOG_INFO, "patient-merged", "merge=%lld source=%s records=%zu studies=%zu",
               (long long)task.merge, source, task.records, task.studies);
    return ok;
}

/* Back to whom it was of, unless somebody gave it to a third meanwhile. */
static bool give_back(struct task *task, const struct yq_merged *item, struct yq_err *err)
{
    if (*item->study) {
        struct link_study study;
        size_t count;
        if (!link_find_studies(task->house, YQ_StudyInstanceUID, item->study, &study, 1, &count,
                               err))
            return false;
        if (!count || strcmp(study.patient_id, task->from) != 0)
            task->left += count;
        else
            return move_study(task, item->study, err);
        return true;
    }
    struct link_record record;
    if (!link_load(task->house, item->row, &record, err))
        return false;
    bool ok = true, patient = record.record && record.record->kind == YQ_KIND_PATIENT;
    const char *now =
        record.record ? yq_record_get(record.record, patient ? "mergedInto" : "patientId") : NULL;
    if (now && strcmp(now, task->from) == 0)
        ok = move_record(task, &record, err);
    else
        task->left += record.record != NULL;
    link_record_fini(&record);
    return ok;
}

bool yq_patient_unmerge(struct yq_house *house, const struct yq_origin *origin, int64_t merge,
                        size_t *left, struct yq_err *err)
{
    struct task task = {.house = house, .origin = origin, .merge = merge, .undo = true};
    struct yq_record *who yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_merge row;
    struct yq_merged *items = NULL;
    size_t count = 0;
    *left = 0;
    if (!yq_audit_ready(house->audit, err) ||
        !yq_catalog_merges(house->catalog, merge, &row, 1, &count, err))
        return false;
    if (!count)
        return yq_fail(err, YQ_ABSENT, "walk", "there is no merge %lld", (long long)merge);
    bool ok = (!row.undone_ms || yq_fail(err, YQ_CONFLICT, "walk", "it was undone already")) &&
              read_content(house, &row, &who, err) &&
              yq_catalog_merge_items(house->catalog, merge, &items, &count, err);
    if (ok) { /* the other way round */
        task.from = yq_record_get(who, "mergedInto");
        task.into = yq_record_get(who, "patientId");
        snprintf(task.source, sizeof task.source, "unmerge:%lld", (long long)merge);
    }
    for (size_t i = 0; ok && i < count; i++)
        ok = give_back(&task, &items[i], err);
    ok = ok && yq_catalog_merge_undone(house->catalog, merge, err);
    *left = task.left;
    if (ok)
        yq_log(YQ_LOG_INFO, "patient-merge-undone", "merge=%lld records=%zu studies=%zu left=%zu",
               (long long)merge, task.records, task.studies, task.left);
    free(items);
    yq_merge_fini(&row);
    return ok;
}

static bool list_one(struct yq_house *house, const struct yq_merge *merge, struct yq_merge_row *out,
                     struct yq_err *err)
{
    struct yq_record *who yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_merged *items = NULL;
    size_t count = 0;
    if (!read_content(house, merge, &who, err) ||
        !yq_catalog_merge_items(house->catalog, merge->id, &items, &count, err))
        return false;
    out->id = merge->id;
    out->at_ms = merge->at_ms;
    out->undone_ms = merge->undone_ms;
    for (size_t i = 0; i < count; i++)
        *(*items[i].study ? &out->studies : &out->records) += 1;
    yq_copy(out->source, sizeof out->source, merge->source);
    yq_copy(out->from, sizeof out->from, yq_record_get(who, "patientId"));
    yq_copy(out->into, sizeof out->into, yq_record_get(who, "mergedInto"));
    free(items);
    return true;
}

bool yq_patient_merges(struct yq_house *house, size_t limit, struct yq_merge_row **out,
                       size_t *count, struct yq_err *err)
{
    struct yq_merge *merges = calloc(limit, sizeof *merges);
    *count = 0;
    *out = calloc(limit, sizeof **out);
    bool ok = (merges && *out) || yq_fail(err, YQ_FULL, "walk", "no memory for a list");
    ok = ok && yq_catalog_merges(house->catalog, 0, merges, limit, count, err);
    for (size_t i = 0; ok && i < *count; i++)
        ok = list_one(house, &merges[i], &(*out)[i], err);
    for (size_t i = 0; merges && i < *count; i++)
        yq_merge_fini(&merges[i]);
    free(merges);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}
