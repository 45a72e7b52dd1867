/* place.c: arithmetic with values of a change column: an earlier time, an earlier number. Texts
 * keep their form, so that the database compares them as it compares its own. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rows.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The places of the first 14 digits; nothing but usual separators between them. */
static bool find_digits(const char *text, int at[14])
{
    int count = 0;
    for (int i = 0; count < 14; i++) {
        if (is_digit(text[i]))
            at[count++] = i;
        else if (!text[i] || !strchr("-/.: T", text[i]) || count < 4)
            return false;
    }
    return !is_digit(text[at[13] + 1]); /* else it is another number */
}

static int number_of(const char *digits, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++)
        number = number * 10 + (digits[i] - '0');
    return number;
}

static bool read_time(const char digits[15], struct tm *out)
{
    *out = (struct tm){.tm_year = number_of(digits, 4) - 1900,
                       .tm_mon = number_of(digits + 4, 2) - 1,
                       .tm_mday = number_of(digits + 6, 2),
                       .tm_hour = number_of(digits + 8, 2),
                       .tm_min = number_of(digits + 10, 2),
                       .tm_sec = number_of(digits + 12, 2)};
    return out->tm_year >= -100 && out->tm_year < 1100 && out->tm_mon >= 0 && out->tm_mon < 12 &&
           out->tm_mday >= 1 && out->tm_mday <= 31 && out->tm_hour < 24 && out->tm_min < 60 &&
           out->tm_sec < 61;
}

/* "2026-03-01", as a time without its hours. */
static bool widen_date(const char *change, char out[YQ_FEED_CHANGE_SIZE])
{
    size_t length = strlen(change);
    if (length != 10 || change[4] != '-' || change[7] != '-')
        return false;
    snprintf(out, YQ_FEED_CHANGE_SIZE, "%.10s 00:00:00", change);
    return true;
}

bool place_time(const char *change, char digits[15])
{
    int at[14];
    struct tm ignored;
    char wide[YQ_FEED_CHANGE_SIZE];
    const char *text = widen_date(change, wide) ? wide : change;
    if (!find_digits(text, at))
        return false;
    for (int i = 0; i < 14; i++)
        digits[i] = text[at[i]];
    digits[14] = '\0';
    return read_time(digits, &ignored);
}

static bool earlier_time(const char *change, int64_t seconds, char out[YQ_FEED_CHANGE_SIZE])
{
    int at[14];
    char digits[48];
    struct tm when;
    if (!place_time(change, digits) || !read_time(digits, &when))
        return false;
    time_t time = timegm(&when) - (time_t)seconds;
    if (!gmtime_r(&time, &when) || when.tm_year < -100)
        return false;
    snprintf(digits, sizeof digits, "%04d%02d%02d%02d%02d%02d", when.tm_year + 1900,
             when.tm_mon + 1, when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec);
    (void)!yq_copy(out, YQ_FEED_CHANGE_SIZE, change);
    if (strlen(change) == 10) { /* a date: its day */
        snprintf(out, YQ_FEED_CHANGE_SIZE, "%.4s-%.2s-%.2s", digits, digits + 4, digits + 6);
        return true;
    }
    if (!find_digits(change, at))
        return false;
    for (int i = 0; i < 14; i++)
        out[at[i]] = digits[i];
    return true;
}

static bool earlier_number(const char *change, int64_t units, char out[YQ_FEED_CHANGE_SIZE])
{
    char *end;
    errno = 0;
    long long number = strtoll(change, &end, 10);
    if (errno || end == change || number < INT64_MIN + units)
        return false;
    if (*end == '.') /* a fraction: it only gets smaller */
        end += 1 + strspn(end + 1, "0123456789");
    snprintf(out, YQ_FEED_CHANGE_SIZE, "%lld", number - (long long)units);
    return !*end;
}

/* A counter of bytes, the greatest first. */
static bool earlier_bytes(const char *change, int64_t units, char out[YQ_FEED_CHANGE_SIZE])
{
    char tail[17] = "";
    size_t length = strlen(change), last = length < 16 ? length : 16;
    if (!length || length % 2 || length >= YQ_FEED_CHANGE_SIZE)
        return false;
    memcpy(tail, change + length - last, last);
    uint64_t number = strtoull(tail, NULL, 16);
    number = number > (uint64_t)units ? number - (uint64_t)units : 0;
    snprintf(tail, sizeof tail, "%016" PRIx64, number);
    memcpy(out, change, length + 1);
    memcpy(out + length - last, tail + 16 - last, last);
    return true;
}

bool place_before(enum yq_column_type type, const char *change, int64_t units,
                  char out[YQ_FEED_CHANGE_SIZE])
{
    if (units <= 0 || !*change)
        return false;
    if (type == YQ_COLUMN_BINARY)
        return earlier_bytes(change, units, out);
    if (earlier_time(change, units, out))
        return true;
    return (type == YQ_COLUMN_INTEGER || type == YQ_COLUMN_NUMBER) &&
           earlier_number(change, units, out);
}

int64_t place_ahead(const char *change, int64_t now_ms)
{
    char digits[15];
    struct tm then, wall;
    time_t now = (time_t)(now_ms / 1000);
    if (!place_time(change, digits) || !read_time(digits, &then) || !localtime_r(&now, &wall))
        return 0;
    int64_t ahead = (int64_t)timegm(&then) - (int64_t)timegm(&wall);
    return ahead > 0 ? ahead : 0;
}

static int compare_numbers(const char *a, const char *b)
{
    long double x = strtold(a, NULL), y = strtold(b, NULL); /* 64 bits of it are exact */
    return x < y ? -1 : x > y;
}

bool place_reached(enum yq_column_type type, const char *a, const char *b)
{
    char x[15], y[15];
    if (place_time(a, x) && place_time(b, y)) {
        int order = strcmp(x, y);
        return order ? order > 0 : strcmp(a, b) >= 0;
    }
    if (type == YQ_COLUMN_INTEGER || type == YQ_COLUMN_NUMBER)
        return compare_numbers(a, b) >= 0;
    if (type == YQ_COLUMN_BINARY && strlen(a) != strlen(b))
        return strlen(a) > strlen(b);
    return strcmp(a, b) >= 0;
}
