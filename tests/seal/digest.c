/* The digest against the vectors of FIPS 180-4's examples; random bytes differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/bytes.h"
#include "yq/seal.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void expect(struct yq_digest *digest, const char *hex)
{
    uint8_t sum[32];
    char text[65];
    yq_digest_end(digest, sum);
    yq_hex(text, sum, sizeof sum);
    assert_string_equal(text, hex);
}

static void digest_of_known_text(void **state)
{
    (void)state;
    struct yq_digest *digest = yq_digest_new();
    assert_non_null(digest);
    yq_digest_add(digest, "abc", 3);
    expect(digest, abc);
    expect(digest, nothing); /* as new after end */
    yq_digest_add(digest, "a", 1);
    yq_digest_add(digest, NULL, 0);
    yq_digest_add(digest, "bc", 2);
    expect(digest, abc);
    yq_digest_free(digest);
    yq_digest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_of_known_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
