/* hl7.h: what the files of the walk "HL7 message in" share. Private to walk/. */
#ifndef YQ_WALK_HL7_H
#define YQ_WALK_HL7_H

#include "yq/intake.h"

#define HL7_GROUPS_MOST 500

enum hl7_kind_of { /* of a message, by MSH-9 */
                   HL7_UNKNOWN_TYPE,
                   HL7_UNKNOWN_EVENT,
                   HL7_ORDER,   /* ORM^O01, OMG^O19, OMI^O23 */
                   HL7_RESULT,  /* ORU^R01 */
                   HL7_PATIENT, /* ADT^A01, A04, A08, ... */
                   HL7_MERGE,   /* ADT^A40 */
                   HL7_NOTHING  /* known, and nothing in it for us */
};
enum hl7_kind_of hl7_kind(const struct yq_hl7_head *head);

enum hl7_role {
    HL7_ROLE_ORDER, /* an exam, ordered, changed or cancelled */
    HL7_ROLE_REPORT,
    HL7_ROLE_EXAMINED, /* what a report's message tells of its exam; only where the exam is there */
    HL7_ROLE_LAB,
    HL7_ROLE_PATIENT
};
struct hl7_draft {
    enum hl7_role role;
    struct yq_record *record; /* owned */
    bool *deleted;            /* by member; owned */
};
struct hl7_drafts {
    struct hl7_draft *list;
    size_t count, room;
    char from[YQ_RECORD_ID_MOST + 1], into[YQ_RECORD_ID_MOST + 1]; /* of a merge */
    const char *nothing; /* why there are none, where that is no fault; static */
};
void hl7_drafts_fini(struct hl7_drafts *drafts);
/* Says what is wrong with the message; returns false. */
bool hl7_fault(struct yq_intake *intake, enum yq_code code, unsigned condition,
               const char *location, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* hl7_draft.c: the records that a message makes by its source's mapping. `keep`: PDFs are kept,
 * else only named. False: intake->fault. */
bool hl7_draft(struct yq_intake *intake, bool keep, struct hl7_drafts *out);

struct hl7_view { /* what a mapping sees: one group of a message, or one result in it */
    struct yq_intake *intake;
    struct yq_hl7_range ranges[5];
    size_t range_count;
    struct yq_hl7_range group; /* for what is found in all of it */
    enum hl7_role role;
    const char *pdf;       /* name of the kept PDF; NULL: none */
    bool deleted;          /* set: a value was the two quotes that delete */
    struct hl7_said *said; /* the group's text, once it was asked for */
};
void hl7_view_fini(struct hl7_view *view);
/* hl7_text.c: the names that are no paths. False: no value; *known: it is such a name. */
bool hl7_view_special(struct hl7_view *view, const char *name, struct yq_buf *out, bool *known);

/* hl7_file.c: drafts against what is there: which exam is meant, what is older than what, what is
 * deleted; then in with them. *ignored: why nothing was taken ("" something was). */
bool hl7_file(struct yq_intake *intake, struct hl7_drafts *drafts, char *ignored, size_t size);

#endif
