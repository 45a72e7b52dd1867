/* The hospital's codes on the way of a record: converted, known to the checks, noted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "yq/codes.h"
#include "yq/walk.h"

static char dir[64], path[96];
static struct yq_house house;
static struct yq_err err;
static struct yq_code_context ris = {&house, "hl7:ris"};

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-codes-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/catalog", dir);
    return yq_catalog_open(path, &house.catalog, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    yq_catalog_close(house.catalog);
    assert_true(yq_catalog_discard(path, &err));
    return rmdir(dir);
}

static void map(const char *list, const char *code, const char *dictionary, const char *national)
{
    struct yq_code_line line = {.changed_ms = 0};
    snprintf(line.list, sizeof line.list, "%s", list);
    snprintf(line.code, sizeof line.code, "%s", code);
    snprintf(line.dictionary, sizeof line.dictionary, "%s", dictionary);
    snprintf(line.national, sizeof line.national, "%s", national);
    assert_true(yq_codes_set(house.catalog, &line, 1, &err));
}

/* The code, or "-". */
static const char *converted(const char *from, const char *to, const char *code)
{
    static char text[64];
    struct yq_buf out = {0};
    bool there = yq_codes_convert(&ris, from, to, code, &out);
    assert_int_equal(there, out.length > 0);
    snprintf(text, sizeof text, "%s", there ? yq_buf_text(&out) : "-");
    yq_buf_fini(&out);
    return text;
}

static void codes_are_converted(void **state)
{
    (void)state;
    map("sex", "gong", "sex", "1");
    map("sex", "mu", "shanxi/sex", "2");
    map("exam-item", "CT1", "recognition-item", "CT010312506");
    static const char *const wanted[][4] = {
        {"hl7/sex", "sex", "M", "1"},
        {"hl7/sex", "sex", "gong", "1"}, /* beyond the standard's table */
        {"hl7/sex", "sex", "other", "-"},
        {"local", "sex", "gong", "1"},
        {"local", "sex", "2", "2"}, /* it is one already */
        {"local", "sex", "M", "-"},
        {"local:sex", "sex", "gong", "1"},
        {"local:exam-item", "sex", "gong", "-"},
        {"local:exam-item", "recognition-item", "CT1", "CT010312506"},
        {"local", "shanxi/sex", "gong", "1"}, /* by way of "sex" */
        {"local", "shanxi/sex", "mu", "2"},
        {"sex", "neijiang/sex", "gong", "M"}, /* kept as it came, mapped later */
        {"sex", "neijiang/sex", "1", "M"},
        {"name", "sex", "男性", "1"},
        {"name", "sex", "男", "-"},
        {"nowhere", "sex", "1", "-"},
        {"local", "nowhere", "1", "-"},
        {"localhost", "sex", "1", "-"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *got = converted(wanted[i][0], wanted[i][1], wanted[i][2]);
        if (strcmp(got, wanted[i][3]) != 0)
            fail_msg("%s -> %s, %s: %s", wanted[i][0], wanted[i][1], wanted[i][2], got);
    }
    char many[400];
    memset(many, 'x', sizeof many);
    many[sizeof many - 1] = '\0';
    assert_string_equal(converted("local", "sex", many), "-");
    assert_true(yq_codes_is_mapped(&ris, "sex", "1"));
    assert_true(yq_codes_is_mapped(&ris, "sex", "gong"));
    assert_false(yq_codes_is_mapped(&ris, "sex", "mu"));
    assert_false(yq_codes_is_mapped(&ris, "sex", many));
}

static void put(struct yq_record *record, const char *member, const char *value)
{
    if (!yq_record_put(record, member, value, &err))
        fail_msg("%s", err.text);
}

/* "list:code=name" of what was noted, sorted by code, joined by blanks. */
static const char *noted(void)
{
    static char text[512];
    struct yq_code_filter filter = {.limit = 0};
    struct yq_code_seen *seen;
    size_t count, length = 0;
    assert_true(yq_codes_unmapped(house.catalog, &filter, &seen, &count, &err));
    *text = '\0';
    for (const char *next = ""; next;) {
        const struct yq_code_seen *least = NULL;
        for (size_t i = 0; i < count; i++)
            if (strcmp(seen[i].code, next) > 0 && (!least || strcmp(seen[i].code, least->code) < 0))
                least = &seen[i];
        if (least)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s:%s=%s",
                                       length ? " " : "", least->list, least->code, least->name);
        next = least ? least->code : NULL;
    }
    free(seen);
    return text;
}

static void records_tell_what_is_not_mapped(void **state)
{
    (void)state;
    struct yq_record *exam = yq_record_new(YQ_KIND_EXAM), *lab = yq_record_new(YQ_KIND_LAB);
    struct yq_record *result = yq_record_new(YQ_KIND_LAB_RESULT);
    map("exam-item", "E2", "radiology-code", "B020ZYZZZ");
    put(exam, "examId", "1");
    put(exam, "sex", "gong");
    put(exam, "visitType", "1");
    put(exam, "itemCode", "E1\nE2\nE3");
    put(exam, "itemName", "头颅CT\n胸部CT\n腹部CT");
    put(exam, "bodyPartCode", "B020ZYZZZ\nZZ");
    yq_codes_note_record(&house, "hl7:ris", exam);
    put(lab, "labId", "1");
    put(result, "itemCode", "K");
    put(result, "itemName", "钾");
    put(result, "abnormal", "++");
    assert_true(yq_record_add(lab, yq_member_find(YQ_KIND_LAB, "results"), result, &err));
    yq_codes_note_record(&house, "hl7:lis", lab);
    assert_string_equal(noted(), "abnormal-flag:++= exam-item:E1=头颅CT exam-item:E3=腹部CT "
                                 "lab-item:K=钾 radiology-code:ZZ= sex:gong=");
    uint64_t gone;
    assert_true(yq_codes_forget(house.catalog, &(struct yq_code_filter){.limit = 0}, &gone, &err));
    put(exam, "nationalItemCode", "CT010312506"); /* then its items are no question */
    put(exam, "sex", "1");
    put(exam, "bodyPartCode", "");
    yq_codes_note_record(&house, "hl7:ris", exam);
    assert_string_equal(noted(), "");
    yq_record_free(exam);
    yq_record_free(lab);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(codes_are_converted),
        CASE(records_tell_what_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
