/* test_render.c: the steps from stored values to a picture, each beside a plain twin or a picture
 * worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "render.h"

enum { MOST = 1 << 24 };

static uint32_t dice_state;

static uint32_t dice(uint32_t sides) /* 0 to sides - 1 */
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(dice_state >> 4) * sides >> 28);
}

static void *noise(size_t length)
{
    uint8_t *bytes = malloc(length ? length : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)dice(256);
    return bytes;
}

/* A frame of these bytes, in an exact copy so that the sanitizer sees any byte too many. */
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
    assert_non_null(f.pixels.bytes);
    memcpy(f.pixels.bytes, bytes, length);
    f.pixels.length = length;
    return f;
}

/* Eight bits that are shown as they are. */
static struct yq_frame bytes_of(unsigned rows, unsigned columns, const void *bytes)
{
    struct yq_frame f = frame_of("MONOCHROME2", rows, columns, 8, bytes, (size_t)rows * columns);
    f.look.window_count = 1;
    f.look.windows[0] = (struct yq_window){127.5, 255};
    f.look.function = YQ_VOI_LINEAR_EXACT;
    return f;
}

static struct yq_picture shown(const struct yq_frame *f, const struct yq_view *view)
{
    struct yq_picture picture;
    struct yq_err err = {0};
    if (!yq_image_render(f, view, MOST, &picture, &err))
        fail_msg("%s", err.text);
    return picture;
}

static void shows(const struct yq_frame *f, const struct yq_view *view, unsigned rows,
                  const uint8_t *expected, size_t length)
{
    struct yq_picture picture = shown(f, view);
    assert_int_equal(picture.rows, rows);
    assert_int_equal(picture.pixels.length, length);
    assert_memory_equal(picture.pixels.bytes, expected, length);
    yq_picture_fini(&picture);
}
#define SHOWS(f, view, rows, ...)                                                                  \
    shows(f, view, rows, (const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

/* ---- inner loops ---- */

static void lines_do_what_their_twins_do(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count += 1 + dice(7)) {
        unsigned odd = dice(2), shift = dice(16), weight = dice(32769);
        uint16_t mask = (uint16_t)dice(65536), flip = (uint16_t)dice(65536);
        uint8_t *cells = noise(2 * count + odd), *table = noise(65536);
        uint8_t *out = noise(count);
        uint16_t *words = noise(2 * count);
        uint32_t *sums = noise(4 * count), *before = noise(4 * count);
        const uint8_t *at = cells + odd; /* at any alignment */

        yq_line_through8(at, count, table, out);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(out[i], table[at[i]]);
        yq_line_through16(at, count, table, out);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(out[i], table[yq_le16(at + 2 * i)]);
        yq_line_unpack16(at, count, shift, mask, flip, words);
        uint16_t low = 0xffff, high = 0, least = 0xffff, most = 0;
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(words[i], (yq_le16(at + 2 * i) >> shift & mask) ^ flip);
            least = words[i] < least ? words[i] : least;
            most = words[i] > most ? words[i] : most;
        }
        yq_line_range16(words, count, &low, &high);
        assert_int_equal(low, least);
        assert_int_equal(high, most);
        for (size_t i = 0; i < count; i++)
            before[i] = sums[i] = sums[i] % (255 << 14);
        yq_line_add(sums, at, count, (uint16_t)weight);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(sums[i], before[i] + weight * at[i]);
        for (size_t i = 0; i < count; i++)
            sums[i] %= (255 << 15) + 1;
        yq_line_settle(sums, count, words);
        yq_line_round(words, count, out);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(words[i], (sums[i] + 64) / 128);
            assert_int_equal(out[i], (words[i] + 128) / 256);
        }
        const uint8_t *four[] = {at, cells, out, table};
        uint16_t weights[4] = {0};
        for (unsigned i = 0, left = 32768; i < 4; i++) {
            weights[i] = (uint16_t)(i < 3 ? dice(left + 1) : left);
            left -= weights[i];
        }
        yq_line_mix4(four, weights, count, words);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(words[i], (weights[0] * at[i] + weights[1] * cells[i] +
                                        weights[2] * out[i] + weights[3] * table[i] + 64) /
                                           128);
        weights[1] = 32768 - weights[0];
        yq_line_mix2(at, table, weights, count, words);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(words[i], (weights[0] * at[i] + weights[1] * table[i] + 64) / 128);
        free(cells);
        free(table);
        free(out);
        free(words);
        free(sums);
        free(before);
    }
}

static void pixels_across_a_line(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        enum { SIZE = 50, COUNT = 33 };
        unsigned taps = 1 + dice(7), samples = dice(2) ? 3 : 1;
        uint16_t values[(SIZE + 8) * 3], weights[COUNT * 8];
        uint32_t firsts[COUNT];
        uint8_t out[COUNT * 3];
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            values[i] = (uint16_t)dice(255 * 256 + 1);
        for (unsigned i = 0; i < COUNT; i++) {
            firsts[i] = dice(SIZE);
            for (unsigned t = 0, left = 32768; t < taps; t++, left -= weights[i * taps + t - 1])
                weights[i * taps + t] = (uint16_t)(t + 1 < taps ? dice(left + 1) : left);
        }
        yq_line_across(values, firsts, weights, COUNT, taps, samples, out);
        for (unsigned i = 0; i < COUNT; i++)
            for (unsigned s = 0; s < samples; s++) {
                uint64_t sum = 1 << 22;
                for (unsigned t = 0; t < taps; t++)
                    sum += (uint64_t)weights[i * taps + t] * values[(firsts[i] + t) * samples + s];
                assert_int_equal(out[i * samples + s], sum >> 23);
            }
    }
}

/* ---- tones ---- */

static struct yq_lut lut_of(unsigned entries, int first, unsigned bits)
{
    struct yq_lut lut = {.entries = entries, .first = first, .bits = bits};
    lut.values = malloc(entries * sizeof *lut.values);
    assert_non_null(lut.values);
    for (unsigned i = 0; i < entries; i++)
        lut.values[i] = (uint16_t)dice(1u << bits);
    return lut;
}

static void any_tone(struct tone *tone, struct yq_lut luts[3])
{
    *tone = (struct tone){.slope = (double)dice(2000) / 100 - 10,
                          .intercept = (double)dice(4000) - 2000,
                          .function = (enum yq_voi_function)dice(3),
                          .window = {(double)dice(60000) - 30000, 1 + (double)dice(5000)},
                          .inverse = dice(2)};
    for (unsigned i = 0; i < 3; i++)
        luts[i] = lut_of(1 + dice(5000), (int)dice(2000) - 1000, 8 + dice(9));
    tone->modality = dice(4) ? NULL : &luts[0];
    tone->voi = dice(4) ? NULL : &luts[1];
    tone->presentation = dice(4) ? NULL : &luts[2];
}

/* The table says of every cell what one value at a time says. */
static void tables_say_what_values_say(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct tone tone;
        struct yq_lut luts[3];
        any_tone(&tone, luts);
        unsigned allocated = round % 2 ? 16 : 8, stored = 1 + dice(allocated);
        unsigned high = stored - 1 + dice(allocated - stored + 1);
        uint8_t cell[2];
        struct plain plain = {.bytes = cell,
                              .pixels = 1,
                              .bits_allocated = allocated,
                              .bits_stored = stored,
                              .high_bit = high,
                              .is_signed = dice(2)};
        uint8_t *table = yq_tone_table(&tone, &plain);
        assert_non_null(table);
        for (unsigned raw = 0; raw < 1u << allocated; raw++) {
            cell[0] = (uint8_t)raw;
            cell[1] = (uint8_t)(raw >> 8);
            double value = (double)yq_plain_sample(&plain, 0);
            if (table[raw] != yq_tone_value(&tone, value))
                fail_msg("round %u: %g is %u, not %u", round, value, table[raw],
                         yq_tone_value(&tone, value));
        }
        free(table);
        for (unsigned i = 0; i < 3; i++)
            yq_lut_fini(&luts[i]);
    }
}

/* Large images go through tables; they say what one pixel at a time says. */
static void large_images_look_like_small_ones(void **state)
{
    (void)state;
    static const unsigned cells[] = {1, 8, 16};
    for (unsigned round = 0; round < 12; round++) {
        unsigned bits = cells[round % 3], side = 80;
        size_t length = (size_t)side * side * bits / 8;
        uint8_t *bytes = noise(length);
        struct yq_frame f =
            frame_of(round < 6 ? "PALETTE COLOR" : "MONOCHROME2", side, side, bits, bytes, length);
        f.is_signed = round % 2;
        if (bits > 1) {
            f.bits_stored = bits - 3;
            f.high_bit = bits - 1 - dice(4);
        }
        f.look.window_count = 1;
        f.look.windows[0] = (struct yq_window){dice(100), 2 + dice(400)};
        for (unsigned i = 0; round < 6 && i < 3; i++)
            f.palette[i] = lut_of(1 + dice(3000), (int)dice(20) - 10, 16);
        struct yq_picture large = shown(&f, NULL), small;
        f.rows = 1;
        f.pixels.length = (length + side - 1) / side;
        for (unsigned row = 0; row < side; row++) {
            memcpy(f.pixels.bytes, bytes + length / side * row, length / side);
            small = shown(&f, NULL);
            assert_memory_equal(small.pixels.bytes,
                                large.pixels.bytes + (size_t)row * side * large.samples,
                                (size_t)side * large.samples);
            yq_picture_fini(&small);
        }
        yq_picture_fini(&large);
        yq_frame_fini(&f);
        free(bytes);
    }
}

static void look_up_tables(void **state)
{
    (void)state;
    struct yq_frame f = frame_of("MONOCHROME2", 1, 4, 8, "\0\1\2\3", 4);
    f.look.modality = lut_of(2, 1, 16); /* 0, 1: the first; 2, 3: the second */
    f.look.modality.values[0] = 100;
    f.look.modality.values[1] = 200;
    SHOWS(&f, NULL, 1, 0, 0, 255, 255);
    f.look.voi = calloc(1, sizeof *f.look.voi);
    assert_non_null(f.look.voi);
    f.look.voi_count = 1;
    f.look.voi[0] = lut_of(101, 100, 10);
    f.look.voi[0].values[0] = 1023;
    f.look.voi[0].values[100] = 512;
    SHOWS(&f, NULL, 1, 255, 255, 128, 128);
    f.look.presentation = lut_of(256, 0, 8);
    f.look.presentation.values[255] = 10;
    f.look.presentation.values[128] = 20;
    SHOWS(&f, NULL, 1, 10, 10, 20, 20);
    f.look.inverse = true;
    SHOWS(&f, NULL, 1, 245, 245, 235, 235);
    f.look.inverse = false;
    yq_lut_fini(&f.look.presentation);
    f.look.window_count = 2; /* goes before the table; the first that is one */
    f.look.windows[0] = (struct yq_window){NAN, 100};
    f.look.windows[1] = (struct yq_window){150.5, 51};
    SHOWS(&f, NULL, 1, 0, 0, 255, 255);
    struct yq_view view = {
        .has_window = true, .window = {200, 200}, .function = YQ_VOI_LINEAR_EXACT};
    SHOWS(&f, &view, 1, 0, 0, 128, 128);
    yq_frame_fini(&f);
}

/* Without a window of its own a presentation state shows all that can be stored. */
static void a_state_without_a_window(void **state)
{
    (void)state;
    struct yq_frame f = frame_of("MONOCHROME1", 1, 4, 16, "\0\0\1\0\0\010\377\017", 8);
    struct yq_look look = {.slope = 1, .aspect = 1, .presented = true};
    struct yq_view view = {.look = &look};
    f.bits_stored = 12; /* 0, 1, 2048, 4095 */
    f.high_bit = 11;
    SHOWS(&f, &view, 1, 0, 0, 128, 255);
    f.is_signed = true; /* 0, 1, -2048, -1 */
    SHOWS(&f, &view, 1, 128, 128, 0, 127);
    look.slope = -2;
    look.intercept = 7;
    SHOWS(&f, &view, 1, 127, 127, 255, 128);
    f.is_signed = false;
    look.modality = lut_of(3, 1, 10);
    look.modality.values[0] = 0;
    look.modality.values[1] = 1023;
    look.modality.values[2] = 511;
    SHOWS(&f, &view, 1, 0, 0, 127, 127);
    yq_lut_fini(&look.modality);
    yq_frame_fini(&f);
}

static void wide_and_floating_values(void **state)
{
    (void)state;
    static const float floats[] = {-1.5f, 0, 1.5f, NAN, INFINITY};
    struct yq_frame f = frame_of("MONOCHROME2", 1, 5, 32, floats, sizeof floats);
    f.is_float = true;
    f.bits_stored = f.high_bit = 0; /* it has none */
    SHOWS(&f, NULL, 1, 0, 128, 255, 0, 255);
    yq_frame_fini(&f);
    static const double doubles[] = {1e300, -1e300, 0};
    f = frame_of("MONOCHROME1", 1, 3, 64, doubles, sizeof doubles);
    f.is_float = true;
    SHOWS(&f, NULL, 1, 0, 255, 127);
    f.bits_allocated = 16;
    struct yq_picture picture;
    struct yq_err err = {0};
    assert_false(yq_image_render(&f, NULL, MOST, &picture, &err));
    yq_frame_fini(&f);
    f = frame_of("MONOCHROME2", 1, 8, 1, "\xff", 1); /* a mask that is full */
    SHOWS(&f, NULL, 1, 255, 255, 255, 255, 255, 255, 255, 255);
    yq_frame_fini(&f);
    static const uint32_t deep[] = {0xffffffffu, 0x80000000u, 0};
    f = frame_of("RGB", 1, 1, 32, deep, sizeof deep);
    f.samples = 3;
    SHOWS(&f, NULL, 1, 255, 128, 0);
    yq_frame_fini(&f);
}

/* ---- sizes ---- */

static double overlap(double a, double b, double c, double d)
{
    double low = a > c ? a : c, high = b < d ? b : d;
    return high > low ? high - low : 0;
}

/* What a pixel of the picture should be, in one direction: the weight of pixel `i` of the image. */
static double weight(double from, double to, unsigned count, unsigned index, unsigned i)
{
    double step = (to - from) / count;
    if (step >= 1)
        return overlap(from + index * step, from + (index + 1) * step, i, i + 1) / step;
    double at = from + (index + 0.5) * step - 0.5;
    at = at < from ? from : at > to - 1 ? to - 1 : at;
    double distance = fabs(at - i);
    return distance < 1 ? 1 - distance : 0;
}

static void compare_scaled(const struct yq_frame *f, unsigned left, unsigned top, unsigned right,
                           unsigned bottom, const struct yq_picture *picture)
{
    unsigned n = f->samples;
    for (unsigned y = 0; y < picture->rows; y++)
        for (unsigned x = 0; x < picture->columns; x++)
            for (unsigned s = 0; s < n; s++) {
                double sum = 0;
                for (unsigned j = top; j < bottom; j++) {
                    double down = weight(top, bottom, picture->rows, y, j);
                    for (unsigned i = left; down > 0 && i < right; i++)
                        sum += down * weight(left, right, picture->columns, x, i) *
                               f->pixels.bytes[((size_t)j * f->columns + i) * n + s];
                }
                double is = picture->pixels.bytes[((size_t)y * picture->columns + x) * n + s];
                if (fabs(is - sum) > 0.6)
                    fail_msg("%u, %u of %u by %u is %g, not %g", x, y, picture->columns,
                             picture->rows, is, sum);
            }
}

static void any_size_is_averaged_or_interpolated(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        unsigned rows = 1 + dice(40), columns = 1 + dice(40), samples = round % 2 ? 3 : 1;
        uint8_t *bytes = noise((size_t)rows * columns * samples);
        struct yq_frame f = bytes_of(rows, columns * samples, bytes);
        f.columns = columns;
        f.samples = samples;
        if (samples == 3)
            (void)yq_copy(f.photometric, sizeof f.photometric, "RGB");
        unsigned left = dice(columns), right = left + 1 + dice(columns - left);
        unsigned top = dice(rows), bottom = top + 1 + dice(rows - top);
        struct yq_view view = {.has_region = true,
                               .left = (double)left / columns,
                               .right = (double)right / columns,
                               .top = (double)top / rows,
                               .bottom = (double)bottom / rows,
                               .rows = 1 + dice(60),
                               .columns = 1 + dice(60)};
        struct yq_picture picture = shown(&f, &view);
        assert_true(picture.rows <= view.rows && picture.columns <= view.columns);
        assert_true(picture.rows == view.rows || picture.columns == view.columns);
        compare_scaled(&f, left, top, right, bottom, &picture);
        yq_picture_fini(&picture);
        yq_frame_fini(&f);
        free(bytes);
    }
}

static void has_size(const struct yq_frame *f, const struct yq_view *view, unsigned columns,
                     unsigned rows)
{
    struct yq_picture picture = shown(f, view);
    assert_int_equal(picture.columns, columns);
    assert_int_equal(picture.rows, rows);
    for (size_t i = 0; i < picture.pixels.length; i++)
        assert_int_equal(picture.pixels.bytes[i], 77); /* an even area stays what it was */
    yq_picture_fini(&picture);
}

static void pictures_fit_into_their_viewport(void **state)
{
    (void)state;
    uint8_t even[40 * 20];
    memset(even, 77, sizeof even);
    struct yq_frame f = bytes_of(20, 40, even);
    has_size(&f, NULL, 40, 20);
    has_size(&f, &(struct yq_view){.rows = 10}, 20, 10);
    has_size(&f, &(struct yq_view){.columns = 100}, 100, 50);
    has_size(&f, &(struct yq_view){.rows = 100, .columns = 30}, 30, 15);
    has_size(&f, &(struct yq_view){.rows = 1, .columns = 1}, 1, 1);
    f.look.aspect = 2;          /* pixels are twice as high as wide */
    has_size(&f, NULL, 40, 20); /* PS3.18: one pixel for each value */
    has_size(&f, &(struct yq_view){.rows = 100}, 100, 100);
    struct yq_look look = {.slope = 1, .aspect = 0.5, .presented = true, .rotation = 90};
    look.window_count = 1;
    look.windows[0] = f.look.windows[0];
    look.function = YQ_VOI_LINEAR_EXACT;
    has_size(&f, &(struct yq_view){.look = &look}, 20, 80);
    has_size(&f, &(struct yq_view){.look = &look, .rows = 40}, 10, 40);
    look.aspect = 1;
    look.has_area = true;
    look.area = (struct yq_area){.mode = YQ_AREA_MAGNIFY,
                                 .left = 11,
                                 .top = 1,
                                 .right = 20,
                                 .bottom = 20,
                                 .magnification = 1.5};
    has_size(&f, &(struct yq_view){.look = &look}, 30, 15);
    struct yq_view half = {.look = &look, .has_region = true, .right = 0.5, .bottom = 1};
    has_size(&f, &half, 15, 15);
    yq_frame_fini(&f);
}

static void hostile_views_do_no_harm(void **state)
{
    (void)state;
    static const double odd[] = {NAN, -INFINITY, INFINITY, -1e300, 1e300, -1, 0, 1e-300, 0.5, 1, 2};
    static const int far[] = {INT32_MIN, -70000, -1, 0, 1, 2, 70000, INT32_MAX};
    struct yq_frame f = bytes_of(3, 5, "abcdefghijklmno");
    for (unsigned round = 0; round < 3000; round++) {
#define ODD() odd[dice(sizeof odd / sizeof *odd)]
#define FAR() far[dice(sizeof far / sizeof *far)]
        int vertices[8] = {FAR(), FAR(), FAR(), FAR(), FAR(), FAR(), FAR(), FAR()};
        uint8_t bits[2] = {0x5a, 0xff};
        struct yq_overlay overlay = {.group = 0x6000,
                                     .rows = 4,
                                     .columns = 4,
                                     .row = FAR(),
                                     .column = FAR(),
                                     .region = dice(2),
                                     .bits = dice(2) ? bits : NULL,
                                     .embedded_bit = dice(40)};
        struct yq_look look = {
            .slope = ODD(),
            .intercept = ODD(),
            .aspect = ODD(),
            .presented = dice(2),
            .rotation = dice(5) * 90,
            .flipped = dice(2),
            .has_area = dice(2),
            .area = {(enum yq_area_mode)dice(3), FAR(), FAR(), FAR(), FAR(), ODD(), {ODD(), ODD()}},
            .shutter = {dice(2), dice(2), FAR(), FAR(), FAR(), FAR(), FAR(), FAR(), FAR(), dice(5),
                        vertices, dice(2) ? 0x6000 : 0, 0x8000},
            .overlay_count = 1,
            .overlays = &overlay};
        struct yq_view view = {.has_window = dice(2),
                               .window = {ODD(), ODD()},
                               .has_region = dice(2),
                               .left = ODD(),
                               .top = ODD(),
                               .right = ODD(),
                               .bottom = ODD(),
                               .rows = dice(3) ? dice(9) : UINT32_MAX,
                               .columns = dice(3) ? dice(9) : 0,
                               .look = dice(4) ? &look : NULL};
        struct yq_picture picture;
        struct yq_err err = {0};
        if (yq_image_render(&f, &view, 1 << 12, &picture, &err)) {
            assert_true(picture.pixels.length <= 1 << 12);
            yq_picture_fini(&picture);
        } else {
            assert_true(err.code == YQ_FULL || err.code == YQ_BAD_INPUT);
        }
    }
    yq_frame_fini(&f);
}

/* ---- turning ---- */

static void turned_and_flipped(void **state)
{
    (void)state;
    static const struct {
        unsigned rotation;
        bool flipped;
        const char *rows; /* the letters, row by row */
        unsigned high;
    } cases[] = {{0, false, "abcdef", 2},   {90, false, "daebfc", 3}, {180, false, "fedcba", 2},
                 {270, false, "cfbead", 3}, {0, true, "cbafed", 2},   {90, true, "adbecf", 3},
                 {180, true, "defabc", 2},  {270, true, "fcebda", 3}};
    struct yq_frame f = bytes_of(2, 3, "abcdef");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_look look = f.look;
        look.presented = true;
        look.rotation = cases[i].rotation;
        look.flipped = cases[i].flipped;
        struct yq_view view = {.look = &look};
        shows(&f, &view, cases[i].high, (const uint8_t *)cases[i].rows, 6);
        /* A point goes where its pixel goes; here that of the b. */
        struct place place;
        struct yq_err err = {0};
        double column, row;
        assert_true(yq_place_find(&place, &f, &look, &view, MOST, &err));
        yq_place_point(&place, 1.5, 0.5, &column, &row);
        unsigned wide = 6 / cases[i].high;
        assert_int_equal(cases[i].rows[(unsigned)row * wide + (unsigned)column], 'b');
        /* A region is one of the turned picture. */
        view.has_region = true;
        view.right = 1.0 / wide;
        view.bottom = 1.0 / cases[i].high;
        shows(&f, &view, 1, (const uint8_t *)cases[i].rows, 1);
    }
    yq_frame_fini(&f);
}

static void big_pictures_are_turned_in_blocks(void **state)
{
    (void)state;
    unsigned rows = 70, columns = 101;
    uint8_t *bytes = noise((size_t)rows * columns * 3);
    struct yq_frame f = frame_of("RGB", rows, columns, 8, bytes, (size_t)rows * columns * 3);
    f.samples = 3;
    struct yq_look look = {.slope = 1, .aspect = 1, .presented = true, .rotation = 90};
    struct yq_picture picture = shown(&f, &(struct yq_view){.look = &look});
    for (unsigned y = 0; y < rows; y++)
        for (unsigned x = 0; x < columns; x++)
            assert_memory_equal(picture.pixels.bytes + ((size_t)x * rows + rows - 1 - y) * 3,
                                bytes + ((size_t)y * columns + x) * 3, 3);
    yq_picture_fini(&picture);
    yq_frame_fini(&f);
    free(bytes);
}

/* ---- overlays and shutters ---- */

static void overlays_are_white(void **state)
{
    (void)state;
    uint8_t bits[] = {0x03 | 0x08,
                      0}; /* of 3 by 3: the first two, and the left of the second row */
    struct yq_overlay overlays[2] = {
        {.group = 0x6000, .rows = 3, .columns = 3, .row = 1, .column = 2, .bits = bits}};
    struct yq_frame f = bytes_of(2, 3, "\0\1\2\3\4\5");
    f.look.overlays = overlays;
    f.look.overlay_count = 1;
    SHOWS(&f, NULL, 2, 0, 255, 255, 3, 255, 5);
    overlays[0].row = 0; /* its first row lies above the image */
    overlays[0].column = 1;
    SHOWS(&f, NULL, 2, 255, 1, 2, 3, 4, 5);
    overlays[0].region = true; /* an outline */
    overlays[0].row = overlays[0].column = 1;
    overlays[0].rows = 2;
    bits[0] = 0x3f;
    SHOWS(&f, NULL, 2, 255, 255, 255, 255, 255, 255);
    overlays[0].rows = 3;
    overlays[0].row = overlays[0].column = 0;
    bits[0] = 0xff;
    bits[1] = 1;
    SHOWS(&f, NULL, 2, 4 - 4, 255, 2, 255, 255, 5);
    f.look.overlays = NULL;
    f.look.overlay_count = 0;
    yq_frame_fini(&f);

    static const uint16_t cells[] = {0x8000, 0x00ff, 0x4000}; /* in bits that are not stored */
    f = frame_of("MONOCHROME2", 1, 3, 16, cells, sizeof cells);
    f.bits_stored = 8;
    f.high_bit = 7;
    overlays[0] = (struct yq_overlay){
        .group = 0x6000, .rows = 1, .columns = 3, .row = 1, .column = 1, .embedded_bit = 15};
    overlays[1] = overlays[0];
    overlays[1].embedded_bit = 14;
    f.look.overlays = overlays;
    f.look.overlay_count = 1;
    SHOWS(&f, NULL, 1, 255, 255, 0);
    f.look.overlay_count = 2;
    SHOWS(&f, NULL, 1, 255, 255, 255);
    overlays[0].embedded_bit = 16; /* there is no such bit */
    f.look.overlay_count = 1;
    SHOWS(&f, NULL, 1, 0, 255, 0);
    f.look.overlays = NULL;
    f.look.overlay_count = 0;
    yq_frame_fini(&f);
}

static void shutters_hide(void **state)
{
    (void)state;
    uint8_t bytes[25], ring[4] = {0};
    memset(bytes, 9, sizeof bytes);
    struct yq_frame f = bytes_of(5, 5, bytes);
    struct yq_shutter *shutter = &f.look.shutter;
    *shutter = (struct yq_shutter){
        .rectangular = true, .left = 2, .right = 3, .upper = 2, .lower = 4, .grey = 0x8000};
    SHOWS(&f, NULL, 5, 128, 128, 128, 128, 128, 128, 9, 9, 128, 128, 128, 9, 9, 128, 128, 128, 9, 9,
          128, 128, 128, 128, 128, 128, 128);
    *shutter =
        (struct yq_shutter){.circular = true, .center_row = 3, .center_column = 3, .radius = 2};
    SHOWS(&f, NULL, 5, 0, 0, 9, 0, 0, 0, 9, 9, 9, 0, 9, 9, 9, 9, 9, 0, 9, 9, 9, 0, 0, 0, 9, 0, 0);
    int corners[] = {1, 1, 1, 5, 5, 1}; /* row, column */
    *shutter = (struct yq_shutter){.vertex_count = 3, .vertices = corners};
    SHOWS(&f, NULL, 5, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 9, 9, 9, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0);
    struct yq_overlay overlay = {
        .group = 0x6002, .rows = 5, .columns = 5, .row = 1, .column = 1, .bits = ring};
    ring[0] = 0x21;
    f.look.overlays = &overlay;
    f.look.overlay_count = 1;
    *shutter = (struct yq_shutter){.overlay_group = 0x6002};
    SHOWS(&f, NULL, 5, 0, 9, 9, 9, 9, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9);
    f.look.overlays = NULL;
    f.look.overlay_count = 0;
    shutter->vertices = NULL;
    yq_frame_fini(&f);
}

/* ---- annotations ---- */

#define FONT "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"

static uint8_t at(const struct yq_picture *picture, unsigned column, unsigned row)
{
    return picture->pixels.bytes[((size_t)row * picture->columns + column) * picture->samples];
}

/* A black image of 100 by 60 with one graphic of white on it. */
static struct yq_picture drawn(enum yq_shape shape, bool filled, bool of_display, float *points,
                               size_t count, struct yq_look *how, unsigned rows)
{
    static const uint8_t nothing[60 * 100];
    struct yq_frame f = bytes_of(60, 100, nothing);
    struct yq_graphic graphic = {shape, filled, of_display, {255, 255, 255}, count, points};
    how->presented = true;
    how->slope = 1;
    how->function = f.look.function;
    how->window_count = 1;
    how->windows[0] = f.look.windows[0];
    how->graphics = &graphic;
    how->graphic_count = 1;
    struct yq_picture picture = shown(&f, &(struct yq_view){.look = how, .rows = rows});
    yq_frame_fini(&f);
    return picture;
}

static void graphics_are_drawn_where_they_belong(void **state)
{
    (void)state;
    struct yq_look look = {.aspect = 1};
    float line[] = {10, 20.5f, 90, 20.5f}; /* along the middle of row 20 */
    struct yq_picture p = drawn(YQ_SHAPE_POLYLINE, false, false, line, 2, &look, 0);
    assert_int_equal(p.samples, 1);
    assert_int_equal(at(&p, 50, 20), 255);
    assert_int_equal(at(&p, 50, 25), 0);
    assert_int_equal(at(&p, 5, 20), 0);
    assert_int_equal(at(&p, 95, 20), 0);
    yq_picture_fini(&p);

    p = drawn(YQ_SHAPE_POLYLINE, false, false, line, 2, &look, 120); /* twice as large */
    assert_true(at(&p, 100, 40) > 100 || at(&p, 100, 41) > 100);
    yq_picture_fini(&p);

    float share[] = {0, 0.25f, 1, 0.25f};
    look.rotation = 90; /* 60 wide, 100 high; the display is what is seen */
    p = drawn(YQ_SHAPE_POLYLINE, false, true, share, 2, &look, 0);
    assert_int_equal(p.columns, 60);
    assert_true(at(&p, 30, 24) > 100 || at(&p, 30, 25) > 100);
    yq_picture_fini(&p);
    p = drawn(YQ_SHAPE_POLYLINE, false, false, line, 2, &look, 0); /* it turns with the image */
    assert_int_equal(at(&p, 60 - 1 - 20, 50), 255);
    yq_picture_fini(&p);
    look.rotation = 0;

    float circle[] = {50.5f, 30.5f, 60.5f, 30.5f};
    p = drawn(YQ_SHAPE_CIRCLE, false, false, circle, 2, &look, 0);
    assert_true(at(&p, 60, 30) > 200 && at(&p, 40, 30) > 200 && at(&p, 50, 20) > 200);
    assert_int_equal(at(&p, 50, 30), 0);
    yq_picture_fini(&p);
    p = drawn(YQ_SHAPE_CIRCLE, true, false, circle, 2, &look, 0);
    assert_in_range(at(&p, 50, 30), 50, 200); /* the image is seen through it */
    yq_picture_fini(&p);
    float ellipse[] = {30.5f, 30.5f, 70.5f, 30.5f, 50.5f, 20.5f, 50.5f, 40.5f};
    p = drawn(YQ_SHAPE_ELLIPSE, false, false, ellipse, 4, &look, 0);
    assert_true(at(&p, 30, 30) > 200 && at(&p, 70, 30) > 200 && at(&p, 50, 20) > 200);
    assert_int_equal(at(&p, 50, 30), 0);
    yq_picture_fini(&p);
    float curve[] = {10.5f, 30.5f, 50.5f, 10.5f, 90.5f, 30.5f};
    p = drawn(YQ_SHAPE_CURVE, false, false, curve, 3, &look, 0);
    assert_true(at(&p, 10, 30) > 200 && at(&p, 50, 10) > 200 && at(&p, 90, 30) > 200);
    yq_picture_fini(&p);
    p = drawn(YQ_SHAPE_POINT, false, false, curve, 1, &look, 0);
    assert_int_equal(at(&p, 10, 30), 255);
    yq_picture_fini(&p);
}

static void hostile_graphics_do_no_harm(void **state)
{
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, 0, 50, 1e6f, -7};
    enum { MANY = 100000 };
    float *points = malloc(2 * MANY * sizeof *points);
    assert_non_null(points);
    for (unsigned round = 0; round < 40; round++) {
        struct yq_look look = {.aspect = 1, .rotation = 90 * dice(4)};
        size_t count = round < 5 ? MANY : dice(6);
        for (size_t i = 0; i < 2 * count; i++)
            points[i] = round < 5 ? (float)dice(120) : odd[dice(10)];
        struct yq_picture p = drawn((enum yq_shape)(round % 5), dice(2), dice(2),
                                    count ? points : NULL, count, &look, 0);
        yq_picture_fini(&p);
    }
    free(points);
}

static size_t lit(const struct yq_picture *p, unsigned left, unsigned top, unsigned right,
                  unsigned bottom)
{
    size_t count = 0;
    for (unsigned y = top; y < bottom; y++)
        for (unsigned x = left; x < right; x++)
            count += at(p, x, y) > 128;
    return count;
}

static void texts_stand_in_corners_and_boxes(void **state)
{
    (void)state;
    static uint8_t nothing[200 * 200];
    struct yq_frame f = bytes_of(200, 200, nothing);
    struct yq_view view = {.corners = {"\xe5\xbd\xb1\xe6\xa1\xa5\nCT", NULL, "", "w 400"}};
    struct yq_picture p;
    struct yq_err err = {0};
    assert_false(yq_image_render(&f, &view, MOST, &p, &err));
    assert_int_equal(err.code, YQ_REFUSED); /* no font yet */
    assert_false(yq_image_use_font("/nonexistent", &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_false(yq_image_use_font("/proc/self/exe", &err));
    if (access(FONT, R_OK) != 0) {
        yq_frame_fini(&f);
        skip();
    }
    assert_true(yq_image_use_font(FONT, &err));
    p = shown(&f, &view);
    assert_true(lit(&p, 0, 0, 100, 100) > 40);
    assert_int_equal(lit(&p, 100, 0, 200, 100), 0);
    assert_int_equal(lit(&p, 0, 100, 100, 200), 0);
    assert_true(lit(&p, 100, 100, 200, 200) > 20);
    yq_picture_fini(&p);
    memset(f.pixels.bytes, 255, 200 * 200); /* on white it has a rim */
    p = shown(&f, &view);
    assert_true(200 * 200 - lit(&p, 0, 0, 200, 200) > 60);
    yq_picture_fini(&p);

    struct yq_caption caption = {.text = (char[]){"\xff\xc3\nred\xe5\xbd"},
                                 .has_box = true,
                                 .box = {20, 30, 120, 60},
                                 .has_anchor = true,
                                 .anchor = {150, 150},
                                 .anchor_visible = true,
                                 .rgb = {255, 0, 0}};
    struct yq_look look = f.look;
    look.captions = &caption;
    look.caption_count = 1;
    view = (struct yq_view){.look = &look};
    p = shown(&f, &view);
    assert_int_equal(p.samples, 3); /* it has a colour now */
    size_t red = 0;
    for (size_t i = 0; i < p.pixels.length; i += 3)
        red += p.pixels.bytes[i] > 200 && p.pixels.bytes[i + 1] < 60;
    assert_true(red > 50);
    assert_in_range(p.pixels.bytes[(150 * 200 + 150) * 3 + 1], 0, 60);
    yq_picture_fini(&p);
    static const float odd[] = {NAN, INFINITY, -3e38f, 3e38f, 0, 100};
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 4; i++)
            caption.box[i] = odd[dice(6)];
        for (unsigned i = 0; i < 2; i++)
            caption.anchor[i] = odd[dice(6)];
        caption.has_box = dice(2);
        caption.box_of_display = dice(2);
        look.rotation = 90 * dice(4);
        p = shown(&f, &view);
        yq_picture_fini(&p);
    }
    yq_frame_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_do_what_their_twins_do),
        cmocka_unit_test(pixels_across_a_line),
        cmocka_unit_test(tables_say_what_values_say),
        cmocka_unit_test(large_images_look_like_small_ones),
        cmocka_unit_test(look_up_tables),
        cmocka_unit_test(a_state_without_a_window),
        cmocka_unit_test(wide_and_floating_values),
        cmocka_unit_test(any_size_is_averaged_or_interpolated),
        cmocka_unit_test(pictures_fit_into_their_viewport),
        cmocka_unit_test(hostile_views_do_no_harm),
        cmocka_unit_test(turned_and_flipped),
        cmocka_unit_test(big_pictures_are_turned_in_blocks),
        cmocka_unit_test(overlays_are_white),
        cmocka_unit_test(shutters_hide),
        cmocka_unit_test(graphics_are_drawn_where_they_belong),
        cmocka_unit_test(hostile_graphics_do_no_harm),
        cmocka_unit_test(texts_stand_in_corners_and_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
