/* schema.c: the tables, made from the attribute table in attr.h, and the texts of statements.
 *
 * study holds the attributes of patient and study (PS3.4 C.6.1.1: patients have no other life here
 * than their studies), series and instance their own. An attribute that joins attr.h later becomes
 * a column at the next start; older rows have no value there until a reindex. What else a schema
 * has gained since version 1 is added to an older catalog when a node opens it: tables and indices
 * by IF NOT EXISTS, columns by `later_columns`. */
#include <stdio.h>
#include <string.h>

#include "outbox.h"

bool attr_is_name(enum yq_attr attr) { return strcmp(yq_attrs[attr].vr, "PN") == 0; }

bool attr_in_table(enum yq_attr attr, enum yq_qr_level table)
{
    enum yq_qr_level level = yq_attrs[attr].level == YQ_PATIENT ? YQ_STUDY : yq_attrs[attr].level;
    return level == table && yq_attrs[attr].source == YQ_FROM_HEADER;
}

const char *table_name(enum yq_qr_level level)
{
    static const char *const names[] = {"study", "study", "series", "instance"};
    return names[level];
}

static const char *const table_heads[] = {
    [YQ_STUDY] =
        "id INTEGER PRIMARY KEY, patient TEXT NOT NULL, "
        "n_series INTEGER NOT NULL DEFAULT 0, n_instances INTEGER NOT NULL DEFAULT 0, "
        "bytes INTEGER NOT NULL DEFAULT 0, ModalitiesInStudy TEXT, SOPClassesInStudy TEXT, "
        "first_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, "
        "registered_ms INTEGER NOT NULL DEFAULT 0",
    [YQ_SERIES] = "id INTEGER PRIMARY KEY, "
                  "study_id INTEGER NOT NULL REFERENCES study(id) ON DELETE CASCADE, "
                  "n_instances INTEGER NOT NULL DEFAULT 0",
    [YQ_IMAGE] = "id INTEGER PRIMARY KEY, "
                 "series_id INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE, "
                 "copy INTEGER NOT NULL, transfer_syntax TEXT NOT NULL, size INTEGER NOT NULL, "
                 "sha256 BLOB NOT NULL, dataset_offset INTEGER NOT NULL, "
                 "received_ms INTEGER NOT NULL, source TEXT NOT NULL, charset TEXT, "
                 "charset_doubtful INTEGER NOT NULL, coerced TEXT",
};

static const char other_tables[] =
    "CREATE TABLE IF NOT EXISTS contradiction(id INTEGER PRIMARY KEY,"
    " study_id INTEGER NOT NULL REFERENCES study(id) ON DELETE CASCADE,"
    " instance TEXT NOT NULL, source TEXT NOT NULL, what TEXT NOT NULL, kept TEXT NOT NULL,"
    " came TEXT NOT NULL, seen_ms INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(study_id, what, came));"
    "CREATE TABLE IF NOT EXISTS commitment(id INTEGER PRIMARY KEY, aet TEXT NOT NULL, txn TEXT NOT "
    "NULL,"
    " asked_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, tries INTEGER NOT NULL,"
    " pairs BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS unsettled(instance INTEGER PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS charset_reading(id INTEGER PRIMARY KEY,"
    " study_id INTEGER NOT NULL REFERENCES study(id) ON DELETE CASCADE,"
    " source TEXT NOT NULL, declared TEXT NOT NULL, read_as TEXT NOT NULL,"
    " reading INTEGER NOT NULL, doubtful INTEGER NOT NULL, seen_ms INTEGER NOT NULL,"
    " settled INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(study_id, source, declared, read_as, reading, doubtful));"
    /* the numbers of kinds and states: yq/outbox.h; of items: 0 to send, 1 refused, 2 dropped */
    "CREATE TABLE IF NOT EXISTS outbox_job(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " destination TEXT NOT NULL, rule TEXT NOT NULL, study TEXT NOT NULL, syntax TEXT NOT NULL,"
    " priority INTEGER NOT NULL, gathers INTEGER NOT NULL, state INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, queued_ms INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " n_pending INTEGER NOT NULL DEFAULT 1, n_sent INTEGER NOT NULL DEFAULT 0,"
    " n_refused INTEGER NOT NULL DEFAULT 0, n_dropped INTEGER NOT NULL DEFAULT 0, reason TEXT,"
    " told INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS outbox_item("
    " job_id INTEGER NOT NULL REFERENCES outbox_job(id) ON DELETE CASCADE,"
    " instance TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, reason TEXT,"
    " PRIMARY KEY(job_id, instance)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox_lane(kind INTEGER NOT NULL, destination TEXT NOT NULL,"
    " held INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, reason TEXT, n_sent INTEGER NOT NULL DEFAULT 0,"
    " n_failed INTEGER NOT NULL DEFAULT 0, n_retries INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(kind, destination)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS name_key(kind INTEGER NOT NULL, key TEXT NOT NULL,"
    " study_id INTEGER NOT NULL, PRIMARY KEY(kind, key, study_id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tombstone_series(id INTEGER PRIMARY KEY, study TEXT NOT NULL,"
    " series TEXT NOT NULL, deleted_ms INTEGER NOT NULL, UNIQUE(study, series));"
    "CREATE TABLE IF NOT EXISTS tombstone(instance TEXT PRIMARY KEY, series_id INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    /* numbers of kinds: yq/record.h; name: the record's id; findings: whether there are any */
    "CREATE TABLE IF NOT EXISTS record(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
    " removed INTEGER NOT NULL, serious INTEGER NOT NULL, findings INTEGER NOT NULL,"
    " source TEXT NOT NULL, first_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " digest BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS record_version(id INTEGER PRIMARY KEY,"
    " record INTEGER NOT NULL, version INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, source TEXT NOT NULL, person TEXT, removed INTEGER NOT NULL,"
    " serious INTEGER NOT NULL, changed TEXT, findings TEXT, content TEXT,"
    " UNIQUE(record, version));"
    "CREATE TABLE IF NOT EXISTS record_key(member TEXT NOT NULL, value TEXT NOT NULL,"
    " kind INTEGER NOT NULL, record INTEGER NOT NULL,"
    " PRIMARY KEY(member, value, kind, record)) WITHOUT ROWID;"
    /* states: yq/tie.h; maker: which end found it: 1 exam, 2 report, 4 study */
    "CREATE TABLE IF NOT EXISTS record_link(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " exam INTEGER NOT NULL, report INTEGER NOT NULL, study TEXT NOT NULL, how INTEGER NOT NULL,"
    " state INTEGER NOT NULL, made_ms INTEGER NOT NULL, maker INTEGER NOT NULL, person TEXT,"
    " UNIQUE(exam, report, study));"
    "CREATE TABLE IF NOT EXISTS record_link_due(record INTEGER PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS patient_merge(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " source TEXT NOT NULL, content TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " undone_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS patient_merge_item(merge INTEGER NOT NULL, record INTEGER NOT NULL,"
    " study TEXT NOT NULL, PRIMARY KEY(merge, record, study)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS record_count(kind INTEGER PRIMARY KEY, records INTEGER NOT NULL,"
    " versions INTEGER NOT NULL, findings INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS source_position(source TEXT PRIMARY KEY,"
    " epoch INTEGER NOT NULL DEFAULT 0, change TEXT NOT NULL DEFAULT '',"
    " keys TEXT NOT NULL DEFAULT '', moved_ms INTEGER NOT NULL DEFAULT 0,"
    " looked_ms INTEGER NOT NULL DEFAULT 0, down_ms INTEGER NOT NULL DEFAULT 0,"
    " trouble TEXT NOT NULL DEFAULT '', n_rows INTEGER NOT NULL DEFAULT 0,"
    " n_kept INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS source_aside(source TEXT NOT NULL, keys TEXT NOT NULL,"
    " change TEXT NOT NULL, reason TEXT NOT NULL, first_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, tries INTEGER NOT NULL, again INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(source, keys));"
    "CREATE TABLE IF NOT EXISTS attachment(name TEXT PRIMARY KEY, size INTEGER NOT NULL,"
    " pages INTEGER NOT NULL, kept_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS attachment_use(name TEXT NOT NULL, record INTEGER NOT NULL,"
    " version INTEGER NOT NULL, PRIMARY KEY(name, record, version)) WITHOUT ROWID;"
    /* the hospital's own codes, what they are nationally, and those that came without that */
    "CREATE TABLE IF NOT EXISTS code_map(id INTEGER PRIMARY KEY, list TEXT NOT NULL,"
    " source TEXT NOT NULL, code TEXT NOT NULL, dictionary TEXT NOT NULL, name TEXT NOT NULL,"
    " national TEXT NOT NULL, changed_ms INTEGER NOT NULL, UNIQUE(list, source, code, dictionary));"
    "CREATE TABLE IF NOT EXISTS code_seen(list TEXT NOT NULL, source TEXT NOT NULL,"
    " code TEXT NOT NULL, name TEXT NOT NULL, times INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL, PRIMARY KEY(list, source, code)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS registered(instance TEXT PRIMARY KEY, received_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    /* the numbers of states: yq/inbox.h */
    "CREATE TABLE IF NOT EXISTS hl7_message(id INTEGER PRIMARY KEY, source TEXT NOT NULL,"
    " control TEXT NOT NULL, what TEXT NOT NULL, received_ms INTEGER NOT NULL,"
    " done_ms INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL,"
    " tries INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, sealed INTEGER NOT NULL,"
    " reason TEXT, digest BLOB NOT NULL, answer BLOB, bytes BLOB NOT NULL);"
    /* the numbers of states: yq/signing.h; digest: of the text that is signed; kept: walk/sign.c */
    "CREATE TABLE IF NOT EXISTS signing_job(id INTEGER PRIMARY KEY, serial INTEGER NOT NULL,"
    " report INTEGER NOT NULL UNIQUE, platform TEXT NOT NULL, state INTEGER NOT NULL,"
    " version INTEGER NOT NULL, digest BLOB NOT NULL, user TEXT NOT NULL, data_id TEXT NOT NULL,"
    " rounds INTEGER NOT NULL, tries INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " asked_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL, reason TEXT, kept BLOB);"
    "CREATE TABLE IF NOT EXISTS signing_position(platform TEXT PRIMARY KEY, version INTEGER NOT "
    "NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS signature_seen(platform TEXT NOT NULL, report INTEGER NOT NULL,"
    " digest BLOB NOT NULL, good INTEGER NOT NULL, at_ms INTEGER NOT NULL, reason TEXT,"
    " PRIMARY KEY(platform, report)) WITHOUT ROWID;"
    /* what is to be looked at for the platforms: a record or a study; platform '': all */
    "CREATE TABLE IF NOT EXISTS consignment_due(id INTEGER PRIMARY KEY, record INTEGER NOT NULL,"
    " study TEXT NOT NULL, platform TEXT NOT NULL, urgency INTEGER NOT NULL,"
    " noted_ms INTEGER NOT NULL, UNIQUE(record, study, platform, urgency));"
    /* states: yq/consignment.h */
    "CREATE TABLE IF NOT EXISTS consignment(exam INTEGER NOT NULL, platform TEXT NOT NULL,"
    " piece TEXT NOT NULL, state INTEGER NOT NULL, identity BLOB, tried BLOB,"
    " sent_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, n_sent INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, reason TEXT, PRIMARY KEY(exam, platform, piece)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS platform_call(id INTEGER PRIMARY KEY, platform TEXT NOT NULL,"
    " n INTEGER NOT NULL, at_ms INTEGER NOT NULL, exam INTEGER NOT NULL, piece TEXT NOT NULL,"
    " url TEXT NOT NULL, status INTEGER NOT NULL, took_us INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, request BLOB, answer BLOB, UNIQUE(platform, n));"
    /* yq/catchup.h; done_ms 0: not yet */
    "CREATE TABLE IF NOT EXISTS reconciliation(platform TEXT NOT NULL, date TEXT NOT NULL,"
    " told INTEGER NOT NULL, missing INTEGER NOT NULL, unknown INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, tried_ms INTEGER NOT NULL, done_ms INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, reason TEXT, PRIMARY KEY(platform, date)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS backfill(id INTEGER PRIMARY KEY, platform TEXT NOT NULL,"
    " first TEXT NOT NULL, last TEXT NOT NULL, day TEXT NOT NULL, row INTEGER NOT NULL,"
    " rate INTEGER NOT NULL, automatic INTEGER NOT NULL, state INTEGER NOT NULL,"
    " n_queued INTEGER NOT NULL, made_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS mark(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS pulse(id INTEGER PRIMARY KEY CHECK(id = 1), at INTEGER NOT NULL);";

/* Columns that tables got after schema version 1. */
static const struct {
    const char *table, *column, *type;
} later_columns[] = {
    {"instance", "coerced", "TEXT"},
    {"study", "registered_ms", "INTEGER NOT NULL DEFAULT 0"}, /* changed_ms as records were made */
    /* records: a change wakes it though it is held; it changed while it was being sent */
    {"outbox_job", "wakes", "INTEGER NOT NULL DEFAULT 0"},
    {"outbox_job", "again", "INTEGER NOT NULL DEFAULT 0"},
    {NULL, NULL, NULL},
};

/* The indices on `instr` hold the few rows with several values, for which equality with the whole
 * does not do; see condition.c. */
static const char indices[] =
    "CREATE UNIQUE INDEX IF NOT EXISTS study_uid ON study(StudyInstanceUID);"
    "CREATE INDEX IF NOT EXISTS study_patient ON study(patient);"
    "CREATE INDEX IF NOT EXISTS study_patient_id ON study(PatientID);"
    "CREATE INDEX IF NOT EXISTS study_patient_ids ON study(PatientID) WHERE instr(PatientID, '\\') "
    "> 0;"
    "CREATE INDEX IF NOT EXISTS study_accession ON study(AccessionNumber);"
    "CREATE INDEX IF NOT EXISTS study_accessions ON study(AccessionNumber)"
    " WHERE instr(AccessionNumber, '\\') > 0;"
    "CREATE INDEX IF NOT EXISTS study_date ON study(StudyDate, StudyTime);"
    "CREATE INDEX IF NOT EXISTS study_unregistered ON study(id) WHERE registered_ms < changed_ms;"
    "DROP INDEX IF EXISTS study_patient_name;" /* of schema 1: now name_key */
    "DROP INDEX IF EXISTS study_referring;"
    "CREATE UNIQUE INDEX IF NOT EXISTS series_of_study ON series(study_id, SeriesInstanceUID);"
    "CREATE INDEX IF NOT EXISTS series_uid ON series(SeriesInstanceUID);"
    "CREATE UNIQUE INDEX IF NOT EXISTS instance_uid ON instance(SOPInstanceUID, copy);"
    "CREATE INDEX IF NOT EXISTS instance_series ON instance(series_id);"
    "CREATE INDEX IF NOT EXISTS instance_coerced ON instance(id) WHERE coerced IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS contradiction_open ON contradiction(id) WHERE settled = 0;"
    "CREATE INDEX IF NOT EXISTS contradiction_instance ON contradiction(instance);"
    "CREATE INDEX IF NOT EXISTS charset_suspect ON charset_reading(id)"
    " WHERE settled = 0 AND (reading = 2 OR doubtful = 1);"
    "CREATE INDEX IF NOT EXISTS tombstone_of_series ON tombstone(series_id);"
    "CREATE INDEX IF NOT EXISTS tombstone_series_uid ON tombstone_series(series);"
    "CREATE INDEX IF NOT EXISTS tombstone_series_age ON tombstone_series(deleted_ms);"
    "CREATE INDEX IF NOT EXISTS code_map_code ON code_map(code, dictionary);"
    "CREATE INDEX IF NOT EXISTS commitment_next ON commitment(next_ms);"
    "CREATE UNIQUE INDEX IF NOT EXISTS record_name ON record(kind, name);"
    "CREATE INDEX IF NOT EXISTS record_changed ON record(changed_ms);"
    "CREATE INDEX IF NOT EXISTS record_findings ON record(kind) WHERE findings = 1;"
    "CREATE INDEX IF NOT EXISTS record_key_of ON record_key(record);"
    "CREATE INDEX IF NOT EXISTS record_link_report ON record_link(report) WHERE report > 0;"
    "CREATE INDEX IF NOT EXISTS record_link_study ON record_link(study) WHERE study > '';"
    "CREATE UNIQUE INDEX IF NOT EXISTS outbox_study ON outbox_job(study, destination, kind, rule);"
    "CREATE INDEX IF NOT EXISTS outbox_due ON outbox_job(kind, destination, priority, next_ms)"
    " WHERE state < 3;"
    "CREATE INDEX IF NOT EXISTS outbox_lanes ON outbox_job(kind, destination, state, queued_ms);"
    "CREATE INDEX IF NOT EXISTS outbox_untold ON outbox_job(id) WHERE state = 7 AND told = 0;"
    "CREATE UNIQUE INDEX IF NOT EXISTS hl7_message_same ON hl7_message(source, control, digest);"
    "CREATE INDEX IF NOT EXISTS hl7_message_state ON hl7_message(state, id);"
    "CREATE INDEX IF NOT EXISTS hl7_message_age ON hl7_message(received_ms);"
    "CREATE INDEX IF NOT EXISTS signing_due ON signing_job(platform, next_ms) WHERE state < 4;"
    "CREATE INDEX IF NOT EXISTS signing_changed ON signing_job(changed_ms);"
    "CREATE INDEX IF NOT EXISTS outbox_withheld ON outbox_job(kind, destination, queued_ms)"
    " WHERE wakes = 1;"
    "CREATE INDEX IF NOT EXISTS consignment_due_next ON consignment_due(urgency DESC, id);"
    "CREATE INDEX IF NOT EXISTS platform_call_exam ON platform_call(exam);"
    "CREATE INDEX IF NOT EXISTS outbox_over ON outbox_job(changed_ms) WHERE state > 5;";

/* before, name, after for each attribute column of a table, the folds too. */
static void put_columns(struct yq_buf *sql, enum yq_qr_level table, const char *before,
                        const char *after)
{
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (!attr_in_table((enum yq_attr)i, table))
            continue;
        yq_buf_putf(sql, "%s%s%s", before, yq_attrs[i].name, after);
        if (attr_is_name((enum yq_attr)i))
            yq_buf_putf(sql, "%s%s_fold%s", before, yq_attrs[i].name, after);
    }
}

static void put_insert(struct yq_buf *sql, enum yq_qr_level table, const char *fixed)
{
    size_t places = 1;
    for (const char *p = fixed; *p; p++)
        places += *p == ',';
    yq_buf_putf(sql, "INSERT INTO %s(%s", table_name(table), fixed);
    put_columns(sql, table, ",", "");
    yq_buf_puts(sql, ") VALUES(?");
    while (--places)
        yq_buf_puts(sql, ",?");
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (attr_in_table((enum yq_attr)i, table))
            yq_buf_puts(sql, attr_is_name((enum yq_attr)i) ? ",?,?" : ",?");
    }
    yq_buf_puts(sql, ")");
}

/* All attribute columns without the folds, in the order of attr.h. */
static void put_select(struct yq_buf *sql, enum yq_qr_level table, const char *fixed)
{
    yq_buf_putf(sql, "SELECT %s", fixed);
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (attr_in_table((enum yq_attr)i, table))
            yq_buf_putf(sql, ",%s", yq_attrs[i].name);
    }
    yq_buf_putf(sql, " FROM %s", table_name(table));
}

static const char *const fixed_sql[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_SAVEPOINT] = "SAVEPOINT one",
    [ST_RELEASE] = "RELEASE one",
    [ST_ROLLBACK_TO] = "ROLLBACK TO one",
    [ST_PULSE] = "INSERT INTO pulse(id, at) VALUES(1, ?) ON CONFLICT(id) DO UPDATE SET at = "
                 "excluded.at",
    [ST_PEEK] = "SELECT n_instances FROM study ORDER BY id DESC LIMIT 1",
    [ST_ENTRY_SERVED] = "SELECT " ENTRY_COLUMNS " FROM " ENTRY_FROM
                        " WHERE instance.SOPInstanceUID = ? AND instance.copy = 0",
    [ST_ENTRIES_OF_SOP] = "SELECT " ENTRY_COLUMNS ", series.id, study.id FROM " ENTRY_FROM
                          " WHERE instance.SOPInstanceUID = ? ORDER BY instance.copy",
    [ST_ENTRIES_AFTER] = "SELECT " ENTRY_COLUMNS " FROM " ENTRY_FROM
                         " WHERE instance.id > ? ORDER BY instance.id LIMIT ?",
    [ST_MARK_ADD] = "INSERT OR IGNORE INTO unsettled(instance) VALUES(?)",
    [ST_MARK_REMOVE] = "DELETE FROM unsettled WHERE instance = ?",
    /* by way of the marks, which are few */
    [ST_MARKED_AFTER] = "SELECT " ENTRY_COLUMNS
                        " FROM unsettled CROSS JOIN instance ON instance.id = unsettled.instance"
                        " CROSS JOIN series ON series.id = instance.series_id"
                        " CROSS JOIN study ON study.id = series.study_id"
                        " WHERE unsettled.instance > ? ORDER BY unsettled.instance LIMIT ?",
    [ST_OWNERS] = "SELECT series.id, series.study_id FROM instance JOIN series ON series.id = "
                  "instance.series_id WHERE instance.id = ?",
    [ST_STUDY_GREW] = "UPDATE study SET n_series = n_series + ?, n_instances = n_instances + ?, "
                      "bytes = bytes + ?, ModalitiesInStudy = ?, SOPClassesInStudy = ?, "
                      "changed_ms = ? WHERE id = ?",
    [ST_SERIES_GREW] = "UPDATE series SET n_instances = n_instances + 1 WHERE id = ?",
    [ST_INSTANCE_REMOVE] = "DELETE FROM instance WHERE id = ?",
    [ST_SERIES_COUNT] = "UPDATE series SET n_instances = (SELECT count(*) FROM instance WHERE "
                        "series_id = ?1 AND copy = 0) WHERE id = ?1",
    [ST_SERIES_PRUNE] = "DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM instance "
                        "WHERE series_id = ?1)",
    [ST_STUDY_COUNT] =
        "UPDATE study SET "
        "n_series = (SELECT count(*) FROM series WHERE study_id = ?1 AND n_instances > 0), "
        "n_instances = (SELECT coalesce(sum(n_instances), 0) FROM series WHERE study_id = ?1), "
        "bytes = (SELECT coalesce(sum(size), 0) FROM instance JOIN series ON series.id = series_id "
        "WHERE study_id = ?1), "
        "ModalitiesInStudy = (SELECT group_concat(m, '\\') FROM (SELECT DISTINCT Modality AS m "
        "FROM "
        "series WHERE study_id = ?1 AND n_instances > 0 AND Modality IS NOT NULL)), "
        "SOPClassesInStudy = (SELECT group_concat(c, '\\') FROM (SELECT DISTINCT SOPClassUID AS c "
        "FROM instance JOIN series ON series.id = series_id WHERE study_id = ?1 AND copy = 0 AND "
        "SOPClassUID IS NOT NULL)), "
        "changed_ms = ?2 WHERE id = ?1",
    [ST_STUDY_PRUNE] = "DELETE FROM study WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE "
                       "study_id = ?1)",
    [ST_CONTRADICTION_SEEN] =
        "SELECT settled FROM contradiction WHERE study_id = ? AND what = ? AND came = ?",
    [ST_CONTRADICTION_ADD] = "INSERT INTO contradiction(study_id, instance, source, what, kept, "
                             "came, seen_ms, settled) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [ST_NAME_KEY_REMOVE] = "DELETE FROM name_key WHERE kind = ? AND key = ? AND study_id = ?",
    [ST_STUDY_NAMES] = "SELECT PatientName, ReferringPhysicianName FROM study WHERE id = ?1 AND "
                       "NOT EXISTS (SELECT 1 FROM series WHERE study_id = ?1)",
    [ST_NAME_KEY_ADD] = "INSERT OR IGNORE INTO name_key(kind, key, study_id) VALUES(?, ?, ?)",
    [ST_CHARSET_READ] =
        "INSERT OR IGNORE INTO charset_reading(study_id, source, declared, read_as, reading, "
        "doubtful, seen_ms) VALUES(?, ?, ?, ?, ?, ?, ?)",
    [ST_CONTRADICTION_OF_INSTANCE_REMOVE] =
        "DELETE FROM contradiction WHERE instance = ? AND what = 'content'",
    /* What is over (state > 4) begins anew; what is held or waits for its next try goes on waiting;
     * what gathers is put off. */
    [ST_OUTBOX_JOB] =
        "INSERT INTO outbox_job(kind, destination, rule, study, syntax, priority, gathers, state, "
        "next_ms, created_ms, queued_ms, changed_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, ?10, ?10) ON CONFLICT(study, destination, kind, rule) DO UPDATE SET "
        "n_pending = n_pending + 1, syntax = excluded.syntax, priority = excluded.priority, "
        "gathers = excluded.gathers, changed_ms = excluded.changed_ms, "
        "next_ms = CASE WHEN state IN (1, 2, 4) THEN next_ms ELSE excluded.next_ms END, "
        "queued_ms = CASE WHEN state > 4 THEN excluded.queued_ms ELSE queued_ms END, "
        "tries = CASE WHEN state > 4 THEN 0 ELSE tries END, "
        "reason = CASE WHEN state > 4 THEN NULL ELSE reason END, "
        "state = CASE WHEN state > 4 THEN excluded.state ELSE state END",
    [ST_OUTBOX_FIND] = "SELECT id, state FROM outbox_job WHERE study = ? AND destination = ? AND "
                       "kind = ? AND rule = ?",
    [ST_OUTBOX_MORE] = "UPDATE outbox_job SET n_pending = n_pending + 1 WHERE id = ?",
    [ST_OUTBOX_ITEM] = "INSERT OR IGNORE INTO outbox_item(job_id, instance) VALUES(?, ?)",
    [ST_OUTBOX_LANE] = "SELECT held, tries, next_ms, reason, n_sent, n_failed, n_retries FROM "
                       "outbox_lane WHERE kind = ? AND destination = ?",
    /* No row values in these: SQLite would begin at the lane that is to be passed over, and read it
     * all. The indices are named because the planner does not know that lanes are long. */
    [ST_OUTBOX_NEXT_LANE] = "SELECT destination FROM outbox_job INDEXED BY outbox_due WHERE state "
                            "< 3 AND kind = ? AND destination > ? ORDER BY destination LIMIT 1",
    [ST_OUTBOX_EARLIEST] = "SELECT next_ms FROM outbox_job INDEXED BY outbox_due WHERE state < 3 "
                           "AND kind = ? AND destination = ? AND priority = ? ORDER BY next_ms "
                           "LIMIT 1",
    [ST_OUTBOX_DUE] = "SELECT " JOB_COLUMNS " FROM outbox_job INDEXED BY outbox_due WHERE state < "
                      "3 AND kind = ? AND destination = ? AND priority = ? AND next_ms <= ? ORDER "
                      "BY next_ms LIMIT 1",
    [ST_OUTBOX_COUNT] =
        "INSERT INTO outbox_lane(kind, destination, n_sent, n_failed, n_retries) VALUES(?, ?, "
        "?, ?, ?) ON CONFLICT(kind, destination) DO UPDATE SET n_sent = n_sent + excluded.n_sent, "
        "n_failed = n_failed + excluded.n_failed, n_retries = n_retries + excluded.n_retries",
    [ST_OUTBOX_NEXT_KNOWN] = "SELECT destination FROM outbox_job INDEXED BY outbox_lanes WHERE "
                             "kind = ? AND destination > ? ORDER BY destination LIMIT 1",
    [ST_OUTBOX_OLDEST] = "SELECT queued_ms FROM outbox_job INDEXED BY outbox_lanes WHERE kind = ? "
                         "AND destination = ? AND state = ? ORDER BY queued_ms LIMIT 1",
    [ST_OUTBOX_GROUP_COUNT] = "SELECT count(*) FROM outbox_job INDEXED BY outbox_lanes WHERE kind "
                              "= ? AND destination = ? AND state = ?",
    [ST_OUTBOX_UNTOLD] = "SELECT " JOB_COLUMNS " FROM outbox_job WHERE state = 7 AND told = 0 "
                         "ORDER BY id",
    [ST_OUTBOX_TAKE] = "UPDATE outbox_job SET state = 3, again = 0, changed_ms = ?2 WHERE id = ?1",
    [ST_OUTBOX_GOING_ON] =
        "SELECT state = 3 AND NOT EXISTS (SELECT 1 FROM outbox_lane AS c WHERE c.kind = "
        "outbox_job.kind AND c.destination = outbox_job.destination AND c.held = 1) FROM "
        "outbox_job WHERE id = ?",
    [ST_OUTBOX_WITHHELD] = "SELECT queued_ms FROM outbox_job INDEXED BY outbox_withheld WHERE kind "
                           "= ? AND destination = ? AND wakes = 1 ORDER BY queued_ms LIMIT 1",
    [ST_OUTBOX_WITHHELD_COUNT] = "SELECT count(*) FROM outbox_job INDEXED BY outbox_withheld WHERE "
                                 "kind = ? AND destination = ? AND wakes = 1",
    [ST_OUTBOX_LANE_WELL] = "UPDATE outbox_lane SET tries = 0, next_ms = 0, reason = NULL WHERE "
                            "kind = ?1 AND destination = ?2 AND (tries > 0 OR next_ms > 0)",
    /* couriers that fail together are one try in vain */
    [ST_OUTBOX_LANE_TROUBLE] = "UPDATE outbox_lane SET tries = max(tries, ?5), next_ms = ?3, "
                               "reason = ?4 WHERE kind = ?1 AND destination = ?2",
    [ST_DUE_PUT] = "INSERT OR REPLACE INTO consignment_due(record, study, platform, urgency, "
                   "noted_ms) VALUES(?, ?, ?, ?, ?)",
    [ST_DUE_HELD] = "INSERT OR REPLACE INTO consignment_due(record, study, platform, urgency, "
                    "noted_ms) SELECT CAST(substr(study, 6) AS INTEGER), '', destination, 1, ?1 "
                    "FROM outbox_job WHERE kind = 2 AND state = 4 AND wakes = 1 AND study LIKE "
                    "'exam:%'",
    [ST_DUE_NEXT] =
        "SELECT d.id, d.record, d.study, d.platform, d.urgency, d.noted_ms, coalesce(r.kind, -1), "
        "r.removed FROM consignment_due AS d LEFT JOIN record AS r ON r.id = d.record ORDER BY "
        "d.urgency DESC, d.id LIMIT ?",
    [ST_DUE_TAKE] = "DELETE FROM consignment_due WHERE id = ?",
    [ST_EXAMS_OF_REPORT] = "SELECT exam FROM record_link WHERE report = ? AND report > 0 AND exam "
                           "> 0 AND state IN (0, 2)",
    [ST_EXAMS_OF_STUDY] = "SELECT exam FROM record_link WHERE study = ? AND study > '' AND exam > "
                          "0 AND state IN (0, 2)",
    [ST_EXAMS_OF_PATIENT] =
        "SELECT e.record FROM record_key AS p JOIN record_key AS e ON e.member = 'patientId' AND "
        "e.value = p.value AND e.kind = 0 WHERE p.record = ? AND p.member = 'patientId'",
    /* What is over, or held by the node, begins anew; what nobody has tried yet is put off by what
     * is as urgent; what is being sent is due again afterwards. */
    [ST_CONSIGN_JOB] =
        "INSERT INTO outbox_job(kind, destination, rule, study, syntax, priority, gathers, state, "
        "next_ms, created_ms, queued_ms, changed_ms, n_pending, reason, wakes) VALUES(2, ?1, '', "
        "?2, '', ?3, 0, ?4, ?5, ?6, ?6, ?6, 1, ?8, ?4 = 4) ON CONFLICT(study, destination, kind, "
        "rule) DO UPDATE SET changed_ms = excluded.changed_ms, again = (state = 3), "
        "next_ms = CASE WHEN state IN (1, 2) AND excluded.priority < priority THEN next_ms "
        "WHEN excluded.priority = 2 THEN excluded.next_ms "
        "WHEN state = 1 AND tries = 0 AND excluded.priority = priority THEN "
        "min(max(next_ms, excluded.next_ms), queued_ms + ?7) "
        "WHEN state = 2 OR (state = 1 AND tries > 0) THEN min(next_ms, excluded.next_ms) "
        "WHEN state = 4 AND wakes = 0 THEN next_ms "
        "ELSE excluded.next_ms END, "
        "priority = CASE WHEN state > 4 THEN excluded.priority ELSE max(priority, "
        "excluded.priority) END, "
        "queued_ms = CASE WHEN state > 4 THEN excluded.queued_ms ELSE queued_ms END, "
        "tries = CASE WHEN state > 4 OR wakes = 1 OR excluded.priority = 2 THEN 0 ELSE tries END, "
        "reason = CASE WHEN state > 4 OR wakes = 1 THEN excluded.reason ELSE reason END, "
        "n_pending = CASE WHEN state > 4 OR wakes = 1 THEN 1 ELSE n_pending END, "
        "n_refused = CASE WHEN state > 4 OR wakes = 1 THEN 0 ELSE n_refused END, "
        "n_dropped = CASE WHEN state > 4 THEN 0 ELSE n_dropped END, "
        "wakes = CASE WHEN state > 4 OR wakes = 1 THEN excluded.wakes ELSE 0 END, "
        "state = CASE WHEN state > 4 OR wakes = 1 THEN excluded.state ELSE state END",
    [ST_CONSIGN_FOUND] = "DELETE FROM outbox_job WHERE study = ? AND kind = 2 AND state <> 3",
    /* only of a job that is still being sent; ?2: the state, as if nothing had come meanwhile */
    [ST_CONSIGN_SETTLE] =
        "UPDATE outbox_job SET changed_ms = ?6, again = 0, "
        "wakes = (?2 = 4 AND again = 0), "
        "next_ms = CASE WHEN ?2 <> 2 THEN next_ms WHEN again THEN min(next_ms, ?3) ELSE ?3 END, "
        "tries = CASE ?2 WHEN 1 THEN tries WHEN 2 THEN tries + 1 ELSE 0 END, "
        "reason = CASE WHEN ?2 = 1 THEN reason WHEN again AND ?2 > 3 THEN NULL ELSE ?4 END, "
        "n_pending = CASE WHEN ?2 = 1 THEN max(n_pending, 1) WHEN again THEN max(?5, 1) ELSE ?5 "
        "END, n_refused = CASE WHEN ?2 = 1 THEN n_refused ELSE ?8 END, n_sent = n_sent + ?7, "
        "state = CASE WHEN ?2 = 1 AND tries > 0 THEN 2 WHEN again AND ?2 > 3 THEN 1 ELSE ?2 END "
        "WHERE id = ?1 AND state = 3",
    [ST_CONSIGN_REPORTS] = "SELECT r.name FROM record_link AS l JOIN record AS r ON r.id = "
                           "l.report WHERE l.exam = ? AND l.report > 0 AND l.state IN (0, 2) AND "
                           "r.removed = 0 ORDER BY r.id LIMIT 1000",
    [ST_CONSIGN_GONE] =
        "SELECT DISTINCT r.name FROM consignment AS c JOIN record AS r ON r.kind = 1 AND r.name = "
        "substr(c.piece, instr(c.piece, ':') + 1) WHERE c.exam = ? AND c.platform = ? AND c.n_sent "
        "> 0 AND instr(c.piece, ':') > 0 AND c.piece NOT LIKE 'series:%' AND r.removed = 1",
    [ST_CONSIGN_STUDIES] = "SELECT s.StudyInstanceUID FROM record_link AS l JOIN study AS s ON "
                           "s.StudyInstanceUID = l.study WHERE l.exam = ? AND l.study > '' AND "
                           "l.state IN (0, 2) AND s.n_instances > 0 ORDER BY s.id LIMIT 1000",
    [ST_CONSIGN_SENT] =
        "SELECT exam, platform, piece, state, identity, tried, sent_ms, changed_ms, n_sent, tries, "
        "reason FROM consignment WHERE exam = ?1 AND (?2 IS NULL OR platform = ?2)",
    [ST_CONSIGN_PUT] =
        "INSERT OR REPLACE INTO consignment(exam, platform, piece, state, identity, tried, "
        "sent_ms, changed_ms, n_sent, tries, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ST_CONSIGN_DROP] = "DELETE FROM consignment WHERE exam = ? AND platform = ? AND piece = ?",
    [ST_CONSIGN_LOST] = "UPDATE consignment SET identity = NULL, tried = NULL, tries = 0 WHERE "
                        "exam = ? AND platform = ?",
    [ST_CALL_LAST] = "SELECT n FROM platform_call WHERE platform = ? ORDER BY n DESC LIMIT 1",
    [ST_CALL_PUT] = "INSERT INTO platform_call(platform, n, at_ms, exam, piece, url, status, "
                    "took_us, failed, request, answer) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ST_CALL_PRUNE] = "DELETE FROM platform_call WHERE platform = ? AND n <= ?",
    [ST_OUTBOX_FORGET] =
        "UPDATE outbox_item SET state = 2, reason = 'deleted from this node' WHERE state = 0 AND "
        "job_id IN (SELECT id FROM outbox_job WHERE study = ? AND kind = 0) AND instance = ?",
    [ST_TOMBSTONE_SERIES] =
        "INSERT INTO tombstone_series(study, series, deleted_ms) VALUES(?, ?, ?) ON "
        "CONFLICT(study, series) DO UPDATE SET deleted_ms = excluded.deleted_ms RETURNING id",
    [ST_TOMBSTONE_PUT] = "INSERT OR REPLACE INTO tombstone(instance, series_id) VALUES(?, ?)",
    [ST_TOMBSTONE_TAKE] = "DELETE FROM tombstone WHERE instance = ? RETURNING series_id",
    [ST_TOMBSTONE_PRUNE] = "DELETE FROM tombstone_series WHERE id = ?1 AND NOT EXISTS (SELECT 1 "
                           "FROM tombstone WHERE series_id = ?1)",
    /* what is not given is NULL and does not narrow */
    [ST_TOMBSTONE_OF_INSTANCE] =
        "SELECT deleted_ms FROM tombstone JOIN tombstone_series ON id = series_id WHERE "
        "(?1 IS NULL OR study = ?1) AND (?2 IS NULL OR series = ?2) AND instance = ?3",
    [ST_TOMBSTONE_OF_SERIES] = "SELECT max(deleted_ms) FROM tombstone_series WHERE (?1 IS NULL OR "
                               "study = ?1) AND series = ?2 GROUP BY series",
    [ST_TOMBSTONE_OF_STUDY] =
        "SELECT max(deleted_ms) FROM tombstone_series WHERE study = ?1 GROUP BY study",
    [ST_ATTACHMENT_USE] =
        "INSERT OR IGNORE INTO attachment_use(name, record, version) VALUES(?, ?, ?)",
    [ST_GLANCE] = "SELECT " ENTRY_COLUMNS ", instance.Rows, instance.NumberOfFrames, "
                  "study.PatientID, study.PatientName, study.AccessionNumber FROM " ENTRY_FROM
                  " WHERE instance.SOPInstanceUID = ? AND instance.copy = 0",
    [ST_TIES_OF] = "SELECT id, exam, report, study, how, state, made_ms, person, maker FROM "
                   "record_link WHERE (?1 > 0 AND exam = ?1) OR (?2 > 0 AND report = ?2 AND report "
                   "> 0) OR (?3 > '' AND study = ?3 AND study > '')",
    [ST_TIE_GET] = "SELECT id, exam, report, study, how, state, made_ms, person FROM record_link "
                   "WHERE id = ?",
    [ST_TIE_REMOVE] = "DELETE FROM record_link WHERE id = ?",
    [ST_TIE_PUT] = "INSERT INTO record_link(exam, report, study, how, state, made_ms, maker) "
                   "VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(exam, report, study) DO UPDATE SET how "
                   "= excluded.how, state = excluded.state, made_ms = CASE WHEN state = "
                   "excluded.state THEN made_ms ELSE excluded.made_ms END, maker = excluded.maker "
                   "WHERE state < 2 AND (state <> excluded.state OR how <> excluded.how)",
    [ST_TIE_SET] = "INSERT INTO record_link(exam, report, study, how, state, made_ms, maker, "
                   "person) VALUES(?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT(exam, report, study) DO "
                   "UPDATE SET how = excluded.how, state = excluded.state, made_ms = "
                   "excluded.made_ms, person = excluded.person RETURNING id",
    [ST_TIE_DUE_ADD] = "INSERT OR IGNORE INTO record_link_due(record) VALUES(?)",
    [ST_TIE_DUE_REMOVE] = "DELETE FROM record_link_due WHERE record = ?",
    [ST_TIES_DUE] = "SELECT record FROM record_link_due WHERE record > ? ORDER BY record LIMIT ?",
    [ST_UNTIED_EXAM] =
        "SELECT id FROM record WHERE id < ? AND kind = 0 AND removed = 0 AND NOT EXISTS (SELECT 1 "
        "FROM record_link WHERE exam = record.id AND study > '' AND state IN (0, 2)) ORDER BY id "
        "DESC LIMIT ?",
    [ST_UNTIED_REPORT] =
        "SELECT id FROM record WHERE id < ? AND kind = 1 AND removed = 0 AND NOT EXISTS (SELECT 1 "
        "FROM record_link WHERE report = record.id AND report > 0 AND exam > 0 AND state IN (0, "
        "2)) ORDER BY id DESC LIMIT ?",
    [ST_UNTIED_REPORT_STUDY] =
        "SELECT id FROM record WHERE id < ? AND kind = 1 AND removed = 0 AND NOT EXISTS (SELECT 1 "
        "FROM record_link WHERE report = record.id AND report > 0 AND study > '' AND state IN (0, "
        "2)) ORDER BY id DESC LIMIT ?",
    [ST_RECORD_LOOK] = "SELECT id, version, removed, findings, serious, digest FROM record WHERE "
                       "kind = ? AND name = ?",
    [ST_RECORD_ADD] =
        "INSERT INTO record(kind, name, version, removed, serious, findings, source, first_ms, "
        "changed_ms, digest) VALUES(?1, ?2, 1, 0, ?3, ?4, ?5, ?6, ?6, ?7)",
    [ST_RECORD_SET] = "UPDATE record SET version = ?1, removed = ?2, serious = ?3, findings = ?4, "
                      "source = ?5, changed_ms = ?6, digest = ?7 WHERE id = ?8",
    [ST_RECORD_FOUND] = "UPDATE record SET serious = ?, findings = ? WHERE id = ?",
    [ST_RECORD_VERSION_ADD] =
        "INSERT INTO record_version(record, version, at_ms, source, person, removed, serious, "
        "changed, findings, content) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ST_RECORD_VERSION_FOUND] =
        "UPDATE record_version SET serious = ?, findings = ? WHERE record = ? AND version = ?",
    [ST_RECORD_RECAST] = "UPDATE record_version SET content = ? WHERE id = ?",
    [ST_RECORD_RENAME] = "UPDATE record SET name = ?1, digest = coalesce(?2, digest) WHERE id = ?3 "
                         "AND version = ?4 RETURNING id",
    [ST_RECORD_KEY_ADD] =
        "INSERT OR IGNORE INTO record_key(member, value, kind, record) VALUES(?, ?, ?, ?)",
    [ST_RECORD_KEYS_REMOVE] = "DELETE FROM record_key WHERE record = ?",
    [ST_RECORD_COUNT] =
        "INSERT INTO record_count(kind, records, versions, findings) VALUES(?, ?, ?, ?) ON "
        "CONFLICT(kind) DO UPDATE SET records = records + excluded.records, versions = versions + "
        "excluded.versions, findings = findings + excluded.findings",
    [ST_RECORD_GET] =
        "SELECT " RECORD_COLUMNS ", record_version.content FROM record JOIN " RECORD_LATEST
        " WHERE record.kind = ? AND record.name = ?",
    [ST_RECORD_GET_VERSION] =
        "SELECT " RECORD_COLUMNS ", record_version.content FROM record JOIN record_version ON "
        "record_version.record = record.id WHERE record.kind = ? AND record.name = ? AND "
        "record_version.version = ?",
    [ST_RECORD_GET_ROW] =
        "SELECT " RECORD_COLUMNS ", record_version.content FROM record JOIN " RECORD_LATEST
        " WHERE record.id = ?",
    /* the sender's own line before everybody's */
    [ST_CODE_NATIONAL] =
        "SELECT national FROM code_map WHERE code = ?1 AND (?2 IS NULL OR dictionary = ?2) AND "
        "(source = ?3 OR source = '') AND (?4 IS NULL OR list = ?4) ORDER BY "
        "source = '', list = dictionary DESC, id LIMIT 1",
    [ST_CODE_SEEN] =
        "INSERT INTO code_seen(list, source, code, name, times, first_ms, last_ms) SELECT ?1, ?2, "
        "?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM code_seen WHERE list = ?1 AND source = ?2 "
        "AND code = ?3) OR (SELECT count(*) FROM code_seen WHERE list = ?1 AND source = ?2) < ?8 "
        "ON CONFLICT(list, source, code) DO UPDATE SET times = times + excluded.times, last_ms = "
        "excluded.last_ms, name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END",
};

const char *statement_sql(enum statement which, struct yq_buf *made)
{
    switch (which) {
    case ST_STUDY_GET:
        put_select(made, YQ_STUDY,
                   "id, patient, n_instances, ModalitiesInStudy, SOPClassesInStudy");
        yq_buf_puts(made, " WHERE StudyInstanceUID = ?");
        break;
    case ST_STUDY_ADD: put_insert(made, YQ_STUDY, "patient, first_ms, changed_ms"); break;
    case ST_SERIES_GET:
        put_select(made, YQ_SERIES, "id, n_instances");
        yq_buf_puts(made, " WHERE study_id = ? AND SeriesInstanceUID = ?");
        break;
    case ST_SERIES_ADD: put_insert(made, YQ_SERIES, "study_id"); break;
    case ST_INSTANCE_ADD:
        put_insert(made, YQ_IMAGE,
                   "series_id, copy, transfer_syntax, size, sha256, dataset_offset, received_ms, "
                   "source, charset, charset_doubtful, coerced");
        break;
    default: return fixed_sql[which];
    }
    return yq_buf_text(made);
}

static bool run(struct connection *connection, const char *sql, struct yq_err *err)
{
    return sqlite3_exec(connection->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           connection_fail(connection, "make the catalog's tables", err);
}

static bool make_tables(struct connection *connection, struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    for (int table = YQ_STUDY; table <= YQ_IMAGE; table++) {
        yq_buf_putf(&sql, "CREATE TABLE IF NOT EXISTS %s(%s", table_name((enum yq_qr_level)table),
                    table_heads[table]);
        put_columns(&sql, (enum yq_qr_level)table, ",", " TEXT");
        yq_buf_puts(&sql, ");");
    }
    yq_buf_puts(&sql, other_tables);
    if (sql.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for the schema");
    return run(connection, yq_buf_text(&sql), err);
}

/* Writes nothing where it stands already. */
static bool set_version(struct connection *connection, int version, struct yq_err *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", SCHEMA_VERSION);
    return version == SCHEMA_VERSION || run(connection, sql, err);
}

static bool add_column(struct connection *connection, const char *table, const char *column,
                       const char *type, struct yq_err *err)
{
    if (sqlite3_table_column_metadata(connection->db, "main", table, column, NULL, NULL, NULL, NULL,
                                      NULL) == SQLITE_OK)
        return true;
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&sql, "ALTER TABLE %s ADD COLUMN %s %s", table, column, type);
    return run(connection, yq_buf_text(&sql), err);
}

static bool add_new_columns(struct connection *connection, struct yq_err *err)
{
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (yq_attrs[i].source != YQ_FROM_HEADER)
            continue;
        const char *table = table_name(yq_attrs[i].level);
        char fold[128];
        snprintf(fold, sizeof fold, "%s_fold", yq_attrs[i].name);
        if (!add_column(connection, table, yq_attrs[i].name, "TEXT", err) ||
            (attr_is_name((enum yq_attr)i) && !add_column(connection, table, fold, "TEXT", err)))
            return false;
    }
    for (size_t i = 0; later_columns[i].table; i++) {
        if (!add_column(connection, later_columns[i].table, later_columns[i].column,
                        later_columns[i].type, err))
            return false;
    }
    return true;
}

static bool read_version(struct connection *connection, int *version, struct yq_err *err)
{
    bool row;
    sqlite3_stmt *statement yq_cleanup(statement_drop) =
        connection_prepare(connection, "PRAGMA user_version", err);
    if (!statement || !statement_step(connection, statement, &row, err))
        return false;
    *version = row ? sqlite3_column_int(statement, 0) : 0;
    return true;
}

bool schema_make(struct connection *connection, struct yq_err *err)
{
    int version = 0;
    if (!read_version(connection, &version, err))
        return false;
    connection->newer = version > SCHEMA_VERSION;
    if (connection->newer)
        return yq_fail(err, YQ_REFUSED, "catalog",
                       "the catalog was made by a newer version of this program (schema %d)",
                       version);
    if (connection->read_only)
        return version == SCHEMA_VERSION ||
               yq_fail(err, YQ_REFUSED, "catalog", "open the catalog: it is read-only");
    if (!run(connection, "BEGIN IMMEDIATE", err))
        return false;
    /* Asked again: another process may have made it while we waited. */
    bool ok = read_version(connection, &version, err) && make_tables(connection, err) &&
              add_new_columns(connection, err) && run(connection, indices, err) &&
              set_version(connection, version, err) && names_fill(connection, err) &&
              run(connection, "COMMIT", err);
    if (!ok)
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}
