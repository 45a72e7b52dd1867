/* source.c: the lines of an image in its own size, as they are shown: grey or colour, overlays,
 * shutter. Also where it is refused that attributes and pixels do not agree, so that nothing below
 * reads outside. PS3.3 C.7.6.3. Thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

#define ROOM "image"

enum { TABLE_LEAST = 4096 }; /* pixels for which a table is worth its making */

static int kind_of(const struct yq_frame *frame)
{
    static const struct {
        const char *photometric;
        int kind;
    } table[] = {
        {"MONOCHROME1", SOURCE_GREY},
        {"MONOCHROME2", SOURCE_GREY},
        {"RGB", SOURCE_RGB},
        {"PALETTE COLOR", SOURCE_PALETTE},
        {"YBR_FULL", SOURCE_YBR},
        {"YBR_FULL_422", SOURCE_HALVED},
        {"YBR_PARTIAL_422", SOURCE_PARTIAL},
        {"YBR_ICT", SOURCE_RGB},
        {"YBR_RCT", SOURCE_RGB}, /* decoding gives RGB */
    };
    if (!frame->photometric[0])
        return frame->samples == 3 ? SOURCE_RGB : SOURCE_GREY;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(frame->photometric, table[i].photometric) == 0)
            return table[i].kind;
    return -1;
}

unsigned yq_source_samples(const struct yq_frame *frame)
{
    return kind_of(frame) == SOURCE_GREY ? 1 : 3;
}

bool yq_source_check(const struct yq_frame *frame, struct yq_err *err)
{
    int kind = kind_of(frame);
    if (kind < 0)
        return yq_fail(err, YQ_REFUSED, ROOM, "this photometric interpretation cannot be shown");
    if (!frame->rows || !frame->columns || frame->rows > 65535 || frame->columns > 65535)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has %u rows and %u columns", frame->rows,
                       frame->columns);
    unsigned samples = kind == SOURCE_GREY || kind == SOURCE_PALETTE ? 1 : 3;
    if (frame->samples != samples || (frame->is_float && kind != SOURCE_GREY))
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%u samples a pixel do not fit the photometric interpretation",
                       frame->samples);
    for (size_t i = 0; kind == SOURCE_PALETTE && i < 3; i++)
        if (!frame->palette[i].entries || !frame->palette[i].values)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has no palette");
    return true;
}

static bool check_cells(const struct yq_frame *frame, struct yq_err *err)
{
    unsigned allocated = frame->bits_allocated;
    bool cell = frame->is_float
                    ? allocated == 32 || allocated == 64
                    : allocated == 1 || allocated == 8 || allocated == 16 || allocated == 32;
    bool bits = frame->is_float ||
                (frame->bits_stored && frame->bits_stored <= allocated &&
                 frame->high_bit < allocated && frame->high_bit + 1 >= frame->bits_stored);
    if (cell && bits)
        return true;
    return yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "%u bits stored with high bit %u do not fit into %u bits allocated",
                   frame->bits_stored, frame->high_bit, allocated);
}

bool yq_source_plain(const struct yq_frame *frame, struct plain *plain, struct yq_err *err)
{
    if (!check_cells(frame, err))
        return false;
    int kind = kind_of(frame);
    uint64_t pixels = (uint64_t)frame->rows * frame->columns;
    uint64_t need = (pixels * frame->samples * frame->bits_allocated + 7) / 8;
    /* Said of pixels that do not share their colour as well: the length tells. */
    bool halved = (kind == SOURCE_HALVED || kind == SOURCE_PARTIAL) && frame->bits_allocated == 8 &&
                  frame->columns % 2 == 0 && frame->pixels.length < need;
    if (halved)
        need = 2 * pixels;
    if (frame->pixels.length < need)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the frame has %zu bytes of pixels, its attributes ask for %llu",
                       frame->pixels.length, (unsigned long long)need);
    *plain = (struct plain){
        .bytes = frame->pixels.bytes,
        .pixels = (size_t)pixels,
        .rows = frame->rows,
        .columns = frame->columns,
        .samples = frame->samples,
        .bits_allocated = frame->bits_allocated,
        .bits_stored = frame->bits_stored,
        .high_bit = frame->high_bit,
        .is_signed = frame->is_signed,
        .planar = frame->planar,
        .is_float = frame->is_float,
        .has_padding = frame->has_padding && !frame->is_float,
        .padding = {frame->padding[0], frame->padding[1]},
        .halved = halved,
    };
    return true;
}

/* ---- opening ---- */

static bool is_tabled(const struct plain *plain)
{
    return !plain->is_float && plain->bits_allocated <= 16;
}

static bool open_grey(struct source *source, const struct yq_view *view, struct yq_err *err)
{
    const struct yq_look *look = source->look;
    if (!isfinite(look->slope) || !isfinite(look->intercept))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the rescale is not a number");
    if (yq_tone_choose(&source->tone, source->frame, view)) {
        /* as it says */
    } else if (look->presented && !source->plain.is_float) {
        yq_tone_whole(&source->tone, &source->plain); /* without a window nothing is windowed */
    } else {
        yq_tone_range(&source->tone, &source->plain);
    }
    if (!is_tabled(&source->plain) || source->plain.pixels < TABLE_LEAST)
        return true;
    source->table = yq_tone_table(&source->tone, &source->plain);
    return source->table || yq_fail(err, YQ_FULL, ROOM, "no memory for a table of grey values");
}

static bool open_palette(struct source *source, struct yq_err *err)
{
    if (!is_tabled(&source->plain) || source->plain.pixels < TABLE_LEAST)
        return true;
    source->table = yq_colour_table(&source->plain, source->frame->palette);
    return source->table || yq_fail(err, YQ_FULL, ROOM, "no memory for a table of colours");
}

bool yq_source_open(struct source *source, const struct yq_view *view, struct yq_err *err)
{
    const struct yq_frame *frame = source->frame;
    int kind = kind_of(frame);
    source->look = view->look ? view->look : &frame->look;
    source->kind = (enum source_kind)kind;
    source->samples = kind == SOURCE_GREY ? 1 : 3;
    switch (kind) {
    case SOURCE_GREY: return open_grey(source, view, err);
    case SOURCE_PALETTE: return open_palette(source, err);
    default: return true;
    }
}

void yq_source_fini(struct source *source)
{
    free(source->table);
    source->table = NULL;
}

/* ---- lines ---- */

static void grey_line(const struct source *source, size_t first, unsigned count, uint8_t *out)
{
    const struct plain *plain = &source->plain;
    if (!source->table)
        for (unsigned i = 0; i < count; i++)
            out[i] = yq_tone_value(&source->tone, yq_plain_number(plain, first + i));
    else if (plain->bits_allocated == 1)
        for (unsigned i = 0; i < count; i++)
            out[i] = source->table[plain->bytes[(first + i) / 8] >> ((first + i) % 8) & 1];
    else if (plain->bits_allocated == 8)
        yq_line_through8(plain->bytes + first, count, source->table, out);
    else
        yq_line_through16(plain->bytes + 2 * first, count, source->table, out);
}

static const struct ybr *ybr_of(const struct source *source)
{
    return source->kind == SOURCE_PARTIAL ? &yq_ybr_partial : &yq_ybr_full;
}

void yq_source_line(const struct source *source, unsigned row, unsigned first, unsigned count,
                    uint8_t *out)
{
    const struct plain *plain = &source->plain;
    size_t at = (size_t)row * plain->columns + first;
    switch (source->kind) {
    case SOURCE_GREY: grey_line(source, at, count, out); break;
    case SOURCE_PALETTE:
        if (source->table)
            yq_colour_tabled(plain, source->table, at, count, out);
        else
            yq_colour_palette(plain, source->frame->palette, at, count, out);
        break;
    case SOURCE_RGB: yq_colour_full(plain, NULL, at, count, out); break;
    default:
        if (plain->halved)
            yq_colour_halved(plain, ybr_of(source), at, count, out);
        else
            yq_colour_full(plain, ybr_of(source), at, count, out);
        break;
    }
    struct span span = {row, first, count};
    yq_overlay_line(source, &span, out);
    yq_shutter_line(source, &span, out);
}
