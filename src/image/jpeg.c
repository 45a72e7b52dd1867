/* jpeg.c: a picture as baseline JPEG, by libjpeg-turbo. Thread-safe. */
#include <turbojpeg.h>

#include "yq/image.h"

#define ROOM "image"

enum { SIDE_MOST = 65500 }; /* libjpeg's */

void yq_picture_fini(struct yq_picture *picture)
{
    yq_buf_fini(&picture->pixels);
    *picture = (struct yq_picture){0};
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
    quality = quality < 1 ? 1 : quality > 100 ? 100 : quality;
    bool grey = picture->samples == 1;
    tjhandle encoder = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    /* Fine lines of colour, as Doppler and annotations have them, are kept at high quality. */
    int sampling = grey ? TJSAMP_GRAY : quality >= 90 ? TJSAMP_444 : TJSAMP_422;
    bool fine = encoder && tjCompress2(encoder, picture->pixels.bytes, (int)picture->columns, 0,
                                       (int)picture->rows, grey ? TJPF_GRAY : TJPF_RGB, &bytes,
                                       &length, sampling, quality, 0) == 0;
    if (fine)
        yq_buf_put(out, bytes, length);
    tjFree(bytes);
    if (encoder)
        tjDestroy(encoder);
    if (!fine || out->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to make a JPEG");
    return true;
}
