/* keychain_read.c: where a key is said to be, and reading it from there: a regular file that only
 * the node's user or root may read; an environment variable; the standard output of a program that
 * is started without a shell, with nothing open but that, and ended after ten seconds. Errors name
 * the place, never what was there. No state. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keychain.h"
#include "recipe_inside.h"
#include "yq/clock.h"

extern char **environ;

enum { PROGRAM_MS = 10000, WORDS_MOST = 16 };

/* ---- where ---- */

static bool starts(const char **text, const char *with)
{
    size_t length = strlen(with);
    if (strncmp(*text, with, length) != 0)
        return false;
    *text += length;
    *text += strspn(*text, " ");
    return true;
}

bool keychain_place(const char *where, const char *folder, struct keychain_place *place,
                    struct yq_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *at = where;
    place->form = starts(&at, "hex ") ? KEY_HEX : starts(&at, "base64 ") ? KEY_BASE64 : KEY_PLAIN;
    bool file = starts(&at, "file:"), variable = !file && starts(&at, "env:");
    bool program = !file && !variable && starts(&at, "command:");
    place->kind = file ? KEY_FILE : variable ? KEY_VARIABLE : KEY_PROGRAM;
    bool ok =
        *at && (file || (variable && strspn(at, letters) == strlen(at)) || (program && *at == '/'));
    if (!ok) /* who wrote the key itself here shall not find it in a log */
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "key %s: \"file:PATH\", \"env:NAME\" or \"command:/path ...\" is wanted, or "
                       "one of them behind \"hex \" or \"base64 \"",
                       place->name);
    if (file && *at != '/' && folder && *folder)
        return yq_path_join(place->what, folder, at, err);
    return yq_copy(place->what, sizeof place->what, at) ||
           yq_fail(err, YQ_BAD_INPUT, "seal", "key %s: more than %d bytes", place->name,
                   YQ_PATH_MOST - 1);
}

/* ---- a file ---- */

bool keychain_unchanged(const struct keychain_place *place, const struct stat *about)
{
    struct stat now;
    return stat(place->what, &now) == 0 && now.st_ino == about->st_ino &&
           now.st_dev == about->st_dev && now.st_size == about->st_size &&
           now.st_mtim.tv_sec == about->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == about->st_mtim.tv_nsec && now.st_mode == about->st_mode;
}

static bool read_all(int fd, struct yq_buf *out)
{
    char piece[4096];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            yq_buf_put(out, piece, (size_t)got);
    yq_wipe(piece, sizeof piece);
    return got == 0;
}

static bool read_file(const struct keychain_place *place, struct yq_buf *out, struct stat *about,
                      struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(place->what, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, about) != 0)
        return yq_fail_errno(err, "seal", "read the key in", place->what);
    if (!S_ISREG(about->st_mode))
        return yq_fail(err, YQ_REFUSED, "seal", "key %s: %.150s is no regular file", place->name,
                       place->what);
    if (about->st_mode & 077)
        return yq_fail(err, YQ_REFUSED, "seal", "key %s: others may read %.140s: chmod 600 it",
                       place->name, place->what);
    if (about->st_uid != 0 && about->st_uid != geteuid())
        return yq_fail(err, YQ_REFUSED, "seal",
                       "key %s: %.140s belongs neither to the node's user nor to root", place->name,
                       place->what);
    return read_all(fd, out) || yq_fail_errno(err, "seal", "read the key in", place->what);
}

/* ---- a program ---- */

static bool start(char *const *words, int out, pid_t *id)
{
    sigset_t none, all;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    bool ready =
        words[0] &&
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO) == 0 &&
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) == 0 &&
        posix_spawnattr_setsigmask(&how, &none) == 0 &&
        posix_spawnattr_setsigdefault(&how, &all) == 0 && posix_spawnattr_setpgroup(&how, 0) == 0 &&
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                           POSIX_SPAWN_SETPGROUP) == 0;
    errno = ready ? posix_spawn(id, words[0], &files, &how, words, environ) : ENOMEM;
    bool fine = errno == 0;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return fine;
}

/* What it says, until it ends or its time is over. */
static bool hear(int fd, int64_t until, struct yq_buf *out)
{
    char piece[4096];
    ssize_t got = 1;
    while (got > 0 && !out->failed) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until - yq_monotonic_ms();
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        got = ready > 0 ? read(fd, piece, sizeof piece) : -1;
        if (got > 0)
            yq_buf_put(out, piece, (size_t)got);
    }
    yq_wipe(piece, sizeof piece);
    return got == 0;
}

/* Its status when it ended in time; -1: it did not, and was ended, with all it started. */
static int reap(pid_t id, bool heard, int64_t until)
{
    int status = -1;
    pid_t ended = 0;
    while (heard && (ended = waitpid(id, &status, WNOHANG)) == 0 && yq_monotonic_ms() < until)
        poll(NULL, 0, 5);
    kill(-id, SIGKILL);
    while (ended == 0 && waitpid(id, &status, 0) < 0 && errno == EINTR)
        ;
    return ended == id ? status : -1;
}

static bool read_program(const struct keychain_place *place, struct yq_buf *out, struct yq_err *err)
{
    char line[YQ_PATH_MOST], *words[WORDS_MOST + 1] = {0}, *save = NULL;
    size_t count = 0;
    int ends[2];
    memcpy(line, place->what, sizeof line);
    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (count == WORDS_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "seal", "key %s: the command has more than %d words",
                           place->name, WORDS_MOST);
        words[count++] = word;
    }
    if (pipe2(ends, O_CLOEXEC) != 0)
        return yq_fail_errno(err, "seal", "make", "a pipe");
    pid_t id = 0;
    int64_t until = yq_monotonic_ms() + PROGRAM_MS;
    bool started = start(words, ends[1], &id);
    if (!started)
        yq_fail_errno(err, "seal", "start", words[0]);
    close(ends[1]);
    bool heard = started && hear(ends[0], until, out);
    close(ends[0]);
    int status = started ? reap(id, heard, until) : 0;
    if (!started)
        return false;
    if (out->failed)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "key %s: the program says more than %d bytes",
                       place->name, YQ_KEY_MOST);
    if (status < 0)
        return yq_fail(err, YQ_TIMEOUT, "seal", "key %s: %.140s did not end within %d s",
                       place->name, words[0], PROGRAM_MS / 1000);
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           yq_fail(err, YQ_ABSENT, "seal", "key %s: %.140s ended with status %d", place->name,
                   words[0], WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* ---- all of them ---- */

/* Without the line end that an editor leaves; of what is no text nothing is taken away. */
static void trim(struct yq_buf *raw)
{
    size_t length = raw->length;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = raw->bytes[i];
        if (c > 126 || (c < 32 && !strchr("\t\r\n", c)) || !c)
            return;
    }
    if (length && raw->bytes[length - 1] == '\n')
        length--;
    if (length < raw->length && length && raw->bytes[length - 1] == '\r')
        length--;
    raw->length = length;
}

static bool decode(const struct keychain_place *place, struct yq_buf *raw, struct yq_buf *out,
                   struct yq_err *err)
{
    trim(raw);
    if (!raw->length)
        return yq_fail(err, YQ_ABSENT, "seal", "key %s is empty", place->name);
    bool ok = true;
    if (place->form == KEY_HEX)
        ok = code_from_hex(raw->bytes, raw->length, out);
    else if (place->form == KEY_BASE64)
        ok = code_from_base64(raw->bytes, raw->length, out);
    else
        yq_buf_put(out, raw->bytes, raw->length);
    return (ok && out->length) ||
           yq_fail(err, YQ_BAD_INPUT, "seal", "key %s is not %s", place->name,
                   place->form == KEY_HEX ? "hexadecimal digits" : "Base64");
}

bool keychain_read(const struct keychain_place *place, struct yq_buf *out, struct stat *about,
                   struct yq_err *err)
{
    struct yq_buf raw = {.most = YQ_KEY_MOST};
    /* all at once: a buffer that grows leaves what it held behind */
    bool ok = yq_buf_raw(&raw, YQ_KEY_MOST) != NULL;
    yq_buf_clear(&raw);
    if (!ok)
        return yq_fail(err, YQ_FULL, "seal", "no memory for key %s", place->name);
    if (place->kind == KEY_FILE) {
        ok = read_file(place, &raw, about, err);
    } else if (place->kind == KEY_PROGRAM) {
        ok = read_program(place, &raw, err);
    } else {
        const char *value = getenv(place->what);
        if (value)
            yq_buf_puts(&raw, value);
        else
            ok = yq_fail(err, YQ_ABSENT, "seal", "key %s: there is no variable %.140s", place->name,
                         place->what);
    }
    if (ok && raw.failed)
        ok = yq_fail(err, YQ_BAD_INPUT, "seal", "key %s is longer than %d bytes", place->name,
                     YQ_KEY_MOST);
    ok = ok && decode(place, &raw, out, err);
    yq_wipe(raw.bytes, raw.capacity);
    yq_buf_fini(&raw);
    return ok;
}
