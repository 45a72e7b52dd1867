/* annotation.h: what is written into the corners of a picture: whose it is and how it was made. A
 * walk, in src/walk/annotate.c. PS3.18 9.1.2.1.7 (annotation). */
#ifndef YQ_ANNOTATION_H
#define YQ_ANNOTATION_H

#include "yq/bytes.h"
#include "yq/dataset.h"
#include "yq/err.h"
#include "yq/look.h"

struct yq_annotating {
    bool patient;                   /* name, id, sex, age, birth date */
    bool technique;                 /* modality, settings, place, time, number, window */
    const struct yq_window *window; /* as shown; NULL: nobody knows */
    unsigned frame, frames;         /* from 1, and how many; frames 0 or 1: not said */
};
struct yq_annotation {
    struct yq_buf corners[4]; /* UTF-8, lines by \n; as yq_view.corners: yq_buf_text of each */
};
void yq_annotation_fini(struct yq_annotation *annotation);
/* From an object's header, read with its frame's functional groups. What is not there is left out.
 * YQ_FULL without memory. */
yq_must_check bool yq_annotation_compose(const struct yq_item *object,
                                         const struct yq_annotating *how, struct yq_annotation *out,
                                         struct yq_err *err);

#endif
