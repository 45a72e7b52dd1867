/* rows.h: a table or view of somebody's database, read in pages in the order of its change column.
 *
 * A reader is a copy of all it needs: while it reads it touches nothing of the house, so that a
 * driver which hangs can be left behind. One thread; but rows_interrupt from any. */
#ifndef YQ_WALK_ROWS_H
#define YQ_WALK_ROWS_H

#include <pthread.h>
#include <stdatomic.h>

#include "yq/conf.h"
#include "yq/database.h"
#include "yq/feed.h"

#define ROWS_KEYS_MOST 8

struct cell {
    size_t at, length;
    bool null, long_; /* long_: longer than may be, and not here */
};
struct table { /* rows as they came */
    struct yq_database_column *columns;
    size_t column_count;
    struct cell *cells; /* row after row */
    size_t rows, room;
    struct yq_buf bytes; /* each value followed by a 0 */
};
struct page {
    struct table rows, details;
    size_t *first; /* of each row's details; one more at the end; NULL: there are none */
    bool more;     /* there may be further rows */
};
void page_fini(struct page *page);
/* A value; NULL: it is NULL. Binary ones may have 0 bytes in them. */
const char *table_value(const struct table *table, size_t row, size_t column, size_t *length);
/* A column by name, without case where no other has the same spelling; -1: there is none. */
int table_column(const struct table *table, const char *name);

/* Names that a mapping asks for. */
struct words {
    char **list;
    size_t count, room;
    bool failed;
};
void words_fini(struct words *names);
void words_add(struct words *names, const char *text); /* once */

struct rows {
    struct yq_source source; /* a copy; its rules are not to be touched abroad */
    char folder[YQ_PATH_MOST];
    struct words wanted;
    size_t binary_most;
    pthread_mutex_t lock; /* guards database against interrupting while it opens and closes */
    struct yq_database *database;
    bool interrupted;
    atomic_ullong progress; /* grows while answers come */
    /* known while it is open */
    struct table all, details; /* their columns only: of the whole table */
    char *table_sql, *detail_sql;
    int change, keys[ROWS_KEYS_MOST]; /* columns of `all` */
    size_t key_count;
    int *picked; /* columns that are read, of `all`; change and keys first */
    size_t picked_count;
    int *detail_picked;
    size_t detail_picked_count;
    int join_own[ROWS_KEYS_MOST], join_detail[ROWS_KEYS_MOST]; /* own: places in `picked` */
    size_t join_count;
};

/* YQ_BAD_INPUT: the source's keys contradict each other. */
yq_must_check bool rows_new(const struct yq_conf *conf, const struct yq_source *source,
                            struct rows **out, struct yq_err *err);
void rows_free(struct rows *rows); /* NULL is let pass */
void rows_interrupt(struct rows *rows);
/* Connects and gets to know the table; nothing when it is open already. */
yq_must_check bool rows_open(struct rows *rows, struct yq_err *err);
/* The same without a word about columns that are missing: rows->change may be -1. */
yq_must_check bool rows_open_loosely(struct rows *rows, struct yq_err *err);
void rows_close(struct rows *rows);

struct place {          /* in the order of change and key columns */
    const char *change; /* "": from the beginning */
    const char *keys;   /* values with YQ_FEED_SEPARATOR between */
    bool at_least;      /* rows with this change too, whatever their keys */
    bool newest;        /* backwards from the end; for looking only */
    size_t rows;        /* at most */
};
yq_must_check bool rows_page(struct rows *rows, const struct place *place, struct page *out,
                             struct yq_err *err);
/* The row with these keys, if it is there still. */
yq_must_check bool rows_one(struct rows *rows, const char *keys, struct page *out,
                            struct yq_err *err);
/* Change and keys of a row as they are kept; false: too long for that. */
bool rows_place(const struct rows *rows, const struct page *page, size_t row,
                char change[YQ_FEED_CHANGE_SIZE], char keys[YQ_FEED_KEYS_SIZE]);
/* How many rows have no change or key, which are never read. */
yq_must_check bool rows_without_place(struct rows *rows, unsigned long long *count,
                                      struct yq_err *err);

/* `change` less `units` (seconds, where it is a time, else counts); false: it is neither. In the
 * same form. */
bool place_before(enum yq_column_type type, const char *change, int64_t units,
                  char out[YQ_FEED_CHANGE_SIZE]);
/* A time in any of the usual forms of 14 digits as such; false: it is none. */
bool place_time(const char *change, char digits[15]);
/* Seconds by which it lies after the clock on the wall at `now_ms`; 0: it does not, or is none. */
int64_t place_ahead(const char *change, int64_t now_ms);
/* Whether a comes after b, or is the same, as far as can be told without the database. */
bool place_reached(enum yq_column_type type, const char *a, const char *b);

#endif
