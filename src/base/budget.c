/* budget.c: one line for all: who came first goes first, so that a large wish is not starved by
 * small ones. Nothing is done under the lock. */
#include "yq/budget.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

struct yq_budget_turn {
    uint64_t bytes;
    bool come;
    pthread_cond_t called;
    struct yq_budget_turn *next;
};

void yq_budget_init(struct yq_budget *budget, uint64_t most)
{
    memset(budget, 0, sizeof *budget);
    pthread_mutex_init(&budget->lock, NULL);
    budget->most = most;
}

void yq_budget_fini(struct yq_budget *budget) { pthread_mutex_destroy(&budget->lock); }

/* Whoever is first and fits, has it. */
static void call(struct yq_budget *budget)
{
    while (budget->first && (!budget->most || budget->used == 0 ||
                             (budget->used <= budget->most &&
                              budget->first->bytes <= budget->most - budget->used))) {
        struct yq_budget_turn *turn = budget->first;
        budget->first = turn->next;
        if (!budget->first)
            budget->last = NULL;
        budget->used += turn->bytes;
        turn->come = true;
        pthread_cond_signal(&turn->called);
    }
}

static void leave(struct yq_budget *budget, struct yq_budget_turn *turn)
{
    struct yq_budget_turn **at = &budget->first, *before = NULL;
    while (*at && *at != turn) {
        before = *at;
        at = &(*at)->next;
    }
    if (!*at)
        return;
    *at = turn->next;
    if (budget->last == turn)
        budget->last = before;
    call(budget);
}

void yq_budget_set_most(struct yq_budget *budget, uint64_t most)
{
    pthread_mutex_lock(&budget->lock);
    budget->most = most;
    call(budget);
    pthread_mutex_unlock(&budget->lock);
}

/* Under the lock. */
static bool wait_for(struct yq_budget *budget, struct yq_budget_turn *turn, int64_t ms)
{
    pthread_condattr_t monotonic;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&turn->called, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (budget->last)
        budget->last->next = turn;
    else
        budget->first = turn;
    budget->last = turn;
    call(budget);
    bool late = false;
    while (!turn->come && !late)
        late = pthread_cond_timedwait(&turn->called, &budget->lock, &until) != 0;
    if (!turn->come)
        leave(budget, turn);
    pthread_cond_destroy(&turn->called);
    return turn->come;
}

bool yq_budget_take(struct yq_budget *budget, uint64_t bytes, int64_t ms, struct yq_err *err)
{
    struct yq_budget_turn turn = {.bytes = bytes};
    pthread_mutex_lock(&budget->lock);
    uint64_t most = budget->most;
    bool ever = !most || bytes <= most;
    bool come = ever && wait_for(budget, &turn, ms);
    pthread_mutex_unlock(&budget->lock);
    if (!ever)
        return yq_fail(err, YQ_FULL, "base",
                       "it takes %" PRIu64 " MB of memory, and %" PRIu64
                       " MB are allowed (memory.pixels_megabytes)",
                       bytes >> 20, most >> 20);
    return come || yq_fail(err, YQ_BUSY, "base", "others need the memory: try again soon");
}

uint64_t yq_budget_used(struct yq_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    uint64_t used = budget->used;
    pthread_mutex_unlock(&budget->lock);
    return used;
}

void yq_budget_give(struct yq_budget *budget, uint64_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    budget->used -= bytes < budget->used ? bytes : budget->used;
    call(budget);
    pthread_mutex_unlock(&budget->lock);
}
