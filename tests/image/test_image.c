/* test_image.c: frames to pictures: window, colour, JPEG 2000, JPEG; and frames that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/image.h"

enum { MOST = 1 << 20 };

/* Eight by six pixels of twelve bits, pixel n is 85 n; lossless. */
static const uint8_t codestream[] = {
    0xff, 0x4f, 0xff, 0x51, 0x00, 0x29, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
    0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00,
    0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x0b, 0x01, 0x01,
    0xff, 0x52, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x04, 0x04, 0x00, 0x01, 0xff,
    0x5c, 0x00, 0x07, 0x40, 0x60, 0x68, 0x68, 0x70, 0xff, 0x64, 0x00, 0x25, 0x00, 0x01, 0x43,
    0x72, 0x65, 0x61, 0x74, 0x65, 0x64, 0x20, 0x62, 0x79, 0x20, 0x4f, 0x70, 0x65, 0x6e, 0x4a,
    0x50, 0x45, 0x47, 0x20, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x20, 0x32, 0x2e, 0x35,
    0x2e, 0x30, 0xff, 0x90, 0x00, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00, 0x01, 0xff,
    0x93, 0xdf, 0xe0, 0x50, 0x06, 0xc5, 0x68, 0xdc, 0xf7, 0x8b, 0xb0, 0x29, 0x75, 0xa3, 0xdd,
    0x82, 0xcd, 0xec, 0xd4, 0xf2, 0xaf, 0x28, 0x42, 0xec, 0xc0, 0x7d, 0xa0, 0xb0, 0xfd, 0x81,
    0xc0, 0x1b, 0xf5, 0xb9, 0x65, 0x3f, 0x0c, 0xbf, 0x28, 0x12, 0x19, 0x1b, 0x1f, 0xff, 0xd9,
};

/* A frame of these pixels, in an exact copy so that the sanitizer sees any byte too many. */
static struct yq_frame frame_of(const char *photometric, unsigned rows, unsigned columns,
                                unsigned bits, const void *bytes, size_t length)
{
    struct yq_frame f = {.rows = rows,
                         .columns = columns,
                         .frames = 1,
                         .samples = 1,
                         .bits_allocated = bits,
                         .bits_stored = bits,
                         .high_bit = bits - 1,
                         .look.slope = 1,
                         .look.aspect = 1};
    (void)yq_copy(f.photometric, sizeof f.photometric, photometric);
    f.pixels.bytes = malloc(length ? length : 1);
    memcpy(f.pixels.bytes, bytes, length);
    f.pixels.length = length;
    return f;
}

static struct yq_picture shown(const struct yq_frame *f)
{
    struct yq_picture picture;
    struct yq_err err = {0};
    if (!yq_image_render(f, NULL, MOST, &picture, &err))
        fail_msg("%s", err.text);
    return picture;
}

static void shows(struct yq_frame *f, const uint8_t *expected, size_t length)
{
    struct yq_picture picture = shown(f);
    assert_int_equal(picture.pixels.length, length);
    assert_memory_equal(picture.pixels.bytes, expected, length);
    yq_picture_fini(&picture);
}
#define SHOWS(f, ...) shows(f, (const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

static void refuses(const struct yq_frame *f, uint64_t most, enum yq_code code)
{
    struct yq_picture picture;
    struct yq_err err = {0};
    assert_false(yq_image_render(f, NULL, most, &picture, &err));
    assert_int_equal(err.code, code);
    assert_null(picture.pixels.bytes);
}

static void put_window(struct yq_frame *f, const char *function, double center, double width)
{
    f->look.window_count = 1;
    f->look.windows[0] = (struct yq_window){center, width};
    f->look.function = strcmp(function, "SIGMOID") == 0        ? YQ_VOI_SIGMOID
                       : strcmp(function, "LINEAR_EXACT") == 0 ? YQ_VOI_LINEAR_EXACT
                                                               : YQ_VOI_LINEAR;
}

static void windows_follow_the_standard(void **state)
{
    (void)state;
    /* C.11.2.1.2.1: center 40, width 400 of values -1024 + n */
    static const uint16_t stored[] = {0, 864, 1064, 1263, 4095};
    struct yq_frame f = frame_of("MONOCHROME2", 1, 5, 16, stored, sizeof stored);
    f.look.intercept = -1024;
    put_window(&f, "", 40, 400);
    SHOWS(&f, 0, 0, 128, 255, 255);
    (void)yq_copy(f.photometric, sizeof f.photometric, "MONOCHROME1");
    SHOWS(&f, 255, 255, 127, 0, 0);
    (void)yq_copy(f.photometric, sizeof f.photometric, "MONOCHROME2");
    put_window(&f, "LINEAR_EXACT", 40, 400);
    SHOWS(&f, 0, 0, 128, 254, 255);
    put_window(&f, "SIGMOID", 40, 400);
    SHOWS(&f, 0, 30, 128, 224, 255);
    put_window(&f, "LINEAR", 40, 1); /* a threshold */
    SHOWS(&f, 0, 0, 255, 255, 255);
    put_window(&f, "LINEAR", 40, 0); /* not valid: the pixels' own range */
    SHOWS(&f, 0, 54, 66, 79, 255);
    f.look.window_count = 0;
    SHOWS(&f, 0, 54, 66, 79, 255);
    yq_frame_fini(&f);
}

static void signs_and_unused_bits(void **state)
{
    (void)state;
    /* 12 of 16 bits, signed, with overlay bits above: -2048, 0, 2047 */
    static const uint16_t stored[] = {0xf800, 0x3000, 0x17ff};
    struct yq_frame f = frame_of("MONOCHROME2", 1, 3, 16, stored, sizeof stored);
    f.bits_stored = 12;
    f.high_bit = 11;
    f.is_signed = true;
    SHOWS(&f, 0, 128, 255);
    f.look.slope = -1; /* a falling rescale */
    SHOWS(&f, 255, 127, 0);
    yq_frame_fini(&f);
    static const uint32_t wide[] = {0, 0x80000000u, 0xffffffffu};
    f = frame_of("MONOCHROME2", 1, 3, 32, wide, sizeof wide);
    SHOWS(&f, 0, 128, 255);
    yq_frame_fini(&f);
    f = frame_of("MONOCHROME2", 2, 5, 1, "\x0f\x02", 2);
    SHOWS(&f, 255, 255, 255, 255, 0, 0, 0, 0, 0, 255);
    yq_frame_fini(&f);
    f = frame_of("MONOCHROME2", 1, 3, 8, "\7\7\7", 3); /* all alike */
    SHOWS(&f, 0, 0, 0);
    yq_frame_fini(&f);
}

/* A big image goes through a table; it must say the same as one pixel at a time. */
static void the_table_says_the_same(void **state)
{
    (void)state;
    static int16_t stored[100 * 100];
    for (int i = 0; i < 10000; i++)
        stored[i] = (int16_t)(i * 6 - 30000);
    struct yq_frame f = frame_of("MONOCHROME2", 100, 100, 16, stored, sizeof stored);
    f.is_signed = true;
    put_window(&f, "", 500, 9000);
    struct yq_picture whole = shown(&f);
    f.rows = f.columns = 1;
    for (int i = 0; i < 10000; i += 97) {
        memcpy(f.pixels.bytes, &stored[i], 2);
        SHOWS(&f, whole.pixels.bytes[i]);
    }
    yq_picture_fini(&whole);
    yq_frame_fini(&f);
}

static void colours(void **state)
{
    (void)state;
    struct yq_frame f = frame_of("RGB", 1, 2, 8, "\1\2\3\4\5\6", 6);
    f.samples = 3;
    SHOWS(&f, 1, 2, 3, 4, 5, 6);
    f.planar = true;
    SHOWS(&f, 1, 3, 5, 2, 4, 6);
    f.planar = false;
    (void)yq_copy(f.photometric, sizeof f.photometric, "YBR_FULL");
    memcpy(f.pixels.bytes, "\x4c\x55\xff\x80\x80\x80", 6); /* red, grey */
    SHOWS(&f, 254, 0, 0, 128, 128, 128);
    yq_frame_fini(&f);
    f = frame_of("YBR_FULL_422", 1, 2, 8, "\x4c\x80\x80\x80", 4);
    f.samples = 3;
    SHOWS(&f, 76, 76, 76, 128, 128, 128);
    yq_frame_fini(&f);
    static const uint16_t deep[] = {0xffff, 0x8000, 0x00ff};
    f = frame_of("RGB", 1, 1, 16, deep, sizeof deep);
    f.samples = 3;
    SHOWS(&f, 255, 128, 0);
    yq_frame_fini(&f);
}

static void palettes(void **state)
{
    (void)state;
    struct yq_frame f = frame_of("PALETTE COLOR", 1, 4, 8, "\0\12\13\377", 4);
    for (int i = 0; i < 3; i++) {
        uint16_t *values = malloc(2 * sizeof(uint16_t));
        assert_non_null(values);
        values[0] = (uint16_t)(0x1000 * (i + 1));
        values[1] = 0xffff;
        /* below `first` the first entry, above the last */
        f.palette[i] = (struct yq_lut){.entries = 2, .first = 10, .bits = 16, .values = values};
    }
    SHOWS(&f, 16, 32, 48, 16, 32, 48, 255, 255, 255, 255, 255, 255);
    yq_lut_fini(&f.palette[2]);
    refuses(&f, MOST, YQ_BAD_INPUT);
    yq_frame_fini(&f);
}

static void frames_that_lie_are_refused(void **state)
{
    (void)state;
    struct yq_frame f = frame_of("MONOCHROME2", 2, 2, 16, "1234567", 7);
    refuses(&f, MOST, YQ_BAD_INPUT); /* a byte short */
    f.rows = 0;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.rows = f.columns = 65535;
    refuses(&f, MOST, YQ_FULL);
    refuses(&f, 1ull << 40, YQ_BAD_INPUT);
    f.rows = f.columns = 1;
    f.bits_stored = 0;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.bits_stored = 17;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.bits_stored = 12;
    f.high_bit = 16;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.high_bit = 5;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.high_bit = 15;
    f.samples = 3;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.samples = 1;
    (void)yq_copy(f.photometric, sizeof f.photometric, "CMYK");
    refuses(&f, MOST, YQ_REFUSED);
    yq_frame_fini(&f);
}

static struct yq_frame j2k_frame(void)
{
    struct yq_frame f = frame_of("MONOCHROME2", 6, 8, 16, codestream, sizeof codestream);
    f.bits_stored = 12;
    f.high_bit = 11;
    (void)yq_copy(f.codestream_syntax, sizeof f.codestream_syntax, YQ_TS_J2K_LOSSLESS);
    return f;
}

static void jpeg_2000(void **state)
{
    (void)state;
    struct yq_frame f = j2k_frame();
    put_window(&f, "LINEAR_EXACT", 2040, 4080);
    struct yq_picture picture = shown(&f);
    assert_int_equal(picture.pixels.length, 48);
    for (int i = 0; i < 48; i++)
        assert_true(abs(picture.pixels.bytes[i] * 16 - i * 85) <= 8); /* rounded */
    yq_picture_fini(&picture);
    for (size_t length = 0; length < sizeof codestream; length++) { /* cut anywhere */
        struct yq_err err = {0};
        f.pixels.length = length;
        if (yq_image_render(&f, NULL, MOST, &picture, &err))
            yq_picture_fini(&picture);
        else
            assert_int_equal(err.code, YQ_BAD_INPUT);
        assert_true(length > 100 || err.code);
    }
    f.pixels.length = sizeof codestream;
    f.rows = 7; /* not what the codestream says */
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.rows = 6;
    f.samples = 3;
    refuses(&f, MOST, YQ_BAD_INPUT);
    f.samples = 1;
    memset(f.pixels.bytes + 24, 0, 8);
    f.pixels.bytes[27] = f.pixels.bytes[31] = 0; /* no tiles */
    refuses(&f, MOST, YQ_BAD_INPUT);
    yq_frame_fini(&f);
}

static void a_picture_becomes_a_jpeg(void **state)
{
    (void)state;
    struct yq_picture picture = {.rows = 30, .columns = 40, .samples = 3};
    struct yq_buf good = {0}, poor = {0};
    struct yq_err err = {0};
    uint8_t *pixels = yq_buf_room(&picture.pixels, 30 * 40 * 3);
    for (size_t i = 0; i < 30 * 40 * 3; i++)
        pixels[i] = (uint8_t)(i * i >> 3);
    assert_true(yq_image_jpeg(&picture, 100, &good, &err));
    assert_true(yq_image_jpeg(&picture, 1, &poor, &err));
    assert_memory_equal(good.bytes, "\xff\xd8\xff", 3);
    assert_memory_equal(good.bytes + good.length - 2, "\xff\xd9", 2);
    assert_true(poor.length < good.length);
    picture.samples = 1;
    assert_false(yq_image_jpeg(&picture, 90, &good, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    yq_picture_fini(&picture);
    yq_buf_fini(&good);
    yq_buf_fini(&poor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_follow_the_standard),
        cmocka_unit_test(signs_and_unused_bits),
        cmocka_unit_test(the_table_says_the_same),
        cmocka_unit_test(colours),
        cmocka_unit_test(palettes),
        cmocka_unit_test(frames_that_lie_are_refused),
        cmocka_unit_test(jpeg_2000),
        cmocka_unit_test(a_picture_becomes_a_jpeg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
