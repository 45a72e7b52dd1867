/* staged.c: an object on its way in: written in staging/, then renamed to its place.
 *
 * The order that makes a commit durable: the file's data, then its name, then the folders above it
 * from the inside out. A place that is taken is compared byte by byte: the name carries only eight
 * digits of the digest, and a stored object never changes, not even for a sender that worked for
 * such a digest. A yq_staged belongs to one thread. */
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

struct yq_staged {
    struct yq_store *store;
    int fd;
    bool failed;
    uint64_t size;
    char path[YQ_PATH_MOST];
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

bool yq_store_begin(struct yq_store *store, struct yq_staged **out, struct yq_err *err)
{
    if (!room_left(store, err))
        return false;
    struct yq_staged *staged = calloc(1, sizeof *staged);
    if (!staged)
        return yq_fail(err, YQ_FULL, "store", "no memory for a staged object");
    staged->store = store;
    do { /* a name that a crashed process with our number left behind is passed over */
        unsigned long long number = atomic_fetch_add(&store->counter, 1);
        char name[64];
        snprintf(name, sizeof name, "%ld-%llu.part", (long)getpid(), number);
        if (!yq_path_join(staged->path, store->staging, name, err)) {
            free(staged);
            return false;
        }
        staged->fd = open(staged->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    } while (staged->fd < 0 && errno == EEXIST);
    if (staged->fd < 0) {
        yq_fail_errno(err, "store", "create", staged->path);
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
    return true;
}

int yq_staged_fd(const struct yq_staged *staged) { return staged->fd; }
uint64_t yq_staged_size(const struct yq_staged *staged) { return staged->size; }

void yq_staged_abandon(struct yq_staged *take)
{
    unlink(take->path);
    yq_close(&take->fd);
    free(take);
}

static bool make_folder(const char *path, struct yq_err *err)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST || errno == ENOENT)
        return true; /* ENOENT: the one above was pruned just now; the next try makes it */
    return yq_fail_errno(err, "store", "make folder", path);
}

/* RENAME_NOREPLACE is unknown to some file systems (NFS); there a look must do. */
static bool rename_new(const char *from, const char *to)
{
    struct stat about;
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

bool store_move(const char *from, const struct place *place, bool replace, bool *there,
                struct yq_err *err)
{
    *there = false;
    for (int i = 0; i < MOVE_TRIES; i++) {
        if (replace ? rename(from, place->file) == 0 : rename_new(from, place->file))
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

static bool same_bytes(int a, int b, struct yq_err *err)
{
    enum { PIECE = 65536 };
    uint8_t *piece = malloc((size_t)2 * PIECE);
    if (!piece)
        return yq_fail(err, YQ_FULL, "store", "no memory to compare two objects");
    bool same = true;
    for (uint64_t at = 0; same; at += PIECE) {
        size_t got_a, got_b;
        same = yq_read_at(a, piece, PIECE, at, &got_a, err) &&
               yq_read_at(b, piece + PIECE, PIECE, at, &got_b, err);
        if (same && (got_a != got_b || memcmp(piece, piece + PIECE, got_a) != 0))
            same = yq_fail(err, YQ_CONFLICT, "store", "another content has this name already");
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
    return same_bytes(staged->fd, there, err) &&
           (fdatasync(there) == 0 || yq_fail_errno(err, "store", "sync", path));
}

static bool commit(struct yq_staged *staged, const struct place *place, struct yq_err *err)
{
    struct yq_store *store = staged->store;
    bool there;
    if (staged->failed)
        return yq_fail(err, YQ_IO, "store", "an earlier write of this object failed");
    if (fdatasync(staged->fd) != 0)
        return yq_fail_errno(err, "store", "sync", staged->path);
    if (!store_promise(store, place, err))
        return false;
    if (!store_move(staged->path, place, false, &there, err) ||
        (there && !same_as_there(staged, place->file, err))) {
        store_settle(store, place);
        return false;
    }
    /* The file is in its folder now, so nobody can prune the folder under these syncs. Another
     * thread may have made a folder a moment ago and not have synced its name yet: unless the way
     * up is known to be durable, it is synced here as well. */
    bool known = store_knows(store, place->series);
    if (known ? yq_sync_dir(place->series, err) : store_sync_place(store->objects, place, err)) {
        store_know(store, place->series);
        return true;
    }
    if (!there) {
        unlink(place->file);
        store_prune(store, place);
    }
    store_settle(store, place);
    return false;
}

bool yq_staged_commit(struct yq_staged *take, const struct yq_key *key, const uint8_t sha256[32],
                      struct yq_err *err)
{
    struct place place;
    bool ok = store_place(take->store->objects, true, key, sha256, &place, err) &&
              commit(take, &place, err);
    if (!ok && err->code == YQ_ABSENT)
        err->code = YQ_IO;
    yq_staged_abandon(take); /* after the rename its old name is gone, and unlink finds nothing */
    return ok;
}
