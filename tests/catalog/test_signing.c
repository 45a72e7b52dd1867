/* test_signing.c: signing jobs: one a report, written by who read it last. */
#include "help.h"

#include "yq/signing.h"

static struct yq_signing job_of(int64_t report)
{
    struct yq_signing job = {.report = report, .version = 3, .next_ms = report};
    yq_copy(job.platform, sizeof job.platform, "shanxi");
    memset(job.text, (int)report, sizeof job.text);
    return job;
}

static void a_job_is_written_by_who_read_it_last(void **state)
{
    (void)state;
    struct yq_signing job = job_of(7), mine, theirs;
    refused(yq_signing_get(catalog, 7, &mine, &err), YQ_ABSENT);
    yq_buf_puts(&job.kept, "yq1:sealed");
    ok(yq_signing_put(catalog, &job, &err));
    yq_signing_fini(&job);
    ok(yq_signing_get(catalog, 7, &mine, &err));
    ok(yq_signing_get(catalog, 7, &theirs, &err));
    assert_string_equal(yq_buf_text(&mine.kept), "yq1:sealed");
    assert_int_equal(mine.text[31], 7);
    mine.state = YQ_SIGNING_WAITING;
    ok(yq_signing_put(catalog, &mine, &err));
    ok(yq_signing_put(catalog, &mine, &err));
    theirs.state = YQ_SIGNING_CANCELLED;
    refused(yq_signing_put(catalog, &theirs, &err), YQ_CONFLICT);
    struct yq_signing second = job_of(7);
    refused(yq_signing_put(catalog, &second, &err), YQ_CONFLICT);
    assert_int_equal(second.id, 0);
    yq_signing_fini(&mine);
    yq_signing_fini(&theirs);
}

static void what_is_due_comes_in_its_order(void **state)
{
    (void)state;
    int64_t reports[4];
    size_t count;
    for (int64_t report = 5; report > 0; report--) {
        struct yq_signing job = job_of(report);
        job.state = report == 2 ? YQ_SIGNING_DONE : YQ_SIGNING_WANTED;
        if (report == 3)
            yq_copy(job.platform, sizeof job.platform, "other");
        ok(yq_signing_put(catalog, &job, &err));
    }
    ok(yq_signing_due(catalog, "shanxi", 4, reports, 4, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(reports[0], 1);
    assert_int_equal(reports[1], 4);
    ok(yq_signing_due(catalog, "shanxi", 9, reports, 1, &count, &err));
    assert_int_equal(count, 1);
    struct yq_signing *list;
    ok(yq_signing_list(catalog, 1u << YQ_SIGNING_DONE, 0, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].report, 2);
    free(list);
    ok(yq_signing_list(catalog, 0, 3, &list, &count, &err));
    assert_int_equal(count, 3);
    free(list);
}

static void positions_and_what_was_checked_stay(void **state)
{
    (void)state;
    int64_t version;
    struct yq_signature_seen seen = {.good = true, .at_ms = 5}, again;
    ok(yq_signing_position(catalog, "shanxi", &version, &err));
    assert_int_equal(version, -1);
    ok(yq_signing_move(catalog, "shanxi", 41, &err));
    ok(yq_signing_move(catalog, "shanxi", 42, &err));
    ok(yq_signing_position(catalog, "shanxi", &version, &err));
    assert_int_equal(version, 42);
    ok(yq_signing_end(catalog, &version, &err));
    assert_int_equal(version, 0);
    refused(yq_signature_seen_get(catalog, "shanxi", 7, &again, &err), YQ_ABSENT);
    memset(seen.digest, 9, sizeof seen.digest);
    ok(yq_signature_seen_put(catalog, "shanxi", 7, &seen, &err));
    seen.good = false;
    yq_copy(seen.reason, sizeof seen.reason, "no");
    ok(yq_signature_seen_put(catalog, "shanxi", 7, &seen, &err));
    ok(yq_signature_seen_get(catalog, "shanxi", 7, &again, &err));
    assert_false(again.good);
    assert_string_equal(again.reason, "no");
    assert_memory_equal(again.digest, seen.digest, 32);
    assert_int_equal(yq_signing_state_parse("stuck"), YQ_SIGNING_STUCK);
    assert_int_equal(yq_signing_state_parse("x"), YQ_SIGNING_STATE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_is_written_by_who_read_it_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_due_comes_in_its_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(positions_and_what_was_checked_stay, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
