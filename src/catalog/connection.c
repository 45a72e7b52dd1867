/* connection.c: one SQLite connection: its settings, its prepared statements, its errors in our
 * words.
 *
 * No memory mapping of the file: a file cut short under a mapping would kill the process. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"

static const char settings[] = "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA foreign_keys=ON;"
                               "PRAGMA mmap_size=0;"
                               "PRAGMA trusted_schema=OFF;"
                               "PRAGMA wal_autocheckpoint=2000;"
                               "PRAGMA journal_size_limit=67108864;";

static bool speaks_of_file(int code)
{
    switch (code) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL: return true;
    default: return false;
    }
}

static bool fail_code(int extended, int system, const char *doing, struct yq_err *err)
{
    char store[64];
    const char *reason = system ? strerror_r(system, store, sizeof store) : "";
    switch (extended & 0xff) {
    case SQLITE_FULL: return yq_fail(err, YQ_FULL, "catalog", "%s: the disk is full", doing);
    case SQLITE_NOMEM: return yq_fail(err, YQ_FULL, "catalog", "%s: no memory", doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return yq_fail(err, YQ_BUSY, "catalog", "%s: another process holds the catalog", doing);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return yq_fail(err, YQ_REFUSED, "catalog", "%s: it is read-only", doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return yq_fail(err, YQ_IO, "catalog",
                       "catalog is corrupt: stop the node and run yingqiao reindex");
    case SQLITE_TOOBIG:
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "%s: a value is too long", doing);
    default: break;
    }
    if (system == ENOSPC || system == EDQUOT || system == EFBIG)
        return yq_fail(err, YQ_FULL, "catalog", "%s: the disk is full", doing);
    if (system == EACCES || system == EPERM || system == EROFS)
        return yq_fail(err, YQ_REFUSED, "catalog", "%s: %s", doing, reason);
    /* Fixed texts only: SQLite's own message may cite the statement. */
    return yq_fail(err, YQ_IO, "catalog", "%s: %s (SQLite %d)%s%s", doing,
                   sqlite3_errstr(extended & 0xff), extended, *reason ? ": " : "", reason);
}

bool connection_fail(struct connection *connection, const char *doing, struct yq_err *err)
{
    int code = sqlite3_extended_errcode(connection->db);
    int system = sqlite3_system_errno(connection->db);
    if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN)
        system = 0; /* it is of an earlier error */
    bool corrupt = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
    bool first = !connection->trouble;
    fail_code(code, system, doing, err);
    if (corrupt)
        connection->trouble = SQLITE_CORRUPT;
    else if (first && (speaks_of_file(code & 0xff) || code == SQLITE_READONLY_DBMOVED))
        connection->trouble = SQLITE_IOERR;
    if (connection->trouble && (first || corrupt))
        connection->why = *err;
    return false;
}

/* SQLite would make it readable for everybody. Only a file that is not there yet is opened here:
 * closing one that SQLite has open would drop its locks. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd >= 0)
        close(fd);
}

struct connection *connection_open(const char *path, bool write, struct yq_err *err)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        yq_fail(err, YQ_FULL, "catalog", "no memory for a connection");
        return NULL;
    }
    if (write)
        make_private(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (write ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &connection->db, flags, NULL) != SQLITE_OK) {
        connection_fail(connection, "open the catalog", err);
        connection_close(connection, false);
        return NULL;
    }
    sqlite3_extended_result_codes(connection->db, 1);
    sqlite3_busy_timeout(connection->db, 5000);
    connection->read_only = sqlite3_db_readonly(connection->db, "main") == 1;
    bool ok = match_register(connection->db) &&
              sqlite3_exec(connection->db, settings, NULL, NULL, NULL) == SQLITE_OK &&
              (write ||
               sqlite3_exec(connection->db, "PRAGMA query_only=ON", NULL, NULL, NULL) == SQLITE_OK);
    if (!ok) {
        connection_fail(connection, "open the catalog", err);
        connection_close(connection, false);
        return NULL;
    }
    return connection;
}

void connection_close(struct connection *connection, bool gone)
{
    if (!connection)
        return;
    for (int i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(connection->statements[i]);
    for (int i = 0; i < RECALLED_MOST; i++)
        sqlite3_finalize(connection->recalled[i]);
    /* The last one out writes the WAL back and deletes it by its name, which by now may be that of
     * another catalog's. */
    if (gone && connection->db)
        sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(connection->db);
    free(connection);
}

sqlite3_stmt *connection_prepare(struct connection *connection, const char *sql, struct yq_err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    connection_fail(connection, "ask the catalog", err);
    return NULL;
}

sqlite3_stmt *connection_recall(struct connection *connection, const char *sql, struct yq_err *err)
{
    sqlite3_stmt **known = connection->recalled, *found = NULL;
    size_t place = 0;
    while (place < RECALLED_MOST - 1 && known[place] && strcmp(sqlite3_sql(known[place]), sql) != 0)
        place++;
    if (known[place] && strcmp(sqlite3_sql(known[place]), sql) == 0) {
        found = known[place];
        sqlite3_reset(found);
        sqlite3_clear_bindings(found);
    } else {
        found = connection_prepare(connection, sql, err);
        if (!found)
            return NULL;
        sqlite3_finalize(known[place]); /* there is no room for all */
    }
    memmove(known + 1, known, place * sizeof(sqlite3_stmt *));
    known[0] = found;
    return found;
}

sqlite3_stmt *connection_statement(struct connection *connection, enum statement which,
                                   struct yq_err *err)
{
    sqlite3_stmt **statement = &connection->statements[which];
    if (*statement) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
        return *statement;
    }
    struct yq_buf made yq_cleanup(yq_buf_fini) = {0};
    const char *sql = statement_sql(which, &made);
    if (made.failed) {
        yq_fail(err, YQ_FULL, "catalog", "no memory for a statement");
        return NULL;
    }
    if (sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
        SQLITE_OK) {
        connection_fail(connection, "ask the catalog", err);
        return NULL;
    }
    return *statement;
}

bool statement_step(struct connection *connection, sqlite3_stmt *statement, bool *row,
                    struct yq_err *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return true;
    connection_fail(connection, "use the catalog", err);
    sqlite3_reset(statement);
    return false;
}

bool statement_run(struct connection *connection, sqlite3_stmt *statement, struct yq_err *err)
{
    bool row;
    if (!statement || !statement_step(connection, statement, &row, err))
        return false;
    sqlite3_reset(statement);
    return true;
}

void statement_drop(sqlite3_stmt **statement) { sqlite3_finalize(*statement); }

void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    if (text && *text)
        sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, place);
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}
