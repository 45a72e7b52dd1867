/* plain.h: one uncompressed frame within this room, whatever it came from. */
#ifndef YQ_IMAGE_PLAIN_H
#define YQ_IMAGE_PLAIN_H

#include "yq/image.h"

struct plain {
    const uint8_t *bytes; /* little endian; checked to hold all samples */
    size_t pixels;        /* rows * columns */
    unsigned rows, columns, samples;
    unsigned bits_allocated, bits_stored, high_bit;
    bool is_signed, planar;
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

/* Three samples a pixel, into out->pixels (three bytes a pixel, there already). `ybr`: luminance
 * and colour differences instead of red, green and blue. */
void yq_colour_full(const struct plain *plain, bool ybr, uint8_t *out);
/* YBR_FULL_422, plain: two pixels in four bytes; columns are even. */
void yq_colour_halved(const struct plain *plain, uint8_t *out);
/* One sample a pixel, through the frame's palette. */
void yq_colour_palette(const struct plain *plain, const struct yq_frame *frame, uint8_t *out);

#endif
