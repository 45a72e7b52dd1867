/* cmd_sign.c: signing jobs for people: list, show, start, cancel, qr. Works on the catalog; a
 * running node notices within a second. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/image.h"
#include "yq/sign.h"

enum { SCALE = 8 };

static const char *name_of(const struct yq_signing *job) { return *job->name ? job->name : "?"; }

static struct yq_json *job_json(const struct yq_signing *job)
{
    char text[400];
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "report", name_of(job));
    yq_json_text(object, "state", yq_signing_state_name(job->state));
    yq_json_text(object, "platform", job->platform);
    yq_sign_explain(job, yq_now_ms(), false, text, sizeof text);
    yq_json_text(object, "why", text);
    yq_sign_explain(job, yq_now_ms(), true, text, sizeof text);
    yq_json_text(object, "chinese", text);
    yq_json_number(object, "version", (double)job->version);
    yq_json_number(object, "asked", job->rounds);
    yq_json_number(object, "tries", job->tries);
    yq_json_text(object, "signDataId", *job->data_id ? job->data_id : NULL);
    const struct {
        const char *name;
        int64_t ms;
    } times[] = {{"since", job->created_ms},
                 {"asked_at", job->asked_ms},
                 {"expires", job->expires_ms},
                 {"next", job->next_ms},
                 {"changed", job->changed_ms}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        yq_clock_text(text, sizeof text, times[i].ms);
        if (times[i].ms)
            yq_json_text(object, times[i].name, text);
    }
    return object;
}

/* ---- list ---- */

static bool print_jobs(const struct yq_cli *cli, const struct yq_signing *jobs, size_t count)
{
    static const char *const heads[] = {"REPORT", "STATE", "PLATFORM", "AGE", "WHY"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 5, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    int64_t now_ms = yq_now_ms();
    for (size_t i = 0; i < count; i++) {
        char why[400], age[48];
        if (array) {
            yq_json_add(array, NULL, job_json(&jobs[i]));
            continue;
        }
        yq_sign_explain(&jobs[i], now_ms, false, why, sizeof why);
        yq_duration_text(age, sizeof age, (double)(now_ms - jobs[i].created_ms) / 1000);
        yq_table_add(&table, name_of(&jobs[i]));
        yq_table_add(&table, yq_signing_state_name(jobs[i].state));
        yq_table_add(&table, jobs[i].platform);
        yq_table_add(&table, age);
        yq_table_add(&table, why);
    }
    if (array)
        return yq_print_json(array);
    if (count)
        yq_table_print(&table, stdout);
    else
        printf("no report waits for its signature\n");
    return true;
}

static int list(const struct yq_cli *cli, struct yq_home *home)
{
    long limit;
    struct yq_err err = {0};
    struct yq_signing *jobs = NULL;
    size_t count = 0;
    unsigned open = (1u << YQ_SIGNING_DONE) - 1, states = open | 1u << YQ_SIGNING_STUCK;
    const char *state = yq_cli_value(cli, "state");
    if (!yq_cli_number(cli, "limit", 1, 100000, 200, &limit))
        return YQ_EXIT_USAGE;
    if (state && yq_signing_state_parse(state) == YQ_SIGNING_STATE_COUNT)
        return yq_cli_usage(cli, "--state takes wanted, waiting, signed, stamped, done, stuck or "
                                 "cancelled");
    if (state)
        states = 1u << yq_signing_state_parse(state);
    else if (yq_cli_flag(cli, "all"))
        states = 0;
    if (!yq_signing_list(home->house.catalog, states, (size_t)limit, &jobs, &count, &err))
        return yq_cli_fail_err(&err);
    bool ok = print_jobs(cli, jobs, count);
    free(jobs);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* ---- one report ---- */

static void print_moment(const char *head, int64_t ms)
{
    char text[32];
    yq_clock_text(text, sizeof text, ms);
    if (ms)
        printf("%-10s %.10s %.8s UTC\n", head, text, text + 11);
}

static void print_job(const struct yq_signing *job)
{
    char english[400], chinese[400];
    yq_sign_explain(job, yq_now_ms(), false, english, sizeof english);
    yq_sign_explain(job, yq_now_ms(), true, chinese, sizeof chinese);
    printf("%-10s %s, version %" PRId64 "\n%-10s %s\n%-10s %s\n%-10s %s\n%-10s %s\n", "report",
           name_of(job), job->version, "state", yq_signing_state_name(job->state), "platform",
           job->platform, "why", english, "", chinese);
    printf("%-10s %u\n", "asked", job->rounds);
    if (*job->data_id)
        printf("%-10s %s\n", "signDataId", job->data_id);
    print_moment("since", job->created_ms);
    print_moment("asked at", job->asked_ms);
    print_moment("expires", job->expires_ms);
    if (job->state < YQ_SIGNING_DONE)
        print_moment("next", job->next_ms);
}

static int show(const struct yq_cli *cli, struct yq_home *home, const char *report)
{
    struct yq_err err = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    int64_t row;
    if (!yq_sign_job(&home->house, report, &row, &job, &err))
        return yq_cli_fail_err(&err);
    if (cli->json)
        return yq_print_json(job_json(&job)) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    print_job(&job);
    return YQ_EXIT_FINE;
}

static int turn(struct yq_home *home, const char *report, bool start)
{
    struct yq_err err = {0};
    if (start ? !yq_sign_start(&home->house, report, &err)
              : !yq_sign_cancel(&home->house, report, &err))
        return yq_cli_fail_err(&err);
    printf("%s\n", start ? "begun" : "cancelled");
    return YQ_EXIT_FINE;
}

/* ---- the code ---- */

static bool write_png(const char *path, const struct yq_buf *text, struct yq_err *err)
{
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    struct yq_buf png yq_cleanup(yq_buf_fini) = {0};
    if (!yq_image_qr(yq_buf_text(text), SCALE, &picture, err) || !yq_image_png(&picture, &png, err))
        return false;
    FILE *file = fopen(path, "wb");
    if (!file)
        return yq_fail_errno(err, "node", "write", path);
    bool written = fwrite(png.bytes, 1, png.length, file) == png.length;
    written = fclose(file) == 0 && written;
    return written || yq_fail_errno(err, "node", "write", path);
}

static int show_qr(const struct yq_cli *cli, struct yq_home *home, const char *report)
{
    struct yq_err err = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    const char *out = yq_cli_value(cli, "out");
    int64_t row;
    if (!yq_sign_job(&home->house, report, &row, &job, &err) ||
        !yq_sign_qr(&home->house, &job, &text, &err) || (out && !write_png(out, &text, &err)))
        return yq_cli_fail_err(&err);
    if (!out)
        printf("%s\n", yq_buf_text(&text));
    return YQ_EXIT_FINE;
}

static int run_with(const struct yq_cli *cli, struct yq_home *home)
{
    const char *verb = cli->args[0];
    if (strcmp(verb, "list") == 0)
        return list(cli, home);
    if (strcmp(verb, "show") == 0)
        return show(cli, home, cli->args[1]);
    if (strcmp(verb, "qr") == 0)
        return show_qr(cli, home, cli->args[1]);
    return turn(home, cli->args[1], strcmp(verb, "start") == 0);
}

int yq_run_sign(struct yq_cli *cli)
{
    struct yq_err err = {0};
    struct yq_home home = {0};
    const char *verb = cli->arg_count ? cli->args[0] : "";
    bool lists = strcmp(verb, "list") == 0 && cli->arg_count == 1;
    bool one = (strcmp(verb, "show") == 0 || strcmp(verb, "start") == 0 ||
                strcmp(verb, "cancel") == 0 || strcmp(verb, "qr") == 0) &&
               cli->arg_count == 2;
    if (!lists && !one)
        return yq_cli_usage(cli, "sign wants: list, show REPORT, start REPORT, cancel REPORT, or "
                                 "qr REPORT");
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = run_with(cli, &home);
    yq_home_close(&home);
    return status;
}
