/* home.h: the house of a node (yq_house) built from the command line's options, and torn down. */
#ifndef YQ_NODE_HOME_H
#define YQ_NODE_HOME_H

#include "cli.h"
#include "yq/walk.h"

enum yq_home_flags {
    YQ_HOME_CREATE = 1,    /* make the data folder and its configuration when they are missing */
    YQ_HOME_SWEEP = 2,     /* we are the one that serves */
    YQ_HOME_NO_STORE = 4,  /* only the catalog is needed */
    YQ_HOME_EXCLUSIVE = 8, /* no other command may use the folder meanwhile */
};

struct yq_home {
    struct yq_house house;
    char data[YQ_PATH_MOST];
    char conf_folder[YQ_PATH_MOST]; /* where peers.json is */
    int use_lock;                   /* flock on DIR/use.lock: shared by all, alone for reindex */
    char catalog[YQ_PATH_MOST];
    char secret[YQ_PATH_MOST], url_secret[YQ_PATH_MOST];
    struct yq_trail *trail;
    pthread_t clerk; /* writes the catalog for all who store; when hired */
    bool hired;
};

/* The folder with peers.json: of --conf FILE, --conf DIR, or DIR/conf. */
yq_must_check bool yq_home_conf_folder(const struct yq_cli *cli, char *folder, struct yq_err *err);
/* Reads the configuration that the options name. */
yq_must_check bool yq_home_conf(const struct yq_cli *cli, struct yq_conf **out, struct yq_err *err);
void yq_home_conf_free(struct yq_conf **conf); /* for yq_cleanup */

/* Opens everything. `catalog` names another catalog file in the data folder; NULL: the usual one.
 * Errors name what to do. */
yq_must_check bool yq_home_open(const struct yq_cli *cli, unsigned flags, const char *catalog,
                                struct yq_home *home, struct yq_err *err);
/* The bounds that the configuration sets; again when it changes. */
void yq_home_bound(struct yq_home *home, const struct yq_conf *conf);
/* A thread for the catalog, until close. Without it nothing is missing but speed. */
void yq_home_hire_clerk(struct yq_home *home);
void yq_home_dismiss_clerk(struct yq_home *home);
void yq_home_close(struct yq_home *home); /* also of a zeroed or half-opened one */

/* Only what is needed to tell the audit trail (house.conf, house.audit), for commands that open no
 * house. Where DIR is no node's folder nothing is told. yq_home_close ends it. */
void yq_home_open_trail(const struct yq_cli *cli, struct yq_home *home);

/* Tells the audit trail that a file of the configuration was changed: "peer added: CT01". */
void yq_home_tell(const struct yq_cli *cli, enum yq_deed_type type, const char *folder,
                  const char *file, const char *what, const char *whom);
/* "file:///..." of a path, for the audit trail. */
void yq_home_uri(const char *path, char *uri, size_t size);

/* The lock that makes one process the node of this folder. *fd is the caller's; YQ_BUSY names the
 * other one. */
yq_must_check bool yq_home_lock(const char *data, int *fd, struct yq_err *err);

/* A house of its own in a new folder below TMPDIR, readable by its user only, for objects that are
 * only passed on; close_guest removes it. */
yq_must_check bool yq_home_open_guest(const struct yq_cli *cli, struct yq_home *home,
                                      struct yq_err *err);
void yq_home_close_guest(struct yq_home *home);

/* Removes a folder and everything in it. Follows no symbolic link. */
void yq_home_remove_tree(const char *path);

#endif
