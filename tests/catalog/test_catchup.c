/* test_catchup.c: days that were compared, spans that are sent little by little. */
#include "help.h"

#include "yq/catchup.h"
#include "yq/clock.h"
#include "yq/consignment.h"

static struct yq_reconciliation day_of(const char *platform, const char *date)
{
    struct yq_reconciliation day = {.told = 5, .missing = 2, .unknown = 1, .tries = 3};
    yq_copy(day.platform, sizeof day.platform, platform);
    yq_copy(day.date, sizeof day.date, date);
    yq_copy(day.reason, sizeof day.reason, "away");
    return day;
}

static void a_days_row_is_the_last_that_was_put(void **state)
{
    struct yq_reconciliation *days, one = day_of("P", "2026-03-01");
    size_t count;
    (void)state;
    ok(yq_reconciliation_put(catalog, &one, &err));
    one.tries = 0;
    one.done_ms = 77;
    one.reason[0] = 0;
    ok(yq_reconciliation_put(catalog, &one, &err));
    one = day_of("Q", "2026-03-01");
    ok(yq_reconciliation_put(catalog, &one, &err));
    ok(yq_reconciliations(catalog, &days, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(days[0].platform, "P");
    assert_int_equal(days[0].done_ms, 77);
    assert_int_equal(days[0].missing, 2);
    assert_string_equal(days[0].reason, "");
    assert_string_equal(days[1].reason, "away");
    assert_int_equal(days[1].tries, 3);
    free(days);
}

static void old_days_go(void **state)
{
    struct yq_reconciliation *days, one;
    char date[YQ_DATE_SIZE];
    size_t count;
    (void)state;
    for (int i = 0; i < 1010; i++) {
        assert_true(yq_day_shift("2026-01-01", i, 0, date, sizeof date));
        one = day_of("P", date);
        ok(yq_reconciliation_put(catalog, &one, &err));
    }
    ok(yq_reconciliations(catalog, &days, &count, &err));
    assert_int_equal(count, 1000);
    assert_string_equal(days[0].date, date);
    assert_string_equal(days[999].date, "2026-01-11");
    free(days);
}

static struct yq_backfill current(void)
{
    struct yq_backfill *list, first;
    size_t count;
    ok(yq_backfills(catalog, &list, &count, &err));
    assert_true(count > 0);
    first = list[0];
    free(list);
    return first;
}

static size_t noted(void)
{
    struct yq_due_record due[50];
    size_t count;
    ok(yq_consignments_due(catalog, due, 50, &count, &err));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(due[i].urgency, 0);
    return count;
}

static int64_t begin(const char *platform)
{
    struct yq_backfill wanted = {.rate = 60};
    int64_t id;
    yq_copy(wanted.platform, sizeof wanted.platform, platform);
    yq_copy(wanted.from, sizeof wanted.from, "2026-01-01");
    yq_copy(wanted.to, sizeof wanted.to, "2026-02-01");
    ok(yq_backfill_begin(catalog, &wanted, &id, &err));
    return id;
}

static void a_backfill_moves_with_what_it_notes(void **state)
{
    const int64_t rows[] = {11, 12, 13};
    bool going;
    (void)state;
    int64_t id = begin("P");
    struct yq_backfill was = current(), at = was;
    assert_int_equal(was.id, id);
    assert_string_equal(was.day, "2026-01-01");
    yq_copy(at.day, sizeof at.day, "2026-01-05");
    at.row = 13;
    ok(yq_backfill_step(catalog, &was, &at, rows, 3, &going, &err));
    assert_true(going);
    assert_int_equal(noted(), 3);
    assert_int_equal(current().queued, 3);
    assert_string_equal(current().day, "2026-01-05");
    ok(yq_backfill_step(catalog, &was, &at, rows, 3, &going,
                        &err)); /* another process was faster */
    assert_false(going);
    assert_int_equal(current().queued, 3);
}

static void one_at_a_time_and_it_can_be_stopped(void **state)
{
    struct yq_backfill again = {.platform = "P", .from = "2026-01-01", .to = "2026-01-01"};
    const int64_t row = 11;
    int64_t id;
    size_t stopped;
    bool going;
    (void)state;
    begin("P");
    begin("Q");
    refused(yq_backfill_begin(catalog, &again, &id, &err), YQ_CONFLICT);
    ok(yq_backfill_stop(catalog, "Q", &stopped, &err));
    assert_int_equal(stopped, 1);
    struct yq_backfill was = current();
    assert_int_equal(was.state, YQ_BACKFILL_STOPPED);
    ok(yq_backfill_step(catalog, &was, &was, &row, 1, &going, &err));
    assert_false(going);
    assert_int_equal(noted(), 0);
    ok(yq_backfill_stop(catalog, "Q", &stopped, &err));
    assert_int_equal(stopped, 0);
    begin("Q");
}

static void nothing_was_sent_to_a_new_platform(void **state)
{
    bool sent = true;
    (void)state;
    ok(yq_platform_was_sent(catalog, "P", yq_now_ms(), &sent, &err));
    assert_false(sent);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(a_days_row_is_the_last_that_was_put), test(old_days_go),
        test(a_backfill_moves_with_what_it_notes), test(one_at_a_time_and_it_can_be_stopped),
        test(nothing_was_sent_to_a_new_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
