/* http.h: what a route sees of HTTP: a request that was let in, and a reply to fill. Nothing of
 * libmicrohttpd. A route is a plain function on a worker thread and may block on the disk. */
#ifndef YQ_DOOR_HTTP_H
#define YQ_DOOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query.h"
#include "yq/bytes.h"
#include "yq/door.h"
#include "yq/err.h"
#include "yq/walk.h"

struct yq_memo; /* status.c: answers that are kept for a moment */

enum yq_method { /* OPTIONS is answered before a route is asked */
                 YQ_GET = 1,
                 YQ_HEAD = 2,
                 YQ_POST = 4,
                 YQ_PUT = 8,
                 YQ_PATCH = 16,
                 YQ_DELETE = 32
};
/* "GET, HEAD" of their bits, into `text`; which is returned. */
const char *yq_method_names(unsigned methods, char text[64]);

struct request { /* lives until its reply is on the wire */
    enum yq_method method;
    const char *path;
    const struct yq_route *route;
    struct yq_places places; /* what stands for {name} in the route's path */
    struct yq_params params;
    struct yq_buf body; /* whole, for routes that take one */
    char media[64];     /* its media type, one of the route's; "" when there was no body */
    int spool;          /* file with the body of a route that has `batch`, read from 0; else -1 */
    uint64_t spooled;   /* bytes of it */
    /* headers, "" when absent */
    const char *accept, *accept_encoding, *range, *if_range;
    const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since;
    char platform[17];     /* of platforms.json, whose question it is; "" but for its services */
    const void *headers;   /* for yq_request_header */
    struct yq_origin from; /* who asks, for the audit trail: address, name of the token */
    bool trusted;          /* may see what is kept here; only routes with `open` meet others */
    unsigned rights;       /* yq_token_right bits; YQ_RIGHT_WRITE was asked for already */
    const struct yq_http *door; /* for yq_http_stopping */
    struct yq_memo *memo;
};

struct reply {
    unsigned status;
    struct yq_buf body; /* used while fd < 0 */
    int fd;             /* >= 0: [offset, offset + length) of it is the body; owned */
    uint64_t offset, length;
    struct yq_buf headers; /* "Name: value\n" each */
    struct yq_err trouble; /* for the log, when the node itself failed */
    /* Work that takes long comes in pieces: with `again` the route is called once more, after
     * whatever else waits. */
    bool again;
    void *work;              /* the route's own, from call to call */
    void (*end)(void *work); /* frees it, when the reply goes */
};

typedef void yq_route_function(struct yq_house *house, const struct request *request,
                               struct reply *reply);

struct yq_route {     /* several may have one path and different methods */
    const char *path; /* with {name} for a segment: yq_path_fits */
    unsigned methods; /* yq_method bits; all but GET and HEAD need YQ_RIGHT_WRITE */
    bool open;        /* also for clients that show no token; checks rights itself */
    yq_route_function *function;
    const char *help;
    const char *bodies; /* media types that it takes, with blanks between; "*": whatever it says it
                           is; NULL: no body */
    bool batch;         /* application/x-ndjson goes into request.spool, however long it is */
    size_t body_most;   /* bytes; 0: http.body_most_mb */
    bool may_be_empty;  /* a request without a body is fine too */
    /* For the OpenAPI document; it has rows with an id only. */
    const char *id;     /* of the operation; the kind's name is put behind */
    const char *params; /* names of query and header parameters (openapi.c) */
    const char *answer; /* name of a schema; "record", "page": of the kind; "pdf", "html", "any" */
};
extern const struct yq_route yq_routes[];
extern const size_t yq_route_count;

/* A header of it; "" when absent. A worker's, while it has the request. */
const char *yq_request_header(const struct request *request, const char *name);

/* The node is about to stop: who works in pieces ends with this one. */
bool yq_http_stopping(const struct yq_http *door);

/* The server over any table of routes; yq_http_open is this over yq_routes. */
yq_must_check bool yq_http_open_routes(struct yq_house *house, const struct yq_route *routes,
                                       size_t count, struct yq_http **out, struct yq_err *err);

/* ---- replies (reply.c) ---- */

void yq_reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* RFC 9457: a JSON problem with this status; the text is for people, without personal data. */
void yq_reply_problem(struct reply *reply, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from an error, with the status its code has in the one table of this door. */
void yq_reply_error(struct reply *reply, const struct yq_err *err);
/* The same with another status than the table's. */
void yq_reply_error_as(struct reply *reply, unsigned status, const struct yq_err *err);
/* The body is complete: sets status and type; 500 when the buffer failed. */
void yq_reply_body(struct reply *reply, unsigned status, const char *type);
/* Stands for a stored state: ETag, Last-Modified (0: none). True when nothing is left to do: the
 * client has it already (304), or wants it only in another state (412). */
bool yq_reply_unchanged(const struct request *request, struct reply *reply, const char *etag,
                        int64_t modified_ms);
/* `size` bytes of `take_fd` from `offset`, or the one range of them that was asked for. */
void yq_reply_file(const struct request *request, struct reply *reply, int take_fd, uint64_t offset,
                   uint64_t size, const char *type, const char *etag, int64_t modified_ms);
/* A text that gains by it is compressed, where the client takes that. */
void yq_reply_compress(const struct request *request, struct reply *reply);
void yq_reply_fini(struct reply *reply);

/* ---- what the provinces' platforms ask (served.c) ---- */

/* A service of a province as a row of the route table. */
struct served {
    struct yq_route route; /* the first member */
    const struct yq_service *service;
    int province; /* an enum yq_province_id */
};
/* The services of all provinces that the house knows; *out is the caller's to free. */
yq_must_check bool served_new(const struct yq_house *house, struct served **out, size_t *count,
                              struct yq_err *err);
/* Which platform of the configuration may ask this service from this address; its name into
 * `platform`. `proxied`: the address may be a proxy's on this machine. False: none. */
bool served_platform(struct yq_house *house, const struct served *served, const char *address,
                     bool proxied, char platform[17]);

/* ---- access (access.c) ---- */

struct sockaddr;
bool yq_address_is_loopback(const struct sockaddr *address);
/* A Host header that names this machine: localhost, 127.x.y.z, [::1], with or without a port. */
bool yq_host_is_local(const char *host);
/* The token of the configuration that an Authorization header carries; NULL: none. */
const struct yq_token *yq_token_find(const struct yq_conf *conf, const char *authorization);
/* Whether a page of this origin ("": no page) is one of the node's own. `site`: Sec-Fetch-Site. */
bool yq_origin_is_ours(const char *origin, const char *host, const char *site);

/* Whether a page of this origin (RFC 6454) may read what is here: http.cors_origins. */
bool yq_cors_allows(const struct yq_conf *conf, const char *origin);

/* ---- slow clients (patience.c) ---- */

struct yq_patience_rules {
    int64_t ask_ms;      /* a request's headers must be there within this */
    int64_t take_ms;     /* in each such span of an answer ... */
    uint64_t take_bytes; /* ... it must have taken so much */
    int64_t give_ms;     /* in each such span of a request's body ... */
    uint64_t give_bytes; /* ... so much must have come, or the rest of it */
};
struct yq_patience;
struct yq_asker;                           /* a connection; NULL is let pass everywhere */
struct yq_patience *yq_patience_new(void); /* NULL without memory */
void yq_patience_free(struct yq_patience *patience);
struct yq_asker *yq_patience_begin(struct yq_patience *patience, int fd, int64_t now_ms);
/* Its request's body begins; more of it has come. */
void yq_patience_giving(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms);
void yq_patience_given(struct yq_patience *patience, struct yq_asker *asker, size_t bytes);
/* Its request is complete, or is not waited for; its answer begins to leave; it may ask again from
 * now on; it is about to be closed. */
void yq_patience_asked(struct yq_patience *patience, struct yq_asker *asker);
void yq_patience_taking(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms);
void yq_patience_again(struct yq_patience *patience, struct yq_asker *asker, int64_t now_ms);
void yq_patience_end(struct yq_patience *patience, struct yq_asker *asker);
/* It is going to be closed in the middle of an answer, which nobody will take. */
void yq_patience_lost(const struct yq_asker *asker);
/* Shuts down the sockets of those that ask or take too slowly; how many those are. */
size_t yq_patience_sweep(struct yq_patience *patience, const struct yq_patience_rules *rules,
                         int64_t now_ms);

/* ---- status.c ---- */

struct yq_memo *yq_memo_new(void); /* NULL without memory */
void yq_memo_free(struct yq_memo *memo);

/* ---- routes ---- */

yq_route_function yq_route_links, yq_route_record_links, yq_route_unlinked;     /* links.c */
yq_route_function yq_route_index, yq_route_health, yq_route_metrics;            /* status.c */
yq_route_function yq_route_wado;                                                /* wado.c */
yq_route_function yq_route_studies;                                             /* api.c */
yq_route_function yq_route_record, yq_route_record_write, yq_route_record_post, /* records.c */
    yq_route_record_history, yq_route_record_findings;
yq_route_function yq_route_records;                                           /* records_list.c */
yq_route_function yq_route_records_batch, yq_route_records_post;              /* records_batch.c */
yq_route_function yq_route_model, yq_route_dictionaries, yq_route_dictionary; /* tables.c */
yq_route_function yq_route_openapi, yq_route_api_page;                        /* openapi.c */
yq_route_function yq_route_signing, yq_route_signing_qr;                      /* signing.c */
yq_route_function yq_route_pdf, yq_route_pdf_put, yq_route_pdf_url, yq_route_file; /* files.c */
yq_route_function yq_route_object;                                                 /* objects.c */

#endif
