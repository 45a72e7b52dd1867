/* rehearse_verify.c: S11 and S12: signatures, time stamps and the seals of a PDF, looked at by
 * OpenSSL's program. What it cannot do (PKCS#7 in the form of GM/T 0010, whose names it does not
 * know; seals) is looked at for its form only, and said to be so in a remark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rehearse_inside.h"
#include "yq/form.h"

static bool put_file(struct rehearse_visit *v, const char *name, const char *base64)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    return rehearse_base64(base64, strlen(base64), &bytes) &&
           rehearse_file(v->r, name, bytes.bytes, bytes.length);
}

/* A bare SM2 point, 64 or 65 bytes, as a SubjectPublicKeyInfo; or that it is already. */
static bool put_public_key(struct rehearse_visit *v, const char *base64)
{
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
                                   0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00};
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0}, whole yq_cleanup(yq_buf_fini) = {0};
    if (!rehearse_base64(base64, strlen(base64), &bytes))
        return false;
    if (bytes.length == 64 || bytes.length == 65) {
        yq_buf_put(&whole, head, sizeof head);
        yq_buf_put(&whole, "\x04", bytes.length == 64);
    }
    yq_buf_put(&whole, bytes.bytes, bytes.length);
    return rehearse_file(v->r, "verify.der", whole.bytes, whole.length);
}

/* The public key, as PEM in verify.pem. */
static bool take_key(struct rehearse_visit *v, const char *certificate, const char *key)
{
    char der[128], pem[128];
    struct yq_buf none yq_cleanup(yq_buf_fini) = {0};
    rehearse_path_of(v->r, "verify.der", der);
    rehearse_path_of(v->r, "verify.pem", pem);
    const char *const from[] = {"x509",    "-inform", "DER",  "-in", der,
                                "-pubkey", "-noout",  "-out", pem,   NULL};
    const char *const convert[] = {"pkey", "-pubin", "-inform", "DER", "-in",
                                   der,    "-out",   pem,       NULL};
    if (*certificate)
        return put_file(v, "verify.der", certificate) && rehearse_openssl(from, NULL, 0, &none);
    return put_public_key(v, key) && rehearse_openssl(convert, NULL, 0, &none);
}

/* The key is there already. */
static bool verify(struct rehearse_visit *v, bool rsa, const char *value, const struct yq_buf *text)
{
    char pem[128], signature[128];
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    rehearse_path_of(v->r, "verify.pem", pem);
    rehearse_path_of(v->r, "verify.sig", signature);
    const char *const sm2[] = {"dgst",       "-sm3",    "-verify",
                               pem,          "-sigopt", "distid:1234567812345678",
                               "-signature", signature, NULL};
    const char *const pkcs1[] = {"dgst", "-sha256", "-verify", pem, "-signature", signature, NULL};
    return put_file(v, "verify.sig", value) &&
           rehearse_openssl(rsa ? pkcs1 : sm2, text->bytes, text->length, &said);
}

/* oriData, as it is or decoded. */
static void take_text(const struct rj *request, struct yq_buf *out)
{
    const struct rj *text = rj_member(request, "oriData"), *flag = rj_member(request, "base64");
    if (flag && flag->type == RJ_TRUE)
        (void)rehearse_base64(rj_text(text), text ? text->length : 0, out);
    else
        yq_buf_puts(out, rj_text(text));
}

static void put_verdict(struct rehearse_visit *v, const struct rj_document *json, bool fits)
{
    struct yq_buf answer yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&answer, "\"transId\":");
    yq_json_put_text(&answer, json->count ? rj_text(rj_member(json->values, "transId")) : "");
    yq_buf_putf(&answer, ",\"result\":\"%s\"", fits ? "true" : "false");
    rehearse_answer_service(v, json->count ? json->values : NULL, yq_buf_text(&answer));
}

void rehearse_verify_1(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    bool fits = false;
    if (rehearse_service(v, "pkcs1-verifyDataSign", &json) && !rehearse_is_refused(&v->findings)) {
        if (!*rj_text(rj_member(json.values, "base64Cert")) &&
            !*rj_text(rj_member(json.values, "pubKey")))
            rehearse_complain(&v->findings, "base64Cert", "missing", "base64Cert 与 pubKey 二选一",
                              "one of base64Cert and pubKey is required");
        bool rsa =
            strcasecmp(rj_text(rj_member(json.values, "signAlgIdentifier")), "SHA256WithRSA") == 0;
        take_text(json.values, &text);
        pthread_mutex_lock(&v->r->signing);
        fits = take_key(v, rj_text(rj_member(json.values, "base64Cert")),
                        rj_text(rj_member(json.values, "pubKey"))) &&
               verify(v, rsa, rj_text(rj_member(json.values, "signValue")), &text);
        pthread_mutex_unlock(&v->r->signing);
    }
    put_verdict(v, &json, fits);
}

void rehearse_verify_7(struct rehearse_visit *v)
{
    static const char *const parse[] = {"asn1parse", "-inform", "DER", NULL};
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0}, said yq_cleanup(yq_buf_fini) = {0};
    bool fits = false;
    if (rehearse_service(v, "pkcs7-verifyDataSign", &json) && !rehearse_is_refused(&v->findings)) {
        const char *value = rj_text(rj_member(json.values, "signValue"));
        fits = rehearse_base64(value, strlen(value), &bytes) &&
               rehearse_openssl(parse, bytes.bytes, bytes.length, &said);
        rehearse_remark(&v->findings, "signValue", "stand-in", "演练只核对 PKCS7 的结构，未验签",
                        "the stand-in looks at the form of PKCS#7 only, it does not verify it");
    }
    put_verdict(v, &json, fits);
}

/* 1 fits, -2 another text, -1 else. */
static int verify_stamp(struct rehearse_visit *v, const struct rj *request)
{
    char token[128], data[128], anchor[128];
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    const struct rj *text = rj_member(request, "oriData");
    rehearse_path_of(v->r, "verify.tst", token);
    rehearse_path_of(v->r, "verify.txt", data);
    rehearse_path_of(v->r, "stamp.pem", anchor);
    const char *const verify_it[] = {"ts",  "-verify",   "-data",   data,   "-in",
                                     token, "-token_in", "-CAfile", anchor, NULL};
    const char *const show[] = {"ts", "-reply", "-in", token, "-token_in", "-text", NULL};
    if (!put_file(v, "verify.tst", rj_text(rj_member(request, "tsResp"))) ||
        !rehearse_file(v->r, "verify.txt", rj_text(text), text ? text->length : 0))
        return -1;
    if (rehearse_openssl(verify_it, NULL, 0, &said))
        return 1;
    return rehearse_openssl(show, NULL, 0, &said) ? -2 : -1;
}

void rehearse_verify_stamp(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    char answer[40] = "";
    if (rehearse_service(v, "verifyTS", &json) && !rehearse_is_refused(&v->findings)) {
        pthread_mutex_lock(&v->r->signing);
        snprintf(answer, sizeof answer, "\"verifyRes\":\"%d\"", verify_stamp(v, json.values));
        pthread_mutex_unlock(&v->r->signing);
    }
    rehearse_answer_service(v, json.count ? json.values : NULL, answer);
}

/* ---- members 66 to 70 of a report ---- */

static const char *of(const struct rj *report, const char *member)
{
    return rj_text(rj_member(report, member));
}

static bool is_stamp(struct rehearse_visit *v, const char *stamp)
{
    char path[128];
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    rehearse_path_of(v->r, "verify.tst", path);
    const char *const token[] = {"ts", "-reply", "-in", path, "-token_in", "-text", NULL};
    const char *const response[] = {"ts", "-reply", "-in", path, "-text", NULL};
    return put_file(v, "verify.tst", stamp) &&
           (rehearse_openssl(token, NULL, 0, &said) || rehearse_openssl(response, NULL, 0, &said));
}

static void check_value(struct rehearse_visit *v, const struct rj *report, const char *prefix)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_findings *f = &v->findings;
    char member[40];
    yq_buf_puts(&text, of(report, "CAData"));
    if (!take_key(v, of(report, "ClientCert"), "")) {
        snprintf(member, sizeof member, "%.20sClientCert", prefix);
        rehearse_complain(f, member, "certificate", "不是 Base64 的数字证书",
                          "is no certificate in Base64");
    } else if (!verify(v, false, of(report, "SignValue"), &text) &&
               !verify(v, true, of(report, "SignValue"), &text)) {
        snprintf(member, sizeof member, "%.20sSignValue", prefix);
        rehearse_complain(f, member, "signature", "签名值与签名原文、证书不符",
                          "the signature fits neither text nor certificate");
    }
}

void rehearse_check_signature(struct rehearse_visit *v, const struct rj *report, const char *prefix)
{
    char member[40];
    const struct rj *type = rj_member(report, "SignType");
    if (!v->r->how.signatures || v->r->quick || !*of(report, "SignValue") ||
        !*of(report, "ClientCert"))
        return;
    pthread_mutex_lock(&v->r->signing);
    if (type && type->type == RJ_NUMBER && strcmp(type->text, "1") == 0) {
        check_value(v, report, prefix);
    } else {
        snprintf(member, sizeof member, "%.20sSignValue", prefix);
        rehearse_remark(&v->findings, member, "stand-in", "演练不验 PKCS7 签名",
                        "the stand-in does not verify PKCS#7");
    }
    if (*of(report, "Timestampvalue") && !is_stamp(v, of(report, "Timestampvalue"))) {
        snprintf(member, sizeof member, "%.20sTimestampvalue", prefix);
        rehearse_complain(&v->findings, member, "time-stamp", "不是 Base64 的时间戳",
                          "is no time stamp in Base64");
    }
    pthread_mutex_unlock(&v->r->signing);
}

/* ---- S12 ---- */

static size_t count_seals(const struct yq_buf *pdf)
{
    size_t count = 0;
    static const char mark[] = "/ByteRange";
    const uint8_t *at = pdf->bytes, *end = at + pdf->length;
    while (at && (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
        at += sizeof mark - 1;
        count++;
    }
    return count;
}

static void check_seals(struct rehearse_visit *v, const struct rj *request, struct yq_buf *pdf)
{
    const struct rj *kind = rj_member(request, "fileDataType"), *data;
    const struct rj *when = rj_member(request, "requestTime");
    struct yq_findings *f = &v->findings;
    data = rj_member(request, "fileData");
    if (strlen(rj_text(rj_member(request, "transId"))) > 36)
        rehearse_complain(f, "transId", "too-long", "最大 36 位", "36 characters at most");
    if (!kind || kind->type != RJ_NUMBER ||
        (strcmp(kind->text, "0") != 0 && strcmp(kind->text, "1") != 0))
        rehearse_complain(f, "fileDataType", "type", "应为数字 0 或 1", "the number 0 or 1");
    if (!when || when->type != RJ_NUMBER)
        rehearse_complain(f, "requestTime", "type", "应为数字（时间戳）", "is to be a number");
    if (rehearse_is_refused(f) || !kind || strcmp(kind->text, "0") != 0)
        return;
    if (!data || !rehearse_base64(rj_text(data), data->length, pdf) || pdf->length < 5 ||
        memcmp(pdf->bytes, "%PDF-", 5) != 0)
        rehearse_complain(f, "fileData", "pdf", "不是 PDF 的 Base64", "is no PDF in Base64");
}

void rehearse_seals(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf pdf yq_cleanup(yq_buf_fini) = {0}, *out = &v->call->answer;
    if (rehearse_service(v, "SEF_VerifySeal", &json))
        check_seals(v, json.values, &pdf);
    bool refused = rehearse_is_refused(&v->findings);
    size_t count = refused ? 0 : count_seals(&pdf);
    yq_buf_puts(out, "{\"transId\":");
    yq_json_put_text(out, json.count ? rj_text(rj_member(json.values, "transId")) : "");
    yq_buf_putf(out, ",\"resultCode\":%d,\"resultMessage\":", refused ? 1 : 0);
    yq_json_put_text(out, refused ? v->findings.list[0].chinese : "SUCCESS");
    yq_buf_putf(out, ",\"fileVerifyInfo\":{\"totalCount\":%zu,\"signInfoList\":[", count);
    for (size_t i = 0; i < count; i++)
        yq_buf_putf(
            out, "%s{\"signIndex\":%zu,\"pageIndex\":1,\"verifyResult\":0,\"resultMsg\":\"成功\"}",
            i ? "," : "", i);
    yq_buf_puts(out, "]}}");
    if (count)
        rehearse_remark(&v->findings, "fileData", "stand-in", "演练只数签章，未验签",
                        "the stand-in counts seals, it does not verify them");
}
