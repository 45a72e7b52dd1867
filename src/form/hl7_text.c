/* hl7_text.c: the characters of a message: which set it is in (HL7 table 0211), and escape
 * sequences (HL7 v2.5.1 2.7). The set is found before delimiters are looked for, because the second
 * byte of a GBK character may be a delimiter. */
#include <string.h>
#include <strings.h>

#include "hl7_inside.h"
#include "yq/text.h"

enum { HEAD_MOST = 8192, SEQUENCE_MOST = 4096 };

/* What MSH-18 says, and what a source's "charset" may say, in the words of yq_text_decode. "": it
 * says nothing. */
static void charset_term(const char *label, size_t length, char *term, size_t size)
{
    static const struct {
        const char *label, *term;
    } labels[] = {
        {"UNICODE UTF-8", "ISO_IR 192"},
        {"UNICODE", "ISO_IR 192"},
        {"UTF-8", "ISO_IR 192"},
        {"UTF8", "ISO_IR 192"},
        {"GB 18030-2000", "GB18030"},
        {"GB18030", "GB18030"},
        {"GB 18030", "GB18030"},
        {"GB18030-2005", "GB18030"},
        {"GB18030-2022", "GB18030"},
        {"GBK", "GBK"},
        {"GB2312", "GBK"},
        {"GB 2312-1980", "GBK"},
        {"GB2312-80", "GBK"},
        {"CP936", "GBK"},
        {"ASCII", ""},
        {"8859/1", "ISO_IR 100"},
        {"ISO-8859-1", "ISO_IR 100"},
    };
    char text[64];
    if (length >= sizeof text)
        length = sizeof text - 1;
    memcpy(text, label, length);
    text[length] = '\0';
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcasecmp(text, labels[i].label) == 0) {
            (void)yq_copy(term, size, labels[i].term);
            return;
        }
    }
    (void)yq_copy(term, size, yq_text_charset_known(text) ? text : "");
}

/* MSH-18 in bytes of an unknown set: a field's end may also be the second half of a character. */
static void label_of(const uint8_t *bytes, size_t length, char *term, size_t size)
{
    size_t end = 0, at = 4, from = 0;
    unsigned field = 1;
    *term = '\0';
    while (end < length && end < HEAD_MOST && bytes[end] != '\r' && bytes[end] != '\n')
        end++;
    if (end < 8)
        return;
    bool pairs = !yq_text_is_utf8(bytes, end);
    uint8_t delimiter = bytes[3], component = bytes[4], repetition = bytes[5];
    for (; at < end; at++) {
        if (pairs && bytes[at] >= 0x81 && at + 1 < end) {
            at++;
        } else if (bytes[at] == delimiter) {
            if (++field == 19)
                break;
            from = at + 1;
        }
    }
    if (field < 18 || from >= end)
        return;
    size_t until = from;
    while (until < at && until < end && bytes[until] != component && bytes[until] != repetition)
        until++;
    while (from < until && bytes[from] == ' ')
        from++;
    while (until > from && bytes[until - 1] == ' ')
        until--;
    charset_term((const char *)bytes + from, until - from, term, size);
}

void yq_hl7_decode(const void *bytes, size_t length, const char *assume, struct yq_buf *out,
                   char charset[YQ_HL7_CHARSET_SIZE], bool *doubtful)
{
    const uint8_t *from = bytes;
    while (length && (*from == '\r' || *from == '\n' || *from == ' '))
        from++, length--;
    if (length >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        from += 3, length -= 3;
    charset_term(assume, strlen(assume), charset, YQ_HL7_CHARSET_SIZE);
    if (!*charset) {
        char label[64];
        struct yq_text_value whole = {"UT", from, length};
        label_of(from, length, label, sizeof label);
        yq_text_judge(&whole, 1, label, "", charset);
    }
    yq_text_decode(charset, "UT", from, length, out, doubtful);
}

/* ---- escape sequences ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \Xdd..\: bytes of the message's character set; line ends become one LF. */
static bool put_hex(const struct yq_hl7 *message, struct hl7_span digits, struct yq_buf *out)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    bool doubtful = false;
    if (!digits.length || digits.length % 2)
        return false;
    for (size_t i = 0; i < digits.length; i += 2) {
        int high = hex_of(digits.text[i]), low = hex_of(digits.text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        uint8_t c = (uint8_t)(high * 16 + low);
        bool after_cr = bytes.length && bytes.bytes[bytes.length - 1] == '\r';
        if (c == '\n' && after_cr)
            bytes.bytes[bytes.length - 1] = c;
        else if (c >= ' ' || c == '\n' || c == '\t' || c == '\r')
            yq_buf_put(&bytes, &c, 1);
    }
    for (size_t i = 0; i < bytes.length; i++)
        if (bytes.bytes[i] == '\r')
            bytes.bytes[i] = '\n';
    yq_text_decode(message->charset, "UT", bytes.bytes, bytes.length, out, &doubtful);
    return true;
}

static unsigned count_of(struct hl7_span sequence) /* of ".sp3"; at least 1, at most 20 lines */
{
    unsigned count = 0;
    for (size_t i = 3; i < sequence.length; i++)
        if (sequence.text[i] >= '0' && sequence.text[i] <= '9' && count < 20)
            count = count * 10 + (unsigned)(sequence.text[i] - '0');
    return count == 0 ? 1 : count > 20 ? 20 : count;
}

static bool put_format(struct hl7_span sequence, struct yq_buf *out)
{
    static const char *const nothing[] = {".fi", ".nf", ".in", ".ti"};
    if (sequence.length < 3)
        return false;
    if (strncasecmp(sequence.text, ".br", 3) == 0 || strncasecmp(sequence.text, ".ce", 3) == 0) {
        yq_buf_puts(out, "\n");
        return true;
    }
    if (strncasecmp(sequence.text, ".sp", 3) == 0 || strncasecmp(sequence.text, ".sk", 3) == 0) {
        bool lines = (sequence.text[2] | 0x20) == 'p';
        for (unsigned n = count_of(sequence); n; n--)
            yq_buf_puts(out, lines ? "\n" : " ");
        return true;
    }
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (strncasecmp(sequence.text, nothing[i], 3) == 0)
            return true;
    return false;
}

/* False: it is none that we know, and is text. */
static bool put_sequence(const struct yq_hl7 *message, struct hl7_span sequence, struct yq_buf *out)
{
    if (sequence.length == 1) {
        const char known[] = "FSRTEHN";
        const char gives[] = {message->field,
                              message->component,
                              message->repetition,
                              message->sub,
                              message->escape,
                              0,
                              0};
        const char *which = strchr(known, sequence.text[0]);
        if (!which || !*which)
            return false;
        if (gives[which - known])
            yq_buf_put(out, &gives[which - known], 1);
        return true;
    }
    if (sequence.length == 0)
        return false;
    struct hl7_span rest = {sequence.text + 1, sequence.length - 1};
    switch (sequence.text[0]) {
    case 'X': return put_hex(message, rest, out);
    case '.': return put_format(sequence, out);
    case 'C': /* other character sets, of which only escape sequences of ISO 2022 are told */
    case 'M':
        for (size_t i = 0; i < rest.length; i++)
            if (hex_of(rest.text[i]) < 0)
                return false;
        return rest.length == 4 || rest.length == 6;
    default: return false;
    }
}

/* Control characters but line breaks and tabs are left out: no value holds any. */
static void put_plain(struct yq_buf *out, const char *text, size_t length)
{
    size_t from = 0;
    for (size_t i = 0; i <= length; i++) {
        unsigned char c = i < length ? (unsigned char)text[i] : 0;
        bool whole = i < length && (c >= ' ' || c == '\n' || c == '\t') && c != 0x7f;
        if (whole)
            continue;
        yq_buf_put(out, text + from, i - from);
        if (i < length && c == '\r' && !(i + 1 < length && text[i + 1] == '\n'))
            yq_buf_puts(out, "\n");
        from = i + 1;
    }
}

void yq_hl7_unescape(const struct yq_hl7 *message, const char *text, size_t length,
                     struct yq_buf *out)
{
    const char *end = text + length;
    while (text < end) {
        size_t left = (size_t)(end - text);
        const char *open = message->escape ? memchr(text, message->escape, left) : NULL;
        put_plain(out, text, open ? (size_t)(open - text) : left);
        if (!open)
            return;
        size_t room = (size_t)(end - open - 1);
        const char *close =
            memchr(open + 1, message->escape, room < SEQUENCE_MOST ? room : SEQUENCE_MOST);
        struct hl7_span sequence = {open + 1, close ? (size_t)(close - open - 1) : 0};
        if (close && put_sequence(message, sequence, out)) {
            text = close + 1;
        } else { /* a lonely backslash is one */
            yq_buf_put(out, open, 1);
            text = open + 1;
        }
    }
}

void hl7_escape(const struct yq_hl7 *message, const char *text, struct yq_buf *out)
{
    for (; *text; text++) {
        char c = *text;
        const char *as = c == message->field                               ? "F"
                         : c == message->component                         ? "S"
                         : message->repetition && c == message->repetition ? "R"
                         : message->sub && c == message->sub               ? "T"
                         : message->escape && c == message->escape         ? "E"
                         : c == '\n'                                       ? ".br"
                                                                           : NULL;
        if (as && message->escape)
            yq_buf_putf(out, "%c%s%c", message->escape, as, message->escape);
        else if (as || (unsigned char)c < ' ')
            yq_buf_puts(out, " ");
        else
            yq_buf_put(out, &c, 1);
    }
}
