/* guess.c: what a Specific Character Set is worth that devices write without thinking: GBK bytes
 * under ISO_IR 100 or under nothing, UTF-8 under GB18030, escape sequences nobody announced.
 *
 * Weighs all text of one header together, because one device wrote it. Conservative: what can be
 * read as it is labelled stays so unless the bytes speak clearly against it. Structure is looked at
 * first (UTF-8, GB 18030-2022), then how common the characters are that would come out: of the two
 * levels of GB 2312 the first holds what Chinese text is made of. Pure; thread-safe. */
#include <ctype.h>
#include <string.h>

#include "charset.h"
#include "yq/text.h"

#define ALWAYS "always "

enum label_kind {
    SAYS_NOTHING, /* absent, the default repertoire, or a term nobody knows */
    SAYS_LATIN,   /* what devices write as they come from the factory */
    SAYS_SINGLE,  /* another single-byte set: somebody chose it */
    SAYS_UTF8,
    SAYS_GB,
    SAYS_EXTENDED /* ISO 2022 with a multi-byte set */
};

struct evidence {
    bool high, c1; /* bytes of 0x80 and above; of 0x80 to 0x9F */
    bool escaped[SET_COUNT];
    struct {
        size_t bad, cut; /* cut: the value ends within a character */
        size_t wide;     /* characters of three and four bytes */
        size_t latin;    /* of two bytes, Latin, beside a letter or digit */
        size_t script;   /* of two bytes, of one other script */
        size_t strange;  /* of two bytes, nothing of that */
        int32_t block;
    } utf8;
    struct {
        size_t bad, cut;
        size_t level1, level2; /* GB 2312; level2 only where no letter stands beside it */
        size_t inner;          /* level 2 within a word of letters: Gr\366\337e */
        size_t c1, four;       /* pairs that begin or end with a byte that is no Latin letter */
        size_t accents;        /* pairs that look like an accented letter and the next letter */
        size_t user;           /* user defined areas: nobody has characters there */
    } gb;
    size_t latin_words, other_runs; /* runs of high bytes that can, and cannot, be Latin letters */
};

static bool is_letter(const uint8_t *bytes, size_t length, size_t at)
{
    return at < length && bytes[at] < 0x80 && isalpha(bytes[at]);
}

static bool is_word(const uint8_t *bytes, size_t length, size_t at)
{
    return at < length && bytes[at] < 0x80 && isalnum(bytes[at]);
}

/* at - 1 of the first byte is SIZE_MAX, which is beyond every length */
static bool beside(bool (*is)(const uint8_t *, size_t, size_t), const uint8_t *bytes, size_t length,
                   size_t from, size_t to)
{
    return is(bytes, length, from - 1) || is(bytes, length, to);
}

/* Scripts that hospitals write, of the characters of three and four bytes. */
static bool is_usual(int32_t c)
{
    return c < 0x1000 || (c >= 0x1800 && c < 0x18b0) || (c >= 0x1e00 && c < 0xa4d0) ||
           (c >= 0xac00 && c < 0xd7b0) || (c >= 0xf900 && c < 0xfffd) || c >= 0x10000;
}

static void weigh_utf8(struct evidence *e, const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t from = at;
        int32_t c = next_utf8(bytes, length, &at);
        if (c < 0) {
            size_t need = bytes[from] >= 0xf0 ? 4 : bytes[from] >= 0xe0 ? 3 : 2;
            bool cut = bytes[from] >= 0xc2 && bytes[from] < 0xf5 && from + need > length;
            for (size_t i = from + 1; i < length && cut; i++)
                cut = (bytes[i] & 0xc0) == 0x80;
            *(cut ? &e->utf8.cut : &e->utf8.bad) += 1;
            at = cut ? length : from + 1;
        } else if (c >= 0x800) {
            *(is_usual(c) ? &e->utf8.wide : &e->utf8.strange) += 1;
        } else if ((c >= 0xc0 && c < 0x250) || c == 0xb0 || c == 0xb7 || c == 0xb5 || c == 0xb1) {
            size_t begin = from, end = at; /* of the run of such letters */
            while (begin && bytes[begin - 1] >= 0x80)
                begin--;
            while (end < length && bytes[end] >= 0x80)
                end++;
            if (beside(is_word, bytes, length, begin, end))
                e->utf8.latin++;
            else
                e->utf8.strange += end - begin > 2; /* a letter on its own, à, tells nothing */
        } else if (c >= 0x370) {
            int32_t block = c < 0x400 ? 0x370 : c < 0x530 ? 0x400 : c < 0x590 ? 0x530 : c & ~0xff;
            bool same = !e->utf8.block || e->utf8.block == block;
            e->utf8.block = block;
            *(same ? &e->utf8.script : &e->utf8.strange) += 1;
        } else if (c >= 0x80) {
            e->utf8.strange++;
        }
    }
}

/* `after`: behind another pair, whose second byte may look like a letter. */
static void weigh_pair(struct evidence *e, const uint8_t *bytes, size_t length, size_t at,
                       bool after)
{
    uint8_t first = bytes[at], second = bytes[at + 1];
    bool before_high = at + 2 < length && bytes[at + 2] >= 0x80;
    bool within = (!after && is_letter(bytes, length, at - 1)) || is_letter(bytes, length, at + 2);
    if (first >= 0xa1 && second >= 0xa1) {  /* the plane of GB 2312 */
        if (first >= 0xb0 && first <= 0xd7) /* one alone in a word of letters: \315\321igo */
            e->gb.level1 += after || before_high || !within;
        else if (first >= 0xd8 && first <= 0xf7)
            *(within ? &e->gb.inner : &e->gb.level2) += 1;
        else if (first >= 0xaa)
            e->gb.user++;
    } else if (first >= 0xa1 && first <= 0xa7) {
        e->gb.user++;
    } else if (second < 0x80 && (isalpha(second) || (second == '^' && !after && at &&
                                                     is_letter(bytes, length, at - 1)))) {
        e->gb.accents += first >= 0xc0; /* Jos\351^ too */
    } else if (first < 0xa0 || (second >= 0x80 && second < 0xa0)) {
        e->gb.c1++;
    }
}

static void weigh_gb(struct evidence *e, const uint8_t *bytes, size_t length)
{
    bool after = false;
    for (size_t at = 0; at < length;) {
        const uint8_t *p = bytes + at;
        bool pair = false;
        size_t left = length - at;
        if (p[0] < 0x80) {
            at++;
        } else if (p[0] == 0x80 || p[0] == 0xff) {
            e->gb.bad++;
            at++;
        } else if (left < 2) {
            /* a letter before it: the last letter of a word, not half a character */
            *(at && bytes[at - 1] >= 0x80 ? &e->gb.cut : &e->gb.bad) += 1;
            at++;
        } else if (p[1] >= '0' && p[1] <= '9') {
            bool four = left >= 4 && p[2] > 0x80 && p[2] < 0xff && p[3] >= '0' && p[3] <= '9';
            *(four ? &e->gb.four : &e->gb.bad) += 1;
            at += four ? 4 : 1;
        } else if (p[1] < 0x40 || p[1] == 0x7f || p[1] == 0xff) {
            e->gb.bad++;
            at++;
        } else {
            weigh_pair(e, bytes, length, at, after);
            pair = p[1] >= 0x80 || p[0] < 0xc0;
            at += 2;
        }
        after = pair;
    }
}

static void weigh_latin(struct evidence *e, const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t from = at;
        bool letters = true;
        for (; at < length && bytes[at] >= 0x80; at++)
            letters = letters && bytes[at] >= 0xc0;
        if (at == from) {
            at++;
            continue;
        }
        bool word = letters && at - from <= 2 && beside(is_letter, bytes, length, from, at);
        *(word ? &e->latin_words : &e->other_runs) += 1;
    }
}

static void weigh(struct evidence *e, const uint8_t *bytes, size_t length)
{
    bool high = false;
    for (size_t i = 0; i < length; i++) {
        enum set set;
        high |= bytes[i] >= 0x80;
        e->c1 |= bytes[i] >= 0x80 && bytes[i] < 0xa0;
        if (bytes[i] == 0x1b && escape_find(bytes + i, length - i, &set))
            e->escaped[set] = true;
    }
    e->high |= high;
    if (!high)
        return;
    weigh_utf8(e, bytes, length);
    weigh_gb(e, bytes, length);
    weigh_latin(e, bytes, length);
}

static bool is_utf8(const struct evidence *e)
{
    size_t narrow = e->utf8.latin + e->utf8.script + e->utf8.strange;
    if (e->utf8.bad || e->utf8.cut > e->utf8.wide + narrow)
        return false;
    if (e->utf8.wide)
        return e->utf8.wide > 4 * e->utf8.strange;
    if (e->utf8.strange || !narrow)
        return false;
    /* GBK can look like two-byte characters, but not like one script, nor like accents in words */
    return e->utf8.script ? e->utf8.script > 2 : e->utf8.latin;
}

static size_t for_gb(const struct evidence *e)
{
    return 3 * e->gb.level1 + e->gb.level2 + 2 * e->gb.c1 + 4 * e->gb.four;
}

static bool is_gb(const struct evidence *e)
{
    return !e->gb.bad && !e->gb.user && e->gb.cut <= e->gb.level1 &&
           for_gb(e) > 3 * e->gb.accents + 2 * e->gb.inner;
}

static bool is_latin(const struct evidence *e) { return e->latin_words && !e->other_runs; }

static enum label_kind kind_of(const struct label *label)
{
    enum label_kind kind = SAYS_NOTHING;
    for (size_t i = 0; i < label->count; i++) {
        enum set set = label->sets[i];
        if (set == SET_UTF8 || set == SET_GB18030 || set == SET_GBK) {
            if (i == 0 || label->sets[0] == SET_ASCII)
                return set == SET_UTF8 ? SAYS_UTF8 : SAYS_GB;
        } else if (set_table[set].shape != SHAPE_SINGLE) {
            return SAYS_EXTENDED;
        } else if (set >= SET_CYRILLIC && set != SET_LATIN5 && set != SET_LATIN9) {
            kind = SAYS_SINGLE;
        } else if (set != SET_ASCII && kind == SAYS_NOTHING) {
            kind = SAYS_LATIN;
        }
    }
    return label->unknown && kind == SAYS_LATIN ? SAYS_NOTHING : kind;
}

/* Whether all of it can be read in this set, without a character left over. */
static bool fits(const char *charset, const struct yq_text_value *values, size_t count)
{
    bool doubtful = false;
    for (size_t i = 0; i < count && !doubtful; i++) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        yq_text_decode(charset, values[i].vr, values[i].bytes, values[i].length, &text, &doubtful);
        doubtful = doubtful || text.failed;
    }
    return !doubtful;
}

/* A label for text with escape sequences; false when the one that is there names all of them. */
static bool name_escapes(const struct evidence *e, const struct label *label, char *charset,
                         size_t size)
{
    bool covered = true, any = false;
    for (int set = 0; set < SET_COUNT; set++) {
        bool said = set == SET_ASCII || set == SET_KATAKANA;
        for (size_t i = 0; i < label->count && !said; i++)
            said = label->sets[i] == (enum set)set;
        covered = covered && (!e->escaped[set] || said);
        any = any || (e->escaped[set] && set != SET_ASCII);
    }
    bool whole = set_table[label->sets[0]].shape == SHAPE_WHOLE;
    if (!any || (covered && !whole && !label->unknown))
        return false;
    struct yq_buf made yq_cleanup(yq_buf_fini) = {.most = size - 1};
    if (!whole && !label->unknown && set_table[label->sets[0]].shape == SHAPE_SINGLE &&
        label->sets[0] != SET_ASCII)
        yq_buf_puts(&made, set_table[label->sets[0]].term);
    for (int set = SET_ASCII + 1; set < SET_COUNT; set++) {
        if (e->escaped[set] && (enum set)set != label->sets[0])
            yq_buf_putf(&made, "\\%s", set_table[set].term);
    }
    return !made.failed && yq_copy(charset, size, yq_buf_text(&made));
}

static const char *better(const struct evidence *e, enum label_kind kind)
{
    bool all_letters = is_latin(e);
    switch (kind) {
    case SAYS_NOTHING:
        return is_utf8(e)                                   ? "ISO_IR 192"
               : is_gb(e)                                   ? "GB18030"
               : all_letters || e->gb.bad                   ? "ISO_IR 100"
               : e->gb.accents < e->gb.level2 + e->gb.inner ? "GB18030"
                                                            : "ISO_IR 100";
    case SAYS_LATIN: return is_utf8(e) ? "ISO_IR 192" : is_gb(e) ? "GB18030" : NULL;
    case SAYS_SINGLE:
        return !e->c1 ? NULL : is_utf8(e) ? "ISO_IR 192" : is_gb(e) ? "GB18030" : NULL;
    case SAYS_UTF8:
        if (!e->utf8.bad && e->utf8.cut <= e->utf8.wide) /* by chance, where no script comes out */
            return !e->utf8.wide && e->utf8.strange && is_gb(e) ? "GB18030" : NULL;
        return is_gb(e) ? "GB18030" : all_letters ? "ISO_IR 100" : NULL;
    case SAYS_GB:
        if (e->utf8.wide && is_utf8(e))
            return "ISO_IR 192";
        return !e->gb.bad ? NULL : is_utf8(e) ? "ISO_IR 192" : all_letters ? "ISO_IR 100" : NULL;
    default: return NULL;
    }
}

static const char *better_than_extended(const struct evidence *e, const struct label *label,
                                        const char *declared, const struct yq_text_value *values,
                                        size_t count)
{
    bool chinese = false;
    for (size_t i = 0; i < label->count; i++)
        chinese = chinese || label->sets[i] == SET_CHINESE;
    for (int set = 0; set < SET_COUNT; set++) {
        if (e->escaped[set])
            return NULL;
    }
    if (e->utf8.wide && is_utf8(e) && (chinese || !fits(declared, values, count)))
        return "ISO_IR 192";
    return is_gb(e) && !chinese && !fits(declared, values, count) ? "GB18030" : NULL;
}

static bool may_assume(const struct evidence *e, enum label_kind kind, const char *assume,
                       const char *declared, const struct yq_text_value *values, size_t count)
{
    struct label label;
    label_parse(assume, &label);
    if (label.unknown || !fits(assume, values, count))
        return false;
    if (kind == SAYS_NOTHING)
        return true;
    if (kind == SAYS_LATIN) /* such devices also have guests: Jérôme is none of GBK's */
        return kind_of(&label) != SAYS_GB || is_gb(e) || !is_latin(e);
    return !fits(declared, values, count);
}

const char *yq_text_assumed(const char *assume, bool *always)
{
    size_t length = strlen(ALWAYS);
    *always = strncmp(assume, ALWAYS, length) == 0;
    return *always ? assume + length + strspn(assume + length, " ") : assume;
}

enum yq_read_as yq_text_judge(const struct yq_text_value *values, size_t count,
                              const char *declared, const char *assume,
                              char charset[YQ_CHARSET_SIZE])
{
    struct evidence evidence = {0};
    struct label label;
    bool always;
    const char *assumed = yq_text_assumed(assume, &always), *guess;
    for (size_t i = 0; i < count; i++)
        weigh(&evidence, values[i].bytes, values[i].length);
    label_parse(declared, &label);
    (void)yq_copy(charset, YQ_CHARSET_SIZE, declared);
    if (name_escapes(&evidence, &label, charset, YQ_CHARSET_SIZE))
        return YQ_READ_AS_GUESSED;
    if (!evidence.high)
        return YQ_READ_AS_DECLARED;
    enum label_kind kind = kind_of(&label);
    if (*assumed && (always || may_assume(&evidence, kind, assumed, declared, values, count))) {
        (void)yq_copy(charset, YQ_CHARSET_SIZE, assumed);
        return YQ_READ_AS_ASSUMED;
    }
    guess = kind == SAYS_EXTENDED ? better_than_extended(&evidence, &label, declared, values, count)
                                  : better(&evidence, kind);
    if (!guess)
        return YQ_READ_AS_DECLARED;
    (void)yq_copy(charset, YQ_CHARSET_SIZE, guess);
    return YQ_READ_AS_GUESSED;
}

enum set guess_set(const uint8_t *bytes, size_t length)
{
    struct evidence evidence = {0};
    weigh(&evidence, bytes, length);
    const char *guess = better(&evidence, SAYS_NOTHING);
    return strcmp(guess, "GB18030") == 0      ? SET_GB18030
           : strcmp(guess, "ISO_IR 192") == 0 ? SET_UTF8
                                              : SET_LATIN1;
}
