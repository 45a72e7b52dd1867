/* deliver.h: what deliver.c and prefetch.c share. Private to room walk. */
#ifndef YQ_WALK_DELIVER_H
#define YQ_WALK_DELIVER_H

#include "yq/deliver.h"

struct errand { /* one job at a courier's; each step adds to it */
    const struct yq_courier *courier;
    const struct yq_conf *conf;
    const struct yq_peer *peer;
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
bool errand_stopped(const struct errand *errand); /* the node stops */

#endif
