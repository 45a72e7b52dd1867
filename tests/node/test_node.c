/* test_node.c: the command line, tables by display width, and samples that are the same each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "demo_study.h"
#include "output.h"
#include "peer.h"
#include "phantom.h"
#include "sample.h"
#include "yq/dcm.h"

/* main.c is not linked here; the command line is read by a table of this test. */
static const struct yq_option own[] = {{"study", "UID", ""}, {"conflicts", NULL, ""}, {0}};
const struct yq_option yq_common_options[] = {{"conf", "FILE", ""},
                                              {"data", "DIR", ""},
                                              {"set", "k=v", ""},
                                              {"json", NULL, ""},
                                              {"help", NULL, ""},
                                              {"version", NULL, ""},
                                              {0}};
const struct yq_verb yq_verbs[] = {{"studies", yq_run_studies, "", "", "", own}, {0}};

static bool parse(struct yq_cli *cli, const char *line)
{
    static char words[512];
    static char *argv[32];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    argv[argc] = NULL;
    return yq_cli_parse(cli, argc, argv);
}

static void common_options_stand_before_and_after(void **state)
{
    struct yq_cli cli;
    (void)state;
    assert_true(parse(&cli, "yingqiao --set dicom.port=1 studies --data D --set http.port=2 a=b"));
    assert_string_equal(cli.command->name, "studies");
    assert_string_equal(cli.data, "D");
    assert_int_equal(cli.setting_count, 2);
    assert_string_equal(cli.settings[0].key, "dicom.port");
    assert_string_equal(cli.settings[1].value, "2");
    assert_int_equal(cli.arg_count, 1);
    assert_string_equal(cli.args[0], "a=b");
}

static void a_value_may_follow_an_equals_sign(void **state)
{
    struct yq_cli cli;
    (void)state;
    assert_true(parse(&cli, "yingqiao --data=D studies --study=1.2 --set=a=b=c"));
    assert_string_equal(cli.data, "D");
    assert_string_equal(yq_cli_value(&cli, "study"), "1.2");
    assert_string_equal(cli.settings[0].value, "b=c");
}

static void words_after_two_dashes_are_no_options(void **state)
{
    struct yq_cli cli;
    (void)state;
    assert_true(parse(&cli, "yingqiao studies -- --json"));
    assert_false(cli.json);
    assert_string_equal(cli.args[0], "--json");
}

static void what_is_not_understood_is_refused(void **state)
{
    static const char *const lines[] = {
        "yingqiao nonsense",        "yingqiao studies --nonsense", "yingqiao --study 1 studies",
        "yingqiao studies --study", "yingqiao studies --json=1",   "yingqiao --set novalue studies",
        "yingqiao studies -x",      "yingqiao studies --study="};
    struct yq_cli cli;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_false(parse(&cli, lines[i]));
}

static void chinese_characters_take_two_places(void **state)
{
    (void)state;
    assert_int_equal(yq_display_width("abc"), 3);
    assert_int_equal(yq_display_width("张伟"), 4);
    assert_int_equal(yq_display_width("张a"), 3);
    assert_int_equal(yq_display_width("\xff\xfe"), 2);
}

static void a_table_is_aligned_and_shows_no_control_characters(void **state)
{
    static const char *const heads[] = {"NAME", "N"};
    struct yq_table table = {.heads = heads, .columns = 2};
    char *text = NULL;
    size_t size = 0;
    (void)state;
    yq_table_add(&table, "张伟伟");
    yq_table_add(&table, "1");
    yq_table_add(&table, "\033[2J");
    yq_table_addf(&table, "%d", 2);
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    yq_table_print(&table, file);
    fclose(file);
    assert_string_equal(text, "NAME    N\n张伟伟  1\n?[2J    2\n");
    free(text);
    yq_table_fini(&table);
}

static void sizes_and_durations_read_well(void **state)
{
    char text[48];
    (void)state;
    yq_size_text(text, sizeof text, 999);
    assert_string_equal(text, "999 B");
    yq_size_text(text, sizeof text, 1400000000.0);
    assert_string_equal(text, "1.4 GB");
    yq_duration_text(text, sizeof text, 200.2);
    assert_string_equal(text, "3 min 20 s");
}

static void keys_are_named_by_word_or_tag(void **state)
{
    (void)state;
    assert_int_equal(yq_key_attr("PatientID"), YQ_PatientID);
    assert_int_equal(yq_key_attr("patientid"), YQ_PatientID);
    assert_int_equal(yq_key_attr("0010,0020"), YQ_PatientID);
    assert_int_equal(yq_key_attr("0010,ffff"), YQ_ATTR_COUNT);
    assert_int_equal(yq_key_attr("0010,00200"), YQ_ATTR_COUNT);
    assert_true(yq_aet_valid("CT1"));
    assert_false(yq_aet_valid("    "));
    assert_false(yq_aet_valid("SEVENTEEN_LETTERS"));
    assert_false(yq_aet_valid("A\\B"));
}

static void a_sample_is_written_in_tag_order(void **state)
{
    struct yq_sample sample = {.layout = YQ_LAYOUT_EXPLICIT_LE, .charset = "GB18030"};
    struct yq_buf out = {0};
    struct yq_scan *scan;
    struct yq_element element;
    struct yq_err err = {0};
    uint32_t last = 0;
    (void)state;
    yq_sample_text(&sample, 0x00280010, "US", "512");
    yq_sample_text(&sample, 0x00100010, "PN", "Zhang^Wei=张^伟");
    yq_sample_code(&sample, 0x00081032, "1", "99YQ", "胸部");
    yq_sample_write(&sample, &out);
    assert_false(sample.failed);
    assert_true(yq_scan_open_memory(out.bytes, out.length, YQ_TS_EXPLICIT_LE, &scan, &err));
    unsigned seen = 0;
    while (yq_scan_next(scan, &element, &err)) {
        if (element.depth)
            continue;
        assert_true(element.tag > last);
        last = element.tag;
        seen++;
    }
    assert_int_equal(err.code, YQ_OK);
    assert_int_equal(seen, 3);
    yq_scan_free(scan);
    yq_sample_fini(&sample);
    yq_buf_fini(&out);
}

static void chance_and_pictures_repeat(void **state)
{
    enum { SIZE = 64 };
    static uint16_t a[SIZE * SIZE], b[SIZE * SIZE];
    struct yq_slice slice = {.seed = 5, .number = 3, .count = 20, .size = SIZE};
    struct yq_demo_study study = {.seed = 9};
    char one[YQ_UID_SIZE], two[YQ_UID_SIZE];
    (void)state;
    assert_true(yq_phantom_ct(&slice, 60, false, a));
    assert_true(yq_phantom_ct(&slice, 60, false, b));
    assert_memory_equal(a, b, sizeof a);
    slice.seed = 6;
    assert_true(yq_phantom_ct(&slice, 60, false, b));
    assert_memory_not_equal(a, b, sizeof a);
    yq_demo_uid(&study, "instance", 1, 2, one);
    yq_demo_uid(&study, "instance", 1, 2, two);
    assert_string_equal(one, two);
    assert_true(yq_uid_valid(one));
    yq_demo_uid(&study, "instance", 1, 3, two);
    assert_string_not_equal(one, two);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    yq_dcm_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_options_stand_before_and_after),
        cmocka_unit_test(a_value_may_follow_an_equals_sign),
        cmocka_unit_test(words_after_two_dashes_are_no_options),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(chinese_characters_take_two_places),
        cmocka_unit_test(a_table_is_aligned_and_shows_no_control_characters),
        cmocka_unit_test(sizes_and_durations_read_well),
        cmocka_unit_test(keys_are_named_by_word_or_tag),
        cmocka_unit_test(a_sample_is_written_in_tag_order),
        cmocka_unit_test(chance_and_pictures_repeat),
    };
    int failed = cmocka_run_group_tests_name("node", tests, NULL, NULL);
    yq_dcm_fini();
    return failed;
}
