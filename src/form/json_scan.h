/* json_scan.h: a pull scanner over JSON text (RFC 8259) that keeps numbers as they are written and
 * says where something is wrong. Private to form/. One thread at a time.
 *
 * The text need not be ended by a 0, and is UTF-8 (the caller has looked). */
#ifndef YQ_FORM_JSON_SCAN_H
#define YQ_FORM_JSON_SCAN_H

#include "yq/bytes.h"
#include "yq/err.h"

struct json_scan {
    const char *text;
    size_t length, at;
};

/* YQ_BAD_INPUT with line and column of where the scanner is; returns false. */
bool json_wrong(const struct json_scan *scan, const char *what, struct yq_err *err);
/* The next character that is no blank, which stays; 0: the end. */
char json_peek(struct json_scan *scan);
/* Takes it when it is this one. */
bool json_take(struct json_scan *scan, char wanted);
/* What follows must be it. */
bool json_need(struct json_scan *scan, char wanted, struct yq_err *err);
/* A string, at most `most` bytes of it, into `out`, which is emptied first. YQ_FULL: no memory. */
bool json_text(struct json_scan *scan, size_t most, struct yq_buf *out, struct yq_err *err);
/* A number, as it is written. */
bool json_number(struct json_scan *scan, struct yq_buf *out, struct yq_err *err);
/* "true", "false" or "null", of which the first letter was seen. */
bool json_word(struct json_scan *scan, const char *word, struct yq_err *err);

/* Appends text as a JSON string, quotes included. */
void json_put_text(struct yq_buf *out, const char *text, size_t length);
/* Whether text is a number as RFC 8259 has it. */
bool json_is_number(const char *text);

#endif
