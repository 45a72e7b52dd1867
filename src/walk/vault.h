/* vault.h: a record as it lies in the ledger. Private to walk/. */
#ifndef YQ_WALK_VAULT_H
#define YQ_WALK_VAULT_H

#include "yq/registry.h"

/* How things are to be sealed right now. */
struct vault {
    struct yq_house *house;
    bool seals;               /* what is personal is sealed */
    bool can;                 /* keys are at hand, also where nothing is sealed any more */
    char key[YQ_KEY_ID_SIZE]; /* the one that seals; "" */
};
yq_must_check bool vault_open(struct yq_house *house, struct vault *out, struct yq_err *err);

/* A record's name in the ledger: its id, or a mark of it where ids of the kind are personal. */
yq_must_check bool vault_name(const struct vault *vault, enum yq_kind kind, const char *id,
                              struct yq_buf *out, struct yq_err *err);
/* The entry of this id, under whichever name; *name (overwritten) gets that, or where there is
 * none (YQ_ABSENT) the name it is to have. */
yq_must_check bool vault_find(const struct vault *vault, enum yq_kind kind, const char *id,
                              int64_t version, struct yq_buf *name, struct yq_ledger_entry *out,
                              struct yq_err *err);
/* Its content at rest, appended, and the digest of what it says. */
yq_must_check bool vault_write(const struct vault *vault, const struct yq_record *record,
                               struct yq_buf *out, uint8_t digest[32], struct yq_err *err);
/* Whether this content is surely as vault_write would write it now. */
bool vault_is_current(const struct vault *vault, const char *content);
/* The keys it is found by. */
struct vault_keys { /* ended with vault_keys_fini; a zeroed one is empty */
    struct yq_ledger_key *keys;
    size_t count, room;
    struct yq_buf text; /* owns the values */
};
void vault_keys_fini(struct vault_keys *keys);
yq_must_check bool vault_keys(const struct vault *vault, const struct yq_record *record,
                              struct vault_keys *out, struct yq_err *err);

#endif
