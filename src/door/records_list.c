/* records_list.c: GET /api/v1/{records}: which records are here, found by their key members, by
 * source and time, by whether anything is wrong with them. Pages follow the order of first arrival,
 * which no change of a record disturbs: who follows the cursor sees each record once. Runs on
 * worker threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "yq/text.h"

#define PAGE 50
#define PAGE_MOST 1000
#define KEYS_MOST 16

struct listing {
    enum yq_kind kind;
    struct yq_ledger_query query;
    struct yq_ledger_key keys[KEYS_MOST];
    struct yq_buf values[KEYS_MOST];
    bool personal, content;
};

static void listing_fini(struct listing *listing)
{
    for (size_t i = 0; i < KEYS_MOST; i++)
        yq_buf_fini(&listing->values[i]);
}

/* ---- the question ---- */

static void refuse_name(struct reply *reply, enum yq_kind kind, const char *name)
{
    struct yq_buf names yq_cleanup(yq_buf_fini) = {0};
    for (size_t i = 0; i < yq_kinds[kind].count; i++)
        if (yq_kinds[kind].members[i].key)
            yq_buf_putf(&names, "%s, ", yq_kinds[kind].members[i].name);
    yq_reply_problem(reply, 400,
                     "%s cannot be filtered by %.40s, but by %ssource, since, until, problems, "
                     "removed, order, limit, cursor, personal, content",
                     yq_kinds[kind].plural, name, yq_buf_text(&names));
}

static bool add_key(struct yq_house *house, const struct yq_param *param, struct listing *listing,
                    struct reply *reply)
{
    struct yq_err err = {0};
    int place = yq_member_find(listing->kind, param->name);
    size_t n = listing->query.key_count;
    if (place < 0 || !yq_kinds[listing->kind].members[place].key || n == KEYS_MOST) {
        refuse_name(reply, listing->kind, param->name);
        return false;
    }
    if (!yq_text_is_utf8(param->value, strlen(param->value)) || !*param->value) {
        yq_reply_problem(reply, 400, "%s is empty or not UTF-8", param->name);
        return false;
    }
    const struct yq_member *member = &yq_kinds[listing->kind].members[place];
    if (!yq_record_key(house, member, param->value, &listing->values[n], &err)) {
        records_refuse(reply, 400, listing->kind, &err);
        return false;
    }
    listing->keys[n] = (struct yq_ledger_key){member->name, yq_buf_text(&listing->values[n])};
    listing->query.key_count++;
    return true;
}

static bool refuse_value(struct reply *reply, const char *name, const char *wanted)
{
    yq_reply_problem(reply, 400, "%s is %s", name, wanted);
    return false;
}

/* "n184": newest first, after row 184. */
static bool read_cursor(const char *text, struct yq_ledger_query *query)
{
    uint64_t row;
    if ((*text != 'n' && *text != 'o') || !yq_params_number(text + 1, 1, INT64_MAX, &row))
        return false;
    query->newest_first = *text == 'n';
    query->after_row = (int64_t)row;
    return true;
}

static bool add_param(struct yq_house *house, const struct request *request,
                      const struct yq_param *param, struct listing *listing, struct reply *reply)
{
    struct yq_ledger_query *query = &listing->query;
    const char *name = param->name, *value = param->value;
    uint64_t number;
    if (strcmp(name, "limit") == 0) {
        if (!yq_params_number(value, 1, PAGE_MOST, &number))
            return refuse_value(reply, name, "a whole number from 1 to 1000");
        query->limit = (size_t)number;
    } else if (strcmp(name, "cursor") == 0) {
        return read_cursor(value, query) || refuse_value(reply, name, "what an answer has as next");
    } else if (strcmp(name, "order") == 0) {
        if (strcmp(value, "newest") != 0 && strcmp(value, "oldest") != 0)
            return refuse_value(reply, name, "newest or oldest");
        if (!yq_params_get(&request->params, "cursor"))
            query->newest_first = *value == 'n';
    } else if (strcmp(name, "since") == 0) {
        return records_time(value, &query->from_ms) ||
               refuse_value(reply, name, "a date or a time, such as 2026-03-01T08:00:00+08:00");
    } else if (strcmp(name, "until") == 0) {
        return records_time(value, &query->until_ms) ||
               refuse_value(reply, name, "a date or a time, such as 2026-03-01T08:00:00+08:00");
    } else if (strcmp(name, "source") == 0) {
        query->source = value;
    } else if (strcmp(name, "problems") == 0) {
        query->serious_only = strcmp(value, "serious") == 0;
        return query->serious_only || records_flag(request, name, &query->findings_only, reply);
    } else if (strcmp(name, "removed") == 0) {
        return records_flag(request, name, &query->removed_too, reply);
    } else if (strcmp(name, "content") == 0) {
        return records_flag(request, name, &listing->content, reply);
    } else if (strcmp(name, "personal") != 0) {
        return add_key(house, param, listing, reply);
    }
    return true;
}

static bool read_question(struct yq_house *house, const struct request *request,
                          struct listing *listing, struct reply *reply)
{
    listing->kind = records_kind(request);
    listing->content = true;
    listing->query.kind = (int)listing->kind;
    listing->query.keys = listing->keys;
    listing->query.newest_first = true;
    listing->query.limit = PAGE;
    if (!records_personal(house, request, &listing->personal, reply))
        return false;
    for (size_t i = 0; i < request->params.count; i++)
        if (!add_param(house, request, &request->params.list[i], listing, reply))
            return false;
    return true;
}

/* ---- the answer ---- */

static bool put_item(struct yq_house *house, const struct listing *listing,
                     const struct yq_ledger_entry *entry, struct yq_buf *out, struct yq_err *err)
{
    struct yq_record *record yq_cleanup(yq_record_cleanup) = NULL;
    if (listing->content && !yq_record_open(house, entry, &record, err))
        return false;
    yq_buf_puts(out, "{");
    records_put_entry(out, entry, record, listing->personal);
    if (record) {
        yq_buf_puts(out, ",\"record\":");
        yq_form_record_write(record, listing->personal ? YQ_LOOK_PLAIN : YQ_LOOK_MASKED, out);
    }
    yq_buf_puts(out, "}");
    return true;
}

/* RFC 8288 */
static void put_next(const struct request *request, const char *cursor, struct reply *reply)
{
    struct yq_buf link yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&link, "<%s?", request->path);
    for (size_t i = 0; i < request->params.count; i++) {
        const struct yq_param *param = &request->params.list[i];
        if (strcmp(param->name, "cursor") == 0)
            continue;
        yq_params_encode(&link, param->name);
        yq_buf_puts(&link, "=");
        yq_params_encode(&link, param->value);
        yq_buf_puts(&link, "&");
    }
    yq_buf_putf(&link, "cursor=%s>; rel=\"next\"", cursor);
    yq_reply_header(reply, "Link", "%s", yq_buf_text(&link));
    yq_buf_putf(&reply->body, ",\"next\":\"%s\"", cursor);
}

static void answer(struct yq_house *house, const struct request *request, struct listing *listing,
                   struct reply *reply)
{
    struct yq_err err = {0};
    struct yq_ledger_entry *list = NULL;
    size_t count = 0, limit = listing->query.limit;
    listing->query.limit = limit + 1; /* is there a next page? */
    bool fine =
        yq_ledger_find(house->catalog, &listing->query, listing->content, &list, &count, &err);
    size_t shown = count < limit ? count : limit;
    yq_buf_puts(&reply->body, "{\"items\":[");
    for (size_t i = 0; i < shown && fine; i++) {
        yq_buf_puts(&reply->body, i ? ",\n" : "\n");
        fine = put_item(house, listing, &list[i], &reply->body, &err);
    }
    yq_buf_puts(&reply->body, "]");
    if (fine && count > limit) {
        char cursor[32];
        snprintf(cursor, sizeof cursor, "%c%lld", listing->query.newest_first ? 'n' : 'o',
                 (long long)list[limit - 1].row);
        put_next(request, cursor, reply);
    }
    yq_ledger_list_free(list, count);
    if (!fine) {
        yq_reply_error(reply, &err);
        return;
    }
    yq_buf_puts(&reply->body, "}\n");
    records_answer(reply, 200);
}

void yq_route_records(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct listing listing = {0};
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    if (read_question(house, request, &listing, reply))
        answer(house, request, &listing, reply);
    listing_fini(&listing);
    records_audit(house, request, reply);
}
