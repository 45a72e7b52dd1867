/* fragments.c: where the codestream of a frame is.
 *
 * Knows PS3.5 A.4 (fragments, basic offset table) and PS3.3 C.7.6.3.1.8 (extended offset table, for
 * what lies behind the first four gigabytes). A table is believed only where the fragments it leads
 * to are there and end where the next frame begins; otherwise all fragments are listed, once, and a
 * frame begins where a codestream does. Reads no other frame. One thread at a time. */
#include <stdlib.h>
#include <string.h>

#include "pixels.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_OFFSETS 0x7fe00001u
#define TAG_ITEM 0xfffee000u
#define TAG_SEQUENCE_END 0xfffee0ddu

enum { FRAGMENTS_MOST = 4 * 1000 * 1000, HEADER = 8 };

struct list {
    struct yq_fragment *at;
    size_t count, room;
};

void yq_fragments_fini(struct yq_fragments *fragments)
{
    free(fragments->offsets);
    free(fragments->at);
    free(fragments->starts);
    memset(fragments, 0, sizeof *fragments);
}

static bool broken(struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "a fragment of the pixel data is broken or cut off");
}

/* What stands at `position`: an item with its length, or the end. */
static bool read_mark(const struct yq_pixels *pixels, uint64_t position, bool *end,
                      uint32_t *length, struct yq_err *err)
{
    uint8_t head[HEADER];
    size_t got;
    if (!yq_pixels_bytes(pixels, position, head, sizeof head, &got, err))
        return false;
    *end = got == 0; /* the file may end where the delimiter should be */
    if (*end)
        return true;
    uint32_t tag = (uint32_t)yq_le16(head) << 16 | yq_le16(head + 2);
    *length = yq_le32(head + 4);
    *end = got == sizeof head && tag == TAG_SEQUENCE_END;
    bool fits = got == sizeof head && tag == TAG_ITEM && *length != UNDEFINED &&
                position + HEADER <= pixels->length &&
                *length <= pixels->length - position - HEADER;
    return *end || fits || broken(err);
}

static bool append(struct list *list, uint64_t position, uint32_t length, struct yq_err *err)
{
    if (list->count == FRAGMENTS_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "the pixel data have more than %d fragments",
                       FRAGMENTS_MOST);
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct yq_fragment *more = realloc(list->at, room * sizeof *more);
        if (!more)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for %zu fragments", room);
        list->at = more;
        list->room = room;
    }
    list->at[list->count++] = (struct yq_fragment){.position = position, .length = length};
    return true;
}

/* The fragments from `position` on, up to `stop` (0: to the end), where one must end. */
static bool walk(const struct yq_pixels *pixels, uint64_t position, uint64_t stop,
                 struct list *list, struct yq_err *err)
{
    while (!stop || position < stop) {
        bool end = false;
        uint32_t length = 0;
        if (!read_mark(pixels, position, &end, &length, err))
            return false;
        if (end)
            return !stop || broken(err);
        if (!append(list, position + HEADER, length, err))
            return false;
        position += HEADER + (uint64_t)length;
    }
    return position == stop || broken(err);
}

/* ---- offset tables ---- */

/* Offsets of 4 or 8 bytes; kept where they can be true. */
static bool take_offsets(struct yq_pixels *pixels, uint64_t position, unsigned size,
                         struct yq_err *err)
{
    size_t frames = pixels->facts.frames, got;
    yq_cleanup(yq_buf_fini) struct yq_buf bytes = {0};
    uint8_t *raw = yq_buf_room(&bytes, frames * size);
    uint64_t *offsets = malloc(frames * sizeof *offsets);
    bool fine = (raw && offsets) || yq_fail(err, YQ_FULL, ROOM, "no memory for an offset table");
    fine = fine && yq_pixels_bytes(pixels, position, raw, frames * size, &got, err);
    bool likely = fine && got == frames * size;
    for (size_t i = 0; likely && i < frames; i++) {
        uint64_t offset = yq_le32(raw + size * i);
        if (size == 8)
            offset |= (uint64_t)yq_le32(raw + size * i + 4) << 32;
        likely = i ? offset > offsets[i - 1] && offset < pixels->length : offset == 0;
        offsets[i] = offset;
    }
    if (likely)
        pixels->fragments.offsets = offsets;
    else
        free(offsets);
    return fine;
}

static bool read_tables(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_fragments *f = &pixels->fragments;
    uint64_t position = pixels->element.position, frames = pixels->facts.frames;
    bool end = false;
    uint32_t length = 0;
    if (f->tables_read)
        return true;
    const char *syntax = pixels->part10.transfer_syntax;
    if (yq_layout_of(syntax) != YQ_LAYOUT_EXPLICIT_LE || strcmp(syntax, YQ_TS_EXPLICIT_LE) == 0)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the pixel data come in fragments although the transfer syntax has none");
    if (!read_mark(pixels, position, &end, &length, err))
        return false;
    if (end)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the pixel data have no fragments");
    f->first = position + HEADER + length;
    f->tables_read = true;
    if (frames == 1 || frames > FRAGMENTS_MOST)
        return true;
    if (length / 4 >= frames && !take_offsets(pixels, position + HEADER, 4, err))
        return false;
    const struct yq_data *extended = yq_item_find(&pixels->dataset.root, TAG_OFFSETS);
    bool there = extended && extended->stored != UNDEFINED && extended->stored / 8 >= frames;
    return f->offsets || !there || take_offsets(pixels, extended->position, 8, err);
}

/* ---- all fragments ---- */

/* The fragment whose item stands at `offset` behind the offset table; count: none. */
static size_t at_offset(const struct yq_fragments *f, uint64_t offset)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint64_t here = f->at[middle].position - f->at[0].position;
        if (here == offset)
            return middle;
        if (here < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return f->count;
}

static bool index_by_table(struct yq_fragments *f, size_t frames)
{
    for (size_t i = 0; f->offsets && i < frames; i++) {
        f->starts[i] = at_offset(f, f->offsets[i]);
        if (f->starts[i] == f->count)
            return false;
    }
    return f->offsets;
}

/* A frame begins at each fragment that starts a codestream: SOI, or SOC and SIZ. */
static bool index_by_starts(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_fragments *f = &pixels->fragments;
    size_t found = 0;
    for (size_t i = 0; i < f->count; i++) {
        uint8_t head[2] = {0};
        size_t got;
        if (f->at[i].length >= 2 &&
            !yq_pixels_bytes(pixels, f->at[i].position, head, sizeof head, &got, err))
            return false;
        if (head[0] != 0xff || (head[1] != 0xd8 && head[1] != 0x4f))
            continue;
        if (found < pixels->facts.frames)
            f->starts[found] = i;
        found++;
    }
    return (found == pixels->facts.frames && f->starts[0] == 0) ||
           yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "%zu fragments and their offset table do not tell where %u frames begin",
                   f->count, pixels->facts.frames);
}

static bool find_starts(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_fragments *f = &pixels->fragments;
    size_t frames = pixels->facts.frames;
    if (!f->count || f->count < frames)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%zu fragments cannot hold %zu frames", f->count,
                       frames);
    f->starts = calloc(frames + 1, sizeof *f->starts);
    if (!f->starts)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for an index of %zu frames", frames);
    f->starts[frames] = f->count;
    if (frames == 1)
        return true;
    if (f->count == frames) {
        for (size_t i = 0; i < frames; i++)
            f->starts[i] = i;
        return true;
    }
    return index_by_table(f, frames) || index_by_starts(pixels, err);
}

bool yq_pixels_index(struct yq_pixels *pixels, struct yq_err *err)
{
    struct yq_fragments *f = &pixels->fragments;
    struct list list = {0};
    if (f->listed)
        return true;
    if (!read_tables(pixels, err))
        return false;
    bool fine = walk(pixels, f->first, 0, &list, err);
    f->at = list.at;
    f->count = list.count;
    f->listed = fine && find_starts(pixels, err);
    if (f->listed)
        return true;
    free(f->at);
    free(f->starts);
    f->at = NULL;
    f->starts = NULL;
    f->count = 0;
    return false;
}

/* ---- one frame ---- */

/* The fragments of one frame by its offset; false: the table leads astray. */
static bool find_by_table(const struct yq_pixels *pixels, unsigned number, struct list *list)
{
    const struct yq_fragments *f = &pixels->fragments;
    bool last = number + 1 == pixels->facts.frames;
    uint64_t stop = last ? 0 : f->first + f->offsets[number + 1];
    struct yq_err ignored;
    return walk(pixels, f->first + f->offsets[number], stop, list, &ignored) && list->count;
}

static bool read_all(const struct yq_pixels *pixels, const struct yq_fragment *at, size_t count,
                     uint64_t most, struct yq_buf *out, struct yq_err *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += at[i].length;
    if (total > most)
        return yq_fail(err, YQ_FULL, ROOM, "one compressed frame takes %llu bytes",
                       (unsigned long long)total);
    uint8_t *room = yq_buf_room(out, (size_t)total);
    if (!room)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a compressed frame");
    for (size_t i = 0; i < count; i++) {
        size_t got;
        if (!yq_pixels_bytes(pixels, at[i].position, room, at[i].length, &got, err))
            return false;
        if (got != at[i].length)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the file ends within a frame");
        room += got;
    }
    return true;
}

bool yq_pixels_gather(struct yq_pixels *pixels, unsigned number, uint64_t most, struct yq_buf *out,
                      struct yq_err *err)
{
    struct yq_fragments *f = &pixels->fragments;
    if (number >= pixels->facts.frames)
        return yq_fail(err, YQ_ABSENT, ROOM, "the object has no frame %u", number + 1);
    if (!read_tables(pixels, err))
        return false;
    if (!f->listed && f->offsets) {
        struct list list = {0};
        bool found = find_by_table(pixels, number, &list);
        bool fine = found && read_all(pixels, list.at, list.count, most, out, err);
        free(list.at);
        if (found)
            return fine;
    }
    if (!yq_pixels_index(pixels, err))
        return false;
    size_t first = f->starts[number];
    return read_all(pixels, f->at + first, f->starts[number + 1] - first, most, out, err);
}
