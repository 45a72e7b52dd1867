/* cms.c: PKCS#7 SignedData, read and checked: GM/T 0010 (OIDs 1.2.156.10197.6.1.4.2.*, SM2, SM3)
 * and RFC 5652 (RSA, ECDSA). OpenSSL 3.0's own CMS does not know SM2's signer id nor the OIDs of
 * GM/T 0010, so its ASN.1 templates do the wrapping and EVP the signatures.
 *
 * Each signer must verify, and there must be one: its digest of the content (or its signature over
 * it, without signed attributes) and the signature over the attributes. Attributes are taken in
 * DER's order and in the order they came in. What SM2 signs is named in several ways by those who
 * make signatures (1.2.156.10197.1.301, .301.1, .301.3, .501): the certificate's key counts.
 * Unknown and weak digests are refused. Any thread. */
#include <openssl/err.h>
#include <openssl/ess.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cms.h"

enum { SIGNERS_MOST = 16, CERTIFICATES_MOST = 64, ATTRIBUTES_MOST = 64 };

/* clang-format off */
ASN1_CHOICE(YQ_SID) = {
    ASN1_SIMPLE(YQ_SID, d.name, PKCS7_ISSUER_AND_SERIAL),
    ASN1_IMP(YQ_SID, d.key, ASN1_OCTET_STRING, 0)
} static_ASN1_CHOICE_END(YQ_SID)

ASN1_SEQUENCE(YQ_SIGNED_BY) = {
    ASN1_SIMPLE(YQ_SIGNED_BY, version, ASN1_INTEGER),
    ASN1_SIMPLE(YQ_SIGNED_BY, sid, YQ_SID),
    ASN1_SIMPLE(YQ_SIGNED_BY, digest, X509_ALGOR),
    ASN1_IMP_SEQUENCE_OF_OPT(YQ_SIGNED_BY, attributes, X509_ATTRIBUTE, 0),
    ASN1_SIMPLE(YQ_SIGNED_BY, algorithm, X509_ALGOR),
    ASN1_SIMPLE(YQ_SIGNED_BY, signature, ASN1_OCTET_STRING),
    ASN1_IMP_SET_OF_OPT(YQ_SIGNED_BY, unsigned_attributes, X509_ATTRIBUTE, 1)
} ASN1_SEQUENCE_END(YQ_SIGNED_BY)

ASN1_SEQUENCE(YQ_CONTENT) = {
    ASN1_SIMPLE(YQ_CONTENT, type, ASN1_OBJECT),
    ASN1_EXP_OPT(YQ_CONTENT, content, ASN1_ANY, 0)
} static_ASN1_SEQUENCE_END(YQ_CONTENT)

ASN1_SEQUENCE(YQ_SIGNED) = {
    ASN1_SIMPLE(YQ_SIGNED, version, ASN1_INTEGER),
    ASN1_SET_OF(YQ_SIGNED, digests, X509_ALGOR),
    ASN1_SIMPLE(YQ_SIGNED, content, YQ_CONTENT),
    ASN1_IMP_SET_OF_OPT(YQ_SIGNED, certificates, X509, 0),
    ASN1_IMP_SET_OF_OPT(YQ_SIGNED, crls, ASN1_ANY, 1),
    ASN1_SET_OF(YQ_SIGNED, signers, YQ_SIGNED_BY)
} static_ASN1_SEQUENCE_END(YQ_SIGNED)

ASN1_SEQUENCE(YQ_WHOLE) = {
    ASN1_SIMPLE(YQ_WHOLE, type, ASN1_OBJECT),
    ASN1_EXP(YQ_WHOLE, signed_data, YQ_SIGNED, 0)
} ASN1_SEQUENCE_END(YQ_WHOLE)

ASN1_ITEM_TEMPLATE(YQ_ATTRIBUTES_SORTED) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SET_ORDER, 0, attributes, X509_ATTRIBUTE)
ASN1_ITEM_TEMPLATE_END(YQ_ATTRIBUTES_SORTED)

ASN1_ITEM_TEMPLATE(YQ_ATTRIBUTES_AS_IS) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, attributes, X509_ATTRIBUTE)
ASN1_ITEM_TEMPLATE_END(YQ_ATTRIBUTES_AS_IS)
    /* clang-format on */

    struct cms {
    YQ_WHOLE *whole;
    STACK_OF(X509) * certificates; /* those of it, with SM2's signer id */
    const uint8_t *content;
    size_t content_length;
};

static bool is_signed_type(const ASN1_OBJECT *type)
{
    return signing_is(type, OID_SIGNED) || signing_is(type, SIGNING_GM "2");
}

static bool is_data_type(const ASN1_OBJECT *type)
{
    return signing_is(type, OID_DATA) || signing_is(type, SIGNING_GM "1");
}

/* The content: an OCTET STRING, or (PKCS#7 of old, content that is no data) what stands there
 * without its tag. */
static bool find_content(struct cms *cms, struct yq_err *err)
{
    const ASN1_TYPE *any = cms->whole->signed_data->content->content;
    if (!any)
        return true;
    if (any->type == V_ASN1_OCTET_STRING) {
        cms->content = ASN1_STRING_get0_data(any->value.octet_string);
        cms->content_length = (size_t)ASN1_STRING_length(any->value.octet_string);
        if (!cms->content) /* an empty text is one */
            cms->content = (const uint8_t *)"";
        return true;
    }
    if (any->type == V_ASN1_SEQUENCE) {
        const ASN1_STRING *inner = any->value.sequence;
        const uint8_t *at = ASN1_STRING_get0_data(inner);
        long length = 0;
        int tag, class;
        if (!(ASN1_get_object(&at, &length, &tag, &class, ASN1_STRING_length(inner)) & 0x81)) {
            cms->content = at;
            cms->content_length = (size_t)length;
            return true;
        }
    }
    ERR_clear_error();
    return yq_fail(err, YQ_BAD_INPUT, "seal", "the PKCS#7's content is of a form not known");
}

static bool take_certificates(struct cms *cms, struct yq_err *err)
{
    STACK_OF(X509) *own = cms->whole->signed_data->certificates;
    cms->certificates = sk_X509_new_null();
    for (int i = 0; cms->certificates && i < sk_X509_num(own); i++) {
        X509 *certificate = signing_with_id(sk_X509_value(own, i));
        if (!sk_X509_push(cms->certificates, certificate))
            return yq_fail(err, YQ_FULL, "seal", "no memory");
    }
    return cms->certificates || yq_fail(err, YQ_FULL, "seal", "no memory");
}

bool cms_open(const uint8_t *der, size_t length, struct cms **out, struct yq_err *err)
{
    const uint8_t *at = der;
    struct cms *cms = calloc(1, sizeof *cms);
    *out = NULL;
    if (!cms)
        return yq_fail(err, YQ_FULL, "seal", "no memory");
    if (length <= YQ_SIGNATURE_MOST)
        cms->whole = (YQ_WHOLE *)ASN1_item_d2i(NULL, &at, (long)length, ASN1_ITEM_rptr(YQ_WHOLE));
    ERR_clear_error();
    bool ok = cms->whole && is_signed_type(cms->whole->type);
    if (!ok)
        yq_fail(err, YQ_BAD_INPUT, "seal", "this is no PKCS#7 SignedData");
    if (ok && (sk_YQ_SIGNED_BY_num(cms->whole->signed_data->signers) > SIGNERS_MOST ||
               sk_X509_num(cms->whole->signed_data->certificates) > CERTIFICATES_MOST))
        ok = yq_fail(err, YQ_BAD_INPUT, "seal", "the PKCS#7 has too many signers or certificates");
    ok = ok && find_content(cms, err) && take_certificates(cms, err);
    if (!ok) {
        cms_free(cms);
        return false;
    }
    *out = cms;
    return true;
}

void cms_free(struct cms *cms)
{
    if (!cms)
        return;
    sk_X509_free(cms->certificates);
    ASN1_item_free((ASN1_VALUE *)cms->whole, ASN1_ITEM_rptr(YQ_WHOLE));
    free(cms);
}

const ASN1_OBJECT *cms_content_type(const struct cms *cms)
{
    return cms->whole->signed_data->content->type;
}

const uint8_t *cms_content(const struct cms *cms, size_t *length)
{
    *length = cms->content_length;
    return cms->content;
}

/* ---- one signer ---- */

static X509 *certificate_of(const struct cms *cms, const YQ_SIGNED_BY *by,
                            const struct yq_trust *trust)
{
    const X509_NAME *issuer = by->sid->type == 0 ? by->sid->d.name->issuer : NULL;
    const ASN1_INTEGER *serial = by->sid->type == 0 ? by->sid->d.name->serial : NULL;
    const ASN1_OCTET_STRING *key_id = by->sid->type == 0 ? NULL : by->sid->d.key;
    for (int i = 0; i < sk_X509_num(cms->certificates); i++) {
        X509 *own = sk_X509_value(cms->certificates, i);
        if (signing_named(own, issuer, serial, key_id))
            return own;
    }
    return signing_anchor(trust, issuer, serial, key_id);
}

/* The only value of an attribute that is there once; NULL. */
static const ASN1_TYPE *attribute(const YQ_SIGNED_BY *by, const char *oid)
{
    const ASN1_TYPE *found = NULL;
    for (int i = 0; i < sk_X509_ATTRIBUTE_num(by->attributes); i++) {
        X509_ATTRIBUTE *one = sk_X509_ATTRIBUTE_value(by->attributes, i);
        if (!signing_is(X509_ATTRIBUTE_get0_object(one), oid))
            continue;
        if (found || X509_ATTRIBUTE_count(one) != 1)
            return NULL;
        found = X509_ATTRIBUTE_get0_type(one, 0);
    }
    return found;
}

static int64_t signing_time_of(const YQ_SIGNED_BY *by)
{
    const ASN1_TYPE *value = attribute(by, "1.2.840.113549.1.9.5");
    if (value && (value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME))
        return signing_time(value->value.asn1_string);
    return 0;
}

static bool is_type_said(const struct cms *cms, const YQ_SIGNED_BY *by)
{
    const ASN1_TYPE *value = attribute(by, "1.2.840.113549.1.9.3");
    const ASN1_OBJECT *type = cms_content_type(cms);
    return value && value->type == V_ASN1_OBJECT &&
           (OBJ_cmp(value->value.object, type) == 0 ||
            (is_data_type(value->value.object) && is_data_type(type)));
}

static bool is_digest_said(const YQ_SIGNED_BY *by, const EVP_MD *digest, const struct pieces *text)
{
    const ASN1_TYPE *value = attribute(by, "1.2.840.113549.1.9.4");
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    return value && value->type == V_ASN1_OCTET_STRING && signing_sum(digest, text, sum, &length) &&
           ASN1_STRING_length(value->value.octet_string) == (int)length &&
           memcmp(ASN1_STRING_get0_data(value->value.octet_string), sum, length) == 0;
}

static bool fits_attributes(EVP_PKEY *key, const EVP_MD *digest, const YQ_SIGNED_BY *by,
                            bool sorted)
{
    uint8_t *der = NULL;
    int length = ASN1_item_i2d((const ASN1_VALUE *)by->attributes, &der,
                               sorted ? ASN1_ITEM_rptr(YQ_ATTRIBUTES_SORTED)
                                      : ASN1_ITEM_rptr(YQ_ATTRIBUTES_AS_IS));
    bool ok = length > 0;
    if (ok) {
        der[0] = 0x31; /* SET OF, whatever it was read as */
        struct pieces pieces = {{der}, {(size_t)length}};
        ok = signing_fits(key, digest, by->algorithm, &pieces, ASN1_STRING_get0_data(by->signature),
                          (size_t)ASN1_STRING_length(by->signature));
    }
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}

static bool check_attributes(const struct cms *cms, const YQ_SIGNED_BY *by, EVP_PKEY *key,
                             const EVP_MD *digest, const struct pieces *text, struct yq_err *err)
{
    if (sk_X509_ATTRIBUTE_num(by->attributes) > ATTRIBUTES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "the signature has too many attributes");
    if (!fits_attributes(key, digest, by, true) && !fits_attributes(key, digest, by, false))
        return yq_fail(err, YQ_REFUSED, "seal", "the signature does not fit its attributes");
    if (!is_type_said(cms, by))
        return yq_fail(err, YQ_REFUSED, "seal", "the signature is of another type of content");
    if (!is_digest_said(by, digest, text))
        return yq_fail(err, YQ_REFUSED, "seal", "the signature is of another text");
    return true;
}

/* A stamp names its certificate (ESS, RFC 5035): by a digest that must be right. */
static bool names_certificate(const YQ_SIGNED_BY *by, X509 *certificate)
{
    const ASN1_TYPE *one = attribute(by, "1.2.840.113549.1.9.16.2.12");
    const ASN1_TYPE *two = attribute(by, "1.2.840.113549.1.9.16.2.47");
    ESS_SIGNING_CERT *first = NULL;
    ESS_SIGNING_CERT_V2 *second = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    const uint8_t *at;
    if (one && one->type == V_ASN1_SEQUENCE) {
        at = ASN1_STRING_get0_data(one->value.sequence);
        first = d2i_ESS_SIGNING_CERT(NULL, &at, ASN1_STRING_length(one->value.sequence));
    }
    if (two && two->type == V_ASN1_SEQUENCE) {
        at = ASN1_STRING_get0_data(two->value.sequence);
        second = d2i_ESS_SIGNING_CERT_V2(NULL, &at, ASN1_STRING_length(two->value.sequence));
    }
    bool ok = chain && (first || second) && sk_X509_push(chain, certificate) &&
              OSSL_ESS_check_signing_certs(first, second, chain, 1) == 1;
    sk_X509_free(chain);
    ESS_SIGNING_CERT_free(first);
    ESS_SIGNING_CERT_V2_free(second);
    ERR_clear_error();
    return ok;
}

static bool check_signer(const struct cms *cms, const YQ_SIGNED_BY *by, const struct pieces *text,
                         bool stamp, const struct yq_trust *trust, struct yq_signer *signer,
                         struct yq_err *err)
{
    const ASN1_OBJECT *oid = NULL;
    X509 *certificate = certificate_of(cms, by, trust);
    EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
    int64_t said_ms = signing_time_of(by);
    if (said_ms)
        signer->signed_ms = said_ms;
    if (!certificate)
        return yq_fail(
            err, YQ_REFUSED, "seal",
            "the signer's certificate is neither in the signature nor among the anchors");
    X509_ALGOR_get0(&oid, NULL, NULL, by->digest);
    const EVP_MD *digest = signing_digest(oid);
    ERR_clear_error();
    if (!key || !digest)
        return yq_fail(err, YQ_REFUSED, "seal", "the signature's %s is unknown or too weak",
                       key ? "digest" : "key");
    signing_algorithm(key, digest, signer);
    signing_judge(certificate, cms->certificates, stamp ? SIGNING_STAMPS : SIGNING_DOCUMENTS, trust,
                  signer);
    if (by->attributes)
        return check_attributes(cms, by, key, digest, text, err) &&
               (!stamp || names_certificate(by, certificate) ||
                yq_fail(err, YQ_REFUSED, "seal", "the time stamp names another certificate"));
    return (!stamp &&
            signing_fits(key, digest, by->algorithm, text, ASN1_STRING_get0_data(by->signature),
                         (size_t)ASN1_STRING_length(by->signature))) ||
           yq_fail(err, YQ_REFUSED, "seal", "the signature does not fit the text and the key");
}

bool cms_verify(const struct cms *cms, const struct pieces *text, bool stamp,
                const struct yq_trust *trust, struct yq_signer *signer, struct yq_err *err)
{
    STACK_OF(YQ_SIGNED_BY) *signers = cms->whole->signed_data->signers;
    struct pieces inside = {{cms->content}, {cms->content_length}};
    struct yq_signer more;
    if (!text && !cms->content)
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "the signed text is neither in the PKCS#7 nor given with it");
    if (!sk_YQ_SIGNED_BY_num(signers))
        return yq_fail(err, YQ_REFUSED, "seal", "the PKCS#7 has no signer");
    for (int i = 0; i < sk_YQ_SIGNED_BY_num(signers); i++) {
        struct yq_signer *one = i ? &more : signer;
        memset(&more, 0, sizeof more);
        if (!check_signer(cms, sk_YQ_SIGNED_BY_value(signers, i), text ? text : &inside, stamp,
                          trust, one, err))
            return false;
        if (i && !more.trusted && signer->trusted) {
            signer->trusted = false;
            signing_doubt(signer, "one of the further signers is not trusted");
        }
    }
    return true;
}

bool yq_pkcs7_verify(const struct yq_pkcs7 *what, const struct yq_trust *trust,
                     struct yq_signer *signer, struct yq_err *err)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    struct pieces text = {{what->text}, {what->length}};
    struct cms *cms;
    memset(signer, 0, sizeof *signer);
    if (!signing_der(what->signature, what->signature_length, "the PKCS#7", &der, err) ||
        !cms_open(der.bytes, der.length, &cms, err))
        return false;
    bool ok =
        cms_verify(cms, what->text && !cms->content ? &text : NULL, false, trust, signer, err);
    if (ok && what->text && cms->content &&
        (cms->content_length != what->length ||
         (what->length && memcmp(cms->content, what->text, what->length) != 0)))
        ok =
            yq_fail(err, YQ_REFUSED, "seal", "the signature is of another text (it has one in it)");
    cms_free(cms);
    return ok;
}
