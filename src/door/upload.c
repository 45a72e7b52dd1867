/* upload.c: the body of a request on its way in. Into memory, up to http.body_most_mb and to a
 * share of all bodies together; a batch goes in pieces into a file without a name on the disk of
 * the objects, so that memory does not depend on its length, and nothing of it is looked at before
 * all of it is there. RFC 9110 8.3, 8.6; RFC 9112 6.
 *
 * Refused: bodies of another type, too long, coded (gzip), or whose length is told in two ways.
 * Threads: visit.h. */
#include <string.h>
#include <strings.h>

#include "visit.h"

#define MEGABYTE ((uint64_t)1 << 20)
#define PIECE_BYTES (256 * 1024)
#define BODIES_AT_ONCE 4 /* bodies of the largest size in memory, all clients together */

/* ---- before the first byte ---- */

static bool names_type(const char *list, const char *type)
{
    size_t length = strlen(type);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        if (size == length && memcmp(at, type, size) == 0)
            return true;
        at += size;
    }
    return false;
}

struct lengths {
    unsigned count;
};

static enum MHD_Result count_length(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct lengths *lengths = context;
    (void)kind, (void)value;
    lengths->count +=
        strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
    return MHD_YES;
}

/* Who tells the length twice wants two readers to disagree about where the next request begins. */
static bool check_framing(struct visit *visit, uint64_t *length)
{
    struct lengths lengths = {0};
    const char *coding = header_of(visit, "Transfer-Encoding");
    const char *text = header_of(visit, "Content-Length");
    MHD_get_connection_values(visit->connection, MHD_HEADER_KIND, count_length, &lengths);
    if (lengths.count > 1 || (*coding && strcasecmp(coding, "chunked") != 0)) {
        yq_reply_problem(&visit->reply, 400,
                         "the length of the body is told by one Content-Length, or by "
                         "Transfer-Encoding: chunked");
        return false;
    }
    *length = 0;
    if (*text && !yq_params_number(text, 0, UINT64_MAX, length))
        *length = UINT64_MAX;
    return true;
}

static bool check_type(struct visit *visit)
{
    const char *type = header_of(visit, "Content-Type"), *bodies = visit->route->bodies;
    const char *coding = header_of(visit, "Content-Encoding");
    if (*coding && strcasecmp(coding, "identity") != 0) {
        yq_reply_problem(&visit->reply, 415, "a body comes as it is, without a content coding");
        yq_reply_header(&visit->reply, "Accept-Encoding", "identity");
        return false;
    }
    if (strcmp(bodies, "*") == 0)
        return true;
    if (yq_media_of_body(type, visit->request.media) && names_type(bodies, visit->request.media))
        return true;
    yq_reply_problem(&visit->reply, 415, "a body here is %s, in UTF-8; Content-Type must say so",
                     bodies);
    char list[256];
    (void)yq_copy(list, sizeof list, bodies);
    yq_reply_header(&visit->reply, visit->request.method == YQ_PATCH ? "Accept-Patch" : "Accept",
                    "%s", list);
    return false;
}

static void say_too_long(struct visit *visit)
{
    bool small = visit->body_most < MEGABYTE;
    yq_reply_problem(&visit->reply, 413, "a body here has at most %llu %s",
                     (unsigned long long)(visit->body_most / (small ? 1024 : MEGABYTE)),
                     small ? "KB" : "MB");
}

bool check_body(struct visit *visit)
{
    uint64_t length;
    const struct yq_route *route = visit->route;
    if (!route->bodies) {
        if (!has_body(visit))
            return true;
        yq_reply_problem(&visit->reply, 413, "a request here has no body");
        return false;
    }
    if (!*header_of(visit, "Transfer-Encoding") && !*header_of(visit, "Content-Length")) {
        if (route->may_be_empty)
            return true;
        yq_reply_problem(&visit->reply, 411, "a body is needed, and Content-Length or chunked");
        return false;
    }
    if (!check_framing(visit, &length) || !check_type(visit))
        return false;
    bool batch = route->batch && strcmp(visit->request.media, "application/x-ndjson") == 0;
    const struct yq_conf *conf = yq_conf_hold(visit->door->house->conf);
    visit->body_most =
        (uint64_t)(batch ? conf->http_batch_most_mb : conf->http_body_most_mb) * MEGABYTE;
    yq_conf_release(visit->door->house->conf, conf);
    if (route->body_most && route->body_most < visit->body_most)
        visit->body_most = route->body_most;
    if (length > visit->body_most) {
        say_too_long(visit);
        return false;
    }
    struct yq_err err = {0};
    if (!batch || yq_store_begin(visit->door->house->store, &visit->spool, &err))
        return true;
    yq_reply_error(&visit->reply, &err);
    return false;
}

/* ---- piece by piece ---- */

/* The share of all bodies in memory. */
static bool hold(struct visit *visit, size_t length)
{
    const struct yq_conf *conf = yq_conf_hold(visit->door->house->conf);
    size_t most = (size_t)conf->http_body_most_mb * MEGABYTE * BODIES_AT_ONCE;
    yq_conf_release(visit->door->house->conf, conf);
    size_t now = atomic_fetch_add(&visit->door->body_bytes, length) + length;
    visit->held += length;
    return now <= most;
}

static void let_go(struct visit *visit)
{
    atomic_fetch_sub(&visit->door->body_bytes, visit->held);
    visit->held = 0;
}

bool take_piece(struct visit *visit, const char *bytes, size_t length)
{
    struct yq_buf *body = &visit->request.body;
    visit->taken += length;
    if (visit->taken > visit->body_most) {
        say_too_long(visit);
    } else if (!hold(visit, length)) {
        yq_reply_problem(&visit->reply, 503, "too much is being sent here at the same time");
    } else {
        yq_buf_put(body, bytes, length);
        if (!body->failed)
            return true;
        yq_reply_problem(&visit->reply, 503, "no memory for a body");
    }
    yq_buf_fini(body);
    let_go(visit);
    return false;
}

bool is_piece_full(const struct visit *visit)
{
    return visit->spool && visit->request.body.length >= PIECE_BYTES;
}

bool put_away(struct visit *visit, bool last)
{
    struct yq_buf *body = &visit->request.body;
    struct yq_err err = {0};
    if (!visit->spool)
        return true;
    bool done = yq_staged_write(visit->spool, body->bytes, body->length, &err);
    yq_buf_clear(body);
    let_go(visit);
    if (!done) {
        yq_reply_error(&visit->reply, &err);
        return false;
    }
    if (last) {
        visit->request.spool = yq_staged_fd(visit->spool);
        visit->request.spooled = yq_staged_size(visit->spool);
    }
    return true;
}

void body_fini(struct visit *visit)
{
    let_go(visit);
    yq_buf_fini(&visit->request.body);
    yq_staged_cleanup(&visit->spool);
}
