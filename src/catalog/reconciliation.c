/* reconciliation.c: the days whose exams were compared with a platform. A small table, read whole.
 */
#include "inside.h"
#include "yq/catchup.h"

enum { DAYS_KEPT = 1000, DAYS_MOST = 32 * 1000 };

static bool put(struct connection *writer, void *with, struct yq_err *err)
{
    const struct yq_reconciliation *day = with;
    sqlite3_stmt *row yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT OR REPLACE INTO reconciliation(platform, date, told, missing, unknown, tries, "
        "tried_ms, done_ms, next_ms, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        err);
    sqlite3_stmt *prune yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "DELETE FROM reconciliation WHERE platform = ?1 AND date < (SELECT date FROM "
        "reconciliation WHERE platform = ?1 ORDER BY date DESC LIMIT 1 OFFSET ?2)",
        err);
    if (!row || !prune)
        return false;
    sqlite3_bind_text(row, 1, day->platform, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 2, day->date, -1, SQLITE_STATIC);
    const uint64_t numbers[] = {day->told,
                                day->missing,
                                day->unknown,
                                day->tries,
                                (uint64_t)day->tried_ms,
                                (uint64_t)day->done_ms,
                                (uint64_t)day->next_ms};
    for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++)
        sqlite3_bind_int64(row, 3 + i, (sqlite3_int64)numbers[i]);
    bind_text(row, 10, day->reason);
    sqlite3_bind_text(prune, 1, day->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int(prune, 2, DAYS_KEPT - 1);
    return statement_run(writer, row, err) && statement_run(writer, prune, err);
}

bool yq_reconciliation_put(struct yq_catalog *catalog, const struct yq_reconciliation *day,
                           struct yq_err *err)
{
    struct yq_reconciliation copy = *day;
    return commit_simple(catalog, put, &copy, err);
}

static void read_day(sqlite3_stmt *row, void *thing)
{
    struct yq_reconciliation *out = thing;
    yq_copy(out->platform, sizeof out->platform, column_text(row, 0));
    yq_copy(out->date, sizeof out->date, column_text(row, 1));
    out->told = (uint64_t)sqlite3_column_int64(row, 2);
    out->missing = (uint64_t)sqlite3_column_int64(row, 3);
    out->unknown = (uint64_t)sqlite3_column_int64(row, 4);
    out->tries = (unsigned)sqlite3_column_int64(row, 5);
    out->tried_ms = sqlite3_column_int64(row, 6);
    out->done_ms = sqlite3_column_int64(row, 7);
    out->next_ms = sqlite3_column_int64(row, 8);
    copy_characters(out->reason, sizeof out->reason, column_text(row, 9));
}

bool yq_reconciliations(struct yq_catalog *catalog, struct yq_reconciliation **out, size_t *count,
                        struct yq_err *err)
{
    static const struct listing listing = {
        .sql = "SELECT platform, date, told, missing, unknown, tries, tried_ms, done_ms, next_ms, "
               "reason FROM reconciliation ORDER BY platform, date DESC LIMIT ?",
        .most = DAYS_MOST,
        .size = sizeof **out,
        .read = read_day,
    };
    void *things;
    bool ok = rows_list(catalog, &listing, &things, count, err);
    *out = things;
    return ok;
}
