/* test_feed.c: how far databases were read, and rows aside. */
#include "help.h"

#include "yq/feed.h"

static bool step(const char *change, const char *keys, int64_t epoch, const char *aside,
                 const char *settled)
{
    static struct yq_feed_aside row;
    bool current;
    memset(&row, 0, sizeof row);
    if (aside) {
        yq_copy(row.keys, sizeof row.keys, aside);
        yq_copy(row.change, sizeof row.change, change ? change : "");
        yq_copy(row.reason, sizeof row.reason, "examTime: no date");
    }
    const struct yq_feed_step step = {.source = "ris",
                                      .epoch = epoch,
                                      .change = change,
                                      .keys = keys,
                                      .rows = 2,
                                      .kept = 1,
                                      .asides = &row,
                                      .aside_count = aside ? 1 : 0,
                                      .settled = &settled,
                                      .settled_count = settled ? 1 : 0};
    ok(yq_feed_step(catalog, &step, &current, &err));
    return current;
}

static struct yq_feed feed(void)
{
    struct yq_feed out;
    ok(yq_feed_get(catalog, "ris", &out, &err));
    return out;
}

static size_t asides(bool again)
{
    struct yq_feed_aside *list;
    size_t count;
    ok(yq_feed_asides(catalog, "ris", again, 10, &list, &count, &err));
    free(list);
    return count;
}

static void a_position_moves_and_outlives_closing(void **state)
{
    (void)state;
    struct yq_feed out;
    refused(yq_feed_get(catalog, "ris", &out, &err), YQ_ABSENT);
    assert_string_equal(out.source, "ris");
    assert_true(step("2026-03-01 08:15:00", "1" YQ_FEED_SEPARATOR "影", 0, NULL, NULL));
    assert_true(step("2026-03-01 08:15:00", "2", 0, NULL, NULL));
    yq_catalog_close(catalog);
    ok(yq_catalog_open(path, &catalog, &err));
    out = feed();
    assert_string_equal(out.change, "2026-03-01 08:15:00");
    assert_string_equal(out.keys, "2");
    assert_int_equal(out.rows, 4);
    assert_int_equal(out.kept, 2);
    assert_true(out.moved_ms > 0);
}

static void rewinding_wins_over_what_is_being_read(void **state)
{
    (void)state;
    assert_true(step("9", "", 0, NULL, NULL));
    ok(yq_feed_rewind(catalog, "ris", "4", &err));
    assert_false(step("10", "", 0, "7", NULL));
    assert_string_equal(feed().change, "4");
    assert_int_equal(feed().rows, 2);
    assert_int_equal(asides(false), 0);
    assert_true(step("5", "", feed().epoch, NULL, NULL));
    ok(yq_feed_rewind(catalog, "ris", NULL, &err));
    assert_string_equal(feed().change, "");
}

static void rows_aside_are_counted_retried_and_settled(void **state)
{
    (void)state;
    uint64_t count;
    assert_true(step("1", "a", 0, "a", NULL));
    assert_true(step("2", "a", 0, "a", NULL));
    assert_int_equal(feed().aside, 1);
    assert_int_equal(asides(true), 0);
    ok(yq_feed_retry(catalog, "ris", false, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(asides(true), 1);
    assert_true(step(NULL, NULL, 0, "a", NULL)); /* tried: not good yet */
    assert_int_equal(asides(true), 0);
    assert_string_equal(feed().change, "2"); /* stays */
    assert_true(step("3", "", 0, NULL, "a"));
    assert_int_equal(feed().aside, 0);
}

static void trouble_is_noted_and_passes(void **state)
{
    (void)state;
    struct yq_feed *list;
    size_t count;
    ok(yq_feed_note(catalog, "ris", "it cannot be reached", 77, &err));
    assert_int_equal(feed().down_ms, 77);
    assert_string_equal(feed().trouble, "it cannot be reached");
    ok(yq_feed_note(catalog, "ris", NULL, 0, &err));
    assert_int_equal(feed().down_ms, 0);
    assert_string_equal(feed().trouble, "");
    ok(yq_feed_list(catalog, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_true(list[0].looked_ms > 0);
    free(list);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_position_moves_and_outlives_closing),
        CASE(rewinding_wins_over_what_is_being_read),
        CASE(rows_aside_are_counted_retried_and_settled),
        CASE(trouble_is_noted_and_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
