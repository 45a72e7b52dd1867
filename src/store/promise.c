/* promise.c: what a crash may have left between a file's final name and the row that makes it
 * known.
 *
 * Each process has one file in promises/, with a place of YQ_PATH_MOST bytes for every object that
 * has got its name, or is about to, and whose row is not settled. It is written without a sync: the
 * kernel keeps it when the process is killed. A power failure may lose it; what then lies there
 * without a row is found by verify, and taken over when its sender sends it again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/log.h"

static bool open_file(struct yq_store *store, struct yq_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "%ld-%lld", (long)getpid(), (long long)yq_now_ms());
    if (!yq_path_join(store->promise_path, store->promises, name, err))
        return false;
    store->promise_fd = open(store->promise_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    return store->promise_fd >= 0 || yq_fail_errno(err, "store", "create", store->promise_path);
}

static bool take_place(struct yq_store *store, int *promise, struct yq_err *err)
{
    pthread_mutex_lock(&store->promising);
    bool ok = store->promise_fd >= 0 || open_file(store, err);
    for (*promise = 0; ok && *promise < PROMISES_MOST; ++*promise)
        if (!store->promised[*promise])
            break;
    if (ok && *promise == PROMISES_MOST)
        ok = yq_fail(err, YQ_BUSY, "store", "too many objects come in at once");
    if (ok)
        store->promised[*promise] = true;
    pthread_mutex_unlock(&store->promising);
    return ok;
}

static void free_place(struct yq_store *store, int promise)
{
    pthread_mutex_lock(&store->promising);
    store->promised[promise] = false;
    pthread_mutex_unlock(&store->promising);
}

bool store_promise(struct yq_store *store, const struct place *place, int *promise,
                   struct yq_err *err)
{
    if (!take_place(store, promise, err))
        return false;
    const char *inside = place->file + strlen(store->objects) + 1;
    size_t length = strlen(inside) + 1;
    ssize_t done = pwrite(store->promise_fd, inside, length, (off_t)*promise * (off_t)YQ_PATH_MOST);
    if (done == (ssize_t)length)
        return true;
    if (done >= 0)
        errno = ENOSPC;
    yq_fail_errno(err, "store", "write", store->promise_path);
    free_place(store, *promise);
    return false;
}

void store_promise_kept(struct yq_store *store, int promise)
{
    /* Where this fails the next start asks once too often. */
    if (pwrite(store->promise_fd, "", 1, (off_t)promise * (off_t)YQ_PATH_MOST) == 1)
        free_place(store, promise);
}

/* What nobody could tell stays promised. */
void store_promises_close(struct yq_store *store)
{
    bool open = false;
    for (int i = 0; i < PROMISES_MOST; i++)
        open |= store->promised[i];
    if (store->promise_fd >= 0 && !open)
        unlink(store->promise_path);
    yq_close(&store->promise_fd);
}

bool store_is_alive(const char *name)
{
    long pid = strtol(name, NULL, 10);
    return pid > 0 && pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Takes back one promise. False: it could not be told, so it stays for the next start. */
static bool take_back(struct yq_store *store, const char *inside, yq_store_known known,
                      void *context)
{
    struct yq_err err;
    char file[YQ_PATH_MOST];
    if (inside[0] == '/' || strstr(inside, "..") ||
        !yq_path_join(file, store->objects, inside, &err) || access(file, F_OK) != 0)
        return true;
    enum yq_known answer = known(context, file);
    if (answer == YQ_KNOWN_NOT && unlink(file) == 0)
        yq_log(YQ_LOG_INFO, "object-taken-back", "file=\"%s\" reason=\"%s\"", inside,
               "a crash came before anybody was told that it is stored");
    return answer != YQ_KNOWN_UNSURE;
}

static void settle_file(struct yq_store *store, const char *name, yq_store_known known,
                        void *context)
{
    struct yq_err err;
    char path[YQ_PATH_MOST];
    struct yq_buf all yq_cleanup(yq_buf_fini) = {0};
    if (!yq_path_join(path, store->promises, name, &err) ||
        !yq_file_read(path, (size_t)PROMISES_MOST * YQ_PATH_MOST, &all, &err))
        return;
    yq_buf_put(&all, "", 1); /* the last one may be cut */
    bool settled = !all.failed;
    for (size_t at = 0; settled && at + 1 < all.length; at += YQ_PATH_MOST)
        if (all.bytes[at])
            settled = take_back(store, (const char *)all.bytes + at, known, context);
    if (settled)
        unlink(path);
}

void yq_store_settle_all(struct yq_store *store, yq_store_known known, void *context)
{
    DIR *dir = opendir(store->promises);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *own = strrchr(store->promise_path, '/');
        if (entry->d_name[0] == '.' || store_is_alive(entry->d_name) ||
            (own && strcmp(own + 1, entry->d_name) == 0))
            continue;
        settle_file(store, entry->d_name, known, context);
    }
    closedir(dir);
}
