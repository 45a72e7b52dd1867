/* outbox.c: jobs on their way: into the outbox with an instance, to a courier, and out of it.
 *
 * State is the row. Claiming looks into one partial index per priority, so it does not matter how
 * much waits. Counts of a job are kept in its row and agree with its items. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"

static const char *const state_names[] = {"gathering", "pending", "retry", "sending",
                                          "held",      "refused", "done",  "dropped"};
static const char *const kind_names[] = {"forward", "pull", "report"};

const char *yq_job_state_name(enum yq_job_state state) { return state_names[state]; }
const char *yq_job_kind_name(enum yq_job_kind kind) { return kind_names[kind]; }

bool yq_job_state_parse(const char *text, enum yq_job_state *state)
{
    for (int i = 0; i < YQ_JOB_STATE_COUNT; i++) {
        *state = (enum yq_job_state)i;
        if (strcmp(state_names[i], text) == 0)
            return true;
    }
    return false;
}

static uint64_t column_count(sqlite3_stmt *row, int column)
{
    int64_t value = sqlite3_column_int64(row, column);
    return value > 0 ? (uint64_t)value : 0;
}

void job_read(sqlite3_stmt *row, struct yq_job *job)
{
    memset(job, 0, sizeof *job);
    job->id = sqlite3_column_int64(row, 0);
    int kind = sqlite3_column_int(row, 1);
    job->kind = kind > 0 && kind < YQ_JOB_KIND_COUNT ? (enum yq_job_kind)kind : YQ_JOB_FORWARD;
    int state = sqlite3_column_int(row, 2);
    job->state =
        state >= 0 && state < YQ_JOB_STATE_COUNT ? (enum yq_job_state)state : YQ_JOB_DROPPED;
    (void)yq_copy(job->destination, sizeof job->destination, column_text(row, 3));
    (void)yq_copy(job->rule, sizeof job->rule, column_text(row, 4));
    (void)yq_copy(job->study, sizeof job->study, column_text(row, 5));
    (void)yq_copy(job->syntax, sizeof job->syntax, column_text(row, 6));
    job->priority = sqlite3_column_int(row, 7);
    job->gathers = (enum yq_gathers)sqlite3_column_int(row, 8);
    job->tries = (unsigned)sqlite3_column_int(row, 9);
    job->next_ms = sqlite3_column_int64(row, 10);
    job->created_ms = sqlite3_column_int64(row, 11);
    job->changed_ms = sqlite3_column_int64(row, 12);
    job->queued_ms = sqlite3_column_int64(row, 13);
    job->pending = column_count(row, 14);
    job->sent = column_count(row, 15);
    job->refused = column_count(row, 16);
    job->dropped = column_count(row, 17);
    copy_characters(job->reason, sizeof job->reason, column_text(row, 18));
    job->wakes = sqlite3_column_int(row, 19);
}

/* Runs a statement made for this once, with up to four numbers. */
static bool run_once(struct connection *writer, const char *sql, const int64_t *numbers,
                     size_t count, struct yq_err *err)
{
    sqlite3_stmt *statement yq_cleanup(statement_drop) = connection_prepare(writer, sql, err);
    if (!statement)
        return false;
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(statement, (int)i + 1, numbers[i]);
    return statement_run(writer, statement, err);
}

/* ---- into it ---- */

/* What is there already: the one item that a job had before, in whatever state. */
static bool open_item_again(struct connection *writer, int64_t job, const char *instance,
                            struct yq_err *err)
{
    sqlite3_stmt *item yq_cleanup(statement_drop) = connection_prepare(
        writer, "UPDATE outbox_item SET state = 0, reason = NULL WHERE job_id = ? AND instance = ?",
        err);
    if (!item)
        return false;
    sqlite3_bind_int64(item, 1, job);
    sqlite3_bind_text(item, 2, instance, -1, SQLITE_STATIC);
    return statement_run(writer, item, err) &&
           run_once(writer,
                    "UPDATE outbox_job SET "
                    "n_pending = (SELECT count(*) FROM outbox_item WHERE job_id = ?1 AND state = "
                    "0), n_refused = (SELECT count(*) FROM outbox_item WHERE job_id = ?1 AND "
                    "state = 1), n_dropped = (SELECT count(*) FROM outbox_item WHERE job_id = ?1 "
                    "AND state = 2) WHERE id = ?1",
                    &job, 1, err);
}

static bool add_item(struct connection *writer, int64_t job, const char *instance,
                     struct yq_err *err)
{
    sqlite3_stmt *item = connection_statement(writer, ST_OUTBOX_ITEM, err);
    if (!item)
        return false;
    sqlite3_bind_int64(item, 1, job);
    sqlite3_bind_text(item, 2, instance, -1, SQLITE_STATIC);
    if (!statement_run(writer, item, err))
        return false;
    return sqlite3_changes(writer->db) == 1 || open_item_again(writer, job, instance, err);
}

/* *id 0: there is none. */
static bool find_job(struct connection *writer, const struct yq_dispatch *order,
                     const struct yq_key *key, int64_t *id, int *state, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(writer, ST_OUTBOX_FIND, err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, key->study, -1, SQLITE_STATIC);
    sqlite3_bind_text(get, 2, order->destination, -1, SQLITE_STATIC);
    sqlite3_bind_int(get, 3, order->kind);
    sqlite3_bind_text(get, 4, order->rule, -1, SQLITE_STATIC);
    if (!statement_step(writer, get, &row, err))
        return false;
    *id = row ? sqlite3_column_int64(get, 0) : 0;
    *state = row ? sqlite3_column_int(get, 1) : 0;
    sqlite3_reset(get);
    return true;
}

/* A new job, or one that begins anew or is put off. */
static bool write_job(struct connection *writer, const struct yq_dispatch *order,
                      const struct yq_key *key, int64_t now_ms, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_OUTBOX_JOB, err);
    if (!add)
        return false;
    sqlite3_bind_int(add, 1, order->kind);
    sqlite3_bind_text(add, 2, order->destination, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, order->rule, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 4, key->study, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 5, order->syntax, -1, SQLITE_STATIC);
    sqlite3_bind_int(add, 6, order->priority);
    sqlite3_bind_int(add, 7, order->gathers);
    sqlite3_bind_int(add, 8, order->gathers ? YQ_JOB_GATHERING : YQ_JOB_PENDING);
    sqlite3_bind_int64(add, 9, order->due_ms);
    sqlite3_bind_int64(add, 10, now_ms);
    return statement_run(writer, add, err);
}

/* The usual case, one more of what waits or goes already: no column of an index is touched. */
static bool count_one_more(struct connection *writer, int64_t job, struct yq_err *err)
{
    sqlite3_stmt *more = connection_statement(writer, ST_OUTBOX_MORE, err);
    if (!more)
        return false;
    sqlite3_bind_int64(more, 1, job);
    return statement_run(writer, more, err);
}

bool outbox_put(struct connection *writer, const struct yq_dispatch *order,
                const struct yq_key *key, int64_t now_ms, struct yq_err *err)
{
    int64_t job;
    int state;
    if (!find_job(writer, order, key, &job, &state, err))
        return false;
    if (order->kind == YQ_JOB_PULL)
        return job || write_job(writer, order, key, now_ms, err);
    bool waits = job && state != YQ_JOB_GATHERING && state < YQ_JOB_REFUSED;
    if (waits && !order->gathers ? !count_one_more(writer, job, err)
                                 : !write_job(writer, order, key, now_ms, err))
        return false;
    if (!job)
        job = sqlite3_last_insert_rowid(writer->db);
    return add_item(writer, job, key->instance, err);
}

/* ---- to a courier ---- */

static bool wake(struct connection *writer, void *with, struct yq_err *err)
{
    (void)with;
    return run_once(writer, "UPDATE outbox_job SET state = 1 WHERE state = 3", NULL, 0, err);
}

bool yq_outbox_wake(struct yq_catalog *catalog, struct yq_err *err)
{
    return commit_simple(catalog, wake, NULL, err);
}

bool lane_read(struct connection *connection, struct yq_lane *lane, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(connection, ST_OUTBOX_LANE, err);
    if (!get)
        return false;
    sqlite3_bind_int(get, 1, lane->kind);
    sqlite3_bind_text(get, 2, lane->destination, -1, SQLITE_STATIC);
    if (!statement_step(connection, get, &row, err))
        return false;
    if (row) {
        lane->held = sqlite3_column_int(get, 0);
        lane->tries = (unsigned)sqlite3_column_int(get, 1);
        lane->next_ms = sqlite3_column_int64(get, 2);
        copy_characters(lane->reason, sizeof lane->reason, column_text(get, 3));
        lane->sent = column_count(get, 4);
        lane->failed = column_count(get, 5);
        lane->retries = column_count(get, 6);
    }
    sqlite3_reset(get);
    return true;
}

bool lane_next(struct connection *reader, enum statement which, struct yq_lane *lane, bool *there,
               struct yq_err *err)
{
    *there = false;
    for (int kind = lane->kind; kind < YQ_JOB_KIND_COUNT && !*there; kind++) {
        sqlite3_stmt *get = connection_statement(reader, which, err);
        if (!get)
            return false;
        const char *behind = kind == (int)lane->kind ? lane->destination : "";
        sqlite3_bind_int(get, 1, kind);
        sqlite3_bind_text(get, 2, behind, -1, SQLITE_STATIC);
        if (!statement_step(reader, get, there, err))
            return false;
        if (*there) {
            struct yq_lane next = {.kind = (enum yq_job_kind)kind};
            (void)yq_copy(next.destination, sizeof next.destination, column_text(get, 0));
            *lane = next;
        }
        sqlite3_reset(get);
    }
    return true;
}

bool lane_ask(struct connection *reader, enum statement which, const struct yq_lane *lane,
              int number, int64_t *value, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(reader, which, err);
    if (!get)
        return false;
    sqlite3_bind_int(get, 1, lane->kind);
    sqlite3_bind_text(get, 2, lane->destination, -1, SQLITE_STATIC);
    sqlite3_bind_int(get, 3, number);
    if (!statement_step(reader, get, &row, err))
        return false;
    if (row)
        *value = sqlite3_column_int64(get, 0);
    sqlite3_reset(get);
    return true;
}

static bool read_earliest(struct connection *reader, struct yq_lane *lane, struct yq_err *err)
{
    lane->due_ms = INT64_MAX;
    for (int priority = 0; priority < 3; priority++) {
        int64_t due_ms = INT64_MAX;
        if (!lane_ask(reader, ST_OUTBOX_EARLIEST, lane, priority, &due_ms, err))
            return false;
        if (due_ms < lane->due_ms)
            lane->due_ms = due_ms;
    }
    return true;
}

static bool push_lane(struct yq_lane **out, size_t *count, const struct yq_lane *lane,
                      struct yq_err *err)
{
    struct yq_lane *grown = realloc(*out, (*count + 1) * sizeof *grown);
    if (!grown)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for %zu destinations", *count + 1);
    grown[(*count)++] = *lane;
    *out = grown;
    return true;
}

bool yq_outbox_look(struct yq_catalog *catalog, struct yq_lane **out, size_t *count,
                    struct yq_err *err)
{
    struct yq_lane lane = {.kind = YQ_JOB_FORWARD};
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool there = true;
    bool ok = lane_next(reader, ST_OUTBOX_NEXT_LANE, &lane, &there, err);
    while (ok && there)
        ok = lane_read(reader, &lane, err) && read_earliest(reader, &lane, err) &&
             push_lane(out, count, &lane, err) &&
             lane_next(reader, ST_OUTBOX_NEXT_LANE, &lane, &there, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}

struct claiming {
    struct yq_lane lane;
    int64_t now_ms;
    struct yq_job *out;
};

static bool take_due(struct connection *writer, struct claiming *claiming, int priority, bool *row,
                     struct yq_err *err)
{
    sqlite3_stmt *get = connection_statement(writer, ST_OUTBOX_DUE, err);
    if (!get)
        return false;
    sqlite3_bind_int(get, 1, claiming->lane.kind);
    sqlite3_bind_text(get, 2, claiming->lane.destination, -1, SQLITE_STATIC);
    sqlite3_bind_int(get, 3, priority);
    sqlite3_bind_int64(get, 4, claiming->now_ms);
    if (!statement_step(writer, get, row, err))
        return false;
    if (*row)
        job_read(get, claiming->out);
    sqlite3_reset(get);
    sqlite3_stmt *take = *row ? connection_statement(writer, ST_OUTBOX_TAKE, err) : NULL;
    if (!take)
        return !*row;
    sqlite3_bind_int64(take, 1, claiming->out->id);
    sqlite3_bind_int64(take, 2, claiming->now_ms);
    return statement_run(writer, take, err);
}

bool outbox_claim(struct connection *writer, const struct yq_lane *lane, int64_t now_ms,
                  struct yq_job *out, bool *there, struct yq_err *err)
{
    struct claiming claiming = {.lane = *lane, .now_ms = now_ms, .out = out};
    *there = false;
    if (!lane_read(writer, &claiming.lane, err))
        return false;
    bool open = !claiming.lane.held && claiming.lane.next_ms <= now_ms;
    for (int priority = 2; open && !*there && priority >= 0; priority--)
        if (!take_due(writer, &claiming, priority, there, err))
            return false;
    out->lane_tries = claiming.lane.tries;
    return true;
}

static bool claim(struct connection *writer, void *with, struct yq_err *err)
{
    struct claiming *claiming = with;
    bool there;
    return outbox_claim(writer, &claiming->lane, claiming->now_ms, claiming->out, &there, err) &&
           (there || yq_fail(err, YQ_ABSENT, "catalog", "nothing is due"));
}

bool yq_outbox_claim(struct yq_catalog *catalog, enum yq_job_kind kind, const char *destination,
                     int64_t now_ms, struct yq_job *out, struct yq_err *err)
{
    struct claiming claiming = {.lane = {.kind = kind}, .now_ms = now_ms, .out = out};
    (void)yq_copy(claiming.lane.destination, sizeof claiming.lane.destination, destination);
    return commit_simple(catalog, claim, &claiming, err);
}

bool yq_outbox_items(struct yq_catalog *catalog, int64_t job, size_t most, struct yq_entry **out,
                     size_t *count, struct yq_err *err)
{
    struct entries entries = {0};
    bool row = true;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader,
        "SELECT " ENTRY_COLUMNS " FROM outbox_item AS item CROSS JOIN instance ON "
        "instance.SOPInstanceUID = item.instance AND instance.copy = 0 JOIN series ON series.id = "
        "instance.series_id JOIN study ON study.id = series.study_id WHERE item.job_id = ? AND "
        "item.state = 0 ORDER BY instance.id LIMIT ?",
        err);
    bool ok = get;
    if (ok) {
        sqlite3_bind_int64(get, 1, job);
        sqlite3_bind_int64(get, 2, (int64_t)most);
    }
    while (ok && row) {
        struct yq_entry entry;
        ok = statement_step(reader, get, &row, err);
        if (ok && row) {
            entry_read(get, &entry);
            ok = entries_push(&entries, &entry, err);
        }
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    if (!ok) {
        free(entries.entry);
        return false;
    }
    *out = entries.entry;
    *count = entries.count;
    return true;
}

/* ---- what a courier did ---- */

struct noting {
    const struct yq_job *job;
    const struct yq_item_end *outcomes;
    size_t count;
    bool going_on;
};

static bool note_one(struct connection *writer, const struct noting *noting,
                     const struct yq_item_end *outcome, int64_t *sent, int64_t *refused,
                     struct yq_err *err)
{
    sqlite3_stmt *item yq_cleanup(statement_drop) = connection_prepare(
        writer,
        outcome->refused ? "UPDATE outbox_item SET state = 1, reason = ?3 WHERE job_id = ?1 AND "
                           "instance = ?2 AND state = 0"
                         : "DELETE FROM outbox_item WHERE job_id = ?1 AND instance = ?2 AND "
                           "state = 0",
        err);
    if (!item)
        return false;
    sqlite3_bind_int64(item, 1, noting->job->id);
    sqlite3_bind_text(item, 2, outcome->instance, -1, SQLITE_STATIC);
    if (outcome->refused)
        bind_text(item, 3, outcome->reason);
    if (!statement_run(writer, item, err))
        return false;
    *(outcome->refused ? refused : sent) += sqlite3_changes(writer->db);
    return true;
}

bool outbox_count(struct connection *writer, const struct yq_job *job, int64_t sent, int64_t failed,
                  int64_t retries, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_OUTBOX_COUNT, err);
    if (!add)
        return false;
    sqlite3_bind_int(add, 1, job->kind);
    sqlite3_bind_text(add, 2, job->destination, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, sent);
    sqlite3_bind_int64(add, 4, failed);
    sqlite3_bind_int64(add, 5, retries);
    return statement_run(writer, add, err);
}

bool outbox_going_on(struct connection *writer, int64_t job, bool *going_on, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(writer, ST_OUTBOX_GOING_ON, err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, job);
    if (!statement_step(writer, get, &row, err))
        return false;
    *going_on = row && sqlite3_column_int(get, 0);
    sqlite3_reset(get);
    return true;
}

static bool note(struct connection *writer, void *with, struct yq_err *err)
{
    struct noting *noting = with;
    int64_t sent = 0, refused = 0;
    for (size_t i = 0; i < noting->count; i++)
        if (!note_one(writer, noting, &noting->outcomes[i], &sent, &refused, err))
            return false;
    const int64_t numbers[] = {noting->job->id, sent, refused};
    return run_once(writer,
                    "UPDATE outbox_job SET n_pending = n_pending - ?2 - ?3, n_sent = n_sent + ?2, "
                    "n_refused = n_refused + ?3 WHERE id = ?1",
                    numbers, 3, err) &&
           outbox_count(writer, noting->job, sent, refused, 0, err) &&
           outbox_going_on(writer, noting->job->id, &noting->going_on, err);
}

bool yq_outbox_note(struct yq_catalog *catalog, const struct yq_job *job,
                    const struct yq_item_end *outcomes, size_t count, bool *going_on,
                    struct yq_err *err)
{
    struct noting noting = {.job = job, .outcomes = outcomes, .count = count};
    bool ok = commit_simple(catalog, note, &noting, err);
    *going_on = ok && noting.going_on;
    return ok;
}

static bool mark_told(struct connection *writer, void *with, struct yq_err *err)
{
    const int64_t *last = with;
    return run_once(writer,
                    "UPDATE outbox_job SET told = 1 WHERE state = 7 AND told = 0 AND id <= ?1",
                    last, 1, err);
}

bool yq_outbox_dropped(struct yq_catalog *catalog, struct yq_job *jobs, size_t room, size_t *count,
                       struct yq_err *err)
{
    bool row = true;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, ST_OUTBOX_UNTOLD, err);
    bool ok = get;
    while (ok && row && *count < room) {
        ok = statement_step(reader, get, &row, err);
        if (ok && row)
            job_read(get, &jobs[(*count)++]);
    }
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok && (!*count || commit_simple(catalog, mark_told, &jobs[*count - 1].id, err));
}

struct settling {
    const struct yq_job *job;
    const struct yq_settlement *how;
};

static bool drop_gone(struct connection *writer, int64_t job, struct yq_err *err)
{
    if (!run_once(writer,
                  "UPDATE outbox_item SET state = 2, reason = 'it is not in this node any more' "
                  "WHERE job_id = ?1 AND state = 0 AND NOT EXISTS (SELECT 1 FROM instance WHERE "
                  "SOPInstanceUID = outbox_item.instance AND copy = 0)",
                  &job, 1, err))
        return false;
    const int64_t numbers[] = {job, sqlite3_changes(writer->db)};
    return run_once(writer,
                    "UPDATE outbox_job SET n_pending = n_pending - ?2, n_dropped = n_dropped + ?2 "
                    "WHERE id = ?1",
                    numbers, 2, err);
}

/* Only of a job that is still being sent: one that somebody held or dropped meanwhile stays so. */
static const char *const settle_sql[] = {
    /* what came meanwhile goes on; its next_ms was set when it came */
    [YQ_SETTLE_OVER] =
        "UPDATE outbox_job SET n_pending = CASE kind WHEN 1 THEN 0 ELSE n_pending END, "
        "n_sent = n_sent + ?5, tries = 0, changed_ms = ?2, "
        "reason = coalesce(?4, CASE WHEN n_refused > 0 THEN reason WHEN n_sent = 0 AND n_dropped > "
        "0 "
        "THEN 'it is not in this node any more' END), "
        "state = CASE WHEN kind = 0 AND n_pending > 0 THEN gathers = 0 "
        "WHEN n_refused > 0 THEN 5 WHEN n_sent = 0 AND n_dropped > 0 THEN 7 ELSE 6 END "
        "WHERE id = ?1 AND state = 3",
    [YQ_SETTLE_RETRY] = "UPDATE outbox_job SET state = 2, tries = tries + 1, changed_ms = ?2, "
                        "next_ms = ?3, reason = ?4 WHERE id = ?1 AND state = 3",
    [YQ_SETTLE_BACK] = "UPDATE outbox_job SET state = CASE WHEN tries > 0 THEN 2 ELSE 1 END, "
                       "changed_ms = ?2 WHERE id = ?1 AND state = 3",
    [YQ_SETTLE_REFUSED] = "UPDATE outbox_job SET state = 5, changed_ms = ?2, reason = ?4 "
                          "WHERE id = ?1 AND state = 3",
};

static bool settle_lane(struct connection *writer, const struct settling *settling,
                        struct yq_err *err)
{
    const struct yq_settlement *how = settling->how;
    bool trouble = how->lane == YQ_LANE_TROUBLE;
    bool retried = trouble || how->how == YQ_SETTLE_RETRY;
    if (how->lane == YQ_LANE_AS_IT_WAS && !retried && !how->fetched)
        return true;
    if (!outbox_count(writer, settling->job, (int64_t)how->fetched, 0, retried, err))
        return false;
    return outbox_settle_lane(writer, settling->job, how, err);
}

bool outbox_settle_lane(struct connection *writer, const struct yq_job *job,
                        const struct yq_settlement *how, struct yq_err *err)
{
    bool trouble = how->lane == YQ_LANE_TROUBLE;
    if (how->lane == YQ_LANE_AS_IT_WAS)
        return true;
    sqlite3_stmt *update =
        connection_statement(writer, trouble ? ST_OUTBOX_LANE_TROUBLE : ST_OUTBOX_LANE_WELL, err);
    if (!update)
        return false;
    sqlite3_bind_int(update, 1, job->kind);
    sqlite3_bind_text(update, 2, job->destination, -1, SQLITE_STATIC);
    if (trouble) {
        sqlite3_bind_int64(update, 3, how->lane_next_ms);
        bind_text(update, 4, how->reason);
        sqlite3_bind_int64(update, 5, (int64_t)job->lane_tries + 1);
    }
    return statement_run(writer, update, err);
}

static bool settle(struct connection *writer, void *with, struct yq_err *err)
{
    const struct settling *settling = with;
    const struct yq_settlement *how = settling->how;
    if (how->how == YQ_SETTLE_HELD)
        return yq_fail(err, YQ_BUG, "catalog", "only records are held by the node");
    if (how->gone && !drop_gone(writer, settling->job->id, err))
        return false;
    sqlite3_stmt *update yq_cleanup(statement_drop) =
        connection_prepare(writer, settle_sql[how->how], err);
    if (!update)
        return false;
    sqlite3_bind_int64(update, 1, settling->job->id);
    sqlite3_bind_int64(update, 2, yq_now_ms());
    if (how->how == YQ_SETTLE_RETRY)
        sqlite3_bind_int64(update, 3, how->next_ms);
    if (how->how != YQ_SETTLE_BACK)
        bind_text(update, 4, how->reason);
    if (how->how == YQ_SETTLE_OVER)
        sqlite3_bind_int64(update, 5, (int64_t)how->fetched);
    return statement_run(writer, update, err) && settle_lane(writer, settling, err);
}

bool yq_outbox_settle(struct yq_catalog *catalog, const struct yq_job *job,
                      const struct yq_settlement *how, struct yq_err *err)
{
    struct settling settling = {.job = job, .how = how};
    return commit_simple(catalog, settle, &settling, err);
}

struct study_turn {
    const struct yq_job *job; /* expect */
    const char *study;
    int64_t due_ms;
};

static bool complete(struct connection *writer, void *with, struct yq_err *err)
{
    const struct study_turn *turn = with;
    sqlite3_stmt *update yq_cleanup(statement_drop) = connection_prepare(
        writer, "UPDATE outbox_job SET next_ms = ?2 WHERE study = ?1 AND state = 0 AND gathers = 2",
        err);
    if (!update)
        return false;
    sqlite3_bind_text(update, 1, turn->study, -1, SQLITE_STATIC);
    sqlite3_bind_int64(update, 2, turn->due_ms);
    return statement_run(writer, update, err);
}

bool yq_outbox_complete(struct yq_catalog *catalog, const char *study, int64_t due_ms,
                        struct yq_err *err)
{
    struct study_turn turn = {.study = study, .due_ms = due_ms};
    return commit_simple(catalog, complete, &turn, err);
}

static bool expect(struct connection *writer, void *with, struct yq_err *err)
{
    const struct study_turn *turn = with;
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO outbox_job(kind, destination, rule, study, syntax, priority, gathers, state, "
        "next_ms, created_ms, queued_ms, changed_ms, n_pending, reason) VALUES(1, ?1, ?2, ?3, '', "
        "?4, 0, 6, ?5, ?5, ?5, ?5, 0, 'was fetched as an earlier study') ON CONFLICT DO NOTHING",
        err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, turn->job->destination, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, turn->job->rule, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, turn->study, -1, SQLITE_STATIC);
    sqlite3_bind_int(add, 4, turn->job->priority);
    sqlite3_bind_int64(add, 5, yq_now_ms());
    return statement_run(writer, add, err);
}

bool yq_outbox_expect(struct yq_catalog *catalog, const struct yq_job *job, const char *study,
                      struct yq_err *err)
{
    struct study_turn turn = {.job = job, .study = study};
    return commit_simple(catalog, expect, &turn, err);
}

/* ---- what is deleted from the node ---- */

static bool forget_one(struct connection *writer, const struct yq_entry *entry, struct yq_err *err)
{
    sqlite3_stmt *drop = connection_statement(writer, ST_OUTBOX_FORGET, err);
    if (!drop)
        return false;
    sqlite3_bind_text(drop, 1, entry->key.study, -1, SQLITE_STATIC);
    sqlite3_bind_text(drop, 2, entry->key.instance, -1, SQLITE_STATIC);
    return statement_run(writer, drop, err);
}

/* What has nothing left to send is over; one that is being sent its courier will settle. */
static bool close_empty(struct connection *writer, const char *study, struct yq_err *err)
{
    sqlite3_stmt *close yq_cleanup(statement_drop) =
        connection_prepare(writer,
                           "UPDATE outbox_job SET reason = 'deleted from this node', told = 0, "
                           "changed_ms = ?2, state = CASE "
                           "WHEN n_refused > 0 THEN 5 ELSE 7 END WHERE study = ?1 AND kind = 0 "
                           "AND n_pending = 0 AND state IN (0, 1, 2, 4)",
                           err);
    if (!close)
        return false;
    sqlite3_bind_text(close, 1, study, -1, SQLITE_STATIC);
    sqlite3_bind_int64(close, 2, yq_now_ms());
    return statement_run(writer, close, err);
}

static bool count_again(struct connection *writer, const char *study, struct yq_err *err)
{
    sqlite3_stmt *count yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "UPDATE outbox_job SET n_pending = (SELECT count(*) FROM outbox_item WHERE job_id = id AND "
        "state = 0), n_dropped = (SELECT count(*) FROM outbox_item WHERE job_id = id AND state = "
        "2) WHERE study = ?1 AND kind = 0",
        err);
    if (!count)
        return false;
    sqlite3_bind_text(count, 1, study, -1, SQLITE_STATIC);
    return statement_run(writer, count, err);
}

bool outbox_forget(struct connection *writer, const struct yq_entry *gone, size_t count,
                   struct yq_err *err)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (gone[i].copy == 0 && !forget_one(writer, &gone[i], err))
            return false;
        any |= gone[i].copy == 0 && sqlite3_changes(writer->db) > 0;
        /* entries of one study stand together but for rare ones, which are counted twice */
        bool last = i + 1 == count || strcmp(gone[i].key.study, gone[i + 1].key.study) != 0;
        if (!any || !last)
            continue;
        if (!count_again(writer, gone[i].key.study, err) ||
            !close_empty(writer, gone[i].key.study, err))
            return false;
        any = false;
    }
    return true;
}
