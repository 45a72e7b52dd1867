/* inside.h: what the files of this room share; nobody else includes it, nor sql.h.
 *
 * A database has its own ODBC environment, so that no lock of the driver manager is shared with a
 * database that hangs, and two statements that live as long as it does: yq_database_interrupt may
 * cancel one at any time, so none is freed before. */
#ifndef YQ_PEER_INSIDE_H
#define YQ_PEER_INSIDE_H

#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>
#include <stdatomic.h>

#include "yq/database.h"

#define ROOM "peer"

struct statement {
    SQLHSTMT handle;
    char *sql; /* owned; what is prepared in it */
    struct yq_database_column *columns;
    size_t column_count;
    bool open; /* has rows to give */
};

struct yq_database {
    SQLHENV env;
    SQLHDBC dbc;
    struct yq_database_how how; /* its texts are not kept */
    struct yq_database_facts facts;
    char quote[8];
    bool fold_upper, fold_lower; /* what becomes of names that nobody quoted */
    bool connected, lite;
    struct statement statements[2];
    struct statement *current;
    _Atomic(SQLHSTMT) running; /* what yq_database_interrupt cancels */
    atomic_bool interrupted;
};

static inline bool wide(const struct yq_database *database) { return !database->how.encode; }

/* *err from what the driver says of a handle; returns false. `what` was being done. */
bool driver_fail(struct yq_database *database, SQLSMALLINT type, SQLHANDLE handle, const char *what,
                 struct yq_err *err);

/* UTF-8 -> UTF-16 of this machine's byte order, and back (pairs that are none become U+FFFD). */
void wide_put(const char *text, struct yq_buf *out);
void wide_get(const void *units, size_t bytes, struct yq_buf *out);

#endif
