/* sign_inside.h: what the files of the walk "report signed" share. Private to walk/. */
#ifndef YQ_WALK_SIGN_INSIDE_H
#define YQ_WALK_SIGN_INSIDE_H

#include "yq/province.h"
#include "yq/sign.h"
#include "yq/signature.h"

enum {
    SIGN_ROUNDS_MOST = 3,       /* jobs that expire before a person is told */
    SIGN_TRIES_MOST = 6,        /* times that a service says no, likewise */
    SIGN_EXPIRY_MINUTES = 1440, /* as the document's own default */
    SIGN_CHUNK = 32
};

struct sign_seat { /* what a platform's service needs */
    const struct yq_platform *platform;
    const struct yq_sign_service *service;
    struct yq_keychain *keys;
    struct yq_web *web;
    struct yq_anchors *anchors; /* NULL: any certificate */
    int64_t away_until_ms;      /* monotonic */
    unsigned away_tries;        /* calls in vain, one after the other */
};

struct sign_report { /* as it is now; ended with sign_report_fini */
    struct yq_ledger_entry entry;
    struct yq_record *record; /* NULL: removed */
    struct yq_buf text;       /* what is signed of it */
    uint8_t sum[32];          /* of the text */
    enum yq_sign_need need;
    bool too_long; /* there is no text of it */
};
/* YQ_ABSENT: the ledger has no such row. */
yq_must_check bool sign_report_read(struct yq_house *house, int64_t row, struct sign_report *out,
                                    struct yq_err *err);
void sign_report_fini(struct sign_report *report);

/* Sets a job back to its beginning, for what the report says now. */
void sign_begin(struct yq_signing *job, const struct sign_report *report);
/* What is kept of a job; sealed as records are. */
struct sign_kept { /* ended with sign_kept_fini */
    struct yq_buf qr, signature, certificate, stamp;
};
void sign_kept_fini(struct sign_kept *kept);
yq_must_check bool sign_kept_open(struct yq_house *house, const struct yq_signing *job,
                                  struct sign_kept *out, struct yq_err *err);
yq_must_check bool sign_kept_shut(struct yq_house *house, struct yq_signing *job,
                                  const struct sign_kept *kept, struct yq_err *err);

/* One step of the job of a report (sign_step.c). False: the catalog failed. */
struct sign_round {
    struct yq_house *house;
    const struct yq_conf *conf;
    struct sign_seat *seat;
    bool (*stopped)(void *context);
    void *context;
};
yq_must_check bool sign_step(const struct sign_round *round, int64_t row, struct yq_err *err);

#endif
