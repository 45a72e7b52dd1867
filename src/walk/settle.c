/* settle.c: at the start of a node: takes back what a crash left between an object's file and its
 * row. Nobody was told that it is stored; its sender sends it again. */
#include <stdlib.h>
#include <string.h>

#include "object.h"

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
    return yq_store_path(house->store, &entry->key, entry->object.sha256, own, &ignored) &&
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

static enum yq_known is_known(void *context, const char *path)
{
    struct yq_house *house = context;
    struct yq_entry entry;
    struct yq_err err = {0};
    char instance[YQ_UID_SIZE];
    if (!yq_object_instance(path, instance))
        return YQ_KNOWN_UNSURE;
    if (!yq_catalog_get(house->catalog, instance, &entry, &err))
        return err.code == YQ_ABSENT ? YQ_KNOWN_NOT : YQ_KNOWN_UNSURE;
    return yq_object_is_at(house, &entry, path) ? YQ_KNOWN : is_kept_beside(house, path);
}

void yq_keep_settle(struct yq_house *house) { yq_store_settle_all(house->store, is_known, house); }
