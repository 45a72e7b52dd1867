/* j2k.c: decodes one JPEG 2000 or HTJ2K frame, by OpenJPEG. ISO/IEC 15444-1 annex A, PS3.5 A.4.4.
 *
 * OpenJPEG allocates from the codestream's size marker before it can be asked, so that marker is
 * read here first and has to agree with the dataset. A JP2 file where a bare codestream should be
 * (not conformant, but met) is opened up. A codestream that is cut off is refused: half an image
 * must not look like a whole one. Thread-safe. */
#include <openjpeg.h>
#include <string.h>

#include "plain.h"

#define ROOM "image"

enum { TILES_MOST = 4096, SIZ_LENGTH = 40 };

struct stream { /* a codestream in memory */
    const uint8_t *bytes;
    size_t length, at;
};

static OPJ_SIZE_T read_stream(void *to, OPJ_SIZE_T count, void *user)
{
    struct stream *s = user;
    size_t left = s->length - s->at;
    if (!left)
        return (OPJ_SIZE_T)-1;
    if (count > left)
        count = left;
    memcpy(to, s->bytes + s->at, count);
    s->at += count;
    return count;
}

static OPJ_OFF_T skip_stream(OPJ_OFF_T count, void *user)
{
    struct stream *s = user;
    size_t left = s->length - s->at;
    if (count < 0)
        return -1;
    if ((uint64_t)count > left)
        count = (OPJ_OFF_T)left;
    s->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_stream(OPJ_OFF_T to, void *user)
{
    struct stream *s = user;
    if (to < 0 || (uint64_t)to > s->length)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static void say_nothing(const char *text, void *user)
{
    (void)text;
    (void)user;
}

/* Steps over the boxes of a JP2 file to the codestream. */
static bool unwrap(struct stream *s)
{
    static const uint8_t signature[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    if (s->length < sizeof signature || memcmp(s->bytes, signature, sizeof signature) != 0)
        return true;
    while (s->length >= 8) {
        uint32_t size = yq_be32(s->bytes);
        if (memcmp(s->bytes + 4, "jp2c", 4) == 0) {
            s->bytes += 8;
            s->length -= 8;
            return true;
        }
        if (size < 8 || size > s->length)
            return false;
        s->bytes += size;
        s->length -= size;
    }
    return false;
}

/* SOC and SIZ: whether the image has the dataset's size and a bearable number of tiles. */
static bool size_fits(const struct stream *s, const struct yq_frame *frame, struct yq_err *err)
{
    const uint8_t *p = s->bytes;
    if (s->length < SIZ_LENGTH + 2 || yq_be16(p) != 0xff4f || yq_be16(p + 2) != 0xff51)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is no JPEG 2000 codestream");
    uint64_t x1 = yq_be32(p + 8), y1 = yq_be32(p + 12), x0 = yq_be32(p + 16), y0 = yq_be32(p + 20),
             tile_x = yq_be32(p + 24), tile_y = yq_be32(p + 28);
    unsigned samples = yq_be16(p + 40);
    if (x1 < x0 || y1 < y0 || x1 - x0 != frame->columns || y1 - y0 != frame->rows ||
        samples != frame->samples)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the compressed frame has another size than the dataset says");
    if (!tile_x || !tile_y ||
        ((x1 + tile_x - 1) / tile_x) * ((y1 + tile_y - 1) / tile_y) > TILES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has too many tiles");
    return true;
}

/* Packs OpenJPEG's components into samples, pixel by pixel, with the codestream's precision. */
static bool pack(const opj_image_t *image, const struct yq_frame *frame, struct yq_buf *memory,
                 struct plain *plain, struct yq_err *err)
{
    const opj_image_comp_t *first = &image->comps[0];
    for (unsigned c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *comp = &image->comps[c];
        if (comp->w != frame->columns || comp->h != frame->rows || comp->prec != first->prec ||
            !comp->prec || comp->prec > 32 || !comp->data)
            return yq_fail(err, YQ_REFUSED, ROOM,
                           "components of unlike size or precision cannot be shown");
    }
    unsigned bytes = first->prec <= 8 ? 1 : first->prec <= 16 ? 2 : 4;
    size_t pixels = (size_t)frame->rows * frame->columns;
    uint8_t *to = yq_buf_room(memory, pixels * image->numcomps * bytes);
    if (!to)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (size_t i = 0; i < pixels; i++)
        for (unsigned c = 0; c < image->numcomps; c++) {
            uint32_t value = (uint32_t)image->comps[c].data[i];
            for (unsigned b = 0; b < bytes; b++)
                *to++ = (uint8_t)(value >> (8 * b));
        }
    *plain = (struct plain){
        .bytes = memory->bytes,
        .pixels = pixels,
        .rows = frame->rows,
        .columns = frame->columns,
        .samples = image->numcomps,
        .bits_allocated = 8 * bytes,
        .bits_stored = first->prec,
        .high_bit = first->prec - 1,
        /* Where only the dataset says signed, the stream carries the same bits without saying it.
         */
        .is_signed = first->sgnd || frame->is_signed,
    };
    return true;
}

static bool run(opj_codec_t *codec, opj_stream_t *stream, const struct yq_frame *frame,
                opj_image_t **image, struct yq_err *err)
{
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_set_info_handler(codec, say_nothing, NULL);
    opj_set_warning_handler(codec, say_nothing, NULL);
    opj_set_error_handler(codec, say_nothing, NULL);
    if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, image) || !*image)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG 2000 header is broken");
    if ((*image)->numcomps != frame->samples)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the compressed frame has another size than the dataset says");
    for (unsigned c = 0; c < (*image)->numcomps; c++)
        if ((*image)->comps[c].dx != 1 || (*image)->comps[c].dy != 1)
            return yq_fail(err, YQ_REFUSED, ROOM, "subsampled components cannot be shown");
    if (!opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG 2000 frame cannot be decoded");
    return true;
}

bool yq_j2k_decode(const struct yq_frame *frame, uint64_t most, struct yq_buf *memory,
                   struct plain *plain, struct yq_err *err)
{
    struct stream source = {.bytes = frame->pixels.bytes, .length = frame->pixels.length};
    uint64_t need = (uint64_t)frame->rows * frame->columns * frame->samples * 4;
    if (need / 4 > most)
        return yq_fail(err, YQ_FULL, ROOM, "one frame takes %llu bytes to decode",
                       (unsigned long long)need);
    if (!unwrap(&source))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JP2 file within the frame is broken");
    if (!size_fits(&source, frame, err))
        return false;
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    opj_image_t *image = NULL;
    bool fine = codec && stream;
    if (fine) {
        opj_stream_set_user_data(stream, &source, NULL);
        opj_stream_set_user_data_length(stream, source.length);
        opj_stream_set_read_function(stream, read_stream);
        opj_stream_set_skip_function(stream, skip_stream);
        opj_stream_set_seek_function(stream, seek_stream);
        fine = run(codec, stream, frame, &image, err) && pack(image, frame, memory, plain, err);
    } else {
        yq_fail(err, YQ_FULL, ROOM, "no memory to decode a frame");
    }
    opj_image_destroy(image);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return fine;
}
