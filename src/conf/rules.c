/* rules.c: rules.json: what is to happen with what arrives. An unknown member is refused with its
 * line, as is a rule that would do nothing, do twice what another does, or lead to a peer that is
 * not there. Pure: works on bytes and values. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/text.h"

enum { PATTERNS_MOST = 64, PATTERN_BYTES = 256, YEARS_OF_DAYS = 36500 };

struct reader { /* the rule that is read, and where */
    const struct jsonc *doc;
    struct yq_rule *rule;
    struct yq_err *err;
};

static const struct {
    const char *key;
    bool folded;
} rule_keys[] = {
#define KEY(name, key, folded) {key, folded},
    YQ_RULE_KEYS(KEY)
#undef KEY
};

static const char *const priority_names[] = {"low", "normal", "high"};
static const char *const at_names[] = {"once", "study-complete", "association-end"};

const char *yq_priority_name(enum yq_priority priority) { return priority_names[priority]; }

/* ---- matching ---- */

static size_t next_character(const char *text)
{
    size_t length = *text != '\0';
    while (((unsigned char)text[length] & 0xc0) == 0x80)
        length++;
    return length;
}

/* Goes back to the last star only, so it is never exponential. */
bool yq_conf_like(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?') {
            pattern++;
            text += next_character(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            retry += next_character(retry);
            text = retry;
            pattern = star;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool one_fits(const struct yq_patterns *patterns, const char *value, bool folded)
{
    struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
    if (folded) {
        yq_text_fold(value ? value : "", &fold);
        value = yq_buf_text(&fold);
    }
    for (size_t i = 0; i < patterns->count; i++) {
        if (yq_conf_like(patterns->text[i], value ? value : ""))
            return true;
    }
    return false;
}

static bool key_fits(const struct yq_rule *rule, enum yq_rule_key key,
                     const struct yq_origin *origin, const struct yq_header *header)
{
    const struct yq_patterns *patterns = &rule->when[key];
    bool folded = rule_keys[key].folded;
    switch (key) {
    case YQ_RULE_PEER: return one_fits(patterns, origin->aet, folded);
    case YQ_RULE_SOP_CLASS: return one_fits(patterns, header->sop_class, folded);
    case YQ_RULE_MODALITY: return one_fits(patterns, header->values[YQ_Modality], folded);
    case YQ_RULE_STATION: return one_fits(patterns, header->values[YQ_StationName], folded);
    case YQ_RULE_BODY_PART: return one_fits(patterns, header->values[YQ_BodyPartExamined], folded);
    default:
        return one_fits(patterns, header->values[YQ_StudyDescription], folded) ||
               one_fits(patterns, header->values[YQ_SeriesDescription], folded);
    }
}

bool yq_rule_fits(const struct yq_rule *rule, const struct yq_origin *origin,
                  const struct yq_header *header, unsigned minute)
{
    for (int key = 0; key < YQ_RULE_KEY_COUNT; key++) {
        if (rule->when[key].count && !key_fits(rule, (enum yq_rule_key)key, origin, header))
            return false;
    }
    return yq_windows_closed(&rule->time, minute) == 0;
}

bool yq_rule_wants_modality(const struct yq_rule *rule, const char *modalities)
{
    if (!rule->modality.count || !modalities || !*modalities)
        return true;
    for (const char *at = modalities; *at;) {
        char one[64];
        size_t length = strcspn(at, "\\");
        if (yq_copy_trimmed(one, sizeof one, at, length) && one_fits(&rule->modality, one, true))
            return true;
        at += length + (at[length] == '\\');
    }
    return false;
}

/* ---- reading ---- */

static bool fail_kind(struct reader *r, const struct jsonc_node *node, enum jsonc_kind wanted)
{
    return jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes %s, not %s",
                      node->name ? node->name : "each entry", jsonc_kind_name(wanted),
                      jsonc_kind_name(node->kind));
}

/* Of which list the entries are, or the one text itself. */
static const struct jsonc_node *entries_of(const struct jsonc_node *node)
{
    return node->kind == JSONC_ARRAY ? node->child : node;
}

static const struct jsonc_node *next_entry(const struct jsonc_node *list,
                                           const struct jsonc_node *entry)
{
    return list->kind == JSONC_ARRAY ? entry->next : NULL;
}

static bool is_printable(struct reader *r, const struct jsonc_node *node, const char *name)
{
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    for (const char *p = node->text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return jsonc_fail(r->doc, node->line, r->err, "\"%s\" has a control character in it",
                              name);
    }
    return (*node->text && strlen(node->text) < PATTERN_BYTES) ||
           jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes 1 to %d bytes", name,
                      PATTERN_BYTES - 1);
}

static bool read_pattern(struct reader *r, const struct jsonc_node *node, const char *name,
                         bool folded, struct yq_patterns *out)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!is_printable(r, node, name))
        return false;
    if (folded)
        yq_text_fold(node->text, &text);
    else
        yq_buf_puts(&text, node->text);
    char *copy = text.failed ? NULL : strdup(yq_buf_text(&text));
    if (!copy)
        return yq_fail(r->err, YQ_FULL, "conf", "no memory for a rule");
    out->text[out->count++] = copy;
    return true;
}

/* A text, or a list of texts. */
static bool read_patterns(struct reader *r, const struct jsonc_node *node, bool folded,
                          struct yq_patterns *out)
{
    size_t count = 0;
    for (const struct jsonc_node *at = entries_of(node); at; at = next_entry(node, at))
        count++;
    if (!count || count > PATTERNS_MOST)
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes 1 to %d entries", node->name,
                          PATTERNS_MOST);
    out->text = calloc(count, sizeof *out->text);
    if (!out->text)
        return yq_fail(r->err, YQ_FULL, "conf", "no memory for a rule");
    for (const struct jsonc_node *at = entries_of(node); at; at = next_entry(node, at)) {
        if (!read_pattern(r, at, node->name, folded, out))
            return false;
    }
    return true;
}

static bool read_number(struct reader *r, const struct jsonc_node *node, unsigned least,
                        unsigned most, unsigned *out)
{
    return conf_read_number(r->doc, node, least, most, out, r->err);
}

bool conf_read_number(const struct jsonc *doc, const struct jsonc_node *node, unsigned least,
                      unsigned most, unsigned *out, struct yq_err *err)
{
    char *end = NULL;
    unsigned long number = node->kind == JSONC_NUMBER ? strtoul(node->text, &end, 10) : 0;
    if (!end || *end || node->text[0] == '-' || number < least || number > most)
        return jsonc_fail(doc, node->line, err, "\"%s\" takes a whole number from %u to %u",
                          node->name, least, most);
    *out = (unsigned)number;
    return true;
}

bool conf_read_clock(const char **text, unsigned *minute)
{
    const char *t = *text;
    for (int i = 0; i < 5; i++) {
        if (i == 2 ? t[i] != ':' : !isdigit((unsigned char)t[i]))
            return false;
    }
    unsigned hours = (unsigned)(t[0] - '0') * 10 + (unsigned)(t[1] - '0');
    unsigned minutes = (unsigned)(t[3] - '0') * 10 + (unsigned)(t[4] - '0');
    *text += 5;
    *minute = hours * 60 + minutes;
    return minutes < 60 && *minute <= 24 * 60;
}

bool conf_read_windows(const struct jsonc *doc, const struct jsonc_node *node,
                       struct yq_windows *out, struct yq_err *err)
{
    out->count = 0;
    for (const struct jsonc_node *at = entries_of(node); at; at = next_entry(node, at)) {
        unsigned from, to;
        const char *text = at->kind == JSONC_TEXT ? at->text : "";
        if (out->count == YQ_WINDOWS_MOST)
            return jsonc_fail(doc, at->line, err, "\"%s\" takes at most %d parts of the day",
                              node->name, YQ_WINDOWS_MOST);
        if (!conf_read_clock(&text, &from) || *text++ != '-' || !conf_read_clock(&text, &to) ||
            *text || from == 24 * 60 || from == to)
            return jsonc_fail(doc, at->line, err,
                              "\"%s\" takes parts of the day such as \"22:00-06:00\"", node->name);
        out->window[out->count].from = from;
        out->window[out->count++].to = to;
    }
    return out->count ||
           jsonc_fail(doc, node->line, err, "\"%s\" takes parts of the day such as \"22:00-06:00\"",
                      node->name);
}

/* One of `names`; its place in *out. */
static bool read_choice(struct reader *r, const struct jsonc_node *node, const char *const *names,
                        size_t count, int *out)
{
    struct yq_buf list yq_cleanup(yq_buf_fini) = {0};
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    for (size_t i = 0; i < count; i++) {
        *out = (int)i;
        if (strcmp(names[i], node->text) == 0)
            return true;
        yq_buf_putf(&list, "%s\"%s\"", i ? ", " : "", names[i]);
    }
    char shown[40];
    return jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes one of %s, not \"%s\"", node->name,
                      yq_buf_text(&list), conf_shown(shown, sizeof shown, node->text));
}

static bool read_name(struct reader *r, const struct jsonc_node *node)
{
    return is_printable(r, node, node->name) &&
           ((!strchr(node->text, '"') &&
             yq_copy(r->rule->name, sizeof r->rule->name, node->text)) ||
            jsonc_fail(r->doc, node->line, r->err,
                       "\"name\" takes at most %d bytes, without quotes", YQ_RULE_NAME_SIZE - 1));
}

static bool unknown_key(struct reader *r, const struct jsonc_node *node, const char *what,
                        const char *const *names, size_t count)
{
    struct yq_buf list yq_cleanup(yq_buf_fini) = {0};
    char shown[64];
    const char *nearest = conf_nearest(node->name, names, count);
    conf_shown(shown, sizeof shown, node->name);
    if (nearest)
        return jsonc_fail(r->doc, node->line, r->err, "unknown key \"%s\" (did you mean \"%s\"?)",
                          shown, nearest);
    for (size_t i = 0; i < count; i++)
        yq_buf_putf(&list, "%s%s", i ? ", " : "", names[i]);
    return jsonc_fail(r->doc, node->line, r->err, "unknown key \"%s\" (%s has %s)", shown, what,
                      yq_buf_text(&list));
}

static bool read_condition(struct reader *r, const struct jsonc_node *node)
{
    const char *names[YQ_RULE_KEY_COUNT + 1];
    for (int key = 0; key < YQ_RULE_KEY_COUNT; key++) {
        names[key] = rule_keys[key].key;
        if (strcmp(names[key], node->name) == 0)
            return read_patterns(r, node, rule_keys[key].folded, &r->rule->when[key]);
    }
    names[YQ_RULE_KEY_COUNT] = "time";
    if (strcmp(node->name, "time") == 0)
        return conf_read_windows(r->doc, node, &r->rule->time, r->err);
    return unknown_key(r, node, "\"when\"", names, YQ_RULE_KEY_COUNT + 1);
}

static bool read_when(struct reader *r, const struct jsonc_node *node)
{
    if (node->kind != JSONC_OBJECT)
        return fail_kind(r, node, JSONC_OBJECT);
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        if (!read_condition(r, at))
            return false;
    }
    return true;
}

static bool read_peer(struct reader *r, const struct jsonc_node *node)
{
    struct yq_rule *rule = r->rule;
    char shown[64];
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    if (!yq_aet_valid(node->text))
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" is no AE title",
                          conf_shown(shown, sizeof shown, node->text));
    for (size_t i = 0; i < rule->peer_count; i++) {
        if (strcmp(rule->peers[i], node->text) == 0)
            return jsonc_fail(r->doc, node->line, r->err, "%s stands here twice", node->text);
    }
    if (rule->peer_count == YQ_RULE_TO_MOST)
        return jsonc_fail(r->doc, node->line, r->err, "\"to\" takes at most %d AE titles",
                          YQ_RULE_TO_MOST);
    yq_copy(rule->peers[rule->peer_count++], YQ_AET_SIZE, node->text);
    return true;
}

static bool read_to(struct reader *r, const struct jsonc_node *node)
{
    for (const struct jsonc_node *at = entries_of(node); at; at = next_entry(node, at)) {
        if (!read_peer(r, at))
            return false;
    }
    return true;
}

static bool read_from(struct reader *r, const struct jsonc_node *node)
{
    return read_peer(r, node);
}

static bool read_syntax(struct reader *r, const struct jsonc_node *node)
{
    char shown[64];
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    r->rule->as_is = strcmp(node->text, "as-is") == 0;
    const char *uid = r->rule->as_is ? "" : yq_conf_syntax(node->text);
    if (uid && (r->rule->as_is || yq_is_lossless(uid)))
        return yq_copy(r->rule->syntax, YQ_UID_SIZE, uid);
    return jsonc_fail(
        r->doc, node->line, r->err,
        "\"%s\": this node cannot make that without loss; \"syntax\" takes \"as-is\", "
        "explicit, implicit, jpeg-lossless, jpeg-ls, j2k-lossless, j2k, jpeg-lossless-p14, rle, "
        "deflated or explicit-big-endian",
        conf_shown(shown, sizeof shown, node->text));
}

static bool read_at(struct reader *r, const struct jsonc_node *node)
{
    int at = 0;
    if (!read_choice(r, node, at_names, sizeof at_names / sizeof *at_names, &at))
        return false;
    r->rule->at = (enum yq_rule_at)at;
    return true;
}

static bool read_quiet(struct reader *r, const struct jsonc_node *node)
{
    return read_number(r, node, 1, 86400, &r->rule->quiet_seconds);
}

static bool read_priority(struct reader *r, const struct jsonc_node *node)
{
    int priority = 0;
    if (!read_choice(r, node, priority_names, YQ_PRIORITY_COUNT, &priority))
        return false;
    r->rule->priority = (enum yq_priority)priority;
    return true;
}

static bool read_to_sender(struct reader *r, const struct jsonc_node *node)
{
    if (node->kind != JSONC_FLAG)
        return fail_kind(r, node, JSONC_FLAG);
    r->rule->to_sender = node->flag;
    return true;
}

static bool read_last(struct reader *r, const struct jsonc_node *node)
{
    return read_number(r, node, 1, 100, &r->rule->last);
}

static bool read_within(struct reader *r, const struct jsonc_node *node)
{
    return read_number(r, node, 1, YEARS_OF_DAYS, &r->rule->within_days);
}

static bool read_modality(struct reader *r, const struct jsonc_node *node)
{
    return read_patterns(r, node, true, &r->rule->modality);
}

static bool read_by(struct reader *r, const struct jsonc_node *node)
{
    static const char *const ways[] = {"move", "get", "move-or-get"};
    int way = 0;
    if (!read_choice(r, node, ways, sizeof ways / sizeof *ways, &way))
        return false;
    r->rule->by_move = way != 1;
    r->rule->by_get = way != 0;
    return true;
}

static const struct {
    const char *name;
    bool forward, pull, needed;
    bool (*read)(struct reader *r, const struct jsonc_node *node);
} members[] = {
    {"name", true, true, true, read_name},
    {"when", true, true, false, read_when},
    {"to", true, false, true, read_to},
    {"from", false, true, true, read_from},
    {"at", true, false, false, read_at},
    {"quiet_seconds", true, false, false, read_quiet},
    {"syntax", true, false, false, read_syntax},
    {"priority", true, true, false, read_priority},
    {"to_sender", true, false, false, read_to_sender},
    {"last", false, true, false, read_last},
    {"within_days", false, true, false, read_within},
    {"modality", false, true, false, read_modality},
    {"by", false, true, false, read_by},
};
#define MEMBERS (sizeof members / sizeof *members)

static bool read_member(struct reader *r, const struct jsonc_node *node)
{
    const char *names[MEMBERS];
    size_t count = 0;
    bool pull = r->rule->kind == YQ_RULE_PULL;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!(pull ? members[i].pull : members[i].forward))
            continue;
        names[count++] = members[i].name;
        if (strcmp(members[i].name, node->name) == 0)
            return members[i].read(r, node);
    }
    return unknown_key(r, node, pull ? "a pull rule" : "a forward rule", names, count);
}

static bool read_rule(struct reader *r, const struct jsonc_node *node)
{
    struct yq_rule *rule = r->rule;
    bool pull = rule->kind == YQ_RULE_PULL;
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(r->doc, node->line, r->err, "a rule is %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        if (!read_member(r, at))
            return false;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if (members[i].needed && (pull ? members[i].pull : members[i].forward) &&
            !jsonc_member(node, members[i].name))
            return jsonc_fail(r->doc, node->line, r->err, "this rule lacks \"%s\"",
                              members[i].name);
    }
    if (!rule->peer_count)
        return jsonc_fail(r->doc, node->line, r->err, "\"to\" names nobody");
    if (rule->quiet_seconds && rule->at == YQ_AT_ONCE)
        return jsonc_fail(r->doc, jsonc_member(node, "quiet_seconds")->line, r->err,
                          "\"quiet_seconds\" goes with \"at\": \"study-complete\" or "
                          "\"association-end\"");
    return true;
}

static bool name_is_new(struct reader *r, const struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->rule_count; i++) {
        if (strcmp(conf->rules[i].name, r->rule->name) == 0)
            return jsonc_fail(r->doc, r->rule->line, r->err,
                              "the rule \"%s\" stands here twice; first in line %u", r->rule->name,
                              conf->rules[i].line);
    }
    return true;
}

static bool read_list(struct yq_conf *conf, const struct jsonc *doc, const struct jsonc_node *list,
                      enum yq_rule_kind kind, struct yq_err *err)
{
    if (list->kind != JSONC_ARRAY)
        return jsonc_fail(doc, list->line, err, "\"%s\" takes %s, not %s", list->name,
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(list->kind));
    for (const struct jsonc_node *at = list->child; at; at = at->next) {
        if (conf->rule_count == YQ_RULES_MOST)
            return jsonc_fail(doc, at->line, err, "more than %d rules", YQ_RULES_MOST);
        struct yq_rule *rule = &conf->rules[conf->rule_count];
        struct reader r = {.doc = doc, .rule = rule, .err = err};
        *rule = (struct yq_rule){.line = at->line,
                                 .kind = kind,
                                 .priority = YQ_PRIORITY_NORMAL,
                                 .last = 3,
                                 .by_move = true};
        bool ok = read_rule(&r, at) && name_is_new(&r, conf);
        conf->rule_count++; /* also a half one: what it owns is freed with the others */
        if (!ok)
            return false;
    }
    return true;
}

bool conf_parse_rules(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                      struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_OBJECT)
        return jsonc_fail(&doc, doc.root->line, err,
                          "expected {\"forward\": [...], \"pull\": [...]}");
    conf->rules = calloc(YQ_RULES_MOST, sizeof *conf->rules);
    if (!conf->rules)
        return yq_fail(err, YQ_FULL, "conf", "no memory for the rules");
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next) {
        static const char *const lists[] = {"forward", "pull"};
        bool pull = strcmp(at->name, "pull") == 0;
        struct reader r = {.doc = &doc, .err = err};
        if (!pull && strcmp(at->name, "forward") != 0)
            return unknown_key(&r, at, "the file", lists, 2);
        if (!read_list(conf, &doc, at, pull ? YQ_RULE_PULL : YQ_RULE_FORWARD, err))
            return false;
    }
    return true;
}

const struct yq_rule *yq_conf_rule(const struct yq_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->rule_count; i++)
        if (strcmp(conf->rules[i].name, name) == 0)
            return &conf->rules[i];
    return NULL;
}

/* ---- against the other files ---- */

static bool rule_peer_is_known(const struct yq_conf *conf, const struct yq_rule *rule,
                               const char *aet, struct yq_err *err)
{
    bool known;
    char line[512];
    if (yq_conf_destination(conf, aet))
        return true;
    yq_conf_peer(conf, aet, "", &known);
    if (known)
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "rules.json:%u: \"%s\" leads to %s, which has no port or no single host in "
                       "peers.json: give it one, so that it can be called",
                       rule->line, rule->name, aet);
    yq_conf_peer_line(conf, aet, "", line, sizeof line);
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "rules.json:%u: \"%s\" leads to %s, which is not in peers.json: correct the AE "
                   "title, or add the peer first: %s",
                   rule->line, rule->name, aet, line);
}

static bool rule_sender_is_known(const struct yq_conf *conf, const struct yq_rule *rule,
                                 const char *pattern, struct yq_err *err)
{
    bool known;
    if (strpbrk(pattern, "*?") || conf->dicom_unknown_peers == YQ_UNKNOWN_ACCEPT)
        return true;
    yq_conf_peer(conf, pattern, "", &known);
    return known || yq_fail(err, YQ_BAD_INPUT, "conf",
                            "rules.json:%u: \"%s\" waits for %.40s, which is not in peers.json, so "
                            "nothing could come from it: correct the AE title, or add the peer",
                            rule->line, rule->name, pattern);
}

static bool stands_before(const struct yq_conf *conf, size_t rule, const char *aet)
{
    for (size_t i = 0; i < rule; i++)
        for (size_t k = 0; conf->rules[i].kind == YQ_RULE_FORWARD && k < conf->rules[i].peer_count;
             k++)
            if (strcmp(conf->rules[i].peers[k], aet) == 0)
                return true;
    return false;
}

static bool dispatches_are_few(const struct yq_conf *conf, struct yq_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct yq_rule *rule = &conf->rules[i];
        for (size_t k = 0; k < rule->peer_count; k++)
            count += rule->kind == YQ_RULE_PULL || !stands_before(conf, i, rule->peers[k]);
        if (count > YQ_RULE_DISPATCHES_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "conf",
                           "rules.json:%u: more than %d destinations and pull rules together",
                           rule->line, YQ_RULE_DISPATCHES_MOST);
    }
    return true;
}

bool conf_rules_check(const struct yq_conf *conf, struct yq_err *err)
{
    if (!dispatches_are_few(conf, err))
        return false;
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct yq_rule *rule = &conf->rules[i];
        const struct yq_patterns *senders = &rule->when[YQ_RULE_PEER];
        for (size_t k = 0; k < rule->peer_count; k++) {
            if (!rule_peer_is_known(conf, rule, rule->peers[k], err))
                return false;
        }
        for (size_t k = 0; k < senders->count; k++) {
            if (!rule_sender_is_known(conf, rule, senders->text[k], err))
                return false;
        }
    }
    return true;
}

static void patterns_free(struct yq_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        free(patterns->text[i]);
    free(patterns->text);
}

void conf_rules_free(struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->rule_count; i++) {
        for (int key = 0; key < YQ_RULE_KEY_COUNT; key++)
            patterns_free(&conf->rules[i].when[key]);
        patterns_free(&conf->rules[i].modality);
    }
    free(conf->rules);
}

/* ---- printing ---- */

static void put_patterns(struct yq_buf *out, const char *key, const struct yq_patterns *patterns,
                         const char **comma)
{
    if (!patterns->count)
        return;
    yq_buf_putf(out, "%s\"%s\": [", *comma, key);
    for (size_t i = 0; i < patterns->count; i++) {
        yq_buf_puts(out, i ? ", " : "");
        conf_put_text(out, patterns->text[i]);
    }
    yq_buf_puts(out, "]");
    *comma = ", ";
}

void conf_put_windows(struct yq_buf *out, const char *key, const struct yq_windows *windows)
{
    yq_buf_putf(out, "\"%s\": [", key);
    for (size_t i = 0; i < windows->count; i++)
        yq_buf_putf(out, "%s\"%02u:%02u-%02u:%02u\"", i ? ", " : "", windows->window[i].from / 60,
                    windows->window[i].from % 60, windows->window[i].to / 60,
                    windows->window[i].to % 60);
    yq_buf_puts(out, "]");
}

static void put_forward(struct yq_buf *out, const struct yq_rule *rule)
{
    yq_buf_puts(out, ", \"to\": [");
    for (size_t i = 0; i < rule->peer_count; i++) {
        yq_buf_puts(out, i ? ", " : "");
        conf_put_text(out, rule->peers[i]);
    }
    yq_buf_putf(out, "], \"at\": \"%s\"", at_names[rule->at]);
    if (rule->quiet_seconds)
        yq_buf_putf(out, ", \"quiet_seconds\": %u", rule->quiet_seconds);
    if (rule->as_is || *rule->syntax)
        yq_buf_putf(out, ", \"syntax\": \"%s\"", rule->as_is ? "as-is" : rule->syntax);
    if (rule->to_sender)
        yq_buf_puts(out, ", \"to_sender\": true");
}

static void put_pull(struct yq_buf *out, const struct yq_rule *rule)
{
    const char *comma = ", ";
    yq_buf_puts(out, ", \"from\": ");
    conf_put_text(out, rule->peers[0]);
    yq_buf_putf(out, ", \"last\": %u", rule->last);
    if (rule->within_days)
        yq_buf_putf(out, ", \"within_days\": %u", rule->within_days);
    put_patterns(out, "modality", &rule->modality, &comma);
    yq_buf_putf(out, ", \"by\": \"%s\"",
                !rule->by_get   ? "move"
                : rule->by_move ? "move-or-get"
                                : "get");
}

void conf_put_forward_rule(struct yq_buf *out, const struct yq_rule *rule)
{
    const char *comma = "";
    yq_buf_puts(out, "{\"name\": ");
    conf_put_text(out, rule->name);
    yq_buf_puts(out, ", \"when\": {");
    for (int key = 0; key < YQ_RULE_KEY_COUNT; key++)
        put_patterns(out, rule_keys[key].key, &rule->when[key], &comma);
    if (rule->time.count) {
        yq_buf_puts(out, comma);
        conf_put_windows(out, "time", &rule->time);
    }
    yq_buf_puts(out, "}");
    if (rule->kind == YQ_RULE_FORWARD)
        put_forward(out, rule);
    else
        put_pull(out, rule);
    yq_buf_putf(out, ", \"priority\": \"%s\"}", yq_priority_name(rule->priority));
}
