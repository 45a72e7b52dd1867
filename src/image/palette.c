/* palette.c: 256 colours for a picture in colour, for GIF.
 *
 * A picture that has no more than 256 keeps them exactly: ultrasound with a few coloured lines is
 * like that. Others are brought down by cutting the space of colours, of five bits a sample, where
 * most is gained. Thread-safe.
 */
#include "palette.h"

#include <stdlib.h>
#include <string.h>

enum { COLOURS = 256, CELLS = 1 << 15, SLOTS = 1024 };

/* ---- few colours ---- */

static uint32_t colour_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* False: more than 256. */
static bool exact(const struct yq_picture *picture, struct palette *out, uint8_t *indexes)
{
    uint32_t keys[SLOTS]; /* colour + 1 */
    uint8_t values[SLOTS];
    size_t pixels = (size_t)picture->rows * picture->columns;
    const uint8_t *p = picture->pixels.bytes;
    memset(keys, 0, sizeof keys);
    out->count = 0;
    for (size_t i = 0; i < pixels; i++, p += 3) {
        uint32_t key = colour_at(p) + 1;
        size_t slot = (key * 2654435761u) >> 22;
        while (keys[slot] && keys[slot] != key)
            slot = (slot + 1) % SLOTS;
        if (!keys[slot]) {
            if (out->count == COLOURS)
                return false;
            keys[slot] = key;
            values[slot] = (uint8_t)out->count;
            memcpy(out->rgb[out->count++], p, 3);
        }
        indexes[i] = values[slot];
    }
    return true;
}

/* ---- many ---- */

struct cell { /* of 32 x 32 x 32: its pixels, and their sums */
    uint32_t count;
    uint64_t sum[3];
};

struct box {
    size_t first, count; /* of the cells in use */
    uint64_t pixels;
    unsigned axis; /* along which they differ most, ... */
    double error;  /* by so much, squared; 0: all are in one place */
    double mean;
};

static unsigned place(uint16_t cell, unsigned axis) { return cell >> (10 - 5 * axis) & 31u; }

static void measure(struct box *box, const uint16_t *used, const struct cell *cells)
{
    uint64_t sum[3] = {0}, squares[3] = {0};
    box->pixels = box->axis = 0;
    for (size_t i = box->first; i < box->first + box->count; i++) {
        uint64_t count = cells[used[i]].count;
        box->pixels += count;
        for (unsigned axis = 0; axis < 3; axis++) {
            unsigned at = place(used[i], axis);
            sum[axis] += count * at;
            squares[axis] += count * at * at;
        }
    }
    box->error = 0;
    for (unsigned axis = 0; axis < 3; axis++) {
        double mean = (double)sum[axis] / (double)box->pixels;
        double error = (double)squares[axis] - mean * (double)sum[axis];
        if (error > box->error) {
            box->error = error;
            box->axis = axis;
            box->mean = mean;
        }
    }
}

/* Sorts a box's cells along its axis, by counting. */
static void sort(const struct box *box, uint16_t *used, uint16_t *spare)
{
    size_t at[33] = {0};
    uint16_t *from = used + box->first;
    for (size_t i = 0; i < box->count; i++)
        at[place(from[i], box->axis) + 1]++;
    for (size_t i = 1; i < 33; i++)
        at[i] += at[i - 1];
    for (size_t i = 0; i < box->count; i++)
        spare[at[place(from[i], box->axis)]++] = from[i];
    memcpy(from, spare, box->count * sizeof *from);
}

static void split(struct box *box, struct box *rest, uint16_t *used, uint16_t *spare,
                  const struct cell *cells)
{
    size_t count = 1; /* both parts get something */
    sort(box, used, spare);
    while (count + 1 < box->count && place(used[box->first + count], box->axis) <= box->mean)
        count++;
    *rest = (struct box){.first = box->first + count, .count = box->count - count};
    box->count = count;
    measure(box, used, cells);
    measure(rest, used, cells);
}

static unsigned cut(struct box boxes[COLOURS], size_t in_use, uint16_t *used, uint16_t *spare,
                    const struct cell *cells)
{
    unsigned count = 1;
    boxes[0] = (struct box){.count = in_use};
    measure(&boxes[0], used, cells);
    while (count < COLOURS) {
        struct box *widest = NULL;
        for (unsigned i = 0; i < count; i++)
            if (boxes[i].count > 1 && boxes[i].error > (widest ? widest->error : 0))
                widest = &boxes[i];
        if (!widest)
            break;
        split(widest, &boxes[count++], used, spare, cells);
    }
    return count;
}

static uint16_t cell_of(const uint8_t *p)
{
    return (uint16_t)((p[0] >> 3) << 10 | (p[1] >> 3) << 5 | p[2] >> 3);
}

struct work {
    struct cell cells[CELLS];
    uint16_t used[CELLS], spare[CELLS];
    uint8_t index[CELLS];
    struct box boxes[COLOURS];
};

static bool reduced(const struct yq_picture *picture, struct palette *out, uint8_t *indexes)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    size_t pixels = (size_t)picture->rows * picture->columns, in_use = 0;
    const uint8_t *p = picture->pixels.bytes;
    for (size_t i = 0; i < pixels; i++, p += 3) {
        struct cell *cell = &w->cells[cell_of(p)];
        cell->count++;
        for (int s = 0; s < 3; s++)
            cell->sum[s] += p[s];
    }
    for (unsigned i = 0; i < CELLS; i++)
        if (w->cells[i].count)
            w->used[in_use++] = (uint16_t)i;
    out->count = cut(w->boxes, in_use, w->used, w->spare, w->cells);
    for (unsigned b = 0; b < out->count; b++) {
        const struct box *box = &w->boxes[b];
        uint64_t sum[3] = {0};
        for (size_t i = box->first; i < box->first + box->count; i++) {
            w->index[w->used[i]] = (uint8_t)b;
            for (int s = 0; s < 3; s++)
                sum[s] += w->cells[w->used[i]].sum[s];
        }
        for (int s = 0; s < 3; s++)
            out->rgb[b][s] = (uint8_t)((sum[s] + box->pixels / 2) / box->pixels);
    }
    p = picture->pixels.bytes;
    for (size_t i = 0; i < pixels; i++, p += 3)
        indexes[i] = w->index[cell_of(p)];
    free(w);
    return true;
}

bool yq_palette_make(const struct yq_picture *picture, struct palette *out, uint8_t *indexes)
{
    return exact(picture, out, indexes) || reduced(picture, out, indexes);
}
