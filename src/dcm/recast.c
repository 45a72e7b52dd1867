/* recast.c: an object written anew, element by element. PS3.5 6.2.2 (UN), 7.1 to 7.8, A.1 to A.4;
 * PS3.3 C.7.6.1.1.6 (icons, which may be plain in any transfer syntax).
 *
 * Goes once over the dataset with the scanner. At top level the caller's own elements are merged in
 * by tag. Of a value no more is in memory than a piece, but for what the judge asks to see. Two
 * things need a second look: whether the pixels are signed, for what is "US or SS" and comes from
 * implicit VR; and a compressed icon, whose pixels stand behind what describes them. Refuses to put
 * plain pixels where fragments belong, and the other way about. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "recast_inside.h"
#include "yq/file.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_ITEM 0xfffee000u
#define TAG_ITEM_END 0xfffee00du
#define TAG_LENGTH_TO_END 0x00080001u
#define TAG_PIXELS 0x7fe00010u
#define TAG_ICON 0x00880200u

enum { PIECE = 64 << 10, CREATORS_MOST = 1024, SHOWN_MOST = 64 << 20 };

bool yq_is_encapsulated(const char *transfer_syntax)
{
    static const char *const plain[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                        YQ_TS_DEFLATED};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(plain[i], transfer_syntax) == 0)
            return false;
    return true;
}

/* ---- values ---- */

static unsigned unit_of(const char *vr)
{
    static const struct {
        unsigned unit;
        const char *vrs;
    } table[] = {{2, "US SS OW AT"}, {4, "UL SL FL OF OL"}, {8, "FD OD SV UV OV"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strstr(table[i].vrs, vr))
            return table[i].unit;
    return 1;
}

/* What does not make up a whole number stays. */
static void swap(uint8_t *bytes, size_t length, unsigned unit)
{
    for (size_t i = 0; unit > 1 && i + unit <= length; i += unit)
        for (unsigned a = 0, b = unit - 1; a < b; a++, b--) {
            uint8_t byte = bytes[i + a];
            bytes[i + a] = bytes[i + b];
            bytes[i + b] = byte;
        }
}

static const char *padding_of(const char *vr)
{
    static const char texts[] = "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT";
    return strstr(texts, vr) ? " " : "";
}

bool recast_put(struct yq_recast *r, const void *bytes, size_t length, unsigned unit,
                struct yq_err *err)
{
    const uint8_t *p = bytes;
    bool big = r->sink.layout == YQ_LAYOUT_EXPLICIT_BE;
    while (length) {
        size_t piece = length < PIECE ? length : PIECE, at = r->sink.gathered.length;
        yq_buf_put(&r->sink.gathered, p, piece);
        if (big && !r->sink.gathered.failed)
            swap(r->sink.gathered.bytes + at, piece, unit);
        p += piece;
        length -= piece;
        if (!yq_sink_pass(&r->sink, err))
            return false;
    }
    return true;
}

/* A whole element; numbers in little endian. */
static bool put_element(struct yq_recast *r, uint32_t tag, const char *vr, const void *bytes,
                        size_t length, struct yq_err *err)
{
    if (length >= UNDEFINED - 1)
        return yq_fail(err, YQ_FULL, ROOM, "a value is too long for an element");
    yq_writer_put_header(&r->writer, tag, vr, (uint32_t)(length + (length & 1)));
    if (!recast_put(r, bytes, length, unit_of(vr), err))
        return false;
    if (length & 1)
        yq_buf_put(&r->sink.gathered, padding_of(vr), 1);
    return yq_sink_pass(&r->sink, err);
}

static bool is_big(const struct yq_scan *scan)
{
    return yq_scan_layout(scan) == YQ_LAYOUT_EXPLICIT_BE;
}

/* The value of a feed's element as it stands there, of which r->value was read already. */
static bool copy_value(struct yq_recast *r, struct feed *from, struct yq_err *err)
{
    const struct yq_element *e = &from->element;
    struct yq_buf *gathered = &r->sink.gathered;
    bool swaps = is_big(from->scan) != (r->sink.layout == YQ_LAYOUT_EXPLICIT_BE);
    unsigned unit = swaps ? unit_of(e->vr) : 1;
    yq_writer_put_header(&r->writer, e->tag, e->vr, e->length + (e->length & 1));
    size_t at = gathered->length;
    yq_buf_put(gathered, r->value.bytes, r->value.length);
    for (uint64_t left = e->length - r->value.length;;) {
        if (gathered->failed)
            return yq_fail(err, YQ_FULL, ROOM, "no memory to write an object");
        swap(gathered->bytes + at, gathered->length - at, unit);
        if (!yq_sink_pass(&r->sink, err))
            return false;
        if (!left)
            break;
        at = gathered->length;
        if (!yq_scan_value(from->scan, PIECE, gathered, err))
            return false;
        if (gathered->length == at)
            return yq_fail(err, YQ_BUG, ROOM, "a value ended before its length");
        left -= gathered->length - at;
    }
    if (e->length & 1)
        yq_buf_put(gathered, padding_of(e->vr), 1);
    return true;
}

/* So that at least `most` bytes of the value are in r->value, or all; whole numbers of any size. */
static bool fetch(struct yq_recast *r, struct feed *from, size_t most, struct yq_err *err)
{
    most = (most + 7) & ~(size_t)7;
    return most <= r->value.length ||
           yq_scan_value(from->scan, most - r->value.length, &r->value, err);
}

bool yq_recast_value(struct yq_recast *r, size_t most, const uint8_t **bytes, size_t *length,
                     struct yq_err *err)
{
    if (most > SHOWN_MOST)
        most = SHOWN_MOST;
    if (!fetch(r, &r->source, most, err))
        return false;
    *length = r->value.length < most ? r->value.length : most;
    *bytes = r->value.bytes ? r->value.bytes : (const uint8_t *)"";
    unsigned unit = unit_of(r->source.element.vr);
    if (!is_big(r->source.scan) || unit == 1)
        return true;
    yq_buf_clear(&r->shown);
    yq_buf_put(&r->shown, *bytes, *length);
    if (r->shown.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a value");
    swap(r->shown.bytes, r->shown.length, unit);
    *bytes = r->shown.bytes ? r->shown.bytes : (const uint8_t *)"";
    return true;
}

/* ---- where we are ---- */

static bool is_mark(const struct yq_element *e) { return e->tag >> 16 == 0xfffe; }

static bool enter(struct yq_recast *r, const struct yq_element *e, struct yq_err *err)
{
    if (e->depth >= r->path_room) {
        size_t room = r->path_room ? 2 * r->path_room : 16;
        uint32_t *path = realloc(r->path, room * sizeof *path);
        if (!path)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for %zu nested sequences", room);
        r->path = path;
        r->path_room = room;
    }
    r->path[e->depth] = e->tag;
    return true;
}

/* PS3.5 7.8.1: (gggg,00bb) reserves (gggg,bb00) to (gggg,bbFF), within its item. */
static bool note_creator(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_element *e = &r->source.element;
    bool reserves = (e->tag >> 16 & 1) && (e->tag & 0xffff) >= 0x10 && (e->tag & 0xffff) <= 0xff;
    if (!reserves || r->creator_count == CREATORS_MOST || e->length > 72)
        return true;
    if (!fetch(r, &r->source, 72, err))
        return false;
    if (!r->creators && !(r->creators = calloc(CREATORS_MOST, sizeof *r->creators)))
        return yq_fail(err, YQ_FULL, ROOM, "no memory for private creators");
    struct creator *creator = &r->creators[r->creator_count++];
    creator->depth = e->depth;
    creator->block = (e->tag & 0xffff0000) | (e->tag & 0xff) << 8;
    if (!r->value.length ||
        !yq_copy_trimmed(creator->name, sizeof creator->name, r->value.bytes, r->value.length))
        creator->name[0] = '\0';
    return true;
}

static const char *creator_of(const struct yq_recast *r, const struct yq_element *e)
{
    if (!(e->tag >> 16 & 1) || (e->tag & 0xffff) < 0x1000)
        return "";
    for (size_t i = r->creator_count; i-- > 0;)
        if (r->creators[i].depth == e->depth && r->creators[i].block == (e->tag & 0xffffff00))
            return r->creators[i].name;
    return "";
}

/* An item ends, and with it what was reserved in it. */
static void forget_creators(struct yq_recast *r, unsigned depth)
{
    while (r->creator_count && r->creators[r->creator_count - 1].depth >= depth)
        r->creator_count--;
}

/* The VR with which it is written. What the dictionary knows gets its name where it had none, and
 * where its bytes must be turned around: values of UN have the byte order of what is around them.
 */
static void settle_vr(struct yq_recast *r, struct yq_element *e, const char *creator)
{
    enum yq_layout from = yq_scan_layout(r->source.scan);
    bool un = strcmp(e->vr, "UN") == 0 && e->length != UNDEFINED;
    bool turns = (from == YQ_LAYOUT_EXPLICIT_BE) != (r->sink.layout == YQ_LAYOUT_EXPLICIT_BE);
    bool names = from == YQ_LAYOUT_IMPLICIT_LE || turns;
    if (!names)
        return;
    if (un) {
        const char *vr =
            *creator ? yq_dcm_private_vr(e->tag, creator) : yq_dcm_dictionary_vr(e->tag);
        if (strcmp(vr, "SQ") != 0)
            memcpy(e->vr, vr, 2);
    }
    if (r->signed_pixels && strcmp(e->vr, "US") == 0 && yq_dcm_follows_pixels(e->tag))
        memcpy(e->vr, "SS", 2);
}

/* ---- pixel data as they are ---- */

static bool copy_fragments(struct yq_recast *r, struct yq_err *err)
{
    uint64_t position;
    uint32_t length;
    yq_writer_put_header(&r->writer, r->source.element.tag, "OB", UNDEFINED);
    while (yq_scan_fragment(r->source.scan, &position, &length, err)) {
        yq_writer_put_mark(&r->writer, TAG_ITEM, length + (length & 1));
        for (uint64_t left = length; left;) {
            size_t at = r->sink.gathered.length;
            if (!yq_scan_value(r->source.scan, PIECE, &r->sink.gathered, err))
                return false;
            if (r->sink.gathered.length == at)
                return yq_fail(err, YQ_BUG, ROOM, "a fragment ended before its length");
            left -= r->sink.gathered.length - at;
            if (!yq_sink_pass(&r->sink, err))
                return false;
        }
        if (length & 1)
            yq_buf_put(&r->sink.gathered, "", 1);
    }
    if (err->code != YQ_OK)
        return false;
    yq_writer_end_sequence(&r->writer);
    return true;
}

/* Whether pixel data, which are kept, fit the syntax: only those at top level must. */
static bool pixels_fit(const struct yq_recast *r, struct yq_err *err)
{
    const struct yq_element *e = &r->source.element;
    bool fragments = e->length == UNDEFINED && strcmp(e->vr, "SQ") != 0;
    bool top =
        e->depth == 0 && (e->tag == TAG_PIXELS || e->tag == 0x7fe00008 || e->tag == 0x7fe00009);
    if (!r->changes || (!fragments && !top))
        return true;
    if (fragments && e->depth)
        return yq_fail(err, YQ_REFUSED, ROOM, "it has compressed pixels within a sequence");
    if (fragments == yq_is_encapsulated(r->to))
        return true;
    return yq_fail(err, YQ_REFUSED, ROOM, "its pixel data are %s, which %s cannot hold",
                   fragments ? "compressed" : "not compressed", r->to);
}

/* ---- one element ---- */

static void skip_items(struct yq_recast *r)
{
    r->skipping = strcmp(r->source.element.vr, "SQ") == 0;
    r->skip_depth = r->source.element.depth;
}

static bool is_edited(const struct yq_recast *r, uint32_t tag)
{
    for (size_t i = 0; i < r->how.removed_count; i++)
        if (r->how.removed[i] == tag)
            return true;
    const uint8_t *p = r->edited.bytes;
    for (size_t i = 0; i + 4 <= r->edited.length; i += 4)
        if (yq_le32(p + i) == tag)
            return true;
    return false;
}

static bool is_ours(const struct yq_recast *r, const struct yq_element *e)
{
    uint32_t tag = e->tag;
    if ((tag & 0xffff) == 0 || (tag == TAG_LENGTH_TO_END && e->depth == 0))
        return true;
    if (e->depth)
        return false;
    bool pixels = tag == TAG_PIXELS || (tag >= 0x7fe00001 && tag <= 0x7fe00003);
    return (r->gives && pixels) || is_edited(r, tag);
}

static bool keep(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_element *e = &r->source.element;
    if (strcmp(e->vr, "SQ") == 0) {
        bool drop = false;
        bool icon = e->tag == TAG_ICON || (e->depth == 0 && (e->tag >> 16 & 1));
        if (icon && r->changes && !recast_icon(r, &drop, err))
            return false;
        if (drop) {
            skip_items(r);
            return true;
        }
        yq_writer_begin_sequence(&r->writer, e->tag);
        return enter(r, e, err);
    }
    if (!pixels_fit(r, err))
        return false;
    return e->length == UNDEFINED ? copy_fragments(r, err) : copy_value(r, &r->source, err);
}

static bool follow_judge(struct yq_recast *r, const char *creator, struct yq_err *err)
{
    struct yq_element *e = &r->source.element;
    bool sequence = strcmp(e->vr, "SQ") == 0;
    struct yq_recast_at at = {.element = e, .path = r->path, .creator = creator};
    yq_buf_clear(&r->replacement);
    enum yq_fate fate = r->how.judge(r->how.context, r, &at, &r->replacement, err);
    switch (fate) {
    case YQ_FATE_KEEP: return keep(r, err);
    case YQ_FATE_DROP: skip_items(r); return true;
    case YQ_FATE_REPLACE:
        if (sequence)
            return yq_fail(err, YQ_BUG, ROOM, "a sequence cannot be replaced by a value");
        if (r->replacement.failed)
            return yq_fail(err, YQ_FULL, ROOM, "no memory for a new value");
        return put_element(r, e->tag, e->vr, r->replacement.bytes, r->replacement.length, err);
    case YQ_FATE_EMPTY:
        skip_items(r);
        if (!sequence)
            return put_element(r, e->tag, e->vr, "", 0, err);
        yq_writer_begin_sequence(&r->writer, e->tag);
        yq_writer_end_sequence(&r->writer);
        return true;
    default: return false;
    }
}

static bool put_mark(struct yq_recast *r, const struct yq_element *e, struct yq_err *err)
{
    if (e->tag == TAG_ITEM) {
        yq_writer_begin_item(&r->writer);
    } else if (e->tag == TAG_ITEM_END) {
        forget_creators(r, e->depth);
        yq_writer_end_item(&r->writer);
    } else {
        r->icon.active = r->icon.active && r->icon.depth != e->depth;
        yq_writer_end_sequence(&r->writer);
    }
    return yq_sink_pass(&r->sink, err);
}

static bool put_source(struct yq_recast *r, struct yq_err *err)
{
    struct yq_element *e = &r->source.element;
    if (r->skipping) {
        r->skipping = e->depth > r->skip_depth;
        return true;
    }
    if (is_mark(e))
        return put_mark(r, e, err);
    yq_buf_clear(&r->value);
    if (is_ours(r, e)) {
        skip_items(r);
        return true;
    }
    if (!note_creator(r, err))
        return false;
    const char *creator = creator_of(r, e);
    settle_vr(r, e, creator);
    bool of_icon = false;
    if (r->icon.active && e->depth == r->icon.depth + 1 && !recast_icon_element(r, &of_icon, err))
        return false;
    return of_icon || (r->how.judge ? follow_judge(r, creator, err) : keep(r, err));
}

/* ---- the caller's own elements ---- */

static bool next(struct feed *feed, struct yq_err *err)
{
    err->code = YQ_OK;
    feed->there = feed->scan && yq_scan_next(feed->scan, &feed->element, err);
    return err->code == YQ_OK;
}

static bool put_edit(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_element *e = &r->edits.element;
    if (is_mark(e))
        return put_mark(r, e, err);
    if (strcmp(e->vr, "SQ") == 0) {
        yq_writer_begin_sequence(&r->writer, e->tag);
        return true;
    }
    yq_buf_clear(&r->value);
    if (!copy_value(r, &r->edits, err))
        return false;
    if (e->tag == r->how.late && e->depth == 0)
        r->late_end = yq_sink_at(&r->sink);
    return true;
}

/* Those whose place is before `tag`, or there. */
static bool put_edits(struct yq_recast *r, uint64_t tag, struct yq_err *err)
{
    for (;;) {
        struct feed *edits = &r->edits;
        if (!edits->there && !next(edits, err))
            return false;
        bool whole = edits->there && edits->element.depth == 0 && !is_mark(&edits->element);
        if (!edits->there || (whole && edits->element.tag > tag))
            return true;
        if (!put_edit(r, err))
            return false;
        edits->there = false;
    }
}

/* Goes on to the place of the pixel data, or to the end. */
static bool go(struct yq_recast *r, bool to_pixels, struct yq_err *err)
{
    for (;;) {
        struct feed *source = &r->source;
        if (!source->there && !next(source, err))
            return false;
        bool top = source->there && source->element.depth == 0 && !is_mark(&source->element);
        /* the very element: what is out of order may stand behind one with a greater tag */
        if (!source->there || (to_pixels && top && source->element.tag == TAG_PIXELS))
            return put_edits(r, to_pixels ? TAG_PIXELS - 1 : UINT64_MAX, err);
        if (top && !put_edits(r, source->element.tag, err))
            return false;
        if (!put_source(r, err))
            return false;
        source->there = false;
    }
}

/* ---- beginning and end ---- */

static bool take_uid(struct yq_scan *scan, char uid[YQ_UID_SIZE], struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    if (!yq_scan_value(scan, YQ_UID_SIZE + 1, &value, err))
        return false;
    char text[YQ_UID_SIZE];
    if (value.length && yq_copy_trimmed(text, sizeof text, value.bytes, value.length) && *text)
        memcpy(uid, text, sizeof text);
    return true;
}

/* What has to be known before: UIDs for the meta information, and what the pixels are like. */
static bool survey(struct yq_recast *r, struct yq_scan *scan, bool edits, struct yq_err *err)
{
    struct yq_element e;
    while (yq_scan_next(scan, &e, err)) {
        if (e.depth)
            continue;
        if (edits)
            yq_buf_put_le32(&r->edited, e.tag);
        else if (e.tag > 0x00280103)
            return true;
        if (e.tag == 0x00080016 && !take_uid(scan, r->part10.sop_class, err))
            return false;
        if (e.tag == 0x00080018 && !take_uid(scan, r->part10.sop_instance, err))
            return false;
        if (e.tag == 0x00280103) {
            struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
            if (!yq_scan_value(scan, 2, &value, err))
                return false;
            r->signed_pixels = value.length == 2 && (value.bytes[0] | value.bytes[1]) == 1;
        }
    }
    return err->code == YQ_OK &&
           (!r->edited.failed || yq_fail(err, YQ_FULL, ROOM, "no memory to write an object"));
}

static bool look(struct yq_recast *r, struct yq_err *err)
{
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    const struct yq_buf *edits = r->how.edits;
    if (!yq_scan_open_fd(r->how.fd, r->part10.dataset_offset, r->source_syntax, &scan, err) ||
        !survey(r, scan, false, err))
        return false;
    if (!edits || !edits->length)
        return true;
    struct yq_scan *again yq_cleanup(yq_scan_cleanup) = NULL;
    if (edits->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to write an object");
    if (!yq_scan_open_memory(edits->bytes, edits->length, YQ_TS_EXPLICIT_LE, &again, err) ||
        !survey(r, again, true, err) ||
        !yq_scan_open_memory(edits->bytes, edits->length, YQ_TS_EXPLICIT_LE, &r->edits.scan, err))
        return false;
    yq_scan_show_marks(r->edits.scan);
    return true;
}

static bool open_both(struct yq_recast *r, struct yq_err *err)
{
    struct yq_buf meta yq_cleanup(yq_buf_fini) = {0};
    if (!yq_part10_read(r->how.fd, &r->part10, err))
        return false;
    r->source_syntax = r->part10.transfer_syntax;
    r->to = r->how.to ? r->how.to : r->source_syntax;
    r->changes = strcmp(r->to, r->source_syntax) != 0;
    if (!look(r, err))
        return false;
    yq_part10_write(&meta, r->part10.sop_class, r->part10.sop_instance, r->to);
    if (meta.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to write an object");
    if (!yq_write_all(r->how.out_fd, meta.bytes, meta.length, err) ||
        !yq_sink_open(&r->sink, r->how.out_fd, r->to, r->how.most, err) ||
        !yq_scan_open_fd(r->how.fd, r->part10.dataset_offset, r->source_syntax, &r->source.scan,
                         err))
        return false;
    yq_scan_show_marks(r->source.scan);
    r->writer = (struct yq_writer){.out = &r->sink.gathered, .layout = r->sink.layout};
    return true;
}

static bool start(const struct yq_recasting *how, struct yq_recast **out, struct yq_err *err)
{
    struct yq_recast *r = calloc(1, sizeof *r);
    if (!r)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to write an object");
    r->how = *how;
    if (!open_both(r, err)) {
        yq_recast_free(r);
        return false;
    }
    *out = r;
    return true;
}

void yq_recast_free(struct yq_recast *r)
{
    if (!r)
        return;
    yq_scan_free(r->source.scan);
    yq_scan_free(r->edits.scan);
    yq_sink_close(&r->sink);
    yq_buf_fini(&r->value);
    yq_buf_fini(&r->shown);
    yq_buf_fini(&r->replacement);
    yq_buf_fini(&r->edited);
    yq_buf_fini(&r->offsets);
    yq_buf_fini(&r->lengths);
    yq_buf_fini(&r->late);
    yq_frame_fini(&r->icon.frame);
    free(r->path);
    free(r->creators);
    free(r);
}

bool yq_recast(const struct yq_recasting *how, struct yq_err *err)
{
    struct yq_recast *r yq_cleanup(yq_recast_cleanup) = NULL;
    return start(how, &r, err) && go(r, false, err) && yq_sink_end(&r->sink, err);
}

bool yq_recast_begin(const struct yq_recasting *how, const struct yq_recast_pixels *pixels,
                     struct yq_recast **out, struct yq_err *err)
{
    if (!start(how, out, err))
        return false;
    struct yq_recast *r = *out;
    r->gives = true;
    r->pixels = *pixels;
    if (go(r, true, err) && recast_begin_pixels(r, err))
        return true;
    yq_recast_free(r);
    *out = NULL;
    return false;
}

void yq_recast_late(struct yq_recast *r, const void *bytes, size_t length)
{
    yq_buf_clear(&r->late);
    yq_buf_put(&r->late, bytes, length);
}

static bool patch_late(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_buf *late = &r->late;
    if (!late->length && !late->failed)
        return true;
    if (late->failed || r->sink.deflated || r->late_end < late->length)
        return yq_fail(err, YQ_BUG, ROOM, "a late value has no place");
    return yq_sink_patch(&r->sink, r->late_end - late->length, late->bytes, late->length, err);
}

bool yq_recast_end(struct yq_recast *r, struct yq_err *err)
{
    return recast_end_pixels(r, err) && go(r, false, err) && yq_sink_end(&r->sink, err) &&
           recast_patch_tables(r, err) && patch_late(r, err);
}
