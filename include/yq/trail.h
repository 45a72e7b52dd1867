/* trail.h: the audit trail at rest, DIR/audit/audit-YYYYMMDD.log, one file per day (UTC), and on
 * its way to a collector by syslog (RFC 5424; UDP as RFC 5426, TCP as RFC 6587 3.4.1).
 *
 * Lines are appended with one write under a lock on the file, so that those of several threads and
 * processes never mix, and nothing that stands is ever written again. The files are also the queue
 * of what the collector has not got yet. What the lines say is not known here. */
#ifndef YQ_TRAIL_H
#define YQ_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"
#include "yq/file.h"

struct yq_trail;

/* A folder that cannot be made or written is no error here: the trail is then unwell and each
 * append tries again. NULL without memory. */
struct yq_trail *yq_trail_open(const char *folder);
void yq_trail_close(struct yq_trail *trail); /* syncs */
const char *yq_trail_folder(const struct yq_trail *trail);

/* Appends whole lines, all or none; they survive the end of the process when this returns true, and
 * the machine's after `now` or the next yq_trail_sync. Any thread. False: they wait in memory, a
 * megabyte at most, for the next append or sync that works. Errors: YQ_FULL, YQ_REFUSED, YQ_IO. */
yq_must_check bool yq_trail_append(struct yq_trail *trail, const void *lines, size_t length,
                                   bool now, struct yq_err *err);
/* What waits, and what was appended since the last time, to stable storage. */
yq_must_check bool yq_trail_sync(struct yq_trail *trail, struct yq_err *err);
/* Appends that found no room to wait either. */
unsigned long long yq_trail_lost(struct yq_trail *trail);
/* False with the reason when the last append, or the last sync, did not work. */
bool yq_trail_health(struct yq_trail *trail, struct yq_err *err);
/* Removes the files of days that were over before this time; how many those were. */
size_t yq_trail_purge(struct yq_trail *trail, int64_t before_ms);

/* ---- reading (read.c) ---- */

struct yq_trail_place { /* between two lines */
    char day[9];        /* "20260301"; "": before everything */
    uint64_t offset;
};
struct yq_trail_reader; /* one thread at a time */
yq_must_check bool yq_trail_read_open(const char *folder, const struct yq_trail_place *from,
                                      struct yq_trail_reader **out, struct yq_err *err);
void yq_trail_read_close(struct yq_trail_reader *reader);
/* The next line with its "\n"; it may be written in, and lives until the next call. False: none yet
 * (err->code == YQ_OK; later there may be one), or an error. Lines longer than a megabyte and what
 * a crash tore are passed over. */
bool yq_trail_read_next(struct yq_trail_reader *reader, char **line, size_t *length,
                        struct yq_err *err);
struct yq_trail_place yq_trail_read_place(const struct yq_trail_reader *reader);
/* Bytes that stand behind the place. */
uint64_t yq_trail_behind(const char *folder, const struct yq_trail_place *place);
void yq_trail_day(char day[9], int64_t ms);

/* ---- the collector (collector.c); one thread at a time, but for the two questions ---- */

struct yq_collector;
/* What was sent before the last stop is remembered in `folder`; the first time everything of today
 * is sent. NULL without memory. */
struct yq_collector *yq_collector_new(const char *folder);
void yq_collector_free(struct yq_collector *collector);
/* "udp://host:port", "tcp://host:port", or "" for none. YQ_BAD_INPUT when it is no such thing. */
yq_must_check bool yq_collector_aim(struct yq_collector *collector, const char *url,
                                    struct yq_err *err);
yq_must_check bool yq_collector_check(const char *url, struct yq_err *err);
/* Sends what waits, for about a second at most; after a failure it pauses, longer each time up to
 * half a minute. False only when a connection failed just now: *err says why. */
yq_must_check bool yq_collector_work(struct yq_collector *collector, struct yq_err *err);
bool yq_collector_connected(const struct yq_collector *collector);
uint64_t
yq_collector_backlog(const struct yq_collector *collector); /* bytes, as of the last work */

#endif
