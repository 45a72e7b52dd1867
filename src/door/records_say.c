/* records_say.c: what clients are told of records: what was kept, what was found, what is wrong.
 * Errors are RFC 9457 problems with a list `errors`. Pure but for the reply. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "records.h"

/* ---- errors ---- */

/* Sentences about values, as the model and the reader of JSON have them, in Chinese. */
static const struct {
    const char *english, *chinese;
} words[] = {
    {"is not UTF-8", "不是 UTF-8 文本"},
    {"has a control character", "含有控制字符"},
    {"is not a number", "不是数字"},
    {"is not a whole number", "不是整数"},
    {"is not a date and time", "不是有效的日期时间，例如 2026-03-01 08:15:00"},
    {"is not a date", "不是有效的日期，例如 2026-03-01"},
    {"is neither 0 nor 1", "只能是 true 或 false（1 或 0）"},
    {"is not a UID", "不是有效的 UID：只含数字和点，最多 64 个字符"},
    {"is longer than", "过长"},
    {"is too long", "过长"},
    {"has more than", "条目过多"},
    {"more than", "条目过多"},
    {"is a list of records", "应为对象数组"},
    {"has to be an array of objects", "应为对象数组"},
    {"has to be true or false", "应为 true 或 false"},
    {"has to be a number", "应为数字"},
    {"has to be a string, or an array", "应为字符串或字符串数组"},
    {"has to be a string", "应为字符串"},
    {"comes twice", "重复出现"},
    {"differs from", "与网址中的标识不一致"},
    {"is the masked value", "是脱敏后的值，不能作为真实值写回"},
    {"is missing", "缺少该字段"},
    {"is empty", "为空"},
    {"the PDF", "不是完好的 PDF 文件"},
    {"no valid JSON", "不是有效的 JSON"},
    {"JSON is UTF-8", "JSON 必须是 UTF-8 编码"},
    {"a line is", "每行应为 {\"exam\": {...}} 形式"},
    {"the line is longer", "该行过长"},
};

static void put_chinese(struct yq_buf *out, const struct yq_member *member, const char *why)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    unsigned has = 0, most = 0;
    const char *said = NULL;
    if (member)
        yq_buf_putf(&text, "%s（%s）", member->chinese, member->name);
    if (strstr(why, "has no such member"))
        said = "没有该字段";
    for (size_t i = 0; i < sizeof words / sizeof *words && !said; i++)
        if (strncmp(why, words[i].english, strlen(words[i].english)) == 0)
            said = words[i].chinese;
    if (!said &&
        strncmp(why, "has ", 4) == 0) { /* "has 300 characters, and may have 255 at most" */
        char *end;
        has = (unsigned)strtoul(why + 4, &end, 10);
        const char *may = strstr(end, "may have ");
        most = may ? (unsigned)strtoul(may + strlen("may have "), NULL, 10) : 0;
    }
    if (said)
        yq_buf_puts(&text, said);
    else if (most)
        yq_buf_putf(&text, "有 %u 个字符，最多 %u 个", has, most);
    else
        yq_buf_puts(&text, member ? "无法接受该值" : "无法读取");
    yq_json_put_text(out, yq_buf_text(&text));
}

/* Takes the name at the start of a sentence, if a member of the kind has it: "results[3]: ..." */
static const struct yq_member *take_member(enum yq_kind kind, const char **text, char *place,
                                           size_t size)
{
    char name[64];
    size_t length = strcspn(*text, " :[."), whole = strcspn(*text, " :.");
    if (!length || length >= sizeof name)
        return NULL;
    memcpy(name, *text, length);
    name[length] = '\0';
    int found = kind < YQ_KIND_COUNT ? yq_member_find(kind, name) : -1;
    if (found < 0)
        return NULL;
    size_t used = strlen(place);
    snprintf(place + used, size - used, "%s%.*s", used ? "." : "", (int)whole, *text);
    *text += whole;
    *text += strspn(*text, ": .");
    return &yq_kinds[kind].members[found];
}

void records_put_errors(struct yq_buf *out, enum yq_kind kind, const struct yq_err *err)
{
    char place[128] = "";
    const char *why = err->text;
    const struct yq_member *member = take_member(kind, &why, place, sizeof place), *inner = NULL;
    if (member && member->type == YQ_VALUE_LIST)
        inner = take_member(member->of, &why, place, sizeof place);
    size_t named = member ? 0 : strcspn(why, " :"); /* a name that the model does not have */
    if (named && named < 64 && strncmp(why + named, ": ", 2) == 0) {
        snprintf(place, sizeof place, "%.*s", (int)named, why);
        why += named + 2;
    }
    if (member && strncmp(why, "value ", 6) == 0) { /* of several */
        size_t digits = strspn(why + 6, "0123456789");
        if (digits && strncmp(why + 6 + digits, ": ", 2) == 0)
            why += 6 + digits + 2;
        const struct yq_member *again = inner ? inner : member;
        size_t length = strlen(again->name);
        if (strncmp(why, again->name, length) == 0)
            why += length + strspn(why + length, ": ");
    }
    yq_buf_puts(out, "[{\"member\":");
    yq_json_put_text(out, place);
    yq_buf_puts(out, ",\"why\":");
    yq_json_put_text(out, why);
    yq_buf_puts(out, ",\"chinese\":");
    put_chinese(out, inner ? inner : member, why);
    yq_buf_puts(out, "}]");
}

void records_refuse(struct reply *reply, unsigned status, enum yq_kind kind,
                    const struct yq_err *err)
{
    if (err->code != YQ_BAD_INPUT && err->code != YQ_FULL) {
        yq_reply_error(reply, err);
        return;
    }
    yq_reply_problem(reply, status, "%s", err->text);
    struct yq_buf *body = &reply->body; /* "{...}": one more member */
    if (!body->length || body->failed)
        return;
    body->length--;
    yq_buf_puts(body, ",\"errors\":");
    records_put_errors(body, kind, err);
    yq_buf_puts(body, "}");
}

/* ---- what was kept ---- */

static const char *outcome_name(enum yq_ledger_outcome outcome)
{
    switch (outcome) {
    case YQ_LEDGER_NEW: return "new";
    case YQ_LEDGER_CHANGED: return "changed";
    case YQ_LEDGER_SAME: return "same";
    case YQ_LEDGER_REMOVED: return "removed";
    }
    return "";
}

void records_put_kept(struct yq_buf *out, const struct yq_submission *submission)
{
    const char *id = yq_record_id(submission->record);
    yq_buf_putf(out, "\"kind\":\"%s\",\"id\":", yq_kinds[submission->record->kind].name);
    yq_json_put_text(out, id ? id : "");
    yq_buf_putf(out, ",\"version\":%lld,\"outcome\":\"%s\"", (long long)submission->result.version,
                outcome_name(submission->result.outcome));
    if (submission->how == YQ_RECORD_REMOVE)
        return;
    yq_buf_puts(out, ",\"findings\":");
    yq_form_findings_write(&submission->findings, out);
}

unsigned records_status(const struct yq_submission *submission, bool conditional)
{
    switch (submission->result.err.code) {
    case YQ_OK: return submission->result.outcome == YQ_LEDGER_NEW ? 201 : 200;
    case YQ_BAD_INPUT:
    case YQ_FULL: return 400;
    case YQ_ABSENT: return 404;
    case YQ_CONFLICT: return conditional ? 412 : 409;
    case YQ_REFUSED: return 403;
    default: return 503;
    }
}

void records_put_time(struct yq_buf *out, int64_t ms)
{
    char text[40];
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &tm);
    if (length < 5)
        return;
    yq_buf_putf(out, "\"%.*s:%s\"", (int)length - 2, text, text + length - 2); /* +0800 -> +08:00 */
}

void records_put_entry(struct yq_buf *out, const struct yq_ledger_entry *entry,
                       const struct yq_record *record, bool personal)
{
    const struct yq_member *id = &yq_kinds[entry->kind].members[0];
    struct yq_buf shown yq_cleanup(yq_buf_fini) = {0};
    const char *value = record ? yq_record_id(record) : id->personal ? "" : entry->id;
    if (id->personal && !personal)
        yq_record_mask(id, value, &shown);
    else
        yq_buf_puts(&shown, value);
    if (shown.length) {
        yq_buf_puts(out, "\"id\":");
        yq_json_put_text(out, yq_buf_text(&shown));
        yq_buf_puts(out, ",");
    }
    yq_buf_putf(out, "\"version\":%lld,\"source\":", (long long)entry->version);
    yq_json_put_text(out, entry->source);
    if (*entry->person) {
        yq_buf_puts(out, ",\"person\":");
        yq_json_put_text(out, entry->person);
    }
    yq_buf_puts(out, ",\"received\":");
    records_put_time(out, entry->received_ms);
    yq_buf_puts(out, ",\"first\":");
    records_put_time(out, entry->first_ms);
    yq_buf_putf(out, ",\"removed\":%s,\"problems\":%u", entry->removed ? "true" : "false",
                entry->serious);
}

void records_answer(struct reply *reply, unsigned status)
{
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, status, "application/json");
}

/* ---- the audit trail ---- */

static void put_url(struct yq_buf *out, const struct request *request)
{
    yq_buf_puts(out, request->path);
    for (size_t i = 0; i < request->params.count; i++) {
        yq_buf_puts(out, i ? "&" : "?");
        yq_params_encode(out, request->params.list[i].name);
        yq_buf_puts(out, "=");
        yq_params_encode(out, request->params.list[i].value);
    }
}

void records_audit(struct yq_house *house, const struct request *request, const struct reply *reply)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (reply->status >= 400)
        yq_fail(&err, YQ_BAD_INPUT, "door", "answered with status %u", reply->status);
    put_url(&url, request);
    yq_audit_query_url(house->audit, &request->from, yq_buf_text(&url),
                       err.code != YQ_OK ? &err : NULL);
}
