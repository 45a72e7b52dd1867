/* openapi_schema.c: JSON schemas (2020-12) of records, from the tables of the model, and of what
 * else the API answers. Every member has its Chinese name, type, length and an example. Pure. */
#include <ctype.h>
#include <string.h>

#include "openapi.h"
#include "yq/dictionary.h"
#include "yq/form.h"

void openapi_schema_name(enum yq_kind kind, char name[40])
{
    bool up = true;
    char *to = name;
    for (const char *at = yq_kinds[kind].name; *at; at++) {
        if (*at != '-')
            *to++ = (char)(up ? toupper((unsigned char)*at) : *at);
        up = *at == '-';
    }
    *to = '\0';
}

/* ---- examples ---- */

/* Names of invented people only. */
static const char *example_text(const struct yq_member *member)
{
    static const struct {
        const char *part, *value;
    } known[] = {{"Name", "测试"},
                 {"Pinyin", "ceshi"},
                 {"idNumber", "110101199003070732"},
                 {"hone", "13800000000"},
                 {"accessionNumber", "A0001"},
                 {"patientId", "P0001"},
                 {"Code", "T01"},
                 {"pdf", ""}};
    switch (member->type) {
    case YQ_VALUE_UID: return "1.2.826.0.1.3680043.8.498.1";
    case YQ_VALUE_DATE: return "2026-03-01";
    case YQ_VALUE_DATETIME: return "2026-03-01 08:15:00";
    case YQ_VALUE_INTEGER:
    case YQ_VALUE_NUMBER:
    case YQ_VALUE_FLAG: return "1";
    case YQ_VALUE_CODE: {
        const struct yq_dictionary *dictionary = yq_dictionary_find(member->dictionary);
        return dictionary && dictionary->count ? dictionary->terms[0].code : "1";
    }
    default: break;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(member->name, known[i].part))
            return known[i].value;
    return member->length && member->length < 4 ? "T" : "测试文本";
}

static void put_value(struct yq_buf *out, const struct yq_member *member, const char *text)
{
    if (member->many)
        yq_buf_puts(out, "[");
    if (member->type == YQ_VALUE_FLAG)
        yq_buf_puts(out, "true");
    else if (member->type == YQ_VALUE_INTEGER || member->type == YQ_VALUE_NUMBER)
        yq_buf_puts(out, text);
    else
        yq_json_put_text(out, text);
    if (member->many)
        yq_buf_puts(out, "]");
}

static bool has_example(const struct yq_member *member)
{
    return member->type != YQ_VALUE_LIST && *example_text(member);
}

void openapi_put_example(struct yq_buf *out, enum yq_kind kind, const char *id)
{
    enum { SHOWN = 12 };
    const struct yq_kind_info *info = &yq_kinds[kind];
    yq_buf_putf(out, "{\"%s\":", info->members[0].name);
    yq_json_put_text(out, kind < YQ_KIND_KEPT ? id : example_text(&info->members[0]));
    size_t shown = 1;
    for (size_t i = 1; i < info->count; i++) {
        const struct yq_member *member = &info->members[i];
        bool list = member->type == YQ_VALUE_LIST;
        if (!list && (shown >= SHOWN || !has_example(member)))
            continue;
        yq_buf_putf(out, ",\"%s\":", member->name);
        if (list) {
            yq_buf_puts(out, "[");
            openapi_put_example(out, member->of, "");
            yq_buf_puts(out, "]");
        } else {
            put_value(out, member, example_text(member));
        }
        shown++;
    }
    yq_buf_puts(out, "}");
}

void openapi_put_patch(struct yq_buf *out, enum yq_kind kind)
{
    const struct yq_kind_info *info = &yq_kinds[kind];
    for (size_t i = info->count - 1; i > 0; i--) {
        if (!has_example(&info->members[i]))
            continue;
        yq_buf_putf(out, "{\"%s\":", info->members[i].name);
        put_value(out, &info->members[i], example_text(&info->members[i]));
        yq_buf_puts(out, "}");
        return;
    }
}

/* ---- schemas of records ---- */

/* What a single value is. A masked one is a string, whatever it hides. */
static void put_type(struct yq_buf *out, const struct yq_member *member)
{
    const char *type = "\"string\"";
    if (member->type == YQ_VALUE_FLAG)
        type = "\"boolean\"";
    else if (member->type == YQ_VALUE_INTEGER)
        type = "\"integer\"";
    else if (member->type == YQ_VALUE_NUMBER)
        type = "\"number\"";
    bool text = *type && strcmp(type, "\"string\"") == 0;
    if (member->personal && !text)
        yq_buf_putf(out, "\"type\":[%s,\"string\"]", type);
    else
        yq_buf_putf(out, "\"type\":%s", type);
    if (text && member->length)
        yq_buf_putf(out, ",\"maxLength\":%u", member->length);
    if (member->personal)
        return;
    if (member->type == YQ_VALUE_DATE)
        yq_buf_puts(out, ",\"pattern\":\"^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\d$\"");
    else if (member->type == YQ_VALUE_DATETIME)
        yq_buf_puts(
            out,
            ",\"pattern\":\"^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\d \\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d$\"");
    else if (member->type == YQ_VALUE_UID)
        yq_buf_puts(out, ",\"pattern\":\"^[0-9.]+$\"");
}

static void put_description(struct yq_buf *out, const struct yq_member *member)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (*member->dictionary)
        yq_buf_putf(&text, "字典 /api/v1/dictionaries/%s。", member->dictionary);
    if (*member->unit)
        yq_buf_putf(&text, "单位 %s。", member->unit);
    if (*member->element)
        yq_buf_putf(&text, "数据元 %s。", member->element);
    if (member->personal)
        yq_buf_puts(&text, "个人信息：默认脱敏显示。");
    yq_buf_puts(&text, member->note);
    if (!text.length)
        return;
    yq_buf_puts(out, ",\"description\":");
    yq_json_put_text(out, yq_buf_text(&text));
}

static void put_member(struct yq_buf *out, const struct yq_member *member)
{
    char name[40];
    yq_buf_putf(out, "\"%s\":{\"title\":", member->name);
    yq_json_put_text(out, member->chinese);
    yq_buf_puts(out, ",");
    if (member->type == YQ_VALUE_LIST) {
        openapi_schema_name(member->of, name);
        yq_buf_putf(
            out,
            "\"type\":\"array\",\"maxItems\":%d,\"items\":{\"$ref\":\"#/components/schemas/%s\"}",
            YQ_RECORD_ITEMS_MOST, name);
    } else if (member->many) {
        yq_buf_puts(out, "\"type\":\"array\",\"items\":{");
        put_type(out, member);
        yq_buf_puts(out, "}");
    } else {
        put_type(out, member);
    }
    put_description(out, member);
    if (member->personal)
        yq_buf_puts(out, ",\"x-personal\":true");
    if (member->key)
        yq_buf_puts(out, ",\"x-key\":true");
    if (has_example(member)) {
        yq_buf_puts(out, ",\"examples\":[");
        put_value(out, member, example_text(member));
        yq_buf_puts(out, "]");
    }
    yq_buf_puts(out, "}");
}

static void put_record(struct yq_buf *out, enum yq_kind kind)
{
    char name[40];
    const struct yq_kind_info *info = &yq_kinds[kind];
    openapi_schema_name(kind, name);
    yq_buf_putf(out, "\"%s\":{\"type\":\"object\",\"title\":", name);
    yq_json_put_text(out, info->chinese);
    yq_buf_puts(out, ",\"additionalProperties\":false,\"properties\":{\n");
    for (size_t i = 0; i < info->count; i++) {
        yq_buf_puts(out, i ? ",\n" : "");
        put_member(out, &info->members[i]);
    }
    if (yq_member_find(kind, "pdf") >= 0)
        yq_buf_puts(
            out, ",\n\"pdfBase64\":{\"title\":\"PDF 文件\",\"type\":\"string\",\"contentEncoding\":"
                 "\"base64\",\"contentMediaType\":\"application/pdf\",\"writeOnly\":true}");
    yq_buf_puts(out, "}},\n");
    if (kind >= YQ_KIND_KEPT)
        return;
    yq_buf_putf(
        out,
        "\"%sPage\":{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{"
        "\"type\":"
        "\"array\",\"items\":{\"allOf\":[{\"$ref\":\"#/components/schemas/"
        "Version\"},{\"properties\":"
        "{\"record\":{\"$ref\":\"#/components/schemas/%s\"}}}]}},\"next\":{\"type\":\"string\","
        "\"description\":\"cursor of the next page; absent on the last\"}}},\n",
        name, name);
}

/* ---- the others ---- */

static const char others[] =
    "\"Finding\":{\"type\":\"object\",\"required\":[\"member\",\"what\",\"serious\",\"chinese\","
    "\"english\"],"
    "\"properties\":{\"member\":{\"type\":\"string\"},\"what\":{\"type\":\"string\"},\"serious\":{"
    "\"type\":"
    "\"boolean\"},\"chinese\":{\"type\":\"string\"},\"english\":{\"type\":\"string\"}}},\n"
    "\"MemberError\":{\"type\":\"object\",\"required\":[\"member\",\"why\",\"chinese\"],"
    "\"properties\":{\"member\":"
    "{\"type\":\"string\"},\"why\":{\"type\":\"string\"},\"chinese\":{\"type\":\"string\"}}},\n"
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC "
    "9457\",\"required\":[\"title\",\"status\",\"detail\"],"
    "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{"
    "\"type\":"
    "\"integer\"},\"detail\":{\"type\":\"string\"},\"trace\":{\"type\":\"string\"},\"errors\":{"
    "\"type\":\"array\","
    "\"items\":{\"$ref\":\"#/components/schemas/MemberError\"}}}},\n"
    "\"Kept\":{\"type\":\"object\",\"required\":[\"kind\",\"id\",\"version\",\"outcome\"],"
    "\"properties\":{\"kind\":"
    "{\"type\":\"string\"},\"id\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\","
    "\"minimum\":1},"
    "\"outcome\":{\"enum\":[\"new\",\"changed\",\"same\",\"removed\"]},\"findings\":{\"type\":"
    "\"array\",\"items\":"
    "{\"$ref\":\"#/components/schemas/Finding\"}}}},\n"
    "\"BatchLine\":{\"type\":\"object\",\"description\":\"one line of the answer for each line "
    "that is not "
    "blank\",\"required\":[\"line\",\"status\"],\"properties\":{\"line\":{\"type\":\"integer\","
    "\"minimum\":1},"
    "\"status\":{\"type\":\"integer\"},\"kind\":{\"type\":\"string\"},\"id\":{\"type\":\"string\"},"
    "\"version\":"
    "{\"type\":\"integer\"},\"outcome\":{\"enum\":[\"new\",\"changed\",\"same\"]},\"findings\":{"
    "\"type\":\"array\","
    "\"items\":{\"$ref\":\"#/components/schemas/"
    "Finding\"}},\"errors\":{\"type\":\"array\",\"items\":{\"$ref\":"
    "\"#/components/schemas/MemberError\"}}}},\n"
    "\"Version\":{\"type\":\"object\",\"required\":[\"version\",\"source\",\"received\","
    "\"first\",\"removed\","
    "\"problems\"],\"properties\":{\"id\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\"},"
    "\"source\":"
    "{\"type\":\"string\",\"examples\":[\"rest:his\",\"hl7:ris\"]},\"person\":{\"type\":\"string\"}"
    ",\"received\":"
    "{\"type\":\"string\",\"format\":\"date-time\"},\"first\":{\"type\":\"string\",\"format\":"
    "\"date-time\"},"
    "\"removed\":{\"type\":\"boolean\"},\"problems\":{\"type\":\"integer\",\"description\":"
    "\"findings for which a "
    "province would refuse "
    "it\"},\"changed\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}},\n"
    "\"History\":{\"type\":\"object\",\"required\":[\"versions\"],\"properties\":{\"versions\":{"
    "\"type\":\"array\","
    "\"items\":{\"$ref\":\"#/components/schemas/Version\"}}}},\n"
    "\"Findings\":{\"allOf\":[{\"$ref\":\"#/components/schemas/"
    "Version\"},{\"type\":\"object\",\"required\":"
    "[\"findings\"],\"properties\":{\"findings\":{\"type\":\"array\",\"items\":{\"$ref\":"
    "\"#/components/schemas/Finding\"}}}}]},\n"
    "\"Links\":{\"type\":\"object\",\"required\":[\"links\"],\"properties\":{\"links\":{\"type\":"
    "\"array\",\"items\":"
    "{\"type\":\"object\",\"required\":[\"id\",\"made\",\"how\",\"state\"],\"properties\":{\"id\":{"
    "\"type\":"
    "\"integer\"},\"made\":{\"type\":\"string\",\"format\":\"date-time\"},\"exam\":{\"type\":"
    "\"string\"},\"report\":"
    "{\"type\":\"string\"},\"study\":{\"type\":\"string\"},\"how\":{\"type\":\"string\"},\"state\":"
    "{\"type\":"
    "\"string\"}}}}}},\n"
    "\"Model\":{\"type\":\"object\",\"required\":[\"kinds\"],\"properties\":{\"kinds\":{\"type\":"
    "\"array\",\"items\":"
    "{\"type\":\"object\",\"required\":[\"kind\",\"path\",\"chinese\",\"count\"]}}}},\n"
    "\"Kind\":{\"type\":\"object\",\"required\":[\"kind\",\"path\",\"chinese\",\"members\"],"
    "\"properties\":"
    "{\"members\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\","
    "\"chinese\",\"type\","
    "\"length\",\"several\",\"personal\",\"key\"]}}}},\n"
    "\"Dictionaries\":{\"type\":\"object\",\"required\":[\"dictionaries\"],\"properties\":{"
    "\"dictionaries\":{\"type\":"
    "\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"chinese\",\"source\","
    "\"count\"]}}}},\n"
    "\"Dictionary\":{\"type\":\"object\",\"required\":[\"name\",\"chinese\",\"source\",\"terms\"],"
    "\"properties\":"
    "{\"terms\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"code\","
    "\"chinese\"]}}}},\n"
    "\"Studies\":{\"type\":\"object\",\"required\":[\"studies\",\"total\",\"limit\",\"offset\"]},\n"
    "\"Unlinked\":{\"type\":\"object\",\"required\":[\"unlinked\"],\"properties\":{"
    "\"unlinked\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"kind\",\"id\","
    "\"reason\",\"english\",\"chinese\"]}}}},\n"
    "\"PdfKept\":{\"type\":\"object\",\"required\":[\"id\",\"version\",\"outcome\",\"pdf\","
    "\"pages\",\"bytes\"]},\n"
    "\"Signing\":{\"type\":\"object\",\"required\":[\"report\",\"state\"],\"properties\":{"
    "\"state\":{\"enum\":[\"none\",\"wanted\",\"waiting\",\"signed\",\"stamped\",\"done\","
    "\"stuck\",\"cancelled\"]},\"qr\":{\"type\":\"string\"}}},\n"
    "\"PdfUrl\":{\"type\":\"object\",\"required\":[\"url\",\"expires\",\"version\"]}\n";

void openapi_put_schemas(struct yq_buf *out)
{
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++)
        put_record(out, (enum yq_kind)kind);
    yq_buf_puts(out, others);
}
