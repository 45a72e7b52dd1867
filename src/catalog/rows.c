/* rows.c: entries, and the counts that series and studies keep of what is in them. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"

void entry_read(sqlite3_stmt *row, struct yq_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    entry->id = sqlite3_column_int64(row, 0);
    yq_copy(entry->key.study, YQ_UID_SIZE, column_text(row, 1));
    yq_copy(entry->key.series, YQ_UID_SIZE, column_text(row, 2));
    yq_copy(entry->key.instance, YQ_UID_SIZE, column_text(row, 3));
    entry->object.size = (uint64_t)sqlite3_column_int64(row, 4);
    const void *digest = sqlite3_column_blob(row, 5);
    if (digest && sqlite3_column_bytes(row, 5) == (int)sizeof entry->object.digest)
        memcpy(entry->object.digest, digest, sizeof entry->object.digest);
    yq_copy(entry->sop_class, YQ_UID_SIZE, column_text(row, 6));
    yq_copy(entry->transfer_syntax, YQ_UID_SIZE, column_text(row, 7));
    entry->dataset_offset = (uint64_t)sqlite3_column_int64(row, 8);
    entry->copy = sqlite3_column_int(row, 9);
    entry->received_ms = sqlite3_column_int64(row, 10);
    yq_copy(entry->source, YQ_AET_SIZE, column_text(row, 11));
    entry->coerced = sqlite3_column_int(row, 12);
}

bool entries_push(struct entries *entries, const struct yq_entry *entry, struct yq_err *err)
{
    if (entries->count == entries->room) {
        size_t room = entries->room ? 2 * entries->room : 64;
        struct yq_entry *grown = realloc(entries->entry, room * sizeof *grown);
        if (!grown)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu instances", room);
        entries->entry = grown;
        entries->room = room;
    }
    entries->entry[entries->count++] = *entry;
    return true;
}

static bool list(struct connection *reader, const struct listing *listing, char **out,
                 size_t *count, struct yq_err *err)
{
    size_t room = 0;
    bool row = false;
    sqlite3_stmt *statement yq_cleanup(statement_drop) =
        connection_prepare(reader, listing->sql, err);
    if (!statement)
        return false;
    sqlite3_bind_int(statement, 1, listing->most);
    for (;;) {
        if (!statement_step(reader, statement, &row, err))
            return false;
        if (!row)
            return true;
        if (*count == room) {
            room = room ? 2 * room : 32;
            char *grown = realloc(*out, room * listing->size);
            if (!grown)
                return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu", room);
            *out = grown;
        }
        listing->read(statement, *out + *count * listing->size);
        ++*count;
    }
}

bool rows_list(struct yq_catalog *catalog, const struct listing *listing, void **out, size_t *count,
               struct yq_err *err)
{
    char *things = NULL;
    size_t found = 0;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = list(reader, listing, &things, &found, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(things);
        return false;
    }
    *out = things;
    *count = found;
    return true;
}

static bool run_with_id(struct connection *writer, enum statement which, int64_t id,
                        struct yq_err *err)
{
    sqlite3_stmt *statement = connection_statement(writer, which, err);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    if (which == ST_STUDY_COUNT)
        sqlite3_bind_int64(statement, 2, yq_now_ms());
    return statement_run(writer, statement, err);
}

bool series_refresh(struct connection *writer, int64_t series, struct yq_err *err)
{
    return run_with_id(writer, ST_SERIES_COUNT, series, err) &&
           run_with_id(writer, ST_SERIES_PRUNE, series, err);
}

bool study_refresh(struct connection *writer, int64_t study, struct yq_err *err)
{
    return run_with_id(writer, ST_STUDY_COUNT, study, err) && names_prune(writer, study, err) &&
           run_with_id(writer, ST_STUDY_PRUNE, study, err);
}

bool backslash_add(struct yq_buf *list, const char *value)
{
    size_t length = value ? strlen(value) : 0;
    if (!length)
        return true;
    for (const char *p = yq_buf_text(list); *p;) {
        size_t part = strcspn(p, "\\");
        if (part == length && memcmp(p, value, length) == 0)
            return true;
        p += part + (p[part] == '\\');
    }
    if (list->length)
        yq_buf_puts(list, "\\");
    yq_buf_puts(list, value);
    return !list->failed;
}
