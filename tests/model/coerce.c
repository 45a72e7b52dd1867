/* coerce.c: what a value may look like, and what was coerced as a text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/coerce.h"

static void values_are_those_of_their_vr(void **state)
{
    (void)state;
    static const struct {
        const char *vr, *text;
        bool fits;
    } cases[] = {
        {"LO", "影桥医院", true},
        {"LO",
         "影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影"
         "影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影影",
         true},
        {"SH", "12345678901234567", false},
        {"SH", " 1", false},
        {"LO", "a\\b", false},
        {"LT", "a\\b\r\nc", true},
        {"LO", "a\nb", false},
        {"CS", "OT_1", true},
        {"CS", "ot", false},
        {"DA", "20260229", true},
        {"DA", "20261301", false},
        {"DA", "2026022", false},
        {"TM", "2359", true},
        {"TM", "235960.123456", true},
        {"TM", "2460", false},
        {"TM", "235960.", false},
        {"AS", "040Y", true},
        {"AS", "40Y", false},
        {"IS", "-12", true},
        {"IS", "3000000000", false},
        {"DS", "1.5E3", true},
        {"DS", "1,5", false},
        {"PN", "Zhang^San=张^三", true},
        {"PN", "a=b=c=d", false},
        {"PN", "a^b^c^d^e^f", false},
        {"PN", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!yq_coerce_fault(cases[i].vr, cases[i].text) != cases[i].fits)
            fail_msg("%s %s", cases[i].vr, cases[i].text);
}

static void uids_and_what_stands_deeper_are_not_for_rules(void **state)
{
    (void)state;
    assert_true(yq_coerce_allowed(YQ_PatientID));
    assert_true(yq_coerce_allowed(YQ_InstitutionName));
    assert_false(yq_coerce_allowed(YQ_StudyInstanceUID));
    assert_false(yq_coerce_allowed(YQ_FrameOfReferenceUID));
    assert_false(yq_coerce_allowed(YQ_RequestedProcedureID));
    assert_false(yq_coerce_allowed(YQ_InstanceNumber));
    assert_false(yq_coerce_allowed(YQ_ModalitiesInStudy));
}

static void the_first_original_and_the_last_value_count(void **state)
{
    (void)state;
    struct yq_coercions c = {0};
    assert_true(yq_coercions_note(&c, YQ_PatientID, "1", "2", "a"));
    assert_true(yq_coercions_note(&c, YQ_StudyID, NULL, "x", "a"));
    assert_true(yq_coercions_note(&c, YQ_PatientID, "1", "3", "b"));
    assert_int_equal(c.count, 2);
    assert_string_equal(c.changes[0].original, "1");
    assert_string_equal(c.changes[0].value, "3");
    assert_string_equal(c.changes[0].rule, "b");
    assert_true(yq_coercions_note(&c, YQ_PatientID, "1", "1", "c")); /* as it came */
    assert_true(yq_coercions_note(&c, YQ_StudyID, NULL, "", "c"));   /* as empty as before */
    assert_int_equal(c.count, 0);
    yq_coercions_fini(&c);
}

static void a_note_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct yq_coercions c = {.when_ms = 1772352000123, .charset = "GB18030"}, again;
    struct yq_buf text = {0};
    struct yq_err err;
    assert_true(yq_coercions_note(&c, YQ_PatientName, "a\x1f\x1e\x1d^b", "张^三", "东 院"));
    assert_true(yq_coercions_note(&c, YQ_PatientID, NULL, "", "x"));
    assert_true(yq_coercions_note(&c, YQ_PatientComments, "a\r\nb", "", "y"));
    yq_coercions_write(&c, &text);
    assert_true(yq_coercions_read(yq_buf_text(&text), &again, &err));
    assert_int_equal(again.when_ms, 1772352000123);
    assert_string_equal(again.charset, "GB18030");
    assert_int_equal(again.count, 2);
    assert_string_equal(again.changes[0].original, "a   ^b");
    assert_string_equal(again.changes[0].value, "张^三");
    assert_string_equal(again.changes[0].rule, "东 院");
    assert_string_equal(again.changes[1].original, "a\r\nb");
    assert_string_equal(again.changes[1].value, "");
    yq_coercions_fini(&again);
    yq_coercions_fini(&c);
    yq_buf_fini(&text);
}

static void other_texts_are_no_notes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "12",
        "\x1e",
        "12\x1f\x1e",
        "12\x1f\x1ePatientID\x1fr\x1fo",
        "12\x1f\x1eNobody\x1fr\x1fo\x1fv",
        "12\x1f\x1eStudyInstanceUID\x1fr\x1fo\x1fv",
        "12\x1f\x1ePatientID\x1fr\x1fo\x1fv\x1fw",
        "12\x1f\x1ePatientID\x1fr\x1fo\x1fv\x1ePatientID\x1fr\x1fo\x1fv",
        "12\x1f\x1ePatientID\x1fr\x1fo\x1f\x1d"};
    struct yq_coercions c;
    struct yq_err err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(yq_coercions_read(texts[i], &c, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_their_vr),
        cmocka_unit_test(uids_and_what_stands_deeper_are_not_for_rules),
        cmocka_unit_test(the_first_original_and_the_last_value_count),
        cmocka_unit_test(a_note_is_read_as_it_was_written),
        cmocka_unit_test(other_texts_are_no_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
