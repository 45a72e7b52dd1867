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

struct yq_served_param {
    const char *name, *value;
};
struct yq_inquiry {
    struct yq_house *house;
    const struct yq_conf *conf;
    const struct yq_platform *platform; /* the one whose address it came from */
    const struct yq_origin *from;
    const struct yq_served_param *params; /* of the query, decoded, as they were written */
    size_t param_count;
    const char *body; /* as received; a 0 behind it */
    size_t length;
    const char *(*header)(const struct yq_inquiry *inquiry, const char *name); /* "" when absent */
    const void *context;
};
struct yq_reply_to {  /* filled by the province; the caller ends its buffers */
    unsigned status;  /* 200 where the document says no other */
    const char *type; /* NULL: "application/json;charset=UTF-8" */
    struct yq_buf body;
    /* For the audit trail and the log: */
    struct yq_buf asked; /* what was asked for: "?studyInstanceId=1.2.3"; without secrets */
    const char *refused; /* why it was not believed: a sentence without personal data; NULL: it was
                          */
    struct yq_err trouble; /* why it failed, where it did */
};
struct yq_service {
    const char *path; /* "/exam/get" */
    bool post;        /* else GET */
    const char *help;
    size_t body_most; /* bytes */
    void (*answer)(const struct yq_inquiry *inquiry, struct yq_reply_to *reply);
};

/* ---- objects handed out by URL (walk/handout.c, door/objects.c) ---- */

/* Who makes URLs: the secret is read once, so that two thousand cost milliseconds. */
struct yq_handing {
    struct yq_secret secret; /* of this purpose */
    char base[256];          /* records.url_base, without a slash at its end */
    int64_t expires;         /* seconds since 1970 */
};
/* `expires_ms` 0: records.url_hours from now. YQ_REFUSED: no place for a secret. */
yq_must_check bool yq_handing_begin(struct yq_house *house, int64_t expires_ms,
                                    struct yq_handing *out, struct yq_err *err);
/* Appends records.url_base and /objects/<study>/<series>/<instance>?expires=..&signature=..: the
 * one DICOM file, with ranges, without login until it expires; coerced values are in it. Whether it
 * is here is not looked at. False: no memory (out->failed), or the key has a part that is no UID.
 */
bool yq_handing_put(const struct yq_handing *handing, const struct yq_key *key, struct yq_buf *out);
void yq_handing_end(struct yq_handing *handing);
/* The three of them, for one URL. */
yq_must_check bool yq_handout_url(struct yq_house *house, const struct yq_key *key,
                                  int64_t expires_ms, struct yq_buf *out, struct yq_err *err);
/* Whether a URL with these parameters is one of ours for this object. YQ_REFUSED: it is not;
 * YQ_TIMEOUT: it was, and has expired. */
yq_must_check bool yq_handout_fits(struct yq_house *house, const struct yq_key *key,
                                   const char *expires, const char *signature, struct yq_err *err);
/* Looks the object up and opens it as it is to leave. YQ_ABSENT: it is not here (any more). The
 * caller ends *out, which is a whole file from its first byte to offset + length. */
yq_must_check bool yq_handout_open(struct yq_house *house, const struct yq_key *key,
                                   struct yq_glance *about, struct yq_outgoing *out,
                                   struct yq_err *err);

#endif
