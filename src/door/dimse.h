/* dimse.h: what the files of the DICOM door share. Private to door/. */
#ifndef YQ_DOOR_DIMSE_H
#define YQ_DOOR_DIMSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "yq/assoc.h"
#include "yq/door.h"
#include "yq/walk.h"

struct visit { /* one association, from its request to its end; belongs to its thread */
    struct yq_dimse *door;
    struct yq_house *house;
    const struct yq_conf *conf; /* held for the visit: a reload affects the next association */
    struct yq_assoc *assoc;
    struct yq_origin origin;
    struct yq_studies sending; /* see yq_origin */
    bool combined_datetime;    /* negotiated */
    bool fuzzy_names;          /* negotiated: by pinyin too */
    unsigned stored, refused, finds, moves, gets, echoes;
    unsigned reported;           /* message id of a commitment report over this association */
    int64_t reported_commitment; /* its row; 0: none waits for an answer */
    struct visit *next, **link;  /* in the door's list, under its lock */
    bool busy;                   /* within a message; under the door's lock */
    int fd;
    struct yq_channel channel;      /* over fd; plain when it has no ways */
    struct yq_tls_peer certificate; /* of the caller; no fingerprint: it showed none */
    struct yq_buf first;            /* the A-ASSOCIATE-RQ */
};

struct yq_dimse {
    struct yq_house *house;
    int listener, tls_listener; /* -1: none */
    int wake;                   /* eventfd, readable when stopping */
    pthread_t listening, courier;
    bool courier_runs;
    pthread_mutex_t lock; /* guards visits, open, stopping */
    pthread_cond_t changed;
    struct visit *visits;
    unsigned open;
    bool stopping;
};

/* dimse.c */
/* Makes the association known to the door. False: the door stops. */
bool dimse_greet(struct visit *visit, struct yq_assoc *assoc);
/* Whether the visit is within a message or waits for one. False: the door stops. */
bool dimse_busy(struct visit *visit, bool busy);
unsigned dimse_visits_of(struct yq_dimse *door, const char *aet);
/* Waits until `ms` have passed or the door stops; false when it stops. */
bool dimse_wait(struct yq_dimse *door, int ms);
/* Wakes whoever waits in dimse_wait. */
void dimse_nudge(struct yq_dimse *door);

/* dimse_serve.c: negotiation, then message after message, until the association ends. */
void dimse_serve(struct visit *visit);
/* Answers `request` with a status and no dataset. False: the association is lost. */
yq_must_check bool dimse_answer(struct visit *visit, const struct yq_message *request,
                                unsigned status, const char *comment, struct yq_err *err);
/* What its queries are limited to; NULL: it may see all. */
const struct yq_sight *dimse_sight(const struct visit *visit);
yq_must_check bool dimse_may(const struct visit *visit, enum yq_right right, struct yq_err *err);

/* dimse_find.c, dimse_retrieve.c: one request each. False: the association is lost. */
yq_must_check bool dimse_find(struct visit *visit, const struct yq_message *request,
                              struct yq_err *err);
yq_must_check bool dimse_move(struct visit *visit, const struct yq_message *request,
                              struct yq_err *err);
yq_must_check bool dimse_get(struct visit *visit, const struct yq_message *request,
                             struct yq_err *err);

/* commitment.c: storage commitment (PS3.4 annex J). */
yq_must_check bool commitment_request(struct visit *visit, const struct yq_message *request,
                                      struct yq_err *err);
void commitment_answered(struct visit *visit, const struct yq_message *answer);
void *commitment_courier(void *door);

#endif
