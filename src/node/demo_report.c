/* demo_report.c: the documents of the sample studies: a Comprehensive SR (PS3.3 A.35.3, in the
 * shape of PS3.16 TID 2000) and an Encapsulated PDF (A.45.1). What they report is invented like the
 * patients. Characters are of GB 2312, which the narrowest character set of the samples has. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "demo_study.h"
#include "yq/form.h"

#define SOP_COMPREHENSIVE_SR "1.2.840.10008.5.1.4.1.1.88.33"
#define SOP_ENCAPSULATED_PDF "1.2.840.10008.5.1.4.1.1.104.1"

enum { CT_SERIES = 2 };

struct case_report { /* what it is about */
    const struct yq_demo_study *study;
    struct yq_nodule nodule;
};

/* ---- content items ---- */

static struct yq_sample begin_item(const struct yq_sample *root, const char *relation,
                                   const char *type)
{
    struct yq_sample item = {.layout = root->layout};
    memcpy(item.charset, root->charset, sizeof item.charset);
    yq_sample_text(&item, 0x0040a010, "CS", relation);
    yq_sample_text(&item, 0x0040a040, "CS", type);
    return item;
}

static void add_text(struct yq_sample *to, const char *code, const char *scheme, const char *name,
                     const char *text)
{
    struct yq_sample item = begin_item(to, "CONTAINS", "TEXT");
    yq_sample_code(&item, 0x0040a043, code, scheme, name);
    yq_sample_text(&item, 0x0040a160, "UT", text);
    yq_sample_item(to, 0x0040a730, &item);
}

static void add_number(struct yq_sample *to, const char *code, const char *name, const char *value,
                       const char *unit, const char *unit_name)
{
    struct yq_sample measured = {.layout = to->layout};
    struct yq_sample item = begin_item(to, "CONTAINS", "NUM");
    memcpy(measured.charset, to->charset, sizeof measured.charset);
    yq_sample_code(&measured, 0x004008ea, unit, "UCUM", unit_name);
    yq_sample_text(&measured, 0x0040a30a, "DS", value);
    yq_sample_code(&item, 0x0040a043, code, "SCT", name);
    yq_sample_item(&item, 0x0040a300, &measured);
    yq_sample_item(to, 0x0040a730, &item);
}

static void add_code(struct yq_sample *to, const char *relation, const char *const name[3],
                     const char *const value[3])
{
    struct yq_sample item = begin_item(to, relation, "CODE");
    yq_sample_code(&item, 0x0040a043, name[0], name[1], name[2]);
    yq_sample_code(&item, 0x0040a168, value[0], value[1], value[2]);
    yq_sample_item(to, 0x0040a730, &item);
}

/* The slice of a series of the CT study in which the nodule is seen best. */
static struct yq_sample reference(const struct yq_sample *root, const struct case_report *about,
                                  unsigned series)
{
    struct yq_sample item = {.layout = root->layout};
    char instance[YQ_UID_SIZE];
    double gap = series == 1 ? YQ_DEMO_CT_GAP_1 : YQ_DEMO_CT_GAP_2;
    unsigned number = 1 + (unsigned)lround(about->nodule.z_mm / gap);
    yq_demo_uid(about->study, "instance", series, number, instance);
    yq_sample_text(&item, 0x00081150, "UI", YQ_DEMO_SOP_CT);
    yq_sample_text(&item, 0x00081155, "UI", instance);
    return item;
}

static void add_image(struct yq_sample *to, const struct case_report *about, unsigned series)
{
    struct yq_sample item = begin_item(to, "CONTAINS", "IMAGE");
    struct yq_sample image = reference(to, about, series);
    yq_sample_item(&item, 0x00081199, &image);
    yq_sample_item(to, 0x0040a730, &item);
}

static struct yq_sample begin_section(const struct yq_sample *root, const char *code,
                                      const char *name)
{
    struct yq_sample item = begin_item(root, "CONTAINS", "CONTAINER");
    yq_sample_code(&item, 0x0040a043, code, "LN", name);
    yq_sample_text(&item, 0x0040a050, "CS", "SEPARATE");
    return item;
}

/* ---- the report ---- */

static void put_evidence(struct yq_sample *s, const struct case_report *about)
{
    struct yq_sample of_study = {.layout = s->layout};
    for (unsigned i = 1; i <= CT_SERIES; i++) {
        struct yq_sample of_series = {.layout = s->layout}, image = reference(s, about, i);
        char series[YQ_UID_SIZE];
        yq_demo_uid(about->study, "series", i, 0, series);
        yq_sample_item(&of_series, 0x00081199, &image);
        yq_sample_text(&of_series, 0x0020000e, "UI", series);
        yq_sample_item(&of_study, 0x00081115, &of_series);
    }
    yq_sample_text(&of_study, 0x0020000d, "UI", about->study->study_uid);
    yq_sample_item(s, 0x0040a375, &of_study);
}

static void put_document(struct yq_sample *s, const struct case_report *about)
{
    const struct yq_demo_study *study = about->study;
    struct yq_sample observer = {.layout = s->layout};
    memcpy(observer.charset, s->charset, sizeof observer.charset);
    yq_sample_text(&observer, 0x0040a027, "LO", "影桥演示医院");
    yq_sample_textf(&observer, 0x0040a030, "DT", "%s%s", study->date, study->time);
    yq_sample_text(&observer, 0x0040a075, "PN", study->physician);
    yq_sample_item(&observer, 0x0040a088, NULL);
    yq_sample_item(s, 0x0040a073, &observer);
    yq_sample_item(s, 0x00081111, NULL);
    yq_sample_item(s, 0x0040a372, NULL);
    yq_sample_text(s, 0x0040a491, "CS", "COMPLETE");
    yq_sample_text(s, 0x0040a493, "CS", "VERIFIED");
    put_evidence(s, about);
    yq_sample_text(s, 0x0040a040, "CS", "CONTAINER");
    yq_sample_code(s, 0x0040a043, "18748-4", "LN", "Diagnostic Imaging Report");
    yq_sample_text(s, 0x0040a050, "CS", "SEPARATE");
}

static void add_section(struct yq_sample *s, const char *const section[2], const char *code,
                        const char *name, const char *text)
{
    struct yq_sample item = begin_section(s, section[0], section[1]);
    add_text(&item, code, "DCM", name, text);
    yq_sample_item(s, 0x0040a730, &item);
}

static void add_findings(struct yq_sample *s, const struct case_report *about)
{
    static const char *const site[] = {"363698007", "SCT", "Finding Site"};
    static const char *const lobes[][3] = {{"44714003", "SCT", "左肺上叶"},
                                           {"45653009", "SCT", "右肺上叶"}};
    const struct yq_nodule *nodule = &about->nodule;
    const char *const *lobe = lobes[nodule->right];
    double volume = 3.14159265 / 6 * nodule->long_mm * nodule->long_mm * nodule->short_mm / 1000;
    char text[512], value[3][16];
    snprintf(text, sizeof text,
             "胸廓对称，气管居中，纵隔未见移位。\r\n"
             "%s见一枚圆形结节，边缘光滑，未见毛刺及分叶；余肺野清晰，未见实变影及胸腔积液。\r\n"
             "心影大小、形态正常，纵隔及肺门未见肿大淋巴结。",
             lobe[2]);
    snprintf(value[0], sizeof value[0], "%.1f", nodule->long_mm);
    snprintf(value[1], sizeof value[1], "%.1f", nodule->short_mm);
    snprintf(value[2], sizeof value[2], "%.2f", volume);
    struct yq_sample section = begin_section(s, "59776-5", "Findings");
    add_text(&section, "121071", "DCM", "Finding", text);
    struct yq_sample group = begin_item(&section, "CONTAINS", "CONTAINER");
    yq_sample_code(&group, 0x0040a043, "125007", "DCM", "Measurement Group");
    yq_sample_text(&group, 0x0040a050, "CS", "SEPARATE");
    add_code(&group, "HAS CONCEPT MOD", site, lobe);
    add_number(&group, "103339001", "Long Axis", value[0], "mm", "millimeter");
    add_number(&group, "103340004", "Short Axis", value[1], "mm", "millimeter");
    add_number(&group, "118565006", "Volume", value[2], "cm3", "cubic centimeter");
    yq_sample_item(&section, 0x0040a730, &group);
    yq_sample_item(s, 0x0040a730, &section);
}

static void put_content(struct yq_sample *s, const struct case_report *about)
{
    static const char *const language[] = {"121049", "DCM",
                                           "Language of Content Item and Descendants"};
    static const char *const chinese[] = {"zh-CN", "RFC5646", "Chinese, China"};
    static const char *const sections[][2] = {{"55111-9", "Current Imaging Procedure Descriptions"},
                                              {"19005-8", "Impressions"},
                                              {"18783-0", "Recommendations"}};
    add_code(s, "HAS CONCEPT MOD", language, chinese);
    add_section(s, sections[0], "121065", "Procedure Description",
                "胸部CT增强扫描，层厚5 mm，纵隔窗及肺窗观察。");
    add_findings(s, about);
    struct yq_sample section = begin_section(s, "55113-5", "Key Images");
    for (unsigned i = 1; i <= CT_SERIES; i++)
        add_image(&section, about, i);
    yq_sample_item(s, 0x0040a730, &section);
    add_section(s, sections[1], "121073", "Impression",
                about->nodule.right ? "右肺上叶结节，性质待定，良性可能大。"
                                    : "左肺上叶结节，性质待定，良性可能大。");
    add_section(s, sections[2], "121075", "Recommendation", "建议三个月后复查胸部CT。");
}

bool yq_demo_report(const struct yq_demo_study *study, struct yq_err *err)
{
    static const struct yq_demo_series series = {.number = 3,
                                                 .modality = "SR",
                                                 .sop_class = SOP_COMPREHENSIVE_SR,
                                                 .transfer_syntax = YQ_TS_EXPLICIT_LE,
                                                 .description = "诊断报告",
                                                 .maker = "影桥演示",
                                                 .model = "Report"};
    const struct case_report about = {study, yq_phantom_ct_nodule(study->seed + study->number)};
    struct yq_sample s;
    yq_demo_begin(study, &series, 1, &s);
    yq_demo_words(&s, "胸部CT增强", "CT-CHEST-C");
    put_document(&s, &about);
    put_content(&s, &about);
    return yq_demo_finish(study, &series, 1, &s, err);
}

/* ---- the letter: one page of PDF 1.4 ---- */

struct pdf {
    struct yq_buf out, page;
    unsigned objects;
    size_t places[8];
};

static void begin_object(struct pdf *pdf)
{
    pdf->places[pdf->objects++] = pdf->out.length;
    yq_buf_putf(&pdf->out, "%u 0 obj\n", pdf->objects);
}

/* UTF-8 of the basic plane as hex digits of UTF-16, which the font's encoding takes. */
static void put_hex(struct yq_buf *out, const char *text)
{
    yq_buf_puts(out, "<");
    while (*text) {
        unsigned c = (unsigned char)*text++;
        unsigned more = c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        c &= more == 2 ? 0x0f : more ? 0x1f : 0x7f;
        for (; more && *text; more--)
            c = c << 6 | ((unsigned char)*text++ & 0x3f);
        yq_buf_putf(out, "%04X", c & 0xffff);
    }
    yq_buf_puts(out, ">");
}

static void put_line(struct pdf *pdf, unsigned size, unsigned down, const char *text)
{
    yq_buf_putf(&pdf->page, "/F1 %u Tf 0 -%u Td ", size, down);
    put_hex(&pdf->page, text);
    yq_buf_puts(&pdf->page, " Tj\n");
}

static void put_page(struct pdf *pdf, const struct yq_demo_study *study)
{
    static const char *const lines[] = {
        "检查项目：胸部正侧位",
        "检查所见：胸廓对称，两肺纹理清晰，肺野未见明确实变影。",
        "心影大小、形态正常，两膈面光滑，肋膈角锐利。",
        "诊断印象：胸部正侧位片未见明确异常。",
    };
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&pdf->page, "BT 72 770 Td\n");
    put_line(pdf, 20, 0, "影桥演示医院 放射检查报告");
    yq_buf_puts(&line, "姓名：");
    yq_form_person(study->patient_name, &line);
    yq_buf_puts(&line, "    性别：");
    yq_buf_puts(&line, yq_form_sex(study->sex, true));
    put_line(pdf, 12, 48, yq_buf_text(&line));
    yq_buf_clear(&line);
    yq_buf_puts(&line, "编号：");
    yq_buf_puts(&line, study->patient_id);
    yq_buf_puts(&line, "    检查日期：");
    yq_form_date(study->date, &line);
    put_line(pdf, 12, 22, yq_buf_text(&line));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        put_line(pdf, 12, i ? 24 : 44, lines[i]);
    yq_buf_clear(&line);
    yq_buf_puts(&line, "报告医师：");
    yq_form_person(study->physician, &line);
    put_line(pdf, 12, 44, yq_buf_text(&line));
    yq_buf_puts(&pdf->page, "ET\n");
}

/* The font is one that every reader of PDF knows where to get: nothing is embedded. */
static void put_pdf(struct pdf *pdf)
{
    static const char *const objects[] = {
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F1 5 0 R>>>>>>",
        NULL, /* the page */
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H"
        "/DescendantFonts[6 0 R]>>",
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>/FontDescriptor 7 0 R/W[1 95 "
        "500]>>",
        "<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]"
        "/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>",
    };
    enum { COUNT = sizeof objects / sizeof *objects };
    yq_buf_puts(&pdf->out, "%PDF-1.4\n");
    for (size_t i = 0; i < COUNT; i++) {
        begin_object(pdf);
        if (objects[i])
            yq_buf_puts(&pdf->out, objects[i]);
        else
            yq_buf_putf(&pdf->out, "<</Length %zu>>\nstream\n%sendstream", pdf->page.length,
                        yq_buf_text(&pdf->page));
        yq_buf_puts(&pdf->out, "\nendobj\n");
    }
    size_t table = pdf->out.length;
    yq_buf_putf(&pdf->out, "xref\n0 %d\n0000000000 65535 f \n", COUNT + 1);
    for (size_t i = 0; i < COUNT; i++)
        yq_buf_putf(&pdf->out, "%010zu 00000 n \n", pdf->places[i]);
    yq_buf_putf(&pdf->out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", COUNT + 1,
                table);
}

bool yq_demo_letter(const struct yq_demo_study *study, struct yq_err *err)
{
    static const struct yq_demo_series series = {.number = 3,
                                                 .modality = "DOC",
                                                 .sop_class = SOP_ENCAPSULATED_PDF,
                                                 .transfer_syntax = YQ_TS_EXPLICIT_LE,
                                                 .description = "检查报告",
                                                 .maker = "影桥演示",
                                                 .model = "Report"};
    struct pdf pdf = {0};
    struct yq_sample s;
    put_page(&pdf, study);
    put_pdf(&pdf);
    yq_demo_begin(study, &series, 1, &s);
    yq_demo_words(&s, "胸部正侧位", "CR-CHEST-2");
    yq_sample_text(&s, 0x0008002a, "DT", "");
    yq_sample_text(&s, 0x00080064, "CS", "WSD");
    yq_sample_text(&s, 0x00280301, "CS", "YES");
    yq_sample_item(&s, 0x0040a043, NULL);
    yq_sample_text(&s, 0x00420010, "ST", "胸部正侧位检查报告");
    yq_sample_bytes(&s, 0x00420011, "OB", pdf.out.bytes, pdf.out.length);
    yq_sample_text(&s, 0x00420012, "LO", "application/pdf");
    yq_sample_textf(&s, 0x00420015, "UL", "%zu", pdf.out.length);
    s.failed |= pdf.out.failed | pdf.page.failed;
    yq_buf_fini(&pdf.out);
    yq_buf_fini(&pdf.page);
    return yq_demo_finish(study, &series, 1, &s, err);
}
