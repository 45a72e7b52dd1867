/* png.c: a picture as PNG, by libpng. ISO/IEC 15948.
 *
 * Made to be quick: the second fastest compression, one filter. setjmp is in `guarded` alone, and
 * all that has to be undone hangs from its struct. Thread-safe. */
#include <setjmp.h>

#include <png.h>

#include "yq/image.h"

#define ROOM "image"

struct encoder {
    png_structp png;
    png_infop info;
    const struct yq_picture *picture;
    struct yq_buf *out;
};

static void put(png_structp png, png_bytep bytes, size_t length)
{
    struct encoder *e = png_get_io_ptr(png);
    yq_buf_put(e->out, bytes, length);
    if (e->out->failed)
        png_error(png, "no memory");
}

static void flush(png_structp png) { (void)png; }

static void stop(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void say_nothing(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void encode(struct encoder *e)
{
    const struct yq_picture *picture = e->picture;
    size_t row = (size_t)picture->columns * picture->samples;
    png_set_write_fn(e->png, e, put, flush);
    png_set_compression_level(e->png, 2);
    png_set_compression_buffer_size(e->png, 1 << 16);
    png_set_filter(e->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_IHDR(e->png, e->info, picture->columns, picture->rows, 8,
                 picture->samples == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(e->png, e->info);
    for (unsigned y = 0; y < picture->rows; y++)
        png_write_row(e->png, picture->pixels.bytes + y * row);
    png_write_end(e->png, e->info);
}

static bool guarded(struct encoder *e)
{
    if (setjmp(png_jmpbuf(e->png)))
        return false;
    encode(e);
    return true;
}

bool yq_image_png(const struct yq_picture *picture, struct yq_buf *out, struct yq_err *err)
{
    if (!picture->rows || !picture->columns || picture->rows > 65535 || picture->columns > 65535 ||
        (picture->samples != 1 && picture->samples != 3) ||
        (uint64_t)picture->rows * picture->columns * picture->samples != picture->pixels.length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the picture's size and pixels do not agree");
    struct encoder e = {.picture = picture, .out = out};
    size_t begun = out->length;
    e.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, stop, say_nothing);
    e.info = e.png ? png_create_info_struct(e.png) : NULL;
    bool fine = e.info && guarded(&e);
    png_destroy_write_struct(&e.png, &e.info);
    if (fine)
        return true;
    out->length = begun;
    return yq_fail(err, YQ_FULL, ROOM, "no memory to make a PNG");
}
