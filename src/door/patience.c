/* patience.c: how long a client may take to say what it wants. libmicrohttpd's time-out counts from
 * the last byte, so that one byte now and then would hold a connection for ever, and a few hundred
 * of them all there are. Here the time counts from when the connection was free to ask.
 *
 * Called from the socket threads and the workers; one lock around the list, under which a socket is
 * at most shut down (its number cannot have become another's as long as it is in the list). */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http.h"

struct yq_asker {
    struct yq_asker *next, **at;
    int fd;
    bool asking;
    int64_t since_ms;
};

struct yq_patience {
    pthread_mutex_t lock;
    struct yq_asker *first;
};

struct yq_patience *yq_patience_new(void)
{
    struct yq_patience *patience = calloc(1, sizeof *patience);
    if (patience)
        pthread_mutex_init(&patience->lock, NULL);
    return patience;
}

void yq_patience_free(struct yq_patience *patience)
{
    if (!patience)
        return;
    while (patience->first)
        yq_patience_end(patience, patience->first);
    pthread_mutex_destroy(&patience->lock);
    free(patience);
}

struct yq_asker *yq_patience_begin(struct yq_patience *patience, int fd, int64_t now_ms)
{
    struct yq_asker *asker = calloc(1, sizeof *asker);
    if (!asker)
        return NULL;
    *asker = (struct yq_asker){.fd = fd, .asking = true, .since_ms = now_ms};
    pthread_mutex_lock(&patience->lock);
    asker->next = patience->first;
    asker->at = &patience->first;
    if (asker->next)
        asker->next->at = &asker->next;
    patience->first = asker;
    pthread_mutex_unlock(&patience->lock);
    return asker;
}

void yq_patience_asked(struct yq_patience *patience, struct yq_asker *asker)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    asker->asking = false;
    pthread_mutex_unlock(&patience->lock);
}

void yq_patience_again(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    asker->asking = true;
    asker->since_ms = now_ms;
    pthread_mutex_unlock(&patience->lock);
}

void yq_patience_end(struct yq_patience *patience, struct yq_asker *asker)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    *asker->at = asker->next;
    if (asker->next)
        asker->next->at = asker->at;
    pthread_mutex_unlock(&patience->lock);
    free(asker);
}

size_t yq_patience_sweep(struct yq_patience *patience, int64_t before_ms)
{
    size_t count = 0;
    pthread_mutex_lock(&patience->lock);
    for (struct yq_asker *asker = patience->first; asker; asker = asker->next) {
        if (!asker->asking || asker->since_ms >= before_ms)
            continue;
        shutdown(asker->fd, SHUT_RDWR); /* its owner meets the end and closes it */
        asker->asking = false;
        count++;
    }
    pthread_mutex_unlock(&patience->lock);
    return count;
}
