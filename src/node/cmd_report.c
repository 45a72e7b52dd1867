/* cmd_report.c: the PDF of a report: out of the node, as a URL for others, into the node. Works on
 * the data folder, also while the node runs. Each is told to the audit trail. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/attachment.h"
#include "yq/clock.h"

enum { HOURS_MOST = 8760 };

struct task {
    const struct yq_cli *cli;
    struct yq_home home;
    const char *id, *out;
    int64_t version; /* 0: the latest */
    long hours;      /* 0: no URL */
};

static struct yq_record *find(struct task *task, const char **name, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    if (!yq_record_out(&task->home.house, YQ_KIND_REPORT, task->id, task->version, &record, &entry,
                       err))
        return NULL;
    task->version = entry.version;
    yq_ledger_entry_fini(&entry);
    *name = record ? yq_record_get(record, "pdf") : NULL;
    if (*name)
        return record;
    yq_fail(err, YQ_ABSENT, "node",
            record ? "the report has no PDF in version %" PRId64
                   : "the report was removed in version %" PRId64,
            task->version);
    yq_record_free(record);
    return NULL;
}

static bool copy_out(int from, uint64_t size, int to, struct yq_err *err)
{
    uint8_t piece[65536];
    for (uint64_t at = 0; at < size;) {
        size_t got;
        if (!yq_read_at(from, piece, sizeof piece, at, &got, err))
            return false;
        if (!got)
            return yq_fail(err, YQ_IO, "node", "the PDF became shorter while it was read");
        if (!yq_write_all(to, piece, got, err))
            return false;
        at += got;
    }
    return true;
}

/* Into a new file, or to standard output. */
static bool write_out(struct task *task, const char *name, struct yq_err *err)
{
    struct yq_attachment about;
    int from yq_cleanup(yq_close) = -1, to yq_cleanup(yq_close) = -1;
    if (!yq_attachment_open(&task->home.house, name, &from, &about, err))
        return false;
    if (!task->out)
        return copy_out(from, about.size, STDOUT_FILENO, err);
    to = open(task->out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (to < 0)
        return yq_fail_errno(err, "node", "write", task->out);
    if (!copy_out(from, about.size, to, err))
        return false;
    char size[32];
    yq_size_text(size, sizeof size, (double)about.size);
    printf("%s: version %" PRId64 ", %u page%s, %s\n", task->out, task->version, about.pages,
           about.pages == 1 ? "" : "s", size);
    return true;
}

static bool print_url(struct task *task, const char *name, struct yq_err *err)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    char what[64], until[32];
    int64_t expires_ms = yq_now_ms() + task->hours * 3600000;
    snprintf(what, sizeof what, "report version %" PRId64, task->version);
    if (!yq_attachment_url(&task->home.house, name, what, expires_ms, &url, err))
        return false;
    yq_clock_text(until, sizeof until, expires_ms);
    if (!task->cli->json) {
        puts(yq_buf_text(&url));
        return true;
    }
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "url", yq_buf_text(&url));
    yq_json_text(object, "expires", until);
    yq_json_number(object, "version", (double)task->version);
    return yq_print_json(object) || yq_fail(err, YQ_FULL, "node", "no memory");
}

static bool run_pdf(struct task *task, struct yq_err *err)
{
    const char *name;
    struct yq_record *record = find(task, &name, err);
    if (!record)
        return false;
    bool ok = task->hours ? print_url(task, name, err) : write_out(task, name, err);
    yq_audit_record(task->home.house.audit, NULL, 'R', record, task->version,
                    task->hours ? "URL of its PDF" : "pdf", ok ? NULL : err);
    yq_record_free(record);
    return ok;
}

static int show_pdf(struct task *task)
{
    const struct yq_cli *cli = task->cli;
    struct yq_err err = {0};
    if (cli->arg_count == 3) {
        char *end;
        errno = 0;
        task->version = strtoll(cli->args[2], &end, 10);
        if (errno || *end || task->version < 1)
            return yq_cli_usage(cli, "%s is no version: a whole number from 1", cli->args[2]);
    }
    task->out = yq_cli_value(cli, "out");
    if (!yq_cli_number(cli, "url", 1, HOURS_MOST, 0, &task->hours))
        return YQ_EXIT_USAGE;
    if (task->hours && task->out)
        return yq_cli_usage(cli, "either --out or --url");
    if (!task->hours && !task->out && isatty(STDOUT_FILENO))
        return yq_cli_usage(cli, "a PDF is nothing for a terminal: --out FILE, or --url HOURS");
    if (!yq_home_open(cli, 0, NULL, &task->home, &err))
        return yq_cli_fail_err(&err);
    bool ok = run_pdf(task, &err);
    yq_home_close(&task->home);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

/* ---- attach ---- */

static bool run_attach(struct task *task, const char *path, struct yq_err *err)
{
    struct yq_attachment kept;
    struct stat about;
    const struct yq_origin origin = {.door = "hand"};
    const char *name;
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return yq_fail_errno(err, "node", "read", path);
    struct yq_record *there = find(task, &name, err);
    if (!there && task->version == 0)
        return false;
    yq_record_free(there);
    memset(err, 0, sizeof *err);
    struct yq_record *record = yq_record_new(YQ_KIND_REPORT);
    struct yq_submission submission = {
        .record = record, .how = YQ_RECORD_OVERLAY, .expect = task->version};
    bool ok = record ? yq_attachment_keep_file(&task->home.house, fd, 0, (uint64_t)about.st_size,
                                               &kept, err) &&
                           yq_record_set(record, 0, task->id, err) &&
                           yq_record_put(record, "pdf", kept.name, err) &&
                           yq_record_in(&task->home.house, &origin, "hand", &submission, 1, err)
                     : yq_fail(err, YQ_FULL, "node", "no memory for a record");
    if (ok && submission.result.err.code != YQ_OK) {
        *err = submission.result.err;
        ok = false;
    }
    if (ok)
        printf("version %" PRId64 " of the report has this PDF: %u page%s\n",
               submission.result.version, kept.pages, kept.pages == 1 ? "" : "s");
    yq_findings_fini(&submission.findings);
    yq_record_free(record);
    return ok;
}

static int attach(struct task *task)
{
    struct yq_err err = {0};
    if (!yq_home_open(task->cli, 0, NULL, &task->home, &err))
        return yq_cli_fail_err(&err);
    bool ok = run_attach(task, task->cli->args[2], &err);
    yq_home_close(&task->home);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

int yq_run_report(struct yq_cli *cli)
{
    struct task task = {.cli = cli};
    const char *verb = cli->arg_count ? cli->args[0] : "";
    if (cli->arg_count >= 2)
        task.id = cli->args[1];
    if (strcmp(verb, "pdf") == 0 && (cli->arg_count == 2 || cli->arg_count == 3))
        return show_pdf(&task);
    if (strcmp(verb, "attach") == 0 && cli->arg_count == 3)
        return attach(&task);
    return yq_cli_usage(cli, "report wants: pdf ID [VERSION] [--out FILE|--url HOURS], or "
                             "attach ID FILE");
}
