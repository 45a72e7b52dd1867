/* conf.c: any bytes as node.json, peers.json, rules.json, tokens.json, users.json,
 * anonymize.json, sources.json and platforms.json. What is taken is printed, and what was printed
 * must be taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_peers(const struct yq_conf *conf)
{
    struct yq_buf text = {0};
    struct yq_err err;
    struct yq_conf *again = calloc(1, sizeof *again);
    yq_buf_puts(&text, "[");
    for (size_t i = 0; i < conf->peer_count; i++) {
        yq_buf_puts(&text, i ? ",\n" : "");
        conf_put_peer(&text, &conf->peers[i]);
    }
    yq_buf_puts(&text, "]");
    if (!again || !conf_parse_peers(again, "again", text.bytes, text.length, &err) ||
        again->peer_count != conf->peer_count)
        abort();
    yq_conf_free(again);
    yq_buf_fini(&text);
}

static void check_users(const struct yq_conf *conf)
{
    struct yq_buf text = {0};
    struct yq_err err;
    struct yq_conf *again = calloc(1, sizeof *again);
    conf_put_users(&text, conf);
    if (!again || !conf_parse_users(again, "again", text.bytes, text.length, &err) ||
        again->user_count != conf->user_count)
        abort();
    yq_conf_free(again);
    yq_buf_fini(&text);
}

static void check_blanks(const struct yq_conf *conf)
{
    struct yq_buf text = {0};
    struct yq_err err;
    struct yq_conf *again = calloc(1, sizeof *again);
    yq_buf_puts(&text, "[");
    for (size_t i = 0; i < conf->blank_rule_count; i++) {
        yq_buf_puts(&text, i ? ",\n" : "");
        conf_put_blank_rule(&text, &conf->blank_rules[i]);
    }
    yq_buf_puts(&text, "]");
    size_t size = conf->blank_rule_count * sizeof *conf->blank_rules;
    if (!again || !conf_parse_blanks(again, "again", text.bytes, text.length, &err) ||
        again->blank_rule_count != conf->blank_rule_count ||
        (size && memcmp(again->blank_rules, conf->blank_rules, size) != 0))
        abort();
    yq_conf_free(again);
    yq_buf_fini(&text);
}

static void put_rules(struct yq_buf *text, const struct yq_conf *conf, enum yq_rule_kind kind)
{
    for (size_t i = 0; i < conf->rule_count; i++) {
        if (conf->rules[i].kind != kind)
            continue;
        conf_put_forward_rule(text, &conf->rules[i]);
        yq_buf_puts(text, ",\n");
    }
}

static void check_rules(const struct yq_conf *conf)
{
    struct yq_buf text = {0};
    struct yq_err err;
    struct yq_origin origin = {.door = "fuzz", .aet = "CT1"};
    struct yq_header header = {.sop_class = "1.2.840.10008.5.1.4.1.1.2"};
    struct yq_conf *again = calloc(1, sizeof *again);
    yq_buf_puts(&text, "{\"forward\": [");
    put_rules(&text, conf, YQ_RULE_FORWARD);
    yq_buf_puts(&text, "], \"pull\": [");
    put_rules(&text, conf, YQ_RULE_PULL);
    yq_buf_puts(&text, "]}");
    if (!again || !conf_parse_rules(again, "again", text.bytes, text.length, &err) ||
        again->rule_count != conf->rule_count)
        abort();
    header.values[YQ_Modality] = "CT";
    header.values[YQ_StudyDescription] = "胸部 CT";
    for (size_t i = 0; i < conf->rule_count; i++) {
        bool fits = yq_rule_fits(&conf->rules[i], &origin, &header, 700);
        const struct yq_rule *other = yq_conf_rule(again, conf->rules[i].name);
        if (!other || fits != yq_rule_fits(other, &origin, &header, 700))
            abort();
        (void)yq_rule_wants_modality(&conf->rules[i], "CT\\SR");
    }
    (void)!conf_rules_check(conf, &err);
    yq_conf_free(again);
    yq_buf_fini(&text);
}

static void sources(const struct yq_conf *conf)
{
    struct yq_err err;
    struct yq_buf text = {0};
    struct yq_conf *again = calloc(1, sizeof *again);
    yq_buf_puts(&text, "{\"sources\": [");
    for (size_t i = 0; i < conf->source_count; i++) {
        yq_buf_puts(&text, i ? "," : "");
        conf_put_source(&text, &conf->sources[i]);
    }
    yq_buf_puts(&text, "]}");
    if (!again || !conf_parse_sources(again, "again", text.bytes, text.length, &err) ||
        again->source_count != conf->source_count)
        abort();
    yq_buf_fini(&text);
    yq_conf_free(again);
}

static void platforms(const struct yq_conf *conf)
{
    struct yq_err err;
    struct yq_buf text = {0};
    struct yq_conf *again = calloc(1, sizeof *again);
    yq_buf_puts(&text, "[");
    for (size_t i = 0; i < conf->platform_count; i++) {
        char address[256];
        for (size_t n = 0; yq_platform_address(&conf->platforms[i], n, address, sizeof address);)
            n++;
        yq_buf_puts(&text, i ? "," : "");
        conf_put_platform(&text, &conf->platforms[i]);
    }
    yq_buf_puts(&text, "]");
    if (!again || !conf_parse_platforms(again, "again", text.bytes, text.length, &err) ||
        again->platform_count != conf->platform_count ||
        memcmp(again->platforms, conf->platforms, conf->platform_count * sizeof *conf->platforms) !=
            0)
        abort();
    yq_buf_fini(&text);
    yq_conf_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_err err;
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_buf text = {0};
    if (!conf)
        return 0;
    conf_defaults(conf);
    if (!conf_parse_node(conf, "node.json", data, size, &err) && err.code == YQ_BUG)
        abort();
    if (conf_parse_peers(conf, "peers.json", data, size, &err))
        check_peers(conf);
    if (!conf_parse_tokens(conf, "tokens.json", data, size, &err) && !err.text[0])
        abort();
    if (conf_parse_users(conf, "users.json", data, size, &err))
        check_users(conf);
    if (conf_parse_rules(conf, "rules.json", data, size, &err))
        check_rules(conf);
    if (conf_parse_sources(conf, "sources.json", data, size, &err))
        sources(conf);
    if (conf_parse_platforms(conf, "platforms.json", data, size, &err))
        platforms(conf);
    if (conf_parse_blanks(conf, "anonymize.json", data, size, &err))
        check_blanks(conf);
    for (size_t i = 0; i < conf->peer_count; i++) /* numeric hosts only: no name server here */
        if (conf_host_kind(conf->peers[i].host) != HOST_NAME)
            (void)yq_conf_peer(conf, conf->peers[i].aet, conf->peers[i].host, NULL);
    yq_conf_print(conf, &text);
    yq_buf_fini(&text);
    yq_conf_free(conf);
    return 0;
}
