/* looks.c: how an image wants to be shown, from its attributes.
 *
 * Knows PS3.3 C.11.1 (modality), C.11.2 (windows, VOI LUT), C.11.6 (presentation LUT), C.7.6.16
 * (functional groups: a frame's own come before the shared ones, and those before the top level),
 * C.7.6.3.1.7 (pixel aspect ratio), C.7.6.11 (shutters). What cannot be used is as if it was not
 * there. Thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h"

#define ROOM "dcm"
#define TAG_SHARED_GROUPS 0x52009229u
#define XA_CLASS "1.2.840.10008.5.1.4.1.1.12.1"
#define XRF_CLASS "1.2.840.10008.5.1.4.1.1.12.2"

enum { LUTS_MOST = 16, VERTICES_MOST = 1024 };

/* ---- modality, window, presentation ---- */

bool yq_looks_modality(const struct yq_item *item, bool is_signed, struct yq_look *look,
                       struct yq_err *err)
{
    (void)yq_item_number(item, 0x00281052, 0, &look->intercept);
    (void)yq_item_number(item, 0x00281053, 0, &look->slope);
    if (look->slope == 0)
        look->slope = 1;
    const struct yq_item *table = yq_item_first(item, 0x00283000);
    yq_lut_fini(&look->modality);
    return yq_lut_read(table, 0x00283002, 0x00283006, is_signed, &look->modality, err);
}

static void read_windows(const struct yq_item *item, struct yq_look *look)
{
    char function[20];
    look->window_count = 0;
    for (size_t i = 0; i < YQ_WINDOWS_LOOK; i++) {
        struct yq_window window;
        if (yq_item_number(item, 0x00281050, i, &window.center) &&
            yq_item_number(item, 0x00281051, i, &window.width) && window.width > 0)
            look->windows[look->window_count++] = window;
    }
    look->function = YQ_VOI_LINEAR;
    if (!yq_item_value(item, 0x00281056, 0, function, sizeof function))
        return;
    if (strcmp(function, "SIGMOID") == 0)
        look->function = YQ_VOI_SIGMOID;
    else if (strcmp(function, "LINEAR_EXACT") == 0)
        look->function = YQ_VOI_LINEAR_EXACT;
}

bool yq_looks_voi(const struct yq_item *item, bool is_signed, struct yq_look *look,
                  struct yq_err *err)
{
    size_t count = yq_item_count(item, 0x00283010);
    read_windows(item, look);
    for (size_t i = 0; i < look->voi_count; i++)
        yq_lut_fini(&look->voi[i]);
    free(look->voi);
    look->voi = NULL;
    look->voi_count = 0;
    if (!count)
        return true;
    if (count > LUTS_MOST)
        count = LUTS_MOST;
    look->voi = calloc(count, sizeof *look->voi);
    if (!look->voi)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for look-up tables");
    for (size_t i = 0; i < count; i++) {
        struct yq_lut *lut = &look->voi[look->voi_count];
        if (!yq_lut_read(yq_item_at(item, 0x00283010, i), 0x00283002, 0x00283006, is_signed, lut,
                         err))
            return false;
        look->voi_count += lut->entries != 0;
    }
    return true;
}

bool yq_looks_presentation(const struct yq_item *item, struct yq_look *look, struct yq_err *err)
{
    char shape[20];
    const struct yq_item *table = yq_item_first(item, 0x20500010);
    if (yq_item_value(item, 0x20500020, 0, shape, sizeof shape)) {
        look->inverse = strcmp(shape, "INVERSE") == 0;
        look->has_shape = look->inverse || strcmp(shape, "IDENTITY") == 0;
    }
    yq_lut_fini(&look->presentation);
    return yq_lut_read(table, 0x00283002, 0x00283006, false, &look->presentation, err);
}

/* ---- pixel aspect ratio ---- */

static bool ratio_of(const struct yq_item *item, uint32_t tag, double *aspect)
{
    double height, width;
    if (!yq_item_number(item, tag, 0, &height) || !yq_item_number(item, tag, 1, &width) ||
        height <= 0 || width <= 0 || height / width > 100 || width / height > 100)
        return false;
    *aspect = height / width;
    return true;
}

/* ---- shutters ---- */

static int edge(const struct yq_item *item, uint32_t tag, size_t index)
{
    int64_t value = 0;
    if (!yq_item_whole(item, tag, index, &value))
        return 0;
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int)value;
}

static bool has_shape(const struct yq_item *item, const char *shape)
{
    char value[20];
    for (size_t i = 0; i < 4; i++)
        if (yq_item_value(item, 0x00181600, i, value, sizeof value) && strcmp(value, shape) == 0)
            return true;
    return false;
}

static bool read_vertices(const struct yq_item *item, struct yq_shutter *shutter,
                          struct yq_err *err)
{
    size_t count = yq_item_values(item, 0x00181620) / 2;
    if (count > VERTICES_MOST)
        count = VERTICES_MOST;
    if (count < 3)
        return true;
    shutter->vertices = malloc(2 * count * sizeof *shutter->vertices);
    if (!shutter->vertices)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a shutter");
    for (size_t i = 0; i < 2 * count; i++)
        shutter->vertices[i] = edge(item, 0x00181620, i);
    shutter->vertex_count = count;
    return true;
}

/* The colour of what is hidden: grey, or the lightness of a colour. C.7.6.11 */
static uint16_t hidden_grey(const struct yq_item *item)
{
    int64_t value = 0;
    (void)(yq_item_whole(item, 0x00181622, 0, &value) ||
           yq_item_whole(item, 0x00181624, 0, &value));
    return value > 0 && value <= 0xffff ? (uint16_t)value : 0;
}

bool yq_shutter_read(const struct yq_item *item, struct yq_shutter *shutter, struct yq_err *err)
{
    free(shutter->vertices);
    memset(shutter, 0, sizeof *shutter);
    if (has_shape(item, "RECTANGULAR")) {
        shutter->left = edge(item, 0x00181602, 0);
        shutter->right = edge(item, 0x00181604, 0);
        shutter->upper = edge(item, 0x00181606, 0);
        shutter->lower = edge(item, 0x00181608, 0);
        shutter->rectangular = shutter->left < shutter->right && shutter->upper < shutter->lower;
    }
    if (has_shape(item, "CIRCULAR")) {
        shutter->center_row = edge(item, 0x00181610, 0);
        shutter->center_column = edge(item, 0x00181610, 1);
        shutter->radius = edge(item, 0x00181612, 0);
        shutter->circular = shutter->radius > 0;
    }
    if (has_shape(item, "BITMAP"))
        shutter->overlay_group = (unsigned)edge(item, 0x00181623, 0) & 0xffff;
    shutter->grey = hidden_grey(item);
    return !has_shape(item, "POLYGONAL") || read_vertices(item, shutter, err);
}

/* ---- all of it ---- */

struct source { /* where a macro of functional groups may stand, best first */
    const struct yq_item *frame, *shared, *root;
};

/* The macro's item, or the top level, where objects without functional groups have the same. */
static const struct yq_item *macro(const struct source *source, uint32_t tag)
{
    const struct yq_item *item = yq_item_first(source->frame, tag);
    if (!item)
        item = yq_item_first(source->shared, tag);
    return item ? item : source->root;
}

/* The tables of X-ray angiography bring its values to what was measured, not to what is shown.
 * C.8.7.1.1.2 */
static void drop_table(const struct yq_item *root, struct yq_look *look)
{
    const char *sop_class = yq_item_text(root, 0x00080016);
    if (strcmp(sop_class, XA_CLASS) == 0 || strcmp(sop_class, XRF_CLASS) == 0)
        yq_lut_fini(&look->modality);
}

static void read_aspect(const struct source *source, struct yq_look *look)
{
    (void)(ratio_of(source->root, 0x00280034, &look->aspect) ||
           ratio_of(macro(source, 0x00289110), 0x00280030, &look->aspect) ||
           ratio_of(source->root, 0x00280030, &look->aspect) ||
           ratio_of(source->root, 0x00181164, &look->aspect) ||
           ratio_of(source->root, 0x00182010, &look->aspect));
}

/* Whether values behind the modality step can be below zero. */
static bool can_be_negative(const struct yq_pixels *pixels, const struct yq_look *look)
{
    return !look->modality.entries && (pixels->facts.is_signed || look->intercept < 0);
}

static bool read_look(const struct yq_pixels *pixels, const struct source *source, unsigned number,
                      struct yq_look *out, struct yq_err *err)
{
    const struct yq_item *root = source->root;
    if (!yq_looks_modality(macro(source, 0x00289145), pixels->facts.is_signed, out, err))
        return false;
    drop_table(root, out);
    const struct yq_item *voi = macro(source, 0x00289132);
    read_aspect(source, out);
    return yq_looks_voi(voi, can_be_negative(pixels, out), out, err) &&
           yq_looks_presentation(root, out, err) &&
           yq_shutter_read(macro(source, 0x00189472), &out->shutter, err) &&
           yq_overlays_read(pixels, number, out, err);
}

bool yq_looks_read(const struct yq_pixels *pixels, unsigned number, struct yq_look *out,
                   struct yq_err *err)
{
    struct yq_dataset group;
    struct source source = {.root = &pixels->dataset.root};
    memset(out, 0, sizeof *out);
    out->slope = out->aspect = 1;
    if (!yq_pixels_group(pixels, number, &group, err))
        return false;
    source.frame = &group.root;
    source.shared = yq_item_first(source.root, TAG_SHARED_GROUPS);
    bool fine = read_look(pixels, &source, number, out, err);
    yq_dataset_fini(&group);
    return fine;
}
