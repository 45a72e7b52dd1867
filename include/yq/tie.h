/* tie.h: the catalog's ties between exams, reports and studies, and the patients that were merged.
 *
 * A tie joins two of the three: records by their rows in the ledger, a study by its UID. What the
 * node found by itself is made anew whenever one of the two changes; what a person decided stands.
 * Errors and threads: catalog.h. */
#ifndef YQ_TIE_H
#define YQ_TIE_H

#include "yq/ledger.h"

enum yq_tie_state {
    YQ_TIE_SURE,  /* found by a number that both carry */
    YQ_TIE_GUESS, /* found by patient and time */
    YQ_TIE_SET,   /* by a person */
    YQ_TIE_UNDONE /* by a person; not found again */
};
struct yq_tie {
    int64_t id, exam, report; /* rows; 0: the tie is of the other two */
    char study[YQ_UID_SIZE];
    int how; /* an enum yq_link_how */
    enum yq_tie_state state;
    int64_t made_ms;
    char person[64]; /* who set or undid it */
};

struct yq_tying { /* what was found for one record or study, its end of them filled in */
    int64_t exam, report;
    const char *study; /* one of the three; NULL for a record */
    const struct yq_tie *ties;
    size_t count;
};
/* In one transaction: what was found before and is not found any more goes, guesses between two
 * kinds give way to what is sure, what a person decided stays. Records among them are not due any
 * more (yq_catalog_ties_due). */
yq_must_check bool yq_catalog_tie(struct yq_catalog *catalog, const struct yq_tying *tyings,
                                  size_t count, struct yq_err *err);
/* A person's decision: state YQ_TIE_SET or YQ_TIE_UNDONE for this pair; *id its number. */
yq_must_check bool yq_catalog_tie_set(struct yq_catalog *catalog, const struct yq_tie *tie,
                                      int64_t *id, struct yq_err *err);
yq_must_check bool yq_catalog_tie_get(struct yq_catalog *catalog, int64_t id, struct yq_tie *out,
                                      struct yq_err *err);

struct yq_tie_query {
    int64_t exam, report; /* 0: any */
    const char *study;    /* NULL: any */
    int state;            /* an enum yq_tie_state; -1: all that hold, -2: really all */
    int64_t before_id;    /* paging, newest first; 0: from the newest */
    size_t limit;         /* 0: 100 */
};
yq_must_check bool yq_catalog_ties(struct yq_catalog *catalog, const struct yq_tie_query *query,
                                   struct yq_tie **out, size_t *count, struct yq_err *err);
/* Rows of exams or reports without a tie of the kind that is wanted, newest first, before this row
 * (0: from the newest). */
enum yq_untied { YQ_UNTIED_EXAM_STUDY, YQ_UNTIED_REPORT_EXAM, YQ_UNTIED_REPORT_STUDY };
yq_must_check bool yq_catalog_untied(struct yq_catalog *catalog, enum yq_untied what,
                                     int64_t before_row, int64_t *rows, size_t room, size_t *count,
                                     struct yq_err *err);
/* Records that changed since they were last tied (a crash lies between), at most `room`. */
yq_must_check bool yq_catalog_ties_due(struct yq_catalog *catalog, int64_t after_row, int64_t *rows,
                                       size_t room, size_t *count, struct yq_err *err);

/* ---- merged patients ---- */

struct yq_merge {
    int64_t id, at_ms, undone_ms; /* undone_ms 0: it holds */
    char source[YQ_SOURCE_SIZE];
    char *content; /* owned; who and whom, as a patient record at rest: sealed where they are */
};
struct yq_merged { /* what was moved by it: a record by its row, or a study */
    int64_t row;
    char study[YQ_UID_SIZE];
};
void yq_merge_fini(struct yq_merge *merge);
yq_must_check bool yq_catalog_merge_begin(struct yq_catalog *catalog, const struct yq_merge *merge,
                                          int64_t *id, struct yq_err *err);
yq_must_check bool yq_catalog_merge_moved(struct yq_catalog *catalog, int64_t id,
                                          const struct yq_merged *moved, size_t count,
                                          struct yq_err *err);
yq_must_check bool yq_catalog_merge_undone(struct yq_catalog *catalog, int64_t id,
                                           struct yq_err *err);
/* Newest first, at most `room`. */
yq_must_check bool yq_catalog_merges(struct yq_catalog *catalog, int64_t id, struct yq_merge *out,
                                     size_t room, size_t *count, struct yq_err *err);
/* *out malloc'ed. */
yq_must_check bool yq_catalog_merge_items(struct yq_catalog *catalog, int64_t id,
                                          struct yq_merged **out, size_t *count,
                                          struct yq_err *err);

#endif
