/* test_database.c: a database over ODBC, with SQLite's driver, which needs no server. The cases
 * (tests/cases/test_odbc.py) do the same with servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "yq/database.h"

#define DRIVER "/usr/lib/x86_64-linux-gnu/odbc/libsqlite3odbc.so"
#define LONG_TEXT 70000

static struct yq_database *database;
static struct yq_err err;
static const struct yq_database_column *columns;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

static int open_database(void **state)
{
    (void)state;
    const struct yq_database_how how = {.connection = "Driver=" DRIVER ";Database=:memory:"};
    if (access(DRIVER, R_OK) != 0) {
        puts("SQLite's ODBC driver (libsqliteodbc) is not installed: nothing to try");
        exit(0);
    }
    return yq_database_open(&how, &database, &err) ? 0 : -1;
}

static int close_database(void **state)
{
    (void)state;
    yq_database_close(database);
    return 0;
}

static void ask(const char *sql)
{
    ok(yq_database_select(database, sql, NULL, 0, 0, &err));
    yq_database_columns(database, &columns);
}

static bool next(void)
{
    bool row;
    ok(yq_database_next(database, &row, &err));
    return row;
}

static const char *value(size_t column)
{
    static struct yq_buf out;
    bool null;
    yq_buf_fini(&out);
    ok(yq_database_value(database, column, 1u << 20, &out, &null, &err));
    return null ? NULL : yq_buf_text(&out);
}

static void values_come_as_they_are(void **state)
{
    (void)state;
    ask("SELECT 12345678901234567 AS n, '张三' AS \"姓名\", NULL AS nix, '' AS empty");
    assert_true(next());
    assert_string_equal(columns[1].name, "姓名");
    assert_string_equal(value(0), "12345678901234567");
    assert_string_equal(value(1), "张三");
    assert_null(value(2));
    assert_string_equal(value(3), "");
    assert_false(next());
    assert_false(next());
}

static void long_values_come_in_pieces_or_not_at_all(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool null;
    ask("SELECT printf('%.70000c', 'x') AS a, 'b' AS b");
    assert_true(next());
    assert_int_equal(strlen(value(0)), LONG_TEXT);
    assert_string_equal(value(1), "b");
    ask("SELECT printf('%.70000c', 'x') AS a, 'b' AS b");
    assert_true(next());
    yq_buf_puts(&out, "before");
    assert_false(yq_database_value(database, 0, 1000, &out, &null, &err));
    assert_int_equal(err.code, YQ_FULL);
    assert_string_equal(yq_buf_text(&out), "before");
    assert_string_equal(value(1), "b");
}

static void parameters_are_never_text_of_the_query(void **state)
{
    (void)state;
    static const char evil[] = "x' OR '1'='1'; DROP TABLE t; --";
    ask("SELECT 'a' AS t UNION ALL SELECT 'b'");
    struct yq_database_column column = columns[0];
    const struct yq_database_parameter parameter = {.value = evil, .column = &column};
    ok(yq_database_select(database, "SELECT ? AS got", &parameter, 1, 0, &err));
    assert_true(next());
    assert_string_equal(value(0), evil);
    const struct yq_database_parameter other = {.value = "影像", .column = &column};
    ok(yq_database_select(database, "SELECT ? AS got", &other, 1, 0, &err));
    assert_true(next());
    assert_string_equal(value(0), "影像");
}

static void names_are_quoted_or_refused(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    static const char *const bad[] = {"", "a\"b", "a..b", ".a", "a.", "a\nb"};
    ok(yq_database_quote_table(database, "ris.检查 表; DROP", false, &out, &err));
    assert_string_equal(yq_buf_text(&out), "\"ris\".\"检查 表; DROP\"");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(yq_database_quote_table(database, bad[i], false, &out, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
}

static void a_limit_is_in_the_words_of_the_server(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_database_limit(database, "SELECT a FROM t ORDER BY a", 7, &out);
    assert_string_equal(yq_buf_text(&out), "SELECT a FROM t ORDER BY a LIMIT 7");
}

static void errors_say_what_is_missing(void **state)
{
    (void)state;
    struct yq_database *none;
    const struct yq_database_how how = {.connection = "Driver=/nonexistent/driver.so",
                                        .password = "geheim;}"};
    assert_false(yq_database_select(database, "SELECT * FROM nix", NULL, 0, 0, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_non_null(strstr(err.text, "table"));
    assert_false(yq_database_open(&how, &none, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_null(strstr(err.text, "geheim"));
}

static void what_was_interrupted_says_so(void **state)
{
    (void)state;
    yq_database_interrupt(database);
    assert_false(yq_database_select(database, "SELECT 1", NULL, 0, 0, &err));
    assert_int_equal(err.code, YQ_BUSY);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_database, close_database)
    const struct CMUnitTest tests[] = {
        CASE(values_come_as_they_are),
        CASE(long_values_come_in_pieces_or_not_at_all),
        CASE(parameters_are_never_text_of_the_query),
        CASE(names_are_quoted_or_refused),
        CASE(a_limit_is_in_the_words_of_the_server),
        CASE(errors_say_what_is_missing),
        CASE(what_was_interrupted_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
