/* presentation.h: between the parts of a presentation state's reader. */
#ifndef YQ_DCM_PRESENTATION_H
#define YQ_DCM_PRESENTATION_H

#include "pixels.h"

struct yq_subject { /* what is to be shown */
    const char *image_uid;
    unsigned frame; /* from 0 */
};

/* Whether an item speaks of the image: it names it, or names none. */
bool yq_subject_is_meant(const struct yq_subject *subject, const struct yq_item *item);
/* The first item of a sequence that does; NULL: none. */
const struct yq_item *yq_subject_item(const struct yq_subject *subject, const struct yq_item *root,
                                      uint32_t tag);
/* Graphics and texts, in the order in which they are drawn (annotation.c). */
yq_must_check bool yq_annotations_read(const struct yq_item *root, const struct yq_subject *subject,
                                       struct yq_look *look, struct yq_err *err);

#endif
