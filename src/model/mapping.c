/* mapping.c: mapping files: kind,member,source,note. The first line is that heading; lines that
 * begin with # are remarks. A member may stand there once. Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/csv.h"
#include "yq/expr.h"

#define ROOM "model"
#define LINES_MOST 4000

struct reading {
    const char *file;
    struct yq_mapping *mapping;
    struct yq_csv csv;
    size_t room;
    struct yq_err *err;
};

static bool fail(const struct reading *r, const char *what, const char *why)
{
    char shown[64];
    yq_copy(shown, sizeof shown, what);
    for (char *p = shown; *p; p++) /* bytes of somebody's file */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "%s:%u: %s%s%s%s", r->file, r->csv.line,
                   *shown ? "\"" : "", shown, *shown ? "\" " : "", why);
}

static bool fail_member(const struct reading *r, enum yq_kind kind, const char *name)
{
    const struct yq_kind_info *info = &yq_kinds[kind];
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 2;
    for (size_t i = 0; i < info->count; i++) {
        size_t away = yq_word_distance(name, info->members[i].name);
        if (away < least) {
            least = away;
            nearest = info->members[i].name;
        }
    }
    char why[160];
    snprintf(why, sizeof why, "is no member of %s%s%s%s", info->name,
             nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
    return fail(r, name, why);
}

static bool keep(struct reading *r, struct yq_mapping_line line)
{
    struct yq_mapping *mapping = r->mapping;
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->lines[i].kind == line.kind && mapping->lines[i].member == line.member)
            return fail(r, yq_kinds[line.kind].members[line.member].name,
                        "stands in this file twice");
    if (mapping->count == LINES_MOST)
        return fail(r, "", "more than 4000 lines");
    if (mapping->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct yq_mapping_line *lines = realloc(mapping->lines, room * sizeof *lines);
        if (!lines)
            return yq_fail(r->err, YQ_FULL, ROOM, "no memory for %s", r->file);
        mapping->lines = lines;
        r->room = room;
    }
    mapping->lines[mapping->count++] = line;
    return true;
}

static bool read_line(struct reading *r, const char *const fields[4])
{
    struct yq_mapping_line line = {.kind = yq_kind_by_name(fields[0]), .line = r->csv.line};
    struct yq_err why;
    if (line.kind == YQ_KIND_COUNT)
        return fail(r, fields[0], "is no kind of record: exam, report, lab, lab-result, ...");
    line.member = yq_member_find(line.kind, fields[1]);
    if (line.member < 0)
        return fail_member(r, line.kind, fields[1]);
    if (yq_kinds[line.kind].members[line.member].type == YQ_VALUE_LIST)
        return fail(r, fields[1], "is a list: give lines of the kind that stands in it");
    if (!yq_expr_parse(fields[2], &line.source, &why)) {
        r->err->code = why.code;
        return fail(r, "", why.text);
    }
    if (keep(r, line))
        return true;
    yq_expr_free(line.source);
    return false;
}

static bool read_lines(struct reading *r)
{
    struct yq_buf row yq_cleanup(yq_buf_fini) = {0};
    const char *fields[16] = {"", "", "", ""};
    size_t count;
    bool headed = false;
    while (yq_csv_next(&r->csv, &row, fields, 16, &count, r->err)) {
        if (*fields[0] == '#' || (headed && count == 1 && !*fields[0]))
            continue;
        if (count < 3 || count > 4)
            return fail(r, "",
                        "a line has kind,member,source,note; what has commas in it takes "
                        "double quotes");
        if (!headed) {
            headed = strcmp(fields[0], "kind") == 0 && strcmp(fields[1], "member") == 0 &&
                     strcmp(fields[2], "source") == 0;
            if (!headed)
                return fail(r, "", "the first line is: kind,member,source,note");
        } else if (!read_line(r, fields)) {
            return false;
        }
    }
    if (r->err->code != YQ_OK) {
        struct yq_err why = *r->err;
        return fail(r, "", why.text);
    }
    return headed || fail(r, "", "the first line is: kind,member,source,note");
}

bool yq_mapping_parse(const char *file, const void *bytes, size_t length, struct yq_mapping **out,
                      struct yq_err *err)
{
    struct reading r = {.file = file, .csv = {.bytes = bytes, .length = length}, .err = err};
    *out = NULL;
    r.mapping = calloc(1, sizeof *r.mapping);
    if (!r.mapping)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for %s", file);
    const char *base = strrchr(file, '/');
    yq_copy(r.mapping->name, sizeof r.mapping->name, base ? base + 1 : file);
    char *dot = strrchr(r.mapping->name, '.');
    if (dot)
        *dot = '\0';
    if (!read_lines(&r)) {
        yq_mapping_free(r.mapping);
        return false;
    }
    *out = r.mapping;
    return true;
}

void yq_mapping_free(struct yq_mapping *mapping)
{
    if (!mapping)
        return;
    for (size_t i = 0; i < mapping->count; i++)
        yq_expr_free(mapping->lines[i].source);
    free(mapping->lines);
    free(mapping);
}

bool yq_mapping_has(const struct yq_mapping *mapping, enum yq_kind kind)
{
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->lines[i].kind == kind)
            return true;
    return false;
}

bool yq_mapping_apply(const struct yq_mapping *mapping, const struct yq_surroundings *around,
                      struct yq_record *record, struct yq_err *err)
{
    for (size_t i = 0; i < mapping->count; i++) {
        const struct yq_mapping_line *line = &mapping->lines[i];
        struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
        struct yq_err why = {0};
        bool there;
        if (line->kind != record->kind)
            continue;
        if (yq_expr_value(line->source, around, &value, &there, &why) &&
            (!there || yq_record_set(record, line->member, yq_buf_text(&value), &why)))
            continue;
        return yq_fail(err, why.code, ROOM, "%s: %s (mapping/%s.csv:%u)",
                       yq_kinds[line->kind].members[line->member].name, why.text, mapping->name,
                       line->line);
    }
    return true;
}
