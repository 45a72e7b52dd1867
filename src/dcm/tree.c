/* tree.c: a dataset in memory.
 *
 * Knows that text is in the character set of its item or of what is around that (PS3.3 C.12.1.1.2),
 * that numbers follow the byte order (PS3.5 7.3), that padding is none of a value (PS3.5 6.2), that
 * sequences come under VR UN (PS3.5 6.2.2), and that the first one of two elements with one tag
 * counts. Built from what the scanner shows, one
 * after the other: what is open stands on two stacks, and is copied to its place when it ends. No
 * recursion; bytes, depth and single values are bounded. Thread-safe. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "yq/text.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_CHARSET 0x00080005u
#define TAG_FRAME_GROUPS 0x52009230u
#define TAG_ITEM 0xfffee000u
#define TAG_ITEM_END 0xfffee00du
#define TAG_SEQUENCE_END 0xfffee0ddu

enum { MOST = 64 * 1024 * 1024, DEPTH_MOST = 64, HEADER = 8 /* of an implicit element */ };

struct text {             /* a value in whatever character set */
    struct yq_data *data; /* its element's place; NULL: still on the stack, or a twin */
    uint32_t label;       /* 0: the dataset's, or not known yet */
    bool plain;           /* the same characters in every set */
};

struct entry {
    struct yq_data data;
    size_t text; /* one more than its index; 0: none */
};

struct open {                     /* an item being read, and the sequence it is of */
    size_t entries, items, texts; /* how many there were of each before */
};

struct tree {
    const struct yq_reading *how;
    const struct yq_tree_part *part;
    struct yq_scan *scan, *outer; /* outer: what goes on behind a sequence under VR UN; or NULL */
    struct yq_buf inner;          /* that sequence */
    uint64_t inner_position;
    unsigned inner_depth;
    struct yq_dataset *out;
    size_t left; /* bytes that may still be taken */
    struct entry *entries;
    size_t entry_count, entry_room;
    struct yq_item *items;
    size_t item_count, item_room;
    struct open *opens; /* [0]: the dataset itself */
    size_t open_count, open_room;
    struct text *texts;
    size_t text_count, text_room;
    char (*labels)[YQ_CHARSET_SIZE]; /* as they stand in the dataset; [0] its own */
    size_t label_count, label_room;
    uint32_t skip_until; /* the mark at `skip_depth` that ends what is left out; 0: nothing is */
    unsigned skip_depth;
    struct yq_buf scratch;
};

/* ---- memory ---- */

static bool take_bytes(struct tree *t, size_t size, struct yq_err *err)
{
    if (size > t->left)
        return yq_fail(err, YQ_FULL, ROOM, "the dataset takes more than %zu bytes of memory",
                       t->how->most ? t->how->most : MOST);
    t->left -= size;
    return true;
}

static void *place(struct tree *t, size_t size, struct yq_err *err)
{
    void *at = yq_dataset_alloc(t->out, size);
    if (!at)
        yq_fail(err, YQ_FULL, ROOM, "no memory for a dataset");
    return at;
}

/* Makes room for one more of `size` bytes, which is taken from what is left. */
static bool grow(struct tree *t, void *array, size_t count, size_t *room, size_t size,
                 struct yq_err *err)
{
    if (!take_bytes(t, size, err))
        return false;
    if (count < *room)
        return true;
    size_t wanted = *room ? 2 * *room : 32;
    void *before, *more;
    memcpy(&before, array, sizeof before);
    more = realloc(before, wanted * size);
    if (!more)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a dataset");
    memcpy(array, &more, sizeof more);
    *room = wanted;
    return true;
}

/* Copies bytes to where they stay, with a 0 behind. */
static const uint8_t *keep(struct tree *t, const void *bytes, size_t length, struct yq_err *err)
{
    uint8_t *at = take_bytes(t, length + 1, err) ? place(t, length + 1, err) : NULL;
    if (!at)
        return NULL;
    if (length)
        memcpy(at, bytes, length);
    at[length] = 0;
    return at;
}

/* ---- values ---- */

/* Characters that stand for themselves whatever the label says: ISO_IR 13 has others for ~. */
static bool is_plain(const uint8_t *bytes, size_t length)
{
    uint8_t odd = 0;
    for (size_t i = 0; i < length; i++)
        odd |= (uint8_t)(bytes[i] > 0x7d || bytes[i] == 0x1b);
    return !odd;
}

static size_t without_padding(const uint8_t *bytes, size_t length)
{
    const uint8_t *zero = length ? memchr(bytes, 0, length) : NULL;
    if (zero) /* a value is a C string from here on */
        length = (size_t)(zero - bytes);
    while (length && bytes[length - 1] == ' ')
        length--;
    return length;
}

static void turn(uint8_t *bytes, size_t length, unsigned word)
{
    for (size_t i = 0; word > 1 && i + word <= length; i += word)
        for (unsigned a = 0, b = word - 1; a < b; a++, b--) {
            uint8_t byte = bytes[i + a];
            bytes[i + a] = bytes[i + b];
            bytes[i + b] = byte;
        }
}

static bool read_value(struct tree *t, const struct yq_element *element, struct entry *entry,
                       struct yq_err *err)
{
    struct yq_data *data = &entry->data;
    size_t most = t->how->value_most;
    if (element->length == UNDEFINED || (most && element->length > most)) {
        data->left_out = true;
        return true;
    }
    if (element->length > t->left)
        return take_bytes(t, element->length, err);
    yq_buf_clear(&t->scratch);
    if (!yq_scan_value(t->scan, element->length, &t->scratch, err))
        return false;
    size_t length = t->scratch.length;
    bool text = yq_vr_is_text(data->vr);
    if (text)
        length = without_padding(t->scratch.bytes, length);
    else if (yq_scan_layout(t->scan) == YQ_LAYOUT_EXPLICIT_BE && strcmp(element->vr, "UN") != 0)
        turn(t->scratch.bytes, length, yq_vr_word(data->vr));
    data->bytes = keep(t, t->scratch.bytes, length, err);
    data->length = length;
    if (!data->bytes)
        return false;
    if (!text || !length)
        return true;
    if (!grow(t, &t->texts, t->text_count, &t->text_room, sizeof *t->texts, err))
        return false;
    t->texts[t->text_count++] = (struct text){.plain = is_plain(data->bytes, length)};
    entry->text = t->text_count;
    return true;
}

/* ---- what opens and closes ---- */

static int by_tag(const void *a, const void *b)
{
    const struct yq_data *x = &((const struct entry *)a)->data;
    const struct yq_data *y = &((const struct entry *)b)->data;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static bool own_label(struct tree *t, const struct yq_item *item, size_t first_text,
                      struct yq_err *err)
{
    const struct yq_data *data = yq_item_find(item, TAG_CHARSET);
    bool root = t->open_count == 1;
    if (!data || (!root && data->left_out))
        return true;
    uint32_t label = 0;
    if (!root) {
        if (!grow(t, &t->labels, t->label_count, &t->label_room, sizeof *t->labels, err))
            return false;
        label = (uint32_t)t->label_count++;
        for (size_t i = first_text; i < t->text_count; i++)
            if (!t->texts[i].label)
                t->texts[i].label = label;
    }
    (void)yq_copy(t->labels[label], sizeof *t->labels, yq_item_text(item, TAG_CHARSET));
    return true;
}

/* Puts the elements of the innermost open item where they stay. */
static bool settle_item(struct tree *t, struct yq_item *item, struct yq_err *err)
{
    const struct open *open = &t->opens[t->open_count - 1];
    struct entry *entries = t->entries + open->entries;
    size_t count = t->entry_count - open->entries, kept = 0;
    bool ascending = true;
    for (size_t i = 1; i < count; i++)
        ascending = ascending && entries[i - 1].data.tag < entries[i].data.tag;
    if (!ascending)
        qsort(entries, count, sizeof *entries, by_tag);
    struct yq_data *elements = place(t, count * sizeof *elements, err);
    if (!elements)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (kept && elements[kept - 1].tag == entries[i].data.tag)
            continue;
        elements[kept] = entries[i].data;
        if (t->texts && entries[i].text)
            t->texts[entries[i].text - 1].data = &elements[kept];
        kept++;
    }
    item->elements = elements;
    item->count = kept;
    t->entry_count = open->entries;
    return own_label(t, item, open->texts, err);
}

/* Remembers where an item of the per-frame functional groups begins, or ends. */
static bool note_group(struct tree *t, const struct yq_element *mark, struct yq_err *err)
{
    struct yq_group_items *items = t->part->items;
    if (!items || mark->depth != 1 || mark->within != TAG_FRAME_GROUPS)
        return true;
    if (mark->tag == TAG_ITEM) {
        if (!grow(t, &items->items, items->count, &items->room, sizeof *items->items, err))
            return false;
        items->items[items->count++].position = mark->position;
        items->layout = yq_scan_layout(t->scan);
    } else if (items->count) {
        items->items[items->count - 1].end = mark->position - mark->header;
    }
    return true;
}

static bool begin_item(struct tree *t, const struct yq_element *mark, struct yq_err *err)
{
    uint32_t wanted = t->how->frame;
    if (!note_group(t, mark, err))
        return false;
    if (mark->depth == 1 && mark->within == TAG_FRAME_GROUPS && wanted != YQ_ALL_FRAMES &&
        mark->item != wanted) {
        t->skip_until = TAG_ITEM_END;
        t->skip_depth = mark->depth;
        return yq_scan_skip_item(t->scan, err);
    }
    if (!grow(t, &t->items, t->item_count, &t->item_room, sizeof *t->items, err))
        return false;
    t->items[t->item_count++] = (struct yq_item){.number = mark->item};
    struct open *open = &t->opens[t->open_count - 1];
    open->entries = t->entry_count;
    open->texts = t->text_count;
    return true;
}

static void leave_out(struct tree *t, const struct yq_element *element)
{
    if (strcmp(element->vr, "SQ") != 0)
        return;
    t->skip_until = TAG_SEQUENCE_END;
    t->skip_depth = element->depth;
}

static bool begin_sequence(struct tree *t, const struct yq_element *element, struct yq_err *err)
{
    unsigned most = t->how->depth_most ? t->how->depth_most : DEPTH_MOST;
    if (element->depth >= most) {
        t->entries[t->entry_count - 1].data.left_out = true;
        leave_out(t, element);
        return true;
    }
    if (!grow(t, &t->opens, t->open_count, &t->open_room, sizeof *t->opens, err))
        return false;
    t->opens[t->open_count++] = (struct open){.items = t->item_count};
    return true;
}

static bool end_sequence(struct tree *t, struct yq_err *err)
{
    size_t first = t->opens[--t->open_count].items, count = t->item_count - first;
    struct yq_item *items = place(t, count * sizeof *items, err);
    if (!items)
        return false;
    if (count)
        memcpy(items, t->items + first, count * sizeof *items);
    t->item_count = first;
    struct yq_data *data = &t->entries[t->entry_count - 1].data;
    data->items = items;
    data->item_count = count;
    return true;
}

/* What describes an image, and how it is to be shown. */
static bool is_of_image(uint32_t tag)
{
    switch (tag >> 16) {
    case 0x0008: return tag == TAG_CHARSET || tag == 0x00080016;
    case 0x0018:
        return tag == 0x00181164 || tag == 0x00182010 || (tag & 0xfff0) == 0x1600 ||
               (tag & 0xfff0) == 0x1610 || (tag & 0xfff0) == 0x1620;
    case 0x0028:
    case 0x2050:
    case 0x5200:
    case 0x7fe0: return true;
    default: return (tag >> 16 & 0xffe1) == 0x6000;
    }
}

/* ---- sequences that somebody took for bytes ---- */

static bool is_whole(const struct yq_buf *bytes)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_element element;
    struct yq_err err;
    if (!yq_scan_open_memory(bytes->bytes, bytes->length, YQ_TS_IMPLICIT_LE, &scan, &err))
        return false;
    while (yq_scan_next(scan, &element, &err))
        continue;
    return err.code == YQ_OK;
}

/* The value of a sequence under VR UN, with a length, is one in implicit little endian (PS3.5
 * 6.2.2): it is read in place of the element, with a head as that would have. *inner false: it is
 * none, and the bytes are behind that head. */
static bool open_inner(struct tree *t, const struct yq_element *element, bool *inner,
                       struct yq_err *err)
{
    if (element->length > t->left)
        return take_bytes(t, element->length, err);
    yq_buf_clear(&t->inner);
    yq_buf_put_le16(&t->inner, element->tag >> 16);
    yq_buf_put_le16(&t->inner, element->tag & 0xffff);
    yq_buf_put_le32(&t->inner, element->length);
    if (!yq_scan_value(t->scan, element->length, &t->inner, err))
        return false;
    *inner = is_whole(&t->inner);
    if (!*inner)
        return true;
    t->outer = t->scan;
    t->inner_position = element->position - HEADER;
    t->inner_depth = element->depth;
    if (!yq_scan_open_memory(t->inner.bytes, t->inner.length, YQ_TS_IMPLICIT_LE, &t->scan, err)) {
        t->scan = t->outer;
        t->outer = NULL;
        return false;
    }
    yq_scan_show_marks(t->scan);
    return true;
}

/* Those bytes, that are no sequence. */
static bool keep_inner(struct tree *t, struct yq_data *data, struct yq_err *err)
{
    size_t length = t->inner.length - HEADER;
    data->left_out = t->how->value_most && length > t->how->value_most;
    if (data->left_out)
        return true;
    data->length = length;
    data->bytes = keep(t, t->inner.bytes + HEADER, length, err);
    return data->bytes;
}

static void close_inner(struct tree *t)
{
    if (!t->outer)
        return;
    yq_scan_free(t->scan);
    t->scan = t->outer;
    t->outer = NULL;
}

static bool next_element(struct tree *t, struct yq_element *element, struct yq_err *err)
{
    if (!t->outer)
        return yq_scan_next(t->scan, element, err);
    if (yq_scan_next(t->scan, element, err)) {
        element->depth += t->inner_depth;
        element->position += t->inner_position;
        return true;
    }
    if (err->code != YQ_OK)
        return false;
    close_inner(t);
    return yq_scan_next(t->scan, element, err);
}

static bool take_element(struct tree *t, const struct yq_element *element, struct yq_err *err)
{
    if (t->part->image_only && !element->depth && !is_of_image(element->tag)) {
        leave_out(t, element);
        return true;
    }
    bool unknown = strcmp(element->vr, "UN") == 0, inner = false;
    const char *vr = unknown ? yq_dcm_dictionary_vr(element->tag) : element->vr;
    bool hidden = unknown && strcmp(vr, "SQ") == 0 && element->length != UNDEFINED;
    if (hidden && !open_inner(t, element, &inner, err))
        return false;
    if (inner)
        return true;
    if (!grow(t, &t->entries, t->entry_count, &t->entry_room, sizeof *t->entries, err))
        return false;
    struct entry *entry = &t->entries[t->entry_count];
    *entry = (struct entry){
        .data = {.tag = element->tag, .position = element->position, .stored = element->length}};
    bool sequence = strcmp(element->vr, "SQ") == 0;
    /* Under UN on its way through somebody who did not know it. */
    memcpy(entry->data.vr, hidden ? "UN" : vr, 2);
    if (hidden ? !keep_inner(t, &entry->data, err)
               : !sequence && !read_value(t, element, entry, err))
        return false;
    t->entry_count++;
    return !sequence || begin_sequence(t, element, err);
}

static bool take(struct tree *t, const struct yq_element *element, struct yq_err *err)
{
    uint32_t tag = element->tag;
    if (t->skip_until) {
        if (tag != t->skip_until || element->depth != t->skip_depth)
            return true;
        t->skip_until = 0;
        return tag != TAG_ITEM_END || note_group(t, element, err);
    }
    switch (tag) {
    case TAG_ITEM: return begin_item(t, element, err);
    case TAG_ITEM_END:
        return note_group(t, element, err) &&
               (!t->items || settle_item(t, &t->items[t->item_count - 1], err));
    case TAG_SEQUENCE_END: return end_sequence(t, err);
    default: return take_element(t, element, err);
    }
}

/* ---- text ---- */

static bool decode(struct tree *t, struct text *text, const char *charset, struct yq_err *err)
{
    struct yq_data *data = text->data;
    bool doubtful = false;
    yq_buf_clear(&t->scratch);
    yq_text_decode(charset, data->vr, data->bytes, data->length, &t->scratch, &doubtful);
    if (t->scratch.failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a dataset's text");
    size_t length = without_padding(t->scratch.bytes, t->scratch.length);
    const uint8_t *bytes = keep(t, t->scratch.bytes, length, err);
    if (!bytes)
        return false;
    data->bytes = bytes;
    data->length = length;
    return true;
}

static int by_label(const void *a, const void *b)
{
    const struct text *x = a, *y = b;
    return x->label < y->label ? -1 : x->label > y->label;
}

/* What stands under one label was written by one device: it is judged together. */
static bool settle_texts(struct tree *t, struct yq_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < t->text_count; i++)
        if (!t->texts[i].plain && t->texts[i].data)
            t->texts[count++] = t->texts[i];
    if (!count)
        return true;
    qsort(t->texts, count, sizeof *t->texts, by_label);
    struct yq_text_value *values = malloc(count * sizeof *values);
    if (!values)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a dataset's text");
    const char *assume = t->how->assume_charset ? t->how->assume_charset : "";
    bool fine = true;
    for (size_t i = 0, end; fine && i < count; i = end) {
        for (end = i; end < count && t->texts[end].label == t->texts[i].label; end++) {
            const struct yq_data *data = t->texts[end].data;
            values[end] = (struct yq_text_value){data->vr, data->bytes, data->length};
        }
        char charset[YQ_CHARSET_SIZE];
        yq_text_judge(values + i, end - i, t->labels[t->texts[i].label], assume, charset);
        for (size_t k = i; fine && k < end; k++)
            fine = decode(t, &t->texts[k], charset, err);
    }
    free(values);
    return fine;
}

/* ---- all of it ---- */

static bool is_pixels(const struct yq_element *element)
{
    return element->depth == 0 &&
           (element->tag == 0x7fe00010 || element->tag == 0x7fe00008 || element->tag == 0x7fe00009);
}

static bool build(struct tree *t, struct yq_element *pixels, struct yq_err *err)
{
    struct yq_element element;
    if (!grow(t, &t->opens, 0, &t->open_room, sizeof *t->opens, err) ||
        !grow(t, &t->entries, 0, &t->entry_room, sizeof *t->entries, err) ||
        !grow(t, &t->labels, 0, &t->label_room, sizeof *t->labels, err))
        return false;
    t->opens[t->open_count++] = (struct open){0};
    t->labels[t->label_count++][0] = '\0';
    yq_scan_show_marks(t->scan);
    err->code = YQ_OK;
    while (next_element(t, &element, err)) {
        if (t->how->to_pixels && !t->skip_until && is_pixels(&element)) {
            *pixels = element;
            break;
        }
        if (!take(t, &element, err))
            return false;
    }
    return err->code == YQ_OK && settle_item(t, &t->out->root, err) && settle_texts(t, err);
}

bool yq_tree_read(struct yq_scan *scan, const struct yq_reading *how,
                  const struct yq_tree_part *part, struct yq_dataset *out,
                  struct yq_element *pixels, struct yq_err *err)
{
    struct tree tree = {
        .part = part, .how = how, .scan = scan, .out = out, .left = how->most ? how->most : MOST};
    memset(out, 0, sizeof *out);
    memset(pixels, 0, sizeof *pixels);
    bool fine = build(&tree, pixels, err);
    close_inner(&tree);
    free(tree.entries);
    free(tree.items);
    free(tree.opens);
    free(tree.texts);
    free(tree.labels);
    yq_buf_fini(&tree.scratch);
    yq_buf_fini(&tree.inner);
    if (!fine)
        yq_dataset_fini(out);
    return fine;
}

bool yq_dcm_read_dataset(int fd, const struct yq_reading *how, struct yq_dataset *out,
                         struct yq_part10 *part10, struct yq_err *err)
{
    struct yq_part10 own;
    struct yq_element pixels;
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    memset(out, 0, sizeof *out);
    if (!part10)
        part10 = &own;
    return yq_part10_read(fd, part10, err) &&
           yq_scan_open_fd(fd, part10->dataset_offset, part10->transfer_syntax, &scan, err) &&
           yq_tree_read(scan, how, &(struct yq_tree_part){0}, out, &pixels, err);
}
