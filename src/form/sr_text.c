/* sr_text.c: a report as plain text: a line for each item, two blanks further in for each level. */
#include <string.h>

#include "sr_inside.h"
#include "yq/form.h"

enum { STEP = 2, INDENT_MOST = 32 };

static void new_line(struct sr *sr)
{
    sr_raw(sr, "\n");
    for (unsigned i = 0; i < sr->indent; i++)
        sr_raw(sr, " ");
}

/* As wide as what was put since `begun`: ideographs take two places. */
static void underline(struct sr *sr, size_t begun, const char *with)
{
    size_t end = sr->out->length, width = 0;
    if (sr->out->failed)
        return;
    for (size_t i = begun; i < end; i++) {
        unsigned char c = sr->out->bytes[i];
        width += c < 0x80 || (c >= 0xc0 && c < 0xe2) ? 1 : c >= 0xe2 ? 2 : 0;
    }
    new_line(sr);
    for (size_t i = 0; i < width && i < 72; i++)
        sr_raw(sr, with);
}

static bool is_named(const struct node *node) { return *node->name.meaning || *node->name.value; }

static void put_when(struct sr *sr, const char *when)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!*when)
        return;
    yq_form_datetime(when, &text);
    sr_raw(sr, " [");
    sr_buf(sr, &text);
    sr_raw(sr, "]");
}

static unsigned indent_of(const struct sr *sr)
{
    size_t depth = sr->depth > 2 ? sr->depth - 2 : 0;
    return STEP * depth < INDENT_MOST ? (unsigned)(STEP * depth) : INDENT_MOST;
}

static void enter_section(struct sr *sr, const struct node *node)
{
    sr_raw(sr, "\n");
    if (!is_named(node))
        return;
    new_line(sr);
    size_t begun = sr->out->length;
    sr_concept(sr, &node->name);
    put_when(sr, node->when);
    if (sr->depth == 2 && !sr->section)
        underline(sr, begun, "-");
    else
        sr_raw(sr, ":");
}

static void enter(struct sr *sr, struct level *above, struct level *level)
{
    const struct node *node = &level->node;
    bool running = above->flowing && node->type->flows && !node->relation->property;
    sr->indent = indent_of(sr);
    if (node->type->container) {
        enter_section(sr, node);
        return;
    }
    new_line(sr);
    if (node->relation->label.english) {
        sr_label(sr, node->relation->label);
        sr_raw(sr, " ");
    }
    bool said = above->node.type->container && sr_same_concept(&above->node.name, &node->name);
    if (is_named(node) && !running && !said) {
        sr_concept(sr, &node->name);
        sr_raw(sr, ": ");
    }
    if (node->type->put)
        node->type->put(sr, node->item);
    put_when(sr, node->when);
}

static void turn(struct sr *sr, struct level *level)
{
    (void)sr;
    (void)level;
}

static void leave(struct sr *sr, struct level *level)
{
    (void)sr;
    (void)level;
}

static void cut(struct sr *sr, struct level *above)
{
    (void)above;
    new_line(sr);
    sr_label(sr, (struct label){"更深的内容未显示", "what is nested deeper is not shown"});
}

static void put_signers(struct sr *sr, const struct sr_signer *signer)
{
    size_t count = yq_item_count(sr->root, signer->sequence);
    for (size_t i = 0; i < count; i++) {
        const struct yq_item *item = yq_item_at(sr->root, signer->sequence, i);
        const char *organization = yq_item_text(item, signer->organization);
        struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
        yq_form_person(yq_item_text(item, signer->name), &name);
        new_line(sr);
        sr_label(sr, signer->label);
        sr_raw(sr, ": ");
        sr_buf(sr, &name);
        if (*organization) {
            sr_raw(sr, ", ");
            sr_text(sr, organization);
        }
        put_when(sr, signer->when ? yq_item_text(item, signer->when) : "");
    }
}

static void put_flags(struct sr *sr)
{
    bool begun = false;
    for (size_t i = 0; i < sr_flag_count; i++) {
        if (strcmp(yq_item_text(sr->root, sr_flags[i].tag), sr_flags[i].value) != 0)
            continue;
        if (begun)
            sr_raw(sr, ", ");
        else
            new_line(sr);
        begun = true;
        sr_label(sr, sr_flags[i].label);
    }
}

static void begin(struct sr *sr)
{
    const struct code title = sr_code(sr->root, 0x0040a043);
    if (*title.meaning || *title.value)
        sr_concept(sr, &title);
    else
        sr_label(sr, sr->title);
    underline(sr, 0, "=");
    put_flags(sr);
    for (size_t i = 0; i < sr_fact_count; i++) {
        if (!sr_fact_there(sr, &sr_facts[i]))
            continue;
        new_line(sr);
        sr_label(sr, sr_facts[i].label);
        sr_raw(sr, ": ");
        sr_facts[i].put(sr, &sr_facts[i]);
    }
    for (size_t i = 0; i < sr_signer_count; i++)
        put_signers(sr, &sr_signers[i]);
    sr_raw(sr, "\n");
}

static void end(struct sr *sr)
{
    sr->indent = 0;
    sr_raw(sr, "\n\nSOP Instance UID: ");
    sr_text(sr, yq_item_text(sr->root, 0x00080018));
    sr_raw(sr, "\n");
}

const struct sr_pen sr_pen_text = {
    .begin = begin, .end = end, .enter = enter, .turn = turn, .leave = leave, .cut = cut};
