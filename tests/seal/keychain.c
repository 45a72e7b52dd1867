/* Keys where they are said to be: who may read them, what is taken of them, and that nothing of
 * them gets into an error. */
#include <pthread.h>
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

#include "yq/clock.h"
#include "yq/file.h"
#include "yq/recipe.h"

static char dir[64], path[128];
static struct yq_err err;
static struct yq_keychain *keys;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)
#define refused(expression, with)                                                                  \
    do {                                                                                           \
        assert_false(expression);                                                                  \
        assert_int_equal(err.code, with);                                                          \
        assert_null(strstr(err.text, "secret"));                                                   \
    } while (0)

static int setup(void **state)
{
    (void)state;
    (void)yq_copy(dir, sizeof dir, "/tmp/yq-keychain-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/key", dir);
    keys = yq_keychain_new();
    return keys ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    yq_keychain_free(keys);
    unlink(path);
    return rmdir(dir);
}

static void write_key(const void *bytes, size_t length, mode_t mode)
{
    ok(yq_file_write(path, bytes, length, 0600, &err));
    assert_int_equal(chmod(path, mode), 0);
}

static void is(const char *name, const void *bytes, size_t length)
{
    struct yq_buf out = {0};
    ok(yq_keychain_get(keys, name, &out, &err));
    assert_int_equal(out.length, length);
    assert_memory_equal(out.bytes, bytes, length);
    yq_buf_fini(&out);
}

static bool get(const char *name)
{
    struct yq_buf out = {0};
    bool got = yq_keychain_get(keys, name, &out, &err);
    assert_int_equal(out.length != 0, got);
    yq_buf_fini(&out);
    return got;
}

static void files(void **state)
{
    (void)state;
    ok(yq_keychain_add(keys, "key", "file:key", dir, &err));
    ok(yq_keychain_add(keys, "whole", "file:/nowhere/at/all", dir, &err));
    assert_true(yq_keychain_has(keys, "key"));
    assert_false(yq_keychain_has(keys, "iv"));
    refused(get("iv"), YQ_ABSENT);
    refused(get("whole"), YQ_ABSENT);
    refused(get("key"), YQ_ABSENT);
    write_key("secret", 6, 0640);
    refused(get("key"), YQ_REFUSED);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_int_equal(chmod(path, 0604), 0);
    refused(get("key"), YQ_REFUSED);
    assert_int_equal(chmod(path, 0400), 0);
    is("key", "secret", 6);
    refused(yq_keychain_add(keys, "folder", "file:.", dir, &err) && get("folder"), YQ_REFUSED);
}

static void belongs_to_another(void **state)
{
    (void)state;
    ok(yq_keychain_add(keys, "key", "file:key", dir, &err));
    write_key("secret", 6, 0600);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    refused(get("key"), YQ_REFUSED);
}

static void changes(void **state)
{
    (void)state;
    ok(yq_keychain_add(keys, "key", "file:key", dir, &err));
    write_key("secret1", 7, 0600);
    is("key", "secret1", 7);
    write_key("secret-2", 8, 0600);
    int64_t until = yq_monotonic_ms() + 10000;
    struct yq_buf out = {0};
    while (out.length != 8 && yq_monotonic_ms() < until) {
        yq_buf_clear(&out);
        ok(yq_keychain_get(keys, "key", &out, &err));
        usleep(50000);
    }
    yq_buf_fini(&out);
    is("key", "secret-2", 8);
    /* away for a moment, or loosened: what was read is good */
    unlink(path);
    usleep(1100000);
    is("key", "secret-2", 8);
}

static void forms(void **state)
{
    (void)state;
    static const uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, '\n'};
    setenv("YQ_TEST_HEX", "000102030405060708090a0b0c0d0E0A\n", 1);
    setenv("YQ_TEST_BASE64", "AAECAwQFBgcICQoLDA0OCg==\r\n", 1);
    setenv("YQ_TEST_TEXT", "secret \r\n", 1);
    setenv("YQ_TEST_EMPTY", "", 1);
    setenv("YQ_TEST_LINE", "\r\n", 1);
    ok(yq_keychain_add(keys, "hex", "hex env:YQ_TEST_HEX", "", &err));
    ok(yq_keychain_add(keys, "base64", "base64 env:YQ_TEST_BASE64", "", &err));
    ok(yq_keychain_add(keys, "text", "env:YQ_TEST_TEXT", "", &err));
    ok(yq_keychain_add(keys, "empty", "env:YQ_TEST_EMPTY", "", &err));
    ok(yq_keychain_add(keys, "line", "env:YQ_TEST_LINE", "", &err));
    ok(yq_keychain_add(keys, "no_hex", "hex env:YQ_TEST_TEXT", "", &err));
    ok(yq_keychain_add(keys, "no_base64", "base64 env:YQ_TEST_TEXT", "", &err));
    ok(yq_keychain_add(keys, "none", "env:YQ_TEST_NOT_THERE", "", &err));
    ok(yq_keychain_add(keys, "raw", "file:key", dir, &err));
    is("hex", bytes, 16);
    is("base64", bytes, 16);
    is("text", "secret ", 7);
    refused(get("empty"), YQ_ABSENT);
    refused(get("line"), YQ_ABSENT);
    refused(get("no_hex"), YQ_BAD_INPUT);
    refused(get("no_base64"), YQ_BAD_INPUT);
    refused(get("none"), YQ_ABSENT);
    write_key(bytes, 16, 0600); /* the line end at its end belongs to it */
    is("raw", bytes, 16);
}

static void too_long(void **state)
{
    (void)state;
    static char text[YQ_KEY_MOST + 1];
    memset(text, 'a', sizeof text);
    ok(yq_keychain_add(keys, "key", "file:key", dir, &err));
    write_key(text, sizeof text, 0600);
    refused(get("key"), YQ_BAD_INPUT);
    write_key(text, YQ_KEY_MOST, 0600);
    is("key", text, YQ_KEY_MOST);
}

static void places(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",           "secret",   "file:",          "env:",          "env:A B", "command:", "hex",
        "hex secret", "hexenv:A", "command:secret", "hex hex env:A", "FILE:x",  "base64 ",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(yq_keychain_add(keys, "key", wrong[i], dir, &err), YQ_BAD_INPUT);
    refused(yq_keychain_add(keys, "", "env:A", dir, &err), YQ_BAD_INPUT);
    refused(yq_keychain_add(keys, "a-b", "env:A", dir, &err), YQ_BAD_INPUT);
    refused(yq_keychain_add(keys, "a12345678901234567890123456789012", "env:A", dir, &err),
            YQ_BAD_INPUT);
    ok(yq_keychain_add(keys, "key", "env:A", dir, &err));
    refused(yq_keychain_add(keys, "key", "env:B", dir, &err), YQ_BAD_INPUT);
}

/* ---- programs ---- */

static void programs(void **state)
{
    (void)state;
    char words[200];
    write_key("secret", 6, 0600);
    snprintf(words, sizeof words, "command:/bin/cat  %s", path);
    ok(yq_keychain_add(keys, "key", words, dir, &err));
    snprintf(words, sizeof words, "hex command:/bin/cat %s", path);
    ok(yq_keychain_add(keys, "no_hex", words, dir, &err));
    ok(yq_keychain_add(keys, "none", "command:/no/such/program", dir, &err));
    ok(yq_keychain_add(keys, "fails", "command:/bin/false", dir, &err));
    ok(yq_keychain_add(keys, "silent", "command:/bin/true", dir, &err));
    ok(yq_keychain_add(keys, "shell", "command:/bin/echo a;b $HOME `id`", dir, &err));
    ok(yq_keychain_add(keys, "much", "command:/bin/cat /dev/zero", dir, &err));
    is("key", "secret", 6);
    unlink(path); /* it is not started again */
    is("key", "secret", 6);
    is("shell", "a;b $HOME `id`", 14);
    refused(get("no_hex"), YQ_ABSENT);
    refused(get("none"), YQ_ABSENT);
    refused(get("fails"), YQ_ABSENT);
    assert_non_null(strstr(err.text, "status 1"));
    refused(get("silent"), YQ_ABSENT);
    refused(get("much"), YQ_BAD_INPUT);
}

static void hangs(void **state)
{
    (void)state;
    int64_t began = yq_monotonic_ms();
    ok(yq_keychain_add(keys, "key", "command:/bin/sleep 100", dir, &err));
    refused(get("key"), YQ_TIMEOUT);
    assert_in_range(yq_monotonic_ms() - began, 9000, 60000);
    began = yq_monotonic_ms(); /* and is left alone for a while */
    refused(get("key"), YQ_TIMEOUT);
    assert_in_range(yq_monotonic_ms() - began, 0, 2000);
}

/* ---- many threads ---- */

enum { THREADS = 4, TIMES = 4000 };
static const struct yq_recipe *sealing, *signing;

/* Seals and opens, signs and checks, while the key's file is written anew. */
static void *work(void *context)
{
    bool *fine = context;
    struct yq_err why = {0};
    struct yq_ingredient text = {NULL, "a text", 6};
    for (int i = 0; i < TIMES && *fine; i++) {
        struct yq_buf out = {0}, plain = {0};
        *fine = yq_recipe_make(sealing, keys, &text, 1, &out, &why) &&
                yq_recipe_open(sealing, keys, out.bytes, out.length, &plain, &why) &&
                plain.length == 6 && memcmp(plain.bytes, "a text", 6) == 0;
        yq_buf_clear(&out);
        /* the key may be another one by the time it is checked */
        *fine = *fine &&
                (i % 20 ||
                 (yq_recipe_make(signing, keys, &text, 1, &out, &why) &&
                  (yq_recipe_check(signing, keys, &text, 1, yq_buf_text(&out), out.length, &why) ||
                   why.code == YQ_REFUSED)));
        yq_buf_fini(&out);
        yq_buf_fini(&plain);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    static const char *const all[] = {
        "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8",
        "128B2FA8BD433C6C068C8D803DFF79792A519A55171B1B650C23661D15897263"};
    struct yq_recipe *made[2];
    pthread_t thread[THREADS];
    bool fine[THREADS];
    setenv("YQ_TEST_SM4", "0123456789abcdef", 1);
    ok(yq_keychain_add(keys, "sm4", "env:YQ_TEST_SM4", "", &err));
    ok(yq_keychain_add(keys, "key", "file:key", dir, &err));
    ok(yq_recipe_parse("text | sm4-ecb(sm4) | base64", &made[0], &err));
    ok(yq_recipe_parse("text | sm2-sign(key) | hex", &made[1], &err));
    sealing = made[0];
    signing = made[1];
    write_key(all[0], 64, 0600);
    for (int i = 0; i < THREADS; i++) {
        fine[i] = true;
        assert_int_equal(pthread_create(&thread[i], NULL, work, &fine[i]), 0);
    }
    for (int i = 1; i < 30; i++) {
        write_key(all[i % 2], 64, 0600);
        usleep(50000);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_true(fine[i]);
    }
    yq_recipe_free(made[0]);
    yq_recipe_free(made[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files, setup, teardown),
        cmocka_unit_test_setup_teardown(belongs_to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(changes, setup, teardown),
        cmocka_unit_test_setup_teardown(forms, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(places, setup, teardown),
        cmocka_unit_test_setup_teardown(programs, setup, teardown),
        cmocka_unit_test_setup_teardown(hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
