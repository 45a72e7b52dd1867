/* hl7_inside.h: what the files that read HL7 share. Private to form/. */
#ifndef YQ_FORM_HL7_INSIDE_H
#define YQ_FORM_HL7_INSIDE_H

#include "yq/hl7.h"

struct hl7_span {
    const char *text;
    size_t length;
};
/* The n-th field as it stands. */
bool hl7_field(const struct yq_hl7 *message, const struct yq_hl7_segment *segment, unsigned n,
               struct hl7_span *out);
/* Appends text with what are delimiters in the message escaped, line breaks as \.br\. */
void hl7_escape(const struct yq_hl7 *message, const char *text, struct yq_buf *out);

#endif
