/* consignment.h: records on their way to platforms, in the catalog: which records changed since
 * the planner looked, what of each exam was sent, what was called. The jobs themselves are the
 * outbox's (kind YQ_JOB_REPORT, destination: the platform's name, study: "exam:<row>"). Room
 * catalog. */
#ifndef YQ_CONSIGNMENT_H
#define YQ_CONSIGNMENT_H

#include "yq/ledger.h"
#include "yq/outbox.h"

/* ---- what changed: table consignment_due, written in the transaction of the record, the tie, the
 * study ---- */

/* Whether changes are noted at all (some platform is enabled); with false none are. */
void yq_consignments_wanted(struct yq_catalog *catalog, bool wanted);
/* Notes a record by hand: `platform` "" for all. Urgency 0 to 2: 0 backfill, 1 usual, 2 asked for.
 */
yq_must_check bool yq_consignment_want(struct yq_catalog *catalog, const char *platform,
                                       const int64_t *rows, size_t count, int urgency,
                                       struct yq_err *err);
struct yq_due_record {
    int64_t id, row;
    char platform[YQ_AET_SIZE];
    int urgency;
};
yq_must_check bool yq_consignments_due(struct yq_catalog *catalog, struct yq_due_record *out,
                                       size_t room, size_t *count, struct yq_err *err);
/* In one transaction: jobs for these exams (made, or woken when they are over), and the notes that
 * led to them gone. */
struct yq_due_job {
    const char *platform;
    int64_t exam; /* row of its record */
    int urgency;
    int64_t due_ms;
};
yq_must_check bool yq_consignments_plan(struct yq_catalog *catalog, const struct yq_due_job *jobs,
                                        size_t job_count, const int64_t *notes, size_t note_count,
                                        struct yq_err *err);

/* ---- what was sent: table consignment ---- */

enum yq_sent_state { YQ_SENT_DONE, YQ_SENT_REFUSED, YQ_SENT_HELD, YQ_SENT_WAITS };
struct yq_sent_piece {
    int64_t exam;
    char platform[YQ_AET_SIZE], piece[200];
    enum yq_sent_state state;
    uint8_t identity[32]; /* of the content that the platform took last; zero: none */
    uint8_t tried[32];    /* of the content that was tried last */
    int64_t sent_ms, changed_ms;
    unsigned sent; /* how often */
    char reason[YQ_JOB_REASON_SIZE];
};
yq_must_check bool yq_consignments_of(struct yq_catalog *catalog, const char *platform,
                                      int64_t exam, struct yq_sent_piece **out, size_t *count,
                                      struct yq_err *err);
/* Writes them, and settles the job where `how` is given, in one transaction. */
yq_must_check bool yq_consignments_note(struct yq_catalog *catalog,
                                        const struct yq_sent_piece *pieces, size_t count,
                                        const struct yq_job *job, const struct yq_settlement *how,
                                        struct yq_err *err);

/* ---- the last calls: table platform_call, a ring per platform ---- */

struct yq_platform_call {
    int64_t id, at_ms, exam;
    char platform[YQ_AET_SIZE], piece[200], url[256];
    unsigned status;
    uint64_t took_us;
    char *request, *answer; /* owned; masked */
};
void yq_platform_calls_free(struct yq_platform_call *calls, size_t count);

#endif
