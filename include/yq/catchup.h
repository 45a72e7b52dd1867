/* catchup.h: what the platforms are caught up with, in the catalog: the days whose exams were
 * compared with one (table reconciliation), and spans of days whose exams are put into the queue
 * little by little (table backfill). Dates are "2026-03-01", days in Beijing. Room catalog; errors
 * and threads: catalog.h. */
#ifndef YQ_CATCHUP_H
#define YQ_CATCHUP_H

#include "yq/catalog.h"
#include "yq/outbox.h"

#define YQ_DATE_SIZE 11

/* ---- days that were compared (reconciliation.c) ---- */

struct yq_reconciliation {
    char platform[YQ_AET_SIZE], date[YQ_DATE_SIZE];
    uint64_t told;                   /* exams that the platform was told */
    uint64_t missing;                /* of them, those it lacks: put into the queue again */
    uint64_t unknown;                /* what it says it lacks and nobody told */
    unsigned tries;                  /* in vain, since it was done last */
    int64_t tried_ms, done_ms;       /* done_ms 0: not yet */
    int64_t next_ms;                 /* not yet done: when it is tried again */
    char reason[YQ_JOB_REASON_SIZE]; /* why not; "" */
};
/* Writes a day's row; of each platform the last 1000 days stay. */
yq_must_check bool yq_reconciliation_put(struct yq_catalog *catalog,
                                         const struct yq_reconciliation *day, struct yq_err *err);
/* By platform, the latest day first. *out malloc'ed. */
yq_must_check bool yq_reconciliations(struct yq_catalog *catalog, struct yq_reconciliation **out,
                                      size_t *count, struct yq_err *err);

/* ---- spans that are sent (backfill.c) ---- */

enum yq_backfill_state { YQ_BACKFILL_RUNS, YQ_BACKFILL_DONE, YQ_BACKFILL_STOPPED };
const char *yq_backfill_state_name(enum yq_backfill_state state); /* "runs", ... */
struct yq_backfill {
    int64_t id;
    char platform[YQ_AET_SIZE];
    char from[YQ_DATE_SIZE], to[YQ_DATE_SIZE]; /* both days belong to it */
    char day[YQ_DATE_SIZE]; /* where it is, and the row of the exam of that day that was last */
    int64_t row;
    unsigned rate;  /* exams a minute; 0: as the platform's backfill_rate says */
    bool automatic; /* made by the node when the platform was connected first */
    enum yq_backfill_state state;
    uint64_t queued; /* exams that were put into the queue */
    int64_t made_ms, changed_ms;
};
/* *id its number. YQ_CONFLICT: one of this platform runs. */
yq_must_check bool yq_backfill_begin(struct yq_catalog *catalog, const struct yq_backfill *backfill,
                                     int64_t *id, struct yq_err *err);
/* Newest first. *out malloc'ed. */
yq_must_check bool yq_backfills(struct yq_catalog *catalog, struct yq_backfill **out, size_t *count,
                                struct yq_err *err);
/* In one transaction: these exams are noted for the platform (urgency 0), and the backfill stands
 * where `at` says (day, row, state); its count grows by as many. *going false, and nothing done: it
 * was stopped meanwhile, or another process went on with it. */
yq_must_check bool yq_backfill_step(struct yq_catalog *catalog, const struct yq_backfill *was,
                                    const struct yq_backfill *at, const int64_t *rows, size_t count,
                                    bool *going, struct yq_err *err);
/* *stopped: how many there were. */
yq_must_check bool yq_backfill_stop(struct yq_catalog *catalog, const char *platform,
                                    size_t *stopped, struct yq_err *err);
/* Whether anything went to the platform before this time. */
yq_must_check bool yq_platform_was_sent(struct yq_catalog *catalog, const char *platform,
                                        int64_t before_ms, bool *sent, struct yq_err *err);

#endif
