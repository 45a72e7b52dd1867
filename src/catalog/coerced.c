/* coerced.c: what was coerced when an instance came in: one text per instance, written once, so
 * that it does not depend on the rules of today. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static bool read_coerced(struct connection *reader, int64_t id, bool *there,
                         struct yq_coercions *out, struct yq_err *err)
{
    bool row = false;
    struct yq_err why;
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(reader, "SELECT coerced FROM instance WHERE id = ?", err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, id);
    if (!statement_step(reader, get, &row, err))
        return false;
    *there = row && sqlite3_column_type(get, 0) != SQLITE_NULL;
    if (!*there || yq_coercions_read(column_text(get, 0), out, &why))
        return true;
    return yq_fail(err, why.code == YQ_FULL ? YQ_FULL : YQ_IO, "catalog", "%s", why.text);
}

bool yq_catalog_coerced(struct yq_catalog *catalog, int64_t id, struct yq_coercions *out,
                        struct yq_err *err)
{
    bool there = false;
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_coerced(reader, id, &there, out, err);
    reader_give(catalog, reader);
    return ok &&
           (there || yq_fail(err, YQ_ABSENT, "catalog", "nothing was coerced in this instance"));
}

static bool list(struct connection *reader, size_t most, struct entries *found, struct yq_err *err)
{
    bool row = false;
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader,
        "SELECT " ENTRY_COLUMNS " FROM " ENTRY_FROM " WHERE instance.coerced IS NOT NULL AND "
        "instance.copy = 0 ORDER BY instance.id DESC LIMIT ?",
        err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, most > INT32_MAX ? INT32_MAX : (int64_t)most);
    for (;;) {
        struct yq_entry entry;
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            return true;
        entry_read(get, &entry);
        if (!entries_push(found, &entry, err))
            return false;
    }
}

bool yq_catalog_coerced_list(struct yq_catalog *catalog, size_t most, struct yq_entry **out,
                             size_t *count, struct yq_err *err)
{
    struct entries found = {0};
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = list(reader, most, &found, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(found.entry);
        return false;
    }
    *out = found.entry;
    *count = found.count;
    return true;
}
