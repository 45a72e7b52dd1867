/* catchup.c: two threads that lend themselves to walk/reconcile.c and walk/backfill.c: a platform
 * that does not answer at night keeps no backfill waiting. */
#include "catchup.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/log.h"
#include "yq/reconcile.h"

enum { COMPARE_MS = 2000, FILL_MS = 500, TROUBLE_MS = 10000 };

struct yq_catchup {
    struct yq_house *house;
    pthread_t comparer, filler;
    bool compares, fills;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
};

static bool is_stopping(void *context)
{
    struct yq_catchup *catchup = context;
    pthread_mutex_lock(&catchup->lock);
    bool stopping = catchup->stopping;
    pthread_mutex_unlock(&catchup->lock);
    return stopping;
}

/* False: it stops. */
static bool rest(struct yq_catchup *catchup, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&catchup->lock);
    while (!catchup->stopping &&
           pthread_cond_timedwait(&catchup->changed, &catchup->lock, &until) == 0)
        ;
    bool going_on = !catchup->stopping;
    pthread_mutex_unlock(&catchup->lock);
    return going_on;
}

static void *compare(void *argument)
{
    struct yq_catchup *catchup = argument;
    const struct yq_stop stop = {is_stopping, catchup};
    yq_log_set_trace("reconcile");
    do
        yq_reconcile_work(catchup->house, &stop);
    while (rest(catchup, COMPARE_MS));
    return NULL;
}

static void *fill(void *argument)
{
    struct yq_catchup *catchup = argument;
    int64_t last_ms = 0;
    bool trouble = false, ok;
    yq_log_set_trace("backfill");
    do {
        struct yq_err err = {0};
        int64_t now_ms = yq_now_ms();
        ok = yq_backfill_work(catchup->house, last_ms, now_ms, &err);
        if (!ok && !trouble)
            yq_log_err(YQ_LOG_WARN, "backfill", &err, "next=\"it is tried again\"%s", "");
        if (ok && trouble)
            yq_log(YQ_LOG_INFO, "backfill", "state=ok%s", "");
        trouble = !ok;
        last_ms = now_ms;
    } while (rest(catchup, ok ? FILL_MS : TROUBLE_MS));
    return NULL;
}

bool yq_catchup_start(struct yq_house *house, struct yq_catchup **out, struct yq_err *err)
{
    struct yq_catchup *catchup = calloc(1, sizeof *catchup);
    pthread_condattr_t clock;
    if (!catchup)
        return yq_fail(err, YQ_FULL, "node", "no memory for catching up");
    catchup->house = house;
    pthread_mutex_init(&catchup->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&catchup->changed, &clock);
    pthread_condattr_destroy(&clock);
    catchup->compares = pthread_create(&catchup->comparer, NULL, compare, catchup) == 0;
    catchup->fills = pthread_create(&catchup->filler, NULL, fill, catchup) == 0;
    if (!catchup->compares || !catchup->fills) {
        yq_catchup_stop(catchup);
        return yq_fail(err, YQ_FULL, "node", "no thread for catching up");
    }
    *out = catchup;
    return true;
}

void yq_catchup_stop(struct yq_catchup *catchup)
{
    if (!catchup)
        return;
    pthread_mutex_lock(&catchup->lock);
    catchup->stopping = true;
    pthread_cond_broadcast(&catchup->changed);
    pthread_mutex_unlock(&catchup->lock);
    if (catchup->compares)
        pthread_join(catchup->comparer, NULL);
    if (catchup->fills)
        pthread_join(catchup->filler, NULL);
    pthread_cond_destroy(&catchup->changed);
    pthread_mutex_destroy(&catchup->lock);
    free(catchup);
}
