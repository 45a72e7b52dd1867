/* registrar.h: records from the images: an exam of each study that nobody ordered here, a report of
 * each SR document and encapsulated PDF. A walk, in src/walk/registrar.c; node/ lends it a thread.
 */
#ifndef YQ_REGISTRAR_H
#define YQ_REGISTRAR_H

#include "yq/walk.h"

/* Looks at some of the studies that have changed and are complete (queue.complete_seconds), and
 * links each with its records. *did: how many; 0: there is nothing to do now. False: the catalog or
 * the disk failed, and it may be tried again. */
yq_must_check bool yq_registrar_work(struct yq_house *house, size_t *did, struct yq_err *err);

#endif
