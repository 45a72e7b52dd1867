/* bytes.h: a growing buffer, and little-endian and big-endian numbers in raw bytes.
 *
 * A buffer remembers a failed allocation or a passed bound instead of crashing: appends after that
 * do nothing and `failed` stays true, so that a writer checks once, at the end. */
#ifndef YQ_BYTES_H
#define YQ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs yq_<type>_cleanup when the variable leaves its scope. */
#define yq_cleanup(function) __attribute__((cleanup(function)))

struct yq_buf {
    uint8_t *bytes; /* owned; always followed by a 0 once something was appended */
    size_t length, capacity;
    size_t most; /* bytes it may hold; 0: no bound but memory */
    bool failed;
};

void yq_buf_fini(struct yq_buf *buf);  /* frees and zeroes; a zeroed buffer is a valid empty one */
void yq_buf_clear(struct yq_buf *buf); /* empties, keeps the memory */
void yq_buf_put(struct yq_buf *buf, const void *bytes, size_t length);
void yq_buf_puts(struct yq_buf *buf, const char *text);
void yq_buf_putf(struct yq_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint8_t *yq_buf_room(struct yq_buf *buf,
                     size_t length); /* appends `length` zero bytes; NULL when failed */
/* The same, with what the memory happens to hold in them: for who fills them all. */
uint8_t *yq_buf_raw(struct yq_buf *buf, size_t length);
const char *yq_buf_text(const struct yq_buf *buf); /* its bytes as a C string; "" while empty */

static inline uint16_t yq_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t yq_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint16_t yq_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t yq_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
void yq_buf_put_le16(struct yq_buf *buf, unsigned value);
void yq_buf_put_le32(struct yq_buf *buf, uint32_t value);
void yq_buf_put_be16(struct yq_buf *buf, unsigned value);
void yq_buf_put_be32(struct yq_buf *buf, uint32_t value);

/* Copies text into a fixed field, always terminated; false when it had to be cut. */
bool yq_copy(char *field, size_t size, const char *text);
/* Copies `length` bytes the same way, without trailing blanks and NULs (DICOM padding). */
bool yq_copy_trimmed(char *field, size_t size, const void *bytes, size_t length);
/* Equal, in a time that depends on the lengths only; for secrets. */
bool yq_equal_secret(const void *a, size_t a_length, const void *b, size_t b_length);
/* Insertions, deletions, changes and swaps of neighbours between two words (their first 48 bytes).
 */
size_t yq_word_distance(const char *a, const char *b);
/* 2 * length hex digits and a 0 into `text`. */
void yq_hex(char *text, const void *bytes, size_t length);

#endif
