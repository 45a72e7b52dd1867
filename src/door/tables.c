/* tables.c: what records are made of, for programs that ask: the members of each kind
 * (/api/v1/model), and the code tables of the documents (/api/v1/dictionaries). Nothing personal is
 * in them. Runs on worker threads. */
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
