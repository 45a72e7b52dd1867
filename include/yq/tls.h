/* tls.h: TLS 1.2 and 1.3 over connected, non-blocking sockets (OpenSSL), room seal. PS3.15
 * B.12; in editions up to 2022 B.9 and B.10 (BCP 195).
 *
 * A context is what many connections share: certificate, key, trusted CAs. It is read whole from
 * its files or not at all, and never changes; the box holds the newest one that could be read. A
 * channel belongs to one thread. SIGPIPE must be ignored. */
#ifndef YQ_TLS_H
#define YQ_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/channel.h"
#include "yq/err.h"

/* Both take TLS 1.2 and 1.3 with ephemeral keys only. BCP195 also takes the CBC suites of TLS 1.2,
 * which older devices need; BCP195_ND only authenticated encryption. */
enum yq_tls_profile { YQ_TLS_BCP195, YQ_TLS_BCP195_ND };
/* Certificates of those who call: not asked for, checked when shown, needed. */
enum yq_tls_clients { YQ_TLS_CLIENTS_NONE, YQ_TLS_CLIENTS_REQUEST, YQ_TLS_CLIENTS_REQUIRE };

struct yq_tls_plan {         /* "" or NULL: none */
    const char *certificate; /* PEM: our own, then what lies between it and its CA */
    const char *key;         /* PEM, without a passphrase; others must not be able to read it */
    const char *ca;          /* PEM: whom we trust; none: the machine's own list */
    enum yq_tls_profile profile;
};

struct yq_tls_facts {
    int64_t expires_ms, ca_expires_ms; /* of our certificate, of the CA that ends first; 0: none */
    char subject[128];                 /* of our certificate */
};

/* ---- contexts ---- */

struct yq_tls_context;
/* For a server: certificate and key are needed. Errors: YQ_BAD_INPUT: which file, what is wrong
 * with it, and what to do. */
yq_must_check bool yq_tls_server(const struct yq_tls_plan *plan, enum yq_tls_clients clients,
                                 struct yq_tls_context **out, struct yq_err *err);
/* Whether a client could use the plan's files; errors as above. */
yq_must_check bool yq_tls_usable(const struct yq_tls_plan *plan, struct yq_err *err);
void yq_tls_facts_of(const struct yq_tls_context *context, struct yq_tls_facts *facts);
void yq_tls_release(struct yq_tls_context *context); /* NULL: nothing */

/* The context in force; any thread. */
struct yq_tls_box;
struct yq_tls_box *yq_tls_box_new(void); /* NULL without memory */
void yq_tls_box_free(struct yq_tls_box *box);
/* Looks whether the plan or one of its files has changed since the last time, and reads them anew
 * then. *changed: they were read. False: what is new cannot be used, and the earlier context stays.
 * One thread. */
yq_must_check bool yq_tls_box_look(struct yq_tls_box *box, const struct yq_tls_plan *plan,
                                   enum yq_tls_clients clients, bool *changed, struct yq_err *err);
/* To be released; NULL: there is none. */
struct yq_tls_context *yq_tls_box_hold(struct yq_tls_box *box);

/* ---- connections ---- */

/* What the other side's certificate says. */
struct yq_tls_peer {
    char fingerprint[65]; /* SHA-256, hex; "": it showed none */
    char subject[256];    /* RFC 2253 */
    char names[512];      /* common name and DNS names, each followed by a blank */
};
/* Is it the certificate that `wanted` names: by its SHA-256 fingerprint (hex, with or without
 * colons), its subject, or one of its names? */
bool yq_tls_is(const struct yq_tls_peer *peer, const char *wanted);
/* 64 hex digits, colons between them or not. */
bool yq_tls_is_fingerprint(const char *text);

/* The server's end of `fd`, before its handshake. NULL ways without memory. */
struct yq_channel yq_tls_accept(struct yq_tls_context *context, int fd);
/* Goes on with the handshake: 1 when it is done, else a yq_channel_want. Never waits. */
int yq_tls_greet(struct yq_channel *channel);
void yq_tls_peer_of(const struct yq_channel *channel, struct yq_tls_peer *peer);
/* "TLSv1.3" and the like. */
const char *yq_tls_version(const struct yq_channel *channel);

struct yq_tls_call {
    struct yq_tls_plan plan;
    const char *host; /* its certificate must be for this name or address ... */
    bool verify;      /* ... and come from a CA we trust */
    /* The certificate it must be instead, see yq_tls_is; "": any for `host`. A fingerprint needs no
     * CA. */
    const char *wanted;
};
/* The client's end of `fd`, with its handshake done within `seconds`, unless `stop` (NULL: never)
 * is wanted meanwhile. `fd` stays the caller's.
 * Errors: YQ_REFUSED, YQ_TIMEOUT, YQ_PEER_GONE, YQ_BAD_INPUT (our own files), in words. */
yq_must_check bool yq_tls_connect(const struct yq_tls_call *call, int fd, int seconds,
                                  const struct yq_stop *stop, struct yq_channel *out,
                                  struct yq_err *err);

#endif
