/* tree.h: a dataset in memory, for the rest of this room. */
#ifndef YQ_DCM_TREE_H
#define YQ_DCM_TREE_H

#include "scan.h"

/* Reads what the scanner has before it. With how->to_pixels the scanner stands on the pixel data
 * afterwards and *pixels describes them; its tag is 0 where there are none. */
yq_must_check bool yq_tree_read(struct yq_scan *scan, const struct yq_reading *how,
                                struct yq_dataset *out, struct yq_element *pixels,
                                struct yq_err *err);

#endif
