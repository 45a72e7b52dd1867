/* form.h: values to text and back. JSON by cJSON, which only this room sees. */
#ifndef YQ_FORM_H
#define YQ_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/model.h"
#include "yq/record.h"

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

/* ---- JSON of others, read (json_answer.c): what a platform answers, or asks ---- */

struct yq_answer; /* one JSON text, looked into; one thread at a time */
/* YQ_BAD_INPUT: it is no JSON (RFC 8259), no UTF-8, or nested deeper than 32. */
yq_must_check bool yq_answer_read(const char *text, size_t length, struct yq_answer **out,
                                  struct yq_err *err);
void yq_answer_free(struct yq_answer *answer);
/* Appends what stands at a path ("code", "data.study_uids[3]", "" the whole): text as it is,
 * numbers as they are written (integers without a point), true and false as such, objects and
 * arrays as JSON. False: nothing is there, or null. */
bool yq_answer_get(const struct yq_answer *answer, const char *path, struct yq_buf *out);
/* How many elements the array at this path has; 0 where there is none. */
size_t yq_answer_count(const struct yq_answer *answer, const char *path);
/* Gives each text and number of the array at this path to `take`, in one pass; false: there is no
 * array. */
bool yq_answer_each(const struct yq_answer *answer, const char *path,
                    void (*take)(void *context, const char *value), void *context);
/* The name of the n-th member of the object at this path; NULL: there are not so many. */
const char *yq_answer_name(const struct yq_answer *answer, const char *path, size_t n);
/* What stands there, for people and programs that want to tell "1" from 1. */
enum yq_answer_type {
    YQ_ANSWER_NONE, /* null too */
    YQ_ANSWER_TEXT,
    YQ_ANSWER_NUMBER,
    YQ_ANSWER_FLAG,
    YQ_ANSWER_OBJECT,
    YQ_ANSWER_ARRAY
};
enum yq_answer_type yq_answer_type(const struct yq_answer *answer, const char *path);

/* Appends text (UTF-8) as a JSON string, quotes included. */
void yq_json_put_text(struct yq_buf *out, const char *text);

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

/* Appends what base64 text stands for; blanks, line ends and a data URL's head are passed over.
 * False: it is none, or out->failed. */
bool yq_form_base64(const char *text, size_t length, struct yq_buf *out);
/* The other way round, appended: the usual alphabet, padded, in one line. */
void yq_form_base64_write(const void *bytes, size_t length, struct yq_buf *out);

/* ---- rows ---- */

/* A catalog row as an object: the attribute names of attr.h; counts and numbers (IS, US) as
 * numbers; absent values left out. */
struct yq_json *yq_form_row(const char *const *values);

/* ---- records ---- */

enum yq_record_look {
    YQ_LOOK_PLAIN,     /* one line; the same record gives the same bytes */
    YQ_LOOK_INDENT,    /* for people */
    YQ_LOOK_MASKED = 2 /* personal members as yq_record_mask has them; with the others */
};
/* Appends it as a JSON object: members in the order of the model, absent ones left out; numbers and
 * integers as numbers, flags as true and false, several values as an array, lists as arrays of
 * objects. `look`: yq_record_look bits. What does not fit into memory shows as out->failed. */
void yq_form_record_write(const struct yq_record *record, unsigned look, struct yq_buf *out);

/* A member that the model does not have, and its text: how a PDF comes along. Appends nothing;
 * *taken false: it is not known here either. */
struct yq_form_extra {
    bool (*take)(void *context, struct yq_record *record, const char *name, const char *value,
                 size_t length, bool *taken, struct yq_err *err);
    void *context;
};
/* Reads such an object. Strict: a member that the model does not have, one that comes twice and a
 * value of the wrong JSON type are YQ_BAD_INPUT, and so is what is no JSON (RFC 8259) or no UTF-8;
 * the text names member and place ("results[3].quantity: ..."), never the value. null and "" are
 * absent; numbers may also come as strings, codes also as numbers, the values of a member with
 * several also as one string. `extra` may be NULL. *out: NULL where it fails. */
yq_must_check bool yq_form_record_read(enum yq_kind kind, const char *text, size_t length,
                                       const struct yq_form_extra *extra, struct yq_record **out,
                                       struct yq_err *err);

/* Changes a record by such an object (RFC 7396): what it has comes over what is there, lists as a
 * whole; null takes a member away. Errors as of yq_form_record_read; the record may be half changed
 * then. */
yq_must_check bool yq_form_record_patch(struct yq_record *record, const char *text, size_t length,
                                        const struct yq_form_extra *extra, struct yq_err *err);

struct yq_findings;
/* Appends them as a JSON array of objects: member, what, serious, chinese, english. */
void yq_form_findings_write(const struct yq_findings *findings, struct yq_buf *out);
/* Reads such an array ("": none) as far as it is one; added to *out. */
void yq_form_findings_read(const char *text, struct yq_findings *out);

#endif
