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

#endif
