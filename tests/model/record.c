/* record.c: values of records in their canonical form, what is refused, lists, copies, masks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/bytes.h"
#include "yq/record.h"

static void values_take_their_canonical_form(void **state)
{
    (void)state;
    static const struct {
        enum yq_kind kind;
        const char *member, *text, *kept; /* kept NULL: refused; "": absent */
    } cases[] = {
        {YQ_KIND_EXAM, "birthDate", "19800229", "1980-02-29"},
        {YQ_KIND_EXAM, "birthDate", "1980-2-9", "1980-02-09"},
        {YQ_KIND_EXAM, "birthDate", " 1980/12/9 ", "1980-12-09"},
        {YQ_KIND_EXAM, "birthDate", "1980年2月9日", "1980-02-09"},
        {YQ_KIND_EXAM, "birthDate", "1980-02-09 10:11:12", "1980-02-09"},
        {YQ_KIND_EXAM, "birthDate", "19810229", NULL},
        {YQ_KIND_EXAM, "birthDate", "1980", NULL},
        {YQ_KIND_EXAM, "birthDate", "1980-13-01", NULL},
        {YQ_KIND_EXAM, "birthDate", "1980-02-09x", NULL},
        {YQ_KIND_EXAM, "examTime", "20260301081500", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "20260301081500.123", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "202603010815", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "2026-03-01T08:15:00", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "2026-03-01T00:15:00Z", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "20260301091500+0900", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "2026/3/1 8:15", "2026-03-01 08:15:00"},
        {YQ_KIND_EXAM, "examTime", "2026-03-01", "2026-03-01 00:00:00"},
        {YQ_KIND_EXAM, "examTime", "2026-03-01 24:00:00", NULL},
        {YQ_KIND_EXAM, "examTime", "2026-03-01 8", NULL},
        {YQ_KIND_EXAM, "examTime", "yesterday", NULL},
        {YQ_KIND_EXAM, "age", "045", "45"},
        {YQ_KIND_EXAM, "age", ".5", "0.5"},
        {YQ_KIND_EXAM, "age", "-0.0", "0.0"},
        {YQ_KIND_EXAM, "age", "45Y", NULL},
        {YQ_KIND_EXAM, "cost", "+1200.50", "1200.50"},
        {YQ_KIND_EXAM, "cost", ".", NULL},
        {YQ_KIND_EXAM, "cost", "1e3", NULL},
        {YQ_KIND_EXAM, "emergency", "True", "1"},
        {YQ_KIND_EXAM, "emergency", "否", "0"},
        {YQ_KIND_EXAM, "emergency", "2", NULL},
        {YQ_KIND_EXAM, "studyInstanceUid", "1.2.3,1.2.4， 1.2.3", "1.2.3\n1.2.4"},
        {YQ_KIND_EXAM, "studyInstanceUid", "1..2", NULL},
        {YQ_KIND_EXAM, "studyInstanceUid", "1.2.", NULL},
        {YQ_KIND_EXAM, "studyInstanceUid", "1.2.x", NULL},
        {YQ_KIND_EXAM, "accessionNumber", "A1,A2", "A1\nA2"},
        {YQ_KIND_EXAM, "itemName", "胸部,平扫", "胸部,平扫"},
        {YQ_KIND_EXAM, "patientName", "\xe3\x80\x80张伟 \r\n", "张伟"},
        {YQ_KIND_EXAM, "patientName", "张\x01伟", NULL},
        {YQ_KIND_EXAM, "patientName", "\xd5\xc5", NULL},
        {YQ_KIND_EXAM, "patientName", "\xed\xa0\x80", NULL},
        {YQ_KIND_EXAM, "patientName", "", ""},
        {YQ_KIND_EXAM, "patientName", " \t ", ""},
        {YQ_KIND_REPORT, "findings", "a\r\nb\rc\td", "a\nb\nc d"},
    };
    setenv("TZ", "Asia/Shanghai", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_record *record yq_cleanup(yq_record_cleanup) = yq_record_new(cases[i].kind);
        struct yq_err err = {0};
        bool taken = yq_record_put(record, cases[i].member, cases[i].text, &err);
        const char *kept = yq_record_get(record, cases[i].member);
        if (taken != (cases[i].kept != NULL) ||
            (taken && strcmp(kept ? kept : "", cases[i].kept) != 0))
            fail_msg("%s %s: %s %s", cases[i].member, cases[i].text, kept ? kept : "-", err.text);
        if (!taken) {
            assert_int_equal(err.code, YQ_BAD_INPUT);
            assert_non_null(strstr(err.text, cases[i].member));
        }
    }
}

static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct yq_record *record yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_EXAM);
    struct yq_err err;
    assert_true(yq_record_put(record, "birthDate", "19800101", &err));
    assert_false(yq_record_put(record, "birthDate", "x", &err));
    assert_string_equal(yq_record_get(record, "birthDate"), "1980-01-01");
    assert_true(yq_record_put(record, "birthDate", NULL, &err));
    assert_null(yq_record_get(record, "birthDate"));
}

static void lengths_count_characters(void **state)
{
    (void)state;
    struct yq_record *record yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_EXAM);
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    for (int i = 0; i < 255; i++)
        yq_buf_puts(&text, "张");
    assert_true(yq_record_put(record, "patientName", yq_buf_text(&text), &err));
    yq_buf_puts(&text, "张");
    assert_false(yq_record_put(record, "patientName", yq_buf_text(&text), &err));
}

static void several_values_are_told_apart(void **state)
{
    (void)state;
    struct yq_record *record yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_EXAM);
    struct yq_err err;
    char value[65];
    assert_true(yq_record_append(record, "studyInstanceUid", "1.2.3", &err));
    assert_true(yq_record_append(record, "studyInstanceUid", "1.2.30", &err));
    assert_true(yq_record_append(record, "studyInstanceUid", "1.2.3", &err));
    assert_string_equal(yq_record_get(record, "studyInstanceUid"), "1.2.3\n1.2.30");
    assert_true(yq_record_nth(record, "studyInstanceUid", 1, value, sizeof value));
    assert_string_equal(value, "1.2.30");
    assert_false(yq_record_nth(record, "studyInstanceUid", 2, value, sizeof value));
}

static struct yq_record *lab_with_results(unsigned count)
{
    struct yq_record *lab = yq_record_new(YQ_KIND_LAB);
    struct yq_err err;
    int results = yq_member_find(YQ_KIND_LAB, "results");
    assert_true(yq_record_put(lab, "labId", "L1", &err));
    for (unsigned i = 0; i < count; i++) {
        struct yq_record *result = yq_record_new(YQ_KIND_LAB_RESULT);
        assert_true(yq_record_put(result, "itemName", "白细胞", &err));
        assert_true(yq_record_add(lab, results, result, &err));
    }
    return lab;
}

static void lists_hold_their_kind_and_not_too_much(void **state)
{
    (void)state;
    struct yq_record *lab yq_cleanup(yq_record_cleanup) = lab_with_results(YQ_RECORD_ITEMS_MOST);
    struct yq_record *copy yq_cleanup(yq_record_cleanup) = yq_record_copy(lab);
    struct yq_err err;
    int results = yq_member_find(YQ_KIND_LAB, "results");
    assert_true(yq_record_equal(lab, copy));
    assert_true(yq_record_put(copy->lists[results].items[7], "value", "+", &err));
    assert_false(yq_record_equal(lab, copy));
    assert_false(yq_record_add(lab, results, yq_record_new(YQ_KIND_LAB_RESULT), &err));
    assert_int_equal(err.code, YQ_FULL);
    assert_false(yq_record_add(lab, results, yq_record_new(YQ_KIND_SETTLEMENT), &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
}

static void an_overlay_keeps_what_it_does_not_have(void **state)
{
    (void)state;
    struct yq_record *lab yq_cleanup(yq_record_cleanup) = lab_with_results(3);
    struct yq_record *over yq_cleanup(yq_record_cleanup) = lab_with_results(1);
    struct yq_err err;
    assert_true(yq_record_put(lab, "itemName", "血常规", &err));
    assert_true(yq_record_put(over, "labId", "L2", &err));
    assert_true(yq_record_overlay(lab, over, &err));
    assert_string_equal(yq_record_id(lab), "L2");
    assert_string_equal(yq_record_get(lab, "itemName"), "血常规");
    assert_int_equal(lab->lists[yq_member_find(YQ_KIND_LAB, "results")].count, 1);
}

static void masks_hide_most(void **state)
{
    (void)state;
    static const struct {
        const char *member, *value, *shown;
    } cases[] = {
        {"patientName", "张伟", "张*"},
        {"patientNamePinyin", "Zhang Wei", "Z*"},
        {"birthDate", "1980-02-03", "1980-**-**"},
        {"phone", "13812345678", "138******78"},
        {"idNumber", "11010119800203001X", "11***********1X"},
        {"patientId", "P12", "***"},
        {"address", "某路1号", "***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
        int member = yq_member_find(YQ_KIND_EXAM, cases[i].member);
        yq_record_mask(&yq_kinds[YQ_KIND_EXAM].members[member], cases[i].value, &out);
        assert_string_equal(yq_buf_text(&out), cases[i].shown);
    }
}

static void every_kind_has_its_table(void **state)
{
    (void)state;
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++) {
        const struct yq_kind_info *info = &yq_kinds[kind];
        assert_int_equal(yq_kind_by_name(info->name), kind);
        for (size_t i = 0; i < info->count; i++)
            assert_int_equal(yq_member_find((enum yq_kind)kind, info->members[i].name), i);
        if (kind < YQ_KIND_KEPT) {
            assert_int_equal(yq_kind_by_name(info->plural), kind);
            assert_true(info->members[0].key);
        }
    }
    assert_int_equal(yq_kind_by_name(""), YQ_KIND_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_take_their_canonical_form),
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(lengths_count_characters),
        cmocka_unit_test(several_values_are_told_apart),
        cmocka_unit_test(lists_hold_their_kind_and_not_too_much),
        cmocka_unit_test(an_overlay_keeps_what_it_does_not_have),
        cmocka_unit_test(masks_hide_most),
        cmocka_unit_test(every_kind_has_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
