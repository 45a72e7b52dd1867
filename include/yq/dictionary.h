/* dictionary.h: the code tables of the documents (data/dictionaries/), compiled in.
 *
 * A dictionary has a name such as "sex" (the canonical one, which members of data/model/ name) or
 * "hebei/patient-type" (as one document prints it). Pure; all pointers are static. */
#ifndef YQ_DICTIONARY_H
#define YQ_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

struct yq_term {
    const char *code, *chinese;
    const char *parent; /* code of the term above it; "" at the top */
    const char *note;   /* what the document adds, "" for nothing */
};
struct yq_dictionary {
    const char *name, *chinese;
    const char *source; /* document and clause */
    const struct yq_term *terms;
    size_t count;
};
extern const struct yq_dictionary yq_dictionaries[];
extern const size_t yq_dictionary_count;

const struct yq_dictionary *yq_dictionary_find(const char *name); /* NULL: none */
const struct yq_term *yq_term_find(const struct yq_dictionary *dictionary, const char *code);
/* From a code of one dictionary to that of another with the same meaning, by
 * data/dictionaries/conversions.csv ("sex" M -> "shanxi/sex" 1). NULL: there is none. */
const char *yq_term_convert(const char *from, const char *to, const char *code);

#endif
