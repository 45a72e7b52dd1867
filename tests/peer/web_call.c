/* web_call.c: a client of web.h on the command line, for the black-box cases:
 *
 *   web_call [KEY=VALUE]... METHOD URL [METHOD URL]...
 *
 * Keys: ca, certificate, key, any (1), connect, total (ms), most (bytes), stop (ms), header, body.
 * All calls are of one client; one line of JSON each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/web.h"

static int64_t stop_ms, begun_ms;

static bool is_stopped(void *context)
{
    (void)context;
    return stop_ms && yq_monotonic_ms() - begun_ms >= stop_ms;
}

static bool take_option(const char *word, struct yq_web_how *how, struct yq_web_call *call)
{
    const char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value++ - word) : 0;
#define IS(name) (length == strlen(name) && memcmp(word, name, length) == 0)
    if (!value || strstr(word, "://"))
        return false;
    if (IS("ca"))
        how->ca = value;
    else if (IS("certificate"))
        how->certificate = value;
    else if (IS("key"))
        how->key = value;
    else if (IS("any"))
        how->any_certificate = true;
    else if (IS("connect"))
        how->connect_ms = (unsigned)strtoul(value, NULL, 10);
    else if (IS("total"))
        how->total_ms = (unsigned)strtoul(value, NULL, 10);
    else if (IS("most"))
        how->answer_most = strtoul(value, NULL, 10);
    else if (IS("stop"))
        stop_ms = strtol(value, NULL, 10);
    else if (IS("header"))
        call->headers = value;
    else if (IS("body")) {
        call->body = value;
        call->length = strlen(value);
    } else
        return false;
#undef IS
    return true;
}

int main(int argc, char **argv)
{
    struct yq_web_how how = {0};
    struct yq_web_call call = {.stopped = is_stopped};
    struct yq_web *web;
    struct yq_err err = {0};
    int at = 1;
    while (at < argc && take_option(argv[at], &how, &call))
        at++;
    if (!yq_web_open(&how, &web, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (; at + 1 < argc; at += 2) {
        call.method = argv[at];
        call.url = argv[at + 1];
        begun_ms = yq_monotonic_ms();
        bool ok = yq_web_do(web, &call, &err);
        printf("{\"ok\": %s, \"code\": \"%s\", \"error\": \"", ok ? "true" : "false",
               ok ? "" : yq_code_name(err.code));
        for (const char *p = ok ? "" : err.text; *p; p++)
            printf(*p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
        printf("\", \"status\": %u, \"media\": \"%s\", \"length\": %zu, \"sent\": %s, "
               "\"took_us\": %llu, \"answer\": \"",
               call.status, call.media, call.answer.length, call.sent ? "true" : "false",
               (unsigned long long)call.took_us);
        for (size_t i = 0; i < call.answer.length && i < 4096; i++)
            printf("%02x", call.answer.bytes[i]);
        printf("\"}\n");
        fflush(stdout);
    }
    yq_buf_fini(&call.answer);
    yq_web_close(web);
    return 0;
}
