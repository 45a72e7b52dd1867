/* bytes.c: the growing buffer. Doubles its memory, keeps a 0 behind the last byte. */
#include "yq/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void yq_buf_fini(struct yq_buf *buf)
{
    free(buf->bytes);
    memset(buf, 0, sizeof *buf);
}

void yq_buf_clear(struct yq_buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->bytes)
        buf->bytes[0] = 0;
}

enum { LARGE = 1 << 20 };

static bool reserve(struct yq_buf *buf, size_t more)
{
    if (buf->failed || more > SIZE_MAX / 4 - buf->length ||
        (buf->most && more > buf->most - buf->length)) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->length + more + 1;
    if (need <= buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < need && capacity < LARGE)
        capacity *= 2;
    if (capacity < need) /* twice of much would be much too much */
        capacity =
            need > buf->capacity + buf->capacity / 2 ? need : buf->capacity + buf->capacity / 2;
    uint8_t *bytes = realloc(buf->bytes, capacity);
    if (!bytes) {
        buf->failed = true;
        return false;
    }
    buf->bytes = bytes;
    buf->capacity = capacity;
    return true;
}

uint8_t *yq_buf_raw(struct yq_buf *buf, size_t length)
{
    if (!reserve(buf, length))
        return NULL;
    uint8_t *room = buf->bytes + buf->length;
    room[length] = 0;
    buf->length += length;
    return room;
}

uint8_t *yq_buf_room(struct yq_buf *buf, size_t length)
{
    uint8_t *room = yq_buf_raw(buf, length);
    if (room)
        memset(room, 0, length);
    return room;
}

void yq_buf_put(struct yq_buf *buf, const void *bytes, size_t length)
{
    if (!length || !reserve(buf, length))
        return;
    memcpy(buf->bytes + buf->length, bytes, length);
    buf->length += length;
    buf->bytes[buf->length] = 0;
}

void yq_buf_puts(struct yq_buf *buf, const char *text) { yq_buf_put(buf, text, strlen(text)); }

void yq_buf_putf(struct yq_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0 && reserve(buf, (size_t)length)) {
        vsnprintf((char *)buf->bytes + buf->length, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    }
    va_end(again);
}

const char *yq_buf_text(const struct yq_buf *buf)
{
    return buf->bytes ? (const char *)buf->bytes : "";
}

void yq_buf_put_le16(struct yq_buf *buf, unsigned value)
{
    yq_buf_put(buf, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

void yq_buf_put_le32(struct yq_buf *buf, uint32_t value)
{
    yq_buf_put_le16(buf, value & 0xffff);
    yq_buf_put_le16(buf, value >> 16);
}

void yq_buf_put_be16(struct yq_buf *buf, unsigned value)
{
    yq_buf_put(buf, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void yq_buf_put_be32(struct yq_buf *buf, uint32_t value)
{
    yq_buf_put_be16(buf, value >> 16);
    yq_buf_put_be16(buf, value & 0xffff);
}

bool yq_copy(char *field, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    bool whole = length < size;
    if (!whole)
        length = size - 1;
    memcpy(field, text, length);
    field[length] = '\0';
    return whole;
}

bool yq_copy_trimmed(char *field, size_t size, const void *bytes, size_t length)
{
    const char *text = bytes;
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\0'))
        length--;
    bool whole = length < size;
    if (!whole)
        length = size - 1;
    if (length)
        memcpy(field, text, length);
    field[length] = '\0';
    return whole;
}

bool yq_equal_secret(const void *a, size_t a_length, const void *b, size_t b_length)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differ = a_length != b_length;
    size_t length = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < length; i++)
        differ |= x[i] ^ y[i];
    return !differ;
}

void yq_hex(char *text, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[p[i] >> 4];
        text[2 * i + 1] = digits[p[i] & 15];
    }
    text[2 * length] = '\0';
}
