/* cache.h: results that were expensive to make, on disk: pictures, objects in another transfer
 * syntax. DIR/cache/<2 hex>/<32 hex>-<16 hex>, named by the digest of what they were made from and
 * by how they were made. A part of the store, but nothing in it is an object: all of it may go at
 * any time.
 *
 * What cannot be read whole, as it was put, is not there. Any thread, several processes. */
#ifndef YQ_CACHE_H
#define YQ_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"

struct yq_cache;

/* In DIR/cache, which is made when something is put. `most`: bytes it may take; 0: off. NULL
 * without memory. */
struct yq_cache *yq_cache_open(const char *dir, uint64_t most);
void yq_cache_close(struct yq_cache *cache);
/* From now on. `spare`: bytes of the disk that stay free. */
void yq_cache_limit(struct yq_cache *cache, uint64_t most, uint64_t spare);
/* Makes room for what is worth more, when less than `spare` is free. */
void yq_cache_yield(struct yq_cache *cache);

/* `recipe` says all on which the result depends beside the object: what was wanted, the version of
 * the maker, and the SOP Instance UID (digests tell damage, not people). True: the result is the
 * first *length bytes of *fd, which is the caller's, at its beginning. `cache` may be NULL. */
bool yq_cache_get(struct yq_cache *cache, const uint8_t digest[32], const char *recipe, int *fd,
                  uint64_t *length);
/* Keeps a result, from memory or the first `length` bytes of a file; the least recently used ones
 * go for it. What cannot be kept is not kept: that is logged, not told. */
void yq_cache_put(struct yq_cache *cache, const uint8_t digest[32], const char *recipe,
                  const void *bytes, size_t length);
void yq_cache_put_file(struct yq_cache *cache, const uint8_t digest[32], const char *recipe, int fd,
                       uint64_t length);
/* Drops everything that was made from this object. */
void yq_cache_forget(struct yq_cache *cache, const uint8_t digest[32]);

/* Least recently used results go until it takes no more than `most` bytes. Returns how many it
 * takes then. */
uint64_t yq_cache_shrink(struct yq_cache *cache, uint64_t most);

struct yq_cache_counts {
    uint64_t hits, misses, bytes, broken;
};
void yq_cache_count(const struct yq_cache *cache, struct yq_cache_counts *out);

#endif
