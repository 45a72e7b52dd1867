/* folder.h: records out of a watched folder (walk/folder*.c): what is complete in it is taken,
 * moved to done or failed, and what was wrong told in a file beside it.
 *
 * In the folder: working (what is being taken; after a crash it is taken again), done/2026-03-01,
 * failed (NAME, NAME.reason.txt, and NAME.failed.csv with the wrong records only). A file that is
 * taken is locked (flock), so that two nodes never take the same one. Nothing is followed: no
 * symbolic link, no device, no path in a name. */
#ifndef YQ_FOLDER_H
#define YQ_FOLDER_H

#include <stdatomic.h>

#include "yq/registry.h"
#include "yq/sources.h"

/* What is remembered of one folder between looks; one thread's. NULL without memory. */
struct yq_folder;
struct yq_folder *yq_folder_new(void);
void yq_folder_free(struct yq_folder *folder);

/* Somebody told that a file was closed after writing, or renamed to this (`whole`). */
void yq_folder_hint(struct yq_folder *folder, const char *name, bool whole);
/* Takes everything that is complete now; returns early when *stop is set. *again_ms: when to look
 * again at the latest. Tells the log about files and about troubles of the folder, once each.
 * False: the folder cannot be used now. */
yq_must_check bool yq_folder_look(struct yq_folder *folder, struct yq_house *house,
                                  const struct yq_source *source, const atomic_bool *stop,
                                  int64_t *again_ms, struct yq_err *err);

/* ---- what a file would become ---- */

struct yq_folder_test {
    void *context;
    /* A record and what a check finds; `line` where it begins. */
    void (*record)(void *context, unsigned line, const struct yq_record *record,
                   const struct yq_findings *findings, const char *pdf);
    void (*fault)(void *context, unsigned line, const char *chinese, const char *english);
    void (*unused)(void *context, const char *column); /* of a CSV file: nobody asks for it */
};
/* Keeps nothing. False: the file cannot be read at all. */
yq_must_check bool yq_folder_try(struct yq_house *house, const struct yq_source *source,
                                 const char *path, const struct yq_folder_test *test,
                                 struct yq_err *err);

/* ---- how it is ---- */

enum yq_folder_place { YQ_FOLDER_WAITING, YQ_FOLDER_WORKING, YQ_FOLDER_FAILED };
/* Calls `tell` for every file, with the reason why it is not taken yet ("" : it will be at the next
 * look). *done: files taken that are still there. */
yq_must_check bool yq_folder_list(const struct yq_source *source,
                                  void (*tell)(void *context, enum yq_folder_place place,
                                               const char *name, int64_t changed_ms,
                                               const char *why),
                                  void *context, uint64_t *done, struct yq_err *err);

#endif
