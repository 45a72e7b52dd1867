/* catchup.c: two threads that lend themselves to walk/reconcile.c and walk/backfill.c: a platform
 * that does not answer at night keeps no backfill waiting. */
#include "catchup.h"

#include <pthread.h>
#include <stdlib.h>

#include "rest.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/reconcile.h"

enum { COMPARE_MS = 2000, FILL_MS = 500, TROUBLE_MS = 10000 };

struct yq_catchup {
    struct yq_house *house;
    pthread_t comparer, filler;
    bool compares, fills;
    struct yq_rest rest;
};

static void *compare(void *argument)
{
    struct yq_catchup *catchup = argument;
    const struct yq_stop stop = {yq_rest_is_over, &catchup->rest};
    yq_log_set_trace("reconcile");
    do
        yq_reconcile_work(catchup->house, &stop);
    while (yq_rest(&catchup->rest, COMPARE_MS));
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
    } while (yq_rest(&catchup->rest, ok ? FILL_MS : TROUBLE_MS));
    return NULL;
}

bool yq_catchup_start(struct yq_house *house, struct yq_catchup **out, struct yq_err *err)
{
    struct yq_catchup *catchup = calloc(1, sizeof *catchup);
    if (!catchup)
        return yq_fail(err, YQ_FULL, "node", "no memory for catching up");
    catchup->house = house;
    yq_rest_init(&catchup->rest);
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
    yq_rest_end(&catchup->rest);
    if (catchup->compares)
        pthread_join(catchup->comparer, NULL);
    if (catchup->fills)
        pthread_join(catchup->filler, NULL);
    yq_rest_fini(&catchup->rest);
    free(catchup);
}
