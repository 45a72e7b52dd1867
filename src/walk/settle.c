/* settle.c: at the start of a node: settles what was under way when the one before ended. Rows
 * whose file is not whole go, and files that no row names: nobody was told that they are stored;
 * their senders send them again. */
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "yq/log.h"

bool yq_object_instance(const char *path, char instance[YQ_UID_SIZE])
{
    const char *name = strrchr(path, '/');
    char text[YQ_PATH_MOST];
    if (!name || !yq_copy(text, sizeof text, name + 1))
        return false;
    for (int dots = 0; dots < 2; dots++) {
        char *dot = strrchr(text, '.');
        if (!dot)
            return false;
        *dot = '\0';
    }
    return yq_copy(instance, YQ_UID_SIZE, text) && yq_uid_valid(instance);
}

bool yq_object_is_at(struct yq_house *house, const struct yq_entry *entry, const char *path)
{
    struct yq_err ignored;
    char own[YQ_PATH_MOST];
    return yq_store_path(house->store, &entry->key, entry->object.digest, own, &ignored) &&
           strcmp(own, path) == 0;
}

/* An instance kept beside another has a row that only a walk over all rows shows. Rare: a crash
 * within a conflict. */
static enum yq_known is_kept_beside(struct yq_house *house, const char *path)
{
    struct yq_entry entries[64];
    struct yq_err err;
    size_t count;
    int64_t after = 0;
    do {
        if (!yq_catalog_entries(house->catalog, after, entries, 64, &count, &err))
            return YQ_KNOWN_UNSURE;
        for (size_t i = 0; i < count; i++) {
            if (yq_object_is_at(house, &entries[i], path))
                return YQ_KNOWN;
            after = entries[i].id;
        }
    } while (count);
    return YQ_KNOWN_NOT;
}

enum yq_known yq_object_known(struct yq_house *house, const char *path)
{
    struct yq_entry entry;
    struct yq_err err = {0};
    char instance[YQ_UID_SIZE];
    if (!yq_object_instance(path, instance))
        return YQ_KNOWN_UNSURE;
    if (!yq_catalog_get(house->catalog, instance, &entry, &err))
        return err.code == YQ_ABSENT ? YQ_KNOWN_NOT : YQ_KNOWN_UNSURE;
    return yq_object_is_at(house, &entry, path) ? YQ_KNOWN : is_kept_beside(house, path);
}

static enum yq_known is_known(void *context, const char *path)
{
    return yq_object_known(context, path);
}

/* A row that was on its way to the disk while its file was. Whole: both are put on stable storage,
 * and stay. Otherwise its sender was told nothing. */
static bool settle_row(struct yq_house *house, const struct yq_entry *entry, struct yq_err *err)
{
    struct yq_err trouble = {0};
    char label[64];
    if (yq_keep_check(house, entry, &trouble) &&
        yq_store_sync(house->store, &entry->key, entry->object.digest, &trouble)) {
        yq_catalog_vouch(house->catalog, entry->id);
        return true;
    }
    yq_keep_label(label, sizeof label, "damaged");
    if (!yq_catalog_drop(house->catalog, entry->id, err) ||
        !yq_object_trash(house, &entry->key, entry->object.digest, label, err))
        return false;
    yq_log_err(YQ_LOG_WARN, "instance-taken-back", &trouble, "sop=%s study=%s reason=\"%s\"",
               entry->key.instance, entry->key.study,
               "its file did not reach the disk before the node ended; nobody was told that it is "
               "stored");
    return true;
}

/* Few, whatever the catalog holds: what was under way when the node ended. */
static bool settle_rows(struct yq_house *house, struct yq_err *err)
{
    struct yq_entry entries[64];
    size_t count;
    int64_t after = 0;
    do {
        if (!yq_catalog_unsettled(house->catalog, after, entries, 64, &count, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!settle_row(house, &entries[i], err))
                return false;
            after = entries[i].id;
        }
    } while (count);
    return true;
}

void yq_keep_settle(struct yq_house *house)
{
    struct yq_err err = {0};
    if (!settle_rows(house, &err))
        yq_log_err(YQ_LOG_ERROR, "not-settled", &err, "next=\"%s\"",
                   "the next start looks again at what was under way");
    yq_store_settle_all(house->store, is_known, house);
}
