/* raw.h: a peer made of bytes, for what no well-behaved library sends. Big endian as PS3.8 9.3 has
 * it. */
#ifndef YQ_TEST_RAW_H
#define YQ_TEST_RAW_H

#include "yq/assoc.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"

/* An A-ASSOCIATE-RQ: raw_begin, then contexts (ids 1, 3, 5 ...) and sub-items, then raw_end. */
struct raw_request {
    struct yq_buf bytes, user;
    unsigned next_id;
};
void raw_begin(struct raw_request *request, const char *called, const char *calling,
               unsigned max_pdu);
void raw_context(struct raw_request *request, const char *abstract, const char *const *syntaxes);
void raw_role(struct raw_request *request, const char *sop_class, int scu, int scp);
void raw_extended(struct raw_request *request, const char *sop_class, const void *info,
                  size_t length);
void raw_end(struct raw_request *request);
void raw_item(struct yq_buf *out, unsigned type, const void *body, size_t length);

/* Verification, CT, Study Root Find, each in implicit and explicit little endian: contexts 1, 3, 5.
 */
void raw_usual(struct raw_request *request);

void raw_pdu(struct yq_buf *out, unsigned type, const void *body, size_t length);
void raw_small(struct yq_buf *out, unsigned type, unsigned a, unsigned b, unsigned c);
void raw_pdv(struct yq_buf *out, unsigned context, unsigned flags, const void *bytes,
             size_t length);
#define RAW_COMMAND 1u
#define RAW_LAST 2u
/* A whole message in PDUs of one PDV each. */
void raw_message(struct yq_buf *out, const struct yq_message *message, const void *dataset,
                 size_t length);

void raw_send(int fd, const struct yq_buf *bytes);
/* Reads one PDU into out (emptied); its type, or 0 at the end. */
unsigned raw_receive(int fd, struct yq_buf *out);

#endif
