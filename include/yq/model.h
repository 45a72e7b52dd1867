/* model.h: the nouns that every room speaks of. Pure values: no I/O, nothing owned unless said so.
 */
#ifndef YQ_MODEL_H
#define YQ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/attr.h"
#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/uid.h"

#define YQ_AET_SIZE 17 /* 16 characters and the 0 */

/* 1 to 16 printable ASCII characters, no backslash, not blanks only (PS3.5 6.2, VR AE). */
bool yq_aet_valid(const char *aet);

struct yq_key { /* which instance; each part is a valid UID */
    char study[YQ_UID_SIZE], series[YQ_UID_SIZE], instance[YQ_UID_SIZE];
};

struct yq_object {      /* one stored file */
    uint64_t size;      /* bytes, the whole Part 10 file */
    uint8_t digest[32]; /* of the whole file (seal.h) */
};

/* What a peer may do. */
enum yq_right { YQ_MAY_STORE = 1, YQ_MAY_QUERY = 2, YQ_MAY_RETRIEVE = 4 };

#define YQ_PEER_SYNTAXES 8

struct yq_peer_tls {                 /* how a peer is called, and must call, over TLS; "": none */
    bool on, unverified;             /* unverified: its certificate is not looked at when we call */
    char wanted[256];                /* whose certificate it must be: a fingerprint or a name */
    char ca[256];                    /* whom we trust for it */
    char certificate[256], key[256]; /* our own */
    int profile;                     /* as dicom.tls_profile */
};

/* Which studies a peer may see: those of which a series fits both lists. Patterns with * and ?,
 * joined by backslashes; "": no limit. */
struct yq_sight {
    char modalities[144];
    char institutions[512];
};

/* A part of the day by the clock on the wall, in minutes since midnight: [from, to); from after to:
 * over midnight. */
#define YQ_WINDOWS_MOST 8
struct yq_windows {
    struct {
        unsigned from, to;
    } window[YQ_WINDOWS_MOST];
    size_t count; /* 0: the whole day */
};
/* How many minutes after `minute` it is open again: 0, when it is open. */
unsigned yq_windows_closed(const struct yq_windows *windows, unsigned minute);

struct yq_forwarding {      /* how the couriers go to a peer; 0: as the node's settings say */
    unsigned kb_per_second; /* 0: as fast as it goes */
    struct yq_windows windows;
    unsigned retry_seconds, retry_most_seconds, alert_minutes;
    unsigned associations; /* at the same time; 0: one */
};

struct yq_peer { /* a line of dicom-conf/peers.json; lives as long as its configuration */
    char aet[YQ_AET_SIZE];
    char host[256];  /* name, IPv4/IPv6 address, or CIDR */
    unsigned port;   /* 0: cannot be called, so no move destination */
    unsigned rights; /* yq_right bits */
    char syntaxes[YQ_PEER_SYNTAXES]
                 [YQ_UID_SIZE]; /* preferred transfer syntaxes when we send, best first */
    size_t syntax_count;
    char
        charset[64]; /* Specific Character Set of answers when the query names none; "": as asked */
    char assume_charset[64];   /* what to read its values with: yq_text_judge; "": as labelled */
    bool no_records;           /* no records are made of its images */
    unsigned max_associations; /* 0: the node's limit */
    unsigned kb_per_second;    /* all its associations together, each way; 0: no limit */
    struct yq_sight sees;
    char our_user[64], our_passcode[129]; /* who we say we are when we call it; "": nobody */
    char user[64]; /* who it must say it is, and show by a passcode; "*": anybody of users.json */
    struct yq_peer_tls tls;
    struct yq_forwarding forward;
    char note[256];
};

struct yq_batch;
struct yq_studies { /* of which an association has sent; its owner frees uid */
    char (*uid)[YQ_UID_SIZE];
    size_t count, room;
};

struct yq_origin {              /* where an instance comes from */
    const char *door;           /* "dimse", "import", "pull", "demo"; static */
    char aet[YQ_AET_SIZE];      /* calling AE title, "" for files */
    char address[64];           /* numeric, "" for files */
    const struct yq_peer *peer; /* NULL: none configured */
    bool tls;                   /* it came over TLS */
    bool asked;             /* this node fetched it, which needs no right of the peer to store */
    char user[64];          /* who showed who he is: a user, the name of a token; "": nobody */
    struct yq_batch *batch; /* collects what the audit trail is told (audit.h); NULL: nothing */
    struct yq_studies
        *sending; /* gets those whose completeness its end tells of; NULL: nobody asks */
};

/* What the catalog wants to know of an instance, read once from its header. Values are UTF-8,
 * without padding; several values are joined by a backslash as in DICOM; NULL: absent. Pointers go
 * into `text`. */
struct yq_header {
    struct yq_key key;
    char sop_class[YQ_UID_SIZE];
    char transfer_syntax[YQ_UID_SIZE];
    char charset[128];      /* (0008,0005) as sent */
    char charset_read[128]; /* what the values were read with */
    int charset_reading;    /* how that was found: an enum yq_read_as (text.h) */
    bool charset_doubtful;  /* bytes did not fit it: replacement characters were needed */
    const char *values[YQ_ATTR_COUNT]; /* only attributes whose source is YQ_FROM_HEADER */
    struct yq_buf text;                /* owns the values */
};
void yq_header_fini(struct yq_header *header);

/* One matching key of a query: UTF-8; a backslash separates the UIDs of a list; wildcards and
 * ranges as the attribute's VR allows (PS3.4 C.2.2.2). */
struct yq_match {
    enum yq_attr attr;
    char *value; /* owned by the query */
    bool exact;  /* literal: wildcards and ranges are ordinary characters */
};

enum yq_order {
    YQ_ORDER_NONE,
    YQ_ORDER_NEWEST_FIRST,
    YQ_ORDER_ARRIVAL, /* studies, series or instances as they came first: what comes is at the end
                       */
    YQ_ORDER_SERIES   /* instances: by series and instance number */
};

struct yq_query {
    enum yq_qr_level level;
    struct yq_match *matches;
    size_t match_count, match_room;
    bool wanted[YQ_ATTR_COUNT]; /* which values rows must carry; others may be NULL */
    bool pinyin;                /* patients' names also match by their sound (yq_text_pinyin) */
    bool combined_datetime; /* date and time ranges of one pair are one range (PS3.4 C.2.2.2.5) */
    const struct yq_sight *sight; /* studies out of it are as if they were not there; NULL: all */
    enum yq_order order;
    uint64_t limit;  /* rows; 0: all */
    uint64_t offset; /* rows to pass over */
};
void yq_query_fini(struct yq_query *query);
/* Adds a matching key; value is copied. An empty value (universal matching) adds nothing. YQ_FULL
 * without memory. */
yq_must_check bool yq_query_add(struct yq_query *query, enum yq_attr attr, const char *value,
                                bool exact, struct yq_err *err);

/* What to do with other content under a SOP Instance UID that is there already (conf
 * "store.duplicates"). */
enum yq_duplicates { YQ_KEEP_FIRST, YQ_REPLACE, YQ_KEEP_BOTH };

enum yq_stored { /* what became of an instance that came in */
                 YQ_STORED_NEW,
                 YQ_STORED_ALREADY,  /* identical; nothing was written */
                 YQ_STORED_REPLACED, /* the earlier content went to the trash */
                 YQ_STORED_BESIDE,   /* kept beside the first, which stays the one that is served */
};

#endif
