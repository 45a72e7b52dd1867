/* http.c: the HTTP server. Knows libmicrohttpd and nothing of DICOM; hands each request that may
 * come in to its route and the reply back to the client.
 *
 * Threads: two of libmicrohttpd's wait on sockets (epoll) and never block on anything else;
 * `http.workers` of ours run the routes. A request waits in a bounded queue with its connection
 * suspended; a full queue is answered 503 at once. A visit (one request on its way) has one owner
 * at a time: the socket thread until it is queued, then a worker, and after the resume the socket
 * thread again; libmicrohttpd's own lock orders them.
 *
 * Refused here: requests with a body, methods other than GET, HEAD and a browser's OPTIONS, long
 * URLs, and whoever may not come in (access.c). RFC 9110, RFC 9112. */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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
#define WORKERS_MOST 64

struct yq_http {
    struct yq_house *house;
    const struct yq_route *routes;
    size_t route_count;
    struct MHD_Daemon *daemon;
    struct yq_memo *memo;
    struct yq_patience *patience;
    unsigned port;
    bool loopback; /* listens there only */
    atomic_uint traces;
    atomic_llong swept_ms; /* when slow clients were last looked for */

    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct visit *first, **last;
    size_t queued, queue_most; /* with places that are promised but not yet taken */
    bool stopping;

    pthread_t workers[WORKERS_MOST];
    size_t worker_count;
};

struct visit {
    struct yq_http *door;
    struct MHD_Connection *connection;
    struct yq_asker *asker;
    struct visit *next;
    enum { ARRIVED, ADMITTED, REFUSED, WAITING, ANSWERED } state;
    char *uri; /* as sent; path and query end up as two strings in it */
    bool uri_too_long;
    const struct yq_route *route;
    const char *origin; /* of the page that asks, where it may read the answer; else NULL */
    struct request request;
    struct reply reply;
    char trace[16];
    int64_t started_ms;
};

/* ---- the reply on its way out ---- */

static void log_visit(struct visit *visit, const char *method)
{
    char path[100];
    unsigned status = visit->reply.status;
    struct yq_counts *counts = &visit->door->house->counts;
    (void)yq_copy(path, sizeof path, visit->uri ? visit->uri : "");
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
                            "ETag, Last-Modified, Link, Retry-After");
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
    static const struct yq_patience_rules rules = {
        .ask_ms = ASK_SECONDS * 1000, .take_ms = TAKE_SECONDS * 1000, .take_bytes = TAKE_BYTES};
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

static void *work(void *argument)
{
    struct yq_http *door = argument;
    for (struct visit *visit; (visit = next_visit(door));) {
        yq_log_set_trace(visit->trace);
        visit->route->function(door->house, &visit->request, &visit->reply);
        if (visit->reply.headers.failed || !visit->reply.status)
            yq_reply_problem(&visit->reply, 500, "no memory for an answer");
        yq_reply_compress(&visit->request, &visit->reply);
        log_visit(visit, visit->request.method == YQ_HEAD ? "HEAD" : "GET");
        visit->state = ANSWERED;
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
    visit->state = WAITING;
    MHD_suspend_connection(visit->connection);
    pthread_mutex_lock(&door->lock);
    *door->last = visit;
    door->last = &visit->next;
    pthread_cond_signal(&door->arrived);
    pthread_mutex_unlock(&door->lock);
    return true;
}

/* ---- a request comes in ---- */

static const char *header_of(struct visit *visit, const char *name)
{
    const char *value = MHD_lookup_connection_value(visit->connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

/* What reverse proxies write. One on this machine makes everybody's connection come from here. */
static bool came_by_proxy(struct visit *visit)
{
    static const char *const names[] = {"Forwarded",         "X-Forwarded-For", "X-Forwarded-Host",
                                        "X-Forwarded-Proto", "X-Real-IP",       "Via"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (*header_of(visit, names[i]))
            return true;
    return false;
}

/* A browser asks beforehand whether a page may ask, and shows no token then. */
static bool is_preflight(struct visit *visit, const char *method)
{
    return visit->origin && strcmp(method, "OPTIONS") == 0 &&
           *header_of(visit, "Access-Control-Request-Method");
}

static void answer_preflight(struct visit *visit)
{
    struct reply *reply = &visit->reply;
    reply->status = 204;
    yq_reply_header(reply, "Access-Control-Allow-Methods", "GET, HEAD");
    yq_reply_header(reply, "Access-Control-Allow-Headers",
                    "Accept, Authorization, If-Match, If-Modified-Since, If-None-Match, If-Range, "
                    "If-Unmodified-Since, Range");
    yq_reply_header(reply, "Access-Control-Max-Age", "600");
}

static void find_origin(struct visit *visit)
{
    const char *origin = header_of(visit, "Origin");
    const struct yq_conf *conf = yq_conf_hold(visit->door->house->conf);
    if (*origin && yq_cors_allows(conf, origin))
        visit->origin = origin;
    yq_conf_release(visit->door->house->conf, conf);
}

/* Who it is. False with a reply when it may not come in, or when that was all it wanted to know;
 * request.trusted says whether it may do more than ask an open route. */
static bool may_come_in(struct visit *visit, const char *method)
{
    struct yq_http *door = visit->door;
    const char *host = header_of(visit, "Host");
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(visit->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    visit->request.from.door = "http";
    if (peer)
        (void)!getnameinfo(peer->client_addr, sizeof(struct sockaddr_in6),
                           visit->request.from.address, sizeof visit->request.from.address, NULL, 0,
                           NI_NUMERICHOST);
    bool near = door->loopback && peer && yq_address_is_loopback(peer->client_addr) &&
                !came_by_proxy(visit);
    if (door->loopback && *host && !yq_host_is_local(host)) {
        yq_reply_problem(&visit->reply, 403,
                         "this node listens on loopback only and answers to the host names "
                         "localhost, 127.0.0.1 and [::1]");
        return false;
    }
    find_origin(visit);
    if (is_preflight(visit, method)) {
        answer_preflight(visit);
        return false;
    }
    const struct yq_conf *conf = yq_conf_hold(door->house->conf);
    bool token = yq_token_fits(conf, header_of(visit, "Authorization"), visit->request.from.user);
    visit->request.trusted = near || token;
    yq_conf_release(door->house->conf, conf);
    if (visit->request.trusted || (visit->route && visit->route->open))
        return true;
    yq_reply_problem(&visit->reply, 401, "a bearer token of tokens.json is needed");
    yq_reply_header(&visit->reply, "WWW-Authenticate", "Bearer realm=\"yingqiao\"");
    return false;
}

static bool check_access(struct visit *visit, const char *method)
{
    if (may_come_in(visit, method))
        return true;
    if (visit->reply.status < 400)
        return false;
    yq_audit_refused(visit->door->house->audit, &visit->request.from,
                     visit->reply.status == 401 ? "HTTP without a token of tokens.json"
                                                : "HTTP with the host name of another machine");
    return false;
}

static void find_route(struct visit *visit)
{
    const struct yq_http *door = visit->door;
    for (size_t i = 0; i < door->route_count && !visit->route; i++)
        if (strcmp(door->routes[i].path, visit->uri) == 0)
            visit->route = &door->routes[i];
}

static bool check_method(struct visit *visit, const char *method)
{
    unsigned bit = 0;
    if (strcmp(method, "GET") == 0)
        bit = YQ_GET;
    else if (strcmp(method, "HEAD") == 0)
        bit = YQ_HEAD;
    visit->request.method = (enum yq_method)bit;
    if (visit->route->methods & bit)
        return true;
    yq_reply_problem(&visit->reply, 405, "only GET and HEAD are answered here");
    yq_reply_header(&visit->reply, "Allow", "GET, HEAD");
    return false;
}

static bool has_body(struct visit *visit)
{
    const char *length = header_of(visit, "Content-Length");
    return *header_of(visit, "Transfer-Encoding") || strspn(length, "0 ") != strlen(length);
}

/* "http://host/path" is as good as "/path" (RFC 9112 3.2.2). */
static void drop_authority(char *uri)
{
    if (strncasecmp(uri, "http://", 7) != 0)
        return;
    const char *path = uri + 7 + strcspn(uri + 7, "/?");
    memmove(uri, path, strlen(path) + 1);
}

/* True when a worker should have it; else the reply is filled. */
static bool admit(struct visit *visit, const char *method)
{
    struct request *request = &visit->request;
    struct yq_err err = {0};
    if (!visit->uri) {
        yq_reply_problem(&visit->reply, 503, "no memory for a request");
        return false;
    }
    if (visit->uri_too_long) {
        yq_reply_problem(&visit->reply, 414, "the URL is longer than %d bytes", YQ_URI_MOST);
        return false;
    }
    drop_authority(visit->uri);
    char *query = strchr(visit->uri, '?');
    if (query)
        *query++ = '\0';
    else
        query = visit->uri + strlen(visit->uri);
    find_route(visit);
    if (!check_access(visit, method))
        return false;
    if (!visit->route) {
        yq_reply_problem(&visit->reply, 404, "there is nothing under this path; / lists what is");
        return false;
    }
    if (!check_method(visit, method))
        return false;
    if (has_body(visit)) {
        yq_reply_problem(&visit->reply, 413, "a request here has no body");
        return false;
    }
    if (!yq_params_parse(query, strlen(query), &request->params, &err)) {
        yq_reply_error(&visit->reply, &err);
        return false;
    }
    request->path = visit->uri;
    request->memo = visit->door->memo;
    request->accept = header_of(visit, "Accept");
    request->accept_encoding = header_of(visit, "Accept-Encoding");
    request->range = header_of(visit, "Range");
    request->if_range = header_of(visit, "If-Range");
    request->if_match = header_of(visit, "If-Match");
    request->if_unmodified_since = header_of(visit, "If-Unmodified-Since");
    request->if_none_match = header_of(visit, "If-None-Match");
    request->if_modified_since = header_of(visit, "If-Modified-Since");
    return true;
}

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

/* Called when the headers are there, when the request is whole, and after each resume. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)context, (void)connection, (void)url, (void)version, (void)upload;
    struct visit *visit = *state;
    if (!visit)
        return MHD_NO;
    switch (visit->state) {
    case ARRIVED:
        visit->asker = asker_of(connection);
        yq_patience_asked(visit->door->patience, visit->asker);
        yq_log_set_trace(visit->trace);
        visit->state = admit(visit, method) ? ADMITTED : REFUSED;
        /* An answer before the body ends the connection; one to a whole request does not. */
        if (visit->state == REFUSED && has_body(visit))
            return answer_now(visit, method);
        yq_log_set_trace("");
        return MHD_YES;
    case ADMITTED:
        *upload_size = 0;
        if (enqueue(visit))
            return MHD_YES;
        yq_log_set_trace(visit->trace);
        yq_reply_problem(&visit->reply, 503, "too many requests are waiting");
        return answer_now(visit, method);
    case REFUSED:
        *upload_size = 0;
        yq_log_set_trace(visit->trace);
        return answer_now(visit, method);
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
    free(door);
}

unsigned yq_http_port(const struct yq_http *door) { return door->port; }
