/* openapi.c: the OpenAPI 3.1 document of the API, made from the route table and the tables of the
 * model, so that neither is written down twice; and a page about it for people. Paths with
 * {records} stand in it once for each kind, with its own schema and example. Runs on worker
 * threads. */
#include "openapi.h"

#include <stdio.h>
#include <string.h>

#include "http.h"
#include "yq/form.h"

#define EXAMPLE_ID "EXAMPLE-1"

/* ---- parameters ---- */

static const struct {
    const char *name, *in, *schema, *example, *help;
} params[] = {
    {"id", "path", "{\"type\":\"string\",\"maxLength\":128}", "\"" EXAMPLE_ID "\"",
     "the record's id"},
    {"kind", "path", "{\"type\":\"string\"}", "\"exam\"", "a kind of records"},
    {"name", "path", "{\"type\":\"string\"}", "\"sex\"", "name of a dictionary"},
    {"platform", "path", "{\"type\":\"string\"}", "\"hebei\"", "document of a province"},
    {"version", "query", "{\"type\":\"integer\",\"minimum\":1}", "1", "an earlier version"},
    {"personal", "query", "{\"type\":\"boolean\"}", "true",
     "personal members as they are, not masked; needs the right \\\"personal\\\""},
    {"limit", "query", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":50}", "10",
     "records of a page"},
    {"cursor", "query", "{\"type\":\"string\",\"pattern\":\"^[no][0-9]+$\"}", NULL,
     "what the page before has as next"},
    {"order", "query", "{\"enum\":[\"newest\",\"oldest\"],\"default\":\"newest\"}", "\"oldest\"",
     "by first arrival"},
    {"since", "query", "{\"type\":\"string\"}", "\"2026-03-01T08:00:00+08:00\"",
     "last changed then or later"},
    {"until", "query", "{\"type\":\"string\"}", "\"2999-01-01\"", "last changed before"},
    {"source", "query", "{\"type\":\"string\"}", "\"rest:*\"",
     "where it came from; * any characters"},
    {"problems", "query", "{\"enum\":[true,false,\"serious\"]}", "false",
     "only records in which something was found; serious: for which a province would refuse it"},
    {"removed", "query", "{\"type\":\"boolean\"}", "true", "deleted ones too"},
    {"content", "query", "{\"type\":\"boolean\",\"default\":true}", "true",
     "false: without the records themselves"},
    {"offset", "query", "{\"type\":\"integer\",\"minimum\":0}", "0", "how many to pass over"},
    {"study", "query", "{\"type\":\"string\"}", NULL, "Study Instance UID"},
    {"state", "query", "{\"enum\":[\"sure\",\"guess\",\"set\",\"undone\"]}", "\"guess\"",
     "only links in this state"},
    {"unlinked", "query", "{\"enum\":[\"exams\",\"reports\"]}", NULL, "what has no link, and why"},
    {"before", "query", "{\"type\":\"integer\",\"minimum\":1}", NULL, "links with smaller numbers"},
    {"hours", "query", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":8760}", "24",
     "until it expires"},
    {"platform", "query", "{\"enum\":[\"hebei\",\"neijiang\",\"shanxi\",\"sichuan\"]}", NULL,
     "what this platform would refuse of the record as it is now"},
    {"If-Match", "header", "{\"type\":\"string\"}", NULL,
     "entity tags of versions of which the latest must be one, or *: 412 otherwise"},
    {"If-None-Match", "header", "{\"type\":\"string\"}", NULL,
     "*: only when the record is not there (412)"},
};

static bool lists(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words ? words : ""; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        if (size == length && memcmp(at, word, size) == 0)
            return true;
        at += size;
    }
    return false;
}

static bool in_path(const char *path, const char *name)
{
    char place[40];
    snprintf(place, sizeof place, "{%s}", name);
    return strstr(path, place);
}

/* `kind`: of whose key members there are filters; YQ_KIND_COUNT: none. */
static void put_params(struct yq_buf *out, const struct yq_route *route, enum yq_kind kind)
{
    const char *separator = "";
    yq_buf_puts(out, "\"parameters\":[");
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        bool path = strcmp(params[i].in, "path") == 0;
        if (path ? !in_path(route->path, params[i].name) : !lists(route->params, params[i].name))
            continue;
        yq_buf_putf(out, "%s{\"name\":\"%s\",\"in\":\"%s\",%s\"schema\":%s,", separator,
                    params[i].name, params[i].in, path ? "\"required\":true," : "",
                    params[i].schema);
        /* the first version of an example has no PDF yet */
        bool apt = strcmp(params[i].name, "version") != 0 || !strstr(route->path, "/pdf");
        if (params[i].example && apt)
            yq_buf_putf(out, "\"example\":%s,", params[i].example);
        yq_buf_putf(out, "\"description\":\"%s\"}", params[i].help);
        separator = ",\n";
    }
    for (size_t i = 0;
         kind < YQ_KIND_KEPT && lists(route->params, "keys") && i < yq_kinds[kind].count; i++) {
        const struct yq_member *member = &yq_kinds[kind].members[i];
        if (!member->key)
            continue;
        yq_buf_putf(
            out,
            "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"string\"},\"description\":",
            separator, member->name);
        yq_json_put_text(out, member->chinese);
        yq_buf_puts(out, i ? "}" : ",\"example\":\"" EXAMPLE_ID "\"}");
        separator = ",\n";
    }
    yq_buf_puts(out, "]");
}

/* ---- bodies ---- */

static void put_lines(struct yq_buf *out, enum yq_kind kind)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    for (int i = 1; i <= 2; i++) {
        char id[32];
        snprintf(id, sizeof id, "EXAMPLE-%d", i);
        if (kind == YQ_KIND_COUNT)
            yq_buf_puts(&text, i == 1 ? "{\"exam\":" : "{\"report\":");
        openapi_put_example(&text,
                            kind < YQ_KIND_COUNT ? kind
                            : i == 1             ? YQ_KIND_EXAM
                                                 : YQ_KIND_REPORT,
                            id);
        yq_buf_puts(&text, kind == YQ_KIND_COUNT ? "}\n" : "\n");
    }
    yq_json_put_text(out, yq_buf_text(&text));
}

static void put_body(struct yq_buf *out, const struct yq_route *route, enum yq_kind kind)
{
    char name[40] = "";
    const char *separator = "";
    if (kind < YQ_KIND_KEPT)
        openapi_schema_name(kind, name);
    yq_buf_puts(out, ",\n\"requestBody\":{\"required\":true,\"content\":{");
    for (const char *at = route->bodies; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        yq_buf_putf(out, "%s\"%.*s\":{\"schema\":", separator, (int)length, at);
        bool lines = strncmp(at, "application/x-ndjson", length) == 0;
        bool pdf = strncmp(at, "application/pdf", length) == 0;
        if (lines || pdf)
            yq_buf_puts(out, "{\"type\":\"string\"}");
        else
            yq_buf_putf(out, "{\"$ref\":\"#/components/schemas/%s\"}", name);
        if (!pdf)
            yq_buf_puts(out, ",\"example\":");
        if (lines)
            put_lines(out, kind);
        else if (!pdf && route->methods & YQ_PATCH)
            openapi_put_patch(out, kind);
        else if (!pdf)
            openapi_put_example(out, kind, EXAMPLE_ID);
        yq_buf_puts(out, "}");
        separator = ",\n";
        at += length;
    }
    yq_buf_puts(out, "}}");
}

/* ---- answers ---- */

static void put_answer(struct yq_buf *out, const struct yq_route *route, enum yq_kind kind)
{
    char schema[64], name[40] = "";
    const char *answer = route->answer, *type = "application/json";
    if (kind < YQ_KIND_KEPT)
        openapi_schema_name(kind, name);
    bool record = strcmp(answer, "record") == 0, page = strcmp(answer, "page") == 0;
    snprintf(schema, sizeof schema, "%s%s", record || page ? name : answer, page ? "Page" : "");
    if (strcmp(answer, "BatchLine") == 0)
        type = "application/x-ndjson";
    const char *text = strcmp(answer, "html") == 0  ? "text/html"
                       : strcmp(answer, "pdf") == 0 ? "application/pdf"
                       : strcmp(answer, "png") == 0 ? "image/png"
                                                    : NULL;
    yq_buf_puts(out, ",\n\"responses\":{");
    for (int i = 0; i < (route->methods & (YQ_PUT | YQ_POST) && !route->batch ? 2 : 1); i++) {
        yq_buf_putf(out, "%s\"%d\":{\"description\":\"%s\",\"content\":{", i ? ",\n" : "", 200 + i,
                    i ? "made" : "done");
        if (text)
            yq_buf_putf(out, "\"%s\":{}", text);
        else if (strcmp(answer, "any") == 0)
            yq_buf_puts(out, "\"application/json\":{\"schema\":{\"type\":\"object\"}}");
        else
            yq_buf_putf(out, "\"%s\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}", type,
                        schema);
        if (route->batch && strstr(route->bodies, "application/json"))
            yq_buf_puts(
                out, ",\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Kept\"}}");
        yq_buf_puts(out, "}}");
    }
    if (route->batch && strstr(route->bodies, "application/json"))
        yq_buf_puts(
            out,
            ",\n\"201\":{\"description\":\"made\",\"content\":{\"application/json\":{\"schema\":"
            "{\"$ref\":\"#/components/schemas/Kept\"}}}}");
    if (strcmp(answer, "png") == 0)
        yq_buf_puts(out, ",\n\"404\":{\"$ref\":\"#/components/responses/Problem\"}");
    yq_buf_puts(out, ",\n\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
}

/* ---- operations ---- */

/* The path as it stands in the document: {records} as the plural of the kind. */
static void put_path(struct yq_buf *out, const char *path, enum yq_kind kind)
{
    static const char place[] = "{records}";
    const char *at = strstr(path, place);
    if (at && kind < YQ_KIND_KEPT)
        yq_buf_putf(out, "%.*s%s%s", (int)(at - path), path, yq_kinds[kind].plural,
                    at + strlen(place));
    else
        yq_buf_puts(out, path);
}

static void put_operation(struct yq_buf *out, const struct yq_route *route, const char *method,
                          enum yq_kind kind)
{
    char name[40] = "";
    if (kind < YQ_KIND_KEPT)
        openapi_schema_name(kind, name);
    bool both = route->methods & YQ_PUT && route->methods & YQ_POST; /* two operations of a row */
    yq_buf_putf(out, "\"%s\":{\"operationId\":\"%s%s%s\",\"summary\":", method, route->id, name,
                both && strcmp(method, "post") == 0 ? "ByPost" : "");
    yq_json_put_text(out, route->help);
    yq_buf_puts(out, ",\"tags\":[");
    yq_json_put_text(out, kind < YQ_KIND_KEPT ? yq_kinds[kind].chinese : "API");
    yq_buf_puts(out, "],\n");
    put_params(out, route, kind);
    if (route->bodies)
        put_body(out, route, kind);
    put_answer(out, route, kind);
    yq_buf_puts(out, "}");
}

/* Whether the API's document has it. A PDF belongs to reports and labs, links to exams and
 * reports, signing to reports. */
static bool is_told(const struct yq_route *route, enum yq_kind kind)
{
    if (!route->id)
        return false;
    if (!strstr(route->path, "{records}"))
        return kind == YQ_KIND_COUNT;
    if (kind >= YQ_KIND_KEPT)
        return false;
    if (strstr(route->path, "/signing"))
        return kind == YQ_KIND_REPORT;
    if (strstr(route->path, "/pdf"))
        return yq_member_find(kind, "pdf") >= 0;
    return !strstr(route->path, "/links") || kind == YQ_KIND_EXAM || kind == YQ_KIND_REPORT;
}

static const struct {
    const char *name;
    enum yq_method bit;
} methods[] = {{"get", YQ_GET},
               {"put", YQ_PUT},
               {"post", YQ_POST},
               {"patch", YQ_PATCH},
               {"delete", YQ_DELETE}};

/* All rows of the table with the path of this one, under that path; unless an earlier row had it.
 */
static void put_routes_of(struct yq_buf *out, size_t first, enum yq_kind kind, bool *any)
{
    const char *path = yq_routes[first].path, *separator = "";
    for (size_t i = 0; i < first; i++)
        if (strcmp(yq_routes[i].path, path) == 0 && is_told(&yq_routes[i], kind))
            return;
    yq_buf_puts(out, *any ? ",\n\"" : "\"");
    put_path(out, path, kind);
    yq_buf_puts(out, "\":{");
    *any = true;
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        for (size_t i = first; i < yq_route_count; i++) {
            const struct yq_route *route = &yq_routes[i];
            if (strcmp(route->path, path) != 0 || !(route->methods & methods[m].bit) ||
                !is_told(route, kind))
                continue;
            yq_buf_puts(out, separator);
            put_operation(out, route, methods[m].name, kind);
            separator = ",\n";
            break;
        }
    }
    yq_buf_puts(out, "}");
}

void yq_route_openapi(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_buf *out = &reply->body;
    bool any = false;
    (void)house, (void)request;
    yq_buf_puts(
        out,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Yingqiao\",\"version\":\"" YQ_VERSION
        "\",\"description\":\"检查、报告、检验等记录的读写接口。Exams, reports, lab reports and "
        "what "
        "goes with them: in, out, every version.\"},\n\"servers\":[{\"url\":\"/\"}],\n\"security\":"
        "[{},{\"token\":[]}],\n\"paths\":{\n");
    for (int kind = 0; kind <= YQ_KIND_COUNT; kind++)
        for (size_t i = 0; i < yq_route_count; i++)
            if (is_told(&yq_routes[i], (enum yq_kind)kind))
                put_routes_of(out, i, (enum yq_kind)kind, &any);
    yq_buf_puts(
        out,
        "},\n\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":"
        "\"bearer\","
        "\"description\":\"a secret of tokens.json; programs of the node's own machine need none "
        "while it listens on loopback\"}},\n\"responses\":{\"Problem\":{\"description\":\"what is "
        "wrong\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
        "\"#/components/schemas/Problem\"}}}}},\n\"schemas\":{\n");
    openapi_put_schemas(out);
    yq_buf_puts(out, "}}}\n");
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "application/json");
}

/* ---- for people ---- */

static void put_rows(struct yq_buf *out)
{
    for (size_t i = 0; i < yq_route_count; i++) {
        const struct yq_route *route = &yq_routes[i];
        char names[64];
        if (!route->id)
            continue;
        yq_buf_putf(out, "<tr><td>%s</td><td><code>",
                    yq_method_names(route->methods & ~(unsigned)YQ_HEAD, names));
        if (route->methods & YQ_GET && !strchr(route->path, '{'))
            yq_buf_putf(out, "<a href=\"%s\">%s</a>", route->path, route->path);
        else
            yq_buf_puts(out, route->path);
        yq_buf_putf(out, "</code></td><td>%s</td><td>%s</td></tr>\n", route->help,
                    route->bodies ? route->bodies : "");
    }
}

void yq_route_api_page(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_buf *out = &reply->body;
    (void)house, (void)request;
    yq_buf_puts(
        out,
        "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>影桥 "
        "API</title><style>"
        "body{font:16px/1.5 sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}"
        "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid "
        "#ddd;padding:.35em .6em;"
        "text-align:left;vertical-align:top}code{font-size:.95em}th{background:#f4f6f8}</style></"
        "head>\n"
        "<body><h1>影桥 API <small>Yingqiao " YQ_VERSION "</small></h1>\n"
        "<p><a href=\"/api/v1/openapi.json\">OpenAPI 3.1</a> · <a href=\"/api/v1/model\">数据模型 "
        "model</a> · "
        "<a href=\"/api/v1/dictionaries\">字典 dictionaries</a> · <a href=\"/\">节点 node</a></p>\n"
        "<h2>操作 "
        "Operations</h2>\n<table><tr><th>方法</th><th>路径</th><th>说明</th><th>正文</th></tr>\n");
    put_rows(out);
    yq_buf_puts(out, "</table>\n<h2>记录 Records</h2>\n<table><tr><th>{records}</th><th>记录</th>"
                     "<th>标识 id</th><th>字段数 members</th></tr>\n");
    for (int kind = 0; kind < YQ_KIND_KEPT; kind++) {
        const struct yq_kind_info *info = &yq_kinds[kind];
        yq_buf_putf(out,
                    "<tr><td><code><a "
                    "href=\"/api/v1/%s\">%s</a></code></td><td>%s</td><td><code>%s</code></td>"
                    "<td><a href=\"/api/v1/model/%s\">%zu</a></td></tr>\n",
                    info->plural, info->plural, info->chinese, info->members[0].name, info->name,
                    info->count);
    }
    yq_buf_puts(out, "</table></body></html>\n");
    yq_reply_header(reply, "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action "
                    "'none'; frame-ancestors 'none'");
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "text/html; charset=utf-8");
}
