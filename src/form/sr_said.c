/* sr_said.c: findings, impression and advice of a report, for a record. PS3.16 TID 2000, CID 7001,
 * LOINC.
 *
 * Sections are known by the code of their heading, or, where a sender has codes of his own, by its
 * name. What is in a section is laid out as plain text, by the pen that also makes text/plain. No
 * recursion: the way down is an array. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sr_inside.h"

#define TAG_CONTENT 0x0040a730u

enum { TEXT_MOST = 1 << 20 };
enum part { PART_NONE, PART_FINDINGS, PART_IMPRESSION, PART_ADVICE, PART_OBSERVER };

static const struct {
    const char *scheme, *value;
    enum part part;
} codes[] = {
    {"DCM", "121070", PART_FINDINGS},   {"DCM", "121071", PART_FINDINGS},
    {"LN", "59776-5", PART_FINDINGS},   {"LN", "18782-3", PART_FINDINGS},
    {"DCM", "121072", PART_IMPRESSION}, {"DCM", "121073", PART_IMPRESSION},
    {"DCM", "121076", PART_IMPRESSION}, {"DCM", "121077", PART_IMPRESSION},
    {"LN", "19005-8", PART_IMPRESSION}, {"LN", "55110-1", PART_IMPRESSION},
    {"DCM", "121074", PART_ADVICE},     {"DCM", "121075", PART_ADVICE},
    {"LN", "18783-0", PART_ADVICE},     {"DCM", "121008", PART_OBSERVER},
};
static const struct {
    const char *name;
    enum part part;
} names[] = {
    {"Findings", PART_FINDINGS},
    {"Finding", PART_FINDINGS},
    {"检查所见", PART_FINDINGS},
    {"影像所见", PART_FINDINGS},
    {"影像学表现", PART_FINDINGS},
    {"影像表现", PART_FINDINGS},
    {"所见", PART_FINDINGS},
    {"超声所见", PART_FINDINGS},
    {"Impressions", PART_IMPRESSION},
    {"Impression", PART_IMPRESSION},
    {"Conclusions", PART_IMPRESSION},
    {"Conclusion", PART_IMPRESSION},
    {"诊断印象", PART_IMPRESSION},
    {"影像诊断", PART_IMPRESSION},
    {"诊断意见", PART_IMPRESSION},
    {"诊断结论", PART_IMPRESSION},
    {"检查结论", PART_IMPRESSION},
    {"诊断", PART_IMPRESSION},
    {"印象", PART_IMPRESSION},
    {"结论", PART_IMPRESSION},
    {"Recommendations", PART_ADVICE},
    {"Recommendation", PART_ADVICE},
    {"建议", PART_ADVICE},
};

static enum part part_of(const struct yq_item *item)
{
    struct code code = sr_code(item, 0x0040a043);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code.value, codes[i].value) == 0 && strcmp(code.scheme, codes[i].scheme) == 0)
            return codes[i].part;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(code.meaning, names[i].name) == 0)
            return names[i].part;
    return PART_NONE;
}

static bool is_container(const struct yq_item *item)
{
    return strcmp(yq_item_text(item, 0x0040a040), "CONTAINER") == 0;
}

/* ---- text ---- */

/* Lines without blanks at their ends, no two empty ones after each other, none at the ends. */
static void put_tidy(struct yq_buf *out, const char *text)
{
    bool gap = false, begun = false;
    while (*text) {
        size_t length = strcspn(text, "\n"), used = length;
        while (used && strchr(" \r\t", text[used - 1]))
            used--;
        if (used && out->length)
            yq_buf_puts(out, gap && begun ? "\n\n" : "\n");
        yq_buf_put(out, text, used);
        begun |= used > 0;
        gap = !used;
        text += length + (text[length] != 0);
    }
}

/* The value of a leaf, or what is below a container. */
static void lay_out(struct sr *sr, const struct yq_item *item, struct yq_buf *out)
{
    struct yq_buf made yq_cleanup(yq_buf_fini) = {.most = TEXT_MOST};
    const struct value_type *type = sr_value_type(item);
    sr->root = item;
    sr->out = &made;
    sr->depth = 0;
    sr->indent = 0;
    if (type->put && !type->container)
        type->put(sr, item);
    if (yq_item_count(item, TAG_CONTENT))
        sr_walk(sr);
    put_tidy(out, yq_buf_text(&made)); /* of one that is too long its beginning */
}

/* ---- the way through ---- */

struct step {
    const struct yq_item *item;
    size_t next;
};

static struct yq_buf *place_of(struct yq_sr_said *said, enum part part)
{
    struct yq_buf *const places[] = {NULL, &said->findings, &said->impression, &said->advice, NULL};
    return places[part];
}

static void take(struct sr *sr, const struct yq_item *item, enum part part, struct yq_sr_said *said)
{
    struct yq_buf *place = place_of(said, part);
    if (place)
        lay_out(sr, item, place);
    else if (part == PART_OBSERVER && !said->observer.length)
        yq_buf_puts(&said->observer, yq_item_text(item, 0x0040a123));
}

static void go_through(struct sr *sr, const struct yq_item *report, struct yq_sr_said *said)
{
    struct step way[SR_LEVELS_MOST] = {{.item = report}};
    for (size_t depth = 1; depth;) {
        struct step *step = &way[depth - 1];
        const struct yq_item *child = yq_item_at(step->item, TAG_CONTENT, step->next++);
        if (!child) {
            depth--;
            continue;
        }
        enum part part = part_of(child);
        if (part != PART_NONE)
            take(sr, child, part, said);
        else if (is_container(child) && depth < SR_LEVELS_MOST)
            way[depth++] = (struct step){.item = child};
    }
}

bool yq_sr_read(const struct yq_item *report, struct yq_sr_said *out, struct yq_err *err)
{
    static const struct yq_sr_wish wish = {.charset = "utf-8"};
    *out = (struct yq_sr_said){.findings = {.most = TEXT_MOST},
                               .impression = {.most = TEXT_MOST},
                               .advice = {.most = TEXT_MOST},
                               .all = {.most = TEXT_MOST}};
    if (!sr_is_report(report))
        return yq_fail(err, YQ_ABSENT, "form", "the object has no report in it");
    struct sr *sr = calloc(1, sizeof *sr);
    if (!sr)
        return yq_fail(err, YQ_FULL, "form", "no memory for a report");
    *sr = (struct sr){
        .wish = &wish, .pen = &sr_pen_text, .section = true, .chinese = true, .signs = true};
    go_through(sr, report, out);
    sr->section = false;
    if (!out->findings.length && !out->impression.length)
        lay_out(sr, report, &out->all);
    free(sr);
    return true;
}

void yq_sr_said_fini(struct yq_sr_said *said)
{
    yq_buf_fini(&said->findings);
    yq_buf_fini(&said->impression);
    yq_buf_fini(&said->advice);
    yq_buf_fini(&said->all);
    yq_buf_fini(&said->observer);
}
