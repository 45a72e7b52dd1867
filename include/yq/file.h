/* file.h: the few things about files that every room needs. Paths are UTF-8; errors are YQ_IO,
 * YQ_FULL (no space, quota), YQ_REFUSED (permission, read-only) or YQ_ABSENT, chosen from errno. */
#ifndef YQ_FILE_H
#define YQ_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "yq/bytes.h"
#include "yq/err.h"

#define YQ_PATH_MOST 1024

/* Fills *err from errno, with "<doing> <path>: <reason>"; returns false. */
bool yq_fail_errno(struct yq_err *err, const char *room, const char *doing, const char *path);

/* Writes dir "/" name into path (YQ_PATH_MOST bytes); false with YQ_BAD_INPUT when it does not fit.
 */
yq_must_check bool yq_path_join(char *path, const char *dir, const char *name, struct yq_err *err);

/* Makes a folder and its missing parents (mode 0750); each new one is on stable storage when this
 * returns. */
yq_must_check bool yq_mkdirs(const char *path, struct yq_err *err);
yq_must_check bool yq_sync_dir(const char *path, struct yq_err *err);

/* The whole file, at most `most` bytes (YQ_FULL when it is larger). */
yq_must_check bool yq_file_read(const char *path, size_t most, struct yq_buf *out,
                                struct yq_err *err);
/* Replaces a file whole or not at all, synced; `mode` as for open. */
yq_must_check bool yq_file_write(const char *path, const void *bytes, size_t length, mode_t mode,
                                 struct yq_err *err);

/* All of `length` bytes to a descriptor, over short writes and EINTR. */
yq_must_check bool yq_write_all(int fd, const void *bytes, size_t length, struct yq_err *err);
/* Reads up to `length` bytes at `offset`; *got < length only at the end of the file. */
yq_must_check bool yq_read_at(int fd, void *bytes, size_t length, uint64_t offset, size_t *got,
                              struct yq_err *err);

void yq_close(int *fd); /* closes when >= 0 and sets -1; for yq_cleanup */

#endif
