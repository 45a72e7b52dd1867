/* report.c: exams on their way to a platform, with a province that is played in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/deliver.h"
#include "yq/file.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/province.h"
#include "yq/registry.h"

static char dir[64], path[128];
static struct yq_house house;
static struct yq_err err;
static struct yq_origin origin = {.door = "test"};

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

/* ---- the province ---- */

static struct {
    struct yq_buf log;            /* "exam report:R1 " as they were taken */
    enum yq_verdict verdicts[32]; /* of the next calls; beyond: it takes them */
    size_t next, calls;
    const char *reason, *dead; /* an address that does not answer */
    const char *held;          /* a piece that the gate holds */
    void (*meanwhile)(void);   /* happens while a call is under way, once */
    int64_t last_ms;
} played;

static bool pieces(const struct yq_errand_out *errand, struct yq_piece *out, size_t room,
                   size_t *count, struct yq_err *e)
{
    (void)e, (void)room;
    out[0] = (struct yq_piece){.name = "exam"};
    *count = 1;
    for (size_t i = 0; i < errand->report_count; i++) {
        struct yq_piece *piece = &out[(*count)++];
        *piece = (struct yq_piece){.what = 1};
        snprintf(piece->name, sizeof piece->name, "report:%s", errand->reports[i]);
        yq_copy(piece->id, sizeof piece->id, errand->reports[i]);
    }
    return true;
}

static bool compose(const struct yq_errand_out *errand, const struct yq_piece *piece,
                    struct yq_composed *out, struct yq_err *e)
{
    struct yq_company company = {0};
    if (piece->what && !yq_company_open(errand->house, YQ_KIND_REPORT, piece->id, &company, e))
        return false;
    const struct yq_record *record = piece->what ? company.records[0] : errand->exam->records[0];
    struct yq_record *copy = yq_record_copy(record);
    ok(yq_record_put(copy, "updatedTime", "", e)); /* says when it came, where nobody else does */
    yq_form_record_write(copy, YQ_LOOK_PLAIN, &out->message);
    yq_buf_puts(&out->message, errand->removed ? "removed" : "");
    yq_buf_put(&out->identity, out->message.bytes, out->message.length);
    if (played.held && strcmp(played.held, piece->name) == 0)
        out->held = 1;
    yq_record_free(copy);
    yq_company_fini(&company);
    return true;
}

static enum yq_verdict send(const struct yq_errand_out *errand, const struct yq_piece *piece,
                            const struct yq_composed *composed, char *reason, size_t size)
{
    enum yq_verdict verdict = played.next < 32 ? played.verdicts[played.next++] : YQ_WENT;
    if (played.dead && strstr(errand->address, played.dead)) {
        verdict = YQ_NOT_REACHED;
        played.next -= played.next > 0;
    }
    played.calls++;
    played.last_ms = yq_monotonic_ms();
    if (verdict == YQ_WENT)
        yq_buf_putf(&played.log, "%s ", piece->name);
    else
        yq_copy(reason, size, played.reason ? played.reason : "no");
    struct yq_kept_call call = {.piece = piece->name,
                                .url = errand->address,
                                .status = verdict == YQ_NOT_REACHED ? 0 : 200,
                                .took_us = 1000,
                                .request = yq_buf_text(&composed->message),
                                .answer = verdict == YQ_WENT ? "{\"code\":1}" : reason};
    errand->keep(errand->keep_context, &call);
    void (*meanwhile)(void) = played.meanwhile;
    played.meanwhile = NULL;
    if (meanwhile)
        meanwhile();
    return verdict;
}

static const struct yq_province province = {
    .id = YQ_SHANXI, .pieces = pieces, .compose = compose, .send = send};
static const struct yq_province *const provinces[YQ_PROVINCE_COUNT] = {[YQ_SHANXI] = &province};

/* ---- the house ---- */

static bool never(void *context)
{
    (void)context;
    return false;
}

static void configure(const char *more)
{
    struct yq_conf *conf;
    char text[2048], file[256];
    snprintf(text, sizeof text,
             "{\"platforms\": [{\"name\": \"one\", \"province\": \"shanxi\", \"url\": "
             "\"http://127.0.0.1:1/a http://127.0.0.1:2/b\", \"delay\": 0, \"key\": "
             "\"env:NONE\"%s}]}",
             more);
    snprintf(file, sizeof file, "%s/platforms.json", dir);
    ok(yq_file_write(file, text, strlen(text), 0640, &err));
    ok(yq_conf_load(dir, NULL, 0, &conf, &err));
    if (house.conf)
        yq_conf_swap(house.conf, conf);
    else
        house.conf = yq_conf_box_new(conf);
    const struct yq_conf *held = yq_conf_hold(house.conf);
    yq_deliver_wants(&house, held);
    yq_conf_release(house.conf, held);
}

static int set_up(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    memset(&played, 0, sizeof played);
    yq_claims_init(&house.recording);
    yq_bell_init(&house.outbox);
    snprintf(dir, sizeof dir, "/tmp/yq-report-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/catalog.sqlite", dir);
    ok(yq_catalog_open(path, &house.catalog, &err));
    house.provinces = provinces;
    house.keychains = yq_keychains_new();
    configure("");
    return 0;
}

static int tear_down(void **state)
{
    char file[256];
    (void)state;
    yq_buf_fini(&played.log);
    yq_catalog_close(house.catalog);
    yq_conf_box_free(house.conf);
    yq_keychains_free(house.keychains);
    yq_claims_fini(&house.recording);
    yq_bell_fini(&house.outbox);
    ok(yq_catalog_discard(path, &err));
    snprintf(file, sizeof file, "%s/platforms.json", dir);
    remove(file);
    return remove(dir);
}

static void in(enum yq_kind kind, enum yq_record_how how, const char *json)
{
    struct yq_record *record;
    ok(yq_form_record_read(kind, json, strlen(json), NULL, &record, &err));
    struct yq_submission submission = {.record = record, .how = how, .expect = YQ_EXPECT_ANYTHING};
    ok(yq_record_in(&house, &origin, "hl7:ris", &submission, 1, &err));
    assert_int_equal(submission.result.err.code, YQ_OK);
    yq_findings_fini(&submission.findings);
    yq_record_free(record);
}

static void exam(const char *json) { in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, json); }
static void report(const char *json) { in(YQ_KIND_REPORT, YQ_RECORD_REPLACE, json); }

/* What goes now; it is taken off the list. */
static const char *goes(void)
{
    static char text[512];
    struct yq_courier courier = {
        .house = &house, .kind = YQ_JOB_REPORT, .destination = "one", .stop = {.wanted = never}};
    while (yq_deliver_plan(&house))
        ;
    while (yq_deliver(&courier))
        ;
    yq_courier_fini(&courier);
    snprintf(text, sizeof text, "%s", yq_buf_text(&played.log));
    yq_buf_clear(&played.log);
    return text;
}

static struct yq_job only_job(void)
{
    struct yq_job *jobs, job;
    size_t count;
    ok(yq_outbox_list(house.catalog, &(struct yq_job_filter){.all = true}, &jobs, &count, &err));
    assert_int_equal(count, 1);
    job = jobs[0];
    free(jobs);
    return job;
}

static struct yq_sent_piece piece_of(const char *name)
{
    struct yq_sent_piece *list, found = {.exam = 0};
    size_t count;
    ok(yq_consignments_of(house.catalog, "one", strtoll(only_job().study + 5, NULL, 10), &list,
                          &count, &err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].piece, name) == 0)
            found = list[i];
    free(list);
    assert_true(found.exam != 0);
    return found;
}

static void turn(enum yq_turn how, int64_t id)
{
    uint64_t count;
    ok(yq_outbox_turn(house.catalog, how, id, id ? NULL : "one", "test", &count, &err));
}

static void lane_free(void) { turn(YQ_TURN_RETRY, 0); }

/* ---- the order, and what is not sent twice ---- */

static void exam_before_report_and_each_content_once(void **state)
{
    (void)state;
    report("{\"reportId\":\"R1\",\"examId\":\"E1\"}");
    assert_string_equal(goes(), "");
    assert_int_equal(only_job().state, YQ_JOB_HELD); /* its exam is not here */
    exam("{\"examId\":\"E1\",\"itemName\":\"CT\"}");
    assert_string_equal(goes(), "exam report:R1 ");
    assert_int_equal(only_job().state, YQ_JOB_DONE);
    exam("{\"examId\":\"E1\",\"itemName\":\"CT\"}");
    assert_string_equal(goes(), "");
    exam("{\"examId\":\"E1\",\"itemName\":\"MR\"}");
    assert_string_equal(goes(), "exam ");
    report("{\"reportId\":\"R2\",\"examId\":\"E1\"}");
    assert_string_equal(goes(), "report:R2 ");
    turn(YQ_TURN_RETRY, only_job().id);
    assert_string_equal(goes(), "exam report:R1 report:R2 "); /* a person asked for it */
    assert_int_equal(piece_of("exam").sent, 3);
    in(YQ_KIND_EXAM, YQ_RECORD_REMOVE, "{\"examId\":\"E1\"}");
    assert_string_equal(goes(), "exam ");
}

static void a_removed_exam_that_was_never_sent_is_not(void **state)
{
    (void)state;
    exam("{\"examId\":\"E1\"}");
    in(YQ_KIND_EXAM, YQ_RECORD_REMOVE, "{\"examId\":\"E1\"}");
    assert_string_equal(goes(), "");
    assert_int_equal(only_job().state, YQ_JOB_DONE);
}

static void change(void) { exam("{\"examId\":\"E1\",\"itemName\":\"MR\"}"); }
static void change_and_plan(void)
{
    change();
    yq_deliver_plan(&house);
}

static void what_changes_while_it_is_sent_goes_again(void **state)
{
    (void)state;
    exam("{\"examId\":\"E1\",\"itemName\":\"CT\"}");
    played.meanwhile = change_and_plan;
    assert_string_equal(goes(), "exam exam ");
    exam("{\"examId\":\"E1\",\"itemName\":\"CT\"}");
    played.meanwhile = change; /* not planned yet */
    assert_string_equal(goes(), "exam ");
    assert_string_equal(goes(), "exam ");
}

static void what_a_crash_leaves_is_sent(void **state)
{
    struct yq_job job;
    (void)state;
    exam("{\"examId\":\"E1\"}");
    while (yq_deliver_plan(&house))
        ;
    ok(yq_outbox_claim(house.catalog, YQ_JOB_REPORT, "one", yq_now_ms(), &job, &err));
    assert_string_equal(goes(), "");
    ok(yq_outbox_wake(house.catalog, &err)); /* the next start */
    assert_string_equal(goes(), "exam ");
}

/* ---- no ---- */

static void a_no_is_tried_again_and_then_counts(void **state)
{
    (void)state;
    configure(", \"retry_seconds\": 1, \"retry_most_seconds\": 1");
    exam("{\"examId\":\"E1\",\"itemName\":\"CT\"}");
    report("{\"reportId\":\"R1\",\"examId\":\"E1\"}");
    played.reason = "code 0: risStudyId";
    for (int i = 0; i < 32; i++)
        played.verdicts[i] = YQ_TURNED_DOWN;
    assert_string_equal(goes(), "");
    assert_int_equal(only_job().state, YQ_JOB_RETRY);
    assert_int_equal(piece_of("exam").state, YQ_SENT_WAITS);
    assert_string_equal(piece_of("report:R1").reason, "waits for exam");
    for (int i = 0; i < 3; i++) {
        while (only_job().next_ms > yq_now_ms())
            ;
        goes();
    }
    assert_int_equal(only_job().state, YQ_JOB_REFUSED);
    assert_string_equal(only_job().reason, "code 0: risStudyId");
    assert_int_equal(played.calls, 4);
    report("{\"reportId\":\"R1\",\"examId\":\"E1\",\"impression\":\"x\"}");
    goes(); /* nothing changed of what was refused */
    assert_int_equal(played.calls, 4);
    assert_int_equal(only_job().state, YQ_JOB_REFUSED);
    played.next = 32;
    change();
    assert_string_equal(goes(), "exam report:R1 ");
    assert_int_equal(only_job().state, YQ_JOB_DONE);
}

static void what_is_refused_is_tried_when_a_person_says_so(void **state)
{
    (void)state;
    configure(", \"retry_seconds\": 1, \"retry_most_seconds\": 1");
    exam("{\"examId\":\"E1\"}");
    for (int i = 0; i < 4; i++)
        played.verdicts[i] = YQ_TURNED_DOWN;
    for (int i = 0; i < 4; i++) {
        goes();
        while (only_job().next_ms > yq_now_ms())
            ;
    }
    assert_int_equal(only_job().state, YQ_JOB_REFUSED);
    assert_string_equal(goes(), "");
    turn(YQ_TURN_RETRY, 0);
    assert_string_equal(goes(), "exam ");
}

static void the_gate_holds_until_it_changes(void **state)
{
    (void)state;
    exam("{\"examId\":\"E1\"}");
    report("{\"reportId\":\"R1\",\"examId\":\"E1\"}");
    played.held = "report:R1";
    assert_string_equal(goes(), "exam ");
    assert_int_equal(only_job().state, YQ_JOB_HELD);
    assert_true(only_job().wakes);
    played.held = NULL;
    report("{\"reportId\":\"R1\",\"examId\":\"E1\",\"impression\":\"x\"}");
    assert_string_equal(goes(), "report:R1 ");
}

/* ---- away ---- */

static struct yq_lane lane(void)
{
    struct yq_lane *lanes, found = {.held = false};
    size_t count;
    ok(yq_outbox_summary(house.catalog, true, &lanes, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (lanes[i].kind == YQ_JOB_REPORT && strcmp(lanes[i].destination, "one") == 0)
            found = lanes[i];
    free(lanes);
    return found;
}

static void another_address_is_tried_before_the_lane_pauses(void **state)
{
    (void)state;
    exam("{\"examId\":\"E1\"}");
    played.dead = ":1/a";
    assert_string_equal(goes(), "exam ");
    assert_int_equal(played.calls, 2);
    exam("{\"examId\":\"E2\"}");
    assert_string_equal(goes(), "exam ");
    assert_int_equal(played.calls, 3); /* at once where it was reached */
    played.dead = "http";
    change();
    assert_string_equal(goes(), "");
    assert_int_equal(played.calls, 5);
    assert_int_equal(lane().tries, 0); /* once is nothing ... */
    exam("{\"examId\":\"E2\",\"itemName\":\"MR\"}");
    exam("{\"examId\":\"E3\"}");
    exam("{\"examId\":\"E4\"}");
    goes();
    assert_int_equal(played.calls, 9); /* ... three times in a row it is away */
    assert_int_equal(lane().tries, 1);
    assert_true(lane().next_ms > yq_now_ms());
    goes();
    assert_int_equal(played.calls, 9); /* it pauses */
    played.dead = NULL;
    lane_free();
    assert_string_equal(goes(), "exam exam exam exam ");
    assert_int_equal(lane().tries, 0);
}

static void answers_of_no_use_one_after_the_other_are_a_pause(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"examId\":\"E%d\"}", i);
        exam(json);
        played.verdicts[i] = YQ_TRY_AGAIN;
    }
    assert_string_equal(goes(), "");
    assert_int_equal(played.calls, 3);
    assert_int_equal(lane().tries, 1);
    assert_int_equal(lane().jobs[YQ_JOB_RETRY], 3);
    assert_int_equal(lane().jobs[YQ_JOB_PENDING], 2);
    played.next = 32;
    lane_free();
    assert_string_equal(goes(), "exam exam exam exam exam ");
}

/* ---- limits ---- */

static void calls_keep_to_their_rate(void **state)
{
    (void)state;
    configure(", \"rate\": 600");
    for (int i = 0; i < 4; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"examId\":\"E%d\"}", i);
        exam(json);
    }
    int64_t began = yq_monotonic_ms();
    while (played.calls < 4)
        goes();
    assert_true(played.last_ms - began >= 290);
}

static void outside_its_hours_nothing_goes(void **state)
{
    char window[64];
    unsigned minute = yq_clock_minute(yq_now_ms());
    (void)state;
    snprintf(window, sizeof window, ", \"windows\": \"%02u:%02u-%02u:%02u\"",
             (minute + 120) / 60 % 24, minute % 60, (minute + 180) / 60 % 24, minute % 60);
    configure(window);
    exam("{\"examId\":\"E1\"}");
    assert_string_equal(goes(), "");
    char why[512];
    struct yq_job job = only_job();
    const struct yq_conf *conf = yq_conf_hold(house.conf);
    yq_deliver_explain(conf, &job, NULL, yq_now_ms(), why, sizeof why);
    yq_conf_release(house.conf, conf);
    assert_non_null(strstr(why, "outside the hours"));
    configure("");
    assert_string_equal(goes(), "exam ");
}

/* ---- what people see of it ---- */

static void personal_values_are_in_no_reason_and_no_call(void **state)
{
    struct yq_platform_call *calls;
    size_t count;
    (void)state;
    exam("{\"examId\":\"E1\",\"patientName\":\"李梅花\",\"birthDate\":\"1980-02-03\","
         "\"idNumber\":\"140105198002030026\"}");
    played.verdicts[0] = YQ_TURNED_DOWN;
    played.reason = "\\u674e\\u6885\\u82b1 19800203 \xe6\x9d\x8e\xe6\xa2\x85\xe8\x8a\xb1 "
                    "140105198002030026 is not known";
    goes();
    assert_string_equal(only_job().reason, "*** *** *** *** is not known");
    ok(yq_platform_calls(house.catalog, &(struct yq_call_query){.platform = "one"}, true, &calls,
                         &count, &err));
    assert_int_equal(count, 1);
    assert_true(calls[0].failed);
    assert_null(strstr(calls[0].request, "李梅花"));
    assert_null(strstr(calls[0].request, "140105"));
    assert_null(strstr(calls[0].request, "1980-02-03"));
    assert_non_null(strstr(calls[0].request, "E1"));
    assert_string_equal(calls[0].answer, "*** *** *** *** is not known");
    yq_platform_calls_free(calls, count);
}

static void a_platform_that_is_not_enabled_waits(void **state)
{
    (void)state;
    exam("{\"examId\":\"E1\"}");
    while (yq_deliver_plan(&house))
        ;
    configure(", \"enabled\": false");
    assert_string_equal(goes(), "");
    assert_int_equal(only_job().state, YQ_JOB_PENDING);
    configure("");
    assert_string_equal(goes(), "exam ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exam_before_report_and_each_content_once),
        TEST(a_removed_exam_that_was_never_sent_is_not),
        TEST(what_changes_while_it_is_sent_goes_again),
        TEST(what_a_crash_leaves_is_sent),
        TEST(a_no_is_tried_again_and_then_counts),
        TEST(what_is_refused_is_tried_when_a_person_says_so),
        TEST(the_gate_holds_until_it_changes),
        TEST(another_address_is_tried_before_the_lane_pauses),
        TEST(answers_of_no_use_one_after_the_other_are_a_pause),
        TEST(calls_keep_to_their_rate),
        TEST(outside_its_hours_nothing_goes),
        TEST(personal_values_are_in_no_reason_and_no_call),
        TEST(a_platform_that_is_not_enabled_waits),
    };
    yq_log_set_level(YQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
