/* commit.c: group commit. Who finds no leader leads: it takes every change that waits, runs them in
 * one transaction, each under a savepoint of its own, commits once and tells all. So one sync to
 * disk serves everybody who arrived while the one before was under way.
 *
 * A thread that node/ lends leads for all as long as it is there; without one, a thread that waits
 * for its own change does.
 */
#include <stdlib.h>

#include "inside.h"
#include "yq/log.h"

static bool run_statement(struct connection *writer, enum statement which, struct yq_err *err)
{
    sqlite3_stmt *statement = connection_statement(writer, which, err);
    return statement && statement_run(writer, statement, err);
}

/* False: the whole transaction is lost, not only this change. */
static bool run_one(struct connection *writer, struct work *work, struct yq_err *err)
{
    if (!run_statement(writer, ST_SAVEPOINT, err))
        return false;
    work->ok = work->run(writer, work->with, &work->err);
    if (sqlite3_get_autocommit(writer->db)) { /* SQLite rolled everything back: disk full, I/O */
        *err = work->ok ? *err : work->err;
        return false;
    }
    if (!work->ok && !work->keep && !run_statement(writer, ST_ROLLBACK_TO, err))
        return false;
    return run_statement(writer, ST_RELEASE, err);
}

/* Ids whose marks go. Taken before the changes run, so that an id that was freed and given anew
 * keeps its new mark. */
static bool remove_marks(struct yq_catalog *catalog, struct connection *writer, struct yq_err *err)
{
    pthread_mutex_lock(&catalog->queue);
    int64_t *ids = catalog->vouched;
    size_t count = catalog->vouched_count;
    catalog->vouched = NULL;
    catalog->vouched_count = catalog->vouched_room = 0;
    pthread_mutex_unlock(&catalog->queue);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        sqlite3_stmt *remove = connection_statement(writer, ST_MARK_REMOVE, err);
        if (remove)
            sqlite3_bind_int64(remove, 1, ids[i]);
        ok = remove && statement_run(writer, remove, err);
    }
    free(ids);
    return ok;
}

static void run_group(struct yq_catalog *catalog, struct work *group)
{
    struct yq_err err = {.code = YQ_IO, .room = "catalog", .text = "the transaction was lost"};
    bool ok = writer_ready(catalog, &err);
    struct connection *writer = catalog->writer;
    if (ok) {
        struct note *notes = noted_take(catalog->noted);
        ok = run_statement(writer, ST_BEGIN, &err) && remove_marks(catalog, writer, &err) &&
             noted_write(writer, notes, &err);
        for (struct work *work = group; ok && work; work = work->next)
            ok = run_one(writer, work, &err);
        ok = ok && run_statement(writer, ST_COMMIT, &err);
        if (ok && !file_is_ours(catalog)) /* what was committed went away with its file */
            ok = yq_fail(&err, YQ_IO, "catalog", "the catalog's file was deleted or replaced");
        noted_end(catalog->noted, notes, ok);
        if (!ok && !sqlite3_get_autocommit(writer->db)) {
            struct yq_err ignored = {0};
            if (!run_statement(writer, ST_ROLLBACK, &ignored) && !writer->trouble) {
                writer->trouble = SQLITE_IOERR;
                writer->why = ignored;
            }
        }
        trouble_note(catalog, writer);
    }
    if (ok)
        return;
    for (struct work *work = group; work; work = work->next) {
        work->ok = false;
        work->err = err;
    }
}

/* With `queue` held, and again afterwards. */
static void lead(struct yq_catalog *catalog)
{
    struct work *group = catalog->first;
    catalog->first = NULL;
    catalog->last = &catalog->first;
    catalog->leading = true;
    pthread_mutex_unlock(&catalog->queue);
    run_group(catalog, group);
    pthread_mutex_lock(&catalog->queue);
    catalog->leading = false;
    for (struct work *one = group, *next; one; one = next) {
        next = one->next;
        one->done = true;
        pthread_cond_signal(&one->told);
    }
    if (catalog->first && catalog->served)
        pthread_cond_signal(&catalog->wanted);
    else if (catalog->first)
        pthread_cond_signal(&catalog->first->told);
}

void commit_begin(struct yq_catalog *catalog, struct work *work)
{
    work->done = work->ok = false;
    work->next = NULL;
    pthread_cond_init(&work->told, NULL);
    pthread_mutex_lock(&catalog->queue);
    *catalog->last = work;
    catalog->last = &work->next;
    if (catalog->served)
        pthread_cond_signal(&catalog->wanted);
    pthread_mutex_unlock(&catalog->queue);
}

bool commit_wait(struct yq_catalog *catalog, struct work *work, struct yq_err *err)
{
    pthread_mutex_lock(&catalog->queue);
    while (!work->done && (catalog->leading || catalog->served))
        pthread_cond_wait(&work->told, &catalog->queue);
    if (!work->done)
        lead(catalog);
    pthread_mutex_unlock(&catalog->queue);
    pthread_cond_destroy(&work->told);
    if (!work->ok)
        *err = work->err;
    return work->ok;
}

bool commit_change(struct yq_catalog *catalog, struct work *work, struct yq_err *err)
{
    commit_begin(catalog, work);
    return commit_wait(catalog, work, err);
}

void yq_catalog_serve(struct yq_catalog *catalog)
{
    pthread_mutex_lock(&catalog->queue);
    catalog->served = true;
    while (!catalog->dismissed || catalog->first) {
        if (catalog->first && !catalog->leading)
            lead(catalog);
        else
            pthread_cond_wait(&catalog->wanted, &catalog->queue);
    }
    catalog->served = catalog->dismissed = false;
    pthread_mutex_unlock(&catalog->queue);
}

void yq_catalog_dismiss(struct yq_catalog *catalog)
{
    pthread_mutex_lock(&catalog->queue);
    catalog->dismissed = true;
    pthread_cond_signal(&catalog->wanted);
    pthread_mutex_unlock(&catalog->queue);
}

static bool set_pace(struct connection *writer, bool hurry, struct yq_err *err)
{
    static const char *const settings[] = {"PRAGMA synchronous=FULL; PRAGMA cache_size=-2000",
                                           "PRAGMA synchronous=OFF; PRAGMA cache_size=-65536"};
    int code = sqlite3_exec(writer->db, settings[hurry], NULL, NULL, NULL);
    if (code == SQLITE_OK && !hurry)
        code = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK || connection_fail(writer, "write the catalog", err);
}

bool yq_catalog_hurry(struct yq_catalog *catalog, bool on, struct yq_err *err)
{
    pthread_mutex_lock(&catalog->queue);
    catalog->leading = true; /* the writing connection is ours for a moment */
    pthread_mutex_unlock(&catalog->queue);
    bool ok = writer_ready(catalog, err) && set_pace(catalog->writer, on, err);
    pthread_mutex_lock(&catalog->queue);
    catalog->leading = false;
    pthread_mutex_unlock(&catalog->queue);
    return ok;
}

static bool scrub(struct connection *writer, struct yq_err *err)
{
    int left = 0;
    if (sqlite3_exec(writer->db, "VACUUM", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, NULL) !=
            SQLITE_OK)
        return connection_fail(writer, "write the catalog anew", err);
    return left <= 0 ||
           yq_fail(err, YQ_BUSY, "catalog", "write the catalog anew: another process reads it");
}

bool yq_catalog_scrub(struct yq_catalog *catalog, struct yq_err *err)
{
    pthread_mutex_lock(&catalog->queue);
    bool ours = !catalog->leading;
    catalog->leading = true;
    pthread_mutex_unlock(&catalog->queue);
    if (!ours)
        return yq_fail(err, YQ_BUSY, "catalog", "write the catalog anew: it is being written");
    bool ok = writer_ready(catalog, err) && scrub(catalog->writer, err);
    pthread_mutex_lock(&catalog->queue);
    catalog->leading = false;
    if (catalog->first)
        pthread_cond_signal(catalog->served ? &catalog->wanted : &catalog->first->told);
    pthread_mutex_unlock(&catalog->queue);
    return ok;
}

void yq_catalog_vouch(struct yq_catalog *catalog, int64_t id)
{
    pthread_mutex_lock(&catalog->queue);
    if (catalog->vouched_count == catalog->vouched_room) {
        size_t room = catalog->vouched_room ? 2 * catalog->vouched_room : 64;
        int64_t *grown = realloc(catalog->vouched, room * sizeof *grown);
        if (grown) {
            catalog->vouched = grown;
            catalog->vouched_room = room;
        }
    }
    if (catalog->vouched_count < catalog->vouched_room) /* else the mark stays: a look too much */
        catalog->vouched[catalog->vouched_count++] = id;
    pthread_mutex_unlock(&catalog->queue);
}

bool commit_simple(struct yq_catalog *catalog,
                   bool (*run)(struct connection *, void *, struct yq_err *), void *with,
                   struct yq_err *err)
{
    struct work work = {.run = run, .with = with};
    return commit_change(catalog, &work, err);
}
