/* serve.c: what the platform asks of the hospital: S7 /exam/get, S8 /report/get, S9 /series/get.
 *
 * Plain JSON, or in the common envelope where `serve` is "sealed": then content goes back sealed
 * too. Items are those of S1, S2 and S6, composed by the same tables. A page is a piece of the
 * list in the order in which records (series) came first: what comes or changes meanwhile goes to
 * the end or stays in its place, so page N goes on meaning the same. What was withdrawn or removed
 * is in it, with disableFlag 1.
 *
 * Which time counts: of exams and reports YQ_LEDGER_WHEN, both bounds included; of series the date
 * of the study, the end not included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../asked.h"
#include "serve.h"
#include "shanxi.h"
#include "yq/company.h"
#include "yq/form.h"
#include "yq/registry.h"

#define ROOM "platform"

enum { ANSWER_MOST = 64 << 20, EXAMS_MOST = 200 };

/* ---- questions to the ledger ---- */

struct keys {
    struct yq_ledger_key list[2];
    struct yq_buf values[2];
    size_t count;
};

static void keys_fini(struct keys *keys)
{
    yq_buf_fini(&keys->values[0]);
    yq_buf_fini(&keys->values[1]);
}

static const struct yq_member *member_of(enum yq_kind kind, const char *name)
{
    return &yq_kinds[kind].members[yq_member_find(kind, name)];
}

static bool add_key(const struct yq_inquiry *inquiry, enum yq_kind kind, const char *name,
                    const struct yq_buf *value, struct keys *out, struct yq_err *err)
{
    struct yq_buf *text = &out->values[out->count];
    if (!value->length)
        return true;
    if (!yq_record_key(inquiry->house, member_of(kind, name), yq_buf_text(value), text, err))
        return false;
    out->list[out->count++] = (struct yq_ledger_key){name, yq_buf_text(text)};
    return true;
}

static bool find(const struct yq_inquiry *inquiry, enum yq_kind kind, const struct keys *keys,
                 struct yq_ledger_query query, struct yq_ledger_entry **out, size_t *count,
                 struct yq_err *err)
{
    query.kind = (int)kind;
    query.keys = keys->list;
    query.key_count = keys->count;
    query.removed_too = true;
    return yq_ledger_find(inquiry->house->catalog, &query, false, out, count, err);
}

static struct yq_ledger_query page_of(const struct serve_ask *ask)
{
    return (struct yq_ledger_query){.when_from = *ask->from ? ask->from : NULL,
                                    .when_until = *ask->until ? ask->until : NULL,
                                    .limit = (size_t)ask->size,
                                    .offset = (ask->page - 1) * ask->size};
}

/* Calls `each` with the links of the exams that have this request number. */
static bool each_link(const struct yq_inquiry *inquiry, const struct yq_buf *apply,
                      bool (*each)(const struct yq_inquiry *, const struct yq_link *, void *,
                                   struct yq_err *),
                      void *with, struct yq_err *err)
{
    struct keys keys yq_cleanup(keys_fini) = {.count = 0};
    struct yq_ledger_entry *exams = NULL;
    size_t count = 0;
    bool ok = add_key(inquiry, YQ_KIND_EXAM, "requestNumber", apply, &keys, err) &&
              find(inquiry, YQ_KIND_EXAM, &keys, (struct yq_ledger_query){.limit = EXAMS_MOST},
                   &exams, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        struct yq_link *links = NULL;
        size_t link_count = 0;
        ok = yq_links_of(inquiry->house, YQ_KIND_EXAM, exams[i].id, &links, &link_count, err);
        if (!ok && err->code == YQ_ABSENT)
            ok = true; /* it was removed */
        for (size_t j = 0; ok && j < link_count; j++)
            if (links[j].state == YQ_TIE_SURE || links[j].state == YQ_TIE_SET)
                ok = each(inquiry, &links[j], with, err);
        free(links);
    }
    yq_ledger_list_free(exams, count);
    return ok;
}

/* ---- items ---- */

static bool compose(const struct yq_inquiry *inquiry, const struct yq_company *exam, bool removed,
                    const struct yq_piece *piece, struct yq_buf *out, struct yq_err *err)
{
    struct yq_composed composed = {.held = 0};
    const struct yq_errand_out errand = {.house = inquiry->house,
                                         .conf = inquiry->conf,
                                         .platform = inquiry->platform,
                                         .exam = exam,
                                         .removed = removed};
    bool ok = shanxi_compose(&errand, piece, &composed, err);
    if (ok && out->length + composed.message.length > ANSWER_MOST)
        ok = yq_fail(err, YQ_FULL, ROOM, "a page of more than %d MB", ANSWER_MOST >> 20);
    if (ok) {
        yq_buf_puts(out, out->length > 1 ? "," : "");
        yq_buf_put(out, composed.message.bytes, composed.message.length);
    }
    yq_composed_fini(&composed);
    return ok;
}

static bool put_exam(const struct yq_inquiry *inquiry, const char *id, struct yq_buf *out,
                     struct yq_err *err)
{
    struct yq_company company yq_cleanup(yq_company_fini) = {0};
    const struct yq_piece piece = {.name = "exam", .what = SHANXI_EXAM};
    bool removed = false;
    return yq_company_last(inquiry->house, YQ_KIND_EXAM, id, &company, &removed, err) &&
           compose(inquiry, &company, removed, &piece, out, err);
}

static bool put_report(const struct yq_inquiry *inquiry, const char *id, struct yq_buf *out,
                       struct yq_err *err)
{
    struct yq_piece piece = {.name = "report", .what = SHANXI_REPORT};
    return yq_copy(piece.id, sizeof piece.id, id) &&
           compose(inquiry, NULL, false, &piece, out, err);
}

static bool put_records(const struct yq_inquiry *inquiry, enum yq_kind kind,
                        const struct keys *keys, const struct serve_ask *ask, struct yq_buf *out,
                        struct yq_err *err)
{
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    bool ok = find(inquiry, kind, keys, page_of(ask), &list, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = kind == YQ_KIND_EXAM ? put_exam(inquiry, list[i].id, out, err)
                                  : put_report(inquiry, list[i].id, out, err);
    yq_ledger_list_free(list, count);
    return ok;
}

/* ---- S7 ---- */

static bool put_exams(const struct yq_inquiry *inquiry, const struct serve_ask *ask,
                      struct yq_buf *out, struct yq_err *err)
{
    struct keys keys yq_cleanup(keys_fini) = {.count = 0};
    return add_key(inquiry, YQ_KIND_EXAM, "requestNumber", &ask->apply, &keys, err) &&
           add_key(inquiry, YQ_KIND_EXAM, "patientId", &ask->patient, &keys, err) &&
           put_records(inquiry, YQ_KIND_EXAM, &keys, ask, out, err);
}

/* ---- S8 ---- */

static bool add_report(const struct yq_inquiry *inquiry, const char *id, struct yq_buf *out,
                       struct yq_err *err)
{
    yq_buf_puts(out, out->length ? "\x1f" : "");
    return yq_record_key(inquiry->house, member_of(YQ_KIND_REPORT, "reportId"), id, out, err);
}

static bool add_linked_report(const struct yq_inquiry *inquiry, const struct yq_link *link,
                              void *with, struct yq_err *err)
{
    return !*link->report || add_report(inquiry, link->report, with, err);
}

/* Reports that carry the request number, and those of exams that do. */
static bool reports_of_request(const struct yq_inquiry *inquiry, const struct yq_buf *apply,
                               struct yq_buf *out, struct yq_err *err)
{
    struct keys keys yq_cleanup(keys_fini) = {.count = 0};
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    bool ok = add_key(inquiry, YQ_KIND_REPORT, "requestNumber", apply, &keys, err) &&
              find(inquiry, YQ_KIND_REPORT, &keys, (struct yq_ledger_query){.limit = EXAMS_MOST},
                   &list, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_report(inquiry, list[i].id, out, err);
    yq_ledger_list_free(list, count);
    return ok && each_link(inquiry, apply, add_linked_report, out, err);
}

static bool put_reports(const struct yq_inquiry *inquiry, const struct serve_ask *ask,
                        struct yq_buf *out, struct yq_err *err)
{
    struct keys keys yq_cleanup(keys_fini) = {.count = 0};
    if (!add_key(inquiry, YQ_KIND_REPORT, "reportId", &ask->report, &keys, err))
        return false;
    if (ask->apply.length) {
        struct yq_buf *ids = &keys.values[keys.count];
        if (!reports_of_request(inquiry, &ask->apply, ids, err))
            return false;
        if (!ids->length)
            return true; /* there are none */
        keys.list[keys.count++] = (struct yq_ledger_key){"reportId", yq_buf_text(ids)};
    }
    return put_records(inquiry, YQ_KIND_REPORT, &keys, ask, out, err);
}

/* ---- S9 ---- */

static bool add_linked_study(const struct yq_inquiry *inquiry, const struct yq_link *link,
                             void *with, struct yq_err *err)
{
    struct yq_buf *out = with;
    (void)inquiry;
    if (!*link->study)
        return true;
    yq_buf_putf(out, "%s%s", out->length ? "\\" : "", link->study);
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a query");
}

/* Of a comma list, without the blanks around each. */
static void put_list(const char *text, struct yq_buf *out)
{
    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        size_t length = strcspn(text, ",");
        size_t size = length;
        while (size && text[size - 1] == ' ')
            size--;
        yq_buf_puts(out, out->length ? "\\" : "");
        yq_buf_put(out, text, size);
        text += length;
    }
}

/* The conditions. *none: nothing can fit. */
static bool write_query(const struct yq_inquiry *inquiry, const struct serve_ask *ask,
                        struct yq_query *query, bool *none, struct yq_err *err)
{
    struct yq_buf numbers yq_cleanup(yq_buf_fini) = {0}, studies yq_cleanup(yq_buf_fini) = {0};
    char days[44];
    *query = (struct yq_query){.level = YQ_SERIES,
                               .order = YQ_ORDER_ARRIVAL,
                               .limit = ask->size,
                               .offset = (ask->page - 1) * ask->size};
    query->wanted[YQ_StudyInstanceUID] = query->wanted[YQ_SeriesInstanceUID] = true;
    *none = *ask->from && *ask->until && strcmp(ask->from, ask->until) > 0;
    (void)snprintf(days, sizeof days, "%s-%s", ask->from, ask->until);
    put_list(yq_buf_text(&ask->accession), &numbers);
    if (ask->apply.length) {
        if (!each_link(inquiry, &ask->apply, add_linked_study, &studies, err))
            return false;
        *none = *none || !studies.length;
    }
    return yq_query_add(query, YQ_StudyDate, days[1] ? days : "", false, err) &&
           yq_query_add(query, YQ_AccessionNumber, yq_buf_text(&numbers), false, err) &&
           yq_query_add(query, YQ_StudyInstanceUID, yq_buf_text(&studies), false, err) &&
           yq_query_add(query, YQ_StudyInstanceUID, yq_buf_text(&ask->study), true, err) &&
           yq_query_add(query, YQ_SeriesInstanceUID, yq_buf_text(&ask->series), true, err);
}

struct series_list {
    struct yq_key *list;
    size_t count;
};

static bool list_series(const struct yq_inquiry *inquiry, const struct serve_ask *ask,
                        struct series_list *out, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_SERIES};
    struct yq_cursor *cursor = NULL;
    const char *const *row;
    bool none = false;
    if (!write_query(inquiry, ask, &query, &none, err))
        return false;
    if (none)
        return true;
    out->list = calloc((size_t)ask->size, sizeof *out->list);
    if (!out->list)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a page");
    if (!yq_catalog_find(inquiry->house->catalog, &query, &cursor, err))
        return false;
    while (out->count < ask->size && yq_cursor_next(cursor, &row, err)) {
        struct yq_key *key = &out->list[out->count++];
        (void)yq_copy(key->study, sizeof key->study, row[YQ_StudyInstanceUID]);
        (void)yq_copy(key->series, sizeof key->series, row[YQ_SeriesInstanceUID]);
    }
    yq_cursor_close(cursor);
    return err->code == YQ_OK;
}

/* The exam of a study, which may have none. */
static bool open_exam(const struct yq_inquiry *inquiry, const char *study, struct yq_company *out,
                      struct yq_err *err)
{
    struct yq_link *links = NULL;
    size_t count = 0;
    const char *exam = "";
    bool ok = yq_links_of(inquiry->house, YQ_KIND_COUNT, study, &links, &count, err) ||
              err->code == YQ_ABSENT;
    for (size_t i = 0; ok && i < count && !*exam; i++)
        if (links[i].state == YQ_TIE_SURE || links[i].state == YQ_TIE_SET)
            exam = links[i].exam;
    if (ok && *exam)
        ok =
            yq_company_open(inquiry->house, YQ_KIND_EXAM, exam, out, err) || err->code == YQ_ABSENT;
    free(links);
    if (!ok || out->count)
        return ok;
    out->records[0] = yq_record_new(YQ_KIND_EXAM); /* the images say what it would */
    out->count = out->records[0] ? 1 : 0;
    return out->count || yq_fail(err, YQ_FULL, ROOM, "no memory for a record");
}

static bool put_one_series(const struct yq_inquiry *inquiry, const struct yq_key *key,
                           const struct yq_company *exam, struct yq_buf *out, struct yq_err *err)
{
    struct yq_piece piece = {.name = "series", .what = SHANXI_LISTED};
    (void)yq_copy(piece.id, sizeof piece.id, key->series);
    if (compose(inquiry, exam, false, &piece, out, err))
        return true;
    return err->code == YQ_ABSENT; /* removed this moment */
}

static bool put_series(const struct yq_inquiry *inquiry, const struct serve_ask *ask,
                       struct yq_buf *out, struct yq_err *err)
{
    struct series_list series = {.count = 0};
    struct yq_company exam yq_cleanup(yq_company_fini) = {0};
    const char *study = "";
    bool ok = list_series(inquiry, ask, &series, err);
    for (size_t i = 0; ok && i < series.count; i++) {
        if (strcmp(series.list[i].study, study) != 0) {
            yq_company_fini(&exam);
            study = series.list[i].study;
            ok = open_exam(inquiry, study, &exam, err);
        }
        ok = ok && put_one_series(inquiry, &series.list[i], &exam, out, err);
    }
    free(series.list);
    return ok;
}

/* ---- the answer ---- */

static void refuse(struct yq_reply_to *reply, const char *message)
{
    yq_buf_clear(&reply->body);
    yq_buf_puts(&reply->body, "{\"code\":0,\"message\":");
    yq_json_put_text(&reply->body, message);
    yq_buf_puts(&reply->body, ",\"content\":[]}");
}

static void note(struct yq_reply_to *reply, const struct serve_ask *ask)
{
    char page[32];
    (void)snprintf(page, sizeof page, "%llu", (unsigned long long)ask->page);
    asked_note(reply, "startTime", ask->from);
    asked_note(reply, "endTime", ask->until);
    asked_note(reply, "applyId", yq_buf_text(&ask->apply));
    asked_note(reply, "patientId", yq_buf_text(&ask->patient));
    asked_note(reply, "reportId", yq_buf_text(&ask->report));
    asked_note(reply, "accessionNumber", yq_buf_text(&ask->accession));
    asked_note(reply, "studyInstanceUID", yq_buf_text(&ask->study));
    asked_note(reply, "seriesInstanceUID", yq_buf_text(&ask->series));
    asked_note(reply, "pageNum", page);
}

static bool put_content(const struct yq_inquiry *inquiry, enum serve_what what,
                        const struct yq_buf *content, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(out, "{\"code\":1,\"message\":\"成功\",\"content\":");
    if (inquiry->platform->serve == YQ_SERVE_SEALED) {
        if (!serve_seal(inquiry, content, &sealed, err))
            return false;
        yq_json_put_text(out, yq_buf_text(&sealed));
    } else if (what == SERVE_SERIES && inquiry->platform->series_content == YQ_CONTENT_TEXT) {
        yq_json_put_text(out, yq_buf_text(content));
    } else {
        yq_buf_put(out, content->bytes, content->length);
    }
    yq_buf_puts(out, "}");
    return true;
}

static void answer_asked(const struct yq_inquiry *inquiry, enum serve_what what,
                         const struct serve_ask *ask, struct yq_reply_to *reply)
{
    static bool (*const put[])(const struct yq_inquiry *, const struct serve_ask *, struct yq_buf *,
                               struct yq_err *) = {
        [SERVE_EXAMS] = put_exams, [SERVE_REPORTS] = put_reports, [SERVE_SERIES] = put_series};
    struct yq_buf content yq_cleanup(yq_buf_fini) = {0};
    struct yq_err *err = &reply->trouble;
    note(reply, ask);
    yq_buf_puts(&content, "[");
    bool ok = put[what](inquiry, ask, &content, err);
    yq_buf_puts(&content, "]");
    if (ok && content.failed)
        ok = yq_fail(err, YQ_FULL, ROOM, "no memory for an answer");
    ok = ok && put_content(inquiry, what, &content, &reply->body, err);
    if (!ok)
        refuse(reply,
               err->code == YQ_FULL ? "本页内容过大，请减小 pageSize" : "系统繁忙，请稍后再试");
    else
        err->code = YQ_OK;
}

static void answer(const struct yq_inquiry *inquiry, enum serve_what what,
                   struct yq_reply_to *reply)
{
    struct yq_buf opened yq_cleanup(yq_buf_fini) = {0};
    struct serve_ask ask yq_cleanup(serve_ask_fini) = {.page = 0};
    const char *text = inquiry->body, *why = "";
    size_t length = inquiry->length;
    if (inquiry->platform->serve == YQ_SERVE_SEALED) {
        if (!serve_open(inquiry, &opened, &why, &reply->trouble)) {
            reply->refused = why;
            refuse(reply, why);
            return;
        }
        text = yq_buf_text(&opened);
        length = opened.length;
    }
    if (serve_ask_read(what, text, length, &ask, &why)) {
        answer_asked(inquiry, what, &ask, reply);
        return;
    }
    refuse(reply, why);
    yq_fail(&reply->trouble, YQ_BAD_INPUT, ROOM, "the question is not understood");
}

static void answer_exams(const struct yq_inquiry *inquiry, struct yq_reply_to *reply)
{
    answer(inquiry, SERVE_EXAMS, reply);
}

static void answer_reports(const struct yq_inquiry *inquiry, struct yq_reply_to *reply)
{
    answer(inquiry, SERVE_REPORTS, reply);
}

static void answer_series(const struct yq_inquiry *inquiry, struct yq_reply_to *reply)
{
    answer(inquiry, SERVE_SERIES, reply);
}

#define BODY_MOST ((size_t)64 << 10)
const struct yq_service shanxi_services[SHANXI_SERVICES] = {
    {.path = "/exam/get",
     .post = true,
     .help = "S7: exams, a page at a time",
     .body_most = BODY_MOST,
     .answer = answer_exams},
    {.path = "/report/get",
     .post = true,
     .help = "S8: reports, a page at a time",
     .body_most = BODY_MOST,
     .answer = answer_reports},
    {.path = "/series/get",
     .post = true,
     .help = "S9: series with the URLs of their files",
     .body_most = BODY_MOST,
     .answer = answer_series}};
