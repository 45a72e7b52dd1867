/* render.c: one frame to a picture: decode, rescale, window, colour. PS3.3 C.7.6.3 (image pixel),
 * C.11.1 (modality rescale), C.11.2 (window and its functions).
 *
 * Refuses a frame whose attributes and pixels do not agree, so that nothing below reads outside;
 * it does not rely on its caller for that. Thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "plain.h"

#define ROOM "image"

/* ---- grey ---- */

struct window {
    enum { WINDOW_LINEAR, WINDOW_EXACT, WINDOW_SIGMOID } function;
    double center, width;
    double slope, intercept;
    bool inverse; /* MONOCHROME1 */
};

/* A stored value as grey. */
static uint8_t grey(const struct window *w, int64_t stored)
{
    double x = (double)stored * w->slope + w->intercept, y;
    switch (w->function) {
    case WINDOW_SIGMOID: y = 1 / (1 + exp(-4 * (x - w->center) / w->width)); break;
    case WINDOW_EXACT: y = w->width > 0 ? (x - w->center) / w->width + 0.5 : x > w->center; break;
    default: /* from here on C.11.2.1.2.1, where a width of 1 is a threshold */
        if (w->width > 1)
            y = (x - (w->center - 0.5)) / (w->width - 1) + 0.5;
        else
            y = x > w->center - 0.5;
        break;
    }
    y = !(y > 0) ? 0 : y > 1 ? 1 : y;
    uint8_t value = (uint8_t)(y * 255 + 0.5);
    return w->inverse ? 255 - value : value;
}

static struct window own_range(const struct plain *plain, const struct yq_frame *frame)
{
    int64_t low = yq_plain_sample(plain, 0), high = low;
    for (size_t i = 1; i < plain->pixels; i++) {
        int64_t value = yq_plain_sample(plain, i);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    double a = (double)low * frame->look.slope + frame->look.intercept;
    double b = (double)high * frame->look.slope + frame->look.intercept;
    return (struct window){.function = WINDOW_EXACT, .center = (a + b) / 2, .width = fabs(b - a)};
}

static struct window choose_window(const struct plain *plain, const struct yq_frame *frame)
{
    const struct yq_look *look = &frame->look;
    struct window window = {.center = look->windows[0].center, .width = look->windows[0].width};
    double least = 1; /* width, C.11.2.1.2 */
    if (look->function == YQ_VOI_LINEAR_EXACT)
        window.function = WINDOW_EXACT;
    else if (look->function == YQ_VOI_SIGMOID)
        window.function = WINDOW_SIGMOID;
    if (window.function != WINDOW_LINEAR)
        least = 1e-9;
    bool usable = look->window_count && isfinite(window.center) && isfinite(window.width) &&
                  window.width >= least;
    if (!usable)
        window = own_range(plain, frame);
    window.slope = look->slope;
    window.intercept = look->intercept;
    window.inverse = strcmp(frame->photometric, "MONOCHROME1") == 0;
    return window;
}

static bool render_grey(const struct plain *plain, const struct yq_frame *frame, uint8_t *out,
                        struct yq_err *err)
{
    struct window window = choose_window(plain, frame);
    if (plain->bits_stored > 16 || plain->pixels < 4096) {
        for (size_t i = 0; i < plain->pixels; i++)
            out[i] = grey(&window, yq_plain_sample(plain, i));
        return true;
    }
    size_t values = (size_t)1 << plain->bits_stored;
    int64_t lowest = plain->is_signed ? -(int64_t)(values / 2) : 0;
    uint8_t *table = malloc(values);
    if (!table)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a table of grey values");
    for (size_t i = 0; i < values; i++)
        table[i] = grey(&window, lowest + (int64_t)i);
    for (size_t i = 0; i < plain->pixels; i++)
        out[i] = table[yq_plain_sample(plain, i) - lowest];
    free(table);
    return true;
}

/* ---- what kind it is ---- */

enum kind { KIND_GREY, KIND_PALETTE, KIND_RGB, KIND_YBR, KIND_YBR_422, KIND_UNKNOWN };

static enum kind kind_of(const struct yq_frame *frame)
{
    static const struct {
        const char *photometric;
        enum kind kind;
    } table[] = {
        {"MONOCHROME1", KIND_GREY}, {"MONOCHROME2", KIND_GREY}, {"PALETTE COLOR", KIND_PALETTE},
        {"RGB", KIND_RGB},          {"YBR_FULL", KIND_YBR},     {"YBR_FULL_422", KIND_YBR_422},
        {"YBR_ICT", KIND_RGB},      {"YBR_RCT", KIND_RGB}, /* decoding gives RGB */
    };
    if (!frame->photometric[0])
        return frame->samples == 3 ? KIND_RGB : KIND_GREY;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(frame->photometric, table[i].photometric) == 0)
            return table[i].kind;
    return KIND_UNKNOWN;
}

static bool check_attributes(const struct yq_frame *frame, enum kind kind, struct yq_err *err)
{
    if (kind == KIND_UNKNOWN)
        return yq_fail(err, YQ_REFUSED, ROOM, "this photometric interpretation cannot be shown");
    if (!frame->rows || !frame->columns || frame->rows > 65535 || frame->columns > 65535)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has %u rows and %u columns", frame->rows,
                       frame->columns);
    unsigned samples = kind == KIND_GREY || kind == KIND_PALETTE ? 1 : 3;
    if (frame->samples != samples)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%u samples a pixel do not fit the photometric interpretation",
                       frame->samples);
    if (kind == KIND_PALETTE &&
        (!frame->palette[0].entries || !frame->palette[1].entries || !frame->palette[2].entries))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the image has no palette");
    if (!isfinite(frame->look.slope) || !isfinite(frame->look.intercept))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the rescale is not a number");
    return true;
}

/* An uncompressed frame as it is; *halved: YBR_FULL_422 that does share its colour. */
static bool take_plain(const struct yq_frame *frame, enum kind kind, struct plain *plain,
                       bool *halved, struct yq_err *err)
{
    unsigned allocated = frame->bits_allocated;
    bool cell = allocated == 1 || allocated == 8 || allocated == 16 || allocated == 32;
    if (!cell || !frame->bits_stored || frame->bits_stored > allocated ||
        frame->high_bit >= allocated || frame->high_bit + 1 < frame->bits_stored)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%u bits stored with high bit %u do not fit into %u bits allocated",
                       frame->bits_stored, frame->high_bit, allocated);
    uint64_t pixels = (uint64_t)frame->rows * frame->columns;
    uint64_t need = (pixels * frame->samples * allocated + 7) / 8;
    *halved = kind == KIND_YBR_422 && allocated == 8 && frame->columns % 2 == 0 &&
              frame->pixels.length < need;
    if (*halved)
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
        .bits_allocated = allocated,
        .bits_stored = frame->bits_stored,
        .high_bit = frame->high_bit,
        .is_signed = frame->is_signed,
        .planar = frame->planar,
    };
    return true;
}

static bool draw(const struct plain *plain, const struct yq_frame *frame, enum kind kind,
                 bool halved, uint8_t *out, struct yq_err *err)
{
    switch (kind) {
    case KIND_GREY: return render_grey(plain, frame, out, err);
    case KIND_PALETTE: yq_colour_palette(plain, frame, out); return true;
    case KIND_RGB: yq_colour_full(plain, false, out); return true;
    default:
        if (halved)
            yq_colour_halved(plain, out);
        else
            yq_colour_full(plain, true, out);
        return true;
    }
}

static bool render(const struct yq_frame *frame, uint64_t most, struct yq_picture *out,
                   struct yq_err *err)
{
    enum kind kind = kind_of(frame);
    if (!check_attributes(frame, kind, err))
        return false;
    unsigned samples = kind == KIND_GREY ? 1 : 3;
    uint64_t size = (uint64_t)frame->rows * frame->columns * samples;
    if (size > most)
        return yq_fail(err, YQ_FULL, ROOM, "the picture takes %llu bytes",
                       (unsigned long long)size);
    struct plain plain = {0};
    bool halved = false;
    if (!take_plain(frame, kind, &plain, &halved, err))
        return false;
    out->rows = frame->rows;
    out->columns = frame->columns;
    out->samples = samples;
    uint8_t *pixels = yq_buf_room(&out->pixels, (size_t)size);
    bool fine = pixels ? draw(&plain, frame, kind, halved, pixels, err)
                       : yq_fail(err, YQ_FULL, ROOM, "no memory for a picture");
    if (!fine)
        yq_picture_fini(out);
    return fine;
}

bool yq_image_render(const struct yq_frame *frame, const struct yq_view *view, uint64_t most,
                     struct yq_picture *out, struct yq_err *err)
{
    struct yq_frame plain;
    memset(out, 0, sizeof *out);
    (void)view;
    if (!check_attributes(frame, kind_of(frame), err))
        return false;
    if (!frame->codestream_syntax[0])
        return render(frame, most, out, err);
    if (!yq_codec_decode(frame, 0, most, &plain, err))
        return false;
    bool fine = render(&plain, most, out, err);
    yq_buf_fini(&plain.pixels);
    return fine;
}
