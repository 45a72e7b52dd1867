/* store.h: objects at rest, plain files below one folder.
 *
 * Keeps byte streams under a key and knows nothing of what is in them. An object is invisible until
 * it is committed, and after that it never changes. Its name carries the first digits of its
 * digest: objects/<2 hex>/<study>/<series>/<instance>.<8 hex>.dcm so that two contents under one
 * key never meet, and the same content twice is one file. What is visible to people is the
 * catalog's business. All functions may be called from any thread; a yq_staged belongs to the
 * thread that began it. */
#ifndef YQ_STORE_H
#define YQ_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"
#include "yq/file.h"
#include "yq/model.h"

struct yq_store;
struct yq_staged; /* an object that is being written */

/* Opens the store in `dir` (objects/, staging/, promises/, trash/ below it, created if need be).
 * `sweep`: also empty what a crash left in staging; only the one process that serves may. Errors:
 * YQ_IO, YQ_REFUSED (not ours to write), YQ_FULL. */
yq_must_check bool yq_store_open(const char *dir, bool sweep, struct yq_store **out,
                                 struct yq_err *err);
void yq_store_close(struct yq_store *store);

/* Begins an object of unknown length. The caller ends it with keep, leave or abandon, whichever
 * happens. YQ_FULL also when the disk has less than `reserve` bytes left (yq_store_set_reserve). */
yq_must_check bool yq_store_begin(struct yq_store *store, struct yq_staged **out,
                                  struct yq_err *err);
void yq_store_set_reserve(struct yq_store *store, uint64_t bytes);

/* Appends; errors: YQ_FULL, YQ_IO. After an error only abandon is left. */
yq_must_check bool yq_staged_write(struct yq_staged *staged, const void *bytes, size_t length,
                                   struct yq_err *err);
/* The descriptor, for reading back what was written (pread); the staged object keeps it. */
int yq_staged_fd(const struct yq_staged *staged);
uint64_t yq_staged_size(const struct yq_staged *staged);

/* Byte by byte the same as what is in `fd`; YQ_CONFLICT where they differ. */
yq_must_check bool yq_staged_same(const struct yq_staged *staged, int fd, struct yq_err *err);

/* Makes the object visible under `key` and its digest; not durable yet. From here to keep or
 * abandon it counts as promised: should the process end in between, the next start asks about it.
 * The same bytes there already are success. Errors: YQ_FULL, YQ_IO, YQ_BUSY, YQ_BAD_INPUT (a UID
 * that is none), YQ_CONFLICT (other bytes are there; what is there stays). */
yq_must_check bool yq_staged_place(struct yq_staged *staged, const struct yq_key *key,
                                   const uint8_t digest[32], struct yq_err *err);
/* True: data, name and folders of a placed object are on stable storage. */
yq_must_check bool yq_staged_sync(struct yq_staged *staged, struct yq_err *err);

/* The three ends. A placed object stays; or goes, unless it was there before; or nobody can tell
 * now: it stays, and the next start asks. */
void yq_staged_keep(struct yq_staged *take);
void yq_staged_abandon(struct yq_staged *take);
void yq_staged_leave(struct yq_staged *take);
static inline void yq_staged_cleanup(struct yq_staged **staged)
{
    if (*staged)
        yq_staged_abandon(*staged);
}

/* At the start: asks of each object that processes which are gone have promised whether it is
 * known. YQ_KNOWN_NOT removes it. */
enum yq_known { YQ_KNOWN, YQ_KNOWN_NOT, YQ_KNOWN_UNSURE };
typedef enum yq_known (*yq_store_known)(void *context, const char *path);
void yq_store_settle_all(struct yq_store *store, yq_store_known known, void *context);
/* Puts an object that is there on stable storage, its name and folders too. */
yq_must_check bool yq_store_sync(struct yq_store *store, const struct yq_key *key,
                                 const uint8_t digest[32], struct yq_err *err);

/* Everything. */
yq_must_check bool yq_store_sync_all(struct yq_store *store, struct yq_err *err);

/* The path of an object, YQ_PATH_MOST bytes; the file need not exist. */
yq_must_check bool yq_store_path(struct yq_store *store, const struct yq_key *key,
                                 const uint8_t digest[32], char *path, struct yq_err *err);
/* Opens for reading; *fd is the caller's. Errors: YQ_ABSENT, YQ_IO (also: its size is not
 * `object->size`). */
yq_must_check bool yq_store_read(struct yq_store *store, const struct yq_key *key,
                                 const struct yq_object *object, int *fd, struct yq_err *err);

/* Takes an object away for good; a missing one is no error. Empty folders above it go too. */
void yq_store_remove(struct yq_store *store, const struct yq_key *key, const uint8_t digest[32]);
/* Moves an object to trash/<label>/<study>/<series>/..., synced. `label` names the deletion
 * ("20260301T101500-delete"). A missing object is no error. */
yq_must_check bool yq_store_trash(struct yq_store *store, const struct yq_key *key,
                                  const uint8_t digest[32], const char *label, struct yq_err *err);
/* Deletes what has been in the trash since before `ms`; returns how many files went. */
size_t yq_store_purge_trash(struct yq_store *store, int64_t ms);

/* Walks all committed objects. next returns false at the end or on error (then err->code != YQ_OK).
 * `path` is the iterator's. */
struct yq_store_walk;
yq_must_check bool yq_store_walk_open(struct yq_store *store, struct yq_store_walk **out,
                                      struct yq_err *err);
bool yq_store_walk_next(struct yq_store_walk *walk, const char **path, struct yq_err *err);
void yq_store_walk_close(struct yq_store_walk *walk);

/* ---- attachments: files named by their content, attachments/<2 hex>/<name>.pdf ---- */

/* 64 hex digits in lower case: the SHA-256 of what is in the file. */
#define YQ_CONTENT_NAME_SIZE 65
bool yq_content_name_valid(const char *name);
/* Gives what was staged this name, on stable storage. The same bytes there already are success;
 * others are damage, and replaced. The caller still ends `staged`, by yq_staged_abandon. */
yq_must_check bool yq_staged_attach(struct yq_staged *staged, const char *name, struct yq_err *err);
/* Opens for reading; *fd is the caller's. YQ_ABSENT; YQ_BAD_INPUT: no such name can be. */
yq_must_check bool yq_store_attachment(struct yq_store *store, const char *name, int *fd,
                                       uint64_t *size, struct yq_err *err);
/* Into trash/<label>/attachments/; a missing one is no error. */
yq_must_check bool yq_store_attachment_trash(struct yq_store *store, const char *name,
                                             const char *label, struct yq_err *err);
/* All of them, by yq_store_walk_next. */
yq_must_check bool yq_store_walk_attachments(struct yq_store *store, struct yq_store_walk **out,
                                             struct yq_err *err);

struct yq_store_space {
    uint64_t free_bytes, total_bytes;
};
yq_must_check bool yq_store_space(struct yq_store *store, struct yq_store_space *out,
                                  struct yq_err *err);

#endif
