/* rehearse_inside.h: what the files of the stand-in (rehearse*.c) share. */
#ifndef YQ_REHEARSE_INSIDE_H
#define YQ_REHEARSE_INSIDE_H

#include <pthread.h>
#include <stdint.h>

#include "rehearse_json.h"
#include "yq/check.h"
#include "yq/rehearse.h"

/* ---- complaints ---- */

enum { REHEARSE_FINDINGS_MOST = 100 }; /* of one call */
/* `chinese` and `english` are whole sentences, without values of the message. */
void rehearse_complain(struct yq_findings *findings, const char *member, const char *what,
                       const char *chinese, const char *english);
/* The same where the province would take it nevertheless. */
void rehearse_remark(struct yq_findings *findings, const char *member, const char *what,
                     const char *chinese, const char *english);
bool rehearse_is_refused(const struct yq_findings *findings);

/* ---- rehearse_fail.c: when to fail, and how ---- */

enum rehearse_fault {
    REHEARSE_FINE,
    REHEARSE_500,
    REHEARSE_503,
    REHEARSE_CODE_0,
    REHEARSE_HANG_UP,
    REHEARSE_TIMEOUT,
    REHEARSE_CUT_HEADER,
    REHEARSE_CUT_BODY,
    REHEARSE_500_AFTER,
    REHEARSE_SLOW,
    REHEARSE_MIXED
};
enum { REHEARSE_RULES_MOST = 32, REHEARSE_TIMEOUT_S = 600, REHEARSE_SLOW_S = 2 };
struct rehearse_rule {
    enum rehearse_fault fault;
    unsigned seconds;
    char path[64];  /* "": any */
    double chance;  /* else 0 */
    unsigned every; /* every nth call; else 0 */
    unsigned next;  /* so many are left; else 0 */
    unsigned calls; /* that it saw */
};
struct rehearse_rules {
    struct rehearse_rule list[REHEARSE_RULES_MOST];
    size_t count;
    uint64_t chance; /* state of the dice */
};
bool rehearse_rules_parse(const char *text, struct rehearse_rules *out, struct yq_err *err);
/* What becomes of this call; *seconds: how long, for those that take long. */
enum rehearse_fault rehearse_rules_ask(struct rehearse_rules *rules, const char *path,
                                       unsigned *seconds);
const char *rehearse_fault_name(enum rehearse_fault fault);
static inline bool rehearse_fault_takes(enum rehearse_fault fault) /* it takes what it was sent */
{
    return fault == REHEARSE_FINE || fault == REHEARSE_SLOW || fault >= REHEARSE_TIMEOUT;
}

/* ---- rehearse_program.c: OpenSSL's command-line program ---- */

/* Runs it with these arguments ("openssl" is put before them; ended by NULL), `in` as its standard
 * input; appends its standard output. False: it says no, or did not come to an end. */
bool rehearse_openssl(const char *const *arguments, const void *in, size_t length,
                      struct yq_buf *out);

/* Its folder, when it begins and ends. */
bool rehearse_folder_open(struct yq_rehearse *r, struct yq_err *err);
void rehearse_folder_close(struct yq_rehearse *r);
/* "FOLDER/name" into path, which is returned. */
const char *rehearse_path_of(const struct yq_rehearse *r, const char *name, char path[128]);
bool rehearse_file(const struct yq_rehearse *r, const char *name, const void *bytes, size_t length);

/* ---- rehearse_quick.c: without a process for each ---- */

bool rehearse_quick_open(struct yq_rehearse *r, struct yq_err *err);
void rehearse_quick_close(struct yq_rehearse *r);
bool rehearse_quick_unseal(struct yq_rehearse *r, const char *text, size_t length,
                           struct yq_buf *out);
bool rehearse_quick_sha1(struct yq_rehearse *r, const void *text, size_t length,
                         struct yq_buf *out);

/* ---- rehearse_open.c: envelopes ---- */

bool rehearse_base64(const char *text, size_t length, struct yq_buf *out); /* strict, no blanks */
void rehearse_put_base64(const void *bytes, size_t length, struct yq_buf *out);
bool rehearse_unseal(struct yq_rehearse *r, const char *text, size_t length, struct yq_buf *out);
bool rehearse_seal(struct yq_rehearse *r, const void *plain, size_t length, struct yq_buf *out);
/* Checks the envelope of S1, S2, S3 and S6 and appends what was in it. False: it does not open. */
bool rehearse_envelope(struct yq_rehearse *r, const struct yq_rehearse_call *call,
                       struct yq_findings *findings, struct yq_buf *plain);

/* ---- rehearse_check.c: field tables; rehearse_rules.c: what stands between their lines ---- */

void rehearse_check_fields(const char *interface, const struct rj *object, const char *prefix,
                           struct yq_findings *findings);
bool rehearse_is_moment(const char *text, bool timed);
bool rehearse_is_id_card(const char *text);
bool rehearse_is_uid(const char *text);
/* Rules between fields of an exam, a report, a series. */
void rehearse_check_exam(const struct rj *exam, const char *prefix, struct yq_findings *findings);
void rehearse_check_report(const struct rj *report, const char *prefix,
                           struct yq_findings *findings);
void rehearse_check_series(const struct rj *series, struct yq_findings *findings);

/* ---- rehearse_shelf.c: what came ---- */

struct rehearse_thing {
    struct rehearse_thing *next; /* of the same slot */
    size_t order;                /* of first arrival */
    char *key, *content;         /* owned; content: the message as it came, the last one */
    char *belongs;               /* study UIDs of an exam, exams of a report, study of a series */
    size_t length;
    uint64_t mark;    /* of what it says */
    char changed[20]; /* its lastChangeTime */
    unsigned times, same;
    bool acknowledged; /* the answer to the last one went out whole */
    bool forgotten;
};
struct rehearse_shelf {
    struct rehearse_thing **slots;
    size_t slot_count, count;
};
void rehearse_shelf_fini(struct rehearse_shelf *shelf);
struct rehearse_thing *rehearse_shelf_find(const struct rehearse_shelf *shelf, const char *key);
/* It is there afterwards; NULL: no memory. */
struct rehearse_thing *rehearse_shelf_put(struct rehearse_shelf *shelf, const char *key);
/* All of them in the order of their coming; the caller frees the list. NULL: none, or no memory. */
struct rehearse_thing **rehearse_shelf_list(const struct rehearse_shelf *shelf);
/* The same number for messages that say the same: of URLs only what is before the ?. */
uint64_t rehearse_mark(const struct rj *value);
/* Calls for each word of "A,B"; stops at the first that gives false. */
bool rehearse_each(const char *list, bool (*take)(void *context, const char *word), void *context);

/* ---- the whole (rehearse.c) ---- */

struct rehearse_told { /* a complaint that was made */
    unsigned call;
    char path[40], id[64];
    struct yq_finding finding;
};
enum { REHEARSE_TOLD_MOST = 2000, REHEARSE_PATHS = 12, REHEARSE_CONTENT_MOST = 1 << 20 };
struct rehearse_count { /* of a path */
    unsigned calls, taken, refused, failed;
};

struct rehearse_job { /* of signing */
    char id[48], user[128];
    struct yq_buf data; /* what is to be signed */
    unsigned polls;
    bool is_digest;
};
enum { REHEARSE_JOBS_MOST = 20000 };
struct yq_rehearse {
    struct yq_rehearse_how how;
    char hospital[64], sign_key[256];
    char folder[64];         /* of its own, for what openssl's program reads and writes; "" none */
    pthread_mutex_t signing; /* one after the other: keys, files in the folder; taken first */
    bool keys;               /* those of the doctor and of the time stamps are made */
    struct rehearse_job *jobs; /* under `signing`, and so are their counts */
    size_t job_count, job_room;
    struct rehearse_quick *quick; /* NULL: openssl's program opens */
    char hex_key[33];
    pthread_mutex_t lock; /* guards what follows; no process is waited for under it */
    struct rehearse_rules rules;
    unsigned calls;
    struct rehearse_count counts[REHEARSE_PATHS];
    unsigned faults[REHEARSE_MIXED + 1];
    struct rehearse_shelf exams, reports, series;
    struct rehearse_shelf studies; /* study UID, accession number -> exam (belongs) */
    struct rehearse_told *told;
    size_t told_count, told_room, told_all;
    pthread_mutex_t saying;
};

struct rehearse_visit { /* a call that is looked at */
    struct yq_rehearse *r;
    struct yq_rehearse_call *call;
    size_t path; /* which */
    unsigned number;
    char id[64]; /* of what it is about, for people */
    enum rehearse_fault fault;
    struct yq_findings findings;
    bool same; /* it says what was acknowledged already */
};
/* Whether the code is that of the hospital; the first one is, where none was told. */
void rehearse_check_hospital(struct yq_rehearse *r, const char *code, const char *member,
                             struct yq_findings *findings);
/* The exam with this id, study UID or accession number, that the platform has not lost; the lock is
 * held. NULL: none. */
struct rehearse_thing *rehearse_exam_of(const struct yq_rehearse *r, const char *id);
/* Appends {"code":..,"message":..,"content":..}: 1, or 0 with the first complaints. */
void rehearse_answer_code(struct rehearse_visit *visit);
/* rehearse_fetch.c: the addresses are fetched, unless it was told not to. */
void rehearse_fetch_pdf(struct rehearse_visit *visit, const struct rj *report, const char *prefix);
/* rehearse_verify.c: whether the report's own signature holds. */
void rehearse_check_signature(struct rehearse_visit *visit, const struct rj *report,
                              const char *prefix);
void rehearse_fetch_series(struct rehearse_visit *visit, const struct rj *series);
/* A request to the signing service, read: its members checked against the interface's table and
 * the common ones, its signature by the secure code. False: no JSON. rehearse_service.c */
bool rehearse_service(struct rehearse_visit *visit, const char *interface,
                      struct rj_document *json);
/* Its answer: {"status":200,...,"data":{DATA}}, or the complaints. */
void rehearse_answer_service(struct rehearse_visit *visit, const struct rj *request,
                             const char *data);
/* What came is kept under this key; the lock is held. NULL: no memory. */
struct rehearse_thing *rehearse_keep(struct rehearse_visit *visit, struct rehearse_shelf *shelf,
                                     const char *key, const struct rj *content);

/* One for each path. */
typedef void rehearse_function(struct rehearse_visit *visit);
rehearse_function rehearse_exam, rehearse_report, rehearse_merged, rehearse_series; /* _take.c */
rehearse_function rehearse_statistics;                                              /* _count.c */
rehearse_function rehearse_add_job, rehearse_job_result, rehearse_stamp;            /* _sign.c */
rehearse_function rehearse_verify_1, rehearse_verify_7, rehearse_verify_stamp, rehearse_seals;

#endif
