/* rehearse_count.c: S13 /statisticalData/upload: what the hospital counted yesterday, and which of
 * it never came here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/form.h"

struct counting {
    struct rehearse_visit *visit;
    struct yq_buf lacking; /* a JSON array in the making */
    size_t asked, lacked;
};

static void count_studies(struct counting *c, const struct rj *list)
{
    for (const struct rj *id = list->first; id; id = id->next) {
        if (id->type != RJ_TEXT)
            continue;
        c->asked++;
        pthread_mutex_lock(&c->visit->r->lock);
        bool here = rehearse_exam_of(c->visit->r, id->text); /* the document says 检查 id alone */
        pthread_mutex_unlock(&c->visit->r->lock);
        if (here)
            continue;
        if (c->lacked++)
            yq_buf_puts(&c->lacking, ",");
        yq_json_put_text(&c->lacking, id->text);
    }
}

static void want(struct counting *c, const char *member, const struct rj *value, enum rj_type type)
{
    struct yq_findings *f = &c->visit->findings;
    if (!value || value->type == RJ_NULL || (type == RJ_TEXT && !*rj_text(value)))
        rehearse_complain(f, member, "missing", "必填项没有值", "required, and there is no value");
    else if (value->type != type)
        rehearse_complain(f, member, "type", "JSON 类型不对", "this is of the wrong JSON type");
}

static void look_for_strangers(struct counting *c, const struct rj *object,
                               const char *const *known)
{
    for (const struct rj *m = object->first; m; m = m->next) {
        size_t i = 0;
        while (known[i] && strcmp(known[i], m->name) != 0)
            i++;
        if (!known[i])
            rehearse_complain(&c->visit->findings, m->name, "unknown-member", "文档中没有此项",
                              "the document has no such field");
    }
}

static void look_at_line(struct counting *c, const struct rj *line, size_t place)
{
    static const char *const known[] = {
        "imgExamType", "pushExamNum", "pushImageNum", "pushReportNum", "detail",
        "study_uids",  NULL};
    char member[64];
    const struct rj *type = rj_member(line, "imgExamType"), *count = rj_member(line, "pushExamNum");
    const struct rj *studies = rj_member(line, "study_uids");
    snprintf(member, sizeof member, "examInfo[%zu].imgExamType", place);
    want(c, member, type, RJ_TEXT);
    snprintf(member, sizeof member, "examInfo[%zu].pushExamNum", place);
    want(c, member, count, RJ_NUMBER);
    size_t most = studies && studies->type == RJ_ARRAY ? studies->count : 0;
    if (count && count->type == RJ_NUMBER && strtoul(count->text, NULL, 10) != most)
        rehearse_complain(&c->visit->findings, member, "differs", "检查数与 study_uids 的个数不同",
                          "the number of exams is not that of study_uids");
    snprintf(member, sizeof member, "examInfo[%zu].study_uids", place);
    want(c, member, studies, RJ_ARRAY);
    look_for_strangers(c, line, known);
    if (studies && studies->type == RJ_ARRAY)
        count_studies(c, studies);
}

static void look_at_count(struct counting *c, const struct rj *message)
{
    static const char *const known[] = {"hospitalCode", "date", "examInfo", NULL};
    struct yq_findings *f = &c->visit->findings;
    const struct rj *info = rj_member(message, "examInfo"), *date = rj_member(message, "date");
    size_t place = 0;
    want(c, "hospitalCode", rj_member(message, "hospitalCode"), RJ_TEXT);
    want(c, "date", date, RJ_TEXT);
    want(c, "examInfo", info, RJ_ARRAY);
    look_for_strangers(c, message, known);
    if (*rj_text(rj_member(message, "hospitalCode")))
        rehearse_check_hospital(c->visit->r, rj_text(rj_member(message, "hospitalCode")),
                                "hospitalCode", f);
    if (*rj_text(date) && !rehearse_is_moment(rj_text(date), false))
        rehearse_complain(f, "date", "format", "日期格式应为 yyyy-MM-dd", "a date: yyyy-MM-dd");
    yq_copy(c->visit->id, sizeof c->visit->id, rj_text(date));
    for (const struct rj *l = info && info->type == RJ_ARRAY ? info->first : NULL; l; l = l->next)
        look_at_line(c, l, place++);
}

/* {"content": Base64 of SM4 of the JSON}; no signature, no time. */
static void open_count(struct counting *c)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct rj_document json yq_cleanup(rj_fini), inside yq_cleanup(rj_fini) = {0};
    struct yq_findings *f = &c->visit->findings;
    const struct yq_rehearse_call *call = c->visit->call;
    const struct rj *content = NULL;
    static const char *const known[] = {"content", NULL};
    if (strcmp(call->method, "POST") != 0)
        rehearse_complain(f, "", "method", "请求方法应为 POST", "the method is to be POST");
    if (rj_read(call->body, call->length, &json) && json.values->type == RJ_OBJECT) {
        content = rj_member(json.values, "content");
        look_for_strangers(c, json.values, known);
    } else {
        rehearse_complain(f, "", "json", "消息体不是 JSON 对象", "the message is no JSON object");
        return;
    }
    if (!content || content->type != RJ_TEXT ||
        !rehearse_unseal(c->visit->r, content->text, content->length, &plain))
        rehearse_complain(f, "content", "seal", "content 不能解密：Base64 的 SM4 密文",
                          "content does not open: Base64 of SM4");
    else if (!rj_read(yq_buf_text(&plain), plain.length, &inside) ||
             inside.values->type != RJ_OBJECT)
        rehearse_complain(f, "content", "json", "content 解密后不是 JSON 对象",
                          "what is in content is no JSON object");
    else
        look_at_count(c, inside.values);
}

void rehearse_statistics(struct rehearse_visit *visit)
{
    struct counting c = {.visit = visit};
    struct yq_buf *out = &visit->call->answer;
    yq_buf_puts(&c.lacking, "[");
    open_count(&c);
    yq_buf_puts(&c.lacking, "]");
    if (rehearse_is_refused(&visit->findings)) {
        yq_buf_puts(out, "{\"status\":\"-1\",\"message\":");
        yq_json_put_text(out, visit->findings.count ? visit->findings.list[0].chinese : "");
        yq_buf_puts(out, ",\"data\":\"\"}");
    } else {
        yq_buf_puts(out, "{\"status\":\"0\",\"message\":\"SUCCESS\",\"data\":\"");
        if (!rehearse_seal(visit->r, c.lacking.bytes, c.lacking.length, out))
            visit->call->status = 500;
        yq_buf_puts(out, "\"}");
        size_t length = strlen(visit->id);
        snprintf(visit->id + length, sizeof visit->id - length, " %zu/%zu", c.asked - c.lacked,
                 c.asked);
    }
    yq_buf_fini(&c.lacking);
}
