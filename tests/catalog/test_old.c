/* test_old.c: what was coerced in an instance, and what a new catalog learns from an earlier one.
 */
#include "help.h"

#include <sqlite3.h>
#include <unistd.h>

#include "old.h"
#include "yq/ledger.h"

#define NOTE                                                                                       \
    "1772352000000\x1fGB18030\x1ePatientID\x1frule\x1fP1\x1f"                                      \
    "E-P1"

static char old_path[300];

static void put_coerced(int study, int instance, const char *note)
{
    struct made one;
    make(&one, study, 1, instance, 7);
    set(&one, YQ_PatientID, "E-P1");
    struct yq_arrival arrival = {.origin = &one.origin,
                                 .header = &one.header,
                                 .object = &one.object,
                                 .dataset_offset = 300,
                                 .coerced = note,
                                 .received_ms = 1772352000000};
    ok(yq_catalog_add(catalog, &arrival, &one.added, &err));
}

/* The catalog so far becomes the earlier one, after these statements; a new one takes its place. */
static void begin_anew(const char *sql)
{
    sqlite3 *db;
    yq_catalog_close(catalog);
    snprintf(old_path, sizeof old_path, "%s.old", path);
    assert_int_equal(rename(path, old_path), 0);
    assert_int_equal(sqlite3_open(old_path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    ok(yq_catalog_open(path, &catalog, &err));
}

static void what_was_coerced_is_kept_with_the_instance(void **state)
{
    (void)state;
    struct yq_entry entry, *list;
    struct yq_coercions coercions;
    size_t count;
    put_coerced(1, 1, NOTE);
    put_coerced(1, 2, NULL);
    ok(yq_catalog_get(catalog, "1.1.1.2", &entry, &err));
    assert_false(entry.coerced);
    refused(yq_catalog_coerced(catalog, entry.id, &coercions, &err), YQ_ABSENT);
    ok(yq_catalog_get(catalog, "1.1.1.1", &entry, &err));
    assert_true(entry.coerced);
    assert_int_equal(entry.received_ms, 1772352000000);
    ok(yq_catalog_coerced(catalog, entry.id, &coercions, &err));
    assert_int_equal(coercions.count, 1);
    assert_string_equal(coercions.charset, "GB18030");
    assert_string_equal(coercions.changes[0].original, "P1");
    yq_coercions_fini(&coercions);
    ok(yq_catalog_coerced_list(catalog, 10, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].key.instance, "1.1.1.1");
    free(list);
}

static void a_note_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct yq_entry entry;
    struct yq_coercions coercions;
    put_coerced(1, 1, "no such note");
    ok(yq_catalog_get(catalog, "1.1.1.1", &entry, &err));
    refused(yq_catalog_coerced(catalog, entry.id, &coercions, &err), YQ_IO);
}

static void an_earlier_catalog_tells_what_only_it_knows(void **state)
{
    (void)state;
    struct yq_old *old;
    struct yq_before before;
    uint64_t corrections;
    put_coerced(1, 1, NOTE);
    put(2, 1, 1, YQ_PatientName, "First^Name", -1);
    put(2, 1, 2, YQ_PatientName, "Right^Name", -1);
    ok(yq_catalog_settle(catalog, "1.2", YQ_PatientName, "Right^Name", &err));
    begin_anew("INSERT INTO commitment(aet, txn, asked_ms, next_ms, tries, pairs) "
               "VALUES('A', '1.2', 1, 1, 0, x'00')");
    ok(yq_old_open(old_path, &old, &err));
    refused(yq_old_instance(old, "1.1.1.1", "99999999", &before, &err), YQ_ABSENT);
    refused(yq_old_instance(old, "1.1.1.9", "07000000", &before, &err), YQ_ABSENT);
    ok(yq_old_instance(old, "1.1.1.1", "07000000", &before, &err));
    assert_string_equal(before.source, "CT1");
    assert_int_equal(before.received_ms, 1772352000000);
    assert_int_equal(before.object.size, 1000);
    assert_int_equal(before.coercions.count, 1);
    yq_coercions_fini(&before.coercions);
    put(2, 1, 1, YQ_PatientName, "First^Name", -1);
    put(2, 1, 2, YQ_PatientName, "Right^Name", -1);
    assert_int_equal(totals().contradictions, 1);
    ok(yq_old_carry(old, catalog, &corrections, &err));
    struct yq_err lost;
    ok(yq_old_carry_tables(old, catalog, &lost, &err));
    assert_int_equal(lost.code, YQ_OK);
    yq_old_close(old);
    assert_int_equal(corrections, 1);
    assert_int_equal(totals().contradictions, 0);
    assert_string_equal(ask(YQ_STUDY, YQ_PatientName, -1), "Right^Name");
    struct yq_commitment commitment;
    ok(yq_catalog_commitment_due(catalog, 2, &commitment, &err));
    yq_buf_fini(&commitment.pairs);
}

static void an_earlier_schema_tells_what_it_has(void **state)
{
    (void)state;
    struct yq_old *old;
    struct yq_before before;
    uint64_t corrections;
    put_coerced(1, 1, NULL);
    begin_anew("DROP INDEX instance_coerced; ALTER TABLE instance DROP COLUMN coerced;"
               "DROP TABLE outbox_item; DROP TABLE outbox_job; DROP TABLE outbox_lane;"
               "PRAGMA user_version=1");
    ok(yq_old_open(old_path, &old, &err));
    ok(yq_old_instance(old, "1.1.1.1", "07000000", &before, &err));
    assert_string_equal(before.source, "CT1");
    ok(yq_old_carry(old, catalog, &corrections, &err));
    struct yq_err lost;
    ok(yq_old_carry_tables(old, catalog, &lost, &err));
    assert_int_equal(lost.code, YQ_OK);
    yq_old_close(old);
}

/* A record of each number, with two versions and a key. */
static void put_records(int count)
{
    static char padding[2000];
    memset(padding, 'x', sizeof padding - 1);
    for (int i = 0; i < count; i++) {
        char id[16], value[16], content[2100];
        struct yq_ledger_key key = {"patientId", value};
        struct yq_ledger_change change = {.kind = YQ_KIND_EXAM,
                                          .id = id,
                                          .content = content,
                                          .source = "hl7:ris",
                                          .expect = YQ_EXPECT_ANYTHING,
                                          .keys = &key,
                                          .key_count = 1,
                                          .findings = i % 2 ? "[{}]" : NULL};
        struct yq_ledger_result result;
        snprintf(id, sizeof id, "E%d", i);
        snprintf(value, sizeof value, "p%d", i);
        for (int version = 1; version <= 2; version++) {
            snprintf(content, sizeof content, "{%d %d %s}", i, version, padding);
            change.digest[0] = (uint8_t)version;
            ok(yq_ledger_write(catalog, &change, 1, &result, &err));
        }
    }
}

static size_t by_key(int i)
{
    char value[16];
    struct yq_ledger_key key = {"patientId", value};
    struct yq_ledger_query query = {.kind = YQ_KIND_EXAM, .keys = &key, .key_count = 1};
    struct yq_ledger_entry *list;
    size_t count;
    snprintf(value, sizeof value, "p%d", i);
    ok(yq_ledger_find(catalog, &query, false, &list, &count, &err));
    yq_ledger_list_free(list, count);
    return count;
}

static void records_are_taken_over_with_all_versions(void **state)
{
    (void)state;
    struct yq_old *old;
    struct yq_err lost;
    struct yq_ledger_entry entry;
    struct yq_ledger_totals t;
    put_records(3);
    begin_anew("");
    ok(yq_old_open(old_path, &old, &err));
    ok(yq_old_carry_tables(old, catalog, &lost, &err));
    yq_old_close(old);
    assert_int_equal(lost.code, YQ_OK);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 1, &entry, &err));
    assert_memory_equal(entry.content, "{1 1 ", 5);
    yq_ledger_entry_fini(&entry);
    ok(yq_ledger_get(catalog, YQ_KIND_EXAM, "E1", 0, &entry, &err));
    assert_memory_equal(entry.content, "{1 2 ", 5);
    assert_int_equal(entry.digest[0], 2);
    yq_ledger_entry_fini(&entry);
    assert_int_equal(by_key(2), 1);
    ok(yq_ledger_totals(catalog, &t, &err));
    assert_int_equal(t.records[YQ_KIND_EXAM], 3);
    assert_int_equal(t.versions, 6);
    assert_int_equal(t.with_findings, 1);
}

/* Who adds a table has to say which it is: a name in carry.c, or one here. */
static void every_table_is_taken_over_or_made_from_the_files(void **state)
{
    (void)state;
    static const char *const made[] = {"study",     "series",          "instance", "contradiction",
                                       "unsettled", "charset_reading", "name_key", "mark",
                                       "pulse",     "record_count"};
    sqlite3 *db;
    sqlite3_stmt *rows;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                        "name NOT LIKE 'sqlite_%'",
                                        -1, &rows, NULL),
                     SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        bool known = carry_takes(name);
        for (size_t i = 0; i < sizeof made / sizeof *made; i++)
            known = known || strcmp(made[i], name) == 0;
        if (!known)
            fail_msg("a reindex loses the table %s: add it to src/catalog/carry.c", name);
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
}

static void what_can_be_read_of_a_damaged_one_is_taken_over(void **state)
{
    (void)state;
    enum { RECORDS = 60, PAGE = 4096 };
    struct yq_old *old;
    struct yq_err lost;
    struct yq_ledger_totals t;
    size_t there = 0;
    put_records(RECORDS);
    begin_anew("");
    /* over pages in which versions lie */
    FILE *file = fopen(old_path, "r+b");
    fseek(file, 0, SEEK_END);
    long pages = ftell(file) / PAGE, found = 0;
    for (long page = 1; page < pages && found < 3; page++) {
        char text[PAGE];
        fseek(file, page * PAGE, SEEK_SET);
        if (fread(text, 1, PAGE, file) == PAGE && memmem(text, PAGE, "xxxxxxxx", 8) &&
            text[0] == 13 && ++found) {
            memset(text, 0xA5, PAGE);
            fseek(file, page * PAGE, SEEK_SET);
            fwrite(text, 1, PAGE, file);
        }
    }
    fclose(file);
    assert_int_equal(found, 3);
    ok(yq_old_open(old_path, &old, &err));
    ok(yq_old_carry_tables(old, catalog, &lost, &err));
    yq_old_close(old);
    assert_int_equal(lost.code, YQ_IO);
    for (int i = 0; i < RECORDS; i++) {
        char id[16];
        struct yq_ledger_entry entry;
        snprintf(id, sizeof id, "E%d", i);
        if (!yq_ledger_get(catalog, YQ_KIND_EXAM, id, 0, &entry, &err))
            continue;
        there++;
        yq_ledger_entry_fini(&entry);
        assert_int_equal(by_key(i), 1);
    }
    assert_in_range(there, RECORDS - 6, RECORDS - 1);
    ok(yq_ledger_totals(catalog, &t, &err));
    assert_int_equal(t.records[YQ_KIND_EXAM], there);
}

static void what_is_no_catalog_says_so(void **state)
{
    (void)state;
    struct yq_old *old;
    begin_anew("DROP TABLE instance");
    refused(yq_old_open(old_path, &old, &err), YQ_IO);
    assert_int_equal(truncate(old_path, 100), 0);
    refused(yq_old_open(old_path, &old, &err), YQ_IO);
    assert_int_equal(unlink(old_path), 0);
    refused(yq_old_open(old_path, &old, &err), YQ_ABSENT);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

const struct CMUnitTest old_tests[] = {
    TEST(what_was_coerced_is_kept_with_the_instance),
    TEST(a_note_that_cannot_be_read_is_an_error),
    TEST(an_earlier_catalog_tells_what_only_it_knows),
    TEST(an_earlier_schema_tells_what_it_has),
    TEST(records_are_taken_over_with_all_versions),
    TEST(every_table_is_taken_over_or_made_from_the_files),
    TEST(what_can_be_read_of_a_damaged_one_is_taken_over),
    TEST(what_is_no_catalog_says_so),
};
const size_t old_test_count = sizeof old_tests / sizeof *old_tests;
