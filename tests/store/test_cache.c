/* test_cache.c: results are found as they were put, or not at all; their bytes are bounded. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
/* after the above */
#include <cmocka.h>

#include "yq/cache.h"
#include "yq/file.h"
#include "yq/store.h"

#define MEGABYTE ((uint64_t)1 << 20)

static char dir[64];
static struct yq_cache *cache;

static const uint8_t digest_a[32] = {0xaa, 1, 2, 3}, digest_b[32] = {0xaa, 1, 2, 4};

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-cache-XXXXXX");
    assert_non_null(mkdtemp(dir));
    cache = yq_cache_open(dir, MEGABYTE);
    return cache ? 0 : -1;
}

static int remove_entry(const char *name, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(name);
}

static int tear_down(void **state)
{
    (void)state;
    yq_cache_close(cache);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const uint8_t digest[32], const char *recipe, const char *text)
{
    yq_cache_put(cache, digest, recipe, text, strlen(text));
}

static bool is_there(const uint8_t digest[32], const char *recipe, const char *text)
{
    int fd;
    uint64_t length;
    struct yq_err err;
    size_t got;
    char bytes[256];
    if (!yq_cache_get(cache, digest, recipe, &fd, &length)) {
        assert_int_equal(fd, -1);
        return false;
    }
    assert_int_equal(length, strlen(text));
    assert_true(yq_read_at(fd, bytes, length, 0, &got, &err));
    assert_int_equal(got, length);
    assert_memory_equal(bytes, text, length);
    close(fd);
    return true;
}

/* Calls for each file of the cache; how many there are. */
static size_t each_file(void (*what)(const char *path, size_t number))
{
    size_t count = 0;
    char root[128];
    snprintf(root, sizeof root, "%s/cache", dir);
    DIR *top = opendir(root);
    for (struct dirent *shard; top && (shard = readdir(top));) {
        char path[512];
        if (shard->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%.100s/%.200s", root, shard->d_name);
        DIR *folder = opendir(path);
        for (struct dirent *file; folder && (file = readdir(folder));) {
            char name[768];
            if (file->d_name[0] == '.')
                continue;
            snprintf(name, sizeof name, "%.300s/%.200s", path, file->d_name);
            if (what)
                what(name, count);
            count++;
        }
        if (folder)
            closedir(folder);
    }
    if (top)
        closedir(top);
    return count;
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    assert_false(is_there(digest_a, "jpeg 1", "one"));
    put(digest_a, "jpeg 1", "one");
    put(digest_a, "jpeg 2", "");
    put(digest_b, "jpeg 1", "three");
    assert_true(is_there(digest_a, "jpeg 1", "one"));
    assert_true(is_there(digest_a, "jpeg 2", ""));
    assert_true(is_there(digest_b, "jpeg 1", "three"));
    assert_false(is_there(digest_b, "jpeg 2", ""));
    put(digest_a, "jpeg 1", "another");
    assert_true(is_there(digest_a, "jpeg 1", "another"));
    yq_cache_close(cache); /* and after a restart */
    cache = yq_cache_open(dir, MEGABYTE);
    assert_true(is_there(digest_a, "jpeg 1", "another"));
    assert_true(is_there(digest_b, "jpeg 1", "three"));
}

static void a_file_is_put_in_pieces(void **state)
{
    (void)state;
    struct yq_err err;
    char path[128], *bytes = malloc(200001), *again = malloc(200001);
    int fd;
    uint64_t length;
    size_t got;
    assert_true(bytes && again);
    snprintf(path, sizeof path, "%s/source", dir);
    for (size_t i = 0; i < 200001; i++)
        bytes[i] = (char)(i * 7 + i / 1000);
    int source = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(yq_write_all(source, bytes, 200001, &err));
    yq_cache_put_file(cache, digest_a, "file", source, 200000);
    assert_true(yq_cache_get(cache, digest_a, "file", &fd, &length));
    assert_int_equal(length, 200000);
    assert_true(yq_read_at(fd, again, 200000, 0, &got, &err));
    assert_memory_equal(again, bytes, 200000);
    close(fd);
    close(source);
    free(bytes);
    free(again);
}

static size_t flipped_at;

static void flip(const char *path, size_t number)
{
    (void)number;
    char byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)flipped_at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)flipped_at), 1);
    close(fd);
}

static void cut(const char *path, size_t number)
{
    (void)number;
    assert_int_equal(truncate(path, (off_t)flipped_at), 0);
}

static void what_was_damaged_is_not_there(void **state)
{
    (void)state;
    struct yq_cache_counts counts;
    enum { ALL = 5 + 6 + 64 }; /* value, recipe, trailer */
    for (flipped_at = 0; flipped_at < ALL; flipped_at++) {
        put(digest_a, "recipe", "value");
        assert_int_equal(each_file(flip), 1);
        assert_false(is_there(digest_a, "recipe", "value"));
        assert_int_equal(each_file(NULL), 0); /* and not in the way */
        put(digest_a, "recipe", "value");
        assert_int_equal(each_file(cut), 1);
        assert_false(is_there(digest_a, "recipe", "value"));
    }
    yq_cache_count(cache, &counts);
    assert_int_equal(counts.broken, 2 * ALL);
}

static void make_old(const char *path, size_t number)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - 10000}, {.tv_sec = time(NULL) - 10000}};
    (void)number;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static uint64_t bytes_there;
static void add_bytes(const char *path, size_t number)
{
    struct stat about;
    (void)number;
    assert_int_equal(stat(path, &about), 0);
    bytes_there += (uint64_t)about.st_size;
}

static void what_was_not_used_goes_first(void **state)
{
    (void)state;
    char *bytes = calloc(1, 100000), recipe[16];
    assert_non_null(bytes);
    put(digest_a, "used", "used");
    put(digest_a, "forgotten", "forgotten");
    assert_int_equal(each_file(make_old), 2);
    yq_cache_close(cache); /* all of it also after a restart */
    cache = yq_cache_open(dir, MEGABYTE);
    assert_true(is_there(digest_a, "used", "used"));
    for (int i = 0; i < 50; i++) {
        uint8_t digest[32] = {(uint8_t)(i * 5)};
        snprintf(recipe, sizeof recipe, "%d", i);
        yq_cache_put(cache, digest, recipe, bytes, 100000);
        bytes_there = 0;
        each_file(add_bytes);
        assert_true(bytes_there <= MEGABYTE);
        if (i == 10) { /* some had to go by now */
            assert_true(is_there(digest_a, "used", "used"));
            assert_false(is_there(digest_a, "forgotten", "forgotten"));
        }
    }
    assert_true(bytes_there > MEGABYTE / 2);
    yq_cache_put(cache, digest_a, "much", bytes, 100000);
    yq_cache_limit(cache, MEGABYTE / 4, 0);
    bytes_there = 0;
    each_file(add_bytes);
    assert_true(bytes_there <= MEGABYTE / 4);
    yq_cache_put(cache, digest_b, "much", bytes, 100000); /* more than a quarter of it */
    yq_cache_limit(cache, 0, 0);
    assert_int_equal(each_file(NULL), 0);
    put(digest_a, "off", "off");
    assert_false(is_there(digest_a, "off", "off"));
    free(bytes);
}

static void one_object_is_forgotten(void **state)
{
    (void)state;
    put(digest_a, "1", "x");
    put(digest_a, "2", "y");
    put(digest_b, "1", "z");
    yq_cache_forget(cache, digest_a);
    assert_false(is_there(digest_a, "1", "x"));
    assert_false(is_there(digest_a, "2", "y"));
    assert_true(is_there(digest_b, "1", "z"));
    yq_cache_forget(NULL, digest_a);
}

static void a_disk_that_fills_gets_its_room_back(void **state)
{
    (void)state;
    put(digest_a, "1", "x");
    yq_cache_limit(cache, MEGABYTE, UINT64_MAX / 2);
    put(digest_b, "1", "y"); /* the disk has less than that to spare */
    assert_false(is_there(digest_b, "1", "y"));
    assert_true(is_there(digest_a, "1", "x"));
    yq_cache_yield(cache);
    assert_int_equal(each_file(NULL), 0);
}

/* A process that is killed while it writes leaves a part that nobody takes for a result. */
static void a_killed_process_leaves_nothing(void **state)
{
    (void)state;
    int ready[2];
    char byte, top[128];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char *bytes = calloc(1, 200000);
        for (int i = 0; bytes; i++) {
            uint8_t digest[32] = {(uint8_t)i};
            yq_cache_put(cache, digest, "part", bytes, 200000);
            (void)!write(ready[1], "x", 1);
        }
        _exit(1);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 256; i++) {
        uint8_t digest[32] = {(uint8_t)i};
        int fd;
        uint64_t length;
        if (yq_cache_get(cache, digest, "part", &fd, &length)) {
            assert_int_equal(length, 200000);
            close(fd);
        }
    }
    snprintf(top, sizeof top, "%s/cache/%ld.77", dir, (long)child);
    close(open(top, O_WRONLY | O_CREAT, 0600));
    snprintf(top, sizeof top, "%s/cache/%ld.77", dir, (long)getpid());
    close(open(top, O_WRONLY | O_CREAT, 0600)); /* one that had our number */
    (void)yq_cache_shrink(cache, MEGABYTE);
    put(digest_a, "1", "x");
    snprintf(top, sizeof top, "%s/cache", dir);
    DIR *folder = opendir(top);
    for (struct dirent *found; (found = readdir(folder));)
        assert_true(found->d_name[0] == '.' || strlen(found->d_name) == 2);
    closedir(folder);
    struct yq_cache_counts counts;
    yq_cache_count(cache, &counts);
    assert_int_equal(counts.broken, 0);
    close(ready[0]);
    close(ready[1]);
}

static void *hammer(void *number)
{
    char *bytes = calloc(1, 50000);
    for (int i = 0; bytes && i < 300; i++) {
        uint8_t digest[32] = {(uint8_t)(i % 40)};
        char recipe[8];
        int fd;
        uint64_t length;
        snprintf(recipe, sizeof recipe, "%d", i % 40);
        memset(bytes, i % 40, 50000);
        if (yq_cache_get(cache, digest, recipe, &fd, &length)) {
            char first;
            if (length != 50000 || pread(fd, &first, 1, 49999) != 1 || first != i % 40)
                *(int *)number = -1;
            close(fd);
        } else if (i % 41 == 0) {
            yq_cache_forget(cache, digest);
        } else {
            yq_cache_put(cache, digest, recipe, bytes, 50000);
        }
    }
    free(bytes);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[8];
    int results[8] = {0};
    struct yq_cache_counts counts;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &results[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], 0);
    }
    yq_cache_count(cache, &counts);
    assert_int_equal(counts.broken, 0);
    assert_true(counts.hits > 0);
    (void)yq_cache_shrink(cache, 0);
    assert_int_equal(each_file(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_put_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_damaged_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_used_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_object_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fills_gets_its_room_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_process_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_do_not_disturb_each_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
