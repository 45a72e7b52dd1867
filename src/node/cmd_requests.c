/* cmd_requests.c: the last calls to a platform and what it answered, for who must find out why
 * something did not arrive. They were masked before they were kept. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/registry.h"

/* Kept texts opened, appended; what cannot be says so. */
static void open_text(struct yq_home *home, const struct yq_platform_call *call, const char *kept,
                      struct yq_buf *out)
{
    char context[YQ_AET_SIZE + 8];
    struct yq_err err = {0};
    snprintf(context, sizeof context, "call:%s", call->platform);
    if (!yq_personal_open(&home->house, context, kept, strlen(kept), out, &err))
        yq_buf_putf(out, "(%s)", err.text);
}

static void name_exam(struct yq_home *home, int64_t row, char id[YQ_RECORD_ID_MOST + 1])
{
    struct yq_ledger_entry entry;
    struct yq_err ignored = {0};
    id[0] = '\0';
    if (!row || !yq_ledger_get_row(home->house.catalog, row, &entry, &ignored))
        return;
    (void)yq_copy(id, YQ_RECORD_ID_MOST + 1, entry.id);
    yq_ledger_entry_fini(&entry);
}

static struct yq_json *call_json(struct yq_home *home, const struct yq_platform_call *call,
                                 bool texts)
{
    char text[32], exam[YQ_RECORD_ID_MOST + 1];
    struct yq_json *object = yq_json_object();
    yq_clock_text(text, sizeof text, call->at_ms);
    name_exam(home, call->exam, exam);
    yq_json_number(object, "id", (double)call->id);
    yq_json_text(object, "at", text);
    yq_json_text(object, "exam", exam);
    yq_json_text(object, "message", call->piece);
    yq_json_text(object, "url", call->url);
    yq_json_number(object, "status", call->status);
    yq_json_number(object, "ms", (double)call->took_us / 1000);
    yq_json_flag(object, "failed", call->failed);
    if (texts) {
        struct yq_buf request yq_cleanup(yq_buf_fini) = {0}, answer yq_cleanup(yq_buf_fini) = {0};
        open_text(home, call, call->request, &request);
        open_text(home, call, call->answer, &answer);
        yq_json_text(object, "request", yq_buf_text(&request));
        yq_json_text(object, "answer", yq_buf_text(&answer));
    }
    return object;
}

static void show(struct yq_home *home, const struct yq_platform_call *call)
{
    struct yq_buf request yq_cleanup(yq_buf_fini) = {0}, answer yq_cleanup(yq_buf_fini) = {0};
    char text[32], exam[YQ_RECORD_ID_MOST + 1];
    yq_clock_text(text, sizeof text, call->at_ms);
    name_exam(home, call->exam, exam);
    open_text(home, call, call->request, &request);
    open_text(home, call, call->answer, &answer);
    printf("%-8s %" PRId64 "\n%-8s %.10s %.12s UTC\n%-8s %s\n%-8s %s\n%-8s %s\n", "id", call->id,
           "at", text, text + 11, "exam", exam, "message", call->piece, "url", call->url);
    printf("%-8s %u%s\n%-8s %.1f\n", "status", call->status, call->status ? "" : " (no answer)",
           "ms", (double)call->took_us / 1000);
    printf("request (masked):\n%s\nanswer:\n%s\n", yq_buf_text(&request), yq_buf_text(&answer));
}

static void list(struct yq_home *home, const struct yq_platform_call *calls, size_t count)
{
    static const char *const heads[] = {"ID", "AT (UTC)", "MESSAGE", "STATUS", "MS", "END", "EXAM"};
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 7};
    for (size_t i = count; i-- > 0;) { /* oldest first, as the audit */
        char text[32], exam[YQ_RECORD_ID_MOST + 1];
        yq_clock_text(text, sizeof text, calls[i].at_ms);
        text[10] = ' ';
        text[23] = '\0';
        name_exam(home, calls[i].exam, exam);
        yq_table_addf(&table, "%" PRId64, calls[i].id);
        yq_table_add(&table, text);
        yq_table_add(&table, calls[i].piece);
        if (calls[i].status)
            yq_table_addf(&table, "%u", calls[i].status);
        else
            yq_table_add(&table, "-");
        yq_table_addf(&table, "%.0f", (double)calls[i].took_us / 1000);
        yq_table_add(&table, calls[i].failed ? "failed" : "ok");
        yq_table_add(&table, exam);
    }
    if (count)
        yq_table_print(&table, stdout);
    else
        puts("no calls of that kind are kept");
}

/* Returns an exit status. */
static int read_query(struct yq_cli *cli, struct yq_home *home, struct yq_call_query *query)
{
    struct yq_err err = {0};
    const char *exam = yq_cli_value(cli, "exam");
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    long limit, id;
    if (!yq_cli_number(cli, "limit", 1, 100000, 50, &limit) ||
        !yq_cli_number(cli, "show", 1, 2000000000, 0, &id))
        return YQ_EXIT_USAGE;
    *query = (struct yq_call_query){.platform = cli->args[0],
                                    .id = id,
                                    .failed_only = yq_cli_flag(cli, "failed"),
                                    .limit = (size_t)limit};
    if (!exam)
        return YQ_EXIT_FINE;
    if (!yq_record_out(&home->house, YQ_KIND_EXAM, exam, 0, &record, &entry, &err))
        return yq_cli_fail_err(&err);
    query->exam = entry.row;
    yq_record_out_fini(record, &entry);
    return YQ_EXIT_FINE;
}

static int run(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_call_query query;
    struct yq_platform_call *calls;
    struct yq_err err = {0};
    size_t count;
    int status = read_query(cli, home, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    bool texts = query.id || cli->json;
    if (!yq_platform_calls(home->house.catalog, &query, texts, &calls, &count, &err))
        return yq_cli_fail_err(&err);
    if (query.id && !count) {
        status = yq_cli_fail("call %" PRId64 " is not kept (any more)", query.id);
    } else if (cli->json) {
        struct yq_json *array = yq_json_array();
        for (size_t i = count; i-- > 0;)
            yq_json_add(array, NULL, call_json(home, &calls[i], texts));
        status = yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    } else if (query.id) {
        show(home, calls);
    } else {
        list(home, calls, count);
    }
    yq_platform_calls_free(calls, count);
    return status;
}

int yq_run_requests(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    if (cli->arg_count != 1)
        return yq_cli_usage(cli, "requests wants the name of a platform (platforms.json)");
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = run(cli, &home);
    yq_home_close(&home);
    return status;
}
