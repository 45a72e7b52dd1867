/* frame.h: one frame of an image, on its way from dcm/ to image/. A noun of model/. PS3.3
 * C.7.6.3. */
#ifndef YQ_FRAME_H
#define YQ_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/look.h"
#include "yq/uid.h"

/* The pixels of one frame, compressed or not, and what is needed to show them. */
struct yq_frame {
    unsigned rows, columns, frames; /* frames: how many the object has */
    unsigned samples;               /* 1 or 3 */
    unsigned bits_allocated, bits_stored, high_bit;
    bool is_signed, planar; /* planar: colour by plane */
    bool is_float;          /* IEEE 754, of 32 or 64 bits allocated. C.7.6.24, C.7.6.25 */
    bool has_padding; /* stored values from padding[0] to [1] are no part of the image. C.7.5.1.1.2
                       */
    int padding[2];
    char photometric[17];
    struct yq_lut palette[3]; /* of PALETTE COLOR; entries of 16 bits, whatever the object has */
    struct yq_look look;      /* the object's own */
    /* Not "": pixels is one compressed frame in this syntax, for yq_image_decode. */
    char codestream_syntax[YQ_UID_SIZE];
    struct yq_buf pixels; /* little endian */
};
void yq_frame_fini(struct yq_frame *frame);

/* How a frame is wanted in a transfer syntax. */
struct yq_coding {
    const char *syntax;
    int quality;  /* of lossy JPEG, 1 to 100; 0: 90 */
    int near;     /* JPEG-LS: the greatest difference of a sample; 0: without loss */
    double ratio; /* JPEG 2000: bytes of the pixels to bytes of the codestream; 0: without loss */
};

struct yq_blank { /* pixels of a frame that are to show nothing */
    unsigned left, top, width, height;
};

#endif
