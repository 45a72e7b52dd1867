/* stamp.c: time stamps (RFC 3161, GM/T 0033): a token is SignedData over a TSTInfo, which carries a
 * digest of what was stamped and the time. Read, checked and, for rehearsals, made.
 *
 * The token's certificate must be named in it, be one for time stamps and, to be trusted, have been
 * valid at the time of the stamp. A response without a token says why, and is refused. Any thread.
 */
#include <openssl/err.h>
#include <openssl/ts.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cms.h"

/* ---- checked ---- */

/* A TimeStampResp: SEQUENCE { SEQUENCE status, token }. Narrows to the token. */
static bool find_token(const uint8_t **der, size_t *length, struct yq_err *err)
{
    const uint8_t *at = *der, *end = *der + *length;
    long inside = 0;
    int tag, class, form = ASN1_get_object(&at, &inside, &tag, &class, (long)*length);
    bool ok = !(form & 0x80) && tag == V_ASN1_SEQUENCE && at < end;
    if (!ok || *at != 0x30) { /* a ContentInfo begins with an OID */
        ERR_clear_error();
        return ok || yq_fail(err, YQ_BAD_INPUT, "seal", "this is no time stamp");
    }
    const uint8_t *stop = form & 1 ? end : at + inside;
    TS_STATUS_INFO *status = d2i_TS_STATUS_INFO(NULL, &at, (long)(stop - at));
    long said = status ? ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(status)) : -1;
    TS_STATUS_INFO_free(status);
    ERR_clear_error();
    if (said != 0 && said != 1)
        return yq_fail(err, said < 0 ? YQ_BAD_INPUT : YQ_REFUSED, "seal",
                       said < 0 ? "this is no time stamp"
                                : "the time stamp service answered with status %ld, not a stamp",
                       said);
    *der = at;
    *length = (size_t)(stop - at);
    return true;
}

static void describe(TS_TST_INFO *info, const EVP_MD *digest, struct yq_stamp *out)
{
    const ASN1_INTEGER *serial = TS_TST_INFO_get_serial(info);
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    out->at_ms = signing_time(TS_TST_INFO_get_time(info));
    if (OBJ_obj2txt(out->policy, sizeof out->policy, TS_TST_INFO_get_policy_id(info), 1) <= 0)
        *out->policy = '\0';
    snprintf(out->serial, sizeof out->serial, "%s", hex ? hex : "");
    snprintf(out->digest, sizeof out->digest, "%s",
             digest == EVP_sm3() ? "sm3"
             : digest            ? EVP_MD_get0_name(digest)
                                 : "?");
    for (char *c = out->digest; *c; c++) /* "SHA2-256" of the provider, "SHA256" */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    OPENSSL_free(hex);
    BN_free(number);
}

static bool is_of_text(TS_MSG_IMPRINT *imprint, const EVP_MD *digest, const struct pieces *text)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const ASN1_OCTET_STRING *said = TS_MSG_IMPRINT_get_msg(imprint);
    return signing_sum(digest, text, sum, &length) && ASN1_STRING_length(said) == (int)length &&
           memcmp(ASN1_STRING_get0_data(said), sum, length) == 0;
}

static bool check_info(const struct cms *cms, const struct pieces *text, struct yq_stamp *out,
                       struct yq_err *err)
{
    size_t length;
    const uint8_t *at = cms_content(cms, &length);
    const ASN1_OBJECT *oid = NULL;
    TS_TST_INFO *info = at ? d2i_TS_TST_INFO(NULL, &at, (long)length) : NULL;
    ERR_clear_error();
    if (!info)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "this is no time stamp: it has no TSTInfo");
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    X509_ALGOR_get0(&oid, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    const EVP_MD *digest = signing_digest(oid);
    ERR_clear_error();
    describe(info, digest, out);
    bool ok = true;
    if (!out->at_ms)
        ok = yq_fail(err, YQ_BAD_INPUT, "seal", "the time stamp has no time");
    else if (text && !digest)
        ok = yq_fail(err, YQ_REFUSED, "seal", "the time stamp's digest is unknown or too weak");
    else if (text && !is_of_text(imprint, digest, text))
        ok = yq_fail(err, YQ_REFUSED, "seal", "the time stamp is of another text");
    TS_TST_INFO_free(info);
    return ok;
}

bool stamp_verify_pieces(const uint8_t *der, size_t length, const struct pieces *text,
                         const struct yq_trust *trust, struct yq_stamp *out, struct yq_err *err)
{
    struct cms *cms;
    memset(out, 0, sizeof *out);
    if (!find_token(&der, &length, err) || !cms_open(der, length, &cms, err))
        return false;
    bool ok = signing_is(cms_content_type(cms), OID_STAMP) ||
              yq_fail(err, YQ_BAD_INPUT, "seal", "this is a signature, but no time stamp");
    ok = ok && check_info(cms, text, out, err);
    if (ok) {
        struct yq_trust then = {.anchors = trust ? trust->anchors : NULL,
                                .at_ms = trust && trust->at_ms ? trust->at_ms : out->at_ms};
        ok = cms_verify(cms, NULL, true, &then, &out->signer, err);
        if (!out->signer.signed_ms)
            out->signer.signed_ms = out->at_ms;
    }
    cms_free(cms);
    return ok;
}

bool yq_stamp_verify(const void *token, size_t token_length, const void *text, size_t length,
                     const struct yq_trust *trust, struct yq_stamp *out, struct yq_err *err)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    struct pieces pieces = {{text}, {length}};
    memset(out, 0, sizeof *out);
    return signing_der(token, token_length, "the time stamp", &der, err) &&
           stamp_verify_pieces(der.bytes, der.length, text ? &pieces : NULL, trust, out, err);
}

/* ---- made ---- */

static bool set_imprint(TS_TST_INFO *info, bool sm2, const struct pieces *text)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    const EVP_MD *digest = sm2 ? EVP_sm3() : EVP_sha256();
    bool ok = imprint && algorithm && signing_sum(digest, text, sum, &length) &&
              X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(digest)),
                              sm2 ? V_ASN1_UNDEF : V_ASN1_NULL, NULL) &&
              TS_MSG_IMPRINT_set_algo(imprint, algorithm) &&
              TS_MSG_IMPRINT_set_msg(imprint, sum, (int)length) &&
              TS_TST_INFO_set_msg_imprint(info, imprint);
    X509_ALGOR_free(algorithm);
    TS_MSG_IMPRINT_free(imprint);
    return ok;
}

/* DER of the TSTInfo; OpenSSL's, freed by the caller. */
static int make_info(const struct yq_stamp_how *how, bool sm2, const struct pieces *text,
                     uint8_t **der)
{
    TS_TST_INFO *info = TS_TST_INFO_new();
    ASN1_OBJECT *policy = OBJ_txt2obj(how->policy, 1);
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(how->at_ms / 1000));
    int length = -1;
    if (info && policy && serial && time && ASN1_INTEGER_set_int64(serial, how->serial) &&
        TS_TST_INFO_set_version(info, 1) && TS_TST_INFO_set_policy_id(info, policy) &&
        set_imprint(info, sm2, text) && TS_TST_INFO_set_serial(info, serial) &&
        TS_TST_INFO_set_time(info, time))
        length = i2d_TS_TST_INFO(info, der);
    ASN1_GENERALIZEDTIME_free(time);
    ASN1_INTEGER_free(serial);
    ASN1_OBJECT_free(policy);
    TS_TST_INFO_free(info);
    return length;
}

bool yq_stamp_make(const struct yq_stamp_how *how, const void *text, size_t length,
                   struct yq_buf *out, struct yq_err *err)
{
    struct pieces pieces = {{text}, {length}};
    X509 *certificate = signing_certificate(how->certificate, how->certificate_length, err);
    EVP_PKEY *key = certificate ? signing_private(how->key, how->key_length, err) : NULL;
    uint8_t *der = NULL;
    bool ok = key;
    if (ok) {
        int made = make_info(how, signing_is_sm2(key), &pieces, &der);
        struct cms_plan plan = {.key = key,
                                .certificate = certificate,
                                .outer = OID_SIGNED,
                                .inner = OID_STAMP,
                                .text = der,
                                .length = made > 0 ? (size_t)made : 0,
                                .version = 3,
                                .attached = true,
                                .attributes = true,
                                .names_certificate = true,
                                .with_certificate = how->with_certificate,
                                .at_ms = how->at_ms};
        ok = made > 0 ? cms_make(&plan, out, err)
                      : signing_fail(err, YQ_BAD_INPUT, "the time stamp cannot be made");
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return ok;
}
