/* streams.c: codestreams before a decoder gets them, and deflated frames. PS3.5 8.2; A.4.
 *
 * Refuses what would make a decoder allocate or work more than the frame is worth. Thread-safe. */
#include <zlib.h>

#include "pixels.h"
#include "yq/codestream.h"

#define ROOM "dcm"

enum { SCANS_MOST = 100 };

bool yq_stream_fits(const struct yq_frame *f, const struct yq_buf *stream, struct yq_err *err)
{
    struct yq_codestream said;
    bool known = yq_codestream_read(stream->bytes, stream->length, &said);
    if (said.kind == YQ_STREAM_J2K || !known)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame is no JPEG stream");
    if (said.scans > SCANS_MOST) /* each costs a pass over the whole image */
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the compressed frame has more than %d scans",
                       SCANS_MOST);
    if (said.rows == f->rows && said.columns == f->columns && said.samples == f->samples &&
        said.precision <= f->bits_allocated)
        return true;
    return yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "the compressed frame has %u rows, %u columns, %u samples of %u bits, the "
                   "dataset says %u, %u, %u of %u",
                   said.rows, said.columns, said.samples, said.precision, f->rows, f->columns,
                   f->samples, f->bits_allocated);
}

bool yq_stream_inflate(const struct yq_buf *packed, uint64_t length, struct yq_buf *out,
                       struct yq_err *err)
{
    z_stream z = {0};
    uint8_t *room = length <= UINT32_MAX ? yq_buf_room(out, (size_t)length) : NULL;
    if (!room || packed->length > UINT32_MAX || inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to inflate a frame");
    z.next_in = packed->bytes;
    z.avail_in = (uInt)packed->length;
    z.next_out = room;
    z.avail_out = (uInt)length;
    int result = inflate(&z, Z_FINISH);
    bool whole = (result == Z_STREAM_END || result == Z_BUF_ERROR) && z.avail_out == 0;
    inflateEnd(&z);
    return whole || yq_fail(err, YQ_BAD_INPUT, ROOM, "a deflated frame is broken");
}
