/* verify.c: whether a report's signature may go up: signed at all where this node has it signed;
 * checked here and by the platform's services (S11, 四(二)4(5), and S12, 四(二)4(7)) as `verify`
 * says.
 *
 * What was checked is remembered by the digest of it: the same signature is not checked twice, a
 * changed one is. A service that does not answer says nothing of a signature: it is asked again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"
#include "shanxi.h"
#include "yq/attachment.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/proof.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { PDF_MOST = 16 << 20, ANCHORS_MOST = 1 << 20 };

struct checking {
    const struct yq_errand_out *errand;
    const struct yq_record *report;
    int64_t row;
    const char *text, *certificate, *signature, *stamp; /* "" where the report has none */
    bool pkcs7;
    char reason[YQ_SIGNING_REASON_SIZE];
};

/* Three outcomes: good; bad, with a reason; not known now, with *err. */
enum outcome { GOOD, BAD, UNKNOWN };

static enum outcome bad(struct checking *c, const char *what, const char *why)
{
    (void)snprintf(c->reason, sizeof c->reason, "%.30s: %.200s", what, why);
    return BAD;
}

static bool is_on(const struct checking *c, enum yq_verify_how how)
{
    int verify = c->errand->platform->verify;
    return verify == (int)how || verify == YQ_VERIFY_BOTH;
}

/* ---- here ---- */

/* Whoever is said to be believed (anchors) has to have signed. */
static enum outcome check_here(struct checking *c, struct yq_err *err)
{
    struct yq_anchors *anchors = NULL;
    enum outcome outcome = GOOD;
    struct yq_proofs *proofs = malloc(sizeof *proofs);
    bool ok = proofs ? yq_proof_anchors(c->errand->platform, &anchors, err) &&
                           yq_proof_report(c->errand->house, c->report, anchors, proofs, err)
                     : yq_fail(err, YQ_FULL, "platform", "no memory for a check");
    for (size_t i = 0; ok && i < proofs->count && outcome == GOOD; i++) {
        const struct yq_proof *proof = &proofs->list[i];
        if (proof->state == YQ_PROOF_WRONG || (proof->state == YQ_PROOF_DOUBT && anchors)) {
            outcome = BAD;
            (void)snprintf(c->reason, sizeof c->reason, "%s: %.110s (%.120s)", proof->part,
                           proof->english, proof->chinese);
        }
    }
    yq_anchors_free(anchors);
    free(proofs);
    return ok ? outcome : UNKNOWN;
}

/* ---- by the service ---- */

static enum outcome ask(struct checking *c, const char *path, const struct service_param *params,
                        size_t count, struct yq_answer **data, struct yq_err *err)
{
    struct yq_err why = {0};
    const struct yq_errand_out *errand = c->errand;
    const struct service_call call = {.conf = errand->conf,
                                      .platform = errand->platform,
                                      .keys = errand->keys,
                                      .web = errand->web,
                                      .path = path,
                                      .params = params,
                                      .count = count,
                                      .unsigned_ = strncmp(path, "/sef/", 5) == 0,
                                      .stopped = errand->stopped,
                                      .context = errand->context};
    switch (service_call(&call, data, &why)) {
    case YQ_SIGN_SAYS: return GOOD;
    case YQ_SIGN_AWAY: *err = why; return UNKNOWN;
    default: return bad(c, "verifying service", why.text);
    }
}

/* transId: for the other side's log; the same for the same report and version of its signature. */
static void put_trace(const struct checking *c, char trace[33])
{
    uint64_t of = yq_hash_text(c->signature) ^ (uint64_t)c->row;
    (void)snprintf(trace, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)c->row, of);
}

static enum outcome ask_signature(struct checking *c, struct yq_err *err)
{
    char trace[33];
    struct yq_answer *data = NULL;
    struct yq_buf result yq_cleanup(yq_buf_fini) = {0};
    struct yq_signer signer = {0};
    struct yq_err ignored;
    put_trace(c, trace);
    bool rsa =
        yq_certificate_read(c->certificate, strlen(c->certificate), NULL, &signer, &ignored) &&
        strstr(signer.algorithm, "RSA");
    const struct service_param pkcs1[] = {
        {"transId", trace, false},
        {"signAlgIdentifier", rsa ? "SHA256WithRSA" : "SM3WithSM2", false},
        {"oriData", c->text, false},
        {"signValue", c->signature, false},
        {"base64Cert", c->certificate, false},
        {"verifyCert", "true", true},
        {"base64", "false", true}};
    const struct service_param pkcs7[] = {{"transId", trace, false},
                                          {"oriData", c->text, false},
                                          {"signValue", c->signature, false},
                                          {"verifyCert", "true", true},
                                          {"base64", "false", true}};
    enum outcome outcome =
        c->pkcs7 ? ask(c, "/dsvs/v1/pkcs7/verifyDataSign", pkcs7, COUNT(pkcs7), &data, err)
                 : ask(c, "/dsvs/v1/pkcs1/verifyDataSign", pkcs1, COUNT(pkcs1), &data, err);
    if (outcome != GOOD)
        return outcome;
    (void)yq_answer_get(data, "result", &result);
    yq_answer_free(data);
    return strcmp(yq_buf_text(&result), "true") == 0
               ? GOOD
               : bad(c, "verifying service", "the signature does not verify (result false)");
}

static const char *stamp_words(const char *code)
{
    static const struct {
        const char *code, *words;
    } table[] = {{"-1", "the time stamp does not verify (-1 时间戳验证不通过)"},
                 {"-2", "the time stamp is of another text (-2 原文验证不通过)"},
                 {"-3", "who stamped is not of a trusted root (-3 不是所信任的根)"},
                 {"-4", "the certificate is not valid yet (-4 证书未生效)"},
                 {"-5", "the certificate is not known (-5 查询不到此证书)"},
                 {"-6", "the server's certificate had expired when it stamped (-6 "
                        "签发时间戳时服务器证书过期)"}};
    for (size_t i = 0; i < COUNT(table); i++)
        if (strcmp(table[i].code, code) == 0)
            return table[i].words;
    return "it answers a code that the document does not have";
}

static enum outcome ask_stamp(struct checking *c, struct yq_err *err)
{
    struct yq_answer *data = NULL;
    struct yq_buf result yq_cleanup(yq_buf_fini) = {0};
    const struct service_param params[] = {{"oriData", c->text, false},
                                           {"tsResp", c->stamp, false}};
    if (!*c->stamp)
        return GOOD;
    enum outcome outcome = ask(c, "/coss/service/v1/verifyTS", params, COUNT(params), &data, err);
    if (outcome != GOOD)
        return outcome;
    (void)yq_answer_get(data, "verifyRes", &result);
    yq_answer_free(data);
    return strcmp(yq_buf_text(&result), "1") == 0
               ? GOOD
               : bad(c, "verifying service", stamp_words(yq_buf_text(&result)));
}

static enum outcome read_seals(struct checking *c, const struct yq_answer *answer)
{
    char path[64];
    struct yq_buf code yq_cleanup(yq_buf_fini) = {0}, result yq_cleanup(yq_buf_fini) = {0};
    (void)yq_answer_get(answer, "resultCode", &code);
    if (strcmp(yq_buf_text(&code), "0") != 0)
        return bad(c, "seal verifying service", "it refuses the PDF (resultCode is not 0)");
    size_t count = yq_answer_count(answer, "fileVerifyInfo.signInfoList");
    for (size_t i = 0; i < count; i++) {
        yq_buf_clear(&result);
        (void)snprintf(path, sizeof path, "fileVerifyInfo.signInfoList[%zu].verifyResult", i);
        (void)yq_answer_get(answer, path, &result);
        if (strcmp(yq_buf_text(&result), "0") != 0) {
            (void)snprintf(path, sizeof path, "seal %zu does not verify", i + 1);
            return bad(c, "seal verifying service", path);
        }
    }
    return count ? GOOD : bad(c, "seal verifying service", "it finds no seal in the PDF");
}

/* The report's PDF, where it has seals; else nothing. */
static enum outcome read_pdf(struct checking *c, struct yq_buf *pdf, struct yq_err *err)
{
    struct yq_attachment about;
    struct yq_pdf_seal *seals = NULL;
    struct yq_err why = {0};
    size_t count = 0, got = 0;
    int fd yq_cleanup(yq_close) = -1;
    const char *name = yq_record_get(c->report, "pdf");
    if (!name)
        return GOOD;
    if (!yq_attachment_open(c->errand->house, name, &fd, &about, &why))
        return why.code == YQ_ABSENT ? GOOD : (*err = why, UNKNOWN);
    if (about.size > PDF_MOST)
        return bad(c, "seal verifying service", "the PDF is too large for it (16 MB)");
    uint8_t *bytes = yq_buf_raw(pdf, (size_t)about.size);
    if (!bytes || !yq_read_at(fd, bytes, (size_t)about.size, 0, &got, err)) {
        if (!bytes)
            yq_fail(err, YQ_FULL, "platform", "no memory for a PDF");
        return UNKNOWN;
    }
    bool read = yq_pdf_seals(bytes, got, NULL, &seals, &count, &why);
    free(seals);
    if (!read || !count)
        yq_buf_clear(pdf); /* what cannot be read has none that the service could find */
    return GOOD;
}

static enum outcome ask_seals(struct checking *c, struct yq_err *err)
{
    char trace[33], now[24];
    struct yq_answer *answer = NULL;
    struct yq_buf base64 yq_cleanup(yq_buf_fini) = {0}, pdf yq_cleanup(yq_buf_fini) = {0};
    enum outcome outcome = read_pdf(c, &pdf, err);
    if (outcome != GOOD || !pdf.length)
        return outcome;
    put_trace(c, trace);
    (void)snprintf(now, sizeof now, "%" PRId64, yq_now_ms());
    if (!service_base64(pdf.bytes, pdf.length, &base64, err))
        return UNKNOWN;
    const struct service_param params[] = {{"transId", trace, false},
                                           {"requestTime", now, true},
                                           {"fileDataType", "0", true},
                                           {"filename", "report.pdf", false},
                                           {"fileData", yq_buf_text(&base64), false}};
    outcome = ask(c, "/sef/v1/SEF_VerifySeal", params, COUNT(params), &answer, err);
    if (outcome == GOOD)
        outcome = read_seals(c, answer);
    yq_answer_free(answer);
    return outcome;
}

/* ---- all of it, once ---- */

static enum outcome check(struct checking *c, struct yq_err *err)
{
    static enum outcome (*const there[])(struct checking *,
                                         struct yq_err *) = {ask_signature, ask_stamp, ask_seals};
    enum outcome outcome = is_on(c, YQ_VERIFY_LOCAL) ? check_here(c, err) : GOOD;
    for (size_t i = 0; i < COUNT(there) && outcome == GOOD && is_on(c, YQ_VERIFY_SERVICE); i++)
        outcome = there[i](c, err);
    return outcome;
}

static bool put_digest(const struct checking *c, uint8_t sum[32])
{
    char how[32];
    const char *pdf = yq_record_get(c->report, "pdf");
    (void)snprintf(how, sizeof how, "%d%d", c->errand->platform->verify, c->pkcs7);
    const char *file = c->errand->platform->anchors;
    struct yq_buf believed yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    const char *const parts[] = {how,          file,     c->text,       c->certificate,
                                 c->signature, c->stamp, pdf ? pdf : ""};
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    for (size_t i = 0; digest && i < COUNT(parts); i++)
        yq_digest_add(digest, parts[i], strlen(parts[i]) + 1);
    if (digest && *file && yq_file_read(file, ANCHORS_MOST, &believed, &ignored))
        yq_digest_add(digest, believed.bytes, believed.length); /* whom to believe may change */
    if (digest)
        yq_digest_end(digest, sum);
    return digest;
}

static void add_finding(struct yq_findings *findings, const char *field, const char *what,
                        const char *chinese, const char *english)
{
    struct yq_finding *finding = yq_findings_add(findings);
    if (!finding)
        return;
    finding->serious = finding->held = true;
    (void)yq_copy(finding->member, sizeof finding->member, field);
    (void)yq_copy(finding->what, sizeof finding->what, what);
    (void)yq_copy(finding->chinese, sizeof finding->chinese, chinese);
    (void)yq_copy(finding->english, sizeof finding->english, english);
}

static void add_refusal(struct yq_findings *findings, const char *reason)
{
    char chinese[240], english[240];
    (void)snprintf(chinese, sizeof chinese, "电子签名验证不通过：%.180s", reason);
    (void)snprintf(english, sizeof english, "the signature was not accepted: %.180s", reason);
    add_finding(findings, "SignValue", "signature", chinese, english);
}

static bool check_once(struct checking *c, struct yq_findings *findings, struct yq_err *err)
{
    struct yq_signature_seen seen;
    struct yq_catalog *catalog = c->errand->house->catalog;
    const char *platform = c->errand->platform->name;
    uint8_t sum[32];
    if (!put_digest(c, sum))
        return yq_fail(err, YQ_FULL, "platform", "no memory for a digest");
    bool known = yq_signature_seen_get(catalog, platform, c->row, &seen, err);
    if (!known && err->code != YQ_ABSENT)
        return false;
    if (!known || memcmp(seen.digest, sum, sizeof sum) != 0) {
        enum outcome outcome = check(c, err);
        if (outcome == UNKNOWN)
            return false;
        seen = (struct yq_signature_seen){.good = outcome == GOOD, .at_ms = yq_now_ms()};
        memcpy(seen.digest, sum, sizeof sum);
        (void)yq_copy(seen.reason, sizeof seen.reason, c->reason);
        if (!yq_signature_seen_put(catalog, platform, c->row, &seen, err))
            return false;
    }
    if (!seen.good)
        add_refusal(findings, seen.reason);
    return true;
}

/* ---- a report that is to be signed by this node ---- */

/* *waits: it has no signature over what it says now. */
static bool look_at_job(const struct checking *c, const char *source, bool *waits,
                        struct yq_findings *findings, struct yq_err *err)
{
    char chinese[300], english[300];
    struct yq_house *house = c->errand->house;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    *waits = false;
    if (c->errand->platform->sign == YQ_SIGN_NONE)
        return true;
    if (!yq_sign_text(c->report, &text, err)) {
        *waits = true;
        add_finding(findings, "CAData", "too-long", "签名原文超过 5000 字符", err->text);
        return !text.failed;
    }
    *waits = yq_sign_need(house, source, c->report, yq_buf_text(&text)) == YQ_SIGN_WANTED;
    if (!*waits)
        return true;
    bool there = yq_signing_get(house->catalog, c->row, &job, err);
    if (!there && err->code != YQ_ABSENT)
        return false;
    if (there) {
        yq_sign_explain(&job, yq_now_ms(), true, chinese, sizeof chinese);
        yq_sign_explain(&job, yq_now_ms(), false, english, sizeof english);
    } else {
        (void)snprintf(chinese, sizeof chinese,
                       "报告尚未签名，且没有签名任务：yingqiao sign start 可发起");
        (void)snprintf(english, sizeof english,
                       "the report is not signed and has no signing job: yingqiao sign start");
    }
    add_finding(findings, "SignValue", "unsigned", chinese, english);
    return true;
}

static const char *value_of(const struct yq_record *report, const char *name)
{
    const char *value = yq_record_get(report, name);
    return value ? value : "";
}

bool shanxi_signature_ready(const struct yq_errand_out *errand, const char *report,
                            struct yq_findings *findings, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    bool waits;
    if (!yq_record_out(errand->house, YQ_KIND_REPORT, report, 0, &record, &entry, err))
        return false;
    bool ok = true;
    if (record) {
        struct checking c = {.errand = errand,
                             .report = record,
                             .row = entry.row,
                             .text = value_of(record, "signedText"),
                             .certificate = value_of(record, "certificate"),
                             .signature = value_of(record, "signatureValue"),
                             .stamp = value_of(record, "timestampValue"),
                             .pkcs7 = strcmp(value_of(record, "signatureFormat"), "2") == 0};
        ok = look_at_job(&c, entry.source, &waits, findings, err);
        if (ok && !waits && *c.signature && errand->platform->verify != YQ_VERIFY_NONE)
            ok = check_once(&c, findings, err);
    }
    yq_record_out_fini(record, &entry);
    return ok;
}
