/* cmd_import.c: files into the node, several at a time: what takes long is making each one durable,
 * and commits are shared.
 *
 * What is done is noted in DIR/import/<hash of the paths>.state, a line per file. After an
 * interruption, kill -9 too, a file whose size and time are the noted ones and whose instance the
 * catalog has is passed over. The notes go when everything went well. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "files.h"
#include "home.h"
#include "output.h"

enum { WORKERS = 16, FAILURES_LISTED = 1000, NOTES_MOST = 1 << 30 };

struct note { /* pointers go into the notes' text */
    const char *path;
    uint64_t size;
    int64_t mtime_ns;
    const char *uid;
};

struct failure {
    char *path;
    char reason[240];
};

struct import {
    struct yq_home home;
    struct yq_files files;
    char notes_path[YQ_PATH_MOST];
    struct yq_buf notes_text;
    struct note *notes;
    size_t note_count;
    int notes_fd;
    struct yq_batch *batch;
    atomic_size_t next;
    pthread_mutex_t lock; /* of everything below */
    struct yq_meter meter;
    uint64_t done, done_bytes;
    uint64_t stored[4]; /* by yq_stored */
    uint64_t skipped, passed, failed;
    struct failure failures[FAILURES_LISTED];
    size_t listed;
};

static atomic_bool stopped;

static void stop(int signal)
{
    (void)signal;
    atomic_store(&stopped, true);
}

static void fail_file(struct import *import, const char *path, const char *reason)
{
    import->failed++;
    if (import->listed == FAILURES_LISTED)
        return;
    struct failure *failure = &import->failures[import->listed];
    failure->path = strdup(path);
    if (!failure->path)
        return;
    (void)yq_copy(failure->reason, sizeof failure->reason, reason);
    import->listed++;
}

static void unreadable(void *context, const char *path, const char *reason)
{
    fail_file(context, path, reason);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct note *)a)->path, ((const struct note *)b)->path);
}

/* "size mtime uid path" in place; false for a line that a crash tore. */
static bool parse_note(char *line, struct note *note)
{
    char *end;
    note->size = strtoull(line, &end, 10);
    if (*end != ' ')
        return false;
    note->mtime_ns = strtoll(end + 1, &end, 10);
    if (*end != ' ')
        return false;
    note->uid = end + 1;
    end = strchr(end + 1, ' ');
    if (!end)
        return false;
    *end = '\0';
    note->path = end + 1;
    return yq_uid_valid(note->uid) && *note->path;
}

static void read_notes(struct import *import)
{
    struct yq_err err;
    if (!yq_file_read(import->notes_path, NOTES_MOST, &import->notes_text, &err))
        return; /* none: everything is imported anew, which does no harm */
    char *text = (char *)import->notes_text.bytes;
    size_t lines = 0;
    for (char *p = text; p && (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    import->notes = calloc(lines + 1, sizeof *import->notes);
    for (char *line = text, *end; import->notes && line && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        *end = '\0';
        if (parse_note(line, &import->notes[import->note_count]))
            import->note_count++;
    }
    if (import->notes)
        qsort(import->notes, import->note_count, sizeof *import->notes, by_path);
}

static bool open_notes(struct import *import, struct yq_cli *cli, struct yq_err *err)
{
    struct yq_buf roots yq_cleanup(yq_buf_fini) = {0};
    char folder[YQ_PATH_MOST], name[40];
    for (size_t i = 0; i < cli->arg_count; i++) {
        char *root = realpath(cli->args[i], NULL);
        yq_buf_puts(&roots, root ? root : cli->args[i]);
        yq_buf_puts(&roots, "\n");
        free(root);
    }
    snprintf(name, sizeof name, "%016" PRIx64 ".state", yq_hash_text(yq_buf_text(&roots)));
    if (!yq_path_join(folder, import->home.data, "import", err) || !yq_mkdirs(folder, err) ||
        !yq_path_join(import->notes_path, folder, name, err))
        return false;
    read_notes(import);
    import->notes_fd = open(import->notes_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return import->notes_fd >= 0 || yq_fail_errno(err, "node", "open", import->notes_path);
}

/* A file that an earlier run took in, and whose instance is still there. */
static bool was_imported(struct import *import, const struct yq_path *file)
{
    struct note wanted = {.path = file->path};
    struct yq_entry entry;
    struct yq_err err;
    const struct note *note =
        import->note_count
            ? bsearch(&wanted, import->notes, import->note_count, sizeof *import->notes, by_path)
            : NULL;
    return note && note->size == file->size && note->mtime_ns == file->mtime_ns &&
           yq_catalog_get(import->home.house.catalog, note->uid, &entry, &err);
}

static void note_done(struct import *import, const struct yq_path *file, const char *uid)
{
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    if (strchr(file->path, '\n'))
        return;
    yq_buf_putf(&line, "%" PRIu64 " %" PRId64 " %s %s\n", file->size, file->mtime_ns, uid,
                file->path);
    if (!line.failed && !yq_write_all(import->notes_fd, line.bytes, line.length, &err))
        return; /* a missing note costs time on the next run, nothing else */
}

enum result { STORED, PASSED, SKIPPED, FAILED };

static enum result import_one(struct import *import, const struct yq_path *file,
                              struct yq_ingested *in, struct yq_err *err)
{
    struct yq_origin origin = {.door = "import", .batch = import->batch};
    if (was_imported(import, file))
        return PASSED;
    enum yq_file_kind kind = yq_file_look(file->path, err);
    if (kind == YQ_FILE_BROKEN)
        return FAILED;
    if (kind == YQ_FILE_OTHER || kind == YQ_FILE_DICOMDIR)
        return SKIPPED;
    if (yq_ingest_file(&import->home.house, &origin, file->path, in, err))
        return STORED;
    /* without file meta information it was only a guess that this is DICOM */
    return kind == YQ_FILE_BARE && err->code == YQ_BAD_INPUT ? SKIPPED : FAILED;
}

static void *work(void *context)
{
    struct import *import = context;
    for (size_t i; !atomic_load(&stopped) &&
                   (i = atomic_fetch_add(&import->next, 1)) < import->files.count;) {
        const struct yq_path *file = &import->files.list[i];
        struct yq_ingested in;
        struct yq_err err = {0};
        enum result result = import_one(import, file, &in, &err);
        pthread_mutex_lock(&import->lock);
        import->done++;
        import->done_bytes += file->size;
        switch (result) {
        case STORED:
            import->stored[in.stored]++;
            note_done(import, file, in.key.instance);
            break;
        case PASSED: import->passed++; break;
        case SKIPPED: import->skipped++; break;
        case FAILED: fail_file(import, file->path, err.text); break;
        }
        yq_meter_show(&import->meter, import->done, import->done_bytes);
        pthread_mutex_unlock(&import->lock);
    }
    return NULL;
}

static void work_all(struct import *import)
{
    pthread_t threads[WORKERS];
    size_t started = 0;
    yq_home_hire_clerk(&import->home);
    yq_meter_start(&import->meter, "files", import->files.count, import->files.bytes);
    while (started < WORKERS && pthread_create(&threads[started], NULL, work, import) == 0)
        started++;
    if (!started)
        work(import);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    yq_meter_clear(&import->meter);
}

static void print_json(const struct import *import)
{
    struct yq_json *object = yq_json_object(), *failures = yq_json_array();
    yq_json_number(object, "files", (double)import->files.count);
    yq_json_number(object, "bytes", (double)import->done_bytes);
    yq_json_number(object, "new", (double)import->stored[YQ_STORED_NEW]);
    yq_json_number(object, "already", (double)import->stored[YQ_STORED_ALREADY]);
    yq_json_number(object, "replaced", (double)import->stored[YQ_STORED_REPLACED]);
    yq_json_number(object, "beside", (double)import->stored[YQ_STORED_BESIDE]);
    yq_json_number(object, "passed", (double)import->passed);
    yq_json_number(object, "skipped", (double)import->skipped);
    yq_json_number(object, "failed", (double)import->failed);
    yq_json_flag(object, "interrupted", atomic_load(&stopped));
    yq_json_number(object, "seconds", yq_meter_seconds(&import->meter));
    for (size_t i = 0; i < import->listed; i++) {
        struct yq_json *failure = yq_json_object();
        yq_json_text(failure, "path", import->failures[i].path);
        yq_json_text(failure, "reason", import->failures[i].reason);
        yq_json_add(failures, NULL, failure);
    }
    yq_json_add(object, "failures", failures);
    yq_print_json(object);
}

/* Names come from whatever medium it was: they must not steer the terminal. */
static void print_failure(const struct failure *failure)
{
    fputs("failed: ", stderr);
    for (const char *p = failure->path; *p; p++)
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
    fprintf(stderr, ": %s\n", failure->reason);
}

static void print_text(const struct import *import)
{
    char bytes[32], time[48], rate[32];
    double seconds = yq_meter_seconds(&import->meter);
    yq_size_text(bytes, sizeof bytes, (double)import->done_bytes);
    yq_duration_text(time, sizeof time, seconds);
    yq_size_text(rate, sizeof rate,
                 seconds > 0.001 ? (double)import->done_bytes / seconds : (double)0);
    printf("%" PRIu64 " new, %" PRIu64 " there already", import->stored[YQ_STORED_NEW],
           import->stored[YQ_STORED_ALREADY]);
    const struct {
        uint64_t count;
        const char *what;
    } rare[] = {{import->stored[YQ_STORED_REPLACED], "replaced"},
                {import->stored[YQ_STORED_BESIDE], "kept beside the first"},
                {import->passed, "imported by the run before"},
                {import->skipped, "not DICOM objects"},
                {import->failed, "failed"}};
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (rare[i].count)
            printf(", %" PRIu64 " %s", rare[i].count, rare[i].what);
    printf("; %s in %s (%s/s)\n", bytes, time, rate);
    fflush(stdout);
    for (size_t i = 0; i < import->listed; i++)
        print_failure(&import->failures[i]);
    if (import->listed < import->failed)
        fprintf(stderr, "failed: %" PRIu64 " more\n", import->failed - import->listed);
}

static int finish(struct import *import, const struct yq_cli *cli)
{
    bool interrupted = atomic_load(&stopped);
    if (!interrupted && !import->failed)
        unlink(import->notes_path);
    if (cli->json)
        print_json(import);
    else
        print_text(import);
    if (interrupted)
        return yq_cli_fail("interrupted: the same command goes on from here");
    return import->failed ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

/* For the audit trail: the medium is the first path. */
static struct yq_batch *begin_batch(struct import *import, const struct yq_cli *cli)
{
    static const struct yq_origin files = {.door = "import"};
    char uri[YQ_PATH_MOST + 8];
    yq_home_uri(cli->args[0], uri, sizeof uri);
    return yq_batch_begin(&import->home.house, YQ_WAY_IMPORT, &files, NULL, uri);
}

static int run(struct import *import, struct yq_cli *cli)
{
    struct yq_err err = {0};
    import->files.trouble = unreadable;
    import->files.context = import;
    for (size_t i = 0; i < cli->arg_count; i++)
        if (!yq_files_add(&import->files, cli->args[i], &err))
            return yq_cli_fail_err(&err);
    if (!yq_home_open(cli, YQ_HOME_CREATE, NULL, &import->home, &err))
        return yq_cli_fail_err(&err);
    if (!open_notes(import, cli, &err))
        return yq_cli_fail_err(&err);
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL); /* a second one ends it at once, which does no harm either */
    sigaction(SIGTERM, &action, NULL);
    import->batch = begin_batch(import, cli);
    work_all(import);
    yq_batch_end(import->batch, NULL);
    return finish(import, cli);
}

int yq_run_import(struct yq_cli *cli)
{
    if (!cli->arg_count)
        return yq_cli_usage(cli, "import wants a file, a folder or a DICOMDIR");
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        return yq_cli_fail("no memory");
    import->notes_fd = -1;
    pthread_mutex_init(&import->lock, NULL);
    int status = run(import, cli);
    yq_home_close(&import->home);
    yq_close(&import->notes_fd);
    yq_files_fini(&import->files);
    yq_buf_fini(&import->notes_text);
    free(import->notes);
    for (size_t i = 0; i < import->listed; i++)
        free(import->failures[i].path);
    pthread_mutex_destroy(&import->lock);
    free(import);
    return status;
}
