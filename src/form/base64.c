/* base64.c: RFC 4648, read as senders write it: blanks and line ends between the digits, missing
 * padding, the alphabet for URLs, and "data:...;base64," before it. Pure. */
#include <string.h>

#include "yq/form.h"

static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* What stands before the digits of a data URL (RFC 2397). */
static size_t prefix(const char *text, size_t length)
{
    static const char word[] = ";base64,";
    const char *found = length > 5 && strncmp(text, "data:", 5) == 0
                            ? memmem(text, length < 256 ? length : 256, word, strlen(word))
                            : NULL;
    return found ? (size_t)(found - text) + strlen(word) : 0;
}

bool yq_form_base64(const char *text, size_t length, struct yq_buf *out)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t i = prefix(text, length);
    for (; i < length && text[i] != '='; i++) {
        int value = digit((uint8_t)text[i]);
        if (is_blank(text[i]))
            continue;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 == 0) {
            const uint8_t three[] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
            yq_buf_put(out, three, sizeof three);
            if (out->failed)
                return false;
        }
    }
    for (; i < length; i++)
        if (text[i] != '=' && !is_blank(text[i]))
            return false;
    unsigned rest = count % 4;
    bits <<= rest ? 6 * (4 - rest) : 0;
    const uint8_t last[] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8)};
    yq_buf_put(out, last, rest ? rest - 1 : 0);
    return rest != 1 && !out->failed;
}

void yq_form_base64_write(const void *bytes, size_t length, struct yq_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = bytes;
    uint8_t *to = yq_buf_raw(out, (length + 2) / 3 * 4);
    for (size_t i = 0; to && i < length; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= i + 1 < length ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= i + 2 < length ? in[i + 2] : 0;
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = (uint8_t)(i + 1 < length ? digits[bits >> 6 & 63] : '=');
        *to++ = (uint8_t)(i + 2 < length ? digits[bits & 63] : '=');
    }
}
