/* attachment.h: the PDFs of records (walk/attachment.c): kept once by their content, checked,
 * served on signed URLs that expire, every version of a report with its own. */
#ifndef YQ_ATTACHMENT_H
#define YQ_ATTACHMENT_H

#include "yq/registry.h"

struct yq_attachment {
    char name[65]; /* SHA-256 of its bytes in hex: the value of a report's member `pdf` */
    uint64_t size; /* bytes */
    unsigned pages;
    int64_t kept_ms;
};
/* Keeps a PDF, on stable storage when this returns true; the same bytes twice are one.
 * YQ_BAD_INPUT: it does not open, has a password, no pages or too many; YQ_FULL: larger than
 * records.pdf_most_mb. */
yq_must_check bool yq_attachment_keep(struct yq_house *house, const void *bytes, size_t length,
                                      struct yq_attachment *out, struct yq_err *err);
/* The same from base64 text, as HL7's ED and JSON's pdfBase64 bring it. */
yq_must_check bool yq_attachment_keep_base64(struct yq_house *house, const char *text,
                                             size_t length, struct yq_attachment *out,
                                             struct yq_err *err);
/* Opens the file. YQ_ABSENT: there is none of this name. The caller closes *fd. */
yq_must_check bool yq_attachment_open(struct yq_house *house, const char *name, int *fd,
                                      struct yq_attachment *out, struct yq_err *err);
/* Appends a path with its signature: /files/<name>?expires=..&signature=..; whoever has it before
 * `expires_ms` needs no login. `what` says which record and version it is for (audit). */
yq_must_check bool yq_attachment_url(struct yq_house *house, const char *name, const char *what,
                                     int64_t expires_ms, struct yq_buf *out, struct yq_err *err);

#endif
