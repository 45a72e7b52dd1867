/* door.h: who knocks: DIMSE and HTTP. A door turns its words into walks and their outcome into its
 * words. Doors make threads. */
#ifndef YQ_DOOR_H
#define YQ_DOOR_H

#include <stdbool.h>

#include "yq/err.h"
#include "yq/walk.h"

struct yq_dimse; /* the DICOM listener, its associations, the storage commitment courier */
yq_must_check bool yq_dimse_open(struct yq_house *house, struct yq_dimse **out, struct yq_err *err);
/* Takes no new associations, gives open ones `seconds` to finish their message, then ends them. */
void yq_dimse_close(struct yq_dimse *door, int seconds);

struct yq_mllp; /* HL7 messages over MLLP, hl7.port and hl7.tls_port */
yq_must_check bool yq_mllp_open(struct yq_house *house, struct yq_mllp **out, struct yq_err *err);
/* Every message that has come whole is processed and answered. */
void yq_mllp_close(struct yq_mllp *door);

struct yq_post; /* the couriers of the outbox: forwarding and prefetch */
yq_must_check bool yq_post_open(struct yq_house *house, struct yq_post **out, struct yq_err *err);
/* Ends what is under way at the next instance, or in the middle of one that takes long. */
void yq_post_close(struct yq_post *post);

struct yq_http; /* the HTTP server with all its routes */
yq_must_check bool yq_http_open(struct yq_house *house, struct yq_http **out, struct yq_err *err);
void yq_http_close(struct yq_http *door);
unsigned yq_http_port(const struct yq_http *door); /* the port it got, when 0 was asked in tests */

/* Appends what WADO-URI takes and gives, as a page of Markdown or as JSON. */
void yq_wado_help(bool json, struct yq_buf *out);

#endif
