/* attachment.h: the PDFs of records (walk/attachment.c): kept once by their content, checked,
 * served on signed URLs that expire, every version of a report with its own. */
#ifndef YQ_ATTACHMENT_H
#define YQ_ATTACHMENT_H

#include "yq/attached.h"
#include "yq/registry.h"

/* Keeps a PDF, on stable storage when this returns true; the same bytes twice are one.
 * YQ_BAD_INPUT: it does not open, has a password, no pages or too many; YQ_FULL: larger than
 * records.pdf_most_mb. What no record names within a day goes into the trash. */
yq_must_check bool yq_attachment_keep(struct yq_house *house, const void *bytes, size_t length,
                                      struct yq_attachment *out, struct yq_err *err);
/* The same from base64 text, as HL7's ED and JSON's pdfBase64 bring it: blanks and line ends in it
 * do not count. */
yq_must_check bool yq_attachment_keep_base64(struct yq_house *house, const char *text,
                                             size_t length, struct yq_attachment *out,
                                             struct yq_err *err);
/* The same of `length` bytes of a file from `offset`. */
yq_must_check bool yq_attachment_keep_file(struct yq_house *house, int fd, uint64_t offset,
                                           uint64_t length, struct yq_attachment *out,
                                           struct yq_err *err);
/* Takes "pdfBase64" of a report or lab report that comes as JSON: keeps it and sets `pdf`. For
 * yq_form_extra (form.h); `context` is the house. */
yq_must_check bool yq_attachment_take(void *context, struct yq_record *record, const char *name,
                                      const char *text, size_t length, bool *taken,
                                      struct yq_err *err);
/* Opens the file. YQ_ABSENT: there is none of this name. The caller closes *fd. */
yq_must_check bool yq_attachment_open(struct yq_house *house, const char *name, int *fd,
                                      struct yq_attachment *out, struct yq_err *err);
/* Appends records.url_base and a path with its signature: /files/<name>?expires=..&signature=..;
 * whoever has it before `expires_ms` needs no login. `what` says which record and version it is for
 * (log). */
yq_must_check bool yq_attachment_url(struct yq_house *house, const char *name, const char *what,
                                     int64_t expires_ms, struct yq_buf *out, struct yq_err *err);
/* Whether a URL with these parameters is one of ours for this name. YQ_REFUSED: it is not;
 * YQ_TIMEOUT: it was, and has expired. */
yq_must_check bool yq_attachment_url_fits(struct yq_house *house, const char *name,
                                          const char *expires, const char *signature,
                                          struct yq_err *err);
/* When a URL made now expires: records.url_hours. */
int64_t yq_attachment_url_until(struct yq_house *house);

/* Into the trash with what no version of a record ever named and is older than a day; how many. */
size_t yq_attachment_purge(struct yq_house *house);

#endif
