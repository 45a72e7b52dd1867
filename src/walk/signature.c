/* signature.c: whether the signature of a report holds: text, certificate, value, time stamp, and
 * the seals of its PDF; for people, and as findings for a province's gate.
 *
 * The time stamp is looked at first: it says for which time certificates must have been valid. What
 * it is over is not said by the documents: the text, the signature's value as it stands, or its
 * bytes. A signature over the bytes that a Base64 text stands for counts as one over the text, as
 * services take it so. Room seal does the arithmetic and says in English what is wrong; the Chinese
 * is here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "yq/attachment.h"
#include "yq/file.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/proof.h"
#include "yq/registry.h"

enum { ANCHORS_BYTES = 1 << 20, PDF_MOST = 256 << 20 };

/* ---- in Chinese ---- */

/* Sentences of room seal, by how they begin. */
static const struct {
    const char *english, *chinese;
} sentences[] = {
    {"the signature does not fit the text",
     "签名值与签名原文、证书不符：原文被改动，或不是用此证书签的"},
    {"the signature does not fit its attributes",
     "签名值与签名属性不符：签名被改动，或不是用此证书签的"},
    {"the signature does not fit", "签名值不符：签名被改动，或不是用此证书签的"},
    {"the signature is of another text", "签名对应的是另一份原文：原文在签名之后被改动"},
    {"the signature is of another type", "签名的内容类型与其属性不符"},
    {"the signer's certificate is neither", "签名中没有签名人证书，信任证书中也没有"},
    {"the signature's digest", "签名所用的摘要算法不认识或强度不足"},
    {"the signature's key", "签名证书的公钥类型不认识"},
    {"the signature algorithm is unknown", "签名算法不认识，或与证书的公钥不匹配"},
    {"the signature is no Base64", "签名值不是 Base64 文本"},
    {"the signature is neither", "签名值不是 Base64 文本"},
    {"the signature is of a form not known", "签名格式不认识"},
    {"the signed text is neither", "没有签名原文"},
    {"the PKCS#7 is neither", "签名值不是 PKCS#7 数据"},
    {"the PKCS#7 has no signer", "PKCS#7 数据中没有签名人"},
    {"this is no PKCS#7", "签名值不是 PKCS#7 签名数据"},
    {"this is a signature, but no time stamp", "时间戳值是签名，不是时间戳"},
    {"this is no time stamp", "时间戳值不是时间戳"},
    {"this is no certificate", "证书不是 X.509 数字证书"},
    {"this is neither a certificate", "证书既不是数字证书也不是公钥"},
    {"this is no PDF", "不是 PDF 文件"},
    {"the PDF cannot be searched", "PDF 结构异常，无法查找其中的签章"},
    {"the PDF has too many seals", "PDF 中签章过多，不作校验"},
    {"the certificate is neither DER", "证书不是 Base64、PEM 或 DER"},
    {"the certificate's key", "证书的公钥类型不认识"},
    {"the certificate was not valid yet", "签名时证书尚未生效"},
    {"the certificate had expired", "签名时证书已过期"},
    {"the certificate is not for signatures", "证书不是签名证书（密钥用法）"},
    {"the certificate is not one for time stamps", "证书不是时间戳证书（扩展密钥用法）"},
    {"the time stamp is neither DER", "时间戳值不是 Base64 文本"},
    {"the time stamp is of another text", "时间戳既不对应签名原文，也不对应签名值"},
    {"the time stamp names another", "时间戳指明的证书与所附证书不同"},
    {"the time stamp service", "时间戳服务没有给出时间戳"},
    {"the time stamp's digest", "时间戳所用的摘要算法不认识或强度不足"},
    {"the time stamp has no time", "时间戳中没有时间"},
    {"it leads to none", "证书链不通向任何信任证书（anchors）"},
    {"a certificate of its chain had expired", "证书链中有证书在签名时已过期"},
    {"a certificate of its chain was not valid", "证书链中有证书在签名时尚未生效"},
    {"a certificate of its chain is not signed", "证书链中有证书不是由其颁发者签发的"},
    {"its chain", "证书链校验不通过"},
    {"there are no certificates that are believed",
     "没有配置信任证书（anchors），不判断签名人是否可信"},
    {"there is only a public key", "只有公钥，没有证书"},
    {"made with SHA-1", "使用 SHA-1，已不具证明力"},
    {"one of the further signers", "其他签名人中有不可信的"},
    {"/ByteRange", "PDF 签名的 ByteRange 除 Contents 外还漏掉了其他内容"},
    {"/Contents", "PDF 签名的 Contents 不是十六进制文本"},
    {"the seal is of another text", "电子签章之后文件被改动"},
    {"the seal's description", "电子印章的属性信息损坏"},
    {"the seal is not one that this signer", "签章人不在电子印章的签章人证书列表中"},
    {"the seal was not made", "电子印章不是由其所称的制章者签发的"},
    {"the seal was not valid", "签章时电子印章不在有效期内"},
    {"the seal's maker", "电子印章的制章者不可信"},
    {"a certificate in the seal", "电子签章中的证书损坏"},
};

const char *yq_proof_chinese(const char *english)
{
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strncmp(english, sentences[i].english, strlen(sentences[i].english)) == 0)
            return sentences[i].chinese;
    return *english ? "校验不通过" : "";
}

static void say(struct yq_proof *proof, enum yq_proof_state state, const char *english)
{
    proof->state = state;
    snprintf(proof->english, sizeof proof->english, "%s", english);
    snprintf(proof->chinese, sizeof proof->chinese, "%s", yq_proof_chinese(english));
}

static struct yq_proof *add(struct yq_proofs *proofs, const char *part, const char *member)
{
    struct yq_proof *proof =
        &proofs->list[proofs->count < YQ_PROOFS_MOST ? proofs->count++ : YQ_PROOFS_MOST - 1];
    memset(proof, 0, sizeof *proof);
    snprintf(proof->part, sizeof proof->part, "%s", part);
    proof->member = member;
    return proof;
}

/* It fits; is who signed to be believed? */
static void judge(struct yq_proof *proof, const struct yq_anchors *anchors)
{
    if (proof->signer.trusted ||
        (!anchors && strncmp(proof->signer.doubt, "there are no", 12) == 0))
        say(proof, YQ_PROOF_HOLDS, "");
    else
        say(proof, YQ_PROOF_DOUBT, proof->signer.doubt);
}

/* ---- the report's members ---- */

struct work {
    const struct yq_anchors *anchors;
    struct yq_trust trust;
    const char *text, *certificate, *value, *stamp;
    struct yq_buf decoded_text, decoded_value; /* as Base64; empty where they are none */
    struct yq_proofs *out;
};

struct over { /* what a stamp or signature may be over */
    const void *bytes;
    size_t length;
};

static size_t candidates(const struct work *w, bool value_too, struct over out[4])
{
    size_t count = 0;
    if (w->text)
        out[count++] = (struct over){w->text, strlen(w->text)};
    if (w->decoded_text.length)
        out[count++] = (struct over){w->decoded_text.bytes, w->decoded_text.length};
    if (value_too && w->value)
        out[count++] = (struct over){w->value, strlen(w->value)};
    if (value_too && w->decoded_value.length)
        out[count++] = (struct over){w->decoded_value.bytes, w->decoded_value.length};
    return count;
}

static void prove_stamp(struct work *w)
{
    struct over over[4];
    struct yq_err err = {0};
    struct yq_stamp said = {0};
    size_t count = candidates(w, true, over);
    struct yq_proof *proof = add(w->out, "stamp", "timestampValue");
    bool ok = false;
    for (size_t i = 0; !ok && i < count; i++)
        ok = yq_stamp_verify(w->stamp, strlen(w->stamp), over[i].bytes, over[i].length, &w->trust,
                             &said, &err);
    if (!count)
        yq_fail(&err, YQ_REFUSED, "walk", "the signed text is neither in the report nor its stamp");
    snprintf(proof->form, sizeof proof->form, "RFC 3161");
    proof->signer = said.signer;
    proof->at_ms = said.at_ms;
    if (!ok) {
        say(proof, YQ_PROOF_WRONG, err.text);
        return;
    }
    judge(proof, w->anchors);
    if (proof->state == YQ_PROOF_HOLDS)
        w->trust.at_ms = said.at_ms;
}

static bool fits(struct work *w, bool pkcs7, struct over over, struct yq_signer *signer,
                 struct yq_err *err)
{
    const struct yq_pkcs7 whole = {.signature = w->value,
                                   .signature_length = strlen(w->value),
                                   .text = over.bytes,
                                   .length = over.length};
    const struct yq_pkcs1 bare = {.certificate = w->certificate ? w->certificate : "",
                                  .certificate_length = w->certificate ? strlen(w->certificate) : 0,
                                  .signature = w->value};
    if (pkcs7)
        return yq_pkcs7_verify(&whole, &w->trust, signer, err);
    if (!over.bytes)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "the signed text is neither here nor elsewhere");
    return yq_pkcs1_verify(&bare, over.bytes, over.length, &w->trust, signer, err);
}

static void prove_signature(struct work *w, bool pkcs7)
{
    struct over over[4];
    struct yq_err err = {0};
    size_t count = candidates(w, false, over);
    struct yq_proof *proof = add(w->out, "signature", "signatureValue");
    bool ok = false;
    for (size_t i = 0; !ok && i < count; i++) {
        struct yq_err why = {0};
        ok = fits(w, pkcs7, over[i], &proof->signer, &why);
        if (!i) /* what is said of the text as it stands says most */
            err = why;
    }
    if (!count)
        ok = fits(w, pkcs7, (struct over){0}, &proof->signer, &err);
    snprintf(proof->form, sizeof proof->form, pkcs7 ? "PKCS#7" : "PKCS#1");
    if (ok)
        judge(proof, w->anchors);
    else
        say(proof, YQ_PROOF_WRONG, err.text);
}

/* A certificate beside a PKCS#7 must be that of the signer. */
static void prove_certificate(struct work *w, bool pkcs7)
{
    struct yq_err err = {0};
    const struct yq_proof *signature = w->out->count ? &w->out->list[w->out->count - 1] : NULL;
    struct yq_proof *proof = add(w->out, "certificate", "certificate");
    snprintf(proof->form, sizeof proof->form, "X.509");
    if (!yq_certificate_read(w->certificate, strlen(w->certificate), &w->trust, &proof->signer,
                             &err)) {
        say(proof, YQ_PROOF_WRONG, err.text);
        return;
    }
    judge(proof, w->anchors);
    if (pkcs7 && signature && signature->state != YQ_PROOF_WRONG &&
        (strcmp(signature->signer.serial, proof->signer.serial) != 0 ||
         strcmp(signature->signer.issuer, proof->signer.issuer) != 0)) {
        proof->state = YQ_PROOF_WRONG;
        snprintf(proof->english, sizeof proof->english,
                 "the certificate is not the one with which the PKCS#7 is signed");
        snprintf(proof->chinese, sizeof proof->chinese, "证书不是 PKCS#7 签名所用的证书");
    }
}

/* What the format says; where it says nothing, a PKCS#7 is known by how it begins. */
static bool is_pkcs7(const struct yq_record *report, const struct yq_buf *value)
{
    static const uint8_t oid[] = {0x06};
    const char *format = yq_record_get(report, "signatureFormat");
    if (format && (strcmp(format, "1") == 0 || strcasecmp(format, "PKCS1") == 0))
        return false;
    if (format && (strcmp(format, "2") == 0 || strcasecmp(format, "PKCS7") == 0))
        return true;
    size_t head = value->length > 2 && value->bytes[1] & 0x80 ? 2 + (value->bytes[1] & 0x7f) : 2;
    return value->length > head && value->bytes[0] == 0x30 && value->bytes[head] == oid[0];
}

/* ---- the PDF ---- */

bool yq_proof_pdf(const void *pdf, size_t length, const struct yq_trust *trust,
                  struct yq_proofs *out, struct yq_err *err)
{
    struct yq_pdf_seal *seals;
    size_t count, begin = out->count;
    bool covered = false;
    if (!yq_pdf_seals(pdf, length, trust, &seals, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct yq_proof *proof = add(out, "seal", "pdf");
        proof->signer = seals[i].signer;
        proof->at_ms = seals[i].signer.signed_ms;
        proof->whole = seals[i].whole;
        snprintf(proof->form, sizeof proof->form, "%s",
                 *seals[i].form ? seals[i].form : seals[i].kind);
        snprintf(proof->seal, sizeof proof->seal, "%s", seals[i].seal);
        if (seals[i].verifies)
            judge(proof, trust ? trust->anchors : NULL);
        else
            say(proof, YQ_PROOF_WRONG, seals[i].doubt);
        covered = covered || seals[i].whole;
    }
    if (count && !covered && out->list[begin + count - 1].state != YQ_PROOF_WRONG) {
        struct yq_proof *last = &out->list[begin + count - 1];
        last->state = YQ_PROOF_WRONG;
        snprintf(last->english, sizeof last->english,
                 "something was added to the file after its last seal");
        snprintf(last->chinese, sizeof last->chinese, "最后一个签章之后文件又被追加了内容");
    }
    free(seals);
    return true;
}

/* A PDF that cannot be searched for seals does not hold, whatever is in it. */
static bool prove_bytes(const struct yq_buf *pdf, const struct yq_trust *trust,
                        struct yq_proofs *out, struct yq_err *err)
{
    if (yq_proof_pdf(pdf->bytes, pdf->length, trust, out, err))
        return true;
    if (err->code != YQ_BAD_INPUT && err->code != YQ_FULL)
        return false;
    say(add(out, "seal", "pdf"), YQ_PROOF_WRONG, err->text);
    return true;
}

static bool prove_attached(struct yq_house *house, const char *name, const struct yq_trust *trust,
                           struct yq_proofs *out, struct yq_err *err)
{
    struct yq_attachment about;
    struct yq_buf pdf yq_cleanup(yq_buf_fini) = {.most = PDF_MOST};
    int fd yq_cleanup(yq_close) = -1;
    size_t got = 0;
    if (!yq_attachment_open(house, name, &fd, &about, err))
        return false;
    uint8_t *room = about.size <= PDF_MOST ? yq_buf_raw(&pdf, (size_t)about.size) : NULL;
    if (!room)
        return yq_fail(err, YQ_IO, "walk", "the report's PDF is too large to be checked");
    if (!yq_read_at(fd, room, (size_t)about.size, 0, &got, err))
        return false;
    pdf.length = got;
    return prove_bytes(&pdf, trust, out, err);
}

/* ---- the whole ---- */

static const char *member(const struct yq_record *report, const char *name)
{
    const char *value = yq_record_get(report, name);
    return value && *value ? value : NULL;
}

static void prove_members(struct work *w, const struct yq_record *report)
{
    if (w->text && !yq_form_base64(w->text, strlen(w->text), &w->decoded_text))
        yq_buf_clear(&w->decoded_text);
    if (w->value && !yq_form_base64(w->value, strlen(w->value), &w->decoded_value))
        yq_buf_clear(&w->decoded_value);
    bool pkcs7 = w->value && is_pkcs7(report, &w->decoded_value);
    if (w->stamp)
        prove_stamp(w);
    if (w->value)
        prove_signature(w, pkcs7);
    if (w->certificate)
        prove_certificate(w, pkcs7 && w->value);
    yq_buf_fini(&w->decoded_text);
    yq_buf_fini(&w->decoded_value);
}

bool yq_proof_report(struct yq_house *house, const struct yq_record *report,
                     const struct yq_anchors *anchors, struct yq_proofs *out, struct yq_err *err)
{
    struct work work = {.anchors = anchors,
                        .trust = {.anchors = anchors},
                        .text = member(report, "signedText"),
                        .certificate = member(report, "certificate"),
                        .value = member(report, "signatureValue"),
                        .stamp = member(report, "timestampValue"),
                        .out = out};
    const char *pdf = member(report, "pdf");
    const struct yq_trust trust = {.anchors = anchors};
    memset(out, 0, sizeof *out);
    prove_members(&work, report);
    return !house || !pdf || prove_attached(house, pdf, &trust, out, err);
}

bool yq_proof_anchors(const struct yq_platform *platform, struct yq_anchors **out,
                      struct yq_err *err)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0};
    *out = NULL;
    if (!platform || !*platform->anchors)
        return true;
    return (yq_file_read(platform->anchors, ANCHORS_BYTES, &file, err) &&
            yq_anchors_read(file.bytes, file.length, out, err)) ||
           yq_while(err, "anchors");
}

bool yq_report_signature(struct yq_house *house, const struct yq_company *company,
                         const struct yq_anchors *anchors, struct yq_findings *findings,
                         struct yq_err *err)
{
    const struct yq_record *report = NULL;
    for (size_t i = 0; i < company->count && !report; i++)
        if (company->records[i]->kind == YQ_KIND_REPORT)
            report = company->records[i];
    if (!report)
        return true;
    struct yq_proofs *proofs = malloc(sizeof *proofs);
    bool ok = proofs ? yq_proof_report(house, report, anchors, proofs, err)
                     : yq_fail(err, YQ_FULL, "walk", "no memory");
    for (size_t i = 0; ok && i < proofs->count; i++) {
        const struct yq_proof *p = &proofs->list[i];
        struct yq_finding *f = p->state == YQ_PROOF_HOLDS ? NULL : yq_findings_add(findings);
        if (!f)
            continue;
        snprintf(f->member, sizeof f->member, "%s", p->member);
        snprintf(f->what, sizeof f->what, "%s-%s", p->part,
                 p->state == YQ_PROOF_WRONG ? "wrong" : "not-trusted");
        f->serious = f->held = p->state == YQ_PROOF_WRONG || anchors;
        snprintf(f->chinese, sizeof f->chinese, "%s", p->chinese);
        snprintf(f->english, sizeof f->english, "%s", p->english);
    }
    free(proofs);
    return ok;
}
