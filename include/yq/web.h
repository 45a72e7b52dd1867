/* web.h: calling other people's HTTP servers (libcurl). Room peer; web.c.
 *
 * One struct yq_web is one client: it keeps its connections, belongs to one thread at a time. No
 * redirects are followed, no proxy is taken from the environment, only http and https; every call
 * has an end; answers are bounded. */
#ifndef YQ_WEB_H
#define YQ_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_web_how {                /* texts are copied */
    const char *ca;                /* file of certificates that are believed; "": the system's */
    const char *certificate, *key; /* files of our own for who asks; "": none */
    bool any_certificate; /* the other side is not checked: only where a person has said so */
    unsigned connect_ms, total_ms; /* 0: 10 000, 60 000 */
    size_t answer_most;            /* 0: 8 MB */
};
struct yq_web;
yq_must_check bool yq_web_open(const struct yq_web_how *how, struct yq_web **out,
                               struct yq_err *err);
void yq_web_close(struct yq_web *web);

struct yq_web_call {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *headers; /* "Name: value\n" each; NULL: none */
    const void *body;
    size_t length;
    bool (*stopped)(void *context); /* asked now and then; NULL: never */
    void *context;
    /* out */
    unsigned status;      /* of the answer */
    struct yq_buf answer; /* the caller ends it */
    char media[64];       /* its Content-Type without parameters, small letters */
    uint64_t took_us;
    bool sent; /* some of the request went out: the other side may have acted on it */
};
/* True: there was an answer, whatever its status. YQ_PEER_GONE (not reached, cut off: says how),
 * YQ_TIMEOUT, YQ_REFUSED (TLS: certificate not believed), YQ_BAD_INPUT (URL), YQ_FULL (answer too
 * large), YQ_BUSY (`stopped` said so). Texts name host and port, never path, query or bodies. */
yq_must_check bool yq_web_do(struct yq_web *web, struct yq_web_call *call, struct yq_err *err);

#endif
