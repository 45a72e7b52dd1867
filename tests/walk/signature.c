/* Whether a report's signature holds, as findings for a province's gate: by the samples of Shanxi's
 * document. Whole reports with PDFs are in tests/cases/test_signature.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "shanxi_samples.h"
#include "yq/proof.h"

#define KEY                                                                                        \
    "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4="
#define VALUE                                                                                      \
    "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/"           \
    "C5mGXJSBkn8/"                                                                                 \
    "8="

static struct yq_err err;

static struct yq_record *report(const char *text, const char *format, const char *value)
{
    struct yq_record *record = yq_record_new(YQ_KIND_REPORT);
    assert_non_null(record);
    assert_true(yq_record_put(record, "reportId", "R1", &err));
    if (text)
        assert_true(yq_record_put(record, "signedText", text, &err));
    if (format)
        assert_true(yq_record_put(record, "signatureFormat", format, &err));
    if (value)
        assert_true(yq_record_put(record, "signatureValue", value, &err));
    return record;
}

static const struct yq_proof *only(const struct yq_record *record, const char *part)
{
    static struct yq_proofs proofs;
    const struct yq_proof *found = NULL;
    assert_true(yq_proof_report(NULL, record, NULL, &proofs, &err));
    for (size_t i = 0; i < proofs.count; i++)
        if (strcmp(proofs.list[i].part, part) == 0)
            found = &proofs.list[i];
    assert_non_null(found);
    return found;
}

static void a_pkcs7_is_known_without_being_named(void **state)
{
    static const char *const formats[] = {NULL, "2", "PKCS7"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct yq_record *record = report("123", formats[i], s11);
        const struct yq_proof *proof = only(record, "signature");
        assert_string_equal(proof->form, "PKCS#7");
        /* it fits; its certificate has expired since, and nothing says when it was signed */
        assert_int_equal(proof->state, YQ_PROOF_DOUBT);
        assert_non_null(strstr(proof->english, "expired"));
        assert_string_equal(proof->chinese, "签名时证书已过期");
        yq_record_free(record);
    }
}

static void a_text_may_be_base64_of_what_was_signed(void **state)
{
    (void)state;
    struct yq_record *record = report("MTIz", "2", s11); /* "123" */
    assert_int_equal(only(record, "signature")->state, YQ_PROOF_DOUBT);
    yq_record_free(record);
    record = report("MTI0", "2", s11);
    assert_int_equal(only(record, "signature")->state, YQ_PROOF_WRONG);
    yq_record_free(record);
}

static void nothing_signed_is_nothing_found(void **state)
{
    struct yq_company company = {.count = 1};
    struct yq_findings findings = {0};
    (void)state;
    company.records[0] = report(NULL, NULL, NULL);
    assert_true(yq_report_signature(NULL, &company, NULL, &findings, &err));
    assert_int_equal(findings.count, 0);
    yq_company_fini(&company);
    yq_findings_fini(&findings);
}

static void what_is_wrong_is_serious(void **state)
{
    struct yq_company company = {.count = 1};
    struct yq_findings findings = {0};
    (void)state;
    company.records[0] = report("12345678", "1", VALUE);
    assert_true(yq_record_put(company.records[0], "certificate", KEY, &err));
    assert_true(yq_record_put(company.records[0], "timestampValue", stamp_made, &err));
    assert_true(yq_report_signature(NULL, &company, NULL, &findings, &err));
    /* the value fits the key; a key alone is no certificate, and the stamp is of another text */
    assert_int_equal(findings.count, 3);
    assert_string_equal(findings.list[0].what, "stamp-wrong");
    assert_string_equal(findings.list[0].member, "timestampValue");
    assert_true(findings.list[0].serious);
    assert_string_equal(findings.list[1].what, "signature-not-trusted");
    assert_false(findings.list[1].serious); /* nobody said whom to believe */
    assert_string_equal(findings.list[2].what, "certificate-wrong");
    for (size_t i = 0; i < 3; i++)
        assert_true(*findings.list[i].chinese && *findings.list[i].english);
    yq_company_fini(&company);
    yq_findings_fini(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pkcs7_is_known_without_being_named),
        cmocka_unit_test(a_text_may_be_base64_of_what_was_signed),
        cmocka_unit_test(nothing_signed_is_nothing_found),
        cmocka_unit_test(what_is_wrong_is_serious),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
