/* fold.c: the form in which person names are compared: NFKC case folding (Unicode TR44,
 * NFKC_Casefold) makes full width and half width, composed and decomposed, upper and lower alike.
 * Parts of a name become words, but no blank stands between ideographs: 王^芳 is also typed 王芳.
 * Thread-safe: ICU's normaliser is a shared constant. */
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "charset.h"
#include "yq/text.h"

struct joiner { /* writes words with one blank between them */
    struct yq_buf *out;
    int32_t before; /* the last character written, 0: none */
    enum { NO_GAP, WORDS, GROUPS } gap;
};

static bool is_ideograph(int32_t c) { return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC); }

static bool is_wildcard(int32_t c) { return c == '*' || c == '?'; }

/* A wildcard beside an ideograph stands for ideographs: 王^* must find what 王^芳 was folded to. */
static bool runs_on(int32_t a, int32_t b)
{
    return (is_ideograph(a) && (is_ideograph(b) || is_wildcard(b))) ||
           (is_wildcard(a) && is_ideograph(b));
}

static void join(struct joiner *joiner, int32_t character)
{
    if (character == '=') {
        joiner->gap = GROUPS;
        return;
    }
    if (character == '^' || u_isUWhiteSpace(character)) {
        if (joiner->gap == NO_GAP)
            joiner->gap = WORDS;
        return;
    }
    if (joiner->before &&
        (joiner->gap == GROUPS || (joiner->gap == WORDS && !runs_on(joiner->before, character))))
        yq_buf_put(joiner->out, " ", 1);
    joiner->gap = NO_GAP;
    joiner->before = character;
    put_utf8(joiner->out, character);
}

static bool fold_ascii(const char *text, struct joiner *joiner)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            return false;
    }
    for (const char *p = text; *p; p++)
        join(joiner, *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    return true;
}

/* `room` UTF-16 units for `length` bytes of text; the folded text has another length. */
static bool fold_unicode(const char *text, int32_t length, struct joiner *joiner)
{
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2 *normalizer = unorm2_getNFKCCasefoldInstance(&error);
    int32_t used = 0, folded_length = 0;
    UChar *units = malloc(((size_t)length + 1) * sizeof *units), *folded = NULL;
    if (!units || U_FAILURE(error)) {
        free(units);
        return false;
    }
    u_strFromUTF8WithSub(units, length + 1, &used, text, length, 0xfffd, NULL, &error);
    if (U_SUCCESS(error)) {
        folded_length = unorm2_normalize(normalizer, units, used, NULL, 0, &error);
        if (error == U_BUFFER_OVERFLOW_ERROR)
            error = U_ZERO_ERROR;
        folded = malloc(((size_t)folded_length + 1) * sizeof *folded);
    }
    if (folded && U_SUCCESS(error))
        unorm2_normalize(normalizer, units, used, folded, folded_length + 1, &error);
    bool ok = folded && U_SUCCESS(error);
    for (int32_t at = 0; ok && at < folded_length;) {
        UChar32 character;
        U16_NEXT(folded, at, folded_length, character);
        join(joiner, U_IS_SURROGATE(character) ? 0xfffd : character);
    }
    free(folded);
    free(units);
    return ok;
}

void yq_text_fold(const char *text, struct yq_buf *out)
{
    struct joiner joiner = {.out = out};
    if (fold_ascii(text, &joiner))
        return;
    size_t length = strlen(text);
    if (length > INT32_MAX / 32 || !fold_unicode(text, (int32_t)length, &joiner))
        out->failed = true;
}
