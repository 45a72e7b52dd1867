/* frames_inside.h: what an opened image is, for the shelf. */
#ifndef YQ_DCM_FRAMES_INSIDE_H
#define YQ_DCM_FRAMES_INSIDE_H

#include "pixels.h"
#include "yq/frames.h"

struct yq_frames {
    struct yq_pixels pixels;
};

#endif
