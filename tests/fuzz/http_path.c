/* http_path.c: the path of a URL, and the Content-Type of a body, as clients write them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "yq/record.h"
#include "yq/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_path(const char *text)
{
    static const char *const patterns[] = {"/", "/api/v1/{records}/{id}", "/{a}/{b}/{c}/{d}",
                                           "/api/v1/{records}/{id}/history",
                                           "/{a}/{b}/{c}/{d}/{e}"};
    struct yq_path path;
    struct yq_places places;
    struct yq_err err = {0};
    if (!yq_path_parse(text, &path, &err)) {
        assert(err.code == YQ_BAD_INPUT || err.code == YQ_FULL);
        return;
    }
    size_t kept = path.count < YQ_SEGMENTS_MOST ? path.count : YQ_SEGMENTS_MOST;
    for (size_t i = 0; i < kept; i++)
        assert(yq_text_is_utf8(path.segments[i], strlen(path.segments[i])));
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (!yq_path_fits(&path, patterns[i], &places))
            continue;
        for (size_t p = 0; p < places.count; p++)
            assert(*places.list[p].value && *yq_places_get(&places, places.list[p].name));
        const char *records = yq_places_get(&places, "records");
        assert(!*records || yq_kind_by_name(records) < YQ_KIND_KEPT);
    }
    yq_path_fini(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[64];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    fuzz_path(text);
    if (yq_media_of_body(text, type))
        assert(*type && strlen(type) < sizeof type);
    free(text);
    return 0;
}
