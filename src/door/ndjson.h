/* ndjson.h: lines of a text that is read piece by piece (NDJSON). Pure but for the reading
 * function; memory is one piece and the longest line that is taken. */
#ifndef YQ_DOOR_NDJSON_H
#define YQ_DOOR_NDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_lines { /* zeroed but for the first three */
    /* Fills up to `length` bytes; *got 0 at the end. */
    bool (*read)(void *context, void *bytes, size_t length, size_t *got, struct yq_err *err);
    void *context;
    size_t most;        /* bytes of a line */
    struct yq_buf held; /* read, and not all of it given yet */
    size_t at;          /* of it is given */
    uint64_t number;    /* of the line given last, from 1; blank ones count */
    bool ended, begun;
};
struct yq_line {
    const char *text; /* without its end, not terminated; until the next call */
    size_t length;
    bool too_long; /* it was, and nothing of it is here */
};
/* The next line that is not blank; text NULL: there is none. LF and CRLF end lines, and so does the
 * end of the text; a byte order mark before the first is passed over. False: reading failed, or no
 * memory. */
yq_must_check bool yq_lines_next(struct yq_lines *lines, struct yq_line *out, struct yq_err *err);
void yq_lines_fini(struct yq_lines *lines);

/* {"exam": {...}}: the name, and the value behind it. False: it is not of that form. The value is
 * not looked into. */
bool yq_ndjson_named(const struct yq_line *line, char name[32], const char **value, size_t *length);

#endif
