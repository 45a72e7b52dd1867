/* report_way.h: the way to a platform as the couriers of this process know it. Private to room
 * walk. */
#ifndef YQ_WALK_REPORT_WAY_H
#define YQ_WALK_REPORT_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report_way;
/* The one of this platform; NULL without memory. Lives as long as the program; names are those of a
 * configuration, so there are not many. */
struct report_way *report_way_of(const char *platform);

/* At most `rate` calls a minute (0: any). Takes a turn; for how many milliseconds it has to wait.
 */
int64_t report_way_turn(struct report_way *way, int64_t rate, int64_t now_ms);
/* When a turn is to be had; takes none. */
int64_t report_way_free_ms(struct report_way *way, int64_t now_ms);

/* Which of `count` addresses to call. Somebody tries the first one again now and then where another
 * one is in use. */
size_t report_way_address(struct report_way *way, size_t count, int64_t now_ms);
void report_way_reached(struct report_way *way, size_t address, int64_t now_ms);

/* An answer that is none ("500"): true when there were so many one after the other that the
 * platform counts as being away. */
bool report_way_stumbled(struct report_way *way);
void report_way_went_well(struct report_way *way);

#endif
