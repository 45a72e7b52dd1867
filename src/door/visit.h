/* visit.h: a request on its way through the HTTP server. Private to http.c, admit.c and upload.c.
 *
 * A visit has one owner at a time: the socket thread until it is queued, then a worker, and after
 * the resume the socket thread again; libmicrohttpd's own lock orders them. */
#ifndef YQ_DOOR_VISIT_H
#define YQ_DOOR_VISIT_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http.h"
#include "yq/store.h"

#define WORKERS_MOST 64

struct yq_http {
    struct yq_house *house;
    const struct yq_route *routes;
    size_t route_count;
    struct served *served; /* further routes, for platforms at their addresses only */
    size_t served_count;
    struct MHD_Daemon *daemon;
    struct yq_memo *memo;
    struct yq_patience *patience;
    unsigned port;
    bool loopback; /* listens there only */
    atomic_uint traces;
    atomic_llong swept_ms;    /* when slow clients were last looked for */
    atomic_size_t body_bytes; /* of all bodies in memory */
    atomic_bool leaving;      /* yq_http_stopping */

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
    struct yq_path path;
    const struct yq_route *route; /* NULL: none has this path and method */
    const char *pattern;          /* of the rows with this path; NULL: there are none */
    unsigned methods;             /* that the path has */
    bool open;                    /* its routes are */
    bool served; /* its route is a service for a platform, who is known by his address */
    bool by_token;
    const char *origin; /* of the page that asks, where it may read the answer; else NULL */
    const char *method;
    struct request request;
    struct reply reply;
    char trace[16];
    int64_t started_ms;
    /* the body on its way in (upload.c) */
    uint64_t body_most, taken, dropped;
    size_t held;             /* of door->body_bytes */
    struct yq_staged *spool; /* where a batch goes, piece by piece, by a worker's hand */
    atomic_bool parked;      /* a worker has the piece, and the connection is suspended */
};

static inline const char *header_of(struct visit *visit, const char *name)
{
    const char *value = MHD_lookup_connection_value(visit->connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

/* admit.c: reads what stands above the body. True when a worker should have it; else the reply is
 * filled. */
bool admit(struct visit *visit, const char *method);
bool has_body(struct visit *visit);

/* upload.c */
/* What the route says of bodies against the headers. False: the reply is filled. */
bool check_body(struct visit *visit);
/* Takes a piece. False: the reply is filled, and the rest need only be dropped. */
bool take_piece(struct visit *visit, const char *bytes, size_t length);
/* Whether a worker should put away what has come, before more is read. */
bool is_piece_full(const struct visit *visit);
/* A worker's: to the disk with it. `last`: the body is whole. False: the reply is filled. */
bool put_away(struct visit *visit, bool last);
void body_fini(struct visit *visit);

#endif
