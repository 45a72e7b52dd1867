/* collector.c: the audit trail to a syslog collector. The files are the queue; what the collector
 * has got is a place in them, kept in DIR/audit/collector.state.
 *
 * By TCP a place counts as reached when the other machine has acknowledged every byte before it;
 * after a broken connection everything behind the last such place is sent again: twice rather than
 * never. UDP has nothing of that; only a refusal that comes back from a collector that is down is
 * noticed. RFC 5424, 5426, 6587 3.4.1 (octet counting); PS3.15 A.7. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "yq/bytes.h"
#include "yq/clock.h"
#include "yq/trail.h"

enum {
    PAUSE_MS = 500,
    PAUSE_MOST_MS = 30000,
    CONNECT_MS = 3000,
    WORK_MS = 1000,
    SAVE_MS = 5000,
    DATAGRAM_MOST = 65000,
};

struct yq_collector {
    char folder[YQ_PATH_MOST], state[YQ_PATH_MOST];
    char url[256], host[256], port[8];
    bool tcp;
    int fd;
    struct yq_trail_reader *reader;
    struct yq_trail_place reached, saved;
    int64_t next_ms, pause_ms, saved_ms;
    atomic_bool connected;
    atomic_ullong backlog;
};

/* ---- where it is ---- */

static bool parse(const char *url, bool *tcp, char host[256], char port[8])
{
    *tcp = strncmp(url, "tcp://", 6) == 0;
    if (!*tcp && strncmp(url, "udp://", 6) != 0)
        return false;
    const char *name = url + 6, *colon = strrchr(name, ':');
    if (!colon || colon == name)
        return false;
    size_t length = (size_t)(colon - name);
    if (name[0] == '[' && colon[-1] == ']') {
        name++;
        length -= 2;
    }
    if (!length || length >= 256 || !yq_copy(port, 8, colon + 1))
        return false;
    memcpy(host, name, length);
    host[length] = '\0';
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    return !strpbrk(host, "[]/@ ") && *port >= '0' && *port <= '9' && !*end && number > 0 &&
           number < 65536;
}

bool yq_collector_check(const char *url, struct yq_err *err)
{
    bool tcp;
    char host[256], port[8];
    return !*url || parse(url, &tcp, host, port) ||
           yq_fail(err, YQ_BAD_INPUT, "trail",
                   "audit.syslog: \"%.80s\" is neither udp://host:port nor tcp://host:port", url);
}

/* ---- the place ---- */

static void read_state(struct yq_collector *collector)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    struct yq_trail_place place = {0};
    if (yq_file_read(collector->state, 256, &text, &ignored) &&
        strspn(yq_buf_text(&text), "0123456789") == 8) {
        memcpy(place.day, text.bytes, 8);
        place.offset = strtoull(yq_buf_text(&text) + 8, NULL, 10);
    } else {
        yq_trail_day(place.day, yq_now_ms());
    }
    collector->reached = collector->saved = place;
}

static bool same_place(const struct yq_trail_place *a, const struct yq_trail_place *b)
{
    return a->offset == b->offset && strcmp(a->day, b->day) == 0;
}

/* One that is lost costs messages that come twice, so a failure is nobody's business. */
static void save_state(struct yq_collector *collector)
{
    char text[64];
    struct yq_err ignored;
    if (same_place(&collector->reached, &collector->saved))
        return;
    int length = snprintf(text, sizeof text, "%s %llu\n", collector->reached.day,
                          (unsigned long long)collector->reached.offset);
    collector->saved_ms = yq_monotonic_ms();
    if (yq_file_write(collector->state, text, (size_t)length, 0640, &ignored))
        collector->saved = collector->reached;
}

/* ---- the connection ---- */

static void hang_up(struct yq_collector *collector)
{
    yq_close(&collector->fd);
    yq_trail_read_close(collector->reader);
    collector->reader = NULL;
    atomic_store(&collector->connected, false);
}

static bool give_up(struct yq_collector *collector, const char *doing, struct yq_err *err)
{
    yq_fail_errno(err, "trail", doing, collector->url);
    hang_up(collector);
    collector->next_ms = yq_monotonic_ms() + collector->pause_ms;
    collector->pause_ms *= 2;
    if (collector->pause_ms > PAUSE_MOST_MS)
        collector->pause_ms = PAUSE_MOST_MS;
    return false;
}

static bool finish_connect(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&polled, 1, CONNECT_MS) != 1) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return false;
    errno = error;
    return error == 0;
}

static int connect_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && finish_connect(fd)))
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static bool dial(struct yq_collector *collector, struct yq_err *err)
{
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = collector->tcp ? SOCK_STREAM : SOCK_DGRAM,
                             .ai_flags = AI_NUMERICSERV};
    int failed = getaddrinfo(collector->host, collector->port, &hints, &found);
    if (failed) {
        errno = failed == EAI_SYSTEM ? errno : EHOSTUNREACH;
        return give_up(collector, "find", err);
    }
    for (const struct addrinfo *a = found; a && collector->fd < 0; a = a->ai_next)
        collector->fd = connect_to(a);
    int number = errno;
    freeaddrinfo(found);
    errno = number;
    if (collector->fd < 0)
        return give_up(collector, "reach", err);
    int on = 1;
    setsockopt(collector->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (!yq_trail_read_open(collector->folder, &collector->reached, &collector->reader, err)) {
        hang_up(collector);
        return false;
    }
    atomic_store(&collector->connected, true);
    return true;
}

/* A collector says nothing: what can be read is the end of the connection, or, of a datagram, that
 * nobody was there. */
static bool still_there(const struct yq_collector *collector)
{
    char piece[256];
    ssize_t got;
    do
        got = recv(collector->fd, piece, sizeof piece, MSG_DONTWAIT);
    while (got > 0);
    if (got == 0 && collector->tcp)
        errno = EPIPE;
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool send_all(const struct yq_collector *collector, const uint8_t *bytes, size_t length)
{
    int64_t until = yq_monotonic_ms() + CONNECT_MS;
    while (length) {
        ssize_t done = send(collector->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done >= 0) {
            bytes += done;
            length -= (size_t)done;
            continue;
        }
        if (errno == EINTR)
            continue;
        struct pollfd polled = {.fd = collector->fd, .events = POLLOUT};
        if (errno != EAGAIN)
            return false;
        if (yq_monotonic_ms() > until) {
            errno = ETIMEDOUT;
            return false;
        }
        poll(&polled, 1, 100);
    }
    return true;
}

/* One message, without the end of its line. A datagram that is too long is cut (A.7 foresees it).
 */
static bool send_line(const struct yq_collector *collector, const char *line, size_t length)
{
    struct yq_buf frame yq_cleanup(yq_buf_fini) = {0};
    length -= length && line[length - 1] == '\n';
    if (!length)
        return true;
    if (!collector->tcp)
        return send_all(collector, (const uint8_t *)line,
                        length < DATAGRAM_MOST ? length : DATAGRAM_MOST) &&
               still_there(collector);
    yq_buf_putf(&frame, "%zu ", length);
    yq_buf_put(&frame, line, length);
    errno = ENOMEM;
    return !frame.failed && send_all(collector, frame.bytes, frame.length);
}

/* Everything that was sent has arrived at the other machine. */
static bool is_acknowledged(const struct yq_collector *collector)
{
    int waiting = 0;
    for (int i = 0; collector->tcp && i < 20; i++) {
        if (ioctl(collector->fd, SIOCOUTQ, &waiting) != 0 || !waiting)
            break;
        poll(NULL, 0, 10);
    }
    return !waiting;
}

static bool send_waiting(struct yq_collector *collector, struct yq_err *err)
{
    int64_t until = yq_monotonic_ms() + WORK_MS;
    char *line;
    size_t length;
    if (!still_there(collector))
        return give_up(collector, "keep the connection to", err);
    while (yq_monotonic_ms() < until &&
           yq_trail_read_next(collector->reader, &line, &length, err)) {
        if (!send_line(collector, line, length))
            return give_up(collector, "send to", err);
        if (!collector->tcp)
            collector->reached = yq_trail_read_place(collector->reader);
    }
    if (err->code != YQ_OK) {
        hang_up(collector);
        return false;
    }
    if (is_acknowledged(collector) && still_there(collector)) {
        collector->reached = yq_trail_read_place(collector->reader);
        collector->pause_ms = PAUSE_MS;
    }
    return true;
}

bool yq_collector_work(struct yq_collector *collector, struct yq_err *err)
{
    err->code = YQ_OK;
    if (!collector->url[0])
        return true;
    bool ok = true;
    if (collector->fd >= 0 || yq_monotonic_ms() >= collector->next_ms)
        ok = (collector->fd >= 0 || dial(collector, err)) && send_waiting(collector, err);
    atomic_store(&collector->backlog, yq_trail_behind(collector->folder, &collector->reached));
    if (yq_monotonic_ms() - collector->saved_ms >= SAVE_MS)
        save_state(collector);
    return ok;
}

struct yq_collector *yq_collector_new(const char *folder)
{
    struct yq_err ignored;
    struct yq_collector *collector = calloc(1, sizeof *collector);
    if (!collector || !yq_copy(collector->folder, sizeof collector->folder, folder) ||
        !yq_path_join(collector->state, folder, "collector.state", &ignored)) {
        free(collector);
        return NULL;
    }
    collector->fd = -1;
    collector->pause_ms = PAUSE_MS;
    return collector;
}

void yq_collector_free(struct yq_collector *collector)
{
    if (!collector)
        return;
    hang_up(collector);
    save_state(collector);
    free(collector);
}

bool yq_collector_aim(struct yq_collector *collector, const char *url, struct yq_err *err)
{
    if (!yq_collector_check(url, err))
        return false;
    if (strcmp(url, collector->url) == 0)
        return true;
    hang_up(collector);
    save_state(collector);
    (void)yq_copy(collector->url, sizeof collector->url, url);
    collector->next_ms = 0;
    collector->pause_ms = PAUSE_MS;
    atomic_store(&collector->backlog, 0);
    if (*url) {
        (void)parse(url, &collector->tcp, collector->host, collector->port);
        read_state(collector);
    }
    return true;
}

bool yq_collector_connected(const struct yq_collector *collector)
{
    return atomic_load(&collector->connected);
}

uint64_t yq_collector_backlog(const struct yq_collector *collector)
{
    return atomic_load(&collector->backlog);
}
