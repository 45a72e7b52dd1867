/* jpeg_decode.c: decodes one JPEG frame of eight bits (baseline, extended, progressive), by
 * libjpeg-turbo. ISO/IEC 10918-1, -5 (JFIF), -6 (Adobe's marker); PS3.5 8.2.1, PS3.3 C.7.6.3.1.2.
 *
 * Colour ends as red, green and blue. What the samples are is decided from the strongest sign there
 * is: Adobe's marker, components called R, G and B, JFIF, subsampling, and only then the dataset,
 * which is wrong more often than its codestream. A codestream that is damaged or cut off is
 * refused, because half an image must not look like a whole one; what harms no pixel is let pass.
 *
 * libjpeg reports errors by a call that must not return: setjmp is in `guarded` alone, and all that
 * has to be undone hangs from its struct. Thread-safe. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "codec.h"

#define ROOM "image"

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf out;
    const struct yq_frame *coded;
    const struct yq_codestream *said;
    unsigned reduce;
    struct yq_frame *plain;
    bool damaged, no_memory, other_size;
};

static void stop(j_common_ptr jpeg)
{
    struct decoder *d = jpeg->client_data;
    d->no_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(d->out, 1);
}

/* A warning (level -1) means damage, unless it is known to harm no pixel. */
static void warn(j_common_ptr jpeg, int level)
{
    struct decoder *d = jpeg->client_data;
    if (level >= 0)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:        /* no EOI; missing data give JWRN_HIT_MARKER besides */
    case JWRN_EXTRANEOUS_DATA: /* bytes between two segments */
    case JWRN_ADOBE_XFORM:     /* an unknown colour transform: we decide that */
    case JWRN_BOGUS_PROGRESSION: /* odd, but decodable */ return;
    default: d->damaged = true; longjmp(d->out, 1);
    }
}

static bool is_ybr(const struct decoder *d)
{
    const struct yq_codestream *said = d->said;
    if (said->adobe >= 0)
        return said->adobe != 0;
    if (memcmp(said->ids, "RGB", 3) == 0)
        return false;
    if (said->jfif || said->subsampled)
        return true;
    return strcmp(d->coded->photometric, "RGB") != 0;
}

static void decode(struct decoder *d)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, d->coded->pixels.bytes, d->coded->pixels.length);
    (void)jpeg_read_header(jpeg, TRUE);
    d->other_size = jpeg->image_height != d->said->rows || jpeg->image_width != d->said->columns ||
                    jpeg->num_components != (int)d->said->samples;
    if (d->other_size)
        longjmp(d->out, 1);
    if (d->said->samples == 3) {
        jpeg->jpeg_color_space = is_ybr(d) ? JCS_YCbCr : JCS_RGB;
        jpeg->out_color_space = JCS_RGB;
    } else {
        jpeg->jpeg_color_space = jpeg->out_color_space = JCS_GRAYSCALE;
    }
    jpeg->scale_num = 1;
    jpeg->scale_denom = 1u << (d->reduce < 3 ? d->reduce : 3);
    (void)jpeg_start_decompress(jpeg);
    size_t row = (size_t)jpeg->output_width * d->said->samples;
    uint8_t *to = yq_buf_room(&d->plain->pixels, row * jpeg->output_height);
    d->no_memory = !to;
    if (!to)
        longjmp(d->out, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW line = to + row * jpeg->output_scanline;
        (void)jpeg_read_scanlines(jpeg, &line, 1);
    }
    d->plain->rows = jpeg->output_height;
    d->plain->columns = jpeg->output_width;
    (void)jpeg_finish_decompress(jpeg);
}

static bool guarded(struct decoder *d)
{
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->jpeg.client_data = d;
    d->errors.error_exit = stop;
    d->errors.emit_message = warn;
    bool fine = setjmp(d->out) == 0;
    if (fine)
        decode(d);
    jpeg_destroy_decompress(&d->jpeg);
    return fine;
}

bool yq_jpeg_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                    struct yq_frame *plain, struct yq_err *err)
{
    struct yq_codestream said;
    if (!yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said) ||
        said.kind != YQ_STREAM_JPEG)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is no JPEG codestream");
    if (said.precision != 8)
        return yq_fail(err, YQ_REFUSED, ROOM, "JPEG of %u bits is not decoded here",
                       said.precision);
    if (!yq_codec_fits(coded, &said, most, err))
        return false;
    struct decoder d = {.coded = coded, .said = &said, .reduce = reduce, .plain = plain};
    if (!guarded(&d)) {
        if (d.no_memory)
            return yq_fail(err, YQ_FULL, ROOM, "no memory to decode a frame");
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG frame %s",
                       d.damaged      ? "is damaged or cut off"
                       : d.other_size ? "has another size than it says"
                                      : "cannot be decoded");
    }
    yq_codec_settle(plain, &(struct yq_decoded){.bytes = 1,
                                                .precision = 8,
                                                .is_signed = plain->is_signed,
                                                .least = plain->is_signed ? -128 : 0,
                                                .greatest = plain->is_signed ? 127 : 255});
    if (plain->samples == 3)
        (void)yq_copy(plain->photometric, sizeof plain->photometric, "RGB");
    plain->planar = false;
    return true;
}
