/* cmd_backfill.c: spans of days whose exams go to a platform, for people: begin, list, stop. The
 * running node does the work. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/reconcile.h"

static struct yq_json *backfill_json(const struct yq_backfill *b)
{
    char text[32];
    struct yq_json *object = yq_json_object();
    yq_json_number(object, "id", (double)b->id);
    yq_json_text(object, "platform", b->platform);
    yq_json_text(object, "state", yq_backfill_state_name(b->state));
    yq_json_text(object, "from", b->from);
    yq_json_text(object, "to", b->to);
    yq_json_text(object, "day", b->day);
    yq_json_number(object, "queued", (double)b->queued);
    yq_json_number(object, "rate", b->rate);
    yq_json_flag(object, "automatic", b->automatic);
    yq_clock_text(text, sizeof text, b->made_ms);
    yq_json_text(object, "made", text);
    yq_clock_text(text, sizeof text, b->changed_ms);
    yq_json_text(object, "changed", text);
    return object;
}

static int list(struct yq_cli *cli, struct yq_home *home, const char *platform)
{
    static const char *const heads[] = {"ID", "PLATFORM", "STATE", "FROM", "TO", "PROGRESS"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 6, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    struct yq_backfill *backfills = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    if (!yq_backfills(home->house.catalog, &backfills, &count, &err)) {
        yq_json_free(array);
        return yq_cli_fail_err(&err);
    }
    for (size_t i = 0; i < count; i++) {
        const struct yq_backfill *b = &backfills[i];
        char text[160];
        if (strcmp(b->platform, platform) != 0)
            continue;
        if (cli->json) {
            yq_json_add(array, NULL, backfill_json(b));
            continue;
        }
        yq_backfill_explain(b, text, sizeof text);
        yq_table_addf(&table, "%" PRId64, b->id);
        yq_table_add(&table, b->platform);
        yq_table_add(&table, yq_backfill_state_name(b->state));
        yq_table_add(&table, b->from);
        yq_table_add(&table, b->to);
        yq_table_addf(&table, "%s%s", text, b->automatic ? "; at its first connection" : "");
    }
    free(backfills);
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (table.count)
        yq_table_print(&table, stdout);
    else
        printf("there was no backfill of %s yet\n", platform);
    return YQ_EXIT_FINE;
}

static int stop(struct yq_cli *cli, struct yq_home *home, const char *platform)
{
    struct yq_err err = {0};
    size_t stopped;
    if (!yq_backfill_stop(home->house.catalog, platform, &stopped, &err))
        return yq_cli_fail_err(&err);
    if (!cli->json)
        printf(stopped ? "stopped; what is in the queue already goes\n"
                       : "no backfill of this platform is under way\n");
    return YQ_EXIT_FINE;
}

static int begin(struct yq_cli *cli, struct yq_home *home, const struct yq_backfill *wanted)
{
    struct yq_err err = {0};
    int64_t id;
    char where[YQ_PATH_MOST + 16];
    const struct yq_conf *conf = yq_conf_hold(home->house.conf);
    const struct yq_platform *platform = yq_backfill_platform(&home->house, conf, wanted->platform);
    long long rate = !platform      ? 0
                     : wanted->rate ? wanted->rate
                                    : (long long)platform->backfill_rate;
    yq_conf_release(home->house.conf, conf);
    if (!platform)
        return yq_cli_fail("%s is no platform that exams go to: platforms.json lacks it, it is not "
                           "enabled, or \"upload\" is none",
                           wanted->platform);
    if (!yq_backfill_begin(home->house.catalog, wanted, &id, &err))
        return yq_cli_fail_err(&err);
    yq_cli_where(cli, where, sizeof where);
    if (!cli->json)
        printf("backfill %" PRId64 ": the exams of %s to %s, the oldest first, at most %lld a "
               "minute\nthe running node does it; yingqiao%s backfill %s --list tells how far it "
               "is\n",
               id, wanted->from, wanted->to, rate, where, wanted->platform);
    return YQ_EXIT_FINE;
}

int yq_run_backfill(struct yq_cli *cli)
{
    const char *from = yq_cli_value(cli, "from"), *to = yq_cli_value(cli, "to");
    struct yq_backfill wanted = {0};
    struct yq_home home;
    struct yq_err err = {0};
    long rate;
    int status;
    bool lists = yq_cli_flag(cli, "list"), stops = yq_cli_flag(cli, "stop");
    if (cli->arg_count != 1 || strlen(cli->args[0]) >= sizeof wanted.platform)
        return yq_cli_usage(cli, "backfill takes the name of a platform");
    if (!yq_cli_number(cli, "rate", 1, 100000, 0, &rate))
        return YQ_EXIT_USAGE;
    (void)yq_copy(wanted.platform, sizeof wanted.platform, cli->args[0]);
    wanted.rate = (unsigned)rate;
    if (!lists && !stops) {
        if (!from || !to || !yq_day_shift(from, 0, 0, wanted.from, sizeof wanted.from) ||
            !yq_day_shift(to, 0, 0, wanted.to, sizeof wanted.to) ||
            strcmp(wanted.from, wanted.to) > 0)
            return yq_cli_usage(cli, "--from and --to take days such as 2026-03-01, in this order");
    }
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    if (lists)
        status = list(cli, &home, wanted.platform);
    else if (stops)
        status = stop(cli, &home, wanted.platform);
    else
        status = begin(cli, &home, &wanted);
    yq_home_close(&home);
    return status;
}
