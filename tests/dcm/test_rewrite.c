/* test_rewrite.c: an object with coerced values: what is replaced, what stays byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/file.h"

static const struct yq_replacement institution = {0x00080080, "LO", "East"};

static int rewrite(int fd, const struct yq_replacement *new, size_t count)
{
    struct yq_rewriting what = {new, count, "CT1", "YINGQIAO", 1772352000000, ""};
    struct yq_err err = {0};
    int out = empty_file();
    if (!yq_dcm_rewrite(fd, &what, out, &err))
        fail_msg("%s", err.text);
    return out;
}

/* Everything of a file behind its meta information. */
static void dataset_of(int fd, struct yq_buf *out)
{
    struct yq_part10 about;
    struct yq_err err;
    struct stat info;
    size_t got;
    assert_true(yq_part10_read(fd, &about, &err));
    assert_int_equal(fstat(fd, &info), 0);
    size_t length = (size_t)info.st_size - about.dataset_offset;
    uint8_t *room = yq_buf_room(out, length);
    assert_non_null(room);
    assert_true(yq_read_at(fd, room, length, about.dataset_offset, &got, &err));
    assert_int_equal(got, length);
}

static void put_item(struct yq_writer *w)
{
    yq_writer_begin_item(w);
    yq_writer_begin_sequence(w, 0x04000550);
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00080080, "LO", "");
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_put_text(w, 0x04000562, "DT", "20260301080000+0000");
    yq_writer_put_text(w, 0x04000563, "LO", "YINGQIAO");
    yq_writer_put_text(w, 0x04000564, "LO", "CT1");
    yq_writer_put_text(w, 0x04000565, "CS", "COERCE");
    yq_writer_end_item(w);
}

/* The sample's head with an institution put in, and what follows the head. */
static void expect(struct yq_buf *out, enum yq_layout layout, const struct yq_buf *originals)
{
    struct yq_buf head = {0}, all = {0};
    struct yq_writer w = {.out = &head, .layout = layout};
    yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(&w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put_text(&w, 0x00080018, "UI", SAMPLE_INSTANCE);
    yq_writer_put_text(&w, 0x00080020, "DA", "20240229");
    yq_writer_put_text(&w, 0x00080060, "CS", "OT");
    size_t place = head.length;
    yq_writer_put_text(&w, 0x00100010, "PN", "Shu^Shan=蜀^山");
    yq_writer_put_text(&w, 0x00100020, "LO", "P1");
    yq_writer_put_text(&w, 0x0020000d, "UI", SAMPLE_STUDY);
    yq_writer_put_text(&w, 0x0020000e, "UI", SAMPLE_SERIES);
    w.out = &all;
    yq_buf_put(&all, head.bytes, place);
    yq_writer_put_text(&w, 0x00080080, "LO", "East");
    yq_buf_put(&all, head.bytes + place, head.length - place);
    yq_buf_put(&all, originals->bytes, originals->length);
    yq_buf_put(out, all.bytes, all.length);
    yq_buf_fini(&head);
    yq_buf_fini(&all);
}

static void nothing_else_is_touched(void **state)
{
    (void)state;
    for (enum yq_layout layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf originals = {0}, want = {0}, got = {0};
        struct yq_writer w = {.out = &originals, .layout = layout};
        yq_writer_begin_sequence(&w, 0x04000561);
        put_item(&w);
        yq_writer_end_sequence(&w);
        expect(&want, layout, &originals);
        int fd = sample_file(layout, &(struct sample){0});
        int out = rewrite(fd, &institution, 1);
        dataset_of(out, &got);
        assert_int_equal(got.length, want.length);
        assert_memory_equal(got.bytes, want.bytes, want.length);
        close(fd);
        close(out);
        yq_buf_fini(&originals);
        yq_buf_fini(&want);
        yq_buf_fini(&got);
    }
}

static void a_group_length_that_would_be_wrong_goes(void **state)
{
    (void)state;
    struct yq_buf dataset = {0}, got = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080000, "UL", "100");
    put_head(&w);
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE), out = rewrite(fd, &institution, 1);
    dataset_of(out, &got);
    assert_memory_equal(got.bytes, "\x08\0\x05\0", 4);
    close(fd);
    close(out);
    yq_buf_fini(&dataset);
    yq_buf_fini(&got);
}

/* What stands twice is replaced once, and what is out of order is found. */
static void one_value_stands_where_several_did(void **state)
{
    (void)state;
    static const struct yq_replacement id = {0x00100020, "LO", "NEW"};
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    yq_writer_put_text(&w, 0x00100020, "LO", "P2");
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE), out = rewrite(fd, &id, 1);
    struct yq_part10 about;
    struct yq_err err;
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_element element;
    int found = 0;
    assert_true(yq_part10_read(out, &about, &err));
    assert_true(yq_scan_open_fd(out, about.dataset_offset, YQ_TS_EXPLICIT_LE, &scan, &err));
    while (yq_scan_next(scan, &element, &err))
        found += element.depth == 0 && element.tag == 0x00100020;
    assert_int_equal(err.code, YQ_OK);
    assert_int_equal(found, 1);
    close(fd);
    close(out);
    yq_buf_fini(&dataset);
}

/* A value its label cannot hold: all text in UTF-8, lengths of sequences no longer stated, text
 * within UN of undefined length (implicit VR) too. */
static void text_is_converted_at_every_depth(void **state)
{
    (void)state;
    static const struct yq_replacement chinese = {0x00080080, "LO", "影桥"};
    static const uint8_t items[] =
        {
            0x40, 0x00, 0x75, 0x02, 'S',  'Q',  0,    0,    24,   0,    0,    0, /* a sequence of 24
                                                                                    bytes */
            0xfe, 0xff, 0x00, 0xe0, 16,   0,    0,    0,                         /* an item of 16 */
            0x40, 0x00, 0x07, 0x00, 'L',  'O',  8,    0,    'G',  'r',  0xf6, 0xdf, 'e',
            '1',  ' ',  ' ',  0x40, 0x00, 0x55, 0x05, 'U',  'N',  0,    0,    0xff, 0xff,
            0xff, 0xff, /* UN, so implicit VR */
            0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff, 0x08, 0x00, 0x04, 0x01, 4,
            0,    0,    0,    'F',  0xfc, 'r',  ' ',  0xfe, 0xff, 0x0d, 0xe0, 0,    0,
            0,    0,    0xfe, 0xff, 0xdd, 0xe0, 0,    0,    0,    0};
    struct yq_buf dataset = {0}, got = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 100");
    yq_writer_put_text(&w, 0x00100020, "LO", "P1");
    yq_buf_put(&dataset, items, sizeof items);
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE), out = rewrite(fd, &chinese, 1);
    dataset_of(out, &got);
    assert_non_null(memmem(got.bytes, got.length, "LO\x0a\0Größe1  ", 14));
    assert_non_null(memmem(got.bytes, got.length, "\4\1\6\0\0\0Für  ", 12));
    assert_non_null(
        memmem(got.bytes, got.length, "SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff", 16));
    assert_non_null(memmem(got.bytes, got.length, "\x50\x05SQ\0\0", 6)); /* Modified Attributes */
    assert_non_null(memmem(got.bytes, got.length, "CS\x0a\0ISO_IR 100", 14)); /* as it was */
    close(fd);
    close(out);
    yq_buf_fini(&dataset);
    yq_buf_fini(&got);
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_rewriting what = {&institution, 1, "", "Y", 0, ""};
    struct yq_err err = {0};
    put_head(&w);
    dataset.length -= 3;
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE), out = empty_file();
    assert_false(yq_dcm_rewrite(fd, &what, out, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    close(fd);
    close(out);
    yq_buf_fini(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_else_is_touched),
        cmocka_unit_test(a_group_length_that_would_be_wrong_goes),
        cmocka_unit_test(one_value_stands_where_several_did),
        cmocka_unit_test(text_is_converted_at_every_depth),
        cmocka_unit_test(what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
