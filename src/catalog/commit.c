/* commit.c: group commit. Who finds no leader leads: it takes every change that waits, runs them in
 * one transaction, each under a savepoint of its own, commits once and tells all. So one sync to
 * disk serves everybody who arrived while the one before was under way, without a thread of its
 * own.
 */
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

static void run_group(struct yq_catalog *catalog, struct work *group)
{
    struct yq_err err = {.code = YQ_IO, .room = "catalog", .text = "the transaction was lost"};
    bool ok = writer_ready(catalog, &err);
    struct connection *writer = catalog->writer;
    if (ok) {
        ok = run_statement(writer, ST_BEGIN, &err);
        for (struct work *work = group; ok && work; work = work->next)
            ok = run_one(writer, work, &err);
        ok = ok && run_statement(writer, ST_COMMIT, &err);
        if (ok && !file_is_ours(catalog)) /* what was committed went away with its file */
            ok = yq_fail(&err, YQ_IO, "catalog", "the catalog's file was deleted or replaced");
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

bool commit_change(struct yq_catalog *catalog, struct work *work, struct yq_err *err)
{
    work->done = work->ok = false;
    work->next = NULL;
    pthread_mutex_lock(&catalog->queue);
    *catalog->last = work;
    catalog->last = &work->next;
    while (!work->done && catalog->leading)
        pthread_cond_wait(&catalog->settled, &catalog->queue);
    if (!work->done) {
        struct work *group = catalog->first;
        catalog->first = NULL;
        catalog->last = &catalog->first;
        catalog->leading = true;
        pthread_mutex_unlock(&catalog->queue);
        run_group(catalog, group);
        pthread_mutex_lock(&catalog->queue);
        for (struct work *one = group, *next; one; one = next) {
            next = one->next; /* once it is done, its owner may be gone */
            one->done = true;
        }
        catalog->leading = false;
        pthread_cond_broadcast(&catalog->settled);
    }
    pthread_mutex_unlock(&catalog->queue);
    if (!work->ok)
        *err = work->err;
    return work->ok;
}

bool commit_simple(struct yq_catalog *catalog,
                   bool (*run)(struct connection *, void *, struct yq_err *), void *with,
                   struct yq_err *err)
{
    struct work work = {.run = run, .with = with};
    return commit_change(catalog, &work, err);
}
