/* keep.c: single rows in and out: getting, removing, totals, storage commitments. */
#include <stdlib.h>
#include <string.h>

#include "consignment.h"
#include "outbox.h"
#include "yq/clock.h"

bool yq_catalog_get(struct yq_catalog *catalog, const char *sop_instance, struct yq_entry *out,
                    struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, ST_ENTRY_SERVED, err);
    if (get)
        sqlite3_bind_text(get, 1, sop_instance, -1, SQLITE_STATIC);
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row)
        entry_read(get, out);
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "there is no such instance"));
}

bool yq_catalog_glance(struct yq_catalog *catalog, const char *sop_instance, struct yq_glance *out,
                       struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, ST_GLANCE, err);
    if (get)
        sqlite3_bind_text(get, 1, sop_instance, -1, SQLITE_STATIC);
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row) {
        int64_t frames = sqlite3_column_int64(get, ENTRY_WIDTH + 1);
        entry_read(get, &out->entry);
        out->image = *column_text(get, ENTRY_WIDTH);
        out->frames = frames < 1 ? 1 : frames > INT32_MAX ? INT32_MAX : (unsigned)frames;
        copy_characters(out->patient_id, sizeof out->patient_id, column_text(get, ENTRY_WIDTH + 2));
        copy_characters(out->patient_name, sizeof out->patient_name,
                        column_text(get, ENTRY_WIDTH + 3));
        copy_characters(out->accession, sizeof out->accession, column_text(get, ENTRY_WIDTH + 4));
    }
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "there is no such instance"));
}

static bool entries_after(struct yq_catalog *catalog, enum statement which, int64_t after_id,
                          struct yq_entry *entries, size_t room, size_t *count, struct yq_err *err)
{
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, which, err);
    bool ok = get, row = true;
    if (ok) {
        sqlite3_bind_int64(get, 1, after_id);
        sqlite3_bind_int64(get, 2, room > 1000000 ? 1000000 : (int64_t)room);
    }
    while (ok && row && *count < room) {
        ok = statement_step(reader, get, &row, err);
        if (ok && row)
            entry_read(get, &entries[(*count)++]);
    }
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok;
}

bool yq_catalog_entries(struct yq_catalog *catalog, int64_t after_id, struct yq_entry *entries,
                        size_t room, size_t *count, struct yq_err *err)
{
    return entries_after(catalog, ST_ENTRIES_AFTER, after_id, entries, room, count, err);
}

bool yq_catalog_unsettled(struct yq_catalog *catalog, int64_t after_id, struct yq_entry *entries,
                          size_t room, size_t *count, struct yq_err *err)
{
    return entries_after(catalog, ST_MARKED_AFTER, after_id, entries, room, count, err);
}

/* ---- removing ---- */

struct removing {
    const struct yq_key *key;
    struct entries gone;
    int64_t *owners; /* series and study of each: 2 * gone.count */
    size_t owner_room;
};

/* Rows in the scope of the key, and the copies of what is removed wherever they are. */
static sqlite3_stmt *prepare_scope(struct connection *writer, const struct yq_key *key,
                                   struct yq_err *err)
{
    struct yq_buf scope yq_cleanup(yq_buf_fini) = {0}, sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&scope, "FROM " ENTRY_FROM " WHERE 1");
    if (*key->study)
        yq_buf_puts(&scope, " AND study.StudyInstanceUID = ?1");
    if (*key->series)
        yq_buf_puts(&scope, " AND series.SeriesInstanceUID = ?2");
    if (*key->instance)
        yq_buf_puts(&scope, " AND instance.SOPInstanceUID = ?3");
    yq_buf_putf(&sql,
                "SELECT " ENTRY_COLUMNS ", series.id, study.id FROM " ENTRY_FROM
                " WHERE instance.id IN (SELECT instance.id %s UNION SELECT i.id FROM instance AS i "
                "WHERE i.copy > 0 AND i.SOPInstanceUID IN (SELECT instance.SOPInstanceUID %s AND "
                "instance.copy = 0)) ORDER BY instance.id",
                yq_buf_text(&scope), yq_buf_text(&scope));
    sqlite3_stmt *statement = connection_prepare(writer, yq_buf_text(&sql), err);
    if (!statement)
        return NULL;
    const char *parts[] = {key->study, key->series, key->instance};
    for (int i = 0; i < 3; i++) {
        if (*parts[i])
            sqlite3_bind_text(statement, i + 1, parts[i], -1, SQLITE_STATIC);
    }
    return statement;
}

static bool collect(struct connection *writer, struct removing *removing, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *scope yq_cleanup(statement_drop) = prepare_scope(writer, removing->key, err);
    if (!scope)
        return false;
    for (;;) {
        struct yq_entry entry;
        if (!statement_step(writer, scope, &row, err))
            return false;
        if (!row)
            return true;
        entry_read(scope, &entry);
        if (!entries_push(&removing->gone, &entry, err))
            return false;
        size_t need = 2 * removing->gone.room;
        if (need > removing->owner_room) {
            int64_t *grown = realloc(removing->owners, need * sizeof *grown);
            if (!grown)
                return yq_fail(err, YQ_FULL, "catalog", "no memory to remove so many instances");
            removing->owners = grown;
            removing->owner_room = need;
        }
        size_t place = 2 * (removing->gone.count - 1);
        removing->owners[place] = sqlite3_column_int64(scope, ENTRY_WIDTH);
        removing->owners[place + 1] = sqlite3_column_int64(scope, ENTRY_WIDTH + 1);
    }
}

static bool remove_row(struct connection *writer, const struct yq_entry *entry, struct yq_err *err)
{
    sqlite3_stmt *remove = connection_statement(writer, ST_INSTANCE_REMOVE, err);
    if (!remove)
        return false;
    sqlite3_bind_int64(remove, 1, entry->id);
    if (!statement_run(writer, remove, err) || !tombstone_put(writer, entry, err))
        return false;
    remove = connection_statement(writer, ST_CONTRADICTION_OF_INSTANCE_REMOVE, err);
    if (!remove)
        return false;
    sqlite3_bind_text(remove, 1, entry->key.instance, -1, SQLITE_STATIC);
    return statement_run(writer, remove, err);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Each different owner once; `part` 0 for series, 1 for studies. */
static bool refresh_owners(struct connection *writer, const struct removing *removing, size_t part,
                           struct yq_err *err)
{
    size_t count = removing->gone.count;
    int64_t *ids = malloc(count * sizeof *ids);
    if (!ids)
        return yq_fail(err, YQ_FULL, "catalog", "no memory to remove so many instances");
    for (size_t i = 0; i < count; i++)
        ids[i] = removing->owners[2 * i + part];
    qsort(ids, count, sizeof *ids, by_number);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (i == 0 || ids[i] != ids[i - 1])
            ok = part ? study_refresh(writer, ids[i], err) : series_refresh(writer, ids[i], err);
    }
    free(ids);
    return ok;
}

/* What platforms see of these studies is less now. */
static bool note_studies(struct connection *writer, const struct removing *removing,
                         struct yq_err *err)
{
    for (size_t i = 0; i < removing->gone.count; i++) {
        const char *study = removing->gone.entry[i].key.study;
        bool told = i && strcmp(study, removing->gone.entry[i - 1].key.study) == 0;
        if (!told && !consignment_note(writer, 0, study, err))
            return false;
    }
    return true;
}

static bool remove_all(struct connection *writer, void *with, struct yq_err *err)
{
    struct removing *removing = with;
    if (!collect(writer, removing, err))
        return false;
    if (!removing->gone.count)
        return yq_fail(err, YQ_ABSENT, "catalog", "nothing like that is stored");
    for (size_t i = 0; i < removing->gone.count; i++) {
        if (!remove_row(writer, &removing->gone.entry[i], err))
            return false;
    }
    return refresh_owners(writer, removing, 0, err) && refresh_owners(writer, removing, 1, err) &&
           outbox_forget(writer, removing->gone.entry, removing->gone.count, err) &&
           note_studies(writer, removing, err);
}

bool yq_catalog_remove(struct yq_catalog *catalog, const struct yq_key *key, struct yq_entry **out,
                       size_t *count, struct yq_err *err)
{
    struct removing removing = {.key = key};
    *out = NULL;
    *count = 0;
    if (!*key->study && !*key->series && !*key->instance)
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "nothing is named that could be removed");
    bool ok = commit_simple(catalog, remove_all, &removing, err);
    free(removing.owners);
    if (!ok) {
        free(removing.gone.entry);
        return false;
    }
    *out = removing.gone.entry;
    *count = removing.gone.count;
    return true;
}

bool yq_catalog_totals(struct yq_catalog *catalog, struct yq_totals *out, struct yq_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get =
        connection_prepare(reader,
                           "SELECT count(DISTINCT CASE WHEN n_instances > 0 THEN patient END), "
                           "coalesce(sum(n_instances > 0), 0), coalesce(sum(n_series), 0), "
                           "coalesce(sum(n_instances), 0), coalesce(sum(bytes), 0), "
                           "(SELECT count(*) FROM contradiction WHERE settled = 0) FROM study",
                           err);
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row) {
        uint64_t *fields[] = {&out->patients,  &out->studies, &out->series,
                              &out->instances, &out->bytes,   &out->contradictions};
        for (int i = 0; i < 6; i++)
            *fields[i] = (uint64_t)sqlite3_column_int64(get, i);
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    return ok;
}

/* ---- storage commitments ---- */

static bool commitment_add(struct connection *writer, void *with, struct yq_err *err)
{
    struct yq_commitment *commitment = with;
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO commitment(aet, txn, asked_ms, next_ms, tries, pairs) VALUES(?,?,?,?,?,?)",
        err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, commitment->aet, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, commitment->transaction, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, commitment->asked_ms);
    sqlite3_bind_int64(add, 4, commitment->next_ms);
    sqlite3_bind_int64(add, 5, commitment->tries);
    sqlite3_bind_blob64(add, 6, yq_buf_text(&commitment->pairs), commitment->pairs.length,
                        SQLITE_STATIC);
    if (!statement_run(writer, add, err))
        return false;
    commitment->id = sqlite3_last_insert_rowid(writer->db);
    return true;
}

bool yq_catalog_commitment_add(struct yq_catalog *catalog, struct yq_commitment *commitment,
                               struct yq_err *err)
{
    return commit_simple(catalog, commitment_add, commitment, err);
}

static void read_commitment(sqlite3_stmt *row, struct yq_commitment *out)
{
    memset(out, 0, sizeof *out);
    out->id = sqlite3_column_int64(row, 0);
    yq_copy(out->aet, sizeof out->aet, column_text(row, 1));
    yq_copy(out->transaction, sizeof out->transaction, column_text(row, 2));
    out->asked_ms = sqlite3_column_int64(row, 3);
    out->next_ms = sqlite3_column_int64(row, 4);
    out->tries = (unsigned)sqlite3_column_int(row, 5);
    const void *pairs = sqlite3_column_blob(row, 6);
    if (pairs)
        yq_buf_put(&out->pairs, pairs, (size_t)sqlite3_column_bytes(row, 6));
}

bool yq_catalog_commitment_due(struct yq_catalog *catalog, int64_t now_ms,
                               struct yq_commitment *out, struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader,
        "SELECT id, aet, txn, asked_ms, next_ms, tries, pairs FROM commitment WHERE next_ms <= ? "
        "ORDER BY next_ms, id LIMIT 1",
        err);
    if (get)
        sqlite3_bind_int64(get, 1, now_ms);
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row)
        read_commitment(get, out);
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    if (ok && row && out->pairs.failed) {
        yq_buf_fini(&out->pairs);
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a storage commitment");
    }
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "no storage commitment is due"));
}

struct turn { /* what happens to one commitment */
    int64_t id, next_ms;
    bool done;
};

static bool commitment_turn(struct connection *writer, void *with, struct yq_err *err)
{
    const struct turn *turn = with;
    sqlite3_stmt *statement yq_cleanup(statement_drop) = connection_prepare(
        writer,
        turn->done ? "DELETE FROM commitment WHERE id = ?1"
                   : "UPDATE commitment SET next_ms = ?2, tries = tries + 1 WHERE id = ?1",
        err);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, turn->id);
    if (!turn->done)
        sqlite3_bind_int64(statement, 2, turn->next_ms);
    if (!statement_run(writer, statement, err))
        return false;
    return turn->done || sqlite3_changes(writer->db) == 1 ||
           yq_fail(err, YQ_ABSENT, "catalog", "there is no such storage commitment");
}

bool yq_catalog_commitment_later(struct yq_catalog *catalog, int64_t id, int64_t next_ms,
                                 struct yq_err *err)
{
    return commit_simple(catalog, commitment_turn, &(struct turn){.id = id, .next_ms = next_ms},
                         err);
}

bool yq_catalog_commitment_done(struct yq_catalog *catalog, int64_t id, struct yq_err *err)
{
    return commit_simple(catalog, commitment_turn, &(struct turn){.id = id, .done = true}, err);
}
