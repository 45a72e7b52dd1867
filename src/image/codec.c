/* codec.c: which codec turns a frame's codestream into pixels, and pixels into a codestream.
 *
 * Codestreams that say what they are (JPEG, JPEG-LS, JPEG 2000) are believed more than the transfer
 * syntax: files with the wrong one are met, and every viewer shows them. What a codestream says of
 * its size has to agree with the dataset before a library sees it, because the libraries allocate
 * from it. PS3.5 8.2, annex A.4. Thread-safe. */
#include "codec.h"

#include <string.h>

#include "yq/uid.h"

#define ROOM "image"

enum {
    SCANS_MOST = 100,
    SCANS_USUAL = 12,
    PASSES_MOST = 1 << 30,
    TILES_MOST = 4096,
    PIECES_MOST = 1 << 16,
    PACKETS_MOST = 1 << 22
};

enum {
    NATIVE = 1,   /* nothing to do */
    SIGNLESS = 2, /* codes bits and does not know what they mean */
    LOSES = 4,
    BY_NEAR = 8, /* loses where struct yq_coding says so in `near`, ... */
    BY_RATIO = 16,
};

static const struct codec {
    const char *syntax;
    yq_decoder *decode;
    yq_encoder *encode;
    unsigned traits;
} codecs[] = {
    {YQ_TS_IMPLICIT_LE, NULL, NULL, NATIVE},
    {YQ_TS_EXPLICIT_LE, NULL, NULL, NATIVE},
    {YQ_TS_EXPLICIT_BE, NULL, NULL, NATIVE},
    {YQ_TS_DEFLATED, NULL, NULL, NATIVE},
    {YQ_TS_RLE, yq_rle_decode, yq_rle_encode, SIGNLESS},
    {YQ_TS_JPEG_BASELINE, yq_jpeg_decode, yq_jpeg_encode, LOSES},
    {YQ_TS_JPEG_EXTENDED, yq_jpeg_decode, NULL, 0},
    {"1.2.840.10008.1.2.4.53", yq_jpeg_decode, NULL, 0}, /* retired: spectral selection, */
    {"1.2.840.10008.1.2.4.55", yq_jpeg_decode, NULL, 0}, /* full progression */
    {YQ_TS_JPEG_LOSSLESS, yq_lossless_decode, yq_lossless_encode, SIGNLESS},
    {YQ_TS_JPEG_LOSSLESS_SV1, yq_lossless_decode, yq_lossless_encode, SIGNLESS},
    {YQ_TS_JPEGLS_LOSSLESS, yq_jpegls_decode, yq_jpegls_encode, SIGNLESS},
    {YQ_TS_JPEGLS_NEAR, yq_jpegls_decode, yq_jpegls_encode, SIGNLESS | BY_NEAR},
    {YQ_TS_J2K_LOSSLESS, yq_j2k_decode, yq_j2k_encode, 0},
    {YQ_TS_J2K, yq_j2k_decode, yq_j2k_encode, BY_RATIO},
    {YQ_TS_HTJ2K_LOSSLESS, yq_j2k_decode, NULL, 0},
    {YQ_TS_HTJ2K_LOSSLESS_RPCL, yq_j2k_decode, NULL, 0},
    {YQ_TS_HTJ2K, yq_j2k_decode, NULL, 0},
};

static const struct codec *codec_of(const char *syntax)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (strcmp(codecs[i].syntax, syntax) == 0)
            return &codecs[i];
    return NULL;
}

bool yq_image_can_decode(const char *syntax)
{
    const struct codec *codec = codec_of(syntax);
    return codec && codec->decode;
}

bool yq_image_can_encode(const char *syntax)
{
    const struct codec *codec = codec_of(syntax);
    return codec && (codec->encode || (codec->traits & NATIVE));
}

/* ---- decoding ---- */

bool yq_codec_fits(const struct yq_frame *frame, const struct yq_codestream *said, uint64_t most,
                   struct yq_err *err)
{
    if (!frame->rows || !frame->columns || (frame->samples != 1 && frame->samples != 3))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a frame of %u by %u, with %u samples",
                       frame->columns, frame->rows, frame->samples);
    if (said->rows != frame->rows || said->columns != frame->columns ||
        said->samples != frame->samples)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the compressed frame has %u rows, %u columns, %u samples, the dataset says "
                       "%u, %u, %u",
                       said->rows, said->columns, said->samples, frame->rows, frame->columns,
                       frame->samples);
    if (said->tiles > TILES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has too many tiles");
    uint64_t samples = (uint64_t)frame->rows * frame->columns * frame->samples;
    /* Each scan costs a pass over the whole image, and may take a few bytes only. */
    if (said->scans > SCANS_MOST ||
        (said->scans > SCANS_USUAL && said->scans * samples > PASSES_MOST))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has %u scans", said->scans);
    /* OpenJPEG takes half a kilobyte for each piece, and looks at each for every layer. */
    uint64_t pieces_most = PIECES_MOST + samples / 256;
    if (said->pieces > pieces_most || said->pieces * said->layers > PACKETS_MOST + samples / 16)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has too many pieces");
    if (samples > most || samples > UINT32_MAX)
        return yq_fail(err, YQ_FULL, ROOM, "one frame has %llu samples",
                       (unsigned long long)samples);
    return true;
}

unsigned yq_codec_cell(const struct yq_frame *frame, unsigned bits)
{
    unsigned bytes = bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
    unsigned own = frame->bits_allocated / 8;
    return own == 2 || own == 4 ? (own > bytes ? own : bytes) : bytes;
}

void yq_codec_settle(struct yq_frame *plain, const struct yq_decoded *d)
{
    unsigned stored = plain->bits_stored;
    if (d->precision == plain->bits_allocated && d->precision == 8 * d->bytes && stored &&
        stored <= d->precision && plain->is_signed == d->is_signed)
        return; /* whole cells were coded, with whatever is in their unused bits */
    plain->bits_allocated = 8 * d->bytes;
    if (stored && stored <= plain->bits_allocated && plain->samples == 1 &&
        plain->is_signed == d->is_signed) {
        int64_t top = (int64_t)1 << (stored - d->is_signed);
        if (d->greatest < top && d->least >= (d->is_signed ? -top : 0)) {
            plain->high_bit = stored - 1;
            return;
        }
    }
    plain->bits_stored = d->precision;
    plain->high_bit = d->precision - 1;
    plain->is_signed = d->is_signed;
}

/* The tile of a larger frame at its top left; what it does not reach is black. */
static bool pad(const struct yq_frame *coded, struct yq_frame *tile, struct yq_err *err)
{
    size_t cell = (size_t)tile->samples * (tile->bits_allocated / 8);
    size_t from = tile->columns * cell, to = coded->columns * cell;
    struct yq_buf whole = {0};
    uint8_t *p = yq_buf_room(&whole, coded->rows * to);
    if (!p)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (size_t row = 0; row < tile->rows; row++)
        memcpy(p + row * to, tile->pixels.bytes + row * from, from);
    yq_buf_fini(&tile->pixels);
    tile->pixels = whole;
    tile->rows = coded->rows;
    tile->columns = coded->columns;
    return true;
}

bool yq_codec_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                     struct yq_frame *plain, struct yq_err *err)
{
    static yq_decoder *const by_kind[] = {
        [YQ_STREAM_UNKNOWN] = NULL,
        [YQ_STREAM_JPEG] = yq_jpeg_decode,
        [YQ_STREAM_JPEG_LOSSLESS] = yq_lossless_decode,
        [YQ_STREAM_JPEG_LS] = yq_jpegls_decode,
        [YQ_STREAM_J2K] = yq_j2k_decode,
    };
    const struct codec *codec = codec_of(coded->codestream_syntax);
    yq_decoder *decode = codec ? codec->decode : NULL;
    struct yq_frame as = *coded;
    struct yq_codestream said;
    bool sized = yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said);
    if (said.kind < sizeof by_kind / sizeof *by_kind && by_kind[said.kind])
        decode = by_kind[said.kind];
    /* The last tiles of a slide in rows and columns are met smaller than the others. */
    bool tile = sized && coded->frames > 1 && said.rows <= coded->rows &&
                said.columns <= coded->columns &&
                (said.rows < coded->rows || said.columns < coded->columns) &&
                (uint64_t)coded->rows * coded->columns * coded->samples <= most;
    if (tile) {
        as.rows = said.rows;
        as.columns = said.columns;
        reduce = 0;
    }
    *plain = as;
    plain->pixels = (struct yq_buf){0};
    plain->codestream_syntax[0] = '\0';
    if (!decode)
        return yq_fail(err, YQ_REFUSED, ROOM, "no decoder for a frame in transfer syntax %s",
                       coded->codestream_syntax);
    if (decode(&as, reduce, most, plain, err) && (!tile || pad(coded, plain, err)))
        return true;
    yq_buf_fini(&plain->pixels);
    return false;
}

bool yq_image_decode(struct yq_frame *frame, unsigned reduce, uint64_t most, struct yq_err *err)
{
    struct yq_frame plain;
    if (!frame->codestream_syntax[0])
        return true;
    if (!yq_codec_decode(frame, reduce, most, &plain, err))
        return false;
    yq_buf_fini(&frame->pixels);
    *frame = plain;
    return true;
}

/* ---- encoding ---- */

bool yq_image_encode(struct yq_frame *frame, const struct yq_coding *coding, struct yq_err *err)
{
    const struct codec *codec = codec_of(coding->syntax);
    if (!yq_image_can_encode(coding->syntax))
        return yq_fail(err, YQ_REFUSED, ROOM, "no encoder for transfer syntax %s", coding->syntax);
    if (frame->codestream_syntax[0])
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is compressed already");
    if (codec->traits & NATIVE)
        return true;
    bool loses = (codec->traits & LOSES) || ((codec->traits & BY_NEAR) && coding->near > 0) ||
                 ((codec->traits & BY_RATIO) && coding->ratio > 0);
    struct yq_frame tight, out;
    if (!yq_codec_tighten(frame, loses, codec->traits & SIGNLESS, &tight, &out, err))
        return false;
    bool fine = codec->encode(&tight, coding, &out, err);
    if (tight.pixels.bytes != frame->pixels.bytes)
        yq_buf_fini(&tight.pixels);
    if (!fine) {
        yq_buf_fini(&out.pixels);
        return false;
    }
    (void)yq_copy(out.codestream_syntax, sizeof out.codestream_syntax, coding->syntax);
    yq_buf_fini(&frame->pixels);
    *frame = out;
    return true;
}
