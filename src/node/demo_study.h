/* demo_study.h: what the sample studies are made of: patients, and one maker per modality. */
#ifndef YQ_NODE_DEMO_STUDY_H
#define YQ_NODE_DEMO_STUDY_H

#include "phantom.h"
#include "sample.h"
#include "yq/model.h"

struct yq_demo_object {
    const char *sop_class, *instance_uid, *series_uid, *study_uid;
    const char *transfer_syntax; /* what it is to become */
    bool compressed;             /* it is that already */
    struct yq_sample *sample;    /* in explicit or implicit little endian */
    unsigned series, number;     /* from 1 */
};

struct yq_demo_study {
    uint64_t seed;
    unsigned number;     /* from 0 */
    const char *charset; /* (0008,0005) */
    char patient_name[128], patient_id[16], birth_date[9], age[8];
    const char *sex;
    char study_uid[YQ_UID_SIZE], frame_uid[YQ_UID_SIZE];
    char date[9], time[7], accession[17], study_id[17];
    const char *physician;
    /* takes a finished object; false stops */
    bool (*put)(void *context, const struct yq_demo_object *object, struct yq_err *err);
    void *context;
};

/* One UID per seed, study and purpose. */
void yq_demo_uid(const struct yq_demo_study *study, const char *purpose, unsigned a, unsigned b,
                 char *uid);
struct yq_demo_pixels {
    unsigned rows, columns, frames, samples, allocated, stored;
    const char *photometric;
    const void *bytes; /* NULL: compressed, put by yq_sample_frames */
    size_t length;
};
/* Image Pixel module (PS3.3 C.7.6.3). */
void yq_demo_pixels(struct yq_sample *sample, const struct yq_demo_pixels *pixels);

struct yq_demo_series {
    unsigned number;
    const char *modality, *sop_class, *transfer_syntax, *description, *body_part, *protocol;
    const char *maker, *model;
};
#define YQ_DEMO_SOP_CT "1.2.840.10008.5.1.4.1.1.2"
/* Begins a dataset with what all of a study's objects share (patient, study, equipment, SOP common,
 * series). */
void yq_demo_begin(const struct yq_demo_study *study, const struct yq_demo_series *series,
                   unsigned number, struct yq_sample *s);
/* What was asked for; the same for all series of a study. */
void yq_demo_words(struct yq_sample *s, const char *description, const char *code);
/* Hands a finished object on. `take` is consumed. */
bool yq_demo_finish(const struct yq_demo_study *study, const struct yq_demo_series *series,
                    unsigned number, struct yq_sample *take, struct yq_err *err);

/* Slices of the CT study's series 1 (soft tissue) and 2 (lung), mm apart. */
#define YQ_DEMO_CT_GAP_1 5
#define YQ_DEMO_CT_GAP_2 16
bool yq_demo_ct(const struct yq_demo_study *study, struct yq_err *err);
bool yq_demo_mr(const struct yq_demo_study *study, struct yq_err *err);
bool yq_demo_cr(const struct yq_demo_study *study, struct yq_err *err);
bool yq_demo_us(const struct yq_demo_study *study, struct yq_err *err);
/* Of the CT study, a structured report; of the CR study, its report as an encapsulated PDF. */
bool yq_demo_report(const struct yq_demo_study *study, struct yq_err *err);
bool yq_demo_letter(const struct yq_demo_study *study, struct yq_err *err);

#endif
