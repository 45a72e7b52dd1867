/* colour.c: colour pixels to red, green and blue of eight bits. PS3.3 C.7.6.3.1.2 (photometric
 * interpretation; its YBR_FULL equations), C.7.6.3.1.5 (palette). Callers have checked all sizes.
 */
#include "plain.h"

static uint8_t clamp(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* Full range, Rec. 601: R = Y + 1.402 Cr and so on, in 1/65536. */
static void put_ybr(uint8_t *out, int y, int cb, int cr)
{
    cb -= 128;
    cr -= 128;
    out[0] = clamp(y + ((91881 * cr + 32768) >> 16));
    out[1] = clamp(y - ((22554 * cb + 46802 * cr + 32768) >> 16));
    out[2] = clamp(y + ((116130 * cb + 32768) >> 16));
}

/* A sample in eight bits, whatever it was stored in. */
static uint8_t eight_bits(const struct plain *plain, size_t index)
{
    uint32_t value = (uint32_t)yq_plain_sample(plain, index);
    if (plain->bits_stored >= 8)
        return (uint8_t)(value >> (plain->bits_stored - 8));
    return (uint8_t)(value * 255 / ((1u << plain->bits_stored) - 1));
}

void yq_colour_full(const struct plain *plain, bool ybr, uint8_t *out)
{
    size_t step = plain->planar ? 1 : 3, plane = plain->planar ? plain->pixels : 1;
    for (size_t i = 0; i < plain->pixels; i++, out += 3) {
        for (size_t s = 0; s < 3; s++)
            out[s] = eight_bits(plain, i * step + s * plane);
        if (ybr)
            put_ybr(out, out[0], out[1], out[2]);
    }
}

void yq_colour_halved(const struct plain *plain, uint8_t *out)
{
    const uint8_t *p = plain->bytes;
    for (size_t i = 0; i + 2 <= plain->pixels; i += 2, p += 4, out += 6) {
        put_ybr(out, p[0], p[2], p[3]);
        put_ybr(out + 3, p[1], p[2], p[3]);
    }
}

void yq_colour_palette(const struct plain *plain, const struct yq_frame *frame, uint8_t *out)
{
    for (size_t i = 0; i < plain->pixels; i++, out += 3) {
        int64_t value = yq_plain_sample(plain, i);
        for (size_t s = 0; s < 3; s++) {
            const struct yq_lut *lut = &frame->palette[s];
            int64_t entry = value - lut->first;
            entry = entry < 0 ? 0 : entry >= lut->entries ? lut->entries - 1 : entry;
            out[s] = (uint8_t)(lut->values[entry] >> 8);
        }
    }
}
