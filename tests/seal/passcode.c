/* Passcodes: kept with a salt, found again, and nothing else taken for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/seal.h"

static void what_is_kept_fits_its_passcode_only(void **state)
{
    char one[YQ_PASSCODE_SIZE], other[YQ_PASSCODE_SIZE];
    (void)state;
    assert_true(yq_passcode_keep("open sesame", 11, one));
    assert_true(yq_passcode_keep("open sesame", 11, other));
    assert_string_not_equal(one, other); /* for its salt */
    assert_null(strstr(one, "sesame"));
    assert_true(yq_passcode_is_kept(one));
    assert_true(yq_passcode_fits(one, "open sesame", 11));
    assert_true(yq_passcode_fits(other, "open sesame", 11));
    assert_false(yq_passcode_fits(one, "open sesamE", 11));
    assert_false(yq_passcode_fits(one, "open sesame", 10));
    assert_false(yq_passcode_fits(one, "", 0));
    assert_false(yq_passcode_fits(NULL, "open sesame", 11));
}

/* made by another program: hashlib.pbkdf2_hmac("sha512", b"open sesame", bytes(16), 3, 32) */
static const char foreign[] = "pbkdf2-sha512$3$00000000000000000000000000000000$"
                              "1dd5a22121ee2d0084774e04e8cd9412e889626f1e1a80276983d79f5851c01b";

static void what_others_made_fits_too(void **state)
{
    (void)state;
    assert_true(yq_passcode_fits(foreign, "open sesame", 11));
}

static void what_has_another_form_is_nothing(void **state)
{
    static const char *const none[] = {
        "",
        "open sesame",
        "pbkdf2-sha512$",
        "pbkdf2-sha512$0$00000000000000000000000000000000$"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha512$99999999999999999999$00000000000000000000000000000000$"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha512$1$0000000000000000000000000000000$"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha512$1$00000000000000000000000000000000$00",
        "pbkdf2-sha512$1$00000000000000000000000000000000$"
        "00000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha512$1$0000000000000000000000000000000X$"
        "0000000000000000000000000000000000000000000000000000000000000000"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(yq_passcode_is_kept(none[i]));
    }
    assert_false(yq_passcode_fits(none[4], "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_fits_its_passcode_only),
        cmocka_unit_test(what_others_made_fits_too),
        cmocka_unit_test(what_has_another_form_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
