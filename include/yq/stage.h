/* stage.h: an HTTP server on loopback that can be told to misbehave, for rehearsals. Room door;
 * stage.c. Not the node's own server (http.c), which can do none of this: each connection has a
 * thread, there is no access control, and answers may come late, in half or never. */
#ifndef YQ_STAGE_H
#define YQ_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

#define YQ_STAGE_BODY_MOST ((size_t)256 << 20)

enum yq_stage_act { /* what becomes of an answer */
                    YQ_STAGE_ANSWER,
                    YQ_STAGE_SILENT,     /* nothing is said for wait_ms, then it hangs up */
                    YQ_STAGE_HANG_UP,    /* the connection is closed without a word */
                    YQ_STAGE_CUT_HEADER, /* it ends within the headers of the answer */
                    YQ_STAGE_CUT_BODY    /* ... within its body */
};
struct yq_stage_call {
    const char *method, *path, *query;          /* query: behind the ?, as it came; "" none */
    const char *content_type, *encryption_type; /* headers; "" when absent */
    const void *body;
    size_t length;
    /* out */
    unsigned status; /* 0: 200 */
    struct yq_buf answer;
    const char *media; /* of the answer; NULL: application/json; static */
    enum yq_stage_act act;
    unsigned wait_ms; /* before whatever is done */
};
/* In the thread of its connection: any number at the same time. */
typedef void yq_stage_function(void *context, struct yq_stage_call *call);

struct yq_stage;
/* Listens on 127.0.0.1; port 0: any. YQ_BUSY: somebody else has the port. */
yq_must_check bool yq_stage_open(unsigned port, yq_stage_function *function, void *context,
                                 struct yq_stage **out, struct yq_err *err);
unsigned yq_stage_port(const struct yq_stage *stage);
void yq_stage_close(struct yq_stage *stage); /* ends what waits; NULL is fine */

#endif
