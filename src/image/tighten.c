/* tighten.c: a frame's pixels as encoders want them: colour by pixel, samples at the bottom of
 * their cells. PS3.3 C.7.6.3.1.1, C.7.6.3.1.2 (YBR_FULL_422); PS3.5 8.1.1.
 *
 * Encoders without loss keep every bit that is there: overlays in unused bits, or samples that do
 * not stand at the bottom. Then the whole cell counts as the sample, and the attributes go on
 * saying what is in it. Thread-safe. */
#include <string.h>

#include "codec.h"
#include "plain.h"

#define ROOM "image"

static bool is_halved(const struct yq_frame *f)
{
    uint64_t pixels = (uint64_t)f->rows * f->columns;
    return strcmp(f->photometric, "YBR_FULL_422") == 0 && f->samples == 3 &&
           f->bits_allocated == 8 && f->columns % 2 == 0 && f->pixels.length < 3 * pixels;
}

static bool check(const struct yq_frame *f, struct yq_err *err)
{
    unsigned allocated = f->bits_allocated;
    bool cell = allocated == 8 || allocated == 16 || allocated == 32;
    if (allocated == 1 || f->is_float)
        return yq_fail(err, YQ_REFUSED, ROOM, "%s are not compressed",
                       f->is_float ? "floating point pixels" : "pixels of one bit");
    if (!f->rows || !f->columns || f->rows > 65535 || f->columns > 65535 ||
        (f->samples != 1 && f->samples != 3) || !cell || !f->bits_stored ||
        f->bits_stored > allocated || f->high_bit >= allocated || f->high_bit + 1 < f->bits_stored)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame's attributes do not fit together");
    uint64_t pixels = (uint64_t)f->rows * f->columns;
    uint64_t need = is_halved(f) ? 2 * pixels : pixels * f->samples * (allocated / 8);
    if (f->pixels.length < need)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the frame has %zu bytes of pixels, its attributes ask for %llu",
                       f->pixels.length, (unsigned long long)need);
    return true;
}

/* Whether nothing but the samples is in the cells, and they stand at the bottom. */
static bool is_clean(const struct yq_frame *f, size_t samples)
{
    unsigned stored = f->bits_stored, allocated = f->bits_allocated;
    if (f->high_bit + 1 != stored)
        return false;
    if (stored == allocated)
        return true;
    /* A sample that is in range plus `bias` has no bit beyond those stored. */
    uint32_t bias = f->is_signed ? 1u << (stored - 1) : 0, dirty = 0;
    const uint8_t *p = f->pixels.bytes;
    for (size_t i = 0; i < samples; i++)
        switch (allocated) {
        case 8: dirty |= (uint8_t)(p[i] + bias); break;
        case 16: dirty |= (uint16_t)(yq_le16(p + 2 * i) + bias); break;
        default: dirty |= yq_le32(p + 4 * i) + bias; break;
        }
    return !(dirty >> stored);
}

static bool make_room(struct yq_frame *tight, size_t bytes, uint8_t **to, struct yq_err *err)
{
    struct yq_buf own = {0};
    *to = yq_buf_room(&own, bytes);
    if (!*to)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    tight->pixels = own;
    return true;
}

static bool widen_colour(const struct yq_frame *frame, struct yq_frame *tight, struct yq_err *err)
{
    size_t pixels = (size_t)frame->rows * frame->columns;
    uint8_t *to;
    if (!make_room(tight, 3 * pixels, &to, err))
        return false;
    const uint8_t *p = frame->pixels.bytes;
    for (size_t i = 0; i < pixels; i += 2, p += 4, to += 6) {
        to[0] = p[0];
        to[3] = p[1];
        to[1] = to[4] = p[2];
        to[2] = to[5] = p[3];
    }
    (void)yq_copy(tight->photometric, sizeof tight->photometric, "YBR_FULL");
    return true;
}

static bool by_pixel(const struct yq_frame *frame, struct yq_frame *tight, struct yq_err *err)
{
    size_t pixels = (size_t)frame->rows * frame->columns, cell = frame->bits_allocated / 8;
    uint8_t *to;
    if (!make_room(tight, pixels * frame->samples * cell, &to, err))
        return false;
    for (size_t s = 0; s < frame->samples; s++) {
        const uint8_t *p = frame->pixels.bytes + s * pixels * cell;
        uint8_t *q = to + s * cell;
        for (size_t i = 0; i < pixels; i++, p += cell, q += frame->samples * cell)
            memcpy(q, p, cell);
    }
    return true;
}

/* The samples alone, with their sign, at the bottom of cells as small as can be. */
static bool by_value(const struct yq_frame *frame, struct yq_frame *tight, struct yq_err *err)
{
    size_t samples = (size_t)frame->rows * frame->columns * frame->samples;
    const struct plain plain = {.bytes = frame->pixels.bytes,
                                .bits_allocated = frame->bits_allocated,
                                .bits_stored = frame->bits_stored,
                                .high_bit = frame->high_bit,
                                .is_signed = frame->is_signed};
    unsigned cell = frame->bits_stored <= 8 ? 1 : frame->bits_stored <= 16 ? 2 : 4;
    uint8_t *to;
    if (!make_room(tight, samples * cell, &to, err))
        return false;
    for (size_t i = 0; i < samples; i++) {
        uint32_t value = (uint32_t)yq_plain_sample(&plain, i);
        for (unsigned b = 0; b < cell; b++)
            *to++ = (uint8_t)(value >> 8 * b);
    }
    tight->bits_allocated = 8 * cell;
    tight->high_bit = frame->bits_stored - 1;
    return true;
}

/* The first step: colour by pixel; borrowed where it is so. */
static bool arrange(const struct yq_frame *frame, struct yq_frame *tight, struct yq_err *err)
{
    *tight = *frame;
    tight->planar = false;
    if (is_halved(frame))
        return widen_colour(frame, tight, err);
    if (frame->planar && frame->samples > 1)
        return by_pixel(frame, tight, err);
    size_t need =
        (size_t)frame->rows * frame->columns * frame->samples * (frame->bits_allocated / 8);
    tight->pixels.length = need; /* without padding */
    if (strcmp(frame->photometric, "YBR_FULL_422") == 0)
        (void)yq_copy(tight->photometric, sizeof tight->photometric, "YBR_FULL");
    return true;
}

bool yq_codec_tighten(const struct yq_frame *frame, bool loses, bool signless,
                      struct yq_frame *tight, struct yq_frame *out, struct yq_err *err)
{
    struct yq_frame arranged;
    if (!check(frame, err) || !arrange(frame, &arranged, err))
        return false;
    bool clean = is_clean(&arranged, (size_t)frame->rows * frame->columns * frame->samples);
    unsigned allocated = frame->bits_allocated, stored = frame->bits_stored;
    bool roomy = stored <= 8 ? allocated > 8 : stored <= 16 && allocated > 16;
    *tight = *out = arranged;
    if (loses && (!clean || roomy)) {
        bool fine = by_value(&arranged, tight, err);
        if (arranged.pixels.bytes != frame->pixels.bytes)
            yq_buf_fini(&arranged.pixels);
        if (!fine)
            return false;
        allocated = tight->bits_allocated;
        *out = *tight;
    }
    /* The whole cell as the sample. Decoders of others stumble over samples of few bits in large
     * cells, so these go the same way. */
    /* OpenJPEG loses single bits; DCMTK's JPEG-LS cannot read fewer than eight. */
    bool misread = signless ? frame->is_signed || stored < 8 : stored < 2;
    if (misread || (!loses && (!clean || (roomy && allocated == 16)))) {
        tight->bits_stored = allocated;
        tight->high_bit = allocated - 1;
    }
    out->pixels = (struct yq_buf){0};
    return true;
}
