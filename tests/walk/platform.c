/* What a platform is called with: keys are those of its configuration, and go on being good after a
 * reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/file.h"
#include "yq/province.h"

static struct yq_house house;
static struct yq_conf conf;

static int furnish(void **state)
{
    (void)state;
    snprintf(conf.folder, sizeof conf.folder, "/tmp/yq-platform-XXXXXX");
    house.keychains = yq_keychains_new();
    return mkdtemp(conf.folder) && house.keychains ? 0 : -1;
}

static int leave(void **state)
{
    char path[YQ_PATH_MOST + 8];
    (void)state;
    yq_keychains_free(house.keychains);
    snprintf(path, sizeof path, "%s/k", conf.folder);
    unlink(path);
    return rmdir(conf.folder);
}

static void put_key(const char *text)
{
    char path[YQ_PATH_MOST + 8];
    struct yq_err err;
    snprintf(path, sizeof path, "%s/k", conf.folder);
    assert_true(yq_file_write(path, text, strlen(text), 0600, &err));
}

static void keys_are_those_of_the_configuration(void **state)
{
    struct yq_platform platform = {.name = "sx", .key = "hex file:k", .iv = "env:YQ_NO_SUCH"};
    struct yq_keychain *keys, *again, *other;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    (void)state;
    put_key("00ff10\n");
    assert_true(yq_platform_keys(&house, &conf, &platform, &keys, &err));
    assert_true(yq_keychain_get(keys, "key", &bytes, &err));
    assert_int_equal(bytes.length, 3);
    assert_memory_equal(bytes.bytes, "\x00\xff\x10", 3);
    assert_false(yq_keychain_has(keys, "sign_key"));
    assert_false(yq_keychain_get(keys, "iv", &bytes, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_true(yq_platform_keys(&house, &conf, &platform, &again, &err));
    assert_ptr_equal(keys, again);
    strcpy(platform.iv, "file:k");
    assert_true(yq_platform_keys(&house, &conf, &platform, &other, &err));
    assert_ptr_not_equal(keys, other);
    yq_buf_clear(&bytes);
    assert_true(yq_keychain_get(keys, "key", &bytes, &err)); /* whoever has the old one goes on */
    strcpy(platform.name, "other");
    assert_true(yq_platform_keys(&house, &conf, &platform, &again, &err));
    assert_ptr_not_equal(again, other);
}

static void a_place_that_is_not_understood_is_told(void **state)
{
    struct yq_platform platform = {.name = "sx", .key = "somewhere"};
    struct yq_keychain *keys;
    struct yq_err err = {0};
    (void)state;
    assert_false(yq_platform_keys(&house, &conf, &platform, &keys, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, "sx: "));
    assert_null(keys);
}

static void a_client_is_made(void **state)
{
    struct yq_platform platform = {.name = "sx", .timeout = 5, .tls_verify = true};
    struct yq_web *web;
    struct yq_err err = {0};
    (void)state;
    assert_true(yq_platform_web(&platform, &web, &err));
    yq_web_close(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_configuration),
        cmocka_unit_test(a_place_that_is_not_understood_is_told),
        cmocka_unit_test(a_client_is_made),
    };
    return cmocka_run_group_tests(tests, furnish, leave);
}
