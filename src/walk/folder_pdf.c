/* folder_pdf.c: PDFs that lie beside the file: named by a record, or of the file's name where it
 * has one report. A record waits for the PDF it names, for some time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder_take.h"
#include "yq/attachment.h"
#include "yq/clock.h"

#define ROOM "walk"

int folder_pdf_member(const struct yq_record *record)
{
    return yq_member_find(record->kind, "pdf");
}

static bool is_in_time(const struct folder_run *run)
{
    const struct folder_taking *taking = run->taking;
    return yq_now_ms() - taking->since_ms < taking->source->pdf_seconds * 1000;
}

static bool wait_or_fail(struct folder_run *run, struct folder_unit *unit, enum yq_kind kind,
                         const char *why)
{
    if (run->taking->test || !is_in_time(run))
        return folder_unit_fails(unit, kind, why);
    unit->waits = run->taking->waits = true;
    return false;
}

bool folder_note_pdf(struct folder_pdfs *pdfs, const char *name)
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

static bool keep_pdf(struct folder_run *run, struct folder_unit *unit, struct yq_record *record,
                     int fd, const struct stat *about)
{
    struct folder_taking *taking = run->taking;
    struct yq_attachment kept;
    struct yq_err why = {0};
    const struct yq_conf *conf = yq_conf_hold(taking->house->conf);
    bool large = about->st_size > conf->records_pdf_most_mb << 20;
    yq_conf_release(taking->house->conf, conf);
    if (large)
        return folder_unit_fails(unit, record->kind,
                                 "pdf: the PDF is larger than records.pdf_most_mb");
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
        run->later = why.code != YQ_BAD_INPUT;
        run->err = why;
        char text[240];
        snprintf(text, sizeof text, "pdf: the PDF %.200s", why.text);
        return folder_unit_fails(unit, record->kind, text);
    }
    return yq_record_put(record, "pdf", kept.name, &why) ||
           folder_unit_fails(unit, record->kind, why.text);
}

static bool add_pdf(struct folder_run *run, struct folder_unit *unit, struct yq_record *record)
{
    struct folder_taking *taking = run->taking;
    char name[FOLDER_NAME_MOST + 8];
    bool named = *unit->pdf, needed = taking->source->pdf == YQ_SOURCE_PDF_REQUIRED;
    bool alone = run->over && run->reports == 1;
    const char *why;
    struct stat about;
    int fd yq_cleanup(yq_close) = -1;
    if (!named && !alone)
        return !needed || folder_unit_fails(unit, record->kind,
                                            "pdf: the report needs a PDF, and does not name one");
    folder_stem(taking->name, name, FOLDER_NAME_MOST);
    size_t stem = strlen(name);
    yq_copy(name + stem, sizeof name - stem, ".pdf");
    if (named)
        yq_copy(name, sizeof name, unit->pdf);
    if (!folder_is_plain(name))
        return folder_unit_fails(unit, record->kind,
                                 "pdf: the name of a PDF is a plain one, of no path");
    if (taking->root < 0 || !folder_open_file(taking->root, name, &fd, &about, &why)) {
        if (named)
            return wait_or_fail(run, unit, record->kind, "pdf: the PDF that is named is not there");
        return !needed || wait_or_fail(run, unit, record->kind, "pdf: the report needs a PDF");
    }
    yq_copy(unit->pdf, sizeof unit->pdf, name);
    if (taking->test)
        return true;
    return keep_pdf(run, unit, record, fd, &about);
}

void folder_add_pdfs(struct folder_run *run, struct folder_unit *unit)
{
    if (run->taking->source->pdf == YQ_SOURCE_PDF_NONE)
        return;
    for (size_t i = 0; i < unit->count && !*unit->fault && !unit->waits; i++)
        if (folder_pdf_member(unit->records[i]) >= 0)
            (void)add_pdf(run, unit, unit->records[i]);
}
