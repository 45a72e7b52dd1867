/* document.h: what is given of objects that are no still images: reports, encapsulated documents,
 * video. A walk, in src/walk/document.c. PS3.18 8.7.3, 8.7.4 and chapter 9. */
#ifndef YQ_DOCUMENT_H
#define YQ_DOCUMENT_H

#include "yq/catalog.h"
#include "yq/walk.h"

enum { YQ_DOCUMENT_TYPES = 2 };
struct yq_document_kind { /* media types in which an object can be given, the preferred one first */
    const char *types[YQ_DOCUMENT_TYPES]; /* static, small letters, no parameters */
    size_t count;                         /* 0: only as application/dicom (or a picture) */
    bool text;                            /* made here: a character set can be asked for */
};
/* By SOP class and transfer syntax; of video the first bytes are read. Errors as of the store. */
yq_must_check bool yq_document_kind(struct yq_house *house, const struct yq_entry *entry,
                                    struct yq_document_kind *out, struct yq_err *err);

struct yq_document {
    const char *media_type; /* static; as asked */
    const char *charset;    /* static, for the Content-Type; NULL: the type has none */
    const char *extension;  /* static; of a file name, "pdf" */
    const char *policy;     /* static; its Content-Security-Policy, or NULL */
    int fd; /* owned; >= 0: [offset, offset + length) of it is the document; else `bytes` is */
    uint64_t offset, length;
    struct yq_buf bytes;
};
void yq_document_fini(struct yq_document *document);
/* The object as `media_type`, one of its kind. `charset`: a name, or several with q, as in the
 * parameter of WADO-URI; NULL or "": UTF-8. Values that were coerced are in it. Bytes that lie in
 * one piece in the stored file are given from there. YQ_REFUSED (not as this media type; in no such
 * character set; the text does not fit it), YQ_ABSENT (the object is gone: "store"; it has no
 * document: "dcm"), YQ_BAD_INPUT (the object contradicts itself), YQ_FULL, YQ_IO. */
yq_must_check bool yq_document_open(struct yq_house *house, const struct yq_entry *entry,
                                    const char *media_type, const char *charset,
                                    struct yq_document *out, struct yq_err *err);

#endif
