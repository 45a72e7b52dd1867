/* report_masked.c: text that is shown of a call, without the personal values of the records that
 * were sent, whoever repeats them.
 *
 * A province masks the message it sends by its fields; what a platform says in its answer is free
 * text, and may cite the patient. So every personal value of the records at hand is taken out of
 * both, also where it is written with \u escapes, and dates also without their dashes. The text
 * comes from outside and is shown on terminals, so what is no character and what controls one goes,
 * too. */
#include "report_masked.h"

#include <string.h>

enum { VALUE_LEAST = 4 };

static void put_utf8(uint32_t code, struct yq_buf *out)
{
    char bytes[4];
    size_t length = 0;
    if (code < 0x800) {
        bytes[length++] = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        bytes[length++] = (char)(0xe0 | code >> 12);
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        bytes[length++] = (char)(0xf0 | code >> 18);
        bytes[length++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    bytes[length++] = (char)(0x80 | (code & 0x3f));
    yq_buf_put(out, bytes, length);
}

/* "\u5f20" at `text`: its number, or 0. */
static uint32_t escaped(const char *text)
{
    uint32_t code = 0;
    if (text[0] != '\\' || text[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        int c = (unsigned char)text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return 0;
        code = code << 4 | (uint32_t)digit;
    }
    return code;
}

/* How long the UTF-8 character at `text` is; 0: it is none. */
static size_t character(const unsigned char *text, size_t length)
{
    size_t wanted = *text < 0x80                    ? 1
                    : *text >= 0xc2 && *text < 0xe0 ? 2
                    : *text >= 0xe0 && *text < 0xf0 ? 3
                    : *text >= 0xf0 && *text < 0xf5 ? 4
                                                    : 0;
    if (wanted > length)
        return 0;
    for (size_t i = 1; i < wanted; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return wanted;
}

/* Control characters but line ends become blanks, for it is shown on terminals; what is no
 * character a question mark. */
static size_t put_character(const char *text, size_t length, struct yq_buf *out)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t bytes = character(c, length);
    bool control =
        (*c < 0x20 && *c != '\n') || *c == 0x7f || (bytes == 2 && *c == 0xc2 && c[1] < 0xa0);
    if (!bytes || control)
        yq_buf_puts(out, bytes ? " " : "?");
    else
        yq_buf_put(out, text, bytes);
    return bytes ? bytes : 1;
}

void report_plain(const char *text, size_t length, struct yq_buf *out)
{
    for (size_t i = 0; i < length && text[i];) {
        uint32_t code = length - i >= 6 ? escaped(text + i) : 0;
        uint32_t low =
            code >= 0xd800 && code < 0xdc00 && length - i >= 12 ? escaped(text + i + 6) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
            put_utf8(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
            i += 12;
        } else if (code >= 0xa0 && (code < 0xd800 || code > 0xdfff)) {
            put_utf8(code, out);
            i += 6;
        } else {
            i += put_character(text + i, length - i, out);
        }
    }
}

static void take_out(struct yq_buf *text, const char *value)
{
    struct yq_buf made yq_cleanup(yq_buf_fini) = {0};
    size_t length = strlen(value);
    const char *at = yq_buf_text(text), *found = length < VALUE_LEAST ? NULL : strstr(at, value);
    if (!found)
        return;
    for (; found; found = strstr(at, value)) {
        yq_buf_put(&made, at, (size_t)(found - at));
        yq_buf_puts(&made, "***");
        at = found + length;
    }
    yq_buf_puts(&made, at);
    struct yq_buf before = *text;
    *text = made;
    made = before;
}

static void take_out_member(struct yq_buf *text, const struct yq_member *member, const char *value)
{
    char bare[32];
    size_t length = 0;
    if (!member->personal)
        return;
    take_out(text, value);
    if (member->type != YQ_VALUE_DATE && member->type != YQ_VALUE_DATETIME)
        return;
    for (const char *c = value; *c && length + 1 < sizeof bare; c++)
        if (*c >= '0' && *c <= '9')
            bare[length++] = *c;
    bare[length] = '\0';
    take_out(text, bare);
    bare[length < 8 ? length : 8] = '\0'; /* the day */
    take_out(text, bare);
}

void report_take_out(struct yq_buf *text, const struct yq_record *record)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        if (record->values[i])
            take_out_member(text, &kind->members[i], record->values[i]);
        for (size_t n = 0; n < record->lists[i].count; n++)
            report_take_out(text, record->lists[i].items[n]);
    }
}
