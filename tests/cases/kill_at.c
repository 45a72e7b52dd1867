/* kill_at.c: preloaded into a node, ends it with SIGKILL just before its n-th call that changes a
 * file, so that a test can stop an instance's way to the disk at every step. $YQ_KILL_ARM names a
 * file: while it is not there nothing is counted; then the number in it is n. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int left; /* 0: not armed yet */

static void step(void)
{
    const char *arm = getenv("YQ_KILL_ARM");
    if (!arm)
        return;
    if (!atomic_load(&left)) {
        char text[16] = "";
        int fd = open(arm, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
        int none = 0;
        if (read(fd, text, sizeof text - 1) > 0)
            atomic_compare_exchange_strong(&left, &none, (int)strtol(text, NULL, 10));
        close(fd);
    }
    if (atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *bytes, size_t length)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    if (fd > 2)
        step();
    return real(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    step();
    return real(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    step();
    return real(fd, bytes, length, offset);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    step();
    return real(fd);
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    step();
    return real(fd);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    REAL(int, "linkat", int, const char *, int, const char *, int);
    step();
    return real(from_dir, from, to_dir, to, flags);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    step();
    return real(from_dir, from, to_dir, to, flags);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    step();
    return real(from, to);
}

int unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    step();
    return real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    step();
    return real(path, mode);
}
