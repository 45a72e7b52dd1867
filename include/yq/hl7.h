/* hl7.h: HL7 version 2 messages: reading them, looking values up by path, answering. Room form.
 *
 * HL7 v2.3 to v2.8, chapter 2. A message is read as UTF-8 (yq_hl7_decode makes it that) and stays
 * as it is: segments are places in it, values are found when they are asked for. Lenient where
 * senders are: segments end with CR, LF or both, trailing delimiters may be missing, unknown
 * segments and escapes stay. Pure; a message is read by any thread. */
#ifndef YQ_HL7_H
#define YQ_HL7_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

#define YQ_HL7_SEGMENTS_MOST 20000
#define YQ_HL7_FIELD_MOST 999 /* fields, repetitions, components that a path may name */
#define YQ_HL7_CHARSET_SIZE 128

struct yq_hl7_segment {
    const char *text; /* "PID|1|..." without its end, not terminated */
    size_t length;
    char name[4];
};
struct yq_hl7 {
    char field, component, repetition, escape, sub; /* 0: there is none */
    char charset[YQ_HL7_CHARSET_SIZE]; /* of \Xdd\: what yq_text_decode takes; "": UTF-8 */
    struct yq_hl7_segment *segments;   /* owned; [0] is MSH */
    size_t count;
};

/* Appends the message as UTF-8. Its character set is `assume` (a source's "charset") unless that is
 * "", else what MSH-18 says unless the bytes speak clearly against it, else what the bytes say.
 * charset: what it was read with, for the answer. *doubtful: some bytes did not fit. */
void yq_hl7_decode(const void *bytes, size_t length, const char *assume, struct yq_buf *out,
                   char charset[YQ_HL7_CHARSET_SIZE], bool *doubtful);
/* Finds the segments of `text` (borrowed, UTF-8; must live as long). YQ_BAD_INPUT: does not begin
 * with MSH and its delimiters; YQ_FULL: too many segments, no memory. */
yq_must_check bool yq_hl7_parse(const char *text, size_t length, struct yq_hl7 *out,
                                struct yq_err *err);
void yq_hl7_fini(struct yq_hl7 *message);

/* ---- paths ----
 *
 *   PID-3          the field: its first repetition that has something
 *   PID-3.4.2      component, subcomponent
 *   PID-3[2].1     the second repetition
 *   PID-3[MR].1    the repetition that has MR as a component (not the first) or subcomponent
 *   PID-3[all].1   every repetition, a line each
 *   OBX[2]-5       the second OBX
 *   OBX[18782-3]-5, OBX[@101]-5   every OBX whose OBX-3 has that code, name or suffix, a line each;
 *                  @ before what would be a place (1 to 999); those whose OBX-11 is D, W or X are
 *                  passed over
 *   OBX[all]-5     every one
 * Instead of a component: name (XPN as people write it), person and code (of XCN, where the name
 * may stand alone), text (of CE and CWE: the name, else the code; SN: put together). */
enum yq_hl7_pick { YQ_HL7_FIRST, YQ_HL7_NTH, YQ_HL7_LIKE, YQ_HL7_ALL };
enum yq_hl7_part {
    YQ_HL7_WHOLE,
    YQ_HL7_COMPONENT,
    YQ_HL7_NAME,
    YQ_HL7_PERSON,
    YQ_HL7_CODE,
    YQ_HL7_TEXT
};
struct yq_hl7_path {
    char segment[4];
    enum yq_hl7_pick which, repetition;
    unsigned nth, nth_repetition;
    char like[128], like_repetition[64];
    unsigned field;
    enum yq_hl7_part part;
    unsigned component, sub; /* sub 0: all of the component */
};
/* False: it is no path. */
bool yq_hl7_path_parse(const char *text, struct yq_hl7_path *out);

struct yq_hl7_range { /* segments [from, until) */
    size_t from, until;
};
enum yq_hl7_found { YQ_HL7_ABSENT, YQ_HL7_DELETED /* "" in quotes */, YQ_HL7_THERE };
/* Looks in the ranges, in their order, until one has the segment that is meant; appends its value,
 * unescaped. */
enum yq_hl7_found yq_hl7_get(const struct yq_hl7 *message, const struct yq_hl7_range *ranges,
                             size_t range_count, const struct yq_hl7_path *path,
                             struct yq_buf *out);
/* The same for one segment and "OBX-3.1" like paths that are known when the program is written. */
enum yq_hl7_found yq_hl7_value(const struct yq_hl7 *message, size_t segment, unsigned field,
                               unsigned component, struct yq_buf *out);
/* Whether a segment's OBX-3 (or another field) has this code, name or suffix; case does not count.
 */
bool yq_hl7_is_like(const struct yq_hl7 *message, size_t segment, unsigned field, const char *code);
/* A field as it stands, for what is too large to be copied. */
bool yq_hl7_raw(const struct yq_hl7 *message, size_t segment, unsigned field, unsigned component,
                const char **text, size_t *length);
/* Appends text with escape sequences undone; line breaks become LF. */
void yq_hl7_unescape(const struct yq_hl7 *message, const char *text, size_t length,
                     struct yq_buf *out);

/* Appends the message for people, a segment a line, long values shortened; unless `personal`, what
 * says who the patient is and what was found is masked. */
void yq_hl7_show(const struct yq_hl7 *message, bool personal, struct yq_buf *out);

/* ---- head and answer ---- */

enum yq_hl7_when { YQ_HL7_UNSAID, YQ_HL7_ALWAYS, YQ_HL7_NEVER, YQ_HL7_ON_ERROR, YQ_HL7_ON_SUCCESS };
struct yq_hl7_head { /* of MSH; cut where longer */
    char application[181], facility[181];
    char type[16], event[16]; /* MSH-9: "ORM", "O01" */
    char control[200];        /* MSH-10 */
    char processing[8], version[16];
    char time[32];                   /* MSH-7 */
    enum yq_hl7_when accept, answer; /* MSH-15, MSH-16 */
};
void yq_hl7_head_read(const struct yq_hl7 *message, struct yq_hl7_head *out);
bool yq_hl7_enhanced(const struct yq_hl7_head *head);

struct yq_hl7_answer {
    const char *code;      /* AA, AE, AR, CA, CE, CR */
    const char *control;   /* of the answer itself; unique */
    const char *time;      /* "20260301081500" */
    const char *location;  /* ERR-2: "OBX-5" or ""; with segment's place: "OBX[3]-5" */
    unsigned condition;    /* table 0357; 0: none, no ERR */
    const char *text;      /* what is wrong, in English: MSA-3, ERR-7 */
    const char *user_text; /* ERR-8, in Chinese; "" */
};
/* Appends the answer to `message`, segments ended with CR, in its character set (`charset` as
 * yq_hl7_decode gave it). `message` NULL: nothing could be read of it. */
void yq_hl7_answer_write(const struct yq_hl7 *message, const char *charset,
                         const struct yq_hl7_answer *answer, struct yq_buf *out);
/* Table 0357: "Required field missing". */
const char *yq_hl7_condition_text(unsigned condition);

#endif
