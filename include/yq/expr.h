/* expr.h: expressions by which mapping files and field tables say where a value comes from.
 *
 *   OBR-3.1                     a name: what the surroundings have under it (HL7 path, column,
 *                               XML or JSON path, member of a record); letters of any script,
 *                               digits and . _ - / @ # [ ] ; others between backquotes
 *   "text" 'text'               itself
 *   first(A, B, ...)            the first that is there
 *   join("^", A, B, ...)        those that are there, with the first argument between them
 *   date(A) date(A, "dd/MM/yyyy")  a date or date and time in canonical form, from the usual forms
 *                               or from this one (yyyy yy MM M MMM dd d HH H hh h mm m ss s S a)
 *   format(A, "yyyyMMdd")       the other way round
 *   code(A, "from", "to")       from one dictionary to another; from "local": the hospital's own
 *                               codes as `yingqiao codes` has them; what is not mapped stays
 *   map(A, "M", "1", "F", "2", "9")  pairs, and an odd last one for everything else; without it
 *                               everything else stays
 *   if(A = "F", B, C)  if(A, B, C)  =, != and "is there"; without C: nothing
 *   part(A, "^", 2)  trim(A)  upper(A)  lower(A)  digits(A)  substring(A, from, length)
 *   split(A, ",")               several values, for members with many
 *   nth(A, 1)                   the first, second, ... of several values
 *
 * Text: \n is a line feed, \t a tab, \\ a backslash. Absent, empty and blank are the same, and go
 * through: a function of nothing is nothing. Of several values (lines) date, format, code, map,
 * part, trim, upper, lower, digits and substring change each by itself. Parsed once, bounded in
 * size and depth; evaluated any number of times, by any thread, with a bound to its effort. */
#ifndef YQ_EXPR_H
#define YQ_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_expr;
/* YQ_BAD_INPUT: says where (character, from 1) and what is wanted there. */
yq_must_check bool yq_expr_parse(const char *text, struct yq_expr **out, struct yq_err *err);
void yq_expr_free(struct yq_expr *expr);

struct yq_surroundings {
    void *context;
    /* Appends the value under a name (several with line feeds between). False: there is none. */
    bool (*get)(void *context, const char *name, struct yq_buf *out);
    /* code(...): appends the code. False: it is not mapped. NULL: nothing is. */
    bool (*convert)(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out);
};
/* Appends the value; *there: whether there is one. YQ_BAD_INPUT (a date that is none, ...: names
 * the function, not the value), YQ_FULL. */
yq_must_check bool yq_expr_value(const struct yq_expr *expr, const struct yq_surroundings *around,
                                 struct yq_buf *out, bool *there, struct yq_err *err);
/* Calls `name` for each name that occurs in it: so that a wrong one is found at start. */
void yq_expr_names(const struct yq_expr *expr, void (*name)(void *context, const char *text),
                   void *context);
/* The name, when it is one and nothing else; else NULL. Lives as long as the expression. */
const char *yq_expr_name(const struct yq_expr *expr);
/* Calls `code` for each code(...): the dictionaries that it names. */
void yq_expr_codes(const struct yq_expr *expr,
                   void (*code)(void *context, const char *from, const char *to), void *context);

/* ---- mapping files: dicom-conf/mapping/<name>.csv: kind,member,source,note ---- */

#include "yq/record.h"

struct yq_mapping_line {
    enum yq_kind kind; /* of a list's kind: evaluated once per item (HL7: OBX; others: row) */
    int member;
    struct yq_expr *source;
    unsigned line; /* of the file */
};
struct yq_mapping {
    char name[64];
    struct yq_mapping_line *lines;
    size_t count;
};
/* YQ_BAD_INPUT with file:line. */
yq_must_check bool yq_mapping_parse(const char *file, const void *bytes, size_t length,
                                    struct yq_mapping **out, struct yq_err *err);
void yq_mapping_free(struct yq_mapping *mapping);
/* Whether it has lines of this kind. */
bool yq_mapping_has(const struct yq_mapping *mapping, enum yq_kind kind);
/* Sets what the mapping has for record->kind. YQ_BAD_INPUT names line and member. */
yq_must_check bool yq_mapping_apply(const struct yq_mapping *mapping,
                                    const struct yq_surroundings *around, struct yq_record *record,
                                    struct yq_err *err);

#endif
