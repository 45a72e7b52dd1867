/* sm2.c: signatures of SM2 with SM3 (GB/T 32918.2, GB/T 35276), with the signer's id, as DER or as
 * r||s. What is shown as a signature is read strictly: one SEQUENCE of two positive INTEGERs with
 * nothing behind it, or 64 bytes, or one of these as hexadecimal or Base64 text. No state. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include "recipe_inside.h"

enum { HALF = 32, DER_MOST = 72, TEXT_MOST = 400, ID_MOST = 255 };

/* A context for SM3withSM2, to be signed or verified in; `keyed` lives as long as it. */
static EVP_MD_CTX *begin(EVP_PKEY *key, const char *signer_id, bool signs, EVP_PKEY_CTX **keyed)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *keyed = EVP_PKEY_CTX_new(key, NULL);
    if (context && *keyed && EVP_PKEY_CTX_set1_id(*keyed, signer_id, strlen(signer_id)) == 1) {
        EVP_MD_CTX_set_pkey_ctx(context, *keyed);
        if ((signs ? EVP_DigestSignInit(context, NULL, EVP_sm3(), NULL, key)
                   : EVP_DigestVerifyInit(context, NULL, EVP_sm3(), NULL, key)) == 1)
            return context;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(*keyed);
    *keyed = NULL;
    return NULL;
}

/* Appends r||s of a DER signature. */
static bool put_raw(const uint8_t *der, size_t length, struct yq_buf *out)
{
    const uint8_t *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
    uint8_t raw[2 * HALF];
    bool ok = signature && at == der + length &&
              BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, HALF) == HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + HALF, HALF) == HALF;
    if (ok)
        yq_buf_put(out, raw, sizeof raw);
    ECDSA_SIG_free(signature);
    return ok;
}

bool sm2_sign(EVP_PKEY *key, const char *signer_id, const void *text, size_t length, bool raw,
              struct yq_buf *out, struct yq_err *err)
{
    uint8_t der[DER_MOST + 8];
    size_t size = sizeof der;
    EVP_PKEY_CTX *keyed;
    EVP_MD_CTX *context = begin(key, signer_id, true, &keyed);
    bool ok = context && EVP_DigestSign(context, der, &size, length ? text : "", length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(keyed);
    if (ok && raw)
        ok = put_raw(der, size, out);
    else if (ok)
        yq_buf_put(out, der, size);
    ERR_clear_error();
    return ok || yq_fail(err, YQ_IO, "seal", "SM2 could not sign: no memory, or no random bytes");
}

/* ---- what is shown as a signature ---- */

/* Whether it is exactly one DER signature as the encoding rules have it. */
static bool is_der(const uint8_t *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint8_t again[DER_MOST + 8], *to = again;
    if (length < 8 || length > DER_MOST || bytes[0] != 0x30)
        return false;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
    bool ok = signature && at == bytes + length &&
              BN_num_bytes(ECDSA_SIG_get0_r(signature)) <= HALF &&
              BN_num_bytes(ECDSA_SIG_get0_s(signature)) <= HALF &&
              i2d_ECDSA_SIG(signature, NULL) == (int)length &&
              i2d_ECDSA_SIG(signature, &to) == (int)length && memcmp(again, bytes, length) == 0;
    ECDSA_SIG_free(signature);
    return ok;
}

static bool from_raw(const uint8_t *raw, struct yq_buf *der)
{
    uint8_t made[DER_MOST + 8], *to = made;
    BIGNUM *r = BN_bin2bn(raw, HALF, NULL), *s = BN_bin2bn(raw + HALF, HALF, NULL);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    bool ok = r && s && signature && ECDSA_SIG_set0(signature, r, s) == 1;
    if (!ok) {
        BN_free(r);
        BN_free(s);
    }
    int length = ok ? i2d_ECDSA_SIG(signature, &to) : 0;
    ECDSA_SIG_free(signature);
    if (length > 0)
        yq_buf_put(der, made, (size_t)length);
    return length > 0;
}

static bool to_der(const uint8_t *bytes, size_t length, struct yq_buf *der)
{
    if (is_der(bytes, length)) {
        yq_buf_put(der, bytes, length);
        return !der->failed;
    }
    return length == 2 * HALF && from_raw(bytes, der);
}

static bool read_signature(const void *shown, size_t length, struct yq_buf *der)
{
    struct yq_buf bytes = {0};
    if (to_der(shown, length, der))
        return true;
    bool ok = length <= TEXT_MOST &&
              ((code_from_hex(shown, length, &bytes) && to_der(bytes.bytes, bytes.length, der)) ||
               (yq_buf_clear(&bytes),
                code_from_base64(shown, length, &bytes) && to_der(bytes.bytes, bytes.length, der)));
    yq_buf_fini(&bytes);
    return ok;
}

bool sm2_verify(EVP_PKEY *key, const char *signer_id, const void *text, size_t length,
                const void *signature, size_t signature_length, struct yq_err *err)
{
    struct yq_buf der = {0};
    EVP_PKEY_CTX *keyed = NULL;
    bool readable = read_signature(signature, signature_length, &der);
    EVP_MD_CTX *context = readable ? begin(key, signer_id, false, &keyed) : NULL;
    bool ok = context &&
              EVP_DigestVerify(context, der.bytes, der.length, length ? text : "", length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_CTX_free(keyed);
    yq_buf_fini(&der);
    ERR_clear_error();
    return ok || yq_fail(err, YQ_REFUSED, "seal", "the signature does not verify");
}

/* ---- with a key at hand ---- */

bool yq_sm2_sign(const void *key, size_t key_length, const char *signer_id, const void *text,
                 size_t length, bool raw, struct yq_buf *out, struct yq_err *err)
{
    EVP_PKEY *made;
    if (strlen(signer_id) > ID_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "the signer's id is longer than %d bytes",
                       ID_MOST);
    if (!sm2_key(key, key_length, true, &made, err))
        return false;
    bool ok = sm2_sign(made, signer_id, text, length, raw, out, err);
    EVP_PKEY_free(made);
    return ok;
}

bool yq_sm2_verify(const void *key, size_t key_length, const char *signer_id, const void *text,
                   size_t length, const void *signature, size_t signature_length,
                   struct yq_err *err)
{
    EVP_PKEY *made;
    if (!sm2_key(key, key_length, false, &made, err))
        return false;
    bool ok = sm2_verify(made, signer_id, text, length, signature, signature_length, err);
    EVP_PKEY_free(made);
    return ok;
}
