/* coercion.c: coercion.json: what is changed in what a peer sends, before it is indexed. An unknown
 * member is refused with its line, as is a value that its attribute could not hold, or an attribute
 * that may not be changed. Tables are read with the rules that name them. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/coerce.h"

struct reader {
    struct yq_conf *conf;
    const struct jsonc *doc;
    struct yq_coerce_rule *rule;
    struct yq_err *err;
};

static const struct {
    const char *name;
    const char *with; /* the member that says what */
} hows[] = {
    [YQ_COERCE_SET] = {"set", "to"},         [YQ_COERCE_COMPLETE] = {"complete", "to"},
    [YQ_COERCE_PREFIX] = {"prefix", "with"}, [YQ_COERCE_SUFFIX] = {"suffix", "with"},
    [YQ_COERCE_MAP] = {"map", "by"},
};
#define HOWS (sizeof hows / sizeof *hows)

static bool fail_kind(struct reader *r, const struct jsonc_node *node, enum jsonc_kind wanted)
{
    return jsonc_fail(r->doc, node->line, r->err, "\"%s\" takes %s, not %s",
                      node->name ? node->name : "each entry", jsonc_kind_name(wanted),
                      jsonc_kind_name(node->kind));
}

static bool no_memory(struct reader *r)
{
    return yq_fail(r->err, YQ_FULL, "conf", "no memory for the rules of coercion.json");
}

static size_t length_of(const struct jsonc_node *list)
{
    size_t count = 0;
    for (const struct jsonc_node *at = list->child; at; at = at->next)
        count++;
    return count;
}

/* A list of texts, or one text. */
static bool read_names(struct reader *r, const struct jsonc_node *node, char ***names,
                       size_t *count)
{
    const struct jsonc_node *at = node->kind == JSONC_ARRAY ? node->child : node;
    size_t room = node->kind == JSONC_ARRAY ? length_of(node) : 1;
    if (!room)
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" is empty", node->name);
    if (room > NAMES_MOST)
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" has more than %d entries", node->name,
                          NAMES_MOST);
    *names = calloc(room, sizeof **names);
    if (!*names)
        return no_memory(r);
    for (; *count < room; at = at->next) {
        if (at->kind != JSONC_TEXT)
            return fail_kind(r, at, JSONC_TEXT);
        if (!*at->text || strlen(at->text) > 64)
            return jsonc_fail(r->doc, at->line, r->err, "\"%s\" has an entry that is %s",
                              node->name, *at->text ? "longer than 64 bytes" : "empty");
        (*names)[*count] = strdup(at->text);
        if (!(*names)[*count])
            return no_memory(r);
        ++*count;
    }
    return true;
}

static bool read_peers(struct reader *r, const struct jsonc_node *node)
{
    char shown[64];
    if (!read_names(r, node, &r->rule->peers, &r->rule->peer_count))
        return false;
    for (size_t i = 0; i < r->rule->peer_count; i++)
        if (!yq_aet_valid(r->rule->peers[i]))
            return jsonc_fail(r->doc, node->line, r->err, "\"%s\" is no AE title",
                              conf_shown(shown, sizeof shown, r->rule->peers[i]));
    return true;
}

static bool read_attr(struct reader *r, const struct jsonc_node *node, enum yq_attr *attr)
{
    const char *names[YQ_ATTR_COUNT];
    char shown[72];
    size_t count = 0;
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    conf_shown(shown, sizeof shown, node->text);
    *attr = yq_attr_by_name(node->text);
    for (int i = 0; i < YQ_ATTR_COUNT; i++)
        if (yq_coerce_allowed((enum yq_attr)i))
            names[count++] = yq_attrs[i].name;
    if (*attr != YQ_ATTR_COUNT && yq_coerce_allowed(*attr))
        return true;
    if (*attr != YQ_ATTR_COUNT)
        return jsonc_fail(r->doc, node->line, r->err,
                          "%s cannot be coerced: rules change attributes of patient, study and "
                          "series that stand at top level and are no UIDs",
                          shown);
    const char *nearest = conf_nearest(node->text, names, count);
    return jsonc_fail(r->doc, node->line, r->err, "there is no attribute \"%s\"%s%s%s", shown,
                      nearest ? " (did you mean \"" : "; docs/conformance.md lists them",
                      nearest ? nearest : "", nearest ? "\"?)" : "");
}

/* The text of set, complete, prefix and suffix. */
static bool read_text(struct reader *r, struct yq_coerce_action *action,
                      const struct jsonc_node *node)
{
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    const char *vr = yq_attrs[action->attr].vr, *text = node->text;
    bool part = action->how == YQ_COERCE_PREFIX || action->how == YQ_COERCE_SUFFIX;
    if (!*text && action->how != YQ_COERCE_SET)
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" is empty", node->name);
    if (part && strcmp(vr, "LO") != 0 && strcmp(vr, "SH") != 0)
        return jsonc_fail(r->doc, node->line, r->err,
                          "%s takes no \"%s\": only attributes of VR LO and SH do",
                          yq_attrs[action->attr].name, hows[action->how].name);
    const char *fault = yq_coerce_fault(vr, text);
    if (fault)
        return jsonc_fail(r->doc, node->line, r->err, "what %s is to be %s",
                          yq_attrs[action->attr].name, fault);
    action->text = strdup(text);
    return action->text || no_memory(r);
}

static bool is_table_name(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && length < sizeof((struct yq_coerce_table *)0)->file && *name != '.' &&
           !strchr(name, '/') && strcmp(name + length - 4, ".csv") == 0;
}

/* Room for all tables was made before: actions point to them. */
static bool read_table(struct reader *r, struct yq_coerce_action *action,
                       const struct jsonc_node *node)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    char path[YQ_PATH_MOST];
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    if (!is_table_name(node->text))
        return jsonc_fail(r->doc, node->line, r->err,
                          "\"by\" names a .csv file in the folder of coercion.json");
    struct yq_coerce_table *table = &r->conf->coerce_tables[r->conf->coerce_table_count++];
    yq_copy(table->file, sizeof table->file, node->text);
    action->table = table;
    if (!yq_path_join(path, r->conf->folder, table->file, r->err))
        return false;
    if (!yq_file_read(path, TABLE_BYTES_MOST, &bytes, r->err)) {
        if (r->err->code == YQ_ABSENT)
            return jsonc_fail(r->doc, node->line, r->err, "there is no %s in %s", table->file,
                              r->conf->folder);
        return yq_while(r->err, "configuration");
    }
    return conf_parse_table(table, yq_attrs[action->attr].vr, yq_buf_text(&bytes), bytes.length,
                            r->err);
}

static bool find_how(struct reader *r, const struct jsonc_node *node, size_t *how)
{
    const struct jsonc_node *found = NULL;
    for (size_t i = 0; i < HOWS; i++) {
        const struct jsonc_node *member = jsonc_member(node, hows[i].name);
        if (member && found)
            return jsonc_fail(r->doc, member->line, r->err,
                              "an action does one thing: \"%s\" or \"%s\"", found->name,
                              member->name);
        if (member) {
            found = member;
            *how = i;
        }
    }
    return found || jsonc_fail(r->doc, node->line, r->err,
                               "an action has one of \"set\", \"complete\", \"prefix\", "
                               "\"suffix\", \"map\"");
}

static bool read_action(struct reader *r, const struct jsonc_node *node)
{
    struct yq_coerce_action *action = &r->rule->actions[r->rule->action_count];
    size_t how = 0;
    char shown[64];
    if (node->kind != JSONC_OBJECT)
        return fail_kind(r, node, JSONC_OBJECT);
    if (!find_how(r, node, &how))
        return false;
    r->rule->action_count++;
    action->how = (enum yq_coerce_how)how;
    const struct jsonc_node *with = jsonc_member(node, hows[how].with);
    const struct jsonc_node *key = how == YQ_COERCE_MAP ? jsonc_member(node, "key") : NULL;
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        if (strcmp(at->name, hows[how].name) != 0 && at != with && at != key)
            return jsonc_fail(r->doc, at->line, r->err,
                              "unknown key \"%s\" (\"%s\" goes with \"%s\"%s)",
                              conf_shown(shown, sizeof shown, at->name), hows[how].name,
                              hows[how].with, how == YQ_COERCE_MAP ? " and \"key\"" : "");
    if (!with)
        return jsonc_fail(r->doc, node->line, r->err, "\"%s\" lacks \"%s\"", hows[how].name,
                          hows[how].with);
    if (!read_attr(r, jsonc_member(node, hows[how].name), &action->attr))
        return false;
    action->key = action->attr;
    if (key && !read_attr(r, key, &action->key))
        return false;
    return how == YQ_COERCE_MAP ? read_table(r, action, with) : read_text(r, action, with);
}

static bool read_actions(struct reader *r, const struct jsonc_node *node)
{
    if (node->kind != JSONC_ARRAY)
        return fail_kind(r, node, JSONC_ARRAY);
    size_t count = length_of(node);
    if (!count || count > ACTIONS_MOST)
        return jsonc_fail(r->doc, node->line, r->err, "\"actions\" has 1 to %d entries",
                          ACTIONS_MOST);
    r->rule->actions = calloc(count, sizeof *r->rule->actions);
    if (!r->rule->actions)
        return no_memory(r);
    for (const struct jsonc_node *at = node->child; at; at = at->next)
        if (!read_action(r, at))
            return false;
    return true;
}

static bool read_name(struct reader *r, const struct jsonc_node *node)
{
    char *name = r->rule->name;
    if (node->kind != JSONC_TEXT)
        return fail_kind(r, node, JSONC_TEXT);
    for (const char *p = node->text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"')
            return jsonc_fail(r->doc, node->line, r->err,
                              "\"name\" has a quote or a control character in it");
    if (!*node->text || !yq_copy(name, sizeof r->rule->name, node->text))
        return jsonc_fail(r->doc, node->line, r->err, "\"name\" has 1 to %zu bytes",
                          sizeof r->rule->name - 1);
    for (const struct yq_coerce_rule *other = r->conf->coercion; other < r->rule; other++)
        if (strcmp(other->name, name) == 0)
            return jsonc_fail(r->doc, node->line, r->err, "this \"name\" stands here twice");
    return true;
}

static bool read_modality(struct reader *r, const struct jsonc_node *node)
{
    return read_names(r, node, &r->rule->modalities, &r->rule->modality_count);
}

static bool read_station(struct reader *r, const struct jsonc_node *node)
{
    return read_names(r, node, &r->rule->stations, &r->rule->station_count);
}

static const struct {
    const char *name;
    bool (*read)(struct reader *r, const struct jsonc_node *node);
    bool needed;
} members[] = {
    {"name", read_name, true},          {"peers", read_peers, true},
    {"modality", read_modality, false}, {"station", read_station, false},
    {"actions", read_actions, true},
};
#define MEMBERS (sizeof members / sizeof *members)

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
        if (i == MEMBERS)
            return jsonc_fail(r->doc, at->line, r->err,
                              "unknown key \"%s\" (a rule has name, peers, modality, station, "
                              "actions)",
                              conf_shown(shown, sizeof shown, at->name));
        if (!members[i].read(r, at))
            return false;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].needed && !jsonc_member(node, members[i].name))
            return jsonc_fail(r->doc, node->line, r->err, "this rule lacks \"%s\"",
                              members[i].name);
    return true;
}

static size_t count_maps(const struct jsonc_node *root)
{
    size_t count = 0;
    for (const struct jsonc_node *rule = root->child; rule; rule = rule->next) {
        const struct jsonc_node *actions =
            rule->kind == JSONC_OBJECT ? jsonc_member(rule, "actions") : NULL;
        for (const struct jsonc_node *at = actions ? actions->child : NULL; at; at = at->next)
            count += at->kind == JSONC_OBJECT && jsonc_member(at, "map");
    }
    return count;
}

bool conf_parse_coercion(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                         struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    struct reader r = {.conf = conf, .doc = &doc, .err = err};
    if (!jsonc_parse(&doc, file, bytes, length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the rules stand in %s, not %s",
                          jsonc_kind_name(JSONC_ARRAY), jsonc_kind_name(doc.root->kind));
    size_t rules = length_of(doc.root), maps = count_maps(doc.root);
    if (rules > RULES_MOST)
        return jsonc_fail(&doc, doc.root->line, err, "more than %d rules", RULES_MOST);
    conf->coercion = calloc(rules ? rules : 1, sizeof *conf->coercion);
    conf->coerce_tables = calloc(maps ? maps : 1, sizeof *conf->coerce_tables);
    if (!conf->coercion || !conf->coerce_tables)
        return no_memory(&r);
    for (const struct jsonc_node *at = doc.root->child; at; at = at->next) {
        r.rule = &conf->coercion[conf->coercion_count++];
        if (!read_rule(&r, at))
            return false;
    }
    return true;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

void conf_coercion_fini(struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->coercion_count; i++) {
        struct yq_coerce_rule *rule = &conf->coercion[i];
        free_names(rule->peers, rule->peer_count);
        free_names(rule->modalities, rule->modality_count);
        free_names(rule->stations, rule->station_count);
        for (size_t j = 0; j < rule->action_count; j++)
            free(rule->actions[j].text);
        free(rule->actions);
    }
    free(conf->coercion);
    for (size_t i = 0; i < conf->coerce_table_count; i++)
        conf_table_fini(&conf->coerce_tables[i]);
    free(conf->coerce_tables);
}

static void put_names(struct yq_buf *out, const char *member, char *const *names, size_t count)
{
    if (!count)
        return;
    yq_buf_putf(out, ", \"%s\": [", member);
    for (size_t i = 0; i < count; i++) {
        yq_buf_puts(out, i ? ", " : "");
        conf_put_text(out, names[i]);
    }
    yq_buf_puts(out, "]");
}

void conf_put_rule(struct yq_buf *out, const struct yq_coerce_rule *rule)
{
    yq_buf_puts(out, "{\"name\": ");
    conf_put_text(out, rule->name);
    put_names(out, "peers", rule->peers, rule->peer_count);
    put_names(out, "modality", rule->modalities, rule->modality_count);
    put_names(out, "station", rule->stations, rule->station_count);
    yq_buf_puts(out, ", \"actions\": [");
    for (size_t i = 0; i < rule->action_count; i++) {
        const struct yq_coerce_action *action = &rule->actions[i];
        yq_buf_putf(out, "%s{\"%s\": \"%s\", \"%s\": ", i ? ", " : "", hows[action->how].name,
                    yq_attrs[action->attr].name, hows[action->how].with);
        conf_put_text(out, action->table ? action->table->file : action->text);
        if (action->key != action->attr)
            yq_buf_putf(out, ", \"key\": \"%s\"", yq_attrs[action->key].name);
        yq_buf_puts(out, "}");
    }
    yq_buf_puts(out, "]}");
}
