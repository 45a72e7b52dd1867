/* pixels.h: where an object's pixels are and what they look like, for the decoders of this room. */
#ifndef YQ_DCM_PIXELS_H
#define YQ_DCM_PIXELS_H

#include "scan.h"

struct yq_fragment {
    uint64_t position; /* in the dataset */
    uint32_t length;
};

struct yq_pixels {
    int fd; /* the caller's */
    struct yq_part10 part10;
    struct yq_frame facts; /* everything but the pixels */
    bool there;            /* (7FE0,0010) is; the scanner stands on it */
    bool encapsulated, floating;
    char vr[3];
    uint32_t length; /* of plain pixel data */
    struct yq_scan *scan;
    struct yq_buf offsets; /* the basic offset table as sent */
    struct yq_fragment *fragments;
    size_t fragment_count;
    size_t *starts; /* index of each frame's first fragment, and one behind the last */
};

/* Reads the attributes up to the pixel data; functional groups and palettes for frame `number`
 * (YQ_NO_FRAME: none). Nothing is checked yet. */
yq_must_check bool yq_pixels_open(int fd, unsigned number, struct yq_pixels *out,
                                  struct yq_err *err);
void yq_pixels_close(struct yq_pixels *pixels);

/* Whether the attributes make sense together and are of a kind we know. */
yq_must_check bool yq_pixels_check(const struct yq_pixels *pixels, struct yq_err *err);
/* Bytes of one frame, uncompressed as the attributes describe it (1-bit frames: rounded up). */
uint64_t yq_pixels_frame_bytes(const struct yq_pixels *pixels);

/* Appends frame `number` of plain pixel data in little endian; once per open. */
yq_must_check bool yq_pixels_plain(struct yq_pixels *pixels, unsigned number, uint64_t most,
                                   struct yq_buf *out, struct yq_err *err);
/* Finds the fragments of all frames. */
yq_must_check bool yq_pixels_index(struct yq_pixels *pixels, struct yq_err *err);
/* Appends the codestream of frame `number`; after yq_pixels_index. */
yq_must_check bool yq_pixels_gather(const struct yq_pixels *pixels, unsigned number, uint64_t most,
                                    struct yq_buf *out, struct yq_err *err);
/* Whether a JPEG or JPEG-LS codestream has the size that the attributes say: decoders allocate from
 * what stands in it. */
yq_must_check bool yq_pixels_jpeg_fits(const struct yq_frame *facts, const struct yq_buf *stream,
                                       struct yq_err *err);
/* Inflates one frame (Deflated Image Frame Compression), exactly `length` bytes. */
yq_must_check bool yq_pixels_inflate(const struct yq_buf *packed, uint64_t length,
                                     struct yq_buf *out, struct yq_err *err);

#endif
