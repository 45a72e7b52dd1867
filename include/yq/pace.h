/* pace.h: at most so many bytes a second, for all who share a name: the associations of one peer.
 */
#ifndef YQ_PACE_H
#define YQ_PACE_H

#include <stddef.h>
#include <stdint.h>

enum yq_pace_way { YQ_PACE_IN, YQ_PACE_OUT }; /* each has its own allowance */

struct yq_pace;
/* The pace of this name, which goes at this speed from now on, whoever shares it. NULL: 0 bytes a
 * second, which is no limit, or no memory. It lives as long as the program; names are those of a
 * configuration, so there are not many. Any thread. */
struct yq_pace *yq_pace_of(const char *name, uint64_t bytes_per_second);
/* Counts bytes that went; returns for how many milliseconds no more should. Any thread. */
int64_t yq_pace_count(struct yq_pace *pace, enum yq_pace_way way, size_t bytes);

#endif
