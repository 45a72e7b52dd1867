/* trash.c: objects that were deleted, kept for a while below trash/<label>/.
 *
 * A label is one deletion; its folder's time says since when it lies there. Any thread. */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

bool store_label_valid(const char *label)
{
    size_t length = strlen(label);
    return length > 0 && length <= 64 && label[0] != '.' &&
           strspn(label, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_") ==
               length;
}

bool yq_store_trash(struct yq_store *store, const struct yq_key *key, const uint8_t digest[32],
                    const char *label, struct yq_err *err)
{
    struct place place, grave;
    struct stat about;
    char root[YQ_PATH_MOST];
    bool there;
    if (!store_label_valid(label))
        return yq_fail(err, YQ_BAD_INPUT, "store", "not a label for the trash");
    if (!store_place(store->objects, true, key, digest, &place, err) ||
        !yq_path_join(root, store->trash, label, err) ||
        !store_place(root, false, key, digest, &grave, err))
        return false;
    if (lstat(place.file, &about) != 0)
        return errno == ENOENT || errno == ENOTDIR ||
               yq_fail_errno(err, "store", "look at", place.file);
    if (!store_move(place.file, &grave, MOVE_OVER, &there, err))
        return err->code == YQ_ABSENT; /* another thread was faster */
    /* First where it is now, then where it was: a crash in between leaves it in both, not in none.
     */
    if (!store_sync_place(root, &grave, err) || !yq_sync_dir(store->trash, err) ||
        !(yq_sync_dir(place.series, err) || err->code == YQ_ABSENT))
        return false;
    store_prune(store, &place);
    return true;
}

static size_t purge_tree(char *path)
{
    char *roots[] = {path, NULL};
    size_t gone = 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!tree)
        return 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_DP)
            rmdir(entry->fts_accpath);
        else if (entry->fts_info != FTS_D)
            gone += unlink(entry->fts_accpath) == 0;
    }
    fts_close(tree);
    return gone;
}

size_t yq_store_purge_trash(struct yq_store *store, int64_t ms)
{
    char *roots[] = {store->trash, NULL};
    size_t gone = 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_level != 1 || entry->fts_info != FTS_D)
            continue;
        int64_t since = (int64_t)entry->fts_statp->st_mtim.tv_sec * 1000 +
                        entry->fts_statp->st_mtim.tv_nsec / 1000000;
        if (since < ms)
            gone += purge_tree(entry->fts_path);
        fts_set(tree, entry, FTS_SKIP);
    }
    fts_close(tree);
    return gone;
}
