/* recast_icon.c: a compressed icon (PS3.3 C.7.6.1.1.6), or an image of that kind in a private
 * sequence at top level, becomes a plain one when the transfer syntax changes: it may be plain in
 * each of them. One that cannot be decoded is left out; it is of type 3 everywhere.
 *
 * Its attributes stand before its pixels and change with them, so it is read ahead by a scanner of
 * its own, which begins at its sequence: compressed syntaxes are never deflated. */
#include <string.h>

#include "recast_inside.h"
#include "yq/uid.h"

#define UNDEFINED 0xffffffffu
#define TAG_PIXELS 0x7fe00010u

enum { ICON_MOST = 4 << 20 };

static bool take_short(struct yq_scan *scan, unsigned *out, struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    if (!yq_scan_value(scan, 2, &value, err))
        return false;
    if (value.length == 2)
        *out = yq_le16(value.bytes);
    return true;
}

static bool take_attribute(struct yq_scan *scan, uint32_t tag, struct yq_frame *f,
                           struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    unsigned value = 0;
    switch (tag) {
    case 0x00280002: return take_short(scan, &f->samples, err);
    case 0x00280004:
        if (!yq_scan_value(scan, sizeof f->photometric - 1, &text, err))
            return false;
        return !text.length ||
               yq_copy_trimmed(f->photometric, sizeof f->photometric, text.bytes, text.length);
    case 0x00280006:
        if (!take_short(scan, &value, err))
            return false;
        f->planar = value == 1;
        return true;
    case 0x00280010: return take_short(scan, &f->rows, err);
    case 0x00280011: return take_short(scan, &f->columns, err);
    case 0x00280100: return take_short(scan, &f->bits_allocated, err);
    case 0x00280101: return take_short(scan, &f->bits_stored, err);
    case 0x00280102: return take_short(scan, &f->high_bit, err);
    case 0x00280103:
        if (!take_short(scan, &value, err))
            return false;
        f->is_signed = value == 1;
        return true;
    default: return true;
    }
}

static bool take_stream(struct yq_scan *scan, struct yq_buf *out, struct yq_err *err)
{
    uint64_t position;
    uint32_t length;
    bool table = true;
    while (yq_scan_fragment(scan, &position, &length, err)) {
        if (length > ICON_MOST - out->length)
            return false;
        if (!table && !yq_scan_value(scan, length, out, err))
            return false;
        table = false;
    }
    return err->code == YQ_OK && !out->failed;
}

/* All of the first item; false: it is none that we can read, or there are several. */
static bool read_icon(struct yq_scan *scan, struct yq_frame *f, bool *compressed,
                      struct yq_err *err)
{
    struct yq_element e;
    *compressed = false;
    if (!yq_scan_next(scan, &e, err)) /* the sequence itself */
        return false;
    while (yq_scan_next(scan, &e, err)) {
        if (e.depth == 0)
            return true;
        if (e.depth > 1)
            continue;
        bool pixels = e.tag == TAG_PIXELS && e.length == UNDEFINED;
        bool more = e.item > 0 || (pixels && *compressed);
        *compressed |= pixels;
        if (*compressed && more)
            return false; /* several: no icon */
        if (pixels ? !take_stream(scan, &f->pixels, err) : !take_attribute(scan, e.tag, f, err))
            return false;
    }
    return err->code == YQ_OK;
}

static bool decoded(struct yq_recast *r, struct yq_frame *f, struct yq_err *err)
{
    uint64_t size = (uint64_t)f->rows * f->columns * f->samples * (f->bits_allocated / 8);
    bool known = f->samples <= 3 && f->bits_allocated >= 8 && f->bits_allocated <= 16;
    if (!r->how.decode || !known || !size || size > ICON_MOST || !f->pixels.length)
        return false;
    (void)yq_copy(f->codestream_syntax, sizeof f->codestream_syntax, r->source_syntax);
    return r->how.decode(f, err) && f->pixels.length >= size && !f->codestream_syntax[0];
}

bool recast_icon(struct yq_recast *r, bool *drop, struct yq_err *err)
{
    const struct yq_element *e = &r->source.element;
    *drop = false;
    if (!yq_is_encapsulated(r->source_syntax) ||
        yq_layout_of(r->source_syntax) == YQ_LAYOUT_DEFLATED)
        return true;
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    struct yq_err why = {0};
    struct yq_frame *f = &r->icon.frame;
    bool compressed = false;
    yq_frame_fini(f);
    memset(f, 0, sizeof *f);
    f->frames = f->samples = 1;
    if (!yq_scan_open_fd(r->how.fd, r->part10.dataset_offset + e->position - e->header,
                         YQ_TS_EXPLICIT_LE, &scan, err))
        return false;
    bool read = read_icon(scan, f, &compressed, &why);
    r->icon.active = read && compressed && decoded(r, f, &why);
    r->icon.depth = e->depth;
    *drop = !r->icon.active && compressed;
    return true;
}

static bool put_short(struct yq_recast *r, uint32_t tag, unsigned value, struct yq_err *err)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    yq_writer_put_header(&r->writer, tag, "US", 2);
    return recast_put(r, bytes, 2, 2, err);
}

static bool put_pixels(struct yq_recast *r, struct yq_err *err)
{
    const struct yq_frame *f = &r->icon.frame;
    size_t length = (size_t)f->rows * f->columns * f->samples * (f->bits_allocated / 8);
    bool wide = f->bits_allocated > 8;
    yq_writer_put_header(&r->writer, TAG_PIXELS, wide ? "OW" : "OB",
                         (uint32_t)(length + (length & 1)));
    if (!recast_put(r, f->pixels.bytes, length, wide ? 2 : 1, err))
        return false;
    if (length & 1)
        yq_buf_put(&r->sink.gathered, "", 1);
    return true;
}

bool recast_icon_element(struct yq_recast *r, bool *done, struct yq_err *err)
{
    const struct yq_frame *f = &r->icon.frame;
    uint32_t tag = r->source.element.tag;
    *done = true;
    switch (tag) {
    case 0x00280002: return put_short(r, tag, f->samples, err);
    case 0x00280004: yq_writer_put_text(&r->writer, tag, "CS", f->photometric); return true;
    case 0x00280006: return put_short(r, tag, f->planar, err);
    case 0x00280100: return put_short(r, tag, f->bits_allocated, err);
    case 0x00280101: return put_short(r, tag, f->bits_stored, err);
    case 0x00280102: return put_short(r, tag, f->high_bit, err);
    case TAG_PIXELS: return put_pixels(r, err);
    default: *done = false; return true;
    }
}
