/* coerce.c: the rules of coercion.json on the header of an instance, before it is indexed; and the
 * object with the values that were noted then, on its way out. PS3.4 B.4.1.3, PS3.3 C.12.1.1.9.
 *
 * Rules change values only, never what is stored, and never UIDs (the configuration refuses those).
 * They go in the order of the file, each upon what the one before has left. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coerce.h"
#include "object.h"
#include "yq/clock.h"
#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/text.h"

struct coercing {
    struct yq_house *house; /* NULL: nothing is counted or logged */
    const struct yq_origin *origin;
    const struct yq_header *header;
    struct yq_coercions *out;
    const struct yq_coerce_rule *rule;
};

/* What the attribute is by now; "" when it is absent. */
static const char *now(const struct coercing *c, enum yq_attr attr)
{
    for (size_t i = 0; i < c->out->count; i++)
        if (c->out->changes[i].attr == attr)
            return c->out->changes[i].value;
    return c->header->values[attr] ? c->header->values[attr] : "";
}

static bool peer_fits(const struct yq_coerce_rule *rule, const char *aet)
{
    for (size_t i = 0; i < rule->peer_count; i++)
        if (yq_conf_like(rule->peers[i], aet))
            return true;
    return false;
}

/* Without regard to case and width, as in rules.json. No patterns: everything fits. */
static bool value_fits(char *const *patterns, size_t count, const char *value)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!count)
        return true;
    yq_text_fold(value, &text);
    for (size_t i = 0; i < count; i++) {
        struct yq_buf pattern yq_cleanup(yq_buf_fini) = {0};
        yq_text_fold(patterns[i], &pattern);
        if (yq_conf_like(yq_buf_text(&pattern), yq_buf_text(&text)))
            return true;
    }
    return false;
}

static bool applies(const struct coercing *c)
{
    const struct yq_coerce_rule *rule = c->rule;
    return *c->origin->aet && peer_fits(rule, c->origin->aet) &&
           value_fits(rule->modalities, rule->modality_count, now(c, YQ_Modality)) &&
           value_fits(rule->stations, rule->station_count, now(c, YQ_StationName));
}

/* The rule could not be followed; the value itself is nobody's business here. */
static void left(const struct coercing *c, const struct yq_coerce_action *action, const char *why)
{
    if (!c->house)
        return;
    atomic_fetch_add(&c->house->counts.coerce_left, 1);
    yq_log(YQ_LOG_WARN, "coerce-left", "rule=\"%s\" attribute=%s aet=\"%s\" sop=%s reason=\"%s\"",
           c->rule->name, yq_attrs[action->attr].name, c->origin->aet, c->header->key.instance,
           why);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The new value into `made`; false: it stays as it is. */
static bool decide(const struct coercing *c, const struct yq_coerce_action *action,
                   struct yq_buf *made)
{
    const char *value = now(c, action->attr), *key = now(c, action->key), *to;
    switch (action->how) {
    case YQ_COERCE_SET: yq_buf_puts(made, action->text); return true;
    case YQ_COERCE_COMPLETE: yq_buf_puts(made, action->text); return !*value;
    case YQ_COERCE_PREFIX:
        yq_buf_putf(made, "%s%s", action->text, value);
        return *value && strncmp(value, action->text, strlen(action->text)) != 0;
    case YQ_COERCE_SUFFIX:
        yq_buf_putf(made, "%s%s", value, action->text);
        return *value && !ends_with(value, action->text);
    case YQ_COERCE_MAP:
        to = *key ? yq_conf_table_get(action->table, key) : NULL;
        if (*key && !to)
            left(c, action, "the table has nothing for its value");
        yq_buf_puts(made, to ? to : "");
        return to;
    }
    return false;
}

static bool act(struct coercing *c, const struct yq_coerce_action *action, struct yq_err *err)
{
    struct yq_buf made yq_cleanup(yq_buf_fini) = {0};
    if (!decide(c, action, &made))
        return true;
    const char *fault = yq_coerce_fault(yq_attrs[action->attr].vr, yq_buf_text(&made));
    if (fault) { /* of a prefix or suffix: the other texts were checked when they were read */
        left(c, action, fault);
        return true;
    }
    return (!made.failed && yq_coercions_note(c->out, action->attr, c->header->values[action->attr],
                                              yq_buf_text(&made), c->rule->name)) ||
           yq_fail(err, YQ_FULL, "walk", "no memory to coerce an instance");
}

bool yq_coerce(struct yq_house *house, const struct yq_conf *conf, const struct yq_origin *origin,
               struct yq_header *header, struct yq_coercions *out, struct yq_err *err)
{
    struct coercing c = {.house = house, .origin = origin, .header = header, .out = out};
    memset(out, 0, sizeof *out);
    out->when_ms = yq_now_ms();
    (void)yq_copy(out->charset, sizeof out->charset, header->charset_read);
    for (size_t i = 0; i < conf->coercion_count; i++) {
        c.rule = &conf->coercion[i];
        size_t count = applies(&c) ? c.rule->action_count : 0;
        for (size_t j = 0; j < count; j++)
            if (!act(&c, &c.rule->actions[j], err))
                return false;
    }
    for (size_t i = 0; i < out->count; i++)
        header->values[out->changes[i].attr] = out->changes[i].value;
    return true;
}

/* ---- on the way out ---- */

static bool rewrite(struct yq_house *house, const struct yq_entry *entry,
                    const struct yq_coercions *coercions, int *fd, struct yq_err *err)
{
    struct yq_replacement new[YQ_ATTR_COUNT];
    int made yq_cleanup(yq_close) = -1;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct yq_rewriting what = {.replacements = new,
                                .count = coercions->count,
                                .source = entry->source,
                                .system = conf->dicom_aet,
                                .when_ms = coercions->when_ms,
                                .charset = coercions->charset};
    for (size_t i = 0; i < coercions->count; i++) {
        const struct yq_attr_info *info = &yq_attrs[coercions->changes[i].attr];
        new[i] = (struct yq_replacement){info->tag, info->vr, coercions->changes[i].value};
    }
    bool ok = yq_object_scratch(house, entry->object.size, &made, err) &&
              yq_dcm_rewrite(*fd, &what, made, err);
    yq_conf_release(house->conf, conf);
    if (!ok)
        return false;
    yq_close(fd);
    *fd = made;
    made = -1;
    return true;
}

bool coerce_outgoing(struct yq_house *house, const struct yq_entry *entry, int *fd,
                     struct yq_err *err)
{
    struct yq_coercions coercions;
    if (!entry->coerced)
        return true;
    if (!yq_catalog_coerced(house->catalog, entry->id, &coercions, err))
        return false;
    bool ok = rewrite(house, entry, &coercions, fd, err);
    yq_coercions_fini(&coercions);
    return ok || yq_while(err, "coerced values cannot be put in");
}
