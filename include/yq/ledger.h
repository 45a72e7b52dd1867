/* ledger.h: the catalog's records: every version, where it came from and when.
 *
 * Nothing is overwritten: a change is a new version. Content is text that the catalog does not look
 * into (JSON, personal members perhaps sealed); what records are found by comes beside it as keys.
 * Errors and threads: catalog.h. */
#ifndef YQ_LEDGER_H
#define YQ_LEDGER_H

#include "yq/catalog.h"
#include "yq/record.h"

#define YQ_SOURCE_SIZE 96 /* "rest:his", "hl7:ris", "odbc:lis", "folder:inbox", "image:CT1" */

struct yq_ledger_key { /* a value that a record is found by: folded, or a mark of it where sealed */
    const char *member, *value; /* in a query: one of several, between 0x1F */
};
/* > 0: the number that the latest version must have, be it a removal or not. A record that was
 * removed is absent. */
enum yq_expect { YQ_EXPECT_ANYTHING = -1, YQ_EXPECT_ABSENT = 0 };
struct yq_ledger_change {
    enum yq_kind kind;
    const char *id;
    const char *content; /* NULL: the record is removed (a version too) */
    uint8_t digest[32];  /* of what it says, before anything was sealed: the same is no change */
    const char *changed; /* names of changed members, with commas, for the trace */
    const char *source;  /* YQ_SOURCE_SIZE */
    const char *person;  /* who, "" for programs */
    int64_t received_ms; /* 0: now */
    int64_t expect;      /* version that must be the latest, or a yq_expect */
    const struct yq_ledger_key *keys; /* they take the place of the earlier ones */
    size_t key_count;                 /* a removed record is found by those it had */
    const char *attachment; /* name of the file that this version names (attached.h); NULL: none */
    const char *findings;   /* JSON array of yq_finding, NULL: none */
    unsigned serious;       /* how many of them are */
};
enum yq_ledger_outcome { YQ_LEDGER_NEW, YQ_LEDGER_CHANGED, YQ_LEDGER_SAME, YQ_LEDGER_REMOVED };
struct yq_ledger_result {
    enum yq_ledger_outcome outcome;
    int64_t row, version; /* row: the record's, stable over versions */
    struct yq_err err;    /* of this change; YQ_OK, YQ_CONFLICT (expect), YQ_ABSENT (removal) */
};
/* All of them in one transaction, in their order, each with its own result: one that does not go
 * does not keep the others back. The same again is no new version, though its findings may be new
 * ones, which then take the place of the earlier. False: nothing was kept (the transaction failed).
 */
yq_must_check bool yq_ledger_write(struct yq_catalog *catalog,
                                   const struct yq_ledger_change *changes, size_t count,
                                   struct yq_ledger_result *results, struct yq_err *err);

struct yq_ledger_entry { /* ended with yq_ledger_entry_fini */
    int64_t row, version, received_ms, first_ms;
    int64_t latest;      /* number of the latest version */
    int64_t version_row; /* the version's own; grows with time */
    enum yq_kind kind;
    char id[YQ_RECORD_ID_MOST + 1];
    char source[YQ_SOURCE_SIZE];
    char person[64];
    bool removed;
    unsigned serious;
    uint8_t digest[32];                 /* of the record's latest version */
    char *content, *changed, *findings; /* owned; "" where there is nothing */
};
void yq_ledger_entry_fini(struct yq_ledger_entry *entry);
/* The latest version (version 0) or this one. YQ_ABSENT: never heard of. A removed record is an
 * entry with `removed`. */
yq_must_check bool yq_ledger_get(struct yq_catalog *catalog, enum yq_kind kind, const char *id,
                                 int64_t version, struct yq_ledger_entry *out, struct yq_err *err);
yq_must_check bool yq_ledger_get_row(struct yq_catalog *catalog, int64_t row,
                                     struct yq_ledger_entry *out, struct yq_err *err);

/* Exams and reports have, beside the keys of the model, this one: when it took place, as
 * 2026-03-01 08:15:00. An exam's is that of examination, else arrival, registration, request, last
 * change; a report's that of the report, else final audit, audit, publication, last change. */
#define YQ_LEDGER_WHEN "@when"
struct yq_ledger_query {
    int kind;                         /* an enum yq_kind; -1: all */
    const struct yq_ledger_key *keys; /* all of them must fit */
    size_t key_count;
    int64_t from_ms, until_ms;          /* last change in [from, until); 0: no bound */
    const char *when_from, *when_until; /* YQ_LEDGER_WHEN in [from, until]; NULL: no bound */
    const char *source;                 /* NULL: any; "hl7:*" patterns allowed */
    bool serious_only, findings_only, removed_too;
    int64_t after_row; /* paging: rows after this one in the order of first arrival, */
    bool newest_first; /* or before it */
    size_t limit;      /* 0: 50 */
    uint64_t offset;   /* rows of the answer to pass over */
};
/* *out malloc'ed, ended with yq_ledger_list_free. Content only `with_content`. */
yq_must_check bool yq_ledger_find(struct yq_catalog *catalog, const struct yq_ledger_query *query,
                                  bool with_content, struct yq_ledger_entry **out, size_t *count,
                                  struct yq_err *err);
void yq_ledger_list_free(struct yq_ledger_entry *list, size_t count);
/* All versions of one record, oldest first. */
yq_must_check bool yq_ledger_history(struct yq_catalog *catalog, enum yq_kind kind, const char *id,
                                     struct yq_ledger_entry **out, size_t *count,
                                     struct yq_err *err);

/* ---- the same versions, kept otherwise (sealed, with another key) ---- */

/* All versions of all records with their content, in the order of version_row from after this one.
 */
yq_must_check bool yq_ledger_versions(struct yq_catalog *catalog, int64_t after, size_t limit,
                                      struct yq_ledger_entry **out, size_t *count,
                                      struct yq_err *err);
struct yq_ledger_recast { /* says the same as before */
    const struct yq_ledger_entry *entry;
    const char *content; /* NULL: it stays */
    const char *name;    /* what follows counts where it is the latest version still; NULL: nothing
                            follows */
    const uint8_t *digest; /* NULL: it stays */
    const struct yq_ledger_key *keys;
    size_t key_count;
};
yq_must_check bool yq_ledger_recast(struct yq_catalog *catalog,
                                    const struct yq_ledger_recast *recasts, size_t count,
                                    struct yq_err *err);

struct yq_ledger_totals { /* records that are not removed; versions also of those that are */
    uint64_t records[YQ_KIND_KEPT], versions, with_findings;
};
yq_must_check bool yq_ledger_totals(struct yq_catalog *catalog, struct yq_ledger_totals *out,
                                    struct yq_err *err);

#endif
