/* coerce.h: attributes that were given another value when an instance came in, and what a value of
 * an attribute may look like. PS3.4 B.4.1.3 (coercion by a storage SCP), PS3.5 6.2. Pure values. */
#ifndef YQ_COERCE_H
#define YQ_COERCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/attr.h"
#include "yq/bytes.h"
#include "yq/err.h"

/* Whether a rule may change it: an attribute of patient, study or series that stands in the header
 * at top level and is no UID. What names an instance stays what the sender says. */
bool yq_coerce_allowed(enum yq_attr attr);

/* What is wrong with `text` (UTF-8) as a single value of this VR, as the end of a sentence ("is
 * longer than 16 characters"); NULL: nothing. PS3.5 6.2. "" fits every VR. */
const char *yq_coerce_fault(const char *vr, const char *text);

struct yq_change { /* one attribute; all texts UTF-8, owned */
    enum yq_attr attr;
    char *rule;     /* name of the rule that had the last word */
    char *original; /* NULL: absent */
    char *value;    /* "": emptied */
};

struct yq_coercions { /* of one instance; a zeroed one is empty. At most one per attribute */
    struct yq_change changes[YQ_ATTR_COUNT];
    size_t count;
    int64_t when_ms;
    char charset[128]; /* what the instance's text was read with, which its label may not say */
};
void yq_coercions_fini(struct yq_coercions *coercions);
/* Notes that `attr`, which was `original`, is now `value`; the first original of an attribute
 * stands, the last value and rule count, and what comes back to its original is forgotten. False
 * without memory. */
yq_must_check bool yq_coercions_note(struct yq_coercions *coercions, enum yq_attr attr,
                                     const char *original, const char *value, const char *rule);

/* As the catalog keeps it: one line of text. Control characters in values become blanks but for
 * TAB, LF, FF, CR. */
void yq_coercions_write(const struct yq_coercions *coercions, struct yq_buf *out);
/* YQ_BAD_INPUT: not such a text, or of an attribute that is not known. */
yq_must_check bool yq_coercions_read(const char *text, struct yq_coercions *out,
                                     struct yq_err *err);

#endif
