/* catchup.h: the threads that compare the platforms' days at night, and that put the exams of
 * backfills into their queues. */
#ifndef YQ_NODE_CATCHUP_H
#define YQ_NODE_CATCHUP_H

#include "yq/walk.h"

struct yq_catchup;
/* Errors: YQ_FULL. */
yq_must_check bool yq_catchup_start(struct yq_house *house, struct yq_catchup **out,
                                    struct yq_err *err);
/* Calls that wait for a platform are given up. NULL is let pass. */
void yq_catchup_stop(struct yq_catchup *catchup);

#endif
