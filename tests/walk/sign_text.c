/* sign_text.c: what of a report is signed: the same text every time, and nothing else in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/form.h"
#include "yq/sign.h"

static struct yq_house house;
static struct yq_err err;

static struct yq_record *make(const char *json)
{
    struct yq_record *record;
    if (!yq_form_record_read(YQ_KIND_REPORT, json, strlen(json), NULL, &record, &err))
        fail_msg("%s", err.text);
    return record;
}

static char *text_of(const struct yq_record *record)
{
    struct yq_buf out = {0};
    if (!yq_sign_text(record, &out, &err))
        fail_msg("%s", err.text);
    char *text = strdup(yq_buf_text(&out));
    yq_buf_fini(&out);
    return text;
}

#define REPORT                                                                                         \
    "{\"reportId\":\"R1\",\"status\":\"final\",\"accessionNumber\":[\"A1\",\"A2\"],"                   \
    "\"patientName\":\"张三\",\"findings\":\"第一行\\n第二行\\\\\",\"impression\":\"正常\"," \
    "\"auditTime\":\"2026-03-01 09:00:00\",\"printStatus\":\"1\""

static void it_is_a_line_a_member(void **state)
{
    (void)state;
    struct yq_record *record = make(REPORT "}");
    char *text = text_of(record);
    assert_string_equal(text, "yingqiao-report-1\nreportId=R1\nhospitalCode=\naccessionNumber="
                              "A1\\nA2\npatientId=\npatientName=张三\nsex=\nage=\nageUnit=\n"
                              "examTime=\nitemName=\nbodyPart=\nfindings=第一行\\n第二行\\\\\n"
                              "impression=正常\nadvice=\npositive=\nreportDoctorCode=\n"
                              "reportDoctorName=\nreportTime=\nauditDoctorCode=\nauditDoctorName="
                              "\nauditTime=2026-03-01 09:00:00");
    /* a record keeps it as it is */
    assert_true(yq_record_put(record, "signedText", text, &err));
    assert_string_equal(yq_record_get(record, "signedText"), text);
    assert_true(yq_sign_text_is_ours(text));
    assert_false(yq_sign_text_is_ours("yingqiao-report-10\n"));
    free(text);
    yq_record_free(record);
}

static void long_texts_stand_as_their_digests(void **state)
{
    (void)state;
    char *findings = malloc(5001), *json = malloc(6000);
    memset(findings, 'a', 5000);
    findings[5000] = '\0';
    snprintf(json, 6000, "{\"reportId\":\"R1\",\"findings\":\"%s\",\"impression\":\"x\"}",
             findings);
    struct yq_record *record = make(json);
    char *text = text_of(record);
    /* printf %05000d 0 | tr 0 a | sha256sum */
    assert_non_null(strstr(text, "\nfindings=sha256:"));
    assert_non_null(strstr(text, "\nimpression=sha256:"
                                 "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
                                 "\nadvice=\n"));
    assert_true(strlen(text) < 1000);
    free(text);
    yq_record_free(record);
    memset(findings, 'n', 5000);
    record = make("{\"reportId\":\"R1\"}");
    for (int i = 0; i < 12; i++) {
        struct yq_buf name = {0};
        yq_buf_putf(&name, "%d%.500s", i, findings);
        assert_true(yq_record_append(record, "itemName", yq_buf_text(&name), &err));
        yq_buf_fini(&name);
    }
    struct yq_buf out = {0};
    assert_false(yq_sign_text(record, &out, &err));
    assert_int_equal(err.code, YQ_FULL);
    yq_buf_fini(&out);
    yq_record_free(record);
    free(findings);
    free(json);
}

static enum yq_sign_need need(const char *json)
{
    struct yq_record *record = make(json);
    char *text = text_of(record);
    enum yq_sign_need is = yq_sign_need(&house, "rest:ris", record, text);
    free(text);
    yq_record_free(record);
    return is;
}

static void only_final_reports_without_a_signature_are_signed(void **state)
{
    (void)state;
    assert_int_equal(need(REPORT "}"), YQ_SIGN_WANTED);
    assert_int_equal(need("{\"reportId\":\"R1\",\"status\":\"corrected\"}"), YQ_SIGN_WANTED);
    assert_int_equal(need("{\"reportId\":\"R1\",\"status\":\"preliminary\"}"), YQ_SIGN_NOT_FINAL);
    assert_int_equal(need("{\"reportId\":\"R1\",\"status\":\"withdrawn\"}"), YQ_SIGN_NOT_FINAL);
    assert_int_equal(need("{\"reportId\":\"R1\"}"), YQ_SIGN_NOT_FINAL);
    assert_int_equal(need("{\"reportId\":\"R1\",\"status\":\"final\",\"disabled\":true}"),
                     YQ_SIGN_NOT_FINAL);
    assert_int_equal(need(REPORT ",\"signatureValue\":\"MEU=\"}"), YQ_SIGN_BY_OTHERS);
    assert_int_equal(need(REPORT ",\"signatureValue\":\"MEU=\",\"signedText\":\"R1|张三\"}"),
                     YQ_SIGN_BY_OTHERS);
    assert_int_equal(need(REPORT ",\"signatureValue\":\"MEU=\",\"signedText\":"
                                 "\"yingqiao-report-1\\nreportId=R1\"}"),
                     YQ_SIGN_WANTED);
    assert_int_equal(yq_sign_need(&house, "", NULL, ""), YQ_SIGN_NOT_FINAL);
    struct yq_record *record = make(REPORT "}");
    char *text = text_of(record);
    assert_true(yq_record_put(record, "signedText", text, &err) &&
                yq_record_put(record, "signatureValue", "MEU=", &err) &&
                yq_record_put(record, "printStatus", "2", &err));
    assert_int_equal(yq_sign_need(&house, "", record, text), YQ_SIGN_FITS);
    free(text);
    yq_record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_line_a_member),
        cmocka_unit_test(long_texts_stand_as_their_digests),
        cmocka_unit_test(only_final_reports_without_a_signature_are_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
