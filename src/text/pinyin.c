/* pinyin.c: names by their sound. Each ideograph has the reading that ICU gives it and those of
 * readings.txt; a name has every combination of them, within a bound, so that 单 is found as shan
 * and as dan. ü is typed v, u or, as passports have it, yu. Pure tables; thread-safe. */
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "charset.h"
#include "pinyin.h"
#include "yq/text.h"

/* Rises when the code here or in fold.c makes other keys of the same tables. */
#define NAMES_VERSION 1

enum {
    UNITS_MOST = 24,     /* syllables and Latin words of one name */
    READINGS_MOST = 8,   /* of one of them */
    SPELLINGS_MOST = 24, /* of one name */
    INITIALS_MOST = 8,
    KEY_SIZE = 160,
};

struct unit {          /* a syllable, or a Latin word */
    int32_t character; /* 0: a word */
    char readings[READINGS_MOST][32];
    size_t count;
};

struct name {
    struct unit units[UNITS_MOST];
    size_t count;
};

static void add_reading(struct unit *unit, const char *text)
{
    for (size_t i = 0; i < unit->count; i++) {
        if (strcmp(unit->readings[i], text) == 0)
            return;
    }
    if (*text && unit->count < READINGS_MOST)
        unit->count += yq_copy(unit->readings[unit->count], sizeof *unit->readings, text);
}

/* "lv" also as "lu" and "lyu". */
static void add_syllable(struct unit *unit, unsigned number)
{
    const char *syllable = pinyin_syllables[number], *v = strchr(syllable, 'v');
    char other[2 * PINYIN_SIZE];
    add_reading(unit, syllable);
    if (!v || v == syllable)
        return;
    size_t before = (size_t)(v - syllable);
    memcpy(other, syllable, before);
    other[before] = 'u';
    memcpy(other + before + 1, v + 1, strlen(v + 1) + 1);
    add_reading(unit, other);
    other[before] = 'y';
    other[before + 1] = 'u';
    memcpy(other + before + 2, v + 1, strlen(v + 1) + 1);
    add_reading(unit, other);
}

static unsigned usual_reading(int32_t character)
{
    if (character >= PINYIN_FIRST && character < PINYIN_BEYOND)
        return pinyin_common[character - PINYIN_FIRST];
    size_t from = 0, to = pinyin_rare_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int32_t there = (int32_t)(pinyin_rare[middle] >> 11);
        if (there == character)
            return pinyin_rare[middle] & 0x7ff;
        if (there < character)
            from = middle + 1;
        else
            to = middle;
    }
    return 0;
}

static void read_ideograph(struct unit *unit, int32_t character)
{
    unit->character = character;
    for (size_t i = 0; i < pinyin_line_count; i++) {
        const struct pinyin_line *line = &pinyin_lines[i];
        for (size_t j = 0; line->character == character && !line->second && j < PINYIN_ALSO; j++)
            add_syllable(unit, line->also[j]);
    }
    add_syllable(unit, usual_reading(character));
}

/* A double surname is read as one: 单于 chanyu. Its readings come first. */
static void read_double_surname(struct name *name)
{
    if (name->count < 2)
        return;
    for (size_t i = 0; i < pinyin_line_count; i++) {
        const struct pinyin_line *line = &pinyin_lines[i];
        if (!line->second || line->character != name->units[0].character ||
            line->second != name->units[1].character)
            continue;
        for (size_t j = 0; j < 2; j++) {
            struct unit as_one = {.character = name->units[j].character};
            add_syllable(&as_one, line->also[j]);
            for (size_t k = 0; k < name->units[j].count; k++)
                add_reading(&as_one, name->units[j].readings[k]);
            name->units[j] = as_one;
        }
    }
}

/* The letter or digit without its marks; 0 for what is none. */
static char plain_letter(int32_t c)
{
    if (c < 0x80)
        return (char)(c >= 'A' && c <= 'Z'                               ? c - 'A' + 'a'
                      : (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c
                                                                         : 0);
    UErrorCode error = U_ZERO_ERROR;
    UChar apart[8];
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&error);
    int32_t count = U_SUCCESS(error) ? unorm2_getDecomposition(nfd, c, apart, 8, &error) : -1;
    return count > 0 && U_SUCCESS(error) && apart[0] < 0x80 ? plain_letter(apart[0]) : 0;
}

static bool is_ideograph(int32_t c) { return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC); }

/* `text` is folded: lower case, words apart. */
static void read_name(const char *text, struct name *name)
{
    size_t length = strlen(text);
    bool in_word = false;
    for (size_t at = 0; at < length;) {
        int32_t c = next_utf8((const uint8_t *)text, length, &at);
        char letter = c < 0 ? 0 : plain_letter(c);
        if (c == ' ' || is_ideograph(c))
            in_word = false;
        if (!letter && (c < 0 || !is_ideograph(c)))
            continue; /* an apostrophe, a hyphen, a mark, another script */
        if (!in_word && name->count == UNITS_MOST)
            return;
        if (!letter) {
            struct unit *unit = &name->units[name->count];
            read_ideograph(unit, c);
            name->count += unit->count > 0;
            continue;
        }
        struct unit *unit = in_word ? &name->units[name->count - 1] : &name->units[name->count++];
        size_t used = strlen(unit->readings[0]);
        if (used + 1 < sizeof unit->readings[0])
            unit->readings[0][used] = letter;
        unit->count = 1;
        in_word = true;
    }
    read_double_surname(name);
}

static bool is_there(const struct yq_buf *out, size_t start, const char *key)
{
    for (size_t at = start; at < out->length; at += strlen((const char *)out->bytes + at) + 1) {
        if (strcmp((const char *)out->bytes + at, key) == 0)
            return true;
    }
    return false;
}

/* Writes the key that the choice of readings makes; initials: the first letter of each. */
static void put_key(const struct name *name, const size_t *choice, bool initials,
                    struct yq_buf *out, size_t start)
{
    char key[KEY_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < name->count; i++) {
        const char *reading = name->units[i].readings[choice[i]];
        size_t length = initials ? 1 : strlen(reading);
        if (used + length >= sizeof key)
            break;
        memcpy(key + used, reading, length);
        used += length;
    }
    key[used] = '\0';
    if (used && !is_there(out, start, key))
        yq_buf_put(out, key, used + 1);
}

/* The surname turns fastest: where there are more combinations than places, all of its readings
 * have theirs. */
static void put_all(const struct name *name, bool initials, size_t most, struct yq_buf *out,
                    size_t start)
{
    size_t choice[UNITS_MOST] = {0};
    for (size_t made = 0; made < most; made++) {
        size_t i = 0;
        put_key(name, choice, initials, out, start);
        while (i < name->count && ++choice[i] == name->units[i].count)
            choice[i++] = 0;
        if (i == name->count)
            return;
    }
}

/* The units with readings of different initials only. */
static void reduce_to_initials(struct name *name)
{
    for (size_t i = 0; i < name->count; i++) {
        struct unit *unit = &name->units[i];
        size_t kept = 0;
        for (size_t j = 0; j < unit->count; j++) {
            bool known = false;
            for (size_t k = 0; k < kept && !known; k++)
                known = unit->readings[k][0] == unit->readings[j][0];
            if (!known)
                memmove(unit->readings[kept++], unit->readings[j], sizeof *unit->readings);
        }
        unit->count = kept;
    }
}

int64_t yq_text_name_rules(void)
{
    UVersionInfo unicode;
    u_getUnicodeVersion(unicode);
    return (int64_t)NAMES_VERSION << 48 | (int64_t)unicode[0] << 40 | (int64_t)unicode[1] << 32 |
           pinyin_digest;
}

void yq_text_pinyin(const char *name, struct yq_buf *out)
{
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    struct name read = {0};
    size_t start = out->length;
    yq_text_fold(name, &folded);
    out->failed |= folded.failed;
    read_name(yq_buf_text(&folded), &read);
    if (!read.count || out->failed)
        return;
    put_all(&read, false, SPELLINGS_MOST, out, start);
    reduce_to_initials(&read);
    put_all(&read, true, INITIALS_MOST, out, start);
}

bool yq_text_pinyin_pattern(const char *text, struct yq_buf *out)
{
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf made yq_cleanup(yq_buf_fini) = {0};
    bool any = false;
    yq_text_fold(text, &folded);
    for (size_t at = 0; at < folded.length;) {
        int32_t c = next_utf8(folded.bytes, folded.length, &at);
        char letter = c < 0 ? 0 : plain_letter(c);
        if (!letter && (c < 0 || is_ideograph(c) || u_isalpha(c)))
            return false; /* nobody types pinyin so */
        any = any || letter;
        if (c == '*' || c == '?')
            letter = (char)c;
        if (letter)
            yq_buf_put(&made, &letter, 1);
    }
    out->failed |= folded.failed || made.failed;
    if (any)
        yq_buf_puts(out, yq_buf_text(&made));
    return any && !out->failed;
}

bool yq_text_pinyin_match(const char *key, const char *pattern)
{
    bool now[KEY_SIZE + 1] = {true}, next[KEY_SIZE + 1];
    size_t length = strnlen(key, KEY_SIZE);
    for (const char *p = pattern; *p; p++) {
        memset(next, 0, sizeof next);
        for (size_t i = 0; i <= length; i++) {
            size_t least = *p == '*' ? 0 : 1, most = *p == '*' ? length : *p == '?' ? 6 : 1;
            bool letter = *p != '*' && *p != '?';
            for (size_t n = least; now[i] && n <= most && i + n <= length; n++)
                next[i + n] = next[i + n] || !letter || key[i] == *p;
        }
        memcpy(now, next, sizeof now);
    }
    return now[length];
}
