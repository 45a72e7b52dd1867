/* test_lossless.c: lossless JPEG of every predictor, precision and layout, as an encoder of this
 * file writes it, comes back bit for bit; what is cut off or broken ends in an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/image.h"

enum { MOST = 1 << 20 };

struct shape {
    unsigned rows, columns, samples, precision, predictor, shift, restart_rows;
    bool apart; /* a scan for each component */
};

static uint32_t random_state = 1;

static unsigned next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state >> 8;
}

/* ---- an encoder ---- */

struct out {
    struct yq_buf *buf;
    uint32_t word;
    unsigned have;
};

static void put_byte(struct out *out, unsigned byte)
{
    uint8_t b = (uint8_t)byte;
    yq_buf_put(out->buf, &b, 1);
}

static void put_bits(struct out *out, unsigned value, unsigned count)
{
    while (count--) {
        out->word = out->word << 1 | (value >> count & 1);
        if (++out->have < 8)
            continue;
        put_byte(out, out->word & 255);
        if ((out->word & 255) == 255)
            put_byte(out, 0);
        out->have = 0;
    }
}

static void align(struct out *out)
{
    while (out->have)
        put_bits(out, 1, 1);
}

/* The code of a category: two lengths, so that some are longer than what is looked ahead. Of the
 * 17 categories the first 6 have 4 bits, the others 14. */
static void put_difference(struct out *out, int difference)
{
    difference = (int16_t)difference;
    unsigned magnitude = (unsigned)abs(difference), size = 0;
    while (magnitude >> size)
        size++;
    if (size < 6)
        put_bits(out, size, 4);
    else
        put_bits(out, (6u << 10) + (size - 6), 14);
    if (size && size < 16)
        put_bits(out, (unsigned)(difference < 0 ? difference + (1 << size) - 1 : difference), size);
}

static int predicted(const struct shape *s, const uint16_t *plane, unsigned y, unsigned x)
{
    unsigned first = s->restart_rows ? y - y % s->restart_rows : 0, w = s->columns;
    if (x == 0 && y == first)
        return 1 << (s->precision - s->shift - 1);
    const uint16_t *p = plane + (size_t)y * w + x;
    if (y == first)
        return p[-1];
    if (x == 0)
        return *(p - w);
    int a = p[-1], b = *(p - w), c = *(p - w - 1);
    int all[] = {0, a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) / 2};
    return all[s->predictor];
}

static void put_scan(struct out *out, const struct shape *s, uint16_t *const *planes,
                     unsigned first, unsigned count)
{
    put_byte(out, 0xff), put_byte(out, 0xda);
    yq_buf_put_be16(out->buf, 6 + 2 * count);
    put_byte(out, count);
    for (unsigned c = first; c < first + count; c++)
        put_byte(out, 7 + c), put_byte(out, 0x10); /* table 1 */
    put_byte(out, s->predictor), put_byte(out, 0), put_byte(out, s->shift);
    for (unsigned y = 0, restarts = 0; y < s->rows; y++) {
        if (s->restart_rows && y && y % s->restart_rows == 0) {
            align(out);
            put_byte(out, 0xff), put_byte(out, 0xd0 + restarts++ % 8);
        }
        for (unsigned x = 0; x < s->columns; x++)
            for (unsigned c = first; c < first + count; c++)
                put_difference(out, planes[c][(size_t)y * s->columns + x] -
                                        predicted(s, planes[c], y, x));
    }
    align(out);
}

static void encode(const struct shape *s, uint16_t *const *planes, struct yq_buf *buf)
{
    struct out out = {.buf = buf};
    yq_buf_put_be16(buf, 0xffd8);
    yq_buf_put_be16(buf, 0xffc4);
    yq_buf_put_be16(buf, 2 + 17 + 17);
    put_byte(&out, 0x01);
    for (unsigned size = 1; size <= 16; size++)
        put_byte(&out, size == 4 ? 6 : size == 14 ? 11 : 0);
    for (unsigned category = 0; category < 17; category++)
        put_byte(&out, category);
    if (s->restart_rows) {
        yq_buf_put_be16(buf, 0xffdd);
        yq_buf_put_be16(buf, 4);
        yq_buf_put_be16(buf, s->restart_rows * s->columns);
    }
    yq_buf_put_be16(buf, 0xffc3);
    yq_buf_put_be16(buf, 8 + 3 * s->samples);
    put_byte(&out, s->precision);
    yq_buf_put_be16(buf, s->rows);
    yq_buf_put_be16(buf, s->columns);
    put_byte(&out, s->samples);
    for (unsigned c = 0; c < s->samples; c++)
        put_byte(&out, 7 + c), put_byte(&out, 0x11), put_byte(&out, 0);
    if (s->apart)
        for (unsigned c = 0; c < s->samples; c++)
            put_scan(&out, s, planes, c, 1);
    else
        put_scan(&out, s, planes, 0, s->samples);
    yq_buf_put_be16(buf, 0xffd9);
}

/* ---- the tests ---- */

static struct yq_frame frame_of(const struct shape *s)
{
    struct yq_frame f = {.rows = s->rows,
                         .columns = s->columns,
                         .frames = 1,
                         .samples = s->samples,
                         .bits_allocated = s->precision > 8 ? 16 : 8,
                         .bits_stored = s->precision,
                         .high_bit = s->precision - 1,
                         .look = {.slope = 1, .aspect = 1}};
    (void)yq_copy(f.photometric, sizeof f.photometric, s->samples == 3 ? "RGB" : "MONOCHROME2");
    (void)yq_copy(f.codestream_syntax, sizeof f.codestream_syntax, YQ_TS_JPEG_LOSSLESS);
    return f;
}

/* Noise of changing strength, so that every category is met. */
static void fill(const struct shape *s, uint16_t *plane)
{
    unsigned range = s->precision - s->shift;
    for (size_t i = 0; i < (size_t)s->rows * s->columns; i++)
        plane[i] = (uint16_t)((next_random() & ((1u << range) - 1)) >> (i / 16 % range));
}

static void check(const struct yq_frame *f, const struct shape *s, uint16_t *const *planes)
{
    assert_string_equal(f->codestream_syntax, "");
    for (size_t i = 0; i < (size_t)s->rows * s->columns * s->samples; i++) {
        unsigned want = (unsigned)planes[i % s->samples][i / s->samples] << s->shift;
        unsigned have = s->precision > 8 ? yq_le16(f->pixels.bytes + 2 * i) : f->pixels.bytes[i];
        if (have != (want & 0xffff))
            fail_msg("%ux%ux%u of %u bits, predictor %u: sample %zu is %u, not %u", s->rows,
                     s->columns, s->samples, s->precision, s->predictor, i, have, want);
    }
}

static struct shape any_shape(void)
{
    struct shape s = {.rows = 1 + next_random() % 40,
                      .columns = 1 + next_random() % 40,
                      .samples = next_random() % 3 ? 1 : 3,
                      .precision = 2 + next_random() % 15,
                      .predictor = 1 + next_random() % 7,
                      .apart = next_random() % 2};
    s.shift = next_random() % 4 ? 0 : next_random() % (s.precision - 1);
    s.restart_rows = next_random() % 3 ? 0 : 1 + next_random() % 5;
    return s;
}

static void make(const struct shape *s, uint16_t *planes[3], struct yq_frame *f)
{
    *f = frame_of(s);
    for (unsigned c = 0; c < s->samples; c++) {
        planes[c] = malloc((size_t)s->rows * s->columns * 2);
        assert_non_null(planes[c]);
        fill(s, planes[c]);
    }
    encode(s, planes, &f->pixels);
}

static void drop(const struct shape *s, uint16_t *planes[3], struct yq_frame *f)
{
    for (unsigned c = 0; c < s->samples; c++)
        free(planes[c]);
    yq_frame_fini(f);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (int round = 0; round < 600; round++) {
        struct shape s = any_shape();
        struct yq_frame f;
        uint16_t *planes[3];
        struct yq_err err = {0};
        make(&s, planes, &f);
        if (!yq_image_decode(&f, 0, MOST, &err))
            fail_msg("predictor %u: %s", s.predictor, err.text);
        check(&f, &s, planes);
        drop(&s, planes, &f);
    }
}

static void what_is_cut_off_is_an_error(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct shape s = any_shape();
        struct yq_frame f;
        uint16_t *planes[3];
        struct yq_err err = {0};
        make(&s, planes, &f);
        /* Without the end marker alone it is whole. */
        f.pixels.length -= 3 + next_random() % (f.pixels.length - 3);
        assert_false(yq_image_decode(&f, 0, MOST, &err));
        assert_true(err.code == YQ_BAD_INPUT || err.code == YQ_REFUSED);
        drop(&s, planes, &f);
    }
}

static void broken_streams_do_no_harm(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (int round = 0; round < 3000; round++) {
        struct shape s = any_shape();
        struct yq_frame f;
        uint16_t *planes[3];
        struct yq_err err = {0};
        make(&s, planes, &f);
        for (unsigned i = 0; i < 1 + next_random() % 4; i++)
            f.pixels.bytes[next_random() % f.pixels.length] = (uint8_t)next_random();
        refused += !yq_image_decode(&f, 0, MOST, &err);
        drop(&s, planes, &f);
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(what_is_cut_off_is_an_error),
        cmocka_unit_test(broken_streams_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
