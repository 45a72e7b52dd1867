/* database.c: a connection to somebody's database: opened, known, closed. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static const char connecting[] = "connect to the database";

/* "...;PWD={...}": in braces, as a password may hold anything. */
static void put_password(const char *password, struct yq_buf *out)
{
    if (!password || !*password)
        return;
    bool brace = strpbrk(password, ";{}[]()?*=!@, \t'\"") != NULL;
    yq_buf_puts(out, brace ? ";PWD={" : ";PWD=");
    for (const char *p = password; *p; p++) {
        yq_buf_put(out, p, 1);
        if (brace && *p == '}')
            yq_buf_puts(out, "}");
    }
    if (brace)
        yq_buf_puts(out, "}");
}

static void forget(struct yq_buf *buf)
{
    if (buf->bytes)
        explicit_bzero(buf->bytes, buf->capacity);
    yq_buf_fini(buf);
}

static bool log_in(struct yq_database *database, struct yq_err *err)
{
    const struct yq_database_how *how = &database->how;
    struct yq_buf text yq_cleanup(forget) = {0}, coded yq_cleanup(forget) = {0};
    SQLSMALLINT length;
    SQLRETURN got;
    yq_buf_puts(&text, how->connection);
    while (text.length && text.bytes[text.length - 1] == ';')
        text.bytes[--text.length] = '\0';
    put_password(how->password, &text);
    if (text.failed)
        return yq_fail(err, YQ_FULL, ROOM, "%s: no memory", connecting);
    if (wide(database)) {
        wide_put(yq_buf_text(&text), &coded);
        if (coded.failed || coded.length > 8192)
            return yq_fail(err, YQ_FULL, ROOM, "%s: no memory", connecting);
        got = SQLDriverConnectW(database->dbc, NULL, (SQLWCHAR *)(void *)coded.bytes,
                                (SQLSMALLINT)(coded.length / sizeof(SQLWCHAR)), NULL, 0, &length,
                                SQL_DRIVER_NOPROMPT);
    } else {
        if (!how->encode(how->context, yq_buf_text(&text), &coded) || coded.length > 8192)
            return yq_fail(err, YQ_BAD_INPUT, ROOM,
                           "%s: the connection string cannot be written in the source's charset",
                           connecting);
        got = SQLDriverConnect(database->dbc, NULL, coded.bytes, (SQLSMALLINT)coded.length, NULL, 0,
                               &length, SQL_DRIVER_NOPROMPT);
    }
    database->connected = SQL_SUCCEEDED(got);
    return database->connected ||
           driver_fail(database, SQL_HANDLE_DBC, database->dbc, connecting, err);
}

static void info(struct yq_database *database, SQLUSMALLINT what, char *out, size_t size)
{
    char text[512] = "";
    SQLSMALLINT length = 0;
    if (!SQL_SUCCEEDED(SQLGetInfo(database->dbc, what, text, sizeof text, &length)))
        text[0] = '\0';
    text[sizeof text - 1] = '\0';
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = '?';
    (void)!yq_copy(out, size, text);
}

static void learn(struct yq_database *database)
{
    struct yq_database_facts *facts = &database->facts;
    SQLUSMALLINT letters = 0;
    info(database, SQL_DRIVER_NAME, facts->driver, sizeof facts->driver);
    info(database, SQL_DRIVER_VER, facts->driver_version, sizeof facts->driver_version);
    info(database, SQL_DBMS_NAME, facts->server, sizeof facts->server);
    info(database, SQL_DBMS_VER, facts->server_version, sizeof facts->server_version);
    info(database, SQL_IDENTIFIER_QUOTE_CHAR, database->quote, sizeof database->quote);
    if (strcmp(database->quote, " ") == 0)
        database->quote[0] = '\0'; /* has none */
    if (SQL_SUCCEEDED(
            SQLGetInfo(database->dbc, SQL_IDENTIFIER_CASE, &letters, sizeof letters, NULL))) {
        database->fold_upper = letters == SQL_IC_UPPER;
        database->fold_lower = letters == SQL_IC_LOWER;
    }
    database->lite = strncasecmp(facts->server, "SQLite", 6) == 0;
}

static bool make_statements(struct yq_database *database, struct yq_err *err)
{
    for (int i = 0; i < 2; i++) {
        SQLHSTMT *handle = &database->statements[i].handle;
        if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, database->dbc, handle)))
            return driver_fail(database, SQL_HANDLE_DBC, database->dbc, "begin a query", err);
        SQLULEN seconds = database->how.query_seconds; /* where the driver knows it */
        SQLSetStmtAttr(*handle, SQL_ATTR_QUERY_TIMEOUT, (SQLPOINTER)seconds, SQL_IS_UINTEGER);
    }
    return true;
}

/* The driver manager notes where its files are when it first wants them, in static buffers without
 * a lock: it does so here, once, before two threads can. */
static void acquaint(void)
{
    SQLHENV env = SQL_NULL_HENV;
    SQLCHAR name[256], more[1024];
    SQLSMALLINT got = 0, got_more = 0;
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &env)))
        return;
    SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    SQLDrivers(env, SQL_FETCH_FIRST, name, sizeof name, &got, more, sizeof more, &got_more);
    SQLDataSources(env, SQL_FETCH_FIRST, name, sizeof name, &got, more, sizeof more, &got_more);
    SQLFreeHandle(SQL_HANDLE_ENV, env);
}

static bool open_in(struct yq_database *database, struct yq_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct yq_database_how *how = &database->how;
    pthread_once(&once, acquaint);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &database->env)) ||
        !SQL_SUCCEEDED(
            SQLSetEnvAttr(database->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0)) ||
        !SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, database->env, &database->dbc)))
        return yq_fail(err, YQ_FULL, ROOM, "%s: the driver manager has no memory", connecting);
    SQLULEN login = how->login_seconds, query = how->query_seconds;
    if (login)
        SQLSetConnectAttr(database->dbc, SQL_ATTR_LOGIN_TIMEOUT, (SQLPOINTER)login,
                          SQL_IS_UINTEGER);
    SQLSetConnectAttr(database->dbc, SQL_ATTR_ACCESS_MODE, (SQLPOINTER)(SQLULEN)SQL_MODE_READ_ONLY,
                      SQL_IS_UINTEGER);
    if (!log_in(database, err))
        return false;
    if (query)
        SQLSetConnectAttr(database->dbc, SQL_ATTR_CONNECTION_TIMEOUT, (SQLPOINTER)(query + login),
                          SQL_IS_UINTEGER);
    learn(database);
    return make_statements(database, err);
}

static struct yq_database *open_one(const struct yq_database_how *how, struct yq_err *err)
{
    struct yq_database *database = calloc(1, sizeof *database);
    if (!database) {
        (void)!yq_fail(err, YQ_FULL, ROOM, "%s: no memory", connecting);
        return NULL;
    }
    database->how = *how;
    if (open_in(database, err))
        return database;
    yq_database_close(database);
    return NULL;
}

static bool same(void *context, const char *text, struct yq_buf *out)
{
    (void)context;
    yq_buf_puts(out, text);
    return !out->failed;
}

static void same_back(void *context, const void *bytes, size_t length, struct yq_buf *out)
{
    (void)context;
    yq_buf_put(out, bytes, length);
}

bool yq_database_open(const struct yq_database_how *how, struct yq_database **out,
                      struct yq_err *err)
{
    struct yq_database *database = open_one(how, err);
    if (database && wide(database) && database->lite) {
        /* its driver knows bytes only, and the driver manager reads them as Latin */
        struct yq_database_how bytes = *how;
        bytes.encode = same;
        bytes.decode = same_back;
        yq_database_close(database);
        database = open_one(&bytes, err);
    }
    *out = database;
    if (database)
        database->how.connection = database->how.password = NULL;
    return database != NULL;
}

void yq_database_close(struct yq_database *database)
{
    if (!database)
        return;
    for (int i = 0; i < 2; i++) {
        struct statement *statement = &database->statements[i];
        if (statement->handle)
            SQLFreeHandle(SQL_HANDLE_STMT, statement->handle);
        free(statement->sql);
        free(statement->columns);
    }
    if (database->connected)
        SQLDisconnect(database->dbc);
    if (database->dbc)
        SQLFreeHandle(SQL_HANDLE_DBC, database->dbc);
    if (database->env)
        SQLFreeHandle(SQL_HANDLE_ENV, database->env);
    free(database);
}

void yq_database_interrupt(struct yq_database *database)
{
    atomic_store(&database->interrupted, true);
    SQLHSTMT running = atomic_load(&database->running);
    if (running)
        SQLCancel(running);
}

const struct yq_database_facts *yq_database_facts(const struct yq_database *database)
{
    return &database->facts;
}
