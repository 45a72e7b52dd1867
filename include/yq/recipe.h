/* recipe.h: how a province wants values signed, sealed and opened, said as data (OpenSSL). Room
 * seal; recipe*.c, cipher.c, sm2*.c, keychain*.c.
 *
 * A recipe is a line of text: steps with | between them, each taking what the one before gave.
 *
 *   first:  text                    the one value without a name (what is sealed, a body as it
 * came) values(sorted)          the values of all named parameters in ascending order of their
 *                                   names (bytes), nothing between; values(sorted, "#"): with #
 *           values(A, B)            the values of these parameters in this order
 *           pairs(sorted)           name=value, & between: pairs(sorted, "=", "&"); pairs(A, B)
 *                                   With the word present in the list: only those not empty.
 *           join("x", P, P ...)     with x between: names of parameters, key(NAME), "literals",
 *                                   text, pairs(...) and values(...)
 *   then:   md5 sha1 sha256 sm3     digest (bytes)
 *           hmac-md5(K) hmac-sha1(K) hmac-sha256(K) hmac-sm3(K)
 *           sm4-ecb(K) sm4-cbc(K, IV) aes-ecb(K) aes-cbc(K, IV)   PKCS#7 padding; AES by key length
 *           sm2-sign(K) sm2-sign(K, "signer id")                  DER; sm2-sign-raw: r||s, 64 bytes
 *           hex HEX base64          bytes as text; hexadecimal in small letters or capitals
 *
 * Texts stand in double or single quotes; \\ \" \' and \n in them are one character each. The
 * character set of what is sealed is the caller's matter. K, IV: names of keys (keychain). Parsed
 * once, immutable, any thread; bounded in length, parts and steps. Keys never get into errors or
 * logs. The names above are the whole language; an unknown one is YQ_BAD_INPUT with its place. */
#ifndef YQ_RECIPE_H
#define YQ_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

/* ---- keys, where they are said to be ---- */

#define YQ_KEY_MOST 16384              /* bytes of one (PEM too) */
#define YQ_RECIPE_MOST 1000            /* bytes of a recipe's text */
#define YQ_RECIPE_VALUE_MOST (1 << 28) /* bytes of a value */

struct yq_keychain; /* named keys of one platform; read when first used, and anew when a file
                       changed */
struct yq_keychain *yq_keychain_new(void); /* NULL without memory */
void yq_keychain_free(struct yq_keychain *chain);
/* Where the key of this name is: "file:PATH" (0600 or 0400, of the node's user or root; others may
 * not read it), "env:NAME", "command:/path arg arg" (no shell, 10 s, its standard output), each
 * with an optional form before it: "hex file:...", "base64 env:..."; without: the bytes as they
 * are; of a text, one line end at its end is taken away. `folder`: where relative paths
 * begin. YQ_BAD_INPUT: not understood. */
yq_must_check bool yq_keychain_add(struct yq_keychain *chain, const char *name, const char *where,
                                   const char *folder, struct yq_err *err);
/* Appends the key's bytes; whoever asks wipes them (yq_wipe). YQ_ABSENT (no such name; no file, no
 * variable: says which), YQ_REFUSED (others may read it). Any thread. */
yq_must_check bool yq_keychain_get(struct yq_keychain *chain, const char *name, struct yq_buf *out,
                                   struct yq_err *err);
bool yq_keychain_has(const struct yq_keychain *chain, const char *name);
void yq_wipe(void *bytes, size_t length); /* not optimised away */

/* ---- recipes ---- */

struct yq_recipe;
/* YQ_BAD_INPUT: says where (character, from 1) and what is wanted there. */
yq_must_check bool yq_recipe_parse(const char *text, struct yq_recipe **out, struct yq_err *err);
void yq_recipe_free(struct yq_recipe *recipe);
/* Whether it is one that can be opened: text, ciphers and codes only. */
bool yq_recipe_opens(const struct yq_recipe *recipe);
/* Calls `name` for each key it wants. */
void yq_recipe_keys(const struct yq_recipe *recipe, void (*name)(void *context, const char *key),
                    void *context);

struct yq_ingredient { /* a parameter; name NULL: the one text. Both may be given beside each other:
                          the recipe says which it takes. */
    const char *name;
    const void *value;
    size_t length;
};
/* Appends what it gives. YQ_BAD_INPUT (a parameter it names is missing, a key of the wrong length:
 * says which key), YQ_ABSENT and YQ_REFUSED of the keychain. */
yq_must_check bool yq_recipe_make(const struct yq_recipe *recipe, struct yq_keychain *keys,
                                  const struct yq_ingredient *values, size_t count,
                                  struct yq_buf *out, struct yq_err *err);
/* The other way round, for recipes of `text`, ciphers and codes: opens what was sealed. One error
 * for everything that is wrong with it (YQ_BAD_INPUT "it does not open with this key"): who asks
 * learns nothing of the padding. Hex of either case and base64 with line ends are taken. */
yq_must_check bool yq_recipe_open(const struct yq_recipe *recipe, struct yq_keychain *keys,
                                  const void *sealed, size_t length, struct yq_buf *out,
                                  struct yq_err *err);
/* Whether `shown` is what the recipe gives for these values: in constant time; of one that ends in
 * hex in either case. For sm2-sign: whether the signature verifies with the public (or the public
 * part of the private) key K: DER or raw r||s, Base64 or hex, whatever the recipe says of these.
 * YQ_REFUSED: it is not. */
yq_must_check bool yq_recipe_check(const struct yq_recipe *recipe, struct yq_keychain *keys,
                                   const struct yq_ingredient *values, size_t count,
                                   const char *shown, size_t length, struct yq_err *err);

/* ---- the recipes of the provinces: data/platforms/<province>/recipes.csv, compiled in ---- */

struct yq_recipe_line {
    const char *province, *name, *text, *note;
};
extern const struct yq_recipe_line yq_recipe_lines[]; /* by province, then as in the file */
extern const size_t yq_recipe_line_count;
/* NULL: there is none of this name. */
const struct yq_recipe_line *yq_recipe_line(const char *province, const char *name);

/* ---- SM2 by itself (sm2.c): GB/T 32918.2, with SM3 ---- */

#define YQ_SM2_SIGNER_ID "1234567812345678"
/* `key`: PEM (PKCS#8, SEC1, SPKI, certificate) or its DER, or raw: 32 bytes d, 64 or 65 bytes
 * point; raw ones also as hex or base64 text. */
yq_must_check bool yq_sm2_sign(const void *key, size_t key_length, const char *signer_id,
                               const void *text, size_t length, bool raw, struct yq_buf *out,
                               struct yq_err *err);
/* The signature: DER or raw r||s, bytes or Base64 or hex text. YQ_REFUSED: it does not verify. */
yq_must_check bool yq_sm2_verify(const void *key, size_t key_length, const char *signer_id,
                                 const void *text, size_t length, const void *signature,
                                 size_t signature_length, struct yq_err *err);

#endif
