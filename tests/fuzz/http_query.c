/* http_query.c: what a client writes into its URL and headers. The first byte chooses the parser.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wado.h"

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

/* A whole WADO query: read by the table, then negotiated for every kind of object. */
static void fuzz_wado(const char *text, size_t length)
{
    struct yq_params params;
    struct wado_values values;
    struct wado_wish wish;
    struct wado_choice choice;
    struct yq_err err = {0};
    unsigned status = 0;
    if (!yq_params_parse(text, length, &params, &err))
        return;
    if (!wado_read(&params, &values, &status, &err)) {
        assert(status == 400 || status == 406);
        assert(*err.text);
        yq_params_fini(&params);
        return;
    }
    assert(values.given & WADO_BIT(OBJECT) && yq_uid_valid(values.text[WADO_OBJECT]));
    for (int i = 0; i < WADO_PARAMS; i++) {
        const struct wado_rule *rule = &wado_rules[i];
        bool number = rule->form == WADO_WHOLE || rule->form == WADO_DECIMAL;
        if (number && values.given & 1u << i)
            assert(values.number[i] >= rule->least && values.number[i] <= rule->most);
    }
    const char *accept = yq_params_get(&params, "accept"); /* stands for the header */
    wado_wish_read(&values, accept ? accept : "", &wish);
    for (unsigned category = WADO_SINGLE_FRAME; category <= WADO_OTHER; category <<= 1) {
        if (wado_choose(&wish, &values, (enum wado_category)category, &choice, &status, &err)) {
            assert(choice.count && choice.count <= WADO_TYPES);
            for (size_t i = 0; i < choice.count; i++)
                assert(choice.types[i]->made_of & category && choice.names[i]);
        } else {
            assert(status == 400 || status == 406);
        }
    }
    yq_params_fini(&params);
}

static void fuzz_headers(const char *text)
{
    int64_t seconds;
    (void)yq_coding_wanted(text, "gzip");
    if (yq_http_date(text, &seconds))
        assert(seconds >= 0);
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
    switch (data[0] % 5) {
    case 0: fuzz_params(text, size - 1); break;
    case 1: fuzz_media(text); break;
    case 3: fuzz_wado(text, size - 1); break;
    case 4: fuzz_headers(text); break;
    default: fuzz_range(text);
    }
    free(text);
    return 0;
}
