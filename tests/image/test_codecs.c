/* test_codecs.c: frames into codestreams and back. Without loss every bit comes back, whatever the
 * shape; with loss the difference stays within what was asked for; codestreams that are cut or
 * damaged give an error or the pixels, never half of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/image.h"
#include "yq/uid.h"

enum { MOST = 1 << 22 };

/* ---- frames of all shapes ---- */

static uint32_t seed = 20260801;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

static int64_t sample_of(const struct yq_frame *f, size_t index)
{
    const uint8_t *p = f->pixels.bytes + index * (f->bits_allocated / 8);
    uint32_t raw = f->bits_allocated == 8 ? *p : f->bits_allocated == 16 ? yq_le16(p) : yq_le32(p);
    unsigned up = 31 - f->high_bit, down = 32 - f->bits_stored;
    return f->is_signed ? (int32_t)(raw << up) >> down : (int64_t)((raw << up) >> down);
}

static size_t samples_of(const struct yq_frame *f)
{
    return (size_t)f->rows * f->columns * f->samples;
}

/* What an image has: slopes, edges, noise, flat areas. `dirty`: the other bits of a cell are used,
 * too. */
static struct yq_frame frame_of(unsigned rows, unsigned columns, unsigned samples,
                                unsigned allocated, unsigned stored, unsigned high, bool is_signed,
                                bool planar, bool dirty)
{
    struct yq_frame f = {.rows = rows,
                         .columns = columns,
                         .frames = 1,
                         .samples = samples,
                         .bits_allocated = allocated,
                         .bits_stored = stored,
                         .high_bit = high,
                         .is_signed = is_signed,
                         .planar = planar && samples > 1,
                         .look.slope = 1,
                         .look.aspect = 1};
    (void)yq_copy(f.photometric, sizeof f.photometric, samples == 1 ? "MONOCHROME2" : "RGB");
    unsigned cell = allocated / 8, kind = draw(4);
    size_t count = samples_of(&f);
    uint8_t *p = yq_buf_room(&f.pixels, count * cell);
    assert_non_null(p);
    uint64_t range = (uint64_t)1 << stored;
    for (size_t i = 0; i < count; i++, p += cell) {
        uint64_t slope = range * (i % (columns * samples)) / ((size_t)columns * samples);
        uint64_t value = kind == 0   ? slope
                         : kind == 1 ? draw((uint32_t)(range > 1u << 28 ? 1u << 28 : range))
                         : kind == 2 ? (slope + draw(4)) % range
                                     : (i / 50 % 2) * (range - 1);
        uint32_t raw = (uint32_t)value;
        if (is_signed) /* as devices write it, down to the top of the cell */
            raw = (uint32_t)((int32_t)(raw << (32 - stored)) >> (32 - stored));
        raw <<= high + 1 - stored;
        if (dirty)
            raw ^= draw(1u << 28) & ~(uint32_t)((range - 1) << (high + 1 - stored));
        for (unsigned b = 0; b < cell; b++)
            p[b] = (uint8_t)(raw >> 8 * b);
    }
    return f;
}

static struct yq_frame copy_of(const struct yq_frame *f)
{
    struct yq_frame copy = *f;
    copy.pixels = (struct yq_buf){0};
    yq_buf_put(&copy.pixels, f->pixels.bytes, f->pixels.length);
    return copy;
}

static void encode(struct yq_frame *f, const struct yq_coding *coding)
{
    struct yq_err err = {0};
    if (!yq_image_encode(f, coding, &err))
        fail_msg("%s: %u x %u x %u, %u/%u/%u: %s", coding->syntax, f->columns, f->rows, f->samples,
                 f->bits_allocated, f->bits_stored, f->high_bit, err.text);
}

static void decode(struct yq_frame *f)
{
    struct yq_err err = {0};
    struct yq_buf exact = {.bytes = malloc(f->pixels.length), .length = f->pixels.length};
    memcpy(exact.bytes, f->pixels.bytes, exact.length); /* so that a byte too many is seen */
    yq_buf_fini(&f->pixels);
    f->pixels = exact;
    if (!yq_image_decode(f, 0, MOST, &err))
        fail_msg("%s: %u x %u x %u, %u/%u/%u: %s", f->codestream_syntax, f->columns, f->rows,
                 f->samples, f->bits_allocated, f->bits_stored, f->high_bit, err.text);
    assert_string_equal(f->codestream_syntax, "");
}

static void same_attributes(const struct yq_frame *a, const struct yq_frame *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->samples, b->samples);
    assert_int_equal(a->bits_allocated, b->bits_allocated);
    assert_int_equal(a->bits_stored, b->bits_stored);
    assert_int_equal(a->high_bit, b->high_bit);
    assert_int_equal(a->is_signed, b->is_signed);
    assert_string_equal(a->photometric, b->photometric);
}

/* Sample `i` counted by pixel, where a frame may be by plane. */
static size_t place(const struct yq_frame *f, size_t i)
{
    size_t pixels = (size_t)f->rows * f->columns;
    return f->planar ? i % f->samples * pixels + i / f->samples : i;
}

/* Every bit of every cell. */
static void same_cells(const char *what, const struct yq_frame *a, const struct yq_frame *b)
{
    unsigned cell = a->bits_allocated / 8;
    same_attributes(a, b);
    assert_true(b->pixels.length >= samples_of(b) * cell);
    for (size_t i = 0; i < samples_of(a); i++)
        if (memcmp(a->pixels.bytes + place(a, i) * cell, b->pixels.bytes + place(b, i) * cell,
                   cell))
            fail_msg("%s: sample %zu of %u x %u x %u, %u/%u/%u %d: %lld is %lld", what, i,
                     a->columns, a->rows, a->samples, a->bits_allocated, a->bits_stored,
                     a->high_bit, a->is_signed, (long long)sample_of(a, place(a, i)),
                     (long long)sample_of(b, place(b, i)));
}

static int64_t difference(const struct yq_frame *a, const struct yq_frame *b)
{
    int64_t most = 0;
    assert_int_equal(samples_of(a), samples_of(b));
    for (size_t i = 0; i < samples_of(a); i++) {
        int64_t d = llabs(sample_of(a, place(a, i)) - sample_of(b, place(b, i)));
        most = d > most ? d : most;
    }
    return most;
}

static struct yq_frame any_frame(unsigned allocated)
{
    unsigned stored = 1 + draw(allocated), high = stored - 1;
    bool is_signed = draw(3) == 0 && stored > 1, dirty = false;
    if (stored < allocated && draw(4) == 0)
        high += 1 + draw(allocated - stored);
    if (stored < allocated)
        dirty = draw(4) == 0;
    unsigned rows = 1 + draw(70), columns = 1 + draw(70);
    return frame_of(rows, columns, draw(2) ? 3 : 1, allocated, stored, high, is_signed, draw(2),
                    dirty);
}

static void there_and_back(const char *syntax, unsigned allocated)
{
    struct yq_frame f = any_frame(allocated), copy = copy_of(&f);
    encode(&copy, &(struct yq_coding){.syntax = syntax});
    assert_string_equal(copy.codestream_syntax, syntax);
    decode(&copy);
    same_cells(syntax, &f, &copy);
    yq_frame_fini(&f);
    yq_frame_fini(&copy);
}

static void without_loss_every_bit_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *syntax;
        unsigned widest;
    } table[] = {
        {YQ_TS_RLE, 32},
        {YQ_TS_JPEG_LOSSLESS, 16},
        {YQ_TS_JPEG_LOSSLESS_SV1, 16},
        {YQ_TS_JPEGLS_LOSSLESS, 16},
        {YQ_TS_JPEGLS_NEAR, 16},
        {YQ_TS_J2K_LOSSLESS, 16},
        {YQ_TS_J2K, 16},
    };
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        for (int i = 0; i < 100; i++)
            for (unsigned allocated = 8; allocated <= table[t].widest; allocated *= 2)
                there_and_back(table[t].syntax, allocated);
}

/* JPEG-LS: no sample is farther off than asked for, signed ones at the ends of their range too. */
static void near_lossless_keeps_its_word(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct yq_frame f = any_frame(draw(2) ? 8 : 16), copy = copy_of(&f);
        int near = 1 + (int)draw(5);
        encode(&copy, &(struct yq_coding){.syntax = YQ_TS_JPEGLS_NEAR, .near = near});
        decode(&copy);
        assert_int_equal(copy.is_signed, f.is_signed);
        assert_int_equal(copy.bits_stored, f.bits_stored);
        if (difference(&f, &copy) > near)
            fail_msg("%lld of %d: %u x %u x %u %u/%u/%u %d", (long long)difference(&f, &copy), near,
                     f.columns, f.rows, f.samples, f.bits_allocated, f.bits_stored, f.high_bit,
                     f.is_signed);
        yq_frame_fini(&f);
        yq_frame_fini(&copy);
    }
}

/* Where the codec has no such cells, however few bits are in use. */
static void wide_cells_are_refused(void **state)
{
    (void)state;
    static const char *const syntaxes[] = {YQ_TS_JPEGLS_LOSSLESS, YQ_TS_JPEG_LOSSLESS};
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++) {
        struct yq_frame f = frame_of(10, 10, 1, 32, 12, 11, false, false, false);
        struct yq_err err = {0};
        assert_false(yq_image_encode(&f, &(struct yq_coding){.syntax = syntaxes[i]}, &err));
        assert_int_equal(err.code, YQ_REFUSED);
        yq_frame_fini(&f);
    }
}

/* JPEG 2000 takes what fits into the arithmetic, and refuses the rest. */
static void wide_samples_in_jpeg_2000(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        unsigned bits = 9 + draw(24);
        struct yq_frame f = frame_of(1 + draw(40), 1 + draw(40), i % 2 ? 3 : 1, 32, bits, bits - 1,
                                     draw(2), false, false);
        struct yq_frame copy = copy_of(&f);
        const struct yq_coding coding = {.syntax = YQ_TS_J2K_LOSSLESS};
        struct yq_err err = {0};
        if (bits > 20) {
            assert_false(yq_image_encode(&copy, &coding, &err));
            assert_int_equal(err.code, YQ_REFUSED);
        } else {
            encode(&copy, &coding);
            decode(&copy);
        }
        same_cells(coding.syntax, &f, &copy);
        yq_frame_fini(&f);
        yq_frame_fini(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_lossless_keeps_its_word),
        cmocka_unit_test(wide_cells_are_refused),
        cmocka_unit_test(wide_samples_in_jpeg_2000),
        cmocka_unit_test(without_loss_every_bit_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
