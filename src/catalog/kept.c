/* kept.c: texts of other tables that may be sealed: what a reseal goes over besides records. */
#include "yq/kept.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* `context`: what the text was sealed with, in SQL (walk/hl7.c, walk/merge.c,
 * walk/sign.c, walk/report_kept.c). */
static const struct {
    const char *read, *write;
} tables[] = {
    {"SELECT id, content, 'patient-merge' FROM patient_merge WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE patient_merge SET content = CAST(?1 AS TEXT) WHERE id = ?3"},
    {"SELECT id, bytes, 'hl7:' || source || ':' || control FROM hl7_message WHERE id > ? ORDER BY "
     "id LIMIT ?",
     "UPDATE hl7_message SET bytes = ?1, sealed = ?2 WHERE id = ?3"},
    /* the serial goes along in the id: a job that was written meanwhile stays as it is now */
    {"SELECT id * 1000000 + serial % 1000000, kept, 'signing:' || report FROM signing_job WHERE "
     "kept IS NOT NULL AND id > ?1 / 1000000 ORDER BY id LIMIT ?2",
     "UPDATE signing_job SET kept = ?1 WHERE id = ?3 / 1000000 AND serial % 1000000 = ?3 % "
     "1000000"},
    {"SELECT id, request, 'call:' || platform FROM platform_call WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE platform_call SET request = ?1 WHERE id = ?3"},
    {"SELECT id, answer, 'call:' || platform FROM platform_call WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE platform_call SET answer = ?1 WHERE id = ?3"},
};
const size_t yq_kept_tables = sizeof tables / sizeof *tables;

void yq_kept_fini(struct yq_kept *kept)
{
    yq_buf_fini(&kept->text);
    yq_buf_fini(&kept->context);
}

static bool read_some(struct connection *reader, size_t table, int64_t after, struct yq_kept *out,
                      size_t room, size_t *count, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *rows yq_cleanup(statement_drop) =
        connection_prepare(reader, tables[table].read, err);
    if (!rows)
        return false;
    sqlite3_bind_int64(rows, 1, after);
    sqlite3_bind_int64(rows, 2, (int64_t)room);
    while (*count < room) {
        if (!statement_step(reader, rows, &row, err))
            return false;
        if (!row)
            break;
        struct yq_kept *kept = &out[(*count)++];
        const void *text = sqlite3_column_blob(rows, 1);
        kept->id = sqlite3_column_int64(rows, 0);
        yq_buf_put(&kept->text, text ? text : "", (size_t)sqlite3_column_bytes(rows, 1));
        yq_buf_puts(&kept->context, column_text(rows, 2));
        if (kept->text.failed || kept->context.failed)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a text");
    }
    return true;
}

bool yq_kept_read(struct yq_catalog *catalog, size_t table, int64_t after, struct yq_kept *out,
                  size_t room, size_t *count, struct yq_err *err)
{
    *count = 0;
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_some(reader, table, after, out, room, count, err);
    reader_give(catalog, reader);
    return ok;
}

struct keeping {
    size_t table;
    const struct yq_kept *kept;
    size_t count;
};

static bool write_some(struct connection *writer, void *with, struct yq_err *err)
{
    const struct keeping *keeping = with;
    sqlite3_stmt *set yq_cleanup(statement_drop) =
        connection_prepare(writer, tables[keeping->table].write, err);
    for (size_t i = 0; set && i < keeping->count; i++) {
        const struct yq_kept *kept = &keeping->kept[i];
        if (!kept->changed)
            continue;
        sqlite3_bind_blob64(set, 1, kept->text.bytes, kept->text.length, SQLITE_STATIC);
        if (sqlite3_bind_parameter_index(set, "?2"))
            sqlite3_bind_int(set, 2, kept->sealed);
        sqlite3_bind_int64(set, 3, kept->id);
        if (!statement_run(writer, set, err))
            return false;
    }
    return set != NULL;
}

bool yq_kept_write(struct yq_catalog *catalog, size_t table, const struct yq_kept *kept,
                   size_t count, struct yq_err *err)
{
    struct keeping keeping = {table, kept, count};
    return commit_simple(catalog, write_some, &keeping, err);
}
