/* asked.h: what the services of the provinces have in common: who is believed, a study's objects
 * with their URLs, values as documents want them. Private to room platform. */
#ifndef YQ_PLATFORM_ASKED_H
#define YQ_PLATFORM_ASKED_H

#include "yq/served.h"

/* Whether `shown` is the signature that this recipe of the province (recipes.csv) gives for these
 * values, with the keys of the platform that asks. YQ_REFUSED: it is not; anything else: nobody can
 * tell, because a key or the recipe is missing. */
yq_must_check bool asked_believe(const struct yq_inquiry *inquiry, const char *recipe,
                                 const struct yq_ingredient *values, size_t count,
                                 const char *shown, struct yq_err *err);
/* Whether the platform calls this hospital so: `hospital_codes`, else hospital.code. */
bool asked_hospital(const struct yq_inquiry *inquiry, const char *code);
/* For the audit trail, appended: "?name=value", then "&name=value"; what is no letter, digit, dot,
 * colon, comma, blank or - becomes a question mark. */
void asked_note(struct yq_reply_to *reply, const char *name, const char *value);
/* URLs that are good for records.url_hours; where records.url_base is empty they begin as the
 * caller called this node. */
yq_must_check bool asked_handing(const struct yq_inquiry *inquiry, struct yq_handing *out,
                                 struct yq_err *err);

/* ---- the objects of a study ---- */

enum { IMAGES_MOST = 50000 };

struct images { /* a walk through them, by series and instance number: one query for all */
    struct yq_cursor *cursor;
    struct yq_handing handing;
    size_t count;
};
/* *out is closed with images_close, also after an error. */
yq_must_check bool images_open(const struct yq_inquiry *inquiry, const char *study,
                               struct images *out, struct yq_err *err);
/* The next one: its row, and its URL in place of what was in `url`. False at the end (err->code ==
 * YQ_OK) or on error; YQ_FULL: more than IMAGES_MOST. */
bool images_next(struct images *images, const char *const **row, struct yq_buf *url,
                 struct yq_err *err);
void images_close(struct images *images);

/* ---- values, appended; NULL: nothing ---- */

void asked_person(const char *name,
                  struct yq_buf *out);               /* PN: 张三; without ideographs: San Zhang */
void asked_age(const char *age, struct yq_buf *out); /* AS: 080Y becomes 80Y */
const char *asked_sex(const char *sex);              /* CS: M, F, else O; NULL: "" */
/* ,"name":"text" with a comma before it unless it is the first after a brace. */
void asked_member(struct yq_buf *out, const char *name, const char *text);

#endif
