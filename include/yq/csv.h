/* csv.h: comma separated values, read strictly (RFC 4180).
 *
 * Rows end with LF or CRLF; a field may stand in double quotes, in which "" is one quote. Refused:
 * a line break or a NUL within a field, a quote in a field that does not begin with one, anything
 * behind a closing quote, more fields than asked for. Blank lines are passed over. Pure. */
#ifndef YQ_CSV_H
#define YQ_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_csv { /* zeroed but for bytes and length, which are borrowed */
    const char *bytes;
    size_t length, at;
    unsigned line; /* of the row just read, from 1 */
    unsigned next_line;
};

/* The next row into `row`, which is cleared first: fields[0..*count) are C strings in it, at most
 * `room` of them. False at the end (err->code == YQ_OK) or when the row is broken (YQ_BAD_INPUT,
 * without the line, which is in csv->line). */
bool yq_csv_next(struct yq_csv *csv, struct yq_buf *row, const char **fields, size_t room,
                 size_t *count, struct yq_err *err);

#endif
