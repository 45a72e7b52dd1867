/* palette.h: 256 colours for a picture. Private to room image. */
#ifndef YQ_IMAGE_PALETTE_H
#define YQ_IMAGE_PALETTE_H

#include "yq/image.h"

struct palette {
    unsigned count;
    uint8_t rgb[256][3];
};

/* `indexes`: one a pixel, rows * columns of them. False: no memory. */
bool yq_palette_make(const struct yq_picture *picture, struct palette *out, uint8_t *indexes);

#endif
