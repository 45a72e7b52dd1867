/* record.c: records come in: as a whole, over what is there, under it; several at once; what is
 * expected; many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>
#include <pthread.h>

#include "yq/form.h"
#include "yq/inbox.h"
#include "yq/registry.h"

static char dir[64], path[128];
static struct yq_house house;
static struct yq_err err;
static struct yq_origin origin = {.door = "test", .user = "li"};

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    yq_claims_init(&house.recording);
    snprintf(dir, sizeof dir, "/tmp/yq-record-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/catalog.sqlite", dir);
    ok(yq_catalog_open(path, &house.catalog, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    yq_catalog_close(house.catalog);
    yq_claims_fini(&house.recording);
    ok(yq_catalog_discard(path, &err));
    return remove(dir);
}

static struct yq_record *make(enum yq_kind kind, const char *json)
{
    struct yq_record *record;
    ok(yq_form_record_read(kind, json, strlen(json), NULL, &record, &err));
    return record;
}

static struct yq_submission last;

/* Its error. */
static enum yq_code in(enum yq_kind kind, enum yq_record_how how, int64_t expect, const char *json)
{
    struct yq_record *record = make(kind, json);
    last = (struct yq_submission){.record = record, .how = how, .expect = expect};
    ok(yq_record_in(&house, &origin, "rest:his", &last, 1, &err));
    yq_findings_fini(&last.findings);
    yq_record_free(record);
    return last.result.err.code;
}
#define EXAM(how, json) in(YQ_KIND_EXAM, YQ_RECORD_##how, YQ_EXPECT_ANYTHING, json)

/* As JSON; "gone" for a removed one. */
static const char *out(enum yq_kind kind, const char *id, int64_t version)
{
    static char text[4096];
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    struct yq_ledger_entry entry;
    struct yq_record *record;
    ok(yq_record_out(&house, kind, id, version, &record, &entry, &err));
    if (record)
        yq_form_record_write(record, YQ_LOOK_PLAIN, &json);
    else
        yq_buf_puts(&json, "gone");
    snprintf(text, sizeof text, "%s", yq_buf_text(&json));
    yq_record_out_fini(record, &entry);
    return text;
}

static void a_record_is_replaced_overlaid_and_completed(void **state)
{
    (void)state;
    assert_int_equal(EXAM(REPLACE, "{\"examId\":\"E1\",\"patientId\":\"P1\",\"bed\":\"3\"}"), 0);
    assert_int_equal(last.result.outcome, YQ_LEDGER_NEW);
    assert_int_equal(EXAM(OVERLAY, "{\"examId\":\"E1\",\"bed\":\"4\",\"ward\":\"A\"}"), 0);
    assert_int_equal(last.result.outcome, YQ_LEDGER_CHANGED);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0),
                        "{\"examId\":\"E1\",\"patientId\":\"P1\",\"ward\":\"A\",\"bed\":\"4\"}");
    assert_int_equal(EXAM(COMPLETE, "{\"examId\":\"E1\",\"bed\":\"9\",\"room\":\"7\"}"), 0);
    assert_string_equal(
        out(YQ_KIND_EXAM, "E1", 0),
        "{\"examId\":\"E1\",\"patientId\":\"P1\",\"ward\":\"A\",\"room\":\"7\",\"bed\":\"4\"}");
    assert_int_equal(EXAM(COMPLETE, "{\"examId\":\"E1\",\"bed\":\"9\"}"), 0);
    assert_int_equal(last.result.outcome, YQ_LEDGER_SAME);
    assert_int_equal(last.result.version, 3);
    assert_int_equal(EXAM(REPLACE, "{\"examId\":\"E1\"}"), 0);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0), "{\"examId\":\"E1\"}");
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 1),
                        "{\"examId\":\"E1\",\"patientId\":\"P1\",\"bed\":\"3\"}");
}

static void every_version_tells_what_changed_and_by_whom(void **state)
{
    (void)state;
    struct yq_ledger_entry *list;
    size_t count;
    EXAM(REPLACE, "{\"examId\":\"E1\",\"patientId\":\"P1\",\"bed\":\"3\"}");
    EXAM(REPLACE, "{\"examId\":\"E1\",\"patientId\":\"P2\",\"ward\":\"A\"}");
    EXAM(REMOVE, "{\"examId\":\"E1\"}");
    ok(yq_ledger_history(house.catalog, YQ_KIND_EXAM, "E1", &list, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(list[0].changed, "");
    assert_string_equal(list[1].changed, "patientId,ward,bed");
    assert_true(list[2].removed);
    assert_string_equal(list[2].person, "li");
    assert_string_equal(list[2].source, "rest:his");
    yq_ledger_list_free(list, count);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0), "gone");
}

static void what_was_removed_can_come_again(void **state)
{
    (void)state;
    assert_int_equal(EXAM(REMOVE, "{\"examId\":\"E1\"}"), YQ_ABSENT);
    EXAM(REPLACE, "{\"examId\":\"E1\",\"bed\":\"3\"}");
    assert_int_equal(EXAM(REMOVE, "{\"examId\":\"E1\"}"), 0);
    assert_int_equal(EXAM(REMOVE, "{\"examId\":\"E1\"}"), YQ_ABSENT);
    assert_int_equal(
        in(YQ_KIND_EXAM, YQ_RECORD_OVERLAY, YQ_EXPECT_ABSENT, "{\"examId\":\"E1\",\"ward\":\"A\"}"),
        0);
    assert_int_equal(last.result.outcome, YQ_LEDGER_NEW);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0), "{\"examId\":\"E1\",\"ward\":\"A\"}");
}

static void what_is_expected_must_be_there(void **state)
{
    (void)state;
    const char *exam = "{\"examId\":\"E1\"}", *other = "{\"examId\":\"E1\",\"bed\":\"1\"}";
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, 1, exam), YQ_CONFLICT);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, YQ_EXPECT_ABSENT, exam), 0);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, YQ_EXPECT_ABSENT, other), YQ_CONFLICT);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, 1, other), 0);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, 1, exam), YQ_CONFLICT);
    assert_int_equal(last.result.version, 2);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REMOVE, 2, exam), 0);
    assert_int_equal(in(YQ_KIND_EXAM, YQ_RECORD_REPLACE, 3, exam), YQ_CONFLICT);
}

static void several_are_taken_in_their_order(void **state)
{
    (void)state;
    static const char *const jsons[] = {"{\"examId\":\"E1\",\"bed\":\"1\"}",
                                        "{\"examId\":\"E2\",\"bed\":\"2\"}",
                                        "{\"examId\":\"E1\",\"ward\":\"A\"}",
                                        "{\"examId\":\"E1\",\"ward\":\"A\"}",
                                        "{\"bed\":\"1\"}",
                                        "{\"examId\":\"E2\"}",
                                        "{\"examId\":\"E2\",\"ward\":\"B\"}"};
    static const enum yq_code codes[] = {0, 0, 0, 0, YQ_BAD_INPUT, 0, 0};
    static const int64_t versions[] = {1, 1, 2, 2, 0, 2, 3};
    enum { COUNT = sizeof jsons / sizeof *jsons };
    struct yq_submission submissions[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        submissions[i].record = make(YQ_KIND_EXAM, jsons[i]);
        submissions[i].how = i == 5 ? YQ_RECORD_REMOVE : YQ_RECORD_OVERLAY;
        submissions[i].expect = YQ_EXPECT_ANYTHING;
    }
    ok(yq_record_in(&house, &origin, "hl7:ris", submissions, COUNT, &err));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(submissions[i].result.err.code, codes[i]);
        assert_int_equal(submissions[i].result.version, versions[i]);
        yq_findings_fini(&submissions[i].findings);
        yq_record_free(submissions[i].record);
    }
    assert_int_equal(submissions[3].result.outcome, YQ_LEDGER_SAME);
    assert_int_equal(submissions[6].result.outcome, YQ_LEDGER_NEW);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0),
                        "{\"examId\":\"E1\",\"ward\":\"A\",\"bed\":\"1\"}");
    assert_string_equal(out(YQ_KIND_EXAM, "E2", 0), "{\"examId\":\"E2\",\"ward\":\"B\"}");
}

/* How many records a value of this member finds. */
static size_t found(const char *name, const char *value)
{
    struct yq_buf key yq_cleanup(yq_buf_fini) = {0};
    struct yq_ledger_entry *list;
    size_t count;
    const struct yq_member *member =
        &yq_kinds[YQ_KIND_EXAM].members[yq_member_find(YQ_KIND_EXAM, name)];
    ok(yq_record_key(&house, member, value, &key, &err));
    struct yq_ledger_key keys[] = {{name, yq_buf_text(&key)}};
    struct yq_ledger_query query = {.kind = YQ_KIND_EXAM, .keys = keys, .key_count = 1};
    ok(yq_ledger_find(house.catalog, &query, false, &list, &count, &err));
    yq_ledger_list_free(list, count);
    return count;
}

static void records_are_found_by_each_value_of_a_key(void **state)
{
    (void)state;
    EXAM(REPLACE, "{\"examId\":\"E1\",\"patientId\":\"P1\",\"accessionNumber\":[\"A1\",\"A2\"]}");
    EXAM(REPLACE, "{\"examId\":\"E2\",\"patientId\":\"P1\",\"accessionNumber\":\"A2,A3\"}");
    assert_int_equal(found("patientId", "P1"), 2);
    assert_int_equal(found("patientId", "\xef\xbc\xb0\xef\xbc\x91"), 2); /* full width */
    assert_int_equal(found("accessionNumber", "A1"), 1);
    assert_int_equal(found("accessionNumber", "A2"), 2);
    assert_int_equal(found("accessionNumber", "a3"), 1);
    EXAM(REPLACE, "{\"examId\":\"E1\"}");
    assert_int_equal(found("accessionNumber", "A2"), 1);
}

static size_t found_when(enum yq_kind kind, const char *from, const char *until)
{
    struct yq_ledger_entry *list;
    size_t count;
    struct yq_ledger_query query = {.kind = kind, .when_from = from, .when_until = until};
    ok(yq_ledger_find(house.catalog, &query, true, &list, &count, &err));
    yq_ledger_list_free(list, count);
    return count;
}

static void an_exam_is_found_by_when_it_took_place(void **state)
{
    static const char day[] = "2026-03-02 00:00:00", end[] = "2026-03-02 23:59:59";
    (void)state;
    EXAM(REPLACE, "{\"examId\":\"E1\",\"registrationTime\":\"2026-03-01 08:00:00\"}");
    assert_int_equal(found_when(YQ_KIND_EXAM, day, end), 0);
    EXAM(OVERLAY, "{\"examId\":\"E1\",\"examTime\":\"20260302080000\"}");
    assert_int_equal(found_when(YQ_KIND_EXAM, day, end), 1);
    assert_int_equal(found_when(YQ_KIND_EXAM, "2026-03-02 08:00:00", "2026-03-02 08:00:00"), 1);
    assert_int_equal(found_when(YQ_KIND_EXAM, "2026-03-01 00:00:00", "2026-03-01 23:59:59"), 0);
    assert_int_equal(found_when(YQ_KIND_REPORT, day, end), 0);
}

enum { THREADS = 8, PER_THREAD = 40 };

static void *send_some(void *number)
{
    struct yq_err mine = {0};
    for (int i = 0; i < PER_THREAD; i++) {
        char json[96];
        struct yq_record *record;
        /* each adds a line of its own to one of four records */
        snprintf(json, sizeof json, "{\"examId\":\"E%d\",\"orderNumber\":\"%d-%d\"}", i % 4,
                 *(int *)number, i);
        if (!yq_form_record_read(YQ_KIND_EXAM, json, strlen(json), NULL, &record, &mine))
            return "not read";
        struct yq_submission one = {
            .record = record, .how = YQ_RECORD_OVERLAY, .expect = YQ_EXPECT_ANYTHING};
        bool went = yq_record_in(&house, &origin, "hl7:ris", &one, 1, &mine) &&
                    one.result.err.code == YQ_OK;
        yq_findings_fini(&one.findings);
        yq_record_free(record);
        if (!went)
            return "not taken";
    }
    return NULL;
}

static void no_change_gets_lost_among_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    struct yq_ledger_totals totals;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ok(yq_ledger_totals(house.catalog, &totals, &err));
    assert_int_equal(totals.records[YQ_KIND_EXAM], 4);
    assert_int_equal(totals.versions, THREADS * PER_THREAD);
}

/* ---- what is personal, at rest ---- */

static char key_path[128];

static void encrypt(const char *how)
{
    const struct yq_setting settings[] = {{"records.encrypt", how}, {"records.key_file", key_path}};
    struct yq_conf *conf;
    yq_conf_box_free(house.conf);
    ok(yq_conf_load(dir, settings, 2, &conf, &err));
    house.conf = yq_conf_box_new(conf);
}

static int set_up_sealed(void **state)
{
    char id[YQ_KEY_ID_SIZE];
    set_up(state);
    snprintf(key_path, sizeof key_path, "%s/records.key", dir);
    ok(yq_keyring_make(key_path, id, &err));
    house.keyring = yq_keyring_new();
    encrypt("personal");
    return 0;
}

static int tear_down_sealed(void **state)
{
    remove(key_path);
    yq_conf_box_free(house.conf);
    yq_keyring_free(house.keyring);
    return tear_down(state);
}

/* Whether text stands in the catalog's files. */
static bool lies_there(const char *text)
{
    bool found = false;
    for (int i = 0; i < 2; i++) {
        struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
        char file[160];
        snprintf(file, sizeof file, "%s%s", path, i ? "-wal" : "");
        if (yq_file_read(file, 64 << 20, &bytes, &err) && bytes.length)
            found = found || memmem(bytes.bytes, bytes.length, text, strlen(text));
    }
    return found;
}

static const char person[] = "{\"examId\":\"E1\",\"patientId\":\"PATIENT-77\","
                             "\"patientName\":\"SUN WUKONG\",\"idNumber\":\"130102198001010012\","
                             "\"ward\":\"A\"}";
static const char lab[] = "{\"labId\":\"L1\",\"patientName\":\"SUN WUKONG\",\"results\":["
                          "{\"itemCode\":\"HB\",\"quantity\":125.50},{\"itemCode\":\"K\"},"
                          "{\"itemCode\":\"G\",\"value\":\"STRONGLY POSITIVE\"}]}";
static const char patient[] = "{\"patientId\":\"PATIENT-77\",\"patientName\":\"SUN WUKONG\"}";

static void put_all(void)
{
    assert_int_equal(EXAM(REPLACE, person), 0);
    assert_int_equal(in(YQ_KIND_LAB, YQ_RECORD_REPLACE, YQ_EXPECT_ANYTHING, lab), 0);
    assert_int_equal(in(YQ_KIND_PATIENT, YQ_RECORD_REPLACE, YQ_EXPECT_ANYTHING, patient), 0);
}

static void check_all(void)
{
    assert_non_null(strstr(out(YQ_KIND_EXAM, "E1", 0), "SUN WUKONG"));
    assert_non_null(strstr(out(YQ_KIND_LAB, "L1", 0), "125.50},{\"itemCode\":\"K\"},{"));
    assert_non_null(strstr(out(YQ_KIND_LAB, "L1", 0), "STRONGLY POSITIVE"));
    assert_string_equal(out(YQ_KIND_PATIENT, "PATIENT-77", 0), patient);
    assert_int_equal(found("patientId", "PATIENT-77"), 1);
    assert_int_equal(found("idNumber", "130102198001010012"), 1);
}

static bool anything_personal_lies_there(void)
{
    return lies_there("WUKONG") || lies_there("PATIENT-77") || lies_there("patient-77") ||
           lies_there("130102198001010012") || lies_there("125.50") || lies_there("STRONGLY");
}

static void nothing_personal_lies_in_the_clear(void **state)
{
    (void)state;
    put_all();
    check_all();
    put_all();
    assert_int_equal(last.result.outcome, YQ_LEDGER_SAME);
    assert_int_equal(EXAM(OVERLAY, "{\"examId\":\"E1\",\"bed\":\"7\"}"), 0);
    check_all();
    assert_true(lies_there("\"ward\":\"A\""));
    assert_false(anything_personal_lies_there());
    struct yq_buf kept yq_cleanup(yq_buf_fini) = {0}, again yq_cleanup(yq_buf_fini) = {0};
    ok(yq_personal_shut(&house, "hl7:1", "PID|1||77", 9, &kept, &err));
    assert_null(strstr(yq_buf_text(&kept), "PID"));
    ok(yq_personal_open(&house, "hl7:1", yq_buf_text(&kept), kept.length, &again, &err));
    assert_string_equal(yq_buf_text(&again), "PID|1||77");
    assert_false(yq_personal_open(&house, "hl7:2", yq_buf_text(&kept), kept.length, &again, &err));
}

static void what_is_there_is_sealed_and_opened_again(void **state)
{
    (void)state;
    struct yq_resealed done;
    encrypt("none");
    put_all();
    EXAM(REMOVE, "{\"examId\":\"E1\"}");
    struct yq_letter letter = {.source = "ris", .control = "1", .what = "ORU^R01"}, kept = {0};
    bool again;
    yq_buf_puts(&letter.bytes, "MSH|...\rPID|||PATIENT-77||SUN^WUKONG");
    ok(yq_inbox_keep(house.catalog, &letter, &again, &err));
    assert_true(anything_personal_lies_there());
    encrypt("personal");
    /* before it is sealed, found and changed all the same */
    assert_int_equal(in(YQ_KIND_PATIENT, YQ_RECORD_OVERLAY, YQ_EXPECT_ANYTHING,
                        "{\"patientId\":\"PATIENT-77\",\"sex\":\"1\"}"),
                     0);
    assert_int_equal(last.result.version, 2);
    ok(yq_record_reseal(&house, false, NULL, &done, &err));
    assert_int_equal(done.seen, 6);
    assert_int_equal(done.left, 0);
    assert_true(done.scrubbed);
    assert_false(anything_personal_lies_there());
    ok(yq_inbox_get(house.catalog, letter.id, &kept, &err));
    assert_true(kept.sealed);
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    ok(yq_personal_open(&house, "hl7:ris:1", yq_buf_text(&kept.bytes), kept.bytes.length, &bytes,
                        &err));
    assert_string_equal(yq_buf_text(&bytes), yq_buf_text(&letter.bytes));
    yq_letter_fini(&kept);
    yq_letter_fini(&letter);
    assert_string_equal(out(YQ_KIND_EXAM, "E1", 0), "gone");
    assert_int_equal(in(YQ_KIND_PATIENT, YQ_RECORD_REPLACE, 2, patient), 0);
    assert_int_equal(EXAM(REPLACE, person), 0);
    check_all();
    ok(yq_record_reseal(&house, false, NULL, &done, &err));
    assert_int_equal(done.resealed, 0);
    encrypt("none");
    check_all();
    ok(yq_record_reseal(&house, false, NULL, &done, &err));
    assert_true(anything_personal_lies_there());
    check_all();
    assert_int_equal(in(YQ_KIND_PATIENT, YQ_RECORD_REPLACE, 3, patient), 0);
    assert_int_equal(last.result.outcome, YQ_LEDGER_SAME);
}

static void a_lost_key_is_an_error_and_no_garbage(void **state)
{
    (void)state;
    struct yq_ledger_entry entry;
    struct yq_record *record;
    struct yq_resealed done;
    char id[YQ_KEY_ID_SIZE], first[YQ_KEY_ID_SIZE];
    put_all();
    ok(yq_keyring_make(key_path, id, &err)); /* another one seals from now on */
    ok(yq_record_reseal(&house, true, NULL, &done, &err));
    assert_int_equal(done.resealed, 3);
    check_all();
    yq_keyring_current(house.keyring, first);
    remove(key_path);
    yq_keyring_free(house.keyring);
    house.keyring = yq_keyring_new();
    assert_false(yq_record_out(&house, YQ_KIND_EXAM, "E1", 0, &record, &entry, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    assert_non_null(strstr(err.text, key_path));
    ok(yq_keyring_make(key_path, id, &err));
    assert_false(yq_record_out(&house, YQ_KIND_EXAM, "E1", 0, &record, &entry, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    assert_non_null(strstr(err.text, first));
    ok(yq_record_reseal(&house, false, NULL, &done, &err));
    assert_int_equal(done.left, 3);
    assert_int_equal(done.resealed, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_record_is_replaced_overlaid_and_completed),
        CASE(every_version_tells_what_changed_and_by_whom),
        CASE(what_was_removed_can_come_again),
        CASE(what_is_expected_must_be_there),
        CASE(several_are_taken_in_their_order),
        CASE(records_are_found_by_each_value_of_a_key),
        CASE(an_exam_is_found_by_when_it_took_place),
        CASE(no_change_gets_lost_among_threads),
#define SEALED(name) cmocka_unit_test_setup_teardown(name, set_up_sealed, tear_down_sealed)
        SEALED(nothing_personal_lies_in_the_clear),
        SEALED(what_is_there_is_sealed_and_opened_again),
        SEALED(a_lost_key_is_an_error_and_no_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
