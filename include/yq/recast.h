/* recast.h: an object is written anew: in another transfer syntax, with other values, with other
 * pixels. PS3.5 chapter 7, annex A; PS3.10.
 *
 * Streams: element by element, in constant memory, to any depth of nesting. The caller says what
 * becomes of single elements, and gives the pixels, when they change, frame by frame. What nobody
 * asks to change keeps its value, in the byte order and with the VRs of the new syntax; sequences
 * and items get undefined lengths, group lengths go. One thread at a time. */
#ifndef YQ_RECAST_H
#define YQ_RECAST_H

#include "yq/dcm.h"

struct yq_recast;

enum yq_fate {
    YQ_FATE_KEEP, /* a sequence: its items are asked about one by one */
    YQ_FATE_DROP,
    YQ_FATE_EMPTY,   /* no value, no items */
    YQ_FATE_REPLACE, /* by what the judge put into `value`; not for sequences */
    YQ_FATE_FAIL,    /* *err is filled: the recasting ends with it */
};

struct yq_recast_at { /* the element that is asked about */
    /* Its VR as it is going to be written: from the dictionary where the dataset has none. */
    const struct yq_element *element;
    const uint32_t *path; /* tags of the sequences around it, outermost first: element->depth */
    /* Of a private element: who reserved its block, without blanks; "" when nobody did. */
    const char *creator;
};
/* Asked once for each element that is not within a dropped sequence; not for group lengths, for
 * what is changed by `edits` and `removed`, for pixel data that the caller gives, and for what
 * describes the pixels of an icon that was decoded. `value` is empty. */
typedef enum yq_fate (*yq_recast_judge)(void *context, struct yq_recast *recast,
                                        const struct yq_recast_at *at, struct yq_buf *value,
                                        struct yq_err *err);
/* For the judge: the element's value, at most `most` bytes of it: text as it stands there, numbers
 * and words in little endian. Borrowed until the judge returns. */
yq_must_check bool yq_recast_value(struct yq_recast *recast, size_t most, const uint8_t **bytes,
                                   size_t *length, struct yq_err *err);

struct yq_recasting {
    int fd;         /* the Part 10 file */
    int out_fd;     /* a regular file, written from where it stands */
    const char *to; /* transfer syntax; NULL: as it is */
    /* Explicit little endian, ascending: each of its elements takes the place of the one at top
     * level, or is inserted. SOP Class and Instance UID in it go into the meta information too. */
    const struct yq_buf *edits; /* or NULL */
    const uint32_t *removed;    /* at top level */
    size_t removed_count;
    uint32_t late; /* the one of `edits` whose value ends with what yq_recast_late says; 0: none */
    uint64_t most; /* bytes of the dataset, YQ_FULL beyond; 0: no bound */
    yq_recast_judge judge; /* or NULL */
    void *context;
    /* Makes a compressed icon's one frame plain; NULL, or when it fails: the icon is left out,
     * where the transfer syntax changes. */
    bool (*decode)(struct yq_frame *frame, struct yq_err *err);
};

/* All at once; the pixel data stay as they are. YQ_REFUSED where the new syntax needs others;
 * YQ_BAD_INPUT (not understood), YQ_FULL, YQ_IO. On failure part of it may have been written. */
yq_must_check bool yq_recast(const struct yq_recasting *how, struct yq_err *err);

/* Or with pixels from the caller, who also changes the attributes that describe them: begin writes
 * what stands before the pixel data, end what stands behind. `how` and what it names must live
 * until then. */
struct yq_recast_pixels {
    unsigned frames, bits_allocated;
    uint64_t frame_bits; /* of one frame while it is plain, exactly */
};
yq_must_check bool yq_recast_begin(const struct yq_recasting *how,
                                   const struct yq_recast_pixels *pixels, struct yq_recast **out,
                                   struct yq_err *err);
/* The next frame; plain pixels little endian, a frame of single bits begins with a byte's lowest.
 */
yq_must_check bool yq_recast_frame(struct yq_recast *recast, const void *bytes, size_t length,
                                   struct yq_err *err);
/* Before the end, where the new syntax is not deflated: the last bytes of that value, known only
 * now. */
void yq_recast_late(struct yq_recast *recast, const void *bytes, size_t length);
yq_must_check bool yq_recast_end(struct yq_recast *recast, struct yq_err *err);
void yq_recast_free(struct yq_recast *recast);
static inline void yq_recast_cleanup(struct yq_recast **recast) { yq_recast_free(*recast); }

/* Whether pixel data come in fragments in this transfer syntax. */
bool yq_is_encapsulated(const char *transfer_syntax);

#endif
