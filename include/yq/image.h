/* image.h: a frame's pixels to a picture that a browser shows. libjpeg-turbo, OpenJPEG. PS3.3
 * C.7.6.3, C.11.1, C.11.2. */
#ifndef YQ_IMAGE_H
#define YQ_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/frame.h"

struct yq_picture {                  /* 8 bits a sample, row by row, no padding */
    unsigned rows, columns, samples; /* samples 1 (grey) or 3 (RGB) */
    struct yq_buf pixels;
};
void yq_picture_fini(struct yq_picture *picture);

/* Decodes a compressed frame where needed, applies modality rescale, the default window (the
 * object's first, else the pixels' own range), palette and photometric interpretation. Consumes
 * nothing. YQ_BAD_INPUT (sizes or pixels do not agree), YQ_REFUSED (a kind we cannot show),
 * YQ_FULL (no memory; the picture takes more than `most` bytes, or a compressed frame has more than
 * `most` samples, which take four bytes each while it is decoded). */
yq_must_check bool yq_image_render(const struct yq_frame *frame, uint64_t most,
                                   struct yq_picture *out, struct yq_err *err);

/* Baseline JPEG; quality 1..100. */
yq_must_check bool yq_image_jpeg(const struct yq_picture *picture, int quality, struct yq_buf *out,
                                 struct yq_err *err);

#endif
