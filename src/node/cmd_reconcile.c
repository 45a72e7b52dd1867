/* cmd_reconcile.c: the days whose exams were compared with a platform, for people: a list, and one
 * day now. It calls the platform by itself; what is missing is sent by the running node. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/reconcile.h"

static void when(int64_t ms, char *text, size_t size)
{
    struct tm wall;
    time_t seconds = (time_t)(ms / 1000);
    if (!ms || !localtime_r(&seconds, &wall) || !strftime(text, size, "%Y-%m-%d %H:%M:%S", &wall))
        snprintf(text, size, "-");
}

static struct yq_json *day_json(const struct yq_reconciliation *day)
{
    char text[32];
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "platform", day->platform);
    yq_json_text(object, "date", day->date);
    yq_json_flag(object, "done", day->done_ms != 0);
    yq_json_number(object, "told", (double)day->told);
    yq_json_number(object, "missing", (double)day->missing);
    yq_json_number(object, "unknown", (double)day->unknown);
    yq_json_number(object, "tries", day->tries);
    yq_clock_text(text, sizeof text, day->tried_ms);
    yq_json_text(object, "tried", text);
    yq_json_text(object, "reason", day->reason);
    return object;
}

/* In words, with what to do. */
static void explain(const struct yq_reconciliation *day, char *text, size_t size)
{
    if (!day->done_ms)
        snprintf(text, size, "not yet: %s", day->reason);
    else if (*day->reason)
        snprintf(text, size, "done before; the last try: %s", day->reason);
    else if (!day->told)
        snprintf(text, size, "no exams that day");
    else if (day->unknown)
        snprintf(text, size, "%" PRIu64 " ids in the answer were not told: ask the platform",
                 day->unknown);
    else if (day->missing)
        snprintf(text, size, "what was missing is in the queue again");
    else
        snprintf(text, size, "the platform has all of them");
}

static int list(struct yq_cli *cli, struct yq_home *home, const char *platform)
{
    static const char *const heads[] = {"DATE",    "PLATFORM", "TOLD", "MISSING",
                                        "UNKNOWN", "WHEN",     "STATE"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 7, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    struct yq_reconciliation *days = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    if (!yq_reconciliations(home->house.catalog, &days, &count, &err)) {
        yq_json_free(array);
        return yq_cli_fail_err(&err);
    }
    for (size_t i = 0; i < count; i++) {
        char text[YQ_JOB_REASON_SIZE + 64], tried[32];
        if (strcmp(days[i].platform, platform) != 0)
            continue;
        if (cli->json) {
            yq_json_add(array, NULL, day_json(&days[i]));
            continue;
        }
        explain(&days[i], text, sizeof text);
        when(days[i].tried_ms, tried, sizeof tried);
        yq_table_add(&table, days[i].date);
        yq_table_add(&table, days[i].platform);
        yq_table_addf(&table, "%" PRIu64, days[i].told);
        yq_table_addf(&table, "%" PRIu64, days[i].missing);
        yq_table_addf(&table, "%" PRIu64, days[i].unknown);
        yq_table_add(&table, tried);
        yq_table_add(&table, text);
    }
    free(days);
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (table.count)
        yq_table_print(&table, stdout);
    else
        printf("no day was compared with %s yet\n", platform);
    return YQ_EXIT_FINE;
}

static int compare(struct yq_cli *cli, struct yq_home *home, const char *platform, const char *date)
{
    struct yq_reconciliation day;
    struct yq_err err = {0};
    char text[YQ_JOB_REASON_SIZE + 64];
    if (!yq_reconcile(&home->house, platform, date, NULL, &day, &err))
        return yq_cli_fail_err(&err);
    if (cli->json)
        return yq_print_json(day_json(&day)) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    explain(&day, text, sizeof text);
    printf("%s, %s: %" PRIu64 " exams told, %" PRIu64 " missing, %" PRIu64 " unknown: %s\n",
           day.platform, day.date, day.told, day.missing, day.unknown, text);
    return YQ_EXIT_FINE;
}

int yq_run_reconcile(struct yq_cli *cli)
{
    const char *date = yq_cli_value(cli, "date");
    char today[YQ_DAY_SIZE], day[YQ_DAY_SIZE];
    struct yq_home home;
    struct yq_err err = {0};
    if (cli->arg_count != 1)
        return yq_cli_usage(cli, "reconcile takes the name of a platform");
    yq_beijing_day(today, sizeof today, yq_now_ms());
    if (!yq_day_shift(date ? date : today, date ? 0 : -1, 0, day, sizeof day))
        return yq_cli_usage(cli, "--date takes a day such as 2026-03-01");
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = yq_cli_flag(cli, "list") ? list(cli, &home, cli->args[0])
                                          : compare(cli, &home, cli->args[0], day);
    yq_home_close(&home);
    return status;
}
