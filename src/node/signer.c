/* signer.c: the thread that lends itself to walk/sign.c: it wakes when a report came, and every
 * second for what is due by time. Where no platform signs it looks at the configuration only. */
#include "signer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "yq/log.h"
#include "yq/sign.h"

enum { TICK_MS = 1000, TROUBLE_MS = 10000 };

struct yq_signer_thread {
    struct yq_house *house;
    struct yq_sign_desk *desk;
    pthread_t thread;
    atomic_bool stopping;
    bool trouble; /* as the log was told */
};

static bool is_stopping(void *context)
{
    return atomic_load(&((struct yq_signer_thread *)context)->stopping);
}

/* How long it may rest now. */
static int64_t work(struct yq_signer_thread *signer)
{
    struct yq_err err = {0};
    size_t did;
    bool ok = yq_sign_work(signer->desk, is_stopping, signer, &did, &err);
    if (!ok && !signer->trouble)
        yq_log_err(YQ_LOG_WARN, "signer", &err, "next=\"it is tried again\"%s", "");
    if (ok && signer->trouble)
        yq_log(YQ_LOG_INFO, "signer", "state=ok%s", "");
    signer->trouble = !ok;
    return !ok ? TROUBLE_MS : did ? 0 : TICK_MS;
}

static void *run(void *argument)
{
    struct yq_signer_thread *signer = argument;
    uint64_t heard = 0;
    yq_log_set_trace("signer");
    while (!is_stopping(signer)) {
        int64_t rest = work(signer);
        if (rest)
            (void)yq_bell_wait(&signer->house->signing, &heard, rest);
    }
    return NULL;
}

bool yq_signer_start(struct yq_house *house, struct yq_signer_thread **out, struct yq_err *err)
{
    struct yq_signer_thread *signer = calloc(1, sizeof *signer);
    if (!signer)
        return yq_fail(err, YQ_FULL, "node", "no memory for signing");
    signer->house = house;
    atomic_init(&signer->stopping, false);
    if (yq_sign_desk_open(house, &signer->desk, err)) {
        if (pthread_create(&signer->thread, NULL, run, signer) == 0) {
            *out = signer;
            return true;
        }
        yq_fail(err, YQ_FULL, "node", "no thread for signing");
    }
    yq_sign_desk_close(signer->desk);
    free(signer);
    return false;
}

void yq_signer_stop(struct yq_signer_thread *signer)
{
    if (!signer)
        return;
    atomic_store(&signer->stopping, true);
    yq_bell_ring(&signer->house->signing);
    pthread_join(signer->thread, NULL);
    yq_sign_desk_close(signer->desk);
    free(signer);
}
