/* orders.h: what follows from an arrival by the rules. Private to room walk. */
#ifndef YQ_WALK_ORDERS_H
#define YQ_WALK_ORDERS_H

#include "yq/outbox.h"
#include "yq/walk.h"

struct orders {
    struct yq_dispatch list[YQ_RULE_DISPATCHES_MOST];
    size_t count;
    bool by_association; /* some wait for the association to end */
    bool now;            /* some may go at once */
};

/* Texts in it are the configuration's. */
void orders_make(const struct yq_conf *conf, const struct yq_origin *origin,
                 const struct yq_header *header, struct orders *orders);
/* After the instance is a row: wakes the couriers, and remembers that this association sends of the
 * study. */
void orders_given(struct yq_house *house, const struct yq_origin *origin, const char *study,
                  const struct orders *orders);

#endif
