/* keep.c: keeping house: delete into the trash, rebuild the catalog from the files, verify the
 * files, say how the node is.
 *
 * Rows go first and files after them: an instance that nobody can find any more may still be on
 * disk, never the other way round. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "object.h"
#include "yq/clock.h"
#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/walk.h"

void yq_keep_label(char *label, size_t size, const char *why)
{
    char when[32];
    time_t now = (time_t)(yq_now_ms() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y%m%dT%H%M%S", &tm);
    snprintf(label, size, "%s-%s", when, why);
}

bool yq_keep_delete(struct yq_house *house, const struct yq_key *key, const char *label,
                    size_t *count, struct yq_err *err)
{
    struct yq_entry *removed = NULL;
    struct yq_audit_about about;
    *count = 0;
    yq_audit_look(house, key->study, &about);
    if (!yq_catalog_remove(house->catalog, key, &removed, count, err))
        return false;
    bool ok = true;
    for (size_t i = 0; i < *count; i++) {
        struct yq_err trouble;
        if (yq_store_trash(house->store, &removed[i].key, removed[i].object.digest, label,
                           &trouble))
            continue;
        yq_log_err(YQ_LOG_ERROR, "trash", &trouble, "sop=%s", removed[i].key.instance);
        *err = trouble;
        ok = false;
    }
    yq_log(YQ_LOG_INFO, "deleted", "instances=%zu trash=%s study=%s series=%s sop=%s", *count,
           label, key->study, key->series, key->instance);
    if (key->series[0] || key->instance[0])
        yq_audit_accessed(house->audit, NULL, 'D', &about, removed[0].sop_class, key->instance,
                          key->series, ok ? NULL : err);
    else
        yq_audit_deleted(house->audit, &about, *count, ok ? NULL : err);
    free(removed);
    return ok;
}

/* ---- reindex ---- */

struct found { /* a file of the study being reindexed */
    char *path;
    int64_t written_ns;
};

static int oldest_first(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->written_ns, y = ((const struct found *)b)->written_ns;
    return x < y ? -1 : x > y;
}

/* A name carries the UIDs and the digest of what was stored, of the kind of the time: other content
 * is damaged, or somebody put the file there by hand. A row for it would lead to no file. */
static bool keeps_its_name(struct yq_house *house, int fd, const char *path,
                           const struct yq_key *key, struct yq_object *object, struct yq_err *err)
{
    char own[YQ_PATH_MOST];
    for (int kind = YQ_XXH3; kind <= YQ_SHA256; kind++) {
        if (!yq_object_digest(fd, (enum yq_digest_kind)kind, object, err) ||
            !yq_store_path(house->store, key, object->digest, own, err))
            return false;
        if (strcmp(own, path) == 0)
            return true;
    }
    return yq_fail(err, YQ_IO, "walk",
                   "content is not what its name says: not taken in (if it is good nevertheless, "
                   "yingqiao import takes it)");
}

static bool reindex_file(struct yq_house *house, const char *path, uint64_t *bytes,
                         struct yq_err *err)
{
    struct yq_part10 about;
    struct yq_object object;
    struct yq_header header = {0};
    struct yq_added added;
    struct yq_origin origin = {.door = "reindex"};
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return yq_fail_errno(err, "walk", "open", path);
    bool ok =
        yq_part10_read(fd, &about, err) &&
        yq_dcm_read_header(fd, about.dataset_offset, about.transfer_syntax, "", &header, err) &&
        keeps_its_name(house, fd, path, &header.key, &object, err);
    if (ok) {
        (void)yq_copy(header.transfer_syntax, sizeof header.transfer_syntax, about.transfer_syntax);
        /* A second content under one UID was kept on purpose, or is what a crash left of a
         * replacement: kept, and told. */
        struct yq_arrival arrival = {.origin = &origin,
                                     .header = &header,
                                     .object = &object,
                                     .dataset_offset = about.dataset_offset,
                                     .duplicates = YQ_KEEP_BOTH};
        ok = yq_catalog_add(house->catalog, &arrival, &added, err);
        *bytes += object.size;
    }
    yq_header_fini(&header);
    return ok;
}

struct reindexing {
    struct yq_house *house;
    const struct yq_progress *progress;
    struct found *files;
    size_t count, room;
    uint64_t done, bytes;
};

static void forget_files(struct reindexing *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->files[i].path);
    r->count = 0;
}

/* Files that cannot be read are told and passed over; a catalog that cannot be written ends it. */
static bool reindex_study(struct reindexing *r, struct yq_err *err)
{
    bool ok = true;
    char trouble[YQ_PATH_MOST + sizeof err->text];
    if (r->count)
        qsort(r->files, r->count, sizeof *r->files, oldest_first);
    for (size_t i = 0; i < r->count && ok; i++) {
        bool added = reindex_file(r->house, r->files[i].path, &r->bytes, err);
        r->done += added;
        if (!added && strcmp(err->room, "catalog") == 0)
            ok = false;
        if (!added)
            snprintf(trouble, sizeof trouble, "%s: %s", r->files[i].path, err->text);
        if (r->progress)
            r->progress->tell(r->progress->context, r->done, r->bytes, added ? NULL : trouble);
    }
    forget_files(r);
    return ok;
}

/* objects/<2 hex>/<study>/... : the length of the part that names the study. */
static size_t study_part(const char *path)
{
    size_t slashes = 0, length = strlen(path);
    while (length && slashes < 2)
        slashes += path[--length] == '/';
    return length;
}

static bool remember(struct reindexing *r, const char *path, struct yq_err *err)
{
    struct stat about;
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct found *files = realloc(r->files, room * sizeof *files);
        if (!files)
            return yq_fail(err, YQ_FULL, "walk", "no memory to list a study");
        r->files = files;
        r->room = room;
    }
    struct found *new = &r->files[r->count];
    new->written_ns = stat(path, &about) == 0
                          ? (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec
                          : 0;
    new->path = strdup(path);
    if (!new->path)
        return yq_fail(err, YQ_FULL, "walk", "no memory to list a study");
    r->count++;
    return true;
}

bool yq_keep_reindex(struct yq_house *house, const struct yq_progress *progress, uint64_t *count,
                     struct yq_err *err)
{
    struct reindexing r = {.house = house, .progress = progress};
    struct yq_store_walk *walk = NULL;
    const char *path;
    *count = 0;
    if (!yq_store_walk_open(house->store, &walk, err))
        return false;
    bool ok = true;
    while (ok && yq_store_walk_next(walk, &path, err)) {
        size_t part = study_part(path);
        if (r.count && (strlen(r.files[0].path) <= part || r.files[0].path[part] != '/' ||
                        strncmp(r.files[0].path, path, part) != 0))
            ok = reindex_study(&r, err);
        ok = ok && remember(&r, path, err);
    }
    ok = ok && err->code == YQ_OK && reindex_study(&r, err);
    yq_store_walk_close(walk);
    forget_files(&r);
    free(r.files);
    *count = r.done;
    return ok;
}

/* ---- verify ---- */

bool yq_keep_check(struct yq_house *house, const struct yq_entry *entry, struct yq_err *err)
{
    struct yq_object object;
    int fd yq_cleanup(yq_close) = -1;
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
        !yq_object_digest(fd, yq_digest_kind(entry->object.digest), &object, err))
        return false;
    if (object.size != entry->object.size ||
        memcmp(object.digest, entry->object.digest, sizeof object.digest) != 0)
        return yq_fail(err, YQ_IO, "walk", "content is not what was stored: its digest differs");
    return true;
}

struct verifying {
    struct yq_house *house;
    const struct yq_progress *progress;
    uint64_t done, bytes, faults;
    struct yq_entry *copies; /* instances kept beside others: their files have no served row */
    size_t copy_count;
};

static void tell(struct verifying *v, const char *what, const char *trouble)
{
    char text[512];
    if (trouble) {
        v->faults++;
        snprintf(text, sizeof text, "%s: %s", what, trouble);
    }
    if (v->progress)
        v->progress->tell(v->progress->context, v->done, v->bytes, trouble ? text : NULL);
}

static bool note_copy(struct verifying *v, const struct yq_entry *entry, struct yq_err *err)
{
    struct yq_entry *copies = realloc(v->copies, (v->copy_count + 1) * sizeof *copies);
    if (!copies)
        return yq_fail(err, YQ_FULL, "walk", "no memory to verify");
    v->copies = copies;
    v->copies[v->copy_count++] = *entry;
    return true;
}

static bool verify_rows(struct verifying *v, struct yq_err *err)
{
    struct yq_entry entries[64];
    size_t count;
    int64_t after = 0;
    do {
        if (!yq_catalog_entries(v->house->catalog, after, entries, 64, &count, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            struct yq_err trouble = {0};
            bool ok = yq_keep_check(v->house, &entries[i], &trouble);
            after = entries[i].id;
            v->done++;
            v->bytes += entries[i].object.size;
            if (entries[i].copy > 0 && !note_copy(v, &entries[i], err))
                return false;
            tell(v, entries[i].key.instance, ok ? NULL : trouble.text);
        }
    } while (count);
    return true;
}

/* A file without a row is what a crash left between the file and the row, unless it is being taken
 * in right now. */
static bool is_orphan(struct verifying *v, const char *path)
{
    struct yq_err ignored;
    struct yq_entry entry;
    struct stat about;
    char instance[YQ_UID_SIZE];
    if (stat(path, &about) != 0 || yq_now_ms() / 1000 - about.st_ctime < 60)
        return false;
    if (yq_object_instance(path, instance) &&
        yq_catalog_get(v->house->catalog, instance, &entry, &ignored) &&
        yq_object_is_at(v->house, &entry, path))
        return false;
    for (size_t i = 0; i < v->copy_count; i++)
        if (yq_object_is_at(v->house, &v->copies[i], path))
            return false;
    return true;
}

bool yq_keep_verify(struct yq_house *house, const struct yq_progress *progress, uint64_t *objects,
                    uint64_t *faults, struct yq_err *err)
{
    struct verifying v = {.house = house, .progress = progress};
    struct yq_store_walk *walk = NULL;
    const char *path;
    bool ok = verify_rows(&v, err) && yq_store_walk_open(house->store, &walk, err);
    if (ok) {
        while (yq_store_walk_next(walk, &path, err))
            if (is_orphan(&v, path))
                tell(&v, path,
                     "no row in the catalog names this file (yingqiao reindex takes it in)");
        ok = err->code == YQ_OK;
        yq_store_walk_close(walk);
    }
    free(v.copies);
    *objects = v.done;
    *faults = v.faults;
    return ok;
}

/* ---- health ---- */

bool yq_keep_health(struct yq_house *house, struct yq_err *err)
{
    struct yq_staged *probe = NULL;
    if (!yq_catalog_health(house->catalog, true, err))
        return false;
    if (!yq_store_begin(house->store, &probe, err))
        return false;
    bool ok = yq_staged_write(probe, "probe", 5, err);
    yq_staged_abandon(probe);
    struct yq_trail *trail = yq_audit_trail(house->audit);
    return ok && (!trail || yq_trail_health(trail, err));
}
