/* test_frames.c: frames of an opened image: by offset tables, by tables that lead astray, without
 * any; in any order; packed cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/frames.h"
#include "yq/recast.h"

enum { MOST = 16 << 20, FRAMES = 4 };

enum table { TABLE_NONE, TABLE_BASIC, TABLE_EXTENDED, TABLE_WRONG, TABLE_DESCENDING };

static void put_item(struct yq_buf *out, const void *bytes, size_t length)
{
    yq_buf_put(out, "\xfe\xff\0\xe0", 4);
    yq_buf_put_le32(out, (uint32_t)length);
    yq_buf_put(out, bytes, length);
}

/* What the codestream of frame `i` is in these tests; whether its fragments begin like one. */
static void put_stream(struct yq_buf *out, unsigned i)
{
    char text[40] = {0};
    snprintf(text, sizeof text, "\xff\x4f\xff\x51 the stream of frame %u", i);
    yq_buf_put(out, text, 30 + i * 2);
}

/* The fragments of all frames, `pieces` each, and where each frame begins. */
static void put_fragments(struct yq_buf *items, unsigned pieces, uint32_t offsets[FRAMES])
{
    for (unsigned i = 0; i < FRAMES; i++) {
        struct yq_buf stream = {0};
        put_stream(&stream, i);
        offsets[i] = (uint32_t)items->length;
        for (unsigned p = 0; p < pieces; p++) {
            size_t from = stream.length * p / pieces & ~1u;
            size_t to = p + 1 == pieces ? stream.length : (stream.length * (p + 1) / pieces & ~1u);
            put_item(items, stream.bytes + from, to - from);
        }
        yq_buf_fini(&stream);
    }
}

static int image_file(unsigned pieces, enum table table, size_t cut, unsigned frames)
{
    struct yq_buf set = {0}, items = {0}, offsets = {0}, wide = {0};
    struct yq_writer w = {.out = &set, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct sample s = {.rows = 8, .columns = 8, .frames = frames, .samples = 1, .bits = 8};
    uint32_t at[FRAMES];
    put_fragments(&items, pieces, at);
    for (unsigned i = 0; i < FRAMES; i++) {
        uint32_t said = table == TABLE_WRONG && i ? at[i] + 2 : at[i];
        if (table == TABLE_DESCENDING)
            said = at[FRAMES - 1 - i];
        yq_buf_put_le32(&offsets, said);
        yq_buf_put_le32(&wide, said);
        yq_buf_put_le32(&wide, 0);
    }
    put_head(&w);
    put_image_module(&w, &s);
    if (table == TABLE_EXTENDED)
        yq_writer_put(&w, 0x7fe00001, "OV", wide.bytes, wide.length);
    yq_buf_put(&set, "\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", 12);
    bool basic = table != TABLE_NONE && table != TABLE_EXTENDED;
    put_item(&set, offsets.bytes, basic ? offsets.length : 0);
    yq_buf_put(&set, items.bytes, items.length);
    yq_buf_put(&set, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    set.length -= cut;
    int fd = file_with(&set, YQ_TS_J2K);
    yq_buf_fini(&set);
    yq_buf_fini(&items);
    yq_buf_fini(&offsets);
    yq_buf_fini(&wide);
    return fd;
}

static void is_frame(struct yq_frames *frames, unsigned i)
{
    struct yq_frame f;
    struct yq_err err = {0};
    struct yq_buf expected = {0};
    if (!yq_frames_stored(frames, i, MOST, &f, &err))
        fail_msg("frame %u: %s", i, err.text);
    put_stream(&expected, i);
    assert_string_equal(f.codestream_syntax, YQ_TS_J2K);
    assert_int_equal(f.pixels.length, expected.length);
    assert_memory_equal(f.pixels.bytes, expected.bytes, expected.length);
    yq_buf_fini(&expected);
    yq_frame_fini(&f);
}

static void is_refused(struct yq_frames *frames, unsigned i, enum yq_code code)
{
    struct yq_frame f;
    struct yq_err err = {0};
    assert_false(yq_frames_stored(frames, i, MOST, &f, &err));
    assert_int_equal(err.code, code);
    assert_null(f.pixels.bytes);
}

static struct yq_frames *opened(int fd)
{
    struct yq_frames *frames = NULL;
    struct yq_err err = {0};
    if (!yq_frames_open(fd, &frames, &err))
        fail_msg("%s", err.text);
    return frames;
}

static void every_table_leads_to_every_frame(void **state)
{
    (void)state;
    for (int table = TABLE_NONE; table <= TABLE_DESCENDING; table++)
        for (unsigned pieces = 1; pieces < 4; pieces++)
            for (unsigned first = 0; first < FRAMES; first++) {
                int fd = image_file(pieces, (enum table)table, 0, FRAMES);
                struct yq_frames *frames = opened(fd);
                assert_int_equal(yq_frames_facts(frames)->frames, FRAMES);
                assert_string_equal(yq_frames_syntax(frames), YQ_TS_J2K);
                for (unsigned i = 0; i < FRAMES; i++)
                    is_frame(frames, (first + 3 * i) % FRAMES);
                is_refused(frames, FRAMES, YQ_ABSENT);
                yq_frames_close(frames);
                close(fd);
            }
}

/* With a table nobody looks at what is behind the frame. */
static void a_frame_is_read_without_the_others(void **state)
{
    (void)state;
    for (int table = TABLE_BASIC; table <= TABLE_EXTENDED; table++) {
        int fd = image_file(2, (enum table)table, 20, FRAMES);
        struct yq_frames *frames = opened(fd);
        is_refused(frames, 3, YQ_BAD_INPUT);
        is_frame(frames, 0);
        is_frame(frames, 2);
        is_refused(frames, 3, YQ_BAD_INPUT);
        is_frame(frames, 1);
        yq_frames_close(frames);
        close(fd);
    }
    int fd = image_file(2, TABLE_NONE, 20, FRAMES);
    struct yq_frames *frames = opened(fd);
    is_refused(frames, 0, YQ_BAD_INPUT);
    is_refused(frames, 0, YQ_BAD_INPUT);
    yq_frames_close(frames);
    close(fd);
}

static void the_last_delimiter_may_be_missing(void **state)
{
    (void)state;
    for (int table = TABLE_NONE; table <= TABLE_EXTENDED; table++) {
        int fd = image_file(1, (enum table)table, 8, FRAMES);
        struct yq_frames *frames = opened(fd);
        for (unsigned i = 0; i < FRAMES; i++)
            is_frame(frames, i);
        yq_frames_close(frames);
        close(fd);
    }
}

static void more_frames_than_fragments(void **state)
{
    (void)state;
    int fd = image_file(1, TABLE_BASIC, 0, 5);
    struct yq_frames *frames = opened(fd);
    is_refused(frames, 0, YQ_BAD_INPUT);
    yq_frames_close(frames);
    close(fd);
}

/* Forth and back, also where everything before has to be inflated once more. */
static void plain_frames_in_any_order(void **state)
{
    (void)state;
    struct sample s = {.rows = 3, .columns = 5, .frames = 7, .samples = 1, .bits = 16};
    static const unsigned order[] = {4, 2, 2, 6, 0, 5, 1, 3};
    struct yq_buf all = {0};
    make_pixels(&all, &s);
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout < YQ_LAYOUT_DEFLATED; layout++) {
        int plain = sample_file((enum yq_layout)layout, &s), fd = empty_file();
        struct yq_err err = {0};
        assert_true(yq_recast(
            &(struct yq_recasting){.fd = plain, .out_fd = fd, .to = YQ_TS_DEFLATED}, &err));
        int both[] = {plain, fd};
        for (size_t b = 0; b < 2; b++) {
            struct yq_frames *frames = opened(both[b]);
            for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
                struct yq_frame f;
                assert_true(yq_frames_read(frames, order[i], MOST, &f, &err));
                assert_int_equal(f.pixels.length, 30);
                assert_memory_equal(f.pixels.bytes, all.bytes + (size_t)30 * order[i], 30);
                yq_frame_fini(&f);
            }
            yq_frames_close(frames);
        }
        close(plain);
        close(fd);
    }
    yq_buf_fini(&all);
}

/* 12 bits allocated: frames of an odd number of pixels begin within a byte. */
static void packed_cells(void **state)
{
    (void)state;
    enum { PIXELS = 15, COUNT = 3 };
    struct sample s = {.rows = 3, .columns = 5, .frames = COUNT, .samples = 1, .bits = 12};
    uint8_t bytes[(PIXELS * COUNT * 12 + 15) / 16 * 2] = {0};
    for (unsigned i = 0; i < PIXELS * COUNT; i++)
        for (unsigned b = 0; b < 12; b++)
            bytes[(i * 12 + b) / 8] |= (uint8_t)((i * 91 >> b & 1) << (i * 12 + b) % 8);
    for (int layout = YQ_LAYOUT_EXPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf set = {0};
        struct yq_writer w = {.out = &set, .layout = (enum yq_layout)layout};
        struct yq_err err = {0};
        put_head(&w);
        put_image_module(&w, &s);
        for (size_t i = 0; layout == YQ_LAYOUT_EXPLICIT_BE && i < sizeof bytes; i += 2) {
            uint8_t byte = bytes[i];
            bytes[i] = bytes[i + 1];
            bytes[i + 1] = byte;
        }
        yq_writer_put(&w, 0x7fe00010, "OW", bytes, sizeof bytes);
        int fd = file_with(&set, syntax_of((enum yq_layout)layout));
        struct yq_frames *frames = opened(fd);
        for (unsigned n = 0; n < COUNT; n++) {
            struct yq_frame f;
            assert_true(yq_frames_read(frames, n, MOST, &f, &err));
            assert_int_equal(f.bits_allocated, 16);
            assert_int_equal(f.bits_stored, 12);
            assert_int_equal(f.pixels.length, 2 * PIXELS);
            for (unsigned i = 0; i < PIXELS; i++)
                assert_int_equal(yq_le16(f.pixels.bytes + (size_t)2 * i),
                                 ((n * PIXELS + i) * 91) & 0xfff);
            yq_frame_fini(&f);
        }
        yq_frames_close(frames);
        close(fd);
        yq_buf_fini(&set);
    }
}

static struct yq_frames *from_shelf(struct yq_shelf *shelf, uint8_t name, int fd)
{
    struct yq_frames *frames = NULL;
    struct yq_err err = {0};
    uint8_t digest[32] = {name};
    if (!yq_shelf_open(shelf, digest, fd, &frames, &err))
        fail_msg("%s", err.text);
    return frames;
}

static void put_on(struct yq_shelf *shelf, uint8_t name, struct yq_frames *frames)
{
    uint8_t digest[32] = {name};
    yq_shelf_put(shelf, digest, frames);
}

/* A file that holds something else shows whether it was looked at. */
static void a_shelf_keeps_what_was_opened(void **state)
{
    (void)state;
    struct sample one = {.rows = 5, .columns = 5, .frames = 1, .samples = 1, .bits = 8};
    struct sample two = {.rows = 5, .columns = 5, .frames = 2, .samples = 1, .bits = 8};
    int fd = image_file(2, TABLE_NONE, 0, FRAMES), other = sample_file(YQ_LAYOUT_EXPLICIT_LE, &two);
    int single = sample_file(YQ_LAYOUT_EXPLICIT_LE, &one);
    struct yq_shelf *shelf = yq_shelf_new(1 << 20);
    assert_non_null(shelf);
    struct yq_frames *frames = from_shelf(shelf, 1, fd);
    is_frame(frames, 2);
    put_on(shelf, 1, frames);
    frames = from_shelf(shelf, 1, fd);
    is_frame(frames, 0);
    struct yq_frames *second = from_shelf(shelf, 1, other); /* the first is taken */
    assert_int_equal(yq_frames_facts(second)->frames, 2);
    put_on(shelf, 2, second);
    put_on(shelf, 1, frames);
    frames = from_shelf(shelf, 1, other);
    assert_int_equal(yq_frames_facts(frames)->frames, FRAMES);
    put_on(shelf, 1, frames);
    frames = from_shelf(shelf, 3, single); /* one frame is not worth a place */
    put_on(shelf, 3, frames);
    frames = from_shelf(shelf, 3, other);
    assert_int_equal(yq_frames_facts(frames)->frames, 2);
    yq_frames_close(frames);
    for (uint8_t i = 10; i < 200; i++) /* more than there is room for: the oldest go */
        put_on(shelf, i, from_shelf(shelf, i, fd));
    frames = from_shelf(shelf, 1, other);
    assert_int_equal(yq_frames_facts(frames)->frames, 2);
    yq_frames_close(frames);
    frames = from_shelf(shelf, 199, other);
    assert_int_equal(yq_frames_facts(frames)->frames, FRAMES);
    yq_frames_close(frames);
    yq_shelf_free(shelf);
    shelf = yq_shelf_new(100); /* nothing is as small */
    put_on(shelf, 1, from_shelf(shelf, 1, fd));
    frames = from_shelf(shelf, 1, other);
    assert_int_equal(yq_frames_facts(frames)->frames, 2);
    put_on(shelf, 1, frames);
    yq_shelf_free(shelf);
    frames = from_shelf(NULL, 1, fd);
    is_frame(frames, 1);
    put_on(NULL, 1, frames);
    close(single);
    close(other);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_leads_to_every_frame),
        cmocka_unit_test(a_frame_is_read_without_the_others),
        cmocka_unit_test(the_last_delimiter_may_be_missing),
        cmocka_unit_test(more_frames_than_fragments),
        cmocka_unit_test(plain_frames_in_any_order),
        cmocka_unit_test(packed_cells),
        cmocka_unit_test(a_shelf_keeps_what_was_opened),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
