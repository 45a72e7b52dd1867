/* registry.h: the walk "record in" (walk/record.c) and reading records again, whichever door asks:
 * REST, HL7, a database, a folder, images. Check -> keep -> link -> answer. */
#ifndef YQ_REGISTRY_H
#define YQ_REGISTRY_H

#include "yq/check.h"
#include "yq/ledger.h"
#include "yq/walk.h"

enum yq_record_how {
    YQ_RECORD_REPLACE,  /* it is the whole record (PUT) */
    YQ_RECORD_OVERLAY,  /* what it has comes over what is there (HL7, views, image headers) */
    YQ_RECORD_COMPLETE, /* only what is not there yet (image headers under an order) */
    YQ_RECORD_REMOVE    /* only kind and id count */
};
struct yq_submission {        /* one record on its way in; the walk only adds to it */
    struct yq_record *record; /* borrowed */
    enum yq_record_how how;
    int64_t expect; /* yq_expect, or the version that must be there */
    /* out */
    struct yq_ledger_result result; /* its err: why this one was not kept */
    struct yq_findings findings;    /* the caller ends them */
};
/* Keeps them, in one transaction, and links them. Promise: what has result.err.code YQ_OK is on
 * stable storage. `source`: YQ_SOURCE_SIZE, "hl7:ris". False: none was kept, and *err says why
 * (then the sender may try again). Two changes of one record in one call are taken in their order.
 * Audited; logged once, without personal data. */
yq_must_check bool yq_record_in(struct yq_house *house, const struct yq_origin *origin,
                                const char *source, struct yq_submission *submissions, size_t count,
                                struct yq_err *err);

/* A record as it was kept, its personal members opened. version 0: the latest. The caller frees
 * *record. entry->content is what is at rest. Audit is the caller's (yq_audit_record). */
yq_must_check bool yq_record_out(struct yq_house *house, enum yq_kind kind, const char *id,
                                 int64_t version, struct yq_record **record,
                                 struct yq_ledger_entry *entry, struct yq_err *err);
/* Lets go of what yq_record_out gave. */
static inline void yq_record_out_fini(struct yq_record *record, struct yq_ledger_entry *entry)
{
    yq_record_free(record);
    yq_ledger_entry_fini(entry);
}
/* An entry's content opened; NULL record for a removed one. */
yq_must_check bool yq_record_open(struct yq_house *house, const struct yq_ledger_entry *entry,
                                  struct yq_record **record, struct yq_err *err);
/* A key as the ledger has it (folded; marked when the member is personal and encryption is on). */
yq_must_check bool yq_record_key(struct yq_house *house, const struct yq_member *member,
                                 const char *value, struct yq_buf *out, struct yq_err *err);

/* ---- links (walk/link.c): exam - report - study ---- */

enum yq_link_how {
    YQ_LINK_ACCESSION,
    YQ_LINK_STUDY_UID,
    YQ_LINK_EXAM_ID,
    YQ_LINK_GUESS,
    YQ_LINK_HAND
};
struct yq_link {
    int64_t id, made_ms;
    char exam[YQ_RECORD_ID_MOST + 1];   /* "" where the link is report - study */
    char report[YQ_RECORD_ID_MOST + 1]; /* "" where it is exam - study */
    char study[YQ_UID_SIZE];            /* "" where it is exam - report */
    enum yq_link_how how;
    bool sure; /* not a guess, or a guess that was confirmed */
};
/* Looks for what belongs to these records, after they were kept; never an error of the sender's. */
void yq_link_records(struct yq_house *house, const struct yq_submission *submissions, size_t count);
/* The same for a study that came or changed. */
void yq_link_study(struct yq_house *house, const char *study);
/* Everything that is linked with an exam, a report or a study. *out malloc'ed. */
yq_must_check bool yq_links_of(struct yq_house *house, enum yq_kind kind, const char *id,
                               struct yq_link **out, size_t *count, struct yq_err *err);

/* ---- a patient merge (ADT^A40), walk/merge.c ---- */
/* Everything of patient `from` becomes `into`'s; *merge is its number, for undo. */
yq_must_check bool yq_patient_merge(struct yq_house *house, const struct yq_origin *origin,
                                    const char *source, const char *from, const char *into,
                                    int64_t *merge, struct yq_err *err);
yq_must_check bool yq_patient_unmerge(struct yq_house *house, const struct yq_origin *origin,
                                      int64_t merge, struct yq_err *err);

#endif
