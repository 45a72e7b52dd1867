/* which.h: --study, --series, --instance. */
#ifndef YQ_NODE_WHICH_H
#define YQ_NODE_WHICH_H

#include "cli.h"
#include "yq/walk.h"

struct yq_which {
    enum yq_attr
        attr; /* StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID; YQ_ATTR_COUNT: none */
    const char *uid;
};

/* Exactly one of the three. Returns an exit status; what is wrong was said. */
int yq_which_read(const struct yq_cli *cli, struct yq_which *which);

/* The instances; *out malloc'ed, never empty when true. YQ_ABSENT: the node has none. */
yq_must_check bool yq_which_entries(struct yq_house *house, const struct yq_which *which,
                                    struct yq_entry **out, size_t *count, struct yq_err *err);
/* The key of what is meant, parts below its level "". */
yq_must_check bool yq_which_key(struct yq_house *house, const struct yq_which *which,
                                struct yq_key *key, struct yq_err *err);

#endif
