/* registrar.h: a thread that makes records of studies, and links them, while the node serves. */
#ifndef YQ_NODE_REGISTRAR_H
#define YQ_NODE_REGISTRAR_H

#include "yq/walk.h"

struct yq_registrar;
/* Errors: YQ_FULL. */
yq_must_check bool yq_registrar_start(struct yq_house *house, struct yq_registrar **out,
                                      struct yq_err *err);
/* Ends when it is done with what it is at. NULL is let pass. */
void yq_registrar_stop(struct yq_registrar *registrar);

#endif
