/* registrar.h: a study between the files that make records of it. Private to walk/. */
#ifndef YQ_WALK_REGISTRAR_H
#define YQ_WALK_REGISTRAR_H

#include "yq/register.h"
#include "yq/registrar.h"
#include "yq/registry.h"

struct reg_study {
    struct yq_house *house;
    const struct yq_unregistered *row;
    bool make;              /* records, of images of this sender */
    char charset[64];       /* what to read text of this sender with */
    struct yq_record *exam; /* owned: what the header says */
    char exam_id[YQ_RECORD_ID_MOST + 1];
    char classes[1024]; /* SOP classes in it, with backslashes */
};

/* ---- values (registrar_put.c): what does not fit its member is left out; false: no memory ---- */

yq_must_check bool reg_put(struct yq_record *record, const char *name, const char *text,
                           struct yq_err *err);
/* One more, of a member with several. */
yq_must_check bool reg_append(struct yq_record *record, const char *name, const char *text,
                              struct yq_err *err);
/* DA and TM as one time; without a date nothing. */
yq_must_check bool reg_put_moment(struct yq_record *record, const char *name, const char *date,
                                  const char *time, struct yq_err *err);
/* A person's name: the ideographic group, else the alphabetic; `sound` (may be NULL) gets that. */
yq_must_check bool reg_put_person(struct yq_record *record, const char *name, const char *sound,
                                  const char *value, struct yq_err *err);
/* The first of values with backslashes between them. */
void reg_first(const char *values, char *out, size_t size);

/* ---- registrar_exam.c ---- */

/* study->exam from what the catalog and the header of an image say. YQ_ABSENT: the study is gone.
 */
yq_must_check bool reg_exam(struct reg_study *study, struct yq_err *err);
/* Opens the header of an instance: all but pixels, documents and long values. */
yq_must_check bool reg_read(const struct reg_study *study, const struct yq_entry *entry,
                            const struct yq_reading *how, struct yq_dataset *out,
                            struct yq_err *err);

/* ---- registrar_report.c ---- */

/* Whether instances of this class are documents that a report can be made of. */
bool reg_is_document(const char *sop_class);
/* The report of an SR or encapsulated PDF. *out NULL: it is none that a person would call a report.
 * YQ_BAD_INPUT, YQ_ABSENT, YQ_REFUSED, YQ_FULL: none can be made of it. */
yq_must_check bool reg_report(const struct reg_study *study, const struct yq_entry *entry,
                              struct yq_record **out, struct yq_err *err);

#endif
