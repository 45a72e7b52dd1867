/* text.c: any label over any bytes. Input: the label, a NUL, two letters of VR, the bytes. What
 * comes out must be UTF-8, fold without failing, and read the same when written as UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    if (!end || size - (size_t)(end - data) < 3 || size > 1 << 20)
        return 0;
    const char *charset = (const char *)data;
    char vr[3] = {(char)end[1], (char)end[2], 0};
    struct yq_buf text = {0}, again = {0}, folded = {0};
    bool doubtful = false;
    yq_text_decode(charset, vr, end + 3, size - (size_t)(end + 3 - data), &text, &doubtful);
    if (text.failed || !yq_text_is_utf8(text.bytes, text.length))
        abort();
    yq_text_fold(yq_buf_text(&text), &folded);
    if (folded.failed || !yq_text_is_utf8(folded.bytes, folded.length))
        abort();
    if (yq_text_encode(charset, vr, yq_buf_text(&text), &again) && !doubtful) {
        struct yq_buf back = {0};
        bool doubtful_again = false;
        yq_text_decode(charset, vr, again.bytes, again.length, &back, &doubtful_again);
        if (doubtful_again)
            abort(); /* what we write we can read */
        yq_buf_fini(&back);
    }
    yq_buf_fini(&again);
    yq_buf_fini(&folded);
    yq_buf_fini(&text);
    return 0;
}
