/* platforms.c: platforms.json: the provinces' platforms, {"platforms": [...]}, by the keyword table
 * of platforms.h.
 *
 * An unknown key is refused with its line and the nearest name, a key of another province too. A
 * key itself is refused where the place of one belongs, and never shown. What a platform that is
 * enabled could not work without must be given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

#define PLATFORMS_MOST 32

static const struct conf_owned keys[] = {
#define KEY(type, c_name, key, owners, fallback, least, most, help)                                \
    {{CONF_##type, offsetof(struct yq_platform, c_name), key, fallback, least, most, help}, owners},
    YQ_PLATFORM_KEYS(KEY)
#undef KEY
};
#define KEYS (sizeof keys / sizeof *keys)
_Static_assert(KEYS <= CONF_OWNED_MOST, "more keys than fail_unknown lists");

static const char *const provinces[YQ_PROVINCE_COUNT] = {[YQ_SHANXI] = "shanxi",
                                                         [YQ_HEBEI] = "hebei",
                                                         [YQ_NEIJIANG] = "neijiang",
                                                         [YQ_SICHUAN] = "sichuan",
                                                         [YQ_XUANCHENG] = "xuancheng"};

static const struct conf_owners owners = {keys,       KEYS,      "platform",
                                          "province", provinces, YQ_PROVINCE_COUNT};

const char *yq_province_name(enum yq_province_id province)
{
    return (unsigned)province < YQ_PROVINCE_COUNT ? provinces[province] : "";
}

/* ---- addresses ---- */

bool yq_platform_address(const struct yq_platform *platform, size_t n, char *out, size_t size)
{
    for (const char *at = platform->url; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (n-- > 0)
            continue;
        while (length && at[length - 1] == '/')
            length--;
        if (length >= size)
            return false;
        memcpy(out, at, length);
        out[length] = '\0';
        return true;
    }
    return false;
}

/* http or https, a host, perhaps a port and a path: nobody's name or passcode, no query. */
static bool is_address(const char *url)
{
    const char *at = url;
    if (strncmp(url, "https://", 8) == 0)
        at += 8;
    else if (strncmp(url, "http://", 7) == 0)
        at += 7;
    else
        return false;
    size_t host = strcspn(at, "/");
    return host && *at != ':' && !strpbrk(at, "@?#\"\\<>`'{}|^") && at[host - 1] != ':';
}

/* ---- where keys are ---- */

static bool is_place_of_key(const char *text)
{
    static const char *const forms[] = {"hex ", "base64 "};
    static const char *const kinds[] = {"file:", "env:", "command:/"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strncmp(text, forms[i], strlen(forms[i])) == 0) {
            text += strlen(forms[i]);
            text += strspn(text, " ");
            break;
        }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(text, kinds[i], strlen(kinds[i])) == 0)
            return text[strlen(kinds[i])];
    return false;
}

static bool check_keys(const struct jsonc *doc, const struct jsonc_node *node, struct yq_err *err)
{
    static const char *const names[] = {"key",         "public_key", "access_key",
                                        "channel_key", "iv",         "sign_key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct jsonc_node *at = jsonc_member(node, names[i]);
        if (at && *at->text && !is_place_of_key(at->text))
            return jsonc_fail(doc, at->line, err,
                              "\"%s\" says where the key is, it is not the key itself: file:PATH, "
                              "env:NAME or command:/path, with \"hex \" or \"base64 \" before it "
                              "where it is written so",
                              names[i]);
    }
    return true;
}

/* ---- one platform ---- */

static bool read_name(const struct yq_conf *conf, const struct jsonc *doc,
                      const struct jsonc_node *node, struct yq_platform *platform,
                      struct yq_err *err)
{
    const struct jsonc_node *name = jsonc_member(node, "name");
    if (!name)
        return jsonc_fail(doc, node->line, err, "this platform lacks \"name\"");
    if (name->kind != JSONC_TEXT || !conf_is_name(name->text) ||
        !yq_copy(platform->name, sizeof platform->name, name->text))
        return jsonc_fail(doc, name->line, err,
                          "\"name\" has 1 to 16 letters, digits, - and _, in quotes");
    for (const struct yq_platform *other = conf->platforms; other < platform; other++)
        if (strcmp(other->name, platform->name) == 0)
            return jsonc_fail(doc, name->line, err, "this \"name\" stands here twice");
    for (size_t i = 0; i < conf->peer_count; i++)
        if (strcmp(conf->peers[i].aet, platform->name) == 0)
            return jsonc_fail(doc, name->line, err,
                              "\"%s\" is the AE title of a peer, and both have work in the same "
                              "queue: give the platform another name",
                              platform->name);
    return true;
}

/* The line of a member, or of the whole where it is not there. */
static unsigned line_of(const struct jsonc_node *node, const char *name)
{
    const struct jsonc_node *at = jsonc_member(node, name);
    return at ? at->line : node->line;
}

static bool check_times(const struct jsonc *doc, const struct jsonc_node *node,
                        struct yq_platform *platform, struct yq_err *err)
{
    for (const char *at = platform->windows; *(at += strspn(at, " "));) {
        unsigned from, to;
        if (!conf_read_clock(&at, &from) || *at++ != '-' || !conf_read_clock(&at, &to) ||
            (*at && *at != ' ') || from == 24 * 60 || from == to)
            return jsonc_fail(doc, line_of(node, "windows"), err,
                              "\"windows\" are parts of the day such as 22:00-06:00, with blanks "
                              "between them");
        if (platform->open.count == YQ_WINDOWS_MOST)
            return jsonc_fail(doc, line_of(node, "windows"), err,
                              "\"windows\" takes at most %d parts of the day", YQ_WINDOWS_MOST);
        platform->open.window[platform->open.count].from = from;
        platform->open.window[platform->open.count++].to = to;
    }
    const char *at = platform->reconcile;
    unsigned minute = 0;
    if (*at && (!conf_read_clock(&at, &minute) || *at || minute == 24 * 60))
        return jsonc_fail(doc, line_of(node, "reconcile"), err,
                          "\"reconcile\" is a time of the day such as 02:30, or empty");
    platform->reconcile_minute = *platform->reconcile ? (int)minute : -1;
    return true;
}

static bool check_addresses(const struct jsonc *doc, const struct jsonc_node *node,
                            struct yq_platform *platform, struct yq_err *err)
{
    char address[256] = "";
    for (size_t i = 0; yq_platform_address(platform, i, address, sizeof address); i++)
        if (!is_address(address))
            return jsonc_fail(doc, line_of(node, "url"), err,
                              "\"url\" takes http://host[:port][/path] or https://..., several "
                              "with blanks between");
    if (*platform->sign_url && !is_address(platform->sign_url))
        return jsonc_fail(doc, line_of(node, "sign_url"), err,
                          "\"sign_url\" takes http://host[:port][/path] or https://...");
    if (!*platform->tls_certificate != !*platform->tls_key)
        return jsonc_fail(doc, line_of(node, *platform->tls_key ? "tls_key" : "tls_certificate"),
                          err, "\"tls_certificate\" and \"tls_key\" are given together");
    return true;
}

static bool want(const struct jsonc *doc, const struct jsonc_node *node, const char *key,
                 const char *value, const char *because, struct yq_err *err)
{
    const struct jsonc_node *name = jsonc_member(node, "name");
    return *value || jsonc_fail(doc, line_of(node, key), err,
                                "the platform \"%s\" lacks \"%s\": %s", name->text, key, because);
}

/* What it could not work without. */
static bool check_needs(const struct jsonc *doc, const struct jsonc_node *node,
                        const struct yq_platform *p, struct yq_err *err)
{
    bool shanxi = p->province == YQ_SHANXI;
    bool sends = shanxi && (p->upload != YQ_UPLOAD_NONE || p->images != YQ_IMAGES_NONE);
    bool service =
        p->sign != YQ_SIGN_NONE || p->verify == YQ_VERIFY_SERVICE || p->verify == YQ_VERIFY_BOTH;
    if (!p->enabled)
        return true;
    if (sends && (!want(doc, node, "url", p->url, "where would exams and reports go?", err) ||
                  !want(doc, node, "key", p->key, "they are sealed with it", err)))
        return false;
    if (shanxi && service &&
        (!want(doc, node, "sign_app", p->sign_app, "the signing service asks for it", err) ||
         !want(doc, node, "sign_key", p->sign_key, "calls to the signing service are signed", err)))
        return false;
    if (p->serve == YQ_SERVE_NOT)
        return true;
    if (p->province == YQ_HEBEI)
        return want(doc, node, "public_key", p->public_key, "its calls are checked with it", err);
    if (p->province == YQ_NEIJIANG)
        return want(doc, node, "key", p->key, "its calls are checked with it", err);
    return p->serve == YQ_SERVE_PLAIN ||
           want(doc, node, "key", p->key, "the envelope is sealed with it", err);
}

static bool read_platform(struct yq_conf *conf, const struct jsonc *doc,
                          const struct jsonc_node *node, struct yq_err *err)
{
    struct yq_platform *platform = &conf->platforms[conf->platform_count];
    unsigned province;
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(doc, node->line, err, "a platform is %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
    conf->platform_count++;
    conf_owned_defaults(&owners, platform);
    if (!conf_owner_read(&owners, doc, node, &province, err) ||
        !read_name(conf, doc, node, platform, err))
        return false;
    platform->province = (enum yq_province_id)province;
    return conf_owned_read(&owners, province, doc, node, platform, err) &&
           check_keys(doc, node, err) &&
           conf_hosts_read(doc, jsonc_member(node, "hosts"), platform->hosts, err) &&
           check_times(doc, node, platform, err) && check_addresses(doc, node, platform, err) &&
           check_needs(doc, node, platform, err);
}

bool conf_parse_platforms(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                          struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    const struct jsonc_node *list;
    size_t count;
    if (!jsonc_parse(&doc, file, bytes, length, err) ||
        !conf_list_read(&doc, "platforms", PLATFORMS_MOST, &list, &count, err))
        return false;
    free(conf->platforms);
    conf->platform_count = 0;
    conf->platforms = calloc(count ? count : 1, sizeof *conf->platforms);
    if (!conf->platforms)
        return yq_fail(err, YQ_FULL, "conf", "no memory for the platforms");
    for (const struct jsonc_node *at = list->child; at; at = at->next)
        if (!read_platform(conf, &doc, at, err))
            return false;
    return true;
}

const struct yq_platform *yq_conf_platform(const struct yq_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->platform_count; i++)
        if (strcmp(conf->platforms[i].name, name) == 0)
            return &conf->platforms[i];
    return NULL;
}

void conf_put_platform(struct yq_buf *out, const struct yq_platform *platform)
{
    yq_buf_putf(out, "{\"name\": \"%s\", \"province\": \"%s\"", platform->name,
                provinces[platform->province]);
    conf_owned_put(&owners, platform->province, platform, out);
    yq_buf_puts(out, "}");
}

void yq_conf_platform_manual(struct yq_buf *out)
{
    yq_buf_puts(out, "name\t\tof the connection, in lists, in the log, in the queue; at most 16 "
                     "characters, not the AE title of a peer\n"
                     "province\t\tshanxi, hebei, neijiang, sichuan or xuancheng\n");
    conf_owned_manual(&owners, out);
}
