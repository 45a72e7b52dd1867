/* The stand-in's own readers and checks: JSON, Base64, dates, id cards, UIDs, what counts as the
 * same, when it fails. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rehearse_inside.h"

static const char *fault_of(const char *text)
{
    static char said[80];
    struct rj_document json;
    said[0] = '\0';
    if (!rj_read(text, strlen(text), &json))
        snprintf(said, sizeof said, "%zu %s", json.at, json.wrong);
    rj_fini(&json);
    return said;
}

static void json_is_read_as_rfc_8259_has_it(void **state)
{
    static const char *const fine[] = {"{}",
                                       "[]",
                                       " null ",
                                       "\"\"",
                                       "0",
                                       "-0.5e+10",
                                       "[1,2,[3]]",
                                       "{\"a\":{\"b\":[true,false]}}",
                                       "\"\\u4e2d\\ud83d\\ude00\\n\\/\"",
                                       "\"中文\""};
    static const char *const wrong[][2] = {{"", "0 no value"},
                                           {"{", "1 a member's name is wanted"},
                                           {"[1,]", "3 no value"},
                                           {"{\"a\":1,}", "7 a member's name is wanted"},
                                           {"{a:1}", "1 a member's name is wanted"},
                                           {"[1 2]", "3 a comma or the closing bracket is wanted"},
                                           {"01", "2 no number"},
                                           {"1.", "2 no number"},
                                           {"-", "1 no number"},
                                           {"+1", "0 no value"},
                                           {"\"a", "2 a text without end"},
                                           {"\"\t\"", "1 a control character in a text"},
                                           {"\"\\x\"", "3 no such escape"},
                                           {"\"\\ud800\"", "7 half of a surrogate pair"},
                                           {"\"\\udc00\"", "7 half of a surrogate pair"},
                                           {"\"\\u0000\"", "7 a NUL in a text"},
                                           {"\"\xc0\xaf\"", "1 no UTF-8"},
                                           {"\"\xed\xa0\x80\"", "1 no UTF-8"},
                                           {"\"\xff\"", "1 no UTF-8"},
                                           {"\"\xe4\xb8\"", "1 no UTF-8"},
                                           {"1 1", "2 something stands behind the value"},
                                           {"nul", "0 no value"},
                                           {"{\"a\" 1}", "5 a colon is wanted"}};
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_string_equal(fault_of(fine[i]), "");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_string_equal(fault_of(wrong[i][0]), wrong[i][1]);
}

static void values_are_where_they_belong(void **state)
{
    static const char text[] = "{\"a\":[1,\"\\u4e2d\\n\",{\"b\":null}],\"c\":-1.5,\"a\":true}";
    struct rj_document json;
    (void)state;
    assert_true(rj_read(text, strlen(text), &json));
    const struct rj *a = rj_member(json.values, "a");
    assert_int_equal(json.values->count, 3);
    assert_int_equal(a->type, RJ_ARRAY);
    assert_int_equal(a->count, 3);
    assert_string_equal(a->first->next->text, "中\n");
    assert_int_equal(rj_member(a->first->next->next, "b")->type, RJ_NULL);
    assert_string_equal(rj_member(json.values, "c")->text, "-1.5");
    assert_string_equal(json.twice, "a");
    assert_null(rj_member(json.values, "d"));
    assert_int_equal(a->raw_length, strlen("[1,\"\\u4e2d\\n\",{\"b\":null}]"));
    rj_fini(&json);
}

static void depth_is_bounded(void **state)
{
    char deep[200];
    (void)state;
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_non_null(strstr(fault_of(deep), "nested too deep"));
}

static uint64_t mark_of(const char *text)
{
    struct rj_document json;
    assert_true(rj_read(text, strlen(text), &json));
    uint64_t mark = rehearse_mark(json.values);
    rj_fini(&json);
    return mark;
}

static void the_same_is_what_says_the_same(void **state)
{
    (void)state;
    assert_int_equal(mark_of("{\"a\":\"http://h/x?1\"}"), mark_of("{ \"a\" : \"http://h/x?2\" }"));
    assert_int_not_equal(mark_of("{\"a\":\"http://h/x\"}"), mark_of("{\"a\":\"http://h/y\"}"));
    assert_int_not_equal(mark_of("{\"a\":\"1\"}"), mark_of("{\"a\":1}"));
    assert_int_not_equal(mark_of("{\"a\":[\"b\",\"c\"]}"), mark_of("{\"a\":[\"bc\"]}"));
    assert_int_not_equal(mark_of("{\"a\":\"b?c\"}"), mark_of("{\"a\":\"b?d\"}"));
}

static void forms(void **state)
{
    (void)state;
    assert_true(rehearse_is_moment("2024-02-29", false));
    assert_false(rehearse_is_moment("2023-02-29", false));
    assert_false(rehearse_is_moment("2100-02-29", false));
    assert_true(rehearse_is_moment("2000-02-29 23:59:59", true));
    assert_false(rehearse_is_moment("2026-03-01 24:00:00", true));
    assert_false(rehearse_is_moment("2026-03-01", true));
    assert_false(rehearse_is_moment("2026-13-01", false));
    assert_false(rehearse_is_moment("2026/03/01", false));
    assert_true(rehearse_is_id_card("11010519491231002X"));
    assert_false(rehearse_is_id_card("11010519491231002x"));
    assert_false(rehearse_is_id_card("110105194912310021"));
    assert_false(rehearse_is_id_card("110105491231002"));
    assert_true(rehearse_is_uid("1.2.840.0.1"));
    assert_false(rehearse_is_uid("1.2.01"));
    assert_false(rehearse_is_uid("1..2"));
    assert_false(rehearse_is_uid("1.2."));
    assert_false(rehearse_is_uid(""));
}

static void base64_is_strict(void **state)
{
    static const char *const wrong[] = {"",     "QQ",   "QQ=",      "QUJD\n",
                                        "Q=QQ", "====", "QQ==QQ==", "Q Q="};
    struct yq_buf out = {0}, back = {0};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rehearse_base64(wrong[i], strlen(wrong[i]), &out));
    yq_buf_clear(&out);
    for (size_t length = 1; length < 20; length++) {
        yq_buf_clear(&out);
        yq_buf_clear(&back);
        rehearse_put_base64("0123456789abcdefghi\xff", length, &out);
        assert_true(rehearse_base64(yq_buf_text(&out), out.length, &back));
        assert_int_equal(back.length, length);
        assert_memory_equal(back.bytes, "0123456789abcdefghi\xff", length);
    }
    yq_buf_fini(&out);
    yq_buf_fini(&back);
}

static void rules_fail_as_often_as_they_say(void **state)
{
    struct rehearse_rules rules = {.chance = 7};
    struct yq_err err;
    unsigned seconds = 0, failed = 0;
    (void)state;
    assert_true(rehearse_rules_parse("timeout:3/a=1/4, 500=next2 mixed=0.2", &rules, &err));
    assert_int_equal(rehearse_rules_ask(&rules, "/b", &seconds), REHEARSE_500);
    assert_int_equal(rehearse_rules_ask(&rules, "/a", &seconds), REHEARSE_500);
    rehearse_rules_ask(&rules, "/a", &seconds);
    rehearse_rules_ask(&rules, "/a", &seconds);
    assert_int_equal(rehearse_rules_ask(&rules, "/a", &seconds), REHEARSE_TIMEOUT);
    assert_int_equal(seconds, 3);
    unsigned kinds[REHEARSE_MIXED + 1] = {0};
    for (int i = 0; i < 10000; i++) {
        enum rehearse_fault fault = rehearse_rules_ask(&rules, "/c", &seconds);
        failed += fault != REHEARSE_FINE;
        kinds[fault]++;
    }
    assert_true(fabs(failed - 2000.0) < 200);
    for (size_t i = REHEARSE_500; i < REHEARSE_SLOW; i++)
        assert_true(kinds[i] > 150);
    assert_false(rehearse_rules_parse("500=0.1,what=0.2", &rules, &err));
    assert_int_equal(rules.count, 3); /* the old ones stay */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_as_rfc_8259_has_it),
        cmocka_unit_test(values_are_where_they_belong),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_same_is_what_says_the_same),
        cmocka_unit_test(forms),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(rules_fail_as_often_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
