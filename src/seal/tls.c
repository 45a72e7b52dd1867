/* tls.c: one end of a TLS connection over a socket that never blocks. RFC 8446, RFC 5246, RFC 9525
 * (host names).
 *
 * Knows handshakes, records and the other side's certificate; what a connection is for, the caller
 * knows. A channel belongs to one thread. */
#include "yq/tls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/bytes.h"
#include "yq/clock.h"

enum {
    READ_ROOM = 65536, /* several records with one read(2) */
    LOOK_MS = 200,     /* how often it is asked whether to stop */
};

/* ---- a channel ---- */

/* What the last call of OpenSSL that did not do its work wants. */
static int want(struct yq_tls *tls, int returned)
{
    int number = errno, result = SSL_get_error(tls->ssl, returned);
    switch (result) {
    case SSL_ERROR_WANT_READ: return YQ_CHANNEL_READ;
    case SSL_ERROR_WANT_WRITE: return YQ_CHANNEL_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        if (tls->greeted && (tls->heard || tls->server))
            return YQ_CHANNEL_END;
        number = 0;
        break;
    default: break;
    }
    tls_explain(tls, result, number);
    return YQ_CHANNEL_BROKEN;
}

static ssize_t tls_read(void *of, void *bytes, size_t room)
{
    struct yq_tls *tls = of;
    size_t got = 0;
    ERR_clear_error();
    errno = 0;
    int returned = SSL_read_ex(tls->ssl, bytes, room, &got);
    if (returned != 1)
        return want(tls, returned);
    tls->heard = true;
    return (ssize_t)got;
}

static ssize_t tls_write(void *of, const void *bytes, size_t length)
{
    struct yq_tls *tls = of;
    size_t put = 0;
    ERR_clear_error();
    errno = 0;
    int returned = SSL_write_ex(tls->ssl, bytes, length, &put);
    if (returned == 1)
        return (ssize_t)put;
    int wanted = want(tls, returned);
    return wanted == YQ_CHANNEL_END ? YQ_CHANNEL_BROKEN : wanted;
}

static const char *tls_why(void *of) { return ((struct yq_tls *)of)->why; }

static void tls_finish(void *of)
{
    struct yq_tls *tls = of;
    if (tls->greeted && !tls->why[0])
        (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

static void tls_free(void *of)
{
    struct yq_tls *tls = of;
    if (!tls)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

static const struct yq_channel_ways ways = {
    .read = tls_read, .write = tls_write, .why = tls_why, .finish = tls_finish, .free = tls_free};

static struct yq_tls *tls_new(SSL_CTX *context, int fd, bool server)
{
    struct yq_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    tls->server = server;
    tls->ssl = SSL_new(context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1) {
        tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_read_ahead(tls->ssl, 1);
    SSL_set_default_read_buffer_len(tls->ssl, READ_ROOM);
    if (server)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return tls;
}

struct yq_channel yq_tls_accept(struct yq_tls_context *context, int fd)
{
    struct yq_tls *tls = tls_new(context->ssl, fd, true);
    return (struct yq_channel){tls ? &ways : NULL, tls};
}

static int greet(struct yq_tls *tls)
{
    ERR_clear_error();
    errno = 0;
    int returned = SSL_do_handshake(tls->ssl);
    if (returned == 1) {
        tls->greeted = true;
        return 1;
    }
    return want(tls, returned);
}

int yq_tls_greet(struct yq_channel *channel) { return greet(channel->of); }

const char *yq_tls_version(const struct yq_channel *channel)
{
    return SSL_get_version(((struct yq_tls *)channel->of)->ssl);
}

/* ---- whose certificate ---- */

static void put_name(struct yq_tls_peer *peer, const void *bytes, size_t length)
{
    size_t used = strlen(peer->names);
    const char *text = bytes;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return; /* no host name; a 0 in it is an old trick */
    if (length && used + length + 2 <= sizeof peer->names)
        snprintf(peer->names + used, sizeof peer->names - used, "%.*s ", (int)length, text);
}

static void read_names(X509 *certificate, struct yq_tls_peer *peer)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) {
        ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        put_name(peer, ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
    }
    GENERAL_NAMES *others = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(others); i++) {
        const GENERAL_NAME *other = sk_GENERAL_NAME_value(others, i);
        if (other->type == GEN_DNS)
            put_name(peer, ASN1_STRING_get0_data(other->d.dNSName),
                     (size_t)ASN1_STRING_length(other->d.dNSName));
    }
    GENERAL_NAMES_free(others);
}

void tls_subject(X509 *certificate, char *subject, size_t size)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *bytes;
    *subject = '\0';
    if (text &&
        X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        long length = BIO_get_mem_data(text, &bytes);
        yq_copy_trimmed(subject, size, bytes, length > 0 ? (size_t)length : 0);
    }
    BIO_free(text);
}

static void read_peer(const struct yq_tls *tls, struct yq_tls_peer *peer)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    memset(peer, 0, sizeof *peer);
    X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
    if (!certificate)
        return;
    if (X509_digest(certificate, EVP_sha256(), digest, &length) == 1 && length == 32)
        yq_hex(peer->fingerprint, digest, length);
    tls_subject(certificate, peer->subject, sizeof peer->subject);
    read_names(certificate, peer);
    X509_free(certificate);
    ERR_clear_error();
}

void yq_tls_peer_of(const struct yq_channel *channel, struct yq_tls_peer *peer)
{
    read_peer(channel->of, peer);
}

/* Without colons and in small letters; false when it is no fingerprint. */
static bool plain_fingerprint(const char *text, char plain[65])
{
    size_t length = 0;
    for (; *text; text++) {
        if (*text == ':')
            continue;
        if (length == 64 || !isxdigit((unsigned char)*text))
            return false;
        plain[length++] = (char)tolower((unsigned char)*text);
    }
    plain[length] = '\0';
    return length == 64;
}

bool yq_tls_is_fingerprint(const char *text)
{
    char plain[65];
    return plain_fingerprint(text, plain);
}

static bool has_name(const char *names, const char *wanted)
{
    size_t length = strlen(wanted);
    for (const char *p = names; *p;) {
        size_t one = strcspn(p, " ");
        if (one == length && strncasecmp(p, wanted, one) == 0)
            return true;
        p += one + (p[one] == ' ');
    }
    return false;
}

bool yq_tls_is(const struct yq_tls_peer *peer, const char *wanted)
{
    char plain[65];
    if (!peer->fingerprint[0] || !*wanted)
        return false;
    if (plain_fingerprint(wanted, plain))
        return strcmp(plain, peer->fingerprint) == 0;
    return strcmp(wanted, peer->subject) == 0 || has_name(peer->names, wanted);
}

/* ---- calling ---- */

/* The certificate must be for the host, unless another one is named. */
static bool expect_host(struct yq_tls *tls, const struct yq_tls_call *call)
{
    uint8_t address[16];
    bool numeric = inet_pton(AF_INET, call->host, address) == 1 ||
                   inet_pton(AF_INET6, call->host, address) == 1;
    if (!numeric)
        SSL_set_tlsext_host_name(tls->ssl, call->host);
    if (!call->verify || *call->wanted)
        return true;
    if (numeric)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), call->host) == 1;
    SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(tls->ssl, call->host) == 1;
}

static bool greet_within(struct yq_tls *tls, int fd, int seconds, const struct yq_stop *stop,
                         struct yq_err *err)
{
    int64_t until = yq_monotonic_ms() + (int64_t)seconds * 1000;
    for (;;) {
        int wanted = greet(tls);
        if (wanted == 1)
            return true;
        if (wanted == YQ_CHANNEL_BROKEN || wanted == YQ_CHANNEL_END)
            return yq_fail(err, YQ_REFUSED, "seal", "no TLS with it: %s", tls->why);
        int64_t left = until - yq_monotonic_ms();
        struct pollfd poll_fd = {fd, wanted == YQ_CHANNEL_READ ? POLLIN : POLLOUT, 0};
        if (stop && stop->wanted(stop->context))
            return yq_fail(err, YQ_PEER_GONE, "seal", "the call was ended by this node");
        if (left > 0)
            (void)poll(&poll_fd, 1, (int)(left < LOOK_MS ? left : LOOK_MS));
        else
            return yq_fail(err, YQ_TIMEOUT, "seal",
                           "the TLS handshake was not finished within %d s; the peer probably "
                           "speaks no TLS on this port",
                           seconds);
    }
}

static bool is_the_one(const struct yq_tls *tls, const struct yq_tls_call *call, struct yq_err *err)
{
    struct yq_tls_peer peer;
    if (!*call->wanted)
        return true;
    read_peer(tls, &peer);
    if (yq_tls_is(&peer, call->wanted))
        return true;
    return yq_fail(err, YQ_REFUSED, "seal",
                   "the peer shows another certificate than \"tls_peer\" names: %.60s, fingerprint "
                   "%s",
                   peer.subject, peer.fingerprint);
}

bool yq_tls_connect(const struct yq_tls_call *call, int fd, int seconds, const struct yq_stop *stop,
                    struct yq_channel *out, struct yq_err *err)
{
    bool pinned = yq_tls_is_fingerprint(call->wanted);
    bool trusting = call->verify && !pinned;
    *out = (struct yq_channel){0};
    SSL_CTX *context = tls_client_context(&call->plan, trusting, err);
    if (!context)
        return false;
    struct yq_tls *tls = tls_new(context, fd, false);
    SSL_CTX_free(context); /* the connection has its own share in it */
    if (!tls)
        return yq_fail(err, YQ_FULL, "seal", "no memory for TLS");
    SSL_set_verify(tls->ssl, trusting ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    bool ok = expect_host(tls, call) ||
              yq_fail(err, YQ_BAD_INPUT, "seal", "%.100s is no host name", call->host);
    if (!ok || !greet_within(tls, fd, seconds, stop, err) || !is_the_one(tls, call, err)) {
        tls_free(tls);
        return false;
    }
    *out = (struct yq_channel){&ways, tls};
    return true;
}
