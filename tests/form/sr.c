/* Reports as pages and as plain text. That the pages are well-formed is for the cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/form.h"
#include "yq/sr.h"

/* ---- reports, made by hand ---- */

static void put_code(struct yq_writer *w, uint32_t sequence, const char *value, const char *scheme,
                     const char *meaning)
{
    yq_writer_begin_sequence(w, sequence);
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00080100, "SH", value);
    yq_writer_put_text(w, 0x00080102, "SH", scheme);
    yq_writer_put_text(w, 0x00080104, "LO", meaning);
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
}

/* Begins an item; what has a tag below (0040,A010) must not follow. */
static void begin(struct yq_writer *w, const char *relation, const char *type, const char *code,
                  const char *name)
{
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x0040a010, "CS", relation);
    yq_writer_put_text(w, 0x0040a040, "CS", type);
    if (name)
        put_code(w, 0x0040a043, code, "DCM", name);
}

static void put_text_item(struct yq_writer *w, const char *code, const char *name, const char *text)
{
    begin(w, "CONTAINS", "TEXT", code, name);
    yq_writer_put_text(w, 0x0040a160, "UT", text);
    yq_writer_end_item(w);
}

static void put_number_item(struct yq_writer *w, const char *name, const char *value,
                            const char *unit)
{
    begin(w, "CONTAINS", "NUM", "1", name);
    yq_writer_begin_sequence(w, 0x0040a300);
    if (value) {
        yq_writer_begin_item(w);
        put_code(w, 0x004008ea, unit, "UCUM", "in words");
        yq_writer_put_text(w, 0x0040a30a, "DS", value);
        yq_writer_end_item(w);
    }
    yq_writer_end_sequence(w);
    if (!value)
        put_code(w, 0x0040a301, "114006", "DCM", "Measurement failure");
    yq_writer_end_item(w);
}

static void begin_report(struct yq_writer *w, const char *title, const char *continuity)
{
    yq_writer_put_text(w, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(w, 0x00080018, "UI", "2.25.9");
    yq_writer_put_text(w, 0x00080020, "DA", "20260301");
    yq_writer_put_text(w, 0x00080030, "TM", "081500");
    yq_writer_put_text(w, 0x00080090, "PN", "^^");
    yq_writer_put_text(w, 0x00100010, "PN", "Zhang^Wei=张^伟");
    yq_writer_put_text(w, 0x00100040, "CS", "M");
    yq_writer_put_text(w, 0x0040a040, "CS", "CONTAINER");
    put_code(w, 0x0040a043, "18748-4", "LN", title);
    yq_writer_put_text(w, 0x0040a050, "CS", continuity);
}

static const char *word_of(const char *uid)
{
    return strcmp(uid, "1.2.840.10008.5.1.4.1.1.2") == 0 ? "CTImageStorage" : NULL;
}

/* The report in `dataset` as text that the caller frees; NULL with *err. */
static char *print(const struct yq_buf *dataset, bool html, const char *charset, struct yq_err *err)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0}, out yq_cleanup(yq_buf_fini) = {0};
    struct yq_dataset set yq_cleanup(yq_dataset_fini) = {0};
    struct yq_reading how = {.value_most = 1 << 20, .depth_most = 80, .frame = YQ_ALL_FRAMES};
    struct yq_sr_wish wish = {
        .html = html, .charset = charset, .wado = "wado", .class_name = word_of};
    int fd yq_cleanup(yq_close) = memfd_create("report", MFD_CLOEXEC);
    yq_part10_write(&file, "1.2", "2.25.9", YQ_TS_EXPLICIT_LE);
    yq_buf_put(&file, dataset->bytes, dataset->length);
    assert_true(yq_write_all(fd, file.bytes, file.length, err));
    assert_true(yq_dcm_read_dataset(fd, &how, &set, NULL, err));
    if (!yq_sr_print(&set.root, &wish, &out, err))
        return NULL;
    return strdup(yq_buf_text(&out));
}

static void refused(const struct yq_buf *dataset, bool html, const char *charset, enum yq_code code)
{
    struct yq_err err = {0};
    char *text = print(dataset, html, charset, &err);
    bool printed = text;
    free(text);
    assert_false(printed);
    assert_int_equal(err.code, code);
}

static void expect_text(const struct yq_buf *dataset, const char *charset, const char *expected)
{
    struct yq_err err;
    char *text = print(dataset, false, charset, &err);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void has(const char *page, const char *part)
{
    if (strstr(page, part))
        return;
    print_message("%s\n", page);
    fail_msg("not in it: %s", part);
}

static void has_not(const char *page, const char *part)
{
    if (strstr(page, part))
        fail_msg("in it: %s", part);
}

/* ---- cases ---- */

static void make_plain(struct yq_buf *out)
{
    struct yq_writer w = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    begin_report(&w, "Diagnostic Imaging Report", "SEPARATE");
    yq_writer_put_text(&w, 0x0040a491, "CS", "COMPLETE");
    yq_writer_put_text(&w, 0x0040a493, "CS", "VERIFIED");
    yq_writer_begin_sequence(&w, 0x0040a730);
    begin(&w, "CONTAINS", "CONTAINER", "121070", "Findings");
    yq_writer_begin_sequence(&w, 0x0040a730);
    put_text_item(&w, "121071", "Finding", "两肺纹理清晰。\r\n心影不大。\r\n");
    put_number_item(&w, "Diameter", "12.50", "mm2");
    put_number_item(&w, "Volume", NULL, "");
    yq_writer_end_sequence(&w);
    yq_writer_end_item(&w);
    begin(&w, "HAS CONCEPT MOD", "CODE", "121049", "Language of Content Item and Descendants");
    put_code(&w, 0x0040a168, "zh-CN", "RFC5646", "中文");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
}

static void what_a_report_says_is_found(void **state)
{
    (void)state;
    struct yq_err err = {0};
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0}, file yq_cleanup(yq_buf_fini) = {0};
    struct yq_dataset report yq_cleanup(yq_dataset_fini) = {0};
    struct yq_reading how = {.value_most = 1 << 20, .depth_most = 80, .frame = YQ_ALL_FRAMES};
    struct yq_sr_said said yq_cleanup(yq_sr_said_fini) = {0};
    int fd yq_cleanup(yq_close) = memfd_create("report", MFD_CLOEXEC);
    make_plain(&set);
    yq_part10_write(&file, "1.2", "2.25.9", YQ_TS_EXPLICIT_LE);
    yq_buf_put(&file, set.bytes, set.length);
    assert_true(yq_write_all(fd, file.bytes, file.length, &err));
    assert_true(yq_dcm_read_dataset(fd, &how, &report, NULL, &err));
    assert_true(yq_sr_read(&report.root, &said, &err));
    assert_non_null(
        strstr(yq_buf_text(&said.findings), "两肺纹理清晰。\n心影不大。\nDiameter: 12.50"));
    assert_null(strchr(yq_buf_text(&said.findings), '-'));
    assert_int_equal(said.impression.length + said.all.length, 0);
}

static void a_report_as_plain_text(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    make_plain(&set);
    expect_text(&set, "utf-8",
                "影像诊断报告 Diagnostic Imaging Report\n"
                "======================================\n"
                "已完成 Complete, 已审核 Verified\n"
                "姓名 Name: 张伟 Zhang Wei\n"
                "性别 Sex: 男\n"
                "检查时间 Study date: 2026-03-01 08:15:00\n"
                "\n"
                "语言 Language of Content Item and Descendants: 中文\n"
                "\n"
                "检查所见 Findings\n"
                "-----------------\n"
                "  两肺纹理清晰。\n"
                "  心影不大。\n"
                "  Diameter: 12.50 mm²\n"
                "  Volume: — (Measurement failure)\n"
                "\n"
                "SOP Instance UID: 2.25.9\n");
}

static void a_report_as_a_page(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    make_plain(&set);
    char *page = print(&set, true, "utf-8", &err);
    assert_non_null(page);
    assert_int_equal(strncmp(page, "<!DOCTYPE html>\n<html lang=\"zh-CN\">", 35), 0);
    has(page, "<meta charset=\"utf-8\">");
    has(page, "<title>影像诊断报告</title>");
    has(page, "<main lang=\"zh-CN\">");
    has(page, "<dd>张伟 Zhang Wei</dd>");
    has(page, "<h2>检查所见 <span class=\"e\" lang=\"en\">Findings</span></h2>");
    has(page, "<div class=\"v\">两肺纹理清晰。\n心影不大。</div>");
    has(page, "<th scope=\"row\">Diameter</th><td class=\"num\">12.50</td><td>mm²</td>");
    has(page, "<th scope=\"row\">Volume</th><td class=\"num\">—</td><td></td>"
              "<td>Measurement failure</td>");
    has_not(page, "<script");
    free(page);
}

static void character_sets_that_lack_something(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    make_plain(&set);
    char *page = print(&set, true, "iso-8859-1", &err);
    assert_non_null(page);
    has(page, "<meta charset=\"iso-8859-1\">");
    has(page, "<title>Diagnostic Imaging Report</title>");
    has(page, "<dd>&#24352;&#20255; Zhang Wei</dd>");
    free(page);
    page = print(&set, true, "gb18030", &err);
    assert_non_null(page);
    has(page, "<dd>\xd5\xc5\xce\xb0 Zhang Wei</dd>");
    free(page);
    refused(&set, false, "iso-8859-1", YQ_REFUSED);

    struct yq_buf latin yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &latin, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x0040a040, "CS", "CONTAINER");
    put_code(&w, 0x0040a043, "121070", "DCM", "Findings");
    yq_writer_begin_sequence(&w, 0x0040a730);
    put_number_item(&w, "Area", "1", "mm2");
    put_number_item(&w, "Volume", NULL, "");
    yq_writer_end_sequence(&w);
    expect_text(&latin, "us-ascii",
                "Findings\n========\n\nArea: 1 mm2\nVolume: - (Measurement failure)\n\n"
                "SOP Instance UID: \n");
}

#define HOSTILE "</title></style><script>alert(1)</script>\" onload='x' <!-- & \x01\x1b[31m ]]>"
#define SAFE                                                                                       \
    "&lt;/title&gt;&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; "  \
    "&lt;!-- &amp; "

static void hostile_text_stays_text(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &set, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_err err;
    begin_report(&w, HOSTILE, "SEPARATE");
    yq_writer_begin_sequence(&w, 0x0040a730);
    put_text_item(&w, HOSTILE, HOSTILE, HOSTILE);
    put_number_item(&w, HOSTILE, HOSTILE, HOSTILE);
    begin(&w, HOSTILE, HOSTILE, HOSTILE, HOSTILE);
    yq_writer_end_item(&w);
    begin(&w, "HAS CONCEPT MOD", "CODE", "121049", HOSTILE);
    put_code(&w, 0x0040a168, HOSTILE, HOSTILE, HOSTILE);
    yq_writer_end_item(&w);
    yq_writer_begin_item(&w);
    yq_writer_begin_sequence(&w, 0x00081199);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00081150, "UI", HOSTILE);
    yq_writer_put_text(&w, 0x00081155, "UI", "1.2\"><script>");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x0040a010, "CS", "CONTAINS");
    yq_writer_put_text(&w, 0x0040a040, "CS", "IMAGE");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    for (int html = 0; html < 2; html++) {
        char *page = print(&set, html, "utf-8", &err);
        assert_non_null(page);
        for (const char *c = page; *c; c++)
            assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
        if (html) {
            has(page, "<span class=\"e\" lang=\"en\">" SAFE);
            has(page, "<div class=\"v\">" SAFE);
            has_not(page, "<script");
            has_not(page, "<!-- ");
            has_not(page, "<img");
            has_not(page, "<main lang");
        }
        free(page);
    }
}

static void images_are_linked_with_what_is_known_of_them(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &set, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_err err;
    static const char *const instances[] = {"2.25.101", "2.25.102", "2.25.103"};
    begin_report(&w, "Of Interest", "SEPARATE");
    yq_writer_begin_sequence(&w, 0x0040a375);
    yq_writer_begin_item(&w);
    yq_writer_begin_sequence(&w, 0x00081115);
    yq_writer_begin_item(&w);
    yq_writer_begin_sequence(&w, 0x00081199);
    for (size_t i = 3; i-- > 1;) {
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00081155, "UI", instances[i]);
        yq_writer_end_item(&w);
    }
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x0020000e, "UI", "2.25.8");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x0020000d, "UI", "2.25.7");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_begin_sequence(&w, 0x0040a730);
    for (size_t i = 0; i < 2; i++) { /* the first is in no evidence; the second has a state */
        yq_writer_begin_item(&w);
        yq_writer_begin_sequence(&w, 0x00081199);
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2");
        yq_writer_put_text(&w, 0x00081155, "UI", instances[i]);
        yq_writer_put_text(&w, 0x00081160, "IS", "5\\7");
        if (i) {
            yq_writer_begin_sequence(&w, 0x00081199);
            yq_writer_begin_item(&w);
            yq_writer_put_text(&w, 0x00081155, "UI", instances[2]);
            yq_writer_end_item(&w);
            yq_writer_end_sequence(&w);
        }
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
        yq_writer_put_text(&w, 0x0040a010, "CS", "CONTAINS");
        yq_writer_put_text(&w, 0x0040a040, "CS", "IMAGE");
        yq_writer_end_item(&w);
    }
    yq_writer_end_sequence(&w);
    char *page = print(&set, true, "utf-8", &err);
    assert_non_null(page);
    has(page, "<a href=\"wado?requestType=WADO&amp;objectUID=2.25.101&amp;frameNumber=5\"><img "
              "loading=\"lazy\" alt=\"\" "
              "src=\"wado?requestType=WADO&amp;objectUID=2.25.101&amp;frameNumber=5&amp;"
              "contentType=image/jpeg&amp;rows=192&amp;columns=192\"></a>");
    has(page,
        "<a href=\"wado?requestType=WADO&amp;studyUID=2.25.7&amp;seriesUID=2.25.8&amp;objectUID="
        "2.25.102&amp;frameNumber=5&amp;presentationUID=2.25.103&amp;presentationSeriesUID="
        "2.25.8\">CT Image</a> · 帧 <span class=\"e\" lang=\"en\">frame</span> 5, 7");
    free(page);
}

static void continuous_text_is_one(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &set, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_err err;
    begin_report(&w, "Report", "CONTINUOUS");
    yq_writer_begin_sequence(&w, 0x0040a730);
    put_text_item(&w, "1", "Words", "A mass of");
    put_number_item(&w, "Diameter", "3", "cm");
    put_text_item(&w, "1", "Words", "was found.");
    yq_writer_end_sequence(&w);
    char *page = print(&set, true, "utf-8", &err);
    assert_non_null(page);
    has(page, "<div class=\"t\"><div class=\"i\" id=\"c1.1\"><span class=\"v\">A mass "
              "of</span></div> <div class=\"i\" id=\"c1.2\"><span class=\"v\">3 cm</span></div> "
              "<div class=\"i\" id=\"c1.3\"><span class=\"v\">was found.</span></div> </div>");
    free(page);
}

/* Not through the reader, which bounds depth itself. */
static void depth_has_a_bound(void **state)
{
    (void)state;
    enum { DEPTH = 8000 };
    static struct yq_item items[DEPTH];
    static struct yq_data elements[DEPTH][2];
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    for (size_t i = 0; i < DEPTH; i++) {
        elements[i][0] = (struct yq_data){
            .tag = 0x0040a040, .vr = "CS", .bytes = (const uint8_t *)"CONTAINER", .length = 9};
        elements[i][1] = (struct yq_data){.tag = 0x0040a730,
                                          .vr = "SQ",
                                          .items = i + 1 < DEPTH ? &items[i + 1] : NULL,
                                          .item_count = i + 1 < DEPTH};
        items[i] = (struct yq_item){.elements = elements[i], .count = 2};
    }
    for (int html = 0; html < 2; html++) {
        struct yq_sr_wish wish = {.html = html, .charset = "utf-8"};
        yq_buf_clear(&out);
        assert_true(yq_sr_print(&items[0], &wish, &out, &err));
        has(yq_buf_text(&out), "nested deeper");
        assert_true(out.length < 20000);
    }
}

static void what_is_no_report(void **state)
{
    (void)state;
    struct yq_buf set yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &set, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080060, "CS", "SR");
    refused(&set, true, "utf-8", YQ_ABSENT);
}

/* ---- values, character sets ---- */

static void formed(void (*form)(const char *, struct yq_buf *), const char *value,
                   const char *expected)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    form(value, &out);
    assert_string_equal(yq_buf_text(&out), expected);
}

static void values_as_people_write_them(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    formed(yq_form_date, "20260301", "2026-03-01");
    formed(yq_form_date, "2026.03.01", "2026.03.01");
    formed(yq_form_date, "", "");
    formed(yq_form_time, "081501.123456", "08:15:01");
    formed(yq_form_time, "0815", "08:15");
    formed(yq_form_time, "8", "8");
    formed(yq_form_datetime, "20010213184746.5+0100", "2001-02-13 18:47:46 +0100");
    formed(yq_form_datetime, "20010213", "2001-02-13");
    formed(yq_form_datetime, "2001", "2001");
    formed(yq_form_person, "Zhang^Wei=张^伟", "张伟 Zhang Wei");
    formed(yq_form_person, "Zhang^Wei=", "Zhang Wei");
    formed(yq_form_person, "张^伟", "张伟");
    formed(yq_form_person, "=张^伟", "张伟");
    formed(yq_form_person, "==ちょう^い", "ちょうい");
    formed(yq_form_person, " Adams ^John Robert^Quincy^Rev.^B.A.",
           "Adams John Robert Quincy, Rev., B.A.");
    formed(yq_form_person, "Müller^Jörg", "Müller Jörg");
    formed(yq_form_person, "", "");
    formed(yq_form_person, "^^^^=^^=", "");
    assert_true(yq_form_age("045Y", true, &out) && yq_form_age("006M", false, &out) &&
                yq_form_age("000D", true, &out));
    assert_false(yq_form_age("45", true, &out) || yq_form_age("", true, &out) ||
                 yq_form_age("0045Y", true, &out) || yq_form_age("Y", true, &out));
    assert_string_equal(yq_buf_text(&out), "45岁6 m0天");
}

static void chosen(const char *list, const char *expected)
{
    const char *set = yq_form_charset(list);
    if (expected)
        assert_string_equal(set, expected);
    else
        assert_null(set);
}

static void character_sets_are_chosen_by_weight(void **state)
{
    (void)state;
    chosen(NULL, "utf-8");
    chosen("", "utf-8");
    chosen("UTF-8", "utf-8");
    chosen("GB18030", "gb18030");
    chosen("gb2312;q=0.5, utf-8;q=0.7", "utf-8");
    chosen("utf-8; q=0.2,gbk", "gbk");
    chosen("ebcdic, *;q=0.1", "utf-8");
    chosen("ebcdic", NULL);
    chosen("utf-8;q=0", NULL);
    chosen(",,;", NULL);
    chosen("ISO_IR 100", "iso-8859-1");
    chosen("6", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_as_plain_text),
        cmocka_unit_test(what_a_report_says_is_found),
        cmocka_unit_test(a_report_as_a_page),
        cmocka_unit_test(character_sets_that_lack_something),
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(images_are_linked_with_what_is_known_of_them),
        cmocka_unit_test(continuous_text_is_one),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(what_is_no_report),
        cmocka_unit_test(values_as_people_write_them),
        cmocka_unit_test(character_sets_are_chosen_by_weight),
    };
    yq_dcm_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    yq_dcm_fini();
    return failed;
}
