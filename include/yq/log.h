/* log.h: one line per event, to standard error.
 *
 * A line is: time, level, event name, trace id of the association or request, then key=value pairs.
 * With yq_log_set_json the same as one JSON object. No personal data: callers pass AE titles, UIDs,
 * counts, paths of the node, never names, patient ids or datasets. Safe from any thread; a line is
 * written in one call. */
#ifndef YQ_LOG_H
#define YQ_LOG_H

#include <stdbool.h>

#include "yq/err.h"

enum yq_level { YQ_LOG_DEBUG, YQ_LOG_INFO, YQ_LOG_WARN, YQ_LOG_ERROR };

void yq_log_set_level(enum yq_level least);
void yq_log_set_json(bool json);

/* The trace id that lines of this thread carry from now on; copied, at most 15 characters; "" for
 * none. */
void yq_log_set_trace(const char *trace);
const char *yq_log_trace(void);

/* `event` is a fixed name such as "association-refused"; `format` makes "key=value key=value". A
 * value with blanks is written by the caller as key="...", without quotes in it. Control characters
 * are made harmless here. */
void yq_log(enum yq_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with "code=... room=... error=..." of *err added at the end; quotes in its text become
 * single ones. */
void yq_log_err(enum yq_level level, const char *event, const struct yq_err *err,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
