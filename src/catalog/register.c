/* register.c: study.registered_ms beside study.changed_ms, and the partial index over those where
 * they differ: it holds what is still to be looked at, however large the archive is. */
#include <string.h>

#include "consignment.h"
#include "yq/clock.h"
#include "yq/register.h"

static bool list(struct connection *reader, int64_t quiet_ms, int64_t after_id,
                 struct yq_unregistered *out, size_t room, size_t *count, struct yq_err *err)
{
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader,
        "SELECT id, StudyInstanceUID, changed_ms, (SELECT source FROM series JOIN instance ON "
        "instance.series_id = series.id WHERE series.study_id = study.id ORDER BY instance.id "
        "LIMIT 1) FROM study INDEXED BY study_unregistered WHERE registered_ms < changed_ms AND "
        "changed_ms < ?1 AND id > ?2 AND n_instances > 0 ORDER BY id LIMIT ?3",
        err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, quiet_ms);
    sqlite3_bind_int64(get, 2, after_id);
    sqlite3_bind_int64(get, 3, (int64_t)room);
    for (bool row = true; *count < room;) {
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            break;
        struct yq_unregistered *one = &out[(*count)++];
        memset(one, 0, sizeof *one);
        one->id = sqlite3_column_int64(get, 0);
        yq_copy(one->study, sizeof one->study, column_text(get, 1));
        one->changed_ms = sqlite3_column_int64(get, 2);
        yq_copy(one->source, sizeof one->source, column_text(get, 3));
    }
    return true;
}

bool yq_register_next(struct yq_catalog *catalog, int64_t quiet_ms, int64_t after_id,
                      struct yq_unregistered *out, size_t room, size_t *count, struct yq_err *err)
{
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = list(reader, quiet_ms, after_id, out, room, count, err);
    reader_give(catalog, reader);
    return ok;
}

/* After a reindex, or in an archive that is looked at for the first time, every study is looked at:
 * what came long ago is no news for platforms. Those it was news for had it then. */
enum { NEWS_DAYS = 31 };

struct done {
    const struct yq_unregistered *list;
    size_t count;
};

static bool note(struct connection *writer, void *with, struct yq_err *err)
{
    const struct done *done = with;
    sqlite3_stmt *set yq_cleanup(statement_drop) =
        connection_prepare(writer, "UPDATE study SET registered_ms = ? WHERE id = ?", err);
    for (size_t i = 0; set && i < done->count; i++) {
        sqlite3_bind_int64(set, 1, done->list[i].changed_ms);
        sqlite3_bind_int64(set, 2, done->list[i].id);
        bool news = done->list[i].changed_ms > yq_now_ms() - NEWS_DAYS * (int64_t)86400000;
        if (!statement_run(writer, set, err) ||
            (news && !consignment_note(writer, 0, done->list[i].study, err)))
            return false;
    }
    return set;
}

bool yq_register_done(struct yq_catalog *catalog, const struct yq_unregistered *list, size_t count,
                      struct yq_err *err)
{
    struct done done = {list, count};
    return !count || commit_simple(catalog, note, &done, err);
}

struct instance {
    const char *uid;
    int64_t received_ms;
};

static bool find(struct connection *reader, const struct instance *one, bool *there,
                 struct yq_err *err)
{
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader, "SELECT 1 FROM registered WHERE instance = ? AND received_ms = ?", err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, one->uid, -1, SQLITE_STATIC);
    sqlite3_bind_int64(get, 2, one->received_ms);
    return statement_step(reader, get, there, err);
}

bool yq_register_has(struct yq_catalog *catalog, const char *sop_instance, int64_t received_ms,
                     bool *out, struct yq_err *err)
{
    const struct instance one = {sop_instance, received_ms};
    struct connection *reader = reader_take(catalog, err);
    *out = false;
    if (!reader)
        return false;
    bool ok = find(reader, &one, out, err);
    reader_give(catalog, reader);
    return ok;
}

static bool note_instance(struct connection *writer, void *with, struct yq_err *err)
{
    const struct instance *one = with;
    sqlite3_stmt *put yq_cleanup(statement_drop) = connection_prepare(
        writer, "INSERT OR REPLACE INTO registered(instance, received_ms) VALUES(?, ?)", err);
    if (!put)
        return false;
    sqlite3_bind_text(put, 1, one->uid, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, one->received_ms);
    return statement_run(writer, put, err);
}

bool yq_register_instance(struct yq_catalog *catalog, const char *sop_instance, int64_t received_ms,
                          struct yq_err *err)
{
    struct instance one = {sop_instance, received_ms};
    return commit_simple(catalog, note_instance, &one, err);
}
