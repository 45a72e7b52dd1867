/* test_store.c: the life of objects: written, committed, read, removed, thrown away, walked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
/* after the above */
#include <cmocka.h>

#include "yq/clock.h"
#include "yq/store.h"

static char dir[64];
static struct yq_store *store;
static struct yq_err err;

static const uint8_t digest_a[32] = {0xaa, 1, 2, 3}, digest_b[32] = {0xbb, 1, 2, 3};
static const struct yq_key key = {"1.2.3", "1.2.3.4", "1.2.3.4.5"};

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return yq_store_open(dir, true, &store, &err) ? 0 : -1;
}

static int remove_entry(const char *name, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(name);
}

static int tear_down(void **state)
{
    (void)state;
    yq_store_close(store);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct yq_staged *stage(const void *bytes, size_t length)
{
    struct yq_staged *staged;
    if (!yq_store_begin(store, &staged, &err) || !yq_staged_write(staged, bytes, length, &err))
        fail_msg("%s", err.text);
    return staged;
}

static void keep(const struct yq_key *k, const uint8_t *digest, const char *text)
{
    struct yq_staged *staged = stage(text, strlen(text));
    if (!yq_staged_place(staged, k, digest, &err) || !yq_staged_sync(staged, &err))
        fail_msg("%s", err.text);
    yq_staged_keep(staged);
}

static bool refused(struct yq_staged *take, const struct yq_key *k, const uint8_t *digest)
{
    bool ok = yq_staged_place(take, k, digest, &err);
    yq_staged_abandon(take);
    return !ok;
}

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

static size_t count_in(const char *part)
{
    char path[YQ_PATH_MOST];
    size_t count = 0;
    assert_true(yq_path_join(path, dir, part, &err));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static size_t walk_count(void)
{
    struct yq_store_walk *walk;
    const char *path;
    size_t count = 0;
    assert_true(yq_store_walk_open(store, &walk, &err));
    for (; yq_store_walk_next(walk, &path, &err); count++)
        assert_true(exists(path));
    assert_int_equal(err.code, YQ_OK);
    yq_store_walk_close(walk);
    return count;
}

static void what_is_committed_can_be_read(void **state)
{
    (void)state;
    struct yq_object object = {.size = 6};
    struct yq_staged *staged = stage("abc", 3);
    char back[16];
    size_t got;
    int fd;
    memcpy(object.digest, digest_a, 32);
    assert_true(yq_staged_write(staged, "def", 3, &err));
    assert_int_equal(yq_staged_size(staged), 6);
    assert_true(yq_read_at(yq_staged_fd(staged), back, sizeof back, 0, &got, &err));
    assert_int_equal(got, 6);
    assert_false(yq_store_read(store, &key, &object, &fd, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_int_equal(walk_count(), 0);

    assert_true(yq_staged_place(staged, &key, digest_a, &err));
    assert_int_equal(count_in("promises"), 1);
    assert_int_equal(count_in("staging"), 0);
    assert_true(yq_staged_sync(staged, &err));
    yq_staged_keep(staged);
    assert_int_equal(walk_count(), 1);
    assert_true(yq_store_read(store, &key, &object, &fd, &err));
    assert_true(yq_read_at(fd, back, sizeof back, 0, &got, &err));
    assert_int_equal(got, 6);
    assert_memory_equal(back, "abcdef", 6);
    close(fd);
    object.size = 7;
    assert_false(yq_store_read(store, &key, &object, &fd, &err));
    assert_int_equal(err.code, YQ_IO);
    assert_int_equal(fd, -1);
}

static void the_path_is_as_promised(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST];
    assert_true(yq_store_path(store, &key, digest_a, path, &err));
    assert_non_null(strstr(path, "/1.2.3/1.2.3.4/1.2.3.4.5.aa010203.dcm"));
    keep(&key, digest_a, "x");
    assert_true(exists(path));
}

static void the_same_content_twice_is_one_file(void **state)
{
    (void)state;
    keep(&key, digest_a, "same");
    keep(&key, digest_a, "same");
    assert_int_equal(walk_count(), 1);
    keep(&key, digest_b, "other");
    assert_int_equal(walk_count(), 2);
    assert_int_equal(count_in("staging"), 0);
}

static void a_stored_object_never_changes_even_under_its_digest(void **state)
{
    (void)state;
    struct yq_object object = {.size = 4};
    char back[4];
    size_t got;
    int fd;
    memcpy(object.digest, digest_a, 32);
    keep(&key, digest_a, "good");
    assert_true(refused(stage("evil", 4), &key, digest_a));
    assert_int_equal(err.code, YQ_CONFLICT);
    assert_true(refused(stage("goods", 5), &key, digest_a));
    assert_int_equal(err.code, YQ_CONFLICT);
    assert_true(yq_store_read(store, &key, &object, &fd, &err));
    assert_true(yq_read_at(fd, back, 4, 0, &got, &err));
    assert_memory_equal(back, "good", 4);
    close(fd);
    assert_int_equal(count_in("staging"), 0);
}

static void names_that_are_no_uids_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "../../etc", "1.2/3",    ".",  "..",
                                      "1..2", "1.2 ",      "1.2\n3.4", "1.", "\xff"};
    char path[YQ_PATH_MOST];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int part = 0; part < 3; part++) {
            struct yq_key hostile = key;
            yq_copy(part == 0   ? hostile.study
                    : part == 1 ? hostile.series
                                : hostile.instance,
                    YQ_UID_SIZE, bad[i]);
            assert_true(refused(stage("x", 1), &hostile, digest_a));
            assert_int_equal(err.code, YQ_BAD_INPUT);
            assert_false(yq_store_path(store, &hostile, digest_a, path, &err));
            yq_store_remove(store, &hostile, digest_a);
            assert_false(yq_store_trash(store, &hostile, digest_a, "label", &err));
        }
    }
    assert_int_equal(count_in("staging"), 0);
    assert_int_equal(count_in("objects"), 0);
}

static void abandoned_leaves_nothing(void **state)
{
    (void)state;
    yq_staged_abandon(stage("x", 1));
    {
        struct yq_staged *staged yq_cleanup(yq_staged_cleanup) = stage("y", 1);
        (void)staged;
    }
    assert_int_equal(count_in("staging"), 0);
    struct yq_staged *placed = stage("z", 1);
    assert_true(yq_staged_place(placed, &key, digest_a, &err));
    assert_int_equal(walk_count(), 1);
    yq_staged_abandon(placed);
    assert_int_equal(count_in("objects"), 0);
    /* but not what somebody else brought */
    keep(&key, digest_a, "x");
    placed = stage("x", 1);
    assert_true(yq_staged_place(placed, &key, digest_a, &err));
    yq_staged_abandon(placed);
    assert_int_equal(walk_count(), 1);
}

static void removing_takes_empty_folders_along(void **state)
{
    (void)state;
    struct yq_key sibling = {"1.2.3", "1.2.3.9", "1.2.3.9.1"};
    keep(&key, digest_a, "a");
    keep(&sibling, digest_a, "b");
    yq_store_remove(store, &key, digest_a);
    yq_store_remove(store, &key, digest_a); /* a missing one is no error */
    assert_int_equal(walk_count(), 1);
    assert_int_equal(count_in("objects"), 1);
    yq_store_remove(store, &sibling, digest_a);
    assert_int_equal(count_in("objects"), 0);
    keep(&key, digest_a, "a"); /* and the folders come back */
    assert_int_equal(walk_count(), 1);
}

static void the_trash_keeps_and_forgets(void **state)
{
    (void)state;
    static const char label[] = "20260301T101500-delete";
    char path[YQ_PATH_MOST];
    keep(&key, digest_a, "a");
    assert_true(yq_store_trash(store, &key, digest_a, label, &err));
    assert_true(yq_store_trash(store, &key, digest_a, label, &err));
    assert_int_equal(walk_count(), 0);
    assert_int_equal(count_in("objects"), 0);
    snprintf(path, sizeof path, "%s/trash/%s/1.2.3/1.2.3.4/1.2.3.4.5.aa010203.dcm", dir, label);
    assert_true(exists(path));
    assert_int_equal(yq_store_purge_trash(store, yq_now_ms() - 60000), 0);
    assert_true(exists(path));
    assert_int_equal(yq_store_purge_trash(store, yq_now_ms() + 60000), 1);
    assert_int_equal(count_in("trash"), 0);

    static const char *const bad[] = {"", "..", "a/b", "../x", "a b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(yq_store_trash(store, &key, digest_a, bad[i], &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
}

static void purging_does_not_follow_links(void **state)
{
    (void)state;
    char path[YQ_PATH_MOST], victim[YQ_PATH_MOST];
    snprintf(victim, sizeof victim, "%s/precious", dir);
    assert_int_equal(mkdir(victim, 0700), 0);
    snprintf(victim, sizeof victim, "%s/precious/file", dir);
    assert_true(yq_file_write(victim, "x", 1, 0600, &err));
    snprintf(path, sizeof path, "%s/trash/label", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/trash/label/link", dir);
    assert_int_equal(symlink("../../precious", path), 0);
    yq_store_purge_trash(store, yq_now_ms() + 60000);
    assert_false(exists(path));
    assert_true(exists(victim));
}

static void a_reserve_larger_than_the_disk_is_full(void **state)
{
    (void)state;
    struct yq_store_space space;
    struct yq_staged *staged;
    assert_true(yq_store_space(store, &space, &err));
    assert_true(space.total_bytes >= space.free_bytes);
    yq_store_set_reserve(store, space.total_bytes + 1);
    for (int i = 0; i < 3; i++) {
        assert_false(yq_store_begin(store, &staged, &err));
        assert_int_equal(err.code, YQ_FULL);
    }
    yq_store_set_reserve(store, 1);
    assert_true(yq_store_begin(store, &staged, &err));
    yq_staged_abandon(staged);
}

static void only_a_sweeping_opener_empties_staging(void **state)
{
    (void)state;
    struct yq_store *other;
    char path[YQ_PATH_MOST];
    snprintf(path, sizeof path, "%s/staging/%d-7.part", dir, (int)getpid());
    assert_true(yq_file_write(path, "half", 4, 0600, &err));
    assert_true(yq_store_open(dir, false, &other, &err));
    yq_store_close(other);
    assert_int_equal(count_in("staging"), 1);
    keep(&key, digest_a, "whole");
    assert_true(yq_store_open(dir, true, &other, &err));
    yq_store_close(other);
    assert_int_equal(count_in("staging"), 0);
    assert_int_equal(walk_count(), 1);
}

static enum yq_known answer(void *context, const char *path)
{
    assert_non_null(strstr(path, "/objects/"));
    return *(enum yq_known *)context;
}

/* Places in a process of its own that dies before anything is settled. */
static void place_and_die(const uint8_t *digest)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct yq_staged *staged;
        struct yq_err trouble;
        bool ok = yq_store_begin(store, &staged, &trouble) &&
                  yq_staged_write(staged, "whole", 5, &trouble) &&
                  yq_staged_place(staged, &key, digest, &trouble);
        _exit(ok ? 0 : 1);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

static void what_a_dead_process_promised_is_asked_about(void **state)
{
    (void)state;
    enum yq_known known = YQ_KNOWN_UNSURE;
    place_and_die(digest_a);
    assert_int_equal(walk_count(), 1);
    yq_store_settle_all(store, answer, &known); /* nobody can tell now: asked again next time */
    assert_int_equal(walk_count(), 1);
    assert_int_equal(count_in("promises"), 1);
    known = YQ_KNOWN;
    yq_store_settle_all(store, answer, &known);
    assert_int_equal(walk_count(), 1);
    assert_int_equal(count_in("promises"), 0);
    place_and_die(digest_b);
    assert_int_equal(walk_count(), 2);
    known = YQ_KNOWN_NOT;
    yq_store_settle_all(store, answer, &known);
    assert_int_equal(walk_count(), 1);
    assert_int_equal(count_in("promises"), 0);
}

static void a_file_in_the_way_is_no_store(void **state)
{
    (void)state;
    struct yq_store *other;
    char path[YQ_PATH_MOST];
    snprintf(path, sizeof path, "%s/file", dir);
    assert_true(yq_file_write(path, "x", 1, 0600, &err));
    assert_false(yq_store_open(path, false, &other, &err));
    assert_int_equal(err.code, YQ_IO);
}

static void a_folder_of_others_is_refused(void **state)
{
    (void)state;
    struct yq_store *other;
    if (geteuid() == 0 && seteuid(65534) != 0)
        skip();
    bool root = getuid() == 0;
    if (!root)
        assert_int_equal(chmod(dir, 0500), 0);
    char path[YQ_PATH_MOST];
    snprintf(path, sizeof path, "%s/sub", root ? "/root" : dir);
    bool opened = yq_store_open(path, false, &other, &err);
    if (root)
        assert_int_equal(seteuid(0), 0);
    else
        chmod(dir, 0700);
    assert_false(opened);
    assert_int_equal(err.code, YQ_REFUSED);
}

/* One thread keeps removing what the other keeps committing, in one folder. */
static atomic_bool stop;
static void *remove_all_the_time(void *unused)
{
    (void)unused;
    while (!stop)
        yq_store_remove(store, &key, digest_b);
    return NULL;
}

static void commits_survive_pruning(void **state)
{
    (void)state;
    pthread_t remover;
    stop = false;
    assert_int_equal(pthread_create(&remover, NULL, remove_all_the_time, NULL), 0);
    for (int i = 0; i < 50; i++) {
        char path[YQ_PATH_MOST];
        keep(&key, digest_a, "a");
        assert_true(yq_store_path(store, &key, digest_a, path, &err));
        assert_true(exists(path));
        yq_store_remove(store, &key, digest_a);
    }
    stop = true;
    pthread_join(remover, NULL);
    assert_int_equal(walk_count(), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_committed_can_be_read),
        CASE(the_path_is_as_promised),
        CASE(the_same_content_twice_is_one_file),
        CASE(a_stored_object_never_changes_even_under_its_digest),
        CASE(names_that_are_no_uids_are_refused),
        CASE(abandoned_leaves_nothing),
        CASE(removing_takes_empty_folders_along),
        CASE(the_trash_keeps_and_forgets),
        CASE(purging_does_not_follow_links),
        CASE(a_reserve_larger_than_the_disk_is_full),
        CASE(only_a_sweeping_opener_empties_staging),
        CASE(what_a_dead_process_promised_is_asked_about),
        CASE(a_file_in_the_way_is_no_store),
        CASE(a_folder_of_others_is_refused),
        CASE(commits_survive_pruning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
