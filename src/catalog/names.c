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

/* Rises when names fold, sound or are read otherwise than before: then all keys are made anew. */
#define NAMES_VERSION 1

enum name_key name_key_of(enum yq_attr attr)
{
    switch ((int)attr) {
    case YQ_PatientName: return NAME_PATIENT;
    case YQ_ReferringPhysicianName: return NAME_REFERRING;
    default: return NAME_NONE;
    }
}

static bool add_key(struct connection *writer, int64_t study, enum name_key kind, const char *key,
                    size_t length, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_NAME_KEY_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int(add, 1, (int)kind);
    sqlite3_bind_text(add, 2, key, (int)length, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, study);
    return statement_run(writer, add, err);
}

static bool add_folds(struct connection *writer, int64_t study, enum name_key kind,
                      const char *fold, struct yq_err *err)
{
    for (const char *p = fold; *p;) {
        size_t length = strcspn(p, VARIANT);
        if (length && !add_key(writer, study, kind, p, length, err))
            return false;
        p += length + (p[length] != '\0');
    }
    return true;
}

static bool add_sounds(struct connection *writer, int64_t study, const char *text,
                       struct yq_err *err)
{
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    sound_keys(text, &keys);
    if (keys.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a name");
    const char *bytes = yq_buf_text(&keys);
    for (size_t at = 0; at < keys.length;) {
        size_t length = strlen(bytes + at);
        if (!add_key(writer, study, NAME_PATIENT_SOUND, bytes + at, length, err))
            return false;
        at += length + 1;
    }
    return true;
}

bool names_add(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
               const char *fold, struct yq_err *err)
{
    enum name_key kind = name_key_of(attr);
    if (kind == NAME_NONE || !text || !fold)
        return true;
    return add_folds(writer, study, kind, fold, err) &&
           (kind != NAME_PATIENT || add_sounds(writer, study, text, err));
}

bool names_replace(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
                   const char *fold, struct yq_err *err)
{
    enum name_key kind = name_key_of(attr);
    if (kind == NAME_NONE)
        return true;
    sqlite3_stmt *remove yq_cleanup(statement_drop) = connection_prepare(
        writer, "DELETE FROM name_key WHERE study_id = ?1 AND kind IN (?2, ?3)", err);
    if (!remove)
        return false;
    sqlite3_bind_int64(remove, 1, study);
    sqlite3_bind_int(remove, 2, (int)kind);
    sqlite3_bind_int(remove, 3, (int)(kind == NAME_PATIENT ? NAME_PATIENT_SOUND : kind));
    return statement_run(writer, remove, err) && names_add(writer, study, attr, text, fold, err);
}

/* ---- a catalog without them ---- */

static bool read_mark(struct connection *writer, int *version, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get yq_cleanup(statement_drop) =
        connection_prepare(writer, "SELECT value FROM mark WHERE name = 'name_key'", err);
    if (!get || !statement_step(writer, get, &row, err))
        return false;
    *version = row ? sqlite3_column_int(get, 0) : 0;
    return true;
}

static bool write_mark(struct connection *writer, struct yq_err *err)
{
    sqlite3_stmt *set yq_cleanup(statement_drop) = connection_prepare(
        writer, "INSERT OR REPLACE INTO mark(name, value) VALUES('name_key', ?)", err);
    if (!set)
        return false;
    sqlite3_bind_int(set, 1, NAMES_VERSION);
    return statement_run(writer, set, err);
}

static bool add_of_study(struct connection *writer, sqlite3_stmt *row, struct yq_err *err)
{
    static const enum yq_attr attrs[] = {YQ_PatientName, YQ_ReferringPhysicianName};
    for (int i = 0; i < 2; i++) {
        struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
        const char *text = column_text(row, 1 + i);
        fold_variants(text, &fold);
        if (fold.failed)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a name");
        if (!names_add(writer, sqlite3_column_int64(row, 0), attrs[i], text, yq_buf_text(&fold),
                       err))
            return false;
    }
    return true;
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
        if (!add_of_study(writer, all, err))
            return false;
        studies++;
    }
    if (studies)
        yq_log(YQ_LOG_INFO, "catalog-names", "studies=%llu ms=%lld", studies,
               (long long)(yq_monotonic_ms() - began_ms));
    return true;
}

bool names_fill(struct connection *writer, struct yq_err *err)
{
    int version = 0;
    return read_mark(writer, &version, err) &&
           (version == NAMES_VERSION || (add_of_all(writer, err) && write_mark(writer, err)));
}
