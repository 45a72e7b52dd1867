/* store.c: the folder: opening, places, reading, removing, walking.
 *
 * Knows where an object lies: objects/<2 hex of the study UID's hash>/<study>/<series>/<instance>.
 * <8 hex of its digest>.dcm. Refuses keys that are no UIDs, so that nothing from the wire names a
 * path. Any thread; no locks: names are unique, renames are atomic, and folders that vanish under a
 * commit are made again. */
#include "yq/store.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/sync.h"

static bool open_part(const char *dir, const char *name, char *path, struct yq_err *err)
{
    if (!yq_path_join(path, dir, name, err) || !yq_mkdirs(path, err)) {
        if (err->code == YQ_ABSENT) /* a file stands where a folder should */
            err->code = YQ_IO;
        return false;
    }
    if (access(path, R_OK | W_OK | X_OK) == 0)
        return true;
    return yq_fail_errno(err, "store", "use folder", path);
}

/* What a crash left. Not what a process that still lives is writing, an import beside the node say.
 */
static void sweep_staging(struct yq_store *store)
{
    char *roots[] = {store->staging, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return;
    size_t swept = 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_level < 1 || entry->fts_info == FTS_D || store_is_alive(entry->fts_name))
            continue;
        swept += remove(entry->fts_accpath) == 0;
    }
    fts_close(tree);
    if (swept)
        yq_log(YQ_LOG_INFO, "staging-swept", "files=%zu", swept);
}

/* Files without a name need no sweeping, and no name in a folder that all writers share. Giving
 * them one needs /proc. */
static bool has_nameless(struct yq_store *store)
{
    char path[64];
    int fd yq_cleanup(yq_close) = open(store->objects, O_RDWR | O_TMPFILE | O_CLOEXEC, 0640);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return fd >= 0 && access(path, F_OK) == 0;
}

/* ext2 has the number of ext4, and is driven by it. Theirs are the journals, logs and (ext4 without
 * a journal) walks up the tree that take a file's new name, and the folders made for it, to the
 * disk with fsync of the file. Of other file systems only what POSIX says is believed. */
static bool names_follow(const struct yq_store *store)
{
    struct statfs about;
    if (statfs(store->objects, &about) != 0)
        return false;
    unsigned long kind = (unsigned long)about.f_type & 0xffffffffUL;
    return kind == EXT4_SUPER_MAGIC || kind == XFS_SUPER_MAGIC || kind == BTRFS_SUPER_MAGIC;
}

bool yq_store_open(const char *dir, bool sweep, struct yq_store **out, struct yq_err *err)
{
    struct yq_store *store = calloc(1, sizeof *store);
    if (!store)
        return yq_fail(err, YQ_FULL, "store", "no memory for a store");
    if (!open_part(dir, "objects", store->objects, err) ||
        !open_part(dir, "staging", store->staging, err) ||
        !open_part(dir, "promises", store->promises, err) ||
        !open_part(dir, "attachments", store->attachments, err) ||
        !open_part(dir, "trash", store->trash, err) || !store_measure(store, err)) {
        free(store);
        return false;
    }
    pthread_mutex_init(&store->promising, NULL);
    store->promise_fd = -1;
    store->nameless = has_nameless(store);
    store->names_follow = names_follow(store);
    atomic_store(&store->measured_ms, yq_monotonic_ms());
    if (sweep)
        sweep_staging(store);
    *out = store;
    return true;
}

void yq_store_close(struct yq_store *store)
{
    store_promises_close(store);
    pthread_mutex_destroy(&store->promising);
    free(store);
}

bool store_place(const char *root, bool sharded, const struct yq_key *key, const uint8_t digest[32],
                 struct place *place, struct yq_err *err)
{
    if (!yq_uid_valid(key->study) || !yq_uid_valid(key->series) || !yq_uid_valid(key->instance))
        return yq_fail(err, YQ_BAD_INPUT, "store", "a UID of the object's key is not a UID");
    char digits[9], name[YQ_UID_SIZE + 16], shard[3];
    yq_hex(digits, digest, 4);
    snprintf(name, sizeof name, "%s.%s.dcm", key->instance, digits);
    snprintf(shard, sizeof shard, "%02x", (unsigned)(yq_hash_text(key->study) >> 56));
    if (sharded ? !yq_path_join(place->shard, root, shard, err)
                : !yq_copy(place->shard, sizeof place->shard, root))
        return false;
    return yq_path_join(place->study, place->shard, key->study, err) &&
           yq_path_join(place->series, place->study, key->series, err) &&
           yq_path_join(place->file, place->series, name, err);
}

bool yq_store_path(struct yq_store *store, const struct yq_key *key, const uint8_t digest[32],
                   char *path, struct yq_err *err)
{
    struct place place;
    if (!store_place(store->objects, true, key, digest, &place, err))
        return false;
    memcpy(path, place.file, strlen(place.file) + 1);
    return true;
}

bool yq_store_read(struct yq_store *store, const struct yq_key *key, const struct yq_object *object,
                   int *fd, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    struct stat about;
    *fd = -1;
    if (!yq_store_path(store, key, object->digest, path, err))
        return false;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return yq_fail_errno(err, "store", "open", path);
    bool ok = fstat(*fd, &about) == 0 || yq_fail_errno(err, "store", "look at", path);
    if (ok && (!S_ISREG(about.st_mode) || (uint64_t)about.st_size != object->size))
        ok = yq_fail(err, YQ_IO, "store", "%s has %lld bytes, not %llu: damaged", path,
                     (long long)about.st_size, (unsigned long long)object->size);
    if (!ok)
        yq_close(fd);
    return ok;
}

void store_know(struct yq_store *store, const char *series_folder)
{
    uint64_t hash = yq_hash_text(series_folder);
    atomic_store(&store->known[hash % KNOWN_FOLDERS], hash);
}

bool store_knows(struct yq_store *store, const char *series_folder)
{
    uint64_t hash = yq_hash_text(series_folder);
    return atomic_load(&store->known[hash % KNOWN_FOLDERS]) == hash;
}

void store_prune(struct yq_store *store, const struct place *place)
{
    /* Forgotten first: who makes the folder again must sync its way up again. */
    uint64_t hash = yq_hash_text(place->series);
    atomic_compare_exchange_strong(&store->known[hash % KNOWN_FOLDERS], &(uint64_t){hash}, 0);
    /* rmdir refuses a folder that is not empty, which is all the care that is needed here. */
    if (rmdir(place->series) == 0 && rmdir(place->study) == 0)
        rmdir(place->shard);
}

void yq_store_remove(struct yq_store *store, const struct yq_key *key, const uint8_t digest[32])
{
    struct place place;
    struct yq_err err;
    if (!store_place(store->objects, true, key, digest, &place, &err))
        return;
    if (unlink(place.file) != 0 && errno != ENOENT && errno != ENOTDIR) {
        yq_fail_errno(&err, "store", "remove", place.file);
        yq_log_err(YQ_LOG_WARN, "object-not-removed", &err, "sop=%s", key->instance);
        return;
    }
    store_prune(store, &place);
}

struct yq_store_walk {
    FTS *tree;
    const char *suffix;
};

bool store_walk_open(const char *root, const char *suffix, struct yq_store_walk **out,
                     struct yq_err *err)
{
    char folder[YQ_PATH_MOST], *roots[] = {folder, NULL};
    (void)yq_copy(folder, sizeof folder, root);
    struct yq_store_walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return yq_fail(err, YQ_FULL, "store", "no memory to walk the store");
    walk->tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk->tree) {
        free(walk);
        return yq_fail_errno(err, "store", "walk", root);
    }
    walk->suffix = suffix;
    *out = walk;
    return true;
}

bool yq_store_walk_open(struct yq_store *store, struct yq_store_walk **out, struct yq_err *err)
{
    return store_walk_open(store->objects, ".dcm", out, err);
}

bool yq_store_walk_next(struct yq_store_walk *walk, const char **path, struct yq_err *err)
{
    err->code = YQ_OK;
    for (;;) {
        errno = 0;
        FTSENT *entry = fts_read(walk->tree);
        if (!entry)
            return errno ? yq_fail_errno(err, "store", "walk", "objects") : false;
        size_t length = entry->fts_namelen, suffix = strlen(walk->suffix);
        switch (entry->fts_info) {
        case FTS_F:
            if (length < suffix || strcmp(entry->fts_name + length - suffix, walk->suffix) != 0)
                break;
            *path = entry->fts_path;
            return true;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            errno = entry->fts_errno;
            if (errno != ENOENT) /* pruned while we walk: no loss */
                return yq_fail_errno(err, "store", "walk", entry->fts_path);
            break;
        default: break;
        }
    }
}

void yq_store_walk_close(struct yq_store_walk *walk)
{
    fts_close(walk->tree);
    free(walk);
}

bool yq_store_space(struct yq_store *store, struct yq_store_space *out, struct yq_err *err)
{
    struct statvfs about;
    if (statvfs(store->staging, &about) != 0)
        return yq_fail_errno(err, "store", "ask the disk below", store->staging);
    out->free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    out->total_bytes = (uint64_t)about.f_blocks * about.f_frsize;
    return true;
}
