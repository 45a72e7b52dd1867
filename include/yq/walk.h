/* walk.h: the walks: what the node does, in order, whichever door asked. Each is one file in
 * src/walk/ that reads from top to bottom. */
#ifndef YQ_WALK_H
#define YQ_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/assoc.h"
#include "yq/audit.h"
#include "yq/budget.h"
#include "yq/bytes.h"
#include "yq/cache.h"
#include "yq/catalog.h"
#include "yq/conf.h"
#include "yq/dcm.h"
#include "yq/err.h"
#include "yq/image.h"
#include "yq/model.h"
#include "yq/seal.h"
#include "yq/store.h"
#include "yq/sync.h"
#include "yq/tls.h"

struct yq_province;  /* province.h */
struct yq_keychains; /* province.h */

/* What a node is made of; built by node/, lent to every walk. */
struct yq_house {
    struct yq_store *store;
    struct yq_cache *cache;  /* NULL: nothing is kept */
    struct yq_shelf *shelf;  /* images of many frames that were opened; NULL: none is kept */
    struct yq_budget pixels; /* memory for them: whoever decodes or encodes takes his share first */
    struct yq_catalog *catalog;
    struct yq_conf_box *conf;
    struct yq_tls_box *tls;         /* our certificate for those who call; NULL: none */
    struct yq_audit *audit;         /* NULL: no trail is kept */
    struct yq_collector *collector; /* NULL: this is no node that serves */
    const char *secret;             /* file with the secret of the node; NULL: no place for one */
    const char *url_secret;         /* the same for URLs that are given out */
    struct yq_keyring *keyring;     /* for what is personal at rest; NULL: nothing is sealed */
    struct yq_keychains *keychains; /* of the platforms */
    const struct yq_province *const *provinces; /* by yq_province_id; NULL: none is known */
    struct yq_claims ingesting;                 /* by SOP Instance UID */
    struct yq_claims recording;                 /* records, by lanes (walk/record.c) */
    struct yq_bell outbox;   /* rung when something is put into the outbox that may go at once */
    struct yq_bell signing;  /* rung when a report came, or a person began a signing job */
    struct yq_tally sending; /* studies, by the associations that have sent of them */
    int64_t started_ms;
    struct yq_counts { /* since the start; shown by /metrics */
        atomic_ullong associations_accepted, associations_refused, associations_open;
        atomic_ullong stored_new, stored_already, stored_replaced, stored_beside, store_failed,
            stored_bytes;
        atomic_ullong finds, find_rows, moves, gets, sent, send_failed;
        atomic_ullong http_requests, http_errors;
        atomic_ullong conflicts, contradictions;
        atomic_ullong coerced, coerce_left;
        atomic_ullong hl7_connections, hl7_done, hl7_ignored, hl7_failed, hl7_refused, hl7_again;
        atomic_ullong records_new, records_changed, records_same, records_removed, records_refused;
    } counts;
};

/* ---- instance in (ingest.c) ---- */

/* A dataset on its way in. next gives the next piece (borrowed until the next call), *got 0 at
 * the end. */
struct yq_body {
    bool (*next)(void *context, const void **bytes, size_t *got, struct yq_err *err);
    void *context;
    char sop_class[YQ_UID_SIZE]; /* announced; "" when nobody did: then the dataset says */
    char sop_instance[YQ_UID_SIZE];
    char transfer_syntax[YQ_UID_SIZE];
};

struct yq_ingested {
    enum yq_stored stored;
    struct yq_key key;
};

/* Promise: when this returns true the instance is on stable storage under its final name and
 * findable; when it returns false nothing of it is left. Errors: YQ_REFUSED (not allowed),
 * YQ_BAD_INPUT (dataset broken, or not what was announced), YQ_CONFLICT (other content is there and
 * the rule is keep-first), YQ_FULL, YQ_BUSY, YQ_IO, YQ_PEER_GONE, YQ_TIMEOUT. Logs what it did, or
 * why not, once. */
yq_must_check bool yq_ingest(struct yq_house *house, const struct yq_origin *origin,
                             struct yq_body *body, struct yq_ingested *out, struct yq_err *err);
/* The same from a Part 10 file, or one without file meta information (import, demo). */
yq_must_check bool yq_ingest_file(struct yq_house *house, const struct yq_origin *origin,
                                  const char *path, struct yq_ingested *out, struct yq_err *err);
/* The same from a C-STORE-RQ just received, answered with its status. False only when the
 * association is lost. *stored: whether the instance is ours now. */
yq_must_check bool yq_ingest_message(struct yq_house *house, const struct yq_origin *origin,
                                     struct yq_assoc *assoc, const struct yq_message *message,
                                     bool *stored, struct yq_err *err);

/* ---- coercion (coerce.c) ---- */

/* Changes header->values by the rules that fit where it comes from; *out, which owns the new
 * values, says what was changed (count 0: nothing) and must live as long as the header. What a rule
 * could not do is left as it was, logged and counted; with house NULL it is only left. YQ_FULL
 * without memory. */
yq_must_check bool yq_coerce(struct yq_house *house, const struct yq_conf *conf,
                             const struct yq_origin *origin, struct yq_header *header,
                             struct yq_coercions *out, struct yq_err *err);

/* ---- find (find.c) ---- */

/* Turns a C-FIND identifier into a query. The values of its keys are read with what yq_text_judge
 * says of them all, `assume_charset` being the peer's. `asked` gets the
 * elements to answer, in the order of the identifier, also those the node does not know. Queries
 * are always treated as relational: keys of higher levels narrow the answers when they are there,
 * and are not missed when they are not. Errors: YQ_BAD_INPUT (level missing or not of this model, a
 * patient level query by study root, not understood). */
struct yq_asked {
    uint32_t tag, within;
    char vr[3];
};
struct yq_find {
    struct yq_query query;
    struct yq_asked *asked; /* owned */
    size_t asked_count;
    char charset[128]; /* (0008,0005); "" where there is none, or one that its bytes give the lie */
    char read_as[128]; /* what its values were read with */
};
void yq_find_fini(struct yq_find *find);
yq_must_check bool yq_find_parse(const void *identifier, size_t length, const char *transfer_syntax,
                                 bool patient_root, const char *assume_charset, struct yq_find *out,
                                 struct yq_err *err);
/* One answer as a dataset in `transfer_syntax`: the asked elements, Query/Retrieve Level, Retrieve
 * AE Title, Specific Character Set (`charset` where it can hold every value, else `fallback`, which
 * holds all of Unicode). */
yq_must_check bool yq_find_answer(const struct yq_find *find, const char *const *values,
                                  const char *charset, const char *fallback,
                                  const char *retrieve_aet, const char *transfer_syntax,
                                  struct yq_buf *out, struct yq_err *err);

/* ---- instance out (retrieve.c) ---- */

/* Turns a C-MOVE or C-GET identifier into the list of instances: unique keys of the level and
 * above, also lists of UIDs, and AccessionNumber beside StudyInstanceUID as the Hebei document has
 * it (4.2). `sight`: what the asker may see, NULL: all. *out malloc'ed. Nothing found is a list of
 * none, no error. */
yq_must_check bool yq_retrieve_list(struct yq_house *house, const void *identifier, size_t length,
                                    const char *transfer_syntax, bool patient_root,
                                    const struct yq_sight *sight, struct yq_entry **out,
                                    size_t *count, struct yq_err *err);

/* An instance in a form that the receiver takes. */
struct yq_outgoing {
    int fd;                  /* owned */
    uint64_t offset, length; /* of the dataset in it */
    char transfer_syntax[YQ_UID_SIZE];
};
void yq_outgoing_fini(struct yq_outgoing *outgoing);
/* Opens the stored object, with the values that were coerced when it came, as it is when its
 * transfer syntax is among `syntaxes` (none: always), else transcoded, without loss, to the first
 * of them that can be made. YQ_REFUSED: none can. */
yq_must_check bool yq_retrieve_open(struct yq_house *house, const struct yq_entry *entry,
                                    const char *const *syntaxes, size_t syntax_count,
                                    struct yq_outgoing *out, struct yq_err *err);
/* How an object is coded for a quality of 1 to 100 (of the pixels, 90 keeps about a fifth in JPEG
 * 2000); 0: nobody asks for loss, so there is none where the syntax can do without. */
struct yq_coding yq_retrieve_coding(const char *syntax, int quality);
/* The object made so, also with loss: then it is another one, with a SOP Instance UID of its own.
 * Values that were coerced are in it. Errors as of yq_transcode. */
yq_must_check bool yq_retrieve_coded(struct yq_house *house, const struct yq_entry *entry,
                                     const struct yq_coding *coding, struct yq_outgoing *out,
                                     struct yq_err *err);
/* Sends one instance by C-STORE over an open association and waits for the answer. */
struct yq_delivery {
    const struct yq_peer *peer; /* its preferred syntaxes; NULL: none */
    const char *move_aet;       /* C-MOVE originator; "" with id 0: none */
    unsigned move_id;
    unsigned watch; /* message id of the C-GET that a C-CANCEL-RQ may name; 0: none */
    bool cancelled; /* out: it did */
    bool warned;    /* out: stored, with a warning status */
    bool lost;      /* out: the association is of no more use */
};
yq_must_check bool yq_retrieve_send(struct yq_house *house, struct yq_assoc *assoc,
                                    const struct yq_entry *entry, struct yq_delivery *delivery,
                                    struct yq_err *err);

/* ---- render (render.c) ---- */

enum yq_as { YQ_AS_JPEG, YQ_AS_PNG, YQ_AS_GIF, YQ_AS_JP2 };
struct yq_rendering { /* how a picture is wanted */
    enum yq_as media;
    uint32_t frame;          /* from 0; YQ_ALL_FRAMES: each in a GIF, the first in the others */
    int quality;             /* 1 to 100, of JPEG and JPEG 2000; 0: 90 */
    bool patient, technique; /* into the corners: whose it is, how it was made */
    const struct yq_entry *presentation; /* the state by which it is shown; NULL: its own way */
    struct yq_view view;
};
/* The room of errors that are the presentation state's: YQ_ABSENT (it does not speak of this image
 * and frame), YQ_BAD_INPUT (it is none, or broken), YQ_REFUSED (a kind that we cannot apply). */
#define YQ_RENDER_PRESENTATION "presentation"
/* Appends it. YQ_ABSENT (the object is gone: "store"; no such frame, no pixels: "dcm"), YQ_REFUSED
 * (pixels of a kind we cannot show), YQ_BAD_INPUT (the object contradicts itself), YQ_FULL (too
 * large), YQ_IO. */
yq_must_check bool yq_render(struct yq_house *house, const struct yq_entry *entry,
                             const struct yq_rendering *how, struct yq_buf *out,
                             struct yq_err *err);

/* ---- DIMSE statuses (status.c): PS3.7 annex C, PS3.4 B.2.3, C.4.1.1.4, C.4.2.1.5 ---- */
unsigned yq_status_store(enum yq_code code);
/* C-FIND; C-MOVE and C-GET before the first sub-operation. */
unsigned yq_status_query(enum yq_code code);

/* ---- keeping house (keep.c, reindex.c): delete, reindex, verify, trash ---- */

/* "20260301T101500-<why>": the name of one removal in the trash. */
void yq_keep_label(char *label, size_t size, const char *why);
/* Rows, then files into the trash. *count: instances removed. */
yq_must_check bool yq_keep_delete(struct yq_house *house, const struct yq_key *key,
                                  const char *label, size_t *count, struct yq_err *err);
struct yq_progress { /* what long work tells; never from several threads at once */
    /* trouble: what is wrong with the one just done; NULL: nothing */
    void (*tell)(void *context, uint64_t done, uint64_t bytes, const char *trouble);
    void *context;
};
/* Adds every object of the store to the catalog (a new one, that hurries), oldest first. What only
 * the catalog at `earlier` knows is taken over from there where the object is the same: sender,
 * time of arrival, what was coerced; contradictions and corrections of studies; what waits to be
 * done. */
struct yq_reindexed {
    uint64_t objects, known, coerced; /* known: to the earlier catalog */
    uint64_t corrections;
    bool lost;              /* of what only the earlier catalog knew, something could not be read */
    struct yq_err lost_why; /* YQ_ABSENT: there is no earlier catalog */
};
yq_must_check bool yq_keep_reindex(struct yq_house *house, const char *earlier,
                                   const struct yq_progress *progress, struct yq_reindexed *out,
                                   struct yq_err *err);
/* Every row against its file (size, digest) and every file against the rows; *faults counts what
 * does not fit. */
yq_must_check bool yq_keep_verify(struct yq_house *house, const struct yq_progress *progress,
                                  uint64_t *objects, uint64_t *faults, struct yq_err *err);

/* At the start of a node: takes back objects that a crash left without a row. */
void yq_keep_settle(struct yq_house *house);
/* One entry against its file, byte for byte. */
yq_must_check bool yq_keep_check(struct yq_house *house, const struct yq_entry *entry,
                                 struct yq_err *err);

/* True when all that is needed to take an instance in works; else *err says what does not, and what
 * to do. */
bool yq_keep_health(struct yq_house *house, struct yq_err *err);

/* ---- the other side: we are the SCU (call.c) ---- */

/* How a peer is called: where, as whom, over TLS or not, how fast. `peer` must live as long. */
struct yq_call yq_call_of(const char *our_aet, const struct yq_peer *peer);

/* C-ECHO. Errors in plain words. */
yq_must_check bool yq_call_echo(const char *our_aet, const struct yq_peer *peer,
                                struct yq_err *err);

struct yq_sent_counts {
    unsigned total, completed, warning, failed;
    unsigned associations; /* send: that came about */
    unsigned untried;      /* send: of the failed, those for which there was no association */
};
/* Sends instances to a peer over one association (split over several where 128 presentation
 * contexts do not do). `move_aet`, `move_id`: C-MOVE originator ("" and 0: none). `after`, which
 * may be NULL, is called after each instance, with its error when it failed, and stops the rest by
 * returning false. Returns false only when the association itself could not be had or was lost:
 * then what was not sent counts as failed. */
struct yq_sending {
    struct yq_house *house;
    const struct yq_peer *peer;
    const char *our_aet;
    const char *move_aet;
    unsigned move_id;
    bool (*after)(void *context, const struct yq_entry *entry, const struct yq_sent_counts *counts,
                  const struct yq_err *trouble);
    struct yq_pace *pace;       /* instead of the peer's; NULL: that */
    const struct yq_stop *stop; /* NULL: never */
    void *context;
    const struct yq_origin *asker; /* who wanted it, for the audit trail; NULL: we did */
    struct yq_batch *batch;        /* yq_call_send's own */
};
yq_must_check bool yq_call_send(const struct yq_sending *sending, const struct yq_entry *entries,
                                size_t count, struct yq_sent_counts *counts, struct yq_err *err);

/* C-FIND at a peer. Each answer is given to `row` as UTF-8 values; it returns false to cancel. */
yq_must_check bool yq_call_find(const char *our_aet, const struct yq_peer *peer,
                                const struct yq_stop *stop, const struct yq_query *query,
                                bool (*row)(void *context, const char *const *values),
                                void *context, struct yq_err *err);
/* C-MOVE at a peer: what the query selects is sent to the AE title `to`, as the peer knows it.
 * Waits for the last answer. Errors: YQ_BUSY (some of it came, or later perhaps), YQ_REFUSED. */
yq_must_check bool yq_call_move(const char *our_aet, const struct yq_peer *peer,
                                const struct yq_stop *stop, const struct yq_query *query,
                                const char *to, struct yq_sent_counts *counts, struct yq_err *err);
/* C-GET from a peer into this node. */
yq_must_check bool yq_call_pull(struct yq_house *house, const struct yq_peer *peer,
                                const struct yq_stop *stop, const struct yq_query *query,
                                struct yq_sent_counts *counts, struct yq_err *err);

#endif
