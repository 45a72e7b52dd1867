/* test_part10.c: file meta information as it is met, and DICOMDIR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/file.h"

static bool read_bytes(const void *bytes, size_t length, struct yq_part10 *out, struct yq_err *err)
{
    int fd = file_of(bytes, length);
    bool fine = yq_part10_read(fd, out, err);
    close(fd);
    return fine;
}

static void make_file(struct yq_buf *file, enum yq_layout layout)
{
    yq_part10_write(file, SAMPLE_CLASS, SAMPLE_INSTANCE, syntax_of(layout));
    make_dataset(file, layout, &(struct sample){0});
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct yq_buf file = {0}, again = {0};
    struct yq_part10 part10;
    struct yq_err err = {0};
    make_file(&file, YQ_LAYOUT_EXPLICIT_BE);
    yq_part10_write(&again, SAMPLE_CLASS, SAMPLE_INSTANCE, YQ_TS_EXPLICIT_BE);
    assert_memory_equal(file.bytes, again.bytes, again.length); /* the same, always */
    assert_true(read_bytes(file.bytes, file.length, &part10, &err));
    assert_string_equal(part10.sop_class, SAMPLE_CLASS);
    assert_string_equal(part10.sop_instance, SAMPLE_INSTANCE);
    assert_string_equal(part10.transfer_syntax, YQ_TS_EXPLICIT_BE);
    assert_int_equal(part10.dataset_offset, again.length);
    assert_int_equal(yq_le32(file.bytes + 140), again.length - 144); /* group length */
    assert_false(part10.bare);
    yq_buf_fini(&file);
    yq_buf_fini(&again);
}

static void beginnings_as_they_are_met(void **state)
{
    (void)state;
    struct yq_buf file = {0};
    struct yq_part10 part10;
    struct yq_err err = {0};
    make_file(&file, YQ_LAYOUT_EXPLICIT_LE);
    size_t meta = 132 + 12 + yq_le32(file.bytes + 140);

    assert_true(read_bytes(file.bytes + 128, file.length - 128, &part10, &err)); /* DICM at 0 */
    assert_int_equal(part10.dataset_offset, meta - 128);
    assert_true(read_bytes(file.bytes + 132, file.length - 132, &part10, &err)); /* not even that */
    assert_int_equal(part10.dataset_offset, meta - 132);
    assert_string_equal(part10.sop_instance, SAMPLE_INSTANCE);

    for (int wrong = 0; wrong < 3; wrong++) { /* group length */
        file.bytes[140] = (uint8_t)(wrong * 100);
        file.bytes[143] = wrong == 2 ? 0xff : 0;
        assert_true(read_bytes(file.bytes, file.length, &part10, &err));
        assert_int_equal(part10.dataset_offset, meta);
    }
    /* Without a transfer syntax the dataset tells; other meta information still counts. */
    struct yq_buf without = {0};
    yq_buf_put(&without, file.bytes, 132);
    struct yq_writer w = {.out = &without, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&w, 0x00020003, "UI", SAMPLE_INSTANCE);
    yq_buf_put(&without, file.bytes + meta, file.length - meta);
    assert_true(read_bytes(without.bytes, without.length, &part10, &err));
    assert_string_equal(part10.transfer_syntax, YQ_TS_EXPLICIT_LE);
    assert_string_equal(part10.sop_instance, SAMPLE_INSTANCE);
    assert_false(part10.bare);
    yq_buf_fini(&without);
    yq_buf_fini(&file);
}

static void a_bare_dataset_is_recognised(void **state)
{
    (void)state;
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf dataset = {0};
        struct yq_part10 part10;
        struct yq_err err = {0};
        make_dataset(&dataset, (enum yq_layout)layout, &(struct sample){0});
        assert_true(read_bytes(dataset.bytes, dataset.length, &part10, &err));
        assert_true(part10.bare);
        assert_string_equal(part10.transfer_syntax, syntax_of((enum yq_layout)layout));
        assert_int_equal(part10.dataset_offset, 0);
        yq_buf_fini(&dataset);
    }
}

static void what_is_no_dicom_file_is_refused(void **state)
{
    (void)state;
    struct yq_part10 part10;
    struct yq_err err = {0};
    struct yq_buf file = {0};
    make_file(&file, YQ_LAYOUT_EXPLICIT_LE);
    size_t meta = 132 + 12 + yq_le32(file.bytes + 140);
    static const char text[] = "This is only a text, and a rather short one at that.";
    assert_false(read_bytes(text, sizeof text, &part10, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_false(read_bytes(text, 0, &part10, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    for (size_t length = 0; length < meta; length++) {
        if (read_bytes(file.bytes, length, &part10, &err)) /* cut between two of its elements */
            assert_string_equal(part10.transfer_syntax, YQ_TS_EXPLICIT_LE);
        else
            assert_int_equal(err.code, YQ_BAD_INPUT);
    }
    yq_buf_fini(&file);
}

static void a_dicomdir_names_its_files(void **state)
{
    (void)state;
    static const char *const ids[] = {"IM\\0001",   "",       "IM\\SUB \\0002 ",
                                      "..\\secret", "/etc/x", "IM\\..\\up"};
    for (int layout = YQ_LAYOUT_IMPLICIT_LE; layout <= YQ_LAYOUT_EXPLICIT_BE; layout++) {
        struct yq_buf file = {0}, lines = {0};
        struct yq_err err = {0};
        yq_part10_write(&file, "1.2.840.10008.1.3.10", "2.25.9", syntax_of((enum yq_layout)layout));
        struct yq_writer w = {.out = &file, .layout = (enum yq_layout)layout};
        yq_writer_put_text(&w, 0x00041130, "CS", "SET");
        yq_writer_begin_sequence(&w, 0x00041220);
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
            yq_writer_begin_item(&w);
            yq_writer_put_text(&w, 0x00041430, "CS", "IMAGE");
            yq_writer_put_text(&w, 0x00041500, "CS", ids[i]);
            yq_writer_end_item(&w);
        }
        yq_writer_end_sequence(&w);
        char path[64];
        int fd = file_of(file.bytes, file.length);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        assert_true(yq_dicomdir_files(path, &lines, &err));
        assert_string_equal(yq_buf_text(&lines), "IM/0001\nIM/SUB/0002\n");
        close(fd);
        yq_buf_fini(&file);
        yq_buf_fini(&lines);
    }
    struct yq_err err = {0};
    struct yq_buf lines = {0};
    char path[64];
    int fd = sample_file(YQ_LAYOUT_EXPLICIT_LE, &(struct sample){0});
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_false(yq_dicomdir_files(path, &lines, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_false(yq_dicomdir_files("/nowhere/DICOMDIR", &lines, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(beginnings_as_they_are_met),
        cmocka_unit_test(a_bare_dataset_is_recognised),
        cmocka_unit_test(what_is_no_dicom_file_is_refused),
        cmocka_unit_test(a_dicomdir_names_its_files),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}
