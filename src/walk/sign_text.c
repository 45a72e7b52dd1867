/* sign_text.c: what of a report is signed, and whether it is to be signed.
 *
 * A list of members, in their order: who is reported on, what was found, who says so and when.
 * What may change without a doctor having to answer for it (print status, PDF, departments) is not
 * among them. The list and its form never change under the same first line: a signature is checked
 * against it years later. */
#include <string.h>

#include "yq/company.h"
#include "yq/seal.h"
#include "yq/sign.h"

#define HEAD "yingqiao-report-1"

static const struct {
    const char *name;
    bool may_be_long;
} members[] = {
    {"reportId", false},
    {"hospitalCode", false},
    {"accessionNumber", false},
    {"patientId", false},
    {"patientName", false},
    {"sex", false},
    {"age", false},
    {"ageUnit", false},
    {"examTime", false},
    {"itemName", false},
    {"bodyPart", false},
    {"findings", true},
    {"impression", true},
    {"advice", true},
    {"positive", false},
    {"reportDoctorCode", false},
    {"reportDoctorName", false},
    {"reportTime", false},
    {"auditDoctorCode", false},
    {"auditDoctorName", false},
    {"auditTime", false},
};

static void put_digest(const char *value, struct yq_buf *out)
{
    uint8_t sum[32];
    char hex[65];
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    if (!digest) {
        out->failed = true;
        return;
    }
    yq_digest_add(digest, value, strlen(value));
    yq_digest_end(digest, sum);
    yq_hex(hex, sum, sizeof sum);
    yq_buf_putf(out, "sha256:%s", hex);
}

static void put_value(const char *value, struct yq_buf *out)
{
    for (const char *at = value; *at;) {
        size_t plain = strcspn(at, "\\\n");
        yq_buf_put(out, at, plain);
        at += plain;
        if (*at)
            yq_buf_puts(out, *at++ == '\n' ? "\\n" : "\\\\");
    }
}

static void put_all(const struct yq_record *report, bool digests, struct yq_buf *out)
{
    yq_buf_puts(out, HEAD);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *value = yq_record_get(report, members[i].name);
        yq_buf_putf(out, "\n%s=", members[i].name);
        if (value && digests && members[i].may_be_long)
            put_digest(value, out);
        else if (value)
            put_value(value, out);
    }
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

bool yq_sign_text(const struct yq_record *report, struct yq_buf *out, struct yq_err *err)
{
    size_t begin = out->length;
    put_all(report, false, out);
    if (!out->failed && characters(yq_buf_text(out) + begin) > YQ_SIGN_TEXT_MOST) {
        out->length = begin;
        put_all(report, true, out);
    }
    if (out->failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory for the text that is signed");
    return characters(yq_buf_text(out) + begin) <= YQ_SIGN_TEXT_MOST ||
           yq_fail(err, YQ_FULL, "walk",
                   "what is to be signed is longer than %d characters: item names, body parts or "
                   "names of the report are",
                   YQ_SIGN_TEXT_MOST);
}

bool yq_sign_text_is_ours(const char *text)
{
    return strncmp(text, HEAD "\n", strlen(HEAD) + 1) == 0;
}

/* As the national dictionary has it, whatever the hospital calls it. */
static bool is_final(struct yq_house *house, const char *source, const struct yq_record *report)
{
    const char *disabled = yq_record_get(report, "disabled");
    struct yq_record *status yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_REPORT);
    struct yq_err ignored;
    if (disabled && strcmp(disabled, "1") == 0)
        return false;
    if (!status || !yq_record_put(status, "status", yq_record_get(report, "status"), &ignored))
        return false;
    yq_record_nationalize(house, source, status);
    const char *is = yq_record_get(status, "status");
    return is && (strcmp(is, "final") == 0 || strcmp(is, "corrected") == 0);
}

enum yq_sign_need yq_sign_need(struct yq_house *house, const char *source,
                               const struct yq_record *report, const char *text)
{
    if (!report || !is_final(house, source, report))
        return YQ_SIGN_NOT_FINAL;
    const char *signature = yq_record_get(report, "signatureValue");
    const char *signed_text = yq_record_get(report, "signedText");
    if (signature && (!signed_text || !yq_sign_text_is_ours(signed_text)))
        return YQ_SIGN_BY_OTHERS;
    return signature && strcmp(signed_text, text) == 0 ? YQ_SIGN_FITS : YQ_SIGN_WANTED;
}

const char *yq_sign_doctor(const struct yq_record *report)
{
    const char *auditor = yq_record_get(report, "auditDoctorCode");
    return auditor ? auditor : yq_record_get(report, "reportDoctorCode");
}
