/* owned.c: keyword tables whose keys belong to some owners only: to types of sources, to provinces
 * of platforms. An unknown key is refused with its line and the nearest name, one of another owner
 * too. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

bool conf_is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return false;
    return *name;
}

bool conf_owned_is_needed(const struct conf_owned *key)
{
    return key->keyword.type == CONF_text && key->keyword.least > 0 && !*key->keyword.fallback;
}

void conf_owned_defaults(const struct conf_owners *owners, void *base)
{
    struct yq_err err;
    for (size_t i = 0; i < owners->key_count; i++)
        if (!conf_owned_is_needed(&owners->keys[i]) &&
            !conf_set_value(base, &owners->keys[i].keyword, owners->keys[i].keyword.fallback,
                            "default", &err))
            abort(); /* the table is wrong: any test shows it */
}

bool conf_owner_read(const struct conf_owners *owners, const struct jsonc *doc,
                     const struct jsonc_node *node, unsigned *out, struct yq_err *err)
{
    const struct jsonc_node *owner = jsonc_member(node, owners->key);
    struct yq_buf list yq_cleanup(yq_buf_fini) = {0};
    char shown[32];
    for (size_t i = 0; i < owners->name_count; i++) {
        if (owner && owner->kind == JSONC_TEXT && strcmp(owners->names[i], owner->text) == 0) {
            *out = (unsigned)i;
            return true;
        }
        yq_buf_putf(&list, "%s%s",
                    !i                           ? ""
                    : i + 1 < owners->name_count ? ", "
                                                 : " or ",
                    owners->names[i]);
    }
    if (!owner)
        return jsonc_fail(doc, node->line, err, "this %s lacks \"%s\": %s", owners->what,
                          owners->key, yq_buf_text(&list));
    return jsonc_fail(doc, owner->line, err, "\"%s\" is %s, not %s", owners->key,
                      yq_buf_text(&list),
                      owner->kind == JSONC_TEXT ? conf_shown(shown, sizeof shown, owner->text)
                                                : jsonc_kind_name(owner->kind));
}

static bool fail_unknown(const struct conf_owners *owners, unsigned owner, const struct jsonc *doc,
                         const struct jsonc_node *at, struct yq_err *err)
{
    const char *names[CONF_OWNED_MOST + 2] = {"name", owners->key};
    char shown[64];
    size_t count = 2;
    for (size_t i = 0; i < owners->key_count && i < CONF_OWNED_MOST; i++)
        if (owners->keys[i].owners & 1u << owner)
            names[count++] = owners->keys[i].keyword.key;
    const char *nearest = conf_nearest(at->name, names, count);
    return jsonc_fail(doc, at->line, err, "unknown key \"%s\"%s%s%s",
                      conf_shown(shown, sizeof shown, at->name),
                      nearest ? " (did you mean \"" : " (\"yingqiao help check\" lists the keys)",
                      nearest ? nearest : "", nearest ? "\"?)" : "");
}

static bool read_key(const struct conf_owners *owners, unsigned owner, const struct jsonc *doc,
                     const struct jsonc_node *at, void *base, struct yq_err *err)
{
    size_t i = 0, first = 0;
    while (i < owners->key_count && strcmp(owners->keys[i].keyword.key, at->name) != 0)
        i++;
    if (i == owners->key_count)
        return fail_unknown(owners, owner, doc, at, err);
    if (owners->keys[i].owners & 1u << owner)
        return conf_set_node(base, doc, &owners->keys[i].keyword, at, err);
    while (first + 1 < owners->name_count && !(owners->keys[i].owners & 1u << first))
        first++;
    return jsonc_fail(doc, at->line, err, "\"%s\" belongs to %ss of %s %s, this one is %s",
                      owners->keys[i].keyword.key, owners->what, owners->key, owners->names[first],
                      owners->names[owner]);
}

bool conf_owned_read(const struct conf_owners *owners, unsigned owner, const struct jsonc *doc,
                     const struct jsonc_node *node, void *base, struct yq_err *err)
{
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        if (strcmp(at->name, "name") != 0 && strcmp(at->name, owners->key) != 0 &&
            !read_key(owners, owner, doc, at, base, err))
            return false;
    return true;
}

void conf_owned_put(const struct conf_owners *owners, unsigned owner, const void *base,
                    struct yq_buf *out)
{
    for (size_t i = 0; i < owners->key_count; i++) {
        if (!(owners->keys[i].owners & 1u << owner))
            continue;
        yq_buf_putf(out, ", \"%s\": ", owners->keys[i].keyword.key);
        conf_put_value(out, base, &owners->keys[i].keyword);
    }
}

void conf_owned_manual(const struct conf_owners *owners, struct yq_buf *out)
{
    for (size_t i = 0; i < owners->key_count; i++)
        yq_buf_putf(out, "%s\t%s\t%s\n", owners->keys[i].keyword.key,
                    owners->keys[i].keyword.fallback, owners->keys[i].keyword.help);
}

bool conf_list_read(const struct jsonc *doc, const char *name, size_t most,
                    const struct jsonc_node **list, size_t *count, struct yq_err *err)
{
    char shown[64];
    *count = 0;
    *list = doc->root->kind == JSONC_OBJECT ? jsonc_member(doc->root, name) : doc->root;
    for (const struct jsonc_node *at = doc->root->child; at && *list != doc->root; at = at->next)
        if (strcmp(at->name, name) != 0)
            return jsonc_fail(doc, at->line, err, "unknown key \"%s\" (did you mean \"%s\"?)",
                              conf_shown(shown, sizeof shown, at->name), name);
    if (!*list || (*list)->kind != JSONC_ARRAY)
        return jsonc_fail(doc, doc->root->line, err, "the %s stand in {\"%s\": [...]}", name, name);
    for (const struct jsonc_node *at = (*list)->child; at; at = at->next)
        ++*count;
    if (*count > most)
        return jsonc_fail(doc, (*list)->line, err, "more than %zu %s", most, name);
    return true;
}

bool conf_hosts_read(const struct jsonc *doc, const struct jsonc_node *node, const char *hosts,
                     struct yq_err *err)
{
    for (const char *at = hosts; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        char host[64];
        size_t length = strcspn(at, " ");
        enum conf_host what = HOST_BAD;
        if (length < sizeof host) {
            memcpy(host, at, length);
            host[length] = '\0';
            what = conf_host_kind(host);
        }
        if (what != HOST_ADDRESS && what != HOST_NET)
            return jsonc_fail(doc, node->line, err,
                              "\"hosts\" are addresses (10.1.2.3) and nets (10.1.0.0/16) with "
                              "blanks between them");
    }
    return true;
}
