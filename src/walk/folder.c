/* folder.c: a watched folder is looked at: what is complete is claimed, taken, and put away.
 *
 *   look -> lock the file -> rename it into working -> take its records (folder_take.c) ->
 *   write what is wrong into failed -> move it to done or failed
 *
 * Promise: a file leaves working only when its records are on stable storage, or stand in failed
 * with the reason. A crash at any point leaves it where it is taken again; that makes no new
 * versions. A second node that looks at the same folder meets the lock. One thread per folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "folder_inside.h"
#include "yq/clock.h"
#include "yq/log.h"

#define ROOM "walk"
enum { SEEN_MOST = 100000, CLOSED_MS = 300, SOON_MS = 500, PURGE_MS = 3600 * 1000 };

struct seen { /* a file that is not complete yet */
    char *name;
    int64_t size, since_ms; /* unchanged since */
    struct timespec mtime;
    ino_t inode;
    bool told; /* the log knows why it is not taken */
};
struct hint {
    char name[FOLDER_NAME_MOST];
    int64_t when_ms;
    bool whole;
};
struct yq_folder {
    struct seen *seen; /* sorted by name */
    size_t seen_count;
    struct hint hints[64]; /* the latest */
    size_t next_hint;
    int64_t next_purge_ms;
    char trouble[240];
};

struct look {
    struct yq_folder *folder;
    struct yq_house *house;
    const struct yq_source *source;
    const atomic_bool *stop;
    struct folder_places places;
    int64_t now_ms, again_ms;
    bool later; /* the node cannot keep anything now */
    struct yq_err err;
};

struct yq_folder *yq_folder_new(void) { return calloc(1, sizeof(struct yq_folder)); }

static void free_seen(struct seen *seen, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(seen[i].name);
    free(seen);
}

void yq_folder_free(struct yq_folder *folder)
{
    if (!folder)
        return;
    free_seen(folder->seen, folder->seen_count);
    free(folder);
}

void yq_folder_hint(struct yq_folder *folder, const char *name, bool whole)
{
    struct hint *hint = &folder->hints[folder->next_hint++ % 64];
    if (!yq_copy(hint->name, sizeof hint->name, name))
        *hint->name = '\0';
    hint->when_ms = yq_monotonic_ms();
    hint->whole = whole;
}

static void look_again_in(struct look *look, int64_t ms)
{
    if (ms < look->again_ms)
        look->again_ms = ms;
}

/* ---- what is there ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->name, ((const struct seen *)b)->name);
}

/* Oldest first: what was corrected comes behind what it corrects. */
static int by_time(const void *a, const void *b)
{
    const struct timespec *x = &((const struct seen *)a)->mtime,
                          *y = &((const struct seen *)b)->mtime;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    if (x->tv_nsec != y->tv_nsec)
        return x->tv_nsec < y->tv_nsec ? -1 : 1;
    return by_name(a, b);
}

/* How long it has been as it is, by what was seen before. */
static void compare_with_before(const struct yq_folder *folder, struct seen *now, int64_t now_ms)
{
    const struct seen *before = folder->seen_count ? bsearch(now, folder->seen, folder->seen_count,
                                                             sizeof *folder->seen, by_name)
                                                   : NULL;
    now->since_ms = now_ms;
    if (!before)
        return;
    now->told = before->told;
    if (before->size == now->size && before->inode == now->inode &&
        before->mtime.tv_sec == now->mtime.tv_sec && before->mtime.tv_nsec == now->mtime.tv_nsec)
        now->since_ms = before->since_ms;
}

/* All names that may become records; those of PDFs stay where they are. */
static bool is_candidate(const struct yq_source *source, const char *name)
{
    size_t length = strlen(name), end = strlen(source->marker);
    if (!folder_is_plain(name) || folder_is_ignored(name))
        return false;
    if (end && length > end && strcmp(name + length - end, source->marker) == 0)
        return false;
    return yq_foreign_look(name, "", 0) != YQ_FOREIGN_NONE;
}

static bool list_root(struct look *look, struct seen **out, size_t *count)
{
    size_t room = 0;
    int fd = openat(look->places.root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    *out = NULL;
    *count = 0;
    if (!list)
        return yq_fail_errno(&look->err, ROOM, "list folder", look->source->path);
    for (struct dirent *entry; (entry = readdir(list)) && *count < SEEN_MOST;) {
        struct stat about;
        if (!is_candidate(look->source, entry->d_name) ||
            fstatat(look->places.root, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
            S_ISDIR(about.st_mode))
            continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            struct seen *grown = realloc(*out, room * sizeof *grown);
            if (!grown)
                break;
            *out = grown;
        }
        struct seen *seen = &(*out)[*count];
        *seen = (struct seen){.name = strdup(entry->d_name),
                              .size = about.st_size,
                              .mtime = about.st_mtim,
                              .inode = about.st_ino};
        if (!seen->name)
            break;
        compare_with_before(look->folder, seen, look->now_ms);
        ++*count;
    }
    closedir(list);
    return true;
}

/* ---- is it complete ---- */

static const struct hint *hint_of(const struct yq_folder *folder, const char *name)
{
    const struct hint *found = NULL;
    for (size_t i = 0; i < 64; i++)
        if (strcmp(folder->hints[i].name, name) == 0 &&
            (!found || folder->hints[i].when_ms >= found->when_ms))
            found = &folder->hints[i];
    return found;
}

/* The marker behind its name, or in place of its ending. */
static bool find_marker(const struct yq_source *source, int root, const char *name,
                        char out[FOLDER_NAME_MOST])
{
    struct stat about;
    char stem[FOLDER_NAME_MOST];
    folder_stem(name, stem, sizeof stem);
    for (int i = 0; i < 2; i++) {
        snprintf(out, FOLDER_NAME_MOST, "%.200s%.15s", i ? stem : name, source->marker);
        if (fstatat(root, out, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode))
            return true;
    }
    return false;
}

/* Whether nobody writes to it any more, by what is known; else when to look again. */
static bool is_settled(struct look *look, const struct seen *seen)
{
    const struct hint *hint = hint_of(look->folder, seen->name);
    int64_t settle_ms = look->source->settle_seconds * 1000, waited = look->now_ms - seen->since_ms;
    if (hint && (hint->whole || look->now_ms - hint->when_ms >= CLOSED_MS))
        return true;
    if (waited >= settle_ms)
        return true;
    look_again_in(look, hint ? CLOSED_MS : settle_ms - waited);
    return false;
}

static void tell_once(struct look *look, struct seen *seen, const char *why)
{
    if (!seen->told) /* its name may be a patient's: `yingqiao folder status` shows it */
        yq_log(YQ_LOG_WARN, "folder-file-left",
               "source=%s why=\"%s\" hint=\"yingqiao folder status\"", look->source->name, why);
    seen->told = true;
}

/* ---- taking it ---- */

/* Renamed into working under its lock. False: not now, not by us, or not at all. */
static bool claim(struct look *look, struct seen *seen, int *fd, struct stat *about)
{
    const struct folder_places *places = &look->places;
    struct stat there;
    const char *why;
    if (!folder_open_file(places->root, seen->name, fd, about, &why)) {
        tell_once(look, seen, why);
        return false;
    }
    if (folder_is_written(*fd)) {
        look_again_in(look, SOON_MS);
        return false;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
        return false; /* another node is at it */
    if (!folder_rename(places->root, seen->name, places->working, seen->name, &look->err)) {
        if (look->err.code != YQ_CONFLICT && look->err.code != YQ_ABSENT)
            tell_once(look, seen, look->err.text);
        return false;
    }
    return fstatat(places->working, seen->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           there.st_ino == about->st_ino;
}

/* name.failed.csv: the name without its ending, and that. */
static void left_name_of(const char *name, char out[FOLDER_NAME_MOST])
{
    char stem[FOLDER_NAME_MOST];
    const char *dot = strrchr(name, '.');
    folder_stem(name, stem, sizeof stem);
    size_t length = strlen(stem);
    if (length > 7 && strcmp(stem + length - 7, ".failed") == 0)
        stem[length - 7] = '\0';
    snprintf(out, FOLDER_NAME_MOST, "%.200s.failed%.40s", stem, dot && dot != name ? dot : "");
}

/* A name for it in failed that nothing has, as folder_move would find it. */
static void free_name(int failed, const char *name, char out[FOLDER_NAME_MOST])
{
    struct stat about;
    char stem[FOLDER_NAME_MOST];
    const char *dot = strrchr(name, '.');
    folder_stem(name, stem, sizeof stem);
    yq_copy(out, FOLDER_NAME_MOST, name);
    for (unsigned n = 2; n < 100000 && fstatat(failed, out, &about, AT_SYMLINK_NOFOLLOW) == 0; n++)
        snprintf(out, FOLDER_NAME_MOST, "%.200s.%u%.40s", stem, n, dot && dot != name ? dot : "");
}

static bool put_failed(struct look *look, const char *name, const struct folder_taking *taking)
{
    char as[FOLDER_NAME_MOST], left[FOLDER_NAME_MOST], reason[FOLDER_NAME_MOST + 16];
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    int failed = look->places.failed;
    free_name(failed, name, as);
    left_name_of(as, left);
    if (strcmp(left, as) == 0 || !taking->left.length)
        *left = '\0'; /* nothing to part: the file itself is what was not taken */
    folder_reason_file(taking, left, &text);
    snprintf(reason, sizeof reason, "%.240s.reason.txt", as);
    if (*left && !folder_write(failed, left, &taking->left, &look->err))
        return false;
    return folder_write(failed, reason, &text, &look->err) &&
           folder_move(look->places.working, name, failed, as, &look->err);
}

/* Away with the PDFs and the marker that belong to it, now that it is away itself. */
static void put_companions(struct look *look, const char *name, const struct folder_taking *taking,
                           int today)
{
    char marker[FOLDER_NAME_MOST], as[FOLDER_NAME_MOST];
    struct yq_err ignored;
    for (size_t i = 0; i < taking->pdfs.count; i++)
        (void)!folder_move(look->places.root, taking->pdfs.names[i], today, as, &ignored);
    if (*look->source->marker && find_marker(look->source, look->places.root, name, marker))
        (void)unlinkat(look->places.root, marker, 0);
}

static bool put_away(struct look *look, const char *name, const struct folder_taking *taking)
{
    char as[FOLDER_NAME_MOST];
    int today yq_cleanup(yq_close) = folder_today(&look->places, &look->err);
    if (today < 0)
        return false;
    bool ok = taking->bad ? put_failed(look, name, taking)
                          : folder_move(look->places.working, name, today, as, &look->err);
    if (ok)
        put_companions(look, name, taking, today);
    return ok;
}

static bool was_changed(int fd, const struct stat *before)
{
    struct stat now;
    return fstat(fd, &now) != 0 || now.st_size != before->st_size ||
           now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static void tell(struct look *look, const struct folder_taking *taking, const char *outcome,
                 int64_t began_ms)
{
    static const char *const forms[] = {"none", "csv", "json", "xml"};
    yq_log(taking->bad ? YQ_LOG_WARN : YQ_LOG_INFO, "folder-file",
           "source=%s outcome=%s form=%s records=%zu changed=%zu wrong=%zu pdfs=%zu ms=%lld",
           look->source->name, outcome, forms[taking->form], taking->records, taking->changed,
           taking->bad, taking->pdfs.count, (long long)(yq_monotonic_ms() - began_ms));
}

/* A file in working, locked by us. */
static void take_file(struct look *look, const char *name, int fd, const struct stat *about)
{
    struct folder_taking taking = {.house = look->house,
                                   .source = look->source,
                                   .root = look->places.root,
                                   .name = name,
                                   .since_ms = (int64_t)about->st_ctim.tv_sec * 1000,
                                   .stop = look->stop};
    int64_t began_ms = yq_monotonic_ms();
    struct stat fresh;
    if (fstat(fd, &fresh) == 0) /* renaming it was a change, from which it waits for its PDF */
        taking.since_ms = (int64_t)fresh.st_ctim.tv_sec * 1000;
    if (!folder_take(&taking, fd, about, &look->err)) {
        look->later = true;
    } else if (was_changed(fd, about)) {
        look_again_in(look, SOON_MS); /* somebody writes to it still: once more, then */
    } else if (taking.waits) {
        look_again_in(look, look->source->seconds * 1000);
    } else if (put_away(look, name, &taking)) {
        tell(look, &taking, taking.bad ? "failed" : "done", began_ms);
    } else {
        look->later = true;
    }
    folder_taking_fini(&taking);
}

/* What a crash, a full disk or a missing PDF has left there. */
static void take_left(struct look *look)
{
    int dir = openat(look->places.working, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = dir >= 0 ? fdopendir(dir) : NULL;
    if (!list)
        return;
    for (struct dirent *entry; !look->later && (entry = readdir(list));) {
        struct stat about;
        const char *why;
        int fd yq_cleanup(yq_close) = -1;
        if (atomic_load(look->stop))
            break;
        if (!folder_is_plain(entry->d_name) ||
            !folder_open_file(look->places.working, entry->d_name, &fd, &about, &why) ||
            flock(fd, LOCK_EX | LOCK_NB) != 0)
            continue;
        struct stat there; /* who had the lock may have put it away meanwhile */
        if (fstatat(look->places.working, entry->d_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            there.st_ino == about.st_ino)
            take_file(look, entry->d_name, fd, &about);
    }
    closedir(list);
}

static void take_new(struct look *look, struct seen *seen, size_t count)
{
    for (size_t i = 0; i < count && !look->later && !atomic_load(look->stop); i++) {
        char marker[FOLDER_NAME_MOST];
        struct stat about;
        int fd yq_cleanup(yq_close) = -1;
        if (*look->source->marker
                ? !find_marker(look->source, look->places.root, seen[i].name, marker)
                : !is_settled(look, &seen[i]))
            continue;
        if (claim(look, &seen[i], &fd, &about))
            take_file(look, seen[i].name, fd, &about);
    }
}

static void purge(struct look *look)
{
    int64_t now = yq_monotonic_ms(), wall = yq_now_ms(), day = 86400000;
    size_t gone = 0;
    if (now < look->folder->next_purge_ms)
        return;
    look->folder->next_purge_ms = now + PURGE_MS;
    if (look->source->done_days)
        gone += folder_purge_done(&look->places, wall - look->source->done_days * day);
    if (look->source->failed_days)
        gone += folder_purge_failed(&look->places, wall - look->source->failed_days * day);
    if (gone)
        yq_log(YQ_LOG_INFO, "folder-purged", "source=%s files=%zu", look->source->name, gone);
}

/* The same trouble is told once, and that it is over. */
static void tell_trouble(struct look *look, bool fine)
{
    struct yq_folder *folder = look->folder;
    if (fine && *folder->trouble)
        yq_log(YQ_LOG_INFO, "folder-well", "source=%s", look->source->name);
    else if (!fine && strcmp(folder->trouble, look->err.text) != 0)
        yq_log_err(YQ_LOG_ERROR, "folder-trouble", &look->err, "source=%s", look->source->name);
    yq_copy(folder->trouble, sizeof folder->trouble, fine ? "" : look->err.text);
}

bool yq_folder_look(struct yq_folder *folder, struct yq_house *house,
                    const struct yq_source *source, const atomic_bool *stop, int64_t *again_ms,
                    struct yq_err *err)
{
    struct look look = {.folder = folder,
                        .house = house,
                        .source = source,
                        .stop = stop,
                        .now_ms = yq_monotonic_ms(),
                        .again_ms = source->seconds * 1000};
    struct seen *seen = NULL;
    size_t count = 0;
    bool fine = folder_open(source, true, &look.places, &look.err);
    if (fine) {
        take_left(&look);
        fine = !look.later && list_root(&look, &seen, &count);
    }
    if (fine) {
        if (count)
            qsort(seen, count, sizeof *seen, by_time);
        take_new(&look, seen, count);
        if (count)
            qsort(seen, count, sizeof *seen, by_name);
        free_seen(folder->seen, folder->seen_count);
        folder->seen = seen;
        folder->seen_count = count;
        purge(&look);
        fine = !look.later;
    }
    folder_close(&look.places);
    *again_ms = look.again_ms;
    if (!fine && atomic_load(stop))
        return true; /* what was not finished waits in working */
    tell_trouble(&look, fine);
    if (!fine)
        *err = look.err;
    return fine;
}

/* ---- what a file would become, and how it is ---- */

bool yq_folder_try(struct yq_house *house, const struct yq_source *source, const char *path,
                   const struct yq_folder_test *test, struct yq_err *err)
{
    char folder[YQ_PATH_MOST];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat about;
    if (!yq_copy(folder, sizeof folder, slash ? path : "."))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the path is longer than %d bytes", YQ_PATH_MOST);
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int root yq_cleanup(yq_close) = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return yq_fail_errno(err, ROOM, "open", path);
    if (!S_ISREG(about.st_mode))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%.100s is no file", path);
    struct folder_taking taking = {
        .house = house, .source = source, .root = root, .name = name, .test = test};
    bool ok = folder_take(&taking, fd, &about, err);
    folder_taking_fini(&taking);
    return ok;
}

static const char *why_not_yet(const struct yq_source *source, int root, const char *name)
{
    struct stat about;
    const char *why;
    char marker[FOLDER_NAME_MOST];
    int fd yq_cleanup(yq_close) = -1;
    if (folder_is_ignored(name))
        return "names like this are left alone";
    if (!folder_open_file(root, name, &fd, &about, &why))
        return why;
    if (yq_foreign_look(name, "", 0) == YQ_FOREIGN_NONE)
        return strlen(name) > 4 && strcasecmp(name + strlen(name) - 4, ".pdf") == 0
                   ? "no record has named this PDF"
                   : "it is neither CSV nor JSON nor XML";
    if (*source->marker && !find_marker(source, root, name, marker))
        return "its marker is not there";
    return folder_is_written(fd) ? "somebody is writing to it" : "";
}

typedef void teller(void *context, enum yq_folder_place place, const char *name, int64_t changed_ms,
                    const char *why);

static void list_place(const struct yq_source *source, int dir, enum yq_folder_place place,
                       teller *tell_of, void *context)
{
    int fd = dir >= 0 ? openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list)
        return;
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat about;
        if (*entry->d_name == '.' ||
            fstatat(dir, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(about.st_mode))
            continue;
        tell_of(context, place, entry->d_name, (int64_t)about.st_mtim.tv_sec * 1000,
                place == YQ_FOLDER_WAITING ? why_not_yet(source, dir, entry->d_name) : "");
    }
    closedir(list);
}

static uint64_t count_done(int done)
{
    uint64_t count = 0;
    int fd = done >= 0 ? openat(done, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        int day = *entry->d_name == '.' ? -1
                                        : openat(done, entry->d_name,
                                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *files = day >= 0 ? fdopendir(day) : NULL;
        for (struct dirent *file; files && (file = readdir(files));)
            count += *file->d_name != '.';
        if (files)
            closedir(files);
    }
    if (list)
        closedir(list);
    return count;
}

bool yq_folder_list(const struct yq_source *source, teller *tell_of, void *context, uint64_t *done,
                    struct yq_err *err)
{
    struct folder_places places;
    if (!folder_open(source, false, &places, err))
        return false;
    list_place(source, places.root, YQ_FOLDER_WAITING, tell_of, context);
    list_place(source, places.working, YQ_FOLDER_WORKING, tell_of, context);
    list_place(source, places.failed, YQ_FOLDER_FAILED, tell_of, context);
    *done = count_done(places.done);
    folder_close(&places);
    return true;
}
