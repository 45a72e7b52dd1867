/* folder_take.h: a file on its way to records: what folder_take.c, folder_map.c and folder_pdf.c
 * share. */
#ifndef YQ_WALK_FOLDER_TAKE_H
#define YQ_WALK_FOLDER_TAKE_H

#include "folder_inside.h"

enum { FOLDER_PORTION = 200, FOLDER_PATH_SIZE = 256 };

struct folder_unit { /* one record of the file, or lines that belong together */
    unsigned line;
    struct yq_record *records[YQ_KIND_KEPT]; /* one of a kind at most */
    size_t count;
    char pdf[FOLDER_NAME_MOST];
    struct yq_buf raw; /* as it stands in the file */
    char fault[240];   /* "": none */
    enum yq_kind fault_kind;
    bool waits;
};

struct folder_run {
    struct folder_taking *taking;
    struct yq_foreign *foreign;
    struct yq_expr *pdf_name;
    struct yq_mapping *own[YQ_KIND_COUNT]; /* made where the source has none */
    char items[YQ_KIND_COUNT]
              [FOLDER_PATH_SIZE]; /* where items of a list's kind are: "results[]/" */
    const struct yq_mapping *items_of;
    struct folder_unit *units;
    size_t count;
    uint64_t *ids; /* hashes of ids whose lines came to an end; 0: free */
    size_t id_count, id_room;
    size_t reports; /* records that may have a PDF */
    bool over;      /* the file has no more */
    bool later;     /* the node cannot keep anything now */
    struct yq_err err;
};

/* Notes the first fault of a unit; returns false. */
bool folder_unit_fails(struct folder_unit *unit, enum yq_kind kind, const char *why);
/* folder_map.c: the current record of the file as records of the model; `fault`: it is wrong as a
 * whole, but is made as far as it goes, because it may be a line among others. */
void folder_map(struct folder_run *run, const char *fault, struct folder_unit *unit);
/* folder_pdf.c: its PDF is kept and named in its record; or it waits, or fails. */
int folder_pdf_member(const struct yq_record *record);
void folder_add_pdfs(struct folder_run *run, struct folder_unit *unit);
bool folder_note_pdf(struct folder_pdfs *pdfs, const char *name);

#endif
