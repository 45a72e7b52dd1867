/* hl7_show.c: a message for people: a segment a line, long values shortened, and what is personal
 * masked: who the patient and his kin are, results, notes, diagnoses, and all of segments that only
 * their sender knows. Masked parts keep their delimiters, so that one sees where something is. */
#include <stdio.h>
#include <string.h>

#include "hl7_inside.h"

enum { SHOWN_MOST = 400 }; /* bytes of one component */

static bool is_personal(const char *segment, unsigned field)
{
    static const struct {
        const char *segment;
        const char *fields; /* ",5,"; "": all */
        const char *but;    /* those of all that are not */
    } table[] = {
        {"PID", "", ",1,8,22,"},  {"NK1", "", ",1,"},    {"MRG", "", ""},
        {"PD1", "", ""},          {"GT1", "", ",1,"},    {"IN1", "", ",1,"},
        {"IN2", "", ""},          {"OBX", ",5,", ""},    {"NTE", ",3,", ""},
        {"DG1", ",3,4,", ""},     {"AL1", ",3,5,", ""},  {"OBR", ",13,31,46,", ""},
        {"PV1", ",5,19,50,", ""}, {"PV2", ",3,12,", ""},
    };
    char number[16];
    if (segment[0] == 'Z')
        return strcmp(segment, "ZDS") != 0;
    snprintf(number, sizeof number, ",%u,", field);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].segment, segment) == 0)
            return *table[i].fields ? strstr(table[i].fields, number) != NULL
                                    : strstr(table[i].but, number) == NULL;
    return false;
}

static bool is_delimiter(const struct yq_hl7 *message, char c)
{
    return c == message->component || c == message->repetition || c == message->sub;
}

static void put_part(const char *text, size_t length, bool masked, struct yq_buf *out)
{
    if (masked && length && !(length == 2 && text[0] == '"')) {
        yq_buf_puts(out, "***");
    } else if (length > SHOWN_MOST) {
        yq_buf_putf(out, "(%zu bytes)", length);
    } else {
        for (size_t i = 0; i < length; i++) {
            char c =
                text[i] == '\r' || text[i] == '\n' || (unsigned char)text[i] >= ' ' ? text[i] : '?';
            if (c == '\r' || c == '\n')
                yq_buf_puts(out, " ");
            else
                yq_buf_put(out, &c, 1);
        }
    }
}

static void put_field(const struct yq_hl7 *message, struct hl7_span field, bool masked,
                      struct yq_buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i <= field.length; i++) {
        if (i < field.length && !is_delimiter(message, field.text[i]))
            continue;
        put_part(field.text + from, i - from, masked, out);
        if (i < field.length)
            yq_buf_put(out, field.text + i, 1);
        from = i + 1;
    }
}

void yq_hl7_show(const struct yq_hl7 *message, bool personal, struct yq_buf *out)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct yq_hl7_segment *segment = &message->segments[i];
        const char *rest = segment->text, *end = segment->text + segment->length;
        unsigned field = strcmp(segment->name, "MSH") == 0 ? 1 : 0;
        for (bool first = true; rest <= end; first = false, field++) {
            const char *next =
                rest < end ? memchr(rest, message->field, (size_t)(end - rest)) : NULL;
            struct hl7_span span = {rest, (size_t)((next ? next : end) - rest)};
            if (!first)
                yq_buf_put(out, &message->field, 1);
            put_field(message, span, !first && !personal && is_personal(segment->name, field), out);
            rest = span.text + span.length + 1;
        }
        yq_buf_puts(out, "\n");
    }
}
