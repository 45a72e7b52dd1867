/* intake.h: the walk "HL7 message in" (walk/hl7.c): whose is it -> keep it as it came -> its
 * records by the source's mapping -> keep those -> answer. */
#ifndef YQ_INTAKE_H
#define YQ_INTAKE_H

#include "yq/hl7.h"
#include "yq/inbox.h"
#include "yq/registry.h"

/* A message on its way in; ended with yq_intake_fini, also after a failure. One thread. */
struct yq_intake {
    struct yq_house *house;
    const struct yq_origin *origin; /* borrowed */
    const struct yq_conf *conf;     /* held */
    const struct yq_source *source; /* of conf; NULL: not known */
    struct yq_buf text;             /* the message in UTF-8 */
    char charset[YQ_HL7_CHARSET_SIZE];
    struct yq_hl7 message; /* count 0: it could not be read */
    struct yq_hl7_head head;
    struct yq_letter letter;
    bool again; /* it was here before, and its answer is given again */
    /* what is wrong with it; fault.code YQ_OK: nothing */
    struct yq_err fault;
    bool rejected;      /* as a whole, by what it is (AR); else by what is in it (AE) */
    unsigned condition; /* HL7 table 0357 */
    char location[32];  /* "OBX[3]-5", "" */
    /* to send; empty: nothing. `accept` first, in enhanced mode */
    struct yq_buf accept, answer;
};

/* Reads it, finds its source and keeps it. True: it is on stable storage and may be processed,
 * after intake->accept was sent; false: intake->accept or answer says why not, and it is over.
 * Logged. */
bool yq_intake_open(struct yq_house *house, const struct yq_origin *origin, const void *bytes,
                    size_t length, struct yq_intake *intake);
/* Its records, and then the answer. Promise: an answer AA means that what came of it is on stable
 * storage. Logged once. */
void yq_intake_process(struct yq_intake *intake);
void yq_intake_fini(struct yq_intake *intake);

/* Processes a kept message once more, whatever its state, by the mapping of today. False: it could
 * not be read again or settled; what became of it is in letter->state and reason. */
yq_must_check bool yq_intake_replay(struct yq_house *house, const struct yq_origin *origin,
                                    int64_t id, struct yq_letter *letter, struct yq_err *err);
/* At the start of a node, before the door opens: what a crash left new. */
void yq_intake_resume(struct yq_house *house);

/* What a message would become, without looking at what is there and without keeping anything.
 * *out: malloc'ed, with yq_intake_records_free. False: intake->fault. */
struct yq_intake_record {
    struct yq_record *record; /* owned */
    const char *what;         /* "order", "report", ...: static */
    char deleted[512];        /* members that the message deletes, with commas */
};
bool yq_intake_try(struct yq_house *house, const struct yq_source *source, const void *bytes,
                   size_t length, struct yq_intake *intake, struct yq_intake_record **out,
                   size_t *count);
void yq_intake_records_free(struct yq_intake_record *list, size_t count);
/* Calls `wrong` for each name in the mapping that can be nothing in an HL7 message. */
void yq_intake_check_mapping(const struct yq_mapping *mapping,
                             void (*wrong)(void *context, unsigned line, const char *name),
                             void *context);
/* A kept message's bytes, opened. */
yq_must_check bool yq_intake_read(struct yq_house *house, int64_t id, struct yq_letter *out,
                                  struct yq_err *err);
#endif
