/* test_pixels.c: frames of objects as they are stored, and made so by our own transcoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/image.h"
#include "yq/transcode.h"

enum { MOST = 16 << 20 };

/* Colour by plane as colour by pixel, so that decoders may choose. */
static void put_by_pixel(struct yq_buf *out, const struct yq_frame *f)
{
    size_t cell = f->bits_allocated / 8, plane = (size_t)f->rows * f->columns;
    if (!f->planar || f->samples == 1) {
        yq_buf_put(out, f->pixels.bytes, f->pixels.length);
        return;
    }
    for (size_t i = 0; i < plane; i++)
        for (size_t s = 0; s < 3; s++)
            yq_buf_put(out, f->pixels.bytes + (s * plane + i) * cell, cell);
}

/* As image/ makes it plain. */
static bool read_plain(int fd, unsigned number, uint64_t most, struct yq_frame *frame,
                       struct yq_err *err)
{
    if (!yq_dcm_read_frame(fd, number, most, frame, err))
        return false;
    bool fine = yq_image_decode(frame, 0, most, err);
    if (!fine)
        yq_frame_fini(frame);
    return fine;
}

static void read_all(int fd, struct yq_buf *out)
{
    unsigned frames = 1;
    for (unsigned i = 0; i < frames; i++) {
        struct yq_frame frame;
        struct yq_err err = {0};
        if (!read_plain(fd, i, MOST, &frame, &err))
            fail_msg("frame %u: %s", i, err.text);
        frames = frame.frames;
        put_by_pixel(out, &frame);
        yq_frame_fini(&frame);
    }
}

static int transcoded(int fd, const char *to)
{
    struct yq_err err = {0};
    const struct yq_coding coding = {.syntax = to};
    int out;
    if (!yq_transcode(NULL, fd, &coding, &out, &err))
        fail_msg("to %s: %s", to, err.text);
    struct yq_part10 part10;
    assert_true(yq_part10_read(out, &part10, &err));
    assert_string_equal(part10.transfer_syntax, to);
    assert_string_equal(part10.sop_instance, SAMPLE_INSTANCE);
    return out;
}

static void plain_frames_are_those_of_the_pattern(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {.rows = 5, .columns = 3, .frames = 3, .samples = 1, .bits = 8},
        {.rows = 5, .columns = 3, .frames = 2, .samples = 1, .bits = 16, .is_signed = true},
        {.rows = 4, .columns = 6, .frames = 2, .samples = 3, .bits = 16},
        {.rows = 4, .columns = 6, .frames = 2, .samples = 1, .bits = 32},
        {.rows = 3, .columns = 3, .frames = 5, .samples = 1, .bits = 1}, /* frames within a byte */
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
            const struct sample *s = &samples[i];
            struct yq_buf all = {0};
            make_pixels(&all, s);
            int fd = sample_file((enum yq_layout)layout, s);
            size_t bits = (size_t)s->rows * s->columns * s->samples * s->bits;
            for (unsigned n = 0; n < s->frames; n++) {
                struct yq_frame frame;
                struct yq_err err = {0};
                assert_true(yq_dcm_read_frame(fd, n, MOST, &frame, &err));
                assert_int_equal(frame.rows, s->rows);
                assert_int_equal(frame.frames, s->frames);
                assert_int_equal(frame.is_signed, s->is_signed);
                assert_int_equal(frame.pixels.length, (bits + 7) / 8);
                for (size_t b = 0; b < bits; b++) {
                    size_t at = n * bits + b;
                    assert_int_equal(frame.pixels.bytes[b / 8] >> b % 8 & 1,
                                     all.bytes[at / 8] >> at % 8 & 1);
                }
                yq_frame_fini(&frame);
            }
            close(fd);
            yq_buf_fini(&all);
        }
}

static void refuses(int fd, unsigned number, uint64_t most, enum yq_code code)
{
    struct yq_frame frame;
    struct yq_err err = {0};
    assert_false(read_plain(fd, number, most, &frame, &err));
    assert_int_equal(err.code, code);
    assert_null(frame.pixels.bytes);
}

static void frames_that_are_not_there(void **state)
{
    (void)state;
    struct sample s = {.rows = 8, .columns = 8, .frames = 2, .samples = 1, .bits = 16};
    int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s);
    refuses(fd, 2, MOST, YQ_ABSENT);
    refuses(fd, 0, 127, YQ_FULL);
    int rle = transcoded(fd, YQ_TS_RLE);
    refuses(rle, 2, MOST, YQ_ABSENT);
    refuses(rle, 0, 127, YQ_FULL);
    close(rle);
    close(fd);
    fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &(struct sample){0});
    refuses(fd, 0, MOST, YQ_ABSENT);
    close(fd);
    /* Attributes that promise more than there is. */
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    s.rows = 65535;
    s.columns = 65535;
    put_image_module(&w, &s);
    yq_writer_put(&w, 0x7fe00010, "OW", "0123", 4);
    fd = file_with(&dataset, YQ_TS_EXPLICIT_LE);
    refuses(fd, 0, MOST, YQ_FULL);
    refuses(fd, 0, 1ull << 40, YQ_BAD_INPUT);
    struct yq_err err = {0};
    const struct yq_coding coding = {.syntax = YQ_TS_RLE};
    int out;
    assert_false(yq_transcode(NULL, fd, &coding, &out, &err));
    assert_true(err.code == YQ_FULL || err.code == YQ_BAD_INPUT);
    close(fd);
    yq_buf_fini(&dataset);
}

static void put_item(struct yq_buf *out, const void *bytes, size_t length)
{
    yq_buf_put(out, "\xfe\xff\0\xe0", 4);
    yq_buf_put_le32(out, (uint32_t)length);
    yq_buf_put(out, bytes, length);
}

/* Two frames of JPEG lossless, cut into `pieces` fragments each, with or without offsets. */
static int in_pieces(int compressed[2], unsigned pieces, bool offsets)
{
    struct yq_buf dataset = {0}, items = {0}, table = {0};
    struct sample s = {.rows = 16, .columns = 16, .frames = 2, .samples = 1, .bits = 8};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    put_image_module(&w, &s);
    for (int i = 0; i < 2; i++) {
        struct yq_part10 part10;
        struct yq_scan *scan;
        struct yq_element e;
        struct yq_err err = {0};
        uint8_t file[8192], *stream;
        size_t size;
        assert_true(yq_part10_read(compressed[i], &part10, &err));
        assert_true(yq_scan_open_fd(compressed[i], part10.dataset_offset, part10.transfer_syntax,
                                    &scan, &err));
        while (yq_scan_next(scan, &e, &err) && e.tag != 0x7fe00010)
            continue;
        ssize_t length =
            pread(compressed[i], file, sizeof file, (off_t)(part10.dataset_offset + e.position));
        assert_true(length > 0 && length < (ssize_t)sizeof file);
        stream = file + 8 + yq_le32(file + 4); /* behind the offset table */
        size = yq_le32(stream + 4);
        stream += 8;
        yq_scan_free(scan);
        yq_buf_put_le32(&table, (uint32_t)items.length);
        for (unsigned p = 0; p < pieces; p++) {
            size_t from = size * p / pieces, to = size * (p + 1) / pieces;
            put_item(&items, stream + from, to - from);
        }
    }
    yq_buf_put(&dataset, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
    put_item(&dataset, table.bytes, offsets ? table.length : 0);
    yq_buf_put(&dataset, items.bytes, items.length);
    yq_buf_put(&dataset, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    int fd = file_with(&dataset, YQ_TS_JPEG_LOSSLESS_SV1);
    yq_buf_fini(&dataset);
    yq_buf_fini(&items);
    yq_buf_fini(&table);
    return fd;
}

static void fragments_are_put_together(void **state)
{
    (void)state;
    static const struct sample s[2] = {
        {.rows = 16, .columns = 16, .frames = 1, .samples = 1, .bits = 8},
        {.rows = 16, .columns = 16, .frames = 1, .samples = 1, .bits = 8, .stored = 5},
    };
    struct yq_buf expected = {0};
    int compressed[2];
    for (int i = 0; i < 2; i++) {
        int plain = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s[i]);
        make_pixels(&expected, &s[i]);
        compressed[i] = transcoded(plain, YQ_TS_JPEG_LOSSLESS_SV1);
        close(plain);
    }
    for (unsigned pieces = 1; pieces < 4; pieces++)
        for (int offsets = 0; offsets < 2; offsets++) {
            struct yq_buf pixels = {0};
            int fd = in_pieces(compressed, pieces, offsets);
            read_all(fd, &pixels);
            assert_int_equal(pixels.length, expected.length);
            assert_memory_equal(pixels.bytes, expected.bytes, expected.length);
            yq_buf_clear(&pixels);
            int plain = transcoded(fd, YQ_TS_EXPLICIT_LE);
            read_all(plain, &pixels);
            assert_memory_equal(pixels.bytes, expected.bytes, expected.length);
            yq_buf_fini(&pixels);
            close(plain);
            close(fd);
        }
    close(compressed[0]);
    close(compressed[1]);
    yq_buf_fini(&expected);
}

/* A JPEG header that says more than the dataset must not be believed. */
static void a_lying_codestream_is_refused(void **state)
{
    (void)state;
    struct sample s = {.rows = 16, .columns = 16, .frames = 1, .samples = 1, .bits = 8};
    static const char *const syntaxes[] = {YQ_TS_JPEG_LOSSLESS_SV1, YQ_TS_JPEGLS_LOSSLESS};
    for (size_t i = 0; i < 2; i++) {
        int plain = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s);
        int fd = transcoded(plain, syntaxes[i]);
        uint8_t file[8192];
        ssize_t length = pread(fd, file, sizeof file, 0);
        bool found = false;
        for (ssize_t at = 0; at + 9 < length && !found; at++)
            if (file[at] == 0xff && (file[at + 1] == 0xc3 || file[at + 1] == 0xf7) &&
                yq_be16(file + at + 5) == 16) {
                assert_int_equal(pwrite(fd, "\xff\xdc\xff\xdc", 4, at + 5), 4);
                found = true;
            }
        assert_true(found);
        refuses(fd, 0, MOST, YQ_BAD_INPUT);
        struct yq_err err = {0};
        const struct yq_coding coding = {.syntax = YQ_TS_EXPLICIT_LE};
        int out;
        assert_false(yq_transcode(NULL, fd, &coding, &out, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
        close(fd);
        close(plain);
    }
}

static void palettes_and_windows_are_read(void **state)
{
    (void)state;
    struct sample s = {
        .rows = 4, .columns = 4, .frames = 1, .samples = 1, .bits = 8, .palette = true};
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_frame f;
        struct yq_err err = {0};
        int fd = sample_file((enum yq_layout)layout, &s);
        assert_true(yq_dcm_read_frame(fd, 0, MOST, &f, &err));
        assert_int_equal(f.palette[0].entries, 256);
        assert_int_equal(f.palette[0].values[200], 200 * 256);
        assert_int_equal(f.palette[1].values[200], 55 * 256);
        assert_int_equal(f.palette[2].values[0], 7 * 256);
        assert_int_equal(f.look.window_count, 0);
        assert_true(f.look.slope == 1 && f.look.intercept == 0);
        yq_frame_fini(&f);
        close(fd);
    }
}

/* Rescale and window in functional groups: shared ones, and those of the frame that is asked for.
 */
static void functional_groups_count(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct sample s = {.rows = 2, .columns = 2, .frames = 2, .samples = 1, .bits = 8};
    put_head(&w);
    put_image_module(&w, &s);
    yq_writer_begin_sequence(&w, 0x52009229);
    yq_writer_begin_item(&w);
    yq_writer_begin_sequence(&w, 0x00289145);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00281052, "DS", "-1024");
    yq_writer_put_text(&w, 0x00281053, "DS", "2.5");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_begin_sequence(&w, 0x52009230);
    for (int i = 0; i < 2; i++) {
        yq_writer_begin_item(&w);
        yq_writer_begin_sequence(&w, 0x00289132);
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00281050, "DS", i ? "50\\1" : "40\\2");
        yq_writer_put_text(&w, 0x00281051, "DS", i ? "500" : "400");
        yq_writer_put_text(&w, 0x00281056, "CS", "SIGMOID");
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
        yq_writer_end_item(&w);
    }
    yq_writer_end_sequence(&w);
    yq_writer_put(&w, 0x7fe00010, "OB", "01234567", 8);
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE);
    for (unsigned i = 0; i < 2; i++) {
        struct yq_frame f;
        struct yq_err err = {0};
        assert_true(yq_dcm_read_frame(fd, i, MOST, &f, &err));
        assert_true(f.look.window_count && f.look.slope == 2.5 && f.look.intercept == -1024);
        assert_true(f.look.windows[0].center == (i ? 50 : 40) &&
                    f.look.windows[0].width == (i ? 500 : 400));
        assert_int_equal(f.look.function, YQ_VOI_SIGMOID);
        assert_memory_equal(f.pixels.bytes, i ? "4567" : "0123", 4);
        yq_frame_fini(&f);
    }
    close(fd);
    yq_buf_fini(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frames_are_those_of_the_pattern),
        cmocka_unit_test(frames_that_are_not_there),
        cmocka_unit_test(fragments_are_put_together),
        cmocka_unit_test(a_lying_codestream_is_refused),
        cmocka_unit_test(palettes_and_windows_are_read),
        cmocka_unit_test(functional_groups_count),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
