/* ledger.c: records on their way into the ledger.
 *
 * A record has a row that stands for it as long as there is the catalog, and a row for each of its
 * versions. Nothing is written before it is clear that a change goes, so one that does not go
 * leaves nothing behind; what fails after that is the machine, and takes the whole transaction with
 * it. */
#include <string.h>

#include "consignment.h"
#include "yq/clock.h"
#include "yq/ledger.h"

struct writing {
    const struct yq_ledger_change *changes;
    size_t count;
    struct yq_ledger_result *results;
    struct growth { /* what the counts of a kind grow by */
        int64_t records, versions, findings;
    } grown[YQ_KIND_KEPT];
};

struct latest {           /* what is there of a record */
    int64_t row, version; /* 0: nothing */
    bool removed, findings;
    unsigned serious;
    uint8_t digest[32];
};

static bool look(struct connection *writer, const struct yq_ledger_change *change,
                 struct latest *latest, struct yq_err *err)
{
    bool row;
    memset(latest, 0, sizeof *latest);
    sqlite3_stmt *get = connection_statement(writer, ST_RECORD_LOOK, err);
    if (!get)
        return false;
    sqlite3_bind_int(get, 1, change->kind);
    sqlite3_bind_text(get, 2, change->id, -1, SQLITE_STATIC);
    if (!statement_step(writer, get, &row, err))
        return false;
    if (row) {
        latest->row = sqlite3_column_int64(get, 0);
        latest->version = sqlite3_column_int64(get, 1);
        latest->removed = sqlite3_column_int(get, 2);
        latest->findings = sqlite3_column_int(get, 3);
        latest->serious = (unsigned)sqlite3_column_int(get, 4);
        const void *digest = sqlite3_column_blob(get, 5);
        if (digest && sqlite3_column_bytes(get, 5) == (int)sizeof latest->digest)
            memcpy(latest->digest, digest, sizeof latest->digest);
    }
    sqlite3_reset(get);
    return true;
}

/* Whether the change goes; *err says why not. */
static bool fits(const struct yq_ledger_change *change, const struct latest *latest,
                 struct yq_err *err)
{
    bool there = latest->version && !latest->removed;
    if (change->expect == YQ_EXPECT_ABSENT && there)
        return yq_fail(err, YQ_CONFLICT, "catalog", "the record is there already (version %lld)",
                       (long long)latest->version);
    if (change->expect > 0 && !latest->version)
        return yq_fail(err, YQ_CONFLICT, "catalog", "the record is not there");
    if (change->expect > 0 && latest->version != change->expect)
        return yq_fail(err, YQ_CONFLICT, "catalog", "the record was changed: version %lld is there",
                       (long long)latest->version);
    if (!change->content && !there)
        return yq_fail(err, YQ_ABSENT, "catalog", "there is no such record");
    return true;
}

static bool put_version(struct connection *writer, const struct yq_ledger_change *change,
                        const struct yq_ledger_result *result, int64_t now, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_RECORD_VERSION_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, result->row);
    sqlite3_bind_int64(add, 2, result->version);
    sqlite3_bind_int64(add, 3, now);
    sqlite3_bind_text(add, 4, change->source, -1, SQLITE_STATIC);
    bind_text(add, 5, change->person);
    sqlite3_bind_int(add, 6, !change->content);
    sqlite3_bind_int64(add, 7, change->serious);
    bind_text(add, 8, change->changed);
    bind_text(add, 9, change->findings);
    bind_text(add, 10, change->content);
    return statement_run(writer, add, err);
}

static bool add_record(struct connection *writer, const struct yq_ledger_change *change,
                       struct yq_ledger_result *result, int64_t now, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_RECORD_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int(add, 1, change->kind);
    sqlite3_bind_text(add, 2, change->id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, change->serious);
    sqlite3_bind_int(add, 4, change->findings != NULL);
    sqlite3_bind_text(add, 5, change->source, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 6, now);
    sqlite3_bind_blob(add, 7, change->digest, sizeof change->digest, SQLITE_STATIC);
    if (!statement_run(writer, add, err))
        return false;
    result->row = sqlite3_last_insert_rowid(writer->db);
    result->version = 1;
    return true;
}

static bool set_record(struct connection *writer, const struct yq_ledger_change *change,
                       const struct latest *latest, struct yq_ledger_result *result, int64_t now,
                       struct yq_err *err)
{
    sqlite3_stmt *set = connection_statement(writer, ST_RECORD_SET, err);
    if (!set)
        return false;
    result->row = latest->row;
    result->version = latest->version + 1;
    sqlite3_bind_int64(set, 1, result->version);
    sqlite3_bind_int(set, 2, !change->content);
    sqlite3_bind_int64(set, 3, change->serious);
    sqlite3_bind_int(set, 4, change->findings != NULL);
    sqlite3_bind_text(set, 5, change->source, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 6, now);
    sqlite3_bind_blob(set, 7, change->digest, sizeof change->digest, SQLITE_STATIC);
    sqlite3_bind_int64(set, 8, result->row);
    return statement_run(writer, set, err);
}

struct keys {
    enum yq_kind kind;
    const struct yq_ledger_key *keys;
    size_t count;
};

static bool put_keys(struct connection *writer, const struct keys *keys, int64_t row, bool had,
                     struct yq_err *err)
{
    sqlite3_stmt *remove = had ? connection_statement(writer, ST_RECORD_KEYS_REMOVE, err) : NULL;
    if (remove)
        sqlite3_bind_int64(remove, 1, row);
    if (had && !statement_run(writer, remove, err))
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        sqlite3_stmt *add = connection_statement(writer, ST_RECORD_KEY_ADD, err);
        if (!add)
            return false;
        sqlite3_bind_text(add, 1, keys->keys[i].member, -1, SQLITE_STATIC);
        sqlite3_bind_text(add, 2, keys->keys[i].value, -1, SQLITE_STATIC);
        sqlite3_bind_int(add, 3, keys->kind);
        sqlite3_bind_int64(add, 4, row);
        if (!statement_run(writer, add, err))
            return false;
    }
    return true;
}

/* The same content as before: what is found in it may still be something else, by other rules. */
static bool put_findings(struct connection *writer, const struct yq_ledger_change *change,
                         const struct latest *latest, struct yq_err *err)
{
    if (!latest->findings && !change->findings)
        return true;
    sqlite3_stmt *version = connection_statement(writer, ST_RECORD_VERSION_FOUND, err);
    if (!version)
        return false;
    sqlite3_bind_int64(version, 1, change->serious);
    bind_text(version, 2, change->findings);
    sqlite3_bind_int64(version, 3, latest->row);
    sqlite3_bind_int64(version, 4, latest->version);
    if (!statement_run(writer, version, err))
        return false;
    sqlite3_stmt *record = connection_statement(writer, ST_RECORD_FOUND, err);
    if (!record)
        return false;
    sqlite3_bind_int64(record, 1, change->serious);
    sqlite3_bind_int(record, 2, change->findings != NULL);
    sqlite3_bind_int64(record, 3, latest->row);
    return statement_run(writer, record, err);
}

/* What may have ties now, or other ones than before (tie.c), and what platforms are told. */
static bool put_due(struct connection *writer, const struct yq_ledger_change *change, int64_t row,
                    struct yq_err *err)
{
    bool told = change->kind == YQ_KIND_EXAM || change->kind == YQ_KIND_REPORT ||
                change->kind == YQ_KIND_PATIENT;
    if (told && !consignment_note(writer, row, NULL, err))
        return false;
    if (change->kind != YQ_KIND_EXAM && change->kind != YQ_KIND_REPORT)
        return true;
    sqlite3_stmt *add = connection_statement(writer, ST_TIE_DUE_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, row);
    return statement_run(writer, add, err);
}

static bool put_change(struct connection *writer, const struct yq_ledger_change *change,
                       const struct latest *latest, struct yq_ledger_result *result,
                       struct yq_err *err)
{
    int64_t now = change->received_ms ? change->received_ms : yq_now_ms();
    const struct keys keys = {change->kind, change->keys, change->key_count};
    bool known = latest->version;
    result->outcome = !change->content            ? YQ_LEDGER_REMOVED
                      : !known || latest->removed ? YQ_LEDGER_NEW
                                                  : YQ_LEDGER_CHANGED;
    bool ok = known ? set_record(writer, change, latest, result, now, err)
                    : add_record(writer, change, result, now, err);
    return ok && put_version(writer, change, result, now, err) &&
           (!change->attachment ||
            attachment_use(writer, change->attachment, result->row, result->version, err)) &&
           (!change->content || put_keys(writer, &keys, result->row, known, err)) &&
           put_due(writer, change, result->row, err);
}

static bool take_change(struct connection *writer, struct writing *writing, size_t which,
                        struct yq_err *err)
{
    const struct yq_ledger_change *change = &writing->changes[which];
    struct yq_ledger_result *result = &writing->results[which];
    struct growth *grown = &writing->grown[change->kind];
    struct latest latest;
    memset(result, 0, sizeof *result);
    if (!look(writer, change, &latest, err))
        return false;
    bool there = latest.version && !latest.removed;
    if (!fits(change, &latest, &result->err)) {
        result->row = latest.row;
        result->version = latest.version;
        return true;
    }
    grown->findings += (change->content && change->findings) - (int64_t)(there && latest.findings);
    if (change->content && there &&
        memcmp(change->digest, latest.digest, sizeof latest.digest) == 0) {
        result->outcome = YQ_LEDGER_SAME;
        result->row = latest.row;
        result->version = latest.version;
        return put_findings(writer, change, &latest, err);
    }
    grown->records += (change->content != NULL) - (int64_t)there;
    grown->versions++;
    return put_change(writer, change, &latest, result, err);
}

static bool count_kind(struct connection *writer, int kind, const struct growth *grown,
                       struct yq_err *err)
{
    if (!grown->records && !grown->versions && !grown->findings)
        return true;
    sqlite3_stmt *count = connection_statement(writer, ST_RECORD_COUNT, err);
    if (!count)
        return false;
    sqlite3_bind_int(count, 1, kind);
    sqlite3_bind_int64(count, 2, grown->records);
    sqlite3_bind_int64(count, 3, grown->versions);
    sqlite3_bind_int64(count, 4, grown->findings);
    return statement_run(writer, count, err);
}

static bool write_all(struct connection *writer, void *with, struct yq_err *err)
{
    struct writing *writing = with;
    memset(writing->grown, 0, sizeof writing->grown);
    for (size_t i = 0; i < writing->count; i++) {
        if (!take_change(writer, writing, i, err))
            return false;
    }
    for (int kind = 0; kind < YQ_KIND_KEPT; kind++) {
        if (!count_kind(writer, kind, &writing->grown[kind], err))
            return false;
    }
    return true;
}

static bool is_sound(const struct yq_ledger_change *change, struct yq_err *err)
{
    size_t length = strlen(change->id);
    if ((int)change->kind < 0 || change->kind >= YQ_KIND_KEPT)
        return yq_fail(err, YQ_BUG, "catalog", "records of this kind stand within others");
    if (!length || length > YQ_RECORD_ID_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "an id has 1 to %d bytes", YQ_RECORD_ID_MOST);
    return true;
}

bool yq_ledger_write(struct yq_catalog *catalog, const struct yq_ledger_change *changes,
                     size_t count, struct yq_ledger_result *results, struct yq_err *err)
{
    struct writing writing = {.changes = changes, .count = count, .results = results};
    for (size_t i = 0; i < count; i++) {
        if (!is_sound(&changes[i], err))
            return false;
    }
    return !count || commit_simple(catalog, write_all, &writing, err);
}

/* ---- kept otherwise ---- */

struct recasting {
    const struct yq_ledger_recast *recasts;
    size_t count;
};

static bool recast_one(struct connection *writer, const struct yq_ledger_recast *recast,
                       struct yq_err *err)
{
    bool latest;
    const struct yq_ledger_entry *entry = recast->entry;
    const struct keys keys = {entry->kind, recast->keys, recast->key_count};
    sqlite3_stmt *set =
        recast->content ? connection_statement(writer, ST_RECORD_RECAST, err) : NULL;
    if (set) {
        sqlite3_bind_text(set, 1, recast->content, -1, SQLITE_STATIC);
        sqlite3_bind_int64(set, 2, entry->version_row);
    }
    if (recast->content && !statement_run(writer, set, err))
        return false;
    sqlite3_stmt *name = recast->name ? connection_statement(writer, ST_RECORD_RENAME, err) : NULL;
    if (!name)
        return !recast->name;
    sqlite3_bind_text(name, 1, recast->name, -1, SQLITE_STATIC);
    if (recast->digest)
        sqlite3_bind_blob(name, 2, recast->digest, 32, SQLITE_STATIC);
    sqlite3_bind_int64(name, 3, entry->row);
    sqlite3_bind_int64(name, 4, entry->version);
    if (!statement_step(writer, name, &latest, err))
        return false;
    sqlite3_reset(name);
    return !latest || put_keys(writer, &keys, entry->row, true, err);
}

static bool recast_all(struct connection *writer, void *with, struct yq_err *err)
{
    const struct recasting *recasting = with;
    for (size_t i = 0; i < recasting->count; i++) {
        if (!recast_one(writer, &recasting->recasts[i], err))
            return false;
    }
    return true;
}

bool yq_ledger_recast(struct yq_catalog *catalog, const struct yq_ledger_recast *recasts,
                      size_t count, struct yq_err *err)
{
    struct recasting recasting = {recasts, count};
    return !count || commit_simple(catalog, recast_all, &recasting, err);
}
