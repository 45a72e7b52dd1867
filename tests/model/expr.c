/* Expressions and mapping files: what they say, what they become, and how they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/expr.h"

static const char *const things[][2] = {
    {"A", "alpha"},
    {"EMPTY", ""},
    {"BLANK", "  "},
    {"PID-8", "M"},
    {"OBR-7.1", "20260301081500"},
    {"姓名", " 张伟　"},
    {"多", "1,2"},
    {"a/b/@c", "deep"},
    {"pair", "one^two^three"},
    {"lines", "M\nF\nX"},
    {"two words", "quoted"},
    {"items[0].name", "first item"},
    {"day", "01/03/2026"},
    {"noon", "3/1/2026 12:05 PM"},
    {"phone", "１３８-0013 8000"},
};

static bool get(void *context, const char *name, struct yq_buf *out)
{
    (void)context;
    for (size_t i = 0; i < sizeof things / sizeof *things; i++)
        if (strcmp(things[i][0], name) == 0) {
            yq_buf_puts(out, things[i][1]);
            return true;
        }
    return false;
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    (void)context;
    if (strcmp(from, "hl7/sex") != 0 || strcmp(to, "sex") != 0 || strcmp(code, "M") != 0)
        return false;
    yq_buf_puts(out, "1");
    return true;
}

static const struct yq_surroundings around = {.get = get, .convert = convert};

static void values_are_what_the_expression_says(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value; /* NULL: there is none */
    } cases[] = {
        {"A", "alpha"},
        {"  A  ", "alpha"},
        {"EMPTY", NULL},
        {"BLANK", NULL},
        {"NOTHERE", NULL},
        {"\"text\"", "text"},
        {"'it is \\'this\\'\\n'", "it is 'this'\n"},
        {"'\\\\n'", "\\n"},
        {"`two words`", "quoted"},
        {"a/b/@c", "deep"},
        {"items[0].name", "first item"},
        {"first(NOTHERE, BLANK, A, pair)", "alpha"},
        {"first(NOTHERE)", NULL},
        {"join(\"^\", A, NOTHERE, EMPTY, 多)", "alpha^1,2"},
        {"join(', ', NOTHERE)", NULL},
        {"date(OBR-7.1)", "2026-03-01 08:15:00"},
        {"date('2026/3/1')", "2026-03-01"},
        {"date('2026年3月1日')", "2026-03-01"},
        {"date(day, 'dd/MM/yyyy')", "2026-03-01"},
        {"date(noon, 'M/d/yyyy hh:mm a')", "2026-03-01 12:05:00"},
        {"date('5-Mar-26', \"d-MMM-yy\")", "2026-03-05"},
        {"date('20260301T0815', \"yyyyMMdd'T'HHmm\")", "2026-03-01 08:15:00"},
        {"date('2026年03月', \"yyyy年MM月\")", "2026-03-01"},
        {"date(NOTHERE)", NULL},
        {"format(OBR-7.1, 'yyyyMMdd')", "20260301"},
        {"format(OBR-7.1, \"yy-M-d'T'H:mm a\")", "26-3-1T8:15 AM"},
        {"code(PID-8, 'hl7/sex', 'sex')", "1"},
        {"code(lines, 'hl7/sex', 'sex')", "1\nF\nX"},
        {"code(NOTHERE, 'hl7/sex', 'sex')", NULL},
        {"map(PID-8, 'M', '1', 'F', '2', '9')", "1"},
        {"map('U', 'M', '1', 'F', '2', '9')", "9"},
        {"map('U', 'M', '1', 'F', '2')", "U"},
        {"map(lines, 'M', '1', 'F', '2', '9')", "1\n2\n9"},
        {"map(NOTHERE, 'M', '1', '9')", NULL},
        {"if(PID-8 = 'M', 'man', 'woman')", "man"},
        {"if(PID-8 == 'F', 'man', 'woman')", "woman"},
        {"if(PID-8 != 'F', A, 'woman')", "alpha"},
        {"if(NOTHERE, A, pair)", "one^two^three"},
        {"if(A, 'yes')", "yes"},
        {"if(NOTHERE, 'yes')", NULL},
        {"if(NOTHERE = EMPTY, 'both')", "both"},
        {"if(NOTHERE = A, 'both')", NULL},
        {"part(pair, '^', 2)", "two"},
        {"part(pair, '^', 4)", NULL},
        {"part(pair, '^', 0)", NULL},
        {"trim(姓名)", "张伟"},
        {"upper(A)", "ALPHA"},
        {"lower('CT胸')", "ct胸"},
        {"digits(phone)", "13800138000"},
        {"substring('张伟强', 2, 1)", "伟"},
        {"substring('张伟强', 2)", "伟强"},
        {"substring('张伟强', 9, 1)", NULL},
        {"split('1, 2,,3', ',')", "1\n2\n3"},
        {"split('a，b', '，')", "a\nb"},
        {"map(first(NOTHERE, upper('m')), 'M', part(pair, '^', 3))", "three"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_expr *expr;
        struct yq_err err = {0};
        struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
        bool there;
        if (!yq_expr_parse(cases[i].text, &expr, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        if (!yq_expr_value(expr, &around, &out, &there, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        if (there != (cases[i].value != NULL) ||
            strcmp(yq_buf_text(&out), there ? cases[i].value : "") != 0)
            fail_msg("%s is \"%s\"", cases[i].text, yq_buf_text(&out));
        yq_expr_free(expr);
    }
}

static void what_cannot_be_worked_out_names_the_function_and_not_the_value(void **state)
{
    (void)state;
    static const char *const texts[] = {"date(A)", "date(A, 'yyyy')", "format(A, 'yyyy')",
                                        "date('31/02/2026', 'dd/MM/yyyy')"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct yq_expr *expr;
        struct yq_err err = {0};
        struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
        bool there;
        assert_true(yq_expr_parse(texts[i], &expr, &err));
        assert_false(yq_expr_value(expr, &around, &out, &there, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_non_null(strstr(err.text, "(...)"));
        assert_null(strstr(err.text, "alpha"));
        yq_expr_free(expr);
    }
}

static void refuse(const char *text, const char *message)
{
    struct yq_expr *expr;
    struct yq_err err = {0};
    assert_false(yq_expr_parse(text, &expr, &err));
    assert_null(expr);
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

static void what_is_no_expression_is_refused_with_its_place(void **state)
{
    (void)state;
    struct yq_buf deep yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf many yq_cleanup(yq_buf_fini) = {0};
    char longer[5000];
    refuse("", "character 1: it ends here");
    refuse("A B", "character 3: the end");
    refuse("firts(A)", "character 1: one of first");
    refuse("first(A", "character 8: it ends here, but a comma");
    refuse("first()", "character 7: a name");
    refuse("part(A, ^, 2)", "character 9: text in quotes");
    refuse("part(A, '^', two)", "character 14: a whole number");
    refuse("part(A, '^')", "at least 3");
    refuse("trim(A, A)", "at most 1");
    refuse("'open", "the quote that ends");
    refuse("'open\\", "the quote that ends");
    refuse("`open", "backquote");
    refuse("A = B", "the end");
    refuse("if(A = , B)", "a name");
    for (int i = 0; i < 40; i++)
        yq_buf_puts(&deep, "first(");
    refuse(yq_buf_text(&deep), "nested too deep");
    yq_buf_puts(&many, "first(A");
    for (int i = 0; i < 63; i++)
        yq_buf_puts(&many, ",trim(trim(trim(trim(A))))");
    refuse(yq_buf_text(&many), "more than 256 parts");
    memset(longer, 'A', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    refuse(longer, "longer than");
}

static void count_names(void *context, const char *text) { yq_buf_putf(context, "%s ", text); }

static void names_are_told(void **state)
{
    (void)state;
    struct yq_expr *expr;
    struct yq_err err;
    struct yq_buf told yq_cleanup(yq_buf_fini) = {0};
    assert_true(yq_expr_parse("if(A = 'x', first(B, `c d`), date(E-1.2, 'yyyy'))", &expr, &err));
    yq_expr_names(expr, count_names, &told);
    assert_string_equal(yq_buf_text(&told), "A B c d E-1.2 ");
    yq_expr_free(expr);
}

static bool get_much(void *context, const char *name, struct yq_buf *out)
{
    (void)name;
    for (int i = 0; i < 200000; i++)
        yq_buf_puts(out, context);
    return true;
}

static void effort_has_an_end(void **state)
{
    (void)state;
    struct yq_expr *expr;
    struct yq_err err = {0};
    struct yq_buf out = {0};
    char short_lines[] = "ab\n", long_text[] = "abcdefgh";
    struct yq_surroundings much = {.context = short_lines, .get = get_much};
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    bool there = true;
    yq_buf_puts(&text, "map(A, ");
    for (int i = 0; i < 90; i++)
        yq_buf_puts(&text, "'no', 'no', ");
    yq_buf_puts(&text, "'x')");
    assert_true(yq_expr_parse(yq_buf_text(&text), &expr, &err));
    assert_false(yq_expr_value(expr, &much, &out, &there, &err));
    assert_int_equal(err.code, YQ_FULL);
    yq_expr_free(expr);
    much.context = long_text;
    assert_true(yq_expr_parse("A", &expr, &err));
    assert_false(yq_expr_value(expr, &much, &out, &there, &err));
    assert_int_equal(err.code, YQ_FULL);
    yq_expr_free(expr);
    yq_buf_fini(&out);
}

/* ---- mapping files ---- */

static void a_mapping_file_fills_a_record(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfkind,member,source,note\r\n"
                               "# a remark, with commas, and so on\r\n"
                               "exam,examId,A,\r\n"
                               "\r\n"
                               "exam,patientName,trim(姓名),name\r\n"
                               "exam,accessionNumber,\"split(多, ',')\"\r\n"
                               "exam,examTime,date(OBR-7.1),\r\n"
                               "exam,phone,NOTHERE,\r\n"
                               "lab-result,value,A,\r\n";
    struct yq_mapping *mapping;
    struct yq_err err = {0};
    if (!yq_mapping_parse("mapping/ris.csv", text, sizeof text - 1, &mapping, &err))
        fail_msg("%s", err.text);
    assert_string_equal(mapping->name, "ris");
    assert_int_equal(mapping->count, 6);
    assert_true(yq_mapping_has(mapping, YQ_KIND_LAB_RESULT));
    assert_false(yq_mapping_has(mapping, YQ_KIND_REPORT));
    struct yq_record *record = yq_record_new(YQ_KIND_EXAM);
    if (!yq_mapping_apply(mapping, &around, record, &err))
        fail_msg("%s", err.text);
    assert_string_equal(yq_record_id(record), "alpha");
    assert_string_equal(yq_record_get(record, "patientName"), "张伟");
    assert_string_equal(yq_record_get(record, "accessionNumber"), "1\n2");
    assert_string_equal(yq_record_get(record, "examTime"), "2026-03-01 08:15:00");
    assert_null(yq_record_get(record, "phone"));
    yq_record_free(record);
    yq_mapping_free(mapping);
}

static void a_value_that_does_not_fit_names_member_and_line(void **state)
{
    (void)state;
    static const char text[] = "kind,member,source,note\nexam,examId,A,\nexam,birthDate,A,\n";
    struct yq_mapping *mapping;
    struct yq_err err = {0};
    assert_true(yq_mapping_parse("ris.csv", text, sizeof text - 1, &mapping, &err));
    struct yq_record *record = yq_record_new(YQ_KIND_EXAM);
    assert_false(yq_mapping_apply(mapping, &around, record, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, "birthDate"));
    assert_non_null(strstr(err.text, "mapping/ris.csv:3"));
    assert_null(strstr(err.text, "alpha"));
    yq_record_free(record);
    yq_mapping_free(mapping);
}

static void refuse_file(const char *text, const char *message)
{
    struct yq_mapping *mapping;
    struct yq_err err = {0};
    assert_false(yq_mapping_parse("mapping/m.csv", text, strlen(text), &mapping, &err));
    assert_null(mapping);
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

static void a_mapping_file_that_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    refuse_file("", "mapping/m.csv:1: the first line is: kind,member,source,note");
    refuse_file("exam,examId,A,\n", "m.csv:1: the first line is");
#define HEAD "kind,member,source,note\n"
    refuse_file(HEAD "exams2,examId,A,\n", "m.csv:2: \"exams2\" is no kind of record");
    refuse_file(HEAD "exam,patientNam,A,\n", "did you mean \"patientName\"?");
    refuse_file(HEAD "exam,examId,firts(A),\n", "m.csv:2: character 1: one of");
    refuse_file(HEAD "exam,examId,A,\nexam,examId,B,\n",
                "m.csv:3: \"examId\" stands in this file twice");
    refuse_file(HEAD "exam,settlements,A,\n", "is a list");
    refuse_file(HEAD "exam,examId\n", "m.csv:2: a line has");
    refuse_file(HEAD "exam,examId,first(A, B),,\n", "double quotes");
    refuse_file(HEAD "exam,\"examId,A,\n", "m.csv:2: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_the_expression_says),
        cmocka_unit_test(what_cannot_be_worked_out_names_the_function_and_not_the_value),
        cmocka_unit_test(what_is_no_expression_is_refused_with_its_place),
        cmocka_unit_test(names_are_told),
        cmocka_unit_test(effort_has_an_end),
        cmocka_unit_test(a_mapping_file_fills_a_record),
        cmocka_unit_test(a_value_that_does_not_fit_names_member_and_line),
        cmocka_unit_test(a_mapping_file_that_is_wrong_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
