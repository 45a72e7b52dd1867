/* database_query.c: a SELECT with parameters, and its rows, value by value.
 *
 * Every value is fetched with SQLGetData, in pieces and bounded before it is kept: nothing that a
 * column says about its size is believed. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

enum { PIECE = 16384 };

static const char querying[] = "read from the database";

static bool statement_fail(struct yq_database *database, struct statement *statement,
                           struct yq_err *err)
{
    bool ok = driver_fail(database, SQL_HANDLE_STMT, statement->handle, querying, err);
    yq_database_end(database);
    return ok;
}

/* The statement that has this text prepared; else the one that is not used now, *fresh. */
static struct statement *statement_for(struct yq_database *database, const char *sql, bool *fresh)
{
    struct statement *statements = database->statements;
    *fresh = false;
    for (int i = 0; i < 2; i++)
        if (statements[i].sql && strcmp(statements[i].sql, sql) == 0)
            return &statements[i];
    *fresh = true;
    return !statements[0].sql || (statements[1].sql && database->current == &statements[1])
               ? &statements[0]
               : &statements[1];
}

static enum yq_column_type type_of(SQLSMALLINT sql)
{
    switch (sql) {
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT: return YQ_COLUMN_INTEGER;
    case SQL_NUMERIC:
    case SQL_DECIMAL:
    case SQL_FLOAT:
    case SQL_REAL:
    case SQL_DOUBLE: return YQ_COLUMN_NUMBER;
    case SQL_DATE:
    case SQL_TYPE_DATE: return YQ_COLUMN_DATE;
    case SQL_TIME:
    case SQL_TYPE_TIME: return YQ_COLUMN_TIME;
    case SQL_TIMESTAMP:
    case SQL_TYPE_TIMESTAMP: return YQ_COLUMN_TIMESTAMP;
    case SQL_BIT: return YQ_COLUMN_FLAG;
    case SQL_BINARY:
    case SQL_VARBINARY:
    case SQL_LONGVARBINARY: return YQ_COLUMN_BINARY;
    default: return YQ_COLUMN_TEXT; /* and whatever else: as the driver writes it */
    }
}

static void column_name(struct yq_database *database, struct statement *statement, size_t place,
                        SQLUSMALLINT field, char *out, size_t size)
{
    SQLWCHAR units[YQ_DATABASE_NAME_SIZE];
    SQLCHAR bytes[YQ_DATABASE_NAME_SIZE];
    SQLSMALLINT length = 0;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    SQLUSMALLINT column = (SQLUSMALLINT)(place + 1);
    memset(units, 0, sizeof units);
    memset(bytes, 0, sizeof bytes);
    if (wide(database)) {
        SQLColAttributeW(statement->handle, column, field, units, sizeof units - sizeof *units,
                         &length, NULL);
        size_t count = 0;
        while (count < YQ_DATABASE_NAME_SIZE - 1 && units[count])
            count++;
        wide_get(units, count * sizeof *units, &text);
    } else {
        SQLColAttribute(statement->handle, column, field, bytes, sizeof bytes - 1, &length, NULL);
        database->how.decode(database->how.context, bytes, strnlen((char *)bytes, sizeof bytes - 1),
                             &text);
    }
    (void)!yq_copy(out, size, yq_buf_text(&text));
}

static bool describe(struct yq_database *database, struct statement *statement, struct yq_err *err)
{
    SQLSMALLINT count = 0, nullable;
    if (!SQL_SUCCEEDED(SQLNumResultCols(statement->handle, &count)))
        return statement_fail(database, statement, err);
    if (count <= 0 || count > YQ_DATABASE_COLUMNS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s: %d columns, and 1 to %d are taken", querying,
                       count, YQ_DATABASE_COLUMNS_MOST);
    free(statement->columns);
    statement->columns = calloc((size_t)count, sizeof *statement->columns);
    statement->column_count = statement->columns ? (size_t)count : 0;
    if (!statement->columns)
        return yq_fail(err, YQ_FULL, ROOM, "%s: no memory", querying);
    for (size_t i = 0; i < statement->column_count; i++) {
        struct yq_database_column *column = &statement->columns[i];
        SQLCHAR name[YQ_DATABASE_NAME_SIZE];
        SQLSMALLINT length, type, digits;
        SQLULEN size;
        if (!SQL_SUCCEEDED(SQLDescribeCol(statement->handle, (SQLUSMALLINT)(i + 1), name,
                                          sizeof name, &length, &type, &size, &digits, &nullable)))
            return statement_fail(database, statement, err);
        column->sql_type = type;
        column->type = type_of(type);
        column->size = size;
        column->digits = digits;
        column_name(database, statement, i, SQL_DESC_NAME, column->name, sizeof column->name);
        column_name(database, statement, i, SQL_DESC_TYPE_NAME, column->type_name,
                    sizeof column->type_name);
    }
    return true;
}

static bool prepare(struct yq_database *database, struct statement *statement, const char *sql,
                    struct yq_err *err)
{
    struct yq_buf coded yq_cleanup(yq_buf_fini) = {0};
    SQLRETURN got;
    free(statement->sql);
    statement->sql = NULL;
    SQLFreeStmt(statement->handle, SQL_CLOSE);
    if (wide(database)) {
        wide_put(sql, &coded);
        if (coded.failed)
            return yq_fail(err, YQ_FULL, ROOM, "%s: no memory", querying);
        got = SQLPrepareW(statement->handle, (SQLWCHAR *)(void *)coded.bytes,
                          (SQLINTEGER)(coded.length / sizeof(SQLWCHAR)));
    } else {
        if (!database->how.encode(database->how.context, sql, &coded))
            return yq_fail(err, YQ_BAD_INPUT, ROOM,
                           "%s: a name cannot be written in the source's charset", querying);
        got = SQLPrepare(statement->handle, coded.bytes, (SQLINTEGER)coded.length);
    }
    if (!SQL_SUCCEEDED(got))
        return statement_fail(database, statement, err);
    statement->sql = strdup(sql);
    return statement->sql || yq_fail(err, YQ_FULL, ROOM, "%s: no memory", querying);
}

/* A parameter as it is bound; its bytes live until the query was sent. */
struct bound {
    struct yq_buf bytes;
    SQLLEN length;
};
struct bounds {
    struct bound of[YQ_DATABASE_PARAMETERS_MOST];
};
static void bounds_fini(struct bounds *bounds)
{
    for (size_t i = 0; i < YQ_DATABASE_PARAMETERS_MOST; i++)
        yq_buf_fini(&bounds->of[i].bytes);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool unhex(const char *text, struct yq_buf *out)
{
    for (; *text; text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        uint8_t byte = (uint8_t)(high << 4 | low);
        yq_buf_put(out, &byte, 1);
    }
    return true;
}

static bool bind(struct yq_database *database, struct statement *statement, size_t place,
                 const struct yq_database_parameter *parameter, struct bound *bound,
                 struct yq_err *err)
{
    const struct yq_database_column *column = parameter->column;
    SQLSMALLINT c_type = SQL_C_CHAR, sql_type = column->sql_type, digits = column->digits;
    SQLULEN size = column->size;
    bool ok = true, text = column->type == YQ_COLUMN_TEXT;
    if (column->type == YQ_COLUMN_BINARY) {
        c_type = SQL_C_BINARY;
        ok = unhex(parameter->value, &bound->bytes);
    } else if (!text || database->lite) { /* ASCII; SQLite compares what it has as text with text */
        yq_buf_puts(&bound->bytes, parameter->value);
        if (database->lite && !text && column->type != YQ_COLUMN_INTEGER &&
            column->type != YQ_COLUMN_NUMBER)
            sql_type = SQL_VARCHAR;
    }
    if (text) {
        yq_buf_clear(&bound->bytes);
        sql_type = wide(database) ? SQL_WVARCHAR : SQL_VARCHAR;
        c_type = wide(database) ? SQL_C_WCHAR : SQL_C_CHAR;
        if (wide(database))
            wide_put(parameter->value, &bound->bytes);
        else
            ok = database->how.encode(database->how.context, parameter->value, &bound->bytes);
        digits = 0;
    }
    if (!ok || bound->bytes.failed)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s: a value that is compared cannot be written",
                       querying);
    bound->length = (SQLLEN)bound->bytes.length;
    if (size < bound->bytes.length || text)
        size = bound->bytes.length ? bound->bytes.length : 1;
    static SQLCHAR nothing[4];
    return SQL_SUCCEEDED(SQLBindParameter(statement->handle, (SQLUSMALLINT)(place + 1),
                                          SQL_PARAM_INPUT, c_type, sql_type, size, digits,
                                          bound->bytes.bytes ? bound->bytes.bytes : nothing,
                                          bound->length, &bound->length)) ||
           statement_fail(database, statement, err);
}

/* Parameters point into what goes when the caller returns. */
static bool run(struct yq_database *database, struct statement *statement, struct yq_err *err)
{
    atomic_store(&database->running, statement->handle);
    SQLRETURN got = atomic_load(&database->interrupted) ? SQL_ERROR : SQLExecute(statement->handle);
    atomic_store(&database->running, NULL);
    statement->open = SQL_SUCCEEDED(got);
    bool ok = statement->open || got == SQL_NO_DATA || statement_fail(database, statement, err);
    SQLFreeStmt(statement->handle, SQL_RESET_PARAMS);
    return ok;
}

bool yq_database_select(struct yq_database *database, const char *sql,
                        const struct yq_database_parameter *parameters, size_t count,
                        size_t rows_most, struct yq_err *err)
{
    struct bounds bounds yq_cleanup(bounds_fini) = {0};
    bool fresh;
    if (count > YQ_DATABASE_PARAMETERS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s: more than %d values to compare with", querying,
                       YQ_DATABASE_PARAMETERS_MOST);
    yq_database_end(database);
    struct statement *statement = statement_for(database, sql, &fresh);
    database->current = statement;
    if (fresh && !prepare(database, statement, sql, err))
        return false;
    SQLULEN most = rows_most;
    SQLSetStmtAttr(statement->handle, SQL_ATTR_MAX_ROWS, (SQLPOINTER)most, SQL_IS_UINTEGER);
    for (size_t i = 0; i < count; i++)
        if (!bind(database, statement, i, &parameters[i], &bounds.of[i], err))
            return false;
    if (!run(database, statement, err))
        return false;
    if (!fresh || describe(database, statement, err))
        return true;
    yq_database_end(database);
    free(statement->sql); /* so that it is described when it comes again */
    statement->sql = NULL;
    return false;
}

size_t yq_database_columns(const struct yq_database *database,
                           const struct yq_database_column **columns)
{
    *columns = database->current ? database->current->columns : NULL;
    return database->current ? database->current->column_count : 0;
}

bool yq_database_next(struct yq_database *database, bool *row, struct yq_err *err)
{
    struct statement *statement = database->current;
    *row = false;
    if (!statement || !statement->open)
        return true;
    atomic_store(&database->running, statement->handle);
    SQLRETURN got = atomic_load(&database->interrupted) ? SQL_ERROR : SQLFetch(statement->handle);
    atomic_store(&database->running, NULL);
    *row = SQL_SUCCEEDED(got);
    if (*row)
        return true;
    if (got != SQL_NO_DATA)
        return statement_fail(database, statement, err);
    yq_database_end(database);
    return true;
}

static SQLSMALLINT fetched_as(const struct yq_database *database, enum yq_column_type type)
{
    switch (type) {
    case YQ_COLUMN_BINARY: return SQL_C_BINARY;
    case YQ_COLUMN_FLAG: return SQL_C_BIT;
    case YQ_COLUMN_TEXT: return wide(database) ? SQL_C_WCHAR : SQL_C_CHAR;
    default: return SQL_C_CHAR;
    }
}

/* The bytes of a value, as the driver has them. *whole false: there are more than `most`. */
static bool get_bytes(struct yq_database *database, size_t place, SQLSMALLINT type, size_t most,
                      struct yq_buf *out, bool *null, bool *whole, struct yq_err *err)
{
    struct statement *statement = database->current;
    size_t end = type == SQL_C_WCHAR ? sizeof(SQLWCHAR) : type == SQL_C_CHAR ? 1 : 0;
    SQLCHAR piece[PIECE];
    *null = false;
    *whole = true;
    for (bool more = true; more;) {
        SQLLEN length = 0;
        memset(piece, 0, 4);
        SQLRETURN got = SQLGetData(statement->handle, (SQLUSMALLINT)(place + 1), type, piece,
                                   sizeof piece, &length);
        if (got == SQL_NO_DATA)
            return true;
        if (!SQL_SUCCEEDED(got))
            return statement_fail(database, statement, err);
        if (length == SQL_NULL_DATA) {
            *null = true;
            return true;
        }
        more = length == SQL_NO_TOTAL || (size_t)length > sizeof piece - end;
        size_t part = more ? sizeof piece - end : (size_t)length;
        *whole = out->length + part <= most;
        if (!*whole)
            return true;
        yq_buf_put(out, piece, part);
    }
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "%s: no memory", querying);
}

bool yq_database_value(struct yq_database *database, size_t column, size_t most, struct yq_buf *out,
                       bool *null, struct yq_err *err)
{
    struct statement *statement = database->current;
    struct yq_buf raw yq_cleanup(yq_buf_fini) = {0};
    bool whole;
    if (!statement || !statement->open || column >= statement->column_count)
        return yq_fail(err, YQ_BUG, ROOM, "a value of no row is asked for");
    SQLSMALLINT type = fetched_as(database, statement->columns[column].type);
    size_t raw_most = type == SQL_C_WCHAR ? most * sizeof(SQLWCHAR) : most;
    if (!get_bytes(database, column, type, raw_most, &raw, null, &whole, err))
        return false;
    size_t before = out->length;
    if (!whole) {
        ;
    } else if (type == SQL_C_WCHAR) {
        wide_get(raw.bytes, raw.length, out);
    } else if (type == SQL_C_BIT) {
        if (!*null)
            yq_buf_puts(out, raw.length && (raw.bytes[0] == 1 || raw.bytes[0] == '1') ? "1" : "0");
    } else if (statement->columns[column].type == YQ_COLUMN_TEXT) {
        database->how.decode(database->how.context, raw.bytes, raw.length, out);
    } else if (raw.length) {
        bool dot = statement->columns[column].type == YQ_COLUMN_NUMBER;
        if (dot && raw.bytes[0] == '.') /* Oracle's way */
            yq_buf_puts(out, "0");
        yq_buf_put(out, raw.bytes, raw.length);
    }
    if (out->failed)
        return yq_fail(err, YQ_FULL, ROOM, "%s: no memory", querying);
    if (whole && out->length - before <= most)
        return true;
    out->length = before;
    if (out->bytes)
        out->bytes[before] = '\0';
    return yq_fail(err, YQ_FULL, ROOM, "the value of column %.60s is longer than %zu bytes",
                   statement->columns[column].name, most);
}

void yq_database_end(struct yq_database *database)
{
    struct statement *statement = database->current;
    if (statement && statement->open)
        SQLFreeStmt(statement->handle, SQL_CLOSE);
    if (statement)
        statement->open = false;
}
