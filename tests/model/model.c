/* The nouns: UIDs, the attribute table, queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/frame.h"
#include "yq/model.h"

static void what_a_uid_looks_like(void **state)
{
    (void)state;
    static const char *const good[] = {
        "1", "1.2", "1.2.840.10008.1.2", "1.02.3", /* devices write leading zeros */
        "1.2.3456789012345678901234567890123456789012345678901234567890.1"};
    static const char *const bad[] = {
        "",      ".",
        ".1",    "1.",
        "1..2",  "1.a",
        "1 ",    "1/2",
        "../..", "1.2\n",
        "-1",    "1.2\\3",
        "１.2",  "1.2.3456789012345678901234567890123456789012345678901234567890.12"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(yq_uid_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(yq_uid_valid(bad[i]));
    assert_int_equal(strlen(good[4]), 64);
}

static void new_uids_are_valid_and_differ(void **state)
{
    (void)state;
    char uids[50][YQ_UID_SIZE];
    for (size_t i = 0; i < 50; i++) {
        yq_uid_make(uids[i]);
        assert_true(yq_uid_valid(uids[i]));
        assert_memory_equal(uids[i], "2.25.", 5);
        assert_true(uids[i][5] != '0');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(uids[i], uids[j]);
    }
    assert_true(yq_uid_valid(YQ_IMPLEMENTATION_UID));
    assert_true(strlen(YQ_IMPLEMENTATION_NAME) <= 16);
}

static void a_transfer_syntax_tells_the_layout(void **state)
{
    (void)state;
    assert_int_equal(yq_layout_of(YQ_TS_IMPLICIT_LE), YQ_LAYOUT_IMPLICIT_LE);
    assert_int_equal(yq_layout_of(YQ_TS_EXPLICIT_LE), YQ_LAYOUT_EXPLICIT_LE);
    assert_int_equal(yq_layout_of(YQ_TS_EXPLICIT_BE), YQ_LAYOUT_EXPLICIT_BE);
    assert_int_equal(yq_layout_of(YQ_TS_DEFLATED), YQ_LAYOUT_DEFLATED);
    assert_int_equal(yq_layout_of(YQ_TS_HTJ2K), YQ_LAYOUT_EXPLICIT_LE);
    assert_int_equal(yq_layout_of("1.2.3.unknown"), YQ_LAYOUT_EXPLICIT_LE);
}

static void attributes_are_found_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        const struct yq_attr_info *info = &yq_attrs[i];
        assert_int_equal(yq_attr_by_tag(info->tag, info->within), i); /* none stands there twice */
        assert_int_equal(yq_attr_by_name(info->name), i);
        assert_int_equal(strlen(info->vr), 2);
        assert_in_range(info->level, YQ_PATIENT, YQ_IMAGE);
    }
    assert_int_equal(yq_attr_by_name("patientname"), YQ_PatientName);
    assert_int_equal(yq_attr_by_name("Nothing"), YQ_ATTR_COUNT);
    assert_int_equal(yq_attr_by_tag(0x00100010, 0x00081032), YQ_ATTR_COUNT);
    assert_int_equal(yq_attr_by_tag(0, 0), YQ_ATTR_COUNT);
}

static void levels_have_keys_and_names(void **state)
{
    (void)state;
    enum yq_qr_level level;
    for (int i = YQ_PATIENT; i <= YQ_IMAGE; i++) {
        assert_int_equal(yq_attrs[yq_level_key((enum yq_qr_level)i)].level, i);
        assert_true(yq_level_parse(yq_level_name((enum yq_qr_level)i), &level));
        assert_int_equal(level, i);
    }
    assert_int_equal(yq_level_key(YQ_STUDY), YQ_StudyInstanceUID);
    assert_false(yq_level_parse("study", &level));
    assert_false(yq_level_parse("", &level));
}

static void a_query_owns_its_keys(void **state)
{
    (void)state;
    struct yq_query query = {0};
    struct yq_err err;
    char value[] = "0012";
    for (int i = 0; i < 20; i++)
        assert_true(yq_query_add(&query, YQ_PatientID, value, i == 3, &err));
    value[0] = 'x';
    assert_true(yq_query_add(&query, YQ_PatientName, "", false, &err)); /* universal matching */
    assert_int_equal(query.match_count, 20);
    assert_string_equal(query.matches[19].value, "0012");
    assert_true(query.matches[3].exact);
    assert_false(query.matches[4].exact);
    yq_query_fini(&query);
    assert_int_equal(query.match_count, 0);
    yq_query_fini(&query); /* a zeroed one is fine */
}

static void what_owns_memory_gives_it_back(void **state)
{
    (void)state;
    struct yq_header header = {0};
    yq_buf_puts(&header.text, "text");
    yq_header_fini(&header);
    assert_null(header.text.bytes);
    struct yq_frame frame = {0};
    for (int i = 0; i < 3; i++)
        frame.palette[i].values = calloc(4, sizeof(uint16_t));
    yq_buf_puts(&frame.pixels, "pixels");
    yq_frame_fini(&frame);
    assert_null(frame.palette[0].values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_uid_looks_like),
        cmocka_unit_test(new_uids_are_valid_and_differ),
        cmocka_unit_test(a_transfer_syntax_tells_the_layout),
        cmocka_unit_test(attributes_are_found_both_ways),
        cmocka_unit_test(levels_have_keys_and_names),
        cmocka_unit_test(a_query_owns_its_keys),
        cmocka_unit_test(what_owns_memory_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
