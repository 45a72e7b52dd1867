/* decode.c: bytes under a Specific Character Set to UTF-8. PS3.5 6.1.2.5 (code extension): escape
 * sequences designate G0 (bytes below 0x80) and G1 (above); delimiters bring the first set back.
 *
 * Reads leniently: any known escape sequence is followed, whether the label announced it or not,
 * and a device that forgets to repeat the escape after ^ is understood. Thread-safe. */
#include <string.h>

#include "charset.h"
#include "yq/text.h"

#define ESC 0x1b
#define NO_SET SET_COUNT

struct state {
    const char *vr;
    enum set first_g1,
        second_g1;   /* what G1 holds at first; what stands in where it holds nothing */
    enum set g0, g1; /* now */
    struct yq_buf *out;
    size_t misfits;
};

bool yq_text_is_utf8(const void *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (next_utf8(bytes, length, &at) < 0)
            return false;
    }
    return true;
}

static bool has_high(const uint8_t *bytes, size_t length)
{
    uint8_t all = 0;
    for (size_t i = 0; i < length; i++)
        all |= bytes[i];
    return all & 0x80;
}

size_t escape_find(const uint8_t *at, size_t length, enum set *set)
{
    static const struct {
        const char *text;
        enum set set;
    } extra[] = {{"(J", SET_ASCII}, {"$@", SET_KANJI}, {"$(B", SET_KANJI}};
    for (size_t i = 0; i < SET_COUNT + sizeof extra / sizeof *extra; i++) {
        bool usual = i < SET_COUNT;
        const char *text = usual ? set_table[i].escape : extra[i - SET_COUNT].text;
        size_t used = strlen(text);
        if (used && used < length && memcmp(at + 1, text, used) == 0) {
            *set = usual ? (enum set)i : extra[i - SET_COUNT].set;
            return used + 1;
        }
    }
    return 0;
}

/* Follows the escape sequence at `at`; returns its length with the ESC, 0 when it is none we know.
 */
static size_t follow_escape(struct state *state, const uint8_t *at, size_t length)
{
    enum set found;
    size_t used = escape_find(at, length, &found);
    if (!used)
        return 0;
    if (found == SET_ASCII || set_table[found].shape == SHAPE_PAIR_G0)
        state->g0 = found;
    else
        state->g1 = found;
    return used;
}

/* How many bytes the character at `at` takes in a two-byte G1 set. Devices write GBK and UHC under
 * the names of the smaller sets: then the second byte may be below 0x80. */
static size_t pair_length(enum set set, const uint8_t *at, size_t length)
{
    if (length < 2)
        return 1;
    uint8_t second = at[1];
    if (second & 0x80)
        return 2;
    if (set == SET_KOREAN)
        return (second >= 'A' && second <= 'Z') || (second >= 'a' && second <= 'z') ? 2 : 1;
    return second >= 0x40 && second < 0x7f ? 2 : 1;
}

/* The run of G1 bytes at `at`, in the set that G1 holds. */
static size_t take_high(struct state *state, const uint8_t *at, size_t length)
{
    enum set set = state->g1 != NO_SET ? state->g1 : state->second_g1;
    size_t run = 0;
    if (set == NO_SET)
        set = SET_ASCII; /* nothing fits */
    if (set_table[set].shape == SHAPE_SINGLE && at[0] < 0xa0) {
        put_utf8(state->out, 0xfffd); /* a control character of C1, which no text has */
        state->misfits++;
        return 1;
    }
    while (run < length && at[run] & 0x80) {
        if (set_table[set].shape == SHAPE_PAIR_G1)
            run += pair_length(set, at + run, length - run);
        else if (set_table[set].shape == SHAPE_SINGLE && at[run] < 0xa0)
            break;
        else
            run++;
    }
    convert_in(set, at, run, state->out, &state->misfits);
    return run;
}

/* Two bytes of G0 at a time, until a control character (an escape sequence among them). */
static size_t take_pairs(struct state *state, const uint8_t *at, size_t length)
{
    uint8_t euc[3 * 64];
    size_t run = 0, used = 0;
    while (run < length && at[run] > 0x20 && at[run] < 0x7f && used + 3 <= sizeof euc) {
        bool whole = run + 1 < length && at[run + 1] > 0x20 && at[run + 1] < 0x7f;
        if (!whole)
            break;
        if (state->g0 == SET_KANJI2)
            euc[used++] = 0x8f;
        euc[used++] = at[run] | 0x80;
        euc[used++] = at[run + 1] | 0x80;
        run += 2;
    }
    if (run) {
        convert_in(state->g0, euc, used, state->out, &state->misfits);
        return run;
    }
    if (at[0] > 0x20) { /* half a character */
        put_utf8(state->out, 0xfffd);
        state->misfits++;
    } else {
        put_utf8(state->out, at[0]);
    }
    return 1;
}

static void reset(struct state *state)
{
    state->g0 = SET_ASCII;
    state->g1 = state->first_g1;
}

static void decode_extended(struct state *state, const uint8_t *bytes, size_t length)
{
    reset(state);
    for (size_t at = 0; at < length && !state->out->failed;) {
        uint8_t c = bytes[at];
        if (c == ESC) {
            size_t used = follow_escape(state, bytes + at, length - at);
            if (!used) { /* not ours: shown as it is, without the ESC */
                put_utf8(state->out, 0xfffd);
                state->misfits++;
            }
            at += used ? used : 1;
        } else if (c & 0x80) {
            at += take_high(state, bytes + at, length - at);
        } else if (state->g0 != SET_ASCII && !(c <= 0x20 && resets_at(state->vr, c))) {
            at += take_pairs(state, bytes + at, length - at);
        } else {
            if (resets_at(state->vr, c))
                reset(state);
            put_utf8(state->out, c);
            at++;
        }
    }
}

/* No label, or one that tells nothing: whatever the bytes can be. */
static void decode_guess(const uint8_t *bytes, size_t length, struct yq_buf *out)
{
    size_t misfits = 0;
    convert_in(guess_set(bytes, length), bytes, length, out, &misfits);
}

static bool has_c1(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] >= 0x80 && bytes[i] < 0xa0)
            return true;
    }
    return false;
}

static bool decode_unextended(const struct label *label, const uint8_t *bytes, size_t length,
                              struct state *state)
{
    enum set first = label->sets[0];
    if (label->count > 1 && first == SET_ASCII && set_table[label->sets[1]].shape == SHAPE_WHOLE)
        first = label->sets[1]; /* "\\ISO_IR 192", where no first value belongs */
    if (set_table[first].shape == SHAPE_WHOLE) {
        convert_in(first, bytes, length, state->out, &state->misfits);
        return true;
    }
    if (memchr(bytes, ESC, length))
        return false;
    if (!has_high(bytes, length)) {
        yq_buf_put(state->out, bytes, length); /* every other set begins with ASCII */
        return true;
    }
    bool utf8 = has_c1(bytes, length) && yq_text_is_utf8(bytes, length);
    if (utf8 || label->unknown || state->second_g1 == NO_SET) {
        decode_guess(bytes, length, state->out);
        state->misfits++; /* the bytes are not what the label promised */
        return true;
    }
    return false;
}

static void decode_value(const struct label *label, const char *vr, const uint8_t *bytes,
                         size_t length, struct yq_buf *out, bool *doubtful)
{
    enum set first = label->sets[0];
    struct state state = {.vr = vr, .first_g1 = NO_SET, .second_g1 = NO_SET, .out = out};
    if (set_table[first].shape == SHAPE_SINGLE && first != SET_ASCII)
        state.first_g1 = first;
    for (size_t i = 0; i < label->count && state.second_g1 == NO_SET; i++) {
        if (set_table[label->sets[i]].shape != SHAPE_PAIR_G0 && label->sets[i] != SET_ASCII)
            state.second_g1 = label->sets[i];
    }
    if (!decode_unextended(label, bytes, length, &state))
        decode_extended(&state, bytes, length);
    if (state.misfits)
        *doubtful = true;
}

void yq_text_decode(const char *charset, const char *vr, const void *bytes, size_t length,
                    struct yq_buf *out, bool *doubtful)
{
    const uint8_t *p = bytes;
    struct label label;
    while (length && p[length - 1] == 0)
        length--; /* padding */
    if (!length)
        return;
    label_parse(charset, &label);
    for (size_t at = 0; at < length && !out->failed;) {
        /* a NUL inside would end the text for every reader in C */
        const uint8_t *nul = memchr(p + at, 0, length - at);
        size_t run = nul ? (size_t)(nul - p) - at : length - at;
        if (run)
            decode_value(&label, vr, p + at, run, out, doubtful);
        if (nul) {
            put_utf8(out, 0xfffd);
            *doubtful = true;
        }
        at += run + (nul ? 1 : 0);
    }
}
