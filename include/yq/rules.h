/* rules.h: what is to happen with what arrives: dicom-conf/rules.json. Room conf.
 *
 * A rule belongs to its configuration and lives as long. Everything that is given under "when" must
 * hold; of a list one entry is enough. */
#ifndef YQ_RULES_H
#define YQ_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/model.h"

#define YQ_RULES_MOST 256
#define YQ_RULE_TO_MOST 16
#define YQ_RULE_NAME_SIZE 64
/* What can follow from one arrival: different destinations of forward rules, and pull rules. */
#define YQ_RULE_DISPATCHES_MOST 64

enum yq_rule_kind { YQ_RULE_FORWARD, YQ_RULE_PULL };

/* What "when" may ask of an arrival. X(name, "key in rules.json", folded) -- folded: compared
 * without regard to case, width and character form (yq_text_fold) */
#define YQ_RULE_KEYS(X)                                                                            \
    X(PEER, "peer", false)                                                                         \
    X(MODALITY, "modality", true)                                                                  \
    X(STATION, "station", true)                                                                    \
    X(DESCRIPTION, "description", true)                                                            \
    X(BODY_PART, "body_part", true)                                                                \
    X(SOP_CLASS, "sop_class", false)

enum yq_rule_key {
#define YQ_RULE_KEY(name, key, folded) YQ_RULE_##name,
    YQ_RULE_KEYS(YQ_RULE_KEY)
#undef YQ_RULE_KEY
        YQ_RULE_KEY_COUNT
};

struct yq_patterns { /* of which one is enough; none: everything fits */
    char **text;     /* owned; with * and ? */
    size_t count;
};

enum yq_rule_at { YQ_AT_ONCE, YQ_AT_STUDY_COMPLETE, YQ_AT_ASSOCIATION_END };
enum yq_priority { YQ_PRIORITY_LOW, YQ_PRIORITY_NORMAL, YQ_PRIORITY_HIGH, YQ_PRIORITY_COUNT };

struct yq_rule {
    char name[YQ_RULE_NAME_SIZE];
    unsigned line;
    enum yq_rule_kind kind;
    struct yq_patterns when[YQ_RULE_KEY_COUNT];
    struct yq_windows time; /* of arrival */
    enum yq_priority priority;
    /* forward: where to; pull: the one to ask */
    char peers[YQ_RULE_TO_MOST][YQ_AET_SIZE];
    size_t peer_count;

    /* forward */
    enum yq_rule_at at;
    unsigned quiet_seconds; /* 0: queue.complete_seconds */
    bool as_is;             /* as stored, whatever the peer likes best */
    char syntax[YQ_UID_SIZE];
    bool to_sender; /* also back to the peer it came from */

    /* pull */
    unsigned last, within_days; /* how many, how old at most; 0: of any age */
    struct yq_patterns modality;
    bool by_move, by_get; /* both: C-GET when C-MOVE does not do */
};

/* Does what arrived fit the rule's "when"? `minute`: of the local day (yq_clock_minute). */
bool yq_rule_fits(const struct yq_rule *rule, const struct yq_origin *origin,
                  const struct yq_header *header, unsigned minute);
/* A modality against a pull rule's list; ModalitiesInStudy: several, by backslash. NULL or "": not
 * known, which fits. */
bool yq_rule_wants_modality(const struct yq_rule *rule, const char *modalities);
/* "low", "normal", "high". */
const char *yq_priority_name(enum yq_priority priority);

#endif
