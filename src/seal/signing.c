/* signing.c: what is given (DER, PEM, Base64), keys, and a signature by one key over a text
 * ("PKCS#1"): SM2 with SM3 and the signer id of GB/T 35276, RSA (PKCS#1 v1.5, PSS), ECDSA.
 *
 * Base64 is taken with blanks and line ends in it. MD5 is refused. Keys with a passphrase are.
 * Any thread. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "code.h"
#include "signing.h"

bool signing_fail(struct yq_err *err, enum yq_code code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return yq_fail(err, code, "seal", "%s%s%.100s", what, reason ? ": " : "", reason ? reason : "");
}

/* ---- what is given ---- */

const uint8_t *signing_find(const uint8_t *bytes, size_t length, const char *text)
{
    return length ? memmem(bytes, length, text, strlen(text)) : NULL;
}

/* Between "-----BEGIN X-----" and "-----END". */
bool signing_pem(const uint8_t **bytes, size_t *length)
{
    const uint8_t *end = *bytes + *length, *at = signing_find(*bytes, *length, "-----BEGIN ");
    if (!at)
        return false;
    at = signing_find(at + 11, (size_t)(end - at - 11), "-----");
    if (!at)
        return false;
    at += 5;
    const uint8_t *stop = signing_find(at, (size_t)(end - at), "-----END");
    if (!stop)
        return false;
    *bytes = at;
    *length = (size_t)(stop - at);
    return true;
}

bool signing_der(const void *given, size_t length, const char *what, struct yq_buf *der,
                 struct yq_err *err)
{
    const uint8_t *bytes = given;
    if (length > YQ_SIGNATURE_MOST / 3 * 4 + 4096)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "%s is too long", what);
    if (length && bytes[0] == 0x30 && length > 1 && (bytes[1] & 0x80)) {
        yq_buf_put(der, given, length);
        return !der->failed || yq_fail(err, YQ_FULL, "seal", "no memory");
    }
    if (length)
        signing_pem(&bytes, &length);
    if (!length || !code_from_base64(bytes, length, der))
        return yq_fail(err, der->failed ? YQ_FULL : YQ_BAD_INPUT, "seal",
                       "%s is neither DER nor PEM nor Base64", what);
    return true;
}

static int no_passphrase(char *text, int size, int writing, void *context)
{
    (void)text, (void)size, (void)writing, (void)context;
    return -1;
}

EVP_PKEY *signing_private(const void *given, size_t length, struct yq_err *err)
{
    EVP_PKEY *key = NULL;
    if (length <= CERTIFICATE_MOST && signing_find(given, length, "-----BEGIN ")) {
        BIO *bio = BIO_new_mem_buf(given, (int)length);
        key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
        BIO_free(bio);
    } else {
        struct yq_buf der = {0};
        if (signing_der(given, length, "the key", &der, err)) {
            const uint8_t *at = der.bytes;
            key = d2i_AutoPrivateKey(NULL, &at, (long)der.length);
        }
        if (der.bytes)
            OPENSSL_cleanse(der.bytes, der.length);
        yq_buf_fini(&der);
    }
    ERR_clear_error();
    if (!key)
        yq_fail(err, YQ_BAD_INPUT, "seal", "this is no private key (PEM or DER, no passphrase)");
    return key;
}

/* SM2's SubjectPublicKeyInfo up to the coordinates of the point. */
static const uint8_t sm2_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
                                   0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00, 0x04};

static EVP_PKEY *bare_key(const uint8_t *der, size_t length)
{
    uint8_t whole[sizeof sm2_head + 64];
    const uint8_t *at = der;
    EVP_PKEY *key = NULL;
    if (length == 64 || (length == 65 && der[0] == 4)) {
        memcpy(whole, sm2_head, sizeof sm2_head);
        memcpy(whole + sizeof sm2_head, der + length - 64, 64);
        at = whole;
        key = d2i_PUBKEY(NULL, &at, (long)sizeof whole);
    } else {
        key = d2i_PUBKEY(NULL, &at, (long)length);
        at = der;
        if (!key)
            key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)length);
    }
    ERR_clear_error();
    return key;
}

EVP_PKEY *signing_public(const void *given, size_t length, X509 **certificate, struct yq_err *err)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    EVP_PKEY *key = NULL;
    const uint8_t *bytes = given;
    *certificate = NULL;
    if (length == 64 || (length == 65 && bytes[0] == 4))
        key = bare_key(bytes, length);
    if (key)
        return key;
    if (!signing_der(given, length, "the certificate", &der, err))
        return NULL;
    *certificate = signing_certificate_der(der.bytes, der.length);
    key = *certificate                     ? X509_get_pubkey(*certificate)
          : der.length <= CERTIFICATE_MOST ? bare_key(der.bytes, der.length)
                                           : NULL;
    ERR_clear_error();
    if (key)
        return key;
    yq_fail(err, YQ_BAD_INPUT, "seal",
            *certificate ? "the certificate's key is of an unknown kind"
                         : "this is neither a certificate nor a public key");
    X509_free(*certificate);
    *certificate = NULL;
    return NULL;
}

/* ---- algorithms ---- */

bool signing_is(const ASN1_OBJECT *object, const char *text)
{
    char own[80];
    return object && OBJ_obj2txt(own, sizeof own, object, 1) > 0 && strcmp(own, text) == 0;
}

const EVP_MD *signing_digest(const ASN1_OBJECT *algorithm)
{
    static const struct {
        const char *oid;
        const EVP_MD *(*digest)(void);
    } known[] = {
        {"1.2.156.10197.1.401", EVP_sm3},       {"1.2.156.10197.1.401.1", EVP_sm3},
        {"1.2.156.10197.1.501", EVP_sm3},       {"2.16.840.1.101.3.4.2.1", EVP_sha256},
        {"2.16.840.1.101.3.4.2.2", EVP_sha384}, {"2.16.840.1.101.3.4.2.3", EVP_sha512},
        {"2.16.840.1.101.3.4.2.4", EVP_sha224}, {"1.3.14.3.2.26", EVP_sha1},
        {"1.2.840.113549.1.1.11", EVP_sha256},  {"1.2.840.113549.1.1.12", EVP_sha384},
        {"1.2.840.113549.1.1.13", EVP_sha512},  {"1.2.840.113549.1.1.5", EVP_sha1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (signing_is(algorithm, known[i].oid))
            return known[i].digest();
    return NULL;
}

bool signing_is_sm2(const EVP_PKEY *key) { return EVP_PKEY_is_a(key, "SM2"); }

void signing_algorithm(const EVP_PKEY *key, const EVP_MD *digest, struct yq_signer *signer)
{
    const char *kind = signing_is_sm2(key)                                          ? "SM2"
                       : EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ? "RSA"
                       : EVP_PKEY_is_a(key, "EC")                                   ? "ECDSA"
                                                                                    : "?";
    snprintf(signer->algorithm, sizeof signer->algorithm, "%swith%s",
             digest ? OBJ_nid2sn(EVP_MD_get_type(digest)) : "?", kind);
}

/* ---- a signature over a text ---- */

static bool set_pss(EVP_PKEY_CTX *context, const X509_ALGOR *how)
{
    const ASN1_OBJECT *oid = NULL;
    if (!how)
        return true;
    X509_ALGOR_get0(&oid, NULL, NULL, how);
    if (OBJ_obj2nid(oid) != NID_rsassaPss)
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

/* A context for the key, with SM2's signer id. */
static EVP_MD_CTX *context_for(EVP_PKEY *key, EVP_PKEY_CTX **of_key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *of_key = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = context && *of_key &&
              (!signing_is_sm2(key) ||
               EVP_PKEY_CTX_set1_id(*of_key, SIGNING_ID, sizeof SIGNING_ID - 1) == 1);
    if (ok) {
        EVP_MD_CTX_set_pkey_ctx(context, *of_key);
        return context;
    }
    EVP_PKEY_CTX_free(*of_key);
    EVP_MD_CTX_free(context);
    *of_key = NULL;
    return NULL;
}

static bool fits(EVP_PKEY *key, const EVP_MD *digest, const X509_ALGOR *how,
                 const struct pieces *text, const uint8_t *signature, size_t length)
{
    EVP_PKEY_CTX *of_key, *inside = NULL;
    EVP_MD_CTX *context = context_for(key, &of_key);
    bool ok = context && EVP_DigestVerifyInit(context, &inside, digest, NULL, key) == 1 &&
              set_pss(inside, how);
    for (int i = 0; ok && i < 2; i++)
        ok = !text->length[i] ||
             EVP_DigestVerifyUpdate(context, text->bytes[i], text->length[i]) == 1;
    ok = ok && EVP_DigestVerifyFinal(context, signature, length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(of_key);
    ERR_clear_error();
    return ok;
}

bool signing_fits(EVP_PKEY *key, const EVP_MD *digest, const X509_ALGOR *how,
                  const struct pieces *text, const uint8_t *signature, size_t length)
{
    if (fits(key, digest, how, text, signature, length))
        return true;
    if (!signing_is_sm2(key) || length != 64)
        return false;
    ECDSA_SIG *pair = ECDSA_SIG_new(); /* r||s */
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    uint8_t *der = NULL;
    int made = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL;
        made = i2d_ECDSA_SIG(pair, &der);
    }
    bool ok = made > 0 && fits(key, digest, how, text, der, (size_t)made);
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return ok;
}

bool signing_sum(const EVP_MD *digest, const struct pieces *text, uint8_t sum[EVP_MAX_MD_SIZE],
                 unsigned *length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, digest, NULL) == 1;
    for (int i = 0; ok && i < 2; i++)
        ok = !text->length[i] || EVP_DigestUpdate(context, text->bytes[i], text->length[i]) == 1;
    ok = ok && EVP_DigestFinal_ex(context, sum, length) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

bool signing_make(EVP_PKEY *key, const EVP_MD *digest, const void *text, size_t length,
                  struct yq_buf *out, struct yq_err *err)
{
    EVP_PKEY_CTX *of_key;
    EVP_MD_CTX *context = context_for(key, &of_key);
    size_t most = 0, before = out->length;
    uint8_t *room = NULL;
    bool ok = context && EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1 &&
              EVP_DigestSign(context, NULL, &most, text, length) == 1 && most < 65536 &&
              (room = yq_buf_room(out, most)) &&
              EVP_DigestSign(context, room, &most, text, length) == 1;
    if (ok)
        out->length = before + most;
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(of_key);
    return ok || signing_fail(err, YQ_BAD_INPUT, "this key does not sign");
}

/* ---- PKCS#1 ---- */

/* "SM3withSM2", "SHA256WithRSA"; NULL: unknown, or not for this key. */
static const EVP_MD *digest_named(const char *algorithm, const EVP_PKEY *key)
{
    static const struct {
        const char *name;
        const EVP_MD *(*digest)(void);
        bool sm2;
    } known[] = {{"SM3withSM2", EVP_sm3, true},        {"SM2withSM3", EVP_sm3, true},
                 {"SHA256withRSA", EVP_sha256, false}, {"SHA384withRSA", EVP_sha384, false},
                 {"SHA512withRSA", EVP_sha512, false}, {"SHA1withRSA", EVP_sha1, false}};
    if (!algorithm || !*algorithm)
        return signing_is_sm2(key) ? EVP_sm3() : EVP_sha256();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(known[i].name, algorithm) == 0)
            return known[i].sm2 == signing_is_sm2(key) ? known[i].digest() : NULL;
    return NULL;
}

bool yq_pkcs1_verify(const struct yq_pkcs1 *what, const void *text, size_t length,
                     const struct yq_trust *trust, struct yq_signer *signer, struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    struct pieces pieces = {{text}, {length}};
    X509 *certificate = NULL;
    memset(signer, 0, sizeof *signer);
    if (!code_from_base64(what->signature, strlen(what->signature), &value))
        return yq_fail(err, YQ_BAD_INPUT, "seal", "the signature is no Base64");
    EVP_PKEY *key = signing_public(what->certificate, what->certificate_length, &certificate, err);
    if (!key)
        return false;
    const EVP_MD *digest = digest_named(what->algorithm, key);
    bool ok = digest || yq_fail(err, YQ_BAD_INPUT, "seal",
                                "the signature algorithm is unknown, or not one of this key");
    if (ok) {
        signing_algorithm(key, digest, signer);
        if (certificate)
            signing_judge(certificate, NULL, SIGNING_DOCUMENTS, trust, signer);
        else
            signing_doubt(signer, "there is only a public key, no certificate");
        ok = signing_fits(key, digest, NULL, &pieces, value.bytes, value.length) ||
             yq_fail(err, YQ_REFUSED, "seal", "the signature does not fit the text and the key");
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    return ok;
}
