/* code.c: bytes as hex and Base64 (RFC 4648, 4 and 8), and back. What is not exactly such a text is
 * refused: no odd digits, no missing padding, no bits left over; only line ends and blanks within
 * Base64 do not count. Pure. */
#include "recipe_inside.h"

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool code_is_hex(const void *text, size_t length)
{
    const uint8_t *at = text;
    for (size_t i = 0; i < length; i++)
        if (hex_digit(at[i]) < 0)
            return false;
    return length && length % 2 == 0;
}

bool code_from_hex(const void *text, size_t length, struct yq_buf *out)
{
    const uint8_t *at = text;
    uint8_t *to = code_is_hex(text, length) ? yq_buf_raw(out, length / 2) : NULL;
    for (size_t i = 0; to && i < length / 2; i++)
        to[i] = (uint8_t)((unsigned)hex_digit(at[2 * i]) << 4 | (unsigned)hex_digit(at[2 * i + 1]));
    return to != NULL;
}

/* 64: padding; 65: does not count; 66: refused */
static uint8_t base64_value(uint8_t c)
{
    return c >= 'A' && c <= 'Z'                              ? (uint8_t)(c - 'A')
           : c >= 'a' && c <= 'z'                            ? (uint8_t)(c - 'a' + 26)
           : c >= '0' && c <= '9'                            ? (uint8_t)(c - '0' + 52)
           : c == '+'                                        ? 62
           : c == '/'                                        ? 63
           : c == '='                                        ? 64
           : c == '\n' || c == '\r' || c == ' ' || c == '\t' ? 65
                                                             : 66;
}

bool code_from_base64(const void *text, size_t length, struct yq_buf *out)
{
    const uint8_t *at = text;
    size_t before = out->length, padding = 0, got = 0;
    uint32_t bits = 0;
    uint8_t *to = length ? yq_buf_raw(out, length / 4 * 3 + 3) : NULL;
    bool ok = to != NULL;
    for (size_t i = 0; ok && i < length; i++) {
        uint8_t value = base64_value(at[i]);
        if (value == 65)
            continue;
        if (value == 64)
            padding++;
        else
            ok = value < 64 && !padding;
        bits = bits << 6 | (value & 63u);
        if (++got % 4 == 0) {
            *to++ = (uint8_t)(bits >> 16);
            *to++ = (uint8_t)(bits >> 8);
            *to++ = (uint8_t)bits;
        }
    }
    /* padding ends the text, is one or two long, and hides no bits */
    ok = ok && got && got % 4 == 0 && padding <= 2 &&
         (bits & (padding == 2   ? 0xFFFFu
                  : padding == 1 ? 0xFFu
                                 : 0)) == 0;
    if (to) {
        out->length = ok ? before + got / 4 * 3 - padding : before;
        out->bytes[out->length] = 0;
    }
    return ok;
}

void code_to_hex(const void *bytes, size_t length, bool upper, struct yq_buf *out)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const uint8_t *at = bytes;
    uint8_t *to = yq_buf_raw(out, 2 * length);
    for (size_t i = 0; to && i < length; i++) {
        *to++ = (uint8_t)digits[at[i] >> 4];
        *to++ = (uint8_t)digits[at[i] & 15];
    }
}

void code_to_base64(const void *bytes, size_t length, struct yq_buf *out)
{
    uint8_t *to = yq_buf_raw(out, (length + 2) / 3 * 4 + 1); /* it writes a 0 behind */
    if (!to)
        return;
    EVP_EncodeBlock(to, bytes, (int)length);
    out->length--;
}
