/* Lookups in the code tables, and that the tables hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "yq/dictionary.h"
#include "yq/record.h"

static void every_dictionary_and_code_is_found(void **state)
{
    (void)state;
    size_t terms = 0;
    for (size_t i = 0; i < yq_dictionary_count; i++) {
        const struct yq_dictionary *one = &yq_dictionaries[i];
        assert_ptr_equal(yq_dictionary_find(one->name), one);
        assert_true(i == 0 || strcmp(yq_dictionaries[i - 1].name, one->name) < 0);
        for (size_t k = 0; k < one->count; k++) {
            const struct yq_term *term = yq_term_find(one, one->terms[k].code);
            assert_non_null(term);
            assert_string_equal(term->code, one->terms[k].code);
            assert_true(term <= &one->terms[k]); /* the first */
        }
        terms += one->count;
        assert_null(yq_term_find(one, ""));
        assert_null(yq_term_find(one, "~"));
    }
    assert_true(terms > 2000);
    assert_null(yq_dictionary_find(""));
    assert_null(yq_dictionary_find("sexes"));
}

static void every_member_with_a_dictionary_has_one(void **state)
{
    (void)state;
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++)
        for (size_t i = 0; i < yq_kinds[kind].count; i++) {
            const struct yq_member *member = &yq_kinds[kind].members[i];
            if (!*member->dictionary)
                continue;
            const struct yq_dictionary *one = yq_dictionary_find(member->dictionary);
            if (!one) {
                fail_msg("%s.%s: %s", yq_kinds[kind].name, member->name, member->dictionary);
                return;
            }
            for (size_t k = 0; k < one->count; k++)
                assert_true(strlen(one->terms[k].code) <= member->length || !member->length);
        }
}

static void codes_are_converted(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *code, *into;
    } wanted[] = {
        {"hl7/sex", "sex", "M", "1"},
        {"sex", "hl7/sex", "9", "O"},
        {"dicom/sex", "sex", "F", "2"},
        {"sex", "shanxi/sex", "2", "2"},                   /* the same codes */
        {"sex", "hebei/sex", "1", "1"},                    /* the same table */
        {"patient-type", "shanxi/patient-type", "4", "9"}, /* the same but for one */
        {"patient-type", "shanxi/patient-type", "3", "3"},
        {"shanxi/positive", "neijiang/positive", "2", "20"}, /* by way of the canonical one */
        {"hebei/patient-type", "shanxi/patient-type", "4", "9"},
        {"exam-status", "shanxi/exam-status", "examined", "4"},
        {"dicom/modality", "exam-type", "CT", "01"},
        {"dicom/modality", "shanxi/dep", "PT", "7"},
        {"hl7/abnormal-flag", "abnormal-flag", ">", "21"},
        {"ethnic-group", "shanxi/ethnic-group", "01", "1"},
        {"ethnic-group", "shanxi/ethnic-group", "15", "15"},
        {"sex", "hl7/sex", "7", NULL},
        {"sex", "nowhere", "1", NULL},
        {"nowhere", "sex", "1", NULL},
        {"sex", "positive", "1", NULL},
        {"sex", "shanxi/sex", "*", NULL},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *into = yq_term_convert(wanted[i].from, wanted[i].to, wanted[i].code);
        if (wanted[i].into && into)
            assert_string_equal(into, wanted[i].into);
        else if (wanted[i].into || into)
            fail_msg("%s -> %s: %s", wanted[i].from, wanted[i].to, wanted[i].code);
    }
}

static void conversions_lead_to_codes_that_are_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < yq_conversion_count; i++) {
        const struct yq_conversion *line = &yq_conversions[i];
        if (strcmp(line->code, "*") == 0)
            continue;
        const char *into = yq_term_convert(line->from, line->to, line->code);
        assert_string_equal(into, line->into);
        assert_non_null(yq_term_find(yq_dictionary_find(line->to), into));
    }
}

static void the_right_code_is_taken_where_a_wrong_one_is_printed(void **state)
{
    (void)state;
    const struct yq_dictionary *codes = yq_dictionary_find("radiology-code");
    static const char *const taken[] = {"BP0MZZZZA", "BP0MZZZM1", "BB04ZZZ6Z", "B206ZZZ1Z",
                                        "B206ZZZZ1", "BQ2F10ZZZ", "BB04ZZZ6",  "B020ZYZZZ"};
    static const char *const refused[] = {"", " ", "BP0M", "ZZZZA", "BB04ZZZ6Y", "疑为", "或"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_true(yq_term_accepts(codes, taken[i]));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(yq_term_accepts(codes, refused[i]));
    assert_null(yq_term_find(codes, "BP0MZZZZA"));
}

static void terms_are_found_by_name(void **state)
{
    (void)state;
    const struct yq_dictionary *sex = yq_dictionary_find("sex");
    const struct yq_dictionary *codes = yq_dictionary_find("radiology-code");
    assert_string_equal(yq_term_named(sex, "男性")->code, "1");
    assert_string_equal(yq_term_named(sex, " 男　性 ")->code, "1");
    assert_string_equal(yq_term_named(codes, "颅脑CT普通扫描(平扫)")->code, "B020ZYZZZ");
    assert_null(yq_term_named(sex, "男"));
    assert_null(yq_term_named(sex, " "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dictionary_and_code_is_found),
        cmocka_unit_test(every_member_with_a_dictionary_has_one),
        cmocka_unit_test(codes_are_converted),
        cmocka_unit_test(conversions_lead_to_codes_that_are_there),
        cmocka_unit_test(the_right_code_is_taken_where_a_wrong_one_is_printed),
        cmocka_unit_test(terms_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
