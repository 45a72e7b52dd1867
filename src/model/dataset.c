/* dataset.c: what a dataset in memory says. Values are read as their VR lays them down (PS3.5 6.2);
 * what does not read as such is not there. Memory is taken in chunks and given back at once.
 * Reading is thread-safe, making is one thread's. */
#include "yq/dataset.h"

#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "yq/bytes.h"

enum { CHUNK_FIRST = 8 * 1024, CHUNK_MOST = 256 * 1024, NUMBER_SIZE = 72 };

/* ---- memory ---- */

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) uint8_t bytes[];
};

void *yq_dataset_alloc(struct yq_dataset *dataset, size_t size)
{
    struct chunk *chunk = dataset->memory;
    size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = chunk && chunk->size < CHUNK_MOST ? 2 * chunk->size : CHUNK_MOST;
        if (!chunk)
            room = CHUNK_FIRST;
        bool alone = chunk && size > room / 4; /* a large one lies behind the one being filled */
        if (alone || size > room)
            room = size;
        struct chunk *more = malloc(sizeof *more + room);
        if (!more)
            return NULL;
        *more = (struct chunk){.size = room};
        if (alone) {
            more->used = size;
            more->next = chunk->next;
            chunk->next = more;
            return more->bytes;
        }
        more->next = chunk;
        dataset->memory = chunk = more;
    }
    void *at = chunk->bytes + chunk->used;
    chunk->used += size;
    return at;
}

size_t yq_dataset_bytes(const struct yq_dataset *dataset)
{
    size_t bytes = 0;
    for (const struct chunk *chunk = dataset->memory; chunk; chunk = chunk->next)
        bytes += sizeof *chunk + chunk->size;
    return bytes;
}

void yq_dataset_fini(struct yq_dataset *dataset)
{
    for (struct chunk *chunk = dataset->memory; chunk;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    memset(dataset, 0, sizeof *dataset);
}

/* ---- elements and items ---- */

const struct yq_data *yq_item_find(const struct yq_item *item, uint32_t tag)
{
    size_t low = 0, high = item ? item->count : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (item->elements[middle].tag == tag)
            return &item->elements[middle];
        if (item->elements[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t yq_item_count(const struct yq_item *item, uint32_t tag)
{
    const struct yq_data *data = yq_item_find(item, tag);
    return data ? data->item_count : 0;
}

const struct yq_item *yq_item_at(const struct yq_item *item, uint32_t tag, size_t index)
{
    const struct yq_data *data = yq_item_find(item, tag);
    return data && index < data->item_count ? &data->items[index] : NULL;
}

/* ---- values ---- */

enum kind {
    KIND_BYTES, /* OB, UN; and what has no values */
    KIND_TEXT,  /* several values, by backslashes */
    KIND_PROSE, /* one value */
    KIND_UNSIGNED,
    KIND_SIGNED,
    KIND_FLOAT,
    KIND_TAG
};

static enum kind kind_of(const char vr[3], unsigned *size)
{
    static const struct {
        char vr[3];
        uint8_t kind, size;
    } table[] = {
        {"AE", KIND_TEXT, 1},     {"AS", KIND_TEXT, 1},   {"CS", KIND_TEXT, 1},
        {"DA", KIND_TEXT, 1},     {"DS", KIND_TEXT, 1},   {"DT", KIND_TEXT, 1},
        {"IS", KIND_TEXT, 1},     {"LO", KIND_TEXT, 1},   {"PN", KIND_TEXT, 1},
        {"SH", KIND_TEXT, 1},     {"TM", KIND_TEXT, 1},   {"UC", KIND_TEXT, 1},
        {"UI", KIND_TEXT, 1},     {"LT", KIND_PROSE, 1},  {"ST", KIND_PROSE, 1},
        {"UR", KIND_PROSE, 1},    {"UT", KIND_PROSE, 1},  {"US", KIND_UNSIGNED, 2},
        {"UL", KIND_UNSIGNED, 4}, {"OW", KIND_BYTES, 2},  {"UV", KIND_UNSIGNED, 8},
        {"OL", KIND_UNSIGNED, 4}, {"SS", KIND_SIGNED, 2}, {"OV", KIND_UNSIGNED, 8},
        {"SL", KIND_SIGNED, 4},   {"SV", KIND_SIGNED, 8}, {"FL", KIND_FLOAT, 4},
        {"FD", KIND_FLOAT, 8},    {"OF", KIND_FLOAT, 4},  {"OD", KIND_FLOAT, 8},
        {"AT", KIND_TAG, 4},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].vr[0] == vr[0] && table[i].vr[1] == vr[1]) {
            *size = table[i].size;
            return table[i].kind;
        }
    *size = 1;
    return KIND_BYTES;
}

bool yq_vr_is_text(const char vr[3])
{
    unsigned size;
    enum kind kind = kind_of(vr, &size);
    return kind == KIND_TEXT || kind == KIND_PROSE;
}

unsigned yq_vr_word(const char vr[3])
{
    unsigned size;
    return kind_of(vr, &size) == KIND_TAG ? 2 : size;
}

const char *yq_item_text(const struct yq_item *item, uint32_t tag)
{
    const struct yq_data *data = yq_item_find(item, tag);
    return data && data->length && yq_vr_is_text(data->vr) ? (const char *)data->bytes : "";
}

/* Value `index` of a text, without the blanks around it. */
static bool one_of(const struct yq_data *data, size_t index, const char **at, size_t *length)
{
    unsigned size;
    enum kind kind = data ? kind_of(data->vr, &size) : KIND_BYTES;
    if ((kind != KIND_TEXT && kind != KIND_PROSE) || !data->length)
        return false;
    const char *from = (const char *)data->bytes, *end = from + data->length, *stop;
    for (;; index--) {
        stop = kind == KIND_TEXT ? memchr(from, '\\', (size_t)(end - from)) : NULL;
        if (!index || !stop)
            break;
        from = stop + 1;
    }
    if (index)
        return false;
    if (!stop)
        stop = end;
    while (from < stop && *from == ' ')
        from++;
    while (stop > from && stop[-1] == ' ')
        stop--;
    *at = from;
    *length = (size_t)(stop - from);
    return true;
}

bool yq_item_value(const struct yq_item *item, uint32_t tag, size_t index, char *out, size_t size)
{
    const char *at;
    size_t length;
    if (!size || !one_of(yq_item_find(item, tag), index, &at, &length) || !length)
        return false;
    if (length >= size) {
        length = size - 1;
        while (length && ((unsigned char)at[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(out, at, length);
    out[length] = '\0';
    return true;
}

size_t yq_item_values(const struct yq_item *item, uint32_t tag)
{
    const struct yq_data *data = yq_item_find(item, tag);
    if (!data || !data->length)
        return 0;
    unsigned size;
    enum kind kind = kind_of(data->vr, &size);
    if (kind == KIND_PROSE || kind == KIND_BYTES)
        return kind == KIND_PROSE;
    if (kind != KIND_TEXT)
        return data->length / size;
    size_t count = 1;
    for (size_t i = 0; i < data->length; i++)
        count += data->bytes[i] == '\\';
    return count;
}

static uint64_t little(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

static bool text_number(const struct yq_data *data, size_t index, char text[NUMBER_SIZE])
{
    const char *at;
    size_t length;
    if (!one_of(data, index, &at, &length) || !length || length >= NUMBER_SIZE)
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    return true;
}

/* A number that is laid down in binary, as bits: sign extended. */
static bool word_at(const struct yq_data *data, size_t index, uint64_t *bits, enum kind *kind,
                    unsigned *size)
{
    *kind = data ? kind_of(data->vr, size) : KIND_BYTES;
    if (*kind < KIND_UNSIGNED || index >= data->length / *size)
        return false;
    *bits = little(data->bytes + index * *size, *size);
    if (*kind == KIND_SIGNED && *size < 8 && *bits >> (8 * *size - 1))
        *bits |= UINT64_MAX << 8 * *size;
    if (*kind == KIND_TAG)
        *bits = (*bits & 0xffff) << 16 | *bits >> 16;
    return true;
}

static double float_of(uint64_t bits, unsigned size)
{
    if (size == 4) {
        uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool yq_item_number(const struct yq_item *item, uint32_t tag, size_t index, double *out)
{
    const struct yq_data *data = yq_item_find(item, tag);
    char text[NUMBER_SIZE], *end;
    uint64_t bits;
    enum kind kind;
    unsigned size;
    double value;
    if (text_number(data, index, text)) {
        value = strtod(text, &end);
        if (end == text)
            return false;
    } else if (word_at(data, index, &bits, &kind, &size)) {
        value = kind == KIND_FLOAT    ? float_of(bits, size)
                : kind == KIND_SIGNED ? (double)(int64_t)bits
                                      : (double)bits;
    } else {
        return false;
    }
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool yq_item_whole(const struct yq_item *item, uint32_t tag, size_t index, int64_t *out)
{
    const struct yq_data *data = yq_item_find(item, tag);
    uint64_t bits;
    enum kind kind;
    unsigned size;
    if (word_at(data, index, &bits, &kind, &size) && kind != KIND_FLOAT) {
        if (kind == KIND_UNSIGNED && bits > INT64_MAX)
            return false;
        *out = (int64_t)bits;
        return true;
    }
    double value; /* "12", "12.0", also "1.2e1"; what is behind the number does not count */
    if (!yq_item_number(item, tag, index, &value) || fabs(value) > 9007199254740992.0)
        return false;
    *out = (int64_t)value;
    return true;
}
