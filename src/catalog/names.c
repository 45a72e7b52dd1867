/* names.c: the keys under which people are found: table name_key has a row for every folded variant
 * of a study's names and for every spelling of the patient's in pinyin, so that a name is a lookup
 * and the beginning of one a range, whatever stands before or behind it in the value.
 *
 * Written with the study's row, in the same transaction; a catalog that has none, or those of other
 * rules, gets them when it is opened. */
#include <string.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/text.h"

enum name_key name_key_of(enum yq_attr attr)
{
    switch ((int)attr) {
    case YQ_PatientName: return NAME_PATIENT;
    case YQ_ReferringPhysicianName: return NAME_REFERRING;
    default: return NAME_NONE;
    }
}

static bool put_key(struct connection *writer, enum statement how, int64_t study,
                    enum name_key kind, const char *key, size_t length, struct yq_err *err)
{
    sqlite3_stmt *put = connection_statement(writer, how, err);
    if (!put)
        return false;
    sqlite3_bind_int(put, 1, (int)kind);
    sqlite3_bind_text(put, 2, key, (int)length, SQLITE_STATIC);
    sqlite3_bind_int64(put, 3, study);
    return statement_run(writer, put, err);
}

static bool put_keys(struct connection *writer, enum statement how, int64_t study,
                     enum yq_attr attr, const char *text, struct yq_err *err)
{
    struct yq_buf folds yq_cleanup(yq_buf_fini) = {0}, sounds yq_cleanup(yq_buf_fini) = {0};
    enum name_key kind = name_key_of(attr);
    if (kind == NAME_NONE || !text || !*text)
        return true;
    fold_variants(text, &folds);
    if (kind == NAME_PATIENT)
        sound_keys(text, &sounds);
    if (folds.failed || sounds.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a name");
    for (const char *p = yq_buf_text(&folds); *p;) {
        size_t length = strcspn(p, VARIANT);
        if (length && !put_key(writer, how, study, kind, p, length, err))
            return false;
        p += length + (p[length] != '\0');
    }
    const char *bytes = yq_buf_text(&sounds);
    for (size_t at = 0; at < sounds.length;) {
        size_t length = strlen(bytes + at);
        if (!put_key(writer, how, study, NAME_PATIENT_SOUND, bytes + at, length, err))
            return false;
        at += length + 1;
    }
    return true;
}

bool names_add(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
               struct yq_err *err)
{
    return put_keys(writer, ST_NAME_KEY_ADD, study, attr, text, err);
}

/* The table has no index by study, which would double what a new study costs: the value says which
 * keys it has. That holds because other rules make all keys anew (names_fill). */
bool names_remove(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
                  struct yq_err *err)
{
    return put_keys(writer, ST_NAME_KEY_REMOVE, study, attr, text, err);
}

bool names_prune(struct connection *writer, int64_t study, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(writer, ST_STUDY_NAMES, err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, study);
    if (!statement_step(writer, get, &row, err))
        return false;
    bool ok =
        !row || (names_remove(writer, study, YQ_PatientName, column_text(get, 0), err) &&
                 names_remove(writer, study, YQ_ReferringPhysicianName, column_text(get, 1), err));
    sqlite3_reset(get);
    return ok;
}

/* ---- a catalog without them ---- */

static bool read_mark(struct connection *writer, int64_t *rules, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(writer, "SELECT value FROM mark WHERE name = 'name_key'", err);
    if (!get || !statement_step(writer, get, &row, err))
        return false;
    *rules = row ? sqlite3_column_int64(get, 0) : 0;
    return true;
}

static bool write_mark(struct connection *writer, struct yq_err *err)
{
    sqlite3_stmt *set yq_cleanup(statement_drop) = connection_prepare(
        writer, "INSERT OR REPLACE INTO mark(name, value) VALUES('name_key', ?)", err);
    if (!set)
        return false;
    sqlite3_bind_int64(set, 1, yq_text_name_rules());
    return statement_run(writer, set, err);
}

static bool add_of_all(struct connection *writer, struct yq_err *err)
{
    int64_t began_ms = yq_monotonic_ms();
    unsigned long long studies = 0;
    bool row = true;
    sqlite3_stmt *none yq_cleanup(statement_drop) =
        connection_prepare(writer, "DELETE FROM name_key", err);
    sqlite3_stmt *all yq_cleanup(statement_drop) =
        none ? connection_prepare(writer,
                                  "SELECT id, PatientName, ReferringPhysicianName FROM study", err)
             : NULL;
    if (!all || !statement_run(writer, none, err))
        return false;
    for (;;) {
        if (!statement_step(writer, all, &row, err))
            return false;
        if (!row)
            break;
        if (!studies)
            yq_log(YQ_LOG_INFO, "catalog-names", "state=begun why=\"names get new search keys\"");
        int64_t study = sqlite3_column_int64(all, 0);
        if (!names_add(writer, study, YQ_PatientName, column_text(all, 1), err) ||
            !names_add(writer, study, YQ_ReferringPhysicianName, column_text(all, 2), err))
            return false;
        studies++;
    }
    if (studies)
        yq_log(YQ_LOG_INFO, "catalog-names", "state=done studies=%llu ms=%lld", studies,
               (long long)(yq_monotonic_ms() - began_ms));
    return true;
}

bool names_fill(struct connection *writer, struct yq_err *err)
{
    int64_t rules = 0;
    return read_mark(writer, &rules, err) &&
           (rules == yq_text_name_rules() || (add_of_all(writer, err) && write_mark(writer, err)));
}
