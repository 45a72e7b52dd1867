/* rehearse_json.h: JSON as the stand-in reads it: by a reader of its own, stricter than the one the
 * messages are made with, so that a mistake of form/ is seen. Private to room platform. Pure. */
#ifndef YQ_REHEARSE_JSON_H
#define YQ_REHEARSE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rj_type { RJ_NULL, RJ_FALSE, RJ_TRUE, RJ_NUMBER, RJ_TEXT, RJ_ARRAY, RJ_OBJECT };

struct rj { /* a value; belongs to its document */
    enum rj_type type;
    const char *name;       /* as a member of an object; else "" */
    const char *text;       /* RJ_TEXT: decoded, ended by a 0; RJ_NUMBER: as it stands there */
    size_t length;          /* of the text */
    size_t count;           /* members, elements */
    const struct rj *first; /* of them */
    const struct rj *next;  /* member or element of the same parent */
    const char *raw;        /* where the value begins in the text that was read */
    size_t raw_length;
};
struct rj_document {
    struct rj *values; /* owned; the first is the whole */
    size_t count, room;
    char *texts; /* owned: all decoded names and texts */
    size_t used;
    const char *wrong; /* static; what is no JSON (RFC 8259), NULL: it is */
    size_t at;         /* there, in bytes from 0 */
    char twice[64];    /* name of a member that stands twice in an object; "" none */
};

/* Reads all of `length` bytes, which stay the caller's and must outlive the document. False: it is
 * none (document->wrong). Ended with rj_fini in both cases. Depth, values and length are bounded.
 */
bool rj_read(const char *text, size_t length, struct rj_document *out);
void rj_fini(struct rj_document *document);

/* NULL: none of this name, or it is no object. */
const struct rj *rj_member(const struct rj *object, const char *name);
/* Its text; "" where it is none. */
const char *rj_text(const struct rj *value);

#endif
