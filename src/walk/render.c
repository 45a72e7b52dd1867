/* render.c: an object becomes a picture: open, only the frames asked for, decode, show, encode.
 * PS3.18 chapter 9, 8.7.4.
 *
 * Any thread; nothing is kept. What one picture may take of memory is bounded here, whatever the
 * object says and the client asks. */
#include "coerce.h"
#include "yq/annotation.h"
#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/image.h"
#include "yq/walk.h"

#define PIXEL_BYTES_MOST (512ull << 20) /* of one frame, compressed or not */
#define SCALED_MOST (128ull << 20)      /* of a picture in a size that the client asked for */

#define QUALITY 90

static uint64_t most_of(const struct yq_rendering *how)
{
    return how->view.rows || how->view.columns ? SCALED_MOST : PIXEL_BYTES_MOST;
}

/* Whose it is and how it was made, into the corners. */
static bool annotate(int fd, unsigned frame, const struct yq_frame *pixels,
                     const struct yq_rendering *how, struct yq_annotation *out, struct yq_err *err)
{
    struct yq_dataset header yq_cleanup(yq_dataset_fini) = {0};
    struct yq_reading reading = {.value_most = 1024, .to_pixels = true, .frame = frame};
    struct yq_annotating wanted = {.patient = how->patient,
                                   .technique = how->technique,
                                   .frame = frame + 1,
                                   .frames = pixels->frames};
    const struct yq_look *look = how->view.look ? how->view.look : &pixels->look;
    if (how->view.has_window)
        wanted.window = &how->view.window;
    else if (look->window_count)
        wanted.window = &look->windows[0];
    return yq_dcm_read_dataset(fd, &reading, &header, NULL, err) &&
           yq_annotation_compose(&header.root, &wanted, out, err);
}

static bool show(int fd, unsigned frame, const struct yq_rendering *how, struct yq_picture *out,
                 unsigned *frames, struct yq_err *err)
{
    struct yq_frame pixels yq_cleanup(yq_frame_fini) = {0};
    struct yq_annotation words yq_cleanup(yq_annotation_fini) = {0};
    struct yq_view view = how->view;
    if (!yq_dcm_read_frame(fd, frame, PIXEL_BYTES_MOST, &pixels, err))
        return false;
    *frames = pixels.frames;
    if ((how->patient || how->technique) && !annotate(fd, frame, &pixels, how, &words, err))
        return false;
    for (int i = 0; i < 4 && (how->patient || how->technique); i++)
        view.corners[i] = yq_buf_text(&words.corners[i]);
    return yq_image_render(&pixels, &view, most_of(how), out, err);
}

static bool encode(const struct yq_picture *picture, const struct yq_rendering *how,
                   struct yq_buf *out, struct yq_err *err)
{
    int quality = how->quality ? how->quality : QUALITY;
    if (how->media == YQ_AS_JPEG)
        return yq_image_jpeg(picture, quality, out, err);
    return yq_fail(err, YQ_REFUSED, "walk", "such pictures are not made yet");
}

bool yq_render(struct yq_house *house, const struct yq_entry *entry, const struct yq_rendering *how,
               struct yq_buf *out, struct yq_err *err)
{
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    int fd yq_cleanup(yq_close) = -1;
    unsigned frames, frame = how->frame == YQ_ALL_FRAMES ? 0 : how->frame;
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
        ((how->patient || how->technique) && !coerce_outgoing(house, entry, &fd, err)))
        return false;
    return show(fd, frame, how, &picture, &frames, err) && encode(&picture, how, out, err);
}
