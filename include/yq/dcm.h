/* dcm.h: DICOM datasets and associations. Behind this C face stands DCMTK (C++), and our own small
 * codecs where DCMTK would recurse into, or keep in memory, what comes from outside. No DCMTK type
 * crosses it; nothing throws.
 *
 * Datasets: PS3.5, PS3.10. Associations: PS3.8, PS3.7. An association belongs to one thread at a
 * time. */
#ifndef YQ_DCM_H
#define YQ_DCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/dataset.h"
#include "yq/err.h"
#include "yq/frame.h"
#include "yq/model.h"

/* ---- scanning: one element after the other, in constant memory, to any depth ---- */

struct yq_scan; /* heap; not thread-safe */

struct yq_element {
    uint32_t tag;
    /* From the dataset, or from the dictionary for implicit and misspelt VRs; "UN" when unknown;
     * "SQ" for everything that has items. */
    char vr[3];
    /* Bytes of the value; 0xffffffff: undefined (sequences, encapsulated pixel data). */
    uint32_t length;
    /* Of the value's first byte in the dataset (after inflating, for deflated). */
    uint64_t position;
    unsigned header; /* bytes of tag, VR and length, before the value */
    unsigned depth;  /* 0: top level */
    uint32_t within; /* tag of the innermost enclosing sequence; 0 at the top */
    unsigned item;   /* index of the item of that sequence, from 0 */
};

/* Over a descriptor from `offset` to its end (not closed), or over memory (borrowed until free). */
yq_must_check bool yq_scan_open_fd(int fd, uint64_t offset, const char *transfer_syntax,
                                   struct yq_scan **out, struct yq_err *err);
yq_must_check bool yq_scan_open_memory(const void *bytes, size_t length,
                                       const char *transfer_syntax, struct yq_scan **out,
                                       struct yq_err *err);
/* The next element; item and delimiter tags are not shown. False at the end (err->code == YQ_OK) or
 * when the dataset cannot be understood (YQ_BAD_INPUT). A value that is not read is skipped. */
bool yq_scan_next(struct yq_scan *scan, struct yq_element *element, struct yq_err *err);
/* The current element's value, at most `most` bytes of it, appended to out. Called again it goes on
 * where it stopped. Nothing for sequences and encapsulated pixel data. */
yq_must_check bool yq_scan_value(struct yq_scan *scan, size_t most, struct yq_buf *out,
                                 struct yq_err *err);
unsigned yq_scan_deepest(const struct yq_scan *scan); /* the deepest nesting met so far */
void yq_scan_free(struct yq_scan *scan);
static inline void yq_scan_cleanup(struct yq_scan **scan) { yq_scan_free(*scan); }

/* Reads what the catalog wants from a dataset, stopping before the pixel data. Which character set
 * its values are in is judged over all of them together: `assume_charset` as in yq_text_judge.
 * Fills everything but header->transfer_syntax when it returns true; key UIDs are not checked for
 * validity, only for length. YQ_BAD_INPUT says what is missing or broken. */
yq_must_check bool yq_dcm_read_header(int fd, uint64_t offset, const char *transfer_syntax,
                                      const char *assume_charset, struct yq_header *header,
                                      struct yq_err *err);

/* ---- writing datasets ---- */

struct yq_writer { /* elements are put in ascending tag order by the caller */
    struct yq_buf *out;
    enum yq_layout layout; /* not deflated */
};
/* Pads to even length as the VR asks (UI: NUL, text: blank). Numbers (US, UL, SS, SL, AT) are given
 * as text by put_text, as bytes in the dataset's byte order by put. */
void yq_writer_put(struct yq_writer *writer, uint32_t tag, const char *vr, const void *bytes,
                   size_t length);
void yq_writer_put_text(struct yq_writer *writer, uint32_t tag, const char *vr, const char *text);
void yq_writer_begin_sequence(struct yq_writer *writer, uint32_t tag); /* undefined length */
void yq_writer_begin_item(struct yq_writer *writer);
void yq_writer_end_item(struct yq_writer *writer);
void yq_writer_end_sequence(struct yq_writer *writer);
/* An item with a code of PS3.16 (coding scheme DCM). PS3.3 8.8. */
void yq_writer_put_code(struct yq_writer *writer, const char *value, const char *meaning);

/* "UN" when unknown; ambiguous ones as PS3.5 A.1 (US, OW). */
const char *yq_dcm_dictionary_vr(uint32_t tag);
/* A word for a UID as DCMTK has it ("CTImageStorage"), or NULL. */
const char *yq_dcm_uid_name(const char *uid);
bool yq_dcm_is_storage_class(const char *sop_class); /* one of those DCMTK knows */

/* ---- Part 10 files ---- */

struct yq_part10 {
    char sop_class[YQ_UID_SIZE], sop_instance[YQ_UID_SIZE], transfer_syntax[YQ_UID_SIZE];
    uint64_t dataset_offset;
    bool bare; /* no file meta information: the syntax was guessed from the first elements */
};
/* Reads the file meta information, tolerant of wrong group lengths, missing members, a missing
 * preamble. YQ_BAD_INPUT: cut off, or neither there nor to be guessed. */
yq_must_check bool yq_part10_read(int fd, struct yq_part10 *out, struct yq_err *err);
/* Appends preamble, "DICM" and file meta information: the same bytes for the same three UIDs,
 * always. */
void yq_part10_write(struct yq_buf *out, const char *sop_class, const char *sop_instance,
                     const char *transfer_syntax);

/* ---- a dataset in memory (tree.c) ---- */

#define YQ_ALL_FRAMES 0xffffffffu
#define YQ_NO_FRAME 0xfffffffeu

struct yq_reading {      /* how much of it */
    size_t value_most;   /* bytes; longer values are left out, their place is told; 0: none is */
    size_t most;         /* bytes of all in memory, YQ_FULL beyond; 0: 64 MB */
    unsigned depth_most; /* sequences deeper than that are left out; 0: 64 */
    bool to_pixels;      /* stops before the pixel data, and does not ask for what is behind */
    uint32_t frame;      /* of the per-frame functional groups this item only; or the above */
    const char *assume_charset; /* as in yq_text_judge; NULL: "" */
};
/* Reads the Part 10 file `fd`. Text becomes UTF-8: items may have a character set of their own;
 * what stands under one label is judged together. A value under VR UN has the VR of the dictionary.
 * `part10` may be NULL. YQ_BAD_INPUT, YQ_FULL, YQ_IO. */
yq_must_check bool yq_dcm_read_dataset(int fd, const struct yq_reading *how, struct yq_dataset *out,
                                       struct yq_part10 *part10, struct yq_err *err);

/* ---- long values where they lie (bulk.c) ---- */

struct yq_stretch {
    uint64_t offset, length;
};
struct yq_bulk {
    struct yq_stretch *ranges; /* owned; in the file, in order, none empty */
    size_t count;
    uint64_t length;     /* of all ranges */
    int64_t said;        /* Encapsulated Document Length (0042,0015); -1: not there */
    struct yq_buf bytes; /* of a deflated dataset: the value itself, and no ranges */
};
void yq_bulk_fini(struct yq_bulk *bulk);
/* The value of a top level element of the Part 10 file `fd`: bytes, or encapsulated pixel data
 * without the offset table. `most`: bytes of one that must be inflated. YQ_ABSENT (not there, or
 * empty), YQ_BAD_INPUT, YQ_FULL. */
yq_must_check bool yq_dcm_locate(int fd, uint32_t tag, size_t most, struct yq_bulk *out,
                                 struct yq_err *err);

/* ---- coercion on the way out (rewrite.c) ---- */

/* A new value of an attribute at top level: UTF-8, of its VR; the original stands in the object. */
struct yq_replacement {
    uint32_t tag;
    const char *vr;
    const char *value;
};
struct yq_rewriting {
    const struct yq_replacement *replacements; /* no tag twice */
    size_t count;
    /* For the item of Original Attributes Sequence (PS3.3 C.12.1.1.9): who sent it ("": unknown),
     * whose change it is, when. */
    const char *source, *system;
    int64_t when_ms;
    const char *charset; /* what its text is to be read with where it is converted; "": its label */
};
/* Reads the Part 10 file `fd` and writes it to `out_fd`, from where that stands, in the same
 * transfer syntax, with the new values, the original ones in a new item of Original Attributes
 * Sequence as the bytes came, and nothing else changed; memory does not depend on the object's
 * size, but for deflated ones. New values that the object's character set cannot hold turn all of
 * its text into UTF-8 (ISO_IR 192), but for items with a character set of their own. YQ_BAD_INPUT
 * (cannot be understood), YQ_FULL, YQ_IO; then part of it may have been written. */
yq_must_check bool yq_dcm_rewrite(int fd, const struct yq_rewriting *what, int out_fd,
                                  struct yq_err *err);

/* ---- what compressed frames say beside their pixels (silence.c) ---- */

/* Comments and application segments (EXIF) of JPEG, JPEG-LS and JPEG 2000 frames in the Part 10
 * file `fd`, which is open for reading and writing, become zeroes. YQ_REFUSED: a frame whose header
 * does not end where it begins; YQ_BAD_INPUT, YQ_IO. */
yq_must_check bool yq_dcm_silence(int fd, struct yq_err *err);

/* ---- DICOMDIR ---- */

/* The files a DICOMDIR names, as paths relative to its folder, one per line. YQ_BAD_INPUT when it
 * is none. */
yq_must_check bool yq_dicomdir_files(const char *path, struct yq_buf *lines, struct yq_err *err);

/* ---- pixels ---- */

/* Frame `number` from 0. YQ_ABSENT (no such frame, no pixels), YQ_BAD_INPUT, YQ_REFUSED (no
 * decoder), YQ_FULL (larger than `most` bytes). */
yq_must_check bool yq_dcm_read_frame(int fd, unsigned number, uint64_t most, struct yq_frame *out,
                                     struct yq_err *err);

/* Appends bytes as a gzip stream (RFC 1952); zlib is seen by this room only. False without memory.
 */
yq_must_check bool yq_gzip(const void *bytes, size_t length, struct yq_buf *out);

/* Once, before threads start, and at the end. */
void yq_dcm_init(void);
/* Reads what else would be read when it is first needed, and says in the log what is missing. Any
 * thread. */
void yq_dcm_warm(void);
void yq_dcm_fini(void);

#endif
