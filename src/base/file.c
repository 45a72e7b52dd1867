/* file.c: files and folders, with durable names: what is made here is synced, its folder included.
 */
#include "yq/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum yq_code code_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return YQ_FULL;
    case EACCES:
    case EPERM:
    case EROFS: return YQ_REFUSED;
    case ENOENT:
    case ENOTDIR: return YQ_ABSENT;
    default: return YQ_IO;
    }
}

bool yq_fail_errno(struct yq_err *err, const char *room, const char *doing, const char *path)
{
    int number = errno;
    char reason[80];
    return yq_fail(err, code_of(number), room, "%s %s: %s", doing, path,
                   strerror_r(number, reason, sizeof reason));
}

bool yq_path_join(char *path, const char *dir, const char *name, struct yq_err *err)
{
    char joined[YQ_PATH_MOST];
    int length = snprintf(joined, sizeof joined, "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof joined)
        return yq_fail(err, YQ_BAD_INPUT, "base", "path is longer than %d bytes", YQ_PATH_MOST);
    memcpy(path, joined, (size_t)length + 1);
    return true;
}

bool yq_sync_dir(const char *path, struct yq_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return yq_fail_errno(err, "base", "open folder", path);
    bool ok = fsync(fd) == 0 || yq_fail_errno(err, "base", "sync folder", path);
    close(fd);
    return ok;
}

static bool make_one(char *path, struct yq_err *err)
{
    if (mkdir(path, 0750) != 0)
        return errno == EEXIST || yq_fail_errno(err, "base", "make folder", path);
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return yq_sync_dir(slash ? "/" : ".", err);
    *slash = '\0';
    bool ok = yq_sync_dir(path, err);
    *slash = '/';
    return ok;
}

bool yq_mkdirs(const char *path, struct yq_err *err)
{
    char work[YQ_PATH_MOST];
    struct stat about;
    if (stat(path, &about) == 0)
        return S_ISDIR(about.st_mode) || yq_fail(err, YQ_IO, "base", "%s is not a folder", path);
    if (!yq_copy(work, sizeof work, path))
        return yq_fail(err, YQ_BAD_INPUT, "base", "path is longer than %d bytes", YQ_PATH_MOST);
    for (char *p = work + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (stat(work, &about) != 0 && !make_one(work, err))
            return false;
        *p = '/';
    }
    return make_one(work, err);
}

bool yq_file_read(const char *path, size_t most, struct yq_buf *out, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return yq_fail_errno(err, "base", "open", path);
    for (;;) {
        uint8_t chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return yq_fail_errno(err, "base", "read", path);
        if (got == 0)
            return true;
        if (out->length > most || (size_t)got > most - out->length)
            return yq_fail(err, YQ_FULL, "base", "%s is larger than %zu bytes", path, most);
        yq_buf_put(out, chunk, (size_t)got);
        if (out->failed)
            return yq_fail(err, YQ_FULL, "base", "no memory to read %s", path);
    }
}

bool yq_file_write(const char *path, const void *bytes, size_t length, mode_t mode,
                   struct yq_err *err)
{
    char temporary[YQ_PATH_MOST], folder[YQ_PATH_MOST];
    int used = snprintf(temporary, sizeof temporary, "%s.%d.new", path, (int)getpid());
    if (used < 0 || (size_t)used >= sizeof temporary || !yq_copy(folder, sizeof folder, path))
        return yq_fail(err, YQ_BAD_INPUT, "base", "path is longer than %d bytes", YQ_PATH_MOST);
    char *slash = strrchr(folder, '/');
    if (slash)
        *(slash == folder ? slash + 1 : slash) = '\0';
    int fd yq_cleanup(yq_close) = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return yq_fail_errno(err, "base", "create", temporary);
    bool ok = yq_write_all(fd, bytes, length, err) &&
              (fsync(fd) == 0 || yq_fail_errno(err, "base", "sync", temporary)) &&
              (rename(temporary, path) == 0 || yq_fail_errno(err, "base", "rename to", path));
    if (!ok) {
        unlink(temporary);
        return false;
    }
    return yq_sync_dir(slash ? folder : ".", err);
}

bool yq_write_all(int fd, const void *bytes, size_t length, struct yq_err *err)
{
    const uint8_t *p = bytes;
    while (length) {
        ssize_t done = write(fd, p, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return yq_fail_errno(err, "base", "write", "file");
        p += done;
        length -= (size_t)done;
    }
    return true;
}

bool yq_read_at(int fd, void *bytes, size_t length, uint64_t offset, size_t *got,
                struct yq_err *err)
{
    *got = 0;
    while (*got < length) {
        ssize_t done = pread(fd, (uint8_t *)bytes + *got, length - *got, (off_t)(offset + *got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return yq_fail_errno(err, "base", "read", "file");
        if (done == 0)
            break;
        *got += (size_t)done;
    }
    return true;
}

void yq_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
