/* rehearse_program.c: OpenSSL's command-line program, run without a shell: what it is given goes
 * through a pipe, and so does what it says. A key stands on its command line, where everybody on
 * the machine may read it while it runs: for rehearsals, with the key of a rehearsal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rehearse_inside.h"
#include "yq/clock.h"
#include "yq/file.h"

extern char **environ;

enum { WAIT_MS = 60000, ARGUMENTS_MOST = 40, PIECE = 65536 };
#define OUT_MOST ((size_t)512 << 20)

struct program {
    pid_t id;
    int in, out; /* what it reads, what it says */
};

static bool spawn(char *const *arguments, int in, int out, pid_t *id)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    bool ready =
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO) == 0 &&
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO) == 0 &&
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) == 0 &&
        posix_spawnattr_setsigmask(&how, &none) == 0 &&
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK) == 0 &&
        posix_spawnp(id, arguments[0], &files, &how, arguments, environ) == 0;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return ready;
}

static bool start(const char *const *arguments, struct program *program)
{
    char *list[ARGUMENTS_MOST + 2] = {(char *)(uintptr_t) "openssl"};
    int given[2], said[2];
    size_t count = 0;
    for (; arguments[count]; count++) {
        if (count == ARGUMENTS_MOST)
            return false;
        list[count + 1] = (char *)(uintptr_t)arguments[count]; /* posix_spawn changes none */
    }
    if (pipe2(given, O_CLOEXEC) != 0)
        return false;
    if (pipe2(said, O_CLOEXEC) != 0) {
        close(given[0]);
        close(given[1]);
        return false;
    }
    bool fine = spawn(list, given[0], said[1], &program->id);
    close(given[0]);
    close(said[1]);
    if (!fine) {
        close(given[1]);
        close(said[0]);
        return false;
    }
    program->in = given[1];
    program->out = said[0];
    fcntl(program->in, F_SETFL, O_NONBLOCK);
    return true;
}

/* Gives it all and hears all, until it closes its output. False: its time is over. */
static bool talk(struct program *program, const uint8_t *in, size_t length, struct yq_buf *out)
{
    static const short hangs = POLLHUP | POLLERR;
    int64_t until = yq_monotonic_ms() + WAIT_MS;
    if (!length)
        yq_close(&program->in);
    while (yq_monotonic_ms() < until) {
        uint8_t piece[PIECE];
        struct pollfd wait[2] = {{.fd = program->out, .events = POLLIN},
                                 {.fd = program->in, .events = POLLOUT}};
        if (poll(wait, 2, 1000) < 0 && errno != EINTR)
            return false;
        if (wait[1].revents) {
            ssize_t gone = write(program->in, in, length < PIECE ? length : PIECE);
            in += gone > 0 ? gone : 0;
            length -= gone > 0 ? (size_t)gone : 0;
            if (!length || (gone < 0 && errno != EAGAIN && errno != EINTR))
                yq_close(&program->in);
        }
        if (wait[0].revents & (POLLIN | hangs)) {
            ssize_t got = read(program->out, piece, sizeof piece);
            if (got > 0)
                yq_buf_put(out, piece, (size_t)got);
            else if (got == 0 || errno != EINTR)
                return got == 0;
            if (out->length > OUT_MOST)
                return false;
        }
    }
    return false;
}

bool rehearse_openssl(const char *const *arguments, const void *in, size_t length,
                      struct yq_buf *out)
{
    struct program program = {.in = -1, .out = -1};
    int status = -1;
    if (!start(arguments, &program))
        return false;
    bool fine = talk(&program, in, length, out) && !out->failed;
    yq_close(&program.in);
    yq_close(&program.out);
    if (!fine)
        kill(program.id, SIGKILL);
    while (waitpid(program.id, &status, 0) < 0 && errno == EINTR)
        ;
    return fine && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- the folder of a run ---- */

bool rehearse_folder_open(struct yq_rehearse *r, struct yq_err *err)
{
    const char *temporary = getenv("TMPDIR");
    int length =
        snprintf(r->folder, sizeof r->folder, "%.32s/yq-rehearse-XXXXXX",
                 temporary && *temporary == '/' && strlen(temporary) <= 32 ? temporary : "/tmp");
    if (length > 0 && mkdtemp(r->folder)) /* 0700 */
        return true;
    yq_fail_errno(err, "rehearse", "make", r->folder);
    *r->folder = '\0';
    return false;
}

void rehearse_folder_close(struct yq_rehearse *r)
{
    DIR *folder = *r->folder ? opendir(r->folder) : NULL;
    const struct dirent *entry;
    if (!folder)
        return;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(r->folder);
}

const char *rehearse_path_of(const struct yq_rehearse *r, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", r->folder, name);
    return path;
}

bool rehearse_file(const struct yq_rehearse *r, const char *name, const void *bytes, size_t length)
{
    char path[128];
    struct yq_err err;
    int fd = open(rehearse_path_of(r, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && yq_write_all(fd, bytes, length, &err);
    if (fd >= 0)
        close(fd);
    return fine;
}
