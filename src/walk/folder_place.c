/* folder_place.c: the folders of a watched folder, and moving files between them. Everything is
 * done by plain name below an opened folder; links are never followed. Any thread; one at a time
 * per folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "folder_inside.h"
#include "yq/clock.h"

#define ROOM "walk"
#define FOLDER_MODE 0770 /* those who put files in are often of the node's group */

static int open_inner(int root, const char *name, bool make, struct yq_err *err)
{
    if (make && mkdirat(root, name, FOLDER_MODE) != 0 && errno != EEXIST) {
        yq_fail_errno(err, ROOM, "make folder", name);
        return -1;
    }
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        yq_fail_errno(err, ROOM, "open folder", name);
    return fd;
}

bool folder_open(const struct yq_source *source, bool make, struct folder_places *places,
                 struct yq_err *err)
{
    *places = (struct folder_places){-1, -1, -1, -1};
    places->root = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (places->root < 0)
        return yq_fail_errno(err, ROOM, "open folder", source->path);
    places->working = open_inner(places->root, "working", make, err);
    places->done = open_inner(places->root, "done", make, err);
    places->failed = open_inner(places->root, "failed", make, err);
    if (places->working >= 0 && places->done >= 0 && places->failed >= 0)
        return true;
    if (!make)
        return true; /* it was never used */
    folder_close(places);
    return false;
}

void folder_close(struct folder_places *places)
{
    yq_close(&places->root);
    yq_close(&places->working);
    yq_close(&places->done);
    yq_close(&places->failed);
}

int folder_today(const struct folder_places *places, struct yq_err *err)
{
    char name[16];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(name, sizeof name, "%Y-%m-%d", &local);
    return open_inner(places->done, name, true, err);
}

bool folder_is_plain(const char *name)
{
    return *name && *name != '.' && strlen(name) < FOLDER_NAME_MOST && !strpbrk(name, "/\\");
}

bool folder_is_ignored(const char *name)
{
    static const char *const endings[] = {".tmp",        ".temp", ".part", ".partial", ".filepart",
                                          ".crdownload", ".swp",  ".lock", ".writing", "~"};
    size_t length = strlen(name);
    if (*name == '.' || *name == '~' || length >= FOLDER_NAME_MOST ||
        strcasecmp(name, "Thumbs.db") == 0 || strcasecmp(name, "desktop.ini") == 0)
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t end = strlen(endings[i]);
        if (length > end && strcasecmp(name + length - end, endings[i]) == 0)
            return true;
    }
    return false;
}

bool folder_open_file(int dir, const char *name, int *fd, struct stat *about, const char **why)
{
    *fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    *why = "";
    if (*fd < 0) {
        *why = errno == ENOENT  ? "it is gone"
               : errno == ELOOP ? "it is a symbolic link"
                                : "the node's user may not read it";
        return false;
    }
    if (fstat(*fd, about) != 0 || !S_ISREG(about->st_mode))
        *why = "it is no file";
    else if (about->st_nlink > 1)
        *why = "it has a second name (hard link)";
    if (!**why)
        return true;
    yq_close(fd);
    return false;
}

/* A lease to read is not given while somebody has the file open for writing. Not every file system
 * and owner is told; then nothing is known. */
bool folder_is_written(int fd)
{
    (void)fcntl(fd, F_SETSIG, SIGURG); /* who opens it just now rings nobody's bell */
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
        return errno == EAGAIN;
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

bool folder_rename(int from, const char *name, int to, const char *as, struct yq_err *err)
{
    struct stat about;
    if (renameat2(from, name, to, as, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return yq_fail_errno(err, ROOM, "move", "a file");
    /* network file systems: look first; who would meet here holds the lock on the file */
    if (fstatat(to, as, &about, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return yq_fail_errno(err, ROOM, "move", "a file");
    }
    return renameat(from, name, to, as) == 0 || yq_fail_errno(err, ROOM, "move", "a file");
}

void folder_stem(const char *name, char *out, size_t size)
{
    yq_copy(out, size, name);
    char *dot = strrchr(out, '.');
    if (dot && dot != out)
        *dot = '\0';
}

bool folder_move(int from, const char *name, int to, char as[FOLDER_NAME_MOST], struct yq_err *err)
{
    char stem[FOLDER_NAME_MOST];
    const char *dot = strrchr(name, '.');
    folder_stem(name, stem, sizeof stem);
    yq_copy(as, FOLDER_NAME_MOST, name);
    for (unsigned n = 2; n < 100000; n++) {
        struct stat about;
        bool taken = fstatat(to, as, &about, AT_SYMLINK_NOFOLLOW) == 0;
        if (!taken && folder_rename(from, name, to, as, err))
            return fsync(to) == 0 || yq_fail_errno(err, ROOM, "sync", "a folder");
        if (!taken && errno != EEXIST)
            return false;
        snprintf(as, FOLDER_NAME_MOST, "%.200s.%u%.40s", stem, n, dot && dot != name ? dot : "");
    }
    return yq_fail(err, YQ_FULL, ROOM, "a name is taken a hundred thousand times");
}

bool folder_write(int dir, const char *name, const struct yq_buf *bytes, struct yq_err *err)
{
    char temporary[] = ".yingqiao-writing";
    if (bytes->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a file");
    (void)unlinkat(dir, temporary, 0);
    int fd yq_cleanup(yq_close) =
        openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (fd < 0)
        return yq_fail_errno(err, ROOM, "make", "a file");
    if (!yq_write_all(fd, bytes->bytes, bytes->length, err))
        return false;
    if (fsync(fd) != 0 || renameat(dir, temporary, dir, name) != 0)
        return yq_fail_errno(err, ROOM, "write", "a file");
    return true;
}

/* ---- what was long ago ---- */

static size_t purge(int dir, int64_t before_ms, bool all)
{
    size_t gone = 0;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list)
        return 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat about;
        if (fstatat(dir, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(about.st_mode) && (all || (int64_t)about.st_ctim.tv_sec * 1000 < before_ms))
            gone += unlinkat(dir, entry->d_name, 0) == 0;
    }
    closedir(list);
    return gone;
}

/* A folder of a day, and all of it before then. */
static bool is_past_day(const char *name, int64_t before_ms)
{
    char limit[16];
    time_t before = (time_t)(before_ms / 1000);
    struct tm local;
    localtime_r(&before, &local);
    strftime(limit, sizeof limit, "%Y-%m-%d", &local);
    return strlen(name) == 10 && strspn(name, "0123456789-") == 10 && strcmp(name, limit) < 0;
}

size_t folder_purge_done(const struct folder_places *places, int64_t before_ms)
{
    size_t gone = 0;
    int fd = openat(places->done, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list)
        return 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (!is_past_day(entry->d_name, before_ms))
            continue;
        int day yq_cleanup(yq_close) =
            openat(places->done, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (day >= 0)
            gone += purge(day, 0, true);
        (void)unlinkat(places->done, entry->d_name, AT_REMOVEDIR);
    }
    closedir(list);
    return gone;
}

size_t folder_purge_failed(const struct folder_places *places, int64_t before_ms)
{
    return purge(places->failed, before_ms, false);
}
