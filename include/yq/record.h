/* record.h: records: exams, reports, lab reports and what goes with them.
 *
 * The tables in data/model/ say which members each kind has; the build turns them into yq_kinds.
 * A value is UTF-8 text in one canonical form per type, whichever door it came through; absent is
 * NULL, never "". Pure: no I/O. A record belongs to one thread. */
#ifndef YQ_RECORD_H
#define YQ_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/err.h"

enum yq_kind {
    YQ_KIND_EXAM,   /* request, registration, examination */
    YQ_KIND_REPORT, /* preliminary, final, corrected, withdrawn; with its signature block */
    YQ_KIND_LAB,    /* a lab report and its results */
    YQ_KIND_LAB_DEVICE,
    YQ_KIND_LAB_QUALITY,
    YQ_KIND_ITEM, /* an item code of the hospital */
    YQ_KIND_CONSENT,
    YQ_KIND_RECOGNITION, /* a decision to recognise another hospital's result, or not to */
    YQ_KIND_VIEWING,
    YQ_KIND_PATIENT, /* what ADT messages tell of a patient */
    YQ_KIND_KEPT,    /* those before have an id and versions; those from here stand within one */
    YQ_KIND_SETTLEMENT = YQ_KIND_KEPT, /* of an exam: SetInfoDTO of the Shanxi document */
    YQ_KIND_LAB_RESULT,                /* of a lab report */
    YQ_KIND_COUNT
};

enum yq_value_type {
    YQ_VALUE_TEXT,     /* without control characters but line breaks */
    YQ_VALUE_INTEGER,  /* -?digits, at most 18 of them, no needless zeroes */
    YQ_VALUE_NUMBER,   /* decimal: -?digits[.digits] */
    YQ_VALUE_DATE,     /* 2026-03-01 */
    YQ_VALUE_DATETIME, /* 2026-03-01 08:15:00, by the clock on the hospital's wall */
    YQ_VALUE_CODE, /* of the member's dictionary, or of the hospital's own while it is not mapped */
    YQ_VALUE_FLAG, /* 0 or 1 */
    YQ_VALUE_UID,  /* DICOM UID */
    YQ_VALUE_LIST  /* records of kind `of` */
};

struct yq_member {       /* a line of data/model/<kind>.csv; static */
    const char *name;    /* camelCase, ASCII; the name in JSON */
    const char *chinese; /* the documents' own word */
    enum yq_value_type type;
    unsigned length;        /* characters at most, of one value; 0: no bound but the node's */
    bool many;              /* several values, joined by line feeds in here, an array in JSON */
    const char *unit;       /* "" for most */
    const char *dictionary; /* "" or its name: data/dictionaries/<name>.csv */
    const char *element;    /* national data element identifier, "" where the documents have none */
    bool personal;          /* masked in logs and listings, may be encrypted at rest */
    bool key;               /* records are found by it */
    const char *note;
    enum yq_kind of; /* of a YQ_VALUE_LIST */
};

struct yq_kind_info {
    const char *name;    /* "exam", "lab-device": also the table's file name */
    const char *plural;  /* "exams": as in /api/v1/exams; "" for kinds within others */
    const char *chinese; /* 检查 */
    const struct yq_member *members;
    size_t count;                  /* kept kinds: members[0] is the id */
    const unsigned short *by_name; /* places in `members`, sorted by name */
};
extern const struct yq_kind_info yq_kinds[YQ_KIND_COUNT];

#define YQ_RECORD_ID_MOST 128           /* bytes of an id */
#define YQ_RECORD_VALUE_MOST (1u << 20) /* bytes of one value */
#define YQ_RECORD_ITEMS_MOST 2000       /* records in one list */

/* By name or plural; YQ_KIND_COUNT: there is none. */
enum yq_kind yq_kind_by_name(const char *name);
/* Its place among the kind's members; -1: it has none of this name. */
int yq_member_find(enum yq_kind kind, const char *name);
const char *yq_value_type_name(enum yq_value_type type); /* "text", "datetime", ... */

struct yq_record_list {
    struct yq_record **items; /* owned */
    size_t count, room;
};
struct yq_record {
    enum yq_kind kind;
    char **values;                /* by member, owned; NULL: absent */
    struct yq_record_list *lists; /* by member; empty but for YQ_VALUE_LIST */
};

struct yq_record *yq_record_new(enum yq_kind kind); /* NULL without memory */
void yq_record_free(struct yq_record *record);
static inline void yq_record_cleanup(struct yq_record **record) { yq_record_free(*record); }
struct yq_record *yq_record_copy(const struct yq_record *record); /* NULL without memory */

/* The value; NULL: absent. A name that the kind does not have is our bug and aborts. */
const char *yq_record_get(const struct yq_record *record, const char *name);
const char *yq_record_id(const struct yq_record *record);
/* The n-th value of a `many` member, copied into `out`; false: there are fewer. */
bool yq_record_nth(const struct yq_record *record, const char *name, size_t n, char *out,
                   size_t size);
/* Puts a value into canonical form and sets it; text NULL or "" (or blanks only) takes it away.
 * Accepts what senders write: dates as 20260301, 2026-3-1, 2026/3/1 and 2026年3月1日, times with T
 * or a blank, without seconds, with a fraction (dropped) or zone (turned to local time); true/false
 * for flags; commas between several UIDs and accession numbers. YQ_BAD_INPUT (names the member and
 * why, never the value), YQ_FULL (no memory, too long). */
yq_must_check bool yq_record_set(struct yq_record *record, int member, const char *text,
                                 struct yq_err *err);
yq_must_check bool yq_record_put(struct yq_record *record, const char *name, const char *text,
                                 struct yq_err *err); /* the same by name, which must be known */
/* One more value of a `many` member; one that is there already is not added again. */
yq_must_check bool yq_record_append(struct yq_record *record, const char *name, const char *text,
                                    struct yq_err *err);
/* `take`, a record of the list's kind, at its end. */
yq_must_check bool yq_record_add(struct yq_record *record, int member, struct yq_record *take,
                                 struct yq_err *err);
bool yq_record_equal(const struct yq_record *a, const struct yq_record *b);
/* Of one member: its value or list. */
bool yq_record_equal_member(const struct yq_record *a, const struct yq_record *b, int member);
/* What `over` has comes over what `record` has; lists as a whole. */
yq_must_check bool yq_record_overlay(struct yq_record *record, const struct yq_record *over,
                                     struct yq_err *err);

/* A personal value as listings show it: 张*, 13********78, 1980-**-**; never empty. Appended.
 * Any text is taken; what is not known to be harmless is hidden. */
struct yq_buf;
void yq_record_mask(const struct yq_member *member, const char *value, struct yq_buf *out);

#endif
