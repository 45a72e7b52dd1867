/* registrar.c: the thread that lends itself to walk/registrar.c. It rests as long as it worked, so
 * that an archive that is taken over leaves half of a processor and of the disk to those who store
 * and fetch. */
#include "registrar.h"

#include <pthread.h>
#include <stdlib.h>

#include "rest.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/registrar.h"

enum { TICK_MS = 1000, TROUBLE_MS = 10000, LEAST_MS = 20, MOST_MS = 2000 };

struct yq_registrar {
    struct yq_house *house;
    pthread_t thread;
    struct yq_rest rest;
    bool trouble; /* as the log was told */
};

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
    while (yq_rest(&registrar->rest, work(registrar)))
        ;
    return NULL;
}

bool yq_registrar_start(struct yq_house *house, struct yq_registrar **out, struct yq_err *err)
{
    struct yq_registrar *registrar = calloc(1, sizeof *registrar);
    if (!registrar)
        return yq_fail(err, YQ_FULL, "node", "no memory for the registrar");
    registrar->house = house;
    yq_rest_init(&registrar->rest);
    if (pthread_create(&registrar->thread, NULL, run, registrar) == 0) {
        *out = registrar;
        return true;
    }
    yq_rest_fini(&registrar->rest);
    free(registrar);
    return yq_fail(err, YQ_FULL, "node", "no thread for the registrar");
}

void yq_registrar_stop(struct yq_registrar *registrar)
{
    if (!registrar)
        return;
    yq_rest_end(&registrar->rest);
    pthread_join(registrar->thread, NULL);
    yq_rest_fini(&registrar->rest);
    free(registrar);
}
