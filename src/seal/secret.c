/* secret.c: a secret of the node's own, made when it is first wanted, and marks under it:
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4, OpenSSL).
 *
 * The file is 64 hex digits, for its owner only, so that somebody may copy it to another node that
 * is to make the same marks. Two processes that want the first one at the same time get the same
 * one: a link is made whole or not at all, and never in the place of another. Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/file.h"
#include "yq/seal.h"

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* one thread of this process makes */

enum { DIGITS = 2 * YQ_SECRET_SIZE };

static bool parse(const char *path, const struct yq_buf *text, struct yq_secret *out,
                  struct yq_err *err)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = text->length;
    while (length && (text->bytes[length - 1] == '\n' || text->bytes[length - 1] == '\r'))
        length--;
    bool ok = length == DIGITS;
    for (size_t i = 0; ok && i < DIGITS; i++) {
        const char *digit = text->bytes[i] ? strchr(digits, text->bytes[i]) : NULL;
        unsigned value = digit ? (unsigned)(digit - digits) : 0;
        ok = digit;
        out->key[i / 2] = (uint8_t)(i % 2 ? out->key[i / 2] | value : value << 4);
    }
    return ok || yq_fail(err, YQ_BAD_INPUT, "seal",
                         "%s is damaged: it has to be %d hex digits; without it other identifiers "
                         "are made than before",
                         path, DIGITS);
}

static bool read_it(const char *path, struct yq_secret *out, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct stat about;
    if (!yq_file_read(path, DIGITS + 16, &text, err))
        return false;
    bool ok = stat(path, &about) == 0 || yq_fail_errno(err, "seal", "look at", path);
    ok = ok && (!(about.st_mode & 077) ||
                yq_fail(err, YQ_REFUSED, "seal", "others may read %s: chmod 600 %s", path, path));
    ok = ok && parse(path, &text, out, err);
    OPENSSL_cleanse(text.bytes, text.length);
    return ok;
}

/* A new one; that somebody else was faster is no error. */
static bool make(const char *path, struct yq_err *err)
{
    uint8_t key[YQ_SECRET_SIZE];
    char text[DIGITS + 2], temporary[YQ_PATH_MOST], folder[YQ_PATH_MOST];
    int length = snprintf(temporary, sizeof temporary, "%s.%d.first", path, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary || !yq_copy(folder, sizeof folder, path))
        return yq_fail(err, YQ_BAD_INPUT, "seal", "path is longer than %d bytes", YQ_PATH_MOST);
    if (RAND_bytes(key, sizeof key) != 1)
        return yq_fail(err, YQ_IO, "seal", "the machine gives no random bytes");
    yq_hex(text, key, sizeof key);
    text[DIGITS] = '\n';
    bool ok = yq_file_write(temporary, text, DIGITS + 1, 0600, err);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(text, sizeof text);
    if (!ok)
        return false;
    ok = link(temporary, path) == 0 || errno == EEXIST || yq_fail_errno(err, "seal", "make", path);
    unlink(temporary);
    char *slash = strrchr(folder, '/');
    if (slash)
        *(slash == folder ? slash + 1 : slash) = '\0';
    return ok && yq_sync_dir(slash ? folder : ".", err);
}

bool yq_secret_open(const char *path, struct yq_secret *out, struct yq_err *err)
{
    if (read_it(path, out, err))
        return true;
    if (err->code != YQ_ABSENT)
        return false;
    pthread_mutex_lock(&making);
    bool ok = access(path, F_OK) == 0 || make(path, err);
    pthread_mutex_unlock(&making);
    return ok && read_it(path, out, err);
}

static void hmac(const uint8_t key[YQ_SECRET_SIZE], const void *text, size_t length,
                 uint8_t sum[YQ_SECRET_SIZE])
{
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), key, YQ_SECRET_SIZE, text, length, sum, &size))
        abort(); /* over memory it fails only when OpenSSL is broken */
}

/* The purpose makes a key of its own: no text of one purpose is like one of another. */
void yq_secret_for(const struct yq_secret *secret, const char *purpose, struct yq_secret *out)
{
    hmac(secret->key, purpose, strlen(purpose), out->key);
}

void yq_secret_sign(const struct yq_secret *key, const void *text, size_t length, uint8_t mark[32])
{
    hmac(key->key, text, length, mark);
}

void yq_secret_mark(const struct yq_secret *secret, const char *purpose, const void *text,
                    size_t length, uint8_t mark[32])
{
    struct yq_secret key;
    yq_secret_for(secret, purpose, &key);
    yq_secret_sign(&key, text, length, mark);
    yq_secret_forget(&key);
}

void yq_secret_forget(struct yq_secret *secret) { OPENSSL_cleanse(secret, sizeof *secret); }
