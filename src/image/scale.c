/* scale.c: lines of an image to a picture of another size, in one pass over the image.
 *
 * What is averaged are the greys and colours as they would be shown in full size, overlays and
 * shutter included: the picture is what a browser makes of the full one, and every step before it
 * is exact. Each direction for itself: area averaging where it shrinks, bilinear where it grows.
 * Weights are in 1/32768; those of one pixel give that together, so that an even area stays what it
 * was. The result is within one grey level of exact arithmetic. Memory: a few lines of the image
 * and the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

#define ROOM "image"

enum { ONE = 1 << 15, LINES = 4 };

struct axis {
    unsigned count;
    unsigned low, high; /* what is used of the image; high is not */
    bool copied;        /* pixel by pixel, and all within the image */
    unsigned taps;      /* pixels of the image that one of the picture is made of, at most */
    uint32_t *firsts;   /* owned; where they begin, from `low` */
    uint16_t *weights;  /* owned; `taps` of each, those not needed 0 */
};

static void axis_fini(struct axis *axis)
{
    free(axis->firsts);
    free(axis->weights);
}

static double clamp(double value, double low, double high)
{
    return value > low ? value < high ? value : high : low;
}

/* What of [a, b) lies within the image; the rest stays black. */
static uint32_t average(const struct axis *axis, double a, double b, double size, uint16_t *weights)
{
    double step = b - a;
    a = clamp(a, axis->low, size);
    b = clamp(b, axis->low, size);
    uint32_t first = (uint32_t)a;
    double done = 0; /* rounded sums, so that no error adds up */
    for (unsigned i = 0; i < axis->taps && first + i < b; i++) {
        double end = fmin((double)first + i + 1, b);
        double sum = floor((end - a) / step * ONE + 0.5);
        weights[i] = (uint16_t)(sum - done);
        done = sum;
    }
    return first - axis->low;
}

static uint32_t between(const struct axis *axis, double center, double low, double high,
                        double size, uint16_t *weights)
{
    if (center < 0 || center >= size)
        return 0;
    double at = clamp(center - 0.5, fmax(low, 0), fmin(high, size) - 1);
    uint32_t first = (uint32_t)at;
    uint16_t part = (uint16_t)((at - first) * ONE + 0.5);
    weights[0] = (uint16_t)(ONE - part);
    weights[1] = part;
    return first - axis->low;
}

/* `count` pixels of the picture show what lies between two edges of `size` pixels of the image. */
static bool axis_init(struct axis *axis, double from, double to, unsigned count, unsigned size)
{
    double step = (to - from) / count;
    *axis = (struct axis){
        .count = count,
        .low = (unsigned)floor(clamp(from, 0, size - 1)),
        .high = (unsigned)ceil(clamp(to, 1, size)),
        .copied = step == 1 && from == floor(from) && from >= 0 && to <= size,
        .taps = step >= 1 ? (unsigned)fmin(ceil(step) + 1, size) : 2,
    };
    if (axis->copied)
        return true;
    axis->firsts = malloc(count * sizeof *axis->firsts);
    axis->weights = calloc((size_t)count * axis->taps, sizeof *axis->weights);
    if (!axis->firsts || !axis->weights)
        return false;
    for (unsigned i = 0; i < count; i++) {
        uint16_t *weights = axis->weights + (size_t)i * axis->taps;
        axis->firsts[i] = step >= 1
                              ? average(axis, from + i * step, from + (i + 1) * step, size, weights)
                              : between(axis, from + (i + 0.5) * step, from, to, size, weights);
    }
    return true;
}

/* ---- one line of the picture ---- */

struct work {
    const struct source *source;
    unsigned low; /* first column that is used of the image */
    unsigned columns;
    size_t length;        /* samples of a line of the image */
    uint8_t *lines;       /* those read last, each where its row has its place */
    unsigned rows[LINES]; /* 1 more than their row; 0: none */
    uint32_t *sums;
    uint16_t *values;
};

static const uint8_t *line_of(struct work *work, unsigned row)
{
    unsigned slot = row % LINES;
    uint8_t *line = work->lines + slot * work->length;
    if (work->rows[slot] != row + 1) {
        yq_source_line(work->source, row, work->low, work->columns, line);
        work->rows[slot] = row + 1;
    }
    return line;
}

/* Rows from `row` on, by their weights, into work->values. */
static void mix(struct work *work, unsigned row, const uint16_t *weights, unsigned count)
{
    const uint8_t *lines[LINES];
    uint16_t by[LINES] = {0};
    if (count > LINES) {
        memset(work->sums, 0, work->length * sizeof *work->sums);
        for (unsigned i = 0; i < count; i++)
            yq_line_add(work->sums, line_of(work, row + i), work->length, weights[i]);
        yq_line_settle(work->sums, work->length, work->values);
        return;
    }
    for (unsigned i = 0; i < LINES; i++) {
        lines[i] = i < count ? line_of(work, row + i) : lines[0];
        by[i] = i < count ? weights[i] : 0;
    }
    if (count > 2)
        yq_line_mix4(lines, by, work->length, work->values);
    else
        yq_line_mix2(lines[0], lines[1], by, work->length, work->values);
}

/* The rows that make row `index` of the picture. */
static void gather(struct work *work, const struct axis *y, unsigned index)
{
    static const uint16_t whole[] = {ONE};
    if (y->copied) {
        mix(work, y->low + index, whole, 1);
        return;
    }
    const uint16_t *weights = y->weights + (size_t)index * y->taps;
    unsigned count = y->taps;
    while (count && !weights[count - 1])
        count--;
    if (count)
        mix(work, y->low + y->firsts[index], weights, count);
    else
        memset(work->values, 0, work->length * sizeof *work->values);
}

static void put_row(struct work *work, const struct axis *x, const struct axis *y, unsigned index,
                    uint8_t *out)
{
    if (x->copied && y->copied) {
        yq_source_line(work->source, y->low + index, x->low, x->count, out);
        return;
    }
    gather(work, y, index);
    if (x->copied)
        yq_line_round(work->values, work->length, out);
    else
        yq_line_across(work->values, x->firsts, x->weights, x->count, x->taps,
                       work->source->samples, out);
}

/* A frame decoded in a lower resolution has fewer pixels than the place speaks of. */
static double shrunk(unsigned full, unsigned size)
{
    unsigned halvings = 0;
    while (((full - 1) >> halvings) + 1 > size)
        halvings++;
    return 1.0 / (1u << halvings);
}

static bool axes_init(struct axis *x, struct axis *y, const struct source *source,
                      const struct place *place)
{
    double across_by = shrunk(source->full_columns, source->plain.columns);
    double down_by = shrunk(source->full_rows, source->plain.rows);
    return axis_init(x, place->left * across_by, place->right * across_by, place->columns,
                     source->plain.columns) &&
           axis_init(y, place->top * down_by, place->bottom * down_by, place->rows,
                     source->plain.rows);
}

static bool work_init(struct work *work, const struct axis *x)
{
    work->low = x->low;
    work->columns = x->high - x->low;
    work->length = (size_t)work->columns * work->source->samples;
    work->lines = malloc(LINES * work->length);
    work->sums = malloc(work->length * sizeof *work->sums);
    /* The last pixels reach behind the end, with weights of 0. */
    work->values =
        calloc(work->length + (size_t)(x->taps + 1) * work->source->samples, sizeof *work->values);
    return work->lines && work->sums && work->values;
}

bool yq_scale(const struct source *source, const struct place *place, uint8_t *out,
              struct yq_err *err)
{
    struct axis x = {0}, y = {0};
    struct work work = {.source = source};
    bool fine = axes_init(&x, &y, source, place) && work_init(&work, &x);
    size_t length = (size_t)place->columns * source->samples;
    for (unsigned i = 0; fine && i < place->rows; i++)
        put_row(&work, &x, &y, i, out + i * length);
    axis_fini(&x);
    axis_fini(&y);
    free(work.lines);
    free(work.sums);
    free(work.values);
    return fine || yq_fail(err, YQ_FULL, ROOM, "no memory to scale a picture");
}
