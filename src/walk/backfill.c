/* backfill.c: the exams of a span of days, the oldest first, into a platform's queue, so many a
 * minute. By itself when a platform is connected first (backfill_months).
 *
 * Which exams are of a day is asked day by day (YQ_LEDGER_WHEN); where it stands is a row of the
 * catalog that moves in the transaction that notes the exams, so nothing is kept here. What the
 * platform has already the courier finds out, and does not send again. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/log.h"
#include "yq/province.h"
#include "yq/reconcile.h"

enum {
    PORTION = 200,    /* exams in one transaction */
    DAYS_A_LOOK = 60, /* without any exam */
    FRESH_MS = 24 * 3600 * 1000
};

const struct yq_platform *yq_backfill_platform(const struct yq_house *house,
                                               const struct yq_conf *conf, const char *name)
{
    const struct yq_platform *platform = yq_conf_platform(conf, name);
    const struct yq_province *province =
        platform ? yq_province_of(house, platform->province) : NULL;
    bool sends =
        platform && (platform->upload != YQ_UPLOAD_NONE || platform->images != YQ_IMAGES_NONE);
    return sends && platform->enabled && province && province->pieces ? platform : NULL;
}

void yq_backfill_explain(const struct yq_backfill *backfill, char *text, size_t size)
{
    int days = yq_days_between(backfill->from, backfill->to) + 1;
    int at = yq_days_between(backfill->from, backfill->day) + 1;
    if (backfill->state == YQ_BACKFILL_DONE)
        snprintf(text, size, "%d days, %llu exams put into the queue", days,
                 (unsigned long long)backfill->queued);
    else
        snprintf(text, size, "day %d of %d (%s), %llu exams put into the queue so far", at, days,
                 backfill->day, (unsigned long long)backfill->queued);
}

/* ---- a step ---- */

/* At most `room` exams of the day, after the row. */
static bool read_exams(struct yq_house *house, const struct yq_backfill *at, int64_t *rows,
                       size_t room, size_t *count, struct yq_err *err)
{
    char from[32], until[32];
    struct yq_ledger_entry *list = NULL;
    snprintf(from, sizeof from, "%s 00:00:00", at->day);
    snprintf(until, sizeof until, "%s 23:59:59", at->day);
    const struct yq_ledger_query query = {.kind = YQ_KIND_EXAM,
                                          .when_from = from,
                                          .when_until = until,
                                          .after_row = at->row,
                                          .limit = room};
    if (!yq_ledger_find(house->catalog, &query, false, &list, count, err))
        return false;
    for (size_t i = 0; i < *count; i++)
        rows[i] = list[i].row;
    yq_ledger_list_free(list, *count);
    return true;
}

/* As many exams as `most`, of one day; *over: it is at its end, or somebody else's. */
static bool step(struct yq_house *house, struct yq_backfill *backfill, size_t most, size_t *did,
                 bool *over, struct yq_err *err)
{
    int64_t rows[PORTION];
    struct yq_backfill at = *backfill;
    bool going = false;
    size_t room = most < PORTION ? most : PORTION;
    for (int days = 0; days < DAYS_A_LOOK; days++) {
        if (!read_exams(house, &at, rows, room, did, err))
            return false;
        if (*did == room)
            break;
        if (strcmp(at.day, at.to) >= 0) {
            at.state = YQ_BACKFILL_DONE;
            break;
        }
        if (*did || !yq_day_shift(at.day, 1, 0, at.day, sizeof at.day))
            break;
        at.row = 0;
    }
    if (*did)
        at.row = rows[*did - 1];
    if (!yq_backfill_step(house->catalog, backfill, &at, rows, *did, &going, err))
        return false;
    at.queued += *did;
    *over = !going || at.state != YQ_BACKFILL_RUNS;
    *backfill = at;
    if (going && at.state == YQ_BACKFILL_DONE)
        yq_log(YQ_LOG_INFO, "backfill-done", "platform=%s from=%s to=%s exams=%llu", at.platform,
               at.from, at.to, (unsigned long long)at.queued);
    return true;
}

/* So many exams as its rate gives for this time; with what is left of a minute's turn it waits. */
static size_t allowance(unsigned rate, int64_t last_ms, int64_t now_ms)
{
    if (last_ms <= 0 || now_ms <= last_ms)
        return 0;
    int64_t span_ms = now_ms - last_ms;
    if (span_ms > 60000)
        span_ms = 60000;
    /* Turns are counted by the clock, so that many short looks give as much as one long. */
    return (size_t)(now_ms * rate / 60000 - (now_ms - span_ms) * rate / 60000);
}

static bool run(struct yq_house *house, const struct yq_conf *conf, struct yq_backfill *backfill,
                int64_t last_ms, int64_t now_ms, struct yq_err *err)
{
    const struct yq_platform *platform = yq_backfill_platform(house, conf, backfill->platform);
    if (!platform)
        return true; /* it is off: the backfill waits */
    size_t left = allowance(backfill->rate ? backfill->rate : (unsigned)platform->backfill_rate,
                            last_ms, now_ms);
    bool over = false, any = false;
    while (left && !over) {
        size_t did = 0;
        if (!step(house, backfill, left, &did, &over, err))
            return false;
        left -= did;
        any = any || did;
        if (!did)
            break; /* days without exams: on with the next look */
    }
    if (any)
        yq_bell_ring(&house->outbox);
    return true;
}

/* ---- the first connection ---- */

static bool is_known(const struct yq_backfill *list, size_t count, const char *platform)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].platform, platform) == 0)
            return true;
    return false;
}

static bool greet(struct yq_house *house, const struct yq_platform *platform, int64_t now_ms,
                  struct yq_err *err)
{
    struct yq_backfill first = {.automatic = true};
    int64_t id;
    bool sent = false;
    (void)yq_copy(first.platform, sizeof first.platform, platform->name);
    yq_beijing_day(first.to, sizeof first.to, now_ms);
    if (!yq_platform_was_sent(house->catalog, platform->name, now_ms - FRESH_MS, &sent, err))
        return false;
    if (sent ||
        !yq_day_shift(first.to, 0, -(int)platform->backfill_months, first.from, sizeof first.from))
        return true;
    if (!yq_backfill_begin(house->catalog, &first, &id, err))
        return false;
    yq_log(YQ_LOG_INFO, "backfill-begun",
           "platform=%s from=%s to=%s why=\"it is connected for the first time\" "
           "exams_per_minute=%lld",
           platform->name, first.from, first.to, (long long)platform->backfill_rate);
    return true;
}

bool yq_backfill_work(struct yq_house *house, int64_t last_ms, int64_t now_ms, struct yq_err *err)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct yq_backfill *list = NULL;
    size_t count = 0;
    bool ok = !conf->platform_count || yq_backfills(house->catalog, &list, &count, err);
    for (size_t i = 0; ok && i < conf->platform_count; i++) {
        const struct yq_platform *platform = &conf->platforms[i];
        if (platform->backfill_months && yq_backfill_platform(house, conf, platform->name) &&
            !is_known(list, count, platform->name))
            ok = greet(house, platform, now_ms, err);
    }
    for (size_t i = 0; ok && i < count; i++)
        if (list[i].state == YQ_BACKFILL_RUNS)
            ok = run(house, conf, &list[i], last_ms, now_ms, err);
    free(list);
    yq_conf_release(house->conf, conf);
    return ok;
}
