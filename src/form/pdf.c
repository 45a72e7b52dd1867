/* pdf.c: opens a PDF with libqpdf, by its C face, and counts its pages.
 *
 * A file whose table of objects is wrong is opened all the same when it has its end, as every
 * viewer does; one that was cut off is refused. The content of each page has to be there and to
 * decode. Nothing is drawn and no script is run. libqpdf catches its own exceptions; that it takes
 * endless memory or time, or all of the stack, is pdf_apart.c's to bound. */
#include <qpdf/qpdf-c.h>
#include <stdlib.h>
#include <string.h>

#include "yq/bytes.h"
#include "yq/pdf.h"

enum { HEAD = 1024, TAIL = 2048 }; /* where a PDF's first and last words are looked for */

static void cleanup(qpdf_data *q)
{
    if (*q && qpdf_has_error(*q))
        (void)qpdf_get_error(*q); /* it was told; the library would write it to stderr */
    if (*q)
        qpdf_cleanup(q);
}

static bool fail(struct yq_err *err, const char *why)
{
    return yq_fail(err, YQ_BAD_INPUT, "pdf", "%s", why);
}

static bool has(const uint8_t *bytes, size_t length, const char *word)
{
    return memmem(bytes, length, word, strlen(word));
}

static qpdf_data open_it(const uint8_t *bytes, size_t length, bool recover, bool *password)
{
    qpdf_data q = qpdf_init();
    qpdf_silence_errors(q);
    qpdf_set_suppress_warnings(q, QPDF_TRUE);
    qpdf_set_attempt_recovery(q, recover);
    QPDF_ERROR_CODE code = qpdf_read_memory(q, "pdf", (const char *)bytes, length, NULL);
    if (!(code & QPDF_ERRORS))
        return q;
    *password = qpdf_has_error(q) && qpdf_get_error_code(q, qpdf_get_error(q)) == qpdf_e_password;
    qpdf_cleanup(&q);
    return NULL;
}

static bool page_is_whole(qpdf_data q, size_t number)
{
    unsigned char *content = NULL;
    size_t length = 0;
    qpdf_oh page = qpdf_get_page_n(q, number);
    bool fine = !qpdf_has_error(q) && qpdf_oh_is_dictionary(q, page) &&
                !(qpdf_oh_get_page_content_data(q, page, &content, &length) & QPDF_ERRORS);
    free(content);
    qpdf_oh_release_all(q);
    return fine;
}

bool yq_pdf_look(const void *bytes, size_t length, struct yq_pdf *out, struct yq_err *err)
{
    bool password = false;
    const uint8_t *begin = bytes;
    size_t tail = length < TAIL ? length : TAIL;
    if (!has(begin, length < HEAD ? length : HEAD, "%PDF-"))
        return fail(err, "it is no PDF: it does not begin with %PDF-");
    qpdf_data q yq_cleanup(cleanup) = open_it(begin, length, false, &password);
    if (!q && !password) {
        if (!has(begin + length - tail, tail, "%%EOF"))
            return fail(err, "the PDF is cut off: its end is missing");
        q = open_it(begin, length, true, &password);
    }
    if (password)
        return fail(err, "the PDF needs a password: send one that everybody can open");
    if (!q)
        return fail(err, "the PDF is damaged: it cannot be opened");
    int pages = qpdf_get_num_pages(q);
    if (pages < 0)
        return fail(err, "the PDF is damaged: its pages cannot be found");
    if (!pages)
        return fail(err, "the PDF has no pages");
    if ((unsigned)pages > YQ_PDF_PAGES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "pdf", "the PDF has %d pages, more than %u", pages,
                       YQ_PDF_PAGES_MOST);
    for (int i = 0; i < pages; i++)
        if (!page_is_whole(q, (size_t)i))
            return yq_fail(err, YQ_BAD_INPUT, "pdf", "page %d of the PDF is damaged", i + 1);
    out->pages = (unsigned)pages;
    return true;
}
