/* digest.c: SHA-256 (FIPS 180-4) by OpenSSL.
 *
 * SHA-256 over memory cannot fail once its context exists; should OpenSSL say otherwise, the
 * library is broken and going on would put wrong digests beside objects, so the node stops. One
 * thread at a time per digest. */
#include "yq/seal.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct yq_digest {
    EVP_MD_CTX *context;
};

struct yq_digest *yq_digest_new(void)
{
    struct yq_digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return NULL;
    digest->context = EVP_MD_CTX_new();
    if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        yq_digest_free(digest);
        return NULL;
    }
    return digest;
}

void yq_digest_free(struct yq_digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void yq_digest_add(struct yq_digest *digest, const void *bytes, size_t length)
{
    if (length && EVP_DigestUpdate(digest->context, bytes, length) != 1)
        abort();
}

void yq_digest_end(struct yq_digest *digest, uint8_t sha256[32])
{
    if (EVP_DigestFinal_ex(digest->context, sha256, NULL) != 1 ||
        EVP_DigestInit_ex(digest->context, NULL, NULL) != 1)
        abort();
}
