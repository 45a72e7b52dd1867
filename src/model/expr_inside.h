/* expr_inside.h: a parsed expression, as expr.c makes it and expr_value.c reads it. */
#ifndef YQ_MODEL_EXPR_INSIDE_H
#define YQ_MODEL_EXPR_INSIDE_H

#include <stdint.h>

#include "yq/expr.h"

#define EXPR_TEXT_MOST 4096 /* bytes of one expression */
#define EXPR_NODES_MOST 256
#define EXPR_DEPTH_MOST 16

enum expr_kind { EXPR_NAME, EXPR_TEXT, EXPR_NUMBER, EXPR_CALL, EXPR_EQUAL, EXPR_OTHER };
enum expr_function {
    EXPR_FIRST,
    EXPR_JOIN,
    EXPR_DATE,
    EXPR_FORMAT,
    EXPR_CODE,
    EXPR_MAP,
    EXPR_IF,
    EXPR_PART,
    EXPR_TRIM,
    EXPR_UPPER,
    EXPR_LOWER,
    EXPR_DIGITS,
    EXPR_SUBSTRING,
    EXPR_SPLIT,
    EXPR_NTH
};
struct expr_node {
    enum expr_kind kind;
    enum expr_function function; /* EXPR_CALL */
    unsigned number;             /* EXPR_NUMBER */
    uint32_t text;               /* EXPR_NAME, EXPR_TEXT: where it begins in `texts` */
    uint16_t child, next;        /* arguments; 0: none (0 is the root) */
};
struct yq_expr {
    struct expr_node *nodes; /* owned */
    size_t count;
    struct yq_buf texts; /* C strings, one behind the other */
};
const char *expr_function_name(enum expr_function function);

/* expr_date.c: a date, or date and time, out of one form into another; `pattern` NULL: out of the
 * usual forms. False, and nothing appended, when it is none. */
bool expr_date_read(const char *text, const char *pattern, struct yq_buf *out);
bool expr_date_write(const char *text, const char *pattern, struct yq_buf *out);

#endif
