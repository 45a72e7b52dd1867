/* report_kept.c: the last calls to a platform as they are kept for people: without the personal
 * values of the records that were sent, whoever repeats them.
 *
 * A province masks the message it sends by its fields; what a platform says in its answer is free
 * text, and may cite the patient. So every personal value of the records at hand is taken out of
 * both, also where it is written with \u escapes, and dates also without their dashes. */
#include "report_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/registry.h"

enum { REQUEST_MOST = 16384, ANSWER_MOST = 4096, VALUE_LEAST = 4 };

/* ---- text ---- */

static void put_utf8(uint32_t code, struct yq_buf *out)
{
    char bytes[4];
    size_t length = 0;
    if (code < 0x800) {
        bytes[length++] = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        bytes[length++] = (char)(0xe0 | code >> 12);
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        bytes[length++] = (char)(0xf0 | code >> 18);
        bytes[length++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    bytes[length++] = (char)(0x80 | (code & 0x3f));
    yq_buf_put(out, bytes, length);
}

/* "\u5f20" at `text`: its number, or 0. */
static uint32_t escaped(const char *text)
{
    uint32_t code = 0;
    if (text[0] != '\\' || text[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        int c = (unsigned char)text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return 0;
        code = code << 4 | (uint32_t)digit;
    }
    return code;
}

/* How long the UTF-8 character at `text` is; 0: it is none. */
static size_t character(const unsigned char *text, size_t length)
{
    size_t wanted = *text < 0x80                    ? 1
                    : *text >= 0xc2 && *text < 0xe0 ? 2
                    : *text >= 0xe0 && *text < 0xf0 ? 3
                    : *text >= 0xf0 && *text < 0xf5 ? 4
                                                    : 0;
    if (wanted > length)
        return 0;
    for (size_t i = 1; i < wanted; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return wanted;
}

/* Control characters but line ends become blanks, for it is shown on terminals; what is no
 * character a question mark. */
static size_t put_character(const char *text, size_t length, struct yq_buf *out)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t bytes = character(c, length);
    bool control = (*c < 0x20 && *c != '\n') || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
    if (!bytes || control)
        yq_buf_puts(out, bytes ? " " : "?");
    else
        yq_buf_put(out, text, bytes);
    return bytes ? bytes : 1;
}

/* With characters beyond ASCII written out. */
static void put_plain(const char *text, size_t length, struct yq_buf *out)
{
    for (size_t i = 0; i < length && text[i];) {
        uint32_t code = length - i >= 6 ? escaped(text + i) : 0;
        uint32_t low =
            code >= 0xd800 && code < 0xdc00 && length - i >= 12 ? escaped(text + i + 6) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
            put_utf8(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
            i += 12;
        } else if (code >= 0xa0 && (code < 0xd800 || code > 0xdfff)) {
            put_utf8(code, out);
            i += 6;
        } else {
            i += put_character(text + i, length - i, out);
        }
    }
}

static void take_out(struct yq_buf *text, const char *value)
{
    struct yq_buf made yq_cleanup(yq_buf_fini) = {0};
    size_t length = strlen(value);
    const char *at = yq_buf_text(text), *found = length < VALUE_LEAST ? NULL : strstr(at, value);
    if (!found)
        return;
    for (; found; found = strstr(at, value)) {
        yq_buf_put(&made, at, (size_t)(found - at));
        yq_buf_puts(&made, "***");
        at = found + length;
    }
    yq_buf_puts(&made, at);
    struct yq_buf before = *text;
    *text = made;
    made = before;
}

static void take_out_member(struct yq_buf *text, const struct yq_member *member, const char *value)
{
    char bare[32];
    size_t length = 0;
    if (!member->personal)
        return;
    take_out(text, value);
    if (member->type != YQ_VALUE_DATE && member->type != YQ_VALUE_DATETIME)
        return;
    for (const char *c = value; *c && length + 1 < sizeof bare; c++)
        if (*c >= '0' && *c <= '9')
            bare[length++] = *c;
    bare[length] = '\0';
    take_out(text, bare);
    bare[length < 8 ? length : 8] = '\0'; /* the day */
    take_out(text, bare);
}

static void take_out_record(struct yq_buf *text, const struct yq_record *record)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        if (record->values[i])
            take_out_member(text, &kind->members[i], record->values[i]);
        for (size_t n = 0; n < record->lists[i].count; n++)
            take_out_record(text, record->lists[i].items[n]);
    }
}

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
            take_out_record(text, report);
        yq_record_out_fini(report, &entry);
    }
}

void report_mask(const struct carrying *carrying, const char *text, size_t most, struct yq_buf *out)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    put_plain(text, cut(text, strlen(text), 4 * most), &plain);
    for (size_t i = 0; i < carrying->company.count; i++)
        take_out_record(&plain, carrying->company.records[i]);
    take_out_reports(carrying, &plain);
    yq_buf_put(out, yq_buf_text(&plain), cut(yq_buf_text(&plain), plain.length, most));
    if (plain.length > most)
        yq_buf_puts(out, "...");
}

/* ---- calls ---- */

/* Masked, and as it is to lie in the catalog; NULL without memory or keys. */
static char *kept_text(const struct carrying *carrying, const char *text, size_t most)
{
    struct yq_buf masked yq_cleanup(yq_buf_fini) = {0}, shut yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    char context[YQ_AET_SIZE + 8];
    snprintf(context, sizeof context, "call:%s", carrying->errand->job.destination);
    report_mask(carrying, text ? text : "", most, &masked);
    if (!yq_personal_shut(carrying->errand->courier->house, context, yq_buf_text(&masked),
                          masked.length, &shut, &err)) {
        yq_log_err(YQ_LOG_WARN, "call-not-kept", &err, "to=\"%s\"",
                   carrying->errand->job.destination);
        return NULL;
    }
    return strdup(yq_buf_text(&shut));
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
