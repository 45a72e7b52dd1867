/* charset.c: texts leave in the character set that the client asked for. RFC 9110 12.5.2 (lists
 * with weights), the IANA registry of names, HTML 13.1.4 (references). Pure; thread-safe. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "yq/sr.h"
#include "yq/text.h"

#define UTF8 "utf-8"

/* By the names of IANA, and the defined terms of DICOM, which clients use too. yq_text knows the
 * first ones. */
static const struct {
    const char *name, *also, *also2;
} sets[] = {
    {UTF8, "utf8", "ISO_IR 192"},
    {"gb18030", NULL, NULL},
    {"gbk", "cp936", "x-gbk"},
    {"gb2312", "gb_2312-80", "ISO 2022 IR 58"},
    {"us-ascii", "ascii", "ISO_IR 6"},
    {"iso-8859-1", "latin1", "ISO_IR 100"},
    {"iso-8859-2", "latin2", "ISO_IR 101"},
    {"iso-8859-3", "latin3", "ISO_IR 109"},
    {"iso-8859-4", "latin4", "ISO_IR 110"},
    {"iso-8859-5", "cyrillic", "ISO_IR 144"},
    {"iso-8859-6", "arabic", "ISO_IR 127"},
    {"iso-8859-7", "greek", "ISO_IR 126"},
    {"iso-8859-8", "hebrew", "ISO_IR 138"},
    {"iso-8859-9", "latin5", "ISO_IR 148"},
    {"iso-8859-15", "latin-9", "ISO_IR 203"},
    {"tis-620", "iso-8859-11", "ISO_IR 166"},
};

static bool is_name(const char *name, size_t length, const char *other)
{
    return other && strlen(other) == length && strncasecmp(name, other, length) == 0;
}

static const char *find(const char *name, size_t length)
{
    if (length == 1 && *name == '*')
        return UTF8;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (is_name(name, length, sets[i].name) || is_name(name, length, sets[i].also) ||
            is_name(name, length, sets[i].also2))
            return sets[i].name;
    return NULL;
}

/* q of the parameters up to the next comma; 1 when there is none. */
static double weight(const char *params, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (params[i] != ';')
            continue;
        size_t at = i + 1 + strspn(params + i + 1, " \t");
        if (strncasecmp(params + at, "q=", 2) == 0)
            return strtod(params + at + 2, NULL);
    }
    return 1;
}

const char *yq_form_charset(const char *list)
{
    const char *best = NULL;
    double best_weight = 0;
    if (!list || !*list)
        return UTF8;
    while (*list) {
        list += strspn(list, " \t,");
        size_t whole = strcspn(list, ","), length = strcspn(list, ",;");
        size_t trimmed = length;
        while (trimmed && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        const char *set = find(list, trimmed);
        double q = weight(list + length, whole - length);
        if (set && q > best_weight) {
            best = set;
            best_weight = q;
        }
        list += whole;
    }
    return best;
}

/* ---- out ---- */

/* Bytes of the character that begins here; of well-formed UTF-8. */
static size_t character_length(const char *text)
{
    unsigned char c = (unsigned char)*text;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static unsigned long character(const char *text, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned long value = (unsigned char)*text & masks[length];
    for (size_t i = 1; i < length; i++)
        value = value << 6 | ((unsigned char)text[i] & 0x3f);
    return value;
}

static void put_by_character(const char *charset, const char *line, struct yq_buf *out)
{
    while (*line) {
        char one[5] = "";
        size_t length = character_length(line);
        memcpy(one, line, length);
        if (!yq_text_encode(charset, "UT", one, out))
            yq_buf_putf(out, "&#%lu;", character(line, length));
        line += length;
    }
}

bool yq_form_encode(const char *charset, bool html, const char *text, struct yq_buf *out,
                    struct yq_err *err)
{
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    if (!yq_text_is_utf8(text, strlen(text)))
        return yq_fail(err, YQ_BUG, "form", "a text that was made is no UTF-8");
    if (strcmp(charset, UTF8) == 0) {
        yq_buf_puts(out, text);
        text = "";
    }
    while (*text) {
        size_t length = strcspn(text, "\n");
        length += text[length] == '\n';
        yq_buf_clear(&line);
        yq_buf_put(&line, text, length);
        const char *whole = yq_buf_text(&line);
        if (!yq_text_encode(charset, "UT", whole, out)) {
            if (!html)
                return yq_fail(err, YQ_REFUSED, "form",
                               "the text has characters that %s does not have", charset);
            put_by_character(charset, whole, out);
        }
        text += length;
    }
    return (!out->failed && !line.failed) ||
           yq_fail(err, YQ_FULL, "form", "no room for the text in %s", charset);
}
