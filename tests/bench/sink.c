/* sink.c: a storage SCP that throws away what it gets: the destination of a C-MOVE. */
#include "bench.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepts every context with the first syntax proposed. */
static void answer(struct client *client, const uint8_t *request, size_t length)
{
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0}, out yq_cleanup(yq_buf_fini) = {0};
    static const char application[] = "\x10\0\0\x15"
                                      "1.2.840.10008.3.1.1.1";
    static const uint8_t user[] = {0x50, 0, 0, 8, 0x51, 0, 0, 4, 0, 2, 0, 0};
    yq_buf_put(&body, request, 68);
    yq_buf_put(&body, application, sizeof application - 1);
    for (size_t at = 68; at + 8 <= length; at += 4 + yq_be16(request + at + 2)) {
        if (request[at] != 0x20)
            continue;
        size_t syntax = at + 8 + 4 + yq_be16(request + at + 10);
        size_t size = yq_be16(request + syntax + 2);
        uint8_t head[8] = {0x21, 0, 0, 0, request[at + 4], 0, 0, 0};
        head[2] = (uint8_t)((size + 8) >> 8), head[3] = (uint8_t)(size + 8);
        yq_buf_put(&body, head, 8);
        yq_buf_put(&body, request + syntax, size + 4);
    }
    yq_buf_put(&body, user, sizeof user);
    yq_buf_put(&out, "\2", 2);
    yq_buf_put_be32(&out, (uint32_t)body.length);
    yq_buf_put(&out, body.bytes, body.length);
    if (send(client->fd, out.bytes, out.length, MSG_NOSIGNAL) != (ssize_t)out.length)
        die("the sink cannot answer");
}

static void *serve(void *context)
{
    static const uint8_t released[10] = {6, 0, 0, 0, 0, 4};
    struct client client;
    uint8_t head[6], *request;
    client_adopt(&client, (int)(intptr_t)context);
    client.pdu = 16384;
    if (recv(client.fd, head, sizeof head, MSG_WAITALL) != sizeof head)
        return NULL;
    size_t length = yq_be32(head + 2);
    if (length > 65536 || !(request = malloc(length)))
        die("an association request that is too long");
    if (recv(client.fd, request, length, MSG_WAITALL) == (ssize_t)length)
        answer(&client, request, length);
    free(request);
    struct yq_message message;
    while (client_receive(&client, &message, &length)) {
        message.command = YQ_C_STORE_RSP;
        message.has_dataset = false;
        message.status = 0;
        client_send(&client, &message, NULL, 0, NULL, 0);
    }
    (void)send(client.fd, released, sizeof released, MSG_NOSIGNAL);
    close(client.fd);
    free(client.in);
    yq_buf_fini(&client.command);
    return NULL;
}

static void *listen_for_ever(void *context)
{
    for (;;) {
        pthread_t thread;
        int fd = accept((int)(intptr_t)context, NULL, NULL);
        if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            die("the sink cannot accept");
        pthread_detach(thread);
    }
    return NULL;
}

void sink_start(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 16) != 0 ||
        pthread_create(&thread, NULL, listen_for_ever, (void *)(intptr_t)fd) != 0)
        die("the sink cannot listen on port %s", port);
}
