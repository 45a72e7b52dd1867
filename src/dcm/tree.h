/* tree.h: a dataset in memory, for the rest of this room. */
#ifndef YQ_DCM_TREE_H
#define YQ_DCM_TREE_H

#include "scan.h"

struct yq_group_item { /* of the per-frame functional groups: where its elements are */
    uint64_t position;
    uint64_t end;
};
struct yq_group_items {
    struct yq_group_item *items; /* owned */
    size_t count, room;
    enum yq_layout layout; /* of their elements; not deflated */
};

struct yq_tree_part {             /* which part of a dataset is read; zeroed: all of it */
    bool image_only;              /* at top level only what describes an image */
    struct yq_group_items *items; /* filled where not NULL */
};

/* Reads what the scanner has before it. With how->to_pixels the scanner stands on the pixel data
 * afterwards and *pixels describes them; its tag is 0 where there are none. */
yq_must_check bool yq_tree_read(struct yq_scan *scan, const struct yq_reading *how,
                                const struct yq_tree_part *part, struct yq_dataset *out,
                                struct yq_element *pixels, struct yq_err *err);

#endif
