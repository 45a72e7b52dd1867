/* text.h: bytes of hospitals to UTF-8 and back. PS3.5 6.1 and PS3.3 C.12.1.1.2 (Specific Character
 * Set), ICU.
 *
 * Thread-safe. Converters are opened once per thread and kept. */
#ifndef YQ_TEXT_H
#define YQ_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

/* Appends the UTF-8 of `length` bytes labelled with `charset`, the value of (0008,0005) as it
 * stands ("" or several values separated by backslashes, ISO 2022 escapes in the bytes). `vr`
 * decides about delimiters: PN resets at ^ and =, text resets at CR, LF, FF, TAB; 0x5C inside a
 * two-byte GBK or GB18030 character is no delimiter. Bytes under an unknown label, or
 * above 0x7F under none, are read as what they are in all likelihood: UTF-8, GB18030 or Latin-1.
 * Bytes that do not fit become U+FFFD and *doubtful is set (never cleared). Only running out of
 * memory is an error, and it shows as out->failed. */
void yq_text_decode(const char *charset, const char *vr, const void *bytes, size_t length,
                    struct yq_buf *out, bool *doubtful);

/* ---- what a label is worth ---- */

#define YQ_CHARSET_SIZE 128

enum yq_read_as { /* how the character set of a header was found */
                  YQ_READ_AS_DECLARED,
                  YQ_READ_AS_ASSUMED, /* a setting said so (assume_charset in peers.json) */
                  YQ_READ_AS_GUESSED  /* the bytes say so */
};

struct yq_text_value { /* borrowed */
    const char *vr;
    const void *bytes;
    size_t length;
};

/* Decides in which character set to read all text values of one header (or of one C-FIND
 * identifier): `declared`, its (0008,0005), "" when it has none, unless the bytes speak clearly
 * against it. `assume`: "" or the set to take instead where the label is missing, unknown, the
 * default repertoire or a Latin set (devices write ISO_IR 100 without thinking), or does not fit;
 * behind "always " it is taken whatever the label says. Otherwise escape sequences, UTF-8, and GBK
 * are recognised. The result goes to yq_text_decode. Says nothing about whether every byte fits:
 * decoding does. */
enum yq_read_as yq_text_judge(const struct yq_text_value *values, size_t count,
                              const char *declared, const char *assume,
                              char charset[YQ_CHARSET_SIZE]);
/* The set named by an `assume`, without its "always ". */
const char *yq_text_assumed(const char *assume, bool *always);

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

/* ---- people by the sound of their names ---- */

/* Appends the keys under which a name (UTF-8, one component group) is found by its sound, each
 * followed by a 0: every spelling of its ideographs in pinyin without tones and blanks ("zhangsan";
 * ü as v, u and yu), then the initials ("zs"). Latin letters stand for themselves, without marks.
 * Characters of several readings give a key for each, at most 32 in all. None for a name that has
 * neither. */
void yq_text_pinyin(const char *name, struct yq_buf *out);
/* Appends a matching key in the form in which it is compared with those: small letters, * and ?.
 * False: it holds ideographs or letters of another script, or no letter at all. */
bool yq_text_pinyin_pattern(const char *text, struct yq_buf *out);
/* A number that is another when names fold or sound otherwise: other Unicode, other readings. */
int64_t yq_text_name_rules(void);
/* * stands for any letters; ? for one to six, which is an ideograph or what is left of its
 * syllable. Takes time bounded by the product of the lengths. */
bool yq_text_pinyin_match(const char *key, const char *pattern);

bool yq_text_is_utf8(const void *bytes, size_t length);

#endif
