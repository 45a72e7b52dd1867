/* transcode.h: an object in another transfer syntax, for whoever takes it: C-MOVE, C-GET,
 * forwarding, WADO. A walk, in src/walk/transcode.c and derive.c. PS3.5 annex A; PS3.3 C.7.6.1.1.2,
 * C.7.6.1.1.5. */
#ifndef YQ_TRANSCODE_H
#define YQ_TRANSCODE_H

#include "yq/frame.h"
#include "yq/walk.h"

/* Whether objects in `from` become ones in `to` without loss, as far as their transfer syntaxes
 * tell; a single one may still be refused for its pixels. */
bool yq_transcode_keeps(const char *from, const char *to);
/* Whether `coding` changes pixels. */
bool yq_transcode_loses(const struct yq_coding *coding);

/* Reads the Part 10 file `fd` and writes it as coding->syntax to a new file, which is the caller's.
 * Frame by frame: memory, which is taken from house->pixels, depends on the size of one. Without
 * loss the object stays what it is; with loss it becomes a derived one with a SOP Instance UID of
 * its own, always the same for the same coding. `house` NULL: no bound, the file in memory.
 * YQ_REFUSED (no codec for such pixels; video), YQ_BAD_INPUT (broken), YQ_FULL (too large), YQ_BUSY
 * (no memory in time), YQ_IO. */
yq_must_check bool yq_transcode(struct yq_house *house, int fd, const struct yq_coding *coding,
                                int *out_fd, struct yq_err *err);

/* The same of a stored object; what took long is kept in the cache. *length: bytes of the file that
 * count. */
yq_must_check bool yq_transcode_entry(struct yq_house *house, const struct yq_entry *entry,
                                      const struct yq_coding *coding, int *out_fd, uint64_t *length,
                                      struct yq_err *err);

#endif
