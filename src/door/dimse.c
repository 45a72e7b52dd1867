/* dimse.c: the DICOM listener. One thread accepts and waits, for all new connections together,
 * until each has shaken hands (TLS) and sent its whole association request; only then an
 * association gets a thread. A silent connection costs a descriptor and a few bytes (over TLS some
 * ten KB), and goes when its time is up (ARTIM, PS3.8 9.1.5), so that no number of them keeps a
 * scanner out. */
#include "dimse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "listen.h"
#include "yq/clock.h"
#include "yq/log.h"

enum {
    WAITING_MOST = 1024,    /* connections without an association */
    ACCEPT_AT_ONCE = 64,    /* then those that wait are listened to again */
    GREETS_AT_ONCE = 8,     /* TLS handshakes, which cost milliseconds of computing each */
    REQUEST_MOST = 1 << 17, /* bytes of an A-ASSOCIATE-RQ */
    STACK_BYTES = 1 << 21,
    PDU_HEAD = 6,
    PDU_ASSOCIATE_RQ = 1,
    TLS_HANDSHAKE = 22, /* the first byte of TLS (RFC 8446 5.1) */
};

struct waiting { /* a connection in the antechamber */
    int fd;
    short events; /* what is waited for */
    bool begun;   /* something of a TLS handshake came */
    bool greeted; /* the TLS handshake is done, or there is none */
    struct yq_channel channel;
    int64_t until_ms;
    struct yq_buf bytes;
};

struct antechamber {
    struct yq_audit *audit;
    struct waiting waiting[WAITING_MOST]; /* oldest first */
    size_t count;
};

static void send_away(struct antechamber *room, size_t i, const char *why)
{
    struct waiting *w = &room->waiting[i];
    char address[64];
    if (why) {
        yq_assoc_address_of(w->fd, address, sizeof address);
        yq_log(w->channel.ways ? YQ_LOG_WARN : YQ_LOG_INFO, "connection-dropped",
               "address=%s reason=\"%s\" bytes=%zu", address, why, w->bytes.length);
    }
    if (why && w->channel.ways) { /* somebody who cannot do TLS as it is wanted here */
        struct yq_origin from = {.door = "dimse"};
        (void)yq_copy(from.address, sizeof from.address, address);
        yq_audit_refused(room->audit, &from, why);
    }
    if (w->channel.ways)
        w->channel.ways->free(w->channel.of);
    close(w->fd);
    yq_buf_fini(&w->bytes);
    memmove(w, w + 1, (room->count - i - 1) * sizeof *w);
    room->count--;
}

static void strike(struct yq_dimse *door, struct visit *visit) /* under the lock */
{
    *visit->link = visit->next;
    if (visit->next)
        visit->next->link = visit->link;
    door->open--;
    atomic_store(&door->house->counts.associations_open, door->open);
}

/* What the visit holds goes before the door may think it gone: the house is taken down after that.
 */
static void *run_visit(void *context)
{
    struct visit *visit = context;
    struct yq_dimse *door = visit->door;
    dimse_serve(visit);
    pthread_mutex_lock(&door->lock);
    struct yq_assoc *assoc = visit->assoc;
    visit->assoc = NULL;
    pthread_mutex_unlock(&door->lock);
    if (assoc)
        yq_assoc_free(assoc);
    yq_conf_release(visit->house->conf, visit->conf);
    yq_buf_fini(&visit->first);
    pthread_mutex_lock(&door->lock);
    strike(door, visit);
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->lock);
    free(visit);
    return NULL;
}

static bool enlist(struct yq_dimse *door, struct visit *visit, unsigned most)
{
    pthread_mutex_lock(&door->lock);
    bool room = !door->stopping && door->open < most;
    if (room) {
        visit->next = door->visits;
        visit->link = &door->visits;
        if (visit->next)
            visit->next->link = &visit->next;
        door->visits = visit;
        door->open++;
        atomic_store(&door->house->counts.associations_open, door->open);
    }
    pthread_mutex_unlock(&door->lock);
    return room;
}

/* Tells the caller "local limit exceeded, try again later" (PS3.8 9.3.4) on the bare socket, then
 * closes it. */
static void turn_away(int fd, struct yq_channel *channel, struct yq_dimse *door)
{
    static const struct yq_origin nobody = {.door = "dimse"};
    uint8_t pdu[10];
    yq_assoc_reject_pdu(pdu, 2, 3, 2);
    if (channel->ways) {
        (void)channel->ways->write(channel->of, pdu, sizeof pdu);
        channel->ways->finish(channel->of);
        channel->ways->free(channel->of);
    } else {
        (void)!send(fd, pdu, sizeof pdu, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    shutdown(fd, SHUT_WR);
    close(fd);
    atomic_fetch_add(&door->house->counts.associations_refused, 1);
    yq_log(YQ_LOG_WARN, "association-refused",
           "reason=\"too many associations\" hint=\"raise dicom.max_associations\"");
    yq_audit_refused(door->house->audit, &nobody, "too many associations");
}

static void admit(struct yq_dimse *door, struct antechamber *room, size_t i)
{
    struct visit *visit = calloc(1, sizeof *visit);
    struct waiting *w = &room->waiting[i];
    pthread_attr_t attributes;
    pthread_t thread;
    int fd = w->fd;
    if (!visit) {
        send_away(room, i, "no memory");
        return;
    }
    visit->door = door;
    visit->house = door->house;
    visit->conf = yq_conf_hold(door->house->conf);
    visit->fd = fd;
    visit->channel = w->channel;
    visit->origin.tls = w->channel.ways != NULL;
    if (visit->origin.tls)
        yq_tls_peer_of(&visit->channel, &visit->certificate);
    visit->first = w->bytes;
    w->bytes = (struct yq_buf){0};
    w->fd = -1;
    memmove(w, w + 1, (room->count - i - 1) * sizeof *w);
    room->count--;
    if (enlist(door, visit, (unsigned)visit->conf->dicom_max_associations)) {
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int failed = pthread_create(&thread, &attributes, run_visit, visit);
        pthread_attr_destroy(&attributes);
        if (!failed)
            return;
        pthread_mutex_lock(&door->lock);
        strike(door, visit);
        pthread_mutex_unlock(&door->lock);
    }
    turn_away(fd, &visit->channel, door);
    yq_conf_release(door->house->conf, visit->conf);
    yq_buf_fini(&visit->first);
    free(visit);
}

static void welcome(struct yq_dimse *door, struct antechamber *room, int fd, bool tls,
                    int artim_seconds)
{
    int on = 1;
    struct waiting w = {.fd = fd,
                        .events = POLLIN,
                        .greeted = !tls,
                        .until_ms = yq_monotonic_ms() + (int64_t)artim_seconds * 1000};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); /* see dcm/transport.cc */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    struct yq_tls_context *context = tls ? yq_tls_box_hold(door->house->tls) : NULL;
    if (context)
        w.channel = yq_tls_accept(context, fd);
    yq_tls_release(context);
    if (tls && !w.channel.ways) {
        yq_log(YQ_LOG_ERROR, "connection-dropped",
               "reason=\"no certificate or no memory for TLS\"");
        close(fd);
        return;
    }
    if (room->count == WAITING_MOST)
        send_away(room, 0, "too many silent connections: the oldest goes");
    room->waiting[room->count++] = w;
}

static void accept_all(struct yq_dimse *door, struct antechamber *room, bool tls, int artim_seconds)
{
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int fd = accept4(tls ? door->tls_listener : door->listener, NULL, NULL,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        bool short_of =
            fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
        if (short_of && room->count) {
            send_away(room, 0, "out of descriptors or memory: the oldest silent connection goes");
            continue;
        }
        if (short_of)
            poll(NULL, 0, 50); /* nothing to let go of: do not spin */
        if (fd < 0)
            return;
        welcome(door, room, fd, tls, artim_seconds);
    }
}

/* How many more bytes the request needs; 0: it is whole; -1: this is no association request. */
static long missing(const struct yq_buf *bytes)
{
    if (bytes->length && bytes->bytes[0] != PDU_ASSOCIATE_RQ)
        return -1;
    if (bytes->length < PDU_HEAD)
        return (long)(PDU_HEAD - bytes->length);
    uint32_t length = yq_be32(bytes->bytes + 2);
    if (length > REQUEST_MOST - PDU_HEAD)
        return -1;
    return (long)(length + PDU_HEAD - bytes->length);
}

/* As recv, -1 with EAGAIN when the connection must be waited for: w->events says for what. */
static ssize_t read_some(struct waiting *w, void *bytes, size_t room)
{
    if (!w->channel.ways)
        return recv(w->fd, bytes, room, 0);
    ssize_t got = w->channel.ways->read(w->channel.of, bytes, room);
    if (got >= 0)
        return got;
    errno = got == YQ_CHANNEL_BROKEN ? EPROTO : EAGAIN;
    w->events = got == YQ_CHANNEL_WRITE ? POLLOUT : POLLIN;
    return -1;
}

/* Goes on with the handshake. True when the connection is still there afterwards. */
static bool greet(struct yq_dimse *door, struct antechamber *room, size_t i)
{
    struct waiting *w = &room->waiting[i];
    uint8_t first = 0;
    ssize_t got = w->begun ? -1 : recv(w->fd, &first, 1, MSG_PEEK);
    if (got == 0) { /* came, and went without a word */
        send_away(room, i, NULL);
        return false;
    }
    w->begun = w->begun || got > 0; /* what comes later may begin with any byte */
    if (first == PDU_ASSOCIATE_RQ) {
        send_away(room, i,
                  "an association request without TLS came to the TLS port: the caller must call "
                  "dicom.port, or speak TLS");
        return false;
    }
    int wanted = yq_tls_greet(&w->channel);
    w->greeted = wanted == 1;
    w->events = wanted == YQ_CHANNEL_WRITE ? POLLOUT : POLLIN;
    if (wanted != YQ_CHANNEL_BROKEN && wanted != YQ_CHANNEL_END)
        return true;
    char why[240];
    snprintf(why, sizeof why, "no TLS with the caller: %s", w->channel.ways->why(w->channel.of));
    atomic_fetch_add(&door->house->counts.associations_refused, 1);
    send_away(room, i, why);
    return false;
}

static const char *no_request(const struct waiting *w)
{
    return !w->channel.ways && w->bytes.bytes[0] == TLS_HANDSHAKE
               ? "TLS came to the port without TLS: the caller must call dicom.tls_port"
               : "what came is no DICOM association request";
}

/* True when the i-th connection is still there afterwards. */
static bool listen_to(struct yq_dimse *door, struct antechamber *room, size_t i)
{
    struct waiting *w = &room->waiting[i];
    uint8_t piece[4096];
    if (!w->greeted && !greet(door, room, i))
        return false;
    while (w->greeted) {
        long need = missing(&w->bytes);
        if (need <= 0) {
            if (need == 0)
                admit(door, room, i);
            else
                send_away(room, i, no_request(w));
            return false;
        }
        ssize_t got =
            read_some(w, piece, (size_t)need < sizeof piece ? (size_t)need : sizeof piece);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (got < 0 && w->channel.ways) {
            send_away(room, i, w->channel.ways->why(w->channel.of));
            return false;
        }
        if (got <= 0) {
            send_away(room, i, w->bytes.length ? "closed within its association request" : NULL);
            return false;
        }
        yq_buf_put(&w->bytes, piece, (size_t)got);
        if (w->bytes.failed) {
            send_away(room, i, "no memory");
            return false;
        }
    }
    return true;
}

/* Of the handshakes that could go on now only the oldest few do, so that plain connections are
 * heard in between, however many want TLS. Returns the place behind the last of them. */
static size_t greeted_up_to(const struct antechamber *room, const struct pollfd *polled,
                            size_t count)
{
    size_t ready = 0, i = 0;
    for (; i < count && ready < GREETS_AT_ONCE; i++)
        ready += !room->waiting[i].greeted && polled[i].revents;
    return i;
}

static void *run_listener(void *context)
{
    struct yq_dimse *door = context;
    struct antechamber *room = calloc(1, sizeof *room);
    struct pollfd *polled = calloc(WAITING_MOST + 3, sizeof *polled);
    bool stop = !room || !polled;
    if (room)
        room->audit = door->house->audit;
    while (!stop) {
        size_t count = room->count;
        polled[0] = (struct pollfd){.fd = door->wake, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = door->listener, .events = POLLIN};
        polled[2] = (struct pollfd){.fd = door->tls_listener, .events = POLLIN};
        for (size_t i = 0; i < count; i++)
            polled[i + 3] =
                (struct pollfd){.fd = room->waiting[i].fd, .events = room->waiting[i].events};
        poll(polled, count + 3, count ? 250 : -1);
        stop = polled[0].revents != 0;
        int64_t now = yq_monotonic_ms();
        size_t greeted = greeted_up_to(room, polled + 3, count);
        for (size_t i = count; i-- > 0;) { /* from the end: removing moves only what was seen */
            bool turn = room->waiting[i].greeted || i < greeted;
            if (turn && polled[i + 3].revents && !listen_to(door, room, i))
                continue;
            if (room->waiting[i].until_ms <= now)
                send_away(room, i,
                          room->waiting[i].greeted
                              ? "no association request in time (dicom.artim_seconds)"
                              : "no TLS handshake in time (dicom.artim_seconds)");
        }
        if (polled[1].revents || polled[2].revents) {
            const struct yq_conf *conf = yq_conf_hold(door->house->conf);
            int seconds = (int)conf->dicom_artim_seconds;
            yq_conf_release(door->house->conf, conf);
            if (polled[1].revents)
                accept_all(door, room, false, seconds);
            if (polled[2].revents)
                accept_all(door, room, true, seconds);
        }
    }
    while (room && room->count)
        send_away(room, room->count - 1, NULL);
    free(room);
    free(polled);
    return NULL;
}

bool yq_dimse_open(struct yq_house *house, struct yq_dimse **out, struct yq_err *err)
{
    struct yq_dimse *door = calloc(1, sizeof *door);
    if (!door)
        return yq_fail(err, YQ_FULL, "door", "no memory for the DICOM door");
    door->house = house;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    door->tls_listener = -1;
    const struct listening plain = {"dicom.bind", conf->dicom_bind, "dicom.port", conf->dicom_port,
                                    512};
    const struct listening tls = {"dicom.bind", conf->dicom_bind, "dicom.tls_port",
                                  conf->dicom_tls_port, 512};
    bool ok =
        door_listen(&plain, &door->listener, err) && door_listen(&tls, &door->tls_listener, err);
    yq_conf_release(house->conf, conf);
    if (!ok) {
        yq_close(&door->listener);
        free(door);
        return false;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&door->lock, NULL);
    pthread_cond_init(&door->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    door->wake = eventfd(0, EFD_CLOEXEC);
    if (door->wake < 0 || pthread_create(&door->listening, NULL, run_listener, door) != 0) {
        yq_close(&door->listener);
        yq_close(&door->tls_listener);
        yq_close(&door->wake);
        pthread_cond_destroy(&door->changed);
        pthread_mutex_destroy(&door->lock);
        free(door);
        return yq_fail(err, YQ_FULL, "door", "cannot start the DICOM listener's thread");
    }
    door->courier_runs = pthread_create(&door->courier, NULL, commitment_courier, door) == 0;
    *out = door;
    return true;
}

static bool wait_until(struct yq_dimse *door, int64_t until_ms) /* under the lock */
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    return pthread_cond_timedwait(&door->changed, &door->lock, &until) == 0;
}

void yq_dimse_close(struct yq_dimse *door, int seconds)
{
    uint64_t one = 1;
    pthread_mutex_lock(&door->lock);
    door->stopping = true;
    for (struct visit *v = door->visits; v; v = v->next)
        if (v->assoc && !v->busy)
            yq_assoc_interrupt(v->assoc);
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->lock);
    (void)!write(door->wake, &one, sizeof one);
    pthread_join(door->listening, NULL);
    yq_close(&door->listener);
    yq_close(&door->tls_listener);
    if (door->courier_runs)
        pthread_join(door->courier, NULL);
    int64_t until = yq_monotonic_ms() + (int64_t)seconds * 1000;
    pthread_mutex_lock(&door->lock);
    while (door->open && yq_monotonic_ms() < until)
        (void)wait_until(door, until);
    for (struct visit *v = door->visits; v; v = v->next)
        if (v->assoc)
            yq_assoc_interrupt(v->assoc);
    while (door->open)
        (void)pthread_cond_wait(&door->changed, &door->lock);
    pthread_mutex_unlock(&door->lock);
    close(door->wake);
    pthread_cond_destroy(&door->changed);
    pthread_mutex_destroy(&door->lock);
    free(door);
}

bool dimse_greet(struct visit *visit, struct yq_assoc *assoc)
{
    struct yq_dimse *door = visit->door;
    pthread_mutex_lock(&door->lock);
    visit->assoc = assoc;
    (void)yq_copy(visit->origin.aet, sizeof visit->origin.aet, yq_assoc_calling(assoc));
    bool going_on = !door->stopping;
    pthread_mutex_unlock(&door->lock);
    return going_on;
}

bool dimse_busy(struct visit *visit, bool busy)
{
    pthread_mutex_lock(&visit->door->lock);
    visit->busy = busy;
    bool going_on = !visit->door->stopping;
    pthread_mutex_unlock(&visit->door->lock);
    return going_on;
}

unsigned dimse_visits_of(struct yq_dimse *door, const char *aet)
{
    unsigned count = 0;
    pthread_mutex_lock(&door->lock);
    for (struct visit *v = door->visits; v; v = v->next)
        count += strcmp(v->origin.aet, aet) == 0;
    pthread_mutex_unlock(&door->lock);
    return count;
}

bool dimse_wait(struct yq_dimse *door, int ms)
{
    int64_t until = yq_monotonic_ms() + ms;
    pthread_mutex_lock(&door->lock);
    if (!door->stopping)
        (void)wait_until(door, until);
    bool going_on = !door->stopping;
    pthread_mutex_unlock(&door->lock);
    return going_on;
}

void dimse_nudge(struct yq_dimse *door)
{
    pthread_mutex_lock(&door->lock);
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->lock);
}
