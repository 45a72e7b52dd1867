/* annotate.c: the words in the corners of a picture. Top left the patient; top right where and
 * when; bottom left how; bottom right which image, and the window. PS3.18 9.1.2.1.7; PS3.3 C.7.1.1,
 * C.8.2.1 (CT), C.8.3.1 (MR), C.7.6.16.2 (functional groups).
 *
 * Technique in the letters that are on every console; words about the patient in Chinese where the
 * object has Chinese text. Pure; any thread. */
#include "yq/annotation.h"

#include <math.h>
#include <string.h>

#include "yq/form.h"

enum { LINE_MOST = 200, NUMBER_MOST = 16 }; /* bytes of one text; no object fills the picture */
enum { TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT };

static const uint32_t group_sequences[] = {0x52009230, 0x52009229}; /* per frame, shared */

/* The item that has `tag`: the object itself, or a functional group of its frame. */
static const struct yq_item *holder(const struct yq_item *object, uint32_t tag)
{
    if (yq_item_values(object, tag))
        return object;
    for (size_t i = 0; i < sizeof group_sequences / sizeof *group_sequences; i++) {
        const struct yq_item *groups = yq_item_first(object, group_sequences[i]);
        for (size_t j = 0; groups && j < groups->count; j++) {
            const struct yq_data *group = &groups->elements[j];
            if (group->item_count && yq_item_values(&group->items[0], tag))
                return &group->items[0];
        }
    }
    return NULL;
}

static bool number_of(const struct yq_item *object, const uint32_t tags[2], size_t index,
                      double *out)
{
    for (size_t i = 0; i < 2; i++)
        if (tags[i] && yq_item_number(holder(object, tags[i]), tags[i], index, out))
            return true;
    return false;
}

static bool text_of(const struct yq_item *object, uint32_t tag, char out[LINE_MOST])
{
    out[0] = '\0';
    if (!yq_item_value(holder(object, tag), tag, 0, out, LINE_MOST))
        return false;
    for (char *c = out; *c; c++) /* a line is a line */
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return *out;
}

/* Ends a line that was begun. */
static void end_line(struct yq_buf *corner, size_t begun)
{
    if (corner->length > begun)
        yq_buf_puts(corner, "\n");
}

static void put_line(struct yq_buf *corner, const struct yq_item *object, uint32_t tag)
{
    char text[LINE_MOST];
    size_t begun = corner->length;
    if (text_of(object, tag, text))
        yq_buf_puts(corner, text);
    end_line(corner, begun);
}

static void put_gap(struct yq_buf *corner, size_t begun)
{
    if (corner->length > begun)
        yq_buf_puts(corner, "  ");
}

/* ---- the patient ---- */

static bool has_east_asian(const struct yq_item *object)
{
    static const uint32_t tags[] = {0x00100010, 0x00080080, 0x00081030, 0x0008103e};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (yq_form_is_east_asian(yq_item_text(object, tags[i])))
            return true;
    return false;
}

static void put_sex_and_age(struct yq_buf *corner, const struct yq_item *object, bool chinese)
{
    char text[LINE_MOST];
    size_t begun = corner->length;
    if (text_of(object, 0x00100040, text))
        yq_buf_puts(corner, yq_form_sex(text, chinese));
    if (text_of(object, 0x00101010, text)) {
        struct yq_buf age yq_cleanup(yq_buf_fini) = {0};
        if (yq_form_age(text, chinese, &age)) {
            put_gap(corner, begun);
            yq_buf_puts(corner, yq_buf_text(&age));
        }
    }
    if (text_of(object, 0x00100030, text)) {
        put_gap(corner, begun);
        yq_form_date(text, corner);
    }
    end_line(corner, begun);
}

static void put_patient(struct yq_buf *corner, const struct yq_item *object)
{
    char text[LINE_MOST];
    size_t begun = corner->length;
    if (text_of(object, 0x00100010, text))
        yq_form_person(text, corner);
    end_line(corner, begun);
    put_line(corner, object, 0x00100020);
    put_sex_and_age(corner, object, has_east_asian(object));
}

/* ---- how it was made ---- */

static void put_when(struct yq_buf *corner, const struct yq_item *object)
{
    static const uint32_t pairs[][2] = {{0x00080022, 0x00080032},  /* acquisition */
                                        {0x00080023, 0x00080033},  /* content */
                                        {0x00080020, 0x00080030}}; /* study */
    char text[LINE_MOST];
    size_t begun = corner->length;
    for (size_t i = 0; i < 3 && corner->length == begun; i++) {
        if (!text_of(object, pairs[i][0], text))
            continue;
        yq_form_date(text, corner);
        if (text_of(object, pairs[i][1], text)) {
            yq_buf_puts(corner, " ");
            yq_form_time(text, corner);
        }
    }
    end_line(corner, begun);
}

struct setting {
    const char *before, *after;
    uint32_t tags[2]; /* of the same thing, in one unit; the first that is there */
    bool line;        /* the last of its line */
};
static const struct setting settings[] = {
    {"", " kV", {0x00180060, 0}, false},
    {"", " mA", {0x00181151, 0x00189330}, false},
    {"", " mAs", {0x00181152, 0x00189332}, true},
    {"TR ", " ms", {0x00180080, 0}, false},
    {"TE ", " ms", {0x00180081, 0x00189082}, false},
    {"FA ", "°", {0x00181314, 0}, true},
    {"ST ", " mm", {0x00180050, 0}, false},
    {"SL ", " mm", {0x00201041, 0}, true},
};

/* Two digits after the point at most, and none that say nothing. */
static void put_number(struct yq_buf *corner, double value)
{
    if (fabs(value) < 1e7)
        yq_buf_putf(corner, "%.10g", round(value * 100) / 100);
    else
        yq_buf_putf(corner, "%.4g", value);
}

static void put_settings(struct yq_buf *corner, const struct yq_item *object)
{
    size_t begun = corner->length;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct setting *s = &settings[i];
        double value;
        if (number_of(object, s->tags, 0, &value)) {
            put_gap(corner, begun);
            yq_buf_puts(corner, s->before);
            put_number(corner, value);
            yq_buf_puts(corner, s->after);
        }
        if (s->line) {
            end_line(corner, begun);
            begun = corner->length;
        }
    }
}

static void put_which(struct yq_buf *corner, const struct yq_item *object,
                      const struct yq_annotating *how)
{
    static const struct {
        uint32_t tag;
        const char *word;
    } numbers[] = {{0x00200011, "Se "}, {0x00200013, "Im "}};
    char text[LINE_MOST];
    size_t begun = corner->length;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!text_of(object, numbers[i].tag, text) || strlen(text) > NUMBER_MOST)
            continue;
        put_gap(corner, begun);
        yq_buf_putf(corner, "%s%s", numbers[i].word, text);
    }
    if (how->frames > 1) {
        put_gap(corner, begun);
        yq_buf_putf(corner, "Fr %u/%u", how->frame, how->frames);
    }
    end_line(corner, begun);
    if (!how->window)
        return;
    yq_buf_puts(corner, "W ");
    put_number(corner, how->window->width);
    yq_buf_puts(corner, "  L ");
    put_number(corner, how->window->center);
    yq_buf_puts(corner, "\n");
}

static void put_technique(struct yq_annotation *out, const struct yq_item *object,
                          const struct yq_annotating *how)
{
    char text[LINE_MOST];
    struct yq_buf *corner = &out->corners[TOP_RIGHT];
    put_line(corner, object, 0x00080080); /* institution */
    put_when(corner, object);
    put_line(corner, object, 0x00081090); /* model */
    corner = &out->corners[BOTTOM_LEFT];
    size_t begun = corner->length;
    if (text_of(object, 0x00080060, text))
        yq_buf_puts(corner, text);
    if (text_of(object, 0x0008103e, text)) {
        put_gap(corner, begun);
        yq_buf_puts(corner, text);
    }
    end_line(corner, begun);
    put_settings(corner, object);
    put_which(&out->corners[BOTTOM_RIGHT], object, how);
}

void yq_annotation_fini(struct yq_annotation *annotation)
{
    for (size_t i = 0; i < 4; i++)
        yq_buf_fini(&annotation->corners[i]);
}

bool yq_annotation_compose(const struct yq_item *object, const struct yq_annotating *how,
                           struct yq_annotation *out, struct yq_err *err)
{
    bool failed = false;
    *out = (struct yq_annotation){0};
    if (how->patient)
        put_patient(&out->corners[TOP_LEFT], object);
    if (how->technique)
        put_technique(out, object, how);
    for (size_t i = 0; i < 4; i++) {
        struct yq_buf *corner = &out->corners[i];
        failed |= corner->failed;
        if (corner->length && !corner->failed) /* the last line needs no end */
            corner->bytes[--corner->length] = '\0';
    }
    if (!failed)
        return true;
    yq_annotation_fini(out);
    return yq_fail(err, YQ_FULL, "walk", "no memory for an annotation");
}
