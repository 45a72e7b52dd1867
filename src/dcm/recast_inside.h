/* recast_inside.h: what the files of recasting share; nobody else includes it. */
#ifndef YQ_DCM_RECAST_INSIDE_H
#define YQ_DCM_RECAST_INSIDE_H

#include "scan.h"
#include "sink.h"
#include "yq/recast.h"

struct feed { /* a dataset that is read: the object's, or the caller's elements */
    struct yq_scan *scan;
    struct yq_element element;
    bool there; /* it was read and is not written yet */
};

struct creator {
    unsigned depth;
    uint32_t block; /* ggggbb00 */
    char name[65];
};

struct icon { /* compressed in the object, plain from here on */
    bool active;
    unsigned depth; /* of its sequence */
    struct yq_frame frame;
};

struct yq_recast {
    struct yq_recasting how;
    struct yq_part10 part10; /* with the new UIDs */
    const char *source_syntax, *to;
    bool changes; /* the transfer syntax */
    struct feed source, edits;
    struct yq_sink sink;
    struct yq_writer writer; /* into the sink */
    struct yq_buf value;     /* of the current element, as much as was looked at */
    struct yq_buf shown, replacement;
    struct yq_buf edited; /* tags of the caller's elements */
    bool signed_pixels;
    uint32_t *path;
    size_t path_room;
    struct creator *creators;
    size_t creator_count;
    bool skipping;
    unsigned skip_depth;
    struct icon icon;
    /* Pixels from the caller. */
    bool gives, encapsulated, extended;
    struct yq_recast_pixels pixels;
    unsigned frame;                       /* how many came */
    uint64_t length;                      /* plain: of all of them */
    uint64_t came;                        /* of it */
    unsigned carry, carried;              /* single bits that do not fill a byte yet */
    uint64_t table_at, lengths_at, first; /* places in the dataset */
    struct yq_buf offsets, lengths;
    uint64_t late_end; /* place in the dataset */
    struct yq_buf late;
};

/* Bytes in little endian into the dataset's order. */
yq_must_check bool recast_put(struct yq_recast *recast, const void *bytes, size_t length,
                              unsigned unit, struct yq_err *err);

/* recast_pixels.c */
yq_must_check bool recast_begin_pixels(struct yq_recast *recast, struct yq_err *err);
yq_must_check bool recast_end_pixels(struct yq_recast *recast, struct yq_err *err);
yq_must_check bool recast_patch_tables(struct yq_recast *recast, struct yq_err *err);

/* recast_icon.c. The scanner stands on an icon sequence; *drop: it has to be left out. */
yq_must_check bool recast_icon(struct yq_recast *recast, bool *drop, struct yq_err *err);
/* Within a decoded icon: writes what comes from there; *done: this was one of those. */
yq_must_check bool recast_icon_element(struct yq_recast *recast, bool *done, struct yq_err *err);

#endif
