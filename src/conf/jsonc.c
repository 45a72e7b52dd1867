/* jsonc.c: the reader of JSON with comments (RFC 8259 and what editors of configuration files
 * expect).
 *
 * Refuses what would be guessed wrong: the same key twice, text over several lines, \u0000, bytes
 * that are no UTF-8. Depth, values and size are bounded. One thread at a time per document. */
#include "jsonc.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/bytes.h"
#include "yq/text.h"

struct reader {
    struct jsonc *doc;
    const char *bytes;
    size_t length, at;
    unsigned line;
    struct yq_err *err;
};

static bool parse_value(struct reader *r, unsigned depth, struct jsonc_node **out);

bool jsonc_fail(const struct jsonc *doc, unsigned line, struct yq_err *err, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!doc->file)
        return yq_fail(err, YQ_BAD_INPUT, "conf", "%s", text);
    return yq_fail(err, YQ_BAD_INPUT, "conf", "%s:%u: %s", doc->file, line, text);
}

const char *jsonc_kind_name(enum jsonc_kind kind)
{
    static const char *const names[] = {"null",           "true or false", "a number",
                                        "text in quotes", "a list []",     "an object {}"};
    return names[kind];
}

const struct jsonc_node *jsonc_member(const struct jsonc_node *object, const char *name)
{
    for (const struct jsonc_node *child = object->child; child; child = child->next) {
        if (child->name && strcmp(child->name, name) == 0)
            return child;
    }
    return NULL;
}

void jsonc_fini(struct jsonc *doc)
{
    for (void **block = doc->blocks; block;) {
        void **next = *block;
        free(block);
        block = next;
    }
    memset(doc, 0, sizeof *doc);
}

/* Zeroed memory that lives as long as the document. */
static void *take_memory(struct reader *r, size_t size)
{
    void **block = calloc(1, sizeof(void *) + size);
    if (!block) {
        yq_fail(r->err, YQ_FULL, "conf", "no memory to read %s", r->doc->file);
        return NULL;
    }
    *block = r->doc->blocks;
    r->doc->blocks = block;
    return block + 1;
}

static bool fail_here(struct reader *r, const char *expected)
{
    if (r->at >= r->length)
        return jsonc_fail(r->doc, r->line, r->err, "the file ends here; expected %s", expected);
    unsigned char c = (unsigned char)r->bytes[r->at];
    if (c == '\'')
        return jsonc_fail(r->doc, r->line, r->err,
                          "text takes double quotes (\"), not single ones");
    if (isprint(c))
        return jsonc_fail(r->doc, r->line, r->err, "expected %s, found '%c'", expected, c);
    return jsonc_fail(r->doc, r->line, r->err, "expected %s, found byte 0x%02X", expected, c);
}

static int peek(const struct reader *r)
{
    return r->at < r->length ? (unsigned char)r->bytes[r->at] : -1;
}

static bool skip_block_comment(struct reader *r)
{
    unsigned began = r->line;
    for (r->at += 2; r->at + 1 < r->length; r->at++) {
        if (r->bytes[r->at] == '*' && r->bytes[r->at + 1] == '/') {
            r->at += 2;
            return true;
        }
        if (r->bytes[r->at] == '\n')
            r->line++;
    }
    return jsonc_fail(r->doc, began, r->err, "this /* comment has no end");
}

static bool skip_blank(struct reader *r)
{
    for (;;) {
        int c = peek(r);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            r->line += c == '\n';
            r->at++;
        } else if (c == '/' && r->at + 1 < r->length && r->bytes[r->at + 1] == '/') {
            while (r->at < r->length && r->bytes[r->at] != '\n')
                r->at++;
        } else if (c == '/' && r->at + 1 < r->length && r->bytes[r->at + 1] == '*') {
            if (!skip_block_comment(r))
                return false;
        } else {
            return true;
        }
    }
}

static bool hex4(const char *at, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)at[i];
        if (!isxdigit(c))
            return false;
        *value = *value << 4 | (unsigned)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

static size_t put_character(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX at `at`, a surrogate pair where it is one. *used: bytes of the escape. */
static bool unescape_unicode(const struct reader *r, size_t at, size_t end, char *to,
                             size_t *written, size_t *used)
{
    unsigned c, low;
    if (end - at < 6 || !hex4(r->bytes + at + 2, &c))
        return false;
    *used = 6;
    if (c >= 0xd800 && c < 0xdc00) {
        if (end - at < 12 || r->bytes[at + 6] != '\\' || r->bytes[at + 7] != 'u' ||
            !hex4(r->bytes + at + 8, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *used = 12;
    }
    if (c == 0 || (c >= 0xdc00 && c <= 0xdfff))
        return false;
    *written = put_character(to, c);
    return true;
}

static bool parse_text(struct reader *r, const char **out)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    size_t start = r->at + 1, end = start;
    *out = "";
    while (end < r->length && r->bytes[end] != '"') {
        if ((unsigned char)r->bytes[end] < 0x20)
            return jsonc_fail(r->doc, r->line, r->err,
                              "this text is not closed by \" on its line (or has a tab in it)");
        end += r->bytes[end] == '\\' && end + 1 < r->length ? 2 : 1;
    }
    if (end >= r->length)
        return jsonc_fail(r->doc, r->line, r->err, "this text is not closed by \"");
    if (!yq_text_is_utf8(r->bytes + start, end - start))
        return jsonc_fail(r->doc, r->line, r->err,
                          "this text is not UTF-8: save the file as UTF-8");
    char *text = take_memory(r, end - start + 1); /* unescaping never makes it longer */
    if (!text)
        return false;
    char *to = text;
    for (size_t at = start; at < end;) {
        if (r->bytes[at] != '\\') {
            *to++ = r->bytes[at++];
            continue;
        }
        const char *known = r->bytes[at + 1] ? strchr(escapes, r->bytes[at + 1]) : NULL;
        size_t written = 1, used = 2;
        if (known)
            *to = meant[known - escapes];
        else if (r->bytes[at + 1] != 'u' || !unescape_unicode(r, at, end, to, &written, &used))
            return jsonc_fail(r->doc, r->line, r->err,
                              "a backslash in text is written \\\\; after one backslash this means "
                              "nothing");
        to += written;
        at += used;
    }
    r->at = end + 1;
    *out = text;
    return true;
}

static bool parse_word(struct reader *r, struct jsonc_node *node)
{
    size_t length = 0;
    const char *word = r->bytes + r->at;
    while (r->at + length < r->length &&
           (isalnum((unsigned char)word[length]) || word[length] == '_'))
        length++;
    if (length == 4 && memcmp(word, "true", 4) == 0) {
        node->kind = JSONC_FLAG;
        node->flag = true;
    } else if (length == 5 && memcmp(word, "false", 5) == 0) {
        node->kind = JSONC_FLAG;
    } else if (length != 4 || memcmp(word, "null", 4) != 0) {
        /* the word is not shown: it may be somebody's secret */
        return jsonc_fail(r->doc, r->line, r->err, "text and keys take double quotes (\")");
    }
    r->at += length;
    return true;
}

static bool parse_number(struct reader *r, struct jsonc_node *node)
{
    const char *number = r->bytes + r->at;
    size_t left = r->length - r->at, length = 0, digits = 0;
    length += number[0] == '-';
    for (; length < left && isdigit((unsigned char)number[length]); length++)
        digits++;
    bool good = digits > 0 && (digits == 1 || number[length - digits] != '0');
    if (good && length < left && number[length] == '.') {
        size_t point = length++;
        while (length < left && isdigit((unsigned char)number[length]))
            length++;
        good = length > point + 1;
    }
    if (good && length < left && (number[length] | 0x20) == 'e') {
        length++;
        if (length < left && (number[length] == '+' || number[length] == '-'))
            length++;
        size_t exponent = length;
        while (length < left && isdigit((unsigned char)number[length]))
            length++;
        good = length > exponent;
    }
    if (!good ||
        (length < left && (isalnum((unsigned char)number[length]) || number[length] == '.')))
        return jsonc_fail(r->doc, r->line, r->err,
                          "this is no number; if it is text, it takes double quotes");
    char *text = take_memory(r, length + 1);
    if (!text)
        return false;
    memcpy(text, number, length);
    node->kind = JSONC_NUMBER;
    node->text = text;
    r->at += length;
    return true;
}

static bool parse_name(struct reader *r, const struct jsonc_node *object, size_t members,
                       const char **name)
{
    if (peek(r) != '"')
        return fail_here(r, "a key in double quotes");
    if (members >= JSONC_MEMBERS_MOST)
        return jsonc_fail(r->doc, r->line, r->err, "more than %d keys", JSONC_MEMBERS_MOST);
    if (!parse_text(r, name))
        return false;
    const struct jsonc_node *earlier = jsonc_member(object, *name);
    if (earlier)
        return jsonc_fail(r->doc, r->line, r->err, "\"%.60s\" stands here twice; first in line %u",
                          *name, earlier->line);
    if (!skip_blank(r))
        return false;
    if (peek(r) != ':')
        return fail_here(r, "a colon after the key");
    r->at++;
    return skip_blank(r);
}

/* What is between { and } or [ and ]. */
static bool parse_inside(struct reader *r, struct jsonc_node *parent, unsigned depth)
{
    bool object = parent->kind == JSONC_OBJECT;
    char close = object ? '}' : ']';
    struct jsonc_node **next = &parent->child;
    if (depth >= JSONC_DEPTH_MOST)
        return jsonc_fail(r->doc, r->line, r->err, "nested too deep");
    r->at++;
    for (size_t members = 0;; members++) {
        const char *name = NULL;
        if (!skip_blank(r))
            return false;
        if (peek(r) == close)
            break;
        unsigned line = r->line;
        if (object && !parse_name(r, parent, members, &name))
            return false;
        if (!parse_value(r, depth + 1, next))
            return false;
        struct jsonc_node *made = *next;
        made->name = name;
        made->line = line;
        next = &made->next;
        if (!skip_blank(r))
            return false;
        if (peek(r) == close)
            break;
        if (peek(r) != ',')
            return fail_here(r, object ? "a comma or }" : "a comma or ]");
        made->comma = r->at++;
    }
    r->at++;
    return true;
}

static bool parse_value(struct reader *r, unsigned depth, struct jsonc_node **out)
{
    if (++r->doc->nodes > JSONC_NODES_MOST)
        return jsonc_fail(r->doc, r->line, r->err, "more than %d values", JSONC_NODES_MOST);
    struct jsonc_node *node = take_memory(r, sizeof *node);
    if (!node)
        return false;
    *out = node;
    node->line = r->line;
    node->start = r->at;
    int c = peek(r);
    bool ok;
    if (c == '{' || c == '[') {
        node->kind = c == '{' ? JSONC_OBJECT : JSONC_ARRAY;
        ok = parse_inside(r, node, depth);
    } else if (c == '"') {
        node->kind = JSONC_TEXT;
        ok = parse_text(r, &node->text);
    } else if (c == '-' || isdigit(c)) {
        ok = parse_number(r, node);
    } else if (isalpha(c)) {
        ok = parse_word(r, node);
    } else {
        ok = fail_here(r, "a value");
    }
    node->end = r->at;
    return ok;
}

bool jsonc_parse(struct jsonc *doc, const char *file, const void *bytes, size_t length,
                 struct yq_err *err)
{
    memset(doc, 0, sizeof *doc);
    doc->file = file;
    struct reader r = {.doc = doc, .bytes = bytes, .length = length, .line = 1, .err = err};
    if (length > JSONC_BYTES_MOST)
        return jsonc_fail(doc, 1, err, "the file is larger than %u MB", JSONC_BYTES_MOST >> 20);
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        r.at = 3; /* a byte order mark, as some editors write it */
    if (!skip_blank(&r) || !parse_value(&r, 0, &doc->root) || !skip_blank(&r))
        return false;
    return r.at == length || fail_here(&r, "nothing more after the end of the first value");
}
