/* code_table.h: the hospital's codes as a CSV file that Excel and WPS open, and save again.
 *
 * Written: UTF-8 with a byte order mark, lines ending with CRLF, a first line of Chinese names.
 * What a spreadsheet would take for a number, a date or a formula stands as ="01" or behind a '.
 * Read: the same, in UTF-8 or in GBK (as Excel saves a CSV), columns in any order, under Chinese or
 * English names; columns of other names are passed over. Pure. */
#ifndef YQ_CODE_TABLE_H
#define YQ_CODE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/csv.h"
#include "yq/err.h"

enum yq_code_column {
    YQ_COLUMN_LIST,
    YQ_COLUMN_SOURCE,
    YQ_COLUMN_CODE,
    YQ_COLUMN_NAME,
    YQ_COLUMN_DICTIONARY,
    YQ_COLUMN_NATIONAL,
    YQ_COLUMN_NATIONAL_NAME,
    YQ_COLUMN_TIMES,
    YQ_COLUMN_LAST,
    YQ_COLUMN_SUGGESTED,
    YQ_COLUMN_SUGGESTED_NAME,
    YQ_COLUMN_SCORE,
    YQ_COLUMN_COUNT
};

struct yq_code_table {
    struct yq_buf text, row; /* owned */
    struct yq_csv csv;
    int column[64]; /* of the file's fields; -1: passed over */
    size_t columns;
};
/* Reads the first line. YQ_BAD_INPUT: neither UTF-8 nor GBK, or columns are missing (names them).
 * `bytes` may go afterwards. The caller ends it also on failure. */
yq_must_check bool yq_code_table_open(struct yq_code_table *table, const void *bytes, size_t length,
                                      struct yq_err *err);
/* The next row that has anything in it; what is not there is "". Values live until the next call.
 * False at the end (err->code YQ_OK) or YQ_BAD_INPUT; the line is table->csv.line. */
bool yq_code_table_next(struct yq_code_table *table, const char *values[YQ_COLUMN_COUNT],
                        struct yq_err *err);
void yq_code_table_fini(struct yq_code_table *table);

/* Appends the byte order mark and the first line; then rows with the same columns. */
void yq_code_table_head(const enum yq_code_column *columns, size_t count, struct yq_buf *out);
void yq_code_table_row(const enum yq_code_column *columns, size_t count,
                       const char *const values[YQ_COLUMN_COUNT], struct yq_buf *out);

#endif
