/* Digests against known ones: SHA-256 by the examples of FIPS 180-4, XXH3 by those of xxHash. */
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

static const char fast_abc[] = "06b05ab6733a618578af5f94892f3950"
                               "00000000000000000000000000000000";
static const char fast_nothing[] = "99aa06d3014798d86001c324468d497f"
                                   "00000000000000000000000000000000";

static void expect(struct yq_digest *digest, const char *hex)
{
    uint8_t sum[32];
    char text[65];
    yq_digest_end(digest, sum);
    yq_hex(text, sum, sizeof sum);
    assert_string_equal(text, hex);
}

static void adds_up(enum yq_digest_kind kind, const char *of_abc, const char *of_nothing)
{
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(kind);
    assert_non_null(digest);
    yq_digest_add(digest, "abc", 3);
    expect(digest, of_abc);
    expect(digest, of_nothing); /* as new after end */
    yq_digest_add(digest, "a", 1);
    yq_digest_add(digest, NULL, 0);
    yq_digest_add(digest, "bc", 2);
    expect(digest, of_abc);
    yq_digest_free(NULL);
}

static void digest_of_known_text(void **state)
{
    (void)state;
    adds_up(YQ_SHA256, abc, nothing);
    adds_up(YQ_XXH3, fast_abc, fast_nothing);
}

static void a_digest_tells_which_it_is(void **state)
{
    (void)state;
    for (int kind = YQ_XXH3; kind <= YQ_SHA256; kind++) {
        uint8_t sum[32];
        struct yq_digest *digest yq_cleanup(yq_digest_cleanup) =
            yq_digest_new((enum yq_digest_kind)kind);
        yq_digest_add(digest, "abc", 3);
        yq_digest_end(digest, sum);
        assert_int_equal(yq_digest_kind(sum), kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_of_known_text),
        cmocka_unit_test(a_digest_tells_which_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
