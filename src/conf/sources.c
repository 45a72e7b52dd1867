/* sources.c: sources.json: where records come from, {"sources": [...]}, by the keyword table of
 * sources.h, and the mapping files that it names.
 *
 * An unknown key is refused with its line and the nearest name, a key of another type too. A key
 * whose least length is 1 and whose default is empty must be given. A mapping is parsed with the
 * configuration: a wrong name in it keeps the configuration from being taken up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"
#include "yq/text.h"

#define SOURCES_MOST 256
#define MAPPING_BYTES_MOST (1u << 20)

static const struct conf_owned keys[] = {
#define KEY(type, c_name, key, types, fallback, least, most, help)                                 \
    {{CONF_##type, offsetof(struct yq_source, c_name), key, fallback, least, most, help}, types},
    YQ_SOURCE_KEYS(KEY)
#undef KEY
};
#define KEYS (sizeof keys / sizeof *keys)
_Static_assert(KEYS <= CONF_OWNED_MOST, "more keys than fail_unknown lists");

static const char *const types[] = {
    [YQ_SOURCE_HL7] = "hl7", [YQ_SOURCE_ODBC] = "odbc", [YQ_SOURCE_FOLDER] = "folder"};

static const struct conf_owners owners = {keys,   KEYS,  "source",
                                          "type", types, sizeof types / sizeof *types};

/* ---- mappings ---- */

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
    if (!conf_is_name(name) || strlen(name) > 63)
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

static bool read_name(const struct yq_conf *conf, const struct jsonc *doc,
                      const struct jsonc_node *node, struct yq_source *source, struct yq_err *err)
{
    const struct jsonc_node *name = jsonc_member(node, "name");
    if (!name)
        return jsonc_fail(doc, node->line, err, "this source lacks \"name\"");
    if (name->kind != JSONC_TEXT || !conf_is_name(name->text) ||
        !yq_copy(source->name, sizeof source->name, name->text))
        return jsonc_fail(doc, name->line, err,
                          "\"name\" has 1 to 63 letters, digits, - and _, in quotes");
    for (const struct yq_source *other = conf->sources; other < source; other++)
        if (strcmp(other->name, source->name) == 0)
            return jsonc_fail(doc, name->line, err, "this \"name\" stands here twice");
    return true;
}

/* What no single key can say. */
static bool check(const struct jsonc *doc, const struct jsonc_node *node,
                  const struct yq_source *source, struct yq_err *err)
{
    for (size_t i = 0; i < KEYS; i++)
        if (conf_owned_is_needed(&keys[i]) && keys[i].owners & 1u << source->type &&
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
    if (!conf_hosts_read(doc, jsonc_member(node, "hosts"), source->hosts, err))
        return false;
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
    conf_owned_defaults(&owners, source);
    unsigned type;
    if (!conf_owner_read(&owners, doc, node, &type, err) ||
        !read_name(conf, doc, node, source, err))
        return false;
    source->type = (enum yq_source_type)type;
    return conf_owned_read(&owners, type, doc, node, source, err) &&
           check(doc, node, source, err) && read_mapping(conf, doc, node, source, err);
}

bool conf_parse_sources(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                        struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    const struct jsonc_node *list;
    size_t count;
    if (!jsonc_parse(&doc, file, bytes, length, err) ||
        !conf_list_read(&doc, "sources", SOURCES_MOST, &list, &count, err))
        return false;
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
    conf_owned_put(&owners, source->type, source, out);
    yq_buf_puts(out, "}");
}

void yq_conf_source_manual(struct yq_buf *out)
{
    yq_buf_puts(out, "name\t\tof the source, in lists, in the log and of every version it brought\n"
                     "type\t\thl7, odbc or folder\n");
    conf_owned_manual(&owners, out);
}
