/* link.c: exams, reports and studies find each other.
 *
 * Whatever comes or changes is looked at from its own end: candidates by each number it carries,
 * and by its patient when no number finds any; each is judged (link_judge.c), and the catalog takes
 * over what was found in one transaction per call. Records that were kept and not yet linked are
 * marked in the catalog, so a crash between both is made good at the next start. What cannot be
 * looked up is logged and stays marked. Runs on whichever thread brought the record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "yq/log.h"

enum { GUESSES_MOST = 3, FOUND_MOST = 64, DUE_AT_ONCE = 256 };

struct found { /* from one end; bounded, for every number is */
    struct yq_tie ties[FOUND_MOST];
    int64_t apart[FOUND_MOST];
    size_t count;
};

static void add(struct found *found, const struct yq_tie *tie, int64_t apart)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct yq_tie *there = &found->ties[i];
        if (there->exam == tie->exam && there->report == tie->report &&
            strcmp(there->study, tie->study) == 0)
            return;
    }
    if (found->count < FOUND_MOST) {
        found->apart[found->count] = apart;
        found->ties[found->count++] = *tie;
    }
}

/* ---- candidates ---- */

static void judge_study(const struct link_record *record, const struct link_study *study,
                        struct found *found)
{
    struct yq_tie tie = {0};
    enum yq_link_how how;
    int64_t apart;
    if (!link_judge_study(record->record, study, &how, &tie.state, &apart))
        return;
    bool exam = record->record->kind == YQ_KIND_EXAM;
    tie.exam = exam ? record->row : 0;
    tie.report = exam ? 0 : record->row;
    tie.how = how;
    yq_copy(tie.study, sizeof tie.study, study->uid);
    add(found, &tie, apart);
}

static void judge_records(const struct link_record *exam, const struct link_record *report,
                          struct found *found)
{
    struct yq_tie tie = {.exam = exam->row, .report = report->row};
    enum yq_link_how how;
    int64_t apart;
    if (!link_judge_records(exam->record, report->record, &how, &tie.state, &apart))
        return;
    tie.how = how;
    add(found, &tie, apart);
}

/* Studies that carry a value of the record's in this attribute. */
static bool look_for_studies(struct yq_house *house, const struct link_record *record,
                             const char *member, enum yq_attr attr, struct found *found,
                             struct yq_err *err)
{
    struct link_study studies[LINK_SHARED_MOST + 1];
    char value[256];
    size_t count;
    for (size_t i = 0; yq_record_nth(record->record, member, i, value, sizeof value); i++) {
        if (!link_find_studies(house, attr, value, studies, LINK_SHARED_MOST + 1, &count, err))
            return false;
        for (size_t s = 0; s < count && count <= LINK_SHARED_MOST; s++)
            judge_study(record, &studies[s], found);
    }
    return true;
}

/* Records of the other kind that carry a value of the record's member as their `key`. */
static bool look_for_records(struct yq_house *house, const struct link_record *record,
                             const char *member, const char *key, struct found *found,
                             struct yq_err *err)
{
    struct link_record others[LINK_SHARED_MOST];
    bool exam = record->record->kind == YQ_KIND_EXAM;
    enum yq_kind kind = exam ? YQ_KIND_REPORT : YQ_KIND_EXAM;
    char value[256];
    size_t count;
    for (size_t i = 0; yq_record_nth(record->record, member, i, value, sizeof value); i++) {
        if (!link_find_records(house, kind, key, value, false, others, LINK_SHARED_MOST, &count,
                               err))
            return false;
        for (size_t o = 0; o < count; o++) {
            judge_records(exam ? record : &others[o], exam ? &others[o] : record, found);
            link_record_fini(&others[o]);
        }
    }
    return true;
}

static bool has_sure(const struct found *found, bool study)
{
    for (size_t i = 0; i < found->count; i++)
        if (found->ties[i].state == YQ_TIE_SURE && (*found->ties[i].study != '\0') == study)
            return true;
    return false;
}

static bool look_by_number(struct yq_house *house, const struct link_record *record,
                           struct found *found, struct yq_err *err)
{
    static const char *const shared[] = {"studyInstanceUid", "accessionNumber", "requestNumber"};
    if (!look_for_studies(house, record, shared[0], YQ_StudyInstanceUID, found, err) ||
        !look_for_studies(house, record, shared[1], YQ_AccessionNumber, found, err) ||
        !look_for_records(house, record, "examId", "examId", found, err))
        return false;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (!look_for_records(house, record, shared[i], shared[i], found, err))
            return false;
    return true;
}

/* By the patient, where no number found any. */
static bool look_by_patient(struct yq_house *house, const struct link_record *record,
                            struct found *found, struct yq_err *err)
{
    static const char *const members[] = {"patientId", "hisPatientId", "idNumber"};
    bool studies = !has_sure(found, true), records = !has_sure(found, false);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (studies && i < 2 &&
            !look_for_studies(house, record, members[i], YQ_PatientID, found, err))
            return false;
        if (records && !look_for_records(house, record, members[i], members[i], found, err))
            return false;
    }
    return true;
}

/* ---- guesses ---- */

/* Whether the other end of a guess is surely joined with something of this kind already. */
static bool is_taken(struct yq_house *house, const struct yq_tie *guess, bool other_is_study,
                     bool exam_asks)
{
    struct yq_tie_query query = {.state = -1, .limit = LINK_SHARED_MOST};
    struct yq_tie *list = NULL;
    size_t count = 0;
    struct yq_err ignored = {0};
    bool taken = false;
    if (other_is_study)
        query.study = guess->study;
    else if (exam_asks)
        query.report = guess->report;
    else
        query.exam = guess->exam;
    if (!yq_catalog_ties(house->catalog, &query, &list, &count, &ignored))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool same_pair = !list[i].exam == !guess->exam && !list[i].report == !guess->report;
        taken |= same_pair && list[i].state != YQ_TIE_GUESS;
    }
    free(list);
    return taken;
}

static void drop(struct found *found, size_t at)
{
    found->count--;
    memmove(&found->ties[at], &found->ties[at + 1], (found->count - at) * sizeof *found->ties);
    memmove(&found->apart[at], &found->apart[at + 1], (found->count - at) * sizeof *found->apart);
}

/* How many guesses of the same pair are nearer in time. */
static size_t rank_of(const struct found *found, size_t which)
{
    size_t rank = 0;
    for (size_t i = 0; i < found->count; i++)
        rank += found->ties[i].state == YQ_TIE_GUESS &&
                !*found->ties[i].study == !*found->ties[which].study &&
                (found->apart[i] < found->apart[which] ||
                 (found->apart[i] == found->apart[which] && i < which));
    return rank;
}

/* Guesses go where something is sure; by patient and time only the nearest that are free stay. */
static void keep_good_guesses(struct yq_house *house, struct found *found, bool exam_asks)
{
    for (size_t i = found->count; i-- > 0;) {
        const struct yq_tie *tie = &found->ties[i];
        bool study = *tie->study != '\0';
        if (tie->state == YQ_TIE_GUESS &&
            (has_sure(found, study) ||
             (tie->how == YQ_LINK_GUESS && is_taken(house, tie, study, exam_asks))))
            drop(found, i);
    }
    for (size_t i = found->count; i-- > 0;)
        if (found->ties[i].state == YQ_TIE_GUESS && rank_of(found, i) >= GUESSES_MOST)
            drop(found, i);
}

static bool look(struct yq_house *house, const struct link_record *record, struct found *found,
                 struct yq_err *err)
{
    found->count = 0;
    if (!record->record)
        return true;
    if (!look_by_number(house, record, found, err))
        return false;
    if ((!has_sure(found, true) || !has_sure(found, false)) &&
        !look_by_patient(house, record, found, err))
        return false;
    keep_good_guesses(house, found, record->record->kind == YQ_KIND_EXAM);
    return true;
}

/* ---- an exam that was made from images gives way to the order ---- */

static void give_way(struct yq_house *house, const struct link_record *record,
                     const struct yq_tie *tie)
{
    static const struct yq_origin origin = {.door = "link"};
    struct yq_err err = {0};
    struct yq_record *made = NULL;
    struct yq_ledger_entry entry;
    char id[YQ_UID_SIZE + 4];
    snprintf(id, sizeof id, "uid:%s", tie->study);
    if (!yq_record_out(house, YQ_KIND_EXAM, id, 0, &made, &entry, &err))
        return;
    bool from_images = made && strncmp(entry.source, "image:", 6) == 0;
    struct yq_record *filling = from_images ? yq_record_copy(made) : NULL;
    if (filling && yq_record_put(filling, "examId", record->id, &err)) {
        struct yq_submission both[] = {
            {.record = made, .how = YQ_RECORD_REMOVE, .expect = YQ_EXPECT_ANYTHING},
            {.record = filling, .how = YQ_RECORD_COMPLETE, .expect = YQ_EXPECT_ANYTHING}};
        if (yq_record_in(house, &origin, "link", both, 2, &err))
            yq_log(YQ_LOG_INFO, "exam-has-order", "study=%s", tie->study);
        yq_findings_fini(&both[0].findings);
        yq_findings_fini(&both[1].findings);
    }
    yq_record_free(filling);
    yq_record_out_fini(made, &entry);
}

static void let_images_give_way(struct yq_house *house, const struct link_record *record,
                                const struct found *found)
{
    if (!record->record || record->record->kind != YQ_KIND_EXAM ||
        strncmp(record->id, "uid:", 4) == 0)
        return;
    for (size_t i = 0; i < found->count; i++)
        if (found->ties[i].state == YQ_TIE_SURE && *found->ties[i].study)
            give_way(house, record, &found->ties[i]);
}

/* ---- the walk ---- */

/* Links records by their rows; kind: of a removed one, whose content says it no more. */
static bool link_rows(struct yq_house *house, const int64_t *rows, const bool *exams, size_t count,
                      struct yq_err *err)
{
    struct link_record *records = calloc(count, sizeof *records);
    struct found *found = calloc(count, sizeof *found);
    struct yq_tying *tyings = calloc(count, sizeof *tyings);
    bool ok = (records && found && tyings) || yq_fail(err, YQ_FULL, "walk", "no memory for links");
    for (size_t i = 0; ok && i < count; i++) {
        ok =
            link_load(house, rows[i], &records[i], err) && look(house, &records[i], &found[i], err);
        tyings[i] = (struct yq_tying){.exam = exams[i] ? rows[i] : 0,
                                      .report = exams[i] ? 0 : rows[i],
                                      .ties = found[i].ties,
                                      .count = found[i].count};
    }
    ok = ok && yq_catalog_tie(house->catalog, tyings, count, err);
    for (size_t i = 0; ok && i < count; i++)
        let_images_give_way(house, &records[i], &found[i]);
    for (size_t i = 0; records && i < count; i++)
        link_record_fini(&records[i]);
    free(records);
    free(found);
    free(tyings);
    return ok;
}

static void told(bool ok, const struct yq_err *err)
{
    if (!ok)
        yq_log_err(YQ_LOG_ERROR, "not-linked", err, "hint=\"%s\"",
                   "the records are kept; they are linked at the next start");
}

void yq_link_records(struct yq_house *house, const struct yq_submission *submissions, size_t count)
{
    int64_t rows[DUE_AT_ONCE];
    bool exams[DUE_AT_ONCE], ok = true;
    size_t filled = 0;
    struct yq_err err = {0};
    for (size_t i = 0; i < count && ok; i++) {
        enum yq_kind kind = submissions[i].record->kind;
        if ((kind == YQ_KIND_EXAM || kind == YQ_KIND_REPORT) &&
            submissions[i].result.err.code == YQ_OK &&
            submissions[i].result.outcome != YQ_LEDGER_SAME) {
            exams[filled] = kind == YQ_KIND_EXAM;
            rows[filled++] = submissions[i].result.row;
        }
        if (filled && (filled == DUE_AT_ONCE || i + 1 == count)) {
            ok = link_rows(house, rows, exams, filled, &err);
            filled = 0;
        }
    }
    if (ok && filled)
        ok = link_rows(house, rows, exams, filled, &err);
    told(ok, &err);
}

static bool look_from_study(struct yq_house *house, const struct link_study *study,
                            struct found *found, struct yq_err *err)
{
    static const struct {
        const char *member;
        size_t offset;
    } numbers[] = {{"studyInstanceUid", offsetof(struct link_study, uid)},
                   {"accessionNumber", offsetof(struct link_study, accession)},
                   {"patientId", offsetof(struct link_study, patient_id)},
                   {"hisPatientId", offsetof(struct link_study, patient_id)}};
    struct link_record records[LINK_SHARED_MOST];
    for (int kind = YQ_KIND_EXAM; kind <= YQ_KIND_REPORT; kind++) {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            const char *value = (const char *)study + numbers[i].offset;
            size_t count = 0;
            if (*value && !link_find_records(house, (enum yq_kind)kind, numbers[i].member, value,
                                             false, records, LINK_SHARED_MOST, &count, err))
                return false;
            for (size_t r = 0; r < count; r++) {
                judge_study(&records[r], study, found);
                link_record_fini(&records[r]);
            }
        }
    }
    return true;
}

/* Of what was found from the study's end: records that are new to it are looked at from their own
 * end, where it is seen whether a guess is still needed. */
void yq_link_study(struct yq_house *house, const char *study_uid)
{
    struct link_study study;
    struct found *found = calloc(1, sizeof *found);
    int64_t rows[FOUND_MOST];
    bool exams[FOUND_MOST];
    size_t count = 0;
    struct yq_err err = {0};
    bool ok = found &&
              link_find_studies(house, YQ_StudyInstanceUID, study_uid, &study, 1, &count, &err) &&
              (!count || look_from_study(house, &study, found, &err));
    if (ok && !count) { /* it is gone */
        const struct yq_tying nothing = {.study = study_uid};
        ok = yq_catalog_tie(house->catalog, &nothing, 1, &err);
    } else if (ok && found->count) {
        for (size_t i = 0; i < found->count; i++) {
            exams[i] = found->ties[i].exam != 0;
            rows[i] = exams[i] ? found->ties[i].exam : found->ties[i].report;
        }
        ok = link_rows(house, rows, exams, found->count, &err);
    }
    told(ok || !found, &err);
    free(found);
}

void yq_link_settle(struct yq_house *house)
{
    int64_t rows[DUE_AT_ONCE], after = 0;
    struct yq_err err = {0};
    size_t count = 0, linked = 0;
    bool ok = true;
    do {
        bool exams[DUE_AT_ONCE];
        ok = yq_catalog_ties_due(house->catalog, after, rows, DUE_AT_ONCE, &count, &err);
        for (size_t i = 0; ok && i < count; i++) {
            struct yq_ledger_entry entry;
            ok = yq_ledger_get_row(house->catalog, rows[i], &entry, &err);
            exams[i] = ok && entry.kind == YQ_KIND_EXAM;
            if (ok)
                yq_ledger_entry_fini(&entry);
        }
        ok = ok && (!count || link_rows(house, rows, exams, count, &err));
        after = count ? rows[count - 1] : after;
        linked += ok ? count : 0;
    } while (ok && count == DUE_AT_ONCE);
    if (linked)
        yq_log(YQ_LOG_INFO, "linked-late", "records=%zu", linked);
    told(ok, &err);
}
