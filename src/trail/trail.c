/* trail.c: appending to the audit trail. The lock on the file makes one of what several processes
 * write: a write that did not fit is taken back before anybody else writes, and what a crash tore
 * gets its end before anything follows it. */
#include "yq/trail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "yq/clock.h"

enum { WAITING_MOST = 1 << 20 };

struct yq_trail {
    pthread_mutex_t lock; /* guards all below; held over the write, which goes to the page cache */
    char folder[YQ_PATH_MOST];
    char day[9];           /* of the open file */
    int fd;                /* -1: none */
    bool behind;           /* something is not synced */
    struct yq_buf waiting; /* what could not be written yet */
    unsigned long long lost;
    struct yq_err trouble;
};

void yq_trail_day(char day[9], int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(day, 9, "%Y%m%d", &tm);
}

struct yq_trail *yq_trail_open(const char *folder)
{
    struct yq_trail *trail = calloc(1, sizeof *trail);
    if (!trail)
        return NULL;
    trail->fd = -1;
    if (!yq_copy(trail->folder, sizeof trail->folder, folder)) {
        free(trail);
        return NULL;
    }
    trail->waiting.most = WAITING_MOST;
    pthread_mutex_init(&trail->lock, NULL);
    return trail;
}

void yq_trail_close(struct yq_trail *trail)
{
    struct yq_err ignored;
    if (!trail)
        return;
    (void)!yq_trail_sync(trail, &ignored);
    yq_close(&trail->fd);
    yq_buf_fini(&trail->waiting);
    pthread_mutex_destroy(&trail->lock);
    free(trail);
}

const char *yq_trail_folder(const struct yq_trail *trail) { return trail->folder; }

/* A line that a power cut tore must not swallow the next one. */
static bool end_torn_line(int fd, struct yq_err *err)
{
    struct stat about;
    char last = '\n';
    if (fstat(fd, &about) != 0)
        return yq_fail_errno(err, "trail", "look at", "the audit trail");
    if (about.st_size && pread(fd, &last, 1, about.st_size - 1) != 1)
        return yq_fail_errno(err, "trail", "read", "the audit trail");
    return last == '\n' || yq_write_all(fd, "\n", 1, err);
}

/* Under both locks. The file of today; another one since midnight, or when somebody moved it. */
static bool open_day(struct yq_trail *trail, struct yq_err *err)
{
    char day[9], name[32], path[YQ_PATH_MOST];
    struct stat open_one, named;
    yq_trail_day(day, yq_now_ms());
    snprintf(name, sizeof name, "audit-%s.log", day);
    if (!yq_path_join(path, trail->folder, name, err))
        return false;
    if (trail->fd >= 0 && strcmp(day, trail->day) == 0 && stat(path, &named) == 0 &&
        fstat(trail->fd, &open_one) == 0 && named.st_ino == open_one.st_ino)
        return true;
    if (trail->fd >= 0 && trail->behind)
        (void)!fdatasync(trail->fd);
    yq_close(&trail->fd);
    if (!yq_mkdirs(trail->folder, err))
        return false;
    bool made = access(path, F_OK) != 0;
    trail->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (trail->fd < 0)
        return yq_fail_errno(err, "trail", "open", path);
    memcpy(trail->day, day, sizeof day);
    return !made || yq_sync_dir(trail->folder, err);
}

static bool write_lines(struct yq_trail *trail, const void *lines, size_t length,
                        struct yq_err *err)
{
    if (flock(trail->fd, LOCK_EX) != 0)
        return yq_fail_errno(err, "trail", "lock", "the audit trail");
    off_t end = lseek(trail->fd, 0, SEEK_END);
    bool ok = end_torn_line(trail->fd, err) && yq_write_all(trail->fd, lines, length, err);
    if (!ok && end >= 0 && ftruncate(trail->fd, end) != 0)
        yq_fail_errno(err, "trail", "take back a torn line of", "the audit trail");
    flock(trail->fd, LOCK_UN);
    return ok;
}

/* Under the lock: what waits goes into the file. */
static bool write_waiting(struct yq_trail *trail, struct yq_err *err)
{
    bool ok = open_day(trail, err) &&
              write_lines(trail, trail->waiting.bytes, trail->waiting.length, err);
    if (ok) {
        yq_buf_clear(&trail->waiting);
        trail->behind = true;
        trail->trouble.code = YQ_OK;
    } else {
        yq_while(err, "the audit trail cannot be written");
        trail->trouble = *err;
    }
    return ok;
}

bool yq_trail_append(struct yq_trail *trail, const void *lines, size_t length, bool now,
                     struct yq_err *err)
{
    pthread_mutex_lock(&trail->lock);
    yq_buf_put(&trail->waiting, lines, length);
    trail->lost += trail->waiting.failed;
    trail->waiting.failed = false; /* a shorter one may still find room */
    bool ok = write_waiting(trail, err);
    pthread_mutex_unlock(&trail->lock);
    return ok && (!now || yq_trail_sync(trail, err));
}

bool yq_trail_sync(struct yq_trail *trail, struct yq_err *err)
{
    pthread_mutex_lock(&trail->lock);
    bool ok = !trail->waiting.length || write_waiting(trail, err);
    int fd yq_cleanup(yq_close) =
        ok && trail->behind && trail->fd >= 0 ? fcntl(trail->fd, F_DUPFD_CLOEXEC, 0) : -1;
    trail->behind &= fd < 0;
    pthread_mutex_unlock(&trail->lock);
    if (fd < 0 || fdatasync(fd) == 0)
        return ok;
    yq_fail_errno(err, "trail", "sync", "the audit trail");
    pthread_mutex_lock(&trail->lock);
    trail->trouble = *err;
    trail->behind = true;
    pthread_mutex_unlock(&trail->lock);
    return false;
}

unsigned long long yq_trail_lost(struct yq_trail *trail)
{
    pthread_mutex_lock(&trail->lock);
    unsigned long long lost = trail->lost;
    pthread_mutex_unlock(&trail->lock);
    return lost;
}

bool yq_trail_health(struct yq_trail *trail, struct yq_err *err)
{
    pthread_mutex_lock(&trail->lock);
    bool well = trail->trouble.code == YQ_OK;
    if (!well)
        *err = trail->trouble;
    pthread_mutex_unlock(&trail->lock);
    return well;
}

size_t yq_trail_purge(struct yq_trail *trail, int64_t before_ms)
{
    char first[9], path[YQ_PATH_MOST];
    struct yq_err ignored;
    size_t gone = 0;
    yq_trail_day(first, before_ms);
    DIR *dir = opendir(trail->folder);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int length = 0;
        char day[9];
        if (sscanf(entry->d_name, "audit-%8[0-9].log%n", day, &length) != 1 || !length ||
            entry->d_name[length] || strcmp(day, first) >= 0)
            continue;
        if (yq_path_join(path, trail->folder, entry->d_name, &ignored) && unlink(path) == 0)
            gone++;
    }
    closedir(dir);
    return gone;
}
