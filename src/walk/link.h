/* link.h: exams, reports and studies as linking sees them. Private to walk/. */
#ifndef YQ_WALK_LINK_H
#define YQ_WALK_LINK_H

#include "yq/registry.h"

#define LINK_SHARED_MOST 20 /* a number that more than so many carry tells nothing */

struct link_study { /* a study, or what the catalog knows of it */
    char uid[YQ_UID_SIZE];
    char patient_id[130], birth_date[12], sex[4], accession[66], modalities[80];
    int64_t when; /* seconds, by the clock on the wall; 0: not known */
};
struct link_record { /* an exam or report with its row; ended with link_record_fini */
    int64_t row;
    struct yq_record *record; /* NULL: removed */
    char id[YQ_RECORD_ID_MOST + 1];
};
void link_record_fini(struct link_record *record);

/* Studies in which an attribute has this value; at most `room` of them, *count may be that. */
yq_must_check bool link_find_studies(struct yq_house *house, enum yq_attr attr, const char *value,
                                     struct link_study *studies, size_t room, size_t *count,
                                     struct yq_err *err);
/* Records of a kind that have this value as a key. Where more than `room` have it: the newest of
 * them when a `part` is wanted, else none. The caller ends each. */
yq_must_check bool link_find_records(struct yq_house *house, enum yq_kind kind, const char *member,
                                     const char *value, bool part, struct link_record *records,
                                     size_t room, size_t *count, struct yq_err *err);
yq_must_check bool link_load(struct yq_house *house, int64_t row, struct link_record *out,
                             struct yq_err *err);

/* What joins two: how, and whether that is sure. False: nothing. *apart: seconds between them where
 * it is a guess. */
bool link_judge_study(const struct yq_record *record, const struct link_study *study,
                      enum yq_link_how *how, enum yq_tie_state *state, int64_t *apart);
bool link_judge_records(const struct yq_record *exam, const struct yq_record *report,
                        enum yq_link_how *how, enum yq_tie_state *state, int64_t *apart);
/* Seconds of a date and a time of day by the clock on the wall, by their digits; 0: no date. */
int64_t link_seconds(const char *date, const char *time);
/* When an exam or report took place, as well as it says; 0: it does not. *within: how far from that
 * what belongs to it may be, seconds. */
int64_t link_when(const struct yq_record *record, int64_t *within);

#endif
