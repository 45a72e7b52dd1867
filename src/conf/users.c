/* users.c: users.json: who may say who he is when he associates (PS3.7 D.3.3.7), and by what it is
 * checked. No passcode is in it, only what `yingqiao user add` makes of one; none of it ever goes
 * into a message. Pure: works on bytes and values. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static const char head[] =
    "// users.json: written by `yingqiao user`; passcodes are kept salted and hashed only.\n";

bool yq_conf_user_name(const char *name)
{
    size_t length = strlen(name);
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\')
            return false;
    }
    return length > 0 && length < sizeof((struct yq_user *)0)->name && strspn(name, " ") < length;
}

const struct yq_user *yq_conf_user(const struct yq_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->user_count; i++) {
        if (strcmp(conf->users[i].name, name) == 0)
            return &conf->users[i];
    }
    return NULL;
}

static bool read_user(struct yq_conf *conf, const struct jsonc *doc, const struct jsonc_node *node,
                      struct yq_err *err)
{
    struct yq_user *user = &conf->users[conf->user_count];
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(doc, node->line, err, "a user is {\"name\": ..., \"passcode\": ...}");
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        char shown[64];
        bool name = strcmp(at->name, "name") == 0;
        if (!name && strcmp(at->name, "passcode") != 0)
            return jsonc_fail(doc, at->line, err,
                              "unknown key \"%s\" (a user has \"name\" and \"passcode\")",
                              conf_shown(shown, sizeof shown, at->name));
        if (at->kind != JSONC_TEXT)
            return jsonc_fail(doc, at->line, err, "\"%s\" takes %s, not %s", at->name,
                              jsonc_kind_name(JSONC_TEXT), jsonc_kind_name(at->kind));
        if (!yq_copy(name ? user->name : user->passcode,
                     name ? sizeof user->name : sizeof user->passcode, at->text))
            return jsonc_fail(doc, at->line, err, "\"%s\" is too long", at->name);
    }
    if (!yq_conf_user_name(user->name))
        return jsonc_fail(doc, node->line, err,
                          "the \"name\" of a user has 1 to 63 bytes, no quotes, no backslash");
    if (strncmp(user->passcode, "pbkdf2-sha512$", 14) != 0)
        return jsonc_fail(doc, node->line, err,
                          "\"passcode\" is not as `yingqiao user add` writes it: set it with that");
    if (yq_conf_user(conf, user->name))
        return jsonc_fail(doc, node->line, err, "this \"name\" stands here twice");
    conf->user_count++;
    return true;
}

bool conf_parse_users(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                      struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    size_t count = 0;
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the users stand in %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(doc.root->kind));
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next)
        count++;
    if (count > USERS_MOST)
        return jsonc_fail(&doc, doc.root->line, err, "more than %d users", USERS_MOST);
    conf->users = count ? calloc(count, sizeof *conf->users) : NULL;
    if (count && !conf->users)
        return yq_fail(err, YQ_FULL, "conf", "no memory for %zu users", count);
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next) {
        if (!read_user(conf, &doc, at, err))
            return false;
    }
    return true;
}

void conf_put_users(struct yq_buf *out, const struct yq_conf *conf)
{
    yq_buf_puts(out, head);
    yq_buf_puts(out, "[");
    for (size_t i = 0; i < conf->user_count; i++) {
        yq_buf_puts(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        conf_put_text(out, conf->users[i].name);
        yq_buf_puts(out, ", \"passcode\": ");
        conf_put_text(out, conf->users[i].passcode);
        yq_buf_puts(out, "}");
    }
    yq_buf_puts(out, conf->user_count ? "\n]\n" : "]\n");
}
