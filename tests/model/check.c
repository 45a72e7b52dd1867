/* The rules for records: each with a value that keeps it and one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/model/check_inside.h"

static struct yq_record *made(enum yq_kind kind, const char *const *pairs)
{
    struct yq_err err;
    struct yq_record *record = yq_record_new(kind);
    assert_non_null(record);
    for (; *pairs; pairs += 2)
        if (!yq_record_put(record, pairs[0], pairs[1], &err))
            fail_msg("%s", err.text);
    return record;
}
#define RECORD(kind, ...) made(kind, (const char *const[]){__VA_ARGS__, NULL})

/* How often `what` is said about `member`; takes the record. */
static unsigned found(struct yq_record *record, const char *member, const char *what)
{
    struct yq_findings findings = {0};
    unsigned count = 0;
    yq_check_record(record, NULL, NULL, &findings);
    assert_false(findings.failed);
    for (size_t i = 0; i < findings.count; i++) {
        const struct yq_finding *finding = &findings.list[i];
        assert_true(*finding->chinese && *finding->english);
        if (strcmp(finding->member, member) == 0 && strcmp(finding->what, what) == 0)
            count++;
    }
    yq_findings_fini(&findings);
    yq_record_free(record);
    return count;
}

static void id_cards(void **state)
{
    (void)state;
    assert_true(yq_is_id_card("11010519491231002X"));
    assert_true(yq_is_id_card("11010519491231002x"));
    assert_true(yq_is_id_card("440524188001010014"));
    assert_false(yq_is_id_card("110105194912310021"));
    assert_false(yq_is_id_card("1101051949123100"));
    assert_false(yq_is_id_card("1101051949X231002X"));
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "110105194912310021"),
                           "idNumber", "check-digit"),
                     1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X"),
                           "idNumber", "check-digit"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "110105491231002"),
                           "idNumber", "id-card"),
                     1);
    /* a passport is no id card, and what nobody calls one need not be one */
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "idType", "03", "idNumber", "E12345678"), "idNumber", "id-card"),
        0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idNumber", "E12345678"), "idNumber", "id-card"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "auditDoctorIdNumber", "110105194912310021"),
                           "auditDoctorIdNumber", "check-digit"),
                     1);
}

static void id_card_against_the_record(void **state)
{
    (void)state;
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X",
                                  "birthDate", "1949-12-31", "sex", "2"),
                           "birthDate", "birth-date"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X",
                                  "birthDate", "1949-12-30"),
                           "birthDate", "birth-date"),
                     1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X", "sex", "1"),
              "sex", "sex"),
        1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X", "sex", "2"),
              "sex", "sex"),
        0);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "11010519491231002X", "sex", "9"),
              "sex", "sex"),
        0);
    assert_int_equal(/* 31 February, with the right check digit */
                     found(RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "110105194902310023"),
                           "idNumber", "id-card") +
                         found(
                             RECORD(YQ_KIND_EXAM, "idType", "01", "idNumber", "110105194902310023"),
                             "idNumber", "check-digit"),
                     1);
}

static void credit_codes(void **state)
{
    (void)state;
    assert_true(yq_is_uscc("91350100M000100Y43"));
    assert_false(yq_is_uscc("91350100M000100Y44"));
    assert_false(yq_is_uscc("91350100I000100Y43"));
    assert_false(yq_is_uscc("91350100M000100Y4"));
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "hospitalCode", "91350100M000100Y44"),
                           "hospitalCode", "check-digit"),
                     1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "hospitalCode", "HZ00123"), "hospitalCode", "uscc"),
                     1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "hospitalCode", "91350100M000100Y43"), "hospitalCode", "uscc"),
        0);
}

static void telephones(void **state)
{
    (void)state;
    static const char *const good[] = {"13812345678",  "+8613812345678", "+86 13812345678",
                                       "0351-3580916", "03513580916",    "010-12345678",
                                       "3580916",      "19912345678"};
    static const char *const bad[] = {"12812345678", "1381234567",    "138123456789", "abc",
                                      "0351-35",     "138-1234-5678", "+1 2025550100"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(found(RECORD(YQ_KIND_EXAM, "phone", good[i]), "phone", "phone"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(found(RECORD(YQ_KIND_EXAM, "phone", bad[i]), "phone", "phone"), 1);
}

static void forms(void **state)
{
    (void)state;
    assert_true(check_is_loinc("2345-7"));
    assert_true(check_is_loinc("718-7"));
    assert_false(check_is_loinc("718-8"));
    assert_false(check_is_loinc("718"));
    assert_false(check_is_loinc("12345678-1"));
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "modality", "ct"), "modality", "format"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "modality", "CT\nMR"), "modality", "format"), 0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "modality", "CT\nmr"), "modality", "format"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "postcode", "03000"), "postcode", "format"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "postcode", "030000"), "postcode", "format"), 0);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "addressDivision", "140105"), "addressDivision", "format"), 0);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "addressDivision", "990105"), "addressDivision", "format"), 1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "studyInstanceUid", "1.2.840.1"), "studyInstanceUid", "uid"), 0);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "studyInstanceUid", "1.2.0840.1"), "studyInstanceUid", "uid"),
        1);
}

static bool knows_male(void *context, const char *dictionary, const char *code)
{
    return strcmp(dictionary, context) == 0 && strcmp(code, "男") == 0;
}

static void dictionaries(void **state)
{
    struct yq_findings findings = {0};
    (void)state;
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "sex", "1"), "sex", "not-in-dictionary"), 0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "sex", "男"), "sex", "not-in-dictionary"), 1);
    struct yq_record *record =
        RECORD(YQ_KIND_EXAM, "sex", "男", "patientName", "测试", "accessionNumber", "A1");
    yq_check_record(record, knows_male, "sex", &findings);
    assert_int_equal(findings.count, 0);
    yq_check_record(record, NULL, NULL, &findings);
    assert_int_equal(findings.count, 1);
    assert_true(findings.list[0].serious);
    assert_null(strstr(findings.list[0].chinese, "男"));
    yq_findings_fini(&findings);
    yq_record_free(record);
}

static void times(void **state)
{
    (void)state;
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "requestTime", "2026-03-01 08:00:00", "examTime",
                                  "2026-03-01 07:59:59"),
                           "examTime", "time-order"),
                     1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "requestTime", "2026-03-01 08:00:00", "examTime",
                                  "2026-03-01 08:00:00"),
                           "examTime", "time-order"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "reportTime", "2026-03-01 09:00:00", "auditTime",
                                  "2026-03-01 08:00:00"),
                           "auditTime", "time-order"),
                     1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "birthDate", "2026-03-01", "examTime", "2026-03-01 08:00:00"),
              "examTime", "time-order"),
        0);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "birthDate", "2026-03-02", "examTime", "2026-03-01 08:00:00"),
              "examTime", "time-order"),
        1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "scheduledTime", "2026-03-01 09:00:00",
                                  "scheduledEndTime", "2026-03-01 08:00:00"),
                           "scheduledEndTime", "time-order"),
                     1);
}

static void ages(void **state)
{
    (void)state;
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "age", "45"), "ageUnit", "missing"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "age", "245", "ageUnit", "Y"), "age", "age"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "age", "45", "ageUnit", "Y", "birthDate",
                                  "1981-03-01", "examTime", "2026-03-01"),
                           "age", "age"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "age", "40", "ageUnit", "Y", "birthDate",
                                  "1981-03-01", "examTime", "2026-03-01"),
                           "age", "age"),
                     1);
}

static void what_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "examId", "E"), "patientName", "missing"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_EXAM, "examId", "E"), "accessionNumber", "missing"), 1);
    assert_int_equal(
        found(RECORD(YQ_KIND_EXAM, "studyInstanceUid", "1.2.3"), "accessionNumber", "missing"), 0);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "status", "final"), "auditTime", "missing"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "status", "preliminary"), "auditTime", "missing"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "reportId", "R"), "examId", "missing"), 1);
    assert_int_equal(found(RECORD(YQ_KIND_RECOGNITION, "recognized", "0"), "reasonCode", "missing"),
                     1);
    assert_int_equal(found(RECORD(YQ_KIND_RECOGNITION, "recognized", "1"), "reasonCode", "missing"),
                     0);
    assert_int_equal(found(RECORD(YQ_KIND_REPORT, "critical", "0", "criticalText", "K 7.1"),
                           "critical", "contradiction"),
                     1);
}

static void records_in_lists(void **state)
{
    struct yq_err err;
    struct yq_findings findings = {0};
    (void)state;
    struct yq_record *lab = RECORD(YQ_KIND_LAB, "labId", "L");
    int results = yq_member_find(YQ_KIND_LAB, "results");
    assert_true(yq_record_add(
        lab, results,
        RECORD(YQ_KIND_LAB_RESULT, "itemCode", "K", "itemName", "钾", "quantity", "4.1"), &err));
    assert_true(yq_record_add(lab, results,
                              RECORD(YQ_KIND_LAB_RESULT, "itemCode", "K", "itemName", "钾",
                                     "referenceLow", "5", "referenceHigh", "4"),
                              &err));
    yq_check_record(lab, NULL, NULL, &findings);
    unsigned range = 0, missing = 0;
    for (size_t i = 0; i < findings.count; i++) {
        range += strcmp(findings.list[i].member, "results[1].referenceLow") == 0;
        missing += strcmp(findings.list[i].member, "results[1].value") == 0;
        assert_null(strstr(findings.list[i].member, "results[0]"));
    }
    assert_int_equal(range, 1);
    assert_int_equal(missing, 1);
    yq_findings_fini(&findings);
    yq_record_free(lab);
}

static void lengths(void **state)
{
    (void)state;
    assert_int_equal(check_characters("影桥a"), 3);
    assert_int_equal(check_gbk_bytes("影桥a"), 5);
    assert_int_equal(check_gbk_bytes("（）、°αЖ①"), 14);
    assert_int_equal(check_gbk_bytes("\xf0\xa0\x80\x80"), 4); /* U+20000 */
    assert_int_equal(check_gbk_bytes("\xc3\xa4"), 4);         /* a letter that GBK lacks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_cards),
        cmocka_unit_test(id_card_against_the_record),
        cmocka_unit_test(credit_codes),
        cmocka_unit_test(telephones),
        cmocka_unit_test(forms),
        cmocka_unit_test(dictionaries),
        cmocka_unit_test(times),
        cmocka_unit_test(ages),
        cmocka_unit_test(what_must_be_there),
        cmocka_unit_test(records_in_lists),
        cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
