/* served.c: the questions of S7, S8, S9 as they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "serve.h"

static struct serve_ask asked;
static const char *why;

static bool read(enum serve_what what, const char *text)
{
    serve_ask_fini(&asked);
    return serve_ask_read(what, text, strlen(text), &asked, &why);
}

static int forget(void **state)
{
    (void)state;
    serve_ask_fini(&asked);
    return 0;
}

static void nothing_asks_for_the_first_page(void **state)
{
    (void)state;
    assert_true(read(SERVE_EXAMS, "{}"));
    assert_int_equal(asked.page, 1);
    assert_int_equal(asked.size, 50);
    assert_string_equal(asked.from, "");
    assert_string_equal(yq_buf_text(&asked.apply), "");
    assert_true(read(SERVE_EXAMS, "{\"pageNum\":\" 3 \",\"pageSize\":\"\",\"applyId\":null}"));
    assert_int_equal(asked.page, 3);
    assert_int_equal(asked.size, 50);
    assert_true(read(SERVE_REPORTS, "{\"reportId\":7,\"patientId\":\"P\"}"));
    assert_string_equal(yq_buf_text(&asked.report), "7");
    assert_string_equal(yq_buf_text(&asked.patient), ""); /* is not asked by S8 */
}

static void bounds_of_exams_are_times(void **state)
{
    (void)state;
    assert_true(read(SERVE_EXAMS, "{\"startTime\":\"2026-03-01\",\"endTime\":\"2026-03-01\"}"));
    assert_string_equal(asked.from, "2026-03-01 00:00:00");
    assert_string_equal(asked.until, "2026-03-01 23:59:59");
    assert_true(read(SERVE_EXAMS, "{\"startTime\":\"2024-02-29 01:02:03\"}"));
    assert_string_equal(asked.from, "2024-02-29 01:02:03");
    static const char *const wrong[] = {"2026-02-29",
                                        "2100-02-29",
                                        "2026-13-01",
                                        "2026-00-10",
                                        "2026-04-31",
                                        "2026-04-00",
                                        "2026-04-01 24:00:00",
                                        "2026-04-01 00:60:00",
                                        "2026-04-01 00:00:60",
                                        "2026-04-01T00:00:00",
                                        "20260401",
                                        "0000-01-01",
                                        "2026-04-01 00:00:0",
                                        "2026-04-01 00:00:000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"endTime\":\"%s\"}", wrong[i]);
        assert_false(read(SERVE_EXAMS, text));
    }
    assert_false(read(SERVE_EXAMS, "{\"startTime\":\"2026-03-02\",\"endTime\":\"2026-03-01\"}"));
}

static const char *until(const char *end)
{
    char text[64];
    snprintf(text, sizeof text, "{\"endTime\":\"%s\"}", end);
    assert_true(read(SERVE_SERIES, text));
    return asked.until;
}

static void the_end_of_series_is_not_included(void **state)
{
    (void)state;
    assert_string_equal(until("2026-03-02"), "20260301");
    assert_string_equal(until("2026-03-01"), "20260228");
    assert_string_equal(until("2024-03-01"), "20240229");
    assert_string_equal(until("2026-01-01"), "20251231");
    assert_string_equal(until("2026-01-01 00:00:00"), "20251231");
    assert_true(read(SERVE_SERIES, "{\"startTime\":\"2026-03-01\",\"endTime\":\"2026-03-01\"}"));
    assert_true(strcmp(asked.from, asked.until) > 0); /* no day is in it, which is no mistake */
    assert_false(read(SERVE_SERIES, "{\"endTime\":\"2026-03-02 00:00:01\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_asks_for_the_first_page),
                                       cmocka_unit_test(bounds_of_exams_are_times),
                                       cmocka_unit_test(the_end_of_series_is_not_included)};
    return cmocka_run_group_tests(tests, NULL, forget);
}
