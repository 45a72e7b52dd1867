/* folder_map.c: one record of a foreign file as records of the model: by the source's mapping, by
 * the members' own names where it has none, or as our own JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder_take.h"
#include "yq/attachment.h"
#include "yq/codes.h"
#include "yq/form.h"

#define ROOM "walk"

/* ---- mappings ---- */

/* Members by their own names and by the documents' words; for files that were made for us. */
static void put_own_lines(enum yq_kind kind, const char *before, struct yq_buf *out)
{
    for (size_t i = 0; i < yq_kinds[kind].count; i++) {
        const struct yq_member *member = &yq_kinds[kind].members[i];
        if (member->type == YQ_VALUE_LIST) {
            char inner[FOLDER_PATH_SIZE];
            snprintf(inner, sizeof inner, "%s[]/", member->name);
            put_own_lines(member->of, inner, out);
            continue;
        }
        yq_buf_putf(out, "%s,%s,\"first(%s%s, `%s%s`", yq_kinds[kind].name, member->name, before,
                    member->name, before, member->chinese);
        if (*before)
            yq_buf_putf(out, ", %.*s.%s", (int)strcspn(before, "["), before, member->name);
        yq_buf_puts(out, ")\",\n");
    }
}

static bool own_mapping(struct folder_run *run, enum yq_kind kind, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (run->own[kind])
        return true;
    yq_buf_puts(&text, "kind,member,source,note\n");
    put_own_lines(kind, "", &text);
    return !text.failed ? yq_mapping_parse(yq_kinds[kind].name, text.bytes, text.length,
                                           &run->own[kind], err)
                        : yq_fail(err, YQ_FULL, ROOM, "no memory for a mapping");
}

static void note_items(void *context, const char *name)
{
    char *path = context;
    const char *end = strstr(name, "[]");
    if (end && !*path && (size_t)(end - name) + 3 < FOLDER_PATH_SIZE)
        yq_copy(path, FOLDER_PATH_SIZE, name);
}

/* Where the items of lists are, by the names of the mapping's lines. */
static void find_items(struct folder_run *run, const struct yq_mapping *mapping)
{
    if (run->items_of == mapping)
        return;
    run->items_of = mapping;
    memset(run->items, 0, sizeof run->items);
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->lines[i].kind >= YQ_KIND_KEPT)
            yq_expr_names(mapping->lines[i].source, note_items, run->items[mapping->lines[i].kind]);
}

/* The kind that the source or the record itself says. */
static enum yq_kind kind_said(struct folder_run *run)
{
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    if (*run->taking->source->kind)
        return yq_kind_by_name(run->taking->source->kind);
    if (!yq_foreign_get(run->foreign, "kind", &said))
        return YQ_KIND_COUNT;
    return yq_kind_by_name(yq_buf_text(&said));
}

/* ---- a record of the file ---- */

struct look { /* context of expressions: the record, and the node for codes */
    struct yq_foreign *foreign;
    struct yq_code_context codes;
    bool know_codes;
};

static bool look_get(void *context, const char *name, struct yq_buf *out)
{
    return yq_foreign_get(((struct look *)context)->foreign, name, out);
}

static bool look_convert(void *context, const char *from, const char *to, const char *code,
                         struct yq_buf *out)
{
    struct look *look = context;
    return look->know_codes && yq_codes_convert(&look->codes, from, to, code, out);
}

static bool has_values(const struct yq_record *record)
{
    for (size_t i = 0; i < yq_kinds[record->kind].count; i++)
        if (record->values[i])
            return true;
    return false;
}

/* The item under the surroundings as they are now; nothing of it is no item. */
static bool add_item(const struct yq_mapping *mapping, const struct yq_surroundings *around,
                     struct yq_record *record, int member, struct yq_err *err)
{
    struct yq_record *item = yq_record_new(yq_kinds[record->kind].members[member].of);
    if (!item)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a record");
    if (yq_mapping_apply(mapping, around, item, err) && has_values(item))
        return yq_record_add(record, member, item, err);
    yq_record_free(item);
    return err->code == YQ_OK;
}

static bool add_list(struct folder_run *run, const struct yq_mapping *mapping,
                     const struct yq_surroundings *around, struct yq_record *record, int member,
                     struct yq_err *err)
{
    const char *path = run->items[yq_kinds[record->kind].members[member].of];
    bool fine = true;
    err->code = YQ_OK;
    if (!*path || run->taking->form == YQ_FOREIGN_CSV)
        return add_item(mapping, around, record, member, err);
    size_t count = yq_foreign_items(run->foreign, path);
    for (size_t i = 0; fine && i < count; i++) {
        yq_foreign_choose(run->foreign, path, i);
        fine = add_item(mapping, around, record, member, err);
    }
    yq_foreign_choose(run->foreign, "", 0);
    return fine;
}

static bool add_lists(struct folder_run *run, const struct yq_mapping *mapping,
                      const struct yq_surroundings *around, struct yq_record *record,
                      struct yq_err *err)
{
    const struct yq_kind_info *info = &yq_kinds[record->kind];
    for (size_t i = 0; i < info->count; i++)
        if (info->members[i].type == YQ_VALUE_LIST &&
            yq_mapping_has(mapping, info->members[i].of) &&
            !add_list(run, mapping, around, record, (int)i, err))
            return false;
    return true;
}

/* All kinds that the mapping makes of it. */
static bool map(struct folder_run *run, const struct yq_mapping *mapping, struct folder_unit *unit)
{
    struct look look = {.foreign = run->foreign, .know_codes = run->taking->house};
    char source[YQ_SOURCE_SIZE];
    snprintf(source, sizeof source, "folder:%s", run->taking->source->name);
    look.codes = (struct yq_code_context){.house = run->taking->house, .source = source};
    const struct yq_surroundings around = {&look, look_get, look_convert};
    enum yq_kind only = *run->taking->source->kind ? kind_said(run) : YQ_KIND_COUNT,
                 first = YQ_KIND_COUNT;
    find_items(run, mapping);
    for (int kind = 0; kind < YQ_KIND_KEPT; kind++) {
        struct yq_err why = {0};
        if (!yq_mapping_has(mapping, (enum yq_kind)kind) ||
            (only != YQ_KIND_COUNT && only != (enum yq_kind)kind))
            continue;
        first = first == YQ_KIND_COUNT ? (enum yq_kind)kind : first;
        struct yq_record *record = yq_record_new((enum yq_kind)kind);
        if (!record)
            return folder_unit_fails(unit, (enum yq_kind)kind, "no memory for a record");
        unit->records[unit->count++] = record;
        if (!yq_mapping_apply(mapping, &around, record, &why) ||
            (yq_record_id(record) && !add_lists(run, mapping, &around, record, &why)))
            return folder_unit_fails(unit, (enum yq_kind)kind, why.text);
        if (!yq_record_id(record))
            yq_record_free(unit->records[--unit->count]);
    }
    if (unit->count)
        return true;
    char missing[96];
    snprintf(missing, sizeof missing, "%s is missing",
             first == YQ_KIND_COUNT ? "the id" : yq_kinds[first].members[0].name);
    return folder_unit_fails(unit, first, missing);
}

struct extra {
    struct folder_run *run;
    struct folder_unit *unit;
};

/* Members of a record in our own JSON that the model does not have. */
static bool take_extra(void *context, struct yq_record *record, const char *name, const char *value,
                       size_t length, bool *taken, struct yq_err *err)
{
    struct extra *extra = context;
    struct folder_taking *taking = extra->run->taking;
    *taken = true;
    if (strcmp(name, "kind") == 0)
        return true;
    if (strcmp(name, "pdfFile") == 0)
        return yq_copy(extra->unit->pdf, sizeof extra->unit->pdf, value) ||
               yq_fail(err, YQ_BAD_INPUT, ROOM, "pdfFile: the name of a PDF is too long");
    if (taking->test && strcmp(name, "pdfBase64") == 0)
        return true;
    return yq_attachment_take(taking->house, record, name, value, length, taken, err);
}

static bool read_own_json(struct folder_run *run, enum yq_kind kind, struct folder_unit *unit)
{
    struct extra extra = {run, unit};
    const struct yq_form_extra hook = {take_extra, &extra};
    struct yq_err why = {0};
    size_t length;
    const char *text = yq_foreign_json(run->foreign, &length);
    if (!yq_form_record_read(kind, text, length, &hook, &unit->records[0], &why)) {
        run->later = why.code == YQ_IO || why.code == YQ_BUSY;
        run->err = why;
        return folder_unit_fails(unit, kind, why.text);
    }
    unit->count = 1;
    if (yq_record_id(unit->records[0]))
        return true;
    char missing[96];
    snprintf(missing, sizeof missing, "%s is missing", yq_kinds[kind].members[0].name);
    return folder_unit_fails(unit, kind, missing);
}

static void find_pdf_name(struct folder_run *run, struct folder_unit *unit)
{
    struct look look = {.foreign = run->foreign};
    const struct yq_surroundings around = {&look, look_get, look_convert};
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why;
    bool there = false;
    if (!run->pdf_name || *unit->pdf)
        return;
    if (yq_expr_value(run->pdf_name, &around, &name, &there, &why) && there &&
        !yq_copy(unit->pdf, sizeof unit->pdf, yq_buf_text(&name)))
        folder_unit_fails(unit, YQ_KIND_COUNT, "the name of a PDF is too long");
}

void folder_map(struct folder_run *run, const char *fault, struct folder_unit *unit)
{
    const struct yq_source *source = run->taking->source;
    struct yq_err why = {0};
    unit->line = yq_foreign_line(run->foreign);
    yq_foreign_put_record(run->foreign, &unit->raw);
    if (fault) /* made all the same, as far as it goes: it may be a line among others */
        folder_unit_fails(unit, YQ_KIND_COUNT, fault);
    if (source->rules) {
        map(run, source->rules, unit);
    } else {
        enum yq_kind kind = kind_said(run);
        if (kind >= YQ_KIND_KEPT)
            folder_unit_fails(unit, YQ_KIND_COUNT,
                              "nobody says which kind of record it is: set \"kind\" of the source");
        else if (run->taking->form == YQ_FOREIGN_JSON)
            read_own_json(run, kind, unit);
        else if (!own_mapping(run, kind, &why))
            folder_unit_fails(unit, kind, why.text);
        else
            map(run, run->own[kind], unit);
    }
    find_pdf_name(run, unit);
}
