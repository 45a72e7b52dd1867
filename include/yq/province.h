/* province.h: what a province is to the walks and doors: a small table of functions, made in
 * src/platform/, handed over by node/. Room walk (the rooms above fill it in).
 *
 * Outward: the unit of the queue is an exam (walk/report_out.c). A courier opens what belongs to
 * it, asks the province for its pieces in the order in which they must go, composes each, compares
 * it with what was sent before, and lets the province send what is new. */
#ifndef YQ_PROVINCE_H
#define YQ_PROVINCE_H

#include "yq/compose.h"
#include "yq/recipe.h"
#include "yq/served.h"
#include "yq/web.h"

#define YQ_PIECE_SIZE 200
#define YQ_PIECES_MOST 2000

struct yq_piece {
    char name[YQ_PIECE_SIZE];       /* under which what was sent is remembered: "exam", "report:R1",
                                       "series:1.2.3"; behind the colon of anything but a series
                                       the id of a report */
    int what;                       /* the province's own number for it */
    char id[YQ_RECORD_ID_MOST + 1]; /* of the report, UID of the series, ... */
};

struct yq_kept_call { /* a call and its answer as a person may see them */
    const char *piece, *url;
    unsigned status;
    uint64_t took_us;
    const char
        *request; /* the plain message, personal members masked: yq_form_mask_json or composed so */
    const char *answer; /* as it came, bounded to 4 KB */
};

struct yq_errand_out { /* an exam on its way to a platform; made by the courier */
    struct yq_house *house;
    const struct yq_conf *conf;
    const struct yq_platform *platform;
    const struct yq_company *exam; /* [0] the exam, with its patient */
    bool removed; /* the exam was removed here: what the platform has is to be marked as deleted */
    const char *const *reports; /* ids of its reports, oldest first; the withdrawn ones too, and
                                   those that were removed after they were sent with this exam
                                   (yq_company_last; where compose says YQ_ABSENT of one of these,
                                   nothing is sent) */
    size_t report_count;
    const char *const *studies; /* UIDs of its studies that are here */
    size_t study_count;
    struct yq_keychain *keys; /* of the platform: "key", "public_key", "access_key", "iv",
                                 "sign_key" as far as they are set */
    struct yq_web *web;
    const char *address; /* of the platform, the one to be used now */
    bool (*stopped)(void *context);
    void *context;
    void (*keep)(void *context,
                 const struct yq_kept_call *call); /* for the list of last calls; see below */
    void *keep_context;
};
enum yq_verdict {                 /* what became of a piece */
                  YQ_WENT,        /* the platform took it */
                  YQ_TURNED_DOWN, /* it said no for good, `reason` says why: refused until it
                                     changes */
                  YQ_TRY_AGAIN,   /* it said no for now, or nobody knows: again later */
                  YQ_NOT_REACHED, /* the platform is away: another address, else the lane pauses */
                  YQ_HOLD_BACK /* not to be sent as it is: held until it changes; reason says what
                                  is missing */
};

struct yq_sign_service; /* sign.h */

struct yq_comparing { /* of a day, with a platform (reconcile.c) */
    struct yq_house *house;
    const struct yq_conf *conf;
    const struct yq_platform *platform;
    struct yq_keychain *keys;
    struct yq_web *web;
    const char *address, *date; /* "2026-03-01" */
    bool (*stopped)(void *context);
    void *context;
    uint64_t told, missing, unknown; /* out: catchup.h */
};

struct yq_province {
    enum yq_province_id id;
    /* The pieces that are to go now, in their order. *count 0: nothing yet. */
    bool (*pieces)(const struct yq_errand_out *errand, struct yq_piece *pieces, size_t room,
                   size_t *count, struct yq_err *err);
    bool (*compose)(const struct yq_errand_out *errand, const struct yq_piece *piece,
                    struct yq_composed *out, struct yq_err *err);
    enum yq_verdict (*send)(const struct yq_errand_out *errand, const struct yq_piece *piece,
                            const struct yq_composed *composed, char *reason, size_t reason_size);
    /* Appends what goes over the wire for a composed message, sealed and signed, for people who
     * want to see it; NULL: messages go as they are. */
    bool (*envelope)(const struct yq_conf *conf, struct yq_keychain *keys,
                     const struct yq_buf *message, struct yq_buf *out, struct yq_err *err);
    const struct yq_sign_service *signing; /* who signs reports for it (sign.h); NULL: nobody */
    /* A day's exams compared with what the platform has; NULL: it has no such thing. What it lacks
     * is put into the queue again. YQ_PEER_GONE, YQ_TIMEOUT, YQ_REFUSED: not reached at this
     * address. */
    bool (*reconcile)(struct yq_comparing *comparing, struct yq_err *err);
    const struct yq_service *services; /* what it asks of us */
    size_t service_count;
};
/* house->provinces[id]; NULL: nothing is known of it. */
const struct yq_province *yq_province_of(const struct yq_house *house, enum yq_province_id id);

/* ---- what a platform is called with (platform.c) ---- */

/* house->keychains */
struct yq_keychains *yq_keychains_new(void); /* NULL without memory */
void yq_keychains_free(struct yq_keychains *chains);
/* The keys that are set of a platform: "key", "public_key", "access_key", "channel_key", "iv",
 * "sign_key"; any thread, and as long as the house lives, whatever becomes of the configuration.
 * YQ_BAD_INPUT: a place that is not understood. */
yq_must_check bool yq_platform_keys(struct yq_house *house, const struct yq_conf *conf,
                                    const struct yq_platform *platform, struct yq_keychain **out,
                                    struct yq_err *err);
/* Puts a call that belongs to no exam into the list of last calls; nothing personal is in it. */
void yq_platform_keep(struct yq_house *house, const struct yq_platform *platform,
                      const struct yq_kept_call *call, bool failed);
/* A client with its certificates and times; yq_web_close. */
yq_must_check bool yq_platform_web(const struct yq_platform *platform, struct yq_web **out,
                                   struct yq_err *err);

#endif
