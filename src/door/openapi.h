/* openapi.h: the parts of the OpenAPI document. Private to src/door/openapi*.c. */
#ifndef YQ_DOOR_OPENAPI_H
#define YQ_DOOR_OPENAPI_H

#include "yq/bytes.h"
#include "yq/record.h"

/* Appends the schemas as members of "schemas" (openapi_schema.c). */
void openapi_put_schemas(struct yq_buf *out);
/* The name of a kind's schema: "LabDevice". */
void openapi_schema_name(enum yq_kind kind, char name[40]);
/* An example of a record, and one member of it for a patch. */
void openapi_put_example(struct yq_buf *out, enum yq_kind kind, const char *id);
void openapi_put_patch(struct yq_buf *out, enum yq_kind kind);

#endif
