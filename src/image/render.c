/* render.c: one frame to a picture, in the order of PS3.4 N.2: decoded; then, line by line of the
 * image, modality, window, presentation, inversion (tone.c) or colour (colour.c), overlays and
 * shutter; scaled (scale.c), turned (place.c), and annotated.
 *
 * Refuses a frame whose attributes and pixels do not agree, so that nothing below reads outside;
 * it does not rely on its caller for that. Thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "render.h"

#define ROOM "image"

enum { HALVINGS_MOST = 6 };

/* How often the decoder may halve the frame: what is left still has more pixels than the picture,
 * so that the last step is an average. Never where it would be seen as more than that: colours by
 * number, what is laid over single pixels, greys that come from the whole image's range. JPEG
 * 2000's images of less resolution sit up to half a pixel of theirs to the top left: less than is
 * seen. */
static unsigned halvings(const struct yq_frame *frame, const struct place *place,
                         const struct yq_look *look, const struct yq_view *view)
{
    struct tone tone;
    bool grey = yq_source_samples(frame) == 1;
    const struct yq_shutter *shutter = &look->shutter;
    if (frame->palette[0].entries || look->overlay_count || shutter->rectangular ||
        shutter->circular || shutter->vertex_count || (grey && !yq_tone_choose(&tone, frame, view)))
        return 0;
    unsigned count = 0;
    double scale = fmax(place->scale_x, place->scale_y);
    for (; count < HALVINGS_MOST && scale * 2 <= 1; scale *= 2)
        count++;
    return count;
}

/* A decoded frame. `place` speaks of the frame as it was before. */
static bool show(const struct yq_frame *plain, const struct place *place,
                 const struct yq_view *view, struct source *source, struct yq_picture *out,
                 struct yq_err *err)
{
    source->frame = plain;
    if (!yq_source_check(plain, err) || !yq_source_plain(plain, &source->plain, err) ||
        !yq_source_open(source, view, err))
        return false;
    out->rows = place->rows;
    out->columns = place->columns;
    out->samples = source->samples;
    size_t size = (size_t)place->rows * place->columns * source->samples;
    uint8_t *pixels = malloc(size + 1); /* all of it is written; no buffer's zeroes first */
    if (!pixels)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a picture");
    pixels[size] = 0;
    out->pixels = (struct yq_buf){.bytes = pixels, .length = size, .capacity = size + 1};
    return yq_scale(source, place, pixels, err) && yq_place_turn(place, out, err);
}

bool yq_image_render(const struct yq_frame *frame, const struct yq_view *view, uint64_t most,
                     struct yq_picture *out, struct yq_err *err)
{
    static const struct yq_view as_it_is = {0};
    memset(out, 0, sizeof *out);
    if (!view)
        view = &as_it_is;
    const struct yq_look *look = view->look ? view->look : &frame->look;
    struct place place;
    if (!yq_source_check(frame, err) || !yq_place_find(&place, frame, look, view, most, err))
        return false;
    struct yq_frame decoded = *frame;
    bool compressed = frame->codestream_syntax[0];
    if (compressed &&
        !yq_codec_decode(frame, halvings(frame, &place, look, view), most, &decoded, err))
        return false;
    struct source source = {.full_rows = frame->rows, .full_columns = frame->columns};
    bool fine = show(&decoded, &place, view, &source, out, err) &&
                yq_annotate(out, &place, source.look, view, most, err);
    yq_source_fini(&source);
    if (compressed)
        yq_buf_fini(&decoded.pixels);
    if (!fine)
        yq_picture_fini(out);
    return fine;
}
