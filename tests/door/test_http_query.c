/* What clients write into URLs and headers, and what the node makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"

static void parse(const char *query, struct yq_params *params)
{
    struct yq_err err = {0};
    if (!yq_params_parse(query, strlen(query), params, &err))
        fail_msg("%s: %s", query, err.text);
}

static enum yq_code refusal(const char *query, size_t length)
{
    struct yq_err err = {0};
    struct yq_params params;
    if (!yq_params_parse(query, length, &params, &err))
        return err.code;
    yq_params_fini(&params);
    return YQ_OK;
}

static void parameters_are_decoded(void **state)
{
    (void)state;
    struct yq_params params;
    parse("a=1&name=%E5%BC%A0%5E+x&slash=application%2fdicom&e=&f&x=a=b", &params);
    assert_int_equal(params.count, 6);
    assert_string_equal(yq_params_get(&params, "a"), "1");
    assert_string_equal(yq_params_get(&params, "name"), "\xe5\xbc\xa0^ x");
    assert_string_equal(yq_params_get(&params, "slash"), "application/dicom");
    assert_string_equal(yq_params_get(&params, "e"), "");
    assert_string_equal(yq_params_get(&params, "f"), "");
    assert_string_equal(yq_params_get(&params, "x"), "a=b");
    assert_null(yq_params_get(&params, "A"));
    yq_params_fini(&params);
    parse("", &params);
    assert_int_equal(params.count, 0);
    yq_params_fini(&params);
    parse("&&=nameless&a=1&", &params);
    assert_int_equal(params.count, 1);
    yq_params_fini(&params);
}

static void broken_queries_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"a=%",   "a=%1",    "a=%zz",     "%=1",      "a=%00b",
                                         "%00=1", "a=1&a=1", "a=1&%61=2", "a=1&b=2&a"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(refusal(broken[i], strlen(broken[i])), YQ_BAD_INPUT);
    assert_int_equal(refusal("a=\0b", 4), YQ_BAD_INPUT);
    assert_int_equal(refusal("a=%41", 4), YQ_BAD_INPUT); /* the length counts, not the NUL */
}

static void huge_queries_are_refused(void **state)
{
    (void)state;
    struct yq_buf query yq_cleanup(yq_buf_fini) = {0};
    for (int i = 0; i < YQ_PARAMS_MOST; i++)
        yq_buf_putf(&query, "p%d=&", i);
    assert_int_equal(refusal(yq_buf_text(&query), query.length), YQ_OK);
    yq_buf_puts(&query, "one_more=");
    assert_int_equal(refusal(yq_buf_text(&query), query.length), YQ_BAD_INPUT);
    yq_buf_clear(&query);
    yq_buf_puts(&query, "a=");
    while (query.length < YQ_URI_MOST)
        yq_buf_puts(&query, "x");
    assert_int_equal(refusal(yq_buf_text(&query), query.length), YQ_OK);
    yq_buf_puts(&query, "x");
    assert_int_equal(refusal(yq_buf_text(&query), query.length), YQ_FULL);
}

static void encoding_undoes_decoding(void **state)
{
    (void)state;
    struct yq_params params;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    yq_params_encode(&text, "\xe5\xbc\xa0^a b&=+%~");
    assert_string_equal(yq_buf_text(&text), "%E5%BC%A0%5Ea%20b%26%3D%2B%25~");
    yq_buf_puts(&text, "=1");
    parse(yq_buf_text(&text), &params);
    assert_string_equal(yq_params_get(&params, "\xe5\xbc\xa0^a b&=+%~"), "1");
    yq_params_fini(&params);
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(yq_params_number("1", 1, 100, &n) && n == 1);
    assert_true(yq_params_number("0100", 1, 100, &n) && n == 100);
    static const char *const wrong[] = {"",   "0",  "101", "-1",   "+1",
                                        " 1", "1 ", "1.0", "0x10", "99999999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(yq_params_number(wrong[i], 1, 100, &n));
}

static unsigned wanted(const char *list, const char *type)
{
    struct yq_media media[YQ_MEDIA_MOST];
    size_t which, count = yq_media_parse(list, media, YQ_MEDIA_MOST);
    return yq_media_weight(media, count, type, &which);
}

static void media_types_have_weights(void **state)
{
    (void)state;
    const char *browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,"
                          "*/*;q=0.8";
    assert_int_equal(wanted(browser, "image/jpeg"), 800);
    assert_int_equal(wanted(browser, "text/html"), 1000);
    assert_int_equal(wanted("IMAGE/JPEG", "image/jpeg"), 1000);
    assert_int_equal(wanted("image/*;q=0.3, image/jpeg ; Q=0.25", "image/jpeg"), 250);
    assert_int_equal(wanted("image/jpeg;q=0, */*", "image/jpeg"), 0);
    assert_int_equal(wanted("application/dicom;a=\"x,y;q=0\";q=0.125", "application/dicom"), 125);
    assert_int_equal(wanted("application/dicom+json", "application/dicom"), 0);
    assert_int_equal(wanted("application/dicom;q=0.9999", "application/dicom"), 999);
    assert_int_equal(wanted("imag/*", "image/jpeg"), 0);
    assert_int_equal(wanted("image/jpeg rubbish", "image/jpeg"), 0);
    assert_int_equal(wanted(",,;=,/,x/,/y,\"", "image/jpeg"), 0);
    assert_int_equal(wanted("", "image/jpeg"), 0);
}

static void a_media_type_may_carry_a_transfer_syntax(void **state)
{
    (void)state;
    struct yq_media media[2];
    assert_int_equal(yq_media_parse("application/dicom; transfer-syntax=1.2.840.10008.1.2.1,"
                                    "application/dicom;transfer-syntax=*, image/png",
                                    media, 2),
                     2);
    assert_string_equal(media[0].syntax, "1.2.840.10008.1.2.1");
    assert_string_equal(media[1].syntax, "*"); /* as it is stored */
}

static enum yq_range range(const char *text, uint64_t size, uint64_t first, uint64_t length)
{
    uint64_t got_first, got_length;
    enum yq_range kind = yq_range_parse(text, size, &got_first, &got_length);
    if (kind != YQ_RANGE_OUTSIDE) {
        assert_int_equal(got_first, first);
        assert_int_equal(got_length, length);
    }
    return kind;
}

static void ranges_of_rfc_9110(void **state)
{
    (void)state;
    assert_int_equal(range("bytes=0-499", 1000, 0, 500), YQ_RANGE_PART);
    assert_int_equal(range("bytes=500-", 1000, 500, 500), YQ_RANGE_PART);
    assert_int_equal(range("bytes=-1", 1000, 999, 1), YQ_RANGE_PART);
    assert_int_equal(range("bytes=-5000", 1000, 0, 1000), YQ_RANGE_PART);
    assert_int_equal(range("Bytes= 999-99999", 1000, 999, 1), YQ_RANGE_PART);
    assert_int_equal(range("bytes=0-0", 1, 0, 1), YQ_RANGE_PART);
    assert_int_equal(range("bytes=1000-", 1000, 0, 0), YQ_RANGE_OUTSIDE);
    assert_int_equal(range("bytes=-0", 1000, 0, 0), YQ_RANGE_OUTSIDE);
    static const char *const whole[] = {"",          "bytes=",
                                        "bytes=-",   "bytes=5-4",
                                        "lines=0-1", "bytes=0-1,5-6",
                                        "bytes=a-b", "bytes=0-1x",
                                        "bytes=0",   "bytes=99999999999999999999-"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        assert_int_equal(range(whole[i], 1000, 0, 1000), YQ_RANGE_ALL);
}

static void entity_tags_are_found_in_lists(void **state)
{
    (void)state;
    assert_true(yq_etag_listed("\"a\"", "\"a\""));
    assert_true(yq_etag_listed("\"x\", W/\"a\"", "\"a\""));
    assert_true(yq_etag_listed("*", "\"a\""));
    assert_false(yq_etag_listed("\"ab\"", "\"a\""));
    assert_false(yq_etag_listed("\"x\", \"a", "\"a\""));
    assert_false(yq_etag_listed("a", "\"a\""));
    assert_false(yq_etag_listed("", "\"a\""));
}

static void host_names_of_this_machine(void **state)
{
    (void)state;
    static const char *const ours[] = {"localhost",   "LOCALHOST:8080", "127.0.0.1",
                                       "127.1.2.3:1", "[::1]",          "[::1]:8080"};
    static const char *const others[] = {
        "pacs.example", "localhost.example", "127.0.0.1.example", "10.0.0.1",    "[::2]:80",
        "::1",          "localhost:80@x.y",  "127.0.0.1:80:80",   "localhost:x", "128.0.0.1",
        "127.1"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        assert_true(yq_host_is_local(ours[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(yq_host_is_local(others[i]));
}

static void tokens_of_the_configuration(void **state)
{
    (void)state;
    struct yq_token tokens[] = {{.name = "cloud", .secret = "0123456789abcdef"},
                                {.name = "viewer", .secret = "fedcba9876543210"}};
    struct yq_conf *conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    assert_null(yq_token_find(conf, "Bearer "));
    conf->tokens = tokens;
    conf->token_count = 2;
    assert_ptr_equal(yq_token_find(conf, "Bearer 0123456789abcdef"), &tokens[0]);
    assert_ptr_equal(yq_token_find(conf, "bearer  fedcba9876543210 "), &tokens[1]);
    static const char *const none[] = {"Bearer 0123456789abcde",
                                       "Bearer 0123456789abcdef0",
                                       "Bearer",
                                       "Bearer ",
                                       "Basic 0123456789abcdef",
                                       ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(yq_token_find(conf, none[i]));
    free(conf);
}

static void pages_of_the_node_itself(void **state)
{
    (void)state;
    assert_true(yq_origin_is_ours("", "localhost:8080", ""));
    assert_true(yq_origin_is_ours("http://localhost:8080", "localhost:8080", "same-origin"));
    assert_true(yq_origin_is_ours("https://pacs.example", "PACS.example", ""));
    assert_true(yq_origin_is_ours("", "localhost", "none")); /* typed by a person */
    assert_false(yq_origin_is_ours("http://localhost:3000", "localhost:8080", ""));
    assert_false(yq_origin_is_ours("http://localhost:3000", "localhost:8080", "same-site"));
    assert_false(yq_origin_is_ours("null", "localhost:8080", ""));
    assert_false(yq_origin_is_ours("http://", "", ""));
    assert_false(yq_origin_is_ours("file://localhost:8080", "localhost:8080", ""));
    assert_false(yq_origin_is_ours("", "localhost:8080", "cross-site"));
}

/* ---- paths ---- */

static bool path_fits(const char *raw, const char *pattern, struct yq_places *places,
                      struct yq_path *path)
{
    struct yq_err err = {0};
    if (!yq_path_parse(raw, path, &err))
        fail_msg("%s: %s", raw, err.text);
    return yq_path_fits(path, pattern, places);
}

static void paths_fit_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *pattern, *id; /* id NULL: does not fit */
    } cases[] = {
        {"/", "/", ""},
        {"/", "/{id}", NULL},
        {"/health", "/health", ""},
        {"/heal%74h", "/health", ""},
        {"/health/", "/health", NULL},
        {"/api/v1/", "/api/v1/", ""},
        {"/api/v1/exams/E1", "/api/v1/{records}/{id}", "E1"},
        {"/api/v1/exams/%E5%BC%A0%201", "/api/v1/{records}/{id}", "张 1"},
        {"/api/v1/exams/a%2Fb%3F", "/api/v1/{records}/{id}", "a/b?"},
        {"/api/v1/exams/a+b", "/api/v1/{records}/{id}", "a+b"},
        {"/api/v1/exams/", "/api/v1/{records}/{id}", NULL},
        {"/api/v1/exams//x", "/api/v1/{records}/{id}", NULL},
        {"/api/v1/exam/E1", "/api/v1/{records}/{id}", NULL},
        {"/api/v1/settlements/E1", "/api/v1/{records}/{id}", NULL},
        {"/api/v1/exams/E1/history", "/api/v1/{records}/{id}", NULL},
        {"/api/v1/exams/E1/history", "/api/v1/{records}/{id}/history", "E1"},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13", "/{id}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_places places;
        struct yq_path path;
        bool fits = path_fits(cases[i].raw, cases[i].pattern, &places, &path);
        assert_int_equal(fits, cases[i].id != NULL);
        if (fits)
            assert_string_equal(yq_places_get(&places, "id"), cases[i].id);
        yq_path_fini(&path);
    }
}

static void broken_paths_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"",       "*",     "x/y",     "/%",   "/%2",     "/%zz",
                                         "/a%00b", "/a%0a", "/%D5%C5", "/%7f", "/%c0%af", "/\xff"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct yq_path path;
        struct yq_err err = {0};
        assert_false(yq_path_parse(broken[i], &path, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_null(path.text);
    }
}

static void types_of_bodies(void **state)
{
    (void)state;
    char type[64];
    assert_true(yq_media_of_body("Application/JSON", type));
    assert_string_equal(type, "application/json");
    assert_true(yq_media_of_body("application/json; charset=\"UTF-8\"", type));
    assert_true(yq_media_of_body("application/json ;charset=utf-8;x=y", type));
    assert_string_equal(type, "application/json");
    assert_false(yq_media_of_body("application/json; charset=gbk", type));
    assert_false(yq_media_of_body("application/json; x=y; charset=utf-80", type));
    assert_false(yq_media_of_body("", type));
    assert_false(yq_media_of_body("; charset=utf-8", type));
    assert_false(yq_media_of_body(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", type));
}

static bool at_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void who_does_not_come_to_the_point_is_cut_off(void **state)
{
    (void)state;
    static const struct yq_patience_rules rules = {.ask_ms = 4000};
    struct yq_patience *patience = yq_patience_new();
    struct yq_asker *askers[4];
    int pairs[4][2];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        askers[i] = yq_patience_begin(patience, pairs[i][0], 1000 + i);
    }
    yq_patience_asked(patience, askers[0]);
    yq_patience_asked(patience, askers[1]);
    yq_patience_again(patience, askers[1], 5000);
    assert_int_equal(yq_patience_sweep(patience, &rules, 5002), 0); /* 2 asks since 1002 */
    assert_int_equal(yq_patience_sweep(patience, &rules, 5003), 1);
    assert_false(at_end(pairs[0][1]) || at_end(pairs[1][1]) || at_end(pairs[3][1]));
    assert_true(at_end(pairs[2][1]));
    yq_patience_end(patience, askers[2]);
    yq_patience_end(patience, askers[3]);
    assert_int_equal(yq_patience_sweep(patience, &rules, 9001), 1);
    assert_true(at_end(pairs[1][1]));
    assert_false(at_end(pairs[0][1]) || at_end(pairs[3][1]));
    yq_patience_free(patience);
    for (int i = 0; i < 8; i++)
        close(pairs[i / 2][i % 2]);
}

/* A connection over loopback: [0] is the server's side, [1] the client's. */
static void connect_pair(int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &length), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&at, sizeof at), 0);
    pair[0] = accept(listening, NULL, NULL);
    assert_true(pair[0] >= 0);
    close(listening);
}

static void pass_on(const int pair[2], size_t length)
{
    char bytes[1000] = "";
    for (size_t done = 0; done < length;) {
        size_t now = length - done < sizeof bytes ? length - done : sizeof bytes;
        assert_int_equal(send(pair[0], bytes, now, 0), (ssize_t)now);
        assert_int_equal(recv(pair[1], bytes, now, MSG_WAITALL), (ssize_t)now);
        done += now;
    }
}

static void who_takes_too_slowly_is_cut_off(void **state)
{
    (void)state;
    static const struct yq_patience_rules rules = {
        .ask_ms = 1000000, .take_ms = 1000, .take_bytes = 5000};
    struct yq_patience *patience = yq_patience_new();
    struct yq_asker *askers[3];
    int pairs[3][2];
    for (int i = 0; i < 3; i++) {
        connect_pair(pairs[i]);
        askers[i] = yq_patience_begin(patience, pairs[i][0], 0);
        yq_patience_asked(patience, askers[i]);
        pass_on(pairs[i], 20000); /* of an earlier answer: does not count */
        yq_patience_taking(patience, askers[i], 0);
    }
    pass_on(pairs[0], 100000);
    pass_on(pairs[1], 100);
    yq_patience_again(patience, askers[2], 500); /* has got it all, which was little */
    assert_int_equal(yq_patience_sweep(patience, &rules, 999), 0);
    assert_int_equal(yq_patience_sweep(patience, &rules, 1000), 1);
    assert_true(at_end(pairs[1][1]));
    assert_false(at_end(pairs[0][1]) || at_end(pairs[2][1]));
    assert_int_equal(yq_patience_sweep(patience, &rules, 1999), 0); /* a new span has begun */
    assert_int_equal(yq_patience_sweep(patience, &rules, 2000), 1);
    assert_true(at_end(pairs[0][1]));
    yq_patience_free(patience);
    for (int i = 0; i < 6; i++)
        close(pairs[i / 2][i % 2]);
}

static void who_gives_too_slowly_is_told_so(void **state)
{
    (void)state;
    static const struct yq_patience_rules rules = {
        .ask_ms = 1000000, .take_ms = 1000000, .give_ms = 1000, .give_bytes = 500};
    struct yq_patience *patience = yq_patience_new();
    struct yq_asker *askers[3];
    int pairs[3][2];
    for (int i = 0; i < 3; i++) {
        connect_pair(pairs[i]);
        askers[i] = yq_patience_begin(patience, pairs[i][0], 0);
        yq_patience_asked(patience, askers[i]);
        yq_patience_giving(patience, askers[i], 0);
    }
    yq_patience_given(patience, askers[0], 600);
    yq_patience_given(patience, askers[1], 400);
    yq_patience_asked(patience, askers[2]); /* that was all of it */
    assert_int_equal(yq_patience_sweep(patience, &rules, 999), 0);
    assert_int_equal(yq_patience_sweep(patience, &rules, 1000), 1);
    char answer[200] = "";
    assert_true(recv(pairs[1][1], answer, sizeof answer - 1, 0) > 0);
    assert_non_null(strstr(answer, "HTTP/1.1 408 "));
    assert_true(at_end(pairs[1][1]));
    assert_false(at_end(pairs[0][1]) || at_end(pairs[2][1]));
    assert_int_equal(yq_patience_sweep(patience, &rules, 2000), 1);
    yq_patience_free(patience);
    for (int i = 0; i < 6; i++)
        close(pairs[i / 2][i % 2]);
}

static void a_content_coding_is_wanted_or_not(void **state)
{
    (void)state;
    assert_true(yq_coding_wanted("gzip", "gzip"));
    assert_true(yq_coding_wanted("deflate, GZIP;q=0.5, br", "gzip"));
    assert_true(yq_coding_wanted("*", "gzip"));
    assert_false(yq_coding_wanted("", "gzip"));
    assert_false(yq_coding_wanted("gzip;q=0", "gzip"));
    assert_false(yq_coding_wanted("gzip; q=0.000, *", "gzip"));
    assert_false(yq_coding_wanted("x-gzip, gzip2", "gzip"));
    assert_false(yq_coding_wanted(";;;,,q=1", "gzip"));
}

static void dates_of_http(void **state)
{
    (void)state;
    int64_t seconds = 0;
    assert_true(yq_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &seconds));
    assert_int_equal(seconds, 784111777);
    static const char *const wrong[] = {"",
                                        "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994",
                                        "Sun, 06 Nov 1994 08:49:37 CET",
                                        "Sun, 06 ovD 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 25:49:37 GMT",
                                        "Sun, xx Nov 1994 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(yq_http_date(wrong[i], &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_decoded),
        cmocka_unit_test(broken_queries_are_refused),
        cmocka_unit_test(huge_queries_are_refused),
        cmocka_unit_test(encoding_undoes_decoding),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(media_types_have_weights),
        cmocka_unit_test(a_media_type_may_carry_a_transfer_syntax),
        cmocka_unit_test(ranges_of_rfc_9110),
        cmocka_unit_test(entity_tags_are_found_in_lists),
        cmocka_unit_test(host_names_of_this_machine),
        cmocka_unit_test(tokens_of_the_configuration),
        cmocka_unit_test(who_does_not_come_to_the_point_is_cut_off),
        cmocka_unit_test(who_takes_too_slowly_is_cut_off),
        cmocka_unit_test(who_gives_too_slowly_is_told_so),
        cmocka_unit_test(pages_of_the_node_itself),
        cmocka_unit_test(paths_fit_patterns),
        cmocka_unit_test(broken_paths_are_refused),
        cmocka_unit_test(types_of_bodies),
        cmocka_unit_test(a_content_coding_is_wanted_or_not),
        cmocka_unit_test(dates_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
