/* coerced.h: the list behind `studies --coerced`. */
#ifndef YQ_NODE_COERCED_H
#define YQ_NODE_COERCED_H

#include "home.h"

/* Prints what was coerced in the served instances, newest first; returns an exit status. */
int yq_list_coerced(const struct yq_cli *cli, struct yq_home *home);

#endif
