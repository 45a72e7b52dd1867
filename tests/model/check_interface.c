/* The field tables: their sources name what there is, and what an interface would refuse is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "yq/check.h"
#include "yq/dictionary.h"
#include "yq/fields.h"

static void tables_name_what_there_is(void **state)
{
    size_t fields = 0;
    unsigned line;
    struct yq_err err;
    (void)state;
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *interface = &yq_interfaces[i];
        assert_ptr_equal(yq_interface_find(interface->platform, interface->name), interface);
        if (!yq_fields_check(interface, &line, &err))
            fail_msg("%s/%s:%u: %s", interface->platform, interface->name, line, err.text);
        fields += interface->count;
    }
    assert_true(fields > 1300);
    assert_null(yq_interface_find("shanxi", "no-such"));
}

static void members_name_dictionaries(void **state)
{
    (void)state;
    for (size_t k = 0; k < YQ_KIND_COUNT; k++)
        for (size_t m = 0; m < yq_kinds[k].count; m++)
            if (*yq_kinds[k].members[m].dictionary &&
                !yq_dictionary_find(yq_kinds[k].members[m].dictionary))
                fail_msg("%s.%s: there is no dictionary %s", yq_kinds[k].name,
                         yq_kinds[k].members[m].name, yq_kinds[k].members[m].dictionary);
}

static void put(struct yq_record *record, const char *name, const char *text)
{
    struct yq_err err;
    if (!yq_record_put(record, name, text, &err))
        fail_msg("%s", err.text);
}

static struct yq_record *full_exam(void)
{
    static const char *const pairs[] = {"examId",
                                        "EX1",
                                        "patientName",
                                        "测试甲",
                                        "idType",
                                        "01",
                                        "idNumber",
                                        "11010519491231002X",
                                        "sex",
                                        "2",
                                        "birthDate",
                                        "1949-12-31",
                                        "age",
                                        "76",
                                        "ageUnit",
                                        "Y",
                                        "phone",
                                        "13800000000",
                                        "insuranceHospitalCode",
                                        "H14010000001",
                                        "insuranceDivision",
                                        "140100",
                                        "hospitalLevel",
                                        "31",
                                        "hospitalName",
                                        "影桥医院",
                                        "hospitalCode",
                                        "91350100M000100Y43",
                                        "requestNumber",
                                        "RQ1",
                                        "studyInstanceUid",
                                        "1.2.840.1",
                                        "itemCode",
                                        "CT01",
                                        "itemName",
                                        "胸部平扫",
                                        "nationalItemCode",
                                        "0",
                                        "nationalItemName",
                                        "胸部CT平扫",
                                        "examType",
                                        "01",
                                        "modality",
                                        "CT",
                                        "bodyPartCode",
                                        "B020ZYZZZ",
                                        "patientId",
                                        "P1",
                                        "outpatientNumber",
                                        "O1",
                                        "visitType",
                                        "1",
                                        "diagnosisCategoryCode",
                                        "J98",
                                        "diagnosisCategoryName",
                                        "呼吸",
                                        "diagnosisCode",
                                        "J98.4",
                                        "diagnosisName",
                                        "肺部阴影",
                                        "examTime",
                                        "2026-03-01 09:00:00",
                                        "examDepartmentName",
                                        "放射科",
                                        "examDoctorInsuranceCode",
                                        "D140100000001",
                                        "accessionNumber",
                                        "A1",
                                        "updatedTime",
                                        "2026-03-01 10:00:00",
                                        "orderNumber",
                                        "OR1",
                                        "recognizable",
                                        "1",
                                        NULL};
    struct yq_record *exam = yq_record_new(YQ_KIND_EXAM);
    assert_non_null(exam);
    for (size_t i = 0; pairs[i]; i += 2)
        put(exam, pairs[i], pairs[i + 1]);
    const struct yq_dictionary *levels = yq_dictionary_find("hospital-level");
    const struct yq_dictionary *items = yq_dictionary_find("shanxi/recognition-item");
    put(exam, "hospitalLevel", levels->terms[0].code);
    put(exam, "nationalItemCode", items->terms[0].code);
    put(exam, "requestDoctorInsuranceCode", "D140100000002");
    return exam;
}

static struct yq_findings findings_of(const char *platform, const char *interface,
                                      const struct yq_record *const *records, size_t count)
{
    struct yq_findings findings = {0};
    yq_check_interface_among(yq_interface_find(platform, interface), records, count, &findings);
    assert_false(findings.failed);
    return findings;
}

/* How often `what` is said about `field`. */
static unsigned said(struct yq_findings findings, const char *field, const char *what)
{
    unsigned count = 0;
    for (size_t i = 0; i < findings.count; i++)
        count += strcmp(findings.list[i].member, field) == 0 &&
                 (!*what || strcmp(findings.list[i].what, what) == 0);
    yq_findings_fini(&findings);
    return count;
}

static void a_full_exam_is_taken(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam();
    const struct yq_record *records[] = {exam};
    struct yq_findings findings = findings_of("shanxi", "exam-sync", records, 1);
    for (size_t i = 0; i < findings.count; i++)
        print_message("%s %s %s\n", findings.list[i].member, findings.list[i].what,
                      findings.list[i].english);
    assert_int_equal(findings.count, 1); /* it has no settlement, which the document wants */
    assert_string_equal(findings.list[0].member, "setInfoList");
    yq_findings_fini(&findings);
    yq_record_free(exam);
}

static void what_is_missing_is_found(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam();
    const struct yq_record *records[] = {exam};
    put(exam, "phone", "");
    put(exam, "age", "");
    assert_int_equal(
        said(findings_of("shanxi", "exam-sync", records, 1), "patTelephone", "missing"), 1);
    assert_int_equal(said(findings_of("shanxi", "exam-sync", records, 1), "patAge", ""), 0);
    /* an outpatient needs no inpatient number, an inpatient does */
    assert_int_equal(said(findings_of("shanxi", "exam-sync", records, 1), "inPatientId", ""), 0);
    put(exam, "visitType", "3");
    assert_int_equal(said(findings_of("shanxi", "exam-sync", records, 1), "inPatientId", "missing"),
                     1);
    yq_record_free(exam);
}

static void what_is_wrong_is_found(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam();
    const struct yq_record *records[] = {exam};
    put(exam, "sex", "女");
    put(exam, "wardCode", "3");
    put(exam, "deviceCode", "123456789012345678901");
    struct yq_findings findings = findings_of("shanxi", "exam-sync", records, 1);
    for (size_t i = 0; i < findings.count; i++)
        assert_null(strstr(findings.list[i].chinese, "女"));
    assert_int_equal(said(findings, "sex", "not-in-dictionary"), 1);
    assert_int_equal(said(findings_of("shanxi", "exam-sync", records, 1), "deviceCode", "too-long"),
                     1);
    put(exam, "bodyPartCode", "B020ZYZZZ\nXXXXXXXXX");
    assert_int_equal(
        said(findings_of("shanxi", "exam-sync", records, 1), "bodyCode", "not-in-dictionary"), 1);
    yq_record_free(exam);
}

static struct yq_record *some_report(void)
{
    struct yq_record *report = yq_record_new(YQ_KIND_REPORT);
    assert_non_null(report);
    put(report, "reportId", "R1");
    put(report, "status", "final");
    put(report, "hospitalName", "影桥医院影桥医院影桥医院影桥医院一");
    put(report, "impression", "未见异常");
    put(report, "reportTime", "2026-03-01 10:00:00");
    return report;
}

static void a_report_takes_from_its_exam(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam(), *report = some_report();
    const struct yq_record *both[] = {report, exam};
    /* by itself nobody can tell what its exam has */
    assert_int_equal(said(findings_of("shanxi", "report-sync", both, 1), "registerDate", ""), 0);
    assert_int_equal(said(findings_of("shanxi", "report-sync", both, 1), "labNum", "missing"), 1);
    assert_int_equal(said(findings_of("shanxi", "report-sync", both, 2), "labNum", "missing"), 0);
    assert_int_equal(said(findings_of("shanxi", "report-sync", both, 2), "dep", ""), 0);
    yq_record_free(exam);
    yq_record_free(report);
}

static void hebei_counts_bytes_and_neijiang_characters(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam(), *report = some_report();
    const struct yq_record *both[] = {report, exam};
    put(report, "hospitalName",
        "影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院"); /* 32 */
    assert_int_equal(
        said(findings_of("hebei", "PATIENT_STUDY_REPORT", both, 2), "ORG_NAME", "too-long"), 0);
    put(report, "hospitalName",
        "影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院影桥医院一");
    assert_int_equal(
        said(findings_of("hebei", "PATIENT_STUDY_REPORT", both, 2), "ORG_NAME", "too-long"), 1);
    put(exam, "age", "100"); /* 100岁: four characters, five bytes */
    put(exam, "deviceModel", "1");
    assert_int_equal(said(findings_of("neijiang", "V_DocRequest", &both[1], 1), "PatAge", ""), 0);
    yq_record_free(exam);
    yq_record_free(report);
}

static void items_of_lists_are_looked_at(void **state)
{
    (void)state;
    struct yq_err err;
    struct yq_record *lab = yq_record_new(YQ_KIND_LAB), *result;
    const struct yq_record *records[] = {lab};
    put(lab, "labId", "L1");
    put(lab, "hospitalCode", "H");
    for (int i = 0; i < 2; i++) {
        result = yq_record_new(YQ_KIND_LAB_RESULT);
        put(result, "resultNumber", "1");
        put(result, "loinc", i ? "12345678901" : "2345-7");
        assert_true(yq_record_add(lab, yq_member_find(YQ_KIND_LAB, "results"), result, &err));
    }
    assert_int_equal(said(findings_of("hebei", "PATIENT_LAB_REPORT_DETAIL", records, 1),
                          "results[1].LOINC_CODE", "too-long"),
                     1);
    assert_int_equal(said(findings_of("hebei", "PATIENT_LAB_REPORT_DETAIL", records, 1),
                          "results[0].LOINC_CODE", ""),
                     0);
    assert_int_equal(said(findings_of("hebei", "PATIENT_LAB_REPORT_DETAIL", records, 1),
                          "results[0].LAB_NUMBER", ""),
                     0);
    yq_record_free(lab);
}

static void a_field_has_the_value_it_is_sent_with(void **state)
{
    (void)state;
    struct yq_record *exam = full_exam();
    const struct yq_record *records[] = {exam};
    const struct yq_interface *view = yq_interface_find("neijiang", "V_DocRequest");
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    put(exam, "studyInstanceUid", "1.2.3,1.2.4");
    for (size_t i = 0; i < view->count; i++) {
        const char *name = view->fields[i].name;
        if (strcmp(name, "PatAge") == 0 || strcmp(name, "PatSex") == 0 ||
            strcmp(name, "StudyInstanceUID") == 0 || strcmp(name, "VisitFlag") == 0) {
            assert_true(yq_field_value(&view->fields[i], records, 1, &out));
            yq_buf_puts(&out, ";");
        }
    }
    assert_string_equal(yq_buf_text(&out), "门诊;F;76岁;1.2.3,1.2.4;");
    view = yq_interface_find("shanxi", "exam-sync");
    put(exam, "examType", "");
    put(exam, "modality", "CT\nSR\nMR");
    yq_buf_clear(&out);
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->fields[i].name, "imgExamType") == 0)
            assert_true(yq_field_value(&view->fields[i], records, 1, &out));
    assert_string_equal(yq_buf_text(&out), "2|3");
    yq_record_free(exam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_name_what_there_is),
        cmocka_unit_test(members_name_dictionaries),
        cmocka_unit_test(a_full_exam_is_taken),
        cmocka_unit_test(what_is_missing_is_found),
        cmocka_unit_test(what_is_wrong_is_found),
        cmocka_unit_test(a_report_takes_from_its_exam),
        cmocka_unit_test(hebei_counts_bytes_and_neijiang_characters),
        cmocka_unit_test(items_of_lists_are_looked_at),
        cmocka_unit_test(a_field_has_the_value_it_is_sent_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
