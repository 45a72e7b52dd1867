/* pdf_apart.c: looks at a PDF in a process of its own, so that a file which makes the library take
 * all memory, all time or all of its stack harms that process alone.
 *
 * The file is its standard input; it answers with one line, "pages N" or "no REASON". It is the
 * same program again (posix_spawn, no shell), with nothing else open, no core file, and limits it
 * sets before it reads anything. The caller waits for it and ends it when it takes too long. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "yq/clock.h"
#include "yq/file.h"
#include "yq/pdf.h"

extern char **environ;

enum { SECONDS = 10, WAIT_MS = 30000 };
#define SPACE ((rlim_t)448 << 20) /* address space, with what the program itself has mapped */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* its shadow takes all of the address space there is */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *helper; /* set once, before threads start */

void yq_pdf_apart(const char *program) { helper = program; }

/* ---- the process that looks ---- */

static void bound(int kind, rlim_t most)
{
    struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    setrlimit((__rlimit_resource_t)kind, &limit);
}

int yq_pdf_serve(void)
{
    struct stat about;
    struct yq_pdf pdf;
    struct yq_err err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (fstat(STDIN_FILENO, &about) != 0 || about.st_size <= 0)
        return 1;
    bound(RLIMIT_CORE, 0);
    bound(RLIMIT_FSIZE, 0);
    bound(RLIMIT_CPU, SECONDS);
    if (!SANITIZED)
        bound(RLIMIT_AS, SPACE + 4 * (rlim_t)about.st_size);
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
    if (bytes == MAP_FAILED)
        return 1;
    char line[sizeof err.text + 16];
    int length = yq_pdf_look(bytes, (size_t)about.st_size, &pdf, &err)
                     ? snprintf(line, sizeof line, "pages %u\n", pdf.pages)
                     : snprintf(line, sizeof line, "no %s\n", err.text);
    return write(STDOUT_FILENO, line, (size_t)length) == length ? 0 : 1;
}

/* ---- the one that waits for it ---- */

struct child {
    pid_t id;
    int answer; /* what it says */
};

static void end_child(struct child *child)
{
    int status;
    if (child->id > 0) { /* it is done, or has to be */
        kill(child->id, SIGKILL);
        while (waitpid(child->id, &status, 0) < 0 && errno == EINTR)
            ;
    }
    yq_close(&child->answer);
    *child = (struct child){.answer = -1};
}

static bool start(int fd, struct child *child, struct yq_err *err)
{
    char name[] = "yingqiao", word[] = YQ_PDF_WORD;
    char *const arguments[] = {name, word, NULL};
    int ends[2];
    sigset_t none;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return yq_fail_errno(err, "pdf", "make", "a pipe");
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    bool ready =
        posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO) == 0 &&
        posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO) == 0 &&
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) == 0 &&
        posix_spawnattr_setsigmask(&how, &none) == 0 &&
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK) == 0;
    errno = ready ? posix_spawn(&child->id, helper, &files, &how, arguments, environ) : ENOMEM;
    bool fine = errno == 0;
    if (!fine) {
        child->id = 0;
        yq_fail_errno(err, "pdf", "start", "the process that looks at PDFs");
        err->code = YQ_BUSY;
    }
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    child->answer = ends[0];
    return fine;
}

/* One line, or what there was of it when it ended or its time was over. */
static void hear(const struct child *child, char *line, size_t size)
{
    size_t got = 0;
    int64_t until = yq_monotonic_ms() + WAIT_MS;
    while (got + 1 < size) {
        struct pollfd wait = {.fd = child->answer, .events = POLLIN};
        int64_t left = until - yq_monotonic_ms();
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t more = ready > 0 ? read(child->answer, line + got, size - 1 - got) : 0;
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    line[got] = '\0';
}

static bool understand(char *line, struct yq_pdf *out, struct yq_err *err)
{
    char *end = strchr(line, '\n');
    if (!end)
        return yq_fail(err, YQ_BAD_INPUT, "pdf",
                       "the PDF cannot be opened within the memory and time that one may take");
    *end = '\0';
    if (strncmp(line, "pages ", 6) != 0)
        return yq_fail(err, YQ_BAD_INPUT, "pdf", "%s", line + 3);
    out->pages = (unsigned)strtoul(line + 6, NULL, 10);
    return true;
}

static bool look_here(int fd, uint64_t size, struct yq_pdf *out, struct yq_err *err)
{
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return yq_fail_errno(err, "pdf", "read", "the PDF");
    bool fine = yq_pdf_look(bytes, (size_t)size, out, err);
    munmap(bytes, (size_t)size);
    return fine;
}

bool yq_pdf_check(int fd, uint64_t size, struct yq_pdf *out, struct yq_err *err)
{
    struct child child yq_cleanup(end_child) = {.answer = -1};
    char line[sizeof err->text + 16];
    if (!size)
        return yq_fail(err, YQ_BAD_INPUT, "pdf", "the PDF is empty");
    if (!helper)
        return look_here(fd, size, out, err);
    if (!start(fd, &child, err))
        return false;
    hear(&child, line, sizeof line);
    return understand(line, out, err);
}
