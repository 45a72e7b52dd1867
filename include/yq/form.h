/* form.h: values to text and back. JSON by cJSON, which only this room sees. */
#ifndef YQ_FORM_H
#define YQ_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/model.h"

struct yq_json; /* a JSON value being built; a failed allocation shows as a failed print */

struct yq_json *yq_json_object(void);
struct yq_json *yq_json_array(void);
void yq_json_free(struct yq_json *json);
void yq_json_text(struct yq_json *object, const char *name,
                  const char *value); /* NULL value: null */
void yq_json_number(struct yq_json *object, const char *name, double value);
void yq_json_flag(struct yq_json *object, const char *name, bool value);
/* `take` becomes a member (object: under name) or an element (array: name NULL). */
void yq_json_add(struct yq_json *parent, const char *name, struct yq_json *take);
/* Appends the text; `indent`: for people. False without memory. */
bool yq_json_print(const struct yq_json *json, bool indent, struct yq_buf *out);

/* A catalog row as an object: the attribute names of attr.h; counts and numbers (IS, US) as
 * numbers; absent values left out. */
struct yq_json *yq_form_row(const char *const *values);

#endif
