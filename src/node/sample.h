/* sample.h: a dataset in the making: elements in any order, written in the order of their tags. */
#ifndef YQ_NODE_SAMPLE_H
#define YQ_NODE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/uid.h"

struct yq_sample_element {
    uint32_t tag;
    char vr[3];
    struct yq_buf value; /* text encoded, numbers as text, sequences as their items */
};

struct yq_sample {
    enum yq_layout layout;
    char charset[64];
    struct yq_sample_element *elements;
    size_t count, room;
    bool failed; /* no memory, or a text its charset cannot hold */
};

void yq_sample_text(struct yq_sample *sample, uint32_t tag, const char *vr, const char *text);
void yq_sample_textf(struct yq_sample *sample, uint32_t tag, const char *vr, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
void yq_sample_bytes(struct yq_sample *sample, uint32_t tag, const char *vr, const void *bytes,
                     size_t length);
void yq_sample_double(struct yq_sample *sample, uint32_t tag, double value); /* FD */
/* Encapsulated pixel data (PS3.5 A.4), as its items: offset table and one fragment per frame. */
void yq_sample_frames(struct yq_sample *sample, const struct yq_buf *frames, size_t count);
/* A sequence of one item; item's elements are written and freed. NULL: no item. Put again at once,
 * the next item of the same sequence. */
void yq_sample_item(struct yq_sample *sample, uint32_t tag, struct yq_sample *take_item);
/* A sequence of one code item. */
void yq_sample_code(struct yq_sample *sample, uint32_t tag, const char *value, const char *scheme,
                    const char *meaning);
void yq_sample_write(struct yq_sample *sample, struct yq_buf *out);
void yq_sample_fini(struct yq_sample *sample);

#endif
