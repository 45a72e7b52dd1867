/* delivered.h: what platforms have of an exam, for people: the words that `queue show` and
 * `delivered` share. */
#ifndef YQ_NODE_DELIVERED_H
#define YQ_NODE_DELIVERED_H

#include "home.h"
#include "output.h"
#include "yq/consignment.h"

#define DELIVERED_SUBJECT_SIZE (YQ_RECORD_ID_MOST + 1)

/* The id of the exam (or report) that a job of kind YQ_JOB_REPORT is about. */
void delivered_subject(struct yq_home *home, const struct yq_job *job,
                       char subject[DELIVERED_SUBJECT_SIZE]);
/* Message by message: what went when, and what holds it. An array. */
struct yq_json *delivered_pieces_json(struct yq_home *home, const struct yq_job *job);
void delivered_pieces_print(struct yq_home *home, const struct yq_job *job);

#endif
