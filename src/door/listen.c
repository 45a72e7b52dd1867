/* listen.c: a listening socket, and what to say when there is none. */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "yq/file.h"

/* What getaddrinfo answers; without an address also on a machine that has no IPv6. */
static int resolve(const struct listening *where, const char *port, struct addrinfo **found)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (*where->address)
        return getaddrinfo(where->address, port, &hints, found);
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0)
        close(probe);
    return getaddrinfo(probe < 0 ? "0.0.0.0" : "::", port, &hints, found);
}

static int open_socket(const struct listening *where, const struct addrinfo *address)
{
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    if (ok && address->ai_family == AF_INET6 && !*where->address)
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    if (ok && bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, where->waiting) == 0)
        return fd;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

bool door_listen(const struct listening *where, int *out, struct yq_err *err)
{
    char port[24], doing[64];
    struct addrinfo *found = NULL;
    *out = -1;
    if (!where->port)
        return true;
    snprintf(port, sizeof port, "%lld", (long long)where->port);
    int failed = resolve(where, port, &found);
    if (failed)
        return yq_fail(err, YQ_BAD_INPUT, "door", "%s \"%s\": %s", where->bind_key, where->address,
                       gai_strerror(failed));
    *out = open_socket(where, found);
    int reason = errno;
    freeaddrinfo(found);
    if (*out >= 0)
        return true;
    if (reason == EADDRINUSE)
        return yq_fail(err, YQ_CONFLICT, "door",
                       "port %s is taken (in use by another program?): choose another with "
                       "--set %s=...",
                       port, where->port_key);
    errno = reason;
    snprintf(doing, sizeof doing, "listen on %s", where->port_key);
    return yq_fail_errno(err, "door", doing, port);
}
