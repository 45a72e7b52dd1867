/* poll.h: the walk "record in" from a RIS or LIS database (walk/poll.c): rows in the order of their
 * change column, made into records by a mapping, kept, and only then the position moves on.
 *
 * A crash repeats rows and loses none. A row that cannot be taken is put aside with its reason and
 * keeps nobody back. */
#ifndef YQ_POLL_H
#define YQ_POLL_H

#include "yq/channel.h"
#include "yq/database.h"
#include "yq/feed.h"
#include "yq/registry.h"

/* Drivers may hang for longer than any time-out. `go` is called before a database is touched,
 * `back` after it: false means that the house is gone meanwhile, and nothing of it is touched any
 * more. NULLs are let pass. */
struct yq_abroad {
    void (*go)(void *context);
    bool (*back)(void *context);
    void *context;
};

struct yq_poll; /* of one thread; but yq_poll_interrupt from any */
/* `conf` must live as long. YQ_BAD_INPUT: the source's keys contradict each other. */
yq_must_check bool yq_poll_new(const struct yq_conf *conf, const struct yq_source *source,
                               struct yq_poll **out, struct yq_err *err);
void yq_poll_free(struct yq_poll *poll); /* may block in the driver; NULL is let pass */
void yq_poll_interrupt(struct yq_poll *poll);
/* A number that grows while the database answers; from any thread. */
unsigned long long yq_poll_progress(const struct yq_poll *poll);

enum yq_polled {
    YQ_POLLED,      /* all that is there was read, or `stop` wanted it */
    YQ_POLL_FAILED, /* *err: why; what was read before that is kept */
    YQ_POLL_GONE    /* the house is gone: only yq_poll_free may follow */
};
struct yq_poll_counts {
    uint64_t rows, kept, aside; /* new or changed rows; records made or changed by them */
};
/* One look: reads on from where it was, page by page. */
enum yq_polled yq_poll_look(struct yq_house *house, struct yq_poll *poll,
                            const struct yq_abroad *abroad, const struct yq_stop *stop,
                            struct yq_poll_counts *counts, struct yq_err *err);

/* ---- for people ---- */

struct yq_poll_survey { /* ended with yq_poll_survey_fini */
    struct yq_database_facts facts;
    struct yq_database_column *columns, *detail_columns; /* owned */
    size_t column_count, detail_count;
    bool kinds[YQ_KIND_COUNT];   /* what its rows become */
    unsigned long long unplaced; /* rows without change or key, never read */
    struct yq_poll_missing {     /* names in the mapping that no column has */
        char name[YQ_DATABASE_NAME_SIZE], near[YQ_DATABASE_NAME_SIZE];
    } * missing; /* owned */
    size_t missing_count;
    struct yq_err trouble; /* with change, key or join columns; YQ_OK: none */
};
/* Connects and looks. False: it cannot even see the table. */
yq_must_check bool yq_poll_inspect(struct yq_poll *poll, struct yq_poll_survey *out,
                                   struct yq_err *err);
void yq_poll_survey_fini(struct yq_poll_survey *survey);

/* What the newest rows would become; keeps nothing. Called for each row: its records and their
 * findings, or why there are none. */
struct yq_poll_sample {
    const char *change, *keys;
    struct yq_record *const *records;
    const struct yq_findings *findings; /* as many */
    size_t count;
    const struct yq_err *trouble; /* NULL: none */
};
yq_must_check bool yq_poll_preview(struct yq_house *house, struct yq_poll *poll, size_t rows,
                                   void (*show)(void *context, const struct yq_poll_sample *sample),
                                   void *context, struct yq_err *err);

#endif
