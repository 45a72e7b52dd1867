/* scan.h: the scanner's face towards the rest of this room: fragments of encapsulated pixel data,
 * and values that are passed over in part. */
#ifndef YQ_DCM_SCAN_H
#define YQ_DCM_SCAN_H

#include "yq/dcm.h"

/* One of the value representations of PS3.5 6.2; *wide: its length takes four bytes in explicit VR.
 */
bool yq_scan_known_vr(const uint8_t vr[2], bool *wide);

/* After an element with undefined length that is no sequence: the next fragment; the first is the
 * basic offset table. Then yq_scan_value reads it. False at the end of the fragments (err->code ==
 * YQ_OK) or when they are broken. */
bool yq_scan_fragment(struct yq_scan *scan, uint64_t *position, uint32_t *length,
                      struct yq_err *err);

/* Passes over the next `count` bytes of the current value; YQ_BAD_INPUT when there are fewer. */
yq_must_check bool yq_scan_skip_value(struct yq_scan *scan, uint64_t count, struct yq_err *err);

/* Whether so many bytes may be made of so many that were read: a megabyte can be made to hold a
 * gigabyte of zeros. Blank images come near to that; what stands before pixels does not. */
bool yq_scan_may_inflate(uint64_t made, uint64_t read, bool pixels);
/* What is read from here on is no pixel data, or may be (as it is in the beginning). */
void yq_scan_only_header(struct yq_scan *scan, bool only);

/* From now on yq_scan_next also shows where items begin and end and where sequences end:
 * (FFFE,E000) with its length, (FFFE,E00D), (FFFE,E0DD), at the depth of the item's elements and of
 * the sequence; `header` is 0 where a length ended it and no delimiter stands there. */
void yq_scan_show_marks(struct yq_scan *scan);
/* Passes over the item that was just shown to begin, where its length is told; else does nothing.
 * Its end is shown next. */
yq_must_check bool yq_scan_skip_item(struct yq_scan *scan, struct yq_err *err);
/* How elements are laid out from here on: within a sequence just begun, its items'. */
enum yq_layout yq_scan_layout(const struct yq_scan *scan);

/* Bytes of the dataset passed so far, after inflating. */
uint64_t yq_scan_position(const struct yq_scan *scan);

/* What the dictionary says of a private element; "UN" when it is not known, or a sequence. */
const char *yq_dcm_private_vr(uint32_t tag, const char *creator);
/* Whether a tag is "US or SS" there: signed where the pixels are. PS3.5 A.1. */
bool yq_dcm_follows_pixels(uint32_t tag);

/* The beginning of an element, as yq_writer_put writes it. */
void yq_writer_put_header(struct yq_writer *writer, uint32_t tag, const char *vr, uint32_t length);
/* Item and delimiter tags, with their length. */
void yq_writer_put_mark(struct yq_writer *writer, uint32_t tag, uint32_t length);

#endif
