/* outward.h: what commands about platforms share. */
#ifndef YQ_NODE_OUTWARD_H
#define YQ_NODE_OUTWARD_H

#include "yq/conf.h"
#include "yq/walk.h"

/* The province of a platform: `name` as platforms.json has it, else a province's own name, then
 * *platform is NULL. NULL: it is neither. */
const char *yq_cli_province(const struct yq_conf *conf, const char *name,
                            const struct yq_platform **platform);

#endif
