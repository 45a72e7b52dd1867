/* client.c: the asking side of an association. PS3.8 9.3, annex D; PS3.7 annex D. */
#include "bench.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { IN_ROOM = 1 << 18, PARTS_MOST = 512 };

/* ---- association ---- */

static void put_item(struct yq_buf *out, unsigned type, const void *body, size_t length)
{
    uint8_t head[2] = {(uint8_t)type, 0};
    yq_buf_put(out, head, 2);
    yq_buf_put_be16(out, (unsigned)length);
    yq_buf_put(out, body, length);
}

static void put_title(struct yq_buf *out, const char *title) { yq_buf_putf(out, "%-16s", title); }

static void put_context(struct yq_buf *out, size_t index, const struct wanted *wanted)
{
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0};
    uint8_t head[4] = {(uint8_t)(2 * index + 1)};
    yq_buf_put(&body, head, 4);
    put_item(&body, 0x30, wanted->abstract, strlen(wanted->abstract));
    put_item(&body, 0x40, wanted->syntax, strlen(wanted->syntax));
    put_item(out, 0x20, body.bytes, body.length);
}

static void put_user(struct yq_buf *out, uint32_t pdu, const struct wanted *wanted, size_t count)
{
    struct yq_buf user yq_cleanup(yq_buf_fini) = {0}, part yq_cleanup(yq_buf_fini) = {0};
    yq_buf_put_be32(&part, pdu);
    put_item(&user, 0x51, part.bytes, part.length);
    put_item(&user, 0x52, YQ_IMPLEMENTATION_UID, strlen(YQ_IMPLEMENTATION_UID));
    for (size_t i = 0; i < count; i++) {
        static const uint8_t both[2] = {1, 1};
        if (!wanted[i].scp)
            continue;
        yq_buf_clear(&part);
        yq_buf_put_be16(&part, (unsigned)strlen(wanted[i].abstract));
        yq_buf_puts(&part, wanted[i].abstract);
        yq_buf_put(&part, both, 2);
        put_item(&user, 0x54, part.bytes, part.length);
    }
    put_item(out, 0x50, user.bytes, user.length);
}

static int connect_to(const struct target *target)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(target->host, target->port, &wanted, &found) != 0)
        die("there is no host %s", target->host);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

void client_adopt(struct client *client, int fd)
{
    int on = 1;
    memset(client, 0, sizeof *client);
    client->fd = fd;
    client->in = malloc(IN_ROOM);
    if (!client->in)
        die("no memory");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void write_parts(int fd, struct iovec *parts, size_t count)
{
    while (count) {
        ssize_t sent = writev(fd, parts, (int)(count < PARTS_MOST ? count : PARTS_MOST));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            die("the connection was lost: %s", strerror(errno));
        for (; count && (size_t)sent >= parts->iov_len; parts++, count--)
            sent -= (ssize_t)parts->iov_len;
        if (count) {
            parts->iov_base = (uint8_t *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
}

/* At least `count` bytes in the buffer. False: the peer closed. */
static bool need(struct client *client, size_t count)
{
    if (client->from + count > IN_ROOM) {
        memmove(client->in, client->in + client->from, client->to - client->from);
        client->to -= client->from;
        client->from = 0;
    }
    while (client->to - client->from < count) {
        if (client->from == client->to)
            client->from = client->to = 0;
        ssize_t got = recv(client->fd, client->in + client->to, IN_ROOM - client->to, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        client->to += (size_t)got;
    }
    return true;
}

static bool skip(struct client *client, size_t length)
{
    while (length) {
        if (!need(client, 1))
            return false;
        size_t some = client->to - client->from;
        some = some < length ? some : length;
        client->from += some;
        length -= some;
    }
    return true;
}

/* The whole answer, and in it the longest PDU that the peer takes. */
static bool read_answer(struct client *client, size_t contexts)
{
    if (!need(client, 6) || client->in[client->from] != 2)
        return false;
    size_t length = yq_be32(client->in + client->from + 2), accepted = 0;
    if (length > IN_ROOM - 6 || !need(client, length + 6))
        return false;
    const uint8_t *at = client->in + client->from + 74, *end = at + length - 68;
    while (at + 4 <= end) {
        size_t item = yq_be16(at + 2);
        if (at[0] == 0x21 && at[6] == 0)
            accepted++;
        if (at[0] == 0x50) { /* its members follow */
            at += 4;
            continue;
        }
        if (at[0] == 0x51)
            client->pdu = yq_be32(at + 4);
        at += 4 + item;
    }
    client->from += length + 6;
    if (!client->pdu || client->pdu > YQ_PDU_SIZE)
        client->pdu = YQ_PDU_SIZE;
    return accepted == contexts;
}

bool client_open(struct client *client, const struct target *target, const struct wanted *wanted,
                 size_t count)
{
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0}, head yq_cleanup(yq_buf_fini) = {0};
    int fd = connect_to(target);
    if (fd < 0)
        return false;
    client_adopt(client, fd);
    yq_buf_put_be32(&body, 0x00010000);
    put_title(&body, target->aet);
    put_title(&body, "YQBENCH");
    yq_buf_room(&body, 32);
    static const char application[] = "1.2.840.10008.3.1.1.1";
    put_item(&body, 0x10, application, strlen(application));
    for (size_t i = 0; i < count; i++)
        put_context(&body, i, &wanted[i]);
    put_user(&body, target->pdu, wanted, count);
    yq_buf_put(&head, "\1", 2);
    yq_buf_put_be32(&head, (uint32_t)body.length);
    struct iovec parts[] = {{head.bytes, head.length}, {body.bytes, body.length}};
    write_parts(fd, parts, 2);
    if (read_answer(client, count))
        return true;
    close(fd);
    free(client->in);
    return false;
}

void client_close(struct client *client)
{
    static uint8_t release[10] = {5, 0, 0, 0, 0, 4};
    struct iovec part = {release, sizeof release};
    write_parts(client->fd, &part, 1);
    (void)need(client, sizeof release); /* the answer; who gave it waits for us to close */
    close(client->fd);
    free(client->in);
    yq_buf_fini(&client->command);
}

/* ---- messages ---- */

struct sending { /* PDUs of one PDV each, their heads beside the data */
    struct iovec parts[PARTS_MOST];
    uint8_t heads[PARTS_MOST][12];
    size_t count;
};

static void put_pdu(struct sending *sending, unsigned context, unsigned flags,
                    const struct iovec *data, size_t count)
{
    uint8_t *head = sending->heads[sending->count];
    size_t length = 0;
    struct yq_buf numbers yq_cleanup(yq_buf_fini) = {0};
    for (size_t i = 0; i < count; i++)
        length += data[i].iov_len;
    yq_buf_put(&numbers, "\4", 2);
    yq_buf_put_be32(&numbers, (uint32_t)length + 6);
    yq_buf_put_be32(&numbers, (uint32_t)length + 2);
    if (numbers.failed || sending->count + 1 + count > PARTS_MOST)
        die("a message of too many pieces");
    memcpy(head, numbers.bytes, 10);
    head[10] = (uint8_t)context;
    head[11] = (uint8_t)flags;
    sending->parts[sending->count++] = (struct iovec){head, 12};
    for (size_t i = 0; i < count; i++)
        sending->parts[sending->count++] = data[i];
}

/* Takes up to `most` bytes off the front of two parts. */
static size_t cut(struct iovec rest[2], size_t most, struct iovec piece[2])
{
    size_t count = 0;
    for (int i = 0; i < 2 && most; i++) {
        size_t some = rest[i].iov_len < most ? rest[i].iov_len : most;
        if (!some)
            continue;
        piece[count++] = (struct iovec){rest[i].iov_base, some};
        rest[i].iov_base = (uint8_t *)rest[i].iov_base + some;
        rest[i].iov_len -= some;
        most -= some;
    }
    return count;
}

void client_send(struct client *client, const struct yq_message *message, const void *first,
                 size_t first_length, const void *second, size_t second_length)
{
    struct sending sending = {.count = 0};
    struct yq_buf command yq_cleanup(yq_buf_fini) = {0};
    struct iovec rest[2] = {{(void *)(uintptr_t)first, first_length},
                            {(void *)(uintptr_t)second, second_length}};
    yq_command_encode(message, &command);
    put_pdu(&sending, message->context, 3, &(struct iovec){command.bytes, command.length}, 1);
    while (rest[0].iov_len + rest[1].iov_len) {
        struct iovec piece[2];
        size_t count = cut(rest, (client->pdu - 6) & ~1u, piece);
        put_pdu(&sending, message->context, rest[0].iov_len + rest[1].iov_len ? 0 : 2, piece,
                count);
    }
    write_parts(client->fd, sending.parts, sending.count);
}

/* The next PDV's head. False: no more messages come. */
static bool next_piece(struct client *client, uint32_t *length, unsigned *context, unsigned *flags)
{
    if (!client->pdu_left) {
        if (!need(client, 6) || client->in[client->from] != 4)
            return false;
        client->pdu_left = yq_be32(client->in + client->from + 2);
        client->from += 6;
    }
    if (!need(client, 6))
        return false;
    const uint8_t *head = client->in + client->from;
    *length = yq_be32(head);
    *context = head[4];
    *flags = head[5];
    if (*length < 2 || *length + 4 > client->pdu_left)
        die("the peer broke the protocol");
    client->pdu_left -= *length + 4;
    *length -= 2;
    client->from += 6;
    return true;
}

bool client_receive(struct client *client, struct yq_message *message, size_t *length)
{
    struct yq_err err;
    uint32_t piece;
    unsigned context, flags;
    *length = 0;
    yq_buf_clear(&client->command);
    do {
        if (!next_piece(client, &piece, &context, &flags) || !need(client, piece))
            return false;
        yq_buf_put(&client->command, client->in + client->from, piece);
        client->from += piece;
    } while (!(flags & 2));
    if (!yq_command_decode(client->command.bytes, client->command.length, message, &err))
        die("%s", err.text);
    message->context = context;
    if (!message->has_dataset)
        return true;
    do {
        if (!next_piece(client, &piece, &context, &flags) || !skip(client, piece))
            return false;
        *length += piece;
    } while (!(flags & 2));
    return true;
}
