/* sync.h: one at a time, by name. A claim keeps two threads from working on the same thing (one SOP
 * instance, say) without holding a lock while they do it. Keys are compared by a 64-bit hash: two
 * different names may at worst wait for each other. */
#ifndef YQ_SYNC_H
#define YQ_SYNC_H

#include <pthread.h>
#include <stdbool.h>
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

/* A bell: whoever makes work rings it, whoever waits for work hears it. Ringing while nobody waits
 * is heard by the next wait. */
struct yq_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    uint64_t rings;
};
void yq_bell_init(struct yq_bell *bell);
void yq_bell_fini(struct yq_bell *bell);
void yq_bell_ring(struct yq_bell *bell);
/* Waits until it rings, or rang since *heard, at most `ms`; *heard begins with 0. True: it rang. */
bool yq_bell_wait(struct yq_bell *bell, uint64_t *heard, int64_t ms);

/* A tally: how many hold on to a name. */
struct yq_tally {
    pthread_mutex_t lock;
    struct yq_tally_mark *marks;
    size_t count, room;
};
void yq_tally_init(struct yq_tally *tally);
void yq_tally_fini(struct yq_tally *tally);
bool yq_tally_add(struct yq_tally *tally, const char *name); /* false: no memory */
/* One less; true when it was the last. */
bool yq_tally_take(struct yq_tally *tally, const char *name);

uint64_t yq_hash_text(const char *text); /* FNV-1a, 64 bits; never 0 */

#endif
