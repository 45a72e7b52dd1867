/* http_query.c: what a client writes into its URL and headers. The first byte chooses the parser.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_params(const char *text, size_t length)
{
    struct yq_params params;
    struct yq_err err = {0};
    struct yq_buf back yq_cleanup(yq_buf_fini) = {0};
    if (!yq_params_parse(text, length, &params, &err)) {
        assert(err.code == YQ_BAD_INPUT || err.code == YQ_FULL);
        return;
    }
    for (size_t i = 0; i < params.count; i++) { /* what was decoded survives being encoded */
        if (i)
            yq_buf_puts(&back, "&");
        yq_params_encode(&back, params.list[i].name);
        yq_buf_puts(&back, "=");
        yq_params_encode(&back, params.list[i].value);
    }
    struct yq_params again;
    if (back.length <= YQ_URI_MOST) {
        assert(yq_params_parse(yq_buf_text(&back), back.length, &again, &err));
        assert(again.count == params.count);
        for (size_t i = 0; i < params.count; i++)
            assert(strcmp(again.list[i].value, params.list[i].value) == 0);
        yq_params_fini(&again);
    }
    yq_params_fini(&params);
}

static void fuzz_media(const char *text)
{
    struct yq_media list[YQ_MEDIA_MOST];
    size_t which, count = yq_media_parse(text, list, YQ_MEDIA_MOST);
    assert(count <= YQ_MEDIA_MOST);
    assert(yq_media_weight(list, count, "image/jpeg", &which) <= 1000);
    assert(which <= count);
}

static void fuzz_range(const char *text)
{
    static const uint64_t sizes[] = {0, 1, 100, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t first, length;
        if (yq_range_parse(text, sizes[i], &first, &length) == YQ_RANGE_PART)
            assert(length > 0 && first < sizes[i] && length <= sizes[i] - first);
    }
    (void)yq_etag_listed(text, "\"abc\"");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size); /* exactly as long as it is: a sanitizer sees a step beyond */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 3) {
    case 0: fuzz_params(text, size - 1); break;
    case 1: fuzz_media(text); break;
    default: fuzz_range(text);
    }
    free(text);
    return 0;
}
