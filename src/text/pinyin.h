/* pinyin.h: the table that make_pinyin writes. Private to src/text/. */
#ifndef YQ_SRC_TEXT_PINYIN_H
#define YQ_SRC_TEXT_PINYIN_H

#include <stddef.h>
#include <stdint.h>

#define PINYIN_SIZE 12
#define PINYIN_ALSO 4
#define PINYIN_FIRST 0x3400
#define PINYIN_BEYOND 0xa000

extern const char pinyin_syllables[][PINYIN_SIZE]; /* without tones, ü as v; [0] is "" */
extern const uint16_t pinyin_common[PINYIN_BEYOND - PINYIN_FIRST]; /* a syllable, 0: none */
extern const uint32_t pinyin_rare[]; /* character << 11 | syllable, in order */
extern const size_t pinyin_rare_count;

struct pinyin_line {           /* of readings.txt */
    int32_t character, second; /* second: of a double surname, or 0 */
    uint16_t also[PINYIN_ALSO];
};
extern const struct pinyin_line pinyin_lines[];
extern const size_t pinyin_line_count;
extern const uint32_t pinyin_digest; /* of all of it */

#endif
