/* deliver.c: a job of the outbox goes out: claim, gather, send, settle.
 *
 * State is the row: what the peer acknowledged is noted in portions while it goes on, so that an
 * interrupted send goes on where it was, and a crash repeats at most one portion. A peer that
 * cannot be reached makes its lane pause; a job that fails though the peer was there waits
 * alone. A permanent no (PS3.4 B.2.3) to an instance is no reason to try it again. Runs on a
 * courier's thread. */
#include "deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "report_way.h"
#include "yq/clock.h"
#include "yq/log.h"

enum {
    ITEMS_MOST = 4000, /* of a job at a time; what is left goes on in the next turn */
    PORTION = 64,      /* outcomes noted in one transaction ... */
    PORTION_MS = 1000, /* ... or what there is after so long */
    MINUTE_MS = 60000,
};

/* ---- when ---- */

static int64_t minutes_until_open(const struct yq_peer *peer, int64_t now_ms)
{
    return peer ? yq_windows_closed(&peer->forward.windows, yq_clock_minute(now_ms)) : 0;
}

static int64_t due_at_platform(const struct yq_platform *platform, int64_t due, int64_t now_ms)
{
    if (!platform || !platform->enabled)
        return INT64_MAX;
    if (due > now_ms)
        return due;
    int64_t closed = yq_windows_closed(&platform->open, yq_clock_minute(now_ms));
    if (closed)
        return now_ms - now_ms % MINUTE_MS + closed * MINUTE_MS;
    struct report_way *way = platform->rate ? report_way_of(platform->name) : NULL;
    int64_t clock_ms = yq_monotonic_ms();
    return way ? now_ms + report_way_free_ms(way, clock_ms) - clock_ms : due;
}

int64_t yq_deliver_due(const struct yq_conf *conf, const struct yq_lane *lane, int64_t now_ms)
{
    if (lane->held)
        return INT64_MAX;
    int64_t due = lane->due_ms > lane->next_ms ? lane->due_ms : lane->next_ms;
    if (lane->kind == YQ_JOB_REPORT)
        return due_at_platform(yq_conf_platform(conf, lane->destination), due, now_ms);
    if (lane->kind != YQ_JOB_FORWARD || due > now_ms)
        return due;
    int64_t closed = minutes_until_open(yq_conf_destination(conf, lane->destination), now_ms);
    return closed ? now_ms - now_ms % MINUTE_MS + closed * MINUTE_MS : due;
}

/* Twice as long with each try, within bounds, and never the same for two that failed together. */
int64_t errand_pause_ms(const struct errand *errand, unsigned tries)
{
    const struct yq_forwarding *own = errand->peer ? &errand->peer->forward : NULL;
    const struct yq_platform *platform = errand->platform;
    int64_t least =
        own && own->retry_seconds ? own->retry_seconds : errand->conf->queue_retry_seconds;
    int64_t most = own && own->retry_most_seconds ? own->retry_most_seconds
                                                  : errand->conf->queue_retry_most_seconds;
    if (platform) {
        least = platform->retry_seconds;
        most = platform->retry_most_seconds;
    }
    int64_t pause = least;
    uint16_t jitter = 0;
    while (tries-- && pause < most)
        pause *= 2;
    if (pause > most)
        pause = most;
    (void)!getrandom(&jitter, sizeof jitter, 0);
    return pause * 1000 * 3 / 4 + pause * 1000 / 4 * jitter / UINT16_MAX;
}

static void give_reason(struct errand *errand, const struct yq_err *why)
{
    (void)yq_copy(errand->reason, sizeof errand->reason, why->text);
    errand->end.reason = errand->reason;
}

void errand_unreachable(struct errand *errand, const struct yq_err *why)
{
    give_reason(errand, why);
    errand->end.how = YQ_SETTLE_BACK;
    errand->end.lane = YQ_LANE_TROUBLE;
    errand->end.lane_next_ms = yq_now_ms() + errand_pause_ms(errand, errand->job.lane_tries);
}

void errand_again(struct errand *errand, const struct yq_err *why, bool progress)
{
    give_reason(errand, why);
    errand->end.how = YQ_SETTLE_RETRY;
    errand->end.next_ms = yq_now_ms() + errand_pause_ms(errand, progress ? 0 : errand->job.tries);
}

bool errand_stopped(const struct errand *errand)
{
    return errand->courier->stop.wanted(errand->courier->stop.context);
}

/* ---- sending ---- */

struct sending {
    struct errand *errand;
    struct yq_item_end outcomes[PORTION];
    size_t count;
    int64_t noted_ms;
    uint64_t sent, refused;
    bool going_on, closed;
    bool later;            /* some must be tried again ... */
    struct yq_err trouble; /* ... for this */
    struct yq_err refusal; /* the last permanent no */
};

static void note(struct sending *sending)
{
    struct errand *errand = sending->errand;
    struct yq_err err;
    sending->noted_ms = yq_monotonic_ms();
    if (!sending->count)
        return;
    if (!yq_outbox_note(errand->courier->house->catalog, &errand->job, sending->outcomes,
                        sending->count, &sending->going_on, &err))
        yq_log_err(YQ_LOG_ERROR, "queue-note", &err, "job=%" PRId64 " advice=\"%s\"",
                   errand->job.id, "what was sent is sent once more");
    sending->count = 0;
}

static bool after_one(void *context, const struct yq_entry *entry,
                      const struct yq_sent_counts *counts, const struct yq_err *trouble)
{
    struct sending *sending = context;
    struct errand *errand = sending->errand;
    if (counts->untried)
        return false;
    if (trouble && trouble->code != YQ_REFUSED) {
        sending->later = true;
        sending->trouble = *trouble;
    } else {
        struct yq_item_end *outcome = &sending->outcomes[sending->count++];
        *outcome = (struct yq_item_end){.refused = trouble != NULL};
        (void)yq_copy(outcome->instance, sizeof outcome->instance, entry->key.instance);
        if (trouble) {
            (void)yq_copy(outcome->reason, sizeof outcome->reason, trouble->text);
            sending->refusal = *trouble;
        }
        *(trouble ? &sending->refused : &sending->sent) += 1;
    }
    if (sending->count == PORTION || yq_monotonic_ms() - sending->noted_ms > PORTION_MS)
        note(sending);
    sending->closed = minutes_until_open(errand->peer, yq_now_ms()) > 0;
    return sending->going_on && !sending->closed && !errand_stopped(errand);
}

/* What the rule says now; what it said when the job came, where the rule is gone. */
static void choose_syntax(const struct errand *errand, struct yq_peer *peer)
{
    const struct yq_rule *rule = yq_conf_rule(errand->conf, errand->job.rule);
    bool as_is = rule ? rule->as_is : strcmp(errand->job.syntax, "as-is") == 0;
    const char *syntax = rule ? rule->syntax : as_is ? "" : errand->job.syntax;
    if (as_is || *syntax)
        peer->syntax_count = 0;
    if (*syntax)
        (void)yq_copy(peer->syntaxes[peer->syntax_count++], YQ_UID_SIZE, syntax);
}

/* A speed of its own for what is forwarded, shared by all associations that do it. */
static struct yq_pace *pace_of(const struct yq_peer *peer)
{
    char name[YQ_AET_SIZE + 16];
    snprintf(name, sizeof name, "%s\tforward", peer->aet);
    return yq_pace_of(name, (uint64_t)peer->forward.kb_per_second * 1024);
}

static void conclude(struct sending *sending, bool ok, const struct yq_sent_counts *counts,
                     const struct yq_err *err)
{
    struct errand *errand = sending->errand;
    struct yq_settlement *end = &errand->end;
    end->lane = YQ_LANE_WELL;
    if (errand_stopped(errand) || sending->closed || !sending->going_on) {
        end->how = YQ_SETTLE_BACK;
        end->lane = YQ_LANE_AS_IT_WAS;
    } else if (!ok && !counts->associations) {
        errand_unreachable(errand, err);
    } else if (!ok) {
        errand_again(errand, err, sending->sent > 0);
        if (!sending->sent) { /* perhaps it is the peer, perhaps this job: the next one will tell */
            end->lane = YQ_LANE_TROUBLE;
            end->lane_next_ms = yq_now_ms() + errand_pause_ms(errand, errand->job.lane_tries);
        }
    } else if (sending->later) {
        errand_again(errand, &sending->trouble, sending->sent > 0);
    } else {
        end->how = YQ_SETTLE_OVER;
        if (sending->refused)
            give_reason(errand, &sending->refusal);
    }
}

static void send_all(struct errand *errand, const struct yq_entry *entries, size_t count)
{
    struct yq_err err = {0};
    struct yq_sent_counts counts = {0};
    struct yq_peer peer = *errand->peer;
    struct sending sending = {.errand = errand, .going_on = true, .noted_ms = yq_monotonic_ms()};
    choose_syntax(errand, &peer);
    struct yq_sending call = {.house = errand->courier->house,
                              .peer = &peer,
                              .our_aet = errand->conf->dicom_aet,
                              .move_aet = "",
                              .after = after_one,
                              .pace = pace_of(&peer),
                              .stop = &errand->courier->stop,
                              .context = &sending};
    int64_t began_ms = yq_monotonic_ms();
    bool ok = yq_call_send(&call, entries, count, &counts, &err);
    note(&sending);
    conclude(&sending, ok, &counts, &err);
    if (!sending.sent && !sending.refused)
        return; /* log_end says why */
    yq_log(sending.refused ? YQ_LOG_WARN : YQ_LOG_INFO, "forwarded",
           "job=%" PRId64 " to=\"%s\" rule=\"%s\" study=%s sent=%" PRIu64 " refused=%" PRIu64
           " left=%" PRIu64 " ms=%lld",
           errand->job.id, errand->job.destination, errand->job.rule, errand->job.study,
           sending.sent, sending.refused, (uint64_t)count - sending.sent - sending.refused,
           (long long)(yq_monotonic_ms() - began_ms));
}

static void forward(struct errand *errand)
{
    struct yq_entry *entries = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    if (!yq_outbox_items(errand->courier->house->catalog, errand->job.id, ITEMS_MOST, &entries,
                         &count, &err)) {
        errand_again(errand, &err, false);
        return;
    }
    errand->end.how = YQ_SETTLE_OVER;
    errand->end.gone = count < errand->job.pending && count < ITEMS_MOST;
    if (count)
        send_all(errand, entries, count);
    free(entries);
}

static void log_end(const struct errand *errand)
{
    const struct yq_settlement *end = &errand->end;
    const struct yq_job *job = &errand->job;
    char when[32];
    if (end->lane == YQ_LANE_TROUBLE || end->how == YQ_SETTLE_RETRY) {
        yq_clock_text(when, sizeof when,
                      end->how == YQ_SETTLE_RETRY ? end->next_ms : end->lane_next_ms);
        yq_log(YQ_LOG_WARN, "queue-later",
               "job=%" PRId64 " kind=%s to=\"%s\" tries=%u next=%s reason=\"%s\"", job->id,
               yq_job_kind_name(job->kind), job->destination,
               (end->how == YQ_SETTLE_RETRY ? job->tries : job->lane_tries) + 1, when,
               end->reason ? end->reason : "");
    } else if (end->how == YQ_SETTLE_REFUSED) {
        yq_log(YQ_LOG_ERROR, "queue-refused", "job=%" PRId64 " kind=%s to=\"%s\" reason=\"%s\"",
               job->id, yq_job_kind_name(job->kind), job->destination,
               end->reason ? end->reason : "");
    }
}

/* A catalog that is unwell (disk full, locked) gets well by itself: the job stays with its courier
 * until it is written down what became of it. */
static void settle(struct errand *errand)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000000L};
    struct yq_err err = {0};
    bool told = false;
    while (!yq_outbox_settle(errand->courier->house->catalog, &errand->job, &errand->end, &err)) {
        if (!told)
            yq_log_err(YQ_LOG_ERROR, "queue-settle", &err, "job=%" PRId64, errand->job.id);
        told = true;
        if (errand_stopped(errand))
            return; /* the next start makes it wait again */
        nanosleep(&pause, NULL);
    }
}

static void do_errand(struct errand *errand)
{
    struct yq_err err = {0};
    if (errand->job.kind == YQ_JOB_REPORT) {
        errand->platform = yq_conf_platform(errand->conf, errand->job.destination);
        if (errand->platform)
            report_deliver(errand);
        return;
    }
    errand->peer = yq_conf_destination(errand->conf, errand->job.destination);
    if (!errand->peer) {
        yq_fail(&err, YQ_ABSENT, "walk", "peers.json has no %s that can be called",
                errand->job.destination);
        errand_unreachable(errand, &err);
    } else if (errand->job.kind == YQ_JOB_PULL) {
        prefetch(errand);
    } else {
        forward(errand);
    }
    log_end(errand);
    settle(errand);
}

/* The job that was claimed with the end of the last one, or one that is claimed now. */
static bool take(struct errand *errand, bool due, struct yq_err *err)
{
    struct yq_courier *courier = errand->courier;
    if (!courier->has_next)
        return due && yq_outbox_claim(courier->house->catalog, courier->kind, courier->destination,
                                      yq_now_ms(), &errand->job, err);
    courier->has_next = false;
    errand->job = courier->next;
    if (!due)
        report_put_back(errand);
    return due;
}

bool yq_deliver(struct yq_courier *courier)
{
    struct yq_house *house = courier->house;
    struct errand errand = {.courier = courier};
    struct yq_err err = {0};
    int64_t now_ms = yq_now_ms();
    struct yq_lane lane = {.kind = courier->kind};
    (void)yq_copy(lane.destination, sizeof lane.destination, courier->destination);
    errand.conf = yq_conf_hold(house->conf);
    bool due = yq_deliver_due(errand.conf, &lane, now_ms) <= now_ms && !errand_stopped(&errand);
    bool ok = take(&errand, due, &err);
    if (ok)
        do_errand(&errand);
    else if (err.code != YQ_OK && err.code != YQ_ABSENT)
        yq_log_err(YQ_LOG_WARN, "queue-claim", &err, "to=\"%s\"", courier->destination);
    yq_conf_release(house->conf, errand.conf);
    return ok && errand.end.lane != YQ_LANE_TROUBLE;
}

void yq_deliver_tell_dropped(struct yq_house *house)
{
    struct yq_job jobs[16];
    struct yq_err err;
    size_t count;
    do {
        if (!yq_outbox_dropped(house->catalog, jobs, sizeof jobs / sizeof *jobs, &count, &err))
            return; /* comes again */
        for (size_t i = 0; i < count; i++)
            yq_log(YQ_LOG_WARN, "queue-dropped",
                   "job=%" PRId64 " kind=%s to=\"%s\" rule=\"%s\" study=%s dropped=%" PRIu64
                   " sent=%" PRIu64 " reason=\"%s\"",
                   jobs[i].id, yq_job_kind_name(jobs[i].kind), jobs[i].destination, jobs[i].rule,
                   jobs[i].study, jobs[i].dropped, jobs[i].sent, jobs[i].reason);
    } while (count == sizeof jobs / sizeof *jobs);
}

/* ---- in plain words ---- */

/* "14:03:10", with the date where it is not today. */
static const char *time_text(char text[32], int64_t ms, int64_t now_ms)
{
    time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm a, b;
    localtime_r(&then, &a);
    localtime_r(&now, &b);
    bool today = a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
    strftime(text, 32, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &a);
    return text;
}

static bool explain_platform(const struct yq_conf *conf, const struct yq_job *job, int64_t now_ms,
                             char *text, size_t size)
{
    char when[32];
    const struct yq_platform *platform = yq_conf_platform(conf, job->destination);
    int64_t closed = platform ? yq_windows_closed(&platform->open, yq_clock_minute(now_ms)) : 0;
    if (!platform)
        snprintf(text, size, "waits: platforms.json has no %s", job->destination);
    else if (!platform->enabled)
        snprintf(text, size, "waits: %s is not enabled (platforms.json)", job->destination);
    else if (closed)
        snprintf(text, size, "outside the hours of %s (windows in platforms.json); from %s",
                 job->destination,
                 time_text(when, now_ms - now_ms % MINUTE_MS + closed * MINUTE_MS, now_ms));
    else if (job->state == YQ_JOB_PENDING && job->next_ms > now_ms)
        snprintf(text, size, "changed a moment ago; goes at %s unless it changes again",
                 time_text(when, job->next_ms, now_ms));
    else
        return false;
    return true;
}

/* Of a job that waits: what stands in the way of its lane; false: nothing. */
static bool explain_lane(const struct yq_conf *conf, const struct yq_job *job,
                         const struct yq_lane *lane, int64_t now_ms, char *text, size_t size)
{
    char when[32];
    bool report = job->kind == YQ_JOB_REPORT;
    const struct yq_peer *peer = report ? NULL : yq_conf_destination(conf, job->destination);
    int64_t closed = job->kind == YQ_JOB_FORWARD ? minutes_until_open(peer, now_ms) : 0;
    if (!peer && !report)
        snprintf(text, size,
                 "waits: peers.json has no %s that can be called; yingqiao ae add %s "
                 "HOST PORT",
                 job->destination, job->destination);
    else if (lane && lane->held)
        snprintf(text, size, "%s is held%s%s; yingqiao queue release --to \"%s\"", job->destination,
                 *lane->reason ? ": " : "", lane->reason, job->destination);
    else if (lane && lane->next_ms > now_ms)
        snprintf(text, size, "%s: tried %u time%s in vain (%s); again at %s", job->destination,
                 lane->tries, lane->tries == 1 ? "" : "s", lane->reason,
                 time_text(when, lane->next_ms, now_ms));
    else if (report)
        return explain_platform(conf, job, now_ms, text, size);
    else if (closed)
        snprintf(text, size, "outside the hours of %s (forward.window in peers.json); from %s",
                 job->destination,
                 time_text(when, now_ms - now_ms % MINUTE_MS + closed * MINUTE_MS, now_ms));
    else
        return false;
    return true;
}

void yq_deliver_explain(const struct yq_conf *conf, const struct yq_job *job,
                        const struct yq_lane *lane, int64_t now_ms, char *text, size_t size)
{
    char when[32];
    bool due = job->next_ms <= now_ms;
    switch (job->state) {
    case YQ_JOB_GATHERING:
        if (!due)
            snprintf(text, size,
                     "waits until the study is complete: at %s, when nothing more comes",
                     time_text(when, job->next_ms, now_ms));
        else if (!explain_lane(conf, job, lane, now_ms, text, size))
            snprintf(text, size, "the study is complete; waits for its turn");
        return;
    case YQ_JOB_RETRY:
        if (explain_lane(conf, job, lane, now_ms, text, size))
            return;
        snprintf(text, size, "tried %u time%s in vain (%s); again %s%s", job->tries,
                 job->tries == 1 ? "" : "s", job->reason, due ? "now" : "at ",
                 due ? "" : time_text(when, job->next_ms, now_ms));
        return;
    case YQ_JOB_PENDING:
        if (!explain_lane(conf, job, lane, now_ms, text, size))
            snprintf(text, size, "waits for its turn");
        return;
    case YQ_JOB_SENDING:
        snprintf(text, size, job->kind == YQ_JOB_PULL ? "is being fetched" : "is being sent");
        return;
    case YQ_JOB_HELD:
        if (job->wakes) {
            snprintf(text, size,
                     "held: %s; when that is put right it goes by itself, or: yingqiao "
                     "queue retry %lld",
                     job->reason, (long long)job->id);
            return;
        }
        snprintf(text, size, "held%s%s; yingqiao queue release %lld", *job->reason ? ": " : "",
                 job->reason, (long long)job->id);
        return;
    case YQ_JOB_REFUSED:
        snprintf(text, size, "refused: %s; when that is put right: yingqiao queue retry %lld",
                 job->reason, (long long)job->id);
        return;
    case YQ_JOB_DROPPED: snprintf(text, size, "dropped: %s", job->reason); return;
    default: snprintf(text, size, "done%s%s", *job->reason ? ": " : "", job->reason);
    }
}

/* ---- the alert ---- */

static int64_t alert_ms(const struct yq_conf *conf, const struct yq_lane *lane)
{
    if (lane->kind == YQ_JOB_REPORT) {
        const struct yq_platform *platform = yq_conf_platform(conf, lane->destination);
        return platform && platform->enabled ? conf->queue_alert_minutes * MINUTE_MS : 0;
    }
    const struct yq_peer *peer = yq_conf_destination(conf, lane->destination);
    int64_t minutes = peer && peer->forward.alert_minutes ? peer->forward.alert_minutes
                                                          : conf->queue_alert_minutes;
    return minutes * MINUTE_MS;
}

bool yq_deliver_alert(struct yq_house *house, struct yq_queue_alert *out, struct yq_err *err)
{
    struct yq_lane *lanes = NULL;
    size_t count = 0;
    memset(out, 0, sizeof *out);
    if (!yq_outbox_summary(house->catalog, false, &lanes, &count, err))
        return false;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    int64_t now_ms = yq_now_ms(), oldest_ms = 0;
    const char *worst = "";
    for (size_t i = 0; i < count; i++) {
        int64_t most = alert_ms(conf, &lanes[i]), since = lanes[i].oldest_ms;
        out->refused += most ? lanes[i].jobs[YQ_JOB_REFUSED] : 0;
        if (most && lanes[i].withheld_ms && (!since || lanes[i].withheld_ms < since))
            since = lanes[i].withheld_ms;
        if (!most || !since || now_ms - since < most)
            continue;
        out->late++;
        if (!oldest_ms || since < oldest_ms) {
            oldest_ms = since;
            worst = lanes[i].destination;
        }
    }
    yq_conf_release(house->conf, conf);
    out->on = out->late || out->refused;
    if (out->late)
        snprintf(out->text, sizeof out->text,
                 "something for %s has waited for %lld minutes: yingqiao queue list --to \"%s\"",
                 worst, (long long)((now_ms - oldest_ms) / MINUTE_MS), worst);
    else if (out->refused)
        snprintf(out->text, sizeof out->text, "%llu refused: yingqiao queue list --state refused",
                 (unsigned long long)out->refused);
    free(lanes);
    return true;
}
