/* http.c: the HTTP server. Knows libmicrohttpd and nothing of DICOM; hands each request that may
 * come in to its route and the reply back to the client.
 *
 * Threads: two of libmicrohttpd's wait on sockets (epoll) and never block on anything else;
 * `http.workers` of ours run the routes. A request waits in a bounded queue with its connection
 * suspended; a full queue is answered 503 at once. Work that takes long goes back to the end of the
 * queue between its pieces, so that a few long batches do not keep everybody else waiting.
 *
 * What is refused, and why: admit.c, access.c, upload.c. RFC 9110, RFC 9112. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "visit.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/log.h"

#define SOCKET_THREADS 2
#define IDLE_SECONDS 30 /* a connection on which nothing moves */
#define ASK_SECONDS 60  /* from when a client may ask until its headers are there */
#define TAKE_SECONDS 60 /* in each such span of its answer a client must take TAKE_BYTES */
#define TAKE_BYTES (60 * 1024)
#define SWEEP_SECONDS 5
#define HEADER_BYTES (32 * 1024) /* request line, headers and reply headers of a connection */
#define QUEUE_PER_WORKER 64
#define GIVE_SECONDS 20 /* in each such span GIVE_BYTES of a body must come; < IDLE_SECONDS */
#define GIVE_BYTES (20 * 1024)
#define API "/api/v1/"
#define DROP_MOST (16 << 20) /* of a body that is not wanted, for the sake of an answer */

/* ---- the reply on its way out ---- */

static void log_visit(struct visit *visit, const char *method)
{
    char path[100];
    unsigned status = visit->reply.status;
    struct yq_counts *counts = &visit->door->house->counts;
    const char *shown = visit->pattern ? visit->pattern : visit->uri ? visit->uri : "";
    (void)yq_copy(path, sizeof path, shown);
    if (!visit->pattern && strncmp(path, API, strlen(API)) == 0) /* ids may be a patient's */
        path[strlen(API) + strcspn(path + strlen(API), "/")] = '\0';
    path[strcspn(path, "?")] = '\0'; /* a query may hold names and numbers of patients */
    for (char *p = path; *p; p++)
        if (*p <= ' ' || *p == '"' || *p == '=' || *p >= 0x7f)
            *p = '?';
    if (strlen(method) > 10 || strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method))
        method = "other";
    atomic_fetch_add(&counts->http_requests, 1);
    if (status >= 400)
        atomic_fetch_add(&counts->http_errors, 1);
    long long ms = (long long)(yq_monotonic_ms() - visit->started_ms);
    if (visit->reply.trouble.code != YQ_OK)
        yq_log_err(YQ_LOG_WARN, "http-request", &visit->reply.trouble,
                   "method=%s path=%s status=%u ms=%lld", method, path, status, ms);
    else
        yq_log(status < 400 ? YQ_LOG_DEBUG : YQ_LOG_INFO, "http-request",
               "method=%s path=%s status=%u ms=%lld", method, path, status, ms);
}

static struct MHD_Response *make_response(struct reply *reply)
{
    struct MHD_Response *response;
    if (reply->fd >= 0 && reply->length) {
        response = MHD_create_response_from_fd_at_offset64(reply->length, reply->fd, reply->offset);
        if (response)
            reply->fd = -1; /* closed with the response */
    } else if (reply->body.length) {
        response = MHD_create_response_from_buffer_with_free_callback(reply->body.length,
                                                                      reply->body.bytes, free);
        if (response)
            memset(&reply->body, 0, sizeof reply->body);
    } else {
        static char nothing[1];
        response = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    return response;
}

static void add_headers(struct MHD_Response *response, struct reply *reply)
{
    char *save = NULL;
    char *lines = reply->headers.bytes ? (char *)reply->headers.bytes : NULL;
    for (char *line = lines ? strtok_r(lines, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        if (!colon)
            continue;
        *colon = '\0';
        MHD_add_response_header(response, line, colon + 2);
    }
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
}

/* The page may read the answer, whatever it is. Fetch standard, CORS protocol. */
static void add_cors(struct MHD_Response *response, const struct visit *visit)
{
    if (!visit->origin)
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", visit->origin);
    MHD_add_response_header(response, "Vary", "Origin");
    MHD_add_response_header(response, "Access-Control-Expose-Headers",
                            "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, "
                            "ETag, Last-Modified, Link, Location, Retry-After");
}

static enum MHD_Result send_reply(struct visit *visit)
{
    struct MHD_Response *response = make_response(&visit->reply);
    visit->state = ANSWERED;
    if (!response)
        return MHD_NO; /* no memory: the connection closes */
    add_headers(response, &visit->reply);
    add_cors(response, visit);
    yq_patience_taking(visit->door->patience, visit->asker, yq_monotonic_ms());
    enum MHD_Result done = MHD_queue_response(visit->connection, visit->reply.status, response);
    MHD_destroy_response(response);
    return done;
}

/* An answer that needs no worker. */
static enum MHD_Result answer_now(struct visit *visit, const char *method)
{
    log_visit(visit, method);
    yq_log_set_trace("");
    return send_reply(visit);
}

/* ---- workers ---- */

/* Whichever worker comes by first, whether or not there is work. */
static void look_after_slow_clients(struct yq_http *door)
{
    static const struct yq_patience_rules rules = {.ask_ms = ASK_SECONDS * 1000,
                                                   .take_ms = TAKE_SECONDS * 1000,
                                                   .take_bytes = TAKE_BYTES,
                                                   .give_ms = GIVE_SECONDS * 1000,
                                                   .give_bytes = GIVE_BYTES};
    long long now = yq_monotonic_ms(), last = atomic_load(&door->swept_ms);
    if (now - last < SWEEP_SECONDS * 1000 ||
        !atomic_compare_exchange_strong(&door->swept_ms, &last, now))
        return;
    size_t slow = yq_patience_sweep(door->patience, &rules, now);
    if (slow)
        yq_log(YQ_LOG_INFO, "http-slow-clients", "closed=%zu", slow);
}

/* For work, at most SWEEP_SECONDS. */
static void wait_for_visit(struct yq_http *door)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SWEEP_SECONDS;
    pthread_cond_timedwait(&door->arrived, &door->lock, &until);
    pthread_mutex_unlock(&door->lock);
    look_after_slow_clients(door);
    pthread_mutex_lock(&door->lock);
}

static struct visit *next_visit(struct yq_http *door)
{
    pthread_mutex_lock(&door->lock);
    while (!door->first && !(door->stopping && door->queued == 0))
        wait_for_visit(door);
    struct visit *visit = door->first;
    if (visit) {
        door->first = visit->next;
        if (!door->first)
            door->last = &door->first;
        door->queued--;
        if (door->stopping)
            pthread_cond_broadcast(&door->arrived);
    }
    pthread_mutex_unlock(&door->lock);
    return visit;
}

/* Its place in the queue is there already. */
static void append(struct visit *visit)
{
    struct yq_http *door = visit->door;
    visit->next = NULL;
    pthread_mutex_lock(&door->lock);
    *door->last = visit;
    door->last = &visit->next;
    pthread_cond_signal(&door->arrived);
    pthread_mutex_unlock(&door->lock);
}

/* One more place, whether there is room or not: for a visit that was let in. */
static void append_again(struct visit *visit)
{
    pthread_mutex_lock(&visit->door->lock);
    visit->door->queued++;
    pthread_mutex_unlock(&visit->door->lock);
    append(visit);
}

/* False: there is more to be done, later. */
static bool serve(struct visit *visit)
{
    visit->reply.again = false;
    visit->route->function(visit->door->house, &visit->request, &visit->reply);
    if (visit->reply.again)
        return false;
    if (visit->reply.headers.failed || !visit->reply.status)
        yq_reply_problem(&visit->reply, 500, "no memory for an answer");
    yq_reply_compress(&visit->request, &visit->reply);
    return true;
}

static void *work(void *argument)
{
    struct yq_http *door = argument;
    for (struct visit *visit; (visit = next_visit(door));) {
        yq_log_set_trace(visit->trace);
        if (atomic_load_explicit(&visit->parked, memory_order_acquire)) {
            if (!put_away(visit, false))
                visit->state = REFUSED;
            atomic_store_explicit(&visit->parked, false, memory_order_release);
        } else if (!visit->reply.work && !put_away(visit, true)) {
            log_visit(visit, visit->method);
            visit->state = ANSWERED;
        } else if (serve(visit)) {
            log_visit(visit, visit->method);
            visit->state = ANSWERED;
        } else {
            append_again(visit);
            continue;
        }
        MHD_resume_connection(visit->connection); /* from here on it is the socket thread's */
        look_after_slow_clients(door);
    }
    yq_log_set_trace("");
    return NULL;
}

/* A place is promised before the connection is suspended, so that a worker never meets a visit
 * whose connection is not, and libmicrohttpd is not called under our lock. */
static bool enqueue(struct visit *visit)
{
    struct yq_http *door = visit->door;
    pthread_mutex_lock(&door->lock);
    bool room = !door->stopping && door->queued < door->queue_most;
    door->queued += room;
    pthread_mutex_unlock(&door->lock);
    if (!room)
        return false;
    MHD_suspend_connection(visit->connection);
    append(visit);
    return true;
}

bool yq_http_stopping(const struct yq_http *door) { return door && atomic_load(&door->leaving); }

/* ---- what libmicrohttpd calls ---- */

/* libmicrohttpd calls this when it has read a request line; what it returns goes with the
 * request until on_completed. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct visit *visit = calloc(1, sizeof *visit);
    if (!visit)
        return NULL;
    visit->door = context;
    visit->connection = connection;
    visit->reply.fd = -1;
    visit->request.spool = -1;
    visit->request.door = context;
    visit->started_ms = yq_monotonic_ms();
    visit->uri = strndup(uri, YQ_URI_MOST + 1);
    visit->uri_too_long = visit->uri && strlen(visit->uri) > YQ_URI_MOST;
    snprintf(visit->trace, sizeof visit->trace, "h%x", atomic_fetch_add(&visit->door->traces, 1));
    return visit;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct yq_http *door = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        yq_patience_end(door->patience, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        *socket_context = yq_patience_begin(door->patience, info->connect_fd, yq_monotonic_ms());
}

static struct yq_asker *asker_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The headers are there. */
static enum MHD_Result begin(struct visit *visit, const char *method)
{
    visit->asker = asker_of(visit->connection);
    yq_patience_asked(visit->door->patience, visit->asker);
    yq_log_set_trace(visit->trace);
    visit->state = admit(visit, method) ? ADMITTED : REFUSED;
    /* An answer before the body ends the connection; one to a whole request does not. */
    if (visit->state == REFUSED && has_body(visit))
        return answer_now(visit, visit->method);
    if (visit->state == ADMITTED && has_body(visit))
        yq_patience_giving(visit->door->patience, visit->asker, yq_monotonic_ms());
    yq_log_set_trace("");
    return MHD_YES;
}

/* A piece of the body. libmicrohttpd takes no answer before the last one. */
static enum MHD_Result go_on(struct visit *visit, const char *bytes, size_t *size)
{
    if (atomic_load_explicit(&visit->parked, memory_order_acquire))
        return MHD_YES; /* it is offered again after the resume */
    size_t length = *size;
    *size = 0;
    yq_patience_given(visit->door->patience, visit->asker, length);
    if (visit->state == REFUSED) {
        visit->dropped += length;
        return visit->dropped > DROP_MOST ? MHD_NO : MHD_YES;
    }
    if (!take_piece(visit, bytes, length)) {
        visit->state = REFUSED;
        return MHD_YES;
    }
    if (!is_piece_full(visit))
        return MHD_YES;
    atomic_store_explicit(&visit->parked, true, memory_order_relaxed);
    if (enqueue(visit))
        return MHD_YES;
    atomic_store_explicit(&visit->parked, false, memory_order_relaxed);
    yq_reply_problem(&visit->reply, 503, "too many requests are waiting");
    visit->state = REFUSED;
    return MHD_YES;
}

/* The request is whole. */
static enum MHD_Result pass_on(struct visit *visit)
{
    yq_patience_asked(visit->door->patience, visit->asker);
    yq_log_set_trace(visit->trace);
    if (visit->state == ADMITTED) {
        visit->state = WAITING;
        if (enqueue(visit)) {
            yq_log_set_trace("");
            return MHD_YES;
        }
        yq_reply_problem(&visit->reply, 503, "too many requests are waiting");
    }
    return answer_now(visit, visit->method);
}

/* Called when the headers are there, for each piece of the body, when the request is whole, and
 * after each resume. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)context, (void)connection, (void)url, (void)version;
    struct visit *visit = *state;
    if (!visit)
        return MHD_NO;
    if (*upload_size)
        return go_on(visit, upload, upload_size);
    switch (visit->state) {
    case ARRIVED: return begin(visit, method);
    case ADMITTED:
    case REFUSED: return pass_on(visit);
    case WAITING: return MHD_YES;
    case ANSWERED: return send_reply(visit);
    }
    return MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    (void)context, (void)connection;
    struct visit *visit = *state;
    if (!visit)
        return;
    *state = NULL;
    if (how == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
        yq_patience_lost(visit->asker);
    yq_patience_again(visit->door->patience, visit->asker, yq_monotonic_ms());
    yq_params_fini(&visit->request.params);
    yq_path_fini(&visit->path);
    body_fini(visit);
    yq_reply_fini(&visit->reply);
    free(visit->uri);
    free(visit);
}

static void on_complaint(void *context, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void on_complaint(void *context, const char *format, va_list args)
{
    char text[200];
    (void)context;
    vsnprintf(text, sizeof text, format, args);
    for (char *p = text; *p; p++)
        if (*p == '"' || *p == '\n')
            *p = ' ';
    yq_log(YQ_LOG_DEBUG, "http-library", "text=\"%s\"", text);
}

/* ---- opening and closing ---- */

static bool try_listen(struct yq_http *door, const struct addrinfo *at, int *fd)
{
    union {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        struct sockaddr any;
    } got = {0};
    socklen_t length = sizeof got;
    int on = 1, off = 0;
    *fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return false;
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6) /* "::" means IPv4 too */
        setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(*fd, at->ai_addr, at->ai_addrlen) != 0 || listen(*fd, SOMAXCONN) != 0 ||
        getsockname(*fd, &got.any, &length) != 0) {
        int reason = errno;
        close(*fd);
        errno = reason;
        return false;
    }
    door->loopback = yq_address_is_loopback(&got.any);
    door->port = ntohs(got.any.sa_family == AF_INET6 ? got.v6.sin6_port : got.v4.sin_port);
    return true;
}

static bool listen_at(struct yq_http *door, const struct yq_conf *conf, int *fd, struct yq_err *err)
{
    char port[16], reason[80];
    struct addrinfo *list = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    snprintf(port, sizeof port, "%u", (unsigned)conf->http_port);
    int trouble = getaddrinfo(conf->http_bind, port, &hints, &list);
    if (trouble)
        return yq_fail(err, YQ_BAD_INPUT, "door", "http.bind=%s is no address of this machine: %s",
                       conf->http_bind, gai_strerror(trouble));
    bool done = false;
    errno = 0;
    for (struct addrinfo *at = list; at && !done; at = at->ai_next)
        done = try_listen(door, at, fd);
    int number = errno;
    freeaddrinfo(list);
    if (done)
        return true;
    return yq_fail(err, number == EADDRINUSE ? YQ_BUSY : YQ_IO, "door",
                   "cannot listen for HTTP on %s port %s: %s; choose another with --set "
                   "http.port=N or http.bind=ADDRESS",
                   conf->http_bind, port, strerror_r(number, reason, sizeof reason));
}

/* All threads of the door leave signals to the node's main thread. */
static bool start_threads(struct yq_http *door, const struct yq_conf *conf, int listening,
                          struct yq_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    size_t workers = (size_t)conf->http_workers;
    while (door->worker_count < workers && door->worker_count < WORKERS_MOST &&
           pthread_create(&door->workers[door->worker_count], NULL, work, door) == 0)
        door->worker_count++;
    door->queue_most = door->worker_count * QUEUE_PER_WORKER;
    if (door->worker_count)
        door->daemon = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
            NULL, on_request, door, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, door,
            MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_THREAD_POOL_SIZE,
            (unsigned)SOCKET_THREADS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)conf->http_connections,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
            1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, door, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
            NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return door->daemon ||
           yq_fail(err, YQ_IO, "door", "cannot start the threads of the HTTP server");
}

bool yq_http_open_routes(struct yq_house *house, const struct yq_route *routes, size_t count,
                         struct yq_http **out, struct yq_err *err)
{
    int listening = -1;
    pthread_condattr_t monotonic;
    struct yq_http *door = calloc(1, sizeof *door);
    *out = NULL;
    if (!door)
        return yq_fail(err, YQ_FULL, "door", "no memory for the HTTP server");
    door->house = house;
    door->routes = routes;
    door->route_count = count;
    door->last = &door->first;
    atomic_init(&door->swept_ms, yq_monotonic_ms());
    atomic_init(&door->traces, (unsigned)yq_now_ms() << 8); /* differ from those before a restart */
    pthread_mutex_init(&door->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&door->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    door->memo = yq_memo_new();
    door->patience = yq_patience_new();
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    bool ok = ((door->memo && door->patience) ||
               yq_fail(err, YQ_FULL, "door", "no memory for the HTTP server")) &&
              served_new(house, &door->served, &door->served_count, err) &&
              listen_at(door, conf, &listening, err) && start_threads(door, conf, listening, err);
    if (ok && !door->loopback && !conf->token_count)
        yq_log(YQ_LOG_WARN, "http-no-tokens",
               "bind=%s text=\"every request will be refused: add a token to tokens.json\"",
               conf->http_bind);
    yq_conf_release(house->conf, conf);
    if (!ok) {
        yq_http_close(door);
        return false;
    }
    *out = door;
    return true;
}

void yq_http_close(struct yq_http *door)
{
    if (!door)
        return;
    int listening = door->daemon ? (int)MHD_quiesce_daemon(door->daemon) : -1;
    atomic_store(&door->leaving, true);
    pthread_mutex_lock(&door->lock);
    door->stopping = true;
    pthread_cond_broadcast(&door->arrived);
    pthread_mutex_unlock(&door->lock);
    for (size_t i = 0; i < door->worker_count; i++) /* they finish what is queued first */
        pthread_join(door->workers[i], NULL);
    if (door->daemon)
        MHD_stop_daemon(door->daemon);
    yq_close(&listening); /* not before: the daemon's threads may still have had it in hand */
    pthread_cond_destroy(&door->arrived);
    pthread_mutex_destroy(&door->lock);
    yq_memo_free(door->memo);
    yq_patience_free(door->patience);
    free(door->served);
    free(door);
}

unsigned yq_http_port(const struct yq_http *door) { return door->port; }
