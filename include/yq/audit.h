/* audit.h: what the audit trail is told, one call per event (walk/audit.c). PS3.15 A.5.3.
 *
 * Every call takes a NULL audit (or batch) and then does nothing: nobody has to ask whether a trail
 * is kept. None fails: what could not be written is logged once and makes the trail unwell
 * (yq_audit_ready). Any thread. Texts that come along are free of personal data, as in the log. */
#ifndef YQ_AUDIT_H
#define YQ_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/catalog.h"
#include "yq/conf.h"
#include "yq/deed.h"
#include "yq/err.h"
#include "yq/model.h"
#include "yq/trail.h"

struct yq_house;

struct yq_audit;
/* `person` is who runs this command ("login@host"), "" for the node itself. Trail and configuration
 * are borrowed. NULL without memory. */
struct yq_audit *yq_audit_new(struct yq_trail *trail, struct yq_conf_box *conf, const char *person);
void yq_audit_free(struct yq_audit *audit);
struct yq_trail *yq_audit_trail(struct yq_audit *audit); /* NULL: none */

/* Who runs this command; "": nobody does, or no trail is kept. */
const char *yq_audit_person(const struct yq_audit *audit);

/* Messages since the start. */
unsigned long long yq_audit_written(struct yq_audit *audit);

/* False when audit.required is set and the trail cannot be written: then nothing is done that would
 * have to be told. */
bool yq_audit_ready(struct yq_audit *audit, struct yq_err *err);

/* ---- the node ---- */

void yq_audit_activity(struct yq_audit *audit, bool starts);
/* peers.json, node.json, ...: `what` is a sentence about the change, without secrets. */
void yq_audit_configured(struct yq_audit *audit, enum yq_deed_type type, const char *file,
                         const char *what);
/* reindex and its like: what only an administrator does. *trouble: it failed; NULL: it did not. */
void yq_audit_administered(struct yq_audit *audit, const char *what, const struct yq_err *trouble);
/* Somebody read the trail; `what`: the question. */
void yq_audit_read(struct yq_audit *audit, const char *what);

/* ---- who knocks ---- */

/* An association or a request that was not let in, whatever the reason. */
void yq_audit_refused(struct yq_audit *audit, const struct yq_origin *from, const char *why);
/* A peer that was let in asked for what it may not have. */
void yq_audit_forbidden(struct yq_audit *audit, const struct yq_origin *from, const char *why);
/* A user (from->user) showed who he is. *trouble: he could not; NULL: he could. */
void yq_audit_login(struct yq_audit *audit, const struct yq_origin *from,
                    const struct yq_err *trouble);

/* ---- questions ---- */

/* C-FIND at this node, with its identifier as it came. */
void yq_audit_query(struct yq_audit *audit, const struct yq_origin *from, const char *sop_class,
                    const char *transfer_syntax, const void *identifier, size_t length,
                    const struct yq_err *trouble);
/* The same by HTTP: `url` with its parameters. */
void yq_audit_query_url(struct yq_audit *audit, const struct yq_origin *from, const char *url,
                        const struct yq_err *trouble);
/* We ask a peer. */
void yq_audit_query_peer(struct yq_audit *audit, const struct yq_peer *peer,
                         const struct yq_query *query, const struct yq_err *trouble);

/* ---- one study ---- */

struct yq_audit_about { /* what a message says of a study, besides its UID */
    char study[YQ_UID_SIZE];
    char patient_id[130], patient_name[390], accession[66];
};
/* From the catalog; what it does not know stays "". */
void yq_audit_look(struct yq_house *house, const char *study, struct yq_audit_about *about);
/* `action`: R (read, by HTTP), U (a value was changed), D (a part was deleted). `from` NULL: the
 * person of this command. `what`: for U the attribute, without its values; may be "". */
void yq_audit_accessed(struct yq_audit *audit, const struct yq_origin *from, char action,
                       const struct yq_audit_about *about, const char *sop_class,
                       const char *instance, const char *what, const struct yq_err *trouble);
/* A whole study, of `count` instances. */
void yq_audit_deleted(struct yq_audit *audit, const struct yq_audit_about *about, size_t count,
                      const struct yq_err *trouble);

/* ---- records ---- */

struct yq_record;
/* A record of a patient (exam, report, lab, ...; others are none) was made (C), read (R), changed
 * (U) or removed (D). `record`: of which patient and studies it is; at least its id. `version` 0:
 * not known. `what`: "hl7:ris", names of members; without values, may be "". `from` NULL: the
 * person of this command. */
void yq_audit_record(struct yq_audit *audit, const struct yq_origin *from, char action,
                     const struct yq_record *record, int64_t version, const char *what,
                     const struct yq_err *trouble);

/* ---- transfers: one message per study and outcome, however many instances ---- */

struct yq_batch;
enum yq_way {
    YQ_WAY_IN,     /* they send to us */
    YQ_WAY_BACK,   /* they fetch from us by C-GET */
    YQ_WAY_OUT,    /* we send to a peer */
    YQ_WAY_PULL,   /* we fetch from a peer */
    YQ_WAY_IMPORT, /* from files: other->aet is "", `medium` says where from */
};
/* `other`: the other side; copied. `asker`: who wanted it, when it is neither of the two (the one
 * who asked for a C-MOVE), else NULL. `medium`: of an import, else "". NULL when there is nobody to
 * tell, or no memory. */
struct yq_batch *yq_batch_begin(struct yq_house *house, enum yq_way way,
                                const struct yq_origin *other, const struct yq_origin *asker,
                                const char *medium);
/* An instance came in, or did not; several threads may tell. header: what is known of it, its key
 * may be "" when nothing is. */
void yq_batch_in(struct yq_batch *batch, const struct yq_header *header, const char *sop_class,
                 const char *sop_instance, enum yq_stored stored, const struct yq_err *trouble);
/* An instance went out, or did not. */
void yq_batch_out(struct yq_batch *batch, const struct yq_entry *entry,
                  const struct yq_err *trouble);
/* Writes what has come together and frees it. *trouble: the association broke; NULL: it did not. */
void yq_batch_end(struct yq_batch *batch, const struct yq_err *trouble);

#endif
