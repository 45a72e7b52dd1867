/* rehearse.h: a province's platform that is played, for a hospital's own trial before it calls the
 * real one. Room platform; shanxi/rehearse*.c. Knows no HTTP server: it is given calls, says what
 * a strict province would say, and how the answer is to be spoiled where it was told to fail.
 *
 * It opens and checks by code of its own (OpenSSL's command-line program, a JSON reader, checks of
 * the field tables that are not those of model/), so that one bug cannot hide another. Any thread.
 */
#ifndef YQ_REHEARSE_H
#define YQ_REHEARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_rehearse_how {
    const char *hospital;  /* the code every call must name; "": that of the first call */
    unsigned char key[16]; /* SM4 */
    const char
        *sign_key;    /* secure code of the signing interfaces; "": signatures are not checked */
    const char *fail; /* rules, "" none; see yq_rehearse_fail */
    unsigned window;  /* seconds a timestamp may be off; 0: 300 */
    unsigned polls;   /* after how many questions the pretended doctor has signed */
    unsigned seed;    /* of what happens by chance */
    bool quick;       /* envelopes are opened in this process: for load */
    bool fetch;       /* the URLs that it is given are fetched */
    bool signatures;  /* those of the reports are verified */
    /* A line for people, without line end; calls do not overlap. NULL: nothing is said. */
    void (*say)(void *context, const char *line);
    void *context;
};

struct yq_rehearse;
/* YQ_BAD_INPUT: rules; YQ_ABSENT: there is no openssl program. */
yq_must_check bool yq_rehearse_open(const struct yq_rehearse_how *how, struct yq_rehearse **out,
                                    struct yq_err *err);
void yq_rehearse_close(struct yq_rehearse *rehearsal); /* NULL is fine */

enum yq_rehearse_act { /* what becomes of the answer; stage.h has the same */
                       YQ_REHEARSE_ANSWER,
                       YQ_REHEARSE_SILENT,
                       YQ_REHEARSE_HANG_UP,
                       YQ_REHEARSE_CUT_HEADER,
                       YQ_REHEARSE_CUT_BODY
};
struct yq_rehearse_call {
    const char *method, *path, *query, *content_type, *encryption_type;
    const void *body;
    size_t length;
    /* out */
    unsigned status;
    struct yq_buf answer; /* the caller ends it */
    enum yq_rehearse_act act;
    unsigned wait_ms;
};
void yq_rehearse_answer(struct yq_rehearse *rehearsal, struct yq_rehearse_call *call);

/* Rules of failing: WHAT[:SECONDS][/path]=HOW OFTEN, with commas or blanks between.
 * WHAT: 500 503 code0 hang-up (not taken); timeout cut-header cut-body 500-after (taken, and the
 * caller does not learn it); slow; mixed (any of them but slow).
 * HOW OFTEN: 0.2 (by chance), 1/5 (every fifth call), next3 (the next three calls). */
yq_must_check bool yq_rehearse_fail(struct yq_rehearse *rehearsal, const char *rules,
                                    struct yq_err *err);

/* What came until now, for people, appended; and as JSON. `contents`: with the last content of
 * each.
 */
void yq_rehearse_tell(struct yq_rehearse *rehearsal, struct yq_buf *out);
void yq_rehearse_summary(struct yq_rehearse *rehearsal, bool contents, struct yq_buf *out);

#endif
