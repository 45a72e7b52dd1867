/* link_read.c: links for people: what belongs to what, what a person decides about it, what has no
 * link and why. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "yq/log.h"

const char *yq_link_how_name(enum yq_link_how how)
{
    static const char *const names[] = {"study-uid",      "exam-id", "accession-number",
                                        "request-number", "guess",   "hand"};
    return names[how];
}

const char *yq_tie_state_name(enum yq_tie_state state)
{
    static const char *const names[] = {"sure", "guess", "set", "undone"};
    return names[state];
}

/* ---- from rows to ids ---- */

static bool name_row(struct yq_house *house, int64_t row, char id[YQ_RECORD_ID_MOST + 1],
                     struct yq_err *err)
{
    struct yq_ledger_entry entry;
    if (!row)
        return true;
    if (!yq_ledger_get_row(house->catalog, row, &entry, err))
        return false;
    yq_copy(id, YQ_RECORD_ID_MOST + 1, entry.id);
    yq_ledger_entry_fini(&entry);
    return true;
}

static bool name_tie(struct yq_house *house, const struct yq_tie *tie, struct yq_link *out,
                     struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->id = tie->id;
    out->made_ms = tie->made_ms;
    out->how = (enum yq_link_how)tie->how;
    out->state = tie->state;
    yq_copy(out->study, sizeof out->study, tie->study);
    yq_copy(out->person, sizeof out->person, tie->person);
    return name_row(house, tie->exam, out->exam, err) &&
           name_row(house, tie->report, out->report, err);
}

static bool name_ties(struct yq_house *house, const struct yq_tie *ties, size_t count,
                      struct yq_link **out, struct yq_err *err)
{
    *out = calloc(count + 1, sizeof **out);
    if (!*out)
        return yq_fail(err, YQ_FULL, "walk", "no memory for links");
    for (size_t i = 0; i < count; i++) {
        if (!name_tie(house, &ties[i], &(*out)[i], err)) {
            free(*out);
            *out = NULL;
            return false;
        }
    }
    return true;
}

bool yq_links_list(struct yq_house *house, int state, int64_t before, size_t limit,
                   struct yq_link **out, size_t *count, struct yq_err *err)
{
    const struct yq_tie_query query = {.state = state, .before_id = before, .limit = limit};
    struct yq_tie *ties = NULL;
    if (!yq_catalog_ties(house->catalog, &query, &ties, count, err))
        return false;
    bool ok = name_ties(house, ties, *count, out, err);
    free(ties);
    return ok;
}

/* ---- everything that belongs to one ---- */

enum { LINKS_MOST = 200 };

static bool find_row(struct yq_house *house, enum yq_kind kind, const char *id, int64_t *row,
                     struct yq_err *err)
{
    struct yq_ledger_entry entry;
    if (!yq_ledger_get(house->catalog, kind, id, 0, &entry, err))
        return false;
    *row = entry.row;
    yq_ledger_entry_fini(&entry);
    return true;
}

/* The studies of the exams that a report is linked with, where it has no tie with them itself. */
static bool add_by_exam(struct yq_house *house, struct yq_tie *list, size_t *count, bool *by_exam,
                        struct yq_err *err)
{
    size_t own = *count;
    for (size_t i = 0; i < own; i++) {
        struct yq_tie *of_exam = NULL;
        size_t found = 0;
        struct yq_tie_query query = {.exam = list[i].exam, .state = -1, .limit = LINK_SHARED_MOST};
        if (!list[i].exam || list[i].state == YQ_TIE_GUESS)
            continue;
        if (!yq_catalog_ties(house->catalog, &query, &of_exam, &found, err))
            return false;
        for (size_t f = 0; f < found; f++) {
            bool known = !*of_exam[f].study || of_exam[f].state == YQ_TIE_GUESS;
            for (size_t k = 0; k < *count; k++)
                known = known || strcmp(list[k].study, of_exam[f].study) == 0;
            if (known || *count == LINKS_MOST)
                continue;
            by_exam[*count] = true;
            list[*count] = of_exam[f];
            list[*count].report = list[i].report;
            list[(*count)++].exam = 0;
        }
        free(of_exam);
    }
    return true;
}

bool yq_links_of(struct yq_house *house, enum yq_kind kind, const char *id, struct yq_link **out,
                 size_t *count, struct yq_err *err)
{
    struct yq_tie_query query = {.state = -1, .limit = LINKS_MOST};
    struct yq_tie *ties = NULL;
    bool by_exam[LINKS_MOST] = {false};
    int64_t row = 0;
    *count = 0;
    if (kind != YQ_KIND_COUNT && kind != YQ_KIND_EXAM && kind != YQ_KIND_REPORT)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "only exams, reports and studies are linked");
    if (kind == YQ_KIND_COUNT)
        query.study = id;
    else if (!find_row(house, kind, id, &row, err))
        return false;
    query.exam = kind == YQ_KIND_EXAM ? row : 0;
    query.report = kind == YQ_KIND_REPORT ? row : 0;
    if (!yq_catalog_ties(house->catalog, &query, &ties, count, err))
        return false;
    bool ok = kind != YQ_KIND_REPORT || add_by_exam(house, ties, count, by_exam, err);
    ok = ok && name_ties(house, ties, *count, out, err);
    for (size_t i = 0; ok && i < *count; i++)
        (*out)[i].by_exam = by_exam[i];
    free(ties);
    return ok;
}

/* ---- decisions ---- */

static bool study_is_here(struct yq_house *house, const char *study, struct yq_err *err)
{
    struct link_study found;
    size_t count;
    return link_find_studies(house, YQ_StudyInstanceUID, study, &found, 1, &count, err) &&
           (count || yq_fail(err, YQ_ABSENT, "walk", "no study %.64s is here", study));
}

static bool write_decision(struct yq_house *house, const struct yq_origin *origin,
                           struct yq_tie *tie, int64_t *id, struct yq_err *err)
{
    yq_copy(tie->person, sizeof tie->person, origin->user);
    if (!yq_audit_ready(house->audit, err) || !yq_catalog_tie_set(house->catalog, tie, id, err))
        return false;
    yq_log(YQ_LOG_INFO, tie->state == YQ_TIE_SET ? "link-set" : "link-undone", "link=%lld",
           (long long)*id);
    char what[64];
    snprintf(what, sizeof what, "link %lld was %s", (long long)*id,
             tie->state == YQ_TIE_SET ? "set" : "undone");
    yq_audit_administered(house->audit, what, NULL);
    return true;
}

bool yq_link_decide(struct yq_house *house, const struct yq_origin *origin, const char *exam,
                    const char *report, const char *study, enum yq_tie_state state, int64_t *id,
                    struct yq_err *err)
{
    struct yq_tie tie = {.how = YQ_LINK_HAND, .state = state};
    if ((exam != NULL) + (report != NULL) + (study != NULL) != 2)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "a link is between two of exam, report and study");
    if ((exam && !find_row(house, YQ_KIND_EXAM, exam, &tie.exam, err)) ||
        (report && !find_row(house, YQ_KIND_REPORT, report, &tie.report, err)) ||
        (study && state == YQ_TIE_SET && !study_is_here(house, study, err)))
        return false;
    yq_copy(tie.study, sizeof tie.study, study ? study : "");
    return write_decision(house, origin, &tie, id, err);
}

bool yq_link_decide_id(struct yq_house *house, const struct yq_origin *origin, int64_t id,
                       enum yq_tie_state state, struct yq_err *err)
{
    struct yq_tie tie;
    if (!yq_catalog_tie_get(house->catalog, id, &tie, err))
        return false;
    tie.state = state;
    return write_decision(house, origin, &tie, &id, err);
}

/* ---- what has no link, and why ---- */

static const struct reason {
    const char *name, *chinese, *english;
} reasons[] = {
    {"not-yet", "检查尚未完成，还没有图像", "the exam has not been done yet"},
    {"guess", "有一个按患者和时间猜测的关联，请确认：yingqiao link set",
     "there is a guess by patient and time; confirm it: yingqiao link set"},
    {"no-number",
     "记录中既无影像号(AccessionNumber)也无检查UID，请让发送方补上，或手工关联：yingqiao link set",
     "it carries neither an accession number nor a study UID: have the sender add one, or link it "
     "by hand: yingqiao link set"},
    {"shared-number", "该影像号被很多检查共用，无法据此关联；请检查设备是否使用工作列表",
     "many studies carry its accession number, which so tells nothing: see whether devices use "
     "the worklist"},
    {"looks-alike", "有影像号相近的检查（前导零、空格或大小写不同），请核对后手工关联",
     "a study has an accession number that looks alike (zeroes, blanks, case): compare them, then "
     "link it by hand"},
    {"device-without-number",
     "该患者同期有检查，但图像中没有影像号：设备可能未用工作列表；请手工关联",
     "this patient has a study of about that time without an accession number: the device did not "
     "use the worklist; link it by hand"},
    {"other-number", "该患者同期有检查，但影像号不同，请核对",
     "this patient has a study of about that time under another accession number: compare them"},
    {"nothing-here", "本机没有该影像号的检查，也没有该患者同期的检查：图像可能还没有发送到本机",
     "no study with its number, and none of this patient of about that time, is here: the images "
     "have perhaps not been sent"},
    {"exam-not-here", "所属检查的记录还没有收到：先到的报告会在检查到达后自动关联",
     "the exam that it names has not come yet; it is linked by itself when it comes"},
    {"no-exam-number", "报告中没有检查标识、影像号、检查UID或申请单号，请让发送方补上",
     "the report carries no exam id, accession number, study UID or request number: have the "
     "sender add one"},
};

static const struct reason *reason_named(const char *name)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].name, name) == 0)
            return &reasons[i];
    return &reasons[0];
}

/* Without blanks and leading zeroes, in capitals. */
static void bare(const char *text, char out[68])
{
    size_t length = 0;
    while (*text == '0' || *text == ' ')
        text++;
    for (; *text && length < 67; text++)
        if (*text != ' ' && *text != '-')
            out[length++] = (char)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text);
    out[length] = '\0';
}

static bool alike(const struct yq_record *record, const char *accession)
{
    char mine[256], a[68], b[68];
    bare(accession, b);
    for (size_t i = 0; yq_record_nth(record, "accessionNumber", i, mine, sizeof mine); i++) {
        bare(mine, a);
        if (*a && strcmp(a, b) == 0)
            return true;
    }
    return false;
}

static bool is_shared(struct yq_house *house, const struct yq_record *record, struct yq_err *err)
{
    struct link_study studies[LINK_SHARED_MOST + 1];
    char value[256];
    size_t count;
    for (size_t i = 0; yq_record_nth(record, "accessionNumber", i, value, sizeof value); i++)
        if (link_find_studies(house, YQ_AccessionNumber, value, studies, LINK_SHARED_MOST + 1,
                              &count, err) &&
            count > LINK_SHARED_MOST)
            return true;
    return false;
}

/* By the studies that the patient has about that time. */
static const char *why_no_study(struct yq_house *house, const struct yq_record *record,
                                struct yq_err *err)
{
    struct link_study studies[LINK_SHARED_MOST];
    static const char *const members[] = {"patientId", "hisPatientId"};
    const char *why = "nothing-here";
    int64_t within, when = link_when(record, &within);
    for (int m = 0; m < 2; m++) {
        const char *patient = yq_record_get(record, members[m]);
        size_t count = 0;
        if (!patient || !link_find_studies(house, YQ_PatientID, patient, studies, LINK_SHARED_MOST,
                                           &count, err))
            continue;
        for (size_t i = 0; i < count; i++) {
            int64_t apart =
                when > studies[i].when ? when - studies[i].when : studies[i].when - when;
            if (alike(record, studies[i].accession))
                return "looks-alike";
            if (when && studies[i].when && apart > 7 * 24 * 3600)
                continue;
            why = !*studies[i].accession ? "device-without-number" : "other-number";
        }
    }
    return why;
}

static bool has_guess(struct yq_house *house, int64_t row, bool exam, struct yq_err *err)
{
    struct yq_tie_query query = {.state = YQ_TIE_GUESS, .limit = 1};
    struct yq_tie *list = NULL;
    size_t count = 0;
    query.exam = exam ? row : 0;
    query.report = exam ? 0 : row;
    bool ok = yq_catalog_ties(house->catalog, &query, &list, &count, err);
    free(list);
    return ok && count;
}

static const char *why(struct yq_house *house, const struct link_record *record,
                       enum yq_untied what, struct yq_err *err)
{
    const struct yq_record *r = record->record;
    bool exam = r->kind == YQ_KIND_EXAM;
    bool number = yq_record_get(r, "accessionNumber") || yq_record_get(r, "studyInstanceUid");
    if (has_guess(house, record->row, exam, err))
        return "guess";
    if (what == YQ_UNTIED_REPORT_EXAM)
        return number || yq_record_get(r, "examId") || yq_record_get(r, "requestNumber")
                   ? "exam-not-here"
                   : "no-exam-number";
    const char *status = exam ? yq_record_get(r, "status") : NULL;
    if (status && (strcmp(status, "requested") == 0 || strcmp(status, "scheduled") == 0 ||
                   strcmp(status, "registered") == 0 || strcmp(status, "arrived") == 0 ||
                   strcmp(status, "cancelled") == 0))
        return "not-yet";
    if (number && is_shared(house, r, err))
        return "shared-number";
    const char *reason = why_no_study(house, r, err);
    return number || strcmp(reason, "nothing-here") != 0 ? reason : "no-number";
}

bool yq_unlinked_list(struct yq_house *house, enum yq_untied what, int64_t before, size_t limit,
                      struct yq_unlinked **out, size_t *count, struct yq_err *err)
{
    int64_t *rows = calloc(limit, sizeof *rows);
    *count = 0;
    *out = calloc(limit, sizeof **out);
    bool ok = (rows && *out) || yq_fail(err, YQ_FULL, "walk", "no memory for a list");
    ok = ok && yq_catalog_untied(house->catalog, what, before, rows, limit, count, err);
    for (size_t i = 0; ok && i < *count; i++) {
        struct yq_unlinked *one = &(*out)[i];
        struct link_record record;
        ok = link_load(house, rows[i], &record, err);
        if (!ok || !record.record)
            continue;
        const struct reason *reason = reason_named(why(house, &record, what, err));
        one->row = rows[i];
        one->kind = record.record->kind;
        yq_copy(one->id, sizeof one->id, record.id);
        yq_copy(one->reason, sizeof one->reason, reason->name);
        yq_copy(one->chinese, sizeof one->chinese, reason->chinese);
        yq_copy(one->english, sizeof one->english, reason->english);
        link_record_fini(&record);
    }
    free(rows);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}
