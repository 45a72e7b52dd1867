/* sample.c: collects elements, encodes their text, writes them sorted. Numbers are put as text; one
 * thread. PS3.5 7.1. */
#include "sample.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/dcm.h"
#include "yq/text.h"

/* Stands for a VR: OB of undefined length. */
#define ENCAPSULATED "--"

static struct yq_buf *add(struct yq_sample *sample, uint32_t tag, const char *vr)
{
    if (sample->count == sample->room) {
        size_t room = sample->room ? 2 * sample->room : 64;
        struct yq_sample_element *elements = reallocarray(sample->elements, room, sizeof *elements);
        if (!elements) {
            sample->failed = true;
            return NULL;
        }
        sample->elements = elements;
        sample->room = room;
    }
    struct yq_sample_element *element = &sample->elements[sample->count++];
    *element = (struct yq_sample_element){.tag = tag};
    memcpy(element->vr, vr, 2);
    return &element->value;
}

void yq_sample_text(struct yq_sample *sample, uint32_t tag, const char *vr, const char *text)
{
    static const char encoded[] = "PN LO SH LT ST UT UC";
    struct yq_buf *value = add(sample, tag, vr);
    if (!value)
        return;
    if (!strstr(encoded, vr))
        yq_buf_puts(value, text);
    else if (*text && !yq_text_encode(sample->charset, vr, text, value))
        sample->failed = true;
    sample->failed |= value->failed;
}

void yq_sample_textf(struct yq_sample *sample, uint32_t tag, const char *vr, const char *format,
                     ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    yq_sample_text(sample, tag, vr, text);
}

void yq_sample_bytes(struct yq_sample *sample, uint32_t tag, const char *vr, const void *bytes,
                     size_t length)
{
    struct yq_buf *value = add(sample, tag, vr);
    if (!value)
        return;
    yq_buf_put(value, bytes, length);
    sample->failed |= value->failed;
}

void yq_sample_double(struct yq_sample *sample, uint32_t tag, double number)
{
    uint64_t bits;
    struct yq_buf *value = add(sample, tag, "FD");
    if (!value)
        return;
    memcpy(&bits, &number, sizeof bits);
    yq_buf_put_le32(value, (uint32_t)bits);
    yq_buf_put_le32(value, (uint32_t)(bits >> 32));
}

void yq_sample_item(struct yq_sample *sample, uint32_t tag, struct yq_sample *take_item)
{
    size_t last = sample->count - 1;
    bool more = sample->count && sample->elements[last].tag == tag &&
                strcmp(sample->elements[last].vr, "SQ") == 0;
    struct yq_buf *value = more ? &sample->elements[last].value : add(sample, tag, "SQ");
    if (value && take_item) {
        struct yq_writer writer = {.out = value, .layout = sample->layout};
        yq_writer_begin_item(&writer);
        yq_sample_write(take_item, value);
        yq_writer_end_item(&writer);
        sample->failed |= take_item->failed | value->failed;
    }
    if (take_item)
        yq_sample_fini(take_item);
}

void yq_sample_code(struct yq_sample *sample, uint32_t tag, const char *value, const char *scheme,
                    const char *meaning)
{
    struct yq_sample item = {.layout = sample->layout};
    memcpy(item.charset, sample->charset, sizeof item.charset);
    yq_sample_text(&item, 0x00080100, "SH", value);
    yq_sample_text(&item, 0x00080102, "SH", scheme);
    yq_sample_text(&item, 0x00080104, "LO", meaning);
    yq_sample_item(sample, tag, &item);
}

static void put_fragment(struct yq_buf *out, const void *bytes, size_t length)
{
    yq_buf_put_le16(out, 0xfffe);
    yq_buf_put_le16(out, 0xe000);
    yq_buf_put_le32(out, (uint32_t)(length + (length & 1)));
    yq_buf_put(out, bytes, length);
    if (length & 1)
        yq_buf_put(out, "", 1);
}

void yq_sample_frames(struct yq_sample *sample, const struct yq_buf *frames, size_t count)
{
    struct yq_buf table yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf *value = add(sample, 0x7fe00010, ENCAPSULATED);
    uint32_t offset = 0;
    if (!value)
        return;
    for (size_t i = 0; i < count; i++) {
        yq_buf_put_le32(&table, offset);
        offset += (uint32_t)(8 + frames[i].length + (frames[i].length & 1));
    }
    put_fragment(value, table.bytes, table.length);
    for (size_t i = 0; i < count; i++)
        put_fragment(value, frames[i].bytes, frames[i].length);
    sample->failed |= value->failed | table.failed;
}

/* Explicit little endian: no other layout has encapsulated pixels. */
static void write_frames(const struct yq_sample_element *element, struct yq_buf *out)
{
    yq_buf_put_le16(out, element->tag >> 16);
    yq_buf_put_le16(out, element->tag & 0xffff);
    yq_buf_put(out, "OB\0", 4);
    yq_buf_put_le32(out, 0xffffffff);
    yq_buf_put(out, element->value.bytes, element->value.length);
    yq_buf_put_le16(out, 0xfffe);
    yq_buf_put_le16(out, 0xe0dd);
    yq_buf_put_le32(out, 0);
}

static int by_tag(const void *a, const void *b)
{
    uint32_t x = ((const struct yq_sample_element *)a)->tag;
    uint32_t y = ((const struct yq_sample_element *)b)->tag;
    return x < y ? -1 : x > y;
}

void yq_sample_write(struct yq_sample *sample, struct yq_buf *out)
{
    struct yq_writer writer = {.out = out, .layout = sample->layout};
    if (sample->count)
        qsort(sample->elements, sample->count, sizeof *sample->elements, by_tag);
    for (size_t i = 0; i < sample->count; i++) {
        const struct yq_sample_element *e = &sample->elements[i];
        if (strcmp(e->vr, ENCAPSULATED) == 0) {
            write_frames(e, out);
        } else if (strcmp(e->vr, "SQ") == 0) {
            yq_writer_begin_sequence(&writer, e->tag);
            yq_buf_put(out, e->value.bytes, e->value.length);
            yq_writer_end_sequence(&writer);
        } else if (strstr("US UL SS SL AT", e->vr)) {
            yq_writer_put_text(&writer, e->tag, e->vr, yq_buf_text(&e->value));
        } else {
            yq_writer_put(&writer, e->tag, e->vr,
                          e->value.bytes ? e->value.bytes : (const void *)"", e->value.length);
        }
    }
}

void yq_sample_fini(struct yq_sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        yq_buf_fini(&sample->elements[i].value);
    free(sample->elements);
    sample->elements = NULL;
    sample->count = sample->room = 0;
}
