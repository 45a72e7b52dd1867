/* registry.h: the walk "record in" (walk/record.c) and reading records again, whichever door asks:
 * REST, HL7, a database, a folder, images. Check -> keep -> link -> answer. */
#ifndef YQ_REGISTRY_H
#define YQ_REGISTRY_H

#include "yq/check.h"
#include "yq/ledger.h"
#include "yq/tie.h"
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
/* yq_ledger_history by the record's id, whatever its name in the ledger. */
yq_must_check bool yq_record_history(struct yq_house *house, enum yq_kind kind, const char *id,
                                     struct yq_ledger_entry **out, size_t *count,
                                     struct yq_err *err);
/* A key as a query of the ledger wants it: folded. Where members like it are, or were, sealed, also
 * the mark that stands for it. */
yq_must_check bool yq_record_key(struct yq_house *house, const struct yq_member *member,
                                 const char *value, struct yq_buf *out, struct yq_err *err);

/* ---- what is personal, at rest (walk/vault.c); setting records.encrypt ---- */

/* True: the keys are at hand, or none are needed. */
bool yq_personal_ready(struct yq_house *house, struct yq_err *err);
/* Appends text as it is to lie in the catalog: sealed, or as it is. `context` says what it is and
 * whose ("hl7:17"), and has to be the same when it is opened. */
yq_must_check bool yq_personal_shut(struct yq_house *house, const char *context, const void *text,
                                    size_t length, struct yq_buf *out, struct yq_err *err);
/* Appends what yq_personal_shut was given, whatever the setting says now. YQ_REFUSED: sealed with a
 * key that is lost. */
yq_must_check bool yq_personal_open(struct yq_house *house, const char *context, const char *kept,
                                    size_t length, struct yq_buf *out, struct yq_err *err);

/* Keeps every version of every record, and what else yq_personal_shut has made, as the settings say
 * now: sealed, with the key that seals now, or in clear; `all`: also what seems to be so already,
 * so that records are found by all their keys again. What was broken off goes on where it was. */
struct yq_progress;
struct yq_resealed {
    uint64_t seen, resealed; /* versions */
    uint64_t left;           /* that could not be opened, each told as trouble */
    bool scrubbed;           /* nothing of what was there before is left in the catalog's file */
};
yq_must_check bool yq_record_reseal(struct yq_house *house, bool all,
                                    const struct yq_progress *progress, struct yq_resealed *out,
                                    struct yq_err *err);

/* ---- links (walk/link*.c): exam - report - study ---- */

enum yq_link_how { /* what both carry, best first */
                   YQ_LINK_STUDY_UID,
                   YQ_LINK_EXAM_ID,
                   YQ_LINK_ACCESSION,
                   YQ_LINK_REQUEST, /* request number */
                   YQ_LINK_GUESS,   /* the patient, about that time, the same modality */
                   YQ_LINK_HAND
};
struct yq_link {
    int64_t id, made_ms;
    char exam[YQ_RECORD_ID_MOST + 1];   /* "" where the link is report - study */
    char report[YQ_RECORD_ID_MOST + 1]; /* "" where it is exam - study */
    char study[YQ_UID_SIZE];            /* "" where it is exam - report */
    enum yq_link_how how;
    enum yq_tie_state state; /* a guess holds only when it was confirmed: YQ_TIE_SET */
    char person[64];
    bool by_exam; /* report - study by way of the exam of both: no tie of its own, id is the exam's
                   */
};
const char *yq_link_how_name(enum yq_link_how how);     /* "accession-number", ... */
const char *yq_tie_state_name(enum yq_tie_state state); /* "sure", "guess", "set", "undone" */
/* Looks for what belongs to these records, after they were kept; never an error of the sender's. */
void yq_link_records(struct yq_house *house, const struct yq_submission *submissions, size_t count);
/* The same for a study that came or changed. */
void yq_link_study(struct yq_house *house, const char *study);
/* At the start of a node: records that a crash left without it. */
void yq_link_settle(struct yq_house *house);
/* Everything that is linked with an exam or report (kind, id), or a study (kind YQ_KIND_COUNT, its
 * UID). *out malloc'ed. YQ_ABSENT: there is no such record. */
yq_must_check bool yq_links_of(struct yq_house *house, enum yq_kind kind, const char *id,
                               struct yq_link **out, size_t *count, struct yq_err *err);
/* All links, newest first, before number `before` (0: from the newest); state as yq_tie_query. */
yq_must_check bool yq_links_list(struct yq_house *house, int state, int64_t before, size_t limit,
                                 struct yq_link **out, size_t *count, struct yq_err *err);
/* A person's decision on two of the three; NULL: not that one. It stands whatever comes later.
 * YQ_ABSENT: there is no such record or study; YQ_BAD_INPUT: not two of them. */
yq_must_check bool yq_link_decide(struct yq_house *house, const struct yq_origin *origin,
                                  const char *exam, const char *report, const char *study,
                                  enum yq_tie_state state, int64_t *id, struct yq_err *err);
/* The same for a link that is there. */
yq_must_check bool yq_link_decide_id(struct yq_house *house, const struct yq_origin *origin,
                                     int64_t id, enum yq_tie_state state, struct yq_err *err);
/* What has no link, newest first, and the likely reason with what to do about it. */
struct yq_unlinked {
    int64_t row;
    enum yq_kind kind;
    char id[YQ_RECORD_ID_MOST + 1];
    char reason[32]; /* for programs: "no-number", "nothing-here", ... */
    char chinese[300], english[300];
};
yq_must_check bool yq_unlinked_list(struct yq_house *house, enum yq_untied what, int64_t before,
                                    size_t limit, struct yq_unlinked **out, size_t *count,
                                    struct yq_err *err);

/* ---- a patient merge (ADT^A40), walk/merge.c ---- */

/* Everything of patient `from` becomes `into`'s: records get a new version (source "merge:<n>"),
 * studies a corrected Patient ID. *merge is its number, for undo. Nothing there of `from` is no
 * error. YQ_BAD_INPUT: an id is empty, or both are the same. */
yq_must_check bool yq_patient_merge(struct yq_house *house, const struct yq_origin *origin,
                                    const char *source, const char *from, const char *into,
                                    int64_t *merge, struct yq_err *err);
/* Back again, but for what was changed since then: *left counts those. YQ_ABSENT: there is no such
 * merge; YQ_CONFLICT: it was undone already. */
yq_must_check bool yq_patient_unmerge(struct yq_house *house, const struct yq_origin *origin,
                                      int64_t merge, size_t *left, struct yq_err *err);
struct yq_merge_row {
    int64_t id, at_ms, undone_ms;
    size_t records, studies;
    char source[YQ_SOURCE_SIZE];
    char from[130], into[130]; /* in clear: mask them before they are shown */
};
yq_must_check bool yq_patient_merges(struct yq_house *house, size_t limit,
                                     struct yq_merge_row **out, size_t *count, struct yq_err *err);

#endif
