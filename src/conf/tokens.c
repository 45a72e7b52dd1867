/* tokens.c: tokens.json: bearer tokens (RFC 6750) for HTTP from other machines. No secret ever goes
 * into a message. Pure: works on bytes and values. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static bool printable(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p <= 0x20 || *p >= 0x7f)
            return false;
    }
    return true;
}

static bool read_rights(struct yq_token *token, const struct jsonc *doc,
                        const struct jsonc_node *node, struct yq_err *err)
{
    if (node->kind != JSONC_ARRAY)
        return jsonc_fail(doc, node->line, err, "\"rights\" takes %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(node->kind));
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        bool write = at->kind == JSONC_TEXT && strcmp(at->text, "write") == 0;
        if (!write && (at->kind != JSONC_TEXT || strcmp(at->text, "personal") != 0))
            return jsonc_fail(doc, at->line, err, "a right is \"write\" or \"personal\"");
        token->rights |= write ? YQ_RIGHT_WRITE : YQ_RIGHT_PERSONAL;
    }
    return true;
}

static bool read_token(struct yq_conf *conf, const struct jsonc *doc, const struct jsonc_node *node,
                       struct yq_err *err)
{
    struct yq_token *token = &conf->tokens[conf->token_count];
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(doc, node->line, err, "a token is {\"name\": ..., \"secret\": ...}");
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        char shown[64];
        bool name = strcmp(at->name, "name") == 0;
        if (strcmp(at->name, "rights") == 0) {
            if (!read_rights(token, doc, at, err))
                return false;
            continue;
        }
        if (!name && strcmp(at->name, "secret") != 0)
            return jsonc_fail(doc, at->line, err,
                              "unknown key \"%s\" (a token has \"name\", \"secret\" and "
                              "\"rights\")",
                              conf_shown(shown, sizeof shown, at->name));
        if (at->kind != JSONC_TEXT)
            return jsonc_fail(doc, at->line, err, "\"%s\" takes %s, not %s", at->name,
                              jsonc_kind_name(JSONC_TEXT), jsonc_kind_name(at->kind));
        size_t size = name ? sizeof token->name : sizeof token->secret;
        if (!yq_copy(name ? token->name : token->secret, size, at->text))
            return jsonc_fail(doc, at->line, err, "\"%s\" is longer than %zu bytes", at->name,
                              size - 1);
    }
    if (!*token->name)
        return jsonc_fail(doc, node->line, err, "this token lacks a \"name\"");
    if (strlen(token->secret) < SECRET_LEAST || !printable(token->secret))
        return jsonc_fail(doc, node->line, err,
                          "the \"secret\" of a token is at least %d ASCII characters without "
                          "blanks; \"openssl rand -hex 24\" makes one",
                          SECRET_LEAST);
    for (size_t i = 0; i < conf->token_count; i++) {
        if (strcmp(conf->tokens[i].name, token->name) == 0)
            return jsonc_fail(doc, node->line, err, "this \"name\" stands here twice");
    }
    conf->token_count++;
    return true;
}

bool conf_parse_tokens(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                       struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    size_t count = 0;
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_OBJECT)
        return jsonc_fail(&doc, doc.root->line, err, "expected {\"tokens\": [...]}");
    const struct jsonc_node *list = NULL;
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next) {
        char shown[64];
        if (strcmp(at->name, "tokens") != 0)
            return jsonc_fail(&doc, at->line, err, "unknown key \"%s\" (did you mean \"tokens\"?)",
                              conf_shown(shown, sizeof shown, at->name));
        list = at;
    }
    if (!list)
        return true;
    if (list->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, list->line, err, "\"tokens\" takes %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(list->kind));
    for (const struct jsonc_node *at = list->child; at; at = at->next)
        count++;
    if (count > TOKENS_MOST)
        return jsonc_fail(&doc, list->line, err, "more than %d tokens", TOKENS_MOST);
    conf->tokens = count ? calloc(count, sizeof *conf->tokens) : NULL;
    if (count && !conf->tokens)
        return yq_fail(err, YQ_FULL, "conf", "no memory for %zu tokens", count);
    for (const struct jsonc_node *at = list->child; at; at = at->next) {
        if (!read_token(conf, &doc, at, err))
            return false;
    }
    return true;
}
