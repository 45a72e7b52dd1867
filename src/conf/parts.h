/* parts.h: the parts of a configuration, each parsed from bytes. Private to src/conf/ and its tests
 * and fuzz target. `file` is the name for messages. */
#ifndef YQ_SRC_CONF_PARTS_H
#define YQ_SRC_CONF_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jsonc.h"
#include "yq/conf.h"

#define PEERS_MOST 4096
#define TOKENS_MOST 256
#define SECRET_LEAST 16
#define USERS_MOST 1024
#define RULES_MOST 1024
#define ACTIONS_MOST 64 /* of one rule */
#define NAMES_MOST 256  /* of one list in a rule */
#define TABLE_BYTES_MOST (64u << 20)
#define PACE_LEAST 16 /* KB a second */

/* keys.c: a line of a keyword table; `base` is the struct it describes. Text fields have 256 bytes.
 */
enum conf_type { CONF_text, CONF_number, CONF_flag, CONF_choice };
struct conf_keyword {
    enum conf_type type;
    size_t offset;
    const char *key, *fallback;
    int64_t least, most;
    const char *help;
};
yq_must_check bool conf_set_value(void *base, const struct conf_keyword *keyword, const char *value,
                                  const char *where, struct yq_err *err);
yq_must_check bool conf_set_node(void *base, const struct jsonc *doc,
                                 const struct conf_keyword *keyword, const struct jsonc_node *node,
                                 struct yq_err *err);
void conf_put_value(struct yq_buf *out, const void *base, const struct conf_keyword *keyword);
void conf_defaults(struct yq_conf *conf);
yq_must_check bool conf_parse_node(struct yq_conf *conf, const char *file, const void *bytes,
                                   size_t length, struct yq_err *err);
yq_must_check bool conf_apply(struct yq_conf *conf, const struct yq_setting *setting,
                              struct yq_err *err);
/* ": did you mean ..." material: the candidate nearest to `word`, NULL when none is near. */
const char *conf_nearest(const char *word, const char *const *candidates, size_t count);
/* Bytes from outside for a message: cut, without control characters. */
const char *conf_shown(char *to, size_t size, const char *text);
void conf_put_text(struct yq_buf *out, const char *text); /* as JSON, with its quotes */

/* peers.c */
yq_must_check bool conf_parse_peers(struct yq_conf *conf, const char *file, const void *bytes,
                                    size_t length, struct yq_err *err);
void conf_put_peer(struct yq_buf *out, const struct yq_peer *peer); /* as a JSON object */

/* rules.c */
yq_must_check bool conf_parse_rules(struct yq_conf *conf, const char *file, const void *bytes,
                                    size_t length, struct yq_err *err);
/* Do the peers that the rules name exist? */
yq_must_check bool conf_rules_check(const struct yq_conf *conf, struct yq_err *err);
void conf_rules_free(struct yq_conf *conf);
void conf_put_forward_rule(struct yq_buf *out, const struct yq_rule *rule); /* as a JSON object */
yq_must_check bool conf_read_windows(const struct jsonc *doc, const struct jsonc_node *node,
                                     struct yq_windows *out, struct yq_err *err);
/* "HH:MM" at *text, which it leaves behind; 24:00 ends a day. */
bool conf_read_clock(const char **text, unsigned *minute);
void conf_put_windows(struct yq_buf *out, const char *key, const struct yq_windows *windows);
yq_must_check bool conf_read_number(const struct jsonc *doc, const struct jsonc_node *node,
                                    unsigned least, unsigned most, unsigned *out,
                                    struct yq_err *err);

/* match.c */
enum conf_host { HOST_BAD, HOST_ADDRESS, HOST_NET, HOST_NAME };
enum conf_host conf_host_kind(const char *host);
bool conf_is_loopback(const char *bind);

/* tokens.c */
yq_must_check bool conf_parse_tokens(struct yq_conf *conf, const char *file, const void *bytes,
                                     size_t length, struct yq_err *err);

/* coercion.c. Tables are looked for in conf->folder. */
yq_must_check bool conf_parse_coercion(struct yq_conf *conf, const char *file, const void *bytes,
                                       size_t length, struct yq_err *err);
void conf_put_rule(struct yq_buf *out, const struct yq_coerce_rule *rule); /* as a JSON object */
void conf_coercion_fini(struct yq_conf *conf);

/* blanks.c */
yq_must_check bool conf_parse_blanks(struct yq_conf *conf, const char *file, const void *bytes,
                                     size_t length, struct yq_err *err);
void conf_put_blank_rule(struct yq_buf *out, const struct yq_blank_rule *rule);

/* table.c: "from,to" and lines of two fields, for values of this VR. */
yq_must_check bool conf_parse_table(struct yq_coerce_table *table, const char *vr,
                                    const void *bytes, size_t length, struct yq_err *err);
void conf_table_fini(struct yq_coerce_table *table);

/* owned.c: keywords that belong to some owners only (types of sources, provinces) */
#define CONF_OWNED_MOST 96 /* keys of one table */
struct conf_owned {
    struct conf_keyword keyword;
    unsigned owners; /* bits */
};
struct conf_owners {
    const struct conf_owned *keys;
    size_t key_count;
    const char *what;         /* "source" */
    const char *key;          /* which says the owner: "type" */
    const char *const *names; /* of the owners */
    size_t name_count;
};
bool conf_is_name(const char *name); /* letters, digits, - and _, one at least */
/* A text that must be given: its least length is 1 and its default empty. */
bool conf_owned_is_needed(const struct conf_owned *key);
void conf_owned_defaults(const struct conf_owners *owners, void *base);
yq_must_check bool conf_owner_read(const struct conf_owners *owners, const struct jsonc *doc,
                                   const struct jsonc_node *node, unsigned *out,
                                   struct yq_err *err);
/* All members of an object but "name" and the one that says the owner. */
yq_must_check bool conf_owned_read(const struct conf_owners *owners, unsigned owner,
                                   const struct jsonc *doc, const struct jsonc_node *node,
                                   void *base, struct yq_err *err);
void conf_owned_put(const struct conf_owners *owners, unsigned owner, const void *base,
                    struct yq_buf *out); /* ", "key": value" each */
void conf_owned_manual(const struct conf_owners *owners, struct yq_buf *out);
/* The array of {"name": [...]}, or the array that is the whole file. */
yq_must_check bool conf_list_read(const struct jsonc *doc, const char *name, size_t most,
                                  const struct jsonc_node **list, size_t *count,
                                  struct yq_err *err);
/* Whether these are addresses and nets, with blanks between. */
yq_must_check bool conf_hosts_read(const struct jsonc *doc, const struct jsonc_node *node,
                                   const char *hosts, struct yq_err *err);

/* platforms.c. After the peers: no platform has the name of one. */
yq_must_check bool conf_parse_platforms(struct yq_conf *conf, const char *file, const void *bytes,
                                        size_t length, struct yq_err *err);
void conf_put_platform(struct yq_buf *out, const struct yq_platform *platform);

/* sources.c. Mappings are looked for in conf->folder/mapping, then among those compiled in. */
yq_must_check bool conf_parse_sources(struct yq_conf *conf, const char *file, const void *bytes,
                                      size_t length, struct yq_err *err);
void conf_put_source(struct yq_buf *out, const struct yq_source *source); /* as a JSON object */
void conf_sources_fini(struct yq_conf *conf);

/* fields.c: all of conf->folder/platforms/; one file of it. */
yq_must_check bool conf_load_fields(struct yq_conf *conf, struct yq_err *err);
yq_must_check bool conf_parse_fields(struct yq_conf *conf, const char *province, const char *name,
                                     const void *bytes, size_t length, struct yq_err *err);
void conf_fields_fini(struct yq_conf *conf);

/* recipes.c: of all provinces in conf->folder/platforms; one file of them. */
yq_must_check bool conf_load_recipes(struct yq_conf *conf, struct yq_err *err);
yq_must_check bool conf_parse_recipes(struct yq_conf *conf, enum yq_province_id province,
                                      const void *bytes, size_t length, struct yq_err *err);
void conf_recipes_fini(struct yq_conf *conf);

/* users.c */
yq_must_check bool conf_parse_users(struct yq_conf *conf, const char *file, const void *bytes,
                                    size_t length, struct yq_err *err);
void conf_put_users(struct yq_buf *out, const struct yq_conf *conf); /* the whole file */

/* made by the build from dicom-conf/ */
extern const unsigned char conf_example_node[], conf_example_peers[], conf_example_tokens[],
    conf_example_coercion[], conf_example_rules[], conf_example_anonymize[], conf_example_sources[],
    conf_example_platforms[];
extern const size_t conf_example_node_size, conf_example_peers_size, conf_example_tokens_size,
    conf_example_coercion_size, conf_example_rules_size, conf_example_anonymize_size,
    conf_example_sources_size, conf_example_platforms_size;
struct conf_builtin { /* a file of dicom-conf/mapping/; the last one has no name */
    const char *name;
    const unsigned char *bytes;
    const size_t *size;
};
extern const struct conf_builtin conf_builtin_mappings[];

#endif
