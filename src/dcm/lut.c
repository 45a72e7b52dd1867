/* lut.c: look-up tables and palettes as objects hold them.
 *
 * Knows PS3.3 C.11.1.1.1 and C.11.2.1.1 (descriptor and data), C.7.6.3.1.5 and .6 (palettes),
 * C.7.9.2 (segmented palettes). Descriptors are believed as far as the data bear them out: fewer
 * entries than described, entries of 8 bits said to have 16, entries wider than said. Segments are
 * expanded to what the descriptor says at most. Thread-safe. */
#include <stdlib.h>
#include <string.h>

#include "pixels.h"

#define ROOM "dcm"

enum { ENTRIES_MOST = 65536 };

struct description {
    unsigned entries;
    uint16_t first; /* as stored */
    bool is_signed; /* says so by its VR */
    unsigned bits;  /* as said, which may be nonsense */
};

static bool describe(const struct yq_item *item, uint32_t tag, struct description *out)
{
    const struct yq_data *data = yq_item_find(item, tag);
    if (!data || data->length < 6)
        return false;
    const uint8_t *p = data->bytes;
    out->entries = yq_le16(p) ? yq_le16(p) : ENTRIES_MOST;
    out->first = yq_le16(p + 2);
    out->is_signed = strcmp(data->vr, "SS") == 0;
    out->bits = yq_le16(p + 4);
    return true;
}

static bool allocate(struct yq_lut *lut, unsigned entries, struct yq_err *err)
{
    lut->values = malloc(entries * sizeof *lut->values);
    if (!lut->values)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a look-up table");
    lut->entries = entries;
    return true;
}

static unsigned bits_needed(const struct yq_lut *lut)
{
    unsigned highest = 0, bits = 8;
    for (unsigned i = 0; i < lut->entries; i++)
        highest |= lut->values[i];
    while (highest >> bits)
        bits++;
    return bits;
}

/* Entries are words, or bytes where there are too few for that. */
static bool fill(const struct description *said, const struct yq_data *data, struct yq_lut *lut,
                 struct yq_err *err)
{
    size_t n = said->entries, length = data->length;
    bool bytes = length < 2 * n && (said->bits <= 8 || length == n || length == n + (n & 1));
    size_t there = bytes ? length : length / 2;
    if (there > n)
        there = n;
    if (!there)
        return true;
    if (!allocate(lut, (unsigned)there, err))
        return false;
    for (size_t i = 0; i < there; i++)
        lut->values[i] = bytes ? data->bytes[i] : yq_le16(data->bytes + 2 * i);
    unsigned needed = bits_needed(lut);
    bool likely = said->bits >= needed && said->bits <= 16 && !(bytes && said->bits > 8);
    lut->bits = likely ? said->bits : needed;
    return true;
}

bool yq_lut_read(const struct yq_item *item, uint32_t descriptor, uint32_t data, bool is_signed,
                 struct yq_lut *out, struct yq_err *err)
{
    struct description said;
    const struct yq_data *values = yq_item_find(item, data);
    memset(out, 0, sizeof *out);
    if (!describe(item, descriptor, &said) || !values)
        return true;
    out->first = is_signed || said.is_signed ? (int16_t)said.first : said.first;
    return fill(&said, values, out, err);
}

/* ---- segmented palettes ---- */

enum { DISCRETE, LINEAR, INDIRECT };

struct expansion {
    const uint8_t *bytes;
    size_t length;
    unsigned size; /* of a value: 1 or 2 */
    uint16_t *out;
    size_t count, most;
};

static bool next(const struct expansion *e, size_t *at, unsigned *value)
{
    if (e->length - *at < e->size)
        return false;
    *value = e->size == 1 ? e->bytes[*at] : yq_le16(e->bytes + *at);
    *at += e->size;
    return true;
}

static void put(struct expansion *e, unsigned value)
{
    if (e->count < e->most)
        e->out[e->count++] = (uint16_t)value;
}

/* `length` values that end with `to` and begin behind the last one there is. */
static void put_line(struct expansion *e, unsigned length, unsigned to)
{
    int64_t from = e->out[e->count - 1], step = (int64_t)to - from;
    for (unsigned i = 1; i <= length; i++)
        put(e, (unsigned)((from * length + step * i + length / 2) / length));
}

/* One segment that is not indirect. */
static bool expand_simple(struct expansion *e, unsigned code, size_t *at)
{
    unsigned length, value;
    if (!next(e, at, &length))
        return false;
    if (code == LINEAR) {
        if (!e->count || !next(e, at, &value))
            return false;
        put_line(e, length, value);
        return true;
    }
    for (unsigned i = 0; i < length; i++) {
        if (!next(e, at, &value))
            return false;
        put(e, value);
    }
    return code == DISCRETE;
}

/* Segments that stand elsewhere once more; they may not lead further. */
static bool expand_indirect(struct expansion *e, size_t *at)
{
    unsigned count, code;
    if (!next(e, at, &count) || e->length - *at < 4)
        return false;
    size_t there = yq_le32(e->bytes + *at);
    *at += 4;
    if (there >= e->length)
        return false;
    for (unsigned i = 0; i < count && e->count < e->most; i++)
        if (!next(e, &there, &code) || code == INDIRECT || !expand_simple(e, code, &there))
            return false;
    return true;
}

static bool expand(struct expansion *e)
{
    size_t at = 0;
    unsigned code;
    while (e->count < e->most && next(e, &at, &code))
        if (code == INDIRECT ? !expand_indirect(e, &at) : !expand_simple(e, code, &at))
            return false;
    return e->count > 0;
}

/* ---- palettes ---- */

static bool read_colour(const struct yq_item *item, uint32_t colour, bool is_signed,
                        struct yq_lut *out, struct yq_err *err)
{
    struct description said;
    const struct yq_data *segments = yq_item_find(item, 0x00281221 + colour);
    uint32_t descriptor = 0x00281101 + colour;
    if (!yq_lut_read(item, descriptor, 0x00281201 + colour, is_signed, out, err))
        return false;
    if (out->entries || !segments || !segments->length || !describe(item, descriptor, &said))
        return true;
    if (!allocate(out, said.entries, err))
        return false;
    struct expansion e = {.bytes = segments->bytes,
                          .length = segments->length,
                          .size = said.bits == 8 ? 1 : 2,
                          .out = out->values,
                          .most = said.entries};
    if (!expand(&e)) {
        yq_lut_fini(out);
        return true;
    }
    out->entries = (unsigned)e.count;
    out->first = is_signed ? (int16_t)said.first : said.first;
    out->bits = bits_needed(out);
    return true;
}

bool yq_palette_read(const struct yq_item *item, bool is_signed, struct yq_lut palette[3],
                     struct yq_err *err)
{
    bool there = true, narrow = true;
    memset(palette, 0, 3 * sizeof *palette);
    for (uint32_t colour = 0; colour < 3; colour++) {
        if (!read_colour(item, colour, is_signed, &palette[colour], err))
            return false;
        there = there && palette[colour].entries;
        narrow = narrow && palette[colour].entries && bits_needed(&palette[colour]) <= 8;
    }
    for (size_t colour = 0; colour < 3; colour++) {
        struct yq_lut *lut = &palette[colour];
        for (unsigned i = 0; there && narrow && i < lut->entries; i++)
            lut->values[i] = (uint16_t)(lut->values[i] * 257); /* 8 bits, whatever was said */
        lut->bits = 16;
        if (!there)
            yq_lut_fini(lut);
    }
    return true;
}
