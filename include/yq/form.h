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

/* ---- values as people write them, appended; other text stays as it is (value.c) ---- */

void yq_form_date(const char *date, struct yq_buf *out);         /* DA: 2026-03-01 */
void yq_form_time(const char *time, struct yq_buf *out);         /* TM: 08:15:00 */
void yq_form_datetime(const char *datetime, struct yq_buf *out); /* DT: both, and the zone */
/* AS: "45岁", "45 y". False, and nothing appended, when it is none. */
bool yq_form_age(const char *age, bool chinese, struct yq_buf *out);
/* CS of Patient's Sex: "男", "M"; another value as it is. */
const char *yq_form_sex(const char *sex, bool chinese);
/* Whether text has characters of Chinese, Japanese or Korean. */
bool yq_form_is_east_asian(const char *text);
/* PN: the ideographic name where there is one, then the alphabetic: "张伟 Zhang Wei". */
void yq_form_person(const char *name, struct yq_buf *out);

/* ---- rows ---- */

/* A catalog row as an object: the attribute names of attr.h; counts and numbers (IS, US) as
 * numbers; absent values left out. */
struct yq_json *yq_form_row(const char *const *values);

#endif
