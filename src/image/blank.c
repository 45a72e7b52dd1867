/* blank.c: parts of a frame are made to show nothing, whatever its pixels are like; and bits of its
 * cells that belong to no pixel, in which overlays once stood, are emptied. PS3.3 C.7.6.3.1.
 *
 * Black is the darkest a frame of its kind can show; of a palette it is the first colour. Where two
 * pixels share their colour (4:2:2) both go with one of them. Floating point becomes 0. Pure. */
#include <stdlib.h>
#include <string.h>

#include "yq/image.h"

struct shape {
    unsigned rows, columns, samples, cell; /* cell: bytes of a sample; 0: single bits */
    bool planar, halved;
    uint64_t value[3]; /* of a blank pixel, where its bits are */
};

static uint64_t black(const struct yq_frame *frame, unsigned sample)
{
    unsigned bits = frame->bits_stored, shift = frame->high_bit + 1 - bits;
    uint64_t all = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX, value = 0;
    if (frame->is_float)
        return 0;
    if (strncmp(frame->photometric, "YBR", 3) == 0 && sample)
        value = (uint64_t)1 << (bits - 1);
    else if (strncmp(frame->photometric, "YBR_PARTIAL", 11) == 0)
        value = bits >= 8 ? (uint64_t)16 << (bits - 8) : 0;
    else if (strcmp(frame->photometric, "MONOCHROME1") == 0)
        value = frame->is_signed ? all >> 1 : all;
    else if (frame->is_signed)
        value = all ^ all >> 1;
    return value << shift;
}

static bool shape_of(const struct yq_frame *frame, struct shape *out, struct yq_err *err)
{
    unsigned bits = frame->bits_allocated;
    bool known = bits == 1 || bits == 8 || bits == 16 || bits == 32 || bits == 64;
    bool whole = frame->bits_stored && frame->bits_stored <= bits && frame->high_bit < bits &&
                 frame->high_bit + 1 >= frame->bits_stored;
    *out = (struct shape){.rows = frame->rows,
                          .columns = frame->columns,
                          .samples = frame->samples,
                          .cell = bits / 8,
                          .planar = frame->planar && frame->samples == 3,
                          .halved = strcmp(frame->photometric, "YBR_FULL_422") == 0 ||
                                    strcmp(frame->photometric, "YBR_PARTIAL_422") == 0};
    if (*frame->codestream_syntax || !known || !whole || !frame->rows || !frame->columns ||
        (frame->samples != 1 && frame->samples != 3) || (out->halved && bits != 8) ||
        (bits == 1 && frame->samples != 1))
        return yq_fail(err, YQ_REFUSED, "image", "pixels of this kind cannot be blanked");
    uint64_t pixels = (uint64_t)frame->rows * frame->columns;
    uint64_t need = bits == 1     ? (pixels + 7) / 8
                    : out->halved ? pixels * 2
                                  : pixels * frame->samples * out->cell;
    /* 4:2:2 that was decoded is whole */
    if (out->halved && frame->pixels.length >= pixels * 3) {
        out->halved = false;
        need = pixels * 3;
    }
    if ((out->halved && frame->columns & 1) || frame->pixels.length < need)
        return yq_fail(err, YQ_BAD_INPUT, "image", "the frame has fewer pixels than it says");
    for (unsigned i = 0; i < frame->samples; i++)
        out->value[i] = black(frame, i);
    return true;
}

static void put(uint8_t *bytes, const struct shape *shape, uint64_t sample, uint64_t value)
{
    if (!shape->cell) {
        uint8_t bit = (uint8_t)(1u << (sample % 8));
        bytes[sample / 8] = (uint8_t)(value ? bytes[sample / 8] | bit : bytes[sample / 8] & ~bit);
        return;
    }
    uint8_t *at = bytes + sample * shape->cell;
    for (unsigned i = 0; i < shape->cell; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void blank_pixel(uint8_t *bytes, const struct shape *shape, uint64_t pixel)
{
    uint64_t plane = (uint64_t)shape->rows * shape->columns;
    if (shape->halved) { /* Y Y Cb Cr */
        uint8_t *at = bytes + pixel / 2 * 4;
        at[0] = at[1] = (uint8_t)shape->value[0];
        at[2] = at[3] = (uint8_t)shape->value[1];
        return;
    }
    for (unsigned i = 0; i < shape->samples; i++)
        put(bytes, shape, shape->planar ? i * plane + pixel : pixel * shape->samples + i,
            shape->value[i]);
}

/* One byte a column: does it go? */
static void mark_row(const struct shape *shape, unsigned row, const struct yq_blank *blanks,
                     size_t count, bool outside, uint8_t *marks)
{
    memset(marks, outside, shape->columns);
    for (size_t i = 0; i < count; i++) {
        const struct yq_blank *blank = &blanks[i];
        if (row < blank->top || row - blank->top >= blank->height || blank->left >= shape->columns)
            continue;
        unsigned width = shape->columns - blank->left;
        memset(marks + blank->left, !outside, blank->width < width ? blank->width : width);
    }
}

bool yq_image_blank(struct yq_frame *frame, const struct yq_blank *blanks, size_t count,
                    bool outside, struct yq_err *err)
{
    struct shape shape;
    if (!shape_of(frame, &shape, err))
        return false;
    uint8_t *marks = malloc(shape.columns);
    if (!marks)
        return yq_fail(err, YQ_FULL, "image", "no memory to blank a frame");
    for (unsigned row = 0; row < shape.rows; row++) {
        mark_row(&shape, row, blanks, count, outside, marks);
        for (unsigned column = 0; column < shape.columns; column++)
            if (marks[column])
                blank_pixel(frame->pixels.bytes, &shape, (uint64_t)row * shape.columns + column);
    }
    free(marks);
    return true;
}

void yq_image_trim(struct yq_frame *frame)
{
    unsigned bits = frame->bits_stored, cell = frame->bits_allocated / 8;
    unsigned shift = frame->high_bit + 1 - bits;
    bool whole = bits && bits < frame->bits_allocated && frame->high_bit < frame->bits_allocated &&
                 frame->high_bit + 1 >= bits && !frame->is_float && cell && cell <= 4;
    if (!whole || *frame->codestream_syntax)
        return;
    uint64_t mask = (((uint64_t)1 << bits) - 1) << shift;
    for (size_t i = 0; i < frame->pixels.length; i++)
        frame->pixels.bytes[i] &= (uint8_t)(mask >> 8 * (i % cell));
}
