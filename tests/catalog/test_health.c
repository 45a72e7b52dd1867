/* test_health.c: corrupt, locked, read-only, full, deleted and newer files. */
#include "help.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/clock.h"
#include "yq/file.h"

/* Until it holds; the catalog tries again once a second. The bound is against a hang only. */
#define wait_until(condition)                                                                      \
    do {                                                                                           \
        int64_t started = yq_monotonic_ms();                                                       \
        while (!(condition)) {                                                                     \
            if (yq_monotonic_ms() - started > 60000)                                               \
                fail_msg("waited in vain for %s: %s", #condition, err.text);                       \
            usleep(20000);                                                                         \
        }                                                                                          \
    } while (0)

static void reopen(void) { ok(yq_catalog_open(path, &catalog, &err)); }

static void write_garbage(void)
{
    char garbage[8192];
    memset(garbage, 'x', sizeof garbage);
    ok(yq_catalog_discard(path, &err));
    ok(yq_file_write(path, garbage, sizeof garbage, 0640, &err));
}

static void a_new_catalog_is_well(void **state)
{
    (void)state;
    ok(yq_catalog_health(catalog, false, &err));
    ok(yq_catalog_health(catalog, true, &err));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0007, 0); /* patients are in it */
}

static void a_corrupt_file_says_what_to_do(void **state)
{
    (void)state;
    struct made made;
    yq_catalog_close(catalog);
    write_garbage();
    reopen(); /* no error: it is unwell */
    for (int i = 0; i < 3; i++) {
        refused(yq_catalog_health(catalog, false, &err), YQ_IO);
        assert_non_null(strstr(err.text, "corrupt"));
        assert_non_null(strstr(err.text, "yingqiao reindex"));
    }
    make(&made, 1, 1, 1, 1);
    refused(add(&made), YQ_IO);
    /* Another file in its place, and all is well. */
    ok(yq_catalog_discard(path, &err));
    wait_until(yq_catalog_health(catalog, true, &err));
    ok(add(&made));
}

static void corruption_met_while_running(void **state)
{
    (void)state;
    struct made made;
    for (int i = 1; i < 60; i++)
        put(i, 1, 1, YQ_PatientID, "P", -1);
    yq_catalog_close(catalog); /* writes the WAL back */
    char garbage[4096];
    memset(garbage, 0xee, sizeof garbage);
    int fd = open(path, O_WRONLY);
    struct stat about;
    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    for (off_t at = 4096; at < about.st_size; at += (off_t)sizeof garbage)
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), (ssize_t)sizeof garbage);
    close(fd);
    reopen();
    make(&made, 100, 1, 1, 100);
    for (int i = 0; i < 3; i++) {
        refused(add(&made), YQ_IO);
        assert_non_null(strstr(err.text, "yingqiao reindex"));
        refused(yq_catalog_health(catalog, true, &err), YQ_IO);
    }
}

static void a_file_that_vanishes_is_noticed(void **state)
{
    (void)state;
    put(1, 1, 1, -1);
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, -1), "1.1");
    assert_int_equal(unlink(path), 0);
    struct yq_entry entry;
    wait_until(!yq_catalog_get(catalog, "1.1.1.1", &entry, &err) && err.code == YQ_ABSENT);
    put(2, 1, 1, -1); /* into the new one */
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, -1), "1.2");
}

static void a_file_that_is_replaced_is_opened(void **state)
{
    (void)state;
    char other_path[300];
    struct yq_catalog *first = catalog, *other;
    put(1, 1, 1, -1);
    snprintf(other_path, sizeof other_path, "%s.new", path);
    ok(yq_catalog_open(other_path, &other, &err));
    catalog = other;
    put(2, 1, 1, -1);
    yq_catalog_close(other);
    catalog = first;
    ok(yq_catalog_discard(path, &err));
    assert_int_equal(rename(other_path, path), 0);
    put(3, 1, 1, -1); /* at once into the new one: nothing that is acknowledged goes with the old */
    struct yq_entry entry;
    wait_until(yq_catalog_get(catalog, "1.2.1.1", &entry, &err));
    assert_int_equal(totals().studies, 2);
}

static void a_newer_schema_is_left_alone(void **state)
{
    (void)state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    yq_catalog_close(catalog);
    catalog = NULL;
    assert_false(yq_catalog_open(path, &catalog, &err));
    assert_non_null(strstr(err.text, "newer"));
    catalog = NULL;
}

static void an_attribute_that_joins_later_becomes_a_column(void **state)
{
    (void)state;
    sqlite3 *db;
    put(1, 1, 1, YQ_PatientSize, "1.8", -1);
    yq_catalog_close(catalog);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "ALTER TABLE study DROP COLUMN PatientSize", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    reopen();
    put(2, 1, 1, YQ_PatientSize, "1.7", -1);
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, YQ_PatientSize, "1.70", -1), "1.2");
}

static void an_older_catalog_gains_what_is_new(void **state)
{
    (void)state;
    sqlite3 *db;
    put(1, 1, 1, -1);
    yq_catalog_close(catalog);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "DROP TABLE commitment; DROP INDEX study_date; "
                                  "PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    reopen();
    struct yq_commitment commitment = {.aet = "CT01", .transaction = "1.2"};
    assert_true(yq_catalog_commitment_add(catalog, &commitment, &err));
    put(2, 1, 1, YQ_StudyDate, "20260101", -1);
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, YQ_StudyDate, "20260101", -1), "1.2");
}

static void locked_by_another_process_is_busy(void **state)
{
    (void)state;
    struct made made;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    make(&made, 1, 1, 1, 1);
    refused(add(&made), YQ_BUSY);
    ok(yq_catalog_health(catalog, false, &err)); /* reading goes on */
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ok(add(&made));
}

static void read_only_files_can_be_read(void **state)
{
    (void)state;
    struct made made;
    put(1, 1, 1, -1);
    yq_catalog_close(catalog);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    reopen();
    make(&made, 1, 1, 2, 2);
    bool added = add(&made);
    enum yq_code code = err.code;
    struct yq_entry entry;
    bool read = yq_catalog_get(catalog, "1.1.1.1", &entry, &err);
    bool write_health = yq_catalog_health(catalog, true, &err);
    enum yq_code health_code = err.code;
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_false(added);
    assert_int_equal(code, YQ_REFUSED);
    assert_true(read);
    assert_false(write_health);
    assert_int_equal(health_code, YQ_REFUSED);
    assert_int_equal(chmod(path, 0640), 0); /* and when it may be written again, it is */
    wait_until(add(&made));
}

static void a_folder_that_is_missing_is_unwell_until_it_is_there(void **state)
{
    (void)state;
    char missing[128];
    struct made made;
    yq_catalog_close(catalog);
    snprintf(missing, sizeof missing, "%s/later", dir);
    snprintf(path, sizeof path, "%s/catalog.sqlite", missing);
    reopen();
    make(&made, 1, 1, 1, 1);
    refused(add(&made), YQ_IO);
    assert_int_equal(mkdir(missing, 0750), 0);
    wait_until(add(&made));
}

/* A bound on file sizes stands for the full disk: writes beyond it fail. */
static void a_full_disk_fails_and_recovers(void **state)
{
    (void)state;
    struct rlimit before, tight = {.rlim_cur = 400000};
    struct made made;
    put(1, 1, 1, -1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool failed = false;
    int stored = 1;
    for (int i = 2; i < 3000 && !failed; i++) {
        make(&made, i, 1, 1, i);
        failed = !add(&made);
        stored += !failed;
    }
    enum yq_code code = err.code;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(failed);
    assert_true(code == YQ_FULL || code == YQ_IO);
    wait_until(add(&made));
    assert_int_equal(totals().studies, stored + 1);
}

/* A real one, where we may mount: nothing is acknowledged that is not there afterwards. */
static void a_disk_without_space_fails_and_recovers(void **state)
{
    (void)state;
    struct made made;
    put(1, 1, 1, -1); /* the file is there; it is not on the small disk */
    yq_catalog_close(catalog);
    ok(yq_catalog_discard(path, &err));
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", dir, "tmpfs", 0, "size=600k") != 0) {
        reopen();
        skip();
    }
    reopen();
    int stored = 0;
    bool failed = false;
    for (int i = 1; i < 3000 && !failed; i++) {
        make(&made, i, 1, 1, i);
        failed = !add(&made);
        stored += !failed;
    }
    enum yq_code code = err.code;
    bool health = yq_catalog_health(catalog, false, &err);
    int grown = mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=8m");
    bool added = grown == 0 && add(&made); /* at once: the disk is no trouble of the file */
    int studies = (int)totals().studies;
    yq_catalog_close(catalog);
    umount(dir);
    reopen();
    assert_true(failed);
    assert_int_equal(code, YQ_FULL);
    assert_true(health);
    assert_int_equal(grown, 0);
    assert_true(added);
    assert_int_equal(studies, stored + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest health_tests[] = {
    CASE(a_new_catalog_is_well),
    CASE(a_corrupt_file_says_what_to_do),
    CASE(corruption_met_while_running),
    CASE(a_file_that_vanishes_is_noticed),
    CASE(a_file_that_is_replaced_is_opened),
    CASE(a_newer_schema_is_left_alone),
    CASE(an_attribute_that_joins_later_becomes_a_column),
    CASE(an_older_catalog_gains_what_is_new),
    CASE(locked_by_another_process_is_busy),
    CASE(read_only_files_can_be_read),
    CASE(a_folder_that_is_missing_is_unwell_until_it_is_there),
    CASE(a_full_disk_fails_and_recovers),
    CASE(a_disk_without_space_fails_and_recovers),
};
const size_t health_test_count = sizeof health_tests / sizeof *health_tests;
