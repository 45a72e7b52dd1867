/* plain.h: one uncompressed frame within this room, whatever it came from. */
#ifndef YQ_IMAGE_PLAIN_H
#define YQ_IMAGE_PLAIN_H

#include <string.h>

#include "yq/image.h"

struct plain {
    const uint8_t *bytes; /* little endian; checked to hold all samples */
    size_t pixels;        /* rows * columns */
    unsigned rows, columns, samples;
    unsigned bits_allocated, bits_stored, high_bit;
    bool is_signed, planar, is_float;
    bool has_padding; /* stored values that are no part of the image */
    int padding[2];
    bool halved; /* two pixels in four bytes */
};

/* Sample number `index`, as stored: unused bits cut off, the sign extended. */
static inline int64_t yq_plain_sample(const struct plain *plain, size_t index)
{
    uint32_t raw;
    switch (plain->bits_allocated) {
    case 1: raw = plain->bytes[index / 8] >> (index % 8) & 1; break;
    case 8: raw = plain->bytes[index]; break;
    case 16: raw = yq_le16(plain->bytes + 2 * index); break;
    default: raw = yq_le32(plain->bytes + 4 * index); break;
    }
    raw >>= plain->high_bit + 1 - plain->bits_stored;
    uint32_t mask = plain->bits_stored < 32 ? (1u << plain->bits_stored) - 1 : 0xffffffffu;
    uint32_t sign = 1u << (plain->bits_stored - 1);
    raw &= mask;
    return plain->is_signed && (raw & sign) ? (int64_t)raw - (int64_t)mask - 1 : (int64_t)raw;
}

/* Sample number `index` as a number; of floating point too, where it may be none. */
static inline double yq_plain_number(const struct plain *plain, size_t index)
{
    if (!plain->is_float)
        return (double)yq_plain_sample(plain, index);
    if (plain->bits_allocated == 32) {
        uint32_t bits = yq_le32(plain->bytes + 4 * index);
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    const uint8_t *at = plain->bytes + 8 * index;
    uint64_t bits = yq_le32(at) | (uint64_t)yq_le32(at + 4) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- colour.c: lines of red, green and blue; `first` and `count` are pixels of all the frame ----
 */

struct ybr { /* factors in 1/65536; dark: the luminance of black */
    int dark, y, red, green_blue, green_red, blue;
};
extern const struct ybr yq_ybr_full, yq_ybr_partial;
/* Three samples a pixel. `ybr`: of luminance and colour differences; NULL: of red, green, blue. */
void yq_colour_full(const struct plain *plain, const struct ybr *ybr, size_t first, size_t count,
                    uint8_t *out);
/* Two pixels in four bytes: two luminances and what they share. */
void yq_colour_halved(const struct plain *plain, const struct ybr *ybr, size_t first, size_t count,
                      uint8_t *out);
/* One sample a pixel, through a palette. */
void yq_colour_palette(const struct plain *plain, const struct yq_lut palette[3], size_t first,
                       size_t count, uint8_t *out);
/* Red, green and blue of each bit pattern of a cell of up to 16 bits, and lines by them; NULL: no
 * memory. */
uint8_t *yq_colour_table(const struct plain *plain, const struct yq_lut palette[3]);
void yq_colour_tabled(const struct plain *plain, const uint8_t *table, size_t first, size_t count,
                      uint8_t *out);

#endif
