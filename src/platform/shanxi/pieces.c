/* pieces.c: what of an exam goes to Shanxi, in which order, and what each piece says.
 *
 * S1 the exam, then S2 each report (or S3 both in one, per report), then S6 each series. The
 * platform keys exams by risStudyId and reports by recordNum, so a later message about either takes
 * the place of the earlier. What a message says stands in data/platforms/shanxi; here is only what
 * needs the node: PDFs, series, URLs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../asked.h"
#include "shanxi.h"
#include "yq/attachment.h"
#include "yq/form.h"
#include "yq/registry.h"

#define ROOM "platform"

/* ---- which ---- */

struct listing {
    struct yq_piece *pieces;
    size_t room, count;
};

static bool add(struct listing *listing, int what, const char *id, struct yq_err *err)
{
    static const char *const names[] = {[SHANXI_EXAM] = "exam",
                                        [SHANXI_REPORT] = "report",
                                        [SHANXI_MERGED] = "merged",
                                        [SHANXI_SERIES] = "series"};
    if (listing->count == listing->room) /* held, and listed with this */
        return yq_fail(err, YQ_REFUSED, ROOM, "the exam has more than %zu reports and series",
                       listing->room);
    struct yq_piece *piece = &listing->pieces[listing->count++];
    *piece = (struct yq_piece){.what = what};
    (void)yq_copy(piece->id, sizeof piece->id, id);
    if (*id)
        snprintf(piece->name, sizeof piece->name, "%s:%s", names[what], id);
    else
        (void)yq_copy(piece->name, sizeof piece->name, names[what]);
    return true;
}

static bool query_series(struct yq_query *query, const char *study, const char *series,
                         struct yq_err *err)
{
    static const enum yq_attr wanted[] = {
        YQ_StudyInstanceUID, YQ_SeriesInstanceUID, YQ_SeriesNumber,    YQ_Modality,
        YQ_StudyDate,        YQ_StudyTime,         YQ_AccessionNumber, YQ_PatientID,
        YQ_PatientName,      YQ_PatientSex,        YQ_PatientAge};
    query->level = YQ_SERIES;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        query->wanted[wanted[i]] = true;
    return (!study || yq_query_add(query, YQ_StudyInstanceUID, study, true, err)) &&
           (!series || yq_query_add(query, YQ_SeriesInstanceUID, series, true, err));
}

static bool add_series(const struct yq_errand_out *errand, const char *study,
                       struct listing *listing, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    bool ok = true;
    if (!query_series(&query, study, NULL, err) ||
        !yq_catalog_find(errand->house->catalog, &query, &cursor, err))
        return false;
    err->code = YQ_OK;
    while (ok && yq_cursor_next(cursor, &values, err))
        ok = !values[YQ_SeriesInstanceUID] ||
             add(listing, SHANXI_SERIES, values[YQ_SeriesInstanceUID], err);
    yq_cursor_close(cursor);
    return ok && err->code == YQ_OK;
}

/* Reports go when they are audited (四(二)1: 报告审核完成后): a preliminary one is none yet. */
static bool add_report(const struct yq_errand_out *errand, int what, const char *id,
                       struct listing *listing, struct yq_err *err)
{
    struct yq_record *report = NULL;
    struct yq_ledger_entry entry;
    if (!yq_record_out(errand->house, YQ_KIND_REPORT, id, 0, &report, &entry, err))
        return false;
    const char *status = report ? yq_record_get(report, "status") : NULL;
    bool ok = (status && strcmp(status, "preliminary") == 0) || add(listing, what, id, err);
    yq_record_out_fini(report, &entry);
    return ok;
}

static bool list_pieces(const struct yq_errand_out *errand, struct listing *listing,
                        struct yq_err *err)
{
    const struct yq_platform *platform = errand->platform;
    bool merged = platform->upload == YQ_UPLOAD_MERGED;
    if ((platform->upload == YQ_UPLOAD_SEPARATE ||
         (merged && errand->removed && !errand->report_count)) &&
        !add(listing, SHANXI_EXAM, "", err))
        return false;
    for (size_t i = 0; i < errand->report_count && platform->upload != YQ_UPLOAD_NONE; i++)
        if (!add_report(errand, merged ? SHANXI_MERGED : SHANXI_REPORT, errand->reports[i], listing,
                        err))
            return false;
    if (platform->images != YQ_IMAGES_LIST || errand->removed)
        return true;
    if (merged && !listing->count) /* the platform does not know the exam yet */
        return true;
    for (size_t i = 0; i < errand->study_count; i++)
        if (!add_series(errand, errand->studies[i], listing, err))
            return false;
    return true;
}

bool shanxi_pieces(const struct yq_errand_out *errand, struct yq_piece *pieces, size_t room,
                   size_t *count, struct yq_err *err)
{
    struct listing listing = {.pieces = pieces, .room = room};
    bool ok = list_pieces(errand, &listing, err);
    *count = ok ? listing.count : 0;
    return ok;
}

/* ---- what they say ---- */

#define VALUES_MOST 16

struct values { /* what only the node knows, for the table's node.* */
    struct yq_node_value list[VALUES_MOST];
    size_t count;
    struct yq_buf texts[VALUES_MOST]; /* what is made for them */
    size_t text_count;
};

static void values_fini(struct values *values)
{
    for (size_t i = 0; i < values->text_count; i++)
        yq_buf_fini(&values->texts[i]);
}

static struct yq_buf *new_text(struct values *values)
{
    return &values->texts[values->text_count++];
}

static void give(struct values *values, const char *name, const char *value, const char *identity)
{
    if (value && *value)
        values->list[values->count++] =
            (struct yq_node_value){.name = name, .value = value, .identity = identity};
}

static void give_removed(const struct yq_errand_out *errand, struct values *values)
{
    if (errand->removed)
        give(values, "removed", "1", NULL);
}

static bool compose_exam(const struct yq_errand_out *errand, const struct yq_interface *interface,
                         struct yq_composed *out, struct yq_err *err)
{
    struct values values = {0};
    give_removed(errand, &values);
    return yq_compose(errand->house, errand->conf, errand->platform, interface, errand->exam,
                      values.list, values.count, false, out, err);
}

/* A report that was removed here is told as it was last, as withdrawn. */
static bool open_report(const struct yq_errand_out *errand, const char *id,
                        struct yq_company *company, struct yq_err *err)
{
    bool removed = false;
    return yq_company_last(errand->house, YQ_KIND_REPORT, id, company, &removed, err) &&
           (!removed || yq_record_put(company->records[0], "status", "withdrawn", err));
}

/* What keeps its signature from going comes first: people are told that, and not that CAData is
 * missing. */
static bool look_at_signature(const struct yq_errand_out *errand, const char *report,
                              struct yq_composed *out, struct yq_err *err)
{
    struct yq_findings found yq_cleanup(yq_findings_fini) = {0};
    if (!shanxi_signature_ready(errand, report, &found, err))
        return false;
    for (size_t i = 0; i < found.count; i++)
        found.list[i].held = true;
    out->held += found.count;
    for (size_t i = 0; i < out->findings.count; i++) {
        struct yq_finding *more = yq_findings_add(&found);
        if (more)
            *more = out->findings.list[i];
    }
    found.failed = found.failed || out->findings.failed;
    const struct yq_findings before = out->findings;
    out->findings = found;
    found = before;
    return true;
}

static bool compose_report(const struct yq_errand_out *errand, const struct yq_piece *piece,
                           const struct yq_interface *interface, struct yq_composed *out,
                           struct yq_err *err)
{
    struct yq_company company yq_cleanup(yq_company_fini) = {0};
    struct values values yq_cleanup(values_fini) = {0};
    if (!open_report(errand, piece->id, &company, err))
        return false;
    give_removed(errand, &values);
    if (yq_compose_pdf(errand->house, (enum yq_pdf_how)errand->platform->pdf, &company,
                       new_text(&values), &values.list[values.count], err))
        values.count++;
    else if (err->code != YQ_ABSENT)
        return false;
    return yq_compose(errand->house, errand->conf, errand->platform, interface, &company,
                      values.list, values.count, false, out, err) &&
           look_at_signature(errand, piece->id, out, err);
}

/* One URL for each of the series' instances, and their UIDs, by which contents are told apart. */
static bool give_paths(const struct yq_errand_out *errand, const char *series,
                       struct values *values, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_SERIES};
    struct yq_entry *entries = NULL;
    size_t count = 0;
    struct yq_handing handing = {.expires = 0};
    struct yq_buf *urls = new_text(values), *uids = new_text(values);
    bool ok = yq_query_add(&query, YQ_SeriesInstanceUID, series, true, err) &&
              yq_catalog_list(errand->house->catalog, &query, &entries, &count, err) &&
              yq_handing_begin(errand->house, 0, &handing, err);
    for (size_t i = 0; ok && i < count; i++) {
        yq_buf_puts(urls, i ? "\n" : "");
        ok = yq_handing_put(&handing, &entries[i].key, urls) ||
             yq_fail(err, YQ_FULL, ROOM, "no memory for a URL");
        yq_buf_putf(uids, "%s%s", i ? "\n" : "", entries[i].key.instance);
    }
    yq_handing_end(&handing);
    free(entries);
    give(values, "filePaths", yq_buf_text(urls), yq_buf_text(uids));
    return ok;
}

static void give_study_time(const char *const *row, struct values *values)
{
    struct yq_buf *text = new_text(values);
    if (!row[YQ_StudyDate])
        return;
    yq_form_date(row[YQ_StudyDate], text);
    yq_buf_puts(text, " ");
    yq_form_time(row[YQ_StudyTime] ? row[YQ_StudyTime] : "000000", text);
    give(values, "studyDate", yq_buf_text(text), NULL);
}

static void give_row(const char *const *row, struct values *values)
{
    static const struct {
        const char *name;
        enum yq_attr attr;
    } from[] = {{"seriesUid", YQ_SeriesInstanceUID},
                {"seriesNumber", YQ_SeriesNumber},
                {"modality", YQ_Modality},
                {"studyUid", YQ_StudyInstanceUID},
                {"accessionNumber", YQ_AccessionNumber},
                {"patientId", YQ_PatientID},
                {"patientSex", YQ_PatientSex},
                {"patientAge", YQ_PatientAge}};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        give(values, from[i].name, row[from[i].attr], NULL);
    struct yq_buf *name = new_text(values);
    asked_person(row[YQ_PatientName], name);
    give(values, "patientName", yq_buf_text(name), NULL);
    give_study_time(row, values);
}

static bool compose_series(const struct yq_errand_out *errand, const struct yq_piece *piece,
                           const struct yq_interface *interface, struct yq_composed *out,
                           struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    struct values values yq_cleanup(values_fini) = {0};
    struct yq_cursor *cursor = NULL;
    const char *const *row;
    if (!query_series(&query, NULL, piece->id, err) ||
        !yq_catalog_find(errand->house->catalog, &query, &cursor, err))
        return false;
    err->code = YQ_OK;
    bool ok = yq_cursor_next(cursor, &row, err);
    if (!ok && err->code == YQ_OK)
        (void)!yq_fail(err, YQ_ABSENT, ROOM, "the series is not here any more");
    if (ok)
        give_row(row, &values);
    ok = ok && give_paths(errand, piece->id, &values, err) &&
         yq_compose(errand->house, errand->conf, errand->platform, interface, errand->exam,
                    values.list, values.count, false, out, err);
    yq_cursor_close(cursor);
    return ok;
}

bool shanxi_compose(const struct yq_errand_out *errand, const struct yq_piece *piece,
                    struct yq_composed *out, struct yq_err *err)
{
    static const char *const interfaces[] = {[SHANXI_EXAM] = "exam-sync",
                                             [SHANXI_REPORT] = "report-sync",
                                             [SHANXI_MERGED] = "examMergeReport-sync",
                                             [SHANXI_SERIES] = "images-list",
                                             [SHANXI_LISTED] = "series-get-item"};
    const struct yq_interface *interface = yq_interface_find("shanxi", interfaces[piece->what]);
    if (!interface)
        return yq_fail(err, YQ_BUG, ROOM, "no field table %s", interfaces[piece->what]);
    switch (piece->what) {
    case SHANXI_EXAM: return compose_exam(errand, interface, out, err);
    case SHANXI_SERIES:
    case SHANXI_LISTED: return compose_series(errand, piece, interface, out, err);
    default: return compose_report(errand, piece, interface, out, err);
    }
}
