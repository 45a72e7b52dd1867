/* certificate.c: certificates with SM2 and RSA keys (GB/T 20518, RFC 5280) and their chains to
 * anchors.
 *
 * OpenSSL builds the chain; no network: no CRL, no OCSP, no certificate is fetched. A certificate
 * must have been valid when the signature was made (or when the caller says), its key usage must
 * allow signatures; what is made with SHA-1 is not trusted. Any thread. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "code.h"
#include "signing.h"
#include "yq/clock.h"

/* ---- reading ---- */

X509 *signing_with_id(X509 *certificate)
{
    ASN1_OCTET_STRING *id;
    if (!certificate || X509_get_signature_nid(certificate) != NID_SM2_with_SM3 ||
        X509_get0_distinguishing_id(certificate))
        return certificate;
    id = ASN1_OCTET_STRING_new();
    if (id && ASN1_OCTET_STRING_set(id, (const uint8_t *)SIGNING_ID, sizeof SIGNING_ID - 1) == 1)
        X509_set0_distinguishing_id(certificate, id);
    else
        ASN1_OCTET_STRING_free(id);
    return certificate;
}

X509 *signing_certificate_der(const uint8_t *der, size_t length)
{
    const uint8_t *at = der;
    if (length > CERTIFICATE_MOST)
        return NULL;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    ERR_clear_error();
    return signing_with_id(certificate);
}

X509 *signing_certificate(const void *given, size_t length, struct yq_err *err)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    if (!signing_der(given, length, "the certificate", &der, err))
        return NULL;
    X509 *certificate = signing_certificate_der(der.bytes, der.length);
    if (!certificate)
        yq_fail(err, YQ_BAD_INPUT, "seal", "this is no certificate (X.509)");
    return certificate;
}

/* ---- who ---- */

int64_t signing_time(const ASN1_TIME *time)
{
    struct tm parts = {0};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        return 0;
    }
    return (int64_t)timegm(&parts) * 1000;
}

static void name_text(const X509_NAME *name, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    *text = '\0';
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long length = BIO_get_mem_data(bio, &bytes);
        size_t cut = length > 0 ? (size_t)length : 0;
        if (cut >= size) /* not within a character of UTF-8 */
            for (cut = size - 1; cut && ((uint8_t)bytes[cut] & 0xc0) == 0x80;)
                cut--;
        yq_copy_trimmed(text, size, bytes, cut);
    }
    BIO_free(bio);
    ERR_clear_error();
}

static void serial_text(const ASN1_INTEGER *serial, char *text, size_t size)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    snprintf(text, size, "%s", hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

void signing_doubt(struct yq_signer *signer, const char *text)
{
    if (!*signer->doubt)
        snprintf(signer->doubt, sizeof signer->doubt, "%s", text);
}

static void describe(X509 *certificate, struct yq_signer *signer)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    const X509_ALGOR *how = NULL;
    const ASN1_OBJECT *oid = NULL;
    name_text(X509_get_subject_name(certificate), signer->subject, sizeof signer->subject);
    name_text(X509_get_issuer_name(certificate), signer->issuer, sizeof signer->issuer);
    serial_text(X509_get0_serialNumber(certificate), signer->serial, sizeof signer->serial);
    signer->from_ms = signing_time(X509_get0_notBefore(certificate));
    signer->until_ms = signing_time(X509_get0_notAfter(certificate));
    if (!*signer->algorithm && key) {
        X509_get0_signature(NULL, &how, certificate);
        X509_ALGOR_get0(&oid, NULL, NULL, how);
        signing_algorithm(key, signing_is_sm2(key) ? EVP_sm3() : signing_digest(oid), signer);
    }
    ERR_clear_error();
}

static void doubt_use(X509 *certificate, enum signing_use use, struct yq_signer *signer)
{
    uint32_t keys = X509_get_key_usage(certificate);
    uint32_t more = X509_get_extended_key_usage(certificate);
    if (use != SIGNING_ANY && keys != UINT32_MAX &&
        !(keys & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        signing_doubt(signer, "the certificate is not for signatures (key usage)");
    if (use == SIGNING_STAMPS && (more == UINT32_MAX || !(more & XKU_TIMESTAMP)))
        signing_doubt(signer, "the certificate is not one for time stamps (extended key usage)");
    if (strncasecmp(signer->algorithm, "SHA1with", 8) == 0)
        signing_doubt(signer, "made with SHA-1, which proves nothing any more");
}

/* ---- trust ---- */

struct yq_anchors {
    X509_STORE *store;
    STACK_OF(X509) * list;
};

static const char *chain_words(int error, char text[160])
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "a certificate of its chain had expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "a certificate of its chain was not valid yet";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "it leads to none of the certificates that are believed (anchors)";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return "a certificate of its chain is not signed by the one that it names";
    default:
        snprintf(text, 160, "its chain: %.120s", X509_verify_cert_error_string(error));
        return text;
    }
}

static bool leads_to_anchor(X509 *certificate, STACK_OF(X509) * others,
                            const struct yq_anchors *anchors, int64_t at_ms,
                            struct yq_signer *signer)
{
    char words[160];
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool ok = context && X509_STORE_CTX_init(context, anchors->store, certificate, others) == 1;
    if (ok) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(param, (time_t)(at_ms / 1000));
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_depth(param, 8);
        ok = X509_verify_cert(context) == 1;
        if (!ok)
            signing_doubt(signer, chain_words(X509_STORE_CTX_get_error(context), words));
    } else {
        signing_doubt(signer, "no memory to check its chain");
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return ok;
}

void signing_judge(X509 *certificate, STACK_OF(X509) * others, enum signing_use use,
                   const struct yq_trust *trust, struct yq_signer *signer)
{
    int64_t at_ms = trust && trust->at_ms ? trust->at_ms : signer->signed_ms;
    if (!at_ms)
        at_ms = yq_now_ms();
    describe(certificate, signer);
    signer->trusted = false;
    if (at_ms < signer->from_ms)
        signing_doubt(signer, "the certificate was not valid yet then");
    else if (at_ms > signer->until_ms)
        signing_doubt(signer, "the certificate had expired then");
    doubt_use(certificate, use, signer);
    if (!trust || !trust->anchors)
        signing_doubt(signer, "there are no certificates that are believed (anchors)");
    else if (leads_to_anchor(certificate, others, trust->anchors, at_ms, signer))
        signer->trusted = !*signer->doubt;
}

bool signing_named(X509 *certificate, const X509_NAME *issuer, const ASN1_INTEGER *serial,
                   const ASN1_OCTET_STRING *key_id)
{
    if (key_id) {
        const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(certificate);
        return own && ASN1_OCTET_STRING_cmp(own, key_id) == 0;
    }
    return X509_NAME_cmp(X509_get_issuer_name(certificate), issuer) == 0 &&
           ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate), serial) == 0;
}

X509 *signing_anchor(const struct yq_trust *trust, const X509_NAME *issuer,
                     const ASN1_INTEGER *serial, const ASN1_OCTET_STRING *key_id)
{
    STACK_OF(X509) *list = trust && trust->anchors ? trust->anchors->list : NULL;
    for (int i = 0; i < sk_X509_num(list); i++)
        if (signing_named(sk_X509_value(list, i), issuer, serial, key_id))
            return sk_X509_value(list, i);
    return NULL;
}

static bool add_anchor(struct yq_anchors *anchors, X509 *take, struct yq_err *err)
{
    if (!take)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "certificate %d of the anchors is none",
                       sk_X509_num(anchors->list) + 1);
    signing_with_id(take);
    if (sk_X509_num(anchors->list) >= ANCHORS_MOST ||
        X509_STORE_add_cert(anchors->store, take) != 1 || !sk_X509_push(anchors->list, take)) {
        X509_free(take);
        return yq_fail(err, YQ_FULL, "seal", "too many anchors (%d at most), or no memory",
                       ANCHORS_MOST);
    }
    return true;
}

static bool add_anchors(struct yq_anchors *anchors, const uint8_t *bytes, size_t length,
                        struct yq_err *err)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    const uint8_t *at = bytes, *end = bytes + length, *pem;
    if (!(pem = signing_find(bytes, length, "-----BEGIN "))) {
        if (!signing_der(bytes, length, "the anchors", &der, err))
            return false;
        for (at = der.bytes, end = at + der.length; at < end;)
            if (!add_anchor(anchors, d2i_X509(NULL, &at, (long)(end - at)), err))
                return false;
        return true;
    }
    for (; pem; pem = signing_find(at, (size_t)(end - at), "-----BEGIN ")) {
        const uint8_t *body = pem;
        size_t inside = (size_t)(end - pem);
        yq_buf_clear(&der);
        if (!signing_pem(&body, &inside) || !code_from_base64(body, inside, &der))
            return yq_fail(err, YQ_BAD_INPUT, "seal", "the anchors are no whole PEM");
        at = body + inside;
        const uint8_t *inner = der.bytes;
        if (!add_anchor(anchors, d2i_X509(NULL, &inner, (long)der.length), err))
            return false;
    }
    return true;
}

bool yq_anchors_read(const void *bytes, size_t length, struct yq_anchors **out, struct yq_err *err)
{
    struct yq_anchors *anchors = calloc(1, sizeof *anchors);
    *out = NULL;
    if (anchors) {
        anchors->store = X509_STORE_new();
        anchors->list = sk_X509_new_null();
    }
    if (!anchors || !anchors->store || !anchors->list) {
        yq_anchors_free(anchors);
        return yq_fail(err, YQ_FULL, "seal", "no memory for anchors");
    }
    bool ok = add_anchors(anchors, bytes, length, err);
    ERR_clear_error();
    if (!ok) {
        yq_anchors_free(anchors);
        return false;
    }
    *out = anchors;
    return true;
}

void yq_anchors_free(struct yq_anchors *anchors)
{
    if (!anchors)
        return;
    X509_STORE_free(anchors->store);
    sk_X509_pop_free(anchors->list, X509_free);
    free(anchors);
}

bool yq_certificate_read(const void *certificate, size_t length, const struct yq_trust *trust,
                         struct yq_signer *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    X509 *own = signing_certificate(certificate, length, err);
    if (!own)
        return false;
    signing_judge(own, NULL, SIGNING_ANY, trust, out);
    X509_free(own);
    return true;
}
