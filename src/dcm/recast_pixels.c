/* recast_pixels.c: pixel data that the caller gives frame by frame: in one value, or one fragment a
 * frame with an offset table. PS3.5 8.1.1, A.4; PS3.3 C.7.6.3.1.8 (extended offset table).
 *
 * Where the tables stand is left free and filled at the end. Several frames always get one; one
 * needs none. What could pass 4 GB gets the extended one, for which the basic one has to be empty.
 */
#include <string.h>

#include "recast_inside.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_ITEM 0xfffee000u
#define TAG_PIXELS 0x7fe00010u

/* Plain bytes from which on the extended table is written: compressing makes few images larger. */
#define BASIC_MOST ((uint64_t)2 << 30)

static bool put_zeros(struct yq_recast *r, uint64_t count, struct yq_err *err)
{
    static const uint8_t zeros[4096];
    while (count) {
        size_t piece = count < sizeof zeros ? (size_t)count : sizeof zeros;
        if (!recast_put(r, zeros, piece, 1, err))
            return false;
        count -= piece;
    }
    return true;
}

static bool begin_fragments(struct yq_recast *r, struct yq_err *err)
{
    uint64_t frames = r->pixels.frames;
    r->extended = frames > 1 && r->length > BASIC_MOST;
    if (8 * frames >= UNDEFINED)
        return yq_fail(err, YQ_FULL, ROOM, "%u frames are too many", r->pixels.frames);
    for (uint32_t tag = 0x7fe00001; r->extended && tag <= 0x7fe00002; tag++) {
        yq_writer_put_header(&r->writer, tag, "OV", (uint32_t)(8 * frames));
        *(tag == 0x7fe00001 ? &r->table_at : &r->lengths_at) = yq_sink_at(&r->sink);
        if (!put_zeros(r, 8 * frames, err))
            return false;
    }
    uint64_t table = frames > 1 && !r->extended ? 4 * frames : 0;
    yq_writer_put_header(&r->writer, TAG_PIXELS, "OB", UNDEFINED);
    yq_writer_put_mark(&r->writer, TAG_ITEM, (uint32_t)table);
    if (!r->extended)
        r->table_at = yq_sink_at(&r->sink);
    if (!put_zeros(r, table, err))
        return false;
    r->first = yq_sink_at(&r->sink);
    return true;
}

bool recast_begin_pixels(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_recast_pixels *p = &r->pixels;
    r->encapsulated = yq_is_encapsulated(r->to);
    if (!p->frames || !p->frame_bits || p->frame_bits > UINT64_MAX / 16 / p->frames)
        return yq_fail(err, YQ_FULL, ROOM, "%u frames of that size are too many", p->frames);
    r->length = (p->frame_bits * p->frames + 7) / 8;
    if (r->encapsulated)
        return begin_fragments(r, err);
    if (r->length >= UNDEFINED - 1)
        return yq_fail(err, YQ_FULL, ROOM, "pixel data that are not compressed end at 4 GB");
    bool wide = p->bits_allocated > 8 || r->sink.layout == YQ_LAYOUT_IMPLICIT_LE;
    yq_writer_put_header(&r->writer, TAG_PIXELS, wide ? "OW" : "OB",
                         (uint32_t)(r->length + (r->length & 1)));
    return true;
}

static bool put_fragment(struct yq_recast *r, const void *bytes, size_t length, struct yq_err *err)
{
    uint64_t offset = yq_sink_at(&r->sink) - r->first;
    if (length >= UNDEFINED - 1 || (!r->extended && offset > UINT32_MAX && r->pixels.frames > 1))
        return yq_fail(err, YQ_FULL, ROOM, "the compressed frames are too long");
    yq_buf_put_le32(&r->offsets, (uint32_t)offset);
    if (r->extended) {
        yq_buf_put_le32(&r->offsets, (uint32_t)(offset >> 32));
        yq_buf_put_le32(&r->lengths, (uint32_t)(length + (length & 1)));
        yq_buf_put_le32(&r->lengths, 0);
    }
    yq_writer_put_mark(&r->writer, TAG_ITEM, (uint32_t)(length + (length & 1)));
    if (!recast_put(r, bytes, length, 1, err))
        return false;
    if (length & 1)
        yq_buf_put(&r->sink.gathered, "", 1);
    return true;
}

/* Frames of single bits follow each other without regard to bytes. */
static bool put_bits(struct yq_recast *r, const uint8_t *bytes, struct yq_err *err)
{
    for (uint64_t left = r->pixels.frame_bits; left;) {
        unsigned count = left < 8 ? (unsigned)left : 8;
        r->carry |= (unsigned)(*bytes++ & ((1u << count) - 1)) << r->carried;
        r->carried += count;
        left -= count;
        if (r->carried < 8)
            continue;
        yq_buf_put(&r->sink.gathered, &(uint8_t){(uint8_t)r->carry}, 1);
        r->carry >>= 8;
        r->carried -= 8;
        r->came++;
        if (!yq_sink_pass(&r->sink, err))
            return false;
    }
    return true;
}

bool yq_recast_frame(struct yq_recast *r, const void *bytes, size_t length, struct yq_err *err)
{
    if (r->frame++ == r->pixels.frames)
        return yq_fail(err, YQ_BUG, ROOM, "more frames than were announced");
    if (r->encapsulated)
        return put_fragment(r, bytes, length, err);
    if (length != (r->pixels.frame_bits + 7) / 8)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a frame has %zu bytes, not %llu", length,
                       (unsigned long long)(r->pixels.frame_bits + 7) / 8);
    if (r->pixels.frame_bits & 7)
        return put_bits(r, bytes, err);
    r->came += length;
    unsigned bits = r->pixels.bits_allocated; /* OW is made of 16-bit words whatever is in them */
    return recast_put(r, bytes, length, bits > 8 ? 2 : 1, err);
}

bool recast_end_pixels(struct yq_recast *r, struct yq_err *err)
{
    if (r->frame != r->pixels.frames)
        return yq_fail(err, YQ_BUG, ROOM, "fewer frames than were announced");
    if (r->encapsulated) {
        yq_writer_end_sequence(&r->writer);
        return true;
    }
    if (r->carried) {
        yq_buf_put(&r->sink.gathered, &(uint8_t){(uint8_t)r->carry}, 1);
        r->came++;
    }
    if (r->length & 1)
        yq_buf_put(&r->sink.gathered, "", 1);
    return r->came == r->length || yq_fail(err, YQ_BUG, ROOM, "the frames do not fill their value");
}

bool recast_patch_tables(struct yq_recast *r, struct yq_err *err)
{
    if (!r->encapsulated || r->pixels.frames < 2)
        return true;
    if (r->offsets.failed || r->lengths.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for an offset table");
    return yq_sink_patch(&r->sink, r->table_at, r->offsets.bytes, r->offsets.length, err) &&
           (!r->extended ||
            yq_sink_patch(&r->sink, r->lengths_at, r->lengths.bytes, r->lengths.length, err));
}
