/* dicom_file.c: H6 POST /api/getDicomFile: a study's DICOM files, each with its URL.
 *
 * The header apiSign is an SM2 signature by the platform (recipe h6-sign): of the body as it came,
 * or by `signed_content` "pairs" of its members as sorted name=value with & between; DER or r||s,
 * Base64 or hex. Nothing is looked up before it is right. An unknown hospital and an unknown study
 * take the same work and get the same answer. */
#include <stdlib.h>
#include <string.h>

#include "../asked.h"
#include "hebei.h"
#include "yq/form.h"

enum { MEMBERS_MOST = 16 };

struct asked {
    struct yq_buf hospital, study;
};

static void asked_fini(struct asked *asked)
{
    yq_buf_fini(&asked->hospital);
    yq_buf_fini(&asked->study);
}

static void refuse(struct yq_reply_to *reply, const char *message)
{
    yq_buf_clear(&reply->body);
    yq_buf_putf(&reply->body, "{\"code\":1,\"message\":\"%s\",\"data\":{}}", message);
}

/* ---- the signature ---- */

struct pairs { /* the members of the body, as parameters */
    struct yq_ingredient list[MEMBERS_MOST];
    struct yq_buf values[MEMBERS_MOST];
    size_t count;
};

static void pairs_fini(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        yq_buf_fini(&pairs->values[i]);
}

static void read_pairs(const struct yq_answer *json, struct pairs *out)
{
    const char *name;
    while (out->count < MEMBERS_MOST && (name = yq_answer_name(json, "", out->count))) {
        struct yq_buf *value = &out->values[out->count];
        (void)yq_answer_get(json, name, value);
        out->list[out->count++] = (struct yq_ingredient){
            .name = name, .value = yq_buf_text(value), .length = value->length};
    }
}

static bool is_believed(const struct yq_inquiry *inquiry, const struct yq_answer *json,
                        struct yq_err *err)
{
    struct pairs pairs yq_cleanup(pairs_fini) = {.count = 0};
    const struct yq_ingredient body = {.value = inquiry->body, .length = inquiry->length};
    const char *shown = inquiry->header(inquiry, "apiSign");
    if (!*shown)
        return yq_fail(err, YQ_REFUSED, "platform", "there is no apiSign");
    if (inquiry->platform->signed_content == YQ_SIGNED_BODY)
        return asked_believe(inquiry, "h6-sign", &body, 1, shown, err);
    if (json)
        read_pairs(json, &pairs);
    if (!pairs.count)
        return yq_fail(err, YQ_REFUSED, "platform", "there is nothing that could be signed");
    return asked_believe(inquiry, "h6-sign-pairs", pairs.list, pairs.count, shown, err);
}

/* ---- the answer ---- */

/* What a series is of, where it is not images: the study's modality is another one. */
static bool is_image_modality(const char *modality)
{
    static const char *const others[] = {"SR", "PR", "KO", "SEG", "DOC", "AU", "REG", "RTSTRUCT"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(modality, others[i]) == 0)
            return false;
    return true;
}

/* The first of several, as DICOM separates them, that is of images. */
static void put_modality(const char *all, const char *first, struct yq_buf *out)
{
    char one[17];
    for (const char *at = all; at && *at;) {
        size_t length = strcspn(at, "\\");
        if (length && length < sizeof one) {
            memcpy(one, at, length);
            one[length] = '\0';
            if (is_image_modality(one)) {
                yq_buf_puts(out, one);
                return;
            }
        }
        at += length + (at[length] == '\\');
    }
    yq_buf_puts(out, first ? first : "");
}

static void put_study(const struct yq_inquiry *inquiry, const char *const *row, struct yq_buf *out)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0}, age yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf modality yq_cleanup(yq_buf_fini) = {0};
    const char *institution = inquiry->conf->hospital_name;
    asked_person(row[YQ_PatientName], &name);
    asked_age(row[YQ_PatientAge], &age);
    put_modality(row[YQ_ModalitiesInStudy], row[YQ_Modality], &modality);
    yq_buf_puts(out, "{");
    asked_member(out, "patientName", yq_buf_text(&name));
    asked_member(out, "patientId", row[YQ_PatientID]);
    asked_member(out, "patientAge", yq_buf_text(&age));
    asked_member(out, "patientSex", asked_sex(row[YQ_PatientSex]));
    asked_member(out, "institutionName", *institution ? institution : row[YQ_InstitutionName]);
    asked_member(out, "modality", yq_buf_text(&modality));
    asked_member(out, "studyInstanceUID", row[YQ_StudyInstanceUID]);
    yq_buf_puts(out, ",\"dicomlist\":[");
}

static void put_object(const char *const *row, const char *url, struct yq_buf *out)
{
    yq_buf_puts(out, "{");
    asked_member(out, "seriesInstanceUID", row[YQ_SeriesInstanceUID]);
    asked_member(out, "seriesNumber", row[YQ_SeriesNumber]);
    asked_member(out, "sopInstanceUID", row[YQ_SOPInstanceUID]);
    asked_member(out, "instanceNumber", row[YQ_InstanceNumber]);
    asked_member(out, "filePath", url);
    yq_buf_puts(out, "}");
}

static void put_answer(const struct yq_inquiry *inquiry, const char *study,
                       struct yq_reply_to *reply, size_t *count)
{
    struct images images;
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    const char *const *row;
    struct yq_err *err = &reply->trouble;
    *count = 0;
    yq_buf_puts(&reply->body, "{\"code\":0,\"message\":\"OK\",\"data\":");
    if (images_open(inquiry, study, &images, err)) {
        while (images_next(&images, &row, &url, err)) {
            if (!*count)
                put_study(inquiry, row, &reply->body);
            yq_buf_puts(&reply->body, (*count)++ ? "," : "");
            put_object(row, yq_buf_text(&url), &reply->body);
        }
    }
    images_close(&images);
    yq_buf_puts(&reply->body, "]}}");
}

static void answer(const struct yq_inquiry *inquiry, const struct asked *asked,
                   struct yq_reply_to *reply)
{
    const char *hospital = yq_buf_text(&asked->hospital), *study = yq_buf_text(&asked->study);
    size_t count;
    asked_note(reply, "hosCode", hospital);
    asked_note(reply, "studyInstanceId", study);
    put_answer(inquiry, study, reply, &count);
    if (reply->trouble.code != YQ_OK) {
        reply->status = 503;
        refuse(reply, "系统繁忙，请稍后再试");
    } else if (!count || !asked_hospital(inquiry, hospital)) {
        refuse(reply, "本院没有这项检查的影像");
    }
}

void hebei_dicom_file(const struct yq_inquiry *inquiry, struct yq_reply_to *reply)
{
    struct asked asked yq_cleanup(asked_fini) = {0};
    struct yq_answer *json = NULL;
    struct yq_err err = {0}, unread = {0};
    bool read = yq_answer_read(inquiry->body, inquiry->length, &json, &unread);
    if (!is_believed(inquiry, json, &err)) {
        refuse(reply, "签名错误");
        reply->refused = err.code == YQ_REFUSED
                             ? "getDicomFile (Hebei) without a signature that is right"
                             : "getDicomFile (Hebei): no signature can be checked";
        if (err.code != YQ_REFUSED)
            reply->trouble = err;
    } else if (!read || !yq_answer_get(json, "hosCode", &asked.hospital) ||
               !yq_answer_get(json, "studyInstanceId", &asked.study) || !asked.hospital.length ||
               !yq_uid_valid(yq_buf_text(&asked.study))) {
        refuse(reply, "参数缺失或有误：hosCode、studyInstanceId");
        yq_fail(&reply->trouble, YQ_BAD_INPUT, "platform", "a parameter is missing or wrong");
    } else {
        answer(inquiry, &asked, reply);
    }
    yq_answer_free(json);
}
