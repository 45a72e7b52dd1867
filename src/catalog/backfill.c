/* backfill.c: spans of days whose exams are put into the queue little by little. What was noted and
 * where it stands is one transaction, so a crash repeats nothing and leaves nothing out. */
#include "consignment.h"
#include "yq/catchup.h"
#include "yq/clock.h"

enum { BACKFILLS_MOST = 1000 };

const char *yq_backfill_state_name(enum yq_backfill_state state)
{
    static const char *const names[] = {"runs", "done", "stopped"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "";
}

struct beginning {
    const struct yq_backfill *backfill;
    int64_t id;
};

static bool begin(struct connection *writer, void *with, struct yq_err *err)
{
    struct beginning *beginning = with;
    const struct yq_backfill *b = beginning->backfill;
    bool row = false;
    sqlite3_stmt *find yq_cleanup(statement_drop) =
        connection_prepare(writer, "SELECT id FROM backfill WHERE platform = ? AND state = 0", err);
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO backfill(platform, first, last, day, row, rate, automatic, state, n_queued, "
        "made_ms, changed_ms) VALUES(?1, ?2, ?3, ?2, 0, ?4, ?5, 0, 0, ?6, ?6)",
        err);
    if (!find || !add)
        return false;
    sqlite3_bind_text(find, 1, b->platform, -1, SQLITE_STATIC);
    if (!statement_step(writer, find, &row, err))
        return false;
    if (row)
        return yq_fail(err, YQ_CONFLICT, "catalog", "a backfill of %s is under way (number %lld)",
                       b->platform, (long long)sqlite3_column_int64(find, 0));
    sqlite3_bind_text(add, 1, b->platform, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, b->from, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, b->to, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 4, b->rate);
    sqlite3_bind_int(add, 5, b->automatic);
    sqlite3_bind_int64(add, 6, yq_now_ms());
    bool ok = statement_run(writer, add, err);
    beginning->id = sqlite3_last_insert_rowid(writer->db);
    return ok;
}

bool yq_backfill_begin(struct yq_catalog *catalog, const struct yq_backfill *backfill, int64_t *id,
                       struct yq_err *err)
{
    struct beginning beginning = {.backfill = backfill};
    bool ok = commit_simple(catalog, begin, &beginning, err);
    *id = beginning.id;
    return ok;
}

static void read_backfill(sqlite3_stmt *row, void *thing)
{
    struct yq_backfill *out = thing;
    out->id = sqlite3_column_int64(row, 0);
    yq_copy(out->platform, sizeof out->platform, column_text(row, 1));
    yq_copy(out->from, sizeof out->from, column_text(row, 2));
    yq_copy(out->to, sizeof out->to, column_text(row, 3));
    yq_copy(out->day, sizeof out->day, column_text(row, 4));
    out->row = sqlite3_column_int64(row, 5);
    out->rate = (unsigned)sqlite3_column_int64(row, 6);
    out->automatic = sqlite3_column_int(row, 7);
    out->state = (enum yq_backfill_state)sqlite3_column_int(row, 8);
    out->queued = (uint64_t)sqlite3_column_int64(row, 9);
    out->made_ms = sqlite3_column_int64(row, 10);
    out->changed_ms = sqlite3_column_int64(row, 11);
}

bool yq_backfills(struct yq_catalog *catalog, struct yq_backfill **out, size_t *count,
                  struct yq_err *err)
{
    static const struct listing listing = {
        .sql = "SELECT id, platform, first, last, day, row, rate, automatic, state, n_queued, "
               "made_ms, changed_ms FROM backfill ORDER BY id DESC LIMIT ?",
        .most = BACKFILLS_MOST,
        .size = sizeof **out,
        .read = read_backfill,
    };
    void *things;
    bool ok = rows_list(catalog, &listing, &things, count, err);
    *out = things;
    return ok;
}

struct stepping {
    const struct yq_backfill *was, *at;
    const int64_t *rows;
    size_t count;
    bool going;
};

static bool step(struct connection *writer, void *with, struct yq_err *err)
{
    struct stepping *s = with;
    sqlite3_stmt *set yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "UPDATE backfill SET day = ?1, row = ?2, state = ?3, n_queued = n_queued + ?4, changed_ms "
        "= ?5 WHERE id = ?6 AND state = 0 AND day = ?7 AND row = ?8",
        err);
    if (!set)
        return false;
    sqlite3_bind_text(set, 1, s->at->day, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 2, s->at->row);
    sqlite3_bind_int(set, 3, (int)s->at->state);
    sqlite3_bind_int64(set, 4, (sqlite3_int64)s->count);
    sqlite3_bind_int64(set, 5, yq_now_ms());
    sqlite3_bind_int64(set, 6, s->was->id);
    sqlite3_bind_text(set, 7, s->was->day, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 8, s->was->row);
    if (!statement_run(writer, set, err))
        return false;
    s->going = sqlite3_changes(writer->db) > 0;
    for (size_t i = 0; s->going && i < s->count; i++)
        if (!consignment_want(writer, s->rows[i], s->was->platform, 0, err))
            return false;
    return true;
}

bool yq_backfill_step(struct yq_catalog *catalog, const struct yq_backfill *was,
                      const struct yq_backfill *at, const int64_t *rows, size_t count, bool *going,
                      struct yq_err *err)
{
    struct stepping stepping = {was, at, rows, count, false};
    bool ok = commit_simple(catalog, step, &stepping, err);
    *going = ok && stepping.going;
    return ok;
}

struct stopping {
    const char *platform;
    size_t stopped;
};

static bool stop(struct connection *writer, void *with, struct yq_err *err)
{
    struct stopping *stopping = with;
    sqlite3_stmt *set yq_cleanup(statement_drop) = connection_prepare(
        writer, "UPDATE backfill SET state = 2, changed_ms = ?2 WHERE platform = ?1 AND state = 0",
        err);
    if (!set)
        return false;
    sqlite3_bind_text(set, 1, stopping->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 2, yq_now_ms());
    bool ok = statement_run(writer, set, err);
    stopping->stopped = ok ? (size_t)sqlite3_changes(writer->db) : 0;
    return ok;
}

bool yq_backfill_stop(struct yq_catalog *catalog, const char *platform, size_t *stopped,
                      struct yq_err *err)
{
    struct stopping stopping = {.platform = platform};
    bool ok = commit_simple(catalog, stop, &stopping, err);
    *stopped = stopping.stopped;
    return ok;
}

static bool look_sent(struct connection *reader, const char *platform, int64_t before_ms,
                      bool *sent, struct yq_err *err)
{
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        reader,
        "SELECT 1 FROM consignment WHERE platform = ? AND n_sent > 0 AND sent_ms < ? LIMIT 1", err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(get, 2, before_ms);
    return statement_step(reader, get, sent, err);
}

bool yq_platform_was_sent(struct yq_catalog *catalog, const char *platform, int64_t before_ms,
                          bool *sent, struct yq_err *err)
{
    struct connection *reader = reader_take(catalog, err);
    *sent = false;
    if (!reader)
        return false;
    bool ok = look_sent(reader, platform, before_ms, sent, err);
    reader_give(catalog, reader);
    return ok;
}
