/* signer.h: the thread that lends itself to walk/sign.c. */
#ifndef YQ_NODE_SIGNER_H
#define YQ_NODE_SIGNER_H

#include <stdbool.h>

#include "yq/walk.h"

struct yq_signer_thread;
yq_must_check bool yq_signer_start(struct yq_house *house, struct yq_signer_thread **out,
                                   struct yq_err *err);
/* A call that is under way is broken off. NULL: nothing. */
void yq_signer_stop(struct yq_signer_thread *signer);

#endif
