/* answer.c: whatever a platform answers is read and looked into, or refused. The path comes first,
 * up to a line end. */
#include <stdlib.h>
#include <string.h>

#include "yq/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_answer *answer;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    char path[64] = "";
    const uint8_t *end = memchr(data, '\n', size);
    if (!end || (size_t)(end - data) >= sizeof path)
        return 0;
    memcpy(path, data, (size_t)(end - data));
    if (!yq_answer_read((const char *)end + 1, size - (size_t)(end - data) - 1, &answer, &err)) {
        if (err.code != YQ_BAD_INPUT && err.code != YQ_FULL)
            abort();
        return 0;
    }
    bool there = yq_answer_get(answer, path, &out);
    if (there != (yq_answer_type(answer, path) != YQ_ANSWER_NONE))
        abort();
    for (size_t n = 0; n < 8 && yq_answer_name(answer, path, n); n++)
        ;
    if (yq_answer_count(answer, path) && yq_answer_type(answer, path) != YQ_ANSWER_ARRAY)
        abort();
    yq_answer_free(answer);
    return 0;
}
