/* pdf.h: whether a PDF can be opened by everybody, and how many pages it has (libqpdf). ISO 32000.
 *
 * Part of form/. What comes from outside is looked at in a process of its own with bounds on memory
 * and time: whatever a file does to the library, the node goes on. Thread-safe. */
#ifndef YQ_PDF_H
#define YQ_PDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"

#define YQ_PDF_PAGES_MOST 2000u
#define YQ_PDF_MEMORY ((uint64_t)128 << 20) /* that looking at one may well take */

struct yq_pdf {
    unsigned pages;
};
/* The file `fd` from its beginning, `size` bytes. YQ_BAD_INPUT: it is none, is cut off or damaged,
 * needs a password, has no pages or too many, or takes too much memory or time to open. YQ_BUSY,
 * YQ_IO: it could not be looked at. Takes some tens of milliseconds. */
yq_must_check bool yq_pdf_check(int fd, uint64_t size, struct yq_pdf *out, struct yq_err *err);
/* The same in this process, from memory. */
yq_must_check bool yq_pdf_look(const void *bytes, size_t length, struct yq_pdf *out,
                               struct yq_err *err);

/* Once, before threads start: the program that yq_pdf_check starts, with YQ_PDF_WORD as its only
 * argument, and whose main calls yq_pdf_serve then and returns what that does. Without it
 * everything is looked at in this process. */
#define YQ_PDF_WORD "--look-at-pdf"
void yq_pdf_apart(const char *program);
int yq_pdf_serve(void);

#endif
