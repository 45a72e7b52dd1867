/* suggest.c: any bytes as a hospital's name of an examination: suggestions in order, within bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/suggest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yq_suggester *suggester;
    struct yq_suggestion best[4];
    struct yq_err err;
    if (!suggester &&
        !yq_suggester_new(yq_dictionary_find("neijiang/recognition-item"), &suggester, &err))
        abort();
    char *name = malloc(size + 1); /* its end is watched */
    if (!name)
        abort();
    if (size)
        memcpy(name, data, size);
    name[size] = '\0';
    size_t count = yq_suggest(suggester, name, 0.1, best, 4);
    if (count > 4)
        abort();
    for (size_t i = 0; i < count; i++)
        if (!(best[i].score >= 0.1 && best[i].score <= 1) ||
            (i && best[i].score > best[i - 1].score))
            abort();
    free(name);
    return 0;
}
