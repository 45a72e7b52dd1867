/* convert.c: the only place that opens ICU's converters. One per set, direction and thread, opened
 * when first needed and closed when the thread ends. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "charset.h"

struct kept { /* a thread's converters */
    UConverter *in[SET_COUNT], *out[SET_COUNT];
    size_t misfits; /* of the conversion that runs now */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_made;

static void close_kept(void *context)
{
    struct kept *kept = context;
    for (size_t i = 0; i < SET_COUNT; i++) {
        ucnv_close(kept->in[i]);
        ucnv_close(kept->out[i]);
    }
    free(kept);
}

static void make_key(void) { key_made = pthread_key_create(&key, close_kept) == 0; }

static struct kept *kept_of_thread(void)
{
    pthread_once(&once, make_key);
    if (!key_made)
        return NULL;
    struct kept *kept = pthread_getspecific(key);
    if (kept)
        return kept;
    kept = calloc(1, sizeof *kept);
    if (kept && pthread_setspecific(key, kept) != 0) {
        free(kept);
        kept = NULL;
    }
    return kept;
}

/* ICU's own substitution writes U+001A for some sets; ours is always U+FFFD, and counts. */
static void substitute(const void *context, UConverterToUnicodeArgs *args, const char *units,
                       int32_t length, UConverterCallbackReason reason, UErrorCode *error)
{
    static const UChar replacement = 0xfffd;
    struct kept *kept = (struct kept *)(uintptr_t)context;
    (void)units;
    (void)length;
    if (reason > UCNV_IRREGULAR)
        return; /* reset, close, clone */
    kept->misfits++;
    *error = U_ZERO_ERROR;
    ucnv_cbToUWriteUChars(args, &replacement, 1, 0, error);
}

static UConverter *decoder(struct kept *kept, enum set set)
{
    UErrorCode error = U_ZERO_ERROR;
    if (kept->in[set])
        return kept->in[set];
    UConverter *made = ucnv_open(set_table[set].decoder, &error);
    if (U_SUCCESS(error))
        ucnv_setToUCallBack(made, substitute, kept, NULL, NULL, &error);
    if (U_FAILURE(error)) {
        ucnv_close(made);
        return NULL;
    }
    return kept->in[set] = made;
}

static UConverter *encoder(struct kept *kept, enum set set)
{
    UErrorCode error = U_ZERO_ERROR;
    if (kept->out[set])
        return kept->out[set];
    const struct set_info *info = &set_table[set];
    UConverter *made = ucnv_open(info->encoder ? info->encoder : info->decoder, &error);
    if (U_SUCCESS(error))
        ucnv_setFromUCallBack(made, UCNV_FROM_U_CALLBACK_STOP, NULL, NULL, NULL, &error);
    if (U_FAILURE(error)) {
        ucnv_close(made);
        return NULL;
    }
    return kept->out[set] = made;
}

void put_utf8(struct yq_buf *out, int32_t character)
{
    uint8_t bytes[U8_MAX_LENGTH];
    int32_t used = 0;
    U8_APPEND_UNSAFE(bytes, used, character);
    yq_buf_put(out, bytes, (size_t)used);
}

int32_t next_utf8(const uint8_t *bytes, size_t length, size_t *at)
{
    UChar32 character;
    U8_NEXT(bytes, *at, length, character);
    return character;
}

static void put_units(struct yq_buf *out, const UChar *units, size_t length, UChar *high)
{
    for (size_t i = 0; i < length; i++) {
        if (*high && U16_IS_TRAIL(units[i])) {
            put_utf8(out, U16_GET_SUPPLEMENTARY(*high, units[i]));
            *high = 0;
        } else if (U16_IS_LEAD(units[i])) {
            *high = units[i]; /* its other half may be in the next piece */
        } else {
            put_utf8(out, U16_IS_SURROGATE(units[i]) ? 0xfffd : units[i]);
        }
    }
}

static void convert_in_icu(enum set set, const uint8_t *bytes, size_t length, struct yq_buf *out,
                           size_t *misfits)
{
    struct kept *kept = kept_of_thread();
    UConverter *converter = kept ? decoder(kept, set) : NULL;
    if (!converter) {
        out->failed = true;
        return;
    }
    const char *from = (const char *)bytes, *end = from + length;
    UChar units[256] = {0}, high = 0;
    UErrorCode error;
    kept->misfits = 0;
    ucnv_resetToUnicode(converter);
    do {
        UChar *to = units;
        error = U_ZERO_ERROR;
        ucnv_toUnicode(converter, &to, units + 256, &from, end, NULL, true, &error);
        put_units(out, units, (size_t)(to - units), &high);
    } while (error == U_BUFFER_OVERFLOW_ERROR && !out->failed);
    if (U_FAILURE(error))
        out->failed = true; /* only memory is left as a reason: misfits were substituted */
    *misfits += kept->misfits;
}

static void convert_in_by_hand(enum set set, const uint8_t *bytes, size_t length,
                               struct yq_buf *out, size_t *misfits)
{
    for (size_t at = 0; at < length;) {
        int32_t character = bytes[at];
        if (set == SET_UTF8)
            character = next_utf8(bytes, length, &at);
        else
            at++;
        if (set == SET_KATAKANA && character >= 0xa1 && character <= 0xdf)
            character += 0xff61 - 0xa1;
        else if (set != SET_UTF8 && character >= 0x80)
            character = -1;
        if (character < 0) {
            character = 0xfffd;
            ++*misfits;
        }
        put_utf8(out, character);
    }
}

void convert_in(enum set set, const uint8_t *bytes, size_t length, struct yq_buf *out,
                size_t *misfits)
{
    if (set_table[set].decoder)
        convert_in_icu(set, bytes, length, out, misfits);
    else
        convert_in_by_hand(set, bytes, length, out, misfits);
}

/* The bytes of a two-byte set out of its EUC form; 0 where that form is not two bytes of the set.
 */
static size_t pair_of(enum set set, uint8_t *bytes, size_t length)
{
    size_t skip = set == SET_KANJI2 ? 1 : 0;
    if (length != 2 + skip || (skip && bytes[0] != 0x8f) || bytes[skip] < 0xa1 ||
        bytes[skip + 1] < 0xa1)
        return 0;
    uint8_t clear = set_table[set].shape == SHAPE_PAIR_G0 ? 0x7f : 0xff;
    uint8_t first = bytes[skip] & clear, second = bytes[skip + 1] & clear;
    bytes[0] = first;
    bytes[1] = second;
    return 2;
}

size_t convert_out(enum set set, int32_t character, uint8_t bytes[8], struct yq_buf *out)
{
    const struct set_info *info = &set_table[set];
    if (character < 0x80 && info->shape != SHAPE_PAIR_G0 && info->shape != SHAPE_PAIR_G1) {
        bytes[0] = (uint8_t)character;
        return 1;
    }
    if (set == SET_KATAKANA && character >= 0xff61 && character <= 0xff9f) {
        bytes[0] = (uint8_t)(character - 0xff61 + 0xa1);
        return 1;
    }
    if (!info->decoder)
        return 0;
    struct kept *kept = kept_of_thread();
    UConverter *converter = kept ? encoder(kept, set) : NULL;
    if (!converter) {
        out->failed = true;
        return 0;
    }
    UChar units[2];
    int32_t count = 0;
    U16_APPEND_UNSAFE(units, count, character);
    UErrorCode error = U_ZERO_ERROR;
    ucnv_resetFromUnicode(converter);
    int32_t length = ucnv_fromUChars(converter, (char *)bytes, 8, units, count, &error);
    if (U_FAILURE(error) || length < 1 || length > 8)
        return 0;
    if (info->shape == SHAPE_PAIR_G0 || info->shape == SHAPE_PAIR_G1)
        return pair_of(set, bytes, (size_t)length);
    /* in a single-byte set 0x80 to 0x9F are control characters, whatever a code page puts there */
    return info->shape == SHAPE_SINGLE && bytes[0] < 0xa0 ? 0 : (size_t)length;
}
