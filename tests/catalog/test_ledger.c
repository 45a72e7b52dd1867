/* test_ledger.c: records: versions, what is expected to be there, keys, paging, removal, counts. */
#include "help.h"

#include "yq/ledger.h"

struct put { /* a change made in one line */
    enum yq_kind kind;
    const char *id, *content;
    int64_t expect;
    const char *member, *value; /* its key; NULL: none */
    const char *source, *findings;
    int64_t at;
};

static struct yq_ledger_result result;

static bool write_one(const struct put *put)
{
    struct yq_ledger_key key = {put->member, put->value};
    struct yq_ledger_change change = {.kind = put->kind,
                                      .id = put->id,
                                      .content = put->content,
                                      .changed = put->content ? "status" : "",
                                      .source = put->source ? put->source : "hl7:ris",
                                      .person = "li",
                                      .received_ms = put->at,
                                      .expect = put->expect,
                                      .keys = put->member ? &key : NULL,
                                      .key_count = put->member != NULL,
                                      .findings = put->findings,
                                      .serious = put->findings ? 1 : 0};
    if (put->content)
        snprintf((char *)change.digest, sizeof change.digest, "%.31s", put->content);
    ok(yq_ledger_write(catalog, &change, 1, &result, &err));
    return result.err.code == YQ_OK;
}

#define ANY YQ_EXPECT_ANYTHING
#define WRITE(...) write_one(&(struct put){__VA_ARGS__})
#define EXAM(name, text, ...)                                                                      \
    WRITE(.kind = YQ_KIND_EXAM, .id = (name), .content = (text), .expect = ANY, __VA_ARGS__)
#define KEY(name, text) .member = (name), .value = (text)

static void every_version_is_kept(void **state)
{
    (void)state;
    struct yq_ledger_entry entry, *history;
    size_t count;
    assert_true(EXAM("E1", "{1}", .at = 1000));
    assert_int_equal(result.outcome, YQ_LEDGER_NEW);
    int64_t row = result.row;
    assert_true(EXAM("E1", "{2}", .at = 2000, .source = "rest:his"));
    assert_int_equal(result.outcome, YQ_LEDGER_CHANGED);
    assert_int_equal(result.version, 2);
    assert_int_equal(result.row, row);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 0, &entry, &err));
    assert_string_equal(entry.content, "{2}");
    assert_string_equal(entry.source, "rest:his");
    assert_string_equal(entry.person, "li");
    assert_string_equal(entry.changed, "status");
    assert_int_equal(entry.received_ms, 2000);
    assert_int_equal(entry.first_ms, 1000);
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 1, &entry, &err));
    assert_string_equal(entry.content, "{1}");
    assert_string_equal(entry.source, "hl7:ris");
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_get_row(catalog, row, &entry, &err));
    assert_int_equal(entry.version, 2);
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_history(catalog, YQ_KIND_EXAM, "E1", &history, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(history[0].content, "{1}");
    assert_string_equal(history[1].content, "{2}");
    yq_ledger_list_free(history, count);
    refused(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 3, &entry, &err), YQ_ABSENT);
    refused(yq_ledger_get(catalog, YQ_KIND_REPORT, "E1", 0, &entry, &err), YQ_ABSENT);
    refused(yq_ledger_get(catalog, YQ_KIND_EXAM, "' OR 1=1", 0, &entry, &err), YQ_ABSENT);
    refused(yq_ledger_history(catalog, YQ_KIND_EXAM, "E2", &history, &count, &err), YQ_ABSENT);
}

static void the_same_again_is_no_version(void **state)
{
    (void)state;
    struct yq_ledger_entry entry;
    EXAM("E1", "{1}", .at = 1000);
    assert_true(EXAM("E1", "{1}", .at = 2000));
    assert_int_equal(result.outcome, YQ_LEDGER_SAME);
    assert_int_equal(result.version, 1);
    assert_true(EXAM("E1", "{1}", .at = 3000, .findings = "[1]"));
    assert_int_equal(result.outcome, YQ_LEDGER_SAME);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 0, &entry, &err));
    assert_int_equal(entry.received_ms, 1000);
    assert_string_equal(entry.findings, "[1]");
    assert_int_equal(entry.serious, 1);
    yq_ledger_entry_fini(&entry);
}

static void what_is_expected_must_be_there(void **state)
{
    (void)state;
    assert_false(WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{1}", .expect = 1));
    assert_int_equal(result.err.code, YQ_CONFLICT);
    assert_true(
        WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{1}", .expect = YQ_EXPECT_ABSENT));
    assert_false(
        WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{2}", .expect = YQ_EXPECT_ABSENT));
    assert_int_equal(result.err.code, YQ_CONFLICT);
    assert_int_equal(result.version, 1);
    assert_true(WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{2}", .expect = 1));
    assert_false(WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{3}", .expect = 1));
    assert_int_equal(result.err.code, YQ_CONFLICT);
    assert_true(WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = NULL, .expect = 2));
    assert_true(
        WRITE(.kind = YQ_KIND_EXAM, .id = "E1", .content = "{4}", .expect = YQ_EXPECT_ABSENT));
    assert_int_equal(result.version, 4);
}

static void a_removed_record_keeps_its_versions(void **state)
{
    (void)state;
    struct yq_ledger_entry entry, *list;
    size_t count;
    struct yq_ledger_key key = {"patientId", "p1"};
    struct yq_ledger_query query = {.kind = -1, .keys = &key, .key_count = 1};
    assert_false(EXAM("E1", NULL, .at = 0));
    assert_int_equal(result.err.code, YQ_ABSENT);
    EXAM("E1", "{1}", KEY("patientId", "p1"));
    assert_true(EXAM("E1", NULL, .at = 0));
    assert_int_equal(result.outcome, YQ_LEDGER_REMOVED);
    assert_false(EXAM("E1", NULL, .at = 0));
    assert_int_equal(result.err.code, YQ_ABSENT);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 0, &entry, &err));
    assert_true(entry.removed);
    assert_string_equal(entry.content, "");
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 1, &entry, &err));
    assert_false(entry.removed);
    assert_string_equal(entry.content, "{1}");
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_find(catalog, &query, false, &list, &count, &err));
    assert_int_equal(count, 0);
    query.removed_too = true;
    ok(yq_ledger_find(catalog, &query, false, &list, &count, &err));
    assert_int_equal(count, 1);
    yq_ledger_list_free(list, count);
    assert_true(EXAM("E1", "{1}", .at = 0)); /* as it was before: there again */
    assert_int_equal(result.outcome, YQ_LEDGER_NEW);
    assert_int_equal(result.version, 3);
}

/* Their ids, in the order they come in. */
static const char *found(struct yq_ledger_query query)
{
    static char ids[512];
    struct yq_ledger_entry *list;
    size_t count;
    ids[0] = '\0';
    ok(yq_ledger_find(catalog, &query, false, &list, &count, &err));
    for (size_t i = 0; i < count; i++)
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s", i ? " " : "", list[i].id);
    yq_ledger_list_free(list, count);
    return ids;
}
#define FOUND(...) found((struct yq_ledger_query){__VA_ARGS__})

static void records_are_found_by_their_latest_keys(void **state)
{
    (void)state;
    struct yq_ledger_key one[] = {{"patientId", "p1"}}, two[] = {{"patientId", "p2"}};
    EXAM("E1", "{1}", KEY("patientId", "p1"));
    EXAM("E2", "{1}", KEY("patientId", "p2"));
    WRITE(.kind = YQ_KIND_REPORT, .id = "R1", .content = "{1}", .expect = ANY,
          KEY("patientId", "p1"));
    assert_string_equal(FOUND(.kind = -1, .keys = one, .key_count = 1), "E1 R1");
    assert_string_equal(FOUND(.kind = YQ_KIND_REPORT, .keys = one, .key_count = 1), "R1");
    assert_string_equal(FOUND(.kind = -1, .keys = one, .key_count = 1, .newest_first = true),
                        "R1 E1");
    EXAM("E1", "{2}", KEY("patientId", "p2"));
    assert_string_equal(FOUND(.kind = -1, .keys = one, .key_count = 1), "R1");
    assert_string_equal(FOUND(.kind = -1, .keys = two, .key_count = 1), "E1 E2");

    struct yq_ledger_key both[] = {{"accessionNumber", "a1"}, {"patientId", "p3"}};
    struct yq_ledger_change change = {.kind = YQ_KIND_EXAM,
                                      .id = "E3",
                                      .content = "{3}",
                                      .source = "folder:inbox",
                                      .expect = ANY,
                                      .keys = both,
                                      .key_count = 2};
    ok(yq_ledger_write(catalog, &change, 1, &result, &err));
    assert_string_equal(FOUND(.kind = -1, .keys = both, .key_count = 2), "E3");
    both[0].value = "a2";
    assert_string_equal(FOUND(.kind = -1, .keys = both, .key_count = 2), "");
}

static void lists_are_narrowed(void **state)
{
    (void)state;
    EXAM("E1", "{1}", .at = 1000);
    EXAM("E2", "{1}", .at = 2000, .source = "hl7:his", .findings = "[{}]");
    WRITE(.kind = YQ_KIND_LAB, .id = "L1", .content = "{1}", .expect = ANY, .at = 3000,
          .source = "odbc:lis");
    assert_string_equal(FOUND(.kind = -1), "E1 E2 L1");
    assert_string_equal(FOUND(.kind = YQ_KIND_EXAM), "E1 E2");
    assert_string_equal(FOUND(.kind = -1, .source = "hl7:*"), "E1 E2");
    assert_string_equal(FOUND(.kind = -1, .source = "hl7:his"), "E2");
    assert_string_equal(FOUND(.kind = -1, .from_ms = 2000), "E2 L1");
    assert_string_equal(FOUND(.kind = -1, .from_ms = 1000, .until_ms = 3000), "E1 E2");
    assert_string_equal(FOUND(.kind = -1, .serious_only = true), "E2");
    assert_string_equal(FOUND(.kind = -1, .findings_only = true), "E2");
    EXAM("E2", "{2}", .at = 4000);
    assert_string_equal(FOUND(.kind = -1, .findings_only = true), "");
}

static void records_are_found_by_when_they_took_place(void **state)
{
    (void)state;
    struct yq_ledger_key patient[] = {{"patientId", "p1"}};
    EXAM("E1", "{1}", KEY(YQ_LEDGER_WHEN, "2026-03-02 08:00:00"));
    EXAM("E2", "{1}", KEY(YQ_LEDGER_WHEN, "2026-03-01 23:59:59"));
    EXAM("E3", "{1}", KEY("patientId", "p1"));
    EXAM("E4", "{1}", KEY(YQ_LEDGER_WHEN, "2026-03-02 00:00:00"));
    WRITE(.kind = YQ_KIND_REPORT, .id = "R1", .content = "{1}", .expect = ANY,
          KEY(YQ_LEDGER_WHEN, "2026-03-02 08:00:00"));
#define WHEN(...) FOUND(.kind = YQ_KIND_EXAM, __VA_ARGS__)
    assert_string_equal(WHEN(.when_from = "2026-03-02 00:00:00"), "E1 E4");
    assert_string_equal(WHEN(.when_until = "2026-03-02 00:00:00"), "E2 E4");
    assert_string_equal(WHEN(.when_from = "2026-03-01", .when_until = "2026-03-02 08:00:00"),
                        "E1 E2 E4");
    assert_string_equal(WHEN(.when_from = "2026-03-01", .limit = 2), "E1 E2");
    assert_string_equal(WHEN(.when_from = "2026-03-01", .limit = 2, .offset = 2), "E4");
    assert_string_equal(WHEN(.when_from = "2026-03-01", .limit = 2, .newest_first = true), "E4 E2");
    assert_string_equal(WHEN(.limit = 2, .offset = 1), "E2 E3");
    assert_string_equal(WHEN(.offset = 9), "");
    assert_string_equal(WHEN(.when_from = "2026", .keys = patient, .key_count = 1), "");
    EXAM("E2", NULL, .at = 0);
    assert_string_equal(WHEN(.when_from = "2026-03-01"), "E1 E4");
    assert_string_equal(WHEN(.when_from = "2026-03-01", .removed_too = true), "E1 E2 E4");
}

static void pages_stay_as_they_are_when_more_comes(void **state)
{
    (void)state;
    struct yq_ledger_entry *page;
    char id[16];
    size_t count, seen = 0;
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "E%d", i);
        EXAM(id, "{}", .at = 0);
    }
    struct yq_ledger_query query = {.kind = YQ_KIND_EXAM, .limit = 3};
    for (;;) {
        ok(yq_ledger_find(catalog, &query, true, &page, &count, &err));
        for (size_t i = 0; i < count; i++) {
            snprintf(id, sizeof id, "E%zu", seen++);
            assert_string_equal(page[i].id, id);
        }
        if (count)
            query.after_row = page[count - 1].row;
        yq_ledger_list_free(page, count);
        if (count < query.limit)
            break;
        EXAM("E0", seen % 2 ? "{1}" : "{2}", .at = 0); /* it keeps its place */
    }
    assert_int_equal(seen, 10);
}

static void one_that_does_not_go_keeps_no_other_back(void **state)
{
    (void)state;
    struct yq_ledger_entry entry;
    struct yq_ledger_result results[3];
    struct yq_ledger_change change = {
        .kind = YQ_KIND_EXAM, .content = "{1}", .source = "rest:his", .expect = ANY};
    struct yq_ledger_change changes[3] = {change, change, change};
    changes[0].id = changes[2].id = "E1";
    changes[1].id = "E2";
    changes[1].expect = 7;
    changes[2].content = "{2}";
    changes[2].digest[0] = 1;
    ok(yq_ledger_write(catalog, changes, 3, results, &err));
    assert_int_equal(results[0].outcome, YQ_LEDGER_NEW);
    assert_int_equal(results[1].err.code, YQ_CONFLICT);
    assert_int_equal(results[2].outcome, YQ_LEDGER_CHANGED);
    refused(yq_ledger_get(catalog, YQ_KIND_EXAM, "E2", 0, &entry, &err), YQ_ABSENT);
    changes[1].id = "";
    refused(yq_ledger_write(catalog, changes, 3, results, &err), YQ_BAD_INPUT);
}

static void counts_are_those_of_the_rows(void **state)
{
    (void)state;
    struct yq_ledger_totals t;
    EXAM("E1", "{1}", .findings = "[1]");
    EXAM("E1", "{2}", .findings = "[1]");
    EXAM("E1", "{2}", .at = 0);
    EXAM("E2", "{1}", .findings = "[1]");
    EXAM("E3", "{1}", .findings = "[1]");
    EXAM("E3", NULL, .at = 0);
    WRITE(.kind = YQ_KIND_LAB, .id = "L1", .content = "{1}", .expect = ANY);
    ok(yq_ledger_totals(catalog, &t, &err));
    assert_int_equal(t.records[YQ_KIND_EXAM], 2);
    assert_int_equal(t.records[YQ_KIND_LAB], 1);
    assert_int_equal(t.records[YQ_KIND_REPORT], 0);
    assert_int_equal(t.versions, 6);
    assert_int_equal(t.with_findings, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest ledger_tests[] = {
    CASE(every_version_is_kept),
    CASE(the_same_again_is_no_version),
    CASE(what_is_expected_must_be_there),
    CASE(a_removed_record_keeps_its_versions),
    CASE(records_are_found_by_their_latest_keys),
    CASE(lists_are_narrowed),
    CASE(records_are_found_by_when_they_took_place),
    CASE(pages_stay_as_they_are_when_more_comes),
    CASE(one_that_does_not_go_keeps_no_other_back),
    CASE(counts_are_those_of_the_rows),
};
const size_t ledger_test_count = sizeof ledger_tests / sizeof *ledger_tests;
