/* tombstone.c: what was here and was deleted, so that a client learns that it is gone and need not
 * ask again (PS3.18 8.5, status 410). Written in the transaction that deletes; an instance that
 * comes again takes its own away. UIDs only, by series: some hundred bytes for each instance that
 * was deleted, until yq_catalog_forget. */
#include "inside.h"

#include "yq/clock.h"

enum { SERIES_AT_ONCE = 10 }; /* that are forgotten in one transaction */

bool tombstone_put(struct connection *writer, const struct yq_entry *entry, struct yq_err *err)
{
    bool row;
    if (entry->copy != 0) /* nobody could ask for it */
        return true;
    sqlite3_stmt *series = connection_statement(writer, ST_TOMBSTONE_SERIES, err);
    if (!series)
        return false;
    sqlite3_bind_text(series, 1, entry->key.study, -1, SQLITE_STATIC);
    sqlite3_bind_text(series, 2, entry->key.series, -1, SQLITE_STATIC);
    sqlite3_bind_int64(series, 3, yq_now_ms());
    if (!statement_step(writer, series, &row, err))
        return false;
    int64_t id = sqlite3_column_int64(series, 0);
    sqlite3_reset(series);
    sqlite3_stmt *put = connection_statement(writer, ST_TOMBSTONE_PUT, err);
    if (!put)
        return false;
    sqlite3_bind_text(put, 1, entry->key.instance, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, id);
    return statement_run(writer, put, err);
}

bool tombstone_take(struct connection *writer, const char *instance, struct yq_err *err)
{
    bool there;
    sqlite3_stmt *take = connection_statement(writer, ST_TOMBSTONE_TAKE, err);
    if (!take)
        return false;
    sqlite3_bind_text(take, 1, instance, -1, SQLITE_STATIC);
    if (!statement_step(writer, take, &there, err))
        return false;
    int64_t series = there ? sqlite3_column_int64(take, 0) : 0;
    sqlite3_reset(take);
    if (!there)
        return true;
    sqlite3_stmt *prune = connection_statement(writer, ST_TOMBSTONE_PRUNE, err);
    if (!prune)
        return false;
    sqlite3_bind_int64(prune, 1, series);
    return statement_run(writer, prune, err);
}

bool yq_catalog_deleted(struct yq_catalog *catalog, const struct yq_key *key, int64_t *deleted_ms,
                        struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    enum statement which = *key->instance ? ST_TOMBSTONE_OF_INSTANCE
                           : *key->series ? ST_TOMBSTONE_OF_SERIES
                                          : ST_TOMBSTONE_OF_STUDY;
    sqlite3_stmt *get = connection_statement(reader, which, err);
    if (get) {
        const char *parts[] = {key->study, key->series, key->instance};
        for (int i = 0; i < 3 && i < sqlite3_bind_parameter_count(get); i++)
            bind_text(get, i + 1, parts[i]);
    }
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row)
        *deleted_ms = sqlite3_column_int64(get, 0);
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "nothing like that was deleted"));
}

struct forgetting {
    int64_t before_ms;
    int instances, series;
};

static bool forget(struct connection *writer, void *with, struct yq_err *err)
{
    struct forgetting *forgetting = with;
    static const char *const texts[] = {
        "DELETE FROM tombstone WHERE series_id IN (SELECT id FROM tombstone_series WHERE "
        "deleted_ms < ?1 ORDER BY id LIMIT ?2)",
        "DELETE FROM tombstone_series WHERE id IN (SELECT id FROM tombstone_series WHERE "
        "deleted_ms < ?1 ORDER BY id LIMIT ?2)"};
    int *counts[] = {&forgetting->instances, &forgetting->series};
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *remove yq_cleanup(statement_drop) = connection_prepare(writer, texts[i], err);
        if (!remove)
            return false;
        sqlite3_bind_int64(remove, 1, forgetting->before_ms);
        sqlite3_bind_int(remove, 2, SERIES_AT_ONCE);
        if (!statement_run(writer, remove, err))
            return false;
        *counts[i] = sqlite3_changes(writer->db);
    }
    return true;
}

bool yq_catalog_forget(struct yq_catalog *catalog, int64_t before_ms, uint64_t *gone,
                       struct yq_err *err)
{
    struct forgetting forgetting = {.before_ms = before_ms};
    *gone = 0;
    do {
        if (!commit_simple(catalog, forget, &forgetting, err))
            return false;
        *gone += (uint64_t)forgetting.instances;
    } while (forgetting.series == SERIES_AT_ONCE);
    return true;
}
