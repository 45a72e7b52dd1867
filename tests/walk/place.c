/* place.c: what comes before a value of a change column, in its own form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "rows.h"

static void times_and_numbers_go_back_in_their_own_form(void **state)
{
    (void)state;
    static const struct {
        enum yq_column_type type;
        const char *change;
        int64_t units;
        const char *before; /* NULL: there is none */
    } cases[] = {
        {YQ_COLUMN_TIMESTAMP, "2026-03-01 00:00:30.123456", 60, "2026-02-28 23:59:30.123456"},
        {YQ_COLUMN_TEXT, "2024/03/01 00:00:00", 1, "2024/02/29 23:59:59"},
        {YQ_COLUMN_TEXT, "2026-01-01T00:00:00", 1, "2025-12-31T23:59:59"},
        {YQ_COLUMN_TEXT, "20260301081500", 120, "20260301081300"},
        {YQ_COLUMN_INTEGER, "20260301000000", 1, "20260228235959"},
        {YQ_COLUMN_DATE, "2026-03-01", 120, "2026-02-28"},
        {YQ_COLUMN_INTEGER, "1000", 120, "880"},
        {YQ_COLUMN_INTEGER, "7", 120, "-113"},
        {YQ_COLUMN_NUMBER, "1000.75", 120, "880"},
        {YQ_COLUMN_BINARY, "0000000000000100", 1, "00000000000000ff"},
        {YQ_COLUMN_BINARY, "0001", 120, "0000"},
        {YQ_COLUMN_TEXT, "v12", 120, NULL},
        {YQ_COLUMN_TEXT, "2026-13-01 00:00:00", 120, NULL},
        {YQ_COLUMN_TEXT, "123456789012345678", 120, NULL},
        {YQ_COLUMN_INTEGER, "99999999999999999999", 120, NULL},
        {YQ_COLUMN_TIMESTAMP, "2026-03-01 00:00:30", 0, NULL},
        {YQ_COLUMN_TIMESTAMP, "", 60, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[YQ_FEED_CHANGE_SIZE];
        bool there = place_before(cases[i].type, cases[i].change, cases[i].units, out);
        assert_int_equal(there, cases[i].before != NULL);
        if (there)
            assert_string_equal(out, cases[i].before);
    }
}

static void what_is_reached_is_known_without_the_database(void **state)
{
    (void)state;
    assert_true(place_reached(YQ_COLUMN_TIMESTAMP, "2026-03-01 08:00:00.2", "2026-03-01 08:00:00"));
    assert_false(place_reached(YQ_COLUMN_TIMESTAMP, "2026-02-28 09:00:00", "2026-03-01 08:00:00"));
    assert_true(place_reached(YQ_COLUMN_INTEGER, "1000", "999"));
    assert_false(place_reached(YQ_COLUMN_INTEGER, "9007199254740992", "9007199254740993"));
    assert_true(place_reached(YQ_COLUMN_BINARY, "00ff", "00fe"));
}

static void a_time_ahead_is_measured_by_the_clock_on_the_wall(void **state)
{
    (void)state;
    assert_int_equal(place_ahead("1969-01-01 00:00:00", 0), 0);
    int64_t far = place_ahead("2026-03-02 00:00:00", 0) - place_ahead("2026-03-01 00:00:00", 0);
    assert_int_equal(far, 86400);
    assert_int_equal(place_ahead("4711", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_numbers_go_back_in_their_own_form),
        cmocka_unit_test(what_is_reached_is_known_without_the_database),
        cmocka_unit_test(a_time_ahead_is_measured_by_the_clock_on_the_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
