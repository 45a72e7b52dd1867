/* reconcile.c: S13 /statisticalData/upload (document 四.5): the exams of a day, counted per
 * modality with the ids of all, told to the platform; what it answers that it lacks is put into its
 * queue again.
 *
 * An exam is of the day of its examination (YQ_LEDGER_WHEN), and stands once, under the first of
 * its study UIDs (platforms.json, reconcile_id). The platform is believed only about what it was
 * told: any other id in its answer is counted and left alone. A day without exams is not told.
 * Answer and ids are bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shanxi.h"
#include "yq/consignment.h"
#include "yq/form.h"
#include "yq/recipes.h"
#include "yq/registry.h"

#define ROOM "platform"

enum { PAGE = 500, EXAMS_MOST = 200000, MODALITIES_MOST = 64, ID_SIZE = 130 };

struct told {
    int64_t row;
    char id[ID_SIZE];
};

struct group { /* the exams of a modality */
    char modality[32];
    uint64_t exams, images, reports;
    struct yq_buf ids; /* with line feeds between */
};

struct counting {
    struct yq_comparing *comparing;
    struct group groups[MODALITIES_MOST];
    size_t group_count;
    struct told *told;
    size_t count, room;
};

static void counting_fini(struct counting *c)
{
    for (size_t i = 0; i < c->group_count; i++)
        yq_buf_fini(&c->groups[i].ids);
    free(c->told);
}

/* ---- counting ---- */

/* The first of several values. */
static void first_of(const char *values, char *out, size_t size)
{
    size_t start = strspn(values, " "), length = strcspn(values + start, ",\\;/| \t\n");
    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), values + start);
}

static struct group *group_of(struct counting *c, const char *modality)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (strcmp(c->groups[i].modality, modality) == 0)
            return &c->groups[i];
    if (c->group_count == MODALITIES_MOST)
        return &c->groups[MODALITIES_MOST - 1]; /* no hospital has as many */
    struct group *group = &c->groups[c->group_count++];
    (void)yq_copy(group->modality, sizeof group->modality, modality);
    return group;
}

static bool add_told(struct counting *c, int64_t row, const char *id, struct yq_err *err)
{
    if (c->count == c->room) {
        size_t room = c->room ? c->room * 2 : 256;
        struct told *told = room <= EXAMS_MOST ? realloc(c->told, room * sizeof *told) : NULL;
        if (!told)
            return yq_fail(err, YQ_FULL, ROOM, "more exams in one day than can be told");
        c->told = told;
        c->room = room;
    }
    c->told[c->count].row = row;
    (void)yq_copy(c->told[c->count++].id, ID_SIZE, id);
    return true;
}

static bool count_images(struct yq_house *house, const struct yq_exam_scope *scope,
                         uint64_t *images, struct yq_err *err)
{
    for (size_t i = 0; i < scope->study_count; i++) {
        struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
        struct yq_cursor *cursor = NULL;
        const char *const *values;
        query.wanted[YQ_NumberOfStudyRelatedInstances] = true;
        if (!yq_query_add(&query, YQ_StudyInstanceUID, scope->studies[i], true, err) ||
            !yq_catalog_find(house->catalog, &query, &cursor, err))
            return false;
        err->code = YQ_OK;
        while (yq_cursor_next(cursor, &values, err))
            if (values[YQ_NumberOfStudyRelatedInstances])
                *images += strtoull(values[YQ_NumberOfStudyRelatedInstances], NULL, 10);
        yq_cursor_close(cursor);
        if (err->code != YQ_OK)
            return false;
    }
    return true;
}

/* Under which id the exam is told. */
static void name_exam(const struct yq_comparing *comparing, const struct yq_record *exam,
                      const struct yq_exam_scope *scope, char id[ID_SIZE])
{
    static const char *const members[] = {[YQ_RECONCILE_STUDY] = "studyInstanceUid",
                                          [YQ_RECONCILE_EXAM] = "examId",
                                          [YQ_RECONCILE_ACCESSION] = "accessionNumber"};
    const char *value = yq_record_get(exam, members[comparing->platform->reconcile_id]);
    if (!value && comparing->platform->reconcile_id == YQ_RECONCILE_STUDY && scope->study_count)
        value = scope->studies[0];
    if (!value)
        value = yq_record_get(exam, "examId");
    if (comparing->platform->reconcile_id == YQ_RECONCILE_STUDY)
        first_of(value ? value : "", id, ID_SIZE);
    else
        (void)yq_copy(id, ID_SIZE, value ? value : "");
}

static bool count_exam(struct counting *c, const struct yq_ledger_entry *entry, struct yq_err *err)
{
    struct yq_comparing *comparing = c->comparing;
    struct yq_record *exam = NULL;
    struct yq_exam_scope scope yq_cleanup(yq_exam_scope_fini) = {0};
    char modality[32], id[ID_SIZE];
    if (!yq_record_open(comparing->house, entry, &exam, err))
        return false;
    if (!exam)
        return true; /* removed */
    bool ok = yq_consignment_scope(comparing->house->catalog, comparing->platform->name, entry->row,
                                   &scope, err);
    const char *value = yq_record_get(exam, "modality");
    first_of(value ? value : "OT", modality, sizeof modality);
    name_exam(comparing, exam, &scope, id);
    yq_record_free(exam);
    if (!ok || !*id)
        return ok;
    struct group *group = group_of(c, *modality ? modality : "OT");
    group->exams++;
    for (size_t i = 0; i < scope.report_count; i++)
        group->reports += !scope.reports[i].gone;
    yq_buf_putf(&group->ids, "%s%s", group->ids.length ? "\n" : "", id);
    return add_told(c, entry->row, id, err) &&
           count_images(comparing->house, &scope, &group->images, err);
}

static bool count_day(struct counting *c, struct yq_err *err)
{
    char from[32], until[32];
    snprintf(from, sizeof from, "%.10s 00:00:00", c->comparing->date);
    snprintf(until, sizeof until, "%.10s 23:59:59", c->comparing->date);
    struct yq_ledger_query query = {
        .kind = YQ_KIND_EXAM, .when_from = from, .when_until = until, .limit = PAGE};
    for (size_t got = PAGE; got == PAGE;) {
        struct yq_ledger_entry *list = NULL;
        if (c->comparing->stopped && c->comparing->stopped(c->comparing->context))
            return yq_fail(err, YQ_BUSY, ROOM, "the comparison was given up");
        if (!yq_ledger_find(c->comparing->house->catalog, &query, true, &list, &got, err))
            return false;
        bool ok = true;
        for (size_t i = 0; ok && i < got; i++) {
            ok = count_exam(c, &list[i], err);
            query.after_row = list[i].row;
        }
        yq_ledger_list_free(list, got);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- telling ---- */

#define VALUES_OF_GROUP 4
struct values {
    struct yq_node_value list[2 + MODALITIES_MOST * VALUES_OF_GROUP];
    size_t count;
    struct yq_buf names; /* of the groups */
    char texts[MODALITIES_MOST * VALUES_OF_GROUP][64], numbers[MODALITIES_MOST * 3][24];
    size_t text_count, number_count;
};

static void give(struct values *v, const struct group *group, const char *what, const char *value)
{
    char *name = v->texts[v->text_count++];
    snprintf(name, sizeof v->texts[0], "examInfo[%.31s].%.16s", group->modality, what);
    v->list[v->count++] = (struct yq_node_value){.name = name, .value = value};
}

static void give_number(struct values *v, const struct group *group, const char *what,
                        uint64_t number)
{
    char *text = v->numbers[v->number_count++];
    snprintf(text, sizeof v->numbers[0], "%llu", (unsigned long long)number);
    give(v, group, what, text);
}

static bool compose(struct counting *c, struct yq_composed *out, struct yq_err *err)
{
    const struct yq_interface *interface = yq_interface_find("shanxi", "statisticalData-upload");
    const struct yq_company nobody = {0};
    struct values *v = calloc(1, sizeof *v);
    if (!interface || !v) {
        free(v);
        return yq_fail(err, interface ? YQ_FULL : YQ_BUG, ROOM, "statisticalData-upload");
    }
    for (size_t i = 0; i < c->group_count; i++) {
        struct group *group = &c->groups[i];
        yq_buf_putf(&v->names, "%s%s", i ? "\n" : "", group->modality);
        give_number(v, group, "exams", group->exams);
        give_number(v, group, "images", group->images);
        give_number(v, group, "reports", group->reports);
        give(v, group, "studies", yq_buf_text(&group->ids));
    }
    v->list[v->count++] = (struct yq_node_value){.name = "date", .value = c->comparing->date};
    v->list[v->count++] =
        (struct yq_node_value){.name = "examInfo", .value = yq_buf_text(&v->names)};
    bool ok = yq_compose(c->comparing->house, c->comparing->conf, c->comparing->platform, interface,
                         &nobody, v->list, v->count, false, out, err);
    yq_buf_fini(&v->names);
    free(v);
    if (ok && out->held) {
        char reason[200];
        yq_compose_reason(out, reason, sizeof reason);
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the count of the day would be refused: %s",
                       reason);
    }
    return ok;
}

static bool call(const struct yq_comparing *comparing, const struct yq_composed *composed,
                 struct yq_buf *answer, struct yq_err *err)
{
    const struct yq_recipe *seal;
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0}, url yq_cleanup(yq_buf_fini) = {0};
    const struct yq_ingredient whole = {.value = composed->message.bytes,
                                        .length = composed->message.length};
    struct yq_web_call call = {.method = "POST",
                               .headers = "Content-Type: application/json;charset=UTF-8\n",
                               .stopped = comparing->stopped,
                               .context = comparing->context};
    yq_buf_puts(&body, "{\"content\":\"");
    if (!yq_recipe_of(comparing->conf, YQ_SHANXI, "seal", &seal, err) ||
        !yq_recipe_make(seal, comparing->keys, &whole, 1, &body, err))
        return false;
    yq_buf_puts(&body, "\"}");
    yq_buf_putf(&url, "%s/statisticalData/upload", comparing->address);
    call.url = yq_buf_text(&url);
    call.body = body.bytes;
    call.length = body.length;
    bool ok = yq_web_do(comparing->web, &call, err);
    const struct yq_kept_call kept = {.piece = "statistics",
                                      .url = call.url,
                                      .status = call.status,
                                      .took_us = call.took_us,
                                      .request = yq_buf_text(&composed->shown),
                                      .answer = ok ? yq_buf_text(&call.answer) : err->text};
    yq_platform_keep(comparing->house, comparing->platform, &kept, !ok || call.status != 200);
    if (ok && call.status != 200)
        ok = yq_fail(err, call.status >= 500 ? YQ_PEER_GONE : YQ_CONFLICT, ROOM,
                     "the platform answered HTTP %u instead of 200", call.status);
    if (ok)
        *answer = call.answer;
    else
        yq_buf_fini(&call.answer);
    return ok;
}

/* ---- what it answers ---- */

bool shanxi_missing_read(const char *text, size_t length, shanxi_id *take, void *context,
                         struct yq_err *err)
{
    struct yq_answer *json = NULL;
    if (!yq_answer_read(text, length, &json, err))
        return yq_while(err, "what the platform says it lacks");
    bool ok = yq_answer_each(json, "", take, context) ||
              yq_answer_each(json, "study_uids", take, context);
    yq_answer_free(json);
    return ok || yq_fail(err, YQ_CONFLICT, ROOM, "what the platform says it lacks is no list");
}

bool shanxi_statistics_read(const char *text, size_t length, struct yq_buf *data, shanxi_id *take,
                            void *context, struct yq_err *err)
{
    struct yq_answer *json = NULL;
    struct yq_buf status yq_cleanup(yq_buf_fini) = {0}, words yq_cleanup(yq_buf_fini) = {0};
    if (!yq_answer_read(text, length, &json, err))
        return yq_fail(err, YQ_CONFLICT, ROOM, "what answered is not the platform: no JSON");
    (void)yq_answer_get(json, "message", &words);
    bool told = yq_answer_get(json, "status", &status);
    bool ok = told && strcmp(yq_buf_text(&status), "0") == 0;
    if (ok) {
        (void)yq_answer_get(json, "data", data);
        (void)yq_answer_each(json, "study_uids", take, context);
    } else if (told) {
        (void)yq_fail(err, YQ_CONFLICT, ROOM, "the platform said no (status %.8s): %.120s",
                      yq_buf_text(&status), yq_buf_text(&words));
        for (char *p = err->text; *p; p++)
            *p = (char)((unsigned char)*p < ' ' ? ' ' : *p);
    } else {
        (void)yq_fail(err, YQ_CONFLICT, ROOM, "what answered is not the platform: no status");
    }
    yq_answer_free(json);
    return ok;
}

struct matching {
    const struct counting *c;
    int64_t *rows; /* of what is missing */
    size_t count, room;
    uint64_t unknown;
    bool failed;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct told *)a)->id, ((const struct told *)b)->id);
}

static int by_row(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void match(void *context, const char *id)
{
    struct matching *m = context;
    if (m->failed || strlen(id) >= ID_SIZE) {
        m->unknown++;
        return;
    }
    size_t low = 0, high = m->c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->c->told[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool any = false;
    for (; low < m->c->count && strcmp(m->c->told[low].id, id) == 0; low++) {
        any = true;
        if (m->count == m->room) {
            size_t room = m->room ? m->room * 2 : 64;
            int64_t *rows = realloc(m->rows, room * sizeof *rows);
            m->failed = m->failed || !rows;
            if (!rows)
                return;
            m->rows = rows;
            m->room = room;
        }
        m->rows[m->count++] = m->c->told[low].row;
        if (m->count > 4 * (size_t)EXAMS_MOST) /* an answer that says the same again and again */
            m->failed = true;
        if (m->failed)
            return;
    }
    m->unknown += !any;
}

/* What it lacks, once each. */
static bool want_again(const struct yq_comparing *comparing, struct matching *m, struct yq_err *err)
{
    size_t kept = 0;
    if (m->failed)
        return yq_fail(err, YQ_FULL, ROOM, "the platform's answer names too much");
    if (m->count)
        qsort(m->rows, m->count, sizeof *m->rows, by_row);
    for (size_t i = 0; i < m->count; i++)
        if (!i || m->rows[i] != m->rows[i - 1])
            m->rows[kept++] = m->rows[i];
    m->count = kept;
    return yq_consignment_lost(comparing->house->catalog, comparing->platform->name, m->rows,
                               m->count, 1, err);
}

static bool understand(const struct counting *c, const struct yq_buf *answer, struct yq_err *err)
{
    struct yq_comparing *comparing = c->comparing;
    struct matching m = {.c = c};
    struct yq_buf data yq_cleanup(yq_buf_fini) = {0}, plain yq_cleanup(yq_buf_fini) = {0};
    const struct yq_recipe *seal;
    bool ok = shanxi_statistics_read(yq_buf_text(answer), answer->length, &data, match, &m, err);
    if (ok && data.length)
        ok = yq_recipe_of(comparing->conf, YQ_SHANXI, "seal", &seal, err) &&
             (yq_recipe_open(seal, comparing->keys, data.bytes, data.length, &plain, err) ||
              yq_while(err, "the platform's answer")) &&
             (!plain.length ||
              shanxi_missing_read(yq_buf_text(&plain), plain.length, match, &m, err));
    ok = ok && want_again(comparing, &m, err);
    comparing->told = c->count;
    comparing->missing = m.count;
    comparing->unknown = m.unknown;
    free(m.rows);
    return ok;
}

bool shanxi_reconcile(struct yq_comparing *comparing, struct yq_err *err)
{
    struct counting c yq_cleanup(counting_fini) = {.comparing = comparing};
    struct yq_composed composed yq_cleanup(yq_composed_fini) = {0};
    struct yq_buf answer yq_cleanup(yq_buf_fini) = {0};
    if (!count_day(&c, err))
        return false;
    if (!c.count)
        return true;
    qsort(c.told, c.count, sizeof *c.told, by_id);
    return compose(&c, &composed, err) && call(comparing, &composed, &answer, err) &&
           understand(&c, &answer, err);
}
