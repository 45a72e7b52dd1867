/* outbox_turn.c: the outbox as people see it: lists, numbers, and the verbs of `yingqiao queue`.
 *
 * A verb for many jobs works in portions, each a transaction of its own, so that the node that runs
 * beside it goes on taking instances in. */
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "yq/clock.h"

enum { PORTION = 500 };

static bool push(void **list, size_t *count, size_t size, const void *one, struct yq_err *err)
{
    if (*count % 64 == 0) {
        void *grown = realloc(*list, (*count + 64) * size);
        if (!grown)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu", *count + 64);
        *list = grown;
    }
    memcpy((char *)*list + (*count)++ * size, one, size);
    return true;
}

/* ---- lists ---- */

static sqlite3_stmt *prepare_list(struct connection *reader, const struct yq_job_filter *filter,
                                  struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&sql, "SELECT " JOB_COLUMNS " FROM outbox_job WHERE ");
    if (filter->id)
        yq_buf_puts(&sql, "id = ?1");
    else if (filter->by_state)
        yq_buf_puts(&sql, filter->state < YQ_JOB_DONE ? "state < 6 AND state = ?2" : "state = ?2");
    else
        yq_buf_puts(&sql, filter->all ? "1" : "state < 6");
    if (filter->destination)
        yq_buf_puts(&sql, " AND destination = ?3");
    if (filter->study)
        yq_buf_puts(&sql, " AND study = ?5");
    yq_buf_puts(&sql, " ORDER BY id LIMIT ?4");
    sqlite3_stmt *list = connection_prepare(reader, yq_buf_text(&sql), err);
    if (!list)
        return NULL;
    if (filter->id)
        sqlite3_bind_int64(list, 1, filter->id);
    if (filter->by_state && !filter->id)
        sqlite3_bind_int(list, 2, filter->state);
    if (filter->destination)
        sqlite3_bind_text(list, 3, filter->destination, -1, SQLITE_STATIC);
    sqlite3_bind_int64(list, 4, filter->limit ? (int64_t)filter->limit : -1);
    if (filter->study)
        sqlite3_bind_text(list, 5, filter->study, -1, SQLITE_STATIC);
    return list;
}

bool yq_outbox_list(struct yq_catalog *catalog, const struct yq_job_filter *filter,
                    struct yq_job **out, size_t *count, struct yq_err *err)
{
    void *list = NULL;
    bool row = true;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = prepare_list(reader, filter, err);
    bool ok = get;
    while (ok && row) {
        struct yq_job job;
        ok = statement_step(reader, get, &row, err);
        if (ok && row) {
            job_read(get, &job);
            ok = push(&list, count, sizeof job, &job, err);
        }
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    if (!ok) {
        free(list);
        return false;
    }
    *out = list;
    return true;
}

bool yq_outbox_refusals(struct yq_catalog *catalog, int64_t job, size_t most,
                        struct yq_item_end **out, size_t *count, struct yq_err *err)
{
    void *list = NULL;
    bool row = true;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader,
        "SELECT instance, state, reason FROM outbox_item WHERE job_id = ? AND state > 0 LIMIT ?",
        err);
    bool ok = get;
    if (ok) {
        sqlite3_bind_int64(get, 1, job);
        sqlite3_bind_int64(get, 2, (int64_t)most);
    }
    while (ok && row) {
        struct yq_item_end one = {.refused = false};
        ok = statement_step(reader, get, &row, err);
        if (ok && row) {
            (void)yq_copy(one.instance, sizeof one.instance, column_text(get, 0));
            one.refused = sqlite3_column_int(get, 1) == 1;
            copy_characters(one.reason, sizeof one.reason, column_text(get, 2));
            ok = push(&list, count, sizeof one, &one, err);
        }
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    if (!ok) {
        free(list);
        return false;
    }
    *out = list;
    return true;
}

/* ---- numbers ---- */

static bool read_numbers(struct connection *reader, bool counts, struct yq_lane *lane,
                         struct yq_err *err)
{
    for (int state = 0; state < YQ_JOB_DONE; state++) {
        int64_t since_ms = 0, jobs = 0;
        bool counted = counts || state == YQ_JOB_REFUSED;
        if ((state < YQ_JOB_HELD &&
             !lane_ask(reader, ST_OUTBOX_OLDEST, lane, state, &since_ms, err)) ||
            (counted && !lane_ask(reader, ST_OUTBOX_GROUP_COUNT, lane, state, &jobs, err)))
            return false;
        lane->jobs[state] = (uint64_t)jobs;
        if (since_ms && (!lane->oldest_ms || since_ms < lane->oldest_ms))
            lane->oldest_ms = since_ms;
    }
    int64_t withheld = 0;
    if (lane->kind == YQ_JOB_REPORT &&
        (!lane_ask(reader, ST_OUTBOX_WITHHELD, lane, 0, &lane->withheld_ms, err) ||
         (counts && !lane_ask(reader, ST_OUTBOX_WITHHELD_COUNT, lane, 0, &withheld, err))))
        return false;
    lane->withheld = (uint64_t)withheld;
    return true;
}

static bool is_listed(const struct yq_lane *list, size_t count, const struct yq_lane *lane)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].kind == lane->kind && strcmp(list[i].destination, lane->destination) == 0)
            return true;
    return false;
}

static bool add_lane(struct yq_lane **list, size_t *count, const struct yq_lane *lane,
                     struct yq_err *err)
{
    void *grown = *list;
    bool ok = is_listed(*list, *count, lane) || push(&grown, count, sizeof *lane, lane, err);
    *list = grown;
    return ok;
}

static bool add_known_lanes(struct connection *reader, struct yq_lane **list, size_t *count,
                            struct yq_err *err)
{
    struct yq_lane lane = {.kind = YQ_JOB_FORWARD};
    bool there = true;
    while (lane_next(reader, ST_OUTBOX_NEXT_KNOWN, &lane, &there, err))
        if (!there)
            return true;
        else if (!add_lane(list, count, &lane, err))
            return false;
    return false;
}

/* Those that have nothing at the moment, too. */
static bool add_idle_lanes(struct connection *reader, struct yq_lane **list, size_t *count,
                           struct yq_err *err)
{
    bool row = true;
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(reader, "SELECT kind, destination FROM outbox_lane", err);
    while (get && row) {
        struct yq_lane lane = {.kind = YQ_JOB_FORWARD};
        if (!statement_step(reader, get, &row, err))
            return false;
        int kind = row ? sqlite3_column_int(get, 0) : 0;
        if (kind > 0 && kind < YQ_JOB_KIND_COUNT)
            lane.kind = (enum yq_job_kind)kind;
        (void)yq_copy(lane.destination, sizeof lane.destination, row ? column_text(get, 1) : "");
        if (row && !add_lane(list, count, &lane, err))
            return false;
    }
    return get;
}

bool yq_outbox_summary(struct yq_catalog *catalog, bool counts, struct yq_lane **out, size_t *count,
                       struct yq_err *err)
{
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = add_known_lanes(reader, out, count, err) && add_idle_lanes(reader, out, count, err);
    for (size_t i = 0; ok && i < *count; i++)
        ok = lane_read(reader, &(*out)[i], err) && read_numbers(reader, counts, &(*out)[i], err);
    reader_give(catalog, reader);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}

/* ---- verbs ---- */

struct turning {
    enum yq_turn turn;
    int64_t id;
    const char *destination, *reason;
    int64_t from, to; /* ids of this portion: (from, to] */
    uint64_t count;
};

/* Which jobs a verb is for. By id more than in a sweep: there somebody has looked at it. */
static const char *states_of(const struct turning *turning)
{
    switch (turning->turn) {
    case YQ_TURN_RETRY:
        return turning->id ? "(state IN (0, 1, 2, 4, 5, 7) OR (state = 6 AND kind = 2))"
                           : "(state IN (1, 2, 5) OR wakes = 1)";
    case YQ_TURN_HOLD: return "(state < 4 OR wakes = 1)";
    case YQ_TURN_RELEASE: return "state = 4";
    default: return "state < 6";
    }
}

static void put_scope(struct yq_buf *sql, const struct turning *turning)
{
    yq_buf_putf(sql, "id > ?1 AND id <= ?2 AND %s%s", states_of(turning),
                turning->destination ? " AND destination = ?3" : "");
}

static void bind_scope(sqlite3_stmt *statement, const struct turning *turning)
{
    sqlite3_bind_int64(statement, 1, turning->from);
    sqlite3_bind_int64(statement, 2, turning->to);
    if (turning->destination)
        sqlite3_bind_text(statement, 3, turning->destination, -1, SQLITE_STATIC);
}

/* Runs `head` over the jobs of this portion; ?4: now, ?5: the reason. */
static bool run_scoped(struct connection *writer, const struct turning *turning, const char *head,
                       const char *tail, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&sql, head);
    put_scope(&sql, turning);
    yq_buf_puts(&sql, tail);
    sqlite3_stmt *statement yq_cleanup(statement_drop) =
        connection_prepare(writer, yq_buf_text(&sql), err);
    if (!statement)
        return false;
    bind_scope(statement, turning);
    int places = sqlite3_bind_parameter_count(statement);
    if (places >= 4)
        sqlite3_bind_int64(statement, 4, yq_now_ms());
    if (places >= 5)
        bind_text(statement, 5, turning->reason);
    return statement_run(writer, statement, err);
}

/* What is asked for by name is sent again though the platform has it; in a sweep only what it did
 * not take. */
static bool turn_pieces(struct connection *writer, const struct turning *turning,
                        struct yq_err *err)
{
    return run_scoped(writer, turning,
                      turning->id
                          ? "UPDATE consignment SET identity = NULL, tried = NULL, tries = 0 WHERE "
                            "(exam, platform) IN (SELECT CAST(substr(study, 6) AS INTEGER), "
                            "destination FROM outbox_job WHERE kind = 2 AND "
                          : "UPDATE consignment SET tried = NULL, tries = 0 WHERE state > 0 AND "
                            "(exam, platform) IN (SELECT CAST(substr(study, 6) AS INTEGER), "
                            "destination FROM outbox_job WHERE kind = 2 AND ",
                      ")", err);
}

static bool turn_items(struct connection *writer, const struct turning *turning, struct yq_err *err)
{
    if (turning->turn == YQ_TURN_DROP)
        return run_scoped(
            writer, turning,
            "UPDATE outbox_item SET state = 2, reason = ?5 WHERE state < 2 AND job_id "
            "IN (SELECT id FROM outbox_job WHERE ",
            ")", err);
    if (turning->turn == YQ_TURN_RETRY)
        return run_scoped(writer, turning,
                          "UPDATE outbox_item SET state = 0, reason = NULL WHERE state > 0 AND "
                          "job_id IN (SELECT id FROM outbox_job WHERE ",
                          ")", err) &&
               turn_pieces(writer, turning, err);
    return true;
}

static const char *const turn_sql[] = {
    [YQ_TURN_RETRY] = "UPDATE outbox_job SET queued_ms = CASE WHEN state > 4 THEN ?4 ELSE "
                      "queued_ms END, n_pending = CASE kind WHEN 0 THEN n_pending + "
                      "n_refused + n_dropped ELSE 1 END, wakes = 0, n_refused = 0, n_dropped = 0, "
                      "state = 1, next_ms "
                      "= ?4, changed_ms = ?4, tries = 0, reason = NULL WHERE ",
    [YQ_TURN_HOLD] = "UPDATE outbox_job SET state = 4, wakes = 0, changed_ms = ?4, reason = ?5 "
                     "WHERE ",
    [YQ_TURN_RELEASE] =
        "UPDATE outbox_job SET state = 1, wakes = 0, next_ms = ?4, changed_ms = ?4, "
        "reason = NULL WHERE ",
    [YQ_TURN_DROP] = "UPDATE outbox_job SET state = 7, wakes = 0, told = 0, changed_ms = ?4, "
                     "reason = ?5, n_dropped = "
                     "n_dropped + n_pending + n_refused, n_pending = 0, n_refused = 0 WHERE ",
};

static bool turn_portion(struct connection *writer, void *with, struct yq_err *err)
{
    struct turning *turning = with;
    if (!turn_items(writer, turning, err) ||
        !run_scoped(writer, turning, turn_sql[turning->turn], "", err))
        return false;
    turning->count += (uint64_t)sqlite3_changes(writer->db);
    return true;
}

/* The last id of the next portion; false in *there when none is left. */
static bool next_portion(struct yq_catalog *catalog, struct turning *turning, bool *there,
                         struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    turning->to = INT64_MAX;
    yq_buf_puts(&sql, "SELECT max(id) FROM (SELECT id FROM outbox_job WHERE ");
    put_scope(&sql, turning);
    yq_buf_putf(&sql, " ORDER BY id LIMIT %d)", PORTION);
    sqlite3_stmt *get = connection_prepare(reader, yq_buf_text(&sql), err);
    bool ok = get;
    if (ok)
        bind_scope(get, turning);
    ok = ok && statement_step(reader, get, there, err);
    *there = ok && *there && sqlite3_column_type(get, 0) != SQLITE_NULL;
    if (*there)
        turning->to = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    return ok;
}

/* A destination that is tried again at once, held, or let go; with what comes later. */
static bool turn_lanes(struct connection *writer, void *with, struct yq_err *err)
{
    struct turning *turning = with;
    const char *change = turning->turn == YQ_TURN_RETRY  ? "tries = 0, next_ms = 0, reason = NULL"
                         : turning->turn == YQ_TURN_HOLD ? "held = 1, reason = ?2"
                                                         : "held = 0, reason = NULL";
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    if (turning->turn == YQ_TURN_RETRY)
        yq_buf_putf(&sql, "UPDATE outbox_lane SET %s WHERE %s", change,
                    turning->id ? "(kind, destination) = (SELECT kind, destination FROM outbox_job "
                                  "WHERE id = ?1)"
                    : turning->destination ? "destination = ?1"
                                           : "1");
    else
        yq_buf_putf(&sql,
                    "INSERT INTO outbox_lane(kind, destination, held, reason) SELECT value, ?1, "
                    "%d, %s FROM json_each('[0,1,2]') WHERE true ON CONFLICT DO UPDATE SET %s",
                    turning->turn == YQ_TURN_HOLD, turning->turn == YQ_TURN_HOLD ? "?2" : "NULL",
                    change);
    sqlite3_stmt *update yq_cleanup(statement_drop) =
        connection_prepare(writer, yq_buf_text(&sql), err);
    if (!update)
        return false;
    if (turning->id)
        sqlite3_bind_int64(update, 1, turning->id);
    else if (turning->destination)
        sqlite3_bind_text(update, 1, turning->destination, -1, SQLITE_STATIC);
    if (turning->turn == YQ_TURN_HOLD)
        bind_text(update, 2, turning->reason);
    return statement_run(writer, update, err);
}

bool yq_outbox_turn(struct yq_catalog *catalog, enum yq_turn turn, int64_t id,
                    const char *destination, const char *reason, uint64_t *count,
                    struct yq_err *err)
{
    struct turning turning = {
        .turn = turn, .id = id, .destination = id ? NULL : destination, .reason = reason};
    bool there = true, lane = turn == YQ_TURN_HOLD || turn == YQ_TURN_RELEASE;
    *count = 0;
    if (!id && lane) {
        *count = 1;
        return commit_simple(catalog, turn_lanes, &turning, err);
    }
    if (turn == YQ_TURN_RETRY && !commit_simple(catalog, turn_lanes, &turning, err))
        return false;
    turning.from = id ? id - 1 : 0;
    turning.to = id;
    while (there) {
        if (!id && !next_portion(catalog, &turning, &there, err))
            return false;
        if (there && !commit_simple(catalog, turn_portion, &turning, err))
            return false;
        turning.from = turning.to;
        there = there && !id;
    }
    *count = turning.count;
    return true;
}

struct pruning {
    int64_t before_ms;
    uint64_t count;
};

static bool prune(struct connection *writer, void *with, struct yq_err *err)
{
    struct pruning *pruning = with;
    sqlite3_stmt *remove yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "DELETE FROM outbox_job WHERE id IN (SELECT id FROM outbox_job WHERE state > 5 AND "
        "changed_ms < ? LIMIT ?)",
        err);
    if (!remove)
        return false;
    sqlite3_bind_int64(remove, 1, pruning->before_ms);
    sqlite3_bind_int64(remove, 2, PORTION);
    if (!statement_run(writer, remove, err))
        return false;
    pruning->count = (uint64_t)sqlite3_changes(writer->db);
    return true;
}

bool yq_outbox_prune(struct yq_catalog *catalog, int64_t before_ms, uint64_t *count,
                     struct yq_err *err)
{
    struct pruning pruning = {.before_ms = before_ms};
    *count = 0;
    do {
        if (!commit_simple(catalog, prune, &pruning, err))
            return false;
        *count += pruning.count;
    } while (pruning.count == PORTION);
    return true;
}
