/* inside.h: what the files of this room share; nobody else includes it, nor sqlite3.h.
 *
 * Lock order: `queue` and `state` are never held together, and no SQLite call is made under either.
 * The writing connection belongs to whoever leads a group commit; a reading one to whoever took it.
 */
#ifndef YQ_CATALOG_INSIDE_H
#define YQ_CATALOG_INSIDE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "yq/catalog.h"

#define SCHEMA_VERSION 4
#define RETRY_MS 1000
#define IDLE_READERS_MOST 16
#define RECALLED_MOST 8

/* Between the variants of a folded name; a fold of several begins with it. */
#define VARIANT "\x1f"

/* ---- a connection (connection.c) ---- */

enum statement { /* prepared once per connection; the texts are in schema.c */
                 ST_SAVEPOINT,
                 ST_RELEASE,
                 ST_ROLLBACK_TO,
                 ST_BEGIN,
                 ST_COMMIT,
                 ST_ROLLBACK,
                 ST_PULSE,
                 ST_PEEK,
                 ST_ENTRY_SERVED,
                 ST_ENTRIES_OF_SOP,
                 ST_ENTRIES_AFTER,
                 ST_STUDY_GET,
                 ST_STUDY_ADD,
                 ST_STUDY_GREW,
                 ST_SERIES_GET,
                 ST_SERIES_ADD,
                 ST_SERIES_GREW,
                 ST_INSTANCE_ADD,
                 ST_MARK_ADD,
                 ST_MARK_REMOVE,
                 ST_MARKED_AFTER,
                 ST_OWNERS,
                 ST_INSTANCE_REMOVE,
                 ST_SERIES_COUNT,
                 ST_SERIES_PRUNE,
                 ST_STUDY_COUNT,
                 ST_STUDY_PRUNE,
                 ST_CONTRADICTION_SEEN,
                 ST_CONTRADICTION_ADD,
                 ST_CONTRADICTION_OF_INSTANCE_REMOVE,
                 ST_CHARSET_READ,
                 ST_OUTBOX_FIND,
                 ST_OUTBOX_JOB,
                 ST_OUTBOX_MORE,
                 ST_OUTBOX_ITEM,
                 ST_OUTBOX_LANE,
                 ST_OUTBOX_NEXT_LANE,
                 ST_OUTBOX_EARLIEST,
                 ST_OUTBOX_DUE,
                 ST_OUTBOX_COUNT,
                 ST_OUTBOX_FORGET,
                 ST_OUTBOX_UNTOLD,
                 ST_OUTBOX_NEXT_KNOWN,
                 ST_OUTBOX_OLDEST,
                 ST_OUTBOX_GROUP_COUNT,
                 ST_OUTBOX_TAKE,
                 ST_OUTBOX_GOING_ON,
                 ST_OUTBOX_WITHHELD,
                 ST_OUTBOX_WITHHELD_COUNT,
                 ST_OUTBOX_LANE_WELL,
                 ST_OUTBOX_LANE_TROUBLE,
                 ST_DUE_PUT,
                 ST_DUE_HELD,
                 ST_DUE_NEXT,
                 ST_DUE_TAKE,
                 ST_EXAMS_OF_REPORT,
                 ST_EXAMS_OF_STUDY,
                 ST_EXAMS_OF_PATIENT,
                 ST_CONSIGN_JOB,
                 ST_CONSIGN_FOUND,
                 ST_CONSIGN_SETTLE,
                 ST_CONSIGN_REPORTS,
                 ST_CONSIGN_GONE,
                 ST_CONSIGN_STUDIES,
                 ST_CONSIGN_SENT,
                 ST_CONSIGN_PUT,
                 ST_CONSIGN_DROP,
                 ST_CONSIGN_LOST,
                 ST_CALL_LAST,
                 ST_CALL_PUT,
                 ST_CALL_PRUNE,
                 ST_NAME_KEY_ADD,
                 ST_NAME_KEY_REMOVE,
                 ST_STUDY_NAMES,
                 ST_TOMBSTONE_SERIES,
                 ST_TOMBSTONE_PUT,
                 ST_TOMBSTONE_TAKE,
                 ST_TOMBSTONE_PRUNE,
                 ST_TOMBSTONE_OF_INSTANCE,
                 ST_TOMBSTONE_OF_SERIES,
                 ST_TOMBSTONE_OF_STUDY,
                 ST_ATTACHMENT_USE,
                 ST_GLANCE,
                 ST_TIES_OF,
                 ST_TIE_GET,
                 ST_TIE_REMOVE,
                 ST_TIE_PUT,
                 ST_TIE_SET,
                 ST_TIE_DUE_ADD,
                 ST_TIE_DUE_REMOVE,
                 ST_TIES_DUE,
                 ST_UNTIED_EXAM,
                 ST_UNTIED_REPORT,
                 ST_UNTIED_REPORT_STUDY,
                 ST_RECORD_LOOK,
                 ST_RECORD_ADD,
                 ST_RECORD_SET,
                 ST_RECORD_FOUND,
                 ST_RECORD_VERSION_ADD,
                 ST_RECORD_VERSION_FOUND,
                 ST_RECORD_KEY_ADD,
                 ST_RECORD_KEYS_REMOVE,
                 ST_RECORD_COUNT,
                 ST_RECORD_GET,
                 ST_RECORD_GET_VERSION,
                 ST_RECORD_GET_ROW,
                 ST_RECORD_RECAST,
                 ST_RECORD_RENAME,
                 ST_CODE_NATIONAL,
                 ST_CODE_SEEN,
                 ST_COUNT
};

struct connection {
    sqlite3 *db;
    struct yq_catalog *catalog; /* whose it is; NULL: of an earlier file */
    sqlite3_stmt *statements[ST_COUNT];
    sqlite3_stmt *recalled[RECALLED_MOST]; /* those whose texts are made, latest first */
    uint64_t generation;                   /* of the file it has open */
    int trouble;       /* SQLITE_CORRUPT or SQLITE_IOERR once the file failed, or 0 */
    struct yq_err why; /* its error */
    bool read_only;
    bool newer; /* the file's schema is newer than ours */
    struct connection *next;
};

/* `write`: creates the file if need be. Fills *err and returns NULL when it cannot. */
struct connection *connection_open(const char *path, bool write, struct yq_err *err);
/* `gone`: the file is no longer the one at its path; nothing beside it may be touched. */
void connection_close(struct connection *connection, bool gone);
/* *err from the connection's last error; returns false. */
bool connection_fail(struct connection *connection, const char *doing, struct yq_err *err);
/* A cached statement, reset and without values; NULL with *err when it cannot be prepared. */
sqlite3_stmt *connection_statement(struct connection *connection, enum statement which,
                                   struct yq_err *err);
sqlite3_stmt *connection_prepare(struct connection *connection, const char *sql,
                                 struct yq_err *err);
/* The same for a text that comes again and again: it stays the connection's; reset it after use. */
sqlite3_stmt *connection_recall(struct connection *connection, const char *sql, struct yq_err *err);
/* Runs a statement that gives no rows, then resets it. */
bool statement_run(struct connection *connection, sqlite3_stmt *statement, struct yq_err *err);
/* One row: true with *row set; *row false at the end. */
bool statement_step(struct connection *connection, sqlite3_stmt *statement, bool *row,
                    struct yq_err *err);
void statement_drop(sqlite3_stmt **statement); /* finalizes; for yq_cleanup */
/* Binds text, NULL for NULL or "". The text lives until the statement is reset. */
void bind_text(sqlite3_stmt *statement, int place, const char *text);
/* A column's text, "" for NULL. */
const char *column_text(sqlite3_stmt *statement, int column);

/* ---- schema.c ---- */

bool schema_make(struct connection *connection, struct yq_err *err); /* or checks, or extends */
/* A statement's text: a fixed one, or made into `made` from the attribute table. */
const char *statement_sql(enum statement which, struct yq_buf *made);
/* The table that holds the attributes of a level; patients are in study. */
const char *table_name(enum yq_qr_level level);
bool attr_is_name(enum yq_attr attr); /* VR PN, which has a folded column */
bool attr_in_table(enum yq_attr attr, enum yq_qr_level table); /* stored: a column of it */

/* ---- the catalog (open.c) and its group commit (commit.c) ---- */

struct work { /* one change, on the stack of the thread that waits for it */
    bool (*run)(struct connection *writer, void *with, struct yq_err *err);
    void *with;
    bool keep; /* set by run: commit what it did though it answers false */
    bool ok, done;
    struct yq_err err;
    struct work *next;
    pthread_cond_t told; /* it is done, or its thread is to lead */
};

struct yq_catalog {
    char *path;
    pthread_mutex_t state; /* guards down to `idle_count` */
    uint64_t generation;   /* grows whenever open connections must not be used any more */
    bool well;
    struct yq_err trouble; /* why not */
    bool corrupt;          /* and stays so until the file changes */
    bool newer;            /* its schema is newer than ours */
    struct stat file;      /* as it was opened, or found corrupt */
    int64_t tried_ms, looked_ms;
    struct connection *idle;
    size_t idle_count;
    pthread_mutex_t queue; /* guards the rest but the writer */
    struct work *first, **last;
    bool leading;
    bool served, dismissed; /* a thread is lent; and is to go */
    pthread_cond_t wanted;  /* there is work, or the lent thread is to go */
    int64_t *vouched;       /* rows whose marks go with the next commit */
    size_t vouched_count, vouched_room;
    struct connection *writer; /* the leader's */
    struct noted *noted;       /* has a lock of its own */
    atomic_bool consigns;      /* changes are noted for platforms */
};

struct connection *reader_take(struct yq_catalog *catalog, struct yq_err *err);
void reader_give(struct yq_catalog *catalog, struct connection *reader);
/* The leader's: opens or opens again; false with the reason. */
bool writer_ready(struct yq_catalog *catalog, struct yq_err *err);
/* Is the file at our path still the one that is open? Ends the generation when not. */
bool file_is_ours(struct yq_catalog *catalog);
/* Looks at connection->trouble after use and makes the catalog unwell where it must be. */
void trouble_note(struct yq_catalog *catalog, struct connection *connection);
/* Puts a change among those of the next group commit, which may begin at once; and waits for it:
 * its error when it failed. */
void commit_begin(struct yq_catalog *catalog, struct work *work);
bool commit_wait(struct yq_catalog *catalog, struct work *work, struct yq_err *err);
/* Both. */
bool commit_change(struct yq_catalog *catalog, struct work *work, struct yq_err *err);
/* The same for a change that needs no work->keep. */
bool commit_simple(struct yq_catalog *catalog,
                   bool (*run)(struct connection *, void *, struct yq_err *), void *with,
                   struct yq_err *err);

/* ---- values.c: what a header says, as it is stored ---- */

struct values {
    const char *text[YQ_ATTR_COUNT]; /* NULL: absent */
    const char *fold[YQ_ATTR_COUNT]; /* of names */
    const char *patient;             /* the same for all studies of one patient */
    struct yq_buf owned;
    size_t text_at[YQ_ATTR_COUNT], fold_at[YQ_ATTR_COUNT], patient_at;
};
bool values_make(const struct yq_header *header, struct values *values, struct yq_err *err);
/* One attribute only, as a correction gives it; not for UIDs. */
bool values_make_one(enum yq_attr attr, const char *text, struct values *values,
                     struct yq_err *err);
void values_fini(struct values *values);
/* Like yq_copy, without a character cut in two. */
void copy_characters(char *field, size_t size, const char *text);
/* Appends the folded variants of a name: the whole, and each group (alphabetic, ideographic,
 * phonetic) of each value. */
void fold_variants(const char *name, struct yq_buf *out);
/* Two person names that speak of two persons: no group that both have is the same. */
bool names_differ(const char *a, const char *b);
/* Appends the key of a patient: id and issuer, or without an id the folded name. */
void patient_key(const char *id, const char *issuer, const char *fold, struct yq_buf *out);

/* ---- rows.c ---- */

/* Columns of an entry, in the order entry_read wants them, from instance, series and study. */
#define ENTRY_COLUMNS                                                                              \
    "instance.id, study.StudyInstanceUID, series.SeriesInstanceUID, instance.SOPInstanceUID, "     \
    "instance.size, instance.sha256, instance.SOPClassUID, instance.transfer_syntax, "             \
    "instance.dataset_offset, instance.copy, instance.received_ms, instance.source, "              \
    "instance.coerced IS NOT NULL"
#define ENTRY_WIDTH 13
#define ENTRY_FROM                                                                                 \
    "instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = "             \
    "series.study_id"
void entry_read(sqlite3_stmt *row, struct yq_entry *entry);
/* A growing malloc'ed array of entries. */
struct entries {
    struct yq_entry *entry;
    size_t count, room;
};
bool entries_push(struct entries *entries, const struct yq_entry *entry, struct yq_err *err);

/* All rows of a statement, whose last value is the most there may be, as a malloc'ed array of
 * things of `size` bytes. */
struct listing {
    const char *sql;
    int most;
    size_t size;
    void (*read)(sqlite3_stmt *row, void *thing);
};
bool rows_list(struct yq_catalog *catalog, const struct listing *listing, void **out, size_t *count,
               struct yq_err *err);

/* Counts and lists of a series and a study anew, and away with them when they are empty. */
bool series_refresh(struct connection *writer, int64_t series, struct yq_err *err);
bool study_refresh(struct connection *writer, int64_t study, struct yq_err *err);
/* Appends to a backslash list what is not in it yet. */
bool backslash_add(struct yq_buf *list, const char *value);

/* ---- contradiction.c ---- */

struct claim { /* what came, against what is kept */
    int64_t study;
    const char *instance, *source, *what, *kept, *came;
    int64_t seen_ms;
};
/* Writes it down once; *open is false when it has been settled before. */
bool contradiction_add(struct connection *writer, const struct claim *claim, bool *open,
                       struct yq_err *err);

/* A correction without settling anything: for what was settled in an earlier catalog. */
bool correction_put(struct connection *writer, const char *study, enum yq_attr attr,
                    const char *value, struct yq_err *err);

/* Appends the keys of yq_text_pinyin of each group of each value. */
void sound_keys(const char *name, struct yq_buf *out);

/* ---- names.c ---- */

enum name_key { /* what a row of name_key is; stands in the file */
                NAME_NONE,
                NAME_PATIENT,       /* a folded variant */
                NAME_PATIENT_SOUND, /* a spelling in pinyin, or the initials */
                NAME_REFERRING
};
enum name_key name_key_of(enum yq_attr attr); /* its folded variants; NAME_NONE: has no keys */
/* The keys of a study's name, added or (by the value that made them) removed. A value of NULL or ""
 * has none. */
bool names_add(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
               struct yq_err *err);
bool names_remove(struct connection *writer, int64_t study, enum yq_attr attr, const char *text,
                  struct yq_err *err);
/* Those of a study that is about to go because nothing is left in it. */
bool names_prune(struct connection *writer, int64_t study, struct yq_err *err);
/* Makes the keys of all studies where a catalog has none, or old ones. */
bool names_fill(struct connection *writer, struct yq_err *err);

/* ---- ledger*.c ---- */

/* Columns of a ledger entry, in the order entry_take wants them. */
#define RECORD_COLUMNS                                                                             \
    "record.id, record.kind, record.name, record.first_ms, record_version.version, "               \
    "record_version.at_ms, record_version.source, record_version.person, "                         \
    "record_version.removed, record_version.serious, record_version.changed, "                     \
    "record_version.findings, record.digest, record_version.id, record.version"
#define RECORD_WIDTH 15
#define RECORD_LATEST                                                                              \
    "record_version ON record_version.record = record.id AND record_version.version = "            \
    "record.version"

/* ---- tombstone.c ---- */

/* An instance that was served is deleted; one that is added takes its tombstone away. */
bool tombstone_put(struct connection *writer, const struct yq_entry *entry, struct yq_err *err);
bool tombstone_take(struct connection *writer, const char *instance, struct yq_err *err);

/* ---- attachment.c ---- */

/* This version of a record names the attachment; once is enough. */
bool attachment_use(struct connection *writer, const char *name, int64_t record, int64_t version,
                    struct yq_err *err);

/* ---- noted.c: codes that are not mapped, on their way to the disk ---- */

struct note;
struct noted *noted_new(void); /* NULL without memory */
void noted_free(struct noted *noted);
bool noted_any(struct noted *noted);
/* Takes all of them out; writes them, in a transaction; and then they are ended, or come back. */
struct note *noted_take(struct noted *noted);
bool noted_write(struct connection *writer, const struct note *notes, struct yq_err *err);
void noted_end(struct noted *noted, struct note *take, bool written);
/* Has them written now, where that can be. */
void noted_settle(struct yq_catalog *catalog);

/* ---- suspect.c ---- */

/* Writes down that the values of an instance were not read as its label says, once for each kind.
 */
bool reading_note(struct connection *writer, int64_t study, const char *source,
                  const struct yq_header *header, int64_t now_ms, struct yq_err *err);
/* The study's names were put right by hand. */
bool reading_settle(struct connection *writer, int64_t study, struct yq_err *err);

/* ---- match.c: yq_match(kind, value, key), yq_time(value, from, to), yq_moment(...) in SQL ---- */

enum match_kind {
    MATCH_EQUAL,      /* any of the values is the key, byte for byte */
    MATCH_TEXT,       /* any of the values matches any of the keys, with * and ? */
    MATCH_WHOLE,      /* the value, which is one text, matches the key */
    MATCH_NAME,       /* any of the folded variants matches the folded key */
    MATCH_SOUND,      /* the value, a key of yq_text_pinyin, matches the pattern */
    MATCH_NAME_SOUND, /* any key of the name does */
    MATCH_NUMBER      /* any of the values is the same number as any of the keys */
};
bool match_register(sqlite3 *db);
bool match_value(enum match_kind kind, const char *value, const char *key);
/* A matching range, or the range that a single value stands for; "" open. Dates as YYYYMMDD, times
 * as HHMMSS.FFFFFF. False: not understood. */
struct span {
    char from[16], to[16];
    bool range;
};
bool span_parse(const char *key, bool time, struct span *span);
/* "10:30" -> "103000.000000", padded with `pad` to `out` (16 bytes); false when it is no time. */
bool time_normal(const char *text, size_t length, char pad, char *out);

/* ---- condition.c and find.c ---- */

struct sql { /* a statement that is being written, with what goes into its question marks */
    struct yq_buf text, values; /* values: each followed by a 0 */
    size_t value_count;
};
void sql_fini(struct sql *sql);
void sql_value(struct sql *sql, const char *text, size_t length);
/* Appends " AND ..." for every key of the query, rows of `level` and above being at hand. */
bool conditions_write(struct sql *sql, const struct yq_query *query, struct yq_err *err);
/* Appends " AND ..." that lets pass the rows of study, under this name, that may be seen. */
void sight_write(struct sql *sql, const struct yq_sight *sight, const char *study);
/* The whole statement of a query. columns[] gets the attribute of each column. */
enum find_what { FIND_ROWS, FIND_COUNT, FIND_ENTRIES };
bool find_write(struct sql *sql, const struct yq_query *query, enum find_what what,
                enum yq_attr *columns, size_t *column_count, struct yq_err *err);
sqlite3_stmt *sql_prepare(struct sql *sql, struct connection *connection, struct yq_err *err);

#endif
