/* auditor.h: looks after the audit trail while the node serves: a thread that brings it to stable
 * storage, sends it to the collector of audit.syslog and removes what is older than audit.days. */
#ifndef YQ_NODE_AUDITOR_H
#define YQ_NODE_AUDITOR_H

#include "yq/walk.h"

struct yq_auditor;
/* Sets house->collector. Errors: YQ_FULL. */
yq_must_check bool yq_auditor_start(struct yq_house *house, struct yq_auditor **out,
                                    struct yq_err *err);
/* Sends what the collector takes at once, then ends. NULL is let pass. */
void yq_auditor_stop(struct yq_auditor *auditor);

#endif
