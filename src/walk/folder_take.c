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

#include "folder_inside.h"
#include "yq/attachment.h"
#include "yq/clock.h"
#include "yq/codes.h"
#include "yq/form.h"

#define ROOM "walk"
enum { PORTION = 200, PATH_SIZE = 256 };

struct unit { /* one record of the file, or lines that belong together */
    unsigned line;
    struct yq_record *records[YQ_KIND_KEPT]; /* one of a kind at most */
    size_t count;
    char pdf[FOLDER_NAME_MOST];
    struct yq_buf raw; /* as it stands in the file */
    char fault[240];   /* "": none */
    enum yq_kind fault_kind;
    bool waits;
};

struct take {
    struct folder_taking *taking;
    struct yq_foreign *foreign;
    struct yq_expr *pdf_name;
    struct yq_mapping *own[YQ_KIND_COUNT]; /* made where the source has none */
    char items[YQ_KIND_COUNT][PATH_SIZE];  /* where items of a list's kind are: "results[]/" */
    const struct yq_mapping *items_of;
    struct unit *units;
    size_t count;
    uint64_t *ids; /* hashes of ids whose lines came to an end; 0: free */
    size_t id_count, id_room;
    size_t reports; /* records that may have a PDF */
    bool over;      /* the file has no more */
    bool later;     /* the node cannot keep anything now */
    struct yq_err err;
};

static void unit_clear(struct unit *unit)
{
    for (size_t i = 0; i < unit->count; i++)
        yq_record_free(unit->records[i]);
    yq_buf_fini(&unit->raw);
    memset(unit, 0, sizeof *unit);
}

static bool unit_fails(struct unit *unit, enum yq_kind kind, const char *why)
{
    if (!*unit->fault) {
        yq_copy(unit->fault, sizeof unit->fault, why);
        unit->fault_kind = kind;
    }
    return false;
}

/* ---- mappings ---- */

/* Members by their own names and by the documents' words; for files that were made for us. */
static void put_own_lines(enum yq_kind kind, const char *before, struct yq_buf *out)
{
    for (size_t i = 0; i < yq_kinds[kind].count; i++) {
        const struct yq_member *member = &yq_kinds[kind].members[i];
        if (member->type == YQ_VALUE_LIST) {
            char inner[PATH_SIZE];
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

static bool own_mapping(struct take *take, enum yq_kind kind, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (take->own[kind])
        return true;
    yq_buf_puts(&text, "kind,member,source,note\n");
    put_own_lines(kind, "", &text);
    return !text.failed ? yq_mapping_parse(yq_kinds[kind].name, text.bytes, text.length,
                                           &take->own[kind], err)
                        : yq_fail(err, YQ_FULL, ROOM, "no memory for a mapping");
}

static void note_items(void *context, const char *name)
{
    char *path = context;
    const char *end = strstr(name, "[]");
    if (end && !*path && (size_t)(end - name) + 3 < PATH_SIZE)
        yq_copy(path, PATH_SIZE, name);
}

/* Where the items of lists are, by the names of the mapping's lines. */
static void find_items(struct take *take, const struct yq_mapping *mapping)
{
    if (take->items_of == mapping)
        return;
    take->items_of = mapping;
    memset(take->items, 0, sizeof take->items);
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->lines[i].kind >= YQ_KIND_KEPT)
            yq_expr_names(mapping->lines[i].source, note_items,
                          take->items[mapping->lines[i].kind]);
}

/* The kind that the source or the record itself says. */
static enum yq_kind kind_said(struct take *take)
{
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    if (*take->taking->source->kind)
        return yq_kind_by_name(take->taking->source->kind);
    if (!yq_foreign_get(take->foreign, "kind", &said))
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

static bool add_list(struct take *take, const struct yq_mapping *mapping,
                     const struct yq_surroundings *around, struct yq_record *record, int member,
                     struct yq_err *err)
{
    const char *path = take->items[yq_kinds[record->kind].members[member].of];
    bool fine = true;
    err->code = YQ_OK;
    if (!*path || take->taking->form == YQ_FOREIGN_CSV)
        return add_item(mapping, around, record, member, err);
    size_t count = yq_foreign_items(take->foreign, path);
    for (size_t i = 0; fine && i < count; i++) {
        yq_foreign_choose(take->foreign, path, i);
        fine = add_item(mapping, around, record, member, err);
    }
    yq_foreign_choose(take->foreign, "", 0);
    return fine;
}

static bool add_lists(struct take *take, const struct yq_mapping *mapping,
                      const struct yq_surroundings *around, struct yq_record *record,
                      struct yq_err *err)
{
    const struct yq_kind_info *info = &yq_kinds[record->kind];
    for (size_t i = 0; i < info->count; i++)
        if (info->members[i].type == YQ_VALUE_LIST &&
            yq_mapping_has(mapping, info->members[i].of) &&
            !add_list(take, mapping, around, record, (int)i, err))
            return false;
    return true;
}

/* All kinds that the mapping makes of it. */
static bool map(struct take *take, const struct yq_mapping *mapping, struct unit *unit)
{
    struct look look = {.foreign = take->foreign, .know_codes = take->taking->house};
    char source[YQ_SOURCE_SIZE];
    snprintf(source, sizeof source, "folder:%s", take->taking->source->name);
    look.codes = (struct yq_code_context){.house = take->taking->house, .source = source};
    const struct yq_surroundings around = {&look, look_get, look_convert};
    enum yq_kind only = *take->taking->source->kind ? kind_said(take) : YQ_KIND_COUNT,
                 first = YQ_KIND_COUNT;
    find_items(take, mapping);
    for (int kind = 0; kind < YQ_KIND_KEPT; kind++) {
        struct yq_err why = {0};
        if (!yq_mapping_has(mapping, (enum yq_kind)kind) ||
            (only != YQ_KIND_COUNT && only != (enum yq_kind)kind))
            continue;
        first = first == YQ_KIND_COUNT ? (enum yq_kind)kind : first;
        struct yq_record *record = yq_record_new((enum yq_kind)kind);
        if (!record)
            return unit_fails(unit, (enum yq_kind)kind, "no memory for a record");
        unit->records[unit->count++] = record;
        if (!yq_mapping_apply(mapping, &around, record, &why) ||
            (yq_record_id(record) && !add_lists(take, mapping, &around, record, &why)))
            return unit_fails(unit, (enum yq_kind)kind, why.text);
        if (!yq_record_id(record))
            yq_record_free(unit->records[--unit->count]);
    }
    if (unit->count)
        return true;
    char missing[96];
    snprintf(missing, sizeof missing, "%s is missing",
             first == YQ_KIND_COUNT ? "the id" : yq_kinds[first].members[0].name);
    return unit_fails(unit, first, missing);
}

struct extra {
    struct take *take;
    struct unit *unit;
};

/* Members of a record in our own JSON that the model does not have. */
static bool take_extra(void *context, struct yq_record *record, const char *name, const char *value,
                       size_t length, bool *taken, struct yq_err *err)
{
    struct extra *extra = context;
    struct folder_taking *taking = extra->take->taking;
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

static bool read_own_json(struct take *take, enum yq_kind kind, struct unit *unit)
{
    struct extra extra = {take, unit};
    const struct yq_form_extra hook = {take_extra, &extra};
    struct yq_err why = {0};
    size_t length;
    const char *text = yq_foreign_json(take->foreign, &length);
    if (!yq_form_record_read(kind, text, length, &hook, &unit->records[0], &why)) {
        take->later = why.code == YQ_IO || why.code == YQ_BUSY;
        take->err = why;
        return unit_fails(unit, kind, why.text);
    }
    unit->count = 1;
    if (yq_record_id(unit->records[0]))
        return true;
    char missing[96];
    snprintf(missing, sizeof missing, "%s is missing", yq_kinds[kind].members[0].name);
    return unit_fails(unit, kind, missing);
}

static void find_pdf_name(struct take *take, struct unit *unit)
{
    struct look look = {.foreign = take->foreign};
    const struct yq_surroundings around = {&look, look_get, look_convert};
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why;
    bool there = false;
    if (!take->pdf_name || *unit->pdf)
        return;
    if (yq_expr_value(take->pdf_name, &around, &name, &there, &why) && there &&
        !yq_copy(unit->pdf, sizeof unit->pdf, yq_buf_text(&name)))
        unit_fails(unit, YQ_KIND_COUNT, "the name of a PDF is too long");
}

static void make_records(struct take *take, const char *fault, struct unit *unit)
{
    const struct yq_source *source = take->taking->source;
    struct yq_err why = {0};
    unit->line = yq_foreign_line(take->foreign);
    yq_foreign_put_record(take->foreign, &unit->raw);
    if (fault) /* made all the same, as far as it goes: it may be a line among others */
        unit_fails(unit, YQ_KIND_COUNT, fault);
    if (source->rules) {
        map(take, source->rules, unit);
    } else {
        enum yq_kind kind = kind_said(take);
        if (kind >= YQ_KIND_KEPT)
            unit_fails(unit, YQ_KIND_COUNT,
                       "nobody says which kind of record it is: set \"kind\" of the source");
        else if (take->taking->form == YQ_FOREIGN_JSON)
            read_own_json(take, kind, unit);
        else if (!own_mapping(take, kind, &why))
            unit_fails(unit, kind, why.text);
        else
            map(take, take->own[kind], unit);
    }
    find_pdf_name(take, unit);
}

/* ---- lines that belong together ---- */

static bool has_line_items(const struct take *take, enum yq_kind kind)
{
    const struct yq_kind_info *info = &yq_kinds[kind];
    if (take->taking->form != YQ_FOREIGN_CSV || !take->items_of)
        return false;
    for (size_t i = 0; i < info->count; i++)
        if (info->members[i].type == YQ_VALUE_LIST &&
            yq_mapping_has(take->items_of, info->members[i].of))
            return true;
    return false;
}

/* The record of the unit that has items line by line; NULL: none. */
static struct yq_record *lines_of(const struct take *take, const struct unit *unit)
{
    for (size_t i = 0; i < unit->count; i++)
        if (has_line_items(take, unit->records[i]->kind))
            return unit->records[i];
    return NULL;
}

/* Adds the new unit's items to the one before, when they are lines of one record. */
static bool glue(struct take *take, struct unit *unit)
{
    struct unit *before = take->count ? &take->units[take->count - 1] : NULL;
    struct yq_record *to = before ? lines_of(take, before) : NULL, *from = lines_of(take, unit);
    struct yq_err why = {0};
    if (!to || !from || to->kind != from->kind || !yq_record_id(to) || !yq_record_id(from) ||
        strcmp(yq_record_id(to), yq_record_id(from)) != 0)
        return false;
    for (size_t i = 0; i < yq_kinds[to->kind].count; i++) {
        struct yq_record_list *list = &from->lists[i];
        for (size_t j = 0; j < list->count; j++)
            if (!yq_record_add(to, (int)i, list->items[j], &why)) /* it takes the item anyway */
                unit_fails(before, to->kind, why.text);
        list->count = 0;
    }
    if (*unit->fault && !*before->fault) {
        before->line = unit->line;
        unit_fails(before, unit->fault_kind, unit->fault);
    }
    yq_buf_put(&before->raw, unit->raw.bytes, unit->raw.length);
    unit_clear(unit);
    return true;
}

static bool grow_ids(struct take *take)
{
    size_t room = take->id_room ? 2 * take->id_room : 1024;
    uint64_t *ids = calloc(room, sizeof *ids);
    if (!ids)
        return false;
    for (size_t i = 0; i < take->id_room; i++) {
        size_t at = take->ids[i] % room;
        while (take->ids[i] && ids[at])
            at = (at + 1) % room;
        ids[at] = take->ids[i] ? take->ids[i] : ids[at];
    }
    free(take->ids);
    take->ids = ids;
    take->id_room = room;
    return true;
}

/* Notes the id; false: its lines had come to an end already. */
static bool is_first(struct take *take, const char *id)
{
    uint64_t hash = yq_hash_text(id);
    if (2 * take->id_count >= take->id_room && !grow_ids(take))
        return true;
    size_t at = hash % take->id_room;
    while (take->ids[at] && take->ids[at] != hash)
        at = (at + 1) % take->id_room;
    if (take->ids[at])
        return false;
    take->ids[at] = hash;
    take->id_count++;
    return true;
}

/* ---- PDFs ---- */

static int pdf_member(const struct yq_record *record)
{
    return yq_member_find(record->kind, "pdf");
}

static bool is_in_time(const struct take *take)
{
    const struct folder_taking *taking = take->taking;
    return yq_now_ms() - taking->since_ms < taking->source->pdf_seconds * 1000;
}

static bool wait_or_fail(struct take *take, struct unit *unit, enum yq_kind kind, const char *why)
{
    if (take->taking->test || !is_in_time(take))
        return unit_fails(unit, kind, why);
    unit->waits = take->taking->waits = true;
    return false;
}

static bool note_pdf(struct folder_pdfs *pdfs, const char *name)
{
    for (size_t i = 0; i < pdfs->count; i++)
        if (strcmp(pdfs->names[i], name) == 0)
            return true;
    if (pdfs->count == pdfs->room) {
        size_t room = pdfs->room ? 2 * pdfs->room : 16;
        char **names = realloc(pdfs->names, room * sizeof *names);
        if (!names)
            return false;
        pdfs->names = names;
        pdfs->room = room;
    }
    char *copy = strdup(name);
    if (copy)
        pdfs->names[pdfs->count++] = copy;
    return copy;
}

static bool keep_pdf(struct take *take, struct unit *unit, struct yq_record *record, int fd,
                     const struct stat *about)
{
    struct folder_taking *taking = take->taking;
    struct yq_attachment kept;
    struct yq_err why = {0};
    const struct yq_conf *conf = yq_conf_hold(taking->house->conf);
    bool large = about->st_size > conf->records_pdf_most_mb << 20;
    yq_conf_release(taking->house->conf, conf);
    if (large)
        return unit_fails(unit, record->kind, "pdf: the PDF is larger than records.pdf_most_mb");
    if (folder_is_written(fd)) {
        unit->waits = taking->waits = true;
        return false;
    }
    if (!yq_attachment_keep_file(taking->house, fd, 0, (uint64_t)about->st_size, &kept, &why)) {
        bool fresh = yq_now_ms() - (int64_t)about->st_mtim.tv_sec * 1000 <
                     (taking->source->settle_seconds + 1) * 1000;
        if (why.code == YQ_BAD_INPUT && fresh) {
            unit->waits = taking->waits = true;
            return false;
        }
        take->later = why.code != YQ_BAD_INPUT;
        take->err = why;
        char text[240];
        snprintf(text, sizeof text, "pdf: the PDF %.200s", why.text);
        return unit_fails(unit, record->kind, text);
    }
    return yq_record_put(record, "pdf", kept.name, &why) ||
           unit_fails(unit, record->kind, why.text);
}

static bool add_pdf(struct take *take, struct unit *unit, struct yq_record *record)
{
    struct folder_taking *taking = take->taking;
    char name[FOLDER_NAME_MOST + 8];
    bool named = *unit->pdf, needed = taking->source->pdf == YQ_SOURCE_PDF_REQUIRED;
    bool alone = take->over && take->reports == 1;
    const char *why;
    struct stat about;
    int fd yq_cleanup(yq_close) = -1;
    if (!named && !alone)
        return !needed ||
               unit_fails(unit, record->kind, "pdf: the report needs a PDF, and does not name one");
    folder_stem(taking->name, name, FOLDER_NAME_MOST);
    strcat(name, ".pdf"); // NOLINT(clang-analyzer-security.insecureAPI.strcpy): there is room
    if (named)
        yq_copy(name, sizeof name, unit->pdf);
    if (!folder_is_plain(name))
        return unit_fails(unit, record->kind, "pdf: the name of a PDF is a plain one, of no path");
    if (taking->root < 0 || !folder_open_file(taking->root, name, &fd, &about, &why)) {
        if (named)
            return wait_or_fail(take, unit, record->kind,
                                "pdf: the PDF that is named is not there");
        return !needed || wait_or_fail(take, unit, record->kind, "pdf: the report needs a PDF");
    }
    yq_copy(unit->pdf, sizeof unit->pdf, name);
    if (taking->test)
        return true;
    return keep_pdf(take, unit, record, fd, &about);
}

static void add_pdfs(struct take *take, struct unit *unit)
{
    if (take->taking->source->pdf == YQ_SOURCE_PDF_NONE)
        return;
    for (size_t i = 0; i < unit->count && !*unit->fault && !unit->waits; i++)
        if (pdf_member(unit->records[i]) >= 0)
            (void)add_pdf(take, unit, unit->records[i]);
}

/* ---- keeping ---- */

static void set_aside(struct take *take, struct unit *unit)
{
    struct folder_taking *taking = take->taking;
    if (!taking->bad++)
        yq_foreign_put_head(take->foreign, &taking->left);
    else
        yq_buf_puts(&taking->left, yq_foreign_between(take->foreign));
    yq_buf_put(&taking->left, unit->raw.bytes, unit->raw.length);
    folder_reason_line(taking, unit->line, unit->fault_kind, unit->fault);
}

static void show(struct take *take, const struct unit *unit)
{
    const struct yq_folder_test *test = take->taking->test;
    for (size_t i = 0; i < unit->count; i++) {
        struct yq_findings findings = {0};
        char source[YQ_SOURCE_SIZE];
        snprintf(source, sizeof source, "folder:%s", take->taking->source->name);
        struct yq_code_context codes = {take->taking->house, source};
        yq_check_record(unit->records[i], yq_codes_is_mapped, &codes, &findings);
        test->record(test->context, unit->line, unit->records[i], &findings,
                     pdf_member(unit->records[i]) >= 0 ? unit->pdf : "");
        yq_findings_fini(&findings);
    }
}

/* What the walk said of each record, back to its unit. */
static void judge(struct take *take, const struct yq_submission *submissions, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < take->count; i++) {
        struct unit *unit = &take->units[i];
        for (size_t j = 0; j < unit->count && !*unit->fault && !unit->waits && at < count; j++) {
            const struct yq_ledger_result *result = &submissions[at++].result;
            take->taking->changed += result->err.code == YQ_OK && result->outcome != YQ_LEDGER_SAME;
            if (result->err.code == YQ_OK)
                continue;
            if (result->err.code != YQ_BAD_INPUT && result->err.code != YQ_CONFLICT) {
                take->later = true;
                take->err = result->err;
            }
            /* noted behind the loop's condition: the other records of the unit were given too */
            yq_copy(unit->fault + 1, sizeof unit->fault - 1, result->err.text);
            unit->fault_kind = unit->records[j]->kind;
        }
        if (!*unit->fault && unit->fault[1])
            memmove(unit->fault, unit->fault + 1, strlen(unit->fault + 1) + 1);
    }
}

static bool give(struct take *take)
{
    struct folder_taking *taking = take->taking;
    struct yq_submission *submissions = calloc((size_t)PORTION * YQ_KIND_KEPT, sizeof *submissions);
    const struct yq_origin origin = {.door = "folder"};
    char source[YQ_SOURCE_SIZE];
    size_t count = 0;
    if (!submissions)
        return yq_fail(&take->err, YQ_FULL, ROOM, "no memory for records");
    for (size_t i = 0; i < take->count; i++)
        for (size_t j = 0; j < take->units[i].count; j++)
            if (!*take->units[i].fault && !take->units[i].waits)
                submissions[count++] = (struct yq_submission){
                    .record = take->units[i].records[j],
                    .how = taking->source->how == YQ_SOURCE_REPLACE ? YQ_RECORD_REPLACE
                                                                    : YQ_RECORD_OVERLAY,
                    .expect = YQ_EXPECT_ANYTHING};
    snprintf(source, sizeof source, "folder:%s", taking->source->name);
    bool ok = yq_record_in(taking->house, &origin, source, submissions, count, &take->err);
    if (ok)
        judge(take, submissions, count);
    for (size_t i = 0; i < count; i++)
        yq_findings_fini(&submissions[i].findings);
    free(submissions);
    return ok;
}

/* Keeps what has come together, but for the last one while more lines of it may come. */
static bool keep(struct take *take)
{
    struct folder_taking *taking = take->taking;
    struct unit last = {0};
    bool hold = !take->over && take->count > 1;
    if (hold)
        last = take->units[--take->count];
    for (size_t i = 0; i < take->count; i++)
        add_pdfs(take, &take->units[i]);
    if (!taking->test && !take->later && !give(take))
        take->later = true;
    for (size_t i = 0; i < take->count; i++) {
        struct unit *unit = &take->units[i];
        if (taking->test)
            show(take, unit);
        if (!take->later && *unit->fault)
            set_aside(take, unit);
        else if (!unit->waits && *unit->pdf && !note_pdf(&taking->pdfs, unit->pdf))
            take->later = true;
        taking->records += !take->later;
        taking->kept += !*unit->fault && !unit->waits;
        unit_clear(unit);
    }
    take->count = 0;
    if (hold)
        take->units[take->count++] = last;
    return !take->later;
}

static void add_unit(struct take *take, const char *fault)
{
    struct unit *unit = &take->units[take->count];
    memset(unit, 0, sizeof *unit);
    make_records(take, fault, unit);
    if (glue(take, unit))
        return;
    const struct yq_record *lines = lines_of(take, unit);
    if (lines && !*unit->fault && yq_record_id(lines) && !is_first(take, yq_record_id(lines)))
        unit_fails(unit, lines->kind, "the lines of one report do not stand behind each other");
    for (size_t i = 0; i < unit->count; i++)
        take->reports += pdf_member(unit->records[i]) >= 0;
    take->count++;
}

static bool read_records(struct take *take)
{
    struct folder_taking *taking = take->taking;
    const char *fault;
    struct yq_err why = {0};
    while (yq_foreign_next(take->foreign, &fault, &why)) {
        add_unit(take, fault);
        if (take->later || (take->count == PORTION && !keep(take)))
            return false;
        if (taking->stop && atomic_load(taking->stop))
            return yq_fail(&take->err, YQ_BUSY, ROOM, "the node stops");
    }
    take->over = true;
    if (!keep(take))
        return false;
    if (why.code == YQ_OK)
        return true; /* also without a record: an export in which nothing was new */
    if (why.code == YQ_FULL) {
        take->err = why;
        return false;
    }
    if (!taking->bad)
        yq_foreign_put_head(take->foreign, &taking->left);
    yq_foreign_put_rest(take->foreign, &taking->left);
    taking->bad++;
    taking->records++;
    folder_reason_line(taking, yq_foreign_line(take->foreign), YQ_KIND_COUNT, why.text);
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

static void tell_unused_of(struct take *take);

static bool run(struct take *take, const struct yq_buf *text)
{
    struct folder_taking *taking = take->taking;
    struct yq_err why = {0};
    if (!yq_foreign_open(taking->form, taking->source->records, yq_buf_text(text), text->length,
                         &take->foreign, &why)) {
        take->err = why;
        if (why.code != YQ_BAD_INPUT)
            return false;
        taking->bad = taking->records = 1;
        folder_reason_line(taking, 1, YQ_KIND_COUNT, why.text);
        return true;
    }
    bool ok = read_records(take);
    if (ok && taking->bad && taking->left.length)
        yq_foreign_put_tail(take->foreign, &taking->left);
    if (ok && taking->test)
        tell_unused_of(take);
    return ok;
}

bool folder_take(struct folder_taking *taking, int fd, const struct stat *about, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct take take = {.taking = taking};
    struct yq_err ignored;
    if (about->st_size > taking->source->most_mb << 20) {
        taking->bad = taking->records = 1;
        folder_reason_line(taking, 1, YQ_KIND_COUNT, "the file is larger than most_mb allows");
        return true;
    }
    if (!read_bytes(taking, fd, about, &text, err))
        return false;
    take.units = calloc(PORTION + 1, sizeof *take.units);
    if (!take.units)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for records");
    (void)!yq_expr_parse(taking->source->pdf_file, &take.pdf_name, &ignored);
    bool ok = run(&take, &text);
    if (!ok)
        *err = take.err;
    for (size_t i = 0; i < take.count; i++)
        unit_clear(&take.units[i]);
    free(take.units);
    free(take.ids);
    yq_expr_free(take.pdf_name);
    for (int i = 0; i < YQ_KIND_COUNT; i++)
        yq_mapping_free(take.own[i]);
    yq_foreign_free(take.foreign);
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
    struct take *take;
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
    const struct yq_mapping *mapping = unused->take->items_of;
    unused->column = column;
    unused->asked = !*column || !mapping || strcmp(column, "kind") == 0;
    for (size_t i = 0; mapping && i < mapping->count; i++)
        yq_expr_names(mapping->lines[i].source, compare, unused);
    if (unused->take->pdf_name)
        yq_expr_names(unused->take->pdf_name, compare, unused);
    if (!unused->asked)
        unused->take->taking->test->unused(unused->take->taking->test->context, column);
}

static void tell_unused_of(struct take *take)
{
    struct unused unused = {.take = take};
    yq_foreign_columns(take->foreign, look_at_column, &unused);
}
