/* sign.h: the walk "report signed" (walk/sign*.c): a report that has no signature gets one by a
 * province's service: its text is fixed, the service asks the doctor, what comes back is checked
 * here, is stamped, and becomes a version of the report. node/ lends it a thread. Room walk.
 *
 * The state is the row of the catalog's signing_job (yq/signing.h). Every step reads the report
 * anew: when what is to be signed is not what the job was begun with, the job begins anew. A crash
 * repeats a step at most. */
#ifndef YQ_SIGN_H
#define YQ_SIGN_H

#include "yq/platforms.h"
#include "yq/recipe.h"
#include "yq/registry.h"
#include "yq/signing.h"
#include "yq/web.h"

/* ---- the text that is signed (sign_text.c) ---- */

#define YQ_SIGN_TEXT_MOST 5000 /* characters, as the Shanxi document bounds CAData */

/* Appends it: "yingqiao-report-1", then a line member=value for each of a fixed list of members
 * (sign_text.c), absent ones with nothing behind the =; \ and line breaks in values as \\ and \n;
 * no line break at the end. Where that is longer than YQ_SIGN_TEXT_MOST, findings, impression and
 * advice stand as sha256:<hex> of their UTF-8. The same report gives the same text, whenever and by
 * whomever it is made. YQ_FULL: still too long, or no memory. */
yq_must_check bool yq_sign_text(const struct yq_record *report, struct yq_buf *out,
                                struct yq_err *err);
/* Whether a signed text was made so, and not by somebody else's rule. */
bool yq_sign_text_is_ours(const char *text);

enum yq_sign_need {
    YQ_SIGN_NOT_FINAL, /* preliminary, withdrawn, disabled, removed: not to be signed */
    YQ_SIGN_BY_OTHERS, /* it has a signature that was not made here */
    YQ_SIGN_FITS,      /* it has one of ours, over what it says now */
    YQ_SIGN_WANTED     /* it has none, or one of ours over what it said before */
};
/* `source`: where the record came from, for its codes; record NULL: it was removed. */
enum yq_sign_need yq_sign_need(struct yq_house *house, const char *source,
                               const struct yq_record *report, const char *text);
/* The code of who answers for it: the auditing doctor, else the reporting one; NULL: nobody. */
const char *yq_sign_doctor(const struct yq_record *report);

/* ---- a province's service ---- */

struct yq_sign_call {
    const struct yq_conf *conf;
    const struct yq_platform *platform;
    struct yq_keychain *keys; /* sign_key */
    struct yq_web *web;
    const char *trace;   /* 32 hex digits: the same for the same step of the same job */
    const char *text;    /* what is signed; UTF-8 */
    const char *user;    /* who is to sign; "": whoever scans */
    const char *data_id; /* of the service's job */
    bool qr;             /* a code is wanted */
    unsigned expiry_minutes;
    bool (*stopped)(void *context);
    void *context;
};
enum yq_sign_said {
    YQ_SIGN_SAYS,      /* it answered, see what */
    YQ_SIGN_SAYS_NO,   /* it refused; *err has its words, bounded */
    YQ_SIGN_AWAY,      /* not reached, cut off, or its own trouble */
    YQ_SIGN_IMPOSSIBLE /* it answered what must not be believed: *err */
};
struct yq_sign_answer { /* ended with yq_sign_answer_fini */
    enum { YQ_SIGN_WAITS, YQ_SIGN_SIGNED, YQ_SIGN_DECLINED, YQ_SIGN_EXPIRED } job;
    char data_id[128], user[128];
    struct yq_buf qr, signature, certificate, stamp; /* base64 texts but qr */
};
void yq_sign_answer_fini(struct yq_sign_answer *answer);
struct yq_sign_service {
    enum yq_sign_said (*ask)(const struct yq_sign_call *call, struct yq_sign_answer *out,
                             struct yq_err *err);
    enum yq_sign_said (*look)(const struct yq_sign_call *call, struct yq_sign_answer *out,
                              struct yq_err *err);
    enum yq_sign_said (*stamp)(const struct yq_sign_call *call, struct yq_sign_answer *out,
                               struct yq_err *err);
};

/* ---- the work ---- */

struct yq_sign_desk; /* what a thread needs of its own: clients, which service is away until when */
yq_must_check bool yq_sign_desk_open(struct yq_house *house, struct yq_sign_desk **out,
                                     struct yq_err *err);
void yq_sign_desk_close(struct yq_sign_desk *desk);
/* Looks at reports that came, and does a step for each job that is due. *did: how much. False: the
 * catalog failed. */
yq_must_check bool yq_sign_work(struct yq_sign_desk *desk, bool (*stopped)(void *context),
                                void *context, size_t *did, struct yq_err *err);

/* ---- for people ---- */

/* The job of a report by its id, with its row in the ledger. YQ_ABSENT: no such report, or it has
 * no job (*row is set then). */
yq_must_check bool yq_sign_job(struct yq_house *house, const char *report, int64_t *row,
                               struct yq_signing *out, struct yq_err *err);
/* Begins (anew). YQ_REFUSED: it is not to be signed; YQ_ABSENT: no such report, no platform signs.
 */
yq_must_check bool yq_sign_start(struct yq_house *house, const char *report, struct yq_err *err);
/* YQ_CONFLICT: it is over. */
yq_must_check bool yq_sign_cancel(struct yq_house *house, const char *report, struct yq_err *err);
/* Appends the text of the QR code. YQ_ABSENT: there is none now. */
yq_must_check bool yq_sign_qr(struct yq_house *house, const struct yq_signing *job,
                              struct yq_buf *out, struct yq_err *err);
/* Why it is as it is, as a sentence. */
void yq_sign_explain(const struct yq_signing *job, int64_t now_ms, bool chinese, char *text,
                     size_t size);

#endif
