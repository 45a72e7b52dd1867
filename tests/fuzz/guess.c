/* guess.c: a header of any bytes under any label. Input: the label, a NUL, what is assumed, a NUL,
 * values parted by newlines. What is judged must be a set that is known or the label itself, be
 * judged the same again, and decode to UTF-8 from which names have keys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const char *charset, const struct yq_text_value *value)
{
    struct yq_buf text = {0}, keys = {0}, pattern = {0};
    bool doubtful = false;
    yq_text_decode(charset, value->vr, value->bytes, value->length, &text, &doubtful);
    if (text.failed || !yq_text_is_utf8(text.bytes, text.length))
        abort();
    yq_text_pinyin(yq_buf_text(&text), &keys);
    if (keys.failed || (keys.length && keys.bytes[keys.length - 1]))
        abort();
    for (size_t at = 0; at < keys.length; at += strlen((const char *)keys.bytes + at) + 1) {
        const char *key = (const char *)keys.bytes + at;
        if (!yq_text_pinyin_match(key, key) || !yq_text_pinyin_match(key, "*"))
            abort();
    }
    if (yq_text_pinyin_pattern(yq_buf_text(&text), &pattern))
        (void)yq_text_pinyin_match(yq_buf_text(&text), yq_buf_text(&pattern));
    yq_buf_fini(&pattern);
    yq_buf_fini(&keys);
    yq_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *label_end = size && size < 1 << 16 ? memchr(data, 0, size) : NULL;
    const uint8_t *assume = label_end ? label_end + 1 : NULL, *end = data + size;
    const uint8_t *assume_end = assume ? memchr(assume, 0, (size_t)(end - assume)) : NULL;
    struct yq_text_value values[8];
    char charset[YQ_CHARSET_SIZE], again[YQ_CHARSET_SIZE];
    size_t count = 0;
    if (!assume_end)
        return 0;
    for (const uint8_t *p = assume_end + 1; p <= end && count < 8;) {
        const uint8_t *line = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        size_t length = (size_t)((line ? line : end) - p);
        values[count] = (struct yq_text_value){count ? "LO" : "PN", p, length};
        count++;
        p += length + 1;
    }
    const char *declared = (const char *)data, *assumed = (const char *)assume;
    enum yq_read_as reading = yq_text_judge(values, count, declared, assumed, charset);
    if (reading == YQ_READ_AS_GUESSED && !yq_text_charset_known(charset))
        abort();
    if (yq_text_judge(values, count, declared, assumed, again) != reading ||
        strcmp(charset, again) != 0)
        abort();
    for (size_t i = 0; i < count; i++)
        decode(charset, &values[i]);
    return 0;
}
