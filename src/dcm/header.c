/* header.c: what the catalog wants to know of an instance, from one pass over its dataset.
 *
 * Knows which elements those are from the table in attr.h, and that the first one counts where an
 * element stands twice. Values are kept as sent until the whole was seen, because a Specific
 * Character Set out of order must still count; then they become UTF-8. Stops at the pixel data,
 * which are not read, but must all be there: an object cut short is none. PS3.5 6.2 (padding,
 * multiplicity), PS3.3 C.12.1 (the UIDs without which an object is none). Thread-safe. */
#include <string.h>

#include "scan.h"
#include "yq/text.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define TAG_CHARSET 0x00080005u

enum { VALUE_MOST = 16 * 1024, SEQUENCES_MOST = 8 };

struct raw { /* where a value stands in collector->bytes */
    size_t offset, length;
    bool there, number; /* number: US in the dataset's byte order */
};

struct label { /* Specific Character Set of the dataset, or of a sequence's first item */
    uint32_t within;
    char charset[YQ_CHARSET_SIZE], read_as[YQ_CHARSET_SIZE];
    enum yq_read_as reading;
};

struct collector {
    struct raw values[YQ_ATTR_COUNT];
    struct yq_buf bytes;
    struct label items[SEQUENCES_MOST];
    size_t item_count;
    struct label label;
    bool charset_there, big;
};

static bool is_pixels(const struct yq_element *element)
{
    return element->depth == 0 &&
           (element->tag == 0x7fe00010 || element->tag == 0x7fe00008 || element->tag == 0x7fe00009);
}

static bool take_charset(struct collector *c, const struct yq_element *element,
                         struct yq_scan *scan, struct yq_err *err)
{
    char *into = c->label.charset;
    if (element->depth == 1) {
        if (c->item_count == SEQUENCES_MOST)
            return true;
        c->items[c->item_count].within = element->within;
        into = c->items[c->item_count++].charset;
    } else if (c->charset_there) {
        return true;
    }
    yq_cleanup(yq_buf_fini) struct yq_buf value = {0};
    if (!yq_scan_value(scan, VALUE_MOST, &value, err))
        return false;
    (void)yq_copy_trimmed(into, sizeof c->label.charset, value.bytes, value.length);
    c->charset_there = c->charset_there || element->depth == 0;
    return true;
}

static bool take_value(struct collector *c, const struct yq_element *element, struct yq_scan *scan,
                       struct yq_err *err)
{
    enum yq_attr attr = yq_attr_by_tag(element->tag, element->within);
    if (attr == YQ_ATTR_COUNT || yq_attrs[attr].source != YQ_FROM_HEADER || c->values[attr].there ||
        strcmp(element->vr, "SQ") == 0)
        return true;
    struct raw *raw = &c->values[attr];
    raw->there = true;
    raw->offset = c->bytes.length;
    static const char binary[] = "US SS UN OB OW";
    raw->number = strcmp(yq_attrs[attr].vr, "US") == 0 && strstr(binary, element->vr);
    if (!yq_scan_value(scan, VALUE_MOST, &c->bytes, err))
        return false;
    raw->length = c->bytes.length - raw->offset;
    return true;
}

/* Whether the pixel data are all there. A plain value's length was compared with the file's by the
 * scanner; deflated it must be inflated, and fragments are counted: eight bytes are read of each.
 */
static bool pixels_whole(struct yq_scan *scan, const struct yq_element *element, struct yq_err *err)
{
    yq_scan_only_header(scan, false);
    if (element->length != 0xffffffff)
        return yq_scan_skip_value(scan, element->length, err);
    uint64_t position;
    uint32_t length;
    while (yq_scan_fragment(scan, &position, &length, err))
        continue;
    return err->code == YQ_OK;
}

static bool collect(struct collector *c, struct yq_scan *scan, struct yq_err *err)
{
    struct yq_element element;
    while (yq_scan_next(scan, &element, err)) {
        if (is_pixels(&element))
            return pixels_whole(scan, &element, err);
        if (element.depth > 1 || (element.depth == 1 && element.item > 0))
            continue;
        if (element.tag == TAG_CHARSET ? !take_charset(c, &element, scan, err)
                                       : !take_value(c, &element, scan, err))
            return false;
    }
    return err->code == YQ_OK;
}

static const struct label *label_for(const struct collector *c, uint32_t within)
{
    for (size_t i = 0; within && i < c->item_count; i++)
        if (c->items[i].within == within)
            return &c->items[i];
    return &c->label;
}

/* What stands under one label was written by one device: it is judged together. */
static void judge(const struct collector *c, struct label *label, const char *assume)
{
    struct yq_text_value values[YQ_ATTR_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < YQ_ATTR_COUNT; i++) {
        const struct raw *raw = &c->values[i];
        if (raw->there && !raw->number && raw->length && label_for(c, yq_attrs[i].within) == label)
            values[count++] =
                (struct yq_text_value){yq_attrs[i].vr, c->bytes.bytes + raw->offset, raw->length};
    }
    label->reading = yq_text_judge(values, count, label->charset, assume, label->read_as);
}

static void judge_all(struct collector *c, const char *assume, struct yq_header *header)
{
    const struct label *worst = &c->label;
    judge(c, &c->label, assume);
    for (size_t i = 0; i < c->item_count; i++) {
        judge(c, &c->items[i], assume);
        if (worst->reading == YQ_READ_AS_DECLARED)
            worst = &c->items[i];
    }
    (void)yq_copy(header->charset, sizeof header->charset, c->label.charset);
    (void)yq_copy(header->charset_read, sizeof header->charset_read,
                  worst->reading == YQ_READ_AS_DECLARED ? c->label.read_as : worst->read_as);
    header->charset_reading = worst->reading;
}

static void put_numbers(const struct collector *c, const struct raw *raw, struct yq_buf *out)
{
    const uint8_t *p = c->bytes.bytes + raw->offset;
    for (size_t i = 0; i + 2 <= raw->length; i += 2)
        yq_buf_putf(out, i ? "\\%u" : "%u", c->big ? yq_be16(p + i) : yq_le16(p + i));
}

static bool is_padding(char byte) { return byte == ' ' || byte == '\0'; }

/* Takes the padding off buf's text from `start` on, off each value where there may be several. */
static void trim(struct yq_buf *buf, size_t start, const char *vr)
{
    bool text = strcmp(vr, "LT") == 0 || strcmp(vr, "ST") == 0 || strcmp(vr, "UT") == 0;
    char *bytes = (char *)buf->bytes;
    size_t end = buf->length, to = start;
    for (size_t from = start; from <= end;) {
        size_t stop = from;
        while (stop < end && (text || bytes[stop] != '\\'))
            stop++;
        size_t first = from, last = stop;
        while (last > first && is_padding(bytes[last - 1]))
            last--;
        while (!text && first < last && is_padding(bytes[first]))
            first++;
        memmove(bytes + to, bytes + first, last - first);
        to += last - first;
        if (stop < end)
            bytes[to++] = '\\';
        from = stop + 1;
    }
    for (size_t i = start; i < to; i++) /* a value is a C string from here on */
        if (!bytes[i])
            to = i;
    buf->length = to;
    bytes[to] = '\0';
}

/* Decodes what was collected into header->text; pointers only when it no longer moves. */
static bool settle(const struct collector *c, struct yq_header *header, struct yq_err *err)
{
    size_t offsets[YQ_ATTR_COUNT];
    for (size_t i = 0; i < YQ_ATTR_COUNT; i++) {
        const struct raw *raw = &c->values[i];
        const struct yq_attr_info *info = &yq_attrs[i];
        offsets[i] = header->text.length;
        if (!raw->there)
            continue;
        if (raw->number && raw->length)
            put_numbers(c, raw, &header->text);
        else if (raw->length)
            yq_text_decode(label_for(c, info->within)->read_as, info->vr,
                           c->bytes.bytes + raw->offset, raw->length, &header->text,
                           &header->charset_doubtful);
        if (!header->text.failed && header->text.length > offsets[i])
            trim(&header->text, offsets[i], info->vr);
        yq_buf_put(&header->text, "", 1);
    }
    if (header->text.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for the header's values");
    for (size_t i = 0; i < YQ_ATTR_COUNT; i++)
        header->values[i] =
            c->values[i].there ? (const char *)header->text.bytes + offsets[i] : NULL;
    return true;
}

static bool take_uids(struct yq_header *header, struct yq_err *err)
{
    const struct {
        enum yq_attr attr;
        char *field;
        const char *name;
    } uids[] = {
        {YQ_SOPClassUID, header->sop_class, "SOP Class UID"},
        {YQ_SOPInstanceUID, header->key.instance, "SOP Instance UID"},
        {YQ_StudyInstanceUID, header->key.study, "Study Instance UID"},
        {YQ_SeriesInstanceUID, header->key.series, "Series Instance UID"},
    };
    for (size_t i = 0; i < sizeof uids / sizeof *uids; i++) {
        uint32_t tag = yq_attrs[uids[i].attr].tag;
        const char *value = header->values[uids[i].attr];
        if (!value || !*value)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the dataset has no %s (%04X,%04X)",
                           uids[i].name, tag >> 16, tag & 0xffff);
        if (!yq_copy(uids[i].field, YQ_UID_SIZE, value))
            return yq_fail(err, YQ_BAD_INPUT, ROOM,
                           "the %s (%04X,%04X) is longer than 64 characters", uids[i].name,
                           tag >> 16, tag & 0xffff);
    }
    return true;
}

bool yq_dcm_read_header(int fd, uint64_t offset, const char *transfer_syntax,
                        const char *assume_charset, struct yq_header *header, struct yq_err *err)
{
    memset(header, 0, sizeof *header);
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    if (!yq_scan_open_fd(fd, offset, transfer_syntax, &scan, err))
        return false;
    yq_scan_only_header(scan, true);
    enum yq_layout layout = yq_layout_of(transfer_syntax);
    struct collector c = {.big = layout == YQ_LAYOUT_EXPLICIT_BE};
    bool fine = collect(&c, scan, err);
    if (fine) {
        judge_all(&c, assume_charset, header);
        fine = settle(&c, header, err) && take_uids(header, err);
    }
    yq_buf_fini(&c.bytes);
    if (!fine)
        yq_header_fini(header);
    return fine;
}
