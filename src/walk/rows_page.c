/* rows_page.c: the queries of a reader, and what they give, held in memory within bounds. */
#include <stdlib.h>
#include <string.h>

#include "rows.h"

#define ROOM "walk"
#define TEXT_MOST YQ_RECORD_VALUE_MOST

enum { PAGE_BYTES = 16 << 20 }; /* a page with more of them is full */

void page_fini(struct page *page)
{
    struct table *tables[] = {&page->rows, &page->details};
    for (int i = 0; i < 2; i++) {
        free(tables[i]->columns);
        free(tables[i]->cells);
        yq_buf_fini(&tables[i]->bytes);
    }
    free(page->first);
    memset(page, 0, sizeof *page);
}

const char *table_value(const struct table *table, size_t row, size_t column, size_t *length)
{
    const struct cell *cell = &table->cells[row * table->column_count + column];
    *length = cell->length;
    return cell->null ? NULL : (const char *)table->bytes.bytes + cell->at;
}

/* ---- SQL ---- */

static bool put_column(const struct rows *rows, const struct table *table, int column,
                       struct yq_buf *sql, struct yq_err *err)
{
    return yq_database_quote(rows->database, table->columns[column].name, sql, err);
}

static bool put_select(const struct rows *rows, const struct table *table, const int *picked,
                       size_t count, const char *from, struct yq_buf *sql, struct yq_err *err)
{
    yq_buf_puts(sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        yq_buf_puts(sql, i ? ", " : "");
        if (!put_column(rows, table, picked[i], sql, err))
            return false;
    }
    yq_buf_putf(sql, " FROM %s WHERE ", from);
    return true;
}

/* The place's columns: change first, then the keys. */
static int place_column(const struct rows *rows, size_t n)
{
    return n ? rows->keys[n - 1] : rows->change;
}

struct asking { /* a query under way */
    struct rows *rows;
    struct yq_buf sql;
    struct yq_database_parameter parameters[YQ_DATABASE_PARAMETERS_MOST];
    size_t count;
    char keys[YQ_FEED_KEYS_SIZE]; /* cut into values */
    const char *values[ROWS_KEYS_MOST + 1];
};

static bool compare(struct asking *asking, size_t n, const char *how, struct yq_err *err)
{
    const struct rows *rows = asking->rows;
    int column = place_column(rows, n);
    if (!put_column(rows, &rows->all, column, &asking->sql, err))
        return false;
    yq_buf_putf(&asking->sql, " %s ?", how);
    asking->parameters[asking->count++] = (struct yq_database_parameter){
        .value = asking->values[n], .column = &rows->all.columns[column]};
    return true;
}

/* c > ? OR (c = ? AND (k > ? OR (k = ? AND ...))): no server lacks it. */
static bool put_after(struct asking *asking, struct yq_err *err)
{
    size_t last = asking->rows->key_count;
    for (size_t n = 0; n <= last; n++) {
        if (!compare(asking, n, ">", err))
            return false;
        if (n == last)
            break;
        yq_buf_puts(&asking->sql, " OR (");
        if (!compare(asking, n, "=", err))
            return false;
        yq_buf_puts(&asking->sql, " AND (");
    }
    for (size_t n = 0; n < last; n++)
        yq_buf_puts(&asking->sql, "))");
    return true;
}

static bool put_where(struct asking *asking, const struct place *place, struct yq_err *err)
{
    const struct rows *rows = asking->rows;
    for (size_t n = 0; n <= rows->key_count; n++) {
        yq_buf_puts(&asking->sql, n ? " AND " : "");
        if (!put_column(rows, &rows->all, place_column(rows, n), &asking->sql, err))
            return false;
        yq_buf_puts(&asking->sql, " IS NOT NULL");
    }
    if (!*place->change)
        return true;
    yq_buf_puts(&asking->sql, " AND ");
    if (!compare(asking, 0, place->at_least || *place->keys ? ">=" : ">", err))
        return false;
    if (place->at_least || !*place->keys)
        return true;
    yq_buf_puts(&asking->sql, " AND (");
    if (!put_after(asking, err))
        return false;
    yq_buf_puts(&asking->sql, ")");
    return true;
}

static bool put_order(struct asking *asking, bool newest, struct yq_err *err)
{
    const struct rows *rows = asking->rows;
    for (size_t n = 0; n <= rows->key_count; n++) {
        yq_buf_puts(&asking->sql, n ? ", " : " ORDER BY ");
        if (!put_column(rows, &rows->all, place_column(rows, n), &asking->sql, err))
            return false;
        yq_buf_puts(&asking->sql, newest ? " DESC" : "");
    }
    return true;
}

/* False: these are keys of fewer columns, from an earlier configuration. */
static bool cut_keys(struct asking *asking, const char *change, const char *keys)
{
    size_t n = 0;
    asking->values[n++] = change;
    (void)!yq_copy(asking->keys, sizeof asking->keys, keys);
    for (char *p = asking->keys; n <= asking->rows->key_count; n++) {
        char *end = strstr(p, YQ_FEED_SEPARATOR);
        asking->values[n] = p;
        if (n == asking->rows->key_count)
            return !end;
        if (!end)
            return false;
        *end = '\0';
        p = end + 1;
    }
    return true;
}

/* ---- rows ---- */

static bool grow(struct table *table, struct yq_err *err)
{
    if (table->rows < table->room)
        return true;
    size_t room = table->room ? 2 * table->room : 64;
    size_t count = room * table->column_count;
    struct cell *cells = count ? realloc(table->cells, count * sizeof *cells) : NULL;
    if (!cells)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for rows of a database");
    table->cells = cells;
    table->room = room;
    return true;
}

static bool read_cell(struct rows *rows, struct table *table, size_t column, struct cell *cell,
                      struct yq_err *err)
{
    bool binary = table->columns[column].type == YQ_COLUMN_BINARY;
    *cell = (struct cell){.at = table->bytes.length};
    if (!yq_database_value(rows->database, column, binary ? rows->binary_most : TEXT_MOST,
                           &table->bytes, &cell->null, err)) {
        cell->long_ = err->code == YQ_FULL && !table->bytes.failed;
        if (!cell->long_)
            return false;
        cell->null = true;
    }
    cell->length = table->bytes.length - cell->at;
    yq_buf_put(&table->bytes, "", 1);
    return !table->bytes.failed || yq_fail(err, YQ_FULL, ROOM, "no memory for rows of a database");
}

static bool read_rows(struct rows *rows, struct table *table, size_t most, bool *full,
                      struct yq_err *err)
{
    const struct yq_database_column *columns;
    size_t begin = table->rows;
    *full = false;
    if (!table->columns) {
        table->column_count = yq_database_columns(rows->database, &columns);
        table->columns = malloc(table->column_count * sizeof *columns);
        if (!table->columns)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for rows of a database");
        memcpy(table->columns, columns, table->column_count * sizeof *columns);
    }
    for (bool row;;) {
        if (table->rows - begin == most || table->bytes.length > PAGE_BYTES) {
            *full = true;
            yq_database_end(rows->database);
            return true;
        }
        if (!yq_database_next(rows->database, &row, err))
            return false;
        atomic_fetch_add(&rows->progress, 1);
        if (!row)
            return true;
        if (!grow(table, err))
            return false;
        for (size_t i = 0; i < table->column_count; i++)
            if (!read_cell(rows, table, i, &table->cells[table->rows * table->column_count + i],
                           err))
                return false;
        table->rows++;
    }
}

/* A value as a parameter: hex where it is binary. */
static const char *as_parameter(const struct table *table, size_t row, size_t column,
                                struct yq_buf *hex)
{
    size_t length;
    const char *value = table_value(table, row, column, &length);
    if (!value || table->columns[column].type != YQ_COLUMN_BINARY)
        return value;
    uint8_t *room = yq_buf_room(hex, 2 * length + 1);
    if (!room)
        return NULL;
    yq_hex((char *)room, value, length);
    return (const char *)room;
}

static bool read_details_of(struct rows *rows, struct page *page, size_t row, const char *sql,
                            struct yq_err *err)
{
    struct yq_database_parameter parameters[ROWS_KEYS_MOST];
    struct yq_buf hex[ROWS_KEYS_MOST] = {{0}};
    bool full, ok = true, there = true;
    for (size_t i = 0; i < rows->join_count; i++) {
        parameters[i] = (struct yq_database_parameter){
            .value = as_parameter(&page->rows, row, (size_t)rows->join_own[i], &hex[i]),
            .column = &rows->details.columns[rows->join_detail[i]]};
        there = there && parameters[i].value;
    }
    if (there)
        ok = yq_database_select(rows->database, sql, parameters, rows->join_count,
                                YQ_RECORD_ITEMS_MOST + 1, err) &&
             read_rows(rows, &page->details, YQ_RECORD_ITEMS_MOST + 1, &full, err);
    for (size_t i = 0; i < rows->join_count; i++)
        yq_buf_fini(&hex[i]);
    return ok;
}

/* The rows for which there is no room are left to the next page. */
static void shorten(struct page *page, size_t rows)
{
    if (rows == page->rows.rows)
        return;
    page->rows.rows = rows;
    page->more = true;
}

static bool read_details(struct rows *rows, struct page *page, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    if (!*rows->source.detail_table)
        return true;
    page->first = calloc(page->rows.rows + 1, sizeof *page->first);
    if (!page->first)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for rows of a database");
    if (!put_select(rows, &rows->details, rows->detail_picked, rows->detail_picked_count,
                    rows->detail_sql, &sql, err))
        return false;
    for (size_t i = 0; i < rows->join_count; i++) {
        yq_buf_puts(&sql, i ? " AND " : "");
        if (!put_column(rows, &rows->details, rows->join_detail[i], &sql, err))
            return false;
        yq_buf_puts(&sql, " = ?");
    }
    /* in the order of the first column that the mapping names: the same each time */
    yq_buf_puts(&sql, " ORDER BY ");
    if (!put_column(rows, &rows->details, rows->detail_picked[0], &sql, err))
        return false;
    for (size_t row = 0; row < page->rows.rows; row++) {
        page->first[row] = page->details.rows;
        if (row && page->details.bytes.length > PAGE_BYTES) {
            shorten(page, row);
            return true;
        }
        if (!read_details_of(rows, page, row, yq_buf_text(&sql), err))
            return false;
    }
    page->first[page->rows.rows] = page->details.rows;
    return true;
}

static bool ask(struct asking *asking, size_t most, struct page *out, struct yq_err *err)
{
    struct rows *rows = asking->rows;
    struct yq_buf limited yq_cleanup(yq_buf_fini) = {0};
    bool full;
    yq_database_limit(rows->database, yq_buf_text(&asking->sql), most, &limited);
    if (limited.failed || asking->sql.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a query");
    if (!yq_database_select(rows->database, yq_buf_text(&limited), asking->parameters,
                            asking->count, most, err) ||
        !read_rows(rows, &out->rows, most, &full, err))
        return false;
    out->more = full;
    return read_details(rows, out, err);
}

bool rows_page(struct rows *rows, const struct place *place, struct page *out, struct yq_err *err)
{
    struct asking asking = {.rows = rows};
    struct place from = *place;
    memset(out, 0, sizeof *out);
    if (!cut_keys(&asking, place->change, place->keys)) {
        from.keys = "";
        from.at_least = true; /* the keys of before mean nothing now */
    }
    bool ok = put_select(rows, &rows->all, rows->picked, rows->picked_count, rows->table_sql,
                         &asking.sql, err) &&
              put_where(&asking, &from, err) && put_order(&asking, place->newest, err) &&
              ask(&asking, place->rows, out, err);
    yq_buf_fini(&asking.sql);
    if (!ok)
        page_fini(out);
    return ok;
}

bool rows_one(struct rows *rows, const char *keys, struct page *out, struct yq_err *err)
{
    struct asking asking = {.rows = rows};
    memset(out, 0, sizeof *out);
    if (!cut_keys(&asking, "", keys))
        return true; /* nothing has such keys now */
    bool ok = put_select(rows, &rows->all, rows->picked, rows->picked_count, rows->table_sql,
                         &asking.sql, err);
    for (size_t n = 1; ok && n <= rows->key_count; n++) {
        yq_buf_puts(&asking.sql, n > 1 ? " AND " : "");
        ok = compare(&asking, n, "=", err);
    }
    ok = ok && ask(&asking, 1, out, err);
    yq_buf_fini(&asking.sql);
    if (!ok)
        page_fini(out);
    return ok;
}

bool rows_place(const struct rows *rows, const struct page *page, size_t row,
                char change[YQ_FEED_CHANGE_SIZE], char keys[YQ_FEED_KEYS_SIZE])
{
    struct yq_buf all yq_cleanup(yq_buf_fini) = {0}, hex yq_cleanup(yq_buf_fini) = {0};
    const char *value = as_parameter(&page->rows, row, 0, &hex); /* picked first */
    bool fits = value && yq_copy(change, YQ_FEED_CHANGE_SIZE, value);
    for (size_t n = 0; n < rows->key_count; n++) {
        size_t place = 0;
        while (rows->picked[place] != rows->keys[n])
            place++;
        struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
        value = as_parameter(&page->rows, row, place, &bytes);
        fits = fits && value && !strstr(value, YQ_FEED_SEPARATOR);
        yq_buf_puts(&all, n ? YQ_FEED_SEPARATOR : "");
        yq_buf_puts(&all, value ? value : "");
    }
    return yq_copy(keys, YQ_FEED_KEYS_SIZE, yq_buf_text(&all)) && fits && !all.failed;
}

bool rows_without_place(struct rows *rows, unsigned long long *count, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0}, value yq_cleanup(yq_buf_fini) = {0};
    bool row = false, null;
    *count = 0;
    yq_buf_putf(&sql, "SELECT COUNT(*) FROM %s WHERE ", rows->table_sql);
    for (size_t n = 0; n <= rows->key_count; n++) {
        yq_buf_puts(&sql, n ? " OR " : "");
        if (!put_column(rows, &rows->all, place_column(rows, n), &sql, err))
            return false;
        yq_buf_puts(&sql, " IS NULL");
    }
    if (!yq_database_select(rows->database, yq_buf_text(&sql), NULL, 0, 0, err) ||
        !yq_database_next(rows->database, &row, err) ||
        (row && !yq_database_value(rows->database, 0, TEXT_MOST, &value, &null, err)))
        return false;
    yq_database_end(rows->database);
    *count = strtoull(yq_buf_text(&value), NULL, 10);
    return true;
}
