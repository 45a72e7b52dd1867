/* fields.h: a province's field table in force: the lines of data/platforms/, the hospital's own in
 * their place, sources parsed and their names looked up, once. The same table checks, composes and
 * documents. Room model; pure; immutable and of any thread, once made.
 *
 * Beside expressions (expr.h) a source may be
 *   object(INTERFACE)           an object by that table of the same platform, over the same records
 *   objects(INTERFACE, A)       an array of them: one for each record of the list A, or for each
 *                               value of A; nothing where A is nothing
 * Names in a source: kind.member of the records at hand; hospital.NAME and node.NAME as
 * yq_outside_names has them. Within objects of a node.LIST, node.LIST is the one value at hand, and
 * any other node.NAME is looked for as LIST[value].NAME first.
 *
 * A hospital's own lines: platforms/<platform>/<interface>.csv in its configuration folder, columns
 * name and any of source, required, between, gate, note; an empty cell changes nothing. */
#ifndef YQ_FIELDS_H
#define YQ_FIELDS_H

#include "yq/check.h"
#include "yq/expr.h"

/* What becomes of a message for which the province would refuse this field: it is held back, or
 * goes all the same; off: nobody looks. */
enum yq_gate { YQ_GATE_HOLD, YQ_GATE_WARN, YQ_GATE_OFF };
const char *yq_gate_name(enum yq_gate gate); /* "hold", "warn", "off" */

struct yq_outside_name { /* what is of no record */
    const char *name;    /* "hospital.code" */
    const char *setting; /* of node.json, where it comes from there; "" else */
    const char *chinese;
};
extern const struct yq_outside_name yq_outside_names[];
extern const size_t yq_outside_count;

enum yq_written_as { YQ_AS_TEXT, YQ_AS_NUMBER, YQ_AS_ARRAY }; /* in JSON, by its type */
struct yq_field_line {                                        /* a field as it is in force */
    struct yq_field field;
    enum yq_gate gate;
    unsigned own;   /* line of the hospital's file; 0: as the province's table has it */
    char *owned[4]; /* what that line says */
    /* worked out of the source */
    struct yq_expr *source;        /* owned; NULL: none, or object(...) */
    const struct yq_interface *of; /* of the objects that stand in it; NULL: a value */
    bool several;                  /* objects(...) */
    enum yq_written_as as;
    const struct yq_member *member;        /* the first that the source names; NULL: none */
    enum yq_kind kind;                     /* its kind */
    const struct yq_member *personal;      /* the first personal one */
    const char *alone;                     /* the source is this name and nothing else */
    const struct yq_outside_name *outside; /* the first of them that it names */
    unsigned kinds;                        /* a bit for each kind that is named */
    bool many;                             /* a line feed stands between values */
    bool node, hospital;                   /* node.*, hospital.* are named */
    bool stamp; /* when it was changed, and no more: no part of what it says */
};
struct yq_fields {
    const struct yq_interface *interface;
    struct yq_field_line *lines;
    size_t count;
};

/* As the province's table has it. NULL: no memory, or the table is wrong, which the build finds. */
const struct yq_fields *yq_fields_of(const struct yq_interface *interface);
/* The table with the hospital's own lines in it. `file` is the name for messages. YQ_BAD_INPUT with
 * file:line and what is wanted. */
yq_must_check bool yq_fields_parse(const char *file, const void *bytes, size_t length,
                                   const struct yq_interface *interface, struct yq_fields **out,
                                   struct yq_err *err);
void yq_fields_free(struct yq_fields *fields);
/* For the build: is the compiled-in table right? *line: of its file. */
yq_must_check bool yq_fields_check(const struct yq_interface *interface, unsigned *line,
                                   struct yq_err *err);

struct yq_scope { /* what the names in sources say, at one place; all but the records may be NULL */
    const struct yq_record *const *records;
    size_t count;
    const struct yq_record *item; /* of a list, when that is what is looked at */
    /* hospital.* and node.*; NULL: there is none. `identity`: what stands for it where two messages
     * are compared. Without the function fields of such names alone are passed over. */
    const char *(*outside)(void *context, const char *name, bool identity);
    /* node.* are given, what is not there is missing; else nobody can tell yet */
    bool node;
    bool (*convert)(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out);
    /* The tables of objects within; NULL function: as the province has them. */
    const struct yq_fields *(*fields)(void *context, const struct yq_interface *interface);
    void *context;
};

struct yq_written { /* a value on its way out */
    const struct yq_field_line *line;
    const char *text, *identity; /* the same but where something stands for it */
    bool number;                 /* text is a number of JSON */
};
struct yq_pen { /* writes what a table makes; name NULL: the outermost, or in an array */
    void (*begin)(void *context, const char *name, bool array);
    void (*end)(void *context, bool array);
    void (*value)(void *context, const char *name, const struct yq_written *value);
    void *context;
};
/* Goes through the table: values to `pen` (NULL: none), what would be refused to `findings` (NULL:
 * none). A field without a value is left out. */
void yq_fields_walk(const struct yq_fields *fields, const struct yq_scope *scope,
                    const struct yq_pen *pen, struct yq_findings *findings);
/* One field's value, appended, several with `between` between. False: none. */
bool yq_fields_value(const struct yq_field_line *line, const struct yq_scope *scope,
                     struct yq_buf *out);

#endif
