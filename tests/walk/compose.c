/* compose.c: messages made by field tables: JSON types, order, gates, own lines, objects within,
 * what tells two messages apart, what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/clock.h"
#include "yq/compose.h"
#include "yq/form.h"

static struct yq_conf *conf;
static struct yq_platform platform = {.name = "shanxi", .province = YQ_SHANXI};
static struct yq_err err;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    strcpy(conf->hospital_code, "91350100M000100Y43");
    strcpy(conf->hospital_name, "影桥医院");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf->own_field_count; i++)
        yq_fields_free(conf->own_fields[i]);
    free(conf->own_fields);
    free(conf);
    return 0;
}

static struct yq_record *record(enum yq_kind kind, const char *json)
{
    struct yq_record *made;
    ok(yq_form_record_read(kind, json, strlen(json), NULL, &made, &err));
    return made;
}

static void own(const char *interface, const char *text)
{
    struct yq_fields *fields;
    ok(yq_fields_parse("own.csv", text, strlen(text), yq_interface_find("shanxi", interface),
                       &fields, &err));
    conf->own_fields = realloc(conf->own_fields, (conf->own_field_count + 1) * sizeof(void *));
    assert_non_null(conf->own_fields);
    conf->own_fields[conf->own_field_count++] = fields;
}

static struct yq_composed made(const char *interface, struct yq_record *take,
                               const struct yq_node_value *values, size_t count)
{
    struct yq_company company = {{take}, take != NULL};
    struct yq_composed out;
    ok(yq_compose(NULL, conf, &platform, yq_interface_find("shanxi", interface), &company, values,
                  count, false, &out, &err));
    yq_company_fini(&company);
    return out;
}

static bool has(const struct yq_buf *text, const char *what)
{
    return strstr(yq_buf_text(text), what) != NULL;
}

static const struct yq_finding *finding(const struct yq_composed *composed, const char *field)
{
    for (size_t i = 0; i < composed->findings.count; i++)
        if (strcmp(composed->findings.list[i].member, field) == 0)
            return &composed->findings.list[i];
    return NULL;
}

static const char some_exam[] =
    "{\"examId\":\"E1\",\"patientName\":\"测试甲\",\"sex\":\"2\",\"age\":45,\"ageUnit\":\"Y\","
    "\"phone\":\"13800000001\",\"emergency\":true,\"modality\":[\"CT\",\"SR\"],"
    "\"accessionNumber\":[\"A1\",\"A2\"],\"updatedTime\":\"2026-03-01 10:00:00\","
    "\"scheduledTime\":\"2026-03-01 08:00:00\",\"scheduledEndTime\":\"2026-03-01 08:15:00\","
    "\"settlements\":[{\"medicalListCode\":\"M1\"},{\"settlementId\":\"S2\"}]}";

static void members_have_their_order_and_their_types(void **state)
{
    (void)state;
    struct yq_composed out = made("exam-sync", record(YQ_KIND_EXAM, some_exam), NULL, 0);
    assert_true(strncmp(yq_buf_text(&out.message), "{\"patName\":\"测试甲\",\"sex\":\"2\",", 30) ==
                0);
    assert_true(has(&out.message, "\"patAge\":\"45\",\"ageUnit\":\"Y\""));
    assert_true(has(&out.message, "\"isEmergency\":1,")); /* 数字 */
    assert_true(has(&out.message, "\"imgExamType\":\"2\",\"modality\":\"CT,SR\""));
    assert_true(has(&out.message, "\"accessionNumber\":\"A1,A2\""));
    assert_true(has(&out.message, "\"hospitalCode\":\"91350100M000100Y43\""));
    assert_true(has(&out.message, "\"reserveTime\":\"2026-03-01 08:00:00/2026-03-01 08:15:00\""));
    assert_true(has(&out.message, "\"disableFlag\":0,"));
    assert_true(has(&out.message,
                    "\"setInfoList\":[{\"setId\":\"00000000000000000000\",\"medListCode\":\"M1\","
                    "\"feeDetailSn\":\"000000000000000000\"},{\"setId\":\"S2\","
                    "\"feeDetailSn\":\"000000000000000000\"}]"));
    assert_false(has(&out.message, "patSpellName")); /* no value: left out */
    assert_true(has(&out.message, "\"mtuRecMark\":\"0\"}"));
    assert_non_null(finding(&out, "setInfoList[1].medListCode"));
    assert_true(finding(&out, "setInfoList[1].medListCode")->held);
    assert_null(finding(&out, "setInfoList[0].medListCode"));
    assert_null(finding(&out, "hospitalCode"));
    assert_non_null(strstr(finding(&out, "fixmedinsCode")->chinese, "hospital.insurance_code"));
    assert_true(out.held == out.findings.count);
    yq_composed_fini(&out);
}

static void the_same_content_has_the_same_identity(void **state)
{
    (void)state;
    char later[2048];
    snprintf(later, sizeof later, "%s", some_exam);
    strstr(later, "10:00:00")[1] = '1';
    struct yq_composed a = made("exam-sync", record(YQ_KIND_EXAM, some_exam), NULL, 0);
    struct yq_composed b = made("exam-sync", record(YQ_KIND_EXAM, later), NULL, 0);
    strstr(later, "A2")[1] = '3';
    struct yq_composed c = made("exam-sync", record(YQ_KIND_EXAM, later), NULL, 0);
    assert_string_not_equal(yq_buf_text(&a.message), yq_buf_text(&b.message));
    assert_string_equal(yq_buf_text(&a.identity), yq_buf_text(&b.identity));
    assert_string_not_equal(yq_buf_text(&b.identity), yq_buf_text(&c.identity));
    yq_composed_fini(&a);
    yq_composed_fini(&b);
    yq_composed_fini(&c);
}

static void what_is_personal_is_masked_where_it_is_shown(void **state)
{
    (void)state;
    struct yq_composed out = made("exam-sync", record(YQ_KIND_EXAM, some_exam), NULL, 0);
    assert_false(has(&out.shown, "测试甲"));
    assert_true(has(&out.shown, "\"patName\":\"测*\""));
    assert_false(has(&out.shown, "13800000001"));
    assert_true(has(&out.shown, "\"accessionNumber\":\"A1,A2\""));
    yq_composed_fini(&out);
}

static void what_only_the_node_knows_is_asked_of_the_caller(void **state)
{
    (void)state;
    const struct yq_node_value values[] = {
        {"seriesUid", "1.2.3", NULL},
        {"seriesNumber", "4", NULL},
        {"modality", "CT", NULL},
        {"filePaths", "http://h/1?signature=aa\nhttp://h/2?signature=bb", "1.2.3.1\n1.2.3.2"}};
    struct yq_composed out = made("images-list", record(YQ_KIND_EXAM, some_exam), values, 4);
    assert_true(has(&out.message, "\"SERIESNO\":\"4\",\"FILEPATH\":[\"http://h/1?signature=aa\","
                                  "\"http://h/2?signature=bb\"]}"));
    assert_true(has(&out.message, "\"PATIENTSEX\":\"F\""));
    assert_true(has(&out.message, "\"PATIENTAGE\":\"45Y\""));
    assert_true(has(&out.identity, "\"FILEPATH\":[\"1.2.3.1\",\"1.2.3.2\"]"));
    assert_false(has(&out.identity, "signature"));
    assert_false(has(&out.shown, "signature"));
    yq_composed_fini(&out);
}

static void objects_of_the_nodes_lists(void **state)
{
    (void)state;
    const struct yq_node_value values[] = {
        {"date", "2026-03-01", NULL},      {"examInfo", "CT\nMR", NULL},
        {"examInfo[CT].exams", "2", NULL}, {"examInfo[CT].studies", "1.2\n1.3", NULL},
        {"examInfo[MR].exams", "1", NULL}, {"examInfo[MR].studies", "1.4", NULL}};
    struct yq_composed out = made("statisticalData-upload", NULL, values, 6);
    assert_string_equal(
        yq_buf_text(&out.message),
        "{\"hospitalCode\":\"91350100M000100Y43\",\"date\":\"2026-03-01\",\"examInfo\":["
        "{\"imgExamType\":\"CT\",\"pushExamNum\":2,\"study_uids\":[\"1.2\",\"1.3\"]},"
        "{\"imgExamType\":\"MR\",\"pushExamNum\":1,\"study_uids\":[\"1.4\"]}]}");
    assert_int_equal(out.held, 0);
    yq_composed_fini(&out);
}

static void the_pdf_is_there_in_one_of_two_ways(void **state)
{
    (void)state;
    static const char report[] = "{\"reportId\":\"R1\",\"status\":\"final\"}";
    const struct yq_node_value url = {"pdfUrl", "http://h/p", "p"},
                               base = {"pdfBase64", "QQ==", "p"};
    struct yq_composed none = made("report-sync", record(YQ_KIND_REPORT, report), NULL, 0);
    struct yq_composed one = made("report-sync", record(YQ_KIND_REPORT, report), &url, 1);
    struct yq_composed two = made("report-sync", record(YQ_KIND_REPORT, report), &base, 1);
    assert_non_null(finding(&none, "pdf_path"));
    assert_null(finding(&one, "pdf_path"));
    assert_null(finding(&two, "pdf_path"));
    assert_true(has(&one.message, "\"pdf_path\":\"http://h/p\""));
    assert_false(has(&one.message, "reportPdfBase64"));
    assert_true(has(&two.message, "\"reportPdfBase64\":\"QQ==\""));
    assert_false(has(&two.message, "pdf_path"));
    assert_true(has(&one.message, "\"recordNum\":\"R1\",\"ACCESS_NO\":\"R1\",\"reportStatus\":3"));
    yq_composed_fini(&none);
    yq_composed_fini(&one);
    yq_composed_fini(&two);
}

static void both_in_one(void **state)
{
    (void)state;
    struct yq_company company = {
        {record(YQ_KIND_REPORT, "{\"reportId\":\"R1\",\"examId\":[\"E1\"]}"),
         record(YQ_KIND_EXAM, some_exam)},
        2};
    struct yq_composed out;
    ok(yq_compose(NULL, conf, &platform, yq_interface_find("shanxi", "examMergeReport-sync"),
                  &company, NULL, 0, true, &out, &err));
    assert_true(has(&out.message, "{\n  \"patient\": {\n    \"patName\": \"测试甲\","));
    assert_true(has(&out.message, "\n  },\n  \"report\": {\n    \"hospitalName\": \"影桥医院\","));
    assert_true(has(&out.message, "\n  }\n}"));
    assert_non_null(finding(&out, "patient.cardType"));
    assert_non_null(finding(&out, "report.findings"));
    yq_composed_fini(&out);
    yq_company_fini(&company);
}

static void a_gate_holds_warns_or_is_off(void **state)
{
    (void)state;
    own("exam-sync", "name,gate,required,source\n"
                     "cardType,warn,,\n"
                     "idCard,off,,\n"
                     "labNum,,no,\n"
                     "orderName,,,\"first(exam.orderId, \"\"none\"\")\"\n");
    struct yq_composed out = made("exam-sync", record(YQ_KIND_EXAM, some_exam), NULL, 0);
    assert_true(finding(&out, "cardType")->serious);
    assert_false(finding(&out, "cardType")->held);
    assert_null(finding(&out, "idCard"));
    assert_null(finding(&out, "orderName"));
    assert_true(has(&out.message, "\"orderName\":\"none\""));
    assert_true(out.held == out.findings.count - 1);
    char reason[200];
    yq_compose_reason(&out, reason, sizeof reason);
    assert_non_null(strstr(reason, "fixmedinsCode: "));
    assert_null(strstr(reason, "cardType"));
    yq_composed_fini(&out);
    platform.province = YQ_SHANXI;
    struct yq_company company = {{record(YQ_KIND_EXAM, some_exam)}, 1};
    ok(yq_compose(NULL, conf, NULL, yq_interface_find("shanxi", "exam-sync"), &company, NULL, 0,
                  false, &out, &err)); /* no platform: no own lines */
    assert_true(finding(&out, "cardType")->held);
    yq_composed_fini(&out);
    yq_company_fini(&company);
}

static void a_gate_of_objects_is_that_of_all_in_them(void **state)
{
    (void)state;
    static const char *const gates[] = {"hold", "warn", "off"};
    for (size_t i = 0; i < 3; i++) {
        char lines[64];
        struct yq_company company = {
            {record(YQ_KIND_REPORT, "{\"reportId\":\"R1\"}"), record(YQ_KIND_EXAM, some_exam)}, 2};
        struct yq_composed out;
        snprintf(lines, sizeof lines, "name,gate\npatient,%s\n", gates[i]);
        conf->own_field_count = 0;
        own("examMergeReport-sync", lines);
        ok(yq_compose(NULL, conf, &platform, yq_interface_find("shanxi", "examMergeReport-sync"),
                      &company, NULL, 0, false, &out, &err));
        assert_int_equal(finding(&out, "patient.cardType") != NULL, i < 2);
        assert_int_equal(i < 2 && finding(&out, "patient.cardType")->held, i == 0);
        assert_true(finding(&out, "report.findings")->held);
        yq_composed_fini(&out);
        yq_company_fini(&company);
        yq_fields_free(conf->own_fields[0]);
        conf->own_field_count = 0;
    }
}

static void a_source_that_stumbles_says_so_without_the_value(void **state)
{
    (void)state;
    own("exam-sync", "name,source\npatName,\"format(exam.patientName, \"\"yyyy\"\")\"\n"
                     "bedNo,\"date(exam.patientName)\"\n");
    struct yq_composed out = made("exam-sync", record(YQ_KIND_EXAM, some_exam), NULL, 0);
    const struct yq_finding *f = finding(&out, "patName");
    assert_true(f && strcmp(f->what, "format") == 0 && strstr(f->english, "format(...)"));
    assert_false(f && strstr(f->chinese, "测试甲"));
    assert_true(finding(&out, "bedNo")->held); /* there is something, and it would be lost */
    yq_composed_fini(&out);
}

static void what_goes_away_need_not_be_whole(void **state)
{
    (void)state;
    const struct yq_node_value removed = {"removed", "1", NULL};
    struct yq_composed out = made("exam-sync", record(YQ_KIND_EXAM, some_exam), &removed, 1);
    assert_true(has(&out.message, "\"disableFlag\":1"));
    assert_true(out.findings.count > 0);
    assert_int_equal(out.held, 0);
    yq_composed_fini(&out);
}

static const char full_exam[] =
    "{\"examId\":\"E1\",\"status\":\"examined\",\"accessionNumber\":[\"A100\""
    ",\"A101\"],\"studyInstanceUid\":[\"1.2.840.5\",\"1.2.840.6\"],\"reque"
    "stNumber\":\"RQ1\",\"orderNumber\":[\"YZ1\"],\"orderId\":[\"YZ-1-1\"],\""
    "disabled\":false,\"updatedTime\":\"2026-03-01 12:00:00\",\"patient"
    "Id\":\"P100\",\"hisPatientId\":\"H100\",\"patientName\":\"测试甲\",\"patien"
    "tNamePinyin\":\"Ceshi Jia\",\"idType\":\"01\",\"idNumber\":\"110105194"
    "91231002X\",\"healthCardNumber\":\"JK1\",\"sex\":\"2\",\"birthDate\":\"1"
    "949-12-31\",\"age\":76,\"ageUnit\":\"Y\",\"phone\":\"13800000000\",\"add"
    "ressDivision\":\"140105\",\"address\":\"太原市小店区一路 1 号\",\"postcode\":\""
    "030006\",\"householdDivision\":\"140200\",\"householdAddress\":\"大同市"
    "二路 2 号\",\"ethnicGroup\":\"01\",\"feeSource\":\"01\",\"visitType\":\"3\","
    "\"visitNumber\":\"JZ1\",\"inpatientNumber\":\"ZY1\",\"patientDepartme"
    "ntCode\":\"K01\",\"patientDepartmentName\":\"呼吸内科\",\"wardCode\":\"B3\""
    ",\"ward\":\"三病区\",\"room\":\"301\",\"bed\":\"12\",\"requestName\":\"CT 申请单\""
    ",\"requestDepartmentCode\":\"K01\",\"requestDepartmentName\":\"呼吸内科"
    "\",\"requestDoctorCode\":\"D1\",\"requestDoctorName\":\"申请甲\",\"reques"
    "tDoctorIdType\":\"01\",\"requestDoctorIdNumber\":\"110105194912310"
    "021\",\"requestDoctorInsuranceCode\":\"D140100000002\",\"requestTi"
    "me\":\"2026-03-01 08:00:00\",\"requestAuditDoctorCode\":\"D2\",\"req"
    "uestAuditDoctorName\":\"核对乙\",\"requestAuditTime\":\"2026-03-01 08"
    ":05:00\",\"billingDoctorName\":\"开单丙\",\"itemCode\":[\"CT01\"],\"itemN"
    "ame\":[\"胸部平扫\"],\"nationalItemCode\":[\"CTPS0001\"],\"nationalItemN"
    "ame\":[\"胸部CT平扫\"],\"recognizable\":true,\"bodyPart\":[\"胸部\"],\"bodyP"
    "artCode\":[\"B020ZYZZZ\"],\"modality\":[\"CT\"],\"examType\":[\"01\"],\""
    "examWay\":[\"1\",\"2\"],\"methodCode\":[\"M1\"],\"methodName\":\"平扫加增强\","
    "\"clinicalDiagnosis\":\"肺部阴影待查\",\"diagnosisTime\":\"2026-03-01 07:"
    "50:00\",\"diagnosisCategoryCode\":[\"J98\"],\"diagnosisCategoryNam"
    "e\":[\"呼吸系统其他疾患\"],\"diagnosisCode\":[\"J98.4\"],\"diagnosisName\":[\""
    "肺部阴影\"],\"chiefComplaint\":\"咳嗽一周\",\"symptoms\":\"干咳\\n夜间为甚\",\"sympto"
    "mStart\":\"2026-02-22 00:00:00\",\"symptomEnd\":\"2026-03-01 00:00"
    ":00\",\"history\":\"无\",\"allergies\":\"青霉素\",\"emergency\":false,\"regi"
    "strationTime\":\"2026-03-01 08:10:00\",\"scheduledTime\":\"2026-03"
    "-01 09:00:00\",\"scheduledEndTime\":\"2026-03-01 09:15:00\",\"sche"
    "duleStaffCode\":\"S1\",\"scheduleStaffName\":\"预约丁\",\"arrivalTime\":"
    "\"2026-03-01 08:50:00\",\"examTime\":\"2026-03-01 09:02:00\",\"exam"
    "EndTime\":\"2026-03-01 09:10:00\",\"examDepartmentCode\":\"FS\",\"ex"
    "amDepartmentName\":\"放射科\",\"examDoctorCode\":\"D3\",\"examDoctorNam"
    "e\":\"检查戊\",\"examDoctorIdType\":\"01\",\"examDoctorIdNumber\":\"11010"
    "5194912310022\",\"examDoctorInsuranceCode\":\"D140100000003\",\"op"
    "eratorCode\":\"T1\",\"operatorName\":\"技师己\",\"operatorIdType\":\"01\","
    "\"operatorIdNumber\":\"110105194912310023\",\"operatorInsuranceCo"
    "de\":\"D140100000004\",\"deviceCode\":\"SB1\",\"deviceName\":\"64 排 CT"
    "\",\"deviceRoom\":\"CT 一室\",\"deviceType\":\"CT\",\"filmType\":\"2\",\"cos"
    "t\":360.5,\"settlements\":[{\"settlementId\":\"S1\",\"medicalListCod"
    "e\":\"001\",\"feeDetailNumber\":\"F1\",\"bodyPartCode\":[\"B020ZYZZZ\"]"
    "}]}";

/* A full exam: how many of them a second, told and not judged. */
static void how_fast(void **state)
{
    (void)state;
    enum { ROUNDS = 400 };
    const struct yq_interface *interface = yq_interface_find("shanxi", "exam-sync");
    struct yq_company company = {{record(YQ_KIND_EXAM, full_exam)}, 1};
    int64_t from = yq_monotonic_ms();
    size_t bytes = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct yq_composed out;
        ok(yq_compose(NULL, conf, &platform, interface, &company, NULL, 0, false, &out, &err));
        bytes = out.message.length;
        yq_composed_fini(&out);
    }
    int64_t took = yq_monotonic_ms() - from;
    print_message("exam-sync of a full record, %zu bytes: %.0f a second\n", bytes,
                  ROUNDS * 1e3 / (double)(took ? took : 1));
    yq_company_fini(&company);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(members_have_their_order_and_their_types),
        TEST(the_same_content_has_the_same_identity),
        TEST(what_is_personal_is_masked_where_it_is_shown),
        TEST(what_only_the_node_knows_is_asked_of_the_caller),
        TEST(objects_of_the_nodes_lists),
        TEST(the_pdf_is_there_in_one_of_two_ways),
        TEST(both_in_one),
        TEST(a_gate_holds_warns_or_is_off),
        TEST(a_gate_of_objects_is_that_of_all_in_them),
        TEST(a_source_that_stumbles_says_so_without_the_value),
        TEST(what_goes_away_need_not_be_whole),
        TEST(how_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
