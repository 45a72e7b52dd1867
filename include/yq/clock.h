/* clock.h: what time it is. */
#ifndef YQ_CLOCK_H
#define YQ_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t yq_now_ms(void);       /* wall clock, milliseconds since 1970 UTC */
int64_t yq_monotonic_ms(void); /* for intervals */

/* Minutes since midnight, 0 to 1439, by the clock on the wall (TZ). */
unsigned yq_clock_minute(int64_t ms);

/* "2026-03-01T08:09:10.123Z" into `text` (at least 25 bytes). */
void yq_clock_text(char *text, size_t size, int64_t ms);

/* ---- days where the provinces are: China has one time, eight hours before UTC, all year ---- */

#define YQ_DAY_SIZE 11
/* "2026-03-01" in Beijing, at least YQ_DAY_SIZE bytes; and the minutes since its midnight. */
void yq_beijing_day(char *text, size_t size, int64_t ms);
unsigned yq_beijing_minute(int64_t ms);
/* The day so many days (or months: the same or the last day of it) later. False: `day` is none
 * between 1900 and 2199, or the result is not. */
bool yq_day_shift(const char *day, int days, int months, char *out, size_t size);
/* How many days later `to` is than `from`; both are days. */
int yq_days_between(const char *from, const char *to);

#endif
