/* colour.c: colour pixels to red, green and blue of eight bits. PS3.3 C.7.6.3.1.2 (photometric
 * interpretation; its YBR_FULL equations), C.7.6.3.1.5 (palette). Callers have checked all sizes.
 */
#include <stdlib.h>

#include "plain.h"

static inline uint8_t clamp(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Rec. 601: R = Y + 1.402 Cr and so on; of 16 to 235 and 16 to 240 in the partial range. */
const struct ybr yq_ybr_full = {0, 65536, 91881, 22554, 46802, 116130};
const struct ybr yq_ybr_partial = {16, 76309, 104597, 25675, 53279, 132201};

static inline void put_ybr(const struct ybr *ybr, uint8_t *out, int y, int cb, int cr)
{
    y = (y - ybr->dark) * ybr->y + 32768;
    cb -= 128;
    cr -= 128;
    out[0] = clamp((y + ybr->red * cr) >> 16);
    out[1] = clamp((y - ybr->green_blue * cb - ybr->green_red * cr) >> 16);
    out[2] = clamp((y + ybr->blue * cb) >> 16);
}

/* A sample in eight bits, whatever it was stored in. */
static uint8_t eight_bits(const struct plain *plain, size_t index)
{
    int64_t value = yq_plain_sample(plain, index);
    if (plain->is_signed) /* not allowed of colour, but met: its middle is 0 */
        value += (int64_t)1 << (plain->bits_stored - 1);
    if (plain->bits_stored >= 8)
        return (uint8_t)(value >> (plain->bits_stored - 8));
    return (uint8_t)(value * 255 / ((1 << plain->bits_stored) - 1));
}

/* Whole bytes: nothing to be cut out of a cell. */
static bool is_bytes(const struct plain *plain)
{
    return plain->bits_allocated == 8 && plain->bits_stored == 8 && !plain->is_signed;
}

static void interleave(const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t count,
                       uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[3 * i] = r[i];
        out[3 * i + 1] = g[i];
        out[3 * i + 2] = b[i];
    }
}

void yq_colour_full(const struct plain *plain, const struct ybr *ybr, size_t first, size_t count,
                    uint8_t *out)
{
    size_t step = plain->planar ? 1 : 3, plane = plain->planar ? plain->pixels : 1;
    const uint8_t *bytes = plain->bytes;
    if (!is_bytes(plain)) {
        for (size_t i = 0; i < count; i++)
            for (size_t s = 0; s < 3; s++)
                out[3 * i + s] = eight_bits(plain, (first + i) * step + s * plane);
    } else if (plain->planar) {
        interleave(bytes + first, bytes + plane + first, bytes + 2 * plane + first, count, out);
    } else {
        memcpy(out, bytes + 3 * first, 3 * count);
    }
    if (ybr)
        for (size_t i = 0; i < count; i++)
            put_ybr(ybr, out + 3 * i, out[3 * i], out[3 * i + 1], out[3 * i + 2]);
}

void yq_colour_halved(const struct plain *plain, const struct ybr *ybr, size_t first, size_t count,
                      uint8_t *out)
{
    for (size_t i = first; i < first + count; i++, out += 3) {
        const uint8_t *pair = plain->bytes + i / 2 * 4;
        put_ybr(ybr, out, pair[i % 2], pair[2], pair[3]);
    }
}

void yq_colour_palette(const struct plain *plain, const struct yq_lut palette[3], size_t first,
                       size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++, out += 3) {
        int64_t value = yq_plain_sample(plain, first + i);
        for (size_t s = 0; s < 3; s++) {
            const struct yq_lut *lut = &palette[s];
            int64_t entry = value - lut->first;
            entry = entry < 0 ? 0 : entry >= lut->entries ? lut->entries - 1 : entry;
            out[s] = (uint8_t)(lut->values[entry] >> 8);
        }
    }
}

uint8_t *yq_colour_table(const struct plain *plain, const struct yq_lut palette[3])
{
    size_t count = (size_t)1 << plain->bits_allocated;
    uint8_t *table = malloc(3 * count);
    for (size_t raw = 0; table && raw < count; raw++) {
        const uint8_t cell[4] = {(uint8_t)raw, (uint8_t)(raw >> 8)};
        struct plain one = *plain;
        one.bytes = cell;
        yq_colour_palette(&one, palette, 0, 1, table + 3 * raw);
    }
    return table;
}

void yq_colour_tabled(const struct plain *plain, const uint8_t *table, size_t first, size_t count,
                      uint8_t *out)
{
    const uint8_t *bytes = plain->bytes;
    for (size_t i = first; i < first + count; i++, out += 3) {
        unsigned raw = plain->bits_allocated == 16  ? yq_le16(bytes + 2 * i)
                       : plain->bits_allocated == 8 ? bytes[i]
                                                    : bytes[i / 8] >> (i % 8) & 1u;
        const uint8_t *rgb = table + 3 * (size_t)raw;
        out[0] = rgb[0];
        out[1] = rgb[1];
        out[2] = rgb[2];
    }
}
