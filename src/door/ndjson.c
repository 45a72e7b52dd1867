/* ndjson.c: lines out of pieces. Every byte comes from outside. One thread at a time per value. */
#include "ndjson.h"

#include <string.h>

#define PIECE_BYTES ((size_t)64 * 1024)

/* Reads one piece more behind what is held, which moves to the front first. */
static bool fill(struct yq_lines *lines, struct yq_err *err)
{
    struct yq_buf *held = &lines->held;
    size_t got = 0, left = held->length - lines->at;
    if (lines->at && held->bytes) {
        memmove(held->bytes, held->bytes + lines->at, left);
        held->length = left;
        lines->at = 0;
    }
    uint8_t *room = yq_buf_raw(held, PIECE_BYTES);
    if (!room)
        return yq_fail(err, YQ_FULL, "door", "no memory for a line");
    if (!lines->read(lines->context, room, PIECE_BYTES, &got, err))
        return false;
    held->length = left + got;
    held->bytes[held->length] = '\0';
    lines->ended = !got;
    return true;
}

/* Finds the end of the line that begins at lines->at, reading on as needed. What is longer than may
 * be is thrown away piece by piece. */
static bool find_end(struct yq_lines *lines, size_t *length, bool *too_long, struct yq_err *err)
{
    size_t seen = 0;
    *too_long = false;
    for (;;) {
        size_t left = lines->held.length - lines->at;
        const uint8_t *from = left ? lines->held.bytes + lines->at : NULL;
        const uint8_t *end = from && left > seen ? memchr(from + seen, '\n', left - seen) : NULL;
        *length = end ? (size_t)(end - from) : left;
        if (end || lines->ended)
            return true;
        seen = left;
        if (*too_long || left > lines->most + 4) { /* a mark and a CR do not count */
            *too_long = true;
            lines->at += left;
            seen = 0;
        }
        if (!fill(lines, err))
            return false;
    }
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    return true;
}

bool yq_lines_next(struct yq_lines *lines, struct yq_line *out, struct yq_err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    *out = (struct yq_line){0};
    for (;;) {
        size_t length;
        bool too_long;
        if (!find_end(lines, &length, &too_long, err))
            return false;
        if (lines->ended && lines->at == lines->held.length && !too_long)
            return true;
        const char *text = length ? (const char *)lines->held.bytes + lines->at : "";
        lines->at += length + (lines->at + length < lines->held.length);
        lines->number++;
        if (!lines->begun && length >= 3 && memcmp(text, mark, 3) == 0) {
            text += 3;
            length -= 3;
        }
        lines->begun = true;
        if (length && text[length - 1] == '\r')
            length--;
        too_long = too_long || length > lines->most;
        if (!too_long && is_blank(text, length))
            continue;
        *out = (struct yq_line){too_long ? "" : text, too_long ? 0 : length, too_long};
        return true;
    }
}

void yq_lines_fini(struct yq_lines *lines) { yq_buf_fini(&lines->held); }

/* ---- {"exam": {...}} ---- */

static size_t blanks(const char *text, size_t at, size_t length)
{
    while (at < length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r'))
        at++;
    return at;
}

bool yq_ndjson_named(const struct yq_line *line, char name[32], const char **value, size_t *length)
{
    const char *text = line->text;
    size_t at = blanks(text, 0, line->length), end = line->length, size = 0;
    if (at == end || text[at] != '{')
        return false;
    at = blanks(text, at + 1, end);
    if (at == end || text[at] != '"')
        return false;
    for (at++; at < end && text[at] != '"'; at++) {
        bool fine = (text[at] >= 'a' && text[at] <= 'z') || text[at] == '-';
        if (!fine || size == 31)
            return false;
        name[size++] = text[at];
    }
    name[size] = '\0';
    if (at == end)
        return false;
    at = blanks(text, at + 1, end);
    if (at == end || text[at] != ':')
        return false;
    at = blanks(text, at + 1, end);
    while (end > at && (text[end - 1] == ' ' || text[end - 1] == '\t' || text[end - 1] == '\r'))
        end--;
    if (end <= at || text[end - 1] != '}')
        return false;
    *value = text + at;
    *length = end - 1 - at;
    return true;
}
