/* statistics.c: any bytes as what Shanxi's platform answers to the count of a day (S13), and as
 * what was sealed in it. Each id is text within the answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shanxi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *context, const char *id)
{
    size_t *most = context;
    if (strlen(id) > *most + 32)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_err err = {0};
    struct yq_buf sealed = {0};
    if (!shanxi_statistics_read((const char *)data, size, &sealed, take, &size, &err) &&
        (err.code == YQ_BUG || !err.text[0]))
        abort();
    yq_buf_fini(&sealed);
    if (!shanxi_missing_read((const char *)data, size, take, &size, &err) && err.code == YQ_BUG)
        abort();
    return 0;
}
