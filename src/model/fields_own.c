/* fields_own.c: a hospital's own lines over a province's table: CSV with a heading: name and any of
 * source, required, between, gate, note. An empty cell changes nothing; a field stands there once;
 * lines that begin with # are remarks. Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields_inside.h"
#include "yq/csv.h"

#define ROOM "model"

enum column { NAME, SOURCE, REQUIRED, BETWEEN, GATE, NOTE, COLUMNS };
static const char *const columns[COLUMNS] = {"name",    "source", "required",
                                             "between", "gate",   "note"};
enum { CELLS_MOST = 16 };

struct reading {
    const char *file;
    struct yq_csv csv;
    struct yq_fields *fields;
    int place[COLUMNS]; /* of a column in the file; -1: it has none */
    size_t cells;
    struct yq_err *err;
};

static bool fail(const struct reading *r, const char *what, const char *why)
{
    char shown[64];
    (void)yq_copy(shown, sizeof shown, what);
    for (char *p = shown; *p; p++) /* bytes of somebody's file */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "%s:%u: %s%s%s%s", r->file, r->csv.line,
                   *shown ? "\"" : "", shown, *shown ? "\" " : "", why);
}

/* ---- the heading ---- */

static bool read_heading(struct reading *r, const char *const *cells, size_t count)
{
    for (int c = 0; c < COLUMNS; c++)
        r->place[c] = -1;
    r->cells = count;
    for (size_t i = 0; i < count; i++) {
        const char *cell = cells[i];
        if (i == 0 && strncmp(cell, "\xef\xbb\xbf", 3) == 0) /* spreadsheets write it */
            cell += 3;
        int c = 0;
        while (c < COLUMNS && strcmp(columns[c], cell) != 0)
            c++;
        if (c == COLUMNS)
            return fail(r, cell, "is no column: name, source, required, between, gate, note");
        if (r->place[c] >= 0)
            return fail(r, cell, "stands in the heading twice");
        r->place[c] = (int)i;
    }
    return r->place[NAME] >= 0 || fail(r, "", "the heading lacks the column name");
}

/* ---- a line ---- */

static const char *cell_of(const struct reading *r, const char *const *cells, enum column column)
{
    return r->place[column] < 0 ? "" : cells[r->place[column]];
}

static struct yq_field_line *find_line(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->fields->count; i++)
        if (strcmp(r->fields->lines[i].field.name, name) == 0)
            return &r->fields->lines[i];
    return NULL;
}

static bool fail_field(const struct reading *r, const char *name)
{
    const struct yq_interface *interface = r->fields->interface;
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 2;
    char why[240];
    for (size_t i = 0; i < interface->count; i++) {
        size_t away = yq_word_distance(name, interface->fields[i].name);
        if (away < least) {
            least = away;
            nearest = interface->fields[i].name;
        }
    }
    snprintf(why, sizeof why, "is no field of %s/%s%s%s%s", interface->platform, interface->name,
             nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
    return fail(r, name, why);
}

static bool set_gate(const struct reading *r, struct yq_field_line *line, const char *word)
{
    for (enum yq_gate gate = YQ_GATE_HOLD; gate <= YQ_GATE_OFF; gate++)
        if (strcmp(yq_gate_name(gate), word) == 0) {
            line->gate = gate;
            return true;
        }
    return fail(r, word, "is no gate: hold, warn or off");
}

/* What the cells say, in the line's own keeping. */
static bool set_texts(struct reading *r, struct yq_field_line *line, const char *const *cells)
{
    struct yq_field *field = &line->field;
    const struct {
        enum column column;
        const char **to;
    } texts[] = {{SOURCE, &field->source},
                 {REQUIRED, &field->required},
                 {BETWEEN, &field->between},
                 {NOTE, &field->note}};
    const char *required = cell_of(r, cells, REQUIRED);
    if (*required && strcmp(required, "yes") != 0 && strcmp(required, "no") != 0 &&
        strcmp(required, "if present") != 0)
        return fail(r, required, "is wrong: required is yes, if present or no");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *cell = cell_of(r, cells, texts[i].column);
        if (!*cell)
            continue;
        line->owned[i] = strdup(cell);
        if (!line->owned[i])
            return yq_fail(r->err, YQ_FULL, ROOM, "no memory for %s", r->file);
        *texts[i].to = line->owned[i];
    }
    if (*required) /* the hospital says when, once and for all */
        field->when = "";
    return true;
}

static bool read_line(struct reading *r, const char *const *cells)
{
    const char *name = cell_of(r, cells, NAME);
    struct yq_field_line *line = find_line(r, name);
    struct yq_err why = {0};
    if (!line)
        return fail_field(r, name);
    if (line->own)
        return fail(r, name, "stands in this file twice");
    const char *gate = cell_of(r, cells, GATE);
    struct yq_field_line changed = {.field = line->field, .gate = line->gate, .own = r->csv.line};
    bool fine = (!*gate || set_gate(r, &changed, gate)) && set_texts(r, &changed, cells);
    if (fine && !fields_prepare(&changed, r->fields->interface, &why)) {
        char text[sizeof why.text + 80];
        snprintf(text, sizeof text, "%.64s: %s", changed.field.name, why.text);
        fine = fail(r, "", text);
    }
    fields_release(fine ? line : &changed);
    if (fine)
        *line = changed;
    return fine;
}

static bool read_lines(struct reading *r)
{
    struct yq_buf row yq_cleanup(yq_buf_fini) = {0};
    const char *cells[CELLS_MOST];
    size_t count;
    bool headed = false;
    while (yq_csv_next(&r->csv, &row, cells, CELLS_MOST, &count, r->err)) {
        if (*cells[0] == '#' || (headed && count == 1 && !*cells[0]))
            continue;
        if (headed && count != r->cells)
            return fail(r, "",
                        "the line has not as many cells as the heading; what has commas in it "
                        "takes double quotes");
        if (!headed && !read_heading(r, cells, count))
            return false;
        if (headed && !read_line(r, cells))
            return false;
        headed = true;
    }
    if (r->err->code != YQ_OK) {
        struct yq_err why = *r->err;
        return fail(r, "", why.text);
    }
    return headed || fail(r, "", "the first line names the columns: name,source,required,gate");
}

bool yq_fields_parse(const char *file, const void *bytes, size_t length,
                     const struct yq_interface *interface, struct yq_fields **out,
                     struct yq_err *err)
{
    unsigned line;
    struct reading r = {.file = file, .csv = {.bytes = bytes, .length = length}, .err = err};
    *out = NULL;
    err->code = YQ_OK;
    r.fields = fields_make(interface, &line, err);
    if (!r.fields)
        return false;
    if (read_lines(&r)) {
        *out = r.fields;
        return true;
    }
    yq_fields_free(r.fields);
    return false;
}
