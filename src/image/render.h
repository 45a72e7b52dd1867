/* render.h: the steps from stored values to a picture, within this room. Callers have checked all
 * sizes; nothing here allocates without being told how much may be taken. */
#ifndef YQ_IMAGE_RENDER_H
#define YQ_IMAGE_RENDER_H

#include "plain.h"

/* ---- tone.c: a stored value as grey ---- */

struct tone {
    double slope, intercept;
    const struct yq_lut *modality; /* instead of them; or NULL */
    const struct yq_lut *voi;      /* instead of the window; or NULL */
    enum yq_voi_function function;
    struct yq_window window;
    const struct yq_lut *presentation; /* or NULL */
    bool inverse;
};
/* False: neither a window nor a table is asked for or given; the pixels' range has to say it. */
bool yq_tone_choose(struct tone *tone, const struct yq_frame *frame, const struct yq_view *view);
/* Smallest and largest stored value that are no padding become black and white. */
void yq_tone_range(struct tone *tone, const struct plain *plain);
/* All values that can be stored: a presentation state without a window. PS3.4 N.2.2 */
void yq_tone_whole(struct tone *tone, const struct plain *plain);
uint8_t yq_tone_value(const struct tone *tone, double stored);
/* The grey of each bit pattern of a cell, 1 << bits_allocated (1, 8 or 16) of them; owned by the
 * caller; NULL: no memory. */
uint8_t *yq_tone_table(const struct tone *tone, const struct plain *plain);

/* ---- lines.c: inner loops over one line; each has a plain twin in tests/image ---- */

void yq_line_through8(const uint8_t *cells, size_t count, const uint8_t *table, uint8_t *out);
/* `cells`: little endian, any alignment */
void yq_line_through16(const uint8_t *cells, size_t count, const uint8_t *table, uint8_t *out);
/* out = ((cell >> shift) & mask) ^ flip; the order of signed values becomes that of unsigned ones
 * where `flip` is the sign bit. */
void yq_line_unpack16(const uint8_t *cells, size_t count, unsigned shift, uint16_t mask,
                      uint16_t flip, uint16_t *out);
void yq_line_range16(const uint16_t *values, size_t count, uint16_t *low, uint16_t *high);
void yq_line_add(uint32_t *sums, const uint8_t *line, size_t count, uint16_t weight);
/* Sums of weights that are 1 << 15 together become eight bits before and eight behind the point. */
void yq_line_settle(const uint32_t *sums, size_t count, uint16_t *out);
/* Both of these at once, of two or four lines. */
void yq_line_mix2(const uint8_t *a, const uint8_t *b, const uint16_t weights[2], size_t count,
                  uint16_t *out);
void yq_line_mix4(const uint8_t *const lines[4], const uint16_t weights[4], size_t count,
                  uint16_t *out);
void yq_line_round(const uint16_t *values, size_t count, uint8_t *out);

/* Each of `count` pixels is made of as many as `taps` values from its first one on; its weights are
 * 1 << 15 together. */
void yq_line_across(const uint16_t *values, const uint32_t *firsts, const uint16_t *weights,
                    size_t count, unsigned taps, unsigned samples, uint8_t *out);

/* ---- source.c: lines of the image in its own size, as they are shown ---- */

/* Whether a frame of this kind can be shown; its pixels are not looked at. */
yq_must_check bool yq_source_check(const struct yq_frame *frame, struct yq_err *err);
unsigned yq_source_samples(const struct yq_frame *frame); /* 1 or 3, of a picture of it */
/* Of an uncompressed frame, whose pixels are borrowed. */
yq_must_check bool yq_source_plain(const struct yq_frame *frame, struct plain *plain,
                                   struct yq_err *err);

enum source_kind {
    SOURCE_GREY,
    SOURCE_PALETTE,
    SOURCE_RGB,
    SOURCE_YBR,
    SOURCE_HALVED,
    SOURCE_PARTIAL
};
struct source {
    /* These are set before it is opened. */
    struct plain plain;
    const struct yq_frame *frame;     /* decoded */
    unsigned full_rows, full_columns; /* it was this before it was decoded in a lower resolution */
    const struct yq_look *look;
    enum source_kind kind;
    unsigned samples; /* of its lines, 1 or 3 */
    struct tone tone; /* of grey */
    uint8_t *table;   /* owned; of greys or colours; or NULL, then each value for itself */
};
yq_must_check bool yq_source_open(struct source *source, const struct yq_view *view,
                                  struct yq_err *err);
void yq_source_fini(struct source *source);
/* Columns from `first` of a row, with overlays and shutter. */
void yq_source_line(const struct source *source, unsigned row, unsigned first, unsigned count,
                    uint8_t *out);

/* ---- place.c: which part of the image becomes how large a picture, and which way up ---- */

struct place {
    double left, top, right, bottom; /* of the image, whole pixels from 0; may lie outside of it */
    unsigned rows, columns;          /* of the picture before it is turned */
    unsigned rotation;
    bool flipped;
    double scale_x, scale_y; /* pixels of that picture to one of the image */
    /* All that is displayed, before a region was cut out: left, top, right, bottom in the finished
     * picture. */
    double display[4];
};
yq_must_check bool yq_place_find(struct place *place, const struct yq_frame *frame,
                                 const struct yq_look *look, const struct yq_view *view,
                                 uint64_t most, struct yq_err *err);
/* A point of the image (0, 0: the top left corner of its first pixel) in the finished picture. */
void yq_place_point(const struct place *place, double x, double y, double *column, double *row);
/* Turns, then flips the picture as the place says. */
yq_must_check bool yq_place_turn(const struct place *place, struct yq_picture *picture,
                                 struct yq_err *err);

/* ---- scale.c ---- */

/* Fills all of `out`; what lies outside of the image is black. */
yq_must_check bool yq_scale(const struct source *source, const struct place *place, uint8_t *out,
                            struct yq_err *err);

/* ---- overlay.c, shutter.c: on columns of a row of the image ---- */

struct span {
    unsigned row, first, count;
};
void yq_overlay_line(const struct source *source, const struct span *span, uint8_t *out);
void yq_overlay_draw(const struct source *source, const struct yq_overlay *overlay, uint8_t grey,
                     const struct span *span, uint8_t *out);
void yq_shutter_line(const struct source *source, const struct span *span, uint8_t *out);

/* ---- annotate.c ---- */

yq_must_check bool yq_annotate(struct yq_picture *picture, const struct place *place,
                               const struct yq_look *look, const struct yq_view *view,
                               uint64_t most, struct yq_err *err);

#endif
