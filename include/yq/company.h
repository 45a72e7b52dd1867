/* company.h: a record with those that belong to it, as a province is to see them: the report with
 * its exam, both with their patient; local codes replaced by national ones as far as the hospital's
 * table has them; changed when it came, where nobody says so. What interfaces are checked against,
 * and what they will be composed of. */
#ifndef YQ_COMPANY_H
#define YQ_COMPANY_H

#include "yq/check.h"
#include "yq/ledger.h"
#include "yq/walk.h"

#define YQ_COMPANY_MOST 4
struct yq_company {                             /* ended with yq_company_fini */
    struct yq_record *records[YQ_COMPANY_MOST]; /* owned; [0] is the one that was asked for */
    size_t count;
};
void yq_company_fini(struct yq_company *company);

/* YQ_ABSENT: there is no such record (or it was removed). What belongs to it may be missing. */
yq_must_check bool yq_company_open(struct yq_house *house, enum yq_kind kind, const char *id,
                                   struct yq_company *out, struct yq_err *err);
/* The same of a record that may be removed: then what it said last. */
yq_must_check bool yq_company_last(struct yq_house *house, enum yq_kind kind, const char *id,
                                   struct yq_company *out, bool *removed, struct yq_err *err);
/* The same for a record that is at hand: `take`, as yq_record_open gave it. */
yq_must_check bool yq_company_of(struct yq_house *house, struct yq_record *take,
                                 const struct yq_ledger_entry *entry, struct yq_company *out,
                                 struct yq_err *err);
/* Coded members: the national code of a local one. Items: the national item of the hospital's code,
 * where the record has none. */
void yq_record_nationalize(struct yq_house *house, const char *source, struct yq_record *record);
/* The general rules (interface NULL), or what this interface would refuse of the company. */
void yq_company_check(const struct yq_company *company, const struct yq_interface *interface,
                      struct yq_findings *findings);
/* By all interfaces of a platform that collect such records. False: it has none. */
bool yq_company_check_platform(const struct yq_company *company, const char *platform,
                               struct yq_findings *findings);

#endif
