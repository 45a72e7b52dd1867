/* dictionary.h: the code tables of the documents (data/dictionaries/), compiled in.
 *
 * A dictionary has a name such as "sex" (the canonical one, which members of data/model/ name) or
 * "hebei/patient-type" (as one document prints it). Two names may share one table of terms. Pure;
 * all pointers are static. */
#ifndef YQ_DICTIONARY_H
#define YQ_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

struct yq_term {
    const char *code, *chinese;
    const char
        *parent;      /* code of the term above it, or the heading it stands under; "" at the top */
    const char *note; /* what the document adds, "" for nothing; also what was repaired */
};
struct yq_dictionary {
    const char *name, *chinese;
    const char *source;          /* document and clause */
    const struct yq_term *terms; /* in the document's order */
    size_t count;
    const unsigned short *by_code; /* places in `terms`, sorted by code; equal ones in order */
};
extern const struct yq_dictionary yq_dictionaries[]; /* sorted by name */
extern const size_t yq_dictionary_count;

const struct yq_dictionary *yq_dictionary_find(const char *name); /* NULL: none */
/* The first with this code (two codes stand twice in the national table); NULL: none. */
const struct yq_term *yq_term_find(const struct yq_dictionary *dictionary, const char *code);
/* Has it the code, or a term whose printed code is probably a misprint of this one ("疑为" in its
 * note)? For checks: nobody is told that the right code is wrong. */
bool yq_term_accepts(const struct yq_dictionary *dictionary, const char *code);
/* The only one of this name, as a person would write it: blanks do not count. NULL: none, or
 * several. */
const struct yq_term *yq_term_named(const struct yq_dictionary *dictionary, const char *chinese);
/* From a code of one dictionary to that of another with the same meaning, by
 * data/dictionaries/conversions.csv ("sex" 1 -> "dicom/sex" M), by way of the canonical one where
 * two documents meet. NULL: there is none. */
const char *yq_term_convert(const char *from, const char *to, const char *code);

struct yq_conversion { /* a line of conversions.csv; sorted by from, to, code */
    const char *from, *to;
    const char *code; /* "*": every code that the target has too */
    const char *into;
};
extern const struct yq_conversion yq_conversions[];
extern const size_t yq_conversion_count;

#endif
