/* transcode.c: objects in other transfer syntaxes: what is without loss stays bit for bit the same,
 * what loses says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/dataset.h"
#include "yq/frames.h"
#include "yq/image.h"
#include "yq/transcode.h"

enum { MOST = 64 << 20 };

/* Freed memory is not held back for long: how much is in use is measured here. */
const char *__asan_default_options(void);                                   /* NOLINT */
const char *__asan_default_options(void) { return "quarantine_size_mb=1"; } /* NOLINT */

static const char *const all[] = {
    YQ_TS_IMPLICIT_LE,
    YQ_TS_EXPLICIT_LE,
    YQ_TS_EXPLICIT_BE,
    YQ_TS_DEFLATED,
    YQ_TS_RLE,
    YQ_TS_JPEG_LOSSLESS,
    YQ_TS_JPEG_LOSSLESS_SV1,
    YQ_TS_JPEGLS_LOSSLESS,
    YQ_TS_JPEGLS_NEAR,
    YQ_TS_J2K_LOSSLESS,
    YQ_TS_J2K,
};
enum { ALL = sizeof all / sizeof *all };

static bool is_plain(const char *syntax)
{
    return strcmp(syntax, YQ_TS_IMPLICIT_LE) == 0 || strcmp(syntax, YQ_TS_EXPLICIT_LE) == 0 ||
           strcmp(syntax, YQ_TS_EXPLICIT_BE) == 0 || strcmp(syntax, YQ_TS_DEFLATED) == 0;
}

static void read_plain(int fd, unsigned number, struct yq_frame *frame)
{
    struct yq_err err = {0};
    if (!yq_dcm_read_frame(fd, number, MOST, frame, &err) || !yq_image_decode(frame, 0, MOST, &err))
        fail_msg("frame %u: %s", number, err.text);
}

/* Colour by plane as colour by pixel, so that decoders may choose. */
static void put_by_pixel(struct yq_buf *out, const struct yq_frame *f)
{
    size_t cell = f->bits_allocated / 8, plane = (size_t)f->rows * f->columns;
    if (!f->planar || f->samples == 1) {
        size_t length = ((size_t)f->rows * f->columns * f->samples * f->bits_allocated + 7) / 8;
        yq_buf_put(out, f->pixels.bytes, length < f->pixels.length ? length : f->pixels.length);
        return;
    }
    for (size_t i = 0; i < plane; i++)
        for (size_t s = 0; s < 3; s++)
            yq_buf_put(out, f->pixels.bytes + (s * plane + i) * cell, cell);
}

static void read_all(int fd, struct yq_buf *out)
{
    unsigned frames = 1;
    for (unsigned i = 0; i < frames; i++) {
        struct yq_frame frame;
        read_plain(fd, i, &frame);
        frames = frame.frames;
        put_by_pixel(out, &frame);
        yq_frame_fini(&frame);
    }
}

static int coded(int fd, const struct yq_coding *coding)
{
    struct yq_err err = {0};
    struct yq_part10 part10;
    int out;
    if (!yq_transcode(NULL, fd, coding, &out, &err))
        fail_msg("to %s: %s", coding->syntax, err.text);
    assert_true(yq_part10_read(out, &part10, &err));
    assert_string_equal(part10.transfer_syntax, coding->syntax);
    return out;
}

static int transcoded(int fd, const char *to)
{
    const struct yq_coding coding = {.syntax = to};
    return coded(fd, &coding);
}

static void refused(int fd, const char *to, enum yq_code code)
{
    struct yq_err err = {0};
    const struct yq_coding coding = {.syntax = to};
    int out;
    assert_false(yq_transcode(NULL, fd, &coding, &out, &err));
    assert_int_equal(out, -1);
    if (err.code != code)
        fail_msg("%s", err.text);
}

static void check_header(int fd)
{
    struct yq_part10 part10;
    struct yq_header header;
    struct yq_err err = {0};
    assert_true(yq_part10_read(fd, &part10, &err));
    assert_string_equal(part10.sop_instance, SAMPLE_INSTANCE);
    if (!yq_dcm_read_header(fd, part10.dataset_offset, part10.transfer_syntax, "", &header, &err))
        fail_msg("%s", err.text);
    assert_string_equal(header.values[YQ_PatientName], "Shu^Shan=蜀^山");
    assert_string_equal(header.key.instance, SAMPLE_INSTANCE);
    yq_header_fini(&header);
}

static void same_pixels(int fd, const struct yq_buf *expected)
{
    struct yq_buf pixels = {0};
    read_all(fd, &pixels);
    assert_int_equal(pixels.length, expected->length);
    assert_memory_equal(pixels.bytes, expected->bytes, expected->length);
    yq_buf_fini(&pixels);
}

static void without_loss_from_each_to_each(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {.rows = 61, .columns = 47, .frames = 1, .samples = 1, .bits = 8},
        {.rows = 17, .columns = 13, .frames = 2, .samples = 1, .bits = 8, .is_signed = true},
        {.rows = 9, .columns = 50, .frames = 3, .samples = 1, .bits = 16, .is_signed = true},
        {.rows = 33, .columns = 40, .frames = 2, .samples = 1, .bits = 16, .stored = 12},
        {9, 31, 1, 1, 16, 10, true, false, NULL, false},
        {.rows = 5, .columns = 5, .frames = 2, .samples = 1, .bits = 8, .palette = true},
        {.rows = 20, .columns = 31, .frames = 2, .samples = 3, .bits = 8},
        {.rows = 20, .columns = 31, .frames = 1, .samples = 3, .bits = 8, .planar = true},
        {1, 1, 1, 1, 16, 16, false, false, "MONOCHROME1", false},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct yq_buf expected = {0};
        int source = sample_file(YQ_LAYOUT_EXPLICIT_LE, &samples[i]);
        read_all(source, &expected);
        for (int from = 0; from < ALL; from++) {
            int first = transcoded(source, all[from]);
            for (int to = 0; to < ALL; to++) {
                if (from == to)
                    continue;
                assert_true(yq_transcode_keeps(all[from], all[to]));
                int second = transcoded(first, all[to]);
                same_pixels(second, &expected);
                check_header(second);
                close(second);
            }
            close(first);
        }
        close(source);
        yq_buf_fini(&expected);
    }
}

/* Values that stand elsewhere in their cells, and what else is in those. */
static void unused_bits_stay(void **state)
{
    (void)state;
    struct yq_buf dataset = {0}, pixels = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    put_image_module(&w, &(struct sample){16, 16, 1, 1, 16, 12, false, false, NULL, false});
    for (unsigned i = 0; i < 256; i++)
        yq_buf_put_le16(&pixels, i * 40503u);
    yq_writer_put(&w, 0x7fe00010, "OW", pixels.bytes, pixels.length);
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE);
    for (int to = 0; to < ALL; to++) {
        int out = transcoded(fd, all[to]);
        struct yq_frame f;
        read_plain(out, 0, &f);
        assert_int_equal(f.pixels.length, 512);
        assert_memory_equal(f.pixels.bytes, pixels.bytes, 512);
        assert_int_equal(f.bits_stored, 12);
        yq_frame_fini(&f);
        close(out);
    }
    close(fd);
    yq_buf_fini(&dataset);
    yq_buf_fini(&pixels);
}

/* Values beyond what the dataset says, in one frame only. */
static void frames_may_differ_in_the_bits_they_need(void **state)
{
    (void)state;
    struct yq_buf dataset = {0}, pixels = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    put_image_module(&w, &(struct sample){8, 8, 2, 1, 16, 12, false, false, NULL, false});
    for (unsigned i = 0; i < 128; i++)
        yq_buf_put_le16(&pixels, i < 64 ? i : 0xf000 + i);
    yq_writer_put(&w, 0x7fe00010, "OW", pixels.bytes, pixels.length);
    int fd = file_with(&dataset, YQ_TS_EXPLICIT_LE);
    for (int to = 0; to < ALL; to++) {
        int out = transcoded(fd, all[to]), back = transcoded(out, YQ_TS_IMPLICIT_LE);
        if (strcmp(all[to], YQ_TS_IMPLICIT_LE) != 0)
            same_pixels(back, &pixels);
        close(out);
        close(back);
    }
    close(fd);
    yq_buf_fini(&dataset);
    yq_buf_fini(&pixels);
}

/* YBR_FULL as it is, in every syntax, is the same colour; 4:2:2 as well. */
static void colours_stay_what_they_are(void **state)
{
    (void)state;
    static const char *const kinds[] = {"YBR_FULL", "RGB"};
    for (size_t i = 0; i < 2; i++) {
        struct sample s = {16, 16, 1, 3, 8, 0, false, false, kinds[i], false};
        int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s);
        struct yq_frame before;
        read_plain(fd, 0, &before);
        struct yq_picture expected;
        struct yq_err err = {0};
        assert_true(yq_image_render(&before, NULL, MOST, &expected, &err));
        for (int to = 0; to < ALL; to++) {
            int out = transcoded(fd, all[to]);
            struct yq_frame f;
            struct yq_picture shown;
            read_plain(out, 0, &f);
            assert_true(yq_image_render(&f, NULL, MOST, &shown, &err));
            assert_int_equal(shown.pixels.length, expected.pixels.length);
            for (size_t p = 0; p < shown.pixels.length; p++)
                assert_true(abs(shown.pixels.bytes[p] - expected.pixels.bytes[p]) <= 1);
            yq_picture_fini(&shown);
            yq_frame_fini(&f);
            close(out);
        }
        yq_picture_fini(&expected);
        yq_frame_fini(&before);
        close(fd);
    }
}

static void stored_frame(int fd, unsigned number, struct yq_frame *out)
{
    struct yq_frames *frames;
    struct yq_err err = {0};
    assert_true(yq_frames_open(fd, &frames, &err));
    assert_true(yq_frames_stored(frames, number, MOST, out, &err));
    yq_frames_close(frames);
}

static void kin_is_copied(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {YQ_TS_J2K_LOSSLESS, YQ_TS_J2K},
        {YQ_TS_JPEG_LOSSLESS_SV1, YQ_TS_JPEG_LOSSLESS},
        {YQ_TS_JPEG_BASELINE, YQ_TS_JPEG_EXTENDED},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct sample s = {32, 24, 2, 1, 8, 0, false, false, NULL, false};
        int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s), first = transcoded(fd, pairs[i][0]);
        int second = transcoded(first, pairs[i][1]);
        for (unsigned n = 0; n < 2; n++) {
            struct yq_frame before, after;
            stored_frame(first, n, &before);
            stored_frame(second, n, &after);
            assert_int_equal(after.pixels.length, before.pixels.length);
            assert_memory_equal(after.pixels.bytes, before.pixels.bytes, before.pixels.length);
            yq_frame_fini(&before);
            yq_frame_fini(&after);
        }
        if (i == 1) { /* the first predictor, under the name of all of them */
            int third = transcoded(second, YQ_TS_JPEG_LOSSLESS_SV1);
            struct yq_frame before, after;
            stored_frame(first, 1, &before);
            stored_frame(third, 1, &after);
            assert_int_equal(after.pixels.length, before.pixels.length);
            assert_memory_equal(after.pixels.bytes, before.pixels.bytes, before.pixels.length);
            yq_frame_fini(&before);
            yq_frame_fini(&after);
            close(third);
        }
        close(fd);
        close(first);
        close(second);
    }
}

static void read_dataset(int fd, struct yq_dataset *out, struct yq_part10 *about)
{
    struct yq_err err = {0};
    const struct yq_reading how = {.to_pixels = true, .frame = YQ_ALL_FRAMES};
    if (!yq_dcm_read_dataset(fd, &how, out, about, &err))
        fail_msg("%s", err.text);
}

static void says(const struct yq_dataset *dataset, uint32_t tag, const char *text)
{
    assert_string_equal(yq_item_text(&dataset->root, tag), text);
}

/* PS3.3 C.7.6.1.1.5, C.7.6.1.1.2, C.12.4.1 */
static void loss_is_told(void **state)
{
    (void)state;
    static const struct yq_coding codings[] = {
        {.syntax = YQ_TS_JPEG_BASELINE, .quality = 80},
        {.syntax = YQ_TS_JPEGLS_NEAR, .near = 3},
        {.syntax = YQ_TS_J2K, .ratio = 8},
    };
    static const char *const methods[] = {"ISO_10918_1", "ISO_14495_1", "ISO_15444_1"};
    struct sample s = {.rows = 64, .columns = 64, .frames = 2, .samples = 1, .bits = 8};
    int fd = sample_file(YQ_LAYOUT_IMPLICIT_LE, &s);
    for (size_t i = 0; i < 3; i++) {
        struct yq_dataset dataset;
        struct yq_part10 about, again;
        int out = coded(fd, &codings[i]), twice = coded(fd, &codings[i]);
        assert_true(yq_transcode_loses(&codings[i]));
        read_dataset(out, &dataset, &about);
        says(&dataset, 0x00282110, "01");
        says(&dataset, 0x00282114, methods[i]);
        double ratio = 0;
        assert_true(yq_item_number(&dataset.root, 0x00282112, 0, &ratio));
        uint64_t packed = 0;
        for (unsigned n = 0; n < 2; n++) {
            struct yq_frame f;
            stored_frame(out, n, &f);
            packed += f.pixels.length & ~1ull;
            yq_frame_fini(&f);
        }
        double real = 2 * 64 * 64 / (double)packed;
        assert_true(ratio > 0.97 * real && ratio < 1.03 * real);
        assert_string_equal(yq_item_text(&dataset.root, 0x00080018), about.sop_instance);
        assert_string_not_equal(about.sop_instance, SAMPLE_INSTANCE);
        assert_true(yq_uid_valid(about.sop_instance));
        assert_true(strncmp(yq_item_text(&dataset.root, 0x00080008), "DERIVED\\", 8) == 0);
        const struct yq_item *source = yq_item_first(&dataset.root, 0x00082112);
        assert_string_equal(yq_item_text(source, 0x00081155), SAMPLE_INSTANCE);
        assert_string_equal(yq_item_text(yq_item_first(source, 0x0040a170), 0x00080100), "121320");
        assert_string_equal(yq_item_text(yq_item_first(&dataset.root, 0x00089215), 0x00080100),
                            "113040");
        yq_dataset_fini(&dataset);
        struct yq_err err;
        assert_true(yq_part10_read(twice, &again, &err));
        assert_string_equal(again.sop_instance, about.sop_instance); /* asked twice: the same */
        close(twice);

        /* Once more, with loss: another value each. And without: all of it stays. */
        int more = coded(out, &codings[(i + 1) % 3]), plain = transcoded(more, YQ_TS_EXPLICIT_LE);
        for (int k = 0; k < 2; k++) {
            read_dataset(k ? plain : more, &dataset, &again);
            says(&dataset, 0x00282110, "01");
            assert_int_equal(yq_item_values(&dataset.root, 0x00282112), 2);
            assert_int_equal(yq_item_values(&dataset.root, 0x00282114), 2);
            assert_string_not_equal(again.sop_instance, about.sop_instance);
            yq_dataset_fini(&dataset);
        }
        close(more);
        close(plain);
        close(out);
    }
    close(fd);
}

/* What was lost before it came, and is not said in it. */
static void loss_of_before_is_told_too(void **state)
{
    (void)state;
    struct sample s = {.rows = 32, .columns = 32, .frames = 1, .samples = 1, .bits = 8};
    int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s), lossy = transcoded(fd, YQ_TS_JPEG_BASELINE);
    struct yq_frame stream;
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    stored_frame(lossy, 0, &stream);
    put_head(&w);
    put_image_module(&w, &s);
    yq_buf_put(&dataset, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0", 20);
    yq_buf_put(&dataset, "\xfe\xff\0\xe0", 4);
    yq_buf_put_le32(&dataset, (uint32_t)stream.pixels.length);
    yq_buf_put(&dataset, stream.pixels.bytes, stream.pixels.length);
    yq_buf_put(&dataset, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    int silent = file_with(&dataset, YQ_TS_JPEG_BASELINE);
    int plain = transcoded(silent, YQ_TS_IMPLICIT_LE);
    struct yq_dataset read;
    struct yq_part10 about;
    read_dataset(plain, &read, &about);
    says(&read, 0x00282110, "01");
    says(&read, 0x00282114, "ISO_10918_1");
    assert_string_equal(about.sop_instance, SAMPLE_INSTANCE); /* nothing more was lost */
    yq_dataset_fini(&read);
    yq_frame_fini(&stream);
    yq_buf_fini(&dataset);
    close(plain);
    close(silent);
    close(lossy);
    close(fd);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    struct sample s = {.rows = 8, .columns = 8, .frames = 1, .samples = 1, .bits = 16};
    int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &s);
    refused(fd, YQ_TS_HTJ2K_LOSSLESS, YQ_REFUSED);
    refused(fd, YQ_TS_JPEG_BASELINE, YQ_REFUSED); /* 16 bits */
    refused(fd, "1.2.840.10008.1.2.4.102", YQ_REFUSED);
    close(fd);
    fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &(struct sample){0}); /* nothing to compress */
    refused(fd, YQ_TS_RLE, YQ_REFUSED);
    close(transcoded(fd, YQ_TS_EXPLICIT_BE));
    close(fd);
    struct yq_buf dataset = {0};
    make_dataset(&dataset, YQ_LAYOUT_EXPLICIT_LE, &s);
    fd = file_with(&dataset, "1.2.840.10008.1.2.4.102"); /* video */
    refused(fd, YQ_TS_EXPLICIT_LE, YQ_REFUSED);
    close(fd);
    yq_buf_fini(&dataset);
    assert_false(yq_transcode_keeps("1.2.840.10008.1.2.4.102", YQ_TS_EXPLICIT_LE));
    assert_false(yq_transcode_keeps(YQ_TS_EXPLICIT_LE, YQ_TS_JPEG_BASELINE)); /* loses */
    assert_false(yq_transcode_keeps(YQ_TS_EXPLICIT_LE, "1.2.3"));
    assert_false(yq_transcode_keeps("1.2.3", YQ_TS_EXPLICIT_LE));
    assert_true(yq_transcode_keeps(YQ_TS_HTJ2K, YQ_TS_EXPLICIT_LE));
    assert_true(yq_transcode_keeps(YQ_TS_JPEG_BASELINE, YQ_TS_JPEG_EXTENDED));
    for (size_t i = 0; i < YQ_LOSSLESS; i++) /* what is offered can be made */
        assert_true(yq_transcode_keeps(YQ_TS_EXPLICIT_LE, yq_lossless[i]) &&
                    yq_transcode_keeps(YQ_TS_JPEG_BASELINE, yq_lossless[i]));
}

/* Sizes that no memory has end in a sentence before any is taken. */
static void one_that_is_too_large_is_told(void **state)
{
    (void)state;
    struct yq_house house = {.store = NULL};
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_err err = {0};
    put_head(&w);
    put_image_module(&w, &(struct sample){65535, 30000, 1, 1, 8, 0, false, false, NULL, false});
    yq_buf_put(&dataset, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0", 20);
    yq_buf_put(&dataset, "\xfe\xff\0\xe0\4\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0", 20);
    yq_budget_init(&house.pixels, 256 << 20);
    for (int i = 0; i < ALL; i++) {
        const struct yq_coding coding = {.syntax = YQ_TS_EXPLICIT_LE};
        int out, fd;
        if (is_plain(all[i]))
            continue;
        fd = file_with(&dataset, all[i]);
        assert_false(yq_transcode(&house, fd, &coding, &out, &err));
        assert_int_equal(err.code, YQ_FULL);
        close(fd);
    }
    assert_int_equal(house.pixels.used, 0);
    yq_budget_fini(&house.pixels);
    yq_buf_fini(&dataset);
}

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* A thousand frames take no more memory than one, but for the file that is made, which is on
 * disk here: what comes out is compared by its length only. */
static void many_frames_take_no_more_memory(void **state)
{
    (void)state;
    char path[] = "/tmp/yq-transcode-XXXXXX";
    struct sample s = {.rows = 256, .columns = 256, .frames = 1000, .samples = 1, .bits = 16};
    struct yq_buf dataset = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_err err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    yq_part10_write(&dataset, SAMPLE_CLASS, SAMPLE_INSTANCE, YQ_TS_EXPLICIT_LE);
    put_head(&w);
    put_image_module(&w, &s);
    yq_buf_put(&dataset, "\xe0\x7f\x10\0OW\0\0", 8);
    yq_buf_put_le32(&dataset, 1000 * 131072u);
    assert_true(yq_write_all(fd, dataset.bytes, dataset.length, &err));
    s.frames = 1;
    yq_buf_clear(&dataset);
    make_pixels(&dataset, &s);
    for (int i = 0; i < 1000; i++)
        assert_true(yq_write_all(fd, dataset.bytes, dataset.length, &err));
    close(transcoded(sample_file(YQ_LAYOUT_EXPLICIT_LE, &s), YQ_TS_RLE)); /* what codecs take */
    long before = peak_kb();
    int out = transcoded(fd, YQ_TS_RLE);
    long grown = peak_kb() - before;
    struct yq_frame last;
    read_plain(out, 999, &last);
    assert_memory_equal(last.pixels.bytes, dataset.bytes, dataset.length);
    yq_frame_fini(&last);
    struct stat made;
    assert_int_equal(fstat(out, &made), 0);
    if (grown > 16 * 1024)
        fail_msg("%ld KB more for 1000 frames of 128 KB", grown);
    close(out);
    close(fd);
    yq_buf_fini(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_frames_take_no_more_memory), /* first: peaks never fall */
        cmocka_unit_test(without_loss_from_each_to_each),
        cmocka_unit_test(unused_bits_stay),
        cmocka_unit_test(frames_may_differ_in_the_bits_they_need),
        cmocka_unit_test(colours_stay_what_they_are),
        cmocka_unit_test(kin_is_copied),
        cmocka_unit_test(loss_is_told),
        cmocka_unit_test(loss_of_before_is_told_too),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(one_that_is_too_large_is_told),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
