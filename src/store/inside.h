/* inside.h: what the files of this room share; nobody else includes it. */
#ifndef YQ_STORE_INSIDE_H
#define YQ_STORE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "yq/store.h"

/* How many series folders are remembered as durable; a forgotten one costs three more syncs. */
#define KNOWN_FOLDERS 4096
/* How many objects may be on their way between name and row: as many as threads can hold claims. */
#define PROMISES_MOST 1024

struct yq_store {
    char objects[YQ_PATH_MOST], staging[YQ_PATH_MOST], trash[YQ_PATH_MOST];
    char promises[YQ_PATH_MOST], attachments[YQ_PATH_MOST];
    bool nameless;               /* the file system has files without a name (O_TMPFILE) */
    bool names_follow;           /* it syncs a new name with its file */
    _Atomic uint64_t counter;    /* for names in staging */
    _Atomic uint64_t reserve;    /* bytes */
    _Atomic int64_t measured_ms; /* when free_bytes was asked of the disk */
    _Atomic uint64_t free_bytes; /* as measured */
    _Atomic uint64_t written;    /* bytes since then */
    /* Hashes of series folders whose way up to objects/ is on stable storage. */
    _Atomic uint64_t known[KNOWN_FOLDERS];
    pthread_mutex_t promising; /* guards down to `promised` */
    int promise_fd;            /* -1 until the first promise */
    char promise_path[YQ_PATH_MOST];
    bool promised[PROMISES_MOST]; /* places in the file that are taken */
};

/* The parts of an object's place, each with the ones before it. */
struct place {
    char shard[YQ_PATH_MOST], study[YQ_PATH_MOST], series[YQ_PATH_MOST], file[YQ_PATH_MOST];
};

/* Below `root`; objects have a shard, the trash has none (then `shard` is the root). YQ_BAD_INPUT:
 * a UID that is none, or a path that is too long. */
yq_must_check bool store_place(const char *root, bool sharded, const struct yq_key *key,
                               const uint8_t digest[32], struct place *place, struct yq_err *err);

/* Gives `from` the name place->file and makes the folders that are missing, as often as somebody
 * else prunes them in between. Only MOVE_OVER takes the place of a file that is there; otherwise
 * *there says so. */
enum move {
    MOVE_OVER,
    MOVE_NEW,
    MOVE_LINK, /* `from` is /proc/self/fd/N of a file without a name */
};
yq_must_check bool store_move(const char *from, const struct place *place, enum move how,
                              bool *there, struct yq_err *err);
/* Puts the names from the series folder up to (and with) `root` on stable storage. */
yq_must_check bool store_sync_place(const char *root, const struct place *place,
                                    struct yq_err *err);

void store_know(struct yq_store *store, const char *series_folder);
bool store_knows(struct yq_store *store, const char *series_folder);
/* Removes the series, study and shard folders as far as they are empty. */
void store_prune(struct yq_store *store, const struct place *place);

/* Says which name an object is about to get; kept when it is known whether it keeps it. */
yq_must_check bool store_promise(struct yq_store *store, const struct place *place, int *promise,
                                 struct yq_err *err);
void store_promise_kept(struct yq_store *store, int promise);
void store_promises_close(struct yq_store *store);
/* Names in staging/ and promises/ begin with the id of the process that made them: another one,
 * which lives? */
bool store_is_alive(const char *name);

/* Where what was staged is until it has a name; YQ_IO: an earlier write of it failed. */
yq_must_check bool store_staged_path(const struct yq_staged *staged, const char **path,
                                     struct yq_err *err);
struct yq_store *store_of(const struct yq_staged *staged);
/* Files below `root` whose names end with `suffix` (static). */
yq_must_check bool store_walk_open(const char *root, const char *suffix, struct yq_store_walk **out,
                                   struct yq_err *err);
/* Whether it may name a folder of the trash. */
bool store_label_valid(const char *label);

/* Asks the disk how much room it has. */
yq_must_check bool store_measure(struct yq_store *store, struct yq_err *err);

#endif
