/* keep.c: keeping house: delete into the trash, verify the files, say how the node is.
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

#include "attachment.h"
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
        if (yq_object_trash(house, &removed[i].key, removed[i].object.digest, label, &trouble))
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

static void tell_attachment(void *context, const char *what, uint64_t bytes, const char *trouble)
{
    struct verifying *v = context;
    v->bytes += bytes;
    tell(v, what, trouble);
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
    ok = ok && attachment_verify(house, tell_attachment, &v, err);
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
