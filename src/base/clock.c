/* clock.c: wall and monotonic time. */
#include "yq/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t yq_now_ms(void) { return read_clock(CLOCK_REALTIME); }
int64_t yq_monotonic_ms(void) { return read_clock(CLOCK_MONOTONIC); }

unsigned yq_clock_minute(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    return (unsigned)(tm.tm_hour * 60 + tm.tm_min);
}

void yq_clock_text(char *text, size_t size, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + used, size - used, ".%03dZ", (int)(ms % 1000));
}

/* ---- days ---- */

enum { BEIJING_MS = 8 * 3600 * 1000, DAY_S = 86400 };

void yq_beijing_day(char *text, size_t size, int64_t ms)
{
    time_t seconds = (time_t)((ms + BEIJING_MS) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    if (!strftime(text, size, "%Y-%m-%d", &tm) && size)
        *text = '\0';
}

unsigned yq_beijing_minute(int64_t ms) { return (unsigned)((ms + BEIJING_MS) / 60000 % (24 * 60)); }

static bool read_number(const char *text, int digits, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + text[i] - '0';
    }
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool read_day(const char *day, int *year, int *month, int *of_month)
{
    return read_number(day, 4, year) && day[4] == '-' && read_number(day + 5, 2, month) &&
           day[7] == '-' && read_number(day + 8, 2, of_month) && !day[10] && *year >= 1900 &&
           *year < 2200 && *month >= 1 && *month <= 12 && *of_month >= 1 &&
           *of_month <= days_in(*year, *month);
}

bool yq_day_shift(const char *day, int days, int months, char *out, size_t size)
{
    int year, month, of_month;
    if (!read_day(day, &year, &month, &of_month) || days > 200000 || days < -200000 ||
        months > 6000 || months < -6000)
        return false;
    int all = year * 12 + month - 1 + months;
    year = all / 12;
    month = all % 12 + 1;
    if (year < 1900 || year > 2199)
        return false;
    if (of_month > days_in(year, month))
        of_month = days_in(year, month);
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = of_month};
    time_t seconds = timegm(&tm) + (time_t)days * DAY_S;
    gmtime_r(&seconds, &tm);
    return tm.tm_year >= 0 && tm.tm_year < 300 && strftime(out, size, "%Y-%m-%d", &tm) > 0;
}

int yq_days_between(const char *from, const char *to)
{
    struct tm a = {0}, b = {0};
    if (!read_day(from, &a.tm_year, &a.tm_mon, &a.tm_mday) ||
        !read_day(to, &b.tm_year, &b.tm_mon, &b.tm_mday))
        return 0;
    a.tm_year -= 1900;
    b.tm_year -= 1900;
    a.tm_mon--;
    b.tm_mon--;
    return (int)((timegm(&b) - timegm(&a)) / DAY_S);
}
