/* register.h: which studies have changed since records were made of them. A part of the catalog;
 * errors and threads: catalog.h.
 *
 * Each study's row has the time of the change that was looked at last: so a restart, or a new
 * catalog, goes on where it stopped, and no study is looked at twice for nothing. */
#ifndef YQ_REGISTER_H
#define YQ_REGISTER_H

#include "yq/catalog.h"

struct yq_unregistered {
    int64_t id, changed_ms;
    char study[YQ_UID_SIZE];
    char source[YQ_AET_SIZE]; /* of the instance that came first, "" for files */
};
/* Studies that changed, but not since `quiet_ms`, in the order they came first; `after_id` 0 at the
 * beginning. */
yq_must_check bool yq_register_next(struct yq_catalog *catalog, int64_t quiet_ms, int64_t after_id,
                                    struct yq_unregistered *out, size_t room, size_t *count,
                                    struct yq_err *err);
/* They were looked at, as they were then. */
yq_must_check bool yq_register_done(struct yq_catalog *catalog, const struct yq_unregistered *list,
                                    size_t count, struct yq_err *err);

/* A report of these was made, or could not be: other content under the same UID is looked at anew.
 */
yq_must_check bool yq_register_has(struct yq_catalog *catalog, const char *sop_instance,
                                   int64_t received_ms, bool *out, struct yq_err *err);
yq_must_check bool yq_register_instance(struct yq_catalog *catalog, const char *sop_instance,
                                        int64_t received_ms, struct yq_err *err);

#endif
