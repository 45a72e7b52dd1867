/* scale.c: lines of an image to a picture of another size, in one pass over the image.
 *
 * What is averaged are the greys and colours as they would be shown in full size, overlays and
 * shutter included: the picture is what a browser makes of the full one, and every step before it
 * is exact. Each direction for itself: area averaging where it shrinks, bilinear where it grows.
 * Weights are in 1/32768; those of one pixel give that together, so that an even area stays what it
 * was. The result is within one grey level of exact arithmetic. Memory: two lines of the image and
 * the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

#define ROOM "image"

enum { ONE = 1 << 15 };

struct taps { /* of one row or column of the picture */
    unsigned first, count;
    size_t at; /* of the first one's weight */
};
struct axis {
    unsigned count;
    unsigned low, high; /* what is used of the image; high is not */
    bool copied;        /* pixel by pixel, and all within the image */
    struct taps *taps;  /* owned */
    uint16_t *weights;  /* owned */
};

static void axis_fini(struct axis *axis)
{
    free(axis->taps);
    free(axis->weights);
}

static double clamp(double value, double low, double high)
{
    return value > low ? value < high ? value : high : low;
}

/* What of [a, b) lies within the image; the rest stays black. */
static void average(double a, double b, double size, struct taps *taps, uint16_t *weights)
{
    double step = b - a;
    a = clamp(a, 0, size);
    b = clamp(b, 0, size);
    taps->first = (unsigned)a;
    taps->count = b > a ? (unsigned)ceil(b) - taps->first : 0;
    double done = 0; /* rounded sums, so that no error adds up */
    for (unsigned i = 0; i < taps->count; i++) {
        double end = fmin(taps->first + i + 1, b);
        double sum = floor((end - a) / step * ONE + 0.5);
        weights[i] = (uint16_t)(sum - done);
        done = sum;
    }
}

static void between(double center, double low, double high, double size, struct taps *taps,
                    uint16_t *weights)
{
    taps->count = 0;
    if (center < 0 || center >= size)
        return;
    double at = clamp(center - 0.5, fmax(low, 0), fmin(high, size) - 1);
    taps->first = (unsigned)at;
    unsigned part = (unsigned)((at - taps->first) * ONE + 0.5);
    taps->count = part ? 2 : 1;
    weights[0] = (uint16_t)(ONE - part);
    weights[1] = (uint16_t)part;
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
    };
    if (axis->copied)
        return true;
    axis->taps = calloc(count, sizeof *axis->taps);
    axis->weights = malloc(((size_t)size + 3 * (size_t)count + 2) * sizeof *axis->weights);
    if (!axis->taps || !axis->weights)
        return false;
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        struct taps *taps = &axis->taps[i];
        taps->at = at;
        if (step >= 1)
            average(from + i * step, from + (i + 1) * step, size, taps, axis->weights + at);
        else
            between(from + (i + 0.5) * step, from, to, size, taps, axis->weights + at);
        at += taps->count;
    }
    return true;
}

/* ---- one line of the picture ---- */

struct work {
    const struct source *source;
    struct axis x, y;
    size_t length;     /* samples of a line of the image */
    uint8_t *lines[2]; /* those read last, by whether their row is even */
    unsigned rows[2];  /* 1 more than their row; 0: none */
    uint32_t *sums;
    uint16_t *values;
};

static const uint8_t *line_of(struct work *work, unsigned row)
{
    unsigned slot = row % 2;
    if (work->rows[slot] != row + 1) {
        yq_source_line(work->source, row, work->x.low, work->x.high - work->x.low,
                       work->lines[slot]);
        work->rows[slot] = row + 1;
    }
    return work->lines[slot];
}

/* The rows that make row `index` of the picture, into work->values. */
static void gather(struct work *work, unsigned index, unsigned row)
{
    memset(work->sums, 0, work->length * sizeof *work->sums);
    if (work->y.copied) {
        yq_line_add(work->sums, line_of(work, row), work->length, ONE);
    } else {
        const struct taps *taps = &work->y.taps[index];
        for (unsigned i = 0; i < taps->count; i++) {
            uint16_t weight = work->y.weights[taps->at + i];
            if (weight)
                yq_line_add(work->sums, line_of(work, taps->first + i), work->length, weight);
        }
    }
    yq_line_settle(work->sums, work->length, work->values);
}

static void across(const struct axis *x, const uint16_t *values, unsigned samples, uint8_t *out)
{
    for (unsigned i = 0; i < x->count; i++) {
        const struct taps *taps = &x->taps[i];
        const uint16_t *weights = x->weights + taps->at;
        const uint16_t *from = values + (size_t)(taps->first - x->low) * samples;
        for (unsigned s = 0; s < samples; s++) {
            uint32_t sum = 1u << 22;
            for (unsigned t = 0; t < taps->count; t++)
                sum += (uint32_t)weights[t] * from[(size_t)t * samples + s];
            *out++ = (uint8_t)(sum >> 23);
        }
    }
}

static void put_row(struct work *work, unsigned index, unsigned row, uint8_t *out)
{
    unsigned samples = work->source->samples;
    if (work->x.copied && work->y.copied) {
        yq_source_line(work->source, row, work->x.low, work->x.count, out);
        return;
    }
    gather(work, index, row);
    if (work->x.copied)
        yq_line_round(work->values, work->length, out);
    else if (samples == 1) /* a constant for the compiler */
        across(&work->x, work->values, 1, out);
    else
        across(&work->x, work->values, 3, out);
}

/* A frame decoded in a lower resolution has fewer pixels than the place speaks of. */
static double shrunk(unsigned full, unsigned size)
{
    unsigned halvings = 0;
    while (((full - 1) >> halvings) + 1 > size)
        halvings++;
    return 1.0 / (1u << halvings);
}

static bool work_init(struct work *work, const struct source *source, const struct place *place)
{
    double across_by = shrunk(source->full_columns, source->plain.columns);
    double down_by = shrunk(source->full_rows, source->plain.rows);
    work->source = source;
    if (!axis_init(&work->x, place->left * across_by, place->right * across_by, place->columns,
                   source->plain.columns) ||
        !axis_init(&work->y, place->top * down_by, place->bottom * down_by, place->rows,
                   source->plain.rows))
        return false;
    work->length = (size_t)(work->x.high - work->x.low) * source->samples;
    work->lines[0] = malloc(2 * work->length);
    work->sums = malloc(work->length * sizeof *work->sums);
    work->values = malloc(work->length * sizeof *work->values);
    if (!work->lines[0] || !work->sums || !work->values)
        return false;
    work->lines[1] = work->lines[0] + work->length;
    return true;
}

bool yq_scale(const struct source *source, const struct place *place, uint8_t *out,
              struct yq_err *err)
{
    struct work work = {0};
    bool fine = work_init(&work, source, place);
    size_t length = (size_t)place->columns * source->samples;
    for (unsigned i = 0; fine && i < place->rows; i++)
        put_row(&work, i, work.y.low + i, out + i * length);
    axis_fini(&work.x);
    axis_fini(&work.y);
    free(work.lines[0]);
    free(work.sums);
    free(work.values);
    return fine || yq_fail(err, YQ_FULL, ROOM, "no memory to scale a picture");
}
