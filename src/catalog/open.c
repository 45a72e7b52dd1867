/* open.c: the catalog as a whole: opening, closing, being unwell and getting well again, and the
 * reading connections.
 *
 * A generation is one opening of the file. When the file fails, or another one stands at its path,
 * the generation ends: connections of an older one are closed when they come back, and the next
 * leader of a group commit opens the writing connection anew, at most once a second. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/log.h"

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return same_file(a, b) && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void free_catalog(struct yq_catalog *catalog)
{
    free(catalog->vouched);
    pthread_cond_destroy(&catalog->wanted);
    pthread_mutex_destroy(&catalog->queue);
    pthread_mutex_destroy(&catalog->state);
    free(catalog->path);
    noted_free(catalog->noted);
    free(catalog);
}

static bool nothing(struct connection *writer, void *with, struct yq_err *err)
{
    (void)writer, (void)with, (void)err;
    return true;
}

bool yq_catalog_open(const char *path, struct yq_catalog **out, struct yq_err *err)
{
    struct yq_catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog || !(catalog->path = strdup(path)) || !(catalog->noted = noted_new())) {
        if (catalog)
            free(catalog->path);
        free(catalog);
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a catalog");
    }
    pthread_mutex_init(&catalog->state, NULL);
    pthread_mutex_init(&catalog->queue, NULL);
    pthread_cond_init(&catalog->wanted, NULL);
    catalog->last = &catalog->first;
    catalog->generation = 1;
    catalog->tried_ms = INT64_MIN / 2;
    struct yq_err trouble = {0};
    if (!commit_simple(catalog, nothing, NULL, &trouble)) {
        if (catalog->newer) {
            *err = trouble;
            connection_close(catalog->writer, false);
            free_catalog(catalog);
            return false;
        }
        yq_log_err(YQ_LOG_ERROR, "catalog-unwell", &trouble, "path=%s", path);
    }
    *out = catalog;
    return true;
}

void yq_catalog_close(struct yq_catalog *catalog)
{
    struct yq_err ignored;
    if (!catalog)
        return;
    if (catalog->vouched_count && !commit_simple(catalog, nothing, NULL, &ignored))
        catalog->vouched_count = 0; /* the marks stay, and the next start looks at their files */
    noted_settle(catalog);
    while (catalog->idle) {
        struct connection *reader = catalog->idle;
        catalog->idle = reader->next;
        connection_close(reader, reader->generation != catalog->generation);
    }
    if (catalog->writer) {
        bool gone = catalog->writer->generation != catalog->generation;
        if (!gone)
            sqlite3_wal_checkpoint_v2(catalog->writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                      NULL);
        connection_close(catalog->writer, gone);
    }
    free_catalog(catalog);
}

bool yq_catalog_discard(const char *path, struct yq_err *err)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
        yq_buf_putf(&name, "%s%s", path, parts[i]);
        if (unlink(yq_buf_text(&name)) != 0 && errno != ENOENT)
            return yq_fail_errno(err, "catalog", "remove", yq_buf_text(&name));
    }
    return true;
}

/* With `state` held. */
static void end_generation(struct yq_catalog *catalog, const struct yq_err *why)
{
    catalog->generation++;
    catalog->well = false;
    catalog->trouble = *why;
}

bool file_is_ours(struct yq_catalog *catalog)
{
    int64_t now = yq_monotonic_ms();
    struct stat before, about;
    pthread_mutex_lock(&catalog->state);
    bool well = catalog->well;
    uint64_t generation = catalog->generation;
    before = catalog->file;
    catalog->looked_ms = now;
    pthread_mutex_unlock(&catalog->state);
    if (!well)
        return false;
    bool there = stat(catalog->path, &about) == 0;
    if ((there && same_file(&before, &about)) || (!there && errno != ENOENT))
        return true;
    struct yq_err why;
    yq_fail(&why, YQ_IO, "catalog",
            "the catalog's file was %s: stop the node and run yingqiao reindex",
            there ? "replaced" : "deleted");
    pthread_mutex_lock(&catalog->state);
    bool first = catalog->generation == generation;
    if (first) {
        end_generation(catalog, &why);
        catalog->tried_ms = now - RETRY_MS; /* the new one at once */
    }
    pthread_mutex_unlock(&catalog->state);
    if (first)
        yq_log_err(YQ_LOG_ERROR, "catalog-file-changed", &why, "path=%s", catalog->path);
    return false;
}

/* Reading looks once a second, writing before and after every commit. */
static void look_at_file(struct yq_catalog *catalog)
{
    pthread_mutex_lock(&catalog->state);
    bool due = catalog->well && yq_monotonic_ms() - catalog->looked_ms >= RETRY_MS;
    pthread_mutex_unlock(&catalog->state);
    if (due)
        file_is_ours(catalog);
}

void trouble_note(struct yq_catalog *catalog, struct connection *connection)
{
    if (!connection->trouble)
        return;
    struct stat about;
    bool there = stat(catalog->path, &about) == 0;
    bool corrupt = connection->trouble == SQLITE_CORRUPT;
    pthread_mutex_lock(&catalog->state);
    bool ours = catalog->well && connection->generation == catalog->generation;
    if (ours) {
        end_generation(catalog, &connection->why);
        catalog->tried_ms = yq_monotonic_ms();
        catalog->corrupt = corrupt && there;
        if (there)
            catalog->file = about;
    }
    pthread_mutex_unlock(&catalog->state);
    if (ours)
        yq_log_err(YQ_LOG_ERROR, "catalog-unwell", &connection->why, "path=%s", catalog->path);
}

/* May the file be tried again? With the reason in *err when not. */
static bool try_is_due(struct yq_catalog *catalog, bool *gone, struct yq_err *err)
{
    struct stat about;
    bool there = stat(catalog->path, &about) == 0;
    int64_t now = yq_monotonic_ms();
    pthread_mutex_lock(&catalog->state);
    bool due = now - catalog->tried_ms >= RETRY_MS;
    bool known_corrupt = catalog->corrupt && there && same_state(&about, &catalog->file);
    *gone = !there || !same_file(&about, &catalog->file);
    if (due)
        catalog->tried_ms = now;
    if (!due || known_corrupt)
        *err = catalog->trouble;
    pthread_mutex_unlock(&catalog->state);
    return due && !known_corrupt;
}

bool writer_ready(struct yq_catalog *catalog, struct yq_err *err)
{
    struct connection *writer = catalog->writer;
    file_is_ours(catalog);
    pthread_mutex_lock(&catalog->state);
    uint64_t generation = catalog->generation;
    bool well = catalog->well;
    pthread_mutex_unlock(&catalog->state);
    if (writer && writer->generation == generation && well && !writer->read_only)
        return true;
    bool gone;
    if (!try_is_due(catalog, &gone, err))
        return false;
    connection_close(writer, gone);
    catalog->writer = writer = connection_open(catalog->path, true, err);
    if (writer)
        writer->catalog = catalog;
    struct stat about = {0};
    bool ok = writer && schema_make(writer, err);
    bool there = stat(catalog->path, &about) == 0;
    if (ok && !there)
        ok = yq_fail_errno(err, "catalog", "look at", catalog->path);
    bool readable = ok;
    if (ok && writer->read_only)
        ok = yq_fail(err, YQ_REFUSED, "catalog", "write the catalog: it is read-only");
    pthread_mutex_lock(&catalog->state);
    bool was_well = catalog->well;
    if (readable) {
        if (!same_file(&about, &catalog->file))
            catalog->generation++; /* readers of another file may be about */
        writer->generation = catalog->generation;
        catalog->file = about;
        catalog->looked_ms = yq_monotonic_ms();
        catalog->corrupt = false;
    } else if (there) {
        catalog->file = about;
        catalog->corrupt = writer && writer->trouble == SQLITE_CORRUPT;
    }
    catalog->well = readable;
    catalog->newer = writer && writer->newer;
    if (!ok)
        catalog->trouble = *err;
    pthread_mutex_unlock(&catalog->state);
    if (!readable) {
        connection_close(writer, false);
        catalog->writer = NULL;
    } else if (!was_well && generation > 1) {
        yq_log(YQ_LOG_INFO, "catalog-well-again", "path=%s", catalog->path);
    }
    return ok;
}

struct connection *reader_take(struct yq_catalog *catalog, struct yq_err *err)
{
    look_at_file(catalog);
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&catalog->state);
        struct connection *reader = catalog->well ? catalog->idle : NULL;
        bool well = catalog->well;
        uint64_t generation = catalog->generation;
        if (reader) {
            catalog->idle = reader->next;
            catalog->idle_count--;
        }
        pthread_mutex_unlock(&catalog->state);
        if (reader && reader->generation != generation) {
            connection_close(reader, true);
            i--; /* the idle ones are finite */
            continue;
        }
        if (reader)
            return reader;
        if (well) {
            reader = connection_open(catalog->path, false, err);
            if (reader)
                reader->generation = generation;
            return reader;
        }
        /* The leader of an empty change tries to open it. On a read-only disk that fails, but
         * reading works afterwards. */
        if (!commit_simple(catalog, nothing, NULL, err) && i == 1)
            return NULL;
    }
    return NULL;
}

void reader_give(struct yq_catalog *catalog, struct connection *reader)
{
    trouble_note(catalog, reader);
    pthread_mutex_lock(&catalog->state);
    bool current = catalog->well && reader->generation == catalog->generation;
    bool keep = current && catalog->idle_count < IDLE_READERS_MOST;
    if (keep) {
        reader->next = catalog->idle;
        catalog->idle = reader;
        catalog->idle_count++;
    }
    pthread_mutex_unlock(&catalog->state);
    if (!keep)
        connection_close(reader, !current);
}

static bool peek(struct yq_catalog *catalog, struct yq_err *err)
{
    bool row;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *statement = connection_statement(reader, ST_PEEK, err);
    bool ok = statement && statement_step(reader, statement, &row, err);
    sqlite3_reset(statement);
    reader_give(catalog, reader);
    return ok;
}

static bool beat(struct connection *writer, void *with, struct yq_err *err)
{
    (void)with;
    sqlite3_stmt *statement = connection_statement(writer, ST_PULSE, err);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, yq_now_ms());
    return statement_run(writer, statement, err);
}

bool yq_catalog_health(struct yq_catalog *catalog, bool write, struct yq_err *err)
{
    return peek(catalog, err) && (!write || commit_simple(catalog, beat, NULL, err));
}
