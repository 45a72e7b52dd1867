/* test_settle.c: rows whose files are still on their way to the disk, and the thread that writes.
 */
#include "help.h"

#include <pthread.h>

static struct yq_adding *begin(struct made *made)
{
    struct yq_adding *adding;
    struct yq_arrival arrival = {.origin = &made->origin,
                                 .header = &made->header,
                                 .object = &made->object,
                                 .dataset_offset = 300,
                                 .duplicates = made->duplicates,
                                 .unsynced = true};
    ok(yq_catalog_add_begin(catalog, &arrival, &made->added, &adding, &err));
    return adding;
}

static size_t marked(void)
{
    struct yq_entry entries[16];
    size_t count;
    ok(yq_catalog_unsettled(catalog, 0, entries, 16, &count, &err));
    return count;
}

static void a_row_is_marked_until_its_file_is_durable(void **state)
{
    (void)state;
    struct made one;
    make(&one, 1, 1, 1, 7);
    ok(yq_catalog_add_end(begin(&one), true, &err));
    assert_int_equal(marked(), 1);
    put(1, 1, 2, -1); /* with the next commit the mark goes; this one had none */
    assert_int_equal(marked(), 0);
    assert_int_equal(totals().instances, 2);
}

static void closing_takes_the_marks_away(void **state)
{
    (void)state;
    struct made one;
    make(&one, 1, 1, 1, 7);
    ok(yq_catalog_add_end(begin(&one), true, &err));
    yq_catalog_close(catalog);
    ok(yq_catalog_open(path, &catalog, &err));
    assert_int_equal(marked(), 0);
}

static void a_row_without_its_file_is_taken_out_again(void **state)
{
    (void)state;
    struct made one;
    put(1, 1, 2, -1);
    make(&one, 1, 1, 1, 7);
    assert_false(yq_catalog_add_end(begin(&one), false, &err));
    assert_int_equal(marked(), 0);
    assert_int_equal(totals().instances, 1);
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedInstances, -1), "1");
    make(&one, 2, 1, 1, 7);
    assert_false(yq_catalog_add_end(begin(&one), false, &err));
    assert_int_equal(totals().studies, 1); /* the study that it had begun went as well */
}

static void what_a_crash_leaves_is_vouched_for_or_dropped(void **state)
{
    (void)state;
    struct yq_entry entry;
    struct made one;
    size_t count;
    for (int i = 1; i <= 3; i++) {
        make(&one, 1, 1, i, i);
        ok(yq_catalog_add_end(begin(&one), true, &err));
    }
    ok(yq_catalog_unsettled(catalog, 0, &entry, 1, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(entry.key.instance, "1.1.1.3");
    ok(yq_catalog_drop(catalog, entry.id, &err));
    assert_int_equal(marked(), 0);
    assert_int_equal(totals().instances, 2);
    ok(yq_catalog_drop(catalog, 4711, &err)); /* a row that is gone is no error */
}

static void an_unsynced_object_replaces_nothing(void **state)
{
    (void)state;
    struct made first, second;
    make(&first, 1, 1, 1, 7);
    ok(add(&first));
    make(&second, 1, 1, 1, 8);
    second.duplicates = YQ_REPLACE;
    refused(yq_catalog_add_end(begin(&second), true, &err), YQ_BUSY);
    assert_int_equal(totals().instances, 1);
    assert_int_equal(marked(), 0);
}

enum { THREADS = 4, PER_THREAD = 40 };

static void *write_for_all(void *unused)
{
    (void)unused;
    yq_catalog_serve(catalog);
    return NULL;
}

static void *add_some(void *context)
{
    int number = *(int *)context;
    for (int i = 1; i <= PER_THREAD; i++) {
        struct made one;
        struct yq_err trouble = {0};
        struct yq_adding *adding;
        make(&one, number, 1, i, i);
        struct yq_arrival arrival = {.origin = &one.origin,
                                     .header = &one.header,
                                     .object = &one.object,
                                     .dataset_offset = 300,
                                     .unsynced = true};
        if (!yq_catalog_add_begin(catalog, &arrival, &one.added, &adding, &trouble) ||
            !yq_catalog_add_end(adding, true, &trouble))
            return context;
    }
    return NULL;
}

/* The lent thread comes when others are at work already, and goes while they still are. */
static void a_lent_thread_writes_for_all(void **state)
{
    (void)state;
    pthread_t writer, threads[THREADS];
    int numbers[THREADS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < THREADS; i++) {
            numbers[i] = 1 + i + round * THREADS;
            assert_int_equal(pthread_create(&threads[i], NULL, add_some, &numbers[i]), 0);
        }
        assert_int_equal(pthread_create(&writer, NULL, write_for_all, NULL), 0);
        pthread_join(threads[0], NULL);
        yq_catalog_dismiss(catalog);
        pthread_join(writer, NULL);
        for (int i = 1; i < THREADS; i++) {
            void *failed;
            pthread_join(threads[i], &failed);
            assert_null(failed);
        }
    }
    assert_int_equal(totals().instances, 3 * THREADS * PER_THREAD);
    put(99, 1, 1, -1);
    assert_int_equal(marked(), 0);
}

static void what_was_made_in_a_hurry_is_there_afterwards(void **state)
{
    (void)state;
    ok(yq_catalog_hurry(catalog, true, &err));
    for (int i = 1; i <= 50; i++)
        put(i, 1, 1, -1);
    ok(yq_catalog_hurry(catalog, false, &err));
    assert_int_equal(totals().instances, 50);
    yq_catalog_close(catalog);
    ok(yq_catalog_open(path, &catalog, &err));
    assert_int_equal(totals().instances, 50);
    put(51, 1, 1, -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest settle_tests[] = {
    CASE(a_row_is_marked_until_its_file_is_durable),
    CASE(closing_takes_the_marks_away),
    CASE(a_row_without_its_file_is_taken_out_again),
    CASE(what_a_crash_leaves_is_vouched_for_or_dropped),
    CASE(an_unsynced_object_replaces_nothing),
    CASE(a_lent_thread_writes_for_all),
    CASE(what_was_made_in_a_hurry_is_there_afterwards),
};
const size_t settle_test_count = sizeof settle_tests / sizeof *settle_tests;
