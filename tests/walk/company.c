/* company.c: a record with those that belong to it, in national codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/codes.h"
#include "yq/company.h"
#include "yq/dictionary.h"
#include "yq/form.h"
#include "yq/registry.h"

static char dir[64], path[128];
static struct yq_house house;
static struct yq_err err;
static struct yq_origin origin = {.door = "test"};

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    yq_claims_init(&house.recording);
    snprintf(dir, sizeof dir, "/tmp/yq-company-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/catalog.sqlite", dir);
    ok(yq_catalog_open(path, &house.catalog, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    yq_catalog_close(house.catalog);
    yq_claims_fini(&house.recording);
    ok(yq_catalog_discard(path, &err));
    return remove(dir);
}

static void in(enum yq_kind kind, const char *json)
{
    struct yq_record *record;
    ok(yq_form_record_read(kind, json, strlen(json), NULL, &record, &err));
    struct yq_submission submission = {.record = record, .expect = YQ_EXPECT_ANYTHING};
    ok(yq_record_in(&house, &origin, "hl7:ris", &submission, 1, &err));
    assert_int_equal(submission.result.err.code, YQ_OK);
    yq_findings_fini(&submission.findings);
    yq_record_free(record);
}

static const struct yq_record *of(const struct yq_company *company, enum yq_kind kind)
{
    for (size_t i = 0; i < company->count; i++)
        if (company->records[i]->kind == kind)
            return company->records[i];
    return NULL;
}

static void a_report_comes_with_its_exam_and_patient(void **state)
{
    struct yq_company company;
    (void)state;
    in(YQ_KIND_PATIENT, "{\"patientId\":\"P1\",\"phone\":\"13800000000\"}");
    in(YQ_KIND_EXAM, "{\"examId\":\"E1\",\"patientId\":\"P1\",\"requestNumber\":\"Q1\"}");
    in(YQ_KIND_EXAM, "{\"examId\":\"E2\",\"accessionNumber\":\"A2\"}");
    in(YQ_KIND_REPORT, "{\"reportId\":\"R1\",\"examId\":\"E1\",\"patientId\":\"P1\"}");
    in(YQ_KIND_REPORT, "{\"reportId\":\"R2\",\"accessionNumber\":\"A2\"}");
    ok(yq_company_open(&house, YQ_KIND_REPORT, "R1", &company, &err));
    assert_string_equal(yq_record_id(company.records[0]), "R1");
    assert_string_equal(yq_record_id(of(&company, YQ_KIND_EXAM)), "E1");
    assert_string_equal(yq_record_get(of(&company, YQ_KIND_PATIENT), "phone"), "13800000000");
    yq_company_fini(&company);
    ok(yq_company_open(&house, YQ_KIND_REPORT, "R2", &company, &err));
    assert_string_equal(yq_record_id(of(&company, YQ_KIND_EXAM)), "E2");
    assert_null(of(&company, YQ_KIND_PATIENT));
    yq_company_fini(&company);
    assert_false(yq_company_open(&house, YQ_KIND_REPORT, "R3", &company, &err));
    assert_int_equal(err.code, YQ_ABSENT);
}

static void local_codes_become_national_ones(void **state)
{
    struct yq_company company;
    (void)state;
    const struct yq_dictionary *items = yq_dictionary_find("recognition-item");
    struct yq_code_line lines[] = {
        {.list = "sex", .code = "男", .dictionary = "sex", .national = "1"},
        {.list = YQ_CODES_EXAM_ITEMS, .code = "CT01", .dictionary = "recognition-item"}};
    assert_true(yq_copy(lines[1].national, sizeof lines[1].national, items->terms[0].code));
    ok(yq_codes_set(house.catalog, lines, 2, &err));
    in(YQ_KIND_EXAM, "{\"examId\":\"E1\",\"sex\":\"男\",\"itemCode\":[\"CT01\",\"XX\"]}");
    ok(yq_company_open(&house, YQ_KIND_EXAM, "E1", &company, &err));
    assert_string_equal(yq_record_get(company.records[0], "sex"), "1");
    assert_string_equal(yq_record_get(company.records[0], "nationalItemCode"),
                        items->terms[0].code);
    assert_string_equal(yq_record_get(company.records[0], "nationalItemName"),
                        items->terms[0].chinese);
    assert_non_null(yq_record_get(company.records[0], "updatedTime")); /* when it came */
    yq_company_fini(&company);
}

static unsigned said(const struct yq_company *company, const char *interface, const char *field,
                     const char *what)
{
    struct yq_findings findings = {0};
    unsigned count = 0;
    yq_company_check(company, yq_interface_find("shanxi", interface), &findings);
    for (size_t i = 0; i < findings.count; i++)
        count +=
            strcmp(findings.list[i].member, field) == 0 && strcmp(findings.list[i].what, what) == 0;
    yq_findings_fini(&findings);
    return count;
}

static void what_is_missing_in_the_exam_is_found_for_the_report(void **state)
{
    struct yq_company company;
    (void)state;
    in(YQ_KIND_EXAM, "{\"examId\":\"E1\",\"requestNumber\":\"Q1\",\"modality\":\"CT\"}");
    in(YQ_KIND_REPORT, "{\"reportId\":\"R1\",\"examId\":\"E1\",\"status\":\"final\"}");
    ok(yq_company_open(&house, YQ_KIND_REPORT, "R1", &company, &err));
    assert_int_equal(said(&company, "report-sync", "labNum", "missing"), 0);
    assert_int_equal(said(&company, "report-sync", "dep", "missing"), 0);
    assert_int_equal(said(&company, "report-sync", "patId", "missing"), 1);
    yq_company_fini(&company);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_comes_with_its_exam_and_patient, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(local_codes_become_national_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_in_the_exam_is_found_for_the_report, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
