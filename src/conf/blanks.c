/* blanks.c: anonymize.json: where which device writes names into its images. An unknown member is
 * refused with its line. The first rule that fits an image counts. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

#define SIDE_MOST 65535u

struct reader {
    struct yq_conf *conf;
    const struct jsonc *doc;
    struct yq_blank_rule *rule;
    struct yq_err *err;
};

static const struct {
    const char *name;
    size_t offset; /* of the text, else of the number */
    bool text;
} members[] = {
    {"name", offsetof(struct yq_blank_rule, name), true},
    {"modality", offsetof(struct yq_blank_rule, modality), true},
    {"manufacturer", offsetof(struct yq_blank_rule, manufacturer), true},
    {"model", offsetof(struct yq_blank_rule, model), true},
    {"station", offsetof(struct yq_blank_rule, station), true},
    {"rows", offsetof(struct yq_blank_rule, rows), false},
    {"columns", offsetof(struct yq_blank_rule, columns), false},
};
#define MEMBERS (sizeof members / sizeof *members)

static bool fail_kind(struct reader *r, const struct jsonc_node *node, const char *name,
                      enum jsonc_kind wanted)
{
    return jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes %s, not %s", name,
                      jsonc_kind_name(wanted), jsonc_kind_name(node->kind));
}

static bool read_member(struct reader *r, const struct jsonc_node *node, size_t which)
{
    char *place = (char *)r->rule + members[which].offset;
    if (!members[which].text)
        return conf_read_number(r->doc, node, 1, SIDE_MOST, (unsigned *)(void *)place, r->err);
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, node->name, JSONC_TEXT);
    for (const char *p = node->text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"')
            return jsonc_fail(r->doc, node->line, r->err,
                              "\"%s\" has a quote or a control character in it", node->name);
    if (!*node->text || !yq_copy(place, sizeof r->rule->name, node->text))
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" has 1 to %zu bytes", node->name,
                          sizeof r->rule->name - 1);
    return true;
}

/* [left, top, width, height] */
static bool read_blank(struct reader *r, const struct jsonc_node *node, struct yq_blank *blank)
{
    unsigned *sides[] = {&blank->left, &blank->top, &blank->width, &blank->height};
    const struct jsonc_node *at = node->kind == JSONC_ARRAY ? node->child : NULL;
    size_t count = 0;
    for (; at && count < 4; at = at->next, count++) {
        char *end = NULL;
        unsigned long side = at->kind == JSONC_NUMBER ? strtoul(at->text, &end, 10) : 0;
        if (!end || *end || *at->text == '-' || side > SIDE_MOST || (count > 1 && !side))
            break;
        *sides[count] = (unsigned)side;
    }
    return (count == 4 && !at) ||
           jsonc_fail(r->doc, node->line, r->err,
                      "each of \"blank\" is [left, top, width, height] in pixels");
}

static bool read_blanks(struct reader *r, const struct jsonc_node *node)
{
    size_t count = 0;
    if (node->kind != JSONC_ARRAY)
        return fail_kind(r, node, "blank", JSONC_ARRAY);
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        count++;
    if (count > YQ_BLANKS_MOST)
        return jsonc_fail(r->doc, node->line, r->err, "\"blank\" has more than %d entries",
                          YQ_BLANKS_MOST);
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        if (!read_blank(r, at, &r->rule->blanks[r->rule->count++]))
            return false;
    return true;
}

static bool read_rule(struct reader *r, const struct jsonc_node *node)
{
    char shown[64];
    if (node->kind != JSONC_OBJECT)
        return jsonc_fail(r->doc, node->line, r->err, "a rule is %s, not %s",
                          jsonc_kind_name(JSONC_OBJECT), jsonc_kind_name(node->kind));
    for (const struct jsonc_node *at = node->child; at; at = at->next) {
        size_t i = 0;
        while (i < MEMBERS && strcmp(members[i].name, at->name) != 0)
            i++;
        bool blank = strcmp(at->name, "blank") == 0;
        if (i == MEMBERS && !blank)
            return jsonc_fail(r->doc, at->line, r->err,
                              "unknown key \"%s\" (a rule has name, modality, manufacturer, model, "
                              "station, rows, columns, blank)",
                              conf_shown(shown, sizeof shown, at->name));
        if (!(blank ? read_blanks(r, at) : read_member(r, at, i)))
            return false;
    }
    if (!jsonc_member(node, "name") || !jsonc_member(node, "blank"))
        return jsonc_fail(r->doc, node->line, r->err, "this rule lacks \"%s\"",
                          jsonc_member(node, "name") ? "blank" : "name");
    /* an open rule would call every photograph clean */
    if (!*r->rule->manufacturer && !*r->rule->model && !*r->rule->station)
        return jsonc_fail(r->doc, node->line, r->err,
                          "a rule names a device: \"manufacturer\", \"model\" or \"station\"");
    return true;
}

bool conf_parse_blanks(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                       struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    struct reader r = {.conf = conf, .doc = &doc, .err = err};
    size_t rules = 0;
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the rules stand in %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(doc.root->kind));
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next)
        rules++;
    if (rules > RULES_MOST)
        return jsonc_fail(&doc, doc.root->line, err, "more than %d rules", RULES_MOST);
    free(conf->blank_rules);
    conf->blank_rule_count = 0;
    conf->blank_rules = calloc(rules ? rules : 1, sizeof *conf->blank_rules);
    if (!conf->blank_rules)
        return yq_fail(err, YQ_FULL, "conf", "no memory for the rules of anonymize.json");
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next) {
        r.rule = &conf->blank_rules[conf->blank_rule_count++];
        if (!read_rule(&r, at))
            return false;
    }
    return true;
}

void conf_put_blank_rule(struct yq_buf *out, const struct yq_blank_rule *rule)
{
    yq_buf_puts(out, "{");
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *place = (const char *)rule + members[i].offset;
        unsigned number = 0;
        if (!members[i].text)
            memcpy(&number, place, sizeof number);
        if (members[i].text ? !*place : !number)
            continue;
        yq_buf_putf(out, "\"%s\": ", members[i].name);
        if (members[i].text)
            conf_put_text(out, place);
        else
            yq_buf_putf(out, "%u", number);
        yq_buf_puts(out, ", ");
    }
    yq_buf_puts(out, "\"blank\": [");
    for (size_t i = 0; i < rule->count; i++) {
        const struct yq_blank *blank = &rule->blanks[i];
        yq_buf_putf(out, "%s[%u, %u, %u, %u]", i ? ", " : "", blank->left, blank->top, blank->width,
                    blank->height);
    }
    yq_buf_puts(out, "]}");
}
