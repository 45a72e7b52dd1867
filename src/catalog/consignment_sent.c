/* consignment_sent.c: what belongs to an exam, what was sent of it, and the last calls. */
#include <stdlib.h>
#include <string.h>

#include "consignment.h"
#include "outbox.h"
#include "yq/clock.h"

static const char *const state_names[] = {"done", "refused", "held", "waits"};

const char *yq_sent_state_name(enum yq_sent_state state) { return state_names[state]; }

/* ---- lists that grow ---- */

static bool push(void **list, size_t *count, size_t size, const void *one, struct yq_err *err)
{
    if ((*count & (*count - 1)) == 0) { /* it doubles at powers of two */
        void *grown = realloc(*list, (*count ? 2 * *count : 1) * size);
        if (!grown)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu", *count + 1);
        *list = grown;
    }
    memcpy((char *)*list + (*count)++ * size, one, size);
    return true;
}

struct list {
    void *things;
    size_t count, size;
    void (*read)(sqlite3_stmt *row, void *thing);
};

/* All rows of a statement that has its values; resets it. */
static bool list_rows(struct connection *reader, sqlite3_stmt *get, struct list *list,
                      struct yq_err *err)
{
    union {
        struct yq_sent_piece piece;
        struct yq_scope_record record;
        char study[YQ_UID_SIZE];
    } one;
    bool row = true, ok = true;
    while (ok && row) {
        ok = statement_step(reader, get, &row, err);
        if (!ok || !row)
            break;
        memset(&one, 0, sizeof one);
        list->read(get, &one);
        ok = push(&list->things, &list->count, list->size, &one, err);
    }
    sqlite3_reset(get);
    return ok;
}

/* ---- pieces ---- */

static void read_digest(sqlite3_stmt *row, int column, uint8_t out[32])
{
    const void *blob = sqlite3_column_blob(row, column);
    if (blob && sqlite3_column_bytes(row, column) == 32)
        memcpy(out, blob, 32);
}

static void read_piece(sqlite3_stmt *row, void *thing)
{
    struct yq_sent_piece *piece = thing;
    int state = sqlite3_column_int(row, 3);
    piece->exam = sqlite3_column_int64(row, 0);
    (void)yq_copy(piece->platform, sizeof piece->platform, column_text(row, 1));
    (void)yq_copy(piece->piece, sizeof piece->piece, column_text(row, 2));
    piece->state = state >= 0 && state <= YQ_SENT_WAITS ? (enum yq_sent_state)state : YQ_SENT_WAITS;
    read_digest(row, 4, piece->identity);
    read_digest(row, 5, piece->tried);
    piece->sent_ms = sqlite3_column_int64(row, 6);
    piece->changed_ms = sqlite3_column_int64(row, 7);
    piece->sent = (unsigned)sqlite3_column_int(row, 8);
    piece->tries = (unsigned)sqlite3_column_int(row, 9);
    copy_characters(piece->reason, sizeof piece->reason, column_text(row, 10));
}

static bool read_pieces(struct connection *reader, const char *platform, int64_t exam,
                        struct list *list, struct yq_err *err)
{
    sqlite3_stmt *get = connection_statement(reader, ST_CONSIGN_SENT, err);
    if (!get)
        return false;
    *list = (struct list){.size = sizeof(struct yq_sent_piece), .read = read_piece};
    sqlite3_bind_int64(get, 1, exam);
    bind_text(get, 2, platform);
    return list_rows(reader, get, list, err);
}

bool yq_consignments_of(struct yq_catalog *catalog, const char *platform, int64_t exam,
                        struct yq_sent_piece **out, size_t *count, struct yq_err *err)
{
    struct list list = {0};
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_pieces(reader, platform, exam, &list, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(list.things);
        return false;
    }
    *out = list.things;
    *count = list.count;
    return true;
}

/* ---- the scope of an exam ---- */

void yq_exam_scope_fini(struct yq_exam_scope *scope)
{
    free(scope->reports);
    free(scope->studies);
    free(scope->sent);
    *scope = (struct yq_exam_scope){0};
}

static void read_report(sqlite3_stmt *row, void *thing)
{
    struct yq_scope_record *record = thing;
    (void)yq_copy(record->id, sizeof record->id, column_text(row, 0));
}

static void read_gone(sqlite3_stmt *row, void *thing)
{
    read_report(row, thing);
    ((struct yq_scope_record *)thing)->gone = true;
}

static void read_study(sqlite3_stmt *row, void *thing)
{
    (void)yq_copy(thing, YQ_UID_SIZE, column_text(row, 0));
}

/* Rows of a statement about an exam and, where it takes one, a platform. */
static bool read_some(struct connection *reader, enum statement which, int64_t exam,
                      const char *platform, struct list *list, struct yq_err *err)
{
    sqlite3_stmt *get = connection_statement(reader, which, err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, exam);
    if (platform)
        sqlite3_bind_text(get, 2, platform, -1, SQLITE_STATIC);
    return list_rows(reader, get, list, err);
}

static bool was_sent(const struct list *pieces)
{
    const struct yq_sent_piece *piece = pieces->things;
    for (size_t i = 0; i < pieces->count; i++)
        if (piece[i].sent)
            return true;
    return false;
}

bool yq_consignment_scope(struct yq_catalog *catalog, const char *platform, int64_t exam,
                          struct yq_exam_scope *out, struct yq_err *err)
{
    struct list sent = {0};
    struct list reports = {.size = sizeof(struct yq_scope_record), .read = read_report};
    struct list studies = {.size = YQ_UID_SIZE, .read = read_study};
    *out = (struct yq_exam_scope){0};
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_pieces(reader, platform, exam, &sent, err) &&
              read_some(reader, ST_CONSIGN_REPORTS, exam, NULL, &reports, err) &&
              read_some(reader, ST_CONSIGN_STUDIES, exam, NULL, &studies, err);
    reports.read = read_gone;
    ok = ok &&
         (!was_sent(&sent) || read_some(reader, ST_CONSIGN_GONE, exam, platform, &reports, err));
    reader_give(catalog, reader);
    *out = (struct yq_exam_scope){reports.things, reports.count, studies.things,
                                  studies.count,  sent.things,   sent.count};
    if (!ok)
        yq_exam_scope_fini(out);
    return ok;
}

/* ---- what a courier did ---- */

static void bind_digest(sqlite3_stmt *statement, int place, const uint8_t digest[32])
{
    static const uint8_t none[32];
    if (memcmp(digest, none, 32) != 0)
        sqlite3_bind_blob(statement, place, digest, 32, SQLITE_STATIC);
}

static bool put_piece(struct connection *writer, const struct yq_sent_piece *piece,
                      struct yq_err *err)
{
    sqlite3_stmt *put =
        connection_statement(writer, piece->drop ? ST_CONSIGN_DROP : ST_CONSIGN_PUT, err);
    if (!put)
        return false;
    sqlite3_bind_int64(put, 1, piece->exam);
    sqlite3_bind_text(put, 2, piece->platform, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, piece->piece, -1, SQLITE_STATIC);
    if (piece->drop)
        return statement_run(writer, put, err);
    sqlite3_bind_int(put, 4, piece->state);
    bind_digest(put, 5, piece->identity);
    bind_digest(put, 6, piece->tried);
    sqlite3_bind_int64(put, 7, piece->sent_ms);
    sqlite3_bind_int64(put, 8, piece->changed_ms);
    sqlite3_bind_int64(put, 9, piece->sent);
    sqlite3_bind_int64(put, 10, piece->tries);
    bind_text(put, 11, piece->reason);
    return statement_run(writer, put, err);
}

static bool last_call(struct connection *writer, const char *platform, int64_t *n,
                      struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(writer, ST_CALL_LAST, err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, platform, -1, SQLITE_STATIC);
    if (!statement_step(writer, get, &row, err))
        return false;
    *n = row ? sqlite3_column_int64(get, 0) : 0;
    sqlite3_reset(get);
    return true;
}

static bool put_call(struct connection *writer, const struct yq_platform_call *call, int64_t n,
                     struct yq_err *err)
{
    sqlite3_stmt *put = connection_statement(writer, ST_CALL_PUT, err);
    if (!put)
        return false;
    sqlite3_bind_text(put, 1, call->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, n);
    sqlite3_bind_int64(put, 3, call->at_ms);
    sqlite3_bind_int64(put, 4, call->exam);
    sqlite3_bind_text(put, 5, call->piece, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 6, call->url, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 7, (int)call->status);
    sqlite3_bind_int64(put, 8, (int64_t)call->took_us);
    sqlite3_bind_int(put, 9, call->failed);
    const char *texts[] = {call->request, call->answer};
    for (int i = 0; i < 2; i++)
        if (texts[i])
            sqlite3_bind_blob64(put, 10 + i, texts[i], strlen(texts[i]), SQLITE_STATIC);
    return statement_run(writer, put, err);
}

struct calling {
    const struct yq_platform_call *calls; /* of one platform */
    size_t count;
    int64_t kept;
};

static bool put_calls(struct connection *writer, void *with, struct yq_err *err)
{
    int64_t n = 0;
    const struct calling *calling = with;
    if (!calling->count || !calling->kept)
        return true;
    if (!last_call(writer, calling->calls->platform, &n, err))
        return false;
    for (size_t i = 0; i < calling->count; i++)
        if (!put_call(writer, &calling->calls[i], ++n, err))
            return false;
    sqlite3_stmt *prune = connection_statement(writer, ST_CALL_PRUNE, err);
    if (!prune)
        return false;
    sqlite3_bind_text(prune, 1, calling->calls->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(prune, 2, n - calling->kept);
    return statement_run(writer, prune, err);
}

bool yq_platform_call_put(struct yq_catalog *catalog, const struct yq_platform_call *call,
                          int64_t kept, struct yq_err *err)
{
    struct calling calling = {call, 1, kept};
    return commit_simple(catalog, put_calls, &calling, err);
}

static bool settle_job(struct connection *writer, const struct yq_noting *noting,
                       struct yq_err *err)
{
    static const enum yq_job_state states[] = {[YQ_SETTLE_OVER] = YQ_JOB_DONE,
                                               [YQ_SETTLE_RETRY] = YQ_JOB_RETRY,
                                               [YQ_SETTLE_BACK] = YQ_JOB_PENDING,
                                               [YQ_SETTLE_REFUSED] = YQ_JOB_REFUSED,
                                               [YQ_SETTLE_HELD] = YQ_JOB_HELD};
    const struct yq_settlement *how = noting->how;
    sqlite3_stmt *settle = connection_statement(writer, ST_CONSIGN_SETTLE, err);
    if (!settle)
        return false;
    sqlite3_bind_int64(settle, 1, noting->job->id);
    sqlite3_bind_int(settle, 2, states[how->how]);
    sqlite3_bind_int64(settle, 3, how->next_ms);
    bind_text(settle, 4, how->reason);
    sqlite3_bind_int64(settle, 5, (int64_t)noting->left);
    sqlite3_bind_int64(settle, 6, yq_now_ms());
    sqlite3_bind_int64(settle, 7, (int64_t)noting->sent);
    sqlite3_bind_int64(settle, 8, (int64_t)noting->refused_there);
    return statement_run(writer, settle, err) && outbox_settle_lane(writer, noting->job, how, err);
}

static bool claim_next(struct connection *writer, struct yq_noting *noting, struct yq_err *err)
{
    struct yq_lane lane = {.kind = noting->job->kind};
    (void)yq_copy(lane.destination, sizeof lane.destination, noting->job->destination);
    return !noting->next ||
           outbox_claim(writer, &lane, yq_now_ms(), noting->next, &noting->has_next, err);
}

static bool note(struct connection *writer, void *with, struct yq_err *err)
{
    struct yq_noting *noting = with;
    const struct yq_settlement *how = noting->how;
    bool retried = how && (how->how == YQ_SETTLE_RETRY || how->lane == YQ_LANE_TROUBLE);
    for (size_t i = 0; i < noting->count; i++)
        if (!put_piece(writer, &noting->pieces[i], err))
            return false;
    if ((noting->sent || noting->refused || retried) &&
        !outbox_count(writer, noting->job, (int64_t)noting->sent, (int64_t)noting->refused, retried,
                      err))
        return false;
    struct calling calling = {noting->calls, noting->call_count, noting->calls_kept};
    return put_calls(writer, &calling, err) &&
           (how ? settle_job(writer, noting, err) && claim_next(writer, noting, err)
                : outbox_going_on(writer, noting->job->id, &noting->going_on, err));
}

bool yq_consignments_note(struct yq_catalog *catalog, struct yq_noting *noting, struct yq_err *err)
{
    noting->going_on = noting->has_next = false;
    return commit_simple(catalog, note, noting, err);
}

/* ---- the last calls ---- */

void yq_platform_calls_free(struct yq_platform_call *calls, size_t count)
{
    for (size_t i = 0; calls && i < count; i++) {
        free(calls[i].request);
        free(calls[i].answer);
    }
    free(calls);
}

/* A column's bytes as a text of its own; NULL without memory. */
static char *take_text(sqlite3_stmt *row, int column)
{
    const void *bytes = sqlite3_column_blob(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    return bytes ? strndup(bytes, length) : strdup("");
}

static bool read_call(sqlite3_stmt *row, struct yq_platform_call *call)
{
    call->id = sqlite3_column_int64(row, 0);
    (void)yq_copy(call->platform, sizeof call->platform, column_text(row, 1));
    call->at_ms = sqlite3_column_int64(row, 2);
    call->exam = sqlite3_column_int64(row, 3);
    copy_characters(call->piece, sizeof call->piece, column_text(row, 4));
    copy_characters(call->url, sizeof call->url, column_text(row, 5));
    call->status = (unsigned)sqlite3_column_int(row, 6);
    call->took_us = (uint64_t)sqlite3_column_int64(row, 7);
    call->failed = sqlite3_column_int(row, 8);
    call->request = take_text(row, 9);
    call->answer = take_text(row, 10);
    return call->request && call->answer;
}

static bool read_calls(struct connection *reader, const struct yq_call_query *query,
                       bool with_texts, struct list *list, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    bool row = true;
    yq_buf_putf(&sql,
                "SELECT n, platform, at_ms, exam, piece, url, status, took_us, failed, %s FROM "
                "platform_call WHERE platform = ?1%s%s%s ORDER BY n DESC LIMIT ?4",
                with_texts ? "request, answer" : "NULL, NULL", query->id ? " AND n = ?2" : "",
                query->exam ? " AND exam = ?3" : "", query->failed_only ? " AND failed = 1" : "");
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(reader, yq_buf_text(&sql), err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, query->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(get, 2, query->id);
    sqlite3_bind_int64(get, 3, query->exam);
    sqlite3_bind_int64(get, 4, query->limit ? (int64_t)query->limit : 50);
    while (statement_step(reader, get, &row, err)) {
        struct yq_platform_call call = {0};
        if (!row)
            return true;
        bool ok = read_call(get, &call) ||
                  yq_fail(err, YQ_FULL, "catalog", "no memory for a list of calls");
        if (!ok || !push(&list->things, &list->count, sizeof call, &call, err)) {
            free(call.request);
            free(call.answer);
            return false;
        }
    }
    return false;
}

bool yq_platform_calls(struct yq_catalog *catalog, const struct yq_call_query *query,
                       bool with_texts, struct yq_platform_call **out, size_t *count,
                       struct yq_err *err)
{
    struct list list = {0};
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_calls(reader, query, with_texts, &list, err);
    reader_give(catalog, reader);
    if (!ok) {
        yq_platform_calls_free(list.things, list.count);
        return false;
    }
    *out = list.things;
    *count = list.count;
    return true;
}
