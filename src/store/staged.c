/* staged.c: an object on its way in: written without a name (or, where the file system has no such
 * files, in staging/), then given its place, then synced.
 *
 * The name comes before the sync, so that the row can be on its way to the disk at the same time:
 * what is durable of file, name and row after a power failure is in no order, and the walk's start
 * looks at all rows that were not known to be settled. Data go to the disk while more come in. A
 * place that is taken is compared byte by byte: the name carries only eight digits of the digest,
 * and a stored object never changes, not even for a sender that worked for such a digest. A
 * yq_staged belongs to one thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"
#include "yq/clock.h"

#define MOVE_TRIES 100
#define EARLY_BYTES (256u << 10) /* begin to write back whenever so many have come */

struct yq_staged {
    struct yq_store *store;
    int fd;
    bool failed;
    uint64_t size, begun;    /* written; of these on their way to the disk */
    char path[YQ_PATH_MOST]; /* in staging/, or /proc/self/fd/N */
    bool placed, there;      /* has its place; somebody else's file had it before */
    int promise;
    struct place place;
};

void yq_store_set_reserve(struct yq_store *store, uint64_t bytes)
{
    atomic_store(&store->reserve, bytes);
    atomic_store(&store->measured_ms, 0);
}

bool store_measure(struct yq_store *store, struct yq_err *err)
{
    struct yq_store_space space;
    if (!yq_store_space(store, &space, err))
        return false;
    atomic_store(&store->written, 0);
    atomic_store(&store->free_bytes, space.free_bytes);
    return true;
}

/* The disk is asked once a second; in between what was written meanwhile is taken off. */
static bool room_left(struct yq_store *store, struct yq_err *err)
{
    uint64_t reserve = atomic_load(&store->reserve);
    if (!reserve)
        return true;
    int64_t now = yq_monotonic_ms(), measured = atomic_load(&store->measured_ms);
    if (now - measured >= 1000 &&
        atomic_compare_exchange_strong(&store->measured_ms, &measured, now) &&
        !store_measure(store, err)) {
        atomic_store(&store->measured_ms, now - 1000);
        return false;
    }
    uint64_t left = atomic_load(&store->free_bytes), written = atomic_load(&store->written);
    if (left > written && left - written >= reserve)
        return true;
    return yq_fail(err, YQ_FULL, "store", "less than %llu MB are free on the disk",
                   (unsigned long long)(reserve >> 20));
}

static bool open_named(struct yq_staged *staged, struct yq_err *err)
{
    struct yq_store *store = staged->store;
    do { /* a name that a crashed process with our number left behind is passed over */
        unsigned long long number = atomic_fetch_add(&store->counter, 1);
        char name[64];
        snprintf(name, sizeof name, "%ld-%llu.part", (long)getpid(), number);
        if (!yq_path_join(staged->path, store->staging, name, err))
            return false;
        staged->fd = open(staged->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    } while (staged->fd < 0 && errno == EEXIST);
    return staged->fd >= 0 || yq_fail_errno(err, "store", "create", staged->path);
}

static bool open_staged(struct yq_staged *staged, struct yq_err *err)
{
    struct yq_store *store = staged->store;
    if (!store->nameless)
        return open_named(staged, err);
    staged->fd = open(store->staging, O_RDWR | O_TMPFILE | O_CLOEXEC, 0640);
    if (staged->fd < 0)
        return yq_fail_errno(err, "store", "create a file in", store->staging);
    snprintf(staged->path, sizeof staged->path, "/proc/self/fd/%d", staged->fd);
    return true;
}

bool yq_store_begin(struct yq_store *store, struct yq_staged **out, struct yq_err *err)
{
    if (!room_left(store, err))
        return false;
    struct yq_staged *staged = calloc(1, sizeof *staged);
    if (!staged)
        return yq_fail(err, YQ_FULL, "store", "no memory for a staged object");
    staged->store = store;
    if (!open_staged(staged, err)) {
        if (err->code == YQ_ABSENT) /* somebody took staging/ away */
            err->code = YQ_IO;
        free(staged);
        return false;
    }
    *out = staged;
    return true;
}

bool yq_staged_write(struct yq_staged *staged, const void *bytes, size_t length, struct yq_err *err)
{
    if (staged->failed)
        return yq_fail(err, YQ_IO, "store", "an earlier write of this object failed");
    if (!yq_write_all(staged->fd, bytes, length, err)) {
        staged->failed = true;
        return yq_while(err, "staging");
    }
    staged->size += length;
    atomic_fetch_add(&staged->store->written, length);
    if (staged->size - staged->begun >= EARLY_BYTES) {
        (void)sync_file_range(staged->fd, (off_t)staged->begun,
                              (off_t)(staged->size - staged->begun), SYNC_FILE_RANGE_WRITE);
        staged->begun = staged->size;
    }
    return true;
}

bool store_staged_path(const struct yq_staged *staged, const char **path, struct yq_err *err)
{
    *path = staged->path;
    return !staged->failed ||
           yq_fail(err, YQ_IO, "store", "an earlier write of this object failed");
}

struct yq_store *store_of(const struct yq_staged *staged) { return staged->store; }

int yq_staged_fd(const struct yq_staged *staged) { return staged->fd; }
uint64_t yq_staged_size(const struct yq_staged *staged) { return staged->size; }

static bool make_folder(const char *path, struct yq_err *err)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST || errno == ENOENT)
        return true; /* ENOENT: the one above was pruned just now; the next try makes it */
    return yq_fail_errno(err, "store", "make folder", path);
}

/* RENAME_NOREPLACE is unknown to some file systems (NFS); there a look must do. */
static bool move_once(const char *from, const char *to, enum move how)
{
    struct stat about;
    if (how == MOVE_OVER)
        return rename(from, to) == 0;
    if (how == MOVE_LINK)
        return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    if (lstat(to, &about) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

bool store_move(const char *from, const struct place *place, enum move how, bool *there,
                struct yq_err *err)
{
    *there = false;
    for (int i = 0; i < MOVE_TRIES; i++) {
        if (move_once(from, place->file, how))
            return true;
        if (errno == EEXIST) {
            *there = true;
            return true;
        }
        struct stat about;
        if (errno != ENOENT || lstat(from, &about) != 0)
            return yq_fail_errno(err, "store", "rename to", place->file);
        if (!make_folder(place->shard, err) || !make_folder(place->study, err) ||
            !make_folder(place->series, err))
            return false;
    }
    return yq_fail(err, YQ_BUSY, "store", "the folder %s vanishes again and again", place->series);
}

bool store_sync_place(const char *root, const struct place *place, struct yq_err *err)
{
    return yq_sync_dir(place->series, err) && yq_sync_dir(place->study, err) &&
           (strcmp(place->shard, root) == 0 || yq_sync_dir(place->shard, err)) &&
           yq_sync_dir(root, err);
}

bool yq_staged_same(const struct yq_staged *staged, int fd, struct yq_err *err)
{
    enum { PIECE = 65536 };
    uint8_t *piece = malloc((size_t)2 * PIECE);
    if (!piece)
        return yq_fail(err, YQ_FULL, "store", "no memory to compare two objects");
    bool same = true;
    for (uint64_t at = 0; same; at += PIECE) {
        size_t got_a, got_b;
        same = yq_read_at(staged->fd, piece, PIECE, at, &got_a, err) &&
               yq_read_at(fd, piece + PIECE, PIECE, at, &got_b, err);
        if (same && (got_a != got_b || memcmp(piece, piece + PIECE, got_a) != 0))
            same = yq_fail(err, YQ_CONFLICT, "store", "another content is stored under this name");
        if (same && got_a < PIECE)
            break;
    }
    free(piece);
    return same;
}

static bool same_as_there(struct yq_staged *staged, const char *path, struct yq_err *err)
{
    int there yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (there < 0)
        return yq_fail_errno(err, "store", "open", path);
    return yq_staged_same(staged, there, err);
}

bool yq_staged_place(struct yq_staged *staged, const struct yq_key *key, const uint8_t digest[32],
                     struct yq_err *err)
{
    struct yq_store *store = staged->store;
    struct place *place = &staged->place;
    if (staged->failed)
        return yq_fail(err, YQ_IO, "store", "an earlier write of this object failed");
    if (!store_place(store->objects, true, key, digest, place, err) ||
        !store_promise(store, place, &staged->promise, err))
        return false;
    staged->placed = store_move(staged->path, place, store->nameless ? MOVE_LINK : MOVE_NEW,
                                &staged->there, err) &&
                     (!staged->there || same_as_there(staged, place->file, err));
    if (staged->placed)
        return true;
    store_promise_kept(store, staged->promise);
    if (err->code == YQ_ABSENT)
        err->code = YQ_IO;
    return false;
}

/* The folders' part. The file is in its folder now, so nobody can prune the folder under these
 * syncs. Another thread may have made a folder a moment ago and not have synced its name yet:
 * unless the way up is known to be durable, it is synced here as well. */
static bool sync_way(struct yq_store *store, const struct place *place, struct yq_err *err)
{
    bool known = store_knows(store, place->series);
    if (!(known ? yq_sync_dir(place->series, err) : store_sync_place(store->objects, place, err)))
        return false;
    if (!known)
        store_know(store, place->series);
    return true;
}

static bool sync_there(struct yq_store *store, const struct place *place, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(place->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return yq_fail_errno(err, "store", "open", place->file);
    return (fdatasync(fd) == 0 || yq_fail_errno(err, "store", "sync", place->file)) &&
           sync_way(store, place, err);
}

/* fsync(2) promises nothing of names. Where the file system is known to put the name, and the new
 * folders above it, on stable storage with the file, one sync does for all of it. */
static bool sync_new(const struct yq_staged *staged, struct yq_err *err)
{
    const struct yq_store *store = staged->store;
    if ((store->names_follow ? fsync(staged->fd) : fdatasync(staged->fd)) != 0)
        return yq_fail_errno(err, "store", "sync", staged->place.file);
    return store->names_follow || sync_way(staged->store, &staged->place, err);
}

bool yq_staged_sync(struct yq_staged *staged, struct yq_err *err)
{
    bool ok =
        staged->there ? sync_there(staged->store, &staged->place, err) : sync_new(staged, err);
    if (!ok && err->code == YQ_ABSENT)
        err->code = YQ_IO;
    return ok;
}

bool yq_store_sync(struct yq_store *store, const struct yq_key *key, const uint8_t digest[32],
                   struct yq_err *err)
{
    struct place place;
    return store_place(store->objects, true, key, digest, &place, err) &&
           sync_there(store, &place, err);
}

bool yq_store_sync_all(struct yq_store *store, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(store->objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && syncfs(fd) == 0) || yq_fail_errno(err, "store", "sync", store->objects);
}

/* ---- the ends ---- */

void yq_staged_leave(struct yq_staged *take)
{
    if (!take->store->nameless && (!take->placed || take->there))
        unlink(take->path);
    yq_close(&take->fd);
    free(take);
}

void yq_staged_keep(struct yq_staged *take)
{
    if (take->placed)
        store_promise_kept(take->store, take->promise);
    yq_staged_leave(take);
}

void yq_staged_abandon(struct yq_staged *take)
{
    if (take->placed && !take->there && unlink(take->place.file) == 0)
        store_prune(take->store, &take->place);
    yq_staged_keep(take);
}
