/* sources.c: sources.json: where records come from, {"sources": [...]}, by the keyword table of
 * sources.h, and the mapping files that it names.
 *
 * An unknown key is refused with its line and the nearest name, a key of another type too. A key
 * whose least length is 1 and whose default is empty must be given. A mapping is parsed with the
 * configuration: a wrong name in it keeps the configuration from being taken up. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"
#include "yq/text.h"

#define SOURCES_MOST 256
#define MAPPING_BYTES_MOST (1u << 20)

static const struct source_key {
    struct conf_keyword keyword;
    unsigned types;
} keys[] = {
#define KEY(type, c_name, key, types, fallback, least, most, help)                                 \
    {{CONF_##type, offsetof(struct yq_source, c_name), key, fallback, least, most, help}, types},
    YQ_SOURCE_KEYS(KEY)
#undef KEY
};
#define KEYS (sizeof keys / sizeof *keys)

static const char *const types[] = {
    [YQ_SOURCE_HL7] = "hl7", [YQ_SOURCE_ODBC] = "odbc", [YQ_SOURCE_FOLDER] = "folder"};
#define TYPES (sizeof types / sizeof *types)

static bool is_needed(const struct source_key *key)
{
    return key->keyword.type == CONF_text && key->keyword.least > 0 && !*key->keyword.fallback;
}

static void defaults(struct yq_source *source)
{
    struct yq_err err;
    for (size_t i = 0; i < KEYS; i++)
        if (!is_needed(&keys[i]) &&
            !conf_set_value(source, &keys[i].keyword, keys[i].keyword.fallback, "default", &err))
            abort(); /* the table in sources.h is wrong: any test shows it */
}

/* ---- mappings ---- */

static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return false;
    return *name;
}

static const struct conf_builtin *builtin(const char *name)
{
    const struct conf_builtin *at = conf_builtin_mappings;
    while (at->name && strcmp(at->name, name) != 0)
        at++;
    return at->name ? at : NULL;
}

bool yq_conf_mapping_text(const char *folder, const char *name, struct yq_buf *out,
                          struct yq_err *err)
{
    char file[80], inner[YQ_PATH_MOST], path[YQ_PATH_MOST];
    if (!is_name(name) || strlen(name) > 63)
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "the name of a mapping has 1 to 63 letters, digits, - and _");
    snprintf(file, sizeof file, "%.63s.csv", name);
    if (!yq_path_join(inner, folder, "mapping", err) || !yq_path_join(path, inner, file, err))
        return false;
    if (yq_file_read(path, MAPPING_BYTES_MOST, out, err))
        return true;
    const struct conf_builtin *known = builtin(name);
    if (err->code != YQ_ABSENT)
        return false;
    if (!known)
        return yq_fail(err, YQ_ABSENT, "conf", "there is no mapping/%s in the conf folder", file);
    yq_buf_put(out, known->bytes, *known->size);
    return !out->failed || yq_fail(err, YQ_FULL, "conf", "no memory for mapping/%s", file);
}

static bool read_mapping(const struct yq_conf *conf, const struct jsonc *doc,
                         const struct jsonc_node *node, struct yq_source *source,
                         struct yq_err *err)
{
    const char *name = *source->mapping ? source->mapping : types[source->type];
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why = {0};
    char file[80];
    if (!yq_conf_mapping_text(conf->folder, name, &text, &why)) {
        if (why.code == YQ_ABSENT && !*source->mapping)
            return true; /* this type has no usual one */
        return jsonc_fail(doc, node->line, err, "%s", why.text);
    }
    snprintf(file, sizeof file, "mapping/%.63s.csv", name);
    if (!yq_text_is_utf8(text.bytes, text.length))
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "%s:1: the file is not UTF-8: save it as \"CSV UTF-8\", which spreadsheets "
                       "offer beside plain CSV",
                       file);
    return yq_mapping_parse(file, yq_buf_text(&text), text.length, &source->rules, err);
}

/* ---- one source ---- */

static bool read_type(const struct jsonc *doc, const struct jsonc_node *node,
                      struct yq_source *source, struct yq_err *err)
{
    const struct jsonc_node *type = jsonc_member(node, "type");
    char shown[32];
    if (!type)
        return jsonc_fail(doc, node->line, err, "this source lacks \"type\": hl7, odbc or folder");
    for (size_t i = 0; type->kind == JSONC_TEXT && i < TYPES; i++)
        if (strcmp(types[i], type->text) == 0) {
            source->type = (enum yq_source_type)i;
            return true;
        }
    return jsonc_fail(doc, type->line, err, "\"type\" is hl7, odbc or folder, not %s",
                      type->kind == JSONC_TEXT ? conf_shown(shown, sizeof shown, type->text)
                                               : jsonc_kind_name(type->kind));
}

static bool read_name(const struct yq_conf *conf, const struct jsonc *doc,
                      const struct jsonc_node *node, struct yq_source *source, struct yq_err *err)
{
    const struct jsonc_node *name = jsonc_member(node, "name");
    if (!name)
        return jsonc_fail(doc, node->line, err, "this source lacks \"name\"");
    if (name->kind != JSONC_TEXT || !is_name(name->text) ||
        !yq_copy(source->name, sizeof source->name, name->text))
        return jsonc_fail(doc, name->line, err,
                          "\"name\" has 1 to 63 letters, digits, - and _, in quotes");
    for (const struct yq_source *other = conf->sources; other < source; other++)
        if (strcmp(other->name, source->name) == 0)
            return jsonc_fail(doc, name->line, err, "this \"name\" stands here twice");
    return true;
}

static bool fail_unknown(const struct jsonc *doc, const struct jsonc_node *at,
                         const struct yq_source *source, struct yq_err *err)
{
    const char *names[KEYS + 2] = {"name", "type"};
    char shown[64];
    size_t count = 2;
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].types & 1u << source->type)
            names[count++] = keys[i].keyword.key;
    const char *nearest = conf_nearest(at->name, names, count);
    return jsonc_fail(doc, at->line, err, "unknown key \"%s\"%s%s%s",
                      conf_shown(shown, sizeof shown, at->name),
                      nearest ? " (did you mean \"" : " (\"yingqiao help check\" lists the keys)",
                      nearest ? nearest : "", nearest ? "\"?)" : "");
}

static bool fail_type(const struct jsonc *doc, const struct jsonc_node *at,
                      const struct source_key *key, const struct yq_source *source,
                      struct yq_err *err)
{
    size_t owner = 0;
    while (owner + 1 < TYPES && !(key->types & 1u << owner))
        owner++;
    return jsonc_fail(doc, at->line, err, "\"%s\" belongs to sources of type %s, this one is %s",
                      key->keyword.key, types[owner], types[source->type]);
}

static bool read_key(const struct jsonc *doc, const struct jsonc_node *at, struct yq_source *source,
                     struct yq_err *err)
{
    size_t i = 0;
    if (strcmp(at->name, "name") == 0 || strcmp(at->name, "type") == 0)
        return true;
    while (i < KEYS && strcmp(keys[i].keyword.key, at->name) != 0)
        i++;
    if (i == KEYS)
        return fail_unknown(doc, at, source, err);
    if (!(keys[i].types & 1u << source->type))
        return fail_type(doc, at, &keys[i], source, err);
    return conf_set_node(source, doc, &keys[i].keyword, at, err);
}

/* What no single key can say. */
static bool check(const struct jsonc *doc, const struct jsonc_node *node,
                  const struct yq_source *source, struct yq_err *err)
{
    for (size_t i = 0; i < KEYS; i++)
        if (is_needed(&keys[i]) && keys[i].types & 1u << source->type &&
            !jsonc_member(node, keys[i].keyword.key))
            return jsonc_fail(doc, node->line, err, "the source \"%s\" lacks \"%s\"", source->name,
                              keys[i].keyword.key);
    enum yq_kind kind = *source->kind ? yq_kind_by_name(source->kind) : YQ_KIND_EXAM;
    if (kind >= YQ_KIND_KEPT)
        return jsonc_fail(doc, jsonc_member(node, "kind")->line, err,
                          "\"kind\" is a kind of record: exam, report, lab, ...");
    struct yq_err why;
    struct yq_expr *pdf = NULL;
    if (*source->pdf_file && !yq_expr_parse(source->pdf_file, &pdf, &why))
        return jsonc_fail(doc, jsonc_member(node, "pdf_file")->line, err, "\"pdf_file\": %s",
                          why.text);
    yq_expr_free(pdf);
    if (*source->charset && !yq_text_charset_known(source->charset))
        return jsonc_fail(doc, jsonc_member(node, "charset")->line, err,
                          "\"charset\" is none that is known: utf-8, gb18030, gbk, ...");
    for (const char *at = source->hosts; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        char host[64];
        snprintf(host, sizeof host, "%.*s", (int)strcspn(at, " "), at);
        enum conf_host what = conf_host_kind(host);
        if (what != HOST_ADDRESS && what != HOST_NET)
            return jsonc_fail(doc, jsonc_member(node, "hosts")->line, err,
                              "\"hosts\" are addresses (10.1.2.3) and nets (10.1.0.0/16) with "
                              "blanks between them");
    }
    if (strcasestr(source->connection, "pwd=") || strcasestr(source->connection, "password="))
        return jsonc_fail(doc, jsonc_member(node, "connection")->line, err,
                          "a password does not stand here: put it into a file, and its name at "
                          "\"password_file\"");
    return true;
}

static bool read_source(struct yq_conf *conf, const struct jsonc *doc,
                        const struct jsonc_node *node, struct yq_err *err)
{
    struct yq_source *source = &conf->sources[conf->source_count];
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(doc, node->line, err, "a source is %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
    conf->source_count++;
    defaults(source);
    if (!read_type(doc, node, source, err) || !read_name(conf, doc, node, source, err))
        return false;
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        if (!read_key(doc, at, source, err))
            return false;
    return check(doc, node, source, err) && read_mapping(conf, doc, node, source, err);
}

bool conf_parse_sources(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                        struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    size_t count = 0;
    char shown[64];
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    const struct jsonc_node *list =
        doc.root->kind == JSONC_OBJECT ? jsonc_member(doc.root, "sources") : doc.root;
    for (const struct jsonc_node *at = doc.root->child; at && list != doc.root; at = at->next)
        if (strcmp(at->name, "sources") != 0)
            return jsonc_fail(&doc, at->line, err, "unknown key \"%s\" (did you mean \"sources\"?)",
                              conf_shown(shown, sizeof shown, at->name));
    if (!list || list->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the sources stand in {\"sources\": [...]}");
    for (const struct jsonc_node *at = list->child; at; at = at->next)
        count++;
    if (count > SOURCES_MOST)
        return jsonc_fail(&doc, list->line, err, "more than %d sources", SOURCES_MOST);
    conf_sources_fini(conf);
    conf->sources = calloc(count ? count : 1, sizeof *conf->sources);
    if (!conf->sources)
        return yq_fail(err, YQ_FULL, "conf", "no memory for the sources");
    for (const struct jsonc_node *at = list->child; at; at = at->next)
        if (!read_source(conf, &doc, at, err))
            return false;
    return true;
}

void conf_sources_fini(struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->source_count; i++)
        yq_mapping_free(conf->sources[i].rules);
    free(conf->sources);
    conf->sources = NULL;
    conf->source_count = 0;
}

const struct yq_source *yq_conf_source(const struct yq_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->source_count; i++)
        if (strcmp(conf->sources[i].name, name) == 0)
            return &conf->sources[i];
    return NULL;
}

void conf_put_source(struct yq_buf *out, const struct yq_source *source)
{
    yq_buf_putf(out, "{\"name\": \"%s\", \"type\": \"%s\"", source->name, types[source->type]);
    for (size_t i = 0; i < KEYS; i++) {
        if (!(keys[i].types & 1u << source->type))
            continue;
        yq_buf_putf(out, ", \"%s\": ", keys[i].keyword.key);
        conf_put_value(out, source, &keys[i].keyword);
    }
    yq_buf_puts(out, "}");
}

void yq_conf_source_manual(struct yq_buf *out)
{
    yq_buf_puts(out, "name\t\tof the source, in lists, in the log and of every version it brought\n"
                     "type\t\thl7, odbc or folder\n");
    for (size_t i = 0; i < KEYS; i++)
        yq_buf_putf(out, "%s\t%s\t%s\n", keys[i].keyword.key, keys[i].keyword.fallback,
                    keys[i].keyword.help);
}
