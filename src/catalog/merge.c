/* merge.c: which patients were merged, and what was moved by it, so that it can be taken back. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/tie.h"

void yq_merge_fini(struct yq_merge *merge)
{
    free(merge->content);
    memset(merge, 0, sizeof *merge);
}

struct beginning {
    const struct yq_merge *merge;
    int64_t id;
};

static bool begin(struct connection *writer, void *with, struct yq_err *err)
{
    struct beginning *beginning = with;
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer, "INSERT INTO patient_merge(source, content, at_ms) VALUES(?, ?, ?)", err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, beginning->merge->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, beginning->merge->content, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, yq_now_ms());
    if (!statement_run(writer, add, err))
        return false;
    beginning->id = sqlite3_last_insert_rowid(writer->db);
    return true;
}

bool yq_catalog_merge_begin(struct yq_catalog *catalog, const struct yq_merge *merge, int64_t *id,
                            struct yq_err *err)
{
    struct beginning beginning = {.merge = merge};
    if (!commit_simple(catalog, begin, &beginning, err))
        return false;
    *id = beginning.id;
    return true;
}

struct moving {
    int64_t id;
    const struct yq_merged *moved;
    size_t count;
};

static bool note_moved(struct connection *writer, void *with, struct yq_err *err)
{
    const struct moving *moving = with;
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer, "INSERT OR IGNORE INTO patient_merge_item(merge, record, study) VALUES(?, ?, ?)",
        err);
    for (size_t i = 0; add && i < moving->count; i++) {
        sqlite3_bind_int64(add, 1, moving->id);
        sqlite3_bind_int64(add, 2, moving->moved[i].row);
        sqlite3_bind_text(add, 3, moving->moved[i].study, -1, SQLITE_STATIC);
        if (!statement_run(writer, add, err))
            return false;
    }
    return add != NULL;
}

bool yq_catalog_merge_moved(struct yq_catalog *catalog, int64_t id, const struct yq_merged *moved,
                            size_t count, struct yq_err *err)
{
    struct moving moving = {id, moved, count};
    return !count || commit_simple(catalog, note_moved, &moving, err);
}

static bool undone(struct connection *writer, void *with, struct yq_err *err)
{
    sqlite3_stmt *set yq_cleanup(statement_drop) =
        connection_prepare(writer, "UPDATE patient_merge SET undone_ms = ? WHERE id = ?", err);
    if (!set)
        return false;
    sqlite3_bind_int64(set, 1, yq_now_ms());
    sqlite3_bind_int64(set, 2, *(int64_t *)with);
    return statement_run(writer, set, err);
}

bool yq_catalog_merge_undone(struct yq_catalog *catalog, int64_t id, struct yq_err *err)
{
    return commit_simple(catalog, undone, &id, err);
}

static bool list_merges(struct connection *reader, int64_t id, struct yq_merge *out, size_t room,
                        size_t *count, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader,
        "SELECT id, at_ms, undone_ms, source, content FROM patient_merge WHERE (?1 = 0 OR "
        "id = ?1) ORDER BY id DESC LIMIT ?2",
        err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, id);
    sqlite3_bind_int64(get, 2, (int64_t)room);
    while (*count < room) {
        struct yq_merge *merge = &out[*count];
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            break;
        memset(merge, 0, sizeof *merge);
        merge->id = sqlite3_column_int64(get, 0);
        merge->at_ms = sqlite3_column_int64(get, 1);
        merge->undone_ms = sqlite3_column_int64(get, 2);
        yq_copy(merge->source, sizeof merge->source, column_text(get, 3));
        merge->content = strdup(column_text(get, 4));
        (*count)++;
        if (!merge->content)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a merge");
    }
    return true;
}

bool yq_catalog_merges(struct yq_catalog *catalog, int64_t id, struct yq_merge *out, size_t room,
                       size_t *count, struct yq_err *err)
{
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = list_merges(reader, id, out, room, count, err);
    reader_give(catalog, reader);
    while (!ok && *count)
        yq_merge_fini(&out[--*count]);
    return ok;
}

static bool list_items(struct connection *reader, int64_t id, struct yq_merged **out, size_t *count,
                       struct yq_err *err)
{
    size_t room = 0;
    bool row;
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader, "SELECT record, study FROM patient_merge_item WHERE merge = ?", err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, id);
    for (;;) {
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            return true;
        if (*count == room) {
            room = room ? 2 * room : 64;
            struct yq_merged *grown = realloc(*out, room * sizeof **out);
            if (!grown)
                return yq_fail(err, YQ_FULL, "catalog", "no memory for what was merged");
            *out = grown;
        }
        struct yq_merged *item = &(*out)[(*count)++];
        item->row = sqlite3_column_int64(get, 0);
        yq_copy(item->study, sizeof item->study, column_text(get, 1));
    }
}

bool yq_catalog_merge_items(struct yq_catalog *catalog, int64_t id, struct yq_merged **out,
                            size_t *count, struct yq_err *err)
{
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = list_items(reader, id, out, count, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}
