/* codes.h: the hospital's own codes and what they are nationally, as `yingqiao codes` keeps them;
 * and which of them are not mapped yet.
 *
 * A local code belongs to a list of the hospital's: of a coded member the name of its dictionary
 * ("sex"), of examination items "exam-item", of laboratory items "lab-item". It may be one sender's
 * own (source "hl7:ris") or everybody's (source ""); the sender's own line comes first. One local
 * code may have a code in each of several national dictionaries. Errors and threads: catalog.h. */
#ifndef YQ_CODES_H
#define YQ_CODES_H

#include "yq/catalog.h"
#include "yq/ledger.h"

#define YQ_CODE_LIST_SIZE 64  /* name of a list or dictionary */
#define YQ_CODE_SIZE 129      /* of a code; longer ones are never mapped */
#define YQ_CODE_NAME_SIZE 513 /* of what it is called, cut at a character */

#define YQ_CODES_EXAM_ITEMS "exam-item"
#define YQ_CODES_LAB_ITEMS "lab-item"

struct yq_code_line { /* a line of the table */
    char list[YQ_CODE_LIST_SIZE], source[YQ_SOURCE_SIZE];
    char code[YQ_CODE_SIZE], name[YQ_CODE_NAME_SIZE];
    char dictionary[YQ_CODE_LIST_SIZE]; /* national */
    char national[YQ_CODE_SIZE];
    int64_t changed_ms; /* 0: now */
};
/* Lines of one call go in or stay out together. One that is there (list, source, code, dictionary)
 * is replaced. Whether dictionary and national code exist is the caller's to see. */
yq_must_check bool yq_codes_set(struct yq_catalog *catalog, const struct yq_code_line *codes,
                                size_t count, struct yq_err *err);
struct yq_code_filter { /* NULL: any */
    const char *list, *source, *code, *dictionary;
    size_t limit; /* 0: all */
};
/* *gone lines. */
yq_must_check bool yq_codes_unset(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                                  uint64_t *gone, struct yq_err *err);
/* Sorted by list, source, code, dictionary; *out malloc'ed. */
yq_must_check bool yq_codes_list(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                                 struct yq_code_line **out, size_t *count, struct yq_err *err);

/* The national code of a local one. `list` NULL: whichever of its lists has it; `dictionary` NULL:
 * in any. False with YQ_ABSENT: it is not mapped; `out` is "". */
yq_must_check bool yq_codes_national(struct yq_catalog *catalog, const char *list,
                                     const char *source, const char *code, const char *dictionary,
                                     char out[YQ_CODE_SIZE], struct yq_err *err);

/* ---- what is not mapped yet ---- */

struct yq_code_seen {
    char list[YQ_CODE_LIST_SIZE], source[YQ_SOURCE_SIZE];
    char code[YQ_CODE_SIZE], name[YQ_CODE_NAME_SIZE]; /* name: as it came beside it, or "" */
    uint64_t times;
    int64_t first_ms, last_ms;
};
/* Counts one that came without a national code. It goes to the disk with the next commit of
 * anybody's, so it is told before the record is kept; this call does not wait. Of one source and
 * list at most YQ_CODES_SEEN_MOST are kept. */
#define YQ_CODES_SEEN_MOST 5000
void yq_codes_note(struct yq_catalog *catalog, const char *list, const char *source,
                   const char *code, const char *name);
/* Those that have no line with `dictionary` (NULL: with any), often seen first. *out malloc'ed. */
yq_must_check bool yq_codes_unmapped(struct yq_catalog *catalog,
                                     const struct yq_code_filter *filter, struct yq_code_seen **out,
                                     size_t *count, struct yq_err *err);
/* Forgets that they were seen. */
yq_must_check bool yq_codes_forget(struct yq_catalog *catalog, const struct yq_code_filter *filter,
                                   uint64_t *gone, struct yq_err *err);

/* ---- for the walks and for mapping expressions (walk/codes.c) ---- */

struct yq_house;
struct yq_code_context {
    struct yq_house *house;
    const char *source; /* of the record */
};
/* code(A, from, to) of expr.h: from one dictionary to another; from "local" or "local:LIST" by the
 * hospital's table, then as it is where it is a code of `to` already; from "name" by the Chinese
 * name of a term of `to`. What the tables do not know is looked up among the hospital's codes, also
 * for `from` on the way to `to`, so a code that was kept as it came is converted once it is mapped.
 * Appends the code. False: it is not mapped. `context`: yq_code_context. */
bool yq_codes_convert(void *context, const char *from, const char *to, const char *code,
                      struct yq_buf *out);
/* For yq_check_record: a code of the dictionary, or mapped to it. `context` as above. */
bool yq_codes_is_mapped(void *context, const char *dictionary, const char *code);
/* Before a record is kept: notes its coded members and its items that have no national code. */
void yq_codes_note_record(struct yq_house *house, const char *source,
                          const struct yq_record *record);

#endif
