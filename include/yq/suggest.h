/* suggest.h: which term of a dictionary a hospital's own name means, by how alike they are.
 *
 * A suggestion is for a person to confirm, never a mapping. Pure; a suggester belongs to one
 * thread. */
#ifndef YQ_SUGGEST_H
#define YQ_SUGGEST_H

#include "yq/dictionary.h"
#include "yq/err.h"

struct yq_suggestion {
    const struct yq_dictionary *dictionary;
    const struct yq_term *term;
    double score; /* 0 to 1: the same name */
};

struct yq_suggester; /* a dictionary made ready */
yq_must_check bool yq_suggester_new(const struct yq_dictionary *dictionary,
                                    struct yq_suggester **out, struct yq_err *err);
void yq_suggester_free(struct yq_suggester *suggester);
/* The best ones for a name (UTF-8), best first, at most `most`, of a score of `least` at least; how
 * many. */
size_t yq_suggest(const struct yq_suggester *suggester, const char *name, double least,
                  struct yq_suggestion *out, size_t most);

#endif
