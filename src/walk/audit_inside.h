/* audit_inside.h: what audit.c and batch.c share. Private to walk/. */
#ifndef YQ_WALK_AUDIT_INSIDE_H
#define YQ_WALK_AUDIT_INSIDE_H

#include <stdatomic.h>

#include "yq/audit.h"

struct yq_audit {
    struct yq_trail *trail;
    struct yq_conf_box *conf;
    char person[128]; /* "": the node itself */
    char host[65];
    char process[16]; /* its id, as the log has it */
    atomic_ullong written;
};

enum yq_outcome audit_outcome(const struct yq_err *trouble);
/* *trouble must live as long as the deed. */
struct yq_deed audit_deed(enum yq_deed_event event, char action, const struct yq_err *trouble);
struct yq_actor *audit_actor(struct yq_deed *deed, const char *user, enum yq_role role);
struct yq_actor *audit_us(const struct yq_audit *audit, struct yq_deed *deed, enum yq_role role);
struct yq_actor *audit_other(struct yq_deed *deed, const struct yq_origin *other,
                             enum yq_role role);
void audit_person(const struct yq_audit *audit, struct yq_deed *deed, enum yq_role role);
struct yq_subject *audit_subject(struct yq_deed *deed, enum yq_subject_kind kind, const char *id);
/* Study and patient; returns the study's. */
struct yq_subject *audit_study(struct yq_deed *deed, const struct yq_audit_about *about,
                               const struct yq_class_count *classes, size_t class_count);
/* `now`: on stable storage when this returns. */
void audit_tell(struct yq_audit *audit, struct yq_deed *deed, bool now);

#endif
