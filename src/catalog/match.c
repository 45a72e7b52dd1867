/* match.c: the matching that SQL's own operators cannot do, as SQL functions (PS3.4 C.2.2.2).
 *
 * yq_match(kind, value, key): see enum match_kind. yq_time(value, from, to): a TM value within
 * limits. yq_moment(date, time, from, to): date and time together within limits. All are pure, give
 * 0 for NULL, and take time bounded by the product of the lengths of value and key. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/text.h"

static size_t next_character(const char *p, const char *end)
{
    size_t length = 1;
    while (p + length < end && ((unsigned char)p[length] & 0xc0) == 0x80)
        length++;
    return length;
}

/* * any characters, ? one. Goes back to the last star only, so it is never exponential. */
static bool wild(const char *text, size_t text_length, const char *pattern, size_t pattern_length)
{
    const char *end = text + text_length, *pattern_end = pattern + pattern_length;
    const char *star = NULL, *retry = NULL;
    while (text < end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (pattern < pattern_end && *pattern == '?') {
            pattern++;
            text += next_character(text, end);
        } else if (pattern < pattern_end && *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            retry += next_character(retry, end);
            text = retry;
            pattern = star;
        } else {
            return false;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

static bool equal(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static bool number_of(const char *text, size_t length, double *number)
{
    char copy[32], *end;
    if (!length || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (copy[strspn(copy, "+-.0123456789eE ")]) /* strtod also reads hex, inf and nan */
        return false;
    *number = strtod(copy, &end);
    return end != copy && !end[strspn(end, " ")] && isfinite(*number);
}

static bool same_number(const char *a, size_t a_length, const char *b, size_t b_length)
{
    double x, y;
    if (number_of(a, a_length, &x) && number_of(b, b_length, &y))
        return x == y;
    return wild(a, a_length, b, b_length);
}

static bool compare(enum match_kind kind, const char *value, size_t value_length, const char *key,
                    size_t key_length)
{
    switch (kind) {
    case MATCH_EQUAL: return equal(value, value_length, key, key_length);
    case MATCH_NUMBER: return same_number(value, value_length, key, key_length);
    default: return wild(value, value_length, key, key_length);
    }
}

/* The next of the parts between separators, without blanks around it. */
static const char *part(const char **rest, const char *separator, bool trim, size_t *length)
{
    const char *start = *rest;
    *length = strcspn(start, separator);
    *rest = start[*length] ? start + *length + 1 : NULL;
    while (trim && *length && start[*length - 1] == ' ')
        --*length;
    while (trim && *length && *start == ' ')
        start++, --*length;
    return start;
}

static bool any_key(enum match_kind kind, const char *value, size_t value_length, const char *key)
{
    const char *separator = kind == MATCH_TEXT || kind == MATCH_NUMBER ? "\\" : "";
    while (key) {
        size_t length;
        const char *one = part(&key, separator, kind != MATCH_EQUAL, &length);
        if ((length || kind == MATCH_EQUAL) && compare(kind, value, value_length, one, length))
            return true;
    }
    return false;
}

/* What has no ? is the same, and done faster, without syllables. */
static bool sounds_like(const char *value, const char *pattern)
{
    return strchr(pattern, '?') ? yq_text_pinyin_match(value, pattern)
                                : wild(value, strlen(value), pattern, strlen(pattern));
}

static bool any_sounds_like(const char *name, const char *pattern)
{
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    bool found = false;
    sound_keys(name, &keys);
    const char *bytes = yq_buf_text(&keys);
    for (size_t at = 0; at < keys.length && !found; at += strlen(bytes + at) + 1)
        found = sounds_like(bytes + at, pattern);
    return found;
}

bool match_value(enum match_kind kind, const char *value, const char *key)
{
    if (kind == MATCH_SOUND)
        return sounds_like(value, key);
    if (kind == MATCH_NAME_SOUND)
        return any_sounds_like(value, key);
    const char *separator = kind == MATCH_WHOLE ? "" : kind == MATCH_NAME ? VARIANT : "\\";
    while (value) {
        size_t length;
        const char *one = part(&value, separator, kind != MATCH_EQUAL, &length);
        if (any_key(kind, one, length, key))
            return true;
    }
    return false;
}

static bool all_digits(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return true;
}

bool time_normal(const char *text, size_t length, char pad, char *out)
{
    size_t digits = 0, i = 0;
    memset(out, pad, 13);
    out[6] = '.';
    out[13] = '\0';
    for (; i < length && text[i] != '.'; i++) {
        if (text[i] == ':' && digits && digits % 2 == 0)
            continue;
        if (digits == 6 || !all_digits(text + i, 1))
            return false;
        out[digits++] = text[i];
    }
    if (digits < 2 || digits % 2)
        return false;
    if (i == length)
        return true;
    size_t fraction = length - i - 1;
    if (digits != 6 || fraction > 6 || !all_digits(text + i + 1, fraction))
        return false;
    memcpy(out + 7, text + i + 1, fraction);
    return true;
}

static bool date_normal(const char *text, size_t length, char pad, char *out)
{
    size_t digits = 0;
    memset(out, pad, 8);
    out[8] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && (digits == 4 || digits == 6))
            continue;
        if (digits == 8 || !all_digits(text + i, 1))
            return false;
        out[digits++] = text[i];
    }
    return digits == 4 || digits == 6 || digits == 8;
}

bool span_parse(const char *key, bool time, struct span *span)
{
    char text[64];
    size_t length = 0;
    memset(span, 0, sizeof *span);
    for (; *key; key++) {
        if (*key == ' ')
            continue;
        if (length == sizeof text - 1)
            return false;
        text[length++] = *key;
    }
    text[length] = '\0';
    const char *dash = strchr(text, '-');
    span->range = dash != NULL;
    const char *to = dash ? dash + 1 : text;
    size_t from_length = dash ? (size_t)(dash - text) : length, to_length = strlen(to);
    bool (*normal)(const char *, size_t, char, char *) = time ? time_normal : date_normal;
    if (!from_length && !to_length)
        return false;
    return (!from_length || normal(text, from_length, '0', span->from)) &&
           (!to_length || normal(to, to_length, '9', span->to));
}

/* ---- as SQL functions ---- */

static const char *argument(sqlite3_value *value)
{
    return (const char *)sqlite3_value_text(value);
}

static void sql_match(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *value = argument(arguments[1]), *key = argument(arguments[2]);
    (void)count;
    sqlite3_result_int(
        context,
        value && key && match_value((enum match_kind)sqlite3_value_int(arguments[0]), value, key));
}

static bool within(const char *value, const char *from, const char *to)
{
    return (!*from || strcmp(value, from) >= 0) && (!*to || strcmp(value, to) <= 0);
}

static void sql_time(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *value = argument(arguments[0]), *from = argument(arguments[1]);
    const char *to = argument(arguments[2]);
    char normal[16];
    (void)count;
    sqlite3_result_int(context, value && from && to &&
                                    time_normal(value, strlen(value), '0', normal) &&
                                    within(normal, from, to));
}

/* A date without a time may be any moment of its day; the caller has checked that the day fits. */
static void sql_moment(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *date = argument(arguments[0]), *time = argument(arguments[1]);
    const char *from = argument(arguments[2]), *to = argument(arguments[3]);
    char moment[24], normal[16];
    (void)count;
    bool ok = date && from && to && strlen(date) == 8;
    if (ok && time && time_normal(time, strlen(time), '0', normal)) {
        memcpy(moment, date, 8);
        memcpy(moment + 8, normal, 14);
        ok = within(moment, from, to);
    }
    sqlite3_result_int(context, ok);
}

bool match_register(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    return sqlite3_create_function(db, "yq_match", 3, flags, NULL, sql_match, NULL, NULL) ==
               SQLITE_OK &&
           sqlite3_create_function(db, "yq_time", 3, flags, NULL, sql_time, NULL, NULL) ==
               SQLITE_OK &&
           sqlite3_create_function(db, "yq_moment", 4, flags, NULL, sql_moment, NULL, NULL) ==
               SQLITE_OK;
}
