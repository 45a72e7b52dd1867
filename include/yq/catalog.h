/* catalog.h: what is known: SQLite in WAL mode, one writer at a time with group commit.
 *
 * A change is durable when its call returns true (synchronous=FULL). Calls of several threads that
 * arrive while a commit is under way share the next one. All functions may be called from any
 * thread; a cursor belongs to the thread that opened it and must be closed soon (it pins the WAL).
 *
 * The catalog heals itself where it can: every call on a catalog that could not be opened tries
 * again, at most once a second. Errors: YQ_FULL (disk), YQ_BUSY (locked for longer than the
 * time-out), YQ_IO (also corrupt: the text says to run `yingqiao reindex`), YQ_REFUSED (read-only).
 */
#ifndef YQ_CATALOG_H
#define YQ_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/coerce.h"
#include "yq/err.h"
#include "yq/model.h"

struct yq_catalog;

/* Opens or creates the file. A file that is corrupt, locked, or on a full disk is no error here:
 * the catalog is then unwell (yq_catalog_health) and its calls fail until it is well. Only a newer
 * schema or no memory is. */
yq_must_check bool yq_catalog_open(const char *path, struct yq_catalog **out, struct yq_err *err);
void yq_catalog_close(struct yq_catalog *catalog); /* no cursor is open, no call under way */
/* Deletes a catalog's file with all that stands beside it (WAL), before another one takes its
 * place: a WAL of the old one would be played into the new one. Nobody may have it open. A missing
 * file is no error. */
yq_must_check bool yq_catalog_discard(const char *path, struct yq_err *err);

/* True: a read and, where `write`, an (empty) durable write work right now. */
bool yq_catalog_health(struct yq_catalog *catalog, bool write, struct yq_err *err);

/* An instance as the catalog keeps it. */
struct yq_entry {
    int64_t id;
    struct yq_key key;
    struct yq_object object;
    char sop_class[YQ_UID_SIZE], transfer_syntax[YQ_UID_SIZE];
    uint64_t dataset_offset; /* where the dataset starts in the file */
    int copy;                /* 0: the one that is served; > 0: kept beside it */
    int64_t received_ms;
    char source[YQ_AET_SIZE]; /* AE title it came from, "" for files */
    bool coerced;             /* yq_catalog_coerced tells what */
};

struct yq_dispatch;
struct yq_arrival { /* what add wants to know besides the header */
    const struct yq_origin *origin;
    const struct yq_header *header;
    const struct yq_object *object;
    uint64_t dataset_offset;
    enum yq_duplicates duplicates;
    const char *coerced; /* yq_coercions_write; NULL: nothing was */
    int64_t received_ms; /* 0: now */
    bool unsynced; /* its file may not be on stable storage before yq_catalog_add_end is told so */
    const struct yq_dispatch *orders; /* what goes into the outbox with it (outbox.h) */
    size_t order_count;
};

struct yq_added {
    enum yq_stored stored;
    bool had_earlier; /* REPLACED, ALREADY, BESIDE, or a YQ_CONFLICT: `earlier` is what was there */
    struct yq_entry earlier;
    unsigned contradictions; /* attributes that contradict the study's first values */
};

/* One transaction: study, series and instance rows, counts, contradictions. Two parts of one new
 * study at the same moment make one study. First values of a study and series stand; a differing
 * one is kept as a contradiction; empty ones are filled in. Errors: YQ_CONFLICT (other content is
 * there, and the rule is keep-first; *out says which), and the common ones. */
yq_must_check bool yq_catalog_add(struct yq_catalog *catalog, const struct yq_arrival *arrival,
                                  struct yq_added *out, struct yq_err *err);

/* The same in two steps, so that a file can be on its way to the disk while its row is. A row of an
 * `unsynced` arrival carries a mark that goes some commits after add_end was told that the file is
 * `stored`; was it not, the row is taken out again, and add_end is false without an error of its
 * own. What `arrival` and `out` point to lives until then. Begun must be ended; `take` is consumed.
 * YQ_BUSY also: an unsynced arrival would replace other content. */
struct yq_adding;
yq_must_check bool yq_catalog_add_begin(struct yq_catalog *catalog,
                                        const struct yq_arrival *arrival, struct yq_added *out,
                                        struct yq_adding **adding, struct yq_err *err);
yq_must_check bool yq_catalog_add_end(struct yq_adding *take, bool stored, struct yq_err *err);
/* Rows that still carry the mark, at most `room`, by id from after `after_id`: what a crash left in
 * doubt. Each is then vouched for, or dropped. */
yq_must_check bool yq_catalog_unsettled(struct yq_catalog *catalog, int64_t after_id,
                                        struct yq_entry *entries, size_t room, size_t *count,
                                        struct yq_err *err);
void yq_catalog_vouch(struct yq_catalog *catalog, int64_t id);
yq_must_check bool yq_catalog_drop(struct yq_catalog *catalog, int64_t id, struct yq_err *err);

/* Lends the calling thread to the catalog, which then writes in it for everybody, until dismissed.
 * At most one at a time; without, whoever comes first writes for all who wait. */
void yq_catalog_serve(struct yq_catalog *catalog);
void yq_catalog_dismiss(struct yq_catalog *catalog);

/* For a catalog that is being made, and thrown away when that does not end well: while `on` nothing
 * is synced; turned off, everything is on stable storage. No change is under way. */
yq_must_check bool yq_catalog_hurry(struct yq_catalog *catalog, bool on, struct yq_err *err);

/* Writes the catalog's file anew, without what was once in it, and empties the log beside it.
 * YQ_BUSY: somebody reads or writes. */
yq_must_check bool yq_catalog_scrub(struct yq_catalog *catalog, struct yq_err *err);

/* The served instance with this SOP Instance UID: YQ_ABSENT when there is none. */
yq_must_check bool yq_catalog_get(struct yq_catalog *catalog, const char *sop_instance,
                                  struct yq_entry *out, struct yq_err *err);

/* The same with what a picture, and the audit trail, want to know of it: one look instead of three.
 */
struct yq_glance {
    struct yq_entry entry;
    bool image;                                             /* it has rows of pixels */
    unsigned frames;                                        /* 1 where it does not say */
    char patient_id[130], patient_name[390], accession[66]; /* of its study */
};
yq_must_check bool yq_catalog_glance(struct yq_catalog *catalog, const char *sop_instance,
                                     struct yq_glance *out, struct yq_err *err);

/* What was coerced in the instance of this row when it came in. YQ_ABSENT: nothing was, or it is
 * gone. YQ_IO: it cannot be read. The caller ends *out with yq_coercions_fini. */
yq_must_check bool yq_catalog_coerced(struct yq_catalog *catalog, int64_t id,
                                      struct yq_coercions *out, struct yq_err *err);
/* The served instances that were coerced, newest first, at most `most` of them. *out malloc'ed. */
yq_must_check bool yq_catalog_coerced_list(struct yq_catalog *catalog, size_t most,
                                           struct yq_entry **out, size_t *count,
                                           struct yq_err *err);

/* Queries. Rows come with one value per attribute; NULL when empty or not wanted. PS3.4 C.2.2.2:
 * single value, UID list, wildcard (* and ?; person names by yq_text_fold, and by their sound where
 * query->pinyin), range (date, time),
 * universal. Keys of levels below the query's level match when any entity below matches. Works on a
 * snapshot: what comes in meanwhile is not seen, paging with order NEWEST_FIRST is stable but for
 * it. */
struct yq_cursor;
yq_must_check bool yq_catalog_find(struct yq_catalog *catalog, const struct yq_query *query,
                                   struct yq_cursor **out, struct yq_err *err);
/* False at the end (err->code == YQ_OK) or on error. *values has YQ_ATTR_COUNT members and lives
 * until the next call. */
bool yq_cursor_next(struct yq_cursor *cursor, const char *const **values, struct yq_err *err);
void yq_cursor_close(struct yq_cursor *cursor);
/* How many rows the query would give without limit and offset. */
yq_must_check bool yq_catalog_count(struct yq_catalog *catalog, const struct yq_query *query,
                                    uint64_t *count, struct yq_err *err);

/* The served instances that a query at any level selects, study by study in the order series
 * number, instance number, then arrival. Keys of study level narrow a query at patient level. *out
 * is malloc'ed: the caller frees it. YQ_FULL: more than a million. */
yq_must_check bool yq_catalog_list(struct yq_catalog *catalog, const struct yq_query *query,
                                   struct yq_entry **out, size_t *count, struct yq_err *err);

/* Every instance row after `after_id`, in id order, copies too: for verify. *count 0 at the end. */
yq_must_check bool yq_catalog_entries(struct yq_catalog *catalog, int64_t after_id,
                                      struct yq_entry *entries, size_t room, size_t *count,
                                      struct yq_err *err);

/* Removes rows, with their copies: of a study, a series (series not ""), or an instance (instance
 * not ""); parts of the key that are "" do not narrow. The removed entries go to *out (malloc'ed;
 * the caller moves their files to the trash afterwards). YQ_ABSENT when nothing matches. */
yq_must_check bool yq_catalog_remove(struct yq_catalog *catalog, const struct yq_key *key,
                                     struct yq_entry **out, size_t *count, struct yq_err *err);

/* Whether an instance, a series or a study was here and was deleted: parts of the key that are ""
 * do not narrow. YQ_ABSENT: that is not known (any more), or it came again. A series or study of
 * which only parts were deleted counts too: who asks has looked for what is here first. */
yq_must_check bool yq_catalog_deleted(struct yq_catalog *catalog, const struct yq_key *key,
                                      int64_t *deleted_ms, struct yq_err *err);
/* Forgets what was deleted before this time; *gone instances. */
yq_must_check bool yq_catalog_forget(struct yq_catalog *catalog, int64_t before_ms, uint64_t *gone,
                                     struct yq_err *err);

/* Contradictions that nobody has settled, newest first; at most 20000 (yq_catalog_totals counts
 * all). */
struct yq_contradiction {
    int64_t id, seen_ms;
    char study[YQ_UID_SIZE], instance[YQ_UID_SIZE];
    char source[YQ_AET_SIZE];
    char what[64]; /* attribute name, or "content" for another content under the same SOP Instance
                      UID */
    char kept[256], came[256]; /* cut at a character; digests in hex for "content" */
};
yq_must_check bool yq_catalog_contradictions(struct yq_catalog *catalog,
                                             struct yq_contradiction **out, size_t *count,
                                             struct yq_err *err);
/* A correction: `value` becomes the study's value of a patient or study level attribute, and the
 * contradictions about that attribute are settled. YQ_ABSENT: no such study. YQ_BAD_INPUT: not an
 * attribute of these levels, or not UTF-8. Neither the earlier value nor those that were settled
 * are raised again when they come again. */
yq_must_check bool yq_catalog_settle(struct yq_catalog *catalog, const char *study,
                                     enum yq_attr attr, const char *value, struct yq_err *err);

/* Studies whose values were not read as they are labelled, or did not fit what they were read with,
 * newest first; at most 20000. What a setting said (assume_charset) is not among them, nor a study
 * whose patient name was settled. */
struct yq_suspect {
    int64_t seen_ms;
    char study[YQ_UID_SIZE];
    char source[YQ_AET_SIZE];
    char declared[128], read_as[128]; /* (0008,0005) as sent; the set that was taken */
    bool guessed, doubtful;           /* doubtful: some bytes could not be read */
    char patient_id[256], patient_name[256];
};
yq_must_check bool yq_catalog_suspects(struct yq_catalog *catalog, struct yq_suspect **out,
                                       size_t *count, struct yq_err *err);

struct yq_totals {
    uint64_t patients, studies, series, instances, bytes, contradictions;
};
yq_must_check bool yq_catalog_totals(struct yq_catalog *catalog, struct yq_totals *out,
                                     struct yq_err *err);

/* Storage commitment requests that wait to be answered (PS3.4 annex J). */
struct yq_commitment {
    int64_t id;
    char aet[YQ_AET_SIZE];
    char transaction[YQ_UID_SIZE];
    int64_t asked_ms, next_ms; /* when to try next */
    unsigned tries;
    struct yq_buf pairs; /* "class instance\n" per referenced instance; owned */
};
yq_must_check bool yq_catalog_commitment_add(struct yq_catalog *catalog,
                                             struct yq_commitment *commitment,
                                             struct yq_err *err); /* fills in id */
/* The one that is due first; YQ_ABSENT when none is due at `now_ms`. *out is overwritten. */
yq_must_check bool yq_catalog_commitment_due(struct yq_catalog *catalog, int64_t now_ms,
                                             struct yq_commitment *out, struct yq_err *err);
yq_must_check bool yq_catalog_commitment_later(struct yq_catalog *catalog, int64_t id,
                                               int64_t next_ms, struct yq_err *err);
yq_must_check bool yq_catalog_commitment_done(struct yq_catalog *catalog, int64_t id,
                                              struct yq_err *err);

/* ---- what only an earlier catalog knows, for a reindex; belongs to one thread ---- */

struct yq_old;
struct yq_before { /* of an instance; ended with yq_coercions_fini of what is in it */
    char source[YQ_AET_SIZE];
    int64_t received_ms;
    struct yq_object object;
    struct yq_coercions coercions; /* count 0: nothing was */
};
/* YQ_ABSENT: there is no such file. YQ_IO: it cannot be read. */
yq_must_check bool yq_old_open(const char *path, struct yq_old **out, struct yq_err *err);
void yq_old_close(struct yq_old *old);
/* The instance whose digest begins with these 8 hex digits; that the rest of it is the same is for
 * the caller to see. YQ_ABSENT; YQ_IO and YQ_BAD_INPUT: damaged. */
yq_must_check bool yq_old_instance(struct yq_old *old, const char *sop_instance,
                                   const char *digest_start, struct yq_before *out,
                                   struct yq_err *err);
/* At the end: contradictions and corrected values of the studies that are in the new catalog. */
yq_must_check bool yq_old_carry(struct yq_old *old, struct yq_catalog *into, uint64_t *corrections,
                                struct yq_err *err);
/* And what is in no file: records with all their versions, links, codes, how far sources were read,
 * what waits to be done. *lost: why some of it could not be read; code YQ_OK: nothing is lost.
 * False: it could not be written. */
yq_must_check bool yq_old_carry_tables(struct yq_old *old, struct yq_catalog *into,
                                       struct yq_err *lost, struct yq_err *err);

#endif
