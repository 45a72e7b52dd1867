/* wado_send.h: what the files of WADO-URI know of a request. Private to door/. */
#ifndef YQ_DOOR_WADO_SEND_H
#define YQ_DOOR_WADO_SEND_H

#include "http.h"
#include "wado.h"

struct wado { /* a request on its way; each step adds to it */
    struct yq_house *house;
    const struct request *request;
    struct reply *reply;
    struct wado_values values;
    struct wado_wish wish;
    bool found;
    struct yq_glance object;
    struct wado_choice choice;
};

/* 410 when it was here: then nobody need ask again. PS3.18 8.5. 404 with `what` when it was not;
 * with `what` NULL false and no reply. */
bool wado_answer_absent(struct wado *wado, const struct yq_key *key, const char *what,
                        const struct yq_err *why);

enum wado_outcome {
    WADO_ANSWERED,
    WADO_GONE,  /* the object is not in the store any more */
    WADO_CANNOT /* it is not what its header says, or of a kind that we do not make: *err */
};
/* Answers with the object as `type`, which the client calls `name`. */
enum wado_outcome wado_send(struct wado *wado, const struct wado_type *type, const char *name,
                            struct yq_err *err);

#endif
