/* feed.h: the catalog's notes on databases that are read row by row: how far each was read, which
 * rows could not be taken, and how it is.
 *
 * What a row became is in the ledger before its position is noted here, so that a crash repeats
 * rows and never loses one. Errors and threads: catalog.h. */
#ifndef YQ_FEED_H
#define YQ_FEED_H

#include "yq/catalog.h"

#define YQ_FEED_CHANGE_SIZE 256 /* a value of the change column as text */
#define YQ_FEED_KEYS_SIZE 1024  /* values of the key columns, YQ_FEED_SEPARATOR between them */
#define YQ_FEED_SEPARATOR "\x1f"

struct yq_feed {
    char source[64];
    int64_t epoch;                    /* grows when somebody rewinds it */
    char change[YQ_FEED_CHANGE_SIZE]; /* read up to here, "": nothing yet */
    char keys[YQ_FEED_KEYS_SIZE];     /* and these among rows of the same change; "": all of them */
    int64_t moved_ms, looked_ms;      /* the position changed; it was last read without trouble */
    int64_t down_ms;                  /* since when it cannot be read; 0: it can */
    char trouble[240];                /* why not */
    uint64_t rows, kept, aside;       /* taken up; made or changed a record; waiting aside now */
};
/* YQ_ABSENT: nothing is known of it; *out is zeroed but for its name. */
yq_must_check bool yq_feed_get(struct yq_catalog *catalog, const char *source, struct yq_feed *out,
                               struct yq_err *err);
/* *out malloc'ed. */
yq_must_check bool yq_feed_list(struct yq_catalog *catalog, struct yq_feed **out, size_t *count,
                                struct yq_err *err);

struct yq_feed_aside { /* a row that could not be taken */
    char source[64];
    char keys[YQ_FEED_KEYS_SIZE];
    char change[YQ_FEED_CHANGE_SIZE];
    char reason[240];
    int64_t first_ms, seen_ms;
    unsigned tries;
    bool again; /* somebody asked for it to be tried again */
};
/* One portion of rows, in one transaction. */
struct yq_feed_step {
    const char *source;
    int64_t epoch;                      /* as it was when reading began */
    const char *change, *keys;          /* NULL: the position stays */
    uint64_t rows, kept;                /* in this portion */
    const struct yq_feed_aside *asides; /* keys, change, reason */
    size_t aside_count;
    const char *const *settled; /* keys of rows that were taken and may have been aside */
    size_t settled_count;
};
/* *current false: it was rewound meanwhile, and nothing was noted. */
yq_must_check bool yq_feed_step(struct yq_catalog *catalog, const struct yq_feed_step *step,
                                bool *current, struct yq_err *err);
/* How it is: `trouble` NULL: it was read; else since when it cannot be. */
yq_must_check bool yq_feed_note(struct yq_catalog *catalog, const char *source, const char *trouble,
                                int64_t down_ms, struct yq_err *err);
/* Reads on after `change`, "" or NULL: from the beginning. */
yq_must_check bool yq_feed_rewind(struct yq_catalog *catalog, const char *source,
                                  const char *change, struct yq_err *err);
/* Rows aside, oldest first, at most `most`; only those to be tried again with `again`. `source`
 * NULL: all. *out malloc'ed. */
yq_must_check bool yq_feed_asides(struct yq_catalog *catalog, const char *source, bool again,
                                  size_t most, struct yq_feed_aside **out, size_t *count,
                                  struct yq_err *err);
/* Has all rows aside tried again (`forget`: no more). *count: how many. */
yq_must_check bool yq_feed_retry(struct yq_catalog *catalog, const char *source, bool forget,
                                 uint64_t *count, struct yq_err *err);

#endif
