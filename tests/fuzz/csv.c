/* csv.c: any bytes as comma separated values: rows of C strings within the bytes' bounds, or
 * refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_csv csv = {.bytes = (const char *)data, .length = size};
    struct yq_buf row = {0};
    struct yq_err err;
    const char *fields[4];
    size_t count, total = 0;
    unsigned line = 0;
    while (yq_csv_next(&csv, &row, fields, 4, &count, &err)) {
        if (!count || count > 4 || csv.line <= line)
            abort();
        line = csv.line;
        for (size_t i = 0; i < count; i++) {
            total += strlen(fields[i]);
            if (strpbrk(fields[i], "\r\n"))
                abort();
        }
    }
    if (total > size || (err.code != YQ_OK && err.code != YQ_BAD_INPUT))
        abort();
    yq_buf_fini(&row);
    return 0;
}
