/* tls_context.c: certificate, key and CAs out of files, as one context; the box with the newest.
 * PS3.15 B.12; RFC 9325, RFC 8996 (BCP 195).
 *
 * Refuses keys that others may read, keys with a passphrase, and certificates that do not belong to
 * their key; each time it names the file and what to type. Contexts never change, the box swaps
 * them under its lock. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inside.h"
#include "yq/bytes.h"
#include "yq/file.h"

/* Of TLS 1.2; those of 1.3 are all fine. */
static const char suites_nd[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK";
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+"
                             "AES:!aNULL:!PSK";

static bool given(const char *path) { return path && *path; }

static bool fail_file(struct yq_err *err, const char *path, const char *what)
{
    char reason[120];
    return yq_fail(err, YQ_BAD_INPUT, "seal", "%.100s: %s (%s)", path, what,
                   tls_reason(reason, sizeof reason));
}

/* No prompt on a terminal that nobody watches. */
static int no_passphrase(char *text, int size, int writing, void *asked)
{
    (void)text;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* 0: the text is none. */
static int64_t time_ms(const ASN1_TIME *time)
{
    struct tm parts = {0};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts) * 1000;
}

static bool key_is_private(const char *path, struct yq_err *err)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return yq_fail_errno(err, "seal", "look at", path);
    if (about.st_mode & 027)
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "others may read this key (mode %03o); type: chmod 600 %.180s",
                       (unsigned)(about.st_mode & 0777), path);
    return true;
}

static bool take_key(SSL_CTX *ssl, const struct yq_tls_plan *plan, struct yq_err *err)
{
    if (!given(plan->key))
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "there is a certificate but no key: set dicom.tls_key");
    if (!key_is_private(plan->key, err))
        return false;
    bool locked = false;
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &locked);
    bool taken = SSL_CTX_use_PrivateKey_file(ssl, plan->key, SSL_FILETYPE_PEM) == 1 &&
                 SSL_CTX_check_private_key(ssl) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (taken)
        return true;
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_X509 ||
        ERR_GET_REASON(code) == SSL_R_NO_CERTIFICATE_ASSIGNED) {
        ERR_clear_error();
        return yq_fail(err, YQ_BAD_INPUT, "seal", "%.90s is not the key of the certificate %.90s",
                       plan->key, plan->certificate);
    }
    if (locked) {
        ERR_clear_error();
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "%.70s has a passphrase, which nobody could type at a restart; write it "
                       "without: openssl pkey -in %.50s -out NEW",
                       plan->key, plan->key);
    }
    return fail_file(err, plan->key, "this is no private key in PEM form");
}

static bool take_certificate(SSL_CTX *ssl, const struct yq_tls_plan *plan, struct yq_err *err)
{
    struct stat about;
    if (!given(plan->certificate))
        return true;
    if (stat(plan->certificate, &about) != 0)
        return yq_fail_errno(err, "seal", "look at", plan->certificate);
    if (SSL_CTX_use_certificate_chain_file(ssl, plan->certificate) != 1)
        return fail_file(err, plan->certificate, "this is no certificate in PEM form");
    return take_key(ssl, plan, err);
}

static bool take_cas(SSL_CTX *ssl, const struct yq_tls_plan *plan, struct yq_err *err)
{
    struct stat about;
    if (!given(plan->ca)) {
        SSL_CTX_set_default_verify_paths(ssl);
        ERR_clear_error();
        return true;
    }
    if (stat(plan->ca, &about) != 0)
        return yq_fail_errno(err, "seal", "look at", plan->ca);
    if (SSL_CTX_load_verify_file(ssl, plan->ca) != 1)
        return fail_file(err, plan->ca, "there is no CA certificate in PEM form in it");
    return true;
}

static SSL_CTX *context_of(const SSL_METHOD *method, const struct yq_tls_plan *plan,
                           struct yq_err *err)
{
    SSL_CTX *ssl = SSL_CTX_new(method);
    if (!ssl) {
        yq_fail(err, YQ_FULL, "seal", "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ssl, plan->profile == YQ_TLS_BCP195_ND ? suites_nd : suites);
    SSL_CTX_set_dh_auto(ssl, 1);
    /* how a conversation ends, DICOM tells by itself: who just closes the socket cuts nothing off
     */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ssl;
}

SSL_CTX *tls_client_context(const struct yq_tls_plan *plan, bool trusting, struct yq_err *err)
{
    SSL_CTX *ssl = context_of(TLS_client_method(), plan, err);
    if (ssl && take_certificate(ssl, plan, err) && (!trusting || take_cas(ssl, plan, err)))
        return ssl;
    SSL_CTX_free(ssl);
    return NULL;
}

bool yq_tls_usable(const struct yq_tls_plan *plan, struct yq_err *err)
{
    SSL_CTX *ssl = tls_client_context(plan, true, err);
    SSL_CTX_free(ssl);
    return ssl != NULL;
}

/* ---- facts ---- */

static void read_own(struct yq_tls_context *context)
{
    X509 *own = SSL_CTX_get0_certificate(context->ssl);
    if (!own)
        return;
    context->facts.expires_ms = time_ms(X509_get0_notAfter(own));
    tls_subject(own, context->facts.subject, sizeof context->facts.subject);
}

/* The end of the CA that ends first. */
static void read_cas(struct yq_tls_context *context)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context->ssl));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        int64_t end = ca ? time_ms(X509_get0_notAfter(ca)) : 0;
        if (end && (!context->facts.ca_expires_ms || end < context->facts.ca_expires_ms))
            context->facts.ca_expires_ms = end;
    }
}

/* ---- a server's context ---- */

static bool ask_clients(struct yq_tls_context *context, const struct yq_tls_plan *plan,
                        enum yq_tls_clients clients, struct yq_err *err)
{
    static const unsigned char name[] = "yingqiao";
    SSL_CTX_set_session_id_context(context->ssl, name, sizeof name - 1);
    if (clients == YQ_TLS_CLIENTS_NONE)
        return true;
    if (!given(plan->ca))
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "dicom.tls_clients asks for certificates, but no CA says which are good: "
                       "set dicom.tls_ca");
    SSL_CTX_set_client_CA_list(context->ssl, SSL_load_client_CA_file(plan->ca));
    SSL_CTX_set_verify(context->ssl,
                       clients == YQ_TLS_CLIENTS_REQUIRE
                           ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : SSL_VERIFY_PEER,
                       NULL);
    return true;
}

bool yq_tls_server(const struct yq_tls_plan *plan, enum yq_tls_clients clients,
                   struct yq_tls_context **out, struct yq_err *err)
{
    *out = NULL;
    if (!given(plan->certificate))
        return yq_fail(err, YQ_BAD_INPUT, "seal",
                       "TLS needs a certificate: set dicom.tls_certificate and dicom.tls_key");
    struct yq_tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return yq_fail(err, YQ_FULL, "seal", "no memory for TLS");
    atomic_init(&context->holders, 1);
    context->ssl = context_of(TLS_server_method(), plan, err);
    bool ok = context->ssl && take_certificate(context->ssl, plan, err) &&
              (!given(plan->ca) || take_cas(context->ssl, plan, err)) &&
              ask_clients(context, plan, clients, err);
    if (!ok) {
        yq_tls_release(context);
        return false;
    }
    read_own(context);
    read_cas(context);
    *out = context;
    return true;
}

void yq_tls_facts_of(const struct yq_tls_context *context, struct yq_tls_facts *facts)
{
    *facts = context->facts;
}

void yq_tls_release(struct yq_tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->holders, 1) != 1)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

/* ---- the box ---- */

struct yq_tls_box {
    pthread_mutex_t lock; /* guards context */
    struct yq_tls_context *context;
    uint64_t seen; /* of the plan and its files, when they were looked at last; 0: never */
};

struct yq_tls_box *yq_tls_box_new(void)
{
    struct yq_tls_box *box = calloc(1, sizeof *box);
    if (box)
        pthread_mutex_init(&box->lock, NULL);
    return box;
}

void yq_tls_box_free(struct yq_tls_box *box)
{
    if (!box)
        return;
    yq_tls_release(box->context);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

static uint64_t add_text(uint64_t hash, const char *text) /* FNV-1a */
{
    for (const char *p = text ? text : ""; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    return hash * 1099511628211u;
}

static uint64_t add_file(uint64_t hash, const char *path)
{
    struct stat about;
    char text[128] = "-";
    if (given(path) && stat(path, &about) == 0)
        snprintf(text, sizeof text, "%lld %lld.%09ld %llu %o", (long long)about.st_size,
                 (long long)about.st_mtim.tv_sec, about.st_mtim.tv_nsec,
                 (unsigned long long)about.st_ino, (unsigned)about.st_mode);
    return add_text(add_text(hash, path), text);
}

static uint64_t stamp_of(const struct yq_tls_plan *plan, enum yq_tls_clients clients)
{
    uint64_t hash = 14695981039346656037u + (uint64_t)plan->profile * 8 + (uint64_t)clients;
    hash = add_file(add_file(add_file(hash, plan->certificate), plan->key), plan->ca);
    return hash ? hash : 1;
}

bool yq_tls_box_look(struct yq_tls_box *box, const struct yq_tls_plan *plan,
                     enum yq_tls_clients clients, bool *changed, struct yq_err *err)
{
    struct yq_tls_context *fresh, *old;
    uint64_t now = stamp_of(plan, clients);
    *changed = false;
    if (now == box->seen)
        return true;
    box->seen = now;
    if (!yq_tls_server(plan, clients, &fresh, err))
        return false;
    *changed = true;
    pthread_mutex_lock(&box->lock);
    old = box->context;
    box->context = fresh;
    pthread_mutex_unlock(&box->lock);
    yq_tls_release(old);
    return true;
}

struct yq_tls_context *yq_tls_box_hold(struct yq_tls_box *box)
{
    pthread_mutex_lock(&box->lock);
    struct yq_tls_context *context = box->context;
    if (context)
        atomic_fetch_add(&context->holders, 1);
    pthread_mutex_unlock(&box->lock);
    return context;
}
