/* associate.h: the A-ASSOCIATE-RQ and -AC PDU as plain values (PS3.8 9.3.2, 9.3.3; PS3.7 D.3.3).
 * Private to room dcm.
 *
 * DCMTK's own parser leaks and half-fills its structures on malformed PDUs. So what comes from
 * outside is parsed here, within bounds, and DUL is given a PDU written anew from what was
 * understood. */
#ifndef YQ_DCM_ASSOCIATE_H
#define YQ_DCM_ASSOCIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "yq/assoc.h"

#define YQ_ASSOCIATE_MOST 262144u /* bytes of such a PDU, head included */
#define YQ_CONTEXTS_MOST 128
/* Of one context; what a device proposes beyond that is not looked at. */
#define YQ_SYNTAXES_MOST 128

struct yq_associate_context {
    unsigned id, result; /* result: of an -AC, 0 accepted */
    char abstract_syntax[YQ_UID_SIZE];
    size_t first, count;         /* its transfer syntaxes within `syntaxes` */
    bool role, scu, scp;         /* role: a role selection item names its class */
    size_t info_at, info_length; /* its extended negotiation within `info`; length 0: none */
};

struct yq_associate { /* about 15 KB: keep it on the heap */
    bool request;
    char called[YQ_AET_SIZE], calling[YQ_AET_SIZE]; /* without trailing blanks */
    uint32_t max_pdu;                               /* 0: no limit */
    char implementation_uid[YQ_UID_SIZE], implementation_name[YQ_AET_SIZE];
    struct yq_associate_context contexts[YQ_CONTEXTS_MOST];
    size_t context_count;
    char (*syntaxes)[YQ_UID_SIZE];
    size_t syntax_count, syntax_room;
    struct yq_buf info;
    struct yq_identity identity; /* of an -RQ */
};

/* How the peer is told when its PDU is not taken. */
struct yq_refusal {
    /* A-ASSOCIATE-RJ with result, source, reason; otherwise A-ABORT with source, reason */
    bool reject;
    unsigned result, source, reason;
};

/* Parses a whole PDU into a zeroed *out. For an -AC `asked` is what was requested: answers to
 * contexts never asked for are dropped, an accepted syntax that was not proposed counts as a
 * rejection. */
yq_must_check bool yq_associate_parse(const void *pdu, size_t length,
                                      const struct yq_associate *asked, struct yq_associate *out,
                                      struct yq_refusal *refusal, struct yq_err *err);
/* Adds a transfer syntax to the context added last; false without memory. */
bool yq_associate_add_syntax(struct yq_associate *associate, const char *uid);
/* Appends the PDU, in the plainest form DUL reads. */
void yq_associate_encode(const struct yq_associate *associate, struct yq_buf *out);
void yq_associate_fini(struct yq_associate *associate);

#ifdef __cplusplus
}
#endif
#endif
