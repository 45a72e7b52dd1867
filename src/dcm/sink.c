/* sink.c: gathers what a dataset is made of and writes it in large pieces, through zlib for the
 * deflated syntaxes. PS3.5 A.5. */
#include "sink.h"

#include <string.h>
#include <unistd.h>

#include "yq/file.h"

#define ROOM "dcm"

enum { GATHERED_MOST = 256 << 10, PIECE = 32 << 10 };

bool yq_sink_open(struct yq_sink *sink, int fd, const char *transfer_syntax, uint64_t most,
                  struct yq_err *err)
{
    *sink = (struct yq_sink){.fd = fd, .most = most, .layout = yq_layout_of(transfer_syntax)};
    off_t start = lseek(fd, 0, SEEK_CUR);
    if (start < 0)
        return yq_fail_errno(err, ROOM, "cannot tell the place in", "an object that is written");
    sink->start = (uint64_t)start;
    if (sink->layout != YQ_LAYOUT_DEFLATED)
        return true;
    sink->layout = YQ_LAYOUT_EXPLICIT_LE;
    sink->deflated = deflateInit2(&sink->deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                                  Z_DEFAULT_STRATEGY) == Z_OK;
    return sink->deflated || yq_fail(err, YQ_FULL, ROOM, "no memory to deflate a dataset");
}

void yq_sink_close(struct yq_sink *sink)
{
    if (sink->deflated)
        deflateEnd(&sink->deflater);
    yq_buf_fini(&sink->gathered);
    memset(sink, 0, sizeof *sink);
}

static bool deflate_gathered(struct yq_sink *sink, int flush, struct yq_err *err)
{
    z_stream *z = &sink->deflater;
    uint8_t made[PIECE];
    z->next_in = sink->gathered.bytes;
    z->avail_in = (uInt)sink->gathered.length; /* little more than GATHERED_MOST */
    int result = Z_OK;
    do {
        z->next_out = made;
        z->avail_out = sizeof made;
        result = deflate(z, flush);
        size_t length = sizeof made - z->avail_out;
        if (length && !yq_write_all(sink->fd, made, length, err))
            return false;
        sink->written += length;
    } while (z->avail_in || !z->avail_out || (flush == Z_FINISH && result == Z_OK));
    return true;
}

static bool flush(struct yq_sink *sink, int how, struct yq_err *err)
{
    struct yq_buf *gathered = &sink->gathered;
    if (gathered->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to write an object");
    if (sink->most && sink->passed + gathered->length > sink->most)
        return yq_fail(err, YQ_FULL, ROOM, "the object would take more than %llu MB",
                       (unsigned long long)(sink->most >> 20));
    if (sink->deflated) {
        if (!deflate_gathered(sink, how, err))
            return false;
    } else if (gathered->length) {
        if (!yq_write_all(sink->fd, gathered->bytes, gathered->length, err))
            return false;
        sink->written += gathered->length;
    }
    sink->passed += gathered->length;
    yq_buf_clear(gathered);
    return true;
}

bool yq_sink_pass(struct yq_sink *sink, struct yq_err *err)
{
    return (sink->gathered.length < GATHERED_MOST && !sink->gathered.failed) ||
           flush(sink, Z_NO_FLUSH, err);
}

bool yq_sink_end(struct yq_sink *sink, struct yq_err *err)
{
    if (!flush(sink, Z_FINISH, err))
        return false;
    return !sink->deflated || !(sink->written & 1) || yq_write_all(sink->fd, "", 1, err);
}

bool yq_sink_patch(struct yq_sink *sink, uint64_t at, const void *bytes, size_t length,
                   struct yq_err *err)
{
    const uint8_t *p = bytes;
    while (length) {
        ssize_t done = pwrite(sink->fd, p, length, (off_t)(sink->start + at));
        if (done <= 0)
            return yq_fail_errno(err, ROOM, "cannot write", "an offset table");
        p += done;
        at += (uint64_t)done;
        length -= (size_t)done;
    }
    return true;
}
