/* registrar_report.c: SR documents and encapsulated PDFs as reports. PS3.3 C.17.2 (who verified it,
 * is it complete), A.35, A.45.1.
 *
 * It stays preliminary unless it says of itself that it is complete and verified. A document that
 * takes the place of another one (Predecessor Documents) is a new version of that one's report. */
#include <stdio.h>
#include <string.h>

#include "registrar.h"
#include "yq/attachment.h"
#include "yq/document.h"
#include "yq/log.h"
#include "yq/sr.h"

#define SR_ROOT "1.2.840.10008.5.1.4.1.1.88."
#define PDF_CLASS "1.2.840.10008.5.1.4.1.1.104.1"

enum {
    SR_TEXT_MOST = 4 << 20,
    SR_DEPTH_MOST = 72,
    HEAD_MOST = 4096,
    HEAD_DEPTH = 6,
    TURN_MS = 60000,
    CHAIN_MOST = 8,
};
#define MEMORY_MOST ((uint64_t)192 << 20)

/* Basic text, enhanced, comprehensive, comprehensive 3D, extensible, simplified adult echo. Not:
 * logs, doses, key objects, what computers detected. */
static bool is_report_class(const char *sop_class)
{
    static const char *const ends[] = {"11", "22", "33", "34", "35", "72"};
    bool found = false;
    if (strncmp(sop_class, SR_ROOT, strlen(SR_ROOT)) == 0)
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            found |= strcmp(sop_class + strlen(SR_ROOT), ends[i]) == 0;
    return found;
}

bool reg_is_document(const char *sop_class)
{
    return strcmp(sop_class, PDF_CLASS) == 0 || is_report_class(sop_class);
}

/* ---- what both have ---- */

static bool copy_member(const struct yq_record *exam, struct yq_record *report, const char *name,
                        struct yq_err *err)
{
    return reg_put(report, name, yq_record_get(exam, name), err);
}

/* What the header of the document's own study says of patient and exam. */
static bool put_common(const struct reg_study *study, struct yq_record *report, struct yq_err *err)
{
    static const char *const members[] = {"accessionNumber", "studyInstanceUid",
                                          "hospitalName",    "patientId",
                                          "patientName",     "sex",
                                          "birthDate",       "age",
                                          "ageUnit",         "bodyPart",
                                          "modality",        "examTime",
                                          "requestNumber"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!copy_member(study->exam, report, members[i], err))
            return false;
    const char *item = yq_record_get(study->exam, "itemName");
    return reg_put(report, "itemName", item ? item : yq_record_get(study->exam, "examName"), err) &&
           reg_put(report, "examId", study->exam_id, err);
}

static bool says(const struct yq_item *root, uint32_t tag, const char *value)
{
    return strcmp(yq_item_text(root, tag), value) == 0;
}

static bool put_moment_of(struct yq_record *report, const char *name, const struct yq_item *item,
                          uint32_t date, uint32_t time, struct yq_err *err)
{
    return reg_put_moment(report, name, yq_item_text(item, date), yq_item_text(item, time), err);
}

/* The one who verified it last. */
static bool put_verifier(struct yq_record *report, const struct yq_item *root, struct yq_err *err)
{
    const struct yq_item *last = NULL;
    size_t count = yq_item_count(root, 0x0040a073);
    for (size_t i = 0; i < count; i++) {
        const struct yq_item *one = yq_item_at(root, 0x0040a073, i);
        if (!last || strcmp(yq_item_text(one, 0x0040a030), yq_item_text(last, 0x0040a030)) > 0)
            last = one;
    }
    const struct yq_item *code = yq_item_first(last, 0x0040a088);
    return !last ||
           (reg_put_person(report, "auditDoctorName", NULL, yq_item_text(last, 0x0040a075), err) &&
            reg_put(report, "auditDoctorCode", yq_item_text(code, 0x00080100), err) &&
            reg_put(report, "auditTime", yq_item_text(last, 0x0040a030), err));
}

/* ---- SR ---- */

static bool is_dose(const struct yq_item *root)
{
    const char *title = yq_item_text(yq_item_first(root, 0x0040a043), 0x00080100);
    return strcmp(title, "113701") == 0 || strcmp(title, "113500") == 0;
}

/* The first document that this one takes the place of; "" where there is none. */
static void predecessor(const struct yq_item *root, char uid[YQ_UID_SIZE])
{
    const struct yq_item *series = yq_item_first(yq_item_first(root, 0x0040a360), 0x00081115);
    (void)yq_copy(uid, YQ_UID_SIZE, yq_item_text(yq_item_first(series, 0x00081199), 0x00081155));
}

/* The report that a chain of predecessors leads to. */
static bool find_earlier(const struct reg_study *study, const struct yq_item *root,
                         char id[YQ_RECORD_ID_MOST + 1], bool *found, struct yq_err *err)
{
    static const struct yq_reading how = {
        .value_most = HEAD_MOST, .depth_most = HEAD_DEPTH, .frame = YQ_NO_FRAME};
    char uid[YQ_UID_SIZE], earlier[YQ_RECORD_ID_MOST + 1];
    *found = false;
    predecessor(root, uid);
    for (int i = 0; *uid && !*found && i < CHAIN_MOST; i++) {
        struct yq_dataset before yq_cleanup(yq_dataset_fini) = {0};
        struct yq_ledger_entry kept;
        struct yq_entry entry;
        struct yq_err why = {0};
        snprintf(earlier, sizeof earlier, "sr:%s", uid);
        *uid = '\0';
        if (yq_ledger_get(study->house->catalog, YQ_KIND_REPORT, earlier, 0, &kept, &why)) {
            yq_ledger_entry_fini(&kept);
            *found = true;
            memcpy(id, earlier, sizeof earlier);
        } else if (why.code != YQ_ABSENT) {
            *err = why;
            return false;
        } else if (yq_catalog_get(study->house->catalog, earlier + 3, &entry, &why) &&
                   reg_read(study, &entry, &how, &before, &why)) {
            predecessor(&before.root, uid);
        }
    }
    return true;
}

static bool put_status(const struct yq_item *root, bool corrects, struct yq_record *report,
                       struct yq_err *err)
{
    bool final = says(root, 0x0040a491, "COMPLETE") && says(root, 0x0040a493, "VERIFIED");
    return reg_put(report, "status",
                   !final     ? "preliminary"
                   : corrects ? "corrected"
                              : "final",
                   err);
}

static bool put_said(struct yq_record *report, const struct yq_sr_said *said, struct yq_err *err)
{
    const struct yq_buf *findings = said->all.length ? &said->all : &said->findings;
    return reg_put(report, "findings", yq_buf_text(findings), err) &&
           reg_put(report, "impression", yq_buf_text(&said->impression), err) &&
           reg_put(report, "advice", yq_buf_text(&said->advice), err) &&
           reg_put_person(report, "reportDoctorName", NULL, yq_buf_text(&said->observer), err);
}

static bool put_sr(const struct reg_study *study, const struct yq_entry *entry,
                   const struct yq_item *root, struct yq_record *report, struct yq_err *err)
{
    struct yq_sr_said said yq_cleanup(yq_sr_said_fini) = {0};
    char id[YQ_RECORD_ID_MOST + 1];
    bool corrects;
    const struct yq_item *author = yq_item_first(root, 0x0040a078);
    snprintf(id, sizeof id, "sr:%s", entry->key.instance);
    return find_earlier(study, root, id, &corrects, err) && yq_sr_read(root, &said, err) &&
           put_common(study, report, err) && yq_record_put(report, "reportId", id, err) &&
           put_status(root, corrects, report, err) && put_said(report, &said, err) &&
           reg_put(report, "itemName", yq_item_text(yq_item_first(root, 0x0040a043), 0x00080104),
                   err) &&
           reg_put_person(report, "reportDoctorName", NULL, yq_item_text(author, 0x0040a123),
                          err) &&
           put_verifier(report, root, err) &&
           put_moment_of(report, "reportTime", root, 0x00080023, 0x00080033, err);
}

static bool take_sr(const struct reg_study *study, const struct yq_entry *entry,
                    struct yq_record *report, bool *is_one, struct yq_err *err)
{
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    struct yq_dataset document yq_cleanup(yq_dataset_fini) = {0};
    const struct yq_reading how = {.value_most = SR_TEXT_MOST,
                                   .depth_most = SR_DEPTH_MOST,
                                   .frame = YQ_ALL_FRAMES,
                                   .assume_charset = study->charset};
    uint64_t memory = 8 * entry->object.size + (1 << 20);
    if (!yq_share_take(&share, &study->house->pixels, memory < MEMORY_MOST ? memory : MEMORY_MOST,
                       TURN_MS, err) ||
        !reg_read(study, entry, &how, &document, err))
        return false;
    *is_one = !is_dose(&document.root);
    return !*is_one || put_sr(study, entry, &document.root, report, err);
}

/* ---- encapsulated PDF ---- */

static bool keep_pdf(const struct reg_study *study, const struct yq_entry *entry,
                     struct yq_record *report, struct yq_err *err)
{
    struct yq_document document yq_cleanup(yq_document_fini) = {.fd = -1};
    struct yq_attachment kept;
    if (!yq_document_open(study->house, entry, "application/pdf", NULL, &document, err))
        return false;
    bool ok = document.fd >= 0 ? yq_attachment_keep_file(study->house, document.fd, document.offset,
                                                         document.length, &kept, err)
                               : yq_attachment_keep(study->house, document.bytes.bytes,
                                                    document.bytes.length, &kept, err);
    return ok && yq_record_put(report, "pdf", kept.name, err);
}

static bool take_pdf(const struct reg_study *study, const struct yq_entry *entry,
                     struct yq_record *report, struct yq_err *err)
{
    struct yq_dataset head yq_cleanup(yq_dataset_fini) = {0};
    const struct yq_reading how = {.value_most = HEAD_MOST,
                                   .depth_most = HEAD_DEPTH,
                                   .frame = YQ_NO_FRAME,
                                   .assume_charset = study->charset};
    char id[YQ_RECORD_ID_MOST + 1];
    snprintf(id, sizeof id, "pdf:%s", entry->key.instance);
    if (!reg_read(study, entry, &how, &head, err) || !keep_pdf(study, entry, report, err))
        return false;
    const struct yq_item *root = &head.root;
    return put_common(study, report, err) && yq_record_put(report, "reportId", id, err) &&
           put_status(root, false, report, err) &&
           reg_put(report, "itemName", yq_item_text(yq_item_first(root, 0x0040a043), 0x00080104),
                   err) &&
           reg_put(report, "remark", yq_item_text(root, 0x00420010), err) &&
           put_verifier(report, root, err) &&
           put_moment_of(report, "reportTime", root, 0x00080023, 0x00080033, err);
}

bool reg_report(const struct reg_study *study, const struct yq_entry *entry, struct yq_record **out,
                struct yq_err *err)
{
    bool is_one = true;
    struct yq_record *report = yq_record_new(YQ_KIND_REPORT);
    *out = NULL;
    if (!report)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    bool ok = strcmp(entry->sop_class, PDF_CLASS) == 0
                  ? take_pdf(study, entry, report, err)
                  : take_sr(study, entry, report, &is_one, err);
    if (ok && is_one)
        *out = report;
    else
        yq_record_free(report);
    return ok;
}
