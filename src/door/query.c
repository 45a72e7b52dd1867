/* query.c: reading query strings, media type lists, ranges and entity tags. Every byte comes from
 * outside: nothing is assumed, every size has a bound. Pure, so any thread. */
#include "query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- parameters ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes [from, end) in place of *to, adds a 0, moves *to behind it. */
static bool decode(const char *from, const char *end, char **to, struct yq_err *err)
{
    char *out = *to;
    while (from < end) {
        char c = *from++;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = end - from >= 2 ? hex_digit(from[0]) : -1;
            int low = end - from >= 2 ? hex_digit(from[1]) : -1;
            if (high < 0 || low < 0)
                return yq_fail(err, YQ_BAD_INPUT, "door",
                               "a percent sign in the query is not followed by two hex digits");
            c = (char)(high << 4 | low);
            from += 2;
        }
        if (c == '\0')
            return yq_fail(err, YQ_BAD_INPUT, "door", "the query holds a NUL character");
        *out++ = c;
    }
    *out++ = '\0';
    *to = out;
    return true;
}

static bool add_param(struct yq_params *params, const char *name, const char *value,
                      struct yq_err *err)
{
    if (!*name)
        return true;
    if (yq_params_get(params, name))
        return yq_fail(err, YQ_BAD_INPUT, "door", "parameter %.32s is given twice", name);
    if (params->count == YQ_PARAMS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "door", "more than %d parameters", YQ_PARAMS_MOST);
    params->list[params->count++] = (struct yq_param){name, value};
    return true;
}

static bool parse_pairs(const char *query, const char *end, struct yq_params *params,
                        struct yq_err *err)
{
    char *to = params->text;
    for (const char *p = query; p < end;) {
        const char *stop = memchr(p, '&', (size_t)(end - p));
        if (!stop)
            stop = end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        const char *name = to;
        if (!decode(p, equals ? equals : stop, &to, err))
            return false;
        const char *value = to;
        if (!decode(equals ? equals + 1 : stop, stop, &to, err) ||
            !add_param(params, name, value, err))
            return false;
        p = stop + 1;
    }
    return true;
}

bool yq_params_parse(const char *query, size_t length, struct yq_params *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    if (length > YQ_URI_MOST)
        return yq_fail(err, YQ_FULL, "door", "the query is longer than %d bytes", YQ_URI_MOST);
    /* Decoding shrinks; each pair needs two terminators and had at least one character, which is
     * itself or its separator. */
    out->text = malloc(2 * length + 2);
    if (!out->text)
        return yq_fail(err, YQ_FULL, "door", "no memory for a query");
    if (parse_pairs(query, query + length, out, err))
        return true;
    yq_params_fini(out);
    return false;
}

void yq_params_fini(struct yq_params *params)
{
    free(params->text);
    memset(params, 0, sizeof *params);
}

const char *yq_params_get(const struct yq_params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++)
        if (strcmp(params->list[i].name, name) == 0)
            return params->list[i].value;
    return NULL;
}

void yq_params_encode(struct yq_buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if ((*p < 0x80 && isalnum(*p)) || strchr("-._~", *p))
            yq_buf_put(out, p, 1);
        else
            yq_buf_putf(out, "%%%02X", *p);
    }
}

bool yq_params_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    size_t length = strnlen(text, 20);
    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value >= least && value <= most;
}

/* ---- media types ---- */

static bool is_token(char c)
{
    return (c > 0 && isalnum((unsigned char)c)) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *past_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* Copies a token in lower case; false when there is none or it does not fit. */
static bool take_token(const char **p, char *field, size_t size)
{
    size_t length = 0;
    const char *at = *p;
    while (is_token(*at) && length + 1 < size)
        field[length++] = (char)tolower((unsigned char)*at++);
    field[length] = '\0';
    *p = at;
    return length && !is_token(*at);
}

/* "0", "0.5", "1.000" as thousandths; RFC 9110 12.4.2. What is no weight counts as 1. */
static unsigned weight(const char *text)
{
    unsigned value = text[0] == '0' ? 0 : 1000;
    if (text[0] != '0' || text[1] != '.')
        return value;
    unsigned unit = 100;
    for (const char *p = text + 2; *p >= '0' && *p <= '9' && unit; p++, unit /= 10)
        value += (unsigned)(*p - '0') * unit;
    return value;
}

/* One ";name=value" after a type; false at the end of the entry. */
static bool take_parameter(const char **p, struct yq_media *media)
{
    char name[32], value[80];
    size_t length = 0;
    const char *at = past_blanks(*p);
    *p = at;
    if (*at != ';')
        return false;
    at = past_blanks(at + 1);
    bool known = take_token(&at, name, sizeof name);
    at = past_blanks(at);
    if (*at == '=') {
        at = past_blanks(at + 1);
        bool quoted = *at == '"';
        at += quoted;
        while (*at && (quoted ? *at != '"' : *at != ',' && *at != ';' && *at != ' ')) {
            if (length + 1 < sizeof value)
                value[length++] = *at;
            at++;
        }
        at += quoted && *at;
    }
    value[length] = '\0';
    *p = at;
    if (known && strcmp(name, "q") == 0)
        media->q = weight(value);
    if (known && strcmp(name, "transfer-syntax") == 0)
        (void)yq_copy(media->syntax, sizeof media->syntax, length < YQ_UID_SIZE ? value : "?");
    return true;
}

static bool take_media(const char **p, struct yq_media *media)
{
    char main_type[32], sub_type[sizeof media->type - sizeof main_type];
    memset(media, 0, sizeof *media);
    media->q = 1000;
    bool fine = take_token(p, main_type, sizeof main_type) && **p == '/';
    if (fine) {
        ++*p;
        fine = take_token(p, sub_type, sizeof sub_type);
    }
    if (!fine)
        return false;
    (void)yq_copy(media->type, sizeof media->type, main_type);
    size_t used = strlen(media->type);
    media->type[used] = '/';
    (void)yq_copy(media->type + used + 1, sizeof media->type - used - 1, sub_type);
    while (take_parameter(p, media))
        ;
    return true;
}

size_t yq_media_parse(const char *text, struct yq_media *list, size_t room)
{
    size_t count = 0;
    for (const char *p = text; *p && count < room;) {
        p = past_blanks(p);
        if (take_media(&p, &list[count])) {
            p = past_blanks(p);
            count += *p == ',' || *p == '\0'; /* rubbish behind an entry makes it none */
        }
        while (*p && *p != ',')
            p++;
        p += *p == ',';
    }
    return count;
}

static int specificity(const char *pattern, const char *type)
{
    if (strcmp(pattern, "*/*") == 0)
        return 1;
    size_t length = strlen(pattern);
    if (length > 2 && strcmp(pattern + length - 2, "/*") == 0)
        return strncmp(pattern, type, length - 1) == 0 ? 2 : 0;
    return strcmp(pattern, type) == 0 ? 3 : 0;
}

unsigned yq_media_weight(const struct yq_media *list, size_t count, const char *type, size_t *which)
{
    int best = 0;
    unsigned q = 0;
    *which = 0;
    for (size_t i = 0; i < count; i++) {
        int fit = specificity(list[i].type, type);
        if (fit > best || (fit && fit == best && list[i].q > q)) {
            best = fit;
            q = list[i].q;
            *which = i;
        }
    }
    return q;
}

/* ---- ranges and entity tags ---- */

/* Digits at *p; false when there are none or too many. */
static bool take_number(const char **p, uint64_t *out)
{
    uint64_t value = 0;
    int digits = 0;
    for (; **p >= '0' && **p <= '9'; ++*p, digits++) {
        if (digits == 18)
            return false;
        value = value * 10 + (uint64_t)(**p - '0');
    }
    *out = value;
    return digits > 0;
}

enum yq_range yq_range_parse(const char *text, uint64_t size, uint64_t *first, uint64_t *length)
{
    uint64_t from = 0, to = 0;
    *first = 0;
    *length = size;
    if (strncasecmp(text, "bytes=", 6) != 0)
        return YQ_RANGE_ALL;
    const char *p = past_blanks(text + 6);
    bool has_from = take_number(&p, &from);
    if (*p++ != '-')
        return YQ_RANGE_ALL;
    bool has_to = take_number(&p, &to);
    if (*past_blanks(p) || (!has_from && !has_to) || (has_from && has_to && to < from))
        return YQ_RANGE_ALL;
    if (!has_from) { /* the last `to` bytes */
        from = to < size ? size - to : 0;
        has_to = to > 0;
        if (!has_to)
            return YQ_RANGE_OUTSIDE;
        to = UINT64_MAX;
    }
    if (from >= size)
        return YQ_RANGE_OUTSIDE;
    *first = from;
    *length = has_to && to < size - 1 ? to - from + 1 : size - from;
    return YQ_RANGE_PART;
}

bool yq_etag_listed(const char *header, const char *etag)
{
    if (etag[0] == 'W') /* the comparison is weak */
        etag += 2;
    size_t length = strlen(etag);
    for (const char *p = header; *p;) {
        while (*p == ' ' || *p == '\t' || *p == ',')
            p++;
        if (*p == '*')
            return true;
        if (p[0] == 'W' && p[1] == '/')
            p += 2;
        if (*p != '"')
            return false;
        const char *end = strchr(p + 1, '"');
        if (!end)
            return false;
        if ((size_t)(end + 1 - p) == length && memcmp(p, etag, length) == 0)
            return true;
        p = end + 1;
    }
    return false;
}

/* ---- codings and dates ---- */

bool yq_coding_wanted(const char *header, const char *coding)
{
    char name[32];
    for (const char *p = header; *p;) {
        p = past_blanks(p);
        bool this = take_token(&p, name, sizeof name) &&
                    (strcmp(name, coding) == 0 || strcmp(name, "*") == 0);
        unsigned q = 1000;
        p = past_blanks(p);
        if (*p == ';') {
            p = past_blanks(p + 1);
            if ((*p == 'q' || *p == 'Q') && p[1] == '=')
                q = weight(p + 2);
        }
        if (this && (q || strcmp(name, coding) == 0))
            return q;
        while (*p && *p != ',')
            p++;
        p += *p == ',';
    }
    return false;
}

/* Digits at a fixed place; -1: others. */
static int digits_at(const char *text, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = 10 * value + (text[i] - '0');
    }
    return value;
}

bool yq_http_date(const char *text, int64_t *seconds)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (strlen(text) != 29 || strcmp(text + 25, " GMT") != 0)
        return false;
    char month[4] = {text[8], text[9], text[10], 0};
    const char *name = strstr(months, month);
    int day = digits_at(text + 5, 2), year = digits_at(text + 12, 4);
    int hour = digits_at(text + 17, 2), minute = digits_at(text + 20, 2);
    int second = digits_at(text + 23, 2);
    if (!name || (name - months) % 3 || day < 1 || day > 31 || year < 1970 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    struct tm tm = {.tm_sec = second,
                    .tm_min = minute,
                    .tm_hour = hour,
                    .tm_mday = day,
                    .tm_mon = (int)((name - months) / 3),
                    .tm_year = year - 1900};
    *seconds = (int64_t)timegm(&tm);
    return true;
}
