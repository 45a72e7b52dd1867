/* jpegls_decode.c: decodes one JPEG-LS frame. ISO/IEC 14495-1 (annexes A, C), PS3.5 8.2.3, A.4.3.
 *
 * Our own: CharLS never comes back from some codestreams that are cut off, and takes twice the
 * time. Knows all interleave modes, near-lossless, preset parameters, a point transform, and the
 * colour transforms of HP's encoder. Refuses mapping tables, restart intervals, subsampling and the
 * extension's oversize images. JPEG-LS knows no sign: the dataset says what the bits mean. A frame
 * that ends early is an error. Thread-safe. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "jpegls.h"
#include "markers.h"

#define ROOM "image"

enum { RESET_MOST = 1 << 14 }; /* a context's sums stay within 31 bits */

struct decoding {
    struct markers m;
    unsigned preset[5]; /* MAXVAL, T1, T2, T3, RESET; 0: the default */
    unsigned transform; /* HP's, 1 to 3; 0: none */
    unsigned bytes;     /* of a cell */
    uint8_t *out;       /* colour by pixel */
    struct jpegls_scan *scan;
};

/* ---- parameters ---- */

static int32_t bounded(int32_t value, int32_t low, int32_t maxval) /* figure C.3 */
{
    return value > maxval || value < low ? low : value;
}

static unsigned log2_up(uint32_t value)
{
    unsigned bits = 0;
    while (((uint64_t)1 << bits) < value)
        bits++;
    return bits;
}

/* C.2.4.1.1 */
static bool set_parameters(const struct decoding *d, struct jpegls_scan *s)
{
    int32_t full = (1 << d->m.precision) - 1, near = s->near;
    s->maxval = d->preset[0] ? (int32_t)d->preset[0] : full;
    int32_t m = s->maxval, t1, t2, t3;
    if (m > full || near > m / 2)
        return false;
    if (m >= 128) {
        int32_t factor = ((m < 4095 ? m : 4095) + 128) / 256;
        t1 = bounded(factor + 2 + 3 * near, near + 1, m);
        t2 = bounded(factor * 4 + 3 + 5 * near, t1, m);
        t3 = bounded(factor * 17 + 4 + 7 * near, t2, m);
    } else {
        int32_t factor = 256 / (m + 1);
        int32_t a = 3 / factor + 3 * near, b = 7 / factor + 5 * near, c = 21 / factor + 7 * near;
        t1 = bounded(a > 2 ? a : 2, near + 1, m);
        t2 = bounded(b > 3 ? b : 3, t1, m);
        t3 = bounded(c > 4 ? c : 4, t2, m);
    }
    s->t1 = d->preset[1] ? (int32_t)d->preset[1] : t1;
    s->t2 = d->preset[2] ? (int32_t)d->preset[2] : t2;
    s->t3 = d->preset[3] ? (int32_t)d->preset[3] : t3;
    s->reset = d->preset[4] ? (int32_t)d->preset[4] : 64;
    if (s->t1 <= near || s->t2 < s->t1 || s->t3 < s->t2 || s->t3 > m || s->reset < 3 ||
        s->reset > RESET_MOST)
        return false;
    s->range = (m + 2 * near) / (2 * near + 1) + 1;
    s->qbpp = log2_up((uint32_t)s->range);
    s->simple = near == 0 && (s->range & (s->range - 1)) == 0;
    unsigned bpp = log2_up((uint32_t)m + 1);
    bpp = bpp < 2 ? 2 : bpp;
    s->limit = 2 * (bpp + (bpp < 8 ? 8 : bpp));
    int32_t a = (s->range + 32) / 64;
    for (int i = 0; i < JPEGLS_CONTEXTS; i++)
        s->contexts[i] = (struct jpegls_context){
            .a = a < 2 ? 2 : a, .n = 1, .k = (uint8_t)log2_up((uint32_t)(a < 2 ? 2 : a))};
    for (int i = 0; i < 2; i++)
        s->runs[i] = (struct jpegls_run){.a = a < 2 ? 2 : a, .n = 1};
    return true;
}

/* ---- scans ---- */

static void put_line(const struct decoding *d, unsigned component, const uint16_t *line,
                     unsigned row, unsigned shift)
{
    size_t step = d->m.samples, at = (size_t)row * d->m.columns * step + component;
    if (d->bytes == 1) {
        for (unsigned x = 0; x < d->m.columns; x++, at += step)
            d->out[at] = (uint8_t)(line[x] << shift);
    } else if (d->bytes == 2) {
        uint16_t *out = (uint16_t *)(void *)d->out;
        for (unsigned x = 0; x < d->m.columns; x++, at += step)
            out[at] = (uint16_t)(line[x] << shift);
    } else {
        uint32_t *out = (uint32_t *)(void *)d->out;
        for (unsigned x = 0; x < d->m.columns; x++, at += step)
            out[at] = (uint16_t)(line[x] << shift);
    }
}

/* Where the data of a scan end: at the next marker. */
static const uint8_t *end_of_scan(const uint8_t *p, const uint8_t *end)
{
    while (p + 1 < end && (p = memchr(p, 0xff, (size_t)(end - p - 1)))) {
        if (p[1] & 0x80)
            return p;
        p++;
    }
    return end;
}

static void swap_lines(struct jpegls_scan *s)
{
    for (unsigned c = 0; c < s->count; c++) {
        uint16_t *line = s->line[c];
        s->line[c] = s->above[c];
        s->above[c] = line;
    }
}

static bool decode_rows(struct decoding *d, const unsigned *components, bool by_pixel,
                        unsigned shift, struct yq_err *err)
{
    struct jpegls_scan *s = d->scan;
    s->bits = (struct jpegls_bits){.next = d->m.at, .end = end_of_scan(d->m.at, d->m.end)};
    d->m.at = s->bits.end;
    for (unsigned row = 0; row < d->m.rows; row++) {
        bool fine = true;
        if (by_pixel)
            fine = yq_jpegls_pixels(s);
        else
            for (unsigned c = 0; fine && c < s->count; c++)
                fine = yq_jpegls_line(s, c);
        if (!fine || s->bits.made_up > s->bits.have)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the JPEG-LS frame %s in row %u",
                           s->bits.made_up ? "ends" : "is damaged", row);
        for (unsigned c = 0; c < s->count; c++)
            put_line(d, components[c], s->line[c], row, shift);
        swap_lines(s);
    }
    return true;
}

static bool make_lines(const struct decoding *d, struct jpegls_scan *s, uint16_t **memory)
{
    size_t wide = (size_t)d->m.columns + 2;
    uint16_t *p = calloc(3 * wide * s->count, sizeof *p);
    *memory = p;
    for (unsigned c = 0; p && c < s->count; c++, p += 3 * wide) {
        s->line[c] = p + 1;
        s->above[c] = p + wide + 1;
        s->base[c] = (int16_t *)(void *)(p + 2 * wide);
    }
    return p;
}

/* ---- markers ---- */

static bool read_preset(struct decoding *d, const uint8_t *p, size_t length, struct yq_err *err)
{
    if (length != 11 || p[0] != 1)
        return yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS parameters of kind %u are not known",
                       length ? p[0] : 0);
    for (size_t i = 0; i < 5; i++)
        d->preset[i] = yq_be16(p + 1 + 2 * i);
    return true;
}

static bool decode_scan(struct decoding *d, const uint8_t *p, size_t length, struct yq_err *err)
{
    unsigned count, components[MARKERS_COMPONENTS];
    const uint8_t *tail;
    if (!yq_markers_scan(&d->m, p, length, components, &count, &tail, err))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (p[2 + 2 * i])
            return yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS mapping tables are not known");
    unsigned interleave = tail[1], shift = tail[2] & 15u;
    struct jpegls_scan *s = d->scan;
    memset(s, 0, sizeof *s);
    s->near = tail[0];
    s->columns = d->m.columns;
    s->count = count;
    if (interleave > 2 || (count > 1) != (interleave > 0) || shift >= d->m.precision ||
        !set_parameters(d, s))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a scan's parameters make no sense");
    uint16_t *memory;
    bool fine = make_lines(d, s, &memory)
                    ? decode_rows(d, components, interleave == 2, shift, err)
                    : yq_fail(err, YQ_FULL, ROOM, "no memory for lines of a frame");
    free(memory);
    return fine;
}

static bool take_segment(struct decoding *d, unsigned marker, const uint8_t *p, size_t length,
                         struct yq_err *err)
{
    switch (marker) {
    case 0xf7: return yq_markers_frame(&d->m, p, length, err);
    case 0xf8: return read_preset(d, p, length, err);
    case 0xda: return decode_scan(d, p, length, err);
    case 0xdd:
        for (size_t i = 0; i < length; i++)
            if (p[i])
                return yq_fail(err, YQ_REFUSED, ROOM, "JPEG-LS restarts are not known");
        return true;
    case 0xe8:
        if (length == 5 && memcmp(p, "mrfx", 4) == 0)
            d->transform = p[4];
        return true;
    default: return true; /* applications' and comments */
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

/* ---- HP's colour transforms, undone ---- */

static uint16_t cell(const struct decoding *d, size_t i)
{
    return d->bytes == 1 ? d->out[i] : yq_le16(d->out + i * d->bytes);
}

static void put_cell(const struct decoding *d, size_t i, int value)
{
    d->out[i * d->bytes] = (uint8_t)value;
    if (d->bytes > 1)
        d->out[i * d->bytes + 1] = (uint8_t)((value & ((1 << d->m.precision) - 1)) >> 8);
}

static bool undo_transform(const struct decoding *d, struct yq_err *err)
{
    if (!d->transform)
        return true;
    if (d->transform > 3 || d->m.samples != 3 || (d->m.precision != 8 && d->m.precision != 16))
        return yq_fail(err, YQ_REFUSED, ROOM, "colour transform %u is not known", d->transform);
    int range = 1 << d->m.precision, mask = range - 1;
    for (size_t i = 0; i < (size_t)d->m.rows * d->m.columns; i++) {
        int a = cell(d, 3 * i), b = cell(d, 3 * i + 1), c = cell(d, 3 * i + 2), r, g;
        switch (d->transform) {
        case 1:
            r = (a + b - range / 2) & mask;
            g = b;
            c = (c + b - range / 2) & mask;
            break;
        case 2:
            r = (a + b - range / 2) & mask;
            g = b;
            c = (c + ((r + g) >> 1) - range / 2) & mask;
            break;
        default:
            g = (a - ((c + b) >> 2) + range / 4) & mask;
            r = (c + g - range / 2) & mask;
            c = (b + g - range / 2) & mask;
            break;
        }
        put_cell(d, 3 * i, r);
        put_cell(d, 3 * i + 1, g);
        put_cell(d, 3 * i + 2, c);
    }
    return true;
}

bool yq_jpegls_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                      struct yq_frame *plain, struct yq_err *err)
{
    struct yq_codestream said;
    (void)reduce;
    if (!yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said) ||
        said.kind != YQ_STREAM_JPEG_LS || said.precision < 2 || said.precision > 16)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is no JPEG-LS codestream");
    if (!yq_codec_fits(coded, &said, most, err))
        return false;
    struct decoding d = {.m = yq_markers_over(coded),
                         .bytes = yq_codec_cell(coded, said.precision)};
    d.scan = malloc(sizeof *d.scan);
    d.out = yq_buf_room(&plain->pixels, (size_t)d.m.rows * d.m.columns * d.m.samples * d.bytes);
    bool fine = d.scan && d.out;
    fine = fine ? decode_all(&d, err) : yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    free(d.scan);
    if (!fine || !undo_transform(&d, err))
        return false;
    yq_codec_settle(plain, &(struct yq_decoded){.bytes = d.bytes,
                                                .precision = d.m.precision,
                                                .is_signed = plain->is_signed,
                                                .greatest = ((int64_t)1 << d.m.precision) - 1});
    plain->planar = false;
    return true;
}
