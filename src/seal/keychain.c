/* keychain.c: the keys of one platform, by name, wherever they are said to be: a file, a variable
 * of the environment, what a program says (keychain_read.c reads them).
 *
 * A key is read when it is first used; a file is looked at again after a second, and read when it
 * changed. What was read once goes on being good while a file is away or half written. A program
 * that failed is not started again for some seconds. Keys are wiped when they go; none gets into an
 * error. Any thread: nothing is read under the lock. */
#include "keychain.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipe_inside.h"
#include "yq/clock.h"

enum { KEYS_MOST = 32, LOOK_MS = 1000, AGAIN_MS = 10000 };

struct entry {
    struct keychain_place place;
    struct yq_buf bytes; /* of the key */
    struct stat about;   /* of its file when it was read */
    bool read;
    int64_t looked_ms;
    unsigned changes;   /* how often other bytes came */
    EVP_PKEY *sm2;      /* made of them; NULL: not yet */
    struct yq_err why;  /* of a program that failed */
    int64_t not_before; /* when it may be started again */
};
struct yq_keychain {
    pthread_mutex_t lock; /* guards what entries hold; entries themselves stay as they were added */
    struct entry entries[KEYS_MOST];
    size_t count;
};

void yq_wipe(void *bytes, size_t length)
{
    if (bytes)
        OPENSSL_cleanse(bytes, length);
}

static void forget(struct yq_buf *bytes)
{
    yq_wipe(bytes->bytes, bytes->capacity);
    yq_buf_fini(bytes);
}

struct yq_keychain *yq_keychain_new(void)
{
    struct yq_keychain *chain = calloc(1, sizeof *chain);
    if (chain)
        pthread_mutex_init(&chain->lock, NULL);
    return chain;
}

void yq_keychain_free(struct yq_keychain *chain)
{
    if (!chain)
        return;
    for (size_t i = 0; i < chain->count; i++) {
        forget(&chain->entries[i].bytes);
        EVP_PKEY_free(chain->entries[i].sm2);
    }
    pthread_mutex_destroy(&chain->lock);
    free(chain);
}

static struct entry *find(const struct yq_keychain *chain, const char *name)
{
    for (size_t i = 0; chain && i < chain->count; i++)
        if (strcmp(chain->entries[i].place.name, name) == 0)
            return (struct entry *)(uintptr_t)&chain->entries[i];
    return NULL;
}

bool yq_keychain_has(const struct yq_keychain *chain, const char *name)
{
    return find(chain, name) != NULL;
}

bool yq_keychain_add(struct yq_keychain *chain, const char *name, const char *where,
                     const char *folder, struct yq_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t length = strlen(name);
    if (!length || length >= KEYCHAIN_NAME || strspn(name, letters) != length)
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "a key's name is at most %d letters, digits and _", KEYCHAIN_NAME - 1);
    if (find(chain, name))
        return yq_fail(err, YQ_BAD_INPUT, "seal", "key %s is there twice", name);
    if (chain->count == KEYS_MOST)
        return yq_fail(err, YQ_FULL, "seal", "more than %d keys", KEYS_MOST);
    struct entry *entry = &chain->entries[chain->count];
    (void)yq_copy(entry->place.name, sizeof entry->place.name, name);
    if (!keychain_place(where, folder, &entry->place, err))
        return false;
    chain->count++;
    return true;
}

/* Takes what was read; with `lock` held. */
static void take(struct entry *entry, struct yq_buf *fresh, const struct stat *about)
{
    if (!entry->read ||
        !yq_equal_secret(entry->bytes.bytes, entry->bytes.length, fresh->bytes, fresh->length)) {
        struct yq_buf old = entry->bytes;
        entry->bytes = *fresh;
        *fresh = old;
        EVP_PKEY_free(entry->sm2);
        entry->sm2 = NULL;
        entry->changes++;
    }
    entry->about = *about;
    entry->read = true;
}

/* Sees to it that the entry holds its key, as its place has it now. */
static bool ready(struct yq_keychain *chain, struct entry *entry, struct yq_err *err)
{
    struct yq_buf fresh = {0};
    struct stat about = {0};
    struct yq_err why = {0};
    int64_t now = yq_monotonic_ms();
    bool program = entry->place.kind == KEY_PROGRAM;
    pthread_mutex_lock(&chain->lock);
    bool there = entry->read, refused = program && !there && now < entry->not_before;
    bool look = !there || (entry->place.kind == KEY_FILE && now - entry->looked_ms >= LOOK_MS);
    struct stat before = entry->about;
    if (look)
        entry->looked_ms = now;
    if (refused)
        *err = entry->why;
    pthread_mutex_unlock(&chain->lock);
    if (refused || !look)
        return !refused;
    if (there && keychain_unchanged(&entry->place, &before))
        return true;
    bool got = keychain_read(&entry->place, &fresh, &about, &why);
    pthread_mutex_lock(&chain->lock);
    if (got) {
        take(entry, &fresh, &about);
    } else if (program) {
        entry->why = why;
        entry->not_before = yq_monotonic_ms() + AGAIN_MS;
    }
    there = entry->read;
    pthread_mutex_unlock(&chain->lock);
    forget(&fresh);
    if (!there)
        *err = why;
    return there;
}

static struct entry *need(struct yq_keychain *chain, const char *name, struct yq_err *err)
{
    struct entry *entry = find(chain, name);
    if (!entry)
        yq_fail(err, YQ_ABSENT, "seal", "there is no key %s: say where it is", name);
    return entry && ready(chain, entry, err) ? entry : NULL;
}

bool yq_keychain_get(struct yq_keychain *chain, const char *name, struct yq_buf *out,
                     struct yq_err *err)
{
    struct entry *entry = need(chain, name, err);
    if (!entry)
        return false;
    pthread_mutex_lock(&chain->lock);
    yq_buf_put(out, entry->bytes.bytes, entry->bytes.length);
    pthread_mutex_unlock(&chain->lock);
    return !out->failed || yq_fail(err, YQ_FULL, "seal", "no memory for key %s", name);
}

bool keychain_sm2(struct yq_keychain *chain, const char *name, bool private, EVP_PKEY **out,
                  struct yq_err *err)
{
    struct yq_buf bytes = {0};
    *out = NULL;
    struct entry *entry = need(chain, name, err);
    if (!entry)
        return false;
    pthread_mutex_lock(&chain->lock);
    unsigned changes = entry->changes;
    if (entry->sm2 && EVP_PKEY_up_ref(entry->sm2))
        *out = entry->sm2;
    else
        yq_buf_put(&bytes, entry->bytes.bytes, entry->bytes.length);
    pthread_mutex_unlock(&chain->lock);
    bool ok = true;
    if (!*out) {
        ok = sm2_key(bytes.bytes, bytes.length, false, out, err);
        forget(&bytes);
        pthread_mutex_lock(&chain->lock);
        if (ok && !entry->sm2 && changes == entry->changes && EVP_PKEY_up_ref(*out))
            entry->sm2 = *out;
        pthread_mutex_unlock(&chain->lock);
    }
    if (ok && private && !sm2_is_private(*out)) {
        EVP_PKEY_free(*out);
        *out = NULL;
        ok = yq_fail(err, YQ_BAD_INPUT, "seal", "it is a public key, where a private one signs");
    }
    if (!ok) {
        char doing[KEYCHAIN_NAME + 8];
        snprintf(doing, sizeof doing, "key %s", entry->place.name);
        yq_while(err, doing);
    }
    return ok;
}
