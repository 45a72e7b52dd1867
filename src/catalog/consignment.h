/* consignment.h: what other files of this room note for the platforms within their own
 * transactions. Nothing is written where no platform is enabled. */
#ifndef YQ_CATALOG_CONSIGNMENT_H
#define YQ_CATALOG_CONSIGNMENT_H

#include "inside.h"
#include "yq/consignment.h"

/* A record, or a study (record 0), is another one than the platforms were told. */
bool consignment_note(struct connection *writer, int64_t record, const char *study,
                      struct yq_err *err);
/* What is held for what it says is looked at again. */
bool consignment_reconsider(struct connection *writer, struct yq_err *err);
/* A note by hand: yq_consignment_want. */
bool consignment_want(struct connection *writer, int64_t record, const char *platform, int urgency,
                      struct yq_err *err);

#endif
