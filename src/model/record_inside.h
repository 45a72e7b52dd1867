/* record_inside.h: what the files about records share. */
#ifndef YQ_MODEL_RECORD_INSIDE_H
#define YQ_MODEL_RECORD_INSIDE_H

#include "yq/bytes.h"
#include "yq/record.h"

/* Appends a member's value in canonical form (yq_record_set); nothing, where there is none. */
bool record_canonical(const struct yq_member *member, const char *text, struct yq_buf *out,
                      struct yq_err *err);

#endif
