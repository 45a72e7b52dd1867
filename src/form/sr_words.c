/* sr_words.c: names of concepts that reports are made of, in Chinese. PS3.16 annex D (DCM), CID
 * 7000 to 7010, TID 1500, 2000, 2010; LOINC; SNOMED. Only where the report has the English name: a
 * name in another language is its author's word. Tables; thread-safe. */
#include <string.h>
#include <strings.h>

#include "sr_inside.h"
#include "yq/form.h"

static const struct {
    const char *scheme, *value, *chinese;
} concepts[] = {
    {"DCM", "111028", "图像库"},         {"DCM", "111030", "图像区域"},
    {"DCM", "112039", "追踪标识"},       {"DCM", "112040", "追踪 UID"},
    {"DCM", "113000", "关注图像"},       {"DCM", "113001", "因质量弃用"},
    {"DCM", "113002", "供临床医师"},     {"DCM", "113003", "供手术"},
    {"DCM", "113004", "供教学"},         {"DCM", "113005", "供会诊"},
    {"DCM", "113006", "供治疗"},         {"DCM", "113007", "供患者"},
    {"DCM", "113008", "供同行评议"},     {"DCM", "113009", "供科研"},
    {"DCM", "113010", "质量问题"},       {"DCM", "113012", "关键对象说明"},
    {"DCM", "113018", "供打印"},         {"DCM", "113701", "X 射线辐射剂量报告"},
    {"DCM", "113811", "CT 累积剂量"},    {"DCM", "113812", "照射次数"},
    {"DCM", "113813", "总剂量长度乘积"}, {"DCM", "113819", "CT 采集"},
    {"DCM", "113830", "平均 CTDIvol"},   {"DCM", "113838", "剂量长度乘积"},
    {"DCM", "121005", "观察者类型"},     {"DCM", "121008", "观察者姓名"},
    {"DCM", "121009", "观察者单位"},     {"DCM", "121012", "观察设备 UID"},
    {"DCM", "121013", "观察设备"},       {"DCM", "121014", "设备厂商"},
    {"DCM", "121015", "设备型号"},       {"DCM", "121016", "设备序列号"},
    {"DCM", "121018", "检查 UID"},       {"DCM", "121022", "检查号"},
    {"DCM", "121029", "受检者姓名"},     {"DCM", "121030", "受检者编号"},
    {"DCM", "121049", "语言"},           {"DCM", "121058", "检查项目"},
    {"DCM", "121060", "病史"},           {"DCM", "121062", "检查申请"},
    {"DCM", "121064", "检查方法"},       {"DCM", "121065", "检查方法"},
    {"DCM", "121066", "既往检查"},       {"DCM", "121068", "既往所见"},
    {"DCM", "121069", "既往所见"},       {"DCM", "121070", "检查所见"},
    {"DCM", "121071", "检查所见"},       {"DCM", "121072", "诊断印象"},
    {"DCM", "121073", "诊断印象"},       {"DCM", "121074", "建议"},
    {"DCM", "121075", "建议"},           {"DCM", "121076", "结论"},
    {"DCM", "121077", "结论"},           {"DCM", "121078", "补充"},
    {"DCM", "121080", "典型图像"},       {"DCM", "121109", "检查指征"},
    {"DCM", "121111", "小结"},           {"DCM", "121112", "测量来源"},
    {"DCM", "121180", "关键图像"},       {"DCM", "121206", "距离"},
    {"DCM", "121322", "来源图像"},       {"DCM", "121324", "来源图像"},
    {"DCM", "125007", "测量组"},         {"DCM", "126000", "影像测量报告"},
    {"DCM", "126010", "影像测量"},       {"LN", "11329-0", "病史"},
    {"LN", "11528-7", "放射检查报告"},   {"LN", "18748-4", "影像诊断报告"},
    {"LN", "18782-3", "检查所见"},       {"LN", "18783-0", "建议"},
    {"LN", "18785-6", "检查目的"},       {"LN", "18834-2", "比较"},
    {"LN", "19005-8", "诊断印象"},       {"LN", "55110-1", "结论"},
    {"LN", "55111-9", "检查方法"},       {"LN", "55113-5", "关键图像"},
    {"LN", "55115-0", "检查申请"},       {"LN", "59776-5", "检查所见"},
    {"SCT", "103339001", "长径"},        {"SCT", "103340004", "短径"},
    {"SCT", "103355008", "宽度"},        {"SCT", "118565006", "体积"},
    {"SCT", "272741003", "侧别"},        {"SCT", "363698007", "部位"},
    {"SCT", "410668003", "长度"},        {"SCT", "42798000", "面积"},
    {"SCT", "81827009", "直径"},         {"SRT", "G-A166", "面积"},
    {"SRT", "G-A185", "长径"},           {"SRT", "G-A186", "短径"},
    {"SRT", "G-A22A", "长度"},           {"SRT", "G-C0E3", "部位"},
    {"SRT", "G-C171", "侧别"},           {"SRT", "G-D705", "体积"},
    {"SRT", "M-02550", "直径"},
};

static const char *text_of(const struct yq_item *item, const uint32_t *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = yq_item_text(item, tags[i]);
        if (*text)
            return text;
    }
    return "";
}

struct code sr_code(const struct yq_item *item, uint32_t sequence)
{
    static const uint32_t values[] = {0x00080100, 0x00080119, 0x00080120};
    const struct yq_item *code = yq_item_first(item, sequence);
    return (struct code){.value = text_of(code, values, 3),
                         .scheme = yq_item_text(code, 0x00080102),
                         .meaning = yq_item_text(code, 0x00080104)};
}

const char *sr_concept_chinese(const struct code *code)
{
    if (yq_form_is_east_asian(code->meaning))
        return NULL;
    for (size_t i = 0; i < sizeof concepts / sizeof *concepts; i++)
        if (strcmp(concepts[i].value, code->value) == 0 &&
            strcmp(concepts[i].scheme, code->scheme) == 0)
            return concepts[i].chinese;
    return NULL;
}

bool sr_same_concept(const struct code *a, const struct code *b)
{
    const char *x = sr_concept_chinese(a), *y = sr_concept_chinese(b);
    return strcasecmp(a->meaning, b->meaning) == 0 || (x && y && strcmp(x, y) == 0);
}
