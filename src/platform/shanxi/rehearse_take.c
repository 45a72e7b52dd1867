/* rehearse_take.c: exams, reports and series come in (S1, S2, S3, S6): each is checked by itself
 * and against what came before, and kept when a strict province would keep it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"

/* An opened message that is an object; false: complaints say why not. */
static bool open_message(struct rehearse_visit *visit, struct yq_buf *plain,
                         struct rj_document *json)
{
    char chinese[160], english[160];
    *json = (struct rj_document){0};
    if (!rehearse_envelope(visit->r, visit->call, &visit->findings, plain))
        return false;
    bool is_json = rj_read(yq_buf_text(plain), plain->length, json);
    if (!is_json || json->values->type != RJ_OBJECT) {
        snprintf(chinese, sizeof chinese, "data 解密后不是 JSON 对象（第 %zu 字节）", json->at + 1);
        snprintf(english, sizeof english, "what is in data is no JSON object: %s at byte %zu",
                 json->wrong ? json->wrong : "another value", json->at + 1);
        rehearse_complain(&visit->findings, "data", "json", chinese, english);
        return false;
    }
    if (*json->twice)
        rehearse_complain(&visit->findings, json->twice, "twice", "同一项出现两次",
                          "this member stands twice");
    return true;
}

static const char *key_of(const struct rj *object, const char *member)
{
    return rj_text(rj_member(object, member));
}

static void name_it(struct rehearse_visit *visit, const char *id)
{
    yq_copy(visit->id, sizeof visit->id, id);
}

/* Whoever goes by lastChangeTime would not take this over what it has. */
static void check_change(struct rehearse_visit *visit, struct rehearse_thing *thing,
                         const struct rj *content, bool same)
{
    const char *changed = key_of(content, "lastChangeTime");
    if (!same && *changed && strcmp(changed, thing->changed) < 0)
        rehearse_remark(&visit->findings, "lastChangeTime", "older",
                        "内容变了，最后更新时间却比上次的早",
                        "the content is another, and its lastChangeTime is before the last one");
    yq_copy(thing->changed, sizeof thing->changed, changed);
}

struct rehearse_thing *rehearse_keep(struct rehearse_visit *visit, struct rehearse_shelf *shelf,
                                     const char *key, const struct rj *content)
{
    struct rehearse_thing *thing = rehearse_shelf_put(shelf, key);
    if (!thing || !content)
        return NULL;
    uint64_t mark = rehearse_mark(content);
    bool same = thing->times && thing->mark == mark;
    visit->same = visit->same || (same && thing->acknowledged && !thing->forgotten);
    if (same && thing->acknowledged && !thing->forgotten) {
        thing->same++;
        rehearse_remark(&visit->findings, "", "same", "内容与上次收下的相同，不必再送",
                        "the same content was taken before: it need not be sent again");
    }
    check_change(visit, thing, content, same);
    char *copy = content->raw_length <= REHEARSE_CONTENT_MOST
                     ? strndup(content->raw, content->raw_length)
                     : NULL;
    free(thing->content);
    thing->content = copy;
    thing->length = content->raw_length;
    thing->mark = mark;
    thing->times++;
    thing->forgotten = false;
    thing->acknowledged = visit->fault == REHEARSE_FINE;
    return thing;
}

static void belongs_to(struct rehearse_thing *thing, const char *list)
{
    free(thing->belongs);
    thing->belongs = strdup(list);
}

/* ---- exams ---- */

static void check_exam(struct rehearse_visit *visit, const struct rj *exam, const char *prefix)
{
    rehearse_check_fields("exam-sync", exam, prefix, &visit->findings);
    rehearse_check_exam(exam, prefix, &visit->findings);
    if (*key_of(exam, "hospitalCode"))
        rehearse_check_hospital(visit->r, key_of(exam, "hospitalCode"), "hospitalCode",
                                &visit->findings);
}

struct naming {
    struct rehearse_shelf *studies;
    const char *exam;
};

static bool note_study(void *context, const char *word)
{
    struct naming *naming = context;
    struct rehearse_thing *thing = *word ? rehearse_shelf_put(naming->studies, word) : NULL;
    if (thing)
        belongs_to(thing, naming->exam);
    return true;
}

static void keep_exam(struct rehearse_visit *visit, const struct rj *exam)
{
    struct yq_rehearse *r = visit->r;
    struct naming naming = {&r->studies, key_of(exam, "risStudyId")};
    struct rehearse_thing *thing = rehearse_keep(visit, &r->exams, naming.exam, exam);
    if (!thing)
        return;
    belongs_to(thing, key_of(exam, "studyUid"));
    rehearse_each(key_of(exam, "studyUid"), note_study, &naming);
    rehearse_each(key_of(exam, "accessionNumber"), note_study, &naming);
}

void rehearse_exam(struct rehearse_visit *visit)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct rj_document json yq_cleanup(rj_fini);
    if (open_message(visit, &plain, &json)) {
        name_it(visit, key_of(json.values, "risStudyId"));
        check_exam(visit, json.values, "");
    }
    if (!rehearse_is_refused(&visit->findings)) {
        pthread_mutex_lock(&visit->r->lock);
        keep_exam(visit, json.values);
        pthread_mutex_unlock(&visit->r->lock);
    }
    rehearse_answer_code(visit);
}

/* ---- reports ---- */

struct ordering {
    struct yq_rehearse *r;
    const char *beside; /* the exam that comes with it */
};

static bool is_exam_here(void *context, const char *word)
{
    struct ordering *o = context;
    return strcmp(word, o->beside) == 0 || rehearse_exam_of(o->r, word);
}

/* `beside`: risStudyId of the exam in the same message; "" none. */
static void check_report(struct rehearse_visit *visit, const struct rj *report, const char *prefix,
                         const char *beside)
{
    struct ordering ordering = {visit->r, beside};
    rehearse_check_fields("report-sync", report, prefix, &visit->findings);
    rehearse_check_report(report, prefix, &visit->findings);
    if (*key_of(report, "hospitalCode"))
        rehearse_check_hospital(visit->r, key_of(report, "hospitalCode"), "hospitalCode",
                                &visit->findings);
    pthread_mutex_lock(&visit->r->lock);
    bool here = rehearse_each(key_of(report, "risStudyId"), is_exam_here, &ordering);
    pthread_mutex_unlock(&visit->r->lock);
    if (!here)
        rehearse_complain(&visit->findings, "risStudyId", "order",
                          "报告先于检查到达：平台没有此检查",
                          "the report comes before its exam: there is no such exam here");
    rehearse_check_signature(visit, report, prefix);
    rehearse_fetch_pdf(visit, report, prefix);
}

static void keep_report(struct rehearse_visit *visit, const struct rj *report)
{
    struct rehearse_thing *thing =
        rehearse_keep(visit, &visit->r->reports, key_of(report, "recordNum"), report);
    if (thing)
        belongs_to(thing, key_of(report, "risStudyId"));
}

void rehearse_report(struct rehearse_visit *visit)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct rj_document json yq_cleanup(rj_fini);
    if (open_message(visit, &plain, &json)) {
        name_it(visit, key_of(json.values, "recordNum"));
        check_report(visit, json.values, "", "");
    }
    if (!rehearse_is_refused(&visit->findings)) {
        pthread_mutex_lock(&visit->r->lock);
        keep_report(visit, json.values);
        pthread_mutex_unlock(&visit->r->lock);
    }
    rehearse_answer_code(visit);
}

static bool is_beside(void *context, const char *word) { return strcmp(word, context) != 0; }

static void check_merged(struct rehearse_visit *visit, const struct rj *message)
{
    const struct rj *exam = rj_member(message, "patient"), *report = rj_member(message, "report");
    rehearse_check_fields("examMergeReport-sync", message, "", &visit->findings);
    if (!exam || exam->type != RJ_OBJECT || !report || report->type != RJ_OBJECT)
        return;
    char *id = strdup(key_of(exam, "risStudyId"));
    name_it(visit, key_of(report, "recordNum"));
    check_exam(visit, exam, "patient.");
    check_report(visit, report, "report.", id ? id : "");
    if (id && rehearse_each(key_of(report, "risStudyId"), is_beside, id))
        rehearse_complain(&visit->findings, "report.risStudyId", "differs",
                          "报告不是这一检查的报告：risStudyId 不同",
                          "the report is not of this exam: another risStudyId");
    free(id);
}

void rehearse_merged(struct rehearse_visit *visit)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct rj_document json yq_cleanup(rj_fini);
    if (open_message(visit, &plain, &json))
        check_merged(visit, json.values);
    if (!rehearse_is_refused(&visit->findings)) {
        struct rehearse_visit each = *visit; /* one may be as it was when the other is not */
        each.findings = (struct yq_findings){0};
        each.same = false;
        pthread_mutex_lock(&visit->r->lock);
        keep_exam(&each, rj_member(json.values, "patient"));
        bool exam_same = each.same;
        each.same = false;
        keep_report(&each, rj_member(json.values, "report"));
        visit->same = exam_same && each.same;
        pthread_mutex_unlock(&visit->r->lock);
        yq_findings_fini(&each.findings);
        if (visit->same)
            rehearse_remark(&visit->findings, "", "same", "内容与上次收下的相同，不必再送",
                            "the same content was taken before: it need not be sent again");
    }
    rehearse_answer_code(visit);
}

/* ---- series ---- */

void rehearse_series(struct rehearse_visit *visit)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct rj_document json yq_cleanup(rj_fini);
    bool opened = open_message(visit, &plain, &json), here = true;
    if (opened) {
        name_it(visit, key_of(json.values, "SERIESIUID"));
        rehearse_check_fields("images-list", json.values, "", &visit->findings);
        rehearse_check_series(json.values, &visit->findings);
        rehearse_fetch_series(visit, json.values);
        pthread_mutex_lock(&visit->r->lock);
        here = rehearse_exam_of(visit->r, key_of(json.values, "STUDYIUID"));
        pthread_mutex_unlock(&visit->r->lock);
    }
    if (!here)
        rehearse_complain(&visit->findings, "STUDYIUID", "order",
                          "影像先于检查到达：没有检查带有此 studyUid",
                          "the images come before their exam: no exam has this studyUid");
    if (!rehearse_is_refused(&visit->findings)) {
        pthread_mutex_lock(&visit->r->lock);
        struct rehearse_thing *thing =
            rehearse_keep(visit, &visit->r->series, key_of(json.values, "SERIESIUID"), json.values);
        if (thing)
            belongs_to(thing, key_of(json.values, "STUDYIUID"));
        pthread_mutex_unlock(&visit->r->lock);
    }
    rehearse_answer_code(visit);
}
