/* pace.c: who went faster than allowed waits until the average fits again. A short burst after a
 * rest is free, so that small messages never wait. */
#include "yq/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"

enum { BURST_MS = 250 };

struct yq_pace {
    struct yq_pace *next;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t bytes_per_second;
    double due_ms[2]; /* when what went would have gone at this speed */
    char name[];
};

static pthread_mutex_t paces_lock = PTHREAD_MUTEX_INITIALIZER; /* guards paces */
static struct yq_pace *paces;

static struct yq_pace *find_or_make(const char *name)
{
    struct yq_pace *pace = paces;
    while (pace && strcmp(pace->name, name) != 0)
        pace = pace->next;
    if (pace)
        return pace;
    size_t length = strlen(name) + 1;
    pace = calloc(1, sizeof *pace + length);
    if (!pace)
        return NULL;
    memcpy(pace->name, name, length);
    pthread_mutex_init(&pace->lock, NULL);
    pace->next = paces;
    paces = pace;
    return pace;
}

struct yq_pace *yq_pace_of(const char *name, uint64_t bytes_per_second)
{
    if (!bytes_per_second)
        return NULL;
    pthread_mutex_lock(&paces_lock);
    struct yq_pace *pace = find_or_make(name);
    pthread_mutex_unlock(&paces_lock);
    if (!pace)
        return NULL;
    pthread_mutex_lock(&pace->lock);
    pace->bytes_per_second = bytes_per_second;
    pthread_mutex_unlock(&pace->lock);
    return pace;
}

int64_t yq_pace_count(struct yq_pace *pace, enum yq_pace_way way, size_t bytes)
{
    double now = (double)yq_monotonic_ms();
    pthread_mutex_lock(&pace->lock);
    double *due = &pace->due_ms[way];
    if (*due < now - BURST_MS)
        *due = now - BURST_MS;
    *due += (double)bytes * 1000 / (double)pace->bytes_per_second;
    double wait = *due - now;
    pthread_mutex_unlock(&pace->lock);
    return wait > 0 ? (int64_t)wait : 0;
}
