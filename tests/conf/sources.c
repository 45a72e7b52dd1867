/* sources.json and the mapping files it names: what is taken, and what is told when it is not. */
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
    char path[128];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/yq-sources-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/mapping", folder);
    return mkdir(path, 0750);
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"sources.json", "mapping/ours.csv",
                                        "mapping/ris-export.csv"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/mapping", folder);
    return rmdir(path) || rmdir(folder);
}

static void put(const char *name, const char *text)
{
    char path[YQ_PATH_MOST];
    struct yq_err err;
    assert_true(yq_path_join(path, folder, name, &err));
    assert_true(yq_file_write(path, text, strlen(text), 0640, &err));
}

static struct yq_conf *load(const char *sources)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    put("sources.json", sources);
    if (!yq_conf_load(folder, NULL, 0, &conf, &err))
        fail_msg("%s", err.text);
    return conf;
}

static void refuse(const char *sources, const char *message)
{
    struct yq_conf *conf;
    struct yq_err err = {0};
    put("sources.json", sources);
    assert_false(yq_conf_load(folder, NULL, 0, &conf, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

static void every_type_has_its_keys_and_defaults(void **state)
{
    (void)state;
    struct yq_conf *conf =
        load("// sources\n{\"sources\": [\n"
             "{\"name\": \"ris\", \"type\": \"hl7\", \"application\": \"RIS*\"},\n"
             "{\"name\": \"lis-db\", \"type\": \"odbc\", \"connection\": \"DSN=lis\", \"table\": "
             "\"v_lab\", \"change_column\": \"CHANGED\", \"key_columns\": \"ID\","
             " \"kind\": \"lab\", \"seconds\": 5, \"password_file\": \"lis.password\"},\n"
             "{\"name\": \"inbox\", \"type\": \"folder\", \"path\": \"/srv/in\", \"mapping\": "
             "\"ris-export\","
             " \"charset\": \"gb18030\", \"enabled\": false}]}");
    assert_int_equal(conf->source_count, 3);
    const struct yq_source *hl7 = yq_conf_source(conf, "ris"),
                           *odbc = yq_conf_source(conf, "lis-db"),
                           *inbox = yq_conf_source(conf, "inbox");
    assert_int_equal(hl7->type, YQ_SOURCE_HL7);
    assert_string_equal(hl7->application, "RIS*");
    assert_string_equal(hl7->facility, "*");
    assert_true(hl7->enabled);
    assert_int_equal(odbc->seconds, 5);
    assert_int_equal(odbc->rows, 500);
    assert_non_null(strstr(odbc->password_file, folder));
    assert_string_equal(inbox->path, "/srv/in");
    assert_false(inbox->enabled);
    assert_non_null(inbox->rules);
    assert_string_equal(inbox->rules->name, "ris-export");
    assert_null(yq_conf_source(conf, "other"));
    yq_conf_free(conf);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[]x", "sources.json:1: "},
        {"{\"source\": []}", "did you mean \"sources\"?"},
        {"{}", "the sources stand in"},
        {"{\"sources\": {}}", "the sources stand in"},
        {"{\"sources\": [\n3]}", "sources.json:2: a source is an object"},
        {"{\"sources\": [{\"name\": \"a\"}]}", "lacks \"type\""},
        {"{\"sources\": [{\"type\": \"hl7\"}]}", "lacks \"name\""},
        {"{\"sources\": [{\"name\": \"a b\", \"type\": \"hl7\"}]}", "letters, digits"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"hl8\"}]}", "not hl8"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"hl7\"},\n{\"name\": \"a\", \"type\": "
         "\"hl7\"}]}",
         "sources.json:2: this \"name\" stands here twice"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"hl7\",\n\"aplication\": \"x\"}]}",
         "sources.json:2: unknown key \"aplication\" (did you mean \"application\"?)"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"hl7\", \"table\": \"x\"}]}",
         "\"table\" belongs to sources of type odbc, this one is hl7"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\"}]}", "lacks \"path\""},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"odbc\", \"table\": \"t\"}]}",
         "lacks \"connection\""},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"odbc\", \"table\": \"t\", \"connection\": "
         "\"DSN=x;Pwd=secret\", \"change_column\": \"c\", \"key_columns\": \"k\"}]}",
         "password_file"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"kind\": "
         "\"exams2\"}]}",
         "\"kind\" is a kind of record"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"charset\": "
         "\"klingon\"}]}",
         "\"charset\" is none that is known"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"seconds\": "
         "0}]}",
         "seconds takes a whole number from 1"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"mapping\": "
         "\"none\"}]}",
         "sources.json:1: there is no mapping/none.csv"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"mapping\": "
         "\"../x\"}]}",
         "the name of a mapping"},
        {"{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\"},"
         "{\"name\": \"b\", \"type\": \"folder\", \"path\": \"/x\"}]}",
         "watch the same folder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(cases[i][0], cases[i][1]);
}

#define OURS                                                                                       \
    "{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\", \"mapping\": "       \
    "\"ours\"}]}"

static void a_mapping_file_is_read_with_the_configuration(void **state)
{
    (void)state;
    put("mapping/ours.csv", "kind,member,source,note\nexam,examID,A,\n");
    refuse(OURS, "mapping/ours.csv:2: \"examID\" is no member of exam (did you mean \"examId\"?)");
    put("mapping/ours.csv", "kind,member,source,note\nexam,examId,\xbc\xec\xb2\xe9\xba\xc5,\n");
    refuse(OURS, "mapping/ours.csv:1: the file is not UTF-8");
    put("mapping/ours.csv", "kind,member,source,note\nexam,examId,A,\n");
    struct yq_conf *conf = load(OURS);
    assert_int_equal(conf->sources[0].rules->count, 1);
    yq_conf_free(conf);
}

static void a_mapping_of_the_folder_goes_before_one_that_is_compiled_in(void **state)
{
    (void)state;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    assert_true(yq_conf_mapping_text(folder, "ris-export", &text, &err));
    assert_non_null(strstr(yq_buf_text(&text), "检查号"));
    put("mapping/ris-export.csv", "kind,member,source,note\nexam,examId,A,\n");
    yq_buf_clear(&text);
    assert_true(yq_conf_mapping_text(folder, "ris-export", &text, &err));
    assert_null(strstr(yq_buf_text(&text), "检查号"));
    assert_false(yq_conf_mapping_text(folder, "none", &text, &err));
    assert_int_equal(err.code, YQ_ABSENT);
}

static void every_mapping_that_is_compiled_in_can_be_read(void **state)
{
    (void)state;
    for (const struct conf_builtin *at = conf_builtin_mappings; at->name; at++) {
        struct yq_mapping *mapping;
        struct yq_err err = {0};
        if (!yq_mapping_parse(at->name, at->bytes, *at->size, &mapping, &err))
            fail_msg("%s", err.text);
        assert_true(mapping->count > 5);
        yq_mapping_free(mapping);
    }
}

static void what_is_printed_can_be_read(void **state)
{
    (void)state;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_conf *conf =
        load("{\"sources\": [{\"name\": \"a\", \"type\": \"folder\", \"path\": \"/x\"},"
             "{\"name\": \"b\", \"type\": \"hl7\", \"hosts\": \"10.0.0.0/8\"}]}");
    yq_conf_print(conf, &text);
    const char *printed = strstr(yq_buf_text(&text), "\"sources\": [");
    assert_non_null(printed);
    const char *end = strstr(printed, ",\n  \"platforms\"");
    assert_non_null(end);
    struct yq_buf again yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&again, "{%.*s}", (int)(end - printed), printed);
    struct yq_conf *second = load(yq_buf_text(&again));
    assert_int_equal(second->source_count, 2);
    assert_string_equal(second->sources[1].hosts, "10.0.0.0/8");
    yq_conf_free(conf);
    yq_conf_free(second);
}

static void the_stamp_sees_the_mappings(void **state)
{
    (void)state;
    put("mapping/ours.csv", "kind,member,source,note\nexam,examId,A,\n");
    uint64_t before = yq_conf_stamp(folder);
    assert_true(before == yq_conf_stamp(folder));
    put("mapping/ours.csv", "kind,member,source,note\nexam,examId,B2,\n");
    assert_true(before != yq_conf_stamp(folder));
}

static void the_example_is_empty_and_right(void **state)
{
    (void)state;
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_err err = {0};
    if (!conf_parse_sources(conf, "sources.json", conf_example_sources, conf_example_sources_size,
                            &err))
        fail_msg("%s", err.text);
    assert_int_equal(conf->source_count, 0);
    yq_conf_free(conf);
}

static void the_manual_has_every_key(void **state)
{
    (void)state;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    yq_conf_source_manual(&text);
    assert_non_null(strstr(yq_buf_text(&text), "mapping\t\t"));
    assert_non_null(strstr(yq_buf_text(&text), "seconds\t30\t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_keys_and_defaults),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_mapping_file_is_read_with_the_configuration),
        cmocka_unit_test(a_mapping_of_the_folder_goes_before_one_that_is_compiled_in),
        cmocka_unit_test(every_mapping_that_is_compiled_in_can_be_read),
        cmocka_unit_test(what_is_printed_can_be_read),
        cmocka_unit_test(the_stamp_sees_the_mappings),
        cmocka_unit_test(the_example_is_empty_and_right),
        cmocka_unit_test(the_manual_has_every_key),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
