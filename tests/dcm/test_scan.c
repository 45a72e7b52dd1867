/* test_scan.c: the scanner and the writer, in every layout, and over what does not add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"

/* Everything the scanner says, as text. */
static enum yq_code describe(struct yq_scan *scan, struct yq_buf *out)
{
    struct yq_element e;
    struct yq_err err = {0};
    while (yq_scan_next(scan, &e, &err)) {
        yq_buf_putf(out, "%08X %s d%u w%08X i%u", e.tag, e.vr, e.depth, e.within, e.item);
        struct yq_buf value = {0};
        assert_true(yq_scan_value(scan, 1000, &value, &err));
        if (e.length != 0xffffffff && strcmp(e.vr, "SQ") != 0)
            assert_int_equal(value.length, e.length);
        for (size_t i = 0; i < value.length; i++)
            yq_buf_putf(out, " %02x", value.bytes[i]);
        yq_buf_puts(out, "\n");
        yq_buf_fini(&value);
    }
    struct yq_err again = {0};
    assert_false(yq_scan_next(scan, &e, &again)); /* an end stays an end */
    assert_int_equal(again.code, err.code);
    return err.code;
}

static enum yq_code scan_bytes(const void *bytes, size_t length, const char *syntax,
                               struct yq_buf *out)
{
    struct yq_err err = {0};
    struct yq_scan *scan;
    /* A copy without a byte behind it, for the sanitizer. */
    uint8_t *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    assert_true(yq_scan_open_memory(copy, length, syntax, &scan, &err));
    enum yq_code code = describe(scan, out);
    yq_scan_free(scan);
    free(copy);
    return code;
}

static enum yq_code scan_quietly(const void *bytes, size_t length)
{
    struct yq_buf text = {0};
    enum yq_code code = scan_bytes(bytes, length, YQ_TS_EXPLICIT_LE, &text);
    yq_buf_fini(&text);
    return code;
}

static void make_nested(struct yq_buf *out, enum yq_layout layout)
{
    struct yq_writer w = {.out = out, .layout = layout};
    put_head(&w);
    yq_writer_begin_sequence(&w, 0x00400275);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00400007, "LO", "Thorax p.a.");
    yq_writer_begin_sequence(&w, 0x00400008);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00080100, "SH", "TH1");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_end_item(&w);
    yq_writer_begin_item(&w); /* empty */
    yq_writer_end_item(&w);
    yq_writer_begin_item(&w);
    yq_writer_put_text(&w, 0x00400009, "SH", "S2");
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_put_text(&w, 0x0040a160, "UT", "later");
}

static void every_layout_tells_the_same(void **state)
{
    (void)state;
    struct yq_buf expected = {0};
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf dataset = {0}, text = {0}, by_fd = {0};
        make_nested(&dataset, (enum yq_layout)layout);
        assert_int_equal(
            scan_bytes(dataset.bytes, dataset.length, syntax_of((enum yq_layout)layout), &text),
            YQ_OK);
        struct yq_err err = {0};
        struct yq_scan *scan;
        int fd = file_of(dataset.bytes, dataset.length);
        assert_true(yq_scan_open_fd(fd, 0, syntax_of((enum yq_layout)layout), &scan, &err));
        assert_int_equal(describe(scan, &by_fd), YQ_OK);
        assert_int_equal(yq_scan_deepest(scan), 2);
        yq_scan_free(scan);
        close(fd);
        assert_string_equal(yq_buf_text(&text), yq_buf_text(&by_fd));
        if (layout == YQ_LAYOUT_IMPLICIT_LE)
            yq_buf_put(&expected, text.bytes, text.length);
        assert_string_equal(yq_buf_text(&text), yq_buf_text(&expected));
        yq_buf_fini(&dataset);
        yq_buf_fini(&text);
        yq_buf_fini(&by_fd);
    }
    assert_non_null(strstr(yq_buf_text(&expected), "00080100 SH d2 w00400008 i0 54 48 31 20\n"));
    assert_non_null(strstr(yq_buf_text(&expected), "00400009 SH d1 w00400275 i2 53 32\n"));
    assert_non_null(strstr(yq_buf_text(&expected), "0040A160 UT d0 w00000000 i0"));
    yq_buf_fini(&expected);
}

static void numbers_follow_the_byte_order(void **state)
{
    (void)state;
    struct yq_buf out = {0};
    struct yq_writer w = {.out = &out, .layout = YQ_LAYOUT_EXPLICIT_BE};
    yq_writer_put_text(&w, 0x00280010, "US", "258\\3");
    yq_writer_put_text(&w, 0x00280106, "SS", "-2");
    yq_writer_put_text(&w, 0x00280009, "AT", "00181063");
    assert_memory_equal(out.bytes, ((uint8_t[]){0, 0x28, 0, 0x10, 'U', 'S', 0, 4, 1, 2, 0, 3}), 12);
    assert_memory_equal(out.bytes + 12, ((uint8_t[]){0, 0x28, 1, 6, 'S', 'S', 0, 2, 0xff, 0xfe}),
                        10);
    assert_memory_equal(out.bytes + 22,
                        ((uint8_t[]){0, 0x28, 0, 9, 'A', 'T', 0, 4, 0, 0x18, 0x10, 0x63}), 12);
    yq_buf_fini(&out);
}

static void a_value_is_read_piece_by_piece(void **state)
{
    (void)state;
    struct yq_buf dataset = {0}, value = {0};
    struct yq_writer w = {.out = &dataset, .layout = YQ_LAYOUT_EXPLICIT_LE};
    uint8_t *big = malloc(200000);
    for (size_t i = 0; i < 200000; i++)
        big[i] = (uint8_t)(i * 31 >> 3);
    yq_writer_put_text(&w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put(&w, 0x7fe00010, "OW", big, 200000);
    yq_writer_put_text(&w, 0xfffcfffc, "OB", "padding");
    int fd = file_of(dataset.bytes, dataset.length);
    struct yq_err err = {0};
    struct yq_scan *scan;
    struct yq_element e;
    assert_true(yq_scan_open_fd(fd, 0, YQ_TS_EXPLICIT_LE, &scan, &err));
    assert_true(yq_scan_next(scan, &e, &err));
    assert_true(yq_scan_next(scan, &e, &err));
    assert_true(yq_scan_value(scan, 3, &value, &err));
    assert_true(yq_scan_value(scan, 70000, &value, &err));
    assert_int_equal(value.length, 70003);
    assert_memory_equal(value.bytes, big, 70003);
    assert_true(yq_scan_next(scan, &e, &err)); /* the rest is passed over */
    assert_int_equal(e.tag, 0xfffcfffc);
    assert_false(yq_scan_next(scan, &e, &err));
    assert_int_equal(err.code, YQ_OK);
    yq_scan_free(scan);
    close(fd);
    free(big);
    yq_buf_fini(&dataset);
    yq_buf_fini(&value);
}

static void make_deep(struct yq_buf *out, unsigned levels)
{
    struct yq_writer w = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    for (unsigned i = 0; i < levels; i++) {
        yq_writer_begin_sequence(&w, 0x00081140);
        yq_writer_begin_item(&w);
    }
    yq_writer_put_text(&w, 0x00080100, "SH", "deep");
    for (unsigned i = 0; i < levels; i++) {
        yq_writer_end_item(&w);
        yq_writer_end_sequence(&w);
    }
}

static void nesting_costs_no_stack_and_has_a_bound(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    make_deep(&dataset, 90000);
    assert_int_equal(scan_quietly(dataset.bytes, dataset.length), YQ_OK);
    yq_buf_clear(&dataset);
    make_deep(&dataset, 100001);
    assert_int_equal(scan_quietly(dataset.bytes, dataset.length), YQ_BAD_INPUT);
    yq_buf_fini(&dataset);
}

/* Cut at any byte, a dataset is cut off, or ends between two elements of the top level. */
static void a_cut_is_noticed_wherever_it_is(void **state)
{
    (void)state;
    struct yq_buf dataset = {0};
    make_nested(&dataset, YQ_LAYOUT_EXPLICIT_LE);
    size_t ends = 0, whole_heads = 0;
    for (size_t length = 0; length < dataset.length; length++)
        ends += scan_quietly(dataset.bytes, length) == YQ_OK;
    struct yq_buf head = {0};
    struct yq_writer w = {.out = &head, .layout = YQ_LAYOUT_EXPLICIT_LE};
    put_head(&w);
    for (size_t length = 0; length < head.length; length++)
        whole_heads += scan_quietly(head.bytes, length) == YQ_OK;
    assert_int_equal(whole_heads, 9);        /* before each of the head's elements */
    assert_int_equal(ends, whole_heads + 2); /* before and behind the sequence */
    yq_buf_fini(&dataset);
    yq_buf_fini(&head);
}

#define BYTES(...)                                                                                 \
    (const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]) { __VA_ARGS__ }
#define FIRST 8, 0, 0x16, 0, 'U', 'I', 2, 0, '1', 0 /* an ordinary first element */

static void what_hospitals_write_is_let_pass(void **state)
{
    (void)state;
    struct yq_buf text = {0};
    /* lower-case VR, unknown VR in the short form, odd length, private creator, group length */
    assert_int_equal(scan_quietly(BYTES(FIRST, 8, 0, 0x70, 0, 'l', 'o', 2, 0, 'a', 'b')), YQ_OK);
    assert_int_equal(scan_quietly(BYTES(FIRST, 8, 0, 0x18, 0x22, 'Z', 'Z', 2, 0, 'a', 'b')), YQ_OK);
    assert_int_equal(scan_quietly(BYTES(FIRST, 8, 0, 0x70, 0, 'L', 'O', 3, 0, 'a', 'b', 'c')),
                     YQ_OK);
    /* an unknown VR in the long form */
    assert_int_equal(
        scan_quietly(BYTES(FIRST, 9, 0, 0x70, 0, 'Z', 'Z', 0, 0, 2, 0, 0, 0, 'a', 'b')), YQ_OK);
    /* out of order; a rest of zero bytes */
    assert_int_equal(scan_quietly(BYTES(FIRST, 8, 0, 5, 0, 'C', 'S', 0, 0, 0, 0, 0)), YQ_OK);
    /* UN of undefined length: its items are implicit VR, PS3.5 6.2.2 */
    assert_int_equal(
        scan_bytes(BYTES(FIRST, 8, 0, 0x32, 0x10, 'U', 'N', 0, 0, 255, 255, 255, 255, 0xfe, 0xff, 0,
                         0xe0, 255, 255, 255, 255, 8, 0, 0, 1, 2, 0, 0, 0, 'C', '1', 0xfe, 0xff,
                         0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0, 8, 0, 0x60, 0,
                         'C', 'S', 2, 0, 'O', 'T'),
                   YQ_TS_EXPLICIT_LE, &text),
        YQ_OK);
    assert_non_null(strstr(yq_buf_text(&text), "00080100 SH d1 w00081032 i0 43 31\n"));
    assert_non_null(strstr(yq_buf_text(&text), "00080060 CS d0 w00000000 i0 4f 54\n"));
    /* defined lengths all the way */
    assert_int_equal(
        scan_quietly(BYTES(FIRST, 8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 18, 0, 0, 0, 0xfe, 0xff, 0,
                           0xe0, 10, 0, 0, 0, 8, 0, 0, 1, 'S', 'H', 2, 0, 'C', '1')),
        YQ_OK);
    /* encapsulated pixel data, passed over */
    assert_int_equal(scan_quietly(BYTES(FIRST, 0xe0, 0x7f, 0x10, 0, 'O', 'B', 0, 0, 255, 255, 255,
                                        255, 0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0, 0xe0,
                                        2, 0, 0, 0, 1, 2, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0)),
                     YQ_OK);
    yq_buf_fini(&text);
}

static void what_does_not_add_up_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *what;
        const uint8_t *bytes;
        size_t length;
    } cases[] = {
        {"longer than the file", BYTES(FIRST, 8, 0, 0x70, 0, 'L', 'O', 9, 0, 'a', 'b')},
        {"stray item", BYTES(FIRST, 0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0)},
        {"stray item end", BYTES(FIRST, 0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0)},
        {"stray sequence end", BYTES(FIRST, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0)},
        {"sequence never ends", BYTES(FIRST, 8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 255, 255, 255, 255)},
        {"no item in a sequence", BYTES(FIRST, 8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 255, 255, 255, 255,
                                        8, 0, 0x60, 0, 'C', 'S', 2, 0, 'O', 'T')},
        {"element longer than its item",
         BYTES(FIRST, 8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 18, 0, 0, 0, 0xfe, 0xff, 0, 0xe0, 10, 0, 0,
               0, 8, 0, 0, 1, 'S', 'H', 4, 0, 'C', '1', 'C', '1')},
        {"item longer than its sequence",
         BYTES(FIRST, 8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 18, 0, 0, 0, 0xfe, 0xff, 0, 0xe0, 14, 0, 0,
               0, 8, 0, 0, 1, 'S', 'H', 2, 0, 'C', '1', 8, 0, 0x60, 0, 'C', 'S', 0, 0)},
        {"text of undefined length",
         BYTES(FIRST, 8, 0, 0x40, 0x11, 'U', 'T', 0, 0, 255, 255, 255, 255)},
        {"fragment of undefined length", BYTES(FIRST, 0xe0, 0x7f, 0x10, 0, 'O', 'B', 0, 0, 255, 255,
                                               255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255)},
        {"fragments without an end", BYTES(FIRST, 0xe0, 0x7f, 0x10, 0, 'O', 'B', 0, 0, 255, 255,
                                           255, 255, 0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0)},
        {"implicit VR where explicit is said", BYTES(8, 0, 0x16, 0, 2, 0, 0, 0, '1', 0)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].what);
        assert_int_equal(scan_quietly(cases[i].bytes, cases[i].length), YQ_BAD_INPUT);
    }
    struct yq_buf text = {0};
    assert_int_equal(scan_bytes(BYTES(FIRST), YQ_TS_IMPLICIT_LE, &text), YQ_BAD_INPUT);
    assert_int_equal(scan_bytes(BYTES(1, 2, 3, 4, 5), YQ_TS_DEFLATED, &text), YQ_BAD_INPUT);
    assert_string_equal(yq_buf_text(&text), "");
    yq_buf_fini(&text);
}

static void the_dictionary_knows(void **state)
{
    (void)state;
    assert_string_equal(yq_dcm_dictionary_vr(0x00100010), "PN");
    assert_string_equal(yq_dcm_dictionary_vr(0x7fe00010), "OW");
    assert_string_equal(yq_dcm_dictionary_vr(0x00280106), "US");
    assert_string_equal(yq_dcm_dictionary_vr(0x00080000), "UL");
    assert_string_equal(yq_dcm_dictionary_vr(0x00090010), "LO");
    assert_string_equal(yq_dcm_dictionary_vr(0x00091001), "UN");
    assert_true(yq_dcm_is_storage_class("1.2.840.10008.5.1.4.1.1.2"));
    assert_false(yq_dcm_is_storage_class("1.2.840.10008.1.1"));
    assert_string_equal(yq_dcm_uid_name("1.2.840.10008.5.1.4.1.1.2"), "CTImageStorage");
    assert_null(yq_dcm_uid_name("1.2.3.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_tells_the_same),
        cmocka_unit_test(numbers_follow_the_byte_order),
        cmocka_unit_test(a_value_is_read_piece_by_piece),
        cmocka_unit_test(nesting_costs_no_stack_and_has_a_bound),
        cmocka_unit_test(a_cut_is_noticed_wherever_it_is),
        cmocka_unit_test(what_hospitals_write_is_let_pass),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(the_dictionary_knows),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
