/* peers.c: peers.json: who may call and whom we may call. An unknown member is refused with its
 * line, as is a peer that would never match. AE titles: PS3.5 6.2 (VR AE). Pure: works on bytes and
 * values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/text.h"

static const struct {
    const char *name, *uid;
} syntax_names[] = {
    /* the first name of a UID is the one that is written */
    {"implicit", YQ_TS_IMPLICIT_LE},
    {"explicit", YQ_TS_EXPLICIT_LE},
    {"explicit-big-endian", YQ_TS_EXPLICIT_BE},
    {"deflated", YQ_TS_DEFLATED},
    {"jpeg-baseline", YQ_TS_JPEG_BASELINE},
    {"jpeg-extended", YQ_TS_JPEG_EXTENDED},
    {"jpeg-lossless", YQ_TS_JPEG_LOSSLESS_SV1},
    {"jpeg-lossless-sv1", YQ_TS_JPEG_LOSSLESS_SV1},
    {"jpeg-lossless-p14", YQ_TS_JPEG_LOSSLESS},
    {"jpeg-ls", YQ_TS_JPEGLS_LOSSLESS},
    {"jpeg-ls-lossless", YQ_TS_JPEGLS_LOSSLESS},
    {"jpeg-ls-near", YQ_TS_JPEGLS_NEAR},
    {"j2k", YQ_TS_J2K},
    {"j2k-lossless", YQ_TS_J2K_LOSSLESS},
    {"jpeg2000", YQ_TS_J2K},
    {"jpeg2000-lossless", YQ_TS_J2K_LOSSLESS},
    {"htj2k", YQ_TS_HTJ2K},
    {"htj2k-lossless", YQ_TS_HTJ2K_LOSSLESS},
    {"htj2k-lossless-rpcl", YQ_TS_HTJ2K_LOSSLESS_RPCL},
    {"rle", YQ_TS_RLE},
};
#define SYNTAX_NAMES (sizeof syntax_names / sizeof *syntax_names)

static const struct {
    const char *name;
    enum yq_right right;
} rights[] = {{"store", YQ_MAY_STORE}, {"query", YQ_MAY_QUERY}, {"retrieve", YQ_MAY_RETRIEVE}};
#define RIGHTS (sizeof rights / sizeof *rights)

struct context { /* the peer that is read, and where */
    const struct jsonc *doc;
    struct yq_peer *peer;
    struct yq_err *err;
};

static bool fail_kind(struct context *c, const struct jsonc_node *node, enum jsonc_kind wanted)
{
    return jsonc_fail(c->doc, node->line, c->err, "\"%s\" takes %s, not %s",
                      node->name ? node->name : "each entry", jsonc_kind_name(wanted),
                      jsonc_kind_name(node->kind));
}

/* Text without control characters into a field. */
static bool read_text(struct context *c, const struct jsonc_node *node, char *field, size_t size)
{
    if (node->kind != JSONC_TEXT)
        return fail_kind(c, node, JSONC_TEXT);
    for (const char *p = node->text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return jsonc_fail(c->doc, node->line, c->err, "\"%s\" has a control character in it",
                              node->name);
    }
    if (!yq_copy(field, size, node->text))
        return jsonc_fail(c->doc, node->line, c->err, "\"%s\" is longer than %zu bytes", node->name,
                          size - 1);
    return true;
}

static bool read_aet(struct context *c, const struct jsonc_node *node)
{
    char aet[YQ_AET_SIZE], shown[64];
    if (node->kind != JSONC_TEXT)
        return fail_kind(c, node, JSONC_TEXT);
    const char *from = node->text + strspn(node->text, " "); /* blanks at the ends mean nothing */
    if (!yq_copy_trimmed(aet, sizeof aet, from, strlen(from)) || !yq_aet_valid(aet))
        return jsonc_fail(c->doc, node->line, c->err,
                          "\"%s\" is no AE title: 1 to 16 ASCII characters, no backslash, no "
                          "control characters",
                          conf_shown(shown, sizeof shown, node->text));
    yq_copy(c->peer->aet, sizeof c->peer->aet, aet);
    return true;
}

static bool read_host(struct context *c, const struct jsonc_node *node)
{
    char shown[80];
    if (!read_text(c, node, c->peer->host, sizeof c->peer->host))
        return false;
    if (conf_host_kind(c->peer->host) != HOST_BAD)
        return true;
    return jsonc_fail(c->doc, node->line, c->err,
                      "\"%s\" is no host: a name, an address like 10.1.2.3, or a net like "
                      "10.1.0.0/16",
                      conf_shown(shown, sizeof shown, c->peer->host));
}

static bool read_count(struct context *c, const struct jsonc_node *node, unsigned most,
                       unsigned *field)
{
    if (node->kind != JSONC_NUMBER)
        return fail_kind(c, node, JSONC_NUMBER);
    char *end;
    unsigned long number = strtoul(node->text, &end, 10);
    if (*end || node->text[0] == '-' || number > most)
        return jsonc_fail(c->doc, node->line, c->err,
                          "\"%s\" takes a whole number from 0 to %u, not %.20s", node->name, most,
                          node->text);
    *field = (unsigned)number;
    return true;
}

static bool read_port(struct context *c, const struct jsonc_node *node)
{
    return read_count(c, node, 65535, &c->peer->port);
}

static bool read_limit(struct context *c, const struct jsonc_node *node)
{
    return read_count(c, node, 1000, &c->peer->max_associations);
}

static bool read_pace(struct context *c, const struct jsonc_node *node)
{
    if (!read_count(c, node, 10000000, &c->peer->kb_per_second))
        return false;
    return !c->peer->kb_per_second || c->peer->kb_per_second >= PACE_LEAST ||
           jsonc_fail(c->doc, node->line, c->err,
                      "\"%s\" is 0 (no limit) or at least %d: slower, and peers take it for a dead "
                      "line",
                      node->name, PACE_LEAST);
}

/* A list of patterns, joined by backslashes. */
static bool read_patterns(struct context *c, const struct jsonc_node *node, char *field,
                          size_t size)
{
    struct yq_buf joined yq_cleanup(yq_buf_fini) = {0};
    if (node->kind != JSONC_ARRAY)
        return fail_kind(c, node, JSONC_ARRAY);
    if (!node->child)
        return jsonc_fail(c->doc, node->line, c->err,
                          "\"%s\" is empty: name some, or take it out to see all", node->name);
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        char one[256];
        if (at->kind != JSONC_TEXT)
            return fail_kind(c, at, JSONC_TEXT);
        struct jsonc_node named = *at;
        named.name = node->name;
        if (!read_text(c, &named, one, sizeof one))
            return false;
        if (!one[strspn(one, " ")] || strchr(one, '\\'))
            return jsonc_fail(c->doc, at->line, c->err,
                              "\"%s\" takes texts that are not blank and have no backslash",
                              node->name);
        yq_buf_putf(&joined, "%s%s", joined.length ? "\\" : "", one);
    }
    return yq_copy(field, size, yq_buf_text(&joined)) ||
           jsonc_fail(c->doc, node->line, c->err, "\"%s\" is longer than %zu bytes altogether",
                      node->name, size - 1);
}

static bool read_sees(struct context *c, const struct jsonc_node *node)
{
    struct yq_sight *sees = &c->peer->sees;
    char shown[64];
    if (node->kind != JSONC_OBJECT)
        return fail_kind(c, node, JSONC_OBJECT);
    if (!node->child)
        return jsonc_fail(c->doc, node->line, c->err,
                          "\"sees\" names nothing: give it \"modalities\" or \"institutions\", or "
                          "take it out");
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        bool modalities = strcmp(at->name, "modalities") == 0;
        if (!modalities && strcmp(at->name, "institutions") != 0)
            return jsonc_fail(c->doc, at->line, c->err,
                              "unknown key \"%s\" (\"sees\" has modalities and institutions)",
                              conf_shown(shown, sizeof shown, at->name));
        if (!read_patterns(c, at, modalities ? sees->modalities : sees->institutions,
                           modalities ? sizeof sees->modalities : sizeof sees->institutions))
            return false;
    }
    return true;
}

static bool read_may(struct context *c, const struct jsonc_node *node)
{
    char shown[40];
    if (node->kind != JSONC_ARRAY)
        return fail_kind(c, node, JSONC_ARRAY);
    c->peer->rights = 0;
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        size_t i = 0;
        if (at->kind != JSONC_TEXT)
            return fail_kind(c, at, JSONC_TEXT);
        while (i < RIGHTS && strcmp(rights[i].name, at->text) != 0)
            i++;
        if (i == RIGHTS)
            return jsonc_fail(c->doc, at->line, c->err,
                              "\"%s\" is no right; \"may\" takes \"store\", \"query\" and "
                              "\"retrieve\"",
                              conf_shown(shown, sizeof shown, at->text));
        c->peer->rights |= rights[i].right;
    }
    return true;
}

const char *yq_conf_syntax(const char *text)
{
    for (size_t i = 0; i < SYNTAX_NAMES; i++)
        if (strcmp(syntax_names[i].name, text) == 0)
            return syntax_names[i].uid;
    return yq_uid_valid(text) && strchr(text, '.') ? text : NULL;
}

static bool read_syntax(struct context *c, const struct jsonc_node *node)
{
    struct yq_peer *peer = c->peer;
    const char *names[SYNTAX_NAMES], *uid;
    char shown[72];
    if (node->kind != JSONC_TEXT)
        return fail_kind(c, node, JSONC_TEXT);
    if (peer->syntax_count == YQ_PEER_SYNTAXES)
        return jsonc_fail(c->doc, node->line, c->err, "\"syntaxes\" takes at most %d",
                          YQ_PEER_SYNTAXES);
    uid = yq_conf_syntax(node->text);
    if (!uid) {
        for (size_t i = 0; i < SYNTAX_NAMES; i++)
            names[i] = syntax_names[i].name;
        const char *nearest = conf_nearest(node->text, names, SYNTAX_NAMES);
        return jsonc_fail(c->doc, node->line, c->err,
                          "\"%s\" is no transfer syntax: a UID, or a name such as \"%s\"",
                          conf_shown(shown, sizeof shown, node->text),
                          nearest ? nearest : "explicit");
    }
    yq_copy(peer->syntaxes[peer->syntax_count++], YQ_UID_SIZE, uid);
    return true;
}

static bool read_syntaxes(struct context *c, const struct jsonc_node *node)
{
    if (node->kind != JSONC_ARRAY)
        return fail_kind(c, node, JSONC_ARRAY);
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        if (!read_syntax(c, at))
            return false;
    }
    return true;
}

static bool read_charset(struct context *c, const struct jsonc_node *node)
{
    char shown[64];
    if (!read_text(c, node, c->peer->charset, sizeof c->peer->charset))
        return false;
    if (yq_text_charset_known(c->peer->charset))
        return true;
    return jsonc_fail(c->doc, node->line, c->err,
                      "\"%s\" is no character set; for Chinese: \"GB18030\" or \"ISO_IR 192\"",
                      conf_shown(shown, sizeof shown, c->peer->charset));
}

static bool read_flag(struct context *c, const struct jsonc_node *node, bool *field)
{
    *field = node->flag;
    return node->kind == JSONC_FLAG || fail_kind(c, node, JSONC_FLAG);
}

static bool read_assume_charset(struct context *c, const struct jsonc_node *node)
{
    char shown[64];
    bool always;
    if (!read_text(c, node, c->peer->assume_charset, sizeof c->peer->assume_charset))
        return false;
    const char *charset = yq_text_assumed(c->peer->assume_charset, &always);
    if (yq_text_charset_known(charset) && (*charset || !always))
        return true;
    return jsonc_fail(c->doc, node->line, c->err,
                      "\"%s\" is no character set to assume; for Chinese: \"GB18030\", or "
                      "\"always GB18030\" whatever the label says",
                      conf_shown(shown, sizeof shown, c->peer->assume_charset));
}

static bool read_records(struct context *c, const struct jsonc_node *node)
{
    bool records;
    if (!read_flag(c, node, &records))
        return false;
    c->peer->no_records = !records;
    return true;
}

static bool read_tls(struct context *c, const struct jsonc_node *node)
{
    return read_flag(c, node, &c->peer->tls.on);
}

static bool read_tls_verify(struct context *c, const struct jsonc_node *node)
{
    bool verify;
    if (!read_flag(c, node, &verify))
        return false;
    c->peer->tls.unverified = !verify;
    return true;
}

static bool read_tls_ca(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->tls.ca, sizeof c->peer->tls.ca);
}

static bool read_tls_peer(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->tls.wanted, sizeof c->peer->tls.wanted);
}

static bool read_user(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->user, sizeof c->peer->user);
}

static bool read_forward_member(struct context *c, const struct jsonc_node *node)
{
    struct yq_forwarding *forward = &c->peer->forward;
    const struct {
        const char *name;
        unsigned least, most;
        unsigned *field;
    } numbers[] = {
        {"kb_per_second", 16, 10000000, &forward->kb_per_second},
        {"retry_seconds", 1, 86400, &forward->retry_seconds},
        {"retry_most_seconds", 1, 604800, &forward->retry_most_seconds},
        {"alert_minutes", 1, 100000, &forward->alert_minutes},
        {"associations", 1, 16, &forward->associations},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(numbers[i].name, node->name) == 0)
            return conf_read_number(c->doc, node, numbers[i].least, numbers[i].most,
                                    numbers[i].field, c->err);
    if (strcmp(node->name, "window") == 0)
        return conf_read_windows(c->doc, node, &forward->windows, c->err);
    char shown[64];
    return jsonc_fail(c->doc, node->line, c->err,
                      "unknown key \"%s\" (\"forward\" has kb_per_second, window, retry_seconds, "
                      "retry_most_seconds, alert_minutes, associations)",
                      conf_shown(shown, sizeof shown, node->name));
}

static bool read_forward(struct context *c, const struct jsonc_node *node)
{
    const struct yq_forwarding *forward = &c->peer->forward;
    if (node->kind != JSONC_OBJECT)
        return fail_kind(c, node, JSONC_OBJECT);
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        if (!read_forward_member(c, at))
            return false;
    }
    return !forward->retry_most_seconds || forward->retry_seconds <= forward->retry_most_seconds ||
           jsonc_fail(c->doc, node->line, c->err,
                      "\"retry_seconds\" is more than \"retry_most_seconds\"");
}

static bool read_our_user(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->our_user, sizeof c->peer->our_user);
}

static bool read_our_passcode(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->our_passcode, sizeof c->peer->our_passcode);
}

static bool read_note(struct context *c, const struct jsonc_node *node)
{
    return read_text(c, node, c->peer->note, sizeof c->peer->note);
}

static const struct {
    const char *name;
    bool (*read)(struct context *c, const struct jsonc_node *node);
} members[] = {
    {"aet", read_aet},
    {"host", read_host},
    {"port", read_port},
    {"may", read_may},
    {"syntaxes", read_syntaxes},
    {"charset", read_charset},
    {"assume_charset", read_assume_charset},
    {"records", read_records},
    {"max_associations", read_limit},
    {"kb_per_second", read_pace},
    {"sees", read_sees},
    {"user", read_user},
    {"our_user", read_our_user},
    {"our_passcode", read_our_passcode},
    {"forward", read_forward},
    {"tls", read_tls},
    {"tls_verify", read_tls_verify},
    {"tls_ca", read_tls_ca},
    {"tls_peer", read_tls_peer},
    {"note", read_note},
};
#define MEMBERS (sizeof members / sizeof *members)

static bool read_member(struct context *c, const struct jsonc_node *node)
{
    const char *names[MEMBERS];
    char shown[64];
    for (size_t i = 0; i < MEMBERS; i++) {
        names[i] = members[i].name;
        if (strcmp(names[i], node->name) == 0)
            return members[i].read(c, node);
    }
    const char *nearest = conf_nearest(node->name, names, MEMBERS);
    conf_shown(shown, sizeof shown, node->name);
    if (nearest)
        return jsonc_fail(c->doc, node->line, c->err, "unknown key \"%s\" (did you mean \"%s\"?)",
                          shown, nearest);
    return jsonc_fail(c->doc, node->line, c->err,
                      "unknown key \"%s\" (a peer has aet, host, port, may, syntaxes, charset, "
                      "assume_charset, records, max_associations, kb_per_second, sees, user, "
                      "forward, tls, tls_verify, tls_ca, tls_peer, note)",
                      shown);
}

static bool read_peer(struct context *c, const struct jsonc_node *node)
{
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(c->doc, node->line, c->err, "a peer is %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
    c->peer->rights = YQ_MAY_STORE | YQ_MAY_QUERY | YQ_MAY_RETRIEVE;
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        if (!read_member(c, at))
            return false;
    }
    if (!jsonc_member(node, "aet") || !jsonc_member(node, "host"))
        return jsonc_fail(c->doc, node->line, c->err, "this peer lacks \"%s\"",
                          jsonc_member(node, "aet") ? "host" : "aet");
    if (*c->peer->our_passcode && !*c->peer->our_user)
        return jsonc_fail(c->doc, node->line, c->err, "\"our_passcode\" without \"our_user\"");
    const struct yq_peer_tls *tls = &c->peer->tls;
    if (!tls->on && (tls->unverified || *tls->ca || *tls->wanted))
        return jsonc_fail(c->doc, node->line, c->err,
                          "this peer says how TLS is to be, but not \"tls\": true");
    return true;
}

static bool read_list(struct yq_conf *conf, const struct jsonc *doc, struct yq_err *err)
{
    size_t count = 0;
    unsigned lines[PEERS_MOST] = {0};
    for (const struct jsonc_node *at = doc->root->child; at; at = at->next)
        count++;
    if (count > PEERS_MOST)
        return jsonc_fail(doc, doc->root->line, err, "more than %d peers", PEERS_MOST);
    conf->peers = count ? calloc(count, sizeof *conf->peers) : NULL;
    if (count && !conf->peers)
        return yq_fail(err, YQ_FULL, "conf", "no memory for %zu peers", count);
    for (const struct jsonc_node *at = doc->root->child; at; at = at->next) {
        struct yq_peer *peer = &conf->peers[conf->peer_count];
        struct context context = {.doc = doc, .peer = peer, .err = err};
        if (!read_peer(&context, at))
            return false;
        for (size_t i = 0; i < conf->peer_count; i++) {
            if (strcmp(conf->peers[i].aet, peer->aet) == 0 &&
                strcasecmp(conf->peers[i].host, peer->host) == 0)
                return jsonc_fail(doc, at->line, err,
                                  "%s at %s stands here twice; first in line %u", peer->aet,
                                  peer->host, lines[i]);
        }
        lines[conf->peer_count++] = at->line;
    }
    return true;
}

bool conf_parse_peers(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                      struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the peers stand in %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(doc.root->kind));
    return read_list(conf, &doc, err);
}

static void put_syntaxes(struct yq_buf *out, const struct yq_peer *peer)
{
    for (size_t i = 0; i < peer->syntax_count; i++) {
        size_t name = 0;
        while (name < SYNTAX_NAMES && strcmp(syntax_names[name].uid, peer->syntaxes[i]) != 0)
            name++;
        yq_buf_puts(out, i ? ", " : ", \"syntaxes\": [");
        conf_put_text(out, name < SYNTAX_NAMES ? syntax_names[name].name : peer->syntaxes[i]);
    }
    if (peer->syntax_count)
        yq_buf_puts(out, "]");
}

static void put_member(struct yq_buf *out, const char *name, const char *text)
{
    if (!*text)
        return;
    yq_buf_putf(out, ", \"%s\": ", name);
    conf_put_text(out, text);
}

/* Patterns joined by backslashes, as a list. */
static void put_patterns(struct yq_buf *out, const char *name, const char *patterns, bool *any)
{
    const char *separator = "";
    if (!*patterns)
        return;
    yq_buf_putf(out, "%s\"%s\": [", *any ? ", " : ", \"sees\": {", name);
    *any = true;
    for (const char *p = patterns; *p; separator = ", ") {
        char one[256];
        size_t length = strcspn(p, "\\");
        snprintf(one, sizeof one, "%.*s", (int)length, p);
        yq_buf_puts(out, separator);
        conf_put_text(out, one);
        p += length + (p[length] == '\\');
    }
    yq_buf_puts(out, "]");
}

static void put_sees(struct yq_buf *out, const struct yq_sight *sees)
{
    bool any = false;
    put_patterns(out, "modalities", sees->modalities, &any);
    put_patterns(out, "institutions", sees->institutions, &any);
    yq_buf_puts(out, any ? "}" : "");
}

static void put_tls(struct yq_buf *out, const struct yq_peer_tls *tls)
{
    if (!tls->on)
        return;
    yq_buf_putf(out, ", \"tls\": true%s", tls->unverified ? ", \"tls_verify\": false" : "");
    put_member(out, "tls_ca", tls->ca);
    put_member(out, "tls_peer", tls->wanted);
}

static void put_forward(struct yq_buf *out, const struct yq_forwarding *forward)
{
    const struct {
        const char *name;
        unsigned value;
    } numbers[] = {
        {"kb_per_second", forward->kb_per_second},
        {"retry_seconds", forward->retry_seconds},
        {"retry_most_seconds", forward->retry_most_seconds},
        {"alert_minutes", forward->alert_minutes},
        {"associations", forward->associations},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!numbers[i].value)
            continue;
        yq_buf_putf(out, "%s\"%s\": %u", any ? ", " : ", \"forward\": {", numbers[i].name,
                    numbers[i].value);
        any = true;
    }
    if (forward->windows.count) {
        yq_buf_puts(out, any ? ", " : ", \"forward\": {");
        conf_put_windows(out, "window", &forward->windows);
        any = true;
    }
    yq_buf_puts(out, any ? "}" : "");
}

void conf_put_peer(struct yq_buf *out, const struct yq_peer *peer)
{
    yq_buf_puts(out, "{\"aet\": ");
    conf_put_text(out, peer->aet);
    yq_buf_puts(out, ", \"host\": ");
    conf_put_text(out, peer->host);
    yq_buf_putf(out, ", \"port\": %u, \"may\": [", peer->port);
    bool any = false;
    for (size_t i = 0; i < RIGHTS; i++) {
        if (!(peer->rights & rights[i].right))
            continue;
        yq_buf_putf(out, "%s\"%s\"", any ? ", " : "", rights[i].name);
        any = true;
    }
    yq_buf_puts(out, "]");
    put_syntaxes(out, peer);
    put_member(out, "charset", peer->charset);
    put_member(out, "assume_charset", peer->assume_charset);
    if (peer->no_records)
        yq_buf_puts(out, ", \"records\": false");
    if (peer->max_associations)
        yq_buf_putf(out, ", \"max_associations\": %u", peer->max_associations);
    if (peer->kb_per_second)
        yq_buf_putf(out, ", \"kb_per_second\": %u", peer->kb_per_second);
    put_sees(out, &peer->sees);
    put_member(out, "user", peer->user);
    put_member(out, "our_user", peer->our_user);
    put_member(out, "our_passcode", *peer->our_passcode ? "***" : "");
    put_forward(out, &peer->forward);
    put_tls(out, &peer->tls);
    put_member(out, "note", peer->note);
    yq_buf_puts(out, "}");
}
