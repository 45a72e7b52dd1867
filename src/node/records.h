/* records.h: what the files of `yingqiao records` share. */
#ifndef YQ_NODE_RECORDS_H
#define YQ_NODE_RECORDS_H

#include "cli.h"
#include "home.h"
#include "yq/registry.h"

/* A kind that is kept, by name or plural; false: usage error, said. */
bool yq_cli_kind(const struct yq_cli *cli, const char *name, enum yq_kind *kind);
/* records_put.c: each returns an exit status. */
int yq_records_put(struct yq_cli *cli, struct yq_home *home);
int yq_records_key(struct yq_cli *cli);
int yq_records_reseal(struct yq_cli *cli, struct yq_home *home);

#endif
