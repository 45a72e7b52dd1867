/* object.h: what the path of a stored object tells, for settle.c and keep.c. Private to walk/. */
#ifndef YQ_WALK_OBJECT_H
#define YQ_WALK_OBJECT_H

#include "yq/walk.h"

/* The SOP Instance UID in objects/<2 hex>/<study>/<series>/<instance>.<8 hex>.dcm; false when the
 * path is not of that form. */
bool yq_object_instance(const char *path, char instance[YQ_UID_SIZE]);
/* Whether the file of this row lies there. */
bool yq_object_is_at(struct yq_house *house, const struct yq_entry *entry, const char *path);

#endif
