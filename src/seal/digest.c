/* digest.c: XXH3 with 128 bits (xxHash) and SHA-256 (FIPS 180-4, OpenSSL).
 *
 * Neither can fail over memory once its context exists; should a library say otherwise, it is
 * broken and going on would put wrong digests beside objects, so the node stops. One thread at a
 * time per digest. */
#include "yq/seal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct yq_digest {
    XXH3_state_t *fast; /* the one or the other */
    EVP_MD_CTX *context;
};

struct yq_digest *yq_digest_new(enum yq_digest_kind kind)
{
    struct yq_digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return NULL;
    bool ok;
    if (kind == YQ_XXH3) {
        digest->fast = XXH3_createState();
        ok = digest->fast && XXH3_128bits_reset(digest->fast) == XXH_OK;
    } else {
        digest->context = EVP_MD_CTX_new();
        ok = digest->context && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1;
    }
    if (ok)
        return digest;
    yq_digest_free(digest);
    return NULL;
}

void yq_digest_free(struct yq_digest *digest)
{
    if (!digest)
        return;
    XXH3_freeState(digest->fast);
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void yq_digest_add(struct yq_digest *digest, const void *bytes, size_t length)
{
    if (!length)
        return;
    if (digest->fast ? XXH3_128bits_update(digest->fast, bytes, length) != XXH_OK
                     : EVP_DigestUpdate(digest->context, bytes, length) != 1)
        abort();
}

void yq_digest_end(struct yq_digest *digest, uint8_t sum[32])
{
    if (digest->fast) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(digest->fast));
        memset(sum, 0, 32);
        memcpy(sum, canonical.digest, sizeof canonical.digest);
        if (XXH3_128bits_reset(digest->fast) != XXH_OK)
            abort();
    } else if (EVP_DigestFinal_ex(digest->context, sum, NULL) != 1 ||
               EVP_DigestInit_ex(digest->context, NULL, NULL) != 1) {
        abort();
    }
}

enum yq_digest_kind yq_digest_kind(const uint8_t sum[32])
{
    static const uint8_t zeroes[16];
    return memcmp(sum + 16, zeroes, sizeof zeroes) == 0 ? YQ_XXH3 : YQ_SHA256;
}
