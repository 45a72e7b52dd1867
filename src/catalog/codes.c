/* codes.c: the hospital's own codes and their national ones (table code_map), and which of those
 * that came have none (code_seen, filled by noted.c). Small tables, read by whole lists but for one
 * lookup, which has its index. */
#include <stdlib.h>
#include <string.h>

#include "consignment.h"
#include "yq/clock.h"
#include "yq/codes.h"

/* What is not asked for is NULL; "" is asked for (everybody's source). */
#define FILTER                                                                                     \
    "(?1 IS NULL OR list = ?1) AND (?2 IS NULL OR source = ?2) AND (?3 IS NULL OR code = ?3)"
/* Items may have a code in any of several dictionaries; other lists need the one of their name. */
#define MAPPED                                                                                     \
    "EXISTS (SELECT 1 FROM code_map AS m WHERE m.code = code_seen.code AND m.list = "              \
    "code_seen.list AND (m.source = code_seen.source OR m.source = '') AND m.dictionary = "        \
    "coalesce(?4, CASE WHEN code_seen.list IN ('" YQ_CODES_EXAM_ITEMS "', '" YQ_CODES_LAB_ITEMS    \
    "') THEN m.dictionary ELSE code_seen.list END))"

static void bind_any(sqlite3_stmt *statement, int place, const char *text)
{
    if (text)
        sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, place);
}

static void bind_filter(sqlite3_stmt *statement, const struct yq_code_filter *filter)
{
    int places = sqlite3_bind_parameter_count(statement);
    bind_any(statement, 1, filter->list);
    bind_any(statement, 2, filter->source);
    bind_any(statement, 3, filter->code);
    if (places > 3)
        bind_any(statement, 4, filter->dictionary);
    if (places > 4)
        sqlite3_bind_int64(statement, 5, filter->limit ? (sqlite3_int64)filter->limit : -1);
}

/* All rows of a statement as a malloc'ed array of things of `size` bytes. */
struct reading {
    const char *sql;
    size_t size;
    void (*read)(sqlite3_stmt *row, void *thing);
};

static bool read_rows(struct connection *reader, const struct reading *reading,
                      const struct yq_code_filter *filter, char **things, size_t *count,
                      struct yq_err *err)
{
    size_t room = 0;
    sqlite3_stmt *rows yq_cleanup(statement_drop) = connection_prepare(reader, reading->sql, err);
    if (!rows)
        return false;
    bind_filter(rows, filter);
    for (bool row;;) {
        if (!statement_step(reader, rows, &row, err))
            return false;
        if (!row)
            return true;
        if (*count == room) {
            size_t wanted = room ? 2 * room : 64;
            char *grown = realloc(*things, wanted * reading->size);
            if (!grown)
                return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of codes");
            *things = grown;
            room = wanted;
        }
        char *thing = *things + (*count)++ * reading->size;
        memset(thing, 0, reading->size);
        reading->read(rows, thing);
    }
}

static bool read_all(struct yq_catalog *catalog, const struct reading *reading,
                     const struct yq_code_filter *filter, void **out, size_t *count,
                     struct yq_err *err)
{
    char *things = NULL;
    *out = NULL;
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_rows(reader, reading, filter, &things, count, err);
    reader_give(catalog, reader);
    if (!ok) {
        free(things);
        *count = 0;
        return false;
    }
    *out = things;
    return true;
}

/* ---- the table ---- */

struct setting {
    const struct yq_code_line *codes;
    size_t count;
};

static bool set(struct connection *writer, void *with, struct yq_err *err)
{
    const struct setting *setting = with;
    sqlite3_stmt *put yq_cleanup(statement_drop) = connection_prepare(
        writer,
        "INSERT INTO code_map(list, source, code, dictionary, name, national, changed_ms) "
        "VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(list, source, code, dictionary) DO UPDATE SET "
        "name = excluded.name, national = excluded.national, changed_ms = excluded.changed_ms",
        err);
    if (!put)
        return false;
    for (size_t i = 0; i < setting->count; i++) {
        const struct yq_code_line *code = &setting->codes[i];
        bind_any(put, 1, code->list);
        bind_any(put, 2, code->source);
        bind_any(put, 3, code->code);
        bind_any(put, 4, code->dictionary);
        bind_any(put, 5, code->name);
        bind_any(put, 6, code->national);
        sqlite3_bind_int64(put, 7, code->changed_ms ? code->changed_ms : yq_now_ms());
        if (!statement_run(writer, put, err))
            return false;
    }
    return consignment_reconsider(writer, err); /* what was held for want of a code */
}

bool yq_codes_set(struct yq_catalog *catalog, const struct yq_code_line *codes, size_t count,
                  struct yq_err *err)
{
    struct setting setting = {codes, count};
    return commit_simple(catalog, set, &setting, err);
}

struct removing {
    const char *sql;
    const struct yq_code_filter *filter;
    uint64_t gone;
};

static bool take_away(struct connection *writer, void *with, struct yq_err *err)
{
    struct removing *removing = with;
    sqlite3_stmt *remove yq_cleanup(statement_drop) =
        connection_prepare(writer, removing->sql, err);
    if (!remove)
        return false;
    bind_filter(remove, removing->filter);
    if (!statement_run(writer, remove, err))
        return false;
    removing->gone = (uint64_t)sqlite3_changes(writer->db);
    return true;
}

bool yq_codes_unset(struct yq_catalog *catalog, const struct yq_code_filter *filter, uint64_t *gone,
                    struct yq_err *err)
{
    struct removing removing = {
        "DELETE FROM code_map WHERE " FILTER " AND (?4 IS NULL OR dictionary = ?4)", filter, 0};
    bool ok = commit_simple(catalog, take_away, &removing, err);
    *gone = ok ? removing.gone : 0;
    return ok;
}

static void read_code(sqlite3_stmt *row, void *thing)
{
    struct yq_code_line *code = thing;
    yq_copy(code->list, sizeof code->list, column_text(row, 0));
    yq_copy(code->source, sizeof code->source, column_text(row, 1));
    yq_copy(code->code, sizeof code->code, column_text(row, 2));
    yq_copy(code->dictionary, sizeof code->dictionary, column_text(row, 3));
    copy_characters(code->name, sizeof code->name, column_text(row, 4));
    yq_copy(code->national, sizeof code->national, column_text(row, 5));
    code->changed_ms = sqlite3_column_int64(row, 6);
}

bool yq_codes_list(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                   struct yq_code_line **out, size_t *count, struct yq_err *err)
{
    static const struct reading reading = {
        "SELECT list, source, code, dictionary, name, national, changed_ms FROM code_map "
        "WHERE " FILTER " AND (?4 IS NULL OR dictionary = ?4) ORDER BY list, source, code, "
        "dictionary LIMIT ?5",
        sizeof **out, read_code};
    void *list;
    bool ok = read_all(catalog, &reading, filter, &list, count, err);
    *out = list;
    return ok;
}

bool yq_codes_national(struct yq_catalog *catalog, const char *list, const char *source,
                       const char *code, const char *dictionary, char out[YQ_CODE_SIZE],
                       struct yq_err *err)
{
    bool row = false;
    *out = '\0';
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    sqlite3_stmt *get = connection_statement(reader, ST_CODE_NATIONAL, err);
    if (get) {
        bind_any(get, 1, code);
        bind_any(get, 2, dictionary);
        bind_any(get, 3, source);
        bind_any(get, 4, list);
    }
    bool ok = get && statement_step(reader, get, &row, err);
    if (ok && row)
        yq_copy(out, YQ_CODE_SIZE, column_text(get, 0));
    sqlite3_reset(get);
    reader_give(catalog, reader);
    return ok && (row || yq_fail(err, YQ_ABSENT, "catalog", "this code is not mapped"));
}

/* ---- what is not mapped yet ---- */

static void read_seen(sqlite3_stmt *row, void *thing)
{
    struct yq_code_seen *seen = thing;
    yq_copy(seen->list, sizeof seen->list, column_text(row, 0));
    yq_copy(seen->source, sizeof seen->source, column_text(row, 1));
    yq_copy(seen->code, sizeof seen->code, column_text(row, 2));
    copy_characters(seen->name, sizeof seen->name, column_text(row, 3));
    seen->times = (uint64_t)sqlite3_column_int64(row, 4);
    seen->first_ms = sqlite3_column_int64(row, 5);
    seen->last_ms = sqlite3_column_int64(row, 6);
}

bool yq_codes_unmapped(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                       struct yq_code_seen **out, size_t *count, struct yq_err *err)
{
    static const struct reading reading = {
        "SELECT list, source, code, name, times, first_ms, last_ms FROM code_seen WHERE " FILTER
        " AND NOT " MAPPED " ORDER BY times DESC, last_ms DESC, list, source, code LIMIT ?5",
        sizeof **out, read_seen};
    void *list;
    noted_settle(catalog);
    bool ok = read_all(catalog, &reading, filter, &list, count, err);
    *out = list;
    return ok;
}

bool yq_codes_forget(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                     uint64_t *gone, struct yq_err *err)
{
    struct removing removing = {"DELETE FROM code_seen WHERE " FILTER, filter, 0};
    bool ok = commit_simple(catalog, take_away, &removing, err);
    *gone = ok ? removing.gone : 0;
    return ok;
}
