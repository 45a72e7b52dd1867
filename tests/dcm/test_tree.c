/* test_tree.c: datasets in memory: every layout says the same, text is UTF-8, bounds hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"

#define TAG_GROUPS 0x52009230u

static void put_bytes(struct yq_writer *w, uint32_t tag, const char *vr, uint64_t bits,
                      unsigned size)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bits >> 8 * (w->layout == YQ_LAYOUT_EXPLICIT_BE ? size - 1 - i : i));
    yq_writer_put(w, tag, vr, bytes, size);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void make(struct yq_buf *out, enum yq_layout layout)
{
    struct yq_writer w = {.out = out, .layout = layout};
    yq_writer_put_text(&w, 0x00080005, "CS", "GB18030");
    yq_writer_put_text(&w, 0x00080060, "CS", "OT ");
    yq_writer_begin_sequence(&w, 0x00081110);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(&w, 0x00081155, "UI", "2.25.7");
    yq_writer_put_text(&w, 0x00100010, "PN", "蜀^山");
    yq_writer_end_item(&w);
    yq_writer_begin_item(&w);
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put(&w, 0x00100010, "PN", "\xca\xf1^\xc9\xbd", 5); /* GB 18030 */
    yq_writer_put_text(&w, 0x00104000, "LT", "a\\b");
    yq_writer_put_text(&w, 0x00181020, "LO", " one \\\\ three ");
    yq_writer_put_text(&w, 0x00200013, "IS", "12A\\-3\\x");
    yq_writer_put_text(&w, 0x00280010, "US", "513");
    put_bytes(&w, 0x00280106, "US", 0xfff0, 2);
    yq_writer_put_text(&w, 0x00281050, "DS", " 40.5 \\1e400");
    put_bytes(&w, 0x00189073, "FD", bits_of(-2.5), 8);
    put_bytes(&w, 0x00720026, "AT", layout == YQ_LAYOUT_EXPLICIT_BE ? 0x00280010 : 0x00100028, 4);
    put_bytes(&w, 0x0072007c, "SL", 0xffffffff, 4);
    yq_writer_begin_sequence(&w, TAG_GROUPS);
    for (unsigned i = 0; i < 5; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i);
        yq_writer_begin_item(&w);
        yq_writer_begin_sequence(&w, 0x00289145);
        yq_writer_begin_item(&w);
        yq_writer_put_text(&w, 0x00281052, "DS", text);
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
        yq_writer_end_item(&w);
    }
    yq_writer_end_sequence(&w);
    yq_writer_put(&w, 0x7fe00010, "OW", "\1\2\3\4", 4);
}

static void read_into(enum yq_layout layout, const struct yq_reading *how, struct yq_dataset *out,
                      struct yq_part10 *part10)
{
    struct yq_buf bytes = {0};
    struct yq_err err = {0};
    make(&bytes, layout);
    int fd = file_with(&bytes, syntax_of(layout));
    assert_true(yq_dcm_read_dataset(fd, how, out, part10, &err));
    close(fd);
    yq_buf_fini(&bytes);
}

static void says_the_same_in_every_layout(void **state)
{
    (void)state;
    for (enum yq_layout layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_dataset set;
        struct yq_part10 part10;
        read_into(layout, &(struct yq_reading){.frame = YQ_ALL_FRAMES}, &set, &part10);
        const struct yq_item *root = &set.root;
        char text[16];
        double number;
        int64_t whole;
        assert_string_equal(part10.transfer_syntax, syntax_of(layout));
        assert_string_equal(yq_item_text(root, 0x00100010), "蜀^山");
        assert_string_equal(yq_item_text(root, 0x00080060), "OT");
        assert_int_equal(yq_item_count(root, 0x00081110), 2);
        const struct yq_item *item = yq_item_first(root, 0x00081110);
        assert_string_equal(yq_item_text(item, 0x00100010), "蜀^山");
        assert_string_equal(yq_item_text(item, 0x00081155), "2.25.7");
        assert_int_equal(yq_item_at(root, 0x00081110, 1)->count, 0);
        assert_null(yq_item_at(root, 0x00081110, 2));
        assert_false(yq_item_value(root, 0x00104000, 1, text, sizeof text));
        assert_true(yq_item_value(root, 0x00104000, 0, text, sizeof text));
        assert_string_equal(text, "a\\b");
        assert_int_equal(yq_item_values(root, 0x00181020), 3);
        assert_true(yq_item_value(root, 0x00181020, 2, text, sizeof text));
        assert_string_equal(text, "three");
        assert_true(yq_item_value(root, 0x00181020, 2, text, 4));
        assert_string_equal(text, "thr");
        assert_false(yq_item_value(root, 0x00181020, 1, text, sizeof text));
        assert_false(yq_item_value(root, 0x00181020, 3, text, sizeof text));
        assert_true(yq_item_value(root, 0x00100010, 0, text, 5)); /* not within a character */
        assert_string_equal(text, "蜀^");
        assert_true(yq_item_whole(root, 0x00200013, 0, &whole) && whole == 12);
        assert_true(yq_item_whole(root, 0x00200013, 1, &whole) && whole == -3);
        assert_false(yq_item_whole(root, 0x00200013, 2, &whole));
        assert_true(yq_item_whole(root, 0x00280010, 0, &whole) && whole == 513);
        assert_true(yq_item_whole(root, 0x00280106, 0, &whole) && whole == 0xfff0);
        assert_true(yq_item_number(root, 0x00281050, 0, &number) && number == 40.5);
        assert_false(yq_item_number(root, 0x00281050, 1, &number));
        assert_true(yq_item_number(root, 0x00189073, 0, &number) && number == -2.5);
        assert_true(yq_item_whole(root, 0x00720026, 0, &whole) && whole == 0x00280010);
        assert_true(yq_item_whole(root, 0x0072007c, 0, &whole) && whole == -1);
        assert_int_equal(yq_item_count(root, TAG_GROUPS), 5);
        const struct yq_data *pixels = yq_item_find(root, 0x7fe00010);
        assert_int_equal(pixels->length, 4);
        assert_memory_equal(pixels->bytes,
                            layout == YQ_LAYOUT_EXPLICIT_BE ? "\2\1\4\3" : "\1\2\3\4", 4);
        yq_dataset_fini(&set);
    }
}

static void one_frame_of_many(void **state)
{
    (void)state;
    struct yq_dataset set;
    double number = 0;
    read_into(YQ_LAYOUT_EXPLICIT_LE, &(struct yq_reading){.frame = 3, .to_pixels = true}, &set,
              NULL);
    assert_int_equal(yq_item_count(&set.root, TAG_GROUPS), 1);
    const struct yq_item *item = yq_item_first(&set.root, TAG_GROUPS);
    assert_int_equal(item->number, 3);
    assert_true(yq_item_number(yq_item_first(item, 0x00289145), 0x00281052, 0, &number));
    assert_true(number == 3);
    assert_null(yq_item_find(&set.root, 0x7fe00010));
    yq_dataset_fini(&set);
    read_into(YQ_LAYOUT_EXPLICIT_LE, &(struct yq_reading){.frame = YQ_NO_FRAME}, &set, NULL);
    assert_int_equal(yq_item_count(&set.root, TAG_GROUPS), 0);
    assert_non_null(yq_item_find(&set.root, 0x7fe00010));
    yq_dataset_fini(&set);
}

static void long_values_and_deep_sequences_are_left_out(void **state)
{
    (void)state;
    struct yq_dataset set;
    read_into(YQ_LAYOUT_EXPLICIT_LE,
              &(struct yq_reading){.frame = YQ_ALL_FRAMES, .value_most = 8, .depth_most = 1}, &set,
              NULL);
    const struct yq_data *lo = yq_item_find(&set.root, 0x00181020);
    assert_true(lo->left_out && !lo->bytes && lo->stored == 14 && lo->position > 0);
    assert_string_equal(yq_item_text(&set.root, 0x00181020), "");
    const struct yq_item *group = yq_item_at(&set.root, TAG_GROUPS, 4);
    assert_true(yq_item_find(group, 0x00289145)->left_out);
    assert_int_equal(yq_item_count(group, 0x00289145), 0);
    yq_dataset_fini(&set);
}

/* Nested a thousand times, twins, elements out of order; and no more memory than was allowed. */
static void strange_ones(void **state)
{
    (void)state;
    struct yq_buf bytes = {0};
    struct yq_err err = {0};
    struct yq_dataset set;
    struct yq_writer w = {.out = &bytes, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00100020, "LO", "first");
    yq_writer_put_text(&w, 0x00080060, "CS", "CT");
    yq_writer_put_text(&w, 0x00100020, "LO", "second");
    yq_writer_put(&w, 0x00100010, "PN", "Gr\xfc\xdf", 4);
    for (int i = 0; i < 1000; i++) {
        yq_writer_begin_sequence(&w, 0x0040a730);
        yq_writer_begin_item(&w);
    }
    for (int i = 0; i < 1000; i++) {
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
    }
    yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 100");
    int fd = file_with(&bytes, YQ_TS_EXPLICIT_LE);
    assert_true(yq_dcm_read_dataset(fd, &(struct yq_reading){0}, &set, NULL, &err));
    assert_string_equal(yq_item_text(&set.root, 0x00100020), "first");
    assert_string_equal(yq_item_text(&set.root, 0x00080060), "CT");
    assert_string_equal(yq_item_text(&set.root, 0x00100010), "Grüß");
    unsigned depth = 0;
    for (const struct yq_item *i = &set.root; i; i = yq_item_first(i, 0x0040a730))
        depth++;
    assert_int_equal(depth, 65);
    yq_dataset_fini(&set);
    assert_false(yq_dcm_read_dataset(fd, &(struct yq_reading){.most = 2000}, &set, NULL, &err));
    assert_int_equal(err.code, YQ_FULL);
    close(fd);
    bytes.length -= 12; /* cut within the last element */
    fd = file_with(&bytes, YQ_TS_EXPLICIT_LE);
    assert_false(yq_dcm_read_dataset(fd, &(struct yq_reading){0}, &set, NULL, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    close(fd);
    yq_buf_fini(&bytes);
}

static void a_value_under_un_has_the_vr_of_the_dictionary(void **state)
{
    (void)state;
    struct yq_buf bytes = {0};
    struct yq_err err = {0};
    struct yq_dataset set;
    struct yq_writer w = {.out = &bytes, .layout = YQ_LAYOUT_EXPLICIT_LE};
    int64_t whole = 0;
    yq_writer_put(&w, 0x00080060, "UN", "MR", 2);
    yq_writer_put(&w, 0x00091001, "UN", "\1\2\3", 3);
    yq_writer_put(&w, 0x00280010, "UN", "\4\1", 2);
    int fd = file_with(&bytes, YQ_TS_EXPLICIT_LE);
    assert_true(yq_dcm_read_dataset(fd, &(struct yq_reading){0}, &set, NULL, &err));
    assert_string_equal(yq_item_text(&set.root, 0x00080060), "MR");
    assert_true(yq_item_whole(&set.root, 0x00280010, 0, &whole) && whole == 260);
    assert_string_equal(yq_item_find(&set.root, 0x00091001)->vr, "UN");
    assert_false(yq_item_whole(&set.root, 0x00091001, 0, &whole));
    yq_dataset_fini(&set);
    close(fd);
    yq_buf_fini(&bytes);
}

/* A sequence as somebody passes it on who does not know it; and bytes that only say so. */
static void a_sequence_under_un(void **state)
{
    (void)state;
    for (enum yq_layout layout = YQ_LAYOUT_EXPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf bytes = {0}, sequence = {0};
        struct yq_err err = {0};
        struct yq_dataset set;
        double number = 0;
        struct yq_writer inner = {.out = &sequence, .layout = YQ_LAYOUT_IMPLICIT_LE};
        struct yq_writer w = {.out = &bytes, .layout = layout};
        for (unsigned i = 0; i < 3; i++) {
            char text[8];
            snprintf(text, sizeof text, "%u", i);
            yq_writer_begin_item(&inner);
            yq_writer_begin_sequence(&inner, 0x00289145);
            yq_writer_begin_item(&inner);
            yq_writer_put_text(&inner, 0x00281052, "DS", text);
            yq_writer_end_item(&inner);
            yq_writer_end_sequence(&inner);
            yq_writer_end_item(&inner);
        }
        yq_writer_put_text(&w, 0x00080005, "CS", "ISO_IR 192");
        yq_writer_put(&w, 0x00081110, "UN", "abcdefgh", 8);
        yq_writer_put_text(&w, 0x00100010, "PN", "蜀");
        yq_writer_put(&w, TAG_GROUPS, "UN", sequence.bytes, sequence.length);
        yq_writer_put(&w, 0x7fe00010, "OW", "\1\2\3\4", 4);
        int fd = file_with(&bytes, syntax_of(layout));
        struct yq_reading how = {.frame = 1, .value_most = 20};
        assert_true(yq_dcm_read_dataset(fd, &how, &set, NULL, &err));
        assert_string_equal(yq_item_find(&set.root, 0x00081110)->vr, "UN");
        assert_int_equal(yq_item_find(&set.root, 0x00081110)->length, 8);
        assert_string_equal(yq_item_text(&set.root, 0x00100010), "蜀");
        assert_string_equal(yq_item_find(&set.root, TAG_GROUPS)->vr, "SQ");
        assert_int_equal(yq_item_count(&set.root, TAG_GROUPS), 1);
        const struct yq_item *item = yq_item_first(&set.root, TAG_GROUPS);
        assert_true(yq_item_number(yq_item_first(item, 0x00289145), 0x00281052, 0, &number));
        assert_true(number == 1);
        const struct yq_data *data = yq_item_find(yq_item_first(item, 0x00289145), 0x00281052);
        char there[3] = ""; /* its place is one in the file */
        struct yq_part10 part10;
        assert_true(yq_part10_read(fd, &part10, &err));
        assert_int_equal(pread(fd, there, 2, (off_t)(part10.dataset_offset + data->position)), 2);
        assert_string_equal(there, "1 ");
        assert_non_null(yq_item_find(&set.root, 0x7fe00010));
        yq_dataset_fini(&set);
        close(fd);
        yq_buf_fini(&bytes);
        yq_buf_fini(&sequence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_same_in_every_layout),
        cmocka_unit_test(one_frame_of_many),
        cmocka_unit_test(long_values_and_deep_sequences_are_left_out),
        cmocka_unit_test(strange_ones),
        cmocka_unit_test(a_value_under_un_has_the_vr_of_the_dictionary),
        cmocka_unit_test(a_sequence_under_un),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
