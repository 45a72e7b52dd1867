/* seal.h: digests (OpenSSL). Signatures, ciphers and recipes come with the provinces. */
#ifndef YQ_SEAL_H
#define YQ_SEAL_H

#include <stddef.h>
#include <stdint.h>

struct yq_digest; /* a SHA-256 in the making; one thread at a time */

struct yq_digest *yq_digest_new(void); /* NULL without memory */
void yq_digest_free(struct yq_digest *digest);
void yq_digest_add(struct yq_digest *digest, const void *bytes, size_t length);
/* The result; the digest can be used again afterwards, as new. */
void yq_digest_end(struct yq_digest *digest, uint8_t sha256[32]);

#endif
