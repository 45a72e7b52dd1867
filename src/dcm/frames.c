/* frames.c: an opened image, of which single frames are read. PS3.3 C.7.6.3, C.7.6.16.
 *
 * What is found out about where frames are is kept until it is closed. One thread at a time. */
#include "yq/frames.h"

#include <stdlib.h>
#include <string.h>

#include "frames_inside.h"

#define ROOM "dcm"

bool yq_frames_open(int fd, struct yq_frames **out, struct yq_err *err)
{
    struct yq_frames *frames = calloc(1, sizeof *frames);
    if (!frames)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for an image");
    bool opened = yq_pixels_open(fd, &frames->pixels, err);
    if (opened && yq_pixels_check(&frames->pixels, err)) {
        *out = frames;
        return true;
    }
    if (opened)
        yq_pixels_close(&frames->pixels);
    free(frames);
    return false;
}

void yq_frames_close(struct yq_frames *frames)
{
    if (!frames)
        return;
    yq_pixels_close(&frames->pixels);
    free(frames);
}

const struct yq_frame *yq_frames_facts(const struct yq_frames *frames)
{
    return &frames->pixels.facts;
}

const char *yq_frames_syntax(const struct yq_frames *frames)
{
    return frames->pixels.part10.transfer_syntax;
}

static bool read_stored(struct yq_pixels *pixels, unsigned number, uint64_t most,
                        struct yq_frame *out, struct yq_err *err)
{
    uint64_t size = yq_pixels_frame_bytes(pixels);
    *out = pixels->facts; /* which own nothing */
    if (number >= out->frames)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has %u frames", out->frames);
    if (!pixels->encapsulated) {
        if (pixels->packed)
            out->bits_allocated = 16;
        return yq_pixels_plain(pixels, number, most, &out->pixels, err);
    }
    if (size > most)
        return yq_fail(err, YQ_FULL, ROOM, "one frame takes %llu bytes", (unsigned long long)size);
    (void)yq_copy(out->codestream_syntax, sizeof out->codestream_syntax,
                  pixels->part10.transfer_syntax);
    return yq_pixels_gather(pixels, number, most, &out->pixels, err);
}

bool yq_frames_stored(struct yq_frames *frames, unsigned number, uint64_t most,
                      struct yq_frame *out, struct yq_err *err)
{
    bool fine = read_stored(&frames->pixels, number, most, out, err);
    if (!fine)
        yq_frame_fini(out);
    return fine;
}

bool yq_frames_read(struct yq_frames *frames, unsigned number, uint64_t most, struct yq_frame *out,
                    struct yq_err *err)
{
    struct yq_pixels *pixels = &frames->pixels;
    const struct yq_item *root = &pixels->dataset.root;
    bool palette = strcmp(pixels->facts.photometric, "PALETTE COLOR") == 0;
    bool fine = read_stored(pixels, number, most, out, err) &&
                (!pixels->encapsulated || yq_frame_decode(out, err)) &&
                (!palette || yq_palette_read(root, out->is_signed, out->palette, err)) &&
                yq_looks_read(pixels, number, &out->look, err);
    if (!fine)
        yq_frame_fini(out);
    return fine;
}

bool yq_dcm_read_frame(int fd, unsigned number, uint64_t most, struct yq_frame *out,
                       struct yq_err *err)
{
    yq_cleanup(yq_frames_cleanup) struct yq_frames *frames = NULL;
    memset(out, 0, sizeof *out);
    return yq_frames_open(fd, &frames, err) && yq_frames_read(frames, number, most, out, err);
}
