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

enum { SCANS_MOST = 100, TILES_MOST = 4096 };

static bool encode_native(const struct yq_frame *plain, const struct yq_coding *coding,
                          struct yq_frame *out, struct yq_err *err)
{
    (void)coding;
    yq_buf_put(&out->pixels, plain->pixels.bytes, plain->pixels.length);
    return !out->pixels.failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
}

static const struct codec {
    const char *syntax;
    yq_decoder *decode;
    yq_encoder *encode;
} codecs[] = {
    {YQ_TS_IMPLICIT_LE, NULL, encode_native},
    {YQ_TS_EXPLICIT_LE, NULL, encode_native},
    {YQ_TS_EXPLICIT_BE, NULL, encode_native},
    {YQ_TS_DEFLATED, NULL, encode_native},
    {YQ_TS_JPEG_LOSSLESS, yq_lossless_decode, NULL},
    {YQ_TS_JPEG_LOSSLESS_SV1, yq_lossless_decode, NULL},
    {YQ_TS_J2K_LOSSLESS, yq_j2k_decode, NULL},
    {YQ_TS_J2K, yq_j2k_decode, NULL},
    {YQ_TS_HTJ2K_LOSSLESS, yq_j2k_decode, NULL},
    {YQ_TS_HTJ2K_LOSSLESS_RPCL, yq_j2k_decode, NULL},
    {YQ_TS_HTJ2K, yq_j2k_decode, NULL},
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
    return codec && codec->encode;
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
    if (said->scans > SCANS_MOST) /* each costs a pass over the whole image */
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has more than %d scans",
                       SCANS_MOST);
    uint64_t samples = (uint64_t)frame->rows * frame->columns * frame->samples;
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

bool yq_codec_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                     struct yq_frame *plain, struct yq_err *err)
{
    static yq_decoder *const by_kind[] = {
        [YQ_STREAM_UNKNOWN] = NULL,
        [YQ_STREAM_JPEG_LOSSLESS] = yq_lossless_decode,
        [YQ_STREAM_J2K] = yq_j2k_decode,
    };
    const struct codec *codec = codec_of(coded->codestream_syntax);
    yq_decoder *decode = codec ? codec->decode : NULL;
    struct yq_codestream said;
    (void)yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said);
    if (said.kind < sizeof by_kind / sizeof *by_kind && by_kind[said.kind])
        decode = by_kind[said.kind];
    *plain = *coded;
    plain->pixels = (struct yq_buf){0};
    plain->codestream_syntax[0] = '\0';
    if (!decode)
        return yq_fail(err, YQ_REFUSED, ROOM, "no decoder for a frame in transfer syntax %s",
                       coded->codestream_syntax);
    if (decode(coded, reduce, most, plain, err))
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

static bool check_plain(const struct yq_frame *f, struct yq_err *err)
{
    uint64_t need = ((uint64_t)f->rows * f->columns * f->samples * f->bits_allocated + 7) / 8;
    bool cell = f->bits_allocated == 1 || f->bits_allocated == 8 || f->bits_allocated == 16 ||
                f->bits_allocated == 32 || (f->is_float && f->bits_allocated == 64);
    if (f->codestream_syntax[0] || !f->rows || !f->columns || f->rows > 65535 ||
        f->columns > 65535 || (f->samples != 1 && f->samples != 3) || !cell || !f->bits_stored ||
        f->bits_stored > f->bits_allocated || f->high_bit >= f->bits_allocated ||
        f->high_bit + 1 < f->bits_stored)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame's attributes do not fit together");
    if (f->pixels.length < need)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the frame has %zu bytes of pixels, its attributes ask for %llu",
                       f->pixels.length, (unsigned long long)need);
    return true;
}

bool yq_image_encode(struct yq_frame *frame, const struct yq_coding *coding, struct yq_err *err)
{
    const struct codec *codec = codec_of(coding->syntax);
    if (!codec || !codec->encode)
        return yq_fail(err, YQ_REFUSED, ROOM, "no encoder for transfer syntax %s", coding->syntax);
    if (!check_plain(frame, err))
        return false;
    struct yq_frame out = *frame;
    out.pixels = (struct yq_buf){0};
    if (!codec->encode(frame, coding, &out, err)) {
        yq_buf_fini(&out.pixels);
        return false;
    }
    if (codec->decode)
        (void)yq_copy(out.codestream_syntax, sizeof out.codestream_syntax, coding->syntax);
    yq_buf_fini(&frame->pixels);
    *frame = out;
    return true;
}
