/* cms_make.c: PKCS#7 SignedData is made: in the form of GM/T 0010 with an SM2 key, of RFC 5652 with
 * an RSA key (SHA-256). One signer. Any thread. */
#include <openssl/err.h>
#include <openssl/ess.h>
#include <stdlib.h>
#include <string.h>

#include "cms.h"

static bool set_algorithm(X509_ALGOR *algorithm, const char *oid, bool null)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    return object && X509_ALGOR_set0(algorithm, object, null ? V_ASN1_NULL : V_ASN1_UNDEF, NULL);
}

static bool set_object(ASN1_OBJECT **object, const char *oid)
{
    ASN1_OBJECT_free(*object);
    return (*object = OBJ_txt2obj(oid, 1));
}

static bool set_digest(X509_ALGOR *algorithm, bool sm2)
{
    return set_algorithm(algorithm, sm2 ? "1.2.156.10197.1.401" : "2.16.840.1.101.3.4.2.1", !sm2);
}

/* ---- attributes ---- */

static bool add_attribute(STACK_OF(X509_ATTRIBUTE) * *all, const char *oid, int type,
                          const void *bytes, int length)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    X509_ATTRIBUTE *one =
        object ? X509_ATTRIBUTE_create_by_OBJ(NULL, object, type, bytes, length) : NULL;
    bool ok = one && X509at_add1_attr(all, one);
    X509_ATTRIBUTE_free(one);
    ASN1_OBJECT_free(object);
    return ok;
}

static bool add_time(STACK_OF(X509_ATTRIBUTE) * *all, int64_t at_ms)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(at_ms / 1000));
    bool ok = time && add_attribute(all, "1.2.840.113549.1.9.5", ASN1_STRING_type(time),
                                    ASN1_STRING_get0_data(time), ASN1_STRING_length(time));
    ASN1_TIME_free(time);
    return ok;
}

static bool add_type(STACK_OF(X509_ATTRIBUTE) * *all, const char *oid)
{
    ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
    ASN1_OBJECT *name = OBJ_txt2obj("1.2.840.113549.1.9.3", 1);
    X509_ATTRIBUTE *one = X509_ATTRIBUTE_new();
    bool ok = type && name && one && X509_ATTRIBUTE_set1_object(one, name) &&
              X509_ATTRIBUTE_set1_data(one, V_ASN1_OBJECT, type, -1) && X509at_add1_attr(all, one);
    X509_ATTRIBUTE_free(one);
    ASN1_OBJECT_free(name);
    ASN1_OBJECT_free(type);
    return ok;
}

static bool add_certificate_name(STACK_OF(X509_ATTRIBUTE) * *all, X509 *certificate)
{
    ESS_SIGNING_CERT_V2 *names =
        OSSL_ESS_signing_cert_v2_new_init(EVP_sha256(), certificate, NULL, 1);
    uint8_t *der = NULL;
    int length = names ? i2d_ESS_SIGNING_CERT_V2(names, &der) : -1;
    bool ok = length > 0 &&
              add_attribute(all, "1.2.840.113549.1.9.16.2.47", V_ASN1_SEQUENCE, der, length);
    OPENSSL_free(der);
    ESS_SIGNING_CERT_V2_free(names);
    return ok;
}

/* Into the signer in DER's order; appends what is to be signed. */
static bool put_attributes(YQ_SIGNED_BY *by, STACK_OF(X509_ATTRIBUTE) * all, struct yq_buf *der)
{
    uint8_t *bytes = NULL;
    int length =
        ASN1_item_i2d((const ASN1_VALUE *)all, &bytes, ASN1_ITEM_rptr(YQ_ATTRIBUTES_SORTED));
    if (length > 0) {
        const uint8_t *at = bytes;
        yq_buf_put(der, bytes, (size_t)length);
        bytes[0] = 0x30;
        by->attributes = (STACK_OF(X509_ATTRIBUTE) *)ASN1_item_d2i(
            NULL, &at, length, ASN1_ITEM_rptr(YQ_ATTRIBUTES_AS_IS));
    }
    OPENSSL_free(bytes);
    return by->attributes && !der->failed;
}

static bool make_attributes(const struct cms_plan *plan, const EVP_MD *digest, YQ_SIGNED_BY *by,
                            struct yq_buf *der)
{
    struct pieces text = {{plan->text}, {plan->length}};
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    STACK_OF(X509_ATTRIBUTE) *all = NULL;
    bool ok = signing_sum(digest, &text, sum, &length) && add_type(&all, plan->inner) &&
              add_time(&all, plan->at_ms) &&
              add_attribute(&all, "1.2.840.113549.1.9.4", V_ASN1_OCTET_STRING, sum, (int)length) &&
              (!plan->names_certificate || add_certificate_name(&all, plan->certificate)) &&
              put_attributes(by, all, der);
    sk_X509_ATTRIBUTE_pop_free(all, X509_ATTRIBUTE_free);
    return ok;
}

/* ---- the whole ---- */

static bool make_signer(const struct cms_plan *plan, YQ_SIGNED_BY *by, struct yq_err *err)
{
    bool sm2 = signing_is_sm2(plan->key);
    const EVP_MD *digest = sm2 ? EVP_sm3() : EVP_sha256();
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0}, value yq_cleanup(yq_buf_fini) = {0};
    by->sid->type = 0;
    by->sid->d.name = PKCS7_ISSUER_AND_SERIAL_new();
    if (!by->sid->d.name || ASN1_INTEGER_set(by->version, 1) != 1 ||
        X509_NAME_set(&by->sid->d.name->issuer, X509_get_issuer_name(plan->certificate)) != 1 ||
        !set_digest(by->digest, sm2) ||
        !set_algorithm(by->algorithm, sm2 ? "1.2.156.10197.1.301.1" : "1.2.840.113549.1.1.1",
                       !sm2) ||
        (plan->attributes && !make_attributes(plan, digest, by, &der)))
        return yq_fail(err, YQ_FULL, "seal", "no memory to sign");
    ASN1_INTEGER_free(by->sid->d.name->serial);
    by->sid->d.name->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(plan->certificate));
    if (!signing_make(plan->key, digest, plan->attributes ? der.bytes : plan->text,
                      plan->attributes ? der.length : plan->length, &value, err))
        return false;
    return (by->sid->d.name->serial &&
            ASN1_OCTET_STRING_set(by->signature, value.bytes, (int)value.length) == 1) ||
           yq_fail(err, YQ_FULL, "seal", "no memory to sign");
}

static bool put_content(const struct cms_plan *plan, YQ_CONTENT *content)
{
    if (!set_object(&content->type, plan->inner))
        return false;
    if (!plan->attached)
        return true;
    ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
    content->content = ASN1_TYPE_new();
    if (text && content->content &&
        ASN1_OCTET_STRING_set(text, plan->text, (int)plan->length) == 1) {
        ASN1_TYPE_set(content->content, V_ASN1_OCTET_STRING, text);
        return true;
    }
    ASN1_OCTET_STRING_free(text);
    return false;
}

static bool fill(const struct cms_plan *plan, YQ_WHOLE *whole, struct yq_err *err)
{
    YQ_SIGNED *made = whole->signed_data;
    X509_ALGOR *digest = X509_ALGOR_new();
    YQ_SIGNED_BY *by = (YQ_SIGNED_BY *)ASN1_item_new(ASN1_ITEM_rptr(YQ_SIGNED_BY));
    bool ok = digest && set_digest(digest, signing_is_sm2(plan->key)) &&
              sk_X509_ALGOR_push(made->digests, digest);
    if (!ok)
        X509_ALGOR_free(digest);
    if (by && !sk_YQ_SIGNED_BY_push(made->signers, by)) {
        ASN1_item_free((ASN1_VALUE *)by, ASN1_ITEM_rptr(YQ_SIGNED_BY));
        by = NULL;
    }
    ok = ok && by && set_object(&whole->type, plan->outer) &&
         ASN1_INTEGER_set(made->version, plan->version) == 1 && put_content(plan, made->content);
    if (ok && plan->with_certificate) {
        made->certificates = sk_X509_new_null();
        ok = made->certificates && X509_up_ref(plan->certificate);
        if (ok && !sk_X509_push(made->certificates, plan->certificate)) {
            X509_free(plan->certificate);
            ok = false;
        }
    }
    if (!ok)
        return yq_fail(err, YQ_FULL, "seal", "no memory to sign");
    return make_signer(plan, by, err);
}

bool cms_make(const struct cms_plan *plan, struct yq_buf *out, struct yq_err *err)
{
    YQ_WHOLE *whole;
    uint8_t *der = NULL;
    int length = -1;
    if (plan->length > YQ_SIGNATURE_MOST - CERTIFICATE_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "the text is too long to be signed");
    if (X509_check_private_key(plan->certificate, plan->key) != 1)
        return signing_fail(err, YQ_BAD_INPUT, "the key is not that of the certificate");
    whole = (YQ_WHOLE *)ASN1_item_new(ASN1_ITEM_rptr(YQ_WHOLE));
    bool ok = whole ? fill(plan, whole, err) : yq_fail(err, YQ_FULL, "seal", "no memory to sign");
    if (ok) {
        length = ASN1_item_i2d((const ASN1_VALUE *)whole, &der, ASN1_ITEM_rptr(YQ_WHOLE));
        if (length > 0)
            yq_buf_put(out, der, (size_t)length);
        ok = (length > 0 && !out->failed) || yq_fail(err, YQ_FULL, "seal", "no memory to sign");
    }
    OPENSSL_free(der);
    ASN1_item_free((ASN1_VALUE *)whole, ASN1_ITEM_rptr(YQ_WHOLE));
    ERR_clear_error();
    return ok;
}

bool yq_pkcs7_sign(const struct yq_pkcs7_how *how, const void *text, size_t length,
                   struct yq_buf *out, struct yq_err *err)
{
    X509 *certificate = signing_certificate(how->certificate, how->certificate_length, err);
    EVP_PKEY *key = certificate ? signing_private(how->key, how->key_length, err) : NULL;
    bool gm = key && signing_is_sm2(key);
    struct cms_plan plan = {.key = key,
                            .certificate = certificate,
                            .outer = gm ? SIGNING_GM "2" : OID_SIGNED,
                            .inner = gm ? SIGNING_GM "1" : OID_DATA,
                            .text = text,
                            .length = length,
                            .version = 1,
                            .attached = how->attached,
                            .attributes = how->attributes,
                            .with_certificate = true,
                            .at_ms = how->at_ms};
    bool ok = key && cms_make(&plan, out, err);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return ok;
}
