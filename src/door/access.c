/* access.c: who may come in by HTTP.
 *
 * While the node listens on loopback, clients of this machine need no token; their Host header must
 * name this machine, so that a web page elsewhere cannot reach the node by pointing its own name at
 * 127.0.0.1; and what a proxy passes on (http.c) does not count as of this machine. While the node
 * listens anywhere else, every client needs a token, also those of this
 * machine: behind a reverse proxy everybody comes from loopback.
 *
 * A page of somebody else's that runs in the browser of a person of this machine is let in as this
 * machine; the browser lets it read the answer only where http.cors_origins names it (Fetch
 * standard, CORS protocol). It cannot write: without a token what changes something comes from a
 * program or from a page of the node itself (Origin, Sec-Fetch-Site), and a body has a media type
 * that no form can send. Pure functions, any thread. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http.h"

bool yq_address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return false;
}

bool yq_host_is_local(const char *host)
{
    char name[64];
    struct in_addr v4;
    size_t length = strlen(host);
    const char *colon = strrchr(host, ':');
    const char *bracket = strrchr(host, ']');
    if (colon && (!bracket || colon > bracket)) {
        if (strspn(colon + 1, "0123456789") != strlen(colon + 1))
            return false;
        length = (size_t)(colon - host);
    }
    if (length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

const struct yq_token *yq_token_find(const struct yq_conf *conf, const char *authorization)
{
    const struct yq_token *found = NULL;
    if (strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    const char *secret = authorization + 7 + strspn(authorization + 7, " ");
    size_t length = strcspn(secret, " ");
    for (size_t i = 0; i < conf->token_count && length;
         i++) { /* all of them: no hint in the time */
        const struct yq_token *token = &conf->tokens[i];
        if (yq_equal_secret(secret, length, token->secret, strlen(token->secret)))
            found = token;
    }
    return found;
}

bool yq_origin_is_ours(const char *origin, const char *host, const char *site)
{
    if (*site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!*origin)
        return true;
    const char *name = strstr(origin, "://");
    return name && *host && (strncasecmp(origin, "http", 4) == 0) &&
           strcasecmp(name + 3, host) == 0;
}

bool yq_cors_allows(const struct yq_conf *conf, const char *origin)
{
    size_t length = strlen(origin);
    for (const char *at = conf->http_cors_origins; *at;) {
        size_t size = strcspn(at, " ,");
        if ((size == 1 && *at == '*') || (size == length && strncasecmp(at, origin, size) == 0))
            return true;
        at += size;
        at += strspn(at, " ,");
    }
    return false;
}
