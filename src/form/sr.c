/* sr.c: walks through the content tree of a report (PS3.3 C.17.3) and lets a pen lay it out.
 *
 * Each item is gone through twice: what says something about it first (its modifiers and contexts),
 * then what it contains or was inferred from. The way down is kept in an array, not on the stack of
 * the process: no document, however deep, needs more. */
#include <stdlib.h>
#include <string.h>

#include "sr_inside.h"
#include "yq/text.h"

#define TAG_CONTENT 0x0040a730u

enum { OUT_MOST = 64 << 20, EVIDENCE_MOST = 1000000 };

/* ---- evidence: in which study and series referenced instances are ---- */

static const uint32_t evidence_sequences[] = {
    0x0040a375, /* current requested procedure evidence */
    0x0040a385, /* pertinent other evidence */
    0x0040a360, /* predecessor documents */
};

typedef bool (*evidence_take)(struct sr *sr, const struct evidence *one);

static bool each_of_series(struct sr *sr, const struct yq_item *study, const struct yq_item *series,
                           evidence_take take)
{
    size_t count = yq_item_count(series, 0x00081199);
    for (size_t i = 0; i < count; i++) {
        const struct evidence one = {
            .instance = yq_item_text(yq_item_at(series, 0x00081199, i), 0x00081155),
            .series = yq_item_text(series, 0x0020000e),
            .study = yq_item_text(study, 0x0020000d)};
        if (!take(sr, &one))
            return false;
    }
    return true;
}

static void each_evidence(struct sr *sr, evidence_take take)
{
    for (size_t i = 0; i < sizeof evidence_sequences / sizeof *evidence_sequences; i++) {
        size_t studies = yq_item_count(sr->root, evidence_sequences[i]);
        for (size_t j = 0; j < studies; j++) {
            const struct yq_item *study = yq_item_at(sr->root, evidence_sequences[i], j);
            size_t series = yq_item_count(study, 0x00081115);
            for (size_t k = 0; k < series; k++)
                if (!each_of_series(sr, study, yq_item_at(study, 0x00081115, k), take))
                    return;
        }
    }
}

static bool count_one(struct sr *sr, const struct evidence *one)
{
    (void)one;
    return ++sr->evidence_count < EVIDENCE_MOST;
}

static bool keep_one(struct sr *sr, const struct evidence *one)
{
    sr->evidence[sr->evidence_count++] = *one;
    return sr->evidence_count < EVIDENCE_MOST;
}

static int by_instance(const void *a, const void *b)
{
    return strcmp(((const struct evidence *)a)->instance, ((const struct evidence *)b)->instance);
}

static bool read_evidence(struct sr *sr)
{
    each_evidence(sr, count_one);
    if (!sr->evidence_count)
        return true;
    sr->evidence = calloc(sr->evidence_count, sizeof *sr->evidence);
    sr->evidence_count = 0;
    if (!sr->evidence)
        return false;
    each_evidence(sr, keep_one);
    qsort(sr->evidence, sr->evidence_count, sizeof *sr->evidence, by_instance);
    return true;
}

/* ---- the walk ---- */

static struct node understand(const struct yq_item *item, const struct level *above)
{
    const char *when = yq_item_text(item, 0x0040a032);
    return (struct node){.item = item,
                         .type = sr_value_type(item),
                         .relation = sr_relation(item),
                         .name = sr_code(item, 0x0040a043),
                         .when = above && *when && strcmp(when, above->when) != 0 ? when : ""};
}

/* Continuous content that begins with a text is one; that of measurements is called so too, and
 * would lose the names of what was measured. PS3.3 C.17.3.2.1. */
static bool flows(const struct node *node)
{
    if (!node->type->container || strcmp(yq_item_text(node->item, 0x0040a050), "CONTINUOUS") != 0)
        return false;
    size_t count = yq_item_count(node->item, TAG_CONTENT);
    for (size_t i = 0; i < count; i++) {
        const struct yq_item *child = yq_item_at(node->item, TAG_CONTENT, i);
        if (!sr_relation(child)->property)
            return sr_value_type(child)->text;
    }
    return false;
}

static void descend(struct sr *sr, const struct node *node, unsigned number)
{
    const struct level *above = sr->depth ? &sr->levels[sr->depth - 1] : NULL;
    const char *when = yq_item_text(node->item, 0x0040a032);
    sr->levels[sr->depth++] = (struct level){.node = *node,
                                             .when = *when || !above ? when : above->when,
                                             .number = number,
                                             .flowing = flows(node),
                                             .close = ""};
}

/* The next item below that belongs to this pass; NULL: there is none. */
static const struct yq_item *next_child(struct level *level)
{
    size_t count = yq_item_count(level->node.item, TAG_CONTENT);
    while (level->next < count) {
        const struct yq_item *child = yq_item_at(level->node.item, TAG_CONTENT, level->next++);
        if (child && sr_relation(child)->property != level->contents)
            return child;
    }
    return NULL;
}

void sr_walk(struct sr *sr)
{
    const struct sr_pen *pen = sr->pen;
    struct node root = understand(sr->root, NULL);
    descend(sr, &root, 1);
    while (sr->depth && !sr->out->failed) {
        struct level *level = &sr->levels[sr->depth - 1];
        const struct yq_item *child = next_child(level);
        if (!child && !level->contents) {
            level->contents = true;
            level->next = 0;
            pen->turn(sr, level);
        } else if (!child) {
            pen->leave(sr, level);
            sr->depth--;
        } else if (sr->depth == SR_LEVELS_MOST) {
            pen->cut(sr, level);
            level->contents = true;
            level->next = SIZE_MAX;
        } else {
            struct node node = understand(child, level);
            descend(sr, &node, (unsigned)level->next);
            pen->enter(sr, level, &sr->levels[sr->depth - 1]);
        }
    }
}

/* ---- the face ---- */

bool sr_is_report(const struct yq_item *object)
{
    return *yq_item_text(object, 0x0040a040) || yq_item_count(object, TAG_CONTENT);
}

static bool holds(const char *charset, const char *text)
{
    struct yq_buf trial yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    return yq_form_encode(charset, false, text, &trial, &err);
}

static bool print(const struct yq_item *object, const struct yq_sr_wish *wish, struct label title,
                  void (*content)(struct sr *), struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf made yq_cleanup(yq_buf_fini) = {.most = OUT_MOST};
    struct sr *sr = calloc(1, sizeof *sr);
    if (!sr)
        return yq_fail(err, YQ_FULL, "form", "no memory for a report");
    *sr = (struct sr){.wish = wish,
                      .root = object,
                      .out = &made,
                      .pen = wish->html ? &sr_pen_html : &sr_pen_text,
                      .title = title,
                      .html = wish->html,
                      .chinese = holds(wish->charset, "影桥审核"),
                      .signs = wish->html || holds(wish->charset, "—…²³µ°·")};
    bool read = read_evidence(sr);
    if (read) {
        sr->pen->begin(sr);
        content(sr);
        sr->pen->end(sr);
    }
    free(sr->evidence);
    free(sr);
    if (!read || made.failed)
        return yq_fail(err, YQ_FULL, "form", "the report takes more than %d bytes", OUT_MOST);
    return yq_form_encode(wish->charset, wish->html, yq_buf_text(&made), out, err);
}

bool yq_sr_print(const struct yq_item *report, const struct yq_sr_wish *wish, struct yq_buf *out,
                 struct yq_err *err)
{
    if (!sr_is_report(report))
        return yq_fail(err, YQ_ABSENT, "form", "the object has no report in it");
    return print(report, wish, (struct label){"报告", "Report"}, sr_walk, out, err);
}

bool yq_waveform_print(const struct yq_item *object, const struct yq_sr_wish *wish,
                       struct yq_buf *out, struct yq_err *err)
{
    bool ecg = strcmp(yq_item_text(object, 0x00080060), "ECG") == 0;
    const struct label title =
        ecg ? (struct label){"心电图", "ECG"} : (struct label){"波形", "Waveform"};
    if (!yq_item_count(object, 0x54000100))
        return yq_fail(err, YQ_ABSENT, "form", "the object has no waveform in it");
    return print(object, wish, title, sr_waveforms, out, err);
}
