/* promise.c: what a crash may have left between a file's final name and the row that makes it
 * known.
 *
 * Before an object gets its name a symbolic link in staging/ says which one it will be; when the
 * caller has settled whether it stays, the link goes. What is still there at the next start belongs
 * to a process that died in between. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "yq/log.h"
#include "yq/sync.h"

#define ENDING ".promise"

static bool link_path(struct yq_store *store, const struct place *place, char *path,
                      struct yq_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "%ld-%016llx" ENDING, (long)getpid(),
             (unsigned long long)yq_hash_text(place->file));
    return yq_path_join(path, store->staging, name, err);
}

bool store_promise(struct yq_store *store, const struct place *place, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    if (!link_path(store, place, path, err))
        return false;
    const char *inside = place->file + strlen(store->objects) + 1;
    return symlink(inside, path) == 0 || errno == EEXIST ||
           yq_fail_errno(err, "store", "promise", path);
}

void store_settle(struct yq_store *store, const struct place *place)
{
    struct yq_err err;
    char path[YQ_PATH_MOST];
    if (link_path(store, place, path, &err))
        unlink(path);
}

void yq_store_settle(struct yq_store *store, const struct yq_key *key, const uint8_t sha256[32])
{
    struct yq_err err;
    struct place place;
    if (store_place(store->objects, true, key, sha256, &place, &err))
        store_settle(store, &place);
}

bool store_is_alive(const char *name)
{
    long pid = strtol(name, NULL, 10);
    return pid > 0 && pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Takes back one promise. False: it could not be told, so it stays for the next start. */
static bool take_back(struct yq_store *store, const char *name, yq_store_known known, void *context)
{
    struct yq_err err;
    char path[YQ_PATH_MOST], inside[YQ_PATH_MOST], file[YQ_PATH_MOST];
    if (!yq_path_join(path, store->staging, name, &err))
        return false;
    ssize_t length = readlink(path, inside, sizeof inside - 1);
    if (length <= 0)
        return false;
    inside[length] = '\0';
    if (inside[0] == '/' || strstr(inside, "..") ||
        !yq_path_join(file, store->objects, inside, &err))
        return false;
    if (access(file, F_OK) == 0) {
        enum yq_known answer = known(context, file);
        if (answer == YQ_KNOWN_UNSURE)
            return false;
        if (answer == YQ_KNOWN_NOT && unlink(file) == 0)
            yq_log(YQ_LOG_INFO, "object-taken-back", "file=\"%s\" reason=\"%s\"", inside,
                   "a crash came before anybody was told that it is stored");
    }
    return unlink(path) == 0;
}

void yq_store_settle_all(struct yq_store *store, yq_store_known known, void *context)
{
    DIR *dir = opendir(store->staging);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name), ending = sizeof ENDING - 1;
        if (length <= ending || strcmp(entry->d_name + length - ending, ENDING) != 0 ||
            store_is_alive(entry->d_name))
            continue;
        (void)take_back(store, entry->d_name, known, context);
    }
    closedir(dir);
}
