/* deliver.h: what deliver.c, prefetch.c and report_out.c share. Private to room walk. */
#ifndef YQ_WALK_DELIVER_H
#define YQ_WALK_DELIVER_H

#include "yq/deliver.h"

struct errand { /* one job at a courier's; each step adds to it */
    struct yq_courier *courier;
    const struct yq_conf *conf;
    const struct yq_peer *peer;         /* NULL: it is for a platform */
    const struct yq_platform *platform; /* NULL: it is for a peer */
    struct yq_job job;
    struct yq_settlement end;
    char reason[YQ_JOB_REASON_SIZE]; /* where end.reason may point */
};

/* A pull job: finds the patient's earlier studies and fetches what is missing. Fills errand->end.
 */
void prefetch(struct errand *errand);
/* The peer could not be reached, or not talked to: the whole lane pauses. */
void errand_unreachable(struct errand *errand, const struct yq_err *why);
/* This job did not work: it is tried again after a pause. `progress`: some of it got through. */
void errand_again(struct errand *errand, const struct yq_err *why, bool progress);
/* How long it is to wait after so many tries in vain. */
int64_t errand_pause_ms(const struct errand *errand, unsigned tries);
/* An exam goes to a platform, and its job is settled (report_out.c). */
void report_deliver(struct errand *errand);
/* A job that was claimed and is not to go now waits as before. */
void report_put_back(struct errand *errand);
bool errand_stopped(const struct errand *errand); /* the node stops */

#endif
