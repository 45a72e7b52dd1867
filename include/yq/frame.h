/* frame.h: one frame of an image, on its way from dcm/ to image/. A noun of model/. PS3.3
 * C.7.6.3. */
#ifndef YQ_FRAME_H
#define YQ_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/uid.h"

/* What is needed to show one frame. */
struct yq_frame {
    unsigned rows, columns, frames; /* frames: how many the object has */
    unsigned samples;               /* 1 or 3 */
    unsigned bits_allocated, bits_stored, high_bit;
    bool is_signed, planar; /* planar: colour by plane */
    char photometric[17];
    double slope, intercept; /* modality rescale; 1 and 0 when absent */
    bool has_window;
    double window_center, window_width; /* first of the object's */
    char voi_function[17];              /* "", LINEAR, LINEAR_EXACT, SIGMOID */
    /* Each palette_entries long, scaled to 16 bits, owned; NULL when not PALETTE COLOR. */
    uint16_t *palette[3];
    unsigned palette_entries;
    int palette_first;
    /* Not "": pixels is one compressed frame in this syntax, for image/ to decode. */
    char codestream_syntax[YQ_UID_SIZE];
    struct yq_buf pixels; /* little endian */
};
void yq_frame_fini(struct yq_frame *frame);

#endif
