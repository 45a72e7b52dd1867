/* json_scan.c: JSON text, piece by piece: see json_scan.h. */
#include "json_scan.h"

#include "yq/form.h"

#include <string.h>

bool json_wrong(const struct json_scan *scan, const char *what, struct yq_err *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < scan->at && i < scan->length; i++) {
        bool ends = scan->text[i] == '\n';
        line += ends;
        column = ends ? 1 : column + 1;
    }
    return yq_fail(err, YQ_BAD_INPUT, "form", "no valid JSON at line %zu, column %zu: %s", line,
                   column, what);
}

char json_peek(struct json_scan *scan)
{
    while (scan->at < scan->length) {
        char c = scan->text[scan->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        scan->at++;
    }
    return 0;
}

bool json_take(struct json_scan *scan, char wanted)
{
    if (json_peek(scan) != wanted || scan->at == scan->length)
        return false;
    scan->at++;
    return true;
}

bool json_need(struct json_scan *scan, char wanted, struct yq_err *err)
{
    char what[32] = "wanted here: 'x'";
    what[14] = wanted;
    return json_take(scan, wanted) || json_wrong(scan, what, err);
}

/* ---- strings ---- */

static bool hex4(struct json_scan *scan, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        char c = scan->at < scan->length ? scan->text[scan->at] : 0;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static void put_character(struct yq_buf *out, unsigned code)
{
    uint8_t bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; code >>= 6)
        bytes[i] = (uint8_t)(0x80 | (code & 0x3F));
    bytes[0] = (uint8_t)(heads[length] | code);
    yq_buf_put(out, bytes, length);
}

/* Behind "\u". */
static bool unicode(struct json_scan *scan, struct yq_buf *out, struct yq_err *err)
{
    unsigned code, low;
    if (!hex4(scan, &code))
        return json_wrong(scan, "four hex digits belong behind \\u", err);
    if (code == 0)
        return json_wrong(scan, "\\u0000 cannot be in a value", err);
    if (code >= 0xD800 && code < 0xE000) {
        bool pair = code < 0xDC00 && scan->length - scan->at >= 6 &&
                    memcmp(scan->text + scan->at, "\\u", 2) == 0;
        if (pair)
            scan->at += 2;
        if (!pair || !hex4(scan, &low) || low < 0xDC00 || low > 0xDFFF)
            return json_wrong(scan, "half of a surrogate pair", err);
        code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
    }
    put_character(out, code);
    return true;
}

static bool escape(struct json_scan *scan, struct yq_buf *out, struct yq_err *err)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = scan->at < scan->length ? scan->text[scan->at++] : 0;
    if (c == 'u')
        return unicode(scan, out, err);
    const char *name = c ? strchr(names, c) : NULL;
    if (!name)
        return json_wrong(scan, "no such escape", err);
    yq_buf_put(out, &values[name - names], 1);
    return true;
}

bool json_text(struct json_scan *scan, size_t most, struct yq_buf *out, struct yq_err *err)
{
    yq_buf_clear(out);
    if (!json_take(scan, '"'))
        return json_wrong(scan, "a string is wanted here", err);
    for (;;) {
        size_t from = scan->at;
        while (scan->at < scan->length && scan->text[scan->at] != '"' &&
               scan->text[scan->at] != '\\' && (unsigned char)scan->text[scan->at] >= 0x20)
            scan->at++;
        if (scan->at - from > most - out->length)
            return json_wrong(scan, "the string is too long", err);
        yq_buf_put(out, scan->text + from, scan->at - from);
        if (scan->at == scan->length)
            return json_wrong(scan, "the string has no end", err);
        char c = scan->text[scan->at];
        if (c != '"' && c != '\\')
            return json_wrong(scan, "a control character in a string", err);
        scan->at++;
        if (c == '"')
            return !out->failed || yq_fail(err, YQ_FULL, "form", "no memory for a string");
        if (!escape(scan, out, err))
            return false;
        if (out->length > most)
            return json_wrong(scan, "the string is too long", err);
    }
}

void json_put_text(struct yq_buf *out, const char *text, size_t length)
{
    static const char short_names[] = "\b\f\n\r\t", letters[] = "bfnrt";
    yq_buf_put(out, "\"", 1);
    for (size_t i = 0; i < length;) {
        size_t from = i;
        while (i < length && text[i] != '"' && text[i] != '\\' && (unsigned char)text[i] >= 0x20)
            i++;
        yq_buf_put(out, text + from, i - from);
        if (i == length)
            break;
        char c = text[i++];
        const char *name = c ? strchr(short_names, c) : NULL;
        if (c == '"' || c == '\\')
            yq_buf_putf(out, "\\%c", c);
        else if (name)
            yq_buf_putf(out, "\\%c", letters[name - short_names]);
        else
            yq_buf_putf(out, "\\u%04x", (unsigned)c);
    }
    yq_buf_put(out, "\"", 1);
}

void yq_json_put_text(struct yq_buf *out, const char *text)
{
    json_put_text(out, text, strlen(text));
}

/* ---- numbers and words ---- */

static size_t digits(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

/* The bytes of a number at its start; 0: there is none. */
static size_t number_length(const char *text, size_t length)
{
    size_t at = length && *text == '-', whole = digits(text + at, length - at);
    if (!whole || (whole > 1 && text[at] == '0'))
        return 0;
    at += whole;
    if (at < length && text[at] == '.') {
        size_t part = digits(text + at + 1, length - at - 1);
        if (!part)
            return 0;
        at += 1 + part;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < length && (text[at] == '+' || text[at] == '-');
        size_t part = digits(text + at, length - at);
        if (!part)
            return 0;
        at += part;
    }
    return at;
}

bool json_number(struct json_scan *scan, struct yq_buf *out, struct yq_err *err)
{
    json_peek(scan);
    size_t length = number_length(scan->text + scan->at, scan->length - scan->at);
    if (!length)
        return json_wrong(scan, "neither a value nor a number", err);
    yq_buf_clear(out);
    yq_buf_put(out, scan->text + scan->at, length);
    scan->at += length;
    return !out->failed || yq_fail(err, YQ_FULL, "form", "no memory for a number");
}

bool json_is_number(const char *text)
{
    size_t length = strlen(text);
    return length && number_length(text, length) == length;
}

bool json_word(struct json_scan *scan, const char *word, struct yq_err *err)
{
    size_t length = strlen(word);
    json_peek(scan);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0)
        return json_wrong(scan, "no such word", err);
    scan->at += length;
    return true;
}
