/* mllp.c: HL7 v2 messages over MLLP (Minimal Lower Layer Protocol, HL7 v2.5.1 appendix C) and TLS:
 *
 *   0x0B message 0x1C 0x0D
 *
 * One thread listens, one thread per connection reads, has its message processed and answers, one
 * message after the other. Bytes between messages are passed over: line ends, and whatever else, up
 * to a bound. A message ends with 0x1C; the 0x0D behind it may be missing. Every wait has an end,
 * and no connection may hold more memory than one message, all together no more than some. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "listen.h"
#include "yq/assoc.h"
#include "yq/clock.h"
#include "yq/door.h"
#include "yq/intake.h"
#include "yq/log.h"
#include "yq/tls.h"

enum {
    STACK_BYTES = 1 << 21,
    PIECE = 1 << 16,
    NOISE_MOST = 1 << 16,        /* bytes between two messages */
    MESSAGES_IN_MEMORY_MOST = 8, /* of the largest size, all connections together */
    ACCEPT_AT_ONCE = 64,
    GREET_SECONDS = 10, /* for a TLS handshake */
    START = 0x0b,
    END = 0x1c,
};

struct call { /* one connection; belongs to its thread */
    struct yq_mllp *door;
    struct yq_house *house;
    struct yq_origin origin;
    struct yq_channel channel; /* over fd; plain when it has no ways */
    struct yq_buf bytes;       /* of the message under way, or behind the last one */
    size_t scanned;            /* of them, without an end */
    bool within;               /* the start byte came */
    size_t noise;
    uint64_t counted; /* of door->held */
    unsigned messages;
    int64_t idle_ms, stall_ms;
    size_t most;
    struct call *next, **link; /* in the door's list, under its lock */
    int fd;                    /* under the door's lock while it is closed */
};

struct yq_mllp {
    struct yq_house *house;
    int listener, tls_listener; /* -1: none */
    int wake;                   /* eventfd, readable when stopping */
    pthread_t listening;
    pthread_mutex_t lock; /* guards calls, open, stopping */
    pthread_cond_t changed;
    struct call *calls;
    unsigned open;
    bool stopping;
    atomic_ullong held; /* bytes of messages under way */
};

/* ---- bytes ---- */

static bool wait_for(struct call *call, short events, int64_t until_ms, struct yq_err *err)
{
    struct pollfd polled[] = {{.fd = call->fd, .events = events},
                              {.fd = call->door->wake, .events = POLLIN}};
    for (;;) {
        int64_t left = until_ms - yq_monotonic_ms();
        int got = poll(polled, 2, left > 0 ? (int)(left < 1000 ? left : 1000) : 0);
        if (polled[1].revents)
            return yq_fail(err, YQ_PEER_GONE, "door", "the node stops");
        if (got > 0 && polled[0].revents)
            return true;
        if (left <= 0)
            return yq_fail(err, YQ_TIMEOUT, "door", "nothing more came in time");
    }
}

/* *got 0: the sender has closed. */
static bool read_some(struct call *call, uint8_t *bytes, size_t room, int64_t until_ms, size_t *got,
                      struct yq_err *err)
{
    for (;;) {
        short events = POLLIN;
        ssize_t count;
        if (call->channel.ways) {
            count = call->channel.ways->read(call->channel.of, bytes, room);
            if (count == YQ_CHANNEL_BROKEN)
                return yq_fail(err, YQ_PEER_GONE, "door", "%s",
                               call->channel.ways->why(call->channel.of));
            events = count == YQ_CHANNEL_WRITE ? POLLOUT : POLLIN;
        } else {
            count = recv(call->fd, bytes, room, MSG_DONTWAIT);
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                return yq_fail_errno(err, "door", "read from", "the sender");
        }
        if (count >= 0) {
            *got = (size_t)count;
            return true;
        }
        if (!wait_for(call, events, until_ms, err))
            return false;
    }
}

static bool write_all(struct call *call, const uint8_t *bytes, size_t length, struct yq_err *err)
{
    int64_t until = yq_monotonic_ms() + call->stall_ms;
    while (length) {
        short events = POLLOUT;
        ssize_t count;
        if (call->channel.ways) {
            count = call->channel.ways->write(call->channel.of, bytes, length);
            if (count == YQ_CHANNEL_BROKEN || count == YQ_CHANNEL_END)
                return yq_fail(err, YQ_PEER_GONE, "door", "%s",
                               call->channel.ways->why(call->channel.of));
            events = count == YQ_CHANNEL_READ ? POLLIN : POLLOUT;
        } else {
            count = send(call->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                return yq_fail_errno(err, "door", "write to", "the sender");
        }
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (!wait_for(call, events, until, err)) {
            return false;
        }
    }
    return true;
}

static bool send_answer(struct call *call, const struct yq_buf *answer, struct yq_err *err)
{
    struct yq_buf frame yq_cleanup(yq_buf_fini) = {0};
    static const uint8_t start = START, end[] = {END, '\r'};
    if (!answer->length)
        return true;
    yq_buf_put(&frame, &start, 1);
    yq_buf_put(&frame, answer->bytes, answer->length);
    yq_buf_put(&frame, end, sizeof end);
    if (frame.failed)
        return yq_fail(err, YQ_FULL, "door", "no memory for an answer");
    return write_all(call, frame.bytes, frame.length, err);
}

/* ---- frames ---- */

/* What the message under way takes; false: all together take too much. */
static bool count_memory(struct call *call)
{
    uint64_t now = call->bytes.capacity > PIECE ? call->bytes.capacity : 0;
    uint64_t most = (uint64_t)MESSAGES_IN_MEMORY_MOST * call->most;
    if (now > call->counted) {
        uint64_t before = atomic_fetch_add(&call->door->held, now - call->counted);
        call->counted = now;
        return before + now <= most;
    }
    atomic_fetch_sub(&call->door->held, call->counted - now);
    call->counted = now;
    return true;
}

static void drop(struct call *call, size_t count) /* the first bytes */
{
    call->bytes.length -= count;
    memmove(call->bytes.bytes, call->bytes.bytes + count, call->bytes.length);
    call->scanned = 0;
    if (!call->bytes.length && call->bytes.capacity > 4 * PIECE) {
        yq_buf_fini(&call->bytes);
        (void)count_memory(call);
    }
}

/* Is there a whole message at the front? *length is its own; *whole what it takes with its end.
 * Bytes before its start are dropped and counted. */
static bool find_frame(struct call *call, size_t *length, size_t *whole, struct yq_err *err)
{
    *whole = 0;
    if (!call->within) {
        const uint8_t *start =
            call->bytes.length ? memchr(call->bytes.bytes, START, call->bytes.length) : NULL;
        size_t before = start ? (size_t)(start - call->bytes.bytes) : call->bytes.length;
        for (size_t i = 0; i < before; i++)
            call->noise += call->bytes.bytes[i] != '\r' && call->bytes.bytes[i] != '\n';
        if (call->noise > NOISE_MOST ||
            (before >= 3 && !call->messages && memcmp(call->bytes.bytes, "MSH", 3) == 0))
            return yq_fail(err, YQ_BAD_INPUT, "door",
                           "what came is not framed: MLLP puts 0x0B before a message and 0x1C 0x0D "
                           "behind it");
        if (before || start)
            drop(call, before + (start ? 1 : 0));
        call->within = start != NULL;
        if (!start)
            return true;
    }
    const uint8_t *end =
        call->bytes.length > call->scanned
            ? memchr(call->bytes.bytes + call->scanned, END, call->bytes.length - call->scanned)
            : NULL;
    call->scanned = call->bytes.length;
    if (end) {
        *length = (size_t)(end - call->bytes.bytes);
        *whole = *length + 1;
    } else if (call->bytes.length > call->most) {
        return yq_fail(err, YQ_FULL, "door",
                       "a message of more than hl7.message_most_mb, or one without an end");
    }
    return true;
}

static bool more_bytes(struct call *call, bool *closed, struct yq_err *err)
{
    size_t got = 0;
    uint8_t *place = yq_buf_raw(&call->bytes, PIECE);
    if (!place)
        return yq_fail(err, YQ_FULL, "door", "no memory for a message");
    size_t before = call->bytes.length - PIECE;
    int64_t wait = call->within ? call->stall_ms : call->idle_ms;
    bool ok = read_some(call, place, PIECE, yq_monotonic_ms() + wait, &got, err);
    call->bytes.length = before + got;
    *closed = ok && got == 0;
    if (ok && !count_memory(call))
        return yq_fail(err, YQ_FULL, "door", "too many large messages at once: try again later");
    return ok;
}

/* ---- messages ---- */

static bool take_message(struct call *call, size_t length, struct yq_err *err)
{
    struct yq_intake intake;
    char trace[16];
    snprintf(trace, sizeof trace, "h%08x",
             (unsigned)yq_hash_text(call->origin.address) ^ (unsigned)yq_monotonic_ms());
    yq_log_set_trace(trace);
    bool going_on = yq_intake_open(call->house, &call->origin, call->bytes.bytes, length, &intake);
    bool ok = send_answer(call, &intake.accept, err);
    if (going_on) /* also when the sender is gone: it was promised, or will be asked for */
        yq_intake_process(&intake);
    ok = ok && send_answer(call, &intake.answer, err);
    yq_intake_fini(&intake);
    call->messages++;
    call->noise = 0;
    return ok;
}

/* Who sends what is no message at all gets an answer, too, as far as MLLP lets us. */
static void tell_broken(struct call *call, const struct yq_err *why)
{
    struct yq_buf answer yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    if (why->code != YQ_BAD_INPUT && why->code != YQ_FULL)
        return;
    const struct yq_hl7_answer refusal = {.code = "AR",
                                          .control = "0",
                                          .time = "",
                                          .location = "",
                                          .condition = 207,
                                          .text = why->text,
                                          .user_text = ""};
    yq_hl7_answer_write(NULL, "", &refusal, &answer);
    (void)!send_answer(call, &answer, &ignored);
}

static void serve_call(struct call *call)
{
    struct yq_err err = {0};
    bool ok = true, closed = false;
    while (ok && !closed) {
        size_t length = 0, whole = 0;
        ok = find_frame(call, &length, &whole, &err);
        if (ok && whole) {
            ok = take_message(call, length, &err);
            call->within = false;
            drop(call, whole);
        } else if (ok) {
            ok = more_bytes(call, &closed, &err);
        }
    }
    if (ok && call->within)
        ok = yq_fail(&err, YQ_PEER_GONE, "door", "the sender closed within a message");
    bool idle = err.code == YQ_TIMEOUT && !call->within;
    if (!ok) {
        tell_broken(call, &err);
        yq_log_err(idle || call->messages ? YQ_LOG_INFO : YQ_LOG_WARN, "hl7-dropped", &err,
                   "address=%s messages=%u bytes=%zu", call->origin.address, call->messages,
                   call->bytes.length);
    }
}

static bool greet(struct call *call, struct yq_err *err)
{
    int64_t until = yq_monotonic_ms() + GREET_SECONDS * 1000;
    while (call->channel.ways) {
        int wanted = yq_tls_greet(&call->channel);
        if (wanted == 1)
            return true;
        if (wanted == YQ_CHANNEL_BROKEN || wanted == YQ_CHANNEL_END)
            return yq_fail(err, YQ_REFUSED, "door", "no TLS with the caller: %s",
                           call->channel.ways->why(call->channel.of));
        if (!wait_for(call, wanted == YQ_CHANNEL_WRITE ? POLLOUT : POLLIN, until, err))
            return false;
    }
    return true;
}

static void strike(struct yq_mllp *door, struct call *call) /* under the lock */
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    door->open--;
    atomic_store(&door->house->counts.hl7_connections, door->open);
}

static void *run_call(void *context)
{
    struct call *call = context;
    struct yq_mllp *door = call->door;
    struct yq_err err = {0};
    if (greet(call, &err))
        serve_call(call);
    else
        yq_log_err(YQ_LOG_WARN, "hl7-dropped", &err, "address=%s", call->origin.address);
    if (call->channel.ways) {
        call->channel.ways->finish(call->channel.of);
        call->channel.ways->free(call->channel.of);
    }
    yq_buf_fini(&call->bytes);
    atomic_fetch_sub(&door->held, call->counted);
    pthread_mutex_lock(&door->lock);
    close(call->fd);
    strike(door, call);
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->lock);
    free(call);
    return NULL;
}

static bool enlist(struct yq_mllp *door, struct call *call, unsigned most)
{
    pthread_mutex_lock(&door->lock);
    bool room = !door->stopping && door->open < most;
    if (room) {
        call->next = door->calls;
        call->link = &door->calls;
        if (call->next)
            call->next->link = &call->next;
        door->calls = call;
        door->open++;
        atomic_store(&door->house->counts.hl7_connections, door->open);
    }
    pthread_mutex_unlock(&door->lock);
    return room;
}

static bool start(struct call *call)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool ok = pthread_create(&thread, &attributes, run_call, call) == 0;
    pthread_attr_destroy(&attributes);
    return ok;
}

static void welcome(struct yq_mllp *door, int fd, bool tls)
{
    int on = 1;
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const struct yq_conf *conf = yq_conf_hold(door->house->conf);
    *call = (struct call){.door = door,
                          .house = door->house,
                          .origin = {.door = "mllp", .tls = tls},
                          .idle_ms = conf->hl7_idle_seconds * 1000,
                          .stall_ms = conf->hl7_stall_seconds * 1000,
                          .most = (size_t)conf->hl7_message_most_mb << 20,
                          .fd = fd};
    unsigned most = (unsigned)conf->hl7_connections;
    yq_conf_release(door->house->conf, conf);
    yq_assoc_address_of(fd, call->origin.address, sizeof call->origin.address);
    struct yq_tls_context *context = tls ? yq_tls_box_hold(door->house->tls) : NULL;
    if (context)
        call->channel = yq_tls_accept(context, fd);
    yq_tls_release(context);
    const char *why = tls && !call->channel.ways ? "no certificate or no memory for TLS" : NULL;
    if (!why && !enlist(door, call, most))
        why = "too many connections: raise hl7.connections";
    if (!why && !start(call)) {
        pthread_mutex_lock(&door->lock);
        strike(door, call);
        pthread_mutex_unlock(&door->lock);
        why = "no thread for it";
    }
    if (!why)
        return;
    yq_log(YQ_LOG_WARN, "hl7-dropped", "address=%s reason=\"%s\"", call->origin.address, why);
    if (call->channel.ways)
        call->channel.ways->free(call->channel.of);
    close(fd);
    free(call);
}

static void *run_listener(void *context)
{
    struct yq_mllp *door = context;
    struct pollfd polled[] = {{.fd = door->wake, .events = POLLIN},
                              {.fd = door->listener, .events = POLLIN},
                              {.fd = door->tls_listener, .events = POLLIN}};
    for (;;) {
        poll(polled, 3, -1);
        if (polled[0].revents)
            return NULL;
        for (int which = 1; which <= 2; which++) {
            for (int i = 0; polled[which].revents && i < ACCEPT_AT_ONCE; i++) {
                int fd = accept4(polled[which].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) {
                    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        poll(NULL, 0, 50); /* out of descriptors: do not spin */
                    break;
                }
                welcome(door, fd, which == 2);
            }
        }
    }
}

/* ---- open and close ---- */

bool yq_mllp_open(struct yq_house *house, struct yq_mllp **out, struct yq_err *err)
{
    struct yq_mllp *door = calloc(1, sizeof *door);
    if (!door)
        return yq_fail(err, YQ_FULL, "door", "no memory for the HL7 door");
    door->house = house;
    door->listener = door->tls_listener = door->wake = -1;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    const struct listening plain = {"hl7.bind", conf->hl7_bind, "hl7.port", conf->hl7_port, 128};
    const struct listening tls = {"hl7.bind", conf->hl7_bind, "hl7.tls_port", conf->hl7_tls_port,
                                  128};
    bool ok =
        door_listen(&plain, &door->listener, err) && door_listen(&tls, &door->tls_listener, err);
    bool bare = conf->hl7_tls_port && !*conf->dicom_tls_certificate;
    yq_conf_release(house->conf, conf);
    if (ok && bare)
        ok = yq_fail(err, YQ_BAD_INPUT, "door",
                     "hl7.tls_port needs the node's certificate: set dicom.tls_certificate and "
                     "dicom.tls_key");
    if (ok) {
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_mutex_init(&door->lock, NULL);
        pthread_cond_init(&door->changed, &monotonic);
        pthread_condattr_destroy(&monotonic);
        door->wake = eventfd(0, EFD_CLOEXEC);
        if (door->wake >= 0 && pthread_create(&door->listening, NULL, run_listener, door) == 0) {
            *out = door;
            return true;
        }
        pthread_cond_destroy(&door->changed);
        pthread_mutex_destroy(&door->lock);
        yq_fail(err, YQ_FULL, "door", "cannot start the HL7 listener's thread");
    }
    yq_close(&door->listener);
    yq_close(&door->tls_listener);
    yq_close(&door->wake);
    free(door);
    return false;
}

void yq_mllp_close(struct yq_mllp *door)
{
    uint64_t one = 1;
    pthread_mutex_lock(&door->lock);
    door->stopping = true;
    pthread_mutex_unlock(&door->lock);
    (void)!write(door->wake, &one, sizeof one); /* who waits sees it; a message is finished */
    pthread_join(door->listening, NULL);
    yq_close(&door->listener);
    yq_close(&door->tls_listener);
    pthread_mutex_lock(&door->lock);
    while (door->open)
        (void)pthread_cond_wait(&door->changed, &door->lock);
    pthread_mutex_unlock(&door->lock);
    close(door->wake);
    pthread_cond_destroy(&door->changed);
    pthread_mutex_destroy(&door->lock);
    free(door);
}
