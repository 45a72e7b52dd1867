/* watcher.c: one thread looks at all watched folders, one after the other: when the kernel tells of
 * a file that was closed or renamed, and every so often in any case, because network shares tell
 * nothing. Which folders there are is looked up anew every second. */
#include "watcher.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "yq/clock.h"
#include "yq/folder.h"
#include "yq/log.h"

enum { TURN_MS = 1000 };

struct watched {
    char name[64], path[256];
    struct yq_folder *folder;
    int watch; /* inotify's; -1: none */
    int64_t due_ms;
    bool there; /* in the configuration still */
};
struct yq_watcher {
    struct yq_house *house;
    pthread_t thread;
    atomic_bool stopping;
    int bell, events; /* eventfd, inotify */
    struct watched *list;
    size_t count, room;
};

static void forget(struct yq_watcher *watcher, size_t i)
{
    struct watched *one = &watcher->list[i];
    if (one->watch >= 0)
        inotify_rm_watch(watcher->events, one->watch);
    yq_folder_free(one->folder);
    *one = watcher->list[--watcher->count];
}

static struct watched *add(struct yq_watcher *watcher, const struct yq_source *source)
{
    if (watcher->count == watcher->room) {
        size_t room = watcher->room ? 2 * watcher->room : 8;
        struct watched *list = realloc(watcher->list, room * sizeof *list);
        if (!list)
            return NULL;
        watcher->list = list;
        watcher->room = room;
    }
    struct watched *one = &watcher->list[watcher->count];
    *one = (struct watched){.folder = yq_folder_new(), .watch = -1};
    if (!one->folder)
        return NULL;
    yq_copy(one->name, sizeof one->name, source->name);
    yq_copy(one->path, sizeof one->path, source->path);
    watcher->count++;
    return one;
}

static struct watched *find(struct yq_watcher *watcher, const struct yq_source *source)
{
    for (size_t i = 0; i < watcher->count; i++)
        if (strcmp(watcher->list[i].name, source->name) == 0 &&
            strcmp(watcher->list[i].path, source->path) == 0)
            return &watcher->list[i];
    return add(watcher, source);
}

static void look(struct yq_watcher *watcher, struct watched *one, const struct yq_source *source)
{
    struct yq_err err = {0};
    int64_t again_ms = 0;
    yq_log_set_trace(one->name);
    if (one->watch < 0) /* again at every look: the folder may come later */
        one->watch = inotify_add_watch(watcher->events, one->path,
                                       IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK);
    (void)!yq_folder_look(one->folder, watcher->house, source, &watcher->stopping, &again_ms,
                          &err); /* it has told the log */
    one->due_ms = yq_monotonic_ms() + again_ms;
}

static void look_at_all(struct yq_watcher *watcher)
{
    const struct yq_conf *conf = yq_conf_hold(watcher->house->conf);
    for (size_t i = 0; i < watcher->count; i++)
        watcher->list[i].there = false;
    for (size_t i = 0; i < conf->source_count && !atomic_load(&watcher->stopping); i++) {
        const struct yq_source *source = &conf->sources[i];
        struct watched *one =
            source->type == YQ_SOURCE_FOLDER && source->enabled ? find(watcher, source) : NULL;
        if (!one)
            continue;
        one->there = true;
        if (one->due_ms <= yq_monotonic_ms())
            look(watcher, one, source);
    }
    for (size_t i = watcher->count; i-- > 0 && !atomic_load(&watcher->stopping);)
        if (!watcher->list[i].there)
            forget(watcher, i);
    yq_conf_release(watcher->house->conf, conf);
}

static void hear(struct watched *one, const struct inotify_event *event)
{
    if (event->mask & IN_IGNORED)
        one->watch = -1;
    if (event->len && event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
        yq_folder_hint(one->folder, event->name, event->mask & IN_MOVED_TO);
    one->due_ms = 0;
}

static void hear_all(struct yq_watcher *watcher)
{
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;
    while ((got = read(watcher->events, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            for (size_t i = 0; i < watcher->count; i++)
                if (watcher->list[i].watch == event->wd || event->mask & IN_Q_OVERFLOW)
                    hear(&watcher->list[i], event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

static void rest(struct yq_watcher *watcher)
{
    int64_t now = yq_monotonic_ms(), wait_ms = TURN_MS;
    for (size_t i = 0; i < watcher->count; i++)
        if (watcher->list[i].due_ms - now < wait_ms)
            wait_ms = watcher->list[i].due_ms > now ? watcher->list[i].due_ms - now : 0;
    struct pollfd fds[] = {{.fd = watcher->bell, .events = POLLIN},
                           {.fd = watcher->events, .events = POLLIN}};
    if (poll(fds, 2, (int)wait_ms) > 0 && fds[1].revents)
        hear_all(watcher);
}

static void *watch(void *context)
{
    struct yq_watcher *watcher = context;
    while (!atomic_load(&watcher->stopping)) {
        look_at_all(watcher);
        rest(watcher);
    }
    return NULL;
}

static void end(struct yq_watcher *watcher)
{
    while (watcher->count)
        forget(watcher, watcher->count - 1);
    free(watcher->list);
    yq_close(&watcher->bell);
    yq_close(&watcher->events);
    free(watcher);
}

bool yq_watcher_start(struct yq_house *house, struct yq_watcher **out, struct yq_err *err)
{
    struct yq_watcher *watcher = calloc(1, sizeof *watcher);
    *out = NULL;
    if (!watcher)
        return yq_fail(err, YQ_FULL, "node", "no memory to watch folders");
    watcher->house = house;
    watcher->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watcher->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* -1: every so often, then */
    if (watcher->bell >= 0 && pthread_create(&watcher->thread, NULL, watch, watcher) == 0) {
        *out = watcher;
        return true;
    }
    end(watcher);
    return yq_fail(err, YQ_FULL, "node", "cannot start the thread that watches folders");
}

void yq_watcher_stop(struct yq_watcher *watcher)
{
    uint64_t one = 1;
    if (!watcher)
        return;
    atomic_store(&watcher->stopping, true);
    (void)!write(watcher->bell, &one, sizeof one);
    pthread_join(watcher->thread, NULL);
    end(watcher);
}
