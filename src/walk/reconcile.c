/* reconcile.c: a day's exams compared with what a platform has, and which days are still to be.
 *
 * A day is due when its night's time has come and it was not compared yet: yesterday, and of the
 * six days before those that follow one which was looked at (so a new platform begins with
 * yesterday, and a node that was off makes up for at most a week). What did not work is tried again
 * after a pause that doubles. One platform after the other; one thread. */
#include "yq/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/log.h"
#include "yq/province.h"

enum { DAYS_BACK = 7, AGAIN_MS = 5 * 60 * 1000, AGAIN_MOST_MS = 2 * 3600 * 1000 };

static bool is_stopped(const struct yq_stop *stop)
{
    return stop && stop->wanted && stop->wanted(stop->context);
}

static const struct yq_province *comparing_province(const struct yq_house *house,
                                                    const struct yq_platform *platform)
{
    const struct yq_province *province =
        platform ? yq_province_of(house, platform->province) : NULL;
    return province && province->reconcile ? province : NULL;
}

/* ---- one day ---- */

static bool was_not_reached(const struct yq_err *err)
{
    return err->code == YQ_PEER_GONE || err->code == YQ_TIMEOUT || err->code == YQ_REFUSED;
}

/* At the first address that answers. */
static bool compare(const struct yq_province *province, struct yq_comparing *comparing,
                    const struct yq_stop *stop, struct yq_err *err)
{
    char address[256];
    bool ok = false;
    if (!yq_platform_keys(comparing->house, comparing->conf, comparing->platform, &comparing->keys,
                          err) ||
        !yq_platform_web(comparing->platform, &comparing->web, err))
        return false;
    (void)yq_fail(err, YQ_BAD_INPUT, "walk", "the platform has no address (url)");
    for (size_t n = 0; !ok && !is_stopped(stop) &&
                       yq_platform_address(comparing->platform, n, address, sizeof address);
         n++) {
        comparing->address = address;
        comparing->told = comparing->missing = comparing->unknown = 0;
        ok = province->reconcile(comparing, err);
        if (!ok && !was_not_reached(err))
            break;
    }
    yq_web_close(comparing->web);
    return ok;
}

static bool find_day(struct yq_house *house, const char *platform, const char *date,
                     struct yq_reconciliation *out, struct yq_err *err)
{
    struct yq_reconciliation *days = NULL;
    size_t count = 0;
    bool ok = yq_reconciliations(house->catalog, &days, &count, err);
    memset(out, 0, sizeof *out);
    (void)yq_copy(out->platform, sizeof out->platform, platform);
    (void)yq_copy(out->date, sizeof out->date, date);
    for (size_t i = 0; i < count; i++)
        if (strcmp(days[i].platform, platform) == 0 && strcmp(days[i].date, date) == 0)
            *out = days[i];
    free(days);
    return ok;
}

/* What came of it, into the row and the log. */
static bool note(struct yq_house *house, struct yq_reconciliation *day,
                 const struct yq_comparing *comparing, bool ok, const struct yq_err *why,
                 struct yq_err *err)
{
    day->tried_ms = yq_now_ms();
    if (ok) {
        day->told = comparing->told;
        day->missing = comparing->missing;
        day->unknown = comparing->unknown;
        day->done_ms = day->tried_ms;
        day->next_ms = 0;
        day->tries = 0;
        day->reason[0] = '\0';
        yq_log(day->unknown ? YQ_LOG_WARN : YQ_LOG_INFO, "reconciled",
               "platform=%s date=%s told=%llu missing=%llu unknown=%llu", day->platform, day->date,
               (unsigned long long)day->told, (unsigned long long)day->missing,
               (unsigned long long)day->unknown);
    } else {
        int64_t pause_ms = AGAIN_MS;
        for (unsigned i = 0; i < day->tries && pause_ms < AGAIN_MOST_MS; i++)
            pause_ms *= 2;
        day->tries++;
        day->next_ms = day->tried_ms + (pause_ms < AGAIN_MOST_MS ? pause_ms : AGAIN_MOST_MS);
        (void)yq_copy(day->reason, sizeof day->reason, why->text);
        yq_log_err(YQ_LOG_WARN, "not-reconciled", why, "platform=%s date=%s tries=%u",
                   day->platform, day->date, day->tries);
    }
    return yq_reconciliation_put(house->catalog, day, err);
}

static bool reconcile(struct yq_house *house, const struct yq_conf *conf, const char *name,
                      const char *date, const struct yq_stop *stop, struct yq_reconciliation *out,
                      struct yq_err *err)
{
    const struct yq_platform *platform = yq_conf_platform(conf, name);
    const struct yq_province *province = comparing_province(house, platform);
    struct yq_err ignored;
    if (!platform)
        return yq_fail(err, YQ_ABSENT, "walk", "platforms.json has no platform \"%.16s\"", name);
    if (!province || platform->upload == YQ_UPLOAD_NONE)
        return yq_fail(
            err, YQ_ABSENT, "walk",
            "with %s nothing is compared: its province has no such interface, or nothing "
            "is sent to it",
            name);
    struct yq_comparing comparing = {.house = house,
                                     .conf = conf,
                                     .platform = platform,
                                     .date = date,
                                     .stopped = stop ? stop->wanted : NULL,
                                     .context = stop ? stop->context : NULL};
    if (!find_day(house, name, date, out, err))
        return false;
    bool ok = compare(province, &comparing, stop, err);
    if (!ok && is_stopped(stop))
        return yq_fail(err, YQ_BUSY, "walk", "the comparison was given up");
    struct yq_err why = *err;
    return ok ? note(house, out, &comparing, true, NULL, err)
              : (note(house, out, &comparing, false, &why, &ignored), false);
}

bool yq_reconcile(struct yq_house *house, const char *platform, const char *date,
                  const struct yq_stop *stop, struct yq_reconciliation *out, struct yq_err *err)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    bool ok = reconcile(house, conf, platform, date, stop, out, err);
    yq_conf_release(house->conf, conf);
    return ok;
}

/* ---- which days ---- */

struct days {
    struct yq_reconciliation *list;
    size_t count;
};

static const struct yq_reconciliation *day_of(const struct days *days, const char *platform,
                                              const char *date)
{
    for (size_t i = 0; i < days->count; i++)
        if (strcmp(days->list[i].platform, platform) == 0 && strcmp(days->list[i].date, date) == 0)
            return &days->list[i];
    return NULL;
}

/* Whether any day before this one was looked at. */
static bool is_known_before(const struct days *days, const char *platform, const char *date)
{
    for (size_t i = 0; i < days->count; i++)
        if (strcmp(days->list[i].platform, platform) == 0 && strcmp(days->list[i].date, date) < 0)
            return true;
    return false;
}

static bool is_due(const struct days *days, const char *platform, const char *date, bool yesterday,
                   int64_t now_ms)
{
    const struct yq_reconciliation *day = day_of(days, platform, date);
    if (day)
        return !day->done_ms && (now_ms >= day->next_ms || day->next_ms - now_ms > AGAIN_MOST_MS);
    return yesterday || is_known_before(days, platform, date);
}

static bool is_time(const struct yq_house *house, const struct yq_platform *platform,
                    int64_t now_ms)
{
    return platform->enabled && platform->reconcile_minute >= 0 &&
           platform->upload != YQ_UPLOAD_NONE && comparing_province(house, platform) &&
           !yq_windows_closed(&platform->open, yq_clock_minute(now_ms));
}

/* The oldest first. */
static void work_platform(struct yq_house *house, const struct yq_platform *platform,
                          const struct days *days, int64_t now_ms, const struct yq_stop *stop)
{
    char today[YQ_DAY_SIZE], date[YQ_DAY_SIZE];
    bool after = yq_beijing_minute(now_ms) >= (unsigned)platform->reconcile_minute;
    yq_beijing_day(today, sizeof today, now_ms);
    for (int back = DAYS_BACK; back > 0 && !is_stopped(stop); back--) {
        struct yq_reconciliation out;
        struct yq_err ignored;
        if ((back == 1 && !after) || !yq_day_shift(today, -back, 0, date, sizeof date) ||
            !is_due(days, platform->name, date, back == 1, now_ms))
            continue;
        if (!yq_reconcile(house, platform->name, date, stop, &out, &ignored) &&
            was_not_reached(&ignored))
            break; /* the other days would not reach it either */
    }
}

void yq_reconcile_work(struct yq_house *house, const struct yq_stop *stop)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct days days = {0};
    struct yq_err err = {0};
    int64_t now_ms = yq_now_ms();
    bool any = false;
    for (size_t i = 0; i < conf->platform_count; i++)
        any = any || is_time(house, &conf->platforms[i], now_ms);
    if (any && !yq_reconciliations(house->catalog, &days.list, &days.count, &err))
        yq_log_err(YQ_LOG_WARN, "not-reconciled", &err, "next=\"it is tried again\"%s", "");
    for (size_t i = 0; any && err.code == YQ_OK && i < conf->platform_count; i++)
        if (is_time(house, &conf->platforms[i], now_ms))
            work_platform(house, &conf->platforms[i], &days, now_ms, stop);
    free(days.list);
    yq_conf_release(house->conf, conf);
}
