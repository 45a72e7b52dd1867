/* stage.c: the server of rehearsals: one thread a connection, on loopback alone. What an answer is
 * to be is somebody else's matter; here it is sent, sent late, cut or kept back.
 *
 * A cut answer is written past libmicrohttpd to the connection's socket, which is shut down then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "yq/clock.h"
#include "yq/stage.h"

enum { CONNECTIONS = 500, IDLE_SECONDS = 120, LOOK_MS = 100 };

struct yq_stage {
    struct MHD_Daemon *daemon;
    yq_stage_function *function;
    void *context;
    unsigned port;
    atomic_bool leaving;
};

struct visit { /* a request */
    struct yq_buf body;
    char *query; /* owned; behind the ? */
    bool asked;  /* its headers were seen */
};

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct visit *visit = calloc(1, sizeof *visit);
    const char *mark = uri ? strchr(uri, '?') : NULL;
    (void)context, (void)connection;
    if (!visit)
        return NULL;
    visit->body.most = YQ_STAGE_BODY_MOST;
    visit->query = strdup(mark ? mark + 1 : "");
    return visit;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct visit *visit = *state;
    (void)context, (void)connection, (void)how;
    *state = NULL;
    if (!visit)
        return;
    yq_buf_fini(&visit->body);
    free(visit->query);
    free(visit);
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* Until the time is over, the other side has hung up, or the stage closes. */
static void wait_some(struct yq_stage *stage, int fd, unsigned ms)
{
    int64_t until = yq_monotonic_ms() + ms;
    for (int64_t left = ms; left > 0 && !atomic_load(&stage->leaving);
         left = until - yq_monotonic_ms()) {
        struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
        int64_t slice = left < LOOK_MS ? left : LOOK_MS;
        if (poll(&gone, 1, (int)slice) > 0 && (gone.revents & (POLLRDHUP | POLLHUP | POLLERR)))
            return;
    }
}

static void push(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (sent < 0 && errno == EAGAIN && poll(&ready, 1, 1000) > 0)
            continue;
        if (sent <= 0)
            return;
        at += sent;
        length -= (size_t)sent;
    }
}

static void cut(int fd, const struct yq_stage_call *call)
{
    char head[200];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %u Cut\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          call->status, call->answer.length);
    if (call->act == YQ_STAGE_CUT_HEADER) {
        push(fd, head, (size_t)length / 2);
    } else if (call->act == YQ_STAGE_CUT_BODY) {
        push(fd, head, (size_t)length);
        push(fd, yq_buf_text(&call->answer), call->answer.length / 2);
    }
    shutdown(fd, SHUT_RDWR);
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct yq_stage_call *call)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        call->answer.length, call->answer.bytes, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type",
                            call->media ? call->media : "application/json; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, call->status, response);
    MHD_destroy_response(response);
    return result;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

static enum MHD_Result perform(struct yq_stage *stage, struct MHD_Connection *connection,
                               struct visit *visit, const char *method, const char *path)
{
    int fd = socket_of(connection);
    struct yq_stage_call call = {.method = method,
                                 .path = path,
                                 .query = visit->query ? visit->query : "",
                                 .content_type = header(connection, "Content-Type"),
                                 .encryption_type = header(connection, "encryption-type"),
                                 .body = yq_buf_text(&visit->body),
                                 .length = visit->body.length};
    if (visit->body.failed)
        call.status = 413;
    else
        stage->function(stage->context, &call);
    call.status = call.status ? call.status : 200;
    if (call.wait_ms)
        wait_some(stage, fd, call.wait_ms);
    enum MHD_Result result = MHD_NO;
    if (call.act == YQ_STAGE_ANSWER && !atomic_load(&stage->leaving))
        result = answer(connection, &call);
    else
        cut(fd, &call);
    yq_buf_fini(&call.answer);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct visit *visit = *state;
    (void)version;
    if (!visit)
        return MHD_NO;
    if (!visit->asked) {
        visit->asked = true;
        return MHD_YES;
    }
    if (!*upload_size)
        return perform(context, connection, visit, method, url);
    yq_buf_put(&visit->body, upload, *upload_size);
    *upload_size = 0;
    return MHD_YES;
}

bool yq_stage_open(unsigned port, yq_stage_function *function, void *context, struct yq_stage **out,
                   struct yq_err *err)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct yq_stage *stage = calloc(1, sizeof *stage);
    sigset_t all, before;
    *out = NULL;
    if (!stage)
        return yq_fail(err, YQ_FULL, "door", "no memory for the server of the rehearsal");
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stage->function = function;
    stage->context = context;
    atomic_init(&stage->leaving, false);
    sigfillset(&all); /* its threads leave signals to the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = 0;
    stage->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, on_request, stage, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_URI_LOG_CALLBACK, on_uri, stage,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    int reason = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!stage->daemon) {
        free(stage);
        return yq_fail(err, YQ_BUSY, "door", "cannot listen on 127.0.0.1 port %u: %s", port,
                       reason ? strerror(reason) : "the server does not start");
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(stage->daemon, MHD_DAEMON_INFO_BIND_PORT);
    stage->port = info ? info->port : port;
    *out = stage;
    return true;
}

unsigned yq_stage_port(const struct yq_stage *stage) { return stage->port; }

void yq_stage_close(struct yq_stage *stage)
{
    if (!stage)
        return;
    atomic_store(&stage->leaving, true);
    MHD_stop_daemon(stage->daemon);
    free(stage);
}
