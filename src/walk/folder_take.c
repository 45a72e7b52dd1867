/* folder_take.c: one file becomes records.
 *
 * It is read record by record; a few hundred are kept at a time, so that memory depends on the
 * file's size and not on what is made of it. What is wrong alone goes into a file of its own, with
 * the reason; the others are kept. Lines of one laboratory report behind each other are one record.
 * Taking the same file again is harmless: the same content is no new version. One thread a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "folder_take.h"
#include "yq/codes.h"
#include "yq/form.h"

#define ROOM "walk"

static void unit_clear(struct folder_unit *unit)
{
    for (size_t i = 0; i < unit->count; i++)
        yq_record_free(unit->records[i]);
    yq_buf_fini(&unit->raw);
    memset(unit, 0, sizeof *unit);
}

bool folder_unit_fails(struct folder_unit *unit, enum yq_kind kind, const char *why)
{
    if (!*unit->fault) {
        yq_copy(unit->fault, sizeof unit->fault, why);
        unit->fault_kind = kind;
    }
    return false;
}

/* ---- lines that belong together ---- */

static bool has_line_items(const struct folder_run *run, enum yq_kind kind)
{
    const struct yq_kind_info *info = &yq_kinds[kind];
    if (run->taking->form != YQ_FOREIGN_CSV || !run->items_of)
        return false;
    for (size_t i = 0; i < info->count; i++)
        if (info->members[i].type == YQ_VALUE_LIST &&
            yq_mapping_has(run->items_of, info->members[i].of))
            return true;
    return false;
}

/* The record of the unit that has items line by line; NULL: none. */
static struct yq_record *lines_of(const struct folder_run *run, const struct folder_unit *unit)
{
    for (size_t i = 0; i < unit->count; i++)
        if (has_line_items(run, unit->records[i]->kind))
            return unit->records[i];
    return NULL;
}

/* Adds the new unit's items to the one before, when they are lines of one record. */
static bool glue(struct folder_run *run, struct folder_unit *unit)
{
    struct folder_unit *before = run->count ? &run->units[run->count - 1] : NULL;
    struct yq_record *to = before ? lines_of(run, before) : NULL, *from = lines_of(run, unit);
    struct yq_err why = {0};
    if (!to || !from || to->kind != from->kind || !yq_record_id(to) || !yq_record_id(from) ||
        strcmp(yq_record_id(to), yq_record_id(from)) != 0)
        return false;
    for (size_t i = 0; i < yq_kinds[to->kind].count; i++) {
        struct yq_record_list *list = &from->lists[i];
        for (size_t j = 0; j < list->count; j++)
            if (!yq_record_add(to, (int)i, list->items[j], &why)) /* it takes the item anyway */
                folder_unit_fails(before, to->kind, why.text);
        list->count = 0;
    }
    if (*unit->fault && !*before->fault) {
        before->line = unit->line;
        folder_unit_fails(before, unit->fault_kind, unit->fault);
    }
    yq_buf_put(&before->raw, unit->raw.bytes, unit->raw.length);
    unit_clear(unit);
    return true;
}

static bool grow_ids(struct folder_run *run)
{
    size_t room = run->id_room ? 2 * run->id_room : 1024;
    uint64_t *ids = calloc(room, sizeof *ids);
    if (!ids)
        return false;
    for (size_t i = 0; i < run->id_room; i++) {
        size_t at = run->ids[i] % room;
        while (run->ids[i] && ids[at])
            at = (at + 1) % room;
        ids[at] = run->ids[i] ? run->ids[i] : ids[at];
    }
    free(run->ids);
    run->ids = ids;
    run->id_room = room;
    return true;
}

/* Notes the id; false: its lines had come to an end already. */
static bool is_first(struct folder_run *run, const char *id)
{
    uint64_t hash = yq_hash_text(id);
    if (2 * run->id_count >= run->id_room && !grow_ids(run))
        return true;
    size_t at = hash % run->id_room;
    while (run->ids[at] && run->ids[at] != hash)
        at = (at + 1) % run->id_room;
    if (run->ids[at])
        return false;
    run->ids[at] = hash;
    run->id_count++;
    return true;
}

/* ---- keeping ---- */

static void set_aside(struct folder_run *run, struct folder_unit *unit)
{
    struct folder_taking *taking = run->taking;
    if (!taking->bad++)
        yq_foreign_put_head(run->foreign, &taking->left);
    else
        yq_buf_puts(&taking->left, yq_foreign_between(run->foreign));
    yq_buf_put(&taking->left, unit->raw.bytes, unit->raw.length);
    folder_reason_line(taking, unit->line, unit->fault_kind, unit->fault);
}

static void show(struct folder_run *run, const struct folder_unit *unit)
{
    const struct yq_folder_test *test = run->taking->test;
    for (size_t i = 0; i < unit->count; i++) {
        struct yq_findings findings = {0};
        char source[YQ_SOURCE_SIZE];
        snprintf(source, sizeof source, "folder:%s", run->taking->source->name);
        struct yq_code_context codes = {run->taking->house, source};
        yq_check_record(unit->records[i], yq_codes_is_mapped, &codes, &findings);
        test->record(test->context, unit->line, unit->records[i], &findings,
                     folder_pdf_member(unit->records[i]) >= 0 ? unit->pdf : "");
        yq_findings_fini(&findings);
    }
}

/* What the walk said of each record, back to its unit. */
static void judge(struct folder_run *run, const struct yq_submission *submissions, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < run->count; i++) {
        struct folder_unit *unit = &run->units[i];
        for (size_t j = 0; j < unit->count && !*unit->fault && !unit->waits && at < count; j++) {
            const struct yq_ledger_result *result = &submissions[at++].result;
            run->taking->changed += result->err.code == YQ_OK && result->outcome != YQ_LEDGER_SAME;
            if (result->err.code == YQ_OK)
                continue;
            if (result->err.code != YQ_BAD_INPUT && result->err.code != YQ_CONFLICT) {
                run->later = true;
                run->err = result->err;
            }
            /* noted behind the loop's condition: the other records of the unit were given too */
            yq_copy(unit->fault + 1, sizeof unit->fault - 1, result->err.text);
            unit->fault_kind = unit->records[j]->kind;
        }
        if (!*unit->fault && unit->fault[1])
            memmove(unit->fault, unit->fault + 1, strlen(unit->fault + 1) + 1);
    }
}

static bool give(struct folder_run *run)
{
    struct folder_taking *taking = run->taking;
    struct yq_submission *submissions =
        calloc((size_t)FOLDER_PORTION * YQ_KIND_KEPT, sizeof *submissions);
    const struct yq_origin origin = {.door = "folder"};
    char source[YQ_SOURCE_SIZE];
    size_t count = 0;
    if (!submissions)
        return yq_fail(&run->err, YQ_FULL, ROOM, "no memory for records");
    for (size_t i = 0; i < run->count; i++)
        for (size_t j = 0; j < run->units[i].count; j++)
            if (!*run->units[i].fault && !run->units[i].waits)
                submissions[count++] = (struct yq_submission){
                    .record = run->units[i].records[j],
                    .how = taking->source->how == YQ_SOURCE_REPLACE ? YQ_RECORD_REPLACE
                                                                    : YQ_RECORD_OVERLAY,
                    .expect = YQ_EXPECT_ANYTHING};
    snprintf(source, sizeof source, "folder:%s", taking->source->name);
    bool ok = yq_record_in(taking->house, &origin, source, submissions, count, &run->err);
    if (ok)
        judge(run, submissions, count);
    for (size_t i = 0; i < count; i++)
        yq_findings_fini(&submissions[i].findings);
    free(submissions);
    return ok;
}

/* Keeps what has come together, but for the last one while more lines of it may come. */
static bool keep(struct folder_run *run)
{
    struct folder_taking *taking = run->taking;
    struct folder_unit last = {0};
    bool hold = !run->over && run->count > 1;
    if (hold)
        last = run->units[--run->count];
    for (size_t i = 0; i < run->count; i++)
        folder_add_pdfs(run, &run->units[i]);
    if (!taking->test && !run->later && !give(run))
        run->later = true;
    for (size_t i = 0; i < run->count; i++) {
        struct folder_unit *unit = &run->units[i];
        if (taking->test)
            show(run, unit);
        if (!run->later && *unit->fault)
            set_aside(run, unit);
        else if (!unit->waits && *unit->pdf && !folder_note_pdf(&taking->pdfs, unit->pdf))
            run->later = true;
        taking->records += !run->later;
        taking->kept += !*unit->fault && !unit->waits;
        unit_clear(unit);
    }
    run->count = 0;
    if (hold)
        run->units[run->count++] = last;
    return !run->later;
}

static void add_unit(struct folder_run *run, const char *fault)
{
    struct folder_unit *unit = &run->units[run->count];
    memset(unit, 0, sizeof *unit);
    folder_map(run, fault, unit);
    if (glue(run, unit))
        return;
    const struct yq_record *lines = lines_of(run, unit);
    if (lines && !*unit->fault && yq_record_id(lines) && !is_first(run, yq_record_id(lines)))
        folder_unit_fails(unit, lines->kind,
                          "the lines of one report do not stand behind each other");
    for (size_t i = 0; i < unit->count; i++)
        run->reports += folder_pdf_member(unit->records[i]) >= 0;
    run->count++;
}

static bool read_records(struct folder_run *run)
{
    struct folder_taking *taking = run->taking;
    const char *fault;
    struct yq_err why = {0};
    while (yq_foreign_next(run->foreign, &fault, &why)) {
        add_unit(run, fault);
        if (run->later || (run->count == FOLDER_PORTION && !keep(run)))
            return false;
        if (taking->stop && atomic_load(taking->stop))
            return yq_fail(&run->err, YQ_BUSY, ROOM, "the node stops");
    }
    run->over = true;
    if (!keep(run))
        return false;
    if (why.code == YQ_OK)
        return true; /* also without a record: an export in which nothing was new */
    if (why.code == YQ_FULL) {
        run->err = why;
        return false;
    }
    if (!taking->bad)
        yq_foreign_put_head(run->foreign, &taking->left);
    yq_foreign_put_rest(run->foreign, &taking->left);
    taking->bad++;
    taking->records++;
    folder_reason_line(taking, yq_foreign_line(run->foreign), YQ_KIND_COUNT, why.text);
    return true;
}

/* ---- the file ---- */

static bool read_bytes(struct folder_taking *taking, int fd, const struct stat *about,
                       struct yq_buf *text, struct yq_err *err)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    size_t length = (size_t)about->st_size, got = 0;
    uint8_t *room = length ? yq_buf_raw(&bytes, length) : NULL;
    if (length && (!room || !yq_read_at(fd, room, length, 0, &got, err)))
        return room ? false : yq_fail(err, YQ_FULL, ROOM, "no memory for a file");
    taking->form = yq_foreign_look(taking->name, bytes.bytes, got);
    return yq_foreign_text(taking->form, taking->source->charset, bytes.bytes, got, text, err);
}

static void tell_unused_of(struct folder_run *run);

static bool run_through(struct folder_run *run, const struct yq_buf *text)
{
    struct folder_taking *taking = run->taking;
    struct yq_err why = {0};
    if (!yq_foreign_open(taking->form, taking->source->records, yq_buf_text(text), text->length,
                         &run->foreign, &why)) {
        run->err = why;
        if (why.code != YQ_BAD_INPUT)
            return false;
        taking->bad = taking->records = 1;
        folder_reason_line(taking, 1, YQ_KIND_COUNT, why.text);
        return true;
    }
    bool ok = read_records(run);
    if (ok && taking->bad && taking->left.length)
        yq_foreign_put_tail(run->foreign, &taking->left);
    if (ok && taking->test)
        tell_unused_of(run);
    return ok;
}

bool folder_take(struct folder_taking *taking, int fd, const struct stat *about, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct folder_run run = {.taking = taking};
    struct yq_err ignored;
    if (about->st_size > taking->source->most_mb << 20) {
        taking->bad = taking->records = 1;
        folder_reason_line(taking, 1, YQ_KIND_COUNT, "the file is larger than most_mb allows");
        return true;
    }
    if (!read_bytes(taking, fd, about, &text, err))
        return false;
    run.units = calloc(FOLDER_PORTION + 1, sizeof *run.units);
    if (!run.units)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for records");
    (void)!yq_expr_parse(taking->source->pdf_file, &run.pdf_name, &ignored);
    bool ok = run_through(&run, &text);
    if (!ok)
        *err = run.err;
    for (size_t i = 0; i < run.count; i++)
        unit_clear(&run.units[i]);
    free(run.units);
    free(run.ids);
    yq_expr_free(run.pdf_name);
    for (int i = 0; i < YQ_KIND_COUNT; i++)
        yq_mapping_free(run.own[i]);
    yq_foreign_free(run.foreign);
    return ok;
}

void folder_taking_fini(struct folder_taking *taking)
{
    yq_buf_fini(&taking->reasons);
    yq_buf_fini(&taking->left);
    for (size_t i = 0; i < taking->pdfs.count; i++)
        free(taking->pdfs.names[i]);
    free(taking->pdfs.names);
}

/* ---- columns that nobody asks for ---- */

struct unused {
    struct folder_run *run;
    const char *column;
    bool asked;
};

static void compare(void *context, const char *name)
{
    struct unused *unused = context;
    unused->asked = unused->asked || strcasecmp(unused->column, name) == 0;
}

static void look_at_column(void *context, const char *column)
{
    struct unused *unused = context;
    const struct yq_mapping *mapping = unused->run->items_of;
    unused->column = column;
    unused->asked = !*column || !mapping || strcmp(column, "kind") == 0;
    for (size_t i = 0; mapping && i < mapping->count; i++)
        yq_expr_names(mapping->lines[i].source, compare, unused);
    if (unused->run->pdf_name)
        yq_expr_names(unused->run->pdf_name, compare, unused);
    if (!unused->asked)
        unused->run->taking->test->unused(unused->run->taking->test->context, column);
}

static void tell_unused_of(struct folder_run *run)
{
    struct unused unused = {.run = run};
    yq_foreign_columns(run->foreign, look_at_column, &unused);
}
