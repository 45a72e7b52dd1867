/* find.c: a query becomes one statement, and its rows a cursor.
 *
 * Copies that are kept beside a served instance, and series and studies that hold nothing else, are
 * not seen. A patient is a group of studies with one patient key; its values are those of the
 * newest study that matches. A cursor keeps a reading connection and with it a snapshot. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static const char *const computed[YQ_ATTR_COUNT] = {
    [YQ_NumberOfPatientRelatedStudies] =
        "(SELECT count(*) FROM study AS p WHERE p.patient = study.patient AND p.n_instances > 0",
    [YQ_NumberOfPatientRelatedSeries] =
        "(SELECT sum(p.n_series) FROM study AS p WHERE p.patient = study.patient",
    [YQ_NumberOfPatientRelatedInstances] =
        "(SELECT sum(p.n_instances) FROM study AS p WHERE p.patient = study.patient",
    [YQ_ModalitiesInStudy] = "study.ModalitiesInStudy",
    [YQ_SOPClassesInStudy] = "study.SOPClassesInStudy",
    [YQ_NumberOfStudyRelatedSeries] = "study.n_series",
    [YQ_NumberOfStudyRelatedInstances] = "study.n_instances",
    [YQ_NumberOfSeriesRelatedInstances] = "series.n_instances",
    [YQ_AvailableTransferSyntaxUID] = "instance.transfer_syntax",
};

static bool is_unique_key(enum yq_attr attr, enum yq_qr_level level)
{
    for (int i = YQ_PATIENT; i <= (int)level; i++) {
        if (yq_level_key((enum yq_qr_level)i) == attr)
            return true;
    }
    return false;
}

static void put_columns(struct sql *sql, const struct yq_query *query, enum yq_attr *columns,
                        size_t *column_count)
{
    *column_count = 0;
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        enum yq_attr attr = (enum yq_attr)i;
        if (yq_attrs[i].level > query->level ||
            (!query->wanted[i] && !is_unique_key(attr, query->level)))
            continue;
        columns[(*column_count)++] = attr;
        yq_buf_puts(&sql->text, *column_count > 1 ? ", " : "");
        if (computed[i] && *computed[i] == '(') { /* over the studies of a patient */
            yq_buf_puts(&sql->text, computed[i]);
            sight_write(sql, query->sight, "p");
            yq_buf_puts(&sql->text, ")");
        } else if (computed[i]) {
            yq_buf_puts(&sql->text, computed[i]);
        } else {
            yq_buf_putf(&sql->text, "%s.%s", table_name(yq_attrs[i].level), yq_attrs[i].name);
        }
    }
}

#define NEWEST "max(coalesce(study.StudyDate, '') || coalesce(study.StudyTime, ''))"

static void put_from(struct sql *sql, enum yq_qr_level level)
{
    static const char *const from[] = {
        " FROM study WHERE study.n_instances > 0", " FROM study WHERE study.n_instances > 0",
        " FROM series JOIN study ON study.id = series.study_id WHERE series.n_instances > 0",
        " FROM " ENTRY_FROM " WHERE instance.copy = 0"};
    yq_buf_puts(&sql->text, from[level]);
}

/* Keys that lead to few rows by an index of their own. */
static bool is_selective(const struct yq_query *query)
{
    static const enum yq_attr leading[] = {
        YQ_AccessionNumber,  YQ_PatientID,         YQ_PatientName,   YQ_ReferringPhysicianName,
        YQ_StudyInstanceUID, YQ_SeriesInstanceUID, YQ_SOPInstanceUID};
    for (size_t i = 0; i < query->match_count; i++) {
        for (size_t j = 0; j < sizeof leading / sizeof *leading; j++) {
            if (query->matches[i].attr == leading[j] &&
                (query->matches[i].exact || !strchr("*? ", *query->matches[i].value)))
                return true;
        }
    }
    return false;
}

#define BY_NUMBERS                                                                                 \
    "CAST(series.SeriesNumber AS INTEGER), series.id, "                                            \
    "CAST(instance.InstanceNumber AS INTEGER), instance.id"

/* Newest first is the order of the date index. Where another index leads to a few rows these are
 * sorted: the unary plus keeps SQLite from walking through all studies in order of date instead. */
static void put_order(struct sql *sql, const struct yq_query *query)
{
    static const char *const below[] = {"", "", ", series.id DESC",
                                        ", series.id DESC, instance.id DESC"};
    if (query->order == YQ_ORDER_ARRIVAL && query->level > YQ_PATIENT)
        yq_buf_putf(&sql->text, " ORDER BY %s%s.id", query->match_count ? "+" : "",
                    table_name(query->level));
    if (query->order == YQ_ORDER_SERIES && query->level == YQ_IMAGE)
        yq_buf_puts(&sql->text, " ORDER BY " BY_NUMBERS);
    if (query->order != YQ_ORDER_NEWEST_FIRST)
        return;
    if (query->level == YQ_PATIENT)
        yq_buf_puts(&sql->text, " ORDER BY newest DESC, study.patient");
    else
        yq_buf_putf(&sql->text,
                    " ORDER BY %sstudy.StudyDate DESC, study.StudyTime DESC, study.id DESC%s",
                    is_selective(query) ? "+" : "", below[query->level]);
}

static void put_limit(struct sql *sql, const struct yq_query *query)
{
    if (query->limit || query->offset)
        yq_buf_putf(&sql->text, " LIMIT %lld OFFSET %lld",
                    query->limit && query->limit < INT64_MAX ? (long long)query->limit : -1LL,
                    query->offset < INT64_MAX ? (long long)query->offset : (long long)INT64_MAX);
}

bool find_write(struct sql *sql, const struct yq_query *query, enum find_what what,
                enum yq_attr *columns, size_t *column_count, struct yq_err *err)
{
    bool patients = query->level == YQ_PATIENT;
    yq_buf_puts(&sql->text, "SELECT ");
    if (what == FIND_COUNT) {
        yq_buf_puts(&sql->text, patients ? "count(DISTINCT study.patient)" : "count(*)");
    } else if (what == FIND_ENTRIES) {
        yq_buf_puts(&sql->text, ENTRY_COLUMNS);
    } else {
        put_columns(sql, query, columns, column_count);
        yq_buf_puts(&sql->text, patients ? ", " NEWEST " AS newest" : "");
    }
    put_from(sql, what == FIND_ENTRIES ? YQ_IMAGE : query->level);
    if (!conditions_write(sql, query, err))
        return false;
    if (what == FIND_ROWS && patients)
        yq_buf_puts(&sql->text, " GROUP BY study.patient");
    if (what == FIND_ROWS)
        put_order(sql, query);
    if (what == FIND_ENTRIES)
        yq_buf_puts(&sql->text, " ORDER BY study.id, " BY_NUMBERS);
    if (what != FIND_COUNT)
        put_limit(sql, query);
    return !sql->text.failed || yq_fail(err, YQ_FULL, "catalog", "no memory for a query");
}

/* The statement with its values, which it copies. */
sqlite3_stmt *sql_prepare(struct sql *sql, struct connection *connection, struct yq_err *err)
{
    if (sql->text.failed || sql->values.failed) {
        yq_fail(err, YQ_FULL, "catalog", "no memory for a query");
        return NULL;
    }
    sqlite3_stmt *statement = connection_prepare(connection, yq_buf_text(&sql->text), err);
    const char *text = yq_buf_text(&sql->values);
    for (size_t i = 0; statement && i < sql->value_count; i++) {
        if (sqlite3_bind_text(statement, (int)i + 1, text, -1, SQLITE_TRANSIENT) != SQLITE_OK) {
            connection_fail(connection, "ask the catalog", err);
            sqlite3_finalize(statement);
            return NULL;
        }
        text += strlen(text) + 1;
    }
    return statement;
}

struct yq_cursor {
    struct yq_catalog *catalog;
    struct connection *reader;
    sqlite3_stmt *statement;
    size_t column_count;
    enum yq_attr columns[YQ_ATTR_COUNT];
    const char *values[YQ_ATTR_COUNT];
};

bool yq_catalog_find(struct yq_catalog *catalog, const struct yq_query *query,
                     struct yq_cursor **out, struct yq_err *err)
{
    struct sql sql yq_cleanup(sql_fini) = {0};
    struct yq_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a cursor");
    cursor->catalog = catalog;
    bool ok = find_write(&sql, query, FIND_ROWS, cursor->columns, &cursor->column_count, err) &&
              (cursor->reader = reader_take(catalog, err)) &&
              (cursor->statement = sql_prepare(&sql, cursor->reader, err));
    if (!ok) {
        yq_cursor_close(cursor);
        return false;
    }
    *out = cursor;
    return true;
}

bool yq_cursor_next(struct yq_cursor *cursor, const char *const **values, struct yq_err *err)
{
    bool row;
    err->code = YQ_OK;
    if (!statement_step(cursor->reader, cursor->statement, &row, err) || !row)
        return false;
    for (size_t i = 0; i < cursor->column_count; i++) {
        const char *text = (const char *)sqlite3_column_text(cursor->statement, (int)i);
        cursor->values[cursor->columns[i]] = text && *text ? text : NULL;
    }
    *values = cursor->values;
    return true;
}

void yq_cursor_close(struct yq_cursor *cursor)
{
    if (!cursor)
        return;
    sqlite3_finalize(cursor->statement);
    if (cursor->reader)
        reader_give(cursor->catalog, cursor->reader);
    free(cursor);
}

bool yq_catalog_count(struct yq_catalog *catalog, const struct yq_query *query, uint64_t *count,
                      struct yq_err *err)
{
    struct sql sql yq_cleanup(sql_fini) = {0};
    bool row = false;
    *count = 0;
    if (!find_write(&sql, query, FIND_COUNT, NULL, NULL, err))
        return false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *statement = sql_prepare(&sql, reader, err);
    bool ok = statement && statement_step(reader, statement, &row, err);
    if (ok && row)
        *count = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    reader_give(catalog, reader);
    return ok;
}

enum { LIST_MOST = 1000000 }; /* some 400 MB: no request from outside may ask for more memory */

bool yq_catalog_list(struct yq_catalog *catalog, const struct yq_query *query,
                     struct yq_entry **out, size_t *count, struct yq_err *err)
{
    struct sql sql yq_cleanup(sql_fini) = {0};
    struct entries entries = {0};
    *out = NULL;
    *count = 0;
    if (!find_write(&sql, query, FIND_ENTRIES, NULL, NULL, err))
        return false;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *statement = sql_prepare(&sql, reader, err);
    bool ok = statement != NULL, row = ok;
    while (ok && row) {
        struct yq_entry entry;
        ok = statement_step(reader, statement, &row, err);
        if (ok && row && entries.count == LIST_MOST)
            ok = yq_fail(err, YQ_FULL, "catalog",
                         "more than %d instances at once: ask for them study by study", LIST_MOST);
        if (ok && row) {
            entry_read(statement, &entry);
            ok = entries_push(&entries, &entry, err);
        }
    }
    sqlite3_finalize(statement);
    reader_give(catalog, reader);
    if (!ok) {
        free(entries.entry);
        return false;
    }
    *out = entries.entry;
    *count = entries.count;
    return true;
}
