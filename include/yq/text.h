/* text.h: bytes of hospitals to UTF-8 and back. PS3.5 6.1 and PS3.3 C.12.1.1.2 (Specific Character
 * Set), ICU.
 *
 * Thread-safe. Converters are opened once per thread and kept. */
#ifndef YQ_TEXT_H
#define YQ_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

/* Appends the UTF-8 of `length` bytes labelled with `charset`, the value of (0008,0005) as it
 * stands ("" or several values separated by backslashes, ISO 2022 escapes in the bytes). `vr`
 * decides about delimiters: PN resets at ^ and =, text resets at CR, LF, FF, TAB; 0x5C inside a
 * two-byte GBK or GB18030 character is no delimiter. An unknown label is read as UTF-8 where the
 * bytes are UTF-8, else GB18030 where they are that, else ISO 8859-1. Bytes that do not fit become
 * U+FFFD and *doubtful is set (never cleared). Only running out of memory is an error, and it shows
 * as out->failed. */
void yq_text_decode(const char *charset, const char *vr, const void *bytes, size_t length,
                    struct yq_buf *out, bool *doubtful);

/* Appends `text` (UTF-8) in the character set named by a DICOM defined term. One term, or a list
 * whose second value is an ISO 2022 set: then with its escape sequences, reset at ^ = \ and line
 * ends as PS3.5 6.1.2.5 wants. False (nothing appended) when the set cannot hold the text or the
 * term is unknown. */
yq_must_check bool yq_text_encode(const char *charset, const char *vr, const char *text,
                                  struct yq_buf *out);
bool yq_text_charset_known(const char *charset);

/* Appends the form in which person names are compared: case folded, full width and half width
 * alike, runs of ^ = and blanks as one blank, none at the ends, and none between the ideographs of
 * one group; * and ? are kept. Same text in any of these spellings gives the same bytes. */
void yq_text_fold(const char *text, struct yq_buf *out);

bool yq_text_is_utf8(const void *bytes, size_t length);

#endif
