/* test_recast.c: an object in another layout, with other values, with other pixels. */
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
#include "yq/recast.h"

enum { LAYOUTS = 4 };

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
    assert_true(room || !length);
    assert_true(yq_read_at(fd, room, length, about.dataset_offset, &got, &err));
    assert_int_equal(got, length);
}

static int recast(const struct yq_recasting *how)
{
    struct yq_recasting all = *how;
    struct yq_err err = {0};
    all.out_fd = empty_file();
    if (!yq_recast(&all, &err))
        fail_msg("to %s: %s", how->to ? how->to : "itself", err.text);
    return all.out_fd;
}

static int to_layout(int fd, enum yq_layout layout)
{
    return recast(&(struct yq_recasting){.fd = fd, .to = syntax_of(layout)});
}

static void same_dataset(int fd, const struct yq_buf *expected)
{
    struct yq_buf got = {0};
    dataset_of(fd, &got);
    assert_int_equal(got.length, expected->length);
    assert_memory_equal(got.bytes, expected->bytes, expected->length);
    yq_buf_fini(&got);
}

/* A number of `size` bytes counting up, in the layout's order. */
static void put_cells(struct yq_writer *w, uint32_t tag, const char *vr, size_t count,
                      unsigned size)
{
    struct yq_buf value = {0};
    for (size_t i = 0; i < count; i++)
        for (unsigned b = 0; b < size; b++) {
            unsigned place = w->layout == YQ_LAYOUT_EXPLICIT_BE ? size - 1 - b : b;
            yq_buf_put(&value, &(uint8_t){(uint8_t)(i * 3 + 17 * place + 1)}, 1);
        }
    yq_writer_put(w, tag, vr, value.bytes, value.length);
    yq_buf_fini(&value);
}

/* Every VR, sequences in sequences, private blocks, an icon, pixels; canonical as recast writes. */
static void make_rich(struct yq_buf *out, enum yq_layout layout, bool is_signed)
{
    struct yq_writer w = {.out = out, .layout = layout};
    put_head(&w);
    yq_writer_begin_sequence(&w, 0x00081140);
    for (int i = 0; i < 3; i++) {
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00081150, "UI", "1.2.3");
        yq_writer_begin_sequence(&w, 0x0040a170);
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00080100, "SH", "121320");
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
        yq_writer_end_item(&w);
    }
    yq_writer_end_sequence(&w);
    put_cells(&w, 0x00081161, "UL", 3, 4);
    put_cells(&w, 0x00186020, "SL", 1, 4);
    put_cells(&w, 0x0018602a, "FD", 2, 8);
    yq_writer_put_text(&w, 0x00280009, "AT", "00181063");
    put_image_module(&w, &(struct sample){4, 6, 2, 1, 16, 12, is_signed, false, NULL, false});
    put_cells(&w, 0x00280106, is_signed ? "SS" : "US", 1, 2);
    yq_writer_put_text(&w, 0x00290010, "LO", "SOMEONE NOT KNOWN");
    yq_writer_put(&w, 0x00291001, "UN", "abcdef", 6);
    put_cells(&w, 0x00660016, "OF", 5, 4);
    put_cells(&w, 0x00660023, "OW", 100000, 2);
    yq_writer_begin_sequence(&w, 0x00880200);
    yq_writer_end_sequence(&w);
    put_cells(&w, 0x7fe00010, "OW", 48, 2);
    yq_writer_put(&w, 0xfffcfffc, "OB", "\0\0\0", 4);
    assert_false(out->failed);
}

static void each_layout_becomes_each_other(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++)
        for (int from = 0; from < LAYOUTS; from++)
            for (int to = 0; to < LAYOUTS; to++) {
                bool deflated = from == YQ_LAYOUT_DEFLATED;
                struct yq_buf source = {0}, expected = {0};
                make_rich(&source, deflated ? YQ_LAYOUT_EXPLICIT_LE : (enum yq_layout)from,
                          is_signed);
                make_rich(&expected,
                          to == YQ_LAYOUT_DEFLATED ? YQ_LAYOUT_EXPLICIT_LE : (enum yq_layout)to,
                          is_signed);
                int fd = file_with(
                    &source, syntax_of(deflated ? YQ_LAYOUT_EXPLICIT_LE : (enum yq_layout)from));
                if (deflated) {
                    int packed = to_layout(fd, YQ_LAYOUT_DEFLATED);
                    close(fd);
                    fd = packed;
                }
                int second = to_layout(fd, (enum yq_layout)to);
                if (to == YQ_LAYOUT_DEFLATED) {
                    int plain = to_layout(second, YQ_LAYOUT_EXPLICIT_LE);
                    close(second);
                    second = plain;
                }
                same_dataset(second, &expected);
                close(fd);
                close(second);
                yq_buf_fini(&source);
                yq_buf_fini(&expected);
            }
}

/* Lengths that are stated, odd ones, group lengths, values too long for their VR. */
static void what_devices_write_becomes_regular(void **state)
{
    (void)state;
    struct yq_buf source = {0}, expected = {0};
    yq_buf_put(&source, "\x08\0\0\0\4\0\0\0\t\t\t\t", 12);  /* group length */
    yq_buf_put(&source, "\x08\0\x16\0\3\0\0\0001.2", 11);   /* odd */
    yq_buf_put(&source, "\x08\0\x40\x11\x1b\0\0\0", 8);     /* lengths stated: */
    yq_buf_put(&source, "\xfe\xff\0\xe0\x13\0\0\0", 8);     /* one item of 19 */
    yq_buf_put(&source, "\x08\0\x50\x11\3\0\0\0004.5", 11); /* bytes */
    yq_buf_put(&source, "\x08\0\x55\x11\0\0\0\0", 8);
    yq_buf_put_le16(&source, 0x0010);
    yq_buf_put_le16(&source, 0x4000);
    yq_buf_put_le32(&source, 70000);
    memset(yq_buf_room(&source, 70000), 'c', 70000);
    struct yq_writer w = {.out = &expected, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080016, "UI", "1.2");
    yq_writer_begin_sequence(&w, 0x00081140);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00081150, "UI", "4.5");
    yq_writer_put_text(&w, 0x00081155, "UI", "");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put(&w, 0x00104000, "UN", source.bytes + source.length - 70000, 70000);
    int fd = file_with(&source, YQ_TS_IMPLICIT_LE);
    int made = to_layout(fd, YQ_LAYOUT_EXPLICIT_LE);
    same_dataset(made, &expected);
    close(fd);
    close(made);
    yq_buf_fini(&source);
    yq_buf_fini(&expected);
}

static void the_callers_elements_are_merged_in(void **state)
{
    (void)state;
    struct yq_buf source = {0}, expected = {0}, edits = {0};
    struct yq_writer w = {.out = &edits, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00080018, "UI", "2.25.77");
    yq_writer_put_text(&w, 0x00080080, "LO", "East");
    yq_writer_begin_sequence(&w, 0x00082112);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00081155, "UI", "2.25.78");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x00280010, "US", "4");
    const uint32_t removed[] = {0x00080060, 0x00100020, 0x00990099};
    static const struct sample sample = {4, 6, 1, 1, 8, 0, false, false, NULL, false};
    make_dataset(&source, YQ_LAYOUT_EXPLICIT_LE, &sample);
    w = (struct yq_writer){.out = &expected, .layout = YQ_LAYOUT_EXPLICIT_BE};
    yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(&w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put_text(&w, 0x00080018, "UI", "2.25.77");
    yq_writer_put_text(&w, 0x00080020, "DA", "20240229");
    yq_writer_put_text(&w, 0x00080080, "LO", "East");
    yq_writer_begin_sequence(&w, 0x00082112);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00081155, "UI", "2.25.78");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x00100010, "PN", "Shu^Shan=蜀^山");
    yq_writer_put_text(&w, 0x0020000d, "UI", SAMPLE_STUDY);
    yq_writer_put_text(&w, 0x0020000e, "UI", SAMPLE_SERIES);
    put_image_module(&w, &sample);
    struct yq_buf pixels = {0};
    make_pixels(&pixels, &sample);
    yq_writer_put(&w, 0x7fe00010, "OB", pixels.bytes, pixels.length);
    int fd = file_with(&source, YQ_TS_EXPLICIT_LE);
    int made = recast(&(struct yq_recasting){.fd = fd,
                                             .to = YQ_TS_EXPLICIT_BE,
                                             .edits = &edits,
                                             .removed = removed,
                                             .removed_count = 3});
    same_dataset(made, &expected);
    struct yq_part10 about;
    struct yq_err err;
    assert_true(yq_part10_read(made, &about, &err));
    assert_string_equal(about.sop_instance, "2.25.77");
    assert_string_equal(about.transfer_syntax, YQ_TS_EXPLICIT_BE);
    close(fd);
    close(made);
    yq_buf_fini(&pixels);
    yq_buf_fini(&source);
    yq_buf_fini(&expected);
    yq_buf_fini(&edits);
}

static void put_judged_source(struct yq_writer *w)
{
    yq_writer_put_text(w, 0x00080060, "CS", "CT");
    yq_writer_begin_sequence(w, 0x00081140); /* dropped */
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00081155, "UI", "1.1");
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_begin_sequence(w, 0x00082112); /* emptied */
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00081155, "UI", "1.2");
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_put_text(w, 0x00100010, "PN", "A^B");
    yq_writer_begin_sequence(w, 0x0040a730); /* walked into */
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00290011, "LO", "MADE UP");
    yq_writer_put(w, 0x00291101, "US", w->layout == YQ_LAYOUT_EXPLICIT_BE ? "\1\2" : "\2\1", 2);
    yq_writer_put_text(w, 0x0040a160, "UT", "text");
    yq_writer_end_item(w);
    yq_writer_begin_item(w);
    yq_writer_put(w, 0x00291101, "US", w->layout == YQ_LAYOUT_EXPLICIT_BE ? "\1\2" : "\2\1", 2);
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_put_text(w, 0x00420010, "ST", "gone");
}

static enum yq_fate judge(void *context, struct yq_recast *r, const struct yq_recast_at *at,
                          struct yq_buf *value, struct yq_err *err)
{
    unsigned *asked = context;
    const uint8_t *bytes;
    size_t length;
    ++*asked;
    switch (at->element->tag) {
    case 0x00081140: return YQ_FATE_DROP;
    case 0x00082112:
    case 0x00420010: return YQ_FATE_EMPTY;
    case 0x00081155: fail_msg("asked about what was dropped"); return YQ_FATE_FAIL;
    case 0x00100010:
        assert_true(yq_recast_value(r, 2, &bytes, &length, err));
        assert_int_equal(length, 2);
        assert_true(yq_recast_value(r, 100, &bytes, &length, err));
        assert_int_equal(length, 4);
        assert_memory_equal(bytes, "A^B ", 4);
        yq_buf_puts(value, "NEW");
        return YQ_FATE_REPLACE;
    case 0x00291101:
        assert_int_equal(at->element->depth, 1);
        assert_int_equal(at->path[0], 0x0040a730);
        assert_string_equal(at->creator, at->element->item == 0 ? "MADE UP" : "");
        assert_true(yq_recast_value(r, 2, &bytes, &length, err));
        assert_memory_equal(bytes, "\2\1", 2);
        if (at->element->item == 0)
            return YQ_FATE_KEEP;
        yq_buf_put(value, "\4\3", 2);
        return YQ_FATE_REPLACE;
    default: return YQ_FATE_KEEP;
    }
}

static void a_judge_decides_about_each_element(void **state)
{
    (void)state;
    for (int layout = YQ_LAYOUT_EXPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf source = {0}, expected = {0};
        struct yq_writer w = {.out = &source, .layout = (enum yq_layout)layout};
        put_judged_source(&w);
        int fd = file_with(&source, syntax_of((enum yq_layout)layout));
        unsigned asked = 0;
        int made = recast(&(struct yq_recasting){.fd = fd, .judge = judge, .context = &asked});
        assert_int_equal(asked, 10);
        w.out = &expected;
        yq_writer_put_text(&w, 0x00080060, "CS", "CT");
        yq_writer_begin_sequence(&w, 0x00082112);
        yq_writer_end_sequence(&w);
        yq_writer_put_text(&w, 0x00100010, "PN", "NEW");
        yq_writer_begin_sequence(&w, 0x0040a730);
        yq_writer_begin_item(&w);
        bool big = layout == YQ_LAYOUT_EXPLICIT_BE;
        yq_writer_put_text(&w, 0x00290011, "LO", "MADE UP");
        yq_writer_put(&w, 0x00291101, "US", big ? "\1\2" : "\2\1", 2);
        yq_writer_put_text(&w, 0x0040a160, "UT", "text");
        yq_writer_end_item(&w);
        yq_writer_begin_item(&w);
        yq_writer_put(&w, 0x00291101, "US", big ? "\3\4" : "\4\3", 2);
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
        yq_writer_put_text(&w, 0x00420010, "ST", "");
        same_dataset(made, &expected);
        close(fd);
        close(made);
        yq_buf_fini(&source);
        yq_buf_fini(&expected);
    }
}

/* Frames of odd lengths in fragments, then read back by their offset table. */
static void frames_are_given_one_by_one(void **state)
{
    (void)state;
    static const struct sample sample = {4, 6, 3, 1, 8, 0, false, false, NULL, false};
    int fd = sample_file(YQ_LAYOUT_IMPLICIT_LE, &sample), out = empty_file();
    struct yq_recasting how = {.fd = fd, .out_fd = out, .to = YQ_TS_JPEGLS_LOSSLESS};
    struct yq_recast_pixels pixels = {.frames = 3, .bits_allocated = 8, .frame_bits = 24 * 8};
    struct yq_recast *recast = NULL;
    struct yq_err err = {0};
    assert_true(yq_recast_begin(&how, &pixels, &recast, &err));
    for (unsigned i = 0; i < 3; i++)
        assert_true(yq_recast_frame(recast, "abcdefg", 3 + 2 * i, &err));
    assert_false(yq_recast_frame(recast, "x", 1, &err)); /* there are three */
    yq_recast_free(recast);
    assert_int_equal(lseek(out, 0, SEEK_SET), 0);
    assert_int_equal(ftruncate(out, 0), 0);
    assert_true(yq_recast_begin(&how, &pixels, &recast, &err));
    for (unsigned i = 0; i < 3; i++)
        assert_true(yq_recast_frame(recast, "abcdefg", 3 + 2 * i, &err));
    assert_true(yq_recast_end(recast, &err));
    yq_recast_free(recast);

    struct yq_buf expected = {0};
    struct yq_writer w = {.out = &expected, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    put_image_module(&w, &sample);
    yq_buf_put(&expected, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
    yq_buf_put(&expected, "\xfe\xff\0\xe0\x0c\0\0\0\0\0\0\0\x0c\0\0\0\x1a\0\0\0", 20);
    for (unsigned i = 0; i < 3; i++) {
        yq_buf_put(&expected, "\xfe\xff\0\xe0", 4);
        yq_buf_put_le32(&expected, 4 + 2 * i);
        yq_buf_put(&expected, "abcdefg", 3 + 2 * i);
        yq_buf_put(&expected, "", 1);
    }
    yq_buf_put(&expected, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    same_dataset(out, &expected);
    close(fd);
    close(out);
    yq_buf_fini(&expected);
}

/* Nine bits a frame: they share bytes. */
static void frames_of_single_bits_share_bytes(void **state)
{
    (void)state;
    static const struct sample sample = {3, 3, 5, 1, 1, 0, false, false, NULL, false};
    for (int layout = 0; layout < LAYOUTS; layout++) {
        int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &sample), out = empty_file();
        struct yq_recasting how = {
            .fd = fd, .out_fd = out, .to = syntax_of((enum yq_layout)layout)};
        struct yq_recast_pixels pixels = {.frames = 5, .bits_allocated = 1, .frame_bits = 9};
        struct yq_recast *recast = NULL;
        struct yq_err err = {0};
        assert_true(yq_recast_begin(&how, &pixels, &recast, &err));
        for (unsigned i = 0; i < 5; i++) {
            struct yq_frame frame;
            assert_true(yq_dcm_read_frame(fd, i, 100, &frame, &err));
            if (!yq_recast_frame(recast, frame.pixels.bytes, frame.pixels.length, &err))
                fail_msg("%s", err.text);
            yq_frame_fini(&frame);
        }
        if (!yq_recast_end(recast, &err))
            fail_msg("%s", err.text);
        yq_recast_free(recast);
        for (unsigned i = 0; i < 5; i++) {
            struct yq_frame before, after;
            assert_true(yq_dcm_read_frame(fd, i, 100, &before, &err));
            assert_true(yq_dcm_read_frame(out, i, 100, &after, &err));
            assert_int_equal(after.pixels.length, 2);
            assert_memory_equal(after.pixels.bytes, before.pixels.bytes, 2);
            yq_frame_fini(&before);
            yq_frame_fini(&after);
        }
        close(fd);
        close(out);
    }
}

static void put_icon(struct yq_writer *w, uint32_t tag, bool compressed)
{
    yq_writer_begin_sequence(w, tag);
    yq_writer_begin_item(w);
    put_image_module(w, &(struct sample){2, 2, 1, 1, 8, 0, false, false, NULL, false});
    if (compressed) {
        yq_buf_put(w->out, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0", 20);
        yq_buf_put(w->out, "\xfe\xff\0\xe0\4\0\0\0code\xfe\xff\xdd\xe0\0\0\0\0", 20);
    } else {
        yq_writer_put(w, 0x7fe00010, "OB", "icon", 4);
    }
    yq_writer_put_text(w, 0xfffcfffc, "LO", "pad");
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
}

static bool decode(struct yq_frame *frame, struct yq_err *err)
{
    assert_string_equal(frame->codestream_syntax, YQ_TS_JPEG_BASELINE);
    if (frame->pixels.length != 4 || memcmp(frame->pixels.bytes, "code", 4) != 0)
        return yq_fail(err, YQ_BAD_INPUT, "test", "this is no code");
    yq_buf_clear(&frame->pixels);
    yq_buf_puts(&frame->pixels, "icon");
    frame->codestream_syntax[0] = '\0';
    return true;
}

static void icons_become_plain_or_go(void **state)
{
    (void)state;
    for (int decodes = 0; decodes < 2; decodes++) {
        struct yq_buf source = {0}, expected = {0};
        struct yq_writer w = {.out = &source, .layout = YQ_LAYOUT_EXPLICIT_LE};
        put_head(&w);
        put_icon(&w, 0x00880200, true);
        yq_writer_put_text(&w, 0x00880904, "LO", "after");
        put_icon(&w, 0x07a310ce, true); /* some keep another in a sequence of their own */
        w.out = &expected;
        put_head(&w);
        if (decodes)
            put_icon(&w, 0x00880200, false);
        yq_writer_put_text(&w, 0x00880904, "LO", "after");
        if (decodes)
            put_icon(&w, 0x07a310ce, false);
        int fd = file_with(&source, YQ_TS_JPEG_BASELINE);
        struct yq_recasting how = {.fd = fd, .to = YQ_TS_EXPLICIT_LE};
        how.decode = decodes ? decode : NULL;
        int made = recast(&how);
        same_dataset(made, &expected);
        int same = recast(&(struct yq_recasting){.fd = fd});
        same_dataset(same, &source);
        close(fd);
        close(made);
        close(same);
        yq_buf_fini(&source);
        yq_buf_fini(&expected);
    }
}

static void pixels_are_not_put_where_they_cannot_be(void **state)
{
    (void)state;
    static const struct sample sample = {4, 6, 1, 1, 8, 0, false, false, NULL, false};
    struct yq_err err = {0};
    int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &sample), out = empty_file();
    struct yq_recasting how = {.fd = fd, .out_fd = out, .to = YQ_TS_JPEG_BASELINE};
    assert_false(yq_recast(&how, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    close(fd);
    close(out);
}

/* As deep as the scanner goes; what is written has to say every level. */
static void depth_costs_no_stack(void **state)
{
    (void)state;
    enum { DEEP = 90000 };
    struct yq_buf source = {0};
    struct yq_writer w = {.out = &source, .layout = YQ_LAYOUT_EXPLICIT_LE};
    for (int i = 0; i < DEEP; i++) {
        yq_writer_begin_sequence(&w, 0x0040a730);
        yq_writer_begin_item(&w);
    }
    for (int i = 0; i < DEEP; i++) {
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
    }
    int fd = file_with(&source, YQ_TS_EXPLICIT_LE);
    int made = to_layout(fd, YQ_LAYOUT_IMPLICIT_LE);
    int back = to_layout(made, YQ_LAYOUT_EXPLICIT_LE);
    same_dataset(back, &source);
    close(fd);
    close(made);
    close(back);
    yq_buf_fini(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layout_becomes_each_other),
        cmocka_unit_test(what_devices_write_becomes_regular),
        cmocka_unit_test(the_callers_elements_are_merged_in),
        cmocka_unit_test(a_judge_decides_about_each_element),
        cmocka_unit_test(frames_are_given_one_by_one),
        cmocka_unit_test(frames_of_single_bits_share_bytes),
        cmocka_unit_test(icons_become_plain_or_go),
        cmocka_unit_test(pixels_are_not_put_where_they_cannot_be),
        cmocka_unit_test(depth_costs_no_stack),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
