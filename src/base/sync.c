/* sync.c: claims (a fixed table: as many as threads can exist; node/ bounds those), bells, tallies.
 */
#include "yq/sync.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/clock.h"

uint64_t yq_hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        hash = (hash ^ *p) * 1099511628211u;
    return hash ? hash : 1;
}

void yq_claims_init(struct yq_claims *claims)
{
    memset(claims, 0, sizeof *claims);
    pthread_mutex_init(&claims->lock, NULL);
    pthread_cond_init(&claims->freed, NULL);
}

void yq_claims_fini(struct yq_claims *claims)
{
    pthread_cond_destroy(&claims->freed);
    pthread_mutex_destroy(&claims->lock);
}

uint64_t yq_claims_take(struct yq_claims *claims, const char *name)
{
    uint64_t hash = yq_hash_text(name);
    pthread_mutex_lock(&claims->lock);
    for (;;) {
        size_t free_place = YQ_CLAIMS_MOST;
        bool held = false;
        for (size_t i = 0; i < YQ_CLAIMS_MOST && !held; i++) {
            held = claims->held[i] == hash;
            if (!claims->held[i] && free_place == YQ_CLAIMS_MOST)
                free_place = i;
        }
        if (!held && free_place < YQ_CLAIMS_MOST) {
            claims->held[free_place] = hash;
            break;
        }
        pthread_cond_wait(&claims->freed, &claims->lock);
    }
    pthread_mutex_unlock(&claims->lock);
    return hash;
}

void yq_claims_release(struct yq_claims *claims, uint64_t ticket)
{
    pthread_mutex_lock(&claims->lock);
    for (size_t i = 0; i < YQ_CLAIMS_MOST; i++) {
        if (claims->held[i] == ticket) {
            claims->held[i] = 0;
            break;
        }
    }
    pthread_cond_broadcast(&claims->freed);
    pthread_mutex_unlock(&claims->lock);
}

void yq_bell_init(struct yq_bell *bell)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->rung, &monotonic);
    pthread_condattr_destroy(&monotonic);
    bell->rings = 0;
}

void yq_bell_fini(struct yq_bell *bell)
{
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->lock);
}

void yq_bell_ring(struct yq_bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->rings++;
    pthread_cond_broadcast(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

bool yq_bell_wait(struct yq_bell *bell, uint64_t *heard, int64_t ms)
{
    int64_t until_ms = yq_monotonic_ms() + ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_mutex_lock(&bell->lock);
    while (bell->rings == *heard && pthread_cond_timedwait(&bell->rung, &bell->lock, &until) == 0)
        ;
    bool rang = bell->rings != *heard;
    *heard = bell->rings;
    pthread_mutex_unlock(&bell->lock);
    return rang;
}

struct yq_tally_mark {
    uint64_t name;
    size_t holders;
};

void yq_tally_init(struct yq_tally *tally)
{
    memset(tally, 0, sizeof *tally);
    pthread_mutex_init(&tally->lock, NULL);
}

void yq_tally_fini(struct yq_tally *tally)
{
    free(tally->marks);
    pthread_mutex_destroy(&tally->lock);
}

static struct yq_tally_mark *find_mark(struct yq_tally *tally, uint64_t name)
{
    for (size_t i = 0; i < tally->count; i++)
        if (tally->marks[i].name == name)
            return &tally->marks[i];
    return NULL;
}

bool yq_tally_add(struct yq_tally *tally, const char *name)
{
    uint64_t hash = yq_hash_text(name);
    pthread_mutex_lock(&tally->lock);
    struct yq_tally_mark *mark = find_mark(tally, hash);
    if (!mark && tally->count == tally->room) {
        size_t room = tally->room ? 2 * tally->room : 16;
        struct yq_tally_mark *grown = realloc(tally->marks, room * sizeof *grown);
        if (grown) {
            tally->marks = grown;
            tally->room = room;
        }
    }
    if (!mark && tally->count < tally->room) {
        mark = &tally->marks[tally->count++];
        *mark = (struct yq_tally_mark){.name = hash};
    }
    if (mark)
        mark->holders++;
    pthread_mutex_unlock(&tally->lock);
    return mark != NULL;
}

bool yq_tally_take(struct yq_tally *tally, const char *name)
{
    uint64_t hash = yq_hash_text(name);
    pthread_mutex_lock(&tally->lock);
    struct yq_tally_mark *mark = find_mark(tally, hash);
    bool last = mark && --mark->holders == 0;
    if (last)
        *mark = tally->marks[--tally->count];
    pthread_mutex_unlock(&tally->lock);
    return last;
}
