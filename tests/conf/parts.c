/* What a configuration file may say, and what it is told when it says something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts.h"

static struct yq_conf *fresh(void)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    conf_defaults(conf);
    return conf;
}

typedef bool parser(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                    struct yq_err *err);

static struct yq_conf *parse(parser *part, const char *file, const char *text)
{
    struct yq_conf *conf = fresh();
    struct yq_err err = {0};
    if (!part(conf, file, text, strlen(text), &err))
        fail_msg("%s", err.text);
    return conf;
}

static void refuse(parser *part, const char *file, const char *text, const char *message)
{
    struct yq_conf *conf = fresh();
    struct yq_err err = {0};
    assert_false(part(conf, file, text, strlen(text), &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    if (!strstr(err.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.text);
    yq_conf_free(conf);
}

static void node(const char *text, const char *message)
{
    refuse(conf_parse_node, "node.json", text, message);
}

static void peers(const char *text, const char *message)
{
    refuse(conf_parse_peers, "peers.json", text, message);
}

static void tokens(const char *text, const char *message)
{
    refuse(conf_parse_tokens, "tokens.json", text, message);
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct yq_conf *conf = fresh();
    assert_string_equal(conf->dicom_aet, "YINGQIAO");
    assert_int_equal(conf->dicom_port, 11112);
    assert_int_equal(conf->dicom_unknown_peers, YQ_UNKNOWN_REFUSE);
    assert_int_equal(conf->store_duplicates, YQ_KEEP_FIRST);
    assert_int_equal(conf->log_level, 1);
    assert_true(conf->dicom_unknown_sop_classes);
    assert_string_equal(conf->http_bind, "127.0.0.1");
    yq_conf_free(conf);
}

static void nested_and_flat_keys_mean_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"dicom\": {\"port\": 104, \"check_called_aet\": true, \"unknown_peers\": \"accept\"}}",
        "// head\n{\"dicom.port\": 104, /* in\nbetween */ \"dicom.check_called_aet\": true,\r\n"
        "\"dicom\": {\"unknown_peers\": \"accept\",},} // end",
        "\xef\xbb\xbf{\"dicom.port\":104,\"dicom.check_called_aet\":true,"
        "\"dicom.unknown_peers\":\"\\u0061ccept\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct yq_conf *conf = parse(conf_parse_node, "node.json", texts[i]);
        assert_int_equal(conf->dicom_port, 104);
        assert_true(conf->dicom_check_called_aet);
        assert_int_equal(conf->dicom_unknown_peers, YQ_UNKNOWN_ACCEPT);
        yq_conf_free(conf);
    }
}

static void unknown_keys_are_named_with_their_line(void **state)
{
    (void)state;
    node("{\n  \"dicom.prot\": 1\n}",
         "node.json:2: unknown key \"dicom.prot\" (did you mean \"dicom.port\"?)");
    node("{\n\n  \"dicom\": {\n    \"prot\": 1\n}}",
         "node.json:4: unknown key \"dicom.prot\" (did you mean \"dicom.port\"?)");
    node("{\"duplicate\": \"replace\"}", "did you mean \"store.duplicates\"?");
    node("{\"storage\": {\"x\": 1}}", "node.json:1: unknown key \"storage\"");
    node("{\"entirely.other\": 1}", "\"yingqiao help check\" lists the keys");
    node("{\"a\\nb\": 1}", "unknown key \"a?b\"");
}

static void values_out_of_bounds_are_refused(void **state)
{
    (void)state;
    node("{\"dicom.port\": 70000}",
         "node.json:1: dicom.port takes a whole number from 0 to 65535, not 70000");
    node("{\"dicom.port\": -1}", "from 0 to 65535, not -1");
    node("{\"dicom.port\": 1.5}", "not 1.5");
    node("{\"dicom.port\": 1e3}", "not 1e3");
    node("{\"dicom.port\": 99999999999999999999}", "from 0 to 65535");
    node("{\"dicom.port\": \"104\"}", "dicom.port takes a number, not text in quotes");
    node("{\"dicom.aet\": 5}", "dicom.aet takes text in quotes, not a number");
    node("{\"dicom.aet\": \"\"}", "dicom.aet takes 1 to 16 bytes, not 0");
    node("{\"dicom.aet\": \"12345678901234567\"}", "not 17");
    node("{\"dicom.aet\": \"A\\\\B\"}", "without backslash");
    node("{\"dicom.aet\": \"影桥\"}", "ASCII");
    node("{\"dicom.aet\": \"  \"}", "ASCII");
    node("{\"dicom.bind\": \"a\\u0007\"}", "control character");
    node("{\"dicom.check_called_aet\": 1}", "takes true or false, not a number");
    node("{\"dicom.unknown_peers\": \"maybe\"}",
         "dicom.unknown_peers takes one of refuse|accept, not \"maybe\"");
    node("{\"store.duplicates\": \"keep\"}", "keep-first|replace|keep-both");
    node("{\"dicom\": 5}", "dicom takes an object {}, not a number");
    node("[]", "an object {}, not a list []");
    node("{\"dicom.port\": 1,\n\"dicom\": {\"port\": 2}}",
         "node.json:2: dicom.port stands here twice; first in line 1");
}

static void text_that_is_no_json_is_explained(void **state)
{
    (void)state;
    node("", "node.json:1: the file ends here; expected a value");
    node("// nothing\n", "node.json:2: the file ends here");
    node("{", "expected a key in double quotes");
    node("{\"a\" 1}", "expected a colon after the key");
    node("{'a': 1}", "double quotes");
    node("{dicom: 1}", "expected a key in double quotes, found 'd'");
    node("{\"dicom.aet\": HOSP}", "text and keys take double quotes");
    node("{\"dicom.aet\": \"HOSP}\n", "not closed");
    node("{\"dicom.aet\": \"A\\qB\"}", "backslash");
    node("{\"dicom.aet\": \"\\ud800\"}", "backslash");
    node("{\"dicom.aet\": \"\\u0000\"}", "backslash");
    node("{\"dicom.aet\": \"\xff\"}", "not UTF-8");
    node("{\"dicom.port\": 01}", "no number");
    node("{\"dicom.port\": 10.1.2.3}", "no number");
    node("{\"dicom.port\": 1 \"dicom.bind\": \"\"}", "expected a comma or }");
    node("{} {}", "nothing more after the end");
    node("{}\n/* no end\n\n", "node.json:2: this /* comment has no end");
    node("{\"a\": 1,\n \"a\": 2}", "node.json:2: \"a\" stands here twice; first in line 1");
    node("{\"a\":[[[[[[[[[[[[[[[[[[[[", "nested too deep");
}

static void setting_from_the_command_line(void **state)
{
    (void)state;
    struct yq_conf *conf = fresh();
    struct yq_err err = {0};
    assert_true(conf_apply(conf, &(struct yq_setting){"dicom.port", "11113"}, &err));
    assert_true(conf_apply(conf, &(struct yq_setting){"dicom.aet", "HOSP"}, &err));
    assert_true(conf_apply(conf, &(struct yq_setting){"dicom.unknown_peers", "accept"}, &err));
    assert_true(conf_apply(conf, &(struct yq_setting){"dicom.check_called_aet", "true"}, &err));
    assert_int_equal(conf->dicom_port, 11113);
    assert_string_equal(conf->dicom_aet, "HOSP");
    assert_int_equal(conf->dicom_unknown_peers, YQ_UNKNOWN_ACCEPT);
    assert_true(conf->dicom_check_called_aet);
    assert_false(conf_apply(conf, &(struct yq_setting){"dicom.prot", "1"}, &err));
    assert_string_equal(err.text, "--set dicom.prot: unknown key \"dicom.prot\" (did you mean "
                                  "\"dicom.port\"?)");
    assert_false(conf_apply(conf, &(struct yq_setting){"dicom.port", "x"}, &err));
    assert_string_equal(err.text, "--set: dicom.port takes a whole number from 0 to 65535, not x");
    assert_false(conf_apply(conf, &(struct yq_setting){"dicom.port", ""}, &err));
    assert_false(conf_apply(conf, &(struct yq_setting){"dicom.port", " 5"}, &err));
    assert_false(conf_apply(conf, &(struct yq_setting){"dicom.check_called_aet", "1"}, &err));
    yq_conf_free(conf);
}

static void peers_are_read(void **state)
{
    (void)state;
    struct yq_conf *conf = parse(
        conf_parse_peers, "peers.json",
        "[{\"aet\": \" CT 1 \", \"host\": \"10.1.2.3\", \"port\": 104, \"may\": [\"store\"],\n"
        "  \"syntaxes\": [\"j2k-lossless\", \"1.2.840.10008.1.2.1\", \"htj2k\"],\n"
        "  \"charset\": \"GB18030\", \"assume_charset\": \"always GBK\", \"max_associations\": 3,\n"
        "  \"kb_per_second\": 512, \"sees\": {\"modalities\": [\"CT\", \"M*\"],\n"
        "  \"institutions\": [\"东院*\"]},\n"
        "  \"tls\": true, \"tls_verify\": false, \"tls_ca\": \"ca.pem\", \"tls_peer\": "
        "\"ct1.lan\",\n"
        "  \"note\": \"三号机房\"},\n"
        " {\"aet\": \"CT 1\", \"host\": \"fd00::/8\"}, // another with the same title\n]");
    assert_int_equal(conf->peer_count, 2);
    const struct yq_peer *peer = conf->peers;
    assert_string_equal(peer->aet, "CT 1");
    assert_int_equal(peer->port, 104);
    assert_int_equal(peer->rights, YQ_MAY_STORE);
    assert_int_equal(peer->syntax_count, 3);
    assert_string_equal(peer->syntaxes[0], YQ_TS_J2K_LOSSLESS);
    assert_string_equal(peer->syntaxes[1], YQ_TS_EXPLICIT_LE);
    assert_string_equal(peer->syntaxes[2], YQ_TS_HTJ2K);
    assert_string_equal(peer->charset, "GB18030");
    assert_string_equal(peer->assume_charset, "always GBK");
    assert_int_equal(peer->max_associations, 3);
    assert_string_equal(peer->note, "三号机房");
    assert_int_equal(peer->kb_per_second, 512);
    assert_string_equal(peer->sees.modalities, "CT\\M*");
    assert_string_equal(peer->sees.institutions, "东院*");
    assert_true(peer->tls.on);
    assert_true(peer->tls.unverified);
    assert_string_equal(peer->tls.ca, "ca.pem");
    assert_string_equal(peer->tls.wanted, "ct1.lan");
    assert_int_equal(peer[1].rights, YQ_MAY_STORE | YQ_MAY_QUERY | YQ_MAY_RETRIEVE);
    assert_int_equal(peer[1].port, 0);
    yq_conf_free(conf);
}

static void peers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    peers("{}", "a list [], not an object {}");
    peers("[\n5]", "peers.json:2: a peer is an object {}, not a number");
    peers("[{\"aet\": \"A\"}]", "this peer lacks \"host\"");
    peers("[{\"host\": \"a\"}]", "this peer lacks \"aet\"");
    peers("[{\"aet\": \"A\",\n\"hots\": \"a\"}]",
          "peers.json:2: unknown key \"hots\" (did you mean \"host\"?)");
    peers("[{\"aet\": \"A\",\n\"colour\": \"a\"}]", "a peer has aet, host, port");
    peers("[{\"aet\": \"\", \"host\": \"a\"}]", "is no AE title");
    peers("[{\"aet\": \"12345678901234567\", \"host\": \"a\"}]", "is no AE title");
    peers("[{\"aet\": \"A\\\\B\", \"host\": \"a\"}]", "is no AE title");
    peers("[{\"aet\": \"A\\tB\", \"host\": \"a\"}]", "is no AE title");
    peers("[{\"aet\": \"A\", \"host\": \"10.1.2.300\"}]", "\"10.1.2.300\" is no host");
    peers("[{\"aet\": \"A\", \"host\": \"10.1.0.0/33\"}]", "is no host");
    peers("[{\"aet\": \"A\", \"host\": \"\"}]", "is no host");
    peers("[{\"aet\": \"A\", \"host\": \"a b\"}]", "is no host");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"port\": 65536}]", "from 0 to 65535, not 65536");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"port\": -1}]", "not -1");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"port\": \"104\"}]", "\"port\" takes a number");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"may\": \"store\"}]", "\"may\" takes a list []");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"may\": [\"delete\"]}]", "is no right");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"syntaxes\": [\"j2k-losless\"]}]",
          "a UID, or a name such as \"j2k-lossless\"");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"charset\": \"KLINGON\"}]", "is no character set");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"kb_per_second\": 3}]",
          "0 (no limit) or at least 16");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"sees\": {}}]", "\"sees\" names nothing");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"sees\": {\"modality\": [\"CT\"]}}]",
          "\"sees\" has modalities and institutions");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"sees\": {\"modalities\": []}}]", "is empty");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"sees\": {\"modalities\": [\"A\\\\B\"]}}]",
          "have no backslash");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"assume_charset\": \"always\"}]",
          "is no character set to assume");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"tls\": 1}]", "\"tls\" takes true or false");
    peers("[{\"aet\": \"A\", \"host\": \"a\", \"tls_peer\": \"ct1\"}]",
          "says how TLS is to be, but not \"tls\": true");
    peers("[{\"aet\": \"A\", \"host\": \"a\"},\n{\"aet\": \"A\", \"host\": \"A\"}]",
          "peers.json:2: A at A stands here twice; first in line 1");
    peers("[{\"aet\":\"A\",\"host\":\"a\",\"syntaxes\":[\"rle\",\"rle\",\"rle\",\"rle\",\"rle\","
          "\"rle\",\"rle\",\"rle\",\"rle\"]}]",
          "at most 8");
}

static void tokens_are_read_or_refused_without_telling_them(void **state)
{
    (void)state;
    struct yq_conf *conf =
        parse(conf_parse_tokens, "tokens.json",
              "{\"tokens\": [{\"name\": \"cloud\", \"secret\": \"0123456789abcdef\"}]}");
    assert_int_equal(conf->token_count, 1);
    assert_string_equal(conf->tokens[0].secret, "0123456789abcdef");
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_conf_print(conf, &out);
    assert_null(strstr(yq_buf_text(&out), "0123456789abcdef"));
    assert_non_null(strstr(yq_buf_text(&out), "{\"name\": \"cloud\", \"secret\": \"***\"}"));
    yq_conf_free(conf);
    conf = parse(conf_parse_tokens, "tokens.json",
                 "{\"tokens\": [{\"name\": \"his\", \"secret\": \"0123456789abcdef\", \"rights\": "
                 "[\"write\", \"personal\"]}, {\"name\": \"ris\", \"secret\": "
                 "\"0123456789abcdeg\", \"rights\": [\"write\"]}]}");
    assert_int_equal(conf->tokens[0].rights, YQ_RIGHT_WRITE | YQ_RIGHT_PERSONAL);
    assert_int_equal(conf->tokens[1].rights, YQ_RIGHT_WRITE);
    yq_buf_clear(&out);
    yq_conf_print(conf, &out);
    assert_non_null(strstr(yq_buf_text(&out), "\"rights\": [\"write\", \"personal\"]}"));
    yq_conf_free(conf);
    tokens("{\"tokens\": [{\"rights\": \"write\"}]}", "\"rights\" takes");
    tokens("{\"tokens\": [{\"rights\": [\"all\"]}]}", "a right is \"write\" or");
    tokens("{\"tokens\": [\n{\"name\": \"cloud\", \"secret\": \"short\"}]}",
           "tokens.json:2: the \"secret\" of a token is at least 16");
    tokens("{\"tokens\": [{\"name\": \"c\", \"secret\": \"0123456789 abcdef\"}]}", "blanks");
    tokens("{\"tokens\": [{\"secret\": \"0123456789abcdef\"}]}", "lacks a \"name\"");
    tokens("{\"token\": []}", "did you mean \"tokens\"?");
    tokens("{\"tokens\": [{\"nam\": 1}]}", "unknown key \"nam\"");
    tokens("[]", "expected {\"tokens\"");
    struct yq_err err = {0};
    static const char unquoted[] = "{\"tokens\": [{\"name\": \"c\", \"secret\": s3cr3ts3cr3t}]}";
    conf = fresh();
    assert_false(conf_parse_tokens(conf, "tokens.json", unquoted, sizeof unquoted - 1, &err));
    assert_null(strstr(err.text, "s3cr3t"));
    yq_conf_free(conf);
}

/* What is printed is JSON that says the same again. */
static void the_effective_settings_are_printed(void **state)
{
    (void)state;
    struct yq_conf *conf =
        parse(conf_parse_node, "node.json",
              "{\"dicom.aet\": \"A\\\"B\", \"store.duplicates\": \"keep-both\", \"log.level\": "
              "\"error\", \"dicom.check_called_aet\": true, \"http.port\": 0}");
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_conf_print(conf, &out);
    char *text = (char *)out.bytes, *peers_at = strstr(text, ",\n  \"peers\": []");
    assert_non_null(peers_at);
    assert_non_null(strstr(
        text, "\"tokens\": [],\n  \"coercion\": [],\n  \"anonymize\": [],\n  \"sources\": [],\n  "
              "\"platforms\": []\n}\n"));
    assert_non_null(strstr(text, "\n  \"http\": {\n    \"bind\": \"127.0.0.1\",\n"));
    memcpy(peers_at, "\n}", 3);
    struct yq_conf *again = parse(conf_parse_node, "printed", text);
    assert_memory_equal(again, conf, offsetof(struct yq_conf, peers));
    yq_conf_free(again);
    yq_conf_free(conf);
}

static void the_manual_has_a_line_for_every_key(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    unsigned lines = 0, keys = 0;
#define COUNT(...) keys++;
    YQ_CONF_KEYS(COUNT)
#undef COUNT
    yq_conf_manual(&out);
    for (const char *p = yq_buf_text(&out); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, keys);
    assert_non_null(
        strstr(yq_buf_text(&out), "dicom.port\t11112\tTCP port for DICOM; 0: none, TLS only\n"));
}

/* Takes the // in front of every setting away, as a reader of the example would. */
static struct yq_buf uncommented(void)
{
    struct yq_buf text = {0};
    const char *p = (const char *)conf_example_node;
    for (size_t i = 0; i < conf_example_node_size; i++) {
        if (i + 2 < conf_example_node_size && memcmp(p + i, "//\"", 3) == 0)
            i += 2;
        yq_buf_put(&text, p + i, 1);
    }
    return text;
}

static void the_example_shows_every_key_with_its_default(void **state)
{
    (void)state;
    struct yq_conf *none = fresh(), *plain = fresh(), *shown = fresh();
    struct yq_err err = {0};
    struct yq_buf text yq_cleanup(yq_buf_fini) = uncommented();
    assert_true(
        conf_parse_node(plain, "node.json", conf_example_node, conf_example_node_size, &err));
    if (!conf_parse_node(shown, "node.json", text.bytes, text.length, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(plain, none, sizeof *none);
    assert_memory_equal(shown, none, sizeof *none);
    struct jsonc doc;
    unsigned keys = 0, there = 0;
    assert_true(jsonc_parse(&doc, "node.json", text.bytes, text.length, &err));
    for (const struct jsonc_node *section = doc.root->child; section; section = section->next) {
        for (const struct jsonc_node *at = section->child; at; at = at->next)
            there++;
    }
    jsonc_fini(&doc);
#define COUNT(...) keys++;
    YQ_CONF_KEYS(COUNT)
#undef COUNT
    assert_int_equal(there, keys);
    yq_conf_free(none);
    yq_conf_free(plain);
    yq_conf_free(shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(nested_and_flat_keys_mean_the_same),
        cmocka_unit_test(unknown_keys_are_named_with_their_line),
        cmocka_unit_test(values_out_of_bounds_are_refused),
        cmocka_unit_test(text_that_is_no_json_is_explained),
        cmocka_unit_test(setting_from_the_command_line),
        cmocka_unit_test(peers_are_read),
        cmocka_unit_test(peers_that_cannot_be_are_refused),
        cmocka_unit_test(tokens_are_read_or_refused_without_telling_them),
        cmocka_unit_test(the_effective_settings_are_printed),
        cmocka_unit_test(the_manual_has_a_line_for_every_key),
        cmocka_unit_test(the_example_shows_every_key_with_its_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
