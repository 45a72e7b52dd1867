/* vault.h: a record as it lies in the ledger. Private to walk/. */
#ifndef YQ_WALK_VAULT_H
#define YQ_WALK_VAULT_H

#include "yq/registry.h"

/* A record's name in the ledger: its id, or a mark of it where ids of the kind are personal and
 * encryption is on. */
yq_must_check bool vault_name(struct yq_house *house, enum yq_kind kind, const char *id,
                              struct yq_buf *out, struct yq_err *err);
/* Its content at rest, appended, and the digest of what it says. */
yq_must_check bool vault_write(struct yq_house *house, const struct yq_record *record,
                               struct yq_buf *out, uint8_t digest[32], struct yq_err *err);
/* The keys it is found by. */
struct vault_keys { /* ended with vault_keys_fini; a zeroed one is empty */
    struct yq_ledger_key *keys;
    size_t count, room;
    struct yq_buf text; /* owns the values */
};
void vault_keys_fini(struct vault_keys *keys);
yq_must_check bool vault_keys(struct yq_house *house, const struct yq_record *record,
                              struct vault_keys *out, struct yq_err *err);

#endif
