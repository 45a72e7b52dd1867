/* sr.h: a structured report, or a key object selection, as a page or as plain text. PS3.3 C.17,
 * PS3.16, PS3.18 8.7.4 (text/html, text/plain).
 *
 * Part of form/. Thread-safe. Everything of the report is taken as hostile: the page has no script,
 * and needs nothing from elsewhere but small pictures of the images it speaks of. */
#ifndef YQ_SR_H
#define YQ_SR_H

#include <stdbool.h>

#include "yq/bytes.h"
#include "yq/dataset.h"
#include "yq/err.h"

struct yq_sr_wish {
    bool html;           /* else plain text */
    const char *charset; /* one that yq_form_charset chose */
    const char *wado;    /* URL of WADO-URI as the page sees it, without a query; NULL: no links */
    const char *(*class_name)(const char *uid); /* a word for a SOP class, or NULL; may be NULL */
};
/* Appends the report. Characters that the set does not have become references in a page; in plain
 * text they are YQ_REFUSED. YQ_ABSENT: the object is no report. YQ_FULL: too large. */
yq_must_check bool yq_sr_print(const struct yq_item *report, const struct yq_sr_wish *wish,
                               struct yq_buf *out, struct yq_err *err);
/* The same of a waveform object: curves of each group, or what was recorded in words. YQ_ABSENT: it
 * has none. */
yq_must_check bool yq_waveform_print(const struct yq_item *object, const struct yq_sr_wish *wish,
                                     struct yq_buf *out, struct yq_err *err);

/* ---- what a report says, for a record (sr_said.c) ---- */

struct yq_sr_said { /* UTF-8; empty where there is nothing */
    struct yq_buf findings, impression, advice;
    struct yq_buf all;      /* the whole of it, where neither findings nor impression were found */
    struct yq_buf observer; /* the person who observed or wrote it, as PN */
};
/* By the codes of headings (PS3.16 CID 7001, LOINC), or by their names. YQ_ABSENT: the object is no
 * report. The caller ends *out with yq_sr_said_fini. */
yq_must_check bool yq_sr_read(const struct yq_item *report, struct yq_sr_said *out,
                              struct yq_err *err);
void yq_sr_said_fini(struct yq_sr_said *said);

/* ---- character sets of texts that leave (charset.c) ---- */

/* The best of a list of character sets in the names of IANA ("gb18030;q=0.5, utf-8", "*"), in the
 * spelling in which it is told; static. NULL or "": utf-8. NULL: none that can be made. */
const char *yq_form_charset(const char *list);
/* UTF-8 in that character set, appended. YQ_REFUSED when it does not hold the text, unless `html`:
 * then references stand for what it lacks. */
yq_must_check bool yq_form_encode(const char *charset, bool html, const char *text,
                                  struct yq_buf *out, struct yq_err *err);

#endif
