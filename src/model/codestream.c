/* codestream.c: reads the head of JPEG, JPEG-LS and JPEG 2000 codestreams.
 *
 * Believes nothing: every length is compared with what is there. Scans are counted over all bytes,
 * because each may cost a decoder a pass over the whole image. Thread-safe. */
#include "yq/codestream.h"

#include <string.h>

#include "yq/bytes.h"

/* ---- JPEG, JPEG-LS ---- */

static enum yq_stream_kind kind_of(unsigned marker)
{
    switch (marker) {
    case 0xc0:
    case 0xc1:
    case 0xc2: return YQ_STREAM_JPEG;
    case 0xc3: return YQ_STREAM_JPEG_LOSSLESS;
    case 0xf7: return YQ_STREAM_JPEG_LS;
    case 0xc4:
    case 0xc8:
    case 0xcc: return YQ_STREAM_UNKNOWN; /* not a frame header */
    default: return marker > 0xc4 && marker <= 0xcf ? YQ_STREAM_JPEG_OTHER : YQ_STREAM_UNKNOWN;
    }
}

static bool read_frame_header(const uint8_t *p, size_t length, struct yq_codestream *out)
{
    if (length < 6)
        return false;
    out->precision = p[0];
    out->rows = yq_be16(p + 1);
    out->columns = yq_be16(p + 3);
    out->samples = p[5];
    for (size_t i = 0; i < out->samples && i < YQ_COMPONENTS_MOST && 9 + 3 * i <= length; i++) {
        out->ids[i] = p[6 + 3 * i];
        out->subsampled |= p[7 + 3 * i] != p[7];
    }
    return true;
}

static unsigned count_scans(const uint8_t *p, size_t length)
{
    unsigned scans = 0;
    const uint8_t *end = p + length;
    while (p + 1 < end && (p = memchr(p, 0xff, (size_t)(end - p - 1)))) {
        scans += p[1] == 0xda;
        p++;
    }
    return scans;
}

static bool read_jpeg(const uint8_t *p, size_t length, struct yq_codestream *out)
{
    size_t at = 2;
    while (at + 4 <= length && p[at] == 0xff) {
        unsigned marker = p[at + 1];
        if (marker == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        size_t segment = yq_be16(p + at + 2);
        const uint8_t *body = p + at + 4;
        if (segment < 2 || segment > length - at - 2 || marker == 0xda || marker == 0xd9)
            return false;
        if (marker == 0xe0 && segment >= 7 && memcmp(body, "JFIF", 5) == 0)
            out->jfif = true;
        if (marker == 0xee && segment >= 14 && memcmp(body, "Adobe", 5) == 0)
            out->adobe = body[11];
        out->kind = kind_of(marker);
        if (out->kind != YQ_STREAM_UNKNOWN) {
            out->scans = count_scans(p + at, length - at);
            return read_frame_header(body, segment - 2, out);
        }
        at += 2 + segment;
    }
    return false;
}

/* ---- JPEG 2000 ---- */

/* Steps over the boxes of a JP2 file to the codestream. */
static bool unwrap(const uint8_t *p, size_t length, size_t *start)
{
    size_t at = 0;
    while (length - at >= 8) {
        uint64_t size = yq_be32(p + at), head = 8;
        if (size == 1 && length - at >= 16) { /* the long form */
            size = (uint64_t)yq_be32(p + at + 8) << 32 | yq_be32(p + at + 12);
            head = 16;
        }
        if (memcmp(p + at + 4, "jp2c", 4) == 0) {
            *start = at + head;
            return *start <= length;
        }
        if (size < head || size > length - at)
            return false;
        at += (size_t)size;
    }
    return false;
}

enum { SIZ_LENGTH = 40 };

enum { LEVELS_MOST = 32, WHOLE = 15 };

struct style { /* the finest of all COD and COC markers */
    bool met;
    unsigned levels;                                       /* the most */
    unsigned block;                                        /* log2 of the samples of a code-block */
    unsigned wide[LEVELS_MOST + 1], high[LEVELS_MOST + 1]; /* log2 of a precinct, by resolution */
};

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* SPcod or SPcoc: levels, code-block, style, wavelet, precincts. A.6.1, A.6.2 */
static void take_style(const uint8_t *p, size_t length, bool precincts, struct style *style)
{
    if (length < 5 || p[0] > LEVELS_MOST)
        return;
    unsigned levels = p[0], block = (p[1] & 15u) + (p[2] & 15u) + 4;
    if (!style->met) {
        *style = (struct style){.met = true, .levels = levels, .block = block};
        for (unsigned r = 0; r <= LEVELS_MOST; r++)
            style->wide[r] = style->high[r] = WHOLE;
    }
    style->levels = style->levels > levels ? style->levels : levels;
    style->block = least(style->block, block);
    for (unsigned r = 0; precincts && r <= levels && 5 + r < length; r++) {
        style->wide[r] = least(style->wide[r], p[5 + r] & 15u);
        style->high[r] = least(style->high[r], p[5 + r] >> 4);
    }
}

/* The segments from `at` up to what is none of a header; returns where that is. */
static size_t read_segments(const uint8_t *p, size_t length, size_t at, struct style *style,
                            struct yq_codestream *out)
{
    while (at + 4 <= length && p[at] == 0xff && p[at + 1] != 0x90 && p[at + 1] != 0x93) {
        size_t segment = yq_be16(p + at + 2), index = out->samples < 257 ? 1 : 2;
        const uint8_t *body = p + at + 4;
        if (segment < 2 || segment > length - at - 2)
            return length;
        if (p[at + 1] == 0x52 && segment >= 12) { /* COD */
            unsigned layers = yq_be16(body + 2);
            if (!style->met) {
                out->colour_transform = body[4] != 0;
                out->levels = body[5] <= LEVELS_MOST ? body[5] : 0;
            }
            out->layers = layers > out->layers ? layers : out->layers;
            take_style(body + 5, segment - 7, body[0] & 1, style);
        } else if (p[at + 1] == 0x53 && segment >= 3 + index) { /* COC */
            take_style(body + index + 1, segment - 3 - index, body[index] & 1, style);
        }
        at += 2 + segment;
    }
    return at;
}

/* The main header behind SIZ, and those of the tile-parts: each may bring a style of its own. */
static void read_styles(const uint8_t *p, size_t length, size_t at, struct style *style,
                        struct yq_codestream *out)
{
    at = read_segments(p, length, at, style, out);
    while (at + 12 <= length && p[at] == 0xff && p[at + 1] == 0x90) {
        size_t whole = yq_be32(p + at + 6);
        (void)read_segments(p, length, at + 12, style, out);
        if (whole < 12 || whole > length - at) /* up to the end, or wrong */
            return;
        at += whole;
    }
}

static uint64_t divided(uint64_t size, unsigned log2) /* rounded up */
{
    return (size + ((uint64_t)1 << log2) - 1) >> log2;
}

static uint64_t count_pieces(const struct style *style, const struct yq_codestream *said)
{
    uint64_t samples = (uint64_t)said->rows * said->columns, pieces = samples >> style->block;
    pieces += said->tiles * (style->levels + 1);
    for (unsigned r = 0; r <= style->levels; r++)
        pieces += divided(divided(said->columns, style->levels - r), style->wide[r]) *
                  divided(divided(said->rows, style->levels - r), style->high[r]);
    return pieces * said->samples;
}

static bool read_j2k(const uint8_t *p, size_t length, struct yq_codestream *out)
{
    if (length < SIZ_LENGTH + 5 || yq_be16(p) != 0xff4f || yq_be16(p + 2) != 0xff51)
        return false;
    uint64_t x1 = yq_be32(p + 8), y1 = yq_be32(p + 12), x0 = yq_be32(p + 16), y0 = yq_be32(p + 20),
             tile_x = yq_be32(p + 24), tile_y = yq_be32(p + 28), left = yq_be32(p + 32),
             top = yq_be32(p + 36);
    if (x1 <= x0 || y1 <= y0 || !tile_x || !tile_y || left > x0 || top > y0)
        return false;
    out->columns = (uint32_t)(x1 - x0);
    out->rows = (uint32_t)(y1 - y0);
    out->samples = yq_be16(p + 40);
    out->tiles = ((x1 - left + tile_x - 1) / tile_x) * ((y1 - top + tile_y - 1) / tile_y);
    out->precision = (p[42] & 0x7fu) + 1;
    out->is_signed = p[42] & 0x80;
    for (size_t i = 0; i < out->samples && 42 + 3 * i + 2 < length; i++)
        out->subsampled |= p[43 + 3 * i] != 1 || p[44 + 3 * i] != 1;
    struct style style = {0};
    read_styles(p, length, 2 + 2 + (size_t)yq_be16(p + 4), &style, out);
    out->pieces = style.met ? count_pieces(&style, out) : 0;
    return true;
}

bool yq_codestream_read(const uint8_t *bytes, size_t length, struct yq_codestream *out)
{
    static const uint8_t signature[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    memset(out, 0, sizeof *out);
    out->adobe = -1;
    if (length >= 2 && yq_be16(bytes) == 0xffd8)
        return read_jpeg(bytes, length, out);
    bool file = length >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
    if (!file && (length < 2 || yq_be16(bytes) != 0xff4f))
        return false;
    out->kind = YQ_STREAM_J2K;
    return (!file || unwrap(bytes, length, &out->start)) &&
           read_j2k(bytes + out->start, length - out->start, out);
}
