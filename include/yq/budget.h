/* budget.h: a measure of bytes that threads share: who wants more than is left waits in line. */
#ifndef YQ_BUDGET_H
#define YQ_BUDGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "yq/err.h"

struct yq_budget { /* zeroed: no bound */
    pthread_mutex_t lock;
    uint64_t most, used;
    struct yq_budget_turn *first, *last; /* who waits, in order */
};
void yq_budget_init(struct yq_budget *budget, uint64_t most);
void yq_budget_fini(struct yq_budget *budget);
void yq_budget_set_most(struct yq_budget *budget, uint64_t most); /* 0: no bound */

/* Waits for its turn, at most `ms`. YQ_FULL: it is more than all there is; YQ_BUSY: others hold it
 * for too long. What was taken goes back by yq_budget_give. */
yq_must_check bool yq_budget_take(struct yq_budget *budget, uint64_t bytes, int64_t ms,
                                  struct yq_err *err);
uint64_t yq_budget_used(struct yq_budget *budget);
void yq_budget_give(struct yq_budget *budget, uint64_t bytes);

/* What is held for a while. */
struct yq_share {
    struct yq_budget *budget; /* NULL: nothing is held */
    uint64_t bytes;
};
yq_must_check static inline bool yq_share_take(struct yq_share *share, struct yq_budget *budget,
                                               uint64_t bytes, int64_t ms, struct yq_err *err)
{
    if (!yq_budget_take(budget, bytes, ms, err))
        return false;
    *share = (struct yq_share){.budget = budget, .bytes = bytes};
    return true;
}
static inline void yq_share_fini(struct yq_share *share)
{
    if (share->budget)
        yq_budget_give(share->budget, share->bytes);
    *share = (struct yq_share){.budget = 0};
}

#endif
