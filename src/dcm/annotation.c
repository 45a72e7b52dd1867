/* annotation.c: the graphics and texts of a presentation state. PS3.3 C.10.5 (graphic annotation),
 * C.10.7 (graphic layers), C.10.7.1.1 (colours in CIELab).
 *
 * Objects that do not say what they are, or have too few points, are left away. Thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "presentation.h"

#define ROOM "dcm"

enum { LAYERS_MOST = 256, ITEMS_MOST = 1024, OBJECTS_MOST = 10000, POINTS_MOST = 100000 };

struct layer {
    const char *name;
    int64_t order;
    uint8_t rgb[3];
};

struct part { /* an item of the Graphic Annotation Sequence */
    const struct yq_item *item;
    struct layer layer;
};

/* ---- colours ---- */

static double from_lab(double t) { return t > 6.0 / 29 ? t * t * t : (t - 4.0 / 29) * 108 / 841; }

static uint8_t to_srgb(double linear)
{
    double value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5);
}

/* CIELab over D50, as PS3.3 C.10.7.1.1 scales it to 16 bits, to sRGB. */
static void lab_to_rgb(const double lab[3], uint8_t rgb[3])
{
    double l = (lab[0] * 100 / 65535 + 16) / 116;
    double a = lab[1] * 255 / 65535 - 128, b = lab[2] * 255 / 65535 - 128;
    double x = 0.96422 * from_lab(l + a / 500), y = from_lab(l),
           z = 0.82521 * from_lab(l - b / 200);
    rgb[0] = to_srgb(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
    rgb[1] = to_srgb(-0.9787684 * x + 1.9161415 * y + 0.0334540 * z);
    rgb[2] = to_srgb(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
}

static bool three(const struct yq_item *item, uint32_t tag, double out[3])
{
    return yq_item_number(item, tag, 0, &out[0]) && yq_item_number(item, tag, 1, &out[1]) &&
           yq_item_number(item, tag, 2, &out[2]);
}

static void take_lab(const struct yq_item *item, uint32_t tag, uint8_t rgb[3])
{
    double lab[3];
    if (three(item, tag, lab))
        lab_to_rgb(lab, rgb);
}

/* What is recommended for a layer: CIELab, RGB (retired), or a P-value. */
static void read_colour(const struct yq_item *item, uint8_t rgb[3])
{
    double value[3];
    memset(rgb, 255, 3);
    if (yq_item_number(item, 0x00700066, 0, &value[0]))
        memset(rgb, value[0] > 65535 || value[0] < 0 ? 255 : (int)value[0] >> 8, 3);
    if (three(item, 0x00700067, value))
        for (size_t i = 0; i < 3; i++)
            rgb[i] = value[i] > 65535 || value[i] < 0 ? 255
                     : value[i] > 255                 ? (uint8_t)((int)value[i] >> 8)
                                                      : (uint8_t)value[i];
    take_lab(item, 0x00700401, rgb);
}

/* ---- layers ---- */

static struct layer layer_of(const struct yq_item *root, const char *name)
{
    struct layer layer = {.name = name, .order = INT32_MAX, .rgb = {255, 255, 255}};
    size_t count = yq_item_count(root, 0x00700060);
    for (size_t i = 0; i < count && i < LAYERS_MOST; i++) {
        const struct yq_item *item = yq_item_at(root, 0x00700060, i);
        if (strcmp(yq_item_text(item, 0x00700002), name) != 0)
            continue;
        (void)yq_item_whole(item, 0x00700062, 0, &layer.order);
        read_colour(item, layer.rgb);
        break;
    }
    return layer;
}

/* ---- objects ---- */

static bool is_display(const struct yq_item *item, uint32_t tag)
{
    return strcmp(yq_item_text(item, tag), "DISPLAY") == 0;
}

static bool is_yes(const struct yq_item *item, uint32_t tag)
{
    return strcmp(yq_item_text(item, tag), "Y") == 0;
}

static bool floats(const struct yq_item *item, uint32_t tag, float *out, size_t count)
{
    double value;
    for (size_t i = 0; i < count; i++) {
        if (!yq_item_number(item, tag, i, &value))
            return false;
        out[i] = (float)value;
    }
    return true;
}

static bool shape_of(const struct yq_item *item, enum yq_shape *shape, size_t *least)
{
    static const struct {
        const char *name;
        enum yq_shape shape;
        size_t least; /* points */
    } table[] = {
        {"POINT", YQ_SHAPE_POINT, 1},        {"POLYLINE", YQ_SHAPE_POLYLINE, 2},
        {"INTERPOLATED", YQ_SHAPE_CURVE, 2}, {"CIRCLE", YQ_SHAPE_CIRCLE, 2},
        {"ELLIPSE", YQ_SHAPE_ELLIPSE, 4},
    };
    const char *name = yq_item_text(item, 0x00700023);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) {
            *shape = table[i].shape;
            *least = table[i].least;
            return true;
        }
    return false;
}

static bool add_graphic(const struct yq_item *item, const struct layer *layer, struct yq_look *look,
                        struct yq_err *err)
{
    size_t least, count = yq_item_values(item, 0x00700022) / 2;
    struct yq_graphic graphic = {.of_display = is_display(item, 0x00700005),
                                 .filled = is_yes(item, 0x00700024)};
    if (!shape_of(item, &graphic.shape, &least) || count < least || count > POINTS_MOST ||
        look->graphic_count == OBJECTS_MOST)
        return true;
    memcpy(graphic.rgb, layer->rgb, sizeof graphic.rgb);
    take_lab(yq_item_first(item, 0x00700232), 0x00700251, graphic.rgb);
    struct yq_graphic *more =
        realloc(look->graphics, (look->graphic_count + 1) * sizeof *look->graphics);
    if (more)
        look->graphics = more;
    graphic.point_count = count;
    graphic.points = malloc(2 * count * sizeof *graphic.points);
    if (!more || !graphic.points) {
        free(graphic.points);
        return yq_fail(err, YQ_FULL, ROOM, "no memory for graphics");
    }
    if (floats(item, 0x00700022, graphic.points, 2 * count))
        look->graphics[look->graphic_count++] = graphic;
    else
        free(graphic.points);
    return true;
}

/* Lines end with \n only; other control characters go. */
static char *text_of(const struct yq_item *item)
{
    const char *from = yq_item_text(item, 0x00700006);
    char *text = malloc(strlen(from) + 1), *to = text;
    for (; text && *from; from++) {
        if (*from == '\r' && from[1] == '\n')
            continue;
        if (*from == '\r' || *from == '\n')
            *to++ = '\n';
        else if ((unsigned char)*from >= ' ')
            *to++ = *from;
    }
    if (text)
        *to = '\0';
    return text;
}

static void read_places(const struct yq_item *item, struct yq_caption *caption)
{
    const char *justify = yq_item_text(item, 0x00700012);
    caption->has_box =
        floats(item, 0x00700010, caption->box, 2) && floats(item, 0x00700011, caption->box + 2, 2);
    caption->box_of_display = is_display(item, 0x00700003);
    caption->has_anchor = floats(item, 0x00700014, caption->anchor, 2);
    caption->anchor_of_display = is_display(item, 0x00700004);
    caption->anchor_visible = is_yes(item, 0x00700015);
    caption->justify = strcmp(justify, "RIGHT") == 0    ? YQ_RIGHT
                       : strcmp(justify, "CENTER") == 0 ? YQ_CENTER
                                                        : YQ_LEFT;
}

static bool add_caption(const struct yq_item *item, const struct layer *layer, struct yq_look *look,
                        struct yq_err *err)
{
    struct yq_caption caption = {0};
    read_places(item, &caption);
    if ((!caption.has_box && !caption.has_anchor) || !yq_item_text(item, 0x00700006)[0] ||
        look->caption_count == OBJECTS_MOST)
        return true;
    memcpy(caption.rgb, layer->rgb, sizeof caption.rgb);
    take_lab(yq_item_first(item, 0x00700231), 0x00700241, caption.rgb);
    struct yq_caption *more =
        realloc(look->captions, (look->caption_count + 1) * sizeof *look->captions);
    if (more)
        look->captions = more;
    caption.text = text_of(item);
    if (!more || !caption.text) {
        free(caption.text);
        return yq_fail(err, YQ_FULL, ROOM, "no memory for annotations");
    }
    look->captions[look->caption_count++] = caption;
    return true;
}

/* ---- all of them ---- */

static bool read_part(const struct part *part, struct yq_look *look, struct yq_err *err)
{
    for (size_t i = 0; i < yq_item_count(part->item, 0x00700009); i++)
        if (!add_graphic(yq_item_at(part->item, 0x00700009, i), &part->layer, look, err))
            return false;
    for (size_t i = 0; i < yq_item_count(part->item, 0x00700008); i++)
        if (!add_caption(yq_item_at(part->item, 0x00700008, i), &part->layer, look, err))
            return false;
    return true;
}

/* Lower orders are drawn first; in one layer as they come. */
static int by_order(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->layer.order != y->layer.order)
        return x->layer.order < y->layer.order ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

bool yq_annotations_read(const struct yq_item *root, const struct yq_subject *subject,
                         struct yq_look *look, struct yq_err *err)
{
    size_t total = yq_item_count(root, 0x00700001), count = 0;
    if (total > ITEMS_MOST)
        total = ITEMS_MOST;
    struct part *parts = total ? malloc(total * sizeof *parts) : NULL;
    if (total && !parts)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for annotations");
    for (size_t i = 0; i < total; i++) {
        const struct yq_item *item = yq_item_at(root, 0x00700001, i);
        if (yq_subject_is_meant(subject, item))
            parts[count++] = (struct part){item, layer_of(root, yq_item_text(item, 0x00700002))};
    }
    if (count)
        qsort(parts, count, sizeof *parts, by_order);
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = read_part(&parts[i], look, err);
    free(parts);
    return fine;
}
