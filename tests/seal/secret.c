/* The node's secret: made once, kept, and what follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/bytes.h"
#include "yq/file.h"
#include "yq/seal.h"

static char folder[] = "/tmp/yq-secret-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/key", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void is_made_once_for_its_owner_only(void **state)
{
    (void)state;
    struct yq_secret first, again;
    struct yq_err err;
    struct stat about;
    assert_true(yq_secret_open(path, &first, &err));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(about.st_size, 65);
    assert_int_equal(about.st_nlink, 1);
    assert_true(yq_secret_open(path, &again, &err));
    assert_memory_equal(&first, &again, sizeof first);
    assert_int_equal(unlink(path), 0);
    assert_true(yq_secret_open(path, &again, &err));
    assert_memory_not_equal(&first, &again, sizeof first);
}

static void a_file_that_others_may_read_or_that_is_damaged_is_refused(void **state)
{
    (void)state;
    struct yq_secret secret;
    struct yq_err err;
    assert_true(yq_secret_open(path, &secret, &err));
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(yq_secret_open(path, &secret, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(yq_file_write(path, "00ff\n", 5, 0600, &err));
    assert_false(yq_secret_open(path, &secret, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
}

static void marks_are_hmac_under_a_key_for_the_purpose(void **state)
{
    (void)state;
    struct yq_secret secret;
    uint8_t mark[32], other[32];
    char text[65];
    for (size_t i = 0; i < sizeof secret.key; i++)
        secret.key[i] = (uint8_t)i;
    /* python3: hmac(hmac(bytes(range(32)), b"uid"), b"1.2.3"), SHA-256 */
    yq_secret_mark(&secret, "uid", "1.2.3", 5, mark);
    yq_hex(text, mark, sizeof mark);
    assert_string_equal(text, "e75d55645ac98f6c31038cce9339c7be675c1f30d6fc7cb07507eab128fa6c9a");
    yq_secret_mark(&secret, "patient", "1.2.3", 5, other);
    assert_memory_not_equal(mark, other, sizeof mark);
    yq_secret_mark(&secret, "uid", "1.2.4", 5, other);
    assert_memory_not_equal(mark, other, sizeof mark);
    secret.key[0] = 1;
    yq_secret_mark(&secret, "uid", "1.2.3", 5, other);
    assert_memory_not_equal(mark, other, sizeof mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_made_once_for_its_owner_only),
        cmocka_unit_test(a_file_that_others_may_read_or_that_is_damaged_is_refused),
        cmocka_unit_test(marks_are_hmac_under_a_key_for_the_purpose),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
