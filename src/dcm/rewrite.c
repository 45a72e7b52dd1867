/* rewrite.c: an object leaves with other values than it came with. PS3.4 B.4.1.3, PS3.3 C.12.1.1.9
 * (Original Attributes Sequence) and C.12.1.1.2 (Specific Character Set).
 *
 * Two passes of the scanner: what is there, then a copy in which single places are spliced; what is
 * not spliced is copied byte by byte, pixel data by the kernel. The new values are written in the
 * object's own character set. Where that cannot hold them the label becomes ISO_IR 192, and all
 * text that the label speaks for is converted: a set without code extensions cannot be extended
 * (C.12.1.1.2), and a label that is true for some values only would be none. Items with a label of
 * their own keep it. Text within UN of a defined length, or in private elements whose VR is not
 * known, cannot be told and stays. Group lengths, which are retired and would be wrong, are left
 * out. Thread-safe. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "scan.h"
#include "yq/file.h"
#include "yq/text.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_CHARSET 0x00080005u
#define TAG_LENGTH_TO_END 0x00080001u
#define TAG_ORIGINALS 0x04000561u
#define TAG_ITEM 0xfffee000u
#define TAG_ITEM_END 0xfffee00du
#define TAG_SEQUENCE_END 0xfffee0ddu

enum {
    EDITS_MOST = YQ_ATTR_COUNT + 1,
    ORIGINAL_MOST = 65534,
    TEXT_MOST = 16 << 20, /* of one value that is converted */
    SMALL = 32 << 10,     /* pieces that are gathered, not copied one by one */
    GATHERED_MOST = 256 << 10,
};
#define INFLATED_MOST ((uint64_t)1 << 30)

struct edit { /* one attribute at top level that gets another value */
    uint32_t tag;
    const char *vr, *value;
    bool there, done;
    size_t at, length; /* of the original in rewriter->originals */
};

struct rewriter {
    int fd, out;
    uint64_t base, size; /* of the dataset in fd */
    const char *syntax;  /* plain: not deflated */
    enum yq_layout layout;
    const struct yq_rewriting *what;
    struct edit edits[EDITS_MOST];
    size_t count;
    struct yq_buf originals;
    char charset[128];
    bool charset_there;
    bool convert; /* all text, to UTF-8 */
    bool had_sequence;
    uint64_t at; /* what stands before it in the dataset is decided */
    bool cutting;
    bool in_originals;
    enum yq_layout item_layout;
    bool sequence_done;
    unsigned own_charset; /* depth from which items have one of their own; UINT_MAX: none */
    struct yq_buf gathered;
};

/* ---- writing ---- */

static bool no_memory(struct yq_err *err)
{
    return yq_fail(err, YQ_FULL, ROOM, "no memory to rewrite an object");
}

static bool flush(struct rewriter *r, struct yq_err *err)
{
    if (r->gathered.failed)
        return no_memory(err);
    if (r->gathered.length && !yq_write_all(r->out, r->gathered.bytes, r->gathered.length, err))
        return false;
    yq_buf_clear(&r->gathered);
    return true;
}

static bool gather_range(struct rewriter *r, uint64_t from, uint64_t count, struct yq_err *err)
{
    uint8_t piece[4096];
    while (count) {
        size_t want = count < sizeof piece ? (size_t)count : sizeof piece, got;
        if (!yq_read_at(r->fd, piece, want, r->base + from, &got, err))
            return false;
        if (got < want)
            return yq_fail(err, YQ_IO, ROOM, "the object became shorter while it was read");
        yq_buf_put(&r->gathered, piece, got);
        from += got;
        count -= got;
        if (r->gathered.length >= GATHERED_MOST && !flush(r, err))
            return false;
    }
    return true;
}

/* [from, to) of the dataset; by the kernel where it is much and the two files are of a kind. */
static bool put_range(struct rewriter *r, uint64_t from, uint64_t to, struct yq_err *err)
{
    if (to - from > SMALL && !flush(r, err))
        return false;
    while (to - from > SMALL) {
        off_t place = (off_t)(r->base + from);
        uint64_t left = to - from;
        ssize_t done = copy_file_range(r->fd, &place, r->out, NULL,
                                       left < SSIZE_MAX ? (size_t)left : SSIZE_MAX, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break;
        from += (uint64_t)done;
    }
    return gather_range(r, from, to - from, err);
}

/* Copies up to `place`, which is where the next literal stands. */
static bool go_to(struct rewriter *r, uint64_t place, struct yq_err *err)
{
    if (place > r->at && !put_range(r, r->at, place, err))
        return false;
    r->at = place > r->at ? place : r->at;
    return true;
}

static bool put_mark(struct rewriter *r, enum yq_layout layout, uint32_t tag, uint32_t length)
{
    bool big = layout == YQ_LAYOUT_EXPLICIT_BE;
    void (*put16)(struct yq_buf *, unsigned) = big ? yq_buf_put_be16 : yq_buf_put_le16;
    put16(&r->gathered, tag >> 16);
    put16(&r->gathered, tag & 0xffff);
    (big ? yq_buf_put_be32 : yq_buf_put_le32)(&r->gathered, length);
    return !r->gathered.failed;
}

/* ---- what is there ---- */

/* From here on nothing is looked at, as when the header was read: what came in goes out. */
static bool is_pixels(const struct yq_element *element)
{
    return element->depth == 0 &&
           (element->tag == 0x7fe00010 || element->tag == 0x7fe00008 || element->tag == 0x7fe00009);
}

static bool group_length(const struct yq_element *element)
{
    return (element->tag & 0xffff) == 0 || element->tag == TAG_LENGTH_TO_END;
}

static struct edit *edit_of(struct rewriter *r, uint32_t tag)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->edits[i].tag == tag)
            return &r->edits[i];
    return NULL;
}

static bool survey_element(struct rewriter *r, struct yq_scan *scan,
                           const struct yq_element *element, struct yq_err *err)
{
    struct edit *edit = edit_of(r, element->tag);
    r->had_sequence |= element->tag == TAG_ORIGINALS && strcmp(element->vr, "SQ") == 0;
    bool charset = element->tag == TAG_CHARSET && !r->charset_there;
    if (!charset && (!edit || edit->there))
        return true;
    size_t at = r->originals.length;
    if (!yq_scan_value(scan, ORIGINAL_MOST, &r->originals, err))
        return false;
    if (charset) {
        r->charset_there = true;
        (void)yq_copy_trimmed(r->charset, sizeof r->charset, r->originals.bytes + at,
                              r->originals.length - at);
    }
    if (edit) {
        edit->there = true;
        edit->at = at;
        edit->length = r->originals.length - at;
    }
    return true;
}

static bool survey(struct rewriter *r, struct yq_err *err)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_element element;
    yq_buf_puts(&r->originals, " "); /* so that it is there */
    if (!yq_scan_open_fd(r->fd, r->base, r->syntax, &scan, err))
        return false;
    while (yq_scan_next(scan, &element, err)) {
        if (is_pixels(&element))
            return true;
        if (element.depth == 0 && !survey_element(r, scan, &element, err))
            return false;
    }
    return err->code == YQ_OK;
}

static bool plain(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p >= 0x80)
            return false;
    return true;
}

/* Whether the label that is there can hold all new values. */
static bool charset_suffices(const struct rewriter *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct yq_buf encoded yq_cleanup(yq_buf_fini) = {0};
        const struct edit *edit = &r->edits[i];
        if (!plain(edit->value) && !yq_text_encode(r->charset, edit->vr, edit->value, &encoded))
            return false;
    }
    return true;
}

static int by_tag(const void *a, const void *b)
{
    uint32_t x = ((const struct edit *)a)->tag, y = ((const struct edit *)b)->tag;
    return x < y ? -1 : x > y;
}

/* The label is one of the attributes that change, and kept as one: so the original values stand
 * beside the label that they came with. */
static void change_charset(struct rewriter *r)
{
    struct edit *edit = &r->edits[r->count++];
    r->convert = true;
    *edit = (struct edit){.tag = TAG_CHARSET, .vr = "CS", .value = "ISO_IR 192"};
    edit->there = r->charset_there;
    edit->at = r->originals.length;
    yq_buf_puts(&r->originals, r->charset);
    edit->length = r->originals.length - edit->at;
    qsort(r->edits, r->count, sizeof *r->edits, by_tag);
}

/* ---- new elements ---- */

static bool put_edit(struct rewriter *r, struct edit *edit, struct yq_err *err)
{
    struct yq_buf encoded yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer writer = {.out = &r->gathered, .layout = r->layout};
    const char *charset = r->convert ? "ISO_IR 192" : r->charset;
    edit->done = true;
    if (plain(edit->value))
        yq_buf_puts(&encoded, edit->value);
    else if (!yq_text_encode(charset, edit->vr, edit->value, &encoded))
        return no_memory(err);
    if (encoded.failed)
        return no_memory(err);
    yq_writer_put(&writer, edit->tag, edit->vr, encoded.bytes, encoded.length);
    return true;
}

/* The item of Original Attributes Sequence. */
static void put_item(struct rewriter *r, enum yq_layout layout)
{
    struct yq_writer writer = {.out = &r->gathered, .layout = layout};
    char when[40];
    time_t seconds = (time_t)(r->what->when_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(when, sizeof when, "%Y%m%d%H%M%S+0000", &tm);
    yq_writer_begin_item(&writer);
    yq_writer_begin_sequence(&writer, 0x04000550);
    yq_writer_begin_item(&writer);
    for (size_t i = 0; i < r->count; i++)
        yq_writer_put(&writer, r->edits[i].tag, r->edits[i].vr, r->originals.bytes + r->edits[i].at,
                      r->edits[i].length);
    yq_writer_end_item(&writer);
    yq_writer_end_sequence(&writer);
    yq_writer_put_text(&writer, 0x04000562, "DT", when);
    yq_writer_put_text(&writer, 0x04000563, "LO", r->what->system);
    yq_writer_put_text(&writer, 0x04000564, "LO", r->what->source);
    yq_writer_put_text(&writer, 0x04000565, "CS", "COERCE");
    yq_writer_end_item(&writer);
    r->sequence_done = true;
}

static void put_sequence(struct rewriter *r)
{
    struct yq_writer writer = {.out = &r->gathered, .layout = r->layout};
    yq_writer_begin_sequence(&writer, TAG_ORIGINALS);
    put_item(r, r->layout);
    yq_writer_end_sequence(&writer);
}

/* What is missing and belongs before `tag`. */
static bool put_missing(struct rewriter *r, uint64_t tag, struct yq_err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        struct edit *edit = &r->edits[i];
        if (!edit->there && !edit->done && edit->tag < tag && !put_edit(r, edit, err))
            return false;
    }
    if (!r->had_sequence && !r->sequence_done && tag > TAG_ORIGINALS)
        put_sequence(r);
    return true;
}

/* ---- conversion ---- */

static bool is_text(const char *vr)
{
    static const char texts[] = "SH LO ST LT UC UT PN";
    return strstr(texts, vr) != NULL;
}

static bool has_more_than_ascii(const struct yq_buf *value)
{
    for (size_t i = 0; i < value->length; i++)
        if (value->bytes[i] >= 0x80 || value->bytes[i] == 0x1b)
            return true;
    return false;
}

/* The element's own header, with another length: an odd VR stays what it is. */
static bool put_header(struct rewriter *r, const struct yq_element *element, enum yq_layout layout,
                       uint32_t length, struct yq_err *err)
{
    uint8_t head[12];
    size_t got;
    bool big = layout == YQ_LAYOUT_EXPLICIT_BE;
    if (!yq_read_at(r->fd, head, element->header, r->base + element->position - element->header,
                    &got, err))
        return false;
    bool wide = element->header == 12;
    bool narrow = !wide && layout != YQ_LAYOUT_IMPLICIT_LE;
    yq_buf_put(&r->gathered, head, wide ? 8 : narrow ? 6 : 4);
    if (narrow)
        (big ? yq_buf_put_be16 : yq_buf_put_le16)(&r->gathered, length);
    else
        (big ? yq_buf_put_be32 : yq_buf_put_le32)(&r->gathered, length);
    return !r->gathered.failed || no_memory(err);
}

static bool convert_text(struct rewriter *r, struct yq_scan *scan, const struct yq_element *element,
                         struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    enum yq_layout layout = yq_scan_layout(scan);
    bool doubtful = false;
    if (element->length > TEXT_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "a text of the object is too long to be converted");
    if (!yq_scan_value(scan, TEXT_MOST, &value, err))
        return false;
    if (!has_more_than_ascii(&value))
        return true;
    yq_text_decode(*r->what->charset ? r->what->charset : r->charset, element->vr, value.bytes,
                   value.length, &text, &doubtful);
    if (text.length & 1)
        yq_buf_puts(&text, " ");
    if (text.failed)
        return no_memory(err);
    if (!go_to(r, element->position - element->header, err))
        return false;
    r->at = element->position + element->length;
    bool narrow = element->header == 8 && layout != YQ_LAYOUT_IMPLICIT_LE;
    if (narrow && text.length > 0xfffe) {
        struct yq_writer writer = {.out = &r->gathered, .layout = layout};
        yq_writer_put(&writer, element->tag, element->vr, text.bytes, text.length);
        return true;
    }
    if (!put_header(r, element, layout, (uint32_t)text.length, err))
        return false;
    yq_buf_put(&r->gathered, text.bytes, text.length);
    return true;
}

/* A length within which something may change is not stated any more. */
static bool open_ended(struct rewriter *r, const struct yq_element *element, enum yq_layout layout,
                       struct yq_err *err)
{
    if (element->length == UNDEFINED)
        return true;
    if (!go_to(r, element->position - element->header, err))
        return false;
    r->at = element->position;
    return element->tag == TAG_ITEM ? put_mark(r, layout, TAG_ITEM, UNDEFINED) || no_memory(err)
                                    : put_header(r, element, layout, UNDEFINED, err);
}

/* A delimiter where a length ended it so far. */
static bool delimit(struct rewriter *r, const struct yq_element *element, enum yq_layout layout,
                    struct yq_err *err)
{
    if (element->header)
        return true;
    return go_to(r, element->position, err) &&
           (put_mark(r, layout, element->tag, 0) || no_memory(err));
}

static bool convert_inside(struct rewriter *r, struct yq_scan *scan,
                           const struct yq_element *element, struct yq_err *err)
{
    enum yq_layout layout = yq_scan_layout(scan);
    switch (element->tag) {
    case TAG_ITEM: return open_ended(r, element, layout, err);
    case TAG_ITEM_END:
        if (element->depth <= r->own_charset)
            r->own_charset = UINT_MAX;
        return delimit(r, element, layout, err);
    case TAG_SEQUENCE_END: return delimit(r, element, layout, err);
    case TAG_CHARSET:
        if (element->depth && element->depth < r->own_charset)
            r->own_charset = element->depth;
        return true;
    default: break;
    }
    if (strcmp(element->vr, "SQ") == 0) /* UN switches the layout, but states no length */
        return open_ended(r, element, layout, err);
    if (is_text(element->vr) && element->depth < r->own_charset)
        return convert_text(r, scan, element, err);
    if (!group_length(element))
        return true;
    if (!go_to(r, element->position - element->header, err))
        return false;
    r->at = element->position + element->length;
    return true;
}

/* ---- the copy ---- */

static bool begin_originals(struct rewriter *r, struct yq_scan *scan,
                            const struct yq_element *element, struct yq_err *err)
{
    r->in_originals = true;
    r->item_layout = yq_scan_layout(scan);
    return open_ended(r, element, r->item_layout, err);
}

/* Ours stands behind those that are there. */
static bool end_originals(struct rewriter *r, const struct yq_element *element, struct yq_err *err)
{
    r->in_originals = false;
    if (!go_to(r, element->position - element->header, err))
        return false;
    put_item(r, r->item_layout);
    return delimit(r, element, r->layout, err);
}

/* An element at top level. */
static bool splice(struct rewriter *r, struct yq_scan *scan, const struct yq_element *element,
                   struct yq_err *err)
{
    uint64_t start = element->position - element->header;
    struct edit *edit = edit_of(r, element->tag);
    bool originals = element->tag == TAG_ORIGINALS;
    if (r->cutting)
        r->at = start;
    r->cutting = false;
    if (!go_to(r, start, err) || !put_missing(r, element->tag, err))
        return false;
    if (edit && !edit->done && !put_edit(r, edit, err))
        return false;
    bool sequence = strcmp(element->vr, "SQ") == 0;
    if (originals && sequence && !r->sequence_done)
        return begin_originals(r, scan, element, err);
    r->cutting = edit || group_length(element) || (originals && !sequence);
    return r->cutting || !r->convert || convert_inside(r, scan, element, err);
}

static bool copy(struct rewriter *r, struct yq_err *err)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_element element;
    if (!yq_scan_open_fd(r->fd, r->base, r->syntax, &scan, err))
        return false;
    yq_scan_show_marks(scan);
    while (yq_scan_next(scan, &element, err)) {
        bool end = element.tag == TAG_SEQUENCE_END;
        bool fine = true;
        if (element.depth == 0 && end && r->in_originals)
            fine = end_originals(r, &element, err);
        else if (element.depth == 0 && !end)
            fine = splice(r, scan, &element, err);
        else if (r->convert && !r->cutting)
            fine = convert_inside(r, scan, &element, err);
        if (!fine)
            return false;
        if (is_pixels(&element))
            return put_missing(r, UINT64_MAX, err) && go_to(r, r->size, err) && flush(r, err);
    }
    if (err->code != YQ_OK)
        return false;
    uint64_t end = yq_scan_position(scan);
    if (r->cutting)
        r->at = end;
    return go_to(r, end, err) && put_missing(r, UINT64_MAX, err) && go_to(r, r->size, err) &&
           flush(r, err);
}

static bool rewrite(struct rewriter *r, struct yq_err *err)
{
    struct stat about;
    if (fstat(r->fd, &about) != 0)
        return yq_fail_errno(err, ROOM, "cannot look at", "an object");
    r->size = (uint64_t)about.st_size > r->base ? (uint64_t)about.st_size - r->base : 0;
    r->layout = yq_layout_of(r->syntax);
    r->own_charset = UINT_MAX;
    if (r->what->count >= EDITS_MOST)
        return yq_fail(err, YQ_BUG, ROOM, "more new values than attributes");
    for (size_t i = 0; i < r->what->count; i++) {
        const struct yq_replacement *new = &r->what->replacements[i];
        r->edits[r->count++] = (struct edit){.tag = new->tag, .vr = new->vr, .value = new->value};
    }
    qsort(r->edits, r->count, sizeof *r->edits, by_tag);
    if (!survey(r, err))
        return false;
    if (!charset_suffices(r))
        change_charset(r);
    return r->originals.failed ? no_memory(err) : copy(r, err);
}

/* ---- deflated: rewritten as what it inflates to ---- */

static bool next_piece(int fd, uint64_t *at, uint8_t *piece, size_t size, z_stream *z,
                       struct yq_err *err)
{
    size_t got;
    if (!yq_read_at(fd, piece, size, *at, &got, err))
        return false;
    *at += got;
    z->next_in = piece;
    z->avail_in = (uInt)got;
    return true;
}

static bool inflate_all(int fd, uint64_t at, int out, z_stream *z, struct yq_err *err)
{
    uint8_t in[16384], made[16384];
    uint64_t total = 0;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        if (!z->avail_in && !next_piece(fd, &at, in, sizeof in, z, err))
            return false;
        bool ended = !z->avail_in;
        z->next_out = made;
        z->avail_out = sizeof made;
        result = inflate(z, Z_NO_FLUSH);
        size_t length = sizeof made - z->avail_out;
        if ((result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) ||
            (ended && result != Z_STREAM_END && !length))
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the deflated dataset is broken");
        total += length;
        if (total > INFLATED_MOST || !yq_scan_may_inflate(total, z->total_in, true))
            return yq_fail(err, YQ_FULL, ROOM, "the deflated dataset inflates to too much");
        if (!yq_write_all(out, made, length, err))
            return false;
    }
    return true;
}

static bool deflate_all(int fd, int out, z_stream *z, struct yq_err *err)
{
    uint8_t in[16384], made[16384];
    uint64_t at = 0, total = 0;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        if (!z->avail_in && !next_piece(fd, &at, in, sizeof in, z, err))
            return false;
        z->next_out = made;
        z->avail_out = sizeof made;
        result = deflate(z, z->avail_in ? Z_NO_FLUSH : Z_FINISH);
        size_t length = sizeof made - z->avail_out;
        total += length;
        if (!yq_write_all(out, made, length, err))
            return false;
    }
    return !(total & 1) || yq_write_all(out, "", 1, err); /* PS3.5 A.5 */
}

static bool rewrite_deflated(struct rewriter *r, struct yq_err *err)
{
    int from yq_cleanup(yq_close) = memfd_create("inflated", MFD_CLOEXEC);
    int to yq_cleanup(yq_close) = memfd_create("rewritten", MFD_CLOEXEC);
    int out = r->out;
    z_stream in = {0}, back = {0};
    if (from < 0 || to < 0)
        return yq_fail_errno(err, ROOM, "make", "a memory file");
    if (inflateInit2(&in, -MAX_WBITS) != Z_OK)
        return no_memory(err);
    bool ok = inflate_all(r->fd, r->base, from, &in, err);
    inflateEnd(&in);
    if (!ok)
        return false;
    r->fd = from;
    r->base = 0;
    r->syntax = YQ_TS_EXPLICIT_LE;
    r->out = to;
    if (!rewrite(r, err))
        return false;
    if (deflateInit2(&back, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return no_memory(err);
    ok = deflate_all(to, out, &back, err);
    deflateEnd(&back);
    return ok;
}

bool yq_dcm_rewrite(int fd, const struct yq_rewriting *what, int out_fd, struct yq_err *err)
{
    struct yq_part10 part10;
    struct yq_buf meta yq_cleanup(yq_buf_fini) = {0};
    if (!yq_part10_read(fd, &part10, err))
        return false;
    yq_part10_write(&meta, part10.sop_class, part10.sop_instance, part10.transfer_syntax);
    if (meta.failed)
        return no_memory(err);
    if (!yq_write_all(out_fd, meta.bytes, meta.length, err))
        return false;
    struct rewriter *r = calloc(1, sizeof *r);
    if (!r)
        return no_memory(err);
    r->fd = fd;
    r->out = out_fd;
    r->base = part10.dataset_offset;
    r->syntax = part10.transfer_syntax;
    r->what = what;
    bool deflated = yq_layout_of(part10.transfer_syntax) == YQ_LAYOUT_DEFLATED;
    bool ok = deflated ? rewrite_deflated(r, err) : rewrite(r, err);
    yq_buf_fini(&r->originals);
    yq_buf_fini(&r->gathered);
    free(r);
    return ok;
}
