/* dataset.h: a dataset, or as much of it as was read, in memory. A noun of model/: dcm/ makes it,
 * any room reads it, nobody changes it. PS3.5 chapter 7.
 *
 * Where the accessors take (item, tag) a missing element, an empty one and one of another kind are
 * the same: there is nothing. An item may be NULL: it has nothing. */
#ifndef YQ_DATASET_H
#define YQ_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct yq_item;

struct yq_data { /* one element */
    uint32_t tag;
    char vr[3];
    bool left_out;     /* its value was longer than the reader wanted */
    uint64_t position; /* of the value's first byte in the dataset, as in yq_element */
    uint32_t stored;   /* bytes of the value in the dataset; 0xffffffff: undefined */
    const uint8_t
        *bytes; /* text: UTF-8 without padding; numbers and words: little endian; a 0 behind */
    size_t length;
    const struct yq_item *items; /* of a sequence */
    size_t item_count;
};
struct yq_item {
    const struct yq_data *elements; /* ascending by tag, each tag once (the first of twins) */
    size_t count;
    unsigned
        number; /* which one of its sequence, from 0: with one frame asked for, not its index */
};
struct yq_dataset {
    struct yq_item root;
    void *memory; /* owns everything */
};
void yq_dataset_fini(struct yq_dataset *dataset);
size_t yq_dataset_bytes(const struct yq_dataset *dataset); /* of memory */

const struct yq_data *yq_item_find(const struct yq_item *item, uint32_t tag); /* NULL: not there */
/* The items of a sequence. */
size_t yq_item_count(const struct yq_item *item, uint32_t tag);
const struct yq_item *yq_item_at(const struct yq_item *item, uint32_t tag, size_t index); /* NULL */
static inline const struct yq_item *yq_item_first(const struct yq_item *item, uint32_t tag)
{
    return yq_item_at(item, tag, 0);
}
/* All of a text value; "" when there is none. Of the dataset's memory. */
const char *yq_item_text(const struct yq_item *item, uint32_t tag);
/* Value `index` from 0 of a text with several, without blanks around it; false: not there. Cut to
 * size, never within a character. */
bool yq_item_value(const struct yq_item *item, uint32_t tag, size_t index, char *out, size_t size);
/* How many values; those of numbers by their size; of bytes and words none. */
size_t yq_item_values(const struct yq_item *item, uint32_t tag);
/* Value `index` as a number: DS, IS (what stands behind the number does not count), US, SS, UL, SL,
 * UV, SV, FL, FD, OF, OD, OL, OV; as a whole one, which loses its fraction, also AT. False: not
 * there, or no finite number; then *out is as it was. */
bool yq_item_number(const struct yq_item *item, uint32_t tag, size_t index, double *out);
bool yq_item_whole(const struct yq_item *item, uint32_t tag, size_t index, int64_t *out);

/* ---- for who makes one ---- */

/* Memory that is there as long as the dataset, for any type; NULL: there is none. */
void *yq_dataset_alloc(struct yq_dataset *dataset, size_t size);
bool yq_vr_is_text(const char vr[3]);
unsigned yq_vr_word(const char vr[3]); /* bytes that change places with the byte order; 1: none */

#endif
