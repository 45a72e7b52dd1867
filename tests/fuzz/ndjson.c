/* ndjson.c: lines of a batch, however the pieces are cut. The first byte says how; what comes out
 * must be what the text has, and not depend on it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ndjson.h"

#define MOST 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *at, *end;
    size_t piece;
};

static bool give(void *context, void *bytes, size_t length, size_t *got, struct yq_err *err)
{
    struct source *source = context;
    size_t left = (size_t)(source->end - source->at);
    (void)err;
    *got = left < source->piece ? left : source->piece;
    *got = *got < length ? *got : length;
    if (*got)
        memcpy(bytes, source->at, *got);
    source->at += *got;
    return true;
}

static bool is_blank(const uint8_t *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    return true;
}

/* The same with all of the text at hand. */
static bool next_of(const uint8_t **at, const uint8_t *end, uint64_t *number, struct yq_line *out)
{
    while (*at < end) {
        const uint8_t *text = *at, *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = stop ? (size_t)(stop - text) : (size_t)(end - text);
        *at = text + length + (stop != NULL);
        if ((*number)++ == 0 && length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
            text += 3;
            length -= 3;
        }
        bool carriage = length && text[length - 1] == '\r';
        length -= carriage;
        if (length <= MOST && is_blank(text, length))
            continue;
        *out = (struct yq_line){(const char *)text, length, length > MOST};
        return true;
    }
    return false;
}

static void name_it(const struct yq_line *line)
{
    char name[32], *copy = malloc(line->length ? line->length : 1);
    const char *value;
    size_t length;
    assert(copy);
    memcpy(copy, line->text, line->length); /* a sanitizer sees a step beyond */
    struct yq_line own = {copy, line->length, false};
    if (yq_ndjson_named(&own, name, &value, &length)) {
        assert(value > copy && value + length < copy + line->length);
        assert(strlen(name) < sizeof name);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct source source = {data + 1, data + size, 1 + data[0] % 70};
    struct yq_lines lines = {.read = give, .context = &source, .most = MOST};
    const uint8_t *at = data + 1;
    uint64_t number = 0;
    for (;;) {
        struct yq_line line, expected;
        struct yq_err err = {0};
        assert(yq_lines_next(&lines, &line, &err));
        bool more = next_of(&at, data + size, &number, &expected);
        assert(more == (line.text != NULL));
        if (!more)
            break;
        assert(lines.number == number && line.too_long == expected.too_long);
        if (line.too_long)
            continue;
        assert(line.length == expected.length && !memcmp(line.text, expected.text, line.length));
        name_it(&line);
    }
    yq_lines_fini(&lines);
    return 0;
}
