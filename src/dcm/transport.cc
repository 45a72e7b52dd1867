/* transport.cc: the socket under DUL. PS3.8 9.1.4 (transport), 9.3 (PDUs).
 *
 * DUL of DCMTK 3.6.7 steps wrongly through PDUs with several PDVs and waits without limit. Here
 * every P-DATA-TF PDU is taken apart as it streams in, and DUL gets one PDV per PDU, cut where it
 * is longer than DUL takes; other PDUs are checked and given whole. Whatever contradicts itself is
 * answered with A-ABORT and never reaches DUL. What DUL writes leaves when a PDU (or, corked, a
 * message) is whole. */
#include "transport.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "yq/clock.h"
}

static const size_t IN_ROOM = 65536;
static const size_t HELD_MOST = 262144;     /* flushed beyond that, corked or not */
static const size_t WRITE_THROUGH = 8192;   /* data that is sent from where it lies */
static const size_t RECORD_ROOM = 16384;    /* the most a TLS record holds (RFC 8446 5.1) */
static const uint32_t PDU_MOST = 1u << 24;  /* longer than announced is borne up to here */
static const size_t PACE_BYTES = 1024;      /* of a message come in each stall_seconds of waiting */
static const int64_t STOP_LOOK_MS = 200;    /* how often it is asked whether to stop */
static const int CLOSE_MS = 500;            /* how long a peer may take to read our last words */
static const size_t CLOSE_BYTES = 1u << 20; /* and what it may still send meanwhile */

static int or_default(int seconds, int otherwise) { return seconds > 0 ? seconds : otherwise; }

yq_wire::yq_wire(int take_fd, const yq_channel &take, const yq_assoc_limits &limits)
    : fd(take_fd), channel{nullptr, nullptr}, idle_seconds(or_default(limits.idle_seconds, 300)),
      stall_seconds(or_default(limits.stall_seconds, 60)), in(new uint8_t[IN_ROOM])
{
    if (take.ways)
        record.reset(new uint8_t[RECORD_ROOM]);
    int on = 1; /* fails for sockets that are not TCP: no harm */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    channel = take; /* owned once nothing can fail any more */
}

yq_wire::~yq_wire()
{
    close();
    if (channel.ways)
        channel.ways->free(channel.of);
    yq_buf_fini(&given);
    yq_buf_fini(&held);
}

bool yq_wire::fail(enum yq_code code, const char *format, ...)
{
    if (failed)
        return false;
    char text[sizeof failure.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    failed = true;
    return yq_fail(&failure, code, "dcm", "%s", text);
}

bool yq_wire::violation(unsigned reason, const char *what)
{
    fail(YQ_BAD_INPUT, "the peer broke the protocol: %s", what);
    abort(2, reason);
    return false;
}

/* ---- the socket ---- */

/* Once somebody wants it to end, it stays so. */
bool yq_wire::is_stopped()
{
    if (!interrupted && stop && stop->wanted(stop->context))
        interrupted = true;
    return interrupted;
}

/* Waits for the socket; the peer's half-close wakes a writer only when it was us who shut it. */
bool yq_wire::wait(short events, int seconds, const char *late)
{
    int64_t until = yq_monotonic_ms() + int64_t(seconds) * 1000;
    if (deadline_ms && deadline_ms < until)
        until = deadline_ms;
    if (wants)
        events = wants;
    wants = 0;
    short also = events & POLLOUT ? POLLRDHUP : 0;
    /* Peers that left Nagle's algorithm on (DCMTK's default) hold back the rest of a message until
     * what they sent is acknowledged, which the kernel would otherwise delay by 40 ms. */
    int on = 1;
    if (events & POLLIN)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    int64_t most = stop ? STOP_LOOK_MS : 60000;
    for (;;) {
        int64_t left = until - yq_monotonic_ms();
        struct pollfd poll_fd = {fd, short(events | also), 0};
        int ready = left <= 0 ? 0 : poll(&poll_fd, 1, int(left > most ? most : left));
        if (is_stopped())
            return fail_ended();
        if (ready < 0 && errno != EINTR)
            return fail(YQ_IO, "cannot wait for the network: %s", strerror(errno));
        if (ready > 0 && !(poll_fd.revents & (events | POLLERR | POLLHUP))) {
            also = 0;
            continue;
        }
        if (ready > 0)
            return true;
        if (left <= 0) {
            fail(YQ_TIMEOUT, "%s", late);
            abort(0, 0);
            return false;
        }
    }
}

void yq_wire::count(yq_pace_way way, size_t bytes)
{
    if (pace)
        resume_ms[way] = yq_monotonic_ms() + yq_pace_count(pace, way, bytes);
}

/* Until the peer's pace lets more through; its own window fills up meanwhile, and it waits too. */
void yq_wire::rest(yq_pace_way way)
{
    for (int64_t left; resume_ms[way] && !is_stopped(); poll(nullptr, 0, int(left))) {
        left = resume_ms[way] - yq_monotonic_ms();
        if (left <= 0)
            resume_ms[way] = left = 0;
        else if (left > 100)
            left = 100; /* to notice an interruption */
    }
}

/* What a channel did, as recvmsg and sendmsg would say it. */
ssize_t yq_wire::channel_result(ssize_t got)
{
    if (got > 0)
        return got;
    wants = got == YQ_CHANNEL_READ ? POLLIN : got == YQ_CHANNEL_WRITE ? POLLOUT : 0;
    if (got == YQ_CHANNEL_BROKEN && !interrupted)
        fail(YQ_PEER_GONE, "%s", channel.ways->why(channel.of));
    errno = wants ? EAGAIN : EPIPE;
    return got == YQ_CHANNEL_END ? 0 : -1;
}

/* One recvmsg: into `bytes`, and what is there beyond `room` into the input buffer. -1: nothing
 * there; 0: the end. */
ssize_t yq_wire::receive(void *bytes, size_t room)
{
    if (channel.ways && !interrupted) {
        ssize_t got = channel_result(channel.ways->read(channel.of, room ? bytes : in.get() + in_to,
                                                        room ? room : IN_ROOM - in_to));
        if (got < 0 && errno == EAGAIN)
            return -1;
        if (got <= 0) {
            ended = true;
            return 0;
        }
        pace_bytes += size_t(got);
        count(YQ_PACE_IN, size_t(got));
        if (!room)
            in_to += size_t(got);
        return got;
    }
    struct iovec parts[2] = {{bytes, room}, {in.get() + in_to, IN_ROOM - in_to}};
    struct msghdr message = {};
    message.msg_iov = room ? parts : parts + 1;
    message.msg_iovlen = room ? 2 : 1;
    ssize_t got;
    do
        got = interrupted ? 0 : recvmsg(fd, &message, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return -1;
    if (got <= 0) {
        ended = true;
        end_reason = got < 0 ? errno : 0;
        return 0;
    }
    pace_bytes += size_t(got);
    count(YQ_PACE_IN, size_t(got));
    if (size_t(got) > room) {
        in_to += size_t(got) - room;
        return ssize_t(room);
    }
    return got;
}

/* More is wanted and no more comes. */
bool yq_wire::fail_ended()
{
    if (interrupted) {
        fail(YQ_PEER_GONE, "the association was ended by this node");
        abort(0, 0);
    } else if (end_reason) {
        fail(YQ_PEER_GONE, "the connection was lost: %s", strerror(end_reason));
    } else {
        fail(YQ_PEER_GONE, "the peer closed the connection");
    }
    return false;
}

/* A byte now and then is as good as none: without this it would hold its thread for ever. Only the
 * time spent here counts, not what this node is busy with in between. */
bool yq_wire::wait_within_message(const char *late)
{
    if (pace_bytes >= PACE_BYTES)
        pace_bytes = 0, pace_waited = 0;
    if (pace_waited >= int64_t(stall_seconds) * 1000) {
        fail(YQ_TIMEOUT, "the peer sends a message too slowly");
        abort(0, 0);
        return false;
    }
    int64_t before = yq_monotonic_ms();
    bool ready = wait(POLLIN, stall_seconds, late);
    pace_waited += yq_monotonic_ms() - before;
    return ready;
}

/* More bytes into the input buffer, which must have room; waits no longer than may be. */
bool yq_wire::fill(bool may_idle)
{
    static const char late[] = "the peer sent nothing for too long";
    for (;;) {
        if (broken())
            return false;
        size_t before = in_to;
        rest(YQ_PACE_IN);
        if (!ended)
            (void)receive(nullptr, 0);
        if (in_to > before)
            return true;
        if (ended)
            return fail_ended();
        if (may_idle)
            pace_bytes = 0, pace_waited = 0;
        if (!(may_idle ? wait(POLLIN, idle_seconds, late) : wait_within_message(late)))
            return false;
    }
}

bool yq_wire::need(size_t count, bool may_idle)
{
    if (in_from + count > IN_ROOM) {
        memmove(in.get(), in.get() + in_from, buffered());
        in_to -= in_from;
        in_from = 0;
    }
    while (buffered() < count)
        if (!fill(may_idle && !buffered()))
            return false;
    return true;
}

bool yq_wire::available(int seconds)
{
    if (given_from < given.length || buffered() || broken() || ended)
        return true;  /* a failure is told by the read that follows */
    if (channel.ways) /* which may hold what the socket no longer does; the read waits as long */
        return true;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    int64_t limit = int64_t(seconds < stall_seconds ? seconds : stall_seconds) * 1000;
    if (deadline_ms && deadline_ms - yq_monotonic_ms() < limit)
        limit = deadline_ms - yq_monotonic_ms();
    if (limit < 0)
        limit = 0;
    int64_t until = yq_monotonic_ms() + limit;
    for (int64_t left = limit; left >= 0; left = until - yq_monotonic_ms()) {
        if (poll(&poll_fd, 1, int(stop && left > STOP_LOOK_MS ? STOP_LOOK_MS : left)) > 0 ||
            is_stopped())
            return true;
        if (!left)
            break;
    }
    fail(YQ_TIMEOUT, "the peer sent nothing for too long");
    return false;
}

/* ---- towards DUL ---- */

void yq_wire::feed(const yq_buf &pdu)
{
    yq_buf_clear(&given);
    given_from = 0;
    yq_buf_put(&given, pdu.bytes, pdu.length);
}

bool yq_wire::skip(size_t length)
{
    while (length) {
        if (!need(1, false))
            return false;
        size_t some = length < buffered() ? length : buffered();
        in_from += some;
        length -= some;
    }
    return true;
}

/* A-ASSOCIATE-RJ, the releases and A-ABORT: ten bytes. */
bool yq_wire::take_small(unsigned type)
{
    if (yq_be32(in.get() + in_from + 2) != 4)
        return violation(6, "a PDU of fixed length has another");
    if (!need(10, false))
        return false;
    uint8_t *pdu = in.get() + in_from;
    in_from += 10;
    if (type == 3) {
        rejected = true;
        memcpy(rejection, pdu + 7, 3);
    } else if (type == 7) {
        aborted = true;
    } else if (type == 5 && phase == WIRE_RELEASING) {
        /* both sides release at once: each answers the other, and DUL needs not know */
        static const uint8_t released[10] = {6, 0, 0, 0, 0, 4, 0, 0, 0, 0};
        say(released, sizeof released);
        pdu[0] = 6;
    }
    yq_buf_put(&given, pdu, 10);
    return !given.failed || fail(YQ_FULL, "no memory");
}

bool yq_wire::take_answer(size_t length)
{
    if (length + 6 > YQ_ASSOCIATE_MOST)
        return violation(6, "an A-ASSOCIATE-AC of that length is none");
    yq_buf whole = {};
    yq_refusal refusal = {};
    yq_err err = {};
    uint8_t *room = yq_buf_room(&whole, length + 6);
    for (size_t have = 0; room && have < whole.length;) {
        if (!need(1, false)) {
            yq_buf_fini(&whole);
            return false;
        }
        size_t some = whole.length - have < buffered() ? whole.length - have : buffered();
        memcpy(room + have, in.get() + in_from, some);
        in_from += some;
        have += some;
    }
    bool fine = room && yq_associate_parse(room, whole.length, asked, answer, &refusal, &err);
    if (fine && (!answer->max_pdu || answer->max_pdu > YQ_PDU_SIZE))
        answer->max_pdu = YQ_PDU_SIZE;
    yq_buf_fini(&whole);
    if (!fine)
        return violation(6, room ? err.text : "no memory");
    answer->max_pdu &= ~1u; /* fragments have even lengths (PS3.8 annex E.1) */
    yq_associate_encode(answer, &given);
    return !given.failed || fail(YQ_FULL, "no memory");
}

/* Reads the head of the next PDU. A P-DATA-TF is left to next_pdv; others are put into `given`. */
bool yq_wire::next_pdu()
{
    for (;;) {
        if (!need(6, idle))
            return false;
        unsigned type = in[in_from];
        uint32_t length = yq_be32(in.get() + in_from + 2);
        bool expected;
        switch (type) {
        case 1: expected = false; break;
        case 2:
        case 3: expected = phase == WIRE_NEGOTIATING && asked; break;
        case 4: expected = phase != WIRE_NEGOTIATING; break;
        case 5: expected = phase != WIRE_NEGOTIATING; break;
        case 6: expected = phase == WIRE_RELEASING; break;
        case 7: expected = true; break;
        default: return violation(1, "a PDU of unknown type");
        }
        if (!expected)
            return violation(2, "a PDU that does not belong here");
        if (type == 2)
            return take_answer(length);
        if (type != 4)
            return take_small(type);
        if (length < 6 || length > PDU_MOST)
            return violation(6, "a P-DATA-TF PDU of impossible length");
        in_from += 6;
        pdu_left = length;
        if (phase != WIRE_RELEASING)
            return true;
        if (!skip(pdu_left)) /* late answers that nobody waits for */
            return false;
        pdu_left = 0;
    }
}

bool yq_wire::next_pdv()
{
    if (pdu_left < 6)
        return violation(6, "a P-DATA-TF PDU ends within the head of a PDV");
    if (!need(6, false))
        return false;
    const uint8_t *head = in.get() + in_from;
    uint32_t length = yq_be32(head);
    if (length < 2 || length > pdu_left - 4)
        return violation(6, "a PDV is longer than its PDU, or shorter than its own head");
    pdv_context = head[4];
    pdv_flags = head[5] & 3;
    in_from += 6;
    pdu_left -= 4 + length;
    pdv_left = length - 2;
    pdv_open = true;
    return true;
}

void yq_wire::give_fragment()
{
    size_t size = pdv_left < YQ_FRAGMENT_MOST ? pdv_left : YQ_FRAGMENT_MOST;
    pdv_left -= size;
    pdv_open = pdv_left > 0;
    yq_buf_put(&given, "\4", 2);
    yq_buf_put_be32(&given, uint32_t(size + 6));
    yq_buf_put_be32(&given, uint32_t(size + 2));
    uint8_t tail[2] = {pdv_context, uint8_t(pdv_open ? pdv_flags & 1 : pdv_flags)};
    yq_buf_put(&given, tail, 2);
    body_left = size;
}

bool yq_wire::next_unit()
{
    yq_buf_clear(&given);
    given_from = 0;
    if (!pdv_open && !pdu_left && !next_pdu())
        return false;
    if (given.length)
        return true;
    if (!pdv_open && !next_pdv())
        return false;
    give_fragment();
    return !given.failed || fail(YQ_FULL, "no memory");
}

ssize_t yq_wire::read(void *bytes, size_t room)
{
    if (!room)
        return 0;
    if (given_from == given.length && !body_left && (broken() || !next_unit())) {
        errno = EPIPE; /* DUL would try again for ever if it found EINTR here */
        return -1;
    }
    if (given_from < given.length) {
        size_t some = room < given.length - given_from ? room : given.length - given_from;
        memcpy(bytes, given.bytes + given_from, some);
        given_from += some;
        return ssize_t(some);
    }
    size_t some = room < body_left ? room : body_left;
    ssize_t got = 0;
    if (buffered()) {
        got = ssize_t(some < buffered() ? some : buffered());
        memcpy(bytes, in.get() + in_from, size_t(got));
        in_from += size_t(got);
    } else {
        in_from = in_to = 0;
        if (broken())
            return -1;
        rest(YQ_PACE_IN);
        while (!ended && (got = receive(bytes, some)) < 0)
            if (!wait_within_message("the peer stopped within a message"))
                break;
        if (ended)
            fail_ended();
        if (broken()) {
            errno = EPIPE;
            return -1;
        }
    }
    body_left -= size_t(got);
    return got;
}

bool yq_wire::look()
{
    if (given_from < given.length || body_left || broken())
        return true;
    if (in_from) {
        memmove(in.get(), in.get() + in_from, buffered());
        in_to -= in_from;
        in_from = 0;
    }
    if (in_to < IN_ROOM && !ended)
        (void)receive(nullptr, 0);
    if (ended)
        return true;
    if (pdv_open) /* the rest of a PDV that was cut */
        return buffered() >= (pdv_left < YQ_FRAGMENT_MOST ? pdv_left : YQ_FRAGMENT_MOST);
    const uint8_t *at = in.get();
    size_t have = buffered();
    if (!pdu_left) {
        if (have < 6)
            return false;
        if (at[0] != 4)
            return at[0] < 5 || at[0] > 7 || have >= 10;
        at += 6;
        have -= 6;
    }
    return have >= 4 && have - 4 >= yq_be32(at);
}

/* ---- from DUL ---- */

/* As sendmsg. Through a channel, a short head goes into one record with what follows it; after
 * YQ_CHANNEL_WRITE the same bytes are put together again. */
ssize_t yq_wire::send_some(const iovec *parts, int count)
{
    if (channel.ways && (count == 1 || parts->iov_len >= RECORD_ROOM))
        return channel_result(channel.ways->write(channel.of, parts->iov_base, parts->iov_len));
    if (channel.ways) {
        size_t head = parts[0].iov_len, rest = RECORD_ROOM - head;
        if (rest > parts[1].iov_len)
            rest = parts[1].iov_len;
        memcpy(record.get(), parts[0].iov_base, head);
        memcpy(record.get() + head, parts[1].iov_base, rest);
        return channel_result(channel.ways->write(channel.of, record.get(), head + rest));
    }
    struct msghdr message = {};
    message.msg_iov = const_cast<iovec *>(parts);
    message.msg_iovlen = size_t(count);
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool yq_wire::send_all(iovec *parts, int parts_left)
{
    while (parts_left) {
        rest(YQ_PACE_OUT);
        if (interrupted) /* perhaps within a PDU: no A-ABORT */
            return fail(YQ_PEER_GONE, "the association was ended by this node");
        ssize_t sent = send_some(parts, parts_left);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            /* a PDU is on its way in part: an A-ABORT would be taken for its data */
            abort_said = true;
            if (!wait(POLLOUT, stall_seconds, "the peer takes no data"))
                return false;
            abort_said = false;
            continue;
        }
        if (sent < 0)
            return fail(YQ_PEER_GONE, "the connection was lost: %s", strerror(errno));
        count(YQ_PACE_OUT, size_t(sent));
        for (; parts_left && size_t(sent) >= parts->iov_len; parts++, parts_left--)
            sent -= ssize_t(parts->iov_len);
        if (parts_left) {
            parts->iov_base = static_cast<uint8_t *>(parts->iov_base) + sent;
            parts->iov_len -= size_t(sent);
        }
    }
    return true;
}

bool yq_wire::flush()
{
    if (broken())
        return false;
    struct iovec part = {held.bytes, held.length};
    bool sent = !held.length || send_all(&part, 1);
    yq_buf_clear(&held);
    return sent;
}

bool yq_wire::uncork()
{
    corked = false;
    return flush();
}

ssize_t yq_wire::write(const void *bytes, size_t length)
{
    const uint8_t *head = static_cast<const uint8_t *>(bytes);
    if (!out_left && length >= 6) { /* DUL begins a PDU */
        out_left = size_t(yq_be32(head + 2)) + 6;
        out_vital = head[0] == 4;
    }
    out_left -= length < out_left ? length : out_left;
    bool fine = !broken();
    if (fine && length >= WRITE_THROUGH) {
        struct iovec parts[2] = {{held.bytes, held.length}, {const_cast<void *>(bytes), length}};
        fine = held.length ? send_all(parts, 2) : send_all(parts + 1, 1);
        yq_buf_clear(&held);
    } else if (fine) {
        yq_buf_put(&held, bytes, length);
        fine = held.failed ? fail(YQ_FULL, "no memory") : true;
        if (fine && ((!out_left && !corked) || held.length > HELD_MOST))
            fine = flush();
    }
    errno = EPIPE;
    /* DUL leaks when a write other than of data fails; the failure is met by the next read anyway
     */
    return fine || !out_vital ? ssize_t(length) : -1;
}

/* ---- endings ---- */

void yq_wire::say(const void *pdu, size_t length)
{
    ssize_t sent;
    if (channel.ways) {
        (void)channel.ways->write(channel.of, pdu, length);
        return;
    }
    do
        sent = send(fd, pdu, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
}

void yq_wire::abort(unsigned source, unsigned reason)
{
    if (fd < 0 || abort_said || aborted || out_left)
        return;
    abort_said = true;
    uint8_t pdu[10] = {7, 0, 0, 0, 0, 4, 0, 0, uint8_t(source), uint8_t(reason)};
    say(pdu, sizeof pdu);
}

void yq_wire::close()
{
    if (fd < 0)
        return;
    if (channel.ways && !failed)
        channel.ways->finish(channel.of);
    (void)shutdown(fd, SHUT_WR);
    int64_t until = yq_monotonic_ms() + CLOSE_MS;
    size_t taken = 0;
    /* closing with bytes unread would make the kernel throw away what the peer has not read yet */
    while (!ended && !interrupted && taken < CLOSE_BYTES) {
        ssize_t got = recv(fd, in.get(), IN_ROOM, MSG_DONTWAIT);
        if (got > 0) {
            taken += size_t(got);
            continue;
        }
        int64_t left = until - yq_monotonic_ms();
        struct pollfd poll_fd = {fd, POLLIN, 0};
        if (got == 0 || (errno != EAGAIN && errno != EINTR) || left <= 0 ||
            poll(&poll_fd, 1, int(left)) == 0)
            break;
    }
    fail(YQ_PEER_GONE, "the association has ended");
    std::lock_guard<std::mutex> lock(closing);
    (void)::close(fd);
    fd = -1;
}

void yq_wire::interrupt()
{
    std::lock_guard<std::mutex> lock(closing);
    interrupted = true;
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RD); /* wakes readers and writers, and still lets an A-ABORT out */
}
