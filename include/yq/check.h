/* check.h: what is wrong with a record, and what a province would refuse of it.
 *
 * Pure. A finding tells the member, what is wrong and how to mend it, in Chinese and English, and
 * never the value. */
#ifndef YQ_CHECK_H
#define YQ_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/record.h"

struct yq_finding {
    char member[64]; /* with its place in a list: "results[3].value"; or the province's field */
    char
        what[32]; /* for programs: "missing", "too-long", "not-in-dictionary", "check-digit", ... */
    bool serious; /* a province would refuse the record; else it is only odd */
    bool held;    /* and what is made of it is held back for that (fields.h) */
    char chinese[240], english[240];
};
struct yq_findings {         /* zeroed when empty */
    struct yq_finding *list; /* owned */
    size_t count, room;
    bool failed; /* out of memory: some are missing */
};
void yq_findings_fini(struct yq_findings *findings);
struct yq_finding *yq_findings_add(struct yq_findings *findings); /* zeroed; NULL: failed is set */

/* The rules that hold everywhere: lengths, dictionaries (codes that `is_mapped` knows pass, it may
 * be NULL), id card (GB 11643: check digit, birth date and sex in it against the record's), USCC
 * (GB 32100), phone, UIDs, times in their order. */
bool yq_is_id_card(const char *text); /* 18 characters, check digit right (an X may be small) */
bool yq_is_uscc(const char *text);    /* 18 characters, check digit right */
typedef bool yq_is_mapped(void *context, const char *dictionary, const char *code);
void yq_check_record(const struct yq_record *record, yq_is_mapped *is_mapped, void *context,
                     struct yq_findings *findings);

/* ---- field tables of the provinces: data/platforms/<platform>/<interface>.csv ---- */

struct yq_field {
    const char *name, *chinese, *type;
    unsigned length;
    bool bytes; /* the length counts bytes of GBK (GB 18030), as the document's database does */
    bool about; /* the document's own samples are longer: what exceeds it is only odd */
    const char *required; /* "yes", "if present", "no" */
    const char *when;     /* "", or kind.member=VALUE VALUE..: required only then; "never": the
                             document itself says what happens without it */
    const char *between;  /* what stands between several values: "," but where a document differs */
    const char *dictionary; /* "" or a name of dictionary.h */
    const char *source; /* kind.member of the canonical model, or an expression (expr.h); "" none */
    const char *note;
};
struct yq_interface {
    const char *platform, *name, *chinese; /* "shanxi", "exam-sync" */
    const char *clause;                    /* where the document has it */
    enum yq_kind kind; /* of the record it is made of, or becomes; YQ_KIND_COUNT: of none */
    bool inward;       /* the node gets it; else it sends or offers it */
    bool collected;    /* how the province collects records: what `yingqiao validate` looks at */
    const struct yq_field *fields;
    size_t count; /* 0: the document has no field table */
};
extern const struct yq_interface yq_interfaces[]; /* by platform, in the documents' order */
extern const size_t yq_interface_count;

const struct yq_interface *yq_interface_find(const char *platform, const char *name); /* or NULL */

/* Does its platform collect records of this kind, or what stands within them, by it? */
bool yq_interface_collects(const struct yq_interface *interface, enum yq_kind kind);

/* What this interface would refuse of the record. */
void yq_check_interface(const struct yq_interface *interface, const struct yq_record *record,
                        struct yq_findings *findings);
/* The same of a record with those that belong to it: a report with its exam. A field whose sources
 * are all of kinds that are not among them is passed over: nobody can tell. */
void yq_check_interface_among(const struct yq_interface *interface,
                              const struct yq_record *const *records, size_t count,
                              struct yq_findings *findings);
/* A field's value as it would be sent, appended: several with `between` between. False: none. */
bool yq_field_value(const struct yq_field *field, const struct yq_record *const *records,
                    size_t count, struct yq_buf *out);

#endif
