/* lossless_encode.c: one frame as lossless JPEG, process 14. ISO/IEC 10918-1 annexes B, C, H, K.2;
 * PS3.5 8.2.2, A.4.2.
 *
 * One interleaved scan, one Huffman table made for the frame; predictor 1 where the transfer syntax
 * is the one of first-order prediction, else 7, which fits scanned images better. Colour is not
 * transformed. Thread-safe. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "yq/uid.h"

#define ROOM "image"

enum { SIZES = 17, LONGEST = 16, NONE = SIZES, NODES = 2 * (SIZES + 1) };

struct code {
    unsigned bits[LONGEST + 1]; /* how many codes of each length */
    uint8_t order[SIZES];       /* sizes by code */
    unsigned count;
    uint32_t code[SIZES];
    uint8_t length[SIZES];
};

struct encoding {
    const struct yq_frame *plain;
    unsigned predictor, cell, stride; /* stride: samples of a row */
    int16_t *differences;
    uint64_t counts[SIZES + 1];
};

/* ---- differences ---- */

static inline int sample_at(const uint8_t *row, unsigned cell, size_t i)
{
    return cell == 1 ? row[i] : yq_le16(row + 2 * i);
}

/* H.1.2.1: the first row has its left neighbour, the first column the one above. */
static void take_row(struct encoding *e, const uint8_t *row, const uint8_t *above, int16_t *out)
{
    unsigned cell = e->cell, samples = e->plain->samples;
    for (size_t i = 0; i < samples; i++)
        out[i] = (int16_t)(sample_at(row, cell, i) -
                           (above ? sample_at(above, cell, i) : 1 << (e->plain->bits_stored - 1)));
    if (!above || e->predictor == 1)
        for (size_t i = samples; i < e->stride; i++)
            out[i] = (int16_t)(sample_at(row, cell, i) - sample_at(row, cell, i - samples));
    else
        for (size_t i = samples; i < e->stride; i++) {
            int a = sample_at(row, cell, i - samples), b = sample_at(above, cell, i);
            out[i] = (int16_t)(sample_at(row, cell, i) - ((a + b) >> 1));
        }
}

static inline unsigned size_of(int difference)
{
    unsigned magnitude = (unsigned)abs(difference);
    return magnitude ? 32 - (unsigned)__builtin_clz(magnitude) : 0;
}

static void take_differences(struct encoding *e)
{
    size_t row = (size_t)e->stride * e->cell;
    const uint8_t *p = e->plain->pixels.bytes, *above = NULL;
    for (unsigned y = 0; y < e->plain->rows; y++, above = p, p += row) {
        int16_t *out = e->differences + (size_t)y * e->stride;
        take_row(e, p, above, out);
        for (size_t i = 0; i < e->stride; i++)
            e->counts[size_of(out[i])]++;
    }
}

/* ---- the Huffman code. K.2 ---- */

/* The rarest node that is not part of another yet; of two the later one. */
static int rarest(const uint64_t *counts, const int *parent, int nodes)
{
    int found = -1;
    for (int i = 0; i < nodes; i++)
        if (counts[i] && parent[i] < 0 && (found < 0 || counts[i] <= counts[found]))
            found = i;
    return found;
}

/* Into `depths`, of each size that occurs; one more, NONE, keeps the code of ones alone unused. */
static void measure(const uint64_t given[SIZES + 1], unsigned depths[SIZES + 1])
{
    uint64_t counts[NODES] = {0};
    int parent[NODES], nodes = SIZES + 1;
    memset(parent, -1, sizeof parent);
    memcpy(counts, given, sizeof(uint64_t) * SIZES);
    for (int i = 0; i < SIZES; i++) /* so that NONE is the rarest */
        counts[i] *= 2;
    counts[NONE] = 1;
    for (;;) {
        int one = rarest(counts, parent, nodes);
        parent[one] = nodes; /* so that the next search passes it */
        int two = rarest(counts, parent, nodes);
        if (two < 0) {
            parent[one] = -1;
            break;
        }
        parent[two] = nodes;
        counts[nodes++] = counts[one] + counts[two];
    }
    for (int i = 0; i <= SIZES; i++) {
        depths[i] = 0;
        for (int at = i; counts[i] && parent[at] >= 0; at = parent[at])
            depths[i]++;
    }
}

static void make_code(const uint64_t counts[SIZES + 1], struct code *code)
{
    unsigned depths[SIZES + 1], bits[NODES] = {0};
    memset(code, 0, sizeof *code);
    measure(counts, depths);
    for (int i = 0; i <= SIZES; i++)
        if (depths[i])
            bits[depths[i]]++;
    for (unsigned i = NODES - 1; i > LONGEST; i--) /* figure K.3 */
        while (bits[i]) {
            unsigned j = i - 2;
            while (!bits[j])
                j--;
            bits[i] -= 2;
            bits[i - 1]++;
            bits[j + 1] += 2;
            bits[j]--;
        }
    unsigned longest = LONGEST;
    while (!bits[longest])
        longest--;
    bits[longest]--; /* NONE */
    for (unsigned depth = 1; depth < NODES; depth++)
        for (int i = 0; i < SIZES; i++)
            if (depths[i] == depth)
                code->order[code->count++] = (uint8_t)i;
    uint32_t next = 0;
    for (unsigned length = 1, at = 0; length <= LONGEST; length++, next <<= 1) {
        code->bits[length] = bits[length];
        for (unsigned i = 0; i < bits[length]; i++, at++) {
            code->code[code->order[at]] = next++;
            code->length[code->order[at]] = (uint8_t)length;
        }
    }
}

/* ---- markers ---- */

static void put_heads(const struct encoding *e, const struct code *code, struct yq_buf *out)
{
    const struct yq_frame *f = e->plain;
    bool rgb = strcmp(f->photometric, "RGB") == 0;
    uint8_t ids[3];
    for (unsigned s = 0; s < 3; s++) /* what libjpeg, too, takes for RGB and for nothing else */
        ids[s] = rgb ? (uint8_t) "RGB"[s] : (uint8_t)(s + 1);
    yq_buf_put(out, "\xff\xd8\xff\xc3", 4);
    yq_buf_put_be16(out, 8 + 3 * f->samples);
    yq_buf_put(out, &(uint8_t){(uint8_t)f->bits_stored}, 1);
    yq_buf_put_be16(out, f->rows);
    yq_buf_put_be16(out, f->columns);
    yq_buf_put(out, &(uint8_t){(uint8_t)f->samples}, 1);
    for (unsigned s = 0; s < f->samples; s++)
        yq_buf_put(out, (uint8_t[]){ids[s], 0x11, 0}, 3);
    yq_buf_put(out, "\xff\xc4", 2);
    yq_buf_put_be16(out, 2 + 1 + 16 + code->count);
    yq_buf_put(out, "", 1);
    for (unsigned i = 1; i <= LONGEST; i++)
        yq_buf_put(out, &(uint8_t){(uint8_t)code->bits[i]}, 1);
    yq_buf_put(out, code->order, code->count);
    yq_buf_put(out, "\xff\xda", 2);
    yq_buf_put_be16(out, 6 + 2 * f->samples);
    yq_buf_put(out, &(uint8_t){(uint8_t)f->samples}, 1);
    for (unsigned s = 0; s < f->samples; s++)
        yq_buf_put(out, (uint8_t[]){ids[s], 0}, 2);
    yq_buf_put(out, (uint8_t[]){(uint8_t)e->predictor, 0, 0}, 3);
}

/* ---- entropy coding ---- */

struct bits {
    uint8_t *to;
    uint64_t word; /* the last `have` bits, at the bottom */
    unsigned have;
};

static inline void put_byte(struct bits *b, uint8_t byte)
{
    *b->to++ = byte;
    if (byte == 0xff)
        *b->to++ = 0;
}

/* Four bytes at a time, mostly without 0xff. */
static inline void drain(struct bits *b)
{
    if (b->have < 32)
        return;
    uint32_t four = (uint32_t)(b->word >> (b->have - 32));
    b->have -= 32;
    if (!((~four - 0x01010101u) & four & 0x80808080u)) {
        uint32_t turned = __builtin_bswap32(four);
        memcpy(b->to, &turned, 4);
        b->to += 4;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8)
        put_byte(b, (uint8_t)(four >> shift));
}

static void put_row(struct bits *b, const int16_t *row, size_t count, const struct code *code)
{
    for (size_t i = 0; i < count; i++) {
        int difference = row[i];
        unsigned size = size_of(difference), extra = size == 16 ? 0 : size;
        uint32_t low = (uint32_t)(difference < 0 ? difference - 1 : difference);
        b->word = b->word << code->length[size] | code->code[size];
        b->word = b->word << extra | (low & ((1u << extra) - 1));
        b->have += code->length[size] + extra;
        drain(b);
    }
}

static void put_scan(const struct encoding *e, const struct code *code, struct yq_buf *out)
{
    struct bits b = {0};
    size_t row = (size_t)e->stride * 8 + 16; /* 31 bits a sample, each byte stuffed */
    for (unsigned y = 0; y < e->plain->rows; y++) {
        b.to = yq_buf_room(out, row);
        if (!b.to)
            return;
        put_row(&b, e->differences + (size_t)y * e->stride, e->stride, code);
        out->length = (size_t)(b.to - out->bytes);
    }
    b.to = yq_buf_room(out, 16);
    if (!b.to)
        return;
    if (b.have % 8) { /* filled up with ones. F.1.2.3 */
        unsigned fill = 8 - b.have % 8;
        b.word = b.word << fill | ((1u << fill) - 1);
        b.have += fill;
    }
    for (; b.have; b.have -= 8)
        put_byte(&b, (uint8_t)(b.word >> (b.have - 8)));
    out->length = (size_t)(b.to - out->bytes);
    yq_buf_put(out, "\xff\xd9", 2);
}

bool yq_lossless_encode(const struct yq_frame *plain, const struct yq_coding *coding,
                        struct yq_frame *out, struct yq_err *err)
{
    if (plain->bits_stored < 2 || plain->bits_stored > 16 || plain->bits_allocated > 16)
        return yq_fail(err, YQ_REFUSED, ROOM, "lossless JPEG cannot hold samples of %u bits",
                       plain->bits_stored);
    struct encoding e = {.plain = plain,
                         .predictor = strcmp(coding->syntax, YQ_TS_JPEG_LOSSLESS_SV1) == 0 ? 1 : 7,
                         .cell = plain->bits_allocated / 8,
                         .stride = plain->columns * plain->samples};
    e.differences = calloc((size_t)plain->rows * e.stride, sizeof *e.differences);
    if (!e.differences)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to encode a frame");
    struct code code;
    take_differences(&e);
    make_code(e.counts, &code);
    put_heads(&e, &code, &out->pixels);
    put_scan(&e, &code, &out->pixels);
    free(e.differences);
    out->planar = false;
    return !out->pixels.failed || yq_fail(err, YQ_FULL, ROOM, "no memory to encode a frame");
}
