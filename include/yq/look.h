/* look.h: what stands between stored pixel values and a picture: of an image itself, or of a
 * presentation state that says how to show it. A noun of model/. PS3.3 C.11 (look-up tables,
 * presentation states), C.9.2 (overlays), C.7.6.11 (shutters), C.10.4 to C.10.7. */
#ifndef YQ_LOOK_H
#define YQ_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct yq_lut {       /* C.11.1.1.1, C.11.2.1.1, C.7.6.3.1.5 */
    unsigned entries; /* 0: there is none */
    int first;        /* the input value that the first entry stands for */
    unsigned bits;    /* of an entry, 8 to 16 */
    uint16_t *values; /* owned */
};
void yq_lut_fini(struct yq_lut *lut);
bool yq_lut_copy(struct yq_lut *to, const struct yq_lut *from); /* false: no memory */

enum yq_voi_function { YQ_VOI_LINEAR, YQ_VOI_LINEAR_EXACT, YQ_VOI_SIGMOID }; /* C.11.2.1.2, .3 */
struct yq_window {
    double center, width;
};

struct yq_overlay { /* one plane, as it lies over one frame. C.9.2 */
    unsigned group; /* 0x6000, 0x6002, ... */
    unsigned rows, columns;
    int row, column;       /* of its first pixel in the image, from 1; may lie outside */
    bool region;           /* type R: a region of interest, else graphics */
    uint8_t *bits;         /* owned; pixel i is bit i % 8 of byte i / 8; NULL: embedded */
    unsigned embedded_bit; /* its bit in the cell of each stored pixel value, where bits is NULL */
};

struct yq_shutter { /* C.7.6.11, C.7.6.15; rows and columns from 1 */
    bool rectangular, circular;
    int left, right, upper, lower;
    int center_row, center_column, radius;
    size_t vertex_count;
    int *vertices;          /* owned: row, column of each */
    unsigned overlay_group; /* a bitmap shutter: this overlay's bits are hidden; 0: none */
    uint16_t grey;          /* P-value of what is hidden; 0 is black */
};

enum yq_area_mode { YQ_AREA_FIT, YQ_AREA_TRUE_SIZE, YQ_AREA_MAGNIFY }; /* C.10.4 */
struct yq_area {
    enum yq_area_mode mode;
    int left, top, right, bottom; /* pixels of the image from 1, both ends included */
    double magnification;         /* picture pixels an image pixel, for MAGNIFY */
    double spacing[2];            /* mm between rows, between columns; 0: not said */
};

enum yq_shape {
    YQ_SHAPE_POINT,
    YQ_SHAPE_POLYLINE,
    YQ_SHAPE_CURVE,
    YQ_SHAPE_CIRCLE,
    YQ_SHAPE_ELLIPSE
};
struct yq_graphic { /* C.10.5.1.2 */
    enum yq_shape shape;
    bool filled,
        of_display; /* of_display: 0 to 1 over the displayed area as it is shown (turned); else
                       pixels of the image, 0, 0 being the top left corner of the first one */
    uint8_t rgb[3];
    size_t point_count;
    float *points; /* owned: column, row of each */
};
struct yq_caption { /* C.10.5.1.1 */
    char *text;     /* owned; UTF-8, lines by \n */
    bool has_box, box_of_display, has_anchor, anchor_of_display, anchor_visible;
    enum { YQ_LEFT, YQ_CENTER, YQ_RIGHT } justify;
    float box[4];    /* column, row of the top left and of the bottom right corner */
    float anchor[2]; /* column, row */
    uint8_t rgb[3];
};

enum { YQ_WINDOWS_LOOK = 16 };
struct yq_look {
    double slope, intercept; /* modality rescale; 1 and 0 when absent */
    struct yq_lut modality;  /* instead of the rescale */
    enum yq_voi_function function;
    size_t window_count; /* in the order of the object; the first is the default */
    struct yq_window windows[YQ_WINDOWS_LOOK];
    size_t voi_count;
    struct yq_lut *voi; /* owned; those of the VOI LUT Sequence */
    struct yq_lut presentation;
    bool has_shape; /* a Presentation LUT Shape is said, and counts for more than MONOCHROME1 */
    bool inverse;   /* it is INVERSE */
    size_t overlay_count;
    struct yq_overlay *overlays; /* owned */
    struct yq_shutter shutter;
    double aspect; /* height of a pixel to its width; 1 when not said */
    /* The rest only presentation states have. */
    bool presented;    /* made by one */
    unsigned rotation; /* clockwise: 0, 90, 180, 270; flipped after that. C.10.6 */
    bool flipped;      /* left and right exchanged */
    bool has_area;
    struct yq_area area;
    size_t graphic_count, caption_count; /* in the order in which they are drawn */
    struct yq_graphic *graphics;         /* owned */
    struct yq_caption *captions;         /* owned */
};
void yq_look_fini(struct yq_look *look);

#endif
