/* record.c: records as JSON and back: the same again, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/check.h"
#include "yq/form.h"

static struct yq_err err;

static struct yq_record *read_kind(enum yq_kind kind, const char *json)
{
    struct yq_record *record = NULL;
    memset(&err, 0, sizeof err);
    return yq_form_record_read(kind, json, strlen(json), NULL, &record, &err) ? record : NULL;
}

/* What is written of what was read. */
static const char *again(enum yq_kind kind, const char *json, unsigned look)
{
    static char text[8192];
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_record *record = read_kind(kind, json);
    if (!record)
        fail_msg("%s", err.text);
    yq_form_record_write(record, look, &out);
    yq_record_free(record);
    snprintf(text, sizeof text, "%s", yq_buf_text(&out));
    return text;
}
#define EXAM(json) again(YQ_KIND_EXAM, json, YQ_LOOK_PLAIN)

static void values_keep_their_json_types(void **state)
{
    (void)state;
    assert_string_equal(
        EXAM(" { \"cost\" : 120.50 , \"emergency\" : true, \"examId\":\"E1\",\"sex\":\"1\" } "),
        "{\"examId\":\"E1\",\"sex\":\"1\",\"emergency\":true,\"cost\":120.50}");
    assert_string_equal(EXAM("{\"examId\":\"E1\",\"sex\":1,\"emergency\":0,\"cost\":\"7\"}"),
                        "{\"examId\":\"E1\",\"sex\":\"1\",\"emergency\":false,\"cost\":7}");
    assert_string_equal(EXAM("{}"), "{}");
    assert_string_equal(EXAM("{\"examId\":null,\"bed\":\"\",\"ward\":\"  \"}"), "{}");
}

static void text_is_taken_as_it_is_escaped(void **state)
{
    (void)state;
    assert_string_equal(EXAM("{\"history\":\"a\\nb\\u0041\\\"\\\\\\/\\ud83d\\ude00\"}"),
                        "{\"history\":\"a\\nbA\\\"\\\\/\xf0\x9f\x98\x80\"}");
    assert_string_equal(EXAM("{\"ward\":\"\xe5\xbd\xb1\xe6\xa1\xa5\"}"),
                        "{\"ward\":\"\xe5\xbd\xb1\xe6\xa1\xa5\"}");
}

static void several_values_are_an_array(void **state)
{
    (void)state;
    assert_string_equal(EXAM("{\"accessionNumber\":[\"A1\",\"A2\",\"A1\"]}"),
                        "{\"accessionNumber\":[\"A1\",\"A2\"]}");
    assert_string_equal(EXAM("{\"accessionNumber\":\"A1\"}"), "{\"accessionNumber\":[\"A1\"]}");
    assert_string_equal(EXAM("{\"accessionNumber\":[],\"itemCode\":[null,\"\"]}"), "{}");
}

static void lists_hold_objects(void **state)
{
    (void)state;
    const char *lab =
        "{\"results\":[{\"itemCode\":\"HB\",\"quantity\":12.50},{\"itemCode\":\"K\"}]}";
    assert_string_equal(again(YQ_KIND_LAB, lab, YQ_LOOK_PLAIN), lab);
    assert_string_equal(again(YQ_KIND_LAB, "{\"results\":[]}", YQ_LOOK_PLAIN), "{}");
    assert_string_equal(again(YQ_KIND_LAB, "{\"results\":null}", YQ_LOOK_PLAIN), "{}");
    assert_string_equal(again(YQ_KIND_LAB, "{\"results\":[{\"itemCode\":\"K\"}]}", YQ_LOOK_INDENT),
                        "{\n\t\"results\": [\n\t\t{\n\t\t\t\"itemCode\": \"K\"\n\t\t}\n\t]\n}");
}

static void personal_members_are_masked_for_listings(void **state)
{
    (void)state;
    const char *text = again(YQ_KIND_EXAM,
                             "{\"examId\":\"E1\",\"patientName\":\"\xe5\xbc\xa0\xe4\xbc\x9f\","
                             "\"idNumber\":\"130102198001011234\",\"ward\":\"A\"}",
                             YQ_LOOK_MASKED);
    assert_non_null(strstr(text, "\"examId\":\"E1\""));
    assert_non_null(strstr(text, "\"ward\":\"A\""));
    assert_non_null(strstr(text, "\xe5\xbc\xa0*"));
    assert_null(strstr(text, "\xe4\xbc\x9f"));
    assert_null(strstr(text, "19800101"));
}

static void what_is_refused_is_named(void **state)
{
    (void)state;
    static const struct {
        enum yq_kind kind;
        const char *json, *words;
    } cases[] = {
        {YQ_KIND_EXAM, "{\"examID\":\"1\"}", "examID: exam has no such member"},
        {YQ_KIND_EXAM, "{\"a\xe5\xbd\xb1\":\"1\"}", "a: exam has no such member"},
        {YQ_KIND_EXAM, "{\"\":\"1\"}", "(no name): exam has no such member"},
        {YQ_KIND_EXAM, "{\"bed\":\"1\",\"bed\":\"2\"}", "bed: comes twice"},
        {YQ_KIND_EXAM, "{\"bed\":1}", "bed: has to be a string"},
        {YQ_KIND_EXAM, "{\"bed\":[\"1\"]}", "bed: has to be a string"},
        {YQ_KIND_EXAM, "{\"bed\":{}}", "bed: has to be a string"},
        {YQ_KIND_EXAM, "{\"bed\":true}", "bed: has to be a string"},
        {YQ_KIND_EXAM, "{\"cost\":true}", "cost: has to be a number"},
        {YQ_KIND_EXAM, "{\"accessionNumber\":[[\"1\"]]}",
         "value 1: accessionNumber: has to be a string, or an array of them"},
        {YQ_KIND_EXAM, "{\"settlements\":{}}", "settlements: has to be an array of objects"},
        {YQ_KIND_EXAM, "{\"settlements\":[1]}", "settlements: has to be an array of objects"},
        {YQ_KIND_LAB, "{\"results\":[{},{\"x\":1}]}",
         "results[1]: x: lab-result has no such member"},
        {YQ_KIND_LAB, "{\"results\":[{\"quantity\":\"high\"}]}", "results[0]: quantity"},
        {YQ_KIND_EXAM, "{\"examTime\":\"yesterday\"}", "examTime"},
        {YQ_KIND_EXAM, "{\"bed\":\"1\"", "no valid JSON at line 1, column 11"},
        {YQ_KIND_EXAM, "{\"bed\":\"1\",}", "no valid JSON"},
        {YQ_KIND_EXAM, "{\n\"bed\":\"1\" \"ward\":\"2\"}", "line 2, column 11: wanted here: ','"},
        {YQ_KIND_EXAM, "{\"bed\":\"1", "the string has no end"},
        {YQ_KIND_EXAM, "{\"bed\":\"\t\"}", "control character"},
        {YQ_KIND_EXAM, "{\"bed\":\"\\u0000\"}", "\\u0000"},
        {YQ_KIND_EXAM, "{\"bed\":\"\\ud800\"}", "surrogate"},
        {YQ_KIND_EXAM, "{\"bed\":\"\\udc00\\ud800\"}", "surrogate"},
        {YQ_KIND_EXAM, "{\"bed\":\"\\x\"}", "no such escape"},
        {YQ_KIND_EXAM, "{\"cost\":01}", "no valid JSON"},
        {YQ_KIND_EXAM, "{\"cost\":.5}", "neither a value nor a number"},
        {YQ_KIND_EXAM, "{\"cost\":NaN}", "neither a value nor a number"},
        {YQ_KIND_EXAM, "{\"cost\":nul}", "no such word"},
        {YQ_KIND_EXAM, "{} {}", "something stands behind the object"},
        {YQ_KIND_EXAM, "[]", "wanted here: '{'"},
        {YQ_KIND_EXAM, "", "wanted here: '{'"},
        {YQ_KIND_EXAM, "{\"bed\":\"\xff\"}", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_record *record = read_kind(cases[i].kind, cases[i].json);
        if (record || err.code != YQ_BAD_INPUT || !strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].json, err.text);
    }
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&json, "{\"results\":");
    for (int i = 0; i < 100000; i++)
        yq_buf_puts(&json, "[");
    assert_null(read_kind(YQ_KIND_LAB, yq_buf_text(&json)));
    yq_buf_clear(&json);
    yq_buf_puts(&json, "{\"results\":[{}");
    for (int i = 0; i < YQ_RECORD_ITEMS_MOST; i++)
        yq_buf_puts(&json, ",{}");
    yq_buf_puts(&json, "]}");
    assert_null(read_kind(YQ_KIND_LAB, yq_buf_text(&json)));
    assert_non_null(strstr(err.text, "results: more than 2000"));
    yq_buf_clear(&json);
    yq_buf_puts(&json, "{\"history\":\"");
    for (unsigned i = 0; i <= YQ_RECORD_VALUE_MOST; i++)
        yq_buf_puts(&json, "a");
    yq_buf_puts(&json, "\"}");
    assert_null(read_kind(YQ_KIND_EXAM, yq_buf_text(&json)));
    assert_non_null(strstr(err.text, "too long"));
}

static bool take(void *context, struct yq_record *record, const char *name, const char *value,
                 size_t length, bool *taken, struct yq_err *why)
{
    (void)record, (void)why;
    *taken = strcmp(name, "pdfBase64") == 0;
    if (*taken)
        snprintf(context, 16, "%.*s", (int)length, value);
    return true;
}

static void an_extra_member_goes_to_who_asked_for_it(void **state)
{
    (void)state;
    char got[16] = "";
    struct yq_record *record;
    struct yq_form_extra extra = {take, got};
    const char *json = "{\"reportId\":\"R1\",\"pdfBase64\":\"JVBE\"}",
               *other = "{\"pdfBase\":\"JVBE\"}", *odd = "{\"pdfBase64\":[1]}";
    assert_true(yq_form_record_read(YQ_KIND_REPORT, json, strlen(json), &extra, &record, &err));
    assert_string_equal(got, "JVBE");
    yq_record_free(record);
    assert_false(yq_form_record_read(YQ_KIND_REPORT, other, strlen(other), &extra, &record, &err));
    assert_false(yq_form_record_read(YQ_KIND_REPORT, odd, strlen(odd), &extra, &record, &err));
}

static void findings_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct yq_findings findings = {0}, read = {0};
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    for (int i = 0; i < 20; i++) {
        struct yq_finding *finding = yq_findings_add(&findings);
        snprintf(finding->member, sizeof finding->member, "results[%d].value", i);
        snprintf(finding->what, sizeof finding->what, "missing");
        snprintf(finding->chinese, sizeof finding->chinese, "\xe7\xbc\xba\"");
        snprintf(finding->english, sizeof finding->english, "is\nmissing");
        finding->serious = i % 2;
    }
    yq_form_findings_write(&findings, &json);
    yq_form_findings_read(yq_buf_text(&json), &read);
    assert_int_equal(read.count, 20);
    assert_memory_equal(read.list, findings.list, 20 * sizeof *read.list);
    yq_form_findings_read("[{\"member\":\"a\"", &read);
    yq_form_findings_read("", &read);
    yq_form_findings_read("[1]", &read);
    yq_findings_fini(&findings);
    yq_findings_fini(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_their_json_types),
        cmocka_unit_test(text_is_taken_as_it_is_escaped),
        cmocka_unit_test(several_values_are_an_array),
        cmocka_unit_test(lists_hold_objects),
        cmocka_unit_test(personal_members_are_masked_for_listings),
        cmocka_unit_test(what_is_refused_is_named),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(an_extra_member_goes_to_who_asked_for_it),
        cmocka_unit_test(findings_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
