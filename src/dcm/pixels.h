/* pixels.h: where an object's pixels are and what they look like, for the decoders of this room. */
#ifndef YQ_DCM_PIXELS_H
#define YQ_DCM_PIXELS_H

#include "tree.h"

struct yq_fragment {
    uint64_t position; /* in the dataset */
    uint32_t length;
};

struct yq_fragments { /* of encapsulated pixel data (fragments.c) */
    bool tables_read;
    uint64_t first;         /* where the item of the first fragment stands; offsets count from it */
    uint64_t *offsets;      /* owned; of each frame, by whichever table there is; NULL: none */
    bool listed;            /* all were found: */
    struct yq_fragment *at; /* owned */
    size_t count;
    size_t *starts; /* owned; index of each frame's first one, and one behind the last */
};

struct yq_pixels {
    int fd; /* the caller's */
    struct yq_part10 part10;
    uint64_t length;           /* of the dataset in the file */
    struct yq_dataset dataset; /* what describes the image; not the per-frame groups: */
    struct yq_group_items groups;
    struct yq_frame facts; /* everything but the pixels, palettes and look */
    bool there;            /* pixel data are; the scanner stands on them */
    bool encapsulated;
    bool packed; /* 12 bits allocated: two pixels in three bytes */
    bool deflated, big;
    struct yq_element element; /* the pixel data */
    uint64_t passed;           /* bytes of its value that the scanner passed */
    struct yq_scan *scan;
    struct yq_fragments fragments;
};

/* Reads the attributes up to the pixel data and makes sense of them. Nothing is refused yet. */
yq_must_check bool yq_pixels_open(int fd, struct yq_pixels *out, struct yq_err *err);
void yq_pixels_close(struct yq_pixels *pixels);

/* Whether the attributes make sense together and are of a kind we know. */
yq_must_check bool yq_pixels_check(const struct yq_pixels *pixels, struct yq_err *err);
/* Bytes of one frame, uncompressed as the attributes describe it (1-bit frames: rounded up). */
uint64_t yq_pixels_frame_bytes(const struct yq_pixels *pixels);
/* Appends frame `number` of plain pixel data in little endian. */
yq_must_check bool yq_pixels_plain(struct yq_pixels *pixels, unsigned number, uint64_t most,
                                   struct yq_buf *out, struct yq_err *err);
/* Bytes of the dataset from `position` on, fewer at its end; not of a deflated one. */
yq_must_check bool yq_pixels_bytes(const struct yq_pixels *pixels, uint64_t position, void *bytes,
                                   size_t length, size_t *got, struct yq_err *err);
/* The functional groups of frame `number`: the first item of *group's root; it has none where the
 * object has none. */
yq_must_check bool yq_pixels_group(const struct yq_pixels *pixels, unsigned number,
                                   struct yq_dataset *group, struct yq_err *err);

/* ---- fragments.c ---- */

/* Finds all fragments, and which are of which frame. */
yq_must_check bool yq_pixels_index(struct yq_pixels *pixels, struct yq_err *err);
/* Appends the codestream of frame `number`: found by an offset table where there is one that is
 * right, else by looking at all fragments, once. */
yq_must_check bool yq_pixels_gather(struct yq_pixels *pixels, unsigned number, uint64_t most,
                                    struct yq_buf *out, struct yq_err *err);
void yq_fragments_fini(struct yq_fragments *fragments);

/* ---- lut.c, looks.c, overlay.c ---- */

/* A look-up table that stands in an item; entries 0 where there is none that can be used. False:
 * no memory. `is_signed`: so are the values that go in. */
yq_must_check bool yq_lut_read(const struct yq_item *item, uint32_t descriptor, uint32_t data,
                               bool is_signed, struct yq_lut *out, struct yq_err *err);
/* Palettes; all without entries where they cannot be used. */
yq_must_check bool yq_palette_read(const struct yq_item *item, bool is_signed,
                                   struct yq_lut palette[3], struct yq_err *err);
/* How frame `number` is to be shown. */
yq_must_check bool yq_looks_read(const struct yq_pixels *pixels, unsigned number,
                                 struct yq_look *out, struct yq_err *err);
/* Parts of it, from the dataset of an image or of a presentation state. */
yq_must_check bool yq_looks_modality(const struct yq_item *item, bool is_signed,
                                     struct yq_look *look, struct yq_err *err);
yq_must_check bool yq_looks_voi(const struct yq_item *item, bool is_signed, struct yq_look *look,
                                struct yq_err *err);
yq_must_check bool yq_looks_presentation(const struct yq_item *item, struct yq_look *look,
                                         struct yq_err *err);
yq_must_check bool yq_shutter_read(const struct yq_item *item, struct yq_shutter *shutter,
                                   struct yq_err *err);
enum { YQ_OVERLAY_GROUPS = 16 }; /* 6000, 6002, ... */
/* One plane of the dataset `root`, as it lies over frame `number`; false: there is none. `pixels`:
 * the image whose dataset it is; NULL for a presentation state. */
bool yq_overlay_plane(const struct yq_item *root, const struct yq_pixels *pixels, uint32_t group,
                      unsigned number, struct yq_overlay *plane, struct yq_err *err);
yq_must_check bool yq_overlay_add(struct yq_look *look, struct yq_overlay *take,
                                  struct yq_err *err);
yq_must_check bool yq_overlays_read(const struct yq_pixels *pixels, unsigned number,
                                    struct yq_look *look, struct yq_err *err);

/* ---- frame.cc, streams.c ---- */

/* The frame holds a codestream, its uncompressed size was compared with a bound before. Turns it
 * into pixels, and corrects the attributes that this changes, where only this room can; leaves it
 * as it is for yq_image_decode where that can. YQ_REFUSED: nobody can. */
yq_must_check bool yq_frame_decode(struct yq_frame *frame, struct yq_err *err);
/* Whether a JPEG or JPEG-LS codestream has the size that the attributes say: decoders allocate from
 * what stands in it. */
yq_must_check bool yq_stream_fits(const struct yq_frame *facts, const struct yq_buf *stream,
                                  struct yq_err *err);
/* Inflates one frame (Deflated Image Frame Compression), exactly `length` bytes. */
yq_must_check bool yq_stream_inflate(const struct yq_buf *packed, uint64_t length,
                                     struct yq_buf *out, struct yq_err *err);

#endif
