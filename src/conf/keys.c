/* keys.c: the keyword table of conf.h: defaults, node.json, --set, printing, the manual. Pure:
 * works on bytes and values. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static const struct conf_keyword keywords[] = {
#define KEYWORD(type, c_name, key, fallback, least, most, help)                                    \
    {CONF_##type, offsetof(struct yq_conf, c_name), key, fallback, least, most, help},
    YQ_CONF_KEYS(KEYWORD)
#undef KEYWORD
};
#define KEYWORD_COUNT (sizeof keywords / sizeof *keywords)

#define TEXT_SIZE sizeof(((struct yq_conf *)0)->dicom_aet)

/* ---- suggestions ---- */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

const char *conf_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t away = yq_word_distance(word, candidates[i]);
        const char *part = strrchr(candidates[i], '.');
        if (part && !strchr(word, '.')) /* "port" without its section */
            away = smaller(away, yq_word_distance(word, part + 1));
        if (away < least) {
            least = away;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *conf_shown(char *to, size_t size, const char *text)
{
    bool whole = yq_copy(to, size, text);
    size_t length = strlen(to);
    /* a cut inside a character would leave half of it */
    while (!whole && length && (to[length - 1] & 0xc0) == 0x80)
        to[--length] = '\0';
    if (!whole && length && to[length - 1] & 0x80)
        to[--length] = '\0';
    for (char *p = to; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    return to;
}

static bool unknown_key(const char *where, const char *key, struct yq_err *err)
{
    const char *names[KEYWORD_COUNT];
    char shown[64];
    for (size_t i = 0; i < KEYWORD_COUNT; i++)
        names[i] = keywords[i].key;
    const char *nearest = conf_nearest(key, names, KEYWORD_COUNT);
    conf_shown(shown, sizeof shown, key);
    if (nearest)
        return yq_fail(err, YQ_BAD_INPUT, "conf", "%s: unknown key \"%s\" (did you mean \"%s\"?)",
                       where, shown, nearest);
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "%s: unknown key \"%s\" (\"yingqiao help check\" lists the keys)", where, shown);
}

/* ---- one value ---- */

static bool set_text(char *field, const struct conf_keyword *keyword, const char *value,
                     const char *where, struct yq_err *err)
{
    size_t length = strlen(value);
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return yq_fail(err, YQ_BAD_INPUT, "conf", "%s: %s has a control character in it", where,
                           keyword->key);
    }
    if ((int64_t)length < keyword->least || (int64_t)length > keyword->most)
        return yq_fail(err, YQ_BAD_INPUT, "conf", "%s: %s takes %d to %d bytes, not %zu", where,
                       keyword->key, (int)keyword->least, (int)keyword->most, length);
    if (strcmp(keyword->key, "dicom.aet") == 0 && !yq_aet_valid(value))
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "%s: %s: an AE title is 1 to 16 ASCII characters without backslash", where,
                       keyword->key);
    yq_copy(field, TEXT_SIZE, value);
    return true;
}

static bool set_number(int64_t *field, const struct conf_keyword *keyword, const char *value,
                       const char *where, struct yq_err *err)
{
    char *end, shown[32];
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool whole = !*end && end != value && !errno && strchr("-0123456789", value[0]);
    if (whole && number >= keyword->least && number <= keyword->most) {
        *field = number;
        return true;
    }
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "%s: %s takes a whole number from %" PRId64 " to %" PRId64 ", not %s", where,
                   keyword->key, keyword->least, keyword->most,
                   conf_shown(shown, sizeof shown, value));
}

static bool set_flag(bool *field, const struct conf_keyword *keyword, const char *value,
                     const char *where, struct yq_err *err)
{
    char shown[32];
    *field = strcmp(value, "true") == 0;
    if (*field || strcmp(value, "false") == 0)
        return true;
    return yq_fail(err, YQ_BAD_INPUT, "conf", "%s: %s takes true or false, not %s", where,
                   keyword->key, conf_shown(shown, sizeof shown, value));
}

/* The choices stand at the start of the help, before the colon. */
static size_t choices_length(const struct conf_keyword *keyword)
{
    return strcspn(keyword->help, ":");
}

static bool set_choice(int *field, const struct conf_keyword *keyword, const char *value,
                       const char *where, struct yq_err *err)
{
    char shown[32];
    const char *at = keyword->help, *end = at + choices_length(keyword);
    for (int i = 0; at < end; i++) {
        size_t length = strcspn(at, "|:");
        if (strlen(value) == length && memcmp(at, value, length) == 0) {
            *field = i;
            return true;
        }
        at += length + 1;
    }
    return yq_fail(err, YQ_BAD_INPUT, "conf", "%s: %s takes one of %.*s, not \"%s\"", where,
                   keyword->key, (int)choices_length(keyword), keyword->help,
                   conf_shown(shown, sizeof shown, value));
}

bool conf_set_value(void *base, const struct conf_keyword *keyword, const char *value,
                    const char *where, struct yq_err *err)
{
    void *field = (char *)base + keyword->offset;
    switch (keyword->type) {
    case CONF_text: return set_text(field, keyword, value, where, err);
    case CONF_number: return set_number(field, keyword, value, where, err);
    case CONF_flag: return set_flag(field, keyword, value, where, err);
    case CONF_choice: return set_choice(field, keyword, value, where, err);
    }
    return yq_fail(err, YQ_BUG, "conf", "%s: type %d", keyword->key, (int)keyword->type);
}

void conf_defaults(struct yq_conf *conf)
{
    struct yq_err err;
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        if (!conf_set_value(conf, &keywords[i], keywords[i].fallback, "default", &err))
            abort(); /* the table in conf.h is wrong: any test shows it */
    }
}

/* ---- node.json ---- */

static const struct conf_keyword *find_keyword(const char *key)
{
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        if (strcmp(keywords[i].key, key) == 0)
            return &keywords[i];
    }
    return NULL;
}

static bool is_section(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        if (strncmp(keywords[i].key, name, length) == 0 && keywords[i].key[length] == '.')
            return true;
    }
    return false;
}

bool conf_set_node(void *base, const struct jsonc *doc, const struct conf_keyword *keyword,
                   const struct jsonc_node *node, struct yq_err *err)
{
    static const enum jsonc_kind kinds[] = {
        [CONF_text] = JSONC_TEXT,
        [CONF_number] = JSONC_NUMBER,
        [CONF_flag] = JSONC_FLAG,
        [CONF_choice] = JSONC_TEXT,
    };
    char where[80];
    if (node->kind != kinds[keyword->type])
        return jsonc_fail(doc, node->line, err, "%s takes %s, not %s", keyword->key,
                          jsonc_kind_name(kinds[keyword->type]), jsonc_kind_name(node->kind));
    snprintf(where, sizeof where, "%s:%u", doc->file, node->line);
    const char *value = node->kind == JSONC_FLAG ? (node->flag ? "true" : "false") : node->text;
    return conf_set_value(base, keyword, value, where, err);
}

/* `lines`: where each key was given, 0 not yet; "dicom.port" and {"dicom": {"port": ...}} are one.
 */
static bool read_members(struct yq_conf *conf, const struct jsonc *doc,
                         const struct jsonc_node *object, const char *section,
                         unsigned lines[KEYWORD_COUNT], struct yq_err *err)
{
    for (const struct jsonc_node *node = object->child; node; node = node->next) {
        char key[128], where[80];
        snprintf(key, sizeof key, "%s%s%s", section, *section ? "." : "", node->name);
        const struct conf_keyword *keyword = find_keyword(key);
        if (keyword) {
            unsigned *line = &lines[keyword - keywords];
            if (*line)
                return jsonc_fail(doc, node->line, err, "%s stands here twice; first in line %u",
                                  key, *line);
            *line = node->line;
            if (!conf_set_node(conf, doc, keyword, node, err))
                return false;
        } else if (is_section(key) && node->kind != JSONC_OBJECT) {
            return jsonc_fail(doc, node->line, err, "%s takes %s, not %s", key,
                              jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
        } else if (is_section(key)) {
            if (!read_members(conf, doc, node, key, lines, err))
                return false;
        } else {
            snprintf(where, sizeof where, "%s:%u", doc->file, node->line);
            return unknown_key(where, key, err);
        }
    }
    return true;
}

bool conf_parse_node(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                     struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    unsigned lines[KEYWORD_COUNT] = {0};
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_OBJECT)
        return jsonc_fail(&doc, doc.root->line, err, "the settings stand in %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(doc.root->kind));
    return read_members(conf, &doc, doc.root, "", lines, err);
}

bool conf_apply(struct yq_conf *conf, const struct yq_setting *setting, struct yq_err *err)
{
    char shown[64], where[80];
    const struct conf_keyword *keyword = find_keyword(setting->key);
    if (keyword)
        return conf_set_value(conf, keyword, setting->value, "--set", err);
    snprintf(where, sizeof where, "--set %s", conf_shown(shown, sizeof shown, setting->key));
    return unknown_key(where, setting->key, err);
}

/* ---- printing ---- */

void conf_put_text(struct yq_buf *out, const char *text)
{
    yq_buf_puts(out, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            yq_buf_putf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            yq_buf_putf(out, "\\u%04x", (unsigned)*p);
        else
            yq_buf_put(out, p, 1);
    }
    yq_buf_puts(out, "\"");
}

void conf_put_value(struct yq_buf *out, const void *base, const struct conf_keyword *keyword)
{
    const void *field = (const char *)base + keyword->offset;
    if (keyword->type == CONF_text) {
        conf_put_text(out, field);
    } else if (keyword->type == CONF_number) {
        yq_buf_putf(out, "%" PRId64, *(const int64_t *)field);
    } else if (keyword->type == CONF_flag) {
        yq_buf_puts(out, *(const bool *)field ? "true" : "false");
    } else {
        const char *at = keyword->help;
        for (int i = *(const int *)field; i > 0; i--)
            at += strcspn(at, "|:") + 1;
        yq_buf_putf(out, "\"%.*s\"", (int)strcspn(at, "|:"), at);
    }
}

void yq_conf_print(const struct yq_conf *conf, struct yq_buf *out)
{
    yq_buf_puts(out, "{");
    const char *section = "";
    size_t section_length = 0;
    for (size_t i = 0; i < KEYWORD_COUNT; i++) { /* the table has its sections together */
        const char *key = keywords[i].key;
        size_t length = strcspn(key, ".");
        bool same = length == section_length && memcmp(key, section, length) == 0;
        if (!same)
            yq_buf_putf(out, "%s\n  \"%.*s\": {", i ? "\n  }," : "", (int)length, key);
        yq_buf_putf(out, "%s\n    \"%s\": ", same ? "," : "", key + length + 1);
        conf_put_value(out, conf, &keywords[i]);
        section = key;
        section_length = length;
    }
    yq_buf_puts(out, "\n  },\n  \"peers\": [");
    for (size_t i = 0; i < conf->peer_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_peer(out, &conf->peers[i]);
    }
    yq_buf_puts(out, conf->peer_count ? "\n  ],\n  \"rules\": [" : "],\n  \"rules\": [");
    for (size_t i = 0; i < conf->rule_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_forward_rule(out, &conf->rules[i]);
    }
    yq_buf_puts(out, conf->rule_count ? "\n  ],\n  \"tokens\": [" : "],\n  \"tokens\": [");
    for (size_t i = 0; i < conf->token_count; i++) {
        yq_buf_puts(out, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
        conf_put_text(out, conf->tokens[i].name);
        yq_buf_puts(out, ", \"secret\": \"***\"");
        unsigned rights = conf->tokens[i].rights;
        if (rights)
            yq_buf_putf(out, ", \"rights\": [%s%s%s]", rights & YQ_RIGHT_WRITE ? "\"write\"" : "",
                        rights == (YQ_RIGHT_WRITE | YQ_RIGHT_PERSONAL) ? ", " : "",
                        rights & YQ_RIGHT_PERSONAL ? "\"personal\"" : "");
        yq_buf_puts(out, "}");
    }
    yq_buf_puts(out, conf->token_count ? "\n  ],\n  \"coercion\": [" : "],\n  \"coercion\": [");
    for (size_t i = 0; i < conf->coercion_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_rule(out, &conf->coercion[i]);
    }
    yq_buf_puts(out,
                conf->coercion_count ? "\n  ],\n  \"anonymize\": [" : "],\n  \"anonymize\": [");
    for (size_t i = 0; i < conf->blank_rule_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_blank_rule(out, &conf->blank_rules[i]);
    }
    yq_buf_puts(out, conf->blank_rule_count ? "\n  ],\n  \"sources\": [" : "],\n  \"sources\": [");
    for (size_t i = 0; i < conf->source_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_source(out, &conf->sources[i]);
    }
    yq_buf_puts(out, conf->source_count ? "\n  ],\n  \"platforms\": [" : "],\n  \"platforms\": [");
    for (size_t i = 0; i < conf->platform_count; i++) {
        yq_buf_puts(out, i ? ",\n    " : "\n    ");
        conf_put_platform(out, &conf->platforms[i]);
    }
    yq_buf_puts(out, conf->platform_count ? "\n  ]\n}\n" : "]\n}\n");
}

void yq_conf_manual(struct yq_buf *out)
{
    for (size_t i = 0; i < KEYWORD_COUNT; i++)
        yq_buf_putf(out, "%s\t%s\t%s\n", keywords[i].key, keywords[i].fallback, keywords[i].help);
}
