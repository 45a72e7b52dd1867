/* link_judge.c: whether an exam, a report and a study belong together. Pure.
 *
 * A number that both carry joins them: the Study Instance UID, the exam's id, the accession number,
 * the request number. All but the first two are used twice in real life; where patients contradict
 * each other, what such a number joins is only a guess. Without any number it is a guess when the
 * patient is the same, the time about the same, and the modality no other. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "link.h"
#include "yq/bytes.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

/* The next `count` digits, passing over what stands between; -1: there are not as many. */
static int take_digits(const char **text, int count)
{
    int value = 0;
    while (count) {
        if (!**text)
            return -1;
        if (**text >= '0' && **text <= '9') {
            value = value * 10 + (**text - '0');
            count--;
        }
        (*text)++;
    }
    return value;
}

int64_t link_seconds(const char *date, const char *time)
{
    struct tm tm = {0};
    tm.tm_year = take_digits(&date, 4) - 1900;
    tm.tm_mon = take_digits(&date, 2) - 1;
    tm.tm_mday = take_digits(&date, 2);
    if (tm.tm_mday < 0)
        return 0;
    int *parts[] = {&tm.tm_hour, &tm.tm_min, &tm.tm_sec};
    for (int i = 0; i < 3; i++) {
        int value = take_digits(&time, 2);
        *parts[i] = value < 0 ? 0 : value;
    }
    return timegm(&tm);
}

int64_t link_when(const struct yq_record *record, int64_t *within)
{
    static const struct {
        const char *member;
        int64_t within;
    } exam[] = {{"examTime", DAY},
                {"arrivalTime", DAY},
                {"registrationTime", DAY},
                {"scheduledTime", DAY},
                {"requestTime", 7 * DAY}},
      report[] = {{"examTime", DAY}, {"reportTime", 3 * DAY}, {"auditTime", 3 * DAY}};
    bool is_exam = record->kind == YQ_KIND_EXAM;
    size_t count = is_exam ? sizeof exam / sizeof *exam : sizeof report / sizeof *report;
    for (size_t i = 0; i < count; i++) {
        const char *value = yq_record_get(record, is_exam ? exam[i].member : report[i].member);
        if (value) {
            *within = is_exam ? exam[i].within : report[i].within;
            return link_seconds(value, value + 10);
        }
    }
    *within = 0;
    return 0;
}

static bool has(const struct yq_record *record, const char *member, const char *value)
{
    char one[256];
    for (size_t i = 0; *value && yq_record_nth(record, member, i, one, sizeof one); i++)
        if (strcmp(one, value) == 0)
            return true;
    return false;
}

static bool share(const struct yq_record *a, const struct yq_record *b, const char *member)
{
    char one[256];
    for (size_t i = 0; yq_record_nth(a, member, i, one, sizeof one); i++)
        if (has(b, member, one))
            return true;
    return false;
}

static bool same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }
static bool differ(const char *a, const char *b) { return a && b && strcmp(a, b) != 0; }

/* ---- record and study ---- */

static bool same_patient_id(const struct yq_record *record, const struct link_study *study)
{
    return *study->patient_id && (same(yq_record_get(record, "patientId"), study->patient_id) ||
                                  same(yq_record_get(record, "hisPatientId"), study->patient_id));
}

/* Facts that devices do not make up: RIS and HIS may have different ids for one person. */
static bool contradicts(const struct yq_record *record, const struct link_study *study)
{
    const char *birth = yq_record_get(record, "birthDate"), *sex = yq_record_get(record, "sex");
    char digits[9];
    if (same_patient_id(record, study))
        return false;
    if (birth && strlen(birth) == 10 && strlen(study->birth_date) == 8) {
        snprintf(digits, sizeof digits, "%.4s%.2s%.2s", birth, birth + 5, birth + 8);
        if (strcmp(digits, study->birth_date) != 0)
            return true;
    }
    return (same(sex, "1") && strcmp(study->sex, "F") == 0) ||
           (same(sex, "2") && strcmp(study->sex, "M") == 0);
}

static bool same_modality(const struct yq_record *record, const char *modalities)
{
    char one[32];
    const char *said = yq_record_get(record, "modality");
    if (!said || !*modalities)
        return true;
    for (size_t i = 0; yq_record_nth(record, "modality", i, one, sizeof one); i++) {
        for (const char *at = modalities; at; at = strchr(at, '\\')) {
            at += *at == '\\';
            if (strncmp(at, one, strlen(one)) == 0 && (at[strlen(one)] == '\\' || !at[strlen(one)]))
                return true;
        }
    }
    return false;
}

bool link_judge_study(const struct yq_record *record, const struct link_study *study,
                      enum yq_link_how *how, enum yq_tie_state *state, int64_t *apart)
{
    int64_t within, when = link_when(record, &within);
    *apart = when && study->when ? (when > study->when ? when - study->when : study->when - when)
                                 : INT64_MAX;
    *state = YQ_TIE_SURE;
    if (has(record, "studyInstanceUid", study->uid)) {
        *how = YQ_LINK_STUDY_UID;
        return true;
    }
    if (has(record, "accessionNumber", study->accession)) {
        *how = YQ_LINK_ACCESSION;
        *state = contradicts(record, study) ? YQ_TIE_GUESS : YQ_TIE_SURE;
        return true;
    }
    *how = YQ_LINK_GUESS;
    *state = YQ_TIE_GUESS;
    return same_patient_id(record, study) && *apart <= within &&
           same_modality(record, study->modalities);
}

/* ---- exam and report ---- */

static bool same_person(const struct yq_record *a, const struct yq_record *b)
{
    static const char *const members[] = {"patientId", "hisPatientId", "idNumber"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (same(yq_record_get(a, members[i]), yq_record_get(b, members[i])))
            return true;
    return false;
}

static enum yq_tie_state state_of(const struct yq_record *exam, const struct yq_record *report)
{
    bool other = !same_person(exam, report) &&
                 (differ(yq_record_get(exam, "birthDate"), yq_record_get(report, "birthDate")) ||
                  differ(yq_record_get(exam, "sex"), yq_record_get(report, "sex")));
    return other ? YQ_TIE_GUESS : YQ_TIE_SURE;
}

bool link_judge_records(const struct yq_record *exam, const struct yq_record *report,
                        enum yq_link_how *how, enum yq_tie_state *state, int64_t *apart)
{
    int64_t exam_within, report_within, exam_when = link_when(exam, &exam_within),
                                        report_when = link_when(report, &report_within);
    *apart = !exam_when || !report_when ? INT64_MAX
             : exam_when > report_when  ? exam_when - report_when
                                        : report_when - exam_when;
    *state = YQ_TIE_SURE;
    if (has(report, "examId", yq_record_id(exam))) {
        *how = YQ_LINK_EXAM_ID;
        return true;
    }
    if (share(exam, report, "studyInstanceUid")) {
        *how = YQ_LINK_STUDY_UID;
        return true;
    }
    *state = state_of(exam, report);
    if (share(exam, report, "accessionNumber")) {
        *how = YQ_LINK_ACCESSION;
        return true;
    }
    if (same(yq_record_get(exam, "requestNumber"), yq_record_get(report, "requestNumber"))) {
        *how = YQ_LINK_REQUEST;
        return true;
    }
    *how = YQ_LINK_GUESS;
    *state = YQ_TIE_GUESS;
    const char *modality = yq_record_get(exam, "modality");
    return same_person(exam, report) &&
           *apart <= (exam_within > report_within ? exam_within : report_within) &&
           (!modality || !yq_record_get(report, "modality") || share(exam, report, "modality"));
}
