/* watcher.h: the thread that looks at the watched folders of sources.json. */
#ifndef YQ_NODE_WATCHER_H
#define YQ_NODE_WATCHER_H

#include "yq/walk.h"

struct yq_watcher;
/* YQ_FULL: it cannot start; then nothing is taken out of folders. */
yq_must_check bool yq_watcher_start(struct yq_house *house, struct yq_watcher **out,
                                    struct yq_err *err);
/* Waits for the file that is being taken to come to a place where it can be left. NULL: nothing. */
void yq_watcher_stop(struct yq_watcher *watcher);

#endif
