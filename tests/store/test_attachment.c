/* test_attachment.c: files named by their content: kept once, mended, found, thrown away. */
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
/* after the above */
#include <cmocka.h>

#include "yq/store.h"

static char dir[64];
static struct yq_store *store;
static struct yq_err err;
static const char name[] = "aa01020304050607080900010203040506070809000102030405060708090001";

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-attach-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return yq_store_open(dir, true, &store, &err) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    yq_store_close(store);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void keep(const char *text)
{
    struct yq_staged *staged;
    assert_true(yq_store_begin(store, &staged, &err));
    assert_true(yq_staged_write(staged, text, strlen(text), &err));
    if (!yq_staged_attach(staged, name, &err))
        fail_msg("%s", err.text);
    yq_staged_abandon(staged);
}

static void holds(const char *text)
{
    char got[64] = "";
    uint64_t size;
    int fd;
    assert_true(yq_store_attachment(store, name, &fd, &size, &err));
    assert_int_equal(size, strlen(text));
    assert_int_equal(read(fd, got, sizeof got - 1), (ssize_t)strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static size_t files(void)
{
    struct yq_store_walk *walk;
    const char *path;
    size_t count = 0;
    assert_true(yq_store_walk_attachments(store, &walk, &err));
    while (yq_store_walk_next(walk, &path, &err))
        count++;
    assert_int_equal(err.code, YQ_OK);
    yq_store_walk_close(walk);
    return count;
}

static void the_same_twice_is_one_file(void **state)
{
    (void)state;
    keep("a report");
    keep("a report");
    holds("a report");
    assert_int_equal(files(), 1);
}

static void a_damaged_file_makes_way(void **state)
{
    (void)state;
    keep("a rep0rt");
    keep("a report");
    holds("a report");
}

static void it_goes_into_the_trash_and_comes_back(void **state)
{
    (void)state;
    char path[256];
    uint64_t size;
    int fd;
    keep("a report");
    assert_true(yq_store_attachment_trash(store, name, "20260301-unused", &err));
    assert_true(yq_store_attachment_trash(store, name, "20260301-unused", &err));
    assert_false(yq_store_attachment(store, name, &fd, &size, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    snprintf(path, sizeof path, "%s/trash/20260301-unused/attachments/aa/%s.pdf", dir, name);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(files(), 0);
    keep("a report");
    holds("a report");
}

static void no_other_name_is_a_path(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "..", "../../etc/passwd", "AA", "aa"};
    uint64_t size;
    int fd;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(yq_store_attachment(store, bad[i], &fd, &size, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_false(yq_store_attachment_trash(store, bad[i], "label", &err));
    }
    assert_false(yq_store_attachment_trash(store, name, "../label", &err));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_twice_is_one_file),
        TEST(a_damaged_file_makes_way),
        TEST(it_goes_into_the_trash_and_comes_back),
        TEST(no_other_name_is_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
