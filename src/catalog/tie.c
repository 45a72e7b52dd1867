/* tie.c: ties between exams, reports and studies. */
#include <stdlib.h>
#include <string.h>

#include "consignment.h"
#include "yq/clock.h"
#include "yq/tie.h"

#define TIE_COLUMNS "id, exam, report, study, how, state, made_ms, person"

static void tie_take(sqlite3_stmt *row, struct yq_tie *out)
{
    memset(out, 0, sizeof *out);
    out->id = sqlite3_column_int64(row, 0);
    out->exam = sqlite3_column_int64(row, 1);
    out->report = sqlite3_column_int64(row, 2);
    yq_copy(out->study, sizeof out->study, column_text(row, 3));
    out->how = sqlite3_column_int(row, 4);
    out->state = (enum yq_tie_state)sqlite3_column_int(row, 5);
    out->made_ms = sqlite3_column_int64(row, 6);
    yq_copy(out->person, sizeof out->person, column_text(row, 7));
}

/* ---- what the node finds by itself ---- */

/* Which two of the three it joins. */
static int pair_of(const struct yq_tie *tie)
{
    return (tie->exam != 0) | (tie->report != 0) << 1 | (*tie->study != '\0') << 2;
}

static bool same_ends(const struct yq_tie *a, const struct yq_tie *b)
{
    return a->exam == b->exam && a->report == b->report && strcmp(a->study, b->study) == 0;
}

static int maker_of(const struct yq_tying *tying)
{
    return tying->exam ? 1 : tying->report ? 2 : 4;
}

static bool bind_subject(sqlite3_stmt *statement, const struct yq_tying *tying)
{
    sqlite3_bind_int64(statement, 1, tying->exam);
    sqlite3_bind_int64(statement, 2, tying->report);
    sqlite3_bind_text(statement, 3, tying->study ? tying->study : "", -1, SQLITE_STATIC);
    return true;
}

/* Platforms see an exam with what it is joined with. */
static bool note_tie(struct connection *writer, const struct yq_tie *tie, struct yq_err *err)
{
    return !tie->exam || (consignment_note(writer, tie->exam, NULL, err) &&
                          (!tie->report || consignment_note(writer, tie->report, NULL, err)));
}

/* Whether a tie that was found earlier goes, now that these are found. */
static bool is_stale(const struct yq_tying *tying, const struct yq_tie *earlier, int maker)
{
    bool sure = false;
    for (size_t i = 0; i < tying->count; i++) {
        if (same_ends(&tying->ties[i], earlier))
            return false;
        sure |= tying->ties[i].state == YQ_TIE_SURE && pair_of(&tying->ties[i]) == pair_of(earlier);
    }
    if (earlier->state == YQ_TIE_SURE)
        return true;
    return earlier->state == YQ_TIE_GUESS && (sure || maker == maker_of(tying));
}

static bool remove_stale(struct connection *writer, const struct yq_tying *tying,
                         struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(writer, ST_TIES_OF, err);
    if (!get || !bind_subject(get, tying))
        return false;
    while (statement_step(writer, get, &row, err)) {
        struct yq_tie earlier;
        if (!row)
            return true;
        tie_take(get, &earlier);
        if (!is_stale(tying, &earlier, sqlite3_column_int(get, 8)))
            continue;
        sqlite3_stmt *remove = connection_statement(writer, ST_TIE_REMOVE, err);
        if (remove)
            sqlite3_bind_int64(remove, 1, earlier.id);
        if (!remove || !statement_run(writer, remove, err) || !note_tie(writer, &earlier, err))
            break;
    }
    sqlite3_reset(get);
    return false;
}

static bool put_tie(struct connection *writer, const struct yq_tie *tie, int maker,
                    struct yq_err *err)
{
    sqlite3_stmt *put = connection_statement(writer, ST_TIE_PUT, err);
    if (!put)
        return false;
    sqlite3_bind_int64(put, 1, tie->exam);
    sqlite3_bind_int64(put, 2, tie->report);
    sqlite3_bind_text(put, 3, tie->study, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 4, tie->how);
    sqlite3_bind_int(put, 5, tie->state);
    sqlite3_bind_int64(put, 6, yq_now_ms());
    sqlite3_bind_int(put, 7, maker);
    return statement_run(writer, put, err) &&
           (sqlite3_changes(writer->db) == 0 || note_tie(writer, tie, err));
}

struct tying_all {
    const struct yq_tying *tyings;
    size_t count;
};

static bool tie_all(struct connection *writer, void *with, struct yq_err *err)
{
    const struct tying_all *all = with;
    for (size_t i = 0; i < all->count; i++) {
        const struct yq_tying *tying = &all->tyings[i];
        int64_t row = tying->exam ? tying->exam : tying->report;
        if (!remove_stale(writer, tying, err))
            return false;
        for (size_t t = 0; t < tying->count; t++)
            if (!put_tie(writer, &tying->ties[t], maker_of(tying), err))
                return false;
        sqlite3_stmt *done = row ? connection_statement(writer, ST_TIE_DUE_REMOVE, err) : NULL;
        if (done)
            sqlite3_bind_int64(done, 1, row);
        if (row && (!done || !statement_run(writer, done, err)))
            return false;
    }
    return true;
}

bool yq_catalog_tie(struct yq_catalog *catalog, const struct yq_tying *tyings, size_t count,
                    struct yq_err *err)
{
    struct tying_all all = {tyings, count};
    return !count || commit_simple(catalog, tie_all, &all, err);
}

/* ---- what a person decides ---- */

struct deciding {
    const struct yq_tie *tie;
    int64_t id;
};

static bool decide(struct connection *writer, void *with, struct yq_err *err)
{
    struct deciding *deciding = with;
    const struct yq_tie *tie = deciding->tie;
    bool row;
    sqlite3_stmt *set = connection_statement(writer, ST_TIE_SET, err);
    if (!set)
        return false;
    sqlite3_bind_int64(set, 1, tie->exam);
    sqlite3_bind_int64(set, 2, tie->report);
    sqlite3_bind_text(set, 3, tie->study, -1, SQLITE_STATIC);
    sqlite3_bind_int(set, 4, tie->how);
    sqlite3_bind_int(set, 5, tie->state);
    sqlite3_bind_int64(set, 6, yq_now_ms());
    bind_text(set, 7, tie->person);
    if (!statement_step(writer, set, &row, err))
        return false;
    deciding->id = sqlite3_column_int64(set, 0);
    sqlite3_reset(set);
    return note_tie(writer, tie, err);
}

bool yq_catalog_tie_set(struct yq_catalog *catalog, const struct yq_tie *tie, int64_t *id,
                        struct yq_err *err)
{
    struct deciding deciding = {.tie = tie};
    if (!commit_simple(catalog, decide, &deciding, err))
        return false;
    *id = deciding.id;
    return true;
}

/* ---- reading ---- */

bool yq_catalog_tie_get(struct yq_catalog *catalog, int64_t id, struct yq_tie *out,
                        struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, ST_TIE_GET, err);
    if (get)
        sqlite3_bind_int64(get, 1, id);
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row)
        tie_take(get, out);
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok &&
           (row || yq_fail(err, YQ_ABSENT, "catalog", "there is no link %lld", (long long)id));
}

static bool write_question(const struct yq_tie_query *query, struct yq_buf *sql)
{
    yq_buf_puts(sql, "SELECT " TIE_COLUMNS " FROM record_link WHERE id < ?1");
    if (query->exam)
        yq_buf_puts(sql, " AND exam = ?2");
    if (query->report)
        yq_buf_puts(sql, " AND report = ?3 AND report > 0");
    if (query->study)
        yq_buf_puts(sql, " AND study = ?4 AND study > ''");
    if (query->state >= 0)
        yq_buf_puts(sql, " AND state = ?5");
    else if (query->state == -1)
        yq_buf_puts(sql, " AND state < 3");
    yq_buf_puts(sql, " ORDER BY id DESC LIMIT ?6");
    return !sql->failed;
}

static bool list_ties(struct connection *reader, const struct yq_tie_query *query,
                      struct yq_tie *list, size_t room, size_t *count, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    bool row;
    write_question(query, &sql);
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(reader, yq_buf_text(&sql), err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, query->before_id ? query->before_id : INT64_MAX);
    sqlite3_bind_int64(get, 2, query->exam);
    sqlite3_bind_int64(get, 3, query->report);
    if (query->study)
        sqlite3_bind_text(get, 4, query->study, -1, SQLITE_STATIC);
    sqlite3_bind_int(get, 5, query->state);
    sqlite3_bind_int64(get, 6, (int64_t)room);
    while (*count < room) {
        if (!statement_step(reader, get, &row, err))
            return false;
        if (!row)
            break;
        tie_take(get, &list[(*count)++]);
    }
    return true;
}

bool yq_catalog_ties(struct yq_catalog *catalog, const struct yq_tie_query *query,
                     struct yq_tie **out, size_t *count, struct yq_err *err)
{
    size_t room = query->limit ? query->limit : 100;
    *count = 0;
    *out = calloc(room, sizeof **out);
    if (!*out)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for %zu links", room);
    struct connection *reader = reader_take(catalog, err);
    bool ok = reader && list_ties(reader, query, *out, room, count, err);
    if (reader)
        reader_give(catalog, reader);
    if (!ok) {
        free(*out);
        *out = NULL;
    }
    return ok;
}

/* Rows from a statement with a bound and a number of rows. */
static bool list_rows(struct yq_catalog *catalog, enum statement which, int64_t bound,
                      int64_t *rows, size_t room, size_t *count, struct yq_err *err)
{
    bool row = true, ok = true;
    struct connection *reader = reader_take(catalog, err);
    *count = 0;
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, which, err);
    if (get) {
        sqlite3_bind_int64(get, 1, bound);
        sqlite3_bind_int64(get, 2, (int64_t)room);
    }
    while (get && ok && row && *count < room) {
        ok = statement_step(reader, get, &row, err);
        if (ok && row)
            rows[(*count)++] = sqlite3_column_int64(get, 0);
    }
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return get && ok;
}

bool yq_catalog_untied(struct yq_catalog *catalog, enum yq_untied what, int64_t before_row,
                       int64_t *rows, size_t room, size_t *count, struct yq_err *err)
{
    static const enum statement statements[] = {[YQ_UNTIED_EXAM_STUDY] = ST_UNTIED_EXAM,
                                                [YQ_UNTIED_REPORT_EXAM] = ST_UNTIED_REPORT,
                                                [YQ_UNTIED_REPORT_STUDY] = ST_UNTIED_REPORT_STUDY};
    return list_rows(catalog, statements[what], before_row ? before_row : INT64_MAX, rows, room,
                     count, err);
}

bool yq_catalog_ties_due(struct yq_catalog *catalog, int64_t after_row, int64_t *rows, size_t room,
                         size_t *count, struct yq_err *err)
{
    return list_rows(catalog, ST_TIES_DUE, after_row, rows, room, count, err);
}
