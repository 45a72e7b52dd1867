/* attachment.c: files that are named by their content: attachments/<2 hex>/<SHA-256>.pdf.
 *
 * Once a name is there its bytes never change, so the same content twice is one file, and who reads
 * it needs no lock. A file that is there is compared before it is believed: one that a bad disk
 * changed makes way for the bytes that came. Whoever calls computes the digest. Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

bool yq_content_name_valid(const char *name)
{
    return strnlen(name, YQ_CONTENT_NAME_SIZE) == YQ_CONTENT_NAME_SIZE - 1 &&
           strspn(name, "0123456789abcdef") == YQ_CONTENT_NAME_SIZE - 1;
}

/* Two folders above the file, of which the upper one is `root`. */
static bool place_of(const char *root, const char *name, struct place *place, struct yq_err *err)
{
    char shard[3] = {name[0], name[1], '\0'}, file[YQ_CONTENT_NAME_SIZE + 4];
    snprintf(file, sizeof file, "%s.pdf", name);
    if (!yq_path_join(place->shard, root, shard, err) ||
        !yq_path_join(place->file, place->shard, file, err))
        return false;
    memcpy(place->study, place->shard, sizeof place->study);
    memcpy(place->series, place->shard, sizeof place->series);
    return true;
}

static bool find(struct yq_store *store, const char *name, struct place *place, struct yq_err *err)
{
    if (!yq_content_name_valid(name))
        return yq_fail(err, YQ_BAD_INPUT, "store", "not the name of an attachment");
    return place_of(store->attachments, name, place, err);
}

static bool sync_names(struct yq_store *store, const struct place *place, struct yq_err *err)
{
    return yq_sync_dir(place->shard, err) && yq_sync_dir(store->attachments, err);
}

static bool sync_file(struct yq_store *store, int fd, bool new_name, const struct place *place,
                      struct yq_err *err)
{
    if (fsync(fd) != 0)
        return yq_fail_errno(err, "store", "sync", place->file);
    return (new_name && store->names_follow) || sync_names(store, place, err);
}

/* The bytes that are there already, when they are the same ones. */
static bool believe(struct yq_staged *staged, const struct place *place, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(place->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return yq_fail_errno(err, "store", "open", place->file);
    return yq_staged_same(staged, fd, err) && sync_file(store_of(staged), fd, false, place, err);
}

bool yq_staged_attach(struct yq_staged *staged, const char *name, struct yq_err *err)
{
    struct yq_store *store = store_of(staged);
    struct place place;
    const char *from;
    bool there;
    if (!store_staged_path(staged, &from, err) || !find(store, name, &place, err))
        return false;
    for (int tries = 0; tries < 3; tries++) {
        if (!store_move(from, &place, store->nameless ? MOVE_LINK : MOVE_NEW, &there, err))
            return false;
        if (!there)
            return sync_file(store, yq_staged_fd(staged), true, &place, err);
        if (believe(staged, &place, err))
            return true;
        if (err->code != YQ_CONFLICT && err->code != YQ_ABSENT)
            return false;
        if (unlink(place.file) != 0 && errno != ENOENT)
            return yq_fail_errno(err, "store", "replace", place.file);
    }
    return yq_fail(err, YQ_BUSY, "store", "%s vanishes again and again", place.file);
}

bool yq_store_attachment(struct yq_store *store, const char *name, int *fd, uint64_t *size,
                         struct yq_err *err)
{
    struct place place;
    struct stat about;
    *fd = -1;
    if (!find(store, name, &place, err))
        return false;
    *fd = open(place.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return yq_fail_errno(err, "store", "open", place.file);
    if (fstat(*fd, &about) == 0 && S_ISREG(about.st_mode)) {
        *size = (uint64_t)about.st_size;
        return true;
    }
    yq_close(fd);
    return yq_fail(err, YQ_IO, "store", "%s is no file", place.file);
}

bool yq_store_attachment_trash(struct yq_store *store, const char *name, const char *label,
                               struct yq_err *err)
{
    struct place place, grave;
    char root[YQ_PATH_MOST], below[96];
    bool there;
    if (!store_label_valid(label))
        return yq_fail(err, YQ_BAD_INPUT, "store", "not a label for the trash");
    snprintf(below, sizeof below, "%s/attachments", label);
    if (!find(store, name, &place, err) || !yq_path_join(root, store->trash, below, err) ||
        !yq_mkdirs(root, err) || !place_of(root, name, &grave, err))
        return false;
    if (!store_move(place.file, &grave, MOVE_OVER, &there, err))
        return err->code == YQ_ABSENT;
    return yq_sync_dir(grave.shard, err) && yq_sync_dir(root, err) && yq_sync_dir(place.shard, err);
}

bool yq_store_walk_attachments(struct yq_store *store, struct yq_store_walk **out,
                               struct yq_err *err)
{
    return store_walk_open(store->attachments, ".pdf", out, err);
}
