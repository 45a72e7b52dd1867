/* sync.c: claims. A fixed table: as many claims as threads can exist (node/ bounds those). */
#include "yq/sync.h"

#include <stdbool.h>
#include <string.h>

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
