/* admit.c: a request comes in: who it is, what it wants, whether it may. All that stands above the
 * body, before any of the body is read.
 *
 * Refused: whoever may not come in (access.c), paths and methods that no row of the route table
 * has, long URLs, writing without the right to. Runs on libmicrohttpd's threads, so nothing here
 * waits. RFC 9110, Fetch standard (CORS protocol). */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "visit.h"

#define READING ((unsigned)(YQ_GET | YQ_HEAD))

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
    char names[64];
    unsigned methods = visit->methods ? visit->methods : YQ_GET | YQ_HEAD;
    yq_reply_header(reply, "Access-Control-Allow-Methods", "%s", yq_method_names(methods, names));
    yq_reply_header(reply, "Access-Control-Allow-Headers",
                    "Accept, Authorization, %sIf-Match, If-Modified-Since, If-None-Match, "
                    "If-Range, If-Unmodified-Since, Range",
                    methods & ~READING ? "Content-Type, " : "");
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

/* Where it comes from; a platform may be known by it. */
static void read_address(struct visit *visit)
{
    struct yq_origin *from = &visit->request.from;
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(visit->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    from->door = "http";
    if (peer)
        (void)!getnameinfo(peer->client_addr, sizeof(struct sockaddr_in6), from->address,
                           sizeof from->address, NULL, 0, NI_NUMERICHOST);
}

/* By a token, or as a program of this machine, which has every right unless it shows a token. */
static bool is_known(struct visit *visit, bool near)
{
    struct request *request = &visit->request;
    struct yq_conf_box *box = visit->door->house->conf;
    const struct yq_conf *conf = yq_conf_hold(box);
    const struct yq_token *token = yq_token_find(conf, header_of(visit, "Authorization"));
    request->trusted = near || token;
    request->rights = token ? token->rights : near ? YQ_RIGHT_WRITE | YQ_RIGHT_PERSONAL : 0;
    if (token)
        (void)yq_copy(request->from.user, sizeof request->from.user, token->name);
    visit->by_token = token;
    yq_conf_release(box, conf);
    return request->trusted || visit->open;
}

/* Whether it may change something here. */
static bool may_write(struct visit *visit)
{
    if (visit->request.method & READING || (visit->open && !visit->request.trusted) ||
        visit->served)
        return true;
    if (!(visit->request.rights & YQ_RIGHT_WRITE)) {
        yq_reply_problem(&visit->reply, 403,
                         "this token may read only: its entry in tokens.json "
                         "has no right \"write\"");
        return false;
    }
    if (visit->by_token || yq_origin_is_ours(header_of(visit, "Origin"), header_of(visit, "Host"),
                                             header_of(visit, "Sec-Fetch-Site")))
        return true;
    yq_reply_problem(&visit->reply, 403, "a web page of another host needs a token to write");
    return false;
}

/* Who it is. False with a reply when it may not come in, or when that was all it wanted to know;
 * request.trusted says whether it may do more than ask an open route. */
static bool may_come_in(struct visit *visit, const char *method)
{
    struct yq_http *door = visit->door;
    const char *host = header_of(visit, "Host");
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(visit->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
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
    if (!is_known(visit, near)) {
        yq_reply_problem(&visit->reply, 401, "a bearer token of tokens.json is needed");
        yq_reply_header(&visit->reply, "WWW-Authenticate", "Bearer realm=\"yingqiao\"");
        return false;
    }
    return true;
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

static bool check_rights(struct visit *visit)
{
    if (may_write(visit))
        return true;
    yq_audit_forbidden(visit->door->house->audit, &visit->request.from,
                       "HTTP: to change something");
    return false;
}

/* A service for a platform, where one may ask from this address. For everybody else there is
 * nothing under its path, nor for a web page in a browser of the platform's. */
static void find_service(struct visit *visit, unsigned bit)
{
    struct yq_http *door = visit->door;
    struct yq_places places;
    struct request *request = &visit->request;
    if (!yq_origin_is_ours(header_of(visit, "Origin"), header_of(visit, "Host"),
                           header_of(visit, "Sec-Fetch-Site")))
        return;
    for (size_t i = 0; i < door->served_count && !visit->methods; i++) {
        struct served *served = &door->served[i];
        if (!yq_path_fits(&visit->path, served->route.path, &places) ||
            !served_platform(door->house, served, request->from.address, came_by_proxy(visit),
                             request->platform))
            continue;
        visit->pattern = served->route.path;
        visit->methods = served->route.methods;
        visit->route = served->route.methods & bit ? &served->route : NULL;
        visit->served = visit->open = true;
    }
}

/* The row with this path and method; what the other rows with the path have counts for Allow. */
static void find_route(struct visit *visit, unsigned bit)
{
    const struct yq_http *door = visit->door;
    struct yq_places places;
    visit->open = true;
    for (size_t i = 0; i < door->route_count; i++) {
        const struct yq_route *route = &door->routes[i];
        if (!yq_path_fits(&visit->path, route->path, &places))
            continue;
        visit->pattern = route->path;
        visit->methods |= route->methods;
        visit->open = visit->open && route->open;
        if (visit->route || !(route->methods & bit))
            continue;
        visit->route = route;
        visit->request.places = places;
    }
    visit->open = visit->route ? visit->route->open : visit->open && visit->methods;
    if (!visit->methods)
        find_service(visit, bit);
}

static const struct {
    const char *name;
    enum yq_method bit;
} method_names[] = {{"GET", YQ_GET}, {"HEAD", YQ_HEAD},   {"POST", YQ_POST},
                    {"PUT", YQ_PUT}, {"PATCH", YQ_PATCH}, {"DELETE", YQ_DELETE}};
#define METHODS (sizeof method_names / sizeof *method_names)

const char *yq_method_names(unsigned methods, char text[64])
{
    *text = '\0';
    for (size_t i = 0; i < METHODS; i++) {
        size_t length = strlen(text);
        if (methods & method_names[i].bit)
            snprintf(text + length, 64 - length, "%s%s", length ? ", " : "", method_names[i].name);
    }
    return text;
}

static void read_method(struct visit *visit, const char *method)
{
    visit->method = method; /* libmicrohttpd's, as long as the request */
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(method_names[i].name, method) == 0)
            visit->request.method = method_names[i].bit;
}

/* There is no row for it. */
static void refuse_method(struct visit *visit)
{
    char names[64], list[64];
    const char *more = visit->methods & ~READING ? ", OPTIONS" : "";
    yq_method_names(visit->methods, names);
    if (*more && strcmp(visit->method, "OPTIONS") == 0) {
        visit->reply.status = 204;
    } else {
        (void)yq_copy(list, sizeof list, names);
        char *comma = strrchr(list, ',');
        if (comma)
            *comma = '\0';
        yq_reply_problem(&visit->reply, 405, "only %s%s%s %s answered here", list,
                         comma ? " and" : "", comma ? comma + 1 : "", comma ? "are" : "is");
    }
    yq_reply_header(&visit->reply, "Allow", "%s%s", names, more);
}

bool has_body(struct visit *visit)
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

const char *yq_request_header(const struct request *request, const char *name)
{
    const char *value =
        request->headers
            ? MHD_lookup_connection_value((struct MHD_Connection *)(uintptr_t)request->headers,
                                          MHD_HEADER_KIND, name)
            : NULL;
    return value ? value : "";
}

static void read_headers(struct visit *visit)
{
    struct request *request = &visit->request;
    request->headers = visit->connection;
    request->path = visit->uri;
    request->route = visit->route;
    request->memo = visit->door->memo;
    request->accept = header_of(visit, "Accept");
    request->accept_encoding = header_of(visit, "Accept-Encoding");
    request->range = header_of(visit, "Range");
    request->if_range = header_of(visit, "If-Range");
    request->if_match = header_of(visit, "If-Match");
    request->if_unmodified_since = header_of(visit, "If-Unmodified-Since");
    request->if_none_match = header_of(visit, "If-None-Match");
    request->if_modified_since = header_of(visit, "If-Modified-Since");
}

/* Which route it asks for. The query is left behind the path, as a string of its own. */
static bool read_uri(struct visit *visit, const char **query, struct yq_err *err)
{
    drop_authority(visit->uri);
    char *mark = strchr(visit->uri, '?');
    if (mark)
        *mark++ = '\0';
    else
        mark = visit->uri + strlen(visit->uri);
    *query = mark;
    bool fine = yq_path_parse(visit->uri, &visit->path, err);
    if (fine)
        find_route(visit, visit->request.method);
    return fine;
}

bool admit(struct visit *visit, const char *method)
{
    struct yq_err path_err = {0}, err = {0};
    const char *query;
    read_method(visit, method);
    read_address(visit);
    if (!visit->uri) {
        yq_reply_problem(&visit->reply, 503, "no memory for a request");
        return false;
    }
    if (visit->uri_too_long) {
        yq_reply_problem(&visit->reply, 414, "the URL is longer than %d bytes", YQ_URI_MOST);
        return false;
    }
    bool readable = read_uri(visit, &query, &path_err);
    if (!check_access(visit, method))
        return false;
    if (!readable)
        yq_reply_error(&visit->reply, &path_err);
    else if (!visit->methods)
        yq_reply_problem(&visit->reply, 404, "there is nothing under this path; / lists what is");
    else if (!visit->route)
        refuse_method(visit);
    if (!readable || !visit->route || !check_rights(visit) || !check_body(visit))
        return false;
    if (!yq_params_parse(query, strlen(query), &visit->request.params, &err)) {
        yq_reply_error(&visit->reply, &err);
        return false;
    }
    read_headers(visit);
    return true;
}
