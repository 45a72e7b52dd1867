/* database.h: other people's databases, read over ODBC (src/peer/, unixODBC).
 *
 * Only SELECT is ever sent, in sessions that are asked to be read-only; values are always
 * parameters, and identifiers are quoted as the driver says. A database belongs to one thread; only
 * yq_database_interrupt may be called from another. Drivers may block for longer than the time-outs
 * say: callers keep nothing locked meanwhile.
 *
 * Errors: YQ_PEER_GONE (cannot be reached, or the connection broke), YQ_REFUSED (login, rights),
 * YQ_TIMEOUT, YQ_ABSENT (no such table or column, no such driver), YQ_BAD_INPUT, YQ_FULL, YQ_BUSY
 * (locked, or interrupted), YQ_IO (anything else). Texts have the SQLSTATE, and the driver's own
 * words only where these cannot hold anybody's data. */
#ifndef YQ_DATABASE_H
#define YQ_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

#define YQ_DATABASE_NAME_SIZE 256      /* of an identifier, UTF-8 */
#define YQ_DATABASE_COLUMNS_MOST 1000  /* of a table; more is refused */
#define YQ_DATABASE_PARAMETERS_MOST 64 /* of a query */

struct yq_database;

struct yq_database_how {
    const char *connection; /* ODBC connection string without a password */
    const char *password;   /* NULL or "": none */
    /* For a driver that is spoken to in bytes of some charset: from our UTF-8 and to it, appended.
     * NULL: wide characters are used. */
    bool (*encode)(void *context, const char *text, struct yq_buf *out);
    void (*decode)(void *context, const void *bytes, size_t length, struct yq_buf *out);
    void *context;
    unsigned login_seconds, query_seconds; /* 0: the driver's own */
};
yq_must_check bool yq_database_open(const struct yq_database_how *how, struct yq_database **out,
                                    struct yq_err *err);
void yq_database_close(struct yq_database *database); /* NULL is let pass */
/* From any thread while the database is open: what runs ends with YQ_BUSY, as soon as the driver
 * can. May itself block in the driver. */
void yq_database_interrupt(struct yq_database *database);

struct yq_database_facts {
    char driver[128], driver_version[64]; /* "psqlodbcw.so" */
    char server[128], server_version[64]; /* "PostgreSQL" */
};
const struct yq_database_facts *yq_database_facts(const struct yq_database *database);

enum yq_column_type {
    YQ_COLUMN_TEXT,
    YQ_COLUMN_INTEGER,
    YQ_COLUMN_NUMBER, /* exact or not: its text is what the driver says, nothing is rounded here */
    YQ_COLUMN_DATE,
    YQ_COLUMN_TIME,
    YQ_COLUMN_TIMESTAMP,
    YQ_COLUMN_FLAG, /* "0" or "1" */
    YQ_COLUMN_BINARY
};
struct yq_database_column {
    char name[YQ_DATABASE_NAME_SIZE];
    char type_name[64]; /* as the server calls it */
    enum yq_column_type type;
    short sql_type; /* as the driver says: for parameters that are compared with it */
    size_t size;
    short digits;
};

/* Appends a table name from the configuration, whose parts are separated by dots, quoted.
 * `fold`: its letters as the server writes names that nobody quoted. YQ_BAD_INPUT: cannot be a name
 * here. */
yq_must_check bool yq_database_quote_table(const struct yq_database *database, const char *table,
                                           bool fold, struct yq_buf *out, struct yq_err *err);
/* Appends one identifier, quoted. */
yq_must_check bool yq_database_quote(const struct yq_database *database, const char *name,
                                     struct yq_buf *out, struct yq_err *err);
/* Makes a SELECT give at most `rows` rows, in the words of this server, where we know them; the
 * session refuses more of them in any case. `select` begins with "SELECT ". Appended. */
void yq_database_limit(const struct yq_database *database, const char *select, size_t rows,
                       struct yq_buf *out);

/* ---- a query ---- */

struct yq_database_parameter {
    const char *value;                       /* text; hex digits for YQ_COLUMN_BINARY */
    const struct yq_database_column *column; /* it is compared with: gives the type */
};
/* Sends it; one at a time, the one before ends. `rows_most` 0: all. The same text again is not
 * prepared again. */
yq_must_check bool yq_database_select(struct yq_database *database, const char *sql,
                                      const struct yq_database_parameter *parameters, size_t count,
                                      size_t rows_most, struct yq_err *err);
/* What its rows consist of; valid until the next query. */
size_t yq_database_columns(const struct yq_database *database,
                           const struct yq_database_column **columns);
/* The next row. *row false: there are no more, and the query has ended. */
yq_must_check bool yq_database_next(struct yq_database *database, bool *row, struct yq_err *err);
/* Appends the value of a column of this row; each column once, from left to right. Binary is
 * itself, all else is text in UTF-8. *null: there is none. YQ_FULL: longer than `most` bytes,
 * nothing is appended and the next column may be asked for. */
yq_must_check bool yq_database_value(struct yq_database *database, size_t column, size_t most,
                                     struct yq_buf *out, bool *null, struct yq_err *err);
void yq_database_end(struct yq_database *database); /* ends the query, whatever is left of it */

#endif
