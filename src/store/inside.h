/* inside.h: what the files of this room share; nobody else includes it. */
#ifndef YQ_STORE_INSIDE_H
#define YQ_STORE_INSIDE_H

#include <stdatomic.h>

#include "yq/store.h"

/* How many series folders are remembered as durable; a forgotten one costs three more syncs. */
#define KNOWN_FOLDERS 4096

struct yq_store {
    char objects[YQ_PATH_MOST], staging[YQ_PATH_MOST], trash[YQ_PATH_MOST];
    _Atomic uint64_t counter;    /* for names in staging */
    _Atomic uint64_t reserve;    /* bytes */
    _Atomic int64_t measured_ms; /* when free_bytes was asked of the disk */
    _Atomic uint64_t free_bytes; /* as measured */
    _Atomic uint64_t written;    /* bytes since then */
    /* Hashes of series folders whose way up to objects/ is on stable storage. */
    _Atomic uint64_t known[KNOWN_FOLDERS];
};

/* The parts of an object's place, each with the ones before it. */
struct place {
    char shard[YQ_PATH_MOST], study[YQ_PATH_MOST], series[YQ_PATH_MOST], file[YQ_PATH_MOST];
};

/* Below `root`; objects have a shard, the trash has none (then `shard` is the root). YQ_BAD_INPUT:
 * a UID that is none, or a path that is too long. */
yq_must_check bool store_place(const char *root, bool sharded, const struct yq_key *key,
                               const uint8_t sha256[32], struct place *place, struct yq_err *err);

/* Renames `from` to place->file and makes the folders that are missing, as often as somebody else
 * prunes them in between. `replace`: also over a file that is there; otherwise *there says so. */
yq_must_check bool store_move(const char *from, const struct place *place, bool replace,
                              bool *there, struct yq_err *err);
/* Puts the names from the series folder up to (and with) `root` on stable storage. */
yq_must_check bool store_sync_place(const char *root, const struct place *place,
                                    struct yq_err *err);

void store_know(struct yq_store *store, const char *series_folder);
bool store_knows(struct yq_store *store, const char *series_folder);
/* Removes the series, study and shard folders as far as they are empty. */
void store_prune(struct yq_store *store, const struct place *place);

/* Says which name an object is about to get; settled when it is known whether it keeps it. */
yq_must_check bool store_promise(struct yq_store *store, const struct place *place,
                                 struct yq_err *err);
void store_settle(struct yq_store *store, const struct place *place);
/* A name in staging/ begins with the id of the process that made it: another one, which lives? */
bool store_is_alive(const char *name);

/* Asks the disk how much room it has. */
yq_must_check bool store_measure(struct yq_store *store, struct yq_err *err);

#endif
