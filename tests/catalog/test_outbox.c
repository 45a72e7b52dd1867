/* test_outbox.c: jobs of the outbox, from the instance that causes them to their end. */
#include "help.h"

#include <sqlite3.h>

#include "outbox.h"
#include "yq/clock.h"

static struct yq_dispatch to(const char *destination, int priority)
{
    return (struct yq_dispatch){.destination = destination,
                                .rule = "all",
                                .syntax = "",
                                .priority = priority,
                                .due_ms = yq_now_ms()};
}

static void arrive(int study, int instance, const struct yq_dispatch *orders, size_t count)
{
    struct made made;
    make(&made, study, 1, instance, study * 1000 + instance);
    struct yq_arrival arrival = {.origin = &made.origin,
                                 .header = &made.header,
                                 .object = &made.object,
                                 .dataset_offset = 300,
                                 .duplicates = YQ_REPLACE,
                                 .orders = orders,
                                 .order_count = count};
    ok(yq_catalog_add(catalog, &arrival, &made.added, &err));
}

static bool claim(const char *destination, struct yq_job *job)
{
    return yq_outbox_claim(catalog, YQ_JOB_FORWARD, destination, yq_now_ms() + 1000, job, &err);
}

static struct yq_job job_of(int64_t id)
{
    struct yq_job *jobs, job;
    size_t count;
    ok(yq_outbox_list(catalog, &(struct yq_job_filter){.id = id}, &jobs, &count, &err));
    assert_int_equal(count, 1);
    job = jobs[0];
    free(jobs);
    return job;
}

static void note(const struct yq_job *job, const char *instance, bool refused, bool going_on)
{
    struct yq_item_end end = {.refused = refused, .reason = "no"};
    bool on;
    yq_copy(end.instance, sizeof end.instance, instance);
    ok(yq_outbox_note(catalog, job, &end, 1, &on, &err));
    assert_int_equal(on, going_on);
}

static void settle(const struct yq_job *job, int how)
{
    struct yq_settlement end = {.reason = "why", .next_ms = yq_now_ms() + 3600000};
    end.how = how;
    ok(yq_outbox_settle(catalog, job, &end, &err));
}

static void a_job_goes_from_pending_to_done(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_entry *entries;
    struct yq_job job, none;
    size_t count;
    arrive(1, 1, &order, 1);
    arrive(1, 2, &order, 1);
    ok(claim("A", &job));
    assert_int_equal(job.pending, 2);
    refused(claim("A", &none), YQ_ABSENT);
    ok(yq_outbox_items(catalog, job.id, 100, &entries, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].key.instance, "1.1.1.1");
    free(entries);
    note(&job, "1.1.1.1", false, true);
    note(&job, "1.1.1.1", false, true); /* twice is once */
    note(&job, "1.1.1.2", false, true);
    settle(&job, YQ_SETTLE_OVER);
    job = job_of(job.id);
    assert_int_equal(job.state, YQ_JOB_DONE);
    assert_int_equal(job.sent, 2);
    assert_int_equal(job.pending, 0);
}

static void what_comes_while_it_is_sent_is_not_lost(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_job job;
    arrive(1, 1, &order, 1);
    ok(claim("A", &job));
    arrive(1, 2, &order, 1);
    note(&job, "1.1.1.1", false, true);
    settle(&job, YQ_SETTLE_OVER);
    assert_int_equal(job_of(job.id).state, YQ_JOB_PENDING);
    assert_int_equal(job_of(job.id).pending, 1);
    ok(claim("A", &job));
    note(&job, "1.1.1.2", false, true);
    settle(&job, YQ_SETTLE_OVER);
    arrive(1, 3, &order, 1);
    assert_int_equal(job_of(job.id).state, YQ_JOB_PENDING);
    assert_int_equal(job_of(job.id).sent, 2);
}

static void what_gathers_is_put_off_by_each_arrival(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_job job;
    order.gathers = YQ_GATHERS_ASSOCIATION;
    order.due_ms = yq_now_ms() + 1000000;
    arrive(1, 1, &order, 1);
    order.due_ms += 500000;
    arrive(1, 2, &order, 1);
    refused(claim("A", &job), YQ_ABSENT);
    struct yq_lane *lanes;
    size_t count;
    ok(yq_outbox_look(catalog, &lanes, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(lanes[0].due_ms, order.due_ms);
    free(lanes);
    ok(yq_outbox_complete(catalog, "1.2", yq_now_ms(), &err)); /* another study */
    refused(claim("A", &job), YQ_ABSENT);
    ok(yq_outbox_complete(catalog, "1.1", yq_now_ms(), &err));
    ok(claim("A", &job));
    arrive(1, 3, &order, 1);
    note(&job, "1.1.1.1", false, true);
    note(&job, "1.1.1.2", false, true);
    settle(&job, YQ_SETTLE_OVER);
    assert_int_equal(job_of(job.id).state, YQ_JOB_GATHERING);
}

static void lanes_are_found_and_counted(void **state)
{
    (void)state;
    struct yq_dispatch orders[] = {to("A", 0), to("B", 1), to("C", 2), to("A", 1)};
    struct yq_lane *lanes;
    struct yq_job job;
    size_t count;
    orders[3].kind = YQ_JOB_PULL;
    orders[3].rule = "priors";
    arrive(1, 1, orders, 4);
    arrive(2, 1, orders, 1);
    ok(claim("B", &job));
    ok(yq_outbox_look(catalog, &lanes, &count, &err));
    assert_int_equal(count, 3); /* nothing of B can be claimed */
    assert_string_equal(lanes[1].destination, "C");
    assert_int_equal(lanes[2].kind, YQ_JOB_PULL);
    free(lanes);
    note(&job, "1.1.1.1", true, true);
    settle(&job, YQ_SETTLE_OVER);
    ok(yq_outbox_summary(catalog, true, &lanes, &count, &err));
    assert_int_equal(count, 4);
    assert_int_equal(lanes[0].jobs[YQ_JOB_PENDING], 2);
    assert_true(lanes[0].oldest_ms > 0);
    assert_int_equal(lanes[1].jobs[YQ_JOB_REFUSED], 1);
    assert_int_equal(lanes[1].failed, 1);
    assert_int_equal(lanes[1].oldest_ms, 0);
    free(lanes);
}

static void priority_goes_before_age(void **state)
{
    (void)state;
    struct yq_job job;
    static const int priorities[] = {0, 1, 2, 1};
    for (int i = 0; i < 4; i++) {
        struct yq_dispatch order = to("A", priorities[i]);
        order.due_ms = yq_now_ms() - 100 + i;
        arrive(i + 1, 1, &order, 1);
    }
    static const char *const order[] = {"1.3", "1.2", "1.4", "1.1"};
    for (int i = 0; i < 4; i++) {
        ok(claim("A", &job));
        assert_string_equal(job.study, order[i]);
    }
}

static void a_crash_makes_what_was_sent_wait_again(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_job job;
    arrive(1, 1, &order, 1);
    ok(claim("A", &job));
    yq_catalog_close(catalog);
    ok(yq_catalog_open(path, &catalog, &err));
    refused(claim("A", &job), YQ_ABSENT);
    ok(yq_outbox_wake(catalog, &err));
    ok(claim("A", &job));
}

static void a_lane_pauses_and_is_held(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1), other = to("B", 1);
    struct yq_job job;
    uint64_t count;
    arrive(1, 1, &order, 1);
    arrive(1, 2, &other, 1);
    ok(claim("A", &job));
    struct yq_settlement end = {.how = YQ_SETTLE_BACK,
                                .reason = "dead",
                                .lane = YQ_LANE_TROUBLE,
                                .lane_next_ms = yq_now_ms() + 3600000};
    ok(yq_outbox_settle(catalog, &job, &end, &err));
    refused(claim("A", &job), YQ_ABSENT);
    ok(claim("B", &job));
    settle(&job, YQ_SETTLE_BACK);
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, 0, "A", NULL, &count, &err));
    assert_int_equal(count, 1);
    ok(yq_outbox_turn(catalog, YQ_TURN_HOLD, 0, "A", "line down", &count, &err));
    refused(claim("A", &job), YQ_ABSENT);
    ok(yq_outbox_turn(catalog, YQ_TURN_RELEASE, 0, "A", NULL, &count, &err));
    ok(claim("A", &job));
    ok(yq_outbox_turn(catalog, YQ_TURN_HOLD, 0, "A", "again", &count, &err));
    note(&job, "1.1.1.1", false, false);
}

static void refusals_stay_until_somebody_decides(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_item_end *ends;
    struct yq_job job;
    size_t listed;
    uint64_t count;
    arrive(1, 1, &order, 1);
    arrive(1, 2, &order, 1);
    ok(claim("A", &job));
    note(&job, "1.1.1.1", true, true);
    note(&job, "1.1.1.2", false, true);
    settle(&job, YQ_SETTLE_OVER);
    job = job_of(job.id);
    assert_int_equal(job.state, YQ_JOB_REFUSED);
    assert_int_equal(job.refused, 1);
    assert_string_equal(job.reason, "why");
    ok(yq_outbox_refusals(catalog, job.id, 10, &ends, &listed, &err));
    assert_int_equal(listed, 1);
    assert_string_equal(ends[0].instance, "1.1.1.1");
    assert_string_equal(ends[0].reason, "no");
    free(ends);
    ok(yq_outbox_prune(catalog, yq_now_ms() + 1000, &count, &err));
    assert_int_equal(count, 0);
    arrive(1, 3, &order, 1); /* does not bring the refused one along */
    assert_int_equal(job_of(job.id).pending, 1);
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, job.id, NULL, NULL, &count, &err));
    assert_int_equal(job_of(job.id).pending, 2);
    assert_int_equal(job_of(job.id).state, YQ_JOB_PENDING);
}

static void dropping_is_told_once_and_can_be_undone(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_job job, told[4];
    size_t count;
    uint64_t turned;
    arrive(1, 1, &order, 1);
    ok(claim("A", &job));
    ok(yq_outbox_turn(catalog, YQ_TURN_DROP, job.id, NULL, "wrong patient", &turned, &err));
    note(&job, "1.1.1.1", false, false); /* its courier learns of it */
    settle(&job, YQ_SETTLE_OVER);
    job = job_of(job.id);
    assert_int_equal(job.state, YQ_JOB_DROPPED);
    assert_int_equal(job.dropped, 1);
    assert_string_equal(job.reason, "wrong patient");
    ok(yq_outbox_dropped(catalog, told, 4, &count, &err));
    assert_int_equal(count, 1);
    ok(yq_outbox_dropped(catalog, told, 4, &count, &err));
    assert_int_equal(count, 0);
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, 0, NULL, NULL, &turned, &err));
    assert_int_equal(turned, 0); /* not in a sweep */
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, job.id, NULL, NULL, &turned, &err));
    ok(claim("A", &job));
    assert_int_equal(job.pending, 1);
    ok(yq_outbox_turn(catalog, YQ_TURN_DROP, 0, "A", "all of it", &turned, &err));
    ok(yq_outbox_prune(catalog, yq_now_ms() + 1000, &turned, &err));
    assert_int_equal(turned, 1);
    refused(claim("A", &job), YQ_ABSENT);
}

static void what_is_deleted_is_dropped(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_entry *gone;
    struct yq_job job;
    size_t count;
    arrive(1, 1, &order, 1);
    arrive(1, 2, &order, 1);
    arrive(2, 1, &order, 1);
    ok(yq_catalog_remove(catalog, &(struct yq_key){.instance = "1.1.1.1"}, &gone, &count, &err));
    free(gone);
    ok(claim("A", &job));
    settle(&job, YQ_SETTLE_BACK);
    assert_int_equal(job_of(job.id).pending, 1);
    assert_int_equal(job_of(job.id).dropped, 1);
    ok(yq_catalog_remove(catalog, &(struct yq_key){.study = "1.1"}, &gone, &count, &err));
    free(gone);
    assert_int_equal(job_of(job.id).state, YQ_JOB_DROPPED);
    assert_string_equal(job_of(job.id).reason, "deleted from this node");
    ok(claim("A", &job));
    assert_string_equal(job.study, "1.2");
}

static void an_item_without_an_instance_is_no_obstacle(void **state)
{
    (void)state;
    struct yq_dispatch order = to("A", 1);
    struct yq_entry *entries;
    struct yq_job job;
    size_t count;
    sqlite3 *db;
    arrive(1, 1, &order, 1);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM instance", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ok(claim("A", &job));
    ok(yq_outbox_items(catalog, job.id, 10, &entries, &count, &err));
    assert_int_equal(count, 0);
    free(entries);
    struct yq_settlement end = {.how = YQ_SETTLE_OVER, .gone = true};
    ok(yq_outbox_settle(catalog, &job, &end, &err));
    assert_int_equal(job_of(job.id).state, YQ_JOB_DROPPED);
}

static void a_pull_is_asked_for_once(void **state)
{
    (void)state;
    struct yq_dispatch order = to("PACS", 1);
    struct yq_job job, none;
    order.kind = YQ_JOB_PULL;
    arrive(1, 1, &order, 1);
    arrive(1, 2, &order, 1);
    ok(yq_outbox_claim(catalog, YQ_JOB_PULL, "PACS", yq_now_ms() + 1000, &job, &err));
    refused(yq_outbox_claim(catalog, YQ_JOB_PULL, "PACS", yq_now_ms() + 1000, &none, &err),
            YQ_ABSENT);
    ok(yq_outbox_expect(catalog, &job, "1.7", &err));
    struct yq_settlement end = {.how = YQ_SETTLE_OVER, .fetched = 2};
    ok(yq_outbox_settle(catalog, &job, &end, &err));
    job = job_of(job.id);
    assert_int_equal(job.state, YQ_JOB_DONE);
    assert_int_equal(job.sent, 2);
    assert_int_equal(job.pending, 0);
    arrive(7, 1, &order, 1);
    refused(yq_outbox_claim(catalog, YQ_JOB_PULL, "PACS", yq_now_ms() + 1000, &none, &err),
            YQ_ABSENT);
}

/* The couriers' questions must not depend on how much waits: each goes into an index. */
static void couriers_ask_by_index(void **state)
{
    (void)state;
    static const struct {
        enum statement statement;
        const char *index;
    } asked[] = {
        {ST_OUTBOX_DUE, "outbox_due (kind=? AND destination=? AND priority=? AND next_ms<?)"},
        {ST_OUTBOX_EARLIEST, "outbox_due (kind=? AND destination=? AND priority=?)"},
        {ST_OUTBOX_NEXT_LANE, "outbox_due (kind=? AND destination>?)"},
        {ST_OUTBOX_UNTOLD, "outbox_untold"},
        {ST_OUTBOX_NEXT_KNOWN, "COVERING INDEX outbox_lanes (kind=? AND destination>?)"},
        {ST_OUTBOX_OLDEST, "COVERING INDEX outbox_lanes (kind=? AND destination=? AND state=?)"},
        {ST_OUTBOX_GROUP_COUNT,
         "COVERING INDEX outbox_lanes (kind=? AND destination=? AND state=?)"},
    };
    sqlite3 *db;
    struct yq_dispatch order = to("A", 1);
    arrive(1, 1, &order, 1);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct yq_buf made = {0}, sql = {0};
        sqlite3_stmt *plan;
        yq_buf_putf(&sql, "EXPLAIN QUERY PLAN %s", statement_sql(asked[i].statement, &made));
        assert_int_equal(sqlite3_prepare_v2(db, yq_buf_text(&sql), -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(plan, 3);
            if (!strstr(detail, asked[i].index) || strstr(detail, "TEMP B-TREE"))
                fail_msg("%s is not in: %s", asked[i].index, detail);
        }
        sqlite3_finalize(plan);
        yq_buf_fini(&made);
        yq_buf_fini(&sql);
    }
    sqlite3_close(db);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

const struct CMUnitTest outbox_tests[] = {
    CASE(a_job_goes_from_pending_to_done),
    CASE(what_comes_while_it_is_sent_is_not_lost),
    CASE(what_gathers_is_put_off_by_each_arrival),
    CASE(lanes_are_found_and_counted),
    CASE(priority_goes_before_age),
    CASE(a_crash_makes_what_was_sent_wait_again),
    CASE(a_lane_pauses_and_is_held),
    CASE(refusals_stay_until_somebody_decides),
    CASE(dropping_is_told_once_and_can_be_undone),
    CASE(what_is_deleted_is_dropped),
    CASE(an_item_without_an_instance_is_no_obstacle),
    CASE(a_pull_is_asked_for_once),
    CASE(couriers_ask_by_index),
};
const size_t outbox_test_count = sizeof outbox_tests / sizeof *outbox_tests;
