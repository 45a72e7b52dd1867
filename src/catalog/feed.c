/* feed.c: how far databases were read (source_position), and rows that could not be taken
 * (source_aside). Neither holds values of rows but change and key columns. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/feed.h"

#define FEED_COLUMNS                                                                               \
    "p.source, p.epoch, p.change, p.keys, p.moved_ms, p.looked_ms, p.down_ms, p.trouble, "         \
    "p.n_rows, p.n_kept, (SELECT count(*) FROM source_aside AS a WHERE a.source = p.source)"
#define FEEDS_MOST 1000

static void read_feed(sqlite3_stmt *row, void *thing)
{
    struct yq_feed *out = thing;
    memset(out, 0, sizeof *out);
    yq_copy(out->source, sizeof out->source, column_text(row, 0));
    out->epoch = sqlite3_column_int64(row, 1);
    yq_copy(out->change, sizeof out->change, column_text(row, 2));
    yq_copy(out->keys, sizeof out->keys, column_text(row, 3));
    out->moved_ms = sqlite3_column_int64(row, 4);
    out->looked_ms = sqlite3_column_int64(row, 5);
    out->down_ms = sqlite3_column_int64(row, 6);
    copy_characters(out->trouble, sizeof out->trouble, column_text(row, 7));
    out->rows = (uint64_t)sqlite3_column_int64(row, 8);
    out->kept = (uint64_t)sqlite3_column_int64(row, 9);
    out->aside = (uint64_t)sqlite3_column_int64(row, 10);
}

bool yq_feed_get(struct yq_catalog *catalog, const char *source, struct yq_feed *out,
                 struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader, "SELECT " FEED_COLUMNS " FROM source_position AS p WHERE p.source = ?", err);
    if (get)
        bind_text(get, 1, source);
    bool ok = get && statement_step(reader, get, &row, err);
    memset(out, 0, sizeof *out);
    if (ok && row)
        read_feed(get, out);
    else
        yq_copy(out->source, sizeof out->source, source);
    statement_drop(&get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "nothing is known of this source"));
}

bool yq_feed_list(struct yq_catalog *catalog, struct yq_feed **out, size_t *count,
                  struct yq_err *err)
{
    static const struct listing listing = {
        .sql = "SELECT " FEED_COLUMNS " FROM source_position AS p ORDER BY p.source LIMIT ?",
        .most = FEEDS_MOST,
        .size = sizeof **out,
        .read = read_feed,
    };
    void *things;
    bool ok = rows_list(catalog, &listing, &things, count, err);
    *out = things;
    return ok;
}

/* ---- a step ---- */

/* A change by one statement of texts and numbers; NULL texts are NULL. */
struct change {
    const char *sql;
    const char *texts[5]; /* ?1 ... */
    int text_count;
    int64_t numbers[4]; /* after them */
    int number_count;
    int changed; /* out */
};

static bool change_run(struct connection *writer, void *with, struct yq_err *err)
{
    struct change *change = with;
    sqlite3_stmt *statement yq_cleanup(statement_drop) =
        connection_prepare(writer, change->sql, err);
    if (!statement)
        return false;
    for (int i = 0; i < change->text_count; i++)
        if (change->texts[i])
            sqlite3_bind_text(statement, i + 1, change->texts[i], -1, SQLITE_STATIC);
    for (int i = 0; i < change->number_count; i++)
        sqlite3_bind_int64(statement, change->text_count + i + 1, change->numbers[i]);
    bool ok = statement_run(writer, statement, err);
    change->changed = sqlite3_changes(writer->db);
    return ok;
}

static bool know(struct connection *writer, const char *source, struct yq_err *err)
{
    struct change change = {.sql = "INSERT OR IGNORE INTO source_position(source) VALUES(?1)",
                            .texts = {source},
                            .text_count = 1};
    return change_run(writer, &change, err);
}

struct stepping {
    const struct yq_feed_step *step;
    bool current;
};

static bool put_aside(struct connection *writer, const struct yq_feed_step *step,
                      const struct yq_feed_aside *aside, struct yq_err *err)
{
    struct change change = {
        .sql = "INSERT INTO source_aside(source, keys, change, reason, first_ms, seen_ms, tries) "
               "VALUES(?1, ?2, ?3, ?4, ?5, ?5, 1) ON CONFLICT(source, keys) DO UPDATE SET "
               "change = ?3, reason = ?4, seen_ms = ?5, tries = tries + 1, again = 0",
        .texts = {step->source, aside->keys, aside->change, aside->reason},
        .text_count = 4,
        .numbers = {yq_now_ms()},
        .number_count = 1};
    return change_run(writer, &change, err);
}

static bool settle(struct connection *writer, const struct yq_feed_step *step, const char *keys,
                   struct yq_err *err)
{
    struct change change = {.sql = "DELETE FROM source_aside WHERE source = ?1 AND keys = ?2",
                            .texts = {step->source, keys},
                            .text_count = 2};
    return change_run(writer, &change, err);
}

static bool run_step(struct connection *writer, void *with, struct yq_err *err)
{
    struct stepping *stepping = with;
    const struct yq_feed_step *step = stepping->step;
    struct change move = {
        .sql = "UPDATE source_position SET change = coalesce(?2, change), keys = coalesce(?3, "
               "keys), n_rows = n_rows + ?5, n_kept = n_kept + ?6, moved_ms = CASE WHEN ?2 IS "
               "NULL THEN moved_ms ELSE ?7 END WHERE source = ?1 AND epoch = ?4",
        .texts = {step->source, step->change, step->keys},
        .text_count = 3,
        .numbers = {step->epoch, (int64_t)step->rows, (int64_t)step->kept, yq_now_ms()},
        .number_count = 4};
    if (!know(writer, step->source, err) || !change_run(writer, &move, err))
        return false;
    stepping->current = move.changed > 0;
    bool ok = true;
    for (size_t i = 0; ok && stepping->current && i < step->settled_count; i++)
        ok = settle(writer, step, step->settled[i], err);
    for (size_t i = 0; ok && stepping->current && i < step->aside_count; i++)
        ok = put_aside(writer, step, &step->asides[i], err);
    return ok;
}

bool yq_feed_step(struct yq_catalog *catalog, const struct yq_feed_step *step, bool *current,
                  struct yq_err *err)
{
    struct stepping stepping = {.step = step};
    bool ok = commit_simple(catalog, run_step, &stepping, err);
    *current = ok && stepping.current;
    return ok;
}

/* ---- the rest ---- */

static bool run_known(struct connection *writer, void *with, struct yq_err *err)
{
    struct change *change = with;
    return know(writer, change->texts[0], err) && change_run(writer, change, err);
}

bool yq_feed_note(struct yq_catalog *catalog, const char *source, const char *trouble,
                  int64_t down_ms, struct yq_err *err)
{
    struct change change = {
        .sql = trouble ? "UPDATE source_position SET trouble = ?2, down_ms = ?3 WHERE source = ?1"
                       : "UPDATE source_position SET trouble = ?2, down_ms = 0, looked_ms = ?4 "
                         "WHERE source = ?1",
        .texts = {source, trouble ? trouble : ""},
        .text_count = 2,
        .numbers = {down_ms, yq_now_ms()},
        .number_count = trouble ? 1 : 2};
    return commit_simple(catalog, run_known, &change, err);
}

bool yq_feed_rewind(struct yq_catalog *catalog, const char *source, const char *change,
                    struct yq_err *err)
{
    struct change rewind = {.sql = "UPDATE source_position SET epoch = epoch + 1, change = ?2, "
                                   "keys = '', moved_ms = ?3 WHERE source = ?1",
                            .texts = {source, change ? change : ""},
                            .text_count = 2,
                            .numbers = {yq_now_ms()},
                            .number_count = 1};
    return commit_simple(catalog, run_known, &rewind, err);
}

static void read_aside(sqlite3_stmt *row, struct yq_feed_aside *out)
{
    memset(out, 0, sizeof *out);
    yq_copy(out->source, sizeof out->source, column_text(row, 0));
    yq_copy(out->keys, sizeof out->keys, column_text(row, 1));
    yq_copy(out->change, sizeof out->change, column_text(row, 2));
    copy_characters(out->reason, sizeof out->reason, column_text(row, 3));
    out->first_ms = sqlite3_column_int64(row, 4);
    out->seen_ms = sqlite3_column_int64(row, 5);
    out->tries = (unsigned)sqlite3_column_int(row, 6);
    out->again = sqlite3_column_int(row, 7) != 0;
}

static bool list_asides(struct connection *reader, sqlite3_stmt *list, struct yq_feed_aside **out,
                        size_t *count, struct yq_err *err)
{
    size_t room = 0;
    for (;;) {
        bool row;
        if (!statement_step(reader, list, &row, err))
            return false;
        if (!row)
            return true;
        if (*count == room) {
            room = room ? room * 2 : 16;
            struct yq_feed_aside *more = realloc(*out, room * sizeof **out);
            if (!more)
                return yq_fail(err, YQ_FULL, "catalog", "no memory to list rows");
            *out = more;
        }
        read_aside(list, &(*out)[(*count)++]);
    }
}

bool yq_feed_asides(struct yq_catalog *catalog, const char *source, bool again, size_t most,
                    struct yq_feed_aside **out, size_t *count, struct yq_err *err)
{
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *list = connection_prepare(
        reader,
        "SELECT source, keys, change, reason, first_ms, seen_ms, tries, again FROM source_aside "
        "WHERE (?1 IS NULL OR source = ?1) AND (?2 = 0 OR again = 1) ORDER BY first_ms, rowid "
        "LIMIT ?3",
        err);
    if (list) {
        bind_text(list, 1, source);
        sqlite3_bind_int(list, 2, again);
        sqlite3_bind_int64(list, 3, (int64_t)most);
    }
    bool ok = list && list_asides(reader, list, out, count, err);
    statement_drop(&list);
    reader_give(catalog, reader);
    if (!ok) {
        free(*out);
        *out = NULL;
        *count = 0;
    }
    return ok;
}

bool yq_feed_retry(struct yq_catalog *catalog, const char *source, bool forget, uint64_t *count,
                   struct yq_err *err)
{
    struct change change = {.sql = forget ? "DELETE FROM source_aside WHERE source = ?1"
                                          : "UPDATE source_aside SET again = 1 WHERE source = ?1",
                            .texts = {source},
                            .text_count = 1};
    bool ok = commit_simple(catalog, change_run, &change, err);
    *count = ok ? (uint64_t)change.changed : 0;
    return ok;
}
