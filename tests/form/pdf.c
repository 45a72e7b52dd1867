/* pdf.c: which PDFs are taken, why others are not, and base64. More of them, and those that would
 * harm the process, in cases/test_pdfs.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/bytes.h"
#include "yq/file.h"
#include "yq/form.h"
#include "yq/pdf.h"

static void write_pdf(struct yq_buf *out, const char *kids, const char *content, bool end)
{
    size_t places[6], count = 0;
    yq_buf_puts(out, "%PDF-1.4\n");
    places[count++] = out->length;
    yq_buf_puts(out, "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n");
    places[count++] = out->length;
    yq_buf_putf(out, "2 0 obj\n<</Type/Pages/Kids[%s]/Count 1>>\nendobj\n", kids);
    places[count++] = out->length;
    yq_buf_puts(out, "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>\n"
                     "endobj\n");
    places[count++] = out->length;
    yq_buf_putf(out, "4 0 obj\n<</Length %zu%s>>\nstream\n%s\nendstream\nendobj\n", strlen(content),
                *content == 'x' ? "/Filter/FlateDecode" : "", content);
    size_t start = out->length;
    yq_buf_putf(out, "xref\n0 %zu\n0000000000 65535 f \n", count + 1);
    for (size_t i = 0; i < count; i++)
        yq_buf_putf(out, "%010zu 00000 n \n", places[i]);
    yq_buf_putf(out, "trailer\n<</Size %zu/Root 1 0 R>>\nstartxref\n%zu\n", count + 1, start);
    if (end)
        yq_buf_puts(out, "%%EOF\n");
}

static unsigned look(const struct yq_buf *file, struct yq_err *err)
{
    struct yq_pdf pdf = {0};
    return yq_pdf_look(file->bytes, file->length, &pdf, err) ? pdf.pages : 0;
}

static void pages_are_counted(void **state)
{
    (void)state;
    struct yq_err err = {0};
    struct yq_pdf pdf = {0};
    struct yq_buf file = {0};
    write_pdf(&file, "3 0 R", "q Q", true);
    assert_int_equal(look(&file, &err), 1);
    int fd = memfd_create("pdf", 0);
    assert_true(yq_write_all(fd, file.bytes, file.length, &err));
    assert_true(yq_pdf_check(fd, file.length, &pdf, &err));
    assert_int_equal(pdf.pages, 1);
    assert_false(yq_pdf_check(fd, 0, &pdf, &err));
    close(fd);
    yq_buf_fini(&file);
}

static void refused(const char *kids, const char *content, bool end, size_t cut, const char *why)
{
    struct yq_err err = {0};
    struct yq_buf file = {0};
    write_pdf(&file, kids, content, end);
    file.length -= cut;
    assert_int_equal(look(&file, &err), 0);
    assert_int_equal(err.code, YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, why));
    yq_buf_fini(&file);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refused("", "q Q", true, 0, "no pages");
    refused("3 0 R", "x no flate", true, 0, "page 1 of the PDF is damaged");
    refused("3 0 R", "q Q", true, 60, "cut off");
    refused("2 0 R", "q Q", true, 0, "its pages cannot be found");
    struct yq_err err = {0};
    struct yq_pdf pdf;
    assert_false(yq_pdf_look("GIF89a", 6, &pdf, &err));
    assert_non_null(strstr(err.text, "no PDF"));
}

static void a_wrong_table_of_objects_is_mended(void **state)
{
    (void)state;
    struct yq_err err = {0};
    struct yq_buf file = {0};
    write_pdf(&file, "3 0 R", "q Q", true);
    uint8_t *table = memmem(file.bytes, file.length, "startxref\n", 10);
    table[10] = '1';
    assert_int_equal(look(&file, &err), 1);
    yq_buf_fini(&file);
}

static void base64_is_read_as_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
    } good[] = {{"", ""},          {"aA==", "h"},     {"aGk=", "hi"},
                {"aGk", "hi"},     {"aGkh", "hi!"},   {"a G\r\nkh", "hi!"},
                {"Pz8/", "?\?\?"}, {"Pz8_", "?\?\?"}, {"data:application/pdf;base64,aGkh", "hi!"}};
    static const char *const bad[] = {"a", "aGkha", "aG*k", "aGk=x", "=aGk"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct yq_buf out = {0};
        assert_true(yq_form_base64(good[i].text, strlen(good[i].text), &out));
        assert_string_equal(yq_buf_text(&out), good[i].value);
        yq_buf_fini(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct yq_buf out = {0};
        assert_false(yq_form_base64(bad[i], strlen(bad[i]), &out));
        yq_buf_fini(&out);
    }
    struct yq_buf small = {.most = 2};
    assert_false(yq_form_base64("aGkh", 4, &small));
    assert_true(small.failed);
    yq_buf_fini(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_counted),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_wrong_table_of_objects_is_mended),
        cmocka_unit_test(base64_is_read_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
