/* The folder of configuration: loading, editing peers.json in place, who fits, and the swap. */
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

#include <cmocka.h>

#include "parts.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/yq-conf-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"node.json",    "peers.json",    "tokens.json",
                                        ".lock",        "other.json",    "coercion.json",
                                        "ids.csv",      "rules.json",    "anonymize.json",
                                        "sources.json", "platforms.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder); /* fails when something was left behind */
}

static void put(const char *name, const char *text, mode_t mode)
{
    char path[YQ_PATH_MOST];
    struct yq_err err;
    assert_true(yq_path_join(path, folder, name, &err));
    assert_true(yq_file_write(path, text, strlen(text), mode, &err));
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_file(const char *name, const char *text)
{
    char path[YQ_PATH_MOST];
    struct yq_err err;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    assert_true(yq_path_join(path, folder, name, &err));
    assert_true(yq_file_read(path, 1 << 20, &bytes, &err));
    assert_string_equal(yq_buf_text(&bytes), text);
}

static struct yq_conf *load(void)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    if (!yq_conf_load(folder, NULL, 0, &conf, &err))
        fail_msg("%s", err.text);
    return conf;
}

static void refuse(const struct yq_setting *settings, size_t count, const char *message)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    assert_false(yq_conf_load(folder, settings, count, &conf, &err));
    assert_null(conf);
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

static struct yq_peer peer(const char *aet, const char *host, unsigned port)
{
    struct yq_peer made = {.port = port, .rights = YQ_MAY_STORE};
    yq_copy(made.aet, sizeof made.aet, aet);
    yq_copy(made.host, sizeof made.host, host);
    return made;
}

static void an_empty_folder_is_the_defaults(void **state)
{
    (void)state;
    struct yq_conf *conf = load();
    assert_int_equal(conf->dicom_port, 11112);
    assert_int_equal(conf->peer_count, 0);
    assert_string_equal(conf->folder, folder);
    yq_conf_free(conf);
}

static void the_examples_are_written_where_files_are_missing(void **state)
{
    (void)state;
    struct yq_err err;
    struct stat about;
    char path[128];
    put("node.json", "{\"dicom.port\": 104}", 0640);
    assert_true(yq_conf_write_examples(folder, &err));
    expect_file("node.json", "{\"dicom.port\": 104}");
    expect_file("peers.json", (const char *)conf_example_peers);
    snprintf(path, sizeof path, "%s/tokens.json", folder);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    struct yq_conf *conf = load();
    assert_int_equal(conf->dicom_port, 104);
    assert_int_equal(conf->peer_count, 0);
    assert_int_equal(conf->token_count, 0);
    yq_conf_free(conf);
}

static void the_command_line_goes_before_the_file(void **state)
{
    (void)state;
    struct yq_conf *conf;
    struct yq_err err;
    put("node.json", "{\"dicom.port\": 104, \"dicom.aet\": \"FILE\"}", 0640);
    const struct yq_setting settings[] = {{"dicom.port", "1"}, {"dicom.port", "2"}};
    assert_true(yq_conf_load(folder, settings, 2, &conf, &err));
    assert_int_equal(conf->dicom_port, 2);
    assert_string_equal(conf->dicom_aet, "FILE");
    yq_conf_free(conf);
    refuse(&(struct yq_setting){"dicom.prot", "1"}, 1, "--set dicom.prot: unknown key");
}

static void one_file_instead_of_the_folder(void **state)
{
    (void)state;
    struct yq_conf *conf;
    struct yq_err err;
    char path[128];
    snprintf(path, sizeof path, "%s/other.json", folder);
    assert_false(yq_conf_load_file(path, NULL, 0, &conf, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    put("other.json", "{\"dicom.port\": 105}", 0640);
    put("node.json", "{\"dicom.port\": 104}", 0640);
    put("peers.json", "[{\"aet\": \"A\", \"host\": \"a\"}]", 0640);
    assert_true(yq_conf_load_file(path, NULL, 0, &conf, &err));
    assert_int_equal(conf->dicom_port, 105);
    assert_int_equal(conf->peer_count, 1);
    assert_string_equal(conf->folder, folder);
    yq_conf_free(conf);
}

static void tokens_that_others_can_read_are_refused(void **state)
{
    (void)state;
    put("tokens.json", "{}", 0640);
    refuse(NULL, 0, "chmod 600");
    put("tokens.json", "{}", 0600);
    yq_conf_free(load());
}

static void http_for_others_needs_a_token(void **state)
{
    (void)state;
    put("node.json", "{\"http.bind\": \"0.0.0.0\"}", 0640);
    refuse(NULL, 0, "add one to tokens.json");
    refuse(&(struct yq_setting){"http.bind", "10.0.0.1"}, 1, "http.bind is 10.0.0.1");
    refuse(&(struct yq_setting){"http.bind", "::"}, 1, "http.bind is ::");
    static const struct yq_setting fine[] = {{"http.bind", "127.0.0.2"},
                                             {"http.bind", "::1"},
                                             {"http.bind", "localhost"},
                                             {"http.port", "0"}};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        struct yq_conf *conf;
        struct yq_err err;
        assert_true(yq_conf_load(folder, &fine[i], 1, &conf, &err));
        yq_conf_free(conf);
    }
    put("tokens.json", "{\"tokens\": [{\"name\": \"c\", \"secret\": \"0123456789abcdef\"}]}", 0600);
    yq_conf_free(load());
}

static void adding_keeps_every_other_byte(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"[]", "[\n  @\n]"},
        {"[ /* none */ ]\n// end\n", "[ /* none */ \n  @\n]\n// end\n"},
        {"// head\n[\n]\n", "// head\n[\n  @\n]\n"},
        {"[\n  {\"aet\": \"B\", \"host\": \"b\"} // the old one\n  // more to come\n]\n",
         "[\n  {\"aet\": \"B\", \"host\": \"b\"}, // the old one\n  // more to come\n  @\n]\n"},
        {"[\r\n  {\"aet\":\"B\",\"host\":\"b\"},\r\n  ]",
         "[\r\n  {\"aet\":\"B\",\"host\":\"b\"},\r\n  @,\r\n  ]"},
        {"[{\"aet\":\"B\",\"host\":\"b\"}]", "[{\"aet\":\"B\",\"host\":\"b\"},\n  @\n]"},
    };
    static const char entry[] =
        "{\"aet\": \"SINK\", \"host\": \"127.0.0.1\", \"port\": 11113, \"may\": [\"store\"]}";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_err err = {0};
        struct yq_peer sink = peer("SINK", "127.0.0.1", 11113);
        struct yq_buf after yq_cleanup(yq_buf_fini) = {0};
        const char *mark = strchr(cases[i].after, '@');
        yq_buf_put(&after, cases[i].after, (size_t)(mark - cases[i].after));
        yq_buf_puts(&after, entry);
        yq_buf_puts(&after, mark + 1);
        put("peers.json", cases[i].before, 0640);
        if (!yq_conf_peer_add(folder, &sink, &err))
            fail_msg("%s", err.text);
        expect_file("peers.json", yq_buf_text(&after));
        assert_false(yq_conf_peer_add(folder, &sink, &err));
        assert_int_equal(err.code, YQ_CONFLICT);
        expect_file("peers.json", yq_buf_text(&after));
    }
}

static void adding_to_nothing_starts_from_the_example(void **state)
{
    (void)state;
    struct yq_err err;
    struct yq_peer full = peer("SINK", "pacs.lan", 104);
    full.rights = YQ_MAY_QUERY | YQ_MAY_RETRIEVE;
    yq_copy(full.syntaxes[0], YQ_UID_SIZE, YQ_TS_J2K);
    yq_copy(full.syntaxes[1], YQ_UID_SIZE, "1.2.3.4");
    full.syntax_count = 2;
    yq_copy(full.charset, sizeof full.charset, "\\ISO 2022 IR 58");
    yq_copy(full.assume_charset, sizeof full.assume_charset, "GB18030");
    full.max_associations = 7;
    yq_copy(full.note, sizeof full.note, "三号 \"机房\"");
    assert_true(yq_conf_peer_add(folder, &full, &err));
    struct yq_conf *conf = load();
    assert_int_equal(conf->peer_count, 1);
    assert_memory_equal(&conf->peers[0], &full, sizeof full);
    yq_conf_free(conf);
    assert_true(yq_conf_peer_remove(folder, "SINK", &err));
    expect_file("peers.json", (const char *)conf_example_peers);
}

static void what_is_no_peer_is_not_added(void **state)
{
    (void)state;
    struct yq_err err;
    struct yq_peer bad = peer("SI\\NK", "127.0.0.1", 1);
    assert_false(yq_conf_peer_add(folder, &bad, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    bad = peer("SINK", "127.0.0.1", 1);
    put("peers.json", "[{\"aet\": \"A\"}]", 0640); /* a file with a fault is left alone */
    assert_false(yq_conf_peer_add(folder, &bad, &err));
    expect_file("peers.json", "[{\"aet\": \"A\"}]");
}

static void removing_takes_the_entry_and_its_comma(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"[{\"aet\":\"SINK\"}]", "[]"},
        {"[\n  {\"aet\":\"SINK\"}\n]", "[\n]"},
        {"// a\n[\n  // b\n  {\"aet\": \"SINK\"}, // c\n  {\"aet\": \"B\"} // d\n]\n// e",
         "// a\n[\n  // b\n   // c\n  {\"aet\": \"B\"} // d\n]\n// e"},
        {"[\n  {\"aet\":\"B\"},\n  {\"aet\":\"SINK\",\n   \"host\":\"s\"}\n]\n",
         "[\n  {\"aet\":\"B\"}\n]\n"},
        {"[\n  {\"aet\":\"B\"},\n  {\"aet\":\"SINK\"},\n]\n", "[\n  {\"aet\":\"B\"},\n]\n"},
        {"[{\"aet\":\"SINK\"},{\"aet\":\"B\"}]", "[{\"aet\":\"B\"}]"},
        {"[{\"aet\":\"SINK\"} /* x */ , {\"aet\":\"B\"}]", "[ /* x */  {\"aet\":\"B\"}]"},
        {"[{\"aet\":\"SINK\"},\n{\"aet\":\"B\"},\n{\"aet\":\"SINK\"}]", "[\n{\"aet\":\"B\"}\n]"},
        {"[\r\n{\"aet\":\"SINK\"},\r\n{\"aet\":\"B\"}\r\n]", "[\r\n{\"aet\":\"B\"}\r\n]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_err err = {0};
        put("peers.json", cases[i].before, 0640);
        if (!yq_conf_peer_remove(folder, "SINK", &err))
            fail_msg("%s", err.text);
        expect_file("peers.json", cases[i].after);
        assert_false(yq_conf_peer_remove(folder, "SINK", &err));
        assert_int_equal(err.code, YQ_ABSENT);
        expect_file("peers.json", cases[i].after);
    }
}

static void *add_ten(void *context)
{
    for (int i = 0; i < 10; i++) {
        struct yq_err err;
        struct yq_peer one = peer("", "127.0.0.1", 1);
        snprintf(one.aet, sizeof one.aet, "T%d_%d", *(int *)context, i);
        if (!yq_conf_peer_add(folder, &one, &err))
            return "failed";
    }
    return NULL;
}

static void editors_take_turns(void **state)
{
    (void)state;
    pthread_t threads[4];
    int numbers[4];
    for (int i = 0; i < 4; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, add_ten, &numbers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *trouble;
        assert_int_equal(pthread_join(threads[i], &trouble), 0);
        assert_null(trouble);
    }
    struct yq_conf *conf = load();
    assert_int_equal(conf->peer_count, 40);
    yq_conf_free(conf);
}

static void expect_match(const struct yq_conf *conf, const char *aet, const char *address,
                         int which)
{
    bool known;
    const struct yq_peer *found = yq_conf_peer(conf, aet, address, &known);
    if (which < 0)
        assert_null(found);
    else
        assert_ptr_equal(found, &conf->peers[which]);
    assert_true(known || strcmp(aet, "NOBODY") == 0);
}

static void the_peer_whose_host_fits_best(void **state)
{
    (void)state;
    put("peers.json",
        "[{\"aet\": \"CT\", \"host\": \"10.0.0.0/8\"},      // 0\n"
        " {\"aet\": \"CT\", \"host\": \"10.1.0.0/17\"},     // 1\n"
        " {\"aet\": \"CT\", \"host\": \"10.1.2.3\", \"port\": 104},  // 2\n"
        " {\"aet\": \"CT\", \"host\": \"fd00:1::/33\"},     // 3\n"
        "]",
        0640);
    struct yq_conf *conf = load();
    expect_match(conf, "CT", "10.1.2.3", 2);
    expect_match(conf, "CT", "::ffff:10.1.2.3", 2);
    expect_match(conf, "CT", "10.1.127.4", 1);
    expect_match(conf, "CT", "10.1.128.4", 0);
    expect_match(conf, "CT", "11.1.2.4", -1);
    expect_match(conf, "CT", "fd00:1:7fff::9", 3);
    expect_match(conf, "CT", "fd00:1:8000::9", -1);
    expect_match(conf, "CT", "", 0);
    assert_null(yq_conf_peer(conf, "ct", "", NULL)); /* AE titles are told apart by case */
    yq_conf_free(conf);
}

static void names_nets_and_mapped_addresses(void **state)
{
    (void)state;
    put("peers.json",
        "[{\"aet\": \"ME\", \"host\": \"localhost\", \"port\": 1},\n"
        " {\"aet\": \"ANY\", \"host\": \"0.0.0.0/0\", \"port\": 1},\n"
        " {\"aet\": \"MAP\", \"host\": \"::ffff:10.9.0.0/112\"}]",
        0640);
    struct yq_conf *conf = load();
    bool known = true;
    expect_match(conf, "ME", "127.0.0.1", 0);
    expect_match(conf, "ME", "::ffff:127.0.0.1", 0);
    expect_match(conf, "ME", "192.0.2.1", -1);
    expect_match(conf, "ANY", "192.0.2.1", 1);
    expect_match(conf, "ANY", "2001:db8::1", -1);
    expect_match(conf, "MAP", "10.9.200.1", 2);
    expect_match(conf, "MAP", "10.8.200.1", -1);
    assert_null(yq_conf_peer(conf, "NOBODY", "127.0.0.1", &known));
    assert_false(known);
    assert_null(yq_conf_peer(conf, "NOBODY", "", NULL));
    assert_ptr_equal(yq_conf_destination(conf, "ME"), &conf->peers[0]);
    assert_null(yq_conf_destination(conf, "ANY")); /* a net cannot be called */
    assert_null(yq_conf_destination(conf, "MAP"));
    assert_null(yq_conf_destination(conf, "NOBODY"));
    yq_conf_free(conf);
}

static void the_line_that_would_add_a_peer_is_safe_to_paste(void **state)
{
    const struct yq_conf nowhere = {.folder = ""};
    (void)state;
    char line[128];
    yq_conf_peer_line(&nowhere, "CT_1", "10.1.2.3", line, sizeof line);
    assert_string_equal(line, "yingqiao ae add CT_1 10.1.2.3 104");
    yq_conf_peer_line(&nowhere, "A'; rm -rf /", "fd00::5", line, sizeof line);
    assert_string_equal(line, "yingqiao ae add 'A'\\''; rm -rf /' fd00::5 104");
    yq_conf_peer_line(&nowhere, "A\n\xff", "::1", line, sizeof line);
    assert_string_equal(line, "yingqiao ae add 'A?\?' ::1 104");
    yq_conf_peer_line(&nowhere, "CT_1", "10.1.2.3", line, 8);
    assert_string_equal(line, "yingqia");
}

static void the_stamp_changes_with_the_files(void **state)
{
    (void)state;
    uint64_t none = yq_conf_stamp(folder);
    put("peers.json", "[]", 0640);
    uint64_t first = yq_conf_stamp(folder);
    assert_true(first != none);
    assert_true(first == yq_conf_stamp(folder));
    put("peers.json", "[ ]", 0640);
    uint64_t second = yq_conf_stamp(folder);
    assert_true(second != first);
    put("peers.json", "[\n]", 0640); /* as long, replaced */
    assert_true(yq_conf_stamp(folder) != second);
    assert_true(yq_conf_stamp("/nonexistent") == yq_conf_stamp("/nonexistent"));
}

static struct yq_conf *numbered(int64_t port)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    conf->dicom_port = port;
    return conf;
}

static void who_holds_the_old_keeps_it(void **state)
{
    (void)state;
    struct yq_conf_box *box = yq_conf_box_new(numbered(1));
    const struct yq_conf *a = yq_conf_hold(box), *b = yq_conf_hold(box);
    yq_conf_swap(box, numbered(2));
    const struct yq_conf *c = yq_conf_hold(box);
    yq_conf_swap(box, numbered(3));
    assert_int_equal(a->dicom_port, 1);
    assert_int_equal(c->dicom_port, 2);
    yq_conf_release(box, a);
    assert_int_equal(b->dicom_port, 1);
    yq_conf_release(box, b);
    yq_conf_release(box, c);
    a = yq_conf_hold(box);
    assert_int_equal(a->dicom_port, 3);
    yq_conf_release(box, a);
    yq_conf_box_free(box); /* LeakSanitizer watches the rest */
    yq_conf_box_free(NULL);
}

static void *hold_often(void *context)
{
    for (int i = 0; i < 2000; i++) {
        const struct yq_conf *conf = yq_conf_hold(context);
        bool odd = conf->dicom_port < 1;
        yq_conf_release(context, conf);
        if (odd)
            return "odd";
    }
    return NULL;
}

static void a_swap_disturbs_no_reader(void **state)
{
    (void)state;
    pthread_t readers[2];
    struct yq_conf_box *box = yq_conf_box_new(numbered(1));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, hold_often, box), 0);
    for (int i = 0; i < 200; i++)
        yq_conf_swap(box, numbered(i + 1));
    for (int i = 0; i < 2; i++) {
        void *trouble;
        assert_int_equal(pthread_join(readers[i], &trouble), 0);
        assert_null(trouble);
    }
    yq_conf_box_free(box);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_empty_folder_is_the_defaults),
        IN_FOLDER(the_examples_are_written_where_files_are_missing),
        IN_FOLDER(the_command_line_goes_before_the_file),
        IN_FOLDER(one_file_instead_of_the_folder),
        IN_FOLDER(tokens_that_others_can_read_are_refused),
        IN_FOLDER(http_for_others_needs_a_token),
        IN_FOLDER(adding_keeps_every_other_byte),
        IN_FOLDER(adding_to_nothing_starts_from_the_example),
        IN_FOLDER(what_is_no_peer_is_not_added),
        IN_FOLDER(removing_takes_the_entry_and_its_comma),
        IN_FOLDER(editors_take_turns),
        IN_FOLDER(the_peer_whose_host_fits_best),
        IN_FOLDER(names_nets_and_mapped_addresses),
        cmocka_unit_test(the_line_that_would_add_a_peer_is_safe_to_paste),
        IN_FOLDER(the_stamp_changes_with_the_files),
        cmocka_unit_test(who_holds_the_old_keeps_it),
        cmocka_unit_test(a_swap_disturbs_no_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
