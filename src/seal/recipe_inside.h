/* recipe_inside.h: what the files of recipes, keys, ciphers and SM2 share. Private to room seal. */
#ifndef YQ_SEAL_RECIPE_INSIDE_H
#define YQ_SEAL_RECIPE_INSIDE_H

#include <openssl/evp.h>
#include <stdint.h>

#include "code.h"
#include "yq/recipe.h"

/* ---- a parsed recipe ---- */

enum {
    PARTS_MOST = 32,
    NAMES_MOST = 64,
    STEPS_MOST = 8,
    PARAMETERS_MOST = 256,
    BLOCK = 16, /* bytes of a block, and of an IV */
    DIGEST_MOST = EVP_MAX_MD_SIZE,
};

enum part_kind { PART_TEXT, PART_PARAMETER, PART_KEY, PART_LITERAL, PART_LIST };
struct part {
    enum part_kind kind;
    const char *text; /* name or literal */
    /* of a list: */
    bool pairs, sorted, present;
    const char *equal, *between;
    const char *const *names; /* unless sorted */
    size_t name_count;
};

enum step_kind { STEP_DIGEST, STEP_HMAC, STEP_CIPHER, STEP_SM2, STEP_HEX, STEP_BASE64 };
struct step {
    enum step_kind kind;
    const char *word;               /* as it is written: "sm4-ecb" */
    const char *key, *iv;           /* names */
    const char *signer_id;          /* of SM2 */
    bool upper, raw;                /* HEX; SM2: r||s */
    EVP_MD *digest;                 /* fetched once, as are: */
    EVP_MAC_CTX *hmac;              /* to be copied for each use */
    EVP_CIPHER *ciphers[3];         /* by key length */
    size_t cipher_count, key_least; /* the first one's key; each further one has 8 bytes more */
};

struct yq_recipe {
    const char *between; /* the parts */
    struct part parts[PARTS_MOST];
    size_t part_count;
    struct step steps[STEPS_MOST];
    size_t step_count;
    const char *names[NAMES_MOST]; /* of all lists */
    size_t name_count;
    char pool[]; /* all its words */
};

/* ---- cipher.c ---- */

/* Gets what the step's word stands for from OpenSSL. */
bool cipher_fetch(struct step *step, struct yq_err *err);
void cipher_release(struct step *step);
bool cipher_digest(const struct step *step, const void *bytes, size_t length, struct yq_buf *out,
                   struct yq_err *err);
bool cipher_hmac(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, struct yq_err *err);
/* Errors are those of keys and memory. */
bool cipher_seal(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, struct yq_err *err);
/* *fits false: it does not open, and nothing more is said. */
bool cipher_open(const struct step *step, struct yq_keychain *keys, const void *bytes,
                 size_t length, struct yq_buf *out, bool *fits, struct yq_err *err);

/* ---- sm2.c ---- */

/* A key of the SM2 curve in any of the forms of yq_sm2_sign; the caller frees it. YQ_BAD_INPUT. */
bool sm2_key(const void *key, size_t length, bool private, EVP_PKEY **out, struct yq_err *err);
bool sm2_is_private(const EVP_PKEY *key);
bool sm2_sign(EVP_PKEY *key, const char *signer_id, const void *text, size_t length, bool raw,
              struct yq_buf *out, struct yq_err *err);
bool sm2_verify(EVP_PKEY *key, const char *signer_id, const void *text, size_t length,
                const void *signature, size_t signature_length, struct yq_err *err);

/* ---- keychain.c ---- */

/* The SM2 key of this name, parsed once; the caller frees it (it is counted). */
bool keychain_sm2(struct yq_keychain *chain, const char *name, bool private, EVP_PKEY **out,
                  struct yq_err *err);

/* ---- recipe.c ---- */

/* Whether everything behind this step is hex or base64. */
bool recipe_only_codes(const struct yq_recipe *recipe, size_t from);

#endif
