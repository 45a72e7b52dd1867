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
