/* overlay.c: the overlay planes over one frame. PS3.3 C.9.2, PS3.5 8.2 (their bits are packed,
 * without anything between two frames) and annex D.
 *
 * Long overlays are read from the file, only the frame's part. A plane whose bits are not all there
 * is left away. Thread-safe. */
#include <stdlib.h>
#include <string.h>

#include "pixels.h"

#define ROOM "dcm"

enum { BYTES_MOST = 64 * 1024 * 1024 };

static int64_t whole_of(const struct yq_item *item, uint32_t tag, size_t index, int64_t otherwise)
{
    int64_t value = otherwise;
    (void)yq_item_whole(item, tag, index, &value);
    return value < INT32_MIN || value > INT32_MAX ? otherwise : value;
}

/* Which of its frames lies over image frame `number`; false: none. Without either attribute the one
 * plane lies over all. */
static bool frame_of(const struct yq_item *item, uint32_t group, unsigned number, uint64_t *frame)
{
    int64_t frames = whole_of(item, group | 0x0015, 0, 0);
    int64_t origin = whole_of(item, group | 0x0051, 0, 0);
    *frame = 0;
    if (frames < 1 && origin < 1)
        return true;
    if (origin < 1)
        origin = 1;
    if (frames < 1)
        frames = 1;
    int64_t index = (int64_t)number + 1 - origin;
    if (index < 0 || index >= frames)
        return false;
    *frame = (uint64_t)index;
    return true;
}

/* Bytes [from, to) of the value; false: they are not there. `pixels`: NULL, or whose value it is.
 */
static bool read_bytes(const struct yq_pixels *pixels, const struct yq_data *data, uint64_t from,
                       uint64_t to, struct yq_buf *out, struct yq_err *err)
{
    if (!data->left_out) {
        if (to > data->length)
            return false;
        yq_buf_put(out, data->bytes + from, (size_t)(to - from));
        return !out->failed;
    }
    size_t got = 0;
    if (!pixels || pixels->deflated || data->stored == 0xffffffff || to > data->stored)
        return false;
    uint8_t *room = yq_buf_room(out, (size_t)(to - from));
    if (!room ||
        !yq_pixels_bytes(pixels, data->position + from, room, (size_t)(to - from), &got, err))
        return false;
    bool words = pixels->big && strcmp(data->vr, "OW") == 0;
    for (size_t i = 0; words && i + 2 <= got; i += 2) {
        uint8_t byte = room[i];
        room[i] = room[i + 1];
        room[i + 1] = byte;
    }
    return got == to - from;
}

/* The plane's bits, beginning with a byte's lowest. NULL: not all there. */
static uint8_t *read_bits(const struct yq_pixels *pixels, const struct yq_data *data,
                          uint64_t frame, uint64_t count, struct yq_err *err)
{
    uint64_t first = count * frame, from = first / 16 * 2, to = (first + count + 15) / 16 * 2;
    uint64_t there = data->left_out ? data->stored : data->length;
    unsigned shift = (unsigned)(first % 16);
    yq_cleanup(yq_buf_fini) struct yq_buf raw = {0};
    if (to > there && (first + count + 7) / 8 <= there)
        to = there;
    if (to > there || count / 8 > BYTES_MOST || !read_bytes(pixels, data, from, to, &raw, err))
        return NULL;
    size_t length = (size_t)((count + 7) / 8), skip = shift / 8;
    uint8_t *bits = malloc(length);
    shift %= 8;
    for (size_t i = 0; bits && i < length; i++) {
        unsigned low = i + skip < raw.length ? raw.bytes[i + skip] : 0;
        unsigned high = i + skip + 1 < raw.length ? raw.bytes[i + skip + 1] : 0;
        bits[i] = (uint8_t)(low >> shift | high << (8 - shift));
    }
    if (bits && count % 8) /* what is behind the last bit is of the next frame */
        bits[length - 1] &= (uint8_t)((1u << count % 8) - 1);
    return bits;
}

/* A plane in bits of the pixels' cells that hold no pixel value. */
static bool is_embedded(const struct yq_pixels *pixels, const struct yq_item *item, uint32_t group,
                        struct yq_overlay *plane)
{
    const struct yq_frame *f = &pixels->facts;
    int64_t bit = whole_of(item, group | 0x0102, 0, -1);
    bool free_bit = bit >= 0 && bit < f->bits_allocated &&
                    (bit > f->high_bit || bit + f->bits_stored <= f->high_bit);
    plane->embedded_bit = (unsigned)bit;
    return free_bit && f->samples == 1 && f->bits_allocated > 1 && !f->is_float &&
           plane->rows == f->rows && plane->columns == f->columns;
}

bool yq_overlay_plane(const struct yq_item *root, const struct yq_pixels *pixels, uint32_t group,
                      unsigned number, struct yq_overlay *plane, struct yq_err *err)
{
    group <<= 16;
    int64_t rows = whole_of(root, group | 0x0010, 0, 0);
    int64_t columns = whole_of(root, group | 0x0011, 0, 0);
    uint64_t frame;
    char type[8] = "";
    if (rows < 1 || columns < 1 || rows > 65535 || columns > 65535 ||
        !frame_of(root, group, number, &frame))
        return false;
    (void)yq_item_value(root, group | 0x0040, 0, type, sizeof type);
    *plane = (struct yq_overlay){
        .group = group >> 16,
        .rows = (unsigned)rows,
        .columns = (unsigned)columns,
        .row = (int)whole_of(root, group | 0x0050, 0, 1),
        .column = (int)whole_of(root, group | 0x0050, 1, 1),
        .region = strcmp(type, "R") == 0,
    };
    const struct yq_data *data = yq_item_find(root, group | 0x3000);
    if (!data)
        return pixels && is_embedded(pixels, root, group, plane);
    plane->bits = read_bits(pixels, data, frame, (uint64_t)rows * (uint64_t)columns, err);
    return plane->bits;
}

bool yq_overlay_add(struct yq_look *look, struct yq_overlay *take, struct yq_err *err)
{
    struct yq_overlay *more = realloc(look->overlays, (look->overlay_count + 1) * sizeof *more);
    if (!more) {
        free(take->bits);
        return yq_fail(err, YQ_FULL, ROOM, "no memory for overlays");
    }
    look->overlays = more;
    look->overlays[look->overlay_count++] = *take;
    return true;
}

bool yq_overlays_read(const struct yq_pixels *pixels, unsigned number, struct yq_look *look,
                      struct yq_err *err)
{
    const struct yq_item *root = &pixels->dataset.root;
    for (uint32_t i = 0; i < YQ_OVERLAY_GROUPS; i++) {
        struct yq_overlay plane;
        uint32_t group = 0x6000 + 2 * i;
        if (yq_item_find(root, group << 16 | 0x0010) &&
            yq_overlay_plane(root, pixels, group, number, &plane, err) &&
            !yq_overlay_add(look, &plane, err))
            return false;
    }
    return true;
}
