/* passcode.c: PBKDF2 (RFC 8018) with HMAC-SHA-512: slow for who guesses, little memory for who is
 * asked by many at once.
 *
 * A modality may ask for an association for every image, so what was right is remembered, as a
 * digest under a key that lives and dies with the process. Any thread. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/bytes.h"
#include "yq/seal.h"

enum { ROUNDS = 210000, ROUNDS_MOST = 10000000, SALT = 16, HASH = 32, REMEMBERED = 64 };

static const char scheme[] = "pbkdf2-sha512$";

static void derive(const void *passcode, size_t length, const uint8_t salt[SALT], long rounds,
                   uint8_t hash[HASH])
{
    /* over memory, with sizes that fit, it fails only when OpenSSL is broken */
    if (length > 65535 || PKCS5_PBKDF2_HMAC(passcode, (int)length, salt, SALT, (int)rounds,
                                            EVP_sha512(), HASH, hash) != 1)
        abort();
}

bool yq_passcode_keep(const void *passcode, size_t length, char kept[YQ_PASSCODE_SIZE])
{
    uint8_t salt[SALT], hash[HASH];
    char salt_text[2 * SALT + 1], hash_text[2 * HASH + 1];
    if (RAND_bytes(salt, sizeof salt) != 1)
        return false;
    derive(passcode, length, salt, ROUNDS, hash);
    yq_hex(salt_text, salt, sizeof salt);
    yq_hex(hash_text, hash, sizeof hash);
    snprintf(kept, YQ_PASSCODE_SIZE, "%s%d$%s$%s", scheme, ROUNDS, salt_text, hash_text);
    return true;
}

/* `length` bytes of hex digits, ended by `end`. */
static bool take_hex(const char **text, uint8_t *bytes, size_t length, char end)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * length; i++) {
        const char *digit = (*text)[i] ? strchr(digits, (*text)[i]) : NULL;
        if (!digit)
            return false;
        unsigned value = (unsigned)(digit - digits);
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | value : value << 4);
    }
    *text += 2 * length;
    return *(*text)++ == end;
}

static bool parse(const char *text, long *rounds, uint8_t salt[SALT], uint8_t hash[HASH])
{
    char *end;
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    text += sizeof scheme - 1;
    *rounds = strtol(text, &end, 10);
    if (*rounds < 1 || *rounds > ROUNDS_MOST || *end != '$')
        return false;
    text = end + 1;
    return take_hex(&text, salt, SALT, '$') && take_hex(&text, hash, HASH, '\0');
}

bool yq_passcode_is_kept(const char *text)
{
    uint8_t salt[SALT], hash[HASH];
    long rounds;
    return parse(text, &rounds, salt, hash);
}

/* ---- what was right ---- */

static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static uint8_t memory_key[HASH], memory[REMEMBERED][HASH];
static size_t remembered;
static bool has_key;

/* A digest of both, under the process's key. False: without a key nothing is remembered. */
static bool mark_of(const char *kept, const void *passcode, size_t length, uint8_t mark[HASH])
{
    uint8_t key[HASH], first[HASH];
    unsigned size = 0;
    pthread_mutex_lock(&memory_lock);
    has_key = has_key || RAND_bytes(memory_key, sizeof memory_key) == 1;
    bool ready = has_key;
    memcpy(key, memory_key, sizeof key);
    pthread_mutex_unlock(&memory_lock);
    return ready &&
           HMAC(EVP_sha256(), key, sizeof key, (const uint8_t *)kept, strlen(kept), first, &size) &&
           HMAC(EVP_sha256(), first, sizeof first, passcode, length, mark, &size);
}

static bool remembers(const uint8_t mark[HASH])
{
    bool found = false;
    pthread_mutex_lock(&memory_lock);
    for (size_t i = 0; i < REMEMBERED && i < remembered; i++)
        found |= yq_equal_secret(memory[i], HASH, mark, HASH);
    pthread_mutex_unlock(&memory_lock);
    return found;
}

static void remember(const uint8_t mark[HASH])
{
    pthread_mutex_lock(&memory_lock);
    memcpy(memory[remembered++ % REMEMBERED], mark, HASH); /* the oldest goes */
    pthread_mutex_unlock(&memory_lock);
}

bool yq_passcode_fits(const char *kept, const void *passcode, size_t length)
{
    uint8_t mark[HASH];
    bool marked = kept && length <= 65535 && mark_of(kept, passcode, length, mark);
    if (marked && remembers(mark))
        return true;
    uint8_t salt[SALT] = {0}, hash[HASH] = {0}, ours[HASH];
    long rounds = ROUNDS;
    bool known = kept && parse(kept, &rounds, salt, hash);
    derive(passcode, length > 65535 ? 0 : length, salt, known ? rounds : ROUNDS, ours);
    bool fits = yq_equal_secret(ours, sizeof ours, hash, sizeof hash) && known && length <= 65535;
    OPENSSL_cleanse(ours, sizeof ours);
    if (fits && marked)
        remember(mark);
    return fits;
}
