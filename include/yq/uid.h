/* uid.h: DICOM unique identifiers (PS3.5 chapter 9), and the few that the node itself speaks of. */
#ifndef YQ_UID_H
#define YQ_UID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YQ_UID_SIZE 65 /* 64 characters and the 0 */

/* Digits and single dots, 1 to 64 characters, a digit first and last. Leading zeros in a component
 * are let pass: devices in hospitals write them, and they do no harm in a path. */
bool yq_uid_valid(const char *uid);

#define YQ_TS_IMPLICIT_LE "1.2.840.10008.1.2"
#define YQ_TS_EXPLICIT_LE "1.2.840.10008.1.2.1"
#define YQ_TS_DEFLATED "1.2.840.10008.1.2.1.99"
#define YQ_TS_EXPLICIT_BE "1.2.840.10008.1.2.2"
#define YQ_TS_JPEG_BASELINE "1.2.840.10008.1.2.4.50"
#define YQ_TS_JPEG_EXTENDED "1.2.840.10008.1.2.4.51"
#define YQ_TS_JPEG_LOSSLESS "1.2.840.10008.1.2.4.57"
#define YQ_TS_JPEG_LOSSLESS_SV1 "1.2.840.10008.1.2.4.70"
#define YQ_TS_JPEGLS_LOSSLESS "1.2.840.10008.1.2.4.80"
#define YQ_TS_JPEGLS_NEAR "1.2.840.10008.1.2.4.81"
#define YQ_TS_J2K_LOSSLESS "1.2.840.10008.1.2.4.90"
#define YQ_TS_J2K "1.2.840.10008.1.2.4.91"
#define YQ_TS_HTJ2K_LOSSLESS "1.2.840.10008.1.2.4.201"
#define YQ_TS_HTJ2K_LOSSLESS_RPCL "1.2.840.10008.1.2.4.202"
#define YQ_TS_HTJ2K "1.2.840.10008.1.2.4.203"
#define YQ_TS_RLE "1.2.840.10008.1.2.5"

#define YQ_SOP_VERIFICATION "1.2.840.10008.1.1"
#define YQ_SOP_COMMITMENT "1.2.840.10008.1.20.1"
#define YQ_SOP_COMMITMENT_INSTANCE "1.2.840.10008.1.20.1.1"
#define YQ_SOP_FIND_PATIENT "1.2.840.10008.5.1.4.1.2.1.1"
#define YQ_SOP_MOVE_PATIENT "1.2.840.10008.5.1.4.1.2.1.2"
#define YQ_SOP_GET_PATIENT "1.2.840.10008.5.1.4.1.2.1.3"
#define YQ_SOP_FIND_STUDY "1.2.840.10008.5.1.4.1.2.2.1"
#define YQ_SOP_MOVE_STUDY "1.2.840.10008.5.1.4.1.2.2.2"
#define YQ_SOP_GET_STUDY "1.2.840.10008.5.1.4.1.2.2.3"
#define YQ_SOP_FIND_PATIENT_STUDY "1.2.840.10008.5.1.4.1.2.3.1"
#define YQ_SOP_MOVE_PATIENT_STUDY "1.2.840.10008.5.1.4.1.2.3.2"
#define YQ_SOP_GET_PATIENT_STUDY "1.2.840.10008.5.1.4.1.2.3.3"

/* The node's own: implementation class UID and version name (PS3.7 D.3.3.2), root under 2.25. */
#define YQ_IMPLEMENTATION_UID "2.25.80302813137786398554742050926734630921"
#define YQ_IMPLEMENTATION_NAME "YINGQIAO_0_1"

/* A new UID under 2.25 (a random UUID as one decimal number) into uid[YQ_UID_SIZE]. */
void yq_uid_make(char *uid);
/* One that follows from the first 16 bytes of a digest (a UUID of version 8). */
void yq_uid_of(const uint8_t *digest, char *uid);

/* What this node makes of an object without loss, in the order in which it is offered. */
#define YQ_LOSSLESS 10
#define YQ_NATIVE 2 /* of them, at the front: neither compressed nor unusual */
extern const char *const yq_lossless[YQ_LOSSLESS + 1]; /* the last is NULL */
bool yq_is_lossless(const char *transfer_syntax);      /* one of them */

/* How a dataset in this transfer syntax is laid out. Every encapsulated or later syntax is explicit
 * little endian. */
enum yq_layout {
    YQ_LAYOUT_IMPLICIT_LE,
    YQ_LAYOUT_EXPLICIT_LE,
    YQ_LAYOUT_EXPLICIT_BE,
    YQ_LAYOUT_DEFLATED
};
enum yq_layout yq_layout_of(const char *transfer_syntax);

#endif
