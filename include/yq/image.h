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

/* ---- one frame, from its codestream and into one ---- */

/* Whether yq_image_decode and yq_image_encode know the transfer syntax. (JPEG of twelve bits is
 * decoded by DCMTK while dcm/ reads the frame.) */
bool yq_image_can_decode(const char *syntax);
bool yq_image_can_encode(const char *syntax);

/* Replaces a codestream by pixels, colour by pixel; rows, columns, bits, samples, photometric and
 * planar become what they are of these. JPEG and JPEG 2000 in colour end as RGB; what they hold is
 * believed more than the transfer syntax. `reduce`: halves the size as many times, where the
 * codestream allows it (JPEG 2000; JPEG up to 3), and less or not at all where it does not. Does
 * nothing to a frame that is not compressed. YQ_BAD_INPUT (broken, cut off, of another size than
 * the frame says), YQ_REFUSED (a kind we cannot decode), YQ_FULL (more than `most` samples, which
 * take up to four bytes each). The frame is unchanged on error. */
yq_must_check bool yq_image_decode(struct yq_frame *frame, unsigned reduce, uint64_t most,
                                   struct yq_err *err);
/* Replaces pixels by a codestream in coding->syntax; the attributes become what the new syntax
 * wants (colour and planar configuration, bits). Native syntaxes leave plain pixels.
 * YQ_REFUSED: the syntax cannot hold such pixels. The frame is unchanged on error. */
yq_must_check bool yq_image_encode(struct yq_frame *frame, const struct yq_coding *coding,
                                   struct yq_err *err);

/* ---- names that were written into pixels ---- */

/* Blackens what lies in the rectangles, or all that does not (`outside`). Of plain pixels.
 * YQ_BAD_INPUT (fewer pixels than it says), YQ_REFUSED (compressed, or a kind we do not know). */
yq_must_check bool yq_image_blank(struct yq_frame *frame, const struct yq_blank *blanks,
                                  size_t count, bool outside, struct yq_err *err);
/* Empties the bits of plain pixels that are not stored ones. */
void yq_image_trim(struct yq_frame *frame);

/* ---- to a picture ---- */

/* The font of all text on pictures; called once, before there are threads. YQ_ABSENT, YQ_BAD_INPUT.
 */
yq_must_check bool yq_image_use_font(const char *path, struct yq_err *err);

struct yq_view { /* how a frame is wanted; zeroed: as its object says, all of it, in its own size */
    bool has_window;
    struct yq_window window;
    enum yq_voi_function function;
    bool has_region;
    double left, top, right, bottom; /* 0 to 1, of the image, or of what a look displays of it */
    /* The picture fits into these, as large as it can, in the right shape; 0: any. Neither: a pixel
     * of the picture is one of the image, whatever its shape (PS3.18 8.2.2); a presentation state
     * gives the shape always. */
    unsigned rows, columns;
    const struct yq_look *look; /* a presentation state's, instead of the object's; or NULL */
    const char *corners[4]; /* UTF-8 text, lines by \n: top left, top right, bottom left, right */
};
/* Decodes a compressed frame where needed and shows it. `view` may be NULL. Consumes nothing.
 * YQ_BAD_INPUT (sizes or pixels do not agree), YQ_REFUSED (a kind we cannot show; texts for
 * the corners, and there is no font), YQ_FULL (no
 * memory; the picture takes more than `most` bytes, or a compressed frame has more than `most`
 * samples, which take four bytes each while it is decoded). */
yq_must_check bool yq_image_render(const struct yq_frame *frame, const struct yq_view *view,
                                   uint64_t most, struct yq_picture *out, struct yq_err *err);

/* A text as a QR code, black on white, `scale` pixels (1 to 32) a module; the caller ends *out.
 * YQ_BAD_INPUT: longer than such a code holds. */
#define YQ_QR_MOST 2900 /* bytes */
yq_must_check bool yq_image_qr(const char *text, unsigned scale, struct yq_picture *out,
                               struct yq_err *err);

/* ---- pictures to bytes; appended ---- */

/* Baseline JPEG; quality 1..100. */
yq_must_check bool yq_image_jpeg(const struct yq_picture *picture, int quality, struct yq_buf *out,
                                 struct yq_err *err);
/* PNG without loss. */
yq_must_check bool yq_image_png(const struct yq_picture *picture, struct yq_buf *out,
                                struct yq_err *err);
/* One JPEG 2000 picture (JP2); `ratio` as in yq_coding. */
yq_must_check bool yq_image_jp2(const struct yq_picture *picture, double ratio, struct yq_buf *out,
                                struct yq_err *err);
/* GIF, of one picture or of many of one size, each shown for `delay` hundredths of a second; it
 * runs for ever. Grey is exact, colour is brought down to 256. Begun, fed, ended; freed after an
 * error too. */
struct yq_gif;
yq_must_check bool yq_gif_new(unsigned rows, unsigned columns, struct yq_gif **out,
                              struct yq_err *err);
yq_must_check bool yq_gif_add(struct yq_gif *gif, const struct yq_picture *picture, unsigned delay,
                              struct yq_err *err);
yq_must_check bool yq_gif_end(struct yq_gif *gif, struct yq_buf *out, struct yq_err *err);
void yq_gif_free(struct yq_gif *gif);

#endif
