/* seal.h: digests (xxHash, OpenSSL), passcodes, the node's secret. Signatures, ciphers and recipes
 * come with the provinces. */
#ifndef YQ_SEAL_H
#define YQ_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

/* XXH3 tells damage from what was stored, at the speed of memory; nothing rests on it being hard
 * to forge, as contents are compared byte by byte where it matters. SHA-256 is what catalogs of
 * before carry. Both fill 32 bytes: XXH3 its 16, big endian, then 16 zeroes. */
enum yq_digest_kind { YQ_XXH3, YQ_SHA256 };

struct yq_digest; /* in the making; one thread at a time */

struct yq_digest *yq_digest_new(enum yq_digest_kind kind); /* NULL without memory */
void yq_digest_free(struct yq_digest *digest);
void yq_digest_add(struct yq_digest *digest, const void *bytes, size_t length);
/* The result; the digest can be used again afterwards, as new. */
void yq_digest_end(struct yq_digest *digest, uint8_t sum[32]);
/* Which of the two made it. */
enum yq_digest_kind yq_digest_kind(const uint8_t sum[32]);

static inline void yq_digest_cleanup(struct yq_digest **digest) { yq_digest_free(*digest); }

/* ---- passcodes: kept salted and slowly hashed ---- */

#define YQ_PASSCODE_SIZE 256

/* "pbkdf2-sha512$<rounds>$<salt>$<hash>", both as hex, of a passcode with a new salt. False: the
 * machine gives no random bytes. */
bool yq_passcode_keep(const void *passcode, size_t length, char kept[YQ_PASSCODE_SIZE]);
/* Whether text has that form. */
bool yq_passcode_is_kept(const char *text);
/* Is this the passcode that is kept? Takes some tenths of a second, also where nothing is kept
 * (kept NULL): so nobody learns which users there are. What was right a while ago is right at once.
 * Any thread. */
bool yq_passcode_fits(const char *kept, const void *passcode, size_t length);

/* ---- a secret of the node's own, and what only who has it can derive ---- */

#define YQ_SECRET_SIZE 32

struct yq_secret {
    uint8_t key[YQ_SECRET_SIZE];
};
/* The secret in this file, which is made (0600, synced) when it is not there. Errors: YQ_REFUSED
 * (others may read it, or it cannot be written), YQ_BAD_INPUT (damaged), YQ_IO. */
yq_must_check bool yq_secret_open(const char *path, struct yq_secret *out, struct yq_err *err);
/* The same mark for the same text under the same secret and purpose; nobody without the secret
 * finds the text. */
void yq_secret_mark(const struct yq_secret *secret, const char *purpose, const void *text,
                    size_t length, uint8_t mark[32]);
/* For many marks of one purpose: the key that the purpose makes, and marks under it. */
void yq_secret_for(const struct yq_secret *secret, const char *purpose, struct yq_secret *out);
void yq_secret_sign(const struct yq_secret *key, const void *text, size_t length, uint8_t mark[32]);
void yq_secret_forget(struct yq_secret *secret);

/* ---- keys for personal values at rest (keyring.c) ---- */

#define YQ_KEY_ID_SIZE 24
#define YQ_SEALED "yq1:" /* what is sealed begins so: yq1:<key>:<base64> */

struct yq_keyring;
struct yq_keyring *yq_keyring_new(void); /* NULL without memory */
void yq_keyring_free(struct yq_keyring *keyring);
/* Before any use: reads the keys from this file or, "", from this environment variable, when they
 * were not or have changed. Lines: "key <name> <64 hex digits>", of which the first seals, and one
 * "mark <64 hex digits>". YQ_ABSENT (no file, no variable), YQ_REFUSED (others may read it),
 * YQ_BAD_INPUT (names the line). */
yq_must_check bool yq_keyring_ready(struct yq_keyring *keyring, const char *path,
                                    const char *variable, struct yq_err *err);
void yq_keyring_current(struct yq_keyring *keyring, char id[YQ_KEY_ID_SIZE]);
/* Appends the bytes sealed, as text; only the same `context` opens them again. */
yq_must_check bool yq_keyring_shut(struct yq_keyring *keyring, const char *context,
                                   const void *bytes, size_t length, struct yq_buf *out,
                                   struct yq_err *err);
bool yq_keyring_is_sealed(const char *text, size_t length);
/* Appends what was sealed. YQ_REFUSED: its key is not there (the text names it); YQ_IO: damaged. */
yq_must_check bool yq_keyring_open(struct yq_keyring *keyring, const char *context,
                                   const char *text, size_t length, struct yq_buf *out,
                                   struct yq_err *err);
/* As yq_secret_mark. */
void yq_keyring_mark(struct yq_keyring *keyring, const char *purpose, const void *text,
                     size_t length, uint8_t mark[32]);
/* A new key in front of those in this file, which is made where it is not there; its name. */
yq_must_check bool yq_keyring_make(const char *path, char id[YQ_KEY_ID_SIZE], struct yq_err *err);

#endif
