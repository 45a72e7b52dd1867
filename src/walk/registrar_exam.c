/* registrar_exam.c: an exam from what the images say. PS3.3 C.7.1, C.7.2, C.7.3, C.7.5.
 *
 * The catalog has what is indexed, corrected and coerced; the rest (who asked for it, where the
 * patient is) comes from the header of one image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "registrar.h"
#include "yq/form.h"

enum { VALUE_MOST = 16384, HEADER_MOST = 4 << 20, HEADER_DEPTH = 4 };

static const struct {
    enum yq_attr attr;
    const char *member;
} of_study[] = {
    {YQ_PatientID, "patientId"},
    {YQ_StudyID, "studyId"},
    {YQ_StudyDescription, "examName"},
    {YQ_AdmittingDiagnosesDescription, "clinicalDiagnosis"},
    {YQ_AdditionalPatientHistory, "history"},
};
static const struct {
    enum yq_attr attr;
    const char *member;
} of_series[] = {
    {YQ_InstitutionName, "hospitalName"},    {YQ_InstitutionalDepartmentName, "examDepartmentName"},
    {YQ_StationName, "deviceName"},          {YQ_ManufacturerModelName, "deviceModel"},
    {YQ_Manufacturer, "deviceManufacturer"},
};
static const struct {
    uint32_t tag;
    const char *member;
} of_header[] = {
    {0x00102154, "phone"},
    {0x00101040, "address"},
    {0x00321033, "requestDepartmentName"},
    {0x00321060, "itemName"},
    {0x00380010, "visitNumber"},
    {0x00380300, "ward"},
    {0x00402016, "requestNumber"},
    {0x00181000, "deviceCode"},
};

/* ---- converted ---- */

static bool put_sex(struct yq_record *exam, const char *sex, struct yq_err *err)
{
    /* GB/T 2261.1; DICOM's O is neither of the two, which that says as "not told" */
    const char *code = !sex || !*sex           ? ""
                       : strcmp(sex, "M") == 0 ? "1"
                       : strcmp(sex, "F") == 0 ? "2"
                       : strcmp(sex, "O") == 0 ? "9"
                                               : "0";
    return reg_put(exam, "sex", code, err);
}

static bool put_age_of(struct yq_record *exam, long number, char unit, struct yq_err *err)
{
    char text[24], letter[2] = {unit, '\0'};
    snprintf(text, sizeof text, "%ld", number);
    return reg_put(exam, "age", text, err) && reg_put(exam, "ageUnit", letter, err);
}

static bool read_day(const char *date, struct tm *out)
{
    if (!date || strspn(date, "0123456789") != 8)
        return false;
    long number = strtol(date, NULL, 10);
    *out = (struct tm){.tm_year = (int)(number / 10000) - 1900,
                       .tm_mon = (int)(number / 100 % 100) - 1,
                       .tm_mday = (int)(number % 100)};
    return true;
}

/* As the hospital's forms have it: years, for infants months, for the newborn days. */
static bool put_age_at(struct yq_record *exam, const char *birth, const char *date,
                       struct yq_err *err)
{
    struct tm born, then;
    if (!read_day(birth, &born) || !read_day(date, &then))
        return true;
    int months = (then.tm_year - born.tm_year) * 12 + then.tm_mon - born.tm_mon -
                 (then.tm_mday < born.tm_mday);
    if (months < 0 || months > 150 * 12)
        return true;
    if (months >= 12)
        return put_age_of(exam, months / 12, 'Y', err);
    return months ? put_age_of(exam, months, 'M', err)
                  : put_age_of(exam, (long)((timegm(&then) - timegm(&born)) / 86400), 'D', err);
}

static bool put_age(struct yq_record *exam, const char *const *values, struct yq_err *err)
{
    const char *age = values[YQ_PatientAge];
    size_t digits = age ? strspn(age, "0123456789") : 0;
    long number = digits ? strtol(age, NULL, 10) : 0;
    if (digits != 3 || !age[3] || !strchr("DWMY", age[3]) || age[4])
        return put_age_at(exam, values[YQ_PatientBirthDate], values[YQ_StudyDate], err);
    return age[3] == 'W' ? put_age_of(exam, 7 * number, 'D', err)
                         : put_age_of(exam, number, age[3], err);
}

/* ---- from the catalog ---- */

static bool put_study(struct reg_study *study, const char *const *values, struct yq_err *err)
{
    struct yq_record *exam = study->exam;
    char first[1024];
    (void)yq_copy(study->classes, sizeof study->classes,
                  values[YQ_SOPClassesInStudy] ? values[YQ_SOPClassesInStudy] : "");
    for (size_t i = 0; i < sizeof of_study / sizeof *of_study; i++) {
        const char *value = values[of_study[i].attr];
        reg_first(value ? value : "", first, sizeof first);
        if (!reg_put(exam, of_study[i].member, first, err))
            return false;
    }
    return reg_put(exam, "studyInstanceUid", study->row->study, err) &&
           reg_put(exam, "accessionNumber", values[YQ_AccessionNumber], err) &&
           reg_put_person(exam, "patientName", "patientNamePinyin", values[YQ_PatientName], err) &&
           reg_put_person(exam, "requestDoctorName", NULL, values[YQ_ReferringPhysicianName],
                          err) &&
           put_sex(exam, values[YQ_PatientSex], err) &&
           reg_put(exam, "birthDate", values[YQ_PatientBirthDate], err) &&
           put_age(exam, values, err) &&
           reg_put_moment(exam, "examTime", values[YQ_StudyDate], values[YQ_StudyTime], err);
}

/* What is made of images, or about them, not by a device. */
static bool is_about_images(const char *modality)
{
    static const char words[] = "\\SR\\DOC\\PR\\KO\\SEG\\REG\\FID\\RWV\\";
    char word[24];
    snprintf(word, sizeof word, "\\%s\\", modality);
    return strstr(words, word);
}

struct series { /* the one that stands for the study */
    char uid[YQ_UID_SIZE];
    long number;
    bool images;
};

/* Modality and part of each series; of the first one of images also where and by whom. */
static bool put_series(struct reg_study *study, const char *const *values, struct series *first,
                       struct yq_err *err)
{
    struct yq_record *exam = study->exam;
    const char *modality = values[YQ_Modality] ? values[YQ_Modality] : "";
    const char *number = values[YQ_SeriesNumber];
    bool images = !is_about_images(modality);
    long place = number && *number ? strtol(number, NULL, 10) : 1L << 30;
    if (images && (!reg_append(exam, "modality", modality, err) ||
                   !reg_append(exam, "bodyPart", values[YQ_BodyPartExamined], err)))
        return false;
    if (*first->uid &&
        (first->images > images || (first->images == images && first->number <= place)))
        return true;
    *first = (struct series){.number = place, .images = images};
    (void)yq_copy(first->uid, sizeof first->uid, values[YQ_SeriesInstanceUID]);
    char value[256];
    for (size_t i = 0; i < sizeof of_series / sizeof *of_series; i++) {
        reg_first(values[of_series[i].attr] ? values[of_series[i].attr] : "", value, sizeof value);
        if (!reg_put(exam, of_series[i].member, value, err))
            return false;
    }
    return reg_put_person(exam, "examDoctorName", NULL, values[YQ_PerformingPhysicianName], err) &&
           reg_put_person(exam, "technicianName", NULL, values[YQ_OperatorsName], err);
}

/* Asks for the study, a series or an instance below it and hands each row to `each`. */
struct look {
    enum yq_qr_level level;
    enum yq_attr key;
    const char *value;
    uint64_t limit;
};

static struct yq_cursor *look_up(struct yq_house *house, const struct look *look,
                                 struct yq_query *query, struct yq_err *err)
{
    struct yq_cursor *cursor = NULL;
    query->level = look->level;
    query->limit = look->limit;
    for (int i = 0; i < YQ_ATTR_COUNT; i++)
        query->wanted[i] = (yq_attrs[i].source == YQ_FROM_HEADER || i == YQ_SOPClassesInStudy) &&
                           (yq_attrs[i].level == look->level ||
                            (look->level == YQ_STUDY && yq_attrs[i].level == YQ_PATIENT));
    if (!yq_query_add(query, look->key, look->value, true, err) ||
        !yq_catalog_find(house->catalog, query, &cursor, err))
        return NULL;
    return cursor;
}

static bool take_study(struct reg_study *study, struct yq_err *err)
{
    const struct look look = {YQ_STUDY, YQ_StudyInstanceUID, study->row->study, 1};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    const char *const *values;
    struct yq_cursor *cursor = look_up(study->house, &look, &query, err);
    if (!cursor)
        return false;
    bool there = yq_cursor_next(cursor, &values, err);
    bool ok = there && put_study(study, values, err);
    yq_cursor_close(cursor);
    if (!there && err->code == YQ_OK)
        return yq_fail(err, YQ_ABSENT, "walk", "the study is gone");
    return ok;
}

static bool take_series(struct reg_study *study, struct series *first, struct yq_err *err)
{
    const struct look look = {YQ_SERIES, YQ_StudyInstanceUID, study->row->study, 0};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    const char *const *values;
    struct yq_cursor *cursor = look_up(study->house, &look, &query, err);
    if (!cursor)
        return false;
    bool ok = true;
    while (ok && yq_cursor_next(cursor, &values, err))
        ok = put_series(study, values, first, err);
    ok = ok && err->code == YQ_OK;
    yq_cursor_close(cursor);
    return ok;
}

/* ---- from the header of an image ---- */

bool reg_read(const struct reg_study *study, const struct yq_entry *entry,
              const struct yq_reading *how, struct yq_dataset *out, struct yq_err *err)
{
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    return yq_retrieve_open(study->house, entry, NULL, 0, &object, err) &&
           yq_dcm_read_dataset(object.fd, how, out, NULL, err);
}

static bool put_header(struct reg_study *study, const struct yq_item *root, struct yq_err *err)
{
    struct yq_record *exam = study->exam;
    const struct yq_item *request = yq_item_first(root, 0x00400275);
    char value[1024];
    for (size_t i = 0; i < sizeof of_header / sizeof *of_header; i++) {
        if (!yq_item_value(root, of_header[i].tag, 0, value, sizeof value) &&
            !yq_item_value(request, of_header[i].tag, 0, value, sizeof value))
            continue;
        if (!reg_put(exam, of_header[i].member, value, err))
            return false;
    }
    const char *doctor = yq_item_text(root, 0x00321032);
    if (!yq_record_get(exam, "bodyPart") &&
        !reg_append(exam, "bodyPart", yq_item_text(yq_item_first(root, 0x00082218), 0x00080104),
                    err))
        return false;
    return !*doctor || reg_put_person(exam, "requestDoctorName", NULL, doctor, err);
}

static bool find_image(struct reg_study *study, const struct series *series, struct yq_entry *out,
                       struct yq_err *err)
{
    const struct look look = {YQ_IMAGE, YQ_SeriesInstanceUID, series->uid, 1};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    const char *const *values;
    char instance[YQ_UID_SIZE] = "";
    struct yq_cursor *cursor = look_up(study->house, &look, &query, err);
    if (!cursor)
        return false;
    if (yq_cursor_next(cursor, &values, err))
        (void)yq_copy(instance, sizeof instance, values[YQ_SOPInstanceUID]);
    yq_cursor_close(cursor);
    return err->code == YQ_OK && yq_catalog_get(study->house->catalog, instance, out, err);
}

/* That one image cannot be read is no reason to make no exam. */
static bool take_header(struct reg_study *study, const struct series *series, struct yq_err *err)
{
    struct yq_dataset header yq_cleanup(yq_dataset_fini) = {0};
    const struct yq_reading how = {.value_most = VALUE_MOST,
                                   .most = HEADER_MOST,
                                   .depth_most = HEADER_DEPTH,
                                   .to_pixels = true,
                                   .frame = YQ_NO_FRAME,
                                   .assume_charset = study->charset};
    struct yq_entry entry;
    struct yq_err why = {0};
    if (!find_image(study, series, &entry, &why) || !reg_read(study, &entry, &how, &header, &why))
        return true;
    return put_header(study, &header.root, err);
}

bool reg_exam(struct reg_study *study, struct yq_err *err)
{
    struct series first = {0};
    char id[YQ_RECORD_ID_MOST + 1];
    study->exam = yq_record_new(YQ_KIND_EXAM);
    if (!study->exam)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    snprintf(id, sizeof id, "uid:%s", study->row->study);
    return take_study(study, err) && take_series(study, &first, err) &&
           take_header(study, &first, err) && yq_record_put(study->exam, "examId", id, err) &&
           yq_record_put(study->exam, "status", "examined", err);
}
