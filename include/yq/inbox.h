/* inbox.h: the catalog's HL7 messages as they came: kept before anything is made of them, with what
 * became of them, until hl7.keep_days have passed. Room catalog.
 *
 * The content is bytes that the catalog does not look into. The same message of one source under
 * the same control id is one letter, however often it is sent. Errors and threads: catalog.h. */
#ifndef YQ_INBOX_H
#define YQ_INBOX_H

#include "yq/bytes.h"
#include "yq/catalog.h"

enum yq_letter_state {
    YQ_LETTER_NEW,    /* kept, nothing made of it yet: a crash came between */
    YQ_LETTER_DONE,   /* its records are in */
    YQ_LETTER_FAILED, /* they are not, and `reason` says why */
    YQ_LETTER_IGNORED /* there is nothing in it for us, and `reason` says why */
};
const char *yq_letter_state_name(enum yq_letter_state state); /* "new", "done", ... */

struct yq_letter { /* ended with yq_letter_fini */
    int64_t id, received_ms, done_ms;
    char source[64], control[200], what[32]; /* "ORU^R01" */
    enum yq_letter_state state;
    unsigned tries;
    uint64_t size;
    bool sealed; /* bytes are encrypted */
    char reason[400];
    uint8_t digest[32];          /* of the message, before it was sealed */
    struct yq_buf bytes, answer; /* owned; the answer that is given again, "" until there is one */
};
void yq_letter_fini(struct yq_letter *letter);

/* Keeps it, on stable storage when this returns true; where it is there already (source, control,
 * digest) *again is set and id, received_ms, state, tries, reason and answer are those of before.
 */
yq_must_check bool yq_inbox_keep(struct yq_catalog *catalog, struct yq_letter *letter, bool *again,
                                 struct yq_err *err);
/* What became of letter->id: state, reason, answer. */
yq_must_check bool yq_inbox_settle(struct yq_catalog *catalog, const struct yq_letter *letter,
                                   struct yq_err *err);
/* With bytes and answer. YQ_ABSENT. */
yq_must_check bool yq_inbox_get(struct yq_catalog *catalog, int64_t id, struct yq_letter *out,
                                struct yq_err *err);

struct yq_inbox_query {
    unsigned states;              /* bits 1 << yq_letter_state; 0: all */
    const char *source, *control; /* NULL: any */
    int64_t from_ms, until_ms;    /* received in [from, until); 0: no bound */
    int64_t after_id;             /* oldest first from behind it; */
    bool newest_first;            /* or before it (0: from the newest) */
    size_t limit;                 /* 0: 100 */
};
/* Without bytes and answers. *out malloc'ed: free() will do. */
yq_must_check bool yq_inbox_list(struct yq_catalog *catalog, const struct yq_inbox_query *query,
                                 struct yq_letter **out, size_t *count, struct yq_err *err);
struct yq_inbox_totals { /* of which nothing was made */
    uint64_t fresh, failed;
};
yq_must_check bool yq_inbox_totals(struct yq_catalog *catalog, struct yq_inbox_totals *out,
                                   struct yq_err *err);
/* Forgets what was received before this time, and what is new never. */
yq_must_check bool yq_inbox_prune(struct yq_catalog *catalog, int64_t before_ms, uint64_t *gone,
                                  struct yq_err *err);

#endif
