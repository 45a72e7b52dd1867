/* box.c: the configuration of a running node. Readers hold a value for as long as they need it; a
 * reload puts a new one in its place; the last holder's release frees an old one. Any thread. */
#include <pthread.h>
#include <stdlib.h>

#include "yq/conf.h"
#include "yq/log.h"

struct held {
    struct yq_conf *conf;
    size_t holders; /* the box itself counts as one of the current value's */
    struct held *older;
};

struct yq_conf_box {
    pthread_mutex_t lock; /* guards all below; nothing else is done under it */
    struct held *current;
};

struct yq_conf_box *yq_conf_box_new(struct yq_conf *take)
{
    struct yq_conf_box *box = calloc(1, sizeof *box);
    struct held *held = calloc(1, sizeof *held);
    if (!box || !held) {
        free(box);
        free(held);
        yq_conf_free(take);
        return NULL;
    }
    pthread_mutex_init(&box->lock, NULL);
    *held = (struct held){.conf = take, .holders = 1};
    box->current = held;
    return box;
}

const struct yq_conf *yq_conf_hold(struct yq_conf_box *box)
{
    pthread_mutex_lock(&box->lock);
    box->current->holders++;
    const struct yq_conf *conf = box->current->conf;
    pthread_mutex_unlock(&box->lock);
    return conf;
}

void yq_conf_release(struct yq_conf_box *box, const struct yq_conf *conf)
{
    struct held *gone = NULL;
    pthread_mutex_lock(&box->lock);
    for (struct held **at = &box->current; *at; at = &(*at)->older) {
        if ((*at)->conf != conf)
            continue;
        if (--(*at)->holders == 0) {
            gone = *at;
            *at = gone->older;
        }
        break;
    }
    pthread_mutex_unlock(&box->lock);
    if (gone)
        yq_conf_free(gone->conf);
    free(gone);
}

void yq_conf_swap(struct yq_conf_box *box, struct yq_conf *take)
{
    struct held *held = calloc(1, sizeof *held);
    if (!held) { /* the old configuration is better than none */
        yq_log(YQ_LOG_ERROR, "conf-reload", "error=\"no memory; the old one stays\"");
        yq_conf_free(take);
        return;
    }
    *held = (struct held){.conf = take, .holders = 1};
    pthread_mutex_lock(&box->lock);
    const struct yq_conf *old = box->current->conf;
    held->older = box->current;
    box->current = held;
    pthread_mutex_unlock(&box->lock);
    yq_conf_release(box, old); /* what the box itself held */
}

void yq_conf_box_free(struct yq_conf_box *box)
{
    if (!box)
        return;
    while (box->current) {
        struct held *held = box->current;
        box->current = held->older;
        yq_conf_free(held->conf);
        free(held);
    }
    pthread_mutex_destroy(&box->lock);
    free(box);
}
