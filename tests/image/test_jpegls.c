/* test_jpegls.c: our JPEG-LS decoder beside CharLS: interleave modes, loss, parameters, colour
 * transforms, any shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <charls/charls.h>
#include <cmocka.h>

#include "yq/image.h"
#include "yq/uid.h"

enum { MOST = 1 << 22 };

struct kind {
    unsigned rows, columns, samples, bits;
    charls_interleave_mode mode;
    charls_color_transformation transform;
    int near;
    charls_jpegls_pc_parameters preset;
};

static uint32_t seed = 3;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

static struct yq_buf pixels_of(const struct kind *kind)
{
    struct yq_buf out = {0};
    uint32_t top = (1u << kind->bits) - 1, nature = draw(4);
    if (kind->preset.maximum_sample_value)
        top = (uint32_t)kind->preset.maximum_sample_value;
    for (unsigned i = 0; i < kind->rows * kind->columns * kind->samples; i++) {
        uint32_t value = nature == 0   ? draw(top + 1)
                         : nature == 1 ? i / 40 % 2 * top
                         : nature == 2 ? (i * 3 + draw(3)) % (top + 1)
                         : draw(30)    ? 1
                                       : draw(top + 1);
        if (kind->bits > 8)
            yq_buf_put_le16(&out, value);
        else
            yq_buf_put(&out, &(uint8_t){(uint8_t)value}, 1);
    }
    return out;
}

static struct yq_buf encoded(const struct kind *kind, const struct yq_buf *pixels)
{
    const struct charls_frame_info info = {kind->columns, kind->rows, (int32_t)kind->bits,
                                           (int32_t)kind->samples};
    struct yq_buf out = {0};
    size_t size = 2 * pixels->length + 4096, written = 0;
    assert_non_null(yq_buf_room(&out, size));
    charls_jpegls_encoder *e = charls_jpegls_encoder_create();
    assert_int_equal(charls_jpegls_encoder_set_frame_info(e, &info), 0);
    assert_int_equal(charls_jpegls_encoder_set_interleave_mode(e, kind->mode), 0);
    assert_int_equal(charls_jpegls_encoder_set_near_lossless(e, kind->near), 0);
    assert_int_equal(charls_jpegls_encoder_set_color_transformation(e, kind->transform), 0);
    if (kind->preset.reset_value)
        assert_int_equal(charls_jpegls_encoder_set_preset_coding_parameters(e, &kind->preset), 0);
    assert_int_equal(charls_jpegls_encoder_set_destination_buffer(e, out.bytes, size), 0);
    assert_int_equal(charls_jpegls_encoder_encode_from_buffer(e, pixels->bytes, pixels->length, 0),
                     0);
    assert_int_equal(charls_jpegls_encoder_get_bytes_written(e, &written), 0);
    charls_jpegls_encoder_destroy(e);
    out.length = written;
    return out;
}

/* By CharLS, colour by pixel. */
static struct yq_buf theirs(const struct kind *kind, const struct yq_buf *stream)
{
    unsigned bytes = kind->bits > 8 ? 2 : 1;
    size_t pixels = (size_t)kind->rows * kind->columns, size = pixels * kind->samples * bytes;
    struct yq_buf raw = {0}, out = {0};
    assert_non_null(yq_buf_room(&raw, size));
    charls_jpegls_decoder *d = charls_jpegls_decoder_create();
    assert_int_equal(charls_jpegls_decoder_set_source_buffer(d, stream->bytes, stream->length), 0);
    assert_int_equal(charls_jpegls_decoder_read_header(d), 0);
    assert_int_equal(charls_jpegls_decoder_decode_to_buffer(d, raw.bytes, size, 0), 0);
    charls_jpegls_decoder_destroy(d);
    if (kind->mode != CHARLS_INTERLEAVE_MODE_NONE || kind->samples == 1)
        return raw;
    for (size_t i = 0; i < pixels; i++)
        for (size_t s = 0; s < kind->samples; s++)
            yq_buf_put(&out, raw.bytes + (s * pixels + i) * bytes, bytes);
    yq_buf_fini(&raw);
    return out;
}

static void both_agree(const struct kind *kind)
{
    struct yq_buf pixels = pixels_of(kind), stream = encoded(kind, &pixels);
    struct yq_buf expected = theirs(kind, &stream);
    struct yq_frame f = {.rows = kind->rows,
                         .columns = kind->columns,
                         .frames = 1,
                         .samples = kind->samples,
                         .bits_allocated = kind->bits > 8 ? 16 : 8,
                         .bits_stored = kind->bits,
                         .high_bit = kind->bits - 1};
    struct yq_err err = {0};
    (void)yq_copy(f.photometric, sizeof f.photometric, kind->samples == 1 ? "MONOCHROME2" : "RGB");
    (void)yq_copy(f.codestream_syntax, sizeof f.codestream_syntax, YQ_TS_JPEGLS_LOSSLESS);
    yq_buf_put(&f.pixels, stream.bytes, stream.length);
    if (!yq_image_decode(&f, 0, MOST, &err))
        fail_msg("%s: %ux%ux%u bits %u mode %d near %d", err.text, kind->columns, kind->rows,
                 kind->samples, kind->bits, kind->mode, kind->near);
    assert_int_equal(f.pixels.length, expected.length);
    for (size_t i = 0; i < expected.length; i++)
        if (f.pixels.bytes[i] != expected.bytes[i])
            fail_msg("not alike: %ux%ux%u bits %u mode %d near %d transform %d", kind->columns,
                     kind->rows, kind->samples, kind->bits, kind->mode, kind->near,
                     kind->transform);
    yq_buf_fini(&pixels);
    yq_buf_fini(&stream);
    yq_buf_fini(&expected);
    yq_frame_fini(&f);
}

static void any_shape(void **state)
{
    (void)state;
    for (int i = 0; i < 1500; i++) {
        struct kind kind = {.rows = 1 + draw(40),
                            .columns = 1 + draw(60),
                            .samples = draw(2) ? 3 : 1,
                            .bits = 2 + draw(15)};
        if (kind.samples == 3)
            kind.mode = (charls_interleave_mode)draw(3);
        if (draw(2))
            kind.near = (int)draw(kind.bits < 8 ? (1u << kind.bits) / 2 : 9);
        both_agree(&kind);
    }
}

static void parameters_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct kind kind = {.rows = 30, .columns = 41, .samples = 1, .bits = 8 + 8 * draw(2)};
        int top = (1 << kind.bits) - 1; /* CharLS aborts on its own shorter ones */
        kind.preset = (charls_jpegls_pc_parameters){.maximum_sample_value = top,
                                                    .threshold1 = 2 + (int)draw(20),
                                                    .threshold2 = 22 + (int)draw(30),
                                                    .threshold3 = 60 + (int)draw(90),
                                                    .reset_value = 3 + (int)draw(200)};
        both_agree(&kind);
    }
}

static void colour_transforms(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++) {
        struct kind kind = {.rows = 20,
                            .columns = 33,
                            .samples = 3,
                            .bits = i % 2 ? 16 : 8,
                            .mode = i % 4 < 2 ? CHARLS_INTERLEAVE_MODE_LINE
                                              : CHARLS_INTERLEAVE_MODE_SAMPLE,
                            .transform = (charls_color_transformation)(1 + i % 3)};
        both_agree(&kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_shape),
        cmocka_unit_test(parameters_of_their_own),
        cmocka_unit_test(colour_transforms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
