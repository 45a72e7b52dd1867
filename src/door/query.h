/* query.h: what an HTTP client writes into its URL and headers, as values. Pure functions over text
 * from outside; nothing here touches the network.
 *
 * URL Standard 5 (application/x-www-form-urlencoded), RFC 9110 12.5.1 (Accept), 13 and 14
 * (conditions, ranges). */
#ifndef YQ_DOOR_QUERY_H
#define YQ_DOOR_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/uid.h"

#define YQ_PARAMS_MOST 64
#define YQ_URI_MOST 8192 /* bytes of path and query together */

struct yq_param {
    const char *name, *value; /* decoded; in `text` of the list */
};
struct yq_params {
    struct yq_param list[YQ_PARAMS_MOST];
    size_t count;
    char *text; /* owned */
};

/* Decodes "a=b&c=d" (without the question mark). A parameter without a name is passed over.
 * YQ_BAD_INPUT: a bad escape, an encoded NUL, the same name twice, more than YQ_PARAMS_MOST;
 * YQ_FULL: longer than YQ_URI_MOST, or no memory. Nothing is owned after an error. */
yq_must_check bool yq_params_parse(const char *query, size_t length, struct yq_params *out,
                                   struct yq_err *err);
void yq_params_fini(struct yq_params *params);
/* The value under this name, case-sensitive as PS3.18 has it; NULL when absent. */
const char *yq_params_get(const struct yq_params *params, const char *name);
/* Appends text as a part of a query: what is not unreserved (RFC 3986 2.3) is percent-encoded. */
void yq_params_encode(struct yq_buf *out, const char *text);
/* A whole decimal number in [least, most]. */
bool yq_params_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);

/* ---- paths (path.c) ---- */

#define YQ_SEGMENTS_MOST 12
#define YQ_PLACES_MOST 4

struct yq_path { /* "/a/b%20c": "a", "b c"; "/a/": "a", "" */
    const char *segments[YQ_SEGMENTS_MOST];
    size_t count; /* more than YQ_SEGMENTS_MOST: there were more, which fits nothing */
    char *text;   /* owned */
};
/* Splits at the slashes, then decodes each piece, so that an encoded slash stays a part of an id.
 * YQ_BAD_INPUT: no slash at its start, a bad escape, an encoded control character, not UTF-8;
 * YQ_FULL: longer than YQ_URI_MOST, or no memory. Nothing is owned after an error. */
yq_must_check bool yq_path_parse(const char *raw, struct yq_path *out, struct yq_err *err);
void yq_path_fini(struct yq_path *path);

struct yq_places { /* what stands where the pattern has {name} */
    struct yq_place {
        char name[24];
        const char *value; /* decoded, never empty; in `text` of the path */
    } list[YQ_PLACES_MOST];
    size_t count;
};
/* Whether a pattern such as "/api/v1/{records}/{id}" fits. {records} is the plural of a kind of
 * records, anything else any text. */
bool yq_path_fits(const struct yq_path *path, const char *pattern, struct yq_places *out);
const char *yq_places_get(const struct yq_places *places, const char *name); /* "" when absent */

/* ---- media types ---- */

/* The type of a Content-Type header in lower case, without parameters. False: it is none, or its
 * charset is another than UTF-8. */
bool yq_media_of_body(const char *header, char type[64]);

#define YQ_MEDIA_MOST 16

struct yq_media {             /* one entry of a media type list */
    char type[64];            /* lower case: "image/jpeg", or with * on the right or both sides */
    unsigned q;               /* thousandths: 0..1000 */
    char syntax[YQ_UID_SIZE]; /* its transfer-syntax parameter (PS3.18 8.7.3.5.2); "": none */
};

/* Reads a media type list; entries that are none are passed over, as are those past `room`. */
size_t yq_media_parse(const char *text, struct yq_media *list, size_t room);
/* How much the list wants `type`: the q of its most specific match (RFC 9110 12.5.1), 0 when it is
 * not wanted; *which: the entry that says so. */
unsigned yq_media_weight(const struct yq_media *list, size_t count, const char *type,
                         size_t *which);

enum yq_range { YQ_RANGE_ALL, YQ_RANGE_PART, YQ_RANGE_OUTSIDE };

/* Reads a Range header against a body of `size` bytes. Several ranges, other units and what is not
 * understood mean the whole (RFC 9110 14.2). */
enum yq_range yq_range_parse(const char *text, uint64_t size, uint64_t *first, uint64_t *length);

/* Whether an Accept-Encoding header takes this content coding. */
bool yq_coding_wanted(const char *header, const char *coding);
/* An IMF-fixdate (RFC 9110 5.6.7), the one form of today, as seconds since 1970. False: none. */
bool yq_http_date(const char *text, int64_t *seconds);
/* True when an If-None-Match header names this entity tag (quoted), or is "*". Weak comparison. */
bool yq_etag_listed(const char *header, const char *etag);

#endif
