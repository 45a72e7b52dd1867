/* foreign.c: what a foreign file is, its character set, and which reader reads it (foreign.h). */
#include "yq/foreign.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "foreign_inside.h"
#include "yq/text.h"

#define ROOM "form"
#define LOOKED_AT 4096

bool foreign_no_memory(struct yq_err *err)
{
    return yq_fail(err, YQ_FULL, ROOM, "no memory to read a file");
}

/* ---- what it is ---- */

static char first_character(const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < length && at < LOOKED_AT && (bytes[at] <= ' ' || bytes[at] >= 0xfe))
        at++; /* blanks, and the byte order mark and upper halves of UTF-16 */
    return at < length ? (char)bytes[at] : '\0';
}

enum yq_foreign_form yq_foreign_look(const char *name, const void *bytes, size_t length)
{
    static const struct {
        const char *ending;
        enum yq_foreign_form form;
    } endings[] = {{"csv", YQ_FOREIGN_CSV},     {"tsv", YQ_FOREIGN_CSV},
                   {"json", YQ_FOREIGN_JSON},   {"jsonl", YQ_FOREIGN_JSON},
                   {"ndjson", YQ_FOREIGN_JSON}, {"xml", YQ_FOREIGN_XML},
                   {"txt", YQ_FOREIGN_NONE},    {"dat", YQ_FOREIGN_NONE}};
    const char *dot = strrchr(name, '.');
    char first = first_character(bytes, length);
    bool known = false;
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++) {
        if (strcasecmp(dot + 1, endings[i].ending) != 0)
            continue;
        if (endings[i].form != YQ_FOREIGN_NONE)
            return endings[i].form;
        known = true;
    }
    if (!known)
        return YQ_FOREIGN_NONE;
    return first == '<'                   ? YQ_FOREIGN_XML
           : first == '{' || first == '[' ? YQ_FOREIGN_JSON
                                          : YQ_FOREIGN_CSV;
}

/* ---- its characters ---- */

static void put_utf16(const uint8_t *bytes, size_t length, bool big, struct yq_buf *out)
{
    for (size_t at = 0; at + 1 < length; at += 2) {
        unsigned c = big ? yq_be16(bytes + at) : yq_le16(bytes + at);
        if (c >= 0xd800 && c < 0xdc00 && at + 3 < length) {
            unsigned low = big ? yq_be16(bytes + at + 2) : yq_le16(bytes + at + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            }
        }
        if (c >= 0xd800 && c < 0xe000)
            c = 0xfffd;
        uint8_t utf8[4];
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = size; i-- > 1; c >>= 6)
            utf8[i] = (uint8_t)(0x80 | (c & 0x3f));
        utf8[0] = (uint8_t)(heads[size] | c);
        yq_buf_put(out, utf8, size);
    }
}

/* The encoding of an XML declaration, "" where there is none. */
static void xml_encoding(const char *bytes, size_t length, char *out, size_t size)
{
    char head[256];
    size_t used = length < sizeof head - 1 ? length : sizeof head - 1;
    memcpy(head, bytes, used);
    head[used] = '\0';
    *out = '\0';
    char *end = strstr(head, "?>"), *at = strstr(head, "encoding");
    if (strncmp(head, "<?xml", 5) != 0 || !end || !at || at > end)
        return;
    at += strcspn(at, "\"'");
    char quote = *at ? *at++ : '\0';
    char *stop = quote ? strchr(at, quote) : NULL;
    if (!stop || stop > end)
        return;
    *stop = '\0';
    yq_copy(out, size, at);
}

/* How bytes are to be read that do not say it themselves: what is no UTF-8 is GB18030, whatever
 * calls itself GBK or GB2312 too; of another declaration the bytes are asked. */
static const char *charset_of(const uint8_t *bytes, size_t length, const char *declared,
                              char guessed[YQ_CHARSET_SIZE])
{
    size_t from = 0;
    if (yq_text_is_utf8(bytes, length))
        return "ISO_IR 192";
    if (!*declared || !yq_text_charset_known(declared) || strncasecmp(declared, "utf", 3) == 0 ||
        strncasecmp(declared, "gb", 2) == 0)
        return "GB18030";
    while (from < length && bytes[from] < 0x80)
        from++;
    struct yq_text_value sample = {"UT", bytes + from,
                                   length - from < LOOKED_AT ? length - from : LOOKED_AT};
    yq_text_judge(&sample, 1, declared, "GB18030", guessed);
    return guessed;
}

bool yq_foreign_text(enum yq_foreign_form form, const char *charset, const void *bytes,
                     size_t length, struct yq_buf *out, struct yq_err *err)
{
    const uint8_t *at = bytes;
    char declared[64] = "", guessed[YQ_CHARSET_SIZE];
    bool doubtful = false;
    if (length >= 2 && ((at[0] == 0xff && at[1] == 0xfe) || (at[0] == 0xfe && at[1] == 0xff))) {
        put_utf16(at + 2, length - 2, at[0] == 0xfe, out);
        return !out->failed || foreign_no_memory(err);
    }
    if (length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        at += 3;
        length -= 3;
        charset = "ISO_IR 192";
    }
    if (form == YQ_FOREIGN_XML)
        xml_encoding((const char *)at, length, declared, sizeof declared);
    if (!*charset)
        charset = charset_of(at, length, declared, guessed);
    if (strcmp(charset, "ISO_IR 192") == 0 && yq_text_is_utf8(at, length))
        yq_buf_put(out, at, length);
    else
        yq_text_decode(charset, "UT", at, length, out, &doubtful);
    return !out->failed || foreign_no_memory(err);
}

/* ---- reading ---- */

bool yq_foreign_open(enum yq_foreign_form form, const char *records, const char *text,
                     size_t length, struct yq_foreign **out, struct yq_err *err)
{
    static const struct foreign_reader *const readers[] = {[YQ_FOREIGN_CSV] = &foreign_table,
                                                           [YQ_FOREIGN_JSON] = &foreign_json,
                                                           [YQ_FOREIGN_XML] = &foreign_xml};
    *out = NULL;
    if (form == YQ_FOREIGN_NONE)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the file is neither CSV nor JSON nor XML");
    struct yq_foreign *foreign = calloc(1, sizeof *foreign);
    if (!foreign)
        return foreign_no_memory(err);
    foreign->reader = readers[form];
    foreign->form = form;
    foreign->text = text;
    foreign->length = length;
    foreign->line = 1;
    yq_copy(foreign->records, sizeof foreign->records, records);
    if (!foreign->reader->open(foreign, err)) {
        yq_foreign_free(foreign);
        return false;
    }
    *out = foreign;
    return true;
}

void yq_foreign_free(struct yq_foreign *foreign)
{
    if (!foreign)
        return;
    foreign->reader->close(foreign);
    outline_fini(&foreign->outline);
    free(foreign);
}

bool yq_foreign_next(struct yq_foreign *foreign, const char **fault, struct yq_err *err)
{
    err->code = YQ_OK;
    *fault = NULL;
    return foreign->reader->next(foreign, fault, err);
}

unsigned yq_foreign_line(const struct yq_foreign *foreign) { return foreign->line; }

bool yq_foreign_get(void *context, const char *name, struct yq_buf *out)
{
    const struct yq_foreign *foreign = context;
    if (foreign->form == YQ_FOREIGN_CSV)
        return table_get(foreign, name, out);
    return outline_get(&foreign->outline, name, out);
}

size_t yq_foreign_items(struct yq_foreign *foreign, const char *name)
{
    return foreign->form == YQ_FOREIGN_CSV ? 0 : outline_items(&foreign->outline, name);
}

void yq_foreign_choose(struct yq_foreign *foreign, const char *name, size_t n)
{
    outline_choose(&foreign->outline, name, n);
}

void yq_foreign_columns(const struct yq_foreign *foreign,
                        void (*tell)(void *context, const char *name), void *context)
{
    if (foreign->form == YQ_FOREIGN_CSV)
        table_columns(foreign, tell, context);
}

void yq_foreign_put_head(const struct yq_foreign *foreign, struct yq_buf *out)
{
    foreign->reader->put_head(foreign, out);
}

void yq_foreign_put_record(const struct yq_foreign *foreign, struct yq_buf *out)
{
    foreign->reader->put_record(foreign, out);
}

const char *yq_foreign_between(const struct yq_foreign *foreign)
{
    return foreign->form == YQ_FOREIGN_JSON ? ",\n" : "";
}

void yq_foreign_put_rest(const struct yq_foreign *foreign, struct yq_buf *out)
{
    foreign->reader->put_rest(foreign, out);
}

void yq_foreign_put_tail(const struct yq_foreign *foreign, struct yq_buf *out)
{
    foreign->reader->put_tail(foreign, out);
}

const char *yq_foreign_json(const struct yq_foreign *foreign, size_t *length)
{
    bool json = foreign->form == YQ_FOREIGN_JSON;
    *length = json ? foreign->end - foreign->start : 0;
    return json ? foreign->text + foreign->start : "";
}
