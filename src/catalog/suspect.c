/* suspect.c: what was read otherwise than its label says: one row for each study, source, label and
 * reading, so that a person can look at the names and say what is right. */
#include <string.h>

#include "inside.h"
#include "yq/text.h"

#define LISTED_MOST 20000

bool reading_note(struct connection *writer, int64_t study, const char *source,
                  const struct yq_header *header, int64_t now_ms, struct yq_err *err)
{
    if (header->charset_reading == YQ_READ_AS_DECLARED && !header->charset_doubtful)
        return true;
    sqlite3_stmt *add = connection_statement(writer, ST_CHARSET_READ, err);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, study);
    sqlite3_bind_text(add, 2, source, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, header->charset, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 4, header->charset_read, -1, SQLITE_STATIC);
    sqlite3_bind_int(add, 5, header->charset_reading);
    sqlite3_bind_int(add, 6, header->charset_doubtful);
    sqlite3_bind_int64(add, 7, now_ms);
    return statement_run(writer, add, err);
}

bool reading_settle(struct connection *writer, int64_t study, struct yq_err *err)
{
    sqlite3_stmt *settle yq_cleanup(statement_drop) = connection_prepare(
        writer, "UPDATE charset_reading SET settled = 1 WHERE study_id = ?", err);
    if (!settle)
        return false;
    sqlite3_bind_int64(settle, 1, study);
    return statement_run(writer, settle, err);
}

static void read_suspect(sqlite3_stmt *row, void *thing)
{
    struct yq_suspect *out = thing;
    memset(out, 0, sizeof *out);
    out->seen_ms = sqlite3_column_int64(row, 0);
    yq_copy(out->study, sizeof out->study, column_text(row, 1));
    yq_copy(out->source, sizeof out->source, column_text(row, 2));
    yq_copy(out->declared, sizeof out->declared, column_text(row, 3));
    yq_copy(out->read_as, sizeof out->read_as, column_text(row, 4));
    out->guessed = sqlite3_column_int(row, 5) == YQ_READ_AS_GUESSED;
    out->doubtful = sqlite3_column_int(row, 6) != 0;
    copy_characters(out->patient_id, sizeof out->patient_id, column_text(row, 7));
    copy_characters(out->patient_name, sizeof out->patient_name, column_text(row, 8));
}

bool yq_catalog_suspects(struct yq_catalog *catalog, struct yq_suspect **out, size_t *count,
                         struct yq_err *err)
{
    static const struct listing listing = {
        .sql =
            "SELECT c.seen_ms, study.StudyInstanceUID, c.source, c.declared, c.read_as, c.reading, "
            "c.doubtful, study.PatientID, study.PatientName FROM charset_reading AS c JOIN study "
            "ON "
            "study.id = c.study_id WHERE c.settled = 0 AND (c.reading = 2 OR c.doubtful = 1) AND "
            "study.n_instances > 0 ORDER BY c.id DESC LIMIT ?",
        .most = LISTED_MOST,
        .size = sizeof **out,
        .read = read_suspect,
    };
    void *things;
    bool ok = rows_list(catalog, &listing, &things, count, err);
    *out = things;
    return ok;
}
