/* test_header.c: what the catalog learns of an instance, and what it refuses to learn from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/recast.h"

static bool read_dataset(const struct yq_buf *dataset, const char *syntax, const char *assume,
                         struct yq_header *header, struct yq_err *err)
{
    int fd = file_of(dataset->bytes, dataset->length);
    bool fine = yq_dcm_read_header(fd, 0, syntax, assume, header, err);
    close(fd);
    return fine;
}

static void put_full(struct yq_writer *w)
{
    put_head(w);
    yq_writer_put_text(w, 0x00200013, "IS", " 7 ");
    yq_writer_put_text(w, 0x00280010, "US", "300");
    yq_writer_begin_sequence(w, 0x0040a043);
    for (int i = 0; i < 2; i++) {
        yq_writer_begin_item(w);
        yq_writer_put_text(w, 0x00080100, "SH", i ? "second" : "first");
        yq_writer_end_item(w);
    }
    yq_writer_end_sequence(w);
    yq_writer_begin_sequence(w, 0x0040a730); /* names deeper down are not ours */
    yq_writer_begin_item(w);
    yq_writer_begin_sequence(w, 0x0040a043);
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00080102, "SH", "deeper");
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
}

static void check_full(const struct yq_header *h)
{
    assert_string_equal(h->key.study, SAMPLE_STUDY);
    assert_string_equal(h->key.series, SAMPLE_SERIES);
    assert_string_equal(h->key.instance, SAMPLE_INSTANCE);
    assert_string_equal(h->sop_class, SAMPLE_CLASS);
    assert_string_equal(h->charset, "ISO_IR 192");
    assert_false(h->charset_doubtful);
    assert_string_equal(h->values[YQ_PatientName], "Shu^Shan=蜀^山");
    assert_string_equal(h->values[YQ_InstanceNumber], "7");
    assert_string_equal(h->values[YQ_Rows], "300");
    assert_string_equal(h->values[YQ_ConceptNameCodeValue], "first");
    assert_null(h->values[YQ_ConceptNameCodingScheme]);
    assert_null(h->values[YQ_AccessionNumber]);
}

static void every_layout_gives_the_same_header(void **state)
{
    (void)state;
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf dataset = {0};
        struct yq_writer w = {.out = &dataset, .layout = (enum yq_layout)layout};
        put_full(&w);
        struct yq_header header;
        struct yq_err err = {0};
        assert_true(read_dataset(&dataset, syntax_of((enum yq_layout)layout), "", &header, &err));
        check_full(&header);
        yq_header_fini(&header);
        yq_buf_fini(&dataset);
    }
}

static void deflated_is_read_too_and_missed_when_cut(void **state)
{
    (void)state;
    int plain = sample_file(
        YQ_LAYOUT_EXPLICIT_LE,
        &(struct sample){.rows = 64, .columns = 64, .frames = 1, .samples = 1, .bits = 16});
    int out = empty_file();
    struct yq_err err = {0};
    struct yq_part10 part10;
    struct yq_header header;
    assert_true(
        yq_recast(&(struct yq_recasting){.fd = plain, .out_fd = out, .to = YQ_TS_DEFLATED}, &err));
    assert_true(yq_part10_read(out, &part10, &err));
    assert_string_equal(part10.transfer_syntax, YQ_TS_DEFLATED);
    assert_true(yq_dcm_read_header(out, part10.dataset_offset, YQ_TS_DEFLATED, "", &header, &err));
    assert_string_equal(header.values[YQ_PatientName], "Shu^Shan=蜀^山");
    yq_header_fini(&header);
    assert_int_equal(ftruncate(out, lseek(out, 0, SEEK_END) - 100), 0);
    assert_false(yq_dcm_read_header(out, part10.dataset_offset, YQ_TS_DEFLATED, "", &header, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    close(plain);
    close(out);
}

/* Zeros before the pixels that come out of next to nothing are not waited for. */
static void what_a_header_inflates_to_is_bounded(void **state)
{
    (void)state;
    enum { MUCH = 40 << 20 };
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_part10 about;
    struct yq_header header;
    struct yq_err err = {0};
    put_head(&w);
    yq_buf_put(&dataset, "\x21\0\x10\x10OB\0\0", 8);
    yq_buf_put_le32(&dataset, MUCH);
    assert_non_null(yq_buf_room(&dataset, MUCH));
    int plain = file_with(&dataset, YQ_TS_EXPLICIT_LE), packed = empty_file();
    assert_true(yq_recast(
        &(struct yq_recasting){.fd = plain, .out_fd = packed, .to = YQ_TS_DEFLATED}, &err));
    assert_true(yq_part10_read(packed, &about, &err));
    assert_false(
        yq_dcm_read_header(packed, about.dataset_offset, YQ_TS_DEFLATED, "", &header, &err));
    assert_int_equal(err.code, YQ_FULL);
    close(plain);
    close(packed);
    yq_buf_fini(&dataset);
}

static void charsets_and_padding(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080008, "CS", "ORIGINAL \\ PRIMARY");
    yq_writer_put_text(&w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put_text(&w, 0x00080018, "UI", SAMPLE_INSTANCE);
    yq_writer_put(&w, 0x00080050, "SH", "A1\0\0", 4);
    yq_writer_put_text(&w, 0x00081030, "LO", "");
    yq_writer_put_text(&w, 0x00100010, "PN", "\xc9\xbd^\xb6\xab "); /* 山^东 in GBK */
    yq_writer_put_text(&w, 0x00104000, "LT", "  two\\one ");
    yq_writer_put_text(&w, 0x0020000d, "UI", SAMPLE_STUDY);
    yq_writer_put_text(&w, 0x0020000e, "UI", SAMPLE_SERIES);
    struct yq_header h;
    struct yq_err err = {0};
    assert_true(read_dataset(&dataset, YQ_TS_EXPLICIT_LE, "GB18030", &h, &err));
    assert_string_equal(h.charset, "");
    assert_string_equal(h.values[YQ_PatientName], "山^东");
    assert_string_equal(h.values[YQ_ImageType], "ORIGINAL\\PRIMARY");
    assert_string_equal(h.values[YQ_AccessionNumber], "A1");
    assert_string_equal(h.values[YQ_StudyDescription], ""); /* there, and empty */
    assert_string_equal(h.values[YQ_PatientComments], "  two\\one");
    yq_header_fini(&h);
    /* Out of order, its charset still counts; of two names the first does. */
    yq_writer_put_text(&w, 0x00080005, "CS", "GBK");
    yq_writer_put_text(&w, 0x00100010, "PN", "second");
    assert_true(read_dataset(&dataset, YQ_TS_EXPLICIT_LE, "", &h, &err));
    assert_string_equal(h.charset, "GBK");
    assert_string_equal(h.values[YQ_PatientName], "山^东");
    yq_header_fini(&h);
    yq_buf_fini(&dataset);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t tag;
        const char *says;
    } cases[] = {
        {0x00080016, "the dataset has no SOP Class UID (0008,0016)"},
        {0x00080018, "the dataset has no SOP Instance UID (0008,0018)"},
        {0x0020000d, "the dataset has no Study Instance UID (0020,000D)"},
        {0x0020000e, "the dataset has no Series Instance UID (0020,000E)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_buf dataset = {0};
        struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
        for (size_t j = 0; j < sizeof cases / sizeof *cases; j++)
            yq_writer_put_text(&w, cases[j].tag, "UI", i == j ? "" : "2.25.1");
        struct yq_header h;
        struct yq_err err = {0};
        assert_false(read_dataset(&dataset, YQ_TS_EXPLICIT_LE, "", &h, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_string_equal(err.text, cases[i].says);
        assert_null(h.text.bytes);
        yq_buf_fini(&dataset);
    }
}

static void pixels_that_are_cut_off_make_no_object(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    struct yq_header h;
    struct yq_err err = {0};
    make_dataset(&dataset, YQ_LAYOUT_EXPLICIT_LE,
                 &(struct sample){.rows = 8, .columns = 8, .frames = 1, .samples = 1, .bits = 8});
    assert_true(read_dataset(&dataset, YQ_TS_EXPLICIT_LE, "", &h, &err));
    yq_header_fini(&h);
    dataset.length--;
    assert_false(read_dataset(&dataset, YQ_TS_EXPLICIT_LE, "", &h, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_string_equal(err.text, "the dataset is cut off at tag (7FE0,0010)");

    /* In fragments: the end of the last one is missing. */
    yq_buf_clear(&dataset);
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    yq_buf_put(&dataset, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
    yq_buf_put(&dataset, "\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\4\0\0\0abcd", 20);
    assert_false(read_dataset(&dataset, YQ_TS_JPEG_BASELINE, "", &h, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    yq_buf_put(&dataset, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    assert_true(read_dataset(&dataset, YQ_TS_JPEG_BASELINE, "", &h, &err));
    yq_header_fini(&h);
    yq_buf_fini(&dataset);
}

static void values_without_end_are_bounded(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_IMPLICIT_LE};
    char *text = malloc(1 << 20);
    memset(text, 'x', 1 << 20);
    put_head(&w);
    yq_writer_put(&w, 0x00204000, "LT", text, 1 << 20);
    struct yq_header h;
    struct yq_err err = {0};
    assert_true(read_dataset(&dataset, YQ_TS_IMPLICIT_LE, "", &h, &err));
    assert_int_equal(strlen(h.values[YQ_ImageComments]), 16 * 1024);
    yq_header_fini(&h);
    yq_buf_clear(&dataset);
    yq_writer_put(&w, 0x0020000d, "UI", text, 66);
    yq_writer_put_text(&w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put_text(&w, 0x00080018, "UI", SAMPLE_INSTANCE);
    yq_writer_put_text(&w, 0x0020000e, "UI", SAMPLE_SERIES);
    assert_false(read_dataset(&dataset, YQ_TS_IMPLICIT_LE, "", &h, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    free(text);
    yq_buf_fini(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_gives_the_same_header),
        cmocka_unit_test(deflated_is_read_too_and_missed_when_cut),
        cmocka_unit_test(what_a_header_inflates_to_is_bounded),
        cmocka_unit_test(charsets_and_padding),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(pixels_that_are_cut_off_make_no_object),
        cmocka_unit_test(values_without_end_are_bounded),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
