/* clean.h: which element of a dataset says who somebody is, and what becomes of it: the Basic
 * Application Level Confidentiality Profile of PS3.15 annex E, table E.1-1, as the table
 * data/anonymize/basic-profile.csv has it. Pure; thread-safe, a yq_cleaner being one object's. */
#ifndef YQ_CLEAN_H
#define YQ_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/uid.h"

/* What the table says of a tag. */
enum yq_clean_fate {
    YQ_CLEAN_KEEP,     /* K */
    YQ_CLEAN_REMOVE,   /* X */
    YQ_CLEAN_EMPTY,    /* Z */
    YQ_CLEAN_DUMMY,    /* D: a value that says nothing */
    YQ_CLEAN_UID,      /* U: a new UID, the same for the same one */
    YQ_CLEAN_PATIENT,  /* P: the patient's pseudonym */
    YQ_CLEAN_INSIDE,   /* R: the sequence stays, its items are judged by the table */
    YQ_CLEAN_NESTED,   /* T: goes at top level, is emptied within items, where it must be there */
    YQ_CLEAN_MASK,     /* M: the sequence stays, every text in it becomes a dummy */
    YQ_CLEAN_UNLISTED, /* the table has nothing: its VR decides */
};
struct yq_clean_row {
    uint32_t tag;
    enum yq_clean_fate fate;
    const char *keyword;
    const char *code; /* of table E.1-1; "": the row is ours */
};
extern const struct yq_clean_row yq_clean_rows[]; /* ascending by tag; made by the build */
extern const size_t yq_clean_row_count;
const struct yq_clean_row *yq_clean_row(uint32_t tag); /* NULL: none. Not for repeating groups */

/* How identifiers become others: a keyed hash over `purpose` and `text`, so that nobody without the
 * key finds the way back, and the same one always becomes the same. */
struct yq_clean_marks {
    void (*mark)(const void *context, const char *purpose, const void *text, size_t length,
                 uint8_t mark[32]);
    const void *context;
};
/* A UID for one that is somebody's; those of the standard (1.2.840.10008.) stay. `uid` without
 * padding. */
void yq_clean_uid(const struct yq_clean_marks *marks, const char *uid, size_t length,
                  char made[YQ_UID_SIZE]);

#define YQ_CLEAN_NAME_SIZE 20

struct yq_cleaner {
    const struct yq_clean_marks *marks;
    char patient[YQ_CLEAN_NAME_SIZE]; /* "ANON-..." */
    bool report;                      /* a structured report, a key object selection */
    unsigned masked;                  /* depth from which on everything is masked; UINT_MAX: none */
};
/* `patient`: what the object has as Patient ID; where that is empty, each study has a pseudonym of
 * its own. */
void yq_cleaner_begin(struct yq_cleaner *cleaner, const struct yq_clean_marks *marks,
                      const char *sop_class, const char *patient, const char *study);

struct yq_clean_place { /* an element, in the order of the dataset */
    uint32_t tag;
    const char *vr;         /* as the dataset has it */
    const char *dictionary; /* as the dictionary has it; "UN": does not know it */
    unsigned depth;         /* 0: top level */
};
/* What becomes of it: KEEP, REMOVE, EMPTY, INSIDE, or one of DUMMY, UID, PATIENT, for which
 * yq_clean_value makes the value. YQ_REFUSED: the object has free text, of which nobody can tell
 * whom it speaks of. */
yq_must_check bool yq_clean_judge(struct yq_cleaner *cleaner, const struct yq_clean_place *place,
                                  enum yq_clean_fate *out, struct yq_err *err);
/* Appends the new value, not padded, in place of `value`. */
void yq_clean_value(const struct yq_cleaner *cleaner, const struct yq_clean_place *place,
                    enum yq_clean_fate fate, const void *value, size_t length, struct yq_buf *out);

/* ---- the object as a whole ---- */

struct yq_clean_facts { /* "" and 0: does not say */
    const char *sop_class, *modality, *burned_in, *image_type, *conversion, *label;
    bool pixels; /* it has some */
};
/* NULL, or why nothing of such an object may leave, as a sentence. */
const char *yq_clean_refusal(const struct yq_clean_facts *facts);
/* NULL, or why names must be expected among its pixels, as a sentence. */
const char *yq_clean_suspicion(const struct yq_clean_facts *facts);

#endif
