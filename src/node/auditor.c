/* auditor.c: the thread that looks after the audit trail. Walks only append to it: neither the disk
 * nor a collector that is down makes anybody wait. */
#include "auditor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/log.h"

enum { TICK_MS = 500, PURGE_MS = 3600 * 1000 };

struct yq_auditor {
    struct yq_house *house;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
    bool down; /* the collector, as the log was told */
    int64_t next_purge_ms;
};

/* False: it stops. */
static bool rest(struct yq_auditor *auditor)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&auditor->lock);
    if (!auditor->stopping)
        pthread_cond_timedwait(&auditor->changed, &auditor->lock, &until);
    bool going_on = !auditor->stopping;
    pthread_mutex_unlock(&auditor->lock);
    return going_on;
}

/* Told when it changes, not at each try. */
static void send(struct yq_auditor *auditor, const struct yq_conf *conf)
{
    struct yq_collector *collector = auditor->house->collector;
    struct yq_err err = {0};
    bool ok =
        yq_collector_aim(collector, conf->audit_syslog, &err) && yq_collector_work(collector, &err);
    if (!ok && !auditor->down)
        yq_log_err(YQ_LOG_WARN, "audit-collector", &err,
                   "state=unreachable next=\"messages wait in the audit trail\"");
    if (!ok)
        auditor->down = true;
    if (ok && auditor->down && yq_collector_connected(collector)) {
        auditor->down = false;
        yq_log(YQ_LOG_INFO, "audit-collector", "state=ok waiting_bytes=%" PRIu64,
               yq_collector_backlog(collector));
    }
}

static void purge(struct yq_auditor *auditor, const struct yq_conf *conf)
{
    int64_t now = yq_monotonic_ms();
    if (!conf->audit_days || now < auditor->next_purge_ms)
        return;
    auditor->next_purge_ms = now + PURGE_MS;
    size_t gone = yq_trail_purge(yq_audit_trail(auditor->house->audit),
                                 yq_now_ms() - conf->audit_days * 86400000);
    if (gone)
        yq_log(YQ_LOG_INFO, "audit-purged", "days=%zu", gone);
}

static void *look_after(void *context)
{
    struct yq_auditor *auditor = context;
    struct yq_house *house = auditor->house;
    yq_log_set_trace("audit");
    for (bool going_on = true; going_on;) {
        struct yq_err err = {0};
        going_on = rest(auditor);
        (void)!yq_trail_sync(yq_audit_trail(house->audit), &err); /* health says what is wrong */
        const struct yq_conf *conf = yq_conf_hold(house->conf);
        send(auditor, conf);
        purge(auditor, conf);
        yq_conf_release(house->conf, conf);
    }
    return NULL;
}

bool yq_auditor_start(struct yq_house *house, struct yq_auditor **out, struct yq_err *err)
{
    pthread_condattr_t monotonic;
    struct yq_auditor *auditor = calloc(1, sizeof *auditor);
    if (auditor)
        house->collector = yq_collector_new(yq_trail_folder(yq_audit_trail(house->audit)));
    if (!auditor || !house->collector) {
        free(auditor);
        return yq_fail(err, YQ_FULL, "node", "no memory to look after the audit trail");
    }
    auditor->house = house;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&auditor->lock, NULL);
    pthread_cond_init(&auditor->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = auditor;
    if (pthread_create(&auditor->thread, NULL, look_after, auditor) == 0)
        return true;
    *out = NULL;
    yq_collector_free(house->collector);
    house->collector = NULL;
    pthread_cond_destroy(&auditor->changed);
    pthread_mutex_destroy(&auditor->lock);
    free(auditor);
    return yq_fail(err, YQ_FULL, "node", "cannot start the thread of the audit trail");
}

void yq_auditor_stop(struct yq_auditor *auditor)
{
    if (!auditor)
        return;
    pthread_mutex_lock(&auditor->lock);
    auditor->stopping = true;
    pthread_cond_broadcast(&auditor->changed);
    pthread_mutex_unlock(&auditor->lock);
    pthread_join(auditor->thread, NULL);
    yq_collector_free(auditor->house->collector);
    auditor->house->collector = NULL;
    pthread_cond_destroy(&auditor->changed);
    pthread_mutex_destroy(&auditor->lock);
    free(auditor);
}
