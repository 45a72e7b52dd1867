/* attachment.c: rows of attachments, and of the versions of records that name them. A use is
 * written in the transaction of its version (ledger.c), so what is named is never forgotten. */
#include <string.h>

#include "inside.h"
#include "yq/attached.h"

#define COLUMNS "name, size, pages, kept_ms"

static bool put(struct connection *writer, void *with, struct yq_err *err)
{
    const struct yq_attachment *one = with;
    sqlite3_stmt *add yq_cleanup(statement_drop) =
        connection_prepare(writer,
                           "INSERT INTO attachment(" COLUMNS ") VALUES(?, ?, ?, ?) ON "
                           "CONFLICT(name) DO UPDATE SET kept_ms = excluded.kept_ms",
                           err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, one->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 2, (int64_t)one->size);
    sqlite3_bind_int64(add, 3, one->pages);
    sqlite3_bind_int64(add, 4, one->kept_ms);
    return statement_run(writer, add, err);
}

bool yq_attached_put(struct yq_catalog *catalog, const struct yq_attachment *attachment,
                     struct yq_err *err)
{
    struct yq_attachment one = *attachment;
    return commit_simple(catalog, put, &one, err);
}

/* Rows of a statement with a text and a limit, read one by one. */
struct asking {
    const char *sql, *text;
    size_t most;
    void (*read)(sqlite3_stmt *row, void *out, size_t number);
    void *out;
    size_t count;
};

static bool ask(struct connection *reader, struct asking *asking, struct yq_err *err)
{
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(reader, asking->sql, err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, asking->text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(get, 2, (int64_t)asking->most);
    for (bool row = true; asking->count < asking->most;) {
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            break;
        asking->read(get, asking->out, asking->count++);
    }
    return true;
}

static bool answer(struct yq_catalog *catalog, struct asking *asking, struct yq_err *err)
{
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = ask(reader, asking, err);
    reader_give(catalog, reader);
    return ok;
}

static void read_one(sqlite3_stmt *row, void *out, size_t number)
{
    struct yq_attachment *one = (struct yq_attachment *)out + number;
    memset(one, 0, sizeof *one);
    yq_copy(one->name, sizeof one->name, column_text(row, 0));
    one->size = (uint64_t)sqlite3_column_int64(row, 1);
    one->pages = (unsigned)sqlite3_column_int64(row, 2);
    one->kept_ms = sqlite3_column_int64(row, 3);
}

bool yq_attached_get(struct yq_catalog *catalog, const char *name, struct yq_attachment *out,
                     struct yq_err *err)
{
    struct asking asking = {.sql = "SELECT " COLUMNS " FROM attachment WHERE name = ? LIMIT ?",
                            .text = name,
                            .most = 1,
                            .read = read_one,
                            .out = out};
    return answer(catalog, &asking, err) &&
           (asking.count ||
            yq_fail(err, YQ_ABSENT, "catalog", "there is no attachment of this name"));
}

bool yq_attached_after(struct yq_catalog *catalog, const char *after, struct yq_attachment *out,
                       size_t room, size_t *count, struct yq_err *err)
{
    struct asking asking = {.sql = "SELECT " COLUMNS
                                   " FROM attachment WHERE name > ? ORDER BY name LIMIT ?",
                            .text = after,
                            .most = room,
                            .read = read_one,
                            .out = out};
    bool ok = answer(catalog, &asking, err);
    *count = ok ? asking.count : 0;
    return ok;
}

static void read_use(sqlite3_stmt *row, void *out, size_t number)
{
    struct yq_attached_use *use = (struct yq_attached_use *)out + number;
    memset(use, 0, sizeof *use);
    use->kind = (enum yq_kind)sqlite3_column_int(row, 0);
    yq_copy(use->id, sizeof use->id, column_text(row, 1));
    use->version = sqlite3_column_int64(row, 2);
}

bool yq_attached_uses(struct yq_catalog *catalog, const char *name, struct yq_attached_use *out,
                      size_t room, size_t *count, struct yq_err *err)
{
    struct asking asking = {
        .sql = "SELECT r.kind, r.name, u.version FROM attachment_use AS u JOIN record AS r ON r.id "
               "= u.record WHERE u.name = ? ORDER BY u.version DESC, u.record LIMIT ?",
        .text = name,
        .most = room,
        .read = read_use,
        .out = out};
    bool ok = answer(catalog, &asking, err);
    *count = ok ? asking.count : 0;
    return ok;
}

bool attachment_use(struct connection *writer, const char *name, int64_t record, int64_t version,
                    struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_ATTACHMENT_USE, err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 2, record);
    sqlite3_bind_int64(add, 3, version);
    return statement_run(writer, add, err);
}

struct forgetting {
    int64_t before_ms;
    char (*names)[65];
    size_t room, count;
};

static bool forget(struct connection *writer, void *with, struct yq_err *err)
{
    struct forgetting *forgetting = with;
    sqlite3_stmt *take yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "DELETE FROM attachment WHERE name IN (SELECT name FROM attachment AS a WHERE kept_ms < ?1 "
        "AND NOT EXISTS (SELECT 1 FROM attachment_use AS u WHERE u.name = a.name) LIMIT ?2) "
        "RETURNING name",
        err);
    forgetting->count = 0;
    if (!take)
        return false;
    sqlite3_bind_int64(take, 1, forgetting->before_ms);
    sqlite3_bind_int64(take, 2, (int64_t)forgetting->room);
    for (;;) {
        bool row;
        if (!statement_step(writer, take, &row, err))
            return false;
        if (!row || forgetting->count == forgetting->room)
            return true;
        yq_copy(forgetting->names[forgetting->count++], sizeof *forgetting->names,
                column_text(take, 0));
    }
}

bool yq_attached_forget(struct yq_catalog *catalog, int64_t before_ms, char (*names)[65],
                        size_t room, size_t *count, struct yq_err *err)
{
    struct forgetting forgetting = {.before_ms = before_ms, .names = names, .room = room};
    bool ok = commit_simple(catalog, forget, &forgetting, err);
    *count = ok ? forgetting.count : 0;
    return ok;
}

static void read_totals(sqlite3_stmt *row, void *out, size_t number)
{
    struct yq_attached_totals *totals = out;
    (void)number;
    totals->count = (uint64_t)sqlite3_column_int64(row, 0);
    totals->bytes = (uint64_t)sqlite3_column_int64(row, 1);
}

bool yq_attached_totals(struct yq_catalog *catalog, struct yq_attached_totals *out,
                        struct yq_err *err)
{
    struct asking asking = {
        .sql = "SELECT count(*), coalesce(sum(size), 0) FROM attachment WHERE name >= ? LIMIT ?",
        .text = "",
        .most = 1,
        .read = read_totals,
        .out = out};
    return answer(catalog, &asking, err);
}
