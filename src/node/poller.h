/* poller.h: reads the databases of sources.json while the node serves: a thread for each, so that
 * one that is dead or hangs delays nobody. */
#ifndef YQ_NODE_POLLER_H
#define YQ_NODE_POLLER_H

#include "yq/walk.h"

struct yq_pollers;
yq_must_check bool yq_pollers_open(struct yq_house *house, struct yq_pollers **out,
                                   struct yq_err *err);
/* From the main thread, some times a second: begins and ends threads as the configuration says,
 * interrupts what hangs. */
void yq_pollers_tend(struct yq_pollers *pollers);
/* Ends all of them. *left: threads that are still in a driver that does not come back; they touch
 * nothing of the house any more, but end only with the process. NULL is let pass. */
void yq_pollers_close(struct yq_pollers *pollers, size_t *left);

#endif
