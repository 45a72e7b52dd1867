/* orders.c: the rules of rules.json applied to what arrives. Pure but for orders_given; runs on the
 * door's thread, and costs nothing where there are no rules. */
#include "orders.h"

#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/log.h"

/* One instance goes to one destination once: the first rule that says so counts. */
static bool goes_there(const struct orders *orders, const char *destination)
{
    for (size_t i = 0; i < orders->count; i++)
        if (orders->list[i].kind == YQ_JOB_FORWARD &&
            strcmp(orders->list[i].destination, destination) == 0)
            return true;
    return false;
}

static void add(struct orders *orders, const struct yq_dispatch *order)
{
    if (orders->count < YQ_RULE_DISPATCHES_MOST) /* conf sees to it that it is */
        orders->list[orders->count++] = *order;
    orders->by_association |= order->gathers == YQ_GATHERS_ASSOCIATION;
    orders->now |= order->gathers == YQ_GATHERS_NOT;
}

/* When the study counts as complete unless something comes. An association that is silent for
 * idle_seconds is ended, so it cannot send of the study after that. */
static void set_due(const struct yq_conf *conf, const struct yq_rule *rule,
                    const struct yq_origin *origin, int64_t now_ms, struct yq_dispatch *order)
{
    int64_t quiet = rule->quiet_seconds ? rule->quiet_seconds : conf->queue_complete_seconds;
    order->due_ms = now_ms;
    if (rule->at == YQ_AT_ONCE)
        return;
    bool association = rule->at == YQ_AT_ASSOCIATION_END && origin->sending;
    order->gathers = association ? YQ_GATHERS_ASSOCIATION : YQ_GATHERS_QUIET;
    order->due_ms += (quiet + (association ? conf->dicom_idle_seconds : 0)) * 1000;
}

static void apply(const struct yq_conf *conf, const struct yq_rule *rule,
                  const struct yq_origin *origin, int64_t now_ms, struct orders *orders)
{
    bool forward = rule->kind == YQ_RULE_FORWARD;
    for (size_t i = 0; i < rule->peer_count; i++) {
        struct yq_dispatch order = {.kind = forward ? YQ_JOB_FORWARD : YQ_JOB_PULL,
                                    .destination = rule->peers[i],
                                    .rule = rule->name,
                                    .syntax = rule->as_is ? "as-is" : rule->syntax,
                                    .priority = (int)rule->priority};
        bool back = strcmp(order.destination, origin->aet) == 0;
        if ((back && !rule->to_sender) || (forward && goes_there(orders, order.destination)))
            continue;
        set_due(conf, rule, origin, now_ms, &order);
        add(orders, &order);
    }
}

void orders_make(const struct yq_conf *conf, const struct yq_origin *origin,
                 const struct yq_header *header, struct orders *orders)
{
    orders->count = 0;
    orders->by_association = orders->now = false;
    if (!conf->rule_count)
        return;
    int64_t now_ms = yq_now_ms();
    unsigned minute = yq_clock_minute(now_ms);
    for (size_t i = 0; i < conf->rule_count; i++)
        if (yq_rule_fits(&conf->rules[i], origin, header, minute))
            apply(conf, &conf->rules[i], origin, now_ms, orders);
}

static void remember(struct yq_house *house, struct yq_studies *studies, const char *study)
{
    for (size_t i = studies->count; i-- > 0;) /* the last one is the likeliest */
        if (strcmp(studies->uid[i], study) == 0)
            return;
    if (studies->count == studies->room) {
        size_t room = studies->room ? 2 * studies->room : 8;
        void *grown = realloc(studies->uid, room * sizeof *studies->uid);
        if (!grown)
            return; /* its row has a time at which it goes anyway */
        studies->uid = grown;
        studies->room = room;
    }
    if (yq_tally_add(&house->sending, study))
        (void)yq_copy(studies->uid[studies->count++], YQ_UID_SIZE, study);
}

void orders_given(struct yq_house *house, const struct yq_origin *origin, const char *study,
                  const struct orders *orders)
{
    if (orders->by_association && origin->sending)
        remember(house, origin->sending, study);
    if (orders->now)
        yq_bell_ring(&house->outbox);
}

void yq_deliver_association_ended(struct yq_house *house, struct yq_studies *studies, bool in_order)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    int64_t due_ms = yq_now_ms() + (in_order ? 0 : conf->queue_complete_seconds * 1000);
    yq_conf_release(house->conf, conf);
    for (size_t i = 0; i < studies->count; i++) {
        struct yq_err err;
        if (!yq_tally_take(&house->sending, studies->uid[i]))
            continue;
        if (!yq_outbox_complete(house->catalog, studies->uid[i], due_ms, &err))
            yq_log_err(YQ_LOG_WARN, "study-complete", &err, "study=%s", studies->uid[i]);
    }
    if (studies->count && in_order)
        yq_bell_ring(&house->outbox);
    free(studies->uid);
    *studies = (struct yq_studies){.uid = NULL};
}
