/* rehearse_rules.c: what chapters four and five want between the lines of the field tables: one
 * field with another. Pure. */
#include <stdio.h>
#include <string.h>

#include "rehearse_inside.h"

struct between {
    const struct rj *object;
    const char *prefix;
    struct yq_findings *findings;
};

static void say(const struct between *b, const char *member, const char *what, const char *chinese,
                const char *english)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", b->prefix, member);
    rehearse_complain(b->findings, name, what, chinese, english);
}

/* As text, whatever its type; "" none. */
static const char *value(const struct between *b, const char *member)
{
    const struct rj *found = rj_member(b->object, member);
    return found && (found->type == RJ_TEXT || found->type == RJ_NUMBER) ? found->text : "";
}

static bool is(const struct between *b, const char *member, const char *text)
{
    return strcmp(value(b, member), text) == 0;
}

static bool is_uid_word(void *context, const char *word)
{
    (void)context;
    return rehearse_is_uid(word);
}

static void check_id_card(const struct between *b, const char *type, const char *number)
{
    if ((is(b, type, "01") || is(b, type, "08")) && *value(b, number) &&
        !rehearse_is_id_card(value(b, number)))
        say(b, number, "check-digit", "身份证号的位数或校验码不对",
            "length or check digit of the id card number is wrong");
}

void rehearse_check_exam(const struct rj *exam, const char *prefix, struct yq_findings *findings)
{
    struct between b = {exam, prefix, findings};
    if ((is(&b, "patientFrom", "1") || is(&b, "patientFrom", "2")) && !*value(&b, "outPatientId"))
        say(&b, "outPatientId", "missing", "来源门诊（急诊）时门诊号必填",
            "required of an outpatient");
    if (is(&b, "patientFrom", "3") && !*value(&b, "inPatientId"))
        say(&b, "inPatientId", "missing", "来源住院时住院号必填", "required of an inpatient");
    check_id_card(&b, "cardType", "idCard");
    check_id_card(&b, "examDoctorIdType", "examDoctorIdNo");
    if (*value(&b, "studyUid") && !rehearse_each(value(&b, "studyUid"), is_uid_word, NULL))
        say(&b, "studyUid", "format", "不是 DICOM UID（多个用英文逗号隔开）",
            "no DICOM UID (several: commas between)");
}

void rehearse_check_report(const struct rj *report, const char *prefix,
                           struct yq_findings *findings)
{
    struct between b = {report, prefix, findings};
    bool pdf = *value(&b, "pdf_path"), inside = *value(&b, "reportPdfBase64");
    if (!pdf && !inside)
        say(&b, "pdf_path", "missing", "pdf_path 与 reportPdfBase64 必须有一个",
            "one of pdf_path and reportPdfBase64 is required");
    if (pdf && inside)
        say(&b, "reportPdfBase64", "both", "pdf_path 与 reportPdfBase64 二选一",
            "either pdf_path or reportPdfBase64, not both");
    if (pdf && strncmp(value(&b, "pdf_path"), "http://", 7) != 0 &&
        strncmp(value(&b, "pdf_path"), "https://", 8) != 0)
        say(&b, "pdf_path", "url", "应为 http 协议的地址", "is to be an HTTP URL");
    if (!is(&b, "ACCESS_NO", value(&b, "recordNum")))
        say(&b, "ACCESS_NO", "differs", "应与 recordNum 保持一致", "is to equal recordNum");
    if (is(&b, "disableFlag", "1") != is(&b, "checkStatus", "5"))
        say(&b, "checkStatus", "differs", "删除标识 1 与检查状态 5（已删除）应同时出现",
            "disableFlag 1 and checkStatus 5 (deleted) go together");
    if (is(&b, "isLastAudit", "1") && !*value(&b, "lastAuditTime"))
        say(&b, "lastAuditTime", "missing", "有终审时应有终审时间", "a final audit has its time");
    check_id_card(&b, "reportDoctorIdType", "reportDoctorIdNo");
    check_id_card(&b, "auditDoctorIdType", "auditDoctorIdNo");
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    const struct rj *base64 = rj_member(report, "reportPdfBase64");
    if (inside && (!rehearse_base64(base64->text, base64->length, &bytes) || bytes.length < 5 ||
                   memcmp(bytes.bytes, "%PDF-", 5) != 0))
        say(&b, "reportPdfBase64", "pdf", "不是 PDF 文件的 Base64（无换行）",
            "is no PDF in Base64 (without line ends)");
}

void rehearse_check_series(const struct rj *series, struct yq_findings *findings)
{
    struct between b = {series, "", findings};
    static const char *const uids[] = {"STUDYIUID", "SERIESIUID"};
    for (size_t i = 0; i < 2; i++)
        if (*value(&b, uids[i]) && !rehearse_is_uid(value(&b, uids[i])))
            say(&b, uids[i], "format", "不是 DICOM UID", "no DICOM UID");
    size_t place = 0;
    const struct rj *paths = rj_member(series, "FILEPATH");
    for (const struct rj *p = paths && paths->type == RJ_ARRAY ? paths->first : NULL; p;
         p = p->next, place++) {
        static const char *const schemes[] = {"http://", "https://", "ftp://", "s3://"};
        bool fine = p->type != RJ_TEXT; /* said already */
        for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
            fine = fine || strncmp(p->text, schemes[i], strlen(schemes[i])) == 0;
        char member[32];
        snprintf(member, sizeof member, "FILEPATH[%zu]", place);
        if (!fine)
            say(&b, member, "url", "应为 HTTP、FTP 或 S3 的完整地址",
                "is to be a whole HTTP, FTP or S3 address");
    }
}
