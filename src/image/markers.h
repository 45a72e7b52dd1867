/* markers.h: the segments of a JPEG or JPEG-LS codestream, for the decoders that are our own.
 * ISO/IEC 10918-1 annex B, 14495-1 annex C. Private to room image. */
#ifndef YQ_IMAGE_MARKERS_H
#define YQ_IMAGE_MARKERS_H

#include "yq/image.h"

enum { MARKERS_COMPONENTS = 3 };

struct markers {
    const uint8_t *at, *end;         /* what was not read yet */
    unsigned rows, columns, samples; /* as the dataset has them */
    unsigned precision;              /* 0: no frame header so far */
    uint8_t ids[MARKERS_COMPONENTS];
    bool seen[MARKERS_COMPONENTS]; /* components whose scan was met */
};

/* Over a frame's codestream. */
struct markers yq_markers_over(const struct yq_frame *coded);
bool yq_markers_complete(const struct markers *m); /* every component had its scan */
/* The next segment, its body in *p and *length. False: there is none, or it is the end. */
bool yq_markers_next(struct markers *m, unsigned *marker, const uint8_t **p, size_t *length);
/* A frame header that agrees with the dataset, without subsampling. */
yq_must_check bool yq_markers_frame(struct markers *m, const uint8_t *p, size_t length,
                                    struct yq_err *err);
/* A scan header: how many components it names, and which; `tail` gets the three bytes behind
 * them. Component i of the scan has its table selector at p[2 + 2 * i]. */
yq_must_check bool yq_markers_scan(struct markers *m, const uint8_t *p, size_t length,
                                   unsigned components[MARKERS_COMPONENTS], unsigned *count,
                                   const uint8_t **tail, struct yq_err *err);

#endif
