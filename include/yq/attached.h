/* attached.h: what the catalog knows of attachments: their sizes, and which versions of which
 * records name them. Errors and threads: catalog.h. */
#ifndef YQ_ATTACHED_H
#define YQ_ATTACHED_H

#include "yq/catalog.h"
#include "yq/record.h"

struct yq_attachment {
    char name[65]; /* SHA-256 of its bytes in hex: the value of a report's member `pdf` */
    uint64_t size; /* bytes */
    unsigned pages;
    int64_t kept_ms; /* when it came, the last time */
};
/* A new row; where there is one already its time becomes that of `attachment`. */
yq_must_check bool yq_attached_put(struct yq_catalog *catalog,
                                   const struct yq_attachment *attachment, struct yq_err *err);
yq_must_check bool yq_attached_get(struct yq_catalog *catalog, const char *name,
                                   struct yq_attachment *out, struct yq_err *err); /* YQ_ABSENT */
/* Those whose names come after `after` (""), in their order; *count 0 at the end. */
yq_must_check bool yq_attached_after(struct yq_catalog *catalog, const char *after,
                                     struct yq_attachment *out, size_t room, size_t *count,
                                     struct yq_err *err);

struct yq_attached_use { /* a version of a record that names it */
    enum yq_kind kind;
    char id[YQ_RECORD_ID_MOST + 1]; /* as the ledger has it */
    int64_t version;
};
/* The latest ones first. */
yq_must_check bool yq_attached_uses(struct yq_catalog *catalog, const char *name,
                                    struct yq_attached_use *out, size_t room, size_t *count,
                                    struct yq_err *err);
/* Takes out of the catalog those that no version ever named and that came before this time, at most
 * `room`: their names. */
yq_must_check bool yq_attached_forget(struct yq_catalog *catalog, int64_t before_ms,
                                      char (*names)[65], size_t room, size_t *count,
                                      struct yq_err *err);
struct yq_attached_totals {
    uint64_t count, bytes;
};
yq_must_check bool yq_attached_totals(struct yq_catalog *catalog, struct yq_attached_totals *out,
                                      struct yq_err *err);

#endif
