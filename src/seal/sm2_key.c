/* sm2_key.c: keys of the curve that GB/T 32918.5 recommends, in the forms in which they are handed
 * around: PEM, DER, bare numbers and points, or any of the latter as hexadecimal or Base64 text.
 * Whatever the form, what comes out is a key of OpenSSL's SM2, with its public part, on the curve.
 * Keys of other curves, keys behind a passphrase and anything else are refused with one sentence.
 * No state. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "recipe_inside.h"

enum { NUMBER = 32, POINT = 65 };

/* ---- from a number or a point ---- */

/* The point of the private number, 1 to n-2. */
static bool point_of(const BIGNUM *number, uint8_t point[POINT])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_sm2);
    EC_POINT *made = group ? EC_POINT_new(group) : NULL;
    BIGNUM *last = group ? BN_dup(EC_GROUP_get0_order(group)) : NULL;
    bool ok =
        made && last && BN_sub_word(last, 1) == 1 && !BN_is_zero(number) &&
        !BN_is_negative(number) && BN_cmp(number, last) < 0 &&
        EC_POINT_mul(group, made, number, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(group, made, POINT_CONVERSION_UNCOMPRESSED, point, POINT, NULL) == POINT;
    BN_free(last);
    EC_POINT_free(made);
    EC_GROUP_free(group);
    return ok;
}

/* `number` NULL: a public key. NULL: it is none. */
static EVP_PKEY *build(const BIGNUM *number, const uint8_t *point, size_t length)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *making = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    bool ok =
        making && context &&
        OSSL_PARAM_BLD_push_utf8_string(making, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(making, OSSL_PKEY_PARAM_PUB_KEY, point, length) == 1 &&
        (!number || OSSL_PARAM_BLD_push_BN(making, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1) &&
        (params = OSSL_PARAM_BLD_to_param(making)) != NULL &&
        EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) ==
            1;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(making);
    EVP_PKEY_CTX_free(context);
    if (ok)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *of_number(const BIGNUM *number)
{
    uint8_t point[POINT];
    return point_of(number, point) ? build(number, point, POINT) : NULL;
}

static EVP_PKEY *of_raw(const uint8_t *bytes, size_t length)
{
    uint8_t point[POINT] = {4};
    if (length == NUMBER) {
        BIGNUM *number = BN_secure_new();
        EVP_PKEY *key = number && BN_bin2bn(bytes, NUMBER, number) ? of_number(number) : NULL;
        BN_clear_free(number);
        return key;
    }
    if (length == POINT - 1) {
        memcpy(point + 1, bytes, POINT - 1);
        return build(NULL, point, POINT);
    }
    bool whole = length == POINT && bytes[0] == 4;
    bool compressed = length == NUMBER + 1 && (bytes[0] == 2 || bytes[0] == 3);
    return whole || compressed ? build(NULL, bytes, length) : NULL;
}

/* ---- from structures ---- */

/* What a decoder gave, which may call it a key of EC, as one of SM2; consumes it. */
static EVP_PKEY *of_decoded(EVP_PKEY *decoded)
{
    char group[32] = "";
    uint8_t point[POINT];
    size_t length = 0;
    BIGNUM *number = NULL;
    EVP_PKEY *key = NULL;
    if (decoded && EVP_PKEY_get_group_name(decoded, group, sizeof group, NULL) == 1 &&
        strcmp(group, "SM2") == 0) {
        if (EVP_PKEY_get_bn_param(decoded, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1)
            key = of_number(number);
        else if (EVP_PKEY_get_octet_string_param(decoded, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                 sizeof point, &length) == 1 &&
                 length > 1)
            key = build(NULL, point, length);
    }
    BN_clear_free(number);
    EVP_PKEY_free(decoded);
    return key;
}

static EVP_PKEY *of_certificate(X509 *certificate)
{
    EVP_PKEY *key = certificate ? of_decoded(X509_get_pubkey(certificate)) : NULL;
    X509_free(certificate);
    return key;
}

static EVP_PKEY *of_der(const uint8_t *bytes, size_t length)
{
    const uint8_t *at = bytes, *end = bytes + length;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)length);
    if (!key && (at = bytes))
        key = d2i_PUBKEY(NULL, &at, (long)length);
    if (key || at != bytes) {
        if (at == end)
            return of_decoded(key);
        EVP_PKEY_free(key);
    }
    at = bytes;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    if (certificate && at == end)
        return of_certificate(certificate);
    X509_free(certificate);
    return NULL;
}

/* A passphrase is nobody's to give here. */
static int no_passphrase(char *into, int size, int writing, void *context)
{
    (void)into, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *of_pem(const uint8_t *bytes, size_t length)
{
    EVP_PKEY *key = NULL;
    BIO *in = BIO_new_mem_buf(bytes, (int)length);
    if (in)
        key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    if (in && !key && BIO_reset(in) == 1)
        key = PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL);
    if (key)
        key = of_decoded(key);
    else if (in && BIO_reset(in) == 1)
        key = of_certificate(PEM_read_bio_X509(in, NULL, no_passphrase, NULL));
    BIO_free(in);
    return key;
}

static EVP_PKEY *of_bytes(const uint8_t *bytes, size_t length)
{
    EVP_PKEY *key = length && bytes[0] == 0x30 ? of_der(bytes, length) : NULL;
    return key ? key : of_raw(bytes, length);
}

/* ---- any of them ---- */

bool sm2_key(const void *key, size_t length, bool private, EVP_PKEY **out, struct yq_err *err)
{
    static const char head[] = "-----BEGIN ";
    struct yq_buf bytes = {0};
    *out = NULL;
    if (length && length <= YQ_KEY_MOST) {
        if (memmem(key, length, head, sizeof head - 1))
            *out = of_pem(key, length);
        else if (yq_buf_raw(&bytes, length) != NULL) { /* room first: it is not to move */
            yq_buf_clear(&bytes);
            if (code_from_hex(key, length, &bytes) || code_from_base64(key, length, &bytes))
                *out = of_bytes(bytes.bytes, bytes.length);
            if (!*out)
                *out = of_bytes(key, length);
        }
    }
    yq_wipe(bytes.bytes, bytes.capacity);
    yq_buf_fini(&bytes);
    ERR_clear_error();
    if (!*out)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "it is no key of SM2");
    if (!private || sm2_is_private(*out))
        return true;
    EVP_PKEY_free(*out);
    *out = NULL;
    return yq_fail(err, YQ_BAD_INPUT, "seal", "it is a public key, where a private one signs");
}

bool sm2_is_private(const EVP_PKEY *key)
{
    BIGNUM *number = NULL;
    bool private = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1;
    BN_clear_free(number);
    ERR_clear_error();
    return private;
}
