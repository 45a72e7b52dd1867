/* jsonc.h: JSON with comments, as people write it by hand: // and block comments, trailing commas.
 * Every value knows its line and its bytes, for messages and for edits in place. Private to
 * src/conf/. */
#ifndef YQ_SRC_CONF_JSONC_H
#define YQ_SRC_CONF_JSONC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"

#define JSONC_BYTES_MOST (4u << 20) /* of a file */
#define JSONC_DEPTH_MOST 16
#define JSONC_NODES_MOST 100000
#define JSONC_MEMBERS_MOST 256 /* of one object */

enum jsonc_kind { JSONC_NULL, JSONC_FLAG, JSONC_NUMBER, JSONC_TEXT, JSONC_ARRAY, JSONC_OBJECT };

struct jsonc_node {
    enum jsonc_kind kind;
    unsigned line;     /* of its first byte; of its name, where it has one */
    size_t start, end; /* its bytes: [start, end) */
    size_t comma;      /* where the comma behind it stands; 0: none */
    const char *name;  /* as a member of an object, else NULL */
    const char *text;  /* JSONC_TEXT: unescaped UTF-8; JSONC_NUMBER: as written */
    bool flag;
    struct jsonc_node *child, *next; /* in the order of the file */
};

struct jsonc {
    const char *file; /* name for messages, NULL: from no file; borrowed */
    struct jsonc_node *root;
    void *blocks; /* all memory of the tree */
    size_t nodes;
};

/* Errors: YQ_BAD_INPUT "file:line: what is wrong"; YQ_FULL without memory. Call fini in any case.
 */
yq_must_check bool jsonc_parse(struct jsonc *doc, const char *file, const void *bytes,
                               size_t length, struct yq_err *err);
void jsonc_fini(struct jsonc *doc);

/* "file:line: " and the text, YQ_BAD_INPUT; returns false. */
bool jsonc_fail(const struct jsonc *doc, unsigned line, struct yq_err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "a number", "text in quotes", ... */
const char *jsonc_kind_name(enum jsonc_kind kind);
const struct jsonc_node *jsonc_member(const struct jsonc_node *object, const char *name);

#endif
