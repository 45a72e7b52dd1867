/* outbox.h: what add.c and keep.c do to the outbox within their own transactions. */
#ifndef YQ_CATALOG_OUTBOX_H
#define YQ_CATALOG_OUTBOX_H

#include "inside.h"
#include "yq/outbox.h"

#define JOB_COLUMNS                                                                                \
    "id, kind, state, destination, rule, study, syntax, priority, gathers, tries, next_ms, "       \
    "created_ms, changed_ms, queued_ms, n_pending, n_sent, n_refused, n_dropped, reason, "         \
    "wakes"

/* Takes the job of a lane that is due, if there is one. */
bool outbox_claim(struct connection *writer, const struct yq_lane *lane, int64_t now_ms,
                  struct yq_job *out, bool *there, struct yq_err *err);
/* What a courier says of the lane; and adds to what it has counted (its row comes into being with
 * the first count). */
bool outbox_settle_lane(struct connection *writer, const struct yq_job *job,
                        const struct yq_settlement *how, struct yq_err *err);
bool outbox_count(struct connection *writer, const struct yq_job *job, int64_t sent, int64_t failed,
                  int64_t retries, struct yq_err *err);
/* Is the job still its courier's? */
bool outbox_going_on(struct connection *writer, int64_t job, bool *going_on, struct yq_err *err);

void job_read(sqlite3_stmt *row, struct yq_job *job);
/* The lane's own row; as it would be when there is none yet. */
bool lane_read(struct connection *connection, struct yq_lane *lane, struct yq_err *err);

/* The first lane behind this one, by kind and destination, of those that the statement is about. */
bool lane_next(struct connection *reader, enum statement which, struct yq_lane *lane, bool *there,
               struct yq_err *err);

/* One number about a lane, by its priority or state; *value stays when there is none. */
bool lane_ask(struct connection *reader, enum statement which, const struct yq_lane *lane,
              int number, int64_t *value, struct yq_err *err);

/* An instance that has just become a row is put into the outbox. */
bool outbox_put(struct connection *writer, const struct yq_dispatch *order,
                const struct yq_key *key, int64_t now_ms, struct yq_err *err);
/* Instances that have just been removed are not sent any more: what waits of them is dropped. */
bool outbox_forget(struct connection *writer, const struct yq_entry *gone, size_t count,
                   struct yq_err *err);

#endif
