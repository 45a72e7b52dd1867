/* post.c: the couriers of the outbox: a post master who looks what is due, and a thread per
 * lane that has work.
 *
 * A dead destination holds up its own thread only, and those that failed last time have at most
 * half of the threads, so that however many are dead the others find a courier. The post master
 * waits for the bell (an instance came that may go at once), for the time the next job is due, and
 * looks once a second for what another process did to the queue. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/door.h"
#include "yq/log.h"

enum { LOOK_MS = 1000, BREATH_MS = 20, STACK_BYTES = 1 << 21 };

struct round { /* a courier at work */
    struct yq_post *post;
    struct yq_courier courier;
    bool doubtful; /* its lane failed last time */
    struct round *next, **link;
};

struct yq_post {
    struct yq_house *house;
    pthread_t master;
    pthread_mutex_t lock; /* guards the rest but woken */
    pthread_cond_t changed;
    bool stopping;
    bool woken; /* the master's: what a crash left is waiting again */
    struct round *rounds;
    unsigned running, doubtful;
};

static bool is_stopping(void *context)
{
    struct yq_post *post = context;
    pthread_mutex_lock(&post->lock);
    bool stopping = post->stopping;
    pthread_mutex_unlock(&post->lock);
    return stopping;
}

static void strike(struct round *round)
{
    struct yq_post *post = round->post;
    pthread_mutex_lock(&post->lock);
    *round->link = round->next;
    if (round->next)
        round->next->link = round->link;
    post->running--;
    post->doubtful -= round->doubtful;
    bool stopping = post->stopping;
    pthread_cond_broadcast(&post->changed);
    if (!stopping) /* the post stands until nobody runs any more */
        yq_bell_ring(&post->house->outbox);
    pthread_mutex_unlock(&post->lock);
}

static void *run_round(void *context)
{
    struct round *round = context;
    char trace[16];
    snprintf(trace, sizeof trace, "q-%.12s", round->courier.destination);
    yq_log_set_trace(trace);
    while (yq_deliver(&round->courier))
        ;
    yq_courier_fini(&round->courier);
    strike(round);
    free(round);
    return NULL;
}

static unsigned running_for(struct yq_post *post, const struct yq_lane *lane)
{
    unsigned count = 0;
    for (struct round *r = post->rounds; r; r = r->next)
        count +=
            r->courier.kind == lane->kind && strcmp(r->courier.destination, lane->destination) == 0;
    return count;
}

/* At a platform that failed last time one tries alone. */
static unsigned couriers_of(const struct yq_conf *conf, const struct yq_lane *lane)
{
    const struct yq_platform *platform = yq_conf_platform(conf, lane->destination);
    return platform && !lane->tries ? (unsigned)platform->couriers : 1;
}

static unsigned associations_of(const struct yq_conf *conf, const struct yq_lane *lane)
{
    if (lane->kind == YQ_JOB_REPORT)
        return couriers_of(conf, lane);
    const struct yq_peer *peer = yq_conf_destination(conf, lane->destination);
    return lane->kind == YQ_JOB_FORWARD && peer && peer->forward.associations
               ? peer->forward.associations
               : 1;
}

/* Is there a thread to be had for it? Then it is counted in. */
static bool enlist(struct yq_post *post, const struct yq_conf *conf, struct round *round,
                   const struct yq_lane *lane)
{
    unsigned most = (unsigned)conf->queue_couriers;
    pthread_mutex_lock(&post->lock);
    bool room = !post->stopping && post->running < most &&
                (!round->doubtful || post->doubtful < most / 2) &&
                running_for(post, lane) < associations_of(conf, lane);
    if (room) {
        round->next = post->rounds;
        round->link = &post->rounds;
        if (round->next)
            round->next->link = &round->next;
        post->rounds = round;
        post->running++;
        post->doubtful += round->doubtful;
    }
    pthread_mutex_unlock(&post->lock);
    return room;
}

static void send_courier(struct yq_post *post, const struct yq_conf *conf,
                         const struct yq_lane *lane)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct round *round = calloc(1, sizeof *round);
    if (!round)
        return;
    *round = (struct round){.post = post,
                            .courier = {.house = post->house,
                                        .kind = lane->kind,
                                        .stop = {.wanted = is_stopping, .context = post}},
                            .doubtful = lane->tries > 0};
    (void)yq_copy(round->courier.destination, sizeof round->courier.destination, lane->destination);
    if (!enlist(post, conf, round, lane)) {
        free(round);
        return;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failed = pthread_create(&thread, &attributes, run_round, round);
    pthread_attr_destroy(&attributes);
    if (failed) {
        strike(round);
        free(round);
    }
}

/* Sends couriers to all that is due; how long nothing else will be. */
static int64_t look_around(struct yq_post *post)
{
    struct yq_lane *lanes = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    int64_t wait_ms = LOOK_MS;
    post->woken = post->woken || yq_outbox_wake(post->house->catalog, &err);
    if (post->woken && yq_deliver_plan(post->house))
        wait_ms = 0;
    if (!post->woken || !yq_outbox_look(post->house->catalog, &lanes, &count, &err))
        return LOOK_MS; /* the catalog says by itself that it is unwell */
    yq_deliver_tell_dropped(post->house);
    const struct yq_conf *conf = yq_conf_hold(post->house->conf);
    int64_t now_ms = yq_now_ms();
    for (size_t i = 0; i < count; i++) {
        int64_t due_ms = yq_deliver_due(conf, &lanes[i], now_ms);
        if (due_ms <= now_ms)
            send_courier(post, conf, &lanes[i]);
        else if (due_ms - now_ms < wait_ms)
            wait_ms = due_ms - now_ms;
    }
    yq_conf_release(post->house->conf, conf);
    free(lanes);
    return wait_ms;
}

static void *run_master(void *context)
{
    struct yq_post *post = context;
    uint64_t heard = 0;
    /* what comes within a breath is looked at together */
    const struct timespec breath = {.tv_nsec = BREATH_MS * 1000000L};
    yq_log_set_trace("post");
    while (!is_stopping(post)) {
        int64_t wait_ms = look_around(post);
        if (yq_bell_wait(&post->house->outbox, &heard, wait_ms))
            nanosleep(&breath, NULL);
    }
    return NULL;
}

bool yq_post_open(struct yq_house *house, struct yq_post **out, struct yq_err *err)
{
    struct yq_post *post = calloc(1, sizeof *post);
    if (!post)
        return yq_fail(err, YQ_FULL, "door", "no memory for the couriers");
    post->house = house;
    pthread_mutex_init(&post->lock, NULL);
    pthread_cond_init(&post->changed, NULL);
    if (pthread_create(&post->master, NULL, run_master, post) != 0) {
        pthread_cond_destroy(&post->changed);
        pthread_mutex_destroy(&post->lock);
        free(post);
        return yq_fail(err, YQ_FULL, "door", "cannot start the couriers' thread");
    }
    *out = post;
    return true;
}

void yq_post_close(struct yq_post *post)
{
    pthread_mutex_lock(&post->lock);
    post->stopping = true;
    pthread_mutex_unlock(&post->lock);
    yq_bell_ring(&post->house->outbox);
    pthread_join(post->master, NULL);
    pthread_mutex_lock(&post->lock);
    while (post->running)
        pthread_cond_wait(&post->changed, &post->lock);
    pthread_mutex_unlock(&post->lock);
    pthread_cond_destroy(&post->changed);
    pthread_mutex_destroy(&post->lock);
    free(post);
}
