/* peer.h: the peer that a command names, and Key=Value words. */
#ifndef YQ_NODE_PEER_H
#define YQ_NODE_PEER_H

#include "cli.h"
#include "yq/model.h"

struct yq_called { /* whom to call, and as whom */
    struct yq_peer peer;
    char our_aet[YQ_AET_SIZE];
};

/* AET of the configuration, or AET@HOST:PORT. Returns an exit status; what is wrong was said. */
int yq_called_find(const struct yq_cli *cli, const char *text, struct yq_called *out);

/* Adds Key=Value to a query; "Key=" and "Key" only ask for the attribute. Returns an exit status;
 * what is wrong was said. */
int yq_key_add(const struct yq_cli *cli, const char *word, struct yq_query *query);
/* The attribute that a keyword or gggg,eeee names; YQ_ATTR_COUNT when none does. */
enum yq_attr yq_key_attr(const char *name);

#endif
