/* outbox.h: what is to leave this node or to be fetched into it: a durable queue in the catalog,
 * and nowhere else. Room catalog. Records for platforms: consignment.h.
 *
 * A job is one study for one destination by one rule; its items are the instances that still have
 * to go. Entries are written in the transaction of the instance that causes them. A job is claimed
 * by one courier at a time; what a courier did is noted item by item, so that a crash can repeat a
 * send and never lose one. A lane is a kind of work for one destination: it can be held, and has
 * a pause of its own when the destination cannot be reached, so that a thousand jobs for it need
 * not be touched. Errors and threads as in catalog.h. */
#ifndef YQ_OUTBOX_H
#define YQ_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/catalog.h"

#define YQ_JOB_REASON_SIZE 256
#define YQ_JOB_RULE_SIZE 64

enum yq_job_kind {
    YQ_JOB_FORWARD,
    YQ_JOB_PULL,
    YQ_JOB_REPORT, /* an exam and what belongs to it, to a platform */
    YQ_JOB_KIND_COUNT
};

/* The numbers are in the catalog and in its indices: below 3 a job can be claimed, below 6 it is
 * not over. */
enum yq_job_state {
    YQ_JOB_GATHERING, /* until the study is complete */
    YQ_JOB_PENDING,
    YQ_JOB_RETRY, /* it failed; again at next_ms */
    YQ_JOB_SENDING,
    YQ_JOB_HELD,    /* by hand, or as it cannot go as it is */
    YQ_JOB_REFUSED, /* the peer said no for good, to some or all of it */
    YQ_JOB_DONE,
    YQ_JOB_DROPPED, /* by hand, or what it was about is deleted */
    YQ_JOB_STATE_COUNT
};
const char *yq_job_state_name(enum yq_job_state state); /* "gathering", ... */
const char *yq_job_kind_name(enum yq_job_kind kind);    /* "forward", "pull", "report" */
bool yq_job_state_parse(const char *text, enum yq_job_state *state);

enum yq_gathers { YQ_GATHERS_NOT, YQ_GATHERS_QUIET, YQ_GATHERS_ASSOCIATION };

struct yq_dispatch { /* an entry of the outbox that follows from an arrival; texts are borrowed */
    enum yq_job_kind kind;
    const char *destination, *rule;
    const char *syntax; /* "", "as-is", or a UID */
    int priority;       /* 0 to 2: higher goes first */
    enum yq_gathers gathers;
    int64_t due_ms; /* when it may go, unless something arrives after that */
};

struct yq_job {
    int64_t id;
    enum yq_job_kind kind;
    enum yq_job_state state;
    char destination[YQ_AET_SIZE], rule[YQ_JOB_RULE_SIZE], study[YQ_UID_SIZE], syntax[YQ_UID_SIZE];
    int priority;
    enum yq_gathers gathers;
    unsigned tries;
    int64_t next_ms, created_ms, changed_ms;
    int64_t queued_ms;                        /* since when it waits */
    uint64_t pending, sent, refused, dropped; /* instances; pull: studies that were fetched */
    char reason[YQ_JOB_REASON_SIZE];          /* why it is as it is; "" */
    unsigned lane_tries;                      /* claim: in vain so far, of its lane */
    bool wakes; /* held by the node itself: a change of what it is about wakes it */
};

struct yq_lane {
    enum yq_job_kind kind;
    char destination[YQ_AET_SIZE];
    bool held;
    unsigned tries;  /* in vain, one after the other */
    int64_t next_ms; /* nothing goes before */
    char reason[YQ_JOB_REASON_SIZE];
    uint64_t sent, failed, retries; /* since the catalog was made */
    int64_t due_ms;                 /* look: of the job that is due first */
    /* summary: jobs that are not over, by state; since when the oldest waits that is neither held
     * nor refused, 0: none */
    uint64_t jobs[YQ_JOB_STATE_COUNT];
    int64_t oldest_ms;
    uint64_t withheld; /* summary: jobs that the node itself holds; since when the oldest is */
    int64_t withheld_ms;
};

/* ---- for couriers ---- */

/* At the start: what was being sent when the process ended waits again. */
yq_must_check bool yq_outbox_wake(struct yq_catalog *catalog, struct yq_err *err);
/* The lanes that have work, due now or later; *out malloc'ed. Costs a few index look-ups per
 * lane, however many jobs wait. */
yq_must_check bool yq_outbox_look(struct yq_catalog *catalog, struct yq_lane **out, size_t *count,
                                  struct yq_err *err);
/* Takes the job of a lane that is due at `now_ms`: of the highest priority, the longest due.
 * YQ_ABSENT: none, or the lane is held or pauses. */
yq_must_check bool yq_outbox_claim(struct yq_catalog *catalog, enum yq_job_kind kind,
                                   const char *destination, int64_t now_ms, struct yq_job *out,
                                   struct yq_err *err);
/* The instances a job still has to send, in order of arrival, at most `most`; *out malloc'ed. Items
 * whose instance is not in the catalog are not among them. */
yq_must_check bool yq_outbox_items(struct yq_catalog *catalog, int64_t job, size_t most,
                                   struct yq_entry **out, size_t *count, struct yq_err *err);

struct yq_item_end { /* what became of one item */
    char instance[YQ_UID_SIZE];
    bool refused; /* else it was sent */
    char reason[YQ_JOB_REASON_SIZE];
};
/* Writes outcomes down. *going_on false: the job was held or dropped meanwhile, or its lane. */
yq_must_check bool yq_outbox_note(struct yq_catalog *catalog, const struct yq_job *job,
                                  const struct yq_item_end *outcomes, size_t count, bool *going_on,
                                  struct yq_err *err);

/* Jobs that were dropped and nobody has put into the log yet, at most `room`; the next call gives
 * others. */
yq_must_check bool yq_outbox_dropped(struct yq_catalog *catalog, struct yq_job *jobs, size_t room,
                                     size_t *count, struct yq_err *err);

struct yq_settlement { /* how a courier leaves a job it had claimed */
    enum {
        YQ_SETTLE_OVER,  /* all that it had was tried: done, refused, or on with what came since */
        YQ_SETTLE_RETRY, /* at next_ms, with one more try counted */
        YQ_SETTLE_BACK,  /* waits as before: it was not its fault */
        YQ_SETTLE_REFUSED, /* the whole of it */
        YQ_SETTLE_HELD,    /* records: not to be sent as it is; a change wakes it */
    } how;
    int64_t next_ms;
    const char *reason; /* NULL: none */
    uint64_t fetched;   /* pull: studies */
    bool gone;          /* some items had no instance any more: they are dropped */
    /* what it says of the lane; next_ms: not before */
    enum { YQ_LANE_AS_IT_WAS, YQ_LANE_WELL, YQ_LANE_TROUBLE } lane;
    int64_t lane_next_ms;
};
yq_must_check bool yq_outbox_settle(struct yq_catalog *catalog, const struct yq_job *job,
                                    const struct yq_settlement *how, struct yq_err *err);
/* The last association that sent of this study has ended: what waited for that is due. */
yq_must_check bool yq_outbox_complete(struct yq_catalog *catalog, const char *study, int64_t due_ms,
                                      struct yq_err *err);
/* A study that is about to be fetched for this pull job: its arrival is no reason to fetch by the
 * same rule again. */
yq_must_check bool yq_outbox_expect(struct yq_catalog *catalog, const struct yq_job *job,
                                    const char *study, struct yq_err *err);

/* ---- for people ---- */

struct yq_job_filter {
    int64_t id;              /* 0: any */
    const char *destination; /* NULL: any */
    const char *study;       /* NULL: any */
    bool all;                /* also what is over */
    bool by_state;
    enum yq_job_state state;
    uint64_t limit; /* 0: none */
};
/* Oldest first; *out malloc'ed. */
yq_must_check bool yq_outbox_list(struct yq_catalog *catalog, const struct yq_job_filter *filter,
                                  struct yq_job **out, size_t *count, struct yq_err *err);
/* Items of a job that were refused or dropped, at most `most`; *out malloc'ed. */
yq_must_check bool yq_outbox_refusals(struct yq_catalog *catalog, int64_t job, size_t most,
                                      struct yq_item_end **out, size_t *count, struct yq_err *err);
/* Every lane that ever had work; *out malloc'ed. Without `counts` only refused jobs are counted,
 * and it costs a few index look-ups per lane. */
yq_must_check bool yq_outbox_summary(struct yq_catalog *catalog, bool counts, struct yq_lane **out,
                                     size_t *count, struct yq_err *err);

enum yq_turn { YQ_TURN_RETRY, YQ_TURN_HOLD, YQ_TURN_RELEASE, YQ_TURN_DROP };
/* `id` 0: all jobs of `destination`; that NULL too: all jobs. A destination is held and released as
 * a lane, with what comes later. By id also what was dropped can be tried again, and records that a
 * platform has are sent to it once more. *count: jobs (or lanes) it was done to. `reason` is kept
 * (drop, hold). */
yq_must_check bool yq_outbox_turn(struct yq_catalog *catalog, enum yq_turn turn, int64_t id,
                                  const char *destination, const char *reason, uint64_t *count,
                                  struct yq_err *err);
/* Takes what was done or dropped before `before_ms` off the list. */
yq_must_check bool yq_outbox_prune(struct yq_catalog *catalog, int64_t before_ms, uint64_t *count,
                                   struct yq_err *err);

#endif
