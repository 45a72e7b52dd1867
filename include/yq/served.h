/* served.h: what a province's platform asks of this node by HTTP, as the door (door/served.c) hands
 * it to a province: plain values, no HTTP server. Room walk.
 *
 * The door finds the platform: of the configured ones of this province, with `serve` on, whose
 * `hosts` fit the caller; nobody else learns that the path exists (404). Who may ask is audited. */
#ifndef YQ_SERVED_H
#define YQ_SERVED_H

#include "yq/platforms.h"
#include "yq/recipe.h"
#include "yq/walk.h"

#define YQ_SERVED_PARAMS 32

struct yq_inquiry {
    struct yq_house *house;
    const struct yq_conf *conf;
    const struct yq_platform *platform;
    struct yq_keychain *keys;
    const struct yq_origin *from;
    const struct {
        const char *name, *value;
    } * params; /* of the query, decoded, as they were written */
    size_t param_count;
    const char *body; /* as received */
    size_t length;
    const char *(*header)(const struct yq_inquiry *inquiry, const char *name); /* "" when absent */
    const void *context;
};
struct yq_reply_to {  /* filled by the province */
    unsigned status;  /* 200 where the document says no other */
    const char *type; /* "application/json;charset=UTF-8" */
    struct yq_buf body;
};
struct yq_service {
    const char *path; /* "/exam/get" */
    bool post;        /* else GET */
    const char *help;
    size_t body_most; /* bytes */
    void (*answer)(const struct yq_inquiry *inquiry, struct yq_reply_to *reply);
};

/* ---- objects handed out by URL (walk/handout.c, door/files.c) ---- */

/* Appends records.url_base and /objects/<study>/<series>/<instance>?expires=..&signature=..: the
 * one DICOM file, with ranges, without login until it expires; coerced values are in it. */
yq_must_check bool yq_handout_url(struct yq_house *house, const struct yq_key *key,
                                  int64_t expires_ms, struct yq_buf *out, struct yq_err *err);
yq_must_check bool yq_handout_fits(struct yq_house *house, const struct yq_key *key,
                                   const char *expires, const char *signature, struct yq_err *err);

#endif
