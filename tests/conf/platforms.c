/* platforms.json: what is taken, and what is told when it is not. */
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

#include "parts.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/yq-platforms-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const files[] = {"platforms.json", "peers.json",
                                        "platforms/shanxi/exam-sync.csv"};
    static const char *const folders[] = {"platforms/shanxi", "platforms", ""};
    char path[128];
    int failed = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        failed |= rmdir(path);
    }
    return failed;
}

static void put(const char *name, const char *text)
{
    char path[YQ_PATH_MOST];
    struct yq_err err;
    assert_true(yq_path_join(path, folder, name, &err));
    assert_true(yq_file_write(path, text, strlen(text), 0640, &err));
}

static struct yq_conf *load(const char *platforms)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    put("platforms.json", platforms);
    if (!yq_conf_load(folder, NULL, 0, &conf, &err))
        fail_msg("%s", err.text);
    return conf;
}

static void refuse(const char *platforms, const char *message)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    put("platforms.json", platforms);
    assert_false(yq_conf_load(folder, NULL, 0, &conf, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

/* A platform of Shanxi with more members. */
#define SHANXI(more)                                                                               \
    "{\"platforms\": [\n{\"name\": \"sx\", \"province\": \"shanxi\", \"url\": \"http://h:1\", "    \
    "\"key\": \"hex file:k\",\n" more "}]}"

static void every_province_has_its_keys_and_defaults(void **state)
{
    (void)state;
    struct yq_conf *conf =
        load("{\"platforms\": [\n"
             "{\"name\": \"shanxi\", \"province\": \"shanxi\", \"url\": \"https://a:8443/api/ "
             " http://b\", \"key\": \"hex file:shanxi.key\", \"windows\": \"22:00-06:00 "
             "12:00-13:00\", \"tls_ca\": \"ca.pem\", \"upload\": \"merged\"},\n"
             "{\"name\": \"hebei\", \"province\": \"hebei\", \"serve\": \"plain\", \"public_key\": "
             "\"file:/etc/p.pem\", \"hosts\": \"10.0.0.0/8\"},\n"
             "{\"name\": \"nj\", \"province\": \"neijiang\", \"enabled\": false}]}");
    assert_int_equal(conf->platform_count, 3);
    const struct yq_platform *shanxi = yq_conf_platform(conf, "shanxi");
    assert_int_equal(shanxi->province, YQ_SHANXI);
    assert_int_equal(shanxi->upload, YQ_UPLOAD_MERGED);
    assert_int_equal(shanxi->images, YQ_IMAGES_NONE);
    assert_int_equal(shanxi->couriers, 2);
    assert_int_equal(shanxi->backfill_months, 3);
    assert_int_equal(shanxi->reconcile_minute, 150);
    assert_int_equal(shanxi->open.count, 2);
    assert_int_equal(yq_windows_closed(&shanxi->open, 23 * 60), 0);
    assert_int_equal(yq_windows_closed(&shanxi->open, 6 * 60), 6 * 60);
    assert_true(shanxi->tls_verify);
    assert_non_null(strstr(shanxi->tls_ca, folder));
    assert_string_equal(shanxi->tls_key, "");
    assert_int_equal(yq_conf_platform(conf, "hebei")->serve, YQ_SERVE_PLAIN);
    assert_false(yq_conf_platform(conf, "nj")->enabled);
    assert_null(yq_conf_platform(conf, "other"));
    assert_string_equal(yq_province_name(YQ_XUANCHENG), "xuancheng");
    yq_conf_free(conf);
}

static void addresses_come_one_by_one(void **state)
{
    (void)state;
    struct yq_platform platform = {.url = " https://a:8443/api//  http://b "};
    char address[64];
    assert_true(yq_platform_address(&platform, 0, address, sizeof address));
    assert_string_equal(address, "https://a:8443/api");
    assert_true(yq_platform_address(&platform, 1, address, sizeof address));
    assert_string_equal(address, "http://b");
    assert_false(yq_platform_address(&platform, 2, address, sizeof address));
    assert_false(yq_platform_address(&platform, 0, address, 10));
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"platform\": []}", "did you mean \"platforms\"?"},
        {"{}", "the platforms stand in"},
        {"{\"platforms\": [\n3]}", "platforms.json:2: a platform is an object"},
        {"{\"platforms\": [{\"name\": \"a\"}]}",
         "lacks \"province\": shanxi, hebei, neijiang, sichuan or xuancheng"},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"shaanxi\"}]}", "not shaanxi"},
        {"{\"platforms\": [{\"province\": \"hebei\"}]}", "lacks \"name\""},
        {"{\"platforms\": [{\"name\": \"seventeen-letters\", \"province\": \"hebei\"}]}",
         "1 to 16 letters"},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"hebei\"},\n{\"name\": \"a\", "
         "\"province\": \"hebei\"}]}",
         "platforms.json:2: this \"name\" stands here twice"},
        {SHANXI("\"uplaod\": \"merged\""),
         "platforms.json:3: unknown key \"uplaod\" (did you mean \"upload\"?)"},
        {SHANXI("\"public_key\": \"file:x\""),
         "platforms.json:3: \"public_key\" belongs to platforms of province hebei, this one is "
         "shanxi"},
        {SHANXI("\"windows\": \"22:00\""), "platforms.json:3: \"windows\" are parts of the day"},
        {SHANXI("\"windows\": \"22:00-06:00,\""), "\"windows\" are parts of the day"},
        {SHANXI("\"windows\": \"22:00-25:00\""), "\"windows\" are parts of the day"},
        {SHANXI("\"reconcile\": \"2:30\""), "\"reconcile\" is a time of the day"},
        {SHANXI("\"reconcile\": \"24:00\""), "\"reconcile\" is a time of the day"},
        {SHANXI("\"hosts\": \"front.example\""), "\"hosts\" are addresses"},
        {SHANXI("\"upload\": \"both\""), "upload takes one of separate|merged|none, not \"both\""},
        {SHANXI("\"couriers\": 0"), "couriers takes a whole number from 1"},
        {SHANXI("\"sign\": \"qr\""), "lacks \"sign_app\""},
        {SHANXI("\"verify\": \"both\", \"sign_app\": \"a\""), "lacks \"sign_key\""},
        {SHANXI("\"tls_key\": \"k.pem\""),
         "platforms.json:3: \"tls_certificate\" and \"tls_key\" are given together"},
        {SHANXI("\"channel_key\": \"file:x\""), "belongs to platforms of province neijiang"},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"shanxi\", \"key\": \"file:k\"}]}",
         "lacks \"url\""},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"shanxi\", \"url\": \"http://h\"}]}",
         "lacks \"key\""},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"hebei\", \"serve\": \"plain\"}]}",
         "lacks \"public_key\""},
        {"{\"platforms\": [{\"name\": \"a\", \"province\": \"neijiang\", \"serve\": \"plain\"}]}",
         "lacks \"key\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(cases[i][0], cases[i][1]);
    static const char *const urls[] = {
        "ftp://h", "http://",     "http://u:p@h", "http://h/?q=1",
        "h:80",    "https://:80", "http://h:/x",  "http://ok x://no"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"platforms\": [{\"name\": \"a\", \"province\": \"hebei\",\n\"url\": \"%s\"}]}",
                 urls[i]);
        refuse(text, "platforms.json:2: \"url\" takes http://");
    }
}

static void a_key_itself_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const char *const keys[] = {"2a77be8ebc9c90cd25ccd1d31dce7a77", "file:", "hex 00ff",
                                       "command:tool", "env"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[256];
        struct yq_conf *conf;
        struct yq_err err = {0};
        snprintf(text, sizeof text,
                 "{\"platforms\": [{\"name\": \"a\", \"province\": \"hebei\",\n\"key\": \"%s\"}]}",
                 keys[i]);
        refuse(text, "platforms.json:2: \"key\" says where the key is");
        assert_false(yq_conf_load(folder, NULL, 0, &conf, &err));
        assert_null(strstr(err.text, "2a77"));
    }
    static const char *const places[] = {"file:a b", "hex file:/k", "base64 env:KEY",
                                         "command:/usr/bin/key -x"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"platforms\": [{\"name\": \"a\", \"province\": \"hebei\", \"key\": \"%s\"}]}",
                 places[i]);
        yq_conf_free(load(text));
    }
}

static void a_peer_has_not_the_name_of_a_platform(void **state)
{
    (void)state;
    put("peers.json", "[{\"aet\": \"SHANXI\", \"host\": \"10.1.2.3\"}]");
    refuse("{\"platforms\": [\n{\"name\": \"SHANXI\", \"province\": \"hebei\"}]}",
           "platforms.json:2: \"SHANXI\" is the AE title of a peer");
    put("peers.json", "[]");
}

static void what_is_printed_can_be_read(void **state)
{
    (void)state;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, again yq_cleanup(yq_buf_fini) = {0};
    struct yq_conf *conf = load(SHANXI("\"pdf\": \"base64\", \"windows\": \"00:00-24:00\""));
    yq_conf_print(conf, &text);
    const char *printed = strstr(yq_buf_text(&text), "\"platforms\": [");
    assert_non_null(printed);
    yq_buf_putf(&again, "{%s", printed);
    struct yq_conf *second = load(yq_buf_text(&again));
    assert_int_equal(second->platform_count, 1);
    assert_memory_equal(second->platforms, conf->platforms, sizeof *conf->platforms);
    yq_conf_free(conf);
    yq_conf_free(second);
}

static void the_stamp_sees_the_hospitals_own_lines(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/platforms", folder);
    assert_int_equal(mkdir(path, 0750), 0);
    snprintf(path, sizeof path, "%s/platforms/shanxi", folder);
    assert_int_equal(mkdir(path, 0750), 0);
    uint64_t before = yq_conf_stamp(folder);
    put("platforms/shanxi/exam-sync.csv", "name,source\n");
    assert_true(before != yq_conf_stamp(folder));
    before = yq_conf_stamp(folder);
    assert_true(before == yq_conf_stamp(folder));
}

static void the_example_is_empty_and_right(void **state)
{
    (void)state;
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err = {0};
    if (!conf_parse_platforms(conf, "platforms.json", conf_example_platforms,
                              conf_example_platforms_size, &err))
        fail_msg("%s", err.text);
    assert_int_equal(conf->platform_count, 0);
    yq_conf_free(conf);
}

/* Its lines are comments: without their // they are platforms that can be taken. */
static void the_commented_platforms_are_right_too(void **state)
{
    (void)state;
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err = {0};
    char *text = calloc(1, conf_example_platforms_size + 1);
    memcpy(text, conf_example_platforms, conf_example_platforms_size);
    for (char *at = strstr(text, "\n{"); (at = strstr(at, "\n    // "));)
        memset(at + 5, ' ', 2);
    if (!conf_parse_platforms(conf, "platforms.json", text, strlen(text), &err))
        fail_msg("%s", err.text);
    assert_int_equal(conf->platform_count, 3);
    free(text);
    yq_conf_free(conf);
}

static void the_manual_has_every_key(void **state)
{
    (void)state;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    yq_conf_platform_manual(&text);
    assert_non_null(strstr(yq_buf_text(&text), "name\t\t"));
    assert_non_null(strstr(yq_buf_text(&text), "couriers\t2\t"));
    assert_non_null(strstr(yq_buf_text(&text), "anchors\t\t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_province_has_its_keys_and_defaults),
        cmocka_unit_test(addresses_come_one_by_one),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_key_itself_is_refused_and_not_shown),
        cmocka_unit_test(a_peer_has_not_the_name_of_a_platform),
        cmocka_unit_test(what_is_printed_can_be_read),
        cmocka_unit_test(the_stamp_sees_the_hospitals_own_lines),
        cmocka_unit_test(the_example_is_empty_and_right),
        cmocka_unit_test(the_commented_platforms_are_right_too),
        cmocka_unit_test(the_manual_has_every_key),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
