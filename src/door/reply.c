/* reply.c: filling replies. Errors are RFC 9457 problems; what stands for stored bytes answers
 * conditions and ranges (RFC 9110 13, 14). A reply belongs to the thread that works on it. */
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http.h"
#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/form.h"
#include "yq/log.h"

void yq_reply_header(struct reply *reply, const char *name, const char *format, ...)
{
    char value[64];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    yq_buf_putf(&reply->headers, "%s: ", name);
    uint8_t *room = length < 0 ? NULL : yq_buf_room(&reply->headers, (size_t)length);
    if (room) {
        vsnprintf((char *)room, (size_t)length + 1, format, again);
        for (int i = 0; i < length; i++) /* a value is one line, whatever went into it */
            if (room[i] < 0x20 || room[i] == 0x7f)
                room[i] = '?';
    }
    yq_buf_puts(&reply->headers, "\n");
    va_end(again);
}

void yq_reply_fini(struct reply *reply)
{
    yq_buf_fini(&reply->body);
    yq_buf_fini(&reply->headers);
    yq_close(&reply->fd);
    if (reply->end)
        reply->end(reply->work);
    reply->work = NULL;
    reply->end = NULL;
}

void yq_reply_body(struct reply *reply, unsigned status, const char *type)
{
    if (reply->body.failed) {
        yq_buf_fini(&reply->body);
        yq_fail(&reply->trouble, YQ_FULL, "door", "no memory for an answer");
        status = 500;
        type = "text/plain";
    }
    reply->status = status;
    yq_reply_header(reply, "Content-Type", "%s", type);
}

static void problem(struct reply *reply, unsigned status, const char *detail)
{
    char text[512];
    (void)yq_copy(text, sizeof text, detail);
    for (char *p = text; *p; p++) /* may quote the client: what is not ASCII need not be UTF-8 */
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    yq_buf_fini(&reply->body);
    yq_buf_fini(&reply->headers);
    yq_close(&reply->fd);
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "type", "about:blank");
    yq_json_text(json, "title", MHD_get_reason_phrase_for(status));
    yq_json_number(json, "status", status);
    yq_json_text(json, "detail", text);
    if (*yq_log_trace())
        yq_json_text(json, "trace", yq_log_trace());
    if (!yq_json_print(json, false, &reply->body))
        reply->body.failed = true;
    yq_json_free(json);
    yq_reply_body(reply, status, "application/problem+json");
    yq_reply_header(reply, "Cache-Control", "no-store");
    if (status == 503)
        yq_reply_header(reply, "Retry-After", "2");
}

void yq_reply_problem(struct reply *reply, unsigned status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    problem(reply, status, text);
}

void yq_reply_error_as(struct reply *reply, unsigned status, const struct yq_err *err)
{
    if (status >= 500)
        reply->trouble = *err;
    /* Paths and the like are for the log, not for the client. */
    bool inner = status >= 500 && (err->code == YQ_IO || err->code == YQ_BUG);
    problem(reply, status,
            inner ? "the node could not do it; its log says why, under this trace" : err->text);
}

void yq_reply_error(struct reply *reply, const struct yq_err *err)
{
    static const unsigned statuses[] = {
        [YQ_OK] = 500,      [YQ_BAD_INPUT] = 400, [YQ_ABSENT] = 404, [YQ_CONFLICT] = 409,
        [YQ_REFUSED] = 403, [YQ_FULL] = 507,      [YQ_BUSY] = 503,   [YQ_TIMEOUT] = 504,
        [YQ_IO] = 503,      [YQ_PEER_GONE] = 502, [YQ_BUG] = 500,
    };
    bool known = (size_t)err->code < sizeof statuses / sizeof *statuses;
    yq_reply_error_as(reply, known ? statuses[err->code] : 500, err);
}

/* RFC 9110 5.6.7: IMF-fixdate, whatever the locale. */
static void http_date(char *text, size_t size, int64_t ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(text, size, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
}

/* Whether a precondition holds that a date of ours is not later than this one. */
static bool not_later(const char *header, int64_t modified_ms)
{
    int64_t date;
    return yq_http_date(header, &date) && modified_ms / 1000 <= date;
}

bool yq_reply_unchanged(const struct request *request, struct reply *reply, const char *etag,
                        int64_t modified_ms)
{
    /* RFC 9110 13.2.2: in this order; a tag counts more than a date */
    bool lost = *request->if_match ? !yq_etag_listed(request->if_match, etag)
                                   : modified_ms && *request->if_unmodified_since &&
                                         !not_later(request->if_unmodified_since, modified_ms);
    if (lost) {
        yq_reply_problem(reply, 412, "the object is not in the state that was asked for");
        return true;
    }
    if (modified_ms) {
        char date[64];
        http_date(date, sizeof date, modified_ms);
        yq_reply_header(reply, "Last-Modified", "%s", date);
    }
    yq_reply_header(reply, "ETag", "%s", etag);
    /* Health data: only in the cache of who asked, and asked for again each time. */
    yq_reply_header(reply, "Cache-Control", "private, no-cache");
    bool same = *request->if_none_match
                    ? yq_etag_listed(request->if_none_match, etag)
                    : modified_ms && not_later(request->if_modified_since, modified_ms);
    if (same)
        reply->status = 304;
    return same;
}

void yq_reply_file(const struct request *request, struct reply *reply, int take_fd, uint64_t offset,
                   uint64_t size, const char *type, const char *etag, int64_t modified_ms)
{
    char date[64];
    enum yq_range kind = YQ_RANGE_ALL;
    uint64_t first = 0;
    http_date(date, sizeof date, modified_ms);
    reply->fd = take_fd;
    reply->length = size;
    yq_reply_header(reply, "Accept-Ranges", "bytes");
    bool current = !*request->if_range || strcmp(request->if_range, etag) == 0 ||
                   strcmp(request->if_range, date) == 0;
    if (request->method == YQ_GET && *request->range && current)
        kind = yq_range_parse(request->range, size, &first, &reply->length);
    reply->offset = offset + first;
    if (kind == YQ_RANGE_OUTSIDE) {
        yq_reply_problem(reply, 416, "the object has %llu bytes", (unsigned long long)size);
        yq_reply_header(reply, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return;
    }
    if (kind == YQ_RANGE_PART)
        yq_reply_header(reply, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                        (unsigned long long)(first + reply->length - 1), (unsigned long long)size);
    reply->status = kind == YQ_RANGE_PART ? 206 : 200;
    yq_reply_header(reply, "Content-Type", "%s", type);
}

/* ---- compression ---- */

static bool is_text(const char *headers)
{
    static const char *const types[] = {"text/", "application/json", "application/problem+json",
                                        "application/xml"};
    const char *type = headers ? strstr(headers, "Content-Type: ") : NULL;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strncmp(type + strlen("Content-Type: "), types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

void yq_reply_compress(const struct request *request, struct reply *reply)
{
    struct yq_buf squeezed yq_cleanup(yq_buf_fini) = {0};
    enum { LEAST = 1024 };
    if (reply->fd >= 0 || reply->body.length < LEAST || reply->headers.failed ||
        !is_text(yq_buf_text(&reply->headers)))
        return;
    yq_reply_header(reply, "Vary", "Accept-Encoding");
    if (!yq_coding_wanted(request->accept_encoding, "gzip") ||
        !yq_gzip(reply->body.bytes, reply->body.length, &squeezed) ||
        squeezed.length >= reply->body.length)
        return;
    yq_buf_fini(&reply->body);
    reply->body = squeezed;
    squeezed = (struct yq_buf){0};
    yq_reply_header(reply, "Content-Encoding", "gzip");
}
