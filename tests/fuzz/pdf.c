/* pdf.c: any bytes as a PDF: a number of pages within its bound, or one sentence; and as base64. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/form.h"
#include "yq/pdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_pdf pdf = {0};
    struct yq_err err = {0};
    struct yq_buf bytes = {.most = 1 << 16};
    bool fine = yq_pdf_look(data, size, &pdf, &err);
    if (fine ? !pdf.pages || pdf.pages > YQ_PDF_PAGES_MOST
             : err.code != YQ_BAD_INPUT || !*err.text || strchr(err.text, '\n'))
        abort();
    if (yq_form_base64((const char *)data, size, &bytes) && bytes.length > size)
        abort();
    yq_buf_fini(&bytes);
    return 0;
}
