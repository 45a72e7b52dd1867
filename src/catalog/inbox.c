/* inbox.c: HL7 messages as they came (table hl7_message). A letter's row is written in the
 * transaction of whoever receives, before its records; what became of it in one after them. A crash
 * between the two leaves it new, and the next start makes its records again, which changes nothing
 * where they are there. */
#include "yq/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"

enum { FORGET_AT_ONCE = 100, LIST_USUAL = 100 };

#define LETTER_COLUMNS                                                                             \
    "id, source, control, what, received_ms, done_ms, state, tries, size, sealed, reason, digest"

const char *yq_letter_state_name(enum yq_letter_state state)
{
    static const char *const names[] = {"new", "done", "failed", "ignored"};
    return names[state];
}

void yq_letter_fini(struct yq_letter *letter)
{
    yq_buf_fini(&letter->bytes);
    yq_buf_fini(&letter->answer);
}

static void letter_read(sqlite3_stmt *row, struct yq_letter *letter)
{
    letter->id = sqlite3_column_int64(row, 0);
    (void)yq_copy(letter->source, sizeof letter->source, column_text(row, 1));
    copy_characters(letter->control, sizeof letter->control, column_text(row, 2));
    copy_characters(letter->what, sizeof letter->what, column_text(row, 3));
    letter->received_ms = sqlite3_column_int64(row, 4);
    letter->done_ms = sqlite3_column_int64(row, 5);
    int state = sqlite3_column_int(row, 6);
    letter->state = state >= YQ_LETTER_NEW && state <= YQ_LETTER_IGNORED
                        ? (enum yq_letter_state)state
                        : YQ_LETTER_FAILED;
    letter->tries = (unsigned)sqlite3_column_int(row, 7);
    letter->size = (uint64_t)sqlite3_column_int64(row, 8);
    letter->sealed = sqlite3_column_int(row, 9) != 0;
    copy_characters(letter->reason, sizeof letter->reason, column_text(row, 10));
    if (sqlite3_column_bytes(row, 11) == (int)sizeof letter->digest)
        memcpy(letter->digest, sqlite3_column_blob(row, 11), sizeof letter->digest);
}

static bool blob_read(sqlite3_stmt *row, int column, struct yq_buf *out, struct yq_err *err)
{
    const void *bytes = sqlite3_column_blob(row, column);
    yq_buf_clear(out);
    yq_buf_put(out, bytes, bytes ? (size_t)sqlite3_column_bytes(row, column) : 0);
    return !out->failed || yq_fail(err, YQ_FULL, "catalog", "no memory for a message");
}

/* ---- in ---- */

struct keeping {
    struct yq_letter *letter;
    bool again;
};

static bool find_same(struct connection *writer, struct keeping *keeping, struct yq_err *err)
{
    struct yq_letter *letter = keeping->letter;
    sqlite3_stmt *get yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "SELECT " LETTER_COLUMNS ", answer FROM hl7_message WHERE source = ? AND control = ? AND "
        "digest = ?",
        err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, letter->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(get, 2, letter->control, -1, SQLITE_STATIC);
    sqlite3_bind_blob(get, 3, letter->digest, sizeof letter->digest, SQLITE_STATIC);
    if (!statement_step(writer, get, &keeping->again, err))
        return false;
    if (!keeping->again)
        return true;
    letter_read(get, letter);
    return blob_read(get, 12, &letter->answer, err);
}

static bool keep(struct connection *writer, void *with, struct yq_err *err)
{
    struct keeping *keeping = with;
    struct yq_letter *letter = keeping->letter;
    if (!find_same(writer, keeping, err))
        return false;
    if (keeping->again)
        return true;
    sqlite3_stmt *add yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO hl7_message(source, control, what, received_ms, state, size, sealed, digest, "
        "bytes) VALUES(?, ?, ?, ?, 0, ?, ?, ?, ?)",
        err);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, letter->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, letter->control, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, letter->what, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 4, letter->received_ms);
    sqlite3_bind_int64(add, 5, (int64_t)letter->size);
    sqlite3_bind_int(add, 6, letter->sealed);
    sqlite3_bind_blob(add, 7, letter->digest, sizeof letter->digest, SQLITE_STATIC);
    sqlite3_bind_blob64(add, 8, letter->bytes.bytes, letter->bytes.length, SQLITE_STATIC);
    if (!statement_run(writer, add, err))
        return false;
    letter->id = sqlite3_last_insert_rowid(writer->db);
    letter->state = YQ_LETTER_NEW;
    return true;
}

bool yq_inbox_keep(struct yq_catalog *catalog, struct yq_letter *letter, bool *again,
                   struct yq_err *err)
{
    struct keeping keeping = {.letter = letter};
    if (!letter->received_ms)
        letter->received_ms = yq_now_ms();
    bool ok = commit_simple(catalog, keep, &keeping, err);
    *again = keeping.again;
    return ok;
}

static bool settle(struct connection *writer, void *with, struct yq_err *err)
{
    const struct yq_letter *letter = with;
    sqlite3_stmt *set yq_cleanup(statement_drop) =
        connection_prepare(writer,
                           "UPDATE hl7_message SET state = ?, reason = ?, answer = ?, done_ms = ?, "
                           "tries = tries + 1 WHERE id = ?",
                           err);
    if (!set)
        return false;
    sqlite3_bind_int(set, 1, letter->state);
    bind_text(set, 2, letter->reason);
    if (letter->answer.length)
        sqlite3_bind_blob64(set, 3, letter->answer.bytes, letter->answer.length, SQLITE_STATIC);
    sqlite3_bind_int64(set, 4, yq_now_ms());
    sqlite3_bind_int64(set, 5, letter->id);
    return statement_run(writer, set, err);
}

bool yq_inbox_settle(struct yq_catalog *catalog, const struct yq_letter *letter, struct yq_err *err)
{
    struct yq_letter *with = (struct yq_letter *)letter; /* settle only reads */
    return commit_simple(catalog, settle, with, err);
}

/* ---- out ---- */

bool yq_inbox_get(struct yq_catalog *catalog, int64_t id, struct yq_letter *out, struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader, "SELECT " LETTER_COLUMNS ", bytes, answer FROM hl7_message WHERE id = ?", err);
    bool ok = get && (sqlite3_bind_int64(get, 1, id), statement_step(reader, get, &row, err));
    if (ok && row) {
        letter_read(get, out);
        ok = blob_read(get, 12, &out->bytes, err) && blob_read(get, 13, &out->answer, err);
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "there is no HL7 message %lld",
                                 (long long)id));
}

/* What is not asked for is NULL and does not narrow. */
static sqlite3_stmt *list_prepare(struct connection *reader, const struct yq_inbox_query *query,
                                  struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&sql,
                "SELECT " LETTER_COLUMNS " FROM hl7_message WHERE (?1 = 0 OR (?1 >> state) & 1) "
                "AND (?2 IS NULL OR source = ?2) AND (?3 IS NULL OR control = ?3) AND "
                "received_ms >= ?4 AND received_ms < ?5 AND %s ORDER BY id %s LIMIT ?7",
                !query->newest_first ? "id > ?6" : "(?6 = 0 OR id < ?6)",
                query->newest_first ? "DESC" : "");
    sqlite3_stmt *list = connection_prepare(reader, yq_buf_text(&sql), err);
    if (!list)
        return NULL;
    sqlite3_bind_int(list, 1, (int)query->states);
    bind_text(list, 2, query->source);
    bind_text(list, 3, query->control);
    sqlite3_bind_int64(list, 4, query->from_ms);
    sqlite3_bind_int64(list, 5, query->until_ms ? query->until_ms : INT64_MAX);
    sqlite3_bind_int64(list, 6, query->after_id);
    sqlite3_bind_int64(list, 7, (int64_t)(query->limit ? query->limit : LIST_USUAL));
    return list;
}

bool yq_inbox_list(struct yq_catalog *catalog, const struct yq_inbox_query *query,
                   struct yq_letter **out, size_t *count, struct yq_err *err)
{
    struct yq_letter *list = NULL;
    size_t room = 0;
    bool row = true;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = list_prepare(reader, query, err);
    bool ok = get;
    while (ok && (ok = statement_step(reader, get, &row, err)) && row) {
        if (*count == room) {
            room = room ? room * 2 : 64;
            void *grown = realloc(list, room * sizeof *list);
            ok = grown || yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu", room);
            list = grown ? grown : list;
        }
        if (ok) {
            list[*count] = (struct yq_letter){0};
            letter_read(get, &list[(*count)++]);
        }
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    if (!ok)
        free(list);
    else
        *out = list;
    return ok;
}

bool yq_inbox_totals(struct yq_catalog *catalog, struct yq_inbox_totals *out, struct yq_err *err)
{
    bool row = true;
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_prepare(
        reader, "SELECT state, count(*) FROM hl7_message WHERE state IN (0, 2) GROUP BY state",
        err);
    bool ok = get;
    while (ok && (ok = statement_step(reader, get, &row, err)) && row) {
        bool failed = sqlite3_column_int(get, 0) == YQ_LETTER_FAILED;
        *(failed ? &out->failed : &out->fresh) = (uint64_t)sqlite3_column_int64(get, 1);
    }
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    return ok;
}

struct forgetting {
    int64_t before_ms;
    int gone;
};

static bool forget(struct connection *writer, void *with, struct yq_err *err)
{
    struct forgetting *forgetting = with;
    sqlite3_stmt *remove yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "DELETE FROM hl7_message WHERE id IN (SELECT id FROM hl7_message WHERE received_ms < ?1 "
        "AND state > 0 ORDER BY received_ms LIMIT ?2)",
        err);
    if (!remove)
        return false;
    sqlite3_bind_int64(remove, 1, forgetting->before_ms);
    sqlite3_bind_int(remove, 2, FORGET_AT_ONCE);
    if (!statement_run(writer, remove, err))
        return false;
    forgetting->gone = sqlite3_changes(writer->db);
    return true;
}

bool yq_inbox_prune(struct yq_catalog *catalog, int64_t before_ms, uint64_t *gone,
                    struct yq_err *err)
{
    struct forgetting forgetting = {.before_ms = before_ms};
    *gone = 0;
    do {
        if (!commit_simple(catalog, forget, &forgetting, err))
            return false;
        *gone += (uint64_t)forgetting.gone;
    } while (forgetting.gone == FORGET_AT_ONCE);
    return true;
}
