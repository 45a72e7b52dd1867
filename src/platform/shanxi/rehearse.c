/* rehearse.c: the stand-in of Shanxi's platform: which call goes to whom, what is said of it, what
 * is remembered. Never logs what a message holds: a complaint names fields and identifiers. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/form.h"

static const char *const busy = "系统繁忙，请稍后再试";

static const struct {
    const char *path, *chinese;
    rehearse_function *function;
    const char *no; /* how it says no */
} paths[] = {
    {"/exam-sync", "检查", rehearse_exam, "\"code\":0"},
    {"/report/sync", "报告", rehearse_report, "\"code\":0"},
    {"/examMergeReport-sync", "检查报告", rehearse_merged, "\"code\":0"},
    {"/images/list", "影像序列", rehearse_series, "\"code\":0"},
    {"/statisticalData/upload", "对账", rehearse_statistics, "\"status\":\"-1\""},
    {"/coss/service/v1/addSignJob", "签名任务", rehearse_add_job, "\"status\":500"},
    {"/coss/service/v1/getAuthSignResult", "签名结果", rehearse_job_result, "\"status\":500"},
    {"/coss/service/v1/createAndGetTssInfo", "时间戳", rehearse_stamp, "\"status\":500"},
    {"/coss/service/v1/verifyTS", "验时间戳", rehearse_verify_stamp, "\"status\":500"},
    {"/dsvs/v1/pkcs1/verifyDataSign", "验签", rehearse_verify_1, "\"status\":500"},
    {"/dsvs/v1/pkcs7/verifyDataSign", "验签", rehearse_verify_7, "\"status\":500"},
    {"/sef/v1/SEF_VerifySeal", "验签章", rehearse_seals, "\"resultCode\":1"},
};
enum { PATHS = sizeof paths / sizeof *paths };
_Static_assert((int)PATHS <= (int)REHEARSE_PATHS, "counts");

/* ---- opening ---- */

bool yq_rehearse_open(const struct yq_rehearse_how *how, struct yq_rehearse **out,
                      struct yq_err *err)
{
    static const char *const version[] = {"version", NULL};
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    struct yq_rehearse *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return yq_fail(err, YQ_FULL, "rehearse", "no memory for the rehearsal");
    r->how = *how;
    r->how.window = how->window ? how->window : 300;
    r->rules.chance = how->seed ? how->seed * 0x9e3779b97f4a7c15u : 1;
    yq_hex(r->hex_key, how->key, sizeof how->key);
    yq_copy(r->hospital, sizeof r->hospital, how->hospital ? how->hospital : "");
    yq_copy(r->sign_key, sizeof r->sign_key, how->sign_key ? how->sign_key : "");
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->signing, NULL);
    pthread_mutex_init(&r->saying, NULL);
    bool fine = rehearse_rules_parse(how->fail ? how->fail : "", &r->rules, err);
    if (fine && !rehearse_openssl(version, NULL, 0, &said))
        fine = yq_fail(err, YQ_ABSENT, "rehearse",
                       "there is no program \"openssl\", with which messages are opened: install "
                       "it (Debian: openssl)");
    fine = fine && rehearse_folder_open(r, err) && (!how->quick || rehearse_quick_open(r, err));
    if (!fine) {
        yq_rehearse_close(r);
        return false;
    }
    *out = r;
    return true;
}

void yq_rehearse_close(struct yq_rehearse *r)
{
    if (!r)
        return;
    rehearse_shelf_fini(&r->exams);
    rehearse_shelf_fini(&r->reports);
    rehearse_shelf_fini(&r->series);
    rehearse_shelf_fini(&r->studies);
    for (size_t i = 0; i < r->job_count; i++)
        yq_buf_fini(&r->jobs[i].data);
    free(r->jobs);
    free(r->told);
    rehearse_quick_close(r);
    rehearse_folder_close(r);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->signing);
    pthread_mutex_destroy(&r->saying);
    free(r);
}

bool yq_rehearse_fail(struct yq_rehearse *r, const char *rules, struct yq_err *err)
{
    pthread_mutex_lock(&r->lock);
    bool fine = rehearse_rules_parse(rules, &r->rules, err);
    pthread_mutex_unlock(&r->lock);
    return fine;
}

/* ---- what is said ---- */

/* What came from outside does nothing to a terminal. */
static void make_harmless(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == 127 || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            *p = '?';
}

static void say_line(struct yq_rehearse *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say_line(struct yq_rehearse *r, const char *format, ...)
{
    char line[640];
    va_list args;
    if (!r->how.say)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_harmless(line);
    r->how.say(r->how.context, line);
}

static void say_visit(struct rehearse_visit *v)
{
    bool refused = rehearse_is_refused(&v->findings);
    const char *fault = v->fault ? rehearse_fault_name(v->fault) : NULL;
    pthread_mutex_lock(&v->r->saying);
    if (fault && !rehearse_fault_takes(v->fault))
        say_line(v->r, "#%u %s: 按演练要求失败 told to fail: %s", v->number, v->call->path, fault);
    else
        say_line(v->r, "#%u %s %s %s: %s%s%s%s", v->number, v->call->path, paths[v->path].chinese,
                 v->id, refused ? "拒收 refused" : "收下 taken",
                 fault ? "，但按演练要求 but told to: " : "", fault ? fault : "",
                 v->findings.count && !refused ? "，有提示 with remarks" : "");
    for (size_t i = 0; i < v->findings.count; i++) {
        const struct yq_finding *f = &v->findings.list[i];
        say_line(v->r, "    %s%s [%s] %s / %s", f->serious ? "" : "(提示 remark) ",
                 *f->member ? f->member : "-", f->what, f->chinese, f->english);
    }
    pthread_mutex_unlock(&v->r->saying);
}

/* The lock is held. */
static void remember(struct rehearse_visit *v)
{
    struct yq_rehearse *r = v->r;
    for (size_t i = 0; i < v->findings.count; i++) {
        r->told_all++;
        if (r->told_count == r->told_room) {
            size_t room = r->told_room ? r->told_room * 2 : 32;
            struct rehearse_told *told =
                room <= REHEARSE_TOLD_MOST ? realloc(r->told, room * sizeof *told) : NULL;
            if (!told)
                continue;
            r->told = told;
            r->told_room = room;
        }
        struct rehearse_told *told = &r->told[r->told_count++];
        *told = (struct rehearse_told){.call = v->number, .finding = v->findings.list[i]};
        yq_copy(told->path, sizeof told->path, v->call->path);
        yq_copy(told->id, sizeof told->id, v->id);
    }
}

/* ---- answers ---- */

void rehearse_answer_code(struct rehearse_visit *v)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    bool refused = rehearse_is_refused(&v->findings);
    for (size_t i = 0; refused && i < v->findings.count && text.length < 300; i++) {
        const struct yq_finding *f = &v->findings.list[i];
        if (f->serious)
            yq_buf_putf(&text, "%s%s %s", text.length ? "；" : "", f->member, f->chinese);
    }
    yq_buf_putf(&v->call->answer, "{\"code\":%d,\"message\":", refused ? 0 : 1);
    yq_json_put_text(&v->call->answer, refused ? yq_buf_text(&text) : "成功");
    yq_buf_puts(&v->call->answer, ",\"content\":\"\"}");
}

static void spoil(struct rehearse_visit *v, unsigned seconds)
{
    struct yq_rehearse_call *call = v->call;
    switch (v->fault) {
    case REHEARSE_500:
    case REHEARSE_500_AFTER:
    case REHEARSE_503:
        call->status = v->fault == REHEARSE_503 ? 503 : 500;
        yq_buf_clear(&call->answer);
        yq_buf_puts(&call->answer, "<html>Internal Server Error</html>");
        break;
    case REHEARSE_CODE_0:
        yq_buf_putf(&call->answer, "{%s,\"message\":\"%s\"}", paths[v->path].no, busy);
        break;
    case REHEARSE_HANG_UP: call->act = YQ_REHEARSE_HANG_UP; break;
    case REHEARSE_CUT_HEADER: call->act = YQ_REHEARSE_CUT_HEADER; break;
    case REHEARSE_CUT_BODY: call->act = YQ_REHEARSE_CUT_BODY; break;
    case REHEARSE_TIMEOUT:
        call->act = YQ_REHEARSE_SILENT;
        call->wait_ms = seconds * 1000;
        break;
    case REHEARSE_SLOW: call->wait_ms = seconds * 1000; break;
    case REHEARSE_FINE:
    case REHEARSE_MIXED: break;
    }
}

static void visit_path(struct yq_rehearse *r, struct yq_rehearse_call *call, size_t path)
{
    struct rehearse_visit v = {.r = r, .call = call, .path = path};
    unsigned seconds = 0;
    pthread_mutex_lock(&r->lock);
    v.number = ++r->calls;
    v.fault = rehearse_rules_ask(&r->rules, call->path, &seconds);
    r->counts[path].calls++;
    r->faults[v.fault]++;
    pthread_mutex_unlock(&r->lock);
    bool takes = rehearse_fault_takes(v.fault);
    if (takes)
        paths[path].function(&v);
    bool refused = rehearse_is_refused(&v.findings);
    pthread_mutex_lock(&r->lock);
    r->counts[path].failed += v.fault != REHEARSE_FINE && v.fault != REHEARSE_SLOW;
    r->counts[path].taken += takes && !refused;
    r->counts[path].refused += refused;
    remember(&v);
    pthread_mutex_unlock(&r->lock);
    spoil(&v, seconds);
    say_visit(&v);
    yq_findings_fini(&v.findings);
}

/* ---- what those ask who watch ---- */

static void answer_plainly(struct yq_rehearse_call *call, unsigned status, const char *text)
{
    call->status = status;
    yq_buf_puts(&call->answer, "{\"message\":");
    yq_json_put_text(&call->answer, text);
    yq_buf_puts(&call->answer, "}");
}

static char *body_text(const struct yq_rehearse_call *call)
{
    size_t length = call->length < 4096 ? call->length : 4096;
    char *text = strndup(call->length ? call->body : "", length);
    size_t end = text ? strlen(text) : 0;
    while (end && strchr(" \r\n", text[end - 1]))
        text[--end] = '\0';
    return text;
}

struct rehearse_thing *rehearse_exam_of(const struct yq_rehearse *r, const char *id)
{
    const struct rehearse_thing *study = rehearse_shelf_find(&r->studies, id);
    struct rehearse_thing *exam =
        rehearse_shelf_find(&r->exams, study && study->belongs ? study->belongs : id);
    return exam && !exam->forgotten ? exam : NULL;
}

static bool is_other(void *context, const char *word) { return strcmp(word, context) != 0; }

static void forget_those(struct rehearse_shelf *shelf, char *of)
{
    for (size_t i = 0; i < shelf->slot_count; i++)
        for (struct rehearse_thing *thing = shelf->slots[i]; thing; thing = thing->next)
            if (thing->belongs && !rehearse_each(thing->belongs, is_other, of))
                thing->forgotten = true;
}

struct forgetting {
    struct rehearse_shelf *series;
};

static bool forget_study(void *context, const char *word)
{
    struct forgetting *f = context;
    char *copy = strdup(word);
    if (copy)
        forget_those(f->series, copy);
    free(copy);
    return true;
}

/* The platform has lost this exam, with its reports and images. */
static bool forget(struct yq_rehearse *r, const char *id)
{
    struct forgetting forgetting = {&r->series};
    pthread_mutex_lock(&r->lock);
    struct rehearse_thing *exam = rehearse_exam_of(r, id);
    if (exam) {
        exam->forgotten = true;
        forget_those(&r->reports, exam->key);
        rehearse_each(exam->belongs ? exam->belongs : "", forget_study, &forgetting);
    }
    pthread_mutex_unlock(&r->lock);
    return exam;
}

static void reset(struct yq_rehearse *r)
{
    pthread_mutex_lock(&r->lock);
    rehearse_shelf_fini(&r->exams);
    rehearse_shelf_fini(&r->reports);
    rehearse_shelf_fini(&r->series);
    rehearse_shelf_fini(&r->studies);
    memset(r->counts, 0, sizeof r->counts);
    memset(r->faults, 0, sizeof r->faults);
    r->told_count = r->told_all = 0;
    r->calls = 0;
    pthread_mutex_unlock(&r->lock);
}

static bool watch(struct yq_rehearse *r, struct yq_rehearse_call *call)
{
    bool posted = strcmp(call->method, "POST") == 0;
    char *text = posted ? body_text(call) : NULL;
    struct yq_err err;
    bool known = true;
    if (!posted && strcmp(call->path, "/summary") == 0)
        yq_rehearse_summary(r, !strstr(call->query, "contents=no"), &call->answer);
    else if (text && strcmp(call->path, "/fail") == 0) {
        bool fine = yq_rehearse_fail(r, text, &err);
        answer_plainly(call, fine ? 200 : 400, fine ? "ok" : err.text);
    } else if (text && strcmp(call->path, "/forget") == 0) {
        bool fine = forget(r, text);
        answer_plainly(call, fine ? 200 : 404, fine ? "ok" : "no such exam");
    } else if (posted && strcmp(call->path, "/reset") == 0) {
        reset(r);
        answer_plainly(call, 200, "ok");
    } else {
        known = false;
    }
    free(text);
    return known;
}

void yq_rehearse_answer(struct yq_rehearse *r, struct yq_rehearse_call *call)
{
    for (size_t i = 0; i < PATHS; i++)
        if (strcmp(call->path, paths[i].path) == 0) {
            visit_path(r, call, i);
            return;
        }
    if (watch(r, call))
        return;
    pthread_mutex_lock(&r->saying);
    say_line(r, "%s %s: 平台没有此地址 no such address", call->method, call->path);
    pthread_mutex_unlock(&r->saying);
    answer_plainly(call, 404, "no such address");
}

/* ---- the summary ---- */

static void put_things(struct yq_buf *out, const char *name, const struct rehearse_shelf *shelf,
                       bool contents)
{
    struct rehearse_thing **list = rehearse_shelf_list(shelf);
    yq_buf_putf(out, ",\"%s\":{", name);
    for (size_t i = 0; list && i < shelf->count; i++) {
        const struct rehearse_thing *t = list[i];
        yq_buf_puts(out, i ? "," : "");
        yq_json_put_text(out, t->key);
        yq_buf_putf(out, ":{\"times\":%u,\"same\":%u,\"acknowledged\":%s,\"length\":%zu", t->times,
                    t->same, t->acknowledged ? "true" : "false", t->length);
        yq_buf_puts(out, ",\"belongs\":");
        yq_json_put_text(out, t->belongs ? t->belongs : "");
        yq_buf_putf(out, ",\"content\":%s}", contents && t->content ? t->content : "null");
    }
    yq_buf_puts(out, "}");
    free(list);
}

static void put_complaints(const struct yq_rehearse *r, struct yq_buf *out)
{
    size_t refusals = 0;
    yq_buf_puts(out, ",\"complaints\":[");
    for (size_t i = 0; i < r->told_count; i++) {
        const struct rehearse_told *t = &r->told[i];
        refusals += t->finding.serious;
        yq_buf_putf(out, "%s{\"call\":%u,\"path\":\"%s\",\"serious\":%s,\"id\":", i ? "," : "",
                    t->call, t->path, t->finding.serious ? "true" : "false");
        yq_json_put_text(out, t->id);
        yq_buf_puts(out, ",\"member\":");
        yq_json_put_text(out, t->finding.member);
        yq_buf_putf(out, ",\"what\":\"%s\",\"chinese\":", t->finding.what);
        yq_json_put_text(out, t->finding.chinese);
        yq_buf_puts(out, ",\"english\":");
        yq_json_put_text(out, t->finding.english);
        yq_buf_puts(out, "}");
    }
    yq_buf_putf(out, "],\"complaint_count\":%zu,\"serious_count\":%zu", r->told_all, refusals);
}

void yq_rehearse_summary(struct yq_rehearse *r, bool contents, struct yq_buf *out)
{
    pthread_mutex_lock(&r->lock);
    yq_buf_putf(out, "{\"calls\":%u,\"paths\":{", r->calls);
    for (size_t i = 0; i < PATHS; i++)
        yq_buf_putf(out, "%s\"%s\":{\"calls\":%u,\"taken\":%u,\"refused\":%u,\"failed\":%u}",
                    i ? "," : "", paths[i].path, r->counts[i].calls, r->counts[i].taken,
                    r->counts[i].refused, r->counts[i].failed);
    yq_buf_puts(out, "},\"faults\":{");
    for (size_t i = REHEARSE_500; i < REHEARSE_MIXED; i++)
        yq_buf_putf(out, "%s\"%s\":%u", i > REHEARSE_500 ? "," : "",
                    rehearse_fault_name((enum rehearse_fault)i), r->faults[i]);
    yq_buf_puts(out, "}");
    put_things(out, "exams", &r->exams, contents);
    put_things(out, "reports", &r->reports, contents);
    put_things(out, "series", &r->series, contents);
    put_complaints(r, out);
    yq_buf_puts(out, "}\n");
    pthread_mutex_unlock(&r->lock);
}

void yq_rehearse_tell(struct yq_rehearse *r, struct yq_buf *out)
{
    pthread_mutex_lock(&r->lock);
    yq_buf_putf(out, "\n共 %u 次调用 calls; 检查 exams %zu, 报告 reports %zu, 序列 series %zu\n",
                r->calls, r->exams.count, r->reports.count, r->series.count);
    for (size_t i = 0; i < PATHS; i++)
        if (r->counts[i].calls)
            yq_buf_putf(
                out, "  %-26s 调用 calls %u, 收下 taken %u, 拒收 refused %u, 演练失败 failed %u\n",
                paths[i].path, r->counts[i].calls, r->counts[i].taken, r->counts[i].refused,
                r->counts[i].failed);
    yq_buf_putf(out,
                r->told_all ? "共 %zu 处意见 complaints and remarks\n"
                            : "没有意见 nothing to complain of\n",
                r->told_all);
    pthread_mutex_unlock(&r->lock);
}
