/* consignment.h: records on their way to platforms, in the catalog: which records changed since
 * the planner looked, what of each exam was sent, what was called. The jobs themselves are the
 * outbox's (kind YQ_JOB_REPORT, destination: the platform's name, study: "exam:<row>", or
 * "report:<row>" of a report whose exam is not here). Room catalog; errors and threads: catalog.h.
 */
#ifndef YQ_CONSIGNMENT_H
#define YQ_CONSIGNMENT_H

#include "yq/ledger.h"
#include "yq/outbox.h"

/* ---- what changed: table consignment_due, written in the transaction of the record, the tie, the
 * study ---- */

/* Whether changes are noted at all (some platform is enabled); with false none are. */
void yq_consignments_wanted(struct yq_catalog *catalog, bool wanted);
bool yq_consignments_are_wanted(struct yq_catalog *catalog);
/* Notes records by hand: `platform` "" for all. Urgency 0 to 2: 0 backfill, 1 usual, 2 asked for
 * (at once). */
yq_must_check bool yq_consignment_want(struct yq_catalog *catalog, const char *platform,
                                       const int64_t *rows, size_t count, int urgency,
                                       struct yq_err *err);
/* The same for exams of which the platform has nothing, whatever it once took: all of it is sent
 * again. */
yq_must_check bool yq_consignment_lost(struct yq_catalog *catalog, const char *platform,
                                       const int64_t *exams, size_t count, int urgency,
                                       struct yq_err *err);

/* Notes what was held because of what it says: settings, tables or codes may be others now. */
yq_must_check bool yq_consignments_reconsider(struct yq_catalog *catalog, struct yq_err *err);
struct yq_due_record { /* a note, and one of the exams that it is about: a note may be several */
    int64_t id;
    int64_t exam;   /* row; 0: none is here */
    int64_t report; /* row of the report that the note is about, 0: it is of none */
    char platform[YQ_AET_SIZE];
    int urgency;
    int64_t noted_ms;
    bool gone; /* the report is removed */
    bool last; /* of its note */
};
/* The most urgent first, then the oldest; whole notes only, so `room` has to be generous. */
yq_must_check bool yq_consignments_due(struct yq_catalog *catalog, struct yq_due_record *out,
                                       size_t room, size_t *count, struct yq_err *err);
struct yq_due_job {
    const char *platform;
    int64_t exam;   /* row of its record */
    int64_t report; /* exam 0: the report that waits for it */
    int urgency;
    int64_t due_ms;  /* when it goes, unless something comes that puts it off */
    int64_t most_ms; /* how long it may be put off at most */
    bool gone;       /* exam 0: the report is removed, and waits no more */
};
/* In one transaction: jobs for these (made, put off, or woken when they are over), and the notes
 * that led to them gone. One that is being sent is due again afterwards. */
yq_must_check bool yq_consignments_plan(struct yq_catalog *catalog, const struct yq_due_job *jobs,
                                        size_t job_count, const int64_t *notes, size_t note_count,
                                        struct yq_err *err);

/* ---- what belongs to an exam ---- */

struct yq_scope_record {
    char id[YQ_RECORD_ID_MOST + 1];
    bool gone; /* a report that was sent with this exam and is removed */
};
struct yq_exam_scope {               /* ended with yq_exam_scope_fini */
    struct yq_scope_record *reports; /* surely linked, oldest first */
    size_t report_count;
    char (*studies)[YQ_UID_SIZE]; /* that are here */
    size_t study_count;
    struct yq_sent_piece *sent;
    size_t sent_count;
};
void yq_exam_scope_fini(struct yq_exam_scope *scope);
yq_must_check bool yq_consignment_scope(struct yq_catalog *catalog, const char *platform,
                                        int64_t exam, struct yq_exam_scope *out,
                                        struct yq_err *err);

/* ---- what was sent: table consignment ---- */

enum yq_sent_state { YQ_SENT_DONE, YQ_SENT_REFUSED, YQ_SENT_HELD, YQ_SENT_WAITS };
const char *yq_sent_state_name(enum yq_sent_state state); /* "done", ... */
struct yq_sent_piece {
    int64_t exam;
    char platform[YQ_AET_SIZE], piece[200];
    enum yq_sent_state state;
    uint8_t identity[32]; /* of the content that the platform took last; zero: none */
    uint8_t tried[32];    /* of the content that was tried last */
    int64_t sent_ms, changed_ms;
    unsigned sent;  /* how often */
    unsigned tries; /* in vain, of what was tried last */
    char reason[YQ_JOB_REASON_SIZE];
    bool drop; /* noting: its row goes */
};
/* `platform` NULL: of all. *out malloc'ed. */
yq_must_check bool yq_consignments_of(struct yq_catalog *catalog, const char *platform,
                                      int64_t exam, struct yq_sent_piece **out, size_t *count,
                                      struct yq_err *err);

struct yq_platform_call { /* table platform_call: a ring per platform */
    int64_t id;           /* counts up, per platform */
    int64_t at_ms, exam;
    char platform[YQ_AET_SIZE], piece[200], url[256];
    unsigned status;
    uint64_t took_us;
    bool failed;
    char *request, *answer; /* owned; masked, and as yq_personal_shut made them */
};
/* One that belongs to no exam (exam 0); `kept`: how many of the platform stay. */
yq_must_check bool yq_platform_call_put(struct yq_catalog *catalog,
                                        const struct yq_platform_call *call, int64_t kept,
                                        struct yq_err *err);
void yq_platform_calls_free(struct yq_platform_call *calls, size_t count);

struct yq_noting { /* what a courier did with an exam */
    const struct yq_job *job;
    const struct yq_sent_piece *pieces;
    size_t count;
    const struct yq_platform_call *calls; /* in their order; ids are given here */
    size_t call_count;
    int64_t calls_kept;              /* how many of the platform stay */
    uint64_t sent, refused;          /* pieces, for the counts */
    uint64_t left, refused_there;    /* of the job as it is left: pieces that wait, are refused */
    const struct yq_settlement *how; /* NULL: it goes on */
    bool going_on;       /* out, where it goes on: nobody has held or dropped it meanwhile */
    struct yq_job *next; /* where it is settled: the next job of the lane that is due is claimed
                            along, which saves a transaction; NULL: none is */
    bool has_next;       /* out */
};
/* All of it in one transaction. */
yq_must_check bool yq_consignments_note(struct yq_catalog *catalog, struct yq_noting *noting,
                                        struct yq_err *err);

struct yq_call_query {
    const char *platform;
    int64_t id;   /* 0: any */
    int64_t exam; /* row; 0: any */
    bool failed_only;
    size_t limit; /* 0: 50 */
};
/* Newest first; *out malloc'ed, ended with yq_platform_calls_free. Texts only `with_texts`. */
yq_must_check bool yq_platform_calls(struct yq_catalog *catalog, const struct yq_call_query *query,
                                     bool with_texts, struct yq_platform_call **out, size_t *count,
                                     struct yq_err *err);

#endif
