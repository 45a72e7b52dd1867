/* writer.c: writes a dataset into a buffer, element by element, in the three layouts that are not
 * deflated. PS3.5 6.2 (padding), 7.1 (headers), 7.5 (sequences, always of undefined length).
 *
 * Refuses nothing: what to write is the caller's; a failed buffer shows in out->failed. */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define UNDEFINED 0xffffffffu

static void put16(struct yq_writer *writer, unsigned value)
{
    if (writer->layout == YQ_LAYOUT_EXPLICIT_BE)
        yq_buf_put_be16(writer->out, value);
    else
        yq_buf_put_le16(writer->out, value);
}

static void put32(struct yq_writer *writer, uint32_t value)
{
    if (writer->layout == YQ_LAYOUT_EXPLICIT_BE)
        yq_buf_put_be32(writer->out, value);
    else
        yq_buf_put_le32(writer->out, value);
}

static void put_tag(struct yq_writer *writer, uint32_t tag)
{
    put16(writer, tag >> 16);
    put16(writer, tag & 0xffff);
}

void yq_writer_put_header(struct yq_writer *writer, uint32_t tag, const char *vr, uint32_t length)
{
    bool wide = true;
    (void)yq_scan_known_vr((const uint8_t *)vr, &wide);
    put_tag(writer, tag);
    if (writer->layout == YQ_LAYOUT_IMPLICIT_LE) {
        put32(writer, length);
        return;
    }
    if (!wide && length > 0xffff) { /* PS3.5 6.2.2: too long for its VR is written as UN */
        vr = "UN";
        wide = true;
    }
    yq_buf_put(writer->out, vr, 2);
    put16(writer, wide ? 0 : length);
    if (wide)
        put32(writer, length);
}

void yq_writer_put(struct yq_writer *writer, uint32_t tag, const char *vr, const void *bytes,
                   size_t length)
{
    static const char null_padded[] = "UI OB UN";
    if (length >= UNDEFINED - 1) {
        writer->out->failed = true; /* no element can hold that */
        return;
    }
    yq_writer_put_header(writer, tag, vr, (uint32_t)(length + (length & 1)));
    yq_buf_put(writer->out, bytes, length);
    if (length & 1)
        yq_buf_put(writer->out, strstr(null_padded, vr) ? "" : " ", 1);
}

/* One number after the other, as `size` bytes each; AT as gggg,eeee in one hexadecimal number. */
static void put_numbers(struct yq_writer *writer, const char *vr, const char *text)
{
    size_t size = strcmp(vr, "US") == 0 || strcmp(vr, "SS") == 0 ? 2 : 4;
    int base = strcmp(vr, "AT") == 0 ? 16 : 10;
    while (*text) {
        char *end;
        long long value = strtoll(text, &end, base);
        if (base == 16)
            put_tag(writer, (uint32_t)value);
        else if (size == 2)
            put16(writer, (unsigned)(value & 0xffff));
        else
            put32(writer, (uint32_t)value);
        while (*end && *end != '\\')
            end++;
        text = *end ? end + 1 : end;
    }
}

void yq_writer_put_text(struct yq_writer *writer, uint32_t tag, const char *vr, const char *text)
{
    static const char numbers[] = "US UL SS SL AT";
    if (!strstr(numbers, vr)) {
        yq_writer_put(writer, tag, vr, text, strlen(text));
        return;
    }
    size_t count = *text ? 1 : 0;
    for (const char *p = text; *p; p++)
        if (*p == '\\' && p[1])
            count++;
    size_t size = strcmp(vr, "US") == 0 || strcmp(vr, "SS") == 0 ? 2 : 4;
    yq_writer_put_header(writer, tag, vr, (uint32_t)(count * size));
    put_numbers(writer, vr, text);
}

void yq_writer_put_mark(struct yq_writer *writer, uint32_t tag, uint32_t length)
{
    put_tag(writer, tag);
    put32(writer, length);
}

void yq_writer_begin_sequence(struct yq_writer *writer, uint32_t tag)
{
    yq_writer_put_header(writer, tag, "SQ", UNDEFINED);
}

void yq_writer_begin_item(struct yq_writer *writer)
{
    yq_writer_put_mark(writer, 0xfffee000, UNDEFINED);
}

void yq_writer_end_item(struct yq_writer *writer) { yq_writer_put_mark(writer, 0xfffee00d, 0); }

void yq_writer_end_sequence(struct yq_writer *writer) { yq_writer_put_mark(writer, 0xfffee0dd, 0); }

void yq_writer_put_code(struct yq_writer *writer, const char *value, const char *meaning)
{
    yq_writer_begin_item(writer);
    yq_writer_put_text(writer, 0x00080100, "SH", value);
    yq_writer_put_text(writer, 0x00080102, "SH", "DCM");
    yq_writer_put_text(writer, 0x00080104, "LO", meaning);
    yq_writer_end_item(writer);
}
