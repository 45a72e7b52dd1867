/* files.h: the files that PATH words stand for. */
#ifndef YQ_NODE_FILES_H
#define YQ_NODE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"

struct yq_path {
    char *path; /* owned by the list */
    uint64_t size;
    int64_t mtime_ns;
};

struct yq_files {
    struct yq_path *list;
    size_t count, room;
    uint64_t bytes;
    /* told of each folder or file that cannot be read; may be NULL */
    void (*trouble)(void *context, const char *path, const char *reason);
    void *context;
};

/* Adds a file, everything below a folder (symbolic links to folders are not followed), or the files
 * a DICOMDIR names, in the order of their names. */
yq_must_check bool yq_files_add(struct yq_files *files, const char *path, struct yq_err *err);
void yq_files_fini(struct yq_files *files);

enum yq_file_kind { YQ_FILE_DICOM, YQ_FILE_BARE, YQ_FILE_DICOMDIR, YQ_FILE_OTHER, YQ_FILE_BROKEN };
/* What a file is, from its first bytes. BARE: a dataset without file meta information, probably.
 * BROKEN and unreadable ones fill *err. */
enum yq_file_kind yq_file_look(const char *path, struct yq_err *err);

#endif
