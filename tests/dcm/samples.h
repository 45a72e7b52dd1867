/* samples.h: small invented objects for the tests of dcm/, in memory files. */
#ifndef YQ_TEST_SAMPLES_H
#define YQ_TEST_SAMPLES_H

#include "yq/dcm.h"
#include "yq/uid.h"

#define SAMPLE_CLASS "1.2.840.10008.5.1.4.1.1.7"
#define SAMPLE_STUDY "2.25.1001"
#define SAMPLE_SERIES "2.25.1002"
#define SAMPLE_INSTANCE "2.25.1003"

struct sample { /* zero: an object without pixels */
    unsigned rows, columns, frames, samples, bits;
    unsigned stored; /* 0: all of `bits` */
    bool is_signed, planar;
    const char *photometric; /* NULL: by samples */
    bool palette;
};

/* Fixtures of a group of tests: dcm/ is ready between them. */
int dcm_up(void **state);
int dcm_down(void **state);

const char *syntax_of(enum yq_layout layout);
/* Patient and identification. */
void put_head(struct yq_writer *writer);
void put_image_module(struct yq_writer *writer, const struct sample *sample);
/* A head, the image module and plain pixels of a pattern, all frames. */
void make_dataset(struct yq_buf *out, enum yq_layout layout, const struct sample *sample);
/* The same pattern, little endian; appended. */
void make_pixels(struct yq_buf *out, const struct sample *sample);
/* A descriptor of a file in memory that holds these bytes. */
int file_of(const void *bytes, size_t length);
/* A Part 10 file around the dataset. */
int file_with(const struct yq_buf *dataset, const char *transfer_syntax);
int sample_file(enum yq_layout layout, const struct sample *sample);
int empty_file(void);

/* Path of `name` in the test data; false, saying so, when there are none. */
bool testdata(const char *name, char *path, size_t size);

#endif
