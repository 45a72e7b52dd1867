/* poll_row.c: a row of a database becomes records: values by the mapping, lists from detail rows or
 * from the row itself, binary columns as PDFs. */
#include <stdlib.h>
#include <string.h>

#include "poll.h"
#include "yq/attachment.h"
#include "yq/codes.h"

#define ROOM "walk"
#define HEX_MOST 64 /* bytes of a binary value that is no PDF */

void made_fini(struct made *made)
{
    for (size_t i = 0; i < made->count; i++)
        yq_record_free(made->records[i]);
    made->count = 0;
}

/* ---- what the rows of a table become ---- */

static int list_of(enum yq_kind kind, enum yq_kind of)
{
    for (size_t i = 0; i < yq_kinds[kind].count; i++)
        if (yq_kinds[kind].members[i].type == YQ_VALUE_LIST && yq_kinds[kind].members[i].of == of)
            return (int)i;
    return -1;
}

struct looking {
    struct yq_poll *poll;
    struct words *missing;
    bool found;
};

static void look_for(void *context, const char *name)
{
    struct looking *looking = context;
    const struct rows *rows = looking->poll->rows;
    if (table_column(&rows->all, name) >= 0 || table_column(&rows->details, name) >= 0) {
        looking->found = true;
        return;
    }
    if (looking->missing)
        words_add(looking->missing, name);
}

/* A kind is what rows become when the mapping has its id from a column that is there. */
static bool is_made(struct yq_poll *poll, enum yq_kind kind)
{
    const struct yq_mapping *mapping = poll->source->rules;
    if (*poll->source->kind)
        return yq_kind_by_name(poll->source->kind) == kind;
    for (size_t i = 0; i < mapping->count; i++) {
        struct looking looking = {.poll = poll};
        if (mapping->lines[i].kind != kind || mapping->lines[i].member != 0)
            continue;
        yq_expr_names(mapping->lines[i].source, look_for, &looking);
        return looking.found;
    }
    return false;
}

static bool is_within(const struct yq_poll *poll, enum yq_kind kind)
{
    for (int of = 0; of < YQ_KIND_KEPT; of++)
        if (poll->kinds[of] && list_of((enum yq_kind)of, kind) >= 0)
            return true;
    return false;
}

/* first(A, B) is well with one of them. */
static void learn_line(struct yq_poll *poll, const struct yq_mapping_line *line,
                       struct words *missing)
{
    struct words none = {0};
    struct looking looking = {.poll = poll, .missing = &none};
    yq_expr_names(line->source, look_for, &looking);
    for (size_t i = 0; !looking.found && i < none.count; i++)
        words_add(missing, none.list[i]);
    words_fini(&none);
}

void poll_learn(struct yq_poll *poll, struct words *missing)
{
    const struct yq_mapping *mapping = poll->source->rules;
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++)
        poll->kinds[kind] = kind < YQ_KIND_KEPT && is_made(poll, (enum yq_kind)kind);
    for (int kind = YQ_KIND_KEPT; kind < YQ_KIND_COUNT; kind++)
        poll->kinds[kind] = is_within(poll, (enum yq_kind)kind);
    for (size_t i = 0; missing && i < mapping->count; i++)
        if (poll->kinds[mapping->lines[i].kind])
            learn_line(poll, &mapping->lines[i], missing);
}

/* ---- a row ---- */

struct surroundings {
    struct yq_poll *poll;
    struct yq_house *house;
    bool keep;
    const struct page *page;
    size_t row;
    size_t detail; /* of page->details; SIZE_MAX: none */
    struct yq_err trouble;
};

static bool looks_like_pdf(const char *bytes, size_t length)
{
    return memmem(bytes, length < 1024 ? length : 1024, "%PDF-", 5) != NULL;
}

/* A PDF is kept, and its name is the value; other binary values are short and become hex. */
static bool put_binary(struct surroundings *around, const char *column, const char *bytes,
                       size_t length, struct yq_buf *out)
{
    struct yq_attachment kept = {.name = "0000000000000000000000000000000000000000000000000000000"
                                         "000000000"};
    if (!length)
        return false;
    if (looks_like_pdf(bytes, length)) {
        if (around->keep &&
            !yq_attachment_keep(around->house, bytes, length, &kept, &around->trouble)) {
            struct yq_err why = around->trouble;
            yq_fail(&around->trouble, why.code, why.room, "column %.60s: %.170s", column, why.text);
            return false;
        }
        yq_buf_puts(out, kept.name);
        return true;
    }
    char hex[2 * HEX_MOST + 1];
    if (length > HEX_MOST) {
        yq_fail(&around->trouble, YQ_BAD_INPUT, ROOM, "column %.60s: binary, and not a PDF",
                column);
        return false;
    }
    yq_hex(hex, bytes, length);
    yq_buf_puts(out, hex);
    return true;
}

static bool put_value(struct surroundings *around, const struct table *table, size_t row,
                      size_t column, struct yq_buf *out)
{
    size_t length;
    const char *name = table->columns[column].name;
    const char *value = table_value(table, row, column, &length);
    if (table->cells[row * table->column_count + column].long_)
        yq_fail(&around->trouble, YQ_FULL, ROOM, "column %.60s: the value is too long", name);
    if (!value)
        return false;
    if (table->columns[column].type == YQ_COLUMN_BINARY)
        return put_binary(around, name, value, length, out);
    yq_buf_puts(out, value);
    return *value;
}

static bool get(void *context, const char *name, struct yq_buf *out)
{
    struct surroundings *around = context;
    const struct page *page = around->page;
    int column = -1;
    if (around->detail != SIZE_MAX)
        column = table_column(&page->details, name);
    if (column >= 0)
        return put_value(around, &page->details, around->detail, (size_t)column, out);
    column = table_column(&page->rows, name);
    return column >= 0 && put_value(around, &page->rows, around->row, (size_t)column, out);
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    struct surroundings *around = context;
    struct yq_code_context codes = {.house = around->house, .source = around->poll->name};
    return yq_codes_convert(&codes, from, to, code, out);
}

static bool fill(struct surroundings *around, struct yq_record *record, struct yq_err *err)
{
    const struct yq_surroundings names = {.context = around, .get = get, .convert = convert};
    if (!yq_mapping_apply(around->poll->source->rules, &names, record, err))
        return false;
    if (around->trouble.code == YQ_OK)
        return true;
    *err = around->trouble;
    return false;
}

static bool is_empty(const struct yq_record *record)
{
    for (size_t i = 0; i < yq_kinds[record->kind].count; i++)
        if (record->values[i])
            return false;
    return true;
}

static bool add_item(struct surroundings *around, struct yq_record *record, int list,
                     struct yq_err *err)
{
    struct yq_record *item = yq_record_new(yq_kinds[record->kind].members[list].of);
    if (!item)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a record");
    if (fill(around, item, err) && !is_empty(item))
        return yq_record_add(record, list, item, err);
    yq_record_free(item);
    return err->code == YQ_OK;
}

/* One item per detail row; without a detail table the row itself is the only one. */
static bool fill_list(struct surroundings *around, struct yq_record *record, int list,
                      struct yq_err *err)
{
    const struct page *page = around->page;
    size_t from = page->first ? page->first[around->row] : 0;
    size_t until = page->first ? page->first[around->row + 1] : 1;
    bool ok = true;
    if (until - from > YQ_RECORD_ITEMS_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "more than %d detail rows", YQ_RECORD_ITEMS_MOST);
    for (size_t i = from; ok && i < until; i++) {
        around->detail = page->first ? i : SIZE_MAX;
        ok = add_item(around, record, list, err);
    }
    around->detail = SIZE_MAX;
    return ok;
}

static bool make_one(struct surroundings *around, enum yq_kind kind, struct yq_record **out,
                     struct yq_err *err)
{
    struct yq_record *record = yq_record_new(kind);
    memset(err, 0, sizeof *err);
    *out = record;
    if (!record)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a record");
    if (!fill(around, record, err))
        return false;
    for (size_t i = 0; i < yq_kinds[kind].count; i++) {
        const struct yq_member *member = &yq_kinds[kind].members[i];
        if (member->type == YQ_VALUE_LIST &&
            yq_mapping_has(around->poll->source->rules, member->of) &&
            !fill_list(around, record, (int)i, err))
            return false;
    }
    return true;
}

bool poll_make(struct yq_poll *poll, struct yq_house *house, bool keep, const struct page *page,
               size_t row, struct made *out, struct yq_err *err)
{
    struct surroundings around = {
        .poll = poll, .house = house, .keep = keep, .page = page, .row = row, .detail = SIZE_MAX};
    enum yq_kind lacking = YQ_KIND_COUNT;
    out->count = 0;
    for (int kind = 0; kind < YQ_KIND_KEPT; kind++) {
        if (!poll->kinds[kind])
            continue;
        struct yq_record *record;
        bool ok = make_one(&around, (enum yq_kind)kind, &record, err);
        if (ok && yq_record_id(record)) {
            out->records[out->count++] = record;
            continue;
        }
        yq_record_free(record);
        if (!ok) {
            made_fini(out);
            return false;
        }
        lacking = (enum yq_kind)kind; /* an examination without a report yet, say */
    }
    if (out->count)
        return true;
    if (lacking == YQ_KIND_COUNT)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the mapping makes no record of a row: it has no id from its columns");
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s: is missing", yq_kinds[lacking].members[0].name);
}
