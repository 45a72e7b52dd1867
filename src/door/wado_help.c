/* wado_help.c: the tables of WADO-URI as a page for people (docs/wado.md) and as JSON for programs:
 * `yingqiao help --wado`. */
#include <stdio.h>
#include <string.h>

#include "wado.h"
#include "yq/door.h"
#include "yq/form.h"

static const struct {
    enum wado_kind kind;
    const char *name;
} kinds[] = {
    {WADO_PICTURE, "picture"},   {WADO_DICOM, "dicom"}, {WADO_TEXT, "text"},
    {WADO_DOCUMENT, "document"}, {WADO_VIDEO, "video"},
};
static const char *const forms[] = {
    [WADO_WORD] = "word",       [WADO_WORDS] = "words", [WADO_UID] = "uid",  [WADO_WHOLE] = "whole",
    [WADO_DECIMAL] = "decimal", [WADO_AREA] = "area",   [WADO_LIST] = "list"};

/* ---- for programs ---- */

static struct yq_json *names_of(unsigned bits)
{
    struct yq_json *list = yq_json_array();
    for (int i = 0; i < WADO_PARAMS; i++)
        if (bits & 1u << i)
            yq_json_text(list, NULL, wado_rules[i].name);
    return list;
}

static struct yq_json *kinds_of(unsigned bits)
{
    struct yq_json *list = yq_json_array();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bits & kinds[i].kind)
            yq_json_text(list, NULL, kinds[i].name);
    return list;
}

static struct yq_json *categories_of(unsigned bits)
{
    struct yq_json *list = yq_json_array();
    for (unsigned bit = 1; bit <= WADO_OTHER; bit <<= 1)
        if (bits & bit)
            yq_json_text(list, NULL, wado_category_name((enum wado_category)bit));
    return list;
}

static struct yq_json *rule_json(const struct wado_rule *rule)
{
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "name", rule->name);
    yq_json_text(json, "form", forms[rule->form]);
    if (rule->form == WADO_WHOLE || rule->form == WADO_DECIMAL || rule->form == WADO_AREA) {
        yq_json_number(json, "least", rule->least);
        yq_json_number(json, "most", rule->most);
    }
    if (rule->words)
        yq_json_text(json, "words", rule->words);
    if (rule->neutral)
        yq_json_text(json, "neutral", rule->neutral);
    yq_json_flag(json, "required", rule->required);
    yq_json_add(json, "goes_with", kinds_of(rule->goes_with));
    yq_json_add(json, "needs", names_of(rule->needs));
    yq_json_add(json, "bars", names_of(rule->bars));
    yq_json_add(json, "dicom_needs", names_of(rule->dicom_needs));
    yq_json_number(json, "status", rule->status);
    yq_json_text(json, "clause", rule->clause);
    return json;
}

static struct yq_json *type_json(const struct wado_type *type)
{
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "name", type->name);
    if (type->alias)
        yq_json_text(json, "alias", type->alias);
    yq_json_add(json, "kind", kinds_of(type->kind));
    yq_json_add(json, "made_of", categories_of(type->made_of));
    return json;
}

static void put_json(struct yq_buf *out)
{
    struct yq_json *json = yq_json_object(), *rules = yq_json_array(), *types = yq_json_array();
    for (int i = 0; i < WADO_PARAMS; i++)
        yq_json_add(rules, NULL, rule_json(&wado_rules[i]));
    for (int i = 0; i < WADO_TYPES; i++)
        yq_json_add(types, NULL, type_json(&wado_types[i]));
    yq_json_add(json, "parameters", rules);
    yq_json_add(json, "types", types);
    if (!yq_json_print(json, true, out))
        out->failed = true;
    yq_buf_puts(out, "\n");
    yq_json_free(json);
}

/* ---- for people ---- */

static void put_value(struct yq_buf *out, const struct wado_rule *rule)
{
    switch (rule->form) {
    case WADO_WORD:
    case WADO_WORDS:
        for (const char *at = rule->words; *at;) {
            size_t length = strcspn(at, "|");
            yq_buf_putf(out, "%s`%.*s`", at == rule->words ? "" : " or ", (int)length, at);
            at += length + (at[length] == '|');
        }
        yq_buf_puts(out, rule->form == WADO_WORDS ? ", or both with a comma" : "");
        break;
    case WADO_UID: yq_buf_puts(out, "a UID"); break;
    case WADO_WHOLE:
        yq_buf_putf(out, "a whole number, %.10g to %.10g", rule->least, rule->most);
        break;
    case WADO_DECIMAL:
        yq_buf_putf(out, "a decimal number, %.10g to %.10g", rule->least, rule->most);
        break;
    case WADO_AREA: yq_buf_puts(out, "four decimal numbers from 0 to 1, with commas"); break;
    case WADO_LIST: yq_buf_puts(out, "a list with commas"); break;
    }
}

static void put_kinds(struct yq_buf *out, unsigned bits)
{
    bool first = true;
    if (bits == WADO_ANY) {
        yq_buf_puts(out, "all");
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!(bits & kinds[i].kind))
            continue;
        yq_buf_putf(out, "%s%s", first ? "" : ", ", kinds[i].name);
        first = false;
    }
}

static void put_others(struct yq_buf *out, const char *before, unsigned bits)
{
    const char *between = before;
    for (int i = 0; i < WADO_PARAMS; i++) {
        if (!(bits & 1u << i))
            continue;
        yq_buf_putf(out, "%s`%s`", between, wado_rules[i].name);
        between = ", ";
    }
}

static void put_rules(struct yq_buf *out)
{
    yq_buf_puts(out, "## Parameters\n\n"
                     "| parameter | value | goes with | status | PS3.18 | |\n"
                     "| --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < WADO_PARAMS; i++) {
        const struct wado_rule *rule = &wado_rules[i];
        yq_buf_putf(out, "| `%s`%s | ", rule->name, rule->required ? " (required)" : "");
        put_value(out, rule);
        yq_buf_puts(out, " | ");
        put_kinds(out, rule->goes_with);
        yq_buf_putf(out, " | %u | %s | %s", rule->status, rule->clause, rule->help);
        put_others(out, "; needs ", rule->needs);
        put_others(out, "; not together with ", rule->bars);
        put_others(out, "; with application/dicom needs ", rule->dicom_needs);
        yq_buf_puts(out, " |\n");
    }
}

static void put_types(struct yq_buf *out)
{
    yq_buf_puts(out, "\n## Media types\n\n"
                     "The first that fits is sent to a client that takes any.\n\n"
                     "| media type | kind | of what | |\n| --- | --- | --- | --- |\n");
    for (int i = 0; i < WADO_TYPES; i++) {
        const struct wado_type *type = &wado_types[i];
        yq_buf_putf(out, "| `%s`", type->name);
        if (type->alias)
            yq_buf_putf(out, ", `%s`", type->alias);
        yq_buf_puts(out, " | ");
        put_kinds(out, type->kind);
        yq_buf_puts(out, " | ");
        bool first = true;
        for (unsigned bit = 1; type->made_of != WADO_EVERY && bit <= WADO_OTHER; bit <<= 1) {
            if (!(type->made_of & bit))
                continue;
            yq_buf_putf(out, "%s%s", first ? "" : ", ",
                        wado_category_name((enum wado_category)bit));
            first = false;
        }
        yq_buf_putf(out, "%s | %s |\n", type->made_of == WADO_EVERY ? "everything" : "",
                    type->help);
    }
}

static const char before[] =
    "<!-- Made from the tables of src/door/ by `yingqiao help --wado`. -->\n"
    "# WADO-URI\n\n"
    "One object by its UIDs: as a DICOM file, as a picture, as a page, or as the document that is "
    "in "
    "it (DICOM PS3.18 chapter 9).\n\n"
    "    GET /wado?requestType=WADO&objectUID=1.2.3&contentType=image/jpeg&rows=512\n\n"
    "Names of parameters are taken in any case, an empty value is none, parameters of nobody are "
    "passed over, and one that is given twice is refused. `status` is what is answered when a "
    "value "
    "is not as it should be; a parameter with another kind of media type than it goes with, "
    "without "
    "one that it needs, or together with one that it bars is answered with 400.\n\n";

static const char after[] =
    "\n## Statuses\n\n"
    "| status | when |\n| --- | --- |\n"
    "| 200, 206 | the answer, or the range of it that was asked for |\n"
    "| 304 | the client has it (`If-None-Match`, `If-Modified-Since`) |\n"
    "| 400 | malformed, or parameters that do not go together, or a frame that the image has not "
    "|\n"
    "| 401, 403 | no token; the name of another machine |\n"
    "| 404 | nobody knows the object, or it is not in that study or series |\n"
    "| 406 | nothing of what the client takes can be made of this object |\n"
    "| 410 | the object was here and was deleted (for `store.deleted_days`) |\n"
    "| 412 | `If-Match` or `If-Unmodified-Since` do not hold |\n"
    "| 416 | a range behind the end |\n"
    "| 503 | busy, or the disk or the catalog do not answer: try again |\n\n"
    "A status of 400 and more comes with a problem in JSON (RFC 9457) that says what is wrong.\n";

void yq_wado_help(bool json, struct yq_buf *out)
{
    if (json) {
        put_json(out);
        return;
    }
    yq_buf_puts(out, before);
    put_rules(out);
    put_types(out);
    yq_buf_puts(out, after);
}
