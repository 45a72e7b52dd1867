/* render.c: an object becomes a picture: open, only the frame asked for, decode, window, encode.
 * PS3.18 chapter 9 (image/jpeg).
 *
 * Any thread; nothing is kept. */
#include "yq/walk.h"

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/image.h"

#define PIXEL_BYTES_MOST (512ull << 20) /* of one frame, compressed or not */

bool yq_render_jpeg(struct yq_house *house, const struct yq_entry *entry, unsigned frame,
                    int quality, struct yq_buf *out, struct yq_err *err)
{
    struct yq_frame pixels yq_cleanup(yq_frame_fini) = {0};
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    int fd yq_cleanup(yq_close) = -1;

    return yq_store_read(house->store, &entry->key, &entry->object, &fd, err) &&
           yq_dcm_read_frame(fd, frame, PIXEL_BYTES_MOST, &pixels, err) &&
           yq_image_render(&pixels, NULL, PIXEL_BYTES_MOST, &picture, err) &&
           yq_image_jpeg(&picture, quality, out, err);
}
