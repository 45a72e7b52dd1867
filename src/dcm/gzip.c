/* gzip.c: bytes into a gzip stream (RFC 1952). It stands here because only this room sees zlib.
 * Any thread; nothing is kept. */
#include <limits.h>
#include <zlib.h>

#include "yq/dcm.h"

bool yq_gzip(const void *bytes, size_t length, struct yq_buf *out)
{
    enum { WITH_GZIP_HEAD = 16, MEMORY_LEVEL = 8, LEVEL = 5 };
    z_stream stream = {0};
    if (length > UINT_MAX || deflateInit2(&stream, LEVEL, Z_DEFLATED, MAX_WBITS + WITH_GZIP_HEAD,
                                          MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&stream, length), before = out->length;
    uint8_t *to = room <= UINT_MAX ? yq_buf_room(out, room) : NULL;
    stream.next_in = (Bytef *)(uintptr_t)bytes; /* zlib does not say const, and keeps it */
    stream.avail_in = (uInt)length;
    stream.next_out = to;
    stream.avail_out = (uInt)room;
    bool done = to && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out->length = before + (done ? stream.total_out : 0);
    deflateEnd(&stream);
    return done;
}
