/* handout.c: URLs of objects: made, found again to be ours, bound to what they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "yq/clock.h"
#include "yq/served.h"

static char dir[64], secret[128];
static struct yq_house house;
static struct yq_err err;
static const struct yq_key one = {"1.2.3", "1.2.3.4", "1.2.3.4.5"};

static int set_up(void **state)
{
    struct yq_conf *conf;
    const struct yq_setting settings[] = {{"records.url_base", "https://pacs.example/"}};
    (void)state;
    memset(&house, 0, sizeof house);
    snprintf(dir, sizeof dir, "/tmp/yq-handout-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(secret, sizeof secret, "%s/url.key", dir);
    house.url_secret = secret;
    assert_true(yq_conf_load(dir, settings, 1, &conf, &err));
    house.conf = yq_conf_box_new(conf);
    assert_non_null(house.conf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    yq_conf_box_free(house.conf);
    unlink(secret);
    return rmdir(dir);
}

/* The two parameters of a URL, cut out of it. */
static void take_apart(char *url, const char **expires, const char **signature)
{
    *expires = strstr(url, "expires=") + 8;
    *signature = strstr(url, "signature=") + 10;
    *strchr(*expires, '&') = '\0';
}

static void a_url_fits_what_it_was_made_for(void **state)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    const char *expires, *signature;
    (void)state;
    assert_true(yq_handout_url(&house, &one, yq_now_ms() + 60000, &url, &err));
    char *text = (char *)url.bytes;
    assert_int_equal(
        strncmp(text, "https://pacs.example/objects/1.2.3/1.2.3.4/1.2.3.4.5?expires=", 60), 0);
    take_apart(text, &expires, &signature);
    assert_true(yq_handout_fits(&house, &one, expires, signature, &err));
    const struct yq_key others[] = {{"1.2.3", "1.2.3.4", "1.2.3.4.6"},
                                    {"1.2.3", "1.2.3.5", "1.2.3.4.5"},
                                    {"1.2.4", "1.2.3.4", "1.2.3.4.5"},
                                    {"1.2.3/1.2", "3.4", "1.2.3.4.5"},
                                    {"", "", ""}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(yq_handout_fits(&house, &others[i], expires, signature, &err));
        assert_int_equal(err.code, YQ_REFUSED);
    }
    assert_false(yq_handout_fits(&house, &one, "", signature, &err));
    assert_false(yq_handout_fits(&house, &one, "12x", signature, &err));
    assert_false(yq_handout_fits(&house, &one, expires, "", &err));
}

static void it_expires(void **state)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    const char *expires, *signature;
    (void)state;
    assert_true(yq_handout_url(&house, &one, yq_now_ms() - 1000, &url, &err));
    take_apart((char *)url.bytes, &expires, &signature);
    assert_false(yq_handout_fits(&house, &one, expires, signature, &err));
    assert_int_equal(err.code, YQ_TIMEOUT);
}

/* Makes as many as a large study has, and says how long that took. */
static void many_are_made_at_once(void **state)
{
    enum { MANY = 2000 };
    struct yq_handing handing;
    struct yq_buf urls yq_cleanup(yq_buf_fini) = {0};
    (void)state;
    assert_true(yq_handing_begin(&house, 0, &handing, &err));
    assert_in_range(handing.expires, yq_now_ms() / 1000 + 23 * 3600,
                    yq_now_ms() / 1000 + 25 * 3600);
    int64_t begun = yq_monotonic_ms();
    for (int i = 0; i < MANY; i++)
        assert_true(yq_handing_put(&handing, &one, &urls));
    print_message("%d URLs in %lld ms\n", MANY, (long long)(yq_monotonic_ms() - begun));
    const struct yq_key none = {"1.2.3", "a", "1.2"};
    assert_false(yq_handing_put(&handing, &none, &urls));
    yq_handing_end(&handing);
}

static void without_a_place_for_a_secret_there_are_none(void **state)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    (void)state;
    house.url_secret = NULL;
    assert_false(yq_handout_url(&house, &one, 0, &url, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    house.url_secret = secret;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_fits_what_it_was_made_for), cmocka_unit_test(it_expires),
        cmocka_unit_test(many_are_made_at_once),
        cmocka_unit_test(without_a_place_for_a_secret_there_are_none)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
