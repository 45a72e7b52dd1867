/* registrar.c: the thread that lends itself to walk/registrar.c. It rests as long as it worked, so
 * that an archive that is taken over leaves half of a processor and of the disk to those who store
 * and fetch. */
#include "registrar.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/log.h"
#include "yq/registrar.h"

enum { TICK_MS = 1000, TROUBLE_MS = 10000, LEAST_MS = 20, MOST_MS = 2000 };

struct yq_registrar {
    struct yq_house *house;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
    bool trouble; /* as the log was told */
};

/* False: it stops. */
static bool rest(struct yq_registrar *registrar, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&registrar->lock);
    while (!registrar->stopping &&
           pthread_cond_timedwait(&registrar->changed, &registrar->lock, &until) == 0)
        ;
    bool going_on = !registrar->stopping;
    pthread_mutex_unlock(&registrar->lock);
    return going_on;
}

/* How long it may rest now. */
static int64_t work(struct yq_registrar *registrar)
{
    struct yq_err err = {0};
    size_t did;
    int64_t began_ms = yq_monotonic_ms();
    bool ok = yq_registrar_work(registrar->house, &did, &err);
    if (!ok && !registrar->trouble)
        yq_log_err(YQ_LOG_WARN, "registrar", &err, "next=\"it is tried again\"%s", "");
    if (ok && registrar->trouble)
        yq_log(YQ_LOG_INFO, "registrar", "state=ok%s", "");
    registrar->trouble = !ok;
    int64_t took_ms = yq_monotonic_ms() - began_ms;
    if (!did)
        return ok ? TICK_MS : TROUBLE_MS;
    return took_ms < LEAST_MS ? LEAST_MS : took_ms > MOST_MS ? MOST_MS : took_ms;
}

static void *run(void *argument)
{
    struct yq_registrar *registrar = argument;
    yq_log_set_trace("registrar");
    while (rest(registrar, work(registrar)))
        ;
    return NULL;
}

bool yq_registrar_start(struct yq_house *house, struct yq_registrar **out, struct yq_err *err)
{
    struct yq_registrar *registrar = calloc(1, sizeof *registrar);
    pthread_condattr_t clock;
    if (!registrar)
        return yq_fail(err, YQ_FULL, "node", "no memory for the registrar");
    registrar->house = house;
    pthread_mutex_init(&registrar->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&registrar->changed, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&registrar->thread, NULL, run, registrar) == 0) {
        *out = registrar;
        return true;
    }
    pthread_cond_destroy(&registrar->changed);
    pthread_mutex_destroy(&registrar->lock);
    free(registrar);
    return yq_fail(err, YQ_FULL, "node", "no thread for the registrar");
}

void yq_registrar_stop(struct yq_registrar *registrar)
{
    if (!registrar)
        return;
    pthread_mutex_lock(&registrar->lock);
    registrar->stopping = true;
    pthread_cond_signal(&registrar->changed);
    pthread_mutex_unlock(&registrar->lock);
    pthread_join(registrar->thread, NULL);
    pthread_cond_destroy(&registrar->changed);
    pthread_mutex_destroy(&registrar->lock);
    free(registrar);
}
