/* table.c: a mapping table: a CSV file whose first line is "from,to". Every `to` must fit the
 * attribute it is for; a `from` stands once. Sorted once, then only looked up. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/coerce.h"
#include "yq/csv.h"
#include "yq/text.h"

#define PAIRS_MOST 2000000

struct reading {
    struct yq_coerce_table *table;
    struct yq_csv csv;
    struct yq_buf row;
    struct place { /* of a pair in table->text, which still moves */
        size_t from, to;
        unsigned line;
    } * places;
    size_t room;
    struct yq_err *err;
};

static bool fail(const struct reading *r, unsigned line, const char *why)
{
    return yq_fail(r->err, YQ_BAD_INPUT, "conf", "%s:%u: %s", r->table->file, line, why);
}

static bool keep(struct reading *r, const char *const fields[2])
{
    struct yq_coerce_table *table = r->table;
    if (table->count == PAIRS_MOST)
        return fail(r, r->csv.line, "the table has more than two million lines");
    if (table->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct place *places = realloc(r->places, room * sizeof *places);
        if (!places)
            return yq_fail(r->err, YQ_FULL, "conf", "no memory for %s", table->file);
        r->places = places;
        r->room = room;
    }
    struct place *place = &r->places[table->count++];
    place->line = r->csv.line;
    place->from = table->text.length;
    yq_buf_put(&table->text, fields[0], strlen(fields[0]) + 1);
    place->to = table->text.length;
    yq_buf_put(&table->text, fields[1], strlen(fields[1]) + 1);
    return !table->text.failed || yq_fail(r->err, YQ_FULL, "conf", "no memory for %s", table->file);
}

static bool read_lines(struct reading *r, const char *vr)
{
    const char *fields[2];
    size_t count;
    bool headed = false;
    while (yq_csv_next(&r->csv, &r->row, fields, 2, &count, r->err)) {
        const char *fault;
        if (count != 2)
            return fail(r, r->csv.line, "a line has two fields: from,to");
        if (!headed) {
            headed = strcmp(fields[0], "from") == 0 && strcmp(fields[1], "to") == 0;
            if (!headed)
                return fail(r, r->csv.line, "the first line of a table is: from,to");
            continue;
        }
        if (!*fields[0] || !*fields[1])
            return fail(r, r->csv.line, "a field is empty");
        if ((fault = yq_coerce_fault(vr, fields[1])))
            return yq_fail(r->err, YQ_BAD_INPUT, "conf", "%s:%u: the second field %s",
                           r->table->file, r->csv.line, fault);
        if (!keep(r, fields))
            return false;
    }
    if (r->err->code != YQ_OK) {
        struct yq_err why = *r->err;
        return fail(r, r->csv.line, why.text);
    }
    return headed || fail(r, 1, "the first line of a table is: from,to");
}

static int by_from(const void *a, const void *b)
{
    return strcmp(((const struct yq_coerce_pair *)a)->from,
                  ((const struct yq_coerce_pair *)b)->from);
}

/* Lines lie in the text in their order: of two equal ones the later is the one to name. */
static unsigned line_of(const struct reading *r, const char *from)
{
    size_t at = (size_t)(from - yq_buf_text(&r->table->text)), i = 0;
    while (r->places[i].from != at)
        i++;
    return r->places[i].line;
}

static bool sort(struct reading *r)
{
    struct yq_coerce_table *table = r->table;
    const char *text = yq_buf_text(&table->text);
    table->pairs = calloc(table->count ? table->count : 1, sizeof *table->pairs);
    if (!table->pairs)
        return yq_fail(r->err, YQ_FULL, "conf", "no memory for %s", table->file);
    for (size_t i = 0; i < table->count; i++)
        table->pairs[i] = (struct yq_coerce_pair){text + r->places[i].from, text + r->places[i].to};
    qsort(table->pairs, table->count, sizeof *table->pairs, by_from);
    for (size_t i = 1; i < table->count; i++) {
        const char *a = table->pairs[i - 1].from, *b = table->pairs[i].from;
        if (strcmp(a, b) == 0)
            return fail(r, line_of(r, a > b ? a : b), "this value stands in the table twice");
    }
    return true;
}

bool conf_parse_table(struct yq_coerce_table *table, const char *vr, const void *bytes,
                      size_t length, struct yq_err *err)
{
    struct reading r = {.table = table, .csv = {.bytes = bytes, .length = length}, .err = err};
    bool ok = yq_text_is_utf8(bytes, length) ||
              fail(&r, 1,
                   "the table is not UTF-8: save it as \"CSV UTF-8\", which spreadsheets offer "
                   "beside plain CSV");
    ok = ok && read_lines(&r, vr) && sort(&r);
    yq_buf_fini(&r.row);
    free(r.places);
    return ok;
}

void conf_table_fini(struct yq_coerce_table *table)
{
    free(table->pairs);
    yq_buf_fini(&table->text);
    memset(table, 0, sizeof *table);
}

const char *yq_conf_table_get(const struct yq_coerce_table *table, const char *from)
{
    struct yq_coerce_pair key = {.from = from};
    const struct yq_coerce_pair *found =
        table->count ? bsearch(&key, table->pairs, table->count, sizeof key, by_from) : NULL;
    return found ? found->to : NULL;
}
