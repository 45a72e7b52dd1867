/* contradiction.c: what came and does not agree with what is kept: written down once per study,
 * attribute and value, listed, settled by a correction. A settled one stays as a row, so that the
 * same value coming again does not raise it again. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/text.h"

#define LISTED_MOST 20000

bool contradiction_add(struct connection *writer, const struct claim *claim, bool *open,
                       struct yq_err *err)
{
    char kept[256], came[256];
    struct yq_contradiction sizes;
    _Static_assert(sizeof kept == sizeof sizes.kept && sizeof came == sizeof sizes.came,
                   "as listed");
    bool seen;
    copy_characters(kept, sizeof kept, claim->kept);
    copy_characters(came, sizeof came, claim->came);
    sqlite3_stmt *look = connection_statement(writer, ST_CONTRADICTION_SEEN, err);
    if (!look)
        return false;
    sqlite3_bind_int64(look, 1, claim->study);
    sqlite3_bind_text(look, 2, claim->what, -1, SQLITE_STATIC);
    sqlite3_bind_text(look, 3, came, -1, SQLITE_STATIC);
    if (!statement_step(writer, look, &seen, err))
        return false;
    *open = !seen || !sqlite3_column_int(look, 0);
    sqlite3_reset(look);
    if (seen)
        return true;
    sqlite3_stmt *add = connection_statement(writer, ST_CONTRADICTION_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, claim->study);
    sqlite3_bind_text(add, 2, claim->instance, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, claim->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 4, claim->what, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 5, kept, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 6, came, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 7, claim->seen_ms);
    sqlite3_bind_int(add, 8, 0);
    return statement_run(writer, add, err);
}

static void read_contradiction(sqlite3_stmt *row, void *thing)
{
    struct yq_contradiction *out = thing;
    memset(out, 0, sizeof *out);
    out->id = sqlite3_column_int64(row, 0);
    out->seen_ms = sqlite3_column_int64(row, 1);
    yq_copy(out->study, sizeof out->study, column_text(row, 2));
    yq_copy(out->instance, sizeof out->instance, column_text(row, 3));
    yq_copy(out->source, sizeof out->source, column_text(row, 4));
    yq_copy(out->what, sizeof out->what, column_text(row, 5));
    yq_copy(out->kept, sizeof out->kept, column_text(row, 6));
    yq_copy(out->came, sizeof out->came, column_text(row, 7));
}

bool yq_catalog_contradictions(struct yq_catalog *catalog, struct yq_contradiction **out,
                               size_t *count, struct yq_err *err)
{
    static const struct listing listing = {
        .sql =
            "SELECT c.id, c.seen_ms, study.StudyInstanceUID, c.instance, c.source, c.what, c.kept, "
            "c.came FROM contradiction AS c JOIN study ON study.id = c.study_id WHERE c.settled = "
            "0 "
            "ORDER BY c.id DESC LIMIT ?",
        .most = LISTED_MOST,
        .size = sizeof **out,
        .read = read_contradiction,
    };
    void *things;
    bool ok = rows_list(catalog, &listing, &things, count, err);
    *out = things;
    return ok;
}

struct correction {
    const char *study;
    enum yq_attr attr;
    struct values values;
};

static sqlite3_stmt *prepare_update(struct connection *writer, enum yq_attr attr,
                                    struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    const char *name = yq_attrs[attr].name;
    yq_buf_putf(&sql, "UPDATE study SET changed_ms = ?1, patient = ?2, %s = ?3", name);
    if (attr_is_name(attr))
        yq_buf_putf(&sql, ", %s_fold = ?4", name);
    yq_buf_puts(&sql, " WHERE id = ?5");
    return connection_prepare(writer, yq_buf_text(&sql), err);
}

static bool write_value(struct connection *writer, int64_t study, const char *patient,
                        const struct correction *correction, struct yq_err *err)
{
    enum yq_attr attr = correction->attr;
    sqlite3_stmt *update yq_cleanup(statement_drop) = prepare_update(writer, attr, err);
    if (!update)
        return false;
    sqlite3_bind_int64(update, 1, yq_now_ms());
    sqlite3_bind_text(update, 2, patient, -1, SQLITE_STATIC);
    bind_text(update, 3, correction->values.text[attr]);
    if (attr_is_name(attr))
        bind_text(update, 4, correction->values.fold[attr]);
    sqlite3_bind_int64(update, 5, study);
    return statement_run(writer, update, err);
}

static bool settle_rows(struct connection *writer, int64_t study, const char *what,
                        const char *earlier, struct yq_err *err)
{
    char came[256];
    copy_characters(came, sizeof came, earlier);
    sqlite3_stmt *settle yq_cleanup(statement_drop) = connection_prepare(
        writer, "UPDATE contradiction SET settled = 1 WHERE study_id = ? AND what = ?", err);
    if (!settle)
        return false;
    sqlite3_bind_int64(settle, 1, study);
    sqlite3_bind_text(settle, 2, what, -1, SQLITE_STATIC);
    if (!statement_run(writer, settle, err))
        return false;
    if (!*came)
        return true;
    /* What stood there until now is still in the files: it will come again, and is settled too. */
    sqlite3_stmt *known yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO contradiction(study_id, instance, source, what, kept, came, seen_ms, settled) "
        "VALUES(?1, '', '', ?2, '', ?3, ?4, 1) ON CONFLICT(study_id, what, came) DO NOTHING",
        err);
    if (!known)
        return false;
    sqlite3_bind_int64(known, 1, study);
    sqlite3_bind_text(known, 2, what, -1, SQLITE_STATIC);
    sqlite3_bind_text(known, 3, came, -1, SQLITE_STATIC);
    sqlite3_bind_int64(known, 4, yq_now_ms());
    return statement_run(writer, known, err);
}

/* Puts the value in; *earlier and *id: what stood there, and where. */
static bool put(struct connection *writer, const struct correction *correction, int64_t *id,
                struct yq_buf *earlier, struct yq_err *err)
{
    enum yq_attr attr = correction->attr;
    const struct values *values = &correction->values;
    struct yq_buf patient yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    bool row;
    yq_buf_putf(&sql,
                "SELECT id, PatientID, IssuerOfPatientID, PatientName_fold, %s FROM study WHERE "
                "StudyInstanceUID = ?",
                yq_attrs[attr].name);
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(writer, yq_buf_text(&sql), err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, correction->study, -1, SQLITE_STATIC);
    if (!statement_step(writer, get, &row, err))
        return false;
    if (!row)
        return yq_fail(err, YQ_ABSENT, "catalog", "there is no such study");
    patient_key(attr == YQ_PatientID ? values->text[attr] : column_text(get, 1),
                attr == YQ_IssuerOfPatientID ? values->text[attr] : column_text(get, 2),
                attr == YQ_PatientName ? values->fold[attr] : column_text(get, 3), &patient);
    if (patient.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a correction");
    *id = sqlite3_column_int64(get, 0);
    yq_buf_puts(earlier, column_text(get, 4));
    return write_value(writer, *id, yq_buf_text(&patient), correction, err) &&
           names_remove(writer, *id, attr, yq_buf_text(earlier), err) &&
           names_add(writer, *id, attr, values->text[attr], err);
}

static bool settle(struct connection *writer, void *with, struct yq_err *err)
{
    struct correction *correction = with;
    struct yq_buf earlier yq_cleanup(yq_buf_fini) = {0};
    int64_t study = 0;
    return put(writer, correction, &study, &earlier, err) &&
           settle_rows(writer, study, yq_attrs[correction->attr].name, yq_buf_text(&earlier),
                       err) &&
           (correction->attr != YQ_PatientName || reading_settle(writer, study, err));
}

bool correction_put(struct connection *writer, const char *study, enum yq_attr attr,
                    const char *value, struct yq_err *err)
{
    struct correction correction = {.study = study, .attr = attr};
    struct yq_buf earlier yq_cleanup(yq_buf_fini) = {0};
    int64_t id = 0;
    bool ok = values_make_one(attr, value, &correction.values, err) &&
              put(writer, &correction, &id, &earlier, err) &&
              (attr != YQ_PatientName || reading_settle(writer, id, err));
    values_fini(&correction.values);
    return ok;
}

bool yq_catalog_settle(struct yq_catalog *catalog, const char *study, enum yq_attr attr,
                       const char *value, struct yq_err *err)
{
    struct correction correction = {.study = study, .attr = attr};
    if ((int)attr < 0 || attr >= YQ_ATTR_COUNT || attr == YQ_StudyInstanceUID ||
        !attr_in_table(attr, YQ_STUDY))
        return yq_fail(err, YQ_BAD_INPUT, "catalog",
                       "only patient and study level attributes can be corrected");
    if (!yq_text_is_utf8(value, strlen(value)))
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "the correction is not UTF-8");
    bool ok = values_make_one(attr, value, &correction.values, err) &&
              commit_simple(catalog, settle, &correction, err);
    values_fini(&correction.values);
    return ok;
}
