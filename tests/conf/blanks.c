/* anonymize.json: what it may say, and what is said against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts.h"

static void a_rule_says_where_a_device_writes(void **state)
{
    (void)state;
    static const char text[] =
        "[ // comment\n"
        "{\"name\": \"bar\", \"modality\": \"US\", \"model\": \"LOGIQ*\", \"rows\": 768,\n"
        " \"blank\": [[0, 0, 1024, 64], [10,20,30,40]]},\n"
        "{\"name\": \"looked at\", \"station\": \"XC1\", \"blank\": []},]";
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err;
    assert_true(conf_parse_blanks(conf, "anonymize.json", text, sizeof text - 1, &err));
    assert_int_equal(conf->blank_rule_count, 2);
    const struct yq_blank_rule *rule = conf->blank_rules;
    assert_string_equal(rule->modality, "US");
    assert_string_equal(rule->model, "LOGIQ*");
    assert_string_equal(rule->manufacturer, "");
    assert_int_equal(rule->rows, 768);
    assert_int_equal(rule->columns, 0);
    assert_int_equal(rule->count, 2);
    assert_int_equal(rule->blanks[0].width, 1024);
    assert_int_equal(rule->blanks[1].left, 10);
    assert_int_equal(rule->blanks[1].height, 40);
    assert_int_equal(rule[1].count, 0);
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    conf_put_blank_rule(&out, rule);
    assert_string_equal(yq_buf_text(&out),
                        "{\"name\": \"bar\", \"modality\": \"US\", \"model\": \"LOGIQ*\", "
                        "\"rows\": 768, \"blank\": [[0, 0, 1024, 64], [10, 20, 30, 40]]}");
    yq_conf_free(conf);
}

static void what_cannot_be_meant_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"{}", "the rules stand in"},
        {"[1]", "a rule is"},
        {"[{\"name\": \"a\", \"model\": \"b\"}]", "lacks \"blank\""},
        {"[{\"model\": \"b\", \"blank\": []}]", "lacks \"name\""},
        {"[{\"name\": \"a\", \"modality\": \"US\", \"blank\": []}]", "names a device"},
        {"[{\"name\": \"a\", \"maker\": \"b\", \"blank\": []}]", "unknown key \"maker\""},
        {"[{\"name\": \"a\", \"model\": 7, \"blank\": []}]", "\"model\" takes"},
        {"[{\"name\": \"\", \"model\": \"b\", \"blank\": []}]", "\"name\" has 1 to"},
        {"[{\"name\": \"a\", \"model\": \"b\", \"rows\": 0, \"blank\": []}]", "\"rows\" takes"},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": {}}]", "\"blank\" takes"},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [1, 2, 3, 4]}]", "each of \"blank\""},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [[1, 2, 3]]}]", "each of \"blank\""},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [[1, 2, 3, 4, 5]]}]",
         "each of \"blank\""},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [[1, 2, 0, 4]]}]", "each of \"blank\""},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [[-1, 2, 1, 4]]}]", "each of \"blank\""},
        {"[{\"name\": \"a\", \"model\": \"b\", \"blank\": [[1, 2, 1, 70000]]}]",
         "each of \"blank\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_conf *conf = calloc(1, sizeof *conf);
        struct yq_err err;
        assert_false(
            conf_parse_blanks(conf, "anonymize.json", cases[i].text, strlen(cases[i].text), &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_non_null(strstr(err.text, "anonymize.json:1: "));
        assert_non_null(strstr(err.text, cases[i].said));
        yq_conf_free(conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_says_where_a_device_writes),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
