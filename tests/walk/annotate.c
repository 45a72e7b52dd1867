/* What stands in the corners of a picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/annotation.h"
#include "yq/dcm.h"
#include "yq/file.h"

struct line {
    uint32_t tag;
    const char *vr, *value;
};

static void put(struct yq_writer *w, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        yq_writer_put_text(w, lines[i].tag, lines[i].vr, lines[i].value);
}

static void read_back(const struct yq_buf *dataset, struct yq_dataset *out)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    struct yq_reading how = {.value_most = 1024, .to_pixels = true};
    int fd yq_cleanup(yq_close) = memfd_create("object", MFD_CLOEXEC);
    yq_part10_write(&file, "1.2", "2.25.1", YQ_TS_EXPLICIT_LE);
    yq_buf_put(&file, dataset->bytes, dataset->length);
    assert_true(yq_write_all(fd, file.bytes, file.length, &err));
    assert_true(yq_dcm_read_dataset(fd, &how, out, NULL, &err));
}

static void expect(const struct yq_dataset *dataset, const struct yq_annotating *how,
                   const char *const corners[4])
{
    struct yq_annotation made;
    struct yq_err err;
    assert_true(yq_annotation_compose(&dataset->root, how, &made, &err));
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(yq_buf_text(&made.corners[i]), corners[i]);
    yq_annotation_fini(&made);
}

static void a_ct_slice_of_a_chinese_hospital(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {0x00080005, "CS", "ISO_IR 192"},
        {0x00080020, "DA", "20260301"},
        {0x00080022, "DA", "20260302"},
        {0x00080030, "TM", "081500"},
        {0x00080032, "TM", "091501.25"},
        {0x00080060, "CS", "CT"},
        {0x00080080, "LO", "影桥演示医院"},
        {0x0008103e, "LO", "胸部 5mm"},
        {0x00081090, "LO", "Phantom"},
        {0x00100010, "PN", "Zhang^Wei=张^伟"},
        {0x00100020, "LO", "YQ000001"},
        {0x00100030, "DA", "19810203"},
        {0x00100040, "CS", "F"},
        {0x00101010, "AS", "045Y"},
        {0x00180050, "DS", "5.000"},
        {0x00180060, "DS", "120"},
        {0x00181151, "IS", "200"},
        {0x00181152, "IS", "x"},
        {0x00200011, "IS", "3"},
        {0x00200013, "IS", "17"},
        {0x00201041, "DS", "-120.125"},
    };
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &bytes, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_dataset set;
    const struct yq_window window = {40, 400};
    put(&w, lines, sizeof lines / sizeof *lines);
    read_back(&bytes, &set);
    static const char *const patient = "张伟 Zhang Wei\nYQ000001\n女  45岁  1981-02-03";
    expect(&set, &(struct yq_annotating){.patient = true},
           (const char *const[4]){patient, "", "", ""});
    expect(&set, &(struct yq_annotating){0}, (const char *const[4]){"", "", "", ""});
    expect(&set,
           &(struct yq_annotating){
               .patient = true, .technique = true, .window = &window, .frame = 2, .frames = 9},
           (const char *const[4]){patient, "影桥演示医院\n2026-03-02 09:15:01\nPhantom",
                                  "CT  胸部 5mm\n120 kV  200 mA\nST 5 mm  SL -120.13 mm",
                                  "Se 3  Im 17  Fr 2/9\nW 400  L 40"});
    yq_dataset_fini(&set);
}

static void put_group(struct yq_writer *w, uint32_t sequence, const struct line *line)
{
    yq_writer_begin_sequence(w, sequence);
    yq_writer_begin_item(w);
    put(w, line, 1);
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
}

static void settings_of_functional_groups_count(void **state)
{
    (void)state;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &bytes, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_dataset set;
    const double echo = 14.5;
    put(&w, &(struct line){0x00100010, "PN", "Testperson^Erika^^Dr"}, 1);
    put(&w, &(struct line){0x00100040, "CS", "F"}, 1);
    put(&w, &(struct line){0x00101010, "AS", "045Y"}, 1);
    yq_writer_begin_sequence(&w, 0x52009229);
    yq_writer_begin_item(&w);
    put_group(&w, 0x00189112, &(struct line){0x00180080, "DS", "500"});
    put_group(&w, 0x00289110, &(struct line){0x00180050, "DS", "3"});
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    yq_writer_begin_sequence(&w, 0x52009230);
    yq_writer_begin_item(&w);
    yq_writer_begin_sequence(&w, 0x00189114);
    yq_writer_begin_item(&w);
    yq_writer_put(&w, 0x00189082, "FD", &echo, sizeof echo);
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    put_group(&w, 0x00289110, &(struct line){0x00180050, "DS", "4"});
    yq_writer_end_item(&w);
    yq_writer_end_sequence(&w);
    read_back(&bytes, &set);
    expect(&set, &(struct yq_annotating){.patient = true, .technique = true},
           (const char *const[4]){"Testperson Erika, Dr\nF  45 y", "",
                                  "TR 500 ms  TE 14.5 ms\nST 4 mm", ""});
    yq_dataset_fini(&set);
}

static void what_would_break_a_line_does_not(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {0x00080060, "CS", "CT\n\n\n\x1b[31m"},
        {0x00100010, "PN", "A\n\nB^^^^"},
        {0x00100020, "LO", "  "},
        {0x00101010, "AS", "old"},
        {0x00180060, "DS", "1e300"},
        {0x00200013, "IS", "12345678901234567890"},
    };
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer w = {.out = &bytes, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_dataset set;
    put(&w, lines, sizeof lines / sizeof *lines);
    read_back(&bytes, &set);
    expect(&set, &(struct yq_annotating){.patient = true, .technique = true},
           (const char *const[4]){"A  B", "", "CT   \xef\xbf\xbd[31m\n1e+300 kV", ""});
    yq_dataset_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_ct_slice_of_a_chinese_hospital),
                                       cmocka_unit_test(settings_of_functional_groups_count),
                                       cmocka_unit_test(what_would_break_a_line_does_not)};
    yq_dcm_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    yq_dcm_fini();
    return failed;
}
