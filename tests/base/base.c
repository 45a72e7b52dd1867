/* What every room leans on: errors, buffers, files, claims, clock, log. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/budget.h"
#include "yq/bytes.h"
#include "yq/clock.h"
#include "yq/csv.h"
#include "yq/err.h"
#include "yq/file.h"
#include "yq/log.h"
#include "yq/sync.h"

/* ---- errors ---- */

static void an_error_tells_its_way_up(void **state)
{
    (void)state;
    struct yq_err err;
    assert_false(yq_fail(&err, YQ_FULL, "store", "no room for %d bytes", 7));
    assert_int_equal(err.code, YQ_FULL);
    assert_string_equal(err.room, "store");
    assert_string_equal(err.text, "no room for 7 bytes");
    assert_false(yq_while(&err, "import"));
    assert_string_equal(err.text, "import: no room for 7 bytes");
    assert_int_equal(err.code, YQ_FULL);
    assert_string_equal(yq_code_name(YQ_PEER_GONE), "peer-gone");
    assert_string_equal(yq_code_name((enum yq_code)99), "bug");
}

static void a_long_error_is_cut(void **state)
{
    (void)state;
    struct yq_err err;
    char long_text[500];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    yq_fail(&err, YQ_IO, "base", "%s", long_text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    yq_while(&err, "reading");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "reading: xxx", 12);
    yq_while(&err, long_text);
    assert_true(strlen(err.text) < sizeof err.text);
}

/* ---- buffers ---- */

static void a_buffer_grows(void **state)
{
    (void)state;
    struct yq_buf buf yq_cleanup(yq_buf_fini) = {0};
    assert_string_equal(yq_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        yq_buf_putf(&buf, "%03d,", i);
    assert_int_equal(buf.length, 4000);
    assert_memory_equal(buf.bytes + 3996, "999,", 5);
    yq_buf_clear(&buf);
    assert_string_equal(yq_buf_text(&buf), "");
    yq_buf_put_le16(&buf, 0x1234);
    yq_buf_put_le32(&buf, 0x89abcdef);
    yq_buf_put_be16(&buf, 0x1234);
    yq_buf_put_be32(&buf, 0x89abcdef);
    assert_memory_equal(buf.bytes, "\x34\x12\xef\xcd\xab\x89\x12\x34\x89\xab\xcd\xef", 12);
    assert_int_equal(yq_le32(buf.bytes + 2), 0x89abcdef);
    assert_int_equal(yq_be32(buf.bytes + 8), 0x89abcdef);
    assert_int_equal(yq_le16(buf.bytes), yq_be16(buf.bytes + 6));
    uint8_t *room = yq_buf_room(&buf, 4);
    assert_memory_equal(room, "\0\0\0\0", 4);
    assert_int_equal(buf.length, 16);
}

static void a_bound_is_kept_and_remembered(void **state)
{
    (void)state;
    struct yq_buf buf yq_cleanup(yq_buf_fini) = {.most = 4};
    yq_buf_puts(&buf, "1234");
    assert_false(buf.failed);
    yq_buf_puts(&buf, "5");
    assert_true(buf.failed);
    assert_string_equal(yq_buf_text(&buf), "1234");
    yq_buf_clear(&buf);
    assert_null(yq_buf_room(&buf, 5));
    yq_buf_puts(&buf, "1"); /* nothing after a failure */
    assert_int_equal(buf.length, 0);
    struct yq_buf huge yq_cleanup(yq_buf_fini) = {0};
    assert_null(yq_buf_room(&huge, SIZE_MAX - 1));
    assert_true(huge.failed);
}

static void fixed_fields_are_always_terminated(void **state)
{
    (void)state;
    char field[4];
    assert_true(yq_copy(field, sizeof field, "abc"));
    assert_string_equal(field, "abc");
    assert_false(yq_copy(field, sizeof field, "abcd"));
    assert_string_equal(field, "abc");
    assert_true(yq_copy_trimmed(field, sizeof field, "ab \0\0 ", 6));
    assert_string_equal(field, "ab");
    assert_true(yq_copy_trimmed(field, sizeof field, NULL, 0));
    assert_string_equal(field, "");
    assert_false(yq_copy_trimmed(field, sizeof field, "abcd", 4));
    assert_true(yq_equal_secret("secret", 6, "secret", 6));
    assert_false(yq_equal_secret("secret", 6, "secreT", 6));
    assert_false(yq_equal_secret("secret", 6, "secre", 5));
    char hex[7];
    yq_hex(hex, "\x00\xa5\xff", 3);
    assert_string_equal(hex, "00a5ff");
}

/* ---- files ---- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/yq-base-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Also counts what is left: a test says what it made. */
static int empty_folder(const char *path)
{
    int entries = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char inside[512];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        entries++;
        if (unlink(inside) != 0)
            empty_folder(inside);
    }
    closedir(dir);
    rmdir(path);
    return entries;
}

static int remove_folder(void **state)
{
    (void)state;
    return empty_folder(folder) < 0;
}

static void paths_are_joined_or_refused(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST], long_name[YQ_PATH_MOST];
    struct yq_err err;
    assert_true(yq_path_join(path, "a", "b", &err));
    assert_string_equal(path, "a/b");
    assert_true(yq_path_join(path, path, "c", &err)); /* in place */
    assert_string_equal(path, "a/b/c");
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_false(yq_path_join(path, "a", long_name, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_string_equal(path, "a/b/c");
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST];
    struct stat about;
    struct yq_err err;
    assert_true(yq_path_join(path, folder, "a/b/c", &err));
    assert_true(yq_mkdirs(path, &err));
    assert_true(yq_mkdirs(path, &err));
    assert_int_equal(stat(path, &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_true(yq_path_join(path, folder, "file", &err));
    assert_true(yq_file_write(path, "x", 1, 0600, &err));
    assert_false(yq_mkdirs(path, &err));
    assert_int_equal(err.code, YQ_IO);
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST];
    struct yq_err err;
    struct stat about;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    assert_true(yq_path_join(path, folder, "file", &err));
    assert_true(yq_file_write(path, "first", 5, 0600, &err));
    int old = open(path, O_RDONLY);
    assert_true(old >= 0);
    assert_true(yq_file_write(path, "second, longer", 14, 0600, &err));
    /* who has the old one open still reads the old one: it was replaced, not written over */
    char text[32];
    size_t got;
    assert_true(yq_read_at(old, text, sizeof text, 0, &got, &err));
    assert_int_equal(got, 5);
    assert_memory_equal(text, "first", 5);
    yq_close(&old);
    assert_int_equal(old, -1);
    assert_true(yq_file_read(path, 14, &bytes, &err));
    assert_string_equal(yq_buf_text(&bytes), "second, longer");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(empty_folder(folder), 1); /* no temporary file beside it */
    assert_int_equal(mkdir(folder, 0700), 0);
}

static void a_write_that_fails_leaves_the_old_file(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST];
    struct yq_err err;
    assert_true(yq_path_join(path, folder, "taken", &err));
    assert_int_equal(mkdir(path, 0700), 0); /* rename onto a folder fails */
    assert_false(yq_file_write(path, "x", 1, 0600, &err));
    assert_int_equal(err.code, YQ_IO);
    assert_int_equal(empty_folder(folder), 1);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(yq_path_join(path, folder, "none/file", &err));
    assert_false(yq_file_write(path, "x", 1, 0600, &err));
    assert_int_equal(err.code, YQ_ABSENT);
}

static void reading_is_bounded(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST];
    struct yq_err err;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    assert_true(yq_path_join(path, folder, "file", &err));
    assert_false(yq_file_read(path, 10, &bytes, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_true(yq_file_write(path, "12345", 5, 0600, &err));
    assert_false(yq_file_read(path, 4, &bytes, &err));
    assert_int_equal(err.code, YQ_FULL);
    errno = ENOSPC;
    assert_false(yq_fail_errno(&err, "base", "write", "file"));
    assert_int_equal(err.code, YQ_FULL);
    errno = EROFS;
    assert_false(yq_fail_errno(&err, "base", "write", "file"));
    assert_int_equal(err.code, YQ_REFUSED);
}

/* ---- claims ---- */

struct race {
    struct yq_claims claims;
    atomic_int inside, most_inside, rounds;
};

static void *claim_often(void *context)
{
    struct race *race = context;
    for (int i = 0; i < 500; i++) {
        uint64_t ticket = yq_claims_take(&race->claims, "1.2.3");
        int now = atomic_fetch_add(&race->inside, 1) + 1;
        if (now > atomic_load(&race->most_inside))
            atomic_store(&race->most_inside, now);
        atomic_fetch_add(&race->rounds, 1);
        atomic_fetch_sub(&race->inside, 1);
        yq_claims_release(&race->claims, ticket);
    }
    return NULL;
}

static void one_at_a_time_by_name(void **state)
{
    (void)state;
    static struct race race;
    pthread_t a, b;
    yq_claims_init(&race.claims);
    uint64_t other = yq_claims_take(&race.claims, "4.5.6"); /* in nobody's way */
    assert_int_equal(pthread_create(&a, NULL, claim_often, &race), 0);
    assert_int_equal(pthread_create(&b, NULL, claim_often, &race), 0);
    assert_int_equal(pthread_join(a, NULL), 0);
    assert_int_equal(pthread_join(b, NULL), 0);
    assert_int_equal(atomic_load(&race.most_inside), 1);
    assert_int_equal(atomic_load(&race.rounds), 1000);
    yq_claims_release(&race.claims, other);
    for (size_t i = 0; i < YQ_CLAIMS_MOST; i++)
        assert_true(race.claims.held[i] == 0);
    yq_claims_fini(&race.claims);
}

/* ---- bells and tallies ---- */

static void *ring(void *bell)
{
    yq_bell_ring(bell);
    return NULL;
}

static void a_bell_is_heard_also_by_who_comes_later(void **state)
{
    (void)state;
    struct yq_bell bell;
    uint64_t heard = 0;
    pthread_t thread;
    yq_bell_init(&bell);
    assert_false(yq_bell_wait(&bell, &heard, 0));
    yq_bell_ring(&bell);
    yq_bell_ring(&bell);
    assert_true(yq_bell_wait(&bell, &heard, 60000));
    assert_false(yq_bell_wait(&bell, &heard, 0)); /* twice is heard once */
    assert_int_equal(pthread_create(&thread, NULL, ring, &bell), 0);
    assert_true(yq_bell_wait(&bell, &heard, 60000));
    pthread_join(thread, NULL);
    yq_bell_fini(&bell);
}

static void the_last_of_a_tally_is_told(void **state)
{
    (void)state;
    struct yq_tally tally;
    char name[16];
    yq_tally_init(&tally);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "1.%d", i);
        assert_true(yq_tally_add(&tally, name));
    }
    assert_true(yq_tally_add(&tally, "1.7"));
    assert_false(yq_tally_take(&tally, "1.7"));
    assert_true(yq_tally_take(&tally, "1.7"));
    assert_false(yq_tally_take(&tally, "1.7"));
    assert_true(yq_tally_take(&tally, "1.99"));
    assert_int_equal(tally.count, 98);
    yq_tally_fini(&tally);
}

static void *wait_for_name(void *context)
{
    struct race *race = context;
    uint64_t ticket = yq_claims_take(&race->claims, "1.2.3");
    atomic_store(&race->inside, 1);
    yq_claims_release(&race->claims, ticket);
    return NULL;
}

static void a_claim_waits_until_it_is_released(void **state)
{
    (void)state;
    static struct race race;
    pthread_t thread;
    yq_claims_init(&race.claims);
    uint64_t ticket = yq_claims_take(&race.claims, "1.2.3");
    assert_int_equal(pthread_create(&thread, NULL, wait_for_name, &race), 0);
    for (int i = 0; i < 100; i++) { /* however long: it cannot get in */
        sched_yield();
        assert_int_equal(atomic_load(&race.inside), 0);
    }
    yq_claims_release(&race.claims, ticket);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&race.inside), 1);
    yq_claims_fini(&race.claims);
    assert_true(yq_hash_text("") != 0);
    assert_true(yq_hash_text("1.2.3") != yq_hash_text("1.2.4"));
}

/* ---- clock and log ---- */

static void time_is_written_in_utc(void **state)
{
    (void)state;
    char text[32];
    yq_clock_text(text, sizeof text, 1772352550123);
    assert_string_equal(text, "2026-03-01T08:09:10.123Z");
    int64_t before = yq_monotonic_ms();
    assert_true(yq_monotonic_ms() >= before);
    assert_true(yq_now_ms() > 1700000000000);
}

static void days_are_those_of_beijing(void **state)
{
    (void)state;
    char day[YQ_DAY_SIZE];
    yq_beijing_day(day, sizeof day, 1772352550123); /* 08:09:10 UTC */
    assert_string_equal(day, "2026-03-01");
    assert_int_equal(yq_beijing_minute(1772352550123), 16 * 60 + 9);
    yq_beijing_day(day, sizeof day, 1772380800000 - 1); /* a moment before 16:00 UTC */
    assert_string_equal(day, "2026-03-01");
    yq_beijing_day(day, sizeof day, 1772380800000);
    assert_string_equal(day, "2026-03-02");
    assert_int_equal(yq_beijing_minute(1772380800000), 0);
    static const struct {
        const char *day;
        int days, months;
        const char *then;
    } cases[] = {
        {"2026-03-01", -1, 0, "2026-02-28"}, {"2024-02-28", 1, 0, "2024-02-29"},
        {"2026-05-31", 0, -3, "2026-02-28"}, {"2026-01-15", 0, -3, "2025-10-15"},
        {"2025-12-31", 1, 0, "2026-01-01"},  {"2026-01-31", 1, 1, "2026-03-01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(yq_day_shift(cases[i].day, cases[i].days, cases[i].months, day, sizeof day));
        assert_string_equal(day, cases[i].then);
    }
    static const char *const none[] = {"",           "2026-02-29",  "2026-13-01",
                                       "2026-3-1",   "2026-03-01x", "20260301",
                                       "1899-12-31", "2026-00-10"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(yq_day_shift(none[i], 0, 0, day, sizeof day));
    assert_false(yq_day_shift("2199-12-31", 1, 0, day, sizeof day));
    assert_int_equal(yq_days_between("2024-02-28", "2024-03-01"), 2);
    assert_int_equal(yq_days_between("2026-03-01", "2026-02-28"), -1);
}

/* What `say` writes to standard error. */
static char *caught(void (*say)(void), char *text, size_t size)
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    say();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], text, size - 1);
    close(ends[0]);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void say_something(void)
{
    struct yq_err err;
    yq_fail(&err, YQ_REFUSED, "conf", "a \"quoted\"\nline");
    yq_log_set_trace("t1");
    yq_log(YQ_LOG_DEBUG, "silent", "a=1");
    yq_log_err(YQ_LOG_WARN, "refused", &err, "aet=\"A\nB\" port=%d", 5);
    yq_log_set_trace("");
}

static void a_line_is_one_line(void **state)
{
    (void)state;
    char text[1024];
    caught(say_something, text, sizeof text);
    assert_null(strstr(text, "silent"));
    assert_non_null(strstr(text,
                           " warn  refused trace=t1 aet=\"A?B\" port=5 code=refused room=conf "
                           "error=\"a 'quoted'?line\"\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    yq_log_set_json(true);
    caught(say_something, text, sizeof text);
    yq_log_set_json(false);
    assert_non_null(strstr(text, "\"level\":\"warn\",\"event\":\"refused\",\"trace\":\"t1\","
                                 "\"aet\":\"A?B\",\"port\":\"5\",\"code\":\"refused\","));
    assert_string_equal(text + strlen(text) - 2, "}\n");
}

static void say_bytes(void)
{
    yq_log(YQ_LOG_WARN, "bytes", "good=\"%s\" bad=\"%s\" cut=\"%s\"",
           "\xe5\xbc\xa0 \xf0\x9f\x98\x80", "\xd5\xc5 \xed\xa0\x80 \xc0\xaf", "\xe5\xbc");
}

static void a_json_line_is_utf8_whatever_went_into_it(void **state)
{
    (void)state;
    char text[1024];
    yq_log_set_json(true);
    caught(say_bytes, text, sizeof text);
    yq_log_set_json(false);
    assert_non_null(strstr(text, "\"good\":\"\xe5\xbc\xa0 \xf0\x9f\x98\x80\","));
    assert_non_null(strstr(text, "\"bad\":\"?? ??? ??\",\"cut\":\"??\"}\n"));
}

static void rows_are_read_strictly(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "from,to\r\n\n\"a,\"\"b\"\"\",\n,x";
    struct yq_csv csv = {.bytes = text, .length = sizeof text - 1};
    struct yq_buf row = {0};
    struct yq_err err;
    const char *fields[2];
    size_t count;
    assert_true(yq_csv_next(&csv, &row, fields, 2, &count, &err));
    assert_string_equal(fields[0], "from");
    assert_string_equal(fields[1], "to");
    assert_true(yq_csv_next(&csv, &row, fields, 2, &count, &err));
    assert_int_equal(csv.line, 3);
    assert_string_equal(fields[0], "a,\"b\"");
    assert_string_equal(fields[1], "");
    assert_true(yq_csv_next(&csv, &row, fields, 2, &count, &err));
    assert_string_equal(fields[1], "x");
    assert_false(yq_csv_next(&csv, &row, fields, 2, &count, &err));
    assert_int_equal(err.code, YQ_OK);
    static const char *const broken[] = {"a,b,c", "\"a", "\"a\"b", "a\"b", "\"a\nb\"", "a\rb"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        csv = (struct yq_csv){.bytes = broken[i], .length = strlen(broken[i])};
        assert_false(yq_csv_next(&csv, &row, fields, 2, &count, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
    yq_buf_fini(&row);
}

/* ---- budgets ---- */

static atomic_int turns;

struct wish {
    struct yq_budget *budget;
    uint64_t bytes;
    int turn; /* when it was fulfilled */
};

static void *wish(void *context)
{
    struct wish *w = context;
    struct yq_err err;
    if (yq_budget_take(w->budget, w->bytes, 60000, &err))
        w->turn = 1 + atomic_fetch_add(&turns, 1);
    return NULL;
}

static void wait_for_line(struct yq_budget *budget, bool longer_than_one)
{
    for (;;) {
        pthread_mutex_lock(&budget->lock);
        bool there = budget->first && (!longer_than_one || budget->first != budget->last);
        pthread_mutex_unlock(&budget->lock);
        if (there)
            return;
        usleep(1000);
    }
}

static void who_comes_first_has_his_share_first(void **state)
{
    (void)state;
    struct yq_budget budget;
    struct yq_err err;
    pthread_t threads[2];
    struct wish large = {.budget = &budget, .bytes = 90}, small = {.budget = &budget, .bytes = 5};
    yq_budget_init(&budget, 100);
    assert_true(yq_budget_take(&budget, 50, 0, &err));
    assert_true(yq_budget_take(&budget, 40, 0, &err));
    assert_false(yq_budget_take(&budget, 11, 1, &err)); /* late, and out of the line again */
    assert_int_equal(err.code, YQ_BUSY);
    assert_false(yq_budget_take(&budget, 101, 1000, &err));
    assert_int_equal(err.code, YQ_FULL);
    assert_int_equal(pthread_create(&threads[0], NULL, wish, &large), 0);
    wait_for_line(&budget, false);
    assert_int_equal(pthread_create(&threads[1], NULL, wish, &small), 0); /* would fit */
    wait_for_line(&budget, true);
    assert_int_equal(atomic_load(&turns), 0);
    yq_budget_give(&budget, 50);
    assert_int_equal(atomic_load(&turns), 0);
    yq_budget_give(&budget, 40);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&turns), 2);
    assert_int_equal(budget.used, 95);
    yq_budget_give(&budget, 95);
    struct yq_share share = {0};
    assert_true(yq_share_take(&share, &budget, 100, 0, &err));
    yq_share_fini(&share);
    yq_share_fini(&share);
    assert_int_equal(budget.used, 0);
    yq_budget_set_most(&budget, 0);
    assert_true(yq_budget_take(&budget, UINT64_MAX / 2, 0, &err));
    yq_budget_fini(&budget);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_tells_its_way_up),
        cmocka_unit_test(a_long_error_is_cut),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(a_bound_is_kept_and_remembered),
        cmocka_unit_test(fixed_fields_are_always_terminated),
        cmocka_unit_test(paths_are_joined_or_refused),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(a_file_is_replaced_whole),
        IN_FOLDER(a_write_that_fails_leaves_the_old_file),
        IN_FOLDER(reading_is_bounded),
        cmocka_unit_test(one_at_a_time_by_name),
        cmocka_unit_test(a_claim_waits_until_it_is_released),
        cmocka_unit_test(time_is_written_in_utc),
        cmocka_unit_test(days_are_those_of_beijing),
        cmocka_unit_test(a_bell_is_heard_also_by_who_comes_later),
        cmocka_unit_test(the_last_of_a_tally_is_told),
        cmocka_unit_test(a_line_is_one_line),
        cmocka_unit_test(a_json_line_is_utf8_whatever_went_into_it),
        cmocka_unit_test(rows_are_read_strictly),
        cmocka_unit_test(who_comes_first_has_his_share_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
