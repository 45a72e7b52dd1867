/* jpegls.c: encodes one frame as JPEG-LS, by CharLS. ISO/IEC 14495-1; PS3.5 8.2.3, A.4.3.
 *
 * JPEG-LS knows no sign: it codes the bits of a cell, and the dataset says what they mean. Colour
 * stays what the dataset calls it. Thread-safe. */
#include <charls/charls.h>
#include <string.h>

#include "codec.h"
#include "yq/uid.h"

#define ROOM "image"

/* The loss must not carry a sample out of its bits: of signed samples the highest and the lowest
 * are neighbours in the code. `bits`: of the samples; the code has plain->bits_stored. */
static int bearable(const struct yq_frame *plain, unsigned bits, int near)
{
    int64_t room = (((int64_t)1 << plain->bits_stored) - 1) / 2;
    room = room < 255 ? room : 255;
    if (near <= 0)
        return 0;
    if (!plain->is_signed && bits == plain->bits_stored) /* CharLS stays within the code */
        return near < room ? near : (int)room;
    size_t count = (size_t)plain->rows * plain->columns * plain->samples;
    int64_t top = ((int64_t)1 << (bits - plain->is_signed)) - 1;
    for (size_t i = 0; i < count; i++) {
        int64_t value =
            plain->bits_stored > 8 ? yq_le16(plain->pixels.bytes + 2 * i) : plain->pixels.bytes[i];
        if (plain->is_signed)
            value = plain->bits_stored > 8 ? (int16_t)value : (int8_t)value;
        int64_t left = value < 0 ? value + top + 1 : top - value;
        room = left < room ? left : room;
    }
    return near < room ? near : (int)room;
}

static charls_jpegls_errc feed(charls_jpegls_encoder *encoder, const struct yq_frame *plain,
                               int near, struct yq_buf *out)
{
    const struct charls_frame_info info = {.width = plain->columns,
                                           .height = plain->rows,
                                           .bits_per_sample = (int32_t)plain->bits_stored,
                                           .component_count = (int32_t)plain->samples};
    size_t size = 0, written = 0;
    charls_jpegls_errc result = charls_jpegls_encoder_set_frame_info(encoder, &info);
    if (!result && plain->samples > 1)
        result = charls_jpegls_encoder_set_interleave_mode(encoder, CHARLS_INTERLEAVE_MODE_SAMPLE);
    if (!result)
        result = charls_jpegls_encoder_set_near_lossless(encoder, near);
    if (!result)
        result = charls_jpegls_encoder_get_estimated_destination_size(encoder, &size);
    if (result)
        return result;
    size += size / 4 + 4096; /* noise takes more than itself */
    if (!yq_buf_room(out, size))
        return CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY;
    result = charls_jpegls_encoder_set_destination_buffer(encoder, out->bytes, size);
    if (!result)
        result = charls_jpegls_encoder_encode_from_buffer(encoder, plain->pixels.bytes,
                                                          plain->pixels.length, 0);
    if (!result)
        result = charls_jpegls_encoder_get_bytes_written(encoder, &written);
    out->length = result ? 0 : written;
    return result;
}

bool yq_jpegls_encode(const struct yq_frame *plain, const struct yq_coding *coding,
                      struct yq_frame *out, struct yq_err *err)
{
    if (plain->bits_stored < 2 || plain->bits_stored > 16 || plain->bits_allocated > 16)
        return yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS cannot hold samples of %u in %u bits",
                       plain->bits_stored, plain->bits_allocated);
    charls_jpegls_encoder *encoder = charls_jpegls_encoder_create();
    if (!encoder)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to encode a frame");
    int near = strcmp(coding->syntax, YQ_TS_JPEGLS_NEAR) == 0
                   ? bearable(plain, out->bits_stored, coding->near)
                   : 0;
    charls_jpegls_errc result = feed(encoder, plain, near, &out->pixels);
    charls_jpegls_encoder_destroy(encoder);
    out->planar = false;
    if (result == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to encode a frame");
    return !result || yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS cannot hold this frame (CharLS %d)",
                              (int)result);
}
