/* blank.c: what is blanked is black, what is not stays, in pixels of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/image.h"

enum { ROWS = 6, COLUMNS = 8 };
static const struct yq_blank blanks[] = {{2, 1, 3, 2}, {6, 4, 100, 100}, {7, 0, 1, 1}};

static bool is_in(unsigned row, unsigned column)
{
    return (row >= 1 && row < 3 && column >= 2 && column < 5) || (row >= 4 && column >= 6) ||
           (row == 0 && column == 7);
}

static struct yq_frame frame_of(const char *photometric, unsigned samples, unsigned allocated,
                                unsigned stored, size_t length)
{
    struct yq_frame frame = {.rows = ROWS,
                             .columns = COLUMNS,
                             .frames = 1,
                             .samples = samples,
                             .bits_allocated = allocated,
                             .bits_stored = stored,
                             .high_bit = stored - 1};
    (void)yq_copy(frame.photometric, sizeof frame.photometric, photometric);
    memset(yq_buf_room(&frame.pixels, length), 0x55, length);
    frame.pixels.length = length;
    return frame;
}

/* Every sample of the frame; `black` for each of a pixel's. */
static void blanks_to(struct yq_frame *frame, bool outside, const uint32_t black[3])
{
    struct yq_err err;
    unsigned cell = frame->bits_allocated / 8, samples = frame->samples;
    assert_true(yq_image_blank(frame, blanks, 3, outside, &err));
    for (unsigned i = 0; i < ROWS * COLUMNS; i++) {
        bool gone = is_in(i / COLUMNS, i % COLUMNS) != outside;
        for (unsigned s = 0; s < samples; s++) {
            size_t at = frame->planar ? s * ROWS * COLUMNS + i : i * samples + s;
            uint32_t value = 0;
            memcpy(&value, frame->pixels.bytes + at * cell, cell);
            assert_int_equal(value, gone ? black[s] : 0x55555555u >> (32 - 8 * cell));
        }
    }
    yq_buf_fini(&frame->pixels);
}

static void black_is_black_in_every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *photometric;
        unsigned samples, allocated, stored;
        bool is_signed, planar;
        uint32_t black[3];
    } kinds[] = {
        {"MONOCHROME2", 1, 8, 8, false, false, {0}},
        {"MONOCHROME2", 1, 16, 12, false, false, {0}},
        {"MONOCHROME2", 1, 16, 12, true, false, {0x800}},
        {"MONOCHROME2", 1, 32, 32, true, false, {0x80000000}},
        {"MONOCHROME1", 1, 16, 10, false, false, {0x3ff}},
        {"MONOCHROME1", 1, 16, 10, true, false, {0x1ff}},
        {"PALETTE COLOR", 1, 8, 8, false, false, {0}},
        {"RGB", 3, 8, 8, false, false, {0, 0, 0}},
        {"RGB", 3, 8, 8, false, true, {0, 0, 0}},
        {"YBR_FULL", 3, 8, 8, false, false, {0, 128, 128}},
        {"YBR_FULL", 3, 8, 8, false, true, {0, 128, 128}},
        {"YBR_FULL_422", 3, 8, 8, false, false, {0, 128, 128}},
        {"RGB", 3, 16, 16, false, false, {0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int outside = 0; outside < 2; outside++) {
            size_t length = ROWS * COLUMNS * kinds[i].samples * kinds[i].allocated / 8;
            struct yq_frame frame = frame_of(kinds[i].photometric, kinds[i].samples,
                                             kinds[i].allocated, kinds[i].stored, length);
            frame.is_signed = kinds[i].is_signed;
            frame.planar = kinds[i].planar;
            blanks_to(&frame, outside, kinds[i].black);
        }
    }
}

static void single_bits_go_one_by_one(void **state)
{
    (void)state;
    struct yq_frame frame = frame_of("MONOCHROME2", 1, 1, 1, ROWS * COLUMNS / 8);
    struct yq_err err;
    memset(frame.pixels.bytes, 0xff, frame.pixels.length);
    assert_true(yq_image_blank(&frame, blanks, 3, false, &err));
    for (unsigned i = 0; i < ROWS * COLUMNS; i++)
        assert_int_equal(frame.pixels.bytes[i / 8] >> (i % 8) & 1,
                         !is_in(i / COLUMNS, i % COLUMNS));
    yq_buf_fini(&frame.pixels);
}

static void pixels_that_share_their_colour_go_together(void **state)
{
    (void)state;
    struct yq_frame frame = frame_of("YBR_FULL_422", 3, 8, 8, ROWS * COLUMNS * 2);
    struct yq_err err;
    assert_true(yq_image_blank(&frame, blanks, 3, false, &err));
    for (unsigned i = 0; i < ROWS * COLUMNS; i += 2) {
        const uint8_t *at = frame.pixels.bytes + i / 2 * 4;
        bool gone = is_in(i / COLUMNS, i % COLUMNS) || is_in((i + 1) / COLUMNS, (i + 1) % COLUMNS);
        assert_int_equal(at[0], gone ? 0 : 0x55);
        assert_int_equal(at[1], gone ? 0 : 0x55);
        assert_int_equal(at[2], gone ? 128 : 0x55);
        assert_int_equal(at[3], gone ? 128 : 0x55);
    }
    yq_buf_fini(&frame.pixels);
}

static void what_does_not_add_up_is_refused(void **state)
{
    (void)state;
    struct yq_err err;
    struct yq_frame frame = frame_of("MONOCHROME2", 1, 16, 12, ROWS * COLUMNS * 2 - 1);
    assert_false(yq_image_blank(&frame, blanks, 3, false, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    frame.high_bit = 3;
    assert_false(yq_image_blank(&frame, blanks, 3, false, &err));
    frame.high_bit = 11;
    frame.bits_allocated = 12;
    assert_false(yq_image_blank(&frame, blanks, 3, false, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    frame.bits_allocated = 8;
    frame.bits_stored = 8;
    frame.high_bit = 7;
    (void)yq_copy(frame.codestream_syntax, sizeof frame.codestream_syntax, YQ_TS_RLE);
    assert_false(yq_image_blank(&frame, blanks, 3, false, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    yq_buf_fini(&frame.pixels);
}

static void unused_bits_are_emptied(void **state)
{
    (void)state;
    struct yq_frame frame = frame_of("MONOCHROME2", 1, 16, 12, ROWS * COLUMNS * 2);
    memset(frame.pixels.bytes, 0xff, frame.pixels.length);
    yq_image_trim(&frame);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        assert_int_equal(yq_le16(frame.pixels.bytes + 2 * i), 0x0fff);
    frame.bits_stored = 8;
    frame.high_bit = 11;
    yq_image_trim(&frame);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        assert_int_equal(yq_le16(frame.pixels.bytes + 2 * i), 0x0ff0);
    yq_buf_fini(&frame.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(black_is_black_in_every_kind),
        cmocka_unit_test(single_bits_go_one_by_one),
        cmocka_unit_test(pixels_that_share_their_colour_go_together),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(unused_bits_are_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
