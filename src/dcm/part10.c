/* part10.c: the file meta information before a dataset. PS3.10 chapter 7.
 *
 * Reads what is met in hospitals: no preamble, "DICM" at the very beginning, a wrong group length,
 * missing members, padding in UIDs, implicit VR, or nothing at all, where the first element tells
 * the layout. Refuses meta information that is cut off or whose elements leave the file. Writes one
 * form only. Thread-safe. */
#include <string.h>
#include <sys/stat.h>

#include "scan.h"
#include "yq/file.h"
#include "yq/uid.h"

#define ROOM "dcm"

enum { PREAMBLE = 128, META_ELEMENTS_MOST = 1000 };

static bool read_exactly(int fd, uint8_t *bytes, size_t length, uint64_t offset, bool *there,
                         struct yq_err *err)
{
    size_t got;
    if (!yq_read_at(fd, bytes, length, offset, &got, err))
        return false;
    *there = got == length;
    return true;
}

static bool cut_off(struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "the file is cut off within its meta information");
}

struct meta { /* on the way through group 0002 */
    int fd;
    uint64_t at, size;
    uint64_t stated_end; /* by (0002,0000); 0: not said */
};

/* Reads the header of the element at meta->at: tag's element number, value and length. */
static bool meta_element(const struct meta *meta, const uint8_t head[12], unsigned *number,
                         uint64_t *value, uint32_t *length, struct yq_err *err)
{
    *number = yq_le16(head + 2);
    bool wide = false;
    size_t header = 8;
    if (yq_scan_known_vr(head + 4, &wide)) {
        header = wide ? 12 : 8;
        *length = wide ? yq_le32(head + 8) : yq_le16(head + 6);
    } else {
        *length = yq_le32(head + 4);             /* implicit VR, as some wrote it long ago, */
        if (*length > meta->size - meta->at - 8) /* or a misspelt VR */
            *length = yq_le16(head + 6);
    }
    *value = meta->at + header;
    if (*value > meta->size || *length > meta->size - *value)
        return cut_off(err);
    return true;
}

static bool take_uid(const struct meta *meta, uint64_t value, uint32_t length, char *uid,
                     struct yq_err *err)
{
    char text[80];
    size_t got, want = length < sizeof text ? length : sizeof text;
    if (!yq_read_at(meta->fd, text, want, value, &got, err))
        return false;
    size_t first = 0;
    while (first < got && text[first] == ' ')
        first++;
    if (!yq_copy_trimmed(uid, YQ_UID_SIZE, text + first, got - first))
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "a UID in the file meta information is longer than 64 characters");
    return true;
}

static bool read_meta(struct meta *meta, struct yq_part10 *out, struct yq_err *err)
{
    for (int count = 0; count < META_ELEMENTS_MOST; count++) {
        uint8_t head[12] = {0};
        size_t got;
        if (!yq_read_at(meta->fd, head, sizeof head, meta->at, &got, err))
            return false;
        bool deflated = yq_layout_of(out->transfer_syntax) == YQ_LAYOUT_DEFLATED;
        bool group2 = got >= 2 && yq_le16(head) == 0x0002;
        /* Deflated bytes may look like group 0002: there the group length decides. */
        if (!group2 || (deflated && meta->at == meta->stated_end)) {
            out->dataset_offset = meta->at;
            return true;
        }
        unsigned number;
        uint64_t value;
        uint32_t length;
        if (got < 8)
            return cut_off(err);
        if (!meta_element(meta, head, &number, &value, &length, err))
            return false;
        if (number == 0x0000 && length == 4) {
            uint8_t stated[4];
            bool there;
            if (!read_exactly(meta->fd, stated, 4, value, &there, err))
                return false;
            meta->stated_end = value + 4 + yq_le32(stated);
        }
        char *uid = number == 0x0002   ? out->sop_class
                    : number == 0x0003 ? out->sop_instance
                    : number == 0x0010 ? out->transfer_syntax
                                       : NULL;
        if (uid && !take_uid(meta, value, length, uid, err))
            return false;
        meta->at = value + length;
    }
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "the file meta information has no end");
}

static bool plausible(uint32_t tag)
{
    uint32_t group = tag >> 16;
    return group >= 0x0004 && group <= 0x7fe0 && !(group & 1) &&
           ((tag & 0xffff) == 0 || strcmp(yq_dcm_dictionary_vr(tag), "UN") != 0);
}

/* Without a transfer syntax: the first element tells. */
static bool guess(int fd, uint64_t size, struct yq_part10 *out, struct yq_err *err)
{
    uint8_t head[8];
    bool there, wide;
    if (!read_exactly(fd, head, sizeof head, out->dataset_offset, &there, err))
        return false;
    const char *syntax = NULL;
    if (there) {
        uint32_t little = (uint32_t)yq_le16(head) << 16 | yq_le16(head + 2), big = yq_be32(head);
        bool named = yq_scan_known_vr(head + 4, &wide);
        uint64_t left = size - out->dataset_offset - sizeof head;
        if (plausible(little) && named)
            syntax = YQ_TS_EXPLICIT_LE;
        else if (plausible(little) && yq_le32(head + 4) <= left)
            syntax = YQ_TS_IMPLICIT_LE;
        else if (plausible(big) && named)
            syntax = YQ_TS_EXPLICIT_BE;
    }
    if (!syntax)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "this is not a DICOM file");
    return yq_copy(out->transfer_syntax, sizeof out->transfer_syntax, syntax);
}

bool yq_part10_read(int fd, struct yq_part10 *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    struct stat info;
    if (fstat(fd, &info) != 0)
        return yq_fail_errno(err, ROOM, "cannot look at", "a DICOM file");
    struct meta meta = {.fd = fd, .size = info.st_size > 0 ? (uint64_t)info.st_size : 0};
    uint8_t start[PREAMBLE + 4] = {0};
    size_t got;
    if (!yq_read_at(fd, start, sizeof start, 0, &got, err))
        return false;
    bool marked = true;
    if (got == sizeof start && memcmp(start + PREAMBLE, "DICM", 4) == 0)
        meta.at = sizeof start;
    else if (got >= 4 && memcmp(start, "DICM", 4) == 0)
        meta.at = 4;
    else
        marked = got >= 8 && yq_le16(start) == 0x0002 && yq_le16(start + 2) <= 0x0102;
    if (marked && !read_meta(&meta, out, err))
        return false;
    out->bare = !out->sop_class[0] && !out->sop_instance[0] && !out->transfer_syntax[0];
    return out->transfer_syntax[0] || guess(fd, meta.size, out, err);
}

void yq_part10_write(struct yq_buf *out, const char *sop_class, const char *sop_instance,
                     const char *transfer_syntax)
{
    yq_cleanup(yq_buf_fini) struct yq_buf meta = {0};
    struct yq_writer writer = {.out = &meta, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put(&writer, 0x00020001, "OB", "\0\1", 2);
    yq_writer_put_text(&writer, 0x00020002, "UI", sop_class);
    yq_writer_put_text(&writer, 0x00020003, "UI", sop_instance);
    yq_writer_put_text(&writer, 0x00020010, "UI", transfer_syntax);
    yq_writer_put_text(&writer, 0x00020012, "UI", YQ_IMPLEMENTATION_UID);
    yq_writer_put_text(&writer, 0x00020013, "SH", YQ_IMPLEMENTATION_NAME);
    if (meta.failed) {
        out->failed = true;
        return;
    }
    (void)yq_buf_room(out, PREAMBLE);
    yq_buf_puts(out, "DICM");
    writer.out = out;
    uint32_t rest = (uint32_t)meta.length;
    uint8_t bytes[4] = {(uint8_t)rest, (uint8_t)(rest >> 8), (uint8_t)(rest >> 16),
                        (uint8_t)(rest >> 24)};
    yq_writer_put(&writer, 0x00020000, "UL", bytes, sizeof bytes);
    yq_buf_put(out, meta.bytes, meta.length);
}
