/* pixels.c: reads what describes an object's pixels, and the plain ones of one frame.
 *
 * Knows PS3.3 C.7.6.3 (Image Pixel), C.7.6.24 and C.7.6.25 (floating point), C.7.6.16 (functional
 * groups), PS3.5 8.1 (plain pixel data in both byte orders, single bits, cells of 12 bits). What
 * devices leave away or write wrongly is put right where only one thing can be meant; attributes
 * that cannot be true are refused. Pixel data within a sequence are an icon's, never the image's.
 * Reads only the frame asked for. One thread at a time. */
#include "pixels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "yq/file.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_FLOAT 0x7fe00008u
#define TAG_DOUBLE 0x7fe00009u

enum {
    VALUE_MOST = 256 * 1024,               /* look-up tables; overlays are read where they lie */
    VALUE_MOST_DEFLATED = 8 * 1024 * 1024, /* there nothing can be read again */
    GROUP_MOST = 4 * 1024 * 1024,
};

/* ---- attributes ---- */

static unsigned short_of(const struct yq_item *item, uint32_t tag)
{
    int64_t value = 0;
    return yq_item_whole(item, tag, 0, &value) && value > 0 && value <= 0xffff ? (unsigned)value
                                                                               : 0;
}

static unsigned frames_of(const struct yq_item *item)
{
    int64_t value = 0;
    return yq_item_whole(item, 0x00280008, 0, &value) && value > 0 && value <= INT32_MAX
               ? (unsigned)value
               : 1;
}

/* Samples and photometric interpretation where one of them is missing or cannot be true. */
static void settle_colour(struct yq_pixels *pixels)
{
    struct yq_frame *f = &pixels->facts;
    bool grey = strncmp(f->photometric, "MONOCHROME", 10) == 0 ||
                strcmp(f->photometric, "PALETTE COLOR") == 0;
    if (!f->samples)
        f->samples = f->photometric[0] && !grey ? 3 : 1;
    if (f->samples == 3 && (grey || !f->photometric[0]))
        (void)yq_copy(f->photometric, sizeof f->photometric, "RGB");
    else if (f->samples == 1 && (!grey || !f->photometric[0]))
        (void)yq_copy(f->photometric, sizeof f->photometric, "MONOCHROME2");
}

/* Bits where only one thing can be meant. */
static void settle_bits(struct yq_pixels *pixels)
{
    struct yq_frame *f = &pixels->facts;
    if (pixels->element.tag == TAG_FLOAT || pixels->element.tag == TAG_DOUBLE) {
        f->is_float = true;
        f->is_signed = true;
        f->bits_allocated = f->bits_stored = pixels->element.tag == TAG_FLOAT ? 32 : 64;
    }
    if (!f->bits_allocated && f->bits_stored)
        f->bits_allocated = f->bits_stored == 1    ? 1
                            : f->bits_stored <= 8  ? 8
                            : f->bits_stored <= 16 ? 16
                                                   : 32;
    if (!f->bits_stored)
        f->bits_stored = f->bits_allocated;
    if (f->bits_stored && (f->high_bit >= f->bits_allocated || f->high_bit + 1 < f->bits_stored))
        f->high_bit = f->bits_stored - 1;
    pixels->packed = f->bits_allocated == 12 && f->samples == 1;
}

/* Its VR follows the sign of the pixels, where writers know that. */
static void take_padding(const struct yq_item *root, struct yq_frame *f)
{
    for (unsigned i = 0; i < 2; i++) {
        int64_t value;
        if (!yq_item_whole(root, 0x00280120 + i, 0, &value) || value < -65536 || value > 65535) {
            f->padding[1] = f->padding[0];
            return;
        }
        value -= f->is_signed && value > 32767 ? 65536 : 0;
        value += !f->is_signed && value < 0 ? 65536 : 0;
        f->padding[i] = (int)value;
        f->has_padding = true;
    }
    if (f->padding[0] > f->padding[1]) { /* the limit may lie on either side */
        int low = f->padding[1];
        f->padding[1] = f->padding[0];
        f->padding[0] = low;
    }
}

static void read_facts(struct yq_pixels *pixels)
{
    const struct yq_item *root = &pixels->dataset.root;
    struct yq_frame *f = &pixels->facts;
    f->samples = short_of(root, 0x00280002);
    (void)yq_item_value(root, 0x00280004, 0, f->photometric, sizeof f->photometric);
    f->planar = short_of(root, 0x00280006) == 1;
    f->frames = frames_of(root);
    f->rows = short_of(root, 0x00280010);
    f->columns = short_of(root, 0x00280011);
    f->bits_allocated = short_of(root, 0x00280100);
    f->bits_stored = short_of(root, 0x00280101);
    f->high_bit = short_of(root, 0x00280102);
    f->is_signed = short_of(root, 0x00280103) == 1;
    take_padding(root, f);
    f->look.slope = f->look.aspect = 1;
    settle_colour(pixels);
    settle_bits(pixels);
}

/* ---- opening ---- */

static bool read_attributes(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_reading how = {
        .value_most = pixels->deflated ? VALUE_MOST_DEFLATED : VALUE_MOST,
        .to_pixels = true,
        .frame = YQ_NO_FRAME,
    };
    struct yq_tree_part part = {.image_only = true, .items = &pixels->groups};
    const struct yq_part10 *p = &pixels->part10;
    if (!yq_scan_open_fd(pixels->fd, p->dataset_offset, p->transfer_syntax, &pixels->scan, err) ||
        !yq_tree_read(pixels->scan, &how, &part, &pixels->dataset, &pixels->element, err))
        return false;
    pixels->there = pixels->element.tag;
    pixels->encapsulated = pixels->there && pixels->element.length == UNDEFINED;
    read_facts(pixels);
    return true;
}

bool yq_pixels_open(int fd, struct yq_pixels *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->fd = fd;
    bool fine = yq_part10_read(fd, &out->part10, err);
    if (fine) {
        enum yq_layout layout = yq_layout_of(out->part10.transfer_syntax);
        out->deflated = layout == YQ_LAYOUT_DEFLATED;
        out->big = layout == YQ_LAYOUT_EXPLICIT_BE;
        fine = read_attributes(out, err);
    }
    struct stat info;
    if (fine && fstat(fd, &info) != 0)
        fine = yq_fail_errno(err, ROOM, "cannot look at", "a dataset's file");
    if (fine && info.st_size > 0 && (uint64_t)info.st_size > out->part10.dataset_offset)
        out->length = (uint64_t)info.st_size - out->part10.dataset_offset;
    if (!fine)
        yq_pixels_close(out);
    return fine;
}

void yq_pixels_close(struct yq_pixels *pixels)
{
    yq_scan_free(pixels->scan);
    yq_dataset_fini(&pixels->dataset);
    free(pixels->groups.items);
    yq_frame_fini(&pixels->facts);
    yq_fragments_fini(&pixels->fragments);
    memset(pixels, 0, sizeof *pixels);
}

bool yq_pixels_check(const struct yq_pixels *pixels, struct yq_err *err)
{
    const struct yq_frame *f = &pixels->facts;
    if (!pixels->there)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no pixel data");
    if (!f->rows || !f->columns)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has %u rows and %u columns", f->rows,
                       f->columns);
    if (f->samples != 1 && f->samples != 3)
        return yq_fail(err, YQ_REFUSED, ROOM, "images with %u samples a pixel are not known",
                       f->samples);
    bool cell = f->bits_allocated == 1 || f->bits_allocated == 8 || f->bits_allocated == 16 ||
                f->bits_allocated == 32 || (f->is_float && f->bits_allocated == 64) ||
                (pixels->packed && !pixels->encapsulated);
    if (!cell || (f->is_float && (f->samples != 1 || pixels->encapsulated)))
        return yq_fail(err, YQ_REFUSED, ROOM, "pixels of %u bits are not known", f->bits_allocated);
    if (f->bits_stored > f->bits_allocated)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%u bits stored with high bit %u do not fit into %u bits allocated",
                       f->bits_stored, f->high_bit, f->bits_allocated);
    return true;
}

bool yq_pixels_bytes(const struct yq_pixels *pixels, uint64_t position, void *bytes, size_t length,
                     size_t *got, struct yq_err *err)
{
    return yq_read_at(pixels->fd, bytes, length, pixels->part10.dataset_offset + position, got,
                      err);
}

/* ---- functional groups ---- */

/* The item's own bytes are read as a dataset. */
static bool read_group(const struct yq_pixels *pixels, const struct yq_group_item *item,
                       struct yq_dataset *group, struct yq_err *err)
{
    static const char *const syntaxes[] = {[YQ_LAYOUT_IMPLICIT_LE] = YQ_TS_IMPLICIT_LE,
                                           [YQ_LAYOUT_EXPLICIT_LE] = YQ_TS_EXPLICIT_LE,
                                           [YQ_LAYOUT_EXPLICIT_BE] = YQ_TS_EXPLICIT_BE,
                                           [YQ_LAYOUT_DEFLATED] = YQ_TS_EXPLICIT_LE};
    yq_cleanup(yq_buf_fini) struct yq_buf bytes = {0};
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_element none;
    size_t got = 0;
    if (item->end <= item->position)
        return true;
    if (item->end - item->position > GROUP_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "the functional groups of a frame are too large");
    size_t length = (size_t)(item->end - item->position);
    uint8_t *room = yq_buf_room(&bytes, length);
    if (!room)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for functional groups");
    return yq_pixels_bytes(pixels, item->position, room, length, &got, err) &&
           yq_scan_open_memory(room, got, syntaxes[pixels->groups.layout], &scan, err) &&
           yq_tree_read(scan, &(struct yq_reading){.frame = YQ_ALL_FRAMES},
                        &(struct yq_tree_part){0}, group, &none, err);
}

/* Inflated once more, up to the item. */
static bool read_deflated(const struct yq_pixels *pixels, unsigned number, struct yq_dataset *group,
                          struct yq_err *err)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    const struct yq_part10 *p = &pixels->part10;
    struct yq_reading how = {.value_most = VALUE_MOST, .to_pixels = true, .frame = number};
    struct yq_element element;
    if (!yq_scan_open_fd(pixels->fd, p->dataset_offset, p->transfer_syntax, &scan, err) ||
        !yq_tree_read(scan, &how, &(struct yq_tree_part){.image_only = true}, group, &element, err))
        return false;
    const struct yq_item *item = yq_item_first(&group->root, 0x52009230);
    group->root = item ? *item : (struct yq_item){0};
    return true;
}

bool yq_pixels_group(const struct yq_pixels *pixels, unsigned number, struct yq_dataset *group,
                     struct yq_err *err)
{
    memset(group, 0, sizeof *group);
    if (number >= pixels->groups.count)
        return true;
    return pixels->deflated ? read_deflated(pixels, number, group, err)
                            : read_group(pixels, &pixels->groups.items[number], group, err);
}

/* ---- plain pixel data ---- */

/* YBR_FULL_422 and its like share their colour between two pixels, but some say so and do not do
 * it. */
static bool is_halved(const struct yq_pixels *pixels)
{
    const struct yq_frame *f = &pixels->facts;
    uint64_t full = (uint64_t)f->rows * f->columns * 3;
    return f->samples == 3 && f->bits_allocated == 8 && !pixels->encapsulated &&
           (strcmp(f->photometric, "YBR_FULL_422") == 0 ||
            strcmp(f->photometric, "YBR_PARTIAL_422") == 0) &&
           pixels->element.length / f->frames < full;
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

static void swap_words(uint8_t *bytes, size_t length, unsigned word)
{
    for (size_t i = 0; word > 1 && i + word <= length; i += word)
        for (unsigned a = 0, b = word - 1; a < b; a++, b--) {
            uint8_t byte = bytes[i + a];
            bytes[i + a] = bytes[i + b];
            bytes[i + b] = byte;
        }
}

/* What changes places in big endian. OW is a stream of 16-bit words, the low one first, also for
 * cells of 32 bits. */
static unsigned word_of(const struct yq_pixels *pixels)
{
    if (!pixels->big)
        return 1;
    if (pixels->facts.is_float)
        return pixels->facts.bits_allocated / 8;
    return strcmp(pixels->element.vr, "OW") == 0 || pixels->facts.bits_allocated > 8 ? 2 : 1;
}

/* Moves a frame that begins at bit `shift` of the first byte to bit 0. */
static void shift_bits(uint8_t *bytes, size_t length, unsigned shift)
{
    for (size_t i = 0; shift && i < length; i++) {
        unsigned next = i + 1 < length ? bytes[i + 1] : 0;
        bytes[i] = (uint8_t)(bytes[i] >> shift | next << (8 - shift));
    }
}

/* The scanner stands within the value already, or stands too far: then it begins anew. */
static bool inflate_to(struct yq_pixels *pixels, uint64_t from, struct yq_err *err)
{
    if (from < pixels->passed) {
        struct yq_element element;
        const struct yq_part10 *p = &pixels->part10;
        yq_scan_free(pixels->scan);
        pixels->scan = NULL;
        pixels->passed = 0;
        if (!yq_scan_open_fd(pixels->fd, p->dataset_offset, p->transfer_syntax, &pixels->scan, err))
            return false;
        do {
            if (!yq_scan_next(pixels->scan, &element, err)) {
                if (err->code == YQ_OK)
                    yq_fail(err, YQ_BAD_INPUT, ROOM, "the file changed while it was read");
                return false;
            }
        } while (element.depth || element.tag != pixels->element.tag);
    }
    uint64_t step = from - pixels->passed;
    pixels->passed = from;
    return yq_scan_skip_value(pixels->scan, step, err);
}

/* Appends bytes [from, to) of the value. */
static bool read_value(struct yq_pixels *pixels, uint64_t from, uint64_t to, struct yq_buf *out,
                       struct yq_err *err)
{
    size_t length = (size_t)(to - from), got = 0;
    if (pixels->deflated) {
        if (!pixels->scan)
            return yq_fail(err, YQ_BUG, ROOM, "a frame was asked for after one could not be read");
        if (!inflate_to(pixels, from, err))
            return false;
        pixels->passed = to;
        return yq_scan_value(pixels->scan, length, out, err);
    }
    uint8_t *room = yq_buf_raw(out, length);
    if (!room)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    return yq_pixels_bytes(pixels, pixels->element.position + from, room, length, &got, err) &&
           (got == length || yq_fail(err, YQ_BAD_INPUT, ROOM, "the file ends within a frame"));
}

/* Cells of 12 bits, without anything between them, become cells of 16. */
static bool unpack(const struct yq_frame *f, const uint8_t *bytes, struct yq_buf *out,
                   struct yq_err *err)
{
    size_t count = (size_t)f->rows * f->columns;
    uint8_t *to = yq_buf_room(out, 2 * count);
    if (!to)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = bytes + i * 3 / 2;
        unsigned both = p[0] | (unsigned)p[1] << 8, value = i & 1 ? both >> 4 : both & 0xfff;
        to[2 * i] = (uint8_t)value;
        to[2 * i + 1] = (uint8_t)(value >> 8);
    }
    return true;
}

bool yq_pixels_plain(struct yq_pixels *pixels, unsigned number, uint64_t most, struct yq_buf *out,
                     struct yq_err *err)
{
    const struct yq_frame *f = &pixels->facts;
    uint64_t bits = frame_bits(pixels), size = yq_pixels_frame_bytes(pixels);
    if (number >= f->frames)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no frame %u", number + 1);
    if (size > most || size > SIZE_MAX / 4)
        return yq_fail(err, YQ_FULL, ROOM, "one frame takes %llu bytes", (unsigned long long)size);
    if (number >= (uint64_t)pixels->element.length * 8 / bits)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the pixel data are shorter than rows, columns and frames say");
    uint64_t first = bits * number / 8, end = (bits * (number + 1) + 7) / 8;
    unsigned word = word_of(pixels), shift = (unsigned)(bits * number % 8);
    bool whole = first % word == 0 && end % word == 0 && !shift && !pixels->packed;
    if (whole) {
        size_t start = out->length;
        if (!read_value(pixels, first, end, out, err))
            return false;
        swap_words(out->bytes + start, (size_t)size, word);
        return true;
    }
    uint64_t from = first / word * word, to = (end + word - 1) / word * word;
    if (to > pixels->element.length)
        to = pixels->element.length;
    yq_cleanup(yq_buf_fini) struct yq_buf raw = {0};
    if (!read_value(pixels, from, to, &raw, err))
        return false;
    swap_words(raw.bytes, raw.length, word);
    uint8_t *start = raw.bytes + (first - from);
    shift_bits(start, (size_t)(end - first), shift);
    if (pixels->packed)
        return unpack(f, start, out, err);
    yq_buf_put(out, start, (size_t)size);
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
}
