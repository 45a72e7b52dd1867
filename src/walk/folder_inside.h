/* folder_inside.h: what the files of the walk "folder" share. */
#ifndef YQ_WALK_FOLDER_INSIDE_H
#define YQ_WALK_FOLDER_INSIDE_H

#include <sys/stat.h>

#include "yq/folder.h"
#include "yq/foreign.h"

#define FOLDER_NAME_MOST 256

/* ---- folder_place.c: folders and names ---- */

struct folder_places { /* opened folders; -1: not */
    int root, working, done, failed;
};
bool folder_open(const struct yq_source *source, bool make, struct folder_places *places,
                 struct yq_err *err);
void folder_close(struct folder_places *places);
/* Today's folder in done, made when it is not there. */
int folder_today(const struct folder_places *places, struct yq_err *err);
/* Opens a regular file of this folder for reading, by its plain name. *why: in a word, why not. */
bool folder_open_file(int dir, const char *name, int *fd, struct stat *about, const char **why);
bool folder_is_plain(const char *name);   /* no path, not hidden, not too long */
bool folder_is_ignored(const char *name); /* what other programs have in a folder meanwhile */
bool folder_is_written(int fd);           /* somebody has it open for writing, as far as known */
bool folder_rename(int from, const char *name, int to, const char *as, struct yq_err *err);
/* Moves it to another folder, under another name when this one is taken there. */
bool folder_move(int from, const char *name, int to, char as[FOLDER_NAME_MOST], struct yq_err *err);
/* The name without what is behind the last point. */
void folder_stem(const char *name, char *out, size_t size);
bool folder_write(int dir, const char *name, const struct yq_buf *bytes, struct yq_err *err);
/* Removes files older than that, and in `done` the folders of days. Returns how many. */
size_t folder_purge_done(const struct folder_places *places, int64_t before_ms);
size_t folder_purge_failed(const struct folder_places *places, int64_t before_ms);

/* ---- folder_take.c: a file becomes records ---- */

struct folder_pdfs { /* names of PDFs that records have taken */
    char **names;
    size_t count, room;
};
struct folder_taking {
    struct yq_house *house;
    const struct yq_source *source;
    int root;                          /* where PDFs are; -1: none are looked for */
    const char *name;                  /* of the file */
    int64_t since_ms;                  /* since when it waits for PDFs */
    const struct yq_folder_test *test; /* NULL: records are kept */
    const atomic_bool *stop;
    /* out */
    enum yq_foreign_form form;
    size_t records, kept, changed, bad;
    bool waits;            /* a record waits for its PDF */
    struct yq_buf reasons; /* lines of the reason file */
    struct yq_buf left;    /* a file with the wrong records only */
    struct folder_pdfs pdfs;
};
void folder_taking_fini(struct folder_taking *taking);
/* False: not now (the node cannot keep anything; *err), it is to be tried again. A file that cannot
 * be read at all is true, with taking->bad. */
bool folder_take(struct folder_taking *taking, int fd, const struct stat *about,
                 struct yq_err *err);

/* ---- folder_reason.c ---- */

void folder_reason_line(struct folder_taking *taking, unsigned line, enum yq_kind kind,
                        const char *english);
/* What people call it: in Chinese; "" when there is no word for it. */
const char *folder_reason_chinese(const char *english);
void folder_reason_file(const struct folder_taking *taking, const char *left_name,
                        struct yq_buf *out);

#endif
