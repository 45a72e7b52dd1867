/* inside.h: what the files of TLS share. Private to room seal. */
#ifndef YQ_SEAL_INSIDE_H
#define YQ_SEAL_INSIDE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "yq/tls.h"

struct yq_tls_context {
    atomic_int holders;
    SSL_CTX *ssl;
    struct yq_tls_facts facts;
};

struct yq_tls { /* one end of a connection; `of` of a channel */
    SSL *ssl;
    bool server, greeted; /* greeted: the handshake is done */
    bool heard;           /* something of the peer's own came */
    char why[200];
};

/* ---- tls_context.c ---- */

/* A client's; certificate and key are taken when there are any. `trusting`: the CAs are read. */
SSL_CTX *tls_client_context(const struct yq_tls_plan *plan, bool trusting, struct yq_err *err);

/* ---- tls.c ---- */

/* Its subject as RFC 2253 writes it, cut where it does not fit. */
void tls_subject(X509 *certificate, char *subject, size_t size);

/* ---- tls_words.c ---- */

/* Why the file could not be taken, from OpenSSL's queue, which is empty afterwards. */
const char *tls_reason(char *text, size_t size);
/* Why the connection failed (`result` is of SSL_get_error), into tls->why. */
void tls_explain(struct yq_tls *tls, int result, int error_number);

#endif
