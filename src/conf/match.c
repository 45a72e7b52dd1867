/* match.c: which peer is calling, which one to call. An address fits a host that is the same
 * address, a net that holds it, or a name that resolves to it now; IPv4 in IPv6 (::ffff:a.b.c.d) is
 * IPv4.
 *
 * Names are asked for only when no address or net fits: a slow name server delays nobody else.
 * Thread-safe. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "parts.h"

struct address {
    uint8_t bytes[16];
    unsigned bits; /* 32 or 128; 0: none */
};

static void unmap(struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->bits != 128 || memcmp(address->bytes, mapped, sizeof mapped) != 0)
        return;
    memmove(address->bytes, address->bytes + 12, 4);
    address->bits = 32;
}

static bool parse_address(const char *text, struct address *address)
{
    char plain[INET6_ADDRSTRLEN + 1];
    size_t length = strcspn(text, "%"); /* the interface of a link-local address */
    memset(address, 0, sizeof *address);
    if (length >= sizeof plain)
        return false;
    memcpy(plain, text, length);
    plain[length] = '\0';
    if (inet_pton(AF_INET, plain, address->bytes) == 1)
        address->bits = 32;
    else if (inet_pton(AF_INET6, plain, address->bytes) == 1)
        address->bits = 128;
    unmap(address);
    return address->bits != 0;
}

/* "10.1.0.0/16"; *prefix counts the bits that must be equal. */
static bool parse_net(const char *text, struct address *net, unsigned *prefix)
{
    char plain[INET6_ADDRSTRLEN + 1], *end;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof plain || !isdigit((unsigned char)slash[1]))
        return false;
    memcpy(plain, text, (size_t)(slash - text));
    plain[slash - text] = '\0';
    unsigned long bits = strtoul(slash + 1, &end, 10);
    bool six = strchr(plain, ':');
    if (*end || strchr(plain, '%') || !parse_address(plain, net) || bits > (six ? 128u : 32u))
        return false;
    if (six && net->bits == 32) { /* ::ffff:10.0.0.0/104 */
        if (bits < 96)
            return false;
        bits -= 96;
    }
    *prefix = (unsigned)bits;
    return true;
}

static bool same_prefix(const struct address *a, const struct address *b, unsigned bits)
{
    if (a->bits != b->bits || memcmp(a->bytes, b->bytes, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return !rest || (a->bytes[bits / 8] ^ b->bytes[bits / 8]) >> (8 - rest) == 0;
}

static bool valid_name(const char *host)
{
    bool letter = false;
    size_t length = strlen(host), label = 0;
    if (length == 0 || length > 253)
        return false;
    for (const char *p = host; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (!isalnum(c) && c != '-' && c != '_' && c != '.')
            return false;
        if (c == '.' ? label == 0 : label == 0 && c == '-')
            return false;
        label = c == '.' ? 0 : label + 1;
        letter = letter || isalpha(c);
    }
    return letter; /* digits and dots alone are an address gone wrong */
}

enum conf_host conf_host_kind(const char *host)
{
    struct address address;
    unsigned prefix;
    if (parse_address(host, &address))
        return HOST_ADDRESS;
    if (strchr(host, '/'))
        return parse_net(host, &address, &prefix) ? HOST_NET : HOST_BAD;
    return valid_name(host) ? HOST_NAME : HOST_BAD;
}

bool conf_is_loopback(const char *bind)
{
    static const struct address six = {{[15] = 1}, 128};
    struct address address;
    if (!parse_address(bind, &address))
        return strcasecmp(bind, "localhost") == 0;
    return address.bits == 32 ? address.bytes[0] == 127 : same_prefix(&address, &six, 128);
}

static bool name_has(const char *name, const struct address *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    bool fits = false;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    for (struct addrinfo *at = found; at && !fits; at = at->ai_next) {
        struct address one = {0};
        if (at->ai_family == AF_INET) {
            one.bits = 32;
            memcpy(one.bytes, &((struct sockaddr_in *)(void *)at->ai_addr)->sin_addr, 4);
        } else if (at->ai_family == AF_INET6) {
            one.bits = 128;
            memcpy(one.bytes, &((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_addr, 16);
        }
        unmap(&one);
        fits = one.bits && same_prefix(&one, address, one.bits);
    }
    freeaddrinfo(found);
    return fits;
}

/* How closely a host fits: 0 not at all, else 1 and the bits that are fixed. */
static unsigned closeness(const char *host, const struct address *address)
{
    struct address other;
    unsigned prefix;
    if (parse_address(host, &other))
        return same_prefix(&other, address, other.bits) ? 1 + other.bits : 0;
    if (parse_net(host, &other, &prefix))
        return same_prefix(&other, address, prefix) ? 1 + prefix : 0;
    return 0;
}

bool yq_conf_hosts_fit(const char *hosts, const char *address)
{
    char word[INET6_ADDRSTRLEN + 5];
    struct address from;
    if (!parse_address(address, &from))
        return false;
    if (!hosts[strspn(hosts, " ")])
        return conf_is_loopback(address);
    while (*(hosts += strspn(hosts, " "))) {
        size_t length = strcspn(hosts, " ");
        if (length < sizeof word) {
            memcpy(word, hosts, length);
            word[length] = '\0';
            if (closeness(word, &from))
                return true;
        }
        hosts += length;
    }
    return false;
}

const struct yq_peer *yq_conf_peer(const struct yq_conf *conf, const char *aet, const char *address,
                                   bool *aet_known)
{
    const struct yq_peer *best = NULL;
    struct address from;
    unsigned close = 0;
    bool numeric = parse_address(address, &from), known = false;
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        if (strcmp(peer->aet, aet) != 0)
            continue;
        known = true;
        unsigned now = !*address ? 1 : numeric ? closeness(peer->host, &from) : 0;
        if (now > close) {
            close = now;
            best = peer;
        }
    }
    for (size_t i = 0; known && numeric && !best && i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        if (strcmp(peer->aet, aet) == 0 && conf_host_kind(peer->host) == HOST_NAME &&
            name_has(peer->host, &from))
            best = peer;
    }
    if (aet_known)
        *aet_known = known;
    return best;
}

const struct yq_peer *yq_conf_destination(const struct yq_conf *conf, const char *aet)
{
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        if (peer->port && strcmp(peer->aet, aet) == 0 && conf_host_kind(peer->host) != HOST_NET)
            return peer;
    }
    return NULL;
}
