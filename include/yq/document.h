/* document.h: what is given of objects that are no still images: reports, waveforms, encapsulated
 * documents, video. A walk, in src/walk/document.c. PS3.18 8.7.3, 8.7.4 and chapter 9. */
#ifndef YQ_DOCUMENT_H
#define YQ_DOCUMENT_H

#include "yq/catalog.h"
#include "yq/walk.h"

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
/* The object as `media_type`: a report (SR, KO) or a waveform as text/html or text/plain; an
 * encapsulated PDF, CDA or model as what it is; a video as what its first bytes say it is
 * (video/mp4, video/mpeg, video/mp2t, video/h264, video/h265). `charset`: a name, or several with
 * q, as in the parameter of WADO-URI; NULL or "": UTF-8. Values that were coerced are in it. Bytes
 * that lie in one piece in the stored file are given from there. YQ_REFUSED (not as this media
 * type; in no such character set; the text does not fit it), YQ_ABSENT (the object is gone:
 * "store"; it has no document: "dcm"), YQ_BAD_INPUT (the object contradicts itself), YQ_FULL,
 * YQ_IO. */
yq_must_check bool yq_document_open(struct yq_house *house, const struct yq_entry *entry,
                                    const char *media_type, const char *charset,
                                    struct yq_document *out, struct yq_err *err);

#endif
