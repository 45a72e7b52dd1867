/* rle.c: DICOM's RLE, both ways. PS3.5 annex G.
 *
 * A frame is 64 bytes of segment offsets and one segment for each byte of a pixel: colour by plane,
 * the most significant byte first. Segments that are too short are refused; what stands behind a
 * full one is padding, as every viewer takes it. Thread-safe. */
#include <string.h>

#include "codec.h"

#define ROOM "image"

enum { HEAD = 64, SEGMENTS_MOST = 15 };

/* Where segment `segment` puts its first byte, and how far its bytes are apart. */
static size_t first_byte(const struct yq_frame *frame, unsigned segment)
{
    unsigned cell = frame->bits_allocated / 8;
    return (size_t)(segment / cell) * cell + (cell - 1 - segment % cell);
}

/* ---- decoding ---- */

/* PackBits; false when the segment ends before `count` bytes came out of it. */
static bool unpack(const uint8_t *p, const uint8_t *end, uint8_t *to, size_t count, size_t step)
{
    while (count) {
        if (end - p < 2)
            return false;
        uint8_t control = *p++;
        size_t run = control < 128 ? control + 1u : control > 128 ? 257u - control : 0;
        if (run > count)
            run = count;
        count -= run;
        if (control > 128) {
            for (uint8_t value = *p++; run; run--, to += step)
                *to = value;
            continue;
        }
        if (run > (size_t)(end - p))
            return false;
        if (step == 1)
            memcpy(to, p, run);
        else
            for (size_t i = 0; i < run; i++)
                to[i * step] = p[i];
        p += run;
        to += run * step;
    }
    return true;
}

bool yq_rle_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                   struct yq_frame *plain, struct yq_err *err)
{
    (void)reduce;
    const uint8_t *bytes = coded->pixels.bytes;
    size_t length = coded->pixels.length, pixels = (size_t)coded->rows * coded->columns;
    unsigned cell = coded->bits_allocated / 8, segments = coded->samples * cell;
    if (!cell || coded->bits_allocated % 8 || !segments || segments > SEGMENTS_MOST)
        return yq_fail(err, YQ_REFUSED, ROOM, "RLE of %u samples of %u bits is not known",
                       coded->samples, coded->bits_allocated);
    if ((uint64_t)pixels * coded->samples > most)
        return yq_fail(err, YQ_FULL, ROOM, "one frame has %zu samples", pixels * coded->samples);
    if (length < HEAD || yq_le32(bytes) != segments)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the RLE frame has %u segments instead of %u",
                       length < HEAD ? 0 : yq_le32(bytes), segments);
    /* 128 bytes come out of two at most: no memory for what cannot be there. */
    if (pixels * segments / 64 > length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the RLE frame is cut off");
    uint8_t *out = yq_buf_room(&plain->pixels, pixels * segments);
    if (!out)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (unsigned s = 0; s < segments; s++) {
        uint32_t start = yq_le32(bytes + 4 + 4 * (size_t)s);
        uint32_t next = s + 1 < segments ? yq_le32(bytes + 8 + 4 * (size_t)s) : 0;
        size_t end = next > start && next <= length ? next : length;
        if (start < HEAD || start > length ||
            !unpack(bytes + start, bytes + end, out + first_byte(coded, s), pixels, segments))
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "segment %u of the RLE frame is broken", s + 1);
    }
    plain->planar = false;
    return true;
}

/* ---- encoding ---- */

/* One row of one byte plane; rows are packed for themselves (G.3.1). */
static void pack(const uint8_t *row, size_t count, struct yq_buf *out)
{
    size_t at = 0;
    while (at < count) {
        size_t run = 1, most = count - at < 128 ? count - at : 128;
        while (run < most && row[at + run] == row[at])
            run++;
        if (run > 1) {
            uint8_t pair[2] = {(uint8_t)(257 - run), row[at]};
            yq_buf_put(out, pair, 2);
            at += run;
            continue;
        }
        /* Literal up to where three alike begin: two alike within it are not worth leaving it. */
        while (run < most && (at + run + 2 >= count || row[at + run] != row[at + run + 1] ||
                              row[at + run] != row[at + run + 2]))
            run++;
        uint8_t control = (uint8_t)(run - 1);
        yq_buf_put(out, &control, 1);
        yq_buf_put(out, row + at, run);
        at += run;
    }
}

static void put_offset(struct yq_buf *out, size_t start, unsigned segment)
{
    uint8_t *p = out->bytes + start + 4 + 4 * (size_t)segment;
    uint32_t offset = (uint32_t)(out->length - start);
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(offset >> 8 * i);
}

bool yq_rle_encode(const struct yq_frame *plain, const struct yq_coding *coding,
                   struct yq_frame *out, struct yq_err *err)
{
    (void)coding;
    unsigned cell = plain->bits_allocated / 8, segments = plain->samples * cell;
    if (!cell || plain->is_float || segments > SEGMENTS_MOST)
        return yq_fail(err, YQ_REFUSED, ROOM, "RLE cannot hold %u samples of %u bits",
                       plain->samples, plain->bits_allocated);
    yq_cleanup(yq_buf_fini) struct yq_buf row = {0};
    uint8_t *line = yq_buf_room(&row, plain->columns);
    uint8_t *head = yq_buf_room(&out->pixels, HEAD);
    if (!line || !head)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    head[0] = (uint8_t)segments;
    for (unsigned s = 0; s < segments && !out->pixels.failed; s++) {
        const uint8_t *from = plain->pixels.bytes + first_byte(plain, s);
        put_offset(&out->pixels, 0, s);
        for (unsigned y = 0; y < plain->rows; y++) {
            for (unsigned x = 0; x < plain->columns; x++, from += segments)
                line[x] = *from;
            pack(line, plain->columns, &out->pixels);
        }
        if (out->pixels.length % 2)
            yq_buf_put(&out->pixels, "", 1);
    }
    out->planar = plain->samples > 1; /* G.2: by plane, and said so */
    return !out->pixels.failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
}
