/* deed.h: who did what to what, as a value, and its text in the audit trail: an audit message of
 * PS3.15 A.5 behind a syslog header of RFC 5424, one line per deed. Text only; trail.h keeps it.
 *
 * Strings are borrowed, UTF-8; "" or NULL: not known. What XML cannot carry (control characters,
 * bytes that are no UTF-8) becomes U+FFFD. */
#ifndef YQ_DEED_H
#define YQ_DEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"

/* X(name, code of the DICOM Controlled Terminology, meaning): PS3.16 CID 400, 401, 402 */
#define YQ_DEEDS(X)                                                                                \
    X(ACTIVITY, "110100", "Application Activity")                                                  \
    X(LOG_USED, "110101", "Audit Log Used")                                                        \
    X(BEGUN, "110102", "Begin Transferring DICOM Instances")                                       \
    X(ACCESSED, "110103", "DICOM Instances Accessed")                                              \
    X(TRANSFERRED, "110104", "DICOM Instances Transferred")                                        \
    X(DELETED, "110105", "DICOM Study Deleted")                                                    \
    X(EXPORT, "110106", "Export")                                                                  \
    X(IMPORT, "110107", "Import")                                                                  \
    X(PATIENT, "110110", "Patient Record")                                                         \
    X(PROCEDURE, "110111", "Procedure Record")                                                     \
    X(QUERY, "110112", "Query")                                                                    \
    X(ALERT, "110113", "Security Alert")                                                           \
    X(LOGIN, "110114", "User Authentication")
#define YQ_DEED_TYPES(X)                                                                           \
    X(NONE, "", "")                                                                                \
    X(START, "110120", "Application Start")                                                        \
    X(STOP, "110121", "Application Stop")                                                          \
    X(LOGIN, "110122", "Login")                                                                    \
    X(NODE, "110126", "Node Authentication")                                                       \
    X(NETWORK, "110128", "Network Configuration")                                                  \
    X(SECURITY, "110129", "Security Configuration")                                                \
    X(SOFTWARE, "110131", "Software Configuration")                                                \
    X(RESTRICTED, "110132", "Use of Restricted Function")
#define YQ_ROLES(X)                                                                                \
    X(NONE, "", "")                                                                                \
    X(APPLICATION, "110150", "Application")                                                        \
    X(LAUNCHER, "110151", "Application Launcher")                                                  \
    X(DESTINATION, "110152", "Destination Role ID")                                                \
    X(SOURCE, "110153", "Source Role ID")                                                          \
    X(DESTINATION_MEDIA, "110154", "Destination Media")                                            \
    X(SOURCE_MEDIA, "110155", "Source Media")

#define YQ_DEED_NAME(name, code, meaning) YQ_DEED_##name,
enum yq_deed_event { YQ_DEEDS(YQ_DEED_NAME) YQ_DEED_COUNT };
#undef YQ_DEED_NAME
#define YQ_DEED_NAME(name, code, meaning) YQ_DEED_TYPE_##name,
enum yq_deed_type { YQ_DEED_TYPES(YQ_DEED_NAME) YQ_DEED_TYPE_COUNT };
#undef YQ_DEED_NAME
#define YQ_DEED_NAME(name, code, meaning) YQ_ROLE_##name,
enum yq_role { YQ_ROLES(YQ_DEED_NAME) YQ_ROLE_COUNT };
#undef YQ_DEED_NAME

/* EventOutcomeIndicator */
enum yq_outcome { YQ_WENT_WELL = 0, YQ_FAILED_MINOR = 4, YQ_FAILED_SERIOUS = 8 };

struct yq_actor {        /* ActiveParticipant */
    const char *user;    /* AE title, login@host, name of a token, process id, URI of a medium */
    const char *aet;     /* its AE title where it is a DICOM application */
    const char *name;    /* for people */
    const char *address; /* numeric address or host name */
    enum yq_role role;
    bool asked; /* it is the requestor; at most one of a deed is */
};

struct yq_class_count {
    const char *sop_class;
    uint64_t count;
};

enum yq_subject_kind {                   /* what a ParticipantObjectID is */
                       YQ_SUBJECT_STUDY, /* Study Instance UID */
                       YQ_SUBJECT_PATIENT,
                       YQ_SUBJECT_QUERY, /* SOP class that is asked */
                       YQ_SUBJECT_URL,   /* what is asked otherwise: path, or SOP class */
                       YQ_SUBJECT_FILE,  /* URI of a file of the configuration */
                       YQ_SUBJECT_NODE,  /* address or AE title */
                       YQ_SUBJECT_TRAIL, /* URI of the audit trail */
                       YQ_SUBJECT_KINDS
};

struct yq_subject { /* ParticipantObjectIdentification */
    enum yq_subject_kind kind;
    const char *id, *name;
    const void *query; /* QUERY, URL: its bytes, as they came */
    size_t query_length;
    const char *detail_type, *detail; /* one ParticipantObjectDetail */
    const char *accession;            /* STUDY */
    const struct yq_class_count *classes;
    size_t class_count;
    const char *instance; /* STUDY: the SOP instance it is about, when it is about one */
};

enum { YQ_ACTORS_MOST = 4, YQ_SUBJECTS_MOST = 8 };

struct yq_deed {
    enum yq_deed_event event;
    enum yq_deed_type type;
    char action; /* C, R, U, D, E */
    enum yq_outcome outcome;
    const char *why; /* one sentence, where it did not go well; without personal data */
    int64_t at_ms;
    struct yq_actor actors[YQ_ACTORS_MOST];
    size_t actor_count;
    struct yq_subject subjects[YQ_SUBJECTS_MOST];
    size_t subject_count;
};

struct yq_witness {     /* who writes the trail: AuditSourceIdentification, and the syslog header */
    const char *source; /* AE title of the node */
    const char *site;   /* the hospital, or "" */
    const char *host;
    int pid;
};

/* Appends the line of a deed, "\n" included. Severity of its PRI: notice, warning, error. */
void yq_deed_put(const struct yq_deed *deed, const struct yq_witness *witness, struct yq_buf *out);

/* Reads a line back, with or without its "\n". Strings point into `text`, which is overwritten for
 * that; of a subject's classes only the sum is kept, in *counts. text[length] is overwritten too
 * when no "\n" ends it. False: not one of ours, or damaged.
 */
bool yq_deed_read(char *text, size_t length, struct yq_deed *out,
                  uint64_t counts[YQ_SUBJECTS_MOST]);

const char *yq_deed_meaning(enum yq_deed_event event); /* "DICOM Instances Transferred" */
const char *yq_deed_code(enum yq_deed_event event);    /* "110104" */
const char *yq_deed_type_meaning(enum yq_deed_type type);

#endif
