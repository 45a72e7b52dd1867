/* sr_head.c: what stands above a report's content: whose it is, of which study, whether it is
 * finished and who vouches for it. PS3.3 C.7.1, C.7.2, C.17.2 (SR Document General). */
#include <string.h>

#include "sr_inside.h"
#include "yq/form.h"

static void put_plain(struct sr *sr, const struct sr_fact *fact)
{
    sr_text(sr, yq_item_text(sr->root, fact->tag));
}

static void put_person(struct sr *sr, const struct sr_fact *fact)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    yq_form_person(yq_item_text(sr->root, fact->tag), &text);
    sr_buf(sr, &text);
}

static void put_sex(struct sr *sr, const struct sr_fact *fact)
{
    sr_text(sr, yq_form_sex(yq_item_text(sr->root, fact->tag), sr->chinese));
}

static void put_age(struct sr *sr, const struct sr_fact *fact)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    const char *age = yq_item_text(sr->root, fact->tag);
    if (!yq_form_age(age, sr->chinese, &text))
        yq_buf_puts(&text, age);
    sr_buf(sr, &text);
}

static void put_when(struct sr *sr, const struct sr_fact *fact)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    const char *time = fact->time ? yq_item_text(sr->root, fact->time) : "";
    yq_form_date(yq_item_text(sr->root, fact->tag), &text);
    if (*time) {
        yq_buf_puts(&text, " ");
        yq_form_time(time, &text);
    }
    sr_buf(sr, &text);
}

const struct sr_fact sr_facts[] = {
    {{"姓名", "Name"}, put_person, 0x00100010, 0},
    {{"性别", "Sex"}, put_sex, 0x00100040, 0},
    {{"年龄", "Age"}, put_age, 0x00101010, 0},
    {{"出生日期", "Birth date"}, put_when, 0x00100030, 0},
    {{"患者编号", "Patient ID"}, put_plain, 0x00100020, 0},
    {{"检查号", "Accession"}, put_plain, 0x00080050, 0},
    {{"检查时间", "Study date"}, put_when, 0x00080020, 0x00080030},
    {{"检查", "Study"}, put_plain, 0x00081030, 0},
    {{"医疗机构", "Institution"}, put_plain, 0x00080080, 0},
    {{"科室", "Department"}, put_plain, 0x00081040, 0},
    {{"申请医师", "Referring physician"}, put_person, 0x00080090, 0},
    {{"报告时间", "Document date"}, put_when, 0x00080023, 0x00080033},
};
const size_t sr_fact_count = sizeof sr_facts / sizeof *sr_facts;

bool sr_fact_there(const struct sr *sr, const struct sr_fact *fact)
{
    const char *text = yq_item_text(sr->root, fact->tag);
    return text[strspn(text, " ^=")];
}

const struct sr_flag sr_flags[] = {
    {0x0040a496, "PRELIMINARY", "warn", {"初步报告", "Preliminary"}},
    {0x0040a496, "FINAL", "good", {"最终报告", "Final"}},
    {0x0040a491, "PARTIAL", "warn", {"未完成", "Partial"}},
    {0x0040a491, "COMPLETE", "good", {"已完成", "Complete"}},
    {0x0040a493, "UNVERIFIED", "warn", {"未审核", "Unverified"}},
    {0x0040a493, "VERIFIED", "good", {"已审核", "Verified"}},
};
const size_t sr_flag_count = sizeof sr_flags / sizeof *sr_flags;

const struct sr_signer sr_signers[] = {
    {0x0040a078, 0x0040a123, 0x00080080, 0, {"报告者", "Author"}},
    {0x0040a073, 0x0040a075, 0x0040a027, 0x0040a030, {"审核者", "Verified by"}},
};
const size_t sr_signer_count = sizeof sr_signers / sizeof *sr_signers;
