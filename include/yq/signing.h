/* signing.h: the catalog's jobs of signing: which report waits for whose signature, and how far it
 * is; and which signatures were checked already. One job a report. Room catalog.
 *
 * The row is the state: whoever works on it reads it, does one step, and writes it, unless somebody
 * else wrote it meanwhile. `kept` is text that the catalog does not look into (perhaps sealed).
 * Errors and threads: catalog.h. */
#ifndef YQ_SIGNING_H
#define YQ_SIGNING_H

#include "yq/bytes.h"
#include "yq/ledger.h"

#define YQ_SIGNING_REASON_SIZE 256

/* The numbers are in the catalog: below 4 there is something to do. */
enum yq_signing_state {
    YQ_SIGNING_WANTED,  /* the service is to be asked for a job */
    YQ_SIGNING_WAITING, /* it has one, and the doctor is to sign */
    YQ_SIGNING_SIGNED,  /* the signature was checked; the time stamp is to be fetched */
    YQ_SIGNING_STAMPED, /* that was checked too; the report is to get both */
    YQ_SIGNING_DONE,
    YQ_SIGNING_STUCK, /* a person has to do something: `reason` */
    YQ_SIGNING_CANCELLED,
    YQ_SIGNING_STATE_COUNT
};
const char *yq_signing_state_name(enum yq_signing_state state); /* "wanted", "waiting", ... */
/* YQ_SIGNING_STATE_COUNT: none of this name. */
enum yq_signing_state yq_signing_state_parse(const char *name);

struct yq_signing {                   /* ended with yq_signing_fini */
    int64_t id;                       /* 0: not in the catalog yet */
    int64_t serial;                   /* counts what was written */
    int64_t report;                   /* its row in the ledger */
    char name[YQ_RECORD_ID_MOST + 1]; /* the report's, as the ledger has it */
    char platform[17];
    enum yq_signing_state state;
    int64_t version;   /* of the report, as it was when it was looked at last */
    uint8_t text[32];  /* SHA-256 of what is signed */
    char user[128];    /* who is to sign, as the service knows him; "": whoever scans the code */
    char data_id[128]; /* the service's number of its job */
    unsigned rounds;   /* jobs that the service was asked for */
    unsigned tries;    /* steps in vain, one after the other */
    int64_t created_ms, asked_ms, expires_ms, next_ms, changed_ms;
    char reason[YQ_SIGNING_REASON_SIZE];
    struct yq_buf kept; /* owned; not in lists */
};
void yq_signing_fini(struct yq_signing *job);

/* YQ_ABSENT: the report has none. */
yq_must_check bool yq_signing_get(struct yq_catalog *catalog, int64_t report,
                                  struct yq_signing *out, struct yq_err *err);
/* Writes it, a new one where id is 0; id, serial and changed_ms are set. YQ_CONFLICT: somebody else
 * wrote it since it was read. */
yq_must_check bool yq_signing_put(struct yq_catalog *catalog, struct yq_signing *job,
                                  struct yq_err *err);
/* Reports (rows) of a platform's jobs with something to do by then, the longest due first. */
yq_must_check bool yq_signing_due(struct yq_catalog *catalog, const char *platform, int64_t now_ms,
                                  int64_t *reports, size_t room, size_t *count, struct yq_err *err);
/* Jobs, the last changed first, without what is kept; `states`: bits 1 << state, 0: all; *out
 * malloc'ed: free() will do. */
yq_must_check bool yq_signing_list(struct yq_catalog *catalog, unsigned states, size_t limit,
                                   struct yq_signing **out, size_t *count, struct yq_err *err);
/* Up to which version (yq_ledger_entry.version_row) reports were looked at; *version -1: never. */
yq_must_check bool yq_signing_position(struct yq_catalog *catalog, const char *platform,
                                       int64_t *version, struct yq_err *err);
yq_must_check bool yq_signing_move(struct yq_catalog *catalog, const char *platform,
                                   int64_t version, struct yq_err *err);
/* The last version there is. */
yq_must_check bool yq_signing_end(struct yq_catalog *catalog, int64_t *version, struct yq_err *err);

/* ---- what was checked already ---- */

struct yq_signature_seen { /* what was checked last of a report, for a platform */
    uint8_t digest[32];    /* of all that was checked, and how */
    bool good;
    int64_t at_ms;
    char reason[YQ_SIGNING_REASON_SIZE];
};
/* YQ_ABSENT. */
yq_must_check bool yq_signature_seen_get(struct yq_catalog *catalog, const char *platform,
                                         int64_t report, struct yq_signature_seen *out,
                                         struct yq_err *err);
yq_must_check bool yq_signature_seen_put(struct yq_catalog *catalog, const char *platform,
                                         int64_t report, const struct yq_signature_seen *seen,
                                         struct yq_err *err);

#endif
