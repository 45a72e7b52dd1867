/* links.c: GET /api/v1/links, /api/v1/unlinked, and the links of a record: which exam, report and
 * study belong together; what has no link, and why. Deciding about links is for the person at the
 * node (`yingqiao link`). Runs on worker threads. */
#include <stdlib.h>
#include <string.h>

#include "records.h"

enum { LINKS_SHOWN = 100, LINKS_MOST = 1000 };

static void put_member(struct yq_buf *out, const char *name, const char *value)
{
    if (!*value)
        return;
    yq_buf_putf(out, ",\"%s\":", name);
    yq_json_put_text(out, value);
}

static void put_link(struct yq_buf *out, const struct yq_link *link)
{
    yq_buf_putf(out, "{\"id\":%lld,\"how\":\"%s\",\"state\":\"%s\"", (long long)link->id,
                yq_link_how_name(link->how), yq_tie_state_name(link->state));
    put_member(out, "exam", link->exam);
    put_member(out, "report", link->report);
    put_member(out, "study", link->study);
    yq_buf_puts(out, link->by_exam ? ",\"byExam\":true" : "");
    yq_buf_puts(out, ",\"made\":");
    records_put_time(out, link->made_ms);
    yq_buf_puts(out, "}");
}

static void put_links(struct reply *reply, const struct yq_link *links, size_t count)
{
    yq_buf_puts(&reply->body, "{\"links\":[");
    for (size_t i = 0; i < count; i++) {
        yq_buf_puts(&reply->body, i ? ",\n" : "");
        put_link(&reply->body, &links[i]);
    }
    yq_buf_puts(&reply->body, "]}\n");
    records_answer(reply, 200);
}

static void put_unlinked(struct yq_buf *out, const struct yq_unlinked *one)
{
    yq_buf_putf(out, "{\"kind\":\"%s\",\"id\":", yq_kinds[one->kind].name);
    yq_json_put_text(out, one->id);
    put_member(out, "reason", one->reason);
    put_member(out, "english", one->english);
    put_member(out, "chinese", one->chinese);
    yq_buf_puts(out, "}");
}

void yq_route_record_links(struct yq_house *house, const struct request *request,
                           struct reply *reply)
{
    struct yq_err err = {0};
    struct yq_link *list = NULL;
    size_t count = 0;
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named)
        return;
    if (named->kind != YQ_KIND_EXAM && named->kind != YQ_KIND_REPORT)
        yq_reply_problem(reply, 404, "only exams and reports have links");
    else if (yq_links_of(house, named->kind, yq_record_id(named), &list, &count, &err))
        put_links(reply, list, count);
    else
        yq_reply_error(reply, &err);
    free(list);
}

/* ---- all of them ---- */

static bool read_limit(const struct yq_param *param, uint64_t *limit, struct reply *reply)
{
    if (yq_params_number(param->value, 1, LINKS_MOST, limit))
        return true;
    yq_reply_problem(reply, 400, "limit is a whole number from 1 to %d", LINKS_MOST);
    return false;
}

struct asked {
    const char *study; /* NULL: all */
    int state;
    uint64_t limit, before;
};

static bool take_param(const struct yq_param *param, struct asked *asked, struct reply *reply)
{
    static const char *const states[] = {"sure", "guess", "set", "undone"};
    const char *name = param->name, *value = param->value;
    if (strcmp(name, "limit") == 0)
        return read_limit(param, &asked->limit, reply);
    if (strcmp(name, "before") == 0 && yq_params_number(value, 1, INT64_MAX, &asked->before))
        return true;
    if (strcmp(name, "study") == 0) {
        asked->study = value;
        return true;
    }
    for (size_t i = 0; strcmp(name, "state") == 0 && i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i], value) == 0) {
            asked->state = (int)i;
            return true;
        }
    }
    yq_reply_problem(reply, 400,
                     "links are asked for by study, by state (sure, guess, set, undone), limit and "
                     "before (the id of a link); those of a record: /api/v1/exams/{id}/links");
    return false;
}

void yq_route_links(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct asked asked = {.state = -1, .limit = LINKS_SHOWN};
    struct yq_link *links = NULL;
    size_t count = 0;
    struct yq_err err = {0};
    for (size_t i = 0; i < request->params.count; i++)
        if (!take_param(&request->params.list[i], &asked, reply))
            return;
    bool ok = asked.study ? yq_links_of(house, YQ_KIND_COUNT, asked.study, &links, &count, &err)
                          : yq_links_list(house, asked.state, (int64_t)asked.before,
                                          (size_t)asked.limit, &links, &count, &err);
    if (ok)
        put_links(reply, links, count);
    else
        yq_reply_error(reply, &err);
    free(links);
    records_audit(house, request, reply);
}

/* GET /api/v1/unlinked?of=reports */
void yq_route_unlinked(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_err err = {0};
    struct yq_unlinked *list = NULL;
    size_t count = 0;
    uint64_t limit = LINKS_SHOWN;
    enum yq_untied what = YQ_UNTIED_EXAM_STUDY;
    for (size_t i = 0; i < request->params.count; i++) {
        const struct yq_param *param = &request->params.list[i];
        bool reports = strcmp(param->value, "reports") == 0;
        if (strcmp(param->name, "limit") == 0) {
            if (!read_limit(param, &limit, reply))
                return;
        } else if (strcmp(param->name, "of") == 0 &&
                   (reports || strcmp(param->value, "exams") == 0)) {
            what = reports ? YQ_UNTIED_REPORT_EXAM : YQ_UNTIED_EXAM_STUDY;
        } else {
            yq_reply_problem(reply, 400, "of is exams (without study) or reports (without exam)");
            return;
        }
    }
    if (!yq_unlinked_list(house, what, 0, (size_t)limit, &list, &count, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    yq_buf_puts(&reply->body, "{\"unlinked\":[");
    for (size_t i = 0; i < count; i++) {
        yq_buf_puts(&reply->body, i ? ",\n" : "");
        put_unlinked(&reply->body, &list[i]);
    }
    yq_buf_puts(&reply->body, "]}\n");
    free(list);
    records_answer(reply, 200);
}
