/* jpeg.c: pictures and frames as baseline JPEG, by libjpeg-turbo. ISO/IEC 10918-1; PS3.5 8.2.1.
 *
 * Eight bits a sample. Colour of frames is coded as YBR_FULL_422, as the standard asks for;
 * pictures of high quality keep all of their colour, because fine coloured lines (Doppler,
 * annotations) suffer first. setjmp is in `guarded` alone, as in jpeg_decode.c. Thread-safe. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "codec.h"

#define ROOM "image"

enum { SIDE_MOST = 65500, CHUNK = 1 << 16 }; /* libjpeg's; bytes by which a codestream grows */

struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr to;
    jmp_buf out;
    const uint8_t *pixels;
    unsigned rows, columns, samples;
    J_COLOR_SPACE from;
    bool halved; /* horizontally, the colour */
    int quality;
    struct yq_buf *bytes;
    size_t begun; /* length of `bytes` before */
};

static void stop(j_common_ptr jpeg)
{
    struct encoder *e = jpeg->client_data;
    longjmp(e->out, 1);
}

static void say_nothing(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

/* ---- straight into a yq_buf ---- */

static void more_room(struct encoder *e, size_t count)
{
    uint8_t *room = yq_buf_room(e->bytes, count);
    if (!room)
        longjmp(e->out, 1);
    e->to.next_output_byte = room;
    e->to.free_in_buffer = count;
}

static void begin_output(j_compress_ptr jpeg)
{
    struct encoder *e = jpeg->client_data;
    more_room(e, CHUNK + (size_t)e->rows * e->columns * e->samples / 8);
}

static boolean grow_output(j_compress_ptr jpeg)
{
    struct encoder *e = jpeg->client_data;
    more_room(e, CHUNK + (e->bytes->length - e->begun) / 2);
    return TRUE;
}

static void end_output(j_compress_ptr jpeg)
{
    struct encoder *e = jpeg->client_data;
    e->bytes->length -= e->to.free_in_buffer;
}

/* ---- encoding ---- */

static void encode(struct encoder *e)
{
    struct jpeg_compress_struct *jpeg = &e->jpeg;
    jpeg_create_compress(jpeg);
    jpeg->dest = &e->to;
    e->to.init_destination = begin_output;
    e->to.empty_output_buffer = grow_output;
    e->to.term_destination = end_output;
    jpeg->image_width = e->columns;
    jpeg->image_height = e->rows;
    jpeg->input_components = (int)e->samples;
    jpeg->in_color_space = e->from;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, e->quality, TRUE);
    if (e->samples == 3) {
        jpeg->comp_info[0].h_samp_factor = e->halved ? 2 : 1;
        jpeg->comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(jpeg, TRUE);
    size_t row = (size_t)e->columns * e->samples;
    enum { ROWS = 16 };
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW lines[ROWS];
        unsigned count = jpeg->image_height - jpeg->next_scanline;
        count = count < ROWS ? count : ROWS;
        for (unsigned i = 0; i < count; i++) /* libjpeg only reads them */
            lines[i] = (uint8_t *)(uintptr_t)e->pixels + row * (jpeg->next_scanline + i);
        (void)jpeg_write_scanlines(jpeg, lines, count);
    }
    jpeg_finish_compress(jpeg);
}

static bool guarded(struct encoder *e, struct yq_err *err)
{
    e->jpeg.err = jpeg_std_error(&e->errors);
    e->jpeg.client_data = e;
    e->errors.error_exit = stop;
    e->errors.emit_message = say_nothing;
    e->begun = e->bytes->length;
    e->quality = e->quality < 1 ? 1 : e->quality > 100 ? 100 : e->quality;
    bool fine = setjmp(e->out) == 0;
    if (fine)
        encode(e);
    jpeg_destroy_compress(&e->jpeg);
    if (fine)
        return true;
    e->bytes->length = e->begun;
    return yq_fail(err, YQ_FULL, ROOM, "no memory to make a JPEG");
}

bool yq_image_jpeg(const struct yq_picture *picture, int quality, struct yq_buf *out,
                   struct yq_err *err)
{
    if (!picture->rows || !picture->columns || picture->rows > SIDE_MOST ||
        picture->columns > SIDE_MOST || (picture->samples != 1 && picture->samples != 3))
        return yq_fail(err, YQ_REFUSED, ROOM, "a picture of %u by %u cannot be a JPEG",
                       picture->columns, picture->rows);
    if ((uint64_t)picture->rows * picture->columns * picture->samples != picture->pixels.length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the picture's size and pixels do not agree");
    struct encoder e = {.pixels = picture->pixels.bytes,
                        .rows = picture->rows,
                        .columns = picture->columns,
                        .samples = picture->samples,
                        .from = picture->samples == 1 ? JCS_GRAYSCALE : JCS_RGB,
                        .halved = quality < 90,
                        .quality = quality,
                        .bytes = out};
    return guarded(&e, err);
}

bool yq_jpeg_encode(const struct yq_frame *plain, const struct yq_coding *coding,
                    struct yq_frame *out, struct yq_err *err)
{
    bool ybr = strncmp(plain->photometric, "YBR_FULL", 8) == 0;
    if (plain->bits_stored > 8 || plain->is_signed || plain->rows > SIDE_MOST ||
        plain->columns > SIDE_MOST || (plain->samples == 3 && plain->bits_stored != 8))
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "baseline JPEG cannot hold %s samples of %u bits, %u by %u",
                       plain->is_signed ? "signed" : "unsigned", plain->bits_stored, plain->columns,
                       plain->rows);
    size_t samples = (size_t)plain->rows * plain->columns * plain->samples;
    yq_cleanup(yq_buf_fini) struct yq_buf narrow = {0};
    unsigned cell = plain->bits_allocated / 8;
    if (cell > 1) {
        uint8_t *to = yq_buf_room(&narrow, samples);
        if (!to)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
        for (size_t i = 0; i < samples; i++)
            to[i] = plain->pixels.bytes[i * cell];
    }
    struct encoder e = {.pixels = cell > 1 ? narrow.bytes : plain->pixels.bytes,
                        .rows = plain->rows,
                        .columns = plain->columns,
                        .samples = plain->samples,
                        .from = plain->samples == 1 ? JCS_GRAYSCALE
                                : ybr               ? JCS_YCbCr
                                                    : JCS_RGB,
                        .halved = true,
                        .quality = coding->quality ? coding->quality : 90,
                        .bytes = &out->pixels};
    out->bits_allocated = out->bits_stored = 8;
    out->high_bit = 7;
    out->planar = false;
    if (plain->samples == 3)
        (void)yq_copy(out->photometric, sizeof out->photometric, "YBR_FULL_422");
    return guarded(&e, err);
}

void yq_picture_fini(struct yq_picture *picture)
{
    yq_buf_fini(&picture->pixels);
    *picture = (struct yq_picture){0};
}
