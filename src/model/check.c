/* check.c: the rules that hold for a record whatever province it goes to. Pure; one record, one
 * thread. A finding never says the value. Standards: GB 11643 (id card), GB 32100 (credit code),
 * GB/T 2260 (divisions), DICOM PS3.5 (UIDs, modalities). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_inside.h"
#include "yq/dictionary.h"

struct checking {
    const struct yq_record *record;
    const char *prefix; /* "results[3]." within a list, "" at the top */
    yq_is_mapped *is_mapped;
    void *context;
    struct yq_findings *findings;
};

static const struct yq_member *member_of(const struct checking *c, const char *name)
{
    int at = yq_member_find(c->record->kind, name);
    return at < 0 ? NULL : &yq_kinds[c->record->kind].members[at];
}

/* NULL: absent, or the kind has no such member. */
static const char *value_of(const struct checking *c, const char *name)
{
    return member_of(c, name) ? yq_record_get(c->record, name) : NULL;
}

static void say(const struct checking *c, bool serious, const char *name, const char *what,
                const char *chinese, const char *english)
{
    char path[192];
    snprintf(path, sizeof path, "%s%s", c->prefix, name);
    check_say(c->findings, serious, path, what, chinese, english);
}

/* ---- each value by itself ---- */

static void check_length(const struct checking *c, const struct yq_member *member,
                         const char *value)
{
    char chinese[240], english[240];
    size_t length = check_characters(value);
    if (!member->length || length <= member->length)
        return;
    snprintf(chinese, sizeof chinese, "%s有 %zu 个字符，最多 %u 个，请缩短", member->chinese,
             length, member->length);
    snprintf(english, sizeof english, "%s has %zu characters, %u at most: shorten it", member->name,
             length, member->length);
    say(c, true, member->name, "too-long", chinese, english);
}

static void check_dictionary(const struct checking *c, const struct yq_member *member,
                             const char *value)
{
    const struct yq_dictionary *dictionary = yq_dictionary_find(member->dictionary);
    char chinese[240], english[240];
    if (!dictionary || yq_term_accepts(dictionary, value) ||
        (c->is_mapped && c->is_mapped(c->context, member->dictionary, value)))
        return;
    snprintf(chinese, sizeof chinese,
             "%s的代码不在字典“%s”（%s）中：请改正，或用 yingqiao codes 把院内代码对应到标准代码",
             member->chinese, dictionary->chinese, dictionary->name);
    snprintf(english, sizeof english,
             "the code of %s is not in dictionary %s: correct it, or map the local code with "
             "yingqiao codes",
             member->name, dictionary->name);
    say(c, true, member->name, "not-in-dictionary", chinese, english);
}

/* 0.0, 1.02: a part with a needless zero (PS3.5 9.1). */
static bool is_uid(const char *value)
{
    for (const char *at = value; at; at = strchr(at, '.'), at = at ? at + 1 : NULL)
        if (at[0] == '0' && at[1] && at[1] != '.')
            return false;
    return strchr(value, '.') && value[0] >= '0' && value[0] <= '2' && value[1] == '.';
}

struct form { /* a rule for values of one form */
    const char *name;
    bool (*holds)(const char *value);
    bool serious;
    const char *what, *chinese, *english;
};

static const struct form forms[] = {
    {"phone", check_is_phone, true, "phone", "电话号码应为 11 位手机号，或区号加号码，请核对",
     "not a mobile number of 11 digits, nor area "
     "code and number: check it"},
    {"modality", check_is_modality, true, "format",
     "检查类别应按 DICOM 写成大写字母，如 CT、MR、DX",
     "a modality is written as DICOM does: CT, "
     "MR, DX"},
    {"postcode", check_is_postcode, false, "format", "邮政编码应为 6 位数字",
     "a postcode has 6 digits"},
    {"loinc", check_is_loinc, false, "check-digit",
     "LOINC 编码应为数字、短横线和校验位，如 2345-7，请核对",
     "a LOINC code is digits, a dash and "
     "a check digit, such as 2345-7: check it"},
    {"addressDivision", check_is_division, true, "format",
     "行政区划代码应为 GB/T 2260 的 6 位数字，请核对",
     "a division is six digits of GB/T 2260: "
     "check it"},
    {"householdDivision", check_is_division, true, "format",
     "行政区划代码应为 GB/T 2260 的 6 位数字，请核对",
     "a division is six digits of GB/T 2260: "
     "check it"},
    {"insuranceDivision", check_is_division, true, "format",
     "医保区划代码应为 6 位数字，前两位为省份，请核对",
     "an insurance division is six digits, the "
     "first two those of a province: check it"},
};

/* Codes of hospitals: 18 characters are a credit code, anything else may be a local one. */
static void check_hospital(const struct checking *c, const struct yq_member *member,
                           const char *value)
{
    static const char *const names[] = {
        "hospitalCode",      "requestHospitalCode", "diagnosisHospitalCode", "auditHospitalCode",
        "finalHospitalCode", "archiveHospitalCode", "sourceHospitalCode"};
    bool named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        named = named || strcmp(member->name, names[i]) == 0;
    if (!named || yq_is_uscc(value))
        return;
    if (strlen(value) == 18)
        say(c, true, member->name, "check-digit",
            "机构代码不是有效的统一社会信用代码（GB 32100 校验位不符），请按登记证核对",
            "not a valid unified social credit code (GB 32100: the check digit is wrong): compare "
            "it with the certificate");
    else
        say(c, false, member->name, "uscc",
            "机构代码不是 18 位统一社会信用代码，山西和内江要求填写它",
            "not a unified social credit code of 18 characters, which Shanxi and Neijiang want");
}

static void check_value(const struct checking *c, const struct yq_member *member, const char *value)
{
    check_length(c, member, value);
    if (*member->dictionary && member->type == YQ_VALUE_CODE)
        check_dictionary(c, member, value);
    if (member->type == YQ_VALUE_UID && !is_uid(value))
        say(c, true, member->name, "uid",
            "UID 应由数字和点组成，每段不以多余的 0 开头，请按影像核对",
            "a UID is of numbers without needless zeroes and dots: compare it with the images");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, member->name) == 0 && !forms[i].holds(value))
            say(c, forms[i].serious, member->name, forms[i].what, forms[i].chinese,
                forms[i].english);
    check_hospital(c, member, value);
}

static void check_values(const struct checking *c, const struct yq_member *member,
                         const char *value)
{
    char *copy = member->many ? strdup(value) : NULL, *rest = NULL;
    if (!member->many) {
        check_value(c, member, value);
        return;
    }
    if (!copy)
        c->findings->failed = true;
    for (char *one = copy ? strtok_r(copy, "\n", &rest) : NULL; one;
         one = strtok_r(NULL, "\n", &rest))
        check_value(c, member, one);
    free(copy);
}

/* ---- who the patient is ---- */

static void check_id_card(const struct checking *c, const char *number, const char *type)
{
    const char *value = value_of(c, number), *kind = value_of(c, type);
    if (!value || (kind && strcmp(kind, "01") != 0))
        return;
    if (!kind && strlen(value) != 18)
        return; /* nobody says that it is an id card */
    if (strlen(value) == 15)
        say(c, true, number, "id-card", "是旧的 15 位身份证号码，请填写 18 位公民身份号码",
            "an old id card number of 15 digits: give the one of 18");
    else if (!yq_is_id_card(value))
        say(c, true, number, strlen(value) == 18 ? "check-digit" : "id-card",
            "不是有效的公民身份号码（GB 11643：18 位，末位为校验码），请按证件核对",
            "not a valid id card number (GB 11643: 18 characters, the last one checks the others): "
            "compare it with the card");
}

static void check_patient(const struct checking *c)
{
    const char *number = value_of(c, "idNumber"), *type = value_of(c, "idType");
    const char *birth = value_of(c, "birthDate"), *sex = value_of(c, "sex");
    char date[11], from_card;
    check_id_card(c, "idNumber", "idType");
    if (!number || (type && strcmp(type, "01") != 0) || !yq_is_id_card(number))
        return;
    if (!check_id_card_birth(number, date, &from_card)) {
        say(c, true, "idNumber", "id-card", "身份证号码中的出生日期不是日历上的日期，请按证件核对",
            "the birth date in the id card number is no date: compare it with the card");
        return;
    }
    if (birth && strcmp(birth, date) != 0)
        say(c, true, "birthDate", "birth-date", "出生日期与身份证号码中的不一致，请按证件核对两项",
            "not the birth date that is in the id card number: compare both with the card");
    if (sex && (*sex == '1' || *sex == '2') && !sex[1] && *sex != from_card)
        say(c, true, "sex", "sex", "性别与身份证号码中的不一致，请按证件核对两项",
            "not the sex that is in the id card number: compare both with the card");
}

static void check_doctors(const struct checking *c)
{
    static const char *const doctors[][2] = {{"requestDoctorIdNumber", "requestDoctorIdType"},
                                             {"examDoctorIdNumber", "examDoctorIdType"},
                                             {"operatorIdNumber", "operatorIdType"},
                                             {"reportDoctorIdNumber", "reportDoctorIdType"},
                                             {"auditDoctorIdNumber", "auditDoctorIdType"},
                                             {"finalDoctorIdNumber", "finalDoctorIdType"}};
    for (size_t i = 0; i < sizeof doctors / sizeof *doctors; i++)
        check_id_card(c, doctors[i][0], doctors[i][1]);
}

/* ---- times ---- */

static const char *const orders[YQ_KIND_COUNT][9] = {
    /* each is not before the one before it */
    [YQ_KIND_EXAM] = {"birthDate", "requestTime", "requestAuditTime", "registrationTime",
                      "arrivalTime", "examTime", "examEndTime"},
    [YQ_KIND_REPORT] = {"birthDate", "examTime", "reportTime", "auditTime", "finalTime",
                        "publishTime"},
    [YQ_KIND_LAB] = {"birthDate", "requestTime", "collectTime", "receiveTime", "labTime",
                     "reportTime", "auditTime"},
    [YQ_KIND_RECOGNITION] = {"sourceExamTime", "sourceReportTime", "decisionTime"},
    [YQ_KIND_VIEWING] = {"remindTime", "viewingTime"},
};
static const struct {
    enum yq_kind kind;
    const char *first, *then;
} pairs[] = {{YQ_KIND_EXAM, "scheduledTime", "scheduledEndTime"},
             {YQ_KIND_EXAM, "symptomStart", "symptomEnd"},
             {YQ_KIND_EXAM, "specimenCollectTime", "specimenReceiveTime"}};

static void check_pair(const struct checking *c, const char *first, const char *then)
{
    const char *a = value_of(c, first), *b = value_of(c, then);
    char chinese[240], english[240];
    /* a date is compared with the date of a time */
    if (!a || !b || strncmp(a, b, strlen(a) < strlen(b) ? strlen(a) : strlen(b)) <= 0)
        return;
    snprintf(chinese, sizeof chinese, "%s早于%s，请核对这两个时间", member_of(c, then)->chinese,
             member_of(c, first)->chinese);
    snprintf(english, sizeof english, "%s is before %s: check both times", then, first);
    say(c, true, then, "time-order", chinese, english);
}

static void check_times(const struct checking *c)
{
    const char *const *names = orders[c->record->kind];
    const char *last = NULL;
    for (; *names; names++) {
        if (!value_of(c, *names))
            continue;
        if (last)
            check_pair(c, last, *names);
        last = *names;
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].kind == c->record->kind)
            check_pair(c, pairs[i].first, pairs[i].then);
}

/* Years between a birth date and a time, both in canonical form. */
static int years_between(const char *birth, const char *time)
{
    return check_number(time, 4) - check_number(birth, 4) - (strncmp(time + 4, birth + 4, 6) < 0);
}

static void check_age(const struct checking *c)
{
    const char *age = value_of(c, "age"), *unit = value_of(c, "ageUnit");
    const char *birth = value_of(c, "birthDate"), *time = value_of(c, "examTime");
    if (!time)
        time = value_of(c, "labTime");
    if (!age)
        return;
    double years = strtod(age, NULL);
    if (!unit) {
        say(c, true, "ageUnit", "missing", "有年龄而没有单位，请填写 Y、M、D 或 H",
            "an age without its unit: give Y, M, D or H");
        return;
    }
    if (strcmp(unit, "Y") != 0)
        return;
    if (years < 0 || years > 150)
        say(c, true, "age", "age", "年龄不在 0 到 150 岁之间，请核对",
            "not between 0 and 150 years: check it");
    else if (birth && time) {
        int real = years_between(birth, time);
        if (years < real - 1 || years > real + 1)
            say(c, false, "age", "age", "年龄与出生日期、检查时间不符，请核对",
                "does not fit birth date and time of the examination: check them");
    }
}

/* ---- what must be there ---- */

static void check_missing(const struct checking *c, bool serious, const char *name)
{
    const struct yq_member *member = member_of(c, name);
    char chinese[240], english[240];
    if (!member || value_of(c, name))
        return;
    snprintf(chinese, sizeof chinese, "缺少%s，请填写", member->chinese);
    snprintf(english, sizeof english, "%s is missing: give it", name);
    say(c, serious, name, "missing", chinese, english);
}

static void check_exam(const struct checking *c)
{
    check_missing(c, true, "patientName");
    check_missing(c, true, "sex");
    if (!value_of(c, "accessionNumber") && !value_of(c, "studyInstanceUid"))
        say(c, true, "accessionNumber", "missing",
            "影像关联编号和检查 UID 都没有，无法关联影像，请填写其一",
            "neither accession number nor Study Instance UID: give one, or no images can be "
            "linked");
}

static void check_report(const struct checking *c)
{
    const char *status = value_of(c, "status"), *critical = value_of(c, "critical");
    if (!value_of(c, "examId") && !value_of(c, "accessionNumber") &&
        !value_of(c, "studyInstanceUid"))
        say(c, true, "examId", "missing",
            "检查标识、影像关联编号和检查 UID 都没有，无法关联检查，请填写其一",
            "neither exam id, accession number nor Study Instance UID: give one, or no examination "
            "can be linked");
    if (value_of(c, "criticalText") && critical && strcmp(critical, "0") == 0)
        say(c, false, "critical", "contradiction", "填写了危急值，却标为非危急报告，请核对",
            "a critical value is given, but the report is said not to be critical: check it");
    if (!status || (strcmp(status, "final") != 0 && strcmp(status, "corrected") != 0))
        return;
    check_missing(c, true, "impression");
    check_missing(c, true, "findings");
    check_missing(c, true, "reportDoctorName");
    check_missing(c, true, "reportTime");
    check_missing(c, true, "auditDoctorName");
    check_missing(c, true, "auditTime");
}

static void check_result(const struct checking *c)
{
    const char *low = value_of(c, "referenceLow"), *high = value_of(c, "referenceHigh");
    check_missing(c, true, "itemCode");
    check_missing(c, true, "itemName");
    if (!value_of(c, "value") && !value_of(c, "quantity"))
        say(c, true, "value", "missing", "定性和定量结果都没有，请填写其一",
            "neither a qualitative nor a quantitative result: give one");
    if (low && high && strtod(low, NULL) > strtod(high, NULL))
        say(c, true, "referenceLow", "range", "参考值下限大于上限，请核对",
            "above the upper limit: check both");
}

static void check_recognition(const struct checking *c)
{
    const char *recognized = value_of(c, "recognized");
    check_missing(c, true, "recognized");
    if (recognized && strcmp(recognized, "0") == 0 && !value_of(c, "reasonCode"))
        say(c, true, "reasonCode", "missing", "不互认时必须填写理由代码",
            "a refusal needs a reason code");
}

static void check_kind(const struct checking *c)
{
    switch (c->record->kind) {
    case YQ_KIND_EXAM: check_exam(c); break;
    case YQ_KIND_REPORT: check_report(c); break;
    case YQ_KIND_LAB:
        check_missing(c, true, "patientName");
        check_missing(c, true, "reportTime");
        break;
    case YQ_KIND_LAB_RESULT: check_result(c); break;
    case YQ_KIND_RECOGNITION: check_recognition(c); break;
    case YQ_KIND_SETTLEMENT:
        check_missing(c, true, "settlementId");
        check_missing(c, true, "medicalListCode");
        check_missing(c, true, "feeDetailNumber");
        check_missing(c, true, "bodyPartCode");
        break;
    default: break;
    }
}

/* ---- a record, and those in its lists ---- */

static void check_one(const struct checking *c)
{
    const struct yq_kind_info *info = &yq_kinds[c->record->kind];
    for (size_t i = 0; i < info->count; i++)
        if (c->record->values[i])
            check_values(c, &info->members[i], c->record->values[i]);
    check_patient(c);
    check_doctors(c);
    check_times(c);
    check_age(c);
    check_kind(c);
}

void yq_check_record(const struct yq_record *record, yq_is_mapped *is_mapped, void *context,
                     struct yq_findings *findings)
{
    struct checking c = {record, "", is_mapped, context, findings};
    const struct yq_kind_info *info = &yq_kinds[record->kind];
    check_one(&c);
    for (size_t i = 0; i < info->count; i++) {
        const struct yq_record_list *list = &record->lists[i];
        for (size_t n = 0; n < list->count; n++) {
            char prefix[64];
            snprintf(prefix, sizeof prefix, "%.30s[%zu].", info->members[i].name, n);
            struct checking item = {list->items[n], prefix, is_mapped, context, findings};
            check_one(&item);
        }
    }
}
