/* poll.h: what the files of this walk share: a poll, and a row on its way to become records. */
#ifndef YQ_WALK_POLL_H
#define YQ_WALK_POLL_H

#include "rows.h"
#include "yq/poll.h"

#define SEEN_ROOM 16384

struct yq_poll {
    struct rows *rows;
    const struct yq_source *source;
    char name[YQ_SOURCE_SIZE]; /* "odbc:ris" */
    bool kinds[YQ_KIND_COUNT]; /* what rows become; known while the reader is open */
    bool told;                 /* the log knows which names have no column */
    bool far;                  /* and that there are rows from the future */
    int64_t epoch;
    struct seen { /* rows that were taken up lately: by hash of their keys */
        uint64_t keys, content;
    } seen[SEEN_ROOM];
};

/* Which kinds the rows of an open reader become, and which names of theirs no column has. */
void poll_learn(struct yq_poll *poll, struct words *missing);

#define MADE_MOST YQ_KIND_KEPT
struct made { /* of one row; ended with made_fini */
    struct yq_record *records[MADE_MOST];
    size_t count;
};
void made_fini(struct made *made);
/* What a row becomes. `house` NULL: PDFs are looked at, not kept, and local codes stay as they are.
 * YQ_BAD_INPUT, YQ_FULL, YQ_ABSENT: this row cannot be taken; others: try again. */
yq_must_check bool poll_make(struct yq_poll *poll, struct yq_house *house, bool keep,
                             const struct page *page, size_t row, struct made *out,
                             struct yq_err *err);

#endif
