/* draw.h: lines, areas and text on a finished picture, within this room. */
#ifndef YQ_IMAGE_DRAW_H
#define YQ_IMAGE_DRAW_H

#include "yq/image.h"

/* A picture that is drawn on. `effort` goes down with what is drawn; at 0 nothing more is, so that
 * no object makes a picture take for ever. */
struct canvas {
    uint8_t *pixels; /* borrowed */
    unsigned rows, columns, samples;
    int64_t effort;
};
struct canvas yq_canvas_of(struct yq_picture *picture);
struct dot {
    double x, y; /* pixels of the picture, 0, 0 being its top left corner; any number or none */
};

/* ---- draw.c ---- */

/* Mixes a colour in; `alpha` 0 to 255. Outside of the picture nothing happens. */
void yq_canvas_mix(struct canvas *canvas, int64_t column, int64_t row, const uint8_t rgb[3],
                   unsigned alpha);
/* A line through all of them, `width` pixels wide, darkened around so that it is seen on white. */
void yq_canvas_line(struct canvas *canvas, const struct dot *dots, size_t count, double width,
                    const uint8_t rgb[3]);
/* What they enclose, so that the image is seen through it. */
void yq_canvas_fill(struct canvas *canvas, const struct dot *dots, size_t count,
                    const uint8_t rgb[3]);

/* ---- text.c ---- */

struct type; /* an opened font */
/* YQ_REFUSED: no font was named. */
yq_must_check bool yq_type_open(struct type **out, struct yq_err *err);
void yq_type_close(struct type *type);

enum text_side { TEXT_LEFT, TEXT_CENTER, TEXT_RIGHT };
/* Pixels that the text takes at a size (of its letters, in pixels), lines by \n. */
void yq_text_measure(struct type *type, const char *text, unsigned size, unsigned *columns,
                     unsigned *rows);
/* The top left corner of that rectangle is at column, row. */
void yq_text_draw(struct type *type, struct canvas *canvas, const char *text, unsigned size,
                  enum text_side side, int64_t column, int64_t row, const uint8_t rgb[3]);

#endif
