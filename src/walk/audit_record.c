/* audit_record.c: what the audit trail is told of records. PS3.15 A.5.3.14 (Patient Record) and
 * A.5.3.15 (Procedure Record): one patient a message, and so one record. */
#include <inttypes.h>
#include <string.h>

#include "audit_inside.h"
#include "yq/record.h"

enum { STUDIES_MOST = YQ_SUBJECTS_MOST - 1 };

/* "": the kind has no such member, or the record no value. */
static const char *value_of(const struct yq_record *record, const char *name)
{
    int member = yq_member_find(record->kind, name);
    const char *value = member < 0 ? NULL : record->values[member];
    return value ? value : "";
}

/* Of which kind the message is; YQ_DEED_COUNT: the record speaks of no patient. */
static enum yq_deed_event event_of(enum yq_kind kind)
{
    switch (kind) {
    case YQ_KIND_EXAM:
    case YQ_KIND_REPORT:
    case YQ_KIND_RECOGNITION:
    case YQ_KIND_VIEWING: return YQ_DEED_PROCEDURE;
    case YQ_KIND_LAB:
    case YQ_KIND_CONSENT:
    case YQ_KIND_PATIENT: return YQ_DEED_PATIENT;
    default: return YQ_DEED_COUNT;
    }
}

/* Its studies, as many as go in. */
static size_t put_studies(struct yq_deed *deed, const struct yq_record *record,
                          char uids[STUDIES_MOST][YQ_UID_SIZE])
{
    size_t count = 0;
    const char *uid = value_of(record, "studyInstanceUid");
    while (*uid && count < STUDIES_MOST) {
        size_t length = strcspn(uid, "\n");
        if (length < YQ_UID_SIZE) {
            memcpy(uids[count], uid, length);
            uids[count][length] = '\0';
            struct yq_subject *study = audit_subject(deed, YQ_SUBJECT_STUDY, uids[count++]);
            study->accession = value_of(record, "accessionNumber");
        }
        uid += length + (uid[length] == '\n');
    }
    return count;
}

void yq_audit_record(struct yq_audit *audit, const struct yq_origin *from, char action,
                     const struct yq_record *record, int64_t version, const char *what,
                     const struct yq_err *trouble)
{
    char uids[STUDIES_MOST][YQ_UID_SIZE];
    struct yq_buf detail yq_cleanup(yq_buf_fini) = {0};
    enum yq_deed_event event = event_of(record->kind);
    if (!audit || event == YQ_DEED_COUNT)
        return;
    struct yq_deed deed = audit_deed(event, action, trouble);
    if (from)
        audit_other(&deed, from, YQ_ROLE_NONE)->asked = true;
    audit_us(audit, &deed, YQ_ROLE_NONE)->asked = !from && !audit->person[0];
    if (!from)
        audit_person(audit, &deed, YQ_ROLE_NONE);
    if (event == YQ_DEED_PROCEDURE)
        put_studies(&deed, record, uids);
    audit_subject(&deed, YQ_SUBJECT_PATIENT, value_of(record, "patientId"))->name =
        value_of(record, "patientName");
    const char *id = yq_record_id(record);
    yq_buf_putf(&detail, "%s %s", yq_kinds[record->kind].name, id ? id : "");
    if (version)
        yq_buf_putf(&detail, " version %" PRId64, version);
    yq_buf_putf(&detail, "%s%s", *what ? ": " : "", what);
    deed.subjects[0].detail_type = "Record";
    deed.subjects[0].detail = yq_buf_text(&detail);
    audit_tell(audit, &deed, false);
}
