/* scan.c: walks a dataset element by element: a pull parser in constant memory.
 *
 * Knows PS3.5 chapter 7 (explicit and implicit VR, both byte orders, sequences and items of defined
 * and undefined length, UN with undefined length after 6.2.2), A.4 (fragments) and A.5 (deflated).
 * Lets pass what hospitals' devices write: odd lengths, unknown VRs, elements out of order, private
 * elements, group lengths, trailing padding. Refuses what does not add up: an element that ends
 * behind its item or behind the file, a delimiter without its beginning, an end in the middle.
 *
 * No recursion: a level of nesting is one entry of a heap stack, so depth costs 40 bytes a level,
 * up to LEVELS_MOST. No allocation follows a length from the wire. One thread at a time. */
#include "scan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "yq/file.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define NO_END UINT64_MAX

enum {
    WINDOW = 64 * 1024,
    LEVELS_MOST = 100000,
    HEADER_MOST = 12, /* tag, VR, reserved, length */
};
#define INFLATED_MOST ((uint64_t)8 << 30) /* twice what one element can hold */

bool yq_scan_may_inflate(uint64_t made, uint64_t read, bool pixels)
{
    uint64_t anyway = (uint64_t)(pixels ? 1024 : 32) << 20, ratio = pixels ? 200 : 50;
    return made <= anyway || made / ratio <= read;
}

#define TAG_PIXELS 0x7fe00010u
#define TAG_ITEM 0xfffee000u
#define TAG_ITEM_END 0xfffee00du
#define TAG_SEQUENCE_END 0xfffee0ddu

struct source { /* bytes of the dataset in order */
    const uint8_t *at;
    size_t have;       /* bytes at `at` */
    uint64_t position; /* of `at` in the dataset */
    uint64_t limit;    /* the dataset's length; NO_END while unknown (deflated) */
    uint8_t *window;   /* owned; NULL over memory that is not deflated */
    int fd;            /* -1 over memory */
    uint64_t raw;      /* offset of the next byte to read from fd */
    bool sparing;      /* read no further than asked: what follows will be passed over */
    bool deflated, ended;
    z_stream inflater;
    bool only_header;
    const uint8_t *memory; /* deflated memory */
    size_t memory_left;
    uint8_t *packed; /* owned: what was read from fd and is not inflated yet */
};

struct level {           /* a sequence that is open */
    uint64_t end;        /* of the sequence; NO_END: by delimiter */
    uint64_t item_end;   /* of the open item */
    uint64_t bound;      /* nearest defined end around the sequence, itself included */
    uint32_t tag;        /* the sequence's */
    uint32_t item;       /* index of the open item, or of the next one */
    bool in_item;        /* else between two items */
    bool outer_implicit; /* how elements outside are read: UN sequences switch to implicit VR */
    bool outer_big;
};

struct yq_scan {
    struct source source;
    bool implicit, big;
    struct level *levels;
    size_t depth, room;
    unsigned deepest;
    bool started;
    bool marks;         /* items and ends are shown too */
    uint64_t value_end; /* of the current element's value, while `value_open` */
    bool value_open;
    bool fragments_open; /* within encapsulated pixel data */
    uint32_t tag;        /* of the current element, for error texts */
    bool broken;
    struct yq_err why;
};

/* ---- bytes ---- */

/* Inflates into the window; *got 0 at the end of the stream. */
static bool inflate_more(struct source *s, size_t *got, struct yq_err *err)
{
    z_stream *z = &s->inflater;
    z->next_out = s->window + s->have;
    z->avail_out = (uInt)(WINDOW - s->have);
    uInt room = z->avail_out;
    while (!s->ended && z->avail_out == room) {
        if (!z->avail_in && s->fd >= 0) {
            size_t count;
            if (!yq_read_at(s->fd, s->packed, WINDOW, s->raw, &count, err))
                return false;
            s->raw += count;
            z->next_in = s->packed;
            z->avail_in = (uInt)count;
        } else if (!z->avail_in) {
            size_t count = s->memory_left < WINDOW ? s->memory_left : WINDOW;
            z->next_in = (Bytef *)(uintptr_t)s->memory;
            z->avail_in = (uInt)count;
            s->memory += count;
            s->memory_left -= count;
        }
        if (!z->avail_in)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the deflated dataset is cut off");
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            s->ended = true;
        else if (result == Z_MEM_ERROR)
            return yq_fail(err, YQ_FULL, ROOM, "no memory to inflate the dataset");
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the deflated dataset is broken");
    }
    *got = room - z->avail_out;
    uint64_t made = s->position + s->have + *got;
    if (made > INFLATED_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "the deflated dataset inflates to more than 8 GB");
    if (!yq_scan_may_inflate(made, z->total_in, !s->only_header))
        return yq_fail(err, YQ_FULL, ROOM, "the deflated dataset inflates to %llu MB and more",
                       (unsigned long long)(made >> 20));
    return true;
}

/* Reads on until `want` bytes (at most the window) stand at `at`, or fewer at the end. */
static bool fill(struct source *s, size_t want, struct yq_err *err)
{
    if (s->have >= want || !s->window)
        return true;
    if (s->have && s->at != s->window)
        memmove(s->window, s->at, s->have);
    s->at = s->window;
    while (s->have < want) {
        size_t got = 0;
        if (s->deflated) {
            if (!inflate_more(s, &got, err))
                return false;
        } else {
            uint64_t next = s->position + s->have;
            uint64_t left = next < s->limit ? s->limit - next : 0;
            size_t count = (s->sparing ? want : WINDOW) - s->have;
            if (count > left)
                count = (size_t)left;
            if (count && !yq_read_at(s->fd, s->window + s->have, count, s->raw + next, &got, err))
                return false;
        }
        if (!got)
            return true;
        s->have += got;
    }
    return true;
}

static bool cut_off(const struct yq_scan *scan, struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "the dataset is cut off at tag (%04X,%04X)",
                   scan->tag >> 16, scan->tag & 0xffff);
}

static void advance(struct source *s, size_t count)
{
    s->at += count;
    s->have -= count;
    s->position += count;
}

static bool skip(struct yq_scan *scan, uint64_t count, struct yq_err *err)
{
    struct source *s = &scan->source;
    if (s->limit != NO_END && count > s->limit - s->position)
        return cut_off(scan, err);
    while (count) {
        if (s->window && !s->deflated && count > s->have) { /* over the file, nothing is read */
            s->position += count;
            s->have = 0;
            return true;
        }
        if (!s->have && !fill(s, 1, err))
            return false;
        if (!s->have)
            return cut_off(scan, err);
        size_t step = count < s->have ? (size_t)count : s->have;
        advance(s, step);
        count -= step;
    }
    return true;
}

/* ---- opening and closing ---- */

static bool open_common(struct yq_scan *scan, const char *transfer_syntax, struct yq_err *err)
{
    struct source *s = &scan->source;
    enum yq_layout layout = yq_layout_of(transfer_syntax);
    scan->implicit = layout == YQ_LAYOUT_IMPLICIT_LE;
    scan->big = layout == YQ_LAYOUT_EXPLICIT_BE;
    s->deflated = layout == YQ_LAYOUT_DEFLATED;
    if (s->fd >= 0 || s->deflated)
        s->window = malloc(WINDOW);
    if (s->fd >= 0 && s->deflated)
        s->packed = malloc(WINDOW);
    bool memory =
        (s->window || (s->fd < 0 && !s->deflated)) && (s->packed || s->fd < 0 || !s->deflated);
    if (s->deflated) {
        s->limit = NO_END;
        memory = memory && inflateInit2(&s->inflater, -MAX_WBITS) == Z_OK;
    }
    return memory || yq_fail(err, YQ_FULL, ROOM, "no memory to read a dataset");
}

bool yq_scan_open_fd(int fd, uint64_t offset, const char *transfer_syntax, struct yq_scan **out,
                     struct yq_err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return yq_fail_errno(err, ROOM, "cannot look at", "a dataset's file");
    struct yq_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a dataset");
    scan->source.fd = fd;
    scan->source.raw = offset;
    uint64_t size = info.st_size > 0 ? (uint64_t)info.st_size : 0;
    scan->source.limit = size > offset ? size - offset : 0;
    if (!open_common(scan, transfer_syntax, err)) {
        yq_scan_free(scan);
        return false;
    }
    *out = scan;
    return true;
}

bool yq_scan_open_memory(const void *bytes, size_t length, const char *transfer_syntax,
                         struct yq_scan **out, struct yq_err *err)
{
    struct yq_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a dataset");
    struct source *s = &scan->source;
    s->fd = -1;
    s->limit = length;
    s->memory = bytes;
    s->memory_left = length;
    if (!open_common(scan, transfer_syntax, err)) {
        yq_scan_free(scan);
        return false;
    }
    if (!s->deflated) {
        s->at = bytes;
        s->have = length;
    }
    *out = scan;
    return true;
}

void yq_scan_free(struct yq_scan *scan)
{
    if (!scan)
        return;
    if (scan->source.deflated)
        inflateEnd(&scan->source.inflater);
    free(scan->source.window);
    free(scan->source.packed);
    free(scan->levels);
    free(scan);
}

unsigned yq_scan_deepest(const struct yq_scan *scan) { return scan->deepest; }
uint64_t yq_scan_position(const struct yq_scan *scan) { return scan->source.position; }
void yq_scan_only_header(struct yq_scan *scan, bool only) { scan->source.only_header = only; }
void yq_scan_show_marks(struct yq_scan *scan) { scan->marks = true; }
enum yq_layout yq_scan_layout(const struct yq_scan *scan)
{
    return scan->implicit ? YQ_LAYOUT_IMPLICIT_LE
           : scan->big    ? YQ_LAYOUT_EXPLICIT_BE
                          : YQ_LAYOUT_EXPLICIT_LE;
}

/* ---- element headers ---- */

bool yq_scan_known_vr(const uint8_t vr[2], bool *wide)
{
    static const char narrow_vrs[] = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
    static const char wide_vrs[] = "OBODOFOLOVOWSQSVUCUNURUTUV";
    for (int pass = 0; pass < 2; pass++)
        for (const char *p = pass ? wide_vrs : narrow_vrs; *p; p += 2)
            if ((uint8_t)p[0] == vr[0] && (uint8_t)p[1] == vr[1]) {
                *wide = pass == 1;
                return true;
            }
    return false;
}

static uint16_t get16(const struct yq_scan *scan, const uint8_t *p)
{
    return scan->big ? yq_be16(p) : yq_le16(p);
}
static uint32_t get32(const struct yq_scan *scan, const uint8_t *p)
{
    return scan->big ? yq_be32(p) : yq_le32(p);
}
static uint32_t get_tag(const struct yq_scan *scan, const uint8_t *p)
{
    return (uint32_t)get16(scan, p) << 16 | get16(scan, p + 2);
}

/* Where the innermost thing of defined length ends: an item, a sequence, or the dataset. */
static uint64_t innermost_end(const struct yq_scan *scan)
{
    if (!scan->depth)
        return scan->source.limit;
    const struct level *level = &scan->levels[scan->depth - 1];
    return level->in_item && level->item_end != NO_END ? level->item_end : level->bound;
}

/* Reads VR and length of the element whose tag is known. PS3.5 7.1. */
static bool read_length(struct yq_scan *scan, struct yq_element *element, struct yq_err *err)
{
    struct source *s = &scan->source;
    if (!fill(s, HEADER_MOST, err))
        return false;
    if (s->have < 8)
        return cut_off(scan, err);
    const uint8_t *p = s->at;
    size_t header = 8;
    bool wide = false, known = !scan->implicit && yq_scan_known_vr(p + 4, &wide);
    if (scan->implicit) {
        element->length = get32(scan, p + 4);
        if (!scan->started && element->length > s->limit && yq_scan_known_vr(p + 4, &wide))
            return yq_fail(
                err, YQ_BAD_INPUT, ROOM,
                "the dataset has explicit VR although its transfer syntax says implicit");
    } else {
        if (!known && !scan->started)
            return yq_fail(err, YQ_BAD_INPUT, ROOM,
                           "the dataset has no explicit VR although its transfer syntax says so");
        if (!known && s->have >= HEADER_MOST && p[6] == 0 && p[7] == 0) {
            /* A VR of a later edition has the long form (7.1.2); a misspelt one the short form. */
            uint64_t end = innermost_end(scan), length = get32(scan, p + 8);
            wide = length == UNDEFINED || (end != NO_END && s->position + HEADER_MOST <= end &&
                                           length <= end - s->position - HEADER_MOST);
        }
        if (wide && s->have < HEADER_MOST)
            return cut_off(scan, err);
        header = wide ? HEADER_MOST : 8;
        element->length = wide ? get32(scan, p + 8) : get16(scan, p + 6);
    }
    memcpy(element->vr, known ? (const char *)p + 4 : yq_dcm_dictionary_vr(element->tag), 2);
    element->vr[2] = '\0';
    bool items = element->length == UNDEFINED || scan->implicit || known;
    if (strcmp(element->vr, "SQ") == 0 && !items)
        memcpy(element->vr, "UN", 2); /* misspelt, so it may hold anything */
    advance(s, header);
    element->position = s->position;
    element->header = (unsigned)header;
    return true;
}

/* ---- sequences ---- */

/* What begins or ends here, its `header` bytes being behind us, as an element. */
static void mark(const struct yq_scan *scan, uint32_t tag, uint32_t length, unsigned header,
                 struct yq_element *out)
{
    const struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;
    *out = (struct yq_element){.tag = tag,
                               .length = length,
                               .header = header,
                               .position = scan->source.position,
                               .depth = (unsigned)scan->depth,
                               .within = level ? level->tag : 0,
                               .item = level ? level->item : 0};
}

static bool push(struct yq_scan *scan, const struct yq_element *element, bool implicit,
                 struct yq_err *err)
{
    if (scan->depth == LEVELS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "sequences are nested deeper than %d levels",
                       LEVELS_MOST);
    if (scan->depth == scan->room) {
        size_t room = scan->room ? 2 * scan->room : 16;
        struct level *levels = realloc(scan->levels, room * sizeof *levels);
        if (!levels)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for %zu nested sequences", room);
        scan->levels = levels;
        scan->room = room;
    }
    uint64_t end = element->length == UNDEFINED ? NO_END : element->position + element->length;
    uint64_t bound = end != NO_END ? end : innermost_end(scan);
    scan->levels[scan->depth++] = (struct level){
        .end = end,
        .bound = bound,
        .tag = element->tag,
        .outer_implicit = scan->implicit,
        .outer_big = scan->big,
    };
    if (implicit) {
        scan->implicit = true;
        scan->big = false;
    }
    if (scan->depth > scan->deepest)
        scan->deepest = (unsigned)scan->depth;
    return true;
}

static void pop(struct yq_scan *scan)
{
    const struct level *level = &scan->levels[--scan->depth];
    scan->implicit = level->outer_implicit;
    scan->big = level->outer_big;
}

/* Between two items: opens the next one, or closes the sequence. */
static bool next_item(struct yq_scan *scan, struct yq_element *element, struct yq_err *err)
{
    struct source *s = &scan->source;
    struct level *level = &scan->levels[scan->depth - 1];
    if (s->position == level->end) {
        pop(scan);
        mark(scan, TAG_SEQUENCE_END, 0, 0, element);
        return true;
    }
    if (!fill(s, 8, err))
        return false;
    scan->tag = level->tag;
    if (s->have < 8)
        return cut_off(scan, err);
    uint32_t tag = get_tag(scan, s->at), length = get32(scan, s->at + 4);
    if (tag == TAG_SEQUENCE_END && (level->end == NO_END || level->end == s->position + 8)) {
        advance(s, 8);
        pop(scan);
        mark(scan, TAG_SEQUENCE_END, 0, 8, element);
        return true;
    }
    if (tag != TAG_ITEM)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "sequence (%04X,%04X) holds (%04X,%04X) where an item should be",
                       level->tag >> 16, level->tag & 0xffff, tag >> 16, tag & 0xffff);
    advance(s, 8);
    uint64_t end = level->bound;
    level->item_end = length == UNDEFINED ? NO_END : s->position + length;
    if (level->item_end != NO_END && end != NO_END && level->item_end > end) {
        /* Let pass only where nothing can be missing: the sequence itself ends with the file. */
        if (level->end != s->limit)
            return cut_off(scan, err);
        level->item_end = end;
    }
    level->in_item = true;
    mark(scan, TAG_ITEM, length, 8, element);
    return true;
}

static void close_item(struct yq_scan *scan, unsigned header, struct yq_element *element)
{
    struct level *level = &scan->levels[scan->depth - 1];
    mark(scan, TAG_ITEM_END, 0, header, element);
    level->in_item = false;
    level->item++;
}

/* Within an item: whether it ends here, by length or by delimiter. */
static bool item_ends(struct yq_scan *scan, uint32_t tag, struct yq_element *element)
{
    struct level *level = &scan->levels[scan->depth - 1];
    struct source *s = &scan->source;
    if (tag != TAG_ITEM_END || (level->item_end != NO_END && level->item_end != s->position + 8))
        return false;
    advance(s, 8);
    close_item(scan, 8, element);
    return true;
}

bool yq_scan_skip_item(struct yq_scan *scan, struct yq_err *err)
{
    const struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;
    if (!level || !level->in_item || level->item_end == NO_END)
        return true;
    return skip(scan, level->item_end - scan->source.position, err);
}

/* ---- values ---- */

bool yq_scan_fragment(struct yq_scan *scan, uint64_t *position, uint32_t *length,
                      struct yq_err *err)
{
    struct source *s = &scan->source;
    err->code = YQ_OK;
    if (!scan->fragments_open)
        return false;
    if (scan->value_open && !skip(scan, scan->value_end - s->position, err))
        return false;
    scan->value_open = false;
    s->sparing = true;
    bool read = fill(s, 8, err);
    s->sparing = false;
    if (!read)
        return false;
    if (s->have < 8)
        return cut_off(scan, err);
    uint32_t tag = get_tag(scan, s->at);
    *length = get32(scan, s->at + 4);
    advance(s, 8);
    if (tag == TAG_SEQUENCE_END) {
        scan->fragments_open = false;
        return false;
    }
    if (tag != TAG_ITEM || *length == UNDEFINED)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a fragment of (%04X,%04X) is broken",
                       scan->tag >> 16, scan->tag & 0xffff);
    uint64_t end = innermost_end(scan);
    if (end != NO_END && (s->position > end || *length > end - s->position))
        return cut_off(scan, err);
    *position = s->position;
    scan->value_end = s->position + *length;
    scan->value_open = true;
    return true;
}

bool yq_scan_skip_value(struct yq_scan *scan, uint64_t count, struct yq_err *err)
{
    if (!scan->value_open || count > scan->value_end - scan->source.position)
        return cut_off(scan, err);
    return skip(scan, count, err);
}

bool yq_scan_value(struct yq_scan *scan, size_t most, struct yq_buf *out, struct yq_err *err)
{
    struct source *s = &scan->source;
    uint64_t left = scan->value_open ? scan->value_end - s->position : 0;
    if (left > most)
        left = most;
    while (left) {
        if (!s->have && !fill(s, 1, err))
            return false;
        if (!s->have)
            return cut_off(scan, err);
        size_t step = left < s->have ? (size_t)left : s->have;
        yq_buf_put(out, s->at, step);
        if (out->failed)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for the value of (%04X,%04X)",
                           scan->tag >> 16, scan->tag & 0xffff);
        advance(s, step);
        left -= step;
    }
    return true;
}

/* Leaves the current element behind. */
static bool finish_value(struct yq_scan *scan, struct yq_err *err)
{
    if (scan->fragments_open) {
        uint64_t position;
        uint32_t length;
        while (yq_scan_fragment(scan, &position, &length, err))
            continue;
        if (err->code != YQ_OK)
            return false;
    }
    if (scan->value_open && !skip(scan, scan->value_end - scan->source.position, err))
        return false;
    scan->value_open = false;
    return true;
}

/* Decides what stands behind an element's header: a value, items or fragments. */
static bool open_value(struct yq_scan *scan, struct yq_element *element, struct yq_err *err)
{
    uint64_t end = innermost_end(scan), position = scan->source.position;
    bool undefined = element->length == UNDEFINED;
    if (!undefined && end != NO_END && (position > end || element->length > end - position))
        return cut_off(scan, err);
    bool un = strcmp(element->vr, "UN") == 0;
    bool sequence = strcmp(element->vr, "SQ") == 0 ||
                    (undefined && element->tag != TAG_PIXELS && (scan->implicit || un));
    if (sequence) {
        if (!push(scan, element, un, err))
            return false;
        memcpy(element->vr, "SQ", 3);
    } else if (undefined) {
        if (memcmp(element->vr, "OB", 3) && memcmp(element->vr, "OW", 3) && !un)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "(%04X,%04X) may not have undefined length",
                           element->tag >> 16, element->tag & 0xffff);
        scan->fragments_open = true;
    } else {
        scan->value_end = position + element->length;
        scan->value_open = true;
    }
    return true;
}

/* Whether the dataset ends here; a rest of a few zero bytes is let pass. */
static bool at_end(const struct source *s)
{
    if (s->have >= 8)
        return false;
    for (size_t i = 0; i < s->have; i++)
        if (s->at[i])
            return false;
    return true;
}

enum step { STEP_ELEMENT, STEP_END, STEP_BROKEN };

static enum step step(struct yq_scan *scan, struct yq_element *element, struct yq_err *err)
{
    struct source *s = &scan->source;
    for (;;) {
        struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;
        bool marked = false;
        if (level && !level->in_item) {
            if (!next_item(scan, element, err))
                return STEP_BROKEN;
            marked = true;
        } else if (level && s->position == level->item_end) {
            close_item(scan, 0, element);
            marked = true;
        }
        if (marked && scan->marks)
            return STEP_ELEMENT;
        if (marked)
            continue;
        if (!fill(s, 8, err))
            return STEP_BROKEN;
        if (!level && at_end(s))
            return STEP_END;
        if (s->have < 8) {
            cut_off(scan, err);
            return STEP_BROKEN;
        }
        uint32_t tag = get_tag(scan, s->at);
        if (level && item_ends(scan, tag, element)) {
            if (scan->marks)
                return STEP_ELEMENT;
            continue;
        }
        if (tag >> 16 == 0xfffe) {
            yq_fail(err, YQ_BAD_INPUT, ROOM, "(%04X,%04X) stands where an element should be",
                    tag >> 16, tag & 0xffff);
            return STEP_BROKEN;
        }
        scan->tag = element->tag = tag;
        element->depth = (unsigned)scan->depth;
        element->within = level ? level->tag : 0;
        element->item = level ? level->item : 0;
        return read_length(scan, element, err) && open_value(scan, element, err) ? STEP_ELEMENT
                                                                                 : STEP_BROKEN;
    }
}

bool yq_scan_next(struct yq_scan *scan, struct yq_element *element, struct yq_err *err)
{
    if (scan->broken) {
        *err = scan->why;
        return false;
    }
    err->code = YQ_OK;
    enum step met = finish_value(scan, err) ? step(scan, element, err) : STEP_BROKEN;
    scan->started = true;
    if (met == STEP_BROKEN) {
        scan->broken = true;
        scan->why = *err;
    }
    return met == STEP_ELEMENT;
}
