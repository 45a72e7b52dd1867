/* rules.c: what rules.json may say, and which arrival fits what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts.h"

static struct yq_conf *rules_of(const char *text)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err = {0};
    assert_non_null(conf);
    conf_defaults(conf);
    if (!conf_parse_rules(conf, "rules.json", text, strlen(text), &err))
        fail_msg("%s", err.text);
    return conf;
}

static void refused(const char *text, const char *message)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err = {0};
    assert_non_null(conf);
    conf_defaults(conf);
    assert_false(conf_parse_rules(conf, "rules.json", text, strlen(text), &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
    yq_conf_free(conf);
}

static void a_rule_is_read_whole(void **state)
{
    (void)state;
    struct yq_conf *conf = rules_of(
        "// forwarding\n{\"forward\": [{\"name\": \"a\", \"when\": {\"peer\": \"CT*\", \"time\": "
        "[\"22:00-06:00\", \"12:00-13:00\"]}, \"to\": [\"X\", \"Y\"],\n \"at\": "
        "\"study-complete\", \"quiet_seconds\": 5, \"syntax\": \"jpeg-ls\", \"priority\": "
        "\"high\", \"to_sender\": true},],\n \"pull\": [{\"name\": \"p\", \"from\": \"PACS\", "
        "\"last\": 2, \"within_days\": 9, \"modality\": [\"CT\"], \"by\": \"move-or-get\"}]}");
    assert_int_equal(conf->rule_count, 2);
    const struct yq_rule *rule = yq_conf_rule(conf, "a"), *pull = yq_conf_rule(conf, "p");
    assert_int_equal(rule->kind, YQ_RULE_FORWARD);
    assert_int_equal(rule->peer_count, 2);
    assert_string_equal(rule->peers[1], "Y");
    assert_int_equal(rule->at, YQ_AT_STUDY_COMPLETE);
    assert_int_equal(rule->quiet_seconds, 5);
    assert_string_equal(rule->syntax, YQ_TS_JPEGLS_LOSSLESS);
    assert_int_equal(rule->priority, YQ_PRIORITY_HIGH);
    assert_true(rule->to_sender);
    assert_int_equal(rule->time.count, 2);
    assert_int_equal(pull->kind, YQ_RULE_PULL);
    assert_int_equal(pull->last, 2);
    assert_int_equal(pull->within_days, 9);
    assert_true(pull->by_move && pull->by_get);
    assert_null(yq_conf_rule(conf, "b"));
    yq_conf_free(conf);
}

static void rules_that_cannot_be_are_refused_with_their_line(void **state)
{
    (void)state;
    refused("[]", "expected {\"forward\"");
    refused("{\"foward\": []}", "did you mean \"forward\"");
    refused("{\"forward\": {}}", "takes a list []");
    refused("{\"forward\": [1]}", "a rule is an object {}");
    refused("{\"forward\": [\n{\"name\": \"a\"}]}", "rules.json:2: this rule lacks \"to\"");
    refused("{\"forward\": [{\"to\": \"A\"}]}", "lacks \"name\"");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": []}]}", "names nobody");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": [\"A\", \"A\"]}]}", "stands here twice");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": \"a\\\\b\"}]}", "no AE title");
    refused("{\"forward\": [{\"name\": \"a\\\"b\", \"to\": \"A\"}]}", "without quotes");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"last\": 3}]}",
            "unknown key \"last\"");
    refused("{\"pull\": [{\"name\": \"a\", \"from\": \"A\", \"to\": \"B\"}]}",
            "unknown key \"to\"");
    refused("{\"pull\": [{\"name\": \"a\", \"from\": [\"A\"]}]}", "takes text in quotes");
    refused("{\"pull\": [{\"name\": \"a\", \"from\": \"A\", \"last\": 0}]}", "from 1 to 100");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"when\": {\"modality\": []}}]}",
            "takes 1 to 64 entries");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"when\": {\"modality\": [1]}}]}",
            "takes text in quotes");
    refused("{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"quiet_seconds\": 3}]}",
            "goes with \"at\"");
    for (const char *const *time =
             (const char *const[]){"8:00-9:00", "25:00-26:00", "08:00", "08:00-08:00",
                                   "24:00-08:00", "08:60-09:00", "08:00-09:00 ", NULL};
         *time; time++) {
        char text[160];
        snprintf(text, sizeof text,
                 "{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"when\": {\"time\": \"%s\"}}]}",
                 *time);
        refused(text, "takes parts of the day");
    }
}

static bool fits(const char *when, const char *aet, enum yq_attr attr, const char *value)
{
    char text[400];
    snprintf(text, sizeof text, "{\"forward\": [{\"name\": \"a\", \"to\": \"A\", \"when\": {%s}}]}",
             when);
    struct yq_conf *conf = rules_of(text);
    struct yq_origin origin = {.door = "test"};
    struct yq_header header = {.sop_class = "1.2.840.10008.5.1.4.1.1.2"};
    yq_copy(origin.aet, sizeof origin.aet, aet);
    header.values[attr] = value;
    bool answer = yq_rule_fits(conf->rules, &origin, &header, 12 * 60);
    yq_conf_free(conf);
    return answer;
}

static void conditions_match_as_people_mean_them(void **state)
{
    (void)state;
    assert_true(fits("", "CT1", YQ_Modality, NULL));
    assert_true(fits("\"peer\": \"CT*\"", "CT1", YQ_Modality, NULL));
    assert_false(fits("\"peer\": \"CT*\"", "ct1", YQ_Modality, NULL));
    assert_false(fits("\"peer\": \"CT?\"", "CT10", YQ_Modality, NULL));
    assert_true(fits("\"peer\": [\"MR1\", \"CT1\"]", "CT1", YQ_Modality, NULL));
    assert_true(fits("\"modality\": \"ct\"", "X", YQ_Modality, "CT"));
    assert_false(fits("\"modality\": \"CT\"", "X", YQ_Modality, NULL));
    assert_false(fits("\"modality\": \"CT\", \"peer\": \"Y\"", "X", YQ_Modality, "CT"));
    assert_true(fits("\"description\": \"*胸部*\"", "X", YQ_StudyDescription, "ＣＴ 胸部 平扫"));
    assert_true(fits("\"description\": \"CT *\"", "X", YQ_SeriesDescription, "ＣＴ 胸部"));
    assert_true(fits("\"description\": \"?部\"", "X", YQ_SeriesDescription, "胸部"));
    assert_false(fits("\"description\": \"head\"", "X", YQ_SeriesDescription, "Head 2"));
    assert_true(fits("\"body_part\": \"c*t\"", "X", YQ_BodyPartExamined, "CHEST"));
    assert_true(fits("\"station\": \"R*3*\"", "X", YQ_StationName, "ROOM 3 EAST"));
    assert_true(fits("\"sop_class\": \"*.1.1.2\"", "X", YQ_StationName, NULL));
    assert_true(fits("\"time\": \"08:00-24:00\"", "X", YQ_StationName, NULL));
    assert_false(fits("\"time\": \"13:00-12:00\"", "X", YQ_StationName, NULL));
    assert_true(fits("\"time\": [\"01:00-02:00\", \"23:00-12:01\"]", "X", YQ_StationName, NULL));
}

static void windows_open_again(void **state)
{
    (void)state;
    struct yq_windows none = {.count = 0}, night = {.window = {{22 * 60, 6 * 60}}, .count = 1};
    struct yq_windows two = {.window = {{60, 120}, {600, 660}}, .count = 2};
    assert_int_equal(yq_windows_closed(&none, 700), 0);
    assert_int_equal(yq_windows_closed(&night, 22 * 60), 0);
    assert_int_equal(yq_windows_closed(&night, 0), 0);
    assert_int_equal(yq_windows_closed(&night, 6 * 60), 16 * 60);
    assert_int_equal(yq_windows_closed(&two, 130), 470);
    assert_int_equal(yq_windows_closed(&two, 1439), 61);
}

static void modalities_of_a_study_are_several(void **state)
{
    (void)state;
    struct yq_conf *conf = rules_of("{\"pull\": [{\"name\": \"a\", \"from\": \"A\", \"modality\": "
                                    "[\"CT\", \"M*\"]}, {\"name\": \"b\", \"from\": \"A\"}]}");
    assert_true(yq_rule_wants_modality(&conf->rules[0], "SR\\CT"));
    assert_true(yq_rule_wants_modality(&conf->rules[0], "MR"));
    assert_false(yq_rule_wants_modality(&conf->rules[0], "CR\\SR"));
    assert_true(yq_rule_wants_modality(&conf->rules[0], NULL));
    assert_true(yq_rule_wants_modality(&conf->rules[1], "CR"));
    yq_conf_free(conf);
}

static void destinations_are_bounded(void **state)
{
    (void)state;
    struct yq_buf text = {0};
    struct yq_err err = {0};
    yq_buf_puts(&text, "{\"pull\": [");
    for (int i = 0; i <= YQ_RULE_DISPATCHES_MOST; i++)
        yq_buf_putf(&text, "{\"name\": \"%d\", \"from\": \"A\"},", i);
    yq_buf_puts(&text, "]}");
    struct yq_conf *conf = rules_of(yq_buf_text(&text));
    assert_false(conf_rules_check(conf, &err));
    assert_non_null(strstr(err.text, "more than 64"));
    yq_conf_free(conf);
    yq_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_read_whole),
        cmocka_unit_test(rules_that_cannot_be_are_refused_with_their_line),
        cmocka_unit_test(conditions_match_as_people_mean_them),
        cmocka_unit_test(windows_open_again),
        cmocka_unit_test(modalities_of_a_study_are_several),
        cmocka_unit_test(destinations_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
