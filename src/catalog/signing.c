/* signing.c: tables signing_job (one row a report, written only by who read it last),
 * signing_position and signature_seen. */
#include "yq/signing.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"

#define JOB_COLUMNS                                                                                \
    "signing_job.id, signing_job.serial, signing_job.report, record.name, signing_job.platform, "  \
    "signing_job.state, signing_job.version, signing_job.digest, signing_job.user, "               \
    "signing_job.data_id, signing_job.rounds, signing_job.tries, signing_job.created_ms, "         \
    "signing_job.asked_ms, signing_job.expires_ms, signing_job.next_ms, signing_job.changed_ms, "  \
    "signing_job.reason"
#define JOB_FROM " FROM signing_job LEFT JOIN record ON record.id = signing_job.report "

enum { LIST_USUAL = 200, LAST_COLUMN = 17 };

static const char *const state_names[] = {"wanted", "waiting", "signed",   "stamped",
                                          "done",   "stuck",   "cancelled"};

const char *yq_signing_state_name(enum yq_signing_state state) { return state_names[state]; }

enum yq_signing_state yq_signing_state_parse(const char *name)
{
    int state = 0;
    while (state < YQ_SIGNING_STATE_COUNT && strcmp(state_names[state], name) != 0)
        state++;
    return (enum yq_signing_state)state;
}

void yq_signing_fini(struct yq_signing *job) { yq_buf_fini(&job->kept); }

static void read_job(sqlite3_stmt *row, void *thing)
{
    struct yq_signing *job = thing;
    memset(job, 0, sizeof *job);
    job->id = sqlite3_column_int64(row, 0);
    job->serial = sqlite3_column_int64(row, 1);
    job->report = sqlite3_column_int64(row, 2);
    copy_characters(job->name, sizeof job->name, column_text(row, 3));
    (void)yq_copy(job->platform, sizeof job->platform, column_text(row, 4));
    int state = sqlite3_column_int(row, 5);
    job->state = state >= 0 && state < YQ_SIGNING_STATE_COUNT ? (enum yq_signing_state)state
                                                              : YQ_SIGNING_STUCK;
    job->version = sqlite3_column_int64(row, 6);
    if (sqlite3_column_bytes(row, 7) == (int)sizeof job->text)
        memcpy(job->text, sqlite3_column_blob(row, 7), sizeof job->text);
    (void)yq_copy(job->user, sizeof job->user, column_text(row, 8));
    (void)yq_copy(job->data_id, sizeof job->data_id, column_text(row, 9));
    job->rounds = (unsigned)sqlite3_column_int(row, 10);
    job->tries = (unsigned)sqlite3_column_int(row, 11);
    job->created_ms = sqlite3_column_int64(row, 12);
    job->asked_ms = sqlite3_column_int64(row, 13);
    job->expires_ms = sqlite3_column_int64(row, 14);
    job->next_ms = sqlite3_column_int64(row, 15);
    job->changed_ms = sqlite3_column_int64(row, 16);
    copy_characters(job->reason, sizeof job->reason, column_text(row, LAST_COLUMN));
}

static bool get(struct connection *reader, int64_t report, struct yq_signing *out, bool *row,
                struct yq_err *err)
{
    sqlite3_stmt *find yq_cleanup(statement_drop) = connection_prepare(
        reader, "SELECT " JOB_COLUMNS ", signing_job.kept" JOB_FROM "WHERE signing_job.report = ?",
        err);
    if (!find)
        return false;
    sqlite3_bind_int64(find, 1, report);
    if (!statement_step(reader, find, row, err) || !*row)
        return err->code == YQ_OK;
    read_job(find, out);
    const void *kept = sqlite3_column_blob(find, LAST_COLUMN + 1);
    yq_buf_put(&out->kept, kept ? kept : "",
               kept ? (size_t)sqlite3_column_bytes(find, LAST_COLUMN + 1) : 0);
    return !out->kept.failed || yq_fail(err, YQ_FULL, "catalog", "no memory for a signing job");
}

bool yq_signing_get(struct yq_catalog *catalog, int64_t report, struct yq_signing *out,
                    struct yq_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    memset(err, 0, sizeof *err);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = get(reader, report, out, &row, err);
    reader_give(catalog, reader);
    if (!ok)
        yq_signing_fini(out);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "the report has no signing job"));
}

static void bind_job(sqlite3_stmt *put, const struct yq_signing *job)
{
    sqlite3_bind_int64(put, 1, job->report);
    sqlite3_bind_text(put, 2, job->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 3, (int)job->state);
    sqlite3_bind_int64(put, 4, job->version);
    sqlite3_bind_blob(put, 5, job->text, sizeof job->text, SQLITE_STATIC);
    sqlite3_bind_text(put, 6, job->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 7, job->data_id, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 8, (int)job->rounds);
    sqlite3_bind_int(put, 9, (int)job->tries);
    sqlite3_bind_int64(put, 10, job->created_ms);
    sqlite3_bind_int64(put, 11, job->asked_ms);
    sqlite3_bind_int64(put, 12, job->expires_ms);
    sqlite3_bind_int64(put, 13, job->next_ms);
    sqlite3_bind_int64(put, 14, job->changed_ms);
    bind_text(put, 15, job->reason);
    if (job->kept.length)
        sqlite3_bind_blob64(put, 16, job->kept.bytes, job->kept.length, SQLITE_STATIC);
    sqlite3_bind_int64(put, 17, job->id);
    sqlite3_bind_int64(put, 18, job->serial);
}

static bool put_job(struct connection *writer, void *with, struct yq_err *err)
{
    struct yq_signing *job = with;
    sqlite3_stmt *put yq_cleanup(statement_drop) = connection_prepare(
        writer,
        job->id ? "UPDATE signing_job SET report = ?1, platform = ?2, state = ?3, version = ?4, "
                  "digest = ?5, user = ?6, data_id = ?7, rounds = ?8, tries = ?9, created_ms = "
                  "?10, asked_ms = ?11, expires_ms = ?12, next_ms = ?13, changed_ms = ?14, reason "
                  "= ?15, kept = ?16, serial = serial + 1 WHERE id = ?17 AND serial = ?18"
                : "INSERT OR IGNORE INTO signing_job(report, platform, state, version, digest, "
                  "user, data_id, rounds, tries, created_ms, asked_ms, expires_ms, next_ms, "
                  "changed_ms, reason, kept, serial) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                  "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?18 + 1)",
        err);
    if (!put)
        return false;
    bind_job(put, job);
    if (!statement_run(writer, put, err))
        return false;
    if (!sqlite3_changes(writer->db))
        return yq_fail(err, YQ_CONFLICT, "catalog", "the signing job was changed meanwhile");
    if (!job->id)
        job->id = sqlite3_last_insert_rowid(writer->db);
    return true;
}

bool yq_signing_put(struct yq_catalog *catalog, struct yq_signing *job, struct yq_err *err)
{
    bool fresh = !job->id;
    job->changed_ms = yq_now_ms();
    if (fresh)
        job->created_ms = job->changed_ms;
    bool ok = commit_simple(catalog, put_job, job, err);
    if (ok)
        job->serial++;
    else if (fresh)
        job->id = 0;
    return ok;
}

static bool read_due(struct connection *reader, sqlite3_stmt *list, int64_t *reports, size_t room,
                     size_t *count, struct yq_err *err)
{
    for (bool row; *count < room;) {
        if (!statement_step(reader, list, &row, err))
            return false;
        if (!row)
            break;
        reports[(*count)++] = sqlite3_column_int64(list, 0);
    }
    return true;
}

bool yq_signing_due(struct yq_catalog *catalog, const char *platform, int64_t now_ms,
                    int64_t *reports, size_t room, size_t *count, struct yq_err *err)
{
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *list = connection_prepare(
        reader,
        "SELECT report FROM signing_job INDEXED BY signing_due WHERE state < 4 AND platform = ? "
        "AND next_ms <= ? ORDER BY next_ms LIMIT ?",
        err);
    bool ok = list;
    if (ok) {
        sqlite3_bind_text(list, 1, platform, -1, SQLITE_STATIC);
        sqlite3_bind_int64(list, 2, now_ms);
        sqlite3_bind_int64(list, 3, (int64_t)room);
        ok = read_due(reader, list, reports, room, count, err);
    }
    sqlite3_finalize(list);
    reader_give(catalog, reader);
    return ok;
}

bool yq_signing_list(struct yq_catalog *catalog, unsigned states, size_t limit,
                     struct yq_signing **out, size_t *count, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&sql,
                "SELECT " JOB_COLUMNS JOB_FROM
                "WHERE (%u = 0 OR (%u >> signing_job.state) & 1) ORDER BY signing_job.changed_ms "
                "DESC LIMIT ?",
                states, states);
    const struct listing listing = {.sql = yq_buf_text(&sql),
                                    .most = limit ? (int)limit : LIST_USUAL,
                                    .size = sizeof **out,
                                    .read = read_job};
    void *list = NULL;
    bool ok = !sql.failed ? rows_list(catalog, &listing, &list, count, err)
                          : yq_fail(err, YQ_FULL, "catalog", "no memory for a question");
    *out = list;
    return ok;
}

/* ---- how far reports were looked at ---- */

static bool one_number(struct yq_catalog *catalog, const char *sql, const char *text,
                       int64_t *number, struct yq_err *err)
{
    bool row = false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *find = connection_prepare(reader, sql, err);
    if (find && text)
        sqlite3_bind_text(find, 1, text, -1, SQLITE_STATIC);
    bool ok = find && statement_step(reader, find, &row, err);
    if (ok && row)
        *number = sqlite3_column_int64(find, 0);
    sqlite3_finalize(find);
    reader_give(catalog, reader);
    return ok;
}

bool yq_signing_position(struct yq_catalog *catalog, const char *platform, int64_t *version,
                         struct yq_err *err)
{
    *version = -1;
    return one_number(catalog, "SELECT version FROM signing_position WHERE platform = ?", platform,
                      version, err);
}

bool yq_signing_end(struct yq_catalog *catalog, int64_t *version, struct yq_err *err)
{
    *version = 0;
    return one_number(catalog, "SELECT coalesce(max(id), 0) FROM record_version", NULL, version,
                      err);
}

struct moving {
    const char *platform;
    int64_t version;
};

static bool move(struct connection *writer, void *with, struct yq_err *err)
{
    const struct moving *moving = with;
    sqlite3_stmt *put yq_cleanup(statement_drop) =
        connection_prepare(writer,
                           "INSERT OR REPLACE INTO signing_position(platform, version) "
                           "VALUES(?, ?)",
                           err);
    if (!put)
        return false;
    sqlite3_bind_text(put, 1, moving->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, moving->version);
    return statement_run(writer, put, err);
}

bool yq_signing_move(struct yq_catalog *catalog, const char *platform, int64_t version,
                     struct yq_err *err)
{
    struct moving moving = {platform, version};
    return commit_simple(catalog, move, &moving, err);
}

/* ---- what was checked ---- */

bool yq_signature_seen_get(struct yq_catalog *catalog, const char *platform, int64_t report,
                           struct yq_signature_seen *out, struct yq_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *find = connection_prepare(reader,
                                            "SELECT digest, good, at_ms, reason FROM "
                                            "signature_seen WHERE platform = ? AND report = ?",
                                            err);
    if (find) {
        sqlite3_bind_text(find, 1, platform, -1, SQLITE_STATIC);
        sqlite3_bind_int64(find, 2, report);
    }
    bool ok = find && statement_step(reader, find, &row, err);
    if (ok && row) {
        if (sqlite3_column_bytes(find, 0) == (int)sizeof out->digest)
            memcpy(out->digest, sqlite3_column_blob(find, 0), sizeof out->digest);
        out->good = sqlite3_column_int(find, 1);
        out->at_ms = sqlite3_column_int64(find, 2);
        copy_characters(out->reason, sizeof out->reason, column_text(find, 3));
    }
    sqlite3_finalize(find);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "it was not checked yet"));
}

struct seeing {
    const char *platform;
    int64_t report;
    const struct yq_signature_seen *seen;
};

static bool see(struct connection *writer, void *with, struct yq_err *err)
{
    const struct seeing *seeing = with;
    sqlite3_stmt *put yq_cleanup(statement_drop) =
        connection_prepare(writer,
                           "INSERT OR REPLACE INTO signature_seen(platform, report, digest, good, "
                           "at_ms, reason) VALUES(?, ?, ?, ?, ?, ?)",
                           err);
    if (!put)
        return false;
    sqlite3_bind_text(put, 1, seeing->platform, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, seeing->report);
    sqlite3_bind_blob(put, 3, seeing->seen->digest, sizeof seeing->seen->digest, SQLITE_STATIC);
    sqlite3_bind_int(put, 4, seeing->seen->good);
    sqlite3_bind_int64(put, 5, seeing->seen->at_ms);
    bind_text(put, 6, seeing->seen->reason);
    return statement_run(writer, put, err);
}

bool yq_signature_seen_put(struct yq_catalog *catalog, const char *platform, int64_t report,
                           const struct yq_signature_seen *seen, struct yq_err *err)
{
    struct seeing seeing = {platform, report, seen};
    return commit_simple(catalog, see, &seeing, err);
}
