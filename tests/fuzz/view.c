/* view.c: any bytes as a frame, how it is to be shown, and how it is wanted: a picture within the
 * bound, or refused. What dcm/ would never hand over is tried too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/image.h"

enum { MOST = 1 << 18, FEW = 4 };
#define FONT "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *at;
    size_t left;
};

static unsigned take(struct bytes *in, unsigned length)
{
    unsigned value = 0;
    for (; length && in->left; length--, in->left--)
        value = value << 8 | *in->at++;
    return value;
}

static unsigned below(struct bytes *in, unsigned sides) { return take(in, 1) % sides; }

static double number(struct bytes *in) /* mostly small, sometimes anything */
{
    unsigned kind = take(in, 1);
    if (kind < 200)
        return (double)kind / 8 - 5;
    uint64_t bits = (uint64_t)take(in, 4) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int whole(struct bytes *in)
{
    unsigned kind = take(in, 1);
    return kind < 200 ? (int)kind - 50 : (int)take(in, 4);
}

static struct yq_lut lut(struct bytes *in)
{
    struct yq_lut lut = {.entries = below(in, 6) * below(in, 40)};
    lut.first = whole(in);
    lut.bits = below(in, 20);
    lut.values = calloc(lut.entries + 1, sizeof *lut.values);
    for (unsigned i = 0; lut.values && i < lut.entries; i++)
        lut.values[i] = (uint16_t)take(in, 2);
    return lut;
}

static void take_frame(struct bytes *in, struct yq_frame *frame)
{
    static const char *const kinds[] = {
        "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "",
        "CMYK"};
    static const unsigned bits[] = {1, 8, 16, 32, 64, 12, 0};
    frame->rows = below(in, 2) ? below(in, 20) : take(in, 2);
    frame->columns = below(in, 20);
    frame->samples = 1 + below(in, 4);
    frame->bits_allocated = bits[below(in, 7)];
    frame->bits_stored = take(in, 1) % 70;
    frame->high_bit = take(in, 1) % 70;
    unsigned flags = take(in, 1);
    frame->is_signed = flags & 1;
    frame->planar = flags & 2;
    frame->is_float = (flags & 12) == 12;
    if (flags & 16) { /* often something that fits */
        frame->bits_stored = frame->bits_allocated;
        frame->high_bit = frame->bits_allocated - 1;
    }
    (void)yq_copy(frame->photometric, sizeof frame->photometric, kinds[below(in, 8)]);
    for (unsigned i = 0; i < 3; i++)
        frame->palette[i] = lut(in);
}

static void take_overlays(struct bytes *in, struct yq_look *look)
{
    look->overlay_count = below(in, FEW);
    look->overlays = calloc(FEW, sizeof *look->overlays);
    for (size_t i = 0; look->overlays && i < look->overlay_count; i++) {
        struct yq_overlay *o = &look->overlays[i];
        *o = (struct yq_overlay){0x6000 + 2 * below(in, 3),
                                 below(in, 30),
                                 below(in, 30),
                                 whole(in),
                                 whole(in),
                                 below(in, 2),
                                 NULL,
                                 below(in, 70)};
        size_t length = ((size_t)o->rows * o->columns + 7) / 8;
        if (below(in, 2))
            o->bits = calloc(1, length + 1);
        for (size_t j = 0; o->bits && j < length; j++)
            o->bits[j] = (uint8_t)take(in, 1);
    }
}

static void take_shutter(struct bytes *in, struct yq_shutter *shutter)
{
    *shutter = (struct yq_shutter){below(in, 2),
                                   below(in, 2),
                                   whole(in),
                                   whole(in),
                                   whole(in),
                                   whole(in),
                                   whole(in),
                                   whole(in),
                                   whole(in),
                                   below(in, 5),
                                   NULL,
                                   0x6000 * below(in, 2),
                                   (uint16_t)take(in, 2)};
    shutter->vertices = calloc(2 * shutter->vertex_count + 1, sizeof *shutter->vertices);
    for (size_t i = 0; shutter->vertices && i < 2 * shutter->vertex_count; i++)
        shutter->vertices[i] = whole(in);
}

static void take_graphics(struct bytes *in, struct yq_look *look)
{
    look->graphic_count = below(in, FEW);
    look->graphics = calloc(FEW, sizeof *look->graphics);
    for (size_t i = 0; look->graphics && i < look->graphic_count; i++) {
        struct yq_graphic *g = &look->graphics[i];
        *g = (struct yq_graphic){
            (enum yq_shape)below(in, 5), below(in, 2), below(in, 2), {0}, below(in, 9), NULL};
        g->rgb[below(in, 3)] = (uint8_t)take(in, 1);
        g->points = calloc(2 * g->point_count + 1, sizeof *g->points);
        for (size_t j = 0; g->points && j < 2 * g->point_count; j++)
            g->points[j] = (float)number(in);
    }
    look->caption_count = below(in, FEW);
    look->captions = calloc(FEW, sizeof *look->captions);
    for (size_t i = 0; look->captions && i < look->caption_count; i++) {
        struct yq_caption *c = &look->captions[i];
        unsigned flags = take(in, 1);
        *c = (struct yq_caption){
            calloc(1, 33),     flags & 1, flags & 2, flags & 4, (flags & 8) != 0,
            (flags & 16) != 0, YQ_LEFT,   {0},       {0},       {255, 255, 255}};
        c->justify = flags >> 5 & 1 ? YQ_CENTER : flags >> 6 & 1 ? YQ_RIGHT : YQ_LEFT;
        for (unsigned j = 0; c->text && j < 32; j++)
            c->text[j] = (char)take(in, 1);
        for (unsigned j = 0; j < 4; j++)
            c->box[j] = (float)number(in);
        c->anchor[0] = (float)number(in);
        c->anchor[1] = (float)number(in);
    }
}

static void take_look(struct bytes *in, struct yq_look *look)
{
    unsigned flags = take(in, 1);
    look->slope = flags & 1 ? 1 : number(in);
    look->intercept = flags & 1 ? 0 : number(in);
    look->function = (enum yq_voi_function)below(in, 3);
    look->window_count = below(in, 3);
    for (size_t i = 0; i < look->window_count; i++)
        look->windows[i] = (struct yq_window){number(in), number(in)};
    if (flags & 2)
        look->modality = lut(in);
    if (flags & 4)
        look->presentation = lut(in);
    look->voi_count = below(in, 3);
    look->voi = calloc(3, sizeof *look->voi);
    for (size_t i = 0; look->voi && i < look->voi_count; i++)
        look->voi[i] = lut(in);
    look->inverse = flags & 8;
    look->has_shape = flags & 16;
    look->presented = flags & 32;
    look->flipped = flags & 64;
    look->has_area = flags & 128;
    look->aspect = number(in);
    look->rotation = below(in, 2) ? 90 * below(in, 4) : (unsigned)whole(in);
    look->area = (struct yq_area){
        (enum yq_area_mode)below(in, 3), whole(in), whole(in), whole(in), whole(in), number(in),
        {number(in), number(in)}};
    take_overlays(in, look);
    take_shutter(in, &look->shutter);
    take_graphics(in, look);
}

static void take_view(struct bytes *in, struct yq_view *view, char corner[33])
{
    unsigned flags = take(in, 1);
    view->has_window = flags & 1;
    view->window = (struct yq_window){number(in), number(in)};
    view->function = (enum yq_voi_function)below(in, 3);
    view->has_region = flags & 2;
    view->left = number(in) / 20;
    view->top = number(in) / 20;
    view->right = number(in) / 20;
    view->bottom = number(in) / 20;
    view->rows = flags & 4 ? take(in, 4) : flags & 8 ? below(in, 99) : 0;
    view->columns = flags & 16 ? take(in, 4) : flags & 32 ? below(in, 99) : 0;
    for (unsigned i = 0; i < 32; i++)
        corner[i] = (char)take(in, 1);
    if (flags & 64)
        view->corners[below(in, 4)] = corner;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct yq_err err;
    if (!ready)
        (void)!yq_image_use_font(FONT, &err); /* without one texts are refused */
    ready = true;
    struct bytes in = {data, size};
    struct yq_frame frame = {0};
    struct yq_look other = {0};
    struct yq_view view = {0};
    struct yq_picture picture;
    char corner[33] = "";
    take_frame(&in, &frame);
    take_look(&in, &frame.look);
    if (below(&in, 2)) {
        take_look(&in, &other);
        view.look = &other;
    }
    take_view(&in, &view, corner);
    yq_buf_put(&frame.pixels, in.at, in.left);
    if (yq_image_render(&frame, below(&in, 9) ? &view : NULL, MOST, &picture, &err)) {
        if (picture.pixels.length > MOST ||
            picture.pixels.length != (size_t)picture.rows * picture.columns * picture.samples)
            abort();
        yq_picture_fini(&picture);
    }
    yq_frame_fini(&frame);
    yq_look_fini(&other);
    return 0;
}
