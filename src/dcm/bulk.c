/* bulk.c: where in its file a long value lies: an encapsulated document, a video. PS3.5 A.4, 7.1;
 * PS3.3 C.24.2.
 *
 * Nothing of the value is read, but for deflated datasets, whose values lie nowhere. One thread at
 * a time per call; nothing is kept. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scan.h"
#include "yq/file.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_DOCUMENT 0x00420011u
#define TAG_DOCUMENT_LENGTH 0x00420015u

enum { RANGES_MOST = 4 * 1000 * 1000 };

void yq_bulk_fini(struct yq_bulk *bulk)
{
    free(bulk->ranges);
    yq_buf_fini(&bulk->bytes);
    memset(bulk, 0, sizeof *bulk);
}

static bool add_range(struct yq_bulk *bulk, size_t *room, uint64_t offset, uint64_t length,
                      struct yq_err *err)
{
    if (!length)
        return true;
    bulk->length += length;
    if (bulk->count == RANGES_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "a value has more than %d fragments", RANGES_MOST);
    if (bulk->count == *room) {
        *room = *room ? 2 * *room : 4;
        struct yq_stretch *more = realloc(bulk->ranges, *room * sizeof *more);
        if (!more)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for %zu fragments", *room);
        bulk->ranges = more;
    }
    bulk->ranges[bulk->count++] = (struct yq_stretch){offset, length};
    return true;
}

static bool list_fragments(struct yq_scan *scan, uint64_t base, struct yq_bulk *bulk,
                           struct yq_err *err)
{
    uint64_t position;
    uint32_t length;
    size_t room = 0;
    bool table = true; /* the first one */
    while (yq_scan_fragment(scan, &position, &length, err)) {
        if (!table && !add_range(bulk, &room, base + position, length, err))
            return false;
        table = false;
    }
    return err->code == YQ_OK;
}

static bool take(struct yq_scan *scan, const struct yq_part10 *part10,
                 const struct yq_element *element, size_t most, struct yq_bulk *bulk,
                 struct yq_err *err)
{
    size_t room = 0;
    uint64_t base = part10->dataset_offset;
    if (strcmp(element->vr, "SQ") == 0)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "(%04X,%04X) is a sequence", element->tag >> 16,
                       element->tag & 0xffff);
    bool deflated = yq_layout_of(part10->transfer_syntax) == YQ_LAYOUT_DEFLATED;
    if (element->length == UNDEFINED)
        return deflated ? yq_fail(err, YQ_BAD_INPUT, ROOM, "a deflated dataset has fragments")
                        : list_fragments(scan, base, bulk, err);
    if (!deflated)
        return add_range(bulk, &room, base + element->position, element->length, err);
    if (element->length > most)
        return yq_fail(err, YQ_FULL, ROOM, "a deflated value has %lu bytes",
                       (unsigned long)element->length);
    return yq_scan_value(scan, most, &bulk->bytes, err) &&
           (!bulk->bytes.failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a value"));
}

static bool take_length(struct yq_scan *scan, bool big, struct yq_bulk *bulk, struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    if (!yq_scan_value(scan, 4, &value, err))
        return false;
    if (value.length == 4)
        bulk->said = big ? yq_be32(value.bytes) : yq_le32(value.bytes);
    return true;
}

/* The scanner only compares a value's end with the file's when it passes over it. */
static bool is_in_file(int fd, const struct yq_bulk *bulk, struct yq_err *err)
{
    struct stat about;
    const struct yq_stretch *last = bulk->count ? &bulk->ranges[bulk->count - 1] : NULL;
    if (fstat(fd, &about) != 0)
        return yq_fail_errno(err, ROOM, "stat", "object");
    return !last || last->offset + last->length <= (uint64_t)about.st_size ||
           yq_fail(err, YQ_BAD_INPUT, ROOM, "the file ends within a value");
}

static bool locate(int fd, uint32_t tag, size_t most, struct yq_bulk *out, struct yq_err *err)
{
    struct yq_part10 part10;
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    struct yq_element element;
    bool found = false, done = false;
    if (!yq_part10_read(fd, &part10, err) ||
        !yq_scan_open_fd(fd, part10.dataset_offset, part10.transfer_syntax, &scan, err))
        return false;
    bool big = yq_layout_of(part10.transfer_syntax) == YQ_LAYOUT_EXPLICIT_BE;
    while (!done && yq_scan_next(scan, &element, err)) {
        if (element.depth)
            continue;
        if (element.tag == tag && !found) {
            found = true;
            if (!take(scan, &part10, &element, most, out, err))
                return false;
        } else if (element.tag == TAG_DOCUMENT_LENGTH && element.length != UNDEFINED) {
            if (!take_length(scan, big, out, err))
                return false;
        }
        done = found && (tag != TAG_DOCUMENT || element.tag >= TAG_DOCUMENT_LENGTH);
    }
    if (!found && err->code != YQ_OK)
        return false;
    *err = (struct yq_err){0}; /* what is broken behind the value does not matter */
    if (!found || (!out->count && !out->bytes.length))
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has nothing in (%04X,%04X)", tag >> 16,
                       tag & 0xffff);
    return is_in_file(fd, out, err);
}

bool yq_dcm_locate(int fd, uint32_t tag, size_t most, struct yq_bulk *out, struct yq_err *err)
{
    *out = (struct yq_bulk){.said = -1};
    if (locate(fd, tag, most, out, err))
        return true;
    yq_bulk_fini(out);
    return false;
}
