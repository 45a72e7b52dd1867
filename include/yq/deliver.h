/* deliver.h: what waits in the outbox goes out, and what rules fetch comes in (deliver.c,
 * prefetch.c, orders.c); records go to platforms (report_plan.c, report_out.c). Room walk. Couriers
 * are threads of the door; each works for one lane at a time. */
#ifndef YQ_DELIVER_H
#define YQ_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/outbox.h"
#include "yq/walk.h"

struct report_means;
struct yq_courier {
    struct yq_house *house;
    enum yq_job_kind kind;
    char destination[YQ_AET_SIZE];
    struct yq_stop stop;
    struct report_means *means; /* what he keeps from one job to the next; NULL at first */
    struct yq_job next;         /* claimed with the end of the last one */
    bool has_next;
};
/* At the end of his round. */
void yq_courier_fini(struct yq_courier *courier);

/* One job of the lane: claims it, sends (or fetches) what it can, settles it. Logs what it did.
 * False: nothing was due, the lane must pause, or the catalog is unwell. */
bool yq_deliver(struct yq_courier *courier);
/* What changed becomes jobs for the platforms, a portion at a time. True: there is more. */
bool yq_deliver_plan(struct yq_house *house);
/* Whether changes are to be noted for platforms, by a configuration that comes into force. */
void yq_deliver_wants(struct yq_house *house, const struct yq_conf *conf);
/* The configuration is another one than before: what was held for what it says is looked at again.
 */
void yq_deliver_reconsider(struct yq_house *house);
/* Puts into the log what was dropped meanwhile, by whatever process. */
void yq_deliver_tell_dropped(struct yq_house *house);
/* When a lane may go again: `now_ms` or earlier: now. INT64_MAX: not before something changes.
 */
int64_t yq_deliver_due(const struct yq_conf *conf, const struct yq_lane *lane, int64_t now_ms);
/* One sentence: why a job is as it is, until when, and what to do about it. `lane` NULL: none
 * yet. Times are by the clock on the wall. */
void yq_deliver_explain(const struct yq_conf *conf, const struct yq_job *job,
                        const struct yq_lane *lane, int64_t now_ms, char *text, size_t size);

/* Does something wait too long, or was it refused? */
struct yq_queue_alert {
    bool on;
    uint64_t late, refused; /* destinations in which something is late; jobs refused */
    char text[200];
};
yq_must_check bool yq_deliver_alert(struct yq_house *house, struct yq_queue_alert *out,
                                    struct yq_err *err);

/* An association has ended (in order: it was released): studies of which no other one sends any
 * more are complete. Frees the list. */
void yq_deliver_association_ended(struct yq_house *house, struct yq_studies *studies,
                                  bool in_order);

#endif
