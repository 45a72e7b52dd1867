/* cmd_queue.c: the outbox for people: list, show, retry, hold, release, drop. Works on the catalog;
 * a running node notices within a second. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "delivered.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/reconcile.h"

enum { SHOWN_MOST = 1000 };

struct asked {      /* what the command line says */
    int64_t id;     /* 0: none */
    const char *to; /* NULL: none */
};

struct lanes {
    struct yq_lane *list;
    size_t count;
};

static void lanes_fini(struct lanes *lanes) { free(lanes->list); }

static const struct yq_lane *lane_of(const struct lanes *lanes, const struct yq_job *job)
{
    for (size_t i = 0; i < lanes->count; i++)
        if (lanes->list[i].kind == job->kind &&
            strcmp(lanes->list[i].destination, job->destination) == 0)
            return &lanes->list[i];
    return NULL;
}

/* ---- list, show ---- */

static struct yq_json *job_json(struct yq_home *home, const struct yq_job *job, const char *why)
{
    char subject[DELIVERED_SUBJECT_SIZE];
    char text[32];
    struct yq_json *object = yq_json_object();
    yq_json_number(object, "id", (double)job->id);
    yq_json_text(object, "kind", yq_job_kind_name(job->kind));
    yq_json_text(object, "state", yq_job_state_name(job->state));
    yq_json_text(object, "to", job->destination);
    yq_json_text(object, "rule", job->rule);
    if (job->kind == YQ_JOB_REPORT) {
        delivered_subject(home, job, subject);
        yq_json_text(object, strncmp(job->study, "exam:", 5) == 0 ? "exam" : "report", subject);
    } else {
        yq_json_text(object, "StudyInstanceUID", job->study);
    }
    yq_json_text(object, "priority", yq_priority_name((enum yq_priority)job->priority));
    yq_json_number(object, "pending", (double)job->pending);
    yq_json_number(object, "sent", (double)job->sent);
    yq_json_number(object, "refused", (double)job->refused);
    yq_json_number(object, "dropped", (double)job->dropped);
    yq_json_number(object, "tries", job->tries);
    yq_clock_text(text, sizeof text, job->queued_ms);
    yq_json_text(object, "queued", text);
    yq_clock_text(text, sizeof text, job->next_ms);
    yq_json_text(object, "next", text);
    yq_clock_text(text, sizeof text, job->changed_ms);
    yq_json_text(object, "changed", text);
    yq_json_text(object, "reason", job->reason);
    yq_json_text(object, "why", why);
    return object;
}

static void age_text(char *text, size_t size, const struct yq_job *job, int64_t now_ms)
{
    bool over = job->state >= YQ_JOB_DONE;
    yq_duration_text(text, size,
                     (double)(now_ms - (over ? job->changed_ms : job->queued_ms)) / 1000);
}

static void add_subject(struct yq_home *home, struct yq_table *table, const struct yq_job *job)
{
    char subject[DELIVERED_SUBJECT_SIZE];
    if (job->kind != YQ_JOB_REPORT) {
        yq_table_add(table, job->study);
        return;
    }
    delivered_subject(home, job, subject);
    yq_table_addf(table, "%s %s", strncmp(job->study, "exam:", 5) == 0 ? "exam" : "report",
                  subject);
}

static bool print_jobs(struct yq_cli *cli, struct yq_home *home, const struct lanes *lanes,
                       const struct yq_job *jobs, size_t count)
{
    const struct yq_conf *conf = yq_conf_hold(home->house.conf);
    static const char *const heads[] = {"ID",  "STATE", "TO", "STUDY UID OR EXAM", "LEFT", "SENT",
                                        "AGE", "RULE",  "WHY"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 9, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    int64_t now_ms = yq_now_ms();
    for (size_t i = 0; i < count; i++) {
        const struct yq_job *job = &jobs[i];
        char why[512], age[48];
        yq_deliver_explain(conf, job, lane_of(lanes, job), now_ms, why, sizeof why);
        if (cli->json) {
            yq_json_add(array, NULL, job_json(home, job, why));
            continue;
        }
        age_text(age, sizeof age, job, now_ms);
        yq_table_addf(&table, "%" PRId64, job->id);
        yq_table_add(&table, yq_job_state_name(job->state));
        yq_table_addf(&table, "%s%s", job->kind == YQ_JOB_PULL ? "from " : "", job->destination);
        add_subject(home, &table, job);
        yq_table_addf(&table, "%" PRIu64, job->pending);
        yq_table_addf(&table, "%" PRIu64, job->sent);
        yq_table_add(&table, age);
        yq_table_add(&table, job->rule);
        yq_table_add(&table, why);
    }
    yq_conf_release(home->house.conf, conf);
    if (cli->json)
        return yq_print_json(array);
    if (count)
        yq_table_print(&table, stdout);
    return true;
}

/* Returns an exit status. */
static int read_filter(struct yq_cli *cli, const struct asked *asked, struct yq_job_filter *filter)
{
    long limit;
    const char *state = yq_cli_value(cli, "state");
    if (!yq_cli_number(cli, "limit", 0, 100000000, 200, &limit))
        return YQ_EXIT_USAGE;
    *filter = (struct yq_job_filter){.destination = asked->to,
                                     .all = yq_cli_flag(cli, "all"),
                                     .by_state = state != NULL,
                                     .limit = (uint64_t)limit};
    if (state && !yq_job_state_parse(state, &filter->state))
        return yq_cli_usage(cli, "--state takes gathering, pending, retry, sending, held, refused, "
                                 "done or dropped");
    return YQ_EXIT_FINE;
}

/* What is on its way into the queue. */
static void tell_backfills(struct yq_home *home, const char *to)
{
    struct yq_backfill *backfills = NULL;
    struct yq_err ignored;
    size_t count = 0;
    if (!yq_backfills(home->house.catalog, &backfills, &count, &ignored))
        return;
    for (size_t i = 0; i < count; i++) {
        char text[160];
        if (backfills[i].state != YQ_BACKFILL_RUNS ||
            (to && strcmp(to, backfills[i].platform) != 0))
            continue;
        yq_backfill_explain(&backfills[i], text, sizeof text);
        printf("backfill of %s, %s to %s: %s\n", backfills[i].platform, backfills[i].from,
               backfills[i].to, text);
    }
    free(backfills);
}

static int list(struct yq_cli *cli, struct yq_home *home, const struct asked *asked)
{
    struct lanes lanes yq_cleanup(lanes_fini) = {0};
    struct yq_job_filter filter;
    struct yq_job *jobs = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    int status = read_filter(cli, asked, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_outbox_summary(home->house.catalog, false, &lanes.list, &lanes.count, &err) ||
        !yq_outbox_list(home->house.catalog, &filter, &jobs, &count, &err))
        return yq_cli_fail_err(&err);
    bool ok = print_jobs(cli, home, &lanes, jobs, count);
    free(jobs);
    if (!cli->json && !count)
        printf("nothing %s\n", filter.by_state || filter.destination ? "of that kind" : "waits");
    else if (!cli->json && filter.limit && count == filter.limit)
        printf("the first %zu; --limit 0 shows all\n", count);
    if (!cli->json)
        tell_backfills(home, asked->to);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

static struct yq_json *outcomes_json(const struct yq_item_end *outcomes, size_t count)
{
    struct yq_json *array = yq_json_array();
    for (size_t i = 0; i < count; i++) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "SOPInstanceUID", outcomes[i].instance);
        yq_json_text(object, "state", outcomes[i].refused ? "refused" : "dropped");
        yq_json_text(object, "reason", outcomes[i].reason);
        yq_json_add(array, NULL, object);
    }
    return array;
}

static void print_line(const char *head, int64_t ms)
{
    char text[32];
    yq_clock_text(text, sizeof text, ms);
    printf("%-10s %.10s %.8s UTC\n", head, text, text + 11);
}

static void print_job(struct yq_home *home, const struct yq_job *job, const char *why,
                      const struct yq_item_end *outcomes, size_t count)
{
    static const char *const things[] = {
        [YQ_JOB_FORWARD] = "instances", [YQ_JOB_PULL] = "studies", [YQ_JOB_REPORT] = "messages"};
    bool report = job->kind == YQ_JOB_REPORT;
    char subject[DELIVERED_SUBJECT_SIZE] = "";
    if (report)
        delivered_subject(home, job, subject);
    printf("%-10s %" PRId64 "\n%-10s %s\n%-10s %s\n", "id", job->id, "state",
           yq_job_state_name(job->state), job->kind == YQ_JOB_PULL ? "from" : "to",
           job->destination);
    if (!report)
        printf("%-10s %s\n", "rule", job->rule);
    printf("%-10s %s\n%-10s %s\n",
           !report                                ? "study"
           : strncmp(job->study, "exam:", 5) == 0 ? "exam"
                                                  : "report",
           report ? subject : job->study, "priority",
           yq_priority_name((enum yq_priority)job->priority));
    printf("%-10s %" PRIu64 " to send, %" PRIu64 " sent, %" PRIu64 " refused, %" PRIu64
           " dropped\n",
           things[job->kind], job->pending, job->sent, job->refused, job->dropped);
    printf("%-10s %u\n", "tries", job->tries);
    print_line("queued", job->queued_ms);
    print_line("changed", job->changed_ms);
    printf("%-10s %s\n", "why", why);
    for (size_t i = 0; i < count; i++)
        printf("%-10s %s: %s\n", outcomes[i].refused ? "refused" : "dropped", outcomes[i].instance,
               outcomes[i].reason);
}

static int show(struct yq_cli *cli, struct yq_home *home, const struct asked *asked)
{
    struct lanes lanes yq_cleanup(lanes_fini) = {0};
    struct yq_job_filter filter = {.id = asked->id};
    struct yq_job *jobs = NULL;
    struct yq_item_end *outcomes = NULL;
    struct yq_err err = {0};
    size_t count = 0, outcome_count = 0;
    char why[512];
    struct yq_catalog *catalog = home->house.catalog;
    if (!yq_outbox_summary(catalog, false, &lanes.list, &lanes.count, &err) ||
        !yq_outbox_list(catalog, &filter, &jobs, &count, &err) ||
        !yq_outbox_refusals(catalog, asked->id, SHOWN_MOST, &outcomes, &outcome_count, &err)) {
        free(jobs);
        return yq_cli_fail_err(&err);
    }
    int status = YQ_EXIT_FINE;
    if (!count) {
        status = yq_cli_fail("there is no entry %" PRId64 " in the queue", asked->id);
    } else {
        const struct yq_conf *conf = yq_conf_hold(home->house.conf);
        yq_deliver_explain(conf, jobs, lane_of(&lanes, jobs), yq_now_ms(), why, sizeof why);
        yq_conf_release(home->house.conf, conf);
        if (cli->json) {
            struct yq_json *object = job_json(home, jobs, why);
            if (jobs->kind == YQ_JOB_REPORT)
                yq_json_add(object, "messages", delivered_pieces_json(home, jobs));
            else
                yq_json_add(object, "instances", outcomes_json(outcomes, outcome_count));
            status = yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
        } else {
            print_job(home, jobs, why, outcomes, outcome_count);
            if (jobs->kind == YQ_JOB_REPORT)
                delivered_pieces_print(home, jobs);
        }
    }
    free(outcomes);
    free(jobs);
    return status;
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    enum yq_turn turn;
    const char *done;
    bool all;
} verbs[] = {
    {"retry", YQ_TURN_RETRY, "to be tried again at once", true},
    {"hold", YQ_TURN_HOLD, "held", false},
    {"release", YQ_TURN_RELEASE, "released", false},
    {"drop", YQ_TURN_DROP, "dropped", false},
};

static void tell_trail(struct yq_home *home, const struct asked *asked, const struct verb *verb,
                       uint64_t count)
{
    char text[128];
    snprintf(text, sizeof text, "queue: %" PRIu64 " %s (entry %" PRId64 ", destination %s)", count,
             verb->done, asked->id, asked->to ? asked->to : "any");
    yq_audit_administered(home->house.audit, text, NULL);
}

static int turn(struct yq_cli *cli, struct yq_home *home, const struct asked *asked,
                const struct verb *verb)
{
    struct yq_err err = {0};
    uint64_t count = 0;
    if (!yq_outbox_turn(home->house.catalog, verb->turn, asked->id, asked->to,
                        yq_cli_value(cli, "reason"), &count, &err))
        return yq_cli_fail_err(&err);
    tell_trail(home, asked, verb, count);
    if (!count && asked->id)
        return yq_cli_fail("entry %" PRId64 " is not there, or not in a state for it: yingqiao "
                           "queue show %" PRId64,
                           asked->id, asked->id);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "count", (double)count);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    bool lane = !asked->id && (verb->turn == YQ_TURN_HOLD || verb->turn == YQ_TURN_RELEASE);
    if (lane)
        printf("%s is %s\n", asked->to, verb->done);
    else
        printf("%" PRIu64 " %s\n", count, verb->done);
    return YQ_EXIT_FINE;
}

/* An ID, --to or --all, as the verb takes them. Returns an exit status. */
static int read_asked(struct yq_cli *cli, const char *what, const struct verb *verb,
                      struct asked *asked)
{
    const char *reason = yq_cli_value(cli, "reason");
    bool all = yq_cli_flag(cli, "all"), listing = strcmp(what, "list") == 0;
    asked->to = yq_cli_value(cli, "to");
    if (asked->to && !yq_aet_valid(asked->to))
        return yq_cli_usage(cli, "--to wants an AE title, or the name of a platform");
    if (cli->arg_count > (listing ? 1 : 2))
        return yq_cli_usage(cli, "queue %s takes no %s", what, cli->args[listing ? 1 : 2]);
    if (listing)
        return YQ_EXIT_FINE;
    if (cli->arg_count == 2) {
        char *end;
        errno = 0;
        asked->id = strtoll(cli->args[1], &end, 10);
        if (errno || *end || asked->id <= 0)
            return yq_cli_usage(cli, "%.40s is no ID: yingqiao queue list shows them",
                                cli->args[1]);
    }
    if (!verb)
        return asked->id && !asked->to && !all ? YQ_EXIT_FINE
                                               : yq_cli_usage(cli, "queue show wants an ID");
    int given = (asked->id != 0) + (asked->to != NULL) + all;
    if (given != 1 || (all && !verb->all))
        return yq_cli_usage(cli, "queue %s wants an ID or --to AET%s", what,
                            verb->all ? " or --all" : "");
    if (verb->turn == YQ_TURN_DROP && (!reason || !*reason))
        return yq_cli_usage(cli, "queue drop wants --reason TEXT: it is kept, so that others know "
                                 "why something was not sent");
    if (reason && strlen(reason) >= YQ_JOB_REASON_SIZE)
        return yq_cli_usage(cli, "--reason takes at most %d bytes", YQ_JOB_REASON_SIZE - 1);
    return YQ_EXIT_FINE;
}

int yq_run_queue(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct asked asked = {0};
    const char *what = cli->arg_count ? cli->args[0] : "list";
    const struct verb *verb = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, what) == 0)
            verb = &verbs[i];
    bool listing = strcmp(what, "list") == 0;
    if (!verb && !listing && strcmp(what, "show") != 0)
        return yq_cli_usage(cli, "queue wants one of list, show, retry, hold, release, drop");
    int status = read_asked(cli, what, verb, &asked);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    status = listing ? list(cli, &home, &asked)
             : verb  ? turn(cli, &home, &asked, verb)
                     : show(cli, &home, &asked);
    yq_home_close(&home);
    return status;
}
