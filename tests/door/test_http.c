/* The HTTP server itself, over routes of the test's own: who comes in, what is refused, how much
 * may wait. Talks to it by plain sockets, so that also what no client would send can be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "yq/file.h"
#include "yq/log.h"

#define ETAG "\"tag\""

/* ---- routes of the test ---- */

static sem_t entered, may_leave;

static void route_hello(struct yq_house *house, const struct request *request, struct reply *reply)
{
    const char *name = yq_params_get(&request->params, "name");
    (void)house;
    yq_buf_putf(&reply->body, "hello %s %s", name ? name : "nobody",
                request->trusted ? "trusted" : "stranger");
    yq_reply_body(reply, 200, "text/plain");
}

static void route_block(struct yq_house *house, const struct request *request, struct reply *reply)
{
    sem_post(&entered);
    while (sem_wait(&may_leave) != 0)
        ;
    route_hello(house, request, reply);
}

static void route_file(struct yq_house *house, const struct request *request, struct reply *reply)
{
    (void)house;
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    if (yq_reply_unchanged(request, reply, ETAG, 1772352000000))
        yq_close(&fd);
    else
        yq_reply_file(request, reply, fd, 0, 10, "application/dicom", ETAG, 1772352000000);
}

static void route_injects(struct yq_house *house, const struct request *request,
                          struct reply *reply)
{
    yq_reply_header(reply, "X-Echo", "%s", yq_params_get(&request->params, "text"));
    route_hello(house, request, reply);
}

static void route_fails(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_err err;
    (void)house, (void)request;
    yq_fail(&err, YQ_IO, "store", "open /secret/path: no such device");
    yq_reply_error(reply, &err);
}

/* Says what came; three times over when it is asked to take its time. */
static void route_takes(struct yq_house *house, const struct request *request, struct reply *reply)
{
    static const char *const calls[] = {"", "first", "second"};
    char name[64];
    (void)house;
    size_t call = reply->work ? (size_t)((const char *const *)reply->work - calls) : 0;
    if (yq_params_get(&request->params, "slowly") && call < 2) {
        reply->work = (void *)&calls[call + 1];
        reply->again = true;
        return;
    }
    reply->work = NULL;
    yq_buf_putf(&reply->body, "%s %s %s %zu bytes: %.20s", yq_method_names(request->method, name),
                request->media, yq_places_get(&request->places, "id"), request->body.length,
                yq_buf_text(&request->body));
    yq_reply_body(reply, 200, "text/plain");
}

static void route_silent(struct yq_house *house, const struct request *request, struct reply *reply)
{
    (void)house, (void)request, (void)reply;
}

static const struct yq_route routes[] = {
    {.path = "/hello", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_hello},
    {.path = "/open", .methods = YQ_GET | YQ_HEAD, .open = true, .function = route_hello},
    {.path = "/block", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_block},
    {.path = "/file", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_file},
    {.path = "/injects", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_injects},
    {.path = "/fails", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_fails},
    {.path = "/things/{id}", .methods = YQ_GET | YQ_HEAD, .function = route_hello},
    {.path = "/things/{id}",
     .methods = YQ_PUT | YQ_PATCH,
     .function = route_takes,
     .bodies = "application/json application/merge-patch+json"},
    {.path = "/things/{id}", .methods = YQ_DELETE, .function = route_takes},
    {.path = "/silent", .methods = YQ_GET | YQ_HEAD, .open = false, .function = route_silent},
};

/* ---- a server and a client ---- */

struct server {
    struct yq_house house;
    struct yq_http *door;
};

static void open_server(struct server *server, const char *bind, const char *token)
{
    struct yq_err err = {0};
    struct yq_conf *conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    memset(server, 0, sizeof *server);
    (void)yq_copy(conf->http_bind, sizeof conf->http_bind, bind);
    conf->http_workers = 1;
    conf->http_connections = 200;
    conf->http_body_most_mb = 1;
    if (token) {
        conf->tokens = calloc(1, sizeof *conf->tokens);
        assert_non_null(conf->tokens);
        conf->token_count = 1;
        (void)yq_copy(conf->tokens[0].secret, sizeof conf->tokens[0].secret, token);
    }
    server->house.conf = yq_conf_box_new(conf);
    if (!yq_http_open_routes(&server->house, routes, sizeof routes / sizeof *routes, &server->door,
                             &err))
        fail_msg("%s", err.text);
}

static void close_server(struct server *server)
{
    yq_http_close(server->door);
    yq_conf_box_free(server->house.conf);
}

static int connect_to(const struct server *server)
{
    struct timeval patience = {.tv_sec = 60};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)yq_http_port(server->door)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t length = strlen(text);
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* All until the server closes the connection. */
static void hear(int fd, struct yq_buf *out)
{
    char piece[4096];
    ssize_t got;
    while ((got = recv(fd, piece, sizeof piece, 0)) > 0)
        yq_buf_put(out, piece, (size_t)got);
    close(fd);
}

/* Sends "<line> HTTP/1.1" with headers, on a connection of its own; gives the status. */
static int ask(const struct server *server, const char *line, const char *headers,
               struct yq_buf *out)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    yq_buf_clear(out);
    yq_buf_putf(&text, "%s HTTP/1.1\r\nConnection: close\r\n%s\r\n", line, headers);
    int fd = connect_to(server);
    say(fd, yq_buf_text(&text));
    hear(fd, out);
    return strncmp(yq_buf_text(out), "HTTP/1.1 ", 9) == 0
               ? (int)strtol(yq_buf_text(out) + 9, NULL, 10)
               : 0;
}

static const char *body_of(const struct yq_buf *answer)
{
    const char *end = strstr(yq_buf_text(answer), "\r\n\r\n");
    return end ? end + 4 : "";
}

#define HOST "Host: localhost\r\n"
#define assert_says(answer, text) assert_non_null(strcasestr(yq_buf_text(answer), text))

/* ---- cases ---- */

static void get_and_head(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /hello?name=a%20b", HOST, &out), 200);
    assert_string_equal(body_of(&out), "hello a b trusted");
    assert_says(&out, "X-Content-Type-Options: nosniff");
    assert_int_equal(ask(&server, "GET http://localhost/hello?name=b", HOST, &out), 200);
    assert_string_equal(body_of(&out), "hello b trusted");
    assert_int_equal(ask(&server, "HEAD /hello", HOST, &out), 200);
    assert_says(&out, "Content-Length: 20");
    assert_string_equal(body_of(&out), "");
    assert_int_equal(atomic_load(&server.house.counts.http_requests), 3);
    assert_int_equal(atomic_load(&server.house.counts.http_errors), 0);
    close_server(&server);
}

static void one_connection_carries_many_requests(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    int fd = connect_to(&server);
    say(fd, "GET /hello?name=first HTTP/1.1\r\n" HOST "\r\n"
            "GET /nowhere HTTP/1.1\r\n" HOST "\r\n"
            "GET /hello?name=last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    hear(fd, &out);
    assert_says(&out, "hello first");
    assert_says(&out, "HTTP/1.1 404");
    assert_says(&out, "hello last");
    close_server(&server);
}

static void what_is_refused(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0}, line yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /nowhere", HOST, &out), 404);
    assert_says(&out, "application/problem+json");
    assert_int_equal(ask(&server, "GET /hello/", HOST, &out), 404);
    assert_int_equal(ask(&server, "DELETE /hello", HOST, &out), 405);
    assert_says(&out, "Allow: GET, HEAD");
    assert_int_equal(ask(&server, "POST /hello", HOST "Content-Length: 0\r\n", &out), 405);
    assert_int_equal(ask(&server, "GET /hello", HOST "Content-Length: 5\r\n", &out), 413);
    assert_int_equal(ask(&server, "GET /hello", HOST "Transfer-Encoding: chunked\r\n", &out), 413);
    assert_int_equal(ask(&server, "GET /hello?a=%zz", HOST, &out), 400);
    assert_int_equal(ask(&server, "GET /hello?a=1&a=2", HOST, &out), 400);
    yq_buf_puts(&line, "GET /hello?a=");
    while (line.length < YQ_URI_MOST + 20)
        yq_buf_puts(&line, "x");
    assert_int_equal(ask(&server, yq_buf_text(&line), HOST, &out), 414);
    while (line.length < 200000)
        yq_buf_puts(&line, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    int fd = connect_to(&server); /* may be cut off before all of it is sent */
    (void)!send(fd, line.bytes, line.length, MSG_NOSIGNAL);
    hear(fd, &out);
    assert_int_equal(ask(&server, "GET /hello", HOST, &out), 200);
    close_server(&server);
}

static void rubbish_does_no_harm(void **state)
{
    (void)state;
    static const char *const rubbish[] = {
        "\r\n\r\nGET /nowhere HTTP/1.0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /hello HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n",
        "GET /hello HTTP/1.1\r\n: x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost\r\n\r\n",
        "G\"T\x01 /he\x02llo?\"=\" HTTP/1.0\r\nConnection: close\r\n\r\n",
        "HEAD * HTTP/1.0\r\n\r\n",
        "GET http://127.0.0.1 HTTP/1.0\r\n\r\n",
        "POST /hello HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
    };
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        int fd = connect_to(&server);
        say(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        hear(fd, &out);
        assert_null(strstr(yq_buf_text(&out), "hello nobody"));
        assert_int_equal(ask(&server, "GET /hello", HOST, &out), 200);
        yq_buf_clear(&out);
    }
    close_server(&server);
}

static void a_foreign_host_name_is_refused_on_loopback(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /hello", "Host: evil.example:8080\r\n", &out), 403);
    assert_int_equal(ask(&server, "GET /open", "Host: 127.0.0.1.evil.example\r\n", &out), 403);
    assert_int_equal(ask(&server, "GET /hello", "Host: 127.0.0.1:8080\r\n", &out), 200);
    assert_int_equal(ask(&server, "GET /hello", "Host: [::1]\r\n", &out), 200);
    close_server(&server);
}

static void what_a_proxy_passes_on_needs_a_token(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", "0123456789abcdef");
    assert_int_equal(ask(&server, "GET /hello", HOST, &out), 200);
    assert_int_equal(ask(&server, "GET /hello", HOST "X-Forwarded-For: 203.0.113.9\r\n", &out),
                     401);
    assert_int_equal(ask(&server, "GET /hello", HOST "forwarded: for=203.0.113.9\r\n", &out), 401);
    assert_int_equal(ask(&server, "GET /hello", HOST "Via: 1.1 proxy\r\n", &out), 401);
    assert_int_equal(ask(&server, "GET /open", HOST "X-Real-IP: 203.0.113.9\r\n", &out), 200);
    assert_string_equal(body_of(&out), "hello nobody stranger");
    const char *right = HOST "Via: 1.1 proxy\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    assert_int_equal(ask(&server, "GET /hello", right, &out), 200);
    close_server(&server);
}

static void elsewhere_everybody_needs_a_token(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "0.0.0.0", "0123456789abcdef");
    const char *host = "Host: pacs.example\r\n";
    assert_int_equal(ask(&server, "GET /hello", host, &out), 401);
    assert_says(&out, "WWW-Authenticate: Bearer");
    assert_int_equal(ask(&server, "GET /nowhere", host, &out), 401);
    assert_int_equal(ask(&server, "POST /hello", "Host: x\r\nContent-Length: 3\r\n", &out), 401);
    const char *wrong = "Host: x\r\nAuthorization: Bearer 0123456789abcdeg\r\n";
    assert_int_equal(ask(&server, "GET /hello", wrong, &out), 401);
    const char *right = "Host: x\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    assert_int_equal(ask(&server, "GET /hello", right, &out), 200);
    assert_string_equal(body_of(&out), "hello nobody trusted");
    assert_int_equal(ask(&server, "GET /open", host, &out), 200);
    assert_string_equal(body_of(&out), "hello nobody stranger");
    close_server(&server);
}

static void without_tokens_nobody_comes_in_from_elsewhere(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "0.0.0.0", NULL);
    assert_int_equal(ask(&server, "GET /hello", "Host: x\r\nAuthorization: Bearer \r\n", &out),
                     401);
    close_server(&server);
}

static void files_whole_and_in_part(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /file", HOST, &out), 200);
    assert_string_equal(body_of(&out), "0123456789");
    assert_says(&out, "ETag: " ETAG);
    assert_says(&out, "Last-Modified: Sun, 01 Mar 2026 08:00:00 GMT");
    assert_int_equal(ask(&server, "HEAD /file", HOST "Range: bytes=0-1\r\n", &out), 200);
    assert_says(&out, "Content-Length: 10");
    assert_int_equal(ask(&server, "GET /file", HOST "Range: bytes=2-4\r\n", &out), 206);
    assert_string_equal(body_of(&out), "234");
    assert_says(&out, "Content-Range: bytes 2-4/10");
    assert_int_equal(ask(&server, "GET /file", HOST "Range: bytes=-3\r\n", &out), 206);
    assert_string_equal(body_of(&out), "789");
    assert_int_equal(ask(&server, "GET /file", HOST "Range: bytes=10-\r\n", &out), 416);
    assert_says(&out, "Content-Range: bytes */10");
    assert_int_equal(ask(&server, "GET /file", HOST "Range: bytes=0-1,3-4\r\n", &out), 200);
    const char *old = HOST "Range: bytes=2-4\r\nIf-Range: \"older\"\r\n";
    assert_int_equal(ask(&server, "GET /file", old, &out), 200);
    const char *same = HOST "Range: bytes=2-4\r\nIf-Range: " ETAG "\r\n";
    assert_int_equal(ask(&server, "GET /file", same, &out), 206);
    close_server(&server);
}

static void what_the_client_has_is_not_sent_again(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /file", HOST "If-None-Match: \"x\", " ETAG "\r\n", &out),
                     304);
    assert_string_equal(body_of(&out), "");
    assert_int_equal(ask(&server, "GET /file", HOST "If-None-Match: \"x\"\r\n", &out), 200);
    const char *since = HOST "If-Modified-Since: Sun, 01 Mar 2026 08:00:00 GMT\r\n";
    assert_int_equal(ask(&server, "GET /file", since, &out), 304);
    const char *both = HOST "If-None-Match: \"x\"\r\n"
                            "If-Modified-Since: Sun, 01 Mar 2026 08:00:00 GMT\r\n";
    assert_int_equal(ask(&server, "GET /file", both, &out), 200);
    close_server(&server);
}

static void a_value_cannot_become_a_header(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /injects?text=a%0d%0aSet-Cookie:%20b%0aX:%20y", HOST, &out),
                     200);
    assert_null(strstr(yq_buf_text(&out), "\nSet-Cookie"));
    assert_says(&out, "X-Echo: a??Set-Cookie: b?X: y");
    close_server(&server);
}

static void inner_trouble_stays_inside(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(ask(&server, "GET /fails", HOST, &out), 503);
    assert_null(strstr(yq_buf_text(&out), "secret"));
    assert_says(&out, "Retry-After");
    assert_int_equal(ask(&server, "GET /silent", HOST, &out), 500);
    assert_int_equal(atomic_load(&server.house.counts.http_errors), 2);
    close_server(&server);
}

enum { WAITING = 64 }; /* QUEUE_PER_WORKER, with one worker */

static void a_full_queue_is_said_so(void **state)
{
    (void)state;
    enum { ALL = 1 + WAITING + 1 }; /* one at work, a full queue, and one more, whichever it is */
    struct server server;
    struct pollfd clients[ALL];
    int served = 0, refused = 0;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    sem_init(&entered, 0, 0);
    sem_init(&may_leave, 0, 0);
    open_server(&server, "127.0.0.1", NULL);
    for (int i = 0; i < ALL; i++) {
        clients[i] = (struct pollfd){.fd = connect_to(&server), .events = POLLIN};
        say(clients[i].fd, "GET /block HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        while (i == 0 && sem_wait(&entered) != 0) /* the worker has it: the queue is empty */
            ;
    }
    assert_int_equal(poll(clients, ALL, 60000), 1);
    assert_int_equal(ask(&server, "GET /nowhere", HOST, &out), 404); /* needs no worker */
    for (int i = 0; i < ALL; i++)
        sem_post(&may_leave);
    for (int i = 0; i < ALL; i++) {
        yq_buf_clear(&out);
        hear(clients[i].fd, &out);
        served += strstr(yq_buf_text(&out), "hello nobody") != NULL;
        if (strncmp(yq_buf_text(&out), "HTTP/1.1 503", 12) == 0) {
            assert_says(&out, "Retry-After");
            refused++;
        }
    }
    assert_int_equal(served, ALL - 1);
    assert_int_equal(refused, 1);
    close_server(&server);
}

static void release_all(void)
{
    for (int i = 0; i < 100; i++)
        sem_post(&may_leave);
}

static void closing_answers_what_waits(void **state)
{
    (void)state;
    struct server server;
    sem_init(&entered, 0, 0);
    sem_init(&may_leave, 0, 0);
    open_server(&server, "127.0.0.1", NULL);
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = connect_to(&server);
        say(fds[i], "GET /block HTTP/1.1\r\n" HOST "\r\n");
    }
    int idle = connect_to(&server); /* says nothing */
    int half = connect_to(&server);
    say(half, "GET /hello HTTP/1.1\r\nHost: local");
    while (sem_wait(&entered) != 0)
        ;
    close(fds[7]); /* gone while it waits */
    release_all();
    close_server(&server);
    for (size_t i = 0; i < 7; i++)
        close(fds[i]);
    close(idle);
    close(half);
}

#define JSON "Content-Type: application/json\r\n"

/* A request with a body, on a connection of its own. */
static int give(const struct server *server, const char *line, const char *headers,
                const char *body, struct yq_buf *out)
{
    char length[64];
    struct yq_buf all yq_cleanup(yq_buf_fini) = {0};
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", strlen(body));
    int fd = connect_to(server);
    yq_buf_putf(&all, "%s HTTP/1.1\r\nConnection: close\r\n%s%s%s", line, headers, length, body);
    say(fd, yq_buf_text(&all));
    yq_buf_clear(out);
    hear(fd, out);
    return out->length > 9 ? (int)strtol(yq_buf_text(out) + 9, NULL, 10) : 0;
}

static void bodies_come_in(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(give(&server, "PUT /things/7", HOST JSON, "{\"a\": 1}", &out), 200);
    assert_string_equal(body_of(&out), "PUT application/json 7 8 bytes: {\"a\": 1}");
    assert_int_equal(give(&server, "PUT /things/7?slowly=1", HOST JSON, "{}", &out), 200);
    assert_string_equal(body_of(&out), "PUT application/json 7 2 bytes: {}");
    assert_int_equal(give(&server, "PATCH /things/%20",
                          HOST "Content-Type: application/merge-patch+json\r\n", "{}", &out),
                     200);
    assert_string_equal(body_of(&out), "PATCH application/merge-patch+json   2 bytes: {}");
    assert_int_equal(ask(&server, "DELETE /things/x", HOST, &out), 200);
    assert_int_equal(ask(&server, "GET /things/x", HOST, &out), 200);
    int fd = connect_to(&server);
    yq_buf_clear(&out);
    say(fd,
        "PUT /things/c HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\n{\"a\r\n1;x=y\r\n\"\r\n3\r\n: 1\r\n1\r\n}\r\n0\r\n\r\n"
        "PUT /things/d HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nConnection: close\r\n\r\n{}");
    hear(fd, &out);
    assert_says(&out, "PUT application/json c 8 bytes: {\"a\": 1}");
    assert_says(&out, "PUT application/json d 2 bytes: {}");
    close_server(&server);
}

static void who_asks_first_is_told_to_go_on_or_not(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    int fd = connect_to(&server);
    say(fd, "PUT /things/7 HTTP/1.1\r\n" HOST JSON
            "Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    char first[64] = "";
    assert_true(recv(fd, first, 25, MSG_WAITALL) == 25);
    assert_string_equal(first, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "{}");
    hear(fd, &out);
    assert_says(&out, "PUT application/json 7 2 bytes: {}");
    fd = connect_to(&server);
    yq_buf_clear(&out);
    say(fd, "PUT /things/7 HTTP/1.1\r\n" HOST JSON
            "Content-Length: 99999999\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    hear(fd, &out);
    assert_says(&out, "HTTP/1.1 413 ");
    assert_null(strstr(yq_buf_text(&out), "100 Continue"));
    close_server(&server);
}

static void bodies_that_are_refused(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0}, big yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "127.0.0.1", NULL);
    assert_int_equal(give(&server, "PUT /things/7", HOST, "{}", &out), 415);
    assert_int_equal(
        give(&server, "PUT /things/7", HOST "Content-Type: text/plain\r\n", "{}", &out), 415);
    assert_says(&out, "Accept: application/json application/merge-patch+json");
    assert_int_equal(give(&server, "PUT /things/7",
                          HOST "Content-Type: application/json; charset=gbk\r\n", "{}", &out),
                     415);
    assert_int_equal(
        give(&server, "PUT /things/7", HOST JSON "Content-Encoding: gzip\r\n", "{}", &out), 415);
    assert_int_equal(give(&server, "POST /things/7", HOST JSON, "{}", &out), 405);
    assert_says(&out, "Allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    assert_int_equal(ask(&server, "OPTIONS /things/7", HOST, &out), 204);
    assert_says(&out, "Allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    assert_int_equal(give(&server, "DELETE /things/7", HOST JSON, "{}", &out), 413);
    assert_int_equal(ask(&server, "PUT /things/7", HOST JSON, &out), 411);
    assert_int_equal(ask(&server, "PUT /things/%00", HOST, &out), 400);
    const char *twice = HOST JSON "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
    assert_int_equal(ask(&server, "PUT /things/7", twice, &out), 400);
    assert_int_equal(
        ask(&server, "PUT /things/7", HOST JSON "Content-Length: 3\r\nContent-Length: 4\r\n", &out),
        400);
    assert_int_equal(
        ask(&server, "PUT /things/7", HOST JSON "Transfer-Encoding: gzip, chunked\r\n", &out), 400);
    assert_int_equal(ask(&server, "PUT /things/7", HOST JSON "Content-Length: 1048577\r\n", &out),
                     413);
    /* too long, and nobody knows before */
    yq_buf_puts(&big, "PUT /things/7 HTTP/1.1\r\nConnection: close\r\n" HOST JSON
                      "Transfer-Encoding: chunked\r\n\r\n180000\r\n");
    memset(yq_buf_room(&big, 0x180000), ' ', 0x180000);
    yq_buf_puts(&big, "\r\n0\r\n\r\n");
    int fd = connect_to(&server);
    for (size_t done = 0; done < big.length;) {
        ssize_t got = send(fd, big.bytes + done, big.length - done, MSG_NOSIGNAL);
        assert_true(got > 0);
        done += (size_t)got;
    }
    yq_buf_clear(&out);
    hear(fd, &out);
    assert_says(&out, "HTTP/1.1 413 ");
    /* cut in the middle */
    fd = connect_to(&server);
    say(fd, "PUT /things/7 HTTP/1.1\r\n" HOST JSON "Content-Length: 500\r\n\r\n{");
    close(fd);
    assert_int_equal(ask(&server, "GET /hello", HOST, &out), 200);
    close_server(&server);
}

static void a_page_of_another_host_cannot_write(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    char ours[100];
    open_server(&server, "127.0.0.1", NULL);
    const char *line = "PUT /things/7";
    assert_int_equal(give(&server, line, HOST JSON "Origin: http://evil.example\r\n", "{}", &out),
                     403);
    assert_int_equal(give(&server, line, HOST JSON "Origin: null\r\n", "{}", &out), 403);
    assert_int_equal(give(&server, line, HOST JSON "Sec-Fetch-Site: cross-site\r\n", "{}", &out),
                     403);
    assert_int_equal(ask(&server, "DELETE /things/7", HOST "Origin: http://evil.example\r\n", &out),
                     403);
    snprintf(ours, sizeof ours, "Host: localhost:%u\r\nOrigin: http://localhost:%u\r\n" JSON,
             yq_http_port(server.door), yq_http_port(server.door));
    assert_int_equal(give(&server, line, ours, "{}", &out), 200);
    close_server(&server);
}

static void a_token_may_write_or_not(void **state)
{
    (void)state;
    struct server server;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    open_server(&server, "0.0.0.0", "0123456789abcdef");
    const char *with = "Host: x\r\nAuthorization: Bearer 0123456789abcdef\r\n" JSON;
    assert_int_equal(give(&server, "PUT /things/7", "Host: x\r\n" JSON, "{}", &out), 401);
    assert_int_equal(give(&server, "PUT /things/7", with, "{}", &out), 403);
    assert_int_equal(ask(&server, "DELETE /things/7", with, &out), 403);
    assert_int_equal(ask(&server, "GET /things/7", with, &out), 200);
    close_server(&server);
    open_server(&server, "0.0.0.0", "0123456789abcdef");
    struct yq_conf *conf = (struct yq_conf *)yq_conf_hold(server.house.conf);
    conf->tokens[0].rights = YQ_RIGHT_WRITE;
    yq_conf_release(server.house.conf, conf);
    assert_int_equal(give(&server, "PUT /things/7", with, "{}", &out), 200);
    close_server(&server);
}

static void a_port_in_use_is_said_so(void **state)
{
    (void)state;
    struct server server;
    struct yq_err err = {0};
    struct yq_http *second;
    open_server(&server, "127.0.0.1", NULL);
    struct yq_conf *conf = calloc(1, sizeof *conf);
    assert_non_null(conf);
    (void)yq_copy(conf->http_bind, sizeof conf->http_bind, "127.0.0.1");
    conf->http_port = yq_http_port(server.door);
    conf->http_workers = 1;
    conf->http_connections = 8;
    struct yq_house house = {.conf = yq_conf_box_new(conf)};
    assert_false(yq_http_open_routes(&house, routes, 1, &second, &err));
    assert_int_equal(err.code, YQ_BUSY);
    assert_null(second);
    yq_conf_box_free(house.conf);
    close_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_and_head),
        cmocka_unit_test(one_connection_carries_many_requests),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(rubbish_does_no_harm),
        cmocka_unit_test(a_foreign_host_name_is_refused_on_loopback),
        cmocka_unit_test(what_a_proxy_passes_on_needs_a_token),
        cmocka_unit_test(elsewhere_everybody_needs_a_token),
        cmocka_unit_test(without_tokens_nobody_comes_in_from_elsewhere),
        cmocka_unit_test(files_whole_and_in_part),
        cmocka_unit_test(what_the_client_has_is_not_sent_again),
        cmocka_unit_test(a_value_cannot_become_a_header),
        cmocka_unit_test(inner_trouble_stays_inside),
        cmocka_unit_test(a_full_queue_is_said_so),
        cmocka_unit_test(closing_answers_what_waits),
        cmocka_unit_test(bodies_come_in),
        cmocka_unit_test(who_asks_first_is_told_to_go_on_or_not),
        cmocka_unit_test(bodies_that_are_refused),
        cmocka_unit_test(a_page_of_another_host_cannot_write),
        cmocka_unit_test(a_token_may_write_or_not),
        cmocka_unit_test(a_port_in_use_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
