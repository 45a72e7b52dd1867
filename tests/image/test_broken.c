/* test_broken.c: codestreams that are cut off, damaged, or lie about their size: an error or the
 * pixels, never half of them, within bounded memory and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "yq/image.h"
#include "yq/uid.h"

enum { MOST = 1 << 22, ROWS = 23, COLUMNS = 31 };

static const char *const syntaxes[] = {YQ_TS_RLE,
                                       YQ_TS_JPEG_BASELINE,
                                       YQ_TS_JPEG_LOSSLESS,
                                       YQ_TS_JPEG_LOSSLESS_SV1,
                                       YQ_TS_JPEGLS_NEAR,
                                       YQ_TS_J2K_LOSSLESS,
                                       YQ_TS_J2K};
enum { SYNTAXES = sizeof syntaxes / sizeof *syntaxes };

/* A frame of noise over a slope, so that every part of a codestream matters. */
static struct yq_frame coded(const char *syntax, unsigned samples)
{
    bool deep = samples == 1 && strcmp(syntax, YQ_TS_JPEG_BASELINE) != 0;
    struct yq_frame f = {.rows = ROWS,
                         .columns = COLUMNS,
                         .frames = 1,
                         .samples = samples,
                         .bits_allocated = deep ? 16 : 8,
                         .bits_stored = deep ? 12 : 8,
                         .high_bit = deep ? 11 : 7,
                         .look.slope = 1,
                         .look.aspect = 1};
    struct yq_err err = {0};
    uint32_t seed = 7;
    (void)yq_copy(f.photometric, sizeof f.photometric, samples == 1 ? "MONOCHROME2" : "RGB");
    for (unsigned i = 0; i < ROWS * COLUMNS * samples; i++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned value = (i / samples % COLUMNS * 4 + (seed >> 28)) & 0xff;
        if (deep)
            yq_buf_put_le16(&f.pixels, value * 15);
        else
            yq_buf_put(&f.pixels, &(uint8_t){(uint8_t)value}, 1);
    }
    const struct yq_coding coding = {.syntax = syntax, .ratio = 4, .near = 1};
    if (!yq_image_encode(&f, &coding, &err))
        fail_msg("%s: %s", syntax, err.text);
    return f;
}

/* The same with other bytes, in memory of just that size. */
static struct yq_frame with_bytes(const struct yq_frame *f, const uint8_t *bytes, size_t length)
{
    struct yq_frame copy = *f;
    copy.pixels = (struct yq_buf){.bytes = malloc(length ? length : 1), .length = length};
    assert_non_null(copy.pixels.bytes);
    memcpy(copy.pixels.bytes, bytes, length);
    return copy;
}

static bool decodes(struct yq_frame *f, uint64_t most)
{
    struct yq_err err = {0};
    if (yq_image_decode(f, 0, most, &err)) {
        assert_true(f->pixels.length >= (size_t)f->rows * f->columns * f->samples);
        return true;
    }
    if (err.code != YQ_BAD_INPUT && err.code != YQ_REFUSED && err.code != YQ_FULL)
        fail_msg("%s: code %d, %s", f->codestream_syntax, err.code, err.text);
    assert_string_not_equal(f->codestream_syntax, ""); /* unchanged */
    return false;
}

/* Whatever is missing at the end: all pixels or an error. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t s = 0; s < SYNTAXES; s++)
        for (unsigned samples = 1; samples <= 3; samples += 2) {
            struct yq_frame f = coded(syntaxes[s], samples);
            struct yq_frame whole = with_bytes(&f, f.pixels.bytes, f.pixels.length);
            assert_true(decodes(&whole, MOST));
            size_t good = 0;
            for (size_t length = 0; length < f.pixels.length; length++) {
                struct yq_frame cut = with_bytes(&f, f.pixels.bytes, length);
                if (decodes(&cut, MOST)) {
                    good++;
                    assert_int_equal(cut.pixels.length, whole.pixels.length);
                    assert_memory_equal(cut.pixels.bytes, whole.pixels.bytes, whole.pixels.length);
                }
                yq_frame_fini(&cut);
            }
            if (good > 4) /* the end marker, or padding */
                fail_msg("%s decodes without its last %zu bytes", syntaxes[s], good);
            yq_frame_fini(&whole);
            yq_frame_fini(&f);
        }
}

static void any_byte_may_be_another(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (size_t s = 0; s < SYNTAXES; s++)
        for (unsigned samples = 1; samples <= 3; samples += 2) {
            struct yq_frame f = coded(syntaxes[s], samples);
            for (size_t at = 0; at < f.pixels.length; at += at < 150 ? 1 : 7) {
                seed = seed * 1664525u + 1013904223u;
                struct yq_frame other = with_bytes(&f, f.pixels.bytes, f.pixels.length);
                other.pixels.bytes[at] = (uint8_t)(seed >> 24);
                (void)decodes(&other, MOST);
                yq_frame_fini(&other);
            }
            yq_frame_fini(&f);
        }
}

/* ---- sizes that lie ---- */

static uint8_t *find(const struct yq_frame *f, unsigned marker)
{
    for (size_t i = 0; i + 1 < f->pixels.length; i++)
        if (f->pixels.bytes[i] == 0xff && f->pixels.bytes[i + 1] == marker)
            return f->pixels.bytes + i;
    fail_msg("%s has no marker %02x", f->codestream_syntax, marker);
    return NULL;
}

static long peak_kb(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* A few bytes that say 65535 by 65535, as does the dataset; and one of the two alone. */
static void enormous_images_of_a_few_bytes(void **state)
{
    (void)state;
    long before = peak_kb();
    for (size_t s = 0; s < SYNTAXES; s++) {
        struct yq_frame f = coded(syntaxes[s], 1);
        bool j2k = f.pixels.bytes[1] == 0x4f, rle = s == 0;
        uint8_t *p = rle      ? NULL
                     : j2k    ? find(&f, 0x51)
                     : s == 1 ? find(&f, 0xc0)
                     : s == 4 ? find(&f, 0xf7)
                              : find(&f, 0xc3);
        for (int both = 0; both < 2; both++) {
            struct yq_frame big = with_bytes(&f, f.pixels.bytes, f.pixels.length);
            if (p) {
                uint8_t *q = big.pixels.bytes + (p - f.pixels.bytes);
                if (j2k) /* Xsiz, Ysiz */
                    memcpy(q + 6, (const uint8_t[8]){0, 0, 255, 255, 0, 0, 255, 255}, 8);
                else
                    memset(q + 5, 255, 4);
            }
            if (both || rle)
                big.rows = big.columns = 65535;
            assert_false(decodes(&big, MOST));
            yq_frame_fini(&big);
            /* Nor with all the room one could ask for, where the bytes cannot hold so much. */
            big = with_bytes(&f, f.pixels.bytes, f.pixels.length);
            big.rows = big.columns = 65535;
            assert_false(decodes(&big, 1ull << 40));
            yq_frame_fini(&big);
        }
        yq_frame_fini(&f);
    }
    assert_true(peak_kb() - before < 100 * 1024);
}

static void many_tiles_layers_and_precincts(void **state)
{
    (void)state;
    long before = peak_kb();
    struct yq_frame f = coded(YQ_TS_J2K_LOSSLESS, 1);
    size_t siz = (size_t)(find(&f, 0x51) - f.pixels.bytes);
    size_t cod = (size_t)(find(&f, 0x52) - f.pixels.bytes);
    static const struct {
        bool of_cod;
        size_t at;
        const char *bytes;
        size_t length;
    } changes[] = {
        {false, 22, "\0\0\0\1\0\0\0\1", 8}, /* tiles of one pixel */
        {false, 22, "\0\0\0\0\0\0\0\0", 8}, /* none */
        {true, 6, "\xff\xff", 2},           /* layers */
        {true, 9, "\x20", 1},               /* resolutions */
        {true, 9, "\xff", 1},
        {true, 10, "\0\0", 2}, /* code-blocks of four by four */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct yq_frame other = with_bytes(&f, f.pixels.bytes, f.pixels.length);
        memcpy(other.pixels.bytes + (changes[i].of_cod ? cod : siz) + changes[i].at,
               changes[i].bytes, changes[i].length);
        struct yq_frame small = with_bytes(&other, other.pixels.bytes, other.pixels.length);
        (void)decodes(&small, MOST);
        yq_frame_fini(&small);
        /* The same over an image of four million pixels. */
        memcpy(other.pixels.bytes + siz + 6, "\0\0\x08\0\0\0\x08\0", 8);
        if (i > 1)
            memcpy(other.pixels.bytes + siz + 22, "\0\0\x08\0\0\0\x08\0", 8);
        other.rows = other.columns = 2048;
        if (decodes(&other, MOST)) /* then its packets are there, and most are empty */
            assert_true(i > 1);
        yq_frame_fini(&other);
    }
    yq_frame_fini(&f);
    assert_true(peak_kb() - before < 400 * 1024);
}

/* Each scan may cost a pass over the whole image. */
static void thousands_of_scans(void **state)
{
    (void)state;
    struct yq_frame f = coded(YQ_TS_JPEG_BASELINE, 1);
    const uint8_t *scan = find(&f, 0xda);
    struct yq_buf bytes = {0};
    yq_buf_put(&bytes, f.pixels.bytes, (size_t)(scan - f.pixels.bytes));
    for (int i = 0; i < 5000; i++)
        yq_buf_put(&bytes, scan, 10);
    yq_buf_put(&bytes, "\xff\xd9", 2);
    for (int progressive = 0; progressive < 2; progressive++) {
        struct yq_frame other = with_bytes(&f, bytes.bytes, bytes.length);
        find(&other, 0xc0)[1] = progressive ? 0xc2 : 0xc0;
        assert_false(decodes(&other, MOST));
        yq_frame_fini(&other);
    }
    yq_buf_fini(&bytes);
    yq_frame_fini(&f);
}

/* What no pixel depends on may be wrong. */
static void harmless_faults_are_let_pass(void **state)
{
    (void)state;
    struct yq_frame f = coded(YQ_TS_JPEG_BASELINE, 1);
    struct yq_buf bytes = {0};
    yq_buf_put(&bytes, f.pixels.bytes, f.pixels.length - 2); /* no end */
    struct yq_frame other = with_bytes(&f, bytes.bytes, bytes.length);
    assert_true(decodes(&other, MOST));
    yq_frame_fini(&other);
    for (int i = 0; i < 100; i++)
        yq_buf_put(&bytes, "\0", 1); /* something else behind */
    other = with_bytes(&f, bytes.bytes, bytes.length);
    (void)decodes(&other, MOST);
    yq_frame_fini(&other);
    for (size_t s = 0; s < SYNTAXES; s++) { /* padding behind the end */
        struct yq_frame padded = coded(syntaxes[s], 3);
        yq_buf_put(&padded.pixels, "\0\0\0\0", 4);
        assert_true(decodes(&padded, MOST));
        yq_frame_fini(&padded);
    }
    yq_buf_fini(&bytes);
    yq_frame_fini(&f);
}

/* Under the transfer syntax of another codec. */
static void the_codestream_is_believed(void **state)
{
    (void)state;
    for (size_t s = 1; s < SYNTAXES; s++)
        for (size_t named = 0; named < SYNTAXES; named++) {
            struct yq_frame f = coded(syntaxes[s], 1);
            struct yq_frame other = with_bytes(&f, f.pixels.bytes, f.pixels.length);
            (void)yq_copy(other.codestream_syntax, sizeof other.codestream_syntax, syntaxes[named]);
            assert_true(decodes(&f, MOST));
            assert_true(decodes(&other, MOST));
            assert_int_equal(f.pixels.length, other.pixels.length);
            assert_memory_equal(f.pixels.bytes, other.pixels.bytes, f.pixels.length);
            yq_frame_fini(&f);
            yq_frame_fini(&other);
        }
}

/* What OpenJPEG then held is lost; nobody shall count it. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* HTJ2K on which an assert of OpenJPEG fails, as Debian builds it. Found by the fuzzer. */
static void an_assert_ends_the_frame_only(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0xff, 0x4f, 0xff, 0x51, 0x00, 0x29, 0x40, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
        0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00,
        0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x07, 0x01, 0x01,
        0xff, 0x50, 0x00, 0x08, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0xff, 0x52, 0x00, 0x0c, 0x00,
        0x02, 0x00, 0x01, 0x00, 0x05, 0x04, 0x04, 0x40, 0x01, 0xff, 0x5c, 0x00, 0x13, 0x20, 0x48,
        0x50, 0xb0, 0xaf, 0xaf, 0xaf, 0xaf, 0xaf, 0xaf, 0xb7, 0x50, 0x50, 0x50, 0x48, 0x48, 0x48,
        0xff, 0x64, 0x00, 0x17, 0x00, 0x01, 0x4f, 0x70, 0x65, 0x6e, 0x4a, 0x50, 0x48, 0x65, 0x56,
        0x20, 0x72, 0x20, 0x30, 0x2e, 0x32, 0x37, 0x2e, 0x34, 0x2e, 0xff, 0x90, 0x00, 0x0a, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x46, 0x00, 0x01, 0xff, 0x93, 0xc0, 0x25, 0xab, 0x01, 0x07, 0x74,
        0x00, 0x00, 0x00, 0xc0, 0x12, 0xc0, 0x12, 0x80, 0x1e, 0x00, 0xc7, 0x74, 0x00, 0x90, 0x01,
        0x07, 0x74, 0x00, 0xc0, 0x12, 0xc0, 0x13, 0x00, 0xc0, 0x00, 0x42, 0x74, 0x00, 0x46, 0xe3,
        0x00, 0x23, 0x54, 0x00, 0xc0, 0x25, 0x80, 0x4e, 0xf0, 0xb4, 0xf2, 0x74, 0x00, 0xde, 0xdd,
        0xc1, 0xc9, 0xff, 0xb4, 0x00, 0xff, 0xd9};
    struct yq_frame f = {.rows = 8,
                         .columns = 8,
                         .frames = 1,
                         .samples = 1,
                         .bits_allocated = 8,
                         .bits_stored = 8,
                         .high_bit = 7};
    (void)yq_copy(f.photometric, sizeof f.photometric, "MONOCHROME2");
    (void)yq_copy(f.codestream_syntax, sizeof f.codestream_syntax, YQ_TS_HTJ2K);
    struct yq_frame broken = with_bytes(&f, bytes, sizeof bytes);
    if (__lsan_disable)
        __lsan_disable();
    assert_false(decodes(&broken, MOST));
    if (__lsan_enable)
        __lsan_enable();
    yq_frame_fini(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(any_byte_may_be_another),
        cmocka_unit_test(enormous_images_of_a_few_bytes),
        cmocka_unit_test(many_tiles_layers_and_precincts),
        cmocka_unit_test(thousands_of_scans),
        cmocka_unit_test(harmless_faults_are_let_pass),
        cmocka_unit_test(an_assert_ends_the_frame_only),
        cmocka_unit_test(the_codestream_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
