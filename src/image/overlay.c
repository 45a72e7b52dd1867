/* overlay.c: overlay planes on a line of the image. PS3.3 C.9.2; in unused bits PS3.5 8.1.2 (2004).
 *
 * Graphics are white, on any image. Of a region of interest the outline is drawn: filled, it would
 * hide what it points at. */
#include <string.h>

#include "render.h"

/* Bit `bit` of every cell of `step` bits, one after the other from `first` on. */
struct bits {
    const uint8_t *bytes;
    size_t step, bit;
};

static struct bits bits_of(const struct plain *plain, const struct yq_overlay *overlay)
{
    if (overlay->bits)
        return (struct bits){overlay->bits, 1, 0};
    return (struct bits){plain->bytes, plain->bits_allocated, overlay->embedded_bit};
}

static inline bool bit_at(const struct bits *bits, size_t index)
{
    size_t at = index * bits->step + bits->bit;
    return bits->bytes[at / 8] >> (at % 8) & 1;
}

/* Whether the bit is set at row and column of the plane itself, from 0. */
static bool is_set(const struct bits *bits, const struct yq_overlay *overlay, int64_t row,
                   int64_t column)
{
    return row >= 0 && column >= 0 && row < overlay->rows && column < overlay->columns &&
           bit_at(bits, (size_t)row * overlay->columns + (size_t)column);
}

static bool is_edge(const struct bits *bits, const struct yq_overlay *overlay, int64_t row,
                    int64_t column)
{
    return !is_set(bits, overlay, row - 1, column) || !is_set(bits, overlay, row + 1, column) ||
           !is_set(bits, overlay, row, column - 1) || !is_set(bits, overlay, row, column + 1);
}

static bool is_usable(const struct plain *plain, const struct yq_overlay *overlay)
{
    return overlay->bits || (overlay->rows == plain->rows && overlay->columns == plain->columns &&
                             plain->samples == 1 && !plain->is_float && plain->bits_allocated > 1 &&
                             overlay->embedded_bit < plain->bits_allocated);
}

void yq_overlay_draw(const struct source *source, const struct yq_overlay *overlay, uint8_t grey,
                     const struct span *span, uint8_t *out)
{
    const struct plain *plain = &source->plain;
    int64_t row = (int64_t)span->row - ((int64_t)overlay->row - 1);
    int64_t left = (int64_t)overlay->column - 1; /* of the plane, in the image */
    if (row < 0 || row >= overlay->rows || !is_usable(plain, overlay))
        return;
    int64_t from = span->first > left ? span->first : left;
    int64_t to = (int64_t)span->first + span->count;
    if (to > left + overlay->columns)
        to = left + overlay->columns;
    struct bits bits = bits_of(plain, overlay);
    size_t start = (size_t)row * overlay->columns;
    for (int64_t x = from; x < to; x++) {
        size_t index = start + (size_t)(x - left);
        if (overlay->bits && index % 8 == 0 && x + 8 <= to && !overlay->bits[index / 8]) {
            x += 7; /* most of a plane is empty */
            continue;
        }
        if (bit_at(&bits, index) && (!overlay->region || is_edge(&bits, overlay, row, x - left)))
            memset(out + (size_t)(x - span->first) * source->samples, grey, source->samples);
    }
}

void yq_overlay_line(const struct source *source, const struct span *span, uint8_t *out)
{
    const struct yq_look *look = source->look;
    for (size_t i = 0; i < look->overlay_count; i++)
        if (!look->shutter.overlay_group || look->overlays[i].group != look->shutter.overlay_group)
            yq_overlay_draw(source, &look->overlays[i], 255, span, out);
}
