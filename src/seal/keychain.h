/* keychain.h: where a key is, and reading it there (keychain_read.c). Private to room seal. */
#ifndef YQ_SEAL_KEYCHAIN_H
#define YQ_SEAL_KEYCHAIN_H

#include <sys/stat.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/file.h"

enum { KEYCHAIN_NAME = 33 };

enum key_kind { KEY_FILE, KEY_VARIABLE, KEY_PROGRAM };
enum key_form { KEY_PLAIN, KEY_HEX, KEY_BASE64 };

struct keychain_place {
    char name[KEYCHAIN_NAME]; /* of the key, for errors */
    enum key_kind kind;
    enum key_form form;
    char what[YQ_PATH_MOST]; /* path, variable, command line */
};
/* `place->name` is set. YQ_BAD_INPUT. */
bool keychain_place(const char *where, const char *folder, struct keychain_place *place,
                    struct yq_err *err);
/* Whether the file is the one that was read. */
bool keychain_unchanged(const struct keychain_place *place, const struct stat *about);
/* The key's bytes, decoded; `about` of a file. */
bool keychain_read(const struct keychain_place *place, struct yq_buf *out, struct stat *about,
                   struct yq_err *err);

#endif
