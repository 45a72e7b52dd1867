/* poller.c: a thread for each database that is read.
 *
 * While a thread is in a driver it is "abroad": it touches nothing but its own poller, and may be
 * left behind. A driver that gives no sign for longer than its queries may take is interrupted,
 * and then left behind; another thread begins in its place, at most LEFT_MOST times. The log is
 * told when a database goes, when it is back, and of one that stays away once an hour. */
#include "poller.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/log.h"
#include "yq/poll.h"

enum {
    FIRST_PAUSE_MS = 1000,
    LAST_PAUSE_MS = 300 * 1000,
    NOTE_MS = 60 * 1000, /* a database that is well is noted as often */
    REMIND_MS = 3600 * 1000,
    SLACK_MS = 20 * 1000, /* a driver may be late by so much */
    AGAIN_MS = 60 * 1000, /* after one that was left behind */
    LEAVE_MS = 1500,      /* threads end by themselves within */
    CLOSE_MS = 4000,      /* and within, once interrupted */
    LEFT_MOST = 16
};

struct poller {
    struct yq_house *house; /* not to be touched once `abandoned` is set */
    char source[64];
    pthread_t thread;
    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t changed;
    unsigned holders; /* its thread, who owns the list, a helper that interrupts */
    bool stopping, abroad, abandoned, ended, interrupting;
    bool woken; /* the configuration changed */
    struct yq_poll *poll;
    int64_t patience_ms; /* without a sign from the driver */
    /* the main thread's */
    unsigned long long progress;
    int64_t sign_ms;
    bool interrupted;
    struct poller *next;
    /* its thread's own */
    int64_t begin_ms; /* not before */
    int64_t down_ms, reminded_ms, noted_ms, pause_ms;
    enum yq_code down_code;
};

struct yq_pollers {
    struct yq_house *house;
    struct poller *list;        /* the main thread's */
    const struct yq_conf *conf; /* as it was last seen: compared only */
    size_t left;
};

/* ---- a poller's life ---- */

static void let_go(struct poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    bool last = --poller->holders == 0;
    pthread_mutex_unlock(&poller->lock);
    if (!last)
        return;
    pthread_cond_destroy(&poller->changed);
    pthread_mutex_destroy(&poller->lock);
    free(poller);
}

static void go_abroad(void *context)
{
    struct poller *poller = context;
    pthread_mutex_lock(&poller->lock);
    poller->abroad = true;
    pthread_mutex_unlock(&poller->lock);
}

/* False: the house is gone. */
static bool come_back(void *context)
{
    struct poller *poller = context;
    pthread_mutex_lock(&poller->lock);
    poller->abroad = false;
    bool there = !poller->abandoned;
    pthread_mutex_unlock(&poller->lock);
    return there;
}

static bool is_stopping(void *context)
{
    struct poller *poller = context;
    pthread_mutex_lock(&poller->lock);
    bool stopping = poller->stopping || poller->woken;
    pthread_mutex_unlock(&poller->lock);
    return stopping;
}

static void until_in(struct timespec *until, int64_t ms)
{
    clock_gettime(CLOCK_MONOTONIC, until);
    until->tv_sec += ms / 1000;
    until->tv_nsec += ms % 1000 * 1000000L;
    until->tv_sec += until->tv_nsec / 1000000000L;
    until->tv_nsec %= 1000000000L;
}

/* Waits, unless it is woken. False: it stops. */
static bool rest(struct poller *poller, int64_t ms)
{
    struct timespec until;
    until_in(&until, ms);
    pthread_mutex_lock(&poller->lock);
    while (!poller->stopping && !poller->woken &&
           pthread_cond_timedwait(&poller->changed, &poller->lock, &until) == 0)
        ;
    poller->woken = false;
    bool going_on = !poller->stopping;
    pthread_mutex_unlock(&poller->lock);
    return going_on;
}

/* Nobody may interrupt it any more, and its driver may take its time. False: the house is gone. */
static bool drop_poll(struct poller *poller)
{
    go_abroad(poller);
    pthread_mutex_lock(&poller->lock);
    while (poller->interrupting)
        pthread_cond_wait(&poller->changed, &poller->lock);
    struct yq_poll *poll = poller->poll;
    poller->poll = NULL;
    pthread_mutex_unlock(&poller->lock);
    yq_poll_free(poll);
    return come_back(poller);
}

/* ---- what became of a look ---- */

static void note(struct poller *poller, const char *trouble)
{
    struct yq_err err = {0};
    if (!yq_feed_note(poller->house->catalog, poller->source, trouble, poller->down_ms, &err))
        return; /* the catalog's trouble is told of elsewhere */
    poller->noted_ms = yq_monotonic_ms();
}

static void went_well(struct poller *poller, const struct yq_poll_counts *counts)
{
    bool was_down = poller->down_ms != 0;
    if (was_down)
        yq_log(YQ_LOG_INFO, "odbc-source", "source=%s state=ok down_seconds=%" PRId64,
               poller->source, (yq_now_ms() - poller->down_ms) / 1000);
    poller->down_ms = 0;
    poller->pause_ms = 0;
    if (counts->rows)
        yq_log(YQ_LOG_INFO, "odbc-read", "source=%s rows=%" PRIu64 " records=%" PRIu64,
               poller->source, counts->rows, counts->kept);
    if (was_down || !poller->noted_ms || yq_monotonic_ms() - poller->noted_ms > NOTE_MS)
        note(poller, NULL);
}

static void failed(struct poller *poller, const struct yq_err *err)
{
    int64_t now = yq_monotonic_ms();
    poller->pause_ms = poller->pause_ms ? poller->pause_ms * 2 : FIRST_PAUSE_MS;
    if (poller->pause_ms > LAST_PAUSE_MS)
        poller->pause_ms = LAST_PAUSE_MS;
    bool first = !poller->down_ms || err->code != poller->down_code;
    if (!poller->down_ms)
        poller->down_ms = yq_now_ms();
    if (!first && now - poller->reminded_ms < REMIND_MS)
        return;
    poller->down_code = err->code;
    poller->reminded_ms = now;
    note(poller, err->text);
    yq_log_err(YQ_LOG_WARN, "odbc-source", err,
               "source=%s state=down next=\"it is tried again and again: yingqiao odbc test %s\"",
               poller->source, poller->source);
}

static void tell_aside(struct poller *poller, const struct yq_poll_counts *counts)
{
    if (counts->aside)
        yq_log(YQ_LOG_WARN, "odbc-aside",
               "source=%s rows=%" PRIu64 " advice=\"rows that could not be taken: yingqiao odbc "
               "status %s\"",
               poller->source, counts->aside, poller->source);
}

/* ---- the thread ---- */

/* One look after another, as long as the configuration stays. False: it is to end (*gone: and the
 * house is not to be touched). */
static bool read_by(struct poller *poller, const struct yq_source *source,
                    const struct yq_conf *conf, bool *gone)
{
    const struct yq_abroad abroad = {.go = go_abroad, .back = come_back, .context = poller};
    const struct yq_stop stop = {.wanted = is_stopping, .context = poller};
    for (;;) {
        struct yq_poll_counts counts;
        struct yq_err err = {0};
        enum yq_polled polled =
            yq_poll_look(poller->house, poller->poll, &abroad, &stop, &counts, &err);
        *gone = polled == YQ_POLL_GONE;
        if (*gone)
            return false;
        tell_aside(poller, &counts);
        if (polled == YQ_POLLED)
            went_well(poller, &counts);
        else if (!is_stopping(poller))
            failed(poller, &err);
        if (!rest(poller, poller->pause_ms ? poller->pause_ms : source->seconds * 1000))
            return false;
        const struct yq_conf *now = yq_conf_hold(poller->house->conf);
        yq_conf_release(poller->house->conf, now);
        if (now != conf)
            return true;
    }
}

static bool make_poll(struct poller *poller, const struct yq_conf *conf,
                      const struct yq_source *source, struct yq_err *err)
{
    struct yq_poll *poll;
    if (!yq_poll_new(conf, source, &poll, err))
        return false;
    pthread_mutex_lock(&poller->lock);
    poller->poll = poll;
    poller->patience_ms = (source->timeout + 15) * 1000 + SLACK_MS;
    pthread_mutex_unlock(&poller->lock);
    return true;
}

static bool is_read(const struct yq_source *source)
{
    return source && source->type == YQ_SOURCE_ODBC && source->enabled;
}

/* With one configuration, until there is another. False: the thread ends. */
static bool with_conf(struct poller *poller, bool *gone)
{
    struct yq_err err = {0};
    const struct yq_conf *conf = yq_conf_hold(poller->house->conf);
    const struct yq_source *source = yq_conf_source(conf, poller->source);
    bool going_on = is_read(source);
    if (going_on && make_poll(poller, conf, source, &err)) {
        going_on = read_by(poller, source, conf, gone);
        *gone = !drop_poll(poller) || *gone;
    } else if (going_on) {
        failed(poller, &err);
        going_on = rest(poller, LAST_PAUSE_MS);
    }
    if (!*gone)
        yq_conf_release(poller->house->conf, conf);
    return going_on && !*gone;
}

/* It may have been down before this thread began: then the log is told when it is back. */
static void recall(struct poller *poller)
{
    struct yq_feed feed;
    struct yq_err ignored;
    if (yq_feed_get(poller->house->catalog, poller->source, &feed, &ignored))
        poller->down_ms = feed.down_ms;
}

static void *run(void *context)
{
    struct poller *poller = context;
    bool gone = false;
    int64_t wait_ms = poller->begin_ms - yq_monotonic_ms();
    yq_log_set_trace("odbc");
    recall(poller);
    if (wait_ms <= 0 || rest(poller, wait_ms))
        while (with_conf(poller, &gone))
            ;
    pthread_mutex_lock(&poller->lock);
    poller->ended = true;
    pthread_cond_broadcast(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
    let_go(poller);
    return NULL;
}

/* ---- the main thread ---- */

bool yq_pollers_open(struct yq_house *house, struct yq_pollers **out, struct yq_err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return yq_fail(err, YQ_FULL, "node", "no memory to read databases");
    (*out)->house = house;
    return true;
}

static void begin(struct yq_pollers *pollers, const char *source, int64_t begin_ms)
{
    pthread_condattr_t monotonic;
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller)
        return;
    poller->house = pollers->house;
    poller->begin_ms = begin_ms;
    poller->holders = 2;
    (void)!yq_copy(poller->source, sizeof poller->source, source);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&poller->lock, NULL);
    pthread_cond_init(&poller->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&poller->thread, NULL, run, poller) != 0) {
        poller->holders = 1;
        let_go(poller);
        return; /* tried again at the next tick */
    }
    poller->next = pollers->list;
    pollers->list = poller;
}

static void *interrupt(void *context)
{
    struct poller *poller = context;
    yq_poll_interrupt(poller->poll);
    pthread_mutex_lock(&poller->lock);
    poller->interrupting = false;
    pthread_cond_broadcast(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
    let_go(poller);
    return NULL;
}

/* In a thread of its own: a driver may hang in that, too. */
static void begin_interrupt(struct poller *poller)
{
    pthread_t helper;
    pthread_mutex_lock(&poller->lock);
    bool wanted = poller->poll && poller->abroad && !poller->interrupting;
    if (wanted) {
        poller->interrupting = true;
        poller->holders++;
    }
    pthread_mutex_unlock(&poller->lock);
    if (!wanted)
        return;
    if (pthread_create(&helper, NULL, interrupt, poller) == 0) {
        pthread_detach(helper);
        return;
    }
    pthread_mutex_lock(&poller->lock);
    poller->interrupting = false;
    poller->holders--; /* the list holds it still */
    pthread_cond_broadcast(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
}

/* Takes it from the list; *at is the next one then. Its thread has ended, or was left behind. */
static void take_out(struct poller **at, bool join)
{
    struct poller *poller = *at;
    *at = poller->next;
    if (join)
        pthread_join(poller->thread, NULL);
    else
        pthread_detach(poller->thread);
    let_go(poller);
}

/* True: it is abroad, and the house may go. */
static bool abandon(struct poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    poller->abandoned = poller->abroad && !poller->ended;
    bool abandoned = poller->abandoned;
    if (abandoned)
        poller->stopping = true;
    pthread_mutex_unlock(&poller->lock);
    if (abandoned)
        yq_log(YQ_LOG_WARN, "odbc-left",
               "source=%s text=\"the driver does not come back; its thread is left behind\"",
               poller->source);
    return abandoned;
}

/* By the main thread: its own cannot. */
static void tell_hanging(struct poller *poller, int64_t patience_ms)
{
    struct yq_err ignored;
    int64_t since_ms = yq_now_ms() - patience_ms;
    yq_log(YQ_LOG_WARN, "odbc-source", "source=%s state=hanging seconds=%" PRId64 " next=\"%s\"",
           poller->source, patience_ms / 1000, "its driver is interrupted");
    (void)!yq_feed_note(poller->house->catalog, poller->source,
                        "the database does not answer, and its driver waits on", since_ms,
                        &ignored);
}

/* Looks for a sign of life. True: it was left behind. */
static bool watch(struct yq_pollers *pollers, struct poller *poller, int64_t now)
{
    pthread_mutex_lock(&poller->lock);
    bool abroad = poller->abroad;
    unsigned long long progress = poller->poll ? yq_poll_progress(poller->poll) : 0;
    int64_t patience = poller->patience_ms;
    pthread_mutex_unlock(&poller->lock);
    if (!abroad || progress != poller->progress || !poller->sign_ms) {
        poller->progress = progress;
        poller->sign_ms = now;
        poller->interrupted = false;
        return false;
    }
    if (now - poller->sign_ms < patience)
        return false;
    if (!poller->interrupted) {
        poller->interrupted = true;
        tell_hanging(poller, patience);
        begin_interrupt(poller);
    }
    if (now - poller->sign_ms < patience + AGAIN_MS || pollers->left >= LEFT_MOST ||
        !abandon(poller))
        return false;
    pollers->left++;
    return true;
}

static bool has_ended(struct poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    bool ended = poller->ended;
    pthread_mutex_unlock(&poller->lock);
    return ended;
}

static void wake(struct poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    poller->woken = true;
    pthread_cond_broadcast(&poller->changed);
    pthread_mutex_unlock(&poller->lock);
}

static bool is_there(const struct yq_pollers *pollers, const char *source)
{
    for (const struct poller *at = pollers->list; at; at = at->next)
        if (strcmp(at->source, source) == 0)
            return true;
    return false;
}

void yq_pollers_tend(struct yq_pollers *pollers)
{
    int64_t now = yq_monotonic_ms();
    const struct yq_conf *conf = yq_conf_hold(pollers->house->conf);
    bool changed = conf != pollers->conf;
    pollers->conf = conf;
    for (struct poller **at = &pollers->list; *at;) {
        char source[64];
        (void)!yq_copy(source, sizeof source, (*at)->source);
        if (changed)
            wake(*at);
        if (has_ended(*at)) {
            take_out(at, true);
        } else if (watch(pollers, *at, now)) {
            take_out(at, false);
            begin(pollers, source, now + AGAIN_MS);
        } else {
            at = &(*at)->next;
        }
    }
    for (size_t i = 0; i < conf->source_count; i++)
        if (is_read(&conf->sources[i]) && !is_there(pollers, conf->sources[i].name))
            begin(pollers, conf->sources[i].name, now);
    yq_conf_release(pollers->house->conf, conf);
}

/* Until it has ended, or is abroad past the time. True: it has ended. */
static bool wait_for(struct poller *poller, int64_t until_ms)
{
    struct timespec until;
    pthread_mutex_lock(&poller->lock);
    while (!poller->ended && (yq_monotonic_ms() < until_ms || !poller->abroad)) {
        until_in(&until, 100);
        pthread_cond_timedwait(&poller->changed, &poller->lock, &until);
    }
    bool ended = poller->ended;
    pthread_mutex_unlock(&poller->lock);
    return ended;
}

void yq_pollers_close(struct yq_pollers *pollers, size_t *left)
{
    *left = 0;
    if (!pollers)
        return;
    int64_t now = yq_monotonic_ms();
    for (struct poller *at = pollers->list; at; at = at->next) {
        pthread_mutex_lock(&at->lock);
        at->stopping = true;
        pthread_cond_broadcast(&at->changed);
        pthread_mutex_unlock(&at->lock);
    }
    for (struct poller *at = pollers->list; at; at = at->next)
        if (!wait_for(at, now + LEAVE_MS))
            begin_interrupt(at);
    while (pollers->list) {
        struct poller *poller = pollers->list;
        bool gone = !wait_for(poller, now + CLOSE_MS) && abandon(poller);
        pollers->left += gone;
        if (gone || has_ended(poller))
            take_out(&pollers->list, !gone);
    }
    *left = pollers->left;
    free(pollers);
}
