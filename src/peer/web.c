/* web.c: a client of other people's HTTP servers, over libcurl's multi interface, so that whoever
 * waits can be stopped within a tenth of a second.
 *
 * Refuses: redirects, proxies, other schemes than http and https, names and passcodes in URLs,
 * TLS below 1.2, answers beyond their bound (head and body). A connection that was kept and turns
 * out to be closed is opened anew by libcurl, which sends the request again; whoever is called has
 * to bear that anyway. Errors name host and port only. One thread at a time per client. */
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/web.h"

#define ROOM "peer"
#define HEAD_MOST (128u << 10)
#define TICK_MS 100
#define CONNECTIONS_MOST 4L
#define CA_SECONDS 60L /* a file of certificates is read again after this */

struct yq_web {
    CURLM *multi;
    CURL *easy;
    struct yq_web_how how;
    char *texts[3]; /* what `how` points to */
    size_t answer_most, head;
    struct yq_web_call *call; /* the one under way */
    bool full, no_memory;
    bool whole; /* the answer's head came to its end */
    char said[CURL_ERROR_SIZE];
};

/* ---- opening ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void begin(void) { global = curl_global_init(CURL_GLOBAL_DEFAULT); }

static size_t take_body(char *bytes, size_t one, size_t length, void *context)
{
    struct yq_web *web = context;
    (void)one;
    if (web->call->answer.length + length > web->answer_most) {
        web->full = true;
        return 0;
    }
    yq_buf_put(&web->call->answer, bytes, length);
    web->no_memory = web->call->answer.failed;
    return web->no_memory ? 0 : length;
}

static size_t take_head(char *bytes, size_t one, size_t length, void *context)
{
    struct yq_web *web = context;
    (void)one;
    if (length > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        web->whole = false; /* of this answer; the one before was a "continue" */
    else if (length && length <= 2 && bytes[length - 1] == '\n')
        web->whole = true;
    web->head += length;
    web->full = web->head > HEAD_MOST;
    return web->full ? 0 : length;
}

/* What every call of this client has in common. */
static bool settle(struct yq_web *web)
{
    CURL *easy = web->easy;
    const struct yq_web_how *how = &web->how;
    bool ok = true;
#define SET(option, value) ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* who stops does not wait for a name server */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_USERAGENT, "yingqiao");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(how->connect_ms ? how->connect_ms : 10000));
    SET(CURLOPT_TIMEOUT_MS, (long)(how->total_ms ? how->total_ms : 60000));
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)web->answer_most);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, how->any_certificate ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, how->any_certificate ? 0L : 2L);
    SET(CURLOPT_CA_CACHE_TIMEOUT, CA_SECONDS);
    if (how->ca) {
        SET(CURLOPT_CAINFO, how->ca);
        SET(CURLOPT_CAPATH, NULL); /* else the system's are believed beside */
    }
    if (how->certificate)
        SET(CURLOPT_SSLCERT, how->certificate);
    if (how->key)
        SET(CURLOPT_SSLKEY, how->key);
    SET(CURLOPT_ERRORBUFFER, web->said);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, web);
    SET(CURLOPT_HEADERFUNCTION, take_head);
    SET(CURLOPT_HEADERDATA, web);
    SET(CURLOPT_PRIVATE, web);
#undef SET
    return ok;
}

bool yq_web_open(const struct yq_web_how *how, struct yq_web **out, struct yq_err *err)
{
    struct yq_web *web = calloc(1, sizeof *web);
    const char *const texts[3] = {how->ca, how->certificate, how->key};
    bool ok = web != NULL;
    *out = NULL;
    pthread_once(&once, begin);
    for (size_t i = 0; ok && i < 3; i++)
        if (texts[i] && *texts[i])
            ok = (web->texts[i] = strdup(texts[i])) != NULL;
    if (ok) {
        web->how = *how;
        web->how.ca = web->texts[0];
        web->how.certificate = web->texts[1];
        web->how.key = web->texts[2];
        web->answer_most = how->answer_most ? how->answer_most : 8u << 20;
        web->easy = global == CURLE_OK ? curl_easy_init() : NULL;
        web->multi = web->easy ? curl_multi_init() : NULL;
        ok = web->multi && settle(web) &&
             curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MOST) == CURLM_OK;
    }
    if (!ok) {
        yq_web_close(web);
        return yq_fail(err, YQ_FULL, ROOM, "an HTTP client could not be made");
    }
    *out = web;
    return true;
}

void yq_web_close(struct yq_web *web)
{
    if (!web)
        return;
    curl_easy_cleanup(web->easy);
    if (web->multi)
        curl_multi_cleanup(web->multi);
    for (size_t i = 0; i < 3; i++)
        free(web->texts[i]);
    free(web);
}

/* ---- what went wrong, in words ---- */

/* "host:port" of a URL, for errors. */
static void name_place(const char *url, char *out, size_t size)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    size_t length = strcspn(at, "/?#");
    const char *sign = memchr(at, '@', length);
    if (sign) {
        length -= (size_t)(sign + 1 - at);
        at = sign + 1;
    }
    if (length >= size)
        length = size - 1;
    for (size_t i = 0; i < length; i++)
        out[i] = at[i] > ' ' && at[i] < 0x7f ? at[i] : '?';
    out[length] = '\0';
}

/* libcurl's own words on TLS speak of certificates and files, never of what was sent. */
static const char *tls_words(const struct yq_web *web)
{
    static const char *const skip[] = {
        "SSL certificate problem: ", "SSL: ", "error:0A00"}; /* an OpenSSL code before its words */
    const char *said = web->said;
    for (size_t i = 0; i < 2; i++)
        if (strncmp(said, skip[i], strlen(skip[i])) == 0)
            said += strlen(skip[i]);
    const char *code = strstr(said, skip[2]);
    const char *words = code ? strrchr(said, ':') : NULL;
    return words ? words + 1 : *said ? said : "no reason given";
}

static bool fail_tls(const struct yq_web *web, CURLcode code, const char *place, struct yq_err *err)
{
    if (strstr(web->said, "certificate required") || code == CURLE_SSL_CLIENTCERT)
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "%s wants a certificate of this node: set tls_certificate and tls_key",
                       place);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return yq_fail(err, YQ_REFUSED, ROOM, "the certificate of %s is not believed: %.120s",
                       place, tls_words(web));
    if (code == CURLE_SSL_CERTPROBLEM)
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "our certificate or key for %s cannot be used: %.120s", place,
                       tls_words(web));
    if (code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CRL_BADFILE)
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "the file of certificates that are believed cannot be read (calling %s)",
                       place);
    if (strstr(web->said, "wrong version number") || strstr(web->said, "packet length too long"))
        return yq_fail(err, YQ_PEER_GONE, ROOM, "%s speaks no TLS there: is it http://?", place);
    return yq_fail(err, YQ_REFUSED, ROOM, "TLS with %s: %.120s", place, tls_words(web));
}

static bool is_tls(const struct yq_web *web, CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CRL_BADFILE || code == CURLE_SSL_ISSUER_ERROR ||
           code == CURLE_SSL_CLIENTCERT || code == CURLE_SSL_CIPHER ||
           (code == CURLE_RECV_ERROR && strstr(web->said, "alert"));
}

static bool fail_reach(struct yq_web *web, CURLcode code, const char *place, struct yq_err *err)
{
    long number = 0;
    double connected = 0;
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return yq_fail(err, YQ_PEER_GONE, ROOM, "%s: no address is known for this name", place);
    if (code == CURLE_OPERATION_TIMEDOUT) {
        curl_easy_getinfo(web->easy, CURLINFO_CONNECT_TIME, &connected);
        return yq_fail(err, YQ_TIMEOUT, ROOM,
                       connected > 0 ? "%s took the call, but did not answer in time"
                                     : "%s could not be reached in time",
                       place);
    }
    curl_easy_getinfo(web->easy, CURLINFO_OS_ERRNO, &number);
    return yq_fail(err, YQ_PEER_GONE, ROOM, "%s cannot be reached: %s", place,
                   number ? strerror((int)number) : "no connection");
}

static bool fail_call(struct yq_web *web, CURLcode code, struct yq_err *err)
{
    char place[128];
    name_place(web->call->url, place, sizeof place);
    if (web->no_memory)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for the answer of %s", place);
    if (web->full || code == CURLE_FILESIZE_EXCEEDED)
        return yq_fail(err, YQ_FULL, ROOM, "%s answers more than %zu bytes", place,
                       web->head > HEAD_MOST ? (size_t)HEAD_MOST : web->answer_most);
    if (is_tls(web, code))
        return fail_tls(web, code, place, err);
    if (code == CURLE_WEIRD_SERVER_REPLY || strstr(web->said, "HTTP/0.9"))
        return yq_fail(err, YQ_PEER_GONE, ROOM, "what %s answers is no HTTP", place);
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: return fail_reach(web, code, place, err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the address %s cannot be called", place);
    case CURLE_OUT_OF_MEMORY: return yq_fail(err, YQ_FULL, ROOM, "no memory to call %s", place);
    case CURLE_PARTIAL_FILE:
        return yq_fail(err, YQ_PEER_GONE, ROOM, "%s cut its answer off", place);
    case CURLE_GOT_NOTHING:
        return yq_fail(err, YQ_PEER_GONE, ROOM, "%s closed the connection without an answer",
                       place);
    default: break;
    }
    /* A server that wants a certificate under TLS 1.3 tells so after the handshake, and libcurl may
     * find the connection closed before it reads that. */
    bool doubt = !web->how.certificate && strncmp(web->call->url, "https:", 6) == 0;
    return yq_fail(err, YQ_PEER_GONE, ROOM, "the connection to %s broke off (%s)%s", place,
                   curl_easy_strerror(code),
                   doubt ? "; perhaps it wants a certificate of this node" : "");
}

/* ---- one call ---- */

static bool put_headers(const struct yq_web_call *call, struct curl_slist **out)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* sent at once, body and all */
    const char *at = call->headers ? call->headers : "";
    bool ok = list != NULL;
    while (ok && *at) {
        char line[1024];
        size_t length = strcspn(at, "\n");
        ok = length < sizeof line && !memchr(at, '\r', length);
        if (ok && length) {
            memcpy(line, at, length);
            line[length] = '\0';
            struct curl_slist *longer = curl_slist_append(list, line);
            ok = longer != NULL;
            list = longer ? longer : list;
        }
        at += length + (at[length] == '\n');
    }
    *out = list;
    return ok;
}

static bool prepare(struct yq_web *web, struct curl_slist **headers)
{
    const struct yq_web_call *call = web->call;
    CURL *easy = web->easy;
    bool body = call->body || strcmp(call->method, "POST") == 0;
    if (!put_headers(call, headers) ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_URL, call->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOBODY, 0L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK)
        return false;
    if (body &&
        (curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->length) !=
             CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body ? call->body : "") != CURLE_OK))
        return false;
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

/* Until it is over, or `stopped` says so. */
static bool work(struct yq_web *web, CURLcode *code, bool *stopped)
{
    int running = 1;
    while (running) {
        if (curl_multi_perform(web->multi, &running) != CURLM_OK)
            return false;
        if (running && curl_multi_poll(web->multi, NULL, 0, TICK_MS, NULL) != CURLM_OK)
            return false;
        *stopped = running && web->call->stopped && web->call->stopped(web->call->context);
        if (*stopped)
            return true;
    }
    int left;
    CURLMsg *message = curl_multi_info_read(web->multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return false;
    *code = message->data.result;
    return true;
}

static void note(struct yq_web *web)
{
    long status = 0, sent = 0;
    curl_off_t took = 0;
    const char *type = NULL;
    struct yq_web_call *call = web->call;
    curl_easy_getinfo(web->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(web->easy, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(web->easy, CURLINFO_CONTENT_TYPE, &type);
    call->status = status > 0 && status < 1000 ? (unsigned)status : 0;
    call->sent = sent > 0;
    curl_easy_getinfo(web->easy, CURLINFO_TOTAL_TIME_T, &took);
    call->took_us = took > 0 ? (uint64_t)took : 0;
    for (size_t i = 0; type && type[i] && !strchr("; \t", type[i]) && i + 1 < sizeof call->media;
         i++)
        call->media[i] = (char)tolower((unsigned char)type[i]);
}

bool yq_web_do(struct yq_web *web, struct yq_web_call *call, struct yq_err *err)
{
    struct curl_slist *headers = NULL;
    CURLcode code = CURLE_FAILED_INIT;
    bool stopped = false;
    web->call = call;
    web->head = 0;
    web->full = web->no_memory = web->whole = false;
    web->said[0] = '\0';
    yq_buf_clear(&call->answer);
    memset(call->media, 0, sizeof call->media);
    call->status = 0;
    call->sent = false;
    call->took_us = 0;
    bool ok = prepare(web, &headers) && curl_multi_add_handle(web->multi, web->easy) == CURLM_OK;
    if (ok) {
        ok = work(web, &code, &stopped);
        note(web);
        curl_multi_remove_handle(web->multi, web->easy);
    }
    curl_easy_setopt(web->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    char place[128];
    name_place(call->url, place, sizeof place);
    if (stopped)
        return yq_fail(err, YQ_BUSY, ROOM, "the call to %s was given up", place);
    if (!ok)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the call to %s could not be made", place);
    if (code == CURLE_OK && !web->whole)
        code = CURLE_PARTIAL_FILE; /* to libcurl a head that was cut off is one */
    return code == CURLE_OK || fail_call(web, code, err);
}
