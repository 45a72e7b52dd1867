/* csv.c: one row after the other out of bytes in memory. RFC 4180; a byte order mark at the very
 * beginning, as spreadsheets write it, is passed over. */
#include "yq/csv.h"

#include <string.h>

#define ROOM "base"

static bool ends_line(const struct yq_csv *csv)
{
    const char *at = csv->bytes + csv->at;
    size_t left = csv->length - csv->at;
    return !left || *at == '\n' || (*at == '\r' && left > 1 && at[1] == '\n');
}

static void skip_line_end(struct yq_csv *csv)
{
    if (csv->at < csv->length && csv->bytes[csv->at] == '\r')
        csv->at++;
    if (csv->at < csv->length)
        csv->at++;
    csv->next_line++;
}

static bool fail(struct yq_err *err, const char *why)
{
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s", why);
}

static bool put_byte(struct yq_buf *row, char byte, struct yq_err *err)
{
    if (!byte || byte == '\r' || byte == '\n')
        return fail(err, byte ? "a field has a line break in it" : "a field has a NUL in it");
    yq_buf_put(row, &byte, 1);
    return true;
}

static bool read_quoted(struct yq_csv *csv, struct yq_buf *row, struct yq_err *err)
{
    for (csv->at++; csv->at < csv->length; csv->at++) {
        char byte = csv->bytes[csv->at];
        if (byte == '"') {
            bool doubled = csv->at + 1 < csv->length && csv->bytes[csv->at + 1] == '"';
            csv->at++;
            if (!doubled)
                return ends_line(csv) || csv->bytes[csv->at] == ',' ||
                       fail(err, "behind a closing quote stands neither a comma nor the line's "
                                 "end");
        }
        if (!put_byte(row, byte, err))
            return false;
    }
    return fail(err, "a quote is not closed");
}

static bool read_plain(struct yq_csv *csv, struct yq_buf *row, struct yq_err *err)
{
    for (; !ends_line(csv) && csv->bytes[csv->at] != ','; csv->at++) {
        char byte = csv->bytes[csv->at];
        if (byte == '"')
            return fail(err, "a quote stands in a field that does not begin with one");
        if (!put_byte(row, byte, err))
            return false;
    }
    return true;
}

static bool begin(struct yq_csv *csv)
{
    if (!csv->next_line) {
        csv->next_line = 1;
        if (csv->length >= 3 && memcmp(csv->bytes, "\xef\xbb\xbf", 3) == 0)
            csv->at = 3;
    }
    while (csv->at < csv->length && ends_line(csv))
        skip_line_end(csv);
    csv->line = csv->next_line;
    return csv->at < csv->length;
}

bool yq_csv_next(struct yq_csv *csv, struct yq_buf *row, const char **fields, size_t room,
                 size_t *count, struct yq_err *err)
{
    err->code = YQ_OK;
    *count = 0;
    yq_buf_clear(row);
    if (!begin(csv))
        return false;
    for (bool more = true; more;) {
        if (*count == room)
            return fail(err, "the line has too many fields");
        bool quoted = csv->at < csv->length && csv->bytes[csv->at] == '"';
        if (quoted ? !read_quoted(csv, row, err) : !read_plain(csv, row, err))
            return false;
        yq_buf_put(row, "", 1);
        ++*count;
        more = csv->at < csv->length && csv->bytes[csv->at] == ',';
        csv->at += more;
    }
    skip_line_end(csv);
    if (row->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a line of a table");
    const char *at = yq_buf_text(row); /* only now: the buffer no longer moves */
    for (size_t i = 0; i < *count; i++, at += strlen(at) + 1)
        fields[i] = at;
    return true;
}
