/* place.c: which part of an image becomes how large a picture, and which way up. PS3.3 C.10.4
 * (displayed area), C.10.6 (spatial transformation); PS3.18 8.2.2 (2019) and 8.3.5 (rows, columns,
 * region: of what is displayed, after a presentation state).
 *
 * Without rows and columns a pixel of the image is one of the picture, as PS3.18 says, whatever its
 * aspect; scaled and presented pictures have the right shape. How large true size would be nobody
 * knows here: it is shown like SCALE TO FIT. */
#include <math.h>

#include "render.h"

#define ROOM "image"
#define AREA_MOST 1e6 /* pixels of a displayed area's side; what reaches further is cut off */

enum { SIDE_MOST = 65535, MAGNIFIED_MOST = 8192 };

static double clamp(double value, double low, double high)
{
    return value > low ? value < high ? value : high : low;
}

struct rect {
    double left, top, right, bottom;
};

/* What is displayed before a region is cut out, in pixels of the image. */
static struct rect displayed(const struct yq_frame *frame, const struct yq_look *look)
{
    struct rect all = {0, 0, frame->columns, frame->rows};
    if (!look->has_area)
        return all;
    const struct yq_area *area = &look->area;
    struct rect part = {
        clamp((double)area->left - 1, -AREA_MOST, AREA_MOST),
        clamp((double)area->top - 1, -AREA_MOST, AREA_MOST),
        clamp(area->right, -AREA_MOST, AREA_MOST),
        clamp(area->bottom, -AREA_MOST, AREA_MOST),
    };
    return part.right > part.left && part.bottom > part.top ? part : all;
}

/* A point of the display, from 0 to 1, as one of the displayed area before it is turned. */
static void untwist(const struct place *place, double u, double v, double *x, double *y)
{
    if (place->flipped)
        u = 1 - u;
    switch (place->rotation) {
    case 90: *x = v, *y = 1 - u; break;
    case 180: *x = 1 - u, *y = 1 - v; break;
    case 270: *x = 1 - v, *y = u; break;
    default: *x = u, *y = v; break;
    }
}

static void twist(const struct place *place, double x, double y, double *u, double *v)
{
    switch (place->rotation) {
    case 90: *u = 1 - y, *v = x; break;
    case 180: *u = 1 - x, *v = 1 - y; break;
    case 270: *u = y, *v = 1 - x; break;
    default: *u = x, *v = y; break;
    }
    if (place->flipped)
        *u = 1 - *u;
}

/* Whole pixels that a part (from 0 to 1) of what lies between two edges touches; one at least. */
static void cut(double from, double to, double *low, double *high)
{
    double size = *high - *low, start = *low;
    double a = floor(clamp(fmin(from, to), 0, 1) * size + 1e-6);
    double b = ceil(clamp(fmax(from, to), 0, 1) * size - 1e-6);
    a = clamp(a, 0, size - 1);
    *low = start + a;
    *high = start + clamp(b, a + 1, size);
}

static void cut_region(struct place *place, const struct yq_view *view, struct rect *rect)
{
    double x[2], y[2];
    untwist(place, view->left, view->top, &x[0], &y[0]);
    untwist(place, view->right, view->bottom, &x[1], &y[1]);
    cut(x[0], x[1], &rect->left, &rect->right);
    cut(y[0], y[1], &rect->top, &rect->bottom);
}

static unsigned side(double length, unsigned most)
{
    return (unsigned)clamp(floor(length + 0.5), 1, most);
}

/* Rows and columns of the picture before it is turned. */
static void measure(struct place *place, const struct yq_look *look, const struct yq_view *view)
{
    double width = place->right - place->left, height = place->bottom - place->top;
    double aspect = look->aspect >= 0.05 && look->aspect <= 20 ? look->aspect : 1;
    bool upright = place->rotation % 180 == 0, limited = view->rows || view->columns;
    if (limited || look->presented) { /* the longer side of a pixel is what grows */
        width *= aspect < 1 ? 1 / aspect : 1;
        height *= aspect > 1 ? aspect : 1;
    }
    double columns_most = view->columns ? view->columns : HUGE_VAL;
    double rows_most = view->rows ? view->rows : HUGE_VAL;
    double scale = upright ? fmin(columns_most / width, rows_most / height)
                           : fmin(rows_most / width, columns_most / height);
    if (!limited) {
        scale = 1;
        double longer = fmax(width, height) * look->area.magnification;
        if (look->has_area && look->area.mode == YQ_AREA_MAGNIFY && longer >= 1 &&
            longer <= MAGNIFIED_MOST)
            scale = look->area.magnification;
    }
    unsigned wide = upright ? view->columns : view->rows;
    unsigned high = upright ? view->rows : view->columns;
    place->columns = side(width * scale, wide && wide < SIDE_MOST ? wide : SIDE_MOST);
    place->rows = side(height * scale, high && high < SIDE_MOST ? high : SIDE_MOST);
}

bool yq_place_find(struct place *place, const struct yq_frame *frame, const struct yq_look *look,
                   const struct yq_view *view, uint64_t most, struct yq_err *err)
{
    *place = (struct place){.rotation = look->rotation % 360 / 90 * 90, .flipped = look->flipped};
    struct rect area = displayed(frame, look), rect = area;
    if (view->has_region)
        cut_region(place, view, &rect);
    place->left = rect.left;
    place->top = rect.top;
    place->right = rect.right;
    place->bottom = rect.bottom;
    place->scale_x = 1; /* settled below */
    measure(place, look, view);
    uint64_t size = (uint64_t)place->rows * place->columns * yq_source_samples(frame);
    if (size > most)
        return yq_fail(err, YQ_FULL, ROOM, "the picture takes %llu bytes",
                       (unsigned long long)size);
    place->scale_x = place->columns / (rect.right - rect.left);
    place->scale_y = place->rows / (rect.bottom - rect.top);
    /* The corners of all that is displayed, in the finished picture. */
    double a[2], b[2];
    yq_place_point(place, area.left, area.top, &a[0], &a[1]);
    yq_place_point(place, area.right, area.bottom, &b[0], &b[1]);
    place->display[0] = fmin(a[0], b[0]);
    place->display[1] = fmin(a[1], b[1]);
    place->display[2] = fmax(a[0], b[0]);
    place->display[3] = fmax(a[1], b[1]);
    return true;
}

void yq_place_point(const struct place *place, double x, double y, double *column, double *row)
{
    bool upright = place->rotation % 180 == 0;
    double u, v;
    twist(place, (x - place->left) / (place->right - place->left),
          (y - place->top) / (place->bottom - place->top), &u, &v);
    *column = u * (upright ? place->columns : place->rows);
    *row = v * (upright ? place->rows : place->columns);
}

/* ---- turning ---- */

enum { BLOCK = 32 }; /* pixels of a square that stays in the cache while it is turned */

/* Where pixel (0, 0) goes to, and how far a step right and a step down lead, in pixels. */
struct walk {
    ptrdiff_t start, right, down;
};

static struct walk walk_of(const struct place *place)
{
    ptrdiff_t rows = place->rows, columns = place->columns;
    ptrdiff_t wide = place->rotation % 180 ? rows : columns; /* of the turned picture */
    struct walk walk;
    switch (place->rotation) {
    case 90: walk = (struct walk){rows - 1, wide, -1}; break;
    case 180: walk = (struct walk){rows * columns - 1, -1, -wide}; break;
    case 270: walk = (struct walk){(columns - 1) * wide, -wide, 1}; break;
    default: walk = (struct walk){0, 1, wide}; break;
    }
    if (place->flipped) { /* the column c becomes wide - 1 - c */
        ptrdiff_t column = walk.start % wide;
        walk.start += wide - 1 - 2 * column;
        if (place->rotation % 180)
            walk.down = -walk.down;
        else
            walk.right = -walk.right;
    }
    return walk;
}

static void turn_block(const struct walk *walk, const uint8_t *in, size_t columns, unsigned samples,
                       size_t rows, size_t count, uint8_t *out)
{
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < count; x++) {
            const uint8_t *from = in + (y * columns + x) * samples;
            uint8_t *to =
                out + ((ptrdiff_t)y * walk->down + (ptrdiff_t)x * walk->right) * (ptrdiff_t)samples;
            for (unsigned s = 0; s < samples; s++)
                to[s] = from[s];
        }
}

bool yq_place_turn(const struct place *place, struct yq_picture *picture, struct yq_err *err)
{
    if (!place->rotation && !place->flipped)
        return true;
    struct yq_buf turned = {0};
    uint8_t *out = yq_buf_room(&turned, picture->pixels.length);
    if (!out)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a picture");
    struct walk walk = walk_of(place);
    size_t rows = picture->rows, columns = picture->columns;
    for (size_t y = 0; y < rows; y += BLOCK)
        for (size_t x = 0; x < columns; x += BLOCK) {
            ptrdiff_t at = walk.start + (ptrdiff_t)y * walk.down + (ptrdiff_t)x * walk.right;
            turn_block(&walk, picture->pixels.bytes + (y * columns + x) * picture->samples, columns,
                       picture->samples, rows - y < BLOCK ? rows - y : BLOCK,
                       columns - x < BLOCK ? columns - x : BLOCK,
                       out + at * (ptrdiff_t)picture->samples);
        }
    yq_buf_fini(&picture->pixels);
    picture->pixels = turned;
    if (place->rotation % 180) {
        picture->rows = (unsigned)columns;
        picture->columns = (unsigned)rows;
    }
    return true;
}
