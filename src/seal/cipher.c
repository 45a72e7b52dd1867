/* cipher.c: digests (RFC 1321, FIPS 180-4, GB/T 32905), HMAC (RFC 2104) and block ciphers (GB/T
 * 32907, FIPS 197; ECB and CBC, GB/T 17964; padding: RFC 5652, 6.3) by their words in a recipe.
 *
 * OpenSSL's objects are fetched when a recipe is parsed; a use makes only a context. What was
 * sealed is opened without its padding being looked at by OpenSSL: whether it fits is worked out in
 * a time that does not depend on it. Any thread. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "recipe_inside.h"

static const struct word {
    const char *word;
    enum step_kind kind;
    const char *names[3]; /* OpenSSL's */
    size_t key;           /* bytes of the first one's */
} words[] = {
    {"md5", STEP_DIGEST, {"MD5"}, 0},
    {"sha1", STEP_DIGEST, {"SHA1"}, 0},
    {"sha256", STEP_DIGEST, {"SHA256"}, 0},
    {"sm3", STEP_DIGEST, {"SM3"}, 0},
    {"hmac-md5", STEP_HMAC, {"MD5"}, 0},
    {"hmac-sha1", STEP_HMAC, {"SHA1"}, 0},
    {"hmac-sha256", STEP_HMAC, {"SHA256"}, 0},
    {"hmac-sm3", STEP_HMAC, {"SM3"}, 0},
    {"sm4-ecb", STEP_CIPHER, {"SM4-ECB"}, 16},
    {"sm4-cbc", STEP_CIPHER, {"SM4-CBC"}, 16},
    {"aes-ecb", STEP_CIPHER, {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"}, 16},
    {"aes-cbc", STEP_CIPHER, {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"}, 16},
};

static bool fetch_hmac(struct step *step, const char *name)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)name, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    step->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* its context holds it */
    return step->hmac && EVP_MAC_CTX_set_params(step->hmac, params) == 1;
}

bool cipher_fetch(struct step *step, struct yq_err *err)
{
    const struct word *word = words;
    const struct word *end = words + sizeof words / sizeof *words;
    while (word < end && strcmp(word->word, step->word) != 0)
        word++;
    bool ok = word < end;
    if (ok && word->kind == STEP_DIGEST)
        ok = (step->digest = EVP_MD_fetch(NULL, word->names[0], NULL)) != NULL;
    else if (ok && word->kind == STEP_HMAC)
        ok = fetch_hmac(step, word->names[0]);
    step->key_least = ok ? word->key : 0;
    for (size_t i = 0; ok && word->kind == STEP_CIPHER && i < 3 && word->names[i]; i++) {
        step->ciphers[i] = EVP_CIPHER_fetch(NULL, word->names[i], NULL);
        ok = step->ciphers[i] != NULL;
        step->cipher_count += ok;
    }
    ERR_clear_error();
    return ok || yq_fail(err, YQ_BUG, "seal", "OpenSSL of this machine has no %s", step->word);
}

void cipher_release(struct step *step)
{
    EVP_MD_free(step->digest);
    EVP_MAC_CTX_free(step->hmac);
    for (size_t i = 0; i < step->cipher_count; i++)
        EVP_CIPHER_free(step->ciphers[i]);
}

static bool broken(const struct step *step, struct yq_err *err)
{
    ERR_clear_error();
    return yq_fail(err, YQ_FULL, "seal", "%s could not be worked out: no memory", step->word);
}

bool cipher_digest(const struct step *step, const void *bytes, size_t length, struct yq_buf *out,
                   struct yq_err *err)
{
    uint8_t sum[DIGEST_MOST];
    unsigned size = 0;
    if (EVP_Digest(bytes, length, sum, &size, step->digest, NULL) != 1)
        return broken(step, err);
    yq_buf_put(out, sum, size);
    return true;
}

bool cipher_hmac(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf key = {.most = YQ_KEY_MOST};
    uint8_t sum[DIGEST_MOST];
    size_t size = 0;
    bool ok = yq_keychain_get(keys, step->key, &key, err);
    if (ok) {
        EVP_MAC_CTX *context = EVP_MAC_CTX_dup(step->hmac);
        ok = context && EVP_MAC_init(context, key.bytes, key.length, NULL) == 1 &&
             EVP_MAC_update(context, bytes, length) == 1 &&
             EVP_MAC_final(context, sum, &size, sizeof sum) == 1;
        EVP_MAC_CTX_free(context);
        if (ok)
            yq_buf_put(out, sum, size);
        else
            broken(step, err);
    }
    yq_wipe(key.bytes, key.length);
    yq_buf_fini(&key);
    return ok;
}

/* ---- ciphers ---- */

struct wanted { /* what one use of a cipher wants */
    struct yq_buf key, iv;
    const EVP_CIPHER *cipher;
};

static void forget(struct wanted *wanted)
{
    yq_wipe(wanted->key.bytes, wanted->key.length);
    yq_wipe(wanted->iv.bytes, wanted->iv.length);
    yq_buf_fini(&wanted->key);
    yq_buf_fini(&wanted->iv);
}

static bool wrong_length(const struct step *step, const char *name, const struct yq_buf *key,
                         struct yq_err *err)
{
    bool hex = code_is_hex(key->bytes, key->length);
    return yq_fail(err, YQ_BAD_INPUT, "seal", "key %s has %zu bytes, where %s wants %s%s", name,
                   key->length, step->word,
                   name == step->key && step->cipher_count > 1 ? "16, 24 or 32" : "16",
                   hex ? "; where it stands as hexadecimal digits, say \"hex file:...\"" : "");
}

static bool gather(const struct step *step, struct yq_keychain *keys, struct wanted *wanted,
                   struct yq_err *err)
{
    if (!yq_keychain_get(keys, step->key, &wanted->key, err))
        return false;
    for (size_t i = 0; i < step->cipher_count; i++)
        if (wanted->key.length == step->key_least + 8 * i)
            wanted->cipher = step->ciphers[i];
    if (!wanted->cipher)
        return wrong_length(step, step->key, &wanted->key, err);
    if (step->iv && !yq_keychain_get(keys, step->iv, &wanted->iv, err))
        return false;
    return !step->iv || wanted->iv.length == BLOCK ||
           wrong_length(step, step->iv, &wanted->iv, err);
}

/* `length` bytes, without padding of its own if it opens; what it gives into `to`. */
static bool run(const struct wanted *wanted, bool seal, const void *bytes, size_t length,
                uint8_t *to, size_t *got)
{
    int first = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context &&
              EVP_CipherInit_ex2(context, wanted->cipher, wanted->key.bytes, wanted->iv.bytes, seal,
                                 NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(context, seal) == 1 &&
              EVP_CipherUpdate(context, to, &first, bytes, (int)length) == 1 &&
              EVP_CipherFinal_ex(context, to + first, &last) == 1;
    EVP_CIPHER_CTX_free(context);
    *got = (size_t)first + (size_t)last;
    return ok;
}

bool cipher_seal(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct wanted wanted = {.key.most = YQ_KEY_MOST, .iv.most = YQ_KEY_MOST};
    bool ok = gather(step, keys, &wanted, err);
    size_t got = 0, sealed = length + BLOCK - length % BLOCK;
    uint8_t *to = ok ? yq_buf_raw(out, sealed) : NULL;
    if (ok && (!to || !run(&wanted, true, length ? bytes : "", length, to, &got) || got != sealed))
        ok = broken(step, err);
    forget(&wanted);
    return ok;
}

/* How many bytes of padding the block ends with, 0: it is none (the padding must have all its
 * bytes); looks at all of them always. */
static size_t padding(const uint8_t block[BLOCK])
{
    unsigned last = block[BLOCK - 1], wrong = ((last - 1) >> 8 | (BLOCK - last) >> 8) & 1;
    for (unsigned i = 0; i < BLOCK; i++) {
        unsigned within = ((BLOCK - 1 - i) - last) >> 8 & 1; /* 1: belongs to the padding */
        unsigned differs = block[i] ^ last;
        wrong |= within & ((differs | (0u - differs)) >> 8 & 1);
    }
    return last & (wrong - 1u);
}

bool cipher_open(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, bool *fits, struct yq_err *err)
{
    struct wanted wanted = {.key.most = YQ_KEY_MOST, .iv.most = YQ_KEY_MOST};
    bool ok = gather(step, keys, &wanted, err);
    size_t got = 0, before = out->length;
    *fits = length && length % BLOCK == 0;
    uint8_t *to = ok && *fits ? yq_buf_raw(out, length) : NULL;
    if (ok && *fits) {
        if (!to || !run(&wanted, false, bytes, length, to, &got) || got != length)
            ok = broken(step, err);
        size_t less = ok ? padding(to + length - BLOCK) : 0;
        *fits = less != 0;
        out->length = *fits ? before + length - less : before;
        if (out->bytes)
            out->bytes[out->length] = 0;
    }
    forget(&wanted);
    return ok;
}
