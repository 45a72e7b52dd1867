/* kept.h: the catalog's texts that may be sealed and are no records: HL7 messages as they came,
 * whom patients were merged into. For a reseal. Errors and threads: catalog.h. */
#ifndef YQ_KEPT_H
#define YQ_KEPT_H

#include "yq/bytes.h"
#include "yq/catalog.h"

extern const size_t yq_kept_tables; /* how many */

struct yq_kept { /* ended with yq_kept_fini; zeroed before it is read into */
    int64_t id;
    struct yq_buf text, context; /* as it lies there; what it is sealed with */
    bool changed, sealed;        /* for the write: it is another text now; a sealed one */
};
void yq_kept_fini(struct yq_kept *kept);
/* Those of a table after this id, at most `room`; also where it fails, *count want ending. */
yq_must_check bool yq_kept_read(struct yq_catalog *catalog, size_t table, int64_t after,
                                struct yq_kept *out, size_t room, size_t *count,
                                struct yq_err *err);
/* Those that changed, in one transaction. */
yq_must_check bool yq_kept_write(struct yq_catalog *catalog, size_t table,
                                 const struct yq_kept *kept, size_t count, struct yq_err *err);

#endif
