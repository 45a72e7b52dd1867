/* charset.h: the character sets of PS3.3 C.12.1.1.2 as this room sees them. Private to src/text/.
 */
#ifndef YQ_SRC_TEXT_CHARSET_H
#define YQ_SRC_TEXT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"

enum set { /* one coded character set; the order is that of the table in charset.c */
           SET_ASCII,
           SET_LATIN1,
           SET_LATIN2,
           SET_LATIN3,
           SET_LATIN4,
           SET_CYRILLIC,
           SET_ARABIC,
           SET_GREEK,
           SET_HEBREW,
           SET_LATIN5,
           SET_LATIN9,
           SET_THAI,
           SET_KATAKANA, /* JIS X 0201: Romaji in G0, Katakana in G1 */
           SET_KANJI,    /* JIS X 0208, two bytes in G0 */
           SET_KANJI2,   /* JIS X 0212, two bytes in G0 */
           SET_KOREAN,   /* KS X 1001, two bytes in G1 */
           SET_CHINESE,  /* GB 2312, two bytes in G1 */
           SET_UTF8,
           SET_GB18030,
           SET_GBK,
           SET_COUNT
};

enum shape {
    SHAPE_SINGLE,  /* ASCII below, one byte per character above */
    SHAPE_PAIR_G0, /* two bytes below 0x80 after an escape sequence */
    SHAPE_PAIR_G1, /* two bytes above 0x80 after an escape sequence */
    SHAPE_WHOLE,   /* multi-byte without code extension: the value is one run */
};

struct set_info {
    enum shape shape;
    const char *term;    /* its defined term, for code extension where it has escape sequences */
    const char *escape;  /* what follows ESC to designate it; "" : cannot be */
    const char *decoder; /* ICU's name; NULL: made by hand */
    const char *encoder; /* ICU's name where it is another */
};
extern const struct set_info set_table[SET_COUNT];

#define LABEL_MOST 8 /* values of (0008,0005) that are looked at */

struct label { /* (0008,0005), understood */
    enum set sets[LABEL_MOST];
    size_t count; /* at least 1: an empty first value is ASCII */
    bool unknown; /* some value names no set we know */
};
void label_parse(const char *charset, struct label *label);

/* The set that the escape sequence at `at` (its ESC) designates, and the length of it with the ESC;
 * 0: none we know. */
size_t escape_find(const uint8_t *at, size_t length, enum set *set);

/* What bytes without a label are in all likelihood: UTF-8, GB18030 or Latin-1 (guess.c). */
enum set guess_set(const uint8_t *bytes, size_t length);

/* Characters at which PS3.5 6.1.2.5.3 wants the first set active again. */
bool resets_at(const char *vr, uint8_t c);

/* ---- convert.c: ICU, one converter per set and thread ---- */

/* Appends the UTF-8 of a run in one set; what does not fit becomes U+FFFD and counts. */
void convert_in(enum set set, const uint8_t *bytes, size_t length, struct yq_buf *out,
                size_t *misfits);
/* One character of `set` into `bytes` (8 places); 0 when the set has none for it. The two bytes of
 * a G0 set come with the high bit cleared, as they travel. */
size_t convert_out(enum set set, int32_t character, uint8_t bytes[8], struct yq_buf *out);

void put_utf8(struct yq_buf *out, int32_t character);
/* The next character of UTF-8, or < 0 where the bytes are none; *at moves on. */
int32_t next_utf8(const uint8_t *bytes, size_t length, size_t *at);

#endif
