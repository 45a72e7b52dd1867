/* cmd_anonymize.c: files, or what the node has, without who they are of, into a folder:
 * FOLDER/<pseudonym>/<study>/<series>/<instance>.dcm. What cannot be given away is listed. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "files.h"
#include "home.h"
#include "output.h"
#include "which.h"
#include "yq/anonymize.h"

struct work {
    const struct yq_cli *cli;
    const char *to;
    struct yq_conf *conf; /* for files */
    struct yq_secret secret;
    struct yq_meter meter;
    struct yq_json *array; /* of what was not given away; NULL: it is printed */
    uint64_t done, written, cleaned, refused, failed, passed;
};

/* Names of files come from whatever medium it was: they must not steer the terminal. */
static void left_out(struct work *work, const char *name, const struct yq_err *err)
{
    bool refused = err->code == YQ_REFUSED;
    *(refused ? &work->refused : &work->failed) += 1;
    if (work->array) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "path", name);
        yq_json_flag(object, "refused", refused);
        yq_json_text(object, "reason", err->text);
        yq_json_add(work->array, NULL, object);
        return;
    }
    yq_meter_clear(&work->meter);
    fputs(refused ? "refused: " : "failed: ", stderr);
    for (const char *p = name; *p; p++)
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
    fprintf(stderr, ": %s\n", err->text);
}

static void unreadable(void *context, const char *path, const char *reason)
{
    struct yq_err err;
    yq_fail(&err, YQ_IO, "node", "%s", reason);
    left_out(context, path, &err);
}

/* An open file that has no place yet: beside the folder of all, where a rename is enough. */
static bool open_new(const struct work *work, char *path, int *fd, struct yq_err *err)
{
    if (!yq_path_join(path, work->to, ".anonymized-XXXXXX", err))
        return false;
    *fd = mkostemp(path, O_CLOEXEC);
    return *fd >= 0 || yq_fail_errno(err, "node", "make a file in", work->to);
}

static bool place(const struct work *work, const char *from, const struct yq_anonymized *about,
                  struct yq_err *err)
{
    char folder[YQ_PATH_MOST], path[YQ_PATH_MOST];
    int length =
        snprintf(folder, sizeof folder, "%s/%s/%s/%s", work->to, about->patient,
                 *about->study ? about->study : "study", *about->series ? about->series : "series");
    int all = snprintf(path, sizeof path, "%s/%s.dcm", folder, about->instance);
    if (length < 0 || (size_t)length >= sizeof folder || all < 0 || (size_t)all >= sizeof path)
        return yq_fail(err, YQ_BAD_INPUT, "node", "path is longer than %d bytes", YQ_PATH_MOST);
    if (!*about->instance)
        return yq_fail(err, YQ_BAD_INPUT, "node", "the object has no SOP Instance UID");
    return yq_mkdirs(folder, err) &&
           (rename(from, path) == 0 || yq_fail_errno(err, "node", "rename to", path));
}

static void settle(struct work *work, const char *name, bool ok, const struct yq_anonymized *about,
                   const struct yq_err *err)
{
    if (!ok) {
        left_out(work, name, err);
        return;
    }
    work->written++;
    work->cleaned += about->cleaned;
}

static void anonymize_file(struct work *work, const char *path)
{
    struct yq_anonymized about;
    struct yq_err err;
    char made[YQ_PATH_MOST];
    int to yq_cleanup(yq_close) = -1;
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    enum yq_file_kind kind = yq_file_look(path, &err);
    if (kind == YQ_FILE_OTHER || kind == YQ_FILE_DICOMDIR) {
        work->passed++;
        return;
    }
    bool ok = kind != YQ_FILE_BROKEN && (fd >= 0 || yq_fail_errno(&err, "node", "open", path)) &&
              open_new(work, made, &to, &err);
    if (ok && !(yq_anonymize_file(work->conf, &work->secret, fd, to, &about, &err) &&
                place(work, made, &about, &err))) {
        unlink(made);
        ok = false;
    }
    if (!ok && kind == YQ_FILE_BARE && err.code == YQ_BAD_INPUT) { /* it was only a guess */
        work->passed++;
        return;
    }
    settle(work, path, ok, &about, &err);
}

/* ---- what the node has ---- */

static bool copy_out(int from, int to, struct yq_err *err)
{
    static uint8_t piece[1 << 17];
    size_t got = sizeof piece;
    for (uint64_t at = 0; got == sizeof piece; at += got)
        if (!yq_read_at(from, piece, sizeof piece, at, &got, err) ||
            !yq_write_all(to, piece, got, err))
            return false;
    return true;
}

static void anonymize_entry(struct work *work, struct yq_house *house, const struct yq_entry *entry)
{
    struct yq_outgoing out = {.fd = -1};
    struct yq_anonymized about;
    struct yq_err err;
    char made[YQ_PATH_MOST];
    int to yq_cleanup(yq_close) = -1;
    bool ok = yq_anonymize_open(house, entry, NULL, 0, &out, &about, &err);
    if (ok && (ok = open_new(work, made, &to, &err)) &&
        !(copy_out(out.fd, to, &err) && place(work, made, &about, &err))) {
        unlink(made);
        ok = false;
    }
    yq_outgoing_fini(&out);
    settle(work, entry->key.instance, ok, &about, &err);
}

static bool anonymize_known(struct work *work, const struct yq_which *which, struct yq_err *err)
{
    struct yq_home home = {0};
    struct yq_entry *entries = NULL;
    struct yq_audit_about about;
    size_t count = 0;
    bool ok = yq_home_open(work->cli, 0, NULL, &home, err) &&
              yq_audit_ready(home.house.audit, err) &&
              yq_which_entries(&home.house, which, &entries, &count, err);
    if (ok) {
        yq_audit_look(&home.house, entries[0].key.study, &about);
        yq_audit_accessed(home.house.audit, NULL, 'R', &about, entries[0].sop_class, "",
                          "anonymised", NULL);
        yq_meter_start(&work->meter, "instances", count, 0);
    }
    for (size_t i = 0; ok && i < count; i++) {
        anonymize_entry(work, &home.house, &entries[i]);
        yq_meter_show(&work->meter, ++work->done, 0);
    }
    free(entries);
    yq_home_close(&home);
    return ok;
}

static bool anonymize_files(struct work *work, struct yq_err *err)
{
    struct yq_files files = {.trouble = unreadable, .context = work};
    char path[YQ_PATH_MOST];
    bool ok = yq_home_conf(work->cli, &work->conf, err);
    if (ok && access(work->cli->data, F_OK) != 0)
        ok = yq_fail(err, YQ_ABSENT, "node",
                     "there is no %s: the node's secret there makes the new identifiers; name a "
                     "folder with --data",
                     work->cli->data);
    ok = ok && yq_path_join(path, work->cli->data, "anonymize.key", err) &&
         yq_secret_open(path, &work->secret, err);
    for (size_t i = 0; ok && i < work->cli->arg_count; i++)
        ok = yq_files_add(&files, work->cli->args[i], err);
    if (ok)
        yq_meter_start(&work->meter, "files", files.count, files.bytes);
    uint64_t bytes = 0;
    for (size_t i = 0; ok && i < files.count; i++) {
        anonymize_file(work, files.list[i].path);
        yq_meter_show(&work->meter, ++work->done, bytes += files.list[i].size);
    }
    yq_files_fini(&files);
    yq_secret_forget(&work->secret);
    return ok;
}

static int finish(struct work *work)
{
    if (work->array) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "written", (double)work->written);
        yq_json_number(object, "cleaned", (double)work->cleaned);
        yq_json_number(object, "refused", (double)work->refused);
        yq_json_number(object, "failed", (double)work->failed);
        yq_json_number(object, "skipped", (double)work->passed);
        yq_json_add(object, "left_out", work->array);
        if (!yq_print_json(object))
            return YQ_EXIT_FAILED;
    } else {
        printf("%" PRIu64 " written", work->written);
        const struct {
            uint64_t count;
            const char *what;
        } rare[] = {{work->cleaned, "with pixels known to be clean"},
                    {work->refused, "refused"},
                    {work->failed, "failed"},
                    {work->passed, "not DICOM objects"}};
        for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
            if (rare[i].count)
                printf(", %" PRIu64 " %s", rare[i].count, rare[i].what);
        printf("\n");
    }
    return work->refused || work->failed ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

int yq_run_anonymize(struct yq_cli *cli)
{
    struct yq_which which = {0};
    struct yq_err err = {0};
    struct work work = {.cli = cli, .to = yq_cli_value(cli, "out")};
    int status;
    if (!work.to)
        return yq_cli_usage(cli, "--out names the folder for what is anonymised");
    if (!cli->arg_count && (status = yq_which_read(cli, &which)) != YQ_EXIT_FINE)
        return status;
    if (cli->arg_count && (yq_cli_value(cli, "study") || yq_cli_value(cli, "series") ||
                           yq_cli_value(cli, "instance")))
        return yq_cli_usage(cli, "give files, or one of --study, --series, --instance");
    if (!yq_mkdirs(work.to, &err))
        return yq_cli_fail_err(&err);
    if (cli->json)
        work.array = yq_json_array();
    bool ok = which.uid ? anonymize_known(&work, &which, &err) : anonymize_files(&work, &err);
    yq_meter_clear(&work.meter);
    yq_home_conf_free(&work.conf);
    if (!ok) {
        yq_json_free(work.array);
        return yq_cli_fail_err(&err);
    }
    return finish(&work);
}
