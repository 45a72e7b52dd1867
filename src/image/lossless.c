/* lossless.c: decodes one frame of lossless JPEG, process 14, all predictors. ISO/IEC 10918-1
 * annexes B, C, F.2.2.3, H; PS3.5 A.4.2.
 *
 * Our own, because it is what most compressed X-ray and CT images come in, and the libraries at
 * hand take three times as long. A look into one table gives length, code and difference of nearly
 * every sample. Colour is left as it is: lossless JPEG in DICOM transforms none. Refuses subsampled
 * components and arithmetic coding. A frame that ends early is an error. Thread-safe. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "markers.h"

#define ROOM "image"

enum { TABLES = 4, LOOK = 12, SIZES = 17, COMPONENTS = MARKERS_COMPONENTS };
enum { PER_REFILL = 4 }; /* looks into a table that 57 bits are enough for */

struct huffman {
    bool defined;
    struct look { /* by the next LOOK bits */
        int16_t difference;
        uint8_t length; /* of code and difference together; 0: longer than LOOK */
    } look[1 << LOOK];
    /* for the longer ones, by length of the code: first code, how many, their first value */
    uint32_t first[SIZES], count[SIZES];
    uint32_t at[SIZES];
    uint8_t values[256];
};

struct bits {
    const uint8_t *next, *end; /* bytes that are not in `word` yet */
    uint64_t word;             /* the next bits, from the top */
    unsigned have;             /* how many of them are real or made up */
    unsigned made_up;          /* zeros that were put behind the end of the data */
};

struct decoding {
    struct markers m;
    struct huffman *tables; /* TABLES of them */
    unsigned restart;       /* MCUs */
    unsigned bytes;         /* of a cell */
    uint8_t *out;           /* colour by pixel */
};

struct scan {
    unsigned count, predictor, shift;
    unsigned component[COMPONENTS];
    const struct huffman *table[COMPONENTS];
    uint16_t *line[COMPONENTS], *above[COMPONENTS]; /* as differences make them, without shift */
};

/* ---- bits ---- */

static __attribute__((noinline)) void refill_slowly(struct bits *b)
{
    while (b->have <= 56) {
        uint64_t byte = 0;
        if (b->next < b->end && *b->next != 0xff) {
            byte = *b->next++;
        } else if (b->end - b->next >= 2 && b->next[1] == 0) { /* a stuffed 0xff */
            byte = 0xff;
            b->next += 2;
        } else { /* a marker, or the end */
            b->made_up += 8;
        }
        b->word |= byte << (56 - b->have);
        b->have += 8;
    }
}

/* At least 57 bits are there afterwards. */
static inline void refill(struct bits *b)
{
    uint64_t eight;
    if (b->have > 56)
        return;
    if (b->end - b->next >= 8) {
        memcpy(&eight, b->next, 8);
        eight = __builtin_bswap64(eight);
        /* None of the bytes is 0xff: nothing stuffed, no marker. */
        if (!((~eight - 0x0101010101010101u) & eight & 0x8080808080808080u)) {
            unsigned bytes = (64 - b->have) >> 3;
            b->word |= eight >> b->have;
            b->next += bytes;
            b->have += 8 * bytes;
            if (b->have < 64) /* the rest of the last byte is read again next time */
                b->word &= ~(~(uint64_t)0 >> b->have);
            return;
        }
    }
    struct bits copy = *b; /* only that lies in memory: the other stays in registers */
    refill_slowly(&copy);
    *b = copy;
}

static inline unsigned take(struct bits *b, unsigned count) /* 1 to 32 */
{
    unsigned value = (unsigned)(b->word >> (64 - count));
    b->word <<= count;
    b->have -= count;
    return value;
}

/* ---- Huffman tables ---- */

/* F.1.2.1, H.1.2.2: `extra` are the `size` bits behind the code. */
static int difference_of(unsigned size, unsigned extra)
{
    if (size == 0)
        return 0;
    if (size == 16)
        return -32768; /* 32768, modulo 65536 */
    return extra >> (size - 1) ? (int)extra : (int)extra - (1 << size) + 1;
}

static unsigned extra_bits(unsigned size) { return size == 16 ? 0 : size; }

static void look_ahead(struct huffman *table, unsigned code, unsigned length, unsigned size)
{
    unsigned whole = length + extra_bits(size);
    if (whole > LOOK)
        return;
    for (unsigned extra = 0; extra < 1u << extra_bits(size); extra++) {
        struct look entry = {(int16_t)difference_of(size, extra), (uint8_t)whole};
        unsigned start = (code << extra_bits(size) | extra) << (LOOK - whole);
        for (unsigned i = 0; i < 1u << (LOOK - whole); i++)
            table->look[start + i] = entry;
    }
}

/* One table of a DHT segment: 16 counts and the values. Returns the bytes it takes, 0: broken. */
static size_t read_table(const uint8_t *p, size_t length, struct huffman *table)
{
    unsigned code = 0, total = 0;
    memset(table, 0, sizeof *table);
    for (unsigned i = 0; length >= 16 && i < 16; i++)
        total += p[i];
    if (!total || total > 256 || length < 16 + (size_t)total)
        return 0;
    memcpy(table->values, p + 16, total);
    for (unsigned size = 1, at = 0; size < SIZES; size++, code <<= 1) {
        table->first[size] = code;
        table->count[size] = p[size - 1];
        table->at[size] = at;
        if (code + p[size - 1] > 1u << size)
            return 0; /* more codes than there are */
        for (unsigned i = 0; i < p[size - 1]; i++, at++, code++) {
            if (table->values[at] > 16)
                return 0;
            if (size <= LOOK)
                look_ahead(table, code, size, table->values[at]);
        }
    }
    table->defined = true;
    return 16 + (size_t)total;
}

/* False: no such code. */
static __attribute__((noinline)) bool next_slowly(struct bits *b, const struct huffman *table,
                                                  int *difference)
{
    for (unsigned size = 1; size < SIZES; size++) {
        uint32_t code = (uint32_t)(b->word >> (64 - size));
        if (code < table->first[size] || code - table->first[size] >= table->count[size])
            continue;
        unsigned category = table->values[table->at[size] + (code - table->first[size])];
        (void)take(b, size);
        unsigned extra = extra_bits(category) ? take(b, category) : 0;
        *difference = difference_of(category, extra);
        refill(b); /* as many bits as before, or more */
        return true;
    }
    return false;
}

static inline bool next_difference(struct bits *b, const struct huffman *table, int *difference)
{
    struct look look = table->look[b->word >> (64 - LOOK)];
    if (!look.length) {
        struct bits copy = *b;
        bool known = next_slowly(&copy, table, difference);
        *b = copy;
        return known;
    }
    b->word <<= look.length;
    b->have -= look.length;
    *difference = look.difference;
    return true;
}

/* ---- samples ---- */

/* H.1.2.1, table H.1 */
static inline unsigned predict(unsigned predictor, int left, int above, int corner)
{
    switch (predictor) {
    case 2: return (unsigned)above;
    case 3: return (unsigned)corner;
    case 4: return (unsigned)(left + above - corner);
    case 5: return (unsigned)(left + ((above - corner) >> 1));
    case 6: return (unsigned)(above + ((left - corner) >> 1));
    case 7: return (unsigned)((left + above) >> 1);
    default: return (unsigned)left;
    }
}

/* From the second sample of a line on; the compiler makes one of it for each predictor. */
static inline __attribute__((always_inline)) bool
decode_line(struct bits *b, const struct huffman *table, unsigned predictor, uint16_t *line,
            const uint16_t *above, unsigned columns)
{
    struct bits bits = *b; /* stays in registers */
    unsigned left = line[0];
    for (unsigned x = 1; x < columns;) {
        unsigned end = columns - x > PER_REFILL ? x + PER_REFILL : columns;
        for (refill(&bits); x < end; x++) {
            int difference;
            if (!next_difference(&bits, table, &difference))
                return false;
            left = (uint16_t)(predict(predictor, (int)left, above[x], above[x - 1]) +
                              (unsigned)difference);
            line[x] = (uint16_t)left;
        }
    }
    *b = bits;
    return true;
}

static bool decode_alone(struct bits *b, const struct scan *scan, unsigned predictor,
                         unsigned columns)
{
    uint16_t *line = scan->line[0];
    const uint16_t *above = scan->above[0];
    const struct huffman *table = scan->table[0];
    switch (predictor) {
    case 1: return decode_line(b, table, 1, line, above, columns);
    case 2: return decode_line(b, table, 2, line, above, columns);
    case 3: return decode_line(b, table, 3, line, above, columns);
    case 4: return decode_line(b, table, 4, line, above, columns);
    case 5: return decode_line(b, table, 5, line, above, columns);
    case 6: return decode_line(b, table, 6, line, above, columns);
    default: return decode_line(b, table, 7, line, above, columns);
    }
}

static bool decode_one(struct bits *b, const struct huffman *table, unsigned predicted,
                       uint16_t *sample)
{
    int difference = 0;
    if (b->have < 32)
        refill(b);
    if (!next_difference(b, table, &difference))
        return false;
    *sample = (uint16_t)(predicted + (unsigned)difference);
    return true;
}

/* A line of all the scan's components; `first`: of the image or behind a restart. H.1.1 */
static bool decode_lines(const struct decoding *d, const struct scan *scan, struct bits *b,
                         bool first)
{
    unsigned middle = 1u << (d->m.precision - scan->shift - 1);
    unsigned predictor = first ? 1 : scan->predictor;
    for (unsigned c = 0; c < scan->count; c++)
        if (!decode_one(b, scan->table[c], first ? middle : scan->above[c][0], &scan->line[c][0]))
            return false;
    if (scan->count == 1)
        return decode_alone(b, scan, predictor, d->m.columns);
    for (unsigned x = 1; x < d->m.columns; x++)
        for (unsigned c = 0; c < scan->count; c++) {
            const uint16_t *above = scan->above[c];
            uint16_t *line = scan->line[c];
            unsigned predicted = predict(predictor, line[x - 1], above[x], above[x - 1]);
            if (!decode_one(b, scan->table[c], predicted, &line[x]))
                return false;
        }
    return true;
}

static void put_line(const struct decoding *d, const struct scan *scan, unsigned row)
{
    size_t step = d->m.samples;
    for (unsigned c = 0; c < scan->count; c++) {
        size_t at = (size_t)row * d->m.columns * step + scan->component[c];
        const uint16_t *line = scan->line[c];
        if (d->bytes == 1)
            for (unsigned x = 0; x < d->m.columns; x++, at += step)
                d->out[at] = (uint8_t)(line[x] << scan->shift);
        else if (d->bytes == 2)
            for (unsigned x = 0; x < d->m.columns; x++, at += step) {
                uint16_t value = (uint16_t)(line[x] << scan->shift);
                memcpy(d->out + 2 * at, &value, 2);
            }
        else
            for (unsigned x = 0; x < d->m.columns; x++, at += step) {
                uint32_t value = (uint16_t)(line[x] << scan->shift);
                memcpy(d->out + 4 * at, &value, 4);
            }
    }
}

/* Behind a restart marker bits begin anew. */
static bool restart(struct bits *b)
{
    while (b->end - b->next >= 2 && b->next[0] == 0xff && b->next[1] == 0xff) /* fill bytes */
        b->next++;
    if (b->end - b->next < 2 || b->next[0] != 0xff || (b->next[1] & 0xf8) != 0xd0)
        return false;
    *b = (struct bits){.next = b->next + 2, .end = b->end};
    return true;
}

static bool decode_rows(struct decoding *d, struct scan *scan, struct yq_err *err)
{
    struct bits bits = {.next = d->m.at, .end = d->m.end};
    unsigned rows_each = d->restart / d->m.columns; /* H.1.1: whole lines */
    if (d->restart % d->m.columns)
        return yq_fail(err, YQ_REFUSED, ROOM, "a lossless JPEG restarts within a line");
    for (unsigned row = 0; row < d->m.rows; row++) {
        bool again = rows_each && row && row % rows_each == 0;
        if (again && !restart(&bits))
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "a restart marker is missing in row %u", row);
        if (!decode_lines(d, scan, &bits, row == 0 || again))
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "no such Huffman code, in row %u", row);
        if (bits.made_up > bits.have)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame ends in row %u", row);
        put_line(d, scan, row);
        for (unsigned c = 0; c < scan->count; c++) {
            uint16_t *line = scan->line[c];
            scan->line[c] = scan->above[c];
            scan->above[c] = line;
        }
    }
    d->m.at = bits.next;
    return true;
}

/* ---- markers ---- */

static bool read_tables(struct decoding *d, const uint8_t *p, size_t length, struct yq_err *err)
{
    while (length) {
        unsigned which = *p & 15;
        size_t took =
            which < TABLES && *p < 16 ? read_table(p + 1, length - 1, &d->tables[which]) : 0;
        if (!took)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "a Huffman table is broken");
        p += 1 + took;
        length -= 1 + took;
    }
    return true;
}

static bool read_scan(struct decoding *d, const uint8_t *p, size_t length, struct scan *scan,
                      struct yq_err *err)
{
    const uint8_t *tail;
    if (!yq_markers_scan(&d->m, p, length, scan->component, &scan->count, &tail, err))
        return false;
    scan->predictor = tail[0];
    scan->shift = tail[2] & 15;
    if (!scan->predictor || scan->predictor > 7 || scan->shift >= d->m.precision)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a scan has predictor %u and shift %u",
                       scan->predictor, scan->shift);
    for (unsigned i = 0; i < scan->count; i++) {
        unsigned table = p[2 + 2 * i] >> 4;
        if (table >= TABLES || !d->tables[table].defined)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "a scan names what is not there");
        scan->table[i] = &d->tables[table];
    }
    return true;
}

static bool decode_scan(struct decoding *d, const uint8_t *p, size_t length, struct yq_err *err)
{
    struct scan scan = {0};
    if (!read_scan(d, p, length, &scan, err))
        return false;
    uint16_t *lines = calloc((size_t)2 * scan.count * d->m.columns, sizeof *lines);
    if (!lines)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for lines of a frame");
    for (unsigned c = 0; c < scan.count; c++) {
        scan.line[c] = lines + (size_t)2 * c * d->m.columns;
        scan.above[c] = scan.line[c] + d->m.columns;
    }
    bool fine = decode_rows(d, &scan, err);
    free(lines);
    return fine;
}

static bool take_segment(struct decoding *d, unsigned marker, const uint8_t *p, size_t length,
                         struct yq_err *err)
{
    switch (marker) {
    case 0xc3: return yq_markers_frame(&d->m, p, length, err);
    case 0xc4: return read_tables(d, p, length, err);
    case 0xda: return decode_scan(d, p, length, err);
    case 0xdd: d->restart = length >= 2 ? yq_be16(p) : 0; return true;
    default:
        return marker >= 0xe0 || marker == 0xdb || /* applications', comments; unused here */
               yq_fail(err, YQ_REFUSED, ROOM, "JPEG marker %02X is not one of process 14", marker);
    }
}

static bool decode_all(struct decoding *d, struct yq_err *err)
{
    unsigned marker;
    const uint8_t *p;
    size_t length;
    while (!yq_markers_complete(&d->m) && yq_markers_next(&d->m, &marker, &p, &length))
        if (!take_segment(d, marker, p, length, err))
            return false;
    return yq_markers_complete(&d->m) ||
           yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame ends before its pixels");
}

bool yq_lossless_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                        struct yq_frame *plain, struct yq_err *err)
{
    struct yq_codestream said;
    (void)reduce;
    if (!yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has no frame header");
    if (!yq_codec_fits(coded, &said, most, err))
        return false;
    struct decoding d = {.m = yq_markers_over(coded),
                         .bytes = yq_codec_cell(coded, said.precision)};
    size_t length = (size_t)d.m.rows * d.m.columns * d.m.samples * d.bytes;
    d.tables = calloc(TABLES, sizeof *d.tables);
    d.out = yq_buf_room(&plain->pixels, length);
    bool fine = d.tables && d.out;
    fine = fine ? decode_all(&d, err) : yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    free(d.tables);
    if (!fine)
        return false;
    plain->bits_allocated = 8 * d.bytes;
    plain->planar = false;
    if (plain->bits_stored > plain->bits_allocated || plain->high_bit >= plain->bits_allocated ||
        plain->high_bit + 1 < plain->bits_stored || !plain->bits_stored) {
        plain->bits_stored = d.m.precision;
        plain->high_bit = d.m.precision - 1;
    }
    return true;
}
