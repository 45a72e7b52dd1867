/* sync.h: one at a time, by name. A claim keeps two threads from working on the same thing (one SOP
 * instance, say) without holding a lock while they do it. Keys are compared by a 64-bit hash: two
 * different names may at worst wait for each other. */
#ifndef YQ_SYNC_H
#define YQ_SYNC_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define YQ_CLAIMS_MOST 1024

struct yq_claims {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    uint64_t held[YQ_CLAIMS_MOST]; /* 0: free place */
};

void yq_claims_init(struct yq_claims *claims);
void yq_claims_fini(struct yq_claims *claims);

/* Waits until nobody holds `name`, then holds it; the ticket goes to yq_claims_release. */
uint64_t yq_claims_take(struct yq_claims *claims, const char *name);
void yq_claims_release(struct yq_claims *claims, uint64_t ticket);

uint64_t yq_hash_text(const char *text); /* FNV-1a, 64 bits; never 0 */

#endif
