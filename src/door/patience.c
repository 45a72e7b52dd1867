/* patience.c: how long a client may take to say what it wants, and to take what it gets.
 * libmicrohttpd's time-out counts from the last byte, so that one byte now and then would hold a
 * connection, and the file behind its answer, for ever, and a few hundred of them all there are.
 * Here the time counts from when the connection was free to ask; and of an answer so much must have
 * reached the client in each span of time.
 *
 * Called from the socket threads and the workers; one lock around the list, under which a socket is
 * at most asked how far it is and shut down (its number cannot have become another's as long as it
 * is in the list). */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http.h"

struct yq_asker {
    struct yq_asker *next, **at;
    int fd;
    enum { IDLE, ASKING, GIVING, TAKING } state;
    int64_t since_ms;
    uint64_t taken; /* by then */
    uint64_t given; /* since then */
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
    *asker = (struct yq_asker){.fd = fd, .state = ASKING, .since_ms = now_ms};
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
    asker->state = IDLE;
    pthread_mutex_unlock(&patience->lock);
}

void yq_patience_giving(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    asker->state = GIVING;
    asker->since_ms = now_ms;
    asker->given = 0;
    pthread_mutex_unlock(&patience->lock);
}

void yq_patience_given(struct yq_patience *patience, struct yq_asker *asker, size_t bytes)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    asker->given += bytes;
    pthread_mutex_unlock(&patience->lock);
}

/* Bytes that the other side has acknowledged; UINT64_MAX: nobody can say. */
static uint64_t taken_by(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return UINT64_MAX;
    return info.tcpi_bytes_acked;
}

void yq_patience_taking(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms)
{
    if (!asker)
        return;
    uint64_t taken = taken_by(asker->fd);
    pthread_mutex_lock(&patience->lock);
    asker->state = TAKING;
    asker->since_ms = now_ms;
    asker->taken = taken;
    pthread_mutex_unlock(&patience->lock);
}

void yq_patience_again(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms)
{
    if (!asker)
        return;
    pthread_mutex_lock(&patience->lock);
    asker->state = ASKING;
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

/* What it did not take goes with the connection, and does not wait in the kernel for it. */
static void let_go(const struct yq_asker *asker)
{
    static const struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(asker->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void yq_patience_lost(const struct yq_asker *asker)
{
    if (asker)
        let_go(asker);
}

/* libmicrohttpd answers no request whose body has not come (RFC 9110 15.5.9). */
static void say_time_is_up(const struct yq_asker *asker)
{
    static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                 "Content-Length: 0\r\n\r\n";
    (void)!send(asker->fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_too_slow(struct yq_asker *asker, const struct yq_patience_rules *rules,
                        int64_t now_ms)
{
    int64_t passed = now_ms - asker->since_ms;
    if (asker->state == ASKING)
        return passed > rules->ask_ms;
    if (asker->state == GIVING) {
        if (passed < rules->give_ms)
            return false;
        if (asker->given < rules->give_bytes)
            return true;
        asker->since_ms = now_ms;
        asker->given = 0;
        return false;
    }
    if (asker->state == IDLE || passed < rules->take_ms)
        return false;
    uint64_t taken = taken_by(asker->fd);
    if (taken != UINT64_MAX && taken - asker->taken < rules->take_bytes)
        return true;
    asker->since_ms = now_ms;
    asker->taken = taken;
    return false;
}

size_t yq_patience_sweep(struct yq_patience *patience, const struct yq_patience_rules *rules,
                         int64_t now_ms)
{
    size_t count = 0;
    pthread_mutex_lock(&patience->lock);
    for (struct yq_asker *asker = patience->first; asker; asker = asker->next) {
        if (!is_too_slow(asker, rules, now_ms))
            continue;
        if (asker->state == GIVING) /* nothing else is on its way to it */
            say_time_is_up(asker);
        else
            let_go(asker);
        shutdown(asker->fd, SHUT_RDWR); /* its owner meets the end and closes it */
        asker->state = IDLE;
        count++;
    }
    pthread_mutex_unlock(&patience->lock);
    return count;
}
