/* pixels.c: reads what describes an object's pixels and finds the bytes of one frame.
 *
 * Knows PS3.3 C.7.6.3 (Image Pixel), C.7.6.16 (functional groups: rescale and window per frame),
 * C.11.2 (window), PS3.5 A.4 (fragments, basic offset table), 8.1 (plain pixel data in both byte
 * orders, single bits). Without an offset table a frame begins where its codestream does. Refuses
 * attributes that cannot be true. Reads only the frame asked for. One thread at a time. */
#include "pixels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "yq/file.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_SHARED_GROUPS 0x52009229u
#define TAG_FRAME_GROUPS 0x52009230u
#define TAG_FRAME_VOI 0x00289132u
#define TAG_FRAME_RESCALE 0x00289145u

enum { TEXT_MOST = 256, FRAGMENTS_MOST = 4 * 1000 * 1000, SCANS_MOST = 100 };

/* ---- attributes ---- */

struct palette_raw { /* as it stands in the dataset, until all of it was read */
    uint16_t descriptor[3];
    bool described;
    struct yq_buf data;
};

struct reading {
    struct yq_pixels *pixels;
    unsigned number;
    uint32_t group_tag; /* the functional group sequence we are in, and its item */
    unsigned group_item;
    bool has_intercept, has_slope, has_center;
    struct palette_raw palettes[3];
};

static bool is_big(const struct yq_pixels *pixels)
{
    return yq_layout_of(pixels->part10.transfer_syntax) == YQ_LAYOUT_EXPLICIT_BE;
}

static bool read_text(struct yq_pixels *pixels, char text[TEXT_MOST], struct yq_err *err)
{
    yq_cleanup(yq_buf_fini) struct yq_buf value = {0};
    if (!yq_scan_value(pixels->scan, TEXT_MOST - 1, &value, err))
        return false;
    size_t blanks = 0;
    while (blanks < value.length && value.bytes[blanks] == ' ')
        blanks++;
    if (value.length)
        (void)yq_copy_trimmed(text, TEXT_MOST, value.bytes + blanks, value.length - blanks);
    else
        text[0] = '\0';
    char *end = strchr(text, '\\'); /* the first of several values */
    if (end)
        *end = '\0';
    return true;
}

static bool read_number(struct yq_pixels *pixels, double *out, bool *there, struct yq_err *err)
{
    char text[TEXT_MOST], *end;
    if (!read_text(pixels, text, err))
        return false;
    double value = strtod(text, &end);
    *there = end != text && isfinite(value);
    if (*there)
        *out = value;
    return true;
}

static bool read_short(struct yq_pixels *pixels, unsigned *out, struct yq_err *err)
{
    yq_cleanup(yq_buf_fini) struct yq_buf value = {0};
    if (!yq_scan_value(pixels->scan, 2, &value, err))
        return false;
    if (value.length == 2)
        *out = is_big(pixels) ? yq_be16(value.bytes) : yq_le16(value.bytes);
    return true;
}

static bool read_descriptor(struct yq_pixels *pixels, struct palette_raw *palette,
                            struct yq_err *err)
{
    yq_cleanup(yq_buf_fini) struct yq_buf value = {0};
    if (!yq_scan_value(pixels->scan, 6, &value, err))
        return false;
    palette->described = value.length == 6;
    for (size_t i = 0; palette->described && i < 3; i++)
        palette->descriptor[i] =
            is_big(pixels) ? yq_be16(value.bytes + 2 * i) : yq_le16(value.bytes + 2 * i);
    return true;
}

static bool read_frames(struct yq_pixels *pixels, struct yq_err *err)
{
    char text[TEXT_MOST], *end;
    if (!read_text(pixels, text, err))
        return false;
    long long frames = strtoll(text, &end, 10);
    if (end != text && frames > 0 && frames <= INT32_MAX)
        pixels->facts.frames = (unsigned)frames;
    return true;
}

/* Rescale and window, from the top level or from a functional group of our frame. */
static bool take_display(struct reading *r, uint32_t tag, struct yq_err *err)
{
    struct yq_pixels *pixels = r->pixels;
    struct yq_look *look = &pixels->facts.look;
    char text[TEXT_MOST];
    bool there = false;
    switch (tag) {
    case 0x00281050: return read_number(pixels, &look->windows[0].center, &r->has_center, err);
    case 0x00281051:
        if (!read_number(pixels, &look->windows[0].width, &there, err))
            return false;
        look->window_count = there && r->has_center;
        return true;
    case 0x00281052: return read_number(pixels, &look->intercept, &there, err);
    case 0x00281053: return read_number(pixels, &look->slope, &there, err);
    case 0x00281056:
        if (!read_text(pixels, text, err))
            return false;
        look->function = strcmp(text, "SIGMOID") == 0        ? YQ_VOI_SIGMOID
                         : strcmp(text, "LINEAR_EXACT") == 0 ? YQ_VOI_LINEAR_EXACT
                                                             : YQ_VOI_LINEAR;
        return true;
    default: return true;
    }
}

static bool take_top(struct reading *r, uint32_t tag, struct yq_err *err)
{
    struct yq_pixels *pixels = r->pixels;
    struct yq_frame *facts = &pixels->facts;
    char text[TEXT_MOST];
    unsigned value = 0;
    switch (tag) {
    case 0x00280002: return read_short(pixels, &facts->samples, err);
    case 0x00280004:
        if (!read_text(pixels, text, err))
            return false;
        (void)yq_copy(facts->photometric, sizeof facts->photometric, text);
        return true;
    case 0x00280006:
        if (!read_short(pixels, &value, err))
            return false;
        facts->planar = value == 1;
        return true;
    case 0x00280008: return read_frames(pixels, err);
    case 0x00280010: return read_short(pixels, &facts->rows, err);
    case 0x00280011: return read_short(pixels, &facts->columns, err);
    case 0x00280100: return read_short(pixels, &facts->bits_allocated, err);
    case 0x00280101: return read_short(pixels, &facts->bits_stored, err);
    case 0x00280102: return read_short(pixels, &facts->high_bit, err);
    case 0x00280103:
        if (!read_short(pixels, &value, err))
            return false;
        facts->is_signed = value == 1;
        return true;
    case 0x00281101:
    case 0x00281102:
    case 0x00281103: return read_descriptor(pixels, &r->palettes[tag - 0x00281101], err);
    case 0x00281201:
    case 0x00281202:
    case 0x00281203:
        yq_buf_clear(&r->palettes[tag - 0x00281201].data);
        return yq_scan_value(pixels->scan, 2 * 65536, &r->palettes[tag - 0x00281201].data, err);
    default: return take_display(r, tag, err);
    }
}

static bool is_our_group(const struct reading *r)
{
    return (r->group_tag == TAG_SHARED_GROUPS && r->group_item == 0) ||
           (r->group_tag == TAG_FRAME_GROUPS && r->group_item == r->number);
}

static bool take(struct reading *r, const struct yq_element *element, struct yq_err *err)
{
    if (strcmp(element->vr, "SQ") == 0 || element->length == UNDEFINED) {
        if (element->depth == 1) {
            r->group_tag = element->within;
            r->group_item = element->item;
        }
        return true;
    }
    if (element->depth == 0)
        return take_top(r, element->tag, err);
    bool display = element->within == TAG_FRAME_VOI || element->within == TAG_FRAME_RESCALE;
    return element->depth != 2 || element->item || !display || !is_our_group(r) ||
           take_display(r, element->tag, err);
}

/* ---- palettes ---- */

/* One colour's table, scaled to 16 bits. PS3.3 C.7.6.3.1.5, C.7.6.3.1.6. */
static bool settle_palette(const struct palette_raw *raw, bool big, unsigned entries,
                           uint16_t **out, struct yq_err *err)
{
    unsigned here = raw->descriptor[0] ? raw->descriptor[0] : 65536;
    bool bytes = raw->data.length < 2 * (size_t)entries; /* 8-bit entries, packed */
    if (!raw->described || here != entries || raw->data.length < entries)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the palette does not fit its description");
    uint16_t *table = malloc(entries * sizeof *table);
    if (!table)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a palette");
    uint16_t highest = 0;
    for (unsigned i = 0; i < entries; i++) {
        const uint8_t *p = raw->data.bytes + (bytes ? i : 2 * i);
        if (bytes)
            table[i] = raw->data.bytes[big ? (i ^ 1) < raw->data.length ? i ^ 1 : i : i];
        else
            table[i] = big ? yq_be16(p) : yq_le16(p);
        if (table[i] > highest)
            highest = table[i];
    }
    for (unsigned i = 0; highest < 256 && i < entries; i++)
        table[i] = (uint16_t)(table[i] * 257);
    *out = table;
    return true;
}

static bool settle_palettes(struct reading *r, struct yq_err *err)
{
    struct yq_frame *facts = &r->pixels->facts;
    if (strcmp(facts->photometric, "PALETTE COLOR") != 0)
        return true;
    if (!r->palettes[0].data.length)
        return yq_fail(err, YQ_REFUSED, ROOM, "segmented palettes cannot be shown yet");
    const uint16_t *descriptor = r->palettes[0].descriptor;
    for (int i = 0; i < 3; i++) {
        struct yq_lut *lut = &facts->palette[i];
        lut->entries = descriptor[0] ? descriptor[0] : 65536;
        lut->first = facts->is_signed ? (int16_t)descriptor[1] : descriptor[1];
        lut->bits = 16;
        if (!settle_palette(&r->palettes[i], is_big(r->pixels), lut->entries, &lut->values, err))
            return false;
    }
    return true;
}

/* ---- opening ---- */

static bool read_attributes(struct reading *r, struct yq_err *err)
{
    struct yq_pixels *pixels = r->pixels;
    struct yq_element element;
    while (!pixels->there && yq_scan_next(pixels->scan, &element, err)) {
        if (element.depth == 0 && element.tag == 0x7fe00010) {
            pixels->there = true;
            pixels->encapsulated = element.length == UNDEFINED;
            pixels->length = element.length;
            memcpy(pixels->vr, element.vr, sizeof pixels->vr);
        } else if (element.depth == 0 && (element.tag == 0x7fe00008 || element.tag == 0x7fe00009)) {
            pixels->floating = true;
        } else if (!take(r, &element, err)) {
            return false;
        }
    }
    return pixels->there || err->code == YQ_OK;
}

bool yq_pixels_open(int fd, unsigned number, struct yq_pixels *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->fd = fd;
    out->facts.frames = out->facts.samples = 1;
    out->facts.look.slope = out->facts.look.aspect = 1;
    struct reading r = {.pixels = out, .number = number};
    bool fine = yq_part10_read(fd, &out->part10, err) &&
                yq_scan_open_fd(fd, out->part10.dataset_offset, out->part10.transfer_syntax,
                                &out->scan, err) &&
                read_attributes(&r, err) && (number == YQ_NO_FRAME || settle_palettes(&r, err));
    for (int i = 0; i < 3; i++)
        yq_buf_fini(&r.palettes[i].data);
    if (!fine)
        yq_pixels_close(out);
    return fine;
}

void yq_pixels_close(struct yq_pixels *pixels)
{
    yq_scan_free(pixels->scan);
    yq_frame_fini(&pixels->facts);
    yq_buf_fini(&pixels->offsets);
    free(pixels->fragments);
    free(pixels->starts);
    memset(pixels, 0, sizeof *pixels);
}

bool yq_pixels_check(const struct yq_pixels *pixels, struct yq_err *err)
{
    const struct yq_frame *f = &pixels->facts;
    if (!pixels->there && pixels->floating)
        return yq_fail(err, YQ_REFUSED, ROOM, "floating point pixels cannot be shown");
    if (!pixels->there)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no pixel data");
    if (!f->rows || !f->columns)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has %u rows and %u columns", f->rows,
                       f->columns);
    if (f->samples != 1 && f->samples != 3)
        return yq_fail(err, YQ_REFUSED, ROOM, "images with %u samples a pixel are not known",
                       f->samples);
    bool cell = f->bits_allocated == 1 || f->bits_allocated == 8 || f->bits_allocated == 16 ||
                f->bits_allocated == 32;
    if (!cell)
        return yq_fail(err, YQ_REFUSED, ROOM, "pixels of %u bits are not known", f->bits_allocated);
    if (!f->bits_stored || f->bits_stored > f->bits_allocated || f->high_bit >= f->bits_allocated ||
        f->high_bit + 1 < f->bits_stored)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%u bits stored with high bit %u do not fit into %u bits allocated",
                       f->bits_stored, f->high_bit, f->bits_allocated);
    return true;
}

/* ---- plain pixel data ---- */

/* YBR_FULL_422 shares its colour between two pixels, but some say so and do not do it. */
static bool is_halved(const struct yq_pixels *pixels)
{
    const struct yq_frame *f = &pixels->facts;
    uint64_t full = (uint64_t)f->rows * f->columns * 3 * f->frames;
    return f->samples == 3 && f->bits_allocated == 8 && !pixels->encapsulated &&
           strcmp(f->photometric, "YBR_FULL_422") == 0 && pixels->length < full;
}

static uint64_t frame_bits(const struct yq_pixels *pixels)
{
    const struct yq_frame *f = &pixels->facts;
    uint64_t samples = is_halved(pixels) ? 2 : f->samples;
    return (uint64_t)f->rows * f->columns * samples * f->bits_allocated;
}

uint64_t yq_pixels_frame_bytes(const struct yq_pixels *pixels)
{
    return (frame_bits(pixels) + 7) / 8;
}

/* Also for cells of 32 bits: OW is a stream of 16-bit words, the low one first. */
static void swap_words(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 2 <= length; i += 2) {
        uint8_t byte = bytes[i];
        bytes[i] = bytes[i + 1];
        bytes[i + 1] = byte;
    }
}

/* Moves a frame that begins at bit `shift` of the first byte to bit 0. */
static void shift_bits(uint8_t *bytes, size_t length, unsigned shift)
{
    for (size_t i = 0; shift && i < length; i++) {
        unsigned next = i + 1 < length ? bytes[i + 1] : 0;
        bytes[i] = (uint8_t)(bytes[i] >> shift | next << (8 - shift));
    }
}

bool yq_pixels_plain(struct yq_pixels *pixels, unsigned number, uint64_t most, struct yq_buf *out,
                     struct yq_err *err)
{
    const struct yq_frame *f = &pixels->facts;
    uint64_t bits = frame_bits(pixels), size = yq_pixels_frame_bytes(pixels);
    if (number >= f->frames)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no frame %u", number + 1);
    if (size > most)
        return yq_fail(err, YQ_FULL, ROOM, "one frame takes %llu bytes", (unsigned long long)size);
    uint64_t first = bits * number / 8, end = (bits * (number + 1) + 7) / 8;
    if (end > pixels->length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the pixel data are shorter than rows, columns and frames say");
    bool big = is_big(pixels) && (strcmp(pixels->vr, "OW") == 0 || f->bits_allocated > 8);
    uint64_t from = big ? first & ~1ull : first;
    uint64_t to = big && (end & 1) && end < pixels->length ? end + 1 : end;
    yq_cleanup(yq_buf_fini) struct yq_buf raw = {0};
    if (!yq_scan_skip_value(pixels->scan, from, err) ||
        !yq_scan_value(pixels->scan, (size_t)(to - from), &raw, err))
        return false;
    if (big)
        swap_words(raw.bytes, raw.length);
    uint8_t *start = raw.bytes + (first - from);
    shift_bits(start, (size_t)(end - first), (unsigned)(bits * number % 8));
    yq_buf_put(out, start, (size_t)size);
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
}

/* ---- fragments ---- */

static bool list_fragments(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_fragment fragment;
    size_t room = 0;
    bool table = true; /* the first one */
    while (yq_scan_fragment(pixels->scan, &fragment.position, &fragment.length, err)) {
        if (table) {
            table = false;
            if (!yq_scan_value(pixels->scan, 4 * (size_t)FRAGMENTS_MOST, &pixels->offsets, err))
                return false;
            continue;
        }
        if (pixels->fragment_count == FRAGMENTS_MOST)
            return yq_fail(err, YQ_FULL, ROOM, "the pixel data have more than %d fragments",
                           FRAGMENTS_MOST);
        if (pixels->fragment_count == room) {
            room = room ? 2 * room : 16;
            struct yq_fragment *more = realloc(pixels->fragments, room * sizeof *more);
            if (!more)
                return yq_fail(err, YQ_FULL, ROOM, "no memory for %zu fragments", room);
            pixels->fragments = more;
        }
        pixels->fragments[pixels->fragment_count++] = fragment;
    }
    return err->code == YQ_OK;
}

/* The fragment whose item stands at `offset` behind the offset table; fragment_count: none. */
static size_t at_offset(const struct yq_pixels *pixels, uint32_t offset)
{
    size_t low = 0, high = pixels->fragment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint64_t here = pixels->fragments[middle].position - pixels->fragments[0].position;
        if (here == offset)
            return middle;
        if (here < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return pixels->fragment_count;
}

static bool index_by_table(struct yq_pixels *pixels)
{
    size_t frames = pixels->facts.frames;
    if (pixels->offsets.length / 4 < frames)
        return false;
    for (size_t i = 0; i < frames; i++) {
        size_t start = at_offset(pixels, yq_le32(pixels->offsets.bytes + 4 * i));
        if (start == pixels->fragment_count || (i && start <= pixels->starts[i - 1]))
            return false;
        pixels->starts[i] = start;
    }
    return pixels->starts[0] == 0;
}

/* A frame begins at each fragment that starts a codestream: SOI, or SOC and SIZ. */
static bool index_by_starts(struct yq_pixels *pixels, struct yq_err *err)
{
    size_t found = 0;
    for (size_t i = 0; i < pixels->fragment_count; i++) {
        uint8_t head[2] = {0};
        size_t got;
        if (pixels->fragments[i].length >= 2 &&
            !yq_read_at(pixels->fd, head, sizeof head,
                        pixels->part10.dataset_offset + pixels->fragments[i].position, &got, err))
            return false;
        if (head[0] != 0xff || (head[1] != 0xd8 && head[1] != 0x4f))
            continue;
        if (found < pixels->facts.frames)
            pixels->starts[found] = i;
        found++;
    }
    return (found == pixels->facts.frames && pixels->starts[0] == 0) ||
           yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "%zu fragments and their offset table do not tell where %u frames begin",
                   pixels->fragment_count, pixels->facts.frames);
}

bool yq_pixels_index(struct yq_pixels *pixels, struct yq_err *err)
{
    size_t frames = pixels->facts.frames;
    if (yq_layout_of(pixels->part10.transfer_syntax) != YQ_LAYOUT_EXPLICIT_LE)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the pixel data come in fragments although the transfer syntax has none");
    if (!list_fragments(pixels, err))
        return false;
    if (!pixels->fragment_count || pixels->fragment_count < frames)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%zu fragments cannot hold %zu frames",
                       pixels->fragment_count, frames);
    pixels->starts = calloc(frames + 1, sizeof *pixels->starts);
    if (!pixels->starts)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for an index of %zu frames", frames);
    pixels->starts[frames] = pixels->fragment_count;
    if (frames == 1)
        return true;
    if (pixels->fragment_count == frames) {
        for (size_t i = 0; i < frames; i++)
            pixels->starts[i] = i;
        return true;
    }
    return index_by_table(pixels) || index_by_starts(pixels, err);
}

bool yq_pixels_gather(const struct yq_pixels *pixels, unsigned number, uint64_t most,
                      struct yq_buf *out, struct yq_err *err)
{
    if (number >= pixels->facts.frames)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no frame %u", number + 1);
    uint64_t total = 0;
    for (size_t i = pixels->starts[number]; i < pixels->starts[number + 1]; i++)
        total += pixels->fragments[i].length;
    if (total > most)
        return yq_fail(err, YQ_FULL, ROOM, "one compressed frame takes %llu bytes",
                       (unsigned long long)total);
    for (size_t i = pixels->starts[number]; i < pixels->starts[number + 1]; i++) {
        const struct yq_fragment *fragment = &pixels->fragments[i];
        uint8_t *room = yq_buf_room(out, fragment->length); /* was compared with the file's size */
        size_t got;
        if (!room)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for a compressed frame");
        if (!yq_read_at(pixels->fd, room, fragment->length,
                        pixels->part10.dataset_offset + fragment->position, &got, err))
            return false;
        if (got != fragment->length)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the file ends within a frame");
    }
    return true;
}

/* ---- codestreams ---- */

static unsigned count_scans(const struct yq_buf *stream)
{
    unsigned scans = 0;
    for (size_t i = 0; i + 1 < stream->length; i++)
        scans += stream->bytes[i] == 0xff && stream->bytes[i + 1] == 0xda;
    return scans;
}

static bool size_fits(const struct yq_frame *f, const uint8_t *p, struct yq_err *err)
{
    unsigned precision = p[0], rows = yq_be16(p + 1), columns = yq_be16(p + 3), samples = p[5];
    if (rows == f->rows && columns == f->columns && samples == f->samples &&
        precision <= f->bits_allocated)
        return true;
    return yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "the compressed frame has %u rows, %u columns, %u samples of %u bits, the "
                   "dataset says %u, %u, %u of %u",
                   rows, columns, samples, precision, f->rows, f->columns, f->samples,
                   f->bits_allocated);
}

bool yq_pixels_jpeg_fits(const struct yq_frame *facts, const struct yq_buf *stream,
                         struct yq_err *err)
{
    const uint8_t *p = stream->bytes;
    size_t at = 2, length = stream->length;
    if (length < 4 || p[0] != 0xff || p[1] != 0xd8)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame is no JPEG stream");
    if (count_scans(stream) > SCANS_MOST) /* each costs a pass over the whole image */
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has more than %d scans",
                       SCANS_MOST);
    while (at + 4 <= length && p[at] == 0xff) {
        uint8_t marker = p[at + 1];
        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        bool frame = (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
                      marker != 0xcc) ||
                     marker == 0xf7;
        size_t segment = yq_be16(p + at + 2);
        if (segment < 2 || segment > length - at - 2)
            break;
        if (frame)
            return segment >= 8 ? size_fits(facts, p + at + 4, err)
                                : yq_fail(err, YQ_BAD_INPUT, ROOM, "a JPEG frame header is broken");
        if (marker == 0xda || marker == 0xd9)
            break;
        at += 2 + segment;
    }
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has no frame header");
}

bool yq_pixels_inflate(const struct yq_buf *packed, uint64_t length, struct yq_buf *out,
                       struct yq_err *err)
{
    z_stream z = {0};
    uint8_t *room = length <= UINT32_MAX ? yq_buf_room(out, (size_t)length) : NULL;
    if (!room || packed->length > UINT32_MAX || inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to inflate a frame");
    z.next_in = packed->bytes;
    z.avail_in = (uInt)packed->length;
    z.next_out = room;
    z.avail_out = (uInt)length;
    int result = inflate(&z, Z_FINISH);
    bool whole = (result == Z_STREAM_END || result == Z_BUF_ERROR) && z.avail_out == 0;
    inflateEnd(&z);
    return whole || yq_fail(err, YQ_BAD_INPUT, ROOM, "a deflated frame is broken");
}
