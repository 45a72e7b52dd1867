/* draw.c: smooth lines and filled areas, clipped to the picture before anything is walked, so that
 * coordinates may be any number and cost no more than what is seen of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

#define SHADOW 1.5 /* pixels around a line */

enum { FILL_ALPHA = 90, SHADOW_ALPHA = 140 };

static const uint8_t black[3], white[3] = {255, 255, 255};

struct canvas yq_canvas_of(struct yq_picture *picture)
{
    return (struct canvas){
        .pixels = picture->pixels.bytes,
        .rows = picture->rows,
        .columns = picture->columns,
        .samples = picture->samples,
        .effort = (int64_t)16 * picture->rows * picture->columns + (1 << 22),
    };
}

static void mix(struct canvas *canvas, size_t at, const uint8_t rgb[3], unsigned alpha)
{
    uint8_t *p = canvas->pixels + at * canvas->samples;
    if (canvas->samples == 1) {
        unsigned grey = (rgb[0] * 77u + rgb[1] * 151u + rgb[2] * 28u) >> 8;
        p[0] = (uint8_t)((p[0] * (255 - alpha) + grey * alpha + 127) / 255);
        return;
    }
    for (unsigned s = 0; s < 3; s++)
        p[s] = (uint8_t)((p[s] * (255 - alpha) + rgb[s] * alpha + 127) / 255);
}

void yq_canvas_mix(struct canvas *canvas, int64_t column, int64_t row, const uint8_t rgb[3],
                   unsigned alpha)
{
    if (column >= 0 && row >= 0 && column < canvas->columns && row < canvas->rows && alpha)
        mix(canvas, (size_t)row * canvas->columns + (size_t)column, rgb, alpha);
}

/* ---- lines ---- */

/* Cuts the part off that lies beyond an edge: where `t` of the way from one end to the other is
 * allowed as long as towards * t <= room. */
static bool cut(double towards, double room, double *low, double *high)
{
    if (towards == 0)
        return room >= 0;
    double t = room / towards;
    if (towards < 0)
        *low = fmax(*low, t);
    else
        *high = fmin(*high, t);
    return *low <= *high;
}

/* What is seen of a line; false: nothing. */
static bool clip(const struct canvas *canvas, double margin, struct dot *a, struct dot *b)
{
    if (!isfinite(a->x) || !isfinite(a->y) || !isfinite(b->x) || !isfinite(b->y))
        return false;
    double dx = b->x - a->x, dy = b->y - a->y, low = 0, high = 1;
    if (!isfinite(dx) || !isfinite(dy) || !cut(-dx, a->x + margin, &low, &high) ||
        !cut(dx, canvas->columns + margin - a->x, &low, &high) ||
        !cut(-dy, a->y + margin, &low, &high) ||
        !cut(dy, canvas->rows + margin - a->y, &low, &high))
        return false;
    struct dot from = *a;
    *a = (struct dot){from.x + low * dx, from.y + low * dy};
    *b = (struct dot){from.x + high * dx, from.y + high * dy};
    return true;
}

static double distance(struct dot a, struct dot b, double x, double y)
{
    double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    double t = length > 0 ? ((x - a.x) * dx + (y - a.y) * dy) / length : 0;
    t = t > 0 ? t < 1 ? t : 1 : 0;
    return hypot(x - a.x - t * dx, y - a.y - t * dy);
}

/* How much of each pixel a line covers: pieces that overlap, as those of a curve do, must not add
 * up. Cut to the picture. */
struct mask {
    uint8_t *cover; /* owned */
    int64_t left, top, columns, rows;
};

static int64_t within(double value, unsigned most)
{
    return value > 0 ? value < most ? (int64_t)value : (int64_t)most : 0;
}

/* Around what is seen of the line. False: nothing is, or it is too much. */
static bool mask_init(struct mask *mask, struct canvas *canvas, const struct dot *dots,
                      size_t count, double margin)
{
    double left = HUGE_VAL, top = HUGE_VAL, right = -HUGE_VAL, bottom = -HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        struct dot a = dots[i], b = dots[i + 1 < count ? i + 1 : i];
        if (!clip(canvas, margin, &a, &b))
            continue;
        left = fmin(left, fmin(a.x, b.x));
        right = fmax(right, fmax(a.x, b.x));
        top = fmin(top, fmin(a.y, b.y));
        bottom = fmax(bottom, fmax(a.y, b.y));
    }
    if (left > right)
        return false;
    mask->left = within(floor(left - margin), canvas->columns);
    mask->top = within(floor(top - margin), canvas->rows);
    mask->columns = within(ceil(right + margin), canvas->columns) - mask->left;
    mask->rows = within(ceil(bottom + margin), canvas->rows) - mask->top;
    int64_t area = mask->columns * mask->rows;
    canvas->effort -= area / 8 + (int64_t)count;
    mask->cover = area > 0 && canvas->effort > 0 ? calloc(1, (size_t)area) : NULL;
    return mask->cover;
}

static void cover_pixel(struct mask *mask, int64_t column, int64_t row, double cover)
{
    column -= mask->left;
    row -= mask->top;
    if (cover <= 0 || column < 0 || row < 0 || column >= mask->columns || row >= mask->rows)
        return;
    uint8_t value = (uint8_t)((cover < 1 ? cover : 1) * 255);
    uint8_t *to = mask->cover + row * mask->columns + column;
    *to = value > *to ? value : *to;
}

/* One piece: walks along its longer direction, and as far to both sides as it is wide. */
static void stroke(struct canvas *canvas, struct mask *mask, struct dot a, struct dot b,
                   double half)
{
    double margin = half + 2;
    if (!clip(canvas, margin, &a, &b))
        return;
    double dx = b.x - a.x, dy = b.y - a.y;
    bool flat = fabs(dx) >= fabs(dy);
    double slope = flat ? (dx != 0 ? dy / dx : 0) : dx / dy;
    int64_t from = (int64_t)floor(flat ? fmin(a.x, b.x) - margin : fmin(a.y, b.y) - margin);
    int64_t to = (int64_t)ceil(flat ? fmax(a.x, b.x) + margin : fmax(a.y, b.y) + margin);
    int64_t side = (int64_t)ceil(margin * 1.5);
    canvas->effort -= (to - from + 1) * (2 * side + 1);
    for (int64_t i = from; i <= to && canvas->effort > 0; i++) {
        double along = (double)i + 0.5;
        double middle = flat ? a.y + (along - a.x) * slope : a.x + (along - a.y) * slope;
        for (int64_t j = (int64_t)floor(middle) - side; j <= (int64_t)floor(middle) + side; j++) {
            double x = flat ? along : (double)j + 0.5, y = flat ? (double)j + 0.5 : along;
            cover_pixel(mask, flat ? i : j, flat ? j : i, half + 0.5 - distance(a, b, x, y));
        }
    }
}

static void strokes(struct canvas *canvas, struct mask *mask, const struct dot *dots, size_t count,
                    double half)
{
    memset(mask->cover, 0, (size_t)(mask->columns * mask->rows));
    for (size_t i = 0; i + 1 < count && canvas->effort > 0; i++)
        stroke(canvas, mask, dots[i], dots[i + 1], half);
    if (count == 1)
        stroke(canvas, mask, dots[0], dots[0], half);
}

static void blend(struct canvas *canvas, const struct mask *mask, const uint8_t rgb[3],
                  unsigned alpha)
{
    for (int64_t row = 0; row < mask->rows; row++)
        for (int64_t column = 0; column < mask->columns; column++) {
            unsigned cover = mask->cover[row * mask->columns + column];
            if (cover)
                yq_canvas_mix(canvas, mask->left + column, mask->top + row, rgb,
                              (cover * alpha + 127) / 255);
        }
}

static bool is_dark(const uint8_t rgb[3]) { return rgb[0] + rgb[1] + rgb[2] < 240; }

void yq_canvas_line(struct canvas *canvas, const struct dot *dots, size_t count, double width,
                    const uint8_t rgb[3])
{
    struct mask mask = {0};
    if (!mask_init(&mask, canvas, dots, count, width / 2 + SHADOW + 2))
        return;
    strokes(canvas, &mask, dots, count, width / 2 + SHADOW);
    blend(canvas, &mask, is_dark(rgb) ? white : black, SHADOW_ALPHA);
    strokes(canvas, &mask, dots, count, width / 2);
    blend(canvas, &mask, rgb, 255);
    free(mask.cover);
}

/* ---- areas ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static size_t crossings(const struct dot *dots, size_t count, double y, double *out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct dot a = dots[i], b = dots[(i + 1) % count];
        if ((a.y <= y) == (b.y <= y))
            continue;
        double x = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
        if (isfinite(x))
            out[found++] = x;
    }
    qsort(out, found, sizeof *out, by_size);
    return found;
}

void yq_canvas_fill(struct canvas *canvas, const struct dot *dots, size_t count,
                    const uint8_t rgb[3])
{
    double *xs = count < 3 ? NULL : malloc(count * sizeof *xs);
    for (unsigned row = 0; xs && row < canvas->rows; row++) {
        canvas->effort -= (int64_t)count;
        if (canvas->effort <= 0)
            break;
        size_t found = crossings(dots, count, row + 0.5, xs);
        for (size_t i = 0; i + 1 < found; i += 2) {
            double from = fmin(fmax(ceil(xs[i] - 0.5), 0), canvas->columns);
            double to = fmin(fmax(ceil(xs[i + 1] - 0.5), 0), canvas->columns);
            for (int64_t x = (int64_t)from; x < (int64_t)to; x++)
                yq_canvas_mix(canvas, x, row, rgb, FILL_ALPHA);
        }
    }
    free(xs);
}
