/* report_kept.c: the last calls to a platform as they are kept for people: without the personal
 * values of the records that were sent, whoever repeats them. */
#include "report_masked.h"
#include "report_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/registry.h"

enum { REQUEST_MOST = 16384, ANSWER_MOST = 4096 };

/* At most so many bytes, no character cut in two. */
static size_t cut(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void take_out_reports(const struct carrying *carrying, struct yq_buf *text)
{
    for (size_t i = 0; i < carrying->scope.report_count; i++) {
        struct yq_record *report = NULL;
        struct yq_ledger_entry entry = {0};
        struct yq_err ignored = {0};
        if (!carrying->scope.reports[i].gone &&
            yq_record_out(carrying->errand->courier->house, YQ_KIND_REPORT,
                          carrying->scope.reports[i].id, 0, &report, &entry, &ignored) &&
            report)
            report_take_out(text, report);
        yq_record_out_fini(report, &entry);
    }
}

void report_mask(const struct carrying *carrying, const char *text, size_t most, struct yq_buf *out)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    report_plain(text, cut(text, strlen(text), 4 * most), &plain);
    for (size_t i = 0; i < carrying->company.count; i++)
        report_take_out(&plain, carrying->company.records[i]);
    take_out_reports(carrying, &plain);
    yq_buf_put(out, yq_buf_text(&plain), cut(yq_buf_text(&plain), plain.length, most));
    if (plain.length > most)
        yq_buf_puts(out, "...");
}

/* ---- calls ---- */

/* As it is to lie in the catalog; nothing without memory or keys. */
static void shut(struct yq_house *house, const char *platform, const char *text, size_t length,
                 struct yq_buf *out)
{
    struct yq_err err = {0};
    char context[YQ_AET_SIZE + 8];
    snprintf(context, sizeof context, "call:%s", platform);
    if (!yq_personal_shut(house, context, text, length, out, &err))
        yq_log_err(YQ_LOG_WARN, "call-not-kept", &err, "to=\"%s\"", platform);
}

static char *kept_text(const struct carrying *carrying, const char *text, size_t most)
{
    struct yq_buf masked yq_cleanup(yq_buf_fini) = {0}, kept yq_cleanup(yq_buf_fini) = {0};
    report_mask(carrying, text ? text : "", most, &masked);
    shut(carrying->errand->courier->house, carrying->errand->job.destination, yq_buf_text(&masked),
         masked.length, &kept);
    return kept.length ? strdup(yq_buf_text(&kept)) : NULL;
}

void report_shut_call(struct yq_house *house, const char *platform, const struct yq_kept_call *call,
                      struct yq_buf *request, struct yq_buf *answer)
{
    shut(house, platform, call->request, cut(call->request, strlen(call->request), REQUEST_MOST),
         request);
    shut(house, platform, call->answer, cut(call->answer, strlen(call->answer), ANSWER_MOST),
         answer);
}

void report_keep(void *context, const struct yq_kept_call *call)
{
    struct carrying *carrying = context;
    if (carrying->call_count == CALLS_MOST || !carrying->out.platform->keep_requests)
        return;
    struct yq_platform_call *kept = &carrying->calls[carrying->call_count++];
    *kept = (struct yq_platform_call){.at_ms = yq_now_ms() - (int64_t)(call->took_us / 1000),
                                      .exam = carrying->exam,
                                      .status = call->status,
                                      .took_us = call->took_us};
    (void)yq_copy(kept->platform, sizeof kept->platform, carrying->errand->job.destination);
    (void)yq_copy(kept->piece, sizeof kept->piece, call->piece ? call->piece : "");
    snprintf(kept->url, sizeof kept->url, "%.*s", (int)strcspn(call->url ? call->url : "", "?"),
             call->url ? call->url : "");
    kept->request = kept_text(carrying, call->request, REQUEST_MOST);
    kept->answer = kept_text(carrying, call->answer, ANSWER_MOST);
}

void report_forget_calls(struct carrying *carrying)
{
    for (size_t i = 0; i < carrying->call_count; i++) {
        free(carrying->calls[i].request);
        free(carrying->calls[i].answer);
    }
    carrying->call_count = 0;
}
