/* Keys for personal values at rest: what is sealed is opened by its key only, whichever seals now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "yq/file.h"
#include "yq/seal.h"

static char dir[64], path[128];
static struct yq_err err;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)
#define refused(expression, with)                                                                  \
    do {                                                                                           \
        assert_false(expression);                                                                  \
        assert_int_equal(err.code, with);                                                          \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-keyring-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/records.key", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct yq_keyring *ready(void)
{
    struct yq_keyring *keyring = yq_keyring_new();
    ok(yq_keyring_ready(keyring, path, "YQ_TEST_KEY", &err));
    return keyring;
}

static void what_is_sealed_is_opened_in_its_context_only(void **state)
{
    (void)state;
    char id[YQ_KEY_ID_SIZE], current[YQ_KEY_ID_SIZE];
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0}, again yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf open yq_cleanup(yq_buf_fini) = {0};
    ok(yq_keyring_make(path, id, &err));
    struct yq_keyring *keyring = ready();
    yq_keyring_current(keyring, current);
    assert_string_equal(id, current);
    for (size_t length = 0; length < 40; length++) {
        yq_buf_clear(&sealed);
        yq_buf_clear(&open);
        yq_buf_puts(&open, "before ");
        ok(yq_keyring_shut(keyring, "exam E1", "Zhang Wei, born in 1980, of Shijiazhuang", length,
                           &sealed, &err));
        assert_true(yq_keyring_is_sealed(yq_buf_text(&sealed), sealed.length));
        assert_null(strstr(yq_buf_text(&sealed), "Zhang"));
        ok(yq_keyring_open(keyring, "exam E1", yq_buf_text(&sealed), sealed.length, &open, &err));
        assert_int_equal(open.length, length + 7);
        assert_memory_equal(open.bytes, "before Zhang Wei, born in 1980, of Shijiazhuang",
                            open.length);
    }
    ok(yq_keyring_shut(keyring, "exam E1", "x", 1, &again, &err));
    assert_string_not_equal(yq_buf_text(&sealed), yq_buf_text(&again));
    yq_buf_clear(&open);
    refused(yq_keyring_open(keyring, "exam E2", yq_buf_text(&sealed), sealed.length, &open, &err),
            YQ_IO);
    for (size_t i = 0; i < sealed.length; i++) {
        sealed.bytes[i] ^= 1;
        assert_false(
            yq_keyring_open(keyring, "exam E1", yq_buf_text(&sealed), sealed.length, &open, &err));
        sealed.bytes[i] ^= 1;
        assert_false(yq_keyring_open(keyring, "exam E1", yq_buf_text(&sealed), i, &open, &err));
    }
    assert_int_equal(open.length, 0);
    yq_keyring_free(keyring);
}

static void keys_can_change(void **state)
{
    (void)state;
    char first[YQ_KEY_ID_SIZE], second[YQ_KEY_ID_SIZE], current[YQ_KEY_ID_SIZE];
    uint8_t mark[32], later[32];
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0}, open yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf by_second yq_cleanup(yq_buf_fini) = {0};
    ok(yq_keyring_make(path, first, &err));
    struct yq_keyring *old = ready();
    ok(yq_keyring_shut(old, "", "text", 4, &sealed, &err));
    yq_keyring_mark(old, "patientId", "p1", 2, mark);
    ok(yq_keyring_make(path, second, &err));
    struct yq_keyring *new = ready();
    yq_keyring_current(new, current);
    assert_string_equal(current, second);
    assert_string_not_equal(first, second);
    ok(yq_keyring_open(new, "", yq_buf_text(&sealed), sealed.length, &open, &err));
    yq_keyring_mark(new, "patientId", "p1", 2, later);
    assert_memory_equal(mark, later, sizeof mark);
    ok(yq_keyring_shut(new, "", "text", 4, &by_second, &err));
    /* who read the file before finds the new key when it meets what it sealed */
    yq_buf_clear(&open);
    ok(yq_keyring_open(old, "", yq_buf_text(&by_second), by_second.length, &open, &err));
    assert_string_equal(yq_buf_text(&open), "text");
    yq_keyring_free(old);
    yq_keyring_free(new);
}

static void a_lost_key_is_told(void **state)
{
    (void)state;
    char id[YQ_KEY_ID_SIZE];
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0}, open yq_cleanup(yq_buf_fini) = {0};
    ok(yq_keyring_make(path, id, &err));
    struct yq_keyring *keyring = ready();
    ok(yq_keyring_shut(keyring, "", "text", 4, &sealed, &err));
    yq_keyring_free(keyring);
    assert_int_equal(unlink(path), 0);
    keyring = yq_keyring_new();
    refused(yq_keyring_ready(keyring, path, "YQ_TEST_KEY", &err), YQ_ABSENT);
    refused(yq_keyring_ready(keyring, "", "YQ_TEST_KEY", &err), YQ_ABSENT);
    char other[YQ_KEY_ID_SIZE];
    ok(yq_keyring_make(path, other, &err));
    ok(yq_keyring_ready(keyring, path, "", &err));
    refused(yq_keyring_open(keyring, "", yq_buf_text(&sealed), sealed.length, &open, &err),
            YQ_REFUSED);
    assert_non_null(strstr(err.text, id));
    assert_int_equal(open.length, 0);
    yq_keyring_free(keyring);
}

static void the_file_has_to_be_sound(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "# nothing",
        "mark 00",
        "key k1 zz",
        "key k1 0000000000000000000000000000000000000000000000000000000000000001", /* no mark */
        "mark 0000000000000000000000000000000000000000000000000000000000000001",   /* no key */
        "mark 0000000000000000000000000000000000000000000000000000000000000001\n"
        "key K1 0000000000000000000000000000000000000000000000000000000000000001",
        "mark 0000000000000000000000000000000000000000000000000000000000000001\n"
        "key k1 0000000000000000000000000000000000000000000000000000000000000001 x",
        "mark 0000000000000000000000000000000000000000000000000000000000000001\n"
        "key k1 0000000000000000000000000000000000000000000000000000000000000001\n"
        "key k1 0000000000000000000000000000000000000000000000000000000000000002"};
    struct yq_keyring *keyring = yq_keyring_new();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ok(yq_file_write(path, texts[i], strlen(texts[i]), 0600, &err));
        struct yq_keyring *fresh = yq_keyring_new();
        refused(yq_keyring_ready(fresh, path, "", &err), YQ_BAD_INPUT);
        assert_null(strstr(err.text, "00000001"));
        yq_keyring_free(fresh);
    }
    const char *good =
        "# ours\nmark 0000000000000000000000000000000000000000000000000000000000000001"
        "\r\n key  k1 "
        "0000000000000000000000000000000000000000000000000000000000000001\n\n";
    ok(yq_file_write(path, good, strlen(good), 0644, &err));
    chmod(path, 0644);
    refused(yq_keyring_ready(keyring, path, "", &err), YQ_REFUSED);
    chmod(path, 0600);
    ok(yq_keyring_ready(keyring, path, "", &err));
    yq_keyring_free(keyring);
    setenv("YQ_TEST_KEY",
           "mark 0000000000000000000000000000000000000000000000000000000000000001;"
           "key k1 0000000000000000000000000000000000000000000000000000000000000001",
           1);
    keyring = yq_keyring_new();
    ok(yq_keyring_ready(keyring, "", "YQ_TEST_KEY", &err));
    yq_keyring_free(keyring);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_sealed_is_opened_in_its_context_only),
        CASE(keys_can_change),
        CASE(a_lost_key_is_told),
        CASE(the_file_has_to_be_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
