/* object.h: what a stored object tells: its path, its bytes. Private to walk/. */
#ifndef YQ_WALK_OBJECT_H
#define YQ_WALK_OBJECT_H

#include "yq/seal.h"
#include "yq/walk.h"

/* The SOP Instance UID in objects/<2 hex>/<study>/<series>/<instance>.<8 hex>.dcm; false when the
 * path is not of that form. */
bool yq_object_instance(const char *path, char instance[YQ_UID_SIZE]);
/* Whether the file of this row lies there. */
bool yq_object_is_at(struct yq_house *house, const struct yq_entry *entry, const char *path);
/* Whether any row names the object at this path. */
enum yq_known yq_object_known(struct yq_house *house, const char *path);

/* Size and digest of a file. */
yq_must_check bool yq_object_digest(int fd, enum yq_digest_kind kind, struct yq_object *object,
                                    struct yq_err *err);

/* A file without a name, for `size` bytes that are on their way out: in memory while that is
 * little, else on the disk of the objects. *fd is the caller's. */
yq_must_check bool yq_object_scratch(struct yq_house *house, uint64_t size, int *fd,
                                     struct yq_err *err);
/* Into the trash; what was made from it goes too. */
yq_must_check bool yq_object_trash(struct yq_house *house, const struct yq_key *key,
                                   const uint8_t digest[32], const char *label, struct yq_err *err);

#endif
