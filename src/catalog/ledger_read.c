/* ledger_read.c: records out of the ledger: one of them, its versions, and those that a query
 * fits. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/ledger.h"

void yq_ledger_entry_fini(struct yq_ledger_entry *entry)
{
    free(entry->content);
    free(entry->changed);
    free(entry->findings);
    memset(entry, 0, sizeof *entry);
}

void yq_ledger_list_free(struct yq_ledger_entry *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        yq_ledger_entry_fini(&list[i]);
    free(list);
}

/* *out is zero where this fails. */
static bool entry_take(sqlite3_stmt *row, bool with_content, struct yq_ledger_entry *out,
                       struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->row = sqlite3_column_int64(row, 0);
    out->kind = (enum yq_kind)sqlite3_column_int(row, 1);
    yq_copy(out->id, sizeof out->id, column_text(row, 2));
    out->first_ms = sqlite3_column_int64(row, 3);
    out->version = sqlite3_column_int64(row, 4);
    out->received_ms = sqlite3_column_int64(row, 5);
    yq_copy(out->source, sizeof out->source, column_text(row, 6));
    yq_copy(out->person, sizeof out->person, column_text(row, 7));
    out->removed = sqlite3_column_int(row, 8);
    out->serious = (unsigned)sqlite3_column_int64(row, 9);
    const void *digest = sqlite3_column_blob(row, 12);
    if (digest && sqlite3_column_bytes(row, 12) == (int)sizeof out->digest)
        memcpy(out->digest, digest, sizeof out->digest);
    out->version_row = sqlite3_column_int64(row, 13);
    out->latest = sqlite3_column_int64(row, 14);
    out->changed = strdup(column_text(row, 10));
    out->findings = strdup(column_text(row, 11));
    out->content = strdup(with_content ? column_text(row, RECORD_WIDTH) : "");
    if (out->changed && out->findings && out->content)
        return true;
    yq_ledger_entry_fini(out);
    return yq_fail(err, YQ_FULL, "catalog", "no memory for a record");
}

struct asking { /* for one record */
    enum statement which;
    int64_t numbers[2]; /* the first and the last value; the id between them, where there is one */
    int count;
    const char *id;
};

static bool get_one(struct connection *reader, const struct asking *asking,
                    struct yq_ledger_entry *out, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *get = connection_statement(reader, asking->which, err);
    if (!get)
        return false;
    int place = 1;
    sqlite3_bind_int64(get, place++, asking->numbers[0]);
    if (asking->id)
        sqlite3_bind_text(get, place++, asking->id, -1, SQLITE_STATIC);
    if (asking->count == 2)
        sqlite3_bind_int64(get, place, asking->numbers[1]);
    if (!statement_step(reader, get, &row, err))
        return false;
    bool ok = row ? entry_take(get, true, out, err)
                  : yq_fail(err, YQ_ABSENT, "catalog", "there is no such record");
    sqlite3_reset(get);
    return ok;
}

static bool get(struct yq_catalog *catalog, const struct asking *asking,
                struct yq_ledger_entry *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = get_one(reader, asking, out, err);
    reader_give(catalog, reader);
    return ok;
}

bool yq_ledger_get(struct yq_catalog *catalog, enum yq_kind kind, const char *id, int64_t version,
                   struct yq_ledger_entry *out, struct yq_err *err)
{
    struct asking asking = {.which = version ? ST_RECORD_GET_VERSION : ST_RECORD_GET,
                            .numbers = {kind, version},
                            .count = version ? 2 : 1,
                            .id = id};
    return get(catalog, &asking, out, err);
}

bool yq_ledger_get_row(struct yq_catalog *catalog, int64_t row, struct yq_ledger_entry *out,
                       struct yq_err *err)
{
    struct asking asking = {.which = ST_RECORD_GET_ROW, .numbers = {row}, .count = 1};
    return get(catalog, &asking, out, err);
}

/* ---- several ---- */

struct list {
    struct yq_ledger_entry *entry;
    size_t count, room;
};

static bool list_take(struct list *list, sqlite3_stmt *row, bool with_content, struct yq_err *err)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct yq_ledger_entry *grown = realloc(list->entry, room * sizeof *grown);
        if (!grown)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a list of %zu records", room);
        list->entry = grown;
        list->room = room;
    }
    if (!entry_take(row, with_content, &list->entry[list->count], err))
        return false;
    list->count++;
    return true;
}

static bool list_all(struct connection *reader, sqlite3_stmt *rows, bool with_content,
                     struct list *list, struct yq_err *err)
{
    for (;;) {
        bool row;
        if (!statement_step(reader, rows, &row, err))
            return false;
        if (!row)
            return true;
        if (!list_take(list, rows, with_content, err))
            return false;
    }
}

struct question { /* a statement that is being written, with its values in their order */
    struct yq_buf text;
    struct value {
        const char *text; /* NULL: the number */
        size_t length;
        int64_t number;
    } * values;
    size_t count, room;
    bool failed;
};

static void question_fini(struct question *question)
{
    yq_buf_fini(&question->text);
    free(question->values);
}

static void put_value(struct question *question, struct value value)
{
    if (question->count == question->room) {
        size_t room = question->room ? 2 * question->room : 16;
        struct value *grown = realloc(question->values, room * sizeof *grown);
        if (!grown) {
            question->failed = true;
            return;
        }
        question->values = grown;
        question->room = room;
    }
    question->values[question->count++] = value;
}

static void put_text(struct question *question, const char *text, size_t length)
{
    put_value(question, (struct value){.text = text, .length = length});
}

/* What is between 0x1F, as question marks with commas. */
static void put_choice(struct question *question, const char *text)
{
    for (const char *end;; text = end + 1) {
        end = text + strcspn(text, "\x1f");
        put_text(question, text, (size_t)(end - text));
        yq_buf_puts(&question->text, *end ? "?, " : "?");
        if (!*end)
            break;
    }
}

static void put_number(struct question *question, const char *sql, int64_t number)
{
    yq_buf_puts(&question->text, sql);
    put_value(question, (struct value){.number = number});
}

static void put_when(const char *key, const struct yq_ledger_query *query,
                     struct question *question)
{
    yq_buf_putf(&question->text, "%s.member = '" YQ_LEDGER_WHEN "'", key);
    if (query->when_from) {
        yq_buf_putf(&question->text, " AND %s.value >= ?", key);
        put_text(question, query->when_from, strlen(query->when_from));
    }
    if (query->when_until) {
        yq_buf_putf(&question->text, " AND %s.value <= ?", key);
        put_text(question, query->when_until, strlen(query->when_until));
    }
}

static bool has_when(const struct yq_ledger_query *query)
{
    return query->when_from || query->when_until;
}

static bool is_keyed(const struct yq_ledger_query *query)
{
    return query->key_count || has_when(query);
}

/* Where many rows fit and a page of them is wanted, the page is found before contents are read. */
static bool is_paged(const struct yq_ledger_query *query)
{
    return has_when(query) || query->offset;
}

/* By its first key, where there is one: what is left is few. */
static void write_from(const struct yq_ledger_query *query, bool with_content,
                       struct question *question)
{
    struct yq_buf *sql = &question->text;
    yq_buf_putf(sql, "SELECT " RECORD_COLUMNS "%s FROM ",
                with_content ? ", record_version.content" : "");
    if (is_paged(query))
        yq_buf_puts(sql, "(SELECT record.id AS page_id FROM ");
    yq_buf_puts(sql, is_keyed(query)
                         ? "record_key AS key CROSS JOIN record ON record.id = key.record"
                         : "record");
    if (!is_paged(query))
        yq_buf_puts(sql, " CROSS JOIN " RECORD_LATEST);
    yq_buf_puts(sql, " WHERE 1");
    for (size_t i = 0; i < query->key_count; i++) {
        yq_buf_puts(sql, i == 0 ? " AND key.member = ? AND key.value IN ("
                                : " AND EXISTS (SELECT 1 FROM record_key AS other WHERE "
                                  "other.member = ? AND other.value IN (");
        put_text(question, query->keys[i].member, strlen(query->keys[i].member));
        put_choice(question, query->keys[i].value);
        yq_buf_puts(sql,
                    i == 0 ? ")" : ") AND other.kind = record.kind AND other.record = record.id)");
    }
    if (!has_when(query))
        return;
    yq_buf_puts(sql, query->key_count ? " AND EXISTS (SELECT 1 FROM record_key AS moment WHERE "
                                      : " AND ");
    put_when(query->key_count ? "moment" : "key", query, question);
    if (query->key_count)
        yq_buf_puts(sql, " AND moment.kind = record.kind AND moment.record = record.id)");
}

static bool is_pattern(const char *text) { return text[strcspn(text, "*?")]; }

static void write_where(const struct yq_ledger_query *query, struct question *question)
{
    struct yq_buf *sql = &question->text;
    bool keyed = is_keyed(query);
    if (query->kind >= 0)
        put_number(question, keyed ? " AND key.kind = ?" : " AND record.kind = ?", query->kind);
    if (query->from_ms)
        put_number(question, " AND record.changed_ms >= ?", query->from_ms);
    if (query->until_ms)
        put_number(question, " AND record.changed_ms < ?", query->until_ms);
    if (query->source && is_pattern(query->source)) {
        put_number(question, " AND yq_match(?, record.source, ", MATCH_WHOLE);
        yq_buf_puts(sql, "?)");
        put_text(question, query->source, strlen(query->source));
    } else if (query->source) {
        yq_buf_puts(sql, " AND record.source = ?");
        put_text(question, query->source, strlen(query->source));
    }
    if (query->serious_only)
        yq_buf_puts(sql, " AND record.findings = 1 AND record.serious > 0");
    else if (query->findings_only)
        yq_buf_puts(sql, " AND record.findings = 1");
    if (!query->removed_too)
        yq_buf_puts(sql, " AND record.removed = 0");
    const char *row = keyed ? "key.record" : "record.id";
    if (query->after_row) {
        yq_buf_putf(sql, " AND %s %s ?", row, query->newest_first ? "<" : ">");
        put_value(question, (struct value){.number = query->after_row});
    }
    const char *turn = query->newest_first ? " DESC" : "";
    yq_buf_putf(sql, " ORDER BY %s%s LIMIT ?", row, turn);
    put_value(question, (struct value){.number = query->limit ? (int64_t)query->limit : 50});
    if (!is_paged(query))
        return;
    put_number(question, " OFFSET ?",
               query->offset < INT64_MAX ? (int64_t)query->offset : INT64_MAX);
    yq_buf_putf(sql,
                ") CROSS JOIN record ON record.id = page_id CROSS JOIN " RECORD_LATEST
                " ORDER BY page_id%s",
                turn);
}

static bool ask(struct connection *reader, const struct question *question, bool with_content,
                struct list *list, struct yq_err *err)
{
    sqlite3_stmt *rows = connection_recall(reader, yq_buf_text(&question->text), err);
    if (!rows)
        return false;
    for (size_t i = 0; i < question->count; i++) {
        const struct value *value = &question->values[i];
        if (value->text)
            sqlite3_bind_text(rows, (int)i + 1, value->text, (int)value->length, SQLITE_STATIC);
        else
            sqlite3_bind_int64(rows, (int)i + 1, value->number);
    }
    bool ok = list_all(reader, rows, with_content, list, err);
    sqlite3_reset(rows);
    sqlite3_clear_bindings(rows); /* they were borrowed */
    return ok;
}

static bool list_for(struct yq_catalog *catalog, const struct question *question, bool with_content,
                     struct yq_ledger_entry **out, size_t *count, struct yq_err *err)
{
    struct list list = {0};
    *out = NULL;
    *count = 0;
    if (question->failed || question->text.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a query");
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = ask(reader, question, with_content, &list, err);
    reader_give(catalog, reader);
    if (!ok) {
        yq_ledger_list_free(list.entry, list.count);
        return false;
    }
    *out = list.entry;
    *count = list.count;
    return true;
}

bool yq_ledger_find(struct yq_catalog *catalog, const struct yq_ledger_query *query,
                    bool with_content, struct yq_ledger_entry **out, size_t *count,
                    struct yq_err *err)
{
    struct question question = {0};
    write_from(query, with_content, &question);
    write_where(query, &question);
    bool ok = list_for(catalog, &question, with_content, out, count, err);
    question_fini(&question);
    return ok;
}

bool yq_ledger_history(struct yq_catalog *catalog, enum yq_kind kind, const char *id,
                       struct yq_ledger_entry **out, size_t *count, struct yq_err *err)
{
    struct question question = {0};
    yq_buf_puts(&question.text,
                "SELECT " RECORD_COLUMNS ", record_version.content FROM record JOIN record_version "
                "ON record_version.record = record.id WHERE record.kind = ? AND record.name = ? "
                "ORDER BY record_version.version");
    put_value(&question, (struct value){.number = kind});
    put_text(&question, id, strlen(id));
    bool ok = list_for(catalog, &question, true, out, count, err);
    question_fini(&question);
    return ok && (*count || yq_fail(err, YQ_ABSENT, "catalog", "there is no such record"));
}

bool yq_ledger_versions(struct yq_catalog *catalog, int64_t after, size_t limit,
                        struct yq_ledger_entry **out, size_t *count, struct yq_err *err)
{
    struct question question = {0};
    yq_buf_puts(&question.text,
                "SELECT " RECORD_COLUMNS ", record_version.content FROM record_version CROSS JOIN "
                "record ON record.id = record_version.record WHERE record_version.id > ? ORDER BY "
                "record_version.id LIMIT ?");
    put_value(&question, (struct value){.number = after});
    put_value(&question, (struct value){.number = (int64_t)limit});
    bool ok = list_for(catalog, &question, true, out, count, err);
    question_fini(&question);
    return ok;
}

/* ---- counts ---- */

static bool read_totals(struct connection *reader, struct yq_ledger_totals *out, struct yq_err *err)
{
    sqlite3_stmt *rows yq_cleanup(statement_drop) = connection_prepare(
        reader, "SELECT kind, records, versions, findings FROM record_count", err);
    if (!rows)
        return false;
    for (;;) {
        bool row;
        if (!statement_step(reader, rows, &row, err))
            return false;
        if (!row)
            return true;
        int kind = sqlite3_column_int(rows, 0);
        if (kind < 0 || kind >= YQ_KIND_KEPT)
            continue;
        out->records[kind] = (uint64_t)sqlite3_column_int64(rows, 1);
        out->versions += (uint64_t)sqlite3_column_int64(rows, 2);
        out->with_findings += (uint64_t)sqlite3_column_int64(rows, 3);
    }
}

bool yq_ledger_totals(struct yq_catalog *catalog, struct yq_ledger_totals *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    struct connection *reader = reader_take(catalog, err);
    if (!reader)
        return false;
    bool ok = read_totals(reader, out, err);
    reader_give(catalog, reader);
    return ok;
}
