/* test_consignment.c: from a change to a job, from a job to what was sent. */
#include "help.h"

#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/tie.h"

static int64_t keep(enum yq_kind kind, const char *id, const char *content,
                    const struct yq_ledger_key *key)
{
    struct yq_ledger_change change = {.kind = kind,
                                      .id = id,
                                      .content = content,
                                      .source = "test",
                                      .expect = YQ_EXPECT_ANYTHING,
                                      .keys = key,
                                      .key_count = key ? 1 : 0};
    struct yq_ledger_result result;
    snprintf((char *)change.digest, sizeof change.digest, "%s", content ? content : "");
    ok(yq_ledger_write(catalog, &change, 1, &result, &err));
    assert_int_equal(result.err.code, YQ_OK);
    return result.row;
}

static void tie(int64_t exam, int64_t report, const char *study)
{
    struct yq_tie one = {.exam = exam, .report = report, .state = YQ_TIE_SURE};
    yq_copy(one.study, sizeof one.study, study);
    struct yq_tying tying = {.report = report, .ties = &one, .count = 1};
    if (!report)
        tying = (struct yq_tying){.exam = exam, .ties = &one, .count = 1};
    ok(yq_catalog_tie(catalog, &tying, 1, &err));
}

/* Turns all notes into jobs for "P", due now; how many notes there were. */
static size_t plan(void)
{
    struct yq_due_record due[200];
    struct yq_due_job jobs[200];
    int64_t notes[200];
    size_t count, note_count = 0, job_count = 0;
    ok(yq_consignments_due(catalog, due, 200, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (due[i].last)
            notes[note_count++] = due[i].id;
        if (due[i].exam || due[i].report)
            jobs[job_count++] = (struct yq_due_job){.platform = "P",
                                                    .exam = due[i].exam,
                                                    .report = due[i].report,
                                                    .gone = due[i].gone,
                                                    .urgency = due[i].urgency,
                                                    .due_ms = due[i].noted_ms};
    }
    ok(yq_consignments_plan(catalog, jobs, job_count, notes, note_count, &err));
    return note_count;
}

static bool claim(struct yq_job *job)
{
    return yq_outbox_claim(catalog, YQ_JOB_REPORT, "P", yq_now_ms() + 1000, job, &err);
}

/* The state of the only job, or of none. */
static int state(void)
{
    struct yq_job *jobs;
    size_t count;
    ok(yq_outbox_list(catalog, &(struct yq_job_filter){.all = true}, &jobs, &count, &err));
    int only = count == 1 ? (int)jobs[0].state : -(int)count;
    free(jobs);
    return only;
}

static void settle(const struct yq_job *job, int how, const struct yq_sent_piece *piece)
{
    struct yq_settlement end = {.reason = "why", .next_ms = yq_now_ms() + 3600000};
    end.how = how;
    struct yq_noting noting = {.job = job,
                               .how = &end,
                               .pieces = piece,
                               .count = piece ? 1 : 0,
                               .sent = piece && piece->state == YQ_SENT_DONE};
    ok(yq_consignments_note(catalog, &noting, &err));
}

static void nothing_is_noted_where_no_platform_is(void **state_)
{
    struct yq_due_record due[4];
    size_t count;
    (void)state_;
    keep(YQ_KIND_EXAM, "E1", "{}", NULL);
    ok(yq_consignments_due(catalog, due, 4, &count, &err));
    assert_int_equal(count, 0);
}

static void a_change_becomes_a_job_and_the_newest_wins(void **state_)
{
    struct yq_job job, none;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    int64_t exam = keep(YQ_KIND_EXAM, "E1", "{\"a\":1}", NULL);
    assert_int_equal(plan(), 1);
    assert_int_equal(plan(), 0);
    ok(claim(&job));
    char study[32];
    snprintf(study, sizeof study, "exam:%lld", (long long)exam);
    assert_string_equal(job.study, study);
    keep(YQ_KIND_EXAM, "E1", "{\"a\":2}", NULL);
    assert_int_equal(plan(), 1);
    refused(claim(&none), YQ_ABSENT); /* one courier at a time */
    settle(&job, YQ_SETTLE_OVER, NULL);
    assert_int_equal(state(), YQ_JOB_PENDING); /* it is due again */
    ok(claim(&job));
    settle(&job, YQ_SETTLE_OVER, NULL);
    assert_int_equal(state(), YQ_JOB_DONE);
    keep(YQ_KIND_EXAM, "E1", "{\"a\":2}", NULL); /* no change */
    assert_int_equal(plan(), 0);
    keep(YQ_KIND_EXAM, "E1", NULL, NULL); /* removed */
    assert_int_equal(plan(), 1);
    assert_int_equal(state(), YQ_JOB_PENDING);
}

static void a_report_is_its_exams_affair(void **state_)
{
    struct yq_due_record due[8];
    struct yq_job *jobs;
    size_t count;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    int64_t report = keep(YQ_KIND_REPORT, "R1", "{}", NULL);
    assert_int_equal(plan(), 1);
    assert_int_equal(state(), YQ_JOB_HELD); /* until the exam comes */
    int64_t exam = keep(YQ_KIND_EXAM, "E1", "{}", NULL);
    tie(exam, report, "");
    ok(yq_consignments_due(catalog, due, 8, &count, &err));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(due[i].exam, exam);
    plan();
    ok(yq_outbox_list(catalog, &(struct yq_job_filter){.all = true}, &jobs, &count, &err));
    assert_int_equal(count, 1); /* the report waits no more by itself */
    assert_true(strncmp(jobs[0].study, "exam:", 5) == 0);
    free(jobs);
    struct yq_exam_scope scope;
    ok(yq_consignment_scope(catalog, "P", exam, &scope, &err));
    assert_int_equal(scope.report_count, 1);
    assert_string_equal(scope.reports[0].id, "R1");
    yq_exam_scope_fini(&scope);
}

static void a_patient_is_the_affair_of_all_his_exams(void **state_)
{
    struct yq_due_record due[8];
    size_t count;
    const struct yq_ledger_key key = {"patientId", "p1"}, other = {"patientId", "p2"};
    (void)state_;
    int64_t one = keep(YQ_KIND_EXAM, "E1", "{}", &key), two = keep(YQ_KIND_EXAM, "E2", "{}", &key);
    keep(YQ_KIND_EXAM, "E3", "{}", &other);
    yq_consignments_wanted(catalog, true);
    keep(YQ_KIND_PATIENT, "p1", "{}", &key);
    ok(yq_consignments_due(catalog, due, 8, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(due[0].exam, one);
    assert_int_equal(due[1].exam, two);
    assert_false(due[0].last);
    assert_true(due[1].last);
}

static void what_is_held_by_the_node_is_woken_by_a_change(void **state_)
{
    struct yq_job job;
    uint64_t count;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    keep(YQ_KIND_EXAM, "E1", "{\"a\":1}", NULL);
    plan();
    ok(claim(&job));
    settle(&job, YQ_SETTLE_HELD, NULL);
    assert_int_equal(state(), YQ_JOB_HELD);
    keep(YQ_KIND_EXAM, "E1", "{\"a\":2}", NULL);
    plan();
    assert_int_equal(state(), YQ_JOB_PENDING);
    ok(yq_outbox_turn(catalog, YQ_TURN_HOLD, job.id, NULL, "by hand", &count, &err));
    keep(YQ_KIND_EXAM, "E1", "{\"a\":3}", NULL);
    plan();
    assert_int_equal(state(), YQ_JOB_HELD);
    ok(yq_outbox_turn(catalog, YQ_TURN_RELEASE, job.id, NULL, NULL, &count, &err));
    ok(claim(&job));
    settle(&job, YQ_SETTLE_HELD, NULL);
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, 0, "P", NULL, &count, &err)); /* a sweep too */
    assert_int_equal(count, 1);
    assert_int_equal(state(), YQ_JOB_PENDING);
}

static void backfill_is_behind_what_is_fresh(void **state_)
{
    struct yq_job job;
    (void)state_;
    int64_t old[3];
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "E%d", i);
        old[i] = keep(YQ_KIND_EXAM, id, "{}", NULL);
    }
    yq_consignments_wanted(catalog, true);
    ok(yq_consignment_want(catalog, "P", old, 3, 0, &err));
    plan();
    int64_t fresh = keep(YQ_KIND_EXAM, "F", "{}", NULL);
    plan();
    ok(claim(&job));
    char study[32];
    snprintf(study, sizeof study, "exam:%lld", (long long)fresh);
    assert_string_equal(job.study, study);
    ok(claim(&job));
    assert_int_equal(job.priority, 0);
    ok(yq_consignment_want(catalog, "P", &old[2], 1, 2, &err));
    plan();
    ok(claim(&job));
    assert_int_equal(job.priority, 2);
}

static void pieces_and_calls_are_kept(void **state_)
{
    struct yq_sent_piece piece = {.exam = 7,
                                  .platform = "P",
                                  .piece = "report:R1",
                                  .state = YQ_SENT_DONE,
                                  .identity = {1, 2},
                                  .sent = 1,
                                  .reason = ""},
                         *pieces;
    struct yq_platform_call calls[5], *list;
    struct yq_job job;
    size_t count;
    uint64_t turned;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    piece.exam = keep(YQ_KIND_EXAM, "E1", "{}", NULL);
    plan();
    ok(claim(&job));
    for (int i = 0; i < 5; i++)
        calls[i] = (struct yq_platform_call){.exam = piece.exam,
                                             .platform = "P",
                                             .piece = "exam",
                                             .status = 200 + (unsigned)i,
                                             .failed = i == 3,
                                             .request = "{}",
                                             .answer = "{\"code\":1}"};
    struct yq_noting noting = {.job = &job,
                               .pieces = &piece,
                               .count = 1,
                               .calls = calls,
                               .call_count = 5,
                               .calls_kept = 3,
                               .sent = 1};
    ok(yq_consignments_note(catalog, &noting, &err));
    assert_true(noting.going_on);
    ok(yq_platform_calls(catalog, &(struct yq_call_query){.platform = "P"}, true, &list, &count,
                         &err));
    assert_int_equal(count, 3); /* the ring */
    assert_int_equal(list[0].id, 5);
    assert_int_equal(list[0].status, 204);
    assert_string_equal(list[0].answer, "{\"code\":1}");
    yq_platform_calls_free(list, count);
    ok(yq_platform_calls(catalog, &(struct yq_call_query){.platform = "P", .failed_only = true},
                         false, &list, &count, &err));
    assert_int_equal(count, 1);
    yq_platform_calls_free(list, count);
    ok(yq_consignments_of(catalog, "P", piece.exam, &pieces, &count, &err));
    assert_int_equal(count, 1);
    assert_memory_equal(pieces[0].identity, piece.identity, 32);
    free(pieces);
    settle(&job, YQ_SETTLE_OVER, NULL);
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, 0, "P", NULL, &turned, &err));
    assert_int_equal(turned, 0); /* what is done is done ... */
    ok(yq_outbox_turn(catalog, YQ_TURN_RETRY, job.id, NULL, NULL, &turned, &err));
    assert_int_equal(turned, 1); /* ... but for who asks for it by name: then it goes again */
    ok(yq_consignments_of(catalog, NULL, piece.exam, &pieces, &count, &err));
    assert_int_equal(pieces[0].identity[0], 0);
    free(pieces);
    ok(claim(&job));
}

static void what_is_held_or_dropped_meanwhile_stays_so(void **state_)
{
    struct yq_job job;
    uint64_t count;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    int64_t exam = keep(YQ_KIND_EXAM, "E1", "{}", NULL);
    plan();
    ok(claim(&job));
    ok(yq_outbox_turn(catalog, YQ_TURN_DROP, job.id, NULL, "no", &count, &err));
    struct yq_noting noting = {.job = &job};
    ok(yq_consignments_note(catalog, &noting, &err));
    assert_false(noting.going_on);
    settle(&job, YQ_SETTLE_OVER, NULL);
    assert_int_equal(state(), YQ_JOB_DROPPED);
    ok(yq_consignment_lost(catalog, "P", &exam, 1, 1, &err));
    plan();
    assert_int_equal(state(), YQ_JOB_PENDING);
}

static void couriers_that_fail_together_are_one_failure(void **state_)
{
    struct yq_job a, b;
    struct yq_lane *lanes;
    size_t count;
    (void)state_;
    yq_consignments_wanted(catalog, true);
    keep(YQ_KIND_EXAM, "E1", "{}", NULL);
    keep(YQ_KIND_EXAM, "E2", "{}", NULL);
    plan();
    ok(claim(&a));
    ok(claim(&b));
    struct yq_settlement end = {.how = YQ_SETTLE_BACK,
                                .reason = "away",
                                .lane = YQ_LANE_TROUBLE,
                                .lane_next_ms = yq_now_ms() + 60000};
    ok(yq_consignments_note(catalog, &(struct yq_noting){.job = &a, .how = &end}, &err));
    ok(yq_consignments_note(catalog, &(struct yq_noting){.job = &b, .how = &end}, &err));
    ok(yq_outbox_look(catalog, &lanes, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(lanes[0].kind, YQ_JOB_REPORT);
    assert_int_equal(lanes[0].tries, 1);
    assert_string_equal(lanes[0].reason, "away");
    free(lanes);
    refused(claim(&a), YQ_ABSENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_noted_where_no_platform_is),
        TEST(a_change_becomes_a_job_and_the_newest_wins),
        TEST(a_report_is_its_exams_affair),
        TEST(a_patient_is_the_affair_of_all_his_exams),
        TEST(what_is_held_by_the_node_is_woken_by_a_change),
        TEST(backfill_is_behind_what_is_fresh),
        TEST(pieces_and_calls_are_kept),
        TEST(what_is_held_or_dropped_meanwhile_stays_so),
        TEST(couriers_that_fail_together_are_one_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
