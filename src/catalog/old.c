/* old.c: what only an earlier catalog knows, for a reindex: from whom an instance came and when,
 * what was coerced in it, contradictions and corrections (whole tables: carry.c). It may be of an
 * earlier schema, and it may be damaged: what cannot be read is the caller's to tell. Belongs to
 * one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "old.h"

struct yq_old {
    struct connection *connection;
    sqlite3_stmt *find;
};

struct connection *old_connection(struct yq_old *old) { return old->connection; }

bool old_has_column(struct connection *connection, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(connection->db, "main", table, column, NULL, NULL, NULL,
                                         NULL, NULL) == SQLITE_OK;
}

static bool prepare(struct yq_old *old, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&sql,
                "SELECT source, received_ms, size, sha256, %s FROM instance WHERE SOPInstanceUID "
                "= ?1 AND lower(hex(substr(sha256, 1, 4))) = ?2",
                old_has_column(old->connection, "instance", "coerced") ? "coerced" : "NULL");
    old->find = connection_prepare(old->connection, yq_buf_text(&sql), err);
    return old->find;
}

bool yq_old_open(const char *path, struct yq_old **out, struct yq_err *err)
{
    struct yq_old *old = calloc(1, sizeof *old);
    *out = NULL;
    if (!old)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a catalog");
    bool ok = access(path, F_OK) == 0 ||
              yq_fail(err, YQ_ABSENT, "catalog", "there is no earlier catalog");
    ok = ok && (old->connection = connection_open(path, false, err)) && prepare(old, err);
    if (!ok) {
        yq_old_close(old);
        return false;
    }
    *out = old;
    return true;
}

void yq_old_close(struct yq_old *old)
{
    if (!old)
        return;
    sqlite3_finalize(old->find);
    connection_close(old->connection, false);
    free(old);
}

static bool read_before(sqlite3_stmt *row, struct yq_before *out, struct yq_err *err)
{
    yq_copy(out->source, sizeof out->source, column_text(row, 0));
    out->received_ms = sqlite3_column_int64(row, 1);
    out->object.size = (uint64_t)sqlite3_column_int64(row, 2);
    const void *digest = sqlite3_column_blob(row, 3);
    if (digest && sqlite3_column_bytes(row, 3) == (int)sizeof out->object.digest)
        memcpy(out->object.digest, digest, sizeof out->object.digest);
    return sqlite3_column_type(row, 4) == SQLITE_NULL ||
           yq_coercions_read(column_text(row, 4), &out->coercions, err);
}

bool yq_old_instance(struct yq_old *old, const char *sop_instance, const char *digest_start,
                     struct yq_before *out, struct yq_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sqlite3_bind_text(old->find, 1, sop_instance, -1, SQLITE_STATIC);
    sqlite3_bind_text(old->find, 2, digest_start, -1, SQLITE_STATIC);
    bool ok = statement_step(old->connection, old->find, &row, err) &&
              (!row || read_before(old->find, out, err));
    sqlite3_reset(old->find);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "the earlier catalog knew it not"));
}

/* ---- what belongs to studies ---- */

struct carrying {
    struct yq_old *old;
    uint64_t corrections;
};

/* Every row of `from` in the old catalog into the statement `to` of the new one. */
static bool copy_rows(struct connection *old, const char *from, struct connection *writer,
                      const char *to, struct yq_err *err)
{
    sqlite3_stmt *rows yq_cleanup(statement_drop) = connection_prepare(old, from, err);
    sqlite3_stmt *put yq_cleanup(statement_drop) =
        rows ? connection_prepare(writer, to, err) : NULL;
    if (!put)
        return false;
    int columns = sqlite3_column_count(rows);
    for (;;) {
        bool row;
        if (!statement_step(old, rows, &row, err))
            return false;
        if (!row)
            return true;
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(put, i + 1, sqlite3_column_value(rows, i));
        if (!statement_run(writer, put, err))
            return false;
    }
}

/* The value of the study as it was corrected; studies that are gone are passed over. */
static bool carry_corrections(struct carrying *carrying, enum yq_attr attr,
                              struct connection *writer, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    struct connection *old = carrying->old->connection;
    if (!old_has_column(old, "study", yq_attrs[attr].name))
        return true;
    yq_buf_putf(&sql,
                "SELECT StudyInstanceUID, %s FROM study WHERE id IN (SELECT study_id FROM "
                "contradiction WHERE settled = 1 AND what = '%s')",
                yq_attrs[attr].name, yq_attrs[attr].name);
    sqlite3_stmt *rows yq_cleanup(statement_drop) = connection_prepare(old, yq_buf_text(&sql), err);
    for (bool row = rows; row;) {
        if (!statement_step(old, rows, &row, err))
            return false;
        if (!row)
            break;
        struct yq_err why;
        if (correction_put(writer, column_text(rows, 0), attr, column_text(rows, 1), &why))
            carrying->corrections++;
        else if (why.code != YQ_ABSENT) {
            *err = why;
            return false;
        }
    }
    return rows;
}

static bool carry_studies(struct connection *writer, void *with, struct yq_err *err)
{
    struct carrying *carrying = with;
    for (int i = 0; i < YQ_ATTR_COUNT; i++)
        if (attr_in_table((enum yq_attr)i, YQ_STUDY) && i != YQ_StudyInstanceUID &&
            !carry_corrections(carrying, (enum yq_attr)i, writer, err))
            return false;
    return copy_rows(carrying->old->connection,
                     "SELECT s.StudyInstanceUID, c.instance, c.source, c.what, c.kept, c.came, "
                     "c.seen_ms, c.settled FROM contradiction AS c JOIN study AS s ON s.id = "
                     "c.study_id",
                     writer,
                     "INSERT INTO contradiction(study_id, instance, source, what, kept, came, "
                     "seen_ms, settled) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM study WHERE "
                     "StudyInstanceUID = ?1 ON CONFLICT(study_id, what, came) DO UPDATE SET source "
                     "= excluded.source, seen_ms = excluded.seen_ms, settled = excluded.settled",
                     err);
}

bool yq_old_carry(struct yq_old *old, struct yq_catalog *into, uint64_t *corrections,
                  struct yq_err *err)
{
    struct carrying carrying = {.old = old};
    bool ok = commit_simple(into, carry_studies, &carrying, err);
    *corrections = ok ? carrying.corrections : 0;
    return ok;
}
