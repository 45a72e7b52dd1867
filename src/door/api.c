/* api.c: GET /api/v1/studies: which studies are here, as JSON. Filters are named as in attr.h, so
 * that what C-FIND can match can be asked here in the same words; values follow PS3.4 C.2.2.2
 * (wildcards, ranges). Newest first. Runs on a worker thread. */
#include <string.h>
#include <strings.h>

#include "http.h"
#include "yq/form.h"
#include "yq/text.h"

#define PAGE 50
#define PAGE_MOST 1000
#define OFFSET_MOST 1000000000000ull

/* ---- names that were meant, for who mistypes one ---- */

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein, without regard to case; names are shorter than 48 characters. */
static unsigned distance(const char *a, const char *b)
{
    enum { NAME_MOST = 48 };
    unsigned row[NAME_MOST + 1];
    size_t a_length = strnlen(a, NAME_MOST), b_length = strnlen(b, NAME_MOST);
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned above = row[j];
            bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, corner + !same);
            corner = above;
        }
    }
    return row[b_length];
}

static bool may_filter(enum yq_attr attr)
{
    return yq_attrs[attr].source == YQ_FROM_HEADER || attr == YQ_ModalitiesInStudy ||
           attr == YQ_SOPClassesInStudy;
}

/* Names within four edits, or that hold the word, nearest first. */
static void put_near_names(struct yq_buf *out, const char *word)
{
    enum { SHOWN = 5, FAR = 5 };
    unsigned shown = 0;
    for (unsigned far = 0; far < FAR && shown < SHOWN; far++) {
        for (int i = 0; i < YQ_ATTR_COUNT && shown < SHOWN; i++) {
            unsigned away = distance(word, yq_attrs[i].name);
            if (2 * away > strlen(word)) /* every short name is near to every short word */
                away = FAR;
            if (away >= FAR && strlen(word) > 3 && strcasestr(yq_attrs[i].name, word))
                away = FAR - 1;
            if (away != far || !may_filter((enum yq_attr)i))
                continue;
            yq_buf_putf(out, "%s%s", shown ? ", " : "; did you mean ", yq_attrs[i].name);
            shown++;
        }
    }
}

/* ---- the query ---- */

static void refuse_name(struct reply *reply, const char *name)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    put_near_names(&text, name);
    yq_reply_problem(reply, 400, "%.40s is no attribute that studies can be filtered by%s", name,
                     text.length ? yq_buf_text(&text) : "; use names such as PatientID, StudyDate");
}

static bool add_filter(const struct yq_param *param, struct yq_query *query, struct reply *reply)
{
    struct yq_err err = {0};
    enum yq_attr attr = yq_attr_by_name(param->name);
    if (attr == YQ_ATTR_COUNT || !may_filter(attr)) {
        refuse_name(reply, param->name);
        return false;
    }
    for (size_t i = 0; i < query->match_count; i++) {
        if (query->matches[i].attr == attr) {
            yq_reply_problem(reply, 400, "%s is given twice", yq_attrs[attr].name);
            return false;
        }
    }
    if (!yq_text_is_utf8(param->value, strlen(param->value))) {
        yq_reply_problem(reply, 400, "the value of %s is not UTF-8", yq_attrs[attr].name);
        return false;
    }
    if (yq_query_add(query, attr, param->value, false, &err))
        return true;
    yq_reply_error(reply, &err);
    return false;
}

/* How many rows, or how many to pass over. */
static bool read_count(const struct yq_param *param, uint64_t least, uint64_t most, uint64_t *out,
                       struct reply *reply)
{
    if (yq_params_number(param->value, least, most, out))
        return true;
    yq_reply_problem(reply, 400, "%s must be a whole number from %llu to %llu", param->name,
                     (unsigned long long)least, (unsigned long long)most);
    return false;
}

static bool read_query(const struct request *request, struct yq_query *query, struct reply *reply)
{
    query->level = YQ_STUDY;
    query->order = YQ_ORDER_NEWEST_FIRST;
    query->pinyin = true;
    query->limit = PAGE;
    for (int i = 0; i < YQ_ATTR_COUNT; i++)
        query->wanted[i] = yq_attrs[i].level == YQ_PATIENT || yq_attrs[i].level == YQ_STUDY;
    for (size_t i = 0; i < request->params.count; i++) {
        const struct yq_param *param = &request->params.list[i];
        bool fine;
        if (strcmp(param->name, "limit") == 0)
            fine = read_count(param, 1, PAGE_MOST, &query->limit, reply);
        else if (strcmp(param->name, "offset") == 0)
            fine = read_count(param, 0, OFFSET_MOST, &query->offset, reply);
        else
            fine = add_filter(param, query, reply);
        if (!fine)
            return false;
    }
    return true;
}

/* ---- the answer ---- */

static struct yq_json *read_rows(struct yq_house *house, const struct yq_query *query,
                                 struct yq_err *err)
{
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    if (!yq_catalog_find(house->catalog, query, &cursor, err))
        return NULL;
    struct yq_json *rows = yq_json_array();
    while (yq_cursor_next(cursor, &values, err))
        yq_json_add(rows, NULL, yq_form_row(values));
    yq_cursor_close(cursor);
    if (err->code == YQ_OK && rows)
        return rows;
    yq_json_free(rows);
    if (err->code == YQ_OK)
        yq_fail(err, YQ_FULL, "door", "no memory for an answer");
    return NULL;
}

static void put_link(struct yq_buf *out, const struct request *request, uint64_t limit,
                     uint64_t offset, const char *relation)
{
    yq_buf_putf(out, "%s<%s?", out->length ? ", " : "", request->path);
    for (size_t i = 0; i < request->params.count; i++) {
        const struct yq_param *param = &request->params.list[i];
        if (strcmp(param->name, "limit") == 0 || strcmp(param->name, "offset") == 0)
            continue;
        yq_params_encode(out, param->name);
        yq_buf_puts(out, "=");
        yq_params_encode(out, param->value);
        yq_buf_puts(out, "&");
    }
    yq_buf_putf(out, "limit=%llu&offset=%llu>; rel=\"%s\"", (unsigned long long)limit,
                (unsigned long long)offset, relation);
}

/* RFC 8288 */
static void put_links(const struct request *request, const struct yq_query *query, uint64_t total,
                      struct reply *reply)
{
    struct yq_buf links yq_cleanup(yq_buf_fini) = {0};
    uint64_t limit = query->limit, offset = query->offset;
    if (offset + limit < total)
        put_link(&links, request, limit, offset + limit, "next");
    if (offset)
        put_link(&links, request, limit, offset > limit ? offset - limit : 0, "prev");
    if (links.length && !links.failed)
        yq_reply_header(reply, "Link", "%s", yq_buf_text(&links));
}

static void answer(struct yq_house *house, const struct request *request,
                   const struct yq_query *query, struct reply *reply)
{
    struct yq_err err = {0};
    uint64_t total;
    struct yq_json *rows = NULL;
    if (!yq_catalog_count(house->catalog, query, &total, &err) ||
        !(rows = read_rows(house, query, &err))) {
        yq_reply_error(reply, &err);
        return;
    }
    struct yq_json *json = yq_json_object();
    yq_json_add(json, "studies", rows);
    yq_json_number(json, "total", (double)total);
    yq_json_number(json, "limit", (double)query->limit);
    yq_json_number(json, "offset", (double)query->offset);
    if (!yq_json_print(json, false, &reply->body))
        reply->body.failed = true;
    yq_json_free(json);
    put_links(request, query, total, reply);
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "application/json");
}

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

void yq_route_studies(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_query query = {0};
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    if (read_query(request, &query, reply))
        answer(house, request, &query, reply);
    if (reply->status >= 400)
        yq_fail(&err, YQ_BAD_INPUT, "door", "answered with status %u", reply->status);
    put_url(&url, request);
    yq_audit_query_url(house->audit, &request->from, yq_buf_text(&url),
                       err.code != YQ_OK ? &err : NULL);
    yq_query_fini(&query);
}
