/* code_table.c: any bytes as a table of the hospital's codes: rows, or refused. What was read is
 * read again from what is written of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/code_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum yq_code_column columns[] = {YQ_COLUMN_LIST,       YQ_COLUMN_SOURCE,
                                              YQ_COLUMN_CODE,       YQ_COLUMN_NAME,
                                              YQ_COLUMN_DICTIONARY, YQ_COLUMN_NATIONAL};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void write_again(const char *const *values)
{
    struct yq_buf out = {0};
    struct yq_code_table table;
    struct yq_err err;
    const char *again[YQ_COLUMN_COUNT];
    bool any = false;
    for (size_t i = 0; i < COLUMNS; i++)
        any |= *values[columns[i]] != '\0';
    yq_code_table_head(columns, COLUMNS, &out);
    yq_code_table_row(columns, COLUMNS, values, &out);
    if (!yq_code_table_open(&table, out.bytes, out.length, &err) ||
        yq_code_table_next(&table, again, &err) != any)
        abort();
    for (size_t i = 0; any && i < COLUMNS; i++)
        if (strcmp(again[columns[i]], values[columns[i]]) != 0)
            abort();
    yq_code_table_fini(&table);
    yq_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_code_table table;
    struct yq_err err;
    const char *values[YQ_COLUMN_COUNT];
    if (yq_code_table_open(&table, data, size, &err)) {
        while (yq_code_table_next(&table, values, &err))
            write_again(values);
        if (err.code != YQ_OK && err.code != YQ_BAD_INPUT)
            abort();
    } else if (err.code != YQ_BAD_INPUT) {
        abort();
    }
    yq_code_table_fini(&table);
    return 0;
}
