/* retrieve.c: N203 GET /Viewer/DICOMStudyRetrieve: a study's DICOM files, each with its URL.
 *
 * Parameters HospitalCode, StudyInstanceUID, Signature, their names in any case. The picture with
 * the signing rule is lost from the document: Signature is as that of N401 over the other
 * parameters (recipe n203-sign), or by `signature` "channel" the AES channel over both
 * (n203-sign-channel). Nothing is looked up before the signature is right. An unknown hospital and
 * an unknown study take the same work and get the same answer. */
#include <string.h>
#include <strings.h>

#include "../asked.h"
#include "neijiang.h"
#include "yq/form.h"

#define OK_CODE "N0000"
#define WRONG_PARAMETER "E0001"
#define WRONG_SIGNATURE "E0002"
#define TROUBLE "E0000" /* as 501 and 502 have it: the document has none for 203 */

enum param { HOSPITAL, STUDY, SIGNATURE, PARAMS };
static const char *const names[PARAMS] = {"HospitalCode", "StudyInstanceUID", "Signature"};

struct asked {
    const char *value[PARAMS];
    struct yq_ingredient sent[YQ_SERVED_PARAMS], /* all but the signature, as they were written, */
        printed[YQ_SERVED_PARAMS];               /* and with the document's names */
    size_t count;
};

/* False: one is missing, or given twice. */
static bool read_params(const struct yq_inquiry *inquiry, struct asked *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < inquiry->param_count; i++) {
        const struct yq_served_param *param = &inquiry->params[i];
        int which = 0;
        while (which < PARAMS && strcasecmp(param->name, names[which]) != 0)
            which++;
        if (which < PARAMS && out->value[which])
            return false;
        if (which < PARAMS)
            out->value[which] = param->value;
        if (which == SIGNATURE)
            continue;
        out->sent[out->count] = (struct yq_ingredient){
            .name = param->name, .value = param->value, .length = strlen(param->value)};
        out->printed[out->count] = out->sent[out->count];
        if (which < PARAMS)
            out->printed[out->count].name = names[which];
        out->count++;
    }
    for (int i = 0; i < PARAMS; i++)
        if (!out->value[i] || !*out->value[i])
            return false;
    return yq_uid_valid(out->value[STUDY]);
}

/* Names are signed as they are sent, or as they are printed. */
static bool is_believed(const struct yq_inquiry *inquiry, const struct asked *asked,
                        struct yq_err *err)
{
    bool channel = inquiry->platform->signature == YQ_SIGNATURE_CHANNEL;
    const char *recipe = channel ? "n203-sign-channel" : "n203-sign";
    struct yq_err ignored = {0};
    return (!channel && asked_believe(inquiry, recipe, asked->sent, asked->count,
                                      asked->value[SIGNATURE], &ignored)) ||
           asked_believe(inquiry, recipe, asked->printed, asked->count, asked->value[SIGNATURE],
                         err);
}

static void say(struct yq_reply_to *reply, const char *code, const char *message)
{
    yq_buf_clear(&reply->body);
    yq_buf_putf(&reply->body, "{\"code\":\"%s\",\"message\":\"%s\",\"result\":[]}", code, message);
}

/* An object of the result, members as the document's view has them. */
static void put_object(const struct yq_inquiry *inquiry, const char *hospital,
                       const char *const *row, const char *url, struct yq_buf *out)
{
    const char *name = inquiry->conf->hospital_name;
    yq_buf_puts(out, "{");
    asked_member(out, "hospitalCode", hospital);
    asked_member(out, "hospitalName", *name ? name : row[YQ_InstitutionName]);
    asked_member(out, "PatientID", row[YQ_PatientID]);
    asked_member(out, "studyInstanceUID", row[YQ_StudyInstanceUID]);
    asked_member(out, "seriesInstanceUID", row[YQ_SeriesInstanceUID]);
    asked_member(out, "seriesNumber", row[YQ_SeriesNumber]);
    asked_member(out, "sopinstanceUID", row[YQ_SOPInstanceUID]);
    asked_member(out, "sopclassUID", row[YQ_SOPClassUID]);
    asked_member(out, "AccessionNumber", row[YQ_AccessionNumber]);
    asked_member(out, "Modality", row[YQ_Modality]);
    asked_member(out, "dcmDownloadUrl", url);
    yq_buf_puts(out, "}");
}

static void put_study(const struct yq_inquiry *inquiry, const struct asked *asked,
                      struct yq_reply_to *reply, size_t *count)
{
    struct images images;
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    const char *const *row;
    struct yq_err *err = &reply->trouble;
    *count = 0;
    yq_buf_puts(&reply->body, "{\"code\":\"" OK_CODE "\",\"message\":\"查询成功\",\"result\":[");
    if (images_open(inquiry, asked->value[STUDY], &images, err)) {
        while (images_next(&images, &row, &url, err)) {
            yq_buf_puts(&reply->body, (*count)++ ? "," : "");
            put_object(inquiry, asked->value[HOSPITAL], row, yq_buf_text(&url), &reply->body);
        }
    }
    images_close(&images);
    yq_buf_puts(&reply->body, "]}");
}

void neijiang_retrieve(const struct yq_inquiry *inquiry, struct yq_reply_to *reply)
{
    struct asked asked;
    struct yq_err err = {0};
    size_t count;
    if (!read_params(inquiry, &asked)) {
        say(reply, WRONG_PARAMETER, "参数缺失或有误");
        yq_fail(&reply->trouble, YQ_BAD_INPUT, "platform", "a parameter is missing or wrong");
        return;
    }
    if (!is_believed(inquiry, &asked, &err)) {
        say(reply, WRONG_SIGNATURE, "签名错误");
        reply->refused = err.code == YQ_REFUSED
                             ? "DICOMStudyRetrieve (Neijiang) with a wrong signature"
                             : "DICOMStudyRetrieve (Neijiang): no signature can be checked";
        if (err.code != YQ_REFUSED)
            reply->trouble = err;
        return;
    }
    asked_note(reply, names[HOSPITAL], asked.value[HOSPITAL]);
    asked_note(reply, names[STUDY], asked.value[STUDY]);
    put_study(inquiry, &asked, reply, &count);
    if (reply->trouble.code != YQ_OK) {
        reply->status = 503;
        say(reply, TROUBLE, "系统繁忙，请稍后再试");
    } else if (!count || !asked_hospital(inquiry, asked.value[HOSPITAL])) {
        say(reply, WRONG_PARAMETER, "本院没有这项检查的影像");
    }
}
