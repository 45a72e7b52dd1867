/* tables.c: what records are made of, for programs that ask: the members of each kind
 * (/api/v1/model), the code tables of the documents (/api/v1/dictionaries), and the links of a
 * record. Nothing personal is in the first two. Runs on worker threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "yq/dictionary.h"

static void put_text(struct yq_buf *out, const char *name, const char *value)
{
    yq_buf_putf(out, "\"%s\":", name);
    yq_json_put_text(out, value);
}

/* ---- the model ---- */

static void put_member(struct yq_buf *out, const struct yq_member *member)
{
    yq_buf_puts(out, "{");
    put_text(out, "name", member->name);
    yq_buf_puts(out, ",");
    put_text(out, "chinese", member->chinese);
    yq_buf_puts(out, ",");
    put_text(out, "type", yq_value_type_name(member->type));
    if (member->type == YQ_VALUE_LIST)
        yq_buf_putf(out, ",\"of\":\"%s\"", yq_kinds[member->of].name);
    yq_buf_putf(out, ",\"length\":%u,\"several\":%s,\"personal\":%s,\"key\":%s", member->length,
                member->many ? "true" : "false", member->personal ? "true" : "false",
                member->key ? "true" : "false");
    const struct {
        const char *name, *value;
    } more[] = {{"unit", member->unit},
                {"dictionary", member->dictionary},
                {"element", member->element},
                {"note", member->note}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!*more[i].value)
            continue;
        yq_buf_puts(out, ",");
        put_text(out, more[i].name, more[i].value);
    }
    yq_buf_puts(out, "}");
}

static void put_kind(struct yq_buf *out, const struct yq_kind_info *info, bool members)
{
    yq_buf_puts(out, "{");
    put_text(out, "kind", info->name);
    yq_buf_puts(out, ",");
    put_text(out, "path", info->plural);
    yq_buf_puts(out, ",");
    put_text(out, "chinese", info->chinese);
    if (members) {
        yq_buf_puts(out, ",\"members\":[");
        for (size_t i = 0; i < info->count; i++) {
            yq_buf_puts(out, i ? ",\n" : "\n");
            put_member(out, &info->members[i]);
        }
        yq_buf_puts(out, "]");
    } else {
        yq_buf_putf(out, ",\"count\":%zu", info->count);
    }
    yq_buf_puts(out, "}");
}

void yq_route_model(struct yq_house *house, const struct request *request, struct reply *reply)
{
    const char *name = yq_places_get(&request->places, "kind");
    struct yq_buf *out = &reply->body;
    (void)house;
    if (*name) {
        enum yq_kind kind = yq_kind_by_name(name);
        if (kind == YQ_KIND_COUNT) {
            yq_reply_problem(reply, 404, "there is no such kind of records");
            return;
        }
        put_kind(out, &yq_kinds[kind], true);
    } else {
        yq_buf_puts(out, "{\"kinds\":[");
        for (int i = 0; i < YQ_KIND_COUNT; i++) {
            yq_buf_puts(out, i ? ",\n" : "\n");
            put_kind(out, &yq_kinds[i], false);
        }
        yq_buf_puts(out, "]}");
    }
    yq_buf_puts(out, "\n");
    records_answer(reply, 200);
}

/* ---- dictionaries ---- */

static void put_dictionary(struct yq_buf *out, const struct yq_dictionary *dictionary, bool terms)
{
    yq_buf_puts(out, "{");
    put_text(out, "name", dictionary->name);
    yq_buf_puts(out, ",");
    put_text(out, "chinese", dictionary->chinese);
    yq_buf_puts(out, ",");
    put_text(out, "source", dictionary->source);
    if (!terms) {
        yq_buf_putf(out, ",\"count\":%zu}", dictionary->count);
        return;
    }
    yq_buf_puts(out, ",\"terms\":[");
    for (size_t i = 0; i < dictionary->count; i++) {
        const struct yq_term *term = &dictionary->terms[i];
        yq_buf_puts(out, i ? ",\n{" : "\n{");
        put_text(out, "code", term->code);
        yq_buf_puts(out, ",");
        put_text(out, "chinese", term->chinese);
        if (*term->parent) {
            yq_buf_puts(out, ",");
            put_text(out, "parent", term->parent);
        }
        if (*term->note) {
            yq_buf_puts(out, ",");
            put_text(out, "note", term->note);
        }
        yq_buf_puts(out, "}");
    }
    yq_buf_puts(out, "]}");
}

void yq_route_dictionaries(struct yq_house *house, const struct request *request,
                           struct reply *reply)
{
    (void)house, (void)request;
    struct yq_buf *out = &reply->body;
    yq_buf_puts(out, "{\"dictionaries\":[");
    for (size_t i = 0; i < yq_dictionary_count; i++) {
        yq_buf_puts(out, i ? ",\n" : "\n");
        put_dictionary(out, &yq_dictionaries[i], false);
    }
    yq_buf_puts(out, "]}\n");
    records_answer(reply, 200);
}

void yq_route_dictionary(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    const char *platform = yq_places_get(&request->places, "platform");
    (void)house;
    yq_buf_putf(&name, "%s%s%s", platform, *platform ? "/" : "",
                yq_places_get(&request->places, "name"));
    const struct yq_dictionary *dictionary = yq_dictionary_find(yq_buf_text(&name));
    if (!dictionary) {
        yq_reply_problem(reply, 404, "there is no such dictionary");
        return;
    }
    put_dictionary(&reply->body, dictionary, true);
    yq_buf_puts(&reply->body, "\n");
    records_answer(reply, 200);
}

/* ---- links ---- */

static void put_link(struct yq_buf *out, const struct yq_link *link)
{
    const struct {
        const char *name, *value;
    } ends[] = {{"exam", link->exam}, {"report", link->report}, {"study", link->study}};
    yq_buf_putf(out, "{\"id\":%lld,\"made\":", (long long)link->id);
    records_put_time(out, link->made_ms);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (!*ends[i].value)
            continue;
        yq_buf_puts(out, ",");
        put_text(out, ends[i].name, ends[i].value);
    }
    yq_buf_putf(out, ",\"how\":\"%s\",\"state\":\"%s\"}", yq_link_how_name(link->how),
                yq_tie_state_name(link->state));
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
    if (named->kind != YQ_KIND_EXAM && named->kind != YQ_KIND_REPORT) {
        yq_reply_problem(reply, 404, "only exams and reports have links");
        return;
    }
    if (!yq_links_of(house, named->kind, yq_record_id(named), &list, &count, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    yq_buf_puts(&reply->body, "{\"links\":[");
    for (size_t i = 0; i < count; i++) {
        yq_buf_puts(&reply->body, i ? ",\n" : "");
        put_link(&reply->body, &list[i]);
    }
    yq_buf_puts(&reply->body, "]}\n");
    free(list);
    records_answer(reply, 200);
}
