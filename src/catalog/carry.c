/* carry.c: tables that nothing but the catalog knows, taken over into a new one by a reindex.
 *
 * They go row by row, in portions, and what cannot be read is passed over: the rows of a damaged
 * page are lost, not those behind it. Of rows that refer to one that is lost, some are refused by
 * the new catalog and passed over too. Belongs to one thread. */
#include <string.h>

#include "old.h"
#include "yq/log.h"

/* Whatever is not made from the files. Those that others refer to come first; the columns that both
 * catalogs have are copied, with the numbers of rows. */
static const char *const tables[] = {
    "commitment",      "outbox_job",    "outbox_item",        "outbox_lane",     "tombstone_series",
    "tombstone",       "record",        "record_version",     "record_key",      "record_link",
    "record_link_due", "patient_merge", "patient_merge_item", "attachment",      "attachment_use",
    "registered",      "code_map",      "code_seen",          "source_position", "source_aside",
    "hl7_message",     "signing_job",   "signing_position",   "signature_seen",  "consignment_due",
    "consignment",     "platform_call", "reconciliation",     "backfill",
};

bool carry_takes(const char *table)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(tables[i], table) == 0)
            return true;
    }
    return false;
}

/* What has to be true again, whatever was lost. */
static const char afterwards[] =
    /* what was found among the files is here */
    "DELETE FROM tombstone WHERE instance IN (SELECT SOPInstanceUID FROM instance);"
    "DELETE FROM record WHERE NOT EXISTS (SELECT 1 FROM record_version AS v WHERE v.record = "
    "record.id);"
    "DELETE FROM record_version WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.id = "
    "record_version.record);"
    "DELETE FROM record_key WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.id = "
    "record_key.record);"
    "UPDATE record SET digest = zeroblob(32), version = (SELECT max(v.version) FROM record_version "
    "AS v WHERE v.record = record.id) WHERE NOT EXISTS (SELECT 1 FROM record_version AS v WHERE "
    "v.record = record.id AND v.version = record.version);"
    "UPDATE record SET removed = v.removed, serious = v.serious, findings = v.findings IS NOT NULL "
    "FROM record_version AS v WHERE v.record = record.id AND v.version = record.version AND "
    "v.removed <> record.removed;"
    "DELETE FROM record_count;"
    "INSERT INTO record_count(kind, records, versions, findings) SELECT kind, count(*) FILTER "
    "(WHERE removed = 0), sum(version), count(*) FILTER (WHERE findings = 1 AND removed = 0) FROM "
    "record GROUP BY kind;";

enum { PORTION = 2000, LEAPS_MOST = 48 };

struct copying { /* of one table */
    struct connection *old;
    const char *table;
    bool numbered; /* has rowids */
    int64_t last;  /* the rowid that was read last */
    struct yq_buf from, to;
    sqlite3_stmt *rows;
    bool over;
    struct yq_err lost; /* code YQ_OK: nothing so far */
};

static void fini(struct copying *copying)
{
    sqlite3_finalize(copying->rows);
    yq_buf_fini(&copying->from);
    yq_buf_fini(&copying->to);
}

static bool is_numbered(struct connection *connection, const char *table, struct yq_err *err)
{
    bool row = false;
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        connection, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, table, -1, SQLITE_STATIC);
    return statement_step(connection, get, &row, err) && row && !sqlite3_column_int(get, 0);
}

/* The two statements; copying->over when the old catalog has no such table. */
static bool write_statements(struct copying *copying, struct connection *writer, struct yq_err *err)
{
    struct yq_buf columns yq_cleanup(yq_buf_fini) = {0}, places yq_cleanup(yq_buf_fini) = {0};
    sqlite3_stmt *names yq_cleanup(statement_drop) =
        connection_prepare(writer, "SELECT name FROM pragma_table_info(?)", err);
    if (!names)
        return false;
    sqlite3_bind_text(names, 1, copying->table, -1, SQLITE_STATIC);
    for (;;) {
        bool row;
        if (!statement_step(writer, names, &row, err))
            return false;
        if (!row)
            break;
        if (!old_has_column(copying->old, copying->table, column_text(names, 0)))
            continue;
        yq_buf_putf(&columns, ",\"%s\"", column_text(names, 0));
        yq_buf_puts(&places, places.length ? ",?" : "?");
    }
    copying->over = !columns.length;
    copying->numbered = is_numbered(writer, copying->table, err);
    yq_buf_putf(&copying->from, "SELECT %s%s FROM \"%s\"%s", copying->numbered ? "rowid" : "0",
                yq_buf_text(&columns), copying->table,
                copying->numbered ? " WHERE rowid > ? ORDER BY rowid" : "");
    yq_buf_putf(&copying->to, "INSERT OR IGNORE INTO \"%s\"(%s) VALUES(%s)", copying->table,
                columns.length ? yq_buf_text(&columns) + 1 : "", yq_buf_text(&places));
    return (!columns.failed && !places.failed && !copying->from.failed && !copying->to.failed) ||
           yq_fail(err, YQ_FULL, "catalog", "no memory to copy a table");
}

static void note_loss(struct copying *copying, const struct yq_err *why)
{
    if (copying->lost.code == YQ_OK)
        copying->lost = *why;
}

/* Beginning behind this rowid. */
static bool begin_rows(struct copying *copying, int64_t behind)
{
    struct yq_err why;
    sqlite3_finalize(copying->rows);
    copying->rows = connection_prepare(copying->old, yq_buf_text(&copying->from), &why);
    if (!copying->rows) {
        note_loss(copying, &why);
        return false;
    }
    if (copying->numbered)
        sqlite3_bind_int64(copying->rows, 1, behind);
    return true;
}

/* The next row that can be read. False: there is none. */
static bool next_row(struct copying *copying)
{
    struct yq_err why;
    bool row;
    if (!copying->rows && !begin_rows(copying, INT64_MIN))
        return false;
    for (int leap = 0; leap < LEAPS_MOST; leap++) {
        if (statement_step(copying->old, copying->rows, &row, &why)) {
            if (row && copying->numbered)
                copying->last = sqlite3_column_int64(copying->rows, 0);
            return row;
        }
        note_loss(copying, &why);
        if (!copying->numbered || !begin_rows(copying, copying->last + ((int64_t)1 << leap)))
            return false;
    }
    return false;
}

static bool put_row(struct copying *copying, struct connection *writer, sqlite3_stmt *put,
                    struct yq_err *err)
{
    int columns = sqlite3_column_count(copying->rows);
    for (int i = 1; i < columns; i++)
        sqlite3_bind_value(put, i, sqlite3_column_value(copying->rows, i));
    if (statement_run(writer, put, err))
        return true;
    bool refused = (sqlite3_errcode(writer->db) & 0xff) == SQLITE_CONSTRAINT;
    sqlite3_reset(put);
    if (refused)
        note_loss(copying, err);
    return refused;
}

static bool copy_portion(struct connection *writer, void *with, struct yq_err *err)
{
    struct copying *copying = with;
    if (!copying->from.length && !write_statements(copying, writer, err))
        return false;
    if (copying->over)
        return true;
    sqlite3_stmt *put yq_cleanup(statement_drop) =
        connection_prepare(writer, yq_buf_text(&copying->to), err);
    if (!put)
        return false;
    for (int i = 0; i < PORTION; i++) {
        if (!next_row(copying)) {
            copying->over = true;
            return true;
        }
        if (!put_row(copying, writer, put, err))
            return false;
    }
    return true;
}

static bool copy_table(struct connection *old, const char *table, struct yq_catalog *into,
                       struct yq_err *lost, struct yq_err *err)
{
    struct copying copying yq_cleanup(fini) = {.old = old, .table = table};
    while (!copying.over) {
        if (!commit_simple(into, copy_portion, &copying, err))
            return false;
    }
    if (copying.lost.code != YQ_OK) {
        yq_log_err(YQ_LOG_WARN, "catalog-rows-lost", &copying.lost, "table=%s", table);
        if (lost->code == YQ_OK)
            *lost = copying.lost;
    }
    return true;
}

static bool set_right(struct connection *writer, void *with, struct yq_err *err)
{
    (void)with;
    return sqlite3_exec(writer->db, afterwards, NULL, NULL, NULL) == SQLITE_OK ||
           connection_fail(writer, "write the catalog", err);
}

bool yq_old_carry_tables(struct yq_old *old, struct yq_catalog *into, struct yq_err *lost,
                         struct yq_err *err)
{
    memset(lost, 0, sizeof *lost);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!copy_table(old_connection(old), tables[i], into, lost, err))
            return false;
    }
    return commit_simple(into, set_right, NULL, err);
}
