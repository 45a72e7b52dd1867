/* foreign_inside.h: what the readers of foreign.h share. Private to form/. */
#ifndef YQ_FORM_FOREIGN_INSIDE_H
#define YQ_FORM_FOREIGN_INSIDE_H

#include "yq/foreign.h"
#include "yq/record.h"

#define FOREIGN_VALUE_MOST YQ_RECORD_VALUE_MOST
#define FOREIGN_DEPTH_MOST 24
#define FOREIGN_NODES_MOST 200000 /* of one record */

/* ---- outline.c: a record of JSON or XML as nodes ---- */

struct outline_node {
    uint32_t name, text;       /* places in `texts` */
    uint32_t child, next;      /* 0: none; node 0 is the record */
    bool array, element, leaf; /* JSON array; XML element (not an attribute); has text itself */
};
struct outline {
    struct outline_node *nodes;
    size_t count, room;
    struct yq_buf texts;
    uint32_t chosen; /* node that was chosen, 0: none */
    char chosen_of[256];
};
void outline_clear(struct outline *outline);
void outline_fini(struct outline *outline);
/* A new last child of `parent` (UINT32_MAX: the record itself). False: no memory, too many. */
bool outline_add(struct outline *outline, uint32_t parent, const char *name, size_t length,
                 uint32_t *last_of_parent, uint32_t *out);
void outline_text(struct outline *outline, uint32_t node, const void *text, size_t length);
bool outline_get(const struct outline *outline, const char *name, struct yq_buf *out);
size_t outline_items(const struct outline *outline, const char *name);
void outline_choose(struct outline *outline, const char *name, size_t n);

/* ---- the three forms ---- */

struct foreign_reader {
    bool (*open)(struct yq_foreign *foreign, struct yq_err *err);
    bool (*next)(struct yq_foreign *foreign, const char **fault, struct yq_err *err);
    void (*close)(struct yq_foreign *foreign);
    void (*put_head)(const struct yq_foreign *foreign, struct yq_buf *out);
    void (*put_record)(const struct yq_foreign *foreign, struct yq_buf *out);
    void (*put_rest)(const struct yq_foreign *foreign, struct yq_buf *out);
    void (*put_tail)(const struct yq_foreign *foreign, struct yq_buf *out);
};
extern const struct foreign_reader foreign_table, foreign_json, foreign_xml;

struct yq_foreign {
    const struct foreign_reader *reader;
    enum yq_foreign_form form;
    char records[256];
    const char *text;
    size_t length;
    unsigned line;          /* of the record */
    size_t start, end;      /* its bytes in the text (CSV, JSON) */
    void *own;              /* the reader's */
    struct outline outline; /* JSON, XML */
};
/* table.c */
bool table_get(const struct yq_foreign *foreign, const char *name, struct yq_buf *out);
void table_columns(const struct yq_foreign *foreign, void (*tell)(void *context, const char *name),
                   void *context);
bool foreign_no_memory(struct yq_err *err);

#endif
