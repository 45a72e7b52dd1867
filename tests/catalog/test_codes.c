/* test_codes.c: the hospital's own codes, and which of those that came are not mapped. */
#include "help.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/codes.h"

static void map(const char *list, const char *source, const char *code, const char *dictionary,
                const char *national)
{
    struct yq_code_line line = {.changed_ms = 0};
    snprintf(line.list, sizeof line.list, "%s", list);
    snprintf(line.source, sizeof line.source, "%s", source);
    snprintf(line.code, sizeof line.code, "%s", code);
    snprintf(line.dictionary, sizeof line.dictionary, "%s", dictionary);
    snprintf(line.national, sizeof line.national, "%s", national);
    ok(yq_codes_set(catalog, &line, 1, &err));
}

/* The national code, or "-". */
static const char *national(const char *list, const char *source, const char *code,
                            const char *dictionary)
{
    static char out[YQ_CODE_SIZE];
    if (yq_codes_national(catalog, list, source, code, dictionary, out, &err))
        return out;
    assert_int_equal(err.code, YQ_ABSENT);
    assert_string_equal(out, "");
    return "-";
}

/* "code*times" of what is not mapped, joined by blanks. */
static const char *unmapped(const char *list, const char *dictionary)
{
    static char text[512];
    struct yq_code_filter filter = {.list = list, .dictionary = dictionary};
    struct yq_code_seen *seen;
    size_t count, length = 0;
    ok(yq_codes_unmapped(catalog, &filter, &seen, &count, &err));
    *text = '\0';
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s*%d", i ? " " : "",
                                   seen[i].code, (int)seen[i].times);
    free(seen);
    return text;
}

static void a_senders_own_line_comes_first(void **state)
{
    (void)state;
    map("sex", "", "A", "sex", "1");
    map("sex", "hl7:ris", "A", "sex", "2");
    assert_string_equal(national("sex", "hl7:ris", "A", "sex"), "2");
    assert_string_equal(national("sex", "hl7:lis", "A", "sex"), "1");
    assert_string_equal(national(NULL, "hl7:lis", "A", "sex"), "1");
    assert_string_equal(national(NULL, "hl7:lis", "A", NULL), "1");
    assert_string_equal(national("id-type", "hl7:lis", "A", "sex"), "-");
    assert_string_equal(national("sex", "hl7:lis", "B", "sex"), "-");
    assert_string_equal(national("sex", "hl7:lis", "A", "id-type"), "-");
    map("sex", "", "A", "sex", "9"); /* replaces */
    assert_string_equal(national("sex", "hl7:lis", "A", "sex"), "9");
}

static void one_code_may_have_several_national_ones(void **state)
{
    (void)state;
    map(YQ_CODES_EXAM_ITEMS, "", "CT001", "recognition-item", "CT010312506");
    map(YQ_CODES_EXAM_ITEMS, "", "CT001", "radiology-code", "B020ZYZZZ");
    assert_string_equal(national(NULL, "", "CT001", "recognition-item"), "CT010312506");
    assert_string_equal(national(NULL, "", "CT001", "radiology-code"), "B020ZYZZZ");
    struct yq_code_line *lines;
    size_t count;
    struct yq_code_filter filter = {.code = "CT001"};
    ok(yq_codes_list(catalog, &filter, &lines, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(lines[0].dictionary, "radiology-code");
    assert_true(lines[0].changed_ms > 0);
    free(lines);
    uint64_t gone;
    filter.dictionary = "radiology-code";
    ok(yq_codes_unset(catalog, &filter, &gone, &err));
    assert_int_equal(gone, 1);
    assert_string_equal(national(NULL, "", "CT001", "radiology-code"), "-");
    assert_string_equal(national(NULL, "", "CT001", NULL), "CT010312506");
}

static void what_is_not_mapped_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        yq_codes_note(catalog, "sex", "hl7:ris", "X", "");
    yq_codes_note(catalog, "sex", "hl7:ris", "Y", "女的");
    yq_codes_note(catalog, YQ_CODES_EXAM_ITEMS, "hl7:ris", "CT001", "头颅CT");
    yq_codes_note(catalog, "sex", "hl7:ris", "", "");
    assert_string_equal(unmapped("sex", NULL), "X*5 Y*1");
    yq_codes_note(catalog, "sex", "hl7:ris", "Y", ""); /* its name stays */
    map("sex", "hl7:ris", "X", "shanxi/sex", "1");     /* not what the model wants */
    assert_string_equal(unmapped("sex", NULL), "X*5 Y*2");
    map("sex", "hl7:lis", "X", "sex", "1"); /* another sender's */
    assert_string_equal(unmapped("sex", NULL), "X*5 Y*2");
    map("sex", "", "X", "sex", "1");
    assert_string_equal(unmapped("sex", NULL), "Y*2");
    map(YQ_CODES_EXAM_ITEMS, "", "CT001", "radiology-code", "B020ZYZZZ");
    assert_string_equal(unmapped(YQ_CODES_EXAM_ITEMS, NULL), "");
    assert_string_equal(unmapped(YQ_CODES_EXAM_ITEMS, "recognition-item"), "CT001*1");
    struct yq_code_filter filter = {.list = "sex"};
    struct yq_code_seen *seen;
    size_t count;
    ok(yq_codes_unmapped(catalog, &filter, &seen, &count, &err));
    assert_string_equal(seen[0].name, "女的");
    assert_true(seen[0].first_ms <= seen[0].last_ms);
    free(seen);
    uint64_t gone;
    ok(yq_codes_forget(catalog, &filter, &gone, &err));
    assert_int_equal(gone, 2);
    assert_string_equal(unmapped("sex", NULL), "");
}

static void counts_go_with_the_next_commit_and_at_the_end(void **state)
{
    (void)state;
    struct yq_catalog *other;
    yq_codes_note(catalog, "sex", "hl7:ris", "X", "");
    ok(yq_catalog_open(path, &other, &err));
    struct yq_catalog *ours = catalog;
    catalog = other;
    assert_string_equal(unmapped("sex", NULL), "");
    catalog = ours;
    map("sex", "", "M", "sex", "1"); /* any commit */
    catalog = other;
    assert_string_equal(unmapped("sex", NULL), "X*1");
    catalog = ours;
    yq_codes_note(catalog, "sex", "hl7:ris", "X", "");
    yq_catalog_close(catalog);
    catalog = other;
    assert_string_equal(unmapped("sex", NULL), "X*2");
}

static void a_sender_cannot_fill_the_disk(void **state)
{
    (void)state;
    struct yq_code_filter filter = {.list = "sex"};
    struct yq_code_seen *seen;
    size_t count;
    char code[200];
    for (int i = 0; i < YQ_CODES_SEEN_MOST + 700; i++) {
        snprintf(code, sizeof code, "C%d", i);
        yq_codes_note(catalog, "sex", "hl7:ris", code, "");
        if (i % 500 == 0)
            map("sex", "", "M", "sex", "1");
    }
    yq_codes_note(catalog, "sex", "hl7:other", "C1", "");
    memset(code, 'x', sizeof code);
    code[sizeof code - 1] = '\0';
    yq_codes_note(catalog, "sex", "hl7:other", code, "");
    ok(yq_codes_unmapped(catalog, &filter, &seen, &count, &err));
    free(seen);
    assert_int_equal(count, YQ_CODES_SEEN_MOST + 1);
    yq_codes_note(catalog, "sex", "hl7:ris", "C7", ""); /* what is known goes on counting */
    filter.code = "C7";
    ok(yq_codes_unmapped(catalog, &filter, &seen, &count, &err));
    assert_int_equal(seen->times, 2);
    free(seen);
}

static void many_lines_are_set_at_once(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct yq_code_line *lines = calloc(MANY, sizeof *lines);
    assert_non_null(lines);
    for (int i = 0; i < MANY; i++) {
        snprintf(lines[i].list, sizeof lines[i].list, YQ_CODES_LAB_ITEMS);
        snprintf(lines[i].code, sizeof lines[i].code, "%05d", i);
        snprintf(lines[i].dictionary, sizeof lines[i].dictionary, "lab-method");
        snprintf(lines[i].national, sizeof lines[i].national, "K-1");
    }
    ok(yq_codes_set(catalog, lines, MANY, &err));
    free(lines);
    int64_t start = yq_monotonic_ms();
    for (int i = 0; i < MANY; i++) {
        char code[16];
        snprintf(code, sizeof code, "%05d", i);
        assert_string_equal(national(NULL, "odbc:lis", code, "lab-method"), "K-1");
    }
    print_message("%d lookups in %d ms\n", MANY, (int)(yq_monotonic_ms() - start));
    struct yq_code_filter filter = {.list = YQ_CODES_LAB_ITEMS, .limit = 10};
    size_t count;
    ok(yq_codes_list(catalog, &filter, &lines, &count, &err));
    assert_int_equal(count, 10);
    free(lines);
}

/* A bound on file sizes stands for a full disk: a commit fails, and what it was to take along waits
 * for the next. */
static void a_failed_commit_loses_no_count(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct rlimit before, tight = {.rlim_cur = 300000};
    struct yq_code_line *lines = calloc(MANY, sizeof *lines);
    assert_non_null(lines);
    for (int i = 0; i < MANY; i++) {
        snprintf(lines[i].list, sizeof lines[i].list, "sex");
        snprintf(lines[i].code, sizeof lines[i].code, "%d", i);
        snprintf(lines[i].dictionary, sizeof lines[i].dictionary, "sex");
        memset(lines[i].name, 'n', 300);
    }
    map("sex", "", "M", "sex", "1");
    yq_codes_note(catalog, "sex", "hl7:ris", "X", "");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool done = yq_codes_set(catalog, lines, MANY, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(done);
    free(lines);
    yq_codes_note(catalog, "sex", "hl7:ris", "X", "");
    for (int i = 0; i < 300 && !(done = yq_catalog_health(catalog, true, &err)); i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_true(done);
    assert_string_equal(unmapped("sex", NULL), "X*2");
}

static void *note_and_map(void *with)
{
    for (int i = 0; i < 200; i++) {
        char code[16];
        struct yq_code_line line = {.list = "sex", .code = "M", .dictionary = "sex"};
        struct yq_err why;
        snprintf(code, sizeof code, "C%d", i % 10);
        yq_codes_note(with, "sex", "hl7:ris", code, "");
        if (i % 20 == 0 && !yq_codes_set(with, &line, 1, &why))
            return NULL;
    }
    return with;
}

static void threads_count_together(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_and_map, catalog), 0);
    for (int i = 0; i < THREADS; i++) {
        void *done;
        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_ptr_equal(done, catalog);
    }
    struct yq_code_filter filter = {.list = "sex"};
    struct yq_code_seen *seen;
    size_t count;
    ok(yq_codes_unmapped(catalog, &filter, &seen, &count, &err));
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen[i].times, 200 / 10 * THREADS);
    free(seen);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_senders_own_line_comes_first), CASE(one_code_may_have_several_national_ones),
        CASE(what_is_not_mapped_is_counted),  CASE(counts_go_with_the_next_commit_and_at_the_end),
        CASE(a_sender_cannot_fill_the_disk),  CASE(many_lines_are_set_at_once),
        CASE(a_failed_commit_loses_no_count), CASE(threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
