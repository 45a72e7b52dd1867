/* Foreign files: CSV, JSON and XML read record by record, and how they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/foreign.h"

static struct yq_buf text;

static struct yq_foreign *open_as(enum yq_foreign_form form, const char *records, const char *bytes,
                                  size_t length)
{
    struct yq_foreign *foreign;
    struct yq_err err = {0};
    yq_buf_clear(&text);
    assert_true(yq_foreign_text(form, "", bytes, length, &text, &err));
    if (!yq_foreign_open(form, records, yq_buf_text(&text), text.length, &foreign, &err))
        fail_msg("%s", err.text);
    return foreign;
}

#define OPEN(form, records, bytes) open_as(YQ_FOREIGN_##form, records, bytes, sizeof(bytes) - 1)

static void expect(struct yq_foreign *foreign, const char *name, const char *value)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool there = yq_foreign_get(foreign, name, &out);
    if (there != (value != NULL) || strcmp(yq_buf_text(&out), value ? value : "") != 0)
        fail_msg("%s is \"%s\", not \"%s\"", name, yq_buf_text(&out), value ? value : "(none)");
}

static void next(struct yq_foreign *foreign)
{
    const char *fault;
    struct yq_err err = {0};
    if (!yq_foreign_next(foreign, &fault, &err))
        fail_msg("no record: %s", err.text);
    if (fault)
        fail_msg("%s", fault);
}

static void next_is_wrong(struct yq_foreign *foreign, const char *why)
{
    const char *fault;
    struct yq_err err = {0};
    assert_true(yq_foreign_next(foreign, &fault, &err));
    assert_non_null(fault);
    if (!strstr(fault, why))
        fail_msg("\"%s\" is not in \"%s\"", why, fault);
}

static void over(struct yq_foreign *foreign)
{
    const char *fault;
    struct yq_err err = {0};
    assert_false(yq_foreign_next(foreign, &fault, &err));
    if (err.code != YQ_OK)
        fail_msg("%s", err.text);
    yq_foreign_free(foreign);
}

static void broken(struct yq_foreign *foreign, const char *why)
{
    const char *fault;
    struct yq_err err = {0};
    assert_false(yq_foreign_next(foreign, &fault, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, err.text);
    yq_foreign_free(foreign);
}

static void refuse(enum yq_foreign_form form, const char *records, const char *bytes,
                   const char *why)
{
    struct yq_foreign *foreign;
    struct yq_err err = {0};
    assert_false(yq_foreign_open(form, records, bytes, strlen(bytes), &foreign, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, err.text);
}

static void a_file_is_what_its_name_or_its_beginning_says(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        enum yq_foreign_form form;
    } cases[] = {
        {"a.csv", "<", YQ_FOREIGN_CSV},     {"a.XML", "x", YQ_FOREIGN_XML},
        {"a.json", "", YQ_FOREIGN_JSON},    {"a.ndjson", "", YQ_FOREIGN_JSON},
        {"a.txt", " <a/>", YQ_FOREIGN_XML}, {"a.txt", "\xef\xbb\xbf{}", YQ_FOREIGN_JSON},
        {"a.dat", "a,b", YQ_FOREIGN_CSV},   {"a.pdf", "%PDF", YQ_FOREIGN_NONE},
        {"a.xlsx", "PK", YQ_FOREIGN_NONE},  {"a", "a,b", YQ_FOREIGN_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(yq_foreign_look(cases[i].name, cases[i].bytes, strlen(cases[i].bytes)),
                         cases[i].form);
}

static void csv_is_read_as_spreadsheets_write_it(void **state)
{
    (void)state;
    struct yq_foreign *foreign =
        OPEN(CSV, "",
             "\xef\xbb\xbf"
             "id, 姓名 ,note\r\n=\"001\",张伟,\"line 1\r\nline 2, \"\"q\"\"\"\r\n"
             ",,\r\n\"=\"\"002\"\"\",b\r\n");
    next(foreign);
    assert_int_equal(yq_foreign_line(foreign), 2);
    expect(foreign, "id", "001");
    expect(foreign, "ID", "001");
    expect(foreign, "姓名", "张伟");
    expect(foreign, "note", "line 1\nline 2, \"q\"");
    expect(foreign, "other", NULL);
    next(foreign);
    assert_int_equal(yq_foreign_line(foreign), 5);
    expect(foreign, "id", "002");
    expect(foreign, "note", NULL);
    over(foreign);
}

static void csv_may_have_other_marks(void **state)
{
    (void)state;
    struct yq_foreign *foreign = OPEN(CSV, "", "a;b,c;d\n1;2;3");
    next(foreign);
    expect(foreign, "b,c", "2");
    over(foreign);
    foreign = OPEN(CSV, "", "sep=|\r\na|b\r1|2\r");
    next(foreign);
    expect(foreign, "b", "2");
    over(foreign);
    foreign = OPEN(CSV, "", "\n\na\tb\n1\t2\n");
    next(foreign);
    expect(foreign, "b", "2");
    over(foreign);
}

static void csv_comes_in_gb18030_and_utf_16(void **state)
{
    (void)state;
    /* 检查号,姓名 / 1,张伟 */
    struct yq_foreign *foreign =
        OPEN(CSV, "", "\xbc\xec\xb2\xe9\xba\xc5,\xd0\xd5\xc3\xfb\r\n1,\xd5\xc5\xce\xb0\r\n");
    next(foreign);
    expect(foreign, "姓名", "张伟");
    over(foreign);
    foreign = OPEN(CSV, "",
                   "\xff\xfe"
                   "a\0\t\0b\0\n\0001\0\t\0\x20\x5f\n\0");
    next(foreign);
    expect(foreign, "b", "张");
    over(foreign);
}

static void a_wrong_line_of_csv_is_wrong_alone(void **state)
{
    (void)state;
    struct yq_foreign *foreign = OPEN(CSV, "", "a,b\n1,2,3\n4,5\n6,1.20E+17\n7,8\n");
    next_is_wrong(foreign, "more fields");
    next(foreign);
    expect(foreign, "a", "4");
    next_is_wrong(foreign, "shortened");
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_foreign_put_head(foreign, &out);
    yq_foreign_put_record(foreign, &out);
    yq_foreign_put_tail(foreign, &out);
    assert_string_equal(yq_buf_text(&out), "\xef\xbb\xbf"
                                           "a,b\n6,1.20E+17\r\n");
    next(foreign);
    over(foreign);
    foreign = OPEN(CSV, "", "a,b\n1,2\n3,\"open\n5,6\n");
    next(foreign);
    broken(foreign, "line 3: a quote");
    refuse(YQ_FOREIGN_CSV, "", "", "no heading");
    refuse(YQ_FOREIGN_CSV, "", "\n , \n", "no heading");
}

static void json_has_records_in_several_shapes(void **state)
{
    (void)state;
    struct yq_foreign *foreign =
        OPEN(JSON, "",
             "[{\"id\": 12345678901234567890, \"p\": {\"name\": \"张伟\"}, \"t\": true,"
             " \"n\": null, \"l\": [\"a\", \"b\"], \"r\": [{\"v\": 1}, {\"v\": 2, \"w\": 3}]},\n"
             "{\"id\": \"2\"}]");
    next(foreign);
    expect(foreign, "id", "12345678901234567890");
    expect(foreign, "p/name", "张伟");
    expect(foreign, "p.name", "张伟");
    expect(foreign, "t", "true");
    expect(foreign, "n", NULL);
    expect(foreign, "p", NULL);
    expect(foreign, "l", "a\nb");
    expect(foreign, "r/v", "1\n2");
    expect(foreign, "r[]/v", "1\n2");
    assert_int_equal(yq_foreign_items(foreign, "r[]/v"), 2);
    yq_foreign_choose(foreign, "r[]/v", 1);
    expect(foreign, "r[]/v", "2");
    expect(foreign, "r[]/w", "3");
    expect(foreign, "id", "12345678901234567890");
    assert_int_equal(yq_foreign_items(foreign, "x[]/v"), 0);
    size_t length;
    assert_int_equal(*yq_foreign_json(foreign, &length), '{');
    next(foreign);
    assert_int_equal(yq_foreign_line(foreign), 2);
    expect(foreign, "id", "2");
    expect(foreign, "r[]/v", NULL);
    over(foreign);
    foreign = OPEN(JSON, "", "{\n\"id\": 1\n}\n");
    next(foreign);
    expect(foreign, "id", "1");
    over(foreign);
    foreign =
        OPEN(JSON, "data/list",
             "{\"code\": 0, \"data\": {\"n\": [1, {}], \"list\": [{\"id\": 1}, {\"id\": 2}]}}");
    next(foreign);
    next(foreign);
    expect(foreign, "id", "2");
    over(foreign);
}

static void a_wrong_line_of_ndjson_is_wrong_alone(void **state)
{
    (void)state;
    struct yq_foreign *foreign = OPEN(JSON, "", "{\"id\": 1}\n{\"id\": \n7\n{\"id\": 3}\n");
    next(foreign);
    next_is_wrong(foreign, "no valid JSON");
    next_is_wrong(foreign, "no valid JSON");
    next(foreign);
    assert_int_equal(yq_foreign_line(foreign), 4);
    expect(foreign, "id", "3");
    over(foreign);
    foreign = OPEN(JSON, "", "[{\"id\": 1}, {\"id\": ]");
    next(foreign);
    broken(foreign, "line 1");
    foreign = OPEN(JSON, "", "[{\"id\": 1}, 7]");
    next(foreign);
    broken(foreign, "a record is an object");
    refuse(YQ_FOREIGN_JSON, "", "7", "an object or an array");
    refuse(YQ_FOREIGN_JSON, "a/b", "{\"a\": {\"c\": 1}}", "nothing at \"a/b\"");
    struct yq_buf deep yq_cleanup(yq_buf_fini) = {0};
    for (int i = 0; i < 5000; i++)
        yq_buf_puts(&deep, "{\"a\":");
    foreign = open_as(YQ_FOREIGN_JSON, "", yq_buf_text(&deep), deep.length);
    broken(foreign, "nested too deep");
}

static void xml_has_records_in_several_shapes(void **state)
{
    (void)state;
    struct yq_foreign *foreign =
        OPEN(XML, "",
             "<?xml version='1.0' encoding='GB2312'?><!-- c -->\n<list xmlns:x='u'>\n"
             "<x:exam no='7'><id> 1 </id><p><name>\xd5\xc5\xce\xb0</name></p>"
             "<r><i><v>1</v></i><i><v>2</v></i></r></x:exam>\n"
             "<x:exam><id><![CDATA[<2>]]></id><v>a</v><v>b</v></x:exam></list>");
    next(foreign);
    assert_int_equal(yq_foreign_line(foreign), 3);
    expect(foreign, "id", " 1 ");
    expect(foreign, "@no", "7");
    expect(foreign, "p/name", "张伟");
    expect(foreign, "r/i/v", "1\n2");
    assert_int_equal(yq_foreign_items(foreign, "r[]/v"), 2);
    assert_int_equal(yq_foreign_items(foreign, "r/i[]/v"), 2);
    yq_foreign_choose(foreign, "r/i[]/v", 1);
    expect(foreign, "r/i[]/v", "2");
    next(foreign);
    expect(foreign, "id", "<2>");
    expect(foreign, "v", "a\nb");
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_foreign_put_head(foreign, &out);
    yq_foreign_put_record(foreign, &out);
    yq_foreign_put_tail(foreign, &out);
    assert_non_null(strstr(yq_buf_text(&out), "<list>\n<x:exam>"));
    assert_non_null(strstr(yq_buf_text(&out), "</list>"));
    over(foreign);
    foreign = OPEN(XML, "", "<exam><id>1</id><sex>2</sex></exam>");
    next(foreign);
    expect(foreign, "id", "1");
    over(foreign);
    foreign = OPEN(XML, "body/rows/row",
                   "<r><head><row><id>0</id></row></head><body><n/><rows>"
                   "<row><id>1</id></row><row><id>2</id></row></rows></body></r>");
    next(foreign);
    expect(foreign, "id", "1");
    next(foreign);
    expect(foreign, "id", "2");
    over(foreign);
}

static void xml_that_would_fetch_or_grow_is_refused(void **state)
{
    (void)state;
    refuse(YQ_FOREIGN_XML, "", "<!DOCTYPE a SYSTEM \"http://127.0.0.1/a\"><a/>", "DOCTYPE");
    refuse(YQ_FOREIGN_XML, "",
           "<?xml version='1.0'?><!-- x -->\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE");
    refuse(YQ_FOREIGN_XML, "", "no xml", "no well-formed XML");
    struct yq_buf many yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&many, "<l>\n");
    for (int i = 0; i < 2000; i++)
        yq_buf_putf(&many, "<e><id>%d</id></e>\n", i);
    yq_buf_puts(&many, "<e><id>3</e></l>");
    struct yq_foreign *foreign = open_as(YQ_FOREIGN_XML, "", yq_buf_text(&many), many.length);
    const char *fault;
    struct yq_err err = {0};
    size_t count = 0;
    while (yq_foreign_next(foreign, &fault, &err))
        count++;
    assert_true(count > 1900 && count <= 2000); /* the reader looks a little ahead */
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, "line 2002"));
    yq_foreign_free(foreign);
    foreign = OPEN(XML, "", "<a>");
    broken(foreign, "no well-formed XML");
    refuse(YQ_FOREIGN_XML, "e", "<l><e><id>&undefined;</id></e></l>", "no well-formed");
    struct yq_buf deep yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&deep, "<l><e>");
    for (int i = 0; i < 100; i++)
        yq_buf_puts(&deep, "<a>");
    for (int i = 0; i < 100; i++)
        yq_buf_puts(&deep, "</a>");
    yq_buf_puts(&deep, "</e><e><id>2</id></e></l>");
    foreign = open_as(YQ_FOREIGN_XML, "", yq_buf_text(&deep), deep.length);
    next_is_wrong(foreign, "nested too deep");
    next(foreign);
    expect(foreign, "id", "2");
    over(foreign);
}

static int fini(void **state)
{
    (void)state;
    yq_buf_fini(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_what_its_name_or_its_beginning_says),
        cmocka_unit_test(csv_is_read_as_spreadsheets_write_it),
        cmocka_unit_test(csv_may_have_other_marks),
        cmocka_unit_test(csv_comes_in_gb18030_and_utf_16),
        cmocka_unit_test(a_wrong_line_of_csv_is_wrong_alone),
        cmocka_unit_test(json_has_records_in_several_shapes),
        cmocka_unit_test(a_wrong_line_of_ndjson_is_wrong_alone),
        cmocka_unit_test(xml_has_records_in_several_shapes),
        cmocka_unit_test(xml_that_would_fetch_or_grow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, fini);
}
