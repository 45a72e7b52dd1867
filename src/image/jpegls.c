/* jpegls.c: JPEG-LS, both ways, by CharLS. ISO/IEC 14495-1; PS3.5 8.2.3, A.4.3.
 *
 * JPEG-LS knows no sign: it codes the bits of a cell, and the dataset says what they mean. Colour
 * stays what the dataset calls it. Thread-safe. */
#include <charls/charls.h>
#include <string.h>

#include "codec.h"
#include "yq/uid.h"

#define ROOM "image"

/* ---- decoding ---- */

/* Samples of one or two bytes to where they belong: cells of `cell` bytes, colour by pixel. */
static bool spread(const struct yq_buf *from, bool planar, unsigned bytes, unsigned cell,
                   struct yq_frame *plain)
{
    size_t pixels = (size_t)plain->rows * plain->columns, samples = plain->samples;
    size_t step = planar ? 1 : samples, plane = planar ? pixels : 1;
    uint8_t *to = yq_buf_room(&plain->pixels, pixels * samples * cell);
    if (!to)
        return false;
    for (size_t s = 0; s < samples; s++) {
        const uint8_t *p = from->bytes + s * plane * bytes;
        uint8_t *q = to + s * cell;
        for (size_t i = 0; i < pixels; i++, p += step * bytes, q += samples * cell) {
            q[0] = p[0];
            if (bytes == 2)
                q[1] = p[1];
        }
    }
    return true;
}

static bool run(charls_jpegls_decoder *decoder, const struct yq_frame *coded,
                const struct yq_codestream *said, struct yq_frame *plain, struct yq_err *err)
{
    struct charls_frame_info info;
    charls_interleave_mode mode;
    if (charls_jpegls_decoder_set_source_buffer(decoder, coded->pixels.bytes,
                                                coded->pixels.length) ||
        charls_jpegls_decoder_read_header(decoder) ||
        charls_jpegls_decoder_get_frame_info(decoder, &info) ||
        charls_jpegls_decoder_get_interleave_mode(decoder, &mode))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG-LS header is broken");
    if (info.width != said->columns || info.height != said->rows ||
        info.component_count != (int)said->samples || info.bits_per_sample < 2 ||
        info.bits_per_sample > 16)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG-LS frame has another size than it says");
    unsigned bits = (unsigned)info.bits_per_sample, bytes = bits > 8 ? 2 : 1;
    unsigned cell = yq_codec_cell(coded, bits);
    bool planar = mode == CHARLS_INTERLEAVE_MODE_NONE && said->samples > 1;
    bool direct = cell == bytes && !planar;
    yq_cleanup(yq_buf_fini) struct yq_buf apart = {0};
    struct yq_buf *to = direct ? &plain->pixels : &apart;
    size_t size = (size_t)info.width * info.height * said->samples * bytes;
    if (!yq_buf_room(to, size))
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    charls_jpegls_errc result = charls_jpegls_decoder_decode_to_buffer(decoder, to->bytes, size, 0);
    if (result)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG-LS frame cannot be decoded (CharLS %d)",
                       (int)result);
    if (!direct && !spread(&apart, planar, bytes, cell, plain))
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    yq_codec_settle(plain, &(struct yq_decoded){.bytes = cell,
                                                .precision = bits,
                                                .is_signed = plain->is_signed,
                                                .greatest = ((int64_t)1 << bits) - 1});
    return true;
}

bool yq_jpegls_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                      struct yq_frame *plain, struct yq_err *err)
{
    struct yq_codestream said;
    (void)reduce;
    if (!yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said) ||
        said.kind != YQ_STREAM_JPEG_LS)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is no JPEG-LS codestream");
    if (!yq_codec_fits(coded, &said, most, err))
        return false;
    charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
    if (!decoder)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to decode a frame");
    bool fine = run(decoder, coded, &said, plain, err);
    charls_jpegls_decoder_destroy(decoder);
    plain->planar = false;
    return fine;
}

/* ---- encoding ---- */

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
    if (plain->bits_stored < 2 || plain->bits_stored > 16)
        return yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS cannot hold samples of %u bits",
                       plain->bits_stored);
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
