/* keyring.c: keys for what is personal and at rest: AES-256-GCM (NIST SP 800-38D, OpenSSL) with a
 * new random nonce each time, and marks (HMAC-SHA-256) by which a value is found without being
 * kept. SM4 has no mode with a tag in OpenSSL 3.0.
 *
 * Keys stand in a file, or an environment variable, never in the catalog. Every key opens what it
 * sealed; the first one seals. The key of marks stays the same when keys change, so that what is
 * marked is found on. A file is read again when it changed, and when a key is missing. What was
 * read is never forgotten while the process runs. Any thread. */
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

#include "code.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/seal.h"

enum { KEYS_MOST = 64, FILE_MOST = 16384, KEY = 32, NONCE = 12, TAG = 16, LOOK_MS = 1000 };

struct key {
    char id[YQ_KEY_ID_SIZE];
    uint8_t bytes[KEY];
};
struct yq_keyring {
    pthread_mutex_t lock;
    char source[YQ_PATH_MOST]; /* the file, or "$" and the variable; "": nothing was read yet */
    struct key keys[KEYS_MOST];
    size_t count, current;
    uint8_t mark[KEY];
    struct stat about;
    int64_t looked_ms;
};

struct yq_keyring *yq_keyring_new(void)
{
    struct yq_keyring *keyring = calloc(1, sizeof *keyring);
    if (keyring)
        pthread_mutex_init(&keyring->lock, NULL);
    return keyring;
}

void yq_keyring_free(struct yq_keyring *keyring)
{
    if (!keyring)
        return;
    pthread_mutex_destroy(&keyring->lock);
    OPENSSL_cleanse(keyring, sizeof *keyring);
    free(keyring);
}

/* ---- the text ---- */

static bool hex_key(const char *text, uint8_t out[KEY])
{
    for (int i = 0; i < 2 * KEY; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return text[2 * KEY] == '\0';
}

static bool is_key_id(const char *text)
{
    size_t length = strlen(text);
    return length && length < YQ_KEY_ID_SIZE &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz-") == length;
}

/* Adds it unless it is there; its place, or KEYS_MOST: there is no room, or another one of this
 * name. */
static size_t add_key(struct yq_keyring *keyring, const char *id, const uint8_t bytes[KEY])
{
    for (size_t i = 0; i < keyring->count; i++) {
        if (strcmp(keyring->keys[i].id, id) == 0)
            return memcmp(keyring->keys[i].bytes, bytes, KEY) == 0 ? i : KEYS_MOST;
    }
    if (keyring->count == KEYS_MOST)
        return KEYS_MOST;
    (void)yq_copy(keyring->keys[keyring->count].id, YQ_KEY_ID_SIZE, id);
    memcpy(keyring->keys[keyring->count].bytes, bytes, KEY);
    return keyring->count++;
}

struct parsing {
    struct yq_keyring *keyring;
    bool marked;
    size_t current; /* KEYS_MOST: no key yet */
};

static bool parse_line(struct parsing *parsing, char *line)
{
    static const char blanks[] = " \t\r";
    uint8_t bytes[KEY];
    char *save = NULL, *word = strtok_r(line, blanks, &save);
    if (!word || *word == '#')
        return true;
    char *id = strcmp(word, "key") == 0 ? strtok_r(NULL, blanks, &save) : NULL;
    char *digits = strtok_r(NULL, blanks, &save);
    bool key = id && is_key_id(id), mark = strcmp(word, "mark") == 0 && !parsing->marked;
    bool ok = (key || mark) && digits && hex_key(digits, bytes) && !strtok_r(NULL, blanks, &save);
    if (ok && mark) {
        memcpy(parsing->keyring->mark, bytes, KEY);
        parsing->marked = true;
    } else if (ok) {
        size_t place = add_key(parsing->keyring, id, bytes);
        ok = place < KEYS_MOST;
        parsing->current = parsing->current < KEYS_MOST ? parsing->current : place;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return ok;
}

/* `text` is overwritten. */
static bool parse(struct yq_keyring *keyring, const char *what, char *text, struct yq_err *err)
{
    struct parsing parsing = {.keyring = keyring, .current = KEYS_MOST};
    unsigned line = 0;
    for (char *save = NULL, *one = strtok_r(text, "\n;", &save); one;
         one = strtok_r(NULL, "\n;", &save)) {
        line++;
        if (!parse_line(&parsing, one))
            return yq_fail(err, YQ_BAD_INPUT, "seal",
                           "%.120s, line %u: neither \"mark <64 hex digits>\" nor \"key <name> <64 "
                           "hex digits>\"",
                           what, line);
    }
    if (!parsing.marked || parsing.current == KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "%.120s: a line \"%s ...\" is missing", what,
                       parsing.marked ? "key" : "mark");
    keyring->current = parsing.current;
    return true;
}

/* ---- reading it, with `lock` held ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool read_file(struct yq_keyring *keyring, const char *path, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct stat about;
    if (stat(path, &about) != 0) {
        yq_fail_errno(err, "seal", "read the keys of records in", path);
        return false;
    }
    if (*keyring->source && same_file(&about, &keyring->about))
        return true;
    if (about.st_mode & 077)
        return yq_fail(err, YQ_REFUSED, "seal", "others may read %.120s: chmod 600 it", path);
    if (!yq_file_read(path, FILE_MOST, &text, err))
        return false;
    yq_buf_put(&text, "", 1);
    bool ok = !text.failed && text.bytes ? parse(keyring, path, (char *)text.bytes, err)
                                         : yq_fail(err, YQ_FULL, "seal", "no memory for keys");
    OPENSSL_cleanse(text.bytes, text.length);
    if (ok)
        keyring->about = about;
    return ok;
}

static bool read_variable(struct yq_keyring *keyring, const char *variable, struct yq_err *err)
{
    const char *value = getenv(variable);
    char *text = value ? strdup(value) : NULL;
    if (!text)
        return yq_fail(err, YQ_ABSENT, "seal",
                       "no key to encrypt records with: make one with \"yingqiao records key "
                       "FILE\" and name it in records.key_file, or give it in $%s",
                       variable);
    bool ok = parse(keyring, variable, text, err);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return ok;
}

static bool read_again(struct yq_keyring *keyring, bool at_once, struct yq_err *err)
{
    int64_t now = yq_monotonic_ms();
    if (keyring->source[0] == '$')
        return true;
    if (!at_once && now - keyring->looked_ms < LOOK_MS)
        return true;
    keyring->looked_ms = now;
    struct yq_err why;
    /* what was read before goes on being good: a file may be away for a moment */
    return read_file(keyring, keyring->source, at_once ? err : &why) || !at_once;
}

bool yq_keyring_ready(struct yq_keyring *keyring, const char *path, const char *variable,
                      struct yq_err *err)
{
    char source[YQ_PATH_MOST];
    int length = snprintf(source, sizeof source, "%s%s", *path ? "" : "$", *path ? path : variable);
    if (length < 0 || (size_t)length >= sizeof source)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "path is longer than %d bytes", YQ_PATH_MOST);
    pthread_mutex_lock(&keyring->lock);
    bool ok;
    if (strcmp(keyring->source, source) == 0) {
        ok = read_again(keyring, false, err);
    } else {
        keyring->source[0] = '\0';
        ok = *path ? read_file(keyring, path, err) : read_variable(keyring, variable, err);
        if (ok)
            (void)yq_copy(keyring->source, sizeof keyring->source, source);
    }
    pthread_mutex_unlock(&keyring->lock);
    return ok;
}

void yq_keyring_current(struct yq_keyring *keyring, char id[YQ_KEY_ID_SIZE])
{
    pthread_mutex_lock(&keyring->lock);
    memcpy(id, keyring->keys[keyring->current].id, YQ_KEY_ID_SIZE);
    pthread_mutex_unlock(&keyring->lock);
}

static bool find_key(const struct yq_keyring *keyring, struct key *key)
{
    for (size_t i = 0; i < keyring->count; i++) {
        if (strcmp(keyring->keys[i].id, key->id) == 0) {
            *key = keyring->keys[i];
            return true;
        }
    }
    return false;
}

/* The key of this id, for a moment. */
static bool borrow_key(struct yq_keyring *keyring, struct key *key, struct yq_err *err)
{
    char source[YQ_PATH_MOST];
    pthread_mutex_lock(&keyring->lock);
    bool ok = find_key(keyring, key);
    if (!ok && *keyring->source) {
        struct yq_err ignored;
        ok = read_again(keyring, true, &ignored) && find_key(keyring, key);
    }
    memcpy(source, keyring->source, sizeof source);
    pthread_mutex_unlock(&keyring->lock);
    return ok || yq_fail(err, YQ_REFUSED, "seal",
                         "sealed with the key \"%s\", which is not in %.120s: put it back there",
                         key->id, *source ? source : "any file");
}

/* ---- sealing ---- */

/* nonce, cipher, tag into `out`. */
static bool encrypt(const struct key *key, const char *context, const void *bytes, size_t length,
                    uint8_t *out)
{
    int got = 0, rest = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool ok = cipher && RAND_bytes(out, NONCE) == 1 &&
              EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, out) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &got, (const uint8_t *)context,
                                (int)strlen(context)) == 1 &&
              EVP_EncryptUpdate(cipher, out + NONCE, &got, bytes, (int)length) == 1 &&
              EVP_EncryptFinal_ex(cipher, out + NONCE + got, &rest) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + length) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

static bool decrypt(const struct key *key, const char *context, uint8_t *sealed, size_t length,
                    uint8_t *out)
{
    int got = 0, rest = 0;
    size_t text = length - NONCE - TAG;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool ok =
        cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, sealed) == 1 &&
        EVP_DecryptUpdate(cipher, NULL, &got, (const uint8_t *)context, (int)strlen(context)) ==
            1 &&
        EVP_DecryptUpdate(cipher, out, &got, sealed + NONCE, (int)text) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG, sealed + NONCE + text) == 1 &&
        EVP_DecryptFinal_ex(cipher, out + got, &rest) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

bool yq_keyring_is_sealed(const char *text, size_t length)
{
    return length > strlen(YQ_SEALED) && memcmp(text, YQ_SEALED, strlen(YQ_SEALED)) == 0;
}

bool yq_keyring_shut(struct yq_keyring *keyring, const char *context, const void *bytes,
                     size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    struct key key;
    if (length > INT32_MAX / 2)
        return yq_fail(err, YQ_FULL, "seal", "too long to be sealed");
    pthread_mutex_lock(&keyring->lock);
    key = keyring->keys[keyring->current];
    pthread_mutex_unlock(&keyring->lock);
    uint8_t *place = yq_buf_raw(&sealed, NONCE + length + TAG);
    bool ok = place && encrypt(&key, context, bytes, length, place);
    yq_buf_putf(out, "%s%s:", YQ_SEALED, key.id);
    OPENSSL_cleanse(&key, sizeof key);
    if (ok)
        code_to_base64(sealed.bytes, sealed.length, out);
    return (ok && !out->failed) || yq_fail(err, YQ_FULL, "seal", "no memory to seal a value");
}

bool yq_keyring_open(struct yq_keyring *keyring, const char *context, const char *text,
                     size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    struct key key = {0};
    const char *id = text + strlen(YQ_SEALED), *end = text + length;
    const char *colon =
        yq_keyring_is_sealed(text, length) ? memchr(id, ':', (size_t)(end - id)) : NULL;
    if (!colon || colon == id || colon - id >= YQ_KEY_ID_SIZE)
        return yq_fail(err, YQ_IO, "seal", "a sealed value is damaged");
    memcpy(key.id, id, (size_t)(colon - id));
    if (!code_from_base64(colon + 1, (size_t)(end - colon - 1), &sealed) ||
        sealed.length < NONCE + TAG)
        return yq_fail(err, sealed.failed ? YQ_FULL : YQ_IO, "seal", "a sealed value is damaged");
    if (!borrow_key(keyring, &key, err))
        return false;
    size_t plain = sealed.length - NONCE - TAG;
    uint8_t *place = yq_buf_raw(out, plain + 1);
    bool ok = place && decrypt(&key, context, sealed.bytes, sealed.length, place);
    OPENSSL_cleanse(&key, sizeof key);
    if (!place)
        return yq_fail(err, YQ_FULL, "seal", "no memory to open a value");
    out->length--;
    place[plain] = 0;
    if (ok)
        return true;
    out->length -= plain; /* whatever it is, it is not what was sealed */
    OPENSSL_cleanse(place, plain);
    return yq_fail(err, YQ_IO, "seal",
                   "a sealed value is damaged, or another key has the name it was sealed with");
}

void yq_keyring_mark(struct yq_keyring *keyring, const char *purpose, const void *text,
                     size_t length, uint8_t mark[32])
{
    struct yq_secret secret;
    pthread_mutex_lock(&keyring->lock);
    memcpy(secret.key, keyring->mark, sizeof secret.key);
    pthread_mutex_unlock(&keyring->lock);
    yq_secret_mark(&secret, purpose, text, length, mark);
    yq_secret_forget(&secret);
}

/* ---- a new key ---- */

static bool put_random(struct yq_buf *text, const char *head, size_t bytes)
{
    uint8_t random[KEY];
    char hex[2 * KEY + 1];
    bool ok = RAND_bytes(random, (int)bytes) == 1;
    yq_hex(hex, random, bytes);
    yq_buf_putf(text, "%s%s", head, hex);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(hex, sizeof hex);
    return ok && !text->failed;
}

bool yq_keyring_make(const char *path, char id[YQ_KEY_ID_SIZE], struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, before yq_cleanup(yq_buf_fini) = {0};
    struct yq_keyring *keyring = yq_keyring_new();
    bool there = access(path, F_OK) == 0;
    bool ok = keyring ? !there || (yq_keyring_ready(keyring, path, "", err) &&
                                   yq_file_read(path, FILE_MOST, &before, err))
                      : yq_fail(err, YQ_FULL, "seal", "no memory for keys");
    if (ok && keyring->count == KEYS_MOST)
        ok = yq_fail(err, YQ_FULL, "seal", "%d keys are in it already", KEYS_MOST);
    yq_keyring_free(keyring);
    if (!ok)
        return false;
    ok = put_random(&text, "key k", 4);
    (void)yq_copy(id, YQ_KEY_ID_SIZE, yq_buf_text(&text) + strlen("key "));
    ok = ok && put_random(&text, " ", KEY) && (there || put_random(&text, "\nmark ", KEY));
    yq_buf_puts(&text, "\n");
    yq_buf_put(&text, before.bytes, before.length);
    ok = (ok && !text.failed) || yq_fail(err, YQ_IO, "seal", "the machine gives no random bytes");
    ok = ok && yq_file_write(path, text.bytes, text.length, 0600, err);
    OPENSSL_cleanse(text.bytes, text.length);
    if (before.length)
        OPENSSL_cleanse(before.bytes, before.length);
    return ok;
}
