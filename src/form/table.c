/* table.c: CSV as other programs and spreadsheets write it (RFC 4180 and what is met beyond it):
 * commas, semicolons, tabs or bars between fields, line breaks in quoted fields, "sep=;" in the
 * first line, ="001", lines that end with CR alone, lines with fewer fields than the heading.
 *
 * A record is wrong alone when it has more fields than the heading, characters that were no text,
 * or a long number that a spreadsheet has shortened (1.2E+17). A quote that is not closed ends the
 * file: where the next record begins is anybody's guess. Pure. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "foreign_inside.h"

#define ROOM "form"
#define FIELDS_MOST 2000
#define ROW_MOST ((size_t)8 << 20)

struct row {
    struct yq_buf text; /* fields as C strings, one behind the other */
    uint32_t fields[FIELDS_MOST];
    size_t count;
};
struct table {
    char between;
    size_t at;         /* in the text: of the next row */
    unsigned line;     /* of the next row */
    size_t head_start; /* of the heading and what stands before it */
    size_t head_end;
    struct row head, row;
};

static const char *field_of(const struct row *row, size_t i)
{
    return yq_buf_text(&row->text) + row->fields[i];
}

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

/* Past the end of a line: LF, CRLF or CR. */
static size_t after_line(const struct yq_foreign *foreign, size_t at)
{
    if (at < foreign->length && foreign->text[at] == '\r')
        at += at + 1 < foreign->length && foreign->text[at + 1] == '\n' ? 2 : 1;
    else if (at < foreign->length)
        at++;
    return at;
}

static bool fail(const struct table *table, const char *why, struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "line %u: %s", table->line, why);
}

/* A quoted field from behind its quote on; *at behind the closing one. */
static bool read_quoted(const struct yq_foreign *foreign, size_t *at, struct yq_buf *out)
{
    const char *text = foreign->text;
    for (; *at < foreign->length; ++*at) {
        if (text[*at] == '"') {
            ++*at;
            if (*at >= foreign->length || text[*at] != '"')
                return true;
        }
        if (text[*at] == '\r' && *at + 1 < foreign->length && text[*at + 1] == '\n')
            continue;
        yq_buf_put(out, text[*at] == '\r' ? "\n" : &text[*at], 1);
    }
    return false;
}

static bool read_field(const struct yq_foreign *foreign, const struct table *table, size_t *at,
                       struct yq_buf *out)
{
    const char *text = foreign->text;
    if (*at < foreign->length && text[*at] == '"') {
        ++*at;
        if (!read_quoted(foreign, at, out))
            return false;
    }
    size_t from = *at;
    while (*at < foreign->length && text[*at] != table->between && !ends_line(text[*at]))
        ++*at;
    yq_buf_put(out, text + from, *at - from);
    return true;
}

/* ="001" is 001, which a spreadsheet is to leave alone. */
static void unwrap(struct yq_buf *text, size_t from)
{
    char *field = (char *)text->bytes + from;
    size_t length = text->length - from;
    if (length < 3 || memcmp(field, "=\"", 2) != 0 || field[length - 1] != '"')
        return;
    memmove(field, field + 2, length - 3);
    text->length -= 3;
    text->bytes[text->length] = '\0';
}

/* The row at table->at; *start and *end: its bytes without its line end. */
static bool read_row(const struct yq_foreign *foreign, struct table *table, struct row *row,
                     size_t *start, size_t *end, struct yq_err *err)
{
    size_t at = table->at;
    row->count = 0;
    yq_buf_clear(&row->text);
    *start = at;
    for (bool more = true; more;) {
        if (row->count == FIELDS_MOST)
            return fail(table, "more than 2000 fields", err);
        size_t from = row->text.length;
        row->fields[row->count++] = (uint32_t)from;
        if (!read_field(foreign, table, &at, &row->text))
            return fail(table, "a quote is opened that is not closed", err);
        if (at - *start > ROW_MOST)
            return fail(table, "a record is longer than 8 MB", err);
        if (row->text.length > from)
            unwrap(&row->text, from);
        yq_buf_put(&row->text, "", 1);
        more = at < foreign->length && foreign->text[at] == table->between;
        at += more;
    }
    if (row->text.failed)
        return foreign_no_memory(err);
    *end = at;
    size_t next = after_line(foreign, at);
    for (size_t i = *start; i < next; i++)
        table->line += foreign->text[i] == '\n' ||
                       (foreign->text[i] == '\r' &&
                        (i + 1 >= foreign->length || foreign->text[i + 1] != '\n'));
    table->at = next;
    return true;
}

static bool is_blank(const struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        const char *field = field_of(row, i);
        if (field[strspn(field, " \t\n\r")])
            return false;
    }
    return true;
}

/* The mark that stands most often in the first line, outside of quotes. */
static char guess_between(const struct yq_foreign *foreign, size_t at)
{
    static const char marks[] = ",;\t|";
    size_t counts[4] = {0}, best = 0;
    bool quoted = false;
    for (; at < foreign->length && (quoted || !ends_line(foreign->text[at])); at++) {
        const char *mark = foreign->text[at] ? strchr(marks, foreign->text[at]) : NULL;
        quoted ^= foreign->text[at] == '"';
        if (mark && !quoted)
            counts[mark - marks]++;
    }
    for (size_t i = 1; i < 4; i++)
        if (counts[i] > counts[best])
            best = i;
    return marks[best];
}

/* Headings without blanks around them; a line break in one is a blank. */
static void tidy_head(struct row *head)
{
    for (size_t i = 0; i < head->count; i++) {
        char *field = (char *)head->text.bytes + head->fields[i];
        size_t length;
        for (char *p = field; *p; p++)
            if (*p == '\n' || *p == '\t')
                *p = ' ';
        for (;;) {
            size_t skip = *field == ' ' ? 1 : strncmp(field, "\xe3\x80\x80", 3) == 0 ? 3 : 0;
            if (!skip)
                break;
            field += skip;
            head->fields[i] += (uint32_t)skip;
        }
        while ((length = strlen(field)) && field[length - 1] == ' ')
            field[length - 1] = '\0';
        while (length >= 3 && strcmp(field + length - 3, "\xe3\x80\x80") == 0) {
            length -= 3;
            field[length] = '\0';
        }
    }
}

static bool table_open(struct yq_foreign *foreign, struct yq_err *err)
{
    struct table *table = calloc(1, sizeof *table);
    size_t start = 0;
    foreign->own = table;
    if (!table)
        return foreign_no_memory(err);
    table->line = 1;
    if (memchr(foreign->text, '\0', foreign->length))
        return fail(table, "the file has zero bytes in it: it is no text", err);
    if (foreign->length > 5 && strncasecmp(foreign->text, "sep=", 4) == 0) {
        table->between = foreign->text[4];
        table->at = after_line(foreign, 5);
        table->line++;
    }
    while (table->at < foreign->length) {
        if (!table->between || !strchr(",;\t|", table->between))
            table->between = guess_between(foreign, table->at);
        if (!read_row(foreign, table, &table->head, &start, &table->head_end, err))
            return false;
        if (!is_blank(&table->head)) {
            table->head_end = table->at;
            tidy_head(&table->head);
            return true;
        }
        table->between = '\0';
    }
    return fail(table, "the file is empty: it has no heading with the names of columns", err);
}

static void table_close(struct yq_foreign *foreign)
{
    struct table *table = foreign->own;
    if (!table)
        return;
    yq_buf_fini(&table->head.text);
    yq_buf_fini(&table->row.text);
    free(table);
}

/* 1.2E+17: what is left of a long number in a column that was not text. */
static bool is_shortened(const char *field)
{
    size_t digits = strspn(field, "0123456789.");
    return digits > 1 && (field[digits] == 'E' || field[digits] == 'e') &&
           field[digits + 1] == '+' && strlen(field + digits + 2) == 2 &&
           strspn(field + digits + 2, "0123456789") == 2 && field[digits + 2] != '0';
}

static const char *fault_of(const struct table *table)
{
    const struct row *row = &table->row;
    for (size_t i = 0; i < row->count; i++) {
        const char *field = field_of(row, i);
        if (i >= table->head.count && field[strspn(field, " ")])
            return "it has more fields than the heading: text with a separator in it takes quotes";
        if (strstr(field, "\xef\xbf\xbd"))
            return "it has bytes that are no text in the character set of the file";
        if (is_shortened(field))
            return "a spreadsheet has shortened a long number (1.2E+17): make that column text, "
                   "and export it again";
    }
    return NULL;
}

static bool table_next(struct yq_foreign *foreign, const char **fault, struct yq_err *err)
{
    struct table *table = foreign->own;
    do {
        if (table->at >= foreign->length)
            return false;
        foreign->line = table->line;
        foreign->start = table->at;
        if (!read_row(foreign, table, &table->row, &foreign->start, &foreign->end, err))
            return false;
    } while (is_blank(&table->row));
    *fault = fault_of(table);
    return true;
}

bool table_get(const struct yq_foreign *foreign, const char *name, struct yq_buf *out)
{
    const struct table *table = foreign->own;
    for (int loosely = 0; loosely < 2; loosely++)
        for (size_t i = 0; i < table->head.count; i++) {
            const char *head = field_of(&table->head, i);
            if (loosely ? strcasecmp(head, name) != 0 : strcmp(head, name) != 0)
                continue;
            if (i >= table->row.count)
                return false;
            yq_buf_puts(out, field_of(&table->row, i));
            return true;
        }
    return false;
}

void table_columns(const struct yq_foreign *foreign, void (*tell)(void *context, const char *name),
                   void *context)
{
    const struct table *table = foreign->own;
    for (size_t i = 0; i < table->head.count; i++)
        tell(context, field_of(&table->head, i));
}

static void table_put_head(const struct yq_foreign *foreign, struct yq_buf *out)
{
    const struct table *table = foreign->own;
    yq_buf_puts(out, "\xef\xbb\xbf"); /* spreadsheets know it as UTF-8 by that */
    yq_buf_put(out, foreign->text, table->head_end);
    if (out->length && !ends_line((char)out->bytes[out->length - 1]))
        yq_buf_puts(out, "\r\n");
}

static void table_put_record(const struct yq_foreign *foreign, struct yq_buf *out)
{
    yq_buf_put(out, foreign->text + foreign->start, foreign->end - foreign->start);
    yq_buf_puts(out, "\r\n");
}

static void table_put_rest(const struct yq_foreign *foreign, struct yq_buf *out)
{
    yq_buf_put(out, foreign->text + foreign->start, foreign->length - foreign->start);
}

static void table_put_tail(const struct yq_foreign *foreign, struct yq_buf *out)
{
    (void)foreign;
    (void)out;
}

const struct foreign_reader foreign_table = {table_open,     table_next,       table_close,
                                             table_put_head, table_put_record, table_put_rest,
                                             table_put_tail};
