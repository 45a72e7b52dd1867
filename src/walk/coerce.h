/* coerce.h: coercion between the walks. Private to walk/. */
#ifndef YQ_WALK_COERCE_H
#define YQ_WALK_COERCE_H

#include "yq/walk.h"

/* Puts a file with the coerced values in the place of the stored object that *fd is open on, when
 * any were coerced in it; else leaves *fd as it is. */
yq_must_check bool coerce_outgoing(struct yq_house *house, const struct yq_entry *entry, int *fd,
                                   struct yq_err *err);

#endif
