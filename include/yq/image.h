/* image.h: pixels: a frame is decoded, encoded, or made into a picture that a browser shows.
 * libjpeg-turbo, CharLS, OpenJPEG, libpng, giflib, FreeType. PS3.3 C.7.6.3, C.11; PS3.5 annex A.
 * Everything is thread-safe. Nothing is believed of a frame: sizes and pixels are compared here. */
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

/* ---- to a picture ---- */

struct yq_view { /* how a frame is wanted; zeroed: as its object says, all of it, in its own size */
    bool has_window;
    struct yq_window window;
    enum yq_voi_function function;
    bool has_region;
    double left, top, right, bottom; /* 0 to 1, of the image (or of its displayed area) */
    unsigned rows, columns;          /* the picture fits into these, as large as it can; 0: any */
    const struct yq_look *look;      /* a presentation state's, instead of the object's; or NULL */
    const char *corners[4]; /* UTF-8 text, lines by \n: top left, top right, bottom left, right */
};
/* Decodes a compressed frame where needed and shows it. `view` may be NULL. Consumes nothing.
 * YQ_BAD_INPUT (sizes or pixels do not agree), YQ_REFUSED (a kind we cannot show), YQ_FULL (no
 * memory; the picture takes more than `most` bytes, or a compressed frame has more than `most`
 * samples, which take four bytes each while it is decoded). */
yq_must_check bool yq_image_render(const struct yq_frame *frame, const struct yq_view *view,
                                   uint64_t most, struct yq_picture *out, struct yq_err *err);

/* ---- pictures to bytes; appended ---- */

/* Baseline JPEG; quality 1..100. */
yq_must_check bool yq_image_jpeg(const struct yq_picture *picture, int quality, struct yq_buf *out,
                                 struct yq_err *err);

#endif
