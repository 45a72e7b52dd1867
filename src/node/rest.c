/* rest.c: see rest.h. */
#include "rest.h"

#include <time.h>

void yq_rest_init(struct yq_rest *rest)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&rest->lock, NULL);
    pthread_cond_init(&rest->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    rest->stopping = false;
}

void yq_rest_fini(struct yq_rest *rest)
{
    pthread_cond_destroy(&rest->changed);
    pthread_mutex_destroy(&rest->lock);
}

bool yq_rest(struct yq_rest *rest, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&rest->lock);
    while (!rest->stopping && pthread_cond_timedwait(&rest->changed, &rest->lock, &until) == 0)
        ;
    bool going_on = !rest->stopping;
    pthread_mutex_unlock(&rest->lock);
    return going_on;
}

void yq_rest_end(struct yq_rest *rest)
{
    pthread_mutex_lock(&rest->lock);
    rest->stopping = true;
    pthread_cond_broadcast(&rest->changed);
    pthread_mutex_unlock(&rest->lock);
}

bool yq_rest_is_over(void *context)
{
    struct yq_rest *rest = context;
    pthread_mutex_lock(&rest->lock);
    bool stopping = rest->stopping;
    pthread_mutex_unlock(&rest->lock);
    return stopping;
}
